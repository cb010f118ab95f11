/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Landlock (landlock(7)): which files a process can reach, whatever its user and capabilities. */
#pragma once

#include <glib.h>

/* Rules that are not in force yet. */
typedef struct FfLandlock FfLandlock;

/**
 * ff_landlock_new() - rules for a daemon that reads, and writes nothing but FIFOs of its mount
 * @mountpoint: the mount must be there; it is not asked anything
 * @config:     (nullable): a file that is to be read later, even when it was replaced
 *
 * Return: NULL where the kernel has no Landlock, or has it switched off, which is logged.
 */
FfLandlock *ff_landlock_new(const char *mountpoint, const char *config);
void ff_landlock_free(FfLandlock *landlock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfLandlock, ff_landlock_free)

/* Put them in force for this thread; it needs no_new_privs. Return: 0 or -errno. */
int ff_landlock_enter(const FfLandlock *landlock);
