/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of a worker, as they find each other.
 *
 * Threads:
 *  - The *request thread* reads /dev/fuse and answers (session.c, ops*.c, control.c). It never
 *    touches its own mount and never sends a notification, since either may wait for a request that
 *    only it can answer; but for one that waits for nothing (kernel.h).
 *  - With io_uring there is a *ring thread* for each processor, and most requests are answered in
 *    these, several at once; the same holds for each. The request thread is left with the rest.
 *    What is not answered at once is answered by a thread that does nothing else (uring.h).
 *  - The *main thread* runs the GMainLoop: deadlines, inotify, pidfds, signals, notifications
 *    (reaper.c, kernel.c).
 *  - The *watch thread* does nothing but add inotify watches on directories of the mount (watch.c
 *    says why it is alone).
 *  - The *release thread* exists while somebody may have waited in open() for too long, and looks
 *    (openers.c). It alone may wait for the mount and for /proc.
 *  - The *relay thread* moves the data of all exclusive creations (relay.c). It opens FIFOs of the
 *    mount, and so waits for the request thread; no request is kept back for it that has the lock of a
 *    directory which it needs.
 *  - The *holds thread* asks the supervisor to keep FIFOs open, and lets go on who waits for that
 *    (holds.c). It waits for no lock of a directory, and so its clock is that of the relays too.
 *
 * Locks: the registry lock is the only one, but for one in each open control file, which comes
 * before it, and one for what relays keep in memory, inside which no other is taken. Nobody holds it
 * across a notification, an open, an inotify_add_watch() or an answer:
 * one from another thread waits for the ring thread that has brought the request.
 */
#pragma once

#include <fuse_lowlevel.h>

#include "creator.h"
#include "holds.h"
#include "journal.h"
#include "metrics.h"
#include "capacity.h"
#include "openers.h"
#include "options.h"
#include "reaper.h"
#include "registry.h"
#include "relay.h"
#include "requests.h"
#include "retry.h"
#include "session.h"
#include "stream.h"
#include "watch.h"

typedef struct FfControlHandles FfControlHandles;

typedef struct {
    /* Replaced, under the registry lock, by the main thread when it reloads. */
    FfOptions *options;
    FfRegistry *registry;
    /* Under the registry lock. */
    FfJournal *journal;
    FfCreators *creators;
    FfWatch *watch;
    FfReaper *reaper;
    FfOpeners *openers;
    FfCapacities *capacities;
    FfHolds *holds;
    FfStreams *streams;
    FfRelays *relays;
    FfMetrics *metrics;
    FfRequests *requests;
    /* Under the registry lock. */
    FfRetries *retries;
    FfSession *session;
    /* The kernel keeps ACLs; since it has said so, at INIT. */
    gboolean has_acls;
    /* Open control files. Under the registry lock. */
    FfControlHandles *handles;
    /* When it was mounted, and whose the mount is: so are the control files. It stays as it is. */
    struct timespec mounted;
    uid_t owner;
    gid_t owner_group;
} FfDaemon;

/*
 * Free all but the options. The session has been stopped, and before it what waits for the mount;
 * the rest is stopped here. Parts that are NULL were never made.
 */
void ff_daemon_free_parts(FfDaemon *daemon);
