/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes below a process: which there are, what they have read and written, and what they have
 * open.
 *
 * The kernel counts bytes for each process (proc_pid_io(5)): what read(), write() and sendfile()
 * moved to and from anything, with its children that have ended and that it has waited for.
 * splice(), tee(), vmsplice() and io_uring are not in it.
 */
#pragma once

#include "fileid.h"

/* Call @visit for each child of a process. */
void proctree_each_child(pid_t pid, void (*visit)(pid_t child, gpointer data), gpointer data);

typedef struct {
    guint64 read, written;
} ProcIo;

/* Return: 0, or -errno: -ESRCH or -ENOENT where the process is gone, -EACCES where it may not be known. */
int proctree_io(pid_t pid, ProcIo *io);

/**
 * proctree_collect() - wait for a child that has ended, and take over what was counted for it
 *
 * Return: 0 or -errno, which says that nothing is known of it.
 */
int proctree_collect(pid_t pid, ProcIo *io);

/* Return: whether the process is seen to move bytes in a way that is not counted. */
gboolean proctree_moves_uncounted(pid_t pid);

/**
 * proctree_find_end() - whether a process has an end of a FIFO open
 * @want: O_RDONLY or O_WRONLY; a descriptor for both is either
 *
 * Return: the number of its descriptor, or -1.
 */
int proctree_find_end(pid_t pid, const FfFileId *file, int want);
