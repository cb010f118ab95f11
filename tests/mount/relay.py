# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whoever creates a name exclusively has a handle that works as one of the FIFO would."""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import json
import mmap
import os
import pathlib
import random
import resource
import select
import signal
import stat
import subprocess
import threading

import fifofs_test
from fifofs_test import (
    FIFOFS, USER_A, USER_B, ChildDied, Mount, Tmpfs, as_user, attempt, fifoctl, libc, libc_call,
    on_fifofs, stuck_in, stuck_in_open, wait_until)

EXCLUSIVE = os.O_CREAT | os.O_EXCL

# What a thread sleeps in whose request waits for its answer.
WAITS = 'request_wait_answer'

SIZES = [0, 1, 4095, 4096, 4097, 65536, 65537, 131072, 131073, 1 << 20, (4 << 20) + 1]


def create(path, access=os.O_WRONLY, mode=0o600):
    return os.open(path, access | EXCLUSIVE, mode)


def raw(name, descriptor, buffer, length):
    """read(2) or write(2) without Python's own repetition of what a signal interrupted."""
    return libc_call(name, descriptor, buffer, ctypes.c_size_t(length))


def settle(directory):
    """Have the daemon relay something, so that it has done what it does after a mount."""
    descriptor = create(directory + '/settle', os.O_RDWR)
    os.write(descriptor, b'x')
    os.close(descriptor)
    os.unlink(directory + '/settle')


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


def read_all(path_or_descriptor, block=65536):
    descriptor = path_or_descriptor
    if isinstance(descriptor, str):
        descriptor = os.open(descriptor, os.O_RDONLY)
    pieces = []
    while piece := os.read(descriptor, block):
        pieces.append(piece)
    os.close(descriptor)
    return b''.join(pieces)


def digest_of(path, block=65536):
    return hashlib.sha256(read_all(path, block)).hexdigest()


def create_and_write(path, data, access=os.O_WRONLY):
    descriptor = create(path, access)
    write_all(descriptor, data)
    os.close(descriptor)


def create_and_read(path, block):
    return hashlib.sha256(read_all(create(path, os.O_RDONLY), block)).hexdigest()


def is_used(directory, name):
    with open(directory + '/.fifofs/pipes', 'rb') as stream:
        return next(pipe['used'] for pipe in map(json.loads, stream) if pipe['path'] == name)


def exists(path):
    return os.path.lexists(path)


class Programs(fifofs_test.TestCase):
    """Unmodified, and each creates its output with O_EXCL."""

    def check(self, directory, command, expected):
        """The command writes what is expected to the new name that $new is."""
        new = directory + '/new'
        program = self.start(['bash', '-c', command], cwd=directory,
                             env=dict(os.environ, new=new, data=self.data))
        wait_until(lambda: exists(new), what=command)
        self.assertTrue(stat.S_ISFIFO(os.stat(new).st_mode), command)
        reader = self.spawn(read_all, new)
        self.assertEqual(program.wait(), 0, command)
        self.assertEqual(reader.result(), expected, command)
        os.unlink(new)

    @on_fifofs()
    def test_programs_write_to_names_that_they_create(self, directory):
        content = random.Random(1).randbytes(300_001)
        with Tmpfs() as source:
            self.data = source.path + '/data'
            with open(self.data, 'wb') as stream:
                stream.write(content)
            os.chmod(self.data, 0o600)                  # what the ceiling allows
            for command in ('cp "$data" "$new"', 'cp -p "$data" "$new"', 'set -C; cat "$data" > "$new"',
                            'set -C; gzip -c "$data" | zcat > "$new"',
                            'install -m 600 "$data" "$new"',
                            'dd if="$data" of="$new" conv=excl bs=1000 status=none',
                            'dd if="$data" of="$new" conv=excl bs=128k status=none',
                            'python3 -c "open(\'$new\', \'xb\').write(open(\'$data\', \'rb\').read())"',
                            'set -C; tee < "$data" > "$new"'):
                with self.subTest(command):
                    self.check(directory, command, content)
            with self.subTest('mv'):
                self.check(directory, 'cp "$data" "$data-2" && mv "$data-2" "$new"', content)
                self.assertFalse(exists(self.data + '-2'))
            with self.subTest('echo'):
                self.check(directory, 'set -C; echo one > "$new"', b'one\n')

    @on_fifofs()
    def test_mktemp_leaves_a_fifo_that_is_used_as_any_other(self, directory):
        name = subprocess.run(['mktemp', directory + '/XXXXXX'], check=True, text=True,
                              capture_output=True).stdout.strip()
        self.assertTrue(stat.S_ISFIFO(os.stat(name).st_mode))
        reader = self.spawn(read_all, name)
        with open(name, 'wb') as stream:
            stream.write(b'hello')
        self.assertEqual(reader.result(), b'hello')

    @on_fifofs()
    def test_noclobber_that_writes_nothing_lets_a_waiting_reader_go(self, directory):
        creator = create(directory + '/new')
        reader = self.spawn(self.read_without, creator, directory + '/new')
        stuck_in(reader.pid, 'pipe_read')
        os.close(creator)
        self.assertEqual(reader.result(), b'')

    @staticmethod
    def read_without(descriptor, path):
        os.close(descriptor)
        return read_all(path)

    @on_fifofs()
    def test_name_that_exists_is_not_created_again(self, directory):
        descriptor = create(directory + '/new')
        self.assertEqual(attempt(create, directory + '/new'), 'EEXIST')
        os.close(descriptor)
        self.assertEqual(attempt(create, directory + '/new'), 'EEXIST')
        self.assertEqual(os.listdir(directory), ['new'])


class Data(fifofs_test.TestCase):

    deadline_seconds = 60

    @on_fifofs()
    def test_what_is_written_arrives_unchanged_whatever_its_size(self, directory):
        for size in SIZES:
            for block in (1000, 65536, 1 << 20):
                content = random.Random(size).randbytes(size)
                path = f'{directory}/{size}-{block}'
                creator = self.spawn(create_and_write, path, content)
                wait_until(lambda: exists(path))
                if size == 0:
                    creator.result()
                    continue
                self.assertEqual(digest_of(path, block), hashlib.sha256(content).hexdigest(), path)
                self.assertIsNone(creator.result())

    @on_fifofs()
    def test_what_a_creator_reads_is_unchanged_whatever_its_size(self, directory):
        for size in SIZES:
            for block in (1000, 65536, 1 << 20):
                content = random.Random(size).randbytes(size)
                path = f'{directory}/{size}-{block}'
                creator = self.spawn(create_and_read, path, block)
                wait_until(lambda: exists(path))
                with open(path, 'wb', buffering=0) as stream:
                    write_all(stream.fileno(), content)
                self.assertEqual(creator.result(), hashlib.sha256(content).hexdigest(), path)

    @on_fifofs('capacity=1M')
    def test_read_returns_what_there_is_although_more_was_asked_for(self, directory):
        creator = create(directory + '/new', os.O_RDONLY)
        writer = os.open(directory + '/new', os.O_WRONLY)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
        for size in (1, 4096, 65536, 126976, 131072, 1 << 20):
            write_all(writer, bytes(size))
            done = 0
            while done < size:
                done += len(os.read(creator, 4 << 20))
            self.assertEqual(done, size)
        os.close(writer)
        os.close(creator)

    @on_fifofs()
    def test_both_ends_in_one_handle_are_read_and_written_at_once(self, directory):
        descriptor = create(directory + '/new', os.O_RDWR)
        content = random.Random(3).randbytes(1 << 20)
        got = []
        reader = threading.Thread(target=lambda: [
            got.append(os.read(descriptor, 65536)) for _ in iter(
                lambda: sum(map(len, got)) < len(content), False)])
        reader.start()
        wait_until(lambda: self.reads(reader.native_id), what='the read to wait')
        write_all(descriptor, content)
        reader.join()
        self.assertEqual(b''.join(got), content)
        os.close(descriptor)

    @staticmethod
    def reads(tid):
        with open(f'/proc/self/task/{tid}/wchan', encoding='ascii') as wchan:
            return WAITS in wchan.read()

    @on_fifofs()
    def test_a_reader_and_a_creator_that_reads_share_what_comes(self, directory):
        creator = create(directory + '/new', os.O_RDONLY)
        writer = os.open(directory + '/new', os.O_WRONLY)
        other = os.open(directory + '/new', os.O_RDONLY)
        os.write(writer, b'abcdef')
        self.assertEqual((os.read(other, 3), os.read(creator, 3)), (b'abc', b'def'))
        for descriptor in (creator, writer, other):
            os.close(descriptor)

    @on_fifofs()
    def test_small_messages_of_many_creators_and_writers_stay_whole(self, directory):
        path = directory + '/new'
        creator = create(path)
        reader = os.open(path, os.O_RDONLY)

        def write(descriptor, letter):
            if descriptor is None:
                descriptor = os.open(path, os.O_WRONLY)
            for _ in range(200):
                os.write(descriptor, letter * 4096)

        writers = [self.spawn(write, creator if n % 2 else None, bytes([65 + n])) for n in range(6)]
        os.close(creator)
        content = read_all(reader)
        for writer in writers:
            self.assertIsNone(writer.result())
        self.assertEqual(len(content), 6 * 200 * 4096)
        for at in range(0, len(content), 4096):
            self.assertEqual(len(set(content[at:at + 4096])), 1)


class Waiting(fifofs_test.TestCase):

    def writer(self, path, access=os.O_WRONLY, size=5):
        child = self.spawn(create_and_write, path, b'x' * size, access)
        stuck_in(child.pid, WAITS)
        return child

    @on_fifofs()
    def test_first_write_waits_for_a_reader(self, directory):
        child = self.writer(directory + '/new')
        self.assertEqual(read_all(directory + '/new'), b'xxxxx')
        self.assertIsNone(child.result())

    @on_fifofs()
    def test_first_read_waits_for_a_writer(self, directory):
        child = self.spawn(create_and_read, directory + '/new', 100)
        stuck_in(child.pid, WAITS)
        os.close(os.open(directory + '/new', os.O_WRONLY))
        self.assertEqual(child.result(), hashlib.sha256().hexdigest())

    @on_fifofs()
    def test_other_writer_still_waits_for_a_reader(self, directory):
        """The daemon has both ends for a moment, which nobody may take for a reader."""
        settle(directory)
        for turn in range(30):
            path = f'{directory}/{turn}'
            other = self.spawn(self.open_when_there, path)
            creator = create(path)
            stuck_in_open(other.pid)
            reader = os.open(path, os.O_RDONLY)
            self.assertIsNone(other.result())
            os.close(creator)
            os.close(reader)

    @staticmethod
    def open_when_there(path):
        while True:
            try:
                os.close(os.open(path, os.O_WRONLY))
                return
            except FileNotFoundError:
                pass

    @on_fifofs()
    def test_signal_ends_a_wait_at_once(self, directory):
        def interrupted(descriptor, name):
            signal.signal(signal.SIGUSR1, lambda *_: None)
            signal.siginterrupt(signal.SIGUSR1, True)
            return attempt(raw, name, descriptor, ctypes.create_string_buffer(100), 100)

        for access, name in ((os.O_WRONLY, 'write'), (os.O_RDONLY, 'read'), (os.O_RDWR, 'read')):
            creator = create(f'{directory}/{name}{access}', access)
            child = self.spawn(interrupted, creator, name)
            stuck_in(child.pid, WAITS)
            child.send_signal(signal.SIGUSR1)
            self.assertEqual(child.result(), 'EINTR')
            os.close(creator)

    @on_fifofs()
    def test_interrupted_write_says_how_much_was_written(self, directory):
        def interrupted(descriptor):
            signal.signal(signal.SIGUSR1, lambda *_: None)
            signal.siginterrupt(signal.SIGUSR1, True)
            size = 1 << 20
            return raw('write', descriptor, ctypes.create_string_buffer(size), size)

        creator = create(directory + '/new')
        child = self.spawn(interrupted, creator)
        os.close(creator)
        stuck_in(child.pid, WAITS)
        reader = os.open(directory + '/new', os.O_RDONLY)
        wait_until(lambda: self.queued(reader) == 65536, what='the pipe to be full')
        child.send_signal(signal.SIGUSR1)
        self.assertEqual(child.result(), 65536)
        self.assertEqual(len(read_all(reader)), 65536)

    @staticmethod
    def queued(descriptor):
        value = ctypes.c_int()
        libc_call('ioctl', descriptor, 0x541b, ctypes.byref(value))
        return value.value

    @on_fifofs()
    def test_killed_waiter_is_gone_at_once(self, directory):
        creator = create(directory + '/new')
        child = self.spawn(os.write, creator, b'x')
        stuck_in(child.pid, WAITS)
        child.send_signal(signal.SIGKILL)
        with self.assertRaises(ChildDied):
            child.result()
        os.close(creator)

    @on_fifofs()
    def test_signals_at_any_moment_lose_and_repeat_no_byte(self, directory):
        path, size = directory + '/new', 8 << 20

        def count(descriptor, name):
            """Move what there is, in pieces of any size; whatever is interrupted is tried again."""
            signal.signal(signal.SIGALRM, lambda *_: None)
            signal.siginterrupt(signal.SIGALRM, True)
            signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
            content = random.Random(5).randbytes(size)
            source = random.Random(6)
            buffer = ctypes.create_string_buffer(1 << 20)
            done = interrupted = 0
            while done < size:
                length = min(size - done, source.randrange(1, 1 << 20))
                if name == 'write':
                    buffer = ctypes.create_string_buffer(content[done:done + length], length)
                answer = attempt(raw, name, descriptor, buffer, length)
                if answer == 'EINTR':
                    interrupted += 1
                    continue
                if name == 'read' and buffer.raw[:answer] != content[done:done + answer]:
                    return 'other bytes', done
                done += answer
            return 'all', interrupted

        creator = self.spawn(lambda: count(create(path), 'write'))
        wait_until(lambda: exists(path))
        reader = self.spawn(lambda: count(os.open(path, os.O_RDONLY), 'read'))
        self.assertEqual((creator.result()[0], reader.result()[0]), ('all', 'all'))
        os.unlink(path)

        creator = self.spawn(lambda: count(create(path, os.O_RDONLY), 'read'))
        wait_until(lambda: exists(path))
        writer = self.spawn(lambda: count(os.open(path, os.O_WRONLY), 'write'))
        self.assertEqual((creator.result()[0], writer.result()[0]), ('all', 'all'))

    @on_fifofs()
    def test_first_write_without_waiting_says_so(self, directory):
        creator = os.open(directory + '/new', os.O_WRONLY | os.O_NONBLOCK | EXCLUSIVE, 0o600)
        self.assertEqual(attempt(os.write, creator, b'x'), 'EAGAIN')
        reader = os.open(directory + '/new', os.O_RDONLY)
        self.assertEqual(os.write(creator, b'x'), 1)
        fitting = os.write(creator, bytes(200000))
        self.assertIn(fitting, range(61440, 65536))                     # what pages are left
        self.assertEqual(attempt(os.write, creator, bytes(4096)), 'EAGAIN')
        self.assertEqual(len(os.read(reader, 100000)), fitting + 1)
        os.close(reader)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        self.assertEqual(attempt(os.write, creator, b'x'), 'EPIPE')
        os.close(creator)

    @on_fifofs()
    def test_reading_without_waiting_answers_as_a_fifo_does(self, directory):
        creator = os.open(directory + '/new', os.O_RDONLY | os.O_NONBLOCK | EXCLUSIVE, 0o600)
        self.assertEqual(os.read(creator, 10), b'')
        writer = os.open(directory + '/new', os.O_WRONLY)
        self.assertEqual(attempt(os.read, creator, 10), 'EAGAIN')
        os.write(writer, b'abc')
        self.assertEqual(os.read(creator, 10), b'abc')
        os.close(writer)
        self.assertEqual(os.read(creator, 10), b'')
        os.close(creator)

    @on_fifofs()
    def test_flag_can_be_changed_later(self, directory):
        creator = create(directory + '/new', os.O_RDWR)
        os.set_blocking(creator, False)
        self.assertEqual(attempt(os.read, creator, 10), 'EAGAIN')
        os.close(creator)


class Endings(fifofs_test.TestCase):

    @staticmethod
    def write_until_it_fails(path, descriptor=None, handler=signal.SIG_DFL):
        signal.signal(signal.SIGPIPE, handler)
        descriptor = create(path) if descriptor is None else descriptor
        while True:
            answer = attempt(os.write, descriptor, bytes(10000))
            if isinstance(answer, str):
                return answer

    @on_fifofs()
    def test_writer_without_readers_gets_sigpipe_or_epipe(self, directory):
        for handler in (signal.SIG_DFL, signal.SIG_IGN):
            path = f'{directory}/{handler}'
            child = self.spawn(self.write_until_it_fails, path, None, handler)
            wait_until(lambda: exists(path))
            reader = os.open(path, os.O_RDONLY)
            os.read(reader, 100)
            os.close(reader)
            if handler == signal.SIG_IGN:
                self.assertEqual(child.result(), 'EPIPE')
            else:
                with self.assertRaises(ChildDied) as died:
                    child.result()
                self.assertEqual(died.exception.signal_number, signal.SIGPIPE)

    @on_fifofs()
    def test_reader_that_came_and_went_was_there(self, directory):
        settle(directory)
        creator = create(directory + '/new')
        os.close(os.open(directory + '/new', os.O_RDONLY))
        child = self.spawn(self.write_until_it_fails, None, creator, signal.SIG_IGN)
        self.assertEqual(child.result(), 'EPIPE')
        reader = os.open(directory + '/new', os.O_RDONLY)
        os.write(creator, b'again')
        self.assertEqual(os.read(reader, 10), b'again')
        os.close(creator)
        self.assertEqual(os.read(reader, 10), b'')
        os.close(reader)

    @on_fifofs()
    def test_reading_creator_sees_the_end_of_each_writer(self, directory):
        creator = create(directory + '/new', os.O_RDONLY)
        for turn in (b'one', b'two'):
            with open(directory + '/new', 'wb') as stream:
                stream.write(turn)
            self.assertEqual(os.read(creator, 10), turn)
            self.assertEqual(os.read(creator, 10), b'')
        os.close(creator)

    @on_fifofs()
    def test_end_comes_with_the_last_copy_of_the_handle(self, directory):
        creator = create(directory + '/new')
        reader = os.open(directory + '/new', os.O_RDONLY)
        copy = os.dup(creator)
        os.close(creator)
        os.write(copy, b'x')
        self.assertEqual(os.read(reader, 10), b'x')
        os.set_blocking(reader, False)
        self.assertEqual(attempt(os.read, reader, 10), 'EAGAIN')
        os.close(copy)
        os.set_blocking(reader, True)
        self.assertEqual(os.read(reader, 10), b'')
        os.close(reader)

    def test_waiting_creator_gets_an_error_when_the_daemon_ends(self):
        for access, name in ((os.O_WRONLY, 'write'), (os.O_RDONLY, 'read')):
            with Mount() as mount:
                path = mount.path + '/new'
                creator = create(path, access)
                child = self.spawn(attempt, raw, name, creator, ctypes.create_string_buffer(10), 10)
                os.close(creator)
                stuck_in(child.pid, WAITS)
                mount.end()
                self.assertIn(child.result(), ('ENOTCONN', 'ECONNABORTED'))

    def test_daemon_ends_while_fifos_are_being_created(self):
        def churn(path):
            for turn in range(10**9):
                if isinstance(attempt(create, f'{path}/{os.getpid()}-{turn}'), str):
                    return

        with Mount() as mount:
            children = [self.spawn(churn, mount.path) for _ in range(4)]
            wait_until(lambda: len(os.listdir(mount.path)) > 50)
            mount.end()
            for child in children:
                child.end()


class Readiness(fifofs_test.TestCase):

    @staticmethod
    def events(descriptor, events=select.POLLIN | select.POLLOUT, timeout=0):
        poll = select.poll()
        poll.register(descriptor, events)
        return dict(poll.poll(timeout)).get(descriptor, 0)

    @on_fifofs()
    def test_poll_answers_as_for_a_fifo(self, directory):
        creator = create(directory + '/new')
        self.assertEqual(self.events(creator), 0)
        reader = os.open(directory + '/new', os.O_RDONLY)
        self.assertEqual(self.events(creator), select.POLLOUT)
        write_all(creator, bytes(65536))
        self.assertEqual(self.events(creator), 0)
        os.read(reader, 65536)
        self.assertEqual(self.events(creator), select.POLLOUT)
        os.close(reader)
        self.assertEqual(self.events(creator), select.POLLOUT | select.POLLERR)
        os.close(creator)

        creator = create(directory + '/read', os.O_RDONLY)
        self.assertEqual(self.events(creator), 0)
        writer = os.open(directory + '/read', os.O_WRONLY)
        self.assertEqual(self.events(creator), 0)
        os.write(writer, b'x')
        self.assertEqual(self.events(creator), select.POLLIN)
        os.close(writer)
        self.assertEqual(self.events(creator), select.POLLIN | select.POLLHUP)
        os.read(creator, 1)
        self.assertEqual(self.events(creator), select.POLLHUP)
        os.close(creator)

    def wait_in_poll(self, descriptor):
        child = self.spawn(self.events, descriptor, select.POLLIN | select.POLLOUT, 20000)
        stuck_in(child.pid, 'poll')
        return child

    @on_fifofs()
    def test_who_waits_in_poll_is_woken(self, directory):
        creator = create(directory + '/new')
        child = self.wait_in_poll(creator)
        reader = os.open(directory + '/new', os.O_RDONLY)
        self.assertEqual(child.result(), select.POLLOUT)
        write_all(creator, bytes(65536))
        child = self.wait_in_poll(creator)
        os.read(reader, 65536)
        self.assertEqual(child.result(), select.POLLOUT)
        write_all(creator, bytes(65536))
        child = self.spawn(lambda: (os.close(reader), self.events(creator, select.POLLOUT, 20000))[1])
        stuck_in(child.pid, 'poll')
        os.close(reader)
        self.assertEqual(child.result(), select.POLLERR)
        os.close(creator)

        creator = create(directory + '/read', os.O_RDONLY)
        child = self.wait_in_poll(creator)
        writer = os.open(directory + '/read', os.O_WRONLY)
        os.write(writer, b'x')
        self.assertEqual(child.result(), select.POLLIN)
        os.read(creator, 1)
        child = self.spawn(lambda: (os.close(writer), self.events(creator, select.POLLIN, 20000))[1])
        stuck_in(child.pid, 'poll')
        os.close(writer)
        self.assertEqual(child.result(), select.POLLHUP)
        os.close(creator)

    @on_fifofs()
    def test_select_and_epoll_tell_each_arrival(self, directory):
        creator = create(directory + '/new', os.O_RDONLY)
        writer = os.open(directory + '/new', os.O_WRONLY)
        for flag in (0, select.EPOLLET):
            with select.epoll() as epoll:
                epoll.register(creator, select.EPOLLIN | flag)
                self.assertEqual(epoll.poll(0), [])
                for turn in range(20):
                    os.write(writer, b'x')
                    self.assertEqual(epoll.poll(10), [(creator, select.EPOLLIN)], turn)
                    self.assertEqual(os.read(creator, 10), b'x')
                    self.assertEqual(epoll.poll(0), [])
        with select.epoll() as epoll:
            both = create(directory + '/both', os.O_RDWR)
            epoll.register(both, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
            self.assertEqual(epoll.poll(10), [(both, select.EPOLLOUT)])
            self.assertEqual(epoll.poll(0), [])
            for _ in range(20):
                other = os.open(directory + '/both', os.O_WRONLY)
                os.write(other, b'x')
                os.close(other)
                self.assertEqual(epoll.poll(10), [(both, select.EPOLLIN | select.EPOLLOUT)])
                os.read(both, 10)
            os.close(both)
        self.assertEqual(select.select([creator], [], [], 0)[0], [])
        timer = threading.Timer(0.05, os.write, (writer, b'x'))
        timer.start()
        self.assertEqual(select.select([creator], [], [], 10)[0], [creator])
        timer.join()
        os.close(writer)
        os.close(creator)

    @staticmethod
    def seconds_used(pid):
        """Processor time of all threads."""
        with open(f'/proc/{pid}/stat', encoding='ascii') as stat_file:
            user, system = stat_file.read().rpartition(')')[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf('SC_CLK_TCK')

    def test_an_end_that_has_gone_keeps_nobody_busy(self):
        with Mount() as mount:
            settle(mount.path)
            for access, other, events, gone in (
                    (os.O_WRONLY, os.O_RDONLY, select.EPOLLOUT, select.EPOLLOUT | select.EPOLLERR),
                    (os.O_RDONLY, os.O_WRONLY, select.EPOLLIN, select.EPOLLHUP)):
                path = f'{mount.path}/{access}'
                creator = create(path, access)
                os.close(os.open(path, other))
                wait_until(lambda: self.events(creator, events) == gone)    # pylint: disable=cell-var-from-loop
                with select.epoll() as epoll:
                    epoll.register(creator, events | select.EPOLLET)
                    self.assertEqual(epoll.poll(10), [(creator, gone)])
                    before = self.seconds_used(mount.worker)
                    self.assertEqual(epoll.poll(1), [])
                    self.assertLess(self.seconds_used(mount.worker) - before, 0.1)
                    if access == os.O_RDONLY:           # and who comes next is told of still
                        with open(path, 'wb') as stream:
                            stream.write(b'x')
                            stream.flush()
                            self.assertEqual(epoll.poll(10)[0][1] & select.EPOLLIN, select.EPOLLIN)
                os.close(creator)


class Attributes(fifofs_test.TestCase):

    def refusals(self, descriptor):
        return {
            'fsync': attempt(os.fsync, descriptor),
            'fdatasync': attempt(os.fdatasync, descriptor),
            'ftruncate': attempt(os.ftruncate, descriptor, 0),
            'lseek': attempt(os.lseek, descriptor, 0, os.SEEK_CUR),
            'pread': attempt(os.pread, descriptor, 1, 0),
            'pwrite': attempt(os.pwrite, descriptor, b'x', 0),
            'fallocate': attempt(libc_call, 'fallocate', descriptor, 0, ctypes.c_long(0),
                                 ctypes.c_long(10)),
            'shared map': attempt(libc_call, 'mmap', None, ctypes.c_size_t(4096), mmap.PROT_READ,
                                  mmap.MAP_SHARED, descriptor, ctypes.c_long(0)),
            'zero bytes': os.write(descriptor, b''),
            'no bytes': os.read(descriptor, 0),
        }

    def test_what_a_fifo_refuses_is_refused(self):
        answers = {}
        for filesystem in (Tmpfs(), Mount()):
            with filesystem:
                path = filesystem.path + '/new'
                if filesystem.kind != FIFOFS:
                    os.mkfifo(path)
                    descriptor = os.open(path, os.O_RDWR)
                else:
                    descriptor = create(path, os.O_RDWR)
                answers[filesystem.kind] = self.refusals(descriptor)
                os.close(descriptor)
        ours, theirs = answers.values()
        self.assertEqual(ours, theirs)

    @on_fifofs()
    def test_bytes_of_a_file_cannot_be_copied_within_the_kernel(self, directory):
        """cp tries, and goes on with read() and write()."""
        creator = create(directory + '/new')
        with open('/etc/passwd', 'rb') as source:
            self.assertIn(attempt(os.copy_file_range, source.fileno(), creator, 10),
                          ('EINVAL', 'EXDEV'))
        other = create(directory + '/other', os.O_RDWR)
        self.assertEqual(os.copy_file_range(other, creator, 10), 0)         # an empty file
        os.write(other, b'hello')                                           # which looks larger now
        self.assertEqual(attempt(os.copy_file_range, other, creator, 5), 'EINVAL')
        self.assertEqual(os.read(other, 10), b'hello')
        os.close(other)
        os.close(creator)

    @on_fifofs()
    def test_handle_and_name_have_the_same_attributes(self, directory):
        path = directory + '/new'
        creator = create(path)
        self.assertTrue(stat.S_ISREG(os.fstat(creator).st_mode))
        self.assertTrue(stat.S_ISFIFO(os.stat(path).st_mode))
        self.assertEqual(os.fstat(creator).st_ino, os.stat(path).st_ino)
        os.fchmod(creator, 0o400)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o400)
        os.chmod(path, 0o200)
        self.assertEqual(stat.S_IMODE(os.fstat(creator).st_mode), 0o200)
        self.assertEqual(attempt(os.fchmod, creator, 0o666), 'EPERM')    # beyond the ceiling
        os.fchown(creator, USER_A, USER_A)
        self.assertEqual((os.stat(path).st_uid, os.stat(path).st_gid), (USER_A, USER_A))
        os.utime(creator, (1, 2))
        self.assertEqual((os.stat(path).st_atime, os.stat(path).st_mtime), (1, 2))
        os.setxattr(creator, 'fifofs.lifetime', b'keep')
        self.assertEqual(os.getxattr(path, 'fifofs.lifetime'), b'keep')
        self.assertEqual(sorted(os.listxattr(creator)), sorted(os.listxattr(path)))
        os.close(creator)
        self.assertEqual(os.stat(path).st_mtime, 2)

    @on_fifofs()
    def test_handle_cannot_be_opened_again(self, directory):
        creator = create(directory + '/new', os.O_RDWR)
        self.assertEqual(attempt(os.open, f'/proc/self/fd/{creator}', os.O_WRONLY), 'ENXIO')
        os.close(creator)

    @on_fifofs()
    def test_name_for_the_daemon_leads_nowhere_for_others(self, directory):
        creator = create(directory + '/new')
        for function in (os.stat, os.listdir):
            self.assertEqual(attempt(function, directory + '/.fifofs/relay'), 'ENOENT')
        self.assertEqual(attempt(os.open, directory + '/.fifofs/relay', os.O_RDONLY), 'ENOENT')
        os.close(creator)


class Users(fifofs_test.TestCase):

    def test_modes_are_those_of_the_fifo(self):
        with Mount('allow_other,ceiling=0666') as mount:
            for mode, answer in ((0o644, b'secret'), (0o600, 'EACCES')):
                path = f'{mount.path}/{mode}'
                child = self.spawn(self.create_and_say, path, mode, uid=USER_A)
                wait_until(lambda: exists(path))
                self.assertEqual(attempt(as_user, USER_B, read_all, path), answer)
                if isinstance(answer, str):
                    self.assertEqual(read_all(path), b'secret')
                self.assertIsNone(child.result())
                self.assertEqual(os.stat(path).st_uid, USER_A)

    @staticmethod
    def create_and_say(path, mode):
        descriptor = create(path, mode=mode)
        os.write(descriptor, b'secret')
        os.close(descriptor)

    def test_creator_has_what_he_asked_for_whatever_the_mode(self):
        """As an ordinary user the daemon may not open such a FIFO unless it lets itself."""
        with Mount(user=USER_A) as mount:
            def use(mode, access):
                path = f'{mount.path}/{mode}-{access}'
                descriptor = create(path, access, mode)
                found = stat.S_IMODE(os.stat(path).st_mode)
                os.chmod(path, 0o600)
                if access == os.O_RDONLY:
                    other = os.open(path, os.O_WRONLY)
                    os.write(other, b'hello')
                    return found, os.read(descriptor, 10)
                other = os.open(path, os.O_RDONLY)
                os.write(descriptor, b'hello')
                return found, os.read(other, 10)

            for mode in (0o000, 0o200, 0o400, 0o600):
                for access in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
                    self.assertEqual(as_user(USER_A, use, mode, access), (mode, b'hello'))

    def test_daemon_of_a_user_does_not_lend_its_rights(self):
        def try_to_open(path):
            creator = create(path, os.O_RDWR, 0o000)
            answers = {attempt(os.open, path, os.O_RDONLY | os.O_NONBLOCK) for _ in range(200)}
            os.close(creator)
            return answers

        with Mount(user=USER_A) as mount:
            self.assertEqual(as_user(USER_A, try_to_open, mount.path + '/new'), {'EACCES'})


class Names(fifofs_test.TestCase):

    @on_fifofs()
    def test_handle_stays_on_its_fifo_when_the_name_goes_elsewhere(self, directory):
        creator = create(directory + '/new')
        os.rename(directory + '/new', directory + '/moved')
        os.mkfifo(directory + '/new')
        reader = os.open(directory + '/moved', os.O_RDONLY)
        os.write(creator, b'x')
        self.assertEqual(os.read(reader, 10), b'x')
        os.unlink(directory + '/moved')
        os.write(creator, b'y')
        self.assertEqual(os.read(reader, 10), b'y')
        os.close(creator)
        os.close(reader)

    @on_fifofs()
    def test_handle_without_a_name_works_still(self, directory):
        """As the temporary files of programs that remove them at once."""
        for turn in range(50):
            creator = create(directory + '/new', os.O_RDWR)
            os.unlink(directory + '/new')
            os.write(creator, b'hello')
            self.assertEqual(os.read(creator, 10), b'hello')
            os.close(creator)
        self.assertEqual(os.listdir(directory), [])

    @on_fifofs()
    def test_names_of_any_bytes_and_directories_are_possible(self, directory):
        os.makedirs(directory + '/a/b')
        for name in (b'n' * 255, b'\xff\xfe', b'a/b/new', b'a\nb'):
            path = os.path.join(os.fsencode(directory), name)
            creator = create(path)
            reader = os.open(path, os.O_RDONLY)
            os.write(creator, b'x')
            self.assertEqual(os.read(reader, 10), b'x')
            os.close(creator)
            os.close(reader)
        self.assertEqual(attempt(create, directory + '/' + 'n' * 256), 'ENAMETOOLONG')

    @on_fifofs()
    def test_exactly_one_of_many_creators_succeeds(self, directory):
        for turn in range(30):
            children = [self.spawn(attempt, create, f'{directory}/{turn}') for _ in range(6)]
            answers = [child.result() for child in children]
            self.assertEqual(sum(answer == 'EEXIST' for answer in answers), 5, answers)


class Lifetimes(fifofs_test.TestCase):

    def expect_use(self, path, *, gone):
        if gone:
            wait_until(lambda: not exists(path), what='the FIFO to go')
        else:
            self.assertTrue(exists(path))

    @on_fifofs('lifetime=use')
    def test_used_fifo_goes_with_the_last_end(self, directory):
        path = directory + '/new'
        creator = create(path)
        reader = os.open(path, os.O_RDONLY)
        os.write(creator, b'x')
        os.close(reader)
        self.expect_use(path, gone=False)
        os.close(creator)
        self.expect_use(path, gone=True)

        creator = create(path, os.O_RDWR)
        os.write(creator, b'x')
        os.close(creator)
        self.expect_use(path, gone=True)

    @on_fifofs('lifetime=use,grace=1h')
    def test_handle_that_met_nobody_is_no_use(self, directory):
        for access in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
            os.close(create(directory + '/new', access))
            wait_until(lambda: self.state(directory) in ('new', 'idle'), what='its end')
            self.expect_use(directory + '/new', gone=False)
            os.unlink(directory + '/new')

    def test_fifo_of_a_waiting_creator_is_in_use(self):
        with Mount('linger=0,grace=0') as mount:
            path = mount.path + '/new'
            child = self.spawn(self.leave_to_child, path)
            wait_until(lambda: exists(path))
            self.assertIsNone(child.result())               # its creator is gone, its handle is not
            with self.assertRaises(fifofs_test.DeadlineExceeded):
                wait_until(lambda: not exists(path), 1.5)
            wait_until(lambda: self.state(mount.path) == 'in-use')
            self.assertEqual(read_all(path), b'late')
            wait_until(lambda: not exists(path), what='the FIFO to go')

    @staticmethod
    def leave_to_child(path):
        descriptor = create(path)
        if os.fork() == 0:
            os.closerange(0, descriptor)
            os.closerange(descriptor + 1, 100)
            os.write(descriptor, b'late')
            os._exit(0)

    @on_fifofs()
    def test_idle_fifo_leaves_nothing_behind(self, directory):
        for turn in range(20):
            path = f'{directory}/{turn}'
            creator = create(path, os.O_RDWR)
            os.close(creator)
            wait_until(lambda: self.state(directory) in ('new', 'idle'), what='idleness')
            os.unlink(path)

    @staticmethod
    def state(directory):
        """What the daemon says of the only FIFO there, without having the kernel look it up."""
        with open(directory + '/.fifofs/pipes', 'rb') as stream:
            return json.loads(stream.readline())['state']


class Room(fifofs_test.TestCase):
    """Each handle takes a descriptor of the daemon, of which there are so many."""

    FILES = 400                                         # of the daemon
    MOST = FILES - (FILES - 256) // 2 - FILES // 4      # (fs/filelimit.c)
    SHARE = MOST // 4

    @contextlib.contextmanager
    def mounted_with_few_files(self):
        with Mount('allow_other') as mount:
            resource.prlimit(mount.pid, resource.RLIMIT_NOFILE, (self.FILES, self.FILES))
            mount.kill_worker()                         # the next one begins with that
            yield mount

    @staticmethod
    def take_all(base):
        """Without leaving a name, so that no quota counts them. How many, and why not more."""
        path, handles = f'{base}/{os.getpid()}', []
        while not isinstance(answer := attempt(create, path), str):
            handles.append(answer)
            os.unlink(path)
        exists_still = exists(path)
        for handle in handles:
            os.close(handle)
        return len(handles), answer, exists_still

    def hold_all(self, base):
        """The same by a user who keeps them."""
        def take():
            path, n = f'{base}/{os.getpid()}', 0
            while not isinstance(attempt(create, path), str):
                os.unlink(path)
                n += 1
            os.close(os.open(f'{base}/taken', os.O_CREAT | os.O_RDWR, 0o600))
            signal.pause()
        child = self.spawn(take, uid=USER_A)
        wait_until(lambda: exists(base + '/taken'), what='the user to have his share')
        return child

    def test_no_user_takes_the_handles_of_others(self):
        with self.mounted_with_few_files() as mount:
            def use(path):
                creator = create(path)
                reader = os.open(path, os.O_RDONLY)
                os.write(creator, b'mine')
                return os.read(reader, 10)

            self.assertEqual(as_user(USER_A, self.take_all, mount.path),
                             (self.SHARE, 'EMFILE', False))
            taker = self.hold_all(mount.path)
            self.assertEqual(as_user(USER_B, use, mount.path + '/b'), b'mine')
            taker.end()
            wait_until(lambda: as_user(USER_A, self.take_all, mount.path)[0] == self.SHARE,
                       what='the handles to be given back')

    @staticmethod
    def write_in_vain(base, handles, size):
        """So many handles that nobody reads from, each with a block that waits."""
        def write(n):
            os.write(create(f'{base}/{os.getpid()}-{n}'), bytes(size))
        threading.stack_size(128 * 1024)
        for n in range(handles):
            threading.Thread(target=write, args=(n,), daemon=True).start()
        signal.pause()

    def test_no_user_takes_the_room_for_the_data_of_others(self):
        size, handles = 128 * 1024, 600                 # 75 MiB, of which 64 may be kept
        with Mount('allow_other') as mount:
            writers = self.spawn(self.write_in_vain, mount.path, handles, size, uid=USER_A)
            threads = f'/proc/{writers.pid}/task'
            stuck = f'/proc/{writers.pid}/task/%s/wchan'

            def all_wait():
                numbers = os.listdir(threads)
                return len(numbers) == handles + 1 and sum(
                    pathlib.Path(stuck % number).read_text(encoding='ascii') == WAITS
                    for number in numbers) >= handles
            wait_until(all_wait, 30, 'them to wait')

            def write():
                creator = create(mount.path + '/b')
                reader = os.open(mount.path + '/b', os.O_RDONLY)
                drain = threading.Thread(target=read_all, args=(reader,))
                drain.start()
                written = os.write(creator, bytes(size))
                os.close(creator)
                drain.join()
                return written
            self.assertEqual(as_user(USER_B, write), size)
            writers.end()

    def test_the_daemon_keeps_descriptors_for_all_else(self):
        with self.mounted_with_few_files() as mount:
            self.assertEqual(self.take_all(mount.path), (self.MOST, 'ENFILE', False))
            self.assertEqual(fifoctl('ls', mount.path).returncode, 0)


def write_on(descriptor, size, block):
    """Blocks that differ, and lie across pages, as fast as they are taken."""
    memory = memoryview(random.Random(1).randbytes(2 * block))
    written = 0
    while written < size:
        start = 1 + written // block % 1000
        written += os.write(descriptor, memory[start:start + block])
    os.close(descriptor)


class Closing(fifofs_test.TestCase):

    @on_fifofs()
    def test_end_that_its_creator_has_closed_is_met_by_nobody(self, directory):
        settle(directory)
        for turn in range(100):
            path = f'{directory}/{turn}'
            os.close(create(path, os.O_RDWR))
            self.assertEqual(attempt(os.open, path, os.O_WRONLY | os.O_NONBLOCK), 'ENXIO')


class Speed(fifofs_test.TestCase):

    @on_fifofs()
    def test_long_stream_to_a_fast_reader_is_whole(self, directory):
        size, block = 192 << 20, 128 << 10
        blocks = memoryview(random.Random(1).randbytes(2 * block))
        expected, received = hashlib.sha256(), hashlib.sha256()
        for turn in range(size // block):
            start = 1 + turn % 1000
            expected.update(blocks[start:start + block])
        creator = create(directory + '/new')
        reader = os.open(directory + '/new', os.O_RDONLY)
        writer = self.spawn(write_on, creator, size, block)
        os.close(creator)
        while piece := os.read(reader, block):
            received.update(piece)
        writer.result()
        self.assertEqual(received.digest(), expected.digest())


class Takeovers(fifofs_test.TestCase):
    """The next worker goes on with what the last one had open."""

    def killed_while_waiting(self, mount, name, access, size):
        """A handle, and the process that waits in a read or write of it while the worker dies."""
        creator = create(f'{mount.path}/{name}{access}', access)
        child = self.spawn(raw, name, creator, ctypes.create_string_buffer(b'x' * size, size), size)
        stuck_in(child.pid, WAITS)
        mount.kill_worker()
        return creator, child

    def test_read_that_waits_goes_on_waiting(self):
        with Mount() as mount:
            creator, child = self.killed_while_waiting(mount, 'read', os.O_RDONLY, 10)
            with open(f'{mount.path}/read{os.O_RDONLY}', 'wb') as writer:
                writer.write(b'bytes')
            self.assertEqual(child.result(), 5)
            self.assertEqual(os.read(creator, 1), b'')

    def test_write_that_waits_for_a_reader_goes_on_waiting(self):
        with Mount() as mount:
            creator, child = self.killed_while_waiting(mount, 'write', os.O_WRONLY, 10)
            with open(f'{mount.path}/write{os.O_WRONLY}', 'rb') as reader:
                self.assertEqual(child.result(), 10)
                os.close(creator)
                self.assertEqual(reader.read(), b'x' * 10)

    def test_write_that_waits_for_room_goes_on_where_it_was(self):
        with Mount() as mount:
            creator, child = self.killed_while_waiting(mount, 'write', os.O_RDWR, 120_000)
            mount.kill_worker()
            content = b''
            with open(f'{mount.path}/write{os.O_RDWR}', 'rb') as reader:
                while len(content) < 120_000:
                    content += os.read(reader.fileno(), 50_000)
            self.assertEqual(child.result(), 120_000)
            os.close(creator)
            self.assertEqual(content, b'x' * 120_000)

    def test_who_polls_is_told(self):
        def poll(creator):
            poller = select.poll()
            poller.register(creator, select.POLLIN)
            return [events for _, events in poller.poll(10_000)]

        with Mount() as mount:
            creator = create(mount.path + '/new', os.O_RDWR)
            child = self.spawn(poll, creator)
            stuck_in(child.pid, 'poll')
            mount.kill_worker()
            with open(mount.path + '/new', 'wb') as writer:
                writer.write(b'bytes')
            self.assertEqual(child.result(), [select.POLLIN])

    def test_reader_sees_the_end_when_the_writer_closes_and_not_before(self):
        with Mount() as mount:
            path = mount.path + '/new'
            creator = create(path)
            reader = os.open(path, os.O_RDONLY)
            for part in (b'one', b'two', b'three'):
                os.write(creator, part)
                mount.kill_worker()
            self.assertEqual(os.read(reader, 100), b'onetwothree')
            # It does not have the creator's handle.
            cat = self.start(['cat'], stdin=reader, stdout=subprocess.PIPE)
            stuck_in(cat.pid, 'pipe_read', 'pipe_wait')
            mount.kill_worker()
            self.assertIsNone(cat.poll())
            os.write(creator, b'last')
            os.close(creator)
            self.assertEqual(cat.communicate(timeout=10)[0], b'last')

    def test_writer_is_told_that_readers_have_gone(self):
        with Mount() as mount:
            settle(mount.path)
            path = mount.path + '/new'
            creator = create(path)
            os.close(os.open(path, os.O_RDONLY))
            # The report of a reader that was there for a moment could go with the worker.
            wait_until(lambda: is_used(mount.path, 'new'), what='the reader to be noticed')
            mount.kill_worker()
            self.assertEqual(attempt(os.write, creator, b'x'), 'EPIPE')
            os.close(creator)

    def test_what_is_closed_is_closed_for_the_supervisor_too(self):
        with Mount('lifetime=keep') as mount:
            before = len(os.listdir(f'/proc/{mount.pid}/fd'))
            for turn in range(3):
                creators = [create(f'{mount.path}/{turn}-{n}', os.O_RDWR) for n in range(50)]
                for creator in creators:
                    os.write(creator, b'x')
                mount.kill_worker()
                self.assertGreater(len(os.listdir(f'/proc/{mount.pid}/fd')), before + 40)
                for creator in creators:
                    os.close(creator)
                wait_until(lambda: len(os.listdir(f'/proc/{mount.pid}/fd')) <= before + 1,
                           what='all to be closed')

    def test_creation_goes_on_whenever_a_worker_dies(self):
        def churn(directory):
            answers = set()
            for turn in range(400):
                path = f'{directory}/{os.getpid()}-{turn}'
                answer = attempt(create, path, os.O_RDWR)
                answers.add(answer if isinstance(answer, str) else 'created')
                if not isinstance(answer, str):
                    # One of up to PIPE_BUF bytes could fail with EIO.
                    done = attempt(os.write, answer, bytes(8192))
                    answers.add(done if isinstance(done, str) else 'written')
                    os.close(answer)
                    os.unlink(path)
            return answers

        with Mount() as mount:
            children = [self.spawn(churn, mount.path) for _ in range(3)]
            for _ in range(5):
                wait_until(lambda: os.listdir(mount.path), what='the creators')
                mount.kill_worker()
            for child in children:
                self.assertEqual(child.result(), {'created', 'written'})
            self.assertEqual(os.listdir(mount.path), [])


class Fifoctl(fifofs_test.TestCase):

    @on_fifofs()
    def test_creator_is_shown_and_the_daemon_is_not(self, directory):
        creator = create(directory + '/new')
        reader = os.open(directory + '/new', os.O_RDONLY)
        os.write(creator, b'hello')
        answer = fifoctl('ls', '-p', directory)
        self.assertEqual(answer.returncode, 0)
        lines = answer.stdout.splitlines()
        self.assertEqual(len(lines), 3, answer.stdout)
        self.assertRegex(lines[1], r'^new +0600 \S+ +open +1 +1 +0 +5 ')
        self.assertRegex(lines[2], rf'^ +{os.getpid()} .* both +open by relay')
        os.close(reader)
        os.close(creator)


if __name__ == '__main__':
    fifofs_test.main()
