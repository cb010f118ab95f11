# SPDX-License-Identifier: LGPL-2.1-or-later
"""Times, owners, counts and sizes are those that tmpfs gives."""

import os
import stat
import subprocess
import time

import fifofs_test
from calls import (
    AT_SYMLINK_NOFOLLOW, RENAME_EXCHANGE, UTIME_NOW, UTIME_OMIT, renameat2, utimensat)
from fifofs_test import (
    USER_A, USER_B, as_user, attempt, on_both, on_fifofs, wait_until)

GROUP = 61005

# CLOCK_REALTIME_COARSE, which file systems take their times from: never ahead of the others.
COARSE_CLOCK = 5


def times_of(path):
    found = os.stat(path, follow_symlinks=False) if isinstance(path, str) else os.fstat(path)
    return {'atime': found.st_atime_ns, 'mtime': found.st_mtime_ns, 'ctime': found.st_ctime_ns}


def wait_for_another_time(*paths):
    """A file system's clock may be coarse: what happens from now on has another time."""
    latest = max(max(times_of(path).values()) for path in paths)
    now = time.clock_gettime_ns(time.CLOCK_REALTIME)
    wait_until(lambda: time.clock_gettime_ns(COARSE_CLOCK) > max(latest, now))


def changed(watched, function, *arguments):
    """Which times of what is watched {label: path or descriptor} the call changes.

    They must then lie between before and after it.
    """
    before = {label: times_of(path) for label, path in watched.items()}
    wait_for_another_time(*watched.values())
    start = time.clock_gettime_ns(COARSE_CLOCK)
    answer = attempt(function, *arguments)
    end = time.clock_gettime_ns(time.CLOCK_REALTIME)
    found = {}
    for label, path in watched.items():
        after = times_of(path)
        found[label] = [which for which in after if after[which] != before[label][which]]
        for which in found[label]:
            assert start <= after[which] <= end, (label, which)
    return answer, found


CREATING = os.O_RDWR | os.O_CREAT


class Times(fifofs_test.TestCase):

    @on_both()
    def test_new_names_have_the_time_of_their_making(self, directory):
        for make, path in ((os.mkfifo, directory + '/fifo'), (os.mkdir, directory + '/sub')):
            start = time.clock_gettime_ns(COARSE_CLOCK)
            make(path)
            end = time.clock_gettime_ns(time.CLOCK_REALTIME)
            times = times_of(path)
            self.assertEqual(len(set(times.values())), 1, times)
            self.assertTrue(start <= times['ctime'] <= end)

    @on_both('allow_other')
    def test_each_operation_changes_the_times_that_it_changes_on_tmpfs(self, directory):
        sub, other = directory + '/sub', directory + '/other'
        os.mkdir(sub)
        os.mkdir(other)
        fifo, second = sub + '/fifo', other + '/second'
        # By descriptor: the names are going to be exchanged.
        parents = {'parent': self.open(sub, os.O_PATH), 'other parent': self.open(other, os.O_PATH)}
        outcome = {'mkfifo': changed(parents, os.mkfifo, fifo)}
        os.mkfifo(second)
        held = self.open(fifo, os.O_PATH)
        held_second = self.open(second, os.O_PATH)
        watched = {**parents, 'fifo': held, 'second': held_second, 'root': directory}
        for what, function, *arguments in (
                ('mkdir', os.mkdir, sub + '/new'),
                ('rename a directory', os.rename, sub + '/new', other + '/new'),
                ('rmdir', os.rmdir, other + '/new'),
                ('chmod', os.chmod, fifo, 0o400),
                ('chmod to the same', os.chmod, fifo, 0o400),
                ('chmod that is refused', as_user, USER_A, os.chmod, fifo, 0o600),
                ('chown', os.chown, fifo, USER_A, USER_A),
                ('chown to the same', os.chown, fifo, USER_A, USER_A),
                ('chown to nobody', os.chown, fifo, -1, -1),
                ('chmod of a directory', os.chmod, sub, 0o700),
                ('utime', os.utime, fifo),
                ('utime of a directory', os.utime, sub),
                ('open that creates', lambda: os.close(os.open(directory + '/opened', CREATING))),
                ('open that exists', lambda: os.close(os.open(directory + '/opened', CREATING))),
                ('mkfifo that exists', os.mkfifo, fifo),
                ('mkdir that exists', os.mkdir, sub),
                ('unlink of what is missing', os.unlink, sub + '/missing'),
                ('rename in one directory', os.rename, fifo, sub + '/fifo2'),
                ('rename to the same', os.rename, sub + '/fifo2', sub + '/fifo2'),
                ('rename across', os.rename, sub + '/fifo2', other + '/fifo'),
                ('exchange', renameat2, other + '/fifo', second, RENAME_EXCHANGE),
                ('exchange of directories', renameat2, sub, other, RENAME_EXCHANGE),
                ('exchange back', renameat2, sub, other, RENAME_EXCHANGE),
                ('replace', os.rename, other + '/fifo', second),
                ('unlink', os.unlink, second),
                ('open a directory', lambda: os.close(os.open(sub, os.O_RDONLY))),
                ('access', os.access, second, os.R_OK),
        ):
            outcome[what] = changed(watched, function, *arguments)
        self.assertEqual(outcome['mkfifo'], (None, {'parent': ['mtime', 'ctime'],
                                                    'other parent': []}))
        return outcome

    @on_fifofs()
    def test_reading_and_writing_change_no_time(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path)
        end = self.open(path, os.O_RDWR)
        _, found = changed({'fifo': path, 'root': directory},
                           lambda: (os.write(end, b'data'), os.read(end, 4)))
        self.assertEqual(found, {'fifo': [], 'root': []})

    @on_fifofs()
    def test_new_policy_is_a_change_of_the_inode(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path)
        for function, *arguments in ((os.setxattr, path, 'fifofs.lifetime', b'keep'),
                                     (os.removexattr, path, 'fifofs.lifetime')):
            _, found = changed({'fifo': path, 'root': directory}, function, *arguments)
            self.assertEqual(found, {'fifo': ['ctime'], 'root': []})

    @on_both()
    def test_times_are_set_to_the_nanosecond(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        found = []
        for name in ('fifo', 'sub'):
            path = f'{directory}/{name}'
            for atime, mtime in (((0, 0), (0, 1)), ((1, 999999999), (123456789, 987654321)),
                                 ((-1, 5), (-86400, 1)), ((2**31, 1), (2**32 + 1, 2)),
                                 ((2**34, 0), (9 * 10**9, 999999999))):
                utimensat(path, atime, mtime)
                times = times_of(path)
                self.assertEqual(times['atime'], atime[0] * 10**9 + atime[1])
                self.assertEqual(times['mtime'], mtime[0] * 10**9 + mtime[1])
                found.append((times['atime'], times['mtime']))
        return found

    @on_both()
    def test_now_and_omit_mean_now_and_omit(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path)
        utimensat(path, (1, 1), (2, 2))
        old, now, omit = (7, 7), (0, UTIME_NOW), (0, UTIME_OMIT)
        return [changed({'fifo': path}, utimensat, path, *times, flags) for times, flags in (
            ((omit, omit), 0), ((now, omit), 0), ((omit, now), 0), ((now, now), 0),
            ((now, now), AT_SYMLINK_NOFOLLOW))] + [
                attempt(utimensat, path, old, (0, nanoseconds))
                for nanoseconds in (10**9, -1, UTIME_NOW + 1)]

    @on_both()
    def test_one_time_may_be_set_while_the_other_is_left(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path)
        utimensat(path, (1, 1), (2, 2))
        utimensat(path, (3, 3), (0, UTIME_OMIT))
        first = (times_of(path)['atime'], times_of(path)['mtime'])
        utimensat(path, (0, UTIME_OMIT), (4, 4))
        second = (times_of(path)['atime'], times_of(path)['mtime'])
        self.assertEqual((first, second), ((3 * 10**9 + 3, 2 * 10**9 + 2),
                                           (3 * 10**9 + 3, 4 * 10**9 + 4)))

    @on_both('allow_other,ceiling=0666')
    def test_only_the_owner_sets_times_and_who_may_write_sets_them_to_now(self, directory):
        os.mkfifo(directory + '/fifo')
        os.chmod(directory + '/fifo', 0o662)
        os.chown(directory + '/fifo', USER_A, USER_A)
        now, omit, old = (0, UTIME_NOW), (0, UTIME_OMIT), (5, 5)
        answers = {}
        for mode in (0o662, 0o660):
            os.chmod(directory + '/fifo', mode)
            for uid in (0, USER_A, USER_B):
                for times in ((now, now), (old, old), (now, omit), (old, omit), (omit, omit)):
                    answers[mode, uid, times] = attempt(as_user, uid, utimensat,
                                                        directory + '/fifo', *times)
        return answers


class Owners(fifofs_test.TestCase):

    @on_both('allow_other,ceiling=7777')
    def test_who_may_give_away_what(self, directory):
        answers = {}
        for name, make in (('fifo', os.mkfifo), ('sub', os.mkdir)):
            path = f'{directory}/{name}'
            make(path)
            for uid in (0, USER_A, USER_B):
                for owner, group in ((-1, -1), (USER_A, -1), (USER_B, -1), (0, -1), (-1, USER_A),
                                     (-1, GROUP), (-1, 0), (USER_A, GROUP), (USER_B, GROUP)):
                    os.chown(path, USER_A, USER_A)
                    answer = attempt(as_user, uid, os.chown, path, owner, group, groups=[GROUP])
                    found = os.stat(path)
                    answers[name, uid, owner, group] = (answer, found.st_uid, found.st_gid)
        return answers

    @on_both('allow_other,ceiling=7777')
    def test_giving_away_takes_set_id_bits_away_as_on_tmpfs(self, directory):
        outcome = {}
        for name, make in (('fifo', os.mkfifo), ('sub', os.mkdir)):
            path = f'{directory}/{name}'
            make(path)
            for uid in (0, USER_A):
                for mode in (0o6777, 0o6755, 0o2666, 0o4700, 0o7000):
                    os.chown(path, USER_A, USER_A)
                    os.chmod(path, mode)
                    answer = attempt(as_user, uid, os.chown, path, -1, GROUP, groups=[GROUP])
                    outcome[name, uid, mode] = (answer, oct(os.stat(path).st_mode))
        return outcome

    @on_both('allow_other,ceiling=7777')
    def test_setgid_needs_the_group_as_on_tmpfs(self, directory):
        os.mkfifo(directory + '/fifo')
        outcome = []
        for group in (USER_A, GROUP, USER_B):
            os.chown(directory + '/fifo', USER_A, group)
            answer = attempt(as_user, USER_A, os.chmod, directory + '/fifo', 0o2770, groups=[GROUP])
            outcome.append((answer, oct(os.stat(directory + '/fifo').st_mode)))
        return outcome

    @on_both('allow_other')
    def test_ids_of_any_number_are_kept(self, directory):
        os.mkfifo(directory + '/fifo')
        for number in (1, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 2):
            os.chown(directory + '/fifo', number, number)
            found = os.stat(directory + '/fifo')
            self.assertEqual((found.st_uid, found.st_gid), (number, number))

    @on_fifofs('allow_other')
    def test_chown_through_a_descriptor_of_an_unlinked_fifo_works(self, directory):
        end = self.open(directory + '/fifo', os.O_RDWR | os.O_CREAT)
        os.unlink(directory + '/fifo')
        os.fchown(end, USER_A, USER_B)
        os.fchmod(end, 0o600)
        os.utime(end, ns=(1, 2))
        found = os.fstat(end)
        self.assertEqual((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), found.st_nlink),
                         (USER_A, USER_B, 0o600, 0))


def shape(path):
    found = os.stat(path) if isinstance(path, str) else os.fstat(path)
    return (stat.S_IFMT(found.st_mode), found.st_nlink, found.st_size, found.st_blksize,
            found.st_blocks, found.st_rdev)


class Counts(fifofs_test.TestCase):

    @on_both()
    def test_links_and_sizes_are_those_of_tmpfs_after_each_step(self, directory):
        sub = directory + '/sub'
        steps = (
            (os.mkdir, sub), (os.mkfifo, sub + '/fifo'), (os.mkdir, sub + '/below'),
            (os.mkdir, sub + '/second'), (os.mkfifo, sub + '/below/fifo'),
            (os.rename, sub + '/second', sub + '/below/second'),
            (os.rename, sub + '/fifo', sub + '/below/' + 'n' * 255),
            (renameat2, sub + '/below/fifo', sub + '/below/second', RENAME_EXCHANGE),
            (os.mkdir, sub + '/third'), (os.rename, sub + '/third', sub + '/below/fifo'),
            (os.unlink, sub + '/below/second'), (os.unlink, sub + '/below/' + 'n' * 255),
            (os.rmdir, sub + '/below/fifo'), (os.rmdir, sub + '/below'), (os.rmdir, sub))
        seen = []
        for function, *arguments in steps:
            function(*arguments)
            seen.append({os.path.join(folder, name)[len(directory):]:
                         shape(os.path.join(folder, name))
                         for folder, directories, files in os.walk(directory)
                         for name in ['.', *directories, *files]})
        return seen

    @on_both()
    def test_what_is_open_without_a_name_has_no_link(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkfifo(directory + '/replaced')
        os.mkfifo(directory + '/replacement')
        os.mkdir(directory + '/sub')
        held = {name: self.open(f'{directory}/{name}', os.O_PATH)
                for name in ('fifo', 'replaced', 'replacement', 'sub')}
        end = self.open(directory + '/fifo', os.O_RDWR)

        os.unlink(directory + '/fifo')
        os.rename(directory + '/replacement', directory + '/replaced')
        os.rmdir(directory + '/sub')

        links = {name: os.fstat(descriptor).st_nlink for name, descriptor in held.items()}
        self.assertEqual(links, {'fifo': 0, 'replaced': 0, 'replacement': 1, 'sub': 0})
        self.assertEqual(os.fstat(end).st_nlink, 0)
        return {name: shape(descriptor) for name, descriptor in held.items()}

    @on_fifofs()
    def test_inode_numbers_are_not_given_twice(self, directory):
        seen = set()
        for turn in range(500):
            make, remove = ((os.mkfifo, os.unlink), (os.mkdir, os.rmdir))[turn % 2]
            make(directory + '/name')
            inode = os.stat(directory + '/name').st_ino
            self.assertNotIn(inode, seen)
            seen.add(inode)
            remove(directory + '/name')

    @on_fifofs()
    def test_statvfs_counts_names(self, directory):
        def used():
            found = os.statvfs(directory)
            return found.f_files - found.f_ffree

        empty = used()
        os.mkdir(directory + '/sub')
        for n in range(100):
            os.mkfifo(f'{directory}/sub/{n}')
        self.assertEqual(used() - empty, 101)
        held = self.open(directory + '/sub/0', os.O_RDWR)
        for n in range(50):
            os.unlink(f'{directory}/sub/{n}')
        self.close(held)
        self.assertEqual(used() - empty, 51)
        os.rename(directory + '/sub/50', directory + '/sub/51')
        self.assertEqual(used() - empty, 50)

        found = os.statvfs(directory)
        self.assertEqual(found.f_namemax, 255)
        self.assertGreater(found.f_bsize, 0)
        self.assertEqual((found.f_blocks, found.f_bfree), (0, 0))
        self.assertEqual(os.statvfs(directory + '/sub').f_files, found.f_files)

    @on_fifofs()
    def test_df_shows_used_inodes(self, directory):
        for n in range(10):
            os.mkfifo(f'{directory}/{n}')
        told = subprocess.run(['df', '--output=itotal,iused,iavail,fstype', directory], check=True,
                              capture_output=True, text=True).stdout
        total, used, available, kind = told.splitlines()[-1].split()
        self.assertEqual((int(used), kind), (11, 'fuse.fifofs'))
        self.assertEqual(int(total), int(used) + int(available))
        self.assertIn('fifofs', subprocess.run(['df', '-i', directory], check=True, text=True,
                                               capture_output=True).stdout)


if __name__ == '__main__':
    fifofs_test.main()
