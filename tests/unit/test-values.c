/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Durations, policies, modes and the queue of deadlines. */
#include "support.h"

#include <errno.h>

#include "duration.h"

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        gint64 usec;
    } cases[] = {
        {"30", 30 * SEC},
        {"500ms", 500 * MS},
        {"1.5s", 1500 * MS},
        {"15min", 900 * SEC},
        {"1h 30min", 5400 * SEC},
        {"2d", 172800 * SEC},
        {" 7 s ", 7 * SEC},
        {"1h30m", 5400 * SEC},
        {"0", 0},
        {"1us", 1},
        {"infinity", FF_DURATION_INFINITY},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gint64 usec = -1;

        assert_int_equal(ff_duration_parse(cases[i].text, &usec), 0);
        assert_int_equal(usec, cases[i].usec);
    }
}

static void what_is_no_duration_changes_nothing(void **state)
{
    static const char *const cases[] = {"",
                                        " ",
                                        "-1",
                                        "s",
                                        "5parsecs",
                                        "1..5",
                                        "1.s",
                                        "0x10",
                                        "+3",
                                        "1e3",
                                        "infinity2",
                                        "1s,",
                                        "\n",
                                        ".5",
                                        "9999999999999999999d",
                                        "9223372036854775807s"};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gint64 usec = 42;

        assert_int_equal(ff_duration_parse(cases[i], &usec), -EINVAL);
        assert_int_equal(usec, 42);
    }
}

static void durations_are_read_back_as_they_are_written(void **state)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(4);

    for (int i = 0; i < 20000; i++) {
        gint64 usec = ((gint64)g_rand_int(random) << 16) * g_rand_int_range(random, 0, 1000);
        g_autofree char *text = ff_duration_format(usec);
        gint64 back = -1;

        assert_int_equal(ff_duration_parse(text, &back), 0);
        assert_int_equal(back, usec);
    }
}

static void times_after_infinity_are_infinite(void **state)
{
    assert_int_equal(ff_time_after(5, 7), 12);
    assert_int_equal(ff_time_after(5, FF_DURATION_INFINITY), G_MAXINT64);
}

static void policy_values_are_set_by_their_keys(void **state)
{
    FfPolicy policy = ff_policy_default;
    g_autofree char *linger = ff_policy_get(&policy, "linger");
    g_autofree char *age = ff_policy_get(&policy, "max-age");

    assert_string_equal(linger, "30s");
    assert_string_equal(age, "infinity");
    assert_int_equal(ff_policy_set(&policy, "lifetime", "use"), 0);
    assert_int_equal(ff_policy_linger(&policy), 0);
    assert_int_equal(ff_policy_set(&policy, "linger", "2s"), 0);
    assert_int_equal(ff_policy_linger(&policy), 2 * SEC);
    assert_int_equal(ff_policy_set(&policy, "lifetime", "Use"), -EINVAL);
    assert_int_equal(ff_policy_set(&policy, "state", "new"), -ENODATA);
    assert_null(ff_policy_get(&policy, "state"));
}

static void equal_policies_are_one(void **state)
{
    g_autoptr(FfPolicyPool) pool = ff_policy_pool_new();
    FfPolicy policy = ff_policy_default;
    const FfPolicy *first = ff_policy_pool_take(pool, &policy);
    const FfPolicy *second = ff_policy_pool_take(pool, &ff_policy_default);

    policy.grace = 1;
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(ff_policy_pool_take(pool, &policy), first);
    ff_policy_pool_release(pool, first);
    assert_int_equal(second->grace, ff_policy_default.grace);
    ff_policy_pool_release(pool, second);
}

static void new_modes_lie_between_floor_and_ceiling(void **state)
{
    static const mode_t ceilings[] = {0600, 0660, 0666, 0777, 07777};
    static const mode_t floors[] = {0, 0400, 0600};

    for (guint c = 0; c < G_N_ELEMENTS(ceilings); c++) {
        for (guint f = 0; f < G_N_ELEMENTS(floors); f++) {
            FfModes modes = {ceilings[c], floors[f], 0750};

            for (mode_t mode = 0; mode <= FF_MODE_BITS; mode++) {
                mode_t fifo = ff_modes_new(&modes, S_IFIFO, mode);
                mode_t allowed_extra = fifo | S_ISVTX;

                assert_int_equal(fifo, (mode & ceilings[c]) | floors[f]);
                assert_true(ff_modes_allow(&modes, S_IFIFO, fifo));
                assert_true(ff_modes_allow(&modes, S_IFIFO, allowed_extra));
                assert_int_equal(ff_modes_allow(&modes, S_IFIFO, mode),
                                 (mode & ~(ceilings[c] | S_ISVTX)) == 0 &&
                                     (mode & floors[f]) == floors[f]);
                assert_int_equal(ff_modes_new(&modes, S_IFDIR, mode), mode & (0750 | 07000));
                assert_int_equal(ff_modes_allow(&modes, S_IFDIR, mode), (mode & 0027) == 0);
            }
        }
    }
}

/* The soonest of those that are queued, as a plain search finds it. */
static gint64 soonest(const FfDeadline *deadlines, guint n)
{
    gint64 at = FF_NEVER;

    for (guint i = 0; i < n; i++)
        if (deadlines[i].place != 0)
            at = MIN(at, deadlines[i].at);
    return at;
}

static void soonest_deadline_is_always_first(void **state)
{
    g_autoptr(FfDeadlineQueue) queue = ff_deadline_queue_new();
    g_autoptr(GRand) random = g_rand_new_with_seed(5);
    FfDeadline deadlines[200] = {0};

    for (int i = 0; i < 50000; i++) {
        FfDeadline *deadline = &deadlines[g_rand_int_range(random, 0, 200)];
        gboolean cancel = g_rand_int_range(random, 0, 4) == 0;

        ff_deadline_set(queue, deadline, cancel ? FF_NEVER : g_rand_int_range(random, 0, 1000));
        assert_int_equal(ff_deadline_first_at(queue), soonest(deadlines, 200));
    }
    for (guint i = 0; i < 200; i++)
        ff_deadline_set(queue, &deadlines[i], FF_NEVER);
    assert_null(ff_deadline_first(queue));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_no_duration_changes_nothing),
        cmocka_unit_test(durations_are_read_back_as_they_are_written),
        cmocka_unit_test(times_after_infinity_are_infinite),
        cmocka_unit_test(policy_values_are_set_by_their_keys),
        cmocka_unit_test(equal_policies_are_one),
        cmocka_unit_test(new_modes_lie_between_floor_and_ceiling),
        cmocka_unit_test(soonest_deadline_is_always_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
