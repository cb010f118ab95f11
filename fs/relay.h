/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Relays: handles of exclusive creation, behind which the daemon has the FIFO open.
 *
 * open(O_CREAT|O_EXCL) of a missing name wants a regular file, so its handle is one: an inode of
 * its own without a name, whose reads and writes are passed on to the FIFO. The *relay thread* does
 * that for all of them, by epoll; each costs a record and a descriptor. What a process has written
 * is taken from it only as fast as the FIFO takes it, and what it reads is taken from the FIFO only
 * when it is answered at once, so nothing can be lost between the two. When a worker dies the next
 * one goes on (keeper.h, transit.h).
 *
 * The inode, and the handle too, is the number of the FIFO with a bit more: a name can be created
 * once, so there is one relay for a FIFO at most.
 */
#pragma once

#include <fuse_lowlevel.h>
#include <glib.h>

#include "node.h"
#include "registry.h"
#include "resumes.h"
#include "session.h"
#include "watch.h"

typedef struct FfRelays FfRelays;

#define FF_RELAY_BIT (G_GUINT64_CONSTANT(1) << 62)

/* One request carries no more than this. */
#define FF_RELAY_BYTES (128 * 1024)

/* Does the number belong to a relay? */
static inline gboolean ff_relay_owns(guint64 id)
{
    return (id & FF_RELAY_BIT) != 0;
}

/* The number of its FIFO; other numbers are left as they are. */
static inline guint64 ff_relay_fifo(guint64 id)
{
    return id & ~FF_RELAY_BIT;
}

/* Return: NULL, with errno, where the system has no descriptors left. */
FfRelays *ff_relays_new(FfRegistry *registry, FfWatch *watch, const char *mountpoint);

/* Let nobody be kept back for long; @context: of a thread that never waits for who is kept back. */
void ff_relays_be_impatient(FfRelays *relays, GMainContext *context);

/* Where it is written down what another worker needs to go on. Before there are relays. */
void ff_relays_set_journal(FfRelays *relays, FfJournal *journal);

/*
 * The mount answers: have a look at where FIFOs will be opened, which is then cached. It need not
 * be looked up when that could be a deadlock (relay.c). While we look the mount is busy; @resume is
 * called when it no longer is.
 */
void ff_relays_prepare(FfRelays *relays, FfResume resume, gpointer data);

/*
 * End the thread. The mount must still answer. Who waits gets no answer where another worker can go
 * on, else ENOTCONN. Accepts NULL.
 */
void ff_relays_stop(FfRelays *relays);

/* Stops it too. No request of a relay may come any more. Accepts NULL. */
void ff_relays_free(FfRelays *relays);

/* --- registry locked --- */

/*
 * Can the daemon open a FIFO of this owner? As an ordinary user it can open only its own.
 */
gboolean ff_relays_can_serve(const FfRelays *relays, uid_t owner);

/* Have they been stopped for another worker to go on with? That one answers who wants a new one. */
gboolean ff_relays_are_left(const FfRelays *relays);

/*
 * May this user have another one? Each takes a descriptor of the daemon, of which there are so many for
 * all; nobody but root and who has mounted it gets more than a quarter of what is for relays.
 *
 * Return: 0; -EMFILE where the user has his share, -ENFILE where all are taken.
 */
int ff_relays_check_room(const FfRelays *relays, uid_t user);

/*
 * What is written down of reads and writes that another worker has begun and that will not come
 * again is answered to them: bytes, a count, or EIO. Of the others nothing has been done.
 */
void ff_relays_answer_lost(FfJournal *journal, int fuse_fd);

/* Go on with the relays that another worker has had, before requests come. */
void ff_relays_take_over(FfRelays *relays, FfSession *session);

/*
 * There will be a relay of this FIFO, which has just been made: ff_relays_open() follows.
 * @flags: those of the open()
 */
void ff_relays_expect(FfRelays *relays, FfNode *fifo, int flags, pid_t creator);

/* Is there a relay of this FIFO? Its attributes can then be changed by another inode. */
gboolean ff_relays_has(const FfRelays *relays, guint64 fifo);

/* Is the daemon about to open it, or to close it? Nobody else must open it before. */
gboolean ff_relays_is_opening(const FfRelays *relays, guint64 fifo);

/* While it is, have @resume called with @data when it no longer is. */
void ff_relays_wait(FfRelays *relays, guint64 fifo, FfResume resume, gpointer data);

/*
 * What a name in the control directory is for a thread.
 *
 * Return: the FIFO that it is about to open there, or 0.
 */
guint64 ff_relays_find(const FfRelays *relays, pid_t tid, const char *name);

/*
 * What the relay thread is told of the FIFO that it is about to open. A daemon that is an ordinary
 * user is told that the owner, who it is, may read and write: its creator could open it whatever the mode, and so
 * must we.
 */
void ff_relays_adapt(const FfRelays *relays, pid_t tid, struct stat *st);

/* --- registry not locked --- */

/* Have the FIFO opened, once. */
void ff_relays_open(FfRelays *relays, guint64 fifo);

/* No request comes again that another worker has read. */
void ff_relays_settled(FfRelays *relays);

/* Requests, which are answered by the relay thread. @flags are those of the handle now. */
void ff_relays_read(FfRelays *relays, fuse_req_t req, guint64 fifo, size_t size, int flags);
void ff_relays_write(FfRelays *relays, fuse_req_t req, guint64 fifo, const char *data, size_t size,
                     int flags);
/* @handle (nullable) is notified once when one of @events has come. */
void ff_relays_poll(FfRelays *relays, fuse_req_t req, guint64 fifo, guint32 events,
                    struct fuse_pollhandle *handle);
/* @req: NULL where there is nobody to answer to. */
void ff_relays_release(FfRelays *relays, fuse_req_t req, guint64 fifo);
