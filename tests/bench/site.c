/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "channel.h"
#include "clearing.h"
#include "measurement.h"
#include "memory.h"

#define LEAF_NAME_SIZE 16

const char site_first_name[SITE_NAME_SIZE] = "fifo-00000000000";

void site_name(char name[SITE_NAME_SIZE], guint64 index)
{
    snprintf(name, SITE_NAME_SIZE, "fifo-%011" G_GUINT64_FORMAT, index % 100000000000);
}

guint64 site_n_listed(const Site *site)
{
    return site->shape == SHAPE_TREE ? MIN(site->n_fifos, LEAF_SIZE) : site->n_fifos;
}

static void leaf_name(char name[LEAF_NAME_SIZE], guint64 index)
{
    snprintf(name, LEAF_NAME_SIZE, "leaf-%" G_GUINT64_FORMAT, index);
}

static int make_fifos(int directory, guint64 from, guint64 to)
{
    char name[SITE_NAME_SIZE];

    for (guint64 i = from; i < to; i++) {
        site_name(name, i);
        if (mkfifoat(directory, name, 0600) < 0)
            return -errno;
    }
    return 0;
}

static int make_leaf(int top, guint64 index, guint64 n_fifos)
{
    char name[LEAF_NAME_SIZE];
    int directory, r;

    leaf_name(name, index);
    if (mkdirat(top, name, 0700) < 0)
        return -errno;
    directory = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    r = make_fifos(directory, index * LEAF_SIZE, MIN((index + 1) * LEAF_SIZE, n_fifos));
    close(directory);
    return r;
}

static int make_tree(int top, guint64 n_fifos)
{
    int r = 0;

    for (guint64 i = 0; i * LEAF_SIZE < n_fifos && r == 0; i++)
        r = make_leaf(top, i, n_fifos);
    return r;
}

static int set_policy(int directory, const char *lifetime, const char *max_age)
{
    if (fsetxattr(directory, "fifofs.lifetime", lifetime, strlen(lifetime), 0) < 0 ||
        fsetxattr(directory, "fifofs.max-age", max_age, strlen(max_age), 0) < 0)
        return -errno;
    return 0;
}

/* Work of the maker: it says how it went, and stays, as otherwise the FIFOs would go. */
typedef struct {
    int top, answer;
    guint64 n_fifos;
    Shape shape;
} Order;

static void make_and_stay(gpointer data)
{
    const Order *order = data;
    int r = order->shape == SHAPE_TREE ? make_tree(order->top, order->n_fifos)
                                       : make_fifos(order->top, 0, order->n_fifos);

    if (write(order->answer, &r, sizeof r) == sizeof r && r == 0)
        pause();
}

static int await_answer(int answers[2])
{
    int r = -EIO;

    close(answers[1]);
    if (read(answers[0], &r, sizeof r) != sizeof r)
        r = -EIO;
    close(answers[0]);
    return r;
}

static int start_maker(Site *site, int top)
{
    int answers[2], r;

    if (pipe2(answers, O_CLOEXEC) < 0)
        return -errno;
    site->maker = child_start(make_and_stay, &(Order){top, answers[1], site->n_fifos, site->shape});
    r = await_answer(answers);
    return site->maker < 0 ? site->maker : r;
}

static int fill(Site *site, int top)
{
    gint64 start = clock_nsec();
    int r = start_maker(site, top);

    site->fill_nsec = clock_nsec() - start;
    site->fill_bytes = resident_bytes(site->target->daemon) - site->target->bytes_at_start;
    return r;
}

static int fill_fifofs(Site *site, int top)
{
    /* With a date on which they go, as FIFOs have by default: it takes memory too. */
    int r = set_policy(top, "process", "1d");

    return r < 0 ? r : fill(site, top);
}

static int open_directory(Site *site, int top)
{
    site->directory = site->shape == SHAPE_TREE
                          ? openat(top, "leaf-0", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                          : fcntl(top, F_DUPFD_CLOEXEC, 0);
    if (site->directory < 0)
        return -errno;
    if (!target_is_fifofs(site->target))
        return 0;
    /* What comes and goes in the samples is as everywhere. */
    return set_policy(site->directory, "auto", "infinity");
}

static int fill_and_open(Site *site)
{
    int top = open(site->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    if (top < 0)
        return -errno;
    r = target_is_fifofs(site->target) ? fill_fifofs(site, top) : fill(site, top);
    if (r == 0)
        r = open_directory(site, top);
    close(top);
    return r;
}

int site_open(Site *site, const Target *target, const Settings *settings, guint64 n_fifos,
              Shape shape)
{
    *site = (Site){target, settings, -1, n_fifos, shape};
    if (target->root == NULL || n_fifos > target->most_fifos)
        return 0;
    site->path = g_strdup_printf("%s/site", target->root);
    if (mkdir(site->path, 0700) < 0)
        return -errno;
    return fill_and_open(site);
}

int site_clear(Site *site)
{
    return clearing_run(site, &site->clearing);
}

void site_close(Site *site)
{
    if (site->directory >= 0)
        close(site->directory);
    child_end(&site->maker);
    if (site->path != NULL)
        path_remove(site->path);
    g_clear_pointer(&site->clearing.opens, g_array_unref);
    g_free(site->path);
    *site = (Site){.directory = -1};
}
