/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One queue of deadlines, soonest first.
 *
 * Every FIFO may have one deadline, and there may be a million FIFOs, so the entry is part of the
 * thing that waits (intrusive) and knows its own place: moving or cancelling it costs O(log n) and
 * no memory. GLib has no priority queue; GSequence would take an allocation per entry. The queue is
 * a binary heap in a GPtrArray.
 */
#pragma once

#include <glib.h>

#define FF_NEVER G_MAXINT64

/* Packed, as 4 bytes in each of a million are worth having. */
typedef struct __attribute__((packed, aligned(4))) {
    /* Monotonic microseconds; read only. */
    gint64 at;
    /* Place in the heap plus one; 0 while it is not queued. */
    guint place;
} FfDeadline;

typedef struct FfDeadlineQueue FfDeadlineQueue;

FfDeadlineQueue *ff_deadline_queue_new(void);

/* Entries that are still queued are left as they are: their owners are ending too. */
void ff_deadline_queue_free(FfDeadlineQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfDeadlineQueue, ff_deadline_queue_free)

/**
 * ff_deadline_set() - queue an entry, or move it
 * @deadline: zeroed before its first use; must stay where it is while it is queued
 * @at:       monotonic microseconds; FF_NEVER takes it out of the queue
 */
void ff_deadline_set(FfDeadlineQueue *queue, FfDeadline *deadline, gint64 at);

/* The soonest entry, or NULL where none is queued. */
FfDeadline *ff_deadline_first(const FfDeadlineQueue *queue);

/* When the soonest entry is due, or FF_NEVER. */
gint64 ff_deadline_first_at(const FfDeadlineQueue *queue);
