# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what: each operation and each control file, by each kind of caller.

TABLE is to be read as documentation: a row for each operation, a column for each caller, and what he
gets: "ok" or an errno. Each cell is carried out by a process of that user, on things that are made
anew for it. They are, in the root of a mount that lets others in:

    fifo      0660, the owner's, of the team's group; and readonly, 0440, and idle, 0660
    sub       0770, a directory of the same, in which there are inside, a FIFO, and empty, a directory
    mine      0600, a FIFO of the caller

The owner and the member are in the team. The mounter has mounted, as an ordinary user, and so the
root of the mount is his; he is not in the team. A second mount has a root of mode 2770 and the team's
group: there it is as in the table, but for callers that are not let in. On a private mount nobody is
but who has mounted, not even root.

Rows with a * are decided by fifofs. The others are as on tmpfs in a sticky directory, which is asked
as well.
"""

import contextlib
import errno
import functools
import json
import multiprocessing
import os
import shutil
import socket
import stat

import fifofs_test
from calls import RENAME_EXCHANGE, RENAME_NOREPLACE, renameat2
from fifofs_test import (
    FIFOFS, TMPFS, USER_A, USER_B, DeadlineExceeded, Mount, Tmpfs, as_user, attempt, fuse_conf,
    wait_until)

OWNER, MOUNTER = USER_A, USER_B
MEMBER, STRANGER = 61003, 61004
TEAM = 61010
FOREIGN = 61099

CALLERS = {
    'owner': (OWNER, [TEAM]),
    'member': (MEMBER, [TEAM]),
    'other': (STRANGER, []),
    'mounter': (MOUNTER, []),
    'root': (0, []),
}

QUICK = os.O_NONBLOCK
CONTROL_FILES = ('pipes', 'events', 'metrics', 'config')


def open_(path, flags, mode=0o600):
    """ENXIO is an answer to those who may write."""
    try:
        os.close(os.open(path, flags | QUICK, mode))
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise


def access(path, wanted):
    if not os.access(path, wanted):
        raise OSError(errno.EACCES, 'access')


def mksocket(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(path)


def reap(path):
    os.setxattr(path, 'fifofs.reap', str(os.stat(path).st_ino).encode())


def reap_of_the_dead(path):
    """The daemon may not have heard yet that the creator has ended."""
    wait_until(lambda: attempt(reap, path) != 'EBUSY', what='the end of the creator to be noticed')
    with contextlib.suppress(FileNotFoundError):        # it was reaped
        reap(path)


def set_policy(path, value=b'keep', key='lifetime', flags=0):
    os.setxattr(path, f'fifofs.{key}', value, flags)


def read(path):
    """All that there is without waiting."""
    descriptor = os.open(path, os.O_RDONLY | QUICK)
    try:
        while os.read(descriptor, 65536):
            pass
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


OPERATIONS = {
    'mkfifo': lambda d: os.mkfifo(d + '/new'),
    'mkfifo, in sub': lambda d: os.mkfifo(d + '/sub/new'),
    'mkfifo of what is there': lambda d: os.mkfifo(d + '/fifo'),
    'mknod of a FIFO': lambda d: os.mknod(d + '/new', stat.S_IFIFO | 0o600),
    'mknod of a regular file': lambda d: os.mknod(d + '/new', stat.S_IFREG | 0o600),
    'mknod of a device': lambda d: os.mknod(d + '/new', stat.S_IFCHR | 0o600, os.makedev(1, 3)),
    'bind of a socket': lambda d: mksocket(d + '/new'),
    'symlink': lambda d: os.symlink('fifo', d + '/new'),
    'link of fifo': lambda d: os.link(d + '/fifo', d + '/new'),
    'link of his own': lambda d: os.link(d + '/mine', d + '/new'),
    'mkdir': lambda d: os.mkdir(d + '/new'),
    'mkdir, in sub': lambda d: os.mkdir(d + '/sub/new'),

    'open(O_CREAT) of a new name': lambda d: open_(d + '/new', os.O_RDWR | os.O_CREAT),
    'open(O_CREAT), in sub': lambda d: open_(d + '/sub/new', os.O_RDWR | os.O_CREAT),
    'open(O_CREAT) to read, of fifo': lambda d: open_(d + '/fifo', os.O_RDONLY | os.O_CREAT),
    'open(O_CREAT) to write, of fifo': lambda d: open_(d + '/fifo', os.O_WRONLY | os.O_CREAT),
    'open(O_EXCL) of a new name': lambda d: open_(d + '/new', os.O_RDWR | os.O_CREAT | os.O_EXCL),
    'open(O_EXCL) of fifo': lambda d: open_(d + '/fifo', os.O_RDWR | os.O_CREAT | os.O_EXCL),
    'open(O_TMPFILE)': lambda d: open_(d, os.O_RDWR | os.O_TMPFILE),

    'open of fifo to read': lambda d: open_(d + '/fifo', os.O_RDONLY),
    'open of fifo to write': lambda d: open_(d + '/fifo', os.O_WRONLY),
    'open of fifo for both': lambda d: open_(d + '/fifo', os.O_RDWR),
    'open of readonly to read': lambda d: open_(d + '/readonly', os.O_RDONLY),
    'open of readonly to write': lambda d: open_(d + '/readonly', os.O_WRONLY),
    'open of sub/inside to read': lambda d: open_(d + '/sub/inside', os.O_RDONLY),
    'open(O_PATH) of fifo': lambda d: open_(d + '/fifo', os.O_PATH),

    'stat of fifo': lambda d: os.stat(d + '/fifo'),
    'lstat of fifo': lambda d: os.lstat(d + '/fifo'),
    'stat of sub/inside': lambda d: os.stat(d + '/sub/inside'),
    'access of fifo, to be there': lambda d: access(d + '/fifo', os.F_OK),
    'access of fifo, to read': lambda d: access(d + '/fifo', os.R_OK),
    'access of fifo, to write': lambda d: access(d + '/fifo', os.W_OK),
    'access of fifo, to execute': lambda d: access(d + '/fifo', os.X_OK),
    'listdir of the root': os.listdir,
    'listdir of sub': lambda d: os.listdir(d + '/sub'),
    'statfs': os.statvfs,
    'truncate of fifo': lambda d: os.truncate(d + '/fifo', 0),

    'chmod of fifo, within the ceiling': lambda d: os.chmod(d + '/fifo', 0o640),
    'chmod of fifo, beyond it': lambda d: os.chmod(d + '/fifo', 0o666),
    'chmod of fifo, sticky': lambda d: os.chmod(d + '/fifo', 0o1660),
    'chmod of sub': lambda d: os.chmod(d + '/sub', 0o750),
    'chmod of the root': lambda d: os.chmod(d, os.stat(d).st_mode & 0o7750),
    'chown of fifo to himself': lambda d: os.chown(d + '/fifo', os.getuid(), -1),
    'chown of fifo to others': lambda d: os.chown(d + '/fifo', FOREIGN, -1),
    'chgrp of fifo to the team': lambda d: os.chown(d + '/fifo', -1, TEAM),
    'chgrp of fifo to others': lambda d: os.chown(d + '/fifo', -1, FOREIGN),
    'utimensat of fifo, to now': lambda d: os.utime(d + '/fifo'),
    'utimensat of fifo, to a time': lambda d: os.utime(d + '/fifo', (1, 1)),

    'unlink of fifo': lambda d: os.unlink(d + '/fifo'),
    'unlink of his own': lambda d: os.unlink(d + '/mine'),
    'unlink of sub/inside': lambda d: os.unlink(d + '/sub/inside'),
    'unlink of sub': lambda d: os.unlink(d + '/sub'),
    'rmdir of sub, which is not empty': lambda d: os.rmdir(d + '/sub'),
    'rmdir of sub/empty': lambda d: os.rmdir(d + '/sub/empty'),
    'rename of fifo': lambda d: os.rename(d + '/fifo', d + '/new'),
    'rename of fifo, NOREPLACE': lambda d: renameat2(d + '/fifo', d + '/new', RENAME_NOREPLACE),
    'rename of fifo, NOREPLACE over his own':
        lambda d: renameat2(d + '/fifo', d + '/mine', RENAME_NOREPLACE),
    'rename of his own': lambda d: os.rename(d + '/mine', d + '/new'),
    'rename of his own over fifo': lambda d: os.rename(d + '/mine', d + '/fifo'),
    'rename of fifo over his own': lambda d: os.rename(d + '/fifo', d + '/mine'),
    'rename of his own into sub': lambda d: os.rename(d + '/mine', d + '/sub/mine'),
    'rename of his own over sub/inside': lambda d: os.rename(d + '/mine', d + '/sub/inside'),
    'rename of sub/inside to the root': lambda d: os.rename(d + '/sub/inside', d + '/new'),
    'rename of sub': lambda d: os.rename(d + '/sub', d + '/new'),
    'exchange of fifo and his own': lambda d: renameat2(d + '/fifo', d + '/mine', RENAME_EXCHANGE),
    'exchange of his own and sub/inside':
        lambda d: renameat2(d + '/mine', d + '/sub/inside', RENAME_EXCHANGE),

    'getxattr of fifo': lambda d: os.getxattr(d + '/fifo', 'fifofs.lifetime'),
    'getxattr of fifo, its state': lambda d: os.getxattr(d + '/fifo', 'fifofs.state'),
    'getxattr of fifo, unknown': lambda d: os.getxattr(d + '/fifo', 'fifofs.unknown'),
    'getxattr of sub': lambda d: os.getxattr(d + '/sub', 'fifofs.lifetime'),
    'getxattr of the root': lambda d: os.getxattr(d, 'fifofs.lifetime'),
    'listxattr of fifo': lambda d: os.listxattr(d + '/fifo'),
    'listxattr of sub': lambda d: os.listxattr(d + '/sub'),
    'setxattr of fifo': lambda d: set_policy(d + '/fifo'),
    'setxattr of fifo, a bad value': lambda d: set_policy(d + '/fifo', b'for ever'),
    'setxattr of fifo, XATTR_CREATE': lambda d: set_policy(d + '/fifo', flags=os.XATTR_CREATE),
    'setxattr of fifo, its state': lambda d: set_policy(d + '/fifo', b'idle', 'state'),
    'setxattr of fifo, unknown': lambda d: set_policy(d + '/fifo', key='unknown'),
    'setxattr of fifo, user.*': lambda d: os.setxattr(d + '/fifo', 'user.note', b'x'),
    'setxattr of sub': lambda d: set_policy(d + '/sub'),
    'setxattr of the root': lambda d: set_policy(d),
    'setxattr of his own': lambda d: set_policy(d + '/mine'),
    'removexattr of fifo': lambda d: os.removexattr(d + '/fifo', 'fifofs.lifetime'),
    'removexattr of sub': lambda d: os.removexattr(d + '/sub', 'fifofs.lifetime'),
    'reap of idle': lambda d: reap_of_the_dead(d + '/idle'),
    'reap of his own': lambda d: reap(d + '/mine'),

    'mkfifo of .fifofs': lambda d: os.mkfifo(d + '/.fifofs'),
    'stat of .fifofs': lambda d: os.stat(d + '/.fifofs'),
    'listdir of .fifofs': lambda d: os.listdir(d + '/.fifofs'),
    'access of .fifofs, to write': lambda d: access(d + '/.fifofs', os.W_OK),
    'rmdir of .fifofs': lambda d: os.rmdir(d + '/.fifofs'),
    'rename of .fifofs': lambda d: os.rename(d + '/.fifofs', d + '/new'),
    'rename of his own over .fifofs': lambda d: os.rename(d + '/mine', d + '/.fifofs'),
    'chmod of .fifofs': lambda d: os.chmod(d + '/.fifofs', 0o700),
    'mkfifo in .fifofs': lambda d: os.mkfifo(d + '/.fifofs/new'),
    'mkdir in .fifofs': lambda d: os.mkdir(d + '/.fifofs/new'),
    'open(O_CREAT) in .fifofs': lambda d: open_(d + '/.fifofs/new', os.O_RDWR | os.O_CREAT),
    'rename of his own into .fifofs': lambda d: os.rename(d + '/mine', d + '/.fifofs/new'),
    'setxattr of .fifofs': lambda d: set_policy(d + '/.fifofs'),
}

# Each with every one of CONTROL_FILES.
CONTROL_OPERATIONS = {
    'stat of {}': os.stat,
    'read of {}': read,
    'open of {} to write': lambda path: open_(path, os.O_WRONLY),
    'open of {} for both': lambda path: open_(path, os.O_RDWR),
    'open(O_TRUNC) of {}': lambda path: open_(path, os.O_RDONLY | os.O_TRUNC),
    'truncate of {}': lambda path: os.truncate(path, 0),
    'unlink of {}': os.unlink,
    'chmod of {}': lambda path: os.chmod(path, 0o600),
    'chown of {}': lambda path: os.chown(path, os.getuid(), os.getgid()),
    'utimensat of {}': lambda path: os.utime(path, (1, 1)),
    'rename of {}': lambda path: os.rename(path, os.path.dirname(path) + '/new'),
    'rename of {} to the root': lambda path: os.rename(path, os.path.dirname(path) + '/../new'),
    'link of {}': lambda path: os.link(path, os.path.dirname(path) + '/../new'),
    'getxattr of {}': lambda path: os.getxattr(path, 'fifofs.lifetime'),
    'setxattr of {}': set_policy,
}

TABLE = """
operation                                    owner     member    other     mounter   root
mkfifo                                       ok        ok        ok        ok        ok
mkfifo, in sub                               ok        ok        EACCES    EACCES    ok
mkfifo of what is there                      EEXIST    EEXIST    EEXIST    EEXIST    EEXIST
mknod of a FIFO                              ok        ok        ok        ok        ok
mknod of a regular file *                    EPERM     EPERM     EPERM     EPERM     EPERM
mknod of a device *                          EPERM     EPERM     EPERM     EPERM     EPERM
bind of a socket *                           EPERM     EPERM     EPERM     EPERM     EPERM
symlink *                                    EPERM     EPERM     EPERM     EPERM     EPERM
link of fifo *                               EPERM     EPERM     EPERM     EPERM     EPERM
link of his own *                            EPERM     EPERM     EPERM     EPERM     EPERM
mkdir                                        ok        ok        ok        ok        ok
mkdir, in sub                                ok        ok        EACCES    EACCES    ok
open(O_CREAT) of a new name                  ok        ok        ok        ok        ok
open(O_CREAT), in sub                        ok        ok        EACCES    EACCES    ok
open(O_CREAT) to read, of fifo *             ok        ok        EACCES    EACCES    ok
open(O_CREAT) to write, of fifo *            ok        ok        EACCES    EACCES    ok
open(O_EXCL) of a new name *                 ENOTSUP   ENOTSUP   ENOTSUP   ok        ENOTSUP
open(O_EXCL) of fifo                         EEXIST    EEXIST    EEXIST    EEXIST    EEXIST
open(O_TMPFILE) *                            ENOTSUP   ENOTSUP   ENOTSUP   ENOTSUP   ENOTSUP

open of fifo to read                         ok        ok        EACCES    EACCES    ok
open of fifo to write                        ok        ok        EACCES    EACCES    ok
open of fifo for both                        ok        ok        EACCES    EACCES    ok
open of readonly to read                     ok        ok        EACCES    EACCES    ok
open of readonly to write                    EACCES    EACCES    EACCES    EACCES    ok
open of sub/inside to read                   ok        ok        EACCES    EACCES    ok
open(O_PATH) of fifo                         ok        ok        ok        ok        ok

stat of fifo                                 ok        ok        ok        ok        ok
lstat of fifo                                ok        ok        ok        ok        ok
stat of sub/inside                           ok        ok        EACCES    EACCES    ok
access of fifo, to be there                  ok        ok        ok        ok        ok
access of fifo, to read                      ok        ok        EACCES    EACCES    ok
access of fifo, to write                     ok        ok        EACCES    EACCES    ok
access of fifo, to execute                   EACCES    EACCES    EACCES    EACCES    EACCES
listdir of the root                          ok        ok        ok        ok        ok
listdir of sub                               ok        ok        EACCES    EACCES    ok
statfs                                       ok        ok        ok        ok        ok
truncate of fifo                             EINVAL    EINVAL    EINVAL    EINVAL    EINVAL
chmod of fifo, within the ceiling            ok        EPERM     EPERM     EPERM     ok
chmod of fifo, beyond it *                   EPERM     EPERM     EPERM     EPERM     EPERM
chmod of fifo, sticky                        ok        EPERM     EPERM     EPERM     ok
chmod of sub                                 ok        EPERM     EPERM     EPERM     ok
chmod of the root                            EPERM     EPERM     EPERM     ok        ok
chown of fifo to himself                     ok        EPERM     EPERM     EPERM     ok
chown of fifo to others                      EPERM     EPERM     EPERM     EPERM     ok
chgrp of fifo to the team                    ok        EPERM     EPERM     EPERM     ok
chgrp of fifo to others                      EPERM     EPERM     EPERM     EPERM     ok
utimensat of fifo, to now                    ok        ok        EACCES    EACCES    ok
utimensat of fifo, to a time                 ok        EPERM     EPERM     EPERM     ok

unlink of fifo                               ok        EPERM     EPERM     ok        ok
unlink of his own                            ok        ok        ok        ok        ok
unlink of sub/inside                         ok        EPERM     EACCES    EACCES    ok
unlink of sub *                              EISDIR    EISDIR    EISDIR    EISDIR    EISDIR
rmdir of sub, which is not empty             ENOTEMPTY EPERM     EPERM     ENOTEMPTY ENOTEMPTY
rmdir of sub/empty                           ok        EPERM     EACCES    EACCES    ok
rename of fifo                               ok        EPERM     EPERM     ok        ok
rename of fifo, NOREPLACE                    ok        EPERM     EPERM     ok        ok
rename of fifo, NOREPLACE over his own       EEXIST    EEXIST    EEXIST    EEXIST    EEXIST
rename of his own                            ok        ok        ok        ok        ok
rename of his own over fifo                  ok        EPERM     EPERM     ok        ok
rename of fifo over his own                  ok        EPERM     EPERM     ok        ok
rename of his own into sub                   ok        ok        EACCES    EACCES    ok
rename of his own over sub/inside            ok        EPERM     EACCES    EACCES    ok
rename of sub/inside to the root             ok        EPERM     EACCES    EACCES    ok
rename of sub                                ok        EPERM     EPERM     ok        ok
exchange of fifo and his own                 ok        EPERM     EPERM     ok        ok
exchange of his own and sub/inside           ok        EPERM     EACCES    EACCES    ok

getxattr of fifo *                           ok        ok        EACCES    EACCES    ok
getxattr of fifo, its state *                ok        ok        EACCES    EACCES    ok
getxattr of fifo, unknown *                  ENODATA   ENODATA   EACCES    EACCES    ENODATA
getxattr of sub *                            ok        ok        EACCES    EACCES    ok
getxattr of the root *                       ok        ok        ok        ok        ok
listxattr of fifo                            ok        ok        ok        ok        ok
listxattr of sub                             ok        ok        ok        ok        ok
setxattr of fifo *                           ok        EPERM     EACCES    EACCES    ok
setxattr of fifo, a bad value *              EINVAL    EPERM     EACCES    EACCES    EINVAL
setxattr of fifo, XATTR_CREATE *             EEXIST    EPERM     EACCES    EACCES    EEXIST
setxattr of fifo, its state *                EROFS     EROFS     EACCES    EACCES    EROFS
setxattr of fifo, unknown *                  ENOTSUP   ENOTSUP   EACCES    EACCES    ENOTSUP
setxattr of fifo, user.*                     EPERM     EPERM     EPERM     EPERM     EPERM
setxattr of sub *                            ok        EPERM     EACCES    EACCES    ok
setxattr of the root *                       EPERM     EPERM     EPERM     ok        ok
setxattr of his own *                        ok        ok        ok        ok        ok
removexattr of fifo *                        ok        EPERM     EACCES    EACCES    ok
removexattr of sub *                         ok        EPERM     EACCES    EACCES    ok
reap of idle *                               ok        EPERM     EACCES    EACCES    ok
reap of his own *                            EBUSY     EBUSY     EBUSY     EBUSY     EBUSY

mkfifo of .fifofs *                          EEXIST    EEXIST    EEXIST    EEXIST    EEXIST
stat of .fifofs *                            ok        ok        ok        ok        ok
listdir of .fifofs *                         ok        ok        ok        ok        ok
access of .fifofs, to write *                EACCES    EACCES    EACCES    EACCES    ok
rmdir of .fifofs *                           EPERM     EPERM     EPERM     EPERM     EPERM
rename of .fifofs *                          EPERM     EPERM     EPERM     EPERM     EPERM
rename of his own over .fifofs *             EISDIR    EISDIR    EISDIR    EISDIR    EISDIR
chmod of .fifofs *                           EPERM     EPERM     EPERM     EPERM     EPERM
mkfifo in .fifofs *                          EACCES    EACCES    EACCES    EACCES    EPERM
mkdir in .fifofs *                           EACCES    EACCES    EACCES    EACCES    EPERM
open(O_CREAT) in .fifofs *                   EACCES    EACCES    EACCES    EACCES    EPERM
rename of his own into .fifofs *             EACCES    EACCES    EACCES    EACCES    EPERM
setxattr of .fifofs *                        EACCES    EACCES    EACCES    EACCES    ENOTSUP

stat of control files *                      ok        ok        ok        ok        ok
read of control files *                      ok        ok        ok        ok        ok
open of control files to write *             EACCES    EACCES    EACCES    EACCES    EACCES
open of control files for both *             EACCES    EACCES    EACCES    EACCES    EACCES
open(O_TRUNC) of control files *             EACCES    EACCES    EACCES    EACCES    EACCES
truncate of control files *                  EACCES    EACCES    EACCES    EACCES    EPERM
unlink of control files *                    EACCES    EACCES    EACCES    EACCES    EPERM
chmod of control files *                     EPERM     EPERM     EPERM     EPERM     EPERM
chown of control files *                     EPERM     EPERM     EPERM     EPERM     EPERM
utimensat of control files *                 EPERM     EPERM     EPERM     EPERM     EPERM
rename of control files *                    EACCES    EACCES    EACCES    EACCES    EPERM
rename of control files to the root *        EACCES    EACCES    EACCES    EACCES    EPERM
link of control files *                      EPERM     EPERM     EPERM     EPERM     EPERM
getxattr of control files *                  ENODATA   ENODATA   ENODATA   ENODATA   ENODATA
setxattr of control files *                  EACCES    EACCES    EACCES    EACCES    ENOTSUP
"""

# As an ordinary user the daemon can open only what is its own.
EXCLUSIVELY = 'open(O_EXCL) of a new name *'

# What differs where only the team is let in: others meet the root alone.
OUTSIDE = {'statfs': 'ok', 'chmod of the root': 'EPERM'}

# Who sees which FIFO in pipes, and what happens to it in events: whoever could list it, root and the
# mounter. Besides, events tell the owner of a FIFO what happens to it, wherever it is.
SEEN = """
path            owner   member  other   mounter root
fifo            yes     yes     yes     yes     yes
sub/inside      yes     yes     no      yes     yes
own/secret      yes     no      no      yes     yes
shut/thing      yes     no      no      yes     yes
away/owners     events  no      yes     yes     yes
"""


def rows(text):
    """{what: {caller: answer}} of a table whose first line names the callers."""
    head, *lines = text.strip().splitlines()
    callers = head.split()[1:]
    assert callers == list(CALLERS), callers
    found = {}
    for line in filter(None, lines):
        words = line.split()
        what = ' '.join(words[:-len(callers)])
        assert what not in found, what
        found[what] = dict(zip(callers, words[-len(callers):]))
    return found


EXPECTED = rows(TABLE)


def is_own(what):
    return what.endswith(' *')


@functools.cache
def operations():
    """{row of TABLE: functions that must all give its answer}"""
    found = {name: [function] for name, function in OPERATIONS.items()}
    for name, function in CONTROL_OPERATIONS.items():
        found[name.format('control files')] = [
            functools.partial(in_control, function, file) for file in CONTROL_FILES]
    marked = {row.removesuffix(' *'): row for row in EXPECTED}
    return {marked.get(name, name): functions for name, functions in found.items()}


def in_control(function, file, directory):
    function(f'{directory}/.fifofs/{file}')


def make(path, make_it, mode, uid, gid):
    make_it(path)
    os.chown(path, uid, gid)
    os.chmod(path, mode)


def empty(directory):
    for name in os.listdir(directory):
        path = f'{directory}/{name}'
        with contextlib.suppress(FileNotFoundError):            # it was being reaped
            (shutil.rmtree if stat.S_ISDIR(os.lstat(path).st_mode) else os.unlink)(path)


def prepare(directory, ids, own_ids, sticky=0):
    """What each cell finds, and nothing besides. On tmpfs all directories are sticky."""
    os.umask(0)
    empty(directory)
    for name, make_it, mode in (('fifo', os.mkfifo, 0o660), ('readonly', os.mkfifo, 0o440),
                                ('idle', os.mkfifo, 0o660), ('sub', os.mkdir, 0o770 | sticky),
                                ('sub/inside', os.mkfifo, 0o660), ('sub/empty', os.mkdir, 0o770)):
        make(f'{directory}/{name}', make_it, mode, *ids)
    make(directory + '/mine', os.mkfifo, 0o600, *own_ids)


def make_idle(directory, ids):
    """By a process that ends."""
    os.unlink(directory + '/idle')
    make(directory + '/idle', os.mkfifo, 0o660, *ids)


def carry_out(row, number, directory):
    """Nothing, or the name of the errno."""
    answer = attempt(operations()[row][number], directory)
    return answer if isinstance(answer, str) and answer.startswith('E') else 'ok'


class Callers:
    """A process for each caller, that calls what it is told to, and says what it got."""

    def __init__(self, test):
        self._connections, self._children = {}, {}
        for name, (uid, groups) in CALLERS.items():
            self._connections[name], theirs = multiprocessing.Pipe()
            self._children[name] = test.spawn(self._serve, theirs, uid=uid, groups=groups)
            theirs.close()

    @staticmethod
    def _serve(connection):
        while True:
            function, arguments = connection.recv()
            connection.send(function(*arguments))

    def call(self, caller, function, *arguments):
        self._connections[caller].send((function, arguments))
        if not self._connections[caller].poll(30):
            raise DeadlineExceeded(f'{caller} got no answer to {arguments}')
        try:
            return self._connections[caller].recv()
        except EOFError:
            return self._children[caller].result()          # raises what went wrong


class Matrix(fifofs_test.TestCase):

    deadline_seconds = 240

    def setUp(self):
        super().setUp()
        self.enterContext(fuse_conf('user_allow_other\n'))
        self.callers = Callers(self)

    def play(self, filesystem, rows_to_play, root_mode=None, by='root', who=tuple(CALLERS)):
        """{(row, caller): answer}. Everything is made by one who may."""
        sticky = stat.S_ISVTX if filesystem.kind == TMPFS else 0
        found = {}
        for row in rows_to_play:
            for caller in who:
                for number in range(len(operations()[row])):
                    self.prepare(filesystem, row, caller, sticky, root_mode, by)
                    answer = self.callers.call(caller, carry_out, row, number, filesystem.path)
                    found.setdefault((row, caller), set()).add(answer)
        return {cell: ' and '.join(sorted(answers)) for cell, answers in found.items()}

    def prepare(self, filesystem, row, caller, sticky, root_mode, by):
        """root gives things to whom they belong; others have all for themselves."""
        directory = filesystem.path
        everybody = by == 'root' and root_mode is not None
        ids = (OWNER, TEAM) if everybody else (-1, -1)
        own_ids = (CALLERS[caller][0],) * 2 if everybody else (-1, -1)
        if filesystem.kind == FIFOFS:
            self.callers.call(by, os.removexattr, directory, 'fifofs.lifetime')
        self.callers.call(by, prepare, directory, ids, own_ids, sticky)
        if 'reap of idle' in row:
            as_user(CALLERS[by][0], make_idle, directory, ids)
        if everybody:
            os.chown(directory, MOUNTER, TEAM)
            os.chmod(directory, root_mode | sticky)

    def assert_answers(self, found, expected):
        wrong = [f'{row}, by {caller}: {answer} instead of {expected[row][caller]}'
                 for (row, caller), answer in found.items() if answer != expected[row][caller]]
        self.assertEqual(wrong, [])

    def test_every_operation_is_in_the_table_and_every_row_is_an_operation(self):
        self.assertEqual(set(operations()), set(EXPECTED))
        self.assertEqual(len(EXPECTED), len(OPERATIONS) + len(CONTROL_OPERATIONS))

    def test_on_a_mount_for_all_each_gets_what_the_table_says(self):
        with Mount('allow_other', user=MOUNTER) as mount:
            self.assert_answers(self.play(mount, EXPECTED, 0o777), EXPECTED)

    def test_on_a_mount_for_a_group_others_are_not_let_in(self):
        expected = {row: {**answers, 'other': OUTSIDE.get(row, 'EACCES')}
                    for row, answers in EXPECTED.items()}
        with Mount('allow_other', user=MOUNTER) as mount:
            self.assert_answers(self.play(mount, EXPECTED, 0o2770), expected)

    def test_what_is_not_decided_by_fifofs_is_as_on_tmpfs(self):
        with Tmpfs() as tmpfs:
            shared = [row for row in EXPECTED if not is_own(row)]
            self.assert_answers(self.play(tmpfs, shared, 0o777), EXPECTED)

    def test_on_a_private_mount_of_a_user_nobody_else_gets_anything(self):
        expected = self.expect_private('mounter', 'owner', {
            'chmod of the root': 'ok', 'setxattr of the root *': 'ok',
            'chgrp of fifo to the team': 'EPERM', EXCLUSIVELY: 'ok'})
        with Mount('ceiling=0660,dirceiling=0770', user=MOUNTER) as mount:
            self.assert_answers(self.play(mount, EXPECTED, by='mounter'), expected)

    def test_on_a_private_mount_of_root_nobody_else_gets_anything(self):
        with Mount('ceiling=0660,dirceiling=0770') as mount:
            self.assert_answers(self.play(mount, EXPECTED), self.expect_private(
                'root', 'root', {EXCLUSIVELY: 'ok'}))

    def test_a_daemon_of_root_lets_all_create_exclusively(self):
        with Mount('allow_other') as mount:
            found = self.play(mount, [EXCLUSIVELY], 0o777)
            self.assert_answers(found, {EXCLUSIVELY: dict.fromkeys(CALLERS, 'ok')})

    @staticmethod
    def expect_private(mounter, column, others):
        """Who has mounted gets what is in that column, but for some; and the others nothing."""
        return {row: {**dict.fromkeys(CALLERS, 'ok' if row == 'statfs' else 'EACCES'),
                      mounter: others.get(row, answers[column])}
                for row, answers in EXPECTED.items()}


def make_seen(directory):
    os.umask(0)
    for name, mode, uid in (('sub', 0o770, OWNER), ('own', 0o700, OWNER), ('shut', 0o711, OWNER),
                            ('away', 0o700, STRANGER)):
        make(f'{directory}/{name}', os.mkdir, mode, uid, TEAM)
    for path in rows(SEEN):
        make(f'{directory}/{path}', os.mkfifo, 0o660, OWNER, TEAM)


def listed_paths(directory):
    with open(directory + '/.fifofs/pipes', encoding='utf-8') as stream:
        return {json.loads(line)['path'] for line in stream}


def told_paths(directory, ready, last):
    """Of what happens from when it is ready until the last."""
    descriptor = os.open(directory + '/.fifofs/events', os.O_RDONLY)
    os.write(ready, b'.')
    with open(descriptor, encoding='utf-8') as stream:
        told = set()
        while last not in told:
            told.add(json.loads(stream.readline())['path'])
    return told


class Sight(fifofs_test.TestCase):

    def setUp(self):
        super().setUp()
        self.enterContext(fuse_conf('user_allow_other\n'))

    def mount(self, root_mode):
        mount = self.enterContext(Mount('allow_other', user=MOUNTER))
        make_seen(mount.path)
        os.chown(mount.path, MOUNTER, TEAM)
        os.chmod(mount.path, root_mode)
        return mount

    def expected(self, caller, *words):
        return {path for path, answers in rows(SEEN).items() if answers[caller] in words}

    def test_pipes_has_what_each_could_list(self):
        for root_mode, outside in ((0o777, ()), (0o2770, ('other',))):
            mount = self.mount(root_mode)
            for caller, (uid, groups) in CALLERS.items():
                with self.subTest(caller=caller, root_mode=oct(root_mode)):
                    found = attempt(as_user, uid, listed_paths, mount.path, groups=groups)
                    expected = 'EACCES' if caller in outside else self.expected(caller, 'yes')
                    self.assertEqual(found, expected)

    def test_events_has_what_each_could_list_and_what_is_his(self):
        mount = self.mount(0o777)
        for caller, (uid, groups) in CALLERS.items():
            with self.subTest(caller=caller):
                readable, writable = os.pipe()
                reader = self.spawn(told_paths, mount.path, writable, 'fifo', uid=uid, groups=groups)
                os.read(readable, 1)
                os.close(readable)
                os.close(writable)
                for path in list(rows(SEEN))[1:] + ['fifo']:
                    os.utime(f'{mount.path}/{path}')

                self.assertEqual(reader.result(), self.expected(caller, 'yes', 'events'))

    def test_private_mount_shows_nothing_to_others(self):
        for user, name in ((MOUNTER, 'mounter'), (None, 'root')):
            with Mount(user=user) as mount:
                for caller, (uid, groups) in CALLERS.items():
                    found = attempt(as_user, uid, listed_paths, mount.path, groups=groups)
                    self.assertEqual(found, set() if caller == name else 'EACCES', (name, caller))


if __name__ == '__main__':
    fifofs_test.main()
