/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "selection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "autofd.h"
#include "fileid.h"
#include "message.h"
#include "lines.h"
#include "pipes.h"

static void target_free(Target *target)
{
    g_free(target->argument);
    g_free(target->directory);
    g_free(target);
}

Selection *selection_new(void)
{
    GPtrArray *mounts = mounts_load();
    Selection *selection;

    if (mounts == NULL) {
        message_errno("cannot read the mounts", "/proc/self/mountinfo", errno);
        return NULL;
    }
    selection = g_new0(Selection, 1);
    selection->mounts = mounts;
    selection->targets = g_ptr_array_new_with_free_func((GDestroyNotify)target_free);
    selection->fifos = g_ptr_array_new_with_free_func((GDestroyNotify)fifo_free);
    return selection;
}

void selection_free(Selection *selection)
{
    if (selection == NULL)
        return;
    g_ptr_array_unref(selection->fifos);
    g_ptr_array_unref(selection->targets);
    g_ptr_array_unref(selection->mounts);
    g_free(selection);
}

static Target *add_target(Selection *selection, const Mount *mount, const char *argument)
{
    Target *target = g_new0(Target, 1);

    target->mount = mount;
    target->argument = g_strdup(argument);
    g_ptr_array_add(selection->targets, target);
    return target;
}

guint selection_add_all(Selection *selection)
{
    for (guint i = 0; i < selection->mounts->len; i++) {
        const Mount *mount = g_ptr_array_index(selection->mounts, i);

        /* Once per file system, through the mount that shows most of it. */
        if (mounts_find_dev(selection->mounts, mount->dev) == mount)
            add_target(selection, mount, mount->point)->directory = g_strdup(mount->root);
    }
    return selection->targets->len;
}

/* Return: a new path inside, or NULL with errno set. */
static char *find_inside(const Mount *mount, const char *path)
{
    char *canonical = realpath(path, NULL);
    char *inside;

    if (canonical == NULL)
        return NULL;
    errno = ENOENT;
    inside = mount_inside(mount, canonical);
    free(canonical);
    return inside;
}

/*
 * What a path stands for: 0 or -errno; -ENODEV where it is not on a fifofs mount, -EMEDIUMTYPE
 * where it is no FIFO there.
 */
static int find_target(Selection *selection, const char *path)
{
    g_auto(FfAutoFd) fd = open(path, O_PATH | O_CLOEXEC);
    g_autofree char *inside = NULL;
    const Mount *mount;
    FfFileInfo info;
    Target *target;
    int result = fd < 0 ? -errno : ff_file_look(fd, "", &info);

    if (result < 0)
        return result;
    mount = mounts_find_id(selection->mounts, info.mount_id);
    if (mount == NULL)
        return -ENODEV;
    if (!S_ISDIR(info.mode) && !S_ISFIFO(info.mode))
        return -EMEDIUMTYPE;
    if (S_ISDIR(info.mode)) {
        inside = find_inside(mount, path);
        if (inside == NULL)
            return -errno;
    }
    target = add_target(selection, mount, path);
    target->directory = g_steal_pointer(&inside);
    target->id = info.id.ino;
    return 0;
}

void selection_add_path(Selection *selection, const char *path)
{
    int result = find_target(selection, path);

    if (result == 0)
        return;
    selection->failed = TRUE;
    if (result == -ENODEV)
        message_error("not on a fifofs mount", path, "see the mounts with 'fifoctl ls -o MOUNT'");
    else if (result == -EMEDIUMTYPE)
        message_error("neither a FIFO nor a directory", path, "see the names with 'fifoctl ls'");
    else
        message_errno("cannot look at", path, -result);
}

gboolean selection_add_paths(Selection *selection, char **paths)
{
    if (paths == NULL)
        return selection_add_all(selection) > 0;
    for (char **path = paths; *path != NULL; path++)
        selection_add_path(selection, *path);
    return TRUE;
}

gboolean target_has(const Target *target, const Fifo *fifo)
{
    if (target->mount->dev != fifo->mount->dev)
        return FALSE;
    if (target->directory == NULL)
        return target->id == fifo->id;
    return path_below(fifo->path, target->directory) != NULL;
}

/* Keep a FIFO that some target stands for, and let the others go. */
static void take_fifo(Fifo *fifo, gpointer data)
{
    Selection *selection = data;
    gboolean chosen = FALSE;

    for (guint i = 0; i < selection->targets->len; i++) {
        Target *target = g_ptr_array_index(selection->targets, i);

        if (!target_has(target, fifo))
            continue;
        target->n_found++;
        if (!chosen)
            fifo->mount = target->mount;
        chosen = TRUE;
    }
    if (chosen)
        g_ptr_array_add(selection->fifos, fifo);
    else
        fifo_free(fifo);
}

static void mark_unread(const Selection *selection, dev_t dev)
{
    for (guint i = 0; i < selection->targets->len; i++) {
        Target *target = g_ptr_array_index(selection->targets, i);

        target->unread |= target->mount->dev == dev;
    }
}

static gboolean is_first_of_file_system(const GPtrArray *targets, guint index)
{
    const Target *target = g_ptr_array_index(targets, index);

    for (guint i = 0; i < index; i++)
        if (((const Target *)g_ptr_array_index(targets, i))->mount->dev == target->mount->dev)
            return FALSE;
    return TRUE;
}

static gint compare_fifos(gconstpointer a, gconstpointer b)
{
    const Fifo *left = *(Fifo *const *)a, *right = *(Fifo *const *)b;
    int order = strcmp(left->mount->point, right->mount->point);

    return order != 0 ? order : strcmp(left->path, right->path);
}

void selection_load(Selection *selection)
{
    for (guint i = 0; i < selection->targets->len; i++) {
        const Target *target = g_ptr_array_index(selection->targets, i);
        int result;

        if (!is_first_of_file_system(selection->targets, i))
            continue;
        result = pipes_read(selection->mounts, target->mount->dev, take_fifo, selection);
        if (result == 0)
            continue;
        selection->failed = TRUE;
        mark_unread(selection, target->mount->dev);
        lines_complain("cannot list", target->mount, result);
    }
    g_ptr_array_sort(selection->fifos, compare_fifos);
}

gboolean selection_scan(Selection *selection, gboolean want_buffers, ScanResult *result)
{
    int error = 0;

    *result = (ScanResult){0};
    if (selection->fifos->len > 0)
        error = procscan_run(selection->mounts, selection->fifos, want_buffers, result);
    if (error == 0)
        return TRUE;
    selection->failed = TRUE;
    message_errno("cannot look for processes", "/proc", -error);
    return FALSE;
}

gboolean selection_has_several_mounts(const Selection *selection)
{
    for (guint i = 1; i < selection->targets->len; i++)
        if (is_first_of_file_system(selection->targets, i))
            return TRUE;
    return FALSE;
}
