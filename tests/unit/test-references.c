/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include <errno.h>

#include "directory.h"

typedef struct {
    FfRegistry *registry;
    FfNode *root, *fifo;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->registry = test_registry();
    fixture->root = ff_registry_root(fixture->registry);
    ff_registry_set_watched(fixture->registry, fixture->root, TRUE);
    fixture->fifo = make_fifo(fixture->registry, fixture->root, "fifo");
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

static void probe(Fixture *fixture, gboolean held)
{
    guint serial = ff_registry_begin_probe(fixture->registry, fixture->fifo);

    ff_registry_end_probe(fixture->registry, fixture->fifo, serial, held);
}

static void hold(Fixture *fixture, gint64 duration)
{
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    probe(fixture, TRUE);
    test_clock_advance(duration);
}

static void lookup_makes_it_cached_and_forget_makes_it_idle(void **state)
{
    Fixture *fixture = *state;

    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_NONE);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_CACHED);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_CACHED);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_NONE);
    assert_int_equal(fixture->fifo->use, FF_USE_NEVER);
}

static void blocked_opener_keeps_fifo(void **state)
{
    Fixture *fixture = *state;
    FfLifetimeFacts facts;

    ff_registry_set_policy(fixture->registry, fixture->fifo, "grace", "0");
    hold(fixture, 3600 * SEC);
    facts = ff_node_facts(fixture->fifo);
    assert_int_equal(ff_lifetime_decide(&facts, test_clock_now()).verdict, FF_VERDICT_WAIT);
}

static void waiting_that_ends_dates_the_last_use(void **state)
{
    Fixture *fixture = *state;

    hold(fixture, 10 * SEC);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(fixture->fifo->use, FF_USE_AWAITED);
    assert_int_equal(fixture->fifo->last_used, START + 10 * SEC);
}

static void stat_that_a_probe_meets_is_no_use(void **state)
{
    Fixture *fixture = *state;

    hold(fixture, 2 * MS);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(fixture->fifo->use, FF_USE_NEVER);
}

static void what_is_held_in_an_unwatched_directory_was_opened(void **state)
{
    Fixture *fixture = *state;

    ff_registry_set_watched(fixture->registry, fixture->root, FALSE);
    hold(fixture, SEC);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(fixture->fifo->use, FF_USE_OPENED);
}

static void lookup_during_a_probe_makes_it_mean_nothing(void **state)
{
    Fixture *fixture = *state;
    guint serial;

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    serial = ff_registry_begin_probe(fixture->registry, fixture->fifo);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_end_probe(fixture->registry, fixture->fifo, serial, TRUE);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_CACHED);
}

static void rename_during_a_probe_makes_it_mean_nothing(void **state)
{
    Fixture *fixture = *state;
    guint serial;

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    serial = ff_registry_begin_probe(fixture->registry, fixture->fifo);
    ff_registry_rename(fixture->registry, (FfPlace){fixture->root, "fifo"},
                       (FfPlace){fixture->root, "other"}, 0, &ROOT);
    ff_registry_end_probe(fixture->registry, fixture->fifo, serial, TRUE);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_CACHED);
}

static void later_opener_of_a_held_fifo_puts_it_in_doubt_but_dates_its_use(void **state)
{
    Fixture *fixture = *state;

    hold(fixture, 5 * SEC);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_CACHED);
    assert_int_equal(fixture->fifo->last_used, START + 5 * SEC);
}

static void end_of_a_doubted_use_is_when_the_kernel_forgets(void **state)
{
    Fixture *fixture = *state;

    hold(fixture, 5 * SEC);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    test_clock_advance(200 * MS);
    ff_registry_forget(fixture->registry, fixture->fifo, 2);
    assert_int_equal(fixture->fifo->last_used, START + 5 * SEC + 200 * MS);
}

static void open_fifo_that_was_just_probed_is_doubted_and_probed_again(void **state)
{
    Fixture *fixture = *state;

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_note_opened(fixture->registry, fixture->fifo);
    probe(fixture, TRUE);
    test_clock_advance(10 * MS);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    assert_true(fixture->fifo->probe_wanted);
    test_clock_advance(60 * MS);
    ff_registry_forget(fixture->registry, fixture->fifo, 2);
    assert_int_equal(fixture->fifo->last_used, START + 70 * MS);
}

static void open_fifo_that_is_looked_up_during_a_probe_is_doubted_and_probed_again(void **state)
{
    Fixture *fixture = *state;
    guint serial;

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_note_opened(fixture->registry, fixture->fifo);
    serial = ff_registry_begin_probe(fixture->registry, fixture->fifo);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_end_probe(fixture->registry, fixture->fifo, serial, TRUE);
    assert_true(fixture->fifo->probe_wanted);
    test_clock_advance(SEC);
    ff_registry_forget(fixture->registry, fixture->fifo, 2);
    assert_int_equal(fixture->fifo->last_used, START + SEC);
}

static void renamed_fifo_is_busy_no_longer_and_used_until_then(void **state)
{
    Fixture *fixture = *state;
    FfNode *other = make_directory(fixture->registry, fixture->root, "d");

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_note_opened(fixture->registry, fixture->fifo);
    ff_registry_set_busy(fixture->registry, fixture->fifo, TRUE);
    test_clock_advance(SEC);
    ff_registry_rename(fixture->registry, (FfPlace){fixture->root, "fifo"}, (FfPlace){other, "f"},
                       0, &ROOT);
    assert_false(fixture->fifo->busy);
    assert_int_equal(fixture->fifo->last_used, START + SEC);
    assert_int_equal(fixture->root->directory->n_quiet_cached, 0);
    assert_int_equal(other->directory->n_quiet_cached, 1);
}

static void directory_does_not_rest_while_one_is_held_that_was_never_opened(void **state)
{
    Fixture *fixture = *state;

    hold(fixture, SEC);
    assert_true(ff_registry_may_pause(fixture->registry, fixture->root));
    assert_false(ff_registry_may_rest(fixture->registry, fixture->root));
    ff_registry_note_opened(fixture->registry, fixture->fifo);
    assert_true(ff_registry_may_rest(fixture->registry, fixture->root));
}

static void removed_node_lives_until_the_kernel_forgets_it(void **state)
{
    Fixture *fixture = *state;
    guint64 id = fixture->fifo->id;

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_unlink(fixture->registry, fixture->root, "fifo", &ROOT);
    assert_ptr_equal(ff_registry_find(fixture->registry, id), fixture->fifo);
    assert_null(ff_node_path(fixture->fifo));
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_null(ff_registry_find(fixture->registry, id));
}

static void close_without_an_open_is_somebody_elses(void **state)
{
    Fixture *fixture = *state;

    ff_registry_note_closed(fixture->registry, fixture->fifo);
    assert_int_equal(fixture->fifo->use, FF_USE_NEVER);
    ff_registry_note_opened(fixture->registry, fixture->fifo);
    test_clock_advance(SEC);
    ff_registry_note_closed(fixture->registry, fixture->fifo);
    assert_int_equal(fixture->fifo->use, FF_USE_OPENED);
    assert_int_equal(fixture->fifo->last_used, START + SEC);
}

static void lost_reports_count_as_use_of_what_is_cached(void **state)
{
    Fixture *fixture = *state;
    FfNode *idle = make_fifo(fixture->registry, fixture->root, "idle");

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_notes_lost(fixture->registry);
    assert_int_equal(fixture->fifo->use, FF_USE_OPENED);
    assert_int_equal(idle->use, FF_USE_NEVER);
}

static void cached_names_are_counted_for_their_directory(void **state)
{
    Fixture *fixture = *state;
    FfNode *other = make_directory(fixture->registry, fixture->root, "d");
    const FfDirectory *root = fixture->root->directory;

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    assert_int_equal(root->n_quiet_cached, 1);
    ff_registry_set_busy(fixture->registry, fixture->fifo, TRUE);
    assert_int_equal(root->n_quiet_cached, 0);
    ff_registry_set_busy(fixture->registry, fixture->fifo, FALSE);
    ff_registry_rename(fixture->registry, (FfPlace){fixture->root, "fifo"}, (FfPlace){other, "f"},
                       0, &ROOT);
    assert_int_equal(root->n_quiet_cached, 0);
    assert_int_equal(other->directory->n_quiet_cached, 1);
    probe(fixture, TRUE);
    assert_int_equal(other->directory->n_quiet_cached, 0);
    assert_int_equal(other->directory->n_held, 1);
    ff_registry_unlink(fixture->registry, other, "f", &ROOT);
    assert_int_equal(other->directory->n_held, 0);
}

static void reports_are_suspended_only_when_no_opener_can_be_on_his_way(void **state)
{
    Fixture *fixture = *state;

    ff_registry_note_opened(fixture->registry, fixture->fifo);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    test_clock_advance(SEC);
    assert_false(ff_registry_may_pause(fixture->registry, fixture->root));
    assert_false(ff_registry_may_rest(fixture->registry, fixture->root));
    probe(fixture, TRUE);
    test_clock_advance(MS);
    assert_true(ff_registry_may_pause(fixture->registry, fixture->root));
    assert_false(ff_registry_may_rest(fixture->registry, fixture->root));
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_false(ff_registry_may_rest(fixture->registry, fixture->root));
    test_clock_advance(50 * MS);
    assert_true(ff_registry_may_rest(fixture->registry, fixture->root));
}

static void quiet_names_are_probed_piece_by_piece(void **state)
{
    Fixture *fixture = *state;
    guint64 cookie = 0;
    guint n_pieces = 0;

    for (int i = 0; i < 9; i++) {
        g_autofree char *name = g_strdup_printf("%d", i);

        ff_registry_add_lookup(fixture->registry,
                               make_fifo(fixture->registry, fixture->root, name));
    }
    do {
        cookie = ff_registry_probe_quiet(fixture->registry, fixture->root, cookie, 4, START);
        n_pieces++;
    } while (cookie != 0);
    assert_int_equal(n_pieces, 3);
    for (FfNode *node = ff_directory_after(fixture->root->directory, 0); node != NULL;
         node = ff_directory_after(fixture->root->directory, node->cookie))
        assert_int_equal(node->probe_wanted, node != fixture->fifo);
}

static FfNode *make_by(Fixture *fixture, FfProcess *creator, const char *name)
{
    FfNewNode wanted = {.mode = S_IFIFO, .creator = creator};
    FfNode *node;

    ff_registry_create(fixture->registry, fixture->root, name, &wanted, &node);
    return node;
}

static void count_ended(const FfChange *change, gpointer data)
{
    if (change->kind == FF_CHANGE_CREATOR_ENDED)
        (*(guint *)data)++;
}

static void end_of_a_process_is_told_of_what_it_created(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(FfProcess) process = ff_process_new(10, 0, "maker", 5, NULL);
    g_autoptr(FfProcess) other = ff_process_new(11, 0, "other", 5, NULL);
    FfNode *a = make_by(fixture, process, "a"), *b = make_by(fixture, process, "b");
    FfNode *c = make_by(fixture, other, "c");
    guint n = 0;

    ff_registry_unlink(fixture->registry, fixture->root, "b", &ROOT);
    b = make_by(fixture, process, "b");
    ff_registry_listen(fixture->registry, count_ended, &n);
    ff_registry_process_ended(fixture->registry, process);
    assert_false(ff_registry_tell_ended(fixture->registry, 2));
    assert_int_equal(n, 2);
    assert_true(ff_node_facts(a).creator_ended && ff_node_facts(b).creator_ended);
    assert_true(ff_node_facts(c).creator_alive);
}

/* The latest is told first; what goes meanwhile is left out, and nothing is told twice. */
static void end_of_a_process_is_told_in_parts(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(FfProcess) process = ff_process_new(10, 0, "maker", 5, NULL);
    guint n = 0;

    for (const char *const *name = (const char *const[]){"a", "b", "c", "d", NULL}; *name; name++)
        make_by(fixture, process, *name);
    ff_registry_listen(fixture->registry, count_ended, &n);
    ff_registry_process_ended(fixture->registry, process);
    assert_true(ff_registry_tell_ended(fixture->registry, 0));
    assert_int_equal(n, 0);
    assert_true(ff_registry_tell_ended(fixture->registry, 1));
    ff_registry_unlink(fixture->registry, fixture->root, "c", &ROOT);
    ff_registry_unlink(fixture->registry, fixture->root, "d", &ROOT);
    assert_true(ff_registry_tell_ended(fixture->registry, 1));
    assert_int_equal(n, 2);
    ff_registry_unlink(fixture->registry, fixture->root, "a", &ROOT);
    assert_false(ff_registry_tell_ended(fixture->registry, 1));
    assert_int_equal(n, 2);
}

static void end_of_a_session_leader_ends_the_session(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(FfProcess) leader = ff_process_new(5, 0, "shell", 5, NULL);
    g_autoptr(FfProcess) member = ff_process_new(10, 0, "maker", 5, leader);
    FfNode *by_member = make_by(fixture, member, "a"), *by_leader = make_by(fixture, leader, "b");
    guint n = 0;

    ff_registry_listen(fixture->registry, count_ended, &n);
    ff_registry_process_ended(fixture->registry, leader);
    assert_false(ff_registry_tell_ended(fixture->registry, 10));
    assert_int_equal(n, 2);
    assert_true(ff_node_facts(by_member).session_ended && ff_node_facts(by_leader).session_ended);
    assert_true(ff_node_facts(by_member).creator_alive);
}

static void count_idle(const FfChange *change, gpointer data)
{
    if (change->kind == FF_CHANGE_IDLE)
        (*(guint *)data)++;
}

static void idle_is_told_once_for_every_use(void **state)
{
    Fixture *fixture = *state;
    guint n = 0, serial;

    ff_registry_listen(fixture->registry, count_idle, &n);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(n, 0);

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_note_opened(fixture->registry, fixture->fifo);
    ff_registry_note_closed(fixture->registry, fixture->fifo);
    assert_int_equal(n, 0);
    serial = ff_registry_begin_probe(fixture->registry, fixture->fifo);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(n, 1);
    ff_registry_end_probe(fixture->registry, fixture->fifo, serial, FALSE);
    assert_int_equal(n, 1);

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(n, 1);
}

static void idle_is_told_after_reports_that_come_late(void **state)
{
    Fixture *fixture = *state;
    guint n = 0;

    ff_registry_listen(fixture->registry, count_idle, &n);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    ff_registry_note_opened(fixture->registry, fixture->fifo);
    assert_int_equal(n, 0);
    ff_registry_note_closed(fixture->registry, fixture->fifo);
    assert_int_equal(n, 1);
}

static void wish_to_reap_ends_the_time_it_would_stay(void **state)
{
    Fixture *fixture = *state;
    FfLifetimeFacts facts;

    assert_int_equal(ff_registry_reap(fixture->registry, fixture->fifo, TRUE), 0);
    facts = ff_node_facts(fixture->fifo);
    assert_int_equal(ff_lifetime_decide(&facts, test_clock_now()).verdict, FF_VERDICT_REMOVE);

    assert_int_equal(ff_registry_reap(fixture->registry, fixture->fifo, FALSE), 0);
    facts = ff_node_facts(fixture->fifo);
    assert_int_equal(ff_lifetime_decide(&facts, test_clock_now()).verdict, FF_VERDICT_WAIT);
}

static void wish_to_reap_ends_with_a_use(void **state)
{
    Fixture *fixture = *state;

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    assert_int_equal(ff_registry_reap(fixture->registry, fixture->fifo, TRUE), 0);
    ff_registry_note_opened(fixture->registry, fixture->fifo);
    assert_false(fixture->fifo->reap_wanted);
}

static void wish_to_reap_is_for_what_only_a_time_keeps(void **state)
{
    Fixture *fixture = *state;

    hold(fixture, SEC);
    assert_int_equal(ff_registry_reap(fixture->registry, fixture->fifo, TRUE), -EBUSY);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(ff_registry_set_policy(fixture->registry, fixture->fifo, "lifetime", "keep"),
                     0);
    assert_int_equal(ff_registry_reap(fixture->registry, fixture->fifo, TRUE), -EBUSY);
    assert_false(fixture->fifo->reap_wanted);
}

/* --- FIFOs that the daemon has open itself --- */

static FfVerdict verdict(const Fixture *fixture)
{
    FfLifetimeFacts facts = ff_node_facts(fixture->fifo);

    return ff_lifetime_decide(&facts, test_clock_now()).verdict;
}

/* As fs/holds.c does it, with nobody else there. */
static void have_it_open(Fixture *fixture)
{
    ff_registry_add_own_lookup(fixture->registry, fixture->fifo);
    ff_registry_set_holding(fixture->registry, fixture->fifo, TRUE);
}

static void end_holding_probe(Fixture *fixture, gboolean in_use)
{
    guint serial = ff_registry_begin_probe(fixture->registry, fixture->fifo);

    ff_registry_end_holding_probe(fixture->registry, fixture->fifo, serial, in_use);
}

static void what_the_daemon_has_open_itself_is_idle(void **state)
{
    Fixture *fixture = *state;

    have_it_open(fixture);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_NONE);
    test_clock_advance(20 * 60 * SEC);
    assert_int_equal(verdict(fixture), FF_VERDICT_REMOVE);
}

static void what_others_have_open_too_stays_and_is_asked_about_again(void **state)
{
    Fixture *fixture = *state;

    ff_registry_set_policy(fixture->registry, fixture->fifo, "grace", "0");
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    have_it_open(fixture);
    test_clock_advance(SEC);
    end_holding_probe(fixture, TRUE);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_HELD);
    assert_int_equal(verdict(fixture), FF_VERDICT_WAIT);
    test_clock_advance(60 * SEC);
    assert_int_equal(verdict(fixture), FF_VERDICT_PROBE);
}

static void use_of_which_no_close_tells_is_dated_by_the_next_probe(void **state)
{
    Fixture *fixture = *state;

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    have_it_open(fixture);
    end_holding_probe(fixture, TRUE);
    test_clock_advance(10 * SEC);
    ff_registry_set_holding(fixture->registry, fixture->fifo, FALSE);
    ff_registry_forget(fixture->registry, fixture->fifo, 2);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_NONE);
    assert_int_equal(fixture->fifo->use, FF_USE_AWAITED);
    assert_int_equal(fixture->fifo->last_used, START + 10 * SEC);
}

static void close_of_what_the_daemon_has_open_is_in_question_at_once(void **state)
{
    Fixture *fixture = *state;

    ff_registry_set_policy(fixture->registry, fixture->fifo, "lifetime", "use");
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    have_it_open(fixture);
    ff_registry_note_opened(fixture->registry, fixture->fifo);
    end_holding_probe(fixture, TRUE);
    test_clock_advance(SEC / 2);
    assert_int_equal(verdict(fixture), FF_VERDICT_WAIT);
    ff_registry_note_closed(fixture->registry, fixture->fifo);
    assert_int_equal(verdict(fixture), FF_VERDICT_PROBE);
}

static void letting_go_does_not_count_as_use(void **state)
{
    Fixture *fixture = *state;

    have_it_open(fixture);
    test_clock_advance(SEC);
    ff_registry_set_holding(fixture->registry, fixture->fifo, FALSE);
    ff_registry_forget(fixture->registry, fixture->fifo, 1);
    assert_int_equal(fixture->fifo->use, FF_USE_NEVER);
}

static void lookup_during_a_probe_of_what_is_held_makes_it_mean_nothing(void **state)
{
    Fixture *fixture = *state;
    guint serial;

    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    have_it_open(fixture);
    serial = ff_registry_begin_probe(fixture->registry, fixture->fifo);
    ff_registry_add_lookup(fixture->registry, fixture->fifo);
    ff_registry_end_holding_probe(fixture->registry, fixture->fifo, serial, TRUE);
    assert_int_equal(fixture->fifo->reference, FF_REFERENCE_CACHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(lookup_makes_it_cached_and_forget_makes_it_idle),
        TEST(blocked_opener_keeps_fifo),
        TEST(waiting_that_ends_dates_the_last_use),
        TEST(stat_that_a_probe_meets_is_no_use),
        TEST(what_is_held_in_an_unwatched_directory_was_opened),
        TEST(lookup_during_a_probe_makes_it_mean_nothing),
        TEST(rename_during_a_probe_makes_it_mean_nothing),
        TEST(later_opener_of_a_held_fifo_puts_it_in_doubt_but_dates_its_use),
        TEST(end_of_a_doubted_use_is_when_the_kernel_forgets),
        TEST(open_fifo_that_was_just_probed_is_doubted_and_probed_again),
        TEST(open_fifo_that_is_looked_up_during_a_probe_is_doubted_and_probed_again),
        TEST(renamed_fifo_is_busy_no_longer_and_used_until_then),
        TEST(directory_does_not_rest_while_one_is_held_that_was_never_opened),
        TEST(removed_node_lives_until_the_kernel_forgets_it),
        TEST(close_without_an_open_is_somebody_elses),
        TEST(lost_reports_count_as_use_of_what_is_cached),
        TEST(cached_names_are_counted_for_their_directory),
        TEST(reports_are_suspended_only_when_no_opener_can_be_on_his_way),
        TEST(quiet_names_are_probed_piece_by_piece),
        TEST(end_of_a_process_is_told_of_what_it_created),
        TEST(end_of_a_process_is_told_in_parts),
        TEST(end_of_a_session_leader_ends_the_session),
        TEST(idle_is_told_once_for_every_use),
        TEST(idle_is_told_after_reports_that_come_late),
        TEST(wish_to_reap_ends_the_time_it_would_stay),
        TEST(wish_to_reap_ends_with_a_use),
        TEST(wish_to_reap_is_for_what_only_a_time_keeps),
        TEST(what_the_daemon_has_open_itself_is_idle),
        TEST(what_others_have_open_too_stays_and_is_asked_about_again),
        TEST(use_of_which_no_close_tells_is_dated_by_the_next_probe),
        TEST(close_of_what_the_daemon_has_open_is_in_question_at_once),
        TEST(letting_go_does_not_count_as_use),
        TEST(lookup_during_a_probe_of_what_is_held_makes_it_mean_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
