/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What supervisor and worker know of each other: the descriptors that a worker finds open, what it
 * is told in its environment, and what it tells.
 */
#pragma once

#include <glib.h>

/* A worker finds these open, under these numbers. */
typedef enum {
    /* Where requests come from. */
    FF_HANDOVER_FUSE = 3,
    /* The log of the journal (lib/logfile.h). */
    FF_HANDOVER_JOURNAL = 4,
    /* The inotify instance, with the watches that it had. */
    FF_HANDOVER_INOTIFY = 5,
    /* A socket to the supervisor: an FfTold in the first byte, or an FfHoldMessage. */
    FF_HANDOVER_SOCKET = 6,

    /* These only with FF_ENV_RELAYS. The memory of relays (transit.h), and their staging pipe. */
    FF_HANDOVER_TRANSIT = 7,
    FF_HANDOVER_STAGING_OUT = 8,
    FF_HANDOVER_STAGING_IN = 9,
    /* What is open of FIFOs for relays: a file of FfKeepEntry. */
    FF_HANDOVER_RELAYS = 10,
    /* An eventfd that counts what is not kept any more. */
    FF_HANDOVER_NOT_KEPT = 11,
} FfHandover;

#define FF_HANDOVER_FIRST FF_HANDOVER_FUSE
#define FF_HANDOVER_LAST  FF_HANDOVER_NOT_KEPT
/* The last without FF_ENV_RELAYS. */
#define FF_HANDOVER_LAST_OF_ALL FF_HANDOVER_SOCKET

/* The mountpoint, absolute; it is what makes a process a worker. */
#define FF_ENV_WORKER "FIFOFS_WORKER"
/* How a worker is called; by the number of a descriptor it would be else (fexecve(3)). */
#define FF_WORKER_NAME "fifofs-worker"
/* The thread that is in the middle of a transfer, or in none (transit.h). */
#define FF_RELAY_THREAD "relay"
/* Where the command was given. */
#define FF_ENV_DIRECTORY "FIFOFS_DIRECTORY"
/* There is no terminal any more, or not once it serves: log to syslog. */
#define FF_ENV_BACKGROUND   "FIFOFS_BACKGROUND"
#define FF_BACKGROUND_NOW   "now"
#define FF_BACKGROUND_LATER "later"
/* Only see whether it could be done: then tell FF_TOLD_READY, and leave with 0. */
#define FF_ENV_TRY "FIFOFS_TRY"

/* A worker that was asked to end, and has not so many seconds later, is ended. */
#define FF_END_SECONDS 5

/* What a worker tells. */
typedef enum {
    /* The process is there and cannot become a worker; why follows, an errno. */
    FF_TOLD_NO_PROGRAM = 'N',
    /* Which thread is its canary; that follows. */
    FF_TOLD_CANARY = 'C',
    /* Requests are answered. */
    FF_TOLD_READY = 'R',
    /* The configuration is being read again; and that is over. */
    FF_TOLD_RELOADING = 'L',
    FF_TOLD_RELOADED = 'D',
} FfTold;

/* An FfTold, and the number that follows some. */
typedef struct {
    char told;
    gint32 number;
} __attribute__((packed)) FfToldNumber;

/*
 * The supervisor keeps ends of FIFOs open (holder.h), and the worker decides of which. Each request
 * but a look gets one answer, with its number. Where an answer comes that was another worker's, what
 * it says is true all the same.
 */
typedef enum {
    /* Be able to do the rest from now on, whoever has the lock of the root. */
    FF_HOLD_PREPARE = 'P',
    /* Open these ends, in the place of those that are kept. */
    FF_HOLD_OPEN = 'H',
    /* Let it go, if nobody would notice; with `value`, although there are bytes in it. */
    FF_HOLD_TRY_RELEASE = 'Q',
    /* Let it go. */
    FF_HOLD_CLOSE = 'X',
    /* Somebody has closed it, or with `value` opened it: a reader may have to be let in, or is in. */
    FF_HOLD_LOOK = 'L',

    FF_HOLD_PREPARED = 'p',
    FF_HOLD_OPENED = 'h',
    FF_HOLD_FAILED = 'f',
    FF_HOLD_RELEASED = 'r',
    /* Somebody else has it open. */
    FF_HOLD_BUSY = 'b',
    /* There is something in it that would be lost. */
    FF_HOLD_QUEUED = 'q',
    /*
     * Unasked, the first that a worker is told: is it prepared (`ends`), and what is kept: so many
     * (`value`) FfHoldEntry follow.
     */
    FF_HOLD_LIST = 'l',
} FfHoldKind;

typedef struct {
    guint32 kind;
    /* FfHold. */
    guint32 ends;
    guint32 number;
    gint32 value;
    guint64 id;
    /* By which the supervisor, and nobody else, finds the FIFO. */
    guint64 token[2];
    /* Bytes that it is to hold, as of the policy. */
    gint64 capacity;
} FfHoldMessage;

/*
 * In place of FfHold: it is held, and may be let go at any moment, as a worker before has asked for
 * that. It is none of the ends that can be wanted, so that it is asked for what is wanted before
 * anybody is told of the FIFO.
 */
#define FF_HOLD_UNSURE 4

typedef struct {
    guint64 id;
    guint64 ends;
} FfHoldEntry;

/* The supervisor keeps a FIFO open that a relay uses (keeper.h). */
typedef enum {
    /* A descriptor comes with it. */
    FF_KEEP = 'K',
    /* When it is closed, FF_HANDOVER_NOT_KEPT tells. */
    FF_KEEP_NO_MORE = 'N',
} FfKeep;

typedef struct {
    guint32 kind;
    guint32 reserved;
    guint64 fifo;
} FfKeepMessage;

typedef struct {
    guint64 fifo;
    gint64 fd;
} FfKeepEntry;

/* A supervisor that knows of that says so. */
#define FF_ENV_RELAYS "FIFOFS_RELAYS"

/* A supervisor that knows of all this says so: it may be older than its worker. */
#define FF_ENV_HOLDS "FIFOFS_HOLDS"

/* So many FIFOs at most; of one user; and so many requests that are not answered. */
#define FF_HOLD_MOST      1024
#define FF_HOLD_USER_MOST 256
#define FF_HOLD_REQUESTS  64

/* How the token is spelt in the control directory. */
#define FF_HOLD_NAME_FORMAT "hold-%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x"
#define FF_HOLD_NAME_SIZE   40

/* A worker leaves with this when it was asked to let another one go on. */
#define FF_EXIT_HANDED_OVER 64

/* What the supervisor asks of a worker, by signals: SIGTERM to end, SIGHUP to read again, and this. */
#define FF_SIGNAL_HAND_OVER SIGUSR2

/* Are we a worker? Return: the mountpoint, or NULL. */
static inline const char *ff_handover_mountpoint(void)
{
    return g_getenv(FF_ENV_WORKER);
}
