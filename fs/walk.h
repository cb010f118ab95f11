/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A walk on our own mount, by a thread that must not wait for the lock of any directory.
 *
 * A name that is not in the dentry cache is looked up under the lock of its directory, and who has
 * that lock may be a process whose request is kept back for this very thread. So only what is
 * cached is walked. Where a request for a directory is under way, that directory is cached, and so
 * are those above it; but what they are called may change at any moment.
 */
#pragma once

#include <glib.h>

/**
 * ff_walk_cached() - open a directory
 * @mountpoint: absolute
 * @path:       from there, without "." and ".."; "" for the mount's root
 *
 * Return: an O_PATH descriptor or -errno; -EAGAIN where the path leads nowhere now, or is not
 * cached; -EXDEV where another mount lies on it.
 */
int ff_walk_cached(const char *mountpoint, const char *path);

/*
 * Have the kernel ask for attributes and an ACL of a directory that are out of date. Before
 * permissions are checked it would, which a walk in the cache does not do (fs/fuse/dir.c
 * fuse_permission()); a walk to the directory itself does, and takes no lock.
 */
void ff_walk_refresh(int directory);

/**
 * ff_walk_by_id() - the same of a directory that the kernel knows, without any walk
 *
 * It needs CAP_DAC_READ_SEARCH. The next walk of others through that directory asks for its name
 * again.
 *
 * Return: an O_PATH descriptor; -EPERM, -ESTALE where the kernel does not know it, or another -errno.
 */
int ff_walk_by_id(const char *mountpoint, guint64 id);
