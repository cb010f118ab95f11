/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node.h"

#include <string.h>

#include "directory.h"

#define BLOCK_BYTES 4096

/* A gap or a member more is noticed here, and not in the memory of somebody's machine. */
G_STATIC_ASSERT(sizeof(gpointer) < 8 || sizeof(FfNode) == 200);

FfLifetime ff_node_lifetime(const FfNode *node)
{
    if (ff_node_is_fifo(node) && (node->mode & S_ISVTX) != 0)
        return FF_LIFETIME_KEEP;
    return node->policy->lifetime;
}

FfState ff_node_state(const FfNode *node)
{
    switch (node->reference) {
    case FF_REFERENCE_HELD:
        return FF_STATE_IN_USE;
    case FF_REFERENCE_CACHED:
        return FF_STATE_CACHED;
    case FF_REFERENCE_NONE:
        break;
    }
    return node->use == FF_USE_NEVER ? FF_STATE_NEW : FF_STATE_IDLE;
}

const char *ff_state_name(FfState state)
{
    static const char *const names[] = {
        [FF_STATE_NEW] = "new",
        [FF_STATE_IDLE] = "idle",
        [FF_STATE_IN_USE] = "in-use",
        [FF_STATE_CACHED] = "cached",
    };

    return names[state];
}

FfLifetimeFacts ff_node_facts(const FfNode *node)
{
    const FfProcess *creator = node->creator;
    FfLifetimeFacts facts = {
        .policy = *node->policy,
        .reference = node->reference,
        .use = node->use,
        .creator_alive = creator != NULL && creator->alive,
        .creator_ended = creator != NULL && !creator->alive,
        .session_ended = creator != NULL && ff_process_session_ended(creator),
        .created = node->created,
        .last_used = node->last_used,
        .reference_since = node->reference_since,
        .probed = node->probed,
        .probe_wanted = node->probe_wanted || node->must_be_dropped,
        .reap_wanted = node->reap_wanted,
        .holding = node->holding,
    };

    facts.policy.lifetime = ff_node_lifetime(node);
    return facts;
}

char *ff_node_path(const FfNode *node)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new();
    g_autoptr(GString) path = g_string_new(NULL);

    for (; node->parent != NULL; node = node->parent)
        g_ptr_array_add(parts, (char *)ff_node_name(node));
    if (node->id != FF_ROOT_ID)
        return NULL;
    for (guint i = parts->len; i > 0; i--) {
        if (path->len > 0)
            g_string_append_c(path, '/');
        g_string_append(path, g_ptr_array_index(parts, i - 1));
    }
    return g_string_free(g_steal_pointer(&path), FALSE);
}

static nlink_t link_count(const FfNode *node)
{
    if (!ff_node_is_linked(node))
        return 0;
    return ff_node_is_fifo(node) ? 1 : 2 + node->directory->n_subdirectories;
}

/* A new directory counts for two names on tmpfs, and each name in it for one more. */
static off_t size_in_bytes(const FfNode *node)
{
    if (ff_node_is_fifo(node))
        return 0;
    return (2 + (off_t)ff_directory_size(node->directory)) * FF_DIRENT_BYTES;
}

void ff_node_stat(const FfNode *node, struct stat *out)
{
    *out = (struct stat){
        .st_ino = node->id,
        .st_mode = node->mode,
        .st_nlink = link_count(node),
        .st_uid = node->uid,
        .st_gid = node->gid,
        .st_size = size_in_bytes(node),
        .st_blksize = BLOCK_BYTES,
        .st_atim = ff_timestamp_unpack(node->atime),
        .st_mtim = ff_timestamp_unpack(node->mtime),
        .st_ctim = ff_timestamp_unpack(node->ctime),
    };
}
