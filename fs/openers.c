/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "openers.h"

#include <unistd.h>

#include "deadline.h"
#include "duration.h"
#include "release.h"

/* Deadlines this near to each other are handled together. */
#define AT_ONCE (10 * G_TIME_SPAN_MILLISECOND)

/*
 * What a thread waits for may not be seen at a moment at which the kernel is about to change what
 * it has cached. So it is looked at again, after this or a quarter of its time.
 */
#define LOOK_AGAIN_AFTER (250 * G_TIME_SPAN_MILLISECOND)

/*
 * One that does not wait yet may be about to: it had to be let run first. So it is looked at twice.
 */
#define SECOND_LOOK_AFTER (1 * G_TIME_SPAN_SECOND)

/* As many threads are remembered for one FIFO; where there are more, all of /proc is looked at. */
#define MOST_OPENERS 4096

typedef struct {
    gint64 since;
    gboolean looked_at;
} Asked;

/* What is known of one FIFO. */
typedef struct {
    guint64 id;
    FfDeadline deadline;
    /* tid -> Asked */
    GHashTable *asked;
    /* Others may wait of whom nothing is known. */
    gboolean incomplete;
} Opened;

struct FfOpeners {
    FfRegistry *registry;
    char *mountpoint;
    GSource *source;
    GThreadPool *pool;
    /* The thread of the pool: it asks too, and waits for nobody. */
    gint worker;

    /* Under the registry lock. */
    GHashTable *by_id;
    /* The ids of FIFOs that can still be opened without a LOOKUP. */
    GHashTable *undropped;
    FfDeadlineQueue *deadlines;
};

/* For the thread of the pool. */
typedef struct {
    guint64 id;
    /* FfOpener */
    GArray *openers;
    /* Look for those who wait already. */
    gboolean find;
} Job;

typedef struct {
    GSource source;
    FfOpeners *openers;
} OpenersSource;

static void opened_free(gpointer data)
{
    Opened *opened = data;

    g_hash_table_unref(opened->asked);
    g_free(opened);
}

static void forget(FfOpeners *openers, Opened *opened)
{
    ff_deadline_set(openers->deadlines, &opened->deadline, FF_NEVER);
    g_hash_table_remove(openers->by_id, &opened->id);
}

static void wake_at(FfOpeners *openers, Opened *opened, gint64 at)
{
    gint64 first = ff_deadline_first_at(openers->deadlines);

    ff_deadline_set(openers->deadlines, &opened->deadline, at);
    if (at < first)
        g_source_set_ready_time(openers->source, at);
}

static gint64 timeout_of(const FfNode *node)
{
    return node->policy->open_timeout;
}

static gboolean is_timed(const FfNode *node)
{
    return ff_node_is_fifo(node) && timeout_of(node) != FF_DURATION_INFINITY;
}

static Opened *find_or_add(FfOpeners *openers, guint64 id)
{
    Opened *opened = g_hash_table_lookup(openers->by_id, &id);

    if (opened != NULL)
        return opened;
    opened = g_new0(Opened, 1);
    opened->id = id;
    opened->deadline.at = FF_NEVER;
    opened->asked = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_hash_table_insert(openers->by_id, &opened->id, opened);
    return opened;
}

static void note(FfOpeners *openers, const FfNode *node, pid_t tid, Asked asked)
{
    Opened *opened = find_or_add(openers, node->id);

    if (g_hash_table_size(opened->asked) >= MOST_OPENERS)
        opened->incomplete = TRUE;
    else
        g_hash_table_replace(opened->asked, GINT_TO_POINTER(tid), g_memdup2(&asked, sizeof asked));
    if (opened->deadline.place == 0 || asked.since + timeout_of(node) < opened->deadline.at)
        wake_at(openers, opened, asked.since + timeout_of(node));
}

/* Has the thread asked again meanwhile? */
static gboolean has_asked(FfOpeners *openers, guint64 id, pid_t tid)
{
    const Opened *opened = g_hash_table_lookup(openers->by_id, &id);

    return opened != NULL && g_hash_table_contains(opened->asked, GINT_TO_POINTER(tid));
}

void ff_openers_note(FfOpeners *openers, const FfNode *node, pid_t tid)
{
    if (is_timed(node) && tid != 0 && tid != g_atomic_int_get(&openers->worker))
        note(openers, node, tid, (Asked){.since = ff_registry_now(openers->registry)});
}

/* --- the main thread: whose time is over? --- */

static void start_job(FfOpeners *openers, guint64 id, GArray *asked, gboolean find)
{
    Job *job = g_new0(Job, 1);

    *job = (Job){id, asked, find};
    g_thread_pool_push(openers->pool, job, NULL);
}

static void start_find(FfOpeners *openers, guint64 id)
{
    start_job(openers, id, g_array_new(FALSE, FALSE, sizeof(FfOpener)), TRUE);
}

/*
 * All who asked, with those whose time is over marked and forgotten: the others on the same end
 * will be let go with them. Return: when the next one's time is over, or FF_NEVER.
 */
static gint64 collect(Opened *opened, gint64 timeout, gint64 now, GArray *asked)
{
    GHashTableIter iter;
    gpointer tid, value;
    gint64 next = FF_NEVER;

    g_hash_table_iter_init(&iter, opened->asked);
    while (g_hash_table_iter_next(&iter, &tid, &value)) {
        const Asked *one = value;
        gint64 due_at = one->since + timeout;
        FfOpener opener = {
            .tid = GPOINTER_TO_INT(tid), .due = due_at <= now, .looked_at = one->looked_at};

        g_array_append_val(asked, opener);
        if (opener.due)
            g_hash_table_iter_remove(&iter);
        else
            next = MIN(next, due_at);
    }
    return next;
}

static void handle(FfOpeners *openers, Opened *opened, gint64 now)
{
    const FfNode *node = ff_registry_find(openers->registry, opened->id);
    GArray *asked;
    gint64 next;

    if (node == NULL || !ff_node_is_linked(node) || !is_timed(node)) {
        forget(openers, opened);
        return;
    }
    asked = g_array_new(FALSE, FALSE, sizeof(FfOpener));
    next = collect(opened, timeout_of(node), now, asked);
    start_job(openers, opened->id, asked, opened->incomplete);
    opened->incomplete = FALSE;
    if (next == FF_NEVER)
        forget(openers, opened);
    else
        ff_deadline_set(openers->deadlines, &opened->deadline, MAX(next, now + AT_ONCE));
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    FfOpeners *openers = ((OpenersSource *)source)->openers;
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(openers->registry);
    gint64 now = ff_registry_now(openers->registry);
    gint64 first;

    while (ff_deadline_first_at(openers->deadlines) <= now) {
        FfDeadline *deadline = ff_deadline_first(openers->deadlines);

        handle(openers, (Opened *)((char *)deadline - G_STRUCT_OFFSET(Opened, deadline)), now);
    }
    first = ff_deadline_first_at(openers->deadlines);
    g_source_set_ready_time(source, first == FF_NEVER ? -1 : first);
    return G_SOURCE_CONTINUE;
}

/* --- the thread of the pool --- */

static void tell_released(FfOpeners *openers, guint64 id, const GArray *released)
{
    for (guint i = 0; i < released->len; i++) {
        const FfActor *who = &g_array_index(released, FfActor, i);
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new_for(openers->registry, *who);
        FfNode *node = ff_registry_find(openers->registry, id);

        if (node != NULL)
            ff_registry_note_released(openers->registry, node);
    }
}

/* From now on their time is counted. */
static void note_found(FfOpeners *openers, guint64 id, const GArray *found)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(openers->registry);
    const FfNode *node = ff_registry_find(openers->registry, id);
    gint64 now = ff_registry_now(openers->registry);

    if (node == NULL || !is_timed(node))
        return;
    for (guint i = 0; i < found->len; i++)
        note(openers, node, g_array_index(found, pid_t, i), (Asked){.since = now});
}

/* How long until the thread is looked at once more; 0 for never. */
static gint64 look_again_after(const FfOpener *opener, gint64 timeout)
{
    if (!opener->due)
        return 0;
    switch (opener->state) {
    case FF_OPENER_UNRESOLVED:
        return MAX(LOOK_AGAIN_AFTER, timeout / 4);
    case FF_OPENER_ELSEWHERE:
        return opener->looked_at ? 0 : SECOND_LOOK_AFTER;
    case FF_OPENER_WAITS:
        break;
    }
    return 0;
}

static void look_again(FfOpeners *openers, guint64 id, const GArray *asked)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(openers->registry);
    const FfNode *node = ff_registry_find(openers->registry, id);
    gint64 now = ff_registry_now(openers->registry);

    if (node == NULL || !ff_node_is_linked(node) || !is_timed(node))
        return;
    for (guint i = 0; i < asked->len; i++) {
        const FfOpener *opener = &g_array_index(asked, FfOpener, i);
        gint64 after = look_again_after(opener, timeout_of(node));

        if (after > 0 && !has_asked(openers, id, opener->tid))
            note(openers, node, opener->tid,
                 (Asked){.since = now + after - timeout_of(node), .looked_at = TRUE});
    }
}

static void work(gpointer data, gpointer user_data)
{
    FfOpeners *openers = user_data;
    g_autofree Job *job = data;
    g_autoptr(GArray) asked = job->openers, released = NULL, found = NULL;

    g_atomic_int_set(&openers->worker, gettid());
    released = ff_release(openers->mountpoint, job->id, asked);
    tell_released(openers, job->id, released);
    look_again(openers, job->id, asked);
    if (!job->find)
        return;
    found = ff_release_find(openers->mountpoint, job->id);
    note_found(openers, job->id, found);
}

/* --- */

/*
 * Some may wait already, who were not asked to say so; and until the kernel has dropped the name
 * which it had cached, others may come who are not.
 */
static void on_policy(FfOpeners *openers, const FfNode *node)
{
    Opened *opened = g_hash_table_lookup(openers->by_id, &node->id);

    /* The time may be another. */
    if (opened != NULL)
        wake_at(openers, opened, ff_registry_now(openers->registry));
    if (!is_timed(node) || node->lookups == 0)
        return;
    if (node->must_be_dropped)
        g_hash_table_add(openers->undropped, g_memdup2(&node->id, sizeof node->id));
    else
        start_find(openers, node->id);
}

/* Any thread, registry locked. */
static void on_change(const FfChange *change, gpointer data)
{
    FfOpeners *openers = data;
    const FfNode *node = change->node;
    Opened *opened;

    switch (change->kind) {
    case FF_CHANGE_REMOVED:
        opened = g_hash_table_lookup(openers->by_id, &node->id);
        if (opened != NULL)
            forget(openers, opened);
        g_hash_table_remove(openers->undropped, &node->id);
        break;
    case FF_CHANGE_POLICY:
        on_policy(openers, node);
        break;
    case FF_CHANGE_REFERENCE:
        if (!node->must_be_dropped && g_hash_table_remove(openers->undropped, &node->id))
            start_find(openers, node->id);
        break;
    default:
        break;
    }
}

static void take_over(FfNode *node, gpointer data)
{
    FfOpeners *openers = data;

    if (is_timed(node) && node->reference != FF_REFERENCE_NONE)
        g_hash_table_add(openers->undropped, g_memdup2(&node->id, sizeof node->id));
}

void ff_openers_take_over(FfOpeners *openers)
{
    ff_registry_foreach(openers->registry, take_over, openers);
}

FfOpeners *ff_openers_new(FfRegistry *registry, const char *mountpoint, GMainContext *context)
{
    static GSourceFuncs funcs = {.dispatch = dispatch};
    FfOpeners *openers = g_new0(FfOpeners, 1);

    openers->registry = registry;
    openers->mountpoint = g_strdup(mountpoint);
    openers->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, opened_free);
    openers->undropped = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    openers->deadlines = ff_deadline_queue_new();
    openers->pool = g_thread_pool_new(work, openers, 1, FALSE, NULL);
    openers->source = g_source_new(&funcs, sizeof(OpenersSource));
    ((OpenersSource *)openers->source)->openers = openers;
    g_source_attach(openers->source, context);
    ff_registry_listen(registry, on_change, openers);
    return openers;
}

void ff_openers_stop(FfOpeners *openers)
{
    if (openers != NULL && openers->pool != NULL)
        g_thread_pool_free(g_steal_pointer(&openers->pool), FALSE, TRUE);
}

void ff_openers_free(FfOpeners *openers)
{
    if (openers == NULL)
        return;
    ff_openers_stop(openers);
    g_source_destroy(openers->source);
    g_source_unref(openers->source);
    ff_deadline_queue_free(openers->deadlines);
    g_hash_table_unref(openers->by_id);
    g_hash_table_unref(openers->undropped);
    g_free(openers->mountpoint);
    g_free(openers);
}
