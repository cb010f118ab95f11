/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon tells and asks the kernel on its own account.
 *
 * The rule: what names a name runs on the main thread, without the registry lock. It may wait for the
 * lock of a directory, which a process has that waits for the request thread (fs/fuse/dir.c
 * fuse_reverse_inval_entry() takes the parent's inode lock). What asks or tells of an inode waits
 * for no lock of a directory, nor for an answer (fs/fuse/inode.c fuse_reverse_inval_inode()): any
 * thread may do it, without the registry lock.
 *
 * All say nothing of failure: the kernel not knowing the inode or the name any more, or the mount
 * being gone, are answers like others.
 */
#pragma once

#include <fuse_lowlevel.h>
#include <glib.h>

/**
 * ff_kernel_probe() - does anybody hold this FIFO?
 *
 * Drops the name from the dentry cache. Where nothing else refers to the inode, it goes, and its
 * FORGET is on its way before this returns. Else the inode stays until its last holder, which is
 * open file, waiting open(), O_PATH handle or bind mount, is gone.
 *
 * Return: TRUE if the kernel still has the inode.
 */
gboolean ff_kernel_probe(struct fuse_session *session, guint64 parent, const char *name,
                         guint64 id);

/* Does the kernel know this node? What it knows of its attributes, it asks for again. */
gboolean ff_kernel_knows(struct fuse_session *session, guint64 id);

/* The name is gone: open ends keep working, new opens will not find it. */
void ff_kernel_drop_name(struct fuse_session *session, guint64 parent, const char *name,
                         guint64 id);

/* Wait until nobody has the lock of this directory who has it now. */
void ff_kernel_await_directory(struct fuse_session *session, guint64 id);

/* The attributes have changed. */
void ff_kernel_refresh(struct fuse_session *session, guint64 id);
