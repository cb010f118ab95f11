/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mount of ours whose daemon has gone without unmounting it. */
#pragma once

#include <glib.h>

/* Is a fifofs mounted exactly here? @path: absolute, without symlinks. */
gboolean ff_mount_is_fifofs(const char *path);

/**
 * ff_mount_is_stale() - is a fifofs mounted here that nobody serves any more?
 * @path: absolute, without symlinks
 *
 * Where it does not answer, and the process that served it was killed but cannot end as it waits
 * for it, it is cut off, and then is stale.
 */
gboolean ff_mount_is_stale(const char *path);

/*
 * Is there a worker whose supervisor is gone, here or elsewhere? It will be gone soon, and then what it
 * serves is stale.
 */
gboolean ff_mount_may_become_stale(void);

/*
 * Have all that wait for an answer of the fifofs there get ENOTCONN. Asks nothing of it. For an
 * ordinary user that takes a fusectl.
 */
void ff_mount_cut_off(const char *path);

/*
 * Take away what is mounted there, lazily where it is in use: whoever has a FIFO of it open goes on
 * with that. Return: FALSE where it cannot be.
 */
gboolean ff_mount_detach(const char *path);
