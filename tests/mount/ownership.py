# SPDX-License-Identifier: LGPL-2.1-or-later
"""Only a name's owner, the owner of its directory, and root remove or rename it.

That holds in every directory, where tmpfs asks for it in sticky ones: a sticky directory of tmpfs
is the reference for both kinds.
"""

import os

import fifofs_test
from calls import RENAME_EXCHANGE, RENAME_NOREPLACE, renameat2
from fifofs_test import USER_A, USER_B, Mount, Tmpfs, as_user, attempt, on_fifofs

# Who acts on what belongs to the owner, in a directory of the directory's owner.
OWNER = USER_A
DIRECTORY_OWNER = USER_B
STRANGER = 61003
ACTORS = {'root': 0, 'owner': OWNER, 'owner of the directory': DIRECTORY_OWNER,
          'stranger': STRANGER}
MAY = {'root', 'owner', 'owner of the directory'}


def make_fifo(path):
    os.mkfifo(path, 0o666)


def prepare(directory, mode):
    """A directory that all may write, with things of the owner and of the stranger in it."""
    base = directory + '/shared'
    os.umask(0)
    os.mkdir(base)
    os.chown(base, DIRECTORY_OWNER, DIRECTORY_OWNER)
    os.chmod(base, mode)
    for name in ('fifo', 'fifo2'):
        as_user(OWNER, make_fifo, f'{base}/{name}')
    as_user(OWNER, os.mkdir, base + '/sub', 0o777)
    for actor, uid in ACTORS.items():
        mine = f'{directory}/home-{uid}'
        os.mkdir(mine)
        os.chown(mine, uid, uid)
        as_user(uid, make_fifo, mine + '/fifo')
        as_user(uid, os.mkdir, mine + '/sub', 0o777)
    return base


def acts(base, uid):
    """What can be tried, each on a fresh directory: {what: (function, arguments)}."""
    home = os.path.dirname(base) + f'/home-{uid}'
    return {
        'unlink': (os.unlink, base + '/fifo'),
        'rmdir': (os.rmdir, base + '/sub'),
        'rename': (os.rename, base + '/fifo', base + '/new'),
        'rename without replacing': (renameat2, base + '/fifo', base + '/new', RENAME_NOREPLACE),
        'rename a directory': (os.rename, base + '/sub', base + '/new'),
        'take home': (os.rename, base + '/fifo', home + '/new'),
        'take home and replace': (os.rename, base + '/fifo', home + '/fifo'),
        'replace by mine': (os.rename, home + '/fifo', base + '/fifo'),
        'replace a directory by mine': (os.rename, home + '/sub', base + '/sub'),
        'replace one of the same': (os.rename, base + '/fifo', base + '/fifo2'),
        'exchange': (renameat2, base + '/fifo', base + '/fifo2', RENAME_EXCHANGE),
        'exchange mine for it': (renameat2, home + '/fifo', base + '/fifo', RENAME_EXCHANGE),
        'exchange it for mine': (renameat2, base + '/fifo', home + '/fifo', RENAME_EXCHANGE),
        'exchange directories': (renameat2, home + '/sub', base + '/sub', RENAME_EXCHANGE),
    }


def clean(directory):
    for folder, directories, files in os.walk(directory, topdown=False):
        for name in files:
            os.unlink(f'{folder}/{name}')
        for name in directories:
            os.rmdir(f'{folder}/{name}')


def names_below(directory):
    return sorted(os.path.join(folder, name)[len(directory):]
                  for folder, directories, files in os.walk(directory)
                  for name in directories + files)


def play(filesystem, mode):
    """The answer to every act of every actor, and whether a refused one left all as it was."""
    outcome = {}
    for actor, uid in ACTORS.items():
        for what in acts('', uid):
            base = prepare(filesystem, mode)
            before = names_below(filesystem)
            function, *arguments = acts(base, uid)[what]
            answer = attempt(as_user, uid, function, *arguments)
            unchanged = names_below(filesystem) == before
            outcome[actor, what] = (answer, answer is None or unchanged)
            clean(filesystem)
    return outcome


class Removal(fifofs_test.TestCase):

    deadline_seconds = 300

    def test_sticky_or_not_only_those_who_may_remove_and_rename(self):
        with Tmpfs() as tmpfs:
            reference = play(tmpfs.path, 0o1777)
        for mode in (0o777, 0o1777):
            with self.subTest(oct(mode)), Mount('allow_other,ceiling=0666') as mount:
                outcome = play(mount.path, mode)

                self.assertEqual(outcome, reference)
                for (actor, what), (answer, unchanged) in outcome.items():
                    self.assertEqual(answer, None if actor in MAY else 'EPERM', (actor, what))
                    self.assertTrue(unchanged, (actor, what))

    @on_fifofs('allow_other')
    def test_stranger_cannot_remove_from_the_root(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/fifo')
        as_user(USER_A, os.mkdir, directory + '/sub')
        for function, *arguments in (
                (os.unlink, directory + '/fifo'), (os.rmdir, directory + '/sub'),
                (os.rename, directory + '/fifo', directory + '/new'),
                (os.rename, directory + '/sub', directory + '/new')):
            self.assertEqual(attempt(as_user, USER_B, function, *arguments), 'EPERM')
        as_user(USER_A, os.unlink, directory + '/fifo')
        as_user(USER_A, os.rmdir, directory + '/sub')
        self.assertEqual(os.listdir(directory), [])

    @on_fifofs('allow_other,uid=61001')
    def test_owner_by_option_may_remove_what_others_made(self, directory):
        as_user(USER_B, os.mkfifo, directory + '/one')
        as_user(USER_B, os.mkfifo, directory + '/two')
        self.assertEqual(attempt(as_user, USER_B, os.unlink, directory + '/one'), 'EPERM')
        as_user(USER_A, os.unlink, directory + '/one')
        os.unlink(directory + '/two')

    @on_fifofs('allow_other')
    def test_new_owner_may_remove_and_the_old_one_no_more(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/fifo')
        os.chown(directory + '/fifo', USER_B, -1)
        self.assertEqual(attempt(as_user, USER_A, os.unlink, directory + '/fifo'), 'EPERM')
        as_user(USER_B, os.unlink, directory + '/fifo')

    @on_fifofs('allow_other,rootmode=0755')
    def test_owner_needs_write_permission_of_the_directory_all_the_same(self, directory):
        os.mkfifo(directory + '/fifo')
        os.chown(directory + '/fifo', USER_A, USER_A)
        self.assertEqual(attempt(as_user, USER_A, os.unlink, directory + '/fifo'), 'EACCES')

    @on_fifofs('allow_other')
    def test_others_can_replace_nothing_by_creating(self, directory):
        as_user(USER_A, os.mkfifo, directory + '/fifo', 0o600)
        inode = os.stat(directory + '/fifo').st_ino
        self.assertEqual(attempt(as_user, USER_B, os.mkfifo, directory + '/fifo'), 'EEXIST')
        self.assertEqual(attempt(as_user, USER_B, os.open, directory + '/fifo',
                                 os.O_RDWR | os.O_CREAT), 'EACCES')
        self.assertEqual(os.stat(directory + '/fifo').st_ino, inode)


if __name__ == '__main__':
    fifofs_test.main()
