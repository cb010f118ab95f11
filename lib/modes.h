/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which mode a new name gets, and which modes chmod may set.
 *
 * The umask plays no part: what was asked for, cut at the ceiling and raised to the floor, is what
 * one gets.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

#define FF_MODE_BITS 07777

typedef struct {
    mode_t fifo_ceiling;
    mode_t fifo_floor;
    /* Only the rwx bits count: set-group-ID and sticky mean something on a directory and stay free.
     */
    mode_t dir_ceiling;
} FfModes;

/* What is the most that anybody gets of such a thing. */
static inline mode_t ff_modes_ceiling(const FfModes *modes, mode_t type)
{
    return S_ISDIR(type) ? modes->dir_ceiling : modes->fifo_ceiling;
}

/**
 * ff_modes_new() - the permission bits of something new
 * @type:      S_IFIFO or S_IFDIR
 * @requested: the mode the caller asked for, umask not applied
 */
mode_t ff_modes_new(const FfModes *modes, mode_t type, mode_t requested);

/**
 * ff_modes_allow() - may chmod set these permission bits?
 * @type: S_IFIFO or S_IFDIR
 * @mode: all twelve bits as they would be. The sticky bit of a FIFO is always allowed: it says
 *        "keep".
 */
gboolean ff_modes_allow(const FfModes *modes, mode_t type, mode_t mode);
