/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "waiter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "autofd.h"
#include "fdpath.h"
#include "procfs.h"

/* Where the flags of an open stand. */
typedef enum {
    FLAGS_IN_ARGUMENT,
    FLAGS_IN_STRUCT,
    FLAGS_OF_CREAT,
} FlagsPlace;

#define NO_DIRECTORY (-1)

typedef struct {
    long number;
    int directory_argument;
    int path_argument;
    int flags_argument;
    FlagsPlace flags_place;
} OpenKind;

static const OpenKind open_kinds[] = {
#ifdef SYS_open
    {SYS_open, NO_DIRECTORY, 0, 1, FLAGS_IN_ARGUMENT},
#endif
#ifdef SYS_creat
    {SYS_creat, NO_DIRECTORY, 0, 0, FLAGS_OF_CREAT},
#endif
    {SYS_openat, 0, 1, 2, FLAGS_IN_ARGUMENT},
    {SYS_openat2, 0, 1, 2, FLAGS_IN_STRUCT},
#ifdef __x86_64__
    /*
     * The same calls by 32-bit programs. The numbers mean fstat, lseek and preadv to 64-bit ones,
     * which never wait in a FIFO's open.
     */
    {5, NO_DIRECTORY, 0, 1, FLAGS_IN_ARGUMENT},
    {8, NO_DIRECTORY, 0, 0, FLAGS_OF_CREAT},
    {295, 0, 1, 2, FLAGS_IN_ARGUMENT},
#endif
};

#define N_ARGUMENTS 6

/* As many as the kernel follows (include/linux/namei.h). */
#define MOST_SYMLINKS 40

typedef struct {
    pid_t tid;
    int threadfd;
    const FfWaiterLimits *limits;
    const OpenKind *kind;
    unsigned long long arguments[N_ARGUMENTS];
    int flags;
    char path[PATH_MAX];
} OpenCall;

/* --- is it waiting? --- */

typedef enum {
    SLEEP_ELSEWHERE,
    SLEEP_UNKNOWN,
    SLEEP_IN_FIFO_OPEN,
} Sleep;

/* fs/pipe.c: fifo_open() calls wait_for_partner(), which some compilers put inside the former. */
gboolean ff_waiter_is_in_open(const char *wchan)
{
    return g_str_has_prefix(wchan, "wait_for_partner") || g_str_has_prefix(wchan, "fifo_open");
}

static Sleep read_wchan(int threadfd)
{
    char wchan[128];

    if (ff_procfs_read(threadfd, "wchan", wchan, sizeof wchan) < 0)
        return SLEEP_ELSEWHERE;
    if (ff_waiter_is_in_open(wchan))
        return SLEEP_IN_FIFO_OPEN;
    /*
     * It runs, or the caller may not know, or the kernel cannot say of anybody (x86 before 5.16).
     */
    return strcmp(wchan, "0") == 0 ? SLEEP_UNKNOWN : SLEEP_ELSEWHERE;
}

static gboolean read_open_call(OpenCall *call)
{
    char text[256];
    unsigned long long *arguments = call->arguments;
    long number;

    if (ff_procfs_read(call->threadfd, "syscall", text, sizeof text) < 0 ||
        sscanf(text, "%ld %llx %llx %llx %llx %llx %llx", &number, &arguments[0], &arguments[1],
               &arguments[2], &arguments[3], &arguments[4], &arguments[5]) != 1 + N_ARGUMENTS)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(open_kinds); i++) {
        if (open_kinds[i].number == number) {
            call->kind = &open_kinds[i];
            return TRUE;
        }
    }
    return FALSE;
}

/* --- what does it open? --- */

/*
 * Read up to @size bytes of another process's memory. A transfer stops before the first piece that
 * is not wholly mapped, so the pieces are cut where pages meet: what is readable before an unmapped
 * page is read.
 */
static gssize read_memory(pid_t tid, guint64 address, gpointer buffer, gsize size)
{
    gsize page = (gsize)sysconf(_SC_PAGESIZE);
    gsize first = MIN(size, page - address % page);
    struct iovec here = {buffer, size};
    struct iovec there[] = {
        {(gpointer)(gsize)address, first},
        {(gpointer)(gsize)(address + first), size - first},
    };

    return process_vm_readv(tid, &here, 1, there, size > first ? 2 : 1, 0);
}

static gboolean read_path(OpenCall *call)
{
    guint64 address = call->arguments[call->kind->path_argument];
    gssize length = read_memory(call->tid, address, call->path, sizeof call->path);

    return length > 0 && call->path[0] != '\0' && memchr(call->path, '\0', (gsize)length) != NULL;
}

static gboolean read_flags(OpenCall *call)
{
    guint64 value = call->arguments[call->kind->flags_argument];
    struct open_how how;

    switch (call->kind->flags_place) {
    case FLAGS_OF_CREAT:
        call->flags = O_WRONLY;
        return TRUE;
    case FLAGS_IN_ARGUMENT:
        call->flags = (int)value;
        return TRUE;
    case FLAGS_IN_STRUCT:
        if (read_memory(call->tid, value, &how.flags, sizeof how.flags) != sizeof how.flags)
            return FALSE;
        call->flags = (int)how.flags;
        return TRUE;
    }
    return FALSE;
}

/*
 * O_PATH of the directory from which the path counts. Only following the links of /proc itself, no
 * file system is asked.
 */
static int open_base(const OpenCall *call)
{
    int directory = call->kind->directory_argument;
    int dirfd = directory == NO_DIRECTORY ? AT_FDCWD : (int)call->arguments[directory];
    g_autofree char *name = NULL;

    if (call->path[0] == '/')
        name = g_strdup("root");
    else if (dirfd == AT_FDCWD)
        name = g_strdup("cwd");
    else
        name = g_strdup_printf("fd/%d", dirfd);
    return openat(call->threadfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/*
 * What the caller's own processes have in memory cannot lead anywhere where the caller would not
 * go.
 */
static gboolean is_own(const OpenCall *call)
{
    uid_t uid;

    return ff_procfs_uid(call->threadfd, &uid) == 0 && uid == geteuid();
}

/*
 * O_PATH of a path, with strangers only as far as the kernel knows the way. Symlinks with absolute
 * targets on a relative path count from our root, not from that of the thread, which seldom
 * differs.
 */
static int open_path(const OpenCall *call, int base, const char *path, guint64 flags)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC | flags,
        .resolve = RESOLVE_NO_MAGICLINKS,
    };

    if (path[0] == '/')
        how.resolve |= RESOLVE_IN_ROOT;
    if (!call->limits->trust_own || !is_own(call))
        how.resolve |= RESOLVE_CACHED;
    return (int)syscall(SYS_openat2, base, path, &how, sizeof how);
}

/* O_PATH of a name in a directory of a fifofs, by asking its daemon. */
static int open_name(int directory, const char *name)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };

    return (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
}

/* May the daemon behind this file system be asked, if it is a fifofs at all? */
static gboolean is_askable(const OpenCall *call, dev_t dev)
{
    return GPOINTER_TO_INT(g_hash_table_lookup(call->limits->daemons, &dev));
}

/* The kernel may have to ask the daemon. */
static FfAcl *read_acl(int file)
{
    char path[FF_FD_PATH_SIZE], value[FF_ACL_MOST_BYTES];
    FfAcl *acl = NULL;
    gssize size;

    size = getxattr(ff_fd_path(file, path), FF_ACL_ACCESS_NAME, value, sizeof value);
    if (size > 0)
        ff_acl_parse(value, (gsize)size, &acl);
    return acl;
}

/* By its owner, mode and ACL: those of its directories are not asked. */
static gboolean may_open(const OpenCall *call, int file, const FfFileInfo *info, int access)
{
    g_autoptr(FfAcl) acl = is_askable(call, info->id.dev) ? read_acl(file) : NULL;
    const FfPermissions permissions = {info->mode, info->uid, info->gid, acl};
    FfCaller caller;
    gboolean allowed;

    if (ff_procfs_caller(call->threadfd, &caller) < 0)
        return FALSE;
    allowed = ff_access_allows(&caller, &permissions, access == O_RDONLY ? 4 : 2);
    ff_caller_clear(&caller);
    return allowed;
}

/* @fd is closed, or handed over. */
static FfWaiterResult identify(const OpenCall *call, int found, FfWaiter *waiter, int *fd)
{
    g_auto(FfAutoFd) file = found;
    FfFileInfo info;

    if (ff_file_look(file, "", &info) < 0 || !S_ISFIFO(info.mode))
        return FF_WAITER_UNRESOLVED;
    waiter->file = info.id;
    waiter->access = (call->flags & O_ACCMODE) == O_RDONLY ? O_RDONLY : O_WRONLY;
    if (call->limits->must_be_allowed && !may_open(call, file, &info, waiter->access))
        return FF_WAITER_NONE;
    if (fd != NULL)
        *fd = ff_auto_fd_steal(&file);
    return FF_WAITER_FOUND;
}

/* Go on from a directory that the path leads through: only if it is one of ours. */
static FfWaiterResult locate_below(const OpenCall *call, int directory, const char *rest,
                                   FfWaiter *waiter, int *fd)
{
    gpointer may_ask;
    FfFileInfo info;
    int found;

    if (ff_file_look(directory, "", &info) < 0 ||
        !g_hash_table_lookup_extended(call->limits->daemons, &info.id.dev, NULL, &may_ask))
        return FF_WAITER_UNRESOLVED;
    if (!GPOINTER_TO_INT(may_ask))
        return FF_WAITER_NONE;
    found = open_name(directory, rest);
    return found < 0 ? FF_WAITER_UNRESOLVED : identify(call, found, waiter, fd);
}

/*
 * The kernel does not know what the whole path leads to, or may not enter a directory before it has
 * asked for its mode again, as after each probe of a FIFO in it. Go as far as it does know.
 */
static FfWaiterResult locate_by_part(const OpenCall *call, int base, FfWaiter *waiter, int *fd)
{
    g_autofree char *path = g_strdup(call->path);

    for (char *slash = strrchr(path, '/'); slash != NULL && slash > path;
         slash = strrchr(path, '/')) {
        *slash = '\0';
        g_auto(FfAutoFd) directory = open_path(call, base, path, O_DIRECTORY);

        if (directory >= 0)
            return locate_below(call, directory, call->path + (slash - path) + 1, waiter, fd);
    }
    return locate_below(call, base, call->path + strspn(call->path, "/"), waiter, fd);
}

/* File systems of which the kernel has all there is to know. */
static const char *const local_types[] = {
    "bcachefs", "btrfs",  "devtmpfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "overlay",
    "ramfs",    "rootfs", "squashfs", "tmpfs", "vfat", "xfs",  "zfs",  NULL,
};

/* The line of that mount in proc(5) mountinfo has this type. */
static gboolean line_is_local(const char *line, guint64 mount_id)
{
    char *rest;
    g_auto(GStrv) fields = NULL;
    const char *type;

    if (g_ascii_strtoull(line, &rest, 10) != mount_id || *rest != ' ')
        return FALSE;
    type = strstr(line, " - ");
    fields = type == NULL ? NULL : g_strsplit(type + 3, " ", 2);
    return fields != NULL && fields[0] != NULL &&
           g_strv_contains((const char *const *)local_types, fields[0]);
}

/* Reading a symlink may ask whoever serves its file system, and wait for it. */
static gboolean is_local(int fd)
{
    g_autofree char *table = NULL;
    g_auto(GStrv) lines = NULL;
    FfFileInfo info;

    if (ff_file_look(fd, "", &info) < 0 ||
        !g_file_get_contents("/proc/self/mountinfo", &table, NULL, NULL))
        return FALSE;
    lines = g_strsplit(table, "\n", -1);
    for (char **line = lines; *line != NULL; line++)
        if (line_is_local(*line, info.mount_id))
            return TRUE;
    return FALSE;
}

/*
 * Where the path is a symlink the kernel may know that, but not what the target leads to. Then the
 * target becomes the path, and what it counts from the base. Return: whether it was one.
 */
static gboolean step_over_symlink(OpenCall *call, FfAutoFd *base)
{
    g_autofree char *parent = g_path_get_dirname(call->path);
    g_auto(FfAutoFd) link = open_path(call, *base, call->path, O_NOFOLLOW);
    g_auto(FfAutoFd) directory = open_path(call, *base, parent, O_DIRECTORY);
    gssize length;

    if (link < 0 || directory < 0 || !is_local(link))
        return FALSE;
    length = readlinkat(link, "", call->path, sizeof call->path - 1);
    if (length <= 0)
        return FALSE;
    call->path[length] = '\0';
    close(*base);
    *base = call->path[0] == '/' ? openat(call->threadfd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC)
                                 : ff_auto_fd_steal(&directory);
    return *base >= 0;
}

static FfWaiterResult locate(OpenCall *call, FfWaiter *waiter, int *fd)
{
    g_auto(FfAutoFd) base = open_base(call);
    guint hops = 0;

    if (base < 0)
        return FF_WAITER_UNRESOLVED;
    do {
        int found = open_path(call, base, call->path, 0);
        FfWaiterResult result = found >= 0 ? identify(call, found, waiter, fd)
                                           : locate_by_part(call, base, waiter, fd);

        if (result != FF_WAITER_UNRESOLVED || found >= 0)
            return result;
    } while (hops++ < MOST_SYMLINKS && step_over_symlink(call, &base));
    return FF_WAITER_UNRESOLVED;
}

FfWaiterResult ff_waiter_look(int threadfd, pid_t tid, const FfWaiterLimits *limits,
                              FfWaiter *waiter, int *fd)
{
    OpenCall call = {.tid = tid, .threadfd = threadfd, .limits = limits};
    Sleep sleep = read_wchan(threadfd);
    FfWaiterResult result = FF_WAITER_UNRESOLVED;

    if (sleep == SLEEP_ELSEWHERE)
        return FF_WAITER_NONE;
    if (read_open_call(&call) && read_path(&call) && read_flags(&call))
        result = locate(&call, waiter, fd);
    /*
     * A thread of which it is only supposed that it sleeps there is counted only if it turns out to
     * be true.
     */
    waiter->supposed = sleep == SLEEP_UNKNOWN;
    return sleep == SLEEP_IN_FIFO_OPEN || result == FF_WAITER_FOUND ? result : FF_WAITER_NONE;
}
