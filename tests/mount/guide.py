# SPDX-License-Identifier: LGPL-2.1-or-later
"""What docs/guide.md tells its readers to do works, and shows what it says.

Each recipe is a test, on a machine of its own (fifofs_test.sandbox). How the guide is read is said
in fifofs_test.guidebook, and how it is followed in fifofs_test.reader. The first section is done
before each recipe.
"""

import os
import re
import unittest

import fifofs_test
from fifofs_test import guidebook
from fifofs_test.reader import Reader
from fifofs_test.sandbox import Sandbox

SOURCE = os.path.join(os.path.dirname(__file__), '..', '..')
GUIDE = os.path.join(SOURCE, 'docs', 'guide.md')
UNIT = os.path.join(SOURCE, 'fs', 'systemd', 'fifofs@.service.in')


class Guide(fifofs_test.TestCase):
    """A test for each recipe is added below."""

    deadline_seconds = 60

    def do_recipe(self, first, blocks):
        with Sandbox(self) as machine:
            install_unit(machine)
            Reader(self, machine).follow(first + blocks)


class Rules(unittest.TestCase):
    """The guide is held to what it shows."""

    def test_what_is_shown_is_what_is_written(self):
        for shown, written in (
                (['a'], 'a\n'), (['a'], 'a'), ([], ''), (['a  b'], 'a b \n'),
                (['12345 cat'], '7 cat\n'), (['stuck for 10s'], 'stuck for 350ms\n'),
                (['a ... c'], 'a b c\n'), (['a', '...', 'd'], 'a\nb\nc\nd\n'),
                (['Nov 23 08:05 x'], 'Jan  3 18:15 x\n'), (['08:05:10.123  x'],
                                                          '18:15:20.456  x\n')):
            with self.subTest(shown):
                self.assertTrue(guidebook.shows(shown, written))

    def test_what_differs_is_seen(self):
        for shown, written in (
                (['a'], 'b\n'), (['a'], ''), ([], 'a\n'), (['a'], 'a\nb\n'), (['ab'], 'a b\n'),
                (['12345 cat'], 'x cat\n'), (['1 2'], '1 3\n'), (['0660'], '0600\n'),
                (['linger=30s'], 'linger=20s\n'), (['a ... c'], 'a b d\n'), (['a.c'], 'abc\n')):
            with self.subTest(shown):
                self.assertFalse(guidebook.shows(shown, written))

    def test_block_that_is_neither_run_nor_marked_is_refused(self):
        for text in ('```\nrm -r /\n```', '```sh\nls\n```', '```console\nno prompt\n```',
                     '```console not-run=""\n$ ls\n```', '```sh nonsense\nls\n```',
                     '    $ ls', '```console\n$ ls', '```console skip="as I say so"\n$ ls\n```'):
            with self.subTest(text), self.assertRaises(guidebook.Unclear):
                for blocks in guidebook.read('## x\n' + text).values():
                    for block in blocks:
                        block.check()

    def test_every_block_of_the_guide_is_run_or_says_why_not(self):
        for blocks in RECIPES.values():
            for block in blocks:
                block.check()


def install_unit(machine):
    """What an installation has besides the programs."""
    with open(UNIT, encoding='utf-8') as file:
        text = file.read().replace('@BINDIR@', '/run/sandbox/bin').replace('@SYSCONFDIR@', '/etc')
    machine.write('/etc/systemd/system/fifofs@.service', text)


def read_guide():
    with open(GUIDE, encoding='utf-8') as file:
        return guidebook.read(file.read())


def add_tests():
    (_, first), *recipes = RECIPES.items()
    for heading, blocks in recipes:
        name = 'test_' + re.sub(r'\W+', '_', heading.lower()).strip('_')
        if not any(block.language == 'console' for block in blocks):
            continue
        def test(self, blocks=blocks):
            self.do_recipe(first, blocks)
        setattr(Guide, name, test)


RECIPES = read_guide()
add_tests()

if __name__ == '__main__':
    fifofs_test.main()
