/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of a running daemon, as they find each other.
 *
 * Threads:
 *  - The *request thread* reads /dev/fuse and answers (session.c, ops*.c, control.c). It never
 *    touches its own mount and never sends a notification, since either may wait for a request that
 *    only it can answer.
 *  - With io_uring there is a *ring thread* for each processor, and most requests are answered in
 *    these, several at once; the same holds for each. The request thread is left with the rest.
 *    What is not answered at once is answered by a thread that does nothing else (uring.h).
 *  - The *main thread* runs the GMainLoop: deadlines, inotify, pidfds, signals, notifications
 *    (reaper.c, kernel.c).
 *  - The *watch thread* does nothing but add inotify watches on directories of the mount (watch.c
 *    says why it is alone).
 *  - The *release thread* exists while somebody may have waited in open() for too long, and looks
 *    (openers.c). It alone may wait for the mount and for /proc.
 *
 * Locks: the registry lock is the only one, but for one in each open control file, which comes
 * before it. Nobody holds it across a notification, an open, an inotify_add_watch() or an answer:
 * one from another thread waits for the ring thread that has brought the request.
 */
#pragma once

#include <fuse_lowlevel.h>

#include "creator.h"
#include "metrics.h"
#include "capacity.h"
#include "openers.h"
#include "options.h"
#include "reaper.h"
#include "registry.h"
#include "requests.h"
#include "retry.h"
#include "stream.h"
#include "watch.h"

typedef struct {
    /* Replaced, under the registry lock, by the main thread when it reloads. */
    FfOptions *options;
    FfRegistry *registry;
    FfCreators *creators;
    FfWatch *watch;
    FfReaper *reaper;
    FfOpeners *openers;
    FfCapacities *capacities;
    FfStreams *streams;
    FfMetrics *metrics;
    FfRequests *requests;
    /* Under the registry lock. */
    FfRetries *retries;
    struct fuse_session *session;
    /* The set of open handles of control files. Under the registry lock. */
    GHashTable *handles;
    /* When it was mounted: the times of the control files. */
    struct timespec mounted;
} FfDaemon;
