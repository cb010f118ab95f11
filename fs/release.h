/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Letting threads go on that wait in open() of a FIFO of our own mount.
 *
 * These ask the kernel, /proc and our own mount, and may wait for any of them: not for the request
 * thread, not for the main thread, not under the registry lock.
 */
#pragma once

#include <glib.h>

#include "change.h"

/* What was found of a thread. */
typedef enum {
    /* It has ended, or does something else. */
    FF_OPENER_ELSEWHERE,
    /* It waits in some open(), but of what could not be seen at the moment. */
    FF_OPENER_UNRESOLVED,
    /* It waits, or did so until it was let go. */
    FF_OPENER_WAITS,
} FfOpenerState;

typedef struct {
    pid_t tid;
    /* It has waited long enough. */
    gboolean due;
    /* Not for the first time: who is only supposed to wait is taken to do so then. */
    gboolean looked_at;
    /* Set by ff_release(). */
    FfOpenerState state;
} FfOpener;

/**
 * ff_release() - let those go on whose time is over
 * @id:      the FIFO
 * @openers: array of FfOpener: who may be waiting in its open()
 *
 * The missing end is opened and closed, so whoever else waits on the same end goes on too. Nothing
 * is done unless one that is due is seen to wait in the open() of this very FIFO: then there is no
 * other end.
 *
 * Return: array of FfActor: those of @openers that were let go.
 */
GArray *ff_release(const char *mountpoint, guint64 id, GArray *openers);

/**
 * ff_release_find() - all threads that wait in the open() of a FIFO
 *
 * Return: array of pid_t, of those that the daemon may look into.
 */
GArray *ff_release_find(const char *mountpoint, guint64 id);
