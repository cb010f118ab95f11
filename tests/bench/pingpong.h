/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One byte to another process and back, over two FIFOs: nanoseconds for each round trip. */
#pragma once

#include "site.h"

int pingpong_sample(const Site *site, gconstpointer what, double *value);
