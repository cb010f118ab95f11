/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as values of the fifofs.* attributes: lines KEY=VALUE, set one after the other on a
 * directory and on a FIFO in it.
 *
 * A bad value changes nothing; a good one is printed so that it reads back as the same; and
 * whatever the values, a decision about the FIFO's life is one that can be acted on.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "duration.h"
#include "registry.h"

static gboolean equal_policies(const FfPolicy *a, const FfPolicy *b)
{
    for (guint i = 0; ff_policy_keys[i] != NULL; i++)
        if (!ff_policy_equal_in(a, b, ff_policy_keys[i]))
            return FALSE;
    return TRUE;
}

static void check_text(const FfPolicy *policy, const char *key)
{
    g_autofree char *text = ff_policy_get(policy, key), *text_again = NULL;
    FfPolicy again = ff_policy_default;

    g_assert(text != NULL && g_str_is_ascii(text));
    g_assert(ff_policy_set(&again, key, text) == 0);
    g_assert(ff_policy_equal_in(policy, &again, key));
    text_again = ff_policy_get(&again, key);
    g_assert_cmpstr(text, ==, text_again);
}

/* A duration is not negative, and what is printed of a capacity is one that may be asked for. */
static void check_values(const FfPolicy *policy)
{
    g_assert(ff_policy_linger(policy) >= 0);
    g_assert(policy->grace >= 0 && policy->max_age >= 0 && policy->open_timeout >= 0);
    g_assert(policy->capacity >= 0);
    g_assert(policy->hold >= FF_HOLD_NONE && policy->hold <= FF_HOLD_BOTH);
}

static void check_decision(const FfNode *node)
{
    FfLifetimeFacts facts = ff_node_facts(node);
    FfDecision decision = ff_lifetime_decide(&facts, fuzz_now);

    g_assert(decision.at >= fuzz_now);
    g_assert(decision.verdict != FF_VERDICT_WAIT || decision.at > fuzz_now);
}

static void set_one(FfRegistry *registry, FfNode *node, const char *key, const char *value)
{
    FfPolicy before = *node->policy;
    int r = ff_registry_set_policy(registry, node, key, value);

    g_assert(r == 0 || r == (ff_policy_has_key(key) ? -EINVAL : -ENODATA));
    if (r < 0)
        g_assert(equal_policies(&before, node->policy));
    else if (value != NULL)
        check_text(node->policy, key);
    check_values(node->policy);
    if (ff_node_is_fifo(node))
        check_decision(node);
}

/* A line without '=' takes the value back. */
static void take_line(FfRegistry *registry, FfNode *directory, FfNode *fifo, const char *line)
{
    const char *equals = strchr(line, '=');
    g_autofree char *key = equals == NULL ? g_strdup(line)
                                          : g_strndup(line, (gsize)(equals - line));
    const char *value = equals == NULL ? NULL : equals + 1;

    set_one(registry, directory, key, value);
    set_one(registry, fifo, key, value);
    fuzz_now += FF_SECOND;
}

static FfNode *create(FfRegistry *registry, FfNode *directory, mode_t mode)
{
    FfNewNode wanted = {.mode = mode};
    FfNode *node;

    g_assert(ff_registry_create(registry, directory, "n", &wanted, &node) == 0);
    return node;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const FfRegistryOptions options = {
        .modes = {.fifo_ceiling = 0777, .dir_ceiling = 0777},
        .policy = ff_policy_default,
    };
    g_autoptr(FfRegistry) registry = ff_registry_new(&options, &fuzz_clock);
    g_auto(GStrv) lines = fuzz_lines(data, size);
    FfNode *directory, *fifo;

    fuzz_now = FUZZ_START;
    directory = create(registry, ff_registry_root(registry), S_IFDIR | 0700);
    fifo = create(registry, directory, S_IFIFO | 0600);
    ff_registry_add_lookup(registry, fifo);
    for (char **line = lines; *line != NULL; line++)
        take_line(registry, directory, fifo, *line);
    return 0;
}
