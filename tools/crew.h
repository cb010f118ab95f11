/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes of a pipeline: how each stage is started, what it has become, and what is counted
 * for it.
 *
 * All stay in the process group of fifoctl, as the terminal sends its signals to one group only and
 * lets one group only read. fifoctl is their subreaper, so that whoever loses his parent becomes a
 * child of ours: nobody gets lost who is to be ended, or counted.
 */
#pragma once

#include <signal.h>

#include "pipeline.h"
#include "proctree.h"

typedef struct {
    const Stage *stage;
    /* 0 while it has not been started. */
    pid_t pid;
    gboolean ended;
    /* As a shell has it: 128 and the signal where one ended it. */
    int status;
    /* The signal that ended it, or 0. */
    int signal;
    /* We had told it to end before it did. */
    gboolean told;
    /* Of its processes: those that have ended, and all at the last crew_count(). */
    ProcIo past, all;
    /* Not all that it moves is counted. */
    gboolean uncounted;
    /* At the last crew_count() one of its processes could not be asked. */
    gboolean hidden;
} Job;

typedef struct {
    /* Of Job, one for each stage. */
    GArray *jobs;
    /* pid -> Job of each process below us that was seen, or NULL where it is not known whose it is. */
    GHashTable *owners;
    /* Children that we had before: no part of it. */
    GHashTable *strangers;
} Crew;

Crew *crew_new(const Pipeline *pipeline);
void crew_free(Crew *crew);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Crew, crew_free)

static inline Job *crew_job(const Crew *crew, guint i)
{
    return &g_array_index(crew->jobs, Job, i);
}

typedef struct {
    char *const *words;
    /* Descriptors to be its standard input and output. */
    int in, out;
    /* What the signals were to us when we were started. */
    const sigset_t *mask;
    void (*sigpipe)(int);
} Start;

/* Return: whether the figures of a stage are less than what it has read and written, for all we know. */
static inline gboolean crew_is_unknown(const Job *job)
{
    return job->uncounted || job->hidden;
}

/**
 * crew_start() - start a stage
 *
 * Return: 0, or -errno where the program could not be run: the job has ended then, with the status
 * that a shell would give it, 127 or 126.
 */
int crew_start(Crew *crew, guint i, const Start *start);

/* Collect whoever has ended, calling @ended for each stage among them. */
void crew_reap(Crew *crew, void (*ended)(Job *job, gpointer data), gpointer data);

/* Return: how many processes of the pipeline there are; orphans of its stages count. */
guint crew_size(Crew *crew);

/* Return: how many stages have not ended. */
guint crew_working(const Crew *crew);

/* Send a signal to all processes, or only to those that are stages themselves. */
void crew_signal(Crew *crew, int number, gboolean only_stages);

/* Bring all figures up to date. */
void crew_count(Crew *crew);

/**
 * crew_find_end() - a process of a stage that has an end of a FIFO
 * @want: O_RDONLY or O_WRONLY
 * @pid, @fd: filled in
 */
gboolean crew_find_end(Crew *crew, const Stage *stage, const FfFileId *file, int want, pid_t *pid,
                       int *fd);
