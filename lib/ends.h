/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ends of one FIFO that are kept open, so that nobody notices when they come and go.
 *
 * The hard one is the writing end while nobody reads. A non-blocking open fails then; with O_RDWR it
 * could be had (and then reopened), but that is a reader for a moment, and whoever waits to write
 * would be let go, to get SIGPIPE. So it is opened as everybody does: that open waits for a reader,
 * and while it waits it is a writer already (fs/pipe.c fifo_open() counts it first).
 *
 * What the kernel says of others through an end that is kept:
 *
 *  - that somebody reads, by poll() of the writing end, which tells POLLERR where nobody does;
 *  - that somebody writes, by poll() of the reading end, which tells POLLHUP where nobody does, but
 *    only if somebody has since that end was opened; and by tee(), which takes nothing out: 0 is the
 *    end of file, EAGAIN an empty FIFO with a writer.
 *
 * Where both ends are kept neither says anything, so the open files of all processes are looked at
 * first. Where those cannot be seen, the reading end goes and comes back while the writing end is
 * asked, in the time of three system calls; who writes at that very moment finds no reader.
 *
 * A FIFO that only its reading end is kept of may have bytes in it and no writer. The kernel lets no
 * reader in then: he waits for a writer first. The *bridge* is that writer. It goes once somebody is
 * in, or nothing is left, so that the end of file is one.
 */
#pragma once

#include <glib.h>

#include "fileid.h"
#include "policy.h"

typedef struct {
    FfHold hold;
    FfFileId file;
    /* -1 for an end that is not open. */
    int reading, writing;
    int bridge;
} FfEnds;

#define FF_ENDS_INIT                                                                               \
    {                                                                                              \
        FF_HOLD_NONE, {0, 0}, -1, -1, -1                                                           \
    }

typedef enum {
    /* Nobody else has it open, and nothing would be lost. */
    FF_ENDS_UNUSED,
    /* There are bytes in it. */
    FF_ENDS_QUEUED,
    /* Somebody else has it open. */
    FF_ENDS_BUSY,
} FfEndsState;

/**
 * ff_ends_open() - open what is to be kept
 * @handle: any descriptor of the FIFO, O_PATH too
 *
 * Return: 0; -ENXIO where the writing end has to be waited for (ff_ends_wait()); or -errno. Nothing
 * is open where it fails, and ff_ends_close() is for all that does not.
 */
int ff_ends_open(FfEnds *ends, int handle, FfHold hold);

/* Return: one that is open, or -1. */
int ff_ends_any(const FfEnds *ends);

/* Wait for a reader, already as a writer. Return: the writing end, or -errno: -EINTR after a signal. */
int ff_ends_wait(int handle);

/**
 * ff_ends_release() - let go what is kept, if nobody would notice
 * @force: although there are bytes in it
 *
 * Return: FF_ENDS_UNUSED where all ends are closed; else what is in the way, and they are kept. A
 * process that waits in open() may be there all the same, unless it is a writer's.
 */
FfEndsState ff_ends_release(FfEnds *ends, gboolean force);

/* Build the bridge, where one is needed. Return: is there one? */
gboolean ff_ends_bridge(FfEnds *ends);

void ff_ends_unbridge(FfEnds *ends);

/* How many bytes wait in it; 0 also where nothing is open. */
guint ff_ends_queued(const FfEnds *ends);

/*
 * Are there bytes in it, as far as the reading end is kept? It does not wait for the lock of the
 * pipe, as all else here does (fs/pipe.c pipe_poll()).
 */
gboolean ff_ends_are_readable(const FfEnds *ends);

/* Close all. */
void ff_ends_close(FfEnds *ends);
