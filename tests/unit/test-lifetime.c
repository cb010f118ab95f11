/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "duration.h"

/* A FIFO that was used at START, is idle, and whose creator has ended. */
static FfLifetimeFacts idle_facts(FfLifetime lifetime)
{
    FfLifetimeFacts facts = {
        .policy = ff_policy_default,
        .reference = FF_REFERENCE_NONE,
        .use = FF_USE_OPENED,
        .creator_ended = TRUE,
        .created = START - SEC,
        .last_used = START,
        .reference_since = START,
    };

    facts.policy.lifetime = lifetime;
    return facts;
}

static void assert_waits(const FfLifetimeFacts *facts, gint64 now, gint64 until)
{
    FfDecision decision = ff_lifetime_decide(facts, now);

    assert_int_equal(decision.verdict, FF_VERDICT_WAIT);
    assert_int_equal(decision.at, until);
}

static void assert_removes(const FfLifetimeFacts *facts, gint64 now, FfReason reason)
{
    FfDecision decision = ff_lifetime_decide(facts, now);

    assert_int_equal(decision.verdict, FF_VERDICT_REMOVE);
    assert_int_equal(decision.reason, reason);
}

static void assert_never_removes(const FfLifetimeFacts *facts)
{
    for (gint64 now = START; now < START + 48 * 60 * FF_MINUTE; now += FF_MINUTE)
        assert_int_not_equal(ff_lifetime_decide(facts, now).verdict, FF_VERDICT_REMOVE);
}

static void auto_goes_linger_after_its_last_use(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_AUTO);

    assert_waits(&facts, START + 29 * SEC, START + 30 * SEC);
    assert_removes(&facts, START + 30 * SEC, FF_REASON_IDLE);
}

static void auto_stays_while_its_creator_lives(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_AUTO);

    facts.creator_ended = FALSE;
    facts.creator_alive = TRUE;
    assert_waits(&facts, START + 3600 * SEC, FF_NEVER);
    facts.use = FF_USE_NEVER;
    assert_waits(&facts, START + 3600 * SEC, FF_NEVER);
}

static void never_used_stays_for_its_grace(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_AUTO);

    facts.use = FF_USE_NEVER;
    assert_waits(&facts, START + 60 * SEC, facts.created + 15 * FF_MINUTE);
    assert_removes(&facts, facts.created + 15 * FF_MINUTE, FF_REASON_UNUSED);
}

static void unknown_creator_counts_as_gone_for_auto_and_as_alive_for_process(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_AUTO);

    facts.creator_ended = FALSE;
    assert_removes(&facts, START + 30 * SEC, FF_REASON_IDLE);
    facts.policy.lifetime = FF_LIFETIME_PROCESS;
    assert_never_removes(&facts);
}

static void held_fifo_is_never_removed_by_auto_or_use(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_AUTO);

    facts.reference = FF_REFERENCE_HELD;
    assert_never_removes(&facts);
    facts.policy.lifetime = FF_LIFETIME_USE;
    assert_never_removes(&facts);
}

static void cached_fifo_is_asked_about_before_it_goes(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_AUTO);

    facts.reference = FF_REFERENCE_CACHED;
    assert_int_equal(ff_lifetime_decide(&facts, START + 30 * SEC).verdict, FF_VERDICT_PROBE);
    assert_never_removes(&facts);
}

static void probes_of_one_fifo_keep_their_distance(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_USE);

    facts.reference = FF_REFERENCE_CACHED;
    facts.probed = START + SEC;
    facts.reference_since = START + SEC;
    assert_waits(&facts, START + SEC, START + SEC + 50 * MS);
    assert_int_equal(ff_lifetime_decide(&facts, START + SEC + 50 * MS).verdict, FF_VERDICT_PROBE);
}

static void opened_fifo_is_probed_soon_though_not_due(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_KEEP);

    facts.reference = FF_REFERENCE_CACHED;
    assert_waits(&facts, START, START + 100 * MS);
    assert_int_equal(ff_lifetime_decide(&facts, START + 100 * MS).verdict, FF_VERDICT_PROBE);
}

static void cached_name_that_nobody_opens_is_probed_after_its_linger(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_KEEP);

    facts.reference = FF_REFERENCE_CACHED;
    facts.use = FF_USE_NEVER;
    assert_waits(&facts, START, START + 30 * SEC);
    facts.policy.linger = 0;
    assert_waits(&facts, START, START + SEC);
    facts.policy.linger = FF_DURATION_INFINITY;
    assert_waits(&facts, START, START + 60 * SEC);
}

static void use_goes_at_once_when_it_was_opened_and_is_idle(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_USE);

    facts.creator_ended = FALSE;
    facts.creator_alive = TRUE;
    assert_removes(&facts, START, FF_REASON_IDLE);
}

static void use_lingers_when_a_linger_was_chosen(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_USE);

    facts.policy.linger = 5 * SEC;
    assert_waits(&facts, START, START + 5 * SEC);
    assert_removes(&facts, START + 5 * SEC, FF_REASON_IDLE);
}

static void waiting_in_vain_is_no_use_for_use(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_USE);

    facts.use = FF_USE_AWAITED;
    assert_waits(&facts, START + SEC, facts.created + 15 * FF_MINUTE);
}

static void waiting_in_vain_is_use_for_auto(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_AUTO);

    facts.use = FF_USE_AWAITED;
    assert_removes(&facts, START + 30 * SEC, FF_REASON_IDLE);
}

static void process_goes_with_its_creator_held_or_not(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_PROCESS);

    facts.reference = FF_REFERENCE_HELD;
    assert_removes(&facts, START, FF_REASON_CREATOR_GONE);
    facts.creator_ended = FALSE;
    facts.creator_alive = TRUE;
    assert_never_removes(&facts);
}

static void session_goes_with_the_session_leader(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_SESSION);

    assert_never_removes(&facts);
    facts.session_ended = TRUE;
    assert_removes(&facts, START, FF_REASON_SESSION_ENDED);
}

static void keep_stays(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_KEEP);

    facts.session_ended = TRUE;
    assert_never_removes(&facts);
}

static void greatest_age_ends_any_lifetime(void **state)
{
    for (FfLifetime lifetime = FF_LIFETIME_AUTO; lifetime <= FF_LIFETIME_KEEP; lifetime++) {
        FfLifetimeFacts facts = idle_facts(lifetime);

        facts.creator_ended = FALSE;
        facts.creator_alive = TRUE;
        facts.reference = FF_REFERENCE_HELD;
        facts.policy.max_age = 3 * SEC;
        assert_waits(&facts, START, facts.created + 3 * SEC);
        assert_removes(&facts, facts.created + 3 * SEC, FF_REASON_MAX_AGE);
    }
}

static void infinite_times_never_come(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_AUTO);

    facts.policy.linger = FF_DURATION_INFINITY;
    assert_waits(&facts, START + 3600 * SEC, FF_NEVER);
}

static void due_time_tells_when_and_why(void **state)
{
    FfLifetimeFacts facts = idle_facts(FF_LIFETIME_AUTO);
    FfReason reason;

    assert_int_equal(ff_lifetime_due(&facts, &reason), START + 30 * SEC);
    assert_int_equal(reason, FF_REASON_IDLE);
    facts.reference = FF_REFERENCE_HELD;
    assert_int_equal(ff_lifetime_due(&facts, &reason), FF_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_goes_linger_after_its_last_use),
        cmocka_unit_test(auto_stays_while_its_creator_lives),
        cmocka_unit_test(never_used_stays_for_its_grace),
        cmocka_unit_test(unknown_creator_counts_as_gone_for_auto_and_as_alive_for_process),
        cmocka_unit_test(held_fifo_is_never_removed_by_auto_or_use),
        cmocka_unit_test(cached_fifo_is_asked_about_before_it_goes),
        cmocka_unit_test(probes_of_one_fifo_keep_their_distance),
        cmocka_unit_test(opened_fifo_is_probed_soon_though_not_due),
        cmocka_unit_test(cached_name_that_nobody_opens_is_probed_after_its_linger),
        cmocka_unit_test(use_goes_at_once_when_it_was_opened_and_is_idle),
        cmocka_unit_test(use_lingers_when_a_linger_was_chosen),
        cmocka_unit_test(waiting_in_vain_is_no_use_for_use),
        cmocka_unit_test(waiting_in_vain_is_use_for_auto),
        cmocka_unit_test(process_goes_with_its_creator_held_or_not),
        cmocka_unit_test(session_goes_with_the_session_leader),
        cmocka_unit_test(keep_stays),
        cmocka_unit_test(greatest_age_ends_any_lifetime),
        cmocka_unit_test(infinite_times_never_come),
        cmocka_unit_test(due_time_tells_when_and_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
