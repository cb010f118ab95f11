/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fusewire.h"

#include <errno.h>
#include <sys/uio.h>

int ff_fuse_write(int fuse_fd, guint64 unique, int error, gconstpointer body, gsize length)
{
    struct fuse_out_header header = {
        .len = (guint32)(sizeof header + length),
        .error = error,
        .unique = unique,
    };
    struct iovec parts[] = {{&header, sizeof header}, {(gpointer)body, length}};

    return writev(fuse_fd, parts, length > 0 ? 2 : 1) < 0 ? -errno : 0;
}

struct fuse_attr ff_fuse_attr(const struct stat *st)
{
    return (struct fuse_attr){
        .ino = st->st_ino,
        .atime = (guint64)st->st_atim.tv_sec,
        .mtime = (guint64)st->st_mtim.tv_sec,
        .ctime = (guint64)st->st_ctim.tv_sec,
        .atimensec = (guint32)st->st_atim.tv_nsec,
        .mtimensec = (guint32)st->st_mtim.tv_nsec,
        .ctimensec = (guint32)st->st_ctim.tv_nsec,
        .mode = st->st_mode,
        .nlink = (guint32)st->st_nlink,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .blksize = (guint32)st->st_blksize,
    };
}

gboolean ff_fuse_is_answered(guint32 opcode)
{
    return opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET && opcode != FUSE_INTERRUPT;
}
