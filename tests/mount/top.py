# SPDX-License-Identifier: LGPL-2.1-or-later
"""fifoctl top in a real terminal, which tmux is: what it shows, its keys, and how it ends."""

import os
import re
import shutil
import signal
import subprocess

import fifofs_test
from fifofs_test import Mount, Terminal, binary, stuck_in_open, wait_until

OK, FAILED, USAGE = range(3)
HEADINGS = ['NAME', 'OWNER', 'STATE', 'R', 'W', 'WAIT', 'QUEUED', 'FILL', 'IDLE', 'LIFE', 'EXPIRES']


def run(*arguments, **keywords):
    return subprocess.run([binary('FIFOCTL_BIN'), 'top', *arguments], capture_output=True,
                          timeout=60, check=False, **keywords)


class Top(fifofs_test.TestCase):

    def setUp(self):
        super().setUp()
        if shutil.which('tmux') is None:
            self.skipTest('tmux is not there: install the package tmux')
        self.mount = self.enterContext(Mount('allow_other,linger=1h'))
        self.path = self.mount.path

    def fifo(self, name):
        os.mkfifo(f'{self.path}/{name}')
        return f'{self.path}/{name}'

    def stuck(self, name):
        child = self.spawn(os.open, self.fifo(name), os.O_RDONLY)
        stuck_in_open(child.pid)
        return child

    def terminal(self, *size, **environment):
        return self.enterContext(Terminal(*size, **environment))

    def top(self, terminal, *arguments, small=False):
        words = ' '.join((binary('FIFOCTL_BIN'), 'top', '-d', '300ms', *arguments, self.path))
        terminal.run(f'clear; {words}; echo "ended $?"')
        return terminal.shows('too small' if small else 'fifoctl top - ')

    def rows(self, terminal):
        """The names in the table, without the mount."""
        return [line.split()[0].rpartition('/')[2] for line in terminal.screen()[4:-2]
                if '/' in line.split(' ')[0]]

    def quit(self, terminal):
        terminal.type('q')
        terminal.shows('ended 0')

    def test_it_shows_what_there_is_stuck_ones_first(self):
        self.fifo('a')
        child = self.stuck('z')
        full = self.open(self.fifo('m'), os.O_RDWR | os.O_NONBLOCK)
        os.write(full, b'x' * 65536)
        terminal = self.terminal()
        self.top(terminal)
        screen = terminal.shows('stuck 1')
        self.assertIn('FIFOs: 3', screen[0])
        self.assertIn('full 1, waiting in open() 1', screen[1])
        self.assertRegex(screen[2], r'per second: (-|created [\d.]+, removed [\d.]+, opened [\d.]+)')
        self.assertEqual(screen[3].split(), HEADINGS)
        self.assertEqual(self.rows(terminal), ['z', 'm', 'a'])
        self.assertIn('100%', screen[5])
        self.assertTrue(all(len(line) <= 80 for line in screen))
        terminal.type('p')
        self.assertTrue(any(re.search(rf'{child.pid} \S+ root read stuck for', line)
                            for line in terminal.shows('stuck for')))
        self.quit(terminal)
        self.close(full)

    def test_what_comes_and_goes_is_seen(self):
        terminal = self.terminal()
        self.top(terminal)
        self.fifo('new-one')
        terminal.shows('new-one')
        terminal.shows('FIFOs: 1')
        os.unlink(self.path + '/new-one')
        terminal.shows('FIFOs: 0')
        self.quit(terminal)

    def test_keys_sort_and_filter(self):
        for name in ('bb', 'aa', 'cc'):
            self.fifo(name)
        self.stuck('dd')
        terminal = self.terminal()
        self.top(terminal, '-s', 'name')
        terminal.shows('by NAME')
        self.assertEqual(self.rows(terminal), ['aa', 'bb', 'cc', 'dd'])
        terminal.type('r')
        terminal.shows('by NAME (reversed)')
        self.assertEqual(self.rows(terminal), ['dd', 'cc', 'bb', 'aa'])
        terminal.type('>')
        terminal.shows('by OWNER')
        terminal.type('<', '<')
        terminal.shows('by EXPIRES')
        terminal.type('>')
        terminal.shows('by NAME')
        terminal.type('/')
        terminal.text('bb')
        terminal.shows("Only paths with: bb")
        terminal.type('Enter')
        terminal.shows("only 'bb'")
        self.assertEqual(self.rows(terminal), ['bb'])
        terminal.type('Escape')
        wait_until(lambda: len(self.rows(terminal)) == 4, what='all to be shown again')
        terminal.type('w')
        wait_until(lambda: self.rows(terminal) == ['dd'], what='those that are waited for')
        terminal.type('w')
        terminal.type('u')
        terminal.text('nobody')
        terminal.type('Enter')
        wait_until(lambda: self.rows(terminal) == [], what='those of nobody')
        self.quit(terminal)

    def test_selection_stays_on_its_fifo(self):
        for i in range(30):
            self.fifo(f'p{i:02}')
        terminal = self.terminal()
        self.top(terminal, '-s', 'name')
        terminal.shows('p05')
        terminal.type('End')
        terminal.shows('p29')
        terminal.type('Enter')
        self.fifo('a-new-one')
        wait_until(lambda: 'FIFOs: 31' in terminal.screen()[0], what='the new one')
        terminal.shows('p29')
        terminal.type('R')
        terminal.shows('p29? (y/n)')
        terminal.type('n', 'Home')
        terminal.shows('a-new-one')
        terminal.type('PageDown')
        terminal.type('R')
        terminal.shows('p18? (y/n)')
        terminal.type('n')
        self.quit(terminal)

    def test_release_asks_first(self):
        child = self.stuck('a')
        terminal = self.terminal()
        self.top(terminal)
        terminal.shows('stuck 1')
        terminal.type('R')
        terminal.shows('Release who waits')
        terminal.type('n')
        stuck_in_open(child.pid)
        terminal.type('R', 'y')
        self.assertGreater(child.result(), 0)
        self.quit(terminal)

    def test_question_ends_with_its_fifo(self):
        self.stuck('a')
        child = self.stuck('b')
        terminal = self.terminal()
        self.top(terminal, '-s', 'NAME')
        terminal.shows('stuck 2')
        terminal.type('R')
        terminal.shows('/a? (y/n)')
        os.unlink(f'{self.path}/a')
        wait_until(lambda: not any('(y/n)' in line for line in terminal.screen()),
                   what='the question to go')
        terminal.type('y')
        stuck_in_open(child.pid)
        self.quit(terminal)

    def test_terminal_that_shows_no_question_takes_no_answer(self):
        child = self.stuck('a')
        terminal = self.terminal(30, 6)
        self.top(terminal, small=True)
        terminal.type('R', 'y')
        self.assertEqual(terminal.shows('too small')[0], 'the terminal is too small')
        stuck_in_open(child.pid)

    def test_terminal_is_left_as_it_was(self):
        for end in ('q', 'C-c', signal.SIGTERM, signal.SIGHUP):
            with self.subTest(end):
                terminal = self.terminal()
                terminal.run(f'stty -g > {terminal.folder}/before; echo ke""pt')
                terminal.shows('kept')
                self.top(terminal)
                if isinstance(end, str):
                    terminal.type(end)
                else:
                    os.kill(terminal.pid('fifoctl'), end)
                screen = terminal.shows('ended 0')
                self.assertFalse(any('per second' in line for line in screen))
                terminal.run(f'stty -g > {terminal.folder}/after; echo do""ne')
                terminal.shows('done')
                with open(terminal.folder + '/before') as before, \
                        open(terminal.folder + '/after') as after:
                    self.assertEqual(before.read(), after.read())

    def test_it_can_be_stopped_and_continued(self):
        terminal = self.terminal()
        terminal.run('exec bash --norc')
        self.top(terminal)
        terminal.type('C-z')
        terminal.shows('Stopped')
        terminal.run('fg')
        terminal.shows('per second')
        terminal.type('q')
        wait_until(lambda: not any('per second' in line for line in terminal.screen()),
                   what='the end')
        terminal.run('echo "still $((1 + 1))"')
        terminal.shows('still 2')

    def test_any_size_will_do(self):
        for i in range(50):
            self.fifo(f'a-rather-long-name-{i}')
        terminal = self.terminal(200, 50)
        self.top(terminal)
        for width, height, text in ((80, 24, 'EXPIRES'), (40, 10, 'STATE'), (30, 5, 'too small'),
                                    (120, 30, 'EXPIRES')):
            terminal('resize-window', '-x', str(width), '-y', str(height))
            screen = terminal.shows(text)
            self.assertTrue(all(len(line) <= width for line in screen))
        terminal.type('h')
        terminal.shows('Any key goes back')
        terminal.type('q')
        terminal.shows('per second')
        self.quit(terminal)

    def test_odd_names_are_harmless(self):
        for name in ('new\nline', '\033[31mred', 'wide-五五五五', 'n' * 255, 'tab\there'):
            self.fifo(name)
        terminal = self.terminal()
        self.top(terminal)
        screen = terminal.shows('FIFOs: 5')
        self.assertEqual(len([line for line in screen if ' root ' in line]), 5)
        self.assertTrue(any('\\x1b[31mred' in line for line in screen))
        self.quit(terminal)

    def test_daemon_that_hangs_does_not_stop_the_keys(self):
        self.fifo('a')
        terminal = self.terminal()
        self.top(terminal)
        terminal.shows('FIFOs: 1')
        os.kill(self.mount.worker, signal.SIGSTOP)
        try:
            terminal.type('h')
            terminal.shows('Any key goes back')
            terminal.type('x')
            terminal.shows('per second')
            self.quit(terminal)
        finally:
            os.kill(self.mount.worker, signal.SIGCONT)

    def test_terminals_that_cannot_show_it_are_refused(self):
        for environment in ({'TERM': 'dumb'}, {'TERM': 'nonsense'}):
            with self.subTest(environment):
                terminal = self.terminal()
                variables = ' '.join(f'{key}={value}' for key, value in environment.items())
                terminal.run(f'clear; {variables} {binary("FIFOCTL_BIN")} top; echo "ended $?"')
                self.assertTrue(any('no terminal' in line for line in terminal.shows('ended 1')))
        outcome = run(stdin=subprocess.DEVNULL)
        self.assertEqual(outcome.returncode, FAILED)
        self.assertRegex(outcome.stderr, rb'\Afifoctl: no terminal[^\n]*\n\Z')

    def test_batch_writes_frames(self):
        self.fifo('a')
        self.stuck('b')
        outcome = run('-b', '-n', '2', '-d', '100ms', '-p', self.path)
        self.assertEqual(outcome.returncode, OK, outcome.stderr)
        frames = outcome.stdout.decode().split('\n\n')
        self.assertEqual(len(frames), 2)
        for frame in frames:
            lines = frame.splitlines()
            self.assertEqual(lines[3].split(), HEADINGS)
            self.assertEqual(lines[4].split()[0], self.path + '/b')
            self.assertRegex(lines[5], r'\A +\d+ \S+ root read stuck')
            self.assertEqual(lines[6].split()[0], self.path + '/a')

    def test_batch_tells_what_could_not_be_seen(self):
        self.fifo('a')
        for path in ('/etc', '/nonexistent'):
            outcome = run('-b', '-n', '1', self.path, path)
            self.assertEqual(outcome.returncode, FAILED)
            self.assertIn(b'mounts: 1, FIFOs: 1', outcome.stdout)

    def test_daemon_that_hangs_leaves_no_children(self):
        hung = self.enterContext(Mount())
        os.kill(hung.worker, signal.SIGSTOP)
        try:
            process = self.start([binary('FIFOCTL_BIN'), 'top', '-b', '-d', '100ms', hung.path],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for _ in range(2):
                while not process.stdout.readline().startswith(b'fifoctl top'):
                    pass
            children = subprocess.run(['pgrep', '-c', '-P', str(process.pid)],
                                      capture_output=True, check=False).stdout
            self.assertLessEqual(int(children), 1)
        finally:
            os.kill(hung.worker, signal.SIGCONT)

    def test_wrong_usage_is_told(self):
        for words in (['-d', 'x'], ['-d', '0'], ['-s', 'nonsense'], ['-n', '-1'], ['--what']):
            with self.subTest(words):
                outcome = run('-b', *words)
                self.assertEqual(outcome.returncode, USAGE)
                self.assertRegex(outcome.stderr, rb'\Afifoctl: [^\n]+\n\Z')


if __name__ == '__main__':
    fifofs_test.main()
