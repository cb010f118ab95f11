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
    node->lookup_serial++;
    ff_registry_mark(registry, node, FF_UNSAVED_USE);
    if (!ff_node_is_fifo(node))
        return;
    if (node->reference == FF_REFERENCE_CACHED)
        return;
    was_open = node->reference == FF_REFERENCE_HELD && node->use == FF_USE_OPENED;
    node->doubted = (leave_held(registry, node) || was_open) && !node->holding;
    node->probe_wanted |= was_open && !node->holding;
    set_reference(registry, node, FF_REFERENCE_CACHED);
    ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
}

void ff_registry_add_own_lookup(FfRegistry *registry, FfNode *node)
{
    node->lookups++;
    ff_registry_mark(registry, node, FF_UNSAVED_USE);
}

void ff_registry_set_holding(FfRegistry *registry, FfNode *node, gboolean holding)
{
    if (node->holding == holding)
        return;
    /* Whether others have it still, their FORGET tells only once the kernel was asked again. */
    if (!holding && node->reference == FF_REFERENCE_HELD) {
        leave_held(registry, node);
        set_reference(registry, node, FF_REFERENCE_CACHED);
    }
    ff_registry_count_reference(node, -1);
    node->holding = holding;
    ff_registry_count_reference(node, 1);
    ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
}

/*
 * Has nobody looked it up meanwhile, and nobody renamed it? Then what a probe has found stands, and its
 * name is in no cache but where its policy allows it.
 */
static gboolean probe_stands(FfNode *node, guint serial)
{
    if (node->lookup_serial != serial)
        return FALSE;
    node->must_be_dropped = FALSE;
    return TRUE;
}

void ff_registry_end_holding_probe(FfRegistry *registry, FfNode *node, guint serial,
                                   gboolean in_use)
{
    if (probe_stands(node, serial) && node->reference != FF_REFERENCE_NONE) {
        /* It may have been somebody else each time, of whom no close tells. */
        leave_held(registry, node);
        set_reference(registry, node, in_use ? FF_REFERENCE_HELD : FF_REFERENCE_CACHED);
        node->doubted = FALSE;
    }
    ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
}

void ff_registry_doubt(FfRegistry *registry, FfNode *node)
{
    if (!ff_node_is_fifo(node) || !ff_node_is_linked(node) || node->reference == FF_REFERENCE_NONE)
        return;
    node->probe_wanted = TRUE;
    /* Who has asked for it before is not known. */
    node->must_be_dropped = ff_policy_wants_lookups(node->policy);
    if (node->reference == FF_REFERENCE_HELD) {
        node->doubted = leave_held(registry, node) && !node->holding;
        set_reference(registry, node, FF_REFERENCE_CACHED);
    }
    ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
}

void ff_registry_forget(FfRegistry *registry, FfNode *node, guint64 n)
{
    node->lookups -= MIN(n, node->lookups);
    ff_registry_mark(registry, node, FF_UNSAVED_USE);
    if (node->lookups > 0) {
        /*
         * An inode has gone that was held, and no LOOKUP has come since the probe that found it so:
         * a process before us has counted more lookups than it has told of.
         */
        if (node->reference == FF_REFERENCE_HELD)
            ff_registry_doubt(registry, node);
        return;
    }
    if (!ff_node_is_linked(node)) {
        ff_registry_free_node(registry, node);
        return;
    }
    if (!ff_node_is_fifo(node))
        return;
    /* That we let it go says nothing of when it was used last. */
    if (!node->holding)
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

void ff_registry_answer_lookup_again(FfRegistry *registry, FfNode *node)
{
    node->lookup_serial++;
    ff_registry_mark(registry, node, FF_UNSAVED_USE);
}

void ff_registry_forget_rest(FfRegistry *registry, FfNode *node, guint serial)
{
    if (node->lookups > 0 && node->lookup_serial == serial)
        ff_registry_forget(registry, node, node->lookups);
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
    gboolean stands = probe_stands(node, serial);
    gboolean cached = node->reference == FF_REFERENCE_CACHED;

    if (held && cached && stands) {
        set_reference(registry, node, FF_REFERENCE_HELD);
        node->doubted = FALSE;
    } else if (held && cached && node->use == FF_USE_OPENED) {
        /* Who opened it before may close it under a name that was dropped, and has another now. */
        node->doubted = TRUE;
        node->probe_wanted = TRUE;
    }
    ff_registry_emit_plain(registry, FF_CHANGE_REFERENCE, node);
}

void ff_registry_set_relayed(FfRegistry *registry, FfNode *node, gboolean relayed)
{
    node->relayed = relayed;
}

void ff_registry_note_opened(FfRegistry *registry, FfNode *node)
{
    if (node->relayed)
        return;
    note_use(registry, node, FF_USE_OPENED);
    node->used_since_idle = TRUE;
    ff_registry_emit_plain(registry, FF_CHANGE_OPENED, node);
}

void ff_registry_note_closed(FfRegistry *registry, FfNode *node)
{
    /* A close without an open is that of a file whose old name another FIFO has now. */
    if (node->use == FF_USE_OPENED)
        note_use(registry, node, FF_USE_OPENED);
    /* No FORGET tells whether that was the last. */
    if (node->holding && node->reference == FF_REFERENCE_HELD)
        set_reference(registry, node, FF_REFERENCE_CACHED);
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
    ff_registry_mark(registry, directory, FF_UNSAVED_USE);
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
    ff_registry_mark(registry, directory, FF_UNSAVED_USE);
}

void ff_registry_set_busy(FfRegistry *registry, FfNode *node, gboolean busy)
{
    ff_registry_count_reference(node, -1);
    node->busy = busy;
    ff_registry_mark(registry, node, FF_UNSAVED_USE);
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
