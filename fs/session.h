/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The FUSE session of a worker: the request thread, on a mount that somebody else has made.
 *
 * With io_uring (uring.h) libfuse has threads besides, which serve most requests.
 *
 * A worker may follow one that has died. The kernel knows nothing of that: it is asked to send once
 * more what was not answered (FUSE_NOTIFY_RESEND), and libfuse is told how the kernel began, as it
 * was with the first of us.
 */
#pragma once

#include <fuse_lowlevel.h>
#include <glib.h>

#include "journal.h"
#include "options.h"
#include "requests.h"

typedef struct FfSession FfSession;

/* What is told from the request thread. */
typedef struct {
    /* It has ended, because the mount is gone or by ff_session_stop(). */
    void (*ended)(gpointer data);
    /* Somebody who waits for an answer has got a signal. */
    void (*interrupted)(gpointer data);
    /* What ff_session_ask_quiet() has asked for: nothing that the kernel has sent waits. */
    void (*quiet)(gpointer data);
    /* Nothing comes again any more that another worker has read. */
    void (*settled)(gpointer data);
} FfSessionEvents;

typedef struct {
    const FfOptions *options;
    /* Where requests come from; stays the caller's. */
    int fd;
    const struct fuse_lowlevel_ops *ops;
    /* What requests find as their user data, and what events are told with. */
    gpointer data;
    /* Where requests are counted. */
    FfRequests *requests;
    /* Where it is kept how the kernel began; and its lock. */
    FfJournal *journal;
    FfRegistry *registry;
    const FfSessionEvents *events;
} FfSessionParts;

/**
 * ff_session_new() - get ready to answer
 *
 * After another process it also has the kernel send again what that has not answered.
 *
 * Return: the session, whose requests are not answered yet, or NULL with an FF_OPTIONS_ERROR.
 */
FfSession *ff_session_new(const FfSessionParts *parts, GError **error);

/* For notifications and the like. */
struct fuse_session *ff_session_fuse(FfSession *session);

/* Begin to answer, in a thread of its own. */
void ff_session_start(FfSession *session);

/*
 * Answer no more. With io_uring, nobody else may answer a request any more from here on: they are
 * the rings', and go with them.
 */
void ff_session_stop(FfSession *session);

/* It must be stopped, and nobody may have a request of it any more. Accepts NULL. */
void ff_session_free(FfSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfSession, ff_session_free)

/*
 * Have `quiet` called once, in the request thread, when everything that the kernel has sent until
 * then is dealt with. May have to be asked again: a busy thread is not disturbed. Any thread.
 */
void ff_session_ask_quiet(FfSession *session);

/* The number of a request. */
typedef struct {
    /* 0 where it is not known. */
    guint64 unique;
    /* The kernel has sent it before. */
    gboolean again;
} FfRequestNumber;

/* Of the request that this thread is serving. */
FfRequestNumber ff_session_current(void);

/* Of the FUSE_POLL that this thread is serving: the number to wake up who polls. */
guint64 ff_session_current_poll(void);

/* Wake up who polls with that number, as fuse_lowlevel_notify_poll() does. */
void ff_session_wake_poll(FfSession *session, guint64 number);
