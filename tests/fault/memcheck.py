# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon in Valgrind: it serves and is taken over as ever, and there is nothing to be said against it."""

import glob
import os
import shutil
import stat
import subprocess
import tempfile

import fifofs_test
from fault_support import PATIENCE_SECONDS, pipes, settle
from fifofs_test import Mount, binary, fifoctl, wait_until

_SCRIPT = """#!/bin/sh
exec valgrind --quiet --trace-children=yes --log-file={folder}/memcheck.%p {program} "$@"
"""


class Memcheck(fifofs_test.TestCase):
    deadline_seconds = 180

    def setUp(self):
        if shutil.which('valgrind') is None:
            self.skipTest('valgrind is not installed')
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix='fifofs-memcheck-'))
        program = self.folder + '/fifofs'
        with open(program, 'w', encoding='utf-8') as script:
            script.write(_SCRIPT.format(folder=self.folder, program=binary('FIFOFS_BIN')))
        os.chmod(program, stat.S_IRWXU)
        self.mount = self.enterContext(Mount('linger=100ms', program=program))
        self.path = self.mount.path

    def faults(self):
        """What was said, but for system calls that this Valgrind does not know."""
        lines = []
        for log in glob.glob(self.folder + '/memcheck.*'):
            with open(log, encoding='utf-8', errors='replace') as stream:
                lines += [line for line in stream if line.startswith('==')]
        return lines

    def shell(self, script):
        outcome = subprocess.run(['bash', '-c', script], cwd=self.path, capture_output=True,
                                 check=False, timeout=PATIENCE_SECONDS)
        return outcome.stdout

    def use_everything(self):
        self.assertEqual(self.shell('mkfifo a && { echo one >a & cat a; wait; }'), b'one\n')
        self.assertEqual(self.shell('set -C; echo two >b & until [ -e b ]; do sleep 0.05; done; '
                                    'cat b; wait'), b'two\n')
        self.assertEqual(self.shell('mkdir d && setfattr -n fifofs.hold -v both d && '
                                    'setfattr -n fifofs.linger -v 1h d && mkfifo d/c && '
                                    'echo three >d/c && head -1 d/c'), b'three\n')
        self.assertEqual(self.shell('mv d/c d/e; chmod 640 d/e; setfacl -m u:1:r d/e; ls d'), b'e\n')
        self.assertEqual(fifoctl('info', self.path + '/d/e').returncode, 0)
        self.assertEqual(self.shell('rm d/e && rmdir d && cat .fifofs/metrics | head -1 | wc -l'),
                         b'1\n')
        wait_until(lambda: not pipes(self.path), PATIENCE_SECONDS, 'all to go')

    def test_workers_that_follow_one_another(self):
        settle(self.path)
        self.use_everything()
        descriptor = self.open(self.path + '/kept', os.O_RDWR | os.O_CREAT)
        self.mount.kill_worker()
        settle(self.path)
        self.assertEqual(set(pipes(self.path)), {self.path + '/kept'})
        self.close(descriptor)
        self.use_everything()
        self.assertEqual(self.faults(), [])


if __name__ == '__main__':
    fifofs_test.main()
