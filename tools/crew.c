/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "autofd.h"

#define STATUS_NOT_FOUND      127
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_SIGNAL         128

static void note_stranger(pid_t pid, gpointer data)
{
    g_hash_table_add(data, GINT_TO_POINTER(pid));
}

Crew *crew_new(const Pipeline *pipeline)
{
    Crew *crew = g_new0(Crew, 1);

    crew->jobs = g_array_new(FALSE, TRUE, sizeof(Job));
    g_array_set_size(crew->jobs, pipeline->stages->len);
    for (guint i = 0; i < crew->jobs->len; i++)
        crew_job(crew, i)->stage = pipeline_stage(pipeline, i);
    crew->owners = g_hash_table_new(NULL, NULL);
    crew->strangers = g_hash_table_new(NULL, NULL);
    proctree_each_child(getpid(), note_stranger, crew->strangers);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return crew;
}

void crew_free(Crew *crew)
{
    if (crew == NULL)
        return;
    g_array_unref(crew->jobs);
    g_hash_table_unref(crew->owners);
    g_hash_table_unref(crew->strangers);
    g_free(crew);
}

/* --- starting --- */

static void become(const Start *start, pid_t parent, int report)
{
    int error;

    /* Should fifoctl be killed, the pipeline is not to go on unseen. */
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent)
        _exit(STATUS_SIGNAL + SIGTERM);
    if (dup2(start->in, STDIN_FILENO) >= 0 && dup2(start->out, STDOUT_FILENO) >= 0) {
        signal(SIGPIPE, start->sigpipe);
        sigprocmask(SIG_SETMASK, start->mask, NULL);
        execvp(start->words[0], start->words);
    }
    error = errno;
    _exit(write(report, &error, sizeof error) == sizeof error ? 0 : STATUS_NOT_EXECUTABLE);
}

static void note_not_run(Job *job, int error)
{
    job->pid = 0;
    job->ended = TRUE;
    job->status = error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

int crew_start(Crew *crew, guint i, const Start *start)
{
    Job *job = crew_job(crew, i);
    pid_t parent = getpid();
    int ends[2], error = 0;
    gssize n;

    job->pid = pipe2(ends, O_CLOEXEC) < 0 ? -1 : fork();
    if (job->pid == 0)
        become(start, parent, ends[1]);
    if (job->pid < 0) {
        note_not_run(job, errno);
        return -errno;
    }
    close(ends[1]);
    g_hash_table_insert(crew->owners, GINT_TO_POINTER(job->pid), job);
    do
        n = read(ends[0], &error, sizeof error);
    while (n < 0 && errno == EINTR);
    close(ends[0]);
    if (n != sizeof error)
        return 0;
    /* Collected here, so that no signal to all changes its status. */
    while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    g_hash_table_remove(crew->owners, GINT_TO_POINTER(job->pid));
    note_not_run(job, error);
    return -error;
}

/* --- who is whose --- */

typedef struct {
    Crew *crew;
    Job *owner;
    gboolean is_ours;
    /* The owners of who is there now: numbers of those who are not may be given away. */
    GHashTable *owners;
    /* Called for each process, children before their parents. */
    void (*visit)(Crew *crew, pid_t pid, Job *owner, gpointer data);
    gpointer data;
} Walk;

/*
 * The children first: one that is collected by its parent meanwhile counts twice for a moment, and
 * not for nobody.
 */
static void walk_into(pid_t pid, gpointer data)
{
    const Walk *above = data;
    Walk walk = *above;
    gpointer seen;

    if (g_hash_table_contains(above->crew->strangers, GINT_TO_POINTER(pid)))
        return;
    walk.is_ours = FALSE;
    if (above->is_ours &&
        g_hash_table_lookup_extended(above->crew->owners, GINT_TO_POINTER(pid), NULL, &seen))
        walk.owner = seen;
    g_hash_table_insert(walk.owners, GINT_TO_POINTER(pid), walk.owner);
    proctree_each_child(pid, walk_into, &walk);
    walk.visit(walk.crew, pid, walk.owner, walk.data);
}

static void walk(Crew *crew, void (*visit)(Crew *crew, pid_t pid, Job *owner, gpointer data),
                 gpointer data)
{
    Walk from = {crew, NULL, TRUE, g_hash_table_new(NULL, NULL), visit, data};

    proctree_each_child(getpid(), walk_into, &from);
    g_hash_table_unref(crew->owners);
    crew->owners = from.owners;
}

static void count_one(Crew *crew, pid_t pid, Job *owner, gpointer data)
{
    guint *count = data;

    (*count)++;
}

guint crew_size(Crew *crew)
{
    guint count = 0;

    walk(crew, count_one, &count);
    return count;
}

guint crew_working(const Crew *crew)
{
    guint count = 0;

    for (guint i = 0; i < crew->jobs->len; i++)
        count += crew_job(crew, i)->pid != 0 && !crew_job(crew, i)->ended;
    return count;
}

static void collect(Crew *crew, pid_t pid, Job *owner, gpointer data)
{
    g_array_append_val((GArray *)data, pid);
}

/* Parents first: one whose child ended first might say so, or start another. */
static void signal_all(Crew *crew, int number)
{
    g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));

    walk(crew, collect, pids);
    for (guint i = pids->len; i > 0; i--)
        kill(g_array_index(pids, pid_t, i - 1), number);
}

void crew_signal(Crew *crew, int number, gboolean only_stages)
{
    if (!only_stages) {
        signal_all(crew, number);
        return;
    }
    for (guint i = 0; i < crew->jobs->len; i++)
        if (crew_job(crew, i)->pid != 0 && !crew_job(crew, i)->ended)
            kill(crew_job(crew, i)->pid, number);
}

/* --- counting --- */

static void add_io(ProcIo *sum, const ProcIo *more)
{
    sum->read += more->read;
    sum->written += more->written;
}

/* Call @note for the owner; where nobody knows whose process it was, for every stage. */
static void for_owner(Crew *crew, Job *owner, void (*note)(Job *job, const ProcIo *io),
                      const ProcIo *io)
{
    for (guint i = 0; i < crew->jobs->len; i++)
        if (owner == NULL || owner == crew_job(crew, i))
            note(crew_job(crew, i), io);
}

static void note_past(Job *job, const ProcIo *io)
{
    add_io(&job->past, io);
}

static void note_present(Job *job, const ProcIo *io)
{
    add_io(&job->all, io);
}

static void note_hidden(Job *job, const ProcIo *io)
{
    job->hidden = TRUE;
}

static void note_uncounted(Job *job, const ProcIo *io)
{
    job->uncounted = TRUE;
}

/*
 * One that may not be asked now is known when it has been collected: it may be another user's, or,
 * which to others than root is the same, it may just be ending.
 */
static void count_io(Crew *crew, pid_t pid, Job *owner, gpointer data)
{
    ProcIo io = {0};
    int result = proctree_io(pid, &io);

    if (proctree_moves_uncounted(pid))
        for_owner(crew, owner, note_uncounted, &io);
    if (result == 0)
        for_owner(crew, owner, note_present, &io);
    else if (result != -ESRCH && result != -ENOENT)
        for_owner(crew, owner, note_hidden, &io);
}

void crew_count(Crew *crew)
{
    for (guint i = 0; i < crew->jobs->len; i++) {
        Job *job = crew_job(crew, i);

        job->all = job->past;
        job->hidden = FALSE;
    }
    walk(crew, count_io, NULL);
}

/* --- the end of a process --- */

static void note_end(Job *job, const siginfo_t *info)
{
    job->ended = TRUE;
    job->signal = info->si_code == CLD_EXITED ? 0 : info->si_status;
    job->status = job->signal == 0 ? info->si_status : STATUS_SIGNAL + job->signal;
}

void crew_reap(Crew *crew, void (*ended)(Job *job, gpointer data), gpointer data)
{
    siginfo_t info = {0};

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
        gpointer pid = GINT_TO_POINTER(info.si_pid);
        Job *owner = g_hash_table_lookup(crew->owners, pid);
        ProcIo io = {0};
        int result = proctree_collect(info.si_pid, &io);

        if (!g_hash_table_remove(crew->strangers, pid))
            for_owner(crew, owner, result == 0 ? note_past : note_uncounted, &io);
        g_hash_table_remove(crew->owners, pid);
        if (owner != NULL && owner->pid == info.si_pid) {
            note_end(owner, &info);
            ended(owner, data);
        }
        info = (siginfo_t){0};
    }
}

/* --- ends --- */

typedef struct {
    const Stage *stage;
    const FfFileId *file;
    int want;
    pid_t pid;
    int fd;
} EndSearch;

static void look_for_end(Crew *crew, pid_t pid, Job *owner, gpointer data)
{
    EndSearch *search = data;

    if (search->fd >= 0 || owner == NULL || owner->stage != search->stage)
        return;
    search->fd = proctree_find_end(pid, search->file, search->want);
    search->pid = pid;
}

gboolean crew_find_end(Crew *crew, const Stage *stage, const FfFileId *file, int want, pid_t *pid,
                       int *fd)
{
    EndSearch search = {stage, file, want, 0, -1};

    walk(crew, look_for_end, &search);
    *pid = search.pid;
    *fd = search.fd;
    return search.fd >= 0;
}
