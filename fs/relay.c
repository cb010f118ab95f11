/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests become messages to the relay thread, which alone knows the relays and touches their
 * FIFOs. No other thread may: whoever reads a pipe has its lock (fs/pipe.c pipe->mutex) while the
 * kernel copies to his memory, and that memory may be such as to keep the kernel waiting.
 *
 * What is shared, under the registry lock, is that there is a relay of a FIFO, and who waits until it
 * is open (Relayed). Nobody may open the FIFO before us (fifoend.h), so all LOOKUPs of it are
 * kept back until then, except our own. That could be a deadlock if we needed the lock of a directory which
 * such a LOOKUP has. What we look up is cached, as a rule; else all of them are let go first, and
 * whoever opens one of these FIFOs just then may take us for a reader, or may have gone when we look
 * for one.
 *
 * Before a reader has come a writing end is *unmet*, and nothing is written. That one comes is told
 * by inotify: epoll wakes nobody for it, as it changes nothing for writers that the kernel would
 * wake them for (fs/pipe.c fifo_open()).
 */
#include "relay-private.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "fifoend.h"
#include "filelimit.h"
#include "handover.h"
#include "privileges.h"
#include "usercount.h"

/*
 * A read that was answered in full makes the kernel ask for more if it was not the last piece of
 * what the reader wants (fs/fuse/file.c fuse_direct_io()), and he would wait although he has
 * something. So one as large as pieces are is never answered in full.
 */
#define PAGE_BYTES      4096
#define MOST_READ_BYTES (FF_RELAY_BYTES - PAGE_BYTES)

/*
 * So many bytes that are to be written may be here, of all relays together. Beyond, only what fits
 * is taken of a write: PIPE_BUF bytes, and the writer is told that no more was written.
 */
#define MOST_KEPT_BYTES (64 * 1024 * 1024)

/*
 * As long a LOOKUP is kept back at most, a little more or less. Whose it is may have the lock that
 * the relay thread waits for: of `.fifofs` itself, with rename(2) from a directory to there.
 */
#define PATIENCE (1 * G_TIME_SPAN_SECOND)

/* For relays there is a part less of the descriptors than all, and for a user one part of what there is. */
#define PARTS 4

/* A user who has no more than his part; else the others would have nothing. */
static gboolean is_limited(uid_t user)
{
    return user != 0 && user != ff_privileges_mounter();
}

/* --- bytes --- */

/* Return: how many of so many bytes there is room for, which are counted. */
static gsize take_room(FfRelays *relays, uid_t user, gsize size)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&relays->kept_lock);
    gsize kept = relays->kept, most = MOST_KEPT_BYTES;

    if (kept + size <= most && is_limited(user)) {
        kept = ff_user_counts_of(relays->kept_by_user, user);
        most /= PARTS;
    }
    if (kept + size > most)
        size = MIN(size, PIPE_BUF);
    relays->kept += size;
    ff_user_counts_add(relays->kept_by_user, user, (int)size);
    return size;
}

static void give_room_back(FfRelays *relays, uid_t user, gsize size)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&relays->kept_lock);

    relays->kept -= size;
    ff_user_counts_add(relays->kept_by_user, user, -(int)size);
}

/* --- messages --- */

Message *ff_relay_new_message(MessageKind kind, fuse_req_t req, guint64 fifo, gsize n_bytes)
{
    Message *message = g_malloc(sizeof *message + n_bytes);

    *message = (Message){.kind = kind, .req = req, .fifo = fifo, .fd = -1};
    return message;
}

void ff_relay_message_free(Message *message)
{
    if (message->keeper != NULL)
        give_room_back(message->keeper, message->user, message->size);
    g_clear_pointer(&message->poll, fuse_pollhandle_destroy);
    g_free(message);
}

/* The thread is there from the first message on. */
static void have_thread(FfRelays *relays)
{
    g_autoptr(FfRegistryLocker) locker = NULL;

    if (g_atomic_pointer_get(&relays->thread) != NULL)
        return;
    locker = ff_registry_locker_new(relays->registry);
    if (relays->thread == NULL && !g_atomic_int_get(&relays->stopped))
        g_atomic_pointer_set(&relays->thread,
                             g_thread_new(FF_RELAY_THREAD, ff_relay_thread, relays));
}

void ff_relay_refuse(const Message *message, int error_number)
{
    if (message->kind == MESSAGE_POLL)
        fuse_reply_poll(message->req, POLLERR);
    else if (message->kind == MESSAGE_READ || message->kind == MESSAGE_WRITE)
        fuse_reply_err(message->req, error_number);
    else if (message->kind == MESSAGE_RELEASE && message->req != NULL)
        fuse_reply_err(message->req, 0);
}

void ff_relay_drop(const Message *message)
{
    /* An interrupt has the request of another message. */
    if (message->req != NULL && message->kind != MESSAGE_INTERRUPT)
        fuse_reply_none(message->req);
}

/* Where somebody goes on with the relay after us he gets the request again. */
static void leave(const FfRelays *relays, Message *message)
{
    if (relays->transit == NULL)
        ff_relay_refuse(message, ENOTCONN);
    else
        ff_relay_drop(message);
    ff_relay_message_free(message);
}

void ff_relay_post(FfRelays *relays, Message *message)
{
    guint64 one = 1;

    if (g_atomic_int_get(&relays->stopped) && message->kind != MESSAGE_STOP) {
        leave(relays, message);
        return;
    }
    have_thread(relays);
    g_async_queue_push(relays->messages, message);
    /* The counter of an eventfd cannot be full of ones. */
    if (g_atomic_int_compare_and_exchange(&relays->asleep, TRUE, FALSE) &&
        write(relays->event, &one, sizeof one) < 0)
        g_warning("cannot wake the relay thread: %s", g_strerror(errno));
}

/* Request thread. It may have been answered by now. */
static void on_interrupted(fuse_req_t req, void *data)
{
    ff_relay_post(data, ff_relay_new_message(MESSAGE_INTERRUPT, req, 0, 0));
}

/* Post what may have to wait, and be interrupted then. */
static void post_transfer(FfRelays *relays, Message *message, int flags)
{
    gboolean interrupted;
    fuse_req_t req;

    message->tid = fuse_req_ctx(message->req)->pid;
    message->number = ff_session_current();
    message->flags = flags;
    if ((flags & O_NONBLOCK) == 0)
        fuse_req_interrupt_func(message->req, on_interrupted, relays);
    /* One that comes again may have done something already. */
    interrupted = fuse_req_interrupted(message->req);
    if (interrupted && !message->number.again) {
        fuse_reply_err(message->req, EINTR);
        ff_relay_message_free(message);
        return;
    }
    req = message->req;
    ff_relay_post(relays, message);
    if (interrupted)
        on_interrupted(req, relays);
}

void ff_relays_read(FfRelays *relays, fuse_req_t req, guint64 fifo, size_t size, int flags)
{
    Message *message = ff_relay_new_message(MESSAGE_READ, req, fifo, 0);

    message->size = MIN(size, MOST_READ_BYTES);
    post_transfer(relays, message, flags);
}

void ff_relays_write(FfRelays *relays, fuse_req_t req, guint64 fifo, const char *data, size_t size,
                     int flags)
{
    uid_t user = fuse_req_ctx(req)->uid;
    Message *message;

    size = take_room(relays, user, size);
    message = ff_relay_new_message(MESSAGE_WRITE, req, fifo, size);
    message->keeper = relays;
    message->user = user;
    message->size = size;
    memcpy(message->data, data, size);
    post_transfer(relays, message, flags);
}

/* A handle has the same number always, which somebody else may need to wake who polls it. */
static void note_poll(FfRelays *relays, guint64 fifo)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
    Relayed *relayed = g_hash_table_lookup(relays->relayed, &fifo);
    guint64 number = ff_session_current_poll();

    if (relayed == NULL || relayed->poll_number == number)
        return;
    relayed->poll_number = number;
    ff_relay_save(relays, relayed);
}

void ff_relays_poll(FfRelays *relays, fuse_req_t req, guint64 fifo, guint32 events,
                    struct fuse_pollhandle *handle)
{
    Message *message = ff_relay_new_message(MESSAGE_POLL, req, fifo, 0);

    message->events = events;
    message->poll = handle;
    note_poll(relays, fifo);
    ff_relay_post(relays, message);
}

void ff_relays_prepare(FfRelays *relays, FfResume resume, gpointer data)
{
    Message *message = ff_relay_new_message(MESSAGE_PREPARE, NULL, 0, 0);

    message->resume = resume;
    message->resume_data = data;
    ff_relay_post(relays, message);
}

/* Return: NULL where the thread has been told. */
static Message *message_to_open(FfRelays *relays, guint64 fifo)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
    Relayed *relayed = g_hash_table_lookup(relays->relayed, &fifo);
    Message *message;

    if (relayed == NULL || relayed->posted)
        return NULL;
    relayed->posted = TRUE;
    message = ff_relay_new_message(MESSAGE_OPEN, NULL, fifo, 0);
    message->flags = relayed->access;
    message->tid = relayed->creator;
    return message;
}

void ff_relays_open(FfRelays *relays, guint64 fifo)
{
    Message *message = message_to_open(relays, fifo);

    if (message != NULL)
        ff_relay_post(relays, message);
}

void ff_relays_settled(FfRelays *relays)
{
    if (relays->transit != NULL)
        ff_relay_post(relays, ff_relay_new_message(MESSAGE_SETTLED, NULL, 0, 0));
}

/* Whoever looks it up from now on finds what there is when it is closed, and not our end of it. */
static void begin_closing(FfRelays *relays, guint64 fifo)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
    Relayed *relayed = g_hash_table_lookup(relays->relayed, &fifo);

    if (relayed != NULL)
        relayed->closing = TRUE;
}

void ff_relays_release(FfRelays *relays, fuse_req_t req, guint64 fifo)
{
    begin_closing(relays, fifo);
    ff_relay_post(relays, ff_relay_new_message(MESSAGE_RELEASE, req, fifo, 0));
}

/* --- FIFOs that have one: registry locked --- */

static void relayed_free(gpointer data)
{
    Relayed *relayed = data;

    if (relayed->waiters != NULL)
        g_array_unref(relayed->waiters);
    g_free(relayed);
}

gboolean ff_relays_can_serve(const FfRelays *relays, uid_t owner)
{
    return !g_atomic_int_get(&relays->stopped) && (relays->privileged || owner == geteuid());
}

gboolean ff_relays_are_left(const FfRelays *relays)
{
    return g_atomic_int_get(&relays->stopped) && relays->transit != NULL;
}

int ff_relays_check_room(const FfRelays *relays, uid_t user)
{
    if (g_hash_table_size(relays->relayed) >= relays->most)
        return -ENFILE;
    if (is_limited(user) && ff_user_counts_of(relays->n_by_user, user) >= relays->most / PARTS)
        return -EMFILE;
    return 0;
}

Relayed *ff_relay_new_relayed(FfRelays *relays, const FfNode *fifo)
{
    Relayed *relayed = g_new0(Relayed, 1);

    relayed->fifo = fifo->id;
    relayed->user = fifo->charged_uid;
    ff_user_counts_add(relays->n_by_user, relayed->user, 1);
    g_hash_table_insert(relays->relayed, &relayed->fifo, relayed);
    return relayed;
}

void ff_relays_expect(FfRelays *relays, FfNode *fifo, int flags, pid_t creator)
{
    Relayed *relayed = ff_relay_new_relayed(relays, fifo);

    relayed->access = flags & O_ACCMODE;
    relayed->creator = creator;
    relayed->opening = TRUE;
    ff_relay_save(relays, relayed);
    ff_registry_set_relayed(relays->registry, fifo, TRUE);
    /* Until the kernel knows it by our own LOOKUP: it may be removed as soon as it is there. */
    ff_registry_add_lookup(relays->registry, fifo);
}

GArray *ff_relay_end(FfRelays *relays, guint64 fifo)
{
    Relayed *relayed = g_hash_table_lookup(relays->relayed, &fifo);
    GArray *waiters;

    if (relayed == NULL)
        return NULL;
    waiters = g_steal_pointer(&relayed->waiters);
    ff_user_counts_add(relays->n_by_user, relayed->user, -1);
    g_hash_table_remove(relays->relayed, &fifo);
    return waiters;
}

gboolean ff_relays_has(const FfRelays *relays, guint64 fifo)
{
    return g_hash_table_contains(relays->relayed, &fifo);
}

gboolean ff_relays_is_opening(const FfRelays *relays, guint64 fifo)
{
    const Relayed *relayed = g_hash_table_lookup(relays->relayed, &fifo);

    return relayed != NULL && !relays->walks && !relayed->late &&
           (relayed->opening || relayed->closing);
}

void ff_relays_wait(FfRelays *relays, guint64 fifo, FfResume resume, gpointer data)
{
    Relayed *relayed = g_hash_table_lookup(relays->relayed, &fifo);

    if (relayed->waiters == NULL)
        relayed->waiters = ff_resumes_new();
    if (relayed->waiters->len == 0)
        relayed->waited_since = g_get_monotonic_time();
    ff_resumes_add(relayed->waiters, resume, data);
    if (relays->impatient != NULL && g_source_get_ready_time(relays->impatient) < 0)
        g_source_set_ready_time(relays->impatient, relayed->waited_since + PATIENCE);
}

/* Those who have waited for too long; @next: when others will have, or -1. Registry locked. */
static GArray *take_late(FfRelays *relays, gint64 now, gint64 *next)
{
    GArray *late = ff_resumes_new();
    GHashTableIter iter;
    gpointer value;

    *next = -1;
    g_hash_table_iter_init(&iter, relays->relayed);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Relayed *relayed = value;

        if (relayed->waiters == NULL || relayed->waiters->len == 0)
            continue;
        relayed->late = relayed->waited_since + PATIENCE <= now;
        if (relayed->late)
            ff_resumes_move(relayed->waiters, late);
        else
            *next = now + PATIENCE / 4;
    }
    return late;
}

static gboolean dispatch_impatient(GSource *source, GSourceFunc callback, gpointer data)
{
    FfRelays *relays = data;
    GArray *late;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
        gint64 next;

        late = take_late(relays, g_get_monotonic_time(), &next);
        g_source_set_ready_time(source, next);
    }
    ff_relay_let_go(late);
    return G_SOURCE_CONTINUE;
}

void ff_relays_be_impatient(FfRelays *relays, GMainContext *context)
{
    static GSourceFuncs funcs = {.dispatch = dispatch_impatient};

    relays->impatient = g_source_new(&funcs, sizeof(GSource));
    g_source_set_callback(relays->impatient, NULL, relays, NULL);
    g_source_attach(relays->impatient, context);
}

static gboolean is_relay_thread(const FfRelays *relays, pid_t tid)
{
    return tid != 0 && tid == g_atomic_int_get(&relays->tid);
}

guint64 ff_relays_find(const FfRelays *relays, pid_t tid, const char *name)
{
    return is_relay_thread(relays, tid) && strcmp(name, FF_FIFOEND_NAME) == 0 ? relays->wanted : 0;
}

void ff_relays_adapt(const FfRelays *relays, pid_t tid, struct stat *st)
{
    if (S_ISFIFO(st->st_mode) && !relays->privileged && is_relay_thread(relays, tid))
        st->st_mode |= S_IRUSR | S_IWUSR;
}

/* --- life --- */

void ff_relay_let_go(GArray *waiters)
{
    if (waiters == NULL)
        return;
    ff_resumes_run(waiters);
    g_array_unref(waiters);
}

GArray *ff_relay_take_waiters(FfRelays *relays)
{
    GArray *all = ff_resumes_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, relays->relayed);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Relayed *relayed = value;

        if (relayed->waiters != NULL)
            ff_resumes_move(relayed->waiters, all);
    }
    return all;
}

/* Those for whose FIFOs the thread was told to stop before it was told to open them. */
static void let_all_go(FfRelays *relays)
{
    GArray *all;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);

        all = ff_relay_take_waiters(relays);
        /* The kernel asks for their attributes still, which another worker may have to change. */
        if (relays->transit == NULL)
            g_hash_table_remove_all(relays->relayed);
    }
    ff_relay_let_go(all);
}

static gboolean may_open_any(void)
{
    capng_get_caps_process();
    return capng_have_capability(CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE) != 0;
}

static void add_source(FfRelays *relays, int fd, guint64 id)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = id};

    epoll_ctl(relays->epoll, EPOLL_CTL_ADD, fd, &event);
}

/*
 * To watch a FIFO the kernel asks for its attributes, and Valgrind, which takes that call for one that
 * never waits, lets nobody run who could answer.
 */
static gboolean runs_in_valgrind(void)
{
    const char *preloaded = g_getenv("LD_PRELOAD");

    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

FfRelays *ff_relays_new(FfRegistry *registry, FfWatch *watch, const char *mountpoint)
{
    FfRelays *relays = g_new0(FfRelays, 1);

    g_mutex_init(&relays->kept_lock);
    relays->registry = registry;
    relays->watch = watch;
    relays->mountpoint = g_strdup(mountpoint);
    relays->transit = ff_kept_transit();
    relays->walks = TRUE;
    relays->privileged = may_open_any();
    relays->relayed = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, relayed_free);
    relays->n_by_user = ff_user_counts_new();
    relays->kept_by_user = ff_user_counts_new();
    /* No more than the supervisor keeps. */
    relays->most = ff_file_limit_relays(ff_file_limit());
    relays->messages = g_async_queue_new_full((GDestroyNotify)ff_relay_message_free);
    relays->relays = g_hash_table_new(g_int64_hash, g_int64_equal);
    relays->by_watch = g_hash_table_new(NULL, NULL);
    relays->waiting = g_hash_table_new(NULL, NULL);
    relays->unwatched = g_hash_table_new(NULL, NULL);
    relays->suspects = g_hash_table_new(NULL, NULL);
    relays->buffer = g_malloc(MOST_READ_BYTES);
    relays->epoll = epoll_create1(EPOLL_CLOEXEC);
    relays->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* It can be done without, as where there are no watches left. */
    relays->inotify = runs_in_valgrind() ? -1 : inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (relays->epoll < 0 || relays->event < 0) {
        ff_relays_free(relays);
        return NULL;
    }
    add_source(relays, relays->event, FF_RELAY_MESSAGES);
    if (relays->inotify >= 0)
        add_source(relays, relays->inotify, FF_RELAY_READERS);
    return relays;
}

void ff_relays_set_journal(FfRelays *relays, FfJournal *journal)
{
    relays->journal = journal;
}

/* Who waits may have a lock that the thread waits for, and is not kept back till it has ended. */
static GArray *begin_stop(FfRelays *relays)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);

    g_atomic_int_set(&relays->stopped, TRUE);
    relays->walks = TRUE;
    return ff_relay_take_waiters(relays);
}

void ff_relays_stop(FfRelays *relays)
{
    GThread *thread;
    Message *message;

    if (relays == NULL)
        return;
    ff_relay_let_go(begin_stop(relays));
    thread = g_atomic_pointer_get(&relays->thread);
    if (thread == NULL)
        return;
    ff_relay_post(relays, ff_relay_new_message(MESSAGE_STOP, NULL, 0, 0));
    g_thread_join(thread);
    g_atomic_pointer_set(&relays->thread, NULL);
    while ((message = g_async_queue_try_pop(relays->messages)) != NULL)
        leave(relays, message);
    let_all_go(relays);
}

void ff_relays_free(FfRelays *relays)
{
    if (relays == NULL)
        return;
    ff_relays_stop(relays);
    if (relays->impatient != NULL) {
        g_source_destroy(relays->impatient);
        g_source_unref(relays->impatient);
    }
    close(relays->epoll);
    close(relays->event);
    if (relays->inotify >= 0)
        close(relays->inotify);
    g_async_queue_unref(relays->messages);
    g_mutex_clear(&relays->kept_lock);
    g_hash_table_unref(relays->relayed);
    g_hash_table_unref(relays->n_by_user);
    g_hash_table_unref(relays->kept_by_user);
    g_hash_table_unref(relays->relays);
    g_hash_table_unref(relays->by_watch);
    g_hash_table_unref(relays->waiting);
    g_hash_table_unref(relays->unwatched);
    g_hash_table_unref(relays->suspects);
    g_free(relays->buffer);
    g_free(relays->mountpoint);
    g_free(relays);
}
