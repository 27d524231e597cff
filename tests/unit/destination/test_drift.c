/* Covers drift.c and field_json.c. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/destination/drift.h"

static bw_target_wish wish(const bw_schema *schema, unsigned engine, bw_drift_policy policy)
{
    return (bw_target_wish){schema, engine, policy};
}

static json_t *table(const char *fields, const char *rows)
{
    json_error_t e;
    json_t *f = json_loads(fields, 0, &e);
    assert_non_null(f);
    return json_pack("{s:{s:o}, s:s}", "schema", "fields", f, "numRows", rows);
}

/* Compares one source column with one target column; gives the drift's kind or -1. */
static int drift_of(bw_field field, const char *target, bw_drift_policy policy, char wider[64],
                    bool *incompatible)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_schema schema = {&field, 1};
    bw_target_wish w = wish(&schema, 0, policy);
    json_t *t = table(target, "5");
    bw_target_plan plan;
    field.name = "c";
    bw_target_plan_compare(&w, t, &arena, &plan);
    int kind = plan.n_drift ? (int)plan.drift[0].kind : -1;
    *incompatible = plan.incompatible;
    snprintf(wider, 64, "%s", plan.n_wider ? plan.wider[0].type : "");
    if (plan.n_wider) { /* the patch, which comes after, says the same */
        bw_target_field after = bw_target_field_parse(json_array_get(plan.fields, 0), &arena);
        assert_string_equal(after.text, wider);
        assert_false(plan.changed);
    }
    json_decref(plan.fields);
    json_decref(t);
    bw_arena_fini(&arena);
    return kind;
}

#define FIELD(type, more) "[{\"name\":\"C\",\"type\":\"" type "\"" more "}]"
#define NUMERIC(p, s)     FIELD("NUMERIC", ",\"precision\":\"" #p "\",\"scale\":\"" #s "\"")

static void test_types(void **state)
{
    (void)state;
    static const struct {
        bw_field source;
        const char *target;
        bool fits;
        const char *wider; /* what the target's column becomes; NULL: the sync stops */
    } cases[] = {
        {{.type = BW_TYPE_INT64}, FIELD("INTEGER", ""), true},
        {{.type = BW_TYPE_INT64}, FIELD("NUMERIC", ""), true},
        {{.type = BW_TYPE_INT64}, FIELD("BIGNUMERIC", ""), true},
        {{.type = BW_TYPE_INT64}, NUMERIC(18, 0), false, "NUMERIC"},
        {{.type = BW_TYPE_INT64}, NUMERIC(19, 0), true},
        {{.type = BW_TYPE_INT64}, FIELD("FLOAT", ""), false},
        {{.type = BW_TYPE_INT64}, FIELD("STRING", ""), false},
        {{.type = BW_TYPE_INT64}, FIELD("INTEGER", ",\"mode\":\"REPEATED\""), false},
        {{.type = BW_TYPE_INT64, .repeated = true},
         FIELD("INTEGER", ",\"mode\":\"REPEATED\""),
         true},
        {{.type = BW_TYPE_NUMERIC}, FIELD("NUMERIC", ""), true},
        {{.type = BW_TYPE_NUMERIC}, FIELD("DECIMAL", ""), true},
        {{.type = BW_TYPE_NUMERIC}, NUMERIC(38, 9), true},
        {{.type = BW_TYPE_NUMERIC}, NUMERIC(37, 9), false, "NUMERIC"},
        {{.type = BW_TYPE_NUMERIC}, FIELD("BIGNUMERIC", ""), true},
        {{.type = BW_TYPE_BIGNUMERIC}, FIELD("NUMERIC", ""), false, "BIGNUMERIC"},
        {{.type = BW_TYPE_BIGNUMERIC}, FIELD("INTEGER", ""), false, "BIGNUMERIC"},
        {{.type = BW_TYPE_BIGNUMERIC}, FIELD("FLOAT", ""), false},
        {{.type = BW_TYPE_FLOAT64}, FIELD("NUMERIC", ""), false},
        {{.type = BW_TYPE_FLOAT64}, FIELD("INTEGER", ""), false},
        {{.type = BW_TYPE_STRING}, FIELD("NUMERIC", ""), false},
        {{.type = BW_TYPE_NUMERIC, .repeated = true},
         FIELD("INTEGER", ",\"mode\":\"REPEATED\""),
         false},
        {{.type = BW_TYPE_BIGNUMERIC, .precision = 40, .scale = 20},
         NUMERIC(10, 2),
         false,
         "BIGNUMERIC"},
        {{.type = BW_TYPE_NUMERIC, .precision = 12, .scale = 0},
         NUMERIC(10, 4),
         false,
         "NUMERIC(16, 4)"},
        {{.type = BW_TYPE_NUMERIC, .precision = 38, .scale = 9},
         NUMERIC(10, 2),
         false,
         "NUMERIC(38, 9)"},
        {{.type = BW_TYPE_BIGNUMERIC, .precision = 38, .scale = 9}, FIELD("NUMERIC", ""), true},
        {{.type = BW_TYPE_NUMERIC, .precision = 10, .scale = 2}, NUMERIC(10, 2), true},
        {{.type = BW_TYPE_NUMERIC, .precision = 10, .scale = 2}, NUMERIC(12, 4), true},
        {{.type = BW_TYPE_NUMERIC, .precision = 10, .scale = 2},
         NUMERIC(10, 3),
         false,
         "NUMERIC(11, 3)"},
        {{.type = BW_TYPE_NUMERIC, .precision = 10, .scale = 2},
         NUMERIC(10, 1),
         false,
         "NUMERIC(11, 2)"},
        {{.type = BW_TYPE_NUMERIC, .precision = 10, .scale = 2},
         FIELD("INTEGER", ""),
         false,
         "NUMERIC"},
        {{.type = BW_TYPE_NUMERIC, .precision = 5, .scale = 4},
         NUMERIC(4, 4),
         false,
         "NUMERIC(5, 4)"},
        {{.type = BW_TYPE_DATETIME}, FIELD("TIMESTAMP", ""), false},
        {{.type = BW_TYPE_DATE}, FIELD("DATETIME", ""), false},
        {{.type = BW_TYPE_JSON}, FIELD("STRING", ""), false},
        {{.type = BW_TYPE_STRING}, FIELD("STRING", ""), true},
        {{.type = BW_TYPE_STRING}, FIELD("RECORD", ",\"fields\":[]"), false},
        {{.type = BW_TYPE_BOOL}, FIELD("BOOLEAN", ""), true},
        {{.type = BW_TYPE_FLOAT64}, FIELD("FLOAT", ""), true},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bool incompatible;
        char wider[64];
        int kind = drift_of(cases[i].source, cases[i].target, BW_ADD_COLUMNS, wider, &incompatible);
        int expected = cases[i].fits ? -1 : cases[i].wider ? BW_DRIFT_WIDENED : BW_DRIFT_RETYPED;
        if (incompatible != (expected == BW_DRIFT_RETYPED) || kind != expected ||
            strcmp(wider, cases[i].wider ? cases[i].wider : "") != 0)
            fail_msg("case %zu: %s: %s", i, cases[i].target, wider);
        /* Under the same setting as columns that are added. */
        kind = drift_of(cases[i].source, cases[i].target, BW_ADD_NOTHING, wider, &incompatible);
        if (kind != (cases[i].fits ? -1 : BW_DRIFT_RETYPED) || wider[0])
            fail_msg("case %zu: %s: widened to %s", i, cases[i].target, wider);
    }
}

static void test_required_is_relaxed_except_in_the_key(void **state)
{
    (void)state;
    bool incompatible;
    char wider[64];
    const char *required = FIELD("STRING", ",\"mode\":\"REQUIRED\"");
    assert_int_equal(drift_of((bw_field){.type = BW_TYPE_STRING}, required, BW_ADD_COLUMNS, wider,
                              &incompatible),
                     BW_DRIFT_RELAXED);
    assert_int_equal(drift_of((bw_field){.type = BW_TYPE_STRING, .required = true}, required,
                              BW_ADD_COLUMNS, wider, &incompatible),
                     -1);
    assert_int_equal(drift_of((bw_field){.type = BW_TYPE_STRING, .key_part = true}, required,
                              BW_ADD_COLUMNS, wider, &incompatible),
                     -1);
    assert_false(incompatible);
}

static const bw_field fields[] = {
    {.name = "id", .type = BW_TYPE_INT64, .required = true, .key_part = true},
    {.name = "added",
     .type = BW_TYPE_NUMERIC,
     .precision = 10,
     .scale = 2,
     .required = true,
     .source_type = "numeric(10,2)",
     .description = "the sum"},
    {.name = "kept", .type = BW_TYPE_STRING},
};
static const bw_schema schema = {fields, BW_COUNT(fields)};

static void check_patch(const bw_target_plan *plan, const char *expected)
{
    char *got = json_dumps(plan->fields, JSON_COMPACT);
    assert_string_equal(got, expected);
    free(got);
}

static void test_the_whole_schema_is_patched(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_target_wish w = wish(&schema, BW_COLUMN_EVENT_ID, BW_ADD_COLUMNS);
    json_t *t = table("[{\"name\":\"Kept\",\"type\":\"STRING\",\"policyTags\":{\"names\":[\"x\"]}},"
                      "{\"name\":\"gone\",\"type\":\"DATE\",\"mode\":\"REQUIRED\"},"
                      "{\"name\":\"id\",\"type\":\"INTEGER\",\"mode\":\"REQUIRED\"},"
                      "{\"name\":\"_bw_old\",\"type\":\"STRING\"}]",
                      "9");
    bw_target_plan plan;
    bw_target_plan_compare(&w, t, &arena, &plan);
    assert_true(plan.changed);
    assert_false(plan.incompatible);
    check_patch(&plan,
                "[{\"name\":\"Kept\",\"type\":\"STRING\",\"policyTags\":{\"names\":[\"x\"]}},"
                "{\"name\":\"gone\",\"type\":\"DATE\",\"mode\":\"NULLABLE\"},"
                "{\"name\":\"id\",\"type\":\"INTEGER\",\"mode\":\"REQUIRED\"},"
                "{\"name\":\"_bw_old\",\"type\":\"STRING\"},"
                "{\"name\":\"added\",\"type\":\"NUMERIC\",\"mode\":\"NULLABLE\","
                "\"precision\":\"10\",\"scale\":\"2\",\"description\":\"the sum\"},"
                "{\"name\":\"_bw_event_id\",\"type\":\"STRING\",\"mode\":\"NULLABLE\","
                "\"description\":\"Identity of the event: the same row read again has the same.\"}"
                "]");
    assert_int_equal(plan.n_columns, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(plan.columns[i], i);
    assert_int_equal(plan.n_drift, 2);
    assert_int_equal(plan.drift[0].kind, BW_DRIFT_ADDED);
    assert_string_equal(plan.drift[0].source_side, "NUMERIC(10, 2) REQUIRED from numeric(10,2)");
    assert_string_equal(plan.drift[0].target_side, "-");
    assert_int_equal(plan.drift[1].kind, BW_DRIFT_DROPPED);
    assert_string_equal(plan.drift[1].column, "gone");
    assert_string_equal(plan.drift[1].target_side, "DATE REQUIRED");
    json_decref(plan.fields);
    json_decref(t);
    bw_arena_fini(&arena);
}

static void test_nothing_is_added_where_that_is_switched_off(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_target_wish w = wish(&schema, 0, BW_ADD_NOTHING);
    json_t *t = table(
        "[{\"name\":\"id\",\"type\":\"INT64\"},{\"name\":\"kept\",\"type\":\"STRING\"}]", "9");
    bw_target_plan plan;
    bw_target_plan_compare(&w, t, &arena, &plan);
    assert_false(plan.changed);
    assert_int_equal(plan.n_drift, 1);
    assert_int_equal(plan.drift[0].kind, BW_DRIFT_NOT_ADDED);
    assert_int_equal(plan.n_columns, 2);
    assert_int_equal(plan.columns[0], 0);
    assert_int_equal(plan.columns[1], 2);
    json_decref(plan.fields);
    json_decref(t);
    bw_arena_fini(&arena);
}

static void test_a_key_that_the_rows_do_not_have_stops_the_sync(void **state)
{
    (void)state;
    static const struct {
        const char *rows;
        bool incompatible;
    } cases[] = {{"1", true}, {"0", false}};
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_arena arena = BW_ARENA_INIT;
        bw_target_wish w = wish(&schema, 0, BW_ADD_COLUMNS);
        json_t *t = table("[{\"name\":\"kept\",\"type\":\"STRING\"}]", cases[i].rows);
        bw_target_plan plan;
        bw_target_plan_compare(&w, t, &arena, &plan);
        assert_int_equal(plan.incompatible, cases[i].incompatible);
        json_decref(plan.fields);
        json_decref(t);
        bw_arena_fini(&arena);
    }
}

static void test_engine_columns_of_another_type_stop_the_sync(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    static const bw_schema none = {NULL, 0};
    bw_target_wish w = wish(&none, BW_COLUMN_CURRENT, BW_ADD_NOTHING);
    json_t *t = table("[{\"name\":\"_bw_version\",\"type\":\"STRING\"}]", "1");
    bw_target_plan plan;
    bw_target_plan_compare(&w, t, &arena, &plan);
    assert_true(plan.incompatible);
    assert_int_equal(json_array_size(plan.fields), 4); /* the engine's own are always added */
    json_decref(plan.fields);
    json_decref(t);
    bw_arena_fini(&arena);
}

static void test_a_new_table(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_target_wish w = wish(&schema, 0, BW_ADD_NOTHING);
    bw_target_plan plan;
    bw_target_plan_new(&w, &arena, &plan);
    check_patch(&plan, "[{\"name\":\"id\",\"type\":\"INT64\",\"mode\":\"REQUIRED\"},"
                       "{\"name\":\"added\",\"type\":\"NUMERIC\",\"mode\":\"REQUIRED\","
                       "\"precision\":\"10\",\"scale\":\"2\",\"description\":\"the sum\"},"
                       "{\"name\":\"kept\",\"type\":\"STRING\",\"mode\":\"NULLABLE\"}]");
    assert_int_equal(plan.n_drift, 0);
    assert_int_equal(plan.n_columns, 3);
    json_decref(plan.fields);
    bw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_required_is_relaxed_except_in_the_key),
        cmocka_unit_test(test_the_whole_schema_is_patched),
        cmocka_unit_test(test_nothing_is_added_where_that_is_switched_off),
        cmocka_unit_test(test_a_key_that_the_rows_do_not_have_stops_the_sync),
        cmocka_unit_test(test_engine_columns_of_another_type_stop_the_sync),
        cmocka_unit_test(test_a_new_table),
    };
    return BW_RUN_TESTS(tests);
}
