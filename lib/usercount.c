/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usercount.h"

GHashTable *ff_user_counts_new(void)
{
    return g_hash_table_new(NULL, NULL);
}

guint ff_user_counts_of(GHashTable *counts, uid_t uid)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(counts, GUINT_TO_POINTER(uid)));
}

void ff_user_counts_add(GHashTable *counts, uid_t uid, int by)
{
    guint n = ff_user_counts_of(counts, uid) + (guint)by;

    if (n > 0)
        g_hash_table_insert(counts, GUINT_TO_POINTER(uid), GUINT_TO_POINTER(n));
    else
        g_hash_table_remove(counts, GUINT_TO_POINTER(uid));
}
