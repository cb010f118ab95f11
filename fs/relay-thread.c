/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay thread: it opens the FIFOs, waits for whatever may happen to any of them, and closes
 * them.
 */
#include "relay-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "autofd.h"
#include "fdpath.h"
#include "fifoend.h"
#include "step.h"

/* So many events, or messages, before it is looked for the others. */
#define AT_ONCE 64

/* Where FIFOs are found is looked for so often in the cache, and then in earnest. */
#define CACHED_TRIES    10
#define CACHED_INTERVAL (1 * G_TIME_SPAN_MILLISECOND)

/* What nobody tells is looked for so often: readers where the system has no watches left, orphans. */
#define LOOK_INTERVAL (100 * G_TIME_SPAN_MILLISECOND)

/* --- opening --- */

/* Nobody needs to wait for us any longer, though it is not open. */
static void end_waiting(FfRelays *relays, guint64 fifo)
{
    GArray *waiters = NULL;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
        Relayed *relayed = g_hash_table_lookup(relays->relayed, &fifo);

        relayed->opening = FALSE;
        if (!relayed->closing)
            waiters = g_steal_pointer(&relayed->waiters);
    }
    ff_relay_let_go(waiters);
}

/* What the name in the control directory is for; 0 for nothing. */
static void set_wanted(FfRelays *relays, guint64 fifo)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);

    relays->wanted = fifo;
}

static int open_in(FfRelays *relays, int directory, const Relay *relay, gboolean closing)
{
    int fd;

    set_wanted(relays, relay->fifo);
    fd = closing ? ff_fifoend_open_met_writer(directory, relay->fifo)
                 : ff_fifoend_open(directory, relay->fifo, relay->access);
    set_wanted(relays, 0);
    ff_fifoend_drop_name(directory, FF_FIFOEND_NAME);
    return fd;
}

static gboolean walks(FfRelays *relays)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);

    return relays->walks;
}

/* That it is cached is sometimes not to be seen just now, as when the kernel is about to rename something. */
static int open_cached_directory(FfRelays *relays)
{
    int directory = ff_fifoend_open_directory(relays->mountpoint, TRUE);

    for (guint i = 1; i < CACHED_TRIES && directory == -EAGAIN && !walks(relays); i++) {
        g_usleep(CACHED_INTERVAL);
        directory = ff_fifoend_open_directory(relays->mountpoint, TRUE);
    }
    return directory;
}

/* Who is kept back may have the lock of a directory on our way, so nobody is while we walk. */
static void set_walks(FfRelays *relays, gboolean now)
{
    GArray *waiters = NULL;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);

        relays->walks = now || g_atomic_int_get(&relays->stopped);
        if (now)
            waiters = ff_relay_take_waiters(relays);
    }
    ff_relay_let_go(waiters);
}

static int walk_to_directory(FfRelays *relays)
{
    int directory;

    set_walks(relays, TRUE);
    FF_STEP("walking");
    directory = ff_fifoend_open_directory(relays->mountpoint, FALSE);
    set_walks(relays, FALSE);
    return directory;
}

static int find_directory(FfRelays *relays)
{
    int directory = open_cached_directory(relays);

    if (directory == -EAGAIN)
        return walk_to_directory(relays);
    if (walks(relays))
        set_walks(relays, FALSE);
    return directory;
}

static gboolean is_closing(FfRelays *relays, guint64 fifo)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
    const Relayed *relayed = g_hash_table_lookup(relays->relayed, &fifo);

    return relayed->closing;
}

/*
 * Its creator may have closed it while we walked, and others have it by now, who would take us for
 * the other end. Only a reader who waits for a writer is to see that there was one.
 */
static int open_fifo(FfRelays *relays, const Relay *relay)
{
    g_auto(FfAutoFd) directory = find_directory(relays);
    gboolean closing = is_closing(relays, relay->fifo);
    int fd;

    if (closing && relay->access != O_WRONLY)
        return -1;
    fd = directory < 0 ? directory : open_in(relays, directory, relay, closing);
    if (fd < 0 && !closing)
        g_warning("cannot open FIFO %" G_GUINT64_FORMAT " of %s for process %d, which gets EIO: %s",
                  relay->fifo, relays->mountpoint, relay->creator, g_strerror(-fd));
    return fd;
}

/* The node, unless it has no name any more. Registry locked. */
static FfNode *find_linked(FfRelays *relays, guint64 fifo)
{
    FfNode *node = ff_registry_find(relays->registry, fifo);

    return node != NULL && ff_node_is_linked(node) ? node : NULL;
}

void ff_relay_note_used(FfRelays *relays, Relay *relay)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
    FfNode *node = find_linked(relays, relay->fifo);

    relay->used = TRUE;
    ff_relay_save_state(relays, relay);
    if (node == NULL)
        return;
    ff_registry_set_relayed(relays->registry, node, FALSE);
    ff_registry_note_opened(relays->registry, node);
}

/* What its creator's open() has reported is read while it is known to mean nothing. */
static void note_unused(FfRelays *relays, const Relay *relay)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
    FfNode *node;

    ff_watch_catch_up(relays->watch);
    node = ff_registry_find(relays->registry, relay->fifo);
    if (node != NULL)
        ff_registry_set_relayed(relays->registry, node, FALSE);
}

static void note_closed(FfRelays *relays, const Relay *relay)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
    FfNode *node = find_linked(relays, relay->fifo);

    if (node != NULL)
        ff_registry_note_closed(relays->registry, node);
}

static void watch_no_more(FfRelays *relays, Relay *relay)
{
    g_hash_table_remove(relays->unwatched, relay);
    if (relay->watch < 0)
        return;
    inotify_rm_watch(relays->inotify, relay->watch);
    g_hash_table_remove(relays->by_watch, GINT_TO_POINTER(relay->watch));
    relay->watch = -1;
}

/*
 * An open() of it alone would have ended here. With both ends in one handle that tells nothing of
 * its use: mktemp(1) closes it at once.
 */
void ff_relay_meet(FfRelays *relays, Relay *relay)
{
    relay->met = TRUE;
    watch_no_more(relays, relay);
    if (relay->access != O_RDWR)
        ff_relay_note_used(relays, relay);
}

/*
 * It is open, or cannot be. The kernel holds it now, or nobody does: the lookup that was for us is given
 * back, by him who knows that it was not yet.
 */
static void end_opening(FfRelays *relays, const Relay *relay)
{
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
        Relayed *relayed = g_hash_table_lookup(relays->relayed, &relay->fifo);
        FfNode *node = ff_registry_find(relays->registry, relay->fifo);

        ff_relay_save_opened(relays, relayed, relay);
        if (node != NULL)
            ff_registry_forget(relays->registry, node, 1);
    }
    FF_STEP("opened");
    end_waiting(relays, relay->fifo);
}

void ff_relay_meet_if_reader(FfRelays *relays, Relay *relay)
{
    if (!relay->met && relay->fd >= 0 && (ff_relay_readiness(relay) & POLLERR) == 0)
        ff_relay_meet(relays, relay);
}

/* A close is reported too, as a reader may have come and gone. */
static void watch_for_reader(FfRelays *relays, Relay *relay)
{
    char path[FF_FD_PATH_SIZE];

    relay->watch = inotify_add_watch(relays->inotify, ff_fd_path(relay->fd, path),
                                     IN_OPEN | IN_CLOSE_NOWRITE);
    if (relay->watch >= 0)
        g_hash_table_insert(relays->by_watch, GINT_TO_POINTER(relay->watch), relay);
    else
        g_hash_table_add(relays->unwatched, relay);
    ff_relay_meet_if_reader(relays, relay);
}

static Relay *new_relay(FfRelays *relays, const Message *message)
{
    Relay *relay = g_new0(Relay, 1);

    relay->fifo = message->fifo;
    relay->access = message->flags & O_ACCMODE;
    relay->creator = message->tid;
    relay->watch = relay->fd = -1;
    g_hash_table_insert(relays->relays, &relay->fifo, relay);
    ff_relay_suspect(relays, relay);
    return relay;
}

static void begin_relay(FfRelays *relays, Relay *relay)
{
    if (relay->fd >= 0 && relay->access == O_RDWR)
        ff_relay_meet(relays, relay);
    else if (relay->fd >= 0 && relay->access == O_WRONLY && !relay->met)
        watch_for_reader(relays, relay);
}

static void open_relay(FfRelays *relays, const Message *message)
{
    Relay *relay = new_relay(relays, message);

    /* Another worker may have died between this and saying so. */
    relay->fd = message->fd >= 0 ? message->fd : open_fifo(relays, relay);
    if (relay->fd >= 0 && message->fd < 0)
        ff_kept_keep(relay->fifo, relay->fd);
    FF_STEP("kept");
    begin_relay(relays, relay);
    end_opening(relays, relay);
}

/* Without a descriptor the supervisor had none left to keep it with: it is as one that cannot be opened. */
static void adopt_relay(FfRelays *relays, const Message *message)
{
    Relay *relay = new_relay(relays, message);

    relay->fd = message->fd;
    relay->met = message->met;
    relay->used = message->used;
    begin_relay(relays, relay);
}

static void prepare(FfRelays *relays, const Message *message)
{
    /* A relay may have come first. */
    int directory = walks(relays) ? walk_to_directory(relays) : -1;

    if (directory >= 0)
        close(directory);
    message->resume(message->resume_data);
}

static void serve_reader(FfRelays *relays, Relay *relay, guint32 mask)
{
    ff_relay_meet_if_reader(relays, relay);
    if (!relay->met && (mask & IN_CLOSE_NOWRITE) != 0)
        ff_relay_meet(relays, relay);
    if (relay->met)
        ff_relay_serve(relays, relay);
}

static void serve_all(FfRelays *relays, GHashTable *table)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    GHashTableIter iter;
    gpointer relay;

    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, NULL, &relay))
        g_ptr_array_add(all, relay);
    for (guint i = 0; i < all->len; i++)
        serve_reader(relays, g_ptr_array_index(all, i), 0);
}

static void read_reports(FfRelays *relays)
{
    _Alignas(struct inotify_event) char buffer[4096];
    ssize_t length;

    while ((length = read(relays->inotify, buffer, sizeof buffer)) > 0)
        for (const char *at = buffer; at < buffer + length;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            Relay *relay = g_hash_table_lookup(relays->by_watch, GINT_TO_POINTER(event->wd));

            if ((event->mask & IN_Q_OVERFLOW) != 0)
                serve_all(relays, relays->by_watch);
            else if (relay != NULL)
                serve_reader(relays, relay, event->mask);
            at += sizeof *event + event->len;
        }
}

/* --- closing --- */

/* The relay is no longer in the table. */
static void relay_free(FfRelays *relays, Relay *relay)
{
    watch_no_more(relays, relay);
    g_hash_table_remove(relays->suspects, relay);
    if (relay->fd >= 0)
        close(relay->fd);
    g_free(relay);
}

/* The name may be looked up again. */
static void end_relay(FfRelays *relays, guint64 fifo)
{
    GArray *waiters;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);

        ff_relay_save_end(relays, fifo);
        waiters = ff_relay_end(relays, fifo);
    }
    ff_relay_let_go(waiters);
}

static void close_relay(FfRelays *relays, Relay *relay)
{
    guint64 fifo = relay->fifo;

    /* A writer has been there, and nobody has looked. */
    if (!relay->met && relay->access == O_RDONLY &&
        (ff_relay_readiness(relay) & (POLLIN | POLLHUP)) != 0)
        ff_relay_meet(relays, relay);
    if (relay->used)
        note_closed(relays, relay);
    else
        note_unused(relays, relay);
    g_hash_table_remove(relays->relays, &fifo);
    ff_relay_abort(relays, relay, ENOTCONN);
    /* Whoever closes it last may have to wait for its lock, and the supervisor must not. */
    ff_kept_forget(fifo);
    relay_free(relays, relay);
    FF_STEP("ended");
}

static void release(FfRelays *relays, guint64 fifo)
{
    Relay *relay = g_hash_table_lookup(relays->relays, &fifo);

    if (relay != NULL)
        close_relay(relays, relay);
    end_relay(relays, fifo);
}

static void release_all(FfRelays *relays)
{
    g_autoptr(GList) all = g_hash_table_get_values(relays->relays);

    g_hash_table_remove_all(relays->relays);
    for (GList *link = all; link != NULL; link = link->next) {
        if (relays->transit == NULL)
            ff_relay_abort(relays, link->data, ENOTCONN);
        else
            ff_relay_leave(relays, link->data);
        relay_free(relays, link->data);
    }
}

/* --- the loop --- */

/*
 * A request about a relay; takes the message. One that is not known was lost with a former daemon.
 */
static void handle_request(FfRelays *relays, Message *taken)
{
    g_autoptr(Message) message = taken;
    Relay *relay = g_hash_table_lookup(relays->relays, &message->fifo);

    if (message->kind != MESSAGE_POLL && !ff_relay_resume(relays, message))
        return;
    if (relay == NULL) {
        ff_relay_refuse(message, EIO);
        return;
    }
    ff_relay_request(relays, relay, g_steal_pointer(&message));
}

/* Return: whether to go on. */
static gboolean handle(FfRelays *relays, Message *taken)
{
    g_autoptr(Message) message = taken;

    switch (message->kind) {
    case MESSAGE_PREPARE:
        prepare(relays, message);
        break;
    case MESSAGE_OPEN:
        open_relay(relays, message);
        break;
    case MESSAGE_ADOPT:
        adopt_relay(relays, message);
        break;
    case MESSAGE_SETTLED:
        ff_relay_forget_others(relays);
        relays->settled_at = g_get_monotonic_time();
        break;
    case MESSAGE_READ:
    case MESSAGE_WRITE:
    case MESSAGE_POLL:
        handle_request(relays, g_steal_pointer(&message));
        break;
    case MESSAGE_INTERRUPT:
        ff_relay_interrupt(relays, message->req);
        break;
    case MESSAGE_RELEASE:
        release(relays, message->fifo);
        if (message->req != NULL)
            fuse_reply_err(message->req, 0);
        break;
    case MESSAGE_STOP:
        return FALSE;
    }
    return TRUE;
}

static gboolean has_to_look(const FfRelays *relays)
{
    return g_hash_table_size(relays->unwatched) + g_hash_table_size(relays->suspects) > 0;
}

static void look_now_and_then(FfRelays *relays)
{
    gint64 now;

    if (!has_to_look(relays))
        return;
    now = g_get_monotonic_time();
    if (now < relays->next_look)
        return;
    relays->next_look = now + LOOK_INTERVAL;
    serve_all(relays, relays->unwatched);
    ff_relay_look_for_orphans(relays);
}

static int patience(const FfRelays *relays)
{
    if (g_async_queue_length(relays->messages) > 0)
        return 0;
    return has_to_look(relays) ? LOOK_INTERVAL / G_TIME_SPAN_MILLISECOND : -1;
}

static void handle_event(FfRelays *relays, guint64 id)
{
    Relay *relay = g_hash_table_lookup(relays->relays, &id);
    guint64 counter;

    if (id == FF_RELAY_MESSAGES && read(relays->event, &counter, sizeof counter) < 0)
        g_debug("woken for nothing");
    if (id == FF_RELAY_READERS)
        read_reports(relays);
    if (relay == NULL)
        return;
    if (!relay->awaits_changes)
        relay->awaited = 0;
    ff_relay_serve(relays, relay);
}

static void wait_for_events(FfRelays *relays)
{
    struct epoll_event events[AT_ONCE];
    int n;

    /* Whoever posts after this wakes us. */
    g_atomic_int_set(&relays->asleep, TRUE);
    n = epoll_wait(relays->epoll, events, AT_ONCE, patience(relays));
    g_atomic_int_set(&relays->asleep, FALSE);
    for (int i = 0; i < n; i++)
        handle_event(relays, events[i].data.u64);
    look_now_and_then(relays);
}

gpointer ff_relay_thread(gpointer data)
{
    FfRelays *relays = data;
    gboolean goes_on = TRUE;

    g_atomic_int_set(&relays->tid, gettid());
    while (goes_on) {
        Message *message = g_async_queue_try_pop(relays->messages);

        for (guint i = 1; message != NULL && goes_on; i++) {
            goes_on = handle(relays, message);
            message = i < AT_ONCE && goes_on ? g_async_queue_try_pop(relays->messages) : NULL;
        }
        if (goes_on)
            wait_for_events(relays);
    }
    release_all(relays);
    return NULL;
}
