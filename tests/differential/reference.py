# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the mount answers differently for a reason: the whole list.

Reference carries out steps on tmpfs so that it answers as fifofs promises to, and Mounted on the
mount so that there is something to compare. Each method here is one difference, and says where it is
documented. Nothing else may differ.

    no umask                            Reference.mask
    ceiling and floor                   Reference.mkfifo, .mkdir, .mknod, .create, .change_mode
    every directory is as if sticky     Reference.mkdir, .change_mode, .describe, .remove, .rename
    open(O_CREAT) makes a FIFO          Reference.create
    O_EXCL, O_TMPFILE                   Reference.create, .open_place
    FIFOs and directories alone         Reference.mknod, .link, .symlink
    I/O moves no times                  Reference.write; tmpfs is mounted with noatime
    unlinked FIFOs are not counted      Reference.used_inodes
    listings in pieces are right        Reference.finish_listing

Where fifofs refuses what tmpfs does, tmpfs does it, so that its refusals come first, and then it is
undone, with the times of the directory.

Not compared, as sequences do not contain it: the name .fifofs in the root, extended attributes,
RENAME_WHITEOUT, O_DIRECT, and chown(-1, -1) of a set-group-ID file by others than its owner, which
the kernel refuses but for FUSE (fs/fuse/dir.c fuse_setattr()).
"""

import dataclasses
import errno
import os
import stat

from calls import AT_FDCWD, RENAME_EXCHANGE
from tree import ROOT, Tree

SPECIAL_BITS = 0o7000
STICKY = stat.S_ISVTX
REFUSED = 'EPERM'
NOTHING_WRONG = ([], [], [])


@dataclasses.dataclass(frozen=True)
class Settings:
    """Options of a mount, and what follows from them."""
    options: str
    ceiling: int = 0o7777
    floor: int = 0
    directory_ceiling: int = 0o777

    def new_fifo(self, mode):
        return mode & self.ceiling | self.floor

    def new_directory(self, mode):
        return mode & (self.directory_ceiling | SPECIAL_BITS)

    def allow(self, is_directory, mode):
        if is_directory:
            return mode & ~(self.directory_ceiling | SPECIAL_BITS) == 0
        return mode & ~(self.ceiling | STICKY) == 0 and mode & self.floor == self.floor


ALL_SETTINGS = (
    Settings('ceiling=7777,lifetime=keep'),
    # The creator of all lives, so nothing goes; but the daemon asks and asks who holds what.
    Settings('ceiling=7777,linger=1s'),
    Settings('ceiling=0664,floor=0400,dirceiling=0775,lifetime=keep',
             ceiling=0o664, floor=0o400, directory_ceiling=0o775),
)


# With the sysctl the kernel treats directories that are sticky, and others write to, as no others: it
# must be the same in both trees then.
with open('/proc/sys/fs/protected_fifos', encoding='ascii') as sysctl:
    ALL_STICKY = int(sysctl.read()) != 0


def in_tree(mode):
    return mode | STICKY if ALL_STICKY else mode


class Mounted(Tree):
    """The mount. Nothing is adapted but to ALL_STICKY."""

    def mkdir(self, place, mode):
        super().mkdir(place, in_tree(mode))

    def chmod(self, place, mode):
        super().chmod(place, in_tree(mode))

    def fchmod(self, slot, mode):
        super().fchmod(slot, in_tree(mode))


class Reference(Tree):

    def __init__(self, settings):
        super().__init__()
        self._settings = settings
        # Inode numbers of the directories that are sticky on tmpfs alone.
        self._plain = set()

    def enter(self, root):
        super().enter(root)
        self.note_wish(os.stat('/'), in_tree(0))

    def mask(self, umask):
        """No umask takes part (fifofs(8), CREATING)."""
        os.umask(0)

    # Only owners remove and rename, in every directory (fifofs(8), CREATING): as in those that are
    # sticky, so on tmpfs each one is.

    def note_wish(self, st, mode):
        if stat.S_ISDIR(st.st_mode):
            (self._plain.discard if mode & STICKY else self._plain.add)(st.st_ino)

    def describe(self, st):
        mode, *others = super().describe(st)
        return (mode & ~STICKY if st.st_ino in self._plain else mode, *others)

    def unlink(self, place):
        self.remove(super().unlink, place, stat.S_ISDIR, errno.EISDIR)

    def rmdir(self, place):
        self.remove(super().rmdir, place, lambda mode: not stat.S_ISDIR(mode), errno.ENOTDIR)

    def remove(self, function, place, is_wrong, wrong):
        """Where the bit is not there, the kernel sees a wrong type before it asks for an owner."""
        try:
            function(place)
        except PermissionError as error:
            if error.errno == errno.EPERM and not self.is_stuck(place) and \
                    is_wrong(self.look(place).st_mode):
                raise OSError(wrong, 'type') from error
            raise

    def rename(self, source, target, flags):
        try:
            super().rename(source, target, flags)
        except PermissionError as error:
            if error.errno == errno.EPERM:
                self.complain_of_rename(source, target, flags & RENAME_EXCHANGE)
            raise

    def complain_of_rename(self, source, target, exchange):
        """The same for a rename: what else the kernel would complain of (fs/namei.c vfs_rename())."""
        moved, replaced = self.look(source), self.look(target)
        if self.is_stuck(source):
            return
        if not self.access(self.directory_of(target), os.W_OK | os.X_OK, True):
            raise OSError(errno.EACCES, 'target')
        if replaced and self.is_stuck(target):
            return
        if replaced and not exchange and stat.S_ISDIR(moved.st_mode) != stat.S_ISDIR(replaced.st_mode):
            raise OSError(errno.ENOTDIR if stat.S_ISDIR(moved.st_mode) else errno.EISDIR, 'type')
        if self.look_at_directory(source).st_ino == self.look_at_directory(target).st_ino:
            return
        for place, st in ((source, moved), (target, replaced if exchange else None)):
            if st and stat.S_ISDIR(st.st_mode) and not self.access(place, os.W_OK, True):
                raise OSError(errno.EACCES, '..')

    def is_stuck(self, place):
        """Does the kernel itself refuse to remove it, as it is another's in a sticky directory?"""
        directory = self.look_at_directory(place)
        return directory.st_ino not in self._plain and \
            self._uid not in (ROOT, directory.st_uid, self.look(place).st_uid)

    def look(self, place):
        """What the name stands for, whoever may know it; None where nothing is."""
        path, at = self.at(place)
        try:
            return self.as_root(os.lstat, path.rstrip(b'/') or path, **at)
        except OSError:
            return None

    def look_at_directory(self, place):
        return self.look(self.directory_of(place))

    def directory_of(self, place):
        """The place of the directory that the name is in."""
        slot, path = place
        parent, slash, _ = path.rstrip(b'/').rpartition(b'/')
        return slot, parent or slash or b'.'

    # Modes are within ceiling and floor, at creation silently, at chmod by refusal (fifofs(8), MOUNT
    # OPTIONS).

    def mkfifo(self, place, mode):
        super().mkfifo(place, self._settings.new_fifo(mode))

    def mkdir(self, place, mode):
        mode = self._settings.new_directory(mode)
        super().mkdir(place, mode | STICKY)
        self.note_wish(self.look(place), in_tree(mode))

    def chmod(self, place, mode):
        path, at = self.at(place)
        return self.change_mode(lambda: os.stat(path, **at),
                                lambda mode: os.chmod(path, mode, **at), mode)

    def fchmod(self, slot, mode):
        return self.change_mode(lambda: os.fstat(self.slots[slot]),
                                lambda mode: os.fchmod(self.slots[slot], mode), mode)

    def change_mode(self, look, change, mode):
        """Where a mode is refused, other refusals come first: those that its own mode meets."""
        try:
            st = self.as_root(look)
        except OSError:
            return change(mode)
        mode = in_tree(mode)
        is_directory = stat.S_ISDIR(st.st_mode)
        # The one that it has is never refused: the root's may be beyond its ceiling.
        is_kept = mode == stat.S_IMODE(self.describe(st)[0])
        if not is_kept and not self._settings.allow(is_directory, mode):
            change(stat.S_IMODE(st.st_mode))
            return REFUSED
        change(mode | STICKY if is_directory else mode)
        self.note_wish(st, mode)
        return None

    # There are FIFOs and directories alone (README.md, Limits).

    def mknod(self, place, mode):
        if stat.S_ISFIFO(mode):
            return super().mknod(place, stat.S_IFIFO | self._settings.new_fifo(stat.S_IMODE(mode)))
        return self.refuse(place, lambda: super(Reference, self).mknod(place, mode))

    def link(self, source, target):
        return self.refuse(target, lambda: super(Reference, self).link(source, target))

    def symlink(self, text, place):
        return self.refuse(place, lambda: super(Reference, self).symlink(text, place))

    def refuse(self, place, make):
        """What tmpfs makes is unmade, so that all is as before."""
        directory = self.look_at_directory(place)
        make()
        self.unmake(place, directory)
        return REFUSED

    def unmake(self, place, directory):
        """As if it had never been there, also by the times of its directory."""
        path, at = self.at(place)
        self.as_root(os.unlink, path, **at)
        path, at = self.at(self.directory_of(place))
        self.as_root(os.utime, path, ns=(directory.st_atime_ns, directory.st_mtime_ns), **at)

    # open(O_CREAT) makes a FIFO, which the second walk opens by its mode; with O_EXCL nothing is
    # made, and O_TMPFILE is not there (README.md, Limits; docs/design.md, Creation).

    def open_place(self, place, flags, mode):
        if flags & os.O_PATH:
            return super().open_place(place, flags, mode)
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            os.close(super().open_place(place, flags, mode))
            raise OSError(errno.EOPNOTSUPP, 'O_TMPFILE')
        if flags & os.O_CREAT and self.look(place) is None:
            return self.create(place, flags, mode)
        return super().open_place(place, flags, mode)

    def create(self, place, flags, mode):
        """Whether tmpfs would, with a regular file; then a FIFO in its place."""
        before = self.look_at_directory(place)
        try:
            os.close(super().open_place(place, flags, mode))
        except OSError:
            if self.look(place) is None:
                raise
        self.unmake(place, before)
        self.mkfifo(place, mode)
        if flags & os.O_EXCL:
            # What the creator has is not the FIFO, and is closed.
            return self.open_at(AT_FDCWD, b'/', os.O_PATH, 0)
        return super().open_place(place, flags & ~os.O_CREAT, mode)

    def write(self, slot, data):
        """I/O moves no times (README.md, Limits); of reads, noatime sees to that."""
        before = os.fstat(self.slots[slot])
        written = super().write(slot, data)
        self.as_root(os.utime, self.slots[slot], ns=(before.st_atime_ns, before.st_mtime_ns))
        return written

    def used_inodes(self):
        """Names are counted (docs/design.md). tmpfs has FIFOs too that are open without one, and the
        directories that these were in, removed or not."""
        super().used_inodes()                       # raises where one may not ask
        return len(self.tree())

    def finish_listing(self, slot):
        """Names that stay are told once (docs/design.md, Directories). Not so on tmpfs: when others
        have been exchanged between two pieces, it leaves some out or tells them twice (Linux 6.18)."""
        super().finish_listing(slot)
        return NOTHING_WRONG
