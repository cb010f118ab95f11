/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only fifofs has: its list of FIFOs, and FIFOs that it removes by itself. Nanoseconds for each
 * FIFO; -EOPNOTSUPP elsewhere.
 */
#pragma once

#include "site.h"

/* Read `.fifofs/pipes` of the whole mount. */
int control_list_sample(const Site *site, gconstpointer what, double *value);

/* Make many FIFOs, end who has made them, and wait until `.fifofs/events` has told that all are gone. */
int control_reap_sample(const Site *site, gconstpointer what, double *value);
