/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "measurement.h"

/* The clock is read once for so many calls at most. */
#define MOST_AT_ONCE 1024

static int repeat(const Call *call, const Site *site, guint times)
{
    int r = 0;

    for (guint i = 0; i < times && r == 0; i++)
        r = call->once(site);
    return r;
}

int calls_sample(const Site *site, gconstpointer what, double *value)
{
    const Call *call = what;
    gint64 enough = site->settings->sample_time * 1000, elapsed, start;
    guint64 done = 0;
    guint times = 1;
    /* The first one may have to ask what the others know. */
    int r = call->once(site);

    start = clock_nsec();
    do {
        if (r == 0)
            r = repeat(call, site, times);
        if (r < 0)
            return r;
        done += times;
        times = MIN(times * 2, MOST_AT_ONCE);
        elapsed = clock_nsec() - start;
    } while (elapsed < enough);
    *value = (double)elapsed / (double)done;
    if (call->per_name)
        *value /= (double)site_n_listed(site);
    return 0;
}

int call_statfs(const Site *site)
{
    struct statfs st;

    return fstatfs(site->directory, &st) < 0 ? -errno : 0;
}

int call_stat(const Site *site)
{
    struct stat st;

    return fstatat(site->directory, site_first_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int open_first(const Site *site, int flags)
{
    int fd = openat(site->directory, site_first_name, flags | O_NONBLOCK | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int call_open_close(const Site *site)
{
    int fd = open_first(site, O_RDWR);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

int call_open_close_both(const Site *site)
{
    int reader = open_first(site, O_RDONLY), writer;

    if (reader < 0)
        return reader;
    writer = open_first(site, O_WRONLY);
    if (writer >= 0)
        close(writer);
    close(reader);
    return MIN(writer, 0);
}

int call_readdir(const Site *site)
{
    int fd = openat(site->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = fd < 0 ? NULL : fdopendir(fd);
    int r;

    if (names == NULL)
        return -errno;
    do
        errno = 0;
    while (readdir(names) != NULL);
    r = -errno;
    closedir(names);
    return r;
}
