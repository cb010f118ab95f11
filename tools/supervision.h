/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pipeline from its start to its end: who is told to end when, by which signals, and what the
 * status of the whole is.
 */
#pragma once

#include <stdio.h>

#include "progress.h"
#include "rundir.h"

typedef struct {
    /* Microseconds between SIGTERM and SIGKILL. */
    gint64 kill_after;
    /* A stage that ends by SIGPIPE has not failed. */
    gboolean allow_sigpipe;
    ProgressWhen progress;
    /* (nullable): where the summary goes. */
    FILE *summary;
    /* Bytes that each FIFO is to hold, or 0. */
    gint64 capacity;
} SupervisionOptions;

typedef struct {
    /* As a shell has it. */
    int status;
    /* By which fifoctl is to end itself when all is tidied up, or 0. */
    int signal;
} Outcome;

/* Start all stages and see them to their end. What went wrong has been said. */
Outcome supervise(const Pipeline *pipeline, const RunDir *directory,
                  const SupervisionOptions *options);
