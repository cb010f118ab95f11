/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When a FIFO goes: pure functions of facts and a time.
 *
 * What is hard is that the daemon is not told of opens and closes. It knows exactly that a FIFO is
 * idle (lookup count 0) and, after a probe, that it is held; in between the kernel merely has the
 * name cached, and the answer to "may it go?" is then "ask first" (FF_VERDICT_PROBE), never a
 * guess.
 */
#pragma once

#include <glib.h>

#include "policy.h"

/* What is known of the kernel's references to a FIFO. */
typedef enum {
    /* The lookup count is 0: not open, nobody waits in open(). */
    FF_REFERENCE_NONE,
    /* The kernel has the name cached; whether somebody holds the FIFO has not been asked since. */
    FF_REFERENCE_CACHED,
    /* The kernel was asked, and somebody does; the next FORGET is the last close. */
    FF_REFERENCE_HELD,
} FfReference;

/* The most that anybody has done with it so far. */
typedef enum {
    FF_USE_NEVER,
    /* Somebody held it or waited in open() for a while, but no open() is known to have succeeded.
     */
    FF_USE_AWAITED,
    FF_USE_OPENED,
} FfUse;

typedef enum {
    FF_REASON_NONE,
    FF_REASON_UNLINK,
    FF_REASON_REPLACED,
    FF_REASON_IDLE,
    FF_REASON_UNUSED,
    FF_REASON_CREATOR_GONE,
    FF_REASON_SESSION_ENDED,
    FF_REASON_MAX_AGE,
} FfReason;

/* "unlink", "idle", ... */
const char *ff_reason_name(FfReason reason);

typedef enum {
    FF_VERDICT_WAIT,
    FF_VERDICT_PROBE,
    FF_VERDICT_REMOVE,
} FfVerdict;

typedef struct {
    FfPolicy policy;
    FfReference reference;
    FfUse use;
    /* FALSE also where the creator was never known. */
    gboolean creator_alive;
    /* Known, and has ended. */
    gboolean creator_ended, session_ended;
    /* Somebody wants to know whether it is held, due or not. */
    gboolean probe_wanted;
    /* Nobody wants to wait for linger or grace to end. */
    gboolean reap_wanted;
    /* The daemon has it open too, so that no FORGET tells when others have it no more. */
    gboolean holding;
    /* Monotonic microseconds. */
    gint64 created, last_used, reference_since, probed;
} FfLifetimeFacts;

typedef struct {
    FfVerdict verdict;
    /* Why, where the verdict is to remove. */
    FfReason reason;
    /*
     * When to ask again: now for a verdict to act, FF_NEVER where only a change of the facts can
     * matter.
     */
    gint64 at;
} FfDecision;

/**
 * ff_lifetime_decide() - what to do with a FIFO now
 * @now: monotonic microseconds
 */
FfDecision ff_lifetime_decide(const FfLifetimeFacts *facts, gint64 now);

/**
 * ff_lifetime_due() - when it will be removed, if it stays as idle as it may be and no other fact
 * changes
 *
 * Return: monotonic microseconds, FF_NEVER where nothing but a change of facts would remove it (it
 * is held, its creator lives, it is kept).
 */
gint64 ff_lifetime_due(const FfLifetimeFacts *facts, FfReason *reason);
