/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy.h"

#include <errno.h>
#include <string.h>

#include "duration.h"
#include "size.h"

#define DEFAULT_LINGER (30 * FF_SECOND)
#define DEFAULT_GRACE  (15 * FF_MINUTE)

const FfPolicy ff_policy_default = {
    .lifetime = FF_LIFETIME_AUTO,
    .linger = FF_LINGER_UNSET,
    .grace = DEFAULT_GRACE,
    .max_age = FF_DURATION_INFINITY,
    .open_timeout = FF_DURATION_INFINITY,
    .capacity = FF_SIZE_DEFAULT,
};

static const char *const lifetime_names[] = {
    [FF_LIFETIME_AUTO] = "auto",       [FF_LIFETIME_USE] = "use",
    [FF_LIFETIME_PROCESS] = "process", [FF_LIFETIME_SESSION] = "session",
    [FF_LIFETIME_KEEP] = "keep",
};

const char *const ff_policy_keys[] = {"lifetime",     "linger",   "grace", "max-age",
                                      "open-timeout", "capacity", "hold",  NULL};

static const char *const hold_names[] = {
    [FF_HOLD_NONE] = "none",
    [FF_HOLD_READ] = "read",
    [FF_HOLD_WRITE] = "write",
    [FF_HOLD_BOTH] = "both",
};

const char *ff_hold_name(FfHold hold)
{
    return hold_names[hold];
}

/* Return: which of the words that is, or -EINVAL. */
static int find_word(const char *text, const char *const *words, guint n_words)
{
    for (guint i = 0; i < n_words; i++)
        if (strcmp(text, words[i]) == 0)
            return (int)i;
    return -EINVAL;
}

static int parse_hold(const char *text, gint64 *number)
{
    int found = find_word(text, hold_names, G_N_ELEMENTS(hold_names));

    if (found >= 0)
        *number = found;
    return MIN(found, 0);
}

static char *format_hold(gint64 number)
{
    return g_strdup(hold_names[number]);
}

/* Every key but "lifetime", which has a type of its own. */
static const struct {
    const char *name;
    gsize offset;
    int (*parse)(const char *text, gint64 *number);
    char *(*format)(gint64 number);
} numbers[] = {
    {"linger", G_STRUCT_OFFSET(FfPolicy, linger), ff_duration_parse, ff_duration_format},
    {"grace", G_STRUCT_OFFSET(FfPolicy, grace), ff_duration_parse, ff_duration_format},
    {"max-age", G_STRUCT_OFFSET(FfPolicy, max_age), ff_duration_parse, ff_duration_format},
    {"open-timeout", G_STRUCT_OFFSET(FfPolicy, open_timeout), ff_duration_parse,
     ff_duration_format},
    {"capacity", G_STRUCT_OFFSET(FfPolicy, capacity), ff_size_parse, ff_size_format},
    {"hold", G_STRUCT_OFFSET(FfPolicy, hold), parse_hold, format_hold},
};

gboolean ff_policy_wants_trace(const FfPolicy *policy)
{
    return policy->open_timeout != FF_DURATION_INFINITY || policy->capacity != FF_SIZE_DEFAULT;
}

/* The same ones: who is to be looked into has to be known. */
gboolean ff_policy_wants_lookups(const FfPolicy *policy)
{
    return ff_policy_wants_trace(policy);
}

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
    int found = find_word(value, lifetime_names, G_N_ELEMENTS(lifetime_names));

    if (found >= 0)
        *lifetime = (FfLifetime)found;
    return MIN(found, 0);
}

/* G_N_ELEMENTS(numbers) for "lifetime", and for what is no key. */
static guint number_index(const char *key)
{
    guint i = 0;

    while (i < G_N_ELEMENTS(numbers) && strcmp(numbers[i].name, key) != 0)
        i++;
    return i;
}

static gint64 *number_of(FfPolicy *policy, guint index)
{
    return &G_STRUCT_MEMBER(gint64, policy, numbers[index].offset);
}

gboolean ff_policy_has_key(const char *key)
{
    return g_strv_contains(ff_policy_keys, key);
}

int ff_policy_set(FfPolicy *policy, const char *key, const char *value)
{
    guint i = number_index(key);

    if (i < G_N_ELEMENTS(numbers))
        return numbers[i].parse(value, number_of(policy, i));
    if (strcmp(key, "lifetime") == 0)
        return parse_lifetime(value, &policy->lifetime);
    return -ENODATA;
}

int ff_policy_copy_key(FfPolicy *policy, const char *key, const FfPolicy *from)
{
    FfPolicy source = *from;
    guint i = number_index(key);

    if (i < G_N_ELEMENTS(numbers))
        *number_of(policy, i) = *number_of(&source, i);
    else if (strcmp(key, "lifetime") == 0)
        policy->lifetime = source.lifetime;
    else
        return -ENODATA;
    return 0;
}

gboolean ff_policy_equal_in(const FfPolicy *a, const FfPolicy *b, const char *key)
{
    FfPolicy x = *a, y = *b;
    guint i = number_index(key);

    return i < G_N_ELEMENTS(numbers) ? *number_of(&x, i) == *number_of(&y, i)
                                     : x.lifetime == y.lifetime;
}

char *ff_policy_get(const FfPolicy *policy, const char *key)
{
    FfPolicy effective = *policy;
    guint i = number_index(key);

    effective.linger = ff_policy_linger(policy);
    if (i < G_N_ELEMENTS(numbers))
        return numbers[i].format(*number_of(&effective, i));
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

guint ff_policy_hash(gconstpointer data)
{
    FfPolicy policy = *(const FfPolicy *)data;
    guint hash = (guint)policy.lifetime;

    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        hash = hash * 31 + g_int64_hash(number_of(&policy, i));
    return hash;
}

gboolean ff_policy_equal(gconstpointer a, gconstpointer b)
{
    if (a == b)
        return TRUE;
    for (const char *const *key = ff_policy_keys; *key != NULL; key++)
        if (!ff_policy_equal_in(a, b, *key))
            return FALSE;
    return TRUE;
}

FfPolicyPool *ff_policy_pool_new(void)
{
    FfPolicyPool *pool = g_new0(FfPolicyPool, 1);

    pool->entries = g_hash_table_new_full(ff_policy_hash, ff_policy_equal, g_free, NULL);
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
