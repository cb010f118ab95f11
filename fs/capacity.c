/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capacity.h"

#include <cap-ng.h>
#include <fcntl.h>

#include "pipesize.h"
#include "size.h"

/* So many threads are remembered of each FIFO, the latest: two ends, and some who have only looked. */
#define MOST_TIDS 8

/*
 * An open is reported just before its descriptor can be seen (fs/open.c do_sys_openat2()), so one
 * look may be too early. All of /proc is looked at only where the threads that are known have not
 * opened it.
 */
static const struct {
    gulong pause_usec;
    gboolean everywhere;
} looks[] = {{0, FALSE}, {100, FALSE}, {500, FALSE}, {0, TRUE}, {5000, FALSE}, {20000, TRUE}};

struct FfCapacities {
    FfRegistry *registry;
    char *mountpoint;
    /* NULL until the first FIFO with a capacity is opened. */
    GThreadPool *pool;

    /* Under the registry lock: id -> array of pid_t, the latest last. */
    GHashTable *tids;
    /* The ids of FIFOs that the pool has to look at. */
    GHashTable *waiting;
};

static gboolean is_wanted(const FfNode *node)
{
    return ff_node_is_fifo(node) && node->policy->capacity != FF_SIZE_DEFAULT;
}

void ff_capacities_note(FfCapacities *capacities, const FfNode *node, pid_t tid)
{
    GArray *tids;

    if (!is_wanted(node) || tid == 0)
        return;
    tids = g_hash_table_lookup(capacities->tids, &node->id);
    if (tids == NULL) {
        tids = g_array_sized_new(FALSE, FALSE, sizeof(pid_t), MOST_TIDS);
        g_hash_table_insert(capacities->tids, g_memdup2(&node->id, sizeof node->id), tids);
    }
    if (tids->len == MOST_TIDS)
        g_array_remove_index(tids, 0);
    g_array_append_val(tids, tid);
}

/* --- the thread of the pool, which is its own --- */

/*
 * With these capabilities a pipe may take any amount of memory, whosever it is. Whoever sets the
 * capacity of his FIFO is to get what he could give it himself (fs/pipe.c is_unprivileged_user()).
 */
static gboolean respect_limits(void)
{
    capng_get_caps_process();
    capng_updatev(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_RESOURCE, CAP_SYS_ADMIN,
                  -1);
    if (capng_apply(CAPNG_SELECT_CAPS) == 0)
        return TRUE;
    g_warning("cannot give up capabilities, so no FIFO gets its capacity");
    return FALSE;
}

/* Return: what is asked for, or FF_SIZE_DEFAULT for nothing. @tids gets the latest threads first. */
static gint64 take_job(FfCapacities *capacities, guint64 id, GArray *tids)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(capacities->registry);
    const FfNode *node = ff_registry_find(capacities->registry, id);
    const GArray *known = g_hash_table_lookup(capacities->tids, &id);

    g_hash_table_remove(capacities->waiting, &id);
    for (guint i = known == NULL ? 0 : known->len; i > 0; i--)
        g_array_append_val(tids, g_array_index(known, pid_t, i - 1));
    return node != NULL && is_wanted(node) ? node->policy->capacity : FF_SIZE_DEFAULT;
}

static void work(gpointer data, gpointer user_data)
{
    FfCapacities *capacities = user_data;
    g_autofree guint64 *id = data;
    g_autoptr(GArray) tids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    gint64 capacity = take_job(capacities, *id, tids);
    FfFileInfo root;
    FfFileId fifo;

    if (!respect_limits())
        return;
    if (capacity == FF_SIZE_DEFAULT || ff_file_look(AT_FDCWD, capacities->mountpoint, &root) < 0)
        return;
    fifo = (FfFileId){root.id.dev, *id};
    for (guint i = 0; i < G_N_ELEMENTS(looks); i++) {
        g_usleep(looks[i].pause_usec);
        if (ff_pipe_resize(&fifo, looks[i].everywhere ? NULL : tids, capacity) >= 0)
            return;
    }
}

/* --- */

/* Any thread, registry locked. */
static void on_change(const FfChange *change, gpointer data)
{
    FfCapacities *capacities = data;
    const FfNode *node = change->node;

    if (change->kind == FF_CHANGE_REMOVED ||
        (change->kind == FF_CHANGE_REFERENCE && node->reference == FF_REFERENCE_NONE))
        g_hash_table_remove(capacities->tids, &node->id);
    if (change->kind != FF_CHANGE_OPENED || !is_wanted(node) ||
        !g_hash_table_add(capacities->waiting, g_memdup2(&node->id, sizeof node->id)))
        return;
    if (capacities->pool == NULL)
        capacities->pool = g_thread_pool_new(work, capacities, 1, TRUE, NULL);
    g_thread_pool_push(capacities->pool, g_memdup2(&node->id, sizeof node->id), NULL);
}

FfCapacities *ff_capacities_new(FfRegistry *registry, const char *mountpoint)
{
    FfCapacities *capacities = g_new0(FfCapacities, 1);

    capacities->registry = registry;
    capacities->mountpoint = g_strdup(mountpoint);
    capacities->tids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                             (GDestroyNotify)g_array_unref);
    capacities->waiting = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    ff_registry_listen(registry, on_change, capacities);
    return capacities;
}

void ff_capacities_free(FfCapacities *capacities)
{
    if (capacities == NULL)
        return;
    if (capacities->pool != NULL)
        g_thread_pool_free(capacities->pool, FALSE, TRUE);
    g_hash_table_unref(capacities->tids);
    g_hash_table_unref(capacities->waiting);
    g_free(capacities->mountpoint);
    g_free(capacities);
}
