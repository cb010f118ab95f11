# SPDX-License-Identifier: LGPL-2.1-or-later
"""Configuration files: what they set, which FIFOs they declare, and what a reload does."""

import json
import os
import select
import signal
import stat
import subprocess
import tempfile

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, Mount, as_user, attempt, binary, libc_call, mounted, wait_until)

USAGE = 2
READ_AGAIN, REFUSED = 'configuration read again', 'nothing is changed'

# What is wrong, the file, the line that is told, and what else is.
BAD_FILES = (
    ('no section', 'linger=5s\n', 1, ''),
    ('no key', '[fifofs]\n\nlinger\n', 3, 'linger'),
    ('an unknown section', '[fifofs]\n[mount]\n', 2, '[mount]'),
    ('an unknown option', '[fifofs]\nlingers=5s\n', 2, 'lingers'),
    ('an unknown option of a FIFO', '[pipe "a"]\nceiling=0600\n', 2, 'ceiling'),
    ('a bad value', '# one\n[fifofs]\n# two\nlinger=soon\n', 4, 'soon'),
    ('a bad flag', '[fifofs]\nallow_other=yes\n', 2, 'true or false'),
    ('a relative mountpoint', '[fifofs]\nmountpoint=here\n', 2, 'here'),
    ('a mode outside of the ceiling', '[fifofs]\n[pipe "a"]\nowner=0\nmode=0666\n', 2, '0666'),
    ('a bad mode', '[pipe "a"]\nmode=rw\n', 2, 'rw'),
    ('no such user', '[pipe "a"]\nowner=nobody-such\n', 2, 'nobody-such'),
    ('no such group', '[pipe "a"]\ngroup=nobody-such\n', 2, 'nobody-such'),
    ('an owner beside uid=', '[fifofs]\nuid=5\n[pipe "a"]\nowner=6\n', 3, 'uid='),
    ('a lifetime that needs a creator', '[pipe "a"]\nlifetime=process\n', 2, 'process'),
    ('no quotes', '[pipe a]\n', 1, '[pipe a]'),
    ('no name', '[pipe ""]\n', 1, ''),
    ('a slash in front', '[pipe "/a"]\n', 1, '/a'),
    ('dots', '[pipe "a/../b"]\n', 1, 'a/../b'),
    ('the reserved name', '[pipe ".fifofs/x"]\n', 1, '.fifofs'),
    ('a name too long', f'[pipe "{"n" * 256}"]\n', 1, 'nnn'),
    ('a FIFO in a FIFO', '[pipe "a/b"]\n[pipe "a"]\n', 1, "'a/b'"),
    ('the same twice', '[pipe "a"]\n[pipe "\\141"]\n', 2, 'twice'),
    ('a value that is not UTF-8', b'[fifofs]\nlinger=\xff\n', 2, ''),
    ('a NUL', b'[fifofs]\n\0\n', None, 'fifofs.conf(5)'),
)


class ConfigTestCase(fifofs_test.TestCase):

    def setUp(self):
        super().setUp()
        self.base = os.path.realpath(self.enterContext(
            tempfile.TemporaryDirectory(prefix='fifofs-config-')))
        self.file = self.base + '/test.conf'

    def write(self, text, path=None):
        with open(path or self.file, 'wb') as stream:
            stream.write(text if isinstance(text, bytes) else text.encode())

    def mount(self, text, options='allow_other,', **keywords):
        self.write(text)
        return self.enterContext(Mount(f'{options}config={self.file}', **keywords))

    def reload(self, mount, text, outcome=READ_AGAIN):
        """Give the daemon another file, wait until it has read it; returns what it has logged."""
        self.write(text)
        before = len(mount.log())
        os.kill(mount.pid, signal.SIGHUP)
        wait_until(lambda: READ_AGAIN in mount.log()[before:] or REFUSED in mount.log()[before:],
                   what='the reload')
        log = mount.log()[before:]
        self.assertIn(outcome, log)
        return log


def run_fifofs(*words, **keywords):
    return subprocess.run([binary('FIFOFS_BIN'), *words], stdin=subprocess.DEVNULL, check=False,
                          capture_output=True, timeout=15, **keywords)


def attribute(path, name):
    return os.getxattr(path, 'fifofs.' + name, follow_symlinks=False).decode()


def config_of(mount):
    with open(mount + '/.fifofs/config') as stream:
        return dict(line.rstrip('\n').split('=', 1) for line in stream if '=' in line)


def pipes_of(mount):
    with open(mount + '/.fifofs/pipes') as stream:
        return {fifo['path']: fifo for fifo in map(json.loads, stream)}


class Files(ConfigTestCase):

    def test_options_come_from_the_file_and_the_command_line_comes_first(self):
        mount = self.mount('[fifofs]\nlinger=7s\ngrace=8s\nceiling=0640\nlifetime=use\n',
                           'allow_other,grace=9s,')
        config = config_of(mount.path)
        self.assertEqual([config[key] for key in ('linger', 'grace', 'ceiling', 'lifetime')],
                         ['7s', '9s', '0640', 'use'])
        self.assertEqual(config['config'], self.file)

    def test_flags_are_true_or_false(self):
        for value in ('true', 'false'):
            with self.subTest(value):
                mount = self.mount(f'[fifofs]\nallow_other={value}\n', options='')
                self.assertEqual(config_of(mount.path)['allow_other'], value)

    def test_bad_file_is_refused_with_the_line(self):
        mountpoint = self.base + '/mnt'
        os.mkdir(mountpoint)
        for what, text, line, word in BAD_FILES:
            with self.subTest(what):
                self.write(text)
                outcome = run_fifofs('-o', 'config=' + self.file, mountpoint)
                told = outcome.stderr.decode()
                self.assertEqual(outcome.returncode, USAGE, told)
                place = self.file if line is None else f'{self.file}:{line}: '
                self.assertRegex(told, rf'\Afifofs: {place}[^\n]+\n\Z')
                self.assertIn(word, told)
                self.assertIsNone(mounted(mountpoint))

    def test_missing_or_unreadable_file_is_refused(self):
        mountpoint = self.base + '/mnt'
        os.mkdir(mountpoint)
        for value in (self.base + '/none.conf', 'no-such-name', '.', '', '..', self.base):
            with self.subTest(value):
                outcome = run_fifofs('-o', 'config=' + value, mountpoint)
                self.assertEqual(outcome.returncode, USAGE, outcome.stderr)
                self.assertRegex(outcome.stderr, rb'\Afifofs: [^\n]+\n\Z')
        self.assertIsNone(mounted(mountpoint))

    def test_line_is_told_in_a_long_file(self):
        text = '[fifofs]\n' + ''.join(f'# {i}\n' for i in range(5000)) + 'linger=x\n'
        self.write(text + '# more\n' * 5000)
        outcome = run_fifofs('-o', 'config=' + self.file, self.base)
        self.assertIn(b'test.conf:5002: ', outcome.stderr)

    def test_what_config_shows_can_be_a_file(self):
        first = self.mount('[fifofs]\nlinger=7s\nuid=5\nrootmode=0750\nmax-age=1d\n')
        with open(first.path + '/.fifofs/config') as stream:
            self.write(stream.read(), self.base + '/copy.conf')
        second = self.enterContext(Mount(f'config={self.base}/copy.conf'))
        changed = ('mountpoint', 'config')
        self.assertEqual({k: v for k, v in config_of(first.path).items() if k not in changed},
                         {k: v for k, v in config_of(second.path).items() if k not in changed})

    def test_relative_path_counts_from_where_the_command_was_given(self):
        self.write('[fifofs]\nlinger=7s\n')
        mountpoint = self.base + '/mnt'
        os.mkdir(mountpoint)
        self.assertEqual(run_fifofs('-o', 'config=./test.conf', 'mnt', cwd=self.base).returncode, 0)
        try:
            self.assertEqual(config_of(mountpoint)['config'], self.file)
        finally:
            subprocess.run(['fusermount3', '-u', mountpoint], check=True)


class Names(ConfigTestCase):
    """--name NAME: NAME.conf, and a mountpoint that follows from the name."""

    def setUp(self):
        super().setUp()
        self.enterContext(Mount())      # a mount namespace of our own before anything else
        for directory in ('/etc/fifofs', '/run'):
            if not os.path.isdir(directory):
                os.mkdir(directory)
                self.addCleanup(os.rmdir, directory)
            libc_call('mount', b'tmpfs', directory.encode(), b'tmpfs', 0, b'mode=0755')
            self.addCleanup(libc_call, 'umount2', directory.encode(), 2)

    def run_named(self, *words, **keywords):
        outcome = run_fifofs(*words, **keywords)
        self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))

    def end(self, mountpoint):
        self.assertEqual(mounted(mountpoint)[0], 'fuse.fifofs')
        subprocess.run(['fusermount3', '-u', mountpoint], check=True)
        wait_until(lambda: mounted(mountpoint) is None, what='the end of the mount')

    def test_name_without_a_file_has_the_defaults(self):
        self.run_named('--name', 'plain')
        self.assertEqual(config_of('/run/fifofs/plain')['linger'], '30s')
        self.end('/run/fifofs/plain')

    def test_name_with_a_file_is_what_that_describes(self):
        self.write(f'[fifofs]\nlinger=7s\nmountpoint={self.base}/a/b\n', '/etc/fifofs/build.conf')
        self.run_named('--name', 'build')
        self.assertEqual(config_of(self.base + '/a/b')['linger'], '7s')
        self.end(self.base + '/a/b')
        self.run_named('-o', 'config=build')
        self.end(self.base + '/a/b')

    def test_mountpoint_of_the_command_line_comes_first_and_is_not_made(self):
        self.run_named('--name', 'plain', self.base)
        self.end(self.base)
        self.assertEqual(run_fifofs('--name', 'plain', self.base + '/none').returncode, 3)
        self.assertFalse(os.path.exists(self.base + '/none'))

    def test_user_has_files_and_a_directory_of_his_own(self):
        with Mount(user=USER_A):        # lets users mount, in this namespace
            pass
        home = self.base + '/home'
        os.chmod(self.base, 0o755)
        os.makedirs(home + '/config/fifofs')
        os.mkdir(home + '/run')
        for path in (home, home + '/run'):
            os.chown(path, USER_A, USER_A)
        self.write('[fifofs]\nlinger=1h\n', '/etc/fifofs/mine.conf')
        self.write('[fifofs]\nlinger=9s\n', home + '/config/fifofs/mine.conf')
        environment = {**os.environ, 'HOME': home, 'XDG_CONFIG_HOME': home + '/config',
                       'XDG_RUNTIME_DIR': home + '/run'}
        mountpoint = home + '/run/fifofs/mine'
        credentials = {'user': USER_A, 'group': USER_A, 'extra_groups': []}
        self.run_named('--name', 'mine', env=environment, **credentials)
        self.assertEqual(as_user(USER_A, config_of, mountpoint)['linger'], '9s')
        subprocess.run(['fusermount3', '-u', mountpoint], check=True, **credentials)

    def test_bad_name_is_refused(self):
        for name in ('', '.x', '..', 'a/b', '/etc/passwd'):
            with self.subTest(name):
                outcome = run_fifofs('--name', name)
                self.assertEqual(outcome.returncode, USAGE)
                self.assertRegex(outcome.stderr, rb'\Afifofs: [^\n]+\n\Z')
        self.assertEqual(os.listdir('/run'), [])


class Declared(ConfigTestCase):

    def test_declared_fifos_are_there_as_declared(self):
        mount = self.mount(
            '[pipe "build/deep/log"]\nmode=0620\nowner=61001\ngroup=61002\nlifetime=auto\n'
            'linger=7s\ngrace=8s\nmax-age=9h\ncapacity=256K\n[pipe "plain"]\n[pipe "odd\\377 \\"\\135"]\n')
        log = os.lstat(mount.path + '/build/deep/log')
        self.assertEqual((log.st_mode, log.st_uid, log.st_gid), (stat.S_IFIFO | 0o620, 61001, 61002))
        self.assertEqual([attribute(mount.path + '/build/deep/log', key)
                          for key in ('lifetime', 'linger', 'grace', 'max-age', 'capacity')],
                         ['auto', '7s', '8s', '9h', '256K'])
        plain = os.lstat(mount.path + '/plain')
        self.assertEqual((plain.st_mode, plain.st_uid), (stat.S_IFIFO | 0o660, 0))
        self.assertEqual(attribute(mount.path + '/plain', 'lifetime'), 'keep')
        self.assertEqual(os.lstat(mount.path + '/build').st_mode, stat.S_IFDIR | 0o755)
        self.assertIn(b'odd\xff "]', os.listdir(os.fsencode(mount.path)))

    def test_everything_belongs_to_the_fixed_owner(self):
        mount = self.mount('[fifofs]\nuid=61001\ngid=61002\n[pipe "d/a"]\nowner=61001\n[pipe "b"]\n')
        for path in ('d', 'd/a', 'b'):
            status = os.lstat(f'{mount.path}/{path}')
            self.assertEqual((status.st_uid, status.st_gid), (61001, 61002))

    def test_use_of_a_declared_fifo_is_noticed(self):
        mount = self.mount('[pipe "d/used"]\nlifetime=use\n[pipe "d/kept"]\n[pipe "d/new"]\n')
        for name in ('d/used', 'd/kept'):
            os.close(os.open(f'{mount.path}/{name}', os.O_RDONLY | os.O_NONBLOCK))
        wait_until(lambda: 'd/used' not in pipes_of(mount.path), what='the used FIFO to go')
        pipes = pipes_of(mount.path)
        self.assertTrue(pipes['d/kept']['used'])
        self.assertFalse(pipes['d/new']['used'])

    def test_thousands_are_made_before_the_mount_answers(self):
        count = 20_000
        mount = self.mount(''.join(f'[pipe "d{i % 100}/p{i}"]\n' for i in range(count)))
        self.assertEqual(len(pipes_of(mount.path)), count)


class Reload(ConfigTestCase):

    def test_declared_fifos_are_made_again_and_put_right(self):
        text = '[pipe "d/a"]\nmode=0640\n[pipe "b"]\n'
        mount = self.mount(text)
        a, b = mount.path + '/d/a', mount.path + '/b'
        os.unlink(a)
        os.rmdir(mount.path + '/d')
        os.chmod(b, 0o600)
        os.chown(b, 61001, 61001)
        os.setxattr(b, 'fifofs.lifetime', b'auto')
        os.stat(b)
        self.reload(mount, text)
        self.assertEqual(os.lstat(a).st_mode, stat.S_IFIFO | 0o640)
        status = os.lstat(b)        # what the kernel had cached is not what it says now
        self.assertEqual((status.st_mode, status.st_uid, status.st_gid), (stat.S_IFIFO | 0o660, 0, 0))
        self.assertEqual(attribute(b, 'lifetime'), 'keep')

    def test_what_is_there_stays_the_same_fifo_with_its_bytes(self):
        text = '[pipe "a"]\n'
        mount = self.mount(text)
        before = os.lstat(mount.path + '/a')
        end = self.open(mount.path + '/a', os.O_RDWR | os.O_NONBLOCK)
        os.write(end, b'queued')
        self.reload(mount, text + 'mode=0600\n[pipe "b"]\n')
        self.assertEqual(os.lstat(mount.path + '/a').st_ino, before.st_ino)
        self.assertEqual(os.read(end, 10), b'queued')
        self.close(end)

    def test_nothing_is_touched_that_is_right(self):
        text = '[pipe "a"]\nmode=0640\nlinger=3s\n'
        mount = self.mount(text)
        before = os.lstat(mount.path + '/a')
        events = self.open(mount.path + '/.fifofs/events', os.O_RDONLY)
        self.reload(mount, text)
        self.assertEqual(os.lstat(mount.path + '/a'), before)
        self.assertEqual(select.select([events], [], [], 0)[0], [])
        self.close(events)

    def test_fifo_declared_no_more_gets_what_its_directory_has(self):
        mount = self.mount('[fifofs]\ngrace=100ms\n[pipe "a"]\n[pipe "b"]\n')
        self.reload(mount, '[fifofs]\ngrace=100ms\n[pipe "b"]\n')
        wait_until(lambda: os.listdir(mount.path) == ['b'], what='the other to go')

    def test_options_are_for_what_comes(self):
        mount = self.mount('[fifofs]\nlinger=7s\nceiling=0640\n')
        os.mkdir(mount.path + '/as-mount')
        os.mkdir(mount.path + '/own')
        os.setxattr(mount.path + '/own', 'fifofs.linger', b'1min')
        os.mkfifo(mount.path + '/old', 0o666)
        self.reload(mount, '[fifofs]\nlinger=8s\nceiling=0600\nrootmode=0711\n')
        for name in ('new', 'as-mount/new', 'own/new'):
            os.mkfifo(f'{mount.path}/{name}', 0o666)
        self.assertEqual([attribute(f'{mount.path}/{name}', 'linger')
                          for name in ('old', 'new', 'as-mount/new', 'own/new')],
                         ['7s', '8s', '8s', '1min'])
        self.assertEqual([stat.S_IMODE(os.lstat(f'{mount.path}/{name}').st_mode)
                          for name in ('old', 'new', '')], [0o640, 0o600, 0o711])
        self.assertEqual(config_of(mount.path)['linger'], '8s')

    def test_fixed_owner_is_taken_over_with_the_rest(self):
        mount = self.mount('[pipe "log"]\nmode=0600\n')
        log = self.reload(mount, '[fifofs]\nuid=61001\ngid=61002\n[pipe "log"]\nmode=0400\n')
        self.assertEqual(log.count('\n'), 1)
        status = os.lstat(mount.path + '/log')
        self.assertEqual((stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid),
                         (0o400, 61001, 61002))

    def test_linger_that_is_chosen_is_not_the_default_that_equals_it(self):
        mount = self.mount('[fifofs]\n')
        self.reload(mount, '[fifofs]\nlifetime=use\nlinger=30s\n')
        os.mkfifo(mount.path + '/a')
        self.assertEqual(attribute(mount.path + '/a', 'linger'), '30s')
        self.reload(mount, '[fifofs]\nlifetime=use\n')
        os.mkfifo(mount.path + '/b')
        self.assertEqual(attribute(mount.path + '/b', 'linger'), '0s')

    def test_order_of_lines_is_no_change(self):
        mount = self.mount('[fifofs]\nnoexec=true\nnoatime=true\n')
        self.reload(mount, '[fifofs]\nnoatime=true\nnoexec=true\nlinger=7s\n')
        config = config_of(mount.path)
        self.assertEqual((config['noexec'], config['noatime'], config['ro'], config['linger']),
                         ('true', 'true', 'false', '7s'))

    def test_bad_file_changes_nothing_and_says_the_line(self):
        good = '[fifofs]\nlinger=7s\n[pipe "a"]\n'
        mount = self.mount(good)
        inode = os.lstat(mount.path + '/a').st_ino
        config = config_of(mount.path)
        for what, text, line, word in BAD_FILES:
            with self.subTest(what):
                log = self.reload(mount, text, REFUSED)
                self.assertIn(self.file if line is None else f'{self.file}:{line}: ', log)
                self.assertEqual(log.count('\n'), 1)
        for text in ('[fifofs]\nro=true\n', '[fifofs]\nnoexec=true\n'):
            self.reload(mount, text + '[pipe "b"]\n', REFUSED)
        os.unlink(self.file)
        os.kill(mount.pid, signal.SIGHUP)
        wait_until(lambda: 'No such file' in mount.log(), what='the complaint')
        self.assertEqual(os.listdir(mount.path), ['a'])
        self.assertEqual(os.lstat(mount.path + '/a').st_ino, inode)
        self.assertEqual(config_of(mount.path), config)

    def test_allow_other_cannot_change(self):
        mount = self.mount('[fifofs]\nallow_other=true\n', options='')
        self.reload(mount, '[fifofs]\nallow_other=false\n', REFUSED)
        self.assertEqual(config_of(mount.path)['allow_other'], 'true')

    def test_mountpoint_cannot_change(self):
        self.enterContext(Mount())      # a mount namespace of our own
        os.chmod(self.base, 0o755)      # the worker of a mount for all is nobody
        here, other = self.base + '/here', self.base + '/missing/other'
        for options in ('', 'allow_other=true\n'):
            with self.subTest(options=options):
                self.write(f'[fifofs]\n{options}mountpoint={here}\n')
                daemon = self.start([binary('FIFOFS_BIN'), '-f', '-o', 'config=' + self.file],
                                    stderr=subprocess.PIPE, text=True)
                wait_until(lambda: mounted(here), what='the mount')
                os.listdir(here)
                self.write(f'[fifofs]\n{options}mountpoint={other}\nlinger=7s\n')
                daemon.send_signal(signal.SIGHUP)
                wait_until(lambda: attribute(here, 'linger') == '7s', what='the reload')
                daemon.terminate()
                self.assertEqual(daemon.wait(), 0)
                said, read_again = daemon.stderr.read().splitlines()
                self.assertIn(f'{here}: mountpoint cannot change while it is mounted', said)
                self.assertIn(other, said)
                self.assertIn(READ_AGAIN, read_again)

    def test_directory_in_the_way_is_named_and_stays(self):
        mount = self.mount('')
        os.makedirs(mount.path + '/a/below')
        os.mkfifo(mount.path + '/b')
        log = self.reload(mount, '[pipe "a"]\n[pipe "b/c"]\n[pipe "d"]\n')
        self.assertIn("pipe 'a'", log)
        self.assertIn("pipe 'b/c'", log)
        self.assertEqual(sorted(os.listdir(mount.path)), ['a', 'b', 'd'])

    def test_others_may_not_change_what_is_declared(self):
        mount = self.mount('[pipe "a"]\nmode=0660\ngroup=61002\n')
        self.assertEqual(as_user(USER_B, attempt, os.unlink, mount.path + '/a'), 'EPERM')
        self.assertEqual(as_user(USER_B, attempt, os.chmod, mount.path + '/a', 0o600), 'EPERM')

    def test_reloads_disturb_nobody(self):
        """Users make, open and remove FIFOs of the same directories all the while."""
        texts = ['[fifofs]\nlinger=5s\n[pipe "d/a"]\n[pipe "d/b"]\n',
                 '[fifofs]\nlinger=6s\n[pipe "d/b"]\nmode=0600\n[pipe "e/c"]\n']
        mount = self.mount(texts[0])
        os.chmod(mount.path + '/d', 0o777)
        users = [self.spawn(make_and_remove, f'{mount.path}/d/{i}', 300) for i in range(4)]
        for i in range(30):
            self.reload(mount, texts[(i + 1) % 2])
        for user in users:
            self.assertEqual(user.result(), 300)
        self.assertEqual(sorted(os.listdir(mount.path + '/d')), ['a', 'b'])


def make_and_remove(path, count):
    for _ in range(count):
        os.mkfifo(path)
        end = os.open(path, os.O_RDWR)
        os.write(end, b'x')
        assert os.read(end, 2) == b'x'
        os.close(end)
        os.unlink(path)
    return count


if __name__ == '__main__':
    fifofs_test.main()
