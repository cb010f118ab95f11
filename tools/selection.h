/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the PATHs of a command line to FIFOs: which mounts to ask, and what of their lists is meant.
 *
 * Every file system is asked once, however many PATHs lie on it. A FIFO is recognised by its inode
 * number, so that it does not matter by which way a PATH leads to it.
 */
#pragma once

#include "procscan.h"

/* What one PATH stands for. */
typedef struct {
    const Mount *mount;
    /* As the user wrote it, or the mount point. */
    char *argument;
    /* A directory, as a path inside; or NULL, and the inode number of one FIFO. */
    char *directory;
    guint64 id;
    /* Its daemon has not told what there is. */
    gboolean unread;
    /* How many FIFOs were found for it. */
    guint n_found;
} Target;

typedef struct {
    GPtrArray *mounts;
    GPtrArray *targets;
    /* Fifo, sorted by mount and path, each once. */
    GPtrArray *fifos;
    /* Something was said on stderr. */
    gboolean failed;
} Selection;

/*
 * Return: a selection of nothing, or NULL where the table of mounts cannot be read, which then has
 * been said.
 */
Selection *selection_new(void);
void selection_free(Selection *selection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Selection, selection_free)

/* Choose all that is mounted. Return: how many file systems that is. */
guint selection_add_all(Selection *selection);

/*
 * Choose what a mount point, a directory or a FIFO stands for; says so where it stands for nothing.
 */
void selection_add_path(Selection *selection, const char *path);

/*
 * Choose what the PATHs of a command line stand for; where there are none (NULL) all that is
 * mounted. Return: FALSE where nothing is mounted that could be chosen so.
 */
gboolean selection_add_paths(Selection *selection, char **paths);

/*
 * Ask the daemons. One that does not answer is named on stderr, the others are listed all the same.
 */
void selection_load(Selection *selection);

/**
 * selection_scan() - find out who is on the FIFOs
 * @want_buffers: also how much waits in them
 * @result:       what could not be seen
 *
 * Return: FALSE where there is no /proc to look into, which has been said.
 */
gboolean selection_scan(Selection *selection, gboolean want_buffers, ScanResult *result);

/* Return: whether the FIFO is what the target stands for, or lies below it. */
gboolean target_has(const Target *target, const Fifo *fifo);

/* Return: whether FIFOs of more than one file system are chosen. */
gboolean selection_has_several_mounts(const Selection *selection);
