/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was noted when the FIFOs of a site were made and when they went: one sample of each, taken on the way. */
#pragma once

#include "site.h"

/* Nanoseconds for each FIFO. */
int noted_fill_sample(const Site *site, gconstpointer what, double *value);
int noted_clear_sample(const Site *site, gconstpointer what, double *value);

/* Bytes of the daemon for each FIFO. */
int noted_memory_sample(const Site *site, gconstpointer what, double *value);

/* Nanoseconds of the opens beside the removal; @what: const double *, the part of them that took no longer. */
int noted_open_sample(const Site *site, gconstpointer what, double *value);
