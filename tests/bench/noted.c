/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "noted.h"

#include <errno.h>

/* Of fewer, nothing can be told: memory comes in pages, and daemons take some for other things. */
#define FEWEST           1000
#define FEWEST_IN_MEMORY 100000

static int per_fifo(const Site *site, gint64 total, guint64 fewest, double *value)
{
    if (site->n_fifos < fewest)
        return -EOPNOTSUPP;
    *value = (double)total / (double)site->n_fifos;
    return 0;
}

int noted_fill_sample(const Site *site, gconstpointer what, double *value)
{
    return per_fifo(site, site->fill_nsec, FEWEST, value);
}

int noted_clear_sample(const Site *site, gconstpointer what, double *value)
{
    return per_fifo(site, site->clearing.nsec, FEWEST, value);
}

int noted_memory_sample(const Site *site, gconstpointer what, double *value)
{
    if (site->target->daemon == 0)
        return -EOPNOTSUPP;
    return per_fifo(site, site->fill_bytes, FEWEST_IN_MEMORY, value);
}

int noted_open_sample(const Site *site, gconstpointer what, double *value)
{
    const double *part = what;
    const GArray *opens = site->clearing.opens;

    if (site->n_fifos < FEWEST || opens == NULL || opens->len == 0)
        return -EOPNOTSUPP;
    *value = (double)g_array_index(opens, gint64, (guint)(*part * (opens->len - 1)));
    return 0;
}
