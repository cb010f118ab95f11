/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel does not say which requests belong to one open(). Those of one thread come one after
 * the other; so a CREATE right behind another, whose FIFO the thread has not found since, is the
 * second of the same open. It may have found another FIFO of that name meanwhile and lost that
 * again, which looks like an open that went well and the next one: time decides there.
 */
#include "retry.h"

#include <errno.h>

/* The kernel looks again at once, but on a busy machine the thread may have to wait for its turn. */
#define LONGEST_RETRY (1 * G_TIME_SPAN_SECOND)

/* A thread that is killed before it looks again leaves its entry; so many are too many. */
#define MOST_ENTRIES 4096

typedef struct {
    guint64 id;
    guint64 parent;
    /* Of the name; that two names have the same costs a needless EINTR. */
    guint hash;
    gint64 sent_back;
} Retry;

struct FfRetries {
    /* tid -> Retry */
    GHashTable *by_thread;
};

FfRetries *ff_retries_new(void)
{
    FfRetries *retries = g_new0(FfRetries, 1);

    retries->by_thread = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return retries;
}

void ff_retries_free(FfRetries *retries)
{
    if (retries == NULL)
        return;
    g_hash_table_unref(retries->by_thread);
    g_free(retries);
}

static gboolean is_second(const FfRetries *retries, pid_t tid, const FfNode *fifo, gint64 now)
{
    const Retry *retry = g_hash_table_lookup(retries->by_thread, GINT_TO_POINTER(tid));

    return retry != NULL && retry->parent == fifo->parent->id &&
           retry->hash == g_str_hash(ff_node_name(fifo)) && now - retry->sent_back <= LONGEST_RETRY;
}

int ff_retries_answer(FfRetries *retries, pid_t tid, const FfNode *fifo, gint64 now)
{
    Retry *retry;

    if (is_second(retries, tid, fifo, now)) {
        g_hash_table_remove(retries->by_thread, GINT_TO_POINTER(tid));
        return -EINTR;
    }
    if (g_hash_table_size(retries->by_thread) >= MOST_ENTRIES)
        g_hash_table_remove_all(retries->by_thread);
    retry = g_new(Retry, 1);
    *retry = (Retry){fifo->id, fifo->parent->id, g_str_hash(ff_node_name(fifo)), now};
    g_hash_table_insert(retries->by_thread, GINT_TO_POINTER(tid), retry);
    return -ESTALE;
}

void ff_retries_found(FfRetries *retries, pid_t tid, const FfNode *node)
{
    const Retry *retry = g_hash_table_lookup(retries->by_thread, GINT_TO_POINTER(tid));

    if (retry != NULL && retry->id == node->id)
        g_hash_table_remove(retries->by_thread, GINT_TO_POINTER(tid));
}
