/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A temporary folder for mountpoints and for what is built, and how it goes away again.
 *
 * Root mounts in a mount namespace of its own: even after SIGKILL nothing stays mounted. Other users cannot have one.
 */
#pragma once

#include <glib.h>

typedef struct {
    char *path;
} Workspace;

/* Return: FALSE with @error set where there cannot be one. */
gboolean workspace_open(Workspace *workspace, GError **error);

/* Removes what lies in it. Everything that was mounted there is unmounted. */
void workspace_close(Workspace *workspace);

/* Make a folder there. Return: its path, NULL with @error set. */
char *workspace_make_folder(const Workspace *workspace, const char *name, GError **error);

/* Is something mounted on @path, whether or not anybody answers there? */
gboolean path_is_mounted(const char *path);

/* Unmount what is mounted on @path, even if it is in use. */
void path_unmount(const char *path);

/* Remove @path and everything below it, but nothing that is mounted there. */
void path_remove(const char *path);
