/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "directory.h"
#include "fdpath.h"
#include "fileid.h"
#include "former.h"
#include "heat.h"
#include "packing.h"
#include "step.h"
#include "walk.h"

#define EVENT_MASK (IN_OPEN | IN_CLOSE)

/*
 * Directories may be renamed between the look at a path and the walk along it, and the kernel may
 * be about to ask for their attributes. So a walk is tried a few times, in this time altogether.
 */
#define WALK_TRIES 50
#define WALK_TIME  (250 * G_TIME_SPAN_MILLISECOND)

/* What could not be watched for no lasting reason is tried again after this. */
#define RETRY_AFTER (1 * G_TIME_SPAN_SECOND)

/* The id that ends the watch thread: that of no node. */
#define NO_DIRECTORY 0

/*
 * A watch costs those who use the FIFOs: two events more than an open and a close, and each small
 * write or read a fifth more, as the kernel asks for watchers of the directory every time
 * (fs/notify/fsnotify.c __fsnotify_parent()). So a directory is watched no longer than it must be.
 * Without its watch it is *blind*. That loses nothing, because no FIFO in it has a cached name
 * then: each is idle, or known to be held until its FORGET, and its next opener must be answered a
 * LOOKUP, which is kept back until the watch is there again.
 *
 *  - A directory in which nothing has happened for a while, and no name is cached, *rests*.
 *  - One whose events come thick and fast is left alone for a while although its *busy* FIFOs are
 *    cached: they are known to be in use, and count as used until the watch is back.
 *
 * Names that are cached and stand in the way of either are probed.
 */
#define REST_INTERVAL_MS 100
#define BUSY_TIME_MS     250

/* So long a cached name is left alone in a directory that could rest. */
#define REST_AFTER (1 * G_TIME_SPAN_SECOND)

/* How many names of a directory are looked at in one go. */
#define NAMES_AT_ONCE 1024

typedef enum {
    /* The watch thread is at it. */
    STATE_ADDING,
    STATE_WATCHED,
    STATE_BLIND,
    STATE_UNWATCHABLE,
} State;

/* A directory in which a FIFO is, was, or is about to be. */
typedef struct {
    guint64 id;
    State state;
    int wd;
    GArray *waiters;
    FfHeat heat;
    /* With STATE_UNWATCHABLE: not before this. */
    gint64 retry_at;
    /* When a FIFO came, or something was reported, last. */
    gint64 touched;
    /* Where the search for cached names goes on. */
    guint64 cookie;
    /* A timer looks whether it can rest. */
    gboolean tiring;
} Watched;

struct FfWatch {
    FfRegistry *registry;
    FfJournal *journal;
    char *mountpoint;
    int inotify;
    GMainContext *context;
    GSource *source;
    GThread *thread;
    /* Directory ids for the thread to watch, as boxed guint64. */
    GAsyncQueue *wanted;
    /* More was reported than is read at once. */
    gint is_behind;

    /*
     * Under the registry lock. Watches are found by directory id. Watch descriptors lead to
     * directory ids until the kernel says that nothing more will come under them, which is after
     * the watch was taken away.
     */
    GHashTable *by_id;
    GHashTable *by_wd;
    FfFormerNames *former;
};

static void watched_free(gpointer data)
{
    Watched *watched = data;

    g_array_unref(watched->waiters);
    ff_heat_clear(&watched->heat);
    g_free(watched);
}

static void want(FfWatch *watch, guint64 id)
{
    g_async_queue_push(watch->wanted, g_memdup2(&id, sizeof id));
}

static Watched *new_watched(FfWatch *watch, guint64 id)
{
    Watched *watched = g_new0(Watched, 1);

    watched->id = id;
    watched->wd = -1;
    watched->waiters = ff_resumes_new();
    g_hash_table_insert(watch->by_id, &watched->id, watched);
    return watched;
}

static void begin_adding(FfWatch *watch, Watched *watched)
{
    watched->state = STATE_ADDING;
    want(watch, watched->id);
}

gboolean ff_watch_ensure(FfWatch *watch, const FfNode *directory, FfResume resume, gpointer data)
{
    Watched *watched = g_hash_table_lookup(watch->by_id, &directory->id);

    /* Which no kernel takes for one. */
    if (ff_node_is_fifo(directory))
        return TRUE;
    if (watched == NULL) {
        watched = new_watched(watch, directory->id);
        begin_adding(watch, watched);
    }
    if (watched->state == STATE_BLIND || (watched->state == STATE_UNWATCHABLE &&
                                          ff_registry_now(watch->registry) >= watched->retry_at))
        begin_adding(watch, watched);
    watched->touched = ff_registry_now(watch->registry);
    if (watched->state != STATE_ADDING)
        return TRUE;
    ff_resumes_add(watched->waiters, resume, data);
    return FALSE;
}

void ff_watch_expect(FfWatch *watch, FfNode *directory)
{
    if (g_hash_table_contains(watch->by_id, &directory->id))
        return;
    new_watched(watch, directory->id)->state = STATE_BLIND;
    ff_registry_set_blind(watch->registry, directory, TRUE);
}

/* The path on the mount, or NULL for a directory that is gone. */
static char *path_of(FfWatch *watch, guint64 id)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(watch->registry);
    FfNode *node = ff_registry_find(watch->registry, id);

    return node == NULL ? NULL : ff_node_path(node);
}

/* inotify knows paths only. Through the handle it is sure to be the directory that was meant. */
static int add_through_handle(FfWatch *watch, int fd, guint64 id)
{
    char path[FF_FD_PATH_SIZE];
    FfFileInfo info;
    int r = ff_file_look(fd, "", &info);

    if (r < 0)
        return r;
    if (info.id.ino != id)
        return -EAGAIN;
    FF_STEP("watching");
    /* Valgrind takes it that the call below never waits, and lets no other thread run meanwhile. */
    ff_walk_refresh(fd);
    fd = inotify_add_watch(watch->inotify, ff_fd_path(fd, path), EVENT_MASK | IN_ONLYDIR);
    return fd < 0 ? -errno : fd;
}

static int add_watch_once(FfWatch *watch, guint64 id)
{
    g_autofree char *path = path_of(watch, id);
    int fd, r;

    if (path == NULL)
        return -ENOENT;
    fd = ff_walk_cached(watch->mountpoint, path);
    /* The ACL of the root is never cached, so who does not own it never walks through it so. */
    if (fd == -EAGAIN)
        fd = ff_walk_by_id(watch->mountpoint, id);
    if (fd == -EPERM || fd == -ESTALE)
        fd = -EAGAIN;
    if (fd < 0)
        return fd;
    r = add_through_handle(watch, fd, id);
    close(fd);
    return r;
}

static int add_watch(FfWatch *watch, guint64 id)
{
    int r = add_watch_once(watch, id);

    for (guint i = 1; i < WALK_TRIES && r == -EAGAIN; i++) {
        g_usleep(WALK_TIME / WALK_TRIES);
        r = add_watch_once(watch, id);
    }
    return r;
}

/*
 * The busy FIFOs count as used until now: what they did while nobody looked is not known. Those
 * that have gone elsewhere since were settled by the rename.
 */
static void end_busy(FfWatch *watch, Watched *watched)
{
    GHashTableIter iter;
    gpointer id;

    if (watched->heat.busy == NULL)
        return;
    g_hash_table_iter_init(&iter, watched->heat.busy);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        FfNode *node = ff_registry_find(watch->registry, *(guint64 *)id);

        if (node == NULL || !node->busy || node->parent == NULL || node->parent->id != watched->id)
            continue;
        ff_registry_set_busy(watch->registry, node, FALSE);
        ff_registry_note_closed(watch->registry, node);
    }
    ff_heat_clear(&watched->heat);
}

/* Only what does not depend on the moment is for ever. */
static gint64 retry_at(const FfWatch *watch, int error_number)
{
    if (error_number == EACCES || error_number == ENOSPC || error_number == EXDEV)
        return G_MAXINT64;
    return ff_registry_now(watch->registry) + RETRY_AFTER;
}

static void remember_wd(FfWatch *watch, int wd, guint64 id)
{
    g_hash_table_insert(watch->by_wd, GINT_TO_POINTER(wd), g_memdup2(&id, sizeof id));
}

static void keep_wd(FfWatch *watch, int wd, guint64 id)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    ff_pack_unsigned(bytes, id);
    ff_journal_keep(watch->journal, FF_KEPT_WATCH, (guint64)wd, bytes);
}

static void note_watched(FfWatch *watch, Watched *watched, int wd)
{
    watched->state = STATE_WATCHED;
    watched->wd = wd;
    remember_wd(watch, wd, watched->id);
    keep_wd(watch, wd, watched->id);
}

static void note_failure(FfWatch *watch, Watched *watched, int error_number, gboolean wanted)
{
    /* Of what the kernel has not cached it has nothing cached in it either, so nothing is lost. */
    if (error_number == EAGAIN && !wanted) {
        watched->state = STATE_BLIND;
        return;
    }
    watched->state = STATE_UNWATCHABLE;
    watched->retry_at = retry_at(watch, error_number);
}

/* Registry locked. Return: those who waited for the outcome. */
static GArray *note_outcome(FfWatch *watch, guint64 id, int wd)
{
    Watched *watched = g_hash_table_lookup(watch->by_id, &id);
    FfNode *directory = ff_registry_find(watch->registry, id);
    /* Else it was removed meanwhile. */
    gboolean is_there = directory != NULL && ff_node_is_linked(directory);
    GArray *waiters = g_steal_pointer(&watched->waiters);

    watched->waiters = ff_resumes_new();
    if (wd >= 0)
        note_watched(watch, watched, wd);
    else
        note_failure(watch, watched, -wd, waiters->len > 0);
    if (is_there && watched->state != STATE_BLIND) {
        ff_registry_set_watched(watch->registry, directory, wd >= 0);
        ff_registry_set_blind(watch->registry, directory, FALSE);
    }
    end_busy(watch, watched);
    if (!is_there)
        g_hash_table_remove(watch->by_id, &id);
    return waiters;
}

/* Note the outcome, and let those go on who waited for it. */
static void settle(FfWatch *watch, guint64 id, int wd)
{
    g_autoptr(GArray) waiters = NULL;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(watch->registry);

        waiters = note_outcome(watch, id, wd);
    }
    ff_resumes_run(waiters);
}

/*
 * Not the end of the mount, which somebody else has told, nor of the directory; and what the kernel
 * does not have in its cache, or has locked, is tried again soon.
 */
static gboolean is_worth_telling(int error_number)
{
    return error_number != ECONNABORTED && error_number != ENOTCONN && error_number != ENOENT &&
           error_number != EAGAIN;
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
        if (wd < 0 && is_worth_telling(-wd))
            g_message("cannot watch directory %" G_GUINT64_FORMAT
                      " of %s: %s; what is in it is probed more often instead",
                      *id, watch->mountpoint, g_strerror(-wd));
        FF_STEP("watched");
        settle(watch, *id, wd);
    }
}

typedef struct {
    FfWatch *watch;
    guint64 id;
} Timed;

/* Call back on the main thread about this directory, every so many milliseconds until FALSE. */
static void set_timer(FfWatch *watch, guint64 id, guint milliseconds, GSourceFunc callback)
{
    g_autoptr(GSource) timer = g_timeout_source_new(milliseconds);
    Timed *timed = g_new(Timed, 1);

    *timed = (Timed){watch, id};
    g_source_set_callback(timer, callback, timed, g_free);
    g_source_attach(timer, watch->context);
}

static void go_blind(FfWatch *watch, Watched *watched, FfNode *directory)
{
    ff_registry_set_blind(watch->registry, directory, TRUE);
    watched->state = STATE_BLIND;
    FF_STEP("resting");
    inotify_rm_watch(watch->inotify, watched->wd);
    FF_STEP("rested");
    watched->wd = -1;
}

static void probe_quiet(FfWatch *watch, Watched *watched, FfNode *directory, gint64 since)
{
    watched->cookie = ff_registry_probe_quiet(watch->registry, directory, watched->cookie,
                                              NAMES_AT_ONCE, since);
}

/* Could it rest, now or once its cached names are probed? */
static gboolean is_tired(const Watched *watched, const FfNode *directory)
{
    return watched->state == STATE_WATCHED &&
           (directory->directory->n_quiet_cached == 0 || directory->directory->n_held > 0);
}

static gboolean on_rest_timer(gpointer data)
{
    const Timed *timed = data;
    FfWatch *watch = timed->watch;
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(watch->registry);
    Watched *watched = g_hash_table_lookup(watch->by_id, &timed->id);
    FfNode *directory = ff_registry_find(watch->registry, timed->id);
    gint64 now = ff_registry_now(watch->registry);

    if (watched == NULL)
        return G_SOURCE_REMOVE;
    watched->tiring = directory != NULL && is_tired(watched, directory);
    if (!watched->tiring)
        return G_SOURCE_REMOVE;
    if (directory->directory->n_quiet_cached > 0)
        probe_quiet(watch, watched, directory, now - REST_AFTER);
    else if (now - watched->touched >= REST_INTERVAL_MS * G_TIME_SPAN_MILLISECOND &&
             ff_registry_may_rest(watch->registry, directory))
        go_blind(watch, watched, directory);
    return G_SOURCE_CONTINUE;
}

static void consider_rest(FfWatch *watch, const FfNode *directory)
{
    Watched *watched = g_hash_table_lookup(watch->by_id, &directory->id);

    if (watched == NULL || watched->tiring || !is_tired(watched, directory))
        return;
    watched->tiring = TRUE;
    set_timer(watch, watched->id, REST_INTERVAL_MS, on_rest_timer);
}

/* A directory that was removed needs no watch any more; the kernel has dropped it, or will. */
static void forget_directory(FfWatch *watch, guint64 id)
{
    Watched *watched = g_hash_table_lookup(watch->by_id, &id);

    /* The watch thread still needs it while it is adding, and looks itself. */
    if (watched != NULL && watched->state != STATE_ADDING)
        g_hash_table_remove(watch->by_id, &id);
}

static void on_change(const FfChange *change, gpointer data)
{
    FfWatch *watch = data;
    const FfNode *node = change->node;

    if (ff_node_is_fifo(node)) {
        if (node->parent != NULL)
            consider_rest(watch, node->parent);
        if (change->old_parent != NULL)
            consider_rest(watch, change->old_parent);
        if (change->kind == FF_CHANGE_RENAMED)
            ff_former_names_note(watch->former, change->old_parent->id, change->old_name, node->id,
                                 ff_registry_now(watch->registry));
    } else if (change->kind == FF_CHANGE_REMOVED) {
        forget_directory(watch, node->id);
    }
}

static gboolean on_busy_timer(gpointer data)
{
    const Timed *timed = data;
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(timed->watch->registry);
    Watched *watched = g_hash_table_lookup(timed->watch->by_id, &timed->id);

    if (watched != NULL && watched->state == STATE_BLIND)
        begin_adding(timed->watch, watched);
    return G_SOURCE_REMOVE;
}

static void set_busy(FfWatch *watch, const Watched *watched, gboolean busy)
{
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, watched->heat.busy);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        FfNode *node = ff_registry_find(watch->registry, *(guint64 *)id);

        if (node != NULL)
            ff_registry_set_busy(watch->registry, node, busy);
    }
}

/* Events come thick and fast: go blind, or do what has to be done before. */
static void cool(FfWatch *watch, Watched *watched, FfNode *directory, gint64 now)
{
    set_busy(watch, watched, TRUE);
    if (ff_registry_may_pause(watch->registry, directory)) {
        go_blind(watch, watched, directory);
        set_timer(watch, watched->id, BUSY_TIME_MS, on_busy_timer);
        return;
    }
    probe_quiet(watch, watched, directory, now);
    set_busy(watch, watched, FALSE);
}

/* What an event is about: the FIFO that has the name, or else had it until a moment ago. */
static FfNode *find_reported(FfWatch *watch, const FfNode *directory, const char *name, gint64 now)
{
    FfNode *node;

    if (ff_registry_lookup(watch->registry, directory, name, &node) < 0)
        node = ff_registry_find(watch->registry,
                                ff_former_names_find(watch->former, directory->id, name, now));
    return node != NULL && ff_node_is_fifo(node) && ff_node_is_linked(node) ? node : NULL;
}

/* @n_events of the same name in a row, whose masks are in @mask together. */
static void handle_fifo_event(FfWatch *watch, Watched *watched, FfNode *directory, guint32 mask,
                              const char *name, guint n_events)
{
    gint64 now = ff_registry_now(watch->registry);
    FfNode *node = find_reported(watch, directory, name, now);

    watched->touched = now;
    if (node == NULL)
        return;
    if ((mask & IN_OPEN) != 0)
        ff_registry_note_opened(watch->registry, node);
    if ((mask & IN_CLOSE) != 0)
        ff_registry_note_closed(watch->registry, node);
    if (node->parent != directory)
        return;
    for (; n_events > 0 && watched->state == STATE_WATCHED; n_events--)
        if (ff_heat_note(&watched->heat, node->id, now))
            cool(watch, watched, directory, now);
}

static void forget_wd(FfWatch *watch, int wd)
{
    g_hash_table_remove(watch->by_wd, GINT_TO_POINTER(wd));
    ff_journal_drop(watch->journal, FF_KEPT_WATCH, (guint64)wd);
}

static void handle_event(FfWatch *watch, const struct inotify_event *event, guint32 mask,
                         guint n_events)
{
    const guint64 *id = g_hash_table_lookup(watch->by_wd, GINT_TO_POINTER(event->wd));
    Watched *watched = id == NULL ? NULL : g_hash_table_lookup(watch->by_id, id);
    FfNode *directory = id == NULL ? NULL : ff_registry_find(watch->registry, *id);

    if ((event->mask & IN_Q_OVERFLOW) != 0)
        ff_registry_notes_lost(watch->registry);
    if ((event->mask & IN_IGNORED) != 0)
        forget_wd(watch, event->wd);
    else if (watched != NULL && directory != NULL && event->len > 0 &&
             (event->mask & IN_ISDIR) == 0)
        handle_fifo_event(watch, watched, directory, mask, event->name, n_events);
}

static gboolean is_of_same_name(const struct inotify_event *a, const struct inotify_event *b)
{
    return a->wd == b->wd && a->len == b->len && a->len > 0 &&
           memcmp(a->name, b->name, a->len) == 0;
}

/*
 * A loop on one FIFO makes a million events a second. Those that come in a row are taken together,
 * so that we are faster than it: else the queue overflows.
 */
static void handle_events(FfWatch *watch, const char *buffer, ssize_t length)
{
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *first = (const struct inotify_event *)(buffer + at);
        const struct inotify_event *event = first;
        guint32 mask = 0;
        guint n_events = 0;

        do {
            mask |= event->mask;
            n_events++;
            at += (ssize_t)(sizeof *event + event->len);
            event = (const struct inotify_event *)(buffer + at);
        } while (at < length && is_of_same_name(first, event));
        handle_event(watch, first, mask, n_events);
    }
}

/*
 * What is read from inotify is gone from there. So that it is not lost with us, it is read into
 * memory that outlives us (the *inbox*), and what follows from it is committed before that is
 * cleared. Whoever comes after us finds it there if it was read and nothing was committed since: he
 * sees that before he commits anything himself, and then claims it, in case that he dies as well.
 */
enum {
    INBOX_IF_NOTHING_FOLLOWS = 1,
    INBOX_CLAIMED = 2,
};

static ssize_t read_into_inbox(FfWatch *watch, gpointer inbox, gsize size)
{
    FfLogfile *log = ff_journal_log(watch->journal);
    ssize_t length;

    ff_logfile_set_number(log, FF_LOGFILE_INBOX_MARK, ff_logfile_end(log));
    ff_logfile_set_number(log, FF_LOGFILE_INBOX_IN_USE, INBOX_IF_NOTHING_FOLLOWS);
    length = read(watch->inotify, inbox, size);
    if (length <= 0)
        ff_logfile_set_number(log, FF_LOGFILE_INBOX_IN_USE, 0);
    else
        FF_STEP("reported");
    return length;
}

static void clear_inbox(FfWatch *watch, gpointer inbox, gsize length)
{
    ff_journal_commit(watch->journal);
    memset(inbox, 0, length);
    ff_logfile_set_number(ff_journal_log(watch->journal), FF_LOGFILE_INBOX_IN_USE, 0);
}

/* How much has been reported and is not read. */
static gsize waiting_bytes(const FfWatch *watch)
{
    int n;

    return ioctl(watch->inotify, FIONREAD, &n) == 0 && n > 0 ? (gsize)n : 0;
}

/*
 * Only what has been reported by now: many who open FIFOs as fast as they can report more than is read
 * meanwhile, and nobody else would ever get the lock.
 */
void ff_watch_catch_up(FfWatch *watch)
{
    gsize size, left = 0, done;
    gpointer inbox = ff_logfile_inbox(ff_journal_log(watch->journal), &size);

    g_atomic_int_set(&watch->is_behind, FALSE);
    do {
        ssize_t length = read_into_inbox(watch, inbox, size);

        if (length <= 0)
            return;
        done = (gsize)length;
        if (done > size / 2 && left == 0) {
            g_atomic_int_set(&watch->is_behind, TRUE);
            left = done + waiting_bytes(watch);
        }
        handle_events(watch, inbox, length);
        FF_STEP("noted");
        clear_inbox(watch, inbox, done);
        left -= MIN(left, done);
    } while (left > 0 && done > size / 2);
}

void ff_watch_claim_inbox(FfLogfile *log)
{
    if (ff_logfile_number(log, FF_LOGFILE_INBOX_IN_USE) == INBOX_IF_NOTHING_FOLLOWS &&
        ff_logfile_number(log, FF_LOGFILE_INBOX_MARK) == ff_logfile_end(log))
        ff_logfile_set_number(log, FF_LOGFILE_INBOX_IN_USE, INBOX_CLAIMED);
}

/* Behind the last event there are zeros, which none begins with. */
static gsize length_of_inbox(const char *inbox, gsize size)
{
    gsize length = 0;

    while (length + sizeof(struct inotify_event) <= size) {
        const struct inotify_event *event = (const struct inotify_event *)(inbox + length);

        if (event->mask == 0 || event->len > size - length - sizeof *event)
            break;
        length += sizeof *event + event->len;
    }
    return length;
}

static void take_over_inbox(FfWatch *watch)
{
    FfLogfile *log = ff_journal_log(watch->journal);
    gsize size;
    char *inbox = ff_logfile_inbox(log, &size);
    gsize length = length_of_inbox(inbox, size);

    if (ff_logfile_number(log, FF_LOGFILE_INBOX_IN_USE) == INBOX_CLAIMED) {
        ff_logfile_set_number(log, FF_LOGFILE_INBOX_MARK, ff_logfile_end(log));
        ff_logfile_set_number(log, FF_LOGFILE_INBOX_IN_USE, INBOX_IF_NOTHING_FOLLOWS);
        handle_events(watch, inbox, (ssize_t)length);
    }
    clear_inbox(watch, inbox, size);
}

static void take_over_wd(guint64 wd, GBytes *bytes, gpointer data)
{
    gsize length;
    gconstpointer start = g_bytes_get_data(bytes, &length);
    FfUnpacker in = ff_unpacker(start, length);

    remember_wd(data, (int)wd, ff_unpack_unsigned(&in));
}

/*
 * A directory that was watched may not be any more: the one before us may have died between taking
 * the watch away and saying so. Adding it once more is harmless.
 */
static void take_over_directory(FfNode *node, gpointer data)
{
    FfWatch *watch = data;
    Watched *watched;

    if (ff_node_is_fifo(node) || !ff_node_is_linked(node) ||
        !(node->directory->watched || node->directory->blind))
        return;
    watched = new_watched(watch, node->id);
    if (node->directory->blind)
        watched->state = STATE_BLIND;
    else
        begin_adding(watch, watched);
}

/* Busy ones count as used until their directory is watched again, which now nobody else sees to. */
static void take_over_busy(FfNode *node, gpointer data)
{
    FfWatch *watch = data;
    Watched *watched = node->busy && node->parent != NULL
                           ? g_hash_table_lookup(watch->by_id, &node->parent->id)
                           : NULL;

    if (watched == NULL)
        return;
    ff_heat_adopt(&watched->heat, node->id);
    if (watched->state == STATE_BLIND)
        begin_adding(watch, watched);
}

void ff_watch_take_over(FfWatch *watch)
{
    ff_journal_foreach_kept(watch->journal, FF_KEPT_WATCH, take_over_wd, watch);
    ff_registry_foreach(watch->registry, take_over_directory, watch);
    ff_registry_foreach(watch->registry, take_over_busy, watch);
    take_over_inbox(watch);
}

static gboolean on_events(gint fd, GIOCondition condition, gpointer data)
{
    FfWatch *watch = data;
    g_autoptr(FfRegistryLocker) locker = NULL;

    if (g_atomic_int_get(&watch->is_behind))
        ff_registry_give_way(watch->registry);
    locker = ff_registry_locker_new(watch->registry);
    ff_watch_catch_up(watch);
    return G_SOURCE_CONTINUE;
}

void ff_watch_set_journal(FfWatch *watch, FfJournal *journal)
{
    watch->journal = journal;
}

FfWatch *ff_watch_new(FfRegistry *registry, const char *mountpoint, int inotify,
                      GMainContext *context)
{
    FfWatch *watch = g_new0(FfWatch, 1);

    watch->registry = registry;
    watch->mountpoint = g_strdup(mountpoint);
    watch->inotify = inotify;
    watch->wanted = g_async_queue_new_full(g_free);
    watch->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, watched_free);
    watch->by_wd = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    watch->former = ff_former_names_new();
    watch->context = context;
    watch->source = g_unix_fd_source_new(inotify, G_IO_IN);
    g_source_set_callback(watch->source, G_SOURCE_FUNC(on_events), watch, NULL);
    g_source_attach(watch->source, context);
    ff_registry_listen(registry, on_change, watch);
    watch->thread = g_thread_new("watch", run, watch);
    return watch;
}

void ff_watch_stop(FfWatch *watch)
{
    if (watch == NULL || watch->thread == NULL)
        return;
    want(watch, NO_DIRECTORY);
    g_clear_pointer(&watch->thread, g_thread_join);
}

void ff_watch_free(FfWatch *watch)
{
    if (watch == NULL)
        return;
    ff_watch_stop(watch);
    g_source_destroy(watch->source);
    g_source_unref(watch->source);
    g_async_queue_unref(watch->wanted);
    g_hash_table_unref(watch->by_wd);
    g_hash_table_unref(watch->by_id);
    ff_former_names_free(watch->former);
    g_free(watch->mountpoint);
    g_free(watch);
}
