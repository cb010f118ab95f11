# SPDX-License-Identifier: LGPL-2.1-or-later
"""open-timeout: who waits in open() for too long is let go, and nobody else is touched."""

import ctypes
import json
import os
import re
import select
import signal
import threading
import time

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, Mount, Tmpfs, as_user, fifoctl, libc, stuck_in_open, wait_until)

TIMEOUT = 0.4
OPTIONS = f'allow_other,ceiling=0666,linger=1h,open-timeout={int(TIMEOUT * 1000)}ms'
# A release may come later, on a busy machine, but not earlier.
SLACK = 0.01


def open_and_read(path):
    """How long the open took, and what was there to read."""
    begin = time.monotonic()
    fd = os.open(path, os.O_RDONLY)
    took = time.monotonic() - begin
    data = os.read(fd, 100)
    os.close(fd)
    return took, data


def open_and_write(path):
    begin = time.monotonic()
    fd = os.open(path, os.O_WRONLY)
    took = time.monotonic() - begin
    try:
        for _ in range(1000):       # which works while the other end is open for a moment
            os.write(fd, b'x')
            time.sleep(0.01)
        return took, 'written'
    except BrokenPipeError:
        return took, 'EPIPE'
    finally:
        os.close(fd)


def stat_then_wait(looked_at, waited_for):
    os.stat(looked_at)
    os.stat(looked_at)
    os.open(waited_for, os.O_RDONLY)


def lie(shown, opened):
    """Wait in open() of one FIFO with the path of another in memory."""
    memory = ctypes.create_string_buffer(os.fsencode(opened), 4096)

    def wait():
        os.stat(shown)
        libc.open(memory, os.O_RDONLY)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    stuck_in_thread(os.getpid())
    memory.value = os.fsencode(shown)
    thread.join()


def stuck_in_thread(pid):
    """Wait until some thread of the process hangs in open() of a FIFO."""
    def is_stuck():
        for tid in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{tid}/wchan') as wchan:
                if wchan.read() == 'wait_for_partner':
                    return True
        return False
    wait_until(is_stuck, what='a thread to hang in open()')


def metric(mount, name):
    with open(mount.path + '/.fifofs/metrics') as stream:
        return int(re.search(rf'^{name} (\d+)$', stream.read(), re.MULTILINE)[1])


class OpenTimeout(fifofs_test.TestCase):

    def mounted(self, options=OPTIONS, **keywords):
        self.mount = self.enterContext(Mount('trace,' + options, **keywords))
        os.chmod(self.mount.path, 0o777)
        return self.mount.path

    def fifo(self, name, directory=None):
        path = f'{directory or self.mount.path}/{name}'
        os.mkfifo(path, 0o666)
        return path

    def follow(self):
        return self.open(self.mount.path + '/.fifofs/events', os.O_RDONLY)

    def released(self, events, count):
        """(path, pid, uid) of so many events, as soon as they are there."""
        found, text = [], b''
        deadline = time.monotonic() + 10
        while len(found) < count:
            ready = select.select([events], [], [], max(0, deadline - time.monotonic()))[0]
            self.assertTrue(ready, f'only these were released: {found}')
            text += os.read(events, 65536)
            *lines, text = text.split(b'\n')
            found += [(event['path'], event['pid'], event['uid']) for event in map(json.loads, lines)
                      if event['event'] == 'released']
        return found

    def assert_stays(self, child, seconds=3 * TIMEOUT):
        """It waits in open() all that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            stuck_in_open(child.pid)
            time.sleep(0.02)

    def test_reader_and_writer_are_let_go_and_named(self):
        self.mounted()
        events = self.follow()
        for number, (function, outcome) in enumerate(
                ((open_and_read, b''), (open_and_write, 'EPIPE'), (open_and_read, b''))):
            path = self.fifo(f'a{number // 2}') if number != 1 else self.mount.path + '/a0'
            child = self.spawn(function, path)
            took, what = child.result()
            self.assertEqual(what, outcome)
            self.assertGreater(took, TIMEOUT - SLACK)
            self.assertEqual(self.released(events, 1),
                             [(os.path.basename(path), child.pid, 0)])
        self.assertEqual(metric(self.mount, 'fifofs_released_total'), 3)
        self.close(events)

    def test_partner_in_time_is_met(self):
        path = self.mounted() and self.fifo('a')
        reader = self.spawn(open_and_read, path)
        stuck_in_open(reader.pid)
        writer = self.open(path, os.O_WRONLY)
        time.sleep(2 * TIMEOUT)
        os.write(writer, b'data')
        self.assertEqual(reader.result()[1], b'data')
        self.assertEqual(metric(self.mount, 'fifofs_released_total'), 0)
        self.close(writer)

    def test_fifo_with_both_ends_is_not_touched(self):
        """Though somebody has looked at it who waits elsewhere, and others come and go."""
        path = self.mounted() and self.fifo('a')
        reader = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(path, os.O_WRONLY)
        other = self.enterContext(Tmpfs())
        elsewhere = self.fifo('b', other.path)
        untimed = self.fifo('c')
        os.setxattr(untimed, 'fifofs.open-timeout', b'infinity')
        waiting = [self.spawn(stat_then_wait, path, place) for place in (elsewhere, untimed)]
        for child in waiting:
            stuck_in_open(child.pid)
        events = self.follow()
        for child in waiting:
            self.assert_stays(child)
        self.assertEqual(select.select([events], [], [], 0)[0], [])     # nobody has opened it
        os.write(writer, b'data')
        self.assertEqual(os.read(reader, 10), b'data')
        self.close(events)

    def test_reader_that_does_not_wait_sees_no_end(self):
        """Nobody opens the other end because of somebody who waits elsewhere."""
        path = self.mounted() and self.fifo('a')
        reader = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        other = self.enterContext(Tmpfs())
        child = self.spawn(stat_then_wait, path, self.fifo('b', other.path))
        stuck_in_open(child.pid)
        self.assert_stays(child)
        self.assertEqual(poll.poll(0), [])

    def test_nobody_is_believed_to_wait_for_what_he_may_not_open(self):
        """His memory says that he waits for another FIFO than the one that he does wait for."""
        path = self.mounted() and self.fifo('victim')
        os.chmod(path, 0o600)
        reader = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        other = self.enterContext(Tmpfs())
        decoy = self.fifo('decoy', other.path)
        os.chmod(decoy, 0o666)
        attacker = self.spawn(lie, path, decoy, uid=USER_B)
        stuck_in_thread(attacker.pid)
        end = time.monotonic() + 4 * TIMEOUT
        while time.monotonic() < end:
            self.assertEqual(poll.poll(20), [])

    def test_writer_waits_though_another_has_its_end_open(self):
        """One end is there, by a writer that did not wait; the other is missing all the same."""
        path = self.mounted() and self.fifo('a')
        both = self.open(path, os.O_RDWR)
        writer = self.open(path, os.O_WRONLY)
        self.close(both)
        child = self.spawn(open_and_write, path)
        self.assertEqual(child.result()[1], 'EPIPE')
        self.close(writer)

    def test_it_is_of_mount_directory_and_fifo(self):
        base = self.mounted('allow_other,linger=1h')
        os.mkdir(base + '/d')
        os.setxattr(base + '/d', 'fifofs.open-timeout', b'300ms')
        in_directory, alone, never = self.fifo('d/a'), self.fifo('b'), self.fifo('c')
        os.setxattr(alone, 'fifofs.open-timeout', b'300ms')
        waiter = self.spawn(open_and_read, never)
        for path in (in_directory, alone):
            self.assertEqual(self.spawn(open_and_read, path).result()[1], b'')
        self.assert_stays(waiter)
        self.assertEqual(os.getxattr(in_directory, 'fifofs.open-timeout'), b'300ms')

    def test_those_who_wait_already_are_let_go_when_it_is_set(self):
        path = self.mounted('allow_other,linger=1h') and self.fifo('a')
        os.stat(path)
        reader = self.spawn(open_and_read, path)
        stuck_in_open(reader.pid)
        os.setxattr(path, 'fifofs.open-timeout', b'200ms')
        self.assertEqual(reader.result()[1], b'')
        # And the next one too, though the kernel had the name cached.
        self.assertEqual(self.spawn(open_and_read, path).result()[1], b'')

    def test_it_is_in_force_from_the_start(self):
        """fifoctl new sets it while the FIFO has another name, under which the kernel has it."""
        base = self.mounted('allow_other,linger=1h')
        for i in range(10):
            path = f'{base}/a{i}'
            self.assertEqual(fifoctl('new', '--open-timeout=200ms', path).returncode, 0)
            self.assertEqual(self.spawn(open_and_read, path).result()[1], b'')

    def test_longer_time_is_for_those_who_wait_already(self):
        path = self.mounted() and self.fifo('a')
        reader = self.spawn(open_and_read, path)
        stuck_in_open(reader.pid)
        os.setxattr(path, 'fifofs.open-timeout', b'infinity')
        self.assert_stays(reader)

    def test_all_on_one_end_go_together_and_each_is_named(self):
        path = self.mounted() and self.fifo('a')
        events = self.follow()
        # On a slow machine the last would be started only when the time of the first is over.
        told, tell = os.pipe()

        def open_when_told():
            os.read(told, 1)
            return open_and_read(path)

        readers = [self.spawn(open_when_told) for _ in range(60)]
        os.write(tell, bytes(len(readers)))
        os.close(tell)
        os.close(told)
        for reader in readers:
            self.assertEqual(reader.result()[1], b'')
        named = self.released(events, len(readers))
        self.assertEqual({pid for _, pid, _ in named}, {reader.pid for reader in readers})
        self.close(events)

    def test_however_the_path_is_written(self):
        base = self.mounted()
        os.mkdir(base + '/d')
        path = self.fifo('d/a')
        links = self.enterContext(Tmpfs())
        os.symlink(path, links.path + '/link')
        directory = self.open(base + '/d', os.O_RDONLY | os.O_DIRECTORY)

        def relative():
            os.chdir(base + '/d')
            return open_and_read('./../d/a')

        def at():
            return os.close(os.open('a', os.O_RDONLY, dir_fd=directory))

        def in_thread():
            thread = threading.Thread(target=open_and_read, args=(path,))
            thread.start()
            thread.join()

        for what, function in (
                ('relative', relative), ('from a directory', at), ('in a thread', in_thread),
                ('by a symlink', lambda: open_and_read(links.path + '/link')),
                ('by a relative symlink', lambda: open_and_read(base + '/d/../../mnt/d/a')),
                ('with O_CREAT', lambda: open(path, 'w').close())):
            with self.subTest(what):
                self.spawn(function).result()
        self.close(directory)

    def test_processes_of_others_are_let_go(self):
        path = self.mounted() and self.fifo('a')
        events = self.follow()
        child = self.spawn(open_and_read, path, uid=USER_A)
        self.assertEqual(child.result()[1], b'')
        self.assertEqual(self.released(events, 1), [('a', child.pid, USER_A)])
        self.close(events)

    def test_daemon_of_a_user_lets_his_processes_go(self):
        self.mount = self.enterContext(Mount('open-timeout=300ms', user=USER_A))
        path = self.mount.path + '/a'
        as_user(USER_A, os.mkfifo, path)
        reader = self.start(['setpriv', f'--reuid={USER_A}', f'--regid={USER_A}', '--clear-groups',
                             'cat', path])
        self.assertEqual(reader.wait(20), 0)

    def test_time_may_be_over_before_one_waits(self):
        path = self.mounted('allow_other,linger=1h,open-timeout=0') and self.fifo('a')
        for _ in range(5):
            self.assertEqual(self.spawn(open_and_read, path).result()[1], b'')

    def test_who_may_set_it(self):
        path = self.mounted() and self.fifo('a')
        with self.assertRaises(PermissionError):
            as_user(USER_B, os.setxattr, path, 'fifofs.open-timeout', b'1s')
        self.assertEqual(fifoctl('set', 'open-timeout=9s', path).returncode, 0)
        self.assertEqual(fifoctl('get', '-a', 'open-timeout', path).stdout, '9s\n')

    def test_interrupted_open_ends_at_once(self):
        def interrupted():
            signal.signal(signal.SIGUSR1, lambda *_: (_ for _ in ()).throw(InterruptedError))
            try:
                return open_and_read(path)
            except InterruptedError:
                return 'EINTR'

        path = self.mounted('allow_other,open-timeout=5s') and self.fifo('a')
        child = self.spawn(interrupted)
        stuck_in_open(child.pid)
        os.kill(child.pid, signal.SIGUSR1)
        self.assertEqual(child.result(), 'EINTR')

    def test_mount_ends_while_some_wait(self):
        self.mounted('allow_other,open-timeout=100ms')
        for i in range(20):
            self.spawn(open_and_read, self.fifo(f'a{i}'))
        os.mkfifo(self.mount.path + '/last')
        reader = self.spawn(open_and_read, self.mount.path + '/last')
        stuck_in_open(reader.pid)
        self.mount.end()

    def test_removed_while_one_waits(self):
        path = self.mounted() and self.fifo('a')
        child = self.spawn(open_and_read, path)
        stuck_in_open(child.pid)
        os.unlink(path)
        self.assert_stays(child, 2 * TIMEOUT)
        path = self.fifo('a')       # another of that name, on which nobody waits
        self.assertEqual(self.spawn(open_and_read, path).result()[1], b'')
        stuck_in_open(child.pid)

    def test_thousands_that_open_and_close_cost_no_memory_for_ever(self):
        path = self.mounted('allow_other,linger=1h,open-timeout=1h') and self.fifo('a')
        for _ in range(3000):
            os.close(os.open(path, os.O_RDWR))
        os.setxattr(path, 'fifofs.open-timeout', b'100ms')
        reader = self.spawn(open_and_read, path)
        self.assertEqual(reader.result()[1], b'')

    def test_nothing_is_asked_without_it(self):
        lookups = r'fifofs_request_duration_seconds_count{kind="lookup"}'
        base = self.mounted('allow_other,linger=1h')
        path = self.fifo('a')
        os.stat(path)

        def count():
            with open(base + '/.fifofs/metrics') as stream:
                return int(re.search(re.escape(lookups) + r' (\d+)', stream.read())[1])

        before = count()
        for _ in range(100):
            os.close(os.open(path, os.O_RDWR))
        self.assertLess(count() - before, 20)


if __name__ == '__main__':
    fifofs_test.main()
