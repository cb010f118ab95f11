# SPDX-License-Identifier: LGPL-2.1-or-later
"""fifoctl run: a pipeline ends as it should, tells what is so, and leaves nothing behind."""

import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import fifofs_test
from fifofs_test import USER_A, USER_B, Mount, Terminal, as_user, binary, wait_until

OK, FAILED, USAGE, NO_MOUNT = range(4)

FORWARD = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]

# Copies stdin to stdout without the kernel counting the bytes.
SPLICE = '''
import os
while os.splice(0, 1, 65536) > 0:
    pass
'''


def python(text, *words):
    return [sys.executable, '-c', text, *words]


def descendants(pid):
    """All processes below one."""
    found = []
    try:
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as children:
                for child in children.read().split():
                    found += [int(child), *descendants(int(child))]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def command_line(pid):
    try:
        return pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_gone(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as stat:
            return stat.read().rpartition(')')[2].split()[0] in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return True


class RunTestCase(fifofs_test.TestCase):
    deadline_seconds = 60

    def setUp(self):
        super().setUp()
        self.mount = self.enterContext(Mount('allow_other'))
        self.path = self.mount.path
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        os.chmod(self.folder, 0o777)

    def words(self, *words, options=('-q',), directory=None):
        """The command line; a list among the words is a stage's command."""
        line = [binary('FIFOCTL_BIN'), 'run', '-d', directory or self.path, *options]
        for word in words:
            line += ['--', *word] if isinstance(word, list) else [word]
        return line

    def fifoctl(self, *words, options=('-q',), directory=None, **keywords):
        keywords.setdefault('stdin', subprocess.DEVNULL)
        if 'input' in keywords:
            del keywords['stdin']
        return subprocess.run(self.words(*words, options=options, directory=directory),
                              capture_output=True, timeout=40, check=False, **keywords)

    def begin(self, *words, options=('-q',), before=(), **keywords):
        """Start one that ends with the test, by way of the command before it."""
        keywords.setdefault('stdin', subprocess.DEVNULL)
        return self.start([*before, *self.words(*words, options=options)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **keywords)

    def assert_nothing_left(self):
        wait_until(lambda: os.listdir(self.path) == [], what='the mount to be empty')

    def assert_one_line(self, outcome, status, text):
        self.assertEqual(outcome.returncode, status, outcome.stderr)
        self.assertRegex(outcome.stderr.decode(errors='replace'),
                         rf'\Afifoctl: [^\n]*{text}[^\n]*: [^\n]*\n\Z')
        self.assert_nothing_left()

    def file(self, name):
        return f'{self.folder}/{name}'

    def started(self, name):
        """Wait for a file that a stage makes; returns what is in it."""
        path = pathlib.Path(self.folder, name)
        return wait_until(lambda: path.exists() and path.read_text(), what=f'a stage to make {name}')


class Data(RunTestCase):
    """What goes in comes out, once, and ends."""

    def test_three_stages_carry_every_byte(self):
        data = os.urandom(9_000_000)
        outcome = self.fifoctl('-o', 'a', ['cat'], ':', '-i', 'a', '-o', 'b', ['gzip', '-1'],
                               ':', '-i', 'b', ['gunzip'], input=data)
        self.assertEqual((outcome.returncode, outcome.stderr), (OK, b''))
        self.assertEqual(hashlib.sha256(outcome.stdout).digest(), hashlib.sha256(data).digest())
        self.assert_nothing_left()

    def test_fan_out_and_fan_in_carry_every_byte(self):
        data = os.urandom(3_000_000)
        outcome = self.fifoctl(
            '-o', 'a', '-o', 'b', ['tee', '{a}'],
            ':', '-i', 'a', '-o', 'c', ['sha256sum'],
            ':', '-i', 'b', '-o', 'd', ['sh', '-c', 'gzip -1 | gunzip | sha512sum'],
            ':', '-i', 'c', '-i', 'd', ['paste', '-d', '\n', '{c}', '-'], input=data)
        self.assertEqual((outcome.returncode, outcome.stderr), (OK, b''))
        self.assertEqual([line.split()[0] for line in outcome.stdout.decode().splitlines()],
                         [hashlib.sha256(data).hexdigest(), hashlib.sha512(data).hexdigest()])
        self.assert_nothing_left()

    def test_several_writers_end_when_the_last_has_ended(self):
        words = []
        for i in range(8):
            words += ['-o', 'all', ['sh', '-c', f'sleep 0.0{i}; seq {i * 1000} {i * 1000 + 999}'],
                      ':']
        outcome = self.fifoctl(*words, '-i', 'all', ['sort', '-n'])
        self.assertEqual((outcome.returncode, outcome.stderr), (OK, b''))
        self.assertEqual(outcome.stdout.decode().split(), [str(i) for i in range(8000)])

    def test_writers_by_path_that_come_one_after_the_other_meet_one_reader(self):
        late = f'while [ ! -e {self.file("go")} ]; do sleep 0.01; done; echo late > {{all}}'
        early = f'echo early > {{all}}; exec 1>&-; touch {self.file("go")}'
        outcome = self.fifoctl('-o', 'all', ['sh', '-c', early], ':', '-o', 'all',
                               ['sh', '-c', late], ':', '-i', 'all', ['cat', '{all}'])
        self.assertEqual((outcome.returncode, outcome.stdout), (OK, b'early\nlate\n'))

    def test_order_of_opening_blocks_nobody(self):
        for write, read in (('echo 1 > {a}; echo 2 > {b}', 'cat {b} {a}'),
                            ('echo 1 > {a}; echo 2 > {b}', 'cat {a} {b}'),
                            ('exec 3> {b} 4> {a}; echo 1 >&4; echo 2 >&3', 'exec 5< {a} 6< {b}; '
                             'exec 3>&- 4>&-; cat <&6; cat <&5')):
            with self.subTest(read):
                outcome = self.fifoctl('-o', 'a', '-o', 'b', ['sh', '-c', write],
                                       ':', '-i', 'a', '-i', 'b', ['sh', '-c', read])
                self.assertEqual((outcome.returncode, outcome.stderr), (OK, b''))
                self.assertEqual(sorted(outcome.stdout.split()), [b'1', b'2'])

    def test_writer_that_is_gone_before_its_reader_opens_is_read(self):
        wait = f'while [ ! -e {self.file("go")} ]; do sleep 0.01; done; cat {{a}}'
        outcome = self.fifoctl('-o', 'a', ['sh', '-c', f'echo x > {{a}}; touch {self.file("go")}'],
                               ':', '-i', 'a', ['sh', '-c', wait])
        self.assertEqual((outcome.returncode, outcome.stdout), (OK, b'x\n'))

    def test_reader_is_not_waited_for_that_never_opens(self):
        outcome = self.fifoctl('-o', 'a', ['sh', '-c', 'yes > {a}'], ':', '-i', 'a',
                               ['true', '{a}'], options=('-q', '-s'))
        self.assertEqual(outcome.returncode, OK, outcome.stderr)

    def test_writer_that_never_opens_is_an_empty_file(self):
        outcome = self.fifoctl('-o', 'a', ['true', '{a}'], ':', '-i', 'a', ['cat', '{a}'])
        self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr), (OK, b'', b''))

    def test_stdin_goes_to_the_first_source_alone(self):
        outcome = self.fifoctl('-o', 'a', ['cat'], ':', '-o', 'b', ['cat'],
                               ':', '-i', 'a', '-i', 'b', ['cat', '{a}', '{b}'], input=b'once\n')
        self.assertEqual((outcome.returncode, outcome.stdout), (OK, b'once\n'))

    def test_whoever_writes_stdin_gets_sigpipe(self):
        outcome = subprocess.run(
            ['bash', '-c', 'yes | "$@"; echo ${PIPESTATUS[0]}', 'bash',
             *self.words('-o', 'a', ['head', '-n', '1'], ':', '-i', 'a',
                         ['sh', '-c', f'cat; cat; echo > {self.file("x")}'])],
            capture_output=True, timeout=30, check=True)
        self.assertEqual(outcome.stdout, b'y\n141\n')

    def test_one_stage_alone_and_fifty_are_pipelines(self):
        self.assertEqual(self.fifoctl(['echo', 'hi']).stdout, b'hi\n')
        words = ['-o', 'p0', ['echo', 'hi']]
        for i in range(49):
            words += [':', '-i', f'p{i}', *(['-o', f'p{i + 1}'] if i < 48 else []), ['cat']]
        outcome = self.fifoctl(*words)
        self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr), (OK, b'hi\n', b''))

    def test_capacity_is_what_was_asked_for(self):
        text = 'import fcntl; print(fcntl.fcntl(0, 1032))'
        outcome = self.fifoctl('-o', 'a', ['true'], ':', '-i', 'a', python(text),
                               options=('-q', '-c', '256K'))
        self.assertEqual(outcome.stdout, b'262144\n', outcome.stderr)


class Words(RunTestCase):
    """Names and arguments are any bytes; what makes no sense starts nothing."""

    def test_odd_names_are_names(self):
        for name in ('two words', 'quo"te', '$(x)', 'new\nline', '{', '}', 'a}b', '-dash', ':',
                     '--', 'a' * 255, 'fünf', b'\xff\xfe'):
            with self.subTest(name):
                name = os.fsencode(name)
                outcome = self.fifoctl(b'--out=' + name, ['echo', 'x'], ':', b'--in=' + name,
                                       ['cat', b'{' + name + b'}'])
                self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr),
                                 (OK, b'x\n', b''))

    def test_braces_of_others_stay(self):
        words = ['{print $1}', '{}', '{b', '{a', 'a}', '{{a}}', '{{a}', '{{b}}', '', b'\xff', '{a}',
                 'x={a},{a}']
        outcome = self.fifoctl('-o', 'a', ['true', '{a}'], ':', '-i', 'a',
                               python('import sys; print(ascii(sys.argv[1:]))', *words))
        got = eval(outcome.stdout)                      # pylint: disable=eval-used
        directory = re.match(rf'{self.path}/run-\d+-[0-9a-f]{{8}}/a\Z', got[10])
        self.assertTrue(directory, got)
        path = directory[0]
        self.assertEqual(got, ['{print $1}', '{}', '{b', '{a', 'a}', '{a}', '{' + path, '{{b}}', '',
                               '\udcff', path, f'x={path},{path}'])

    def test_separator_can_be_an_argument(self):
        outcome = self.fifoctl(['echo', '\\:', '\\\\:', ':::', 'a:', '\\x'])
        self.assertEqual(outcome.stdout, b': \\: ::: a: \\x\n')

    def test_what_makes_no_sense_starts_nothing(self):
        touch = ['touch', self.file('started')]
        for words, text in (
                (['-o', 'a', touch], 'nothing reads: a'),
                (['-i', 'a', touch], 'nothing writes: a'),
                ([touch, ':', '-i', 'b', ['cat']], 'nothing writes: b'),
                (['-o', 'a', '-i', 'a', touch], 'a loop: a'),
                (['-o', 'a', '-i', 'b', touch, ':', '-i', 'a', '-o', 'b', ['cat']], 'a loop: b'),
                (['-o', 'a', touch, ':', '-i', 'a', ['cat'], ':', '-i', 'a', ['cat']],
                 'second --in: a'),
                (['-o', 'a', '-o', 'a', touch, ':', '-i', 'a', ['cat']], 'written twice: a'),
                (['-o', 'a', '-o', 'b', touch, ':', '-i', 'a', ['cat'], ':', '-i', 'b', ['cat']],
                 'does not say where it takes: b'),
                (['-o', 'a', touch, ':', '-i', 'a', ['cat'], ':', ['echo', '{a}']],
                 'without --in or --out: a'),
                (['-o', '', touch], 'not a name'), (['-o', 'x/y', touch], 'not a name'),
                (['-o', '..', touch], 'not a name'), (['-o', 'a' * 256, touch], 'too long'),
                ([touch, ':'], 'no command: stage 2'), ([], 'no command: stage 1'),
                (['--'], 'no command'), (['touch', self.file('started')], 'not an option: touch'),
                (['stray', touch], 'not an option: stray'),
                ([touch, ':', '-q', ['cat']], 'Unknown option -q'),
                (['-k', 'soon', touch], 'bad time: soon'), (['-c', 'big', touch], 'bad capacity'),
                (['--progress', 'maybe', touch], 'progress: maybe'),
                (['-g', '-f', 'png', touch], 'no such format: png'),
                (['-f', 'dot', touch], 'a format of what: dot')):
            with self.subTest(text):
                self.assert_one_line(self.fifoctl(*words), USAGE, re.escape(text))
                self.assertFalse(os.path.exists(self.file('started')))

    def test_graph_is_the_picture_and_runs_nothing(self):
        words = ['-o', 'a', '-o', 'b', ['tee', '{a}', self.file('started')], ':', '-i', 'a',
                 ['cat'], ':', '-i', 'b', ['cat', '"<b>']]
        outcome = self.fifoctl(*words, options=('--graph',), directory='/nonexistent')
        drawn = subprocess.run(['dot', '-Tjson'], input=outcome.stdout, capture_output=True,
                               check=True, timeout=60)
        graph = json.loads(drawn.stdout)
        names = [node['name'] for node in graph['objects']]
        edges = {(names[edge['tail']], names[edge['head']]): edge['label']
                 for edge in graph['edges']}
        self.assertEqual(edges, {('s1', 'f0'): 'by its path', ('s1', 'f1'): 'stdout',
                                 ('f0', 's2'): 'stdin', ('f1', 's3'): 'stdin'})
        mermaid = self.fifoctl(*words, options=('-g', '-f', 'mermaid')).stdout.decode()
        self.assertEqual(set(re.findall(r'^  (\w+) -->\|"[^"]*"\| (\w+)$', mermaid, re.MULTILINE)),
                         set(edges))
        self.assertFalse(os.path.exists(self.file('started')))


class Failure(RunTestCase):
    """Whoever fails ends the others, and the status is that of the last who failed."""

    def stages(self, failing, how):
        """Three stages of which one fails, and the others would go on for ever."""
        commands = [['sh', '-c', 'yes; sleep 1000'], ['sh', '-c', 'cat; sleep 1000'],
                    ['sh', '-c', 'cat > /dev/null; sleep 1000']]
        commands[failing] = how
        return ['-o', 'a', commands[0], ':', '-i', 'a', '-o', 'b', commands[1], ':', '-i', 'b',
                commands[2]]

    def test_failure_of_each_ends_all(self):
        for position in range(3):
            for how, status in ((['sh', '-c', 'exit 7'], 7), (['false'], 1),
                                (['sh', '-c', 'kill -KILL $$'], 137),
                                (['sh', '-c', 'kill -SEGV $$'], 139),
                                (['no-such-program'], 127), (['/etc/passwd'], 126),
                                ([self.folder], 126), (['/no/such'], 127)):
                with self.subTest((position, how)):
                    outcome = self.fifoctl(*self.stages(position, how))
                    self.assert_one_line(outcome, status, f'stage {position + 1}')

    def test_failure_before_opening_ends_who_waits(self):
        for words in (['-o', 'a', ['sh', '-c', 'exit 5', '{a}'], ':', '-i', 'a',
                       ['sh', '-c', 'cat {a}; sleep 1000']],
                      ['-o', 'a', ['sh', '-c', 'yes > {a}; sleep 1000'], ':', '-i', 'a',
                       ['sh', '-c', 'exit 5', '{a}']]):
            self.assert_one_line(self.fifoctl(*words), 5, 'status 5')

    def test_last_of_several_counts(self):
        """fifoctl is stopped until two have ended, so it ends neither of them itself."""
        go, third, first, second = map(self.file, ('go', 'third', 'p1', 'p2'))
        wait = 'while [ ! -e {} ]; do sleep 0.01; done'
        last = python('import os, time\n'
                      f'open({third!r}, "w").close()\n'
                      'def ended(name):\n'
                      '    pid = open(name).read().strip()\n'
                      '    return pid and ") Z " in open(f"/proc/{pid}/stat").read()\n'
                      f'while not (os.path.exists({go!r}) and ended({first!r}) and ended({second!r})):\n'
                      '    time.sleep(0.01)\n'
                      f'os.kill(os.getppid(), {signal.SIGCONT})\n'
                      'time.sleep(1000)')
        outcome = self.fifoctl(
            '-o', 'a', ['sh', '-c', f'trap "" TERM; echo $$ > {first}; {wait.format(go)}; exit 3'],
            ':', '-i', 'a', '-o', 'b',
            ['sh', '-c', f'echo $$ > {second}; {wait.format(first)}; {wait.format(third)}; '
                         f'kill -STOP $PPID; touch {go}; exit 4'],
            ':', '-i', 'b', last)
        self.assertEqual(outcome.returncode, 4, outcome.stderr)
        self.assertIn(b'status 3', outcome.stderr)
        self.assertIn(b'status 4', outcome.stderr)

    def test_what_a_stage_has_started_is_ended_too(self):
        outcome = self.fifoctl(
            '-o', 'a', ['sh', '-c', f'sleep 1000 & setsid sleep 1000 & echo $! > {self.file("p")}; '
                                    'exit 3'], ':', '-i', 'a', ['cat'])
        self.assertEqual(outcome.returncode, 3)
        self.assertTrue(is_gone(int(pathlib.Path(self.file('p')).read_text())))

    def test_who_ignores_sigterm_is_killed(self):
        stubborn = f'trap "" TERM; echo > {self.file("s")}; while :; do sleep 1000; done'
        fails = f'while [ ! -e {self.file("s")} ]; do sleep 0.01; done; exit 3'
        outcome = self.fifoctl('-o', 'a', ['sh', '-c', stubborn], ':', '-i', 'a',
                               ['sh', '-c', fails], options=('-q', '-k', '200ms'))
        self.assert_one_line(outcome, 3, 'stage 2')

    def test_stage_may_tidy_up_when_it_is_ended(self):
        tidy = f'trap "echo tidy > {self.file("t")}; exit 0" TERM; echo > {self.file("s")}; ' \
               'while :; do sleep 0.05; done'
        fails = f'while [ ! -e {self.file("s")} ]; do sleep 0.01; done; exit 3'
        outcome = self.fifoctl('-o', 'a', ['sh', '-c', tidy], ':', '-i', 'a', ['sh', '-c', fails])
        self.assertEqual(outcome.returncode, 3)
        self.assertEqual(pathlib.Path(self.file('t')).read_text(), 'tidy\n')

    def test_sigpipe_is_as_with_pipefail(self):
        words = ['-o', 'a', ['yes'], ':', '-i', 'a', '-o', 'b', ['head', '-n', '2'], ':', '-i', 'b',
                 ['sh', '-c', 'cat; sleep 0.3; echo whole']]
        outcome = self.fifoctl(*words)
        self.assert_one_line(outcome, 141, 'stage 1 was ended by SIGPIPE')
        self.assertEqual(outcome.stdout, b'y\ny\nwhole\n')
        outcome = self.fifoctl(*words, options=('-q', '--allow-sigpipe'))
        self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr),
                         (OK, b'y\ny\nwhole\n', b''))

    def test_sigpipe_does_not_hide_who_failed(self):
        outcome = self.fifoctl('-i', 'a', ['sh', '-c', 'read x; exit 9'], ':', '-o', 'a', ['yes'])
        self.assertEqual(outcome.returncode, 9)

    def test_no_mount_is_told(self):
        hide = 'findmnt -nro TARGET -t fuse.fifofs | xargs -r -n1 umount -l; exec "$@"'
        outcome = subprocess.run(
            ['unshare', '-m', 'sh', '-c', hide, 'sh', binary('FIFOCTL_BIN'), 'run', '--', 'true'],
            capture_output=True, timeout=30, check=False)
        self.assert_one_line(outcome, NO_MOUNT, 'no fifofs mount')
        for directory, text in (('/tmp', 'not on a fifofs'), (self.file('none'), 'No such file')):
            self.assert_one_line(self.fifoctl(['true'], directory=directory), FAILED, text)


class Ends(RunTestCase):
    """Signals reach all, and whatever ends fifoctl leaves nothing."""

    def forever(self, *before):
        """A pipeline that runs; its fifoctl, and its stages."""
        for name in '123':
            pathlib.Path(self.file(name)).unlink(missing_ok=True)
        report = f'echo > {self.file("")}'
        process = self.begin(
            '-o', 'a', '-o', 'b', ['sh', '-c', f'{report}1; exec tee {{b}} < /dev/zero'],
            ':', '-i', 'a', ['sh', '-c', f'{report}2; cat > /dev/null'],
            ':', '-i', 'b', ['sh', '-c', f'{report}3; exec sleep 1000'], before=before)
        for name in '123':
            self.started(name)
        return process, descendants(process.pid)

    def assert_all_gone(self, pids):
        wait_until(lambda: all(is_gone(pid) for pid in pids), what='all processes to end')
        self.assert_nothing_left()

    def test_signal_ends_all_and_fifoctl_by_it(self):
        for number in FORWARD:
            with self.subTest(number):
                process, pids = self.forever()
                self.assertEqual(len(os.listdir(self.path)), 1)
                process.send_signal(number)
                self.assertEqual(process.wait(20), -number)
                self.assert_all_gone(pids)

    def test_sigkill_leaves_nothing(self):
        process, pids = self.forever()
        process.kill()
        process.wait(20)
        self.assert_all_gone(pids)

    def test_directory_of_who_was_killed_with_its_helper_goes_with_the_next_run(self):
        process, pids = self.forever()
        helper, = [pid for pid in pids
                   if pathlib.Path(f'/proc/{pid}/comm').read_text() == 'fifoctl-tidy\n']
        os.kill(helper, signal.SIGKILL)
        process.kill()
        process.wait(20)
        directory, = os.listdir(self.path)
        wait_until(lambda: os.listdir(f'{self.path}/{directory}') == [], what='the FIFOs to go')
        other, _ = self.forever()
        self.assertNotIn(directory, os.listdir(self.path))
        os.mkdir(f'{self.path}/run-{2 ** 22 + 1}-0123abcd')
        os.mkfifo(f'{self.path}/run-{2 ** 22 + 1}-0123abcd/x')
        self.fifoctl(['true'])
        self.assertEqual(len(os.listdir(self.path)), 2, 'one in use was removed')
        other.terminate()
        other.wait(20)

    def test_few_files_are_enough(self):
        process = self.begin('-o', 'a', ['echo'], ':', '-i', 'a', ['cat'],
                             before=['prlimit', '--nofile=64'])
        self.assertEqual(process.wait(20), 0)
        process, pids = self.forever('prlimit', '--nofile=64')
        process.kill()
        process.wait(20)
        self.assert_all_gone(pids)

    def test_who_kills_the_helper_does_not_end_fifoctl(self):
        process = self.begin('-o', 'a', ['sh', '-c', f'echo > {self.file("1")}; sleep 1'],
                             ':', '-i', 'a', ['cat'])
        self.started('1')
        helper, = [pid for pid in descendants(process.pid)
                   if pathlib.Path(f'/proc/{pid}/comm').read_text() == 'fifoctl-tidy\n']
        os.kill(helper, signal.SIGKILL)
        self.assertEqual(process.wait(20), 0)
        self.assert_nothing_left()

    def test_directory_is_for_its_user_alone(self):
        process, _ = self.forever()
        directory, = os.listdir(self.path)
        status = os.stat(f'{self.path}/{directory}')
        self.assertEqual((status.st_mode & 0o7777, status.st_uid), (0o700, 0))
        self.assertEqual(sorted(os.listdir(f'{self.path}/{directory}')), ['a', 'b'])
        for name in 'ab':
            self.assertEqual(os.stat(f'{self.path}/{directory}/{name}').st_mode & 0o777, 0o600)
        process.terminate()
        process.wait(20)

    def test_ignored_signals_stay_ignored(self):
        process, pids = self.forever('sh', '-c', 'trap "" HUP; exec "$@"', 'sh')
        process.send_signal(signal.SIGHUP)
        for pid in pids:
            os.kill(pid, signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), -signal.SIGTERM)
        self.assert_all_gone(pids)

    def test_usr1_is_passed_on_and_ends_nothing(self):
        told = f'trap "echo > {self.file("told")}" USR1; echo > {self.file("s")}; cat; wait'
        process = self.begin('-o', 'a', python(
            'import signal, time\ngot = []\n'
            f'signal.signal({signal.SIGUSR1}, lambda *_: got.append(1))\n'
            f'open({self.file("p")!r}, "w").write("x")\n'
            'while not got: time.sleep(0.01)\n'
            'time.sleep(0.1)\nprint("done")'),
            ':', '-i', 'a', ['sh', '-c', told])
        self.started('s'), self.started('p')
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.communicate(timeout=20), (b'done\n', b''))
        self.assertEqual(process.returncode, OK)
        self.assertTrue(os.path.exists(self.file('told')))

    def test_daemon_that_dies_does_not_end_it(self):
        mount = Mount()
        with self.assertRaises(AssertionError), mount:
            process = self.start(self.words(
                '-o', 'a', ['sh', '-c', f'echo > {self.file("1")}; cat'], ':', '-i', 'a', ['cat'],
                directory=mount.path), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
            self.started('1')
            os.kill(mount.pid, signal.SIGKILL)
            out, error = process.communicate(b'text', timeout=30)
            self.assertEqual((process.returncode, out), (OK, b'text'))
            self.assertRegex(error.decode(), r'\Afifoctl: cannot remove [^\n]*\n\Z')

    def test_children_from_before_are_left_alone(self):
        script = 'sleep 1000 & echo $!; exec "$@"'
        process = self.start(['sh', '-c', script, 'sh', *self.words(['false'])],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        pid = int(process.stdout.readline())
        self.assertEqual(process.wait(20), 1)
        self.assertFalse(is_gone(pid))

    def test_control_c_works_as_in_a_shell(self):
        line = subprocess.list2cmdline(self.words('-o', 'a', ['sleep', '1001'], ':', '-i', 'a',
                                                  ['cat'], options=()))
        with Terminal(120, 24) as terminal:
            terminal.run('exec bash --norc')
            terminal.run('PS1="> "; clear')
            terminal.run(f'{line}; echo "status=$?"')
            terminal.shows('0:00:0')
            terminal.type('C-z')
            terminal.shows('Stopped')
            terminal.run('fg')
            wait_until(lambda: '0:00:0' in terminal.screen()[-1] or any(
                'empty' in text for text in terminal.screen()[3:]), what='it to go on')
            terminal.type('C-c')
            lines = terminal.shows('> ')
            wait_until(lambda: os.listdir(self.path) == [], what='it to end')
            terminal.run('echo "status=$?"')
            lines = terminal.shows('status=130')
            self.assertFalse([text for text in lines if 'has failed' in text], lines)

    def test_program_that_takes_control_c_goes_on(self):
        text = 'trap "echo caught" INT; sleep 1000; echo after'
        line = subprocess.list2cmdline(self.words(['sh', '-c', text.replace('"', "'")]))
        with Terminal(160, 24) as terminal:
            terminal.run('exec bash --norc')
            terminal.run('clear; echo re''ady')
            terminal.run(line + '; echo "status=$?"')
            # Between fork() and exec() it would take the signal for the shell that it still is.
            wait_until(lambda: [b'sleep', b'1000'] in map(command_line, descendants(
                terminal_shell(terminal))), what='its sleep')
            terminal.type('C-c')
            terminal.shows('status=0')
            self.assertIn('after', terminal.screen())

    def test_fifty_at_once_keep_apart(self):
        processes = []
        for i in range(50):
            processes.append(self.begin('-o', 'a', ['seq', str(i), str(i + 1000)],
                                        ':', '-i', 'a', '-o', 'b', ['cat', '{a}'],
                                        ':', '-i', 'b', ['md5sum']))
        for i, process in enumerate(processes):
            out, error = process.communicate(timeout=50)
            expected = ''.join(f'{n}\n' for n in range(i, i + 1001)).encode()
            self.assertEqual((process.returncode, error, out.split()[0].decode()),
                             (OK, b'', hashlib.md5(expected).hexdigest()))
        self.assert_nothing_left()


def terminal_shell(terminal):
    return int(terminal('display-message', '-p', '#{pane_pid}'))


class Users(RunTestCase):

    def test_other_user_runs_on_a_shared_mount(self):
        outcome = as_user(USER_A, self.fifoctl, '-o', 'a', ['id', '-u'], ':', '-i', 'a', ['cat'])
        self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr),
                         (OK, f'{USER_A}\n'.encode(), b''))
        self.assert_nothing_left()

    def test_other_user_is_told_of_his_bytes(self):
        for uid in (USER_A, 0):
            as_user(uid, self.fifoctl, '-J', self.file(f'sum{uid}'), '-o', 'a',
                    ['sh', '-c', 'head -c 123456 /dev/zero; head -c 1000 /dev/zero'],
                    ':', '-i', 'a', ['sh', '-c', 'cat > /dev/null'])
            with open(self.file(f'sum{uid}'), encoding='utf-8') as file:
                summary = json.load(file)
            self.assertEqual(summary['pipes'][0]['bytes_at_most'], 124456)
            self.assertGreaterEqual(summary['stages'][1]['read_bytes'], 124456)

    def test_private_mount_of_another_is_refused_and_own_is_found(self):
        with Mount(user=USER_A) as own:
            outcome = as_user(USER_B, lambda: self.fifoctl(['true'], directory=own.path))
            self.assert_one_line(outcome, FAILED, 'Permission denied')
            words = [binary('FIFOCTL_BIN'), 'run', '-q', '-o', 'a', '--', 'echo', '{a}', ':', '-i',
                     'a', '--', 'cat', '{a}']
            outcome = as_user(USER_A, lambda: subprocess.run(
                words, capture_output=True, timeout=20, check=False))
            self.assertRegex(outcome.stdout.decode(), rf'\A{own.path}/run-')

    def test_directory_that_may_not_be_written_is_told(self):
        os.mkdir(self.path + '/closed', 0o755)
        outcome = as_user(USER_A, lambda: self.fifoctl(['true'], directory=self.path + '/closed'))
        self.assertEqual(outcome.returncode, FAILED)
        self.assertRegex(outcome.stderr.decode(), r'\Afifoctl: [^\n]*Permission denied[^\n]*\n\Z')


class Progress(RunTestCase):
    """What is told of bytes is so."""

    def summary(self, *words, **keywords):
        outcome = self.fifoctl(*words, options=('-q', '-J', self.file('sum')), **keywords)
        with open(self.file('sum'), encoding='utf-8') as file:
            return outcome, json.load(file)

    def test_summary_tells_all(self):
        outcome, summary = self.summary(
            '-o', 'a', ['head', '-c', '1000000', '/dev/zero'], ':', '-i', 'a', '-o', b'b\xff',
            ['cat'], ':', b'-i', b'b\xff', ['sh', '-c', 'wc -c; sleep 0.5; exit 3'])
        self.assertEqual((outcome.returncode, summary['status']), (3, 3))
        self.assertEqual([stage['status'] for stage in summary['stages']], [0, 0, 3])
        self.assertEqual([stage['stage'] for stage in summary['stages']], [1, 2, 3])
        self.assertEqual(summary['stages'][0]['command'], ['head', '-c', '1000000', '/dev/zero'])
        self.assertEqual(summary['stages'][0]['written_bytes'], 1000000)
        self.assertEqual([(pipe['name'], pipe['writers'], pipe['reader'], pipe['bytes_at_most'])
                          for pipe in summary['pipes']],
                         [('a', [1], 2, 1000000), ('b\ufffd', [2], 3, 1000000)])
        self.assertGreaterEqual(summary['seconds'], 0)

    def test_summary_tells_who_was_ended_how(self):
        _, summary = self.summary('-o', 'a', ['sleep', '1000'], ':', '-i', 'a',
                                  ['sh', '-c', 'kill -9 $$'])
        first, second = summary['stages']
        self.assertEqual((first['signal'], first['told_to_end']), ('SIGTERM', True))
        self.assertEqual((second['signal'], second['told_to_end'], second['status']),
                         ('SIGKILL', False, 137))
        self.assertEqual(summary['status'], 137)

    def test_smaller_side_is_the_bound(self):
        _, summary = self.summary(
            '-o', 'a', ['sh', '-c', 'head -c 500000 /dev/zero | tee /dev/null /dev/null'],
            ':', '-i', 'a', ['sh', '-c', 'cat > /dev/null; exec cat /bin/sh > /dev/null'])
        bound = summary['pipes'][0]['bytes_at_most']
        first, second = summary['stages']
        self.assertEqual(bound, min(first['written_bytes'], second['read_bytes']))
        self.assertGreaterEqual(bound, 500000)

    def test_children_count_and_orphans_too(self):
        double = '(head -c 300000 /dev/zero; sleep 0.2) & exit 0'
        _, summary = self.summary('-o', 'a', ['sh', '-c', double], ':', '-i', 'a',
                                  ['sh', '-c', 'cat >/dev/null'])
        self.assertGreaterEqual(summary['pipes'][0]['bytes_at_most'], 300000)
        self.assertEqual(summary['status'], 0)

    def test_what_is_not_counted_is_not_guessed(self):
        size = 60_000_000
        slow = ('import os, time\n'
                'while os.read(0, 1000000): time.sleep(0.002)\n')
        outcome, summary = self.summary(
            '-o', 'a', ['head', '-c', str(size), '/dev/zero'], ':', '-i', 'a', '-o', 'b',
            python(SPLICE), ':', '-i', 'b', python(slow))
        self.assertEqual(outcome.returncode, OK, outcome.stderr)
        self.assertIsNone(summary['stages'][1]['written_bytes'])
        for pipe in summary['pipes']:
            self.assertGreaterEqual(pipe['bytes_at_most'], size)

    def test_both_sides_uncounted_are_unknown(self):
        process = self.begin('-o', 'a', python(SPLICE), ':', '-i', 'a', python(SPLICE),
                             options=('-q', '-J', self.file('sum')), stdin=subprocess.PIPE)
        wait_until(lambda: any(b'splice' in b' '.join(command_line(pid)) for pid in
                               descendants(process.pid)), what='the splicing to begin')
        process.stdin.write(b'x' * 100)
        process.stdin.flush()
        self.assertEqual(process.stdout.read(100), b'x' * 100)
        # Both wait in splice() for more. Each time when fifoctl looks it reads some hundred bytes.
        before = bytes_read(process.pid)
        wait_until(lambda: bytes_read(process.pid) > before + 1500, what='fifoctl to look')
        out, _ = process.communicate(timeout=20)
        with open(self.file('sum'), encoding='utf-8') as file:
            summary = json.load(file)
        self.assertEqual(summary['pipes'][0]['bytes_at_most'], None)
        self.assertEqual((process.returncode, out), (OK, b''))

    def test_plain_lines_where_there_is_no_terminal(self):
        outcome = self.fifoctl('-o', 'a', ['head', '-c', '3000000', '/dev/zero'], ':', '-i', 'a',
                               ['wc', '-c'], options=(), env={**os.environ, 'LC_ALL': 'C.UTF-8'})
        self.assertEqual(outcome.stdout, b'3000000\n')
        self.assertRegex(outcome.stderr.decode(),
                         r'\Afifoctl: 0:00:\d\d  a ≤2\.9M [\d.]+[KMG]?/s  in all\n\Z')
        outcome = self.fifoctl(['true'], options=(), env={**os.environ, 'LC_ALL': 'C'})
        self.assertNotIn(b'\xe2', outcome.stderr)

    def test_plain_lines_come_every_few_seconds(self):
        process = self.begin('-o', 'a', ['sh', '-c', 'echo abc; exec sleep 1000'], ':', '-i', 'a',
                             ['cat'], options=())
        line = process.stderr.readline().decode()
        self.assertRegex(line, r'\Afifoctl: 0:00:0[5-9]  a [^ ]*4 [\d.]+/s empty\n\Z')
        process.terminate()
        process.wait(20)

    def test_full_is_told(self):
        process = self.begin('-o', 'a', ['cat', '/dev/zero'], ':', '-i', 'a', ['sleep', '1000'],
                             options=())
        self.assertRegex(process.stderr.readline().decode(), r' full\n\Z')
        process.terminate()
        process.wait(20)

    def test_terminal_shows_one_line_that_goes(self):
        line = subprocess.list2cmdline(self.words(
            '-o', 'a', ['head', '-c', '2000000', '/dev/zero'], ':', '-i', 'a', '-o', 'b', ['cat'],
            ':', '-i', 'b', ['sh', '-c', f'cat > /dev/null; read x < {self.file("go")}'],
            options=()))
        os.mkfifo(self.file('go'))
        for width in (100, 30):
            with self.subTest(width), Terminal(width, 24) as terminal:
                terminal.run('exec bash --norc')
                terminal.run(f'echo \'{line}; echo "status=$?"\' > {self.folder}/cmd')
                terminal.run(f'clear; . {self.folder}/cmd')
                lines = terminal.shows('a ≤1.9M')
                shown = [text for text in lines if '≤' in text]
                self.assertEqual(len(shown), 1, lines)
                self.assertLess(len(shown[0]), width)
                with open(self.file('go'), 'w', encoding='ascii') as file:
                    file.write('x\n')
                lines = terminal.shows('status=0')
                self.assertFalse([text for text in lines if '≤' in text], lines)

    def test_always_draws_and_never_is_silent(self):
        words = ['-o', 'a', ['echo', 'x'], ':', '-i', 'a', ['sh', '-c', 'cat; sleep 0.5']]
        outcome = self.fifoctl(*words, options=('--progress=always',))
        self.assertRegex(outcome.stderr.decode(), r'\A(\r0:00:0\d  a [^\r\n]*)+\r +\r\Z')
        for options in (('--progress=never',), ('-q',), ('-q', '--progress=always')):
            self.assertEqual(self.fifoctl(*words, options=options).stderr, b'')

    def test_summary_that_cannot_be_written_starts_nothing(self):
        outcome = self.fifoctl(['touch', self.file('x')], options=('-J', self.folder))
        self.assert_one_line(outcome, FAILED, 'Is a directory')
        self.assertFalse(os.path.exists(self.file('x')))
        outcome = self.fifoctl(['true'], options=('-q', '-J', '/dev/full'))
        self.assert_one_line(outcome, FAILED, 'No space left')
        outcome = self.fifoctl(['true'], options=('-q', '-J', '-'))
        self.assertEqual(json.loads(outcome.stdout)['status'], 0)


def bytes_read(pid):
    return int(pathlib.Path(f'/proc/{pid}/io').read_text(encoding='ascii').split()[1])


del RunTestCase

if __name__ == '__main__':
    fifofs_test.main()
