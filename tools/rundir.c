/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "autofd.h"
#include "closefds.h"
#include "message.h"
#include "mounts.h"
#include "place.h"

#define PREFIX "run-"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DIR, closedir)

/* --- removal --- */

static void unlink_all(int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DIR) stream = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;

    while (stream != NULL && (entry = readdir(stream)) != NULL)
        if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
            unlinkat(directory, entry->d_name, 0);
}

/* Return: 0 or -errno. */
static int remove_all(int parent, const char *name, int directory)
{
    unlink_all(directory);
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* The name of a run: PREFIX, the pid of its fifoctl, and something random. */
static pid_t pid_of_name(const char *name)
{
    int pid, end = 0;
    guint random;

    if (sscanf(name, PREFIX "%d-%8x%n", &pid, &random, &end) != 2 || name[end] != '\0')
        return 0;
    return pid;
}

/* Directories that a run and its janitor could not remove. One that is in use is not empty. */
static void sweep(int parent)
{
    int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DIR) stream = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        pid_t pid = pid_of_name(entry->d_name);
        struct stat st;

        if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH &&
            fstatat(parent, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == geteuid())
            unlinkat(parent, entry->d_name, AT_REMOVEDIR);
    }
}

/* --- the janitor --- */

static void be_janitor(const RunDir *directory, int lifeline)
{
    int kept[] = {lifeline, directory->parent, directory->fd};
    sigset_t all;
    char byte;
    gssize n;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    prctl(PR_SET_NAME, "fifoctl-tidy", 0, 0, 0);
    /* Whoever waits for the end of a file that we have open would wait for us. */
    ff_close_all_but(0, kept, G_N_ELEMENTS(kept));
    do
        n = read(lifeline, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        remove_all(directory->parent, directory->name, directory->fd);
    _exit(0);
}

static int start_janitor(RunDir *directory)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    directory->janitor = fork();
    if (directory->janitor == 0) {
        close(ends[1]);
        be_janitor(directory, ends[0]);
    }
    close(ends[0]);
    directory->lifeline = ends[1];
    return directory->janitor < 0 ? -errno : 0;
}

/* What is told to end so removes nothing. Somebody may have killed it. */
static void dismiss_janitor(RunDir *directory)
{
    void (*former)(int);

    if (directory->janitor <= 0)
        return;
    former = signal(SIGPIPE, SIG_IGN);
    while (write(directory->lifeline, "", 1) < 0 && errno == EINTR)
        ;
    signal(SIGPIPE, former);
    while (waitpid(directory->janitor, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* --- the place --- */

static gboolean may_create_in(const char *path, gboolean own_only)
{
    struct stat st;

    return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0 &&
           (!own_only || (stat(path, &st) == 0 && st.st_uid == geteuid()));
}

/* The first mount that is the user's own, else the first that lets him. */
static const Mount *choose_mount(const GPtrArray *mounts)
{
    for (int own_only = TRUE; own_only >= FALSE; own_only--)
        for (guint i = 0; i < mounts->len; i++) {
            const Mount *mount = g_ptr_array_index(mounts, i);

            if (may_create_in(mount->point, own_only))
                return mount;
        }
    return NULL;
}

static int find_parent(const GPtrArray *mounts, const char *where)
{
    g_autofree char *inside = g_strconcat(where, "/", NULL);
    g_auto(Place) place;
    int result = place_find(mounts, inside, &place);
    int fd;

    if (result < 0)
        return result;
    fd = openat(place.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int make_directory(RunDir *directory)
{
    struct stat st;
    int result = -EEXIST;

    for (int tries = 0; result == -EEXIST && tries < 100; tries++) {
        g_free(directory->name);
        directory->name = g_strdup_printf(PREFIX "%d-%08x", getpid(), g_random_int());
        result = mkdirat(directory->parent, directory->name, 0700) < 0 ? -errno : 0;
    }
    if (result < 0) {
        g_clear_pointer(&directory->name, g_free);
        return result;
    }
    directory->fd = openat(directory->parent, directory->name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory->fd < 0 || fstat(directory->fd, &st) < 0)
        return -errno;
    if ((st.st_mode & 0777) != 0700)
        return -EACCES;
    if (fsetxattr(directory->fd, "fifofs.lifetime", "process", strlen("process"), 0) < 0)
        return -errno;
    /* Its FIFOs are to end, whatever others of the mount do. A daemon may be too old to know. */
    fsetxattr(directory->fd, "fifofs.hold", "none", strlen("none"), 0);
    return 0;
}

static int create(RunDir *directory, const GPtrArray *mounts, const char *where)
{
    int result = find_parent(mounts, where);

    if (result < 0)
        return result;
    directory->parent = result;
    sweep(directory->parent);
    result = make_directory(directory);
    if (result < 0)
        return result;
    directory->path = g_build_filename(where, directory->name, NULL);
    return start_janitor(directory);
}

RunDir *rundir_new(const char *where, ExitStatus *status)
{
    g_autoptr(GPtrArray) mounts = mounts_load();
    g_autoptr(RunDir) directory = NULL;
    g_autofree char *absolute = NULL;
    int result;

    *status = EXIT_STATUS_FAILED;
    if (mounts == NULL) {
        message_errno("cannot read the mounts", "/proc/self/mountinfo", errno);
        return NULL;
    }
    if (where == NULL) {
        const Mount *mount = choose_mount(mounts);

        if (mount == NULL) {
            message_error("no fifofs mount", "run",
                          "mount one with 'fifofs MOUNTPOINT', or say where with --directory");
            *status = EXIT_STATUS_NO_MOUNT;
            return NULL;
        }
        where = mount->point;
    }
    absolute = g_canonicalize_filename(where, NULL);
    directory = g_new0(RunDir, 1);
    directory->parent = directory->fd = directory->lifeline = -1;
    result = create(directory, mounts, absolute);
    if (result == 0)
        return g_steal_pointer(&directory);
    place_complain("cannot create a directory in", where, result);
    return NULL;
}

int rundir_make_fifo(const RunDir *directory, const char *name, FfFileId *id)
{
    FfFileInfo info;
    g_auto(FfAutoFd) fd = -1;
    int result;

    if (mkfifoat(directory->fd, name, 0600) < 0)
        return -errno;
    fd = openat(directory->fd, name, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    result = fd < 0 ? -errno : ff_file_look(fd, "", &info);
    if (result < 0)
        return result;
    *id = info.id;
    return ff_auto_fd_steal(&fd);
}

void rundir_free(RunDir *directory)
{
    int result = 0;

    if (directory == NULL)
        return;
    if (directory->name != NULL)
        result = remove_all(directory->parent, directory->name, directory->fd);
    if (result < 0)
        message_errno("cannot remove", directory->path == NULL ? directory->name : directory->path,
                      -result);
    dismiss_janitor(directory);
    if (directory->lifeline >= 0)
        close(directory->lifeline);
    if (directory->fd >= 0)
        close(directory->fd);
    if (directory->parent >= 0)
        close(directory->parent);
    g_free(directory->name);
    g_free(directory->path);
    g_free(directory);
}
