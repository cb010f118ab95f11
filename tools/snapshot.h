/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One look at mounts, taken whole: FIFOs, who is on them, what has happened since the mount.
 */
#pragma once

#include "selection.h"

typedef struct {
    /* NULL where the table of mounts could not be read. */
    Selection *selection;
    ScanResult scan;
    /* CLOCK_MONOTONIC, in microseconds. */
    gint64 taken;
    guint n_mounts;
    /* The sum of the device numbers of these mounts: equal for the same ones. */
    dev_t counted;
    /* Of all mounts together; what does not answer counts 0. */
    guint64 created, removed, opened;
} Snapshot;

/**
 * snapshot_take() - look
 * @paths: what to look at; NULL for all mounts
 *
 * What could not be seen is said on stderr. May wait for a daemon that does not answer.
 */
Snapshot *snapshot_take(char **paths);

/* Could everything be seen that was to be looked at? */
gboolean snapshot_is_whole(const Snapshot *snapshot);
void snapshot_free(Snapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Snapshot, snapshot_free)
