/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The benchmark: fifofs beside tmpfs and beside an ordinary FUSE file system, in one run.
 *
 * Two processes. The first mounts and in the end unmounts everything, and otherwise only waits; the
 * second, with children of its own, measures. So whatever happens to the second (a signal, a crash, a
 * daemon that does not answer), somebody is left who cleans up and who never touches a mount that may
 * be stuck.
 *
 * Exit codes: 0 measured; 1 something could not be run; 2 usage; 77 no FUSE here (skipped, to meson);
 * 128 and the signal that ended it.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"
#include "report.h"
#include "run.h"

#define EXIT_USAGE   2
#define EXIT_SKIPPED 77

static int list_measurements(void)
{
    for (guint i = 0; i < n_measurements; i++)
        g_print("%-18s %s\n", measurements[i].name, measurements[i].title);
    return EXIT_SUCCESS;
}

static int complain(const GError *error)
{
    g_printerr("bench-fifofs: %s\n", error->message);
    return EXIT_FAILURE;
}

/* The second process. Return: its exit code. */
static int measure(const Settings *settings, const Targets *targets)
{
    g_autoptr(Results) results = results_new();
    g_autoptr(GError) error = NULL;
    gboolean ok = run_all(settings, targets, results);

    report_table(results, settings);
    if (settings->json != NULL && !report_json(results, settings, settings->json, &error))
        return complain(error);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static pid_t start_measuring(const Settings *settings, const Targets *targets)
{
    pid_t pid = fork();

    /* A group of its own, so that its children are ended with it; whoever of the two comes first sees to it. */
    setpgid(pid, pid);
    if (pid != 0)
        return pid;
    process_follow_parent(NULL);
    signal(SIGPIPE, SIG_IGN);
    exit(measure(settings, targets));
}

/* What ends us, and what the end of a child is told by. */
static void collect_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGCHLD);
}

/* Wait for the end of the second process, or end it if we are told to end. Return: the exit code. */
static int await_measuring(pid_t pid, const sigset_t *signals)
{
    int status, number;

    for (;;) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
        number = sigwaitinfo(signals, NULL);
        if (number > 0 && number != SIGCHLD)
            break;
    }
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 128 + number;
}

static int compare(const Settings *settings, const Workspace *workspace, const sigset_t *signals)
{
    g_autoptr(GError) error = NULL;
    Targets targets;
    int code = EXIT_FAILURE;

    if (targets_start(&targets, workspace, settings, &error)) {
        pid_t pid = start_measuring(settings, &targets);

        if (pid > 0)
            code = await_measuring(pid, signals);
    } else {
        complain(error);
    }
    targets_stop(&targets);
    return code;
}

/* passthrough_ll keeps a file descriptor for each name. */
static void allow_many_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = NULL;
    Workspace workspace = {0};
    sigset_t signals;
    int code;

    setlocale(LC_ALL, "");
    settings = settings_parse(argc, argv, &error);
    if (settings == NULL) {
        complain(error);
        return EXIT_USAGE;
    }
    if (settings->list)
        return list_measurements();
    if (access("/dev/fuse", F_OK) < 0) {
        g_printerr("bench-fifofs: /dev/fuse: %s\n", g_strerror(errno));
        return EXIT_SKIPPED;
    }
    allow_many_files();
    collect_signals(&signals);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (!workspace_open(&workspace, &error))
        return complain(error);
    code = compare(settings, &workspace, &signals);
    workspace_close(&workspace);
    return code;
}
