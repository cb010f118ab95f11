# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine to try commands on, and shells of its users; see tests/support/sandbox."""

import contextlib
import os
import re
import select
import subprocess
import time

from .binaries import binary
from .processes import wait_until

_SCRIPT = os.path.join(os.path.dirname(__file__), '..', 'sandbox')
_PATH = '/run/sandbox/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
_REPORTS = '/run/sandbox/reports'

# What a shell of ours runs: it takes commands from descriptor 9, each with a NUL behind it, and
# tells the exit status of each between two bytes that no program here writes.
_LOOP = r'''cd; while IFS= read -r -d '' -u 9 command; do
  eval "$command" 9<&-
  printf '\036%d\036' $?
done'''
_END_OF_COMMAND = re.compile(rb'\x1e(\d+)\x1e')


class Shell:
    """A bash of one user, which runs commands one after the other as a terminal would."""

    def __init__(self, start, user):
        reader, self._commands = os.pipe()
        # Bash cannot be told to read from any other number than the one in its script.
        words = ['bash', '-c', f'exec 9<&{reader} {reader}<&-; {_LOOP}']
        self._process = start(user, words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, pass_fds=[reader])
        os.close(reader)
        self._pending = b''

    def begin(self, command):
        """Give the shell a command."""
        os.write(self._commands, command.encode() + b'\0')

    def status(self, timeout):
        """(exit status, what was written) when the command has ended; (None, ...) if it has not."""
        deadline = time.monotonic() + timeout
        while True:
            end = _END_OF_COMMAND.search(self._pending)
            if end:
                written = self._pending[:end.start()]
                self._pending = self._pending[end.end():]
                return int(end[1]), written.decode(errors='replace')
            if not self._read(deadline):
                return None, self._pending.decode(errors='replace')

    def more(self, timeout):
        """What is written from now on by what runs in the background, at the latest after that."""
        if not self._pending:
            self._read(time.monotonic() + timeout)
        written, self._pending = self._pending, b''
        return written.decode(errors='replace')

    def close(self):
        os.close(self._commands)

    def _read(self, deadline):
        left = max(0, deadline - time.monotonic())
        if not select.select([self._process.stdout], [], [], left)[0]:
            return False
        data = os.read(self._process.stdout.fileno(), 65536)
        self._pending += data
        return bool(data)


class Sandbox:
    """A context in which there is such a machine; test is the TestCase that it is for."""

    def __init__(self, test):
        self._start = test.start
        self._shells = {}

    def __enter__(self):
        self._unshare = self._start(
            ['unshare', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child', '--',
             _SCRIPT, binary('FIFOFS_BIN'), binary('FIFOCTL_BIN')],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._unshare.stdout.readline() != b'ready\n':
            raise AssertionError('the sandbox could not be made')
        with open(f'/proc/{self._unshare.pid}/task/{self._unshare.pid}/children',
                  encoding='ascii') as children:
            self.pid = int(children.read())
        self.run('root', 'mkdir', '-m', '1777', _REPORTS)
        return self

    def __exit__(self, exception_type, exception, trace):
        for shell in self._shells.values():
            shell.close()
        problems = self._end_of_mounts()
        if exception is None and problems:
            raise AssertionError(problems)

    def run(self, user, *words, **keywords):
        """Run a program to its end as that user; as subprocess.run()."""
        return subprocess.run(self._entering(user, words), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20, check=False, **keywords)

    def write(self, path, text):
        """Put the text in a file, of its user if it is in that one's home."""
        user = 'you' if path.startswith('~') else 'root'
        path = path.replace('~', '/home/you', 1)
        script = 'mkdir -p "${1%/*}" && cat > "$1"'
        subprocess.run(self._entering(user, ['sh', '-c', script, 'sh', path]), input=text,
                       text=True, timeout=20, check=True)

    def shell(self, user):
        """The Shell of that user, which is started when it is first asked for."""
        if user not in self._shells:
            def start(user, words, **keywords):
                return self._start(self._entering(user, words), **keywords)
            self._shells[user] = Shell(start, user)
        return self._shells[user]

    def unread(self):
        """What was written to the shells and not asked for."""
        return ''.join(shell.more(0) for shell in self._shells.values())

    def follows_events(self):
        """Whether a process in the sandbox has the events of a mount open."""
        space = os.readlink(f'/proc/{self.pid}/ns/pid')
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):     # it has ended, or is not ours to look into
                if os.readlink(f'/proc/{pid}/ns/pid') == space and any(
                        os.readlink(f'/proc/{pid}/fd/{fd}').endswith('/.fifofs/events')
                        for fd in os.listdir(f'/proc/{pid}/fd')):
                    return True
        return False

    def _entering(self, user, words):
        home = '/root' if user == 'root' else f'/home/{user}'
        reports = {f'{kind}SAN_OPTIONS': f'log_path={_REPORTS}/report' for kind in ('A', 'UB')}
        variables = {'PATH': _PATH, 'HOME': home, 'USER': user, 'LC_ALL': 'C.UTF-8', **reports}
        become = [] if user == 'root' else ['setpriv', '--reuid', user, '--regid', user,
                                            '--init-groups']
        return ['nsenter', '--target', str(self.pid), '--mount', '--pid', '--', *become, 'env',
                '-i', *(f'{name}={value}' for name, value in variables.items()), *words]

    def _end_of_mounts(self):
        """End the daemons as they should end, and tell what was wrong with that."""
        daemons = self.run('root', 'pgrep', '-x', 'fifofs').stdout.split()
        self.run('root', 'kill', *daemons)
        wait_until(lambda: self.run('root', 'pgrep', '-x', 'fifofs').returncode != 0, 15,
                   'the daemons to end')
        left = self.run('root', 'grep', 'fuse.fifofs', '/proc/self/mountinfo').stdout
        reports = self.run('root', 'sh', '-c', f'cat {_REPORTS}/*').stdout
        return left + reports
