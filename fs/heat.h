/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast events come in from one directory, and which FIFOs they are about.
 */
#pragma once

#include <glib.h>

typedef struct {
    gint64 window_start;
    guint n_events;
    /*
     * Ids of the FIFOs that the later part of the window's events is about; NULL while there are
     * few.
     */
    GHashTable *busy;
} FfHeat;

/**
 * ff_heat_note() - one more event
 * @id:  the FIFO it is about
 * @now: monotonic microseconds
 *
 * Return: TRUE if events come so fast that the reports cost more than they tell; the window then
 * begins anew, and
 * @busy has the FIFOs.
 */
gboolean ff_heat_note(FfHeat *heat, guint64 id, gint64 now);

/* The FIFO is busy, as another process has found. */
void ff_heat_adopt(FfHeat *heat, guint64 id);

/* Forget which FIFOs are busy. */
void ff_heat_clear(FfHeat *heat);
