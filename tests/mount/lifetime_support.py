# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of lifetimes share: processes that create and hold FIFOs, and watching FIFOs go.

What is promised is a time: not before a FIFO is due, and not later than a second after. So acts are
timed() from outside, which gives the earliest and the latest moment at which they can have taken
effect, and expect() follows the daemon's own list, which touches no FIFO:

    closed = timed(os.close, descriptor)
    self.expect(goes('a', closed, 0.3), stays('b'))

A slow machine makes those bounds wider, never wrong.
"""

import atexit
import collections
import contextlib
import json
import os
import signal
import socket
import sys
import time

import fifofs_test
from fifofs_test import Mount, stuck_in_open

# How long a FIFO that is due may stay.
BOUND_SECONDS = 1.0

# How long it is watched that a FIFO stays, where only a wrong removal at once is to be feared.
STAYS_SECONDS = 0.6

# The same where the daemon may have to find out by itself, which takes it a second.
STAYS_WHEN_ASKED_SECONDS = 1.3

POLL_SECONDS = 0.005

Moment = collections.namedtuple('Moment', 'before after result')
Promise = collections.namedtuple('Promise', 'name earliest latest')

_lateness = []


@atexit.register
def _report():
    if _lateness:
        worst, name = max(_lateness)
        print(f'{len(_lateness)} removals by the daemon were followed; the latest was seen '
              f'{worst * 1000:.0f} ms after it was due ({name})', file=sys.stderr)


def timed(function, *arguments, **keywords):
    """Call the function; between .before and .after it took effect, .result is what it returned."""
    before = time.monotonic()
    result = function(*arguments, **keywords)
    return Moment(before, time.monotonic(), result)


def now():
    return timed(lambda: None)


def goes(name, since, delay=0.0, within=BOUND_SECONDS):
    """The FIFO is there until the delay after that moment has passed, and soon after it is not."""
    return Promise(name, since.before + delay, since.after + delay + within)


def is_gone(name, since, delay=0.0, within=BOUND_SECONDS):
    """The FIFO is not there soon after the delay; it may have gone at any time before."""
    return Promise(name, 0, since.after + delay + within)


def stays(name, seconds=STAYS_SECONDS):
    """The FIFO is there, and still is that many seconds from now."""
    return Promise(name, time.monotonic() + seconds, None)


def pipes(directory):
    """What .fifofs/pipes tells of each FIFO of the mount, by path."""
    with open(directory + '/.fifofs/pipes', 'rb') as stream:
        return {record['path']: record for record in map(json.loads, stream)}


def use(path):
    """Open the FIFO without waiting for anybody, and close it: the shortest use."""
    os.close(os.open(path, os.O_RDWR))


def _stat_all(paths):
    for path in paths:
        os.stat(path)


def set_policy(path, **values):
    """Set fifofs.KEY for each; max_age is max-age."""
    for key, value in values.items():
        os.setxattr(path, 'fifofs.' + key.replace('_', '-'), value.encode())


def stat_forever(path):
    while True:
        try:
            os.stat(path)
        except FileNotFoundError:
            pass


def fork(function, *arguments):
    """A process that calls the function and ends; it does not end with its parent."""
    pid = os.fork()
    if pid == 0:
        try:
            function(*arguments)
        finally:
            os._exit(0)
    return pid


def _make(paths):
    for path in paths:
        os.mkfifo(path)


def _open_and_hold(path, flags):
    os.open(path, flags)
    signal.pause()


def _hold(function, arguments, tell):
    kept = function(*arguments)
    os.write(tell, b'.')
    while True:
        signal.pause()
    return kept                                     # not before the process is ended


class LifetimeTestCase(fifofs_test.TestCase):

    def mount(self, options=''):
        """A mount for this test; returns its path. The daemon is in self.daemon."""
        self.daemon = self.enterContext(Mount(options))
        return self.daemon.path

    def create(self, *paths):
        """Have the FIFOs made by a process that has ended afterwards. Returns the Moment."""
        return timed(self.spawn(_make, paths).result)

    def hold(self, function, *arguments):
        """A process that has called the function and lives on, with whatever that left open."""
        ready, tell = os.pipe()
        child = self.spawn(_hold, function, arguments, tell)
        os.close(tell)
        try:
            if not os.read(ready, 1):
                child.result()                      # raises what the function raised
        finally:
            os.close(ready)
        return child

    def living_creator(self, *paths):
        """A process that has made the FIFOs and lives on."""
        return self.hold(_make, paths)

    def holder(self, path, flags):
        """A process that has the FIFO open."""
        return self.hold(os.open, path, flags)

    def waiter(self, path, flags):
        """A process that waits in open() of the FIFO, and holds it if that ever succeeds."""
        child = self.spawn(_open_and_hold, path, flags)
        stuck_in_open(child.pid)
        return child

    def stop_worker(self, *paths):
        """Stop the worker at a moment at which the kernel has these in its cache.

        Who opens one that is not there would wait for ever, and the worker may be about to have the
        kernel drop it.
        """
        while True:
            os.kill(self.daemon.worker, signal.SIGSTOP)
            child = self.spawn(_stat_all, (self.daemon.path, *paths))
            with contextlib.suppress(fifofs_test.DeadlineExceeded):
                fifofs_test.wait_until(child.has_ended, 1, 'all to be found in the cache')
                return
            os.kill(self.daemon.worker, signal.SIGCONT)
            child.result()

    def open_leash(self):
        """Two sockets: who receives from the first is held until all copies of the second are closed.

        A process that is to be held closes its own copy of the second first.
        """
        held, hand = socket.socketpair()
        self.enterContext(held)
        self.enterContext(hand)
        return held, hand

    def wait_for_state(self, directory, name, *states):
        """Wait until the daemon tells one of these states of the FIFO."""
        fifofs_test.wait_until(lambda: pipes(directory)[name]['state'] in states,
                               what=f'{name} to be {" or ".join(states)}')

    def expect(self, *promises, directory=None):
        """Follow the list of the mount until each promise is kept, or fail when one is broken."""
        directory = directory or self.daemon.path
        pending = set(promises)
        while pending:
            asked = time.monotonic()
            there = pipes(directory)
            answered = time.monotonic()
            for promise in list(pending):
                if self._is_kept(promise, there.get(promise.name), asked, answered):
                    pending.remove(promise)
            if pending:
                time.sleep(POLL_SECONDS)

    def _is_kept(self, promise, listed, asked, answered):
        """True once there is nothing more to watch for."""
        if listed is not None:
            if promise.latest is None:
                return asked >= promise.earliest
            self.assertLessEqual(asked, promise.latest, f'{promise.name} is still there: {listed}')
            return False
        early = promise.earliest - answered
        self.assertLessEqual(early, 0, f'{promise.name} went at least {early:.3f} s too early')
        self.assertIsNotNone(promise.latest, f'{promise.name} went')
        if promise.earliest:
            _lateness.append((answered - promise.earliest, f'{self.id()}: {promise.name}'))
        return True
