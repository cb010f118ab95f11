# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker that dies at any labelled step of any kind of request: the caller sees nothing of it.

Each kind of request is made once for each step at which the worker can die in it. What the caller
gets, and what is there afterwards, must be what it would have been without.
"""

import collections
import contextlib
import ctypes
import os
import select
import time

import fifofs_test
from fault_support import (
    PATIENCE_SECONDS, assert_nothing_leaks, drop_caches, pipes, settle, start_stepped, walk)
from fifofs_test import attempt, libc_call, wait_until

_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100

# What a request goes through that only looks, and one that changes something.
LOOK = ('read', 'answered')
CHANGE = ('read', 'changed', 'appended', 'committed', 'answered')

# A worker that has taken over gives up what the kernel does not know by then; so often it is tried.
_REST_SECONDS = 0.15
_RESTS = 8

_SAME_NAME_SECONDS = 5

# So often a step is tried to be reached.
TRIES = 10


def rename2(old, new, flags):
    libc_call('renameat2', _AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new),
              ctypes.c_uint(flags))


def create_by_open(path):
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, 0o600))


def readable(path):
    """Poll .fifofs/events, in which something is to be read at once or soon."""
    with open(path, 'rb', buffering=0) as stream:
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        return poll.poll(0) in ([], [(stream.fileno(), select.POLLIN)])


class EachStep(fifofs_test.TestCase):
    """One mount for all; each test has a directory of its own."""

    deadline_seconds = 240

    def setUp(self):
        self.mount_with('allow_other,lifetime=keep')

    def mount_with(self, options):
        self.steps, self.mount = start_stepped(self, options)
        self.path = self.mount.path

    def die_in(self, opcode, steps, arrange, act, expected=None, must_be_reached=True):
        """Have the worker die at each step of what act does in a fresh directory.

        expected(directory) is what act returns, and the names that are there then. A directory that
        was about to rest has another thread serve what brings a FIFO into it; then it is done again
        in another one, until the step is reached.
        """
        for step in steps:
            with self.subTest(opcode=opcode, step=step):
                for again in range(TRIES):
                    directory = f'{self.path}/{opcode}-{step}-{again}'
                    if self.dies_once(opcode, step, directory, arrange, act, expected(directory)):
                        break
                else:
                    self.assertFalse(must_be_reached, f'{step} is never reached')

    def dies_once(self, opcode, step, directory, arrange, act, expected):
        os.mkdir(directory)
        arrange(directory)
        settle(directory)
        worker = self.mount.worker
        self.steps.arm(opcode, step)
        try:
            outcome = self.spawn(attempt, act, directory).result()
            with contextlib.suppress(fifofs_test.DeadlineExceeded):
                wait_until(lambda: not self.steps.armed, 0.3, step)
        finally:
            reached = self.steps.disarm()
        settle(self.path)
        if reached:
            wait_until(lambda: self.mount.worker != worker, 5, 'another worker')
        answer, names = expected
        self.assertEqual(outcome, answer)
        self.assertEqual(sorted(os.listdir(directory)), sorted(names))
        fifos, _ = walk(directory)
        self.assertEqual({path for path in pipes(self.path) if path.startswith(directory + '/')},
                         fifos)
        return reached

    # --- names ---

    def test_lookup(self):
        self.mount_with('allow_other,lifetime=keep,open-timeout=1h')        # asked for each time
        self.die_in(1, CHANGE, lambda d: os.mkfifo(d + '/a'),
                    lambda d: os.stat(d + '/a').st_size, lambda d: (0, ['a']))
        assert_nothing_leaks(self, self.mount)

    def test_lookup_of_nothing(self):
        self.die_in(1, LOOK, lambda d: None, lambda d: os.stat(d + '/a'),
                    lambda d: ('ENOENT', []))

    def test_mknod(self):
        self.die_in(8, CHANGE, lambda d: None, lambda d: os.mkfifo(d + '/a'),
                    lambda d: (None, ['a']))
        assert_nothing_leaks(self, self.mount)

    def test_mknod_of_a_name_that_is_taken(self):
        self.die_in(8, LOOK, lambda d: os.mkfifo(d + '/a'),
                    lambda d: libc_call('mknod', os.fsencode(d + '/a'), 0o10600, 0),
                    lambda d: ('EEXIST', ['a']), must_be_reached=False)

    def test_create(self):
        self.die_in(35, CHANGE, lambda d: None, lambda d: create_by_open(d + '/a'),
                    lambda d: (None, ['a']))
        assert_nothing_leaks(self, self.mount)

    def test_mkdir(self):
        self.die_in(9, CHANGE, lambda d: None, lambda d: os.mkdir(d + '/a'),
                    lambda d: (None, ['a']))

    def test_mkdir_of_one_that_is_removed_while_it_is_open(self):
        for step in CHANGE:
            for turn in range(_RESTS):
                with self.subTest(step=step, turn=turn):
                    path = f'{self.path}/{step}-{turn}'
                    settle(self.path)
                    self.steps.arm(9, step)
                    os.mkdir(path)
                    wait_until(lambda: not self.steps.armed, PATIENCE_SECONDS, 'the death')
                    descriptor = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
                    time.sleep(_REST_SECONDS)
                    os.rmdir(path)
                    self.assertEqual(os.fstat(descriptor).st_nlink, 0)
                    self.assertEqual(os.listdir(descriptor), [])
                    self.close(descriptor)

    def test_unlink(self):
        self.die_in(10, CHANGE, lambda d: os.mkfifo(d + '/a'), lambda d: os.unlink(d + '/a'),
                    lambda d: (None, []))

    def test_rmdir(self):
        self.die_in(11, CHANGE, lambda d: os.mkdir(d + '/a'), lambda d: os.rmdir(d + '/a'),
                    lambda d: (None, []))

    def test_rmdir_of_what_is_not_empty(self):
        def arrange(directory):
            os.mkdir(directory + '/a')
            os.mkfifo(directory + '/a/b')

        self.die_in(11, LOOK, arrange, lambda d: os.rmdir(d + '/a'),
                    lambda d: ('ENOTEMPTY', ['a']))

    def test_rename(self):
        self.die_in(12, CHANGE, lambda d: os.mkfifo(d + '/a'),
                    lambda d: os.rename(d + '/a', d + '/b'), lambda d: (None, ['b']))

    def test_rename_over(self):
        def arrange(directory):
            os.mkfifo(directory + '/a')
            os.mkfifo(directory + '/b')

        self.die_in(12, CHANGE, arrange, lambda d: os.rename(d + '/a', d + '/b'),
                    lambda d: (None, ['b']))
        assert_nothing_leaks(self, self.mount)

    def test_rename_noreplace(self):
        self.die_in(45, CHANGE, lambda d: os.mkfifo(d + '/a'),
                    lambda d: rename2(d + '/a', d + '/b', _RENAME_NOREPLACE),
                    lambda d: (None, ['b']))

    def test_rename_exchange(self):
        def arrange(directory):
            os.mkfifo(directory + '/a')
            os.mkdir(directory + '/b')

        def act(directory):
            rename2(directory + '/a', directory + '/b', _RENAME_EXCHANGE)
            return os.path.isdir(directory + '/a')

        self.die_in(45, CHANGE, arrange, act, lambda d: (True, ['a', 'b']))

    # --- attributes ---

    def test_getattr(self):
        def act(directory):
            os.mkfifo(directory + '/a')             # which changes those of the directory
            return os.stat(directory).st_nlink

        self.die_in(3, LOOK, lambda d: None, act, lambda d: (2, ['a']))

    def test_setattr(self):
        def act(directory):
            os.chmod(directory + '/a', 0o640)
            return os.stat(directory + '/a').st_mode & 0o777

        self.die_in(4, CHANGE, lambda d: os.mkfifo(d + '/a'), act, lambda d: (0o640, ['a']))

    def test_statfs(self):
        self.die_in(17, LOOK, lambda d: None, lambda d: os.statvfs(d).f_namemax,
                    lambda d: (255, []))

    # --- extended attributes ---

    def test_setxattr(self):
        def act(directory):
            os.setxattr(directory + '/a', 'fifofs.linger', b'7s')
            return os.getxattr(directory + '/a', 'fifofs.linger')

        self.die_in(21, CHANGE, lambda d: os.mkfifo(d + '/a'), act, lambda d: (b'7s', ['a']))

    def test_getxattr(self):
        self.die_in(22, LOOK, lambda d: os.mkfifo(d + '/a'),
                    lambda d: os.getxattr(d + '/a', 'fifofs.lifetime'),
                    lambda d: (b'keep', ['a']))

    def test_listxattr(self):
        self.die_in(23, LOOK, lambda d: os.mkfifo(d + '/a'),
                    lambda d: 'fifofs.lifetime' in os.listxattr(d + '/a'),
                    lambda d: (True, ['a']))

    def test_removexattr(self):
        def arrange(directory):
            os.mkfifo(directory + '/a')
            os.setxattr(directory + '/a', 'fifofs.linger', b'7s')

        def act(directory):
            os.removexattr(directory + '/a', 'fifofs.linger')
            return os.getxattr(directory + '/a', 'fifofs.linger') == b'7s'

        self.die_in(24, CHANGE, arrange, act, lambda d: (False, ['a']))

    # --- directories ---

    def test_readdir_and_readdirplus(self):
        names = [f'{i:04}' for i in range(300)]

        def arrange(directory):
            for name in names:
                os.mkfifo(f'{directory}/{name}')

        for opcode, steps in ((28, LOOK), (44, CHANGE)):
            self.die_in(opcode, steps, arrange, lambda d: sorted(os.listdir(d)),
                        lambda d: (names, names))
        assert_nothing_leaks(self, self.mount)

    # --- control files ---

    def test_open_read_release_of_a_control_file(self):
        def act(directory):
            return directory + '/a' in pipes(self.path)

        for opcode in (14, 15, 18):
            with self.subTest(opcode=opcode):
                self.die_in(opcode, LOOK, lambda d: os.mkfifo(d + '/a'), act,
                            lambda d: (True, ['a']))

    def test_poll_of_events(self):
        self.die_in(40, LOOK, lambda d: None, lambda d: readable(self.path + '/.fifofs/events'),
                    lambda d: (True, []))

    # --- what nobody waits for ---

    def test_forget(self):
        def act(directory):
            os.unlink(directory + '/a')

        self.die_in(2, ('read', 'changed', 'committed', 'answered'),
                    lambda d: os.mkfifo(d + '/a'), act, lambda d: (None, []))
        assert_nothing_leaks(self, self.mount)

    def test_forget_of_many(self):
        def arrange(directory):
            for i in range(200):
                os.mkfifo(f'{directory}/{i:03}')

        names = [f'{i:03}' for i in range(200)]
        self.die_in(42, ('read', 'changed', 'committed', 'answered'), arrange,
                    lambda d: drop_caches(), lambda d: (None, names))
        assert_nothing_leaks(self, self.mount)

    def test_what_the_daemon_does_by_itself(self):
        """FIFOs that are used go at once: it looks, probes, decides, tells the kernel."""
        for step in ('probed', 'decided', 'told', 'noted', 'reported', 'watching', 'watched',
                     'resting', 'rested', 'appended'):
            with self.subTest(step=step):
                directory = f'{self.path}/own-{step}'
                os.mkdir(directory)
                os.setxattr(directory, 'fifofs.lifetime', b'use')
                os.setxattr(directory, 'fifofs.linger', b'0')
                settle(self.path)
                self.steps.arm(0, step)
                names = [f'{directory}/{i}' for i in range(5)]
                for name in names:
                    os.mkfifo(name)
                for name in names:
                    create_by_open(name)
                wait_until(lambda where=directory: not os.listdir(where), PATIENCE_SECONDS,
                           'the FIFOs to go')
                wait_until(lambda: not self.steps.armed, 5, f'{step} to be reached')
                settle(self.path)
                os.rmdir(directory)

    def test_taking_over(self):
        """A worker that dies while it takes over: the next one does all of it."""
        os.mkfifo(self.path + '/kept')
        os.mkdir(self.path + '/d')
        os.setxattr(self.path + '/d', 'fifofs.lifetime', b'use')
        os.setxattr(self.path + '/d', 'fifofs.linger', b'0')
        for step in ('restored', 'adopted', 'resent', 'inherited', 'telling', 'watching',
                     'watched', 'appended', 'settling'):
            with self.subTest(step=step):
                os.mkfifo(self.path + '/d/used')
                held = os.open(self.path + '/d/used', os.O_RDWR)
                settle(self.path)
                self.steps.arm(0, step)
                self.mount.kill_worker()
                if step == 'settling':              # names of which a lost FORGET told
                    drop_caches()
                os.mkfifo(self.path + '/new')
                os.unlink(self.path + '/new')
                if step != 'settling':
                    wait_until(lambda: not self.steps.armed, 5, f'{step} to be reached')
                self.steps.disarm()
                settle(self.path)
                self.assertTrue(os.path.exists(self.path + '/d/used'), 'it is held')
                os.close(held)
                wait_until(lambda: not os.listdir(self.path + '/d'), PATIENCE_SECONDS,
                           'what is not used to go')
        self.assertEqual(set(os.listdir(self.path)), {'.fifofs', 'kept', 'd'} - {'.fifofs'})

    def test_rounds_of_the_journal(self):
        """The log is written anew: at any moment it tells everything."""
        names = [f'{self.path}/{i:04}' for i in range(1000)]
        for name in names:
            os.mkfifo(name)
        for step in ('written', 'dropped'):
            with self.subTest(step=step):
                self.steps.arm(0, step)
                for _ in range(100):
                    for name in names:
                        os.utime(name)
                    if not self.steps.armed:
                        break
                self.assertFalse(self.steps.armed, 'a round has come to its end')
                settle(self.path)
                self.assertEqual(set(pipes(self.path)), set(names))
                self.assertEqual(walk(self.path)[0], set(names))


def again_and_again(function, path, end):
    """What came of all the calls."""
    answers = collections.Counter()
    while time.monotonic() < end:
        answers[attempt(function, path)] += 1
    return answers


class SameName(fifofs_test.TestCase):
    """An open() that creates is asked for twice where the name is removed just then."""

    def test_opens_that_create_go_well_whichever_worker_dies(self):
        steps, mount = start_stepped(self, 'lifetime=keep')
        path = mount.path + '/name'
        settle(mount.path)
        end = time.monotonic() + _SAME_NAME_SECONDS
        openers = [self.spawn(again_and_again, create_by_open, path, end) for _ in range(3)]
        removers = [self.spawn(again_and_again, os.unlink, path, end) for _ in range(2)]
        deaths = 0
        while time.monotonic() < end - 1:
            steps.arm(35, 'committed')
            time.sleep(0.03)
            deaths += steps.disarm()
        for opener in openers:
            self.assertEqual(set(opener.result()), {None})
        for remover in removers:
            self.assertLessEqual(set(remover.result()), {None, 'ENOENT'})
        self.assertGreater(deaths, 10)


if __name__ == '__main__':
    fifofs_test.main()
