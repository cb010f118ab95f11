/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "channel.h"
#include "cycles.h"
#include "measurement.h"

#define PIECE_SIZE (128 * 1024)
#define DIRECTORY  "reap"

static int open_control(const Site *site, const char *name)
{
    g_autofree char *path = NULL;
    int fd;

    if (site->target != NULL && !g_str_equal(site->target->name, target_names[TARGET_FIFOFS]))
        return -EOPNOTSUPP;
    path = g_build_filename(site->target->root, ".fifofs", name, NULL);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static guint64 count_char(const char *text, gssize length, char wanted)
{
    guint64 n = 0;

    for (const char *at = text; (at = memchr(at, wanted, (gsize)(text + length - at))) != NULL;
         at++)
        n++;
    return n;
}

int control_list_sample(const Site *site, gconstpointer what, double *value)
{
    g_autofree char *piece = g_malloc(PIECE_SIZE);
    int fd = open_control(site, "pipes");
    gint64 start = clock_nsec();
    guint64 n_lines = 0;
    gssize length;

    if (fd < 0)
        return fd;
    while ((length = read(fd, piece, PIECE_SIZE)) > 0)
        n_lines += count_char(piece, length, '\n');
    *value = n_lines == 0 ? 0 : (double)(clock_nsec() - start) / (double)n_lines;
    close(fd);
    return length < 0 ? -errno : 0;
}

static void make_names(gpointer data)
{
    const Site *site = data;

    if (step_each(site, DIRECTORY, site->settings->n_reaped, step_mkfifo) < 0)
        _exit(1);
}

/* Takes the descriptor. Return: 0 or -errno. */
static int await_removals(int events, guint64 n)
{
    FILE *stream = fdopen(events, "r");
    char *line = NULL;
    size_t size = 0;

    if (stream == NULL) {
        close(events);
        return -errno;
    }
    while (n > 0 && getline(&line, &size, stream) > 0)
        n -= strstr(line, "\"event\":\"removed\"") != NULL;
    free(line);
    fclose(stream);
    return n > 0 ? -EPIPE : 0;
}

static int reap(const Site *site, int events, double *value)
{
    g_autofree char *path = g_strdup_printf("%s/%" G_GUINT64_FORMAT "/" DIRECTORY,
                                            site->target->root, site->n_fifos);
    guint64 n = site->settings->n_reaped;
    gint64 start;
    pid_t maker;
    int r;

    if (setxattr(path, "fifofs.lifetime", "process", strlen("process"), 0) < 0)
        return -errno;
    maker = child_start(make_names, (gpointer)site);
    if (maker < 0)
        return maker;
    if (!child_await(maker))
        return -EIO;
    start = clock_nsec();
    r = await_removals(dup(events), n);
    *value = (double)(clock_nsec() - start) / (double)n;
    return r;
}

int control_reap_sample(const Site *site, gconstpointer what, double *value)
{
    int events = open_control(site, "events"), r;

    if (events < 0)
        return events;
    r = mkdirat(site->directory, DIRECTORY, 0700) < 0 ? -errno : reap(site, events, value);
    unlinkat(site->directory, DIRECTORY, AT_REMOVEDIR);
    close(events);
    return r;
}
