/* What the home screen says of a sync: lag, state, minutes, and the running run's rate. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/core/units.h"
#include "backend/engine/engine_internal.h"

#define NOW (1790000000 * BW_SECOND)

/* A clock in the test's hand; the functions find the scene by it. */
typedef struct scene {
    bw_clock clock; /* first */
    int64_t wall_us, mono_us;
    struct bw_engine engine;
    bw_sync sync;
} scene;

static int64_t scene_wall(const bw_clock *c)
{
    return ((const scene *)(const void *)c)->wall_us;
}

static int64_t scene_mono(const bw_clock *c)
{
    return ((const scene *)(const void *)c)->mono_us;
}

static int setup(void **state)
{
    scene *s = calloc(1, sizeof *s);
    s->clock = (bw_clock){.wall = scene_wall, .mono = scene_mono};
    s->wall_us = NOW;
    s->mono_us = BW_HOUR;
    s->engine.clock = &s->clock;
    s->sync.def = (bw_sync_def){.name = "shop.orders", .freshness_target_us = 5 * BW_MINUTE};
    s->sync.record = (bw_sync_record){
        .watermark_us = BW_TIME_NONE, .parked_until_us = BW_TIME_NONE, .last_run_us = BW_TIME_NONE};
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static bw_sync_state state_of(scene *s)
{
    return bw_sync_judge(&s->engine, &s->sync).state;
}

static void counts_lag_by_the_source_s_clock(void **state)
{
    scene *s = *state;
    assert_true(isnan(bw_sync_lag_s(&s->engine, &s->sync)));
    s->sync.record.watermark_us = NOW - 90 * BW_SECOND;
    assert_true(bw_sync_lag_s(&s->engine, &s->sync) == 90);
    s->sync.source_offset_us = -30 * BW_SECOND; /* its clock is behind ours */
    assert_true(bw_sync_lag_s(&s->engine, &s->sync) == 60);
    s->wall_us += 15 * BW_SECOND; /* an idle source grows old too */
    assert_true(bw_sync_lag_s(&s->engine, &s->sync) == 75);
    s->sync.source_offset_us = -BW_HOUR;
    assert_true(bw_sync_lag_s(&s->engine, &s->sync) == 0); /* never ahead of itself */
}

static void says_one_state(void **state)
{
    scene *s = *state;
    assert_int_equal(state_of(s), BW_STATE_UNKNOWN);
    s->sync.record.watermark_us = NOW - BW_MINUTE;
    assert_int_equal(state_of(s), BW_STATE_FRESH);
    s->sync.record.watermark_us = NOW - 8 * BW_MINUTE;
    assert_int_equal(state_of(s), BW_STATE_AGING);
    s->sync.record.watermark_us = NOW - BW_HOUR;
    assert_int_equal(state_of(s), BW_STATE_STALE);
    s->sync.source_down = true;
    assert_int_equal(state_of(s), BW_STATE_UNKNOWN); /* how late it is nobody knows now */
    s->sync.record.paused = true;
    assert_int_equal(state_of(s), BW_STATE_PAUSED);
    s->sync.record.parked_until_us = NOW + BW_MINUTE;
    assert_int_equal(state_of(s), BW_STATE_PARKED);
    s->sync.failed = true; /* parking is why, and says until when */
    assert_int_equal(state_of(s), BW_STATE_PARKED);
    s->sync.record.parked_until_us = NOW - 1;
    assert_int_equal(state_of(s), BW_STATE_FAILED);
    s->sync.drift = true;
    assert_int_equal(state_of(s), BW_STATE_DRIFT);
}

static void tells_queued_from_running(void **state)
{
    scene *s = *state;
    bw_run run = {0};
    s->sync.run = &run;
    atomic_store(&run.phase, "waiting for a worker");
    assert_int_equal(bw_sync_judge(&s->engine, &s->sync).activity, BW_ACTIVITY_QUEUED);
    atomic_store(&run.phase, "reading");
    assert_int_equal(bw_sync_judge(&s->engine, &s->sync).activity, BW_ACTIVITY_RUNNING);
}

/* ---- minutes ---------------------------------------------------------------------------- */

static void assert_spark(const bw_sync *sync, uint32_t third, uint32_t second, uint32_t newest)
{
    assert_int_equal(sync->spark[BW_SPARK_MINUTES - 3], third);
    assert_int_equal(sync->spark[BW_SPARK_MINUTES - 2], second);
    assert_int_equal(sync->spark[BW_SPARK_MINUTES - 1], newest);
}

static void puts_rows_into_their_minutes(void **state)
{
    scene *s = *state;
    bw_sync *sync = &s->sync;
    bw_sync_spark_add(sync, NOW, 5);
    bw_sync_spark_add(sync, NOW + BW_SECOND, 2);
    assert_spark(sync, 0, 0, 7);
    bw_sync_spark_add(sync, NOW + BW_MINUTE, 1);
    assert_spark(sync, 0, 7, 1);
    bw_sync_spark_add(sync, NOW + 2 * BW_MINUTE, 0);
    assert_spark(sync, 7, 1, 0);
    bw_sync_spark_add(sync, NOW + 10 * BW_DAY, 3); /* a long sleep leaves nothing old behind */
    for (int i = 0; i + 1 < BW_SPARK_MINUTES; i++)
        assert_int_equal(sync->spark[i], 0);
    assert_spark(sync, 0, 0, 3);
    bw_sync_spark_add(sync, NOW + 10 * BW_DAY, INT64_MAX / 2);
    assert_spark(sync, 0, 0, UINT32_MAX);
}

static void puts_commits_of_a_long_run_into_theirs(void **state)
{
    scene *s = *state;
    bw_run run = {0};
    atomic_store(&run.rows_loaded, 100);
    bw_sync_spark_run(&s->sync, NOW, &run);
    atomic_store(&run.rows_loaded, 150);
    bw_sync_spark_run(&s->sync, NOW + BW_MINUTE, &run);
    bw_sync_spark_run(&s->sync, NOW + BW_MINUTE, &run);
    assert_spark(&s->sync, 0, 100, 50);
}

/* ---- rates ------------------------------------------------------------------------------ */

static bw_run_view progress(scene *s, bw_run *run, int64_t rows, int64_t pass_us)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_run_view view;
    s->mono_us += pass_us;
    atomic_store(&run->rows_read, rows);
    bw_run_progress(run, &arena, &view);
    bw_arena_fini(&arena);
    return view;
}

static void shows_the_rate_of_the_last_seconds(void **state)
{
    scene *s = *state;
    bw_run_env env = {.clock = &s->clock};
    bw_run *run = bw_run_new(&env, &s->sync.def);
    assert_true(isnan(progress(s, run, 0, 0).rows_per_s));
    assert_true(progress(s, run, 100, BW_SECOND).rows_per_s == 100);
    for (int i = 2; i <= 60; i++)
        progress(s, run, i * 100, BW_SECOND);
    assert_true(progress(s, run, 6100, BW_SECOND).rows_per_s == 100);
    bw_run_view v = {0};
    for (int i = 0; i < 12; i++) /* stalled: an average since the start would hide it */
        v = progress(s, run, 6100, BW_SECOND);
    assert_true(v.rows_per_s == 0);
    assert_true(v.eta_us == BW_TIME_NONE);
    /* Another attempt reads from the beginning: no rate below nothing. */
    assert_true(isnan(progress(s, run, 10, BW_SECOND).rows_per_s));
    assert_true(progress(s, run, 60, BW_SECOND).rows_per_s == 50);
    bw_run_free(run);
}

static void says_when_only_what_it_knows(void **state)
{
    scene *s = *state;
    bw_run_env env = {.clock = &s->clock};
    bw_run *run = bw_run_new(&env, &s->sync.def);
    progress(s, run, 0, 0);
    bw_run_view v = progress(s, run, 100, BW_SECOND);
    assert_true(isnan(v.rows_expected));
    assert_true(v.eta_us == BW_TIME_NONE);
    atomic_store(&run->rows_expected, 400);
    v = progress(s, run, 200, BW_SECOND);
    assert_true(v.eta_us == 2 * BW_SECOND);
    v = progress(s, run, 500, BW_SECOND); /* an estimate that was exceeded says nothing */
    assert_true(v.eta_us == BW_TIME_NONE);
    assert_string_equal(v.kind, "incremental");
    atomic_store(&run->backfilling, true);
    assert_string_equal(progress(s, run, 500, 0).kind, "backfill");
    bw_run_free(run);
}

static void a_reason_is_the_same_but_for_what_passes(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"job bw_ab12_x_7_1_merge0: gave up after 30s",
         "job bw_ab12_x_8_1_merge1: gave up after 1m30s", true},
        {"no answer at 08:00:01", "no answer at 08:00:06", true},
        {"column c_1 is INT64", "column c_2 is INT64", false},
        {"column total, key {\"id\":3}: too large", "column total, key {\"id\":4}: too large",
         true},
        {"it is full", "it is full: 3", false},
        {"it is full", "", false},
        {"connection refused", "password refused", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (bw_same_reason(cases[i].a, cases[i].b) != cases[i].same ||
            bw_same_reason(cases[i].b, cases[i].a) != cases[i].same)
            fail_msg("\"%s\" and \"%s\"", cases[i].a, cases[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(counts_lag_by_the_source_s_clock),
        SCENE_TEST(says_one_state),
        SCENE_TEST(tells_queued_from_running),
        SCENE_TEST(puts_rows_into_their_minutes),
        SCENE_TEST(puts_commits_of_a_long_run_into_theirs),
        SCENE_TEST(shows_the_rate_of_the_last_seconds),
        SCENE_TEST(says_when_only_what_it_knows),
        cmocka_unit_test(a_reason_is_the_same_but_for_what_passes),
    };
    return BW_RUN_TESTS(tests);
}
