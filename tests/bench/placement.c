/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "placement.h"

#include <errno.h>

const Placement placements[N_PLACEMENTS] = {
    [PLACEMENT_FREE] = {"free", "wherever the kernel puts the processes"},
    [PLACEMENT_PINNED] = {"pinned", "all processes on one processor"},
};

/* The last one: the first has most of the interrupts. */
static void keep_last(cpu_set_t *set)
{
    int last = CPU_SETSIZE - 1;

    while (!CPU_ISSET(last, set))
        last--;
    CPU_ZERO(set);
    CPU_SET(last, set);
}

static int place_threads(pid_t pid, const cpu_set_t *set)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)pid);
    g_autoptr(GDir) threads = g_dir_open(path, 0, NULL);
    const char *tid;

    if (threads == NULL)
        return -ESRCH;
    while ((tid = g_dir_read_name(threads)) != NULL) {
        /* A thread may end meanwhile; passthrough_ll comes and goes with several. */
        if (sched_setaffinity((pid_t)g_ascii_strtoll(tid, NULL, 10), sizeof *set, set) < 0 &&
            errno != ESRCH)
            return -errno;
    }
    return 0;
}

int placement_apply(PlacementId id, const Targets *targets)
{
    static cpu_set_t allowed;
    cpu_set_t set;
    int r = 0;

    /* As it was when the benchmark was started. */
    if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return -errno;
    set = allowed;
    if (id == PLACEMENT_PINNED)
        keep_last(&set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        return -errno;
    for (guint i = 0; i < N_TARGETS && r == 0; i++)
        if (targets->all[i].daemon > 0)
            r = place_threads(targets->all[i].daemon, &set);
    return r;
}
