/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fifofs mounts that this process can see, from /proc/self/mountinfo.
 *
 * One file system (one st_dev) can be mounted at several places: whole, or as a bind mount of one
 * of its directories. Names are told apart thus: a path "inside" counts from the root of the file
 * system and has no leading slash; a path "outside" is what the user types. Nothing here asks a
 * daemon, so a dead one cannot stop it.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
    guint64 id;
    dev_t dev;
    /* The directory of the file system that is mounted here, as a path inside: "" for all of it. */
    char *root;
    char *point;
    /* Who has mounted it, and whose its daemon is. */
    uid_t owner;
} Mount;

/**
 * mounts_load() - read the table of mounts
 *
 * Return: an array of Mount, or NULL with errno set where /proc cannot be read.
 */
GPtrArray *mounts_load(void);

/*
 * Return: a descriptor on which poll() says POLLPRI when something was mounted or unmounted since it
 * was said last (proc(5), mounts), or -errno.
 */
int mounts_open_changes(void);

/* Return: the mount with this id (STATX_MNT_ID), or NULL where it is no fifofs. */
const Mount *mounts_find_id(const GPtrArray *mounts, guint64 id);

/* Return: the first mount of this file system that shows all of it, else any of it, else NULL. */
const Mount *mounts_find_dev(const GPtrArray *mounts, dev_t dev);

/**
 * mount_inside() - from a path outside to one inside
 * @path: an absolute path without symlinks that lies on @mount
 *
 * Return: a new string, "" for the root of the file system, or NULL where @path is not below the
 * mount point.
 */
char *mount_inside(const Mount *mount, const char *path);

/**
 * mount_outside() - from a path inside to one outside
 *
 * Return: a new string, or NULL where @mount does not show that part of the file system.
 */
char *mount_outside(const Mount *mount, const char *path);

/**
 * path_below() - what remains of a path behind a directory
 *
 * Return: the part of @path behind @directory and its slash ("" where they are the same), or NULL
 * where it is not below. Every path is below "".
 */
const char *path_below(const char *path, const char *directory);
