/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only fifofs does: it lists its FIFOs, and finds out which are idle. -EOPNOTSUPP elsewhere.
 */
#pragma once

#include "site.h"

/* Read `.fifofs/pipes` of the whole mount: milliseconds. */
int control_list_sample(const Site *site, gconstpointer what, double *value);

/* Open and close FIFOs, and see in `.fifofs/events` at what pace they are found idle: nanoseconds for each. */
int control_probe_sample(const Site *site, gconstpointer what, double *value);
