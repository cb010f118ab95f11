/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where time comes from.
 *
 * Lifetimes are counted on the monotonic clock, so that setting the wall clock neither removes a
 * FIFO nor keeps one; the three times of an inode are wall-clock times. Both are asked through this
 * pair of functions, so that a test can let an hour pass without waiting.
 */
#pragma once

#include <glib.h>
#include <time.h>

typedef struct {
    /* Microseconds of CLOCK_MONOTONIC. */
    gint64 (*monotonic)(gpointer data);
    /* CLOCK_REALTIME, as struct stat wants it. */
    struct timespec (*realtime)(gpointer data);
    gpointer data;
} FfClock;

/**
 * ff_clock_system() - the clock of the machine
 *
 * Return: a clock that lives as long as the program.
 */
const FfClock *ff_clock_system(void);

static inline gint64 ff_clock_monotonic(const FfClock *clock)
{
    return clock->monotonic(clock->data);
}

static inline struct timespec ff_clock_realtime(const FfClock *clock)
{
    return clock->realtime(clock->data);
}
