/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mountpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "options.h"

#define MOUNT_INFO "/proc/self/mountinfo"

/* Fields of a line of mountinfo (proc(5)); the type comes behind a lone "-". */
#define FIELD_MOUNTPOINT 4

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

static gboolean line_is_fifofs_at(const char *line, const char *path)
{
    g_auto(GStrv) halves = g_strsplit(line, " - ", 2);
    g_auto(GStrv) fields = NULL;
    g_autofree char *mountpoint = NULL;

    if (g_strv_length(halves) != 2 || !g_str_has_prefix(halves[1], "fuse.fifofs "))
        return FALSE;
    fields = g_strsplit(halves[0], " ", 0);
    if (g_strv_length(fields) <= FIELD_MOUNTPOINT)
        return FALSE;
    /* Blanks and backslashes are written as \040 and so on, which is what C does with them too. */
    mountpoint = g_strcompress(fields[FIELD_MOUNTPOINT]);
    return g_str_equal(mountpoint, path);
}

gboolean ff_mountpoint_is_fifofs(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(MOUNT_INFO, &text, NULL, NULL))
        return FALSE;
    lines = g_strsplit(text, "\n", 0);
    for (char **line = lines; *line != NULL; line++)
        if (line_is_fifofs_at(*line, path))
            return TRUE;
    return FALSE;
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

/* A mount of ours whose daemon has gone without unmounting it. */
static gboolean is_stale(const char *path)
{
    struct statvfs st;

    /* Attributes may be cached, so that stat() knows nothing of it; this is asked for always. */
    return ff_mountpoint_is_fifofs(path) && statvfs(path, &st) < 0 && errno == ENOTCONN;
}

/* Whoever still has a FIFO of it open goes on with that. */
static gboolean detach(const char *path)
{
    const char *const command[] = {"fusermount3", "-uzq", "--", path, NULL};
    int status;

    if (geteuid() == 0)
        return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0;
    return g_spawn_sync("/", (char **)command, NULL,
                        G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
                            G_SPAWN_STDERR_TO_DEV_NULL,
                        NULL, NULL, NULL, NULL, &status, NULL) &&
           g_spawn_check_wait_status(status, NULL);
}

/* As realpath(3), but the last name need not be accessible: a mount of another user is not. */
static char *resolve(const char *path)
{
    char *resolved = realpath(path, NULL);
    int code = errno;
    g_autofree char *parent = NULL, *name = NULL;

    if (resolved != NULL || (code != EACCES && code != ENOTCONN))
        return resolved;
    name = g_path_get_basename(path);
    parent = g_path_get_dirname(path);
    resolved = realpath(parent, NULL);
    if (resolved != NULL) {
        g_autofree char *in = resolved;

        resolved = g_build_filename(in, name, NULL);
    }
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

char *ff_mountpoint_check(const char *path, GError **error)
{
    g_autofree char *resolved = resolve(path);
    struct stat st;

    if (resolved == NULL)
        return explain_stat_failure(path, errno, error);
    while (is_stale(resolved))
        if (!detach(resolved))
            return explain_stat_failure(path, ENOTCONN, error);
    if (ff_mountpoint_is_fifofs(resolved))
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
