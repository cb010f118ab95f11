/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * open(O_CREAT) calls that were sent back to look again.
 *
 * An open that makes a FIFO is answered ESTALE once, and the kernel then looks the name up anew; a
 * second ESTALE would be given to the caller. That second time comes when the name was removed
 * again in between. The caller is told EINTR then, which says "nothing happened, try again" and
 * which shells and language runtimes do try again at.
 *
 * Registry locked, for every function but new and free.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "journal.h"
#include "node.h"

typedef struct FfRetries FfRetries;

FfRetries *ff_retries_new(void);
void ff_retries_free(FfRetries *retries);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfRetries, ff_retries_free)

/* Where they are kept; before anything else. */
void ff_retries_set_journal(FfRetries *retries, FfJournal *journal);

/* Go on with those of the process before us. */
void ff_retries_take_over(FfRetries *retries, gint64 now);

/**
 * ff_retries_answer() - what to answer an open for which there now is a FIFO
 * @unique: the number of the request
 * @fifo:   it, under its name
 * @now:    monotonic microseconds
 *
 * Return: -ESTALE, or -EINTR where this thread was sent back just before and has not found its
 * FIFO.
 */
int ff_retries_answer(FfRetries *retries, pid_t tid, guint64 unique, const FfNode *fifo,
                      gint64 now);

/* The thread was told of this: if it is the FIFO that it was sent back for, all is well. */
void ff_retries_found(FfRetries *retries, pid_t tid, const FfNode *node);
