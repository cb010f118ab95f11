# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills the worker of a daemon again and again, while a test goes on and must not notice.

The worker is the daemon's child, as the kernel lists them; the daemon itself is left alone.
"""

import contextlib
import os
import random
import signal
import threading


def children(pid):
    """Of all its threads."""
    found = []
    for thread in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(FileNotFoundError):        # the thread has ended
            with open(f'/proc/{pid}/task/{thread}/children', encoding='ascii') as listed:
                found += [int(child) for child in listed.read().split()]
    return found


class Killer:
    """A thread that kills all children of a process at random moments; how often is in count."""

    def __init__(self, pid, mean_seconds):
        self.count = 0
        self._pid = pid
        self._mean_seconds = mean_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        if not children(self._pid):
            raise RuntimeError(f'the daemon {self._pid} has no worker to kill')
        self._thread.start()

    def _run(self):
        while not self._stop.wait(random.uniform(0, 2 * self._mean_seconds)):
            for child in children(self._pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                    self.count += 1

    def end(self):
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()


@contextlib.contextmanager
def killing(pid, mean_seconds):
    """A Killer at work, or one that does nothing where the time is 0."""
    killer = Killer(pid, mean_seconds)
    if mean_seconds:
        killer.start()
    try:
        yield killer
    finally:
        killer.end()
