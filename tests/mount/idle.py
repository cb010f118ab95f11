# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who holds a FIFO: nobody loses one that he has open or waits for, and nothing else keeps it."""

import contextlib
import os
import signal
import socket
import threading
import time

import fifofs_test
from fifofs_test import USER_A, as_user, attempt, libc_call, wait_until
from lifetime_support import (
    STAYS_WHEN_ASKED_SECONDS, LifetimeTestCase, fork, goes, is_gone, now, pipes, set_policy, stat_forever,
    stays, timed, use)

_MS_BIND = 0x1000
_MNT_DETACH = 2


def hold_read_end(path):
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def hold_both_ends(path):
    return os.open(path, os.O_RDWR)


def hold_path_only(path):
    return os.open(path, os.O_PATH)


def hold_duplicate(path):
    descriptor = os.open(path, os.O_RDWR)
    duplicate = os.dup(descriptor)
    os.close(descriptor)
    return duplicate


def hold_reopened(path):
    handle = os.open(path, os.O_PATH)
    descriptor = os.open(f'/proc/self/fd/{handle}', os.O_RDWR)
    os.close(handle)
    return descriptor


def hold_by_other_thread(path):
    thread = threading.Thread(target=lambda: [os.open(path, os.O_RDONLY), signal.pause()])
    thread.start()
    wait_until(lambda: os.path.exists(f'/proc/self/task/{thread.native_id}'))
    fifofs_test.stuck_in_open(os.getpid())


def hold_in_flight(path):
    """In a message that nobody has received yet: no process has a descriptor."""
    left, right = socket.socketpair()
    descriptor = os.open(path, os.O_RDWR)
    socket.send_fds(left, [b'.'], [descriptor])
    os.close(descriptor)
    return left, right


HOLDERS = {
    'read-end': hold_read_end,
    'both-ends': hold_both_ends,
    'path-only': hold_path_only,
    'duplicate': hold_duplicate,
    'reopened': hold_reopened,
    'in-flight': hold_in_flight,
}


class Holders(LifetimeTestCase):
    """Any way to hold a FIFO keeps it; when the last holder is killed, it goes."""

    def hold_in_every_way(self, directory):
        """A process for each; those that wait are in it if the FIFO is not to be opened at once."""
        holders = {name: self.hold(function, f'{directory}/{name}')
                   for name, function in HOLDERS.items()}
        holders['blocked-thread'] = self.hold(hold_by_other_thread, directory + '/blocked-thread')
        holders['blocked-reader'] = self.waiter(directory + '/blocked-reader', os.O_RDONLY)
        holders['blocked-writer'] = self.waiter(directory + '/blocked-writer', os.O_WRONLY)
        return holders

    def test_each_keeps_a_fifo_with_lifetime_auto(self):
        directory = self.mount('linger=300ms,grace=300ms')
        names = [*HOLDERS, 'blocked-thread', 'blocked-reader', 'blocked-writer']
        creator = self.living_creator(*(f'{directory}/{name}' for name in names))
        holders = self.hold_in_every_way(directory)

        creator.end()
        self.expect(*(stays(name, STAYS_WHEN_ASKED_SECONDS) for name in names))
        self.assertEqual({record['state'] for record in pipes(directory).values()}, {'in-use'})

        killed = {name: timed(holder.end) for name, holder in holders.items()}
        self.expect(*(goes(name, moment, 0.3) for name, moment in killed.items()))

    def test_each_keeps_a_fifo_with_lifetime_use(self):
        directory = self.mount('lifetime=use')
        for name in HOLDERS:
            os.mkfifo(f'{directory}/{name}')
        holders = {name: self.hold(function, f'{directory}/{name}')
                   for name, function in HOLDERS.items()}

        for name in HOLDERS:
            use(f'{directory}/{name}')
        self.expect(*(stays(name, STAYS_WHEN_ASKED_SECONDS) for name in HOLDERS))

        killed = {name: timed(holder.end) for name, holder in holders.items()}
        self.expect(*(goes(name, moment) for name, moment in killed.items()))

    def test_descriptor_that_another_process_was_given(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/a')
        ours, theirs = self.open_leash()

        def give():
            descriptor = os.open(directory + '/a', os.O_RDWR)
            socket.send_fds(theirs, [b'.'], [descriptor])

        self.spawn(give).result()
        self.expect(stays('a'))
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        self.expect(stays('a', STAYS_WHEN_ASKED_SECONDS))

        self.expect(goes('a', timed(os.close, descriptors[0])))

    def test_descriptor_that_a_child_inherited(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/a')
        leash, hand = self.open_leash()

        def live_on():
            hand.close()
            leash.recv(1)

        def open_and_leave_a_child():
            os.open(directory + '/a', os.O_RDWR)
            fork(live_on)

        self.spawn(open_and_leave_a_child).wait()
        self.expect(stays('a', STAYS_WHEN_ASKED_SECONDS))

        self.expect(goes('a', timed(hand.close)))

    def test_descriptor_that_outlives_execve(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/a')

        def open_and_become_sleep():
            os.set_inheritable(os.open(directory + '/a', os.O_RDWR), True)
            os.execv('/bin/sleep', ['sleep', '60'])

        holder = self.spawn(open_and_become_sleep)
        self.wait_for_state(directory, 'a', 'cached', 'in-use')
        self.expect(stays('a', STAYS_WHEN_ASKED_SECONDS))

        self.expect(goes('a', timed(holder.end)))

    def test_bind_mount_elsewhere(self):
        directory = self.mount('linger=300ms,grace=300ms')
        elsewhere = self.daemon.path.removesuffix('/mnt') + '/elsewhere'
        with open(elsewhere, 'wb'):
            pass
        creator = self.living_creator(directory + '/a')
        libc_call('mount', os.fsencode(directory + '/a'), os.fsencode(elsewhere), None, _MS_BIND,
                  None)
        self.addCleanup(attempt, libc_call, 'umount2', os.fsencode(elsewhere), _MNT_DETACH)
        creator.end()

        self.expect(stays('a', STAYS_WHEN_ASKED_SECONDS))
        reader = self.open(elsewhere, os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(directory + '/a', os.O_WRONLY)
        os.write(writer, b'one FIFO')
        self.assertEqual(os.read(reader, 100), b'one FIFO')
        self.close(reader)
        self.close(writer)
        self.expect(stays('a'))

        released = timed(libc_call, 'umount2', os.fsencode(elsewhere), 0)
        self.expect(goes('a', released, 0.3))

    def test_working_directory_holds_no_fifo(self):
        directory = self.mount('linger=300ms')
        os.mkdir(directory + '/d')
        self.create(directory + '/d/a')
        self.hold(os.chdir, directory + '/d')

        used = timed(use, directory + '/d/a')

        self.expect(goes('d/a', used, 0.3))

    def test_last_of_many_holders_counts(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/a')
        holders = [self.hold(hold_both_ends, directory + '/a') for _ in range(20)]
        self.wait_for_state(directory, 'a', 'in-use')

        for holder in holders[:-1]:
            holder.end()
        self.expect(stays('a'))

        self.expect(goes('a', timed(holders[-1].end)))


    def test_close_just_after_the_daemon_has_asked_begins_linger(self):
        directory = self.mount('linger=300ms,grace=infinity')
        names = [str(number) for number in range(20)]
        self.create(*(f'{directory}/{name}' for name in names))
        holders = []
        for name in names:
            use(f'{directory}/{name}')
            holders.append(self.holder(f'{directory}/{name}', os.O_RDWR))

        closed = []
        for name, holder in zip(names, holders):
            self.wait_for_state(directory, name, 'in-use')
            closed.append(timed(holder.end))

        self.expect(*(goes(name, moment, 0.3) for name, moment in zip(names, closed)))


class BlockedOpeners(LifetimeTestCase):
    """Who waits in open() has the FIFO in use, and is met by whoever comes later."""

    def test_who_waited_long_is_met_by_a_later_opener(self):
        directory = self.mount('linger=200ms,grace=200ms')
        creator = self.living_creator(directory + '/r', directory + '/w')
        reader = self.spawn(self.read_all, directory + '/r')
        writer = self.spawn(self.write_all, directory + '/w', b'from the first')
        for waiter in (reader, writer):
            fifofs_test.stuck_in_open(waiter.pid)
        creator.end()
        self.expect(stays('r', STAYS_WHEN_ASKED_SECONDS), stays('w', STAYS_WHEN_ASKED_SECONDS))

        self.write_all(directory + '/r', b'from the second')
        read = self.read_all(directory + '/w')

        self.assertEqual(read, b'from the first')
        self.assertEqual(reader.result(), b'from the second')
        writer.result()
        self.expect(goes('r', now(), within=1.2), goes('w', now(), within=1.2))

    def test_who_waits_while_the_others_close_keeps_a_fifo_with_lifetime_use(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/r')
        os.mkfifo(directory + '/w')
        other_reader = self.holder(directory + '/r', os.O_RDONLY | os.O_NONBLOCK)
        reader = self.spawn(self.read_all, directory + '/r')
        fifofs_test.stuck_in_open(reader.pid)
        met_reader = self.holder(directory + '/w', os.O_RDONLY | os.O_NONBLOCK)
        other_writer = self.holder(directory + '/w', os.O_WRONLY)
        met_reader.end()
        writer = self.spawn(self.write_all, directory + '/w', b'data')
        fifofs_test.stuck_in_open(writer.pid)

        other_reader.end()
        other_writer.end()
        self.expect(stays('r', STAYS_WHEN_ASKED_SECONDS), stays('w', STAYS_WHEN_ASKED_SECONDS))

        self.write_all(directory + '/r', b'data')
        self.assertEqual(self.read_all(directory + '/w'), b'data')
        self.assertEqual(reader.result(), b'data')
        writer.result()
        self.expect(goes('r', now()), goes('w', now()))

    def test_waiting_in_vain_is_no_use_to_lifetime_use(self):
        directory = self.mount('lifetime=use,grace=infinity')
        os.mkfifo(directory + '/a')
        waiter = self.waiter(directory + '/a', os.O_RDONLY)
        self.wait_for_state(directory, 'a', 'in-use')

        waiter.end()

        self.wait_for_state(directory, 'a', 'idle', 'new', 'cached')
        self.expect(stays('a', STAYS_WHEN_ASKED_SECONDS))
        self.expect(goes('a', timed(use, directory + '/a')))

    def test_many_who_are_killed_leave_nothing_behind(self):
        directory = self.mount('linger=400ms,grace=infinity')
        creator = self.living_creator(directory + '/a')
        waiters = [self.waiter(directory + '/a', os.O_RDONLY) for _ in range(50)]
        self.wait_for_state(directory, 'a', 'in-use')
        creator.end()
        self.expect(stays('a', 0.2))

        killed = timed(lambda: [waiter.end() for waiter in waiters])

        self.expect(goes('a', killed, 0.4))

    def test_opener_that_is_interrupted_has_left(self):
        directory = self.mount('linger=300ms,grace=infinity')
        self.create(directory + '/a')

        def give_up():
            signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(InterruptedError()))
            signal.setitimer(signal.ITIMER_REAL, 1.3)
            return attempt(os.open, directory + '/a', os.O_WRONLY)

        waiter = self.spawn(give_up)
        self.wait_for_state(directory, 'a', 'in-use')
        waited = timed(waiter.result)

        self.expect(goes('a', waited, 0.3))

    @staticmethod
    def read_all(path):
        with open(path, 'rb') as stream:
            return stream.read()

    @staticmethod
    def write_all(path, data):
        with open(path, 'wb') as stream:
            stream.write(data)


class NoUse(LifetimeTestCase):
    """What looks at a FIFO without opening it neither uses nor keeps it."""

    def test_stat_is_no_use(self):
        directory = self.mount('linger=100ms,grace=1500ms')
        os.mkdir(directory + '/use')
        set_policy(directory + '/use', lifetime='use', grace='infinity')
        created = self.create(directory + '/a', directory + '/use/b')

        for name in ('a', 'a', 'use/b', 'use/b'):
            self.spawn(stat_forever, f'{directory}/{name}')

        self.expect(goes('a', created, 1.5), stays('use/b', 2))
        self.assertFalse(pipes(directory)['use/b']['used'])

    def test_stat_does_not_keep_what_is_due(self):
        directory = self.mount('linger=300ms,grace=300ms')
        os.mkdir(directory + '/use')
        set_policy(directory + '/use', lifetime='use', linger='0', grace='1h')
        self.create(directory + '/use/a')
        set_policy(directory, grace='1h')
        self.create(directory + '/used')
        set_policy(directory, grace='300ms')
        created = self.create(directory + '/unused')
        for name in ('unused', 'used', 'use/a'):
            self.spawn(stat_forever, f'{directory}/{name}')

        used = timed(lambda: [use(directory + '/used'), use(directory + '/use/a')])

        self.expect(goes('unused', created, 0.3), goes('used', used, 0.3), goes('use/a', used))

    def test_listing_is_no_use_and_does_not_keep(self):
        directory = self.mount('linger=0,grace=900ms')
        created = self.create(*(f'{directory}/{number}' for number in range(20)))

        def list_forever():
            while True:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        with contextlib.suppress(FileNotFoundError):
                            entry.stat()

        self.spawn(list_forever)

        self.expect(*(goes(str(number), created, 0.9) for number in range(20)))

    def test_open_that_fails_is_no_use(self):
        directory = self.mount('lifetime=use,allow_other,rootmode=0777')
        os.mkfifo(directory + '/a')

        self.assertEqual(attempt(os.open, directory + '/a', os.O_WRONLY | os.O_NONBLOCK), 'ENXIO')
        self.assertEqual(attempt(as_user, USER_A, os.open, directory + '/a', os.O_RDONLY),
                         'EACCES')
        self.assertEqual(attempt(os.open, directory + '/a', os.O_RDONLY | os.O_DIRECTORY),
                         'ENOTDIR')

        self.expect(stays('a'))
        self.assertFalse(pipes(directory)['a']['used'])

    def test_changing_attributes_is_no_use(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/a')

        os.chmod(directory + '/a', 0o400)
        os.utime(directory + '/a')
        os.rename(directory + '/a', directory + '/b')
        set_policy(directory + '/b', grace='2h')

        self.expect(stays('b'))
        self.assertFalse(pipes(directory)['b']['used'])

    def test_dropping_caches_changes_nothing(self):
        directory = self.mount('linger=800ms,grace=infinity')
        self.create(*(f'{directory}/{name}' for name in ('unused', 'used', 'held', 'awaited')))
        holder = self.holder(directory + '/held', os.O_RDWR)
        waiter = self.waiter(directory + '/awaited', os.O_RDONLY)
        os.mkdir(directory + '/use')
        set_policy(directory + '/use', lifetime='use', linger='0')
        os.mkfifo(directory + '/use/unused')
        os.mkfifo(directory + '/use/held')
        use_holder = self.holder(directory + '/use/held', os.O_RDWR)
        used = timed(use, directory + '/used')

        for _ in range(3):
            with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as stream:
                stream.write('2')

        self.expect(goes('used', used, 0.8), stays('unused', 2), stays('held', 2),
                    stays('awaited', 2), stays('use/unused', 2), stays('use/held', 2))
        self.assertFalse(pipes(directory)['unused']['used'])
        released = timed(lambda: [one.end() for one in (holder, waiter, use_holder)])
        self.expect(goes('held', released, 0.8), goes('awaited', released, 0.8),
                    goes('use/held', released), stays('use/unused', 0.8))


class NamesThatMove(LifetimeTestCase):
    """A FIFO and the next one under its name each live by their own rules."""

    def test_rename_in_use_and_a_new_fifo_under_the_old_name(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/a')
        holder = self.holder(directory + '/a', os.O_RDWR)

        os.rename(directory + '/a', directory + '/b')
        os.mkfifo(directory + '/a')
        self.expect(stays('b', STAYS_WHEN_ASKED_SECONDS), stays('a', STAYS_WHEN_ASKED_SECONDS))

        self.expect(goes('b', timed(holder.end)), stays('a'))
        self.assertFalse(pipes(directory)['a']['used'])
        self.expect(goes('a', timed(use, directory + '/a')))

    def test_rename_of_what_is_known_to_be_in_use(self):
        """The kernel reports its close under the old name, which by then another may have."""
        directory = self.mount('lifetime=use')
        os.mkdir(directory + '/d')
        os.mkfifo(directory + '/a')
        holder = self.holder(directory + '/a', os.O_RDWR)
        self.wait_for_state(directory, 'a', 'in-use')

        os.rename(directory + '/a', directory + '/d/b')
        os.mkfifo(directory + '/a')

        self.expect(goes('d/b', timed(holder.end)), stays('a'))
        self.assertFalse(pipes(directory)['a']['used'])

    def test_linger_counts_from_the_close_after_a_rename(self):
        directory = self.mount('linger=1s,grace=infinity')
        self.create(directory + '/a')
        holder = self.holder(directory + '/a', os.O_RDWR)
        self.wait_for_state(directory, 'a', 'in-use')
        self.expect(stays('a', 0.3))
        os.rename(directory + '/a', directory + '/b')
        self.expect(stays('b', 0.8))

        closed = timed(holder.end)

        self.expect(goes('b', closed, 1))

    def test_exchange_of_one_in_use_and_one_unused(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/held')
        os.mkfifo(directory + '/unused')
        holder = self.holder(directory + '/held', os.O_RDWR)
        self.wait_for_state(directory, 'held', 'in-use')

        self.exchange(directory + '/held', directory + '/unused')
        self.expect(stays('held'), stays('unused', STAYS_WHEN_ASKED_SECONDS))

        self.expect(goes('unused', timed(holder.end)), stays('held'))
        self.assertFalse(pipes(directory)['held']['used'])

    def test_new_fifo_has_none_of_the_use_of_the_one_unlinked_just_before(self):
        """However late the daemon comes to read that the old one was opened and closed."""
        directory = self.mount('lifetime=use,linger=300ms')
        groups = [[f'{group}-{number}' for number in range(8)] for group in range(60)]
        names = sum(groups, [])

        for group in groups:
            for act in (os.mkfifo, use, os.unlink, os.mkfifo):
                for name in group:
                    act(f'{directory}/{name}')

        self.expect(*(stays(name) for name in names))
        self.assertEqual(self.used(directory), [])

    def test_new_fifo_has_none_of_the_use_of_the_one_renamed_just_before(self):
        directory = self.mount('lifetime=use,linger=300ms')
        os.mkdir(directory + '/old')
        names = [str(number) for number in range(300)]

        for name in names:
            os.mkfifo(f'{directory}/{name}')
            use(f'{directory}/{name}')
            os.rename(f'{directory}/{name}', f'{directory}/old/{name}')
            os.mkfifo(f'{directory}/{name}')
        moved = now()

        self.expect(*(stays(name) for name in names))
        self.assertEqual(self.used(directory), [])
        self.expect(*(is_gone('old/' + name, moved, 0.3) for name in names))

    def test_use_just_before_a_rename_is_noticed(self):
        directory = self.mount('lifetime=use,linger=300ms')
        names = [str(number) for number in range(300)]

        for name in names:
            os.mkfifo(f'{directory}/{name}')
            use(f'{directory}/{name}')
            os.rename(f'{directory}/{name}', f'{directory}/new-{name}')
        moved = now()

        self.expect(*(is_gone('new-' + name, moved, 0.3) for name in names))

    def test_unlink_in_use_and_a_new_fifo_under_the_name(self):
        directory = self.mount('linger=300ms,grace=1800ms')
        self.create(directory + '/a')
        old = self.open(directory + '/a', os.O_RDWR)
        os.unlink(directory + '/a')
        created = self.create(directory + '/a')
        os.write(old, b'old')

        self.close(old)

        self.expect(goes('a', created, 1.8))

    def test_fifo_renamed_over_is_replaced_and_the_other_keeps_its_rules(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/a')
        os.mkfifo(directory + '/b')
        old = self.open(directory + '/b', os.O_RDWR)
        holder = self.holder(directory + '/a', os.O_RDWR)

        os.rename(directory + '/a', directory + '/b')
        self.close(old)
        self.expect(stays('b'))

        self.expect(goes('b', timed(holder.end)))

    def test_directory_that_is_renamed_takes_its_fifos_along(self):
        directory = self.mount('lifetime=use')
        os.makedirs(directory + '/d/e')
        os.mkfifo(directory + '/d/e/held')
        os.mkfifo(directory + '/d/e/a')
        holder = self.holder(directory + '/d/e/held', os.O_RDWR)
        os.mkdir(directory + '/f')

        os.rename(directory + '/d/e', directory + '/f/g')
        used = timed(use, directory + '/f/g/a')

        self.expect(goes('f/g/a', used), stays('f/g/held'))
        self.expect(goes('f/g/held', timed(holder.end)))

    @staticmethod
    def used(directory):
        return [path for path, record in pipes(directory).items() if record['used']]

    @staticmethod
    def exchange(first, second):
        libc_call('renameat2', -100, os.fsencode(first), -100, os.fsencode(second), 2)


class Stopped(LifetimeTestCase):
    """The daemon gets no processor for a while."""

    def test_deadlines_that_passed_meanwhile_are_met_at_once(self):
        directory = self.mount('linger=300ms,grace=300ms')
        creator = self.living_creator(directory + '/unused', directory + '/used',
                                      directory + '/held', directory + '/awaited')
        holder = self.holder(directory + '/held', os.O_RDWR)
        waiter = self.waiter(directory + '/awaited', os.O_RDONLY)
        use(directory + '/used')
        os.mkdir(directory + '/process')
        set_policy(directory + '/process', lifetime='process')
        process_creator = self.living_creator(directory + '/process/a')

        os.kill(self.daemon.worker, signal.SIGSTOP)
        ended = timed(lambda: [creator.end(), process_creator.end()])
        wait_until(lambda: time.monotonic() > ended.after + 1, what='the deadlines to pass')
        going_on = timed(os.kill, self.daemon.worker, signal.SIGCONT)

        self.expect(goes('unused', going_on), goes('used', going_on), goes('process/a', going_on),
                    stays('held'), stays('awaited'))
        released = timed(lambda: [holder.end(), waiter.end()])
        self.expect(goes('held', released, 0.3), goes('awaited', released, 0.3))

    def test_use_meanwhile_counts_for_linger(self):
        directory = self.mount('linger=700ms,grace=infinity')
        self.create(directory + '/a')
        use(directory + '/a')

        used = self.use_while_stopped(directory, noise=0)

        self.expect(goes('a', used, 0.7))

    def test_use_meanwhile_counts_for_linger_behind_many_reports(self):
        directory = self.mount('linger=700ms,grace=infinity')
        os.mkfifo(directory + '/x')
        os.mkfifo(directory + '/y')
        self.create(directory + '/a')
        use(directory + '/a')

        used = self.use_while_stopped(directory, noise=3500)

        self.expect(goes('a', used, 0.7))

    def use_while_stopped(self, directory, noise):
        """Use the FIFO again after its linger is over, behind others, and let the daemon go on."""
        wait_until(lambda: pipes(directory)['a']['used'], what='the first use to be noticed')
        os.kill(self.daemon.worker, signal.SIGSTOP)
        stopped = time.monotonic()
        wait_until(lambda: time.monotonic() > stopped + 1, what='its linger to be over')
        for _ in range(noise):
            use(directory + '/x')
            use(directory + '/y')
        used = timed(use, directory + '/a')
        os.kill(self.daemon.worker, signal.SIGCONT)
        return used


if __name__ == '__main__':
    fifofs_test.main()
