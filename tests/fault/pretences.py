# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clocks that are set forth and back, and other things that do not happen here (pretence.c)."""

import ctypes
import os
import signal
import stat
import struct
import subprocess
import tempfile
import time
import unittest.mock

import fifofs_test
import restart
from fault_support import (
    PATIENCE_SECONDS, Steps, assert_nothing_leaks, children, pipes, settle, stepped_mount,
    wait_for_itself)
from fifofs_test import (
    Mount, attempt, binary, fifoctl, libc_call, stuck_in, wait_until, worker_of)

LOOKUP, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, RELEASE, CREATE = 1, 8, 9, 10, 11, 12, 18, 35


def create_by_open(path):
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def create_exclusively(path):
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def write_once(descriptor, size):
    """Without Python's own repetition of what was cut short."""
    return libc_call('write', descriptor, ctypes.create_string_buffer(size),
                     ctypes.c_size_t(size))


def read_once(descriptor):
    """Python reads again where it is interrupted."""
    return libc_call('read', descriptor, ctypes.create_string_buffer(65536), 65536)


class Clock:
    """The wall clock of a daemon, which is wrong by some hours."""

    def __init__(self, folder):
        self.path = folder + '/hours'
        self.set(0)
        os.chmod(folder, 0o755)
        os.chmod(self.path, 0o644)

    def set(self, hours):
        mode = 'r+b' if os.path.exists(self.path) else 'wb'
        with open(self.path, mode) as stream:
            stream.write(struct.pack('=h', hours))

    @property
    def environment(self):
        return {'LD_PRELOAD': binary('FIFOFS_PRETENCE_LIB'), 'FIFOFS_PRETENCE': self.path}


class PretenceTestCase(fifofs_test.TestCase):

    def folder(self):
        return self.enterContext(tempfile.TemporaryDirectory(prefix='fifofs-pretence-'))


class ClockStep(PretenceTestCase):
    """Deadlines are times that pass, not times of day."""

    deadline_seconds = 60

    def setUp(self):
        super().setUp()
        self.clock = Clock(self.folder())

    def mount(self, options):
        return self.enterContext(Mount(options, environment=self.clock.environment))

    def made(self, mount):
        return pipes(mount.path)[mount.path + '/fifo']['created']

    def test_what_the_test_sets_is_the_daemons_clock(self):
        mount = self.mount('lifetime=keep')
        self.clock.set(-24)
        os.mkfifo(mount.path + '/fifo')
        self.assertAlmostEqual(self.made(mount), time.time() - 24 * 3600, delta=60)

    def assert_goes_in_time(self, hours, meanwhile):
        """A FIFO of a maximal age of three seconds, while the clock is set and meanwhile(mount)."""
        mount = self.mount('lifetime=keep,max-age=3s')
        begun = time.monotonic()
        os.mkfifo(mount.path + '/fifo')
        self.clock.set(hours)
        meanwhile(mount)
        while time.monotonic() < begun + 2.5:
            self.assertIn('fifo', os.listdir(mount.path))
            time.sleep(0.1)
        wait_until(lambda: not os.listdir(mount.path), PATIENCE_SECONDS, 'it to go')
        self.assertGreaterEqual(time.monotonic() - begun, 3)
        self.assertLess(time.monotonic() - begun, 10)

    def test_nothing_goes_early_or_late(self):
        for hours in (24, -24):
            with self.subTest(hours=hours):
                self.assert_goes_in_time(hours, lambda mount: None)

    def test_nothing_goes_early_or_late_after_a_takeover(self):
        for hours in (24, -24):
            with self.subTest(hours=hours):
                self.assert_goes_in_time(hours, Mount.kill_worker)

    def test_creators_live_on(self):
        mount = self.mount('lifetime=process')
        os.mkfifo(mount.path + '/fifo')
        for hours in (24, -24):
            self.clock.set(hours)
            mount.kill_worker()
            settle(mount.path)
            self.assertEqual(os.listdir(mount.path), ['fifo'])

    def test_fifoctl_shows_ages_all_the_same(self):
        mount = self.mount('lifetime=keep')
        os.mkfifo(mount.path + '/fifo')
        for hours in (24, -24):
            self.clock.set(hours)
            for command in (('ls', '--output-all'), ('ls', '--json'), ('graph',), ('info',)):
                arguments = [*command, mount.path + ('/fifo' if command == ('info',) else '')]
                shown = fifoctl(*arguments)
                self.assertEqual(shown.returncode, 0, shown.stderr)
                self.assertNotRegex(shown.stdout, r'(?m)(^|\s)-\d', arguments)


class SlowMachine(PretenceTestCase):

    deadline_seconds = 60

    def test_who_is_told_that_it_is_mounted_can_unmount_it(self):
        """The daemon has a look at its own mount, which must be over by then."""
        mountpoint = self.folder()
        environment = {**os.environ, 'LD_PRELOAD': binary('FIFOFS_PRETENCE_LIB'),
                       'FIFOFS_SLOW_LOOK': '1'}
        subprocess.run([binary('FIFOFS_BIN'), mountpoint], env=environment, check=True)
        self.addCleanup(subprocess.run, ['umount', '--lazy', '--quiet', mountpoint], check=False)
        outcome = subprocess.run(['fusermount3', '-u', mountpoint], capture_output=True, check=False)
        self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))

    def test_signal_to_a_worker_that_is_not_executed_yet_ends_only_that_one(self):
        """It has the handlers of its parent, and files of its own under their numbers."""
        slow = self.folder() + '/slow'
        mount = self.enterContext(Mount('lifetime=keep', environment={
            'LD_PRELOAD': binary('FIFOFS_PRETENCE_LIB'), 'FIFOFS_SLOW_EXEC': slow}))
        os.mkfifo(mount.path + '/a')
        settle(mount.path)
        with open(slow, 'wb'):
            pass
        mount.kill_worker()
        for name in ('SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'):
            with self.subTest(signal=name):
                wait_until(lambda: children(mount.pid), PATIENCE_SECONDS, 'the next one')
                child, = children(mount.pid)
                stuck_in(child, 'nanosleep')
                os.kill(child, signal.Signals[name])
                wait_until(lambda: child not in children(mount.pid), PATIENCE_SECONDS, 'its end')
        os.unlink(slow)
        settle(mount.path)
        self.assertEqual(os.listdir(mount.path), ['a'])


@unittest.skipIf(os.environ.get('FIFOFS_TELLS_READY') == '0', 'built without systemd')
class Restarting(PretenceTestCase):
    """systemd restarts the service."""

    deadline_seconds = 60

    def setUp(self):
        super().setUp()
        self.path = self.folder()
        self.manager = restart.Manager(self.folder())
        self.addCleanup(self.manager.close)
        self.addCleanup(subprocess.run, ['umount', '--lazy', '--quiet', self.path], check=False)
        self.enterContext(unittest.mock.patch.dict(os.environ, {
            'LD_PRELOAD': binary('FIFOFS_PRETENCE_LIB'), 'FIFOFS_RESTARTING': '1'}))

    def start(self):
        daemon = self.manager.start(self.path)
        self.addCleanup(daemon.stderr.close)
        self.addCleanup(lambda: daemon.poll() is None and (daemon.kill(), daemon.wait()))
        self.manager.until('READY=1')
        return daemon

    def check_that_the_mount_stays(self, end):
        daemon = self.start()
        os.mkfifo(self.path + '/kept')
        end(daemon)
        self.assertEqual(daemon.wait(PATIENCE_SECONDS), 0)
        self.start()
        self.assertEqual(os.listdir(self.path), ['kept'])

    def test_mount_stays(self):
        self.check_that_the_mount_stays(subprocess.Popen.terminate)

    def test_mount_stays_where_the_worker_ends_before_its_supervisor_hears_of_it(self):
        """Both are told."""
        self.check_that_the_mount_stays(
            lambda daemon: os.kill(worker_of(daemon.pid), signal.SIGTERM))


class OldKernel(PretenceTestCase):
    """Before Linux 6.9 a request that a dead worker has read is not sent again, but answered."""

    deadline_seconds = 60

    def setUp(self):
        super().setUp()
        self.steps = Steps(self.folder() + '/step')
        self.mount = self.enterContext(stepped_mount(self.steps, 'lifetime=keep', environment={
            'LD_PRELOAD': binary('FIFOFS_PRETENCE_LIB'), 'FIFOFS_OLD_KERNEL': '1'}))
        self.path = self.mount.path

    def die_in(self, opcode, step, call, *arguments):
        """What the call gets while the worker dies at that step of that kind of request."""
        settle(self.path)
        self.steps.arm(opcode, step)
        answer = self.spawn(attempt, call, *arguments).result()
        self.assertTrue(self.steps.disarm(), 'the worker did not die')
        settle(self.path)
        return answer

    def test_takeovers_go_well_and_it_is_said_what_is_not_promised(self):
        os.mkfifo(self.path + '/fifo')
        for _ in range(3):
            self.mount.kill_worker()
            settle(self.path)
            self.assertEqual(os.listdir(self.path), ['fifo'])
        self.assertIn('this kernel cannot send requests again', self.mount.log())

    def test_a_worker_that_waits_for_itself_is_followed_by_another(self):
        os.setxattr(self.path, 'fifofs.lifetime', b'auto')
        os.setxattr(self.path, 'fifofs.linger', b'100ms')
        other = wait_for_itself(self, self.mount, self.steps)
        worker = self.mount.worker
        os.kill(worker, signal.SIGKILL)
        # The kernel does not walk again for mknod(2).
        self.assertIn(other.wait(PATIENCE_SECONDS), (0, 1))
        wait_until(lambda: self.mount.worker != worker, PATIENCE_SECONDS, 'another worker')
        self.steps.disarm()

    def test_calls_by_path_get_their_answers_from_the_next_worker(self):
        os.mkfifo(self.path + '/fifo')
        for opcode, answer, call, *names in (
                (LOOKUP, 'ENOENT', os.stat, 'nothing'),
                (MKNOD, None, os.mkfifo, 'new'),
                (MKDIR, None, os.mkdir, 'directory'),
                (RENAME, None, os.rename, 'fifo', 'renamed'),
                (UNLINK, None, os.unlink, 'renamed'),
                (RMDIR, None, os.rmdir, 'directory'),
                # Its usual answer has the kernel try again too, which it does once.
                (CREATE, 'ESTALE', create_by_open, 'opened')):
            with self.subTest(call=call.__name__):
                paths = [f'{self.path}/{name}' for name in names]
                self.assertEqual(self.die_in(opcode, 'read', call, *paths), answer)
        self.assertEqual(sorted(os.listdir(self.path)), ['new', 'opened'])
        assert_nothing_leaks(self, self.mount)

    def test_what_was_carried_out_is_told_to_have_been(self):
        for opcode, call, *names in (
                (MKNOD, os.mkfifo, 'new'),
                (MKDIR, os.mkdir, 'directory'),
                (RENAME, os.rename, 'new', 'renamed'),
                (UNLINK, os.unlink, 'renamed'),
                (RMDIR, os.rmdir, 'directory')):
            with self.subTest(call=call.__name__):
                paths = [f'{self.path}/{name}' for name in names]
                self.assertEqual(self.die_in(opcode, 'committed', call, *paths), None)
        self.assertEqual(os.listdir(self.path), [])

    def test_made_fifo_whose_answer_was_lost_works(self):
        path = self.path + '/new'
        self.assertEqual(self.die_in(MKNOD, 'committed', os.mkfifo, path), None)
        self.assertEqual(os.stat(path).st_mode, stat.S_IFIFO | 0o600)
        end = self.open(path, os.O_RDWR)
        os.write(end, b'x')
        self.assertEqual(os.read(end, 1), b'x')

    def test_exclusive_creation_whose_answer_was_lost_works(self):
        path = self.path + '/new'
        end = self.die_in(CREATE, 'committed', create_exclusively, path)
        self.assertIsInstance(end, int)
        wait_until(lambda: attempt(os.open, path, os.O_WRONLY | os.O_NONBLOCK) == 'ENXIO',
                   PATIENCE_SECONDS, 'the handle of the child to be closed')

    def test_relayed_write_tells_how_far_it_has_come(self):
        end = create_exclusively(self.path + '/new')
        writer = self.spawn(attempt, write_once, end, 120000)
        stuck_in(writer.pid, 'request_wait')
        wait_until(lambda: '65536' in fifoctl('ls', '-bnro', 'QUEUED', self.path).stdout)
        self.mount.kill_worker()
        self.assertEqual(writer.result(), 65536)
        self.assertEqual(sum(len(os.read(end, 40000)) for _ in range(2)), 65536)
        os.close(end)

    def test_relay_whose_end_was_lost_ends(self):
        path = self.path + '/new'
        end = create_exclusively(path)
        os.write(end, b'x')
        settle(self.path)
        self.steps.arm(RELEASE, 'read')
        os.close(end)
        wait_until(lambda: not self.steps.armed, PATIENCE_SECONDS, 'the worker to die')
        settle(self.path)
        wait_until(lambda: attempt(os.open, path, os.O_WRONLY | os.O_NONBLOCK) == 'ENXIO',
                   PATIENCE_SECONDS, 'the relay to end')

    def test_reader_of_events_is_interrupted_and_can_go_on(self):
        events = self.open(self.path + '/.fifofs/events', os.O_RDONLY)
        reader = self.spawn(attempt, read_once, events)
        stuck_in(reader.pid, 'request_wait')
        self.mount.kill_worker()
        self.assertEqual(reader.result(), 'EINTR')
        os.mkfifo(self.path + '/new')
        self.assertIn(b'created', os.read(events, 65536))

    def test_who_waits_for_an_answer_lost_long_ago_can_be_ended(self):
        events = self.open(self.path + '/.fifofs/events', os.O_RDONLY)
        reader = self.spawn(os.read, events, 65536)
        stuck_in(reader.pid, 'request_wait')
        for i in range(300):
            attempt(os.stat, f'{self.path}/{i}')        # numbers of more requests than are kept
        self.mount.kill_worker()
        settle(self.path)
        stuck_in(reader.pid, 'request_wait')
        reader.end()


if __name__ == '__main__':
    fifofs_test.main()
