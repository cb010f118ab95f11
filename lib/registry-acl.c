/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ACLs of nodes.
 *
 * The kernel checks who may set one and whether it is one, keeps what it was told, and asks again
 * after each change that comes from it: SETATTR, SETXATTR, LOOKUP (fs/fuse/acl.c, dir.c). What goes
 * with an ACL is left to the daemon: the mode that follows from it, the mask that follows chmod, and
 * what something new inherits.
 */
#include "registry-private.h"

#include <errno.h>

#define CLASS_BITS ((mode_t)0777)

const FfAcls *ff_registry_acls(const FfRegistry *registry)
{
    return registry->acls;
}

GBytes *ff_registry_acl(const FfRegistry *registry, const FfNode *node, FfAclType type)
{
    const FfAcl *acl = ff_acls_get(registry->acls, node, type);

    return acl == NULL ? NULL : ff_acl_to_bytes(acl);
}

void ff_registry_restore_acl(FfRegistry *registry, FfNode *node, FfAclType type, const FfAcl *acl)
{
    ff_acls_set(registry->acls, node, type, acl);
}

static mode_t ceiling_of(const FfRegistry *registry, const FfNode *node)
{
    return ff_modes_ceiling(&registry->options.modes, node->mode & S_IFMT);
}

static mode_t with_class_bits(const FfNode *node, mode_t bits)
{
    return (node->mode & FF_MODE_BITS & ~CLASS_BITS) | bits;
}

/* As with chmod, a class of the mode may keep what it has; so the root of rootmode= may. */
static int check_ceiling(const FfRegistry *registry, const FfNode *node, const FfAcl *acl)
{
    return ff_acl_is_within(acl, ceiling_of(registry, node) | node->mode) ? 0 : -EPERM;
}

static void keep_access(FfRegistry *registry, FfNode *node, const FfAcl *acl, gboolean keep_setgid)
{
    if (acl != NULL)
        node->mode = (node->mode & S_IFMT) | with_class_bits(node, ff_acl_mode(acl));
    if (!keep_setgid)
        node->mode &= ~(mode_t)S_ISGID;
    ff_acls_set(registry->acls, node, FF_ACL_ACCESS,
                acl != NULL && ff_acl_is_extended(acl) ? acl : NULL);
}

static int check(const FfRegistry *registry, const FfNode *node, FfAclType type, const FfAcl *acl)
{
    int r = 0;

    if (acl == NULL)
        return 0;
    if (type == FF_ACL_DEFAULT && ff_node_is_fifo(node))
        return -EACCES;
    if (type == FF_ACL_ACCESS)
        r = ff_registry_check_mode(registry, node, with_class_bits(node, ff_acl_mode(acl)));
    return r < 0 ? r : check_ceiling(registry, node, acl);
}

int ff_registry_set_acl(FfRegistry *registry, FfNode *node, FfAclType type, const FfAcl *acl,
                        gboolean keep_setgid)
{
    int r = check(registry, node, type, acl);

    if (r < 0)
        return r;
    if (type == FF_ACL_ACCESS)
        keep_access(registry, node, acl, keep_setgid);
    else
        ff_acls_set(registry->acls, node, type, acl);
    node->ctime = ff_registry_timestamp(registry);
    ff_registry_emit_plain(registry, FF_CHANGE_ATTRIBUTES, node);
    return 0;
}

void ff_registry_follow_mode(FfRegistry *registry, const FfNode *node)
{
    const FfAcl *former = ff_acls_get(registry->acls, node, FF_ACL_ACCESS);
    g_autoptr(FfAcl) acl = NULL;

    if (former == NULL)
        return;
    acl = ff_acl_copy(former);
    ff_acl_set_mode(acl, node->mode);
    ff_acls_set(registry->acls, node, FF_ACL_ACCESS, acl);
}

void ff_registry_inherit_acl(FfRegistry *registry, FfNode *node, const FfNode *directory,
                             mode_t requested)
{
    const FfAcl *inherited = ff_acls_get(registry->acls, directory, FF_ACL_DEFAULT);
    g_autoptr(FfAcl) acl = NULL;

    if (inherited == NULL)
        return;
    acl = ff_acl_copy(inherited);
    ff_acl_cut_at_mode(acl, requested);
    ff_acl_cut_at_ceiling(acl, ceiling_of(registry, node));
    if (ff_node_is_fifo(node))
        ff_acl_set_mode(acl, ff_acl_mode(acl) | registry->options.modes.fifo_floor);
    else
        ff_acls_set(registry->acls, node, FF_ACL_DEFAULT, inherited);
    keep_access(registry, node, acl, TRUE);
}
