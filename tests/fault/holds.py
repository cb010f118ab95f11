# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers are killed at random moments, and at each step of holding, and no byte is lost.

Each FIFO has writers that come and go and readers that do, one after the other, so that for most of
the time nobody has it open but the supervisor. What arrives is what was written, in order, once.
"""

import contextlib
import os
import random
import signal
import tempfile
import threading
import time

import fifofs_test
from fault_support import (
    KILLS, PATIENCE_SECONDS, Steps, attempt, pipes, seed_of_test, settle, stepped_mount)
from fifofs_test import Mount, wait_until

HOLDS = ('read', 'both')


def write_record(path, record):
    """One write of a writer of its own; nobody reads yet."""
    with open(path, 'wb', buffering=0) as fifo:
        fifo.write(record)


def read_record(path, size):
    with open(path, 'rb', buffering=0) as fifo:
        got = b''
        while len(got) < size:
            block = fifo.read(size - len(got))
            if not block:
                break
            got += block
        return got


def use(path, stop, seed):
    """Write some, read some, until told to stop; what is left is read in the end."""
    choose = random.Random(seed)
    written = read = 0
    records = []
    while not os.path.exists(stop):
        if records and (len(records) > 6 or choose.random() < 0.5):
            wanted = records.pop(0)
            got = read_record(path, len(wanted))
            if got != wanted:
                raise AssertionError(f'record {read}: {got[:60]!r}, not {wanted[:60]!r}')
            read += 1
        else:
            record = b'%d:' % written + choose.randbytes(choose.randrange(1, 4000))
            write_record(path, record)
            records.append(record)
            written += 1
        time.sleep(choose.random() * 0.02)
    for wanted in records:
        if read_record(path, len(wanted)) != wanted:
            raise AssertionError('what was left is not what was written')
    return written


def exchange(directory, stop, seed):
    """Write into one of some FIFOs, and read it there, one after the other, until told to stop.

    Once at least: where the machine is slow, workers may have died faster than they could serve.
    """
    choose = random.Random(seed)
    os.mkdir(directory)
    paths = [f'{directory}/{number}' for number in range(2)]
    for path in paths:
        os.mkfifo(path)
        os.setxattr(path, 'fifofs.hold', b'both')
    done = 0
    while done == 0 or not os.path.exists(stop):
        path = choose.choice(paths)
        message = b'%d' % done
        flags = choose.choice((0, os.O_NONBLOCK))
        for access, act in ((os.O_WRONLY, lambda fd, text=message: os.write(fd, text)),
                            (os.O_RDONLY, lambda fd: os.read(fd, 100))):
            descriptor = os.open(path, access | flags)
            outcome = act(descriptor)
            os.close(descriptor)
        if outcome != message:
            raise AssertionError(f'{path}: {outcome!r}, not {message!r}')
        done += 1


class Kills(fifofs_test.TestCase):
    deadline_seconds = 600

    def test_no_byte_is_lost_however_often_a_worker_dies(self):
        seed = seed_of_test()
        choose = random.Random(seed)
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix='fifofs-holds-'))
        mount = self.enterContext(Mount('allow_other,lifetime=keep,linger=1s'))
        clients = []
        for number in range(6):
            path = f'{mount.path}/{number}'
            os.mkfifo(path)
            os.setxattr(path, 'fifofs.hold', HOLDS[number % 2].encode())
            clients.append(self.spawn(use, path, folder + '/stop', seed + number))
        for _ in range(KILLS // 4):
            time.sleep(choose.random() * 0.15)
            with contextlib.suppress(ProcessLookupError):
                mount.kill_worker()
        open(folder + '/stop', 'wb').close()
        written = 0
        for number, client in enumerate(clients):
            with self.subTest(seed=seed, hold=HOLDS[number % 2]):
                written += client.result()
        self.assertGreater(written, KILLS)
        for number in range(6):
            os.unlink(f'{mount.path}/{number}')
        wait_until(lambda: len(os.listdir(f'/proc/{mount.pid}/fd')) < 40, PATIENCE_SECONDS,
                   'the ends to be closed')

    def test_what_many_fifos_hold_outlives_kills_and_upgrades(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix='fifofs-holds-'))
        mount = self.enterContext(Mount('lifetime=keep,linger=1s'))
        clients = [self.spawn(exchange, f'{mount.path}/{number}', folder + '/stop', number)
                   for number in range(20)]
        for turn in range(KILLS // 2):
            if turn % 3 == 0:
                os.kill(mount.pid, signal.SIGUSR2)
            if turn % 3 < 2:
                with contextlib.suppress(ProcessLookupError):
                    mount.kill_worker()
            time.sleep(random.random() * 0.15)
        open(folder + '/stop', 'wb').close()
        for client in clients:
            client.result()

    def test_who_reads_later_gets_what_the_supervisor_could_not_be_told_of(self):
        """He learns of openings and ends by a socket, which was full."""
        mount = self.enterContext(Mount('lifetime=keep'))
        settle(mount.path)
        paths = [mount.path + '/busy', mount.path + '/a']
        for path in paths:
            os.mkfifo(path)
            os.setxattr(path, 'fifofs.hold', b'read')
            os.stat(path)                       # is answered once it is held
        os.kill(mount.pid, signal.SIGSTOP)
        for _ in range(400):
            os.close(os.open(paths[0], os.O_WRONLY))
            time.sleep(0.002)                   # or it counts as busy, and is not followed
        write_record(paths[1], b'line')
        time.sleep(0.5)                         # whoever asks now has it looked at once more
        os.kill(mount.pid, signal.SIGCONT)
        reader = self.spawn(read_record, paths[1], 4)
        wait_until(reader.has_ended, PATIENCE_SECONDS, 'the reader to be let in')
        self.assertEqual(reader.result(), b'line')

    def test_a_reader_sees_no_end_however_often_a_worker_dies(self):
        mount = self.enterContext(Mount('allow_other,lifetime=keep,linger=1s'))
        path = mount.path + '/a'
        os.mkfifo(path)
        os.setxattr(path, 'fifofs.hold', b'write')
        total = 400

        def read_all():
            with open(path, 'rb', buffering=0) as fifo:
                return b''.join(iter(lambda: fifo.read(65536), b''))

        def write_lines():
            for number in range(total):
                write_record(path, b'%d\n' % number)
                time.sleep(0.01)
        reader = self.spawn(read_all)
        writer = self.spawn(write_lines)
        killer = threading.Event()

        def kill():
            while not killer.wait(random.random() * 0.1):
                with contextlib.suppress(ProcessLookupError):
                    mount.kill_worker()
        thread = threading.Thread(target=kill)
        thread.start()
        try:
            writer.result()
        finally:
            killer.set()
            thread.join()
        os.setxattr(path, 'fifofs.hold', b'none')
        self.assertEqual(reader.result(), b''.join(b'%d\n' % number for number in range(total)))

    def test_lifetimes_are_exact_however_often_a_worker_dies(self):
        mount = self.enterContext(Mount('allow_other,lifetime=use,linger=0'))
        for number in range(max(KILLS // 10, 4)):
            path = f'{mount.path}/{number}'
            os.mkfifo(path)
            os.setxattr(path, 'fifofs.hold', ('read', 'write', 'both')[number % 3].encode())
            fd = os.open(path, os.O_RDWR)
            mount.kill_worker()
            settle(mount.path)
            self.assertIn(path, pipes(mount.path))
            os.close(fd)
            if number % 2:
                mount.kill_worker()
            wait_until(lambda: path not in pipes(mount.path), PATIENCE_SECONDS, f'{path} to go')


class Steps_(fifofs_test.TestCase):
    """A worker that dies between asking the supervisor and hearing of it."""

    deadline_seconds = 240

    def test_a_worker_may_die_before_and_after_it_asks(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix='fifofs-steps-'))
        steps = Steps(folder + '/step')
        mount = self.enterContext(stepped_mount(steps, 'allow_other,lifetime=keep,linger=1s'))
        os.mkfifo(mount.path + '/first')
        os.setxattr(mount.path + '/first', 'fifofs.hold', b'read')
        for step in ('asking', 'held'):
            for hold in HOLDS:
                for number in range(3):
                    with self.subTest(step=step, hold=hold):
                        self.die_at(mount, steps, step, hold, f'{mount.path}/{step}-{hold}-{number}')

    def die_at(self, mount, steps, step, hold, path):
        """As it is held, as it is probed, and as it is let go."""
        worker = mount.worker
        os.mkfifo(path)
        steps.arm(0, step)
        self.assertIsNone(self.spawn(attempt, os.setxattr, path, 'fifofs.hold', hold.encode()).result())
        settle(mount.path)
        self.assertTrue(steps.disarm(), f'{step} is not reached')
        wait_until(lambda: mount.worker != worker, PATIENCE_SECONDS, 'another worker')
        write_record(path, b'kept')
        steps.arm(0, step)                          # a use is followed by a probe
        with contextlib.suppress(fifofs_test.DeadlineExceeded):
            wait_until(lambda: not steps.armed, 1)
        settle(mount.path)
        self.assertTrue(steps.disarm(), f'{step} is not reached by a probe')
        self.assertEqual(self.spawn(read_record, path, 4).result(), b'kept')
        steps.arm(0, step)
        os.unlink(path)
        with contextlib.suppress(fifofs_test.DeadlineExceeded):
            wait_until(lambda: not steps.armed, 1)
        steps.disarm()
        settle(mount.path)
        most = len(os.listdir(f'/proc/{mount.pid}/fd'))
        self.assertLess(most, 60)


if __name__ == '__main__':
    fifofs_test.main()
