# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tab in bash, zsh and fish: the commands and options there are, and FIFOs that are there."""

import os
import pathlib
import re
import shutil
import subprocess

import fifofs_test
from fifofs_test import Mount, Terminal, binary

TOP = pathlib.Path(__file__).resolve().parents[2]
COMPLETIONS = TOP / 'tools' / 'completions'
BASH_COMPLETION = '/usr/share/bash-completion/bash_completion'

# The words of a command line, as after a Tab behind the last; each shell's own answer is printed.
BASH = r'''
source %s
source %s/fifoctl.bash
source %s/fifofs.bash
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
"_$1"
printf '%%s\n' "${COMPREPLY[@]}"
''' % (BASH_COMPLETION, COMPLETIONS, COMPLETIONS)
FISH = r'''
source %s/fifoctl.fish
source %s/fifofs.fish
complete -C (string join ' ' -- $argv)
''' % (COMPLETIONS, COMPLETIONS)


def help_of(program, *words):
    return subprocess.run([binary(program), *words, '--help'], capture_output=True, check=True,
                          timeout=20).stdout.decode()


def commands():
    text = help_of('FIFOCTL_BIN').partition('Commands:')[2].partition('Options:')[0]
    return set(re.findall(r'^  ([a-z]+) ', text, re.MULTILINE))


def long_options(text):
    return set(re.findall(r'--[a-z][a-z-]*', text.partition('\nMount options')[0]))


def mount_options():
    text = help_of('FIFOFS_BIN').partition('\nMount options')[2]
    described = re.findall(r'^  ((?:[a-z_-]+=[A-Z]+, )*[a-z_-]+=?)', text, re.MULTILINE)
    return {name for names in described for name in re.findall(r'[a-z_-]+=?', names)}


class CompletionTestCase(fifofs_test.TestCase):
    shell = None

    def setUp(self):
        super().setUp()
        if self.shell is None or shutil.which(self.shell) is None:
            self.skipTest(f'{self.shell} is not there')
        self.mount = self.enterContext(Mount('allow_other'))
        folders = [os.path.dirname(binary(name)) for name in ('FIFOFS_BIN', 'FIFOCTL_BIN')]
        self.path = ':'.join([*folders, os.environ['PATH']])
        self.environment = {**os.environ, 'PATH': self.path, 'HOME': self.mount.path,
                            'LANG': 'C.UTF-8', 'XDG_CONFIG_HOME': '/nonexistent'}

    def complete(self, *words, cwd='/'):
        raise NotImplementedError

    def output(self, *words, cwd='/'):
        outcome = subprocess.run(words, capture_output=True, check=False, timeout=30, cwd=cwd,
                                 env=self.environment)
        self.assertEqual(outcome.stderr, b'')
        return outcome.stdout.decode().splitlines()


class Answers:
    """What the shells can be asked without a terminal."""

    def test_all_commands_are_offered(self):
        offered = self.complete('fifoctl', '')
        self.assertLessEqual(commands(), offered)
        self.assertEqual({word for word in self.complete('fifoctl', 're')}, {'release', 'reap'})

    def test_all_options_of_each_command_are_offered(self):
        for command in sorted(commands()):
            with self.subTest(command):
                offered = {word.rstrip('=') for word in self.complete('fifoctl', command, '--')}
                self.assertLessEqual(long_options(help_of('FIFOCTL_BIN', command)) - {'--help'},
                                     offered)

    def test_values_are_offered(self):
        self.assertEqual(self.complete('fifoctl', 'wait', '--for', ''),
                         {'exists', 'reader', 'writer', 'data', 'idle', 'gone'})
        self.assertIn('removed', self.complete('fifoctl', 'watch', '-e', ''))
        self.assertIn('keep', self.complete('fifoctl', 'new', '-l', ''))
        self.assertIn('OPENTIMEOUT', self.complete('fifoctl', 'ls', '-o', 'O'))
        self.assertLessEqual({'NAME,MODE', 'NAME,MOUNT'},
                             self.complete('fifoctl', 'ls', '-o', 'NAME,MO'))
        self.assertIn('lifetime=use', self.complete('fifoctl', 'set', 'lifetime='))
        self.assertEqual(self.complete('fifoctl', 'run', '--progress', ''),
                         {'auto', 'always', 'never'})

    def test_stages_of_a_pipeline_are_offered_names_and_programs(self):
        begun = ('fifoctl', 'run', '--out', 'abc', '--out', 'abd', '--')
        self.assertIn('seq', self.complete(*begun, 'se'))
        later = (*begun, 'seq', '5', ':', '--in')
        self.assertEqual(self.complete(*later, ''), {'abc', 'abd'})
        self.assertIn('sort', self.complete(*later, 'abc', '--', 'sor'))
        self.assertNotIn('sort', self.complete(*later, 'abc', 'sor'))

    def test_live_names_are_offered_and_nothing_else(self):
        os.mkfifo(self.mount.path + '/abc')
        os.makedirs(self.mount.path + '/abdir')
        os.mkfifo(self.mount.path + '/abdir/inside')
        found = {word.rstrip('/') for word in
                 self.complete('fifoctl', 'info', self.mount.path + '/ab')}
        self.assertEqual(found, {self.mount.path + '/abc', self.mount.path + '/abdir'})
        found = self.complete('fifoctl', 'rm', self.mount.path + '/abdir/')
        self.assertEqual(found, {self.mount.path + '/abdir/inside'})
        found = self.complete('fifoctl', 'rm', '/etc/pass')
        self.assertEqual(found, set())

    def test_mounts_are_offered_at_first(self):
        self.assertIn(self.mount.path + '/', self.complete('fifoctl', 'ls', ''))

    def test_all_mount_options_are_offered(self):
        self.assertLessEqual(mount_options() - {'ro', 'noexec', 'noatime'},
                             self.complete('fifofs', '-o', ''))
        self.assertEqual(self.complete('fifofs', '-o', 'allow_other,dirc'),
                         {'allow_other,dirceiling='})
        self.assertLessEqual(long_options(help_of('FIFOFS_BIN')),
                             {word.rstrip('=') for word in self.complete('fifofs', '--')})


class Bash(Answers, CompletionTestCase):
    shell = 'bash'

    def complete(self, *words, cwd='/'):
        return {line for line in self.output('bash', '-c', BASH, 'bash', *words, cwd=cwd) if line}

    def test_tab_at_the_prompt_quotes_what_needs_it(self):
        os.mkfifo(self.mount.path + '/two words')
        with Terminal(200, 24, PATH=self.path) as terminal:
            terminal.run('exec bash --norc')
            terminal.run(f'. {BASH_COMPLETION}; . {COMPLETIONS}/fifoctl.bash; PS1="> "; clear')
            terminal.text(f'fifoctl info {self.mount.path}/tw')
            terminal.type('Tab')
            terminal.shows('/two\\ words')
            terminal.type('Enter')
            terminal.shows('Lifetime')


class Fish(Answers, CompletionTestCase):
    shell = 'fish'

    def complete(self, *words, cwd='/'):
        lines = self.output('fish', '--no-config', '-c', FISH, *words, cwd=cwd)
        return {line.partition('\t')[0] for line in lines}


class Zsh(CompletionTestCase):
    """It completes at a prompt only."""
    shell = 'zsh'
    deadline_seconds = 90

    def prompt(self):
        terminal = self.enterContext(Terminal(120, 40, PATH=self.path))
        terminal.run('exec zsh -f')
        terminal.run(f'fpath=({COMPLETIONS} $fpath); autoload -U compinit; compinit -u -D; '
                     'PS1="> "; clear; echo ready')
        terminal.shows('ready')
        return terminal

    def test_commands_options_values_and_names(self):
        os.mkfifo(self.mount.path + '/two words')
        for typed, shown in (
                ('fifoctl rele', 'fifoctl release'),
                ('fifoctl ls --output-', 'fifoctl ls --output-all'),
                ('fifoctl wait --for wri', 'fifoctl wait --for writer'),
                ('fifoctl ls -o NAME,OPENT', 'NAME,OPENTIMEOUT'),
                ('fifoctl set lifetime=pro', 'lifetime=process'),
                (f'fifoctl info {self.mount.path}/tw', '/two\\ words'),
                ('fifofs -o allow_other,dirc', 'allow_other,dirceiling='),
                ('fifofs --fore', 'fifofs --foreground')):
            self.assert_completes(typed, shown)

    def test_stages_of_a_pipeline_are_offered_names_and_programs(self):
        for typed, shown in (
                ('fifoctl run --progress alw', 'fifoctl run --progress always'),
                ('fifoctl run --out a -- sleep 5 : -i a -- /bin/unam', '-- /bin/uname'),
                ('fifoctl run --out abc -- true : --in ab', ': --in abc')):
            self.assert_completes(typed, shown)

    def assert_completes(self, typed, shown):
        with self.subTest(typed):
            terminal = self.prompt()
            terminal.text(typed)
            terminal.type('Tab')
            terminal.shows(shown)

    def test_all_commands_are_offered(self):
        terminal = self.prompt()
        terminal.text('fifoctl ')
        terminal.type('Tab')
        for command in commands():
            terminal.shows(command + ' ')


del CompletionTestCase

if __name__ == '__main__':
    fifofs_test.main()
