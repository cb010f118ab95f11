/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small questions to one directory of /proc.
 *
 * A process is always reached through a descriptor of its /proc directory, never twice by its
 * number: when it ends, every later question fails, instead of being answered by another process
 * that got the same number.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "access.h"

/**
 * ff_procfs_read() - a whole small file
 * @buffer: gets the text, NUL-terminated, cut where it does not fit
 *
 * Return: its length or -errno.
 */
gssize ff_procfs_read(int dirfd, const char *name, char *buffer, gsize size);

/* What stat(5) of a process or thread tells. */
typedef struct {
    char command[64];
    /* 'R' runs, or could; 'S' sleeps until something comes. */
    char state;
    pid_t parent;
    /* Kernel threads and zombies have no descriptors. */
    gboolean has_files;
    /* CLOCK_BOOTTIME, in microseconds. */
    gint64 started;
} FfProcfsStat;

/* Return: 0 or -errno. */
int ff_procfs_stat(int dirfd, FfProcfsStat *stat);

/* Return: 0 or -errno. @pid gets the process of which the directory's thread is one. */
int ff_procfs_process(int dirfd, pid_t *pid);

/* Return: 0 or -errno. @uid gets the effective user of the process. */
int ff_procfs_uid(int dirfd, uid_t *uid);

/* Was this process killed, though something of it may not be able to end? */
gboolean ff_procfs_is_ending(int dirfd);

/**
 * ff_procfs_caller() - who a process is to file systems: fsuid, fsgid, groups
 * @caller: give it back with ff_caller_clear()
 *
 * Return: 0 or -errno.
 */
int ff_procfs_caller(int dirfd, FfCaller *caller);

/**
 * ff_procfs_asleep_since() - when a thread last stopped running
 * @dirfd:   the directory of the thread
 * @elapsed: how many microseconds ago that was
 *
 * The scheduler notes when it last accounted run time to a thread, which for one that sleeps is the
 * moment when it fell asleep. The clock is the scheduler's own; what it shows now is read from this
 * very thread, which runs. Where interrupts and stolen time are accounted, this
 * clock runs apart on each processor by what that has spent on them since boot, and the answer is
 * wrong by as much.
 *
 * Return: 0 or -errno; -ENODATA where the kernel does not say.
 */
int ff_procfs_asleep_since(int dirfd, gint64 *elapsed);

/* CLOCK_BOOTTIME, in microseconds. */
gint64 ff_procfs_boottime(void);

/* Return: an O_PATH descriptor of the numbered directory of a process or thread, or -1 with errno. */
int ff_procfs_open(int parentfd, int number);

/**
 * ff_procfs_each_number() - the numbered entries of a directory
 * @parentfd: the directory in which @name is
 * @visit:    called for each; returns FALSE to stop
 *
 * Return: how many there were, or -errno where the directory could not be read.
 */
int ff_procfs_each_number(int parentfd, const char *name,
                          gboolean (*visit)(int listfd, int number, gpointer data), gpointer data);
