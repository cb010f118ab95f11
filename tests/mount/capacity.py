# SPDX-License-Identifier: LGPL-2.1-or-later
"""capacity: the pipe behind a FIFO holds as much as was asked for, or as is allowed."""

import fcntl
import json
import os
import subprocess

import fifofs_test
from fifofs_test import Mount, binary, stuck_in_open, wait_until

F_GETPIPE_SZ = 1032
KIB, MIB = 1024, 1024 * 1024


def size(fd):
    return fcntl.fcntl(fd, F_GETPIPE_SZ)


class Capacity(fifofs_test.TestCase):
    def mounted(self, options):
        self.mount = self.enterContext(Mount('trace,' + options))
        return self.mount.path

    def fifo(self, name, capacity=None):
        path = f'{self.mount.path}/{name}'
        os.mkfifo(path)
        if capacity is not None:
            os.setxattr(path, 'fifofs.capacity', capacity)
        return path

    def becomes(self, fd, wanted):
        wait_until(lambda: size(fd) == wanted, what=f'{wanted} bytes instead of {size(fd)}')

    def test_every_use_gets_it(self):
        self.mounted('capacity=1M,linger=1h')
        path = self.fifo('a')
        for _ in range(5):
            fd = self.open(path, os.O_RDWR)
            self.becomes(fd, MIB)
            self.close(fd)

    def test_fifos_and_directories_have_their_own(self):
        self.mounted('linger=1h')
        os.mkdir(self.mount.path + '/d')
        os.setxattr(self.mount.path + '/d', 'fifofs.capacity', b'256K')
        ends = [self.open(self.fifo(name, capacity), os.O_RDWR) for name, capacity in
                (('plain', None), ('large', b'512K'), ('small', b'4K'), ('d/in', None))]
        for fd, wanted in zip(ends[1:], (512 * KIB, 4 * KIB, 256 * KIB)):
            self.becomes(fd, wanted)
        self.assertEqual(size(ends[0]), 64 * KIB)
        for fd in ends:
            self.close(fd)

    def test_it_comes_while_data_flows(self):
        """How soon, the benchmark tells."""
        self.mounted('capacity=1M,linger=1h')
        path = self.fifo('a')

        def write():
            with open(path, 'wb', buffering=0) as fifo:
                for _ in range(1024):
                    fifo.write(b'x' * 65536)

        passed = []
        for _ in range(5):
            writer = self.spawn(write)
            fd = self.open(path, os.O_RDONLY)
            done = 0
            while size(fd) != MIB and (piece := os.read(fd, 65536)):
                done += len(piece)
            passed.append(done)
            while os.read(fd, MIB):
                pass
            self.close(fd)
            writer.result()
        self.assertLess(min(passed), 64 * MIB, passed)

    def test_it_may_be_asked_for_when_the_name_is_known_already(self):
        self.mounted('linger=1h')
        path = self.fifo('a')
        self.close(self.open(path, os.O_RDWR))
        os.setxattr(path, 'fifofs.capacity', b'1M')
        for _ in range(3):
            fd = self.open(path, os.O_RDWR)
            self.becomes(fd, MIB)
            self.close(fd)

    def test_short_uses_of_others_hold_nobody_up(self):
        """Each of them is looked for in vain, some of those times for 25 ms."""
        self.mounted('capacity=1M,linger=1h')
        paths = [self.fifo(str(number)) for number in range(500)]
        for path in paths:
            self.close(self.open(path, os.O_RDWR))
        fd = self.open(self.fifo('a'), os.O_RDWR)
        wait_until(lambda: size(fd) == MIB, timeout=5, what='the capacity')
        self.close(fd)

    def test_nobody_is_woken_or_fooled(self):
        self.mounted('capacity=1M,linger=1h')
        path = self.fifo('a')
        reader = self.spawn(os.open, path, os.O_RDONLY)
        stuck_in_open(reader.pid)
        fd = self.open(path, os.O_WRONLY)
        self.becomes(fd, MIB)
        self.assertGreater(reader.result(), 0)
        with self.assertRaises(BrokenPipeError):
            os.write(fd, b'x')
        self.close(fd)

    def test_less_is_given_where_as_much_is_not_allowed(self):
        """The daemon of root, too, keeps to what ordinary users may have."""
        with open('/proc/sys/fs/pipe-max-size', encoding='ascii') as limit:
            most = int(limit.read())
        path = self.mounted('allow_other,ceiling=0666,capacity=64M,linger=1h')
        fd = self.open(self.fifo('a'), os.O_RDWR)
        self.becomes(fd, most)
        info = json.loads(subprocess.run(
            [binary('FIFOCTL_BIN'), 'ls', '-J', '-o', 'CAPACITY,ASKED', path], check=True,
            capture_output=True).stdout)['fifofs'][0]
        self.assertEqual((info['capacity'], info['asked']), (most, 64 * MIB))
        self.close(fd)

    def test_data_that_waits_is_kept(self):
        self.mounted('linger=1h')
        path = self.fifo('a')
        fd = self.open(path, os.O_RDWR | os.O_NONBLOCK)
        os.write(fd, b'x' * 65536)
        os.setxattr(path, 'fifofs.capacity', b'4K')
        self.close(self.open(path, os.O_RDONLY | os.O_NONBLOCK))
        self.assertEqual(len(os.read(fd, MIB)), 65536)
        self.close(fd)


if __name__ == '__main__':
    fifofs_test.main()
