# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of path operations, by root and two users, get the answers of tmpfs.

    FIFOFS_TEST_STEPS=1000000   how many steps, in sequences of 5,000, each on fresh trees
    FIFOFS_TEST_SEED=17         this seed alone
    FIFOFS_TEST_KILLER=0.5      meanwhile the daemon's worker is killed that often, in seconds

What differs is made as short as can be and printed as calls (minimise.py). Its seed goes to the file
"seeds", which is played first. generator.py has what is tried, tree.py how, and reference.py the
list of what may differ.
"""

import os
import random
import time

import fifofs_test
import killer
import minimise
from generator import Generator
from reference import ALL_SETTINGS
from replay import Pair, replay

STEPS = int(os.environ.get('FIFOFS_TEST_STEPS', '60000'))
STEPS_A_SEQUENCE = 5000
KILLER_SECONDS = float(os.environ.get('FIFOFS_TEST_KILLER', '0'))
SEEDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'seeds')


def settings_of(seed):
    return ALL_SETTINGS[seed % len(ALL_SETTINGS)]


def sequence_of(seed):
    settings = settings_of(seed)
    return Generator(seed, special_bits=settings.ceiling == 0o7777).sequence(STEPS_A_SEQUENCE)


def former_seeds():
    """Each line of the file begins with one."""
    with open(SEEDS, encoding='utf-8') as lines:
        return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith('#')]


def chosen_seeds():
    """Those that once failed, and others that are new each time."""
    if 'FIFOFS_TEST_SEED' in os.environ:
        return [int(os.environ['FIFOFS_TEST_SEED'])]
    former = former_seeds()
    fresh = random.SystemRandom()
    n_fresh = max(STEPS // STEPS_A_SEQUENCE - len(former), 1)
    return former + [fresh.randrange(10**9) for _ in range(n_fresh)]


class Differential(fifofs_test.TestCase):

    # A step takes less than a millisecond, also with sanitizers; minimising has its own limit.
    deadline_seconds = 300 + STEPS // 500

    def play(self, seed):
        settings, steps = settings_of(seed), sequence_of(seed)
        with Pair(settings) as pair, killer.killing(pair.mount.pid, KILLER_SECONDS) as kills:
            difference = pair.play(steps)
        if not difference:
            return kills.count
        print(f'seed {seed} differs at step {difference.at}, minimising', flush=True)
        self.fail(f'seed {seed}, options {settings.options}:\n' + self.counterexample(
            settings, steps, difference))

    @staticmethod
    def counterexample(settings, steps, difference):
        if replay(settings, steps) is None:
            return 'not again on fresh trees; the last steps were\n' + minimise.report(
                steps[max(difference.at - 50, 0):difference.at + 1], difference)
        return minimise.report(*minimise.minimise(settings, steps, difference))

    def test_random_sequences_get_the_answers_of_tmpfs(self):
        start = time.monotonic()
        n_killed = 0
        seeds = chosen_seeds()
        for seed in seeds:
            print(f'seed {seed}', flush=True)
            n_killed += self.play(seed)
        seconds = time.monotonic() - start
        print(f'{len(seeds) * STEPS_A_SEQUENCE} steps in {seconds:.0f} s; {n_killed} workers killed')


if __name__ == '__main__':
    fifofs_test.main()
