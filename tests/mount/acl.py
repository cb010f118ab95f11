# SPDX-License-Identifier: LGPL-2.1-or-later
"""POSIX ACLs: enforced as on tmpfs, bounded by the ceiling, inherited, and shown."""

import contextlib
import json
import os
import random
import re
import signal
import stat
import struct
import subprocess

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, Mount, as_user, attempt, fifoctl, on_both, on_fifofs, wait_until)

USER_C = 61003
ACCESS = 'system.posix_acl_access'
DEFAULT = 'system.posix_acl_default'
OWNER, USER, OWNING, GROUP, MASK, OTHERS = 1, 2, 4, 8, 16, 32
ANY_ID = 0xffffffff
OPEN_TO_ALL = 'allow_other,ceiling=0777'

# Who asks: uid, gid, supplementary groups.
CALLERS = (
    (USER_A, USER_A, []),
    (USER_B, USER_B, []),
    (USER_C, USER_C, []),
    (USER_C, USER_A, [USER_B]),
    (USER_C, USER_C, [USER_A, USER_B]),
    (USER_B, USER_C, [USER_A]),
)
IDS = (USER_A, USER_B, USER_C)


def blob(*entries):
    """The value of the attribute for (tag, permissions[, id])..."""
    return struct.pack('<I', 2) + b''.join(
        struct.pack('<HHI', entry[0], entry[1], entry[2] if len(entry) > 2 else ANY_ID)
        for entry in entries)


def alice_and_bob(permissions=4, others=0):
    return blob((OWNER, 6), (USER, permissions, USER_B), (OWNING, 0), (MASK, permissions),
                (OTHERS, others))


def get(path, name=ACCESS):
    return attempt(os.getxattr, path, name)


def put(path, value, name=ACCESS):
    return attempt(os.setxattr, path, name, value)


def remove(path, name=ACCESS):
    return attempt(os.removexattr, path, name)


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def all_of(path):
    """Mode and ACLs."""
    return mode_of(path), get(path), get(path, DEFAULT)


def random_acl(choice):
    """One that the kernel takes."""
    def bits():
        return choice.choice((0, 1, 2, 3, 4, 5, 6, 7, 6, 4))

    users = [(USER, bits(), choice.choice(IDS)) for _ in range(choice.choice((0, 0, 1, 2, 4)))]
    groups = [(GROUP, bits(), choice.choice(IDS)) for _ in range(choice.choice((0, 0, 1, 2, 4)))]
    mask = [(MASK, bits())] if users or groups or choice.random() < 0.2 else []
    return blob((OWNER, bits()), *users, (OWNING, bits()), *groups, *mask, (OTHERS, bits()))


@contextlib.contextmanager
def acting_as(uid, gid, groups):
    """Have what is done within be done by this user."""
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])


def try_to_open(path, flags):
    """'ENXIO' to write is leave to."""
    answer = attempt(os.open, path, flags | os.O_NONBLOCK)
    if isinstance(answer, int):
        os.close(answer)
        return 'opened'
    return answer


def may(path, bits):
    return os.access(path, bits, effective_ids=True)


def use_of_fifo(path):
    return (try_to_open(path, os.O_RDONLY), try_to_open(path, os.O_WRONLY),
            try_to_open(path, os.O_RDWR), may(path, os.R_OK), may(path, os.W_OK),
            may(path, os.X_OK), may(path, os.R_OK | os.W_OK))


def use_of_directory(path):
    made = attempt(os.mkdir, path + '/new')
    if made is None:
        os.rmdir(path + '/new')
    return (attempt(os.listdir, path), isinstance(attempt(os.stat, path + '/inside'), str), made,
            may(path, os.X_OK), may(path, os.R_OK | os.W_OK))


def run(*words, cwd=None, text=None, **keywords):
    return subprocess.run(words, cwd=cwd, input=text, capture_output=True, text=True, check=False,
                          timeout=20, **keywords)


class Enforcement(fifofs_test.TestCase):

    deadline_seconds = 90

    @on_both(OPEN_TO_ALL)
    def test_everybody_may_what_he_may_on_tmpfs(self, directory):
        choice = random.Random(1)
        fifo, sub = directory + '/fifo', directory + '/sub'
        os.mkfifo(fifo)
        os.mkdir(sub)
        os.mkfifo(sub + '/inside')
        seen = []
        for _ in range(300):
            # The same ones again and again: what the kernel remembers must be forgotten in time.
            for path, use in ((fifo, use_of_fifo), (sub, use_of_directory)):
                os.chown(path, choice.choice(IDS), choice.choice(IDS))
                acl = random_acl(choice)
                self.assertIsNone(put(path, acl))
                if choice.random() < 0.3:
                    os.chmod(path, choice.randrange(0o1000))
                if choice.random() < 0.1:
                    self.assertIsNone(remove(path))
                seen.append((acl, *all_of(path)))
                for caller in CALLERS:
                    with acting_as(*caller):
                        seen.append(use(path))
        for answer in ('opened', 'EACCES', 'ENXIO'):
            self.assertTrue(any(answer in one for one in seen))
        return seen

    @on_fifofs('allow_other,ceiling=0660')
    def test_alice_writes_bob_reads_nobody_else(self, directory):
        path = directory + '/fifo'
        as_user(USER_A, os.mkfifo, path, 0o600)
        os.chmod(path, 0o200)
        as_user(USER_A, put, path, blob((OWNER, 2), (USER, 4, USER_B), (OWNING, 0), (MASK, 4),
                                        (OTHERS, 0)))
        reader = self.spawn(read_all, path, uid=USER_B)
        as_user(USER_A, write_all, path, b'to bob')
        self.assertEqual(reader.result(), b'to bob')
        self.assertEqual(as_user(USER_A, try_to_open, path, os.O_RDONLY), 'EACCES')
        self.assertEqual(as_user(USER_B, try_to_open, path, os.O_WRONLY), 'EACCES')
        self.assertEqual(as_user(USER_C, try_to_open, path, os.O_RDONLY), 'EACCES')
        self.assertEqual(as_user(USER_C, try_to_open, path, os.O_WRONLY), 'EACCES')

    @on_fifofs(OPEN_TO_ALL)
    def test_list_shows_what_acls_let_a_caller_see(self, directory):
        choice = random.Random(2)
        for number in range(60):
            path = f'{directory}/{number}'
            os.mkdir(path)
            os.mkfifo(path + '/inside', 0o777)
            os.chown(path, choice.choice(IDS), choice.choice(IDS))
            self.assertIsNone(put(path, random_acl(choice)))
        for caller in CALLERS:
            with acting_as(*caller):
                listed = {json.loads(line)['path'] for line in read_lines(directory)}
                visible = {f'{number}/inside' for number in range(60)
                           if may(f'{directory}/{number}', os.R_OK | os.X_OK)}
            self.assertEqual(listed, visible)
            self.assertTrue(0 < len(visible) < 60)

    def test_who_waits_by_leave_of_an_acl_is_let_go_in_time(self):
        with Mount('allow_other,ceiling=0660,open-timeout=300ms') as mount:
            sub = mount.path + '/sub'
            os.mkdir(sub, 0o700)
            os.chown(sub, USER_A, USER_A)
            self.assertIsNone(put(sub, alice_and_bob(5)))
            for path in (mount.path + '/fifo', sub + '/fifo'):
                os.mkfifo(path, 0o600)
                self.assertIsNone(put(path, alice_and_bob()))
                reader = self.spawn(read_all, path, uid=USER_B)
                self.assertEqual(reader.result(), b'')

    @on_fifofs('allow_other,ceiling=0660')
    def test_use_is_noticed_in_directories_of_others(self, directory):
        # The daemon comes there by permissions of which it has to ask for the ACL.
        path = directory + '/a'
        for depth in range(20):
            as_user(USER_A, os.mkdir, path, 0o770)
            if depth % 2:
                self.assertIsNone(put(path, blob((OWNER, 7), (USER, 7, USER_B), (OWNING, 0),
                                                 (MASK, 7), (OTHERS, 0))))
            as_user(USER_A, make_and_use, path + '/fifo')
            name = os.path.relpath(path, directory) + '/fifo'
            # At once, but where the machine is so slow that the directory could not be watched.
            wait_until(lambda name=name: is_used(directory, name), what='the use to be noticed')
            path += '/a'

    @on_fifofs('allow_other')
    def test_control_files_are_open_to_those_who_do_not_own_them(self, directory):
        for name in ('', '/pipes', '/config'):
            path = directory + '/.fifofs' + name
            self.assertEqual(get(path), 'ENODATA')
            self.assertEqual(put(path, alice_and_bob()), 'ENOTSUP')
            self.assertTrue(as_user(USER_B, os.access, path, os.R_OK))


def make_and_use(path):
    os.mkfifo(path, 0o660)
    os.close(os.open(path, os.O_RDWR))


def is_used(directory, name):
    return next(record['used'] for record in map(json.loads, read_lines(directory))
                if record['path'] == name)


def read_all(path):
    with open(path, 'rb') as stream:
        return stream.read()


def write_all(path, data):
    with open(path, 'wb') as stream:
        stream.write(data)


def read_lines(directory):
    with open(directory + '/.fifofs/pipes', 'rb') as stream:
        return stream.readlines()


class Protocol(fifofs_test.TestCase):

    @on_both(OPEN_TO_ALL)
    def test_bad_values_are_refused_and_change_nothing(self, directory):
        fifo, sub = directory + '/fifo', directory + '/sub'
        os.mkfifo(fifo, 0o600)
        os.mkdir(sub, 0o700)
        good = alice_and_bob()
        bad = [b'', b'\2', b'\2\0\0\0', b'\1\0\0\0' + good[4:], good[:-1], good + b'\0', b'x' * 44,
               good[:4] + good[12:], good[:-8], good + good[4:], good[:4] + good[4:12] * 3,
               blob((OWNER, 6), (USER, 4, USER_B), (OWNING, 0), (OTHERS, 0)),
               blob((OWNER, 8), (OWNING, 0), (OTHERS, 0)),
               blob((OWNER, 6), (OWNING, 0), (OTHERS, 0), (MASK, 7)),
               blob((OWNER, 6), (USER, 6, ANY_ID), (OWNING, 0), (MASK, 7), (OTHERS, 0))]
        answers = []
        for path, name in ((fifo, ACCESS), (fifo, DEFAULT), (sub, ACCESS), (sub, DEFAULT)):
            put(path, good, name)
            before = all_of(path)
            for value in bad:
                answers.append(put(path, value, name))
                if answers[-1] is not None:
                    self.assertEqual(all_of(path), before)
                put(path, good, name)
        self.assertIn('EINVAL', answers)
        return answers

    @on_both(OPEN_TO_ALL)
    def test_attributes_are_those_of_tmpfs(self, directory):
        fifo, sub = directory + '/fifo', directory + '/sub'
        os.mkfifo(fifo, 0o600)
        os.mkdir(sub, 0o700)
        seen = []

        def look(answer):
            seen.append(answer)
            for path in (fifo, sub):
                seen.append((all_of(path), sorted(set(os.listxattr(path)) & {ACCESS, DEFAULT})))

        for path in (fifo, sub):
            for name in (ACCESS, DEFAULT):
                look(remove(path, name))
                look(put(path, alice_and_bob(6), name))
                look(attempt(os.setxattr, path, name, alice_and_bob(), os.XATTR_CREATE))
                look(attempt(os.setxattr, path, name, alice_and_bob(), os.XATTR_REPLACE))
                look(put(path, blob((OWNER, 7), (OWNING, 5), (OTHERS, 1)), name))
                look(put(path, blob((OWNER, 7), (OWNING, 5), (MASK, 3), (OTHERS, 1)), name))
                look(attempt(os.chmod, path, 0o642))
                look(remove(path, name))
                look(attempt(os.chmod, path, 0o600))
        self.assertIn('EACCES', seen)
        return seen

    @on_both(OPEN_TO_ALL)
    def test_only_owner_and_root_may_set_and_all_may_read(self, directory):
        os.chmod(directory, 0o777)
        fifo, sub = directory + '/fifo', directory + '/sub'
        as_user(USER_A, os.mkfifo, fifo, 0o600)
        as_user(USER_A, os.mkdir, sub, 0o700)
        seen = []
        for path, name in ((fifo, ACCESS), (fifo, DEFAULT), (sub, ACCESS), (sub, DEFAULT)):
            for uid in (USER_A, USER_B):
                seen += [as_user(uid, put, path, alice_and_bob(6), name),
                         as_user(uid, get, path, name), as_user(uid, remove, path, name)]
            put(path, alice_and_bob(), name)
            seen += [as_user(USER_B, remove, path, name), all_of(path)]
        self.assertIn('EPERM', seen)
        return seen

    @on_both(OPEN_TO_ALL)
    def test_size_can_be_asked_for_and_a_small_buffer_is_erange(self, directory):
        path = os.fsencode(directory + '/fifo')
        os.mkfifo(path)
        put(path, alice_and_bob())
        answers = []
        for size in (0, 1, 43, 44, 45, 4096):
            buffer = bytes(size)
            answers.append(attempt(fifofs_test.libc_call, 'getxattr', path, ACCESS.encode(),
                                   buffer if size else None, size))
        self.assertEqual(answers, [44, 'ERANGE', 'ERANGE', 44, 44, 44])
        return answers

    @on_fifofs(OPEN_TO_ALL)
    def test_acl_has_room_in_a_page(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path, 0o600)

        def acl_of(entries):
            return blob((OWNER, 6), *((USER, 4, 70000 + n) for n in range(entries - 4)),
                        (OWNING, 0), (MASK, 4), (OTHERS, 0))

        self.assertIsNone(put(path, acl_of(511)))
        self.assertEqual(get(path), acl_of(511))
        self.assertEqual(as_user(70506, try_to_open, path, os.O_RDONLY), 'opened')
        self.assertEqual(as_user(70507, try_to_open, path, os.O_RDONLY), 'EACCES')
        self.assertEqual(put(path, acl_of(512)), 'E2BIG')
        self.assertEqual(get(path), acl_of(511))

    @on_both(OPEN_TO_ALL)
    def test_setgid_goes_as_on_tmpfs(self, directory):
        path = directory + '/sub'
        seen = []
        for group, groups in ((USER_A, []), (USER_B, []), (USER_B, [USER_B])):
            for name in (ACCESS, DEFAULT):
                os.mkdir(path)
                os.chown(path, USER_A, group)
                os.chmod(path, 0o2770)
                for value in (alice_and_bob(), None):
                    with acting_as(USER_A, USER_A, groups):
                        answer = remove(path, name) if value is None else put(path, value, name)
                    seen.append((answer, mode_of(path)))
                    os.chmod(path, 0o2770)
                self.assertIsNone(put(path, alice_and_bob(), name))
                seen.append(mode_of(path))
                os.rmdir(path)
        return seen

    @on_both(OPEN_TO_ALL)
    def test_acl_stays_with_what_is_renamed_and_goes_with_what_is_removed(self, directory):
        a, b = directory + '/a', directory + '/b'
        os.mkfifo(a, 0o600)
        put(a, alice_and_bob())
        os.rename(a, b)
        seen = [all_of(b)]
        os.mkfifo(a, 0o600)
        seen.append(all_of(a))
        os.rename(a, b)
        seen.append(all_of(b))
        put(b, alice_and_bob())
        os.unlink(b)
        os.mkfifo(b, 0o600)
        seen.append(all_of(b))
        self.assertEqual([acls[1] == alice_and_bob() for acls in seen], [True, False, False, False])
        return seen

    def test_acls_outlive_the_process_that_keeps_them(self):
        with Mount('allow_other,ceiling=0660') as mount:
            fifo, sub = mount.path + '/fifo', mount.path + '/sub'
            os.mkfifo(fifo, 0o600)
            os.mkdir(sub, 0o755)
            put(fifo, alice_and_bob())
            put(sub, alice_and_bob(), DEFAULT)
            before = all_of(fifo), all_of(sub)
            with open(f'/proc/{mount.pid}/task/{mount.pid}/children', encoding='ascii') as children:
                worker, = map(int, children.read().split())

            os.kill(worker, signal.SIGKILL)

            for path in (fifo, sub):
                os.chmod(path, mode_of(path))       # has the kernel forget what it was told
            self.assertEqual((all_of(fifo), all_of(sub)), before)
            self.assertEqual(as_user(USER_B, try_to_open, fifo, os.O_RDONLY), 'opened')
            self.assertEqual(as_user(USER_C, try_to_open, fifo, os.O_RDONLY), 'EACCES')
            os.mkfifo(sub + '/fifo', 0o660)
            self.assertEqual(get(sub + '/fifo'), alice_and_bob())

    def test_ordinary_user_has_them_on_a_mount_of_his_own(self):
        with Mount('ceiling=0660', user=USER_A) as mount:
            path = mount.path + '/fifo'
            as_user(USER_A, os.mkfifo, path, 0o600)
            self.assertIsNone(as_user(USER_A, put, path, alice_and_bob()))
            self.assertEqual(as_user(USER_A, get, path), alice_and_bob())
            self.assertEqual(as_user(USER_A, mode_of, path), 0o640)
            self.assertEqual(as_user(USER_A, try_to_open, path, os.O_RDONLY), 'opened')


class Cost(fifofs_test.TestCase):

    @staticmethod
    def n_asked(directory):
        with open(directory + '/.fifofs/metrics', encoding='ascii') as stream:
            return int(re.search(r'_count{kind="getxattr"} (\d+)', stream.read())[1])

    @staticmethod
    def look(directory, name, times):
        for _ in range(times):
            os.stat(name, dir_fd=directory)
            os.close(os.open(name, os.O_RDWR, dir_fd=directory))

    @on_fifofs('allow_other')
    def test_answer_is_remembered(self, directory):
        sub = directory + '/sub'
        os.mkdir(sub, 0o770)
        put(sub, blob((OWNER, 7), (USER, 5, USER_B), (OWNING, 0), (MASK, 5), (OTHERS, 0)))
        os.mkfifo(sub + '/fifo', 0o600)
        put(sub + '/fifo', alice_and_bob(6))
        there = self.open(sub, os.O_PATH)
        before = self.n_asked(directory)
        as_user(USER_B, self.look, there, 'fifo', 1000)
        self.assertLess(self.n_asked(directory) - before, 100)

    def test_nothing_is_asked_of_who_owns_it_or_without_acls(self):
        for options, uid in (('allow_other', 0), ('allow_other,noacl', USER_B)):
            with Mount(options) as mount:
                os.mkfifo(mount.path + '/fifo', 0o660)
                os.chown(mount.path + '/fifo', uid, uid)
                before = self.n_asked(mount.path)
                there = self.open(mount.path, os.O_PATH)
                as_user(uid, self.look, there, 'fifo', 100)
                self.assertEqual(self.n_asked(mount.path), before)
                self.doCleanups()

    def test_mount_without_acls_refuses_them(self):
        with Mount('allow_other,noacl') as mount:
            os.mkfifo(mount.path + '/fifo', 0o600)
            for name in (ACCESS, DEFAULT):
                self.assertEqual(get(mount.path, name), 'ENOTSUP')
                self.assertEqual(put(mount.path, alice_and_bob(), name), 'ENOTSUP')
                self.assertEqual(remove(mount.path, name), 'ENOTSUP')
            self.assertEqual(put(mount.path + '/fifo', alice_and_bob()), 'ENOTSUP')
            self.assertEqual(mode_of(mount.path + '/fifo'), 0o600)
            self.assertIn('not supported', run('setfacl', '-m', f'u:{USER_B}:r',
                                               mount.path + '/fifo').stderr)


class Inheritance(fifofs_test.TestCase):

    deadline_seconds = 90

    @staticmethod
    def make_all(directory, umask, modes):
        """Make all there is in the directory; returns what it then was."""
        seen = []
        old = os.umask(umask)
        for mode in modes:
            os.mkfifo(directory + '/fifo', mode)
            os.mkdir(directory + '/sub', mode)
            os.close(os.open(directory + '/opened', os.O_RDWR | os.O_CREAT, mode))
            seen += [(mode, all_of(directory + '/' + name)) for name in ('fifo', 'sub', 'opened')]
            os.unlink(directory + '/fifo')
            os.rmdir(directory + '/sub')
            os.unlink(directory + '/opened')
        os.umask(old)
        return seen

    @on_both(OPEN_TO_ALL)
    def test_what_is_new_has_what_it_has_on_tmpfs(self, directory):
        choice = random.Random(3)
        seen = []
        for umask in (0, 0o077, 0o777):
            for _ in range(10):
                self.assertIsNone(put(directory, random_acl(choice), DEFAULT))
                seen += self.make_all(directory, umask, (0, 0o600, 0o640, 0o666, 0o777,
                                                         *choice.sample(range(0o1000), 5)))
        put(directory, blob((OWNER, 7), (USER, 6, USER_B), (OWNING, 5), (MASK, 7), (OTHERS, 3)),
            DEFAULT)
        return seen + self.make_all(directory, 0o027, range(0o1000))

    @on_both(OPEN_TO_ALL)
    def test_default_goes_down_the_tree_and_changes_nothing_that_is_there(self, directory):
        os.mkfifo(directory + '/before', 0o600)
        put(directory, blob((OWNER, 7), (USER, 7, USER_B), (OWNING, 5), (MASK, 7), (OTHERS, 0)),
            DEFAULT)
        os.mkdir(directory + '/a', 0o2777)
        os.mkdir(directory + '/a/b', 0o750)
        os.mkfifo(directory + '/a/b/fifo', 0o666)
        remove(directory, DEFAULT)
        os.mkfifo(directory + '/after', 0o600)
        return [all_of(f'{directory}/{path}')
                for path in ('before', 'a', 'a/b', 'a/b/fifo', 'after')]


class Ceiling(fifofs_test.TestCase):

    @on_fifofs('allow_other,ceiling=0640,floor=0400,dirceiling=0750')
    def test_nobody_gets_more_than_his_class_may(self, directory):
        fifo, sub = directory + '/fifo', directory + '/sub'
        os.mkfifo(fifo, 0o600)
        os.mkdir(sub, 0o700)
        self.assertIsNone(put(fifo, alice_and_bob(4)))
        self.assertIsNone(put(sub, alice_and_bob(5)))
        before = all_of(fifo), all_of(sub)
        for entries in (((OWNER, 7), (OWNING, 0), (OTHERS, 0)),
                        ((OWNER, 6), (OWNING, 2), (OTHERS, 0)),
                        ((OWNER, 6), (OWNING, 0), (OTHERS, 4)),
                        ((OWNER, 2), (OWNING, 0), (OTHERS, 0)),         # the floor
                        ((OWNER, 6), (OWNING, 0), (MASK, 6), (OTHERS, 0)),
                        ((OWNER, 6), (OWNING, 6), (MASK, 4), (OTHERS, 0)),
                        ((OWNER, 6), (USER, 6, USER_B), (OWNING, 0), (MASK, 4), (OTHERS, 0)),
                        ((OWNER, 6), (OWNING, 0), (GROUP, 2, USER_B), (MASK, 0), (OTHERS, 0))):
            self.assertEqual(put(fifo, blob(*entries)), 'EPERM', entries)
        for name in (ACCESS, DEFAULT):
            self.assertEqual(put(sub, alice_and_bob(2), name), 'EPERM')
            self.assertEqual(put(sub, alice_and_bob(5, others=1), name), 'EPERM')
        self.assertEqual((all_of(fifo), all_of(sub)), before)

    @on_fifofs('allow_other,ceiling=0640')
    def test_chmod_cannot_widen_the_mask_beyond_it(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path, 0o600)
        put(path, alice_and_bob(4))
        self.assertEqual(attempt(os.chmod, path, 0o660), 'EPERM')
        self.assertEqual(get(path), alice_and_bob(4))
        self.assertIsNone(attempt(os.chmod, path, 0o600))
        self.assertEqual(as_user(USER_B, try_to_open, path, os.O_RDONLY), 'EACCES')
        self.assertIsNone(attempt(os.chmod, path, 0o640))
        self.assertEqual(as_user(USER_B, try_to_open, path, os.O_RDONLY), 'opened')

    @on_fifofs('allow_other,ceiling=0640,floor=0040')
    def test_default_is_cut_when_a_fifo_is_made(self, directory):
        sub = directory + '/sub'
        os.mkdir(sub)
        self.assertIsNone(put(sub, blob((OWNER, 7), (USER, 7, USER_B), (OWNING, 0), (MASK, 7),
                                        (OTHERS, 5)), DEFAULT))
        os.mkfifo(sub + '/fifo', 0o666)
        self.assertEqual(get(sub + '/fifo'), blob((OWNER, 6), (USER, 4, USER_B), (OWNING, 0),
                                                  (MASK, 4), (OTHERS, 0)))
        os.mkfifo(sub + '/closed', 0o600)
        self.assertEqual(mode_of(sub + '/closed'), 0o640)               # the floor
        os.mkdir(sub + '/below', 0o777)
        self.assertEqual(get(sub + '/below'), get(sub, DEFAULT))

    @on_fifofs('')
    def test_private_mount_gives_nothing_to_anybody(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path)
        self.assertEqual(put(path, alice_and_bob(4)), 'EPERM')
        self.assertIn('Operation not permitted', run('setfacl', '-m', f'u:{USER_B}:r', path).stderr)
        self.assertEqual(all_of(path), (0o600, 'ENODATA', 'ENODATA'))

    def test_root_directory_keeps_what_rootmode_gives_it(self):
        with Mount('allow_other,dirceiling=0700,rootmode=0750') as mount:
            self.assertIsNone(put(mount.path, blob((OWNER, 7), (USER, 5, USER_B), (OWNING, 5),
                                                   (MASK, 5), (OTHERS, 0))))
            self.assertEqual(as_user(USER_B, attempt, os.listdir, mount.path), [])
            self.assertEqual(as_user(USER_C, attempt, os.listdir, mount.path), 'EACCES')
            self.assertEqual(put(mount.path, alice_and_bob(7)), 'EPERM')


class Programs(fifofs_test.TestCase):

    @on_both(OPEN_TO_ALL)
    def test_setfacl_and_getfacl(self, directory):
        os.mkfifo(directory + '/fifo', 0o600)
        os.mkdir(directory + '/sub', 0o700)
        seen = []

        def setfacl(*words):
            result = run('setfacl', *words, cwd=directory)
            told = run('getfacl', '-nE', 'fifo', 'sub', cwd=directory).stdout
            seen.append((result.returncode, result.stdout, result.stderr, told))

        setfacl('-m', f'u:{USER_B}:rw,g:{USER_C}:r', 'fifo')
        setfacl('-m', 'm::r', 'fifo')
        setfacl('-x', f'u:{USER_B}', 'fifo')
        setfacl('-n', '-m', f'u:{USER_A}:rwx', 'fifo')
        setfacl('-d', '-m', f'u:{USER_B}:rwX', 'sub')
        setfacl('-d', '-m', f'u:{USER_B}:r', 'fifo')
        setfacl('-m', f'd:u:{USER_B}:rx,u:{USER_B}:rx', 'sub')
        setfacl('-k', 'sub')
        setfacl('-b', 'fifo', 'sub')
        setfacl('--set', f'u::rw,u:{USER_A}:r,g::-,o::-', 'fifo')
        setfacl('-b', 'fifo')
        self.assertIn(f'user:{USER_B}:rw-', seen[0][3])
        self.assertNotIn(f'{USER_B}', seen[-1][3])
        return seen

    @on_fifofs(OPEN_TO_ALL)
    def test_ls_marks_it(self, directory):
        os.mkfifo(directory + '/fifo', 0o600)
        self.assertTrue(run('ls', '-l', directory + '/fifo').stdout.startswith('prw------- '))
        put(directory + '/fifo', alice_and_bob())
        self.assertTrue(run('ls', '-l', directory + '/fifo').stdout.startswith('prw-r-----+ '))

    @on_both(OPEN_TO_ALL)
    def test_copies_and_backups_have_it(self, directory):
        os.mkdir(directory + '/from', 0o700)
        os.mkfifo(directory + '/from/fifo', 0o600)
        put(directory + '/from', alice_and_bob(5))
        put(directory + '/from', alice_and_bob(5), DEFAULT)
        put(directory + '/from/fifo', alice_and_bob(4))
        copied = run('cp', '-a', 'from', 'to', cwd=directory)
        self.assertEqual((copied.returncode, copied.stderr), (0, ''))
        saved = run('getfacl', '-R', 'from', cwd=directory).stdout
        cleared = run('setfacl', '-R', '-b', 'from', cwd=directory)
        without = all_of(directory + '/from'), all_of(directory + '/from/fifo')
        restored = run('setfacl', '--restore=-', cwd=directory, text=saved)
        self.assertEqual((cleared.returncode, restored.returncode, restored.stderr), (0, 0, ''))
        self.assertEqual(without[1][1:], ('ENODATA', 'ENODATA'))
        with_it = [all_of(f'{directory}/{path}') for path in ('from', 'from/fifo', 'to', 'to/fifo')]
        self.assertEqual(with_it[1], (0o640, alice_and_bob(4), 'ENODATA'))
        self.assertEqual(with_it[2:], with_it[:2])
        return without, with_it

    @on_fifofs(OPEN_TO_ALL)
    def test_fifoctl_tells_it(self, directory):
        fifo, sub = directory + '/fifo', directory + '/sub'
        os.mkfifo(fifo, 0o600)
        os.mkdir(sub, 0o700)
        put(fifo, blob((OWNER, 6), (USER, 4, USER_B), (USER, 2, 0), (OWNING, 0), (GROUP, 2, 0),
                       (MASK, 6), (OTHERS, 0)))
        put(sub, alice_and_bob(5))
        put(sub, alice_and_bob(4), DEFAULT)
        of_fifo = (f'user::rw-,user:{USER_B}:r--,user:root:-w-,group::---,group:root:-w-,mask::rw-,'
                   'other::---')
        of_sub = f'user::rw-,user:{USER_B}:r-x,group::---,mask::r-x,other::---'
        default = f'user::rw-,user:{USER_B}:r--,group::---,mask::r--,other::---'

        self.assertRegex(fifoctl('info', fifo).stdout, rf'(?m)^ACL: +{of_fifo}$')
        told = fifoctl('info', sub).stdout
        self.assertRegex(told, rf'(?m)^ACL: +{of_sub}$')
        self.assertRegex(told, rf'(?m)^Default-ACL: +{default}$')
        told = json.loads(fifoctl('info', '-J', fifo, sub).stdout)
        self.assertEqual(told['fifofs'][0]['acl'], of_fifo)
        self.assertEqual(told['directories'][0]['acl'], of_sub)
        self.assertEqual(told['directories'][0]['default-acl'], default)
        self.assertEqual(fifoctl('ls', '-n', '-o', 'acl', fifo).stdout.strip(), of_fifo)
        # It is one that setfacl takes.
        before = get(fifo)
        run('setfacl', '-b', fifo)
        self.assertEqual(run('setfacl', '--set', of_fifo, fifo).returncode, 0)
        self.assertEqual(sorted(get(fifo)), sorted(before))
        self.assertIsNone(remove(fifo))
        self.assertRegex(fifoctl('info', fifo).stdout, r'(?m)^ACL: +-$')

    @on_fifofs(OPEN_TO_ALL)
    def test_list_of_pipes_has_it_where_there_is_one(self, directory):
        os.mkfifo(directory + '/with', 0o600)
        os.mkfifo(directory + '/without', 0o600)
        put(directory + '/with', alice_and_bob())
        told = {record['path']: record for record in map(json.loads, read_lines(directory))}
        self.assertEqual(told['with']['acl'],
                         f'user::rw-,user:{USER_B}:r--,group::---,mask::r--,other::---')
        self.assertNotIn('acl', told['without'])


if __name__ == '__main__':
    fifofs_test.main()
