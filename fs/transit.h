/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes between a FIFO and the answer to a request, so that they are neither lost nor passed on twice
 * if the worker dies in between.
 *
 * What is done, and how far, stands in memory that outlives the worker (FfTransit); and the bytes go
 * through a pipe that does so too, the *staging pipe*, which nobody else knows. splice(2) moves them
 * from one pipe to the other or does not: so however far a transfer has come, what is left in the
 * staging pipe tells it exactly. That costs a system call for each transfer.
 *
 * But buffers that were spliced take no more bytes behind theirs, and a FIFO has few of them. So
 * small writes go to it directly, and if the worker dies within the microsecond in which it does not
 * know yet whether one was carried out, nobody knows.
 *
 * The relay thread's, one transfer at a time; but for what a worker does before it has one.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* What one transfer may carry. */
#define FF_TRANSIT_DATA_BYTES (128 * 1024)

typedef struct {
    guint32 phase;
    guint32 reserved;
    /* The number of the request. */
    guint64 unique;
    /* Of a write: the bytes that had gone into the FIFO before, and that have when it is over. */
    guint64 before, after;
    /* Those that are under way. */
    guint64 n;
    /* Of a read. */
    char data[FF_TRANSIT_DATA_BYTES];
} FfTransit;

#define FF_TRANSIT_BYTES sizeof(FfTransit)

/**
 * ff_transit_abandon() - go on without what a worker may still be doing
 * @old: its record
 * @new: gets what is known of it
 *
 * A worker that was killed while it waits in the kernel for the lock of a pipe moves its bytes once
 * it has that lock, however long that takes. So its staging pipe is of no use any more, and of a
 * transfer that was under way nobody knows how far it comes.
 */
void ff_transit_abandon(const FfTransit *old, FfTransit *new);

/* The memory, and the staging pipe. */
typedef struct {
    FfTransit *record;
    /* Where bytes come out of the staging pipe, and where they go in. */
    int out, in;
} FfTransitEnd;

/**
 * ff_transit_read() - as read(2)
 * @data: set to the bytes, which stay there until ff_transit_done()
 *
 * Return: their number, 0 at the end of the file, or -errno.
 */
gssize ff_transit_read(const FfTransitEnd *transit, guint64 unique, int fifo, gsize size,
                       const char **data);

/**
 * ff_transit_write() - write as much as the FIFO takes
 * @done: how much of @data the FIFO has had; is moved on
 *
 * Return: 0 where all is written, or -errno. It has to be made known how far a write has come that
 * goes on later, before ff_transit_done().
 */
int ff_transit_write(const FfTransitEnd *transit, guint64 unique, int fifo, const char *data,
                     gsize size, gsize *done);

/* It is answered, or written down elsewhere how far it has come. */
void ff_transit_done(const FfTransitEnd *transit);

/* What a worker has left unanswered, as far as it knew. */
typedef struct {
    guint64 unique;
    /* Of a read: what was taken from the FIFO. NULL for a write. */
    GBytes *bytes;
    /* Of a write: how much the FIFO has had; or -1, also of a read, where nobody knows. */
    gint64 done;
} FfTransitLeft;

/* Return: FALSE where nothing is left. Once it is written down, ff_transit_done(). */
gboolean ff_transit_recover(const FfTransitEnd *transit, FfTransitLeft *left);
