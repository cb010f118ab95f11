/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "directory.h"

#include "node.h"

/* Not worth the trouble. */
#define FEWEST_HOLES 32

/* The address of a node; or, odd, twice the cookie of a name that was there and one more. */
typedef guint64 Slot;

static Slot slot_at(const FfDirectory *directory, guint index)
{
    return g_array_index(directory->slots, Slot, index);
}

static gboolean is_hole(Slot slot)
{
    return (slot & 1) != 0;
}

static FfNode *node_in(Slot slot)
{
    return (FfNode *)(guintptr)slot;
}

static guint64 cookie_of(Slot slot)
{
    return is_hole(slot) ? slot >> 1 : node_in(slot)->cookie;
}

static guint n_slots(const FfDirectory *directory)
{
    return directory->slots == NULL ? 0 : directory->slots->len;
}

/* The first slot whose cookie is not below that. */
static guint find(const FfDirectory *directory, guint64 cookie)
{
    guint low = 0, high = n_slots(directory);

    /* Names nearly always come last. */
    if (high > 0 && cookie_of(slot_at(directory, high - 1)) < cookie)
        return high;
    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (cookie_of(slot_at(directory, middle)) < cookie)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

FfDirectory *ff_directory_new(void)
{
    return g_new0(FfDirectory, 1);
}

void ff_directory_free(FfDirectory *directory)
{
    if (directory == NULL)
        return;
    g_clear_pointer(&directory->slots, g_array_unref);
    g_free(directory);
}

guint ff_directory_size(const FfDirectory *directory)
{
    return directory->n_names;
}

gboolean ff_directory_has(const FfDirectory *directory, guint64 cookie)
{
    guint index = find(directory, cookie);
    Slot slot = index < n_slots(directory) ? slot_at(directory, index) : 1;

    return !is_hole(slot) && cookie_of(slot) == cookie;
}

guint ff_directory_seek(const FfDirectory *directory, guint64 cookie)
{
    return find(directory, cookie + 1);
}

FfNode *ff_directory_next(const FfDirectory *directory, guint *position)
{
    while (*position < n_slots(directory)) {
        Slot slot = slot_at(directory, (*position)++);

        if (!is_hole(slot))
            return node_in(slot);
    }
    return NULL;
}

FfNode *ff_directory_after(const FfDirectory *directory, guint64 cookie)
{
    guint position = ff_directory_seek(directory, cookie);

    return ff_directory_next(directory, &position);
}

void ff_directory_insert(FfDirectory *directory, FfNode *node)
{
    Slot slot = (guintptr)node;
    guint index;

    if (directory->slots == NULL)
        directory->slots = g_array_new(FALSE, FALSE, sizeof(Slot));
    index = find(directory, node->cookie);
    /* A name that takes the place of another has its cookie. */
    if (index < n_slots(directory) && cookie_of(slot_at(directory, index)) == node->cookie)
        g_array_index(directory->slots, Slot, index) = slot;
    else
        g_array_insert_val(directory->slots, index, slot);
    directory->n_names++;
    if (!ff_node_is_fifo(node))
        directory->n_subdirectories++;
}

static void close_holes(FfDirectory *directory)
{
    guint n = 0;

    for (guint i = 0; i < directory->slots->len; i++)
        if (!is_hole(slot_at(directory, i)))
            g_array_index(directory->slots, Slot, n++) = slot_at(directory, i);
    g_array_set_size(directory->slots, n);
}

static void drop_last_holes(FfDirectory *directory)
{
    guint n = directory->slots->len;

    while (n > 0 && is_hole(slot_at(directory, n - 1)))
        n--;
    g_array_set_size(directory->slots, n);
}

void ff_directory_remove(FfDirectory *directory, FfNode *node)
{
    g_array_index(directory->slots, Slot, find(directory, node->cookie)) = node->cookie << 1 | 1;
    directory->n_names--;
    if (!ff_node_is_fifo(node))
        directory->n_subdirectories--;
    drop_last_holes(directory);
    if (directory->n_names == 0)
        g_clear_pointer(&directory->slots, g_array_unref);
    else if (directory->slots->len - directory->n_names > MAX(directory->n_names, FEWEST_HOLES))
        close_holes(directory);
}
