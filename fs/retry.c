/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel does not say which requests belong to one open(). Those of one thread come one after
 * the other; so a CREATE right behind another, whose FIFO the thread has not found since, is the
 * second of the same open. It may have found another FIFO of that name meanwhile and lost that
 * again, which looks like an open that went well and the next one: time decides there.
 *
 * It is all kept in the journal as well: between the two the worker may have become another one,
 * and that may also be asked either of them again, for the same answer.
 */
#include "retry.h"

#include <errno.h>

#include "packing.h"

/* The kernel looks again at once, but on a busy machine the thread may have to wait for its turn. */
#define LONGEST_RETRY (1 * G_TIME_SPAN_SECOND)

/* The number of what comes over a ring (uring.h), which nobody takes over. */
#define UNKNOWN 0

/* A thread that is killed before it looks again leaves its entry, and a second one stays. So many are too many. */
#define MOST_ENTRIES 4096

typedef struct {
    guint64 id;
    /* Of the CREATE that was sent back; and of the second, which was told so, or 0. */
    guint64 unique, second;
    /*
     * Of the name; that two names have the same costs a needless EINTR. Its directory is not asked:
     * that may be another by the second time, as somebody has removed it and made it again.
     */
    guint hash;
    gint64 sent_back;
} Retry;

struct FfRetries {
    FfJournal *journal;
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

void ff_retries_set_journal(FfRetries *retries, FfJournal *journal)
{
    retries->journal = journal;
}

static void remember(FfRetries *retries, pid_t tid, Retry retry)
{
    g_hash_table_insert(retries->by_thread, GINT_TO_POINTER(tid), g_memdup2(&retry, sizeof retry));
}

static void keep(FfRetries *retries, pid_t tid, const Retry *retry)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    ff_pack_unsigned(bytes, retry->id);
    ff_pack_unsigned(bytes, retry->unique);
    ff_pack_unsigned(bytes, retry->hash);
    /* Former versions neither write nor read it, which is as if it were 0. */
    ff_pack_unsigned(bytes, retry->second);
    ff_journal_keep(retries->journal, FF_KEPT_RETRY, (guint64)tid, bytes);
}

static void forget(FfRetries *retries, pid_t tid)
{
    if (g_hash_table_remove(retries->by_thread, GINT_TO_POINTER(tid)))
        ff_journal_drop(retries->journal, FF_KEPT_RETRY, (guint64)tid);
}

static void forget_older(FfRetries *retries, gint64 than)
{
    GHashTableIter iter;
    gpointer tid, value;

    g_hash_table_iter_init(&iter, retries->by_thread);
    while (g_hash_table_iter_next(&iter, &tid, &value)) {
        if (((const Retry *)value)->sent_back > than)
            continue;
        ff_journal_drop(retries->journal, FF_KEPT_RETRY, (guint64)GPOINTER_TO_INT(tid));
        g_hash_table_iter_remove(&iter);
    }
}

static void make_room(FfRetries *retries, gint64 now)
{
    if (g_hash_table_size(retries->by_thread) >= MOST_ENTRIES)
        forget_older(retries, now - LONGEST_RETRY);
    if (g_hash_table_size(retries->by_thread) >= MOST_ENTRIES)
        forget_older(retries, now);
}

typedef struct {
    FfRetries *retries;
    gint64 now;
} Takeover;

/* How long it took until we came does not count: nobody could be answered meanwhile. */
static void take_over_one(guint64 tid, GBytes *bytes, gpointer data)
{
    const Takeover *takeover = data;
    gsize length;
    gconstpointer start = g_bytes_get_data(bytes, &length);
    FfUnpacker in = ff_unpacker(start, length);
    Retry retry = {.id = ff_unpack_unsigned(&in), .sent_back = takeover->now};

    retry.unique = ff_unpack_unsigned(&in);
    retry.hash = (guint)ff_unpack_below(&in, G_MAXUINT);
    retry.second = ff_unpack_unsigned(&in);
    remember(takeover->retries, (pid_t)tid, retry);
}

void ff_retries_take_over(FfRetries *retries, gint64 now)
{
    Takeover takeover = {retries, now};

    ff_journal_foreach_kept(retries->journal, FF_KEPT_RETRY, take_over_one, &takeover);
}

static gboolean is_second(const FfRetries *retries, pid_t tid, Retry now)
{
    const Retry *retry = g_hash_table_lookup(retries->by_thread, GINT_TO_POINTER(tid));

    if (retry == NULL || retry->hash != now.hash)
        return FALSE;
    if (retry->second != 0)
        return retry->second == now.unique;
    return (retry->unique != now.unique || now.unique == UNKNOWN) &&
           now.sent_back - retry->sent_back <= LONGEST_RETRY;
}

/* It may come again, unless its number is not known. */
static void note_second(FfRetries *retries, pid_t tid, guint64 unique)
{
    Retry *retry = g_hash_table_lookup(retries->by_thread, GINT_TO_POINTER(tid));

    if (unique == UNKNOWN) {
        forget(retries, tid);
        return;
    }
    retry->second = unique;
    keep(retries, tid, retry);
}

int ff_retries_answer(FfRetries *retries, pid_t tid, guint64 unique, const FfNode *fifo, gint64 now)
{
    Retry retry = {
        .id = fifo->id, .unique = unique, .hash = g_str_hash(ff_node_name(fifo)), .sent_back = now};

    if (is_second(retries, tid, retry)) {
        note_second(retries, tid, unique);
        return -EINTR;
    }
    make_room(retries, now);
    remember(retries, tid, retry);
    keep(retries, tid, &retry);
    return -ESTALE;
}

void ff_retries_found(FfRetries *retries, pid_t tid, const FfNode *node)
{
    const Retry *retry = g_hash_table_lookup(retries->by_thread, GINT_TO_POINTER(tid));

    if (retry != NULL && retry->id == node->id)
        forget(retries, tid);
}
