# SPDX-License-Identifier: LGPL-2.1-or-later
"""System calls that Python does not wrap, failing with OSError as its own do."""

import ctypes
import os
import struct

from fifofs_test import libc, libc_call

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100

RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
RENAME_WHITEOUT = 4

UTIME_NOW = (1 << 30) - 1
UTIME_OMIT = (1 << 30) - 2

_DIRENT_HEAD = struct.Struct('=QqHB')

libc.opendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long


def renameat2(source, target, flags=0, source_directory=AT_FDCWD, target_directory=AT_FDCWD):
    libc_call('renameat2', source_directory, os.fsencode(source),
              target_directory, os.fsencode(target), flags)


def utimensat(path, atime, mtime, flags=0, directory=AT_FDCWD):
    """Each time is (seconds, nanoseconds)."""
    times = (ctypes.c_long * 4)(*atime, *mtime)
    libc_call('utimensat', directory, os.fsencode(path), times, flags)


def futimens(descriptor, atime, mtime):
    libc_call('futimens', descriptor, (ctypes.c_long * 4)(*atime, *mtime))


def getdents(descriptor, size):
    """One getdents64(2) into so large a buffer: [(name, inode, offset, type)]; at the end []."""
    buffer = ctypes.create_string_buffer(size)
    length = libc_call('getdents64', descriptor, buffer, size)
    return list(_dirents(buffer.raw[:length]))


def _dirents(data):
    at = 0
    while at < len(data):
        inode, offset, length, kind = _DIRENT_HEAD.unpack_from(data, at)
        name = data[at + _DIRENT_HEAD.size:at + length].split(b'\0', 1)[0]
        yield name, inode, offset, kind
        at += length


class Directory:
    """A directory as opendir(3), readdir(3), telldir(3) and seekdir(3) show it."""

    def __init__(self, path):
        self._stream = ctypes.c_void_p(libc.opendir(os.fsencode(path)))
        if not self._stream:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        libc.closedir(self._stream)

    def read(self):
        """The next name, or None at the end."""
        entry = libc.readdir(self._stream)
        if not entry:
            return None
        return ctypes.string_at(entry + _DIRENT_HEAD.size)

    def tell(self):
        return libc.telldir(self._stream)

    def seek(self, position):
        libc.seekdir(self._stream, ctypes.c_long(position))

    def rewind(self):
        libc.rewinddir(self._stream)
