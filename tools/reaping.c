/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reaping.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "follow.h"
#include "message.h"

/* A FIFO of which no more is heard than this stays. */
#define PATIENCE_MS 3000

/* Set to the number of the node, it has the daemon remove a FIFO that only a time keeps. */
#define ATTRIBUTE "fifofs.reap"

typedef enum {
    FATE_OPEN,
    FATE_GONE,
    FATE_STAYS,
    /* It has been said why. */
    FATE_UNKNOWN,
} Fate;

/* A FIFO that is to go. */
typedef struct {
    const Fifo *fifo;
    char *path;
    Fate fate;
} Candidate;

typedef struct {
    Selection *selection;
    /* Candidate */
    GPtrArray *candidates;
    /* Those of them that are to go still, by the id of the node; of one mount at a time. */
    GHashTable *pending;
    gboolean failed;
} Reaping;

static void candidate_free(gpointer data)
{
    Candidate *candidate = data;

    g_free(candidate->path);
    g_free(candidate);
}

/* Is it a time that keeps it, and not a process, its age or a user? */
static gboolean is_candidate(const Fifo *fifo)
{
    const char *reason = fifo_reason(fifo);

    return fifo_expires(fifo) != FIFO_UNKNOWN && reason != NULL &&
           (strcmp(reason, "idle") == 0 || strcmp(reason, "unused") == 0);
}

static void ask(Reaping *reaping, Candidate *candidate)
{
    char id[32];

    g_snprintf(id, sizeof id, "%" G_GUINT64_FORMAT, candidate->fifo->id);
    if (lsetxattr(candidate->path, ATTRIBUTE, id, strlen(id), 0) == 0) {
        g_hash_table_insert(reaping->pending, (gpointer)&candidate->fifo->id, candidate);
        return;
    }
    candidate->fate = errno == EBUSY ? FATE_STAYS : FATE_UNKNOWN;
    /* Who has removed or renamed it knows better. */
    if (errno == EBUSY || errno == ENOENT || errno == ENOTDIR)
        return;
    message_errno("cannot reap", candidate->path, errno);
    reaping->failed = TRUE;
}

static void ask_for_all(Reaping *reaping, const Mount *mount)
{
    for (guint i = 0; i < reaping->candidates->len; i++) {
        Candidate *candidate = g_ptr_array_index(reaping->candidates, i);

        if (candidate->fifo->mount == mount)
            ask(reaping, candidate);
    }
}

/* --- what becomes of them --- */

static void take_event(const Event *event, gpointer data)
{
    Reaping *reaping = data;
    Candidate *candidate = g_hash_table_lookup(reaping->pending, &event->id);

    if (candidate == NULL || strcmp(event->name, "removed") != 0)
        return;
    candidate->fate = FATE_GONE;
    g_hash_table_remove(reaping->pending, &event->id);
}

/* Until all are gone, or no more go. Return: 0 or -errno. */
static int wait_for_removals(Reaping *reaping, Follower *follower)
{
    struct pollfd waiting = {.fd = follower_fd(follower), .events = POLLIN};

    while (g_hash_table_size(reaping->pending) > 0) {
        guint before = g_hash_table_size(reaping->pending);
        gint64 deadline = g_get_monotonic_time() + PATIENCE_MS * 1000;

        while (g_hash_table_size(reaping->pending) == before) {
            gint64 left = deadline - g_get_monotonic_time();
            int result = left <= 0 ? 0 : poll(&waiting, 1, (int)(left / 1000) + 1);

            if (left <= 0)
                return 0;
            if (result > 0)
                result = follower_take(follower, take_event, reaping);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

/* What was missed of the events is in the list, which does not have what is gone. */
static void look_again(Reaping *reaping, const Mount *mount)
{
    g_autoptr(Selection) now = selection_new();
    g_autoptr(GHashTable) there = g_hash_table_new(g_int64_hash, g_int64_equal);
    GHashTableIter iter;
    gpointer id, candidate;

    if (now == NULL || g_hash_table_size(reaping->pending) == 0)
        return;
    selection_add_path(now, mount->point);
    selection_load(now);
    if (now->failed)
        return;
    for (guint i = 0; i < now->fifos->len; i++)
        g_hash_table_add(there, &((Fifo *)g_ptr_array_index(now->fifos, i))->id);
    g_hash_table_iter_init(&iter, reaping->pending);
    while (g_hash_table_iter_next(&iter, &id, &candidate))
        ((Candidate *)candidate)->fate = g_hash_table_contains(there, id) ? FATE_STAYS : FATE_GONE;
}

/* What was not found to be idle in all that time is not to go later, when nobody expects it. */
static void withdraw(Reaping *reaping)
{
    GHashTableIter iter;
    gpointer candidate;

    g_hash_table_iter_init(&iter, reaping->pending);
    while (g_hash_table_iter_next(&iter, NULL, &candidate))
        lremovexattr(((Candidate *)candidate)->path, ATTRIBUTE);
}

static void reap_mount(Reaping *reaping, const Mount *mount)
{
    int error_number, result;
    g_autoptr(Follower) follower = follower_new(reaping->selection->mounts, mount, &error_number);

    if (follower == NULL) {
        message_errno("cannot follow", mount->point, error_number);
        reaping->failed = TRUE;
        return;
    }
    g_hash_table_remove_all(reaping->pending);
    ask_for_all(reaping, mount);
    result = wait_for_removals(reaping, follower);
    if (result < 0)
        message_errno("can follow no longer", mount->point, -result);
    reaping->failed |= result < 0;
    withdraw(reaping);
    look_again(reaping, mount);
}

static void tell(const Reaping *reaping)
{
    for (guint i = 0; i < reaping->candidates->len; i++) {
        const Candidate *candidate = g_ptr_array_index(reaping->candidates, i);
        g_autofree char *safe = message_safe(candidate->path);

        if (candidate->fate == FATE_GONE)
            printf("%s: removed (%s)\n", safe, fifo_reason(candidate->fifo));
        else if (candidate->fate == FATE_STAYS)
            message_note("%s stays: it is in use", safe);
    }
}

static void choose_candidates(Reaping *reaping)
{
    for (guint i = 0; i < reaping->selection->fifos->len; i++) {
        const Fifo *fifo = g_ptr_array_index(reaping->selection->fifos, i);
        g_autofree char *path = mount_outside(fifo->mount, fifo->path);
        Candidate *candidate;

        if (!is_candidate(fifo) || path == NULL)
            continue;
        candidate = g_new0(Candidate, 1);
        *candidate = (Candidate){.fifo = fifo, .path = g_steal_pointer(&path)};
        g_ptr_array_add(reaping->candidates, candidate);
    }
}

ExitStatus reaping_run(Selection *selection)
{
    g_autoptr(GPtrArray) candidates = g_ptr_array_new_with_free_func(candidate_free);
    g_autoptr(GHashTable) pending = g_hash_table_new(g_int64_hash, g_int64_equal);
    Reaping reaping = {selection, candidates, pending, selection->failed};
    const Mount *mount = NULL;

    choose_candidates(&reaping);
    /* They are sorted by mount. */
    for (guint i = 0; i < candidates->len; i++) {
        const Candidate *candidate = g_ptr_array_index(candidates, i);

        if (candidate->fifo->mount == mount)
            continue;
        mount = candidate->fifo->mount;
        reap_mount(&reaping, mount);
    }
    tell(&reaping);
    if (candidates->len == 0 && !reaping.failed)
        message_note("nothing to reap: each FIFO is in use, kept, or its creator still runs");
    return reaping.failed ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}
