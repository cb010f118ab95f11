# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers are killed while thousands of processes wait in open(), and while each makes two more.

FIFOFS_TEST_OPENERS says how many wait at once: 1000, and by hand 10000.
"""

import os
import random
import subprocess
import sys
import time

import fifofs_test
from fault_support import (
    KILLS, PATIENCE_SECONDS, assert_nothing_leaks, pipes, seed_of_test, settle)
from fifofs_test import Mount, binary, die_with_parent, fifoctl, kernel_functions, wait_until

OPENERS = int(os.environ.get('FIFOFS_TEST_OPENERS', '1000'))
# 2047 processes.
DEPTH = 10


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as stream:
        return stream.read().split()


def n_waiting(pid):
    """How many of its children wait for the other end of a FIFO."""
    return sum('wait_for_partner' in name for child in children(pid)
               for name in kernel_functions(child))


class Crowds(fifofs_test.TestCase):
    deadline_seconds = 120 + KILLS // 4 + OPENERS // 20

    def crowd(self, *words):
        process = subprocess.Popen([binary('FIFOFS_CROWD_BIN'), *map(str, words)],
                                   preexec_fn=die_with_parent)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_many_who_wait_in_open_go_on_waiting(self):
        patience = PATIENCE_SECONDS + OPENERS / 100
        with Mount('allow_other,lifetime=keep') as mount:
            names = [f'{mount.path}/{i}' for i in range(20)]
            for name in names:
                os.mkfifo(name)
            crowd = self.crowd('wait', OPENERS, *names)
            wait_until(lambda: n_waiting(crowd.pid) == OPENERS, patience, 'all to wait')
            for _ in range(3):
                mount.kill_worker()
                settle(mount.path)
            self.assertEqual(n_waiting(crowd.pid), OPENERS)
            shown = fifoctl('ls', '-p', mount.path).stdout
            self.assertGreaterEqual(shown.count('crowd'), OPENERS)
            for name in names:
                self.close(self.open(name, os.O_WRONLY))
            self.assertEqual(crowd.wait(patience), 0)
            settle(mount.path)
            self.assertEqual(sorted(pipes(mount.path)), sorted(names))
            assert_nothing_leaks(self, mount)

    def test_processes_that_multiply_while_they_create_get_no_error(self):
        seed = seed_of_test()
        print(f'FIFOFS_TEST_SEED={seed}', file=sys.stderr)
        choose = random.Random(seed)
        n_kills = 0
        with Mount('allow_other,lifetime=keep') as mount:
            while n_kills < KILLS // 10:
                bomb = self.crowd('bomb', DEPTH, mount.path)
                while bomb.poll() is None:
                    time.sleep(choose.random() * 0.2)
                    mount.kill_worker()
                    n_kills += 1
                self.assertEqual(bomb.returncode, 0)
                self.assertEqual(os.listdir(mount.path), [])
            self.assertEqual(pipes(mount.path), {})


if __name__ == '__main__':
    fifofs_test.main()
