/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "directory.h"

#include "node.h"

static gint compare_cookies(gconstpointer a, gconstpointer b, gpointer data)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

    return (x > y) - (x < y);
}

FfDirectory *ff_directory_new(void)
{
    return g_new0(FfDirectory, 1);
}

void ff_directory_free(FfDirectory *directory)
{
    if (directory == NULL)
        return;
    g_clear_pointer(&directory->by_name, g_hash_table_unref);
    g_clear_pointer(&directory->by_cookie, g_tree_unref);
    g_free(directory);
}

guint ff_directory_size(const FfDirectory *directory)
{
    return directory->by_name == NULL ? 0 : g_hash_table_size(directory->by_name);
}

FfNode *ff_directory_find(const FfDirectory *directory, const char *name)
{
    return directory->by_name == NULL ? NULL : g_hash_table_lookup(directory->by_name, name);
}

FfNode *ff_directory_after(const FfDirectory *directory, guint64 cookie)
{
    GTreeNode *place;

    if (directory->by_cookie == NULL)
        return NULL;
    place = g_tree_upper_bound(directory->by_cookie, &cookie);
    return place == NULL ? NULL : g_tree_node_value(place);
}

void ff_directory_insert(FfDirectory *directory, FfNode *node)
{
    if (directory->by_name == NULL) {
        directory->by_name = g_hash_table_new(g_str_hash, g_str_equal);
        directory->by_cookie = g_tree_new_full(compare_cookies, NULL, NULL, NULL);
    }
    g_hash_table_insert(directory->by_name, node->name, node);
    g_tree_insert(directory->by_cookie, &node->cookie, node);
    if (node->directory != NULL)
        directory->n_subdirectories++;
}

void ff_directory_remove(FfDirectory *directory, FfNode *node)
{
    g_hash_table_remove(directory->by_name, node->name);
    g_tree_remove(directory->by_cookie, &node->cookie);
    if (node->directory != NULL)
        directory->n_subdirectories--;
}
