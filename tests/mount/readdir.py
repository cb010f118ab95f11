# SPDX-License-Identifier: LGPL-2.1-or-later
"""Listing a directory: every name that stays is met once, whatever happens to the others."""

import collections
import os
import stat

import fifofs_test
from calls import RENAME_EXCHANGE, Directory, getdents, renameat2
from fifofs_test import attempt, on_both, on_fifofs

MANY = 10_000
DOTS = [b'.', b'..']
DT_DIR, DT_FIFO = 4, 1

# The kernel gives one record of 24 bytes at least; a long name needs 280.
BUFFER_SIZES = (280, 300, 512, 1000, 4096, 32768)


def make(directory, names):
    for name in names:
        os.mkfifo(f'{directory}/{name}')


def read_all(descriptor, size):
    """All names that getdents64(2) gives with a buffer of that size, in order."""
    names = []
    while True:
        entries = getdents(descriptor, size)
        if not entries:
            return names
        names += [name for name, *_ in entries]


def list_with(path, size):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return read_all(descriptor, size)
    finally:
        os.close(descriptor)


def encoded(names):
    return sorted(os.fsencode(name) for name in names)


class Listing(fifofs_test.TestCase):

    @on_both()
    def test_every_name_is_listed_once_with_any_buffer(self, directory):
        names = [f'{n:03}' + 'n' * (n % 253) for n in range(500)]
        make(directory, names)
        for size in BUFFER_SIZES:
            self.assertEqual(sorted(list_with(directory, size)), sorted(DOTS + encoded(names)))

    @on_both()
    def test_buffer_without_room_for_one_name_is_refused(self, directory):
        make(directory, ['n' * 255])
        descriptor = self.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        answers = [attempt(getdents, descriptor, size) for size in (0, 8, 23)]
        self.assertEqual([name for name, *_ in getdents(descriptor, 48)], DOTS)
        answers.append(attempt(getdents, descriptor, 279))
        self.assertEqual([name for name, *_ in getdents(descriptor, 280)], [b'n' * 255])
        return answers

    @on_both()
    def test_ten_thousand_names_are_listed(self, directory):
        names = [f'name{n}' for n in range(MANY)]
        make(directory, names)
        for size in (4096, 1 << 20):
            self.assertEqual(sorted(list_with(directory, size)), sorted(DOTS + encoded(names)))
        with os.scandir(directory) as entries:
            self.assertTrue(all(stat.S_ISFIFO(entry.stat().st_mode) for entry in entries))

    @on_both()
    def test_entries_tell_type_and_inode(self, directory):
        os.mkfifo(directory + '/fifo')
        os.mkdir(directory + '/sub')
        os.mkdir(directory + '/sub/below')
        descriptor = self.open(directory + '/sub', os.O_RDONLY | os.O_DIRECTORY)
        entries = {name: (inode, kind) for name, inode, _, kind in getdents(descriptor, 4096)}
        self.assertEqual(entries, {
            b'.': (os.stat(directory + '/sub').st_ino, DT_DIR),
            b'..': (os.stat(directory).st_ino, DT_DIR),
            b'below': (os.stat(directory + '/sub/below').st_ino, DT_DIR),
        })
        descriptor = self.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        kinds = {name: (inode, kind) for name, inode, _, kind in getdents(descriptor, 4096)}
        self.assertEqual(kinds[b'fifo'], (os.stat(directory + '/fifo').st_ino, DT_FIFO))
        self.assertEqual(kinds[b'sub'], (os.stat(directory + '/sub').st_ino, DT_DIR))
        self.assertEqual(kinds[b'.'], (os.stat(directory).st_ino, DT_DIR))

    @on_both()
    def test_rewinding_shows_what_is_there_now(self, directory):
        make(directory, ['one', 'two'])
        descriptor = self.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self.assertEqual(sorted(read_all(descriptor, 4096)), sorted(DOTS + [b'one', b'two']))
        os.unlink(directory + '/one')
        make(directory, ['three'])
        os.lseek(descriptor, 0, os.SEEK_SET)
        self.assertEqual(sorted(read_all(descriptor, 4096)), sorted(DOTS + [b'three', b'two']))

    @on_both()
    def test_two_listings_of_one_directory_do_not_disturb_each_other(self, directory):
        names = [f'name{n}' for n in range(300)]
        make(directory, names)
        first = self.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        second = self.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        found = {first: [], second: []}
        for size in (280, 1000) * 1000:
            for descriptor in found:
                found[descriptor] += [name for name, *_ in getdents(descriptor, size)]
        for names_found in found.values():
            self.assertEqual(sorted(names_found), sorted(DOTS + encoded(names)))

    @on_both()
    def test_removed_directory_lists_nothing(self, directory):
        os.mkdir(directory + '/sub')
        descriptor = self.open(directory + '/sub', os.O_RDONLY | os.O_DIRECTORY)
        os.rmdir(directory + '/sub')
        return attempt(getdents, descriptor, 4096)

    @on_fifofs()
    def test_offsets_beyond_the_end_list_nothing(self, directory):
        make(directory, ['one'])
        descriptor = self.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        for offset in (1 << 31, 1 << 62, (1 << 63) - 1):
            os.lseek(descriptor, offset, os.SEEK_SET)
            self.assertEqual(getdents(descriptor, 4096), [])
        self.assertEqual(attempt(os.lseek, descriptor, -1, os.SEEK_SET), 'EINVAL')


class Positions(fifofs_test.TestCase):

    @on_both()
    def test_position_leads_back_to_the_same_names(self, directory):
        names = [f'name{n}' for n in range(100)]
        make(directory, names)
        with Directory(directory) as listing:
            positions, order = [], []
            while True:
                position = listing.tell()
                name = listing.read()
                if name is None:
                    break
                positions.append(position)
                order.append(name)
            self.assertEqual(sorted(order), sorted(DOTS + encoded(names)))
            for n in (50, 3, 101, 0, 77, 2, 1):
                listing.seek(positions[n])
                self.assertEqual([listing.read() for _ in order[n:]], order[n:])
                self.assertIsNone(listing.read())

    @on_fifofs()
    def test_position_holds_while_names_around_it_come_and_go(self, directory):
        make(directory, [f'stay{n}' for n in range(20)] + [f'go{n}' for n in range(20)])
        with Directory(directory) as listing:
            read = [listing.read() for _ in range(20)]
            position = listing.tell()
            rest = {name for name in iter(listing.read, None)}
            for n in range(20):
                os.unlink(f'{directory}/go{n}')
            make(directory, [f'new{n}' for n in range(20)])

            listing.seek(position)
            again = list(iter(listing.read, None))

        stayed = {name for name in rest if name.startswith(b'stay')}
        self.assertEqual({name for name in again if name.startswith(b'stay')}, stayed)
        self.assertEqual(len(again), len(set(again)))
        self.assertEqual(set(again) & set(read), set())

    @on_fifofs()
    def test_position_of_a_removed_name_leads_to_the_next(self, directory):
        make(directory, [f'name{n}' for n in range(50)])
        with Directory(directory) as listing:
            read = [listing.read() for _ in range(30)]
            position = listing.tell()
            for name in read:
                if name not in DOTS:
                    os.unlink(os.fsencode(directory) + b'/' + name)
            listing.seek(position)
            rest = list(iter(listing.read, None))
        self.assertEqual(sorted(read + rest), sorted(DOTS + encoded(f'name{n}' for n in range(50))))

    @on_both()
    def test_removing_while_listing_removes_everything(self, directory):
        make(directory, [f'name{n}' for n in range(2000)])
        descriptor = self.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        while True:
            entries = getdents(descriptor, 300)
            if not entries:
                break
            for name, *_ in entries:
                if name not in DOTS:
                    os.unlink(name, dir_fd=descriptor)
        self.assertEqual(os.listdir(directory), [])


def come_and_go(directory, seed):
    while True:
        for n in range(20):
            os.mkfifo(f'{directory}/come{seed}-{n}')
        for n in range(20):
            os.rename(f'{directory}/come{seed}-{n}', f'{directory}/gone{seed}-{n}')
        for n in range(20):
            os.unlink(f'{directory}/gone{seed}-{n}')


def replace(directory):
    """A name that is renamed over stays."""
    while True:
        for n in range(0, 400, 7):
            os.mkfifo(directory + '/replacement')
            os.rename(directory + '/replacement', f'{directory}/stay{n}')


def exchange(directory):
    """Names that are exchanged stay, in one directory and in two."""
    while True:
        for n in range(1, 200, 5):
            renameat2(f'{directory}/stay{n}', f'{directory}/stay{399 - n}', RENAME_EXCHANGE)
            renameat2(f'{directory}/stay{n}', f'{directory}/other/fifo', RENAME_EXCHANGE)


def link_in_and_out(directory):
    """Names from elsewhere, and directories among them."""
    while True:
        for n in range(10):
            os.rename(directory + '/other/mover', f'{directory}/mover{n}')
            os.rename(f'{directory}/mover{n}', directory + '/other/mover')


class Changing(fifofs_test.TestCase):
    """No name that stays is missed or doubled while the directory is changed by others."""

    deadline_seconds = 60

    def assert_stable(self, directory, rounds, list_names):
        stay = {f'stay{n}'.encode() for n in range(400)} | {b'.', b'..', b'other'}
        for _ in range(rounds):
            counts = collections.Counter(list_names())
            wrong = {name: counts[name] for name in stay if counts[name] != 1}
            self.assertEqual(wrong, {})

    def prepare(self, directory):
        make(directory, [f'stay{n}' for n in range(400)])
        os.mkdir(directory + '/other')
        os.mkfifo(directory + '/other/fifo')
        os.mkdir(directory + '/other/mover')

    @on_fifofs()
    def test_while_names_are_made_moved_and_removed(self, directory):
        self.prepare(directory)
        for seed in range(3):
            self.spawn(come_and_go, directory, seed)
        for size in BUFFER_SIZES:
            self.assert_stable(directory, 15, lambda size=size: list_with(directory, size))

    @on_fifofs()
    def test_while_names_are_replaced_and_exchanged(self, directory):
        self.prepare(directory)
        for churn in (replace, exchange, link_in_and_out):
            self.spawn(churn, directory)
        for size in BUFFER_SIZES:
            self.assert_stable(directory, 15, lambda size=size: list_with(directory, size))

    @on_fifofs()
    def test_while_the_listing_hops_back_and_forth(self, directory):
        self.prepare(directory)
        for churn in (replace, exchange):
            self.spawn(churn, directory)
        self.spawn(come_and_go, directory, 0)

        def hop():
            """Read on from a remembered position after having read ahead of it."""
            names = []
            with Directory(directory) as listing:
                while True:
                    position = listing.tell()
                    for _ in range(5):
                        listing.read()
                    listing.seek(position)
                    name = listing.read()
                    if name is None:
                        return names
                    names.append(name)

        self.assert_stable(directory, 8, hop)

    @on_fifofs()
    def test_listing_with_attributes_sees_what_stays_too(self, directory):
        self.prepare(directory)
        self.spawn(come_and_go, directory, 0)
        self.spawn(replace, directory)

        def names_with_attributes():
            names = [b'.', b'..']
            with os.scandir(directory) as entries:
                for entry in entries:
                    found = attempt(entry.stat)
                    if found == 'ENOENT':
                        continue
                    self.assertIn(stat.S_IFMT(found.st_mode), (stat.S_IFIFO, stat.S_IFDIR))
                    names.append(os.fsencode(entry.name))
            return names

        self.assert_stable(directory, 30, names_with_attributes)


if __name__ == '__main__':
    fifofs_test.main()
