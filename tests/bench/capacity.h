/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How soon a FIFO has the capacity that it was given: KiB that have passed by then, from a writer and to a reader who
 * begin at once. -EOPNOTSUPP elsewhere than on fifofs.
 */
#pragma once

#include "site.h"

/* What is asked for here and in the transfers that have a capacity: as much as ordinary users may have. */
#define CAPACITY_ASKED "1M"
#define CAPACITY_BYTES (1024 * 1024)

int capacity_sample(const Site *site, gconstpointer what, double *value);

/* Ask for it. Elsewhere than on fifofs nothing happens. Return: 0 or -errno. */
int capacity_ask(const Site *site, const char *name);
