# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody keeps a lock for long that a relay needs, or the supervisor: of a directory, or of a pipe."""

import contextlib
import ctypes
import fcntl
import mmap
import os
import select
import signal
import socket
import struct
import threading

import fifofs_test
from fault_support import PATIENCE_SECONDS, settle, start_stepped
from fifofs_test import (
    Mount, attempt, libc_call, mounted, stuck_in, stuck_in_open, wait_until)

# What a thread sleeps in whose request waits for its answer.
WAITS = 'request_wait_answer'

# userfaultfd(2), ioctl_userfaultfd(2)
_SYS_USERFAULTFD = 323
_UFFDIO_API, _UFFDIO_REGISTER, _UFFDIO_ZEROPAGE = 0xc018aa3f, 0xc020aa00, 0xc020aa04
_UFFD_API, _REGISTER_MODE_MISSING = 0xaa, 1


def create(path, access=os.O_RDWR):
    return os.open(path, os.O_CREAT | os.O_EXCL | access, 0o600)


def read_and_keep_the_lock(path, closed, event):
    """Read 10 bytes into memory that is not there before the event is written to.

    Until then the pipe is locked (fs/pipe.c pipe_read()).
    """
    fault = libc_call('syscall', _SYS_USERFAULTFD, os.O_CLOEXEC)
    fcntl.ioctl(fault, _UFFDIO_API, struct.pack('QQQ', _UFFD_API, 0, 0))
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(fault, _UFFDIO_REGISTER,
                struct.pack('QQQQ', address, mmap.PAGESIZE, _REGISTER_MODE_MISSING, 0))
    descriptor = os.open(path, os.O_RDONLY)
    for other in closed:
        os.close(other)

    def give_memory():
        os.eventfd_read(event)
        fcntl.ioctl(fault, _UFFDIO_ZEROPAGE, struct.pack('QQQQ', address, mmap.PAGESIZE, 0, 0))

    threading.Thread(target=give_memory).start()
    return libc_call('read', descriptor, ctypes.c_void_p(address), ctypes.c_size_t(10))


class LockTestCase(fifofs_test.TestCase):
    deadline_seconds = 120

    def locked(self, path, closed):
        """Whoever has the pipe locked, and the event that ends that."""
        event = os.eventfd(0)
        self.addCleanup(os.close, event)
        reader = self.spawn(read_and_keep_the_lock, path, closed, event)
        stuck_in(reader.pid, 'userfault')
        return reader, event

    @staticmethod
    def sleeps_uninterruptibly(pid):
        for task in os.listdir(f'/proc/{pid}/task'):
            # It may end meanwhile.
            with (contextlib.suppress(OSError),
                  open(f'/proc/{pid}/task/{task}/stat', encoding='ascii') as stat):
                if stat.read().rpartition(') ')[2][0] == 'D':
                    return True
        return False


class Pipes(LockTestCase):
    def check_that_all_get_their_own(self, replace):
        """A dead thread that moves bytes once it has the lock moves them nowhere."""
        with Mount('lifetime=keep') as mount:
            settle(mount.path)
            a, b, c = ends = [create(f'{mount.path}/{name}') for name in 'abc']
            for end, size in ((a, 100), (b, 50), (c, 50)):
                os.write(end, b'abc'[ends.index(end):][:1] * size)
            holder, event = self.locked(mount.path + '/a', ends)
            reader = self.spawn(attempt, os.read, a, 100)
            stuck_in(reader.pid, WAITS)
            worker = mount.worker
            wait_until(lambda: self.sleeps_uninterruptibly(worker), PATIENCE_SECONDS, 'the relay thread to wait')
            replace(mount)
            # One thread cannot end, and so the first stays as well.
            wait_until(lambda: len(os.listdir(f'/proc/{worker}/task')) == 2, PATIENCE_SECONDS,
                       'the others to end')
            self.assertEqual(self.spawn(os.listdir, mount.path).result(), ['a', 'b', 'c'])
            os.eventfd_write(event, 1)
            self.assertEqual(holder.result(), 10)
            self.assertEqual(reader.result(), 'EIO')
            for end, own in ((b, b'b' * 50), (c, b'c' * 50)):
                self.assertEqual(os.read(end, 100), own)
                os.set_blocking(end, False)
                self.assertEqual(attempt(os.read, end, 100), 'EAGAIN')
            for end in ends:
                os.close(end)

    def test_all_get_their_own_after_a_kill(self):
        self.check_that_all_get_their_own(lambda mount: os.kill(mount.worker, signal.SIGKILL))

    def test_all_get_their_own_after_an_upgrade(self):
        self.check_that_all_get_their_own(lambda mount: os.kill(mount.pid, signal.SIGUSR2))

    def create_locked(self, mount):
        """The creator's end of a FIFO whose pipe is locked, and the event that ends that."""
        path = mount.path + '/a'
        settle(mount.path)
        end = create(path)
        os.write(end, bytes(100))
        _, event = self.locked(path, [end])
        return end, event

    def test_the_supervisor_waits_for_none(self):
        with Mount('lifetime=keep') as mount:
            end, event = self.create_locked(mount)
            os.close(end)
            wait_until(lambda: self.sleeps_uninterruptibly(mount.worker), PATIENCE_SECONDS,
                       'the relay thread to wait')
            os.kill(mount.worker, signal.SIGKILL)
            self.assertEqual(self.spawn(os.listdir, mount.path).result(), ['a'])
            os.eventfd_write(event, 1)

    def test_the_mount_ends_all_the_same(self):
        """Only the supervisor waits, as whoever closes the pipe last does."""
        with Mount('lifetime=keep') as mount:
            end, event = self.create_locked(mount)
            os.kill(mount.pid, signal.SIGTERM)
            try:
                wait_until(lambda: not mounted(mount.path), PATIENCE_SECONDS, 'the end of the mount')
            finally:
                os.eventfd_write(event, 1)
            os.close(end)
            mount.wait()

    def test_buffers_that_hold_more_than_a_page_leave_room(self):
        """As those do that were spliced from a socket."""
        with Mount('lifetime=keep') as mount:
            path = mount.path + '/a'
            end = create(path)
            os.write(end, b'x')
            os.read(end, 1)
            with socket.create_server(('127.0.0.1', 0)) as server, \
                    socket.create_connection(server.getsockname()) as sender:
                receiver, _ = server.accept()
                with receiver:
                    sender.sendall(bytes(300000))
                    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                    n = 0
                    while n < 70000:
                        n += os.splice(receiver.fileno(), writer, 1 << 20)
            poll = select.poll()
            poll.register(writer, select.POLLOUT)
            self.assertTrue(poll.poll(0), 'the FIFO is full')
            os.set_blocking(end, False)
            self.assertGreater(os.write(end, bytes(8192)), 0)
            os.close(writer)
            os.close(end)


class Holds(LockTestCase):
    """The supervisor has an end of the pipe open."""

    def setUp(self):
        self.mount = self.enterContext(Mount('lifetime=keep'))
        self.path = self.mount.path + '/a'
        settle(self.mount.path)
        os.mkfifo(self.path)
        os.setxattr(self.path, 'fifofs.hold', b'read')

    def assert_a_worker_is_replaced(self, event):
        wait_until(lambda: self.sleeps_uninterruptibly(self.mount.pid), PATIENCE_SECONDS,
                   'a thread of the supervisor to wait')
        self.mount.kill_worker()
        client = self.spawn(os.listdir, self.mount.path)
        wait_until(client.has_ended, PATIENCE_SECONDS, 'the next worker to answer')
        os.eventfd_write(event, 1)

    def test_a_writer_who_goes_keeps_nobody_waiting(self):
        writers = [os.open(self.path, os.O_WRONLY) for _ in range(2)]
        os.write(writers[0], bytes(100))
        reader, event = self.locked(self.path, writers)
        closer = threading.Thread(target=os.close, args=writers[:1])
        closer.start()
        self.assert_a_worker_is_replaced(event)
        closer.join()
        self.assertEqual(reader.result(), 10)
        os.close(writers[1])

    def test_what_is_removed_keeps_nobody_waiting(self):
        writer = os.open(self.path, os.O_WRONLY)
        os.write(writer, bytes(100))
        reader, event = self.locked(self.path, [writer])
        os.unlink(self.path)
        self.assert_a_worker_is_replaced(event)
        self.assertEqual(reader.result(), 10)
        os.close(writer)


class Directories(fifofs_test.TestCase):
    deadline_seconds = 120

    def setUp(self):
        self.steps, self.mount = start_stepped(self, 'lifetime=keep')
        self.path = self.mount.path
        settle(self.path)
        self.known = create(self.path + '/known')
        os.write(self.known, b'1')

    def tearDown(self):
        os.close(self.known)

    def queued(self, path, access):
        """One that is created while the relay thread waits, and so is still to be opened."""
        self.steps.arm(0, 'opened', 0)
        first = create(path + '-first')
        wait_until(lambda: self.steps.waits, PATIENCE_SECONDS, 'the relay thread to be there')
        return first, create(path, access)

    def test_who_renames_into_the_control_directory_stops_nobody(self):
        """rename(2) has the locks of both directories while it looks the name up."""
        os.mkdir(self.path + '/d')
        ends = self.queued(self.path + '/d/a', os.O_RDWR)
        renamer = self.spawn(attempt, os.rename, self.path + '/d/a', self.path + '/.fifofs/b')
        stuck_in(renamer.pid, WAITS)
        self.steps.disarm()
        self.assertEqual(renamer.result(), 'EPERM')
        self.assertEqual(os.write(self.known, b'2'), 1)
        for end in ends:
            os.close(end)

    def test_who_waits_to_write_is_not_let_go_by_the_next_worker_either(self):
        """It opens what the last one has not, and is a reader for a moment."""
        ends = self.queued(self.path + '/a', os.O_WRONLY)
        writers = [self.spawn(attempt, os.open, self.path + '/a', os.O_WRONLY) for _ in range(3)]
        for writer in writers:
            stuck_in(writer.pid, WAITS)
        self.mount.kill_worker()
        self.steps.disarm()
        settle(self.path)
        for writer in writers:
            stuck_in_open(writer.pid)
        for end in ends:
            os.close(end)

    def test_no_reader_is_seen_once_many_are_closed_at_once(self):
        """More than the kernel has under way in the background by itself."""
        for turn in range(10):
            ends = [create(f'{self.path}/{turn}-{number}') for number in range(60)]
            for end in ends:
                os.write(end, b'x')
                os.read(end, 1)
            for end in ends:
                os.close(end)
            for number in (59, 40, 0):
                path = f'{self.path}/{turn}-{number}'
                self.assertEqual(attempt(os.open, path, os.O_WRONLY | os.O_NONBLOCK), 'ENXIO')


if __name__ == '__main__':
    fifofs_test.main()
