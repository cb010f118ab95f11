# SPDX-License-Identifier: LGPL-2.1-or-later
"""Extended attributes fifofs.*: policies of FIFOs and directories, and what a FIFO is doing."""

import ctypes
import json
import os
import subprocess

import fifofs_test
from fifofs_test import (
    USER_A, USER_B, Mount, as_user, attempt, libc_call, on_both, on_fifofs, wait_until)

KEYS = ('lifetime', 'linger', 'grace', 'max-age', 'open-timeout', 'capacity', 'hold')
DEFAULTS = {'lifetime': 'auto', 'linger': '30s', 'grace': '15min', 'max-age': 'infinity',
            'open-timeout': 'infinity', 'capacity': 'default', 'hold': 'none'}


def get(path, key):
    return os.getxattr(path, 'fifofs.' + key).decode()


def put(path, key, value, flags=0):
    os.setxattr(path, 'fifofs.' + key, value if isinstance(value, bytes) else value.encode(), flags)


def remove(path, key):
    os.removexattr(path, 'fifofs.' + key)


def policy(path):
    return {key: get(path, key) for key in KEYS}


class Values(fifofs_test.TestCase):

    @on_fifofs()
    def test_defaults_are_read_from_fifos_directories_and_the_root(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        for path in (directory, directory + '/sub', directory + '/fifo'):
            self.assertEqual(policy(path), DEFAULTS)

    @on_fifofs()
    def test_every_lifetime_can_be_set_and_read_back(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        for path in (directory, directory + '/sub', directory + '/fifo'):
            for value in ('keep', 'use', 'process', 'session', 'auto', 'keep'):
                put(path, 'lifetime', value)
                self.assertEqual(get(path, 'lifetime'), value)

    @on_fifofs('trace')
    def test_durations_are_read_back_in_one_form(self, directory):
        os.mkfifo(directory + '/fifo')
        forms = {
            '30': '30s', '30s': '30s', '30 s': '30s', '60': '1min', '90': '90s', '90s': '90s',
            '1min30s': '90s', '900s': '15min', '15min': '15min', '15m': '15min', '3600': '1h',
            '1h30min': '90min', '24h': '1d', '2d': '2d', '500ms': '500ms', '0.5s': '500ms',
            '0.5': '500ms', '1500ms': '1500ms', '2000ms': '2s', '250us': '250us', '0': '0s',
            '0s': '0s', 'infinity': 'infinity', '365d': '365d',
        }
        for key in ('linger', 'grace', 'max-age', 'open-timeout'):
            for given, shown in forms.items():
                if key == 'max-age' and shown in ('250us', '500ms', '0s'):
                    continue                        # the FIFO would be gone
                with self.subTest(key=key, given=given):
                    put(directory + '/fifo', key, given)
                    self.assertEqual(get(directory + '/fifo', key), shown)
                    put(directory + '/fifo', key, shown)
                    self.assertEqual(get(directory + '/fifo', key), shown)

    @on_fifofs('trace')
    def test_sizes_are_read_back_in_one_form(self, directory):
        os.mkfifo(directory + '/fifo')
        for given, shown in {'65536': '64K', '64K': '64K', '64KiB': '64K', '1M': '1M', '1024K': '1M',
                             '1048577': '1048577', '1G': '1G', '1': '1',
                             'default': 'default'}.items():
            put(directory + '/fifo', 'capacity', given)
            self.assertEqual(get(directory + '/fifo', 'capacity'), shown)

    @on_fifofs()
    def test_bad_value_is_einval_and_changes_nothing(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        bad = {
            'lifetime': ['', 'never', 'AUTO', 'auto\n', 'auto ', ' auto', 'keep\0', b'\xff',
                         'a' * 5000],
            'linger': ['', 'soon', '-1', '-1s', '1x', 's', '1..5', '.5', '5.', '1e3', '0x10',
                       'Infinity', 'infinity ', '30s\0', b'\xff', '99999999999999999999',
                       '9223372036854775807', '1s,2s', '1;', '\n', '1' * 5000],
        }
        bad['grace'] = bad['max-age'] = bad['open-timeout'] = bad['linger']
        bad['capacity'] = ['', '0', '-1', '1T', '2G', '1.5M', 'M', '1 M', '1KB', '0x10', 'Default',
                           '64k', '1M ', '9' * 30, 'default\0', b'\xff']
        for path in (directory + '/fifo', directory + '/sub', directory):
            for key, values in bad.items():
                for value in values:
                    with self.subTest(key=key, value=value):
                        self.assertEqual(attempt(put, path, key, value), 'EINVAL')
            self.assertEqual(policy(path), DEFAULTS)

    @on_fifofs()
    def test_unknown_attribute_has_no_data_and_takes_none(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        for path in (directory + '/fifo', directory + '/sub', directory):
            for key in ('nonsense', '', 'Lifetime', 'lifetime2', 'max_age', 'Capacity', 'Hold',
                        'lifetime.x', 'x' * 200):
                with self.subTest(path=path, key=key):
                    self.assertEqual(attempt(get, path, key), 'ENODATA')
                    self.assertEqual(attempt(put, path, key, 'auto'), 'ENOTSUP')
                    self.assertEqual(attempt(remove, path, key), 'ENOTSUP')

    @on_fifofs()
    def test_attributes_of_other_namespaces_are_not_supported(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        for path in (directory + '/fifo', directory + '/sub'):
            for name in ('trusted.x', 'fifofsx', 'fifofs', 'lifetime', 'security.x'):
                self.assertEqual(attempt(os.getxattr, path, name), 'ENOTSUP')
                self.assertEqual(attempt(os.setxattr, path, name, b'x'), 'ENOTSUP')
        self.assertEqual(attempt(os.setxattr, directory + '/sub', 'user.x', b'x'), 'ENOTSUP')

    @on_both()
    def test_user_attributes_of_fifos_are_refused_by_the_kernel(self, directory):
        os.mkfifo(directory + '/fifo')
        return [attempt(os.setxattr, directory + '/fifo', 'user.x', b'x'),
                attempt(os.getxattr, directory + '/fifo', 'user.x'),
                attempt(os.removexattr, directory + '/fifo', 'user.x')]

    @on_fifofs()
    def test_attributes_work_through_descriptors_and_without_a_name(self, directory):
        end = self.open(directory + '/fifo', os.O_RDWR | os.O_CREAT)
        put(end, 'lifetime', 'keep')
        self.assertEqual(get(directory + '/fifo', 'lifetime'), 'keep')
        os.unlink(directory + '/fifo')
        self.assertEqual(get(end, 'lifetime'), 'keep')
        self.assertIsNone(attempt(put, end, 'lifetime', 'auto'))
        self.assertIsNone(attempt(remove, end, 'lifetime'))

    def test_mount_options_are_the_values_of_the_root(self):
        with Mount('lifetime=use,grace=2h,max-age=3d,open-timeout=4s,capacity=1M,'
                   'hold=write') as mount:
            os.mkfifo(mount.path + '/fifo')
            expected = {'lifetime': 'use', 'linger': '0s', 'grace': '2h', 'max-age': '3d',
                        'open-timeout': '4s', 'capacity': '1M', 'hold': 'write'}
            self.assertEqual(policy(mount.path), expected)
            self.assertEqual(policy(mount.path + '/fifo'), expected)


class Protocol(fifofs_test.TestCase):

    @on_fifofs()
    def test_names_are_listed(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        names = {'fifofs.' + key for key in KEYS}
        self.assertEqual(set(os.listxattr(directory)), names)
        self.assertEqual(set(os.listxattr(directory + '/sub')), names)
        self.assertEqual(set(os.listxattr(directory + '/fifo')), names | {'fifofs.state'})
        for name in os.listxattr(directory + '/fifo'):
            self.assertTrue(os.getxattr(directory + '/fifo', name))

    @on_fifofs()
    def test_size_can_be_asked_for_and_a_small_buffer_is_erange(self, directory):
        path = os.fsencode(directory + '/fifo')
        os.mkfifo(path)
        put(path, 'lifetime', 'session')
        buffer = bytearray(b'#' * 1000)
        raw = (ctypes.c_char * len(buffer)).from_buffer(buffer)
        name = b'fifofs.lifetime'
        self.assertEqual(libc_call('getxattr', path, name, None, 0), 7)
        self.assertEqual(attempt(libc_call, 'getxattr', path, name, raw, 6), 'ERANGE')
        self.assertEqual(attempt(libc_call, 'getxattr', path, name, raw, 1), 'ERANGE')
        self.assertEqual(libc_call('getxattr', path, name, raw, 7), 7)
        self.assertEqual(bytes(buffer[:8]), b'session#')
        self.assertEqual(libc_call('getxattr', path, name, raw, 1000), 7)

        size = libc_call('listxattr', path, None, 0)
        self.assertEqual(size, sum(len('fifofs.' + key) + 1 for key in (*KEYS, 'state')))
        self.assertEqual(attempt(libc_call, 'listxattr', path, raw, size - 1), 'ERANGE')
        self.assertEqual(libc_call('listxattr', path, raw, size), size)
        self.assertEqual(len(bytes(buffer[:size]).split(b'\0')), len(KEYS) + 2)

    @on_fifofs()
    def test_values_exist_from_the_start_so_they_are_replaced_not_created(self, directory):
        os.mkfifo(directory + '/fifo')
        path = directory + '/fifo'
        self.assertEqual(attempt(put, path, 'linger', '5s', os.XATTR_CREATE), 'EEXIST')
        self.assertEqual(get(path, 'linger'), '30s')
        put(path, 'linger', '5s', os.XATTR_REPLACE)
        self.assertEqual(get(path, 'linger'), '5s')
        self.assertEqual(attempt(put, path, 'linger', '6s', os.XATTR_CREATE), 'EEXIST')
        self.assertEqual(get(path, 'linger'), '5s')

    @on_fifofs()
    def test_getfattr_and_setfattr_work(self, directory):
        os.mkfifo(directory + '/fifo')
        subprocess.run(['setfattr', '-n', 'fifofs.lifetime', '-v', 'keep', 'fifo'], cwd=directory,
                       check=True)
        told = subprocess.run(['getfattr', '-d', '-m', '-', 'fifo'], cwd=directory, check=True,
                              capture_output=True, text=True).stdout
        self.assertRegex(told, 'fifofs.state="(new|cached)"')
        self.assertLessEqual({
            'fifofs.grace="15min"', 'fifofs.lifetime="keep"', 'fifofs.linger="30s"',
            'fifofs.max-age="infinity"'}, set(told.split()))
        subprocess.run(['setfattr', '-x', 'fifofs.lifetime', 'fifo'], cwd=directory, check=True)
        self.assertEqual(get(directory + '/fifo', 'lifetime'), 'auto')
        refused = subprocess.run(['setfattr', '-n', 'fifofs.linger', '-v', 'soon', 'fifo'],
                                 cwd=directory, capture_output=True, text=True)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn('Invalid argument', refused.stderr)

    @on_fifofs()
    def test_control_files_have_no_attributes(self, directory):
        for path in ('.fifofs', '.fifofs/pipes', '.fifofs/config'):
            path = f'{directory}/{path}'
            self.assertEqual(os.listxattr(path), [])
            self.assertEqual(attempt(get, path, 'lifetime'), 'ENODATA')
            self.assertIn(attempt(put, path, 'lifetime', 'keep'), ('EPERM', 'EACCES', 'ENOTSUP'))


class State(fifofs_test.TestCase):

    @on_fifofs()
    def test_state_follows_use(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path)
        self.assertIn(get(path, 'state'), ('new', 'cached'))
        end = self.open(path, os.O_RDWR)
        fifofs_test.wait_until(lambda: get(path, 'state') in ('in-use', 'cached'))
        self.close(end)
        self.assertIn(get(path, 'state'), ('in-use', 'cached', 'idle'))

    @on_fifofs()
    def test_state_is_read_only(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path)
        for value in ('idle', 'new', '', 'nonsense'):
            self.assertEqual(attempt(put, path, 'state', value), 'EROFS')
        self.assertEqual(attempt(remove, path, 'state'), 'EROFS')

    @on_fifofs()
    def test_directory_has_no_state(self, directory):
        self.assertEqual(attempt(get, directory, 'state'), 'ENODATA')
        self.assertEqual(attempt(put, directory, 'state', 'new'), 'ENOTSUP')


class Reap(fifofs_test.TestCase):
    """fifofs.reap is no value but a wish."""

    @staticmethod
    def fifo(directory, name):
        """One whose creator has ended."""
        path = f'{directory}/{name}'
        subprocess.run(['mkfifo', path], check=True)
        return path, str(os.lstat(path).st_ino)

    @on_fifofs()
    def test_unused_one_goes_although_its_time_has_not_come(self, directory):
        path, number = self.fifo(directory, 'a')
        wait_until(lambda: attempt(put, path, 'reap', number) in (None, 'ENOENT'), what='creator')
        wait_until(lambda: not os.path.lexists(path), what='it to go')

    @on_fifofs()
    def test_what_a_lifetime_or_a_user_keeps_stays(self, directory):
        path, number = self.fifo(directory, 'a')
        put(path, 'lifetime', 'keep')
        self.assertEqual(attempt(put, path, 'reap', number), 'EBUSY')
        os.mkfifo(directory + '/b')
        self.assertEqual(
            attempt(put, directory + '/b', 'reap', str(os.lstat(directory + '/b').st_ino)), 'EBUSY')

    @on_fifofs()
    def test_it_cannot_be_read_and_takes_only_the_number_of_the_node(self, directory):
        path, number = self.fifo(directory, 'a')
        self.assertEqual(attempt(get, path, 'reap'), 'ENODATA')
        self.assertNotIn('fifofs.reap', os.listxattr(path))
        for value in ('', 'x', '-1', number + 'x', number + '\0', '9' * 30):
            self.assertEqual(attempt(put, path, 'reap', value), 'EINVAL')
        self.assertEqual(attempt(put, path, 'reap', str(int(number) + 1)), 'ENOENT')
        self.assertEqual(attempt(put, directory, 'reap', '1'), 'ENOTSUP')
        self.assertTrue(os.path.lexists(path))

    @on_fifofs('allow_other')
    def test_only_owner_and_root_may(self, directory):
        path, number = self.fifo(directory, 'a')
        os.chmod(path, 0o660)
        os.chown(path, USER_A, USER_B)
        self.assertEqual(attempt(as_user, USER_B, put, path, 'reap', number), 'EPERM')


class Inheritance(fifofs_test.TestCase):

    @on_fifofs('trace')
    def test_new_fifos_and_directories_have_the_values_of_their_directory(self, directory):
        wanted = {'lifetime': 'session', 'linger': '7s', 'grace': '9min', 'max-age': '3d',
                  'open-timeout': '8s', 'capacity': '128K', 'hold': 'both'}
        os.mkdir(directory + '/sub')
        for key, value in wanted.items():
            put(directory + '/sub', key, value)
        os.mkfifo(directory + '/sub/fifo')
        os.close(os.open(directory + '/sub/opened', os.O_RDWR | os.O_CREAT))
        os.mkdir(directory + '/sub/below')
        os.mkfifo(directory + '/sub/below/fifo')
        for path in ('fifo', 'opened', 'below', 'below/fifo'):
            self.assertEqual(policy(f'{directory}/sub/{path}'), wanted, path)
        os.mkfifo(directory + '/fifo')
        self.assertEqual(policy(directory + '/fifo'), DEFAULTS)

    @on_fifofs()
    def test_new_value_of_a_directory_is_for_what_is_created_later(self, directory):
        os.mkfifo(directory + '/before')
        put(directory, 'lifetime', 'keep')
        os.mkfifo(directory + '/after')
        self.assertEqual(get(directory + '/before', 'lifetime'), 'auto')
        self.assertEqual(get(directory + '/after', 'lifetime'), 'keep')

    @on_fifofs('trace')
    def test_removing_gives_the_value_of_the_directory_above(self, directory):
        os.mkdir(directory + '/sub')
        os.mkfifo(directory + '/sub/fifo')
        fifo, sub = directory + '/sub/fifo', directory + '/sub'
        for key, value, above in (('lifetime', 'use', 'session'), ('linger', '1min', '2min'),
                                  ('grace', '1h', '2h'), ('max-age', '5d', '6d'),
                                  ('open-timeout', '5s', '6s')):
            put(fifo, key, value)
            put(sub, key, above)
            remove(fifo, key)
            self.assertEqual(get(fifo, key), above)
            remove(sub, key)
            self.assertEqual(get(sub, key), DEFAULTS[key] if key != 'linger' else '30s')
            self.assertEqual(get(fifo, key), above)

    def test_removing_from_the_root_gives_the_value_of_the_mount(self):
        with Mount('grace=5s') as mount:
            put(mount.path, 'grace', '1h')
            remove(mount.path, 'grace')
            self.assertEqual(get(mount.path, 'grace'), '5s')

    @on_fifofs()
    def test_values_move_along_with_a_rename(self, directory):
        os.mkdir(directory + '/sub')
        put(directory + '/sub', 'lifetime', 'keep')
        os.mkfifo(directory + '/fifo')
        os.rename(directory + '/fifo', directory + '/sub/fifo')
        self.assertEqual(get(directory + '/sub/fifo', 'lifetime'), 'auto')
        remove(directory + '/sub/fifo', 'lifetime')
        self.assertEqual(get(directory + '/sub/fifo', 'lifetime'), 'keep')

    @on_fifofs()
    def test_list_of_pipes_tells_the_values(self, directory):
        os.mkfifo(directory + '/fifo')
        for key, value in (('lifetime', 'use'), ('linger', '1500ms'), ('grace', 'infinity'),
                           ('max-age', '1d')):
            put(directory + '/fifo', key, value)
        with open(directory + '/.fifofs/pipes', 'rb') as stream:
            record = json.loads(stream.read())
        self.assertEqual((record['lifetime'], record['linger'], record['grace'], record['max_age']),
                         ('use', 1.5, None, 86400))


class Rights(fifofs_test.TestCase):

    @on_fifofs('allow_other,ceiling=0666')
    def test_only_owner_and_root_may_set(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/fifo', 0o666)
        as_user(USER_A, os.mkdir, directory + '/sub', 0o777)
        for path in (directory + '/fifo', directory + '/sub'):
            for key, value in (('lifetime', 'keep'), ('linger', '1h'), ('grace', '1h'),
                               ('max-age', '1h')):
                self.assertEqual(attempt(as_user, USER_B, put, path, key, value), 'EPERM')
                self.assertEqual(attempt(as_user, USER_B, remove, path, key), 'EPERM')
                self.assertEqual(get(path, key), DEFAULTS[key])
                self.assertIsNone(attempt(as_user, USER_A, put, path, key, value))
                self.assertEqual(get(path, key), value)
                self.assertIsNone(attempt(remove, path, key))
                self.assertEqual(get(path, key), DEFAULTS[key])
        self.assertEqual(attempt(as_user, USER_A, put, directory, 'lifetime', 'keep'), 'EPERM')

    @on_fifofs('allow_other,ceiling=0666')
    def test_reading_needs_read_permission(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/open', 0o644)
        as_user(USER_A, os.mkfifo, directory + '/closed', 0o600)
        self.assertEqual(as_user(USER_B, get, directory + '/open', 'lifetime'), 'auto')
        self.assertEqual(attempt(as_user, USER_B, get, directory + '/closed', 'lifetime'), 'EACCES')

    @on_fifofs('allow_other,ceiling=0666')
    def test_group_that_may_write_may_not_set(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/fifo', 0o660)
        answer = attempt(as_user, USER_B, put, directory + '/fifo', 'lifetime', 'keep',
                         groups=[USER_A])
        self.assertEqual(answer, 'EPERM')

    @on_fifofs('allow_other')
    def test_new_owner_may_set_and_the_old_one_no_more(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/fifo', 0o660)
        os.chown(directory + '/fifo', USER_B, USER_A)
        path = directory + '/fifo'
        self.assertEqual(attempt(as_user, USER_A, put, path, 'linger', '1s'), 'EPERM')
        self.assertIsNone(attempt(as_user, USER_B, put, path, 'linger', '1s'))


if __name__ == '__main__':
    fifofs_test.main()
