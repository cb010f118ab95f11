#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sums up what `meson test` has logged, in test cases rather than in test programs.

    summary.py [--skips-fail] SUITE=TESTLOG.json...

A program says itself how many cases it ran, in the words of unittest, cmocka or TAP; one that uses
none of them is one case. A program that failed without naming a case is a failed case more, and so
is a suite without a log: it never ran. The last line is "N passed, N failed, N skipped". The exit
code is 0 when nothing failed and, with --skips-fail, nothing was skipped.
"""

import argparse
import collections
import json
import re
import sys

UNITTEST_RAN = re.compile(r'^Ran (\d+) tests? in ', re.MULTILINE)
UNITTEST_VERDICT = re.compile(r'^(?:OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$', re.MULTILINE)
UNITTEST_FAILED = re.compile(r'^={70}\n(?:FAIL|ERROR): (\S+ \(\S+\))', re.MULTILINE)
CMOCKA = re.compile(r'^\[  (PASSED |FAILED |SKIPPED) \] (?:.*: )?(\d+) test\(s\)', re.MULTILINE)
TAP = re.compile(r'^(not )?ok \d+(.*)$', re.MULTILINE)
TAP_SKIP = re.compile(r'# skip', re.IGNORECASE)

GOOD_RESULTS = ('OK', 'EXPECTEDFAIL')


class Count(collections.namedtuple('Count', 'passed failed skipped', defaults=(0, 0, 0))):
    __slots__ = ()

    def __add__(self, other):
        return Count(*map(sum, zip(self, other)))

    def __str__(self):
        return f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped'


def unittest_cases(output):
    """A class that was skipped or that failed as a whole is told, but not among those that ran."""
    ran = UNITTEST_RAN.search(output)
    verdict = UNITTEST_VERDICT.search(output, ran.end()) if ran else None
    if not verdict:
        return Count()
    told = dict(item.split('=') for item in (verdict[1] or '').split(', ') if item)
    told = {what: int(number) for what, number in told.items()}
    failed = len(set(UNITTEST_FAILED.findall(output)))      # a test has a headline for each subtest
    skipped = told.get('skipped', 0)
    return Count(max(0, int(ran[1]) - failed - skipped), failed, skipped)


def cmocka_cases(output):
    found = collections.Counter()
    for verdict, number in CMOCKA.findall(output):
        found[verdict.strip().lower()] += int(number)
    return Count(**found)


def tap_cases(output):
    count = Count()
    for failed, rest in TAP.findall(output):
        if TAP_SKIP.search(rest):
            count += Count(skipped=1)
        else:
            count += Count(failed=1) if failed else Count(passed=1)
    return count


def cases(program):
    """The cases of one program, as an entry of the log tells of it."""
    output = program.get('stdout', '') + '\n' + program.get('stderr', '')
    count = sum((parse(output) for parse in (unittest_cases, cmocka_cases, tap_cases)), Count())
    if program['result'] == 'SKIP':
        return Count(skipped=max(1, count.skipped))
    if program['result'] not in GOOD_RESULTS and not count.failed:
        return count + Count(failed=1)
    return count if any(count) else Count(passed=1)


def programs(path):
    """The entries of a log; none when there is no log."""
    try:
        with open(path, encoding='utf-8', errors='replace') as log:
            return [json.loads(line) for line in log if line.strip()]
    except FileNotFoundError:
        return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--skips-fail', action='store_true')
    parser.add_argument('logs', nargs='+', metavar='SUITE=TESTLOG.json')
    arguments = parser.parse_args()

    total = Count()
    notes = []
    print(f'\n{"suite":<24}{"passed":>8}{"failed":>8}{"skipped":>9}{"time":>10}')
    for suite, _, path in (item.partition('=') for item in arguments.logs):
        entries = programs(path)
        if not entries:
            notes.append(f'did not run: {suite}')
        count = Count() if entries else Count(failed=1)
        for program in entries:
            found = cases(program)
            count += found
            name = f'{suite}: {program["name"].rpartition(" / ")[2]}'
            if found.failed:
                notes.append(f'failed: {name} ({program["result"]}; {found})')
            elif found.skipped:
                notes.append(f'skipped: {name} ({found})')
        seconds = sum(program.get('duration', 0) for program in entries)
        print(f'{suite:<24}{count.passed:>8}{count.failed:>8}{count.skipped:>9}{seconds:>8.1f} s')
        total += count
    print()
    for note in notes:
        print(note)
    bad = total.failed or (arguments.skips_fail and total.skipped)
    if bad and not total.failed:
        print('skipped tests count as failures here')
    print(total)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
