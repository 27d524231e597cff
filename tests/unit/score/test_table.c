/* The table's score: freshness, health, and the one word for its state. */
#include "tests/support/test.h"

#include <math.h>

#include "backend/core/alloc.h"
#include "backend/score/table.h"

static bw_table_facts behind(double lag_s)
{
    return (bw_table_facts){.lag_s = lag_s, .target_s = 300};
}

static void falls_with_the_lag(void **state)
{
    (void)state;
    double before = 101;
    for (double lag = -10; lag < 20000; lag += 3) {
        bw_table_facts f = behind(lag);
        bw_table_score s = bw_score_table(&f);
        assert_true(s.freshness <= before && s.freshness >= 0 && s.freshness <= 100);
        before = s.freshness;
    }
}

static void changes_its_word_at_the_boundaries(void **state)
{
    (void)state;
    static const struct {
        double lag_s;
        bw_health health;
        bw_sync_state state;
    } CASES[] = {
        {0, BW_HEALTH_FRESH, BW_STATE_FRESH},       {300, BW_HEALTH_FRESH, BW_STATE_FRESH},
        {345.6, BW_HEALTH_FRESH, BW_STATE_FRESH},   {345.7, BW_HEALTH_AGING, BW_STATE_AGING},
        {600, BW_HEALTH_AGING, BW_STATE_AGING},     {600.1, BW_HEALTH_STALE, BW_STATE_STALE},
        {NAN, BW_HEALTH_UNKNOWN, BW_STATE_UNKNOWN},
    };
    for (size_t i = 0; i < BW_COUNT(CASES); i++) {
        bw_table_facts f = behind(CASES[i].lag_s);
        bw_table_score s = bw_score_table(&f);
        assert_int_equal(s.health, CASES[i].health);
        assert_int_equal(s.state, CASES[i].state);
        assert_int_equal(s.activity, BW_ACTIVITY_IDLE);
    }
    bw_table_facts f = behind(600);
    assert_true(bw_score_table(&f).freshness == 50);
    f = behind(NAN);
    assert_true(isnan(bw_score_table(&f).freshness));
}

/* Every combination of facts: the state is the first that holds, and running never hides it. */
static void the_first_that_holds_is_the_state(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 1 << 6; bits++) {
        bw_table_facts f = behind(bits & 1 ? NAN : 10000);
        f.paused = bits >> 1 & 1;
        f.parked = bits >> 2 & 1;
        f.drift = bits >> 3 & 1;
        f.failed = bits >> 4 & 1;
        f.running = bits >> 5 & 1;
        bw_sync_state expected = bits & 1 ? BW_STATE_UNKNOWN : BW_STATE_STALE;
        if (f.paused)
            expected = BW_STATE_PAUSED;
        if (f.parked)
            expected = BW_STATE_PARKED;
        if (f.drift)
            expected = BW_STATE_DRIFT;
        if (f.failed && !f.drift && !f.parked) /* the others are why it failed */
            expected = BW_STATE_FAILED;
        bw_table_score s = bw_score_table(&f);
        assert_int_equal(s.state, expected);
        assert_int_equal(s.activity == BW_ACTIVITY_RUNNING, f.running);
    }
}

static void every_word_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < BW_STATE_COUNT; i++)
        assert_non_null(bw_sync_state_name((bw_sync_state)i));
    assert_string_equal(bw_health_name(BW_HEALTH_AGING), "aging");
    assert_string_equal(bw_activity_name(BW_ACTIVITY_DRIFT), "drift");
    assert_string_equal(bw_sync_state_name(BW_STATE_PARKED), "parked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(falls_with_the_lag),
        cmocka_unit_test(changes_its_word_at_the_boundaries),
        cmocka_unit_test(the_first_that_holds_is_the_state),
        cmocka_unit_test(every_word_has_a_name),
    };
    return BW_RUN_TESTS(tests);
}
