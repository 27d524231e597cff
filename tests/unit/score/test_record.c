/* The record's score: the formula, its boundaries, its JSON, the features. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "backend/core/clock.h"
#include "backend/core/json.h"
#include "backend/score/record.h"

static bw_record_facts usual(void)
{
    return (bw_record_facts){
        .lag_s = 3.2, .target_s = 300, .expected = 5, .present = 5, .model = 0.07};
}

static void is_the_example_of_the_design(void **state)
{
    (void)state;
    bw_record_facts f = usual();
    bw_record_score s = bw_score_record(&f);
    bw_buf out = BW_BUF_INIT;
    bw_score_json(&out, &f, &s);
    assert_string_equal(
        bw_buf_cstr(&out),
        "{\"confidence\":0.9761,\"freshness\":1.0,\"completeness\":1.0,\"anomaly\":0.07,"
        "\"lag_seconds\":3.2,\"lag\":\"fresh\",\"flags\":[],\"priority\":\"high\","
        "\"action\":\"ingest\",\"reasons\":[\"3.2 s behind, target 300 s\","
        "\"5 of 5 expected fields\"]}");
    assert_true(bw_json_valid(bw_buf_slice(&out), NULL, NULL));
    bw_buf_fini(&out);
}

static void never_rises_with_the_lag(void **state)
{
    (void)state;
    bw_record_facts f = usual();
    double before = 2;
    for (double lag = -1000; lag < 100000; lag += 7) {
        f.lag_s = lag;
        bw_record_score s = bw_score_record(&f);
        assert_true(s.confidence <= before);
        assert_true(s.confidence >= 0 && s.confidence <= 1);
        before = s.confidence;
    }
    assert_true(before < 1e-6);
}

static void never_rises_with_the_anomaly_nor_falls_with_completeness(void **state)
{
    (void)state;
    bw_record_facts f = usual();
    double before = 2;
    for (int i = 0; i <= 100; i++) {
        f.model = i / 100.0;
        double c = bw_score_record(&f).confidence;
        assert_true(c <= before);
        before = c;
    }
    assert_true(before == 0);
    f = usual();
    before = -1;
    for (f.present = 0; f.present <= f.expected; f.present++) {
        double c = bw_score_record(&f).confidence;
        assert_true(c > before);
        before = c;
    }
}

static void changes_its_words_at_the_boundaries(void **state)
{
    (void)state;
    /* Freshness is exactly 0.5 at twice the target, and 1 up to it. */
    bw_record_facts f = {.target_s = 100, .model = NAN};
    static const struct {
        double lag_s;
        bw_lag lag;
        bw_priority priority;
    } CASES[] = {
        {100, BW_LAG_FRESH, BW_PRIORITY_HIGH},     {115.2, BW_LAG_FRESH, BW_PRIORITY_HIGH},
        {115.3, BW_LAG_AGING, BW_PRIORITY_HIGH},   {145.6, BW_LAG_AGING, BW_PRIORITY_HIGH},
        {145.7, BW_LAG_AGING, BW_PRIORITY_NORMAL}, {200, BW_LAG_AGING, BW_PRIORITY_NORMAL},
        {200.1, BW_LAG_STALE, BW_PRIORITY_NORMAL}, {399.9, BW_LAG_STALE, BW_PRIORITY_NORMAL},
        {400.1, BW_LAG_STALE, BW_PRIORITY_LOW},
    };
    for (size_t i = 0; i < BW_COUNT(CASES); i++) {
        f.lag_s = CASES[i].lag_s;
        bw_record_score s = bw_score_record(&f);
        if (s.lag != CASES[i].lag || s.priority != CASES[i].priority)
            fail_msg("%.1f s: %s %s", CASES[i].lag_s, bw_lag_name(s.lag),
                     bw_priority_name(s.priority));
    }
    f.lag_s = 254.3; /* confidence just above 0.7 */
    assert_int_equal(bw_score_record(&f).action, BW_ACTION_INGEST);
    f.lag_s = 254.4;
    assert_int_equal(bw_score_record(&f).action, BW_ACTION_FLAG);
    f.lag_s = 0;
    f.model = 0.69; /* confidence 0.677 */
    assert_int_equal(bw_score_record(&f).action, BW_ACTION_FLAG);
    f.model = 0.65;
    assert_int_equal(bw_score_record(&f).action, BW_ACTION_INGEST);
}

static void says_what_it_does_not_know(void **state)
{
    (void)state;
    bw_record_facts f = usual();
    bw_buf out = BW_BUF_INIT;
    f.lag_s = NAN;
    f.model = NAN;
    bw_record_score s = bw_score_record(&f);
    assert_true(isnan(s.freshness));
    assert_int_equal(s.lag, BW_LAG_UNKNOWN);
    assert_true(s.confidence == 1);
    bw_score_json(&out, &f, &s);
    assert_true(bw_slice_is(bw_json_member(bw_buf_slice(&out), "freshness"), "null"));
    assert_true(bw_slice_is(bw_json_member(bw_buf_slice(&out), "lag_seconds"), "null"));
    assert_true(bw_slice_is(bw_json_member(bw_buf_slice(&out), "anomaly"), "0.0"));
    bw_buf_fini(&out);
}

static void quarantines_only_where_configured(void **state)
{
    (void)state;
    bw_record_facts f = usual();
    f.present = 2;
    assert_int_equal(bw_score_record(&f).action, BW_ACTION_INGEST);
    f.quarantine_below = 0.4;
    assert_int_equal(bw_score_record(&f).action, BW_ACTION_INGEST);
    f.quarantine_below = 0.41;
    assert_int_equal(bw_score_record(&f).action, BW_ACTION_QUARANTINE);
}

static void rules_stand_in_for_a_model_and_beside_it(void **state)
{
    (void)state;
    bw_record_facts f = usual();
    f.model = NAN;
    f.lag_s = -3600;
    bw_rule_check_time(&f.hits, f.lag_s);
    bw_record_score s = bw_score_record(&f);
    assert_true(s.anomaly == bw_rule_weight(BW_RULE_FUTURE_TIMESTAMP));
    assert_int_equal(s.action, BW_ACTION_FLAG);
    assert_true(s.freshness == 1);
    f.model = 0.95;
    assert_true(bw_score_record(&f).anomaly == 0.95);
    bw_buf out = BW_BUF_INIT;
    bw_score_json(&out, &f, &s);
    assert_non_null(strstr(bw_buf_cstr(&out), "\"flags\":[\"future_timestamp\"]"));
    assert_non_null(strstr(bw_buf_cstr(&out), "\"3600.0 s ahead of the clock\""));
    bw_buf_fini(&out);
}

/* The model alone can bring the confidence below a flag's, at less than a flag of its own. */
static void a_flag_has_its_reason(void **state)
{
    (void)state;
    for (double model = 0; model <= 1; model += 0.01) {
        bw_record_facts f = {
            .lag_s = 1, .target_s = 300, .expected = 3, .present = 3, .model = model};
        bw_record_score s = bw_score_record(&f);
        bw_buf json = BW_BUF_INIT;
        bw_score_json(&json, &f, &s);
        if (s.action != BW_ACTION_INGEST)
            assert_non_null(strstr(bw_buf_cstr(&json), "\"unlike the records before it\""));
        if (model < 0.5)
            assert_null(strstr(bw_buf_cstr(&json), "unlike"));
        bw_buf_fini(&json);
    }
}

static void writes_numbers_without_the_locale(void **state)
{
    (void)state;
    static const struct {
        double v;
        int decimals;
        const char *text;
    } CASES[] = {
        {0, 4, "0.0"},          {-0.0, 4, "0.0"},
        {1, 4, "1.0"},          {0.98, 4, "0.98"},
        {0.98765, 4, "0.9877"}, {3.2, 1, "3.2"},
        {-12.25, 2, "-12.25"},  {1234567.5, 1, "1234567.5"},
        {0.00004, 4, "0.0"},    {-0.00004, 4, "0.0"},
        {99.99999, 4, "100.0"}, {NAN, 4, "null"},
        {INFINITY, 4, "null"},  {1e300, 4, "null"},
    };
    for (size_t i = 0; i < BW_COUNT(CASES); i++) {
        bw_buf out = BW_BUF_INIT;
        bw_score_add_number(&out, CASES[i].v, CASES[i].decimals);
        assert_string_equal(bw_buf_cstr(&out), CASES[i].text);
        bw_buf_fini(&out);
    }
}

static void reads_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double v;
    } CASES[] = {{"0", 0},
                 {"-12.5", -12.5},
                 {"1e3", 1000},
                 {"2.5E-1", 0.25},
                 {"1e400", INFINITY},
                 {"", NAN},
                 {"abc", NAN},
                 {"1x", NAN},
                 {"-", NAN},
                 {"12345678901234567890", 12345678901234567890.0}};
    for (size_t i = 0; i < BW_COUNT(CASES); i++) {
        double v = bw_score_number_of(bw_slice_cstr(CASES[i].text));
        if (isnan(CASES[i].v) ? !isnan(v) : v != CASES[i].v && !(fabs(v / CASES[i].v - 1) < 1e-12))
            fail_msg("%s: %g", CASES[i].text, v);
    }
}

static void features_have_units(void **state)
{
    (void)state;
    double numbers[] = {100, -200, NAN};
    bw_record_measures m = {.lag_s = NAN,
                            .bytes = 1023,
                            .fields = 4,
                            .nulls = 1,
                            .at_us = -BW_HOUR,
                            .numbers = numbers,
                            .n_numbers = 3};
    float a[BW_SCORE_FEATURES], b[BW_SCORE_FEATURES];
    bw_score_features(&m, a);
    assert_true(a[0] == 0 && a[1] == 10 && a[2] == 1 && a[3] == 4);
    assert_true(a[7] < 0 && a[8] == 0 && a[15] == 0);
    m.at_us += BW_DAY;
    bw_score_features(&m, b);
    assert_memory_equal(a, b, sizeof(a));
    m.at_us = BW_TIME_NONE; /* unknown, but never undefined */
    m.fields = 0;
    m.numbers = NULL;
    m.n_numbers = 0;
    bw_score_features(&m, a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_example_of_the_design),
        cmocka_unit_test(never_rises_with_the_lag),
        cmocka_unit_test(never_rises_with_the_anomaly_nor_falls_with_completeness),
        cmocka_unit_test(changes_its_words_at_the_boundaries),
        cmocka_unit_test(says_what_it_does_not_know),
        cmocka_unit_test(quarantines_only_where_configured),
        cmocka_unit_test(rules_stand_in_for_a_model_and_beside_it),
        cmocka_unit_test(a_flag_has_its_reason),
        cmocka_unit_test(writes_numbers_without_the_locale),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(features_have_units),
    };
    return BW_RUN_TESTS(tests);
}
