/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access.h"

#include "node.h"

gboolean ff_access_owns(const FfCaller *caller, const FfNode *node)
{
    return caller->uid == 0 || caller->uid == node->uid;
}

gboolean ff_access_may_remove(const FfCaller *caller, const FfNode *directory, const FfNode *node)
{
    return ff_access_owns(caller, node) || caller->uid == directory->uid;
}

gboolean ff_access_in_group(const FfCaller *caller, gid_t gid)
{
    if (caller->gid == gid)
        return TRUE;
    for (guint i = 0; i < caller->n_groups; i++)
        if (caller->groups[i] == gid)
            return TRUE;
    return FALSE;
}

/* The first class that fits decides. */
static mode_t class_bits(const FfCaller *caller, const FfPermissions *permissions)
{
    if (caller->uid == permissions->uid)
        return (permissions->mode >> 6) & 7;
    if (ff_access_in_group(caller, permissions->gid))
        return (permissions->mode >> 3) & 7;
    return permissions->mode & 7;
}

/* What the mask leaves of an entry. It comes behind all that it bounds. */
static mode_t masked(const FfAcl *acl, const FfAclEntry *entry)
{
    const FfAclEntry *end = acl->entries + acl->n_entries;

    for (const FfAclEntry *mask = entry + 1; mask < end; mask++)
        if (mask->tag == FF_ACL_MASK)
            return entry->permissions & mask->permissions;
    return entry->permissions;
}

/* The owner has not come to be looked for here. */
static gboolean is_for(const FfAclEntry *entry, const FfCaller *caller,
                       const FfPermissions *permissions)
{
    switch (entry->tag) {
    case FF_ACL_USER:
        return caller->uid == entry->id;
    case FF_ACL_OWNING_GROUP:
        return ff_access_in_group(caller, permissions->gid);
    case FF_ACL_GROUP:
        return ff_access_in_group(caller, entry->id);
    case FF_ACL_OTHERS:
        return TRUE;
    default:
        return FALSE;
    }
}

static gboolean is_of_group(const FfAclEntry *entry)
{
    return entry->tag == FF_ACL_OWNING_GROUP || entry->tag == FF_ACL_GROUP;
}

/*
 * The first entry for the caller decides (fs/posix_acl.c posix_acl_permission()). Of the groups it is
 * the first that allows what is wanted, before the mask takes away from it; where there are some and
 * none does, nobody else is asked.
 */
static gboolean acl_allows(const FfCaller *caller, const FfPermissions *permissions, mode_t wanted)
{
    const FfAcl *acl = permissions->acl;
    gboolean in_some_group = FALSE;

    for (guint i = 0; i < acl->n_entries; i++) {
        const FfAclEntry *entry = &acl->entries[i];

        if (!is_for(entry, caller, permissions) || (in_some_group && !is_of_group(entry)))
            continue;
        in_some_group |= is_of_group(entry);
        if (!is_of_group(entry) || (entry->permissions & wanted) == wanted)
            return (masked(acl, entry) & wanted) == wanted;
    }
    return FALSE;
}

/* As fs/namei.c acl_permission_check(), which asks no ACL where the mask has nothing to give. */
gboolean ff_access_allows(const FfCaller *caller, const FfPermissions *permissions, mode_t wanted)
{
    gboolean is_owner = caller->uid == permissions->uid;

    if (caller->uid == 0)
        return TRUE;
    if (permissions->acl != NULL && !is_owner && (permissions->mode & 0070) != 0)
        return acl_allows(caller, permissions, wanted);
    return (class_bits(caller, permissions) & wanted) == wanted;
}

gboolean ff_access_may_list(const FfCaller *caller, const FfAcls *acls, const FfNode *directory)
{
    const mode_t read_and_search = 5;
    const FfPermissions permissions = {
        .mode = directory->mode,
        .uid = directory->uid,
        .gid = directory->gid,
        .acl = ff_acls_get(acls, directory, FF_ACL_ACCESS),
    };

    return ff_access_allows(caller, &permissions, read_and_search);
}

gboolean ff_access_may_reach(const FfCaller *caller, const FfAcls *acls, const FfNode *directory)
{
    for (; ff_node_is_linked(directory); directory = directory->parent) {
        if (!ff_access_may_list(caller, acls, directory))
            return FALSE;
        if (directory->id == FF_ROOT_ID)
            return TRUE;
    }
    /* It was removed, and nobody can say any more where it was. */
    return FALSE;
}

FfCaller ff_caller_copy(const FfCaller *caller)
{
    FfCaller copy = *caller;

    copy.groups = g_memdup2(caller->groups, caller->n_groups * sizeof *caller->groups);
    return copy;
}

void ff_caller_clear(FfCaller *caller)
{
    g_free((gid_t *)caller->groups);
    *caller = (FfCaller){0};
}
