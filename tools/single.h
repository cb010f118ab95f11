/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One FIFO, and who is on it, without asking its daemon: for commands that look again and again.
 */
#pragma once

#include "place.h"
#include "procscan.h"

/**
 * single_look() - the FIFO that has a name now, with its holders
 * @want_buffers: also how much waits in it
 * @result:       what could not be seen
 * @error_number: where NULL is returned, gets the errno; EMEDIUMTYPE where it is no FIFO
 */
Fifo *single_look(const GPtrArray *mounts, const char *path, gboolean want_buffers,
                  ScanResult *result, int *error_number);
