/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The supervisor's half of `hold`: ends of FIFOs (lib/ends.h) that it has open while workers come and
 * go, with the bytes that are in them. The worker's half, which decides, is holds.h.
 */
#pragma once

#include <glib.h>

#include "handover.h"

typedef struct FfHolder FfHolder;

/* Once in a process. */
FfHolder *ff_holder_new(const char *mountpoint);

/* A worker has come, and is told what is kept. From now on it gets the answers. */
void ff_holder_begin(FfHolder *holder, int socket);

/* The worker has gone. */
void ff_holder_end(FfHolder *holder);

/* What a worker asks. Waits for nothing. */
void ff_holder_take(FfHolder *holder, const FfHoldMessage *message);

/* Let all go, and keep nothing more: the mount ends. It stays allocated, as threads may use it. */
void ff_holder_stop(FfHolder *holder);
