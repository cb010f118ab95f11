/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One FIFO as fifoctl knows it: what its daemon says, and what a look into /proc adds.
 *
 * Times are microseconds of the wall clock, durations microseconds; FIFO_UNKNOWN where there is
 * none.
 */
#pragma once

#include <glib.h>

#include "mounts.h"

#define FIFO_UNKNOWN (-1)

/* What a process has of a FIFO; bits. */
typedef enum {
    FIFO_END_READ = 1 << 0,
    FIFO_END_WRITE = 1 << 1,
    /* An O_PATH descriptor: keeps the FIFO, but neither end of it. */
    FIFO_END_PATH = 1 << 2,
} FifoEnds;

/* A process that holds a FIFO open, or a thread that waits in open(). */
typedef struct {
    pid_t pid, tid;
    uid_t uid;
    char *command;
    guint ends;
    gboolean stuck;
    /* By a handle of exclusive creation, which the daemon relays. */
    gboolean relayed;
    /* Stuck since then; with @since_is_bound: not longer than since then. */
    gint64 since;
    gboolean since_is_bound;
} Holder;

typedef enum {
    /* Nobody looked. */
    FIFO_SCAN_NONE,
    /* All that the caller may see was looked at, but that was not everything. */
    FIFO_SCAN_PARTIAL,
    FIFO_SCAN_COMPLETE,
} FifoScan;

typedef struct {
    /* The mount through which it is shown. */
    const Mount *mount;
    /* From the root of the file system, any bytes. */
    char *path;
    guint64 id;
    guint mode;
    uid_t uid;
    gid_t gid;
    /* As setfacl(1) takes it, with names; NULL where the mode says all. */
    char *acl;
    /* 0 where nobody knows. */
    pid_t creator_pid;
    char *creator_command;
    gboolean creator_alive;
    /* The daemon's own word: new, idle, in-use, cached. */
    char *daemon_state;
    gboolean used;
    gint64 created, last_used, expires;
    /* Why it will be removed then: idle, unused, max-age, ...; NULL where it will not. */
    char *reason;
    char *lifetime;
    /* What the daemon keeps open: none, read, write, both. */
    char *hold;
    gint64 linger, grace, max_age, open_timeout;

    /* From here on what the scan of /proc found. */
    FifoScan scan;
    GPtrArray *holders;
    gint64 queued_bytes, capacity_bytes;
    /* The capacity that its policy asks for; FIFO_UNKNOWN for none. */
    gint64 asked_bytes;
} Fifo;

Fifo *fifo_new(void);
void fifo_free(Fifo *fifo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fifo, fifo_free)

/* Add a holder that is filled in by the caller. */
Holder *fifo_add_holder(Fifo *fifo, pid_t pid);

/* Return: how many hold (or, with @stuck, wait for) one of these ends. */
guint fifo_count(const Fifo *fifo, guint ends, gboolean stuck);

/* Return: whether anybody was seen on it. */
gboolean fifo_is_held(const Fifo *fifo);

/* Return: whether it is known that a write of PIPE_BUF bytes would have to wait. */
gboolean fifo_is_full(const Fifo *fifo);

/**
 * fifo_expires() - when it will be removed if nothing changes
 *
 * The daemon may not have noticed yet that somebody holds it, which the lifetimes `auto` and `use`
 * wait for.
 *
 * Return: wall clock, or FIFO_UNKNOWN where nothing is due.
 */
gint64 fifo_expires(const Fifo *fifo);

/* Return: why it will be removed then, or NULL. */
const char *fifo_reason(const Fifo *fifo);

/**
 * fifo_state() - one word from what the daemon says and what the scan saw
 *
 * Return: "stuck", "open", "held", "idle", "new", or the daemon's word where the scan cannot
 * improve on it.
 */
const char *fifo_state(const Fifo *fifo);
