# SPDX-License-Identifier: LGPL-2.1-or-later
"""How many FIFOs and directories there may be, of a mount and of each user.

FIFOFS_TEST_SEED repeats one sequence of the random test, and FIFOFS_TEST_ROUNDS sets how many there are.
"""

import collections
import configparser
import contextlib
import ctypes
import json
import os
import pwd
import random
import re
import signal
import subprocess
import tempfile

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, Mount, as_user, attempt, fifoctl, libc, on_fifofs, wait_until)

ROUNDS = int(os.environ.get('FIFOFS_TEST_ROUNDS', '4'))
OPERATIONS_A_ROUND = 250
TIMES = 200
READ_AGAIN = 'configuration read again'
REQUEST = re.compile(r'fifofs_request_duration_seconds_count\{kind="(\w+)"\} (\d+)')
AT_FDCWD = -100
RENAME_EXCHANGE = 2


def read(directory, name):
    with open(f'{directory}/.fifofs/{name}', encoding='utf-8') as stream:
        return stream.read()


def accounts(directory):
    """{uid, or None for the mount: its line}"""
    lines = [json.loads(line) for line in read(directory, 'quota').splitlines()]
    found = {line.get('uid'): line for line in lines}
    assert len(found) == len(lines), f'somebody is told twice: {lines}'
    assert lines[0]['scope'] == 'mount' and {line['scope'] for line in lines[1:]} == {'user'}
    return found


def counts(directory):
    """{uid: (FIFOs, directories)} of those who have any."""
    return {uid: (line['pipes'], line['dirs']) for uid, line in accounts(directory).items()
            if uid is not None and (line['pipes'], line['dirs']) != (0, 0)}


def inodes(directory):
    """(all, used, free), as df -i shows them."""
    told = subprocess.run(['df', '--output=itotal,iused,iavail', directory], check=True,
                          capture_output=True, text=True).stdout
    return tuple(int(word) for word in told.splitlines()[-1].split())


def name_of(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def create_by_open(path):
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def config_of(directory):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(read(directory, 'config'))
    return parser['fifofs']


@contextlib.contextmanager
def acting_as(uid):
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def exchange(source, target):
    if libc.renameat2(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target),
                      RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), 'renameat2')


class Limits(fifofs_test.TestCase):

    @on_fifofs('allow_other,user-max-pipes=3,user-max-dirs=1')
    def test_user_who_has_all_he_may_is_refused_and_nobody_else(self, directory):
        for number in range(3):
            as_user(USER_A, os.mkfifo, f'{directory}/a{number}')
        as_user(USER_A, os.mkdir, directory + '/da')
        for place in (directory, directory + '/da'):
            for function in (os.mkfifo, create_by_open):
                self.assertEqual(attempt(as_user, USER_A, function, place + '/more'), 'EDQUOT')
            self.assertEqual(attempt(as_user, USER_A, os.mkdir, place + '/sub'), 'EDQUOT')
        self.assertEqual(sorted(os.listdir(directory)), ['a0', 'a1', 'a2', 'da'])
        # What is there works on, for him too.
        as_user(USER_A, create_by_open, directory + '/a0')
        self.assertEqual(attempt(as_user, USER_A, os.mkfifo, directory + '/a0'), 'EEXIST')
        as_user(USER_B, os.mkfifo, directory + '/b')
        for number in range(5):
            os.mkfifo(f'{directory}/root{number}')
        self.assertEqual(counts(directory), {0: (5, 0), USER_A: (3, 1), USER_B: (1, 0)})

    @on_fifofs('allow_other,user-max-pipes=1')
    def test_shell_says_that_the_quota_is_exceeded(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/a')
        shell = subprocess.run(['sh', '-c', f'echo x > {directory}/b'], check=False, text=True,
                               capture_output=True, env={'LC_ALL': 'C'}, user=USER_A)
        self.assertIn('quota exceeded', shell.stderr)
        self.assertEqual(os.listdir(directory), ['a'])

    @on_fifofs('allow_other,max-pipes=4,max-dirs=2')
    def test_full_mount_refuses_root_too(self, directory):
        for number in range(4):
            os.mkfifo(f'{directory}/{number}')
        for uid in (0, USER_A):
            self.assertEqual(attempt(as_user, uid, os.mkfifo, directory + '/more'), 'ENOSPC')
            self.assertEqual(attempt(as_user, uid, create_by_open, directory + '/more'), 'ENOSPC')
        for number in range(2):
            os.mkdir(f'{directory}/d{number}')
        self.assertEqual(attempt(os.mkdir, directory + '/d2'), 'ENOSPC')
        os.unlink(directory + '/0')
        as_user(USER_A, os.mkfifo, directory + '/more')

    @on_fifofs('allow_other,max-pipes=4,max-dirs=2')
    def test_df_counts_down_to_none(self, directory):
        self.assertEqual(inodes(directory), (7, 1, 6))
        os.mkdir(directory + '/d')
        for number in range(4):
            as_user(USER_A, os.mkfifo, f'{directory}/{number}')
        self.assertEqual(inodes(directory), (7, 6, 1))
        os.mkdir(directory + '/e')
        self.assertEqual(inodes(directory), (7, 7, 0))
        os.unlink(directory + '/0')
        self.assertEqual(inodes(directory), (7, 6, 1))

    @on_fifofs('allow_other,user-max-pipes=2')
    def test_room_is_made_by_unlink_though_the_fifo_is_open(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/a')
        as_user(USER_A, os.mkfifo, directory + '/b')
        end = self.open(directory + '/a', os.O_RDWR)
        os.unlink(directory + '/a')
        as_user(USER_A, os.mkfifo, directory + '/a')
        self.assertEqual(attempt(as_user, USER_A, os.mkfifo, directory + '/c'), 'EDQUOT')
        # What has no name counts for nobody, whoever gets it.
        os.fchown(end, USER_B, -1)
        self.assertEqual(counts(directory), {USER_A: (2, 0)})

    @on_fifofs('allow_other,user-max-pipes=2')
    def test_rename_needs_no_room_and_frees_what_it_replaces(self, directory):
        for name in 'ab':
            as_user(USER_A, os.mkfifo, f'{directory}/{name}')
        as_user(USER_A, os.rename, directory + '/a', directory + '/c')
        as_user(USER_A, exchange, directory + '/b', directory + '/c')
        self.assertEqual(counts(directory), {USER_A: (2, 0)})
        as_user(USER_A, os.rename, directory + '/b', directory + '/c')
        self.assertEqual(counts(directory), {USER_A: (1, 0)})
        os.mkfifo(directory + '/r')
        os.rename(directory + '/r', directory + '/c')
        self.assertEqual(counts(directory), {0: (1, 0)})

    @on_fifofs('allow_other,user-max-pipes=1,user-max-dirs=1')
    def test_chown_moves_what_counts_or_changes_nothing(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/a')
        as_user(USER_B, os.mkfifo, directory + '/b')
        os.mkdir(directory + '/d')
        self.assertEqual(attempt(os.chown, directory + '/a', USER_B, USER_B), 'EDQUOT')
        status = os.stat(directory + '/a')
        self.assertEqual((status.st_uid, status.st_gid), (USER_A, USER_A))
        os.chown(directory + '/d', USER_B, -1)
        os.chown(directory + '/a', 0, 0)
        self.assertEqual(counts(directory), {0: (1, 0), USER_B: (1, 1)})
        os.chown(directory, USER_A, -1)
        self.assertNotIn(USER_A, counts(directory))

    @on_fifofs(f'allow_other,uid={USER_B},user-max-pipes=2')
    def test_with_one_owner_for_all_it_counts_for_who_makes_it(self, directory):
        for name in 'ab':
            as_user(USER_A, os.mkfifo, f'{directory}/{name}')
        self.assertEqual(os.stat(directory + '/a').st_uid, USER_B)
        self.assertEqual(attempt(as_user, USER_A, os.mkfifo, directory + '/c'), 'EDQUOT')
        as_user(USER_B, os.mkfifo, directory + '/c')
        self.assertEqual(counts(directory), {USER_A: (2, 0), USER_B: (1, 0)})
        as_user(USER_B, os.unlink, directory + '/a')
        as_user(USER_A, os.mkfifo, directory + '/a')

    def test_users_of_a_shared_mount_have_limits_unless_told_otherwise(self):
        with Mount('allow_other') as mount:
            self.assertEqual(accounts(mount.path)[None]['max_pipes'], 2 << 20)
            told = as_user(USER_A, accounts, mount.path)[USER_A]
            self.assertEqual((told['max_pipes'], told['max_dirs']), (65536, 4096))
        with Mount('user-max-pipes=infinity,allow_other,max-dirs=infinity') as mount:
            told = as_user(USER_A, accounts, mount.path)
            self.assertIsNone(told[USER_A]['max_pipes'])
            self.assertEqual(told[USER_A]['max_dirs'], 4096)
            self.assertIsNone(told[None]['max_dirs'])
            self.assertEqual(inodes(mount.path)[1], 1)
        with Mount('', user=USER_A) as mount:
            told = as_user(USER_A, accounts, mount.path)[USER_A]
            self.assertEqual((told['max_pipes'], told['max_dirs']), (None, None))


class Reload(fifofs_test.TestCase):

    def setUp(self):
        super().setUp()
        directory = self.enterContext(tempfile.TemporaryDirectory(prefix='fifofs-test-'))
        self.file = directory + '/quota.conf'

    def write(self, text):
        with open(self.file, 'w', encoding='utf-8') as stream:
            stream.write('[fifofs]\nallow_other=true\n' + text)

    def mount(self, text):
        self.write(text)
        return self.enterContext(Mount('config=' + self.file))

    def reload(self, mount, text):
        self.write(text)
        before = mount.log().count(READ_AGAIN)
        os.kill(mount.pid, signal.SIGHUP)
        wait_until(lambda: mount.log().count(READ_AGAIN) > before, what='the reload')

    def test_lower_limit_refuses_new_ones_only(self):
        mount = self.mount('user-max-pipes=3\nmax-pipes=100\nmax-dirs=1\n')
        for number in range(3):
            as_user(USER_A, os.mkfifo, f'{mount.path}/{number}')
        self.reload(mount, 'user-max-pipes=1\nmax-pipes=2\nmax-dirs=1\n')
        self.assertEqual(len(os.listdir(mount.path)), 3)
        self.assertEqual(config_of(mount.path)['user-max-pipes'], '1')
        self.assertEqual(inodes(mount.path), (5, 4, 1))
        os.unlink(mount.path + '/0')
        self.assertEqual(attempt(as_user, USER_A, os.mkfifo, mount.path + '/0'), 'EDQUOT')
        self.assertEqual(attempt(as_user, USER_B, os.mkfifo, mount.path + '/0'), 'ENOSPC')
        self.reload(mount, 'user-max-pipes=infinity\nmax-pipes=4\n')
        as_user(USER_A, os.mkfifo, mount.path + '/0')
        as_user(USER_A, os.mkfifo, mount.path + '/3')
        self.assertEqual(attempt(as_user, USER_A, os.mkfifo, mount.path + '/4'), 'ENOSPC')

    def test_declared_fifos_are_made_however_many_there_may_be(self):
        declared = ''.join(f'[pipe "d/{number}"]\nowner={USER_A}\n' for number in range(4))
        limits = 'user-max-pipes=1\nuser-max-dirs=1\nmax-pipes=2\nmax-dirs=1\n'
        mount = self.mount(limits + declared)
        self.assertEqual(len(os.listdir(mount.path + '/d')), 4)
        self.assertEqual(counts(mount.path), {0: (0, 1), USER_A: (4, 0)})
        self.assertEqual(attempt(as_user, USER_A, os.mkfifo, mount.path + '/mine'), 'EDQUOT')
        self.reload(mount, limits + declared + f'[pipe "e/0"]\nowner={USER_A}\n')
        self.assertEqual(counts(mount.path), {0: (0, 2), USER_A: (5, 0)})
        self.assertEqual(inodes(mount.path)[2], 0)

    def test_who_made_a_fifo_is_charged_for_it_until_a_chown(self):
        mount = self.mount(f'uid={USER_B}\n')
        as_user(USER_A, os.mkfifo, mount.path + '/a')
        self.reload(mount, '')
        self.assertEqual(counts(mount.path), {USER_A: (1, 0)})
        os.chown(mount.path + '/a', USER_B, -1)
        self.assertEqual(counts(mount.path), {USER_B: (1, 0)})


class Takeover(fifofs_test.TestCase):

    def test_counts_outlive_the_worker(self):
        with Mount(f'allow_other,uid={USER_B},user-max-pipes=3,max-dirs=2') as mount:
            for number in range(3):
                as_user(USER_A, os.mkfifo, f'{mount.path}/{number}')
            os.mkdir(mount.path + '/d')
            os.rename(mount.path + '/0', mount.path + '/d/0')
            for _ in range(2):
                before = counts(mount.path)
                former = mount.worker
                os.kill(former, signal.SIGKILL)
                self.assertEqual(counts(mount.path), before)
                self.assertNotEqual(mount.worker, former)
            self.assertEqual(counts(mount.path), {0: (0, 1), USER_A: (3, 0)})
            self.assertEqual(attempt(as_user, USER_A, os.mkfifo, mount.path + '/more'), 'EDQUOT')
            os.unlink(mount.path + '/1')
            as_user(USER_A, os.mkfifo, mount.path + '/more')


class Telling(fifofs_test.TestCase):

    @on_fifofs('allow_other,user-max-pipes=5')
    def test_each_sees_himself_and_root_sees_all(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/a')
        self.assertEqual(as_user(USER_A, accounts, directory).keys(), {None, USER_A})
        self.assertEqual(as_user(USER_B, accounts, directory).keys(), {None, USER_B})
        self.assertEqual(accounts(directory).keys(), {None, 0, USER_A})
        self.assertEqual(as_user(USER_B, accounts, directory)[USER_B], {
            'scope': 'user', 'uid': USER_B, 'pipes': 0, 'max_pipes': 5, 'dirs': 0,
            'max_dirs': 4096})

    @on_fifofs(f'allow_other,uid={USER_B}')
    def test_owner_of_the_mount_sees_all(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/a')
        self.assertEqual(as_user(USER_B, accounts, directory).keys(), {None, USER_A, USER_B})

    @on_fifofs('allow_other,user-max-pipes=5,max-pipes=infinity')
    def test_fifoctl_makes_a_table_of_it(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/a')
        as_user(USER_A, os.mkdir, directory + '/d')
        table = fifoctl('quota', '-r', directory).stdout.splitlines()
        self.assertEqual(table, ['USER PIPES MAXPIPES DIRS MAXDIRS', '- 1 - 1 1048576',
                                 'root 0 - 0 -', f'{name_of(USER_A)} 1 5 1 4096'])
        # Any path on the mount stands for it.
        own = fifoctl('quota', '-rn', directory + '/d', uid=USER_A).stdout.splitlines()
        self.assertEqual(own, ['- 1 - 1 1048576', f'{name_of(USER_A)} 1 5 1 4096'])

    @on_fifofs('allow_other,user-max-pipes=5,max-pipes=infinity')
    def test_fifoctl_writes_json(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/a')
        found = json.loads(fifoctl('quota', '--json', directory).stdout)['quota']
        self.assertEqual(found[0], {
            'mount': directory, 'user': None, 'uid': None, 'pipes': 1, 'maxpipes': None, 'dirs': 0,
            'maxdirs': 1 << 20})
        self.assertEqual(found[2], {
            'mount': directory, 'user': name_of(USER_A), 'uid': USER_A, 'pipes': 1, 'maxpipes': 5,
            'dirs': 0, 'maxdirs': 4096})

    @on_fifofs()
    def test_fifoctl_says_what_is_wrong(self, directory):
        private = fifoctl('quota', directory, uid=USER_A)
        self.assertEqual((private.returncode, private.stdout), (1, ''))
        elsewhere = fifoctl('quota', '/')
        self.assertEqual((elsewhere.returncode, elsewhere.stdout), (1, ''))
        self.assertIn('not on a fifofs mount', elsewhere.stderr)
        self.assertEqual(fifoctl('quota', '--colour').returncode, 2)


class Neighbours(fifofs_test.TestCase):
    """One user at his limit does not slow another."""

    def setUp(self):
        super().setUp()
        self.mount = self.enterContext(Mount('allow_other,user-max-pipes=300,lifetime=keep,linger=1s'))
        self.path = self.mount.path

    def fill(self, uid):
        def make():
            number = 0
            while attempt(os.mkfifo, f'{self.path}/{uid}-{number}') is None:
                number += 1
        as_user(uid, make)

    def requests(self):
        found = REQUEST.findall(read(self.path, 'metrics'))
        return collections.Counter({kind: int(count) for kind, count in found})

    def watches(self):
        """How many directories the daemon watches."""
        total, fdinfo = 0, f'/proc/{self.mount.worker}/fdinfo'
        for name in os.listdir(fdinfo):
            with contextlib.suppress(FileNotFoundError), \
                    open(f'{fdinfo}/{name}', encoding='ascii') as stream:
                total += stream.read().count('inotify wd:')
        return total

    def refused(self, prefix):
        for number in range(TIMES):
            for function in (os.mkfifo, create_by_open):
                assert attempt(function, f'{self.path}/{prefix}{number}') == 'EDQUOT'

    def test_refused_call_costs_no_more_than_asking(self):
        self.fill(USER_A)
        before = self.requests()
        as_user(USER_A, self.refused, 'x')
        told = self.requests() - before
        self.assertEqual((told['mknod'], told['create']), (TIMES, TIMES))
        # The kernel forgets nothing of the directory, so nobody has to ask for it again.
        self.assertLess(told['getattr'], 10)
        self.assertLess(told['lookup'], 2 * TIMES + 10)

    def test_refused_call_has_no_directory_watched(self):
        """In a watched directory every read and write of a FIFO is slower."""
        self.fill(USER_A)
        wait_until(lambda: self.watches() == 0, timeout=20, what='the directory to rest')
        as_user(USER_A, self.refused, 'x')
        self.assertEqual(self.watches(), 0)
        os.mkfifo(self.path + '/one')
        self.assertEqual(self.watches(), 1)

    def test_others_need_the_same_requests_beside_him(self):
        self.fill(USER_A)

        def insist():
            number = 0
            while attempt(os.mkfifo, f'{self.path}/go') is not None:
                number += 1
            return number

        def make():
            for number in range(TIMES):
                os.mkfifo(f'{self.path}/b{number}')

        before = self.requests()
        hostile = self.spawn(insist, uid=USER_A)
        wait_until(lambda: (self.requests() - before)['mknod'] > 10, what='the first refusals')
        as_user(USER_B, make)
        os.unlink(f'{self.path}/{USER_A}-0')
        tries = hostile.result()
        told = self.requests() - before
        self.assertEqual(told['mknod'], tries + 1 + TIMES)
        # One each after each name that came or went, however often he has tried.
        self.assertLess(told['getattr'], 2 * TIMES + 20)


class Model:
    """Who has what, kept in the plainest way: {path: (owner, whether it is a FIFO)}."""

    def __init__(self, limits):
        self.names = {}
        self.limits = limits

    def count(self, is_fifo, uid=None):
        return sum(kind == is_fifo and uid in (None, owner) for owner, kind in self.names.values())

    def is_full(self, is_fifo, uid):
        return uid != 0 and self.count(is_fifo, uid) >= self.limits['user', is_fifo]

    def room(self, is_fifo, uid):
        if self.is_full(is_fifo, uid):
            return 'EDQUOT'
        return 'ENOSPC' if self.count(is_fifo) >= self.limits['mount', is_fifo] else None

    def counts(self):
        uids = {owner for owner, _ in self.names.values()}
        return {uid: (self.count(True, uid), self.count(False, uid)) for uid in uids}


class Counting(fifofs_test.TestCase):
    """After any operations the counts are those of a model, and so are the refusals."""

    deadline_seconds = 120
    LIMITS = {('user', True): 6, ('user', False): 2, ('mount', True): 14, ('mount', False): 5}
    USERS = (0, USER_A, USER_B)

    def create(self, uid):
        is_fifo = self.random.random() < 0.75
        path = self.a_path()
        make = self.random.choice((os.mkfifo, create_by_open)) if is_fifo else os.mkdir
        if path in self.model.names:
            return
        with acting_as(uid):
            answer = attempt(make, path)
        self.assertEqual(answer, self.model.room(is_fifo, uid), path)
        if answer is None and make is create_by_open:
            self.let_go(path)                       # the lifetime of the mount is `use`
        elif answer is None:
            self.model.names[path] = (uid, is_fifo)

    def remove(self, uid):
        path = self.a_path()
        is_fifo = self.model.names.get(path, (0, True))[1]
        if attempt(os.unlink if is_fifo else os.rmdir, path) is None:
            del self.model.names[path]

    def rename(self, uid):
        source, target = self.a_path(), self.a_path()
        if self.random.random() < 0.3:
            if attempt(exchange, source, target) is None and source != target:
                self.move(source, target, swap=True)
        elif attempt(os.rename, source, target) is None and source != target:
            self.move(source, target, swap=False)

    def move(self, source, target, swap):
        def below(name):
            return {path[len(name):]: self.model.names.pop(path) for path in list(self.model.names)
                    if path == name or path.startswith(name + '/')}

        moved, there = below(source), below(target)
        self.model.names.update({target + rest: found for rest, found in moved.items()})
        if swap:
            self.model.names.update({source + rest: found for rest, found in there.items()})

    def chown(self, uid):
        path = self.a_path()
        if path not in self.model.names:
            return
        owner, is_fifo = self.model.names[path]
        full = owner != uid and self.model.is_full(is_fifo, uid)
        self.assertEqual(attempt(os.chown, path, uid, -1), 'EDQUOT' if full else None)
        if not full:
            self.model.names[path] = (uid, is_fifo)

    def use(self, uid):
        """The daemon removes it by itself."""
        fifos = [path for path, (_, is_fifo) in self.model.names.items() if is_fifo]
        if fifos and self.random.random() < 0.2:
            path = self.random.choice(sorted(fifos))
            create_by_open(path)
            self.let_go(path)
            del self.model.names[path]

    def let_go(self, path):
        wait_until(lambda: attempt(os.lstat, path) == 'ENOENT', what=f'{path} to go by itself')

    def a_path(self):
        directories = [path for path, (_, is_fifo) in self.model.names.items() if not is_fifo]
        parent = self.random.choice([self.path, *sorted(directories)])
        return f'{parent}/{self.random.choice("abcdefgh")}'

    def run_round(self, seed):
        self.random = random.Random(seed)
        self.model = Model(self.LIMITS)
        limits = 'user-max-pipes=6,user-max-dirs=2,max-pipes=14,max-dirs=5'
        operations = (self.create, self.create, self.create, self.remove, self.rename, self.chown,
                      self.use)
        with Mount(f'allow_other,lifetime=use,ceiling=0666,floor=0666,{limits}') as mount:
            self.path = mount.path
            for _ in range(OPERATIONS_A_ROUND):
                self.random.choice(operations)(self.random.choice(self.USERS))
                self.assertEqual(counts(self.path), self.model.counts())
            pipes, dirs = self.model.count(True), self.model.count(False)
            free = max(14 - pipes, 0) + max(5 - dirs, 0)
            used = pipes + dirs + 1
            self.assertEqual(inodes(self.path), (used + free, used, free))

    def test_counts_are_those_of_a_model(self):
        given = os.environ.get('FIFOFS_TEST_SEED')
        seeds = [int(given)] if given else [random.getrandbits(32) for _ in range(ROUNDS)]
        for seed in seeds:
            with self.subTest(seed=seed):
                self.run_round(seed)


if __name__ == '__main__':
    fifofs_test.main()
