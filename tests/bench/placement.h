/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which processors we and the daemons run on.
 *
 * A request to a FUSE daemon on an idle processor pays for waking that processor up, tens of
 * microseconds and more on a virtual machine, which hides everything else. On one processor it is a
 * mere switch between two processes. On the other hand two processes move data faster on two
 * processors. So both are measured.
 */
#pragma once

#include <sched.h>

#include "target.h"

typedef enum {
    PLACEMENT_FREE,
    PLACEMENT_PINNED,
    N_PLACEMENTS,
} PlacementId;

typedef struct {
    const char *name;
    const char *title;
} Placement;

extern const Placement placements[N_PLACEMENTS];

/* Move this process, with all that it will start, and every thread of the daemons. Return: 0 or -errno. */
int placement_apply(PlacementId id, const Targets *targets);
