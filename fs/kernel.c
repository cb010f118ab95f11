/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel.h"

#include <errno.h>
#include <string.h>

/* A negative offset means attributes only (fs/fuse/inode.c fuse_reverse_inval_inode()). */
#define ATTRIBUTES_ONLY (-1)

/* If it is somebody's after all, it is looked up once more. */
#define NOBODYS_NAME "\xff fifofs \xff"

gboolean ff_kernel_probe(struct fuse_session *session, guint64 parent, const char *name, guint64 id)
{
    fuse_lowlevel_notify_inval_entry(session, parent, name, strlen(name));
    return ff_kernel_knows(session, id);
}

gboolean ff_kernel_knows(struct fuse_session *session, guint64 id)
{
    return fuse_lowlevel_notify_inval_inode(session, id, ATTRIBUTES_ONLY, 0) == 0;
}

void ff_kernel_drop_name(struct fuse_session *session, guint64 parent, const char *name, guint64 id)
{
    fuse_lowlevel_notify_delete(session, parent, id, name, strlen(name));
}

void ff_kernel_await_directory(struct fuse_session *session, guint64 id)
{
    fuse_lowlevel_notify_inval_entry(session, id, NOBODYS_NAME, strlen(NOBODYS_NAME));
}

void ff_kernel_refresh(struct fuse_session *session, guint64 id)
{
    fuse_lowlevel_notify_inval_inode(session, id, ATTRIBUTES_ONLY, 0);
}
