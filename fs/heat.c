/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "heat.h"

/* This many events in a window of this length are too many. */
#define HOT_EVENTS 256
#define HOT_WINDOW (100 * G_TIME_SPAN_MILLISECOND)

void ff_heat_adopt(FfHeat *heat, guint64 id)
{
    if (heat->busy == NULL)
        heat->busy = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    if (!g_hash_table_contains(heat->busy, &id))
        g_hash_table_add(heat->busy, g_memdup2(&id, sizeof id));
}

gboolean ff_heat_note(FfHeat *heat, guint64 id, gint64 now)
{
    if (now - heat->window_start > HOT_WINDOW) {
        ff_heat_clear(heat);
        heat->window_start = now;
    }
    heat->n_events++;
    /*
     * A few events name FIFOs that are not busy at all; those of the second half are the ones that
     * stay.
     */
    if (heat->n_events <= HOT_EVENTS / 2)
        return FALSE;
    ff_heat_adopt(heat, id);
    if (heat->n_events < HOT_EVENTS)
        return FALSE;
    heat->n_events = 0;
    return TRUE;
}

void ff_heat_clear(FfHeat *heat)
{
    heat->n_events = 0;
    g_clear_pointer(&heat->busy, g_hash_table_unref);
}
