/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The line on standard error that tells how far a pipeline is.
 *
 * On a terminal it is one line that is drawn over and over and is gone at the end, and only while
 * fifoctl is in the foreground. Anywhere else a line is added every few seconds, and at the end.
 */
#pragma once

#include "flow.h"

typedef enum {
    PROGRESS_AUTO,
    PROGRESS_ALWAYS,
    PROGRESS_NEVER,
} ProgressWhen;

typedef struct {
    /* Nothing is told. */
    gboolean silent;
    /* One line is drawn over. */
    gboolean drawn;
    /* Something is drawn now. */
    gboolean visible;
    /* Monotonic. */
    gint64 started, told;
} Progress;

void progress_init(Progress *progress, ProgressWhen when);

/* Return: how often to look, in milliseconds. */
guint progress_interval(const Progress *progress);

/* Tell, where it is time for that. */
void progress_show(Progress *progress, const GArray *flows, gint64 now);

/* Make way for other lines. */
void progress_clear(Progress *progress);

/* Tell the sums, where the line is not to be gone at the end. */
void progress_end(Progress *progress, const GArray *flows, gint64 now);
