/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modes.h"

#define SPECIAL_BITS (S_ISUID | S_ISGID | S_ISVTX)

mode_t ff_modes_new(const FfModes *modes, mode_t type, mode_t requested)
{
    if (S_ISDIR(type))
        return requested & (modes->dir_ceiling | SPECIAL_BITS) & FF_MODE_BITS;
    return ((requested & modes->fifo_ceiling) | modes->fifo_floor) & FF_MODE_BITS;
}

gboolean ff_modes_allow(const FfModes *modes, mode_t type, mode_t mode)
{
    if (S_ISDIR(type))
        return (mode & ~(modes->dir_ceiling | SPECIAL_BITS)) == 0;
    return (mode & ~(modes->fifo_ceiling | S_ISVTX)) == 0 &&
           (mode & modes->fifo_floor) == modes->fifo_floor;
}
