/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order matters in one place. A removal is decided and made under the registry lock, with a
 * lookup count of 0 where the lifetime wants an idle FIFO: no opener can come between, as it would
 * have to be answered a LOOKUP first. What the kernel is told about it comes after, without the
 * lock.
 */
#include "reaper.h"

#include "kernel.h"
#include "step.h"

/* How many due FIFOs are handled before requests get the lock again, and other events their turn.
 */
#define BATCH 256

/*
 * A FORGET follows a probe at once, but a process before us may have read it and died. So the request
 * thread is asked after so long, again each time, whether none is on its way any more.
 */
#define REST_AFTER (50 * G_TIME_SPAN_MILLISECOND)

struct FfReaper {
    FfRegistry *registry;
    FfJournal *journal;
    FfWatch *watch;
    FfHolds *holds;
    FfSession *session;
    GSource *source;
    /* Wakes up while `rest` has something. */
    GSource *rest_source;
    /* Suspects whose inodes the kernel does not know. Under the registry lock. */
    GArray *rest;
    /* What was left to do by a process before us: FfErrand; and Suspects. NULL when done. */
    GArray *inherited, *suspects;
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
    /* We have it open ourselves; and it is to go if only we have, whatever is in it. */
    gboolean holding, force;
} Errand;

static void errand_clear(gpointer data)
{
    g_free(((Errand *)data)->name);
}

/* A node of which the kernel may know nothing although lookups are counted. */
typedef struct {
    guint64 id;
    /* The directory that it is in, or 0. */
    guint64 parent;
    guint serial;
} Suspect;

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
        FfReason reason;

        errand.holding = node->holding;
        errand.force = ff_lifetime_due(&facts, &reason) <= now;
        errand.serial = ff_registry_begin_probe(reaper->registry, node);
        ff_deadline_set(reaper->deadlines, &node->deadline, FF_NEVER);
    }
    g_array_append_val(errands, errand);
    if (decision.verdict != FF_VERDICT_REMOVE)
        return;
    if (errand.known_to_kernel)
        ff_journal_note_errand(reaper->journal, node);
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

static struct fuse_session *fuse_of(const FfReaper *reaper)
{
    return ff_session_fuse(reaper->session);
}

/* Registry locked. The kernel does not know the node, or did not with that serial. */
static void suspect(FfReaper *reaper, guint64 id, guint serial)
{
    Suspect suspect = {.id = id, .serial = serial};

    if (!ff_journal_is_taken_over(reaper->journal))
        return;
    g_array_append_val(reaper->rest, suspect);
    if (reaper->rest->len == 1)
        g_source_set_ready_time(reaper->rest_source, g_get_monotonic_time() + REST_AFTER);
}

static void probe(FfReaper *reaper, const Errand *errand)
{
    gboolean held = ff_kernel_probe(fuse_of(reaper), errand->parent, errand->name, errand->id);
    g_autoptr(FfRegistryLocker) locker = NULL;
    FfNode *node;

    FF_STEP("probed");
    if (errand->holding) {
        ff_holds_ask(reaper->holds, errand->id, errand->serial, errand->force);
        return;
    }
    locker = ff_registry_locker_new(reaper->registry);
    node = ff_registry_find(reaper->registry, errand->id);
    /* There may be many probes in a row, and the queue of reports has an end. */
    ff_watch_catch_up(reaper->watch);
    if (node != NULL && ff_node_is_linked(node))
        ff_registry_end_probe(reaper->registry, node, errand->serial, held);
    if (node != NULL && !held && node->lookups > 0)
        suspect(reaper, errand->id, errand->serial);
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
            ff_kernel_drop_name(fuse_of(reaper), errand->parent, errand->name, errand->id);
        g_hash_table_add(changed, &errand->parent);
    }
    g_hash_table_iter_init(&iter, changed);
    while (g_hash_table_iter_next(&iter, &parent, NULL))
        ff_kernel_refresh(fuse_of(reaper), *(guint64 *)parent);
}

static void collect_suspect(FfNode *node, gpointer data)
{
    FfReaper *reaper = data;
    Suspect suspect = {node->id, node->parent == NULL ? 0 : node->parent->id, node->lookup_serial};

    if (ff_node_is_fifo(node) && ff_node_is_linked(node))
        ff_registry_doubt(reaper->registry, node);
    else if (node->lookups > 0 && node->id != FF_ROOT_ID)
        g_array_append_val(reaper->suspects, suspect);
}

void ff_reaper_take_over(FfReaper *reaper)
{
    reaper->inherited = ff_journal_take_errands(reaper->journal);
    reaper->suspects = g_array_new(FALSE, FALSE, sizeof(Suspect));
    ff_registry_foreach(reaper->registry, collect_suspect, reaper);
}

static void ask_about(FfReaper *reaper, const Suspect *asked)
{
    g_autoptr(FfRegistryLocker) locker = NULL;

    /* Whoever was answered has the lock until the kernel knows it. */
    if (asked->parent != 0)
        ff_kernel_await_directory(fuse_of(reaper), asked->parent);
    if (ff_kernel_knows(fuse_of(reaper), asked->id))
        return;
    locker = ff_registry_locker_new(reaper->registry);
    suspect(reaper, asked->id, asked->serial);
}

/* Without the lock, as ever when the kernel is told something. */
static void run_inherited(FfReaper *reaper)
{
    g_autoptr(GArray) errands = g_steal_pointer(&reaper->inherited);
    g_autoptr(GArray) suspects = g_steal_pointer(&reaper->suspects);

    for (guint i = 0; i < errands->len; i++) {
        const FfErrand *errand = &g_array_index(errands, FfErrand, i);

        ff_kernel_drop_name(fuse_of(reaper), errand->parent, errand->name, errand->id);
        ff_kernel_refresh(fuse_of(reaper), errand->parent);
    }
    FF_STEP("inherited");
    for (guint i = 0; i < suspects->len; i++)
        ask_about(reaper, &g_array_index(suspects, Suspect, i));
}

static gboolean dispatch_rest(GSource *source, GSourceFunc callback, gpointer data)
{
    FfReaper *reaper = ((ReaperSource *)source)->reaper;
    gboolean some;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(reaper->registry);

        some = reaper->rest->len > 0;
        g_source_set_ready_time(source, some ? g_get_monotonic_time() + REST_AFTER : -1);
    }
    if (some)
        ff_session_ask_quiet(reaper->session);
    return G_SOURCE_CONTINUE;
}

void ff_reaper_forget_rest(FfReaper *reaper)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(reaper->registry);

    for (guint i = 0; i < reaper->rest->len; i++) {
        const Suspect *suspect = &g_array_index(reaper->rest, Suspect, i);
        FfNode *node = ff_registry_find(reaper->registry, suspect->id);

        FF_STEP("settling");
        if (node != NULL)
            ff_registry_forget_rest(reaper->registry, node, suspect->serial);
    }
    g_array_set_size(reaper->rest, 0);
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    FfReaper *reaper = ((ReaperSource *)source)->reaper;
    g_autoptr(GArray) errands = NULL;

    if (reaper->inherited != NULL)
        run_inherited(reaper);
    ff_registry_give_way(reaper->registry);
    errands = handle_due(reaper);
    FF_STEP("decided");
    run_errands(reaper, errands);
    FF_STEP("told");
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(reaper->registry);

        ff_journal_errands_done(reaper->journal);
        arm(reaper, ff_deadline_first_at(reaper->deadlines));
    }
    return G_SOURCE_CONTINUE;
}

static GSource *new_source(FfReaper *reaper, GSourceFuncs *funcs, GMainContext *context)
{
    GSource *source = g_source_new(funcs, sizeof(ReaperSource));

    ((ReaperSource *)source)->reaper = reaper;
    g_source_attach(source, context);
    return source;
}

FfReaper *ff_reaper_new(FfRegistry *registry, FfWatch *watch, GMainContext *context)
{
    static GSourceFuncs funcs = {.dispatch = dispatch};
    static GSourceFuncs rest_funcs = {.dispatch = dispatch_rest};
    FfReaper *reaper = g_new0(FfReaper, 1);

    reaper->registry = registry;
    reaper->watch = watch;
    reaper->deadlines = ff_deadline_queue_new();
    reaper->armed_at = FF_NEVER;
    reaper->rest = g_array_new(FALSE, FALSE, sizeof(Suspect));
    reaper->source = new_source(reaper, &funcs, context);
    reaper->rest_source = new_source(reaper, &rest_funcs, context);
    ff_registry_listen(registry, on_change, reaper);
    return reaper;
}

/* Where we have it open ourselves, that is all there is to find out; registry locked. */
static void on_found(FfNode *node, guint serial, FfHoldsFound found, gpointer data)
{
    FfReaper *reaper = data;

    ff_watch_catch_up(reaper->watch);
    if (found == FF_HOLDS_BUSY || found == FF_HOLDS_UNSURE) {
        ff_registry_end_holding_probe(reaper->registry, node, serial, found == FF_HOLDS_BUSY);
        return;
    }
    ff_registry_end_probe(reaper->registry, node, serial, found == FF_HOLDS_KNOWN);
    if (found == FF_HOLDS_UNKNOWN && node->lookups > 0)
        suspect(reaper, node->id, serial);
}

void ff_reaper_set_holds(FfReaper *reaper, FfHolds *holds)
{
    reaper->holds = holds;
    ff_holds_listen(holds, on_found, reaper);
}

void ff_reaper_set_journal(FfReaper *reaper, FfJournal *journal)
{
    reaper->journal = journal;
}

void ff_reaper_start(FfReaper *reaper, FfSession *session)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(reaper->registry);

    reaper->session = session;
    arm(reaper, reaper->inherited != NULL ? 0 : ff_deadline_first_at(reaper->deadlines));
}

void ff_reaper_free(FfReaper *reaper)
{
    if (reaper == NULL)
        return;
    g_source_destroy(reaper->source);
    g_source_unref(reaper->source);
    g_source_destroy(reaper->rest_source);
    g_source_unref(reaper->rest_source);
    g_array_unref(reaper->rest);
    g_clear_pointer(&reaper->inherited, g_array_unref);
    g_clear_pointer(&reaper->suspects, g_array_unref);
    ff_deadline_queue_free(reaper->deadlines);
    g_free(reaper);
}
