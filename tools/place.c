/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "autofd.h"
#include "attributes.h"
#include "message.h"

#define EMPTY_PLACE ((Place){.directory = -1})

int place_find(const GPtrArray *mounts, const char *path, Place *place)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    g_autofree char *directory = slash == NULL ? g_strdup(".")
                                               : g_strndup(path, (gsize)(name - path));
    g_auto(FfAutoFd) fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    FfFileInfo info;
    int result = fd < 0 ? -errno : ff_file_look(fd, "", &info);

    *place = EMPTY_PLACE;
    if (result < 0)
        return result;
    place->mount = mounts_find_id(mounts, info.mount_id);
    if (place->mount == NULL)
        return -ENODEV;
    place->directory = ff_auto_fd_steal(&fd);
    place->name = g_strdup(name);
    return 0;
}

void place_clear(Place *place)
{
    if (place->directory >= 0)
        close(place->directory);
    g_free(place->name);
    *place = EMPTY_PLACE;
}

int place_open(const Place *place, FfFileInfo *info)
{
    const char *name = *place->name == '\0' ? "." : place->name;
    g_auto(FfAutoFd) fd = openat(place->directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int result = fd < 0 ? -errno : ff_file_look(fd, "", info);

    if (result < 0)
        return result;
    if (S_ISLNK(info->mode))
        return -ELOOP;
    return info->id.dev == place->mount->dev ? ff_auto_fd_steal(&fd) : -ENODEV;
}

/* Return: a path without symlinks, or NULL with errno set. The last name need not be there. */
static char *canonical_path(const char *path)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autofree char *parent = g_path_get_dirname(absolute);
    g_autofree char *name = g_path_get_basename(absolute);
    char *whole = realpath(path, NULL);
    char *above = whole != NULL || errno != ENOENT ? NULL : realpath(parent, NULL);
    char *canonical = whole != NULL   ? g_strdup(whole)
                      : above != NULL ? g_build_filename(above, name, NULL)
                                      : NULL;

    free(whole);
    free(above);
    return canonical;
}

static int look_at_nearest(const char *path, FfFileInfo *info)
{
    g_autofree char *parent = g_path_get_dirname(path);
    int result = ff_file_look(AT_FDCWD, path, info);

    return result == -ENOENT ? ff_file_look(AT_FDCWD, parent, info) : result;
}

int place_inside(const GPtrArray *mounts, const char *path, const Mount **mount, char **inside)
{
    g_autofree char *canonical = canonical_path(path);
    FfFileInfo info;
    int result = canonical == NULL ? -errno : look_at_nearest(canonical, &info);

    if (result < 0)
        return result;
    *mount = mounts_find_id(mounts, info.mount_id);
    *inside = *mount == NULL ? NULL : mount_inside(*mount, canonical);
    return *inside == NULL ? -ENODEV : 0;
}

void place_complain(const char *what, const char *path, int result)
{
    if (result == -ENODEV)
        message_error("not on a fifofs mount", path, "see the mounts with 'fifoctl ls -o MOUNT'");
    else if (result == -EMEDIUMTYPE)
        message_error("not a FIFO", path, "see the names with 'fifoctl ls'");
    else if (result == ATTRIBUTES_UNTRACED)
        message_error("its mount has no open-timeout and no capacity", path,
                      "have it mounted with -o trace, see fifofs(8)");
    else
        message_errno(what, path, -result);
}
