# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ordinary programs use the FIFOs: the shell, cat, tee, dd, and what else people pipe with."""

import os
import stat
import subprocess

import fifofs_test
from fifofs_test import on_both, on_fifofs, stuck_in_open


class ShellTestCase(fifofs_test.TestCase):

    def shell(self, directory, script):
        """Run a shell script in the directory and return what it printed."""
        process = self.start('set -eu\n' + script, cwd=directory, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output, _ = process.communicate()
        self.assertEqual(process.returncode, 0, output)
        return output


class Programs(ShellTestCase):

    @on_both()
    def test_mkfifo_ls_and_rm(self, directory):
        output = self.shell(directory, '''
            mkfifo -m 600 fifo
            test -p fifo
            ls -F
            stat -c '%F %a' fifo
            mkfifo fifo 2>/dev/null || echo refused
            rm fifo
            ls
        ''')
        self.assertEqual(output, 'fifo|\nfifo 600\nrefused\n')

    @on_both()
    def test_redirections_in_and_out(self, directory):
        output = self.shell(directory, '''
            mkfifo fifo
            echo over >fifo & cat <fifo; wait
            echo append >>fifo & cat <fifo; wait
            cat fifo & echo to cat >fifo; wait
        ''')
        self.assertEqual(output, 'over\nappend\nto cat\n')

    @on_both()
    def test_read_write_redirection_does_not_wait(self, directory):
        output = self.shell(directory, '''
            mkfifo fifo
            exec 3<>fifo
            echo one >fifo
            echo two >&3
            read -r first <&3
            read -r second <fifo
            echo "$first $second"
        ''')
        self.assertEqual(output, 'one two\n')

    @on_both()
    def test_loop_reads_the_lines_of_several_writers(self, directory):
        output = self.shell(directory, '''
            mkfifo fifo
            { for word in one two three; do echo $word >&3 & done; wait; } 3>fifo &
            while read -r line; do echo "got $line"; done <fifo
            wait
        ''')
        self.assertEqual(sorted(output.splitlines()), ['got one', 'got three', 'got two'])

    @on_both()
    def test_dd_in_and_out(self, directory):
        output = self.shell(directory, '''
            mkfifo fifo
            dd if=/dev/zero of=fifo bs=64K count=64 status=none &
            dd if=fifo bs=64K iflag=fullblock status=none | wc -c
            wait
            printf 0123456789 | dd of=fifo conv=notrunc status=none &
            dd if=fifo ibs=1 skip=3 count=4 status=none
            wait
        ''')
        self.assertEqual(output, f'{64 * 65536}\n3456')

    @on_both()
    def test_tee_copies_to_several_fifos(self, directory):
        output = self.shell(directory, '''
            mkfifo one two copies
            sed 's/^/one: /' one >copies & sed 's/^/two: /' two >copies &
            echo text | tee one two >/dev/null &
            sort copies
            wait
        ''')
        self.assertEqual(output, 'one: text\ntwo: text\n')

    @on_both()
    def test_fifo_in_the_place_of_a_file(self, directory):
        output = self.shell(directory, '''
            mkfifo one two
            printf 'b\\na\\n' >one & printf 'b\\nc\\n' >two &
            sort one two | uniq -c | tr -s ' '
            wait
            head -c 100000 /dev/zero | gzip -c >one & gzip -dc <one | wc -c
            wait
        ''')
        self.assertEqual(output, ' 1 a\n 2 b\n 1 c\n100000\n')

    @on_both()
    def test_writer_ends_when_its_reader_has_had_enough(self, directory):
        output = self.shell(directory, '''
            mkfifo fifo
            yes >fifo & head -n 2 <fifo
            wait $! || echo "ended by signal $(($? - 128))"
        ''')
        self.assertEqual(output, 'y\ny\nended by signal 13\n')


class CreatingByOpening(ShellTestCase):
    """Where tmpfs would make a regular file, fifofs makes a FIFO, whose writer waits in open()."""

    def assert_creates_a_fifo(self, directory, command, data):
        writer = self.start(command, cwd=directory, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL)
        fifo = directory + '/new'
        fifofs_test.wait_until(lambda: os.path.lexists(fifo), what='the name to appear')

        self.assertTrue(stat.S_ISFIFO(os.stat(fifo).st_mode))
        stuck_in_open(writer.pid)
        with open(fifo, 'rb') as stream:
            self.assertEqual(stream.read(), data)
        self.assertEqual(writer.wait(), 0)

    @on_fifofs()
    def test_redirection(self, directory):
        self.assert_creates_a_fifo(directory, 'exec echo text >new', b'text\n')

    @on_fifofs()
    def test_appending_redirection(self, directory):
        self.assert_creates_a_fifo(directory, 'exec echo text >>new', b'text\n')

    @on_fifofs()
    def test_dd(self, directory):
        self.assert_creates_a_fifo(
            directory, ['dd', 'if=/dev/zero', 'of=new', 'bs=1k', 'count=100', 'status=none'],
            bytes(102400))

    @on_fifofs()
    def test_tee(self, directory):
        self.assert_creates_a_fifo(directory, 'exec tee new <<end\ntext\nend\n', b'text\n')

    @on_fifofs()
    def test_python(self, directory):
        self.assert_creates_a_fifo(
            directory, ['/usr/bin/python3', '-c', 'open("new", "w").write("text")'], b'text')

    @on_fifofs()
    def test_read_write_redirection(self, directory):
        output = self.shell(directory, 'echo text 1<>new; test -p new && echo a FIFO')

        self.assertEqual(output, 'a FIFO\n')


if __name__ == '__main__':
    fifofs_test.main()
