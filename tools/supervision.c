/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervision.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "autofd.h"
#include "crew.h"
#include "duration.h"
#include "flow.h"
#include "meeting.h"
#include "message.h"
#include "run-summary.h"

/* siginfo of what the kernel itself sends, as a terminal does to all of its foreground. */
#ifndef SI_KERNEL
#define SI_KERNEL 0x80
#endif

/* Who opens is reported before it can be seen, so after a report we look a few times. */
#define LOOK_SOON_MILLISECONDS   5
#define LOOKS_SOON               10
#define LOOK_SELDOM_MILLISECONDS 500
/* Stages are looked at often when they are young, as some are not for long. */
#define SHOW_FIRST_MILLISECONDS 10
/* Who is killed may have had a child at that moment. */
#define KILL_AGAIN_MILLISECONDS 50

#define STATUS_SIGPIPE (128 + SIGPIPE)

typedef struct {
    const Pipeline *pipeline;
    const SupervisionOptions *options;
    Meeting *meeting;
    Crew *crew;
    GArray *flows;
    Progress progress;
    GMainLoop *loop;
    int signals;
    sigset_t former_mask;
    void (*former_sigpipe)(int);
    /* A stage has failed; the others are being ended. */
    gboolean failed, ending;
    /* A signal that asked us to end, or 0; with @by_terminal the stages have had it, too. */
    int caught;
    gboolean by_terminal;
    guint looks_soon, look_source;
    /* Milliseconds until the bytes are looked at once more. */
    guint show_wait;
} Supervision;

/* --- ending --- */

static gboolean kill_all(gpointer data)
{
    const Supervision *supervision = data;

    crew_signal(supervision->crew, SIGKILL, FALSE);
    g_timeout_add(KILL_AGAIN_MILLISECONDS, kill_all, data);
    return G_SOURCE_REMOVE;
}

/* All are told at once; who has ended by then has done so by himself. */
static void end_all(Supervision *supervision, int signal)
{
    gint64 wait = supervision->options->kill_after;

    if (supervision->ending)
        return;
    supervision->ending = TRUE;
    for (guint i = 0; i < supervision->crew->jobs->len; i++) {
        Job *job = crew_job(supervision->crew, i);

        job->told = job->pid != 0 && !job->ended;
    }
    crew_signal(supervision->crew, signal, FALSE);
    /* One that is stopped would not hear of it. */
    crew_signal(supervision->crew, SIGCONT, FALSE);
    if (wait != FF_DURATION_INFINITY)
        g_timeout_add((guint)MIN(wait / FF_MILLISECOND, G_MAXUINT), kill_all, supervision);
}

static gboolean ended_by_sigpipe(const Job *job)
{
    return job->status == STATUS_SIGPIPE;
}

static gboolean has_failed(const Job *job)
{
    return job->ended && !job->told && job->status != 0 && !ended_by_sigpipe(job);
}

static void tell_failure(const Job *job)
{
    const char *name = job->signal == 0 ? NULL : sigabbrev_np(job->signal);
    g_autofree char *what = NULL;

    if (job->signal == 0)
        what = g_strdup_printf("stage %u has failed with status %d", job->stage->number,
                               job->status);
    else
        what = g_strdup_printf("stage %u was ended by SIG%s", job->stage->number,
                               name == NULL ? "?" : name);
    message_error(what, job->stage->command[0], "the other stages are ended");
}

static void note_end(Job *job, gpointer data)
{
    Supervision *supervision = data;

    meeting_end_stage(supervision->meeting, job->stage);
    if (!has_failed(job))
        return;
    supervision->failed = TRUE;
    progress_clear(&supervision->progress);
    if (supervision->caught == 0)
        tell_failure(job);
}

/* Those who were started by a stage are waited for only where they were told to end. */
static void stop_if_done(Supervision *supervision)
{
    if (crew_working(supervision->crew) == 0 &&
        (!supervision->ending || crew_size(supervision->crew) == 0))
        g_main_loop_quit(supervision->loop);
}

/* --- signals --- */

static void take_signal(Supervision *supervision, const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo;
    gboolean by_terminal = info->ssi_code == SI_KERNEL;

    if (number == SIGCHLD)
        return;
    if (number == SIGUSR1 || number == SIGUSR2) {
        crew_signal(supervision->crew, number, TRUE);
        return;
    }
    supervision->caught = number;
    supervision->by_terminal = by_terminal;
    /*
     * The terminal has told all of them already, and some may want to live on, as an editor does.
     * If one ends by it, it has failed, and so the others end.
     */
    if (!by_terminal || number == SIGHUP || number == SIGTERM)
        end_all(supervision, number);
}

static gboolean take_signals(int fd, GIOCondition condition, gpointer data)
{
    Supervision *supervision = data;
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) == sizeof info)
        take_signal(supervision, &info);
    crew_reap(supervision->crew, note_end, supervision);
    if (supervision->failed)
        end_all(supervision, SIGTERM);
    stop_if_done(supervision);
    return G_SOURCE_CONTINUE;
}

/* What was ignored when we were started stays so, for us and for the stages: nohup(1). */
static int open_signals(Supervision *supervision)
{
    static const int numbers[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    struct sigaction action;
    sigset_t set;

    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&set);
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, &supervision->former_mask);
    supervision->former_sigpipe = signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void close_signals(Supervision *supervision)
{
    close(supervision->signals);
    signal(SIGPIPE, supervision->former_sigpipe);
    sigprocmask(SIG_SETMASK, &supervision->former_mask, NULL);
}

/* --- looking --- */

static gboolean look(gpointer data)
{
    Supervision *supervision = data;
    guint wait = supervision->looks_soon > 0 ? LOOK_SOON_MILLISECONDS : LOOK_SELDOM_MILLISECONDS;

    supervision->look_source = 0;
    if (supervision->looks_soon > 0)
        supervision->looks_soon--;
    if (meeting_look(supervision->meeting, supervision->crew))
        supervision->look_source = g_timeout_add(wait, look, supervision);
    return G_SOURCE_REMOVE;
}

static gboolean take_events(int fd, GIOCondition condition, gpointer data)
{
    Supervision *supervision = data;

    meeting_read_events(supervision->meeting);
    supervision->looks_soon = LOOKS_SOON;
    if (supervision->look_source != 0)
        g_source_remove(supervision->look_source);
    look(supervision);
    return G_SOURCE_CONTINUE;
}

static gboolean show(gpointer data)
{
    Supervision *supervision = data;
    gint64 now = g_get_monotonic_time();

    flow_update(supervision->flows, supervision->crew, supervision->meeting, now);
    progress_show(&supervision->progress, supervision->flows, now);
    supervision->show_wait = MIN(2 * supervision->show_wait,
                                 progress_interval(&supervision->progress));
    g_timeout_add(supervision->show_wait, show, supervision);
    return G_SOURCE_REMOVE;
}

/* --- starting --- */

/* Return: a descriptor of its own, or -errno. */
static int open_standard(Supervision *supervision, const Stage *stage, int line, int flag,
                         int otherwise)
{
    int fd;

    if (line != PIPELINE_NONE)
        return meeting_open_end(supervision->meeting, line, stage, flag);
    fd = otherwise >= 0 ? fcntl(otherwise, F_DUPFD_CLOEXEC, 3)
                        : open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static gboolean complain_of_start(const Stage *stage, int result, const char *advice)
{
    g_autofree char *what = g_strdup_printf("stage %u: cannot start (%s)", stage->number,
                                            g_strerror(-result));

    message_error(what, stage->command[0], advice);
    return FALSE;
}

static gboolean start(Supervision *supervision, guint i, const char *path, gboolean gets_stdin)
{
    const Stage *stage = pipeline_stage(supervision->pipeline, i);
    g_auto(GStrv) words = pipeline_words(supervision->pipeline, stage, path);
    g_auto(FfAutoFd) in = open_standard(supervision, stage, stage->standard_in, O_RDONLY,
                                        gets_stdin ? STDIN_FILENO : -1);
    g_auto(FfAutoFd)
        out = open_standard(supervision, stage, stage->standard_out, O_WRONLY, STDOUT_FILENO);
    Start how = {words, in, out, &supervision->former_mask, supervision->former_sigpipe};
    int result = in < 0 ? in : out < 0 ? out : 0;

    if (result < 0)
        return complain_of_start(stage, result, "see whether its fifofs is still there");
    result = crew_start(supervision->crew, i, &how);
    return result == 0 ||
           complain_of_start(stage, result, "see that it is installed, in PATH and executable");
}

/* What nobody else is to have as its input is given up, so that whoever writes it sees its end. */
static void give_up_stdin(void)
{
    g_auto(FfAutoFd) null = open("/dev/null", O_RDWR | O_CLOEXEC);

    dup2(null, STDIN_FILENO);
}

/* As in a shell, the first stage that reads no FIFO gets our standard input, and it alone. */
static void start_all(Supervision *supervision, const RunDir *directory)
{
    gboolean stdin_given = FALSE;

    for (guint i = 0; i < supervision->pipeline->stages->len && !supervision->failed; i++) {
        const Stage *stage = pipeline_stage(supervision->pipeline, i);
        gboolean gets_stdin = stage->ins[0] == NULL && !stdin_given;

        stdin_given |= gets_stdin;
        if (!start(supervision, i, directory->path, gets_stdin))
            supervision->failed = TRUE;
    }
    give_up_stdin();
    if (supervision->failed)
        end_all(supervision, SIGTERM);
}

/* --- the end --- */

/* The last stage that failed by itself; else the last whose reader went before it. */
static int status_of(const Supervision *supervision)
{
    int status = 0, sigpipe = 0;

    for (guint i = 0; i < supervision->crew->jobs->len; i++) {
        const Job *job = crew_job(supervision->crew, i);

        if (has_failed(job))
            status = job->status;
        else if (job->ended && !job->told && ended_by_sigpipe(job))
            sigpipe = job->status;
    }
    if (status == 0 && sigpipe != 0 && !supervision->options->allow_sigpipe)
        status = sigpipe;
    return status == 0 && supervision->failed ? 1 : status;
}

static void tell_sigpipe(const Supervision *supervision)
{
    for (guint i = 0; i < supervision->crew->jobs->len; i++) {
        const Job *job = crew_job(supervision->crew, i);
        g_autofree char *what = g_strdup_printf("stage %u was ended by SIGPIPE",
                                                job->stage->number);

        if (job->ended && !job->told && ended_by_sigpipe(job))
            message_error(what, job->stage->command[0],
                          "its reader ended before it; --allow-sigpipe lets that pass");
    }
}

static gboolean ended_by(const Crew *crew, int signal)
{
    for (guint i = 0; i < crew->jobs->len; i++)
        if (crew_job(crew, i)->signal == signal)
            return TRUE;
    return FALSE;
}

static Outcome conclude(Supervision *supervision)
{
    gint64 now = g_get_monotonic_time();
    Outcome outcome = {status_of(supervision), 0};

    flow_update(supervision->flows, supervision->crew, supervision->meeting, now);
    progress_end(&supervision->progress, supervision->flows, now);
    if (supervision->caught != 0 &&
        (!supervision->by_terminal || ended_by(supervision->crew, supervision->caught))) {
        outcome.signal = supervision->caught;
        outcome.status = 128 + supervision->caught;
    }
    if (outcome.status == STATUS_SIGPIPE)
        tell_sigpipe(supervision);
    if (supervision->options->summary != NULL &&
        !run_summary_write(supervision->options->summary, supervision->crew, supervision->flows,
                           outcome.status, now - supervision->progress.started)) {
        message_errno("cannot write the summary", "--json", errno);
        outcome.status = outcome.status == 0 ? EXIT_STATUS_FAILED : outcome.status;
    }
    return outcome;
}

static Outcome run(Supervision *supervision, const RunDir *directory)
{
    start_all(supervision, directory);
    g_unix_fd_add(supervision->signals, G_IO_IN, take_signals, supervision);
    g_unix_fd_add(meeting_fd(supervision->meeting), G_IO_IN, take_events, supervision);
    look(supervision);
    if (supervision->options->progress != PROGRESS_NEVER || supervision->options->summary != NULL)
        g_timeout_add(supervision->show_wait, show, supervision);
    if (crew_size(supervision->crew) > 0)
        g_main_loop_run(supervision->loop);
    return conclude(supervision);
}

Outcome supervise(const Pipeline *pipeline, const RunDir *directory,
                  const SupervisionOptions *options)
{
    Supervision supervision = {
        .pipeline = pipeline, .options = options, .show_wait = SHOW_FIRST_MILLISECONDS};
    Outcome outcome = {EXIT_STATUS_FAILED, 0};

    supervision.meeting = meeting_new(pipeline, directory, options->capacity);
    if (supervision.meeting == NULL)
        return outcome;
    supervision.crew = crew_new(pipeline);
    supervision.flows = flow_new(pipeline);
    supervision.loop = g_main_loop_new(NULL, FALSE);
    supervision.signals = open_signals(&supervision);
    progress_init(&supervision.progress, options->progress);
    outcome = run(&supervision, directory);
    close_signals(&supervision);
    g_main_loop_unref(supervision.loop);
    g_array_unref(supervision.flows);
    crew_free(supervision.crew);
    meeting_free(supervision.meeting);
    return outcome;
}
