/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A worker dies and another one reads all that it has known. -EOPNOTSUPP but for fifofs. */
#pragma once

#include "site.h"

/* From the kill until the next worker answers: milliseconds. */
int takeover_sample(const Site *site, gconstpointer what, double *value);
