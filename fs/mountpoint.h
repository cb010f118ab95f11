/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is this a place where fifofs can be mounted? */
#pragma once

#include <glib.h>

#include "options.h"

/* Make it, where nothing has the name. Return: FALSE with an FF_OPTIONS_ERROR. */
gboolean ff_mountpoint_make(const char *path, GError **error);

/**
 * ff_mountpoint_check() - look before mounting
 * @path: as the user gave it
 *
 * A fifofs that lies there and whose daemon is gone is taken away.
 *
 * Return: the absolute path without symlinks, or NULL with an FF_OPTIONS_ERROR that says what is
 * wrong and what to do.
 */
char *ff_mountpoint_check(const char *path, GError **error);

/* The same, found without asking what is mounted there. */
char *ff_mountpoint_resolve(const char *path, GError **error);

/**
 * ff_mountpoint_keep() - go on with a mount where it is
 * @options: what is wanted by now; gets @mountpoint
 *
 * Where that is another place than was wanted, this is said. Does not ask what is mounted there.
 */
void ff_mountpoint_keep(FfOptions *options, const char *mountpoint);
