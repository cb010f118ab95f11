/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listing.h"

#include "directory.h"

struct Listing {
    /* 0 while nothing is listed. */
    guint64 directory;
    guint64 cookie;
    /* Names that were there at the beginning, have stayed, and have not been met. */
    GHashTable *missing;
    /* Names that were met and have not gone since. */
    GHashTable *met;
};

static GHashTable *new_set(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

Listing *listing_new(void)
{
    Listing *listing = g_new0(Listing, 1);

    listing->missing = new_set();
    listing->met = new_set();
    return listing;
}

void listing_free(Listing *listing)
{
    g_hash_table_unref(listing->missing);
    g_hash_table_unref(listing->met);
    g_free(listing);
}

void listing_begin(Listing *listing, const FfNode *directory)
{
    guint position = ff_directory_seek(directory->directory, 0);
    const FfNode *node;

    listing->directory = directory->id;
    listing->cookie = 0;
    g_hash_table_remove_all(listing->missing);
    g_hash_table_remove_all(listing->met);
    while ((node = ff_directory_next(directory->directory, &position)) != NULL)
        g_hash_table_add(listing->missing, g_strdup(ff_node_name(node)));
}

void listing_note_gone(Listing *listing, guint64 directory, const char *name)
{
    if (listing->directory != directory)
        return;
    g_hash_table_remove(listing->missing, name);
    g_hash_table_remove(listing->met, name);
}

void listing_step(Listing *listing, const FfRegistry *registry)
{
    const FfNode *directory = ff_registry_find(registry, listing->directory);
    const FfNode *node = directory == NULL
                             ? NULL
                             : ff_directory_after(directory->directory, listing->cookie);

    if (node == NULL) {
        g_assert(g_hash_table_size(listing->missing) == 0);
        return;
    }
    listing->cookie = node->cookie;
    g_hash_table_remove(listing->missing, ff_node_name(node));
    g_assert(g_hash_table_add(listing->met, g_strdup(ff_node_name(node))));
}
