/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include <errno.h>

#include "measurement.h"
#include "process.h"

static double milliseconds_since(gint64 start)
{
    return (double)(clock_nsec() - start) / 1e6;
}

static int run(char **argv, double *value)
{
    g_autoptr(GError) error = NULL;
    gint64 start = clock_nsec();

    if (!process_run(argv, &error)) {
        g_printerr("%s: %s\n", argv[0], error->message);
        return -EIO;
    }
    *value = milliseconds_since(start);
    return 0;
}

int command_fifoctl_sample(const Site *site, gconstpointer what, double *value)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    if (!target_is_fifofs(site->target) || site->settings->fifoctl == NULL)
        return -EOPNOTSUPP;
    g_ptr_array_add(argv, site->settings->fifoctl);
    for (const char *const *argument = what; *argument != NULL; argument++)
        g_ptr_array_add(argv, (char *)*argument);
    g_ptr_array_add(argv, site->target->root);
    g_ptr_array_add(argv, NULL);
    return run((char **)argv->pdata, value);
}

int command_start_sample(const Site *site, gconstpointer what, double *value)
{
    g_autoptr(GError) error = NULL;
    Target another = {0};
    gint64 start;

    if (!target_is_fifofs(site->target))
        return -EOPNOTSUPP;
    start = clock_nsec();
    if (!target_start_another(&another, site->target, site->settings, &error)) {
        g_printerr("%s\n", error->message);
        target_stop(&another);
        return -EIO;
    }
    *value = milliseconds_since(start);
    target_stop(&another);
    return 0;
}
