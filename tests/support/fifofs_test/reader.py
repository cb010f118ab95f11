# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does what a guide says on a machine, and compares what it shows.

How a guide is read is said in guidebook. Besides:

- A command must succeed unless the guide shows that it writes something.
- A command that only looks (LOOKING) is repeated until it shows what the guide shows.
- What a job in the background writes is shown below the command during which it does.
- The note of fifoctl on processes that an ordinary user may not look into is left out.
- A `fifoctl watch` in the background has begun to follow before the next command.
"""

import re
import sys
import time

from . import guidebook
from .processes import wait_until

LOOKING = re.compile(r'(fifoctl (ls|info|get)|ls|wc|grep|id) [^&;|<>]*$')
WATCHING = re.compile(r'fifoctl watch .*&$')
NOTE = re.compile(r'^fifoctl: note: unknown processes: .*\n', re.MULTILINE)

# What a command may take, and how long one that looks is repeated.
SECONDS = 10


class Reader:
    """Does what the guide says, on a machine."""

    def __init__(self, test, machine):
        self._test = test
        self._machine = machine

    def follow(self, blocks):
        for block in blocks:
            if 'not-run' in block.attributes or not self._has_what_it_needs(block):
                continue
            if 'file' in block.attributes:
                self._machine.write(block.attributes['file'], '\n'.join(block.lines) + '\n')
            else:
                for step in block.steps():
                    self.take(step)
        self.finish()

    def finish(self):
        """All that was written has been shown."""
        left = NOTE.sub('', self._machine.unread())
        self._test.assertEqual(left, '', 'the guide does not show this')

    def _has_what_it_needs(self, block):
        needed = block.attributes.get('needs')
        if needed is None or self._machine.run('root', 'sh', '-c', needed).returncode == 0:
            return True
        print(f'guide.md:{block.line}: left out, as this fails: {needed}', file=sys.stderr)
        return False

    def take(self, step):
        shell = self._machine.shell(step.user)
        deadline = time.monotonic() + SECONDS
        status, written = self._give(shell, step, deadline)
        while not guidebook.shows(step.shown, written) and time.monotonic() < deadline:
            if LOOKING.match(step.command):
                time.sleep(0.05)
                status, written = self._give(shell, step, deadline)
            else:
                written = NOTE.sub('', written + shell.more(deadline - time.monotonic()))
        if not guidebook.shows(step.shown, written):
            self._test.fail(f'{step.user}: {step.command}\n--- the guide shows\n'
                            + '\n'.join(step.shown) + f'\n--- what was written\n{written}')
        if status != 0 and not step.shown:
            self._test.fail(f'{step.user}: {step.command}\nfailed with status {status}')
        if WATCHING.match(step.command):
            wait_until(self._machine.follows_events, what='fifoctl watch to open the events')

    def _give(self, shell, step, deadline):
        shell.begin(step.command)
        status, written = shell.status(max(1, deadline - time.monotonic()))
        if status is None:
            self._test.fail(f'{step.user}: {step.command}\ndid not end; it wrote\n{written}')
        return status, NOTE.sub('', written)
