/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "workspace.h"

#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"

#define N_OPEN_FOLDERS 16

/* Fields of a line of mountinfo (proc(5)). */
#define FIELD_MOUNTPOINT 4

static void hide_mounts(void)
{
    /* Not permitted to ordinary users, whose mounts are then seen by all; it works as well. */
    if (unshare(CLONE_NEWNS) == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

gboolean workspace_open(Workspace *workspace, GError **error)
{
    hide_mounts();
    workspace->path = g_dir_make_tmp("fifofs-bench-XXXXXX", error);
    return workspace->path != NULL;
}

void workspace_close(Workspace *workspace)
{
    if (workspace->path != NULL)
        path_remove(workspace->path);
    g_clear_pointer(&workspace->path, g_free);
}

char *workspace_make_folder(const Workspace *workspace, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(workspace->path, name, NULL);

    if (mkdir(path, 0700) < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    return g_steal_pointer(&path);
}

static gboolean line_mounts(const char *line, const char *path)
{
    g_auto(GStrv) fields = g_strsplit(line, " ", FIELD_MOUNTPOINT + 2);
    g_autofree char *mountpoint = NULL;

    if (g_strv_length(fields) <= FIELD_MOUNTPOINT)
        return FALSE;
    /* Blanks are written as \040, which is what C does with them too. */
    mountpoint = g_strcompress(fields[FIELD_MOUNTPOINT]);
    return g_str_equal(mountpoint, path);
}

gboolean path_is_mounted(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
        return FALSE;
    lines = g_strsplit(text, "\n", 0);
    for (char **line = lines; *line != NULL; line++)
        if (line_mounts(*line, path))
            return TRUE;
    return FALSE;
}

void path_unmount(const char *path)
{
    char *argv[] = {(char *)"fusermount3", (char *)"-uzq", (char *)path, NULL};

    if (!path_is_mounted(path) || umount2(path, MNT_DETACH) == 0)
        return;
    process_run(argv, NULL);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    remove(path);
    return 0;
}

void path_remove(const char *path)
{
    nftw(path, remove_one, N_OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
