/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that wait in open() for somebody to open the other end of a FIFO.
 *
 * Such a thread has no descriptor yet. What can be seen is where in the kernel it sleeps (wchan),
 * the system call it is in with its arguments (syscall), and through these the path in its memory,
 * which is looked up from where it stands.
 *
 * The path is another process's, and may have changed since the call began: it can lead anywhere.
 * So it is looked up with RESOLVE_CACHED, which asks no file system: nothing can be mounted, woken
 * or waited for by what a stranger has in memory. Only its last name is looked up for true, and
 * only in a fifofs, whose daemon makes the kernel forget names to find out who holds them. Where the
 * caller says so, its own processes are trusted.
 */
#pragma once

#include <sys/types.h>

#include "fileid.h"

typedef enum {
    /* The thread does something else, or waits for a FIFO that is not ours. */
    FF_WAITER_NONE,
    /* The thread waits, and what is known of it was filled in. */
    FF_WAITER_FOUND,
    /* The thread waits, but for which FIFO cannot be found out. */
    FF_WAITER_UNRESOLVED,
} FfWaiterResult;

typedef struct {
    FfFileId file;
    /* Which end it wants to have: O_RDONLY or O_WRONLY. */
    int access;
    /*
     * It sleeps within open(), but the kernel does not say where: it may wait for a file system.
     * Linux 6.12 and later do not say it of a thread that has just fallen asleep (EEVDF's delayed
     * dequeuing), x86 before 5.16 of none.
     */
    gboolean supposed;
} FfWaiter;

/* What looking may do. */
typedef struct {
    /* dev_t of each fifofs to whether its daemon may be asked; else its FIFOs are not ours. */
    GHashTable *daemons;
    /* Go wherever the path leads for processes of the caller, asking any file system. */
    gboolean trust_own;
    /*
     * Believe a path only if the thread may open what it leads to now. The path is in its memory, so
     * it can name any FIFO as the one that it waits for.
     */
    gboolean must_be_allowed;
} FfWaiterLimits;

/* Is that what wchan(5) shows of a thread which waits for the other end of a FIFO? */
gboolean ff_waiter_is_in_open(const char *wchan);

/**
 * ff_waiter_look() - does this thread wait in the open() of a FIFO of ours, and of which?
 * @threadfd: its directory in /proc
 * @tid:      its number
 * @fd:       (nullable): where FF_WAITER_FOUND is returned, gets an O_PATH descriptor of the FIFO,
 *            which is the caller's
 */
FfWaiterResult ff_waiter_look(int threadfd, pid_t tid, const FfWaiterLimits *limits,
                              FfWaiter *waiter, int *fd);
