# SPDX-License-Identifier: LGPL-2.1-or-later
"""The five lifetimes, linger, grace and max-age: set on the mount, on a directory, on a FIFO."""

import os
import platform
import signal
import stat
import threading

import fifofs_test
from fifofs_test import attempt, libc, wait_until
from lifetime_support import (
    LifetimeTestCase, fork, goes, now, pipes, set_policy, stays, timed, use)

_SYS_EXIT = 60 if platform.machine() == 'x86_64' else 93


def make_and_use(path):
    os.mkfifo(path)
    use(path)


def read_all(path):
    with open(path, 'rb') as stream:
        return stream.read()


class Auto(LifetimeTestCase):
    """Idle, creator gone, and linger over."""

    def test_used_fifo_goes_linger_after_its_last_use(self):
        directory = self.mount('linger=500ms,grace=infinity')
        self.create(directory + '/a')

        use(directory + '/a')
        used = timed(use, directory + '/a')

        self.expect(goes('a', used, 0.5))

    def test_used_fifo_stays_while_its_creator_lives(self):
        directory = self.mount('linger=100ms')
        creator = self.hold(make_and_use, directory + '/a')

        self.expect(stays('a'))

        self.expect(goes('a', timed(creator.end)))

    def test_linger_counts_from_the_last_close(self):
        directory = self.mount('linger=500ms,grace=infinity')
        self.create(directory + '/a')
        descriptor = self.open(directory + '/a', os.O_RDWR)
        self.expect(stays('a'))

        closed = timed(self.close, descriptor)

        self.expect(goes('a', closed, 0.5))

    def test_each_use_begins_linger_anew(self):
        directory = self.mount('linger=600ms,grace=infinity')
        self.create(directory + '/a')

        for _ in range(4):
            used = timed(use, directory + '/a')
            self.expect(stays('a', 0.35))

        self.expect(goes('a', used, 0.6))

    def test_unused_fifo_has_its_grace_not_its_linger(self):
        directory = self.mount('linger=100ms,grace=800ms')

        created = self.create(directory + '/a')

        self.expect(goes('a', created, 0.8))

    def test_unused_fifo_stays_while_its_creator_lives(self):
        directory = self.mount('linger=100ms,grace=100ms')
        creator = self.living_creator(directory + '/a')

        self.expect(stays('a'))

        self.expect(goes('a', timed(creator.end)))

    def test_open_that_creates_is_a_use(self):
        directory = self.mount('linger=300ms,grace=infinity')

        used = timed(self.spawn(os.open, directory + '/a', os.O_RDWR | os.O_CREAT, 0o600).result)

        self.expect(goes('a', used, 0.3))

    def test_infinite_linger_never_ends(self):
        directory = self.mount('linger=infinity')
        self.create(directory + '/a')

        use(directory + '/a')

        self.expect(stays('a'))


class Use(LifetimeTestCase):
    """At the last close."""

    def test_goes_at_once_after_the_last_close(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/a')
        reader = self.open(directory + '/a', os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(directory + '/a', os.O_WRONLY)
        self.close(reader)
        self.expect(stays('a'))

        closed = timed(self.close, writer)

        self.expect(goes('a', closed))

    def test_waits_for_linger_where_one_is_set(self):
        directory = self.mount('lifetime=use,linger=600ms')
        os.mkfifo(directory + '/a')

        used = timed(use, directory + '/a')

        self.expect(goes('a', used, 0.6))

    def test_unused_fifo_stays_while_its_creator_lives_and_for_its_grace(self):
        directory = self.mount('lifetime=use,grace=900ms')
        os.mkfifo(directory + '/mine')

        created = self.create(directory + '/orphan')

        self.expect(goes('orphan', created, 0.9), stays('mine', 2))


class Process(LifetimeTestCase):
    """With the creator."""

    def test_goes_when_its_creator_ends(self):
        directory = self.mount('lifetime=process')
        creator = self.living_creator(directory + '/unused', directory + '/used')
        use(directory + '/used')
        self.expect(stays('unused'), stays('used'))

        ended = timed(creator.end)

        self.expect(goes('unused', ended), goes('used', ended))

    def test_open_ends_work_on_when_the_name_is_gone(self):
        directory = self.mount('lifetime=process')
        creator = self.living_creator(directory + '/a')
        reader = self.open(directory + '/a', os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(directory + '/a', os.O_WRONLY)
        os.write(writer, b'before ')

        self.expect(goes('a', timed(creator.end)))
        os.write(writer, b'and after')

        self.assertEqual(os.read(reader, 100), b'before and after')
        self.assertEqual(os.fstat(reader).st_nlink, 0)
        self.assertEqual(attempt(os.open, directory + '/a', os.O_RDWR), 'ENOENT')
        self.assertEqual(os.listdir(directory), [])

    def test_process_that_waits_in_open_can_still_be_met_when_the_name_is_gone(self):
        directory = self.mount('lifetime=process')
        creator = self.living_creator(directory + '/a')
        handle = self.open(directory + '/a', os.O_PATH)
        reader = self.spawn(read_all, directory + '/a')
        fifofs_test.stuck_in_open(reader.pid)

        self.expect(goes('a', timed(creator.end)))
        with open(f'/proc/self/fd/{handle}', 'wb') as stream:
            stream.write(b'late')

        self.assertEqual(reader.result(), b'late')


class Session(LifetimeTestCase):
    """With the leader of the creator's session."""

    @staticmethod
    def lead_others(member):
        """Begin a session, with one other process in it that calls the function."""
        os.setsid()
        fork(member)

    @staticmethod
    def make_by_another(path):
        """Have another process of the session make the FIFO, and end."""
        os.waitpid(fork(os.mkfifo, path), 0)

    @classmethod
    def lead(cls, path):
        os.setsid()
        cls.make_by_another(path)

    @staticmethod
    def lead_and_make(path):
        os.setsid()
        os.mkfifo(path)

    def test_goes_when_the_session_leader_ends_not_when_its_creator_does(self):
        directory = self.mount('lifetime=session')
        leader = self.hold(self.lead, directory + '/a')
        use(directory + '/a')
        self.expect(stays('a'))

        ended = timed(leader.end)

        self.expect(goes('a', ended))

    def test_goes_with_the_session_leader_that_made_it_itself(self):
        directory = self.mount('lifetime=session')
        leader = self.hold(self.lead_and_make, directory + '/a')
        self.expect(stays('a'))

        ended = timed(leader.end)

        self.expect(goes('a', ended))

    def test_leader_that_is_a_creator_itself_is_waited_for_as_well(self):
        directory = self.mount('lifetime=session')

        def lead():
            self.lead_and_make(directory + '/own')
            self.make_by_another(directory + '/of-another')

        leader = self.hold(lead)
        self.expect(stays('of-another'))

        ended = timed(leader.end)

        self.expect(goes('of-another', ended))

    def test_new_session_of_a_known_creator_is_noticed(self):
        """As of a process that becomes a daemon between two FIFOs."""
        directory = self.mount('lifetime=session')
        leash, hand = self.open_leash()

        def member():
            hand.close()
            os.mkfifo(directory + '/first')
            os.setsid()
            os.mkfifo(directory + '/second')
            leash.recv(1)

        leader = self.hold(self.lead_others, member)
        wait_until(lambda: len(pipes(directory)) == 2, what='both FIFOs')

        ended = timed(leader.end)

        self.expect(goes('first', ended), stays('second'))
        self.expect(goes('second', timed(hand.close)))


class Keep(LifetimeTestCase):

    def test_stays_used_and_unused(self):
        directory = self.mount('lifetime=keep,linger=0,grace=0')
        self.create(directory + '/unused', directory + '/used')

        use(directory + '/used')

        self.expect(stays('unused'), stays('used'))


class MaxAge(LifetimeTestCase):
    """On top of any lifetime, in use or not."""

    def test_ends_every_lifetime(self):
        directory = self.mount('max-age=800ms,linger=infinity')
        lifetimes = ['auto', 'use', 'process', 'session', 'keep']
        for lifetime in lifetimes:
            os.mkdir(f'{directory}/{lifetime}')
            set_policy(f'{directory}/{lifetime}', lifetime=lifetime)

        created = timed(self.living_creator, *(f'{directory}/{one}/a' for one in lifetimes))
        use(directory + '/keep/a')

        self.expect(*(goes(f'{one}/a', created, 0.8) for one in lifetimes))

    def test_ends_the_name_of_a_fifo_in_use_and_data_still_flows(self):
        directory = self.mount('max-age=600ms')
        created = timed(os.mkfifo, directory + '/a')
        reader = self.open(directory + '/a', os.O_RDONLY | os.O_NONBLOCK)
        writer = self.open(directory + '/a', os.O_WRONLY)

        self.expect(goes('a', created, 0.6))
        os.write(writer, b'still here')

        self.assertEqual(os.read(reader, 100), b'still here')

    def test_does_not_postpone_anything(self):
        directory = self.mount('max-age=1h,linger=200ms')
        self.create(directory + '/a')

        used = timed(use, directory + '/a')

        self.expect(goes('a', used, 0.2))


class Directories(LifetimeTestCase):
    """What is created in a directory has its values, as they are then."""

    def test_each_lifetime_is_inherited(self):
        directory = self.mount('lifetime=keep,linger=300ms,grace=300ms')
        for lifetime in ('auto', 'use', 'process', 'session', 'keep'):
            os.mkdir(f'{directory}/{lifetime}')
            set_policy(f'{directory}/{lifetime}', lifetime=lifetime)
        set_policy(directory + '/use', linger='0')
        leader = self.hold(Session.lead, directory + '/session/a')
        created = self.create(directory + '/auto/a', directory + '/keep/a')
        creator = self.living_creator(directory + '/process/a', directory + '/use/a')

        used = timed(use, directory + '/use/a')

        self.expect(goes('auto/a', created, 0.3), goes('use/a', used), stays('process/a'),
                    stays('session/a'), stays('keep/a'))
        self.expect(goes('process/a', timed(creator.end)), stays('session/a', 0.3))
        self.expect(goes('session/a', timed(leader.end)), stays('keep/a', 0.3))

    def test_linger_grace_and_max_age_are_inherited_through_directories(self):
        directory = self.mount('linger=1h,grace=1h')
        os.mkdir(directory + '/d')
        set_policy(directory + '/d', linger='300ms', grace='600ms', max_age='1200ms')
        os.makedirs(directory + '/d/e/f')

        created = self.create(*(f'{directory}/d/e/f/{name}' for name in ('used', 'unused')))
        old = timed(self.living_creator, directory + '/d/e/f/old')
        used = timed(use, directory + '/d/e/f/used')

        self.expect(goes('d/e/f/used', used, 0.3), goes('d/e/f/unused', created, 0.6),
                    goes('d/e/f/old', old, 1.2))

    def test_change_is_for_what_comes_later(self):
        directory = self.mount('lifetime=keep')
        self.create(directory + '/before')
        os.mkdir(directory + '/sub')

        set_policy(directory, lifetime='auto', grace='300ms')
        created = self.create(directory + '/after', directory + '/sub/old-directory')

        self.expect(goes('after', created, 0.3), stays('before'), stays('sub/old-directory'))

    def test_value_taken_back_is_that_of_the_parent(self):
        directory = self.mount('grace=300ms')
        os.mkdir(directory + '/d')
        set_policy(directory + '/d', grace='1h')

        os.removexattr(directory + '/d', 'fifofs.grace')
        created = self.create(directory + '/d/a')

        self.expect(goes('d/a', created, 0.3))

    def test_rename_takes_the_values_along(self):
        directory = self.mount('grace=600ms')
        os.mkdir(directory + '/kept')
        set_policy(directory + '/kept', lifetime='keep')
        created = self.create(directory + '/a', directory + '/kept/b')

        os.rename(directory + '/a', directory + '/kept/a')
        os.rename(directory + '/kept/b', directory + '/b')

        self.expect(goes('kept/a', created, 0.6), stays('b'))


class Fifos(LifetimeTestCase):
    """Values of a single FIFO."""

    def test_each_lifetime_can_be_given(self):
        directory = self.mount('lifetime=keep,linger=1h,grace=1h')
        leader = self.hold(Session.lead, directory + '/session')
        creator = self.living_creator(
            *(f'{directory}/{name}' for name in ('auto', 'use', 'process', 'keep')))
        use(directory + '/auto')
        use(directory + '/use')
        for lifetime in ('auto', 'use', 'process', 'session'):
            set_policy(f'{directory}/{lifetime}', lifetime=lifetime)

        shortened = timed(set_policy, directory + '/use', linger='0')

        self.expect(goes('use', shortened), stays('auto'), stays('process'), stays('session'))
        set_policy(directory + '/auto', linger='0')
        ended = timed(creator.end)
        self.expect(goes('auto', ended), goes('process', ended), stays('session', 0.3),
                    stays('keep', 0.3))
        self.expect(goes('session', timed(leader.end)), stays('keep', 0.3))

    def test_new_linger_counts_from_the_last_use(self):
        directory = self.mount('linger=1h')
        self.create(directory + '/shorter', directory + '/longer')
        set_policy(directory + '/longer', linger='300ms')
        used = timed(lambda: [use(directory + '/shorter'), use(directory + '/longer')])

        set_policy(directory + '/shorter', linger='500ms')
        set_policy(directory + '/longer', linger='900ms')

        self.expect(goes('shorter', used, 0.5), goes('longer', used, 0.9))

    def test_new_grace_and_max_age_count_from_creation(self):
        directory = self.mount()
        created = self.create(directory + '/grace', directory + '/max-age')

        set_policy(directory + '/grace', grace='400ms')
        set_policy(directory + '/max-age', max_age='700ms')

        self.expect(goes('grace', created, 0.4), goes('max-age', created, 0.7))

    def test_value_that_makes_it_due_long_since_removes_it_at_once(self):
        directory = self.mount('lifetime=keep,linger=0,grace=0')
        self.create(directory + '/a', directory + '/b')
        use(directory + '/a')
        self.expect(stays('a', 0.3), stays('b', 0.3))

        changed = timed(set_policy, directory + '/a', lifetime='auto')
        changed_unused = timed(set_policy, directory + '/b', lifetime='auto')

        self.expect(goes('a', changed), goes('b', changed_unused))

    def test_value_set_through_an_open_end_counts_from_then(self):
        directory = self.mount('lifetime=keep')
        self.create(directory + '/a')
        descriptor = self.open(directory + '/a', os.O_RDWR)

        os.setxattr(descriptor, 'fifofs.lifetime', b'use')
        self.expect(stays('a'))

        self.expect(goes('a', timed(self.close, descriptor)))

    def test_sticky_bit_keeps_and_taking_it_back_ends_that(self):
        directory = self.mount('grace=400ms')
        self.create(directory + '/a')

        os.chmod(directory + '/a', 0o1600)
        self.expect(stays('a'))
        unstuck = timed(os.chmod, directory + '/a', 0o600)

        self.expect(goes('a', unstuck))

    def test_sticky_bit_gives_the_former_lifetime_back(self):
        directory = self.mount('lifetime=use')
        os.mkfifo(directory + '/a')
        os.chmod(directory + '/a', 0o1600)
        self.assertEqual(os.getxattr(directory + '/a', 'fifofs.lifetime'), b'keep')
        use(directory + '/a')
        self.expect(stays('a'))

        os.chmod(directory + '/a', 0o600)

        self.assertIn(attempt(os.getxattr, directory + '/a', 'fifofs.lifetime'),
                      (b'use', 'ENOENT'))
        self.expect(goes('a', now()))

    def test_new_lifetime_takes_the_sticky_bit_off(self):
        directory = self.mount('lifetime=keep,linger=0')
        os.mkfifo(directory + '/a')
        os.chmod(directory + '/a', 0o1600)

        set_policy(directory + '/a', lifetime='use')

        self.assertEqual(stat.S_IMODE(os.stat(directory + '/a').st_mode), 0o600)
        self.expect(goes('a', timed(use, directory + '/a')))

    def test_sticky_bit_does_not_stop_max_age(self):
        directory = self.mount('max-age=500ms')
        created = self.create(directory + '/a')

        os.chmod(directory + '/a', 0o1600)

        self.expect(goes('a', created, 0.5))

    def test_list_tells_when_it_will_go(self):
        directory = self.mount('linger=700ms,grace=1h')
        self.create(directory + '/a')

        used = timed(use, directory + '/a')
        wait_until(lambda: pipes(directory)['a']['used'], what='the use to be noticed')
        record = pipes(directory)['a']

        self.assertAlmostEqual(record['expires'], record['last_used'] + 0.7, places=3)
        self.expect(goes('a', used, 0.7))


class Creators(LifetimeTestCase):
    """Whose end counts, and how it may come."""

    def test_creator_killed_is_gone(self):
        directory = self.mount('linger=0')
        os.mkdir(directory + '/process')
        set_policy(directory + '/process', lifetime='process')
        creator = self.hold(lambda: [make_and_use(directory + '/a'),
                                     os.mkfifo(directory + '/process/a')])
        self.expect(stays('a', 0.3), stays('process/a', 0.3))

        killed = timed(os.kill, creator.pid, signal.SIGKILL)

        self.expect(goes('a', killed), goes('process/a', killed))

    def test_creator_that_nobody_has_waited_for_is_gone(self):
        directory = self.mount('lifetime=process')

        creator = self.spawn(os.mkfifo, directory + '/a')
        fifofs_test.wait_until(lambda: self.is_zombie(creator.pid), what='the end of the creator')

        self.expect(goes('a', now()))

    def test_thread_that_ends_is_not_its_process(self):
        directory = self.mount('lifetime=process')

        def make_in_thread():
            thread = threading.Thread(target=os.mkfifo, args=(directory + '/a',))
            thread.start()
            thread.join()

        creator = self.hold(make_in_thread)
        self.assertEqual(pipes(directory)['a']['creator']['pid'], creator.pid)
        self.expect(stays('a'))

        self.expect(goes('a', timed(creator.end)))

    def test_process_without_its_first_thread_lives(self):
        directory = self.mount('lifetime=process')
        leash, hand = self.open_leash()

        def live_on():
            hand.close()
            wait_until(lambda: self.is_zombie(os.getpid()), what='the first thread to end')
            os.mkfifo(directory + '/a')
            leash.recv(1)
            os._exit(0)

        def leave_the_rest_to_another_thread():
            threading.Thread(target=live_on).start()
            libc.syscall(_SYS_EXIT, 0)

        creator = self.spawn(leave_the_rest_to_another_thread)
        wait_until(lambda: 'a' in pipes(directory), what='the FIFO')
        self.expect(stays('a'))
        self.assertEqual(pipes(directory)['a']['creator']['pid'], creator.pid)

        ended = timed(hand.close)

        self.expect(goes('a', ended))

    def test_program_that_a_creator_becomes_is_still_its_creator(self):
        directory = self.mount('lifetime=process')

        def make_and_become_sleep(path):
            os.mkfifo(path)
            os.execv('/bin/sleep', ['sleep', '60'])

        def become_sleep_in_a_thread(path):
            threading.Thread(target=make_and_become_sleep, args=(path,)).start()
            signal.pause()

        creators = {name: self.spawn(function, f'{directory}/{name}') for name, function in
                    {'a': make_and_become_sleep, 'b': become_sleep_in_a_thread}.items()}
        for creator in creators.values():
            wait_until(lambda pid=creator.pid: self.command(pid) == 'sleep', what='execve()')
        self.expect(stays('a'), stays('b'))

        ended = {name: timed(creator.end) for name, creator in creators.items()}

        self.expect(*(goes(name, moment) for name, moment in ended.items()))

    def test_child_of_a_creator_is_not_its_creator(self):
        directory = self.mount('lifetime=process')
        leash, hand = self.open_leash()

        def live_on():
            hand.close()
            leash.recv(1)

        creator = self.spawn(lambda: [os.mkfifo(directory + '/a'), fork(live_on)])
        ended = timed(creator.wait)

        self.expect(goes('a', ended))

    def test_many_creators_end_at_once(self):
        directory = self.mount('lifetime=process')
        creators = [self.living_creator(f'{directory}/{number}') for number in range(150)]
        self.assertEqual(len(pipes(directory)), 150)

        ended = timed(lambda: [creator.send_signal(signal.SIGKILL) for creator in creators])

        self.expect(*(goes(str(number), ended) for number in range(150)))

    def test_process_can_create_again_after_its_fifos_are_gone(self):
        directory = self.mount('lifetime=process,max-age=infinity')

        def make_twice():
            os.mkfifo(directory + '/a')
            os.unlink(directory + '/a')
            os.mkfifo(directory + '/a')

        creator = self.hold(make_twice)
        self.expect(stays('a'))

        self.expect(goes('a', timed(creator.end)))

    @staticmethod
    def is_zombie(pid):
        with open(f'/proc/{pid}/stat', encoding='ascii') as stream:
            return stream.read().rpartition(')')[2].split()[0] == 'Z'

    @staticmethod
    def command(pid):
        with open(f'/proc/{pid}/comm', encoding='ascii') as stream:
            return stream.read().strip()


class AfterRemoval(LifetimeTestCase):
    """What others see when the daemon has removed a name."""

    def test_directory_is_listed_and_dated_as_it_is_now(self):
        directory = self.mount('lifetime=use')
        os.mkdir(directory + '/d')
        for name in ('a', 'b', 'unused'):
            os.mkfifo(f'{directory}/d/{name}')
        before = os.stat(directory + '/d')
        self.assertEqual(sorted(os.listdir(directory + '/d')), ['a', 'b', 'unused'])

        used = timed(lambda: [use(directory + '/d/a'), use(directory + '/d/b')])
        self.expect(goes('d/a', used), goes('d/b', used))

        def is_up_to_date():
            after = os.stat(directory + '/d')
            return after.st_mtime_ns > before.st_mtime_ns and after.st_size == before.st_size - 40
        wait_until(is_up_to_date, 1.0, 'the new times of the directory')
        after = os.stat(directory + '/d')
        self.assertGreater(after.st_ctime_ns, before.st_ctime_ns)
        self.assertEqual(os.listdir(directory + '/d'), ['unused'])
        self.assertEqual(attempt(os.stat, directory + '/d/a'), 'ENOENT')
        self.assertEqual(attempt(os.rmdir, directory + '/d'), 'ENOTEMPTY')

    def test_directory_is_empty_when_its_last_fifo_is_gone(self):
        directory = self.mount('lifetime=use')
        os.mkdir(directory + '/d')
        os.mkfifo(directory + '/d/a')

        self.expect(goes('d/a', timed(use, directory + '/d/a')))

        os.rmdir(directory + '/d')
        self.assertEqual(os.listdir(directory), [])

    def test_name_can_be_given_again_at_once(self):
        """A hundred times; whatever way the daemon removed the one before."""
        directory = self.mount('lifetime=use')
        fifo = directory + '/a'

        for _ in range(100):
            wait_until(lambda: attempt(os.mkfifo, fifo) is None, 1.0, 'the name to be free')
            reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
            writer = os.open(fifo, os.O_WRONLY)
            os.write(writer, b'x')
            self.assertEqual(os.read(reader, 2), b'x')
            os.close(writer)
            os.close(reader)

        self.expect(goes('a', now()))

    def test_new_fifo_under_the_name_of_one_that_is_still_open_is_another(self):
        directory = self.mount('lifetime=process')
        creator = self.living_creator(directory + '/a')
        old = self.open(directory + '/a', os.O_RDWR)
        os.write(old, b'old')
        ended = timed(creator.end)

        wait_until(lambda: attempt(os.mkfifo, directory + '/a') is None, 1.0, 'the name')
        new = self.open(directory + '/a', os.O_RDWR | os.O_NONBLOCK)

        self.assertLess(now().before, ended.after + 1.0)
        self.assertNotEqual(os.fstat(new).st_ino, os.fstat(old).st_ino)
        self.assertEqual(attempt(os.read, new, 10), 'EAGAIN')
        self.assertEqual(os.read(old, 10), b'old')

    def test_open_that_creates_meets_no_remains(self):
        """As a program that writes to a FIFO again and again, with the daemon removing it between."""
        directory = self.mount('lifetime=use')
        fifo = directory + '/a'

        for _ in range(300):
            descriptor = os.open(fifo, os.O_RDWR | os.O_CREAT, 0o600)
            self.assertTrue(stat.S_ISFIFO(os.fstat(descriptor).st_mode))
            os.close(descriptor)

        self.expect(goes('a', now()))


if __name__ == '__main__':
    fifofs_test.main()
