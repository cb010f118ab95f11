# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other processes and other users, what they do and how they fail, and waiting for them."""

import contextlib
import ctypes
import errno
import os
import pickle
import signal
import time
import traceback

# Ordinary users, whose groups have the same numbers.
USER_A = 61001
USER_B = 61002

libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG = 1


class DeadlineExceeded(Exception):
    """The test, or a wait in it, took longer than it may."""


def libc_call(name, *arguments):
    """Call a libc function that Python does not wrap; -1 becomes an OSError, for EINTR too."""
    result = getattr(libc, name)(*arguments)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f'{name}: {os.strerror(code)}')
    return result


# So many times as long as usual anything may take, as with ThreadSanitizer.
SLOWNESS = int(os.environ.get('FIFOFS_TEST_SLOWNESS', '1'))


def wait_until(predicate, timeout=10.0, what='the condition'):
    """Poll until predicate() is true and return its value; DeadlineExceeded after the timeout."""
    timeout *= SLOWNESS
    deadline = time.monotonic() + timeout
    pause = 0.0005
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise DeadlineExceeded(f'waited {timeout} s in vain for {what}')
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def kernel_functions(pid):
    """The kernel functions that the threads of a process sleep in, named by /proc/PID/wchan."""
    names = []
    try:
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/wchan', encoding='ascii') as wchan:
                names.append(wchan.read())
    except (FileNotFoundError, ProcessLookupError):
        pass                                        # a thread or the process ended meanwhile
    return names


def threads(pid):
    """The names of the threads of a process, by their numbers."""
    found = {}
    for number in os.listdir(f'/proc/{pid}/task'):
        # It may end meanwhile.
        with (contextlib.suppress(OSError),
              open(f'/proc/{pid}/task/{number}/comm', encoding='utf-8') as name):
            found[int(number)] = name.read().strip()
    return found


def stuck_in(pid, *words, timeout=10.0):
    """Wait until a thread of the process sleeps in a kernel function with such a word in its name.

    A word, as kernels differ in the prefixes: pipe_read is anon_pipe_read in newer ones.
    """
    def is_stuck():
        return any(word in name for name in kernel_functions(pid) for word in words)

    wait_until(is_stuck, timeout, f'process {pid} to sleep in {" or ".join(words)}')


def stuck_in_open(pid, timeout=10.0):
    """Wait until the process hangs in open() of a FIFO, which waits for the other end."""
    stuck_in(pid, 'wait_for_partner', timeout=timeout)


def attempt(function, *arguments, **keywords):
    """What the function returns, or the name of the errno that it failed with ('EEXIST')."""
    try:
        return function(*arguments, **keywords)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


class ChildDied(Exception):
    """The child was ended by a signal, so there is no result."""

    def __init__(self, signal_number):
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


def die_with_parent(signal_number=signal.SIGKILL):
    """Have the kernel end this process when its parent is gone. A change of user resets this."""
    libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


class Child:
    """A forked process that runs function(*arguments), optionally as another user."""

    def __init__(self, function, *arguments, uid=None, gid=None, groups=(), umask=None):
        self._status = None
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(writer, function, arguments, uid, uid if gid is None else gid, groups, umask)
        os.close(writer)
        self._outcome = os.fdopen(reader, 'rb')

    @staticmethod
    def _run(writer, function, arguments, uid, gid, groups, umask):
        """The life of the child; never returns, so that no clean-up of the test runs twice."""
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            if uid is not None:
                os.setgroups(groups)
                os.setresgid(gid, gid, gid)
                os.setresuid(uid, uid, uid)
            die_with_parent()
            if umask is not None:
                os.umask(umask)
            outcome = (True, function(*arguments))
        except BaseException as error:              # whatever it is, the parent is to see it
            error.add_note('in the child: ' + traceback.format_exc())
            outcome = (False, error)
        try:
            with os.fdopen(writer, 'wb') as stream:
                pickle.dump(outcome, stream)
        finally:
            os._exit(0)

    def result(self):
        """Wait for the end; return what the function returned or raise what it raised.

        ChildDied when a signal ended it.
        """
        outcome = self._outcome.read()
        status = self.wait()
        if os.WIFSIGNALED(status):
            raise ChildDied(os.WTERMSIG(status))
        succeeded, value = pickle.loads(outcome)
        if not succeeded:
            raise value
        return value

    def wait(self):
        """Wait for the end and return the status as os.waitpid() gives it."""
        if self._status is None:
            _, self._status = os.waitpid(self.pid, 0)
            self._outcome.close()
        return self._status

    def has_ended(self):
        return self._status is not None or os.waitid(
            os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def send_signal(self, signal_number):
        if self._status is None:
            os.kill(self.pid, signal_number)

    def end(self):
        """Make sure that the process is gone."""
        self.send_signal(signal.SIGKILL)
        self.wait()


def has_open(pid, suffix):
    """Has the process a file open whose path ends so?"""
    for fd in os.listdir(f'/proc/{pid}/fd'):
        with contextlib.suppress(FileNotFoundError):        # closed meanwhile
            if os.readlink(f'/proc/{pid}/fd/{fd}').endswith(suffix):
                return True
    return False


def as_user(uid, function, *arguments, **child_keywords):
    """Run function(*arguments) in a child with that uid and return or raise as it does.

    The keywords are those of Child: gid, groups, umask.
    """
    child = Child(function, *arguments, uid=uid, **child_keywords)
    try:
        return child.result()
    finally:
        child.end()
