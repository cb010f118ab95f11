/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clock.h"

static gint64 system_monotonic(gpointer data)
{
    return g_get_monotonic_time();
}

static struct timespec system_realtime(gpointer data)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now;
}

const FfClock *ff_clock_system(void)
{
    static const FfClock clock = {.monotonic = system_monotonic, .realtime = system_realtime};

    return &clock;
}
