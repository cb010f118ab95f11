/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reaping.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "autofd.h"
#include "fileid.h"
#include "follow.h"
#include "message.h"

/* A FIFO of which no more is heard than this stays. */
#define PATIENCE_MS 3000

/* A FIFO that is to go. */
typedef struct {
    const Fifo *fifo;
    char *path;
    /* Which time was set to 0, and what it was; NULL where it was not. */
    const char *attribute;
    char *former;
    gboolean gone;
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
    g_free(candidate->former);
    g_free(candidate);
}

/* The time that keeps it, or NULL where it is no time but a process, its age or a user. */
static const char *attribute_of(const Fifo *fifo)
{
    const char *reason = fifo_reason(fifo);

    if (fifo_expires(fifo) == FIFO_UNKNOWN || reason == NULL)
        return NULL;
    if (strcmp(reason, "idle") == 0)
        return "fifofs.linger";
    return strcmp(reason, "unused") == 0 ? "fifofs.grace" : NULL;
}

/* --- changing the time --- */

/* O_PATH of the very FIFO, or -errno. While it is open the FIFO is in use. */
static int open_fifo(const Candidate *candidate)
{
    g_auto(FfAutoFd) fd = open(candidate->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    FfFileInfo info;
    int result;

    if (fd < 0)
        return -errno;
    result = ff_file_look(fd, "", &info);
    if (result < 0)
        return result;
    if (info.id.ino != candidate->fifo->id || info.id.dev != candidate->fifo->mount->dev)
        return -ENOENT;
    return ff_auto_fd_steal(&fd);
}

/* Return: 0 or -errno. With @former the value that it had comes back there. */
static int put(const Candidate *candidate, const char *value, char **former)
{
    g_auto(FfAutoFd) fd = open_fifo(candidate);
    char handle[64], text[64];
    gssize length;

    if (fd < 0)
        return fd;
    g_snprintf(handle, sizeof handle, "/proc/self/fd/%d", fd);
    if (former != NULL) {
        length = getxattr(handle, candidate->attribute, text, sizeof text);
        if (length < 0)
            return -errno;
        *former = g_strndup(text, (gsize)length);
    }
    return setxattr(handle, candidate->attribute, value, strlen(value), 0) < 0 ? -errno : 0;
}

static void complain(Reaping *reaping, const char *what, const Candidate *candidate, int result)
{
    if (result == -ENOENT)
        return;
    message_errno(what, candidate->path, -result);
    reaping->failed = TRUE;
}

static void shorten(Reaping *reaping, const Mount *mount)
{
    for (guint i = 0; i < reaping->candidates->len; i++) {
        Candidate *candidate = g_ptr_array_index(reaping->candidates, i);
        g_autofree char *former = NULL;
        int result;

        if (candidate->fifo->mount != mount)
            continue;
        g_hash_table_insert(reaping->pending, (gpointer)&candidate->fifo->id, candidate);
        result = put(candidate, "0", &former);
        if (result == 0)
            candidate->former = g_steal_pointer(&former);
        else
            g_hash_table_remove(reaping->pending, &candidate->fifo->id);
        if (result < 0)
            complain(reaping, "cannot reap", candidate, result);
    }
}

static void restore(Reaping *reaping, const Mount *mount)
{
    for (guint i = 0; i < reaping->candidates->len; i++) {
        const Candidate *candidate = g_ptr_array_index(reaping->candidates, i);
        int result = candidate->fifo->mount != mount || candidate->gone || candidate->former == NULL
                         ? 0
                         : put(candidate, candidate->former, NULL);

        if (result < 0)
            complain(reaping, "cannot give it back its time", candidate, result);
    }
}

/* --- what becomes of them --- */

static void take_event(const Event *event, gpointer data)
{
    Reaping *reaping = data;
    Candidate *candidate = g_hash_table_lookup(reaping->pending, &event->id);

    if (candidate == NULL || strcmp(event->name, "removed") != 0)
        return;
    candidate->gone = TRUE;
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
    gpointer candidate;

    if (now == NULL || g_hash_table_size(reaping->pending) == 0)
        return;
    selection_add_path(now, mount->point);
    selection_load(now);
    if (now->failed)
        return;
    for (guint i = 0; i < now->fifos->len; i++)
        g_hash_table_add(there, &((Fifo *)g_ptr_array_index(now->fifos, i))->id);
    g_hash_table_iter_init(&iter, reaping->pending);
    while (g_hash_table_iter_next(&iter, NULL, &candidate))
        ((Candidate *)candidate)->gone = !g_hash_table_contains(
            there, &((Candidate *)candidate)->fifo->id);
}

/* An interruption must not leave times at 0. */
static void block_signals(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(how, &set, NULL);
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
    block_signals(SIG_BLOCK);
    shorten(reaping, mount);
    result = wait_for_removals(reaping, follower);
    if (result < 0)
        message_errno("can follow no longer", mount->point, -result);
    reaping->failed |= result < 0;
    look_again(reaping, mount);
    restore(reaping, mount);
    block_signals(SIG_UNBLOCK);
}

static void tell(const Reaping *reaping)
{
    for (guint i = 0; i < reaping->candidates->len; i++) {
        const Candidate *candidate = g_ptr_array_index(reaping->candidates, i);
        g_autofree char *safe = message_safe(candidate->path);

        if (candidate->gone)
            printf("%s: removed (%s)\n", safe, fifo_reason(candidate->fifo));
        else if (candidate->former != NULL)
            message_note("%s stays: it is in use", safe);
    }
}

static void choose_candidates(Reaping *reaping)
{
    for (guint i = 0; i < reaping->selection->fifos->len; i++) {
        const Fifo *fifo = g_ptr_array_index(reaping->selection->fifos, i);
        const char *attribute = attribute_of(fifo);
        g_autofree char *path = mount_outside(fifo->mount, fifo->path);
        Candidate *candidate;

        if (attribute == NULL || path == NULL)
            continue;
        candidate = g_new0(Candidate, 1);
        *candidate = (Candidate){
            .fifo = fifo, .path = g_steal_pointer(&path), .attribute = attribute};
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
