/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fifo.h"

#include <limits.h>
#include <string.h>

static void holder_free(Holder *holder)
{
    g_free(holder->command);
    g_free(holder);
}

Fifo *fifo_new(void)
{
    Fifo *fifo = g_new0(Fifo, 1);

    fifo->holders = g_ptr_array_new_with_free_func((GDestroyNotify)holder_free);
    fifo->queued_bytes = FIFO_UNKNOWN;
    fifo->capacity_bytes = FIFO_UNKNOWN;
    fifo->asked_bytes = FIFO_UNKNOWN;
    return fifo;
}

void fifo_free(Fifo *fifo)
{
    if (fifo == NULL)
        return;
    g_free(fifo->path);
    g_free(fifo->creator_command);
    g_free(fifo->daemon_state);
    g_free(fifo->lifetime);
    g_free(fifo->hold);
    g_free(fifo->reason);
    g_free(fifo->acl);
    g_ptr_array_unref(fifo->holders);
    g_free(fifo);
}

Holder *fifo_add_holder(Fifo *fifo, pid_t pid)
{
    Holder *holder = g_new0(Holder, 1);

    holder->pid = pid;
    holder->tid = pid;
    holder->since = FIFO_UNKNOWN;
    g_ptr_array_add(fifo->holders, holder);
    return holder;
}

guint fifo_count(const Fifo *fifo, guint ends, gboolean stuck)
{
    guint count = 0;

    for (guint i = 0; i < fifo->holders->len; i++) {
        const Holder *holder = g_ptr_array_index(fifo->holders, i);

        count += (holder->ends & ends) != 0 && holder->stuck == stuck;
    }
    return count;
}

gboolean fifo_is_held(const Fifo *fifo)
{
    return fifo->holders->len > 0;
}

gboolean fifo_is_full(const Fifo *fifo)
{
    return fifo->queued_bytes != FIFO_UNKNOWN && fifo->capacity_bytes > 0 &&
           fifo->capacity_bytes - fifo->queued_bytes < PIPE_BUF;
}

static gboolean waits_for_idleness(const Fifo *fifo)
{
    return strcmp(fifo->lifetime, "auto") == 0 || strcmp(fifo->lifetime, "use") == 0;
}

gint64 fifo_expires(const Fifo *fifo)
{
    if (!fifo_is_held(fifo) || !waits_for_idleness(fifo))
        return fifo->expires;
    return fifo->max_age == FIFO_UNKNOWN ? FIFO_UNKNOWN : fifo->created + fifo->max_age;
}

const char *fifo_reason(const Fifo *fifo)
{
    if (fifo_expires(fifo) == FIFO_UNKNOWN)
        return NULL;
    return fifo_is_held(fifo) && waits_for_idleness(fifo) ? "max-age" : fifo->reason;
}

/*
 * Somebody waits for an end that nobody has. A waiter whose peer has come is only on its way out of
 * open().
 */
static gboolean is_stuck(const Fifo *fifo)
{
    return (fifo_count(fifo, FIFO_END_READ, TRUE) > 0 &&
            fifo_count(fifo, FIFO_END_WRITE, FALSE) == 0) ||
           (fifo_count(fifo, FIFO_END_WRITE, TRUE) > 0 &&
            fifo_count(fifo, FIFO_END_READ, FALSE) == 0);
}

const char *fifo_state(const Fifo *fifo)
{
    if (is_stuck(fifo))
        return "stuck";
    if (fifo_count(fifo, FIFO_END_READ | FIFO_END_WRITE, FALSE) > 0)
        return "open";
    if (fifo_is_held(fifo))
        return "held";
    /* "cached" means that nobody asked yet who holds it; a complete scan did, and found nobody. */
    if (fifo->scan == FIFO_SCAN_COMPLETE && strcmp(fifo->daemon_state, "cached") == 0)
        return fifo->used ? "idle" : "new";
    return fifo->daemon_state;
}
