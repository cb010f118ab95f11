/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting the program again as a worker (handover.h).
 *
 * Which program: the one that runs, by a descriptor, so that a worker which has died is replaced by
 * one like it, whatever lies on the disk by then; or the one on the disk.
 */
#pragma once

#include <glib.h>

#include "handover.h"

typedef struct {
    /* Those of a worker, by FfHandover; FF_HANDOVER_SOCKET is made for each. */
    int fds[FF_HANDOVER_LAST + 1];
    /* What is open for relays, NULL where the last FfHandover are not there: the same numbers. */
    const GArray *relays;
    const char *mountpoint;
    const char *directory;
    /* ff_privileges_to_text() */
    const char *privileges;
    char **argv;
} FfWorkerSetting;

typedef struct {
    GPid pid;
    /* Our end. */
    int socket;
} FfWorker;

/* Return: a descriptor of the program that runs, or -errno. */
int ff_program_of_ours(void);

/* Return: a descriptor of what is there now where our program was, or -errno. */
int ff_program_on_disk(void);

/**
 * ff_worker_start() - start one
 * @program:    a descriptor of the program
 * @background: (nullable): for FF_ENV_BACKGROUND
 * @worker:     set on success
 *
 * Return: 0 or -errno. That the program could not be executed shows in its exit code, 127.
 */
int ff_worker_start(const FfWorkerSetting *setting, int program, const char *background,
                    FfWorker *worker);

/**
 * ff_worker_try() - would a worker of this program work?
 * @trial: set on success: a process that reads all that it would have to, and leaves
 *
 * Return: 0 or -errno. When the process has ended, ff_worker_trial_is_passed() tells.
 */
int ff_worker_try(const FfWorkerSetting *setting, int program, const char *background,
                  FfWorker *trial);

/**
 * ff_worker_trial_is_passed() - how has it gone?
 * @trial:  is done with
 * @status: as from waitpid(2)
 *
 * Return: TRUE if a worker of that program would work; what is wrong has been said by it, or is now.
 */
gboolean ff_worker_trial_is_passed(FfWorker *trial, int status);

/* Is any thread of it running just now, or about to? */
gboolean ff_worker_runs(const FfWorker *worker);

/* Is there a thread of that name which has not ended? */
gboolean ff_worker_has_thread(const FfWorker *worker, const char *name);
