/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mounting and unmounting, which is the supervisor's; it answers no request. */
#pragma once

#include <glib.h>

#include "options.h"

typedef struct FfMounting FfMounting;

/* Mount. Return: NULL with an FF_OPTIONS_ERROR. */
FfMounting *ff_mounting_new(const FfOptions *options, GError **error);

/* Go on with a mount of which somebody has kept the descriptor; takes it over. */
FfMounting *ff_mounting_adopt(const char *mountpoint, int fd);

/* Where requests are read. */
int ff_mounting_fd(const FfMounting *mounting);

/* Has the mount not ended? @fd: ff_mounting_fd() */
gboolean ff_mounting_is_alive(int fd);

/* Unmount, unless that has happened; lazily where it is in use. Closes the descriptor. */
void ff_mounting_end(FfMounting *mounting);

/* Accepts NULL. Does not unmount. */
void ff_mounting_free(FfMounting *mounting);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfMounting, ff_mounting_free)
