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
 * only in a fifofs, whose daemon makes the kernel forget names to find out who holds them. The
 * caller's own processes are trusted.
 */
#pragma once

#include <sys/types.h>

#include "fileid.h"

typedef enum {
    /* The thread does something else, or waits for a FIFO that is not ours. */
    WAITER_NONE,
    /* The thread waits, and what is known of it was filled in. */
    WAITER_FOUND,
    /* The thread waits, but for which FIFO cannot be found out. */
    WAITER_UNRESOLVED,
} WaiterResult;

typedef struct {
    FileId file;
    /* Which end it wants to have: FIFO_END_READ or FIFO_END_WRITE. */
    guint end;
} Waiter;

/**
 * waiter_look() - does this thread wait in the open() of a FIFO of ours, and of which?
 * @threadfd: its directory in /proc
 * @tid:      its number
 * @daemons:  dev_t of each fifofs to whether its daemon may be asked; else its FIFOs are not ours
 */
WaiterResult waiter_look(int threadfd, pid_t tid, GHashTable *daemons, Waiter *waiter);
