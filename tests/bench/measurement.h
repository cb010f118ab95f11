/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is measured: one table, whose rows name a kind of measurement (calls.h, cycles.h, transfer.h, pingpong.h,
 * capacity.h, control.h, command.h, takeover.h, noted.h) and what of that kind.
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
    /* On nothing that lies there. */
    SCOPE_PLACEMENT,
    /* On what lies there too. */
    SCOPE_COUNT,
    /* On what lies there, and it takes long: a few times only. */
    SCOPE_SITE,
    /* On how what lies there was made and went, which happens once. */
    SCOPE_CLEARED,
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
