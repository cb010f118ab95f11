/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as calls of the registry: a letter says what is done, the bytes behind it to whom.
 *
 * After each call the registry has in it what the model has (model.h), and each answer was the one
 * that the model expects.
 */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include "duration.h"
#include "listing.h"
#include "metrics.h"
#include "model.h"

/* More make one input slow, and find nothing that fewer do not. */
#define MOST_NODES 24
#define MOST_CALLS 300

typedef struct {
    FuzzInput input;
    FfRegistry *registry;
    FfMetrics *metrics;
    Model *model;
    Listing *listing;
    /* The leader of a session, and a member. */
    FfProcess *processes[2];
} World;

/* --- to whom --- */

static const char *take_name(World *world)
{
    static char names[16][300];
    guint i = fuzz_below(&world->input, G_N_ELEMENTS(names));
    /* Those at the end are of lengths at which something changes. */
    static const gsize lengths[16] = {[11] = FF_NODE_INLINE_NAME - 1,
                                      [12] = FF_NODE_INLINE_NAME,
                                      [13] = FF_NAME_MAX - 1,
                                      [14] = FF_NAME_MAX,
                                      [15] = FF_NAME_MAX + 1};

    if (names[i][0] == '\0')
        memset(names[i], 'a' + (int)i, MAX(lengths[i], 1));
    return names[i];
}

static const uid_t all_uids[] = {0, 1001, 1002};

static uid_t take_uid(World *world)
{
    return all_uids[fuzz_below(&world->input, G_N_ELEMENTS(all_uids))];
}

static gboolean fits(const ModelNode *node, gboolean is_fifo, gboolean is_known)
{
    return node->is_fifo == is_fifo && (!is_known || node->lookups > 0);
}

/* Return: one of the FIFOs or directories, known to the kernel if need be; NULL where none is. */
static ModelNode *take_node(World *world, gboolean is_fifo, gboolean is_known)
{
    const GPtrArray *nodes = world->model->nodes;
    guint start = fuzz_below(&world->input, nodes->len);

    for (guint i = 0; i < nodes->len; i++) {
        ModelNode *node = nodes->pdata[(start + i) % nodes->len];

        if (fits(node, is_fifo, is_known))
            return node;
    }
    return NULL;
}

static ModelNode *take_directory(World *world)
{
    return take_node(world, FALSE, FALSE);
}

static FfNode *real(const World *world, const ModelNode *node)
{
    return ff_registry_find(world->registry, node->id);
}

/* --- limits --- */

/* Is there no room for one more of this user? */
static gboolean is_full(const World *world, gboolean is_fifo, uid_t uid)
{
    const FfQuotaLimits *limits = &ff_registry_options(world->registry)->limits;
    guint limit = limits->user[is_fifo ? FF_QUOTA_PIPES : FF_QUOTA_DIRECTORIES];

    return uid != 0 && limit != 0 && model_n_names(world->model, is_fifo, &uid) >= limit;
}

static int room_result(const World *world, gboolean is_fifo, uid_t uid)
{
    const FfQuotaLimits *limits = &ff_registry_options(world->registry)->limits;
    guint limit = limits->mount[is_fifo ? FF_QUOTA_PIPES : FF_QUOTA_DIRECTORIES];

    if (is_full(world, is_fifo, uid))
        return -EDQUOT;
    return limit != 0 && model_n_names(world->model, is_fifo, NULL) >= limit ? -ENOSPC : 0;
}

static void set_limits(World *world)
{
    FfRegistryOptions options = *ff_registry_options(world->registry);

    for (guint kind = 0; kind < FF_QUOTA_KINDS; kind++) {
        options.limits.mount[kind] = fuzz_below(&world->input, 10);
        options.limits.user[kind] = fuzz_below(&world->input, 6);
    }
    ff_registry_set_options(world->registry, &options);
}

static void check_kind(const World *world, gboolean is_fifo)
{
    const FfQuota *quota = ff_registry_quota(world->registry);
    FfQuotaKind kind = is_fifo ? FF_QUOTA_PIPES : FF_QUOTA_DIRECTORIES;

    g_assert(ff_quota_used(quota, kind) == model_n_names(world->model, is_fifo, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(all_uids); i++)
        g_assert(ff_quota_used_by(quota, kind, all_uids[i]) ==
                 model_n_names(world->model, is_fifo, &all_uids[i]));
}

/* Whoever has nothing left is forgotten. */
static void check_quota(const World *world)
{
    g_autoptr(GArray) uids = ff_quota_users(ff_registry_quota(world->registry));
    guint n = 0;

    check_kind(world, TRUE);
    check_kind(world, FALSE);
    for (guint i = 0; i < G_N_ELEMENTS(all_uids); i++)
        n += model_n_names(world->model, TRUE, &all_uids[i]) > 0 ||
             model_n_names(world->model, FALSE, &all_uids[i]) > 0;
    g_assert(uids->len == n);
}

/* --- names --- */

static void create(World *world, mode_t type)
{
    ModelNode *directory = take_directory(world);
    const char *name = take_name(world);
    FfNewNode wanted = {.mode = type | 0700, .uid = take_uid(world)};
    int expected = model_create_result(world->model, directory, name);
    guint creator = fuzz_below(&world->input, 3);
    FfNode *node = NULL;

    if (world->model->nodes->len >= MOST_NODES)
        return;
    wanted.creator = creator < 2 ? world->processes[creator] : NULL;
    if (expected == 0)
        expected = room_result(world, S_ISFIFO(type), wanted.uid);
    g_assert(ff_registry_create(world->registry, real(world, directory), name, &wanted, &node) ==
             expected);
    if (expected < 0)
        return;
    g_assert(node->policy == node->parent->policy);
    model_add(world->model, node->id, S_ISFIFO(type), directory->id, name, wanted.uid);
}

static void create_fifo(World *world)
{
    create(world, S_IFIFO);
}

static void create_directory(World *world)
{
    create(world, S_IFDIR);
}

static void remove_name(World *world, gboolean is_rmdir)
{
    ModelNode *directory = take_directory(world);
    const char *name = take_name(world);
    const FfCaller caller = {.uid = take_uid(world)};
    int expected = model_remove_result(world->model, directory, name, is_rmdir, caller.uid);
    int (*call)(FfRegistry *, FfNode *, const char *,
                const FfCaller *) = is_rmdir ? ff_registry_rmdir : ff_registry_unlink;

    if (expected == 0)
        listing_note_gone(world->listing, directory->id, name);
    g_assert(call(world->registry, real(world, directory), name, &caller) == expected);
    if (expected == 0)
        model_unlink(world->model, model_child(world->model, directory->id, name));
}

static void unlink_fifo(World *world)
{
    remove_name(world, FALSE);
}

static void remove_directory(World *world)
{
    remove_name(world, TRUE);
}

static void rename_name(World *world)
{
    ModelNode *from = take_directory(world);
    const char *from_name = take_name(world);
    ModelNode *to = take_directory(world);
    const char *to_name = take_name(world);
    guint flags = fuzz_below(&world->input, 4);
    const FfCaller caller = {.uid = take_uid(world)};
    gboolean may = model_may_rename(world->model, from, from_name, to, to_name, flags, caller.uid);
    gboolean is_same = from == to && g_str_equal(from_name, to_name);

    if (may && !is_same && flags != RENAME_EXCHANGE)
        listing_note_gone(world->listing, from->id, from_name);
    g_assert((ff_registry_rename(world->registry, (FfPlace){real(world, from), from_name},
                                 (FfPlace){real(world, to), to_name}, flags, &caller) == 0) == may);
    if (may)
        model_rename(world->model, from, from_name, to, to_name, flags);
}

static void list(World *world)
{
    listing_begin(world->listing, real(world, take_directory(world)));
}

static void list_on(World *world)
{
    listing_step(world->listing, world->registry);
}

/* --- the kernel's references --- */

static void look_up(World *world)
{
    ModelNode *directory = take_directory(world);
    ModelNode *node = model_child(world->model, directory->id, take_name(world));

    if (node == NULL)
        return;
    ff_registry_add_lookup(world->registry, real(world, node));
    node->lookups++;
}

static void forget_node(World *world, ModelNode *node, guint64 n)
{
    ff_registry_forget(world->registry, real(world, node), n);
    model_forget(world->model, node, n);
}

static void forget(World *world)
{
    ModelNode *node = take_node(world, fuzz_below(&world->input, 2) == 0, TRUE);

    if (node != NULL)
        forget_node(world, node, MIN(node->lookups, 1 + fuzz_below(&world->input, 4)));
}

/* As the kernel does it: who is not held is forgotten before the answer comes. */
static void probe(World *world, ModelNode *node)
{
    guint serial = ff_registry_begin_probe(world->registry, real(world, node));
    guint answer = fuzz_below(&world->input, 4);

    if (answer == 0)
        forget_node(world, node, node->lookups);
    if (answer == 1) {
        ff_registry_add_lookup(world->registry, real(world, node));
        node->lookups++;
    }
    ff_registry_end_probe(world->registry, real(world, node), serial, answer != 0);
}

static void act_on(World *world, ModelNode *node)
{
    FfLifetimeFacts facts = ff_node_facts(real(world, node));
    FfDecision decision = ff_lifetime_decide(&facts, fuzz_now);

    g_assert(decision.at >= fuzz_now);
    switch (decision.verdict) {
    case FF_VERDICT_WAIT:
        g_assert(decision.at > fuzz_now);
        return;
    case FF_VERDICT_PROBE:
        probe(world, node);
        return;
    case FF_VERDICT_REMOVE:
        /* Whom the kernel may have let in keeps a FIFO that goes because nobody is on it. */
        g_assert((decision.reason != FF_REASON_IDLE && decision.reason != FF_REASON_UNUSED) ||
                 node->lookups == 0);
        listing_note_gone(world->listing, node->parent, node->name);
        ff_registry_remove(world->registry, real(world, node), decision.reason);
        model_unlink(world->model, node);
        return;
    }
}

static void act_on_all(World *world)
{
    for (guint i = world->model->nodes->len; i > 0; i--) {
        ModelNode *node = world->model->nodes->pdata[i - 1];

        if (node->is_fifo && model_is_linked(node))
            act_on(world, node);
    }
}

/* --- what is reported, and what is asked for --- */

static void note_opened(World *world)
{
    ModelNode *node = take_node(world, TRUE, FALSE);

    if (node != NULL)
        ff_registry_note_opened(world->registry, real(world, node));
}

static void note_closed(World *world)
{
    ModelNode *node = take_node(world, TRUE, FALSE);

    if (node != NULL)
        ff_registry_note_closed(world->registry, real(world, node));
}

static void notes_lost(World *world)
{
    ff_registry_notes_lost(world->registry);
}

static void set_busy(World *world)
{
    ModelNode *node = take_node(world, TRUE, FALSE);

    if (node != NULL)
        ff_registry_set_busy(world->registry, real(world, node), fuzz_below(&world->input, 2) == 1);
}

static void watch(World *world)
{
    FfNode *directory = real(world, take_directory(world));

    ff_registry_set_watched(world->registry, directory, fuzz_below(&world->input, 2) == 1);
    /* It may rest only where it may pause. */
    g_assert(!ff_registry_may_rest(world->registry, directory) ||
             ff_registry_may_pause(world->registry, directory));
}

static void probe_quiet(World *world)
{
    FfNode *directory = real(world, take_directory(world));
    guint64 cookie = 0;

    do {
        guint64 next = ff_registry_probe_quiet(world->registry, directory, cookie, 2, fuzz_now);

        g_assert(next == 0 || next > cookie);
        cookie = next;
    } while (cookie != 0);
}

static void reap(World *world)
{
    ModelNode *node = take_node(world, TRUE, FALSE);

    if (node != NULL)
        ff_registry_reap(world->registry, real(world, node), fuzz_below(&world->input, 2) == 1);
}

static void end_process(World *world)
{
    ff_registry_process_ended(world->registry, world->processes[fuzz_below(&world->input, 2)]);
}

/* --- attributes and options --- */

static void set_policy(World *world)
{
    static const char *const values[] = {"auto", "use", "process", "session",  "keep", "0",
                                         "1s",   "1h",  "64K",     "infinity", NULL,   "no!"};
    ModelNode *node = take_node(world, fuzz_below(&world->input, 2) == 0, FALSE);
    const char *key = ff_policy_keys[fuzz_below(&world->input, 6)];
    const char *value = values[fuzz_below(&world->input, G_N_ELEMENTS(values))];

    if (node != NULL)
        ff_registry_set_policy(world->registry, real(world, node), key, value);
}

static void set_attributes(World *world)
{
    ModelNode *node = take_node(world, fuzz_below(&world->input, 2) == 0, FALSE);
    FfAttributes wanted = {.set_mode = TRUE, .set_uid = TRUE, .uid = take_uid(world)};

    gboolean moves;
    int r;

    wanted.mode = (mode_t)(fuzz_byte(&world->input) << 4);
    if (node == NULL)
        return;
    moves = node->parent != 0 && node->uid != wanted.uid;
    r = ff_registry_set_attributes(world->registry, real(world, node), &wanted);
    if (r != -EPERM)
        g_assert(r == (moves && is_full(world, node->is_fifo, wanted.uid) ? -EDQUOT : 0));
    if (r == 0)
        node->uid = wanted.uid;
}

static void set_options(World *world)
{
    FfRegistryOptions options = *ff_registry_options(world->registry);

    options.policy.linger = fuzz_below(&world->input, 4) * FF_SECOND;
    options.policy.lifetime = (FfLifetime)fuzz_below(&world->input, FF_LIFETIME_KEEP + 1);
    options.root_mode = (mode_t)(fuzz_byte(&world->input) << 4);
    ff_registry_set_options(world->registry, &options);
}

static void pass_time(World *world)
{
    fuzz_now += (gint64)1 << fuzz_below(&world->input, 33);
}

/* --- the calls --- */

static void (*const calls[32])(World *) = {
    ['a' & 31] = set_attributes, ['b' & 31] = set_busy,
    ['c' & 31] = create_fifo,    ['d' & 31] = remove_directory,
    ['e' & 31] = end_process,    ['f' & 31] = forget,
    ['g' & 31] = set_options,    ['k' & 31] = note_closed,
    ['l' & 31] = look_up,        ['m' & 31] = create_directory,
    ['n' & 31] = list_on,        ['o' & 31] = note_opened,
    ['p' & 31] = set_policy,     ['q' & 31] = probe_quiet,
    ['r' & 31] = rename_name,    ['s' & 31] = list,
    ['t' & 31] = pass_time,      ['u' & 31] = unlink_fifo,
    ['v' & 31] = watch,          ['w' & 31] = act_on_all,
    ['x' & 31] = reap,           ['y' & 31] = set_limits,
    ['z' & 31] = notes_lost,
};

/* The sum of all that /metrics tells of FIFOs by state, and by user. */
static guint64 sum_of(const char *text, const char *metric)
{
    guint64 sum = 0;

    for (const char *at = strstr(text, metric); at != NULL; at = strstr(at + 1, metric))
        sum += g_ascii_strtoull(strchr(at, '}') + 1, NULL, 10);
    return sum;
}

static void check_metrics(const World *world)
{
    g_autoptr(GString) text = g_string_new(NULL);
    guint n = ff_registry_n_fifos(world->registry);

    ff_metrics_append(world->metrics, text);
    g_assert(sum_of(text->str, "\nfifofs_fifos{") == n);
    g_assert(sum_of(text->str, "\nfifofs_user_fifos{") == n);
}

static void run(World *world)
{
    for (guint n = 0; n < MOST_CALLS && world->input.left > 0; n++) {
        void (*call)(World *) = calls[fuzz_byte(&world->input) & 31];

        if (call == NULL)
            continue;
        call(world);
        model_check(world->model, world->registry);
        check_quota(world);
    }
    check_metrics(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const FfRegistryOptions options = {
        .modes = {.fifo_ceiling = 0666, .dir_ceiling = 0777},
        .policy = ff_policy_default,
        .root_mode = 0777,
    };
    g_autoptr(FfProcess) leader = ff_process_new(7, 0, "leader", 7, NULL);
    g_autoptr(FfProcess) member = ff_process_new(8, 0, "member", 7, leader);
    g_autoptr(FfRegistry) registry = ff_registry_new(&options, &fuzz_clock);
    g_autoptr(FfMetrics) metrics = ff_metrics_new(registry);
    g_autoptr(Model) model = model_new();
    g_autoptr(Listing) listing = listing_new();
    World world = {.input = {data, size},
                   .registry = registry,
                   .metrics = metrics,
                   .model = model,
                   .listing = listing,
                   .processes = {leader, member}};

    fuzz_now = FUZZ_START;
    run(&world);
    return 0;
}
