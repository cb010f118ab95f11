# SPDX-License-Identifier: LGPL-2.1-or-later
"""rename with all its flags gives the answers, and has the effects, that it has on tmpfs."""

import collections
import itertools
import os
import stat

import fifofs_test
from calls import RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT, renameat2
from fifofs_test import Mount, Tmpfs, attempt, on_both, on_fifofs, stuck_in_open

FLAGS = (0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_NOREPLACE | RENAME_EXCHANGE, 8, 1 << 30)

# What is there before each rename; a slash at the end makes a directory.
TREE = ('fifo', 'fifo2', 'empty/', 'empty2/', 'full/', 'full/fifo', 'full/sub/', 'full/sub/fifo',
        'full/sub/deep/', 'full2/', 'full2/fifo')
PLACES = ('fifo', 'fifo2', 'empty', 'empty2', 'full', 'full2', 'full/fifo', 'full/sub',
          'full/sub/fifo', 'full/sub/deep', 'missing', 'empty/new', 'full/sub/new', 'fifo/new',
          'missing/new', 'full/sub/deep/new', '.', '..', 'full/.', 'full/sub/..', 'empty/',
          'missing/', 'fifo/', 'n' * 256)
SEVERAL_PLACES = ('fifo', 'empty', 'full', 'full/sub', 'full/sub/deep', 'full/fifo')


def plant(directory):
    for path in TREE:
        (os.mkdir if path.endswith('/') else os.mkfifo)(f'{directory}/{path}')


def inodes(directory):
    """{path: inode} of everything below."""
    return {os.path.join(folder, name)[len(directory) + 1:]:
            os.lstat(os.path.join(folder, name)).st_ino
            for folder, directories, files in os.walk(directory) for name in directories + files}


def moved(before, after):
    """What became of each name: which of the old names lies there now."""
    names = {inode: path for path, inode in before.items()}
    return {path: names[inode] for path, inode in after.items()}


def fell(directory):
    for folder, directories, files in os.walk(directory, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        for name in directories:
            os.rmdir(os.path.join(folder, name))


def links(directory):
    """The link count of each directory below, and of the directory itself."""
    return {folder[len(directory):]: os.stat(folder).st_nlink for folder, *_ in os.walk(directory)}


class Answers(fifofs_test.TestCase):

    deadline_seconds = 120

    @on_both()
    def test_every_pair_of_places_and_every_flag(self, directory):
        outcome = {}
        for flags, source, target in itertools.product(FLAGS, PLACES, PLACES):
            # Planting anew is needed only where something has changed.
            if not os.listdir(directory):
                plant(directory)
                before = inodes(directory)
            answer = attempt(renameat2, f'{directory}/{source}', f'{directory}/{target}', flags)
            outcome[flags, source, target] = answer
            after = inodes(directory)
            if after != before:
                self.assertIsNone(answer)
                outcome[flags, source, target] = (moved(before, after), links(directory))
                fell(directory)
        succeeded = [key for key, answer in outcome.items() if isinstance(answer, tuple)]
        self.assertGreater(len(succeeded), 100)
        return outcome

    @on_fifofs()
    def test_whiteout_is_refused_and_changes_nothing(self, directory):
        plant(directory)
        before = inodes(directory)
        for flags in (RENAME_WHITEOUT, RENAME_WHITEOUT | RENAME_NOREPLACE):
            answer = attempt(renameat2, directory + '/fifo', directory + '/new', flags)
            self.assertEqual(answer, 'EINVAL')
        self.assertEqual(inodes(directory), before)

    @on_both()
    def test_removed_directory_takes_nothing(self, directory):
        plant(directory)
        gone = self.open(directory + '/empty', os.O_RDONLY | os.O_DIRECTORY)
        os.rmdir(directory + '/empty')
        return [
            attempt(os.rename, directory + '/fifo', 'new', dst_dir_fd=gone),
            attempt(os.rename, directory + '/full', 'new', dst_dir_fd=gone),
            attempt(os.rename, 'old', directory + '/fifo', src_dir_fd=gone),
        ]

    @on_both()
    def test_other_file_system_is_exdev(self, directory):
        os.mkfifo(directory + '/fifo')
        with Tmpfs() as other:
            os.mkfifo(other.path + '/fifo')
            answers = [attempt(os.rename, directory + '/fifo', other.path + '/new'),
                       attempt(os.rename, other.path + '/fifo', directory + '/new')]
            self.assertEqual(answers, ['EXDEV'] * 2)

    def test_other_mount_of_fifofs_is_exdev(self):
        with Mount() as one, Mount() as two:
            os.mkfifo(one.path + '/fifo')
            self.assertEqual(attempt(os.rename, one.path + '/fifo', two.path + '/fifo'), 'EXDEV')

    @on_both()
    def test_mountpoint_below_is_busy(self, directory):
        os.mkdir(directory + '/sub')
        os.mkdir(directory + '/empty')
        fifofs_test.libc_call('mount', b'tmpfs', os.fsencode(directory + '/sub'), b'tmpfs', 0, None)
        try:
            return [attempt(os.rename, directory + '/sub', directory + '/new'),
                    attempt(os.rename, directory + '/empty', directory + '/sub'),
                    attempt(os.rmdir, directory + '/sub')]
        finally:
            fifofs_test.libc_call('umount2', os.fsencode(directory + '/sub'), 0)


class Effects(fifofs_test.TestCase):

    @on_both()
    def test_inode_keeps_its_number_mode_and_owner(self, directory):
        plant(directory)
        os.chown(directory + '/fifo', 61001, 61002)
        os.chmod(directory + '/fifo', 0o200)
        before = os.stat(directory + '/fifo')
        os.rename(directory + '/fifo', directory + '/full/sub/moved')
        after = os.stat(directory + '/full/sub/moved')
        same = ('st_ino', 'st_dev', 'st_mode', 'st_uid', 'st_gid', 'st_mtime_ns', 'st_atime_ns')
        self.assertEqual([getattr(before, field) for field in same],
                         [getattr(after, field) for field in same])

    @on_both()
    def test_moved_directory_has_another_parent(self, directory):
        plant(directory)
        os.rename(directory + '/full/sub', directory + '/empty/moved')
        parent = os.stat(directory + '/empty/moved/..')
        self.assertEqual(parent.st_ino, os.stat(directory + '/empty').st_ino)
        self.assertTrue(stat.S_ISFIFO(os.stat(directory + '/empty/moved/fifo').st_mode))
        return links(directory)

    @on_both()
    def test_process_moves_along_with_its_directory(self, directory):
        plant(directory)
        home = os.getcwd()
        os.chdir(directory + '/full/sub')
        self.addCleanup(os.chdir, home)

        os.rename(directory + '/full', directory + '/empty/moved')
        os.mkfifo('here')

        self.assertEqual(os.getcwd(), directory + '/empty/moved/sub')
        self.assertIn('here', os.listdir(directory + '/empty/moved/sub'))
        os.chdir(home)

    @on_both()
    def test_directory_and_fifo_can_be_exchanged(self, directory):
        plant(directory)
        before = inodes(directory)
        renameat2(directory + '/fifo', directory + '/full/sub', RENAME_EXCHANGE)
        self.assertEqual(sorted(os.listdir(directory + '/fifo')), ['deep', 'fifo'])
        self.assertTrue(stat.S_ISFIFO(os.stat(directory + '/full/sub').st_mode))
        return moved(before, inodes(directory)), links(directory)

    @on_both()
    def test_blocked_opener_is_met_under_the_exchanged_name(self, directory):
        def read(path):
            with open(path, 'rb') as stream:
                return stream.read()

        os.mkfifo(directory + '/one')
        os.mkfifo(directory + '/two')
        reader = self.spawn(read, directory + '/one')
        stuck_in_open(reader.pid)

        renameat2(directory + '/one', directory + '/two', RENAME_EXCHANGE)
        with open(directory + '/two', 'wb') as stream:
            stream.write(b'met')

        self.assertEqual(reader.result(), b'met')

    @on_fifofs()
    def test_list_of_pipes_has_the_new_paths(self, directory):
        plant(directory)
        os.rename(directory + '/full', directory + '/empty/moved')
        renameat2(directory + '/fifo', directory + '/empty/moved/sub', RENAME_EXCHANGE)
        with open(directory + '/.fifofs/pipes') as stream:
            listed = sorted(line.split('"')[3] for line in stream)
        self.assertEqual(listed, ['empty/moved/fifo', 'empty/moved/sub', 'fifo/fifo', 'fifo2',
                                  'full2/fifo'])


def churn(directory, seed, rounds):
    """Move directories across each other, with and without an exchange."""
    answers = collections.Counter()
    for turn in range(rounds):
        source = SEVERAL_PLACES[(seed + turn) % len(SEVERAL_PLACES)]
        target = SEVERAL_PLACES[(seed * 5 + turn * turn) % len(SEVERAL_PLACES)]
        flags = (0, RENAME_EXCHANGE, RENAME_NOREPLACE)[turn % 3]
        answer = attempt(renameat2, f'{directory}/{source}', f'{directory}/{target}', flags)
        answers[answer] += 1
        for path, make in ((source, os.mkfifo), (target, os.mkdir), (source + '/sub', os.mkdir)):
            attempt(make, f'{directory}/{path}')
    return answers


class Concurrency(fifofs_test.TestCase):

    @on_both()
    def test_renames_across_each_other_neither_hang_nor_get_strange_answers(self, directory):
        plant(directory)
        answers = collections.Counter()
        for child in [self.spawn(churn, directory, seed, 300) for seed in range(10)]:
            answers.update(child.result())
        self.assertGreater(answers[None], 0)
        self.assertLessEqual(set(answers), {
            None, 'ENOENT', 'EEXIST', 'EINVAL', 'ENOTEMPTY', 'ENOTDIR', 'EISDIR'})
        tree = inodes(directory)
        self.assertEqual(len(set(tree.values())), len(tree), 'something has two names')
        fell(directory)
        self.assertEqual(os.listdir(directory), [])
        self.assertEqual(os.stat(directory).st_nlink, 2)

    @on_both()
    def test_exactly_one_of_many_wins_a_rename_without_replacing(self, directory):
        for turn in range(30):
            for n in range(6):
                os.mkfifo(f'{directory}/{n}')
            children = [self.spawn(renameat2, f'{directory}/{n}', directory + '/won',
                                   RENAME_NOREPLACE) for n in range(6)]
            answers = collections.Counter(attempt(child.result) for child in children)
            self.assertEqual(answers, {None: 1, 'EEXIST': 5})
            fell(directory)

    @on_both()
    def test_name_that_is_replaced_is_never_missing(self, directory):
        def replace():
            while True:
                os.mkfifo(directory + '/new')
                os.rename(directory + '/new', directory + '/name')

        os.mkfifo(directory + '/name')
        self.spawn(replace)
        for _ in range(3000):
            self.assertTrue(stat.S_ISFIFO(os.stat(directory + '/name').st_mode))

    @on_both()
    def test_exchanged_names_are_never_missing(self, directory):
        def exchange():
            while True:
                renameat2(directory + '/one', directory + '/sub/two', RENAME_EXCHANGE)

        os.mkfifo(directory + '/one')
        os.mkdir(directory + '/sub')
        os.mkfifo(directory + '/sub/two')
        self.spawn(exchange)
        for _ in range(2000):
            os.stat(directory + '/one')
            os.stat(directory + '/sub/two')


if __name__ == '__main__':
    fifofs_test.main()
