# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random path operations by root and two users get the answers that tmpfs gives.

The same sequence runs on the mount and on tmpfs; after each operation the answers (an errno, or what
stat and readdir say) are compared, and after each round the two trees. The mount's documented
policies are taken out of the comparison: no umask, a ceiling that allows everything, nothing removed
by itself, and sticky directories everywhere, for the mount treats every directory as one.

A failure prints the seed and the operations that led to it; FIFOFS_TEST_SEED repeats one seed, and
FIFOFS_TEST_ROUNDS sets how many are run.
"""

import ctypes
import errno
import os
import random
import stat

import fifofs_test
from fifofs_test import USER_A, USER_B, Mount, Tmpfs, libc

ROUNDS = int(os.environ.get('FIFOFS_TEST_ROUNDS', '100'))
OPERATIONS_A_ROUND = 250
NAMES = ['a', 'b', 'c', 'd', 'x' * 255, 'x' * 256, b'\xff\xfe'.decode(errors='surrogateescape')]
USERS = [0, 0, USER_A, USER_B]
RENAME_FLAGS = {'none': 0, 'noreplace': 1, 'exchange': 2, 'both': 3, 'unknown': 64}
AT_FDCWD = -100
BIG_TIME = 5_000_000_000


def renameat2(source, target, flags):
    answer = libc.renameat2(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flags)
    if answer != 0:
        raise OSError(ctypes.get_errno(), 'renameat2')


def describe(path):
    """What stat says, but for the numbers that identify a file system and its clock."""
    st = os.lstat(path)
    return (oct(st.st_mode), st.st_nlink, st.st_uid, st.st_gid, st.st_size)


def open_and_close(path, flags):
    os.close(os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC))


def touch(path, times):
    os.utime(path, ns=times)
    st = os.stat(path)
    return (st.st_atime_ns, st.st_mtime_ns)


def changes_ctime(path, function, *arguments):
    before = os.stat(path).st_ctime_ns
    function(path, *arguments)
    return os.stat(path).st_ctime_ns >= before


# name -> (how to carry it out, which arguments it takes)
OPERATIONS = {
    'mkfifo': (os.mkfifo, ('path', 'mode')),
    'mknod_fifo': (lambda path, mode: os.mknod(path, stat.S_IFIFO | mode), ('path', 'mode')),
    'mkdir': (lambda path, mode: os.mkdir(path, mode | stat.S_ISVTX), ('path', 'mode')),
    'unlink': (os.unlink, ('path',)),
    'rmdir': (os.rmdir, ('path',)),
    'rename': (renameat2, ('path', 'path', 'flags')),
    'chmod': (lambda path, mode: changes_ctime(path, os.chmod, mode), ('path', 'fifo_mode')),
    'chown': (lambda path, uid, gid: changes_ctime(path, os.chown, uid, gid), ('path', 'id', 'id')),
    'utime': (touch, ('path', 'times')),
    'stat': (describe, ('path',)),
    'listdir': (lambda path: sorted(os.listdir(path)), ('path',)),
    'access': (os.access, ('path', 'access')),
    'open': (open_and_close, ('path', 'open_flags')),
    'truncate': (os.truncate, ('path', 'length')),
    'readlink': (os.readlink, ('path',)),
}
WEIGHTS = {'mkfifo': 6, 'mkdir': 5, 'rename': 6, 'unlink': 3, 'stat': 3, 'listdir': 2}


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def path(self):
        depth = self.random.choice([1, 1, 1, 2, 2, 3])
        parts = [self.random.choice(NAMES[:4] if self.random.random() < 0.9 else NAMES)
                 for _ in range(depth)]
        return '/'.join(parts) + ('/' if self.random.random() < 0.02 else '')

    def argument(self, kind):
        pick = self.random.choice
        return {
            'path': self.path,
            'mode': lambda: pick([0o777, 0o755, 0o700, 0o666, 0o640, 0o600, 0o400, 0]),
            # What chmod does to a directory must leave it sticky: see above.
            'fifo_mode': lambda: pick([0o777, 0o644, 0o600, 0o2755, 0o4755, 0o200, 0]) | 0o1000,
            'flags': lambda: RENAME_FLAGS[pick(['none', 'none', 'noreplace', 'exchange', 'both',
                                                'unknown'])],
            'id': lambda: pick([-1, 0, USER_A, USER_B]),
            'times': lambda: (pick([0, 1, 123456789, BIG_TIME * 10**9 + 7]),
                              pick([0, 999999999, BIG_TIME * 10**9])),
            'access': lambda: pick([os.F_OK, os.R_OK, os.W_OK, os.X_OK]),
            'open_flags': lambda: pick([os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_DIRECTORY,
                                        os.O_RDONLY | os.O_NOFOLLOW, os.O_WRONLY | os.O_TRUNC]),
            'length': lambda: pick([0, 1]),
        }[kind]()

    def operation(self):
        names = list(OPERATIONS)
        name = self.random.choices(names, [WEIGHTS.get(n, 1) for n in names])[0]
        return (self.random.choice(USERS), name,
                [self.argument(kind) for kind in OPERATIONS[name][1]])


def carry_out(root, operation):
    _, name, arguments = operation
    function, kinds = OPERATIONS[name]
    arguments = [f'{root}/{argument}' if kind == 'path' else argument
                 for kind, argument in zip(kinds, arguments)]
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


class As:
    """The effective ids of a user for a while; the real ones stay root's, to come back."""

    def __init__(self, uid):
        self.uid = uid

    def __enter__(self):
        if self.uid != 0:
            os.setgroups([])
            os.setegid(self.uid)
            os.seteuid(self.uid)

    def __exit__(self, *_):
        os.seteuid(0)
        os.setegid(0)


def tree(root):
    """Everything that is below, with its stat."""
    found = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, root)] = describe(path)
    return found


def empty(root):
    for directory, directories, files in os.walk(root, topdown=False):
        for name in files:
            os.unlink(os.path.join(directory, name))
        for name in directories:
            os.rmdir(os.path.join(directory, name))


class Differential(fifofs_test.TestCase):
    deadline_seconds = 600

    def compare_round(self, seed, mount, tmpfs):
        generator = Generator(seed)
        history = []
        for _ in range(OPERATIONS_A_ROUND):
            operation = generator.operation()
            history.append(operation)
            with As(operation[0]):
                answers = [carry_out(root, operation) for root in (mount, tmpfs)]
            if answers[0] != answers[1]:
                self.fail(f'seed {seed}: {operation}: {answers[0]} on the mount, {answers[1]} on '
                          f'tmpfs, after\n' + '\n'.join(map(str, history)))
        self.assertEqual(tree(mount), tree(tmpfs), f'seed {seed}')

    def test_random_operations_get_the_answers_of_tmpfs(self):
        chosen = os.environ.get('FIFOFS_TEST_SEED')
        seeds = [int(chosen)] if chosen else range(ROUNDS)
        os.umask(0)
        options = 'allow_other,ceiling=7777,rootmode=1777,lifetime=keep'
        with Mount(options) as mount, Tmpfs() as tmpfs:
            os.chmod(tmpfs.path, 0o1777)
            for seed in seeds:
                self.compare_round(seed, mount.path, tmpfs.path)
                empty(mount.path)
                empty(tmpfs.path)


if __name__ == '__main__':
    fifofs_test.main()
