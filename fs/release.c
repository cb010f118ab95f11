/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel wakes who waits as soon as an end is opened, and a counter of opens tells it that it
 * may go on, whether that end is still open then or not (fs/pipe.c wait_for_partner()).
 */
#include "release.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autofd.h"
#include "fdpath.h"
#include "procfs.h"
#include "waiter.h"

/* A look around for threads in open() of one FIFO. */
typedef struct {
    FfFileId file;
    FfWaiterLimits limits;
} Look;

/* Does the thread behind a directory in /proc wait for this FIFO? If it is found, @fd is that. */
static FfWaiterResult look_at_thread(const Look *look, int threadfd, pid_t tid, FfWaiter *waiter,
                                     int *fd)
{
    FfWaiterResult result = ff_waiter_look(threadfd, tid, &look->limits, waiter, fd);

    if (result != FF_WAITER_FOUND || ff_file_id_equal(&waiter->file, &look->file))
        return result;
    close(*fd);
    *fd = -1;
    return FF_WAITER_NONE;
}

/* Return: FALSE where the mount cannot be looked at. */
static gboolean begin(Look *look, const char *mountpoint, guint64 id)
{
    FfFileInfo root;

    if (ff_file_look(AT_FDCWD, mountpoint, &root) < 0)
        return FALSE;
    look->file = (FfFileId){root.id.dev, id};
    look->limits = (FfWaiterLimits){.daemons = g_hash_table_new(g_int64_hash, g_int64_equal),
                                    .must_be_allowed = TRUE};
    /* The key is what its hash is made of, and dev_t is 64 bits wide. */
    g_hash_table_insert(look->limits.daemons, &look->file.dev, GINT_TO_POINTER(TRUE));
    return TRUE;
}

static void end(Look *look)
{
    g_hash_table_unref(look->limits.daemons);
}

static int open_thread(pid_t tid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d", tid);

    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Those who wait on one end. */
typedef struct {
    GArray *who;
    gboolean due;
    int fd;
} Waiting;

static void note_waiting(Waiting *waiting, int threadfd, const FfOpener *opener, int fd)
{
    FfActor who = {.pid = opener->tid};

    if (ff_procfs_uid(threadfd, &who.uid) == 0)
        g_array_append_val(waiting->who, who);
    waiting->due |= opener->due;
    if (waiting->fd >= 0)
        close(fd);
    else
        waiting->fd = fd;
}

static void look_at(const Look *look, FfOpener *opener, Waiting *readers, Waiting *writers)
{
    g_auto(FfAutoFd) threadfd = open_thread(opener->tid);
    FfWaiterResult result;
    FfWaiter waiter;
    int fd = -1;

    opener->state = FF_OPENER_ELSEWHERE;
    if (threadfd < 0)
        return;
    result = look_at_thread(look, threadfd, opener->tid, &waiter, &fd);
    if (result == FF_WAITER_FOUND && waiter.supposed && !opener->looked_at) {
        close(fd);
        result = FF_WAITER_UNRESOLVED;
    }
    if (result == FF_WAITER_UNRESOLVED)
        opener->state = FF_OPENER_UNRESOLVED;
    if (result != FF_WAITER_FOUND)
        return;
    opener->state = FF_OPENER_WAITS;
    note_waiting(waiter.access == O_RDONLY ? readers : writers, threadfd, opener, fd);
}

/* Return: whether the end could be opened. That nobody is left who waits to read is well too. */
static gboolean open_and_close(int fifo, int flags)
{
    int fd = ff_fd_reopen(fifo, flags | O_NONBLOCK);

    if (fd >= 0)
        close(fd);
    else if (fd != -ENXIO)
        g_warning("cannot open the other end of a FIFO for who waits: %s", g_strerror(-fd));
    return fd >= 0;
}

/* Let those on one end go on; done with it. */
static void finish(Waiting *waiting, int missing, GArray *released)
{
    if (waiting->due && open_and_close(waiting->fd, missing))
        g_array_append_vals(released, waiting->who->data, waiting->who->len);
    g_array_unref(waiting->who);
    if (waiting->fd >= 0)
        close(waiting->fd);
}

GArray *ff_release(const char *mountpoint, guint64 id, GArray *openers)
{
    GArray *released = g_array_new(FALSE, FALSE, sizeof(FfActor));
    Waiting readers = {g_array_new(FALSE, FALSE, sizeof(FfActor)), FALSE, -1};
    Waiting writers = {g_array_new(FALSE, FALSE, sizeof(FfActor)), FALSE, -1};
    Look look;

    if (openers->len > 0 && begin(&look, mountpoint, id)) {
        for (guint i = 0; i < openers->len; i++)
            look_at(&look, &g_array_index(openers, FfOpener, i), &readers, &writers);
        end(&look);
    }
    finish(&readers, O_WRONLY, released);
    finish(&writers, O_RDONLY, released);
    return released;
}

/* --- all of /proc --- */

typedef struct {
    Look look;
    GArray *found;
} Search;

static gboolean visit_thread(int listfd, int tid, gpointer data)
{
    Search *search = data;
    g_auto(FfAutoFd) threadfd = ff_procfs_open(listfd, tid);
    FfWaiter waiter;
    int fd = -1;

    if (threadfd >= 0 &&
        look_at_thread(&search->look, threadfd, tid, &waiter, &fd) == FF_WAITER_FOUND) {
        g_array_append_val(search->found, tid);
        close(fd);
    }
    return TRUE;
}

static gboolean visit_process(int listfd, int pid, gpointer data)
{
    g_auto(FfAutoFd) fd = -1;

    /* The supervisor may wait for a reader of what it holds, and is to. */
    if (pid == getppid())
        return TRUE;
    fd = ff_procfs_open(listfd, pid);
    if (fd >= 0)
        ff_procfs_each_number(fd, "task", visit_thread, data);
    return TRUE;
}

GArray *ff_release_find(const char *mountpoint, guint64 id)
{
    Search search = {.found = g_array_new(FALSE, FALSE, sizeof(pid_t))};

    if (!begin(&search.look, mountpoint, id))
        return search.found;
    ff_procfs_each_number(AT_FDCWD, "/proc", visit_process, &search);
    end(&search.look);
    return search.found;
}
