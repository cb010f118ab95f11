/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of relays share: relay.c, which posts messages and may be called by any thread,
 * and relay-thread.c and relay-transfer.c, which are the relay thread's.
 */
#pragma once

#include "kept.h"
#include "relay.h"

/* What epoll tells of what is no relay. */
#define FF_RELAY_MESSAGES 0
#define FF_RELAY_READERS  1

typedef enum {
    MESSAGE_PREPARE,
    MESSAGE_OPEN,
    /* Another worker has had it open. */
    MESSAGE_ADOPT,
    MESSAGE_READ,
    MESSAGE_WRITE,
    MESSAGE_POLL,
    MESSAGE_INTERRUPT,
    MESSAGE_RELEASE,
    /* No request comes again that another worker has read. */
    MESSAGE_SETTLED,
    MESSAGE_STOP,
} MessageKind;

/* A request, from its arrival until it is answered. */
typedef struct {
    MessageKind kind;
    guint64 fifo;
    fuse_req_t req;
    FfRequestNumber number;
    /* The thread behind the request. */
    pid_t tid;
    /* What another worker has had open, or -1; and in which state. */
    int fd;
    gboolean met, used;
    /* Of the open(), or of the handle now. */
    int flags;
    /* Of a poll. */
    guint32 events;
    struct fuse_pollhandle *poll;
    /* Of the preparation: who is to go on after it. */
    FfResume resume;
    gpointer resume_data;
    /* Bytes of a read or a write, and how many of them are written. */
    gsize size, done;
    /* That is written down for who comes after us (relay-kept.c); and what `done` was then. */
    gboolean recorded;
    gsize recorded_done;
    /* Where the bytes to write are counted, and for whom, while they are here; or NULL. */
    FfRelays *keeper;
    uid_t user;
    char data[];
} Message;

/* The thread's own. */
typedef struct {
    guint64 fifo;
    int access;
    pid_t creator;
    /* -1 where it could not be opened. */
    int fd;
    /* The other end has been there. Always, where there are both. */
    gboolean met;
    /* They have met, or something was read or written. */
    gboolean used;
    /* The inotify watch of an unmet one, or -1. */
    int watch;
    /* Messages that wait, oldest first. */
    GQueue reads, writes;
    struct fuse_pollhandle *poll;
    /* What those who poll want to know, and which of it was not there when they were answered. */
    guint32 poll_events, poll_armed;
    /* What epoll was told to wait for: once, or for every change. */
    gboolean known_to_epoll;
    guint32 awaited;
    gboolean awaits_changes;
} Relay;

/* A FIFO that has a relay, or is about to. Under the registry lock. */
typedef struct {
    guint64 fifo;
    int access;
    pid_t creator;
    /* Whom it counts for. */
    uid_t user;
    gboolean opening;
    /* Its creator has closed it. */
    gboolean closing;
    /* The thread was told of it; it is open, or could not be opened. */
    gboolean posted, opened;
    /* As in Relay. */
    gboolean met, used;
    /* By which the kernel knows who polls, or 0. */
    guint64 poll_number;
    /* Of LOOKUPs that are kept back while it is either (resumes.h), or NULL; when the first came. */
    GArray *waiters;
    gint64 waited_since;
    /* They have waited for too long, and nobody waits any more. */
    gboolean late;
} Relayed;

struct FfRelays {
    FfRegistry *registry;
    FfJournal *journal;
    /* NULL where nobody keeps anything for another worker. */
    const FfTransitEnd *transit;
    FfWatch *watch;
    /* After another worker, else NULL. */
    struct fuse_session *fuse;
    char *mountpoint;
    /* We can open any FIFO. */
    gboolean privileged;
    /* Relayed, by FIFO; how many there may be, and how many each user has (usercount.h). */
    GHashTable *relayed;
    guint most;
    GHashTable *n_by_user;

    /* Any thread. */
    GAsyncQueue *messages;
    int event;
    gint asleep, stopped;
    /* Bytes to write in all messages, and in those of each user (usercount.h); under a lock of their own. */
    GMutex kept_lock;
    gsize kept;
    GHashTable *kept_by_user;
    /* Of the thread; 0 before there is one. */
    gint tid;

    /* Set under the registry lock. */
    GThread *thread;
    /* Under the registry lock: the FIFO that it is about to open, or 0. */
    guint64 wanted;
    /* Lets those go on that have waited for too long; of another thread, or NULL. */
    GSource *impatient;
    /*
     * Under the registry lock, set by the thread: it may be waiting for the lock of any directory, so
     * no LOOKUP is kept back for it. From the start until it has found where FIFOs are opened, and
     * once it is to stop.
     */
    gboolean walks;

    /* The thread's own. Relays by FIFO, and by inotify watch; messages that wait, by request. */
    GHashTable *relays, *by_watch, *waiting;
    int epoll, inotify;
    /* The set of those that are unmet and have no watch. */
    GHashTable *unwatched;
    /* The set of those that may be nobody's, and since when nothing comes again; 0 before that. */
    GHashTable *suspects;
    gint64 settled_at;
    /* When to look next for what nobody tells. */
    gint64 next_look;
    char *buffer;
};

void ff_relay_message_free(Message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Message, ff_relay_message_free)

/* Answer a request that cannot be served; reads and writes get the error. */
void ff_relay_refuse(const Message *message, int error_number);

/* Leave a request unanswered: it comes again to another worker. */
void ff_relay_drop(const Message *message);

/* Who waits for any of them, as they need to no longer. Registry locked. */
GArray *ff_relay_take_waiters(FfRelays *relays);

/* The FIFO has no relay any more. Registry locked. Return: (nullable): who waited for that. */
GArray *ff_relay_end(FfRelays *relays, guint64 fifo);

/* Have them go on who wait for a Relayed; takes the array (nullable). Registry not locked. */
void ff_relay_let_go(GArray *waiters);

void ff_relay_post(FfRelays *relays, Message *message);
Message *ff_relay_new_message(MessageKind kind, fuse_req_t req, guint64 fifo, gsize n_bytes);

/* Enter it as one that there is. Registry locked. */
Relayed *ff_relay_new_relayed(FfRelays *relays, const FfNode *fifo);

/* --- relay-kept.c --- */

/* Write down what is known of it. Registry locked. */
void ff_relay_save(FfRelays *relays, const Relayed *relayed);

/* It is open, or cannot be, and whoever comes after us will find it so. Registry locked. */
void ff_relay_save_opened(FfRelays *relays, Relayed *relayed, const Relay *relay);

/* The state of the relay has changed. Registry locked. */
void ff_relay_save_state(FfRelays *relays, const Relay *relay);

/* It is over. Registry locked. */
void ff_relay_save_end(FfRelays *relays, guint64 fifo);

/* Write down how far a write has come that goes on later; the transfer is done. */
void ff_relay_record(FfRelays *relays, Message *message);

/* Strike what was written down of it: it was answered. */
void ff_relay_strike(FfRelays *relays, Message *message);

/*
 * A request that may come again: find out how far it has come.
 *
 * Return: FALSE where it was answered by that.
 */
gboolean ff_relay_resume(FfRelays *relays, Message *message);

/* All that come again have come: what was written down of others is of no use. */
void ff_relay_forget_others(FfRelays *relays);

/* --- relay-orphans.c --- */

/* It is there before all that comes again has come, so that it may be one that nobody has. */
void ff_relay_suspect(FfRelays *relays, Relay *relay);

/* Close those that nobody has. To be called again for as long as there are suspects. */
void ff_relay_look_for_orphans(FfRelays *relays);

/* --- relay-thread.c --- */

/* @data: FfRelays. It ends with MESSAGE_STOP. */
gpointer ff_relay_thread(gpointer data);

/* The other end is there, or has been: an open() of the FIFO would have ended here. */
void ff_relay_meet(FfRelays *relays, Relay *relay);

/* It is in use from now on, in the sense of lifetimes. */
void ff_relay_note_used(FfRelays *relays, Relay *relay);

/* An unmet writing end: is there a reader by now? */
void ff_relay_meet_if_reader(FfRelays *relays, Relay *relay);

/* --- relay-transfer.c --- */

/* What poll(2) says of the FIFO. */
short ff_relay_readiness(const Relay *relay);

/* Carry out a read, a write or a poll, or have it wait; takes the message. */
void ff_relay_request(FfRelays *relays, Relay *relay, Message *message);

/* The request was interrupted; it may be answered by now. */
void ff_relay_interrupt(FfRelays *relays, fuse_req_t req);

/* Something may have changed: do what can be done now. */
void ff_relay_serve(FfRelays *relays, Relay *relay);

/* Answer whoever waits with an error. */
void ff_relay_abort(FfRelays *relays, Relay *relay, int error_number);

/* Leave them to another worker. */
void ff_relay_leave(FfRelays *relays, Relay *relay);
