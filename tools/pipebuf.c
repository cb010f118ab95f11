/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipebuf.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include "autofd.h"
#include "borrow.h"

gboolean pipebuf_read(Fifo *fifo, pid_t pid, int number)
{
    const FfFileId file = {fifo->mount->dev, fifo->id};
    g_auto(FfAutoFd) fd = ff_borrow(pid, number, &file);
    int queued, capacity;

    if (fd < 0 || ioctl(fd, FIONREAD, &queued) < 0)
        return FALSE;
    capacity = fcntl(fd, F_GETPIPE_SZ);
    if (capacity < 0)
        return FALSE;
    fifo->queued_bytes = queued;
    fifo->capacity_bytes = capacity;
    return TRUE;
}
