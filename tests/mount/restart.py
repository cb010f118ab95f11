#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service manager keeps what a mount is made of, and a supervisor that starts goes on with it.

The test is the service manager: it has the socket of sd_notify(3), keeps the descriptors that come
over it, and hands them to the next process as sd_listen_fds(3) says. FIFOFS_PREVIOUS_BIN names an
earlier program that is to be gone on from; without it, that is the same one.
"""

import array
import fcntl
import os
import signal
import socket
import stat
import subprocess
import tempfile
import time

import fifofs_test
from fifofs_test import SLOWNESS, Mount, attempt, binary, mounted, stuck_in_open, wait_until

_FIRST = 3              # the first descriptor that is handed over
_ASIDE = 100            # numbers that are not in the way
_VERSION_AT = 8         # where a journal says which it has (lib/logfile.c)


class Manager:
    """A service manager as far as fifofs can see.

    What is stored is as often there as different files were given by that name.
    """

    def __init__(self, directory):
        self.path = directory + '/notify'
        self.stored = []        # names and descriptors
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.settimeout(10 * SLOWNESS)

    def close(self):
        self._socket.close()
        self.forget(*self.names)

    @property
    def names(self):
        return [name for name, _ in self.stored]

    def descriptor(self, name):
        found, = [descriptor for stored, descriptor in self.stored if stored == name]
        return found

    def until(self, state):
        """Take messages until one has that line."""
        while True:
            message, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(16))
            lines = message.decode().split('\n')
            for _, _, data in ancillary:
                descriptors = array.array('i', data)
                self._store(self._name(lines), descriptors[0])
            if 'FDSTOREREMOVE=1' in lines:
                self.forget(self._name(lines))
            if state in lines:
                return lines

    @staticmethod
    def _name(lines):
        name, = [line.partition('=')[2] for line in lines if line.startswith('FDNAME=')]
        return name

    def _store(self, name, descriptor):
        if any(stored == name and os.path.sameopenfile(other, descriptor)
               for stored, other in self.stored):
            os.close(descriptor)
        else:
            self.stored.append((name, descriptor))

    def forget(self, *names):
        """As a manager does when it is asked to, or the service has failed."""
        for name, descriptor in self.stored:
            if name in names:
                os.close(descriptor)
        self.stored = [(name, descriptor) for name, descriptor in self.stored if name not in names]

    def start(self, *words, program=None):
        """Start the daemon with what is stored."""
        environment = dict(os.environ, NOTIFY_SOCKET=self.path)
        command = [program or binary('FIFOFS_BIN'), '-f', *words]
        if self.stored:
            environment['LISTEN_FDS'] = str(len(self.stored))
            environment['LISTEN_FDNAMES'] = ':'.join(self.names)
            # The pid is known only to the process itself.
            command = ['/bin/sh', '-c', 'LISTEN_PID=$$ exec "$0" "$@"', *command]
        return subprocess.Popen(command, env=environment, close_fds=False,
                                preexec_fn=self._hand_over, stderr=subprocess.PIPE)

    def _hand_over(self):
        for number, (_, descriptor) in enumerate(self.stored):
            os.dup2(descriptor, _ASIDE + number)
        for number in range(len(self.stored)):
            os.dup2(_ASIDE + number, _FIRST + number)


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as stream:
        return stream.read().split()


def make_many(prefix, n):
    for turn in range(n):
        os.mkfifo(f'{prefix}{turn}')
        time.sleep(0.002)


class Restart(fifofs_test.TestCase):

    def setUp(self):
        super().setUp()
        self.enterContext(Mount())      # a mount namespace of our own before anything else
        self.directory = os.path.realpath(self.enterContext(
            tempfile.TemporaryDirectory(prefix='fifofs-restart-')))
        self.path = self.directory + '/mnt'
        os.mkdir(self.path)
        self.manager = Manager(self.directory)
        self.addCleanup(self.manager.close)
        self.addCleanup(lambda: mounted(self.path) and
                        subprocess.run(['umount', '-l', self.path], check=True))

    def start(self, program=None):
        daemon = self.manager.start(self.path, program=program)
        self.addCleanup(daemon.stderr.close)
        self.addCleanup(lambda: daemon.poll() is None and (daemon.kill(), daemon.wait()))
        self.manager.until('READY=1')
        return daemon

    def test_a_supervisor_that_was_killed_is_followed_by_one_with_the_same_mount(self):
        daemon = self.start(os.environ.get('FIFOFS_PREVIOUS_BIN'))
        os.mkfifo(self.path + '/kept')
        number = os.stat(self.path + '/kept').st_ino
        reader = self.spawn(lambda: open(self.path + '/kept', 'rb').read())
        stuck_in_open(reader.pid)

        daemon.kill()
        daemon.wait()
        answer = self.spawn(os.listdir, self.path)
        daemon = self.start()

        self.assertEqual(answer.result(), ['kept'])
        self.assertEqual(os.stat(self.path + '/kept').st_ino, number)
        with open(self.path + '/kept', 'wb') as writer:
            writer.write(b'still there')
        self.assertEqual(reader.result(), b'still there')
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)
        self.assertEqual(daemon.stderr.read(), b'')
        self.assertIsNone(mounted(self.path))

    def test_supervisors_that_are_killed_and_followed_at_once_lose_nothing(self):
        """The worker of the first is in the middle of things when the next one starts."""
        daemon = self.start()
        makers = [self.spawn(make_many, f'{self.path}/{number}-', 150) for number in range(3)]
        for _ in range(6):
            time.sleep(0.1)
            daemon.kill()
            daemon.wait()
            daemon = self.start()
        for maker in makers:
            self.assertIsNone(maker.result())
        self.assertEqual(set(os.listdir(self.path)),
                         {f'{number}-{turn}' for number in range(3) for turn in range(150)})

    def test_next_one_waits_for_the_end_of_the_worker_that_is_there(self):
        daemon = self.start()
        daemon.kill()
        daemon.wait()
        # As a worker has it that cannot end yet.
        wait_until(lambda: attempt(fcntl.lockf, self.manager.descriptor('journal'),
                                   fcntl.LOCK_EX | fcntl.LOCK_NB) is None, what='the worker to end')
        daemon = self.manager.start(self.path)
        self.addCleanup(daemon.stderr.close)
        self.addCleanup(lambda: daemon.poll() is None and (daemon.kill(), daemon.wait()))
        time.sleep(1)
        self.assertEqual(children(daemon.pid), [], 'there are two workers')
        fcntl.lockf(self.manager.descriptor('journal'), fcntl.LOCK_UN)
        self.manager.until('READY=1')

    def test_what_is_stored_of_a_mount_that_has_ended_is_not_gone_on_with(self):
        daemon = self.start()
        os.mkfifo(self.path + '/gone')
        subprocess.run(['umount', self.path], check=True)
        self.assertEqual(daemon.wait(), 0)

        daemon = self.start()

        self.assertEqual(os.listdir(self.path), [])
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)

    def test_an_end_takes_back_what_is_stored(self):
        daemon = self.start()
        daemon.send_signal(signal.SIGTERM)
        for name in ('fuse', 'journal', 'inotify'):
            self.assertIn('FDSTOREREMOVE=1', self.manager.until(f'FDNAME={name}'))
        self.assertEqual(daemon.wait(), 0)
        wait_until(lambda: not mounted(self.path), what='the end of the mount')

    def kill(self, daemon):
        daemon.kill()
        daemon.wait()

    def assert_nothing_is_stored_twice(self):
        self.assertEqual(sorted(self.manager.names), ['fuse', 'inotify', 'journal', 'settings'])

    def test_each_that_goes_on_stores_nothing_once_more(self):
        for _ in range(3):
            self.kill(self.start())
        self.assert_nothing_is_stored_twice()

    def test_what_is_stored_of_a_dead_mount_is_taken_back(self):
        self.kill(self.start())
        subprocess.run(['umount', '-l', self.path], check=True)
        daemon = self.start()
        self.assert_nothing_is_stored_twice()
        os.mkfifo(self.path + '/kept')
        self.kill(daemon)
        self.start()
        self.assertEqual(os.listdir(self.path), ['kept'])

    def test_configuration_that_cannot_be_read_leaves_in_force_what_was(self):
        config = self.directory + '/fifofs.conf'
        with open(config, 'w', encoding='ascii') as stream:
            stream.write(f'[fifofs]\nmountpoint={self.path}\nceiling=0640\n')
        daemon = self.manager.start('-o', 'config=' + config)
        self.manager.until('READY=1')
        os.mkfifo(self.path + '/kept')
        with open(config, 'w', encoding='ascii') as stream:
            stream.write('[fifofs]\nceiling=who knows\n')
        daemon.kill()
        daemon.wait()
        daemon.stderr.close()

        daemon = self.manager.start('-o', 'config=' + config)
        self.addCleanup(daemon.stderr.close)
        self.manager.until('READY=1')

        os.mkfifo(self.path + '/new', 0o666)
        self.assertEqual(attempt(os.chmod, self.path + '/new', 0o666), 'EPERM')
        self.assertEqual(sorted(os.listdir(self.path)), ['kept', 'new'])
        self.assertEqual(stat.S_IMODE(os.stat(self.path + '/new').st_mode) & ~0o640, 0)
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)
        line, = daemon.stderr.read().decode().splitlines()
        self.assertIn('who knows', line)
        self.assertIn('going on with what was in force', line)

    def start_with_mountpoint(self, mountpoint):
        """The mountpoint stands in the configuration file."""
        config = self.directory + '/fifofs.conf'
        with open(config, 'w', encoding='ascii') as stream:
            stream.write(f'[fifofs]\nmountpoint={mountpoint}\nlifetime=keep\n')
        daemon = self.manager.start('-o', 'config=' + config)
        self.addCleanup(daemon.stderr.close)
        self.addCleanup(lambda: daemon.poll() is None and self.kill(daemon))
        self.assertIn('STATUS=Mounted on ' + self.path, self.manager.until('READY=1'))
        return daemon

    def complaints_of_change(self, mountpoint):
        """What the next one says, to which the file names another mountpoint."""
        daemon = self.start_with_mountpoint(self.path)
        os.mkfifo(self.path + '/kept')
        self.kill(daemon)

        daemon = self.start_with_mountpoint(mountpoint)

        self.assertEqual(os.listdir(self.path), ['kept'])
        relayed = self.path + '/relayed'
        self.assertEqual(self.spawn(lambda: os.write(
            os.open(relayed, os.O_RDWR | os.O_CREAT | os.O_EXCL), b'x')).result(), 1)
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)
        self.assertIsNone(mounted(self.path))
        return daemon.stderr.read().decode().splitlines()

    def test_changed_mountpoint_waits_for_the_next_mount(self):
        for name in ('other', 'missing/other', 'mnt/below'):
            with self.subTest(mountpoint=name):
                other = f'{self.directory}/{name}'
                line, = self.complaints_of_change(other)
                self.assertEqual(line, f'fifofs: {self.path}: mountpoint cannot change while it is '
                                       f'mounted: unmount it and mount it again for {other}')
                self.assertFalse(os.path.lexists(other))

    def test_mountpoint_in_other_words_is_the_same(self):
        os.symlink('mnt', self.directory + '/link')
        for name in ('mnt/', './mnt', 'link'):
            with self.subTest(mountpoint=name):
                self.assertEqual(self.complaints_of_change(f'{self.directory}/{name}'), [])

    def test_mountpoint_that_an_earlier_program_did_not_store_is_that_of_the_configuration(self):
        self.kill(self.start_with_mountpoint(self.path))
        self.manager.forget('settings')
        self.kill(self.start_with_mountpoint(self.path))
        self.manager.forget('settings')
        missing = self.directory + '/missing/other'
        daemon = self.manager.start(missing)
        self.addCleanup(daemon.stderr.close)
        self.assertEqual(daemon.wait(10), 3)
        line, = daemon.stderr.read().decode().splitlines()
        self.assertTrue(line.startswith(f'fifofs: {missing}: no such directory'), line)

    def test_journal_of_a_later_program_is_refused_in_one_line_and_nothing_left_dead(self):
        daemon = self.start()
        os.mkfifo(self.path + '/a')
        daemon.kill()
        daemon.wait()
        os.pwrite(self.manager.descriptor('journal'), b'\x63', _VERSION_AT)

        daemon = self.manager.start(self.path)
        self.addCleanup(daemon.stderr.close)
        self.manager.forget('fuse', 'inotify', 'journal')

        self.assertEqual(daemon.wait(10), 1)
        line, = daemon.stderr.read().decode().splitlines()
        self.assertTrue(line.startswith(f'fifofs: {self.path}: '), line)
        self.assertIn('the journal has version 99', line)
        self.assertIn('start again', line)
        self.assertIsNone(mounted(self.path))
        self.start()
        self.assertEqual(os.listdir(self.path), [])


if __name__ == '__main__':
    fifofs_test.main()
