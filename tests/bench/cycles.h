/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that change the directory. A cycle makes ready, does what is measured and takes it back, each
 * for a good number of names before the next: nanoseconds for each name.
 */
#pragma once

#include "site.h"

/* What happens to one name. Return: 0 or -errno. */
typedef int (*Step)(int directory, const char *name);

typedef struct {
    /* NULL where there is nothing to do. */
    Step prepare;
    Step measured;
    Step take_back;
} Cycle;

int cycles_sample(const Site *site, gconstpointer what, double *value);

int step_mkfifo(int directory, const char *name);
int step_create(int directory, const char *name);
int step_unlink(int directory, const char *name);
int step_rename(int directory, const char *name);
int step_unlink_renamed(int directory, const char *name);
