/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry-private.h"

#include <errno.h>

/* Bits that the mode has already may stay: the root's may lie outside of the ceiling by rootmode=.
 */
int ff_registry_check_mode(const FfRegistry *registry, const FfNode *node, mode_t mode)
{
    mode_t bits = mode & FF_MODE_BITS;

    if (bits == (node->mode & FF_MODE_BITS))
        return 0;
    return ff_modes_allow(&registry->options.modes, node->mode & S_IFMT, bits) ? 0 : -EPERM;
}

static int check_owner(const FfRegistry *registry, const FfNode *node, const FfAttributes *wanted)
{
    const FfRegistryOptions *options = &registry->options;

    if (wanted->set_uid && options->fix_uid && wanted->uid != node->uid &&
        wanted->uid != options->uid)
        return -EPERM;
    if (wanted->set_gid && options->fix_gid && wanted->gid != node->gid &&
        wanted->gid != options->gid)
        return -EPERM;
    return 0;
}

/*
 * Does it come to be charged to another? Only what has a name is charged, and the root is not. Where all belongs to one
 * owner, whoever has made it remains charged.
 */
static gboolean moves_charge(const FfRegistry *registry, const FfNode *node,
                             const FfAttributes *wanted)
{
    return wanted->set_uid && wanted->uid != node->charged_uid && node->parent != NULL &&
           !registry->options.fix_uid;
}

static int check_quota(FfRegistry *registry, const FfNode *node, const FfAttributes *wanted)
{
    int r = 0;

    if (!wanted->exempt && moves_charge(registry, node, wanted))
        r = ff_quota_check_user(registry->quota, &registry->options.limits,
                                ff_quota_kind(node->mode), wanted->uid);
    ff_quota_note_refused(registry->quota, r);
    return r;
}

/* As utimensat(2). The kernel has looked, but a journal with such a time could not be read. */
static int check_times(const FfAttributes *wanted)
{
    if ((wanted->set_atime && !ff_timestamp_can_pack(wanted->atime)) ||
        (wanted->set_mtime && !ff_timestamp_can_pack(wanted->mtime)))
        return -EINVAL;
    return 0;
}

int ff_registry_set_attributes(FfRegistry *registry, FfNode *node, const FfAttributes *wanted)
{
    int r = check_times(wanted);

    if (r == 0 && wanted->set_mode)
        r = ff_registry_check_mode(registry, node, wanted->mode);
    if (r == 0)
        r = check_owner(registry, node, wanted);
    if (r == 0)
        r = check_quota(registry, node, wanted);
    if (r < 0)
        return r;
    if (wanted->set_mode) {
        node->mode = (node->mode & S_IFMT) | (wanted->mode & FF_MODE_BITS);
        ff_registry_follow_mode(registry, node);
    }
    if (moves_charge(registry, node, wanted))
        ff_quota_move(registry->quota, node, wanted->uid);
    if (wanted->set_uid)
        node->uid = wanted->uid;
    if (wanted->set_gid)
        node->gid = wanted->gid;
    if (wanted->set_atime)
        node->atime = ff_timestamp_pack(wanted->atime);
    if (wanted->set_mtime)
        node->mtime = ff_timestamp_pack(wanted->mtime);
    node->ctime = ff_registry_timestamp(registry);
    ff_registry_emit_plain(registry, FF_CHANGE_ATTRIBUTES, node);
    return 0;
}

static const FfPolicy *inherited_policy(const FfRegistry *registry, const FfNode *node)
{
    return node->parent == NULL ? &registry->options.policy : node->parent->policy;
}

static void change_policy(FfRegistry *registry, FfNode *node, const char *key,
                          const FfPolicy *policy)
{
    gboolean wanted_lookups = ff_policy_wants_lookups(node->policy);

    ff_registry_adopt_policy(registry, node, policy);
    if (g_str_equal(key, "lifetime") && ff_node_is_fifo(node))
        node->mode &= ~(mode_t)S_ISVTX;
    /* A name that is cached can be opened without a LOOKUP, which that needs from now on. */
    if (!wanted_lookups && ff_policy_wants_lookups(policy) &&
        node->reference == FF_REFERENCE_CACHED)
        node->must_be_dropped = TRUE;
    node->ctime = ff_registry_timestamp(registry);
    ff_registry_emit_plain(registry, FF_CHANGE_POLICY, node);
}

int ff_registry_set_policy(FfRegistry *registry, FfNode *node, const char *key, const char *value)
{
    FfPolicy policy = *node->policy;
    int r = value == NULL ? ff_policy_copy_key(&policy, key, inherited_policy(registry, node))
                          : ff_policy_set(&policy, key, value);

    if (r == 0)
        change_policy(registry, node, key, &policy);
    return r;
}

/* Give a directory the new default of each value of which it has the former. */
static void follow_default(FfRegistry *registry, FfNode *node, const FfPolicy *former,
                           const FfPolicy *wanted)
{
    for (guint i = 0; ff_policy_keys[i] != NULL; i++) {
        const char *key = ff_policy_keys[i];
        FfPolicy policy = *node->policy;

        if (ff_policy_equal_in(former, wanted, key) ||
            !ff_policy_equal_in(node->policy, former, key))
            continue;
        ff_policy_copy_key(&policy, key, wanted);
        change_policy(registry, node, key, &policy);
    }
}

typedef struct {
    FfRegistry *registry;
    const FfPolicy *former, *wanted;
} Reform;

static void reform_directory(FfTableLink *link, gpointer data)
{
    FfNode *node = ff_node_of_id_link(link);
    const Reform *reform = data;

    if (!ff_node_is_fifo(node) && ff_node_is_linked(node))
        follow_default(reform->registry, node, reform->former, reform->wanted);
}

void ff_registry_set_options(FfRegistry *registry, const FfRegistryOptions *options)
{
    FfRegistryOptions former = registry->options, wanted = *options;
    FfNode *root = registry->root;
    Reform reform = {registry, &former.policy, &wanted.policy};

    wanted.root_uid = former.root_uid;
    wanted.root_gid = former.root_gid;
    registry->options = wanted;
    if (wanted.root_mode != former.root_mode) {
        root->mode = S_IFDIR | (wanted.root_mode & FF_MODE_BITS);
        ff_registry_follow_mode(registry, root);
        root->ctime = ff_registry_timestamp(registry);
        ff_registry_emit_plain(registry, FF_CHANGE_ATTRIBUTES, root);
    }
    ff_table_foreach(&registry->by_id, reform_directory, &reform);
}
