/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests that were lost with a worker, on a kernel that does not send them again (before Linux 6.9).
 *
 * Whoever made one waits for its answer, deaf to all signals, and often with the lock of a directory.
 * So the next worker answers all that were read lately, whether they were answered or not: the kernel
 * refuses what it does not wait for. Their numbers are noted in memory that outlives the process
 * (lib/logfile.h). What was carried out is told to have been; of the rest, what is done by path is
 * done once more by the kernel itself, when it is told ESTALE (fs/namei.c retry_estale()); what has no
 * path, as a read(), fails with EINTR.
 */
#pragma once

#include <glib.h>

#include "journal.h"
#include "registry.h"

/* Note that a request was read. */
void ff_lost_note(FfJournal *journal, guint32 opcode, guint64 unique);

/* Answer those that a worker before us has read. Registry locked. */
void ff_lost_answer(FfJournal *journal, FfRegistry *registry, int fuse_fd);

/*
 * Somebody does not want to wait any more for the answer to a request. If it was not read lately it may
 * have been lost long ago, and is answered with EINTR; if it was not lost, that is what it will get.
 */
void ff_lost_interrupt(FfJournal *journal, int fuse_fd, guint64 unique);
