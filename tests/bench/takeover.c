/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "takeover.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "measurement.h"

/* A process takes a while to die if it has much memory. */
#define DYING_MSEC 10000

/* The one that the daemon, a supervisor, has for a child. Return: 0 where there is none. */
static pid_t find_worker(pid_t supervisor)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)supervisor,
                                            (int)supervisor);
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* Return: 0 once it has ended. */
static int kill_and_await(pid_t pid)
{
    struct pollfd process = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    int r = 0;

    if (process.fd < 0)
        return -errno;
    if (kill(pid, SIGKILL) < 0)
        r = -errno;
    else if (poll(&process, 1, DYING_MSEC) != 1)
        r = -ETIMEDOUT;
    close(process.fd);
    return r;
}

int takeover_sample(const Site *site, gconstpointer what, double *value)
{
    gint64 start = clock_nsec();
    struct statfs st;
    pid_t worker;
    int r;

    if (!target_is_fifofs(site->target))
        return -EOPNOTSUPP;
    worker = find_worker(site->target->daemon);
    if (worker == 0)
        return -ESRCH;
    r = kill_and_await(worker);
    /* The kernel never keeps this answer. */
    if (r == 0 && statfs(site->target->root, &st) < 0)
        r = -errno;
    *value = (double)(clock_nsec() - start) / 1e6;
    return r;
}
