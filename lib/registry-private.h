/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files that make up the registry share: registry.c, attributes.c, registry-acl.c and
 * references.c.
 */
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
    FfQuota *quota;
    guint64 n_probes, n_notes_lost;

    /* FfProcess, with a reference: those that have ended, while some of their nodes are not told. */
    GQueue ended;

    FfPolicyPool *policies;
    FfAcls *acls;
    GArray *listeners;

    /* What has changed since the last commit; NULL where nobody keeps a journal. */
    void (*commit)(gpointer data);
    gpointer commit_data;
    /* FfNode: those with something in `unsaved`; and the ids of those that are no more. */
    GPtrArray *unsaved;
    GArray *gone;
};

/* Which part of a node a journal has to write. */
typedef enum {
    FF_UNSAVED_ALL = 1 << 0,
    /* References and use. */
    FF_UNSAVED_USE = 1 << 1,
    /* Times of a directory in which a name has come or gone. */
    FF_UNSAVED_TIMES = 1 << 2,
} FfUnsaved;

void ff_registry_mark(FfRegistry *registry, FfNode *node, FfUnsaved what);

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

/* May its mode become this? Return: 0 or -EPERM. */
int ff_registry_check_mode(const FfRegistry *registry, const FfNode *node, mode_t mode);

/* The node has another mode, and an access ACL says the same of owner, mask and others. */
void ff_registry_follow_mode(FfRegistry *registry, const FfNode *node);

/* Give a new node what its directory's default ACL says, which is a mode too. */
void ff_registry_inherit_acl(FfRegistry *registry, FfNode *node, const FfNode *directory,
                             mode_t requested);

/* A node that has neither a name nor a place yet, nor times. */
FfNode *ff_registry_new_node(FfRegistry *registry, guint64 id, mode_t mode, const FfPolicy *policy);

/* @creator: (nullable). The node has none yet. */
void ff_registry_set_creator(FfNode *node, FfProcess *creator);

/* While it is in no table. */
void ff_registry_set_name(FfNode *node, const char *name);

/*
 * Enter a node whose name, parent and cookie are set where names are found. Return: FALSE where that
 * name or cookie is there already.
 */
gboolean ff_registry_put_restored(FfRegistry *registry, FfNode *node);

/* For a node without a name that the kernel has forgotten. */
void ff_registry_free_node(FfRegistry *registry, FfNode *node);

/*
 * Keep FfDirectory.n_quiet_cached, n_held and n_held_unopened true: -1 before what they count by changes, or the
 * parent does, and 1 after.
 */
void ff_registry_count_reference(const FfNode *node, int by);
