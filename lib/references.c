/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the registry knows of the kernel's references to a FIFO, and of its use.
 *
 *              LOOKUP                 probe: still there
 *     NONE ---------------> CACHED ------------------------> HELD
 *       ^                    |  ^                             |
 *       |       FORGET       |  |           LOOKUP            |
 *       +--------------------+  +-----------------------------+
 *       +----------------------- FORGET ----------------------+
 *
 * HELD is the only state that proves use while it lasts, so leaving it is what dates the last use.
 */
#include "registry-private.h"

#include <errno.h>

#include "directory.h"
#include "duration.h"

/*
 * A stat() holds a reference for microseconds, and a probe may meet it. What was held for less than
 * this was not in use: neither was it opened (an open is reported, as no directory rests
 * meanwhile) nor did anybody wait for long.
 */
#define SHORTEST_USE (50 * FF_MILLISECOND)

static void set_reference(FfRegistry *registry, FfNode *node, FfReference reference)
{
    ff_registry_count_reference(node, -1);
    node->reference = reference;
    node->reference_since = ff_registry_now(registry);
    ff_registry_count_reference(node, 1);
}

static void note_use(FfRegistry *registry, FfNode *node, FfUse use)
{
    if (use > node->use) {
        ff_registry_count_reference(node, -1);
        node->use = use;
        ff_registry_count_reference(node, 1);
    }
    node->last_used = ff_registry_now(registry);
    node->reap_wanted = FALSE;
}

/* Its use may be reported only after the kernel has forgotten it. */
static void tell_if_idle(FfRegistry *registry, FfNode *node)
{
    if (node->reference != FF_REFERENCE_NONE || !node->used_since_idle)
        return;
    node->used_since_idle = FALSE;
    ff_registry_emit_plain(registry, FF_CHANGE_IDLE, node);
}

/* Return: whether it was in use until now. */
static gboolean leave_held(FfRegistry *registry, FfNode *node)
{
    gboolean watched = node->parent != NULL && node->parent->directory->watched;

    if (node->reference != FF_REFERENCE_HELD ||
        ff_registry_now(registry) - node->reference_since < SHORTEST_USE)
        return FALSE;
    note_use(registry, node, watched ? FF_USE_AWAITED : FF_USE_OPENED);
    node->used_since_idle = TRUE;
    return TRUE;
}

void ff_registry_add_lookup(FfRegistry *registry, FfNode *node)
{
    gboolean was_open;

    node->lookups++;
    if (!ff_node_is_fifo(node))
        return;
    node->lookup_serial++;
    if (node->reference == FF_REFERENCE_CACHED)
        return;
    was_open = node->reference == FF_REFERENCE_HELD && node->use == FF_USE_OPENED;
    node->doubted = leave_held(registry, node) || was_open;
    node->probe_wanted |= was_open;
    set_reference(registry, node, FF_REFERENCE_CACHED);
    ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
}

void ff_registry_forget(FfRegistry *registry, FfNode *node, guint64 n)
{
    node->lookups -= MIN(n, node->lookups);
    if (node->lookups > 0)
        return;
    if (!ff_node_is_linked(node)) {
        ff_registry_free_node(registry, node);
        return;
    }
    if (!ff_node_is_fifo(node))
        return;
    leave_held(registry, node);
    /* Its close may have been reported under a name that it no longer has. */
    if (node->doubted)
        note_use(registry, node, FF_USE_AWAITED);
    node->doubted = FALSE;
    node->must_be_dropped = FALSE;
    set_reference(registry, node, FF_REFERENCE_NONE);
    ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
    tell_if_idle(registry, node);
}

int ff_registry_reap(FfRegistry *registry, FfNode *node, gboolean wanted)
{
    FfLifetimeFacts facts = ff_node_facts(node);
    FfReason reason;

    facts.reap_wanted = TRUE;
    /* It may be another one who looks at it; that will turn out. */
    if (ff_registry_now(registry) - node->reference_since < SHORTEST_USE)
        facts.reference = FF_REFERENCE_CACHED;
    if (wanted && ff_lifetime_due(&facts, &reason) > ff_registry_now(registry))
        return -EBUSY;
    node->reap_wanted = wanted;
    ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
    return 0;
}

guint ff_registry_begin_probe(FfRegistry *registry, FfNode *node)
{
    node->probed = ff_registry_now(registry);
    node->probe_wanted = FALSE;
    registry->n_probes++;
    return node->lookup_serial;
}

void ff_registry_end_probe(FfRegistry *registry, FfNode *node, guint serial, gboolean held)
{
    if (node->lookup_serial == serial)
        node->must_be_dropped = FALSE;
    if (held && node->reference == FF_REFERENCE_CACHED && node->lookup_serial == serial) {
        set_reference(registry, node, FF_REFERENCE_HELD);
        node->doubted = FALSE;
    }
    ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
}

void ff_registry_note_opened(FfRegistry *registry, FfNode *node)
{
    note_use(registry, node, FF_USE_OPENED);
    node->used_since_idle = TRUE;
    ff_registry_emit_plain(registry, FF_CHANGE_OPENED, node);
}

void ff_registry_note_closed(FfRegistry *registry, FfNode *node)
{
    /* A close without an open is that of a file whose old name another FIFO has now. */
    if (node->use == FF_USE_OPENED)
        note_use(registry, node, FF_USE_OPENED);
    ff_registry_emit_plain(registry, FF_CHANGE_CLOSED, node);
    tell_if_idle(registry, node);
}

void ff_registry_note_released(FfRegistry *registry, FfNode *node)
{
    ff_registry_emit_plain(registry, FF_CHANGE_RELEASED, node);
}

static void note_lost(FfTableLink *link, gpointer data)
{
    FfNode *node = ff_node_of_id_link(link);
    FfRegistry *registry = data;

    if (!ff_node_is_fifo(node) || !ff_node_is_linked(node) || node->reference == FF_REFERENCE_NONE)
        return;
    note_use(registry, node, FF_USE_OPENED);
    node->used_since_idle = TRUE;
    ff_registry_emit_plain(registry, FF_CHANGE_CLOSED, node);
}

void ff_registry_notes_lost(FfRegistry *registry)
{
    registry->n_notes_lost++;
    ff_table_foreach(&registry->by_id, note_lost, registry);
}

void ff_registry_set_watched(FfRegistry *registry, FfNode *directory, gboolean watched)
{
    directory->directory->watched = watched;
}

gboolean ff_registry_may_pause(const FfRegistry *registry, const FfNode *directory)
{
    return directory->directory->n_quiet_cached == 0;
}

gboolean ff_registry_may_rest(const FfRegistry *registry, const FfNode *directory)
{
    return ff_registry_may_pause(registry, directory) &&
           directory->directory->n_held_unopened == 0 &&
           ff_registry_now(registry) - directory->directory->latest_held >= SHORTEST_USE;
}

void ff_registry_set_blind(FfRegistry *registry, FfNode *directory, gboolean blind)
{
    directory->directory->blind = blind;
}

void ff_registry_set_busy(FfRegistry *registry, FfNode *node, gboolean busy)
{
    ff_registry_count_reference(node, -1);
    node->busy = busy;
    ff_registry_count_reference(node, 1);
}

static gboolean is_quiet_cached(const FfNode *node, gint64 since)
{
    return ff_node_is_fifo(node) && node->reference == FF_REFERENCE_CACHED && !node->busy &&
           node->reference_since <= since;
}

guint64 ff_registry_probe_quiet(FfRegistry *registry, FfNode *directory, guint64 cookie,
                                guint n_names, gint64 since)
{
    guint position = ff_directory_seek(directory->directory, cookie);
    FfNode *node = ff_directory_next(directory->directory, &position);

    for (; node != NULL && n_names > 0; n_names--) {
        cookie = node->cookie;
        if (is_quiet_cached(node, since)) {
            node->probe_wanted = TRUE;
            ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
        }
        node = ff_directory_next(directory->directory, &position);
    }
    return node == NULL ? 0 : cookie;
}

static void have_told(FfRegistry *registry, FfProcess *process)
{
    process->untold = process->created;
    g_queue_push_tail(&registry->ended, ff_process_ref(process));
}

void ff_registry_process_ended(FfRegistry *registry, FfProcess *process)
{
    GHashTableIter iter;
    gpointer member;

    process->alive = FALSE;
    have_told(registry, process);
    if (process->members == NULL)
        return;
    g_hash_table_iter_init(&iter, process->members);
    while (g_hash_table_iter_next(&iter, &member, NULL))
        have_told(registry, member);
}

static void tell_next(FfRegistry *registry, FfProcess *process)
{
    FfNode *node = process->untold;

    process->untold = node->creator_next;
    if (ff_node_is_linked(node))
        ff_registry_emit_plain(registry, FF_CHANGE_CREATOR_ENDED, node);
}

gboolean ff_registry_tell_ended(FfRegistry *registry, guint n)
{
    FfProcess *process;

    while ((process = g_queue_peek_head(&registry->ended)) != NULL) {
        if (process->untold == NULL) {
            ff_process_unref(g_queue_pop_head(&registry->ended));
            continue;
        }
        if (n-- == 0)
            return TRUE;
        tell_next(registry, process);
    }
    return FALSE;
}

guint64 ff_registry_n_probes(const FfRegistry *registry)
{
    return registry->n_probes;
}

guint64 ff_registry_n_notes_lost(const FfRegistry *registry)
{
    return registry->n_notes_lost;
}
