/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is hard is to say in one line what went wrong: libfuse and fusermount3 print it on stderr.
 */
#include "mounting.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuseoptions.h"
#include "readiness.h"
#include "stalemount.h"

#define DEVICE "/dev/fuse"

/* As much of what fusermount3 prints as is kept. */
#define MESSAGE_BYTES 4096

struct FfMounting {
    /* NULL for one that was adopted; then the rest is set. */
    struct fuse_session *fuse;
    char *mountpoint;
    int fd;
};

/* The first line, without the name of whoever printed it. */
static char *first_line(char *text)
{
    const char *colon;

    text[strcspn(text, "\n")] = '\0';
    colon = strstr(text, ": ");
    return g_strdup(colon == NULL ? text : colon + 2);
}

static char *read_message(int fd)
{
    char text[MESSAGE_BYTES];
    ssize_t length = pread(fd, text, sizeof text - 1, 0);

    text[MAX(length, 0)] = '\0';
    return first_line(text);
}

/*
 * Mount, and keep what libfuse and fusermount3 print on stderr meanwhile.
 *
 * Return: NULL if it is mounted, else what was said.
 */
static char *mount_quietly(struct fuse_session *fuse, const char *mountpoint)
{
    int memory = memfd_create("mount-messages", MFD_CLOEXEC);
    int saved = memory < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    char *message = NULL;

    if (saved >= 0)
        dup2(memory, STDERR_FILENO);
    if (fuse_session_mount(fuse, mountpoint) != 0)
        message = memory < 0 ? g_strdup("refused") : read_message(memory);
    if (saved >= 0) {
        dup2(saved, STDERR_FILENO);
        close(saved);
    }
    if (memory >= 0)
        close(memory);
    return message;
}

static gboolean no_fuse(GError **error, const char *object, const char *problem, const char *remedy)
{
    g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_NO_FUSE, "%s: %s: %s", object, problem, remedy);
    return FALSE;
}

static gboolean check_fuse(GError **error)
{
    g_autofree char *helper = g_find_program_in_path("fusermount3");
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    int code = errno;

    if (fd >= 0)
        close(fd);
    else if (code == EACCES || code == EPERM)
        return no_fuse(error, DEVICE, g_strerror(code),
                       "have root let users in with 'chmod 666 " DEVICE "'");
    else if (code == ENOENT || code == ENODEV || code == ENXIO)
        return no_fuse(error, DEVICE, g_strerror(code), "load the module with 'modprobe fuse'");
    else {
        g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED, "%s: %s", DEVICE, g_strerror(code));
        return FALSE;
    }
    if (geteuid() != 0 && helper == NULL)
        return no_fuse(error, "fusermount3", "not found, and only root can mount without it",
                       "install the package fuse3");
    return TRUE;
}

FfMounting *ff_mounting_new(const FfOptions *options, GError **error)
{
    static const struct fuse_lowlevel_ops no_ops;
    g_autoptr(FfMounting) mounting = g_new0(FfMounting, 1);
    g_autofree char *message = NULL;

    if (!check_fuse(error))
        return NULL;
    mounting->fuse = ff_fuse_session_new(options, &no_ops, NULL);
    if (mounting->fuse == NULL) {
        g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED, "libfuse refuses to start");
        return NULL;
    }
    message = mount_quietly(mounting->fuse, options->mountpoint);
    if (message != NULL) {
        g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED, "%s: cannot mount: %s",
                    options->mountpoint, message);
        return NULL;
    }
    return g_steal_pointer(&mounting);
}

FfMounting *ff_mounting_adopt(const char *mountpoint, int fd)
{
    FfMounting *mounting = g_new0(FfMounting, 1);

    mounting->mountpoint = g_strdup(mountpoint);
    mounting->fd = fd;
    return mounting;
}

gboolean ff_mounting_is_alive(int fd)
{
    return (ff_readiness_now(fd, 0) & POLLERR) == 0;
}

int ff_mounting_fd(const FfMounting *mounting)
{
    return mounting->fuse == NULL ? mounting->fd : fuse_session_fd(mounting->fuse);
}

/* Whoever waits for an answer must not be waited for, so the connection ends first. */
static void end_adopted(FfMounting *mounting)
{
    gboolean gone = !ff_mounting_is_alive(mounting->fd);

    close(mounting->fd);
    mounting->fd = -1;
    if (!gone && !ff_mount_detach(mounting->mountpoint))
        g_warning("cannot unmount %s: run 'fusermount3 -uz %s'", mounting->mountpoint,
                  mounting->mountpoint);
}

void ff_mounting_end(FfMounting *mounting)
{
    if (mounting->fuse == NULL)
        end_adopted(mounting);
    else
        fuse_session_unmount(mounting->fuse);
}

void ff_mounting_free(FfMounting *mounting)
{
    if (mounting == NULL)
        return;
    g_clear_pointer(&mounting->fuse, fuse_session_destroy);
    g_free(mounting->mountpoint);
    g_free(mounting);
}
