# SPDX-License-Identifier: LGPL-2.1-or-later
"""Being part of the system: mount(8) and fstab, systemd, and what is installed where."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import fifofs_test
from fifofs_test import Mount, attempt, binary, libc_call, mounted, wait_until

USAGE, MOUNTPOINT = 2, 3
HELPERS = ('mount.fifofs', 'mount.fuse.fifofs')


def run(*words, **keywords):
    return subprocess.run(words, stdin=subprocess.DEVNULL, check=False, capture_output=True,
                          timeout=60, **keywords)


class SystemTestCase(fifofs_test.TestCase):

    def setUp(self):
        super().setUp()
        self.enterContext(Mount())      # a mount namespace of our own before anything else
        self.base = os.path.realpath(self.enterContext(
            tempfile.TemporaryDirectory(prefix='fifofs-system-')))
        self.mountpoint = self.base + '/mnt'
        os.mkdir(self.mountpoint)
        self.addCleanup(self.unmount)

    def unmount(self):
        while mounted(self.mountpoint):
            libc_call('umount2', self.mountpoint.encode(), 2)

    def unmount_with(self, *words):
        outcome = run(*words)
        self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))
        self.assertIsNone(mounted(self.mountpoint))


class MountHelper(SystemTestCase):

    def setUp(self):
        """Have the helpers where mount(8) looks for them, in the namespace of the tests only."""
        super().setUp()
        layers = self.base + '/layers'
        os.mkdir(layers)
        libc_call('mount', b'tmpfs', layers.encode(), b'tmpfs', 0, b'')
        self.addCleanup(libc_call, 'umount2', layers.encode(), 2)
        os.mkdir(layers + '/upper')
        os.mkdir(layers + '/work')
        libc_call('mount', b'overlay', b'/usr/sbin', b'overlay', 0,
                  f'lowerdir=/usr/sbin,upperdir={layers}/upper,workdir={layers}/work'.encode())
        self.addCleanup(libc_call, 'umount2', b'/usr/sbin', 2)
        for name in HELPERS:
            if os.path.lexists('/usr/sbin/' + name):        # fifofs is installed here
                os.unlink('/usr/sbin/' + name)
            os.symlink(binary('FIFOFS_BIN'), '/usr/sbin/' + name)

    def mount(self, *words):
        outcome = run('mount', *words)
        self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))
        os.mkfifo(self.mountpoint + '/fifo')

    def test_mount_by_type(self):
        for kind in ('fifofs', 'fuse.fifofs'):
            with self.subTest(kind):
                self.mount('-t', kind, '-o', 'allow_other,linger=7s', 'a name', self.mountpoint)
                self.assertEqual(mounted(self.mountpoint), ('fuse.fifofs', 'a\\040name'))
                with open(self.mountpoint + '/.fifofs/config') as config:
                    self.assertIn('linger=7s\n', config.read())
                self.unmount_with('umount', self.mountpoint)

    def test_source_may_have_what_lists_are_made_of(self):
        self.mount('-t', 'fifofs', 'a,allow_other\\x', self.mountpoint)
        source = mounted(self.mountpoint)[1].encode().decode('unicode_escape')
        self.assertEqual(source, 'a,allow_other\\x')
        self.unmount_with('umount', self.mountpoint)

    def test_line_of_fstab(self):
        config = self.base + '/build.conf'
        with open(config, 'w') as stream:
            stream.write('[fifofs]\nlinger=9s\n[pipe "log"]\n')
        fstab = self.base + '/fstab'
        options = ('defaults,noauto,nofail,_netdev,x-systemd.automount,x-mount.mkdir,comment=x,'
                   f'nosuid,nodev,noexec,config={config},allow_other')
        for kind in ('fifofs', 'fuse.fifofs'):
            with self.subTest(kind):
                with open(fstab, 'w') as stream:
                    stream.write(f'build {self.mountpoint} {kind} {options} 0 0\n')
                self.mount('--fstab', fstab, self.mountpoint)
                self.assertEqual(sorted(os.listdir(self.mountpoint)), ['fifo', 'log'])
                self.unmount_with('umount', self.mountpoint)

    def test_failure_is_told_through_mount(self):
        outcome = run('mount', '-t', 'fifofs', '-o', 'nonsense', 'x', self.mountpoint)
        self.assertEqual(outcome.returncode, USAGE)
        self.assertRegex(outcome.stderr, rb"\Afifofs: unknown option 'nonsense'[^\n]*\n\Z")
        outcome = run('mount', '-t', 'fifofs', 'x', self.base + '/none')
        self.assertNotEqual(outcome.returncode, 0)

    def test_nothing_is_mounted_when_only_asked(self):
        self.assertEqual(run('mount', '-f', '-t', 'fifofs', 'x', self.mountpoint).returncode, 0)
        self.assertIsNone(mounted(self.mountpoint))

    def test_helper_called_by_hand(self):
        for words in (['x'], ['x', self.mountpoint, 'y'], []):
            outcome = run('/usr/sbin/mount.fifofs', *words)
            self.assertEqual(outcome.returncode, USAGE)
            self.assertRegex(outcome.stderr, rb'\Afifofs: [^\n]*SOURCE MOUNTPOINT[^\n]*\n\Z')
        self.assertEqual(run('/usr/sbin/mount.fifofs', 'x', self.mountpoint, '-sn', '-v', '-o',
                             'rw,noatime').returncode, 0)
        self.unmount_with('fusermount3', '-u', self.mountpoint)


class ServiceManager(SystemTestCase):

    def setUp(self):
        super().setUp()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(self.base + '/notify')
        self.socket.settimeout(15)

    def told(self):
        """The next message, but for those about descriptors: restart.py is about them."""
        while True:
            lines = self.socket.recv(4096).decode().split('\n')
            if not lines[0].startswith('FDSTORE'):
                return lines

    def test_it_is_told_when_the_mount_answers_reloads_and_ends(self):
        config = self.base + '/test.conf'
        with open(config, 'w') as stream:
            stream.write('[pipe "a"]\n')
        daemon = self.start([binary('FIFOFS_BIN'), '-f', '-o', 'config=' + config, self.mountpoint],
                            env={**os.environ, 'NOTIFY_SOCKET': self.base + '/notify'},
                            stderr=subprocess.DEVNULL)
        told = self.told()
        self.assertEqual(os.listdir(self.mountpoint), ['a'])
        self.assertEqual(told, ['READY=1', 'STATUS=Mounted on ' + self.mountpoint])
        daemon.send_signal(signal.SIGHUP)
        told = self.told()
        self.assertEqual(told[0], 'RELOADING=1')
        self.assertRegex(told[1], r'\AMONOTONIC_USEC=\d+\Z')
        self.assertEqual(self.told()[0], 'READY=1')
        daemon.terminate()
        self.assertEqual(self.told(), ['STOPPING=1'])
        self.assertEqual(daemon.wait(15), 0)

    def test_it_is_told_nothing_by_one_that_fails(self):
        outcome = run(binary('FIFOFS_BIN'), '-f', self.base + '/none',
                      env={**os.environ, 'NOTIFY_SOCKET': self.base + '/notify'})
        self.assertEqual(outcome.returncode, MOUNTPOINT)
        self.socket.setblocking(False)
        self.assertRaises(BlockingIOError, self.socket.recv, 1)


class Installation(SystemTestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = tempfile.mkdtemp(prefix='fifofs-install-')
        cls.addClassCleanup(shutil.rmtree, cls.root)
        meson = shutil.which('meson')
        if meson is None or 'MESON_BUILD_ROOT' not in os.environ:
            raise cls.skipTest(cls, 'meson runs this test with MESON_BUILD_ROOT set')
        subprocess.run([meson, 'install', '-C', os.environ['MESON_BUILD_ROOT'], '--no-rebuild',
                        '--quiet'], check=True, capture_output=True,
                       env={**os.environ, 'DESTDIR': cls.root})

    def find(self, suffix):
        """The installed files whose paths end so."""
        return [os.path.join(folder, name)[len(self.root):]
                for folder, _, names in os.walk(self.root) for name in names
                if os.path.join(folder, name).endswith(suffix)]

    def test_everything_has_its_place(self):
        for suffix in ('/bin/fifoctl', '/bin/fifofs', '/man/man1/fifoctl.1', '/man/man8/fifofs.8',
                       '/man/man8/mount.fifofs.8', '/man/man8/mount.fuse.fifofs.8',
                       '/man/man5/fifofs.conf.5', '/lib/systemd/system/fifofs@.service',
                       '/lib/systemd/user/fifofs@.service', '/lib/sysusers.d/fifofs.conf',
                       '/bash-completion/completions/fifoctl', '/bash-completion/completions/fifofs',
                       '/zsh/site-functions/_fifoctl', '/zsh/site-functions/_fifofs',
                       '/vendor_completions.d/fifoctl.fish', '/vendor_completions.d/fifofs.fish'):
            self.assertEqual(len(self.find(suffix)), 1, suffix)
        daemon, = self.find('/bin/fifofs')
        for name in HELPERS:
            self.assertEqual(os.readlink(f'{self.root}/usr/sbin/{name}'), daemon)

    def test_manual_pages_are_good(self):
        groff = shutil.which('groff')
        if groff is None:
            self.skipTest('groff is not there: install the package groff-base')
        for page in ('/man1/fifoctl.1', '/man8/fifofs.8', '/man5/fifofs.conf.5'):
            path, = self.find(page)
            outcome = run(groff, '-ww', '-man', '-Tutf8', self.root + path)
            self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))
            self.assertIn(b'SEE ALSO', re.sub(rb'.\x08|\x1b\[\d*m', b'', outcome.stdout))

    def unit(self, scope):
        """The text of a unit, as it would be if fifofs were where the tests have it."""
        path, = self.find(f'/systemd/{scope}/fifofs@.service')
        with open(self.root + path) as stream:
            text = stream.read()
        daemon, = self.find('/bin/fifofs')
        self.assertIn(f'ExecStart={daemon} ', text)
        return text.replace(f'ExecStart={daemon} ', f'ExecStart={binary("FIFOFS_BIN")} ')

    def test_units_are_good(self):
        analyze = shutil.which('systemd-analyze')
        if analyze is None:
            self.skipTest('systemd-analyze is not there: install the package systemd')
        for scope, words in (('system', []), ('user', ['--user'])):
            with self.subTest(scope):
                unit = f'{self.base}/fifofs@{scope}.service'
                with open(unit, 'w') as stream:
                    stream.write(self.unit(scope))
                outcome = run(analyze, *words, 'verify', '--man=no', unit,
                              env={**os.environ, 'XDG_RUNTIME_DIR': self.base})
                self.assertEqual((outcome.returncode, outcome.stderr), (0, b''))

    def test_command_of_the_unit_works_as_it_is(self):
        """Without a configuration file, with an environment as a service has it."""
        command = re.search(r'^ExecStart=(.*)$', self.unit('system'), re.MULTILINE)[1]
        libc_call('mount', b'tmpfs', b'/run', b'tmpfs', 0, b'mode=0755')
        self.addCleanup(libc_call, 'umount2', b'/run', 2)
        words = command.replace('%i', 'test').split()
        for prefix in ([], ['setpriv', '--no-new-privs']):
            daemon = self.start([*prefix, *words], env={'PATH': '/usr/bin:/usr/sbin'}, cwd='/')
            wait_until(lambda: mounted('/run/fifofs/test'), what='the mount')
            os.mkfifo('/run/fifofs/test/fifo')
            daemon.terminate()
            self.assertEqual(daemon.wait(15), 0)

    def test_killed_daemon_can_be_started_again(self):
        words = [binary('FIFOFS_BIN'), '-f', self.mountpoint]
        daemon = self.start(words)
        wait_until(lambda: mounted(self.mountpoint), what='the mount')
        os.mkfifo(self.mountpoint + '/fifo')
        daemon.kill()
        daemon.wait()
        daemon = self.start(words)
        # Between the mounts there is the directory below.
        wait_until(lambda: attempt(os.listdir, self.mountpoint) == [] and mounted(self.mountpoint),
                   what='the new mount')
        daemon.terminate()
        self.assertEqual(daemon.wait(15), 0)


if __name__ == '__main__':
    fifofs_test.main()
