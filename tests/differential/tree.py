# SPDX-License-Identifier: LGPL-2.1-or-later
"""One tree, from the inside: how each step of a sequence is carried out on it, and what it answers.

A step is (uid, umask, name, arguments): Tree.name(*arguments) is called with the ids of that user.
It answers an errno's name, or what can be compared: bytes, numbers, tuples. Who carries out steps
has the tree as his root directory, so that ".." leads nowhere else.

A *place* is (slot, path): the path is relative to the directory in that slot, or for None to the
root. *Slots* hold what was opened, for as long as the sequence likes: -1 is nothing, and EBADF.

What differs between the two trees for a reason is in reference.py. The times of a file are told
only where somebody has set them: NOW is all that a clock has given.
"""

import ctypes
import errno
import fcntl
import os
import select
import signal
import stat
import struct
import termios
import time

from calls import AT_FDCWD, futimens, getdents, renameat2, utimensat
from fifofs_test import USER_A, USER_B, libc, libc_call

SLOTS = 5
ROOT = 0

# One of the users is in a group besides his own, which files are given to as well.
GROUP = 61010
GROUPS = {ROOT: [], USER_A: [GROUP], USER_B: []}

# An open() that waits is interrupted after that time, again and again until it is over. Who does
# not wait is not interrupted, however long it takes.
PATIENCE_SECONDS = 0.002

NOW = 'now'
# What a clock tells while this runs; sequences set other times.
CLOCK_TELLS = (10**9, 4 * 10**9)

IN_ONE_PIECE = 1 << 16


def error_name(code):
    return errno.errorcode.get(code, str(code))


def time_of(ns):
    seconds = ns // 10**9
    return NOW if CLOCK_TELLS[0] <= seconds < CLOCK_TELLS[1] else ns


def last_name(path):
    return path.rstrip(b'/').rpartition(b'/')[2]


class Stream:
    """A directory that is listed in pieces while it changes: is every name that stays told once?"""

    def __init__(self, names):
        self.at_start = names
        self.touched = set()
        self.told = []
        self.positions = [(0, 0)]               # (offset, how many names had been told by then)

    def add(self, entries):
        for name, _, offset, _ in entries:
            self.told.append(name)
            self.positions.append((offset, len(self.told)))

    def seek(self, choice):
        offset, told = self.positions[choice % len(self.positions)]
        del self.told[told:]
        self.positions = [position for position in self.positions if position[1] <= told]
        return offset

    def verdict(self, at_end):
        """Names that are missing, told twice, and never were there."""
        stay = (self.at_start & at_end) - self.touched
        possible = self.at_start | at_end | self.touched
        told = set(self.told)
        return (sorted(stay - told),
                sorted(name for name in stay if self.told.count(name) > 1),
                sorted(told - possible))


class Tree:
    def __init__(self):
        self.slots = [-1] * SLOTS
        self.streams = {}
        self._uid = ROOT
        self._descriptors = os.open('/proc/self/fd', os.O_PATH | os.O_DIRECTORY)
        signal.signal(signal.SIGALRM, lambda *_: None)

    def enter(self, root):
        os.chdir(root)
        os.chroot('.')

    def carry_out(self, step):
        uid, umask, name, arguments = step
        self.become(uid)
        self.mask(umask)
        try:
            return getattr(self, name)(*arguments)
        except OSError as error:
            return error_name(error.errno)

    def become(self, uid):
        """All of the ids, as access(2) asks for the real ones; the saved one leads back."""
        if uid == self._uid:
            return
        os.setresuid(ROOT, ROOT, ROOT)
        os.setgroups(GROUPS[uid])
        os.setresgid(uid, uid, ROOT)
        os.setresuid(uid, uid, ROOT)
        self._uid = uid

    def as_root(self, function, *arguments, **keywords):
        uid = self._uid
        self.become(ROOT)
        try:
            return function(*arguments, **keywords)
        finally:
            self.become(uid)

    def mask(self, umask):
        os.umask(umask)

    def at(self, place):
        """(path, keywords) for the functions of os."""
        slot, path = place
        return path, {} if slot is None else {'dir_fd': self.slots[slot]}

    def at_number(self, place):
        """(descriptor, path) for those of libc."""
        slot, path = place
        return AT_FDCWD if slot is None else self.slots[slot], path

    def describe(self, st):
        """What stat(2) says, but for numbers that identify a file system, and the time of a change."""
        return (st.st_mode, st.st_nlink, st.st_uid, st.st_gid, st.st_size, st.st_rdev,
                st.st_blksize, st.st_blocks, time_of(st.st_atime_ns), time_of(st.st_mtime_ns))

    def changed(self, *places):
        for stream in self.streams.values():
            stream.touched.update(last_name(path) for _, path in places)

    def put(self, slot, descriptor):
        self.close(slot)
        self.slots[slot] = descriptor

    # Names.

    def mkfifo(self, place, mode):
        path, at = self.at(place)
        os.mkfifo(path, mode, **at)
        self.changed(place)

    def mknod(self, place, mode):
        path, at = self.at(place)
        os.mknod(path, mode, os.makedev(1, 3), **at)
        self.changed(place)

    def mkdir(self, place, mode):
        path, at = self.at(place)
        os.mkdir(path, mode, **at)
        self.changed(place)

    def unlink(self, place):
        path, at = self.at(place)
        os.unlink(path, **at)
        self.changed(place)

    def rmdir(self, place):
        path, at = self.at(place)
        os.rmdir(path, **at)
        self.changed(place)

    def rename(self, source, target, flags):
        renameat2(source[1], target[1], flags,
                  source_directory=self.at_number(source)[0],
                  target_directory=self.at_number(target)[0])
        self.changed(source, target)

    def link(self, source, target):
        libc_call('linkat', *self.at_number(source), *self.at_number(target), 0)

    def symlink(self, text, place):
        path, at = self.at(place)
        os.symlink(text, path, **at)

    # Attributes.

    def stat(self, place, follow):
        path, at = self.at(place)
        return self.describe(os.stat(path, follow_symlinks=follow, **at))

    def access(self, place, wanted, effective):
        path, at = self.at(place)
        return os.access(path, wanted, effective_ids=effective, **at)

    def chmod(self, place, mode):
        path, at = self.at(place)
        os.chmod(path, mode, **at)

    def chown(self, place, uid, gid):
        path, at = self.at(place)
        os.chown(path, uid, gid, **at)

    def utimens(self, place, atime, mtime):
        descriptor, path = self.at_number(place)
        utimensat(path, atime, mtime, directory=descriptor)

    def truncate(self, place, length):
        # There is no truncateat(2).
        os.truncate(place[1], length)

    def readlink(self, place):
        path, at = self.at(place)
        return os.readlink(path, **at)

    def used_inodes(self):
        st = os.statvfs('.')
        return st.f_files - st.f_ffree

    def name_limit(self, place):
        return os.statvfs(place[1]).f_namemax

    # Listings.

    def listdir(self, place):
        path, at = self.at(place)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY, **at)
        try:
            with os.scandir(descriptor) as entries:
                return sorted((os.fsencode(entry.name), entry.is_dir(follow_symlinks=False))
                              for entry in entries)
        finally:
            os.close(descriptor)

    def tree(self):
        """Everything there is, with its stat."""
        return self.as_root(self.below, b'.')

    def below(self, path):
        found = [(path, self.describe(os.lstat(path)))]
        if stat.S_ISDIR(found[0][1][0]):
            for name in sorted(os.listdir(path)):
                found += self.below(path + b'/' + name)
        return found

    def names_in(self, slot):
        """All names there now, whoever may list them, without moving the slot's own position."""
        descriptor = os.open('.', os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.slots[slot])
        try:
            return {os.fsencode(name) for name in os.listdir(descriptor)} | {b'.', b'..'}
        finally:
            os.close(descriptor)

    def stream(self, slot):
        if slot not in self.streams:
            self.streams[slot] = Stream(self.as_root(self.names_in, slot))
        return self.streams[slot]

    def getdents(self, slot, size):
        entries = getdents(self.slots[slot], size)
        self.stream(slot).add(entries)

    def seekdir(self, slot, choice):
        if slot not in self.streams:
            return 'no listing'
        return os.lseek(self.slots[slot], self.streams[slot].seek(choice), os.SEEK_SET) >= 0

    def finish_listing(self, slot):
        entries = getdents(self.slots[slot], IN_ONE_PIECE)
        stream = self.stream(slot)
        while entries:
            stream.add(entries)
            entries = getdents(self.slots[slot], IN_ONE_PIECE)
        verdict = stream.verdict(self.as_root(self.names_in, slot))
        del self.streams[slot]
        os.lseek(self.slots[slot], 0, os.SEEK_SET)
        return verdict

    # What is open.

    def open(self, slot, place, flags, mode):
        if flags & os.O_CREAT:
            self.changed(place)
        self.put(slot, self.open_place(place, flags, mode))
        if flags & (os.O_CREAT | os.O_EXCL | os.O_PATH) == os.O_CREAT | os.O_EXCL:
            self.close(slot)            # it may be no FIFO: reference.py

    def open_place(self, place, flags, mode):
        return self.open_at(*self.at_number(place), flags, mode)

    @staticmethod
    def open_at(directory, path, flags, mode):
        """open(2), for which nobody waits in vain."""
        waits = flags & (os.O_NONBLOCK | os.O_PATH) == 0
        if waits:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS, PATIENCE_SECONDS)
        descriptor = libc.openat(directory, path, flags | os.O_CLOEXEC, mode)
        code = ctypes.get_errno()
        if waits:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if descriptor < 0:
            raise OSError(code, 'openat')
        if flags & os.O_PATH == 0:
            os.set_blocking(descriptor, False)
        return descriptor

    def reopen(self, slot, other, flags):
        """Through /proc/self/fd, which needs no name."""
        name = str(self.slots[other]).encode()
        self.put(slot, self.open_at(self._descriptors, name, flags, 0))

    def close(self, slot):
        descriptor, self.slots[slot] = self.slots[slot], -1
        self.streams.pop(slot, None)
        if descriptor >= 0:
            os.close(descriptor)

    def opened(self, slot):
        """For functions that take no -1 to the kernel."""
        if self.slots[slot] < 0:
            raise OSError(errno.EBADF, 'nothing is open')
        return self.slots[slot]

    def fstat(self, slot):
        return self.describe(os.fstat(self.slots[slot]))

    def fchmod(self, slot, mode):
        os.fchmod(self.slots[slot], mode)

    def fchown(self, slot, uid, gid):
        os.fchown(self.slots[slot], uid, gid)

    def futimens(self, slot, atime, mtime):
        futimens(self.slots[slot], atime, mtime)

    def ftruncate(self, slot, length):
        os.ftruncate(self.slots[slot], length)

    def lseek(self, slot, offset):
        """On what is no directory: their offsets are their own."""
        if stat.S_ISDIR(os.fstat(self.slots[slot]).st_mode):
            return 'directory'
        return os.lseek(self.slots[slot], offset, os.SEEK_SET)

    def write(self, slot, data):
        return os.write(self.slots[slot], data)

    def read(self, slot, size):
        return os.read(self.slots[slot], size)

    def queued(self, slot):
        if stat.S_ISDIR(os.fstat(self.slots[slot]).st_mode):
            return 'directory'
        answer = fcntl.ioctl(self.slots[slot], termios.FIONREAD, bytes(4))
        return struct.unpack('i', answer)[0]

    def poll(self, slot):
        poll = select.poll()
        poll.register(self.opened(slot), select.POLLIN | select.POLLOUT)
        return [event for _, event in poll.poll(0)]

    def flags(self, slot):
        return fcntl.fcntl(self.opened(slot), fcntl.F_GETFL)

    def same(self, slot, place):
        """Is what was opened what the place leads to?"""
        path, at = self.at(place)
        return os.path.samestat(os.fstat(self.slots[slot]), os.stat(path, **at))

    def pause(self):
        """Time for the daemon to act on its own account."""
        time.sleep(PATIENCE_SECONDS)
