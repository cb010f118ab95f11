/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

const char site_first_name[SITE_NAME_SIZE] = "fifo-00000000000";

void site_name(char name[SITE_NAME_SIZE], guint64 index)
{
    snprintf(name, SITE_NAME_SIZE, "fifo-%011" G_GUINT64_FORMAT, index % 100000000000);
}

static int fill(const Site *site)
{
    char name[SITE_NAME_SIZE];

    for (guint64 i = 0; i < site->n_fifos; i++) {
        site_name(name, i);
        if (mkfifoat(site->directory, name, 0600) < 0)
            return -errno;
    }
    return 0;
}

int site_open(Site *site, const Target *target, const Settings *settings, guint64 n_fifos)
{
    g_autofree char *path = NULL;

    *site = (Site){target, settings, -1, n_fifos};
    if (target->root == NULL || n_fifos > target->most_fifos)
        return 0;
    path = g_strdup_printf("%s/%" G_GUINT64_FORMAT, target->root, n_fifos);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    site->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (site->directory < 0)
        return -errno;
    return fill(site);
}

void site_close(Site *site)
{
    if (site->directory >= 0)
        close(site->directory);
    site->directory = -1;
}
