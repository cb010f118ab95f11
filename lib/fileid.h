/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which file is this? Answered by the kernel alone.
 *
 * With AT_STATX_DONT_SYNC no server of a network or FUSE file system is asked for what the kernel
 * already has, so that a file system that hangs cannot hang who looks.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
    dev_t dev;
    guint64 ino;
} FfFileId;

typedef struct {
    FfFileId id;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    guint64 mount_id;
} FfFileInfo;

/**
 * ff_file_look() - identify a file
 * @dirfd, @name: as for statx(2); a last symlink is followed; with "" @dirfd itself is meant
 *
 * Return: 0 or -errno.
 */
int ff_file_look(int dirfd, const char *name, FfFileInfo *info);

/* Does that descriptor, @listfd being the directory fd of a process in /proc, lead to this file? */
gboolean ff_file_is_behind(int listfd, int number, const FfFileId *file);

/* For GHashTable, with FfFileId as key. */
guint ff_file_id_hash(gconstpointer key);
gboolean ff_file_id_equal(gconstpointer a, gconstpointer b);
