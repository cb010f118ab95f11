/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes to the kernel as it stands in linux/fuse.h, where libfuse has no function for it. */
#pragma once

#include <glib.h>
#include <linux/fuse.h>
#include <sys/stat.h>

/**
 * ff_fuse_write() - write a message to /dev/fuse
 * @unique: the request that it answers, or 0 for a notification
 * @error:  0 or -errno, or which notification it is
 * @body:   (nullable): @length bytes that follow
 *
 * Return: 0 or -errno; -ENOENT where nobody waits for that answer.
 */
int ff_fuse_write(int fuse_fd, guint64 unique, int error, gconstpointer body, gsize length);

struct fuse_attr ff_fuse_attr(const struct stat *st);

/*
 * Does the kernel wait for an answer to such a request? The others come by queues of their own, which are
 * read in turns with that of these (fs/fuse/dev.c fuse_dev_do_read()).
 */
gboolean ff_fuse_is_answered(guint32 opcode);
