/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order matters in one place. A removal is decided and made under the registry lock, with a
 * lookup count of 0 where the lifetime wants an idle FIFO: no opener can come between, as it would
 * have to be answered a LOOKUP first. What the kernel is told about it comes after, without the
 * lock.
 */
#include "reaper.h"

#include "kernel.h"

/* How many due FIFOs are handled before requests get the lock again, and other events their turn.
 */
#define BATCH 256

struct FfReaper {
    FfRegistry *registry;
    FfWatch *watch;
    struct fuse_session *session;
    GSource *source;
    /* Under the registry lock. */
    FfDeadlineQueue *deadlines;
    /* When the source will wake up; FF_NEVER while it sleeps. */
    gint64 armed_at;
};

/* Something that the kernel has to be asked or told, kept while the lock is not held. */
typedef struct {
    FfVerdict verdict;
    guint64 id;
    guint64 parent;
    char *name;
    guint serial;
    gboolean known_to_kernel;
} Errand;

static void errand_clear(gpointer data)
{
    g_free(((Errand *)data)->name);
}

typedef struct {
    GSource source;
    FfReaper *reaper;
} ReaperSource;

static void arm(FfReaper *reaper, gint64 at)
{
    reaper->armed_at = at;
    if (reaper->session != NULL)
        g_source_set_ready_time(reaper->source, at == FF_NEVER ? -1 : at);
}

/* Any thread, registry locked. */
static void on_change(const FfChange *change, gpointer data)
{
    FfReaper *reaper = data;
    FfNode *node = change->node;
    gint64 at = FF_NEVER;

    if (!ff_node_is_fifo(node))
        return;
    /* One without a name has nothing left to remove; it may still be fchmod'ed, say. */
    if (ff_node_is_linked(node)) {
        FfLifetimeFacts facts = ff_node_facts(node);

        at = ff_lifetime_decide(&facts, ff_registry_now(reaper->registry)).at;
    }
    ff_deadline_set(reaper->deadlines, &node->deadline, at);
    /* Waking up for nothing, later, is cheaper than waking the main thread now to tell it so. */
    if (at < reaper->armed_at)
        arm(reaper, at);
}

static Errand new_errand(const FfNode *node, FfVerdict verdict)
{
    return (Errand){
        .verdict = verdict,
        .id = node->id,
        .parent = node->parent->id,
        .name = g_strdup(ff_node_name(node)),
        .known_to_kernel = node->lookups > 0,
    };
}

/* Decide about a node whose deadline has come. */
static void handle(FfReaper *reaper, FfNode *node, gint64 now, GArray *errands)
{
    FfLifetimeFacts facts = ff_node_facts(node);
    FfDecision decision = ff_lifetime_decide(&facts, now);
    Errand errand;

    if (decision.verdict == FF_VERDICT_WAIT) {
        ff_deadline_set(reaper->deadlines, &node->deadline, decision.at);
        return;
    }
    errand = new_errand(node, decision.verdict);
    if (decision.verdict == FF_VERDICT_PROBE) {
        errand.serial = ff_registry_begin_probe(reaper->registry, node);
        ff_deadline_set(reaper->deadlines, &node->deadline, FF_NEVER);
    }
    g_array_append_val(errands, errand);
    if (decision.verdict == FF_VERDICT_REMOVE)
        ff_registry_remove(reaper->registry, node, decision.reason);
}

static GArray *handle_due(FfReaper *reaper)
{
    GArray *errands = g_array_new(FALSE, FALSE, sizeof(Errand));
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(reaper->registry);
    gint64 now = ff_registry_now(reaper->registry);

    g_array_set_clear_func(errands, errand_clear);
    ff_watch_catch_up(reaper->watch);
    for (guint i = 0; i < BATCH && ff_deadline_first_at(reaper->deadlines) <= now; i++) {
        FfDeadline *first = ff_deadline_first(reaper->deadlines);
        FfNode *node = (FfNode *)((char *)first - G_STRUCT_OFFSET(FfNode, deadline));

        handle(reaper, node, now, errands);
    }
    return errands;
}

static void probe(FfReaper *reaper, const Errand *errand)
{
    gboolean held = ff_kernel_probe(reaper->session, errand->parent, errand->name, errand->id);
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(reaper->registry);
    FfNode *node = ff_registry_find(reaper->registry, errand->id);

    /* There may be many probes in a row, and the queue of reports has an end. */
    ff_watch_catch_up(reaper->watch);
    if (node != NULL && ff_node_is_linked(node))
        ff_registry_end_probe(reaper->registry, node, errand->serial, held);
}

static void run_errands(FfReaper *reaper, const GArray *errands)
{
    g_autoptr(GHashTable) changed = g_hash_table_new(g_int64_hash, g_int64_equal);
    GHashTableIter iter;
    gpointer parent;

    for (guint i = 0; i < errands->len; i++) {
        Errand *errand = &g_array_index(errands, Errand, i);

        if (errand->verdict == FF_VERDICT_PROBE) {
            probe(reaper, errand);
            continue;
        }
        if (errand->known_to_kernel)
            ff_kernel_drop_name(reaper->session, errand->parent, errand->name, errand->id);
        g_hash_table_add(changed, &errand->parent);
    }
    g_hash_table_iter_init(&iter, changed);
    while (g_hash_table_iter_next(&iter, &parent, NULL))
        ff_kernel_refresh(reaper->session, *(guint64 *)parent);
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    FfReaper *reaper = ((ReaperSource *)source)->reaper;
    g_autoptr(GArray) errands = NULL;

    ff_registry_give_way(reaper->registry);
    errands = handle_due(reaper);
    run_errands(reaper, errands);
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(reaper->registry);

        arm(reaper, ff_deadline_first_at(reaper->deadlines));
    }
    return G_SOURCE_CONTINUE;
}

FfReaper *ff_reaper_new(FfRegistry *registry, FfWatch *watch, GMainContext *context)
{
    static GSourceFuncs funcs = {.dispatch = dispatch};
    FfReaper *reaper = g_new0(FfReaper, 1);

    reaper->registry = registry;
    reaper->watch = watch;
    reaper->deadlines = ff_deadline_queue_new();
    reaper->armed_at = FF_NEVER;
    reaper->source = g_source_new(&funcs, sizeof(ReaperSource));
    ((ReaperSource *)reaper->source)->reaper = reaper;
    g_source_attach(reaper->source, context);
    ff_registry_listen(registry, on_change, reaper);
    return reaper;
}

void ff_reaper_start(FfReaper *reaper, struct fuse_session *session)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(reaper->registry);

    reaper->session = session;
    arm(reaper, ff_deadline_first_at(reaper->deadlines));
}

void ff_reaper_free(FfReaper *reaper)
{
    if (reaper == NULL)
        return;
    g_source_destroy(reaper->source);
    g_source_unref(reaper->source);
    ff_deadline_queue_free(reaper->deadlines);
    g_free(reaper);
}
