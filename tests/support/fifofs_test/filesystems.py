# SPDX-License-Identifier: LGPL-2.1-or-later
"""Temporary mounts: fifofs by the real daemon, and tmpfs as the reference."""

import contextlib
import functools
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

from .binaries import binary
from .processes import (
    USER_A, USER_B, DeadlineExceeded, as_user, attempt, die_with_parent, libc, libc_call,
    wait_until)

FIFOFS = 'fifofs'
TMPFS = 'tmpfs'

_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS = 0x00020000
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2
_END_SECONDS = 15       # what a daemon may take to start or to end


def mounted(path):
    """(type, source) of the mount on that directory, or None."""
    with open('/proc/self/mountinfo', encoding='utf-8', errors='surrogateescape') as table:
        found = None
        for line in table:
            mount, _, filesystem = line.partition(' - ')
            if mount.split()[4] == path:
                found = tuple(filesystem.split()[:2])       # the last one is on top
    return found


@functools.cache
def _own_mount_namespace():
    """Keep the mounts of the tests to themselves: the kernel removes them with the last process.

    False where this is not permitted; the tests work all the same.
    """
    if attempt(libc_call, 'unshare', _CLONE_NEWNS) != 0:
        return False
    libc_call('mount', b'none', b'/', None, _MS_REC | _MS_PRIVATE, None)
    return True


@functools.cache
def _let_users_mount():
    """Give the users of the tests what fusermount3 asks for: a name, and /dev/fuse to open.

    Both are bound over the real files, which only the namespace of the tests sees.
    """
    if not _own_mount_namespace():
        raise unittest.SkipTest('a mount by a user needs a mount namespace for the tests')
    directory = tempfile.mkdtemp(prefix='fifofs-users-')
    libc_call('mount', b'fifofs-users', os.fsencode(directory), b'tmpfs', 0, b'mode=0755')

    passwd = directory + '/passwd'
    shutil.copy('/etc/passwd', passwd)
    with open(passwd, 'a', encoding='utf-8') as stream:
        for user in (USER_A, USER_B):
            stream.write(f'user{user}:x:{user}:{user}::/nonexistent:/usr/sbin/nologin\n')
    _bind(passwd, '/etc/passwd')

    device = directory + '/fuse'
    os.mknod(device, stat.S_IFCHR, os.stat('/dev/fuse').st_rdev)
    os.chmod(device, 0o666)
    _bind(device, '/dev/fuse')

    libc_call('umount2', os.fsencode(directory), _MNT_DETACH)
    os.rmdir(directory)


def _bind(source, target):
    libc_call('mount', os.fsencode(source), os.fsencode(target), None, _MS_BIND, None)


@contextlib.contextmanager
def bound(source, target):
    """The file has another in its place for a while, in the mount namespace of the tests."""
    _own_mount_namespace()
    _bind(source, target)
    try:
        yield
    finally:
        libc_call('umount2', os.fsencode(target), _MNT_DETACH)


@contextlib.contextmanager
def fuse_conf(content):
    """/etc/fuse.conf has this content for a while."""
    with tempfile.NamedTemporaryFile('w') as replacement:
        replacement.write(content)
        replacement.flush()
        os.chmod(replacement.name, 0o644)
        with bound(replacement.name, '/etc/fuse.conf'):
            yield


class _Filesystem:
    """A temporary directory with a mount on it."""

    kind = None

    def __enter__(self):
        _own_mount_namespace()
        self._base = os.path.realpath(tempfile.mkdtemp(prefix='fifofs-test-'))
        os.chmod(self._base, 0o755)
        self.path = self._base + '/mnt'
        os.mkdir(self.path)
        try:
            self._mount()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(self, exception_type, exception, trace):
        problems = []
        try:
            problems = self._end()
        finally:
            self._clean_up()
        if problems and exception is None:
            raise AssertionError('\n'.join(problems))
        for problem in problems:                    # the test has failed already: that comes first
            print(problem, file=sys.stderr)

    def _clean_up(self):
        """Leave nothing mounted and no directory, however badly the test went."""
        while mounted(self.path):
            libc_call('umount2', os.fsencode(self.path), _MNT_DETACH)
        shutil.rmtree(self._base, ignore_errors=True)


class Tmpfs(_Filesystem):
    """A tmpfs mount: what the kernel's FIFOs do without fifofs."""

    kind = TMPFS

    def __init__(self, options='mode=0777'):
        self._options = options

    def _mount(self):
        libc_call('mount', b'tmpfs', os.fsencode(self.path), b'tmpfs', 0, self._options.encode())

    def _end(self):
        answer = attempt(libc_call, 'umount2', os.fsencode(self.path), 0)
        return [] if answer == 0 else [f'unmounting tmpfs: {answer}']


class Mount(_Filesystem):
    """A fifofs mount by the real daemon.

    options is the text for -o; arguments are further words for the command line; user is the uid
    to run the daemon as. With foreground=False the daemon backgrounds itself as it does for
    people; the test, a subreaper, then adopts it and so knows its pid and sees how it ends.
    program is another one than FIFOFS_BIN, and environment what it gets beside that of the test.

    It answers a moment before it is ready, which it tells systemd, or who started it. Without
    until_ready that is not waited for.
    """

    kind = FIFOFS

    def __init__(self, options='', arguments=(), foreground=True, user=None, program=None,
                 environment=None, until_ready=True):
        self._options = options
        self._until_ready = until_ready
        self._arguments = list(arguments)
        self._foreground = foreground
        self._user = user
        self._program = program
        self._extra_environment = dict(environment or {})
        self._status = None
        self._expected_status = 0
        self.pid = None

    @property
    def worker(self):
        """The pid of the process that serves now; the daemon's own is that of its supervisor."""
        return worker_of(self.pid)

    def kill_worker(self, signal_number=signal.SIGKILL):
        """Kill the process that serves, and wait until it is gone; the next one may not serve yet."""
        pid = self.worker
        os.kill(pid, signal_number)
        wait_until(lambda: pid not in _children(self.pid), _END_SECONDS, 'the worker to be gone')
        return pid

    def expect_end(self, status):
        """The daemon is to end with that exit code: leaving the block judges it by that."""
        self._expected_status = status

    def log(self):
        """What the daemon has written to stdout and stderr so far."""
        with open(self._base + '/daemon.log', encoding='utf-8', errors='replace') as stream:
            return stream.read()

    def end(self, how='SIGTERM'):
        """End the mount now: 'SIGTERM' or 'SIGINT' to the daemon, 'fusermount' or 'umount'."""
        if how.startswith('SIG'):
            os.kill(self.pid, signal.Signals[how])
        else:
            self._unmount(['fusermount3', '-u'] if how == 'fusermount' else ['umount'])
        self.wait()

    def wait(self):
        """Wait until the daemon has ended by itself; leaving the block then judges how it did."""
        wait_until(self._has_ended, _END_SECONDS, 'the daemon to end')

    def _mount(self):
        if self._user is not None:
            _let_users_mount()
            os.chown(self.path, self._user, self._user)
        command = [self._program or binary('FIFOFS_BIN'), *self._arguments]
        command += ['-o', self._options] if self._options else []
        command += ['-f', self.path] if self._foreground else [self.path]
        notified = None
        if self._foreground and self._until_ready and os.environ.get('FIFOFS_TELLS_READY') != '0':
            notified = self._be_notified()
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0 if self._foreground else 1, 0, 0, 0)
        with open(self._base + '/daemon.log', 'wb') as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(),
                preexec_fn=lambda: die_with_parent(signal.SIGTERM), **self._credentials())
        self.pid = process.pid
        process.returncode = 0      # from here on this class collects the process, Popen must not
        if not self._foreground:
            self._adopt_daemon()
        wait_until(lambda: mounted(self.path) or self._has_ended(), _END_SECONDS, 'the mount')
        if self._status is not None:
            raise AssertionError(f'the daemon ended at start: {self._verdict()}')
        self._wait_for_answer()
        if notified is not None:
            self._wait_until_ready(notified)

    def _be_notified(self):
        """A socket as that of systemd (sd_notify(3))."""
        address = self._base + '/notify'
        notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notified.bind(address)
        os.chmod(address, 0o666)
        notified.setblocking(False)
        self._extra_environment['NOTIFY_SOCKET'] = address
        return notified

    def _wait_until_ready(self, notified):
        """What is told later is told nobody."""
        def is_ready():
            told = attempt(notified.recv, 4096)
            return told != 'EAGAIN' and b'READY=1' in told or self._has_ended()

        with notified:
            wait_until(is_ready, _END_SECONDS, 'the daemon to be ready')
        if self._status is not None:
            raise AssertionError(f'the daemon ended at start: {self._verdict()}')

    def _credentials(self):
        """The keywords that make subprocess run something as the user of the mount."""
        if self._user is None:
            return {}
        return {'user': self._user, 'group': self._user, 'extra_groups': []}

    def _environment(self):
        """Have sanitizers write their reports to files, where none is overlooked."""
        self._reports = self._base + '/reports'
        os.mkdir(self._reports)
        os.chmod(self._reports, 0o777)
        environment = dict(os.environ, **self._extra_environment)
        for variable in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS'):
            given = [environment[variable]] if environment.get(variable) else []
            environment[variable] = ':'.join(given + [f'log_path={self._reports}/sanitizer'])
        return environment

    def _adopt_daemon(self):
        """Wait for the command to return; the process that it left behind is the daemon."""
        wait_until(self._has_ended, _END_SECONDS, 'the daemon to go to the background')
        if self._status != 0:
            raise AssertionError(f'fifofs failed: {self._verdict()}')
        if not mounted(self.path):
            raise AssertionError('fifofs returned before the mount was there')
        adopted = [pid for pid in _children() if self._serves(pid)]
        if len(adopted) != 1:
            raise AssertionError(f'expected one daemon in the background: {adopted}')
        self.pid, self._status = adopted[0], None

    def _serves(self, pid):
        with open(f'/proc/{pid}/cmdline', 'rb') as stream:
            return os.fsencode(self.path) in stream.read().split(b'\0')

    def _wait_for_answer(self):
        """Ask as the user who mounted: FUSE shows a private mount to nobody else, root included."""
        if self._user is None:
            os.stat(self.path)
        else:
            as_user(self._user, os.stat, self.path)

    def _has_ended(self):
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status is not None

    def _unmount(self, command):
        subprocess.run(
            [*command, self.path], check=True, timeout=_END_SECONDS, **self._credentials())

    def _end(self):
        """End the daemon if the test has not, and say all that was wrong with the way it ended."""
        problems = []
        try:
            if not self._has_ended():
                self.end()
        except DeadlineExceeded:
            problems.append('the daemon did not end at SIGTERM')
        finally:
            self._kill()
        if self._status != self._expected_status:
            problems.append(f'the daemon ended badly: {self._verdict()}')
        if mounted(self.path):
            problems.append('the daemon left its mount behind')
        problems += self._sanitizer_reports() + self._refused_calls()
        return problems

    def _clean_up(self):
        self._kill()
        super()._clean_up()

    def _kill(self):
        if self.pid is not None and not self._has_ended():
            os.kill(self.pid, signal.SIGKILL)
            wait_until(self._has_ended, _END_SECONDS, 'the killed daemon to end')

    def _verdict(self):
        if self._status < 0:
            return f'{signal.Signals(-self._status).name}\n{self.log()}'
        return f'exit code {self._status}\n{self.log()}'

    def _refused_calls(self):
        """What FIFOFS_SECCOMP=trap tells. A worker that ends so is replaced, and nobody notices."""
        return [line for line in self.log().splitlines()
                if line.startswith('fifofs: not on the list of system calls')]

    def _sanitizer_reports(self):
        reports = []
        for name in sorted(os.listdir(self._reports)):
            with open(f'{self._reports}/{name}', encoding='utf-8', errors='replace') as report:
                reports.append(report.read())
        return reports


def _children(pid=None):
    pid = pid or os.getpid()
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as children:
        return [int(pid) for pid in children.read().split()]


def worker_of(pid):
    """The pid of the worker of that supervisor, once there is one."""
    found = wait_until(lambda: _children(pid), what='a worker')
    return found[0]
