/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "autofd.h"
#include "handover.h"
#include "privileges.h"
#include "procfs.h"

#define OURS "/proc/self/exe"
/* As shells say it. */
#define CANNOT_EXECUTE 127

/* Where the program was when we began: the name of one that was replaced ends in " (deleted)". */
static char *path_of_ours(void)
{
    static char *path;

    if (path == NULL)
        path = g_file_read_link(OURS, NULL);
    return path;
}

int ff_program_of_ours(void)
{
    int fd;

    path_of_ours();
    fd = open(OURS, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int ff_program_on_disk(void)
{
    const char *path = path_of_ours();
    int fd = path == NULL ? -1 : open(path, O_PATH | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* The numbers a worker wants may be in use for others of them, so they go out of the way first. */
static gboolean arrange(const FfWorkerSetting *setting, int socket)
{
    int last = setting->relays == NULL ? FF_HANDOVER_LAST_OF_ALL : FF_HANDOVER_LAST;
    int fds[FF_HANDOVER_LAST + 1];

    for (int i = FF_HANDOVER_FIRST; i <= last; i++) {
        fds[i] = fcntl(i == FF_HANDOVER_SOCKET ? socket : setting->fds[i], F_DUPFD_CLOEXEC,
                       FF_HANDOVER_LAST + 1);
        if (fds[i] < 0)
            return FALSE;
    }
    for (int i = FF_HANDOVER_FIRST; i <= last; i++)
        if (dup2(fds[i], i) < 0)
            return FALSE;
    for (guint i = 0; setting->relays != NULL && i < setting->relays->len; i++)
        fcntl(g_array_index(setting->relays, int, i), F_SETFD, 0);
    return TRUE;
}

static void tell_why(int socket, int code)
{
    const FfToldNumber message = {FF_TOLD_NO_PROGRAM, code};

    send(socket, &message, sizeof message, MSG_NOSIGNAL);
}

/*
 * A handler of GLib's writes to a descriptor, whose number is another file's once arrange() is done:
 * the journal, perhaps. What is ignored stays so, as exec() has it.
 */
static void drop_handlers(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    struct sigaction action;

    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaction(number, &standard, NULL);
}

/* In the child, between fork() and exec(): GLib may have a thread, so nothing here allocates. */
static void G_GNUC_NORETURN become_worker(const FfWorkerSetting *setting, int program, int socket,
                                          pid_t supervisor, char **environment)
{
    sigset_t none;

    drop_handlers();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* What a terminal sends is the supervisor's to handle. */
    setpgid(0, 0);
    /* Not one that cannot be caught: who is killed while a thread of his waits for the mount stays. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* Above what arrange() needs. It stays open, as valgrind and scripts open what they are to run. */
    program = fcntl(program, F_DUPFD, 64);
    /* There may not be so many. */
    if (program < 0 && errno == EINVAL)
        errno = EMFILE;
    if (program >= 0 && getppid() == supervisor && arrange(setting, socket)) {
        socket = FF_HANDOVER_SOCKET;
        fexecve(program, setting->argv, environment);
    }
    tell_why(socket, errno);
    _exit(CANNOT_EXECUTE);
}

static char **environment_for(const FfWorkerSetting *setting, const char *background, gboolean try)
{
    char **environment = g_get_environ();

    environment = g_environ_setenv(environment, FF_ENV_WORKER, setting->mountpoint, TRUE);
    environment = g_environ_setenv(environment, FF_ENV_DIRECTORY, setting->directory, TRUE);
    environment = g_environ_setenv(environment, FF_ENV_PRIVILEGES, setting->privileges, TRUE);
    environment = g_environ_setenv(environment, FF_ENV_HOLDS, "1", TRUE);
    if (setting->relays != NULL)
        environment = g_environ_setenv(environment, FF_ENV_RELAYS, "1", TRUE);
    if (background != NULL)
        environment = g_environ_setenv(environment, FF_ENV_BACKGROUND, background, TRUE);
    if (try)
        environment = g_environ_setenv(environment, FF_ENV_TRY, "1", TRUE);
    return environment;
}

/* No signal finds the child with handlers that are not its own. */
static pid_t fork_without_signals(void)
{
    sigset_t all, before;
    pid_t pid;
    int code;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid = fork();
    code = errno;
    if (pid != 0)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return pid;
}

static int start(const FfWorkerSetting *setting, int program, const char *background, gboolean try,
                 FfWorker *worker)
{
    g_auto(GStrv) environment = environment_for(setting, background, try);
    pid_t supervisor = getpid(), pid;
    int ends[2], code;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    pid = fork_without_signals();
    code = errno;
    if (pid == 0)
        become_worker(setting, program, ends[1], supervisor, environment);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -code;
    }
    *worker = (FfWorker){pid, ends[0]};
    return 0;
}

int ff_worker_start(const FfWorkerSetting *setting, int program, const char *background,
                    FfWorker *worker)
{
    return start(setting, program, background, FALSE, worker);
}

int ff_worker_try(const FfWorkerSetting *setting, int program, const char *background,
                  FfWorker *trial)
{
    return start(setting, program, background, TRUE, trial);
}

/* That it has ended well is not enough: so does many another program that may lie there. */
gboolean ff_worker_trial_is_passed(FfWorker *trial, int status)
{
    char told = 0;
    gboolean has_told = recv(trial->socket, &told, 1, MSG_DONTWAIT) == 1 && told == FF_TOLD_READY;

    close(trial->socket);
    trial->socket = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_EXECUTE)
        g_warning("the new program cannot be executed");
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !has_told)
        g_warning("the new program is no fifofs that could go on");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && has_told;
}

typedef struct {
    /* NULL for any that runs. */
    const char *name;
    gboolean found;
} ThreadSearch;

static gboolean has_ended(const FfProcfsStat *stat)
{
    return stat->state == 'Z' || stat->state == 'X';
}

static gboolean look_at_thread(int listfd, int number, gpointer data)
{
    g_auto(FfAutoFd) thread = ff_procfs_open(listfd, number);
    ThreadSearch *search = data;
    FfProcfsStat stat;

    if (ff_procfs_stat(thread, &stat) == 0)
        search->found = search->name == NULL
                            ? stat.state == 'R'
                            : g_str_equal(stat.command, search->name) && !has_ended(&stat);
    return !search->found;
}

static gboolean search_threads(const FfWorker *worker, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", worker->pid);
    ThreadSearch search = {.name = name};

    ff_procfs_each_number(AT_FDCWD, path, look_at_thread, &search);
    return search.found;
}

gboolean ff_worker_runs(const FfWorker *worker)
{
    return search_threads(worker, NULL);
}

gboolean ff_worker_has_thread(const FfWorker *worker, const char *name)
{
    return search_threads(worker, name);
}
