# SPDX-License-Identifier: LGPL-2.1-or-later
"""What hostile users of a shared mount try; docs/security.md says which test answers which threat."""

import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import re
import select
import signal
import stat
import struct
import threading
import unittest

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, Mount, as_user, attempt, libc, libc_call, on_fifofs, stuck_in, wait_until)


PR_SET_NAME = 15
LAST_PID = '/proc/sys/kernel/ns_last_pid'

SYS_GETDENTS64, SYS_USERFAULTFD = 217, 323
UFFDIO_API, UFFDIO_REGISTER = 0xc018aa3f, 0xc020aa00
UFFD_API, UFFDIO_REGISTER_MODE_MISSING = 0xaa, 1


def listed(path):
    with open(path + '/.fifofs/pipes', encoding='utf-8') as pipes:
        return {entry['path']: entry for entry in map(json.loads, pipes)}


class Squatting(fifofs_test.TestCase):

    @on_fifofs('allow_other,rootmode=0755')
    def test_nobody_takes_a_name_where_he_may_not_create(self, directory):
        self.assertEqual(attempt(as_user, USER_B, os.mkfifo, directory + '/service'), 'EACCES')
        os.mkdir(directory + '/a', 0o755)
        os.chown(directory + '/a', USER_A, USER_A)
        self.assertEqual(attempt(as_user, USER_B, os.mkfifo, directory + '/a/service'), 'EACCES')
        as_user(USER_A, os.mkfifo, directory + '/a/service')

    @on_fifofs('allow_other,ceiling=0600')
    def test_squatter_gets_no_data_of_others(self, directory):
        """He has the name, but his FIFO can be opened by him alone: `> name` of others fails."""
        as_user(USER_B, os.mkfifo, directory + '/service', 0o666)
        self.assertEqual(stat.S_IMODE(os.stat(directory + '/service').st_mode), 0o600)
        self.assertEqual(attempt(as_user, USER_A, os.open, directory + '/service',
                                 os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK), 'EACCES')

    @on_fifofs('allow_other')
    def test_name_cannot_be_exchanged_under_its_owner(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/service')
        as_user(USER_B, os.mkfifo, directory + '/other')
        for names in (('other', 'service'), ('service', 'away')):
            self.assertEqual(attempt(as_user, USER_B, os.rename,
                                     *(f'{directory}/{name}' for name in names)), 'EPERM')


class Between(fifofs_test.TestCase):
    """Time of check, time of use."""

    @on_fifofs('allow_other,ceiling=0666')
    def test_no_moment_in_which_a_fifo_has_another_mode(self, directory):
        """Nobody gets in between mkfifo and chmod, as there is no need for a chmod."""
        path = directory + '/fifo'

        def make():
            os.umask(0)
            for _ in range(500):
                os.mkfifo(path, 0o600)
                os.unlink(path)

        maker = self.spawn(make, uid=USER_A)

        def intrude():
            answers = set()
            while select.select([ended], [], [], 0)[0] == []:
                answers.add(attempt(os.open, path, os.O_RDONLY | os.O_NONBLOCK))
            return answers

        ended = os.pidfd_open(maker.pid)
        try:
            answers = as_user(USER_B, intrude)
        finally:
            os.close(ended)
        maker.result()
        self.assertLessEqual(answers, {'EACCES', 'ENOENT'})

    @on_fifofs('allow_other')
    def test_links_that_lead_elsewhere_cannot_be_made(self, directory):
        os.mkfifo(directory + '/fifo')
        for uid in (0, USER_A):
            self.assertEqual(attempt(as_user, uid, os.symlink, '/etc/passwd', directory + '/link'),
                             'EPERM')
            self.assertEqual(attempt(as_user, uid, os.link, directory + '/fifo',
                                     directory + '/link'), 'EPERM')
        self.assertEqual(os.listdir(directory), ['fifo'])


class Creators(fifofs_test.TestCase):

    deadline_seconds = 60

    def test_process_with_the_pid_of_a_creator_is_not_the_creator(self):
        with Mount('allow_other,linger=0s,grace=0s') as mount:
            path = mount.path + '/fifo'
            alive, release = os.pipe()

            def create():
                os.close(release)
                os.mkfifo(path)
                os.read(alive, 1)

            creator = self.spawn(create)
            wait_until(lambda: os.path.exists(path), what='the FIFO')
            self.assertTrue(listed(mount.path)['fifo']['creator']['alive'])
            os.kill(mount.pid, signal.SIGSTOP)
            os.kill(mount.worker, signal.SIGSTOP)         # it cannot notice the end at once
            try:
                creator.end()
                other = self.take_pid(creator.pid)
            finally:
                os.kill(mount.worker, signal.SIGCONT)
                os.kill(mount.pid, signal.SIGCONT)
            self.addCleanup(os.waitpid, other, 0)
            self.addCleanup(os.kill, other, signal.SIGKILL)
            os.close(alive)
            os.close(release)
            wait_until(lambda: not os.path.exists(path), what='the FIFO of who is gone to go')
            os.kill(other, 0)

    def take_pid(self, pid):
        """Start processes until one has that pid; it waits for ever."""
        for _ in range(2000):
            with open(LAST_PID, 'w', encoding='ascii') as last:
                last.write(str(pid - 1))
            child = os.fork()
            if child == 0:
                with contextlib.suppress(BaseException):
                    signal.signal(signal.SIGALRM, signal.SIG_DFL)
                    libc.prctl(1, signal.SIGKILL, 0, 0, 0)
                    while True:
                        signal.pause()
                os._exit(0)
            if child == pid:
                return child
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        self.skipTest('others take all pids')
        return 0

    @on_fifofs('allow_other')
    def test_name_of_a_process_is_only_a_name(self, directory):
        """What /proc tells of a process may look like more of what /proc tells."""
        names = [b') R 1 1 1 (', b'a\nUid:\t0\t0\t', b'"}\\\x1b[2J', b'\xff\xfe', b'']

        def create(index, name):
            libc.prctl(PR_SET_NAME, name, 0, 0, 0)
            os.setsid()
            os.mkfifo(f'{directory}/{index}')
            return os.getpid()

        children = [self.spawn(create, index, name, uid=USER_A)
                    for index, name in enumerate(names)]
        pids = [child.result() for child in children]
        entries = listed(directory)
        for index, pid in enumerate(pids):
            self.assertEqual((entries[str(index)]['creator']['pid'], entries[str(index)]['uid']),
                             (pid, USER_A))


class Exhaustion(fifofs_test.TestCase):

    deadline_seconds = 60

    @on_fifofs('allow_other')
    def test_open_control_files_of_a_user_are_limited(self, directory):
        def hoard():
            held = []
            try:
                for _ in range(1000):
                    held.append(os.open(directory + '/.fifofs/pipes', os.O_RDONLY))
                    os.read(held[-1], 65536)
            except OSError as error:
                os.close(held.pop())
                held.append(os.open(directory + '/.fifofs/metrics', os.O_RDONLY))
                return errno.errorcode[error.errno], len(held)
            return None, len(held)

        self.assertEqual(as_user(USER_A, hoard), ('EMFILE', 256))
        # They were closed at its end, others are not concerned, and root has no limit.
        self.assertEqual(as_user(USER_A, hoard), ('EMFILE', 256))
        self.assertEqual(as_user(USER_B, hoard), ('EMFILE', 256))
        self.assertEqual(as_user(0, hoard), (None, 1000))

    @on_fifofs('allow_other')
    def test_name_of_any_length_costs_what_it_is_long(self, directory):
        """255 bytes and no more, however it is asked for."""
        os.mkfifo(directory + '/' + 'x' * 255)
        for function in (os.mkfifo, os.mkdir, os.stat, os.unlink):
            self.assertEqual(attempt(function, directory + '/' + 'x' * 256), 'ENAMETOOLONG')


class Locks(fifofs_test.TestCase):
    """Who reads a directory has its lock while the kernel writes to his memory, which may take long."""

    @staticmethod
    def memory_that_never_comes():
        """An address: who touches it waits for somebody to handle that, and nobody does."""
        fd = libc_call('syscall', SYS_USERFAULTFD, os.O_CLOEXEC)
        fcntl.ioctl(fd, UFFDIO_API, struct.pack('QQQ', UFFD_API, 0, 0))
        page = mmap.mmap(-1, mmap.PAGESIZE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        fcntl.ioctl(fd, UFFDIO_REGISTER, struct.pack(
            'QQQQ', address, mmap.PAGESIZE, UFFDIO_REGISTER_MODE_MISSING, 0))
        return page, address

    def hold(self, directory):
        """A child that holds the lock of the directory from now on."""
        def read():
            page, address = self.memory_that_never_comes()
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            libc.syscall(SYS_GETDENTS64, fd, ctypes.c_void_p(address), mmap.PAGESIZE)
            return page

        child = self.spawn(read)
        stuck_in(child.pid, 'userfault')
        return child

    @on_fifofs('allow_other')
    def test_others_go_on_while_somebody_holds_a_directory(self, directory):
        os.mkdir(directory + '/held')
        os.mkfifo(directory + '/held/there')
        os.mkdir(directory + '/free')
        held = self.hold(directory + '/held')
        waits = self.spawn(os.mkfifo, directory + '/held/new')      # behind the lock
        for i in range(50):
            path = f'{directory}/free/{i}'
            as_user(USER_A, os.stat, directory + '/free')
            os.mkfifo(path)
            os.close(os.open(path, os.O_RDWR))
            os.unlink(path)
        self.assertIn('held/there', listed(directory))
        held.end()
        waits.result()
        self.assertEqual(sorted(os.listdir(directory + '/held')), ['new', 'there'])

    def test_mount_ends_while_somebody_holds_a_directory(self):
        with Mount('allow_other,linger=0s,grace=0s') as mount:
            os.mkdir(mount.path + '/held')
            held = self.hold(mount.path + '/held')
            mount.end()
            held.end()


class Threads(fifofs_test.TestCase):

    @on_fifofs('allow_other')
    def test_user_with_many_waiting_calls_keeps_nobody_waiting(self, directory):
        """A hundred processes that wait in open() and in reads of events, and others do as before."""
        def wait(i):
            threading.Thread(target=lambda: os.read(
                os.open(directory + '/.fifofs/events', os.O_RDONLY), 1), daemon=True).start()
            os.open(f'{directory}/{i}', os.O_RDONLY | os.O_CREAT)

        children = [self.spawn(wait, i, uid=USER_B) for i in range(100)]
        wait_until(lambda: len(os.listdir(directory)) == 100, what='all to wait')
        as_user(USER_A, os.mkfifo, directory + '/mine')
        self.assertEqual(as_user(USER_A, os.stat, directory + '/mine').st_uid, USER_A)
        for child in children:
            child.end()


class Table(unittest.TestCase):
    """docs/security.md."""

    def test_each_test_that_it_names_is_there(self):
        root = os.path.join(os.path.dirname(__file__), '..', '..')
        with open(root + '/docs/security.md', encoding='utf-8') as text:
            rows = [line.split('|')[3] for line in text
                    if line.startswith('| ') and line.count('|') == 4]
        named = 0
        for row in rows:
            for file, names in re.findall(r'`([\w/.-]+\.(?:py|c))`([^`;]*)', row):
                path = file if '/' in file else 'tests/mount/' + file
                with open(f'{root}/{path}', encoding='utf-8') as source:
                    text = source.read()
                for name in re.findall(r'\w+_\w+(?<!FIFOFS_TEST_FIFOS)', names):
                    with self.subTest(file=file, name=name):
                        self.assertRegex(text, rf'(test_|\b){name}\b')
                        named += 1
        self.assertGreater(named, 20)


if __name__ == '__main__':
    fifofs_test.main()
