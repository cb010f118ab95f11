/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "slice.h"

#include <errno.h>
#include <glib.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The shortest that there is, in nanoseconds. */
#define SLICE 100000

/* struct sched_attr of sched_setattr(2), whose header cannot be read together with that of older libcs. */
typedef struct {
    guint32 size;
    guint32 policy;
    guint64 flags;
    gint32 nice;
    guint32 priority;
    guint64 runtime;
    guint64 deadline;
    guint64 period;
} Attributes;

void ff_slice_shorten(void)
{
    Attributes attributes = {.size = sizeof attributes};

    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) < 0)
        return;
    /* To the other classes it means something else, or nothing. */
    if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH)
        return;
    attributes.runtime = SLICE;
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) < 0)
        g_debug("no short slices of time: %s", g_strerror(errno));
}
