/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long a FIFO lives: the values a mount, a directory or a FIFO can be given, and their names.
 *
 * The same keys, spelt the same, are mount options, xattrs (behind "fifofs.") and lines of
 * `config`; one table in policy.c knows them. A million FIFOs share a handful of policies, so a
 * node points at an interned one.
 */
#pragma once

#include <glib.h>

typedef enum {
    FF_LIFETIME_AUTO,
    FF_LIFETIME_USE,
    FF_LIFETIME_PROCESS,
    FF_LIFETIME_SESSION,
    FF_LIFETIME_KEEP,
} FfLifetime;

/* Which end of a FIFO the daemon keeps open. A bit for each. */
typedef enum {
    FF_HOLD_NONE = 0,
    FF_HOLD_READ = 1 << 0,
    FF_HOLD_WRITE = 1 << 1,
    FF_HOLD_BOTH = FF_HOLD_READ | FF_HOLD_WRITE,
} FfHold;

/* Durations are microseconds; FF_DURATION_INFINITY is "never". */
typedef struct {
    FfLifetime lifetime;
    /* FF_LINGER_UNSET until somebody chooses: then `auto` has its default and `use` has none. */
    gint64 linger;
    gint64 grace;
    gint64 max_age;
    /* How long a process may wait in open(). */
    gint64 open_timeout;
    /* Bytes that the pipe is to hold; FF_SIZE_DEFAULT leaves that to the kernel. */
    gint64 capacity;
    /* FfHold. */
    gint64 hold;
} FfPolicy;

#define FF_LINGER_UNSET (-1)

extern const FfPolicy ff_policy_default;

/**
 * ff_policy_linger() - how long after its last use an idle FIFO stays
 *
 * Return: microseconds, with the default filled in where none was chosen.
 */
gint64 ff_policy_linger(const FfPolicy *policy);

/*
 * Does each open() of such a FIFO have to begin with a LOOKUP, so that its name may not stay cached?
 * It tells who waits from now on (open_timeout), or opens it in a moment (capacity).
 */
gboolean ff_policy_wants_lookups(const FfPolicy *policy);

/* Can it be kept only by who may look into other processes? */
gboolean ff_policy_wants_trace(const FfPolicy *policy);

/* "none", "read", "write" or "both". */
const char *ff_hold_name(FfHold hold);

/* "auto", "use", ... */
const char *ff_lifetime_name(FfLifetime lifetime);

/*
 * The keys in the order in which they are listed, NULL-terminated: "lifetime", "linger", "grace",
 * "max-age", "open-timeout", "capacity", "hold".
 */
extern const char *const ff_policy_keys[];

gboolean ff_policy_has_key(const char *key);

/**
 * ff_policy_set() - change one value
 * @key:   one of ff_policy_keys
 * @value: its text
 *
 * Return: 0, -ENODATA for an unknown key, -EINVAL for a bad value; @policy is then untouched.
 */
int ff_policy_set(FfPolicy *policy, const char *key, const char *value);

/* Take one value from another policy. Return: 0 or -ENODATA for an unknown key. */
int ff_policy_copy_key(FfPolicy *policy, const char *key, const FfPolicy *from);

/*
 * Is this value the same in both? A linger that nobody has chosen equals no other, whatever it comes
 * to.
 */
gboolean ff_policy_equal_in(const FfPolicy *a, const FfPolicy *b, const char *key);

/* For a GHashTable of policies. */
guint ff_policy_hash(gconstpointer policy);
gboolean ff_policy_equal(gconstpointer a, gconstpointer b);

/* The text of one value, or NULL for an unknown key. The string is the caller's. */
char *ff_policy_get(const FfPolicy *policy, const char *key);

/* A pool of policies in which equal ones are one, each there while somebody has taken it. */
typedef struct FfPolicyPool FfPolicyPool;

FfPolicyPool *ff_policy_pool_new(void);
void ff_policy_pool_free(FfPolicyPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfPolicyPool, ff_policy_pool_free)

/* The one that equals @policy; give it back with ff_policy_pool_release(). */
const FfPolicy *ff_policy_pool_take(FfPolicyPool *pool, const FfPolicy *policy);
void ff_policy_pool_release(FfPolicyPool *pool, const FfPolicy *policy);
