/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hard one is the writing end. open(O_WRONLY|O_NONBLOCK) fails while there is no reader, and
 * without O_NONBLOCK it waits for one. With O_RDWR it does neither; through that descriptor there
 * is a reader for a moment, ourselves, and meanwhile the writing end alone can be opened. When the
 * first is closed a FIFO is left that has a writer and no reader: a reader who comes does not wait,
 * and until then a write gives EPIPE and puts nothing into it.
 */
#include "fifoend.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "autofd.h"
#include "control.h"
#include "fdpath.h"
#include "fileid.h"
#include "walk.h"

/*
 * As an ordinary user we may be told another mode than others are (ff_relays_adapt()), and one of
 * these may have asked just before the kernel looks.
 */
#define PERMISSION_TRIES 10

int ff_fifoend_open_directory(const char *mountpoint, gboolean cached_only)
{
    g_auto(FfAutoFd) root = -1;
    int fd;

    if (cached_only)
        return ff_walk_cached(mountpoint, FF_CONTROL_DIRECTORY);
    root = ff_walk_cached(mountpoint, "");
    if (root < 0)
        return root;
    fd = openat(root, FF_CONTROL_DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_by_name(int directory, guint64 fifo, int access)
{
    FfFileInfo info;
    int fd = -1;

    for (guint i = 0; i < PERMISSION_TRIES && fd < 0; i++) {
        fd = openat(directory, FF_FIFOEND_NAME,
                    access | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno != EACCES)
            break;
    }
    if (fd < 0)
        return -errno;
    if (ff_file_look(fd, "", &info) == 0 && S_ISFIFO(info.mode) && info.id.ino == fifo)
        return fd;
    close(fd);
    return -ESTALE;
}

static int reopen(int fd, int access)
{
    int end = -EACCES;

    for (guint i = 0; i < PERMISSION_TRIES && end == -EACCES; i++)
        end = ff_fd_reopen(fd, access | O_NONBLOCK | O_NOCTTY);
    return end;
}

int ff_fifoend_open(int directory, guint64 fifo, int access)
{
    g_auto(FfAutoFd) both = -1;

    if (access != O_WRONLY)
        return open_by_name(directory, fifo, access);
    both = open_by_name(directory, fifo, O_RDWR);
    return both < 0 ? both : reopen(both, O_WRONLY);
}

int ff_fifoend_open_met_writer(int directory, guint64 fifo)
{
    return open_by_name(directory, fifo, O_WRONLY);
}

/*
 * A name that may not be cached is cached all the same (fs/fuse/dir.c fuse_dentry_settime()), and
 * would hold the FIFO for ever. It is dropped when it is looked up again and is not there.
 */
void ff_fifoend_drop_name(int directory, const char *name)
{
    int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return;
    g_warning("the name of a FIFO stays cached");
    close(fd);
}
