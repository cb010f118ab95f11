# SPDX-License-Identifier: LGPL-2.1-or-later
"""A terminal to type in and to look at."""

import os
import shutil
import subprocess
import tempfile

from .processes import DeadlineExceeded, wait_until


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, width=80, height=24, **environment):
        self.folder = tempfile.mkdtemp(prefix='fifofs-top-')
        self.tmux = ['tmux', '-S', self.folder + '/socket', '-f', '/dev/null']
        self.environment = {**os.environ, 'LANG': 'C.UTF-8', **environment}
        self('new-session', '-d', '-x', str(width), '-y', str(height), 'sh')
        self('set-option', '-g', 'remain-on-exit', 'on')

    def __call__(self, *words):
        return subprocess.run([*self.tmux, *words], check=True, capture_output=True, timeout=20,
                              env=self.environment).stdout.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([*self.tmux, 'kill-server'], check=False, capture_output=True)
        shutil.rmtree(self.folder)

    def type(self, *keys):
        self('send-keys', *keys)

    def text(self, text):
        self('send-keys', '-l', text)

    def screen(self, *options):
        return self('capture-pane', '-p', *options).split('\n')

    def shows(self, text):
        """Wait until the text is there; returns the lines."""
        try:
            wait_until(lambda: any(text in line for line in self.screen()), 15, repr(text))
        except DeadlineExceeded as error:
            raise DeadlineExceeded('\n'.join([f'{error} on the screen:', *self.screen()])) from None
        return self.screen()

    def run(self, command):
        self.text(command + '\n')

    def pid(self, name):
        """Of the program that runs in the window."""
        shell = int(self('display-message', '-p', '#{pane_pid}'))
        children = subprocess.run(['pgrep', '-P', str(shell), '-x', name], capture_output=True,
                                  check=False).stdout.split()
        return int(children[0])
