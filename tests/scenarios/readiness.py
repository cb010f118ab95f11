# SPDX-License-Identifier: LGPL-2.1-or-later
"""select, poll and epoll over several FIFOs tell what can be done, and when a writer has left."""

import os
import select
from select import EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, POLLERR, POLLHUP, POLLIN, POLLOUT

import fifofs_test
from fifofs_test import attempt, on_both, stuck_in

NAMES = ('first', 'second', 'third')
WAIT_SECONDS = 10


class Readiness(fifofs_test.TestCase):

    def make(self, directory, name):
        """A new FIFO; returns its path."""
        path = f'{directory}/{name}'
        os.mkfifo(path)
        return path

    def open_pair(self, directory, name):
        """A new FIFO and both its ends, which do not block."""
        path = self.make(directory, name)
        reader = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(path, os.O_WRONLY | os.O_NONBLOCK)
        return reader, writer

    def poll_now(self, descriptor, wanted=POLLIN | POLLOUT):
        """The events that poll() reports at once."""
        poller = select.poll()
        poller.register(descriptor, wanted)
        return dict(poller.poll(0)).get(descriptor, 0)

    def fill(self, writer):
        while attempt(os.write, writer, bytes(4096)) != 'EAGAIN':
            pass


class Select(Readiness):

    @on_both()
    def test_it_finds_the_fifos_with_data(self, directory):
        pairs = [self.open_pair(directory, name) for name in NAMES]
        readers = [reader for reader, _ in pairs]

        self.assertEqual(select.select(readers, [], [], 0)[0], [])
        os.write(pairs[1][1], b'x')
        self.assertEqual(select.select(readers, [], [], WAIT_SECONDS)[0], [readers[1]])
        os.write(pairs[2][1], b'x')
        self.assertEqual(select.select(readers, [], [], WAIT_SECONDS)[0], readers[1:])
        os.read(readers[1], 1)
        self.assertEqual(select.select(readers, [], [], WAIT_SECONDS)[0], [readers[2]])

    @on_both()
    def test_it_finds_the_fifos_with_room(self, directory):
        pairs = [self.open_pair(directory, name) for name in NAMES]
        writers = [writer for _, writer in pairs]
        self.fill(writers[0])

        self.assertEqual(select.select([], writers, [], WAIT_SECONDS)[1], writers[1:])

    @on_both()
    def test_it_waits_for_another_process_to_write(self, directory):
        paths = [self.make(directory, name) for name in NAMES]

        def wait_for_data():
            readers = [os.open(path, os.O_RDONLY | os.O_NONBLOCK) for path in paths]
            ready, _, _ = select.select(readers, [], [], WAIT_SECONDS)
            return [readers.index(reader) for reader in ready]

        waiting = self.spawn(wait_for_data)
        stuck_in(waiting.pid, 'select', 'poll')
        with open(paths[1], 'wb') as stream:
            stream.write(b'x')

        self.assertEqual(waiting.result(), [1])


class Poll(Readiness):

    @on_both()
    def test_reader_before_any_writer_has_no_event(self, directory):
        reader = self.open(self.make(directory, 'fifo'), os.O_RDONLY | os.O_NONBLOCK)

        self.assertEqual(self.poll_now(reader), 0)

    @on_both()
    def test_reader_sees_data_hangup_and_a_new_writer(self, directory):
        path = self.make(directory, 'fifo')
        reader = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        seen = {}

        writer = self.open(path, os.O_WRONLY)
        seen['writer came'] = self.poll_now(reader)
        os.write(writer, b'x')
        seen['it wrote'] = self.poll_now(reader)
        self.close(writer)
        seen['it left'] = self.poll_now(reader)
        os.read(reader, 10)
        seen['all is read'] = self.poll_now(reader)
        writer = self.open(path, os.O_WRONLY)
        seen['another came'] = self.poll_now(reader)
        os.write(writer, b'x')
        seen['that wrote'] = self.poll_now(reader)

        self.assertEqual(seen, {
            'writer came': 0,
            'it wrote': POLLIN,
            'it left': POLLIN | POLLHUP,
            'all is read': POLLHUP,
            'another came': 0,
            'that wrote': POLLIN,
        })

    @on_both()
    def test_hangup_comes_with_the_last_of_two_writers(self, directory):
        path = self.make(directory, 'fifo')
        reader = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        first, second = self.open(path, os.O_WRONLY), self.open(path, os.O_WRONLY)

        self.close(first)
        self.assertEqual(self.poll_now(reader), 0)
        self.close(second)
        self.assertEqual(self.poll_now(reader), POLLHUP)

    @on_both()
    def test_writer_sees_room_and_the_loss_of_its_reader(self, directory):
        reader, writer = self.open_pair(directory, 'fifo')
        seen = {}

        seen['empty'] = self.poll_now(writer)
        self.fill(writer)
        seen['full'] = self.poll_now(writer)
        os.read(reader, 1 << 20)
        seen['empty again'] = self.poll_now(writer)
        self.close(reader)
        seen['reader left'] = self.poll_now(writer)

        self.assertEqual(seen, {
            'empty': POLLOUT,
            'full': 0,
            'empty again': POLLOUT,
            'reader left': POLLOUT | POLLERR,
        })

    @on_both()
    def test_holder_of_both_ends_sees_no_hangup(self, directory):
        path = self.make(directory, 'fifo')
        both = self.open(path, os.O_RDWR)
        self.close(self.open(path, os.O_WRONLY))

        self.assertEqual(self.poll_now(both), POLLOUT)


class Epoll(Readiness):

    def watch(self, events, descriptors):
        epoll = select.epoll()
        self.addCleanup(epoll.close)
        for descriptor in descriptors:
            epoll.register(descriptor, events)
        return epoll

    @on_both()
    def test_level_triggered_event_stays_until_the_data_is_read(self, directory):
        pairs = [self.open_pair(directory, name) for name in NAMES]
        epoll = self.watch(EPOLLIN, [reader for reader, _ in pairs])
        reader, writer = pairs[1]

        os.write(writer, b'xy')
        self.assertEqual(epoll.poll(WAIT_SECONDS), [(reader, EPOLLIN)])
        os.read(reader, 1)
        self.assertEqual(epoll.poll(WAIT_SECONDS), [(reader, EPOLLIN)])
        os.read(reader, 1)
        self.assertEqual(epoll.poll(0), [])

    @on_both()
    def test_edge_triggered_event_comes_once_per_write(self, directory):
        pairs = [self.open_pair(directory, name) for name in NAMES]
        epoll = self.watch(EPOLLIN | EPOLLET, [reader for reader, _ in pairs])

        for reader, writer in pairs + pairs:        # the second time with data still there
            os.write(writer, b'x')
            self.assertEqual(epoll.poll(WAIT_SECONDS), [(reader, EPOLLIN)])
            self.assertEqual(epoll.poll(0), [])

    @on_both()
    def test_hangup_goes_when_a_new_writer_comes(self, directory):
        paths = [self.make(directory, name) for name in NAMES]
        readers = [self.open(path, os.O_RDONLY | os.O_NONBLOCK) for path in paths]
        epoll = self.watch(EPOLLIN, readers)

        self.assertEqual(epoll.poll(0), [])
        self.close(self.open(paths[2], os.O_WRONLY))
        self.assertEqual(epoll.poll(WAIT_SECONDS), [(readers[2], EPOLLHUP)])
        self.open(paths[2], os.O_WRONLY)
        self.assertEqual(epoll.poll(0), [])

    @on_both()
    def test_writer_is_told_when_there_is_room_again(self, directory):
        pairs = [self.open_pair(directory, name) for name in NAMES]
        for _, writer in pairs:
            self.fill(writer)
        epoll = self.watch(EPOLLOUT, [writer for _, writer in pairs])

        self.assertEqual(epoll.poll(0), [])
        os.read(pairs[0][0], 4096)
        self.assertEqual(epoll.poll(WAIT_SECONDS), [(pairs[0][1], EPOLLOUT)])


if __name__ == '__main__':
    fifofs_test.main()
