/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The place of a name on a fifofs mount, whether or not anything has that name.
 *
 * The directory is opened first; that this very directory is on a fifofs mount is checked, and what
 * is done to the name is done through it. Whatever is moved or mounted meanwhile cannot lead a
 * command elsewhere.
 */
#pragma once

#include "fileid.h"
#include "mounts.h"

typedef struct {
    const Mount *mount;
    /* An O_PATH descriptor. */
    int directory;
    /* What is behind the last slash; may be "". */
    char *name;
} Place;

/**
 * place_find() - where a path leads to
 * @mounts: array of Mount, which must live as long as the place
 *
 * Return: 0 or -errno; -ENODEV where the directory is not on a fifofs mount.
 */
int place_find(const GPtrArray *mounts, const char *path, Place *place);
void place_clear(Place *place);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

/**
 * place_open() - what has the name
 * @info: filled in
 *
 * Return: an O_PATH descriptor or -errno; -ENODEV where something else is mounted there, -ELOOP for
 * a symlink.
 */
int place_open(const Place *place, FfFileInfo *info);

/**
 * place_inside() - which part of which file system a path means
 * @path:   its last name need not be there
 * @inside: a new string: the path inside, "" for the root
 *
 * Return: 0 or -errno; -ENODEV where it is not on a fifofs mount.
 */
int place_inside(const GPtrArray *mounts, const char *path, const Mount **mount, char **inside);

/* Say why nothing could be done: @what is "cannot ...", @result is -errno of the above or of it. */
void place_complain(const char *what, const char *path, int result);
