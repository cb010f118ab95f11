/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written in a journal comes back in another registry, whenever the writer stops. */
#include "life.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packing.h"

static FfNode *find_in_root(FfRegistry *registry, const char *name)
{
    FfNode *node;

    assert_int_equal(ff_registry_lookup(registry, ff_registry_root(registry), name, &node), 0);
    return node;
}

static void names_and_counts_come_back(void **state)
{
    Life life = life_begin(ff_logfile_create());
    FfNode *directory, *fifo;
    Life next;

    ff_registry_lock(life.registry);
    directory = make_directory(life.registry, ff_registry_root(life.registry), "d");
    fifo = make_fifo(life.registry, directory, "a name that is too long for a node");
    ff_registry_add_lookup(life.registry, fifo);
    ff_registry_unlock(life.registry);

    next = life_begin(life.fd);
    directory = find_in_root(next.registry, "d");
    assert_int_equal(
        ff_registry_lookup(next.registry, directory, "a name that is too long for a node", &fifo),
        0);
    assert_int_equal(fifo->lookups, 1);
    assert_int_equal(ff_registry_n_fifos(next.registry), 1);
    assert_true(ff_journal_is_taken_over(next.journal));
    life_end(&next);
    life_end(&life);
    close(life.fd);
}

/* user::rw-,user:5:r--,group::---,mask::r--,other::--- */
static FfAcl *some_acl(void)
{
    static const guint8 value[] = {
        2,  0, 0, 0,                     /* version */
        1,  0, 6, 0, 255, 255, 255, 255, /* owner */
        2,  0, 4, 0, 5,   0,   0,   0,   /* user 5 */
        4,  0, 0, 0, 255, 255, 255, 255, /* group */
        16, 0, 4, 0, 255, 255, 255, 255, /* mask */
        32, 0, 0, 0, 255, 255, 255, 255, /* others */
    };
    FfAcl *acl = NULL;

    assert_int_equal(ff_acl_parse(value, sizeof value, &acl), 0);
    return acl;
}

static void assert_has(FfRegistry *registry, const FfNode *node, FfAclType type, const FfAcl *acl)
{
    const FfAcl *found = ff_acls_get(ff_registry_acls(registry), node, type);

    assert_true(acl == NULL ? found == NULL : found != NULL && ff_acl_equal(found, acl));
}

static void acls_come_back_and_what_was_taken_away_does_not(void **state)
{
    Life life = life_begin(ff_logfile_create());
    g_autoptr(FfAcl) acl = some_acl();
    FfNode *directory, *fifo, *former;
    Life next;

    ff_registry_lock(life.registry);
    directory = make_directory(life.registry, ff_registry_root(life.registry), "d");
    fifo = make_fifo(life.registry, ff_registry_root(life.registry), "f");
    former = make_fifo(life.registry, ff_registry_root(life.registry), "former");
    ff_registry_set_acl(life.registry, directory, FF_ACL_DEFAULT, acl, TRUE);
    ff_registry_set_acl(life.registry, fifo, FF_ACL_ACCESS, acl, TRUE);
    ff_registry_set_acl(life.registry, former, FF_ACL_ACCESS, acl, TRUE);
    ff_registry_unlock(life.registry);
    ff_registry_lock(life.registry);
    ff_registry_set_acl(life.registry, former, FF_ACL_ACCESS, NULL, TRUE);
    ff_registry_unlock(life.registry);

    next = life_begin(life.fd);
    assert_has(next.registry, find_in_root(next.registry, "d"), FF_ACL_DEFAULT, acl);
    assert_has(next.registry, find_in_root(next.registry, "d"), FF_ACL_ACCESS, NULL);
    assert_has(next.registry, find_in_root(next.registry, "f"), FF_ACL_ACCESS, acl);
    assert_has(next.registry, find_in_root(next.registry, "former"), FF_ACL_ACCESS, NULL);
    assert_int_equal(find_in_root(next.registry, "f")->mode, S_IFIFO | 0640);
    life_end(&next);
    life_end(&life);
    close(life.fd);
}

/* --- the whole of a registry, compared --- */

static void describe(FfNode *node, gpointer data)
{
    g_autofree char *path = ff_node_path(node);

    g_ptr_array_add(
        data, g_strdup_printf("%" G_GUINT64_FORMAT " %s %o %u:%u %d %" G_GUINT64_FORMAT
                              " %d%d%d%d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                              " %" G_GINT64_FORMAT " m%" G_GINT64_FORMAT ".%u c%" G_GINT64_FORMAT
                              ".%u a%" G_GINT64_FORMAT ".%u %" G_GINT64_FORMAT,
                              node->id, path == NULL ? "-" : path, node->mode, node->uid, node->gid,
                              ff_node_is_linked(node), node->lookups, node->reference, node->use,
                              node->doubted, node->used_since_idle, node->created, node->last_used,
                              node->reference_since, node->mtime.seconds, node->mtime.nsec,
                              node->ctime.seconds, node->ctime.nsec, node->atime.seconds,
                              node->atime.nsec, node->policy->linger));
}

static gint by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *describe_all(FfRegistry *registry)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    ff_registry_lock(registry);
    ff_registry_foreach(registry, describe, lines);
    ff_registry_unlock(registry);
    g_ptr_array_sort(lines, by_text);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

/* A reader goes on to write; what it is given is its own. */
static int copy_of(int fd)
{
    int copy = ff_logfile_create();
    struct stat st;
    g_autofree guint8 *bytes = NULL;

    assert_int_equal(fstat(fd, &st), 0);
    bytes = g_malloc((gsize)st.st_size);
    assert_int_equal(pread(fd, bytes, (gsize)st.st_size, 0), st.st_size);
    assert_int_equal(pwrite(copy, bytes, (gsize)st.st_size, 0), st.st_size);
    return copy;
}

/* What another process would read now is what this one knows. */
static void assert_same_again(const Life *life)
{
    g_autofree char *is = describe_all(life->registry), *again = NULL;
    gint64 now = test_clock_now();
    Life next = life_begin(copy_of(life->fd));

    test_clock_set(now);
    again = describe_all(next.registry);
    assert_string_equal(again, is);
    life_end(&next);
    close(next.fd);
}

/* --- random work --- */

typedef struct {
    Life *life;
    guint32 seed;
} Work;

static guint choose(Work *work, guint below)
{
    work->seed = work->seed * 1664525 + 1013904223;
    return (work->seed >> 8) % below;
}

static char *choose_name(Work *work)
{
    char *name = g_strdup_printf("n%u", choose(work, 40));

    /* Some do not fit into a node. */
    if (choose(work, 3) == 0) {
        char *longer = g_strdup_printf("%s%0*u", name, (int)choose(work, 250 - 3), 1);

        g_free(name);
        return longer;
    }
    return name;
}

static FfNode *choose_directory(Work *work)
{
    FfNode *root = ff_registry_root(work->life->registry), *node;

    if (choose(work, 2) == 0 ||
        ff_registry_lookup(work->life->registry, root, choose(work, 2) ? "d1" : "d2", &node) < 0)
        return root;
    return node;
}

static FfNode *choose_fifo(Work *work)
{
    g_autofree char *name = choose_name(work);
    FfNode *node;

    return ff_registry_lookup(work->life->registry, choose_directory(work), name, &node) == 0 &&
                   ff_node_is_fifo(node)
               ? node
               : NULL;
}

static void do_something(Work *work)
{
    FfRegistry *registry = work->life->registry;
    FfNode *directory = choose_directory(work), *other = choose_directory(work);
    FfNode *fifo = choose_fifo(work);
    g_autofree char *name = choose_name(work), *new_name = choose_name(work);
    FfNewNode wanted = {.mode = S_IFIFO | (choose(work, 2) ? 0600 : 0640),
                        .uid = choose(work, 3),
                        .gid = choose(work, 3)};
    FfNode *node;

    test_clock_advance(choose(work, 100) * MS);
    switch (choose(work, 8)) {
    case 0:
    case 1:
        ff_registry_create(registry, directory, name, &wanted, &node);
        break;
    case 2:
        ff_registry_unlink(registry, directory, name, &ROOT);
        break;
    case 3:
        ff_registry_rename(registry, (FfPlace){directory, name}, (FfPlace){other, new_name},
                           choose(work, 3), &ROOT);
        break;
    case 4:
        if (fifo != NULL)
            ff_registry_add_lookup(registry, fifo);
        break;
    case 5:
        if (fifo != NULL && fifo->lookups > 0)
            ff_registry_forget(registry, fifo, 1 + choose(work, 2));
        break;
    case 6:
        if (fifo != NULL)
            ff_registry_note_opened(registry, fifo);
        break;
    default:
        if (fifo != NULL)
            ff_registry_note_closed(registry, fifo);
        break;
    }
}

static void work_on(Work *work, guint n)
{
    for (guint i = 0; i < n; i++) {
        ff_registry_lock(work->life->registry);
        do_something(work);
        ff_registry_unlock(work->life->registry);
    }
}

static void make_two_directories(FfRegistry *registry)
{
    ff_registry_lock(registry);
    make_directory(registry, ff_registry_root(registry), "d1");
    make_directory(registry, ff_registry_root(registry), "d2");
    ff_registry_unlock(registry);
}

static void all_comes_back_after_any_work(void **state)
{
    for (guint32 seed = 1; seed <= 30; seed++) {
        Life life = life_begin(ff_logfile_create());
        Work work = {&life, seed};

        make_two_directories(life.registry);
        for (guint i = 0; i < 10; i++) {
            work_on(&work, 100);
            assert_same_again(&life);
        }
        life_end(&life);
        close(life.fd);
    }
}

/* As when process after process is killed: each goes on where the last one was. */
static void all_comes_back_from_one_to_the_next(void **state)
{
    int fd = ff_logfile_create();
    Work work = {NULL, 7};
    gint64 now = 0;

    for (guint i = 0; i < 100; i++) {
        Life life = life_begin(fd);

        if (i > 0)
            test_clock_set(now);
        else
            make_two_directories(life.registry);
        work.life = &life;
        work_on(&work, 50);
        assert_same_again(&life);
        now = test_clock_now();
        life_end(&life);
    }
    close(fd);
}

/* --- the file --- */

static guint64 blocks_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return (guint64)st.st_blocks * 512;
}

static void memory_is_given_back(void **state)
{
    Life life = life_begin(ff_logfile_create());
    Work work = {&life, 3};

    make_two_directories(life.registry);
    work_on(&work, 200000);
    assert_true(blocks_of(life.fd) < (guint64)8 << 20);
    assert_same_again(&life);
    life_end(&life);
    close(life.fd);
}

/* The file of a journal with some work in it, with its writer gone. */
static int worked_on(void)
{
    Life life = life_begin(ff_logfile_create());
    Work work = {&life, 5};

    make_two_directories(life.registry);
    work_on(&work, 300);
    life_end(&life);
    return life.fd;
}

static gboolean can_be_read(int fd)
{
    FfRegistry *registry = test_registry();
    g_autoptr(GError) error = NULL;
    FfLogfile *log = ff_logfile_open(fd, &error);
    FfJournal *journal = log == NULL ? NULL : ff_journal_new(registry, log, &error);
    gboolean ok = journal != NULL;

    assert_true(ok == (error == NULL));
    ff_registry_free(registry);
    ff_journal_free(journal);
    return ok;
}

static void what_is_not_committed_does_not_count(void **state)
{
    int fd = worked_on();
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    /* Half a record behind the end. */
    assert_int_equal(pwrite(fd, "\1\2\3\4\5", 5, st.st_size), 5);
    assert_true(can_be_read(fd));
    close(fd);
}

static void damaged_bytes_are_refused(void **state)
{
    for (off_t back = 1; back < 400; back += 7) {
        int fd = worked_on();
        struct stat st;
        guint8 byte;

        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(pread(fd, &byte, 1, st.st_size - back), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, st.st_size - back), 1);
        assert_false(can_be_read(fd));
        close(fd);
    }
}

static void file_that_is_cut_off_is_refused(void **state)
{
    int fd = worked_on();
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
    assert_false(can_be_read(fd));
    assert_int_equal(ftruncate(fd, 10), 0);
    assert_false(can_be_read(fd));
    close(fd);
}

static void later_version_is_refused_in_words(void **state)
{
    int fd = worked_on();
    guint32 version = FF_LOGFILE_LAST_VERSION + 1;
    g_autoptr(GError) error = NULL;

    assert_int_equal(pwrite(fd, &version, sizeof version, 8), sizeof version);
    assert_null(ff_logfile_open(fd, &error));
    assert_non_null(strstr(error->message, "version"));
    close(fd);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = MIN(bytes, limit.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Warnings are what is to be seen here, and no reason to stop. */
static void ignore_message(const gchar *domain, GLogLevelFlags level, const gchar *text,
                           gpointer data)
{
    (*(guint *)data)++;
}

static void next_commit_writes_what_could_not_be_written(void **state)
{
    Life life = life_begin(ff_logfile_create());
    Work work = {&life, 11};
    guint n_messages = 0;
    GLogFunc before = g_log_set_default_handler(ignore_message, &n_messages);
    struct stat st;

    signal(SIGXFSZ, SIG_IGN);
    make_two_directories(life.registry);
    work_on(&work, 100);
    assert_int_equal(fstat(life.fd, &st), 0);
    set_file_limit((rlim_t)st.st_size);
    work_on(&work, 100);
    assert_int_equal(n_messages, 1);
    set_file_limit(RLIM_INFINITY);
    work_on(&work, 1);
    assert_same_again(&life);
    g_log_set_default_handler(before, NULL);
    life_end(&life);
    close(life.fd);
}

/* The process may be killed while the next round is under way. */
static void what_could_not_be_written_spoils_nothing(void **state)
{
    const FfRegistryOptions options = {.policy = ff_policy_default};
    Life life = life_begin(ff_logfile_create());
    guint n_messages = 0;
    GLogFunc before = g_log_set_default_handler(ignore_message, &n_messages);
    g_autoptr(FfLogfile) log = ff_logfile_open(life.fd, NULL);
    Work work = {&life, 12};
    FfNode *lost, *policed;
    struct stat st;

    signal(SIGXFSZ, SIG_IGN);
    make_two_directories(life.registry);
    work_on(&work, 1000);
    assert_int_equal(fstat(life.fd, &st), 0);
    set_file_limit((rlim_t)st.st_size);
    ff_registry_lock(life.registry);
    lost = make_directory(life.registry, ff_registry_root(life.registry), "lost");
    policed = make_fifo(life.registry, lost, "policed");
    assert_int_equal(ff_registry_set_policy(life.registry, policed, "linger", "77s"), 0);
    ff_registry_unlock(life.registry);
    assert_int_equal(n_messages, 1);
    set_file_limit(RLIM_INFINITY);
    for (guint i = 0; i < 200; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *name = g_strdup_printf("%u", i);
        FfNode *node;

        ff_registry_lock(life.registry);
        node = make_fifo(life.registry, lost, name);
        assert_int_equal(ff_registry_set_policy(life.registry, node, "linger", "77s"), 0);
        ff_registry_unlock(life.registry);
        if (!ff_journal_can_be_read(log, &options, &error))
            fail_msg("after %u: %s", i, error->message);
    }
    assert_same_again(&life);
    g_log_set_default_handler(before, NULL);
    life_end(&life);
    close(life.fd);
}

/* --- what others keep --- */

static void what_is_kept_comes_back(void **state)
{
    Life life = life_begin(ff_logfile_create());
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    GBytes *kept;
    Life next;

    ff_pack_text(bytes, "text");
    ff_registry_lock(life.registry);
    ff_journal_keep(life.journal, FF_KEPT_HANDLE, 7, bytes);
    ff_journal_keep(life.journal, FF_KEPT_HANDLE, 8, bytes);
    ff_journal_drop(life.journal, FF_KEPT_HANDLE, 8);
    ff_registry_unlock(life.registry);
    next = life_begin(life.fd);
    ff_registry_lock(next.registry);
    kept = ff_journal_kept(next.journal, FF_KEPT_HANDLE, 7);
    assert_non_null(kept);
    assert_int_equal(g_bytes_get_size(kept), bytes->len);
    assert_memory_equal(g_bytes_get_data(kept, NULL), bytes->data, bytes->len);
    assert_null(ff_journal_kept(next.journal, FF_KEPT_HANDLE, 8));
    ff_registry_unlock(next.registry);
    life_end(&next);
    life_end(&life);
    close(life.fd);
}

static void last_answers_come_back(void **state)
{
    Life life = life_begin(ff_logfile_create());
    guint64 node_id = 0;
    Life next;

    for (guint64 unique = 1; unique <= 100; unique++) {
        ff_registry_lock(life.registry);
        ff_journal_note_answer(life.journal, unique, unique * 10);
        ff_registry_unlock(life.registry);
    }
    next = life_begin(life.fd);
    ff_registry_lock(next.registry);
    assert_true(ff_journal_find_answer(next.journal, 100, &node_id));
    assert_int_equal(node_id, 1000);
    assert_true(ff_journal_find_answer(next.journal, 50, &node_id));
    assert_false(ff_journal_find_answer(next.journal, 101, &node_id));
    ff_registry_unlock(next.registry);
    life_end(&next);
    life_end(&life);
    close(life.fd);
}

static void note_answers(const Life *life, guint64 first, guint64 last)
{
    for (guint64 unique = first; unique <= last; unique++) {
        ff_registry_lock(life->registry);
        ff_journal_note_answer(life->journal, unique, unique * 10);
        ff_registry_unlock(life->registry);
    }
}

/* The next one to write it, as workers count themselves. */
static Life begin_next(int fd)
{
    g_autoptr(FfLogfile) log = ff_logfile_open(fd, NULL);

    ff_logfile_set_number(log, FF_LOGFILE_N_OPENED,
                          ff_logfile_number(log, FF_LOGFILE_N_OPENED) + 1);
    return life_begin(fd);
}

static gboolean has_answer(const Life *life, guint64 unique)
{
    guint64 node_id = 0;
    gboolean found;

    ff_registry_lock(life->registry);
    found = ff_journal_find_answer(life->journal, unique, &node_id);
    ff_registry_unlock(life->registry);
    assert_int_equal(node_id, found ? unique * 10 : 0);
    return found;
}

/* Each process of many carries out much before it comes to what the first has not answered. */
static void answers_are_kept_until_nobody_can_ask_for_them(void **state)
{
    int fd = ff_logfile_create();
    Life life = begin_next(fd);

    note_answers(&life, 1, 1);
    life_end(&life);
    for (guint64 i = 1; i <= 20; i++) {
        life = begin_next(fd);
        note_answers(&life, i * 1000, i * 1000 + 500);
        assert_true(has_answer(&life, 1));
        life_end(&life);
    }
    life = begin_next(fd);
    assert_true(has_answer(&life, 1));
    assert_true(has_answer(&life, 1500));
    ff_registry_lock(life.registry);
    ff_journal_forget_inherited_answers(life.journal);
    ff_registry_unlock(life.registry);
    note_answers(&life, 100000, 100000);
    assert_false(has_answer(&life, 1));
    assert_true(has_answer(&life, 100000));
    life_end(&life);
    close(fd);
}

static void errands_come_back_until_they_are_done(void **state)
{
    Life life = life_begin(ff_logfile_create());
    GArray *errands;
    Life next;

    ff_registry_lock(life.registry);
    ff_journal_note_errand(life.journal,
                           make_fifo(life.registry, ff_registry_root(life.registry), "f"));
    ff_registry_unlock(life.registry);
    next = life_begin(life.fd);
    ff_registry_lock(next.registry);
    errands = ff_journal_take_errands(next.journal);
    assert_int_equal(errands->len, 1);
    assert_string_equal(g_array_index(errands, FfErrand, 0).name, "f");
    g_array_unref(errands);
    ff_journal_errands_done(next.journal);
    ff_registry_unlock(next.registry);
    life_end(&next);
    next = life_begin(life.fd);
    errands = ff_journal_take_errands(next.journal);
    assert_int_equal(errands->len, 0);
    g_array_unref(errands);
    life_end(&next);
    life_end(&life);
    close(life.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_counts_come_back),
        cmocka_unit_test(all_comes_back_after_any_work),
        cmocka_unit_test(all_comes_back_from_one_to_the_next),
        cmocka_unit_test(memory_is_given_back),
        cmocka_unit_test(what_is_not_committed_does_not_count),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(file_that_is_cut_off_is_refused),
        cmocka_unit_test(later_version_is_refused_in_words),
        cmocka_unit_test(next_commit_writes_what_could_not_be_written),
        cmocka_unit_test(what_could_not_be_written_spoils_nothing),
        cmocka_unit_test(what_is_kept_comes_back),
        cmocka_unit_test(last_answers_come_back),
        cmocka_unit_test(answers_are_kept_until_nobody_can_ask_for_them),
        cmocka_unit_test(errands_come_back_until_they_are_done),
        cmocka_unit_test(acls_come_back_and_what_was_taken_away_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
