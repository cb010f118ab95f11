# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modes are enforced: ceiling and floor at creation and chmod, and the bits at open."""

import os
import stat
import subprocess

import fifofs_test
from fifofs_test import USER_A, USER_B, Mount, as_user, attempt, on_both, on_fifofs

ALL_MODES = range(0o10000)
UMASKS = (0o000, 0o022, 0o077, 0o777)
STICKY = 0o1000

# Options, and the ceiling and floor that follow.
CONFIGURATIONS = (
    ('', 0o600, 0),
    ('allow_other', 0o660, 0),
    ('allow_other,ceiling=0644,floor=0440', 0o644, 0o440),
    ('allow_other,ceiling=7777', 0o7777, 0),
    ('ceiling=0,floor=0', 0, 0),
    ('allow_other,ceiling=1666,floor=1600', 0o1666, 0o1600),
)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def make_all(directory, make, umask):
    """Make something by make(path, mode) for each mode; returns {requested: actual}."""
    os.umask(umask)
    actual = {}
    path = directory + '/new'
    for mode in ALL_MODES:
        make(path, mode)
        found = os.lstat(path)
        actual[mode] = found.st_mode
        (os.rmdir if stat.S_ISDIR(found.st_mode) else os.unlink)(path)
    return actual


def make_by_mknod(path, mode):
    os.mknod(path, stat.S_IFIFO | mode)


def make_by_open(path, mode):
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, mode))


def chmod_all(path):
    """chmod to each mode; returns {mode: 'EPERM' or the mode that it then had}."""
    answers = {}
    for mode in ALL_MODES:
        before = mode_of(path)
        answer = attempt(os.chmod, path, mode)
        after = mode_of(path)
        answers[mode] = (answer, after if answer is None else after == before)
    return answers


class NewFifos(fifofs_test.TestCase):
    """Mode = (requested & ceiling) | floor, whatever the umask."""

    deadline_seconds = 120

    def assert_modes(self, make, users=(0,), umasks=UMASKS, configurations=CONFIGURATIONS):
        for options, ceiling, floor in configurations:
            with Mount(options) as mount:
                for uid in users:
                    for umask in umasks:
                        actual = as_user(uid, make_all, mount.path, make, umask)
                        wrong = {oct(mode): oct(got) for mode, got in actual.items()
                                 if got != stat.S_IFIFO | (mode & ceiling) | floor}
                        self.assertEqual(wrong, {}, (options, uid, oct(umask)))

    def test_mknod_gives_the_requested_mode_within_policy(self):
        self.assert_modes(make_by_mknod)

    def test_open_gives_the_requested_mode_within_policy(self):
        self.assert_modes(make_by_open, umasks=(0o077,), configurations=CONFIGURATIONS[1:4:2])

    def test_ordinary_user_gets_the_requested_mode_too(self):
        self.assert_modes(make_by_mknod, users=(USER_A,), umasks=(0o077,),
                          configurations=CONFIGURATIONS[1:4:2])

    @on_fifofs('allow_other,ceiling=0666')
    def test_programs_get_the_requested_mode(self, directory):
        for umask in UMASKS:
            command = f'umask {umask:o}; mkfifo made asked -m 640; mkfifo plain; true 3<> opened'
            subprocess.run(['bash', '-c', command], cwd=directory, check=True)
            modes = {name: oct(mode_of(f'{directory}/{name}')) for name in os.listdir(directory)}
            self.assertEqual(modes, {'made': '0o640', 'asked': '0o640', 'plain': '0o666',
                                     'opened': '0o666'})
            for name in modes:
                os.unlink(f'{directory}/{name}')


class NewDirectories(fifofs_test.TestCase):

    def test_mkdir_gives_the_requested_mode_within_the_ceiling_of_directories(self):
        for options, ceiling in (('', 0o700), ('allow_other', 0o777),
                                 ('allow_other,dirceiling=0750', 0o750), ('dirceiling=0', 0)):
            with Mount(options) as mount:
                for umask in (0o000, 0o077):
                    actual = as_user(0, make_all, mount.path, os.mkdir, umask)
                    # The kernel takes set-user-ID and set-group-ID from every mkdir(2).
                    wrong = {oct(mode): oct(got) for mode, got in actual.items()
                             if got != stat.S_IFDIR | mode & (ceiling | STICKY)}
                    self.assertEqual(wrong, {}, options)

    def test_chmod_of_a_directory_obeys_its_ceiling_and_leaves_special_bits_free(self):
        for options, ceiling in (('', 0o700), ('allow_other,dirceiling=0750', 0o750)):
            with Mount(options) as mount:
                os.mkdir(mount.path + '/sub')
                for mode, answer in chmod_all(mount.path + '/sub').items():
                    expected = (None, mode) if mode & 0o777 & ~ceiling == 0 else ('EPERM', True)
                    self.assertEqual(answer, expected, (options, oct(mode)))

    @on_fifofs('allow_other,ceiling=0666')
    def test_setgid_directory_passes_its_group_on(self, directory):
        os.mkdir(directory + '/plain')
        os.mkdir(directory + '/shared')
        for name in ('plain', 'shared'):
            os.chown(f'{directory}/{name}', 0, USER_B)
        os.chmod(directory + '/plain', 0o777)
        os.chmod(directory + '/shared', 0o2777)

        for name, group in (('plain', USER_A), ('shared', USER_B)):
            base = f'{directory}/{name}'
            as_user(USER_A, os.mkfifo, base + '/fifo', 0o660)
            as_user(USER_A, make_by_open, base + '/opened', 0o660)
            as_user(USER_A, os.mkdir, base + '/sub', 0o755)
            as_user(USER_A, os.mkfifo, base + '/sub/fifo', 0o660)
            owners = {path: (os.stat(f'{base}/{path}').st_uid, os.stat(f'{base}/{path}').st_gid)
                      for path in ('fifo', 'opened', 'sub', 'sub/fifo')}
            self.assertEqual(set(owners.values()), {(USER_A, group)}, owners)
        self.assertEqual(mode_of(directory + '/plain/sub'), 0o755)
        self.assertEqual(mode_of(directory + '/shared/sub'), 0o2755)
        self.assertEqual(mode_of(directory + '/shared/fifo'), 0o660)

    @on_both('allow_other,ceiling=7777')
    def test_setgid_directory_behaves_as_on_tmpfs(self, directory):
        os.umask(0)
        os.chown(directory, 0, USER_B)
        os.chmod(directory, 0o2777)
        for mode in (0o600, 0o2660, 0o2670, 0o6777, 0o755):
            as_user(USER_A, os.mknod, f'{directory}/fifo{mode:o}', stat.S_IFIFO | mode)
            as_user(USER_A, os.mkdir, f'{directory}/sub{mode:o}', mode)
        return {name: (oct(mode_of(f'{directory}/{name}')), os.stat(f'{directory}/{name}').st_gid)
                for name in sorted(os.listdir(directory))}


class Chmod(fifofs_test.TestCase):

    def assert_chmod(self, options, ceiling, floor, uid):
        with Mount(options) as mount:
            path = mount.path + '/fifo'
            as_user(uid, os.mkfifo, path, 0o777)
            answers = as_user(uid, chmod_all, path)
        for mode, answer in answers.items():
            allowed = mode & ~(ceiling | STICKY) == 0 and mode & floor == floor
            expected = (None, mode) if allowed else ('EPERM', True)
            self.assertEqual(answer, expected, (options, uid, oct(mode)))

    def test_chmod_is_refused_outside_of_ceiling_and_floor_for_all_modes(self):
        for options, ceiling, floor in CONFIGURATIONS:
            self.assert_chmod(options, ceiling, floor, 0)

    def test_owner_is_held_to_ceiling_and_floor_as_root_is(self):
        self.assert_chmod('allow_other', 0o660, 0, USER_A)
        self.assert_chmod('allow_other,ceiling=0644,floor=0440', 0o644, 0o440, USER_A)

    @on_fifofs()
    def test_chmod_through_a_descriptor_is_held_to_policy(self, directory):
        os.mkfifo(directory + '/fifo', 0o600)
        descriptor = self.open(directory + '/fifo', os.O_RDWR)
        self.assertEqual(attempt(os.fchmod, descriptor, 0o666), 'EPERM')
        os.fchmod(descriptor, 0o400)
        self.assertEqual(stat.S_IMODE(os.fstat(descriptor).st_mode), 0o400)
        self.assertEqual(mode_of(directory + '/fifo'), 0o400)

    @on_fifofs()
    def test_sticky_bit_means_keep_until_it_is_taken_back(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path, 0o600)
        os.setxattr(path, 'fifofs.lifetime', b'use')

        os.chmod(path, 0o1600)
        self.assertEqual((mode_of(path), os.getxattr(path, 'fifofs.lifetime')), (0o1600, b'keep'))
        os.chmod(path, 0o1400)
        self.assertEqual(os.getxattr(path, 'fifofs.lifetime'), b'keep')
        os.chmod(path, 0o600)
        self.assertEqual((mode_of(path), os.getxattr(path, 'fifofs.lifetime')), (0o600, b'use'))

    @on_fifofs()
    def test_new_lifetime_takes_the_sticky_bit_away_for_everybody_to_see(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path, 0o600)
        os.chmod(path, 0o1600)
        self.assertEqual(mode_of(path), 0o1600)

        os.setxattr(path, 'fifofs.lifetime', b'auto')

        self.assertEqual(os.getxattr(path, 'fifofs.lifetime'), b'auto')
        self.assertEqual(mode_of(path), 0o600)

    @on_fifofs()
    def test_sticky_bit_of_a_directory_keeps_nothing(self, directory):
        os.mkdir(directory + '/sub', 0o1700)
        os.mkfifo(directory + '/sub/fifo')
        self.assertEqual(os.getxattr(directory + '/sub', 'fifofs.lifetime'), b'auto')
        self.assertEqual(os.getxattr(directory + '/sub/fifo', 'fifofs.lifetime'), b'auto')

    @on_both('allow_other,ceiling=7777')
    def test_only_the_owner_may_chmod(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/fifo', 0o666)
        as_user(USER_A, os.mkdir, directory + '/sub', 0o777)
        answers = {(uid, name): attempt(as_user, uid, os.chmod, f'{directory}/{name}', 0o700)
                   for uid in (USER_B, USER_A, 0) for name in ('fifo', 'sub')}
        return answers

    @on_fifofs()
    def test_root_of_the_mount_can_be_narrowed_and_given_back(self, directory):
        os.chmod(directory, 0o500)
        self.assertEqual(mode_of(directory), 0o500)
        self.assertEqual(attempt(os.chmod, directory, 0o755), 'EPERM')
        os.chmod(directory, 0o700)
        self.assertEqual(mode_of(directory), 0o700)


class Options(fifofs_test.TestCase):

    def test_root_has_the_mode_and_owner_of_the_options(self):
        for options, mode, owner in (
                ('', 0o700, (0, 0)),
                ('allow_other', 0o777, (0, 0)),
                ('rootmode=0500', 0o500, (0, 0)),
                ('allow_other,rootmode=1777', 0o1777, (0, 0)),
                ('allow_other,rootmode=2750,gid=61002', 0o2750, (0, USER_B)),
                ('uid=61001,gid=61002', 0o700, (USER_A, USER_B)),
                ('uid=nobody', 0o700, (65534, 0)),
        ):
            with self.subTest(options), Mount(options) as mount:
                found = os.stat(mount.path)
                self.assertEqual(stat.S_IMODE(found.st_mode), mode)
                self.assertEqual((found.st_uid, found.st_gid), owner)

    @on_fifofs('allow_other,uid=61001,gid=61002,ceiling=0666')
    def test_uid_and_gid_fix_the_owner_of_everything(self, directory):
        for uid in (0, USER_A, USER_B):
            base = f'{directory}/{uid}'
            as_user(uid, os.mkdir, base, 0o777)
            as_user(uid, os.mkfifo, base + '/fifo', 0o666)
            as_user(uid, make_by_open, base + '/opened', 0o666)
            for path in ('', '/fifo', '/opened'):
                found = os.stat(base + path)
                self.assertEqual((found.st_uid, found.st_gid), (USER_A, USER_B))
            for owner in ((0, -1), (USER_B, -1), (-1, 0), (-1, USER_A), (0, 0)):
                self.assertEqual(attempt(os.chown, base + '/fifo', *owner), 'EPERM', owner)
            for owner in ((USER_A, USER_B), (USER_A, -1), (-1, -1)):
                self.assertIsNone(attempt(os.chown, base + '/fifo', *owner))

    @on_fifofs('allow_other,gid=61002')
    def test_setgid_directory_goes_before_the_option(self, directory):
        os.mkdir(directory + '/shared')
        attempt(os.chmod, directory + '/shared', 0o2777)
        os.mkfifo(directory + '/shared/fifo')
        self.assertEqual(os.stat(directory + '/shared/fifo').st_gid, USER_B)


def ways_in(directory, names):
    """What the caller can do with each name."""
    flags = {'r': os.O_RDONLY | os.O_NONBLOCK, 'w': os.O_WRONLY | os.O_NONBLOCK, 'rw': os.O_RDWR,
             'create': os.O_RDWR | os.O_CREAT}
    answers = {}
    for name in names:
        for what, flag in flags.items():
            answer = attempt(os.open, f'{directory}/{name}', flag)
            if isinstance(answer, int):
                os.close(answer)
                answer = 'opened'
            answers[name, what] = answer
        for what, right in (('r', os.R_OK), ('w', os.W_OK), ('x', os.X_OK)):
            answers[name, 'access ' + what] = os.access(f'{directory}/{name}', right)
    return answers


class Enforcement(fifofs_test.TestCase):
    """A mode that is shown is a mode that holds: other users get what tmpfs gives them."""

    @on_both('allow_other,ceiling=0777')
    def test_every_mode_holds_at_open_for_owner_group_and_others(self, directory):
        os.umask(0)
        names = [f'{mode:03o}' for mode in range(0o1000)]
        for name in names:
            os.mkfifo(f'{directory}/{name}', int(name, 8))
            os.chown(f'{directory}/{name}', USER_A, USER_B)
        return {
            'owner': as_user(USER_A, ways_in, directory, names),
            'group': as_user(USER_B, ways_in, directory, names),
            'supplementary group': as_user(61003, ways_in, directory, names, groups=[USER_B]),
            'others': as_user(61003, ways_in, directory, names),
        }

    @on_both('allow_other,ceiling=0777,dirceiling=0777')
    def test_every_mode_of_a_directory_holds(self, directory):
        os.umask(0)
        answers = {}

        def try_directory(path):
            return (attempt(os.listdir, path), attempt(os.access, path + '/fifo', os.F_OK),
                    attempt(os.chmod, path + '/fifo', 0o666), attempt(os.mkfifo, path + '/new'),
                    attempt(os.unlink, path + '/new'), attempt(os.mkdir, path + '/sub'),
                    attempt(os.rmdir, path + '/sub'))

        def try_all():
            return {mode: try_directory(f'{directory}/{mode:03o}') for mode in range(0o1000)}

        for mode in range(0o1000):
            path = f'{directory}/{mode:03o}'
            os.mkdir(path)
            os.mkfifo(path + '/fifo')
            os.chown(path, USER_A, USER_B)
            os.chmod(path, mode)
        for who, uid in (('owner', USER_A), ('group', USER_B), ('others', 61003)):
            answers[who] = as_user(uid, try_all)
        return answers

    @on_fifofs('allow_other')
    def test_narrower_mode_holds_at_once_for_names_that_are_cached(self, directory):
        path = directory + '/fifo'
        os.mkfifo(path, 0o660)
        os.chown(path, USER_A, USER_B)
        read = os.O_RDONLY | os.O_NONBLOCK

        def probe():
            descriptor = os.open(path, read)
            os.close(descriptor)

        self.assertIsNone(as_user(USER_B, probe))
        os.chmod(path, 0o600)
        self.assertEqual(attempt(as_user, USER_B, probe), 'EACCES')
        os.chmod(path, 0o660)
        self.assertIsNone(as_user(USER_B, probe))
        os.chown(path, -1, USER_A)
        self.assertEqual(attempt(as_user, USER_B, probe), 'EACCES')

    @on_fifofs('allow_other')
    def test_default_of_a_shared_mount_keeps_others_out(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/fifo', 0o666)
        answers = as_user(USER_B, ways_in, directory, ['fifo'])
        self.assertEqual(mode_of(directory + '/fifo'), 0o660)
        self.assertEqual({answers['fifo', what] for what in ('r', 'w', 'rw', 'create')}, {'EACCES'})

    @on_fifofs('allow_other,rootmode=0711')
    def test_root_that_cannot_be_listed_can_be_passed(self, directory):
        os.mkfifo(directory + '/fifo', 0o660)
        self.assertEqual(attempt(as_user, USER_A, os.listdir, directory), 'EACCES')
        self.assertTrue(stat.S_ISFIFO(as_user(USER_A, os.stat, directory + '/fifo').st_mode))
        self.assertEqual(attempt(as_user, USER_A, os.mkfifo, directory + '/new'), 'EACCES')


if __name__ == '__main__':
    fifofs_test.main()
