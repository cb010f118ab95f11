/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "autofd.h"
#include "fileid.h"
#include "node.h"

#define FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* RESOLVE_CACHED came with Linux 5.12; some sandboxes know no openat2() at all. */
static int open_step(int directory, const char *name)
{
    struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_CACHED | RESOLVE_NO_XDEV};
    long fd = syscall(SYS_openat2, directory, name, &how, sizeof how);

    if (fd < 0 && (errno == EINVAL || errno == ENOSYS))
        fd = openat(directory, name, FLAGS);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? -EAGAIN : -errno;
    return (int)fd;
}

void ff_walk_refresh(int directory)
{
    int fd = openat(directory, ".", FLAGS);

    if (fd >= 0)
        close(fd);
}

/* What the first says of the permissions is left to the other. */
static int step(int directory, const char *name)
{
    ff_walk_refresh(directory);
    return open_step(directory, name);
}

static int open_root(const char *mountpoint, int flags)
{
    int fd = open(mountpoint, flags | O_DIRECTORY | O_CLOEXEC);
    FfFileInfo info;
    int r;

    if (fd < 0)
        return -errno;
    r = ff_file_look(fd, "", &info);
    if (r == 0 && info.id.ino != FF_ROOT_ID)
        r = -EXDEV;
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

int ff_walk_cached(const char *mountpoint, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    int fd = open_root(mountpoint, O_PATH);

    for (char **name = names; *name != NULL && fd >= 0; name++) {
        int above = fd;

        fd = step(above, *name);
        close(above);
    }
    return fd;
}

/* What the kernel makes of a node (fs/fuse/inode.c fuse_encode_fh()). */
#define HANDLE_TYPE  0x81
#define HANDLE_WORDS 3
/* Of all nodes (ops.c). */
#define GENERATION 1

int ff_walk_by_id(const char *mountpoint, guint64 id)
{
    const guint32 words[HANDLE_WORDS] = {(guint32)(id >> 32), (guint32)id, GENERATION};
    g_autofree struct file_handle *handle = g_malloc0(sizeof *handle + sizeof words);
    g_auto(FfAutoFd) root = open_root(mountpoint, O_RDONLY);
    int fd;

    if (root < 0)
        return root;
    handle->handle_type = HANDLE_TYPE;
    handle->handle_bytes = sizeof words;
    memcpy(handle->f_handle, words, sizeof words);
    fd = open_by_handle_at(root, handle, FLAGS);
    return fd < 0 ? -errno : fd;
}
