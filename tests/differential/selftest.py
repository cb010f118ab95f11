# SPDX-License-Identifier: LGPL-2.1-or-later
"""The comparison can fail: what is altered is found, made short, and shown.

On one of the trees answers are altered, or calls left out, where a sequence comes to a point that is
not the first step of any; the rest is as in differential.py.
"""

import unittest

import fifofs_test
import generator
import killer
import minimise
from differential import former_seeds, sequence_of, settings_of
from fifofs_test import USER_A, USER_B, wait_until
from replay import replay
from tree import ROOT, Stream, Tree

SEED = 1
# No single step can be left out of what is printed; there may still be a shorter way.
SHORT = 5

# What each kind of step must have met in some sequences, so that they are worth something.
MET = {
    'mkfifo': ['ok', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EACCES', 'ENAMETOOLONG', 'EBADF'],
    'mknod': ['ok', 'EEXIST', 'EPERM', 'EINVAL'],
    'mkdir': ['ok', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EACCES', 'ENAMETOOLONG'],
    'open': ['ok', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'ENXIO', 'EINTR', 'EINVAL',
             'ENOTSUP', 'ENAMETOOLONG'],
    'reopen': ['ok', 'EACCES', 'EISDIR'],
    'unlink': ['ok', 'ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ENAMETOOLONG'],
    'rmdir': ['ok', 'ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EACCES', 'EPERM', 'EINVAL'],
    'rename': ['ok', 'ENOENT', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY', 'EEXIST', 'EACCES', 'EPERM', 'EBUSY',
               'EINVAL', 'ENAMETOOLONG'],
    'link': ['EPERM', 'EEXIST'], 'symlink': ['EPERM', 'EEXIST'],
    'chmod': ['ok', 'EPERM', 'EACCES'], 'chown': ['ok', 'EPERM'], 'utimens': ['ok', 'EPERM', 'EINVAL'],
    'stat': ['ok', 'ENOENT', 'EACCES'], 'access': [True, False], 'truncate': ['EINVAL', 'EISDIR'],
    'listdir': ['ok', 'EACCES', 'ENOTDIR'], 'getdents': ['ok', 'ENOTDIR'], 'seekdir': [True],
    'finish_listing': ['ok'], 'fstat': ['ok'], 'fchmod': ['ok', 'EPERM'],
    'write': ['ok', 'EPIPE', 'EAGAIN'], 'read': ['ok', 'EAGAIN', 'EISDIR'], 'same': [True, False],
}


def altered(applies, replacement):
    """An alteration for Player: replacement(carry_out, step) for the steps that it applies to."""
    def alter(carry_out):
        def carry_out_altered(step):
            return replacement(carry_out, step) if applies(step) else carry_out(step)
        return carry_out_altered
    return alter


def find(alter):
    settings, steps = settings_of(SEED), sequence_of(SEED)
    found = replay(settings, steps, alter)
    return minimise.minimise(settings, steps, found, alter) if found else None


class Alterations(fifofs_test.TestCase):

    deadline_seconds = 300

    def test_unaltered_sequence_does_not_differ(self):
        self.assertIsNone(replay(settings_of(SEED), sequence_of(SEED)))

    def test_wrong_answer_is_found_and_is_all_that_is_left(self):
        def answer_wrong(carry_out, step):
            answer = carry_out(step)
            return 'EIO' if answer == 'ENOTEMPTY' else answer

        steps, difference = find(altered(lambda step: step[2] == 'rmdir', answer_wrong))

        self.assertEqual((difference.mount, difference.tmpfs), ('EIO', 'ENOTEMPTY'))
        self.assertLessEqual(len(steps), SHORT, minimise.report(steps, difference))
        self.assertEqual((steps[0][2], steps[-1][2]), ('mkdir', 'rmdir'))

    def test_call_that_does_nothing_is_found_by_what_comes_later(self):
        steps, difference = find(altered(
            lambda step: step[2] == 'chmod' and step[0] != ROOT, lambda carry_out, step: None))

        self.assertLessEqual(len(steps), SHORT, minimise.report(steps, difference))
        self.assertIn('chmod', [step[2] for step in steps])

    def test_bytes_that_change_on_their_way_are_found(self):
        def corrupt(carry_out, step):
            uid, umask, name, (slot, data) = step
            return carry_out((uid, umask, name, (slot, data[:-1] + b'!')))

        steps, difference = find(altered(lambda step: step[2] == 'write', corrupt))

        self.assertEqual([step[2] for step in steps][-2:], ['write', 'read'])
        self.assertLessEqual(len(steps), SHORT, minimise.report(steps, difference))
        self.assertIn(b'!', difference.mount)

    def test_name_that_a_listing_leaves_out_is_found(self):
        def leave_out(carry_out, step):
            answer = carry_out(step)
            return [entry for entry in answer if entry[0] != b'g'] if isinstance(answer, list) \
                else answer

        steps, difference = find(altered(lambda step: step[2] == 'listdir', leave_out))

        self.assertLessEqual(len(steps), SHORT, minimise.report(steps, difference))
        self.assertEqual(steps[-1][2], 'listdir')

    def test_end_of_the_process_is_an_error_and_no_agreement(self):
        def end(_carry_out, _step):
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            replay(settings_of(SEED), sequence_of(SEED), altered(lambda step: True, end))


class Listings(unittest.TestCase):

    ENTRIES = [(b'a', 0, 1, 0), (b'b', 0, 2, 0), (b'c', 0, 3, 0)]

    def listing(self, entries):
        stream = Stream({b'a', b'b', b'c'})
        stream.add(entries)
        return stream

    def test_names_told_once_are_right(self):
        self.assertEqual(self.listing(self.ENTRIES).verdict({b'a', b'b', b'c'}), ([], [], []))

    def test_missing_doubled_and_strange_names_are_told(self):
        stream = self.listing([self.ENTRIES[0], self.ENTRIES[0], (b'x', 0, 4, 0)])
        self.assertEqual(stream.verdict({b'a', b'b', b'c'}), ([b'b', b'c'], [b'a'], [b'x']))

    def test_names_that_were_touched_may_come_as_they_like(self):
        stream = self.listing(self.ENTRIES[:1])
        stream.touched.update((b'b', b'c'))
        self.assertEqual(stream.verdict({b'a'}), ([], [], []))

    def test_after_a_seek_the_rest_counts_anew(self):
        stream = self.listing(self.ENTRIES)
        self.assertEqual(stream.seek(1), 1)
        self.assertEqual(stream.verdict({b'a', b'b', b'c'})[0], [b'b', b'c'])
        stream.add(self.ENTRIES[1:])
        self.assertEqual(stream.verdict({b'a', b'b', b'c'}), ([], [], []))


class Sequences(fifofs_test.TestCase):

    deadline_seconds = 120

    def test_same_seed_gives_the_same_sequence(self):
        self.assertEqual(sequence_of(SEED), sequence_of(SEED))
        self.assertNotEqual(sequence_of(SEED), sequence_of(SEED + 3))

    def test_former_seeds_can_be_read(self):
        self.assertTrue(all(isinstance(seed, int) for seed in former_seeds()))

    def test_every_step_can_be_carried_out_and_shown(self):
        for name in generator.WEIGHTS:
            self.assertTrue(callable(getattr(Tree, name)), name)
        for step in sequence_of(SEED):
            self.assertIn(step[2] + '(', minimise.call(step))

    def test_sequences_meet_what_there_is_to_meet(self):
        met = set()

        def note(step, answer):
            if isinstance(answer, (bool, str)):
                met.add((step[2], answer))
            else:
                met.add((step[2], 'ok'))

        seeds = range(20)
        for seed in seeds:
            self.assertIsNone(replay(settings_of(seed), sequence_of(seed), note=note))
            if not self.unmet(met):
                break

        self.assertEqual(self.unmet(met), [])

    @staticmethod
    def unmet(met):
        return [(name, answer) for name, answers in MET.items() for answer in answers
                if (name, answer) not in met]

    def test_all_users_take_part(self):
        self.assertEqual({step[0] for step in sequence_of(SEED)}, {ROOT, USER_A, USER_B})


class Killing(fifofs_test.TestCase):

    def test_children_are_killed_again_and_again_and_the_parent_is_not(self):
        supervisor = self.start('while true; do sleep 1000; done', executable='/bin/bash')
        wait_until(lambda: killer.children(supervisor.pid), what='the first child')

        with killer.killing(supervisor.pid, 0.01) as kills:
            wait_until(lambda: kills.count >= 3, what='three children to be killed')

        self.assertIsNone(supervisor.poll())

    def test_daemon_without_a_worker_is_told_and_not_passed_over(self):
        lonely = self.start(['sleep', '1000'])
        with self.assertRaisesRegex(RuntimeError, 'no worker'):
            with killer.killing(lonely.pid, 0.01):
                pass


if __name__ == '__main__':
    fifofs_test.main()
