# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names are bytes: any, up to 255 of them, but for the one that is reserved."""

import base64
import json
import os
import stat

import fifofs_test
from calls import RENAME_EXCHANGE, RENAME_NOREPLACE, renameat2
from fifofs_test import attempt, on_both, on_fifofs

LONGEST = 255


def every_byte():
    """A name around each byte that can be in one, and one of the byte alone."""
    for value in range(1, 256):
        byte = bytes([value])
        if byte != b'/':
            yield b'a' + byte + b'z'
            if byte != b'.':
                yield byte


def calls_with(name, directory):
    """Each call that takes a name, given this one; {call: answer}."""
    path, fifo, sub = os.path.join(directory, name), directory + b'/fifo', directory + b'/sub'
    calls = {
        'stat': (os.stat, path),
        'lstat': (os.lstat, path),
        'access': (os.stat, path),
        'open': (os.open, path, os.O_RDONLY | os.O_NONBLOCK),
        'open a handle': (os.open, path, os.O_PATH),
        'create': (os.open, path, os.O_RDWR | os.O_CREAT),
        'create exclusively': (os.open, path, os.O_RDWR | os.O_CREAT | os.O_EXCL),
        'mkfifo': (os.mkfifo, path),
        'mknod': (os.mknod, path, stat.S_IFIFO | 0o600),
        'mkdir': (os.mkdir, path),
        'symlink': (os.symlink, b'fifo', path),
        'link to': (os.link, fifo, path),
        'link from': (os.link, path, directory + b'/new'),
        'unlink': (os.unlink, path),
        'rmdir': (os.rmdir, path),
        'rename from': (os.rename, path, directory + b'/new'),
        'rename to': (os.rename, fifo, path),
        'rename a directory to': (os.rename, sub, path),
        'rename without replacing': (renameat2, fifo, path, RENAME_NOREPLACE),
        'exchange': (renameat2, fifo, path, RENAME_EXCHANGE),
        'exchange from': (renameat2, path, fifo, RENAME_EXCHANGE),
        'chmod': (os.chmod, path, 0o600),
        'chown': (os.chown, path, 0, 0),
        'utime': (os.utime, path),
        'truncate': (os.truncate, path, 0),
        'readlink': (os.readlink, path),
        'list': (os.listdir, path),
        'statvfs': (os.statvfs, path),
        'get attribute': (os.getxattr, path, 'fifofs.lifetime'),
        'set attribute': (os.setxattr, path, 'fifofs.lifetime', b'keep'),
        'list attributes': (os.listxattr, path),
        'chdir': (os.chdir, path),
        'below': (os.stat, path + b'/below'),
    }
    return {what: attempt(function, *arguments)
            for what, (function, *arguments) in calls.items()}


class Names(fifofs_test.TestCase):

    @on_both()
    def test_every_byte_can_be_in_the_name_of_a_fifo_and_of_a_directory(self, directory):
        base = os.fsencode(directory)
        for make, remove in ((os.mkfifo, os.unlink), (os.mkdir, os.rmdir)):
            names = set(every_byte())
            for name in names:
                make(base + b'/' + name)
            self.assertEqual(set(os.listdir(base)), names)
            for name in names:
                os.rename(base + b'/' + name, base + b'/moved')
                os.rename(base + b'/moved', base + b'/' + name)
                os.stat(base + b'/' + name)
                remove(base + b'/' + name)
            self.assertEqual(os.listdir(base), [])

    @on_both()
    def test_names_that_look_alike_are_different(self, directory):
        base = os.fsencode(directory)
        names = [b'a', b'A', b'a ', b' a', b'a\n', b'\xc3\xa4', b'a\xcc\x88', b'\xe4', b'...',
                 b'. ', b'-', b'*', b'(deleted)', b'a (deleted)']
        for name in names:
            os.mkfifo(base + b'/' + name)
        self.assertEqual(sorted(os.listdir(base)), sorted(names))
        self.assertEqual(len({os.stat(base + b'/' + name).st_ino for name in names}), len(names))

    @on_both()
    def test_every_length_up_to_255_works_in_every_call(self, directory):
        for length in (1, 2, 3, 4, 7, 8, 31, 32, 63, 64, 127, 128, 200, 254, LONGEST):
            for filler in (b'n', b'\xff', b'\n'):
                path = os.fsencode(directory) + b'/' + filler * length
                os.mkfifo(path)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT))
                os.rename(path, os.fsencode(directory) + b'/short')
                os.rename(os.fsencode(directory) + b'/short', path)
                self.assertEqual(os.listdir(os.fsencode(directory)), [filler * length])
                os.unlink(path)
                os.mkdir(path)
                os.mkfifo(path + b'/' + filler * length)
                os.unlink(path + b'/' + filler * length)
                os.rmdir(path)

    @on_both()
    def test_longer_name_is_refused_by_every_call(self, directory):
        base = os.fsencode(directory)
        os.mkfifo(base + b'/fifo')
        os.mkdir(base + b'/sub')
        for name in (b'n' * 256, b'\xff' * 256, b'n' * 1023, b'n' * 1024, b'n' * 1025,
                     b'n' * 3000):
            for where in (base, base + b'/sub'):
                answers = calls_with(os.path.join(os.path.relpath(where, base), name), base)
                self.assertEqual(set(answers.values()), {'ENAMETOOLONG'},
                                 (len(name), answers))
        self.assertEqual(sorted(os.listdir(base)), [b'fifo', b'sub'])
        self.assertEqual(os.listdir(base + b'/sub'), [])

    @on_both()
    def test_longest_path_works_and_a_longer_one_is_refused(self, directory):
        home = os.getcwd()
        self.addCleanup(os.chdir, home)
        depth = 0
        os.chdir(directory)
        while depth < 40:
            os.mkdir('d' * 250)
            os.chdir('d' * 250)
            depth += 1
        os.mkfifo('fifo')
        self.assertTrue(stat.S_ISFIFO(os.stat('fifo').st_mode))
        path = directory + ('/' + 'd' * 250) * depth + '/fifo'
        answer = attempt(os.stat, path)
        for _ in range(depth):
            if os.listdir('.') == ['fifo']:
                os.unlink('fifo')
            os.chdir('..')
            os.rmdir('d' * 250)
        os.chdir(home)
        self.assertEqual(answer, 'ENAMETOOLONG')

    @on_fifofs()
    def test_pipes_name_every_name_exactly(self, directory):
        base = os.fsencode(directory)
        names = {name for name in every_byte()} | {b'\xff' * LONGEST, 'fünf–五😀'.encode(),
                                                   b'\xed\xa0\x80', b'\xf8\x88', b'ok\xc3'}
        os.mkdir(base + b'/d\xff')
        for name in names:
            os.mkfifo(base + b'/' + name)
        os.mkfifo(base + b'/d\xff/plain')

        with open(directory + '/.fifofs/pipes', 'rb') as stream:
            records = [json.loads(line) for line in stream]

        found = set()
        for record in records:
            if 'path_b64' in record:
                raw = base64.b64decode(record['path_b64'], validate=True)
                self.assertIn('\ufffd', record['path'])
                with self.assertRaises(UnicodeDecodeError):
                    raw.decode()
            else:
                raw = record['path'].encode()
            found.add(raw)
        self.assertEqual(found, names | {b'd\xff/plain'})
        self.assertEqual(len(records), len(found))


class ReservedName(fifofs_test.TestCase):
    """.fifofs in the root is there, and stays as it is."""

    @on_fifofs()
    def test_reserved_name_can_be_neither_made_nor_changed(self, directory):
        base = os.fsencode(directory)
        os.mkfifo(base + b'/fifo')
        os.mkdir(base + b'/sub')

        answers = calls_with(b'.fifofs', base)

        self.assertLessEqual({
            'mkfifo': 'EEXIST',
            'mknod': 'EEXIST',
            'mkdir': 'EEXIST',
            'symlink': 'EEXIST',
            'link to': 'EEXIST',
            'create': 'EISDIR',
            'create exclusively': 'EEXIST',
            'rename without replacing': 'EEXIST',
        }.items(), answers.items())
        for what in ('unlink', 'rmdir', 'rename from', 'rename to', 'rename a directory to',
                     'exchange', 'exchange from', 'chmod', 'chown', 'utime', 'link from',
                     'set attribute'):
            self.assertIn(answers[what], ('EPERM', 'EACCES', 'EROFS', 'EISDIR', 'ENOTSUP'), what)
        self.assertEqual(sorted(os.listdir(base)), [b'fifo', b'sub'])
        self.assertEqual(sorted(os.listdir(base + b'/.fifofs')), [b'config', b'events', b'metrics', b'pipes', b'quota'])

    @on_fifofs()
    def test_reserved_name_is_not_taken_where_nobody_looked_before(self, directory):
        for function, *arguments in (
                (os.mkdir, directory + '/.fifofs'),
                (os.mkfifo, directory + '/.fifofs'),
                (os.open, directory + '/.fifofs', os.O_RDWR | os.O_CREAT | os.O_EXCL)):
            self.assertEqual(attempt(function, *arguments), 'EEXIST')

    @on_fifofs()
    def test_name_is_free_elsewhere(self, directory):
        os.mkdir(directory + '/sub')
        os.mkfifo(directory + '/sub/.fifofs')
        os.rename(directory + '/sub/.fifofs', directory + '/sub/other')
        os.mkdir(directory + '/sub/.fifofs')
        os.mkfifo(directory + '/sub/.fifofs/pipes')
        os.mkfifo(directory + '/.fifofs2')
        os.mkfifo(directory + '/.fifo')
        os.mkfifo(directory + '/fifofs')
        self.assertEqual(sorted(os.listdir(directory)), ['.fifo', '.fifofs2', 'fifofs', 'sub'])
        self.assertEqual(sorted(os.listdir(directory + '/sub')), ['.fifofs', 'other'])


if __name__ == '__main__':
    fifofs_test.main()
