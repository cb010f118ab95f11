/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directory of one `fifoctl run`: new, for its user alone, with FIFOs in it; and its end.
 *
 * Whatever happens, it goes. At every end that fifoctl sees it removes all itself. When it is killed
 * the FIFOs go by their lifetime, which is `process`; directories have none, so a second process
 * waits for the death of the first, in a session of its own that no signal to the pipeline reaches.
 * Should both be killed at once, the empty directory is removed by the next run of that user.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "command.h"
#include "fileid.h"

typedef struct {
    char *path;
    /* The directory it is in, its name there, and itself. */
    int parent;
    char *name;
    int fd;
    /* Waits for our death; 0 where there is none. */
    pid_t janitor;
    /* Its end is what the janitor waits for. */
    int lifeline;
} RunDir;

/**
 * rundir_new() - make the directory
 * @where: (nullable): a directory on a fifofs mount; else one that the user may create in is found
 * @status: how fifoctl ends where NULL is returned, which has been said
 */
RunDir *rundir_new(const char *where, ExitStatus *status);

/**
 * rundir_make_fifo() - one more name
 * @id: which file it is
 *
 * Return: an open end for reading and writing, so that nobody who opens it has to wait; or -errno.
 */
int rundir_make_fifo(const RunDir *directory, const char *name, FfFileId *id);

/* Remove all of it. */
void rundir_free(RunDir *directory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunDir, rundir_free)
