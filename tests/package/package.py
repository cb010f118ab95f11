# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian package: it is built from a clean copy of the source, has no faults that lintian knows,
and comes, works, is upgraded and goes in a root that has nothing but what it depends on.

systemd does not run there. Where the maintainer scripts would ask it for something, a systemctl of
ours stands in, which only writes down what it was asked for.
"""

import glob
import os
import re
import shutil
import subprocess
import tempfile

import fifofs_test
from cleanroot import CleanRoot, make

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))

# Debian keeps users whom a package has made: files may belong to them.
KEPT_FOR_THE_USER = {f'/etc/{name}{old}' for name in ('passwd', 'shadow', 'group', 'gshadow')
                     for old in ('', '-')} | {'/etc/.pwd.lock'}

SYSTEMCTL = '''#!/bin/sh
echo "$*" >> /run/asked
case "$*" in
  *--version*) echo "systemd 252 (252)" ;;
  *list-units*) echo "user@1000.service loaded active running" ;;
esac
'''


def text_of(path):
    with open(os.path.join(SOURCE, path), encoding='utf-8') as file:
        return file.read()


def copy_source(to):
    """What git has or would add: no build folder, nothing that is ignored."""
    listed = subprocess.run(
        ['git', '-c', 'safe.directory=*', '-C', SOURCE, 'ls-files', '-z', '--cached', '--others',
         '--exclude-standard'], stdout=subprocess.PIPE, text=True, check=True)
    for name in filter(None, listed.stdout.split('\0')):
        if os.path.lexists(f'{SOURCE}/{name}'):
            os.makedirs(os.path.dirname(f'{to}/{name}'), exist_ok=True)
            shutil.copy2(f'{SOURCE}/{name}', f'{to}/{name}', follow_symlinks=False)


def build(folder):
    """Build source and binary packages into folder; the source is in folder/fifofs then."""
    copy_source(folder + '/fifofs')
    outcome = subprocess.run(['dpkg-buildpackage', '-us', '-uc'], cwd=folder + '/fifofs',
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=300)
    if outcome.returncode != 0:
        raise AssertionError('dpkg-buildpackage failed:\n' + outcome.stdout[-5000:])


class Versions(fifofs_test.TestCase):

    def test_version_is_the_same_everywhere(self):
        version, = re.findall(r"^  version: '(.*)',$", text_of('meson.build'), re.MULTILINE)
        self.assertEqual(re.match(r'fifofs \((.*?)\)', text_of('debian/changelog'))[1], version)
        self.assertEqual(re.match(r'# fifofs (.*)\n', text_of('NEWS.md'))[1], version)


class Dependencies(fifofs_test.TestCase):

    def test_libraries_are_the_same_for_those_who_build_by_hand(self):
        def libraries(names):
            return {name for name in names if re.fullmatch(r'lib.*-dev', name)} - {'libc6-dev'}
        by_hand = subprocess.run([SOURCE + '/tools/install-dependencies', '--list', 'build'],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        field = re.search(r'^Build-Depends:((?:.*\n)(?: .*\n)*)', text_of('debian/control'),
                          re.MULTILINE)[1]
        self.assertEqual(libraries(re.split(r'[\s,]+', field)), libraries(by_hand))
        self.assertTrue(libraries(by_hand))


class Package(fifofs_test.TestCase):
    deadline_seconds = 240

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        missing = [name for name in ('dpkg-buildpackage', 'dh', 'lintian', 'autopkgtest',
                                     'git', 'readelf') if shutil.which(name) is None]
        if missing:
            cls.skipTest(cls, f'{" ".join(missing)}: not there; tools/install-dependencies test')
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix='fifofs-package-'))
        build(cls.folder)
        # It reads only, while the root is being made.
        cls.lintian = subprocess.Popen(
            ['lintian', '--pedantic', '--display-info', '--tag-display-limit=0', '--fail-on=none',
             '--allow-root', *glob.glob(cls.folder + '/*.changes')],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.lintian.communicate)
        cls.deb, = glob.glob(cls.folder + '/fifofs_*.deb')
        cls.base = cls.enterClassContext(tempfile.TemporaryDirectory(prefix='fifofs-root-'))
        make(cls.base, cls.field('Depends'))
        # /etc is that of this machine, on which it may be installed.
        shutil.rmtree(cls.base + '/etc/fifofs', ignore_errors=True)
        subprocess.run(['chroot', cls.base, 'userdel', 'fifofs'], stderr=subprocess.DEVNULL)

    @classmethod
    def field(cls, name):
        return cls.output('dpkg-deb', '--field', cls.deb, name).strip()

    @staticmethod
    def output(*words):
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=True).stdout

    def clean_root(self):
        """A CleanRoot with the package in /tmp/fifofs.deb."""
        where = self.enterContext(tempfile.TemporaryDirectory(prefix='fifofs-layer-'))
        root = self.enterContext(CleanRoot(self.base, where))
        with open(self.deb, 'rb') as file:
            root.beside('cp', '/dev/stdin', root.path + '/tmp/fifofs.deb', stdin=file, check=True)
        return root

    def with_systemd(self, root):
        """Have it seem to run; what it is asked for is in /run/asked."""
        root.write('/usr/local/bin/systemctl', SYSTEMCTL, 0o755)
        root.run('mkdir -p /run/systemd/system')

    def asked(self, root):
        """What systemd was asked for since the last time."""
        return root.run('cat /run/asked 2>/dev/null || true; rm -f /run/asked').splitlines()

    def test_lintian_finds_nothing(self):
        found, errors = self.lintian.communicate()
        self.assertEqual((self.lintian.returncode, found), (0, ''), errors)

    def test_debug_symbols_are_those_of_the_programs(self):
        with tempfile.TemporaryDirectory() as folder:
            for deb in glob.glob(self.folder + '/*.deb'):
                subprocess.run(['dpkg-deb', '--extract', deb, folder], check=True)
            for name in ('fifofs', 'fifoctl'):
                notes = self.output('readelf', '--notes', f'{folder}/usr/bin/{name}')
                number = re.search(r'Build ID: (\w+)', notes)[1]
                symbols = f'{folder}/usr/lib/debug/.build-id/{number[:2]}/{number[2:]}.debug'
                self.assertIn('.debug_info', self.output('readelf', '--section-headers', symbols))

    def test_installed_used_removed_and_purged(self):
        root = self.clean_root()
        before = root.files()
        root.run('apt-get install -qq /tmp/fifofs.deb')
        self.assertEqual(root.run('fifofs --version').split()[1], self.field('Version'))
        self.assertRegex(root.run('getent passwd fifofs'), r'^fifofs:x:[1-9]\d{2}:.*/nologin$')
        self.use(root)
        root.run('dpkg --remove fifofs')
        self.assertEqual(root.run('ls -d /usr/*bin/*fifo* /etc/*fifo* 2>/dev/null || true'),
                         '/usr/bin/mkfifo\n')
        root.run('dpkg --purge fifofs')
        after = root.files()
        changed = {path for path in before.keys() | after.keys()
                   if before.get(path) != after.get(path)}
        self.assertLessEqual(changed, KEPT_FOR_THE_USER)
        self.assertIn('fifofs', root.run('getent passwd fifofs'))

    def use(self, root):
        """As root by mount(8), fstab and a name, with the example; and look at it."""
        root.run('''
            mkdir /run/pipes
            mount -t fifofs none /run/pipes
            mkfifo /run/pipes/made
            echo hello > /run/pipes/greeting & cat /run/pipes/made > /dev/null &
            until fifoctl ls -p /run/pipes | grep -q "write stuck"; do sleep 0.1; done
            [ "$(cat /run/pipes/greeting)" = hello ]
            : > /run/pipes/made
            umount /run/pipes
            rmdir /run/pipes
            zcat -f /usr/share/doc/fifofs/examples/build.conf > /etc/fifofs/build.conf
            fifofs --name build
            [ "$(stat -c %A /run/build/log)" = prw--w--w- ]
            umount /run/build
            rm /etc/fifofs/build.conf''', timeout=60)

    def test_upgrade_leaves_mounts_and_units_alone(self):
        root = self.clean_root()
        root.run('dpkg --install /tmp/fifofs.deb')
        self.with_systemd(root)
        root.run('''
            daemons() { grep -lx fifofs /proc/[0-9]*/comm; }
            mkdir /run/pipes
            fifofs /run/pipes
            exec 3<> /run/pipes/kept
            echo queued >&3
            before=$(daemons)
            dpkg --install /tmp/fifofs.deb
            [ "$(daemons)" = "$before" ]
            read -r -t 5 line < /run/pipes/kept
            [ "$line" = queued ]
            mkfifo /run/pipes/new
            exec 3<&-
            umount /run/pipes''', timeout=60)
        self.assertEqual(self.asked(root), ['--system daemon-reload'])

    def test_removal_stops_units_and_purge_takes_their_links(self):
        root = self.clean_root()
        root.run('dpkg --install /tmp/fifofs.deb')
        self.with_systemd(root)
        root.run('''
            mkdir -p /etc/systemd/system/multi-user.target.wants
            ln -s /usr/lib/systemd/system/fifofs@.service \
              /etc/systemd/system/multi-user.target.wants/fifofs@build.service
            echo > /etc/fifofs/build.conf
            dpkg --remove fifofs''')
        asked = self.asked(root)
        self.assertIn('stop fifofs@*.service', asked)
        self.assertIn('--quiet --user --machine 1000@ stop fifofs@*.service', asked)
        self.assertEqual(asked[-1], '--system daemon-reload')
        root.run('dpkg --purge fifofs')
        root.run('[ ! -L /etc/systemd/system/multi-user.target.wants/fifofs@build.service ]')
        # The administrator has written that.
        root.run('[ -f /etc/fifofs/build.conf ]')

    def test_the_tour_can_be_taken(self):
        root = self.clean_root()
        root.run('dpkg --install /tmp/fifofs.deb')
        # It would look for our folder of temporary files in the root too.
        outcome = root.beside('env', '--unset=TMPDIR', 'autopkgtest', '--no-built-binaries',
                              self.folder + '/fifofs', '--', 'chroot', root.path, timeout=200)
        self.assertEqual(outcome.returncode, 0, outcome.stdout)
        for name in ('tour-of-root', 'tour-of-a-user'):
            self.assertRegex(outcome.stdout, rf'(?m)^{name} +PASS$')


if __name__ == '__main__':
    fifofs_test.main()
