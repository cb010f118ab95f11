/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file descriptor that closes itself: g_auto(FfAutoFd) fd = open(...);
 */
#pragma once

#include <errno.h>
#include <glib.h>
#include <unistd.h>

typedef int FfAutoFd;

static inline void ff_auto_fd_close(FfAutoFd fd)
{
    int saved_errno = errno;

    close(fd);
    errno = saved_errno;
}

G_DEFINE_AUTO_CLEANUP_FREE_FUNC(FfAutoFd, ff_auto_fd_close, -1)

/* Return: the descriptor, which now is the caller's to close. */
static inline int ff_auto_fd_steal(FfAutoFd *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}
