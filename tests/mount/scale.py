# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a FIFO costs: requests for each call, memory, and nothing at all while it lies idle.

FIFOFS_TEST_FIFOS=1000000 FIFOFS_TEST_IDLE_SECONDS=60 make it as large as it is meant to be.
"""

import collections
import os
import re
import signal
import time

import fifofs_test
from fifofs_test import USER_B, Mount, wait_until

COUNT = int(os.environ.get('FIFOFS_TEST_FIFOS', '2000'))
IDLE_SECONDS = float(os.environ.get('FIFOFS_TEST_IDLE_SECONDS', '2'))
# Making many takes its time.
PATIENCE = 30 + COUNT / 2000

TIMES = 50
MIB = 1 << 20
REQUEST = re.compile(r'fifofs_request_duration_seconds_count\{kind="(\w+)"\} (\d+)')
# The last uses of names that are no more are told in batches, at any time.
BATCHED = ('forget',)


def metrics(mount):
    with open(mount.path + '/.fifofs/metrics', encoding='utf-8') as stream:
        return stream.read()


def requests(mount):
    return collections.Counter({kind: int(count) for kind, count in REQUEST.findall(metrics(mount))})


class Requests(fifofs_test.TestCase):
    """The round trips between the kernel and the daemon, of which each call has as few as can be."""

    def setUp(self):
        super().setUp()
        self.mount = self.enterContext(Mount('linger=1h'))
        self.names = [f'{self.mount.path}/fifo-{number}' for number in range(TIMES)]
        requests(self.mount)

    def make(self):
        for name in self.names:
            os.mkfifo(name)

    def requests_of(self, call):
        """How many each of TIMES calls takes."""
        start = requests(self.mount)
        reading = requests(self.mount)
        for name in self.names:
            call(name)
        end = requests(self.mount)
        # Between two readings there is what the first of them takes.
        count = (end - reading) - (reading - start)
        # The first call may have to ask what the others know.
        return {kind: round(n / TIMES) for kind, n in count.items()
                if kind not in BATCHED and n >= TIMES / 2}

    def test_mkfifo_of_a_new_name(self):
        """The kernel forgets the attributes of a directory in which something has changed."""
        self.assertEqual(self.requests_of(os.mkfifo), {'lookup': 1, 'mknod': 1, 'getattr': 1})

    def test_unlink_of_a_known_name(self):
        self.make()
        self.assertEqual(self.requests_of(os.unlink), {'unlink': 1, 'getattr': 1})

    def test_rename(self):
        self.make()
        count = self.requests_of(lambda name: os.rename(name, name + '-new'))
        self.assertEqual(count, {'lookup': 1, 'rename': 1, 'getattr': 1})

    def test_creation_by_open(self):
        """CREATE is answered with ESTALE, and the kernel walks the path again, with the attributes that
        the directory has by then."""
        count = self.requests_of(
            lambda name: os.close(os.open(name, os.O_RDWR | os.O_CREAT, 0o600)))
        self.assertEqual(count, {'lookup': 2, 'create': 1, 'getattr': 1})

    def test_known_names_need_none(self):
        self.make()
        for call in (os.stat, lambda name: os.close(os.open(name, os.O_RDWR)),
                     lambda name: os.access(name, os.W_OK)):
            self.assertEqual(self.requests_of(call), {})

    def test_data_needs_none(self):
        self.make()
        ends = {name: os.open(name, os.O_RDWR) for name in self.names}
        self.assertEqual(self.requests_of(lambda name: os.write(ends[name], b'x' * 65536)), {})
        self.assertEqual(self.requests_of(lambda name: os.read(ends[name], 65536)), {})
        for fd in ends.values():
            os.close(fd)


def activity(pid):
    """Every turn that a thread of the process had, and the processor time that they took."""
    turns = 0
    for thread in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{thread}/status', encoding='utf-8') as stream:
            turns += sum(map(int, re.findall(r'ctxt_switches:\s*(\d+)', stream.read())))
    with open(f'/proc/{pid}/stat', encoding='utf-8') as stream:
        fields = stream.read().rpartition(')')[2].split()
    return turns, int(fields[11]) + int(fields[12])


def resident(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as stream:
        return int(re.search(r'VmRSS:\s*(\d+) kB', stream.read())[1]) * 1024


def journal(pid):
    """What the journal takes of the machine's memory."""
    for number in os.listdir(f'/proc/{pid}/fd'):
        if os.readlink(f'/proc/{pid}/fd/{number}').startswith('/memfd:fifofs-journal'):
            return os.stat(f'/proc/{pid}/fd/{number}').st_blocks * 512
    raise AssertionError('no journal')


class Idle(fifofs_test.TestCase):
    deadline_seconds = 3 * PATIENCE + 2 * IDLE_SECONDS

    def make(self, mount):
        for number in range(COUNT):
            os.mkfifo(f'{mount.path}/fifo-{number:011}')

    def count(self, mount, state):
        pattern = r'fifofs_fifos\{state="' + state + r'",lifetime="\w+"\} (\d+)'
        return sum(map(int, re.findall(pattern, metrics(mount))))

    def test_the_kernel_forgets_what_lies_idle_and_the_daemon_sleeps(self):
        mount = self.enterContext(Mount('linger=1s,grace=1h'))
        self.make(mount)
        for number in range(0, COUNT, 10):
            os.close(os.open(f'{mount.path}/fifo-{number:011}', os.O_RDWR))
        # The kernel may have the names of neither, and so no dentry and no inode.
        wait_until(lambda: self.count(mount, 'cached') + self.count(mount, 'in-use') == 0, PATIENCE,
                   'the kernel to know no name')
        self.assertEqual(self.count(mount, 'new'), COUNT - len(range(0, COUNT, 10)))
        self.assertEqual(self.count(mount, 'idle'), len(range(0, COUNT, 10)))

        # What is left to do after that is soon done, and then nothing is.
        wait_until(lambda: self.sleeps(mount.worker, 1), PATIENCE, 'the daemon to sleep')
        self.assertTrue(self.sleeps(mount.worker, IDLE_SECONDS), 'nothing happened, and it ran')

    def sleeps(self, pid, seconds):
        before = activity(pid)
        time.sleep(seconds)
        return activity(pid) == before

    def test_memory(self):
        """With a name of 16 bytes; fewer than 100,000 do not tell, as the heap grows in large steps."""
        mount = self.enterContext(Mount('linger=1h'))
        count = max(COUNT, 100000)
        # What all of them share is there then.
        for number in range(1000):
            os.mkfifo(f'{mount.path}/fifo-{number:011}')
        before = resident(mount.worker)
        for number in range(1000, 1000 + count):
            os.mkfifo(f'{mount.path}/fifo-{number:011}')
        self.assertLessEqual((resident(mount.worker) - before) / count, 256)
        # Up to three times what it is when it has just been written anew, and a megabyte.
        self.assertLessEqual(journal(mount.pid) / count, 3 * 96 + 2 ** 20 / count)


class EventReaders(fifofs_test.TestCase):
    deadline_seconds = 60

    def test_readers_of_events_that_never_read_cost_little(self):
        mount = self.enterContext(Mount('allow_other,lifetime=keep'))
        waits, ready = os.pipe()

        def hoard():
            held = [os.open(mount.path + '/.fifofs/events', os.O_RDONLY) for _ in range(500)]
            os.write(ready, b'.')
            signal.pause()
            return held

        def happen():
            for i in range(10000):
                os.mkfifo(f'{mount.path}/{i % 10}')
                os.unlink(f'{mount.path}/{i % 10}')

        happen()                                    # what is kept for one reader is there then
        before = resident(mount.worker)
        hoarder = self.spawn(hoard, uid=USER_B)
        os.read(waits, 1)
        happen()
        self.assertLess(resident(mount.worker) - before, 32 * MIB)
        hoarder.end()
        os.close(waits)
        os.close(ready)


if __name__ == '__main__':
    fifofs_test.main()
