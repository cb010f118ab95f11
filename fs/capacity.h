/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FIFOs with a capacity of their own: their pipe gets it as soon as an open of them is reported.
 *
 * A pipe lives as long as somebody has the FIFO open, and a new one has the size that the kernel
 * gives it, so it is set anew for each use. A thread of its own looks for who has it open (pipesize.h).
 */
#pragma once

#include <glib.h>

#include "registry.h"

typedef struct FfCapacities FfCapacities;

/* @mountpoint: absolute */
FfCapacities *ff_capacities_new(FfRegistry *registry, const char *mountpoint);

/*
 * End the thread. The mount must be gone or the request thread alive. ff_capacities_free() does it
 * too. Accepts NULL.
 */
void ff_capacities_stop(FfCapacities *capacities);

/* The registry must be silent from here on. Accepts NULL. */
void ff_capacities_free(FfCapacities *capacities);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfCapacities, ff_capacities_free)

/* Look at all that may have been opened while nobody looked. Registry locked. */
void ff_capacities_take_over(FfCapacities *capacities);

/* A LOOKUP of the FIFO by this thread is being answered: it may be about to open it. Registry locked. */
void ff_capacities_note(FfCapacities *capacities, const FfNode *node, pid_t tid);
