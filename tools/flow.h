/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many bytes have gone through each FIFO of a pipeline, as far as that can be known from
 * outside.
 *
 * The kernel does not count what goes through a pipe. It counts what each process reads and writes,
 * files and terminals included. So no more has gone through a FIFO than its reader has read in all,
 * nor than its writers have written in all: the smaller of both is shown, as a bound. A stage that
 * moves bytes in a way that is not counted, or may not be asked, bounds nothing. What a write() moves
 * is counted when it returns: until then it is missing, so what waits in a FIFO may be more than its
 * writer has written.
 *
 * What waits in a FIFO at this moment is exact.
 */
#pragma once

#include "crew.h"
#include "meeting.h"

#define FLOW_UNKNOWN (-1)

typedef struct {
    const Line *line;
    /* FLOW_UNKNOWN, or not more than so many bytes. */
    gint64 at_most;
    /* By which that has grown, in bytes per second. */
    gint64 rate;
    /* FLOW_UNKNOWN, or exact. */
    gint64 queued, capacity;
    /* Since when, and from what, the rate is taken. */
    gint64 since, base;
} Flow;

/* Return: an array of Flow. */
GArray *flow_new(const Pipeline *pipeline);

/**
 * flow_update() - look
 * @now: monotonic
 */
void flow_update(GArray *flows, Crew *crew, Meeting *meeting, gint64 now);
