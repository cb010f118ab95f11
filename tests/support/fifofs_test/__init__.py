# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every Python test of fifofs needs: mounts, other processes, other users, and deadlines.

A test file looks like this:

    import fifofs_test
    from fifofs_test import USER_A, Mount, attempt, on_both

    class Opening(fifofs_test.TestCase):
        @on_both()                            # once on tmpfs, once on fifofs, each freshly mounted
        def test_write_end_without_reader_is_refused(self, directory):
            fifo = directory + '/fifo'
            os.mkfifo(fifo)
            answer = attempt(os.open, fifo, os.O_WRONLY | os.O_NONBLOCK)
            self.assertEqual(answer, 'ENXIO')
            return answer                     # what is returned must be equal on both

        def test_fusermount_ends_the_daemon(self):
            with Mount('allow_other,linger=1s', user=USER_A) as mount:    # .path, .pid, .log()
                mount.end('fusermount')

    if __name__ == '__main__':
        fifofs_test.main()

and is run as root, by meson or by hand:

    FIFOFS_BIN=BUILD/fs/fifofs FIFOCTL_BIN=BUILD/tools/fifoctl PYTHONPATH=tests/support \
        python3 FILE [-v] [CLASS.TEST ...]

Mount       The real daemon on a new directory. Leaving the block ends it, unmounts whatever
            happened, and fails the test when the daemon ended with an error, left its mount behind
            or wrote a sanitizer report.
Tmpfs       The reference: the same attributes, no daemon.
on_both, on_fifofs, on_tmpfs
            Decorators that call the test with the path of a fresh mount.
TestCase    self.spawn(function, *args, uid=...) runs a function in a forked Child, whose result()
            is what the function returned or raised; self.start(argv) starts a program;
            self.open() opens a file. All of them are ended and closed with the test.
as_user     as_user(uid, function, *args): what does another user get?
fuse_conf, bound
            /etc/fuse.conf, or any file, is another for a while.
attempt     The function's result, or the name of the errno that it failed with:
            attempt(os.mkfifo, path) == 'EEXIST'.
wait_until  Polls a condition up to a deadline. Tests never sleep: they wait for a fact.
stuck_in_open, stuck_in
            Wait until a process hangs in open() of a FIFO, or in a given kernel function.
has_open    Has a process opened a file yet?
threads     The names of the threads of a process, by their numbers.
Terminal    A window of tmux: type() and text(), screen() and shows().
fifoctl     Runs it and returns exit code and output.
sandbox.Sandbox, guidebook, reader.Reader
            A machine with users and shells, the recipes of docs/guide.md, and who follows them.

A forked child has the descriptors that were open at the fork: spawn readers and writers before the
test opens an end itself, or they hold that end as well.

Every test has a deadline, TestCase.deadline_seconds. When it passes, an exception interrupts the
test, so that its processes and mounts are still cleaned up; if even that hangs, the process ends
with a traceback. As the tests have a mount namespace of their own and children die with their
parent, nothing is left behind in that case either. FIFOFS_TEST_ONLY=tmpfs or fifofs leaves out the
other.
"""

from .binaries import binary, fifoctl
from .filesystems import FIFOFS, TMPFS, Mount, Tmpfs, bound, fuse_conf, mounted, worker_of
from .processes import (
    SLOWNESS, USER_A, USER_B, Child, ChildDied, DeadlineExceeded, as_user, attempt,
    die_with_parent, has_open, kernel_functions, libc, libc_call, stuck_in, stuck_in_open,
    threads, wait_until)
from .terminal import Terminal
from .testcase import TestCase, main, on_both, on_fifofs, on_tmpfs

__all__ = [
    'FIFOFS', 'TMPFS', 'USER_A', 'USER_B', 'Child', 'ChildDied', 'DeadlineExceeded', 'Mount',
    'Terminal', 'TestCase', 'Tmpfs', 'as_user', 'attempt', 'binary', 'bound',
    'die_with_parent', 'fifoctl', 'fuse_conf', 'has_open', 'kernel_functions', 'libc', 'libc_call',
    'main', 'mounted', 'on_both', 'on_fifofs', 'on_tmpfs', 'stuck_in', 'stuck_in_open', 'threads',
    'wait_until', 'worker_of',
]
