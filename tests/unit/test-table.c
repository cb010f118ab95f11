/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "siphash.h"
#include "table.h"

#define N_THINGS 5000

typedef struct {
    FfTableLink link;
    guint64 number;
    gboolean in;
} Thing;

static guint64 hash_of_number(guint64 number)
{
    /* Ten of them are equal. */
    return number / 10 * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
}

static guint64 hash_of_thing(const FfTableLink *link, gconstpointer data)
{
    return hash_of_number(((const Thing *)link)->number);
}

static gboolean has(const FfTable *table, const Thing *thing)
{
    FfTableLink *link = ff_table_first(table, hash_of_number(thing->number));

    while (link != NULL && link != &thing->link)
        link = link->next;
    return link != NULL;
}

static void check_all(const FfTable *table, const Thing *things)
{
    for (guint i = 0; i < N_THINGS; i++)
        assert_int_equal(has(table, &things[i]), things[i].in);
}

static void count(FfTableLink *link, gpointer data)
{
    (*(guint *)data)++;
}

static void check_growing_and_shrinking(gsize n_reserved)
{
    g_autofree Thing *things = g_new0(Thing, N_THINGS);
    FfTable table;
    guint visited = 0;

    ff_table_init(&table, hash_of_thing, NULL);
    if (n_reserved > 0)
        ff_table_reserve(&table, n_reserved);
    for (guint i = 0; i < N_THINGS; i++) {
        things[i].number = i;
        things[i].in = TRUE;
        ff_table_insert(&table, &things[i].link);
    }
    check_all(&table, things);
    assert_true(table.n_buckets >= N_THINGS);
    ff_table_foreach(&table, count, &visited);
    assert_int_equal(visited, N_THINGS);

    for (guint i = 0; i < N_THINGS; i++) {
        guint k = i * 7 % N_THINGS;

        ff_table_remove(&table, &things[k].link);
        things[k].in = FALSE;
        if (i % 500 == 0)
            check_all(&table, things);
    }
    assert_true(table.n_buckets < 64);
    ff_table_clear(&table);
}

static void things_are_found_while_it_grows_and_shrinks(void **state)
{
    check_growing_and_shrinking(0);
}

static void room_that_was_made_may_be_too_much_or_not_enough(void **state)
{
    static const gsize sizes[] = {1, 17, 1000, N_THINGS - 1, N_THINGS, 3 * N_THINGS};

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
        check_growing_and_shrinking(sizes[i]);
}

static void any_order_of_inserts_and_removals_will_do(void **state)
{
    g_autofree Thing *things = g_new0(Thing, N_THINGS);
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    FfTable table;

    ff_table_init(&table, hash_of_thing, NULL);
    for (guint i = 0; i < N_THINGS; i++)
        things[i].number = i;
    for (guint i = 0; i < 20 * N_THINGS; i++) {
        /* Waves: mostly in, then mostly out. */
        Thing *thing = &things[g_rand_int_range(rand, 0, N_THINGS)];
        gboolean wanted = g_rand_double(rand) < (i / N_THINGS % 2 == 0 ? 0.9 : 0.1);

        if (wanted && !thing->in)
            ff_table_insert(&table, &thing->link);
        else if (!wanted && thing->in)
            ff_table_remove(&table, &thing->link);
        thing->in = wanted;
    }
    check_all(&table, things);
    ff_table_clear(&table);
}

/* The key 00 01 ... 0f, and the bytes 00 01 ... of each length, as published by its authors for 1-3. */
static void siphash_is_that_of_its_authors(void **state)
{
    FfSipKey key = {
        {G_GUINT64_CONSTANT(0x0706050403020100), G_GUINT64_CONSTANT(0x0f0e0d0c0b0a0908)}};

    assert_int_equal(ff_siphash(&key, "", 0), G_GUINT64_CONSTANT(0xabac0158050fc4dc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_are_found_while_it_grows_and_shrinks),
        cmocka_unit_test(room_that_was_made_may_be_too_much_or_not_enough),
        cmocka_unit_test(any_order_of_inserts_and_removals_will_do),
        cmocka_unit_test(siphash_is_that_of_its_authors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
