/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acls.h"

struct FfAcls {
    /* FfNode to the FfAcl that it has, one table for each type. */
    GHashTable *by_node[FF_ACL_N_TYPES];
    /* Each FfAcl that some node has, to how many have it. */
    GHashTable *counts;
};

FfAcls *ff_acls_new(void)
{
    FfAcls *acls = g_new0(FfAcls, 1);

    for (guint type = 0; type < FF_ACL_N_TYPES; type++)
        acls->by_node[type] = g_hash_table_new(NULL, NULL);
    acls->counts = g_hash_table_new_full(ff_acl_hash, ff_acl_equal, (GDestroyNotify)ff_acl_free,
                                         NULL);
    return acls;
}

void ff_acls_free(FfAcls *acls)
{
    if (acls == NULL)
        return;
    for (guint type = 0; type < FF_ACL_N_TYPES; type++)
        g_hash_table_unref(acls->by_node[type]);
    g_hash_table_unref(acls->counts);
    g_free(acls);
}

const FfAcl *ff_acls_get(const FfAcls *acls, const FfNode *node, FfAclType type)
{
    return g_hash_table_lookup(acls->by_node[type], node);
}

gboolean ff_acls_has(const FfAcls *acls, const FfNode *node)
{
    for (guint type = 0; type < FF_ACL_N_TYPES; type++)
        if (g_hash_table_contains(acls->by_node[type], node))
            return TRUE;
    return FALSE;
}

/* The one that equals @acl, counted once more. */
static FfAcl *take(FfAcls *acls, const FfAcl *acl)
{
    gpointer shared, count = NULL;

    if (!g_hash_table_lookup_extended(acls->counts, acl, &shared, &count))
        shared = ff_acl_copy(acl);
    else
        g_hash_table_steal(acls->counts, shared);
    g_hash_table_insert(acls->counts, shared, GUINT_TO_POINTER(GPOINTER_TO_UINT(count) + 1));
    return shared;
}

static void give_back(FfAcls *acls, FfAcl *shared)
{
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(acls->counts, shared));

    if (count == 1) {
        g_hash_table_remove(acls->counts, shared);
        return;
    }
    g_hash_table_steal(acls->counts, shared);
    g_hash_table_insert(acls->counts, shared, GUINT_TO_POINTER(count - 1));
}

void ff_acls_set(FfAcls *acls, const FfNode *node, FfAclType type, const FfAcl *acl)
{
    FfAcl *former = g_hash_table_lookup(acls->by_node[type], node);

    if (acl == NULL)
        g_hash_table_remove(acls->by_node[type], node);
    else
        g_hash_table_insert(acls->by_node[type], (gpointer)node, take(acls, acl));
    if (former != NULL)
        give_back(acls, former);
}

void ff_acls_forget(FfAcls *acls, const FfNode *node)
{
    for (guint type = 0; type < FF_ACL_N_TYPES; type++)
        ff_acls_set(acls, node, type, NULL);
}
