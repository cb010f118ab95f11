/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cycles.h"

#define DIRECTORY "memory"

/* VmRSS in bytes, or -errno. */
static gint64 resident(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *text = NULL;
    const char *field;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return -ESRCH;
    field = strstr(text, "\nVmRSS:");
    if (field == NULL)
        return -ENODATA;
    return g_ascii_strtoll(field + strlen("\nVmRSS:"), NULL, 10) * 1024;
}

static int measure(const Site *site, guint64 n, double *value)
{
    gint64 before = resident(site->target->daemon), after;
    int r = step_each(site, DIRECTORY, n, step_mkfifo);

    after = resident(site->target->daemon);
    step_each(site, DIRECTORY, n, step_unlink);
    if (before < 0 || after < 0)
        return -ESRCH;
    *value = (double)(after - before) / (double)n;
    return r;
}

int memory_sample(const Site *site, gconstpointer what, double *value)
{
    guint64 n = site->settings->n_in_memory;
    int r;

    if (site->target->daemon == 0 || n > site->target->most_fifos)
        return -EOPNOTSUPP;
    if (mkdirat(site->directory, DIRECTORY, 0700) < 0)
        return -errno;
    r = measure(site, n, value);
    unlinkat(site->directory, DIRECTORY, AT_REMOVEDIR);
    return r;
}
