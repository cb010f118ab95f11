# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one side sees when the other leaves: EOF, EPIPE, SIGPIPE, each at the right moment."""

import os
import signal

import fifofs_test
from fifofs_test import ChildDied, attempt, on_both, stuck_in, stuck_in_open


def write_forever(fifo, sigpipe):
    """Write until it fails, with SIGPIPE deadly or ignored, and return the error."""
    signal.signal(signal.SIGPIPE, sigpipe)
    descriptor = os.open(fifo, os.O_WRONLY)
    while True:
        answer = attempt(os.write, descriptor, bytes(4096))
        if isinstance(answer, str):
            return answer


def open_and_hold(fifo, flags, data=b''):
    """Open an end, write the data to it, and hold it until the process is ended."""
    descriptor = os.open(fifo, flags)
    if data:
        os.write(descriptor, data)
    signal.pause()


def read_all(fifo):
    with open(fifo, 'rb') as stream:
        return stream.read()


class Endings(fifofs_test.TestCase):

    def make(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        return fifo


class WriterLosesReader(Endings):

    @on_both()
    def test_write_without_reader_is_a_broken_pipe(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(fifo, os.O_WRONLY)

        self.close(reader)

        self.assertEqual(attempt(os.write, writer, b'x'), 'EPIPE')

    @on_both()
    def test_new_reader_mends_the_pipe(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(fifo, os.O_WRONLY)
        self.close(reader)
        self.assertEqual(attempt(os.write, writer, b'lost'), 'EPIPE')

        reader = self.open(fifo, os.O_RDONLY)
        os.write(writer, b'found')

        self.assertEqual(os.read(reader, 100), b'found')

    @on_both()
    def test_sigpipe_kills_a_blocked_writer_when_the_reader_leaves(self, directory):
        fifo = self.make(directory)
        writer = self.spawn(write_forever, fifo, signal.SIG_DFL)
        reader = self.open(fifo, os.O_RDONLY)
        stuck_in(writer.pid, 'pipe_write')

        self.close(reader)

        with self.assertRaises(ChildDied) as died:
            writer.result()
        self.assertEqual(died.exception.signal_number, signal.SIGPIPE)

    @on_both()
    def test_epipe_wakes_a_blocked_writer_that_ignores_sigpipe(self, directory):
        fifo = self.make(directory)
        writer = self.spawn(write_forever, fifo, signal.SIG_IGN)
        reader = self.open(fifo, os.O_RDONLY)
        stuck_in(writer.pid, 'pipe_write')

        self.close(reader)

        self.assertEqual(writer.result(), 'EPIPE')

    @on_both()
    def test_pipe_holds_while_one_of_two_readers_is_left(self, directory):
        fifo = self.make(directory)
        first = self.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        second = self.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(fifo, os.O_WRONLY)

        self.close(first)
        self.assertEqual(attempt(os.write, writer, b'x'), 1)
        self.close(second)
        self.assertEqual(attempt(os.write, writer, b'x'), 'EPIPE')

    @on_both()
    def test_writer_learns_that_the_reader_was_killed(self, directory):
        fifo = self.make(directory)
        reader = self.spawn(open_and_hold, fifo, os.O_RDONLY)
        writer = self.open(fifo, os.O_WRONLY)
        self.assertEqual(attempt(os.write, writer, b'x'), 1)

        reader.end()

        self.assertEqual(attempt(os.write, writer, b'x'), 'EPIPE')


class ReaderLosesWriter(Endings):

    @on_both()
    def test_end_of_file_comes_after_the_data(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(fifo, os.O_WRONLY)

        os.write(writer, b'last words')
        self.close(writer)

        self.assertEqual([os.read(reader, 5) for _ in range(4)], [b'last ', b'words', b'', b''])

    @on_both()
    def test_end_of_file_comes_with_the_last_of_two_writers(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        first, second = self.open(fifo, os.O_WRONLY), self.open(fifo, os.O_WRONLY)

        self.close(first)
        self.assertEqual(attempt(os.read, reader, 1), 'EAGAIN')
        self.close(second)
        self.assertEqual(attempt(os.read, reader, 1), b'')

    @on_both()
    def test_blocked_reader_stays_until_the_last_of_two_writers_leaves(self, directory):
        fifo = self.make(directory)
        reader = self.spawn(read_all, fifo)
        stuck_in_open(reader.pid)
        first, second = self.open(fifo, os.O_WRONLY), self.open(fifo, os.O_WRONLY)

        os.write(first, b'one ')
        self.close(first)
        stuck_in(reader.pid, 'pipe_read')
        os.write(second, b'two')
        self.close(second)

        self.assertEqual(reader.result(), b'one two')

    @on_both()
    def test_reader_goes_on_with_a_new_writer_after_end_of_file(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

        received = []
        for word in (b'one', b'two', b'three'):
            writer = self.open(fifo, os.O_WRONLY)
            os.write(writer, word)
            self.close(writer)
            received += [os.read(reader, 100), os.read(reader, 100)]

        self.assertEqual(received, [b'one', b'', b'two', b'', b'three', b''])

    @on_both()
    def test_killed_writer_is_end_of_file(self, directory):
        fifo = self.make(directory)
        writer = self.spawn(open_and_hold, fifo, os.O_WRONLY, b'x')
        reader = self.open(fifo, os.O_RDONLY)
        self.assertEqual(os.read(reader, 10), b'x')

        writer.end()

        self.assertEqual(os.read(reader, 10), b'')


class BothLeave(Endings):

    @on_both()
    def test_unread_data_is_lost_when_the_last_end_is_closed(self, directory):
        fifo = self.make(directory)
        both = self.open(fifo, os.O_RDWR)
        os.write(both, b'never read')
        self.close(both)

        reader = self.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

        self.assertEqual(os.read(reader, 100), b'')

    @on_both()
    def test_unread_data_waits_for_the_next_reader_while_a_writer_stays(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(fifo, os.O_WRONLY)
        os.write(writer, b'for the next')
        self.close(reader)

        reader = self.open(fifo, os.O_RDONLY)

        self.assertEqual(os.read(reader, 100), b'for the next')


if __name__ == '__main__':
    fifofs_test.main()
