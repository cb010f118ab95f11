/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "directory.h"

typedef struct {
    FfRegistry *registry;
    FfNode *root;
    /* Kinds of the change records, in the order in which they came. */
    GArray *kinds;
} Fixture;

static void record(const FfChange *change, gpointer data)
{
    g_array_append_val(((Fixture *)data)->kinds, change->kind);
}

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->registry = test_registry();
    fixture->root = ff_registry_root(fixture->registry);
    fixture->kinds = g_array_new(FALSE, FALSE, sizeof(FfChangeKind));
    ff_registry_listen(fixture->registry, record, fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    ff_registry_free(fixture->registry);
    g_array_unref(fixture->kinds);
    g_free(fixture);
    return 0;
}

static int rename_as_root(Fixture *fixture, const char *from, const char *to, guint flags)
{
    return ff_registry_rename(fixture->registry, (FfPlace){fixture->root, from},
                              (FfPlace){fixture->root, to}, flags, &ROOT);
}

static gboolean exists(const Fixture *fixture, const char *name)
{
    FfNode *node;

    return ff_registry_lookup(fixture->registry, fixture->root, name, &node) == 0;
}

static void taken_name_is_refused(void **state)
{
    Fixture *fixture = *state;

    make_fifo(fixture->registry, fixture->root, "a");
    assert_int_equal(make_as(fixture->registry, fixture->root, "a", S_IFIFO, 0), -EEXIST);
    assert_int_equal(make_as(fixture->registry, fixture->root, "a", S_IFDIR, 0), -EEXIST);
    assert_int_equal(ff_registry_n_fifos(fixture->registry), 1);
}

static void name_may_have_255_bytes_and_no_more(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *longest = g_strnfill(255, '\xff');
    g_autofree char *longer = g_strnfill(256, 'x');
    FfNode *node;

    assert_int_equal(make_as(fixture->registry, fixture->root, longest, S_IFIFO, 0), 0);
    assert_int_equal(make_as(fixture->registry, fixture->root, longer, S_IFIFO, 0), -ENAMETOOLONG);
    assert_int_equal(ff_registry_lookup(fixture->registry, fixture->root, longer, &node),
                     -ENAMETOOLONG);
    assert_int_equal(rename_as_root(fixture, longest, longer, 0), -ENAMETOOLONG);
}

static void removal_tells_files_from_directories(void **state)
{
    Fixture *fixture = *state;
    FfNode *directory = make_directory(fixture->registry, fixture->root, "d");

    make_fifo(fixture->registry, fixture->root, "f");
    make_fifo(fixture->registry, directory, "inside");
    assert_int_equal(ff_registry_unlink(fixture->registry, fixture->root, "none", &ROOT), -ENOENT);
    assert_int_equal(ff_registry_unlink(fixture->registry, fixture->root, "d", &ROOT), -EISDIR);
    assert_int_equal(ff_registry_rmdir(fixture->registry, fixture->root, "f", &ROOT), -ENOTDIR);
    assert_int_equal(ff_registry_rmdir(fixture->registry, fixture->root, "d", &ROOT), -ENOTEMPTY);
    assert_int_equal(ff_registry_unlink(fixture->registry, directory, "inside", &ROOT), 0);
    assert_int_equal(ff_registry_rmdir(fixture->registry, fixture->root, "d", &ROOT), 0);
    assert_false(exists(fixture, "d"));
}

static void only_owner_directory_owner_and_root_remove(void **state)
{
    Fixture *fixture = *state;
    FfNode *directory = make_directory(fixture->registry, fixture->root, "d");

    directory->uid = BOB.uid;
    for (int i = 0; i < 3; i++)
        make_as(fixture->registry, directory, (const char *[]){"a", "b", "c"}[i], S_IFIFO,
                ALICE.uid);
    const FfCaller stranger = {.uid = 1003};

    assert_int_equal(ff_registry_unlink(fixture->registry, directory, "a", &stranger), -EPERM);
    assert_int_equal(ff_registry_unlink(fixture->registry, directory, "a", &ALICE), 0);
    assert_int_equal(ff_registry_unlink(fixture->registry, directory, "b", &BOB), 0);
    assert_int_equal(ff_registry_unlink(fixture->registry, directory, "c", &ROOT), 0);
}

static void rename_asks_for_both_names(void **state)
{
    Fixture *fixture = *state;

    make_as(fixture->registry, fixture->root, "of-alice", S_IFIFO, ALICE.uid);
    make_as(fixture->registry, fixture->root, "of-bob", S_IFIFO, BOB.uid);
    for (int flags = 0; flags <= RENAME_EXCHANGE; flags += RENAME_EXCHANGE) {
        assert_int_equal(ff_registry_rename(fixture->registry, (FfPlace){fixture->root, "of-alice"},
                                            (FfPlace){fixture->root, "of-bob"}, flags, &ALICE),
                         -EPERM);
        assert_int_equal(ff_registry_rename(fixture->registry, (FfPlace){fixture->root, "of-alice"},
                                            (FfPlace){fixture->root, "of-bob"}, flags, &BOB),
                         -EPERM);
    }
}

static void rename_keeps_to_its_flags(void **state)
{
    Fixture *fixture = *state;
    FfNode *a = make_fifo(fixture->registry, fixture->root, "a");
    FfNode *b = make_fifo(fixture->registry, fixture->root, "b");

    assert_int_equal(rename_as_root(fixture, "a", "b", RENAME_NOREPLACE), -EEXIST);
    assert_int_equal(rename_as_root(fixture, "a", "none", RENAME_EXCHANGE), -ENOENT);
    assert_int_equal(rename_as_root(fixture, "a", "b", RENAME_EXCHANGE | RENAME_NOREPLACE),
                     -EINVAL);
    assert_int_equal(rename_as_root(fixture, "a", "b", RENAME_WHITEOUT), -EINVAL);
    assert_int_equal(rename_as_root(fixture, "a", "b", RENAME_EXCHANGE), 0);
    assert_string_equal(ff_node_name(a), "b");
    assert_string_equal(ff_node_name(b), "a");
    assert_int_equal(rename_as_root(fixture, "a", "c", RENAME_NOREPLACE), 0);
    assert_int_equal(rename_as_root(fixture, "b", "c", 0), 0);
    assert_int_equal(ff_registry_n_fifos(fixture->registry), 1);
}

static void rename_minds_types_and_ancestors(void **state)
{
    Fixture *fixture = *state;
    FfNode *outer = make_directory(fixture->registry, fixture->root, "outer");
    FfNode *inner = make_directory(fixture->registry, outer, "inner");

    make_fifo(fixture->registry, fixture->root, "fifo");
    make_directory(fixture->registry, fixture->root, "empty");
    assert_int_equal(rename_as_root(fixture, "fifo", "outer", 0), -EISDIR);
    assert_int_equal(rename_as_root(fixture, "outer", "fifo", 0), -ENOTDIR);
    assert_int_equal(rename_as_root(fixture, "empty", "outer", 0), -ENOTEMPTY);
    assert_int_equal(ff_registry_rename(fixture->registry, (FfPlace){fixture->root, "outer"},
                                        (FfPlace){inner, "below"}, 0, &ROOT),
                     -EINVAL);
    assert_int_equal(ff_registry_rename(fixture->registry, (FfPlace){inner, "x"},
                                        (FfPlace){fixture->root, "outer"}, 0, &ROOT),
                     -ENOENT);
    assert_int_equal(rename_as_root(fixture, "outer", "empty", 0), 0);
    assert_int_equal(rename_as_root(fixture, "empty", "empty", 0), 0);
}

static void setgid_directory_passes_its_group_on(void **state)
{
    Fixture *fixture = *state;
    FfNode *directory = make_directory(fixture->registry, fixture->root, "d");
    FfNode *node;

    directory->mode |= S_ISGID;
    directory->gid = 77;
    make_as(fixture->registry, directory, "fifo", S_IFIFO | 0600, ALICE.uid);
    make_as(fixture->registry, directory, "sub", S_IFDIR | 0700, ALICE.uid);
    assert_int_equal(ff_registry_lookup(fixture->registry, directory, "fifo", &node), 0);
    assert_int_equal(node->gid, 77);
    assert_int_equal(node->mode & S_ISGID, 0);
    assert_int_equal(ff_registry_lookup(fixture->registry, directory, "sub", &node), 0);
    assert_int_equal(node->gid, 77);
    assert_int_equal(node->mode & S_ISGID, S_ISGID);
}

static void fixed_owner_cannot_be_changed(void **state)
{
    FfRegistryOptions options = test_options();
    FfAttributes chown_to_bob = {.set_uid = TRUE, .uid = BOB.uid};
    FfNode *node;

    options.fix_uid = options.fix_gid = TRUE;
    options.uid = options.gid = 55;
    g_autoptr(FfRegistry) registry = ff_registry_new(&options, &test_clock);
    make_as(registry, ff_registry_root(registry), "a", S_IFIFO, ALICE.uid);
    ff_registry_lookup(registry, ff_registry_root(registry), "a", &node);
    assert_int_equal(node->uid, 55);
    assert_int_equal(node->gid, 55);
    assert_int_equal(ff_registry_set_attributes(registry, node, &chown_to_bob), -EPERM);
    assert_int_equal(node->uid, 55);
}

static void refused_chmod_changes_nothing(void **state)
{
    FfRegistryOptions options = test_options();
    FfAttributes wanted = {.set_mode = TRUE, .mode = 0666, .set_uid = TRUE, .uid = BOB.uid};

    options.modes.fifo_ceiling = 0600;
    g_autoptr(FfRegistry) registry = ff_registry_new(&options, &test_clock);
    FfNode *node = make_fifo(registry, ff_registry_root(registry), "a");

    assert_int_equal(ff_registry_set_attributes(registry, node, &wanted), -EPERM);
    assert_int_equal(node->mode, S_IFIFO | 0600);
    assert_int_equal(node->uid, 0);
}

static void sticky_bit_keeps_until_a_lifetime_is_set(void **state)
{
    Fixture *fixture = *state;
    FfNode *node = make_fifo(fixture->registry, fixture->root, "a");
    FfAttributes sticky = {.set_mode = TRUE, .mode = 01600};

    assert_int_equal(ff_registry_set_attributes(fixture->registry, node, &sticky), 0);
    assert_int_equal(ff_node_lifetime(node), FF_LIFETIME_KEEP);
    assert_int_equal(ff_registry_set_policy(fixture->registry, node, "linger", "1s"), 0);
    assert_int_equal(ff_node_lifetime(node), FF_LIFETIME_KEEP);
    assert_int_equal(ff_registry_set_policy(fixture->registry, node, "lifetime", "use"), 0);
    assert_int_equal(ff_node_lifetime(node), FF_LIFETIME_USE);
    assert_int_equal(node->mode, S_IFIFO | 0600);
}

static void policy_is_inherited_when_created_and_taken_back_to_the_directory(void **state)
{
    Fixture *fixture = *state;
    FfNode *directory = make_directory(fixture->registry, fixture->root, "d");
    FfNode *before = make_fifo(fixture->registry, directory, "before");
    FfNode *after;

    ff_registry_set_policy(fixture->registry, directory, "lifetime", "use");
    after = make_fifo(fixture->registry, make_directory(fixture->registry, directory, "sub"), "a");
    assert_int_equal(before->policy->lifetime, FF_LIFETIME_AUTO);
    assert_int_equal(after->policy->lifetime, FF_LIFETIME_USE);
    assert_int_equal(ff_registry_set_policy(fixture->registry, before, "lifetime", NULL), 0);
    assert_int_equal(before->policy->lifetime, FF_LIFETIME_USE);
    assert_int_equal(ff_registry_set_policy(fixture->registry, before, "lifetime", "for-ever"),
                     -EINVAL);
    assert_int_equal(ff_registry_set_policy(fixture->registry, before, "colour", "red"), -ENODATA);
    assert_int_equal(before->policy->lifetime, FF_LIFETIME_USE);
}

static void every_change_is_told_once(void **state)
{
    Fixture *fixture = *state;
    const FfChangeKind expected[] = {FF_CHANGE_CREATED, FF_CHANGE_CREATED,    FF_CHANGE_REMOVED,
                                     FF_CHANGE_RENAMED, FF_CHANGE_ATTRIBUTES, FF_CHANGE_POLICY,
                                     FF_CHANGE_REMOVED};
    FfNode *node = make_fifo(fixture->registry, fixture->root, "a");

    make_fifo(fixture->registry, fixture->root, "b");
    rename_as_root(fixture, "a", "b", 0);
    ff_registry_set_attributes(fixture->registry, node, &(FfAttributes){.set_mode = TRUE});
    ff_registry_set_policy(fixture->registry, node, "grace", "1h");
    ff_registry_unlink(fixture->registry, fixture->root, "b", &ROOT);
    assert_int_equal(fixture->kinds->len, G_N_ELEMENTS(expected));
    assert_memory_equal(fixture->kinds->data, expected, sizeof expected);
}

static void failed_call_tells_nothing(void **state)
{
    Fixture *fixture = *state;

    ff_registry_unlink(fixture->registry, fixture->root, "none", &ROOT);
    rename_as_root(fixture, "none", "other", 0);
    assert_int_equal(fixture->kinds->len, 0);
}

/* What the change records alone say is there: path -> id. */
static void follow(const FfChange *change, gpointer data)
{
    GHashTable *model = data;
    g_autofree char *path = ff_node_path(change->node);

    if (change->kind == FF_CHANGE_REMOVED)
        g_hash_table_remove(model, change->old_name);
    else if (change->kind == FF_CHANGE_CREATED)
        g_hash_table_insert(model, g_steal_pointer(&path), GSIZE_TO_POINTER(change->node->id));
    else if (change->kind == FF_CHANGE_RENAMED) {
        if (g_hash_table_lookup(model, change->old_name) == GSIZE_TO_POINTER(change->node->id))
            g_hash_table_remove(model, change->old_name);
        g_hash_table_insert(model, g_steal_pointer(&path), GSIZE_TO_POINTER(change->node->id));
    }
}

static void random_change(Fixture *fixture, GRand *random)
{
    char from[8], to[8];

    g_snprintf(from, sizeof from, "n%d", g_rand_int_range(random, 0, 50));
    g_snprintf(to, sizeof to, "n%d", g_rand_int_range(random, 0, 50));
    switch (g_rand_int_range(random, 0, 4)) {
    case 0:
        make_as(fixture->registry, fixture->root, from, S_IFIFO, 0);
        break;
    case 1:
        ff_registry_unlink(fixture->registry, fixture->root, from, &ROOT);
        break;
    case 2:
        rename_as_root(fixture, from, to, 0);
        break;
    default:
        rename_as_root(fixture, from, to, RENAME_EXCHANGE);
    }
}

static void records_alone_rebuild_the_registry(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    g_autoptr(GHashTable) model = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint n = 0;

    ff_registry_listen(fixture->registry, follow, model);
    for (int i = 0; i < 100000; i++)
        random_change(fixture, random);
    for (FfNode *node = ff_directory_after(fixture->root->directory, 0); node != NULL;
         node = ff_directory_after(fixture->root->directory, node->cookie), n++)
        assert_true(g_hash_table_lookup(model, ff_node_name(node)) == GSIZE_TO_POINTER(node->id));
    assert_int_equal(g_hash_table_size(model), n);
    assert_int_equal(ff_registry_n_fifos(fixture->registry), n);
}

static void remember_id(const FfChange *change, gpointer data)
{
    guint64 *last = data;

    if (change->kind != FF_CHANGE_CREATED)
        return;
    assert_true(change->node->id > *last);
    *last = change->node->id;
}

static void ids_are_never_given_twice(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GRand) random = g_rand_new_with_seed(2);
    guint64 last = FF_ROOT_ID;

    ff_registry_listen(fixture->registry, remember_id, &last);
    for (int i = 0; i < 10000; i++)
        random_change(fixture, random);
    assert_true(last > FF_FIRST_ID + 1000);
}

static void name_that_stays_is_listed_once(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GRand) random = g_rand_new_with_seed(3);
    guint seen[20] = {0};
    guint64 cookie = 0;
    FfNode *node;

    for (int i = 0; i < 20; i++) {
        g_autofree char *name = g_strdup_printf("s%02d", i);

        make_fifo(fixture->registry, fixture->root, name);
        random_change(fixture, random);
    }
    while ((node = ff_directory_after(fixture->root->directory, cookie)) != NULL) {
        cookie = node->cookie;
        if (ff_node_name(node)[0] == 's')
            seen[g_ascii_strtoll(ff_node_name(node) + 1, NULL, 10)]++;
        for (int i = 0; i < 5; i++)
            random_change(fixture, random);
        /* These stay names, whatever they name. */
        rename_as_root(fixture, "s03", "s17", RENAME_EXCHANGE);
        make_as(fixture->registry, fixture->root, "new", S_IFIFO, 0);
        rename_as_root(fixture, "new", "s05", 0);
        if (cookie > 100000)
            break;
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(seen[i], 1);
}

static void removed_directory_takes_nothing_in(void **state)
{
    Fixture *fixture = *state;
    FfNode *directory = make_directory(fixture->registry, fixture->root, "d");

    ff_registry_add_lookup(fixture->registry, directory);
    ff_registry_rmdir(fixture->registry, fixture->root, "d", &ROOT);
    assert_int_equal(make_as(fixture->registry, directory, "a", S_IFIFO, 0), -ENOENT);
    ff_registry_forget(fixture->registry, directory, 1);
}

static void directory_has_the_size_and_links_of_tmpfs(void **state)
{
    Fixture *fixture = *state;
    FfNode *directory = make_directory(fixture->registry, fixture->root, "d");
    struct stat st;

    make_fifo(fixture->registry, directory, "a");
    make_directory(fixture->registry, directory, "b");
    ff_node_stat(directory, &st);
    assert_int_equal(st.st_size, 80);
    assert_int_equal(st.st_nlink, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(taken_name_is_refused),
        TEST(name_may_have_255_bytes_and_no_more),
        TEST(removal_tells_files_from_directories),
        TEST(only_owner_directory_owner_and_root_remove),
        TEST(rename_asks_for_both_names),
        TEST(rename_keeps_to_its_flags),
        TEST(rename_minds_types_and_ancestors),
        TEST(setgid_directory_passes_its_group_on),
        TEST(fixed_owner_cannot_be_changed),
        TEST(refused_chmod_changes_nothing),
        TEST(sticky_bit_keeps_until_a_lifetime_is_set),
        TEST(policy_is_inherited_when_created_and_taken_back_to_the_directory),
        TEST(every_change_is_told_once),
        TEST(failed_call_tells_nothing),
        TEST(records_alone_rebuild_the_registry),
        TEST(ids_are_never_given_twice),
        TEST(name_that_stays_is_listed_once),
        TEST(removed_directory_takes_nothing_in),
        TEST(directory_has_the_size_and_links_of_tmpfs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
