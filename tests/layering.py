#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arrows point down only: fs and tools may use lib, lib only itself, and only fs knows FUSE."""

import pathlib
import re
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
GENERATED = {'config.h'}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
FUSE = re.compile(r'(^|/)(lib)?fuse|cuse')


def includes(layer):
    """(file, form, name) of every #include in the C files of a layer; the form is '<' or '"'."""
    sources = [path for path in sorted((TOP / layer).rglob('*')) if path.suffix in ('.c', '.h')]
    assert sources, f'{layer}/ has no C files'
    for source in sources:
        for form, name in INCLUDE.findall(source.read_text(encoding='utf-8')):
            yield source, form, name


def layer_of(source, name, allowed):
    """The layer that a quoted header lies in, looked up as the compiler does, or None."""
    for folder in [source.parent, TOP, *(TOP / layer for layer in allowed)]:
        header = (folder / name).resolve()
        if header.is_file() and header.is_relative_to(TOP):
            return header.relative_to(TOP).parts[0]
    return None


class Layering(unittest.TestCase):
    maxDiff = None

    def assert_uses_only(self, layer, allowed):
        wrong = [
            f'{source.relative_to(TOP)} includes "{name}"'
            for source, form, name in includes(layer)
            if form == '"' and name not in GENERATED
            and layer_of(source, name, allowed) not in allowed]
        self.assertEqual(wrong, [], f'{layer}/ may use {" and ".join(allowed)} only')

    def assert_knows_no_fuse(self, layer):
        wrong = [
            f'{source.relative_to(TOP)} includes <{name}>'
            for source, _, name in includes(layer) if FUSE.search(name)]
        self.assertEqual(wrong, [], f'{layer}/ must work without FUSE')

    def test_lib_uses_nothing_of_the_others(self):
        self.assert_uses_only('lib', ['lib'])

    def test_fs_uses_lib_only(self):
        self.assert_uses_only('fs', ['fs', 'lib'])

    def test_tools_use_lib_only(self):
        self.assert_uses_only('tools', ['tools', 'lib'])

    def test_lib_knows_no_fuse(self):
        self.assert_knows_no_fuse('lib')

    def test_tools_know_no_fuse(self):
        self.assert_knows_no_fuse('tools')


if __name__ == '__main__':
    unittest.main()
