# SPDX-License-Identifier: LGPL-2.1-or-later
""".fifofs: the list of FIFOs that each caller may see, and the options in force."""

import configparser
import json
import os
import re
import signal
import stat
import time

import fifofs_test
from calls import getdents
from fifofs_test import USER_A, USER_B, Mount, as_user, attempt, on_fifofs, wait_until

MANY = 10_000

FILES = ['config', 'events', 'metrics', 'pipes', 'quota']

# The members of each object, with the types that they may have.
MEMBERS = {
    'path': str, 'id': int, 'mode': str, 'uid': int, 'gid': int, 'creator': (dict, type(None)),
    'state': str, 'used': bool, 'created': (int, float), 'last_used': (int, float, type(None)),
    'lifetime': str, 'linger': (int, float, type(None)), 'grace': (int, float, type(None)),
    'max_age': (int, float, type(None)),
    'open_timeout': (int, float, type(None)), 'capacity': (int, type(None)), 'hold': (str,),
    'held': (bool,), 'expires': (int, float, type(None)),
    'reason': (str, type(None)),
}


def no_duplicates(pairs):
    members = dict(pairs)
    assert len(members) == len(pairs), f'a member is there twice: {pairs}'
    return members


def parse(data):
    """The objects, one a line, of valid JSON in valid UTF-8."""
    assert data == b'' or data.endswith(b'\n')
    return [json.loads(line.decode(), object_pairs_hook=no_duplicates)
            for line in data.splitlines()]


def read_pieces(descriptor, size):
    pieces = []
    while piece := os.read(descriptor, size):
        pieces.append(piece)
    return b''.join(pieces)


def read_all(directory, size=1 << 20):
    descriptor = os.open(directory + '/.fifofs/pipes', os.O_RDONLY)
    try:
        return read_pieces(descriptor, size)
    finally:
        os.close(descriptor)


def pipes(directory):
    return parse(read_all(directory))


def paths(directory):
    return [record['path'] for record in pipes(directory)]


def steady(data):
    """Without what a second reading finds changed: times that are relative to now."""
    return re.sub(rb'"(expires|last_used)":[0-9.]+', b'', data)


def make(directory, names):
    for name in names:
        os.mkfifo(f'{directory}/{name}')


class TheDirectory(fifofs_test.TestCase):

    @on_fifofs('allow_other')
    def test_it_is_reachable_and_not_listed(self, directory):
        self.assertEqual(os.listdir(directory), [])
        descriptor = self.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self.assertEqual([name for name, *_ in getdents(descriptor, 4096)], [b'.', b'..'])
        self.assertTrue(stat.S_ISDIR(os.stat(directory + '/.fifofs').st_mode))
        self.assertEqual(os.listdir(directory), [])
        self.assertEqual(os.stat(directory).st_nlink, 2)
        for uid in (0, USER_A):
            found = as_user(uid, os.listdir, directory + '/.fifofs')
            self.assertEqual(sorted(found), FILES)

    @on_fifofs('allow_other')
    def test_it_looks_like_files_that_are_there_to_be_read(self, directory):
        base = directory + '/.fifofs'
        self.assertEqual(stat.filemode(os.stat(base).st_mode), 'dr-xr-xr-x')
        numbers = {os.stat(base).st_ino, os.stat(directory).st_ino}
        with os.scandir(base) as entries:
            for entry in entries:
                self.assertTrue(entry.is_file())
                self.assertEqual(entry.inode(), entry.stat().st_ino)
                self.assertEqual(stat.filemode(entry.stat().st_mode), '-r--r--r--')
                numbers.add(entry.inode())
        self.assertEqual(len(numbers), 2 + len(FILES))
        self.assertEqual(os.stat(base + '/..').st_ino, os.stat(directory).st_ino)
        os.mkfifo(directory + '/fifo')
        self.assertNotIn(os.stat(directory + '/fifo').st_ino, numbers)

    @on_fifofs('allow_other')
    def test_it_can_be_neither_written_nor_changed(self, directory):
        base = directory + '/.fifofs'
        os.mkfifo(directory + '/fifo')
        before = {name: os.stat(f'{base}/{name}') for name in ('', 'pipes', 'config')}
        refusals = ('EACCES', 'EPERM', 'EROFS')
        for uid in (0, USER_A):
            for function, *arguments in (
                    (os.open, base + '/pipes', os.O_WRONLY),
                    (os.open, base + '/pipes', os.O_RDWR),
                    (os.open, base + '/pipes', os.O_WRONLY | os.O_TRUNC),
                    (os.open, base + '/config', os.O_WRONLY | os.O_APPEND),
                    (os.truncate, base + '/pipes', 0),
                    (os.unlink, base + '/pipes'),
                    (os.rmdir, base),
                    (os.rename, base + '/pipes', base + '/config'),
                    (os.rename, base + '/pipes', directory + '/mine'),
                    (os.rename, directory + '/fifo', base + '/new'),
                    (os.rename, directory + '/fifo', base + '/pipes'),
                    (os.rename, base, directory + '/elsewhere'),
                    (os.mkfifo, base + '/new'),
                    (os.mkdir, base + '/new'),
                    (os.symlink, 'pipes', base + '/new'),
                    (os.link, base + '/pipes', directory + '/link'),
                    (os.link, directory + '/fifo', base + '/new'),
                    (os.open, base + '/new', os.O_RDWR | os.O_CREAT),
                    (os.open, base + '/new', os.O_RDWR | os.O_CREAT | os.O_EXCL),
                    (os.open, base + '/pipes', os.O_RDWR | os.O_CREAT),
                    (os.chmod, base + '/pipes', 0o666),
                    (os.chmod, base, 0o777),
                    (os.chown, base + '/pipes', USER_A, USER_A),
                    (os.utime, base + '/pipes'),
            ):
                with self.subTest(uid=uid, call=function.__name__, arguments=arguments):
                    self.assertIn(attempt(as_user, uid, function, *arguments), refusals)
        self.assertEqual(attempt(os.stat, base + '/new'), 'ENOENT')
        self.assertEqual(sorted(os.listdir(base)), FILES)
        after = {name: os.stat(f'{base}/{name}') for name in before}
        self.assertEqual(after, before)
        self.assertEqual(os.listdir(directory), ['fifo'])

    @on_fifofs()
    def test_fifos_can_be_used_while_a_list_is_open(self, directory):
        listing = self.open(directory + '/.fifofs/pipes', os.O_RDONLY)
        make(directory, ['fifo'])
        self.assertEqual([record['path'] for record in parse(read_pieces(listing, 4096))], ['fifo'])
        os.unlink(directory + '/fifo')
        os.lseek(listing, 0, os.SEEK_SET)
        self.assertEqual(read_pieces(listing, 4096), b'')


class Pipes(fifofs_test.TestCase):

    @on_fifofs()
    def test_no_fifo_no_line(self, directory):
        os.mkdir(directory + '/sub')
        self.assertEqual(read_all(directory), b'')

    @on_fifofs('allow_other,ceiling=0666,lifetime=use,linger=1500ms,max-age=2d')
    def test_each_line_is_one_object_with_the_documented_members(self, directory):
        def create(path):
            os.mkfifo(path, 0o640)
            return os.getpid()

        start = time.time()
        os.mkdir(directory + '/sub', 0o777)
        creator = as_user(USER_A, create, directory + '/sub/fifo')
        end = time.time()

        record, = pipes(directory)

        self.assertEqual(record.keys(), MEMBERS.keys())
        for member, types in MEMBERS.items():
            self.assertIsInstance(record[member], types, member)
        found = os.stat(directory + '/sub/fifo')
        self.assertEqual(record['path'], 'sub/fifo')
        self.assertEqual(record['id'], found.st_ino)
        self.assertEqual(record['mode'], '0640')
        self.assertEqual((record['uid'], record['gid']), (USER_A, USER_A))
        self.assertEqual(record['creator']['pid'], creator)
        self.assertEqual(record['creator'].keys(), {'pid', 'comm', 'alive'})
        self.assertIn(record['state'], ('new', 'cached'))
        self.assertEqual((record['used'], record['last_used']), (False, None))
        self.assertTrue(start - 0.1 <= record['created'] <= end + 0.1)
        self.assertEqual((record['lifetime'], record['linger'], record['grace'], record['max_age']),
                         ('use', 1.5, 900, 172800))
        self.assertTrue(record['expires'] is None or record['expires'] > end)

    @on_fifofs()
    def test_creator_is_named_and_told_alive_until_he_ends(self, directory):
        def create_and_stay(path, ready):
            with open('/proc/self/comm', 'w') as comm:
                comm.write('mk "x"\\y')
            os.mkfifo(path)
            os.write(ready, b'.')
            signal.pause()

        ready, tell = os.pipe()
        child = self.spawn(create_and_stay, directory + '/fifo', tell)
        os.read(ready, 1)
        os.close(ready)
        os.close(tell)
        record, = pipes(directory)
        self.assertEqual(record['creator'],
                         {'pid': child.pid, 'comm': 'mk "x"\\y', 'alive': True})

        child.end()

        wait_until(lambda: not pipes(directory)[0]['creator']['alive'], timeout=5,
                   what='the end of the creator to be told')

    @on_fifofs()
    def test_use_is_told(self, directory):
        make(directory, ['fifo'])
        start = time.time()
        end = self.open(directory + '/fifo', os.O_RDWR)
        wait_until(lambda: pipes(directory)[0]['used'], what='the use to be told')
        self.assertGreater(pipes(directory)[0]['last_used'], start - 1)
        self.close(end)
        record, = pipes(directory)
        self.assertTrue(record['used'])
        self.assertIn(record['state'], ('idle', 'cached', 'in-use'))
        self.assertLess(record['last_used'], time.time() + 1)

    @on_fifofs()
    def test_list_follows_names_modes_and_owners(self, directory):
        os.mkdir(directory + '/sub')
        make(directory, ['one', 'sub/two'])
        self.assertEqual(sorted(paths(directory)), ['one', 'sub/two'])
        os.rename(directory + '/one', directory + '/sub/moved')
        os.rename(directory + '/sub', directory + '/dir')
        self.assertEqual(sorted(paths(directory)), ['dir/moved', 'dir/two'])
        os.chmod(directory + '/dir/two', 0o1400)
        os.chown(directory + '/dir/two', USER_A, USER_B)
        record = {record['path']: record for record in pipes(directory)}['dir/two']
        self.assertEqual((record['mode'], record['uid'], record['gid'], record['lifetime']),
                         ('1400', USER_A, USER_B, 'keep'))
        os.unlink(directory + '/dir/two')
        self.assertEqual(paths(directory), ['dir/moved'])

    @on_fifofs()
    def test_fifo_without_a_name_is_not_listed(self, directory):
        self.open(directory + '/fifo', os.O_RDWR | os.O_CREAT)
        os.unlink(directory + '/fifo')
        self.assertEqual(read_all(directory), b'')

    @on_fifofs()
    def test_names_that_json_would_trip_over_are_escaped(self, directory):
        names = ['quote"', 'back\\slash', 'new\nline', 'tab\t', 'bell\a', 'del\x7f', 'ü', '\u2028',
                 '😀', '{"path":"x"}', '\\u0041', ' ']
        make(directory, names)
        self.assertEqual(sorted(paths(directory)), sorted(names))
        self.assertNotIn('path_b64', set().union(*pipes(directory)))

    @on_fifofs()
    def test_deep_paths_are_whole(self, directory):
        path = directory
        parts = []
        for n in range(12):
            parts.append(f'{n}' + 'd' * 240)
            path += '/' + parts[-1]
            os.mkdir(path)
        os.mkfifo(path + '/fifo')
        self.assertEqual(paths(directory), ['/'.join([*parts, 'fifo'])])


class Reading(fifofs_test.TestCase):

    @on_fifofs()
    def test_pieces_of_any_size_make_the_same_whole(self, directory):
        os.mkdir(directory + '/sub')
        make(directory, [f'{n}' + 'n' * n for n in range(0, 200, 7)])
        make(directory + '/sub', [f'ü{n}\n' for n in range(20)])
        whole = steady(read_all(directory))
        self.assertEqual(len(parse(read_all(directory))), 49)
        for size in (1, 2, 3, 7, 100, 255, 4096, 65536, 65537, 1 << 20):
            self.assertEqual(steady(read_all(directory, size)), whole, size)

    @on_fifofs()
    def test_rewinding_makes_the_list_anew(self, directory):
        make(directory, ['one', 'two'])
        listing = self.open(directory + '/.fifofs/pipes', os.O_RDONLY)
        for stop in (1, 50, 10**6):
            os.read(listing, stop)
            os.unlink(directory + '/one')
            make(directory, ['three'])
            self.assertEqual(os.lseek(listing, 0, os.SEEK_SET), 0)
            found = [record['path'] for record in parse(read_pieces(listing, 4096))]
            self.assertEqual(sorted(found), ['three', 'two'])
            self.assertEqual(os.read(listing, 100), b'')
            os.lseek(listing, 0, os.SEEK_SET)
            os.rename(directory + '/three', directory + '/one')

    @on_fifofs()
    def test_end_stays_the_end_until_it_is_rewound(self, directory):
        listing = self.open(directory + '/.fifofs/pipes', os.O_RDONLY)
        make(directory, ['one'])
        self.assertEqual(len(parse(read_pieces(listing, 4096))), 1)
        self.assertEqual(os.read(listing, 4096), b'')

    @on_fifofs()
    def test_config_can_be_read_in_pieces_and_again(self, directory):
        descriptor = self.open(directory + '/.fifofs/config', os.O_RDONLY)
        whole = read_pieces(descriptor, 4096)
        for size in (1, 7, 4096):
            os.lseek(descriptor, 0, os.SEEK_SET)
            self.assertEqual(read_pieces(descriptor, size), whole)

    @on_fifofs()
    def test_reading_elsewhere_than_in_order_is_refused_and_harms_nothing(self, directory):
        make(directory, ['one', 'two'])
        listing = self.open(directory + '/.fifofs/pipes', os.O_RDONLY)
        whole = read_pieces(listing, 4096)
        for offset in (1, 10, len(whole) + 1, 1 << 40):
            self.assertIn(attempt(os.pread, listing, 10, offset), ('ESPIPE', 'EINVAL', b''))
        os.lseek(listing, 0, os.SEEK_SET)
        self.assertEqual(steady(read_pieces(listing, 4096)), steady(whole))

    @on_fifofs()
    def test_two_readers_do_not_disturb_each_other(self, directory):
        make(directory, [f'{n}' for n in range(100)])
        first = self.open(directory + '/.fifofs/pipes', os.O_RDONLY)
        second = self.open(directory + '/.fifofs/pipes', os.O_RDONLY)
        data = {first: b'', second: b''}
        for _ in range(2000):
            data[first] += os.read(first, 100)
            data[second] += os.read(second, 33)
        self.assertEqual(len(parse(data[first])), 100)
        self.assertEqual(len(parse(data[second] + read_pieces(second, 4096))), 100)

    @on_fifofs()
    def test_programs_read_it_as_a_file(self, directory):
        make(directory, ['one', 'two'])
        shell = self.start('wc -l < .fifofs/pipes; cat .fifofs/pipes .fifofs/config | wc -c;'
                           'tail -n 1 .fifofs/pipes | wc -l; head -c 5 .fifofs/pipes',
                           cwd=directory, stdout=-1)
        told = shell.communicate(timeout=10)[0].split(b'\n')
        self.assertEqual((told[0], told[2], told[3]), (b'2', b'1', b'{"pat'))
        self.assertGreater(int(told[1]), 100)


def come_and_go(directory, seed):
    os.mkdir(f'{directory}/sub{seed}')
    while True:
        for n in range(50):
            os.mkfifo(f'{directory}/come{seed}-{n}')
            os.mkfifo(f'{directory}/sub{seed}/{n}')
        for n in range(50):
            os.rename(f'{directory}/come{seed}-{n}', f'{directory}/gone{seed}-{n}')
            os.unlink(f'{directory}/sub{seed}/{n}')
        for n in range(50):
            os.unlink(f'{directory}/gone{seed}-{n}')
        os.rmdir(f'{directory}/sub{seed}')
        os.mkdir(f'{directory}/sub{seed}')


class Many(fifofs_test.TestCase):

    deadline_seconds = 60

    @on_fifofs('lifetime=keep')
    def test_ten_thousand_are_listed_once_each_while_others_come_and_go(self, directory):
        stay = {f'stay{n}' for n in range(MANY - 2000)}
        make(directory, stay)
        for n in range(20):
            os.mkdir(f'{directory}/dir{n}')
            make(f'{directory}/dir{n}', range(100))
            stay |= {f'dir{n}/{m}' for m in range(100)}
        for seed in range(2):
            self.spawn(come_and_go, directory, seed)
        for size in (1000, 4096, 1 << 20):
            records = parse(read_all(directory, size))
            found = [record['path'] for record in records if record['path'] in stay]
            self.assertEqual(len(found), MANY)
            self.assertEqual(set(found), stay)
            self.assertEqual(len({record['id'] for record in records if record['path'] in stay}),
                             MANY)

    @on_fifofs('lifetime=keep')
    def test_listing_many_does_not_keep_others_waiting(self, directory):
        make(directory, [f'stay{n}' for n in range(MANY)])

        def list_on_and_on():
            while True:
                read_all(directory)

        self.spawn(list_on_and_on)
        worst = 0.0
        for n in range(300):
            start = time.monotonic()
            os.mkfifo(directory + '/fifo')
            os.unlink(directory + '/fifo')
            worst = max(worst, time.monotonic() - start)
        self.assertLess(worst, 1.0)


class Visibility(fifofs_test.TestCase):
    """A caller sees what he could list himself; root and the owner of the mount see all."""

    def prepare(self, directory):
        """{name of a directory: who owns it with which mode}, each with a FIFO in it."""
        for name, uid, mode in (
                ('private', USER_A, 0o700), ('group', USER_A, 0o750), ('public', USER_A, 0o755),
                ('list-only', USER_A, 0o744), ('search-only', USER_A, 0o711),
                ('blind-owner', USER_A, 0o077), ('of-root', 0, 0o700),
                ('of-group-root', 0, 0o750)):
            path = f'{directory}/{name}'
            as_user(uid, os.mkdir, path, 0o700)
            as_user(uid, os.mkfifo, path + '/fifo', 0o600)
            os.chmod(path, mode)
        os.mkdir(directory + '/of-root/open')
        make(directory + '/of-root/open', ['fifo'])
        make(directory, ['fifo'])

    def seen(self, uid, directory, **keywords):
        return {path.removesuffix('/fifo') for path in as_user(uid, paths, directory, **keywords)}

    EVERYTHING = {'private', 'group', 'public', 'list-only', 'search-only', 'blind-owner',
                  'of-root', 'of-root/open', 'of-group-root', 'fifo'}

    @on_fifofs('allow_other')
    def test_caller_sees_what_he_could_list(self, directory):
        self.prepare(directory)
        self.assertEqual(self.seen(0, directory), self.EVERYTHING)
        self.assertEqual(self.seen(USER_A, directory),
                         {'private', 'group', 'public', 'list-only', 'search-only', 'fifo'})
        self.assertEqual(self.seen(USER_B, directory) - {'list-only'},
                         {'public', 'blind-owner', 'fifo'})
        self.assertEqual(self.seen(USER_B, directory, groups=[USER_A]) - {'list-only'},
                         {'group', 'public', 'blind-owner', 'fifo'})
        self.assertEqual(self.seen(USER_B, directory, gid=USER_A) - {'list-only'},
                         {'group', 'public', 'blind-owner', 'fifo'})

    @on_fifofs('allow_other')
    def test_who_is_in_many_groups_sees_what_they_see(self, directory):
        self.prepare(directory)
        groups = [*range(70000, 70200), USER_A]
        self.assertIn('group', self.seen(USER_B, directory, groups=groups))
        self.assertNotIn('group', self.seen(USER_B, directory, groups=groups[:-1]))

    @on_fifofs('allow_other,rootmode=0711')
    def test_closed_root_shows_nothing(self, directory):
        make(directory, ['fifo'])
        self.assertEqual(as_user(USER_A, paths, directory), [])
        self.assertEqual(as_user(0, paths, directory), ['fifo'])

    @on_fifofs('allow_other')
    def test_directory_that_is_closed_shows_nothing_from_then_on(self, directory):
        os.mkdir(directory + '/sub', 0o755)
        make(directory + '/sub', ['fifo'])
        self.assertEqual(as_user(USER_B, paths, directory), ['sub/fifo'])
        os.chmod(directory + '/sub', 0o700)
        self.assertEqual(as_user(USER_B, paths, directory), [])

    @on_fifofs('allow_other')
    def test_fifo_that_may_not_be_read_is_listed_as_ls_lists_it(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/fifo', 0o600)
        self.assertEqual(as_user(USER_B, paths, directory), ['fifo'])

    def test_owner_of_the_mount_sees_all(self):
        with Mount('allow_other,uid=61001') as mount:
            os.mkdir(mount.path + '/sub')
            make(mount.path, ['sub/fifo', 'fifo'])
            os.chmod(mount.path + '/sub', 0)
            self.assertEqual(sorted(as_user(USER_A, paths, mount.path)), ['fifo', 'sub/fifo'])
            self.assertEqual(as_user(USER_B, paths, mount.path), ['fifo'])

    def test_user_who_mounts_sees_all_of_his_mount(self):
        with Mount(user=USER_A) as mount:
            def create():
                os.mkdir(mount.path + '/sub')
                make(mount.path, ['fifo', 'sub/fifo'])
                os.chmod(mount.path + '/sub', 0)
                return sorted(paths(mount.path))

            self.assertEqual(as_user(USER_A, create), ['fifo', 'sub/fifo'])

    @on_fifofs('allow_other')
    def test_caller_who_opened_the_list_is_the_one_who_counts(self, directory):
        """A list passed on shows what its opener may see, as for any file."""
        os.mkdir(directory + '/private', 0o700)
        make(directory, ['private/fifo', 'fifo'])
        listing = self.open(directory + '/.fifofs/pipes', os.O_RDONLY)
        found = as_user(USER_B, read_pieces, listing, 4096)
        self.assertEqual(sorted(r['path'] for r in parse(found)), ['fifo', 'private/fifo'])


class Config(fifofs_test.TestCase):

    def config(self, mount, uid=0):
        def read():
            with open(mount.path + '/.fifofs/config', encoding='utf-8') as stream:
                return stream.read()

        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(as_user(uid, read))
        self.assertEqual(parser.sections(), ['fifofs'])
        return dict(parser['fifofs'])

    def test_defaults_of_a_private_mount_are_told(self):
        with Mount() as mount:
            config = self.config(mount)
            self.assertRegex(config.pop('version'), r'^\d+\.\d+\.\d+$')
            del config['sandbox']                   # sandbox.py looks at it
            self.assertEqual(config, {
                'mountpoint': mount.path, 'allow_other': 'false', 'ceiling': '0600',
                'floor': '0000', 'dirceiling': '0700', 'rootmode': '0700', 'lifetime': 'auto',
                'ro': 'false', 'noexec': 'false', 'noatime': 'false', 'io_uring': 'false', 'noacl': 'false',
                'trace': 'false', 'linger': '30s', 'grace': '15min', 'max-age': 'infinity',
                'open-timeout': 'infinity', 'capacity': 'default', 'hold': 'none', 'max-pipes': '2097152',
                'max-dirs': '1048576', 'user-max-pipes': 'infinity', 'user-max-dirs': 'infinity'})

    def test_defaults_of_a_shared_mount_are_told_to_everybody(self):
        with Mount('allow_other') as mount:
            config = self.config(mount, USER_B)
            self.assertEqual((config['allow_other'], config['ceiling'], config['dirceiling'],
                              config['rootmode']), ('true', '0660', '0777', '0777'))

    def test_options_are_told_as_they_are_in_force(self):
        with Mount('allow_other,ceiling=664,floor=0600,dirceiling=750,rootmode=1755,uid=nobody,'
                   'gid=61002,lifetime=use,linger=1500ms,grace=3600,max-age=1d12h,open-timeout=3,noexec,'
                   'max-dirs=infinity,user-max-pipes=7') as mount:
            config = self.config(mount)
            del config['version'], config['mountpoint'], config['sandbox']
            self.assertEqual(config, {
                'allow_other': 'true', 'ceiling': '0664', 'floor': '0600', 'dirceiling': '0750',
                'rootmode': '1755', 'uid': '65534', 'gid': '61002', 'lifetime': 'use',
                'ro': 'false', 'noexec': 'true', 'noatime': 'false', 'io_uring': 'false', 'noacl': 'false',
                'trace': 'true',
                'linger': '1500ms', 'grace': '1h', 'max-age': '36h',
                'open-timeout': '3s', 'capacity': 'default', 'hold': 'none', 'max-pipes': '2097152',
                'max-dirs': 'infinity', 'user-max-pipes': '7', 'user-max-dirs': '4096'})

    def test_what_is_told_can_be_given_again(self):
        options = 'allow_other,ceiling=0640,floor=0400,uid=61001,lifetime=session,grace=90s'
        with Mount(options) as mount:
            first = self.config(mount)
        given = ','.join(
            name if value == 'true' else f'{name}={value}' for name, value in first.items()
            if name not in ('version', 'mountpoint', 'sandbox') and value != 'false')
        with Mount(given) as mount:
            second = self.config(mount)
        del first['mountpoint'], second['mountpoint']
        self.assertEqual(second, first)


if __name__ == '__main__':
    fifofs_test.main()
