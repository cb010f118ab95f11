/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PATIENCE   (5 * G_TIME_SPAN_SECOND)
#define LOOK_EVERY (5 * G_TIME_SPAN_MILLISECOND)

void process_follow_parent(gpointer unused)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

pid_t process_start(char **argv, GError **error)
{
    GPid pid = 0;

    if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
                       process_follow_parent, NULL, &pid, error))
        return 0;
    return pid;
}

gboolean process_run(char **argv, GError **error)
{
    g_autofree char *complaint = NULL;
    int status;

    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
                      process_follow_parent, NULL, NULL, &complaint, &status, error))
        return FALSE;
    if (g_spawn_check_wait_status(status, error))
        return TRUE;
    if (*complaint != '\0')
        g_prefix_error(error, "%s", complaint);
    return FALSE;
}

gboolean process_has_ended(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) != 0;
}

void process_end(pid_t pid)
{
    gint64 deadline = g_get_monotonic_time() + PATIENCE;

    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    while (g_get_monotonic_time() < deadline) {
        if (process_has_ended(pid))
            return;
        g_usleep(LOOK_EVERY);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
