/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capacity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "channel.h"

#define NAME  "capacity"
#define BLOCK (64 * 1024)

/* A FIFO that stays as it was beyond this will not get it. */
#define MOST_BYTES (G_GUINT64_CONSTANT(1) << 30)

int capacity_ask(const Site *site, const char *name)
{
    g_autofree char *path = NULL;

    if (!target_is_fifofs(site->target))
        return 0;
    path = g_strdup_printf("/proc/self/fd/%d/%s", site->directory, name);
    return setxattr(path, "fifofs.capacity", CAPACITY_ASKED, strlen(CAPACITY_ASKED), 0) < 0 ? -errno
                                                                                            : 0;
}

static void write_at_once(gpointer data)
{
    const Site *site = data;
    g_autofree char *block = g_malloc0(BLOCK);
    int fd = openat(site->directory, NAME, O_WRONLY | O_CLOEXEC);

    while (write(fd, block, BLOCK) > 0)
        ;
}

static int read_until_larger(int fd, double *value)
{
    g_autofree char *block = g_malloc(BLOCK);
    guint64 bytes = 0;

    while (fcntl(fd, F_GETPIPE_SZ) < CAPACITY_BYTES) {
        ssize_t n = read(fd, block, BLOCK);

        if (n <= 0 || bytes > MOST_BYTES)
            return n < 0 ? -errno : -ENODATA;
        bytes += (guint64)n;
    }
    *value = (double)bytes / 1024;
    return 0;
}

static int time_capacity(const Site *site, double *value)
{
    pid_t writer = child_start(write_at_once, (gpointer)site);
    int fd, r;

    if (writer < 0)
        return writer;
    fd = openat(site->directory, NAME, O_RDONLY | O_CLOEXEC);
    r = fd < 0 ? -errno : read_until_larger(fd, value);
    child_end(&writer);
    if (fd >= 0)
        close(fd);
    return r;
}

int capacity_sample(const Site *site, gconstpointer what, double *value)
{
    int r;

    if (!target_is_fifofs(site->target))
        return -EOPNOTSUPP;
    if (mkfifoat(site->directory, NAME, 0600) < 0)
        return -errno;
    r = capacity_ask(site, NAME);
    if (r == 0)
        r = time_capacity(site, value);
    unlinkat(site->directory, NAME, 0);
    return r;
}
