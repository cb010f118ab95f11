# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test case with deadlines, and the decorators that run a test on each file system."""

import contextlib
import faulthandler
import functools
import os
import signal
import subprocess
import sys
import unittest

from .binaries import missing_requirement
from .filesystems import FIFOFS, TMPFS, Mount, Tmpfs
from .processes import SLOWNESS, Child, DeadlineExceeded, die_with_parent


class TestCase(unittest.TestCase):
    """unittest.TestCase with a deadline for each test and processes that end with it."""

    deadline_seconds = 60
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        reason = missing_requirement()
        if reason:
            raise unittest.SkipTest(reason)

    def run(self, result=None):
        """Run with the deadline set. The timer repeats, to interrupt a clean-up that hangs too."""
        deadline = SLOWNESS * self.deadline_seconds

        def interrupt(_signal_number, _frame):
            raise DeadlineExceeded(f'the test took longer than {deadline} s')

        self._descriptors = set()
        previous = signal.signal(signal.SIGALRM, interrupt)
        faulthandler.dump_traceback_later(4 * deadline, exit=True)
        signal.setitimer(signal.ITIMER_REAL, deadline, deadline)
        try:
            return super().run(result)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
            signal.signal(signal.SIGALRM, previous)

    def spawn(self, function, *arguments, **child_keywords):
        """Run function(*arguments) in a Child that ends with the test."""
        child = Child(function, *arguments, **child_keywords)
        self.addCleanup(child.end)
        return child

    def start(self, command, **popen_keywords):
        """Start a program, a list of words or a script for the shell, that ends with the test.

        It leads a process group, so that what a script leaves in the background ends as well.
        """
        process = subprocess.Popen(command, shell=isinstance(command, str), process_group=0,
                                   preexec_fn=die_with_parent, **popen_keywords)
        self.addCleanup(self._stop, process)
        return process

    def open(self, path, flags):
        """os.open() of a file that is closed with the test, if not by self.close() before."""
        descriptor = os.open(path, flags)
        self._descriptors.add(descriptor)
        self.addCleanup(self.close, descriptor)
        return descriptor

    def close(self, descriptor):
        if descriptor in self._descriptors:
            self._descriptors.remove(descriptor)
            os.close(descriptor)

    @staticmethod
    def _stop(process):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()


def _filesystem(kind, options):
    return Mount(options) if kind == FIFOFS else Tmpfs()


def _on(kinds, options):
    """A decorator that calls the test with a fresh directory on each kind of file system.

    FIFOFS_TEST_ONLY=tmpfs or fifofs leaves the other out, for working on a test.
    """
    only = os.environ.get('FIFOFS_TEST_ONLY')
    chosen = [kind for kind in kinds if only in (None, kind)]

    def decorate(test):
        @functools.wraps(test)
        def run_on_each(self):
            if not chosen:
                self.skipTest(f'FIFOFS_TEST_ONLY={only}')
            observed = {}
            for kind in chosen:
                with self.subTest(filesystem=kind), _filesystem(kind, options) as filesystem:
                    try:
                        observed[kind] = test(self, filesystem.path)
                    finally:
                        self.doCleanups()           # nothing may hold the mount when it goes
            if len(observed) == 2:
                self.assertEqual(observed[FIFOFS], observed[TMPFS], 'fifofs differs from tmpfs')
        return run_on_each
    return decorate


def on_both(options=''):
    """Run the test on tmpfs and on fifofs with these -o options; both must return the same."""
    return _on([TMPFS, FIFOFS], options)


def on_fifofs(options=''):
    """Run the test on fifofs alone, for what tmpfs has no answer to."""
    return _on([FIFOFS], options)


def on_tmpfs():
    """Run the test on tmpfs alone, to state how the reference differs."""
    return _on([TMPFS], '')


def _hear_signals():
    """What starts the tests may ignore signals, as nohup(1) does, and what they start would too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def main():
    """unittest.main() with meson's exit code for "skipped" when nothing could run at all."""
    _hear_signals()
    result = unittest.main(exit=False).result
    if result.testsRun == 0 and result.skipped:
        print(f'skipped: {result.skipped[0][1]}')
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
