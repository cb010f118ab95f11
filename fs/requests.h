/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many requests of which kind were answered, and how long each took.
 *
 * The time is that of the thread that answers: a request that is kept back counts for as long as it took
 * to put it aside.
 */
#pragma once

#include <glib.h>

typedef struct FfRequests FfRequests;

FfRequests *ff_requests_new(void);
void ff_requests_free(FfRequests *requests);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfRequests, ff_requests_free)

/* The clock by which they are timed, in nanoseconds. */
gint64 ff_requests_clock(void);

/**
 * ff_requests_note() - one more
 * @opcode: as in linux/fuse.h
 * @nsec:   how long it took
 *
 * In any thread.
 */
void ff_requests_note(FfRequests *requests, guint32 opcode, gint64 nsec);

/* Append a histogram for each kind, as Prometheus text. In any thread. */
void ff_requests_append(const FfRequests *requests, GString *out);
