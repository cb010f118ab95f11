/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

/* A power of two. */
#define FEWEST_BUCKETS 16

void ff_table_init(FfTable *table, FfTableHash hash, gconstpointer data)
{
    *table = (FfTable){
        .hash = hash,
        .data = data,
        .buckets = g_new0(FfTableLink *, FEWEST_BUCKETS),
        .n_buckets = FEWEST_BUCKETS,
        .n_allocated = FEWEST_BUCKETS,
        .mask = FEWEST_BUCKETS - 1,
    };
}

void ff_table_clear(FfTable *table)
{
    g_clear_pointer(&table->buckets, g_free);
    table->n_buckets = table->n_allocated = table->n_links = 0;
}

/* With n buckets, mask + 1 <= n <= 2 * (mask + 1): those below n - (mask + 1) have been split. */
static gsize bucket_of(const FfTable *table, guint64 hash)
{
    gsize bucket = hash & (2 * table->mask + 1);

    return bucket < table->n_buckets ? bucket : hash & table->mask;
}

FfTableLink *ff_table_first(const FfTable *table, guint64 hash)
{
    return table->buckets[bucket_of(table, hash)];
}

static void put_at(FfTable *table, FfTableLink *link, guint64 hash)
{
    FfTableLink **bucket = &table->buckets[bucket_of(table, hash)];

    link->next = *bucket;
    *bucket = link;
}

static void put(FfTable *table, FfTableLink *link)
{
    put_at(table, link, table->hash(link, table->data));
}

static FfTableLink *take_bucket(FfTable *table, gsize bucket)
{
    FfTableLink *first = table->buckets[bucket];

    table->buckets[bucket] = NULL;
    return first;
}

static void put_all(FfTable *table, FfTableLink *link)
{
    while (link != NULL) {
        FfTableLink *next = link->next;

        put(table, link);
        link = next;
    }
}

/* One bucket more, for some of what is in the one that is next to be split. */
static void grow(FfTable *table)
{
    FfTableLink *to_split;

    if (table->n_buckets == table->n_allocated) {
        table->n_allocated *= 2;
        table->buckets = g_renew(FfTableLink *, table->buckets, table->n_allocated);
    }
    if (table->n_buckets == 2 * (table->mask + 1))
        table->mask = 2 * table->mask + 1;
    to_split = take_bucket(table, table->n_buckets - (table->mask + 1));
    table->buckets[table->n_buckets++] = NULL;
    put_all(table, to_split);
}

/* One bucket less: what is in the last one goes back to the one that it was split from. */
static void shrink(FfTable *table)
{
    FfTableLink *last = take_bucket(table, --table->n_buckets);

    if (table->n_buckets < table->mask + 1)
        table->mask /= 2;
    put_all(table, last);
    if (table->n_buckets * 4 > table->n_allocated || table->n_allocated == FEWEST_BUCKETS)
        return;
    table->n_allocated /= 2;
    table->buckets = g_renew(FfTableLink *, table->buckets, table->n_allocated);
}

void ff_table_reserve(FfTable *table, gsize n_links)
{
    g_assert(table->n_links == 0);
    table->n_buckets = table->n_allocated = MAX(n_links, FEWEST_BUCKETS);
    table->mask = FEWEST_BUCKETS - 1;
    while (2 * (table->mask + 1) < table->n_buckets)
        table->mask = 2 * table->mask + 1;
    g_free(table->buckets);
    table->buckets = g_new0(FfTableLink *, table->n_allocated);
}

void ff_table_insert(FfTable *table, FfTableLink *link)
{
    ff_table_insert_at(table, link, table->hash(link, table->data));
}

void ff_table_insert_at(FfTable *table, FfTableLink *link, guint64 hash)
{
    put_at(table, link, hash);
    if (++table->n_links > table->n_buckets)
        grow(table);
}

void ff_table_remove(FfTable *table, FfTableLink *link)
{
    FfTableLink **place = &table->buckets[bucket_of(table, table->hash(link, table->data))];

    while (*place != link)
        place = &(*place)->next;
    *place = link->next;
    link->next = NULL;
    table->n_links--;
    /* Two at most: one thing less leaves room for two buckets less. */
    while (table->n_links < table->n_buckets / 2 && table->n_buckets > FEWEST_BUCKETS)
        shrink(table);
}

void ff_table_foreach(const FfTable *table, void (*visit)(FfTableLink *link, gpointer data),
                      gpointer data)
{
    for (gsize i = 0; i < table->n_buckets; i++) {
        FfTableLink *link = table->buckets[i];

        while (link != NULL) {
            FfTableLink *next = link->next;

            visit(link, data);
            link = next;
        }
    }
}
