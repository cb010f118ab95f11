/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capacity.h"

#include <fcntl.h>
#include <sched.h>

#include "pipesize.h"
#include "size.h"

/* So many threads are remembered of each FIFO, the latest: two ends, and some who have only looked. */
#define MOST_TIDS 8

/* A thread that was answered a LOOKUP is watched for so long, if nothing else is to be done. */
#define WATCH_TIME (1 * G_TIME_SPAN_MILLISECOND)

/*
 * An open is reported just before its descriptor can be seen (fs/open.c do_sys_openat2()), so one
 * look may be too early. All of /proc is looked at only where the threads that are known have not
 * opened it. Meanwhile others are looked for.
 */
static const struct {
    gint64 after_usec;
    gboolean everywhere;
} looks[] = {{0, FALSE}, {100, FALSE}, {500, FALSE}, {0, TRUE}, {5000, FALSE}, {20000, TRUE}};

struct FfCapacities {
    FfRegistry *registry;
    char *mountpoint;
    /* To the thread, which is NULL until the first FIFO with a capacity is looked up or opened. */
    GAsyncQueue *jobs;
    GThread *thread;
    gboolean stopped;

    /* The thread's own: Job, those that are due first before the others. */
    GQueue *later;

    /* Under the registry lock: id -> array of pid_t, the latest last. */
    GHashTable *tids;
    /* The ids of FIFOs that the thread has to look at, because they were opened. */
    GHashTable *waiting;
};

/* For the thread. */
typedef struct {
    /* 0: it is to end. */
    guint64 id;
    /* Who may be about to open it; 0: somebody has. */
    pid_t tid;
    /* The next of the looks, and when it is due. */
    guint look;
    gint64 due;
} Job;

static gboolean is_wanted(const FfNode *node)
{
    return ff_node_is_fifo(node) && node->policy->capacity != FF_SIZE_DEFAULT;
}

static gpointer work(gpointer data);

static void push(FfCapacities *capacities, guint64 id, pid_t tid)
{
    Job job = {.id = id, .tid = tid};

    if (capacities->thread == NULL && !capacities->stopped)
        capacities->thread = g_thread_new("capacity", work, capacities);
    g_async_queue_push(capacities->jobs, g_memdup2(&job, sizeof job));
}

static void remember(FfCapacities *capacities, guint64 id, pid_t tid)
{
    GArray *tids = g_hash_table_lookup(capacities->tids, &id);

    if (tids == NULL) {
        tids = g_array_sized_new(FALSE, FALSE, sizeof(pid_t), MOST_TIDS);
        g_hash_table_insert(capacities->tids, g_memdup2(&id, sizeof id), tids);
    }
    if (tids->len == MOST_TIDS)
        g_array_remove_index(tids, 0);
    g_array_append_val(tids, tid);
}

void ff_capacities_note(FfCapacities *capacities, const FfNode *node, pid_t tid)
{
    if (!is_wanted(node) || tid == 0)
        return;
    remember(capacities, node->id, tid);
    /* Before the answer, so that the thread is there when the open is. */
    push(capacities, node->id, tid);
}

/* --- the thread --- */

/* Return: what is asked for, or FF_SIZE_DEFAULT for nothing. @tids gets the latest threads first. */
static gint64 begin_job(FfCapacities *capacities, const Job *job, GArray *tids)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(capacities->registry);
    const FfNode *node = ff_registry_find(capacities->registry, job->id);
    const GArray *known = g_hash_table_lookup(capacities->tids, &job->id);

    if (job->tid == 0)
        g_hash_table_remove(capacities->waiting, &job->id);
    for (guint i = known == NULL ? 0 : known->len; i > 0; i--)
        g_array_append_val(tids, g_array_index(known, pid_t, i - 1));
    return node != NULL && is_wanted(node) ? node->policy->capacity : FF_SIZE_DEFAULT;
}

/* A LOOKUP may be followed by an open within microseconds, and that by a megabyte within some hundred. */
static void watch_opener(FfCapacities *capacities, const FfFileId *fifo, GArray *tids,
                         gint64 capacity)
{
    gint64 end = g_get_monotonic_time() + WATCH_TIME;

    while (ff_pipe_resize(fifo, tids, capacity) < 0 && g_get_monotonic_time() < end &&
           g_async_queue_length(capacities->jobs) <= 0)
        /* The opener may need this very processor. */
        sched_yield();
}

static int compare_due(gconstpointer a, gconstpointer b, gpointer unused)
{
    const Job *one = a, *other = b;

    return (one->due > other->due) - (one->due < other->due);
}

/* Takes the job. */
static void look_for_holder(FfCapacities *capacities, Job *job, const FfFileId *fifo, GArray *tids,
                            gint64 capacity)
{
    gboolean done = ff_pipe_resize(fifo, looks[job->look].everywhere ? NULL : tids, capacity) >= 0;

    job->look++;
    if (done || job->look == G_N_ELEMENTS(looks)) {
        g_free(job);
        return;
    }
    job->due = g_get_monotonic_time() + looks[job->look].after_usec;
    g_queue_insert_sorted(capacities->later, job, compare_due, NULL);
}

/* Takes the job. */
static void serve(FfCapacities *capacities, Job *taken)
{
    g_autofree Job *job = taken;
    g_autoptr(GArray) tids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    gint64 capacity = begin_job(capacities, job, tids);
    FfFileInfo root;
    FfFileId fifo;

    if (capacity == FF_SIZE_DEFAULT || ff_file_look(AT_FDCWD, capacities->mountpoint, &root) < 0)
        return;
    fifo = (FfFileId){root.id.dev, job->id};
    if (job->tid != 0)
        watch_opener(capacities, &fifo, tids, capacity);
    else
        look_for_holder(capacities, g_steal_pointer(&job), &fifo, tids, capacity);
}

/* What is new comes first: what has waited for long has no megabyte to lose. */
static Job *next_job(FfCapacities *capacities)
{
    const Job *first = g_queue_peek_head(capacities->later);
    gint64 wait;
    Job *job;

    if (first == NULL)
        return g_async_queue_pop(capacities->jobs);
    wait = first->due - g_get_monotonic_time();
    job = wait > 0 ? g_async_queue_timeout_pop(capacities->jobs, (guint64)wait)
                   : g_async_queue_try_pop(capacities->jobs);
    return job != NULL ? job : g_queue_pop_head(capacities->later);
}

static gpointer work(gpointer data)
{
    FfCapacities *capacities = data;
    gboolean able = ff_pipe_respect_limits();
    Job *job;

    for (job = next_job(capacities); job->id != 0; job = next_job(capacities))
        if (able)
            serve(capacities, job);
        else
            g_free(job);
    g_free(job);
    return NULL;
}

/* --- */

static void push_opened(FfCapacities *capacities, const FfNode *node)
{
    if (is_wanted(node) &&
        g_hash_table_add(capacities->waiting, g_memdup2(&node->id, sizeof node->id)))
        push(capacities, node->id, 0);
}

static void take_over(FfNode *node, gpointer data)
{
    if (node->lookups > 0 && ff_node_is_linked(node))
        push_opened(data, node);
}

void ff_capacities_take_over(FfCapacities *capacities)
{
    ff_registry_foreach(capacities->registry, take_over, capacities);
}

/* Any thread, registry locked. */
static void on_change(const FfChange *change, gpointer data)
{
    FfCapacities *capacities = data;
    const FfNode *node = change->node;

    if (change->kind == FF_CHANGE_REMOVED ||
        (change->kind == FF_CHANGE_REFERENCE && node->reference == FF_REFERENCE_NONE))
        g_hash_table_remove(capacities->tids, &node->id);
    if (change->kind == FF_CHANGE_OPENED)
        push_opened(capacities, node);
}

FfCapacities *ff_capacities_new(FfRegistry *registry, const char *mountpoint)
{
    FfCapacities *capacities = g_new0(FfCapacities, 1);

    capacities->registry = registry;
    capacities->mountpoint = g_strdup(mountpoint);
    capacities->jobs = g_async_queue_new_full(g_free);
    capacities->later = g_queue_new();
    capacities->tids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                             (GDestroyNotify)g_array_unref);
    capacities->waiting = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    ff_registry_listen(registry, on_change, capacities);
    return capacities;
}

static GThread *begin_stop(FfCapacities *capacities)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(capacities->registry);

    capacities->stopped = TRUE;
    if (capacities->thread != NULL)
        push(capacities, 0, 0);
    return g_steal_pointer(&capacities->thread);
}

void ff_capacities_stop(FfCapacities *capacities)
{
    GThread *thread = capacities == NULL ? NULL : begin_stop(capacities);

    if (thread != NULL)
        g_thread_join(thread);
}

void ff_capacities_free(FfCapacities *capacities)
{
    if (capacities == NULL)
        return;
    ff_capacities_stop(capacities);
    g_async_queue_unref(capacities->jobs);
    g_queue_free_full(capacities->later, g_free);
    g_hash_table_unref(capacities->tids);
    g_hash_table_unref(capacities->waiting);
    g_free(capacities->mountpoint);
    g_free(capacities);
}
