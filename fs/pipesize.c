/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipesize.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>

#include "autofd.h"
#include "borrow.h"
#include "procfs.h"

typedef struct {
    const FfFileId *fifo;
    gint64 capacity;
    /* The process whose descriptors are being looked at. */
    pid_t pid;
    gint64 result;
} Search;

gboolean ff_pipe_respect_limits(void)
{
    capng_get_caps_process();
    capng_updatev(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_RESOURCE, CAP_SYS_ADMIN,
                  -1);
    if (capng_apply(CAPNG_SELECT_CAPS) == 0)
        return TRUE;
    g_warning("cannot give up capabilities, so no FIFO gets its capacity");
    return FALSE;
}

gint64 ff_pipe_resize_end(int fd, gint64 capacity)
{
    int before = fcntl(fd, F_GETPIPE_SZ), size;

    /* An O_PATH descriptor has no pipe. */
    if (before < 0)
        return -errno;
    if (before == capacity)
        return before;
    size = fcntl(fd, F_SETPIPE_SZ, (int)capacity);
    /* The most for an ordinary user, or the pages that he may have in all his pipes (pipe(7)). */
    while (size < 0 && (errno == EPERM || errno == ENOMEM) && capacity / 2 > before) {
        capacity /= 2;
        size = fcntl(fd, F_SETPIPE_SZ, (int)capacity);
    }
    return size < 0 ? before : size;
}

static gint64 borrow_and_resize(const Search *search, int number)
{
    g_auto(FfAutoFd) fd = ff_borrow(search->pid, number, search->fifo);

    return fd < 0 ? fd : ff_pipe_resize_end(fd, search->capacity);
}

static gboolean look_at_descriptor(int listfd, int number, gpointer data)
{
    Search *search = data;

    if (ff_file_is_behind(listfd, number, search->fifo))
        search->result = borrow_and_resize(search, number);
    return search->result < 0;
}

static gboolean look_at_process(int procfd, int number, gpointer data)
{
    Search *search = data;
    g_auto(FfAutoFd) fd = ff_procfs_open(procfd, number);

    if (fd < 0)
        return TRUE;
    if (ff_procfs_process(fd, &search->pid) == 0)
        ff_procfs_each_number(fd, "fd", look_at_descriptor, search);
    return search->result < 0;
}

gint64 ff_pipe_resize(const FfFileId *fifo, const GArray *tids, gint64 capacity)
{
    Search search = {.fifo = fifo, .capacity = capacity, .result = -ESRCH};
    g_auto(FfAutoFd) procfd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (procfd < 0)
        return -errno;
    if (tids == NULL)
        ff_procfs_each_number(procfd, ".", look_at_process, &search);
    for (guint i = 0; tids != NULL && i < tids->len && search.result < 0; i++)
        look_at_process(procfd, g_array_index(tids, pid_t, i), &search);
    return search.result;
}
