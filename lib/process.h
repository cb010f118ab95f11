/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process that has created FIFOs, as far as lifetimes need it: is it still there, and is the
 * leader of its session?
 *
 * Many FIFOs share one FfProcess, and it outlives the process itself for as long as a FIFO names it
 * as its creator. How its end is noticed is the business of whoever makes it (fs/creator.c); here
 * it is only told.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct FfNode FfNode;
typedef struct FfProcess FfProcess;

struct FfProcess {
    pid_t pid;
    /* When it began, in microseconds of CLOCK_BOOTTIME; with the pid that makes one of it. 0: not known. */
    gint64 started;
    /*
     * The command name as the kernel had it when the process first created something; any bytes but
     * NUL.
     */
    char comm[16];
    gboolean alive;
    /* Its session; a process that leads one has its own pid there. */
    pid_t session;
    /* The leader of its session; NULL where it is its own, or could not be known. */
    FfProcess *leader;

    /* Below: kept by process.c and the registry, under the registry lock. */
    guint refs;
    /* Kept by journal.c: its number there, good in this round. */
    guint saved_as, saved_round;
    /* The nodes it created that still exist, linked through FfNode.creator_next. */
    FfNode *created;
    /* After its end: the first of them that has not been told of it; NULL when all have. */
    FfNode *untold;
    /* The set of processes whose session it leads; NULL until there is one. */
    GHashTable *members;
};

/**
 * ff_process_new() - a living process
 * @pid:     its id, for people to read; identity is the pointer
 * @started: when it began, in microseconds of CLOCK_BOOTTIME
 * @comm:    its command name
 * @session: its session
 * @leader:  (nullable): the leader of the session, if that is another; a reference is taken
 *
 * Return: the process, with one reference.
 */
FfProcess *ff_process_new(pid_t pid, gint64 started, const char *comm, pid_t session,
                          FfProcess *leader);

/* Has the leader of its session ended? FALSE where that is not known. */
gboolean ff_process_session_ended(const FfProcess *process);

FfProcess *ff_process_ref(FfProcess *process);
void ff_process_unref(FfProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfProcess, ff_process_unref)
