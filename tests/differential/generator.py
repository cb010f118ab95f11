# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of steps, the same for the same seed.

The generator knows nothing of the trees. Few names, most of which mostly mean the same kind of file,
make calls that succeed about as frequent as those that meet something else; selftest.py looks at
what is met. A seed is good for one version of this file.
"""

import os
import random
import stat

from calls import RENAME_EXCHANGE, RENAME_NOREPLACE, UTIME_NOW, UTIME_OMIT
from fifofs_test import USER_A, USER_B
from tree import GROUP, ROOT, SLOTS

# What is made as what, mostly.
DIRECTORIES = [b'a', b'b', b'sub']
FIFOS = [b'f', b'g', b'h', b'fifo']

ODD_NAMES = [b'.', b'..', b'x' * 255, b'x' * 256, b'\xff\xfe', b'\xc3', b'a b\n', b'*', b'.hidden',
             'ä'.encode(), b'-', b'\x01']

MODES = [0o777, 0o775, 0o755, 0o733, 0o700, 0o666, 0o640, 0o600, 0o400, 0o200, 0o070, 0o007, 0]
UMASKS = [0o000, 0o022, 0o077, 0o777]
LIST_SIZES = [300, 400, 1000, 4096]
RENAME_FLAGS = [0] * 12 + [RENAME_NOREPLACE] * 3 + [RENAME_EXCHANGE] * 5 + [
    RENAME_NOREPLACE | RENAME_EXCHANGE, 64]
TYPES = [stat.S_IFREG, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, 0, stat.S_IFDIR, stat.S_IFLNK,
         0o070000]
# Nothing that a clock could tell: tree.py.
SECONDS = [0, 1, 123456789, -1, -123456789, 5_000_000_000]
NANOSECONDS = [0, 1, 999999999, UTIME_NOW, UTIME_OMIT, 10**9]

# O_TMPFILE is this and O_DIRECTORY.
TEMPORARY = os.O_TMPFILE & ~os.O_DIRECTORY

OPEN_FLAGS = [os.O_APPEND, os.O_DIRECTORY, os.O_NOFOLLOW, os.O_TRUNC, os.O_NOATIME, os.O_SYNC,
              os.O_PATH, os.O_EXCL, os.O_TMPFILE]

WEIGHTS = {
    'mkfifo': 9, 'mknod': 3, 'mkdir': 8, 'unlink': 7, 'rmdir': 3, 'rename': 11, 'link': 1,
    'symlink': 1, 'stat': 6, 'access': 4, 'chmod': 5, 'chown': 3, 'utimens': 3, 'truncate': 1,
    'readlink': 1, 'used_inodes': 1, 'name_limit': 0.2, 'listdir': 4, 'getdents': 5, 'seekdir': 1,
    'finish_listing': 2, 'open': 20, 'reopen': 2, 'close': 1.5, 'fstat': 4, 'fchmod': 2, 'fchown': 1,
    'futimens': 1, 'ftruncate': 0.5, 'lseek': 0.5, 'write': 6, 'read': 6, 'queued': 1, 'poll': 2,
    'flags': 0.5, 'same': 2, 'pause': 0.02, 'tree': 0.05,
}


class Generator:

    def __init__(self, seed, special_bits=True):
        self._random = random.Random(seed)
        self._special_bits = special_bits
        self._names = list(WEIGHTS)
        self._weights = [WEIGHTS[name] for name in self._names]
        self._written = 0
        self._uid = ROOT

    def sequence(self, n):
        """So many steps, and a look at all that has come of them."""
        return [self.step() for _ in range(n - 1)] + [(ROOT, 0, 'tree', ())]

    def step(self):
        if self._random.random() < 0.2:
            self._uid = self._random.choice([ROOT, ROOT, USER_A, USER_B])
        name, = self._random.choices(self._names, self._weights)
        make = getattr(self, '_' + name, None)
        return self._uid, self.pick(UMASKS), name, make() if make else ()

    def pick(self, choices):
        return self._random.choice(choices)

    def chance(self, probability):
        return self._random.random() < probability

    # Arguments.

    def slot(self):
        return self._random.randrange(SLOTS)

    def name(self, usual=DIRECTORIES + FIFOS):
        if self.chance(0.02):
            return bytes(self._random.choices(range(ord('A'), ord('Z')), k=self._random.randint(1, 256)))
        if self.chance(0.04):
            return self.pick(ODD_NAMES)
        return self.pick(usual if self.chance(0.9) else DIRECTORIES + FIFOS)

    def path(self, usual=DIRECTORIES + FIFOS):
        if self.chance(0.004):
            return self.pick([b'', b'/', b'a/' * 3000 + b'f', b'a/../' * 30 + self.name()])
        parents = [self.name(DIRECTORIES) for _ in range(self.pick([0, 0, 0, 0, 1, 1, 2, 3]))]
        path = b'/'.join(parents + [self.name(usual)])
        if self.chance(0.02):
            path = b'/' + path
        if self.chance(0.02):
            path += self.pick([b'/', b'//', b'/.'])
        return path

    def place(self, usual=DIRECTORIES + FIFOS):
        return self.slot() if self.chance(0.1) else None, self.path(usual)

    def mode(self, open_to_all=0.5):
        mode = 0o777 if self.chance(open_to_all) else self.pick(MODES)
        if self._special_bits and self.chance(0.15):
            mode |= self.pick([0o4000, 0o2000, 0o6000, 0o2070])
        return mode | (stat.S_ISVTX if self.chance(0.2) else 0)

    def owner(self):
        uid = self.pick([-1, -1, ROOT, USER_A, USER_B])
        return uid, self.pick([ROOT, USER_A, USER_B, GROUP] + ([-1] if uid != -1 else []))

    def time(self):
        return self.pick(SECONDS), self.pick(NANOSECONDS)

    def tag(self):
        """Bytes that tell where they come from."""
        self._written += 1
        return b'<%d>' % self._written * self.pick([1, 1, 1, 10, 100, 1000, 9000])

    def flags(self):
        flags = self.pick([os.O_RDONLY] * 3 + [os.O_WRONLY] * 3 + [os.O_RDWR] * 6 + [os.O_ACCMODE])
        if not self.chance(0.03):
            flags |= os.O_NONBLOCK
        if self.chance(0.4):
            flags |= os.O_CREAT
        while self.chance(0.2):
            flags |= self.pick(OPEN_FLAGS)
        return flags

    # Each call's.

    def _mkfifo(self):
        return self.place(FIFOS), self.mode()

    def _mknod(self):
        kind = stat.S_IFIFO if self.chance(0.6) else self.pick(TYPES)
        return self.place(FIFOS), kind | self.mode()

    def _mkdir(self):
        return self.place(DIRECTORIES), self.mode(open_to_all=0.85)

    def _unlink(self):
        return self.place(FIFOS),

    def _rmdir(self):
        return self.place(DIRECTORIES),

    def _rename(self):
        usual = DIRECTORIES if self.chance(0.3) else FIFOS
        return self.place(usual), self.place(usual), self.pick(RENAME_FLAGS)

    def _link(self):
        return self.place(), self.place()

    def _symlink(self):
        return b'target', self.place()

    def _stat(self):
        return self.place(), self.chance(0.5)

    def _access(self):
        wanted = self.pick([os.F_OK, os.R_OK, os.W_OK, os.X_OK, os.R_OK | os.W_OK])
        return self.place(), wanted, self.chance(0.3)

    def _chmod(self):
        if self.chance(0.2):
            return (None, b'.'), 0o777
        return self.place(), self.mode(open_to_all=0.6)

    def _chown(self):
        return self.place(), *self.owner()

    def _utimens(self):
        return self.place(), self.time(), self.time()

    def _truncate(self):
        return self.place(), self.pick([0, 1, -1])

    def _readlink(self):
        return self.place(),

    def _name_limit(self):
        return self.place(),

    def _listdir(self):
        return self.place(DIRECTORIES + [b'.']),

    def _getdents(self):
        return self.slot(), self.pick(LIST_SIZES)

    def _seekdir(self):
        return self.slot(), self._random.randrange(1000) if self.chance(0.7) else 0

    def _finish_listing(self):
        return self.slot(),

    def _open(self):
        if self.chance(0.2):
            return self.slot(), self.place(DIRECTORIES + [b'.']), os.O_RDONLY | os.O_DIRECTORY, 0
        return self.slot(), self.place(FIFOS), self.flags(), self.mode()

    def _reopen(self):
        return self.slot(), self.slot(), self.flags() & ~(os.O_CREAT | TEMPORARY)

    def _close(self):
        return self.slot(),

    _fstat = _queued = _poll = _flags = _close

    def _fchmod(self):
        return self.slot(), self.mode()

    def _fchown(self):
        return self.slot(), *self.owner()

    def _futimens(self):
        return self.slot(), self.time(), self.time()

    def _ftruncate(self):
        return self.slot(), self.pick([0, 1])

    def _lseek(self):
        return self.slot(), self.pick([0, 1, 1000])

    def _write(self):
        return self.slot(), self.tag()

    def _read(self):
        return self.slot(), self.pick([1, 10, 1000, 1 << 17])

    def _same(self):
        return self.slot(), self.place()
