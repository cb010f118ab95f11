/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement.h"

#define PIECE_SIZE (128 * 1024)

/* So many are used at once; of fewer no pace can be told. */
#define FEWEST_PROBED 1000
#define MOST_PROBED   10000

static int open_control(const Site *site, const char *name)
{
    g_autofree char *path = NULL;
    int fd;

    if (!target_is_fifofs(site->target))
        return -EOPNOTSUPP;
    path = g_build_filename(site->target->root, ".fifofs", name, NULL);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int control_list_sample(const Site *site, gconstpointer what, double *value)
{
    g_autofree char *piece = g_malloc(PIECE_SIZE);
    int fd = open_control(site, "pipes"), r;
    gint64 start = clock_nsec();
    gssize length;

    if (fd < 0)
        return fd;
    while ((length = read(fd, piece, PIECE_SIZE)) > 0)
        ;
    r = length < 0 ? -errno : 0;
    *value = (double)(clock_nsec() - start) / 1e6;
    close(fd);
    return r;
}

static int use_some(const Site *site, guint64 n)
{
    char name[SITE_NAME_SIZE];
    int fd;

    for (guint64 i = 0; i < n; i++) {
        site_name(name, i);
        fd = openat(site->directory, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        close(fd);
    }
    return 0;
}

/* The time from the first to the last of the FIFOs told to be idle. */
static int time_probes(FILE *events, guint64 most, double *value)
{
    char *line = NULL;
    size_t size = 0;
    gint64 first = 0;
    guint64 n = 0;

    while (n < most && getline(&line, &size, events) > 0) {
        if (strstr(line, "\"event\":\"idle\"") == NULL)
            continue;
        if (n++ == 0)
            first = clock_nsec();
    }
    free(line);
    *value = (double)(clock_nsec() - first) / (double)(most - 1);
    return n < most ? -EPIPE : 0;
}

int control_probe_sample(const Site *site, gconstpointer what, double *value)
{
    guint64 n = MIN(site_n_listed(site), MOST_PROBED);
    FILE *events;
    int fd, r;

    if (n < FEWEST_PROBED)
        return -EOPNOTSUPP;
    fd = open_control(site, "events");
    if (fd < 0)
        return fd;
    events = fdopen(fd, "r");
    if (events == NULL) {
        close(fd);
        return -ENOMEM;
    }
    r = use_some(site, n);
    if (r == 0)
        r = time_probes(events, n, value);
    fclose(events);
    return r;
}
