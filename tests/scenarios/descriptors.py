# SPDX-License-Identifier: LGPL-2.1-or-later
"""An open end outlives what happens to its name, and may be inherited, passed on and reopened."""

import os
import signal
import socket
import subprocess

import fifofs_test
from fifofs_test import attempt, libc_call, on_both, stuck_in_open

READ_NOW = os.O_RDONLY | os.O_NONBLOCK
AT_FDCWD = -100
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2


def rename_with(flags, source, target):
    """renameat2(2)."""
    libc_call('renameat2', AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flags)


class Ends(fifofs_test.TestCase):

    def open_both(self, fifo):
        """Both ends of a FIFO that exists: a reader that does not block, and a writer."""
        return self.open(fifo, READ_NOW), self.open(fifo, os.O_WRONLY)

    def make(self, directory, name='fifo'):
        fifo = f'{directory}/{name}'
        os.mkfifo(fifo)
        return fifo

    def assert_connected(self, writer, reader):
        os.write(writer, b'connected')
        self.assertEqual(os.read(reader, 100), b'connected')


class Sharing(Ends):

    @on_both()
    def test_inherited_write_end_keeps_the_reader_from_end_of_file(self, directory):
        reader, writer = self.open_both(self.make(directory))
        child = self.spawn(signal.pause)            # inherits both ends
        self.close(writer)

        self.assertEqual(attempt(os.read, reader, 1), 'EAGAIN')
        child.end()
        self.assertEqual(attempt(os.read, reader, 1), b'')

    @on_both()
    def test_child_writes_to_an_inherited_end(self, directory):
        reader, writer = self.open_both(self.make(directory))

        child = self.spawn(os.write, writer, b'from the child')

        self.assertEqual(child.result(), 14)
        self.assertEqual(os.read(reader, 100), b'from the child')

    @on_both()
    def test_program_writes_to_an_inherited_end(self, directory):
        reader, writer = self.open_both(self.make(directory))

        subprocess.run(['echo', 'from the program'], stdout=writer, check=True)

        self.assertEqual(os.read(reader, 100), b'from the program\n')

    @on_both()
    def test_duplicate_keeps_the_end_open(self, directory):
        reader, writer = self.open_both(self.make(directory))
        duplicate = os.dup(writer)
        self.close(writer)

        self.assert_connected(duplicate, reader)
        os.close(duplicate)
        self.assertEqual(os.read(reader, 1), b'')

    @on_both()
    def test_end_can_be_passed_to_another_process(self, directory):
        fifo = self.make(directory)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            # Forked before the FIFO is open: what it holds of it came through the socket.
            child = self.spawn(self.write_to_received_end, theirs)
            reader, writer = self.open_both(fifo)
            socket.send_fds(ours, [b'take this'], [writer])
            self.close(writer)

            self.assertEqual(ours.recv(100), b'wrote')
            self.assertEqual(os.read(reader, 100), b'through a passed end')
            self.assertEqual(attempt(os.read, reader, 1), 'EAGAIN')
            ours.send(b'you may go')

        child.result()
        self.assertEqual(attempt(os.read, reader, 1), b'')

    @staticmethod
    def write_to_received_end(connection):
        _, (writer,), _, _ = socket.recv_fds(connection, 100, 1)
        os.write(writer, b'through a passed end')
        connection.send(b'wrote')
        connection.recv(100)

    @on_both()
    def test_end_in_flight_keeps_the_reader_from_end_of_file(self, directory):
        reader, writer = self.open_both(self.make(directory))
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(ours, [b'take this'], [writer])
                self.close(writer)
                self.assertEqual(attempt(os.read, reader, 1), 'EAGAIN')
            self.assertEqual(attempt(os.read, reader, 1), b'')

    @on_both()
    def test_other_end_opens_through_proc(self, directory):
        fifo = self.make(directory)
        reader = self.open(fifo, READ_NOW)
        os.unlink(fifo)

        writer = self.open(f'/proc/self/fd/{reader}', os.O_WRONLY)

        self.assert_connected(writer, reader)


class Renaming(Ends):

    @on_both()
    def test_open_ends_do_not_notice(self, directory):
        fifo = self.make(directory, 'old')
        reader, writer = self.open_both(fifo)

        os.rename(fifo, directory + '/new')

        self.assert_connected(writer, reader)
        self.assertEqual(os.listdir(directory), ['new'])
        self.assertEqual(attempt(os.open, fifo, READ_NOW), 'ENOENT')

    @on_both()
    def test_new_name_leads_to_the_same_pipe(self, directory):
        fifo = self.make(directory, 'old')
        os.mkdir(directory + '/sub')
        reader = self.open(fifo, READ_NOW)

        os.rename(fifo, directory + '/sub/new')

        self.assert_connected(self.open(directory + '/sub/new', os.O_WRONLY), reader)

    @on_both()
    def test_waiting_opener_is_met_under_the_new_name(self, directory):
        fifo = self.make(directory, 'old')
        child = self.spawn(lambda: os.read(os.open(fifo, os.O_RDONLY), 100))
        stuck_in_open(child.pid)

        os.rename(fifo, directory + '/new')
        os.write(self.open(directory + '/new', os.O_WRONLY), b'met')

        self.assertEqual(child.result(), b'met')

    @on_both()
    def test_renaming_the_directory_keeps_the_pipe(self, directory):
        os.mkdir(directory + '/old')
        reader = self.open(self.make(directory, 'old/fifo'), READ_NOW)

        os.rename(directory + '/old', directory + '/new')

        self.assert_connected(self.open(directory + '/new/fifo', os.O_WRONLY), reader)

    @on_both()
    def test_replaced_fifo_goes_on_for_those_who_hold_it(self, directory):
        winner, loser = self.make(directory, 'winner'), self.make(directory, 'loser')
        old_reader, old_writer = self.open_both(loser)
        reader, writer = self.open_both(winner)

        os.rename(winner, loser)

        self.assertEqual(os.listdir(directory), ['loser'])
        self.assert_connected(old_writer, old_reader)
        self.assert_connected(self.open(loser, os.O_WRONLY), reader)
        self.assert_connected(writer, reader)
        self.assertEqual(os.fstat(old_reader).st_nlink, 0)

    @on_both()
    def test_exchanged_names_exchange_their_pipes(self, directory):
        one, two = self.make(directory, 'one'), self.make(directory, 'two')
        reader_of_one, reader_of_two = self.open(one, READ_NOW), self.open(two, READ_NOW)

        rename_with(RENAME_EXCHANGE, one, two)

        self.assert_connected(self.open(two, os.O_WRONLY), reader_of_one)
        self.assert_connected(self.open(one, os.O_WRONLY), reader_of_two)

    @on_both()
    def test_no_replace_replaces_nothing(self, directory):
        one, two = self.make(directory, 'one'), self.make(directory, 'two')
        before = os.stat(one).st_ino, os.stat(two).st_ino

        self.assertEqual(attempt(rename_with, RENAME_NOREPLACE, one, two), 'EEXIST')

        self.assertEqual((os.stat(one).st_ino, os.stat(two).st_ino), before)


class Unlinking(Ends):

    @on_both()
    def test_open_ends_do_not_notice(self, directory):
        fifo = self.make(directory)
        reader, writer = self.open_both(fifo)

        os.unlink(fifo)

        self.assert_connected(writer, reader)
        self.assertEqual(os.fstat(reader).st_nlink, 0)
        self.close(writer)
        self.assertEqual(os.read(reader, 1), b'')

    @on_both()
    def test_new_fifo_of_the_same_name_is_another_pipe(self, directory):
        old_reader, old_writer = self.open_both(self.make(directory))
        os.unlink(directory + '/fifo')
        new_reader, new_writer = self.open_both(self.make(directory))

        os.write(old_writer, b'old')
        os.write(new_writer, b'new')

        self.assertEqual(os.read(old_reader, 100), b'old')
        self.assertEqual(os.read(new_reader, 100), b'new')
        self.assertNotEqual(os.fstat(old_reader).st_ino, os.fstat(new_reader).st_ino)

    @on_both()
    def test_waiting_opener_of_the_old_fifo_does_not_meet_the_new(self, directory):
        fifo = self.make(directory)
        child = self.spawn(lambda: os.close(os.open(fifo, os.O_RDONLY)))
        stuck_in_open(child.pid)

        os.unlink(fifo)
        os.mkfifo(fifo)

        self.assertEqual(attempt(os.open, fifo, os.O_WRONLY | os.O_NONBLOCK), 'ENXIO')
        stuck_in_open(child.pid)


if __name__ == '__main__':
    fifofs_test.main()
