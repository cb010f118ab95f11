/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How soon the daemon runs when there is something to do and no processor is idle.
 *
 * Each request keeps a process waiting, and what a FIFO is to get must come before its data. None of that takes more
 * than microseconds, so the daemon asks the scheduler for short slices of time: it may then interrupt those that have
 * longer ones, and gets no more time in all than they (Linux 6.12, kernel/sched/syscalls.c; earlier ones ignore it).
 */
#pragma once

/* For this thread and those that it starts. Everybody may; where it is refused everything works, but later. */
void ff_slice_shorten(void);
