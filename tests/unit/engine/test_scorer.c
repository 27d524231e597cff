/* The scores of a run's rows: sampling, what is expected, the model over several runs. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/core/units.h"
#include "backend/engine/scorer.h"
#include "backend/score/hst.h"

#define NOW (1790000000 * BW_SECOND)

static const bw_field FIELDS[] = {
    {.name = "id", .type = BW_TYPE_INT64, .required = true, .key_part = true},
    {.name = "total", .type = BW_TYPE_NUMERIC},
    {.name = "note", .type = BW_TYPE_STRING},
    {.name = "updated_at", .type = BW_TYPE_TIMESTAMP, .required = true},
};
static const bw_schema SCHEMA = {FIELDS, BW_COUNT(FIELDS)};

static bw_scorer_options options(void)
{
    return (bw_scorer_options){.schema = &SCHEMA,
                               .cursor = 3,
                               .all = true,
                               .freshness_target_us = 5 * BW_MINUTE,
                               .now_us = NOW};
}

static double score(bw_row_scorer *s, const char *total, const char *note, const char *at)
{
    const char *texts[] = {"1", total, note, at};
    bw_value row[BW_COUNT(FIELDS)];
    for (size_t i = 0; i < BW_COUNT(FIELDS); i++)
        row[i] = texts[i] ? bw_value_text(texts[i], strlen(texts[i])) : BW_VALUE_NULL_INIT;
    return bw_scorer_row(s, row);
}

#define ON_TIME "2026-09-21 14:13:10+00" /* 10 s before NOW */

static void follows_lag_and_completeness(void **state)
{
    (void)state;
    bw_scorer_options o = options();
    bw_row_scorer *s = bw_scorer_new(&o);
    assert_true(score(s, "1.5", NULL, ON_TIME) == 1);
    for (int i = 0; i < 10; i++)
        assert_true(score(s, "1.5", NULL, ON_TIME) == 1); /* a note is never expected */
    assert_true(fabs(score(s, NULL, NULL, ON_TIME) - cbrt(2.0 / 3)) < 1e-9);
    assert_true(fabs(score(s, "1", "a note", "2026-09-21 14:03:20+00") - cbrt(0.5)) < 1e-9);
    assert_true(fabs(score(s, "1", NULL, "2026-09-21 15:13:20+00") - cbrt(0.2)) < 1e-9);

    bw_arena arena = BW_ARENA_INIT;
    bw_sync_detail d = {0};
    bw_scorer_report(s, &arena, &d);
    assert_int_equal(d.records_scored, 14);
    assert_int_equal(d.records_flagged, 1);
    assert_int_equal(d.n_score_reasons, 3);
    assert_non_null(strstr(d.score_reasons[0], "target 300 s"));
    assert_string_equal(d.score_reasons[1], "2.9 of 2.9 expected fields on average");
    assert_string_equal(d.score_reasons[2], "the anomaly model is learning: 14 of 250 rows");
    bw_arena_fini(&arena);
    bw_scorer_free(s);
}

static void samples_unless_all_are_asked_for(void **state)
{
    (void)state;
    bw_scorer_options o = options();
    o.all = false;
    bw_row_scorer *s = bw_scorer_new(&o);
    size_t scored = 0;
    for (int i = 0; i < 20000; i++)
        scored += isnan(score(s, "1", NULL, ON_TIME)) ? 0 : 1;
    assert_int_equal(scored, 1000 + (20000 - 1000) / 128 + 1);
    bw_scorer_free(s);
}

static void knows_no_lag_without_an_instant(void **state)
{
    (void)state;
    bw_scorer_options o = options();
    o.cursor = -1;
    bw_row_scorer *s = bw_scorer_new(&o);
    bw_arena arena = BW_ARENA_INIT;
    bw_sync_detail d = {0};
    bw_scorer_report(s, &arena, &d);
    assert_true(isnan(d.record_confidence));
    assert_true(score(s, "1", "x", "2001-01-01 00:00:00+00") == 1);
    bw_scorer_report(s, &arena, &d);
    assert_non_null(strstr(d.score_reasons[0], "unknown"));
    bw_arena_fini(&arena);
    bw_scorer_free(s);
}

static void learn(bw_row_scorer *s, int rows)
{
    char total[32];
    for (int i = 0; i < rows; i++) {
        snprintf(total, sizeof(total), "%d.%02d", 50 + i * 37 % 50, i % 100);
        score(s, total, NULL, ON_TIME);
    }
}

static double judge(bw_row_scorer *s, const char *total)
{
    return score(s, total, NULL, ON_TIME);
}

static void carries_its_model_from_run_to_run(void **state)
{
    (void)state;
    bw_buf saved = BW_BUF_INIT, again = BW_BUF_INIT;
    bw_scorer_options o = options();
    bw_row_scorer *whole = bw_scorer_new(&o), *first = bw_scorer_new(&o);
    learn(whole, 2 * BW_HST_WINDOW);
    learn(first, 2 * BW_HST_WINDOW);
    bw_scorer_model(first, &saved);
    bw_scorer_free(first);
    o.model = bw_buf_slice(&saved);
    bw_row_scorer *second = bw_scorer_new(&o);
    bw_scorer_model(second, &again);
    assert_true(bw_slice_eq(bw_buf_slice(&saved), bw_buf_slice(&again)));
    double usual = judge(second, "75.5"), odd = judge(second, "99999999999999999999");
    assert_true(usual == judge(whole, "75.5"));
    assert_true(odd < usual);
    bw_scorer_free(second);

    /* Damage and other columns: begins anew, never fails. */
    o.model.len--;
    second = bw_scorer_new(&o);
    assert_true(judge(second, "99999999999999999999") == 1);
    bw_scorer_free(second);
    bw_schema fewer = {FIELDS, 3};
    o = options();
    o.schema = &fewer;
    o.cursor = -1;
    o.model = bw_buf_slice(&saved);
    second = bw_scorer_new(&o);
    assert_true(judge(second, "99999999999999999999") == 1);
    bw_scorer_free(second);
    bw_scorer_free(whole);
    bw_buf_fini(&saved);
    bw_buf_fini(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_lag_and_completeness),
        cmocka_unit_test(samples_unless_all_are_asked_for),
        cmocka_unit_test(knows_no_lag_without_an_instant),
        cmocka_unit_test(carries_its_model_from_run_to_run),
    };
    return BW_RUN_TESTS(tests);
}
