# SPDX-License-Identifier: LGPL-2.1-or-later
"""The requested mode is the actual mode: here fifofs and tmpfs differ, and this says how.

On tmpfs a new FIFO has the requested mode without the bits of the umask. On fifofs the umask is
ignored, and the policy of the mount decides: (requested & ceiling) | floor.
"""

import os
import stat

import fifofs_test
from fifofs_test import USER_A, USER_B, as_user, attempt, on_both, on_fifofs, on_tmpfs

UMASKS = (0o000, 0o022, 0o027, 0o077, 0o777)
REQUESTED = range(0o1000)


def modes_of_new_fifos(directory):
    """{(umask, requested): actual} for a new FIFO of each."""
    actual = {}
    before = os.umask(0)
    try:
        for umask in UMASKS:
            os.umask(umask)
            for requested in REQUESTED:
                fifo = directory + '/fifo'
                os.mkfifo(fifo, requested)
                actual[umask, requested] = stat.S_IMODE(os.stat(fifo).st_mode)
                os.unlink(fifo)
    finally:
        os.umask(before)
    return actual


def modes_by_rule(rule):
    return {(umask, requested): rule(umask, requested)
            for umask in UMASKS for requested in REQUESTED}


class Modes(fifofs_test.TestCase):

    @on_tmpfs()
    def test_on_tmpfs_the_umask_takes_bits_away(self, directory):
        self.assertEqual(modes_of_new_fifos(directory),
                         modes_by_rule(lambda umask, requested: requested & ~umask))

    @on_fifofs()
    def test_on_a_private_mount_the_owner_gets_what_was_requested(self, directory):
        self.assertEqual(modes_of_new_fifos(directory),
                         modes_by_rule(lambda umask, requested: requested & 0o600))

    @on_fifofs('allow_other')
    def test_on_a_shared_mount_owner_and_group_get_what_was_requested(self, directory):
        self.assertEqual(modes_of_new_fifos(directory),
                         modes_by_rule(lambda umask, requested: requested & 0o660))

    @on_fifofs('allow_other,ceiling=0666,floor=0200')
    def test_ceiling_and_floor_bound_the_mode(self, directory):
        self.assertEqual(modes_of_new_fifos(directory),
                         modes_by_rule(lambda umask, requested: requested & 0o666 | 0o200))

    @on_both()
    def test_chmod_sets_the_mode(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo, 0o600)

        modes = []
        for mode in (0o400, 0o200, 0o000, 0o600):
            os.chmod(fifo, mode)
            modes.append(stat.S_IMODE(os.stat(fifo).st_mode))
        self.assertEqual(modes, [0o400, 0o200, 0o000, 0o600])

    @on_fifofs('allow_other')
    def test_chmod_beyond_the_ceiling_is_refused(self, directory):
        fifo = directory + '/fifo'
        os.mkfifo(fifo, 0o640)

        self.assertEqual(attempt(os.chmod, fifo, 0o666), 'EPERM')
        self.assertEqual(stat.S_IMODE(os.stat(fifo).st_mode), 0o640)

    @on_both('allow_other')
    def test_mode_decides_who_may_open(self, directory):
        fifo = directory + '/fifo'
        as_user(USER_A, os.mkfifo, fifo, 0o640, umask=0)

        def may_open(flags):
            os.close(os.open(fifo, flags | os.O_NONBLOCK))

        def answers(uid, **credentials):
            return [attempt(as_user, uid, may_open, flags, **credentials)
                    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR)]

        self.assertEqual(answers(USER_A), [None, 'ENXIO', None])
        self.assertEqual(answers(USER_B), ['EACCES', 'EACCES', 'EACCES'])
        self.assertEqual(answers(USER_B, groups=[USER_A]), [None, 'EACCES', 'EACCES'])

    @on_both('allow_other')
    def test_only_the_owner_changes_the_mode(self, directory):
        fifo = directory + '/fifo'
        as_user(USER_A, os.mkfifo, fifo, 0o600, umask=0)

        self.assertEqual(attempt(as_user, USER_B, os.chmod, fifo, 0o660), 'EPERM')
        self.assertEqual(attempt(as_user, USER_A, os.chmod, fifo, 0o660), None)
        self.assertEqual(stat.S_IMODE(os.stat(fifo).st_mode), 0o660)


if __name__ == '__main__':
    fifofs_test.main()
