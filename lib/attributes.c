/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry-private.h"

#include <errno.h>

/* Bits that the mode has already may stay: the root's may lie outside of the ceiling by rootmode=.
 */
static int check_mode(const FfRegistry *registry, const FfNode *node, mode_t mode)
{
    mode_t bits = mode & FF_MODE_BITS;

    if (bits == (node->mode & FF_MODE_BITS))
        return 0;
    return ff_modes_allow(&registry->options.modes, node->mode & S_IFMT, bits) ? 0 : -EPERM;
}

static int check_owner(const FfRegistry *registry, const FfNode *node, const FfAttributes *wanted)
{
    const FfRegistryOptions *options = &registry->options;

    if (wanted->set_uid && options->fix_uid && wanted->uid != node->uid)
        return -EPERM;
    if (wanted->set_gid && options->fix_gid && wanted->gid != node->gid)
        return -EPERM;
    return 0;
}

int ff_registry_set_attributes(FfRegistry *registry, FfNode *node, const FfAttributes *wanted)
{
    int r = wanted->set_mode ? check_mode(registry, node, wanted->mode) : 0;

    if (r == 0)
        r = check_owner(registry, node, wanted);
    if (r < 0)
        return r;
    if (wanted->set_mode)
        node->mode = (node->mode & S_IFMT) | (wanted->mode & FF_MODE_BITS);
    if (wanted->set_uid)
        node->uid = wanted->uid;
    if (wanted->set_gid)
        node->gid = wanted->gid;
    if (wanted->set_atime)
        node->atime = wanted->atime;
    if (wanted->set_mtime)
        node->mtime = wanted->mtime;
    node->ctime = ff_registry_realtime(registry);
    ff_registry_emit_plain(registry, FF_CHANGE_ATTRIBUTES, node);
    return 0;
}

static const FfPolicy *inherited_policy(const FfRegistry *registry, const FfNode *node)
{
    return node->parent == NULL ? &registry->options.policy : node->parent->policy;
}

int ff_registry_set_policy(FfRegistry *registry, FfNode *node, const char *key, const char *value)
{
    FfPolicy policy = *node->policy;
    int r = value == NULL ? ff_policy_copy_key(&policy, key, inherited_policy(registry, node))
                          : ff_policy_set(&policy, key, value);

    if (r < 0)
        return r;
    ff_registry_adopt_policy(registry, node, &policy);
    if (g_str_equal(key, "lifetime") && ff_node_is_fifo(node))
        node->mode &= ~(mode_t)S_ISVTX;
    node->ctime = ff_registry_realtime(registry);
    ff_registry_emit_plain(registry, FF_CHANGE_POLICY, node);
    return 0;
}
