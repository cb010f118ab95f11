/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is measured: one table, whose rows name a kind of measurement (calls.h, cycles.h, transfer.h, pingpong.h,
 * memory.h) and what of that kind.
 */
#pragma once

#include <glib.h>

#include "settings.h"
#include "site.h"

typedef struct {
    /* In the table and in the JSON. */
    const char *text;
    /* The larger, the better? */
    gboolean is_rate;
} Unit;

/* What a result depends on, and so how often it is measured. */
typedef enum {
    /* On a daemon to which nothing has happened yet: once, before everything else. */
    SCOPE_FRESH,
    /* On nothing that lies in the directory. */
    SCOPE_PLACEMENT,
    /* On how many FIFOs lie in the directory too. */
    SCOPE_COUNT,
} Scope;

typedef struct Measurement Measurement;

struct Measurement {
    /* For programs, and for people. */
    const char *name;
    const char *title;
    const Unit *unit;
    Scope scope;
    /* Take one sample at the site. Return: 0 with @value filled in, or -errno. */
    int (*sample)(const Site *site, gconstpointer what, double *value);
    /* The kind's own: which call, which block size ... */
    gconstpointer what;
};

extern const Measurement measurements[];
extern const guint n_measurements;

/* Nanoseconds, monotonic. */
gint64 clock_nsec(void);
