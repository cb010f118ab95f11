# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers that are stopped, or want for memory, files or room for reports: nobody notices."""

import os
import random
import resource
import signal
import sys
import time

import fifofs_test
from fault_support import (
    KILLS, PATIENCE_SECONDS, assert_nothing_leaks, attempt, pipes, seed_of_test, settle, walk)
from fifofs_test import Mount, binary, libc_call, threads, wait_until
from kills import Stop, hold, keep_house

# More than the queue of an inotify instance takes (/proc/sys/fs/inotify/max_queued_events).
_EVENTS = 20000

_SIGNALS = 10000


def open_again_and_again(*descriptors):
    """More reports than the queue takes: of two FIFOs in turn, as equal ones count as one."""
    for i in range(_EVENTS // 2):
        os.close(os.open(f'/proc/self/fd/{descriptors[i % 2]}', os.O_RDWR))


def signal_thread(pid, name, signal_number):
    """Again and again."""
    thread = next(number for number, its_name in threads(pid).items() if its_name == name)
    for _ in range(_SIGNALS):
        libc_call('tgkill', pid, thread, signal_number)
        time.sleep(0.0001)


class Files(fifofs_test.TestCase):
    """A supervisor keeps files open that workers need, and needs some itself."""

    deadline_seconds = 120
    MOST = 1024

    def setUp(self):
        super().setUp()
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * self.MOST, before[1]))

    def create(self, path):
        end = self.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR)
        os.write(end, b'x')
        return end

    def test_what_users_take_leaves_enough_to_start_a_worker(self):
        with Mount('lifetime=keep', program='prlimit', arguments=[
                f'--nofile={self.MOST}:{self.MOST}', binary('FIFOFS_BIN')]) as mount:
            for number in range(self.MOST // 4):
                os.mkfifo(f'{mount.path}/held-{number}')
                attempt(os.setxattr, f'{mount.path}/held-{number}', 'fifofs.hold', b'both')
            ends = []
            while isinstance(end := attempt(self.create, f'{mount.path}/relayed-{len(ends)}'), int):
                ends.append(end)
            self.assertEqual(end, 'ENFILE')
            self.assertGreater(len(ends), 100)
            for _ in range(2):
                mount.kill_worker()
                settle(mount.path)
            self.assertNotIn('cannot execute', mount.log())
            for end in ends:
                self.assertEqual(os.read(end, 10), b'x')
                self.close(end)


class Want(fifofs_test.TestCase):
    deadline_seconds = 120 + KILLS

    def clients(self, mount, stop, seed):
        """Two who keep house, and one who holds FIFOs that are due when nobody does."""
        for name in ('house1', 'house2', 'hold'):
            os.mkdir(f'{mount.path}/{name}')
        os.setxattr(mount.path + '/hold', 'fifofs.lifetime', b'use')
        os.setxattr(mount.path + '/hold', 'fifofs.linger', b'0')
        # A use that could not be watched for want of files has not been noticed.
        os.setxattr(mount.path + '/hold', 'fifofs.grace', b'8s')
        return ([self.spawn(keep_house, f'{mount.path}/house{i}', stop, seed + i) for i in (1, 2)],
                self.spawn(hold, mount.path + '/hold', stop, seed))

    def through(self, trouble, n_times):
        """Clients work while trouble(mount, choose) comes so often; then all is as it must be."""
        seed = seed_of_test()
        print(f'FIFOFS_TEST_SEED={seed}', file=sys.stderr)
        choose = random.Random(seed)
        with Mount('allow_other,lifetime=keep') as mount:
            stop = Stop()
            houses, holder = self.clients(mount, stop, seed)
            for _ in range(n_times):
                trouble(mount, choose)
            settle(mount.path)
            stop.set()
            expected = set()
            for house in houses:
                _, nodes = house.result()
                expected |= {path for path, kind in nodes.items() if kind == 'p'}
            self.assertGreater(holder.result(), 0)
            wait_until(lambda: not os.listdir(mount.path + '/hold'), PATIENCE_SECONDS,
                       'what nobody holds to go')
            self.assertEqual(set(pipes(mount.path)), expected)
            self.assertEqual(walk(mount.path)[0], expected)
            assert_nothing_leaks(self, mount)

    def test_a_worker_that_is_stopped_now_and_then(self):
        def trouble(mount, choose):
            worker = mount.worker
            os.kill(worker, signal.SIGSTOP)
            time.sleep(choose.random() * 0.1)
            os.kill(worker, signal.SIGCONT)
            time.sleep(choose.random() * 0.05)

        self.through(trouble, max(20, KILLS // 5))

    def test_a_worker_that_wants_for_files(self):
        def trouble(mount, choose):
            before = resource.prlimit(mount.worker, resource.RLIMIT_NOFILE)
            n_files = choose.randrange(0, 20)
            resource.prlimit(mount.worker, resource.RLIMIT_NOFILE, (n_files, before[1]))
            time.sleep(choose.random() * 0.2)
            mount.kill_worker()
            wait_until(lambda: attempt(os.stat, mount.path + '/nothing') == 'ENOENT')

        self.through(trouble, max(10, KILLS // 20))

    def test_a_worker_that_wants_for_memory(self):
        """It may die of it; the next one has its memory."""
        def trouble(mount, choose):
            resource.prlimit(mount.worker, resource.RLIMIT_AS, (1 << 20, 1 << 20))
            time.sleep(1.1)                             # longer than what counts as a crash loop
            wait_until(lambda: attempt(os.stat, mount.path + '/nothing') == 'ENOENT')
            mount.kill_worker()
            time.sleep(choose.random() * 0.2)

        self.through(trouble, max(5, KILLS // 40))

    def test_a_worker_that_gets_signals(self):
        """As a worker sends itself, to wake the thread that serves: no call may fail of it."""
        with Mount('lifetime=process') as mount:
            kept = {f'{mount.path}/{number}' for number in range(8)}
            for path in kept:
                os.mkfifo(path)
            signals = self.spawn(signal_thread, mount.worker, 'requests', signal.SIGUSR1)
            while not signals.has_ended():
                os.mkfifo(mount.path + '/new')
                os.unlink(mount.path + '/new')
            self.assertEqual(set(pipes(mount.path)), kept)

    def test_more_reports_than_the_queue_takes(self):
        with Mount('allow_other,lifetime=use,linger=0') as mount:
            held, used = mount.path + '/held', mount.path + '/used'
            os.mkfifo(held)
            os.mkfifo(used)
            descriptor = self.open(held, os.O_RDWR)
            another = self.open(used, os.O_RDWR)
            settle(mount.path)
            begun = time.monotonic()
            os.stat(held)
            os.stat(used)                # so that no open has to ask for it
            os.kill(mount.worker, signal.SIGSTOP)
            opener = self.spawn(open_again_and_again, descriptor, another)
            wait_until(lambda: opener.has_ended() or time.monotonic() > begun + 5, 10)
            mount.kill_worker()
            opener.result()
            settle(mount.path)
            self.close(another)
            wait_until(lambda: not os.path.exists(used), PATIENCE_SECONDS, 'what was used to go')
            self.assertTrue(os.path.exists(held))
            self.close(descriptor)
            wait_until(lambda: not os.path.exists(held), PATIENCE_SECONDS, 'it to go')


if __name__ == '__main__':
    fifofs_test.main()
