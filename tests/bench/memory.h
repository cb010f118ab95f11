/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a FIFO that lies there costs the daemon: bytes of resident memory (VmRSS) for each, name included. */
#pragma once

#include "site.h"

/* Return: 0, -errno, or -EOPNOTSUPP where there is no daemon. */
int memory_sample(const Site *site, gconstpointer what, double *value);
