# SPDX-License-Identifier: LGPL-2.1-or-later
"""The supervisor: crash loops, signals, upgrades and its own death never leave a mount dead."""

import contextlib
import fcntl
import glob
import json
import os
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time

import fifofs_test
from fault_support import (
    PATIENCE_SECONDS, Steps, attempt, children, pipes, settle, stepped_mount, wait_for_itself)
from fifofs_test import (
    USER_A, Mount, binary, fifoctl, libc_call, mounted, stuck_in_open, threads, wait_until,
    worker_of)


_A_WHILE_SECONDS = 0.5
_HANDOVER_JOURNAL = 4       # where a worker finds it (fs/handover.h)


def make(path, **policy):
    os.mkfifo(path)
    for key, value in policy.items():
        os.setxattr(path, 'fifofs.' + key.replace('_', '-'), value.encode())


def pipes_by_lifetime(directory):
    """The names of FIFOs whose lifetime is the one that their name begins with."""
    return {os.path.basename(path) for path, pipe in pipes(directory).items()
            if pipe['lifetime'].startswith(os.path.basename(path))}


def open_and_tell_size(path):
    """The capacity of the pipe, once it is more than the kernel gives, or after a while."""
    descriptor = os.open(path, os.O_RDWR)
    with contextlib.suppress(fifofs_test.DeadlineExceeded):
        wait_until(lambda: fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) > 65536)
    return fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)


ACCESS_ACL = 'system.posix_acl_access'
# user::rw-,user:1234:r--,group::---,mask::r--,other::---
ACL = struct.pack('<I' + 'HHI' * 5, 2, 1, 6, 0xffffffff, 2, 4, 1234, 4, 0, 0xffffffff,
                  16, 4, 0xffffffff, 32, 0, 0xffffffff)


def set_acl(path):
    os.setxattr(path, ACCESS_ACL, ACL)


def open_again(stream):
    """All that is in the file by now."""
    stream.seek(0)
    return stream.read()


class Journal:
    """The journal of a mount, by the pid of its supervisor (lib/logfile.c)."""

    _VERSION_AT = 8

    def __init__(self, pid):
        self.path, = [link for link in glob.glob(f'/proc/{pid}/fd/*')
                       if os.readlink(link).startswith('/memfd:fifofs-journal')]

    @property
    def version(self):
        with open(self.path, 'rb') as stream:
            stream.seek(self._VERSION_AT)
            return int.from_bytes(stream.read(4), sys.byteorder)

    @version.setter
    def version(self, value):
        with open(self.path, 'r+b') as stream:
            stream.seek(self._VERSION_AT)
            stream.write(value.to_bytes(4, sys.byteorder))


def status_of(pid, name):
    with open(f'/proc/{pid}/status', encoding='ascii') as stream:
        return next(line.partition(':')[2].strip() for line in stream
                    if line.startswith(name + ':'))


def read_one(path):
    with open(path, 'rb') as fifo:
        return fifo.read()


class SupervisorTestCase(fifofs_test.TestCase):
    deadline_seconds = 120

    def folder(self):
        folder = tempfile.mkdtemp(prefix='fifofs-fault-')
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        return folder

    def mount(self, *arguments, **keywords):
        stack = contextlib.ExitStack()
        mount = stack.enter_context(Mount(*arguments, **keywords))
        self.addCleanup(stack.close)
        settle(mount.path)
        return mount

    def copy_of_program(self):
        """A program of our own, which can be replaced."""
        program = self.folder() + '/fifofs'
        shutil.copy(binary('FIFOFS_BIN'), program)
        return program

    def says(self, mount, text):
        wait_until(lambda: text in mount.log(), PATIENCE_SECONDS, f'{text!r} in {mount.log()!r}')


class CrashLoop(SupervisorTestCase):

    def test_gives_up_with_one_line_and_a_clean_unmount(self):
        steps = Steps(self.folder() + '/step')
        with stepped_mount(steps) as mount:
            settle(mount.path)
            steps.arm(0, 'adopted', signal.SIGABRT, 1000)
            begun = time.monotonic()
            mount.kill_worker()
            mount.expect_end(1)
            mount.wait()
            took = time.monotonic() - begun
            self.assertIsNone(mounted(mount.path))
            lines = [line for line in mount.log().splitlines() if 'unmounting' in line]
            self.assertEqual(len(lines), 1, mount.log())
            self.assertIn(mount.path, lines[0])
            self.assertGreater(took, 3, 'it has not tried for long')

    def assert_survives(self, step, signal_number, times):
        """So many workers end so at that step, one after the other."""
        steps = Steps(self.folder() + '/step')
        with stepped_mount(steps, 'lifetime=keep') as mount:
            os.mkfifo(mount.path + '/a')
            settle(mount.path)
            steps.arm(0, step, signal_number, times)
            mount.kill_worker()
            settle(mount.path)
            self.assertTrue(steps.disarm())
            self.assertEqual(os.listdir(mount.path), ['a'])

    def test_some_crashes_are_survived(self):
        self.assert_survives('restored', signal.SIGABRT, 5)

    def test_worker_is_replaced_although_whoever_started_it_ignores_the_end_of_children(self):
        program = self.folder() + '/fifofs'
        with open(program, 'w', encoding='ascii') as stream:
            stream.write('#!/bin/sh\nexec env --ignore-signal=CHLD '
                         f'{binary("FIFOFS_BIN")} "$@"\n')
        os.chmod(program, 0o755)
        mount = self.mount('lifetime=keep', program=program)
        os.mkfifo(mount.path + '/a')
        mount.kill_worker()
        settle(mount.path)
        self.assertEqual(os.listdir(mount.path), ['a'])

    def test_kills_before_it_serves_are_no_reason_to_give_up(self):
        self.assert_survives('adopted', signal.SIGKILL, 40)

    def test_worker_that_cannot_be_started_is_started_later(self):
        steps = Steps(self.folder() + '/step')
        with stepped_mount(steps, 'lifetime=keep') as mount:
            os.mkfifo(mount.path + '/a')
            settle(mount.path)
            steps.arm(0, 'adopted', signal.SIGKILL, 1000)
            mount.kill_worker()
            # Longer than any that dies by itself would be replaced.
            wait_until(lambda: mount.log().count('was killed') > 15, PATIENCE_SECONDS)
            before = resource.prlimit(mount.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(mount.pid, resource.RLIMIT_NOFILE, (3, before[1]))
            self.says(mount, 'cannot start a worker')
            resource.prlimit(mount.pid, resource.RLIMIT_NOFILE, before)
            steps.disarm()
            settle(mount.path)
            self.assertEqual(os.listdir(mount.path), ['a'], mount.log())

    def test_first_worker_that_is_killed_is_replaced(self):
        steps = Steps(self.folder() + '/step')
        steps.arm(0, 'telling', signal.SIGKILL, 2)
        with stepped_mount(steps) as mount:
            settle(mount.path)
            wait_until(lambda: not steps.armed)

    def test_first_worker_that_is_killed_leaves_nothing_out_of_the_configuration(self):
        folder = self.folder()
        config = folder + '/fifofs.conf'
        with open(config, 'w', encoding='ascii') as stream:
            stream.write('[fifofs]\nlinger = 5s\nceiling = 0640\n[pipe "declared"]\n')
        steps = Steps(folder + '/step')
        for step in ('restored', 'committed', 'adopted', 'telling'):
            with self.subTest(step=step):
                steps.arm(0, step)
                with stepped_mount(steps, f'config={config}') as mount:
                    wait_until(lambda: not steps.armed, PATIENCE_SECONDS, step)
                    settle(mount.path)
                    self.assertEqual(os.listdir(mount.path), ['declared'])
                    self.assertEqual(os.getxattr(mount.path, 'fifofs.linger'), b'5s')
                    os.chmod(mount.path + '/declared', 0o640)
                    self.assertGreater(os.stat(mount.path + '/.fifofs').st_mtime,
                                       time.time() - 2 * PATIENCE_SECONDS)

    def test_first_worker_that_is_killed_does_not_keep_the_command_from_returning(self):
        steps = Steps(self.folder() + '/step')
        steps.arm(0, 'adopted')
        with stepped_mount(steps, foreground=False) as mount:
            settle(mount.path)

    def test_command_fails_where_the_mount_is_ended_before_it_is_ready(self):
        folder, steps = self.folder(), Steps(self.folder() + '/step')
        steps.arm(0, 'adopted', 0)
        command = self.start([binary('FIFOFS_STEPPED_BIN'), folder], stderr=subprocess.PIPE, text=True,
                             env=dict(os.environ, FIFOFS_STEP_FILE=steps.path))
        wait_until(lambda: steps.waits, what='the first worker to be about to serve')
        supervisor, = children(command.pid)
        self.addCleanup(attempt, os.kill, supervisor, signal.SIGKILL)
        os.kill(supervisor, signal.SIGTERM)
        self.assertEqual(command.wait(PATIENCE_SECONDS), 1)
        line, = command.stderr.read().splitlines()
        self.assertIn('before it was ready', line)
        self.assertIsNone(mounted(folder))

    def test_first_worker_that_never_serves_ends_with_a_message(self):
        steps = Steps(self.folder() + '/step')
        steps.arm(0, 'adopted', signal.SIGABRT, 1000)
        folder = self.folder()
        done = subprocess.run(
            [binary('FIFOFS_STEPPED_BIN'), '-f', folder], capture_output=True, text=True,
            timeout=60, check=False, env=dict(os.environ, FIFOFS_STEP_FILE=steps.path))
        self.assertEqual(done.returncode, 1)
        self.assertIn('unmounting ' + folder, done.stderr)
        self.assertIsNone(mounted(folder))

    def test_too_few_descriptors_end_it_with_a_message(self):
        folder = self.folder()
        for limit in range(6, 65):
            with self.subTest(limit=limit):
                done = subprocess.run(
                    ['prlimit', f'--nofile={limit}:{limit}', binary('FIFOFS_BIN'), '-f', folder],
                    capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn('Too many open files', done.stderr)
                self.assertIsNone(mounted(folder))


class Ending(SupervisorTestCase):
    def test_a_stopped_worker_does_not_keep_it_from_ending(self):
        for name in ('SIGTERM', 'SIGINT'):
            with self.subTest(signal=name), Mount() as mount:
                settle(mount.path)
                os.kill(mount.worker, signal.SIGSTOP)
                mount.end(name)
                self.assertIsNone(mounted(mount.path))

    def assert_another_one_mounts(self, mount):
        next_one = self.start([binary('FIFOFS_BIN'), '-f', mount.path], stderr=subprocess.DEVNULL)
        wait_until(lambda: attempt(os.path.getsize, mount.path + '/.fifofs/config') == 0,
                   PATIENCE_SECONDS, 'the mount')
        settle(mount.path)
        next_one.send_signal(signal.SIGTERM)
        self.assertEqual(next_one.wait(PATIENCE_SECONDS), 0)

    def kill(self, mount):
        mount.expect_end(-signal.SIGKILL)
        os.kill(mount.pid, signal.SIGKILL)
        mount.wait()

    def assert_dead(self, mount, worker):
        wait_until(lambda: not os.path.exists(f'/proc/{worker}'), what='the worker to end')
        self.assertEqual(attempt(os.listdir, mount.path), 'ENOTCONN')

    def test_one_that_is_killed_takes_the_worker_along_and_is_followed_by_another(self):
        with Mount('lifetime=keep') as mount:
            settle(mount.path)
            os.mkfifo(mount.path + '/a')
            worker = mount.worker
            self.kill(mount)
            self.assert_dead(mount, worker)
            self.assert_another_one_mounts(mount)

    def test_one_that_is_killed_can_be_followed_at_once(self):
        for _ in range(5):
            with self.subTest(), Mount() as mount:
                settle(mount.path)
                os.kill(mount.worker, signal.SIGSTOP)
                self.kill(mount)
                self.assert_another_one_mounts(mount)

    def test_one_that_is_killed_takes_a_stopped_worker_along(self):
        with Mount() as mount:
            settle(mount.path)
            worker = mount.worker
            os.kill(worker, signal.SIGSTOP)
            self.kill(mount)
            self.assert_dead(mount, worker)
            self.assert_another_one_mounts(mount)

    def show_connections(self):
        """Where a user can end the connection of a mount, in the namespace of the tests."""
        path = '/sys/fs/fuse/connections'
        if not mounted(path):
            libc_call('mount', b'none', os.fsencode(path), b'fusectl', 0, None)
            self.addCleanup(libc_call, 'umount2', os.fsencode(path), 0)

    @contextlib.contextmanager
    def waiting_for_itself(self, uid=0):
        """A mount, as wait_for_itself() leaves it."""
        steps = Steps(self.folder() + '/step')
        with stepped_mount(steps, 'linger=100ms', user=uid or None) as mount:
            if uid:
                self.show_connections()
            other = wait_for_itself(self, mount, steps, uid)
            yield mount, mount.worker, steps, other

    def test_one_that_is_killed_while_the_worker_waits_for_itself_leaves_nobody_waiting(self):
        with self.waiting_for_itself() as (mount, worker, steps, other):
            self.kill(mount)
            steps.disarm()
            self.assertIn(other.wait(PATIENCE_SECONDS), (0, 1))
            self.assert_dead(mount, worker)
            self.assert_another_one_mounts(mount)

    def assert_ends_while_the_worker_waits_for_itself(self, uid=0):
        with self.waiting_for_itself(uid) as (mount, worker, _, other):
            mount.end()
            self.assertIsNone(mounted(mount.path))
            self.assertEqual(other.wait(PATIENCE_SECONDS), 1)
            wait_until(lambda: not os.path.exists(f'/proc/{worker}'), what='the worker to end')

    def test_one_that_is_to_end_while_the_worker_waits_for_itself_ends(self):
        self.assert_ends_while_the_worker_waits_for_itself()

    def test_one_of_a_user_that_is_to_end_while_the_worker_waits_for_itself_ends(self):
        self.assert_ends_while_the_worker_waits_for_itself(USER_A)

    def test_both_that_are_killed_while_the_worker_waits_for_itself_are_followed_by_another(self):
        with self.waiting_for_itself() as (mount, worker, _, other):
            os.kill(mount.pid, signal.SIGSTOP)
            os.kill(worker, signal.SIGKILL)
            self.kill(mount)
            time.sleep(_A_WHILE_SECONDS)
            self.assertIsNone(other.poll(), 'this is not the situation')
            self.assert_another_one_mounts(mount)
            self.assertEqual(other.wait(PATIENCE_SECONDS), 1)
            wait_until(lambda: not os.path.exists(f'/proc/{worker}'), what='the worker to end')

    @staticmethod
    def unmount(mount):
        """A worker that begins has the root open for a moment."""
        wait_until(lambda: not subprocess.run(
            ['umount', mount.path], stderr=subprocess.DEVNULL, check=False).returncode,
                   what='umount not to find it busy')

    def test_unmounting_ends_it_while_workers_die(self):
        with Mount() as mount:
            settle(mount.path)
            mount.kill_worker()
            self.unmount(mount)
            mount.wait()

    def test_unmounting_ends_it_before_the_worker_has_begun(self):
        steps = Steps(self.folder() + '/step')
        with stepped_mount(steps) as mount:
            settle(mount.path)
            steps.arm(0, 'begun', 0)
            mount.kill_worker()
            wait_until(lambda: steps.waits, what='the next worker to begin')
            self.unmount(mount)
            wait_until(lambda: 'requests' not in threads(mount.worker).values(),
                       what='it to see that it is not mounted any more')
            steps.disarm()
            mount.wait()


class Upgrade(SupervisorTestCase):
    def upgradable(self, options='lifetime=keep'):
        program = self.copy_of_program()
        return program, self.mount(options, program=program)

    def replace(self, program, source=None, text=None, mode=0o755):
        """As package managers do: a new file takes the name."""
        new = program + '.new'
        if source:
            shutil.copy(source, new)
        else:
            with open(new, 'w', encoding='ascii') as stream:
                stream.write(text)
        os.chmod(new, mode)
        os.rename(new, program)

    def upgrade(self, mount):
        before = mount.worker
        os.kill(mount.pid, signal.SIGUSR2)
        return before

    def test_clients_see_nothing_of_it(self):
        program, mount = self.upgradable()
        clients = [self.spawn(self.be_busy, mount.path, i) for i in range(3)]
        for _ in range(5):
            self.replace(program, source=binary('FIFOFS_BIN'))
            before = self.upgrade(mount)
            wait_until(lambda before=before: mount.worker != before, PATIENCE_SECONDS,
                       'another worker')
            settle(mount.path)
            self.assertEqual(os.readlink(f'/proc/{mount.worker}/exe'), program)
        os.mkfifo(mount.path + '/stop')
        for client in clients:
            self.assertGreater(client.result(), 0)

    @staticmethod
    def be_busy(top, number):
        n_rounds = 0
        while not os.path.exists(top + '/stop'):
            path = f'{top}/{number}-{n_rounds}'
            if n_rounds % 2:
                os.mkfifo(path)
            else:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
            os.rename(path, path + 'x')
            os.close(os.open(path + 'x', os.O_RDWR))
            os.unlink(path + 'x')
            n_rounds += 1
        return n_rounds

    def assert_refused(self, program, mount):
        os.mkfifo(mount.path + '/before')
        before = self.upgrade(mount)
        self.says(mount, 'nothing is changed')
        settle(mount.path)
        self.assertEqual(mount.worker, before)
        self.assertIn('before', os.listdir(mount.path))
        # What runs is what is started again, whatever is on the disk.
        mount.kill_worker()
        settle(mount.path)
        self.assertIn('before', os.listdir(mount.path))

    def test_program_that_is_not_executable_is_refused(self):
        program, mount = self.upgradable()
        self.replace(program, text='not a program', mode=0o644)
        self.assert_refused(program, mount)

    def test_program_that_exits_with_an_error_is_refused(self):
        program, mount = self.upgradable()
        self.replace(program, source='/bin/false')
        self.assert_refused(program, mount)

    @staticmethod
    @contextlib.contextmanager
    def journal_of_later_version(mount):
        """As if a later program had written it."""
        path = next(path for path in (f'/proc/{mount.pid}/fd/{fd}'
                                      for fd in os.listdir(f'/proc/{mount.pid}/fd'))
                    if 'fifofs-journal' in os.readlink(path))
        with open(path, 'r+b', buffering=0) as journal:
            before = os.pread(journal.fileno(), 4, 8)
            os.pwrite(journal.fileno(), b'\x7f\0\0\0', 8)
            yield
            os.pwrite(journal.fileno(), before, 8)

    def test_program_that_cannot_read_the_journal_is_refused(self):
        program, mount = self.upgradable()
        with self.journal_of_later_version(mount):
            os.mkfifo(mount.path + '/before')
            before = self.upgrade(mount)
            self.says(mount, 'nothing is changed')
            self.assertIn('the journal has version', mount.log())
            self.assertEqual(mount.worker, before)
        mount.kill_worker()
        settle(mount.path)
        self.assertEqual(os.listdir(mount.path), ['before'])

    def test_journal_that_cannot_be_read_ends_it_as_a_failure(self):
        with Mount('lifetime=keep') as mount:
            settle(mount.path)
            with self.journal_of_later_version(mount):
                mount.kill_worker()
                mount.expect_end(1)
                mount.wait()
            self.assertIn('the journal has version', mount.log())
            self.assertIsNone(mounted(mount.path))

    def test_program_that_is_none_of_ours_is_refused(self):
        program, mount = self.upgradable()
        self.replace(program, source='/bin/true')
        self.assert_refused(program, mount)

    def test_program_that_hangs_keeps_nobody_waiting(self):
        program, mount = self.upgradable()
        self.replace(program, text='#!/bin/sh\nexec sleep 1000\n')
        worker = self.upgrade(mount)
        wait_until(lambda: len(children(mount.pid)) == 2, PATIENCE_SECONDS, 'it to be tried')
        os.kill(worker, signal.SIGKILL)
        settle(mount.path)
        mount.end()

    def test_program_that_is_tried_has_given_up_what_a_worker_gives_up(self):
        """What it reads was written by a worker, who is not to be trusted."""
        steps = Steps(self.folder() + '/step')
        with stepped_mount(steps) as mount:
            settle(mount.path)
            steps.arm(0, 'trying', signal.SIGSTOP)
            worker = self.upgrade(mount)
            wait_until(lambda: not steps.armed, PATIENCE_SECONDS, 'it to be tried')
            trial, = set(children(mount.pid)) - {worker}
            given_up = {name: status_of(trial, name)
                        for name in ('CapEff', 'CapPrm', 'NoNewPrivs', 'Seccomp', 'Uid')}
            self.assertEqual(given_up, {name: status_of(worker, name) for name in given_up})
            self.assertEqual(given_up['NoNewPrivs'], '1')
            os.kill(trial, signal.SIGCONT)
            wait_until(lambda: worker not in children(mount.pid), PATIENCE_SECONDS)
            settle(mount.path)

    def test_program_that_crashes_is_refused(self):
        program, mount = self.upgradable()
        self.replace(program, text='#!/bin/sh\nkill -SEGV $$\n')
        self.assert_refused(program, mount)

    def test_program_that_is_gone_is_no_reason_to_stop(self):
        program, mount = self.upgradable()
        os.unlink(program)
        self.assert_refused(program, mount)

    def test_program_that_dies_before_it_serves_is_given_up_for_the_one_before(self):
        # They like the journal, and then do not serve.
        for end in ('abort()', 'exit(0)', 'exit(1)'):
            with self.subTest(end=end):
                program, mount = self.upgradable()
                source = self.folder() + '/dies.c'
                with open(source, 'w', encoding='ascii') as stream:
                    stream.write('#include <stdlib.h>\n#include <unistd.h>\n'
                                 f'int main(void) {{ if (!getenv("FIFOFS_TRY")) {end};'
                                 ' return write(6, "R", 1) != 1; }\n')
                subprocess.run(['cc', '-o', source + '.out', source], check=True)
                self.replace(program, source=source + '.out')
                os.mkfifo(mount.path + '/before')
                self.upgrade(mount)
                self.says(mount, 'the one before goes on')
                settle(mount.path)
                self.assertIn('before', os.listdir(mount.path))


class Formats(SupervisorTestCase):
    """A journal has the version of the first program that can read all of it."""

    def upgrade(self, mount):
        before = mount.worker
        os.kill(mount.pid, signal.SIGUSR2)
        wait_until(lambda: mount.worker != before, PATIENCE_SECONDS, 'another worker')
        settle(mount.path)

    def test_journal_is_gone_on_with_from_version_to_version(self):
        """1 is what is written without ACLs, 2 what is with them, 3 what is with uid= too."""
        mount = self.mount('allow_other,lifetime=keep,uid=1234')
        journal = Journal(mount.pid)
        make(mount.path + '/kept', linger='7s')
        held = self.open(mount.path + '/kept', os.O_RDWR)
        self.assertEqual(journal.version, 3)
        mount.end()

        mount = self.mount('allow_other,lifetime=keep')
        journal = Journal(mount.pid)
        make(mount.path + '/kept', linger='7s')
        held = self.open(mount.path + '/kept', os.O_RDWR)
        number = os.fstat(held).st_ino
        self.assertEqual(journal.version, 1)
        self.upgrade(mount)
        self.assertEqual(journal.version, 1)
        set_acl(mount.path + '/kept')
        self.assertEqual(journal.version, 2)
        self.upgrade(mount)
        self.assertEqual(os.stat(mount.path + '/kept').st_ino, number)
        self.assertEqual(os.getxattr(mount.path + '/kept', 'fifofs.linger'), b'7s')
        self.assertEqual(os.getxattr(mount.path + '/kept', ACCESS_ACL), ACL)

    def test_program_that_cannot_read_the_journal_is_refused_in_one_line(self):
        mount = self.mount('lifetime=keep')
        os.mkfifo(mount.path + '/before')
        before = mount.worker
        journal = Journal(mount.pid)
        version = journal.version
        journal.version = 99
        os.kill(mount.pid, signal.SIGUSR2)
        self.says(mount, 'nothing is changed')
        lines = mount.log().splitlines()
        self.assertEqual(len(lines), 2, lines)
        self.assertIn('the journal has version 99, and this program reads up to ', lines[0])
        self.assertEqual(mount.worker, before)
        os.mkfifo(mount.path + '/after')
        journal.version = version
        mount.kill_worker()
        settle(mount.path)
        self.assertEqual(sorted(os.listdir(mount.path)), ['after', 'before'])


    def test_supervisor_that_does_not_say_what_to_give_up_is_told_before_it_relies_on_us(self):
        """Those of earlier programs do not."""
        mount = self.mount('lifetime=keep')
        journal = os.open(Journal(mount.pid).path, os.O_RDWR)
        self.addCleanup(os.close, journal)
        environment = dict(os.environ, FIFOFS_WORKER=mount.path, FIFOFS_TRY='1')
        tried = subprocess.run(
            [binary('FIFOFS_BIN'), mount.path], env=environment, capture_output=True, text=True,
            check=False, close_fds=False, timeout=PATIENCE_SECONDS,
            preexec_fn=lambda: os.dup2(journal, _HANDOVER_JOURNAL))
        self.assertEqual(tried.returncode, 1)
        self.assertEqual(len(tried.stderr.splitlines()), 1, tried.stderr)
        self.assertIn('not told what to give up', tried.stderr)


class Takeover(SupervisorTestCase):
    def test_configuration_that_was_read_again_stays_in_force(self):
        config = self.folder() + '/fifofs.conf'

        def write(text):
            with open(config, 'w', encoding='ascii') as stream:
                stream.write(text)

        write('[fifofs]\nlinger = 5s\n[pipe "declared"]\n')
        mount = self.mount(f'config={config}')
        write('[fifofs]\nlinger = 7s\n[pipe "declared"]\n')
        os.kill(mount.pid, signal.SIGHUP)
        self.says(mount, 'configuration read again')
        write('this [is broken')
        mount.kill_worker()
        settle(mount.path)
        self.assertEqual(os.getxattr(mount.path, 'fifofs.linger'), b'7s')
        self.assertIn('declared', os.listdir(mount.path))

    def test_reload_that_a_worker_has_not_come_to_is_done_by_the_next(self):
        folder = self.folder()
        config, steps = folder + '/fifofs.conf', Steps(folder + '/step')

        def write(linger):
            with open(config, 'w', encoding='ascii') as stream:
                stream.write(f'[fifofs]\nlinger = {linger}s\n[pipe "of-{linger}"]\n')

        write(5)
        mount = self.mount(f'config={config}', program=binary('FIFOFS_STEPPED_BIN'),
                           environment={'FIFOFS_STEP_FILE': steps.path})
        # It is taking over just then.
        steps.arm(0, 'adopted', signal.SIGSTOP)
        mount.kill_worker()
        wait_until(lambda: not steps.armed)
        write(7)
        os.kill(mount.pid, signal.SIGHUP)
        os.kill(mount.worker, signal.SIGCONT)
        self.says(mount, 'configuration read again')
        self.assertEqual(os.getxattr(mount.path, 'fifofs.linger'), b'7s')
        # It dies in the middle of it.
        write(9)
        steps.arm(0, 'committed')
        os.kill(mount.pid, signal.SIGHUP)
        wait_until(lambda: not steps.armed)
        wait_until(lambda: 'of-9' in os.listdir(mount.path), PATIENCE_SECONDS, 'what is declared')
        self.assertEqual(os.getxattr(mount.path, 'fifofs.linger'), b'9s')

    def test_reload_that_a_worker_has_died_of_is_over_for_the_service_manager(self):
        folder = self.folder()
        config, steps = folder + '/fifofs.conf', Steps(folder + '/step')
        with open(config, 'w', encoding='ascii') as stream:
            stream.write('[fifofs]\n')
        manager = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        manager.bind(folder + '/notify')
        manager.settimeout(PATIENCE_SECONDS)
        mount = self.mount(f'config={config}', program=binary('FIFOFS_STEPPED_BIN'),
                           environment={'FIFOFS_STEP_FILE': steps.path,
                                        'NOTIFY_SOCKET': manager.getsockname()}, until_ready=False)
        self.until_told(manager, b'READY=1')
        steps.arm(0, 'committed', signal.SIGABRT)
        os.kill(mount.pid, signal.SIGHUP)
        self.until_told(manager, b'RELOADING=1')
        self.until_told(manager, b'READY=1')
        settle(mount.path)
        self.assertNotIn('configuration read again', mount.log())

    @staticmethod
    def until_told(manager, what):
        while what not in manager.recv(4096):
            pass

    def test_deadlines_are_kept(self):
        mount = self.mount('lifetime=keep')
        made = time.monotonic()
        make(mount.path + '/a', max_age='3s')
        while time.monotonic() - made < 2.2:
            mount.kill_worker()
            settle(mount.path)
            self.assertIn('a', os.listdir(mount.path))
            time.sleep(0.1)
        wait_until(lambda: 'a' not in os.listdir(mount.path), PATIENCE_SECONDS, 'a to go')
        self.assertGreaterEqual(time.monotonic() - made, 3)

    def test_creators_that_ended_meanwhile_have_ended(self):
        mount = self.mount('lifetime=process')
        creator = self.spawn(self.make_and_stay, mount.path + '/p', 'process')
        session = self.spawn(self.make_and_stay, mount.path + '/s', 'session')
        os.mkfifo(mount.path + '/ours')
        wait_until(lambda: {'p', 's'} <= set(pipes_by_lifetime(mount.path)))
        self.assertEqual(set(os.listdir(mount.path)), {'p', 's', 'ours'})
        os.kill(mount.worker, signal.SIGSTOP)
        creator.end()
        session.end()
        mount.kill_worker()
        wait_until(lambda: set(os.listdir(mount.path)) == {'ours'}, PATIENCE_SECONDS,
                   'those of the dead to go')
        settle(mount.path)
        self.assertEqual(os.listdir(mount.path), ['ours'])

    @staticmethod
    def make_and_stay(path, lifetime):
        os.setsid()
        make(path, lifetime=lifetime)
        signal.pause()

    def test_capacity_is_given_all_the_same(self):
        mount = self.mount('lifetime=keep,capacity=256K')
        os.mkfifo(mount.path + '/a')
        settle(mount.path)
        os.kill(mount.worker, signal.SIGSTOP)
        # The name is known to the kernel or not; either way somebody opens it meanwhile.
        opener = self.spawn(open_and_tell_size, mount.path + '/a')
        mount.kill_worker()
        self.assertEqual(opener.result(), 256 * 1024)

    def test_who_waits_in_open_for_too_long_is_let_go_all_the_same(self):
        mount = self.mount('lifetime=keep,open-timeout=3s')
        os.mkfifo(mount.path + '/a')
        reader = self.spawn(attempt, os.open, mount.path + '/a', os.O_RDONLY)
        stuck_in_open(reader.pid)
        begun = time.monotonic()
        mount.kill_worker()
        self.assertNotEqual(reader.result(), None)
        self.assertLess(time.monotonic() - begun, PATIENCE_SECONDS)

    def test_who_waits_in_open_goes_on_waiting(self):
        mount = self.mount('lifetime=keep')
        os.mkfifo(mount.path + '/a')
        reader = self.spawn(read_one, mount.path + '/a')
        stuck_in_open(reader.pid)
        mount.kill_worker()
        settle(mount.path)
        wait_until(lambda: '1' in fifoctl('ls', '-p', mount.path).stdout, PATIENCE_SECONDS)
        self.assertIn(str(reader.pid), fifoctl('ls', '-p', mount.path).stdout)
        with open(mount.path + '/a', 'wb') as fifo:
            fifo.write(b'data')
        self.assertEqual(reader.result(), b'data')

    def test_reader_of_events_is_told_that_what_it_had_not_read_went_with_the_worker(self):
        mount = self.mount('lifetime=keep')
        path = self.folder() + '/watch'
        with open(path, 'wb') as log:
            watch = self.start([binary('FIFOCTL_BIN'), 'watch', mount.path], stdout=log, stderr=log)
        wait_until(lambda: fifofs_test.has_open(watch.pid, '/events'))
        watch.send_signal(signal.SIGSTOP)
        with open(mount.path + '/.fifofs/events', encoding='utf-8') as events:
            for name in ('a', 'b', 'c'):
                os.mkfifo(f'{mount.path}/{name}')
            mount.kill_worker()
            settle(mount.path)
            first, second, third = (json.loads(events.readline()) for _ in range(3))
        self.assertEqual(first, {'event': 'missed', 'count': 3, 'reason': 'takeover'})
        self.assertEqual(second['event'], 'takeover')
        self.assertEqual((third['event'], third['path']), ('created', '.settle'))

        watch.send_signal(signal.SIGCONT)
        with open(path, encoding='utf-8') as log:
            wait_until(lambda: '.settle' in open_again(log), PATIENCE_SECONDS, 'it to go on')
            lines = open_again(log).splitlines()
        self.assertIn("missed    3 events: the daemon's worker was replaced before they were read",
                      lines[0])
        self.assertTrue(lines[1].endswith('  takeover  another worker goes on'), lines)

    def test_fifoctl_goes_on(self):
        mount = self.mount('lifetime=keep')
        os.mkfifo(mount.path + '/a')
        path = self.folder() + '/watch'
        with open(path, 'wb') as log:
            watch = self.start([binary('FIFOCTL_BIN'), 'watch', mount.path], stdout=log,
                               stderr=log)
        wait_until(lambda: fifofs_test.has_open(watch.pid, '/events'))
        waiting = self.start([binary('FIFOCTL_BIN'), 'wait', mount.path + '/a', '--for', 'reader'],
                             stderr=subprocess.PIPE, text=True)
        def shows(text):
            with open(path, encoding='utf-8') as log:
                return text in log.read()

        # What a reader has not had yet when a worker dies is told as missed, with that reason.
        for i in range(5):
            mount.kill_worker()
            settle(mount.path)
            os.mkfifo(f'{mount.path}/new{i}')
            wait_until(lambda i=i: shows(f'new{i}'), PATIENCE_SECONDS, 'fifoctl watch to show it')
        self.open(mount.path + '/a', os.O_RDONLY | os.O_NONBLOCK)
        self.assertIsNone(watch.poll())
        if waiting.poll() is None:
            waiting.wait(PATIENCE_SECONDS)
        self.assertEqual(waiting.returncode, 0, waiting.stderr.read())


if __name__ == '__main__':
    fifofs_test.main()
