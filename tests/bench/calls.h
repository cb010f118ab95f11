/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that leave everything as it was, made over and over: nanoseconds for each. */
#pragma once

#include "site.h"

typedef struct {
    int (*once)(const Site *site);
    /* It goes through all names; what counts is the time for each. */
    gboolean per_name;
} Call;

int calls_sample(const Site *site, gconstpointer what, double *value);

int call_statfs(const Site *site);
int call_stat(const Site *site);
int call_open_close(const Site *site);
int call_open_close_both(const Site *site);
int call_readdir(const Site *site);
