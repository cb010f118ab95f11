/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each phase is entered by one store, before what it is about is done, and what tells of a phase is
 * not touched while it lasts: a worker can die between any two instructions. Each phase has at most
 * one call of which it is not known whether it was made, and what the staging pipe holds tells.
 */
#include "transit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "readiness.h"
#include "step.h"

enum {
    PHASE_NONE,
    /* FIFO to staging pipe; from there to the record; all of it is there. */
    PHASE_TAKE,
    PHASE_COPY,
    PHASE_GIVE,
    /* Into the staging pipe; from there to the FIFO; as much as it would take is there. */
    PHASE_FILL,
    PHASE_MOVE,
    PHASE_WRITTEN,
    /* A small write to the FIFO. */
    PHASE_DIRECT,
};

static void enter(const FfTransitEnd *transit, guint32 phase)
{
    __atomic_store_n(&transit->record->phase, phase, __ATOMIC_SEQ_CST);
}

static void begin(const FfTransitEnd *transit, guint32 phase, guint64 unique, gsize before)
{
    transit->record->unique = unique;
    transit->record->before = before;
    enter(transit, phase);
}

static void end_write(const FfTransitEnd *transit, gsize after)
{
    transit->record->after = after;
    enter(transit, PHASE_WRITTEN);
}

void ff_transit_done(const FfTransitEnd *transit)
{
    enter(transit, PHASE_NONE);
}

static gsize staged(const FfTransitEnd *transit)
{
    int n;

    return ioctl(transit->out, FIONREAD, &n) < 0 ? 0 : (gsize)n;
}

static void empty_staging(const FfTransitEnd *transit)
{
    char rest[4096];

    while (read(transit->out, rest, sizeof rest) > 0)
        ;
}

/* All that is staged is in the record behind @have. */
static void copy_staged(const FfTransitEnd *transit, gsize have)
{
    gssize length;

    while (have < transit->record->n && (length = read(transit->out, transit->record->data + have,
                                                       transit->record->n - have)) > 0)
        have += (gsize)length;
    transit->record->n = have;
}

gssize ff_transit_read(const FfTransitEnd *transit, guint64 unique, int fifo, gsize size,
                       const char **data)
{
    gssize length;

    begin(transit, PHASE_TAKE, unique, 0);
    length = splice(fifo, NULL, transit->in, NULL, MIN(size, FF_TRANSIT_DATA_BYTES),
                    SPLICE_F_NONBLOCK);
    FF_STEP("taken");
    if (length <= 0) {
        int r = length < 0 ? -errno : 0;

        ff_transit_done(transit);
        return r;
    }
    transit->record->n = (guint64)length;
    enter(transit, PHASE_COPY);
    copy_staged(transit, 0);
    FF_STEP("copied");
    enter(transit, PHASE_GIVE);
    *data = transit->record->data;
    return (gssize)transit->record->n;
}

static int write_directly(const FfTransitEnd *transit, guint64 unique, int fifo, const char *data,
                          gsize size, gsize *done)
{
    gssize length;
    int r;

    begin(transit, PHASE_DIRECT, unique, *done);
    length = write(fifo, data + *done, size - *done);
    r = length < 0 ? -errno : 0;
    FF_STEP("put");
    *done += (gsize)MAX(length, 0);
    end_write(transit, *done);
    return r;
}

/*
 * What is staged and does not fit was staged in vain. Buffers may hold more than a page, where
 * somebody has spliced such into it; so if there seems to be no room it is asked for a free one.
 *
 * Return: how much is worth a try, or -EAGAIN or -EPIPE.
 */
static gssize room_of(int fifo)
{
    int capacity = fcntl(fifo, F_GETPIPE_SZ), n;
    short readiness;

    if (capacity < 0 || ioctl(fifo, FIONREAD, &n) < 0)
        return FF_TRANSIT_DATA_BYTES;
    if (capacity - n >= PIPE_BUF)
        return MIN(capacity - n, FF_TRANSIT_DATA_BYTES);
    readiness = ff_readiness_now(fifo, POLLOUT);
    if ((readiness & POLLERR) != 0)
        return -EPIPE;
    return (readiness & POLLOUT) != 0 ? PIPE_BUF : -EAGAIN;
}

/* As much of it as the FIFO takes, or the staging pipe. Return: 0 or -errno. */
static int write_staged(const FfTransitEnd *transit, guint64 unique, int fifo, const char *data,
                        gsize size, gsize *done)
{
    /* It changes while we look, and the macro would ask twice. */
    gssize room = room_of(fifo), length, moved = 1;
    int r = 0;

    if (room < 0)
        return (int)room;
    begin(transit, PHASE_FILL, unique, *done);
    length = write(transit->in, data + *done, MIN(size - *done, (gsize)room));
    if (length < 0)
        return -errno;
    transit->record->n = (guint64)length;
    enter(transit, PHASE_MOVE);
    FF_STEP("filled");
    while (length > 0 && moved > 0) {
        moved = splice(transit->out, NULL, fifo, NULL, (gsize)length, SPLICE_F_NONBLOCK);
        r = moved < 0 ? -errno : 0;
        FF_STEP("moved");
        length -= MAX(moved, 0);
        *done += (gsize)MAX(moved, 0);
    }
    end_write(transit, *done);
    empty_staging(transit);
    return r;
}

int ff_transit_write(const FfTransitEnd *transit, guint64 unique, int fifo, const char *data,
                     gsize size, gsize *done)
{
    int r = 0;

    while (*done < size && r == 0)
        r = size <= PIPE_BUF ? write_directly(transit, unique, fifo, data, size, done)
                             : write_staged(transit, unique, fifo, data, size, done);
    return r;
}

static void recover_read(const FfTransitEnd *transit, FfTransitLeft *left)
{
    FfTransit *record = transit->record;

    if (record->phase == PHASE_TAKE) {
        record->n = MIN(staged(transit), FF_TRANSIT_DATA_BYTES);
        enter(transit, PHASE_COPY);
    }
    if (record->phase == PHASE_COPY) {
        copy_staged(transit, record->n - MIN(record->n, staged(transit)));
        enter(transit, PHASE_GIVE);
    }
    if (record->n > 0)
        left->bytes = g_bytes_new(record->data, record->n);
}

static void recover_write(const FfTransitEnd *transit, FfTransitLeft *left)
{
    FfTransit *record = transit->record;

    if (record->phase == PHASE_MOVE)
        end_write(transit, record->before + record->n - MIN(record->n, staged(transit)));
    else if (record->phase == PHASE_FILL)
        end_write(transit, record->before);
    left->done = record->phase == PHASE_DIRECT ? -1 : (gint64)record->after;
    empty_staging(transit);
}

void ff_transit_abandon(const FfTransit *old, FfTransit *new)
{
    *new = *old;
    if (old->phase == PHASE_FILL) {
        new->phase = PHASE_WRITTEN;
        new->after = old->before;
    }
    if (old->phase == PHASE_TAKE || old->phase == PHASE_COPY || old->phase == PHASE_MOVE)
        new->phase = PHASE_DIRECT;
}

gboolean ff_transit_recover(const FfTransitEnd *transit, FfTransitLeft *left)
{
    FfTransit *record = transit->record;

    /* Who has written it may have been taken over by somebody. */
    record->n = MIN(record->n, FF_TRANSIT_DATA_BYTES);
    *left = (FfTransitLeft){.unique = record->unique};
    if (record->phase == PHASE_TAKE || record->phase == PHASE_COPY || record->phase == PHASE_GIVE)
        recover_read(transit, left);
    else if (record->phase != PHASE_NONE)
        recover_write(transit, left);
    if (record->phase >= PHASE_FILL && record->phase <= PHASE_DIRECT)
        return TRUE;
    return left->bytes != NULL;
}
