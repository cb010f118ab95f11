# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever creates a name makes a FIFO, or is refused and makes nothing."""

import collections
import errno
import itertools
import os
import signal
import socket
import stat
import subprocess
import threading

import fifofs_test
from fifofs_test import (
    USER_A, as_user, attempt, libc_call, on_both, on_fifofs, stuck_in_open,
    wait_until)

# What Python calls EOPNOTSUPP, which is the same number.
UNSUPPORTED = errno.errorcode[errno.EOPNOTSUPP]

AT_FDCWD = -100
AT_SYMLINK_FOLLOW = 0x400

PROCESSES = 100
ROUNDS = 60
STORM_NAMES = [f'name{n}' for n in range(4)]


def kind_of(path):
    """'FIFO', another kind of file, or None where nothing is."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    return 'FIFO' if stat.S_ISFIFO(mode) else stat.filemode(mode)[0]


def open_and_close(path, flags, mode=0o600):
    os.close(os.open(path, flags, mode))


class Making(fifofs_test.TestCase):

    @on_fifofs()
    def test_opening_with_create_makes_a_fifo_whatever_the_other_flags(self, directory):
        others = {'O_TRUNC': os.O_TRUNC, 'O_APPEND': os.O_APPEND, 'O_NOFOLLOW': os.O_NOFOLLOW,
                  'O_SYNC': os.O_SYNC, 'O_NOCTTY': os.O_NOCTTY, 'O_CLOEXEC': os.O_CLOEXEC}
        made = 0
        for count in range(len(others) + 1):
            for names in itertools.combinations(others, count):
                flags = sum(others[name] for name in names)
                for access in (os.O_RDWR, os.O_RDONLY | os.O_NONBLOCK, os.O_RDWR | os.O_NONBLOCK):
                    path = f'{directory}/{made}'
                    made += 1
                    descriptor = os.open(path, os.O_CREAT | flags | access, 0o600)
                    self.assertTrue(stat.S_ISFIFO(os.fstat(descriptor).st_mode), names)
                    self.assertEqual(os.fstat(descriptor).st_ino, os.stat(path).st_ino)
                    os.close(descriptor)
        self.assertEqual(len(os.listdir(directory)), made)

    @on_fifofs()
    def test_nonblocking_creation_of_a_write_end_makes_the_fifo_and_says_enxio(self, directory):
        flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK
        self.assertEqual(attempt(os.open, directory + '/fifo', flags), 'ENXIO')
        self.assertEqual(kind_of(directory + '/fifo'), 'FIFO')

    @on_fifofs()
    def test_blocking_creation_waits_for_the_other_end(self, directory):
        for flags, other in {
                os.O_WRONLY: os.O_RDONLY,
                os.O_WRONLY | os.O_TRUNC: os.O_RDONLY,
                os.O_WRONLY | os.O_APPEND: os.O_RDONLY,
                os.O_WRONLY | os.O_NOFOLLOW: os.O_RDONLY,
                os.O_RDONLY: os.O_WRONLY,
        }.items():
            with self.subTest(flags=flags):
                path = f'{directory}/fifo{flags}'
                opener = self.spawn(open_and_close, path, flags | os.O_CREAT)
                stuck_in_open(opener.pid)
                self.assertEqual(kind_of(path), 'FIFO')
                os.close(os.open(path, other))
                self.assertIsNone(opener.result())

    @on_fifofs()
    def test_two_creators_of_one_name_meet(self, directory):
        for turn in range(50):
            path = f'{directory}/{turn}'
            reader = self.spawn(open_and_close, path, os.O_RDONLY | os.O_CREAT)
            writer = self.spawn(open_and_close, path, os.O_WRONLY | os.O_CREAT)
            self.assertEqual((reader.result(), writer.result()), (None, None))
        self.assertEqual(len(os.listdir(directory)), 50)

    @on_fifofs()
    def test_fifo_that_exists_is_opened_by_create(self, directory):
        os.mkfifo(directory + '/fifo', 0o600)
        inode = os.stat(directory + '/fifo').st_ino
        for flags in (0, os.O_TRUNC, os.O_APPEND, os.O_NOFOLLOW):
            descriptor = os.open(directory + '/fifo', os.O_RDWR | os.O_CREAT | flags, 0o400)
            self.assertEqual(os.fstat(descriptor).st_ino, inode)
            os.close(descriptor)
        self.assertEqual(stat.S_IMODE(os.stat(directory + '/fifo').st_mode), 0o600)

    @on_both()
    def test_exclusive_creation_of_what_exists_is_eexist(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        answers = [
            attempt(os.open, f'{directory}/{name}', flags | os.O_CREAT | os.O_EXCL)
            for name in ('fifo', 'sub')
            for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_NONBLOCK)]
        self.assertEqual(answers, ['EEXIST'] * 8)

    @on_fifofs()
    def test_exclusive_creation_of_a_missing_name_makes_a_fifo_and_waits_for_nobody(self, directory):
        for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_NONBLOCK,
                      os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND,
                      os.O_RDWR | os.O_NOFOLLOW):
            open_and_close(directory + '/new', flags | os.O_CREAT | os.O_EXCL)
            self.assertEqual(kind_of(directory + '/new'), 'FIFO')
            os.unlink(directory + '/new')

    @on_fifofs()
    def test_refused_types_make_nothing(self, directory):
        os.mkfifo(directory + '/there')
        os.mkdir(directory + '/sub')
        device = os.makedev(1, 3)
        attempts = {
            'regular': (os.mknod, directory + '/new', stat.S_IFREG | 0o600),
            'regular without a type': (os.mknod, directory + '/new', 0o600),
            'character device': (os.mknod, directory + '/new', stat.S_IFCHR | 0o600, device),
            'block device': (os.mknod, directory + '/new', stat.S_IFBLK | 0o600, device),
            'whiteout': (os.mknod, directory + '/new', stat.S_IFCHR, 0),
            'socket': (os.mknod, directory + '/new', stat.S_IFSOCK | 0o600),
            'symlink': (os.symlink, 'there', directory + '/new'),
            'symlink in a directory': (os.symlink, '..', directory + '/sub/new'),
            'link': (os.link, directory + '/there', directory + '/new'),
            'link in a directory': (os.link, directory + '/there', directory + '/sub/new'),
        }
        for what, (function, *arguments) in attempts.items():
            with self.subTest(what):
                self.assertEqual(attempt(function, *arguments), 'EPERM')
                self.assertEqual(sorted(os.listdir(directory)), ['sub', 'there'])
                self.assertEqual(os.listdir(directory + '/sub'), [])
        self.assertEqual(os.stat(directory + '/there').st_nlink, 1)

    @on_fifofs()
    def test_socket_cannot_be_bound_to_a_name(self, directory):
        with socket.socket(socket.AF_UNIX) as unbound:
            self.assertEqual(attempt(unbound.bind, directory + '/socket'), 'EPERM')
        self.assertEqual(os.listdir(directory), [])

    @on_fifofs()
    def test_link_of_an_open_fifo_is_refused(self, directory):
        descriptor = self.open(directory + '/fifo', os.O_RDWR | os.O_CREAT)
        arguments = [AT_FDCWD, f'/proc/self/fd/{descriptor}'.encode(), AT_FDCWD,
                     os.fsencode(directory + '/second'), AT_SYMLINK_FOLLOW]
        self.assertEqual(attempt(libc_call, 'linkat', *arguments), 'EPERM')
        os.unlink(directory + '/fifo')
        self.assertEqual(attempt(libc_call, 'linkat', *arguments), 'ENOENT')
        self.assertEqual(os.listdir(directory), [])

    @on_fifofs()
    def test_file_without_a_name_is_not_supported(self, directory):
        for flags in (os.O_RDWR, os.O_WRONLY, os.O_WRONLY | os.O_EXCL):
            answer = attempt(os.open, directory, os.O_TMPFILE | flags, 0o600)
            self.assertEqual(answer, UNSUPPORTED)
        self.assertEqual(os.listdir(directory), [])

    @on_both()
    def test_impossible_creation_has_the_answer_of_tmpfs(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        os.mkdir(directory + '/gone')
        gone = self.open(directory + '/gone', os.O_RDONLY | os.O_DIRECTORY)
        os.rmdir(directory + '/gone')
        create = os.O_CREAT | os.O_RDWR
        return {
            'open a directory': attempt(os.open, directory + '/sub', create),
            'open with a slash': attempt(os.open, directory + '/new/', create),
            'open a FIFO with a slash': attempt(os.open, directory + '/fifo/', create),
            'open below a FIFO': attempt(os.open, directory + '/fifo/new', create),
            'open below nothing': attempt(os.open, directory + '/missing/new', create),
            'open a directory with create': attempt(os.open, directory + '/new',
                                                    os.O_CREAT | os.O_DIRECTORY | os.O_RDONLY),
            'open a FIFO as a directory': attempt(os.open, directory + '/fifo',
                                                  os.O_DIRECTORY | os.O_RDONLY),
            'mkfifo in a removed directory': attempt(os.mkfifo, 'new', dir_fd=gone),
            'mkdir in a removed directory': attempt(os.mkdir, 'new', dir_fd=gone),
            'open in a removed directory': attempt(os.open, 'new', create, dir_fd=gone),
            'mkfifo at dot': attempt(os.mkfifo, directory + '/sub/.'),
            'mkfifo at dots': attempt(os.mkfifo, directory + '/sub/..'),
            'mkdir of the root': attempt(os.mkdir, directory),
            'there': sorted(os.listdir(directory)),
        }

    @on_fifofs('allow_other,rootmode=0755')
    def test_directory_that_is_closed_to_the_caller_takes_no_name(self, directory):
        for function, *arguments in [
                (os.mkfifo, directory + '/new'),
                (os.mkdir, directory + '/new'),
                (os.open, directory + '/new', os.O_RDWR | os.O_CREAT)]:
            self.assertEqual(attempt(as_user, USER_A, function, *arguments), 'EACCES')
        self.assertEqual(os.listdir(directory), [])

    @on_fifofs()
    def test_shell_makes_fifos_by_redirection(self, directory):
        shell = self.start('echo one > fifo & until cat < fifo; do :; done 2> /dev/null; wait',
                           cwd=directory, stdout=subprocess.PIPE)
        told, _ = shell.communicate(timeout=10)
        self.assertEqual(told, b'one\n')
        self.assertEqual(kind_of(directory + '/fifo'), 'FIFO')

        for command in ('ln fifo new', 'ln -s fifo new'):
            self.assertNotEqual(subprocess.run(['bash', '-c', command], cwd=directory,
                                               stderr=subprocess.DEVNULL).returncode, 0)
        self.assertEqual(os.listdir(directory), ['fifo'])

    @on_fifofs()
    def test_thread_may_create(self, directory):
        answers = []
        threads = [threading.Thread(
            target=lambda n=n: answers.append(attempt(os.mkfifo, f'{directory}/{n}')))
            for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [None] * 8)
        self.assertEqual(len(os.listdir(directory)), 8)


def raw_open(path, flags):
    """open(2) without Python's own repetition of what a signal interrupted."""
    descriptor = libc_call('open', os.fsencode(path), flags, 0o600)
    os.close(descriptor)


# In an order in which each succeeds also where nobody interferes.
STORM = {
    'mkfifo': os.mkfifo,
    'create': lambda path: open_and_close(path, os.O_RDWR | os.O_CREAT),
    'create and truncate': lambda path: open_and_close(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC),
    'open': lambda path: open_and_close(path, os.O_RDWR),
    'stat': os.stat,
    'rename': lambda path: os.rename(path, path + '-moved'),
    'rename back': lambda path: os.rename(path + '-moved', path),
    'unlink': os.unlink,
}


def storm(directory, seed, rounds, interval=0.0):
    """Do all of the above to a few names in a row; returns how often each answer was given."""
    answers = collections.Counter()
    if interval:
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.siginterrupt(signal.SIGALRM, bool(seed % 2))
        signal.setitimer(signal.ITIMER_REAL, interval, interval)
    for turn in range(rounds):
        path = f'{directory}/{STORM_NAMES[(seed + turn) % len(STORM_NAMES)]}'
        for what, function in STORM.items():
            answer = attempt(function, path)
            answers[what, answer if isinstance(answer, str) else None] += 1
    if interval:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return answers


class Storms(fifofs_test.TestCase):
    """Many processes at once on the same few names: no answer that tmpfs does not give."""

    deadline_seconds = 60

    def storm(self, directory, interval=0.0, processes=PROCESSES):
        children = [self.spawn(storm, directory, n, ROUNDS, interval) for n in range(processes)]
        answers = collections.Counter()
        for child in children:
            answers.update(child.result())
        return answers

    def assert_expected(self, answers):
        """Those of tmpfs by the manual; a reference run could miss a rare one."""
        expected = {
            'mkfifo': {None, 'EEXIST'},
            'create': {None},
            'create and truncate': {None},
            'open': {None, 'ENOENT'},
            'unlink': {None, 'ENOENT'},
            'stat': {None, 'ENOENT'},
            'rename': {None, 'ENOENT'},
            'rename back': {None, 'ENOENT'},
        }
        unexpected = {answer: count for answer, count in answers.items()
                      if answer[1] not in expected[answer[0]]}
        self.assertEqual(unexpected, {})
        for what in STORM:
            self.assertGreater(answers[what, None], 0, f'no {what} succeeded')

    @on_both()
    def test_hundred_processes_get_no_answer_that_tmpfs_does_not_give(self, directory):
        self.assert_expected(self.storm(directory))

    @on_both()
    def test_signals_in_the_middle_change_no_answer(self, directory):
        self.assert_expected(self.storm(directory, interval=0.0003, processes=20))

    @on_fifofs()
    def test_processes_killed_in_the_middle_leave_a_working_mount(self, directory):
        for _ in range(10):
            children = [self.spawn(storm, directory, n, 10**9) for n in range(8)]
            wait_until(lambda: os.listdir(directory), what='the storm')
            for child in children:
                child.end()
        for name in os.listdir(directory):
            self.assertEqual(kind_of(f'{directory}/{name}'), 'FIFO')
            os.unlink(f'{directory}/{name}')
        os.mkfifo(directory + '/fifo')
        self.assertEqual(os.listdir(directory), ['fifo'])

    @on_fifofs()
    def test_interrupted_creation_waits_on_or_says_so(self, directory):
        def interrupted(path, restart):
            signal.signal(signal.SIGUSR1, lambda *_: None)
            signal.siginterrupt(signal.SIGUSR1, not restart)
            return attempt(raw_open, path, os.O_WRONLY | os.O_CREAT)

        for restart, expected in ((False, 'EINTR'), (True, None)):
            with self.subTest(restart=restart):
                path = f'{directory}/restart-{restart}'
                opener = self.spawn(interrupted, path, restart)
                stuck_in_open(opener.pid)
                opener.send_signal(signal.SIGUSR1)
                if restart:
                    self.wait_until_asleep_again(opener.pid)
                    os.close(os.open(path, os.O_RDONLY))
                self.assertEqual(opener.result(), expected)
                self.assertEqual(kind_of(path), 'FIFO')

    @staticmethod
    def wait_until_asleep_again(pid):
        def signal_is_handled():
            with open(f'/proc/{pid}/status', encoding='ascii') as status:
                lines = dict(line.split(':\t', 1) for line in status if ':\t' in line)
            return int(lines['ShdPnd'], 16) == int(lines['SigPnd'], 16) == 0

        wait_until(signal_is_handled)
        stuck_in_open(pid)

    @on_fifofs()
    def test_creators_and_removers_of_directories_get_no_strange_answer(self, directory):
        answers = collections.Counter()
        for child in [self.spawn(churn_directories, directory, n) for n in range(20)]:
            answers.update(child.result())
        self.assertLessEqual(set(answers), {
            ('mkdir', None), ('mkdir', 'EEXIST'), ('mkfifo', None), ('mkfifo', 'EEXIST'),
            ('mkfifo', 'ENOENT'), ('create', None), ('create', 'ENOENT'), ('unlink', None),
            ('unlink', 'ENOENT'), ('rmdir', None), ('rmdir', 'ENOENT'), ('rmdir', 'ENOTEMPTY')})


def churn_directories(directory, seed):
    answers = collections.Counter()
    for turn in range(ROUNDS):
        sub = f'{directory}/sub{(seed + turn) % 2}'
        for what, function, path in (
                ('mkdir', os.mkdir, sub), ('mkfifo', os.mkfifo, sub + '/a'),
                ('create', STORM['create'], sub + '/b'), ('unlink', os.unlink, sub + '/a'),
                ('unlink', os.unlink, sub + '/b'), ('rmdir', os.rmdir, sub)):
            answers[what, attempt(function, path)] += 1
    return answers


if __name__ == '__main__':
    fifofs_test.main()
