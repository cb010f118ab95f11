/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hash table of things that carry their own links.
 *
 * For a million nodes in two tables a GHashTable takes 25 to 50 bytes a node, and stops everybody
 * for as long as it takes to move all of them when it grows. Here a node costs its link and one
 * bucket, 16 bytes, and the table grows and shrinks by one bucket at a time (linear hashing).
 */
#pragma once

#include <glib.h>

typedef struct FfTableLink FfTableLink;

/* Part of the thing that is in the table; zeroed before its first use. */
struct FfTableLink {
    FfTableLink *next;
};

typedef guint64 (*FfTableHash)(const FfTableLink *link, gconstpointer data);

typedef struct {
    FfTableHash hash;
    gconstpointer data;
    FfTableLink **buckets;
    gsize n_buckets, n_allocated, n_links;
    /* One less than a power of two; more buckets than that there are, and at most twice as many. */
    gsize mask;
} FfTable;

/**
 * ff_table_init() - an empty table
 * @hash: the hash of a thing in it, which must not change while it is in
 * @data: for @hash
 */
void ff_table_init(FfTable *table, FfTableHash hash, gconstpointer data);

/* What is in it is left as it is. */
void ff_table_clear(FfTable *table);

/* The first of those things that may have this hash; the others follow by their links. */
FfTableLink *ff_table_first(const FfTable *table, guint64 hash);

/* Make room for so many at once, instead of a little with each. It must be empty still. */
void ff_table_reserve(FfTable *table, gsize n_links);

void ff_table_insert(FfTable *table, FfTableLink *link);

/* The same for who knows its hash. */
void ff_table_insert_at(FfTable *table, FfTableLink *link, guint64 hash);

/* It must be in. */
void ff_table_remove(FfTable *table, FfTableLink *link);

/* Call @visit for each; it may free what it is given, and change nothing else about the table. */
void ff_table_foreach(const FfTable *table, void (*visit)(FfTableLink *link, gpointer data),
                      gpointer data);
