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

static gboolean in_group(const FfCaller *caller, gid_t gid)
{
    if (caller->gid == gid)
        return TRUE;
    for (guint i = 0; i < caller->n_groups; i++)
        if (caller->groups[i] == gid)
            return TRUE;
    return FALSE;
}

/* The first class that fits decides, as in the kernel (fs/namei.c acl_permission_check()). */
static mode_t class_bits(const FfCaller *caller, mode_t mode, uid_t uid, gid_t gid)
{
    if (caller->uid == uid)
        return (mode >> 6) & 7;
    if (in_group(caller, gid))
        return (mode >> 3) & 7;
    return mode & 7;
}

gboolean ff_access_allows(const FfCaller *caller, mode_t mode, uid_t uid, gid_t gid, mode_t wanted)
{
    return caller->uid == 0 || (class_bits(caller, mode, uid, gid) & wanted) == wanted;
}

gboolean ff_access_may_list(const FfCaller *caller, const FfNode *directory)
{
    const mode_t read_and_search = 5;

    return ff_access_allows(caller, directory->mode, directory->uid, directory->gid,
                            read_and_search);
}

gboolean ff_access_may_reach(const FfCaller *caller, const FfNode *directory)
{
    for (; ff_node_is_linked(directory); directory = directory->parent) {
        if (!ff_access_may_list(caller, directory))
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
