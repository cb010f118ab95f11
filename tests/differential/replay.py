# SPDX-License-Identifier: LGPL-2.1-or-later
"""Carries out a sequence on a fresh mount and a fresh tmpfs, and finds where they first differ.

Each tree has a process of its own, which is root and takes the ids of users step by step; both work
at the same time. Steps go to them, and answers come back, in batches. Which step a process is at
stands in memory that it shares, so that one that never comes back is found as well.
"""

import contextlib
import dataclasses
import marshal
import mmap
import multiprocessing
import os
import struct

from fifofs_test import Child, Mount, Tmpfs, libc_call
from reference import ALL_STICKY, Mounted, Reference

BATCH = 500
# For a batch, and a daemon that is killed meanwhile.
PATIENCE_SECONDS = 60
HANGS = 'no answer'
UNKNOWN = 'lost with the batch'

MS_NOATIME = 0x400
MS_REMOUNT = 0x20
MS_BIND = 0x1000


@dataclasses.dataclass(frozen=True)
class Difference:
    at: int
    mount: object
    tmpfs: object


class Quiet(Tmpfs):
    """A tmpfs on which reading moves no times."""

    def _mount(self):
        super()._mount()
        libc_call('mount', None, os.fsencode(self.path), None, MS_REMOUNT | MS_BIND | MS_NOATIME, None)


class Player:
    """The process that carries out steps on one tree."""

    def __init__(self, root, make_tree, alter):
        self._progress = mmap.mmap(-1, 8)
        self._connection, theirs = multiprocessing.Pipe()
        self._child = Child(self._serve, theirs, root, make_tree, alter)
        theirs.close()

    def _serve(self, connection, root, make_tree, alter):
        self._connection.close()
        tree = make_tree()
        tree.enter(root)
        carry_out = alter(tree.carry_out) if alter else tree.carry_out
        done = 0
        with contextlib.suppress(EOFError):
            while True:
                answers = []
                for step in marshal.loads(connection.recv_bytes()):
                    struct.pack_into('Q', self._progress, 0, done)
                    answers.append(carry_out(step))
                    done += 1
                connection.send_bytes(marshal.dumps(answers))

    def send(self, batch):
        self._connection.send_bytes(marshal.dumps(batch))

    def receive(self, first):
        """The answers to the batch that began at that step; the last may be HANGS."""
        if self._connection.poll(PATIENCE_SECONDS):
            try:
                return marshal.loads(self._connection.recv_bytes())
            except EOFError:
                self._child.result()            # raises what went wrong
        at, = struct.unpack_from('Q', self._progress, 0)
        return [UNKNOWN] * (at - first) + [HANGS]

    def end(self):
        self._connection.close()
        self._child.end()
        self._progress.close()


class Pair:
    """A mount, a tmpfs, and who plays on them; for use in with."""

    def __init__(self, settings, alter=None):
        self._settings = settings
        self._alter = alter
        self._stack = contextlib.ExitStack()
        self.mount = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            root_mode = '1777' if ALL_STICKY else '0777'
            self.mount = stack.enter_context(
                Mount(f'allow_other,rootmode={root_mode},{self._settings.options}'))
            tmpfs = stack.enter_context(Quiet('mode=1777'))
            self._players = [self._player(stack, self.mount.path, Mounted, self._alter),
                             self._player(stack, tmpfs.path, lambda: Reference(self._settings), None)]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    @staticmethod
    def _player(stack, *arguments):
        player = Player(*arguments)
        stack.callback(player.end)
        return player

    def play(self, steps, note=None):
        """The first Difference, or None. note(step, answer) is told of all that agree."""
        for first in range(0, len(steps), BATCH):
            batch = steps[first:first + BATCH]
            for player in self._players:
                player.send(batch)
            answers = [player.receive(first) for player in self._players]
            for at, (step, *both) in enumerate(zip(batch, *answers), first):
                if HANGS in both or UNKNOWN not in both and both[0] != both[1]:
                    return Difference(at, *both)
                if note:
                    note(step, both[0])
        return None


def replay(settings, steps, alter=None, note=None):
    with Pair(settings, alter) as pair:
        return pair.play(steps, note)
