/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cycles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement.h"

/* Many enough for the clock, few enough not to count against the FIFOs that lie there. */
#define NAMES_AT_ONCE 128

typedef char Name[SITE_NAME_SIZE];

static int walk(Step step, const Site *site, Name *names)
{
    int r = 0;

    for (guint i = 0; i < NAMES_AT_ONCE && r == 0 && step != NULL; i++)
        r = step(site->directory, names[i]);
    return r;
}

/* One cycle; adds the time of the measured step to @measured. */
static int turn(const Cycle *cycle, const Site *site, Name *names, gint64 *measured)
{
    gint64 start;
    int r = walk(cycle->prepare, site, names);

    if (r < 0)
        return r;
    start = clock_nsec();
    r = walk(cycle->measured, site, names);
    *measured += clock_nsec() - start;
    return r < 0 ? r : walk(cycle->take_back, site, names);
}

/* What a cycle that failed has left. */
static void sweep(const Site *site, Name *names)
{
    for (guint i = 0; i < NAMES_AT_ONCE; i++) {
        step_unlink(site->directory, names[i]);
        step_unlink_renamed(site->directory, names[i]);
    }
}

int cycles_sample(const Site *site, gconstpointer what, double *value)
{
    const Cycle *cycle = what;
    gint64 deadline = clock_nsec() + site->settings->sample_time * 1000, measured = 0;
    guint64 done = 0;
    Name names[NAMES_AT_ONCE];

    for (guint i = 0; i < NAMES_AT_ONCE; i++)
        site_name(names[i], site->n_fifos + i);
    do {
        int r = turn(cycle, site, names, &measured);

        if (r < 0) {
            sweep(site, names);
            return r;
        }
        done += NAMES_AT_ONCE;
    } while (clock_nsec() < deadline);
    *value = (double)measured / (double)done;
    return 0;
}

int step_mkfifo(int directory, const char *name)
{
    return mkfifoat(directory, name, 0600) < 0 ? -errno : 0;
}

int step_create(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

int step_unlink(int directory, const char *name)
{
    return unlinkat(directory, name, 0) < 0 ? -errno : 0;
}

static void renamed(Name new_name, const char *name)
{
    snprintf(new_name, SITE_NAME_SIZE, "name%s", name + 4);
}

int step_rename(int directory, const char *name)
{
    Name new_name;

    renamed(new_name, name);
    return renameat(directory, name, directory, new_name) < 0 ? -errno : 0;
}

int step_unlink_renamed(int directory, const char *name)
{
    Name new_name;

    renamed(new_name, name);
    return step_unlink(directory, new_name);
}
