/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places at which a test can have the process killed: between what is done and what is told.
 *
 * In what users run, all of this is nothing. With FIFOFS_STEPS, as in tests/fault, a process that
 * reaches a step named in the file $FIFOFS_STEP_FILE kills itself there (step.c).
 */
#pragma once

#include <glib.h>

/* In place of an opcode: one that was kept back is served. */
#define FF_STEP_KEPT_BACK 10000

#ifdef FIFOFS_STEPS

/* From now on this thread serves such a request, an opcode of linux/fuse.h. */
void ff_step_begin(guint32 opcode);
void ff_step_reached(const char *step);

#define FF_STEP(step) ff_step_reached(step)

#else

static inline void ff_step_begin(guint32 opcode)
{
}

#define FF_STEP(step) ((void)0)

#endif
