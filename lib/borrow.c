/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "borrow.h"

#include <sys/syscall.h>

#include "autofd.h"

int ff_borrow(pid_t pid, int number, const FfFileId *file)
{
    g_auto(FfAutoFd) pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    g_auto(FfAutoFd) fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
    FfFileInfo info;

    if (fd < 0)
        return -errno;
    if (ff_file_look(fd, "", &info) < 0 || !ff_file_id_equal(&info.id, file))
        return -ESRCH;
    return ff_auto_fd_steal(&fd);
}
