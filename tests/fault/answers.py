# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hundreds of requests that wait, and workers that die again and again after they have served one.

Each is answered as the first time when it comes again, however many were served meanwhile. Those
that wait are kept back, so that all come again to each worker, and those that it serves are served
beside: the next one dies before it has seen what the last ones have done.
"""

import os
import signal
import threading

import fifofs_test
from fault_support import PATIENCE_SECONDS, settle, start_stepped
from fifofs_test import attempt, wait_until

# More than are under way otherwise, and deaths enough for most of them.
CALLS = 200
DEATHS = 100

_KEPT_BACK = 10000          # lib/step.h


class Answers(fifofs_test.TestCase):
    deadline_seconds = 240

    def setUp(self):
        self.steps, self.mount = start_stepped(self, 'lifetime=keep')
        self.path = self.mount.path

    def call_all(self, calls, deaths=DEATHS):
        """Make all calls at once while nobody answers, have workers die; return the answers."""
        answers = [None] * len(calls)

        def call(number):
            answers[number] = attempt(*calls[number])

        threads = [threading.Thread(target=call, args=[number], daemon=True)
                   for number in range(len(calls))]
        os.kill(self.mount.worker, signal.SIGSTOP)
        for thread in threads:
            thread.start()
        # But for one or the other that waits for a directory, which the stopped worker has.
        wait_until(lambda: self.n_waiting() > 0.9 * len(calls), PATIENCE_SECONDS, 'all to wait')
        self.steps.arm(_KEPT_BACK, 'committed', signal.SIGKILL, deaths)
        os.kill(self.mount.worker, signal.SIGCONT)
        for thread in threads:
            thread.join(2 * PATIENCE_SECONDS)
        self.assertTrue(self.steps.disarm(), 'workers have died that often')
        settle(self.path)
        return answers

    @staticmethod
    def n_waiting():
        """How many of our threads wait for an answer."""
        n = 0
        for task in os.listdir('/proc/self/task'):
            with open(f'/proc/self/task/{task}/wchan', encoding='ascii') as wchan:
                n += 'request_wait_answer' in wchan.read()
        return n

    def directories(self):
        """Directories that are not watched: what may bring a FIFO into one is kept back."""
        paths = [f'{self.path}/{number}' for number in range(CALLS)]
        for path in paths:
            os.makedirs(path + '/old')
        # Else watching one would wait for the attributes of those above it, behind all the others.
        for path in [self.path, *paths]:
            os.stat(path)
        return paths

    def test_creations_are_answered_as_the_first_time(self):
        paths = [path + '/fifo' for path in self.directories()]
        self.assertEqual(set(self.call_all([(os.mkfifo, path) for path in paths])), {None})
        self.assertTrue(all(map(os.path.exists, paths)))

    def test_changes_of_all_kinds_are_answered_as_the_first_time(self):
        """Each in its own directory, as the kernel makes one at a time in each."""
        kinds = [lambda path: os.mkfifo(path + '/new'),
                 lambda path: os.rename(path + '/old', path + '/new'),
                 lambda path: os.mkdir(path + '/new'),
                 lambda path: os.rmdir(path + '/old')]
        names = [['new', 'old'], ['new'], ['new', 'old'], []]
        paths = self.directories()
        calls = [(kinds[number % len(kinds)], path) for number, path in enumerate(paths)]
        self.assertEqual(set(self.call_all(calls, DEATHS // 2)), {None})
        for number, path in enumerate(paths):
            self.assertEqual(sorted(os.listdir(path)), names[number % len(kinds)])


if __name__ == '__main__':
    fifofs_test.main()
