/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The FUSE session: mounting, the request thread, unmounting.
 *
 * With io_uring (uring.h) libfuse has threads besides, which serve most requests.
 */
#pragma once

#include <fuse_lowlevel.h>
#include <glib.h>

#include "options.h"
#include "requests.h"

typedef struct FfSession FfSession;

/* What is told from the request thread. */
typedef struct {
    /* It has ended, because the mount is gone or by ff_session_stop(). */
    void (*ended)(gpointer data);
    /* Somebody who waits for an answer has got a signal. */
    void (*interrupted)(gpointer data);
} FfSessionEvents;

/**
 * ff_session_new() - mount
 * @data:     what requests find as their user data
 * @requests: where they are counted
 *
 * Return: the session, whose requests are not answered yet, or NULL with an FF_OPTIONS_ERROR.
 */
FfSession *ff_session_new(const FfOptions *options, const struct fuse_lowlevel_ops *ops,
                          gpointer data, FfRequests *requests, const FfSessionEvents *events,
                          GError **error);

/* For notifications and the like. */
struct fuse_session *ff_session_fuse(FfSession *session);

/* Begin to answer, in a thread of its own. */
void ff_session_start(FfSession *session);

/*
 * Answer no more, and unmount unless that has happened. Ends the connection: whoever waits for an
 * answer gets an error. With io_uring, nobody else may answer a request any more from here on: they
 * are the rings', and go with them.
 */
void ff_session_stop(FfSession *session);

/* It must be stopped, and nobody may have a request of it any more. Accepts NULL. */
void ff_session_free(FfSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfSession, ff_session_free)
