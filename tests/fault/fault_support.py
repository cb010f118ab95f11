# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of faults share: a daemon that kills itself at a step, and a look at all that is.

The tests are bounded: FIFOFS_TEST_KILLS says how often a worker is killed, 200 by default.
"""

import contextlib
import json
import mmap
import os
import subprocess
import tempfile
import time

import fifofs_test
from fifofs_test import Mount, as_user, attempt, wait_until

KILLS = int(os.environ.get('FIFOFS_TEST_KILLS', '200'))

# What a kill may cost a call on a machine that is busy with other things, and then some.
PATIENCE_SECONDS = 20

_STEP_BYTES = 256
_LOOKUP = 1                 # an opcode of linux/fuse.h


def seed_of_test():
    """A new seed, or that of a run which is to be repeated; it is told where a test fails."""
    return int(os.environ.get('FIFOFS_TEST_SEED', time.time_ns() % 1000000))


class Steps:
    """The file by which a fifofs-stepped is told where to die (lib/step.c)."""

    def __init__(self, path):
        self.path = path
        with open(path, 'wb') as stream:
            stream.truncate(_STEP_BYTES)
        os.chmod(path, 0o666)                   # workers may be nobody
        os.chmod(os.path.dirname(path), 0o755)
        with open(path, 'r+b') as stream:
            self._map = mmap.mmap(stream.fileno(), _STEP_BYTES)

    def arm(self, opcode, step, signal_number=9, times=1):
        """The first byte last: it is what the daemon looks at."""
        text = f'{opcode} {step} {int(signal_number)} {times}'.encode().ljust(_STEP_BYTES, b'\0')
        self._map[0] = 0
        self._map[1:] = text[1:]
        self._map[0] = text[0]

    @property
    def waits(self):
        """Somebody has reached a step that was armed with a signal of 0, and waits there."""
        return self._map[0:1] == b'w'

    @property
    def armed(self):
        return self._map[0] != 0

    def disarm(self):
        """Whether the step was reached."""
        reached = not self.armed
        self._map[0] = 0
        return reached


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as stream:
        return [int(child) for child in stream.read().split()]


def stepped_mount(steps, options='', environment=None, **keywords):
    return Mount(options, program=fifofs_test.binary('FIFOFS_STEPPED_BIN'),
                 environment={'FIFOFS_STEP_FILE': steps.path, **(environment or {})}, **keywords)


def start_stepped(test, options):
    """The Steps and the stepped_mount() of a test, for as long as it runs."""
    stack = contextlib.ExitStack()
    test.addCleanup(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix='fifofs-fault-'))
    steps = Steps(folder + '/step')
    return steps, stack.enter_context(stepped_mount(steps, options))


def pipes(directory):
    """What .fifofs/pipes tells of each FIFO of the mount, by path."""
    with open(directory + '/.fifofs/pipes', 'rb') as stream:
        records = [json.loads(line) for line in stream]
    found = {os.path.join(directory, record['path']): record for record in records}
    assert len(found) == len(records), 'a FIFO is listed twice'
    return found


def walk(directory):
    """The paths of all FIFOs and of all directories below, by looking."""
    fifos, directories = set(), set()
    for where, below, files in os.walk(directory):
        if where == directory and '.fifofs' in below:
            below.remove('.fifofs')
        fifos.update(os.path.join(where, name) for name in files)
        directories.update(os.path.join(where, name) for name in below)
    return fifos, directories


def settle(directory):
    """Wait until the mount serves again, creations there too, for which it has to be watched."""
    name = directory + '/.settle'
    os.mkfifo(name)
    os.unlink(name)


def kernel_stack(pid):
    with open(f'/proc/{pid}/stack', encoding='ascii') as stream:
        return stream.read()


def wait_for_itself(test, mount, steps, uid=0):
    """
    Have the worker wait for the lock of a directory, in order to tell that a FIFO has gone from
    there, and who has the lock wait for the worker. Returns that process, a mkfifo(1).

    The mount is of that user, and has a linger of 100 ms.
    """
    as_user(uid, settle, mount.path)
    as_user(uid, os.mkfifo, mount.path + '/due')
    steps.arm(_LOOKUP, 'read', 0)
    other = test.start(['mkfifo', mount.path + '/other'], stderr=subprocess.DEVNULL, user=uid,
                       group=uid)
    wait_until(lambda: steps.waits, what='the request')
    wait_until(lambda: 'reverse_inval' in kernel_stack(mount.worker), PATIENCE_SECONDS,
               'the notification')
    return other


def drop_caches():
    """Have the kernel forget all names and inodes that nobody uses."""
    with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as control:
        control.write('2')


def assert_nothing_leaks(test, mount):
    """Once the kernel knows no FIFO any more, no lookup is counted for one."""
    def all_idle():
        drop_caches()
        return not [path for path, pipe in pipes(mount.path).items()
                    if pipe['state'] not in ('idle', 'new')]

    try:
        wait_until(all_idle, PATIENCE_SECONDS, 'the lookup counts to be 0')
    except fifofs_test.DeadlineExceeded:
        test.fail(f'lookups are still counted: {pipes(mount.path)}')


__all__ = ['KILLS', 'PATIENCE_SECONDS', 'Steps', 'assert_nothing_leaks', 'attempt', 'children',
           'drop_caches', 'pipes', 'seed_of_test', 'settle', 'stepped_mount', 'wait_for_itself', 'walk']
