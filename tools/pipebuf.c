/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipebuf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "autofd.h"
#include "fileid.h"

static int borrow(pid_t pid, int number)
{
    g_auto(FfAutoFd) pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

    return pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
}

/*
 * The number may have been given to another file, and the pid to another process, since they were
 * seen.
 */
static gboolean is_that_fifo(const Fifo *fifo, int fd)
{
    FfFileInfo info;

    return ff_file_look(fd, "", &info) == 0 && info.id.dev == fifo->mount->dev &&
           info.id.ino == fifo->id;
}

gboolean pipebuf_read(Fifo *fifo, pid_t pid, int number)
{
    g_auto(FfAutoFd) fd = borrow(pid, number);
    int queued, capacity;

    if (fd < 0 || !is_that_fifo(fifo, fd) || ioctl(fd, FIONREAD, &queued) < 0)
        return FALSE;
    capacity = fcntl(fd, F_GETPIPE_SZ);
    if (capacity < 0)
        return FALSE;
    fifo->queued_bytes = queued;
    fifo->capacity_bytes = capacity;
    return TRUE;
}
