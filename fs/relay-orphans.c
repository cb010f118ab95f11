/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Relays that nobody will ever close. A creator that is killed after one worker has carried his
 * request out, and before another one has read it again, takes the request back without a word
 * (fs/fuse/dev.c request_wait_answer()): he never gets the handle that we have the FIFO open for.
 *
 * That looks as if the first worker had answered before it died, but for one thing: who was answered
 * has the kernel know the relay's inode as soon as he runs, or has ended.
 */
#include "relay-private.h"

#include "kernel.h"

/* Of a creator that nobody can watch it is taken that he has run by then. */
#define PATIENCE (60 * G_TIME_SPAN_SECOND)

void ff_relay_suspect(FfRelays *relays, Relay *relay)
{
    if (relays->fuse != NULL && relays->settled_at == 0)
        g_hash_table_add(relays->suspects, relay);
}

/* Can its creator no longer be about to take what he was answered? */
static gboolean has_creator_gone(FfRelays *relays, const Relay *relay)
{
    g_autoptr(FfRegistryLocker) locker = NULL;
    const FfNode *node;

    if (g_get_monotonic_time() >= relays->settled_at + PATIENCE)
        return TRUE;
    locker = ff_registry_locker_new(relays->registry);
    node = ff_registry_find(relays->registry, relay->fifo);
    return node != NULL && node->creator != NULL && !node->creator->alive;
}

/* Return: whether it is known by now what it is. */
static gboolean examine(gpointer key, gpointer value, gpointer data)
{
    FfRelays *relays = data;
    const Relay *relay = key;
    /* First, as he may run until then and leave the handle to somebody else. */
    gboolean gone = has_creator_gone(relays, relay);
    gboolean known = ff_kernel_knows(relays->fuse, relay->fifo | FF_RELAY_BIT);

    if (!known && gone)
        ff_relays_release(relays, NULL, relay->fifo);
    return known || gone;
}

void ff_relay_look_for_orphans(FfRelays *relays)
{
    if (relays->settled_at != 0)
        g_hash_table_foreach_remove(relays->suspects, examine, relays);
}
