# SPDX-License-Identifier: LGPL-2.1-or-later
"""FIFOs are made, found, refused and removed as on tmpfs."""

import os
import stat

import fifofs_test
from fifofs_test import attempt, on_both


class Creation(fifofs_test.TestCase):

    @on_both()
    def test_mkfifo_makes_an_empty_fifo_of_the_caller(self, directory):
        os.mkfifo(directory + '/fifo', 0o600)

        found = os.stat(directory + '/fifo')
        self.assertTrue(stat.S_ISFIFO(found.st_mode))
        self.assertEqual((found.st_size, found.st_nlink), (0, 1))
        self.assertEqual((found.st_uid, found.st_gid), (os.geteuid(), os.getegid()))
        self.assertEqual(os.listdir(directory), ['fifo'])
        return oct(found.st_mode)

    @on_both()
    def test_mknod_makes_a_fifo(self, directory):
        os.mknod(directory + '/fifo', stat.S_IFIFO | 0o600)

        self.assertTrue(stat.S_ISFIFO(os.stat(directory + '/fifo').st_mode))

    @on_both()
    def test_listing_tells_the_type(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')

        with os.scandir(directory) as entries:
            types = {entry.name: (entry.is_file(), entry.is_dir()) for entry in entries}
        self.assertEqual(types, {'fifo': (False, False), 'sub': (False, True)})

    @on_both()
    def test_name_that_exists_is_refused(self, directory):
        fifo, sub = directory + '/fifo', directory + '/sub'
        os.mkfifo(fifo)
        os.mkdir(sub)

        answers = [
            attempt(os.mkfifo, fifo),
            attempt(os.mkfifo, sub),
            attempt(os.mknod, fifo, stat.S_IFIFO | 0o600),
            attempt(os.mkdir, fifo),
            attempt(os.open, fifo, os.O_WRONLY | os.O_CREAT | os.O_EXCL),
        ]
        self.assertEqual(answers, ['EEXIST'] * 5)

    @on_both()
    def test_impossible_name_is_refused(self, directory):
        os.mkfifo(directory + '/fifo')

        answers = {
            'too long': attempt(os.mkfifo, directory + '/' + 'n' * 256),
            'no such directory': attempt(os.mkfifo, directory + '/missing/fifo'),
            'below a FIFO': attempt(os.mkfifo, directory + '/fifo/fifo'),
            'the directory itself': attempt(os.mkfifo, directory + '/.'),
            'trailing slash': attempt(os.mkfifo, directory + '/new/'),
            'empty': attempt(os.mkfifo, ''),
        }
        self.assertEqual(answers, {
            'too long': 'ENAMETOOLONG',
            'no such directory': 'ENOENT',
            'below a FIFO': 'ENOTDIR',
            'the directory itself': 'EEXIST',
            'trailing slash': 'ENOENT',
            'empty': 'ENOENT',
        })
        self.assertEqual(os.listdir(directory), ['fifo'])

    @on_both()
    def test_name_of_any_bytes_is_possible(self, directory):
        names = {b'n' * 255, b'\xff\xfe', b'a\nb', b' ', b'-rf', 'fünf'.encode()}
        for name in names:
            os.mkfifo(os.path.join(directory.encode(), name))

        self.assertEqual(set(os.listdir(directory.encode())), names)

    @on_both()
    def test_removed_name_is_gone(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)

        os.unlink(fifo)

        self.assertEqual(os.listdir(directory), [])
        self.assertEqual(attempt(os.stat, fifo), 'ENOENT')
        self.assertEqual(attempt(os.unlink, fifo), 'ENOENT')
        self.assertEqual(attempt(os.open, fifo, os.O_RDONLY | os.O_NONBLOCK), 'ENOENT')

    @on_both()
    def test_removal_of_the_wrong_kind_is_refused(self, directory):
        fifo, sub = directory + '/fifo', directory + '/sub'
        os.mkdir(sub)
        os.mkfifo(fifo)
        os.mkfifo(sub + '/fifo')

        answers = [attempt(os.rmdir, fifo), attempt(os.unlink, sub), attempt(os.rmdir, sub)]
        self.assertEqual(answers, ['ENOTDIR', 'EISDIR', 'ENOTEMPTY'])
        self.assertEqual(sorted(os.listdir(directory)), ['fifo', 'sub'])

    @on_both()
    def test_name_can_be_made_and_removed_again_and_again(self, directory):
        fifo = directory + '/fifo'
        for _ in range(1000):
            os.mkfifo(fifo)
            self.assertEqual(attempt(os.open, fifo, os.O_WRONLY | os.O_NONBLOCK), 'ENXIO')
            os.unlink(fifo)

        self.assertEqual(os.listdir(directory), [])

    @on_both()
    def test_exactly_one_of_many_creators_succeeds(self, directory):
        fifo = directory + '/fifo'
        creators = 8
        gate_reader, gate_writer = os.pipe()

        def create():
            os.close(gate_writer)
            os.read(gate_reader, 1)                 # all start at once, when the gate closes
            return attempt(os.mkfifo, fifo)

        children = [self.spawn(create) for _ in range(creators)]
        os.close(gate_reader)
        os.close(gate_writer)

        answers = [child.result() for child in children]
        self.assertEqual(sorted(map(str, answers)), ['EEXIST'] * (creators - 1) + ['None'])


if __name__ == '__main__':
    fifofs_test.main()
