/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the files of a process in /proc: stat, status, sched, wchan and syscall, all of
 * which are one file here, and as a line of its mountinfo.
 *
 * A command name may hold any byte, so what stat and sched say is partly the process's own choice.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "lib/waiter.c"

static const char *const names[] = {"stat", "status", "sched", "wchan", "syscall"};

static char *folder;

static void remove_folder(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);

        unlink(path);
    }
    rmdir(folder);
}

/* Return: a new file that has all the names in a new folder. */
static int make_file(void)
{
    g_autofree char *first = NULL;
    int fd;

    folder = g_dir_make_tmp("fifofs-fuzz-XXXXXX", NULL);
    first = g_build_filename(folder, names[0], NULL);
    fd = open(first, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (guint i = 1; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);

        g_assert(link(first, path) == 0);
    }
    atexit(remove_folder);
    return fd;
}

/* Return: a directory where each of the names is a file with these bytes. */
static int directory_of(const uint8_t *data, size_t size)
{
    static int directory = -1, fd = -1;

    if (fd < 0) {
        fd = make_file();
        directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    g_assert(ftruncate(fd, 0) == 0);
    g_assert(pwrite(fd, data, size, 0) == (gssize)size);
    return directory;
}

static void check_stat(int directory)
{
    FfProcfsStat stat;
    int r = ff_procfs_stat(directory, &stat);

    g_assert(r == 0 || r == -EBADMSG);
    g_assert(r < 0 || memchr(stat.command, '\0', sizeof stat.command) != NULL);
}

static void check_caller(int directory)
{
    FfCaller caller = {0};
    int r = ff_procfs_caller(directory, &caller);

    g_assert(r == 0 || r == -EBADMSG);
    for (guint i = 0; i < caller.n_groups; i++) {
        const FfPermissions permissions = {0040, caller.uid + 1, caller.groups[i], NULL};

        g_assert(ff_access_allows(&caller, &permissions, 4));
    }
    ff_caller_clear(&caller);
}

static void check_sleep(int directory)
{
    gint64 elapsed;
    int r = ff_procfs_asleep_since(directory, &elapsed);

    g_assert(r == 0 || r == -ENODATA);
    g_assert(r < 0 || elapsed >= 0);
}

static void check_call(int directory)
{
    OpenCall call = {.threadfd = directory};

    if (!read_open_call(&call))
        return;
    g_assert(call.kind->path_argument < N_ARGUMENTS && call.kind->flags_argument < N_ARGUMENTS);
    g_assert(call.kind->directory_argument < N_ARGUMENTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int directory = directory_of(data, size);
    g_autofree char *line = g_strndup((const char *)data, size);
    pid_t pid;
    uid_t uid;

    check_stat(directory);
    check_caller(directory);
    check_sleep(directory);
    check_call(directory);
    read_wchan(directory);
    ff_procfs_process(directory, &pid);
    ff_procfs_uid(directory, &uid);
    line_is_local(line, 36);
    return 0;
}
