# SPDX-License-Identifier: LGPL-2.1-or-later
"""open() of a FIFO: who waits for whom, who does not wait, and what ends the waiting."""

import ctypes
import os
import signal
import subprocess

import fifofs_test
from fifofs_test import ChildDied, attempt, libc_call, on_both, stuck_in_open, wait_until

READ_NOW = os.O_RDONLY | os.O_NONBLOCK
WRITE_NOW = os.O_WRONLY | os.O_NONBLOCK


def open_and_read(fifo):
    """Open for reading, waiting for a writer, and read to the end."""
    with open(fifo, 'rb') as stream:
        return stream.read()


def open_and_write(fifo, data):
    with open(fifo, 'wb', buffering=0) as stream:
        return stream.write(data)


class NonBlocking(fifofs_test.TestCase):

    @on_both()
    def test_read_end_opens_at_once_without_writer(self, directory):
        os.mkfifo(directory + '/fifo')

        reader = self.open(directory + '/fifo', READ_NOW)

        self.assertEqual(os.read(reader, 1), b'')

    @on_both()
    def test_write_end_without_reader_is_refused(self, directory):
        os.mkfifo(directory + '/fifo')

        self.assertEqual(attempt(os.open, directory + '/fifo', WRITE_NOW), 'ENXIO')

    @on_both()
    def test_write_end_opens_at_once_with_a_reader(self, directory):
        os.mkfifo(directory + '/fifo')
        reader = self.open(directory + '/fifo', READ_NOW)

        writer = self.open(directory + '/fifo', WRITE_NOW)

        os.write(writer, b'data')
        self.assertEqual(os.read(reader, 10), b'data')

    @on_both()
    def test_read_of_an_empty_fifo_with_a_writer_would_block(self, directory):
        os.mkfifo(directory + '/fifo')
        reader = self.open(directory + '/fifo', READ_NOW)
        self.open(directory + '/fifo', WRITE_NOW)

        self.assertEqual(attempt(os.read, reader, 1), 'EAGAIN')

    @on_both()
    def test_write_end_is_refused_again_when_the_reader_has_gone(self, directory):
        os.mkfifo(directory + '/fifo')
        reader = self.open(directory + '/fifo', READ_NOW)
        self.close(self.open(directory + '/fifo', WRITE_NOW))
        self.close(reader)

        self.assertEqual(attempt(os.open, directory + '/fifo', WRITE_NOW), 'ENXIO')

    @on_both()
    def test_path_descriptor_is_no_reader(self, directory):
        os.mkfifo(directory + '/fifo')
        self.open(directory + '/fifo', os.O_PATH)

        self.assertEqual(attempt(os.open, directory + '/fifo', WRITE_NOW), 'ENXIO')


class ReadWrite(fifofs_test.TestCase):

    @on_both()
    def test_one_process_can_hold_both_ends(self, directory):
        os.mkfifo(directory + '/fifo')

        both = self.open(directory + '/fifo', os.O_RDWR)

        os.write(both, b'to myself')
        self.assertEqual(os.read(both, 100), b'to myself')

    @on_both()
    def test_it_lets_readers_and_writers_in_without_waiting(self, directory):
        os.mkfifo(directory + '/fifo')
        self.open(directory + '/fifo', os.O_RDWR)

        reader = self.open(directory + '/fifo', os.O_RDONLY)
        writer = self.open(directory + '/fifo', os.O_WRONLY)

        os.write(writer, b'data')
        self.assertEqual(os.read(reader, 10), b'data')


class Rendezvous(fifofs_test.TestCase):

    @on_both()
    def test_reader_waits_for_a_writer(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)

        reader = self.spawn(open_and_read, fifo)
        stuck_in_open(reader.pid)
        open_and_write(fifo, b'at last')

        self.assertEqual(reader.result(), b'at last')

    @on_both()
    def test_writer_waits_for_a_reader(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)

        writer = self.spawn(open_and_write, fifo, b'at last')
        stuck_in_open(writer.pid)

        self.assertEqual(open_and_read(fifo), b'at last')
        self.assertEqual(writer.result(), len(b'at last'))

    @on_both()
    def test_one_writer_releases_all_waiting_readers(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        readers = [self.spawn(lambda: os.close(os.open(fifo, os.O_RDONLY))) for _ in range(5)]
        for reader in readers:
            stuck_in_open(reader.pid)

        self.open(fifo, os.O_WRONLY)

        self.assertEqual([reader.result() for reader in readers], [None] * 5)

    @on_both()
    def test_waiting_reader_is_one_for_a_writer_that_does_not_wait(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        reader = self.spawn(open_and_read, fifo)
        stuck_in_open(reader.pid)

        writer = self.open(fifo, WRITE_NOW)
        os.write(writer, b'data')
        self.close(writer)

        self.assertEqual(reader.result(), b'data')

    @on_both()
    def test_two_waiting_readers_stay_when_a_third_gives_up(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        readers = [self.spawn(lambda: os.close(os.open(fifo, os.O_RDONLY))) for _ in range(3)]
        for reader in readers:
            stuck_in_open(reader.pid)

        readers[0].end()
        self.open(fifo, os.O_WRONLY)

        self.assertEqual([reader.result() for reader in readers[1:]], [None, None])

    @on_both()
    def test_killed_opener_is_no_partner(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        reader = self.spawn(open_and_read, fifo)
        stuck_in_open(reader.pid)

        reader.send_signal(signal.SIGKILL)
        with self.assertRaises(ChildDied):
            reader.result()

        self.assertEqual(attempt(os.open, fifo, WRITE_NOW), 'ENXIO')


def open_with_handler(fifo, restart):
    """Open for reading by libc, which returns EINTR as it comes, with a handler for SIGUSR1."""
    handled = []
    signal.signal(signal.SIGUSR1, lambda *_: handled.append(True))
    signal.siginterrupt(signal.SIGUSR1, not restart)
    answer = attempt(libc_call, 'open', os.fsencode(fifo), ctypes.c_int(os.O_RDONLY))
    return ('opened' if isinstance(answer, int) else answer, handled)


class Interruption(fifofs_test.TestCase):

    @on_both()
    def test_signal_ends_the_waiting(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        reader = self.spawn(open_with_handler, fifo, False)
        stuck_in_open(reader.pid)

        reader.send_signal(signal.SIGUSR1)

        self.assertEqual(reader.result(), ('EINTR', [True]))
        self.assertEqual(attempt(os.open, fifo, WRITE_NOW), 'ENXIO')

    @on_both()
    def test_restarting_signal_does_not_end_the_waiting(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        reader = self.spawn(open_with_handler, fifo, True)
        stuck_in_open(reader.pid)

        reader.send_signal(signal.SIGUSR1)
        wait_until(lambda: not signal_is_pending(reader.pid, signal.SIGUSR1), what='delivery')
        stuck_in_open(reader.pid)
        self.open(fifo, os.O_WRONLY)

        self.assertEqual(reader.result(), ('opened', [True]))

    @on_both()
    def test_timeout_program_ends_the_waiting(self, directory):
        os.mkfifo(directory + '/fifo')

        process = self.start(['timeout', '0.1', 'cat', 'fifo'], cwd=directory,
                             stdout=subprocess.DEVNULL)

        self.assertEqual(process.wait(), 124)
        self.assertEqual(attempt(os.open, directory + '/fifo', WRITE_NOW), 'ENXIO')


def signal_is_pending(pid, number):
    with open(f'/proc/{pid}/status', encoding='ascii') as status:
        masks = [line.split()[1] for line in status if line.startswith(('SigPnd:', 'ShdPnd:'))]
    return any(int(mask, 16) & 1 << number - 1 for mask in masks)


if __name__ == '__main__':
    fifofs_test.main()
