/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifetime.h"

#include "deadline.h"
#include "duration.h"

/* A probe costs the next opener a LOOKUP, so one FIFO is not probed more often than this. */
#define PROBE_INTERVAL (50 * FF_MILLISECOND)

/*
 * One that was opened is probed soon after, for then its last close is known exactly; but not more
 * often than this, as long as it is not due.
 */
#define OPENED_DELAY    (100 * FF_MILLISECOND)
#define OPENED_INTERVAL (250 * FF_MILLISECOND)

/*
 * A name that is cached and not in question is probed after its linger all the same: that is how a
 * process that waits in open() is noticed, and how the kernel gets its memory back. This bounds how
 * soon and how late.
 */
#define COURTESY_MIN (1 * FF_SECOND)
#define COURTESY_MAX (60 * FF_SECOND)

static const char *const reason_names[] = {
    [FF_REASON_NONE] = "none",
    [FF_REASON_UNLINK] = "unlink",
    [FF_REASON_REPLACED] = "replaced",
    [FF_REASON_IDLE] = "idle",
    [FF_REASON_UNUSED] = "unused",
    [FF_REASON_CREATOR_GONE] = "creator-gone",
    [FF_REASON_SESSION_ENDED] = "session-ended",
    [FF_REASON_MAX_AGE] = "max-age",
};

const char *ff_reason_name(FfReason reason)
{
    return reason_names[reason];
}

static gint64 due_when_unused(const FfLifetimeFacts *facts, FfReason *reason)
{
    *reason = FF_REASON_UNUSED;
    if (facts->creator_alive)
        return FF_NEVER;
    return facts->reap_wanted ? 0 : ff_time_after(facts->created, facts->policy.grace);
}

static gint64 due_when_used(const FfLifetimeFacts *facts, FfReason *reason)
{
    *reason = FF_REASON_IDLE;
    if (facts->reap_wanted)
        return 0;
    return ff_time_after(facts->last_used, ff_policy_linger(&facts->policy));
}

static gint64 due_by_lifetime(const FfLifetimeFacts *facts, FfReason *reason)
{
    switch (facts->policy.lifetime) {
    case FF_LIFETIME_AUTO:
        if (facts->use == FF_USE_NEVER)
            return due_when_unused(facts, reason);
        return facts->creator_alive ? FF_NEVER : due_when_used(facts, reason);
    case FF_LIFETIME_USE:
        /* Waiting in vain is no use of it: the next one may have more luck. */
        if (facts->use != FF_USE_OPENED)
            return due_when_unused(facts, reason);
        return due_when_used(facts, reason);
    case FF_LIFETIME_PROCESS:
        *reason = FF_REASON_CREATOR_GONE;
        return facts->creator_ended ? 0 : FF_NEVER;
    case FF_LIFETIME_SESSION:
        *reason = FF_REASON_SESSION_ENDED;
        return facts->session_ended ? 0 : FF_NEVER;
    case FF_LIFETIME_KEEP:
        break;
    }
    return FF_NEVER;
}

/*
 * `auto` and `use` remove what is idle; the others remove by the clock or with a process, held or
 * not.
 */
static gboolean needs_idle(const FfLifetimeFacts *facts, FfReason reason)
{
    return reason == FF_REASON_IDLE || reason == FF_REASON_UNUSED;
}

/* The earlier of what the lifetime says and what the greatest age says, held or not. */
static gint64 earliest_due(const FfLifetimeFacts *facts, FfReason *reason)
{
    gint64 too_old = ff_time_after(facts->created, facts->policy.max_age);
    gint64 due = due_by_lifetime(facts, reason);

    if (needs_idle(facts, *reason) && facts->reference == FF_REFERENCE_HELD)
        due = FF_NEVER;
    if (too_old <= due && too_old != FF_NEVER) {
        *reason = FF_REASON_MAX_AGE;
        return too_old;
    }
    return due;
}

gint64 ff_lifetime_due(const FfLifetimeFacts *facts, FfReason *reason)
{
    *reason = FF_REASON_NONE;
    return earliest_due(facts, reason);
}

static gint64 next_probe(const FfLifetimeFacts *facts, gint64 due, FfReason reason)
{
    gint64 courtesy = CLAMP(ff_policy_linger(&facts->policy), COURTESY_MIN, COURTESY_MAX);
    gint64 wanted = ff_time_after(facts->reference_since, courtesy);

    if (needs_idle(facts, reason))
        wanted = MIN(wanted, due);
    /* What is held is asked about for the daemon has it open too, and a close makes it cached. */
    if (facts->reference == FF_REFERENCE_CACHED && facts->use == FF_USE_OPENED &&
        facts->last_used >= facts->reference_since)
        wanted = MIN(wanted, MAX(facts->last_used + OPENED_DELAY, facts->probed + OPENED_INTERVAL));
    if (facts->probe_wanted)
        wanted = 0;
    return facts->probed == 0 ? wanted : MAX(wanted, facts->probed + PROBE_INTERVAL);
}

FfDecision ff_lifetime_decide(const FfLifetimeFacts *facts, gint64 now)
{
    FfReason reason = FF_REASON_NONE;
    gint64 due = earliest_due(facts, &reason);
    gboolean removable = !needs_idle(facts, reason) || facts->reference == FF_REFERENCE_NONE;
    gint64 probe_at;

    if (due <= now && removable)
        return (FfDecision){FF_VERDICT_REMOVE, reason, now};
    if (facts->reference == FF_REFERENCE_NONE ||
        (facts->reference == FF_REFERENCE_HELD && !facts->holding))
        return (FfDecision){FF_VERDICT_WAIT, FF_REASON_NONE, due};
    probe_at = next_probe(facts, due, reason);
    if (probe_at <= now)
        return (FfDecision){FF_VERDICT_PROBE, FF_REASON_NONE, now};
    return (FfDecision){FF_VERDICT_WAIT, FF_REASON_NONE, removable ? MIN(due, probe_at) : probe_at};
}
