/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A worker has died: is that an accident, or will the next one die as well? One that was killed
 * while it served is an accident, however often that happens. One that dies by itself, or before it
 * serves, within a second of its start is taken for one that will do so again: the next is started
 * later each time, and after some the mount is given up. Where somebody kills each one before it
 * serves, that may end at any moment, so patience lasts longer.
 */
#include "supervisor.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"
#include "canary.h"
#include "handover.h"
#include "holder.h"
#include "keeper.h"
#include "log.h"
#include "logfile.h"
#include "mounting.h"
#include "service.h"
#include "stalemount.h"
#include "stored.h"
#include "workers.h"

/* A worker that dies by itself in this time of its start has not got far. */
#define SOON (1 * G_TIME_SPAN_SECOND)

/* So many of these one after the other are enough. Milliseconds to wait before the next one. */
static const guint delays_ms[] = {0, 10, 50, 100, 200, 500, 1000, 2000};

/* The same for those that are killed: for so long, and not later than this. */
#define PATIENCE        (60 * G_TIME_SPAN_SECOND)
#define KILLED_DELAY_MS 50

/* A process is gone so soon after its canary, or it waits for what only the next one can do. */
#define DYING_MS 20

/* How often the canary is looked for, where the kernel does not tell of its end. */
#define CANARY_LOOK_MS 500

/* How often it is looked whether the last worker of another supervisor has ended. */
#define LOOK_INTERVAL (5 * G_TIME_SPAN_MILLISECOND)

/* How long a new program may look whether it would do. */
#define TRIAL_SECONDS 60

typedef enum {
    /* A worker is to serve. */
    AIM_SERVE,
    /* The worker was asked to make room for another one. */
    AIM_HAND_OVER,
    /* The worker was asked to end, and then all ends. */
    AIM_END,
} Aim;

typedef struct {
    const FfOptions *options;
    FfBackground background;
    gboolean in_background;
    FfMounting *mounting;
    FfHolder *holder;
    FfKeeper *keeper;
    FfWorkerSetting setting;
    GMainLoop *loop;
    int exit_code;

    Aim aim;
    /* Descriptors: what workers are started from; and, while it has not proved good, the former. */
    int program, former_program;
    /* The worker's, or 0; and a descriptor of it, or -1. */
    pid_t canary;
    int canary_fd;
    FfWorker worker;
    gboolean has_worker;
    guint socket_source, end_source, canary_source;
    gint64 started, last_served;
    gboolean ready, ever_ready, told_ready;
    /* Another supervisor will go on with the mount. */
    gboolean stays_mounted;
    /* These were asked for when there was no worker which they could have been asked of. */
    gboolean upgrade_wanted, reload_wanted;
    /* The worker was asked to reload, and has not said that it has. */
    gboolean reloading;
    /* A program that is looked at, whether it would do; and the process that looks. */
    int tried_program;
    FfWorker trial;
    guint trial_source;
    /* Failures one after the other. */
    guint n_failures;
} Supervisor;

static void start_worker(Supervisor *supervisor);

static void leave(Supervisor *supervisor, int exit_code)
{
    supervisor->exit_code = exit_code;
    g_main_loop_quit(supervisor->loop);
}

/* --- what a worker tells --- */

static void upgrade(Supervisor *supervisor);
static void ask_to_reload(Supervisor *supervisor);

/* Not in the middle of things. */
static gboolean on_idle(gpointer data)
{
    upgrade(data);
    return G_SOURCE_REMOVE;
}

static void on_ready(Supervisor *supervisor)
{
    supervisor->ready = TRUE;
    if (supervisor->former_program >= 0)
        close(supervisor->former_program);
    supervisor->former_program = -1;
    if (supervisor->reload_wanted)
        ask_to_reload(supervisor);
    if (supervisor->upgrade_wanted)
        g_idle_add(on_idle, supervisor);
    if (supervisor->told_ready)
        return;
    supervisor->ever_ready = supervisor->told_ready = TRUE;
    ff_background_ready(&supervisor->background);
    ff_service_ready(supervisor->options->mountpoint);
}

static gboolean on_canary_gone(gint fd, GIOCondition condition, gpointer data);

static gboolean look_for_canary(gpointer data)
{
    const Supervisor *supervisor = data;

    if (ff_canary_is_there(supervisor->worker.pid, supervisor->canary))
        return G_SOURCE_CONTINUE;
    return on_canary_gone(-1, G_IO_IN, data);
}

static void watch_canary(Supervisor *supervisor, pid_t canary)
{
    /* It tells of one; who tells of more is not the program that was started. */
    if (supervisor->canary != 0 || canary <= 0)
        return;
    supervisor->canary = canary;
    supervisor->canary_fd = ff_canary_watch(canary);
    supervisor->canary_source = supervisor->canary_fd < 0
                                    ? g_timeout_add(CANARY_LOOK_MS, look_for_canary, supervisor)
                                    : g_unix_fd_add(supervisor->canary_fd, G_IO_IN, on_canary_gone,
                                                    supervisor);
}

static void take_message(Supervisor *supervisor, const FfToldNumber *message)
{
    switch ((FfTold)message->told) {
    case FF_TOLD_CANARY:
        watch_canary(supervisor, message->number);
        break;
    case FF_TOLD_NO_PROGRAM:
        g_warning("cannot execute a worker: %s", g_strerror(message->number));
        break;
    case FF_TOLD_READY:
        on_ready(supervisor);
        break;
    case FF_TOLD_RELOADING:
        ff_service_reloading();
        break;
    case FF_TOLD_RELOADED:
        supervisor->reloading = FALSE;
        ff_service_ready(supervisor->options->mountpoint);
        break;
    }
}

typedef union {
    FfToldNumber told;
    FfHoldMessage hold;
    FfKeepMessage keep;
} Message;

/* @passed: a descriptor that came with it, or -1. */
static ssize_t receive(int socket, Message *message, int *passed)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec where = {message, sizeof *message};
    struct msghdr header = {
        .msg_iov = &where,
        .msg_iovlen = 1,
        .msg_control = &control,
        /* CMSG_SPACE() would have room for a second one. */
        .msg_controllen = CMSG_LEN(sizeof(int)),
    };
    ssize_t n = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *first = n < 0 ? NULL : CMSG_FIRSTHDR(&header);

    *passed = -1;
    if (first != NULL && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS)
        memcpy(passed, CMSG_DATA(first), sizeof *passed);
    return n;
}

static void take_keep(Supervisor *supervisor, const FfKeepMessage *message, int passed)
{
    if (supervisor->keeper != NULL)
        ff_keeper_take(supervisor->keeper, message, passed);
    else if (passed >= 0)
        close(passed);
}

static gboolean on_message(gint fd, GIOCondition condition, gpointer data)
{
    Supervisor *supervisor = data;
    Message message = {0};
    int passed = -1;
    ssize_t n = receive(fd, &message, &passed);

    /*
     * One that has ended without having read all that it was told is reported first, once, and what
     * it has said comes after that (net/unix/af_unix.c unix_release_sock()).
     */
    if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNRESET))
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        /* It has gone, which on_child_ended() is told. */
        supervisor->socket_source = 0;
        return G_SOURCE_REMOVE;
    }
    if (n == sizeof message.keep)
        take_keep(supervisor, &message.keep, g_steal_fd(&passed));
    else if (n == sizeof message.hold)
        ff_holder_take(supervisor->holder, &message.hold);
    else
        take_message(supervisor, &message.told);
    if (passed >= 0)
        close(passed);
    errno = 0;
    return G_SOURCE_CONTINUE;
}

/* What it has said last may not have been read yet. */
static void read_last_messages(Supervisor *supervisor)
{
    if (supervisor->socket_source != 0)
        g_source_remove(supervisor->socket_source);
    supervisor->socket_source = 0;
    do
        errno = 0;
    while (on_message(supervisor->worker.socket, G_IO_IN, supervisor) == G_SOURCE_CONTINUE &&
           errno != EAGAIN);
}

/* --- the end of a worker --- */

static gboolean was_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static gboolean has_failed(const Supervisor *supervisor, int status)
{
    if (supervisor->ready && was_killed(status))
        return FALSE;
    return !supervisor->ready || g_get_monotonic_time() - supervisor->started < SOON;
}

static char *describe_end(int status)
{
    if (WIFSIGNALED(status))
        return g_strdup_printf("was killed by signal %d (%s)", WTERMSIG(status),
                               g_strsignal(WTERMSIG(status)));
    return g_strdup_printf("has ended with code %d", WEXITSTATUS(status));
}

/* A new program that is no good: back to the one before. */
static void take_former_program(Supervisor *supervisor)
{
    if (supervisor->former_program < 0)
        return;
    g_warning("the new program does not work, and the one before goes on");
    close(supervisor->program);
    supervisor->program = supervisor->former_program;
    supervisor->former_program = -1;
}

static void give_up(Supervisor *supervisor)
{
    g_critical("the worker has died %u times one after the other: unmounting %s; see what it said "
               "before, and mount again",
               supervisor->n_failures, supervisor->options->mountpoint);
    leave(supervisor, FF_EXIT_FAILED);
}

static gboolean on_time_to_start(gpointer data)
{
    start_worker(data);
    return G_SOURCE_REMOVE;
}

static gboolean is_hopeless(const Supervisor *supervisor, int status)
{
    return supervisor->n_failures > G_N_ELEMENTS(delays_ms) &&
           (!was_killed(status) || g_get_monotonic_time() - supervisor->last_served > PATIENCE);
}

static guint delay_after(const Supervisor *supervisor, int status)
{
    guint delay = delays_ms[MIN(supervisor->n_failures, G_N_ELEMENTS(delays_ms)) - 1];

    return was_killed(status) ? MIN(delay, KILLED_DELAY_MS) : delay;
}

static void replace(Supervisor *supervisor, int status)
{
    g_autofree char *what = describe_end(status);

    if (!has_failed(supervisor, status)) {
        supervisor->n_failures = 0;
    } else {
        take_former_program(supervisor);
        supervisor->n_failures++;
        if (is_hopeless(supervisor, status)) {
            give_up(supervisor);
            return;
        }
    }
    g_message("the worker %s, and another one goes on", what);
    if (supervisor->n_failures == 0)
        start_worker(supervisor);
    else
        g_timeout_add(delay_after(supervisor, status), on_time_to_start, supervisor);
}

/* Where it has ended by itself it has said why. */
static void leave_at_start(Supervisor *supervisor, int status)
{
    gboolean said = WEXITSTATUS(status) <= FF_EXIT_NO_FUSE;
    g_autofree char *what = describe_end(status);

    if (!said)
        g_critical("%s: the worker %s before it served: see what it said before",
                   supervisor->options->mountpoint, what);
    leave(supervisor, said ? WEXITSTATUS(status) : FF_EXIT_FAILED);
}

/* It has served to the end of the mount, or was told to end, as a service manager tells both of us. */
static void leave_after_worker(Supervisor *supervisor)
{
    if (ff_mounting_is_alive(supervisor->setting.fds[FF_HANDOVER_FUSE]))
        supervisor->stays_mounted = ff_service_is_restarting();
    leave(supervisor, FF_EXIT_OK);
}

/* What is to be done about the end of the worker, however it is known. */
static void go_on_after(Supervisor *supervisor, int status)
{
    gboolean exited = WIFEXITED(status);

    supervisor->has_worker = FALSE;
    g_clear_handle_id(&supervisor->end_source, g_source_remove);
    read_last_messages(supervisor);
    /* It has not come to that; but where that is what it died of, once is enough. */
    if (supervisor->reloading && (was_killed(status) || supervisor->aim == AIM_HAND_OVER))
        supervisor->reload_wanted = TRUE;
    else if (supervisor->reloading && supervisor->aim == AIM_SERVE)
        /* Whoever was told that it reloads waits for the end of that. */
        ff_service_ready(supervisor->options->mountpoint);
    supervisor->reloading = FALSE;
    ff_holder_end(supervisor->holder);
    g_clear_handle_id(&supervisor->canary_source, g_source_remove);
    if (supervisor->canary_fd >= 0)
        close(supervisor->canary_fd);
    supervisor->canary_fd = -1;
    supervisor->canary = 0;
    if (supervisor->ready)
        supervisor->last_served = g_get_monotonic_time();
    close(supervisor->worker.socket);
    if (supervisor->aim == AIM_END)
        leave(supervisor, FF_EXIT_OK);
    else if (exited && WEXITSTATUS(status) == FF_EXIT_OK &&
             (supervisor->ready ||
              !ff_mounting_is_alive(supervisor->setting.fds[FF_HANDOVER_FUSE])))
        leave_after_worker(supervisor);
    else if (!supervisor->ever_ready && exited)
        leave_at_start(supervisor, status);
    else if (supervisor->aim == AIM_HAND_OVER &&
             (!exited || WEXITSTATUS(status) == FF_EXIT_HANDED_OVER))
        start_worker(supervisor);
    else
        replace(supervisor, status);
}

static void on_child_ended(GPid pid, gint status, gpointer data)
{
    Supervisor *supervisor = data;

    /* One that could not go has been replaced already. */
    if (supervisor->has_worker && supervisor->worker.pid == pid)
        go_on_after(supervisor, status);
}

/* libfuse takes what is cut off for gone, and would leave it mounted. */
static void cut_off(const Supervisor *supervisor)
{
    const char *mountpoint = supervisor->options->mountpoint;

    if (supervisor->stays_mounted)
        return;
    ff_mount_cut_off(mountpoint);
    if (ff_mount_is_fifofs(mountpoint))
        ff_mount_detach(mountpoint);
}

/* Where its thread has ended, what it was about is done, or not, and the record tells. */
static void abandon_transfers(Supervisor *supervisor)
{
    if (supervisor->keeper == NULL || !ff_worker_has_thread(&supervisor->worker, FF_RELAY_THREAD) ||
        ff_keeper_abandon(supervisor->keeper))
        return;
    g_warning("relays of what was created with O_EXCL end here: %s", g_strerror(errno));
    g_clear_pointer(&supervisor->keeper, ff_keeper_free);
}

/*
 * It has not ended meanwhile, which would have taken this source away: a thread of it waits for the
 * mount, and gets its answer from the next worker. Without a next one the mount has to go.
 */
static gboolean on_cannot_go(gpointer data)
{
    Supervisor *supervisor = data;

    /* Then it may still be writing to the journal, or taking a request from the kernel. */
    if (ff_worker_runs(&supervisor->worker))
        return G_SOURCE_CONTINUE;
    /* Whoever is in our place will not come back, even if it is not what has died. */
    kill(supervisor->worker.pid, SIGKILL);
    supervisor->canary_source = 0;
    g_debug("the worker waits for the mount in order to end");
    if (supervisor->aim == AIM_END)
        cut_off(supervisor);
    abandon_transfers(supervisor);
    go_on_after(supervisor, SIGKILL);
    return G_SOURCE_REMOVE;
}

static gboolean on_canary_gone(gint fd, GIOCondition condition, gpointer data)
{
    Supervisor *supervisor = data;

    supervisor->canary_source = g_timeout_add(DYING_MS, on_cannot_go, supervisor);
    return G_SOURCE_REMOVE;
}

static const char *background_of(const Supervisor *supervisor)
{
    if (!supervisor->in_background)
        return NULL;
    return supervisor->ever_ready ? FF_BACKGROUND_NOW : FF_BACKGROUND_LATER;
}

static void start_worker(Supervisor *supervisor)
{
    g_autoptr(GArray) relays = NULL;
    int r;

    if (supervisor->aim == AIM_END) {
        leave(supervisor, FF_EXIT_OK);
        return;
    }
    supervisor->aim = AIM_SERVE;
    supervisor->ready = FALSE;
    supervisor->started = g_get_monotonic_time();
    relays = supervisor->keeper == NULL
                 ? NULL
                 : ff_keeper_lend(supervisor->keeper, supervisor->setting.fds);
    supervisor->setting.relays = relays;
    r = ff_worker_start(&supervisor->setting, supervisor->program, background_of(supervisor),
                        &supervisor->worker);
    supervisor->setting.relays = NULL;
    if (r < 0) {
        g_warning("cannot start a worker: %s", g_strerror(-r));
        supervisor->n_failures++;
        if (!supervisor->ever_ready)
            leave(supervisor, FF_EXIT_FAILED);
        else if (is_hopeless(supervisor, SIGKILL))
            give_up(supervisor);
        else
            g_timeout_add(delay_after(supervisor, 0), on_time_to_start, supervisor);
        return;
    }
    supervisor->has_worker = TRUE;
    ff_holder_begin(supervisor->holder, supervisor->worker.socket);
    g_child_watch_add(supervisor->worker.pid, on_child_ended, supervisor);
    supervisor->socket_source = g_unix_fd_add(supervisor->worker.socket, G_IO_IN, on_message,
                                              supervisor);
}

/* --- what the supervisor is asked --- */

static void tell_worker(const Supervisor *supervisor, int signal_number)
{
    if (supervisor->has_worker)
        kill(supervisor->worker.pid, signal_number);
}

/* One that does not end is of no more use; all that it knows is written down. */
static gboolean on_too_late(gpointer data)
{
    Supervisor *supervisor = data;

    supervisor->end_source = 0;
    /* It may wait for who waits for it. Where nobody goes on, they need not wait any longer. */
    if (supervisor->aim == AIM_END)
        cut_off(supervisor);
    tell_worker(supervisor, SIGKILL);
    return G_SOURCE_REMOVE;
}

static void ask_to_end(Supervisor *supervisor, int signal_number)
{
    tell_worker(supervisor, signal_number);
    if (supervisor->end_source == 0)
        supervisor->end_source = g_timeout_add_seconds(FF_END_SECONDS, on_too_late, supervisor);
}

static gboolean on_terminate(gpointer data)
{
    Supervisor *supervisor = data;

    supervisor->aim = AIM_END;
    supervisor->stays_mounted = ff_service_is_restarting();
    ff_service_stopping();
    if (supervisor->has_worker)
        ask_to_end(supervisor, SIGTERM);
    else
        leave(supervisor, FF_EXIT_OK);
    return G_SOURCE_CONTINUE;
}

/* One that does not serve yet would be ended by the signal. */
static void ask_to_reload(Supervisor *supervisor)
{
    supervisor->reload_wanted = !supervisor->ready || !supervisor->has_worker;
    if (supervisor->reload_wanted)
        return;
    supervisor->reloading = TRUE;
    tell_worker(supervisor, SIGHUP);
}

static gboolean on_hangup(gpointer data)
{
    ask_to_reload(data);
    return G_SOURCE_CONTINUE;
}

static void hand_over(Supervisor *supervisor, int program)
{
    supervisor->former_program = supervisor->program;
    supervisor->program = program;
    supervisor->aim = AIM_HAND_OVER;
    ask_to_end(supervisor, FF_SIGNAL_HAND_OVER);
}

static gboolean may_hand_over(const Supervisor *supervisor)
{
    return supervisor->ready && supervisor->has_worker && supervisor->aim == AIM_SERVE;
}

/* Whether it would do is known. */
static void on_tried(GPid pid, gint status, gpointer data)
{
    Supervisor *supervisor = data;
    gboolean good = ff_worker_trial_is_passed(&supervisor->trial, status);
    int program = supervisor->tried_program;

    g_clear_handle_id(&supervisor->trial_source, g_source_remove);
    supervisor->tried_program = -1;
    if (!good)
        g_warning("the program on the disk does not work with this mount; nothing is changed");
    if (good && may_hand_over(supervisor)) {
        hand_over(supervisor, program);
    } else {
        /* Where the worker has died meanwhile, it is tried once more when the next one serves. */
        supervisor->upgrade_wanted = supervisor->upgrade_wanted || good;
        close(program);
    }
    ff_service_ready(supervisor->options->mountpoint);
    if (supervisor->upgrade_wanted && may_hand_over(supervisor))
        g_idle_add(on_idle, supervisor);
}

static gboolean on_trial_too_long(gpointer data)
{
    Supervisor *supervisor = data;

    supervisor->trial_source = 0;
    g_warning("the program on the disk does not come to an end");
    kill(supervisor->trial.pid, SIGKILL);
    return G_SOURCE_REMOVE;
}

/* That may take a while, in which the worker may die and somebody else may want something. */
static void try_program(Supervisor *supervisor, int program)
{
    int r = ff_worker_try(&supervisor->setting, program, background_of(supervisor),
                          &supervisor->trial);

    if (r < 0) {
        g_warning("cannot start a process: %s; nothing is changed", g_strerror(-r));
        close(program);
        return;
    }
    supervisor->tried_program = program;
    g_child_watch_add(supervisor->trial.pid, on_tried, supervisor);
    supervisor->trial_source = g_timeout_add_seconds(TRIAL_SECONDS, on_trial_too_long, supervisor);
}

static void upgrade(Supervisor *supervisor)
{
    int program;

    supervisor->upgrade_wanted = !may_hand_over(supervisor) || supervisor->tried_program >= 0;
    if (supervisor->upgrade_wanted)
        return;
    program = ff_program_on_disk();
    ff_service_reloading();
    if (program < 0)
        g_warning("there is no program on the disk any more: %s; nothing is changed",
                  g_strerror(-program));
    else
        try_program(supervisor, program);
    if (supervisor->tried_program < 0)
        ff_service_ready(supervisor->options->mountpoint);
}

static gboolean on_upgrade(gpointer data)
{
    upgrade(data);
    return G_SOURCE_CONTINUE;
}

/* --- its life --- */

static gboolean system_failure(GError **error, const char *what, int error_number)
{
    g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED, "cannot get %s: %s", what,
                g_strerror(error_number));
    return FALSE;
}

/* One worker after the other would say so else. There is none before us which could go on. */
static gboolean check_stored(const Supervisor *supervisor, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(FfLogfile)
        log = ff_logfile_open(supervisor->setting.fds[FF_HANDOVER_JOURNAL], &reason);

    if (log != NULL)
        return TRUE;
    g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED,
                "%s: cannot go on with this mount: %s: unmounting it; start again for an empty one",
                supervisor->options->mountpoint, reason->message);
    return FALSE;
}

/* The worker of a supervisor that was killed answers until none of its threads waits for the mount. */
static void await_last_worker(int journal)
{
    gint64 deadline = g_get_monotonic_time() + 2 * FF_END_SECONDS * G_TIME_SPAN_SECOND;

    while (ff_logfile_is_claimed(journal) && g_get_monotonic_time() < deadline)
        g_usleep(LOOK_INTERVAL);
}

static gboolean adopt_stored(Supervisor *supervisor, const FfStored *stored, GError **error)
{
    for (int i = FF_HANDOVER_FUSE; i <= FF_HANDOVER_INOTIFY; i++)
        supervisor->setting.fds[i] = stored->fds[i];
    supervisor->mounting = ff_mounting_adopt(supervisor->options->mountpoint,
                                             stored->fds[FF_HANDOVER_FUSE]);
    await_last_worker(stored->fds[FF_HANDOVER_JOURNAL]);
    /* Its first worker has become ready long ago. */
    supervisor->ever_ready = TRUE;
    return check_stored(supervisor, error);
}

static gboolean make_descriptors(Supervisor *supervisor, GError **error)
{
    int *fds = supervisor->setting.fds;

    fds[FF_HANDOVER_JOURNAL] = ff_logfile_create();
    if (fds[FF_HANDOVER_JOURNAL] < 0)
        return system_failure(error, "memory for a journal", -fds[FF_HANDOVER_JOURNAL]);
    fds[FF_HANDOVER_INOTIFY] = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fds[FF_HANDOVER_INOTIFY] < 0)
        return system_failure(error, "an inotify instance", errno);
    supervisor->mounting = ff_mounting_new(supervisor->options, error);
    if (supervisor->mounting == NULL)
        return FALSE;
    fds[FF_HANDOVER_FUSE] = ff_mounting_fd(supervisor->mounting);
    return TRUE;
}

static gboolean get_descriptors(Supervisor *supervisor, const FfStored *stored, GError **error)
{
    supervisor->program = ff_program_of_ours();
    if (supervisor->program < 0)
        return system_failure(error, "the program that runs", -supervisor->program);
    if (stored != NULL ? !adopt_stored(supervisor, stored, error)
                       : !make_descriptors(supervisor, error))
        return FALSE;
    ff_stored_store(supervisor->setting.fds, supervisor->options->mountpoint,
                    supervisor->setting.privileges);
    return TRUE;
}

static void add_signals(Supervisor *supervisor)
{
    g_unix_signal_add(SIGTERM, on_terminate, supervisor);
    g_unix_signal_add(SIGINT, on_terminate, supervisor);
    g_unix_signal_add(SIGHUP, on_hangup, supervisor);
    g_unix_signal_add(SIGUSR2, on_upgrade, supervisor);
    signal(SIGPIPE, SIG_IGN);
}

static void end(Supervisor *supervisor)
{
    ff_holder_stop(supervisor->holder);
    if (supervisor->mounting != NULL && !supervisor->stays_mounted) {
        ff_stored_remove();
        ff_mounting_end(supervisor->mounting);
    }
    ff_mounting_free(supervisor->mounting);
    /* Whoever keeps the lock of a pipe has us wait where we close it. */
    ff_keeper_free(supervisor->keeper);
    g_main_loop_unref(supervisor->loop);
}

int ff_supervise(const FfOptions *options, const FfStored *stored, char **argv, gboolean foreground)
{
    g_autofree char *directory = g_get_current_dir();
    /* Those that a mount began with stay, or the next worker would do without what the last one had. */
    g_autofree char *privileges = stored != NULL && !stored->configured
                                      ? g_strdup(stored->privileges)
                                      : ff_privileges_to_text(options);
    g_autoptr(GError) error = NULL;
    Supervisor supervisor = {
        .options = options,
        .setting = {.mountpoint = options->mountpoint,
                    .directory = directory,
                    .privileges = privileges,
                    .argv = argv},
        .in_background = !foreground,
        .program = -1,
        .former_program = -1,
        .tried_program = -1,
        .canary_fd = -1,
    };

    supervisor.last_served = g_get_monotonic_time();
    supervisor.background = ff_background_enter(foreground);
    supervisor.loop = g_main_loop_new(NULL, FALSE);
    add_signals(&supervisor);
    supervisor.holder = ff_holder_new(options->mountpoint);
    supervisor.keeper = ff_keeper_new();
    if (supervisor.keeper == NULL)
        g_message("cannot keep relays for another worker: %s", g_strerror(errno));
    if (get_descriptors(&supervisor, stored, &error)) {
        /* Where it cannot be started the loop has to end, which one that does not run yet cannot. */
        g_idle_add(on_time_to_start, &supervisor);
        g_main_loop_run(supervisor.loop);
    } else {
        supervisor.exit_code = ff_log_complaint(error);
    }
    end(&supervisor);
    return supervisor.exit_code;
}
