/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Those who may be waiting in open() of a FIFO that has an open-timeout, and their release.
 *
 * The kernel says nothing of an open() that waits. So names of such FIFOs are not cached: each
 * open() begins with a LOOKUP, which tells the thread and the moment. When its time is over a look
 * into /proc tells whether it waits in the open() of just this FIFO (waiter.h), which it does only
 * if nobody has the other end; if so, that end is opened and closed for it.
 *
 * Looking may wait, for the lock of a directory at least, and is done by a thread of its own.
 */
#pragma once

#include <glib.h>

#include "registry.h"

typedef struct FfOpeners FfOpeners;

/**
 * ff_openers_new() - begin
 * @mountpoint: absolute
 * @context:    where deadlines are waited for
 */
FfOpeners *ff_openers_new(FfRegistry *registry, const char *mountpoint, GMainContext *context);

/*
 * End the thread. The mount must be gone or the request thread alive, and the context runs no more.
 * ff_openers_free() does it too. Accepts NULL.
 */
void ff_openers_stop(FfOpeners *openers);

/* The session must be gone, so that nothing can be waited for any more. Accepts NULL. */
void ff_openers_free(FfOpeners *openers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfOpeners, ff_openers_free)

/*
 * Another process has known who waits, and how long. They are looked for once more, and their time
 * begins anew. To be called before the registry doubts what is held; registry locked.
 */
void ff_openers_take_over(FfOpeners *openers);

/* A LOOKUP of the FIFO by this thread is being answered. Registry locked. */
void ff_openers_note(FfOpeners *openers, const FfNode *node, pid_t tid);
