/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bulk data through one FIFO, from one or more writing processes to a reading one: MiB per second. */
#pragma once

#include "site.h"

typedef struct {
    gsize block;
    guint n_writers;
    /* From the page cache to /dev/null, without a copy; otherwise read() and write(). */
    gboolean splice;
    /* On fifofs with a capacity (capacity.h), elsewhere as FIFOs are. */
    gboolean large;
    /* A second and a half after it was opened: the daemon looks at what is new, and no longer at what lasts. */
    gboolean lasting;
    /* On fifofs the writers have a handle of exclusive creation, which the daemon relays. */
    gboolean relayed;
} Transfer;

int transfer_sample(const Site *site, gconstpointer what, double *value);
