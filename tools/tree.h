/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command that does the same to each of its paths, and with -R to all that is below them.
 */
#pragma once

#include <glib.h>

#include "command.h"

/**
 * TreeVisit - do it to one file, which is a FIFO or a directory of a fifofs mount
 * @fd:   an O_PATH descriptor
 * @path: as the user would write it
 *
 * Return: 0 or -errno.
 */
typedef int (*TreeVisit)(int fd, const char *path, gpointer data);

/**
 * tree_visit() - visit all
 * @what:      "cannot ...", for messages
 * @recursive: what is below directories too; names that go meanwhile are passed over
 */
ExitStatus tree_visit(char **paths, gboolean recursive, const char *what, TreeVisit visit,
                      gpointer data);
