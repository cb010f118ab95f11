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
static mode_t class_bits(const FfCaller *caller, const FfNode *node)
{
    if (caller->uid == node->uid)
        return (node->mode >> 6) & 7;
    if (in_group(caller, node->gid))
        return (node->mode >> 3) & 7;
    return node->mode & 7;
}

gboolean ff_access_may_list(const FfCaller *caller, const FfNode *directory)
{
    const mode_t read_and_search = 5;

    return caller->uid == 0 || (class_bits(caller, directory) & read_and_search) == read_and_search;
}

gboolean ff_access_may_reach(const FfCaller *caller, const FfNode *directory)
{
    for (; directory != NULL; directory = directory->parent)
        if (!ff_access_may_list(caller, directory))
            return FALSE;
    return TRUE;
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
