/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lines of a file in the control directory: MOUNTPOINT/.fifofs/NAME.
 *
 * Anybody can mount something that calls itself fifofs, and root may be the one who looks at it. So
 * lines have a greatest length, and a daemon that does not answer is given up after a while.
 */
#pragma once

#include "mounts.h"

/* @line: without its end. Return: 0, or -errno to read no more. */
typedef int (*LineTaker)(const char *line, gsize length, gpointer data);

/**
 * lines_read() - read a file of one file system
 * @mounts: array of Mount, through one of which the file is seen
 *
 * Return: 0 or -errno; lines may have been given to @take before a failure. -ETIMEDOUT: the daemon
 * does not answer; -EBADMSG: these are no lines; -EXDEV: no mount shows the file; -ESTALE: another
 * mount hides it.
 */
int lines_read(const GPtrArray *mounts, dev_t dev, const char *name, LineTaker take, gpointer data);

/* Say why they could not be read. @what: "cannot ..." */
void lines_complain(const char *what, const Mount *mount, int result);

/*
 * Give each whole line of the text to @take, and leave the rest of the text. Return: 0 or -errno;
 * -EBADMSG where the rest is too long to become a line.
 */
int lines_take(GString *text, LineTaker take, gpointer data);
