/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names in one directory, in the order of their cookies. (By name they are found in the
 * registry, which has one table for all directories.)
 *
 * A cookie belongs to a name, not to what it names, and is never given twice. So whoever lists a
 * directory piece by piece, while names come and go, meets every name that stays exactly once.
 *
 * It is an array, as new names nearly always come last, and one that goes leaves a hole until
 * half of the array are holes: 8 bytes a name, where GTree takes 48 and GSequence 40.
 */
#pragma once

#include <glib.h>

typedef struct FfNode FfNode;
typedef struct FfDirectory FfDirectory;

struct FfDirectory {
    /* Slots of directory.c; NULL while the directory is empty. */
    GArray *slots;
    guint n_names;
    guint n_subdirectories;
    /*
     * FIFOs in it that the kernel has cached and that are not busy: any of them may be opened
     * without our being asked.
     */
    guint n_quiet_cached;
    /* FIFOs in it that are known to be held. */
    guint n_held;
    /* Of these, those that nobody has opened yet: their first open must not be missed. */
    guint n_held_unopened;
    /* When the latest of them was found to be held; monotonic, in microseconds. */
    gint64 latest_held;
    /*
     * Are opens and closes of its FIFOs reported to the registry? Where not, probes must tell the
     * whole story.
     */
    gboolean watched;
    /* Reports are suspended for a while, for the sake of its busy FIFOs (fs/watch.c). */
    gboolean blind;
};

FfDirectory *ff_directory_new(void);

/* The directory must be empty, or its nodes about to be freed too. Accepts NULL. */
void ff_directory_free(FfDirectory *directory);

guint ff_directory_size(const FfDirectory *directory);

/* Has a name in it that cookie? */
gboolean ff_directory_has(const FfDirectory *directory, guint64 cookie);

/* The node with the smallest cookie above @cookie, or NULL at the end. */
FfNode *ff_directory_after(const FfDirectory *directory, guint64 cookie);

/**
 * ff_directory_seek() - where to begin, for going through many
 *
 * Return: a position for ff_directory_next(), good until a name comes or goes.
 */
guint ff_directory_seek(const FfDirectory *directory, guint64 cookie);

/* The next node, or NULL at the end. */
FfNode *ff_directory_next(const FfDirectory *directory, guint *position);

/* The cookie of @node must be set, must be free, and must not change while it is in. */
void ff_directory_insert(FfDirectory *directory, FfNode *node);
void ff_directory_remove(FfDirectory *directory, FfNode *node);
