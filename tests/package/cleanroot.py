# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Debian that has nothing but what a package depends on, to install it in.

It is put together from this machine: what is essential, what is asked for, and what these depend on
in turn; their files, and what dpkg knows of them. That takes seconds and no network, where a
bootstrap takes minutes. So all of it must be installed here, which tools/install-dependencies sees
to. What is done in it is written to a layer above, in memory and in mount and PID namespaces of its
own, and is gone afterwards.
"""

import json
import os
import re
import stat
import subprocess

# What the tests need besides: units are stopped, the tour is taken, packages are installed by apt.
BESIDES = 'apt, attr, passwd, python3, systemd'

# What no package has: links between folders, and what was set up when packages were configured.
_LINKS = ('bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32')
_FOLDERS = ('boot', 'dev', 'home', 'proc', 'root', 'run', 'sys', 'tmp', 'var/tmp',
            'var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/lib/dpkg/triggers',
            'var/lib/apt/lists/partial', 'var/cache/apt/archives/partial', 'var/log/apt')
_BOOKS = ('arch', 'diversions', 'statoverride', 'alternatives', 'triggers/File')

# The root, the layer and /proc exist in the namespace alone. Bash reaps what is left to it, as the
# first process of a machine must, until its standard input ends.
_ENTER = r'''set -e
mount -t tmpfs -o mode=0755 layers "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" root "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t tmpfs -o mode=0755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=0755 dev dev
for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0" "fuse 10 229"; do
  set -- $device
  mknod -m 0666 "dev/$1" c "$2" "$3"
done
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
echo ready
while read -r _; do :; done'''

_LIST = r'''
import hashlib, json, os, stat
left_out = {'/var/log', '/var/cache', '/var/lib/dpkg', '/var/lib/apt', '/proc', '/run', '/tmp', '/dev'}
seen = {}

def look(path):
    status = os.lstat(path)
    seen[path] = [status.st_mode, status.st_uid, status.st_gid]
    if stat.S_ISLNK(status.st_mode):
        seen[path].append(os.readlink(path))
    elif stat.S_ISREG(status.st_mode):
        with open(path, 'rb') as file:
            seen[path].append(hashlib.file_digest(file, 'sha256').hexdigest())

for folder, folders, names in os.walk('/'):
    for name in folders + names:
        look(os.path.join(folder, name))
    folders[:] = [name for name in folders if os.path.join(folder, name) not in left_out]
print(json.dumps(seen))
'''

_ENVIRONMENT = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
                'HOME': '/root', 'LC_ALL': 'C.UTF-8', 'DEBIAN_FRONTEND': 'noninteractive'}


class _Installed:
    """The packages of this machine: {name: {field: value}}, and what they provide."""

    def __init__(self):
        with open('/var/lib/dpkg/status', encoding='utf-8') as file:
            self.stanzas = [stanza for stanza in file.read().split('\n\n')
                            if '\nStatus: install ok installed' in stanza]
        self._packages, self._provided = {}, {}
        for stanza in self.stanzas:
            fields = dict(re.findall(r'^(\S+): (.*)$', stanza, re.MULTILINE))
            name = fields['Package']
            # Of those that are there for several architectures the machine's own comes first.
            if name not in self._packages or fields['Architecture'] in ('all', _architecture()):
                self._packages[name] = fields | {'stanza': stanza}
            for provided in re.findall(r'[^\s,(]+(?=(?: \(.*?\))?(?:,|$))',
                                       fields.get('Provides', '')):
                self._provided.setdefault(provided, name)

    def closure(self, wanted):
        """The fields of what is essential or wanted, a list as in Depends, and of all that needs."""
        chosen, lists = {}, [wanted]
        lists += [name for name, fields in self._packages.items()
                  if fields.get('Essential') == 'yes']
        while lists:
            for group in filter(None, map(str.strip, lists.pop().split(','))):
                name = self._choose(group)
                if name not in chosen:
                    fields = chosen[name] = self._packages[name]
                    lists += [fields.get('Pre-Depends', ''), fields.get('Depends', '')]
        return chosen.values()

    def _choose(self, group):
        for alternative in group.split('|'):
            name = re.match(r'\s*([^\s(:]+)', alternative)[1]
            name = name if name in self._packages else self._provided.get(name)
            if name:
                return name
        raise RuntimeError(f'{group}: not installed here, so no clean root can have it')


def _architecture():
    return subprocess.run(['dpkg', '--print-architecture'], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def _books_of(fields):
    """The files in which dpkg keeps what it knows of a package, but for its status."""
    folder, name = '/var/lib/dpkg/info', fields['Package']
    names = {name, f'{name}:{fields["Architecture"]}'}
    return [f'{folder}/{file}' for file in os.listdir(folder)
            if file.rpartition('.')[0] in names]


def _files_of(fields):
    """The files of a package that are there; those of diverted ones are, by one name or the other."""
    for book in _books_of(fields):
        if book.endswith('.list'):
            with open(book, encoding='utf-8') as file:
                yield from filter(os.path.lexists, file.read().splitlines())
        yield book


def _alternatives(root):
    """The links to /etc/alternatives that lead to something in the root."""
    for name in os.listdir('/etc/alternatives'):
        link = '/usr/bin/' + name
        if os.path.islink(link) and os.path.lexists(root + os.path.realpath(link)):
            yield link


def _copy(root, paths):
    """Copy these files, and of folders what they are but not what is in them."""
    names = '\0'.join(sorted({path.lstrip('/') for path in paths if path.strip('/.')}))
    tar = ['tar', '--directory=/', '--no-recursion', '--null', '--files-from=-', '--create',
           '--file=-']
    with subprocess.Popen(tar, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as packer:
        unpacker = subprocess.Popen(['tar', f'--directory={root}', '--extract', '--file=-',
                                     '--preserve-permissions', '--keep-directory-symlink'],
                                    stdin=packer.stdout)
        packer.stdin.write(names.encode())
        packer.stdin.close()
        if unpacker.wait() != 0 or packer.wait() != 0:
            raise RuntimeError('the files of the clean root could not be copied')


def make(root, depends):
    """Make that folder a Debian that has what depends, a list as in Depends, names."""
    packages = _Installed().closure(f'{BESIDES}, {depends}')
    for name in _LINKS:
        if os.path.islink('/' + name):
            os.makedirs(f'{root}/usr/{name}', exist_ok=True)
            os.symlink('usr/' + name, f'{root}/{name}')
    for name in _FOLDERS:
        os.makedirs(f'{root}/{name}', exist_ok=True)
    os.mknod(root + '/dev/null', stat.S_IFCHR | 0o666, os.makedev(1, 3))
    _copy(root, (path for fields in packages for path in _files_of(fields)))
    _copy(root, _alternatives(root))
    books = [f'/var/lib/dpkg/{name}' for name in _BOOKS if os.path.exists(f'/var/lib/dpkg/{name}')]
    subprocess.run(['cp', '--archive', '--parents', '/etc', *books, root], check=True)
    with open(root + '/var/lib/dpkg/status', 'w', encoding='utf-8') as file:
        file.writelines(fields['stanza'].strip('\n') + '\n\n' for fields in packages)
    _pull_triggers(root)


def _pull_triggers(root):
    """Have packages make what they make whenever others are installed, so that it is there before."""
    script = r'''sed -n 's/^interest[^ ]* //p' /var/lib/dpkg/info/*.triggers | while read -r name; do
        dpkg-trigger --by-package=dpkg "$name"
      done
      dpkg --triggers-only --pending'''
    subprocess.run(['chroot', root, 'sh', '-ec', script], env=_ENVIRONMENT, check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class CleanRoot:
    """A context in which such a root can be written to; where is an empty folder for it."""

    def __init__(self, base, where):
        self._base = base
        self._where = where

    def __enter__(self):
        self._holder = subprocess.Popen(
            ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--', 'bash', '-c', _ENTER,
             'clean-root', self._base, self._where],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._holder.stdout.readline() != b'ready\n':
            self.__exit__()
            raise RuntimeError('the clean root could not be mounted')
        with open(f'/proc/{self._holder.pid}/task/{self._holder.pid}/children',
                  encoding='ascii') as children:
            self._pid = children.read().strip()
        return self

    def __exit__(self, *_):
        self._holder.stdin.close()
        self._holder.wait()
        self._holder.stdout.close()

    @property
    def path(self):
        """Where the root is, for who is in the namespaces but not in the root."""
        return self._where + '/root'

    def beside(self, *words, **keywords):
        """Run a program of this machine in the namespaces of the root."""
        return subprocess.run(['nsenter', '--target', self._pid, '--mount', '--pid', '--', *words],
                              **{'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE,
                                 'stderr': subprocess.STDOUT, 'text': True, **keywords})

    def run(self, script, **keywords):
        """Run a script of bash in the root, and return what it wrote; it must succeed."""
        outcome = self.beside('chroot', self.path, 'bash', '-ec', script, env=_ENVIRONMENT,
                              **keywords)
        if outcome.returncode != 0:
            raise AssertionError(f'{script}\nfailed with {outcome.returncode}:\n{outcome.stdout}')
        return outcome.stdout

    def write(self, path, text, mode=0o644):
        """Put the text in a file of the root."""
        self.run(f'mkdir -p "$(dirname {path})"; cat > {path}; chmod {mode:o} {path}', input=text,
                 stdin=None)

    def files(self):
        """{path: what it is and has} of all files but logs, caches and the books of dpkg and apt."""
        return json.loads(self.run('python3 -', input=_LIST, stdin=None))
