/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "directory.h"

#define EVENT_MASK (IN_OPEN | IN_CLOSE)

/* What one read() takes; a few thousand events. */
#define BUFFER_BYTES (64 * 1024)

/* A directory may be renamed between the look at its path and the walk along it. */
#define PATH_TRIES 8

/* The id that ends the watch thread: that of no node. */
#define NO_DIRECTORY 0

typedef struct {
    FfWatchResume resume;
    gpointer data;
} Waiter;

/* A directory in which a FIFO is, was, or is about to be. */
typedef struct {
    guint64 id;
    gboolean settled;
    int wd;
    GArray *waiters;
} Watched;

struct FfWatch {
    FfRegistry *registry;
    char *mountpoint;
    int inotify;
    GSource *source;
    GThread *thread;
    /* Directory ids for the thread to watch, as boxed guint64. */
    GAsyncQueue *wanted;

    /* Under the registry lock. */
    GHashTable *by_id;
    GHashTable *by_wd;
};

static void watched_free(gpointer data)
{
    Watched *watched = data;

    g_clear_pointer(&watched->waiters, g_array_unref);
    g_free(watched);
}

static void want(FfWatch *watch, guint64 id)
{
    g_async_queue_push(watch->wanted, g_memdup2(&id, sizeof id));
}

gboolean ff_watch_ensure(FfWatch *watch, const FfNode *directory, FfWatchResume resume,
                         gpointer data)
{
    Watched *watched = g_hash_table_lookup(watch->by_id, &directory->id);
    Waiter waiter = {resume, data};

    if (watched == NULL) {
        watched = g_new0(Watched, 1);
        watched->id = directory->id;
        watched->wd = -1;
        watched->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
        g_hash_table_insert(watch->by_id, &watched->id, watched);
        want(watch, directory->id);
    }
    if (!watched->settled)
        g_array_append_val(watched->waiters, waiter);
    return watched->settled;
}

/* The path on the mount, or NULL for a directory that is gone. */
static char *path_of(FfWatch *watch, guint64 id)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(watch->registry);
    FfNode *node = ff_registry_find(watch->registry, id);
    g_autofree char *path = node == NULL ? NULL : ff_node_path(node);

    return path == NULL ? NULL : g_build_filename(watch->mountpoint, path, NULL);
}

/* inotify knows paths only. Through the handle it is sure to be the directory that was meant. */
static int add_through_handle(FfWatch *watch, int fd, guint64 id)
{
    char handle[64];
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_ino != id)
        return -EAGAIN;
    g_snprintf(handle, sizeof handle, "/proc/self/fd/%d", fd);
    fd = inotify_add_watch(watch->inotify, handle, EVENT_MASK | IN_ONLYDIR);
    return fd < 0 ? -errno : fd;
}

static int add_watch_once(FfWatch *watch, guint64 id)
{
    g_autofree char *path = path_of(watch, id);
    int fd, r;

    if (path == NULL)
        return -ENOENT;
    fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    r = add_through_handle(watch, fd, id);
    close(fd);
    return r;
}

static int add_watch(FfWatch *watch, guint64 id)
{
    int r = -EAGAIN;

    for (guint i = 0; i < PATH_TRIES && r == -EAGAIN; i++)
        r = add_watch_once(watch, id);
    return r;
}

/* Note the outcome, and let those go on who waited for it. */
static void settle(FfWatch *watch, guint64 id, int wd)
{
    g_autoptr(GArray) waiters = NULL;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(watch->registry);
        Watched *watched = g_hash_table_lookup(watch->by_id, &id);
        FfNode *directory = ff_registry_find(watch->registry, id);

        waiters = g_steal_pointer(&watched->waiters);
        watched->settled = TRUE;
        watched->wd = wd;
        if (wd >= 0)
            g_hash_table_insert(watch->by_wd, GINT_TO_POINTER(wd), watched);
        if (directory != NULL)
            ff_registry_set_watched(watch->registry, directory, wd >= 0);
        if (directory == NULL || !ff_node_is_linked(directory)) {
            g_hash_table_remove(watch->by_wd, GINT_TO_POINTER(wd));
            g_hash_table_remove(watch->by_id, &id);
        }
    }
    for (guint i = 0; i < waiters->len; i++) {
        const Waiter *waiter = &g_array_index(waiters, Waiter, i);

        waiter->resume(waiter->data);
    }
}

static gpointer run(gpointer data)
{
    FfWatch *watch = data;

    for (;;) {
        g_autofree guint64 *id = g_async_queue_pop(watch->wanted);
        int wd;

        if (*id == NO_DIRECTORY)
            return NULL;
        wd = add_watch(watch, *id);
        if (wd < 0)
            g_message("cannot watch directory %" G_GUINT64_FORMAT
                      " of %s: %s; what is in it is probed more often instead",
                      *id, watch->mountpoint, g_strerror(-wd));
        settle(watch, *id, wd);
    }
}

/* A directory that was removed needs no watch any more; the kernel has dropped it, or will. */
static void on_change(const FfChange *change, gpointer data)
{
    FfWatch *watch = data;
    Watched *watched;

    if (change->kind != FF_CHANGE_REMOVED || ff_node_is_fifo(change->node))
        return;
    watched = g_hash_table_lookup(watch->by_id, &change->node->id);
    if (watched == NULL || !watched->settled)
        return;
    g_hash_table_remove(watch->by_wd, GINT_TO_POINTER(watched->wd));
    g_hash_table_remove(watch->by_id, &change->node->id);
}

/* The FIFO that an event is about, or NULL. */
static FfNode *find_fifo(FfWatch *watch, const struct inotify_event *event)
{
    const Watched *watched = g_hash_table_lookup(watch->by_wd, GINT_TO_POINTER(event->wd));
    FfNode *directory, *node;

    if (watched == NULL || event->len == 0 || (event->mask & IN_ISDIR) != 0)
        return NULL;
    directory = ff_registry_find(watch->registry, watched->id);
    if (directory == NULL)
        return NULL;
    node = ff_directory_find(directory->directory, event->name);
    return node != NULL && ff_node_is_fifo(node) ? node : NULL;
}

static void handle_event(FfWatch *watch, const struct inotify_event *event)
{
    FfNode *fifo;

    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        ff_registry_notes_lost(watch->registry);
        return;
    }
    fifo = find_fifo(watch, event);
    if (fifo == NULL)
        return;
    if ((event->mask & IN_OPEN) != 0)
        ff_registry_note_opened(watch->registry, fifo);
    if ((event->mask & IN_CLOSE) != 0)
        ff_registry_note_closed(watch->registry, fifo);
}

static gboolean on_events(gint fd, GIOCondition condition, gpointer data)
{
    FfWatch *watch = data;
    _Alignas(struct inotify_event) char buffer[BUFFER_BYTES];
    ssize_t length = read(watch->inotify, buffer, sizeof buffer);
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(watch->registry);

    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const struct inotify_event *)(buffer + at);

        handle_event(watch, event);
        at += (ssize_t)(sizeof *event + event->len);
    }
    return G_SOURCE_CONTINUE;
}

FfWatch *ff_watch_new(FfRegistry *registry, const char *mountpoint, GMainContext *context)
{
    int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    FfWatch *watch;

    if (inotify < 0)
        return NULL;
    watch = g_new0(FfWatch, 1);
    watch->registry = registry;
    watch->mountpoint = g_strdup(mountpoint);
    watch->inotify = inotify;
    watch->wanted = g_async_queue_new_full(g_free);
    watch->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, watched_free);
    watch->by_wd = g_hash_table_new(NULL, NULL);
    watch->source = g_unix_fd_source_new(inotify, G_IO_IN);
    g_source_set_callback(watch->source, G_SOURCE_FUNC(on_events), watch, NULL);
    g_source_attach(watch->source, context);
    ff_registry_listen(registry, on_change, watch);
    watch->thread = g_thread_new("watch", run, watch);
    return watch;
}

void ff_watch_free(FfWatch *watch)
{
    if (watch == NULL)
        return;
    want(watch, NO_DIRECTORY);
    g_thread_join(watch->thread);
    g_source_destroy(watch->source);
    g_source_unref(watch->source);
    close(watch->inotify);
    g_async_queue_unref(watch->wanted);
    g_hash_table_unref(watch->by_wd);
    g_hash_table_unref(watch->by_id);
    g_free(watch->mountpoint);
    g_free(watch);
}
