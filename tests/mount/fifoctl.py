# SPDX-License-Identifier: LGPL-2.1-or-later
"""fifoctl shows FIFOs and who is on them, disturbs neither, and removes nothing but FIFOs."""

import fcntl
import json
import os
import stat
import subprocess

import fifofs_test
from fifofs_test import USER_A, USER_B, Mount, Tmpfs, as_user, binary, stuck_in_open

F_SETPIPE_SZ = 1031


def run(*arguments, **keywords):
    return subprocess.run([binary('FIFOCTL_BIN'), *arguments], capture_output=True, timeout=60,
                          check=False, **keywords)


def listed(*arguments):
    """The FIFOs that `fifoctl ls -J` shows, by name."""
    outcome = run('ls', '-J', '--output-all', '-p', *arguments)
    assert outcome.returncode == 0, outcome.stderr
    return {fifo['name']: fifo for fifo in json.loads(outcome.stdout)['fifofs']}


class Listing(fifofs_test.TestCase):
    def setUp(self):
        super().setUp()
        self.mount = self.enterContext(Mount('allow_other'))
        self.path = self.mount.path

    def fifo(self, name):
        os.mkfifo(f'{self.path}/{name}')
        return f'{self.path}/{name}'

    def test_readers_writers_and_bytes_are_counted_and_left_alone(self):
        path = self.fifo('data')
        both = self.open(path, os.O_RDWR)
        self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(both, F_SETPIPE_SZ, 1 << 20)
        os.write(both, b'x' * 5000)

        shown = listed(self.path)['data']

        self.assertEqual((shown['readers'], shown['writers'], shown['waiting']), (1, 1, 0))
        self.assertEqual((shown['queued'], shown['capacity']), (5000, 1 << 20))
        self.assertEqual(shown['state'], 'open')
        self.assertEqual(os.read(both, 6000), b'x' * 5000)

    def test_whoever_waits_in_open_is_named_and_waits_on(self):
        path = self.fifo('stuck')
        reader = self.spawn(lambda: os.read(os.open(path, os.O_RDONLY), 10))
        stuck_in_open(reader.pid)

        shown = listed(self.path)['stuck']

        self.assertEqual((shown['state'], shown['waiting']), ('stuck', 1))
        process, = shown['processes']
        self.assertEqual((process['pid'], process['end'], process['state']),
                         (reader.pid, 'read', 'stuck'))
        stuck_in_open(reader.pid)
        with open(path, 'wb') as writer:
            writer.write(b'on')
        self.assertEqual(reader.result(), b'on')

    def test_handle_without_an_end_is_neither_reader_nor_writer(self):
        path = self.fifo('handle')
        self.open(path, os.O_PATH)
        shown = listed(self.path)['handle']
        self.assertEqual((shown['readers'], shown['writers']), (0, 0))
        self.assertEqual([p['end'] for p in shown['processes']], ['path'])

    def test_paths_choose_what_is_listed(self):
        os.mkdir(f'{self.path}/d')
        for name in ('top', 'd/one', 'd/two'):
            self.fifo(name)
        self.assertEqual(set(listed(self.path)), {'top', 'd/one', 'd/two'})
        self.assertEqual(set(listed(f'{self.path}/d')), {'d/one', 'd/two'})
        self.assertEqual(set(listed(f'{self.path}/d/one')), {'d/one'})

    def test_columns_are_chosen_and_named(self):
        self.fifo('a')
        table = run('ls', '-o', 'NAME,MODE', self.path).stdout.split()
        self.assertEqual(table, [b'NAME', b'MODE', b'a', b'0660'])
        bare = run('ls', '-n', '-r', '-o', 'NAME', self.path).stdout
        self.assertEqual(bare, b'a\n')
        added = run('ls', '-o', '+CAPACITY', self.path).stdout.splitlines()[0].split()
        self.assertEqual(added[0], b'NAME')
        self.assertEqual(added[-1], b'CAPACITY')
        for column in ('NAME', 'READERS', 'EXPIRES', 'CREATOR'):
            self.assertIn(column.encode(), run('ls', '--list-columns').stdout)
        self.assertEqual(run('ls', '-o', 'COLOUR', self.path).returncode, 2)

    def test_odd_names_are_shown_safely(self):
        os.mkfifo(os.fsencode(self.path) + b'/a\x1b[31m\n\xff')
        table = run('ls', '-n', '-o', 'NAME', self.path).stdout
        self.assertNotIn(b'\x1b', table)
        self.assertEqual(table.count(b'\n'), 1)
        shown = json.loads(run('ls', '-J', self.path).stdout)['fifofs'][0]
        self.assertIn('path_b64', shown)

    def test_other_user_sees_his_own_and_hears_of_what_he_may_not_look_into(self):
        os.mkdir(f'{self.path}/private', 0o700)
        os.mkfifo(f'{self.path}/private/hidden')
        as_user(USER_A, os.mkfifo, f'{self.path}/mine')
        outcome = as_user(USER_A, lambda: run('ls', '-J', self.path).stdout)
        shown = json.loads(outcome)
        self.assertEqual([fifo['name'] for fifo in shown['fifofs']], ['mine'])
        self.assertTrue(shown['unknown_processes'] > 0 or shown['processes_hidden'])

    def test_info_tells_lifetime_and_owner(self):
        path = self.fifo('told')
        os.chmod(path, 0o1600)
        shown = json.loads(run('info', '-J', path).stdout)
        self.assertIn('"keep"', json.dumps(shown))
        self.assertIn(b'keep', run('info', path).stdout)


class Removing(fifofs_test.TestCase):
    def test_only_fifos_on_a_fifofs_are_removed(self):
        with Mount() as mount, Tmpfs() as tmpfs:
            os.mkfifo(f'{mount.path}/gone')
            os.mkdir(f'{mount.path}/stays')
            os.mkfifo(f'{tmpfs.path}/elsewhere')
            os.symlink(f'{mount.path}/gone', f'{tmpfs.path}/link')

            self.assertEqual(run('rm', f'{tmpfs.path}/elsewhere').returncode, 1)
            self.assertEqual(run('rm', f'{tmpfs.path}/link').returncode, 1)
            self.assertEqual(run('rm', f'{mount.path}/stays').returncode, 1)
            self.assertEqual(sorted(os.listdir(mount.path)), ['gone', 'stays'])
            self.assertEqual(run('rm', f'{mount.path}/gone').returncode, 0)
            self.assertEqual(os.listdir(mount.path), ['stays'])
            self.assertTrue(stat.S_ISFIFO(os.stat(f'{tmpfs.path}/elsewhere').st_mode))
            self.assertEqual(run('rm', f'{mount.path}/gone').returncode, 1)
            self.assertEqual(run('rm', '-f', f'{mount.path}/gone').returncode, 0)

    def test_other_user_cannot_remove(self):
        with Mount('allow_other') as mount:
            os.mkfifo(f'{mount.path}/of-root')
            code = as_user(USER_B, lambda: run('rm', f'{mount.path}/of-root').returncode)
            self.assertEqual(code, 1)
            self.assertEqual(os.listdir(mount.path), ['of-root'])

    def test_wrong_usage_is_refused(self):
        for arguments in ([], ['frobnicate'], ['rm'], ['info'], ['ls', '--nonsense']):
            outcome = run(*arguments)
            self.assertEqual(outcome.returncode, 2, arguments)


if __name__ == '__main__':
    fifofs_test.main()
