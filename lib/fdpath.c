/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fdpath.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>

const char *ff_fd_path(int fd, char path[FF_FD_PATH_SIZE])
{
    g_snprintf(path, FF_FD_PATH_SIZE, "/proc/self/fd/%d", fd);
    return path;
}

int ff_fd_reopen(int fd, int flags)
{
    char path[FF_FD_PATH_SIZE];
    int opened = open(ff_fd_path(fd, path), flags | O_CLOEXEC);

    return opened < 0 ? -errno : opened;
}
