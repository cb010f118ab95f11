# SPDX-License-Identifier: LGPL-2.1-or-later
"""hold: the daemon keeps ends of FIFOs open, and nobody is fooled by that.

What is held is looked up in /proc of the supervisor; what the daemon thinks of it, in its own list,
which touches no FIFO.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
import unittest

import fifofs_test
from fifofs_test import (
    SLOWNESS, USER_A, USER_B, Mount, as_user, attempt, fifoctl, libc_call, mounted, wait_until)
from lifetime_support import LifetimeTestCase, goes, pipes, set_policy, stays, timed

PIPE_BYTES = 65536
READ, WRITE, BOTH = [os.O_RDONLY], [os.O_WRONLY], [os.O_RDONLY, os.O_WRONLY]

# As fs/handover.h has it.
MOST_OF_A_USER = 256

_PR_SET_NAME = 15


def write_all(path, data):
    with open(path, 'wb', buffering=0) as fifo:
        fifo.write(data)


def write_lines(path, who, count):
    for number in range(count):
        write_all(path, b'%d %d\n' % (who, number))


def read_all(path):
    with open(path, 'rb', buffering=0) as fifo:
        return b''.join(iter(lambda: fifo.read(PIPE_BYTES), b''))


def read_some(path):
    with open(path, 'rb', buffering=0) as fifo:
        return fifo.read(PIPE_BYTES)


class HoldTestCase(LifetimeTestCase):
    deadline_seconds = 60

    def mount(self, options='linger=1h'):
        return super().mount(options)

    def ends(self, name):
        """What the supervisor has open of the FIFO: the access modes."""
        if name not in self.ids:
            self.ids[name] = pipes(self.daemon.path)[name]['id']
        device = os.stat(self.daemon.path).st_dev
        found = []
        for fd in os.listdir(f'/proc/{self.daemon.pid}/fd'):
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(f'/proc/{self.daemon.pid}/fd/{fd}')
                if (status.st_dev, status.st_ino) != (device, self.ids[name]):
                    continue
                with open(f'/proc/{self.daemon.pid}/fdinfo/{fd}', encoding='ascii') as info:
                    flags = int(info.read().split('flags:')[1].split()[0], 8)
                found.append('path' if flags & os.O_PATH else flags & os.O_ACCMODE)
        return sorted(found, key=str)

    def setUp(self):
        self.ids = {}

    def fifo(self, name, hold=None):
        """Made by a process that has ended."""
        path = f'{self.daemon.path}/{name}'
        self.create(path)
        self.ids[name] = pipes(self.daemon.path)[name]['id']
        if hold:
            set_policy(path, hold=hold)
        return path

    def wait_for_ends(self, name, wanted):
        wait_until(lambda: self.ends(name) == wanted, what=f'{wanted} of {name} to be open')

    def wait_for_no_descriptors(self, most):
        wait_until(lambda: len(os.listdir(f'/proc/{self.daemon.pid}/fd')) <= most,
                   what='the ends to be closed')


class WhatIsKept(HoldTestCase):
    """Bytes, and who notices an end."""

    def test_one_reader_reads_many_writers_without_an_end(self):
        self.mount()
        path = self.fifo('a', 'write')
        reader = self.spawn(read_all, path)
        writers = [self.spawn(write_lines, path, who, 100) for who in range(4)]
        for writer in writers:
            writer.result()
        set_policy(path, hold='none')
        lines = reader.result().split(b'\n')[:-1]
        for who in range(4):
            self.assertEqual([line for line in lines if line.split()[0] == b'%d' % who],
                             [b'%d %d' % (who, number) for number in range(100)])

    def test_no_end_is_seen_between_writers_by_who_never_waits(self):
        self.mount()
        for hold in ('write', 'both'):
            path = self.fifo(hold, hold)
            fd = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
            with self.assertRaises(BlockingIOError):
                os.read(fd, 1)
            for _ in range(50):
                write_all(path, b'x')
                self.assertEqual(os.read(fd, 10), b'x')
                with self.assertRaises(BlockingIOError):
                    os.read(fd, 1)

    def test_a_reader_of_hold_write_need_not_wait_for_a_writer(self):
        self.mount('linger=1h,hold=write')
        path = self.fifo('a')
        self.open(path, os.O_RDONLY)

    def test_who_creates_exclusively_need_not_wait_for_a_reader_either(self):
        self.mount('linger=1h,hold=read')
        path = self.daemon.path + '/a'
        with open(path, 'xb', buffering=0) as fifo:
            fifo.write(b'early')
        self.assertEqual(read_some(path), b'early')

    def test_writers_still_wait_for_a_reader_with_hold_write(self):
        self.mount()
        path = self.fifo('a')
        writer = self.spawn(write_all, path, b'early')
        fifofs_test.stuck_in_open(writer.pid)
        set_policy(path, hold='write')
        fifofs_test.stuck_in_open(writer.pid)
        self.assertEqual(attempt(os.open, path, os.O_WRONLY | os.O_NONBLOCK), 'ENXIO')
        self.assertEqual(read_some(path), b'early')
        writer.result()

    def test_a_writer_before_the_reader_loses_nothing(self):
        self.mount()
        for hold in ('read', 'both'):
            path = self.fifo(hold, hold)
            block = os.urandom(PIPE_BYTES)
            self.spawn(write_all, path, block).result()
            fd = self.open(path, os.O_WRONLY | os.O_NONBLOCK)
            self.assertEqual(attempt(os.write, fd, b'x'), 'EAGAIN')
            self.close(fd)
            fd = self.open(path, os.O_RDONLY)
            self.assertEqual(os.read(fd, PIPE_BYTES), block)

    def test_a_reader_after_the_last_writer_gets_all_and_then_the_end(self):
        self.mount('linger=1h,hold=read')
        path = self.fifo('a')
        for number in range(30):
            write_all(path, b'%d' % number)
            self.assertEqual(self.spawn(read_all, path).result(), b'%d' % number)

    def test_a_reader_and_a_writer_at_once_miss_each_other_never(self):
        self.mount('linger=1h,hold=read')
        path = self.fifo('a')
        for number in range(60):
            reader = self.spawn(read_all, path)
            write_all(path, b'%d' % number)
            self.assertEqual(reader.result(), b'%d' % number)

    def test_who_reads_a_part_leaves_the_rest(self):
        self.mount('linger=1h,hold=read')
        path = self.fifo('a')
        write_all(path, b'one two three')
        for wanted in (b'one ', b'two ', b'three'):
            fd = self.open(path, os.O_RDONLY)
            self.assertEqual(os.read(fd, 4 if wanted != b'three' else 100), wanted)
            self.close(fd)

    def test_a_reader_who_is_there_sees_the_end_of_the_last_writer(self):
        self.mount('linger=1h,hold=read')
        path = self.fifo('a')
        for _ in range(20):
            reader = self.spawn(read_all, path)
            fifofs_test.stuck_in_open(reader.pid)
            write_all(path, b'x' * 100)
            self.assertEqual(reader.result(), b'x' * 100)

    def test_a_writer_outlives_its_reader_without_sigpipe(self):
        self.mount()
        for hold in ('read', 'both'):
            path = self.fifo(hold, hold)
            reader = self.spawn(read_some, path)
            writer = self.open(path, os.O_WRONLY)
            os.write(writer, b'read')
            self.assertEqual(reader.result(), b'read')
            self.assertEqual(os.write(writer, b'kept'), 4)
            self.assertEqual(self.spawn(read_some, path).result(), b'kept')
            self.close(writer)

    def test_it_holds_what_its_capacity_says(self):
        self.mount('linger=1h,capacity=1M,hold=read')
        path = self.fifo('a')
        block = os.urandom(1 << 20)
        fd = self.open(path, os.O_WRONLY | os.O_NONBLOCK)
        self.assertEqual(os.write(fd, block), len(block))
        self.close(fd)
        self.assertEqual(self.spawn(read_all, path).result(), block)

    def test_it_is_held_when_its_maker_is_told_that_it_is_there(self):
        base = self.mount('linger=1h,hold=read')
        for number in range(100):
            path = f'{base}/{number}'
            os.mkfifo(path)
            self.close(self.open(path, os.O_WRONLY | os.O_NONBLOCK))
            self.close(self.open(path + 'x', os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT))
            os.unlink(path)
            os.unlink(path + 'x')

    def test_it_is_held_when_who_sets_the_attribute_is_told_so(self):
        self.mount()
        for hold, wanted in (('read', READ), ('both', BOTH), ('none', []), ('read', READ)):
            path = self.fifo('a') if not self.ids else path
            set_policy(path, hold=hold)
            self.assertEqual(self.ends('a'), wanted)

    def test_who_waits_is_released_after_open_timeout(self):
        self.mount('linger=1h,open-timeout=400ms')
        for hold, flags in (('read', os.O_RDONLY), ('write', os.O_WRONLY)):
            path = self.fifo(hold, hold)
            kept = self.ends(hold)
            self.spawn(os.open, path, flags).result()
            self.assertIn(self.ends(hold), (kept, WRITE))


class Lifetimes(HoldTestCase):
    """They are those of a FIFO that nobody holds."""

    def test_use_removes_at_the_last_close(self):
        self.mount('lifetime=use')
        for hold in ('read', 'write', 'both'):
            path = self.fifo(hold, hold)
            fd = self.open(path, os.O_RDWR)
            self.expect(stays(hold))
            closed = timed(self.close, fd)
            self.expect(goes(hold, closed))
        self.wait_for_no_descriptors(40)

    def test_linger_counts_from_the_last_close(self):
        self.mount('linger=800ms')
        for hold in ('read', 'write', 'both'):
            path = self.fifo(hold, hold)
            fd = self.open(path, os.O_RDWR)
            closed = timed(self.close, fd)
            self.expect(goes(hold, closed, 0.8))

    def test_bytes_go_with_it_when_it_is_due_and_not_before(self):
        self.mount('linger=2500ms')
        for hold in ('read', 'both'):
            path = self.fifo(hold, hold)
            written = timed(write_all, path, b'lost in the end')
            time.sleep(1.2)
            self.assertEqual(self.ends(hold), READ + WRITE if hold == 'read' else BOTH)
            self.expect(goes(hold, written, 2.5))

    def test_in_use_stays_however_long(self):
        for hold, flags in (('read', os.O_WRONLY), ('read', os.O_RDWR), ('write', os.O_RDONLY),
                            ('both', os.O_RDONLY), ('both', os.O_WRONLY)):
            self.mount('linger=0')
            path = self.fifo('a', hold)
            fd = self.open(path, flags)
            self.wait_for_state(self.daemon.path, 'a', 'in-use')
            self.expect(stays('a', 2.5))
            closed = timed(self.close, fd)
            self.expect(goes('a', closed))

    def test_a_reader_alone_keeps_what_is_held_for_reading(self):
        self.mount('linger=0')
        path = self.fifo('a', 'read')
        fd = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.expect(stays('a', 2.5))
        self.assertEqual(attempt(os.read, fd, 1), b'')
        self.assertEqual(self.ends('a'), READ)
        closed = timed(self.close, fd)
        self.expect(goes('a', closed))

    def test_who_waits_in_open_keeps_it(self):
        self.mount('grace=300ms,linger=300ms')
        for hold, flags in (('write', os.O_WRONLY), ('read', os.O_RDONLY)):
            path = f'{self.daemon.path}/{hold}'
            creator = self.living_creator(path)
            set_policy(path, hold=hold)
            waiter = self.waiter(path, flags)
            creator.end()
            self.expect(stays(hold, 3))
            fifofs_test.stuck_in_open(waiter.pid)
            ended = timed(waiter.end)
            self.expect(goes(hold, ended, 0, within=3))

    def test_one_never_used_goes_after_grace(self):
        self.mount('grace=800ms')
        for hold in ('read', 'write', 'both'):
            path = f'{self.daemon.path}/{hold}'
            creator = self.living_creator(path)
            set_policy(path, hold=hold)
            self.expect(stays(hold, 1.2))
            ended = timed(creator.end)
            self.expect(goes(hold, ended))

    def test_process_takes_it_from_who_uses_it(self):
        self.mount('lifetime=process,hold=both')
        path = self.daemon.path + '/a'
        creator = self.living_creator(path)
        fd = self.open(path, os.O_RDONLY)
        ended = timed(creator.end)
        self.expect(goes('a', ended))
        wait_until(lambda: attempt(os.read, fd, 1) == b'', what='the end')

    def test_keep_keeps_it_with_its_bytes(self):
        self.mount('linger=0,grace=0')
        path = f'{self.daemon.path}/a'
        creator = self.living_creator(path)
        set_policy(path, hold='read', lifetime='keep')
        creator.end()
        write_all(path, b'kept')
        self.expect(stays('a', 2.5))
        self.assertEqual(self.spawn(read_all, path).result(), b'kept')

    def test_max_age_ends_it(self):
        self.mount('linger=1h,max-age=1s,hold=write')
        made = self.create(self.daemon.path + '/a')
        self.open(self.daemon.path + '/a', os.O_RDONLY)
        self.expect(goes('a', made, 1))

    @unittest.skipIf(SLOWNESS > 1, 'ThreadSanitizer has a thread of its own that never rests')
    def test_what_is_held_costs_nothing_while_idle(self):
        self.mount('linger=1s,lifetime=keep,hold=both')
        for name in 'abc':
            self.fifo(name)
            self.wait_for_state(self.daemon.path, name, 'new', 'idle')

        def turns():
            total = 0
            for pid in (self.daemon.pid, self.daemon.worker):
                for task in os.listdir(f'/proc/{pid}/task'):
                    with open(f'/proc/{pid}/task/{task}/status', encoding='ascii') as status:
                        total += sum(int(line.split()[1]) for line in status
                                     if 'ctxt_switches' in line)
            return total

        def rest():
            before = turns()
            time.sleep(2.5)
            return turns() - before <= 1            # the sum is no single moment
        wait_until(rest, 30, what='the daemon to do nothing')


class WhereItIsSet(HoldTestCase):

    def test_directories_and_the_mount_pass_it_on(self):
        base = self.mount('linger=1h,hold=read')
        os.mkdir(base + '/d')
        set_policy(base + '/d', hold='both')
        os.mkdir(base + '/d/below')
        os.mkdir(base + '/e')
        set_policy(base + '/e', hold='none')
        for name, wanted in (('a', READ), ('d/b', BOTH), ('d/below/c', BOTH), ('e/d', [])):
            self.fifo(name)
            self.wait_for_ends(name, wanted)

    def test_the_configuration_file_declares_it(self):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as config:
            config.write('[fifofs]\nlinger=1h\n[pipe "log"]\nhold=both\n[pipe "in"]\nhold=read\n')
            config.flush()
            base = self.mount(f'config={config.name}')
            self.wait_for_ends('log', BOTH)
            self.close(self.open(base + '/in', os.O_WRONLY | os.O_NONBLOCK))
            with open(config.name, 'w', encoding='utf-8') as stream:
                stream.write('[fifofs]\nlinger=1h\n[pipe "log"]\nhold=none\n[pipe "new"]\nhold=read\n')
            os.kill(self.daemon.pid, signal.SIGHUP)
            self.wait_for_ends('log', [])
            self.wait_for_ends('new', READ)

    def test_who_writes_a_bad_value_is_told_the_good_ones(self):
        words = 'none, read, write or both'
        shown = fifoctl('set', 'hold=foo', self.mount())
        self.assertEqual((shown.returncode, shown.stderr),
                         (2, f'fifoctl: bad value: hold=foo: it is {words}\n'))
        mounted_so = subprocess.run(
            [fifofs_test.binary('FIFOFS_BIN'), '-o', 'hold=foo', '/nonexistent'],
            capture_output=True, text=True, check=False)
        self.assertEqual(mounted_so.stderr,
                         f"fifofs: bad value 'foo' for option 'hold': write {words}\n")

    def test_a_bad_value_is_refused_and_changes_nothing(self):
        self.mount()
        path = self.fifo('a', 'read')
        for bad in (b'', b'all', b'READ', b'read ', b'write,read', b'r', b'x' * 256, b'\xff'):
            self.assertEqual(attempt(os.setxattr, path, 'fifofs.hold', bad), 'EINVAL')
        self.assertEqual(os.getxattr(path, 'fifofs.hold'), b'read')
        self.assertEqual(self.ends('a'), READ)

    def test_it_can_be_changed_while_bytes_are_in_it(self):
        self.mount()
        path = self.fifo('a', 'read')
        write_all(path, b'kept')
        for hold in ('both', 'write', 'both', 'read'):
            set_policy(path, hold=hold)
        self.assertEqual(self.spawn(read_all, path).result(), b'kept')
        os.removexattr(path, 'fifofs.hold')
        self.assertEqual(self.ends('a'), [])

    def test_it_can_be_changed_while_in_use(self):
        self.mount('linger=0')
        path = self.fifo('a', 'both')
        fd = self.open(path, os.O_RDONLY)
        set_policy(path, hold='none')
        self.assertEqual(os.read(fd, 1), b'')
        self.expect(stays('a', 1.5))
        closed = timed(self.close, fd)
        self.expect(goes('a', closed))

    def test_it_follows_a_rename(self):
        base = self.mount('linger=700ms')
        os.mkdir(base + '/d')
        path = self.fifo('a', 'read')
        write_all(path, b'along')
        os.rename(path, base + '/d/' + 'n' * 255)
        fd = self.open(base + '/d/' + 'n' * 255, os.O_RDONLY)
        self.assertEqual(os.read(fd, 100), b'along')
        closed = timed(self.close, fd)
        self.expect(goes('d/' + 'n' * 255, closed, 0.7))

    def test_removal_is_the_end_of_file(self):
        for hold in ('write', 'both'):
            self.mount()
            path = self.fifo('a', hold)
            reader = self.hold(os.open, path, os.O_RDONLY)
            fd = self.open(path, os.O_RDONLY)
            os.unlink(path)
            self.assertEqual(os.read(fd, 1), b'')
            reader.end()
            wait_until(lambda: self.ends('a') == [], what='the ends to be closed')

    def test_names_of_any_bytes_are_held(self):
        base = os.fsencode(self.mount())
        for name in (b'\xff\xfe\n', b'n' * 255, b'.fifofs2'):
            os.mkfifo(base + b'/' + name)
            os.setxattr(base + b'/' + name, 'fifofs.hold', b'read')
            self.close(self.open(base + b'/' + name, os.O_WRONLY | os.O_NONBLOCK))


class Takeover(HoldTestCase):

    def replace(self, how):
        before = self.daemon.worker
        if how == 'kill':
            os.kill(before, signal.SIGKILL)
        else:
            os.kill(self.daemon.pid, signal.SIGUSR2)
        wait_until(lambda: self.daemon.worker != before, what='another worker')

    def test_bytes_outlive_a_worker(self):
        for how in ('kill', 'upgrade'):
            self.mount('linger=0,lifetime=keep')
            block = os.urandom(40000)
            for hold in ('read', 'both'):
                write_all(self.fifo(hold, hold), block)
            self.fifo('write', 'write')
            self.replace(how)
            for hold in ('read', 'both'):
                path = f'{self.daemon.path}/{hold}'
                self.assertEqual(os.getxattr(path, 'fifofs.hold'), hold.encode())
                fd = self.open(path, os.O_RDONLY)
                self.assertEqual(os.read(fd, PIPE_BYTES), block)
                os.unlink(path)
                self.wait_for_ends(hold, [])
            self.open(f'{self.daemon.path}/write', os.O_RDONLY)

    def test_lifetimes_go_on_behind_a_worker(self):
        for how in ('kill', 'upgrade'):
            for hold in ('read', 'write', 'both'):
                self.mount('lifetime=use,linger=500ms')
                path = self.fifo('a', hold)
                fd = self.open(path, os.O_RDWR)
                self.replace(how)
                self.expect(stays('a', 1.5))
                closed = timed(self.close, fd)
                self.expect(goes('a', closed, 0.5))
                self.wait_for_ends('a', [])

    def test_what_was_removed_meanwhile_is_let_go(self):
        self.mount('linger=1h,hold=both')
        for number in range(20):
            path = self.fifo('a')
            self.wait_for_ends('a', BOTH)
            os.kill(self.daemon.worker, signal.SIGKILL)
            os.unlink(path)
            wait_until(lambda: self.ends('a') == [], what=f'the ends to be closed, {number}')

    def test_a_worker_that_dies_while_it_asks_is_missed_by_nobody(self):
        self.mount('linger=200ms,lifetime=keep,hold=read')
        path = self.fifo('a')
        for number in range(25):
            write_all(path, b'%d' % number)
            time.sleep(0.02 * (number % 10))        # a probe comes 100 ms after a use
            os.kill(self.daemon.worker, signal.SIGKILL)
            self.assertEqual(self.spawn(read_all, path).result(), b'%d' % number)
        self.wait_for_ends('a', READ)


class Others(HoldTestCase):

    def test_the_daemon_is_not_shown_as_a_user(self):
        self.mount()
        path = self.fifo('a', 'both')
        self.fifo('b', 'write')
        self.fifo('c', 'read')
        write_all(self.daemon.path + '/c', b'12345')
        shown = json.loads(fifoctl('ls', '-J', '-o', 'NAME,READERS,WRITERS,WAITING,QUEUED,HOLD',
                                   self.daemon.path).stdout)
        self.assertEqual([tuple(row.values()) for row in shown['fifofs']],
                         [('a', 0, 0, 0, 0, 'both'), ('b', 0, 0, 0, None, 'write'),
                          ('c', 0, 0, 0, 5, 'read')])
        self.assertNotIn(str(self.daemon.pid), fifoctl('ls', '-p', path).stdout)

    def test_nobody_hides_behind_the_name_of_the_daemon(self):
        self.mount('allow_other,ceiling=0666,linger=1h')
        path = self.fifo('a')
        os.chmod(path, 0o666)

        def disguise(path):
            libc_call('prctl', _PR_SET_NAME, b'fifofs', 0, 0, 0)
            return os.open(path, os.O_RDWR)
        self.spawn(lambda: (disguise(path), signal.pause()), uid=USER_A)

        def readers():
            shown = json.loads(fifoctl('ls', '-J', '-o', 'READERS', self.daemon.path).stdout)
            return shown['fifofs'][0]['readers']
        wait_until(lambda: readers() == 1, what='the reader to be shown')

    def test_each_user_has_his_share(self):
        self.mount('allow_other,linger=1h,hold=read')

        def fill(base, user):
            for number in range(MOST_OF_A_USER + 3):
                os.mkfifo(f'{base}/{user}-{number}')
                os.stat(f'{base}/{user}-{number}')      # which waits until it is held
            open_one = [attempt(os.open, f'{base}/{user}-{number}', os.O_WRONLY | os.O_NONBLOCK)
                        for number in (0, MOST_OF_A_USER - 1, MOST_OF_A_USER)]
            return ([type(answer) is int for answer in open_one], open_one[-1],
                    attempt(os.setxattr, f'{base}/{user}-{MOST_OF_A_USER}', 'fifofs.hold', b'both'))
        for user in (USER_A, USER_B):
            self.assertEqual(as_user(user, fill, self.daemon.path, user),
                             ([True, True, False], 'ENXIO', 'EMFILE'))
        as_user(USER_A, os.unlink, f'{self.daemon.path}/{USER_A}-0')
        path = f'{self.daemon.path}/{USER_A}-{MOST_OF_A_USER}'
        wait_until(lambda: attempt(as_user, USER_A, os.setxattr, path, 'fifofs.hold', b'both') is None,
                   what='room for another')
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))

    def test_many_can_be_held_and_none_is_left_behind(self):
        base = self.mount('linger=1h,hold=write')
        for number in range(1000):
            os.mkfifo(f'{base}/{number}')
        threads = f'/proc/{self.daemon.pid}/task'
        wait_until(lambda: len(os.listdir(threads)) >= 1000, what='1000 ends')
        for number in range(1000):
            os.unlink(f'{base}/{number}')
        wait_until(lambda: len(os.listdir(threads)) < 20, what='no ends')
        self.wait_for_no_descriptors(40)

    def test_only_its_owner_has_it_held(self):
        self.mount('allow_other,ceiling=0666,linger=1h')
        path = self.fifo('a')
        os.chmod(path, 0o666)
        self.assertEqual(attempt(as_user, USER_A, os.setxattr, path, 'fifofs.hold', b'read'), 'EPERM')

    def test_fifos_of_others_are_held_on_a_shared_mount(self):
        base = self.mount('allow_other,linger=1h')

        def use(base):
            os.mkfifo(base + '/mine')
            os.setxattr(base + '/mine', 'fifofs.hold', b'read')
            write_all(base + '/mine', b'secret')
        as_user(USER_A, use, base)
        self.assertEqual(as_user(USER_A, read_all, base + '/mine'), b'secret')

    def test_the_name_for_the_supervisor_is_nobody_elses(self):
        base = self.mount('linger=1h,hold=read')
        self.fifo('a')
        for name in ('hold-', 'hold-0', 'hold-' + '0' * 16 + 'x' + '0' * 16 + 'x', 'h' * 256):
            self.assertIn(attempt(os.stat, f'{base}/.fifofs/{name}'), ('ENOENT', 'ENAMETOOLONG'))
        self.assertNotIn('hold', ' '.join(os.listdir(base + '/.fifofs')))


class End(HoldTestCase):

    def test_what_is_held_does_not_keep_it_mounted(self):
        for how in ('umount', 'fusermount', 'SIGTERM'):
            self.mount('linger=1h')
            for hold in ('read', 'write', 'both'):
                self.fifo(hold, hold)
            write_all(self.daemon.path + '/read', b'lost')
            self.daemon.end(how)
            self.assertIsNone(mounted(self.daemon.path))

    def test_what_is_held_goes_with_a_lazy_unmount(self):
        self.mount('linger=1h')
        path = self.fifo('a', 'both')
        fd = self.open(path, os.O_RDONLY)
        subprocess.run(['umount', '-l', self.daemon.path], check=True)
        self.assertEqual(os.read(fd, 1), b'')
        self.close(fd)
        self.daemon.wait()

    def test_a_user_has_his_own_held(self):
        daemon = self.enterContext(Mount('linger=1h,hold=read', user=USER_A))

        def use(base):
            os.mkfifo(base + '/a')
            write_all(base + '/a', b'mine')
            data = read_all(base + '/a')
            os.mkfifo(base + '/b')
            os.setxattr(base + '/b', 'fifofs.hold', b'both')
            with open(base + '/b', 'rb', buffering=0) as reader:
                write_all(base + '/b', b'too')
                return data, reader.read(10)
        self.assertEqual(as_user(USER_A, use, daemon.path), (b'mine', b'too'))

    def test_nobody_waits_for_a_supervisor_that_does_not_answer(self):
        base = self.mount('linger=1h')
        held = self.fifo('a', 'both')
        os.kill(self.daemon.pid, signal.SIGSTOP)
        try:
            path = self.fifo('b')
            for flags, setting in ((os.O_RDONLY, path), (os.O_RDWR, path), (os.O_RDONLY, held)):
                set_policy(setting, hold='read')
                self.close(self.open(setting, flags | os.O_NONBLOCK))
            os.unlink(held)
            os.mkfifo(base + '/c')
        finally:
            os.kill(self.daemon.pid, signal.SIGCONT)
        self.wait_for_ends('b', READ)
        self.wait_for_ends('a', [])

    def test_the_supervisor_takes_what_is_held_with_it(self):
        self.mount('linger=1h')
        fd = self.open(self.fifo('a', 'both'), os.O_RDONLY)
        self.daemon.expect_end(-signal.SIGKILL)
        os.kill(self.daemon.pid, signal.SIGKILL)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        self.assertTrue(poll.poll(10000))
        self.assertEqual(os.read(fd, 1), b'')
        self.daemon.wait()
        self.close(fd)
        subprocess.run(['umount', '-l', self.daemon.path], check=True)


if __name__ == '__main__':
    fifofs_test.main()
