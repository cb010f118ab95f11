/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is charged for what, and who is refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "autofd.h"
#include "journal.h"
#include "metrics.h"
#include "quota-json.h"
#include "support.h"

#define PIPES       FF_QUOTA_PIPES
#define DIRECTORIES FF_QUOTA_DIRECTORIES

/* A user may have two FIFOs and one directory, the mount five and three. */
static const FfQuotaLimits few = {.mount = {5, 3}, .user = {2, 1}};

typedef struct {
    FfRegistry *registry;
    FfNode *root;
} Fixture;

static FfRegistry *registry_with(const FfQuotaLimits *limits)
{
    FfRegistryOptions options = test_options();

    options.limits = *limits;
    return ff_registry_new(&options, &test_clock);
}

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->registry = registry_with(&few);
    fixture->root = ff_registry_root(fixture->registry);
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

static int fifo_of(const Fixture *fixture, const char *name, uid_t uid)
{
    return make_as(fixture->registry, fixture->root, name, S_IFIFO | 0600, uid);
}

static int directory_of(const Fixture *fixture, const char *name, uid_t uid)
{
    return make_as(fixture->registry, fixture->root, name, S_IFDIR | 0777, uid);
}

static FfNode *node_of(const Fixture *fixture, const char *name)
{
    FfNode *node = NULL;

    assert_int_equal(ff_registry_lookup(fixture->registry, fixture->root, name, &node), 0);
    return node;
}

static int give(const Fixture *fixture, FfNode *node, uid_t uid)
{
    return ff_registry_set_attributes(fixture->registry, node,
                                      &(FfAttributes){.set_uid = TRUE, .uid = uid});
}

static guint used(const Fixture *fixture, FfQuotaKind kind, uid_t uid)
{
    return ff_quota_used_by(ff_registry_quota(fixture->registry), kind, uid);
}

static void user_at_his_limit_is_refused_and_others_are_not(void **state)
{
    const Fixture *fixture = *state;

    assert_int_equal(fifo_of(fixture, "a", ALICE.uid), 0);
    assert_int_equal(fifo_of(fixture, "b", ALICE.uid), 0);
    assert_int_equal(fifo_of(fixture, "c", ALICE.uid), -EDQUOT);
    assert_int_equal(directory_of(fixture, "d", ALICE.uid), 0);
    assert_int_equal(directory_of(fixture, "e", ALICE.uid), -EDQUOT);
    assert_int_equal(fifo_of(fixture, "c", BOB.uid), 0);
    assert_int_equal(used(fixture, PIPES, ALICE.uid), 2);
    assert_int_equal(used(fixture, DIRECTORIES, ALICE.uid), 1);
}

static void full_mount_refuses_everybody(void **state)
{
    const Fixture *fixture = *state;
    char name[] = "0";

    for (; fifo_of(fixture, name, 0) == 0; name[0]++)
        continue;
    assert_int_equal(name[0], '5');
    assert_int_equal(fifo_of(fixture, "a", 0), -ENOSPC);
    assert_int_equal(fifo_of(fixture, "a", ALICE.uid), -ENOSPC);
    assert_int_equal(directory_of(fixture, "d", ALICE.uid), 0);
}

static void root_has_no_limit_but_the_mounts(void **state)
{
    const Fixture *fixture = *state;

    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name != NULL;
         name++)
        assert_int_equal(directory_of(fixture, *name, 0), 0);
    assert_int_equal(directory_of(fixture, "d", 0), -ENOSPC);
}

/* What it would fail with anyhow comes first. */
static void taken_name_is_no_matter_of_room(void **state)
{
    const Fixture *fixture = *state;
    char long_name[300];

    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    fifo_of(fixture, "a", ALICE.uid);
    fifo_of(fixture, "b", ALICE.uid);
    assert_int_equal(fifo_of(fixture, "a", ALICE.uid), -EEXIST);
    assert_int_equal(fifo_of(fixture, long_name, ALICE.uid), -ENAMETOOLONG);
}

static void lost_name_makes_room_though_the_node_is_there(void **state)
{
    const Fixture *fixture = *state;
    FfNode *node;

    fifo_of(fixture, "a", ALICE.uid);
    fifo_of(fixture, "b", ALICE.uid);
    node = node_of(fixture, "a");
    ff_registry_add_lookup(fixture->registry, node);
    assert_int_equal(ff_registry_unlink(fixture->registry, fixture->root, "a", &ALICE), 0);
    assert_int_equal(used(fixture, PIPES, ALICE.uid), 1);
    /* Nor does it count when it is given to somebody, or goes at last. */
    assert_int_equal(give(fixture, node, BOB.uid), 0);
    assert_int_equal(used(fixture, PIPES, BOB.uid), 0);
    ff_registry_forget(fixture->registry, node, 1);
    assert_int_equal(used(fixture, PIPES, ALICE.uid), 1);
    assert_int_equal(fifo_of(fixture, "a", ALICE.uid), 0);
}

static void rename_charges_nobody_and_frees_what_it_replaces(void **state)
{
    const Fixture *fixture = *state;
    FfPlace a = {fixture->root, "a"}, b = {fixture->root, "b"}, c = {fixture->root, "c"};

    fifo_of(fixture, "a", ALICE.uid);
    fifo_of(fixture, "b", ALICE.uid);
    assert_int_equal(ff_registry_rename(fixture->registry, a, c, 0, &ALICE), 0);
    assert_int_equal(used(fixture, PIPES, ALICE.uid), 2);
    assert_int_equal(ff_registry_rename(fixture->registry, b, c, RENAME_EXCHANGE, &ALICE), 0);
    assert_int_equal(used(fixture, PIPES, ALICE.uid), 2);
    assert_int_equal(ff_registry_rename(fixture->registry, b, c, 0, &ALICE), 0);
    assert_int_equal(used(fixture, PIPES, ALICE.uid), 1);
    assert_int_equal(ff_registry_n_fifos(fixture->registry), 1);
}

static void chown_moves_the_charge_or_is_refused_whole(void **state)
{
    const Fixture *fixture = *state;
    FfAttributes both = {.set_uid = TRUE, .uid = ALICE.uid, .set_mode = TRUE, .mode = 0640};

    fifo_of(fixture, "a", ALICE.uid);
    fifo_of(fixture, "b", BOB.uid);
    fifo_of(fixture, "c", BOB.uid);
    assert_int_equal(give(fixture, node_of(fixture, "b"), ALICE.uid), 0);
    assert_int_equal(used(fixture, PIPES, ALICE.uid), 2);
    assert_int_equal(used(fixture, PIPES, BOB.uid), 1);
    assert_int_equal(ff_registry_set_attributes(fixture->registry, node_of(fixture, "c"), &both),
                     -EDQUOT);
    assert_int_equal(node_of(fixture, "c")->uid, BOB.uid);
    assert_int_equal(node_of(fixture, "c")->mode, S_IFIFO | 0600);
    assert_int_equal(used(fixture, PIPES, BOB.uid), 1);
    /* To oneself, and to root. */
    assert_int_equal(give(fixture, node_of(fixture, "a"), ALICE.uid), 0);
    assert_int_equal(give(fixture, node_of(fixture, "a"), 0), 0);
    assert_int_equal(used(fixture, PIPES, ALICE.uid), 1);
}

static void owner_of_the_root_is_charged_for_nothing(void **state)
{
    const Fixture *fixture = *state;

    assert_int_equal(give(fixture, fixture->root, ALICE.uid), 0);
    assert_int_equal(used(fixture, DIRECTORIES, ALICE.uid), 0);
    assert_int_equal(directory_of(fixture, "d", ALICE.uid), 0);
}

static void with_one_owner_for_all_the_makers_are_charged(void **state)
{
    FfRegistryOptions options = test_options();

    options.limits = few;
    options.fix_uid = TRUE;
    options.uid = 55;
    g_autoptr(FfRegistry) registry = ff_registry_new(&options, &test_clock);
    Fixture fixture = {registry, ff_registry_root(registry)};

    assert_int_equal(fifo_of(&fixture, "a", ALICE.uid), 0);
    assert_int_equal(fifo_of(&fixture, "b", ALICE.uid), 0);
    assert_int_equal(fifo_of(&fixture, "c", ALICE.uid), -EDQUOT);
    assert_int_equal(fifo_of(&fixture, "c", BOB.uid), 0);
    assert_int_equal(node_of(&fixture, "a")->uid, 55);
    assert_int_equal(used(&fixture, PIPES, 55), 0);
    /* chown to that owner, which is all that there is, changes nothing. */
    assert_int_equal(give(&fixture, node_of(&fixture, "a"), 55), 0);
    assert_int_equal(used(&fixture, PIPES, ALICE.uid), 2);
    ff_registry_remove(registry, node_of(&fixture, "a"), FF_REASON_IDLE);
    assert_int_equal(used(&fixture, PIPES, ALICE.uid), 1);
}

static void what_the_daemon_wants_is_never_refused(void **state)
{
    const Fixture *fixture = *state;
    FfNewNode wanted = {.mode = S_IFIFO | 0600, .uid = ALICE.uid, .exempt = TRUE};
    FfAttributes to_bob = {.set_uid = TRUE, .uid = BOB.uid, .exempt = TRUE};
    char name[] = "0";
    FfNode *node;

    for (; name[0] < '7'; name[0]++) {
        assert_int_equal(ff_registry_create(fixture->registry, fixture->root, name, &wanted, &node),
                         0);
        assert_int_equal(ff_registry_set_attributes(fixture->registry, node, &to_bob), 0);
    }
    /* But it counts. */
    assert_int_equal(used(fixture, PIPES, BOB.uid), 7);
    assert_int_equal(fifo_of(fixture, "a", BOB.uid), -EDQUOT);
    assert_int_equal(fifo_of(fixture, "a", ALICE.uid), -ENOSPC);
}

static void lower_limit_refuses_new_ones_only(void **state)
{
    const Fixture *fixture = *state;
    FfRegistryOptions options = *ff_registry_options(fixture->registry);

    fifo_of(fixture, "a", ALICE.uid);
    fifo_of(fixture, "b", ALICE.uid);
    options.limits.user[PIPES] = 1;
    ff_registry_set_options(fixture->registry, &options);
    assert_int_equal(used(fixture, PIPES, ALICE.uid), 2);
    ff_registry_remove(fixture->registry, node_of(fixture, "a"), FF_REASON_IDLE);
    assert_int_equal(fifo_of(fixture, "a", ALICE.uid), -EDQUOT);
    options.limits.user[PIPES] = FF_QUOTA_INFINITY;
    ff_registry_set_options(fixture->registry, &options);
    assert_int_equal(fifo_of(fixture, "a", ALICE.uid), 0);
}

static void who_has_nothing_is_forgotten(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GArray) before = NULL;
    g_autoptr(GArray) after = NULL;

    fifo_of(fixture, "a", BOB.uid);
    directory_of(fixture, "d", ALICE.uid);
    before = ff_quota_users(ff_registry_quota(fixture->registry));
    assert_int_equal(before->len, 2);
    assert_int_equal(g_array_index(before, uid_t, 0), ALICE.uid);
    assert_int_equal(g_array_index(before, uid_t, 1), BOB.uid);
    ff_registry_remove(fixture->registry, node_of(fixture, "a"), FF_REASON_IDLE);
    give(fixture, node_of(fixture, "d"), BOB.uid);
    ff_registry_rmdir(fixture->registry, fixture->root, "d", &BOB);
    after = ff_quota_users(ff_registry_quota(fixture->registry));
    assert_int_equal(after->len, 0);
}

static void nodes_alone_make_the_accounts_again(void **state)
{
    const Fixture *fixture = *state;
    const char *const names[] = {"d", "b", "a"};
    g_autoptr(FfQuota) again = ff_quota_new();

    fifo_of(fixture, "a", ALICE.uid);
    fifo_of(fixture, "b", BOB.uid);
    directory_of(fixture, "d", BOB.uid);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        ff_quota_charge(again, node_of(fixture, names[i]));
    for (FfQuotaKind kind = 0; kind < FF_QUOTA_KINDS; kind++) {
        assert_int_equal(ff_quota_used_by(again, kind, ALICE.uid), used(fixture, kind, ALICE.uid));
        assert_int_equal(ff_quota_used_by(again, kind, BOB.uid), used(fixture, kind, BOB.uid));
        assert_int_equal(ff_quota_used(again, kind),
                         ff_quota_used(ff_registry_quota(fixture->registry), kind));
    }
}

static FfJournal *journal_of(FfRegistry *registry, int fd)
{
    g_autoptr(GError) error = NULL;
    FfLogfile *log = ff_logfile_open(fd, &error);
    FfJournal *journal = ff_journal_new(registry, log, &error);

    assert_null(error);
    return journal;
}

static void journal_has_who_is_charged(void **state)
{
    FfRegistryOptions options = test_options();
    g_auto(FfAutoFd) fd = ff_logfile_create();

    options.limits = few;
    options.fix_uid = TRUE;
    options.uid = 55;
    g_autoptr(FfRegistry) registry = ff_registry_new(&options, &test_clock);
    g_autoptr(FfRegistry) next = ff_registry_new(&options, &test_clock);
    g_autoptr(FfJournal) journal = journal_of(registry, fd);
    Fixture fixture = {registry, ff_registry_root(registry)};

    ff_registry_lock(registry);
    fifo_of(&fixture, "a", ALICE.uid);
    fifo_of(&fixture, "b", ALICE.uid);
    fifo_of(&fixture, "c", 0);
    directory_of(&fixture, "d", BOB.uid);
    ff_registry_remove(registry, node_of(&fixture, "c"), FF_REASON_IDLE);
    ff_registry_unlock(registry);

    g_autoptr(FfJournal) journal_again = journal_of(next, fd);
    Fixture again = {next, ff_registry_root(next)};

    assert_int_equal(used(&again, PIPES, ALICE.uid), 2);
    assert_int_equal(used(&again, DIRECTORIES, BOB.uid), 1);
    assert_int_equal(used(&again, PIPES, 55) + used(&again, PIPES, 0), 0);
    assert_int_equal(ff_registry_n_fifos(next), 2);
    assert_int_equal(fifo_of(&again, "e", ALICE.uid), -EDQUOT);
}

static char *json_for(const Fixture *fixture, uid_t reader, gboolean sees_all)
{
    GString *out = g_string_new(NULL);

    ff_quota_append_json(ff_registry_quota(fixture->registry),
                         &ff_registry_options(fixture->registry)->limits, reader, sees_all, out);
    return g_string_free(out, FALSE);
}

#define MOUNT_LINE "{\"scope\":\"mount\",\"pipes\":2,\"max_pipes\":5,\"dirs\":0,\"max_dirs\":3}\n"
#define ALICE_LINE                                                                                 \
    "{\"scope\":\"user\",\"uid\":1001,\"pipes\":1,\"max_pipes\":2,\"dirs\":0,\"max_dirs\":1}\n"
#define ROOT_LINE                                                                                  \
    "{\"scope\":\"user\",\"uid\":0,\"pipes\":1,\"max_pipes\":null,\"dirs\":0,\"max_dirs\":null}\n"
#define BOB_LINE                                                                                   \
    "{\"scope\":\"user\",\"uid\":1002,\"pipes\":0,\"max_pipes\":2,\"dirs\":0,\"max_dirs\":1}\n"

static void reader_sees_the_mount_and_himself(void **state)
{
    const Fixture *fixture = *state;
    g_autofree char *for_root = NULL, *for_bob = NULL;

    fifo_of(fixture, "a", ALICE.uid);
    fifo_of(fixture, "b", 0);
    for_root = json_for(fixture, 0, TRUE);
    for_bob = json_for(fixture, BOB.uid, FALSE);
    assert_string_equal(for_root, MOUNT_LINE ROOT_LINE ALICE_LINE);
    assert_string_equal(for_bob, MOUNT_LINE BOB_LINE);
}

static void metrics_tell_counts_limits_and_refusals(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(FfMetrics) metrics = ff_metrics_new(fixture->registry);
    g_autoptr(GString) text = g_string_new(NULL);
    FfRegistryOptions options = *ff_registry_options(fixture->registry);
    const char *const lines[] = {
        "\nfifofs_user_fifos{uid=\"1001\"} 2\n",
        "\nfifofs_user_directories{uid=\"1002\"} 1\n",
        "\nfifofs_max_fifos 5\n",
        "\nfifofs_max_directories 3\n",
        "\nfifofs_user_max_fifos 2\n",
        "\nfifofs_user_max_directories +Inf\n",
        "\nfifofs_refused_total{limit=\"user\"} 2\n",
        "\nfifofs_refused_total{limit=\"mount\"} 0\n",
    };

    options.limits.user[DIRECTORIES] = FF_QUOTA_INFINITY;
    ff_registry_set_options(fixture->registry, &options);
    directory_of(fixture, "d", BOB.uid);
    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name != NULL;
         name++)
        fifo_of(fixture, *name, ALICE.uid);
    fifo_of(fixture, "e", BOB.uid);
    give(fixture, node_of(fixture, "e"), ALICE.uid);
    ff_metrics_append(metrics, text);
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        assert_non_null(strstr(text->str, lines[i]));
    assert_null(strstr(text->str, "fifofs_user_directories{uid=\"1001\"}"));
}

static void limits_are_read_as_they_are_written(void **state)
{
    const char *const bad[] = {"",   "0",   "-1",         "+1",       " 1",       "1 ",
                               "1K", "1.5", "4294967296", "infinite", "INFINITY", "0x10"};
    const char *const good[] = {"1", "65536", "4294967295", "infinity"};
    FfQuotaLimits limits = {0};
    guint limit = 7;

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_int_equal(ff_quota_parse(bad[i], &limit), -EINVAL);
    assert_int_equal(limit, 7);
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *text = NULL;

        assert_int_equal(ff_quota_parse(good[i], &limit), 0);
        text = ff_quota_format(limit);
        assert_string_equal(text, good[i]);
    }
    assert_ptr_equal(ff_quota_find_limit(&limits, "max-dirs"), &limits.mount[DIRECTORIES]);
    assert_ptr_equal(ff_quota_find_limit(&limits, "user-max-pipes"), &limits.user[PIPES]);
    assert_null(ff_quota_find_limit(&limits, "max-age"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(user_at_his_limit_is_refused_and_others_are_not),
        TEST(full_mount_refuses_everybody),
        TEST(root_has_no_limit_but_the_mounts),
        TEST(taken_name_is_no_matter_of_room),
        TEST(lost_name_makes_room_though_the_node_is_there),
        TEST(rename_charges_nobody_and_frees_what_it_replaces),
        TEST(chown_moves_the_charge_or_is_refused_whole),
        TEST(owner_of_the_root_is_charged_for_nothing),
        TEST(with_one_owner_for_all_the_makers_are_charged),
        TEST(what_the_daemon_wants_is_never_refused),
        TEST(lower_limit_refuses_new_ones_only),
        TEST(who_has_nothing_is_forgotten),
        TEST(nodes_alone_make_the_accounts_again),
        TEST(journal_has_who_is_charged),
        TEST(reader_sees_the_mount_and_himself),
        TEST(metrics_tell_counts_limits_and_refusals),
        TEST(limits_are_read_as_they_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
