# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bulk data: splice and tee, the size of the pipe, and a long stream that arrives unchanged."""

import array
import ctypes
import fcntl
import os
import resource
import termios
import zlib

import fifofs_test
from fifofs_test import USER_A, as_user, attempt, libc_call, on_both, stuck_in_open

MIB = 1 << 20
PAGE = resource.getpagesize()
DEFAULT_CAPACITY = 16 * PAGE
F_SETPIPE_SZ = fcntl.F_SETPIPE_SZ
F_GETPIPE_SZ = fcntl.F_GETPIPE_SZ


def tee(source, target, count):
    """tee(2): duplicate what is in one pipe into another."""
    return libc_call('tee', source, target, ctypes.c_size_t(count), 0)


def queued(descriptor):
    """FIONREAD: the bytes that wait in the pipe."""
    count = array.array('i', [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


class Transfer(fifofs_test.TestCase):

    def open_pair(self, directory, name='fifo'):
        """A new FIFO and both its ends, which do not block."""
        path = f'{directory}/{name}'
        os.mkfifo(path)
        reader = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(path, os.O_WRONLY | os.O_NONBLOCK)
        return reader, writer


class Splice(Transfer):

    @on_both()
    def test_splice_moves_data_between_fifos(self, directory):
        reader, writer = self.open_pair(directory, 'from')
        other_reader, other_writer = self.open_pair(directory, 'to')
        os.write(writer, b'moved and left')

        self.assertEqual(os.splice(reader, other_writer, 5), 5)

        self.assertEqual(os.read(other_reader, 100), b'moved')
        self.assertEqual(os.read(reader, 100), b' and left')

    @on_both()
    def test_splice_moves_data_between_files_and_fifos(self, directory):
        reader, writer = self.open_pair(directory)
        source = os.memfd_create('source')
        target = os.memfd_create('target')
        self.addCleanup(os.close, source)
        self.addCleanup(os.close, target)
        os.pwrite(source, b'0123456789', 0)

        self.assertEqual(os.splice(source, writer, 100, offset_src=3), 7)
        self.assertEqual(os.splice(reader, target, 100), 7)

        self.assertEqual(os.pread(target, 100, 0), b'3456789')

    @on_both()
    def test_splice_of_nothing_ends_or_would_block(self, directory):
        reader, writer = self.open_pair(directory, 'from')
        _, other_writer = self.open_pair(directory, 'to')

        self.assertEqual(attempt(os.splice, reader, other_writer, 1), 'EAGAIN')
        self.close(writer)
        self.assertEqual(attempt(os.splice, reader, other_writer, 1), 0)

    @on_both()
    def test_tee_copies_and_leaves_the_data(self, directory):
        reader, writer = self.open_pair(directory, 'from')
        other_reader, other_writer = self.open_pair(directory, 'to')
        os.write(writer, b'twice')

        self.assertEqual(tee(reader, other_writer, 100), 5)

        self.assertEqual(os.read(other_reader, 100), b'twice')
        self.assertEqual(os.read(reader, 100), b'twice')

    @on_both()
    def test_tee_into_the_same_fifo_is_refused(self, directory):
        reader, writer = self.open_pair(directory)
        os.write(writer, b'x')

        self.assertEqual(attempt(tee, reader, writer, 1), 'EINVAL')


class Capacity(Transfer):

    @on_both()
    def test_it_is_sixteen_pages_at_first(self, directory):
        reader, writer = self.open_pair(directory)

        self.assertEqual(fcntl.fcntl(writer, F_GETPIPE_SZ), DEFAULT_CAPACITY)
        self.assertEqual(os.write(writer, bytes(2 * DEFAULT_CAPACITY)), DEFAULT_CAPACITY)
        self.assertEqual(attempt(os.write, writer, b'x'), 'EAGAIN')
        self.assertEqual(queued(reader), DEFAULT_CAPACITY)

    @on_both()
    def test_it_can_be_raised_for_both_ends(self, directory):
        reader, writer = self.open_pair(directory)

        self.assertEqual(fcntl.fcntl(reader, F_SETPIPE_SZ, MIB), MIB)

        self.assertEqual(fcntl.fcntl(writer, F_GETPIPE_SZ), MIB)
        self.assertEqual(os.write(writer, bytes(2 * MIB)), MIB)

    @on_both()
    def test_it_is_rounded_up_to_a_power_of_two_pages(self, directory):
        _, writer = self.open_pair(directory)

        self.assertEqual(fcntl.fcntl(writer, F_SETPIPE_SZ, 1), PAGE)
        self.assertEqual(fcntl.fcntl(writer, F_SETPIPE_SZ, 4 * PAGE + 1), 8 * PAGE)

    @on_both()
    def test_it_does_not_shrink_below_what_is_queued(self, directory):
        _, writer = self.open_pair(directory)
        os.write(writer, bytes(3 * PAGE))

        self.assertEqual(attempt(fcntl.fcntl, writer, F_SETPIPE_SZ, PAGE), 'EBUSY')
        self.assertEqual(attempt(fcntl.fcntl, writer, F_SETPIPE_SZ, 4 * PAGE), 4 * PAGE)

    @on_both('allow_other,ceiling=0666')
    def test_users_do_not_raise_it_beyond_the_limit_of_the_system(self, directory):
        fifo = directory + '/fifo'
        as_user(USER_A, os.mkfifo, fifo, 0o600)
        with open('/proc/sys/fs/pipe-max-size', encoding='ascii') as stream:
            limit = int(stream.read())

        def set_capacity(size):
            return fcntl.fcntl(os.open(fifo, os.O_RDWR), F_SETPIPE_SZ, size)

        self.assertEqual(attempt(as_user, USER_A, set_capacity, limit), limit)
        self.assertEqual(attempt(as_user, USER_A, set_capacity, 2 * limit), 'EPERM')

    @on_both()
    def test_it_returns_to_the_default_when_all_have_closed(self, directory):
        reader, writer = self.open_pair(directory)
        fcntl.fcntl(writer, F_SETPIPE_SZ, MIB)
        self.close(reader)
        self.close(writer)

        both = self.open(directory + '/fifo', os.O_RDWR)

        self.assertEqual(fcntl.fcntl(both, F_GETPIPE_SZ), DEFAULT_CAPACITY)

    @on_both()
    def test_queued_bytes_are_counted(self, directory):
        reader, writer = self.open_pair(directory)
        counts = [queued(reader)]
        os.write(writer, bytes(1000))
        os.write(writer, bytes(234))
        counts += [queued(reader), queued(writer)]
        os.read(reader, 34)
        counts.append(queued(reader))

        self.assertEqual(counts, [0, 1234, 1234, 1200])


class Stream(Transfer):

    deadline_seconds = 120
    blocks = 1024                   # of one MiB

    @classmethod
    def write_stream(cls, fifo):
        """Write blocks that all differ; return the checksum of all."""
        block = bytearray(os.urandom(MIB))
        checksum = 0
        with open(fifo, 'wb', buffering=0) as stream:
            for number in range(cls.blocks):
                block[:8] = number.to_bytes(8, 'little')
                checksum = zlib.crc32(block, checksum)
                rest = memoryview(block)
                while rest:
                    rest = rest[stream.write(rest):]
        return checksum

    @on_both()
    def test_a_gibibyte_arrives_unchanged(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        writer = self.spawn(self.write_stream, fifo)
        stuck_in_open(writer.pid)

        size = checksum = 0
        buffer = bytearray(MIB)
        view = memoryview(buffer)
        with open(fifo, 'rb', buffering=0) as stream:
            while count := stream.readinto(buffer):
                checksum = zlib.crc32(view[:count], checksum)
                size += count

        self.assertEqual(size, self.blocks * MIB)
        self.assertEqual(checksum, writer.result())

    @on_both()
    def test_a_gibibyte_spliced_through_two_fifos_arrives_unchanged(self, directory):
        first, second = directory + '/first', directory + '/second'
        os.mkfifo(first)
        os.mkfifo(second)

        def forward():
            source = os.open(first, os.O_RDONLY)
            target = os.open(second, os.O_WRONLY)
            while os.splice(source, target, MIB):
                pass

        writer = self.spawn(self.write_stream, first)
        self.spawn(forward)
        size = checksum = 0
        with open(second, 'rb', buffering=0) as stream:
            while block := stream.read(MIB):
                checksum = zlib.crc32(block, checksum)
                size += len(block)

        self.assertEqual(size, self.blocks * MIB)
        self.assertEqual(checksum, writer.result())


if __name__ == '__main__':
    fifofs_test.main()
