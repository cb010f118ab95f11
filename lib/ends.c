/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ends.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "autofd.h"
#include "fdpath.h"
#include "procfs.h"
#include "readiness.h"

static int reopen(int handle, int flags)
{
    return ff_fd_reopen(handle, flags | O_NOCTTY);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int ff_ends_any(const FfEnds *ends)
{
    return ends->reading >= 0 ? ends->reading : ends->writing;
}

/* --- opening --- */

static int open_both(FfEnds *ends, int handle)
{
    g_auto(FfAutoFd) both = reopen(handle, O_RDWR | O_NONBLOCK);

    if (both < 0)
        return both;
    ends->reading = reopen(handle, O_RDONLY | O_NONBLOCK);
    ends->writing = reopen(handle, O_WRONLY | O_NONBLOCK);
    return MIN(MIN(ends->reading, ends->writing), 0);
}

static int open_wanted(FfEnds *ends, int handle)
{
    switch (ends->hold) {
    case FF_HOLD_READ:
        ends->reading = reopen(handle, O_RDONLY | O_NONBLOCK);
        return MIN(ends->reading, 0);
    case FF_HOLD_WRITE:
        ends->writing = reopen(handle, O_WRONLY | O_NONBLOCK);
        return MIN(ends->writing, 0);
    case FF_HOLD_BOTH:
        return open_both(ends, handle);
    case FF_HOLD_NONE:
        break;
    }
    return -EINVAL;
}

int ff_ends_open(FfEnds *ends, int handle, FfHold hold)
{
    FfFileInfo info;
    int r = ff_file_look(handle, "", &info);

    if (r < 0)
        return r;
    *ends = (FfEnds){hold, info.id, -1, -1, -1};
    r = open_wanted(ends, handle);
    if (r < 0)
        ff_ends_close(ends);
    return r;
}

int ff_ends_wait(int handle)
{
    return reopen(handle, O_WRONLY);
}

/* --- others --- */

guint ff_ends_queued(const FfEnds *ends)
{
    int fd = ff_ends_any(ends), n = 0;

    return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0 ? (guint)n : 0;
}

static gboolean says(int fd, short event)
{
    return (ff_readiness_now(fd, event) & event) != 0;
}

gboolean ff_ends_are_readable(const FfEnds *ends)
{
    return ends->reading >= 0 && says(ends->reading, POLLIN);
}

/* Does the empty FIFO have a writer? */
static gboolean is_open_for_writing(int reading)
{
    int copy[2];
    ssize_t n;

    if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
        return TRUE;
    n = tee(reading, copy[1], 1, SPLICE_F_NONBLOCK);
    close(copy[0]);
    close(copy[1]);
    return n != 0;
}

/*
 * Does anybody write, but us? Of one with bytes in it POLLHUP tells nothing before a writer has come
 * and gone; the bridge that goes is one. It lets in who waits to read: there is something to read.
 */
static gboolean has_writer(FfEnds *ends)
{
    if (ff_ends_queued(ends) > 0 && ends->bridge < 0)
        ends->bridge = reopen(ends->reading, O_WRONLY | O_NONBLOCK);
    close_end(&ends->bridge);
    if (ff_ends_queued(ends) == 0)
        return is_open_for_writing(ends->reading);
    return !says(ends->reading, POLLHUP);
}

typedef struct {
    const FfFileId *file;
    int number_of_ours;
    gboolean found;
} Search;

static gboolean look_at_descriptor(int listfd, int number, gpointer data)
{
    Search *search = data;

    search->found = ff_file_is_behind(listfd, number, search->file);
    return !search->found;
}

static gboolean look_at_process(int procfd, int number, gpointer data)
{
    Search *search = data;
    g_auto(FfAutoFd) fd = -1;

    if (number == search->number_of_ours)
        return TRUE;
    fd = ff_procfs_open(procfd, number);
    if (fd >= 0)
        ff_procfs_each_number(fd, "fd", look_at_descriptor, search);
    return !search->found;
}

/* As far as we may see. */
static gboolean is_open_elsewhere(const FfFileId *file)
{
    Search search = {.file = file, .number_of_ours = getpid()};
    g_auto(FfAutoFd) procfd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (procfd >= 0)
        ff_procfs_each_number(procfd, ".", look_at_process, &search);
    return search.found;
}

/* --- letting go --- */

static FfEndsState release_reading(FfEnds *ends, gboolean force)
{
    if (has_writer(ends))
        return FF_ENDS_BUSY;
    return !force && ff_ends_queued(ends) > 0 ? FF_ENDS_QUEUED : FF_ENDS_UNUSED;
}

static FfEndsState release_writing(FfEnds *ends, gboolean force)
{
    if (ends->writing >= 0 && !says(ends->writing, POLLERR))
        return FF_ENDS_BUSY;
    return !force && ff_ends_queued(ends) > 0 ? FF_ENDS_QUEUED : FF_ENDS_UNUSED;
}

/*
 * That nobody reads is found out while there is a writer, us; that nobody writes, once nobody is
 * there who could take our going for the end.
 */
static FfEndsState release_both(FfEnds *ends, gboolean force)
{
    gboolean read_elsewhere, written_elsewhere, queued;

    if (!force && ff_ends_queued(ends) > 0)
        return FF_ENDS_QUEUED;
    if (is_open_elsewhere(&ends->file))
        return FF_ENDS_BUSY;
    close_end(&ends->reading);
    read_elsewhere = !says(ends->writing, POLLERR);
    ends->reading = reopen(ends->writing, O_RDONLY | O_NONBLOCK);
    if (read_elsewhere || ends->reading < 0)
        return FF_ENDS_BUSY;
    close_end(&ends->writing);
    /* It was opened while there was a writer, so this is to be believed. */
    written_elsewhere = !says(ends->reading, POLLHUP);
    /* Whoever was about to open it when we began may have come and gone while we looked around. */
    queued = !force && ff_ends_queued(ends) > 0;
    if (!written_elsewhere && !queued)
        return FF_ENDS_UNUSED;
    ends->writing = reopen(ends->reading, O_WRONLY | O_NONBLOCK);
    return written_elsewhere ? FF_ENDS_BUSY : FF_ENDS_QUEUED;
}

FfEndsState ff_ends_release(FfEnds *ends, gboolean force)
{
    FfEndsState state;

    if (ends->hold == FF_HOLD_READ)
        state = release_reading(ends, force);
    else if (ends->hold == FF_HOLD_WRITE)
        state = release_writing(ends, force);
    else
        state = release_both(ends, force);
    if (state == FF_ENDS_UNUSED)
        ff_ends_close(ends);
    return state;
}

/* --- the bridge --- */

gboolean ff_ends_bridge(FfEnds *ends)
{
    if (ends->hold != FF_HOLD_READ || ff_ends_queued(ends) == 0)
        return FALSE;
    if (ends->bridge < 0)
        ends->bridge = reopen(ends->reading, O_WRONLY | O_NONBLOCK);
    return ends->bridge >= 0;
}

void ff_ends_unbridge(FfEnds *ends)
{
    close_end(&ends->bridge);
}

void ff_ends_close(FfEnds *ends)
{
    close_end(&ends->reading);
    close_end(&ends->writing);
    close_end(&ends->bridge);
}
