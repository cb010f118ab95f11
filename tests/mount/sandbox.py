# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon has given up before it answers the first request.

Half of it looks at the process that serves a mount; the other half is sandbox-probe, which goes into
the same sandbox and tries what somebody would who has taken the daemon over.
"""

import contextlib
import ctypes
import fcntl
import os
import pwd
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import unittest

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, ChildDied, Mount, as_user, attempt, binary, libc, mounted, wait_until,
    worker_of)

PROBE = 'SANDBOX_PROBE_BIN'

DAC_OVERRIDE, DAC_READ_SEARCH, SYS_PTRACE = 1 << 1, 1 << 2, 1 << 19
SHARED = DAC_OVERRIDE | DAC_READ_SEARCH
TRACE = SHARED | SYS_PTRACE

LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION = 444, 1

# What nobody who serves a mount ever needs.
FORBIDDEN = ('execve', 'fork', 'mount', 'umount', 'ptrace', 'kill', 'setuid', 'setgroups', 'bpf',
             'unshare', 'inet', 'netlink', 'create', 'mkdir', 'unlink', 'chmod', 'write')
NEEDED = ('status-of-others', 'unix', 'watch', 'passwd', 'thread')


def has_landlock():
    return libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_VERSION) > 0


def status_of(text):
    return dict(line.split(':', 1) for line in text.splitlines() if ':' in line)


def words(status, key):
    return status[key].split()


def capabilities(status):
    """(permitted, effective, inheritable, bounding, ambient)"""
    return tuple(int(status['Cap' + which], 16) for which in ('Prm', 'Eff', 'Inh', 'Bnd', 'Amb'))


class Probe(fifofs_test.TestCase):
    """What the code that the daemon calls does to a process of ours."""

    def setUp(self):
        self.base = tempfile.mkdtemp(prefix='fifofs-sandbox-')
        self.addCleanup(self._remove)
        os.chmod(self.base, 0o755)
        self.secret = self.base + '/secret'
        with open(self.secret, 'w', encoding='ascii') as stream:
            stream.write('nobody is to know')
        os.chmod(self.secret, 0o600)

    def _remove(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.secret)
        os.rmdir(self.base)

    def probe(self, mount, *given, owner=0, environment=(), **keywords):
        """status and answers of the program, about a FIFO that only the owner may use."""
        fifo = f'{mount.path}/of-{owner}/fifo'
        with contextlib.suppress(FileExistsError):
            os.mkdir(os.path.dirname(fifo), 0o700)
            os.mkfifo(fifo, 0o600)
            os.chown(fifo, owner, owner)
            os.chown(os.path.dirname(fifo), owner, owner)
        return subprocess.run(
            [binary(PROBE), mount.path, *given], capture_output=True, text=True, timeout=20,
            env={**os.environ, 'FIFOFS_SECCOMP': '', 'FIFO': fifo, 'SECRET': self.secret,
                 **dict(environment)},
            check=False, **keywords)

    def answers(self, mount, *given, **keywords):
        outcome = self.probe(mount, *given, **keywords)
        self.assertEqual((outcome.returncode, outcome.stderr), (0, ''))
        return {key: value.strip() for key, value in status_of(outcome.stdout).items()}

    def assert_forbidden(self, answers):
        self.assertEqual({name: answers[name] for name in FORBIDDEN},
                         dict.fromkeys(FORBIDDEN, 'ENOSYS'))
        self.assertEqual({name: answers[name] for name in NEEDED}, dict.fromkeys(NEEDED, 'ok'))

    def test_forbidden_calls_are_refused_whoever_serves(self):
        with Mount('allow_other') as mount:
            for given in ((), ('shared',), ('shared', 'trace'), ('shared', f'user={USER_A}')):
                with self.subTest(given):
                    self.assert_forbidden(self.answers(mount, *given))

    def test_root_keeps_no_capability_and_no_group_of_a_private_mount(self):
        with Mount() as mount:
            answers = self.answers(mount)
        self.assertEqual(capabilities(answers), (0, 0, 0, 0, 0))
        self.assertEqual((answers['Uid'].split(), answers['Groups']), (['0'] * 4, ''))
        self.assertEqual((answers['NoNewPrivs'], answers['Seccomp']), ('1', '2'))
        self.assertEqual(answers['dumpable'], '0')
        self.assertEqual(answers['fifo'], 'ENXIO')      # it may be opened, and there is no reader

    def test_shared_mount_keeps_the_right_to_reach_what_is_closed(self):
        with Mount('allow_other') as mount:
            answers = self.answers(mount, 'shared', f'user={USER_B}', owner=USER_A)
        self.assertEqual(capabilities(answers), (SHARED, SHARED, 0, 0, 0))
        self.assertEqual(answers['Uid'].split(), [str(USER_B)] * 4)
        self.assertEqual(answers['Gid'].split(), [str(USER_B)] * 4)
        self.assertEqual(answers['watch'], 'ok')        # a directory of USER_A alone

    def test_trace_keeps_what_it_needs(self):
        with Mount('allow_other') as mount:
            answers = self.answers(mount, 'shared', 'trace', f'user={USER_B}', owner=USER_A)
        self.assertEqual(capabilities(answers), (TRACE, TRACE, 0, 0, 0))
        self.assertEqual((answers['fifo'], answers['root-of-others']), ('ENXIO', 'ok'))

    @unittest.skipUnless(has_landlock(), 'this kernel has no Landlock')
    def test_files_are_out_of_reach(self):
        """Also by calls that a filter of calls cannot look into, and for who owns them."""
        with Mount('allow_other') as mount:
            for given in ((), ('shared',), ('shared', f'user={USER_A}')):
                with self.subTest(given):
                    answers = self.answers(mount, *given)
                    for name in ('read-secret', 'write-as-fifo', 'write-openat2',
                                 'memory-of-others', 'root-of-others'):
                        self.assertEqual(answers[name], 'EACCES', name)
                    self.assertIn('landlock', answers['in force'])

    def test_connections_are_for_a_user_of_its_own_only(self):
        """systemd and others do what root tells them over a socket."""
        with Mount('allow_other') as mount:
            for given, answer in (((), 'EACCES'), (('shared',), 'EACCES'),
                                  (('shared', f'user={USER_A}'), 'ok'),
                                  (('shared', f'user={USER_A}', 'trace'), 'EACCES')):
                with self.subTest(given):
                    self.assertEqual(self.answers(mount, *given)['unix-stream'], answer)

    def test_user_gives_up_what_he_has_too(self):
        with Mount(user=USER_A) as mount:
            outcome = as_user(USER_A, lambda: self.probe(mount, owner=USER_A))
        self.assertEqual((outcome.returncode, outcome.stderr), (0, ''))
        answers = {key: value.strip() for key, value in status_of(outcome.stdout).items()}
        self.assert_forbidden(answers)
        self.assertEqual(capabilities(answers)[:2], (0, 0))
        self.assertEqual((answers['NoNewPrivs'], answers['dumpable']), ('1', '1'))

    def test_no_core_is_left_unless_it_is_debugged(self):
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        with Mount() as mount:
            for given, limit in (((), 0), (('debug',), hard)):
                self.assertEqual(int(self.answers(mount, *given)['core limit']),
                                 ctypes.c_int64(limit).value)

    def test_trap_names_the_call_that_is_not_on_the_list(self):
        with Mount() as mount:
            outcome = self.probe(mount, environment=[('FIFOFS_SECCOMP', 'trap')])
        self.assertEqual(outcome.returncode, -31)       # SIGSYS
        self.assertRegex(outcome.stderr, r'\Afifofs: not on the list of system calls: \d+\n\Z')


class Serving(fifofs_test.TestCase):
    """The process that serves: what it has, and that it can do with that what it has to do."""

    deadline_seconds = 60

    @staticmethod
    def status(mount):
        with open(f'/proc/{mount.worker}/status', encoding='utf-8') as status:
            return status_of(status.read())

    @staticmethod
    def config(mount, key):
        with open(mount.path + '/.fifofs/config', encoding='utf-8') as config:
            return dict(line.strip().split('=', 1) for line in config if '=' in line).get(key)

    def assert_locked(self, status):
        self.assertEqual((words(status, 'NoNewPrivs'), words(status, 'Seccomp')), (['1'], ['2']))

    def assert_keeps(self, options, kept, uid=0):
        with self.subTest(options), Mount(options) as mount:
            status = self.status(mount)
            self.assertEqual(capabilities(status), (kept, kept, 0, 0, 0))
            self.assertEqual(words(status, 'Uid') + words(status, 'Gid'), [str(uid)] * 8)
            self.assertEqual(words(status, 'Groups'), [])
            self.assert_locked(status)

    def test_root_keeps_what_the_options_need(self):
        user = f'user={USER_B}'
        self.assert_keeps('', 0)
        self.assert_keeps(f'uid={USER_A}', SHARED)
        self.assert_keeps('trace', TRACE)
        self.assert_keeps('capacity=1M', TRACE)
        self.assert_keeps('allow_other,user=root', SHARED)
        self.assert_keeps('allow_other,' + user, SHARED, USER_B)
        self.assert_keeps('allow_other,trace,' + user, TRACE, USER_B)
        self.assert_keeps('allow_other,open-timeout=1h,' + user, TRACE, USER_B)

    def test_shared_mount_of_root_has_the_user_of_packages(self):
        try:
            uid = pwd.getpwnam('fifofs').pw_uid
        except KeyError:
            uid = 0
        with Mount('allow_other') as mount:
            self.assertEqual(words(self.status(mount), 'Uid'), [str(uid)] * 4)

    def test_user_gives_up_what_he_can(self):
        for options in ('', 'notrace'):
            with self.subTest(options), Mount(options, user=USER_A) as mount:
                status = self.status(mount)
                self.assertEqual(capabilities(status)[:3], (0, 0, 0))
                self.assertEqual(words(status, 'Uid'), [str(USER_A)] * 4)
                self.assert_locked(status)

    def test_config_tells_what_is_in_force(self):
        files = ['landlock'] if has_landlock() else []
        for options, trace in (('allow_other', False), ('allow_other,trace', True)):
            with self.subTest(options), Mount(f'{options},user={USER_B}') as mount:
                self.assertEqual(self.config(mount, 'sandbox'),
                                 ', '.join(([] if trace else files) + ['seccomp']))
                self.assertIn(self.config(mount, 'user'), (str(USER_B), f'user{USER_B}'))
                self.assertEqual(self.config(mount, 'trace'), str(trace).lower())

    def test_who_serves_next_has_no_more(self):
        with Mount(f'allow_other,user={USER_B}') as mount:
            first, status = mount.worker, self.status(mount)
            os.kill(first, signal.SIGKILL)
            wait_until(lambda: mount.worker != first, what='another worker')
            os.mkfifo(mount.path + '/fifo')             # it answers
            for key in ('CapPrm', 'CapEff', 'CapBnd', 'Uid', 'Gid', 'Seccomp', 'NoNewPrivs'):
                self.assertEqual(words(self.status(mount), key), words(status, key), key)
            self.assertEqual(attempt(os.setxattr, mount.path + '/fifo', 'fifofs.capacity', b'1M'),
                             'EPERM')

    def test_it_ends_with_its_supervisor_whoever_it_is(self):
        """A change of user makes the kernel forget that it should."""
        base = os.path.realpath(tempfile.mkdtemp(prefix='fifofs-sandbox-'))
        self.addCleanup(os.rmdir, base)
        with Mount():                                   # a mount namespace of our own
            daemon = self.start([binary('FIFOFS_BIN'), '-f', '-o', f'allow_other,user={USER_B}',
                                 base])
        wait_until(lambda: mounted(base), what='the mount')
        self.addCleanup(libc.umount2, os.fsencode(base), 2)
        os.stat(base)
        ended = os.pidfd_open(worker_of(daemon.pid))
        self.addCleanup(os.close, ended)
        daemon.kill()
        self.assertTrue(select.select([ended], [], [], 10)[0])

    def test_nobody_of_its_user_may_look_into_it(self):
        with Mount(f'allow_other,user={USER_B}') as mount:
            self.assertEqual(attempt(as_user, USER_B, os.listdir, f'/proc/{mount.worker}/fd'),
                             'EACCES')

    def test_no_core_is_left(self):
        with Mount() as mount:
            self.assertEqual(resource.prlimit(mount.worker, resource.RLIMIT_CORE), (0, 0))

    def test_use_is_noticed_in_directories_that_are_closed_to_it(self):
        with Mount(f'allow_other,user={USER_B},linger=0s') as mount:
            directory = mount.path + '/closed'
            os.mkdir(directory, 0o700)
            os.chown(directory, USER_A, USER_A)

            def use():
                os.mkfifo(directory + '/fifo', 0o600)
                os.close(os.open(directory + '/fifo', os.O_RDWR))

            as_user(USER_A, use)
            wait_until(lambda: os.listdir(directory) == [], what='the used FIFO to go')

    def test_groups_of_callers_count(self):
        with Mount(f'allow_other,user={USER_B}') as mount:
            os.mkdir(mount.path + '/closed')
            os.chown(mount.path + '/closed', 0, 4711)
            os.chmod(mount.path + '/closed', 0o750)
            os.mkfifo(mount.path + '/closed/fifo')

            def listed():
                with open(mount.path + '/.fifofs/pipes', encoding='utf-8') as pipes:
                    return len(pipes.readlines())

            self.assertEqual(as_user(USER_A, listed), 0)
            self.assertEqual(as_user(USER_A, listed, groups=[4711]), 1)

    def test_trace_does_for_others_what_it_is_for(self):
        """Of a FIFO and a process of a third user: the end is opened, the capacity is set."""
        with Mount(f'allow_other,trace,user={USER_B}') as mount:
            path = mount.path + '/fifo'
            as_user(USER_A, os.mkfifo, path, 0o600)
            os.setxattr(path, 'fifofs.open-timeout', b'200ms')

            def read():
                with open(path, 'rb') as stream:
                    return stream.read()

            def write():
                """More than goes into it in the moment in which both ends are open."""
                descriptor = os.open(path, os.O_WRONLY)
                while not isinstance(answer := attempt(os.write, descriptor, bytes(100000)), str):
                    pass
                return answer

            self.assertEqual(as_user(USER_A, read), b'')
            try:
                self.assertEqual(as_user(USER_A, write), 'EPIPE')
            except ChildDied as died:
                self.assertEqual(died.signal_number, signal.SIGPIPE)
            os.setxattr(path, 'fifofs.open-timeout', b'infinity')
            os.setxattr(path, 'fifofs.capacity', b'256K')

            def hold():
                fd = os.open(path, os.O_RDWR)
                wait_until(lambda: fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) == 256 << 10,
                           what='the capacity')

            as_user(USER_A, hold)

    def test_configuration_is_read_again(self):
        base = tempfile.mkdtemp(prefix='fifofs-sandbox-')
        self.addCleanup(shutil.rmtree, base)
        file = base + '/mount.conf'

        def write(text):
            with open(file + '.new', 'w', encoding='ascii') as stream:
                stream.write('[fifofs]\n' + text)
            os.rename(file + '.new', file)              # as editors do

        write('linger=7s\n')
        with Mount(f'allow_other,user={USER_B},config={file}') as mount:
            write('linger=8s\n[pipe "new"]\nowner=daemon\n')
            os.kill(mount.pid, signal.SIGHUP)
            wait_until(lambda: self.config(mount, 'linger') == '8s', what='the new configuration')
            wait_until(lambda: os.path.exists(mount.path + '/new'), what='the declared FIFO')
            self.assertEqual(os.stat(mount.path + '/new').st_uid, pwd.getpwnam('daemon').pw_uid)
            write('capacity=1M\n')
            os.kill(mount.pid, signal.SIGHUP)
            wait_until(lambda: 'unmount it and mount it again' in mount.log(), what='a refusal')
            self.assertEqual(self.config(mount, 'capacity'), 'default')


class Attributes(fifofs_test.TestCase):
    """Where the right to look into processes was given up, nothing is promised that needs it."""

    NEEDING = (('capacity', b'1M'), ('open-timeout', b'3s'))

    def assert_given(self, path, answer):
        for key, value in self.NEEDING:
            self.assertEqual(attempt(os.setxattr, path, 'fifofs.' + key, value), answer, key)

    def test_attributes_that_need_the_right_are_refused_without_it(self):
        with Mount('allow_other') as mount:
            fifo = mount.path + '/fifo'
            os.mkfifo(fifo)
            self.assert_given(fifo, 'EPERM')
            self.assert_given(mount.path, 'EPERM')
            self.assertEqual(os.getxattr(fifo, 'fifofs.capacity'), b'default')
            os.setxattr(fifo, 'fifofs.capacity', b'default')
            os.setxattr(fifo, 'fifofs.open-timeout', b'infinity')
            self.assertEqual(attempt(os.setxattr, fifo, 'fifofs.capacity', b'much'), 'EINVAL')
            os.setxattr(fifo, 'fifofs.linger', b'3s')

    def test_fifoctl_says_what_is_missing(self):
        with Mount() as mount:
            fifo = mount.path + '/fifo'
            os.mkfifo(fifo)
            for command in (['set', 'capacity=1M', fifo], ['new', '--open-timeout=1s', fifo + '2']):
                outcome = subprocess.run([binary('FIFOCTL_BIN'), *command], capture_output=True,
                                         text=True, check=False)
                self.assertEqual(outcome.returncode, 1)
                self.assertRegex(outcome.stderr, r'\Afifoctl: .*-o trace.*\n\Z')
            self.assertEqual(os.listdir(mount.path), ['fifo'])

    def test_trace_or_an_option_that_needs_it_keeps_the_right(self):
        for options in ('trace', 'capacity=64K', 'open-timeout=1d'):
            with self.subTest(options), Mount(options) as mount:
                os.mkfifo(mount.path + '/fifo')
                self.assert_given(mount.path + '/fifo', None)

    def test_user_has_it_for_his_own_processes_unless_he_gives_it_up(self):
        for options, answer in (('', None), ('notrace', 'EPERM')):
            with self.subTest(options), Mount(options, user=USER_A) as mount:
                as_user(USER_A, os.mkfifo, mount.path + '/fifo')
                as_user(USER_A, self.assert_given, mount.path + '/fifo', answer)


if __name__ == '__main__':
    fifofs_test.main()
