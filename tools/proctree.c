/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proctree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "autofd.h"
#include "procfs.h"

static int open_process(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d", pid);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* --- children --- */

typedef struct {
    void (*visit)(pid_t child, gpointer data);
    gpointer data;
} Children;

/* Each thread has children of its own; proc_pid_task(5). */
static gboolean visit_thread(int listfd, int tid, gpointer data)
{
    const Children *children = data;
    g_autofree char *path = g_strdup_printf("%d/children", tid);
    g_auto(FfAutoFd) fd = openat(listfd, path, O_RDONLY | O_CLOEXEC);
    g_autoptr(GString) text = g_string_new(NULL);
    char piece[4096];
    gssize n;

    while (fd >= 0 && (n = read(fd, piece, sizeof piece)) > 0)
        g_string_append_len(text, piece, n);
    for (char *at = text->str, *end;; at = end) {
        pid_t pid = (pid_t)strtol(at, &end, 10);

        if (end == at)
            return TRUE;
        children->visit(pid, children->data);
    }
}

void proctree_each_child(pid_t pid, void (*visit)(pid_t child, gpointer data), gpointer data)
{
    Children children = {visit, data};
    g_auto(FfAutoFd) process = open_process(pid);

    if (process >= 0)
        ff_procfs_each_number(process, "task", visit_thread, &children);
}

/* --- bytes --- */

/* Return: how many bytes had to be read for that, or -errno. */
static gssize read_io(pid_t pid, ProcIo *io)
{
    g_auto(FfAutoFd) process = open_process(pid);
    char text[512];
    gssize length = process < 0 ? process : ff_procfs_read(process, "io", text, sizeof text);

    if (length > 0 && sscanf(text, "rchar: %" G_GUINT64_FORMAT " wchar: %" G_GUINT64_FORMAT,
                             &io->read, &io->written) != 2)
        return -EBADMSG;
    return length;
}

int proctree_io(pid_t pid, ProcIo *io)
{
    gssize length = read_io(pid, io);

    return length < 0 ? (int)length : 0;
}

/*
 * What a process has of a zombie that it collects is added to its own (wait_task_zombie() in
 * kernel/exit.c). Nothing else is read or written meanwhile but the first answer, which the second
 * has in it. To ask for the zombie's own counters, only root may in newer kernels.
 */
int proctree_collect(pid_t pid, ProcIo *io)
{
    ProcIo before, after;
    gssize length = read_io(getpid(), &before), result;

    if (waitpid(pid, NULL, 0) < 0)
        return -errno;
    result = length < 0 ? length : read_io(getpid(), &after);
    if (result < 0)
        return (int)result;
    io->read = after.read - before.read - (guint64)length;
    io->written = after.written - before.written;
    return 0;
}

static gboolean is_uncounted_call(long number)
{
    static const long calls[] = {SYS_splice, SYS_tee, SYS_vmsplice, SYS_io_uring_enter};

    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++)
        if (calls[i] == number)
            return TRUE;
    return FALSE;
}

/* A thread that runs at this moment is in no call that can be told, and its file says so. */
static gboolean look_at_thread(int listfd, int tid, gpointer data)
{
    gboolean *found = data;
    g_autofree char *path = g_strdup_printf("%d/syscall", tid);
    char text[256];
    long number;

    if (ff_procfs_read(listfd, path, text, sizeof text) > 0 && sscanf(text, "%ld", &number) == 1 &&
        is_uncounted_call(number))
        *found = TRUE;
    return !*found;
}

gboolean proctree_moves_uncounted(pid_t pid)
{
    g_auto(FfAutoFd) process = open_process(pid);
    gboolean found = FALSE;

    if (process >= 0)
        ff_procfs_each_number(process, "task", look_at_thread, &found);
    return found;
}

/* --- ends --- */

typedef struct {
    int process;
    const FfFileId *file;
    int want;
    int found;
} Search;

/* Return: its O_ACCMODE and O_PATH, or -1. */
static int flags_of(int process, int number)
{
    g_autofree char *path = g_strdup_printf("fdinfo/%d", number);
    char text[1024];
    const char *line;
    guint flags;

    if (ff_procfs_read(process, path, text, sizeof text) <= 0)
        return -1;
    line = strstr(text, "flags:");
    if (line == NULL || sscanf(line, "flags: %o", &flags) != 1)
        return -1;
    return (int)flags & (O_ACCMODE | O_PATH);
}

static gboolean look_at_descriptor(int listfd, int number, gpointer data)
{
    Search *search = data;
    g_autofree char *name = g_strdup_printf("%d", number);
    FfFileInfo info;
    int flags;

    if (ff_file_look(listfd, name, &info) < 0 || !ff_file_id_equal(&info.id, search->file))
        return TRUE;
    flags = flags_of(search->process, number);
    if (flags == search->want || flags == O_RDWR)
        search->found = number;
    return search->found < 0;
}

int proctree_find_end(pid_t pid, const FfFileId *file, int want)
{
    g_auto(FfAutoFd) process = open_process(pid);
    Search search = {process, file, want, -1};

    if (process >= 0)
        ff_procfs_each_number(process, "fd", look_at_descriptor, &search);
    return search.found;
}
