# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of fifofs: what it refuses, how it starts, and how it ends."""

import configparser
import os
import re
import signal
import stat
import subprocess
import tempfile

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, Mount, Tmpfs, as_user, attempt, binary, bound, fuse_conf, libc_call,
    stuck_in_open, threads, wait_until, worker_of)

FAILED, USAGE, MOUNTPOINT, NO_FUSE = 1, 2, 3, 4

_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2
_CLONE_NEWNS = 0x00020000
_END_SECONDS = 15

# Names that a mountpoint may have, and that formats and shells stumble over.
ODD_NAMES = {
    'blanks': ' two  blanks ',
    'newline': 'new\nline',
    'tab': 'tab\there',
    'backslash': 'back\\slash\\040',
    'UTF-8': 'fünf – 五',
    'not UTF-8': b'\xff\xfe'.decode(errors='surrogateescape'),
    'comma': 'comma,allow_other',
    'quotes': '\'quotes"',
    'dash': 'a - b',
    'equals': 'a=b',
    'control character': 'bell\a',
}


def run_fifofs(*arguments, uid=None, **keywords):
    """Run it to its end, or until it has gone to the background and let go of its output."""
    credentials = {} if uid is None else {'user': uid, 'group': uid, 'extra_groups': []}
    return subprocess.run([binary('FIFOFS_BIN'), *arguments], stdin=subprocess.DEVNULL, check=False,
                          capture_output=True, timeout=_END_SECONDS, **credentials, **keywords)


def mount_lines():
    """(mountpoint, its options, type, source, options of the file system) of each mount."""
    with open('/proc/self/mountinfo', 'rb') as table:
        for line in table:
            mount, _, filesystem = line.partition(b' - ')
            fields, kind = mount.split(b' '), filesystem.split()
            path = re.sub(rb'\\([0-7]{3})', lambda found: bytes([int(found[1], 8)]), fields[4])
            yield (os.fsdecode(path), fields[5].decode().split(','), kind[0].decode(),
                   kind[1].decode(), kind[2].decode().split(','))


def mount_at(path):
    """The last of mount_lines() for that directory, or None."""
    found = [line for line in mount_lines() if line[0] == path]
    return found[-1] if found else None


def run_with_device(make_device, mountpoint):
    """Run it where /dev/fuse is what make_device(path) makes, or missing."""
    libc_call('unshare', _CLONE_NEWNS)
    libc_call('mount', b'none', b'/', None, _MS_REC | _MS_PRIVATE, None)
    with tempfile.TemporaryDirectory(prefix='fifofs-dev-') as directory:
        libc_call('mount', b'dev', os.fsencode(directory), b'tmpfs', 0, b'mode=0755')
        os.mknod(directory + '/null', stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.chmod(directory + '/null', 0o666)
        make_device(directory + '/fuse')
        libc_call('mount', os.fsencode(directory), b'/dev', None, _MS_BIND, None)
        try:
            return run_fifofs(mountpoint)
        finally:
            libc_call('umount2', b'/dev', _MNT_DETACH)
            libc_call('umount2', os.fsencode(directory), _MNT_DETACH)


def libfuse_version():
    """(major, minor) of the libfuse that fifofs is linked with."""
    told = subprocess.run(['ldd', binary('FIFOFS_BIN')], check=True, capture_output=True, text=True)
    library = os.path.realpath(re.search(r'libfuse3\.so\S* => (\S+)', told.stdout)[1])
    return tuple(map(int, re.search(r'\.so\.(\d+)\.(\d+)', library).groups()))


class CliTestCase(fifofs_test.TestCase):

    def setUp(self):
        self.base = self.enterContext(Tmpfs('mode=0755')).path
        self.mountpoint = self.base + '/mnt'
        os.mkdir(self.mountpoint)
        self.addCleanup(self.unmount_all)

    def unmount_all(self):
        """Take away what a test that failed, or that killed its daemon, has left mounted."""
        for path in self.mounted_below():
            libc_call('umount2', os.fsencode(path), _MNT_DETACH)

    def mounted_below(self):
        return [path for path, _, kind, *_ in reversed(list(mount_lines()))
                if path.startswith(self.base + '/') and kind == 'fuse.fifofs']

    def directory_of(self, uid, name):
        path = f'{self.base}/{name}'
        os.mkdir(path)
        os.chown(path, uid, uid)
        return path

    def assert_refused(self, outcome, code, *words):
        """One line on stderr with these words in it, nothing on stdout, nothing mounted."""
        mounted = self.mounted_below()
        self.unmount_all()
        told = outcome.stderr.decode(errors='surrogateescape')
        self.assertEqual(outcome.returncode, code, told)
        self.assertEqual(outcome.stdout, b'')
        self.assertRegex(told, r'\Afifofs: [^\n]+\n\Z')
        for word in words:
            self.assertIn(word, told)
        self.assertEqual(mounted, [])

    def serve(self, *arguments, uid=None, **keywords):
        """Run it in the foreground; returns once the last argument, a directory, is mounted."""
        path = arguments[-1]
        credentials = {} if uid is None else {'user': uid, 'group': uid, 'extra_groups': []}
        daemon = self.start([binary('FIFOFS_BIN'), '-f', *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **credentials,
                            **keywords)
        where = os.path.realpath(os.path.join(keywords.get('cwd', '/'), path))
        wait_until(lambda: mount_at(where) or daemon.poll() is not None, what='the mount')
        if daemon.poll() is not None:
            self.fail(daemon.stderr.read().decode(errors='replace'))
        as_user(0 if uid is None else uid, os.stat, where)
        return daemon

    def assert_ends_well(self, daemon, path):
        self.assertEqual(daemon.wait(_END_SECONDS), 0)
        self.assertIsNone(mount_at(path))


class Usage(CliTestCase):

    def test_unknown_option_is_refused(self):
        for option in ['nonsense', 'nonsense=1', 'ceilin=0600', 'Ceiling=0600', 'suid', 'dev',
                       'fsname=x', 'subtype=x', 'allow_root', 'fd=3', ' allow_other']:
            with self.subTest(option):
                outcome = run_fifofs('-o', option, self.mountpoint)
                self.assert_refused(outcome, USAGE, option.partition('=')[0], '--help')

    def test_default_permissions_cannot_be_switched_off(self):
        for option in ['no_default_permissions', 'nodefault_permissions', 'default_permissions=no',
                       'default_permissions=0']:
            with self.subTest(option):
                outcome = run_fifofs('-o', option, self.mountpoint)
                self.assert_refused(outcome, USAGE, 'default_permissions')

    def test_default_permissions_are_on_in_every_mount(self):
        for options in ['', 'default_permissions', 'allow_other', 'allow_other,rw', 'ro,noexec']:
            with self.subTest(options), Mount(options) as mount:
                _, _, kind, source, of_filesystem = mount_at(mount.path)
                self.assertEqual((kind, source), ('fuse.fifofs', 'fifofs'))
                self.assertIn('default_permissions', of_filesystem)

    def test_bad_value_is_refused(self):
        bad = {
            'ceiling': ['', '8', '0x1', '-1', '10000', '0660 ', 'u=rw'],
            'floor': ['', '9', '10000'],
            'dirceiling': ['', 'rwx', '17777'],
            'rootmode': ['', '0779', '10000'],
            'uid': ['', 'no-such-user', '-1', '4294967295', '4294967296', '1.5'],
            'gid': ['', 'no-such-group', '-1', '4294967295', '0x10'],
            'lifetime': ['', 'never', 'AUTO', 'auto ', 'keep;'],
            'linger': ['', 'soon', '-1', '1fortnight', 's', '1..5s', '99999999999999999999'],
            'grace': ['', '15 moons', 'inf', '-15min'],
            'max-age': ['', '1e3', 'infinityy', '0x10'],
            'open-timeout': ['', '-1s', 'never'],
            'capacity': ['', '0', '-1', '2G', '1MB', 'big'],
        }
        for name, values in bad.items():
            for value in values:
                with self.subTest(f'{name}={value}'):
                    outcome = run_fifofs('-o', f'{name}={value}', self.mountpoint)
                    self.assert_refused(outcome, USAGE, name, f"'{value}'", 'write ')

    def test_missing_or_needless_value_is_refused(self):
        for option in ['ceiling', 'floor', 'uid', 'gid', 'lifetime', 'linger', 'max-age',
                       'allow_other=1', 'allow_other=', 'ro=1']:
            with self.subTest(option):
                outcome = run_fifofs('-o', option, self.mountpoint)
                self.assert_refused(outcome, USAGE, option.partition('=')[0], 'write ')

    def test_floor_above_the_ceiling_is_refused(self):
        for options in ['floor=0640', 'allow_other,floor=0664', 'ceiling=0600,floor=0620',
                        'floor=0700,ceiling=0666', 'floor=1600']:
            with self.subTest(options):
                outcome = run_fifofs('-o', options, self.mountpoint)
                self.assert_refused(outcome, USAGE, 'floor', 'ceiling')

    def test_io_uring_is_refused_or_missed_in_one_line_where_it_cannot_be_had(self):
        version = libfuse_version()
        if version < (3, 18):
            outcome = run_fifofs('-o', 'io_uring', self.mountpoint)
            self.assert_refused(outcome, USAGE, 'io_uring', 'libfuse 3.18',
                                f'libfuse {version[0]}.{version[1]}')
            return
        daemon = self.serve('-o', 'io_uring', self.mountpoint)
        os.mkfifo(self.mountpoint + '/fifo')
        has_rings = any(name.startswith('fuse-ring') for name in threads(worker_of(daemon.pid)).values())
        daemon.terminate()
        self.assert_ends_well(daemon, self.mountpoint)
        told = daemon.stderr.read()
        self.assertRegex(told, rb'\A\Z' if has_rings else
                         rb'\Afifofs: mounted without io_uring: [^\n]+\n\Z')

    def test_wrong_words_are_refused(self):
        for words in [[], ['-f'], ['-o', 'allow_other'], [self.mountpoint, 'another'],
                      ['--nonsense', self.mountpoint], ['-x', self.mountpoint],
                      [self.mountpoint, '-o'], ['-f=1', self.mountpoint]]:
            with self.subTest(words):
                self.assert_refused(run_fifofs(*words), USAGE, 'fifofs')

    def test_one_bad_option_among_good_ones_is_named(self):
        outcome = run_fifofs('-o', 'allow_other,linger=5s', '-o', 'rw,grace=later,ceiling=0600',
                             self.mountpoint)

        self.assert_refused(outcome, USAGE, 'grace', 'later')

    def test_error_is_one_line_whatever_was_given(self):
        for value in ['new\nline', 'bell\a', 'esc\x1b[31m']:
            with self.subTest(value):
                outcome = run_fifofs('-o', 'lifetime=' + value, self.mountpoint)
                self.assert_refused(outcome, USAGE, 'lifetime')
                self.assertNotRegex(outcome.stderr[:-1], rb'[\0-\x1f]')

    def test_error_is_told_by_the_exit_code_in_the_foreground_too(self):
        self.assert_refused(run_fifofs('-f', '-o', 'nonsense', self.mountpoint), USAGE, 'nonsense')
        self.assert_refused(run_fifofs('-d', self.base + '/missing'), MOUNTPOINT, 'missing')

    def test_version_and_help_are_told_without_a_mountpoint(self):
        for words in (['-V'], ['--version']):
            outcome = run_fifofs(*words)
            self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))
            self.assertRegex(outcome.stdout, rb'\Afifofs \d+\.\d+\.\d+\n\Z')
        for words in (['-h'], ['--help']):
            outcome = run_fifofs(*words)
            self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))
            for option in (b'allow_other', b'ceiling', b'floor', b'dirceiling', b'uid', b'gid',
                           b'rootmode', b'lifetime', b'linger', b'grace', b'max-age',
                           b'open-timeout', b'max-pipes', b'user-max-dirs', b'config', b'io_uring'):
                self.assertIn(option, outcome.stdout)
            lines = outcome.stdout.decode().splitlines()
            self.assertLess(len(lines), 24)         # it is read on a screen, above the next prompt
            self.assertLessEqual(max(map(len, lines)), 80)


class Mountpoints(CliTestCase):

    def test_unusable_mountpoint_is_refused(self):
        os.mkfifo(self.base + '/fifo')
        with open(self.base + '/file', 'wb'):
            pass
        os.symlink('missing', self.base + '/dangling')
        os.symlink('loop', self.base + '/loop')
        for path, reason in {
                'missing': 'mkdir',
                'missing/below': 'mkdir',
                'dangling': 'mkdir',
                'file': 'not a directory',
                'fifo': 'not a directory',
                'file/below': '',
                'loop': '',
                'n' * 256: '',
        }.items():
            with self.subTest(path):
                outcome = run_fifofs(f'{self.base}/{path}')
                self.assert_refused(outcome, MOUNTPOINT, path, reason)

    def test_empty_mountpoint_is_refused(self):
        outcome = run_fifofs('')
        self.assertIn(outcome.returncode, (USAGE, MOUNTPOINT))
        self.assert_refused(outcome, outcome.returncode, 'mountpoint')

    def test_error_about_an_odd_name_is_one_line(self):
        for what, name in ODD_NAMES.items():
            with self.subTest(what):
                self.assert_refused(run_fifofs(f'{self.base}/{name}'), MOUNTPOINT)

    def test_second_mount_on_the_same_directory_is_refused(self):
        os.symlink('mnt', self.base + '/link')
        daemon = self.serve(self.mountpoint)
        for path in [self.mountpoint, self.mountpoint + '/', self.base + '/link', 'mnt', '.']:
            with self.subTest(path):
                cwd = self.mountpoint if path == '.' else self.base
                outcome = run_fifofs(path, cwd=cwd)
                self.assertEqual(outcome.returncode, MOUNTPOINT)
                self.assertRegex(outcome.stderr, rb'\A[^\n]*already a fifofs mount[^\n]*\n\Z')
                self.assertIn(b'fusermount3 -u', outcome.stderr)
        self.assertEqual(len([l for l in mount_lines() if l[0] == self.mountpoint]), 1)

        daemon.terminate()
        self.assert_ends_well(daemon, self.mountpoint)

    def test_second_mount_is_refused_whatever_the_name(self):
        for what, name in ODD_NAMES.items():
            with self.subTest(what):
                path = f'{self.base}/{name}'
                os.mkdir(path)
                daemon = self.serve(path)
                outcome = run_fifofs(path)
                self.assertEqual(outcome.returncode, MOUNTPOINT)
                self.assertRegex(outcome.stderr, rb'\A[^\n]*already a fifofs mount[^\n]*\n\Z')
                daemon.terminate()
                self.assert_ends_well(daemon, path)

    def test_mount_of_another_user_is_refused_as_a_mount(self):
        with Mount(user=USER_A) as mount:
            for uid in (0, USER_B):
                outcome = run_fifofs(mount.path, uid=uid)
                self.assertEqual(outcome.returncode, MOUNTPOINT)
                self.assertRegex(outcome.stderr, rb'\A[^\n]*already a fifofs mount[^\n]*\n\Z')

    def test_mount_whose_daemon_is_dead_is_taken_away(self):
        allow_users_to_mount()
        for uid in (0, USER_A):
            with self.subTest(uid=uid):
                path = self.directory_of(uid, f'of-{uid}')
                daemon = self.serve(path, uid=uid)
                daemon.kill()
                daemon.wait()

                outcome = run_fifofs(path, uid=uid)

                self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))
                self.assertEqual(sum(line[0] == path for line in mount_lines()), 1)
                as_user(uid, os.mkfifo, path + '/works')
                subprocess.run(['fusermount3', '-u', path], check=True, user=uid, group=uid)

    def test_mount_of_another_whose_daemon_is_dead_stays(self):
        daemon = self.serve(self.mountpoint)
        daemon.kill()
        daemon.wait()
        outcome = run_fifofs(self.mountpoint, uid=USER_A)
        self.assertEqual(outcome.returncode, MOUNTPOINT)
        self.assertIsNotNone(mount_at(self.mountpoint))
        subprocess.run(['fusermount3', '-uz', self.mountpoint], check=True)

    def test_directory_below_a_mount_can_be_a_mountpoint(self):
        outer = self.serve(self.mountpoint)
        os.mkdir(self.mountpoint + '/below')

        inner = self.serve(self.mountpoint + '/below')
        os.mkfifo(self.mountpoint + '/below/fifo')
        inner.terminate()

        self.assert_ends_well(inner, self.mountpoint + '/below')
        self.assertEqual(os.listdir(self.mountpoint), ['below'])
        outer.terminate()
        self.assert_ends_well(outer, self.mountpoint)

    def test_odd_name_is_mounted_and_unmounted(self):
        for what, name in ODD_NAMES.items():
            with self.subTest(what):
                path = f'{self.base}/{name}'
                os.mkdir(path)
                outcome = run_fifofs(path)
                self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr),
                                 (0, b'', b''))
                self.assertEqual(mount_at(path)[2:4], ('fuse.fifofs', 'fifofs'))
                os.mkfifo(path + '/fifo')
                self.assertEqual(os.listdir(path), ['fifo'])
                with open(path + '/.fifofs/config', errors='surrogateescape') as stream:
                    config = configparser.ConfigParser(interpolation=None)
                    config.read_file(stream)
                self.assertTrue(config['fifofs']['mountpoint'])
                subprocess.run(['fusermount3', '-u', path], check=True)
                self.assertIsNone(mount_at(path))

    def test_odd_name_is_mounted_by_a_user(self):
        allow_users_to_mount()
        for what, name in ODD_NAMES.items():
            with self.subTest(what):
                path = self.directory_of(USER_A, name)
                daemon = self.serve(path, uid=USER_A)
                as_user(USER_A, os.mkfifo, path + '/fifo')
                # It answers before it is ready, and may have the root open until then.
                wait_until(lambda path=path: subprocess.run(
                    ['fusermount3', '-u', path], stderr=subprocess.DEVNULL, check=False,
                    user=USER_A, group=USER_A).returncode == 0, what='it not to be busy')
                self.assert_ends_well(daemon, path)

    def test_name_with_a_leading_dash_is_mounted_behind_two_dashes(self):
        os.mkdir(self.base + '/-d')
        daemon = self.serve('--', '-d', cwd=self.base)
        self.assertIsNotNone(mount_at(self.base + '/-d'))
        daemon.terminate()
        self.assert_ends_well(daemon, self.base + '/-d')

    def test_relative_path_is_mounted_where_it_leads(self):
        for path in ['mnt', './mnt', 'mnt/', 'mnt/../mnt/.', '../mnt/mnt']:
            with self.subTest(path):
                outcome = run_fifofs(path, cwd=self.base)
                self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))
                os.mkfifo(self.mountpoint + '/fifo')
                with open(self.mountpoint + '/.fifofs/config') as config:
                    self.assertIn(f'mountpoint={self.mountpoint}\n', config.read())
                subprocess.run(['fusermount3', '-u', self.mountpoint], check=True)

    def test_symlink_is_followed_to_its_directory(self):
        os.symlink('mnt', self.base + '/link')
        daemon = self.serve(self.base + '/link')
        os.mkfifo(self.base + '/link/fifo')
        self.assertEqual(os.listdir(self.mountpoint), ['fifo'])
        daemon.terminate()
        self.assert_ends_well(daemon, self.mountpoint)

    def test_what_the_directory_had_in_it_is_back_afterwards(self):
        with open(self.mountpoint + '/before', 'wb'):
            pass
        daemon = self.serve(self.mountpoint)
        self.assertEqual(os.listdir(self.mountpoint), [])
        daemon.terminate()
        self.assert_ends_well(daemon, self.mountpoint)
        self.assertEqual(os.listdir(self.mountpoint), ['before'])


class WithoutFuse(CliTestCase):

    def run_with_device(self, make_device):
        outcome = attempt(self.spawn(run_with_device, make_device, self.mountpoint).result)
        if outcome in ('EPERM', 'EACCES'):
            self.skipTest('needs a mount namespace of its own')
        return outcome

    def test_missing_device_is_told(self):
        self.assert_refused(self.run_with_device(lambda path: None), NO_FUSE,
                            '/dev/fuse', 'modprobe fuse')

    def test_device_without_a_driver_is_told(self):
        def dead_device(path):
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(10, 254))

        self.assert_refused(self.run_with_device(dead_device), NO_FUSE, '/dev/fuse',
                            'modprobe fuse')

    def test_device_that_a_user_may_not_open_is_told(self):
        path = self.directory_of(USER_A, 'a')
        closed = self.base + '/fuse'
        os.mknod(closed, stat.S_IFCHR | 0o600, os.stat('/dev/fuse').st_rdev)

        with bound(closed, '/dev/fuse'):
            outcome = run_fifofs(path, uid=USER_A)

        self.assert_refused(outcome, NO_FUSE, '/dev/fuse', 'Permission denied')

    def test_missing_fusermount_is_told_to_a_user(self):
        allow_users_to_mount()
        path = self.directory_of(USER_A, 'a')

        outcome = run_fifofs(path, uid=USER_A, env={**os.environ, 'PATH': '/nonexistent'})

        self.assert_refused(outcome, NO_FUSE, 'fusermount3', 'install')

    def test_root_needs_no_fusermount(self):
        daemon = self.serve(self.mountpoint, env={**os.environ, 'PATH': '/nonexistent'})
        daemon.terminate()
        self.assert_ends_well(daemon, self.mountpoint)


class Starting(CliTestCase):

    def test_background_returns_when_the_mount_answers(self):
        for _ in range(20):
            outcome = run_fifofs(self.mountpoint)
            self.assertEqual(attempt(os.mkfifo, self.mountpoint + '/fifo'), None)
            self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr), (0, b'', b''))
            self.assertEqual(os.listdir(self.mountpoint), ['fifo'])
            subprocess.run(['fusermount3', '-u', self.mountpoint], check=True)

    def test_background_daemon_lets_go_of_where_it_came_from(self):
        with Mount(foreground=False) as mount:
            self.assertEqual(os.getsid(mount.pid), mount.pid)
            links = [os.readlink(f'/proc/{mount.pid}/fd/{n}') for n in range(3)]
            self.assertEqual(links, ['/dev/null'] * 3)
            self.assertEqual(os.readlink(f'/proc/{mount.pid}/cwd'), '/')

    def test_background_failure_is_one_line_and_a_code(self):
        allow_users_to_mount()
        path = self.directory_of(USER_A, 'a')
        with fuse_conf(''):
            outcome = run_fifofs('-o', 'allow_other', path, uid=USER_A)
        self.assert_refused(outcome, FAILED, path, 'user_allow_other')

    def test_foreground_stays(self):
        daemon = self.serve(self.mountpoint)
        os.mkfifo(self.mountpoint + '/fifo')
        self.assertIsNone(daemon.poll())
        daemon.terminate()
        told = daemon.communicate(timeout=_END_SECONDS)
        self.assertEqual((daemon.returncode, *told), (0, b'', b''))

    def test_debug_logs_and_stays(self):
        daemon = self.start([binary('FIFOFS_BIN'), '-d', self.mountpoint],
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_until(lambda: mount_at(self.mountpoint), what='the mount')
        os.mkfifo(self.mountpoint + '/logged-name')
        self.assertIsNone(daemon.poll())
        daemon.terminate()
        _, log = daemon.communicate(timeout=_END_SECONDS)
        self.assertEqual(daemon.returncode, 0)
        self.assertRegex(log, rb'created: .*logged-name')

    def test_kernel_is_told_neither_suid_nor_devices(self):
        for arguments, expected in {
                (): {'rw', 'nosuid', 'nodev'},
                ('-o', 'ro'): {'ro', 'nosuid', 'nodev'},
                ('-o', 'noexec,noatime'): {'rw', 'nosuid', 'nodev', 'noexec', 'noatime'},
        }.items():
            with self.subTest(arguments):
                daemon = self.serve(*arguments, self.mountpoint)
                self.assertLessEqual(expected, set(mount_at(self.mountpoint)[1]))
                daemon.terminate()
                self.assert_ends_well(daemon, self.mountpoint)

    def test_read_only_mount_takes_no_name(self):
        daemon = self.serve('-o', 'ro', self.mountpoint)
        self.assertEqual(attempt(os.mkfifo, self.mountpoint + '/fifo'), 'EROFS')
        daemon.terminate()
        self.assert_ends_well(daemon, self.mountpoint)

    def test_option_given_twice_has_its_last_value(self):
        daemon = self.serve('-o', 'linger=1s', '-o', 'grace=1s,linger=2s,,', self.mountpoint)
        config = configparser.ConfigParser()
        config.read(self.mountpoint + '/.fifofs/config')
        self.assertEqual(config['fifofs']['linger'], '2s')
        self.assertEqual(config['fifofs']['grace'], '1s')
        daemon.terminate()
        self.assert_ends_well(daemon, self.mountpoint)


def hold(path, ready):
    """Have the FIFO open for both, say so, and stay."""
    os.open(path, os.O_RDWR)
    os.write(ready, b'.')
    signal.pause()


def block(path, flags):
    return os.open(path, flags)


class Ending(CliTestCase):

    HOW = ('SIGTERM', 'SIGINT', 'SIGHUP', 'fusermount', 'umount')

    def spawn_holder(self, path):
        ready, tell = os.pipe()
        holder = self.spawn(hold, path, tell)
        os.close(tell)
        self.assertEqual(os.read(ready, 1), b'.')
        os.close(ready)
        return holder

    def test_every_way_to_end_is_clean(self):
        for how in self.HOW:
            for foreground in (True, False):
                with self.subTest(how=how, foreground=foreground):
                    with Mount('', foreground=foreground) as mount:
                        os.mkfifo(mount.path + '/fifo')
                        os.mkdir(mount.path + '/sub')
                        mount.end(how)

    def test_daemon_ends_while_a_fifo_is_open(self):
        for how in ('SIGTERM', 'SIGINT', 'SIGHUP'):
            with self.subTest(how), Mount() as mount:
                os.mkfifo(mount.path + '/fifo')
                holder = self.spawn_holder(mount.path + '/fifo')
                mount.end(how)
                self.assertEqual(os.waitpid(holder.pid, os.WNOHANG), (0, 0))
                holder.end()

    def test_open_ends_work_on_when_the_daemon_has_ended(self):
        with Mount() as mount:
            os.mkfifo(mount.path + '/fifo')
            reader = self.open(mount.path + '/fifo', os.O_RDONLY | os.O_NONBLOCK)
            writer = self.open(mount.path + '/fifo', os.O_WRONLY)
            mount.end('SIGTERM')

            os.write(writer, b'still here')
            self.assertEqual(os.read(reader, 100), b'still here')
            self.close(writer)
            self.assertEqual(os.read(reader, 100), b'')

    def test_daemon_ends_while_somebody_is_blocked_in_open(self):
        for how in ('SIGTERM', 'SIGINT'):
            for flags in (os.O_RDONLY, os.O_WRONLY | os.O_CREAT):
                with self.subTest(how=how, flags=flags), Mount() as mount:
                    if not flags & os.O_CREAT:
                        os.mkfifo(mount.path + '/fifo')
                    opener = self.spawn(block, mount.path + '/fifo', flags)
                    stuck_in_open(opener.pid)
                    mount.end(how)
                    opener.send_signal(signal.SIGKILL)
                    self.assertTrue(os.WIFSIGNALED(opener.wait()))

    def test_daemon_ends_while_a_process_works_in_the_mount(self):
        with Mount() as mount:
            os.mkdir(mount.path + '/sub')
            directory = self.open(mount.path + '/sub', os.O_RDONLY | os.O_DIRECTORY)
            listing = os.open(mount.path + '/.fifofs/pipes', os.O_RDONLY)
            mount.end('SIGTERM')
            self.assertEqual(attempt(os.mkfifo, 'fifo', dir_fd=directory), 'ENOTCONN')
            self.assertEqual(attempt(os.read, listing, 10), 'ENOTCONN')
            attempt(os.close, listing)              # ENOTCONN as well, and closed all the same

    def test_daemon_ends_under_load(self):
        with Mount() as mount:
            churners = [self.spawn(churn, f'{mount.path}/fifo{n}') for n in range(4)]
            wait_until(lambda: len(os.listdir(mount.path)) > 0, what='the load')
            mount.end('SIGTERM')
            # Those left see the directory below the mount, or that the mount is gone.
            for churner in churners:
                churner.end()

    def test_fusermount_refuses_while_a_fifo_is_open_and_lazily_ends_at_the_last_close(self):
        with Mount() as mount:
            os.mkfifo(mount.path + '/fifo')
            holder = self.spawn_holder(mount.path + '/fifo')

            busy = subprocess.run(['fusermount3', '-u', mount.path], capture_output=True)
            self.assertNotEqual(busy.returncode, 0)
            self.assertEqual(os.listdir(mount.path), ['fifo'])

            subprocess.run(['fusermount3', '-uz', mount.path], check=True)
            self.assertIsNone(mount_at(mount.path))
            holder.end()
            mount.wait()

    def test_second_signal_changes_nothing(self):
        with Mount() as mount:
            os.mkfifo(mount.path + '/fifo')
            self.open(mount.path + '/fifo', os.O_RDWR)
            for _ in range(3):
                attempt(os.kill, mount.pid, signal.SIGTERM)
            mount.wait()

    def test_directory_can_be_mounted_again_at_once(self):
        for _ in range(10):
            daemon = self.serve(self.mountpoint)
            os.mkfifo(self.mountpoint + '/fifo')
            daemon.terminate()
            self.assert_ends_well(daemon, self.mountpoint)


def churn(path):
    while True:
        try:
            os.mkfifo(path)
            os.unlink(path)
        except OSError:
            return


def allow_users_to_mount():
    """What a mount by a user prepares for the whole run: a name for him, and /dev/fuse to open."""
    with Mount(user=USER_A):
        pass


class OrdinaryUser(CliTestCase):

    def test_user_mounts_for_himself_alone(self):
        with Mount(user=USER_A) as mount:
            as_user(USER_A, os.mkfifo, mount.path + '/fifo')
            found = as_user(USER_A, os.stat, mount.path)
            self.assertEqual((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)),
                             (USER_A, USER_A, 0o700))
            self.assertEqual(mount_at(mount.path)[2:4], ('fuse.fifofs', 'fifofs'))
            for uid in (0, USER_B):
                for function in (os.stat, os.listdir):
                    answer = attempt(as_user, uid, function, mount.path)
                    self.assertEqual(answer, 'EACCES', (uid, function.__name__))
                answer = attempt(as_user, uid, os.open, mount.path + '/fifo',
                                 os.O_RDONLY | os.O_NONBLOCK)
                self.assertEqual(answer, 'EACCES')

    def test_private_mount_of_root_is_for_root_alone(self):
        with Mount() as mount:
            os.mkfifo(mount.path + '/fifo')
            for uid in (USER_A, USER_B):
                answer = attempt(as_user, uid, os.stat, mount.path + '/fifo')
                self.assertEqual(answer, 'EACCES')

    def test_user_ends_his_mount_in_every_way(self):
        for how in ('SIGTERM', 'SIGINT', 'fusermount'):
            for foreground in (True, False):
                with self.subTest(how=how, foreground=foreground):
                    with Mount(user=USER_A, foreground=foreground) as mount:
                        as_user(USER_A, os.mkfifo, mount.path + '/fifo')
                        mount.end(how)

    def test_mount_of_a_user_ends_while_a_fifo_is_open(self):
        with Mount(user=USER_A) as mount:
            as_user(USER_A, os.mkfifo, mount.path + '/fifo')
            opener = self.spawn(block, mount.path + '/fifo', os.O_RDONLY, uid=USER_A)
            stuck_in_open(opener.pid)
            mount.end('SIGTERM')
            self.assertIsNone(mount_at(mount.path))

    def test_allow_other_wants_the_permission_of_fuse_conf(self):
        allow_users_to_mount()
        path = self.directory_of(USER_A, 'a')
        with fuse_conf('# nothing\n'):
            for words in (['-f'], []):
                outcome = run_fifofs(*words, '-o', 'allow_other', path, uid=USER_A)
                self.assert_refused(outcome, FAILED, path, 'user_allow_other', '/etc/fuse.conf')

    def test_allow_other_lets_others_in_once_permitted(self):
        with fuse_conf('user_allow_other\n'):
            with Mount('allow_other,ceiling=0666', user=USER_A) as mount:
                as_user(USER_A, os.mkfifo, mount.path + '/fifo', 0o622)
                as_user(USER_B, os.mkfifo, mount.path + '/other', 0o600)
                as_user(USER_B, os.open, mount.path + '/fifo', os.O_PATH)
                self.assertEqual(attempt(as_user, USER_B, os.open, mount.path + '/fifo',
                                         os.O_RDONLY | os.O_NONBLOCK), 'EACCES')
                self.assertEqual(sorted(os.listdir(mount.path)), ['fifo', 'other'])

    def test_directory_of_somebody_else_is_refused(self):
        allow_users_to_mount()
        for name, mode in {'closed': 0o700, 'readable': 0o755, 'sticky': 0o1777}.items():
            with self.subTest(name):
                path = self.directory_of(USER_B, name)
                os.chmod(path, mode)
                outcome = run_fifofs(path, uid=USER_A)
                self.assert_refused(outcome, MOUNTPOINT, path, 'not permitted')

    def test_directory_behind_a_closed_one_is_refused(self):
        allow_users_to_mount()
        closed = self.directory_of(USER_B, 'closed')
        os.mkdir(closed + '/mine')
        os.chown(closed + '/mine', USER_A, USER_A)
        os.chmod(closed, 0o700)

        outcome = run_fifofs(closed + '/mine', uid=USER_A)

        self.assert_refused(outcome, MOUNTPOINT, closed + '/mine')


if __name__ == '__main__':
    fifofs_test.main()
