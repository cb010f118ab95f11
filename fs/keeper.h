/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The supervisor's half of relays (relay.h): it keeps what workers have open of FIFOs, so that the
 * next worker goes on with it, and the memory in which they write down what they are doing
 * (transit.h). It looks at none of it, but for that when a worker cannot end. The worker's half is
 * kept.h.
 */
#pragma once

#include <glib.h>

#include "handover.h"

typedef struct FfKeeper FfKeeper;

/* Return: NULL, with errno, where the system has no memory or no descriptors left. */
FfKeeper *ff_keeper_new(void);

/* Close all. Accepts NULL. */
void ff_keeper_free(FfKeeper *keeper);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfKeeper, ff_keeper_free)

/* What a worker wants; takes the descriptor that came with it, or -1. */
void ff_keeper_take(FfKeeper *keeper, const FfKeepMessage *message, int fd);

/**
 * ff_keeper_abandon() - the last worker was killed and does not end
 *
 * It may wait in the middle of a transfer (ff_transit_abandon()): the next ones get another staging
 * pipe.
 *
 * Return: FALSE, with errno, where there is no room for one. Then nothing may be lent any more.
 */
gboolean ff_keeper_abandon(FfKeeper *keeper);

/**
 * ff_keeper_lend() - for a worker that is about to be started
 * @fds: gets the descriptors by FfHandover, which stay the keeper's
 *
 * Return: the descriptors of all FIFOs, which the worker has to find under the same numbers; or NULL
 * where it cannot be told of them. (transfer full)
 */
GArray *ff_keeper_lend(FfKeeper *keeper, int *fds);
