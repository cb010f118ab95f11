/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole programs, from their start to their end: milliseconds. -EOPNOTSUPP where there is no such program. */
#pragma once

#include "site.h"

/* fifoctl on the mount; @what: const char *const *, its arguments, to which the mount is added. */
int command_fifoctl_sample(const Site *site, gconstpointer what, double *value);

/* The daemon, until another mount of its answers. */
int command_start_sample(const Site *site, gconstpointer what, double *value);
