/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory of one target with some FIFOs beside it, where samples are taken.
 *
 * Samples name things relative to the directory, so that its depth and the length of the mountpoint do not count.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "target.h"

/* Names of 16 bytes, as many people's are about. */
#define SITE_NAME_SIZE 17

/* What one directory of a tree holds. */
#define LEAF_SIZE 1000

/* How the FIFOs lie. */
typedef enum {
    /* All in the directory. */
    SHAPE_FLAT,
    /* In many directories of LEAF_SIZE each; the directory is one of them. */
    SHAPE_TREE,
} Shape;

/* What happened when all FIFOs of a site went at once. */
typedef struct {
    /* Until the last one was gone. */
    gint64 nsec;
    /* gint64, ascending: how long others' opens took meanwhile, in nanoseconds. */
    GArray *opens;
} Clearing;

typedef struct {
    const Target *target;
    const Settings *settings;
    /* -1 where the target is not there or cannot take that many. */
    int directory;
    guint64 n_fifos;
    Shape shape;
    /* Of all that lies there; the directory, or the tree that it is in. */
    char *path;
    /* The process that has made the FIFOs; 0 after it has ended. */
    pid_t maker;
    /* How long it took, and how much more memory the daemon has than at its start (bytes; 0 without one). */
    gint64 fill_nsec;
    gint64 fill_bytes;
    Clearing clearing;
} Site;

/**
 * site_open() - make the directory and the FIFOs
 *
 * On fifofs the FIFOs have the lifetime `process`, so that site_clear() can let them go all at once.
 *
 * Return: 0, also where the site is left out; -errno. In either case site_close() is due.
 */
int site_open(Site *site, const Target *target, const Settings *settings, guint64 n_fifos,
              Shape shape);

/* Remove all that lies there; @site->clearing tells how that went. Return: 0 or -errno. */
int site_clear(Site *site);

void site_close(Site *site);

/* How many names a listing of the directory gives. */
guint64 site_n_listed(const Site *site);

/* The name of the FIFO with this index; of the first one in the directory, where no index is needed. */
void site_name(char name[SITE_NAME_SIZE], guint64 index);
extern const char site_first_name[SITE_NAME_SIZE];
