# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a FIFO cannot do it refuses with the same errno as on tmpfs, and locks work the same."""

import ctypes
import fcntl
import mmap
import os
import stat
import struct

import fifofs_test
from fifofs_test import attempt, libc_call, on_both

READ_NOW = os.O_RDONLY | os.O_NONBLOCK


def map_fifo(descriptor):
    mmap.mmap(descriptor, mmap.PAGESIZE, prot=mmap.PROT_READ).close()


def copy_range(source, target):
    return os.copy_file_range(source, target, 1)


class Answers(fifofs_test.TestCase):

    def make(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo, 0o600)
        return fifo

    @on_both()
    def test_fstat_tells_of_a_fifo(self, directory):
        fifo = self.make(directory)
        both = self.open(fifo, os.O_RDWR)
        os.write(both, b'data')

        found = os.fstat(both)

        self.assertTrue(stat.S_ISFIFO(found.st_mode))
        self.assertEqual(found.st_ino, os.stat(fifo).st_ino)
        return (oct(found.st_mode), found.st_size, found.st_nlink, found.st_uid, found.st_gid,
                found.st_blocks, found.st_rdev)

    @on_both()
    def test_what_only_files_can_do_is_refused(self, directory):
        fifo = self.make(directory)
        both = self.open(fifo, os.O_RDWR)
        file = os.memfd_create('file')
        self.addCleanup(os.close, file)
        os.write(both, b'data')

        answers = {
            'lseek': attempt(os.lseek, both, 0, os.SEEK_SET),
            'lseek by nothing': attempt(os.lseek, both, 0, os.SEEK_CUR),
            'pread': attempt(os.pread, both, 1, 0),
            'pwrite': attempt(os.pwrite, both, b'x', 0),
            'ftruncate': attempt(os.ftruncate, both, 0),
            'truncate': attempt(os.truncate, fifo, 0),
            'fallocate': attempt(libc_call, 'fallocate', both, 0, ctypes.c_long(0),
                                 ctypes.c_long(1)),
            'posix_fadvise': attempt(os.posix_fadvise, both, 0, 0, os.POSIX_FADV_NORMAL),
            'fsync': attempt(os.fsync, both),
            'fdatasync': attempt(os.fdatasync, both),
            'mmap': attempt(map_fifo, both),
            'sendfile from it': attempt(os.sendfile, file, both, None, 1),
            'copy_file_range from it': attempt(copy_range, both, file),
            'fchdir': attempt(os.fchdir, both),
            'getdents': attempt(os.listdir, both),
            'readlink': attempt(os.readlink, fifo),
            'execve': attempt(os.execve, fifo, ['fifo'], {}),
            'as a directory': attempt(os.open, fifo, os.O_RDONLY | os.O_DIRECTORY),
            'for direct I/O': attempt(os.open, fifo, os.O_RDWR | os.O_DIRECT),
            'user attribute': attempt(os.setxattr, fifo, 'user.name', b'value'),
            'lease': attempt(fcntl.fcntl, both, fcntl.F_SETLEASE, fcntl.F_WRLCK),
        }

        self.assertEqual(answers, {
            'lseek': 'ESPIPE',
            'lseek by nothing': 'ESPIPE',
            'pread': 'ESPIPE',
            'pwrite': 'ESPIPE',
            'ftruncate': 'EINVAL',
            'truncate': 'EINVAL',
            'fallocate': 'ESPIPE',
            'posix_fadvise': 'ESPIPE',
            'fsync': 'EINVAL',
            'fdatasync': 'EINVAL',
            'mmap': 'ENODEV',
            'sendfile from it': 'EINVAL',
            'copy_file_range from it': 'EINVAL',
            'fchdir': 'ENOTDIR',
            'getdents': 'ENOTDIR',
            'readlink': 'EINVAL',
            'execve': 'EACCES',
            'as a directory': 'ENOTDIR',
            'for direct I/O': 'EINVAL',
            'user attribute': 'EPERM',
            'lease': 'EINVAL',
        })
        self.assertEqual(os.read(both, 100), b'data')

    @on_both()
    def test_wrong_end_is_refused(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, READ_NOW)
        writer = self.open(fifo, os.O_WRONLY)
        path = self.open(fifo, os.O_PATH)

        answers = [attempt(os.read, writer, 1), attempt(os.write, reader, b'x'),
                   attempt(os.read, path, 1), attempt(os.write, path, b'x')]
        self.assertEqual(answers, ['EBADF'] * 4)

    @on_both()
    def test_flags_that_mean_nothing_to_a_fifo_are_accepted(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, READ_NOW | os.O_NOFOLLOW | os.O_NOATIME)
        writer = self.open(fifo, os.O_WRONLY | os.O_TRUNC | os.O_APPEND | os.O_SYNC)
        os.write(writer, b'kept ')

        self.close(self.open(fifo, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))  # truncates nothing
        os.write(writer, b'whole')

        self.assertEqual(os.read(reader, 100), b'kept whole')

    @on_both()
    def test_blocking_can_be_switched(self, directory):
        both = self.open(self.make(directory), os.O_RDWR)

        os.set_blocking(both, False)
        self.assertEqual(attempt(os.read, both, 1), 'EAGAIN')
        os.set_blocking(both, True)
        self.assertTrue(os.get_blocking(both))
        os.write(both, b'x')
        self.assertEqual(os.read(both, 1), b'x')

    @on_both()
    def test_packet_mode_keeps_the_borders_of_writes(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, READ_NOW)
        writer = self.open(fifo, os.O_WRONLY)

        flags = fcntl.fcntl(writer, fcntl.F_GETFL)
        answer = attempt(fcntl.fcntl, writer, fcntl.F_SETFL, flags | os.O_DIRECT)
        os.write(writer, b'one')
        os.write(writer, b'two')

        self.assertEqual(answer, 0)
        self.assertEqual([os.read(reader, 100), os.read(reader, 100)], [b'one', b'two'])

    @on_both()
    def test_owner_and_mode_change_through_an_open_end(self, directory):
        fifo = self.make(directory)
        both = self.open(fifo, os.O_RDWR)

        os.fchmod(both, 0o400)
        os.fchown(both, 1, 2)
        os.utime(both, (1000, 2000))

        found = os.stat(fifo)
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid), (0o400, 1, 2))
        self.assertEqual((found.st_atime, found.st_mtime), (1000, 2000))


class Locks(fifofs_test.TestCase):

    def answers_of_another_process(self, fifo, lock, *requests):
        """What each lock request gets in a process of its own, on an end of its own."""
        def ask(request):
            return attempt(lock, os.open(fifo, os.O_RDWR), request | fcntl.LOCK_NB)

        return [self.spawn(ask, request).result() for request in requests]

    @on_both()
    def test_flock_excludes_others_until_it_is_released(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        both = self.open(fifo, os.O_RDWR)
        requests = (fcntl.LOCK_SH, fcntl.LOCK_EX)

        def others():
            return self.answers_of_another_process(fifo, fcntl.flock, *requests)

        fcntl.flock(both, fcntl.LOCK_SH)
        self.assertEqual(others(), [None, 'EAGAIN'])
        fcntl.flock(both, fcntl.LOCK_EX)
        self.assertEqual(others(), ['EAGAIN', 'EAGAIN'])
        fcntl.flock(both, fcntl.LOCK_UN)
        self.assertEqual(others(), [None, None])

    @on_both()
    def test_record_lock_excludes_others_until_it_is_released(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        both = self.open(fifo, os.O_RDWR)
        requests = (fcntl.LOCK_SH, fcntl.LOCK_EX)

        def others():
            return self.answers_of_another_process(fifo, fcntl.lockf, *requests)

        fcntl.lockf(both, fcntl.LOCK_SH)
        self.assertEqual(others(), [None, 'EAGAIN'])
        fcntl.lockf(both, fcntl.LOCK_EX)
        self.assertEqual(others(), ['EAGAIN', 'EAGAIN'])
        fcntl.lockf(both, fcntl.LOCK_UN)
        self.assertEqual(others(), [None, None])

    @on_both()
    def test_holder_of_a_record_lock_is_named(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        both = self.open(fifo, os.O_RDWR)
        fcntl.lockf(both, fcntl.LOCK_EX)

        def who_holds_it():
            layout = 'hhqqi'                        # struct flock: type, whence, start, len, pid
            question = struct.pack(layout, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            answer = fcntl.fcntl(os.open(fifo, os.O_RDWR), fcntl.F_GETLK, question)
            return struct.unpack(layout, answer)[4]

        self.assertEqual(self.spawn(who_holds_it).result(), os.getpid())


if __name__ == '__main__':
    fifofs_test.main()
