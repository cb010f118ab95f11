# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers are killed at random moments while everything goes on: no program sees an error.

Clients in processes of their own do what people do, each in directories of its own, and follow a
model of what must be there: each answer is the one that the model predicts. Meanwhile the worker is
killed FIFOFS_TEST_KILLS times. FIFOFS_TEST_SEED repeats the choices of a run.
"""

import contextlib
import ctypes
import hashlib
import json
import os
import random
import select
import signal
import sys
import threading
import time

import fifofs_test
from fault_support import (
    KILLS, PATIENCE_SECONDS, assert_nothing_leaks, attempt, pipes, seed_of_test, settle, walk)
from fifofs_test import Mount, libc_call, wait_until

_AT_FDCWD = -100
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2

# A FIFO that must stay is looked for this often while it is held.
_HOLD_SECONDS = 0.3


class Stop:
    """A flag that all processes see: a pipe that is at its end once the test has closed it."""

    def __init__(self):
        self._reader, self._writer = os.pipe()

    def set(self):
        os.close(self._writer)

    def in_client(self):
        os.close(self._writer)

    def is_set(self):
        return bool(select.select([self._reader], [], [], 0)[0])


def rename2(old, new, flags):
    libc_call('renameat2', _AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new),
              ctypes.c_uint(flags))


class Tree:
    """Directories and FIFOs of one client: what is done to the mount is done to this first."""

    def __init__(self, top):
        self.top = top
        self.nodes = {top: 'd'}                         # path to 'd' or 'p'

    def below(self, path):
        return [other for other in self.nodes if other.startswith(path + '/')]

    def make(self, path, kind):
        if path in self.nodes:
            return 'EEXIST'
        self.nodes[path] = kind
        return None

    def unlink(self, path):
        kind = self.nodes.get(path)
        if kind == 'd':
            return 'EISDIR'
        if kind is None:
            return 'ENOENT'
        del self.nodes[path]
        return None

    def rmdir(self, path):
        kind = self.nodes.get(path)
        if kind is None:
            return 'ENOENT'
        if kind != 'd':
            return 'ENOTDIR'
        if self.below(path):
            return 'ENOTEMPTY'
        del self.nodes[path]
        return None

    def move(self, old, new):
        moved = {new + path[len(old):]: self.nodes.pop(path) for path in [old, *self.below(old)]}
        self.nodes.update(moved)

    def rename(self, old, new, flags):
        kind, other = self.nodes.get(old), self.nodes.get(new)
        if kind is None or (flags == _RENAME_EXCHANGE and other is None):
            return 'ENOENT'
        if flags == _RENAME_NOREPLACE and other is not None:
            return 'EEXIST'
        if old == new:
            return None
        if new.startswith(old + '/'):
            return 'EINVAL'
        if old.startswith(new + '/'):
            return 'EINVAL' if flags == _RENAME_EXCHANGE else 'ENOTEMPTY'
        if flags == _RENAME_EXCHANGE:
            self.move(old, self.top + '/..')
            self.move(new, old)
            self.move(self.top + '/..', new)
            return None
        if other is not None:
            if kind == 'd' and other != 'd':
                return 'ENOTDIR'
            if kind != 'd' and other == 'd':
                return 'EISDIR'
            if self.below(new):
                return 'ENOTEMPTY'
            del self.nodes[new]
        self.move(old, new)
        return None


def keep_house(top, stop, seed):
    """Make, move, remove and list names; returns what is there in the end."""
    stop.in_client()
    choose = random.Random(seed)
    tree = Tree(top)

    def some_path():
        directory = choose.choice([path for path, kind in tree.nodes.items() if kind == 'd'])
        return f'{directory}/{choose.choice("abcdef")}'

    def some_known():
        known = list(tree.nodes)[1:]
        return choose.choice(known) if known and choose.random() < 0.7 else some_path()

    def expect(answer, expected, *what):
        if answer != expected:
            raise AssertionError(f'{what}: {answer}, but the model says {expected}')

    n_calls = 0
    while not stop.is_set():
        n_calls += 1
        what = choose.choice(['mkfifo', 'mkfifo', 'create', 'mkdir', 'unlink', 'rmdir', 'rename',
                              'rename', 'list', 'stat', 'xattr', 'chmod'])
        if len(tree.nodes) > 60:
            what = choose.choice(['unlink', 'rmdir'])
        path = some_known() if what in ('unlink', 'rmdir', 'stat', 'xattr', 'chmod') else some_path()
        if what == 'mkfifo':
            expect(attempt(os.mkfifo, path), tree.make(path, 'p'), what, path)
        elif what == 'create':
            if tree.nodes.get(path) != 'd':
                tree.nodes[path] = 'p'
                descriptor = attempt(os.open, path, os.O_CREAT | os.O_RDWR)
                expect(isinstance(descriptor, int), True, what, path, descriptor)
                os.close(descriptor)
        elif what == 'mkdir':
            expect(attempt(os.mkdir, path), tree.make(path, 'd'), what, path)
        elif what == 'unlink':
            expect(attempt(os.unlink, path), tree.unlink(path), what, path)
        elif what == 'rmdir':
            expect(attempt(os.rmdir, path), tree.rmdir(path), what, path)
        elif what == 'rename':
            new, flags = some_path(), choose.choice([0, _RENAME_NOREPLACE, _RENAME_EXCHANGE])
            old = some_known()
            expect(attempt(rename2, old, new, flags), tree.rename(old, new, flags),
                   what, old, new, flags)
        elif what == 'list':
            fifos, directories = walk(top)
            expect(fifos | directories, set(tree.nodes) - {top}, what)
        else:
            kind = tree.nodes.get(path)
            if what == 'stat':
                answer = attempt(lambda p=path: 'd' if os.path.isdir(p) else os.stat(p) and 'p')
            elif what == 'chmod':
                answer = attempt(lambda p=path, kind=kind: os.chmod(p, 0o700 if kind == 'd' else 0o600)) or kind
            else:
                answer = attempt(os.setxattr, path, 'fifofs.grace', b'1h') or kind
            expect(answer, kind or 'ENOENT', what, path)
    return n_calls, tree.nodes


def write_blocks(path, choose, n_bytes):
    digest, left = hashlib.sha256(), n_bytes
    with open(path, 'wb', buffering=0) as fifo:
        while left > 0:
            block = choose.randbytes(min(left, choose.choice([1, 100, 4096, 70000])))
            sent = 0
            while sent < len(block):
                sent += fifo.write(block[sent:])
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()


def read_all(path):
    digest, n_bytes = hashlib.sha256(), 0
    with open(path, 'rb', buffering=0) as fifo:
        while block := fifo.read(65536):
            digest.update(block)
            n_bytes += len(block)
    return digest.hexdigest(), n_bytes


def stream(directory, stop, seed):
    """Send data through ever new FIFOs, which go by themselves once they were used."""
    stop.in_client()
    choose = random.Random(seed)
    n_streams = 0
    while not stop.is_set():
        path = f'{directory}/{n_streams}'
        n_bytes = choose.choice([0, 10, 5000, 1 << 20])
        os.mkfifo(path)
        child = fifofs_test.Child(read_all, path)
        digest = write_blocks(path, choose, n_bytes)
        received = child.result()
        if received != (digest, n_bytes):
            raise AssertionError(f'{path}: {received}, not {digest} {n_bytes}')
        n_streams += 1
    return n_streams


def hold(directory, stop, seed):
    """Hold a FIFO that is due the moment that it is not held: it stays while it is, then it goes."""
    stop.in_client()
    choose = random.Random(seed)
    n_held = 0
    while not stop.is_set():
        path = f'{directory}/{n_held}'
        os.mkfifo(path)
        if choose.random() < 0.5:
            descriptor = os.open(path, os.O_RDWR)
        else:                                           # without anybody to wait for
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        deadline = time.monotonic() + choose.random() * 2 * _HOLD_SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.01)
            if os.stat(path).st_ino != os.fstat(descriptor).st_ino:
                raise AssertionError(f'{path} is another FIFO now')
        os.close(descriptor)
        n_held += 1
        if n_held % 5 == 0:
            wait_until(lambda: not os.listdir(directory), PATIENCE_SECONDS,
                       f'what nobody holds to go from {directory}: {os.listdir(directory)}')
    return n_held


def look(top, names, stop):
    """List what stays, by looking and by .fifofs/pipes: all of it, once."""
    stop.in_client()
    n_looks = 0
    while not stop.is_set():
        listed = os.listdir(top + '/kept')
        if sorted(listed) != names:
            raise AssertionError(f'listed are {len(listed)} of {len(names)} names')
        with open(top + '/.fifofs/pipes', 'rb', buffering=0) as control:
            text = b''
            while block := control.read(random.choice([100, 4096, 65536])):
                text += block
        paths = [json.loads(line)['path'] for line in text.splitlines()]
        kept = sorted(path[5:] for path in paths if path.startswith('kept/'))
        if kept != names:
            raise AssertionError(f'.fifofs/pipes has {len(kept)} of {len(names)} names')
        os.statvfs(top)
        n_looks += 1
    return n_looks


def follow(top, stop):
    """Read .fifofs/events: whole lines, none twice, and no FIFO goes that has not come."""
    stop.in_client()
    there, n_events = set(), 0
    with open(top + '/.fifofs/events', 'rb', buffering=0) as events:
        text = b''
        while not stop.is_set():
            if not select.select([events], [], [], 0.05)[0]:
                continue
            text += events.read(65536)
            *lines, text = text.split(b'\n')
            for line in lines:
                event = json.loads(line)
                n_events += 1
                if event['event'] == 'created':
                    if event['id'] in there:
                        raise AssertionError(f'created twice: {event}')
                    there.add(event['id'])
                elif event['event'] == 'removed':
                    there.discard(event['id'])
    return n_events


def make_and_remove(top, stop, seed):
    """Open names with O_CREAT that others remove at any moment: an open makes one anew then."""
    stop.in_client()
    choose = random.Random(seed)
    n_opens = 0
    while not stop.is_set():
        path = f'{top}/{choose.randrange(2)}'
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        n_opens += 1
    return n_opens


class RandomKills(fifofs_test.TestCase):
    deadline_seconds = 60 + 2 * KILLS

    def kill_often(self, mount, seed, n_kills):
        """Kill at random moments; one in five is killed while it takes over."""
        choose = random.Random(seed)
        for _ in range(n_kills):
            if choose.random() < 0.8:
                wait_until(lambda: attempt(os.stat, mount.path + '/nothing') == 'ENOENT')
            time.sleep(choose.random() * choose.choice([0.002, 0.02, 0.1]))
            mount.kill_worker()

    def test_nobody_notices_that_workers_are_killed(self):
        seed = seed_of_test()
        print(f'FIFOFS_TEST_SEED={seed}', file=sys.stderr)
        with Mount('allow_other,lifetime=keep') as mount:
            top, stop = mount.path, Stop()
            for name in ('kept', 'house1', 'house2', 'stream', 'hold'):
                os.mkdir(f'{top}/{name}')
            for name in ('stream', 'hold'):
                os.setxattr(f'{top}/{name}', 'fifofs.lifetime', b'use')
                os.setxattr(f'{top}/{name}', 'fifofs.linger', b'0')
            names = sorted(f'{i:04}' for i in range(1500))
            for name in names:
                os.mkfifo(f'{top}/kept/{name}')
            houses = [self.spawn(keep_house, f'{top}/house{i}', stop, seed + i) for i in (1, 2)]
            others = [self.spawn(stream, top + '/stream', stop, seed),
                      self.spawn(hold, top + '/hold', stop, seed),
                      self.spawn(look, top, names, stop),
                      self.spawn(follow, top, stop)]

            self.kill_often(mount, seed, KILLS)
            settle(top)
            stop.set()
            counts = [client.result() for client in others]
            kept = [client.result() for client in houses]
            print('streams, held, looks, events:', counts, 'calls:', [n for n, _ in kept],
                  file=sys.stderr)

            self.assertGreater(min(counts), 0, 'each client has come to do something')
            expected = {f'{top}/kept/{name}' for name in names}
            for _, nodes in kept:
                expected |= {path for path, kind in nodes.items() if kind == 'p'}
            wait_until(lambda: not os.listdir(top + '/stream') + os.listdir(top + '/hold'),
                       PATIENCE_SECONDS, 'all that was used to go')
            self.assertEqual(set(pipes(top)), expected)
            self.assertEqual(walk(top)[0], expected)
            assert_nothing_leaks(self, mount)

    def test_opens_of_names_that_others_remove_make_them_anew(self):
        seed = seed_of_test()
        print(f'FIFOFS_TEST_SEED={seed}', file=sys.stderr)
        with Mount('lifetime=keep') as mount:
            stop = Stop()
            clients = [self.spawn(make_and_remove, mount.path, stop, seed + i) for i in range(12)]
            self.kill_often(mount, seed, max(40, KILLS // 4))
            settle(mount.path)
            stop.set()
            for client in clients:
                self.assertGreater(client.result(), 0)

    def test_many_who_create_at_once_get_one_answer_each(self):
        """All wait for the same directory to be watched when the worker dies: each makes its FIFO."""
        with Mount('allow_other,lifetime=keep') as mount:
            for again in range(max(5, KILLS // 20)):
                directory = f'{mount.path}/{again}'
                os.mkdir(directory)
                answers = []

                def make(i, where=directory, found=answers):
                    found.append(attempt(os.mkfifo, f'{where}/{i}'))

                threads = [threading.Thread(target=make, args=(i,)) for i in range(300)]
                worker = mount.worker
                os.kill(worker, signal.SIGSTOP)
                for thread in threads:
                    thread.start()
                os.kill(worker, signal.SIGCONT)
                time.sleep(random.random() * 0.03)
                mount.kill_worker()
                for thread in threads:
                    thread.join()
                self.assertEqual(answers, [None] * 300)
                self.assertEqual(len(os.listdir(directory)), 300)
                for i in range(300):
                    os.unlink(f'{directory}/{i}')


if __name__ == '__main__':
    fifofs_test.main()
