# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers that die while handles of exclusive creation are read and written: no byte is lost or comes twice.

But for one case that is told: a write of no more than PIPE_BUF bytes may fail with EIO.
"""

import hashlib
import os
import random
import signal
import tempfile
import time

import fifofs_test
from fault_support import PATIENCE_SECONDS, Steps, settle, start_stepped, stepped_mount
from fifofs_test import Mount, attempt, stuck_in_open, wait_until

_KILLS = int(os.environ.get('FIFOFS_TEST_KILLS', '60'))
_RELEASE, _CREATE = 18, 35  # opcodes of linux/fuse.h
_STREAM_BYTES = 1 << 20
# As long orphans are looked for after a takeover, and then some.
_LOOKED_FOR_SECONDS = 0.5
_WRITES = (65537, 4097, 300_000, 8192)


def create(path, access):
    return os.open(path, os.O_CREAT | os.O_EXCL | access, 0o600)


def content(seed, size=_STREAM_BYTES):
    return random.Random(seed).randbytes(size)


def digest(data):
    """What a child can return without anybody reading it."""
    return len(data), hashlib.sha256(data).hexdigest()


def write_in_pieces(descriptor, data, sizes):
    """All of it, in writes of these sizes."""
    at = turn = 0
    while at < len(data):
        piece = data[at:at + sizes[turn % len(sizes)]]
        at += os.write(descriptor, piece)
        turn += 1


def read_to_end(descriptor, size=50_000):
    pieces = []
    while piece := os.read(descriptor, size):
        pieces.append(piece)
    return digest(b''.join(pieces))


def create_and_write(path, data, sizes):
    descriptor = create(path, os.O_WRONLY)
    write_in_pieces(descriptor, data, sizes)
    os.close(descriptor)


def create_and_read(path):
    return read_to_end(create(path, os.O_RDONLY))


def write_to(path, data, sizes):
    with open(path, 'wb', buffering=0) as stream:
        write_in_pieces(stream.fileno(), data, sizes)


def read_from(path):
    """Slowly enough that the writer has to wait now and then."""
    with open(path, 'rb', buffering=0) as stream:
        pieces = []
        while piece := stream.read(30_000):
            pieces.append(piece)
            time.sleep(0.0002)
        return digest(b''.join(pieces))


class AtEachStep(fifofs_test.TestCase):
    deadline_seconds = 240

    def setUp(self):
        self.steps, self.mount = start_stepped(self, 'lifetime=keep')
        self.path = self.mount.path
        settle(self.path)

    def each_step(self, *steps):
        """The worker dies at the step, and the next ones do too where they come there again."""
        for step in steps:
            deaths = 1 if step in ('opened', 'kept', 'ended') else 3
            with self.subTest(step=step):
                self.steps.arm(0, step, times=deaths)
                yield f'{self.path}/{step}'
                # A reader has the end of the file before the relay is at its end.
                wait_until(lambda: not self.steps.armed, PATIENCE_SECONDS, f'{step} to be reached')
                wait_until(lambda: self.mount.worker, PATIENCE_SECONDS, 'another worker')
                settle(self.path)

    def test_bytes_that_are_written(self):
        data = content(1)
        for path in self.each_step('opened', 'kept', 'filled', 'moved', 'answered', 'ended'):
            writer = self.spawn(create_and_write, path, data, _WRITES)
            wait_until(lambda: os.path.exists(path), PATIENCE_SECONDS, 'the name')
            self.assertEqual(read_from(path), digest(data))
            writer.result()

    def test_bytes_that_are_read(self):
        data = content(2)
        for path in self.each_step('opened', 'kept', 'taken', 'copied', 'answered', 'ended'):
            reader = self.spawn(create_and_read, path)
            wait_until(lambda: os.path.exists(path), PATIENCE_SECONDS, 'the name')
            write_to(path, data, _WRITES + (1, 100))
            self.assertEqual(reader.result(), digest(data))

    def test_small_write_of_which_nobody_knows_is_told(self):
        self.steps.arm(0, 'put')
        descriptor = create(self.path + '/new', os.O_RDWR)
        self.assertEqual(attempt(os.write, descriptor, b'x'), 'EIO')
        self.assertTrue(self.steps.disarm())
        self.assertEqual(os.write(descriptor, b'y'), 1)
        self.assertEqual(os.read(descriptor, 10), b'xy')
        os.close(descriptor)

    def test_ends_that_were_closed_leave_nothing_open(self):
        path = self.path + '/new'
        for opcode, step in ((_RELEASE, 'read'), (0, 'ended')):
            with self.subTest(step=step):
                before = len(os.listdir(f'/proc/{self.mount.pid}/fd'))
                descriptor = create(path, os.O_RDWR)
                os.write(descriptor, bytes(5000))
                self.steps.arm(opcode, step)
                os.close(descriptor)
                os.unlink(path)
                wait_until(lambda: not self.steps.armed, PATIENCE_SECONDS, step)
                settle(self.path)
                wait_until(lambda: len(os.listdir(f'/proc/{self.mount.pid}/fd')) <= before,
                           PATIENCE_SECONDS, 'all to be closed')


class Orphans(fifofs_test.TestCase):
    """Who is killed after a worker has carried out what he wants takes the request back."""

    def setUp(self):
        self.steps, self.mount = start_stepped(self, 'grace=1s')
        self.path = self.mount.path
        settle(self.path)

    def kill_creator_between_workers(self, path, access):
        supervisor, worker = self.mount.pid, self.mount.worker
        self.steps.arm(_CREATE, 'committed')
        os.kill(supervisor, signal.SIGSTOP)
        try:
            creator = self.spawn(create, path, access)
            wait_until(lambda: not self.steps.armed, PATIENCE_SECONDS, 'the worker to die')
            self.steps.arm(0, 'resent', 0)
        finally:
            os.kill(supervisor, signal.SIGCONT)
        wait_until(lambda: self.steps.waits, PATIENCE_SECONDS, 'another worker')
        self.assertNotEqual(self.mount.worker, worker)
        os.kill(creator.pid, signal.SIGKILL)
        creator.wait()
        self.steps.disarm()

    def test_no_handle_is_left_that_nobody_has(self):
        before = len(os.listdir(f'/proc/{self.mount.pid}/fd'))
        for access in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
            with self.subTest(access=access):
                path = f'{self.path}/{access}'
                self.kill_creator_between_workers(path, access)
                wait_until(lambda: not os.path.lexists(path), PATIENCE_SECONDS, 'it to go')
        wait_until(lambda: len(os.listdir(f'/proc/{self.mount.pid}/fd')) <= before,
                   PATIENCE_SECONDS, 'all to be closed')

    def test_handle_of_a_creator_that_has_ended_is_kept(self):
        told, tell = os.pipe()
        creator = self.spawn(self.leave_handle_to_child, self.path + '/new', told)
        creator.wait()
        self.mount.kill_worker()
        settle(self.path)
        time.sleep(_LOOKED_FOR_SECONDS)
        with open(self.path + '/new', 'rb') as stream:
            os.write(tell, b'go')
            self.assertEqual(stream.read(), b'hello')
        os.close(told)
        os.close(tell)

    @staticmethod
    def leave_handle_to_child(path, told):
        descriptor = create(path, os.O_WRONLY)
        if os.fork() == 0:
            os.write(descriptor, b'hello' if os.read(told, 2) else b'')
            os._exit(0)


class Locks(fifofs_test.TestCase):
    """Of directories, which whoever creates has while the daemon is asked."""

    def waiting_thread(self):
        """The Steps and the path of a mount whose relay thread has yet to find where FIFOs are opened."""
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix='fifofs-steps-'))
        steps = Steps(folder + '/step')
        steps.arm(0, 'walking', 0)
        mount = self.enterContext(stepped_mount(steps, 'lifetime=keep', until_ready=False))
        wait_until(lambda: steps.waits, PATIENCE_SECONDS, 'the relay thread to look around')
        return steps, mount.path

    def test_who_has_the_lock_that_the_relay_thread_needs_is_answered(self):
        steps, path = self.waiting_thread()
        os.close(create(path + '/closed', os.O_WRONLY))
        queued = create(path + '/queued', os.O_RDWR)
        try:
            for name in ('closed', 'queued'):
                again = self.spawn(attempt, create, f'{path}/{name}', os.O_RDWR)
                self.assertEqual(again.result(), 'EEXIST', name)
        finally:
            steps.disarm()
        self.assertEqual(os.write(queued, b'x'), 1)
        os.close(queued)

    @staticmethod
    def read_without(descriptor, path):
        os.close(descriptor)
        return read_from(path)

    def test_who_closes_before_it_is_opened_is_nobodys_other_end(self):
        steps, path = self.waiting_thread()
        for access in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
            os.close(create(f'{path}/{access}', access))
        writers = [self.spawn(write_to, f'{path}/{access}', b'hello', (5,))
                   for access in range(3)]
        for writer in writers:
            stuck_in_open(writer.pid)
        read_too = create(path + '/read', os.O_WRONLY)
        reader = self.spawn(self.read_without, read_too, path + '/read')
        stuck_in_open(reader.pid)
        os.close(read_too)
        steps.disarm()
        self.assertEqual(reader.result(), digest(b''))
        for access, writer in enumerate(writers):
            stuck_in_open(writer.pid)
            self.assertEqual(read_from(f'{path}/{access}'), digest(b'hello'))
            writer.result()


class AtAnyMoment(fifofs_test.TestCase):
    deadline_seconds = 600

    def test_streams_of_many_handles_come_out_whole(self):
        done = 0
        turn = 0
        with Mount('lifetime=keep') as mount:
            while done < _KILLS:
                turn += 1
                seeds = range(turn * 10, turn * 10 + 3)
                writers = [self.spawn(create_and_write, f'{mount.path}/w{seed}', content(seed),
                                      _WRITES) for seed in seeds]
                readers = [self.spawn(create_and_read, f'{mount.path}/r{seed}') for seed in seeds]
                for seed in seeds:
                    for letter in 'wr':
                        wait_until(lambda name=f'{letter}{seed}':
                                   os.path.exists(f'{mount.path}/{name}'), PATIENCE_SECONDS)
                others = [self.spawn(read_from, f'{mount.path}/w{seed}') for seed in seeds]
                others += [self.spawn(write_to, f'{mount.path}/r{seed}', content(seed), _WRITES)
                           for seed in seeds]
                while not all(child.has_ended() for child in writers + readers):
                    time.sleep(random.uniform(0, 0.02))
                    mount.kill_worker()
                    settle(mount.path)
                    done += 1
                for seed, writer, reader, taker, giver in zip(
                        seeds, writers, readers, others[:3], others[3:]):
                    writer.result()
                    giver.result()
                    self.assertEqual(taker.result(), digest(content(seed)), 'written')
                    self.assertEqual(reader.result(), digest(content(seed)), 'read')
                for name in os.listdir(mount.path):
                    os.unlink(f'{mount.path}/{name}')
            settle(mount.path)


if __name__ == '__main__':
    fifofs_test.main()
