/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ACLs alone, those of nodes, and who may do what by them. */
#include "support.h"

#include <errno.h>
#include <string.h>

#include "pipes-json.h"

#define ANY_ID G_MAXUINT32

static FfAcl *acl_of(const FfAclEntry *entries, guint n)
{
    FfAcl *acl = g_malloc0(sizeof *acl + n * sizeof *entries);

    acl->n_entries = n;
    memcpy(acl->entries, entries, n * sizeof *entries);
    return acl;
}

#define ACL(...)                                                                                   \
    acl_of((const FfAclEntry[]){__VA_ARGS__},                                                      \
           sizeof((const FfAclEntry[]){__VA_ARGS__}) / sizeof(FfAclEntry))

#define OWNER(bits)                                                                                \
    {                                                                                              \
        FF_ACL_OWNER, bits, ANY_ID                                                                 \
    }
#define USER(id, bits)                                                                             \
    {                                                                                              \
        FF_ACL_USER, bits, id                                                                      \
    }
#define OWNING(bits)                                                                               \
    {                                                                                              \
        FF_ACL_OWNING_GROUP, bits, ANY_ID                                                          \
    }
#define GROUP(id, bits)                                                                            \
    {                                                                                              \
        FF_ACL_GROUP, bits, id                                                                     \
    }
#define MASK(bits)                                                                                 \
    {                                                                                              \
        FF_ACL_MASK, bits, ANY_ID                                                                  \
    }
#define OTHERS(bits)                                                                               \
    {                                                                                              \
        FF_ACL_OTHERS, bits, ANY_ID                                                                \
    }

/* --- one ACL --- */

static int parse_again(const FfAcl *acl, FfAcl **parsed)
{
    g_autoptr(GBytes) bytes = ff_acl_to_bytes(acl);

    return ff_acl_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), parsed);
}

static void value_is_that_of_the_kernel(void **state)
{
    static const guint8 expected[] = {
        2, 0,    0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,   4,
        0, 0xe9, 3,   0,   0,   4,   0,  0, 0,   255, 255, 255, 255, 16,  0,
        4, 0,    255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255,
    };
    g_autoptr(FfAcl) acl = ACL(OWNER(6), USER(1001, 4), OWNING(0), MASK(4), OTHERS(0));
    g_autoptr(GBytes) bytes = ff_acl_to_bytes(acl);
    g_autoptr(FfAcl) back = NULL;
    g_autofree char *text = ff_acl_to_text(acl);

    assert_int_equal(g_bytes_get_size(bytes), sizeof expected);
    assert_memory_equal(g_bytes_get_data(bytes, NULL), expected, sizeof expected);
    assert_int_equal(ff_acl_parse(expected, sizeof expected, &back), 0);
    assert_true(ff_acl_equal(acl, back));
    assert_string_equal(text, "user::rw-,user:1001:r--,group::---,mask::r--,other::---");
}

static void what_is_no_acl_is_refused(void **state)
{
    FfAcl *bad[] = {
        ACL(OWNER(6)),
        ACL(OWNER(6), OWNING(6)),
        ACL(OWNING(6), OTHERS(6)),
        ACL(OWNER(6), OTHERS(6)),
        ACL(OTHERS(6), OWNING(6), OWNER(6)),
        ACL(OWNER(6), OWNER(6), OWNING(6), OTHERS(6)),
        ACL(OWNER(6), OWNING(6), OWNING(6), OTHERS(6)),
        ACL(OWNER(6), OWNING(6), OTHERS(6), OTHERS(6)),
        ACL(OWNER(6), OWNING(6), MASK(6), MASK(6), OTHERS(6)),
        /* Named ones want a mask. */
        ACL(OWNER(6), USER(1, 6), OWNING(6), OTHERS(6)),
        ACL(OWNER(6), OWNING(6), GROUP(1, 6), OTHERS(6)),
        ACL(OWNER(6), OWNING(6), MASK(6), GROUP(1, 6), OTHERS(6)),
        ACL(OWNER(6), OWNING(6), USER(1, 6), MASK(6), OTHERS(6)),
        ACL(OWNER(6), USER(ANY_ID, 6), OWNING(6), MASK(6), OTHERS(6)),
        ACL(OWNER(6), OWNING(6), GROUP(ANY_ID, 6), MASK(6), OTHERS(6)),
        ACL(OWNER(8), OWNING(6), OTHERS(6)),
        ACL(OWNER(6), OWNING(6), {0x40, 6, ANY_ID}, OTHERS(6)),
        ACL(OWNER(6), {0, 6, ANY_ID}, OWNING(6), OTHERS(6)),
    };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        FfAcl *parsed = NULL;

        assert_int_equal(parse_again(bad[i], &parsed), -EINVAL);
        assert_null(parsed);
        ff_acl_free(bad[i]);
    }
}

static void value_of_another_length_or_version_is_refused(void **state)
{
    g_autoptr(FfAcl) acl = ACL(OWNER(6), OWNING(4), OTHERS(0));
    g_autoptr(GBytes) bytes = ff_acl_to_bytes(acl);
    gsize size = g_bytes_get_size(bytes);
    g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(bytes, NULL), size);
    FfAcl *parsed = NULL;

    for (gsize length = 0; length < size; length++)
        assert_int_equal(ff_acl_parse(copy, length, &parsed), length == 4 ? 0 : -EINVAL);
    assert_null(parsed);
    copy[0] = 1;
    assert_int_equal(ff_acl_parse(copy, size, &parsed), -EOPNOTSUPP);
    assert_null(parsed);
}

static void mode_is_that_of_owner_mask_and_others(void **state)
{
    g_autoptr(FfAcl) small = ACL(OWNER(6), OWNING(4), OTHERS(1));
    g_autoptr(FfAcl) masked = ACL(OWNER(6), OWNING(7), MASK(2), OTHERS(1));
    g_autoptr(FfAcl) large = ACL(OWNER(7), USER(5, 7), OWNING(7), GROUP(5, 1), MASK(3), OTHERS(0));

    assert_int_equal(ff_acl_mode(small), 0641);
    assert_false(ff_acl_is_extended(small));
    assert_int_equal(ff_acl_mode(masked), 0621);
    assert_true(ff_acl_is_extended(masked));
    assert_int_equal(ff_acl_mode(large), 0730);
    assert_true(ff_acl_is_extended(large));
}

static void chmod_sets_the_mask_and_leaves_those_that_it_bounds(void **state)
{
    g_autoptr(FfAcl) acl = ACL(OWNER(6), USER(5, 6), OWNING(4), MASK(6), OTHERS(0));
    g_autoptr(FfAcl) expected = ACL(OWNER(4), USER(5, 6), OWNING(4), MASK(2), OTHERS(1));

    ff_acl_set_mode(acl, S_IFIFO | 01421);
    assert_true(ff_acl_equal(acl, expected));
}

static void ceiling_bounds_everybody_by_his_class(void **state)
{
    g_autoptr(FfAcl) acl = ACL(OWNER(6), USER(5, 6), OWNING(4), GROUP(6, 2), MASK(4), OTHERS(4));
    g_autoptr(FfAcl) cut = ACL(OWNER(4), USER(5, 4), OWNING(4), GROUP(6, 0), MASK(4), OTHERS(0));

    assert_true(ff_acl_is_within(acl, 0664));
    assert_false(ff_acl_is_within(acl, 0660));
    assert_false(ff_acl_is_within(acl, 0464));
    /* The mask lets nobody write, but nobody is to have it at all. */
    assert_false(ff_acl_is_within(acl, 0644));
    ff_acl_cut_at_ceiling(acl, 0440);
    assert_true(ff_acl_equal(acl, cut));
    assert_true(ff_acl_is_within(acl, 0440));
}

/* --- who may --- */

static gboolean allows(uid_t uid, gid_t gid, const gid_t *groups, guint n_groups, const FfAcl *acl,
                       mode_t wanted)
{
    const FfCaller caller = {.uid = uid, .gid = gid, .groups = groups, .n_groups = n_groups};
    const FfPermissions permissions = {ff_acl_mode(acl), 1001, 1001, acl};

    return ff_access_allows(&caller, &permissions, wanted);
}

static void first_entry_for_the_caller_decides(void **state)
{
    const gid_t groups[] = {30, 31};
    g_autoptr(FfAcl) acl = ACL(OWNER(0), USER(2, 6), USER(3, 0), OWNING(0), GROUP(30, 4),
                               GROUP(31, 2), MASK(6), OTHERS(6));
    g_autoptr(FfAcl) tight = ACL(OWNER(6), USER(2, 6), OWNING(6), MASK(4), OTHERS(2));
    g_autoptr(FfAcl) shut = ACL(OWNER(6), USER(2, 6), OWNING(6), MASK(0), OTHERS(4));

    assert_false(allows(1001, 5, NULL, 0, acl, 4));
    assert_true(allows(0, 0, NULL, 0, acl, 6));
    assert_true(allows(2, 5, NULL, 0, acl, 6));
    assert_false(allows(3, 5, NULL, 0, acl, 4));
    assert_true(allows(9, 5, NULL, 0, acl, 6));
    /* Of groups any will do, but no two together, and others are not asked then. */
    assert_true(allows(9, 5, groups, 2, acl, 4));
    assert_true(allows(9, 5, groups, 2, acl, 2));
    assert_false(allows(9, 5, groups, 2, acl, 6));
    assert_false(allows(9, 1001, NULL, 0, acl, 4));
    assert_true(allows(9, 1001, groups, 1, acl, 4));

    assert_true(allows(2, 5, NULL, 0, tight, 4));
    assert_false(allows(2, 5, NULL, 0, tight, 2));
    assert_false(allows(9, 1001, NULL, 0, tight, 2));
    assert_true(allows(9, 5, NULL, 0, tight, 2));

    /* With an empty mask the kernel asks the mode alone. */
    assert_true(allows(2, 5, NULL, 0, shut, 4));
    assert_false(allows(2, 1001, NULL, 0, shut, 4));
}

/* --- those of nodes --- */

typedef struct {
    FfRegistry *registry;
    FfNode *root, *fifo, *directory;
    guint n_changes;
} Fixture;

static void count(const FfChange *change, gpointer data)
{
    if (change->kind == FF_CHANGE_ATTRIBUTES)
        ((Fixture *)data)->n_changes++;
}

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    FfRegistryOptions options = test_options();

    options.modes = (FfModes){.fifo_ceiling = 0660, .fifo_floor = 0400, .dir_ceiling = 0770};
    options.root_mode = 0777;
    fixture->registry = ff_registry_new(&options, &test_clock);
    fixture->root = ff_registry_root(fixture->registry);
    fixture->fifo = make_fifo(fixture->registry, fixture->root, "fifo");
    fixture->directory = make_directory(fixture->registry, fixture->root, "directory");
    ff_registry_listen(fixture->registry, count, fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    ff_registry_free(fixture->registry);
    g_free(fixture);
    return 0;
}

static void assert_acl(const Fixture *fixture, const FfNode *node, FfAclType type,
                       const char *expected)
{
    const FfAcl *acl = ff_acls_get(ff_registry_acls(fixture->registry), node, type);
    g_autofree char *text = acl == NULL ? g_strdup("none") : ff_acl_to_text(acl);

    assert_string_equal(text, expected);
}

/* Takes the ACL. */
static int set(const Fixture *fixture, FfNode *node, FfAclType type, FfAcl *acl)
{
    int r = ff_registry_set_acl(fixture->registry, node, type, acl, TRUE);

    ff_acl_free(acl);
    return r;
}

static void access_acl_sets_the_mode_and_chmod_the_mask(void **state)
{
    Fixture *fixture = *state;
    FfAttributes attributes = {.set_mode = TRUE, .mode = 0600};

    assert_int_equal(set(fixture, fixture->fifo, FF_ACL_ACCESS,
                         ACL(OWNER(6), USER(5, 4), OWNING(0), MASK(4), OTHERS(0))),
                     0);
    assert_int_equal(fixture->fifo->mode, S_IFIFO | 0640);
    assert_int_equal(fixture->n_changes, 1);
    ff_registry_set_attributes(fixture->registry, fixture->fifo, &attributes);
    assert_acl(fixture, fixture->fifo, FF_ACL_ACCESS,
               "user::rw-,user:5:r--,group::---,mask::---,other::---");
}

static void acl_that_is_a_mode_is_not_kept(void **state)
{
    Fixture *fixture = *state;

    set(fixture, fixture->fifo, FF_ACL_ACCESS,
        ACL(OWNER(6), USER(5, 4), OWNING(0), MASK(4), OTHERS(0)));
    assert_int_equal(
        set(fixture, fixture->fifo, FF_ACL_ACCESS, ACL(OWNER(6), OWNING(2), OTHERS(0))), 0);
    assert_acl(fixture, fixture->fifo, FF_ACL_ACCESS, "none");
    assert_null(ff_registry_acl(fixture->registry, fixture->fifo, FF_ACL_ACCESS));
    assert_int_equal(fixture->fifo->mode, S_IFIFO | 0620);
}

static void removed_acl_leaves_the_mode(void **state)
{
    Fixture *fixture = *state;

    set(fixture, fixture->fifo, FF_ACL_ACCESS,
        ACL(OWNER(6), USER(5, 4), OWNING(0), MASK(4), OTHERS(0)));
    assert_int_equal(set(fixture, fixture->fifo, FF_ACL_ACCESS, NULL), 0);
    assert_int_equal(set(fixture, fixture->fifo, FF_ACL_ACCESS, NULL), 0);
    assert_acl(fixture, fixture->fifo, FF_ACL_ACCESS, "none");
    assert_int_equal(fixture->fifo->mode, S_IFIFO | 0640);
}

static void acl_beyond_ceiling_or_floor_changes_nothing(void **state)
{
    Fixture *fixture = *state;
    FfNode *fifo = fixture->fifo;

    fixture->fifo->mode |= S_ISVTX;
    assert_int_equal(set(fixture, fifo, FF_ACL_ACCESS, ACL(OWNER(6), OWNING(0), OTHERS(4))),
                     -EPERM);
    assert_int_equal(set(fixture, fifo, FF_ACL_ACCESS, ACL(OWNER(2), OWNING(0), OTHERS(0))),
                     -EPERM);
    assert_int_equal(
        set(fixture, fifo, FF_ACL_ACCESS, ACL(OWNER(6), USER(5, 7), OWNING(0), MASK(6), OTHERS(0))),
        -EPERM);
    assert_int_equal(
        set(fixture, fifo, FF_ACL_ACCESS, ACL(OWNER(6), USER(5, 6), OWNING(0), MASK(7), OTHERS(0))),
        -EPERM);
    assert_int_equal(
        set(fixture, fixture->directory, FF_ACL_DEFAULT, ACL(OWNER(7), OWNING(0), OTHERS(4))),
        -EPERM);
    assert_int_equal(set(fixture, fifo, FF_ACL_DEFAULT, ACL(OWNER(6), OWNING(0), OTHERS(0))),
                     -EACCES);
    assert_int_equal(set(fixture, fifo, FF_ACL_DEFAULT, NULL), 0);
    assert_acl(fixture, fifo, FF_ACL_ACCESS, "none");
    assert_acl(fixture, fixture->directory, FF_ACL_DEFAULT, "none");
    assert_int_equal(fifo->mode, S_IFIFO | S_ISVTX | 0600);
    /* The root has rootmode, whatever the ceiling. */
    assert_int_equal(set(fixture, fixture->root, FF_ACL_ACCESS,
                         ACL(OWNER(7), USER(5, 5), OWNING(7), MASK(7), OTHERS(7))),
                     0);
}

static void setgid_goes_unless_the_caller_may_set_it(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(FfAcl) acl = ACL(OWNER(7), USER(5, 5), OWNING(0), MASK(5), OTHERS(0));

    fixture->directory->mode = S_IFDIR | 02770;
    ff_registry_set_acl(fixture->registry, fixture->directory, FF_ACL_DEFAULT, acl, FALSE);
    ff_registry_set_acl(fixture->registry, fixture->directory, FF_ACL_ACCESS, acl, TRUE);
    assert_int_equal(fixture->directory->mode, S_IFDIR | 02750);
    ff_registry_set_acl(fixture->registry, fixture->directory, FF_ACL_ACCESS, acl, FALSE);
    assert_int_equal(fixture->directory->mode, S_IFDIR | 0750);
}

static FfNode *create(const Fixture *fixture, const char *name, mode_t mode)
{
    FfNewNode wanted = {.mode = mode};
    FfNode *node;

    assert_int_equal(
        ff_registry_create(fixture->registry, fixture->directory, name, &wanted, &node), 0);
    return node;
}

static void new_fifo_begins_with_the_default_cut_at_its_ceiling(void **state)
{
    Fixture *fixture = *state;
    FfNode *fifo, *directory;

    set(fixture, fixture->directory, FF_ACL_DEFAULT,
        ACL(OWNER(7), USER(5, 7), OWNING(5), MASK(7), OTHERS(0)));
    fifo = create(fixture, "fifo", S_IFIFO | 0640);
    assert_acl(fixture, fifo, FF_ACL_ACCESS,
               "user::rw-,user:5:rw-,group::r--,mask::r--,other::---");
    assert_acl(fixture, fifo, FF_ACL_DEFAULT, "none");
    assert_int_equal(fifo->mode, S_IFIFO | 0640);

    directory = create(fixture, "directory", S_IFDIR | 01777);
    assert_acl(fixture, directory, FF_ACL_ACCESS,
               "user::rwx,user:5:rwx,group::r-x,mask::rwx,other::---");
    assert_acl(fixture, directory, FF_ACL_DEFAULT,
               "user::rwx,user:5:rwx,group::r-x,mask::rwx,other::---");
    assert_int_equal(directory->mode, S_IFDIR | 01770);
}

static void floor_is_kept_below_a_default(void **state)
{
    Fixture *fixture = *state;
    FfNode *fifo;

    set(fixture, fixture->directory, FF_ACL_DEFAULT, ACL(OWNER(2), OWNING(2), OTHERS(0)));
    fifo = create(fixture, "fifo", S_IFIFO | 0660);
    assert_int_equal(fifo->mode, S_IFIFO | 0620);
    assert_acl(fixture, fifo, FF_ACL_ACCESS, "none");
}

static void equal_acls_are_one_and_go_with_the_last_node(void **state)
{
    Fixture *fixture = *state;
    const FfAcls *acls = ff_registry_acls(fixture->registry);
    FfNode *a, *b;

    set(fixture, fixture->directory, FF_ACL_DEFAULT,
        ACL(OWNER(6), USER(5, 6), OWNING(4), MASK(6), OTHERS(0)));
    a = create(fixture, "a", S_IFIFO | 0660);
    b = create(fixture, "b", S_IFIFO | 0660);
    assert_ptr_equal(ff_acls_get(acls, a, FF_ACL_ACCESS), ff_acls_get(acls, b, FF_ACL_ACCESS));
    ff_registry_unlink(fixture->registry, fixture->directory, "a", &ROOT);
    assert_acl(fixture, b, FF_ACL_ACCESS, "user::rw-,user:5:rw-,group::r--,mask::rw-,other::---");
    set(fixture, b, FF_ACL_ACCESS, ACL(OWNER(6), USER(6, 6), OWNING(4), MASK(6), OTHERS(0)));
    assert_acl(fixture, fixture->directory, FF_ACL_DEFAULT,
               "user::rw-,user:5:rw-,group::r--,mask::rw-,other::---");
    ff_registry_unlink(fixture->registry, fixture->directory, "b", &ROOT);
}

static void restored_acl_is_the_one_that_was_told(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GBytes) told = NULL, again = NULL;
    g_autoptr(FfAcl) acl = NULL;
    FfNode *other = make_fifo(fixture->registry, fixture->root, "other");

    set(fixture, fixture->fifo, FF_ACL_ACCESS,
        ACL(OWNER(6), USER(5, 4), OWNING(0), MASK(4), OTHERS(0)));
    told = ff_registry_acl(fixture->registry, fixture->fifo, FF_ACL_ACCESS);
    assert_int_equal(ff_acl_parse(g_bytes_get_data(told, NULL), g_bytes_get_size(told), &acl), 0);
    ff_registry_restore_acl(fixture->registry, other, FF_ACL_ACCESS, acl);
    again = ff_registry_acl(fixture->registry, other, FF_ACL_ACCESS);
    assert_true(g_bytes_equal(told, again));
    assert_int_equal(fixture->n_changes, 1);
}

static gboolean lists(const Fixture *fixture, const FfCaller *caller, const char *text)
{
    g_autoptr(FfPipesReader) reader = ff_pipes_reader_new(caller, FALSE);
    g_autoptr(GString) all = g_string_new(NULL);

    ff_pipes_reader_fill(reader, fixture->registry, all, 4096);
    return strstr(all->str, text) != NULL;
}

static void list_shows_acls_to_whom_they_let_in(void **state)
{
    Fixture *fixture = *state;

    fixture->directory->mode = S_IFDIR | 0700;
    create(fixture, "inside", S_IFIFO | 0600);
    assert_false(lists(fixture, &BOB, "inside"));
    set(fixture, fixture->directory, FF_ACL_ACCESS,
        ACL(OWNER(7), USER(BOB.uid, 5), OWNING(0), MASK(5), OTHERS(0)));
    assert_true(lists(fixture, &BOB, "inside"));
    assert_false(lists(fixture, &ALICE, "inside"));
    assert_true(ff_access_may_reach(&BOB, ff_registry_acls(fixture->registry), fixture->directory));
    assert_false(
        ff_access_may_reach(&ALICE, ff_registry_acls(fixture->registry), fixture->directory));
    assert_false(lists(fixture, &BOB, "\"acl\""));
    set(fixture, fixture->fifo, FF_ACL_ACCESS,
        ACL(OWNER(6), USER(5, 4), OWNING(0), MASK(4), OTHERS(0)));
    assert_true(
        lists(fixture, &BOB, ",\"acl\":\"user::rw-,user:5:r--,group::---,mask::r--,other::---\","));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_is_that_of_the_kernel),
        cmocka_unit_test(what_is_no_acl_is_refused),
        cmocka_unit_test(value_of_another_length_or_version_is_refused),
        cmocka_unit_test(mode_is_that_of_owner_mask_and_others),
        cmocka_unit_test(chmod_sets_the_mask_and_leaves_those_that_it_bounds),
        cmocka_unit_test(ceiling_bounds_everybody_by_his_class),
        cmocka_unit_test(first_entry_for_the_caller_decides),
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(access_acl_sets_the_mode_and_chmod_the_mask),
        TEST(acl_that_is_a_mode_is_not_kept),
        TEST(removed_acl_leaves_the_mode),
        TEST(acl_beyond_ceiling_or_floor_changes_nothing),
        TEST(setgid_goes_unless_the_caller_may_set_it),
        TEST(new_fifo_begins_with_the_default_cut_at_its_ceiling),
        TEST(floor_is_kept_below_a_default),
        TEST(equal_acls_are_one_and_go_with_the_last_node),
        TEST(restored_acl_is_the_one_that_was_told),
        TEST(list_shows_acls_to_whom_they_let_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
