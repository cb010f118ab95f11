/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "retry.h"

#include <errno.h>

/*
 * A thread that is killed before it looks again leaves its entry behind; all are dropped when there
 * are this many.
 */
#define MOST_ENTRIES 4096

typedef struct {
    guint64 parent;
    char *name;
} Place;

struct FfRetries {
    /* tid -> Place */
    GHashTable *by_thread;
};

static void place_free(gpointer data)
{
    Place *place = data;

    g_free(place->name);
    g_free(place);
}

FfRetries *ff_retries_new(void)
{
    FfRetries *retries = g_new0(FfRetries, 1);

    retries->by_thread = g_hash_table_new_full(NULL, NULL, NULL, place_free);
    return retries;
}

void ff_retries_free(FfRetries *retries)
{
    if (retries == NULL)
        return;
    g_hash_table_unref(retries->by_thread);
    g_free(retries);
}

/* Take the thread's entry out. Return: was it for this name? */
static gboolean take(FfRetries *retries, pid_t tid, guint64 parent, const char *name)
{
    const Place *place = g_hash_table_lookup(retries->by_thread, GINT_TO_POINTER(tid));
    gboolean same = place != NULL && place->parent == parent && g_str_equal(place->name, name);

    g_hash_table_remove(retries->by_thread, GINT_TO_POINTER(tid));
    return same;
}

int ff_retries_answer(FfRetries *retries, pid_t tid, guint64 parent, const char *name)
{
    Place *place;

    if (take(retries, tid, parent, name))
        return -EINTR;
    if (g_hash_table_size(retries->by_thread) >= MOST_ENTRIES)
        g_hash_table_remove_all(retries->by_thread);
    place = g_new(Place, 1);
    *place = (Place){parent, g_strdup(name)};
    g_hash_table_insert(retries->by_thread, GINT_TO_POINTER(tid), place);
    return -ESTALE;
}

void ff_retries_found(FfRetries *retries, pid_t tid, guint64 parent, const char *name)
{
    if (g_hash_table_size(retries->by_thread) > 0)
        take(retries, tid, parent, name);
}
