/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Journals that earlier programs have written come back whole, and the version of one is as low as it can be.
 *
 * The files were written by those programs: journals/record.py says by which, and makes what is
 * looked for here. Each is the header of a log and its records as they lie behind each other.
 */
#include "life.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define USER_A 1111
#define USER_B 2222

/* As in lib/logfile.c: an earlier format would have to be told from a later one by these. */
#define HEADER_BYTES 96
#define VERSION_AT   8
#define BEGIN_AT     16

#define LONG_NAME_BYTES 254

static const guint versions[] = {FF_LOGFILE_FIRST_VERSION, FF_LOGFILE_WITH_ACLS,
                                 FF_LOGFILE_WITH_CHARGED, FF_LOGFILE_WITH_HOLD};

/* A journal that an earlier program has left. */
static int left_by(guint version)
{
    g_autofree char *path = g_strdup_printf("%s/version-%u.journal", JOURNALS, version);
    g_autofree char *bytes = NULL;
    gsize length;
    guint32 written;
    guint64 begin;
    int fd = ff_logfile_create();

    assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    memcpy(&written, bytes + VERSION_AT, sizeof written);
    assert_int_equal(written, version);
    memcpy(&begin, bytes + BEGIN_AT, sizeof begin);
    assert_int_equal(pwrite(fd, bytes, HEADER_BYTES, 0), HEADER_BYTES);
    length -= HEADER_BYTES;
    assert_int_equal(pwrite(fd, bytes + HEADER_BYTES, length, (off_t)begin), length);
    return fd;
}

static guint32 version_of(int fd)
{
    guint32 version;

    assert_int_equal(pread(fd, &version, sizeof version, VERSION_AT), sizeof version);
    return version;
}

/* Go on with a journal, and commit, as a worker does. */
static Life begin(int fd)
{
    Life life = life_begin(fd);

    ff_registry_lock(life.registry);
    ff_registry_unlock(life.registry);
    return life;
}

/* --- what record.py has made --- */

static FfNode *find(FfRegistry *registry, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    FfNode *node = ff_registry_root(registry);

    for (char **name = names; *name != NULL; name++)
        assert_int_equal(ff_registry_lookup(registry, node, *name, &node), 0);
    return node;
}

static char *long_name(void)
{
    char name[LONG_NAME_BYTES + 1] = {0};

    memset(name, 'n', LONG_NAME_BYTES);
    return g_strdup_printf("d/deep/\xff%s", name);
}

static void assert_policy(const FfNode *node, const char *key, const char *expected)
{
    g_autofree char *value = ff_policy_get(node->policy, key);

    assert_string_equal(value, expected);
}

static void assert_names(FfRegistry *registry)
{
    static const struct {
        const char *path;
        mode_t mode;
        const char *lifetime, *linger;
    } all[] = {
        {"d", S_IFDIR | 0755, "auto", "7s"},
        {"d/deep", S_IFDIR | 0700, "auto", "7s"},
        {"d/inherits", S_IFIFO | 0600, "auto", "7s"},
        {"declared", S_IFDIR | 0755, "auto", "30s"},
        {"declared/one", S_IFIFO | 0620, "keep", "30s"},
        {"with process", S_IFIFO | 0600, "process", "30s"},
        {"with session", S_IFIFO | 0600, "session", "30s"},
        {"aging", S_IFIFO | 0600, "auto", "30s"},
        {"sticky", S_IFIFO | S_ISVTX | 0640, "auto", "30s"},
        {"renamed", S_IFIFO | 0600, "keep", "30s"},
        {"of user A", S_IFIFO | 0600, "auto", "30s"},
        {"lingering", S_IFIFO | 0600, "use", "1h"},
        {"held", S_IFIFO | 0600, "use", "0s"},
    };
    FfNode *node;

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        node = find(registry, all[i].path);
        assert_int_equal(node->mode, all[i].mode);
        assert_policy(node, "lifetime", all[i].lifetime);
        assert_policy(node, "linger", all[i].linger);
    }
    assert_policy(find(registry, "aging"), "max-age", "1d");
    assert_policy(find(registry, "aging"), "grace", "2h");
    assert_int_equal(ff_registry_lookup(registry, ff_registry_root(registry), "removed", &node),
                     -ENOENT);
    assert_int_equal(ff_registry_lookup(registry, ff_registry_root(registry), "before", &node),
                     -ENOENT);
}

static void assert_long_name(FfRegistry *registry)
{
    g_autofree char *path = long_name();

    assert_int_equal(find(registry, path)->mode, S_IFIFO | 0600);
}

static void assert_use(FfRegistry *registry)
{
    const FfNode *held = find(registry, "held"), *lingering = find(registry, "lingering");

    assert_int_equal(held->reference, FF_REFERENCE_HELD);
    assert_int_equal(held->use, FF_USE_OPENED);
    assert_true(held->lookups > 0);
    assert_int_equal(ff_node_state(lingering), FF_STATE_IDLE);
    assert_true(lingering->last_used > 0);
    assert_int_equal(ff_node_state(find(registry, "kept")), FF_STATE_NEW);
}

static void assert_creators(FfRegistry *registry)
{
    const FfProcess *creator = find(registry, "with process")->creator;

    assert_non_null(creator);
    assert_ptr_equal(creator, find(registry, "held")->creator);
    assert_ptr_not_equal(creator, find(registry, "of user A")->creator);
    assert_string_equal(creator->comm, "python3");
    assert_null(find(registry, "declared/one")->creator);
}

static void count_nameless(FfNode *node, gpointer count)
{
    if (!ff_node_is_linked(node) && ff_node_is_fifo(node) && node->lookups > 0)
        (*(guint *)count)++;
}

static void assert_nameless(FfRegistry *registry)
{
    guint n_nameless = 0;

    ff_registry_foreach(registry, count_nameless, &n_nameless);
    assert_int_equal(n_nameless, 1);
}

/* Only later programs know that they are not the same. */
static void assert_owners(FfRegistry *registry, guint version)
{
    gboolean has_charged = version >= FF_LOGFILE_WITH_CHARGED;
    const FfNode *of_a = find(registry, "of user A"), *ours = find(registry, "kept");

    assert_int_equal(of_a->uid, has_charged ? USER_B : USER_A);
    assert_int_equal(of_a->charged_uid, USER_A);
    assert_int_equal(ours->uid, has_charged ? USER_B : 0);
    assert_int_equal(ours->charged_uid, 0);
    assert_int_equal(ff_registry_n_fifos(registry), version >= FF_LOGFILE_WITH_HOLD ? 13 : 12);
    assert_int_equal(ff_registry_n_directories(registry), 3);
}

static void assert_has_acl(FfRegistry *registry, const char *path, FfAclType type,
                           gboolean expected)
{
    g_autoptr(GBytes) acl = ff_registry_acl(registry, find(registry, path), type);

    assert_int_equal(acl != NULL, expected);
    if (expected)
        assert_int_equal(g_bytes_get_size(acl), 4 + 5 * 8);
}

static void assert_acls(FfRegistry *registry, guint version)
{
    gboolean has_acls = version >= FF_LOGFILE_WITH_ACLS;

    assert_has_acl(registry, "kept", FF_ACL_ACCESS, has_acls);
    assert_has_acl(registry, "d", FF_ACL_DEFAULT, has_acls);
    assert_has_acl(registry, "aging", FF_ACL_ACCESS, FALSE);
    assert_int_equal(find(registry, "kept")->mode, S_IFIFO | (has_acls ? 0640 : 0600));
}

static void assert_hold(FfRegistry *registry, guint version)
{
    if (version >= FF_LOGFILE_WITH_HOLD)
        assert_policy(find(registry, "holding"), "hold", "write");
    assert_policy(find(registry, "kept"), "hold", "none");
}

/* All that others keep: the request that the kernel began with, files that are open, directories. */
static void assert_kept(FfJournal *journal)
{
    assert_non_null(ff_journal_kept(journal, FF_KEPT_INIT, 0));
    assert_non_null(ff_journal_kept(journal, FF_KEPT_CONFIG, 0));
    assert_non_null(ff_journal_kept(journal, FF_KEPT_MOUNTED, 0));
    assert_non_null(ff_journal_kept(journal, FF_KEPT_HANDLE, 1));
}

static void assert_whole(const Life *life, guint version)
{
    ff_registry_lock(life->registry);
    assert_names(life->registry);
    assert_long_name(life->registry);
    assert_use(life->registry);
    assert_creators(life->registry);
    assert_nameless(life->registry);
    assert_owners(life->registry, version);
    assert_acls(life->registry, version);
    assert_hold(life->registry, version);
    assert_kept(life->journal);
    ff_registry_unlock(life->registry);
}

/* --- the promises --- */

static void journals_of_all_versions_come_back_whole(void **state)
{
    for (gsize i = 0; i < G_N_ELEMENTS(versions); i++) {
        Life life = begin(left_by(versions[i]));

        assert_whole(&life, versions[i]);
        life_end(&life);
        close(life.fd);
    }
}

/* The next one reads what this program has made of it, and has dropped what the former wrote. */
static void they_come_back_from_the_next_program_too(void **state)
{
    for (gsize i = 0; i < G_N_ELEMENTS(versions); i++) {
        Life life = begin(left_by(versions[i])), next;

        for (guint n = 0; n < 100; n++) {
            ff_registry_lock(life.registry);
            ff_journal_note_answer(life.journal, n, 0);
            ff_registry_unlock(life.registry);
        }
        next = begin(life.fd);
        assert_whole(&next, versions[i]);
        life_end(&next);
        life_end(&life);
        close(life.fd);
    }
}

static void version_stays_while_nothing_needs_another(void **state)
{
    for (gsize i = 0; i < G_N_ELEMENTS(versions); i++) {
        Life life = begin(left_by(versions[i]));

        ff_registry_lock(life.registry);
        make_fifo(life.registry, ff_registry_root(life.registry), "new");
        ff_registry_unlock(life.registry);
        assert_int_equal(version_of(life.fd), versions[i]);
        life_end(&life);
        close(life.fd);
    }
}

static void what_an_earlier_program_would_leave_out_raises_the_version(void **state)
{
    Life later = begin(left_by(FF_LOGFILE_WITH_ACLS)),
         life = begin(left_by(FF_LOGFILE_FIRST_VERSION));
    g_autoptr(FfAcl) acl = NULL;
    g_autoptr(GBytes)
        value = ff_registry_acl(later.registry, find(later.registry, "kept"), FF_ACL_ACCESS);
    FfRegistryOptions options = test_options();

    assert_int_equal(ff_acl_parse(g_bytes_get_data(value, NULL), g_bytes_get_size(value), &acl), 0);
    ff_registry_lock(life.registry);
    ff_registry_set_acl(life.registry, find(life.registry, "aging"), FF_ACL_ACCESS, acl, TRUE);
    ff_registry_unlock(life.registry);
    assert_int_equal(version_of(life.fd), FF_LOGFILE_WITH_ACLS);

    options.fix_uid = TRUE;
    options.uid = USER_B;
    ff_registry_adopt_options(life.registry, &options);
    ff_registry_lock(life.registry);
    make_as(life.registry, ff_registry_root(life.registry), "charged", S_IFIFO | 0600, USER_A);
    ff_registry_unlock(life.registry);
    assert_int_equal(version_of(life.fd), FF_LOGFILE_WITH_CHARGED);

    ff_registry_lock(life.registry);
    assert_int_equal(
        ff_registry_set_policy(life.registry, find(life.registry, "aging"), "hold", "read"), 0);
    ff_registry_unlock(life.registry);
    assert_int_equal(version_of(life.fd), FF_LOGFILE_WITH_HOLD);
    life_end(&life);
    life_end(&later);
    close(life.fd);
    close(later.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journals_of_all_versions_come_back_whole),
        cmocka_unit_test(they_come_back_from_the_next_program_too),
        cmocka_unit_test(version_stays_while_nothing_needs_another),
        cmocka_unit_test(what_an_earlier_program_would_leave_out_raises_the_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
