/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy.h"

#include <errno.h>
#include <string.h>

#include "duration.h"

#define DEFAULT_LINGER (30 * FF_SECOND)
#define DEFAULT_GRACE  (15 * FF_MINUTE)

const FfPolicy ff_policy_default = {
    .lifetime = FF_LIFETIME_AUTO,
    .linger = FF_LINGER_UNSET,
    .grace = DEFAULT_GRACE,
    .max_age = FF_DURATION_INFINITY,
    .open_timeout = FF_DURATION_INFINITY,
};

static const char *const lifetime_names[] = {
    [FF_LIFETIME_AUTO] = "auto",       [FF_LIFETIME_USE] = "use",
    [FF_LIFETIME_PROCESS] = "process", [FF_LIFETIME_SESSION] = "session",
    [FF_LIFETIME_KEEP] = "keep",
};

const char *const ff_policy_keys[] = {"lifetime", "linger",       "grace",
                                      "max-age",  "open-timeout", NULL};

const char *ff_lifetime_name(FfLifetime lifetime)
{
    return lifetime_names[lifetime];
}

gint64 ff_policy_linger(const FfPolicy *policy)
{
    if (policy->linger != FF_LINGER_UNSET)
        return policy->linger;
    return policy->lifetime == FF_LIFETIME_USE ? 0 : DEFAULT_LINGER;
}

static int parse_lifetime(const char *value, FfLifetime *lifetime)
{
    for (guint i = 0; i < G_N_ELEMENTS(lifetime_names); i++) {
        if (strcmp(value, lifetime_names[i]) == 0) {
            *lifetime = (FfLifetime)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* The duration behind a key; NULL for "lifetime", which is none, and for what is no key. */
static gint64 *duration_of(FfPolicy *policy, const char *key)
{
    if (strcmp(key, "linger") == 0)
        return &policy->linger;
    if (strcmp(key, "grace") == 0)
        return &policy->grace;
    if (strcmp(key, "max-age") == 0)
        return &policy->max_age;
    if (strcmp(key, "open-timeout") == 0)
        return &policy->open_timeout;
    return NULL;
}

gboolean ff_policy_has_key(const char *key)
{
    return g_strv_contains(ff_policy_keys, key);
}

int ff_policy_set(FfPolicy *policy, const char *key, const char *value)
{
    gint64 *duration = duration_of(policy, key);

    if (duration != NULL)
        return ff_duration_parse(value, duration);
    if (strcmp(key, "lifetime") == 0)
        return parse_lifetime(value, &policy->lifetime);
    return -ENODATA;
}

int ff_policy_copy_key(FfPolicy *policy, const char *key, const FfPolicy *from)
{
    FfPolicy source = *from;
    gint64 *duration = duration_of(policy, key);
    const gint64 *value = duration_of(&source, key);

    if (duration != NULL && value != NULL)
        *duration = *value;
    else if (strcmp(key, "lifetime") == 0)
        policy->lifetime = source.lifetime;
    else
        return -ENODATA;
    return 0;
}

gboolean ff_policy_equal_in(const FfPolicy *a, const FfPolicy *b, const char *key)
{
    FfPolicy x = *a, y = *b;
    const gint64 *duration = duration_of(&x, key);

    return duration != NULL ? *duration == *duration_of(&y, key) : x.lifetime == y.lifetime;
}

char *ff_policy_get(const FfPolicy *policy, const char *key)
{
    FfPolicy effective = *policy;
    gint64 *duration = duration_of(&effective, key);

    effective.linger = ff_policy_linger(policy);
    if (duration != NULL)
        return ff_duration_format(*duration);
    if (strcmp(key, "lifetime") == 0)
        return g_strdup(ff_lifetime_name(policy->lifetime));
    return NULL;
}

typedef struct {
    /* First, so that a policy and its entry hash and compare alike. */
    FfPolicy policy;
    guint refs;
} PoolEntry;

struct FfPolicyPool {
    GHashTable *entries;
};

static guint policy_hash(gconstpointer data)
{
    const FfPolicy *policy = data;

    return (guint)policy->lifetime + g_int64_hash(&policy->linger) * 3 +
           g_int64_hash(&policy->grace) * 5 + g_int64_hash(&policy->max_age) * 7 +
           g_int64_hash(&policy->open_timeout) * 11;
}

static gboolean policy_equal(gconstpointer a, gconstpointer b)
{
    const FfPolicy *x = a, *y = b;

    return x->lifetime == y->lifetime && x->linger == y->linger && x->grace == y->grace &&
           x->max_age == y->max_age && x->open_timeout == y->open_timeout;
}

FfPolicyPool *ff_policy_pool_new(void)
{
    FfPolicyPool *pool = g_new0(FfPolicyPool, 1);

    pool->entries = g_hash_table_new_full(policy_hash, policy_equal, g_free, NULL);
    return pool;
}

void ff_policy_pool_free(FfPolicyPool *pool)
{
    if (pool == NULL)
        return;
    g_hash_table_unref(pool->entries);
    g_free(pool);
}

const FfPolicy *ff_policy_pool_take(FfPolicyPool *pool, const FfPolicy *policy)
{
    PoolEntry *entry = g_hash_table_lookup(pool->entries, policy);

    if (entry == NULL) {
        entry = g_new0(PoolEntry, 1);
        entry->policy = *policy;
        g_hash_table_add(pool->entries, entry);
    }
    entry->refs++;
    return &entry->policy;
}

void ff_policy_pool_release(FfPolicyPool *pool, const FfPolicy *policy)
{
    PoolEntry *entry = g_hash_table_lookup(pool->entries, policy);

    if (--entry->refs == 0)
        g_hash_table_remove(pool->entries, entry);
}
