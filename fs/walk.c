/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "node.h"

#define FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* RESOLVE_CACHED came with Linux 5.12; some sandboxes know no openat2() at all. */
static int open_step(int directory, const char *name)
{
    struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_CACHED | RESOLVE_NO_XDEV};
    long fd = syscall(SYS_openat2, directory, name, &how, sizeof how);

    if (fd < 0 && (errno == EINVAL || errno == ENOSYS))
        fd = openat(directory, name, FLAGS);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? -EAGAIN : -errno;
    return (int)fd;
}

/*
 * Attributes that are out of date have to be asked for before permissions can be checked, which a
 * walk in the cache does not do (fs/fuse/dir.c fuse_permission()). fstat() does, and takes no lock.
 */
static int step(int directory, const char *name)
{
    struct stat st;

    return fstat(directory, &st) < 0 ? -errno : open_step(directory, name);
}

static int open_root(const char *mountpoint)
{
    int fd = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    int r = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        r = -errno;
    else if (st.st_ino != FF_ROOT_ID)
        r = -EXDEV;
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

int ff_walk_cached(const char *mountpoint, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    int fd = open_root(mountpoint);

    for (char **name = names; *name != NULL && fd >= 0; name++) {
        int above = fd;

        fd = step(above, *name);
        close(above);
    }
    return fd;
}
