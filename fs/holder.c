/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each request is carried out by a thread of its own, as it may have to wait for the worker, who may
 * die meanwhile and be followed by another: the main thread is there for that. A thread that waits
 * for the first reader of a FIFO waits in open() until a signal ends that. Whatever opens an end may
 * wait for a worker, as the kernel may want to know first who may; and whatever closes one, or asks
 * how much is in it, for the lock of the pipe, which a user can keep (relay-thread.c). So nobody has
 * our lock while it does, and the main thread never does it, nor does it wait for one who has a FIFO
 * taken.
 *
 * What is open here must not keep the mount from being unmounted. So where that is permitted, to
 * root, all is opened in a copy of the mount that is attached nowhere (open_tree(2)). Then it is the
 * supervisor who keeps the file system alive when the mount has gone, and who has to notice: by the
 * table of mounts.
 *
 * The control directory stays open, so that to find a FIFO nobody has to wait for the lock of the
 * root: somebody may have it whose request waits for this very FIFO. Until it is open, once for all
 * time, no request waits for a FIFO.
 */
#include "holder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "autofd.h"
#include "control.h"
#include "ends.h"
#include "fifoend.h"
#include "fileid.h"
#include "filelimit.h"
#include "pipesize.h"
#include "procfs.h"
#include "quietthread.h"
#include "size.h"
#include "waiter.h"

#define STACK_BYTES (128 * 1024)
/* Ends the wait of a thread in open(); nothing else uses it here. */
#define WAKE_SIGNAL SIGURG
/* It may come just before the open. */
#define WAKE_AGAIN (5 * G_TIME_SPAN_MILLISECOND)
/* How long to wait for a thread to come to wait in open(), and how often it is looked at. */
#define SOON       (1 * G_TIME_SPAN_SECOND)
#define LOOK_EVERY 20

/*
 * A worker has at most FF_HOLD_REQUESTS under way; the one before may have left some. And for each
 * FIFO one may be looking, and another be about to.
 */
#define MOST_JOBS (4 * FF_HOLD_REQUESTS + 2 * FF_HOLD_MOST)

/* How soon it is looked whether a bridge is needed any more, while nothing changes. */
#define BRIDGE_FIRST_MS 1
#define BRIDGE_LAST_MS  250

#define MOUNTS "/proc/self/mountinfo"

typedef struct {
    guint64 id;
    FfEnds ends;
    /* A thread has it: nobody else may touch its ends. */
    gboolean taken;
    /* A thread waits for the writing end; and is to stop that. */
    gboolean waits, stop;
    pthread_t thread;
    /* Of that thread, once it runs. */
    gint waiter;
    /* Somebody has opened it since it was last looked whether there is to be a bridge. */
    gboolean opened;
    /* A job that looks has not begun; or there could be none. */
    gboolean looking, missed;
    /* How much was in it when it was last looked whether the bridge is needed. */
    guint queued;
} Held;

struct FfHolder {
    char *mountpoint;
    GMutex lock;
    /* A wait in open() is over, or a FIFO is no longer taken. */
    GCond changed;
    /* By id. */
    GHashTable *held;
    /* -1 while there is no worker. */
    int socket;
    /* Counts workers: what one has asked to be let go must not go behind the back of the next. */
    guint worker;
    guint n_jobs, most;
    /* Nothing is held any more, or soon will not be. */
    gboolean stopped;
    /* ".fifofs", or -1 before it is prepared; and the number of its file system. */
    int control;
    dev_t dev;
    /* Main thread: the table of mounts, and what happens when it changes. */
    int mounts;
    /* Runs while there are bridges, after so many milliseconds. */
    guint bridge_source, bridge_ms;
    /* When the thread that tends them began, if none has begun since; or 0. */
    gint64 tending_since;
};

typedef struct {
    FfHolder *holder;
    FfHoldMessage message;
    /* Who has asked. */
    guint worker;
} Job;

/* Holder locked. */
static void tell(FfHolder *holder, const FfHoldMessage *request, FfHoldKind kind, int value)
{
    FfHoldMessage message = *request;

    message.kind = kind;
    message.value = value;
    if (holder->socket >= 0)
        send(holder->socket, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void answer(FfHolder *holder, const FfHoldMessage *request, FfHoldKind kind, int value)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);

    tell(holder, request, kind, value);
}

/* Return: 0 or -errno. */
static int start_thread(gpointer (*func)(gpointer data), gpointer data, pthread_t *thread)
{
    return ff_quiet_thread_start(func, data, STACK_BYTES, WAKE_SIGNAL, thread);
}

/* --- what is held. Holder locked --- */

/* Wait until nobody has it. Return: it, or NULL. */
static Held *find_held(FfHolder *holder, guint64 id)
{
    Held *held;

    while ((held = g_hash_table_lookup(holder->held, &id)) != NULL && held->taken)
        g_cond_wait(&holder->changed, &holder->lock);
    return held;
}

/* Unlocked while it waits. */
static void stop_waiting(FfHolder *holder, Held *held)
{
    held->stop = TRUE;
    while (held->waits) {
        pthread_kill(held->thread, WAKE_SIGNAL);
        g_cond_wait_until(&holder->changed, &holder->lock, g_get_monotonic_time() + WAKE_AGAIN);
    }
}

/* One that is taken. Unlocked while it waits. */
static void let_go(FfHolder *holder, Held *held)
{
    stop_waiting(holder, held);
    g_mutex_unlock(&holder->lock);
    ff_ends_close(&held->ends);
    g_mutex_lock(&holder->lock);
    g_hash_table_remove(holder->held, &held->id);
    g_cond_broadcast(&holder->changed);
    g_free(held);
}

/* --- bridges --- */

static gboolean on_bridges(gpointer data);

/* Any thread, holder locked. */
static void need_bridges(FfHolder *holder)
{
    holder->bridge_ms = BRIDGE_FIRST_MS;
    g_clear_handle_id(&holder->bridge_source, g_source_remove);
    holder->bridge_source = g_timeout_add(holder->bridge_ms, on_bridges, holder);
}

/* Holder locked. Return: does it need somebody to look after it? */
static gboolean needs_care(const Held *held)
{
    return !held->taken && (held->ends.bridge >= 0 || held->missed);
}

/*
 * One that was taken; what has happened to it meanwhile counts. Unlocked while it waits. @soon: where
 * there is a bridge, it is looked at soon again
 */
static void give_back(FfHolder *holder, Held *held, gboolean soon)
{
    while (held->opened && held->ends.bridge >= 0) {
        g_mutex_unlock(&holder->lock);
        ff_ends_unbridge(&held->ends);
        g_mutex_lock(&holder->lock);
    }
    held->taken = FALSE;
    g_cond_broadcast(&holder->changed);
    /* It may have been taken when it was looked whether there is any that needs care. */
    if (needs_care(held) && (soon || holder->bridge_source == 0))
        need_bridges(holder);
}

/* One that is taken. Is there to be a bridge? Unlocked while it waits. */
static void look_at(FfHolder *holder, Held *held)
{
    held->looking = held->missed = FALSE;
    if (!held->opened) {
        g_mutex_unlock(&holder->lock);
        ff_ends_bridge(&held->ends);
        g_mutex_lock(&holder->lock);
    }
    give_back(holder, held, TRUE);
}

/* One that is taken. Is it still needed? Unlocked while it waits. */
static void tend_bridge(FfHolder *holder, Held *held)
{
    gboolean soon;
    guint queued;

    g_mutex_unlock(&holder->lock);
    queued = ff_ends_queued(&held->ends);
    if (queued == 0)
        ff_ends_unbridge(&held->ends);
    g_mutex_lock(&holder->lock);
    /* Are bytes being read? */
    soon = queued != held->queued;
    held->queued = queued;
    give_back(holder, held, soon);
}

/* @since: set to when this was begun. Return: (transfer full): the ids of those that need care. */
static GArray *find_bridges(FfHolder *holder, gint64 *since)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(guint64));
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, holder->held);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (needs_care(value))
            g_array_append_val(ids, ((const Held *)value)->id);
    *since = holder->tending_since;
    return ids;
}

static void care_for(FfHolder *holder, guint64 id)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    Held *held = g_hash_table_lookup(holder->held, &id);

    if (held == NULL || !needs_care(held))
        return;
    held->taken = TRUE;
    if (held->missed)
        look_at(holder, held);
    else
        tend_bridge(holder, held);
}

static gpointer tend_bridges(gpointer data)
{
    FfHolder *holder = data;
    gint64 since;
    g_autoptr(GArray) ids = find_bridges(holder, &since);

    for (guint i = 0; i < ids->len; i++)
        care_for(holder, g_array_index(ids, guint64, i));
    g_mutex_lock(&holder->lock);
    if (holder->tending_since == since)
        holder->tending_since = 0;
    g_mutex_unlock(&holder->lock);
    return NULL;
}

static gboolean is_in_need(gpointer id, gpointer value, gpointer unused)
{
    return needs_care(value);
}

/*
 * Main thread. Where the thread that tends them waits for the lock of a pipe, another one looks after
 * all the others.
 */
static gboolean on_bridges(gpointer data)
{
    FfHolder *holder = data;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    gint64 now = g_get_monotonic_time();
    pthread_t thread;

    /* Another one was started while this waited for the lock. */
    if (g_source_is_destroyed(g_main_current_source()))
        return G_SOURCE_REMOVE;
    holder->bridge_source = 0;
    if (g_hash_table_find(holder->held, is_in_need, NULL) == NULL)
        return G_SOURCE_REMOVE;
    holder->bridge_ms = MIN(2 * holder->bridge_ms, BRIDGE_LAST_MS);
    holder->bridge_source = g_timeout_add(holder->bridge_ms, on_bridges, holder);
    if (holder->tending_since != 0 &&
        now - holder->tending_since < BRIDGE_LAST_MS * G_TIME_SPAN_MILLISECOND)
        return G_SOURCE_REMOVE;
    holder->tending_since = now;
    if (start_thread(tend_bridges, holder, &thread) != 0)
        holder->tending_since = 0;
    return G_SOURCE_REMOVE;
}

/* --- the mount --- */

/* Return: a descriptor of the control directory, or -errno. */
static int open_control(const FfHolder *holder, dev_t *dev)
{
    g_auto(FfAutoFd)
        mount = open_tree(AT_FDCWD, holder->mountpoint, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    FfFileInfo info;
    int fd;

    if (mount < 0)
        mount = open(holder->mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mount < 0)
        return -errno;
    fd = openat(mount, FF_CONTROL_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (ff_file_look(fd, "", &info) == 0 && info.id.ino == FF_CONTROL_DIRECTORY_ID) {
        *dev = info.id.dev;
        return fd;
    }
    close(fd);
    return -ENODEV;
}

/* Not locked while it waits for a worker. Return: the descriptor, which stays ours, or -errno. */
static int prepare(FfHolder *holder)
{
    dev_t dev = 0;
    int fd = -1, control;

    g_mutex_lock(&holder->lock);
    if (holder->control < 0) {
        g_mutex_unlock(&holder->lock);
        fd = open_control(holder, &dev);
        g_mutex_lock(&holder->lock);
    }
    if (fd >= 0 && holder->control < 0 && !holder->stopped) {
        holder->control = ff_auto_fd_steal(&fd);
        holder->dev = dev;
    }
    control = holder->control >= 0 ? holder->control : fd < -1 ? fd : -ENODEV;
    g_mutex_unlock(&holder->lock);
    if (fd >= 0)
        close(fd);
    return control;
}

/* Is any of it still mounted where we are? A line: id, parent, MAJOR:MINOR, ... (proc(5)). */
static gboolean is_mounted(dev_t dev)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(MOUNTS, &text, NULL, NULL))
        return TRUE;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        unsigned int found[2];

        if (sscanf(*line, "%*u %*u %u:%u", &found[0], &found[1]) == 2 &&
            makedev(found[0], found[1]) == dev)
            return TRUE;
    }
    return FALSE;
}

static gboolean on_mounts_changed(gint fd, GIOCondition condition, gpointer data)
{
    FfHolder *holder = data;
    dev_t dev = 0;

    g_mutex_lock(&holder->lock);
    if (holder->control >= 0)
        dev = holder->dev;
    g_mutex_unlock(&holder->lock);
    if (dev != 0 && !is_mounted(dev))
        ff_holder_stop(holder);
    return G_SOURCE_CONTINUE;
}

static void watch_mounts(FfHolder *holder)
{
    if (holder->mounts >= 0)
        return;
    holder->mounts = open(MOUNTS, O_RDONLY | O_CLOEXEC);
    if (holder->mounts >= 0)
        g_unix_fd_add(holder->mounts, G_IO_PRI, on_mounts_changed, holder);
}

/* --- opening --- */

/* Return: an O_PATH descriptor of what the worker has told for our token, or -errno. */
static int open_by_token(int control, const guint64 *token)
{
    char name[FF_HOLD_NAME_SIZE];
    int fd;

    g_snprintf(name, sizeof name, FF_HOLD_NAME_FORMAT, token[0], token[1]);
    fd = openat(control, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ff_fifoend_drop_name(control, name);
    return fd;
}

/* Return: an O_PATH descriptor of the FIFO, or -errno. */
static int find_fifo(FfHolder *holder, const FfHoldMessage *message)
{
    int control = prepare(holder);
    g_auto(FfAutoFd) fd = control < 0 ? control : open_by_token(control, message->token);
    FfFileInfo info;

    if (fd < 0)
        return fd;
    /* It is the worker who answers, and it may have been taken over by somebody. */
    if (ff_file_look(fd, "", &info) < 0 || !S_ISFIFO(info.mode) || info.id.ino != message->id ||
        info.id.dev != holder->dev)
        return -ESTALE;
    return ff_auto_fd_steal(&fd);
}

typedef struct {
    FfHolder *holder;
    Held *held;
    int fd;
} Wait;

/* Until the first reader comes. */
static gpointer wait_for_writing_end(gpointer data)
{
    g_autofree Wait *wait = data;
    FfHolder *holder = wait->holder;
    Held *held = wait->held;
    gboolean stop;
    int end;

    g_atomic_int_set(&held->waiter, gettid());
    do {
        end = ff_ends_wait(wait->fd);
        g_mutex_lock(&holder->lock);
        stop = held->stop;
        g_mutex_unlock(&holder->lock);
    } while (end == -EINTR && !stop);
    close(wait->fd);
    g_mutex_lock(&holder->lock);
    held->ends.writing = MAX(end, -1);
    held->waits = FALSE;
    g_cond_broadcast(&holder->changed);
    g_mutex_unlock(&holder->lock);
    return NULL;
}

/*
 * Does that thread of ours wait for a reader? All that it does is to open the FIFO, for which the
 * kernel may have to ask the worker first. Where it does not tell what a thread waits for, that it
 * sleeps has to do.
 */
static gboolean is_waiting(pid_t tid)
{
    char path[64], wchan[64];
    g_auto(FfAutoFd) thread = -1;
    FfProcfsStat stat;

    g_snprintf(path, sizeof path, "/proc/self/task/%d", tid);
    thread = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ff_procfs_read(thread, "wchan", wchan, sizeof wchan) > 1)
        return ff_waiter_is_in_open(wchan);
    return ff_procfs_stat(thread, &stat) < 0 || stat.state == 'S';
}

/* A thread is a writer, or was let in by a reader already. */
static gboolean is_writer(FfHolder *holder, Held *held)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    gint waiter = g_atomic_int_get(&held->waiter);

    return !held->waits || (waiter != 0 && is_waiting(waiter));
}

/* Holder locked, but while it waits. In the place of what is held of it. Return: 0 or -errno. */
static int put(FfHolder *holder, Held *held)
{
    Held *former;

    while ((former = find_held(holder, held->id)) != NULL) {
        former->taken = TRUE;
        let_go(holder, former);
    }
    if (holder->stopped)
        return -ENODEV;
    if (g_hash_table_size(holder->held) >= holder->most)
        return -EMFILE;
    g_hash_table_insert(holder->held, &held->id, held);
    return 0;
}

/* A thread waits from now on, and is a writer when this returns, if it comes to that soon. Return: 0 or -errno. */
static int start_waiting(FfHolder *holder, Held *held, int fd)
{
    gint64 end = g_get_monotonic_time() + SOON;
    Wait *wait = g_new0(Wait, 1);
    int r;

    *wait = (Wait){holder, held, fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    r = wait->fd < 0 ? -errno : start_thread(wait_for_writing_end, wait, &held->thread);
    if (r != 0) {
        if (wait->fd >= 0)
            close(wait->fd);
        g_free(wait);
        return r;
    }
    while (!is_writer(holder, held) && g_get_monotonic_time() < end)
        g_usleep(LOOK_EVERY);
    return 0;
}

/* One that is put nowhere. Holder locked, but while it waits. */
static void discard(FfHolder *holder, Held *held)
{
    stop_waiting(holder, held);
    g_mutex_unlock(&holder->lock);
    ff_ends_close(&held->ends);
    g_mutex_lock(&holder->lock);
    g_free(held);
}

/* Closes the descriptor, so that what we have open is no more than what is told. */
static int open_and_put(FfHolder *holder, const FfHoldMessage *message, int fd)
{
    Held *held = g_new0(Held, 1);
    g_autoptr(GMutexLocker) locker = NULL;
    int r = ff_ends_open(&held->ends, fd, (FfHold)message->ends);

    held->id = message->id;
    held->waits = r == -ENXIO;
    if (held->waits)
        r = start_waiting(holder, held, fd);
    else if (r == 0 && message->capacity != FF_SIZE_DEFAULT && ff_pipe_respect_limits())
        ff_pipe_resize_end(ff_ends_any(&held->ends), message->capacity);
    close(fd);
    if (r < 0) {
        g_free(held);
        return r;
    }
    ff_ends_bridge(&held->ends);
    locker = g_mutex_locker_new(&holder->lock);
    r = put(holder, held);
    if (r < 0) {
        discard(holder, held);
        return r;
    }
    if (held->ends.bridge >= 0)
        need_bridges(holder);
    tell(holder, message, FF_HOLD_OPENED, 0);
    return 0;
}

static void do_prepare(FfHolder *holder, const FfHoldMessage *message)
{
    int r = prepare(holder);

    answer(holder, message, r < 0 ? FF_HOLD_FAILED : FF_HOLD_PREPARED, r < 0 ? -r : 0);
}

static void do_open(FfHolder *holder, const FfHoldMessage *message)
{
    int fd = find_fifo(holder, message);
    int r = fd < 0 ? fd : open_and_put(holder, message, fd);

    if (r < 0)
        answer(holder, message, FF_HOLD_FAILED, -r);
}

/* --- letting go --- */

static const FfHoldKind kinds[] = {
    [FF_ENDS_UNUSED] = FF_HOLD_RELEASED,
    [FF_ENDS_QUEUED] = FF_HOLD_QUEUED,
    [FF_ENDS_BUSY] = FF_HOLD_BUSY,
};

static void do_try_release(FfHolder *holder, const FfHoldMessage *message, guint worker)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    Held *held = find_held(holder, message->id);
    FfEndsState state;

    if (worker != holder->worker)
        return;
    if (held == NULL) {
        tell(holder, message, FF_HOLD_RELEASED, 0);
        return;
    }
    held->taken = TRUE;
    held->opened = FALSE;
    stop_waiting(holder, held);
    /* It may take long to look at all processes. */
    g_mutex_unlock(&holder->lock);
    state = ff_ends_release(&held->ends, message->value != 0);
    if (state != FF_ENDS_UNUSED)
        ff_ends_bridge(&held->ends);
    g_mutex_lock(&holder->lock);
    if (state == FF_ENDS_UNUSED)
        let_go(holder, held);
    else
        give_back(holder, held, TRUE);
    tell(holder, message, kinds[state], 0);
}

static void do_close(FfHolder *holder, const FfHoldMessage *message, guint worker)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    Held *held = find_held(holder, message->id);

    if (worker != holder->worker)
        return;
    if (held != NULL) {
        held->taken = TRUE;
        let_go(holder, held);
    }
    tell(holder, message, FF_HOLD_RELEASED, 0);
}

/* --- what the others do --- */

static void do_look(FfHolder *holder, const FfHoldMessage *message)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    Held *held = find_held(holder, message->id);

    if (held == NULL)
        return;
    held->taken = TRUE;
    look_at(holder, held);
}

/* Who has it taken sees what is noted here, but for a writer who has gone. */
static gboolean is_look_needed(const Held *held)
{
    if (held->opened)
        return !held->taken && held->ends.bridge >= 0;
    return held->taken || (held->ends.bridge < 0 && ff_ends_are_readable(&held->ends));
}

/*
 * Main thread. Somebody is in whom the bridge was built for, or another writer has come; or one has
 * gone. Return: is there more to be done?
 */
static gboolean note_look(FfHolder *holder, const FfHoldMessage *message)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    Held *held = g_hash_table_lookup(holder->held, &message->id);

    if (held == NULL)
        return FALSE;
    held->opened = message->value != 0;
    if (held->looking || !is_look_needed(held))
        return FALSE;
    held->looking = TRUE;
    return TRUE;
}

/* There are too many jobs. */
static void miss_look(FfHolder *holder, const FfHoldMessage *message)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    Held *held = g_hash_table_lookup(holder->held, &message->id);

    if (held == NULL)
        return;
    held->looking = FALSE;
    held->missed = TRUE;
    need_bridges(holder);
}

/* --- */

static gpointer work(gpointer data)
{
    g_autofree Job *job = data;
    FfHolder *holder = job->holder;

    if (job->message.kind == FF_HOLD_PREPARE)
        do_prepare(holder, &job->message);
    else if (job->message.kind == FF_HOLD_OPEN)
        do_open(holder, &job->message);
    else if (job->message.kind == FF_HOLD_LOOK)
        do_look(holder, &job->message);
    else if (job->message.kind == FF_HOLD_TRY_RELEASE)
        do_try_release(holder, &job->message, job->worker);
    else
        do_close(holder, &job->message, job->worker);
    g_mutex_lock(&holder->lock);
    holder->n_jobs--;
    g_mutex_unlock(&holder->lock);
    return NULL;
}

/* Return: 0 or -errno. */
static int start_job(FfHolder *holder, const FfHoldMessage *message)
{
    pthread_t thread;
    Job *job;
    guint worker;
    int r = 0;

    g_mutex_lock(&holder->lock);
    worker = holder->worker;
    if (holder->stopped)
        r = -ENODEV;
    else if (holder->n_jobs >= MOST_JOBS)
        r = -EAGAIN;
    else
        holder->n_jobs++;
    g_mutex_unlock(&holder->lock);
    if (r != 0)
        return r;
    job = g_new0(Job, 1);
    *job = (Job){holder, *message, worker};
    r = start_thread(work, job, &thread);
    if (r == 0)
        return 0;
    g_free(job);
    g_mutex_lock(&holder->lock);
    holder->n_jobs--;
    g_mutex_unlock(&holder->lock);
    return r;
}

void ff_holder_take(FfHolder *holder, const FfHoldMessage *message)
{
    int r;

    if (message->kind == FF_HOLD_LOOK && !note_look(holder, message))
        return;
    watch_mounts(holder);
    r = start_job(holder, message);
    if (r == 0)
        return;
    if (message->kind == FF_HOLD_LOOK)
        miss_look(holder, message);
    else
        answer(holder, message,
               message->kind == FF_HOLD_TRY_RELEASE ? FF_HOLD_BUSY : FF_HOLD_FAILED, -r);
}

void ff_holder_begin(FfHolder *holder, int socket)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    FfHoldMessage head = {
        .kind = FF_HOLD_LIST,
        .ends = holder->control >= 0,
        .value = (gint32)g_hash_table_size(holder->held),
    };
    GHashTableIter iter;
    gpointer value;

    holder->socket = socket;
    g_byte_array_append(bytes, (const guint8 *)&head, sizeof head);
    g_hash_table_iter_init(&iter, holder->held);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Held *held = value;
        FfHoldEntry entry = {held->id, held->taken ? FF_HOLD_UNSURE : held->ends.hold};

        g_byte_array_append(bytes, (const guint8 *)&entry, sizeof entry);
    }
    if (send(socket, bytes->data, bytes->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        g_warning("cannot tell the worker what is held: %s", g_strerror(errno));
}

void ff_holder_end(FfHolder *holder)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);

    holder->socket = -1;
    holder->worker++;
}

static gboolean is_free(gpointer key, gpointer value, gpointer unused)
{
    return !((const Held *)value)->taken;
}

static gpointer let_all_go(gpointer data)
{
    FfHolder *holder = data;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);

    while (g_hash_table_size(holder->held) > 0) {
        Held *held = g_hash_table_find(holder->held, is_free, NULL);

        if (held == NULL) {
            g_cond_wait(&holder->changed, &holder->lock);
            continue;
        }
        held->taken = TRUE;
        let_go(holder, held);
    }
    return NULL;
}

void ff_holder_stop(FfHolder *holder)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&holder->lock);
    gint64 end = g_get_monotonic_time() + SOON;
    pthread_t thread;

    g_clear_handle_id(&holder->bridge_source, g_source_remove);
    if (holder->control >= 0)
        close(holder->control);
    holder->control = -1;
    if (holder->stopped)
        return;
    holder->stopped = TRUE;
    if (start_thread(let_all_go, holder, &thread) != 0)
        return;
    /* Mostly they are, and then the mount is not busy; but one may wait for a worker. */
    while (g_hash_table_size(holder->held) > 0 &&
           g_cond_wait_until(&holder->changed, &holder->lock, end))
        ;
}

static void on_wake(int number)
{
}

/* How many FIFOs there are descriptors for. */
static guint most_fifos(void)
{
    rlim_t n_files = ff_file_limit_raise();

    return n_files == 0 ? FF_HOLD_MOST : ff_file_limit_holds(n_files);
}

FfHolder *ff_holder_new(const char *mountpoint)
{
    /* Without SA_RESTART, so that a wait in open() ends. */
    const struct sigaction action = {.sa_handler = on_wake};
    /* A process has one, and its threads may need it until it ends. */
    static FfHolder only;
    FfHolder *holder = &only;

    holder->mountpoint = g_strdup(mountpoint);
    holder->held = g_hash_table_new(g_int64_hash, g_int64_equal);
    holder->socket = holder->control = holder->mounts = -1;
    sigaction(WAKE_SIGNAL, &action, NULL);
    holder->most = most_fifos();
    return holder;
}
