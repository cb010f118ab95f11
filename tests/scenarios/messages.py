# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes talk over FIFOs: nothing is lost, doubled, reordered or torn."""

import operator
import os
import select
import zlib

import fifofs_test
from fifofs_test import attempt, on_both, stuck_in_open

PIPE_BUF = select.PIPE_BUF


class Conversation(fifofs_test.TestCase):

    @on_both()
    def test_reader_gets_the_lines_of_a_writer_in_order(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        lines = [f'line {number}\n' for number in range(10000)]

        def write():
            with open(fifo, 'w', encoding='ascii') as stream:
                stream.writelines(lines)

        writer = self.spawn(write)
        with open(fifo, encoding='ascii') as stream:
            self.assertEqual(stream.readlines(), lines)
        writer.result()

    @on_both()
    def test_request_and_response_go_over_a_pair(self, directory):
        requests, responses = directory + '/requests', directory + '/responses'
        os.mkfifo(requests)
        os.mkfifo(responses)

        def serve():
            with open(requests, 'rb') as asked, open(responses, 'wb', buffering=0) as answered:
                for request in asked:
                    answered.write(b'%d\n' % (int(request) ** 2))

        server = self.spawn(serve)
        with open(requests, 'wb', buffering=0) as asked, open(responses, 'rb') as answered:
            for number in range(1000):
                asked.write(b'%d\n' % number)
                self.assertEqual(int(answered.readline()), number ** 2)
        server.result()

    @on_both()
    def test_each_client_gets_its_own_response(self, directory):
        requests = directory + '/requests'
        os.mkfifo(requests)
        clients = range(4)
        for client in clients:
            os.mkfifo(f'{directory}/response-{client}')

        def ask(client):
            with open(requests, 'wb', buffering=0) as asked:
                asked.write(b'%d\n' % client)
            with open(f'{directory}/response-{client}', 'rb') as answered:
                return answered.read()

        children = [self.spawn(ask, client) for client in clients]
        # Holding both ends, the server sees no EOF and loses no request between two clients.
        with os.fdopen(os.open(requests, os.O_RDWR), 'rb') as asked:
            for _ in clients:
                client = int(asked.readline())
                with open(f'{directory}/response-{client}', 'wb') as answered:
                    answered.write(b'for %d' % client)

        self.assertEqual([child.result() for child in children],
                         [b'for %d' % client for client in clients])


class Atomicity(fifofs_test.TestCase):
    """Writes of up to PIPE_BUF bytes are never torn, however many processes write."""

    deadline_seconds = 120
    writers = (b'A', b'B', b'C')
    records_in_all = 1_000_000

    @classmethod
    def record_sizes(cls):
        """Mostly short records, for many switches between writers; each 50th as long as can be."""
        return [17 + 7 * index % 60 if index % 50 else PIPE_BUF for index in range(100)]

    @classmethod
    def write_records(cls, fifo, name, count):
        """Write records NAME NUMBER FILL NEWLINE, each by one write(); return the checksum."""
        fills = [name.lower() * (size - 10) + b'\n' for size in cls.record_sizes()]
        checksum = 0
        write, crc32 = os.write, zlib.crc32
        descriptor = os.open(fifo, os.O_WRONLY)
        for number in range(count):
            record = b'%b%08d%b' % (name, number, fills[number % 100])
            if write(descriptor, record) != len(record):
                raise AssertionError('short write of a record')
            checksum = crc32(record, checksum)
        os.close(descriptor)
        return checksum

    @classmethod
    def read_records(cls, fifo):
        """Read until EOF what write_records() wrote.

        Return the number and the checksum of the lines that begin with each name, what follows the
        last newline, and how often a line was followed by one of another writer.
        """
        counts = dict.fromkeys(cls.writers, 0)
        checksums = dict.fromkeys(cls.writers, 0)
        switches = 0
        rest = b''
        with open(fifo, 'rb', buffering=0) as stream:
            while block := stream.read(1 << 20):
                *lines, rest = (rest + block).split(b'\n')
                for name in cls.writers:
                    own = [line for line in lines if line[:1] == name]
                    if own:
                        counts[name] += len(own)
                        checksums[name] = zlib.crc32(b'\n'.join(own) + b'\n', checksums[name])
                names = [line[:1] for line in lines]
                switches += sum(map(operator.ne, names, names[1:]))
        return counts, checksums, rest, switches

    @on_both()
    def test_a_million_records_of_three_writers_stay_whole(self, directory):
        # Had a record been torn by another, a line would hold bytes of both, so that the lines of
        # one writer would no longer be what it wrote.
        fifo = directory + '/fifo'
        os.mkfifo(fifo)
        shares = [self.records_in_all // 3 + (index < self.records_in_all % 3)
                  for index in range(3)]

        children = [self.spawn(self.write_records, fifo, name, share)
                    for name, share in zip(self.writers, shares)]
        for child in children:
            stuck_in_open(child.pid)                # all three are in before there can be an EOF
        counts, checksums, rest, switches = self.read_records(fifo)
        written = [child.result() for child in children]

        self.assertEqual(list(counts.values()), shares)
        self.assertEqual(list(checksums.values()), written)
        self.assertEqual(rest, b'')
        self.assertGreater(switches, 50, 'the writers hardly met, so this proves nothing')

    @on_both()
    def test_record_that_does_not_fit_is_not_written_in_part(self, directory):
        os.mkfifo(directory + '/fifo')
        reader = self.open(directory + '/fifo', os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(directory + '/fifo', os.O_WRONLY | os.O_NONBLOCK)
        self.fill(writer)
        os.read(reader, PIPE_BUF)                   # room for exactly one record of one page

        self.assertEqual(attempt(os.write, writer, bytes(PIPE_BUF)), PIPE_BUF)
        self.assertEqual(attempt(os.write, writer, bytes(PIPE_BUF)), 'EAGAIN')
        self.assertEqual(attempt(os.write, writer, b'x'), 'EAGAIN')

    @on_both()
    def test_more_than_pipe_buf_may_be_written_in_part(self, directory):
        os.mkfifo(directory + '/fifo')
        reader = self.open(directory + '/fifo', os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(directory + '/fifo', os.O_WRONLY | os.O_NONBLOCK)
        self.fill(writer)
        os.read(reader, PIPE_BUF)

        self.assertEqual(os.write(writer, bytes(2 * PIPE_BUF)), PIPE_BUF)

    @staticmethod
    def fill(writer):
        """Fill the pipe with whole pages."""
        while attempt(os.write, writer, bytes(PIPE_BUF)) != 'EAGAIN':
            pass


if __name__ == '__main__':
    fifofs_test.main()
