/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autofd.h"
#include "handover.h"
#include "stalemount.h"

#define LOOK_INTERVAL (20 * G_TIME_SPAN_MILLISECOND)

static char *fail(GError **error, FfExit code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static char *fail(GError **error, FfExit code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error != NULL)
        *error = g_error_new_valist(FF_OPTIONS_ERROR, (int)code, format, arguments);
    va_end(arguments);
    return NULL;
}

/* A mount whose daemon has died answers ENOTCONN to everything. */
static char *explain_stat_failure(const char *path, int code, GError **error)
{
    if (code == ENOTCONN)
        return fail(error, FF_EXIT_MOUNTPOINT,
                    "%s: the daemon of an earlier mount is gone: run 'fusermount3 -uz %s' first",
                    path, path);
    if (code == ENOENT)
        return fail(error, FF_EXIT_MOUNTPOINT,
                    "%s: no such directory: create it with 'mkdir -p %s'", path, path);
    return fail(error, FF_EXIT_MOUNTPOINT,
                "%s: cannot look at the mountpoint: %s: name one that you can reach", path,
                g_strerror(code));
}

/* What fusermount3 wants of an ordinary user. */
static gboolean may_mount_on(const char *path, const struct stat *st)
{
    if (geteuid() == 0)
        return TRUE;
    return access(path, W_OK) == 0 && ((st->st_mode & S_ISVTX) == 0 || st->st_uid == geteuid());
}

/* As realpath(3), which may ask what is mounted there for attributes. Sets errno. */
static char *resolve_without_asking(const char *path)
{
    g_auto(FfAutoFd) fd = open(path, O_PATH | O_CLOEXEC);
    g_autofree char *link = NULL;

    if (fd < 0)
        return NULL;
    link = g_strdup_printf("/proc/self/fd/%d", fd);
    return g_file_read_link(link, NULL);
}

char *ff_mountpoint_resolve(const char *path, GError **error)
{
    char *resolved = resolve_without_asking(path);

    return resolved == NULL ? explain_stat_failure(path, errno, error) : resolved;
}

/*
 * Where that cannot be seen it is taken for the same. A relative path is one of the command line,
 * and may count from another directory than ours.
 */
static gboolean is_elsewhere(const char *path, const char *mountpoint)
{
    g_autofree char *plain = g_canonicalize_filename(path, "/");
    g_autofree char *below = g_strconcat(mountpoint, "/", NULL);
    g_autofree char *resolved = NULL;

    if (!g_path_is_absolute(path) || g_str_equal(plain, mountpoint))
        return FALSE;
    /* Looking there would be asking. */
    if (g_str_has_prefix(plain, below))
        return TRUE;
    resolved = resolve_without_asking(plain);
    return resolved == NULL ? errno != EACCES : !g_str_equal(resolved, mountpoint);
}

void ff_mountpoint_keep(FfOptions *options, const char *mountpoint)
{
    if (is_elsewhere(options->mountpoint, mountpoint))
        g_warning("%s: mountpoint cannot change while it is mounted: unmount it and mount it again "
                  "for %s",
                  mountpoint, options->mountpoint);
    g_free(options->mountpoint);
    options->mountpoint = g_strdup(mountpoint);
}

/* As realpath(3), but the last name need not be accessible: a mount of another user is not. */
static char *resolve(const char *path)
{
    char *resolved = realpath(path, NULL);
    int code = errno;

    if (resolved != NULL || (code != EACCES && code != ENOTCONN))
        return resolved;
    resolved = resolve_without_asking(path);
    errno = code;
    return resolved;
}

gboolean ff_mountpoint_make(const char *path, GError **error)
{
    struct stat st;

    if (lstat(path, &st) == 0 || errno != ENOENT || g_mkdir_with_parents(path, 0755) == 0)
        return TRUE;
    fail(error, FF_EXIT_MOUNTPOINT, "%s: cannot make the mountpoint: %s: make it, or name another",
         path, g_strerror(errno));
    return FALSE;
}

static gboolean detach_stale(const char *path)
{
    while (ff_mount_is_stale(path))
        if (!ff_mount_detach(path))
            return FALSE;
    return TRUE;
}

/* One that becomes so just now is waited for: its supervisor was killed a moment ago. */
static gboolean clear_stale(const char *path)
{
    gint64 deadline = g_get_monotonic_time() + FF_END_SECONDS * G_TIME_SPAN_SECOND;
    gboolean cleared = detach_stale(path);

    while (cleared && ff_mount_is_fifofs(path) && ff_mount_may_become_stale() &&
           g_get_monotonic_time() < deadline) {
        g_usleep(LOOK_INTERVAL);
        cleared = detach_stale(path);
    }
    return cleared;
}

char *ff_mountpoint_check(const char *path, GError **error)
{
    g_autofree char *resolved = resolve(path);
    struct stat st;

    if (resolved == NULL)
        return explain_stat_failure(path, errno, error);
    if (!clear_stale(resolved))
        return explain_stat_failure(path, ENOTCONN, error);
    if (ff_mount_is_fifofs(resolved))
        return fail(error, FF_EXIT_MOUNTPOINT,
                    "%s: already a fifofs mount: use it, or run 'fusermount3 -u %s' first", path,
                    path);
    if (stat(resolved, &st) < 0)
        return explain_stat_failure(path, errno, error);
    if (!S_ISDIR(st.st_mode))
        return fail(error, FF_EXIT_MOUNTPOINT, "%s: not a directory: name one to mount on", path);
    if (!may_mount_on(resolved, &st))
        return fail(error, FF_EXIT_MOUNTPOINT,
                    "%s: not permitted: mount on a directory that belongs to you", path);
    return g_steal_pointer(&resolved);
}
