/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All FIFOs of a site go at once, while somebody else opens FIFOs of the same mount.
 *
 * On fifofs their creator ends, and the daemon removes them; elsewhere they are removed one by one, as rm(1) does.
 */
#pragma once

#include "site.h"

/* Return: 0 with @clearing filled in, or -errno. */
int clearing_run(Site *site, Clearing *clearing);
