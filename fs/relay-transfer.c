/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading, writing and polling through relays. It all happens in the relay thread, and nothing here
 * waits: what cannot be done now is kept, epoll is told, and ff_relay_serve() tries again.
 */
#include "relay-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "readiness.h"
#include "step.h"

short ff_relay_readiness(const Relay *relay)
{
    if (relay->fd < 0)
        return POLLERR;
    return ff_readiness_now(relay->fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
}

static short shown_readiness(const Relay *relay)
{
    return relay->access == O_WRONLY && !relay->met && relay->fd >= 0 ? 0
                                                                      : ff_relay_readiness(relay);
}

/*
 * Before a transfer is answered: if it has used up what there was, whatever comes from now on is
 * news for who polls. After the answer it could not be told from what was there before.
 */
static void arm_poll(Relay *relay)
{
    if (relay->poll != NULL)
        relay->poll_armed |= relay->poll_events & ~(guint32)shown_readiness(relay);
}

/* --- reading and writing --- */

/* As the kernel does it: to the thread that writes, which waits for its answer. */
static void send_sigpipe(const Message *message)
{
    if (message->tid > 0)
        syscall(SYS_tkill, message->tid, SIGPIPE);
}

/* What was written, or else why nothing was. */
static void answer_transfer(const Message *message, int error_number)
{
    if (message->done > 0)
        fuse_reply_write(message->req, message->done);
    else
        fuse_reply_err(message->req, error_number);
}

/* Return: how much there was to read, or -errno. */
static ssize_t take(FfRelays *relays, const Relay *relay, const Message *message, const char **data)
{
    ssize_t length;

    if (relays->transit != NULL)
        return ff_transit_read(relays->transit, message->number.unique, relay->fd, message->size,
                               data);
    length = read(relay->fd, relays->buffer, message->size);
    *data = relays->buffer;
    return length < 0 ? -errno : length;
}

static void end_transfer(FfRelays *relays)
{
    FF_STEP("answered");
    if (relays->transit != NULL)
        ff_transit_done(relays->transit);
}

/* Return: FALSE where it has to wait. */
static gboolean try_read(FfRelays *relays, Relay *relay, Message *message)
{
    gboolean may_wait = (message->flags & O_NONBLOCK) == 0;
    const char *data;
    ssize_t length;

    if (!relay->met && (ff_relay_readiness(relay) & (POLLIN | POLLHUP)) != 0)
        ff_relay_meet(relays, relay);
    /* To read() an end without a writer yet looks as one without a writer any more. */
    if (!relay->met && may_wait)
        return FALSE;
    length = take(relays, relay, message, &data);
    if (length == -EAGAIN && may_wait)
        return FALSE;
    if (length < 0) {
        fuse_reply_err(message->req, (int)-length);
        return TRUE;
    }
    if (length > 0 && !relay->used)
        ff_relay_note_used(relays, relay);
    arm_poll(relay);
    fuse_reply_buf(message->req, data, (size_t)length);
    end_transfer(relays);
    return TRUE;
}

static int write_some(const FfRelays *relays, const Relay *relay, Message *message)
{
    if (relays->transit != NULL)
        return -ff_transit_write(relays->transit, message->number.unique, relay->fd, message->data,
                                 message->size, &message->done);
    while (message->done < message->size) {
        ssize_t length = write(relay->fd, message->data + message->done,
                               message->size - message->done);

        if (length < 0)
            return errno;
        message->done += (gsize)length;
    }
    return 0;
}

static gboolean try_write(FfRelays *relays, Relay *relay, Message *message)
{
    gboolean may_wait = (message->flags & O_NONBLOCK) == 0;
    int error_number = relay->met ? write_some(relays, relay, message) : EAGAIN;

    if (error_number == EAGAIN && may_wait) {
        ff_relay_record(relays, message);
        return FALSE;
    }
    if (error_number == EPIPE)
        send_sigpipe(message);
    if (message->done > 0 && !relay->used)
        ff_relay_note_used(relays, relay);
    arm_poll(relay);
    answer_transfer(message, error_number);
    end_transfer(relays);
    ff_relay_strike(relays, message);
    return TRUE;
}

/* It waits no longer, and is answered. */
static void finish(FfRelays *relays, Message *message)
{
    g_hash_table_remove(relays->waiting, message->req);
    ff_relay_message_free(message);
}

static void advance(FfRelays *relays, Relay *relay, GQueue *queue,
                    gboolean (*attempt)(FfRelays *relays, Relay *relay, Message *message))
{
    Message *first;

    while ((first = g_queue_peek_head(queue)) != NULL && attempt(relays, relay, first)) {
        g_queue_pop_head(queue);
        finish(relays, first);
    }
}

/* Those who came first are served first. */
static void transfer(FfRelays *relays, Relay *relay, Message *message, GQueue *queue,
                     gboolean (*attempt)(FfRelays *relays, Relay *relay, Message *message))
{
    if (relay->fd < 0) {
        fuse_reply_err(message->req, EIO);
        ff_relay_message_free(message);
        return;
    }
    if ((g_queue_is_empty(queue) || (message->flags & O_NONBLOCK) != 0) &&
        attempt(relays, relay, message)) {
        ff_relay_message_free(message);
        return;
    }
    g_queue_push_tail(queue, message);
    g_hash_table_insert(relays->waiting, message->req, message);
}

void ff_relay_interrupt(FfRelays *relays, fuse_req_t req)
{
    Message *message = g_hash_table_lookup(relays->waiting, req);
    Relay *relay;

    if (message == NULL)
        return;
    relay = g_hash_table_lookup(relays->relays, &message->fifo);
    g_queue_remove(message->kind == MESSAGE_READ ? &relay->reads : &relay->writes, message);
    answer_transfer(message, EINTR);
    ff_relay_strike(relays, message);
    finish(relays, message);
}

/* --- readiness --- */

/*
 * Tell who polls what has become ready, once: with EPOLLET he wants to hear of changes only. All who
 * poll are woken, and ask again.
 */
static void update_poll(Relay *relay)
{
    if (relay->poll == NULL || ((guint32)shown_readiness(relay) & relay->poll_armed) == 0)
        return;
    relay->poll_events = relay->poll_armed = 0;
    fuse_lowlevel_notify_poll(relay->poll);
    g_clear_pointer(&relay->poll, fuse_pollhandle_destroy);
}

static void answer_poll(Relay *relay, Message *message)
{
    short ready = shown_readiness(relay);

    /* Without one he does not wait; others may. */
    if (message->poll != NULL) {
        g_clear_pointer(&relay->poll, fuse_pollhandle_destroy);
        relay->poll = g_steal_pointer(&message->poll);
        relay->poll_events |= message->events | POLLERR | POLLHUP;
        relay->poll_armed |= relay->poll_events & ~(guint32)ready;
    }
    fuse_reply_poll(message->req, (unsigned)ready);
}

static guint32 wanted_events(const Relay *relay)
{
    guint32 events = 0;

    if (relay->reads.length > 0)
        events |= EPOLLIN;
    if (relay->writes.length > 0 && relay->met)
        events |= EPOLLOUT;
    if (relay->poll != NULL && (relay->access != O_WRONLY || relay->met))
        events |= relay->poll_armed;
    return events;
}

/*
 * That an end has gone epoll tells whether it is wanted or not, and at once. Nobody waits to read or
 * write then, and who polls may still want to hear of something else.
 */
static gboolean would_be_told_at_once(const Relay *relay)
{
    return relay->poll != NULL && (ff_relay_readiness(relay) & (POLLERR | POLLHUP)) != 0;
}

/*
 * Have epoll tell when it is worth a try. It does so once, so that what nobody waits for wakes us no
 * more; but where an end has gone it would tell that for ever, each time that it is asked.
 */
static void await(FfRelays *relays, Relay *relay)
{
    guint32 wanted = wanted_events(relay);
    struct epoll_event event = {.data.u64 = relay->fifo};

    if (relay->fd < 0 || wanted == 0 || wanted == relay->awaited)
        return;
    relay->awaits_changes = would_be_told_at_once(relay);
    event.events = wanted | (relay->awaits_changes ? EPOLLET : EPOLLONESHOT);
    epoll_ctl(relays->epoll, relay->known_to_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, relay->fd,
              &event);
    relay->known_to_epoll = TRUE;
    relay->awaited = wanted;
}

void ff_relay_serve(FfRelays *relays, Relay *relay)
{
    advance(relays, relay, &relay->reads, try_read);
    advance(relays, relay, &relay->writes, try_write);
    update_poll(relay);
    await(relays, relay);
}

static void end_queue(FfRelays *relays, GQueue *queue, int error_number)
{
    Message *message;

    while ((message = g_queue_pop_head(queue)) != NULL) {
        answer_transfer(message, error_number);
        ff_relay_strike(relays, message);
        finish(relays, message);
    }
}

static void leave_queue(FfRelays *relays, GQueue *queue)
{
    Message *message;

    while ((message = g_queue_pop_head(queue)) != NULL) {
        ff_relay_drop(message);
        finish(relays, message);
    }
}

void ff_relay_leave(FfRelays *relays, Relay *relay)
{
    leave_queue(relays, &relay->reads);
    leave_queue(relays, &relay->writes);
    g_clear_pointer(&relay->poll, fuse_pollhandle_destroy);
}

void ff_relay_abort(FfRelays *relays, Relay *relay, int error_number)
{
    end_queue(relays, &relay->reads, error_number);
    end_queue(relays, &relay->writes, error_number);
    g_clear_pointer(&relay->poll, fuse_pollhandle_destroy);
}

void ff_relay_request(FfRelays *relays, Relay *relay, Message *taken)
{
    g_autoptr(Message) message = taken;

    /* The report of one may be under way still, and who does not wait is to get his answer now. */
    if (relay->access == O_WRONLY)
        ff_relay_meet_if_reader(relays, relay);
    if (message->kind == MESSAGE_READ)
        transfer(relays, relay, g_steal_pointer(&message), &relay->reads, try_read);
    else if (message->kind == MESSAGE_WRITE)
        transfer(relays, relay, g_steal_pointer(&message), &relay->writes, try_write);
    else
        answer_poll(relay, message);
    update_poll(relay);
    await(relays, relay);
}
