# SPDX-License-Identifier: LGPL-2.1-or-later
"""fifoctl new, get, set, watch, wait and release do what they say, or nothing."""

import json
import os
import select
import signal
import socket
import stat
import subprocess
import time

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, Mount, as_user, attempt, binary, has_open, stuck_in_open, wait_until)

# The exit statuses of fifoctl(1).
OK, FAILED, USAGE, NO_MOUNT, TIMED_OUT = range(5)


def run(*arguments, **keywords):
    return subprocess.run([binary('FIFOCTL_BIN'), *arguments], capture_output=True, timeout=60,
                          check=False, **keywords)


def attributes(path):
    return json.loads(run('get', '-J', path).stdout)['attributes'][0]


def processor_ticks(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as stream:
        return sum(int(field) for field in stream.read().split()[13:15])


class Commands(fifofs_test.TestCase):
    def setUp(self):
        super().setUp()
        self.mount = self.enterContext(Mount('allow_other,linger=1h'))
        self.path = self.mount.path

    def at(self, name):
        return f'{self.path}/{name}'

    def fifo(self, name):
        os.mkfifo(self.at(name))
        return self.at(name)

    def follow(self, *arguments):
        """A running `fifoctl watch`, which has begun to follow."""
        process = self.start([binary('FIFOCTL_BIN'), 'watch', *arguments],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        wait_until(lambda: has_open(process.pid, '/events'),
                   what='fifoctl watch to open the events')
        return process

    def line(self, process):
        self.assertTrue(select.select([process.stdout], [], [], 10)[0], 'nothing was written')
        return process.stdout.readline().decode()

    def assert_fails(self, status, text, *arguments, **keywords):
        outcome = run(*arguments, **keywords)
        message = outcome.stderr.decode()
        self.assertEqual(outcome.returncode, status, message)
        self.assertEqual(message.count('\n'), 1, message)
        self.assertIn(text, message)
        self.assertEqual(outcome.stdout, b'')


class Help(fifofs_test.TestCase):
    def test_each_fits_a_screen(self):
        text = run('--help').stdout.decode()
        names = [line.split()[0] for line in text.partition('Commands:')[2].splitlines()
                 if line.startswith('  ') and line[2].isalpha()]
        self.assertIn('ls', names)
        for words in [[]] + [[name] for name in names]:
            with self.subTest(words):
                outcome = run(*words, '--help')
                self.assertEqual((outcome.returncode, outcome.stderr), (OK, b''))
                lines = outcome.stdout.decode().splitlines()
                self.assertLess(len(lines), 24)
                self.assertLessEqual(max(map(len, lines)), 80)


class Attributes(Commands):
    def test_new_fifo_has_its_mode_and_attributes(self):
        outcome = run('new', '-m', '0640', '--lifetime=keep', '--linger=5s', '--grace=1min',
                      '--max-age=2h', self.at('a'), self.at('b'))
        self.assertEqual((outcome.returncode, outcome.stderr), (OK, b''))
        for name in 'ab':
            self.assertEqual(os.lstat(self.at(name)).st_mode, stat.S_IFIFO | 0o640)
            shown = attributes(self.at(name))
            self.assertEqual([shown[key] for key in ('lifetime', 'linger', 'grace', 'max-age')],
                             ['keep', '5s', '1min', '2h'])

    def test_mode_that_the_mount_limits_is_told(self):
        outcome = run('new', '-m', '0777', self.at('a'))
        self.assertEqual(outcome.returncode, OK)
        self.assertIn(b'0660', outcome.stderr)
        self.assertEqual(stat.S_IMODE(os.lstat(self.at('a')).st_mode), 0o660)

    def test_new_makes_nothing_where_anything_is_wrong(self):
        self.fifo('there')
        before = os.lstat(self.at('there'))
        for status, arguments in (
                (USAGE, ('--linger=-1s', self.at('a'))), (USAGE, ('--mode=9', self.at('a'))),
                (USAGE, ('--mode=17777', self.at('a'))), (USAGE, ('--lifetime=x', self.at('a'))),
                (USAGE, ('--lifetime=process', self.at('a'))), (USAGE, ()),
                (FAILED, (self.at('there'),)), (FAILED, (self.at('no/a'),)),
                (FAILED, (self.at('n' * 256),)), (FAILED, ('/tmp/a',)), (FAILED, ('',))):
            with self.subTest(arguments):
                self.assert_fails(status, '', 'new', *arguments)
        self.assertEqual(os.listdir(self.path), ['there'])
        self.assertEqual(os.lstat(self.at('there')), before)
        self.assertFalse(os.path.lexists('/tmp/a'))

    def test_new_refuses_what_would_be_gone_at_once(self):
        os.mkdir(self.at('d'))
        os.setxattr(self.at('d'), 'fifofs.lifetime', b'process')
        self.assert_fails(FAILED, 'gone at once', 'new', self.at('d/a'))
        self.assertEqual(os.listdir(self.at('d')), [])
        self.assertEqual(run('new', '--lifetime=use', self.at('d/a')).returncode, OK)
        self.assertEqual(os.listdir(self.at('d')), ['a'])

    def test_new_takes_any_name_that_fits(self):
        for name in (b'n' * 255, b'\xff\n', b'-x', b'a=b'):
            path = os.fsencode(self.path) + b'/' + name
            self.assertEqual(run('new', path).returncode, OK)
            self.assertTrue(stat.S_ISFIFO(os.lstat(path).st_mode))

    def test_set_is_seen_by_get_and_taken_back(self):
        path = self.fifo('a')
        self.assertEqual(run('set', 'linger=2min', 'lifetime=use', path).returncode, OK)
        self.assertEqual(run('get', '-a', 'linger', path).stdout, b'2min\n')
        self.assertIn(b'/a: lifetime=use linger=2min grace=15min', run('get', path).stdout)
        run('set', 'linger=', path)
        self.assertEqual(run('get', '-a', 'linger', path).stdout, b'1h\n')

    def test_set_on_a_directory_is_for_what_comes(self):
        os.mkdir(self.at('d'))
        old = self.fifo('d/old')
        run('set', 'linger=7s', self.at('d'))
        new = self.fifo('d/new')
        self.assertEqual((attributes(old)['linger'], attributes(new)['linger']), ('1h', '7s'))

    def test_recursive_reaches_all_below_and_nothing_else(self):
        os.makedirs(self.at('d/e/f'))
        os.mkdir(self.at('other'))
        inside = [self.fifo(name) for name in ('d/a', 'd/e/b', 'd/e/f/c')]
        outside = [self.fifo(name) for name in ('top', 'other/x')]
        self.assertEqual(run('set', '-R', 'linger=7s', self.at('d')).returncode, OK)
        self.assertEqual({attributes(path)['linger'] for path in inside}, {'7s'})
        self.assertEqual({attributes(path)['linger'] for path in outside}, {'1h'})
        listed = json.loads(run('get', '-R', '-J', self.at('d')).stdout)['attributes']
        self.assertEqual({entry['path'] for entry in listed},
                         {*inside, self.at('d'), self.at('d/e'), self.at('d/e/f')})

    def test_nothing_is_set_where_one_word_is_wrong(self):
        path = self.fifo('a')
        before = run('get', '-a', 'linger', path).stdout
        for status, words in ((USAGE, ('linger=1s', 'grace=x', path)), (USAGE, ('nix=1', path)),
                              (USAGE, ('linger=1s', 'lifetime=no', path)), (USAGE, (path,)),
                              (USAGE, ('linger=1s',)), (USAGE, ()),
                              (FAILED, ('linger=1s', self.at('gone'))),
                              (FAILED, ('linger=1s', '/etc/passwd'))):
            with self.subTest(words):
                self.assert_fails(status, '', 'set', *words)
        self.assertEqual(run('get', '-a', 'linger', path).stdout, before)

    def test_only_owner_and_root_may_set(self):
        path = self.fifo('a')
        os.chown(path, USER_A, -1)
        def set_linger():
            return run('set', 'linger=1s', path).returncode
        self.assertEqual(as_user(USER_B, set_linger), FAILED)
        self.assertEqual(attributes(path)['linger'], '1h')
        self.assertEqual(as_user(USER_A, set_linger), OK)
        self.assertEqual(attributes(path)['linger'], '1s')

    def test_get_of_what_is_not_there(self):
        path = self.fifo('a')
        self.assert_fails(USAGE, 'no such attribute', 'get', '-a', 'nix', path)
        self.assert_fails(FAILED, 'No such file', 'get', self.at('gone'))
        self.assert_fails(FAILED, 'not on a fifofs mount', 'get', '/etc/passwd')


class Watch(Commands):
    def test_what_happens_is_written_at_once(self):
        process = self.follow(self.path)
        os.mkdir(self.at('d'))
        self.assertRegex(self.line(process), rf'^\d\d:\d\d:\d\d\.\d{{3}}  created   {self.path}/d '
                                             rf' by {os.getpid()} \(root\)\n$')
        os.rename(self.fifo('a'), self.at('b'))
        self.assertIn('/a  by', self.line(process))
        self.assertIn(f'renamed   {self.path}/b  was {self.path}/a  by', self.line(process))
        os.unlink(self.at('b'))
        self.assertIn(f'removed   {self.path}/b  unlink  by', self.line(process))

    def test_paths_and_events_choose(self):
        os.mkdir(self.at('d'))
        process = self.follow('-J', '-e', 'created', '-e', 'renamed', self.at('d'), self.at('later'))
        self.fifo('other')
        self.fifo('d/a')
        os.unlink(self.at('d/a'))
        os.rename(self.at('other'), self.at('d/b'))
        self.fifo('later')
        seen = [json.loads(self.line(process)) for _ in range(3)]
        self.assertEqual([(event['event'], event['path']) for event in seen],
                         [('created', 'd/a'), ('renamed', 'd/b'), ('created', 'later')])

    def test_name_that_disturbs_a_terminal_is_escaped(self):
        process = self.follow(self.path)
        os.mkfifo(os.fsencode(self.path) + b'/\x1b[2J\n\xff')
        self.assertIn(r'/\x1b[2J\x0a\xff', self.line(process))

    def test_end_of_the_mount_ends_it_with_a_line(self):
        process = self.follow(self.path)
        os.kill(self.mount.pid, signal.SIGTERM)
        _, message = process.communicate(timeout=10)
        self.assertEqual(process.returncode, FAILED)
        self.assertEqual(message.count(b'\n'), 1, message)

    def test_lazy_unmount_ends_it(self):
        process = self.follow(self.path)
        subprocess.run(['umount', '-l', self.path], check=True)
        self.assertEqual(process.wait(10), FAILED)
        self.assertEqual(process.stderr.read().count(b'\n'), 1)

    def test_unknown_event_is_refused(self):
        self.assert_fails(USAGE, 'removed', 'watch', '-e', 'remove', self.path)

    def test_path_elsewhere_is_refused(self):
        self.assert_fails(FAILED, 'not on a fifofs mount', 'watch', '/tmp')


class Wait(Commands):
    def wait(self, what, name, *arguments):
        return self.start([binary('FIFOCTL_BIN'), 'wait', self.at(name), '--for', what, *arguments],
                          stderr=subprocess.PIPE)

    def assert_waits_for(self, what, name, cause):
        process = self.wait(what, name, '--timeout=20s')
        time.sleep(0.4)
        self.assertIsNone(process.poll(), 'it did not wait')
        kept = cause()
        self.assertEqual(process.wait(10), OK, process.stderr.read())
        return kept

    def test_exists_and_gone(self):
        self.assert_waits_for('exists', 'a', lambda: self.fifo('a'))
        self.assert_waits_for('gone', 'a', lambda: os.unlink(self.at('a')))

    def test_rename_makes_one_exist_and_the_other_gone(self):
        self.fifo('a')
        gone = self.wait('gone', 'a')
        self.assert_waits_for('exists', 'b', lambda: os.rename(self.at('a'), self.at('b')))
        self.assertEqual(gone.wait(10), OK)

    def test_reader_that_is_stuck_is_one(self):
        path = self.fifo('a')
        child = self.assert_waits_for('reader', 'a',
                                      lambda: self.spawn(os.open, path, os.O_RDONLY))
        stuck_in_open(child.pid)

    def test_writer_that_is_stuck_is_one(self):
        path = self.fifo('a')
        child = self.assert_waits_for('writer', 'a',
                                      lambda: self.spawn(os.open, path, os.O_WRONLY))
        stuck_in_open(child.pid)

    def test_data_and_idle(self):
        both = self.open(self.fifo('a'), os.O_RDWR)
        self.assert_waits_for('data', 'a', lambda: os.write(both, b'x'))
        self.assertEqual(os.read(both, 10), b'x')
        self.assert_waits_for('idle', 'a', lambda: self.close(both))

    def test_timeout_has_its_own_status(self):
        began = time.monotonic()
        self.assert_fails(TIMED_OUT, 'timed out', 'wait', self.at('a'), '--for=exists',
                          '--timeout=300ms')
        self.assertGreaterEqual(time.monotonic() - began, 0.3)

    def test_waiting_for_existence_takes_no_processor_time(self):
        process = self.wait('exists', 'a')
        # For a while it looks a few times.
        wait_until(lambda: has_open(process.pid, '/events'), what='it to wait')
        time.sleep(0.3)
        before = processor_ticks(process.pid)
        time.sleep(1)
        self.assertLessEqual(processor_ticks(process.pid) - before, 3)
        self.fifo('a')
        self.assertEqual(process.wait(10), OK)

    def test_end_of_the_mount_is_neither_idle_nor_gone(self):
        held = self.open(self.fifo('a'), os.O_RDWR)
        waiting = [self.start([binary('FIFOCTL_BIN'), 'wait', self.at(name), '--for', what],
                              stderr=subprocess.PIPE)
                   for name, what in (('a', 'idle'), ('a', 'gone'), ('b', 'exists'))]
        for process in waiting:
            wait_until(lambda: has_open(process.pid, '/events'), what='it to wait')
        time.sleep(0.3)
        subprocess.run(['umount', '-l', self.path], check=True)
        for process in waiting:
            self.assertEqual(process.wait(10), FAILED)
            self.assertIn(self.path.encode(), process.stderr.read())
        self.close(held)

    def test_wrong_words_are_refused(self):
        self.assert_fails(USAGE, 'no such thing', 'wait', self.at('a'), '--for=nix')
        self.assert_fails(USAGE, 'bad timeout', 'wait', self.at('a'), '--for=gone', '--timeout=x')
        self.assert_fails(USAGE, 'nothing to wait for', 'wait', self.at('a'))
        self.assert_fails(FAILED, 'not on a fifofs mount', 'wait', '/tmp/a', '--for=gone')


class Release(Commands):
    def test_reader_goes_on_and_finds_the_end(self):
        path = self.fifo('a')
        reader = self.spawn(lambda: os.read(os.open(path, os.O_RDONLY), 10))
        stuck_in_open(reader.pid)
        outcome = run('release', path)
        self.assertEqual(outcome.returncode, OK, outcome.stderr)
        self.assertIn(f'released {reader.pid} ('.encode(), outcome.stdout)
        self.assertEqual(reader.result(), b'')

    def test_writer_goes_on_and_finds_nobody(self):
        path = self.fifo('a')
        writer = self.spawn(
            lambda: fifofs_test.attempt(os.write, os.open(path, os.O_WRONLY), b'x'))
        stuck_in_open(writer.pid)
        self.assertEqual(run('release', '--writers', path).returncode, OK)
        # Nobody can keep it from writing while the other end is open for a moment.
        self.assertIn(writer.result(), ('EPIPE', 1))

    def test_only_the_end_that_was_named_is_released(self):
        path = self.fifo('a')
        reader = self.spawn(os.open, path, os.O_RDONLY)
        stuck_in_open(reader.pid)
        self.assertEqual(run('release', '--writers', path).stdout, b'')
        stuck_in_open(reader.pid)

    def test_fifo_with_both_ends_is_left_alone(self):
        path = self.fifo('a')
        both = self.open(path, os.O_RDWR)
        os.write(both, b'kept')
        outcome = run('release', path)
        self.assertEqual((outcome.returncode, outcome.stdout), (OK, b''))
        self.assertIn(b'nobody waits', outcome.stderr)
        self.assertEqual(os.read(both, 10), b'kept')

    def test_other_user_may_not_release(self):
        path = self.fifo('a')
        os.chmod(path, 0o660)
        os.chown(path, USER_A, -1)
        # A program of its own: one that was root before could not be looked into by its user.
        reader = self.start(['setpriv', f'--reuid={USER_A}', f'--regid={USER_A}',
                             '--clear-groups', 'cat', path],
                            stdout=subprocess.PIPE)
        stuck_in_open(reader.pid)
        def release():
            return run('release', path).returncode
        self.assertEqual(as_user(USER_B, release), FAILED)
        stuck_in_open(reader.pid)
        self.assertEqual(as_user(USER_A, release), OK)
        self.assertEqual(reader.communicate(timeout=10)[0], b'')
        self.assertEqual(reader.returncode, 0)

    def test_owner_without_the_mode_for_the_other_end_is_told_so(self):
        def write_only():
            os.mkfifo(self.at('a'))
            os.chmod(self.at('a'), 0o200)
        as_user(USER_A, write_only)
        child = self.spawn(os.open, self.at('a'), os.O_WRONLY)
        stuck_in_open(child.pid)
        outcome = as_user(USER_A, lambda: run('release', self.at('a')))
        self.assertEqual(outcome.returncode, FAILED)
        self.assertEqual(run('release', self.at('a')).returncode, OK)
        child.result()

    def test_what_is_no_fifo_is_refused(self):
        self.assert_fails(FAILED, 'not a FIFO', 'release', self.path + '/.')
        self.assert_fails(FAILED, 'No such file', 'release', self.at('gone'))
        self.assert_fails(FAILED, 'not on a fifofs mount', 'release', '/dev/null')
        self.assert_fails(USAGE, 'nothing to release', 'release')


class Reap(Commands):
    """The creators of these FIFOs are gone; only a time keeps them."""

    def fifo(self, name):
        subprocess.run(['mkfifo', self.at(name)], check=True)
        return self.at(name)

    def used(self, name):
        path = self.fifo(name)
        os.close(os.open(path, os.O_RDWR))
        return path

    def due(self, *arguments):
        outcome = run('reap', '-n', '-J', *arguments)
        self.assertEqual(outcome.returncode, OK)
        return [(os.path.basename(fifo['path']), fifo['reason'])
                for fifo in json.loads(outcome.stdout)['fifofs']]

    def test_dry_run_tells_what_goes_when_and_why_soonest_first(self):
        self.used('used')
        self.fifo('unused')
        os.setxattr(self.fifo('old'), 'fifofs.max-age', b'2h')
        os.setxattr(self.at('old'), 'fifofs.grace', b'3h')
        self.fifo('kept')
        os.chmod(self.at('kept'), 0o1600)
        os.mkfifo(self.at('creator-here'))
        wait_until(lambda: self.due(self.path) == [
            ('unused', 'unused'), ('used', 'idle'), ('old', 'max-age')], what='what is due')
        text = run('reap', '--dry-run', self.path).stdout.decode().splitlines()
        self.assertEqual(text[0].split(), ['PATH', 'STATE', 'REASON', 'EXPIRES'])
        self.assertEqual([line.split()[0] for line in text[1:]],
                         [self.at(name) for name in ('unused', 'used', 'old')])
        self.assertEqual(len(os.listdir(self.path)), 5)

    def test_what_nobody_uses_goes_and_the_rest_stays_as_it_was(self):
        self.used('used')
        self.fifo('unused')
        reader = self.start(['cat', self.fifo('awaited')])
        held = self.open(self.fifo('held'), os.O_RDWR)
        self.fifo('kept')
        os.chmod(self.at('kept'), 0o1600)
        os.mkfifo(self.at('creator-here'))
        stuck_in_open(reader.pid)
        outcome = run('reap', self.path)
        self.assertEqual(outcome.returncode, OK)
        self.assertEqual(sorted(outcome.stdout.decode().splitlines()),
                         [f'{self.at("unused")}: removed (unused)',
                          f'{self.at("used")}: removed (idle)'])
        self.assertEqual(sorted(os.listdir(self.path)), ['awaited', 'creator-here', 'held', 'kept'])
        for name in os.listdir(self.path):
            shown = attributes(self.at(name))
            self.assertEqual((shown['linger'], shown['grace']), ('1h', '15min'))
        self.close(held)

    def test_one_that_comes_into_use_stays_and_keeps_its_time(self):
        """fifoctl cannot see the holder, whose descriptor is under way in a socket."""
        path = self.used('a')
        wait_until(lambda: self.due(path) == [('a', 'idle')], what='it to be idle')
        ends = socket.socketpair()
        held = os.open(path, os.O_RDWR)
        socket.send_fds(ends[0], [b'x'], [held])
        os.close(held)
        outcome = run('reap', path)
        self.assertEqual((outcome.returncode, outcome.stdout), (OK, b''))
        self.assertEqual(attributes(path)['linger'], '1h')
        for end in ends:
            end.close()
        self.assertTrue(os.path.lexists(path))

    def test_one_that_was_renamed_stays(self):
        path = self.used('a')
        wait_until(lambda: self.due(path) == [('a', 'idle')], what='it to be idle')
        number = str(os.lstat(path).st_ino).encode()
        os.rename(path, self.at('b'))
        self.used('a')
        self.assertEqual(attempt(os.setxattr, path, 'fifofs.reap', number), 'ENOENT')
        self.assertEqual(sorted(os.listdir(self.path)), ['a', 'b'])

    def test_use_that_ends_meanwhile_is_a_use(self):
        path = self.used('a')
        wait_until(lambda: self.due(path) == [('a', 'idle')], what='it to be idle')
        for _ in range(20):
            number = str(os.lstat(path).st_ino).encode()
            held = os.open(path, os.O_RDWR)
            answer = attempt(os.setxattr, path, 'fifofs.reap', number)
            self.assertIn(answer, (None, 'EBUSY'))
            os.close(held)
            time.sleep(0.1)
            self.assertTrue(os.path.lexists(path))

    def test_many_at_once_do_not_hinder_each_other(self):
        subprocess.run(['sh', '-c', f'cd {self.path}; seq 500 | xargs mkfifo'], check=True)
        held = self.open(self.used('held'), os.O_RDWR)
        reaping = [self.start([binary('FIFOCTL_BIN'), 'reap', self.path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) for _ in range(5)]
        for process in reaping:
            notes = process.communicate(timeout=30)[1]
            self.assertEqual(process.returncode, OK)
            self.assertNotIn(b'stays', notes)
        self.assertEqual(os.listdir(self.path), ['held'])
        self.assertEqual(attributes(self.at('held'))['linger'], '1h')
        self.close(held)

    def test_fifo_of_another_user_is_left(self):
        self.fifo('a')
        os.chmod(self.at('a'), 0o660)
        outcome = as_user(USER_B, lambda: run('reap', self.path).returncode)
        self.assertEqual(outcome, FAILED)
        self.assertEqual(os.listdir(self.path), ['a'])
        self.assertEqual(attributes(self.at('a'))['grace'], '15min')

    def test_thousands_go_at_once(self):
        subprocess.run(['sh', '-c', f'cd {self.path}; seq 3000 | xargs mkfifo'], check=True)
        outcome = run('reap', self.path)
        self.assertEqual(outcome.stdout.count(b'removed (unused)'), 3000)
        self.assertEqual(os.listdir(self.path), [])

    def test_wrong_usage_is_told(self):
        self.assert_fails(USAGE, 'nothing to reap', 'reap')
        self.assert_fails(USAGE, '--dry-run', 'reap', '-J', self.path)
        self.assert_fails(FAILED, '', 'reap', '/tmp')


if __name__ == '__main__':
    fifofs_test.main()
