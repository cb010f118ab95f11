/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hidden directory `.fifofs` in the root, and its files.
 *
 * Each file is a line of the table in control.c: a name, and how its content is made while it is
 * read.
 */
#pragma once

#include "daemon.h"

#define FF_CONTROL_DIRECTORY    ".fifofs"
#define FF_CONTROL_DIRECTORY_ID 2

/* Does this id belong to the control directory or to one of its files? */
gboolean ff_control_owns(guint64 id);

/* A name of the root or of the control directory that ff_ops_is_reserved() knows. */
void ff_control_lookup(fuse_req_t req, guint64 parent, const char *name);

/* @id: one that ff_control_owns(). */
void ff_control_stat(const FfDaemon *daemon, guint64 id, struct stat *st);

/**
 * ff_control_file() - the files of the directory, one after the other
 * @index: from 0
 * @id:    set to the file's id
 *
 * Return: its name, or NULL behind the last.
 */
const char *ff_control_file(guint index, guint64 *id);

/* For FfDaemon.handles. Handles that are still open when the mount ends are freed with them. */
FfControlHandles *ff_control_handles_new(void);
void ff_control_handles_free(FfControlHandles *handles);

/* Open again those that another process had open. Registry locked. */
void ff_control_handles_take_over(FfDaemon *daemon);

void ff_control_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void ff_control_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                     struct fuse_file_info *fi);
void ff_control_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void ff_control_poll(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi,
                     struct fuse_pollhandle *poll_handle);
