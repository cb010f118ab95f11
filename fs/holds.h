/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's half of `hold`: which FIFOs are to be held, and what that means for what is known of
 * their use. The ends are the supervisor's (holder.h).
 */
#pragma once

#include <fuse_lowlevel.h>
#include <glib.h>

#include "registry.h"
#include "resumes.h"

typedef struct FfHolds FfHolds;

/* What a probe of a FIFO that is held has found. */
typedef enum {
    /* It was let go; does the kernel know it still? That is a probe's ordinary answer. */
    FF_HOLDS_UNKNOWN,
    FF_HOLDS_KNOWN,
    /* Somebody else has it open. */
    FF_HOLDS_BUSY,
    /* It could not be found out. */
    FF_HOLDS_UNSURE,
} FfHoldsFound;

/* The same, with the registry lock. */
typedef void (*FfHoldsFoundFunc)(FfNode *node, guint serial, FfHoldsFound found, gpointer data);

/**
 * ff_holds_new() - begin
 * @socket: to the supervisor
 * @able:   does he know of holding? Else there is nothing but refusals
 */
FfHolds *ff_holds_new(FfRegistry *registry, int socket, gboolean able);

/* Who wants to know what probes have found. */
void ff_holds_listen(FfHolds *holds, FfHoldsFoundFunc func, gpointer data);

/* Of the holds thread, which waits for no lock of a directory, and so never for who is kept back. */
GMainContext *ff_holds_context(const FfHolds *holds);

/* The session is there to be notified; @fuse as ff_session_fuse(). */
void ff_holds_start(FfHolds *holds, struct fuse_session *fuse);

/* Requests that are kept back are so for ever. */
void ff_holds_stop(FfHolds *holds);

/* Accepts NULL. */
void ff_holds_free(FfHolds *holds);

/**
 * ff_holds_ask() - find out whether anybody else has a FIFO that we hold
 * @serial: from ff_registry_begin_probe(); its name was dropped since
 * @force:  although there may be something in it
 *
 * In any thread, not locked. The answer goes to ff_holds_listen().
 */
void ff_holds_ask(FfHolds *holds, guint64 id, guint serial, gboolean force);

/**
 * ff_holds_prepare() - can FIFOs be held from now on without a gap, if any is to be?
 *
 * Whoever waits for that must not have the lock of the root, which the supervisor needs for it once.
 * Registry locked.
 *
 * Return: TRUE if so, or if it will never be; FALSE if @resume will be called, by the thread of the
 * holds, once that is settled.
 */
gboolean ff_holds_prepare(FfHolds *holds, FfResume resume, gpointer data);

/**
 * ff_holds_ensure() - is the FIFO held as it should be, or cannot be?
 *
 * Who could open it must not be told of it before, but where it is not prepared yet. Registry locked.
 *
 * Return: TRUE if so; FALSE if @resume will be called, by the same thread, once that is settled.
 */
gboolean ff_holds_ensure(FfHolds *holds, const FfNode *node, FfResume resume, gpointer data);

/* The same without waiting for it. */
gboolean ff_holds_is_settled(const FfHolds *holds, const FfNode *node);

/**
 * ff_holds_check() - may the FIFO be held so?
 *
 * Registry locked.
 *
 * Return: 0; -EOPNOTSUPP where the supervisor is too old; -EPERM where who has mounted it may not
 * open FIFOs of others; -EMFILE where there are as many as can be.
 */
int ff_holds_check(const FfHolds *holds, const FfNode *node, FfHold ends);

/* The id of the FIFO that the supervisor asks for by this name, once; or 0. Registry locked. */
guint64 ff_holds_find(FfHolds *holds, const char *name);
