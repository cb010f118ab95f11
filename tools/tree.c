/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "autofd.h"
#include "message.h"
#include "place.h"

typedef struct {
    const GPtrArray *mounts;
    gboolean recursive;
    const char *what;
    TreeVisit visit;
    gpointer data;
    gboolean failed;
} Walk;

static void complain(Walk *walk, const char *path, int result)
{
    place_complain(walk->what, path, result);
    walk->failed = TRUE;
}

static int visit_open(Walk *walk, int fd, const FfFileInfo *info, const char *path);

static int visit_name(Walk *walk, const Place *place, const char *path)
{
    FfFileInfo info;
    g_auto(FfAutoFd) fd = place_open(place, &info);

    return fd < 0 ? fd : visit_open(walk, fd, &info, path);
}

static void close_directory(DIR *directory)
{
    closedir(directory);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DIR, close_directory)

/* The names first: what is done to them may make them go. */
static int list_names(int fd, GPtrArray *names)
{
    g_auto(FfAutoFd) readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DIR) directory = readable < 0 ? NULL : fdopendir(readable);
    const struct dirent *entry;

    if (directory == NULL)
        return -errno;
    ff_auto_fd_steal(&readable);
    while ((entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    return 0;
}

static int visit_below(Walk *walk, int fd, const char *path)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    FfFileInfo info;
    int result = ff_file_look(fd, "", &info);

    if (result == 0)
        result = list_names(fd, names);
    for (guint i = 0; result == 0 && i < names->len; i++) {
        Place place = {.mount = mounts_find_id(walk->mounts, info.mount_id),
                       .directory = fd,
                       .name = g_ptr_array_index(names, i)};
        g_autofree char *below = g_build_filename(path, place.name, NULL);
        int visited = visit_name(walk, &place, below);

        if (visited < 0 && visited != -ENOENT)
            complain(walk, below, visited);
    }
    return result;
}

static int visit_open(Walk *walk, int fd, const FfFileInfo *info, const char *path)
{
    int result;

    if (mounts_find_id(walk->mounts, info->mount_id) == NULL)
        return -ENODEV;
    result = walk->visit(fd, path, walk->data);
    if (result == 0 && walk->recursive && S_ISDIR(info->mode))
        result = visit_below(walk, fd, path);
    return result;
}

static int visit_path(Walk *walk, const char *path)
{
    g_auto(FfAutoFd) fd = open(path, O_PATH | O_CLOEXEC);
    FfFileInfo info;
    int result = fd < 0 ? -errno : ff_file_look(fd, "", &info);

    return result < 0 ? result : visit_open(walk, fd, &info, path);
}

ExitStatus tree_visit(char **paths, gboolean recursive, const char *what, TreeVisit visit,
                      gpointer data)
{
    g_autoptr(GPtrArray) mounts = mounts_load();
    Walk walk = {mounts, recursive, what, visit, data, FALSE};

    if (mounts == NULL) {
        message_errno("cannot read the mounts", "/proc/self/mountinfo", errno);
        return EXIT_STATUS_FAILED;
    }
    for (char **path = paths; *path != NULL; path++) {
        int result = visit_path(&walk, *path);

        if (result < 0)
            complain(&walk, *path, result);
    }
    return walk.failed ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}
