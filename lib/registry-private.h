/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files that make up the registry share: registry.c, attributes.c and references.c. */
#pragma once

#include "registry.h"
#include "siphash.h"

struct FfRegistry {
    GMutex lock;
    /* How many threads wait for it; atomic. */
    gint n_waiting;
    /* For whom whoever has the lock is at work. */
    FfActor actor;
    FfRegistryOptions options;
    const FfClock *clock;

    /* Every node, with or without a name. */
    FfTable by_id;
    /* Every node that has a name, by its directory and the name. */
    FfTable by_name;
    FfSipKey name_key;
    FfNode *root;
    /* What turns monotonic times into wall-clock times. */
    gint64 realtime_offset;
    guint64 next_id;
    guint64 next_cookie;
    guint n_fifos, n_directories;
    guint64 n_probes, n_notes_lost;

    /* FfProcess, with a reference: those that have ended, while some of their nodes are not told. */
    GQueue ended;

    FfPolicyPool *policies;
    GArray *listeners;
};

static inline FfNode *ff_node_of_id_link(FfTableLink *link)
{
    return (FfNode *)((char *)link - G_STRUCT_OFFSET(FfNode, by_id));
}

/* The current time, as a node keeps it. */
static inline FfTimestamp ff_registry_timestamp(const FfRegistry *registry)
{
    return ff_timestamp_pack(ff_registry_realtime(registry));
}

/* Tell the listeners. */
void ff_registry_emit(FfRegistry *registry, const FfChange *change);

/* The same, for a change that has nothing to say but which node it happened to. */
void ff_registry_emit_plain(FfRegistry *registry, FfChangeKind kind, FfNode *node);

/* Exchange the node's policy for this one. */
void ff_registry_adopt_policy(FfRegistry *registry, FfNode *node, const FfPolicy *policy);

/* For a node without a name that the kernel has forgotten. */
void ff_registry_free_node(FfRegistry *registry, FfNode *node);

/*
 * Keep FfDirectory.n_quiet_cached, n_held and n_held_unopened true: -1 before what they count by changes, or the
 * parent does, and 1 after.
 */
void ff_registry_count_reference(const FfNode *node, int by);
