/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory of one target with some FIFOs in it, where samples are taken.
 *
 * Samples name things relative to the directory, so that its depth and the length of the mountpoint do not count.
 */
#pragma once

#include <glib.h>

#include "target.h"

/* Names of 16 bytes, as many people's are about. */
#define SITE_NAME_SIZE 17

typedef struct {
    const Target *target;
    const Settings *settings;
    /* -1 where the target is not there or cannot take that many. */
    int directory;
    guint64 n_fifos;
} Site;

/**
 * site_open() - make the directory and the FIFOs in it
 *
 * Return: 0, also where the site is left out; -errno, and then site_close() is still due.
 */
int site_open(Site *site, const Target *target, const Settings *settings, guint64 n_fifos);

/* The FIFOs stay: the target goes away as a whole. */
void site_close(Site *site);

/* The name of the FIFO with this index, which is below n_fifos; of the first, where no index is needed. */
void site_name(char name[SITE_NAME_SIZE], guint64 index);
extern const char site_first_name[SITE_NAME_SIZE];
