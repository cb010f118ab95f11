# SPDX-License-Identifier: LGPL-2.1-or-later
"""`.fifofs/events` tells what happens, to each reader what it may see, and waits when nothing does."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, Mount, as_user, attempt, has_open, stuck_in, wait_until)

# What the daemon keeps for a slow reader (lib/events.c MOST_EVENTS).
KEPT = 1 << 16


class Follower:
    """Reads events without waiting longer than a deadline."""

    def __init__(self, mount):
        self.fd = os.open(f'{mount.path}/.fifofs/events', os.O_RDONLY | os.O_NONBLOCK)
        self.rest = b''

    def close(self):
        os.close(self.fd)

    def next(self, timeout=5):
        while b'\n' not in self.rest:
            if not select.select([self.fd], [], [], timeout)[0]:
                raise TimeoutError('no event came')
            self.rest += os.read(self.fd, 1 << 16)
        line, self.rest = self.rest.split(b'\n', 1)
        return json.loads(line)

    def until(self, event, **members):
        """Read on to an event that has these members; return it and all before it."""
        seen = []
        while True:
            seen.append(self.next())
            found = seen[-1]
            if found['event'] == event and all(found.get(k) == v for k, v in members.items()):
                return found, seen


def as_user_open(mount):
    """The events as USER_B sees them: who opens decides, whoever reads."""
    ends = socket.socketpair()

    def open_and_send():
        events = os.open(mount.path + '/.fifofs/events', os.O_RDONLY | os.O_NONBLOCK)
        socket.send_fds(ends[1], [b'x'], [events])

    as_user(USER_B, open_and_send)
    events = socket.recv_fds(ends[0], 1, 1)[1][0]
    for end in ends:
        end.close()
    return events


class Events(fifofs_test.TestCase):
    def setUp(self):
        super().setUp()
        self.mount = self.enterContext(Mount('allow_other,linger=200ms,dirceiling=0777'))

    def follow(self):
        follower = Follower(self.mount)
        self.addCleanup(follower.close)
        return follower

    def wait_in_read(self):
        """A child that waits for an event, and returns it."""
        opened, ready = os.pipe()

        def read_one():
            with open(f'{self.mount.path}/.fifofs/events', 'rb', buffering=0) as events:
                os.write(ready, b'x')
                return events.read(4096)

        child = self.spawn(read_one)
        os.read(opened, 1)
        stuck_in(child.pid, 'request_wait_answer', 'fuse')
        os.close(opened)
        os.close(ready)
        return child

    def fifo(self, name):
        path = f'{self.mount.path}/{name}'
        os.mkfifo(path)
        return path

    def test_life_of_a_fifo_is_told_in_order(self):
        follower = self.follow()
        path = f'{self.mount.path}/life'

        self.spawn(os.mkfifo, path).result()
        os.rename(path, path + '2')
        os.chmod(path + '2', 0o640)
        os.setxattr(path + '2', 'fifofs.lifetime', b'use')
        os.setxattr(path + '2', 'fifofs.linger', b'0')
        fd = os.open(path + '2', os.O_RDWR)
        _, seen = follower.until('opened')
        os.close(fd)
        seen += follower.until('removed', path='life2')[1]

        names = [event['event'] for event in seen]
        self.assertEqual(names, ['created', 'renamed', 'attributes', 'policy', 'policy', 'opened',
                                 'closed', 'idle', 'removed'])
        self.assertEqual(len({event['id'] for event in seen}), 1)
        self.assertEqual(seen[1]['old_path'], 'life')
        self.assertEqual(seen[-1]['reason'], 'idle')
        self.assertIsNone(seen[-1]['pid'])

    def test_event_names_the_process_that_caused_it(self):
        follower = self.follow()
        child = self.spawn(os.mkfifo, f'{self.mount.path}/named', uid=USER_A)
        child.result()
        created = follower.next()
        self.assertEqual((created['pid'], created['uid']), (child.pid, USER_A))

    def test_read_waits_until_something_happens(self):
        child = self.wait_in_read()
        self.fifo('waited-for')
        self.assertEqual(json.loads(child.result())['path'], 'waited-for')

    def test_waiting_read_ends_at_a_signal(self):
        child = self.wait_in_read()
        began = time.monotonic()
        os.kill(child.pid, signal.SIGINT)
        with self.assertRaises(KeyboardInterrupt):
            child.result()
        self.assertLess(time.monotonic() - began, 1)

    def test_nonblocking_read_of_nothing_is_eagain(self):
        follower = self.follow()
        self.assertEqual(attempt(os.read, follower.fd, 10), 'EAGAIN')

    def test_poll_and_epoll_report_an_event(self):
        follower = self.follow()
        poll, epoll = select.poll(), select.epoll()
        self.addCleanup(epoll.close)
        poll.register(follower.fd, select.POLLIN)
        epoll.register(follower.fd, select.EPOLLIN)
        self.assertEqual(poll.poll(0) + epoll.poll(0), [])
        self.fifo('polled')
        self.assertEqual(poll.poll(5000), [(follower.fd, select.POLLIN)])
        self.assertEqual(epoll.poll(5), [(follower.fd, select.EPOLLIN)])

    def test_every_reader_has_a_place_of_its_own(self):
        first = self.follow()
        self.fifo('one')
        second = self.follow()
        self.fifo('two')
        self.assertEqual([first.next()['path'], first.next()['path']], ['one', 'two'])
        self.assertEqual(second.next()['path'], 'two')

    def test_events_read_in_pieces_are_whole_lines_together(self):
        follower = self.follow()
        for i in range(20):
            self.fifo(f'piece{i}')
        wait_until(lambda: select.select([follower.fd], [], [], 0)[0])
        text = b''
        while text.count(b'\n') < 20:
            text += os.read(follower.fd, 7)
        paths = [json.loads(line)['path'] for line in text.splitlines()]
        self.assertEqual(paths, [f'piece{i}' for i in range(20)])

    def test_other_user_sees_what_it_could_list_and_its_own(self):
        private = f'{self.mount.path}/private'
        os.mkdir(private, 0o700)
        shared = f'{self.mount.path}/shared'
        os.mkdir(shared, 0o777)

        def follow_as_b():
            follower = Follower(self.mount)
            os.write(ready, b'x')
            return [e['path'] for e in follower.until('created', path='last')[1]]

        started, ready = os.pipe()
        child = self.spawn(follow_as_b, uid=USER_B)
        os.read(started, 1)
        as_user(USER_A, os.mkfifo, f'{shared}/of-a')
        self.fifo('private/hidden')
        as_user(USER_B, os.mkfifo, f'{shared}/of-b')
        self.fifo('last')
        self.assertEqual(child.result(), ['shared/of-a', 'shared/of-b', 'last'])

    def test_what_was_in_a_removed_directory_stays_private(self):
        os.makedirs(self.mount.path + '/private/sub')
        os.chmod(self.mount.path + '/private', 0o700)
        events = as_user_open(self.mount)
        kept = os.open(self.mount.path + '/private/sub', os.O_RDONLY)
        os.mkfifo(self.mount.path + '/private/sub/secret')
        os.unlink(self.mount.path + '/private/sub/secret')
        os.rmdir(self.mount.path + '/private/sub')
        os.mkfifo(self.mount.path + '/public')
        wait_until(lambda: select.select([events], [], [], 0)[0], what='an event')
        text = os.read(events, 1 << 16)
        self.assertNotIn(b'secret', text)
        self.assertIn(b'public', text)
        os.close(events)
        os.close(kept)

    def test_rename_tells_each_the_path_that_he_may_see(self):
        for name, mode in (('private', 0o700), ('open', 0o755)):
            os.mkdir(f'{self.mount.path}/{name}')
            os.chmod(f'{self.mount.path}/{name}', mode)
            os.mkfifo(f'{self.mount.path}/{name}/secret-of-{name}')
        events = as_user_open(self.mount)
        mine = self.follow()
        os.rename(self.mount.path + '/private/secret-of-private', self.mount.path + '/open/shown')
        os.rename(self.mount.path + '/open/secret-of-open', self.mount.path + '/private/hidden')
        os.rename(self.mount.path + '/open/shown', self.mount.path + '/again')
        seen = [json.loads(line) for line in os.read(events, 1 << 16).splitlines()]
        self.assertEqual([(event.get('path'), event.get('old_path')) for event in seen
                          if event['event'] == 'renamed'],
                         [('open/shown', None), (None, 'open/secret-of-open'),
                          ('again', 'open/shown')])
        told, _ = mine.until('renamed')
        self.assertEqual(told['old_path'], 'private/secret-of-private')
        os.close(events)

    def test_name_that_is_not_utf8_comes_in_base64_too(self):
        follower = self.follow()
        os.mkfifo(os.fsencode(self.mount.path) + b'/\xff\xfe')
        created = follower.next()
        self.assertEqual(created['path_b64'], '//4=')
        self.assertEqual(created['path'], '\ufffd\ufffd')

    def test_slow_reader_is_told_how_much_it_missed(self):
        follower = self.follow()
        path = f'{self.mount.path}/again'
        rounds = KEPT // 2 + 500
        for _ in range(rounds):
            os.mkfifo(path)
            os.unlink(path)
        os.mkfifo(path + '-last')

        first = follower.next()
        self.assertEqual((first['event'], first['reason']), ('missed', 'slow'))
        _, seen = follower.until('created', path='again-last')
        self.assertEqual(first['count'] + len(seen), 2 * rounds + 1)


class Accounting(fifofs_test.TestCase):
    """A script that follows knows of every FIFO, however many come and go."""
    deadline_seconds = 120

    def test_every_fifo_is_accounted_for(self):
        count = int(os.environ.get('FIFOFS_TEST_FIFOS', '20000'))
        mount = self.enterContext(Mount('allow_other'))
        watch = self.start([fifofs_test.binary('FIFOCTL_BIN'), 'watch', '-J', '-e', 'created',
                            '-e', 'removed', mount.path], stdout=subprocess.PIPE)
        wait_until(lambda: has_open(watch.pid, '/events'), what='it to follow')
        workers = [self.spawn(come_and_go, f'{mount.path}/{i}', count // 4) for i in range(4)]
        seen = {'created': set(), 'removed': set()}
        missed, total = 0, 2 * 4 * (count // 4)
        while len(seen['created']) + len(seen['removed']) + missed < total:
            event = json.loads(watch.stdout.readline())
            if event['event'] == 'missed':
                missed += event['count']
                continue
            self.assertNotIn(event['id'], seen[event['event']])
            seen[event['event']].add(event['id'])
        self.assertEqual(len(seen['created']) + len(seen['removed']) + missed, total)
        if missed == 0:
            self.assertEqual(seen['created'], seen['removed'])
        for worker in workers:
            worker.result()


def come_and_go(prefix, count):
    for i in range(count):
        os.mkfifo(f'{prefix}-{i}')
        os.unlink(f'{prefix}-{i}')


class Metrics(fifofs_test.TestCase):
    def scrape(self, mount):
        with open(f'{mount.path}/.fifofs/metrics', encoding='ascii') as metrics:
            lines = [line.rsplit(' ', 1) for line in metrics if not line.startswith('#')]
        return {name: float(value) for name, value in lines}

    def total(self, metrics, prefix):
        return sum(v for name, v in metrics.items() if name.startswith(prefix))

    def test_promtool_has_no_complaint(self):
        promtool = shutil.which('promtool')
        if promtool is None:
            self.skipTest('promtool is not there: install the package prometheus')
        with Mount('allow_other') as mount:
            os.mkfifo(mount.path + '/a')
            os.unlink(mount.path + '/a')
            with open(mount.path + '/.fifofs/metrics', 'rb') as metrics:
                outcome = subprocess.run([promtool, 'check', 'metrics'], input=metrics.read(),
                                         capture_output=True, check=False)
        self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr), (0, b'', b''))

    def test_counts_follow_what_happens(self):
        with Mount('lifetime=keep') as mount:
            for i in range(10):
                os.mkfifo(f'{mount.path}/f{i}')
            os.mkdir(f'{mount.path}/d')
            os.unlink(f'{mount.path}/f0')
            os.rename(f'{mount.path}/f1', f'{mount.path}/f2')
            os.chown(f'{mount.path}/f3', USER_A, -1)
            os.setxattr(f'{mount.path}/f4', 'fifofs.lifetime', b'auto')

            metrics = self.scrape(mount)

        self.assertEqual(self.total(metrics, 'fifofs_fifos{'), 8)
        self.assertEqual(metrics['fifofs_fifos{state="cached",lifetime="auto"}'], 1)
        self.assertEqual(metrics[f'fifofs_user_fifos{{uid="{USER_A}"}}'], 1)
        self.assertEqual(metrics['fifofs_user_fifos{uid="0"}'], 7)
        self.assertEqual(metrics['fifofs_directories'], 1)
        self.assertEqual(metrics['fifofs_created_fifos_total'], 10)
        self.assertEqual(metrics['fifofs_removed_total{reason="unlink"}'], 1)
        self.assertEqual(metrics['fifofs_removed_total{reason="replaced"}'], 1)

    def test_requests_are_counted_in_buckets_that_grow(self):
        with Mount('lifetime=keep') as mount:
            for i in range(50):
                os.mkfifo(f'{mount.path}/f{i}')
            metrics = self.scrape(mount)

        name = 'fifofs_request_duration_seconds'
        self.assertEqual(metrics[f'{name}_count{{kind="mknod"}}'], 50)
        buckets = [v for k, v in metrics.items() if k.startswith(f'{name}_bucket{{kind="mknod"')]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1], 50)
        self.assertGreater(metrics[f'{name}_sum{{kind="mknod"}}'], 0)


if __name__ == '__main__':
    fifofs_test.main()
