/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the person who starts the benchmark wants of it. */
#pragma once

#include <glib.h>

typedef struct {
    /* The binary of the daemon, and what it gets behind -o (NULL: nothing). */
    char *daemon;
    char *mount_options;
    /* NULL where it is not beside the daemon. */
    char *fifoctl;
    /* Where the results go as JSON; NULL: nowhere. */
    char *json;
    /* guint64: how many FIFOs lie beside the measured ones. */
    GArray *counts;
    /* Globs of names of measurements; NULL: all. */
    char **only;
    gboolean list;
    gboolean pin;
    guint rounds;
    /* How long one sample may take, roughly; in microseconds. */
    gint64 sample_time;
} Settings;

/**
 * settings_parse() - read the command line
 * @error: told in words
 *
 * Return: the settings, to be freed with settings_free(); NULL where the command line is wrong.
 */
Settings *settings_parse(int argc, char **argv, GError **error);

void settings_free(Settings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)

/* Is the measurement of this name asked for? */
gboolean settings_want(const Settings *settings, const char *name);
