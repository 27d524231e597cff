/* Covers final.c and sql.c against the sandbox: what the statements do, and that each is done once. */
#include "tests/integration/destination/lab.h"

#define COLUMNS "id,name,total,_bw_deleted"

static const char *final_text(lab *l, bw_final_kind kind, const char *staging, size_t n_key)
{
    bw_final_request r = {.kind = kind,
                          .staging = staging,
                          .key = lab_key,
                          .n_key = n_key,
                          .event_time_min_us = 0,
                          .event_time_max_us = 1000 * BW_SECOND,
                          .bounds_of = "updated_at"};
    return bw_final_text(&l->spec, &l->target, &lab_schema, &r, &l->arena);
}

static bw_status run(lab *l, bw_final_kind kind, const char *staging, size_t n_key, const char *job,
                     bw_job_result *result)
{
    bw_job_id id = lab_job(l, job);
    return bw_destination_run_final(l->d, &l->target, kind, final_text(l, kind, staging, n_key),
                                    staging, &id, 0, result, &l->err);
}

/* Stages the rows and makes them visible, both under names of their own. */
static int64_t apply(lab *l, bw_final_kind kind, unsigned add, size_t n_key, const char *name,
                     const lab_row *rows, size_t n)
{
    bw_job_result result;
    char *job = bw_xasprintf("final_%s", name);
    lab_stage(l, name, add, n_key, rows, n);
    assert_ok(run(l, kind, name, n_key, job, &result), l->err);
    assert_true(result.found && result.done && !result.failed);
    free(job);
    return result.rows;
}

static int64_t merge(lab *l, const char *name, const lab_row *rows, size_t n)
{
    return apply(l, BW_FINAL_MERGE, BW_ADD_CURRENT, 1, name, rows, n);
}

static void test_merge_goes_forward_only(void **state)
{
    lab *l = *state;
    lab_prepare(l, (bw_target_spec){.current = true});
    merge(l, "s1", (lab_row[]){{"1", "a", "1", 10, false}, {"2", "b", "2", 20, false}}, 2);
    lab_expect_rows(l, "orders", COLUMNS, "1|a|1|false\n2|b|2|false\n");
    assert_true(l->bytes_booked >= 0);

    /* Newer, equal, older and new in one batch. */
    int64_t n = merge(l, "s2",
                      (lab_row[]){{"1", "a2", NULL, 11, false},
                                  {"2", "b", "2", 20, false},
                                  {"3", "c", "3", 5, false}},
                      3);
    assert_int_equal(n, 2);
    lab_expect_rows(l, "orders", COLUMNS, "1|a2|\\N|false\n2|b|2|false\n3|c|3|false\n");
    n = merge(l, "s3", (lab_row[]){{"1", "old", "9", 10, false}, {"3", "same time", "3", 5, false}},
              2);
    assert_int_equal(n, 1);
    lab_expect_rows(l, "orders", COLUMNS, "1|a2|\\N|false\n2|b|2|false\n3|same time|3|false\n");
}

static void test_deleted_rows_come_back(void **state)
{
    lab *l = *state;
    lab_prepare(l, (bw_target_spec){.current = true});
    merge(l, "s1", (lab_row[]){{"1", "a", "1", 10, false}}, 1);
    merge(l, "s2", (lab_row[]){{"1", "a", "1", 10, true}}, 1);
    lab_expect_rows(l, "orders", COLUMNS, "1|a|1|true\n");
    merge(l, "s3", (lab_row[]){{"1", "a", "1", 10, false}}, 1);
    lab_expect_rows(l, "orders", COLUMNS, "1|a|1|false\n");
}

static void test_a_bare_delete_keeps_the_content(void **state)
{
    lab *l = *state;
    lab_prepare(l, (bw_target_spec){.current = true, .tombstones = true});
    merge(l, "s1", (lab_row[]){{"1", "a", "1", 10, false}}, 1);
    merge(l, "s2", (lab_row[]){{"1", NULL, NULL, 11, true}}, 1);
    lab_expect_rows(l, "orders", COLUMNS, "1|a|1|true\n");
}

static void test_a_final_job_happens_once(void **state)
{
    lab *l = *state;
    bw_job_result r;
    lab_row rows[] = {{"1", "a", "1", 10, false}};
    lab_prepare(l, (bw_target_spec){.event_id = true});
    lab_stage(l, "s1", BW_ADD_EVENT_ID, 1, rows, 1);
    for (int again = 0; again < 3; again++) {
        assert_ok(run(l, BW_FINAL_INSERT, "s1", 1, "once", &r), l->err);
        assert_int_equal(r.rows, 1); /* what the job did when it ran */
    }
    assert_int_equal(lab_count(l, "orders"), 1);
    /* Another text under the same id is not ours to adopt. */
    lab_stage(l, "s2", BW_ADD_EVENT_ID, 1, rows, 1);
    assert_int_equal(run(l, BW_FINAL_INSERT, "s2", 1, "once", &r), BW_CONFLICT);
}

static void test_answers_that_are_lost(void **state)
{
    lab *l = *state;
    static const char *const faults[] = {
        "bigquery.jobs.insert:cut-after:1:1", "bigquery.jobs.insert:cut-before:1:1",
        "bigquery.jobs.insert:503:1:1", "bigquery.jobs.get:cut-after:1:2"};
    lab_prepare(l, (bw_target_spec){.event_id = true});
    for (size_t i = 0; i < BW_COUNT(faults); i++) {
        char staging[16], job[16], id[16];
        bw_job_result r;
        snprintf(staging, sizeof staging, "s%zu", i);
        snprintf(job, sizeof job, "final%zu", i);
        snprintf(id, sizeof id, "%zu", i);
        lab_stage(l, staging, BW_ADD_EVENT_ID, 1, (lab_row[]){{id, "a", "1", 10, false}}, 1);
        lab_fault(l, faults[i]);
        assert_ok(run(l, BW_FINAL_INSERT, staging, 1, job, &r), l->err);
        assert_true(lab_fault_hits(l) > 0);
        lab_no_faults(l);
        assert_int_equal(r.rows, 1);
        assert_int_equal(lab_count(l, "orders"), i + 1);
    }
}

static void test_failures_say_whether_to_try_again(void **state)
{
    lab *l = *state;
    bw_job_result r;
    lab_prepare(l, (bw_target_spec){.current = true});
    lab_stage(l, "s1", BW_ADD_CURRENT, 1, (lab_row[]){{"1", "a", "1", 10, false}}, 1);
    lab_fault(l, "bigquery.job.query:400/jobBackendError:1:1");
    assert_int_equal(run(l, BW_FINAL_MERGE, "s1", 1, "f1", &r), BW_UNAVAILABLE);
    assert_true(l->err.retryable && r.failed);
    assert_int_equal(run(l, BW_FINAL_MERGE, "s1", 1, "f1", &r), BW_UNAVAILABLE); /* as it was */
    lab_fault(l, "bigquery.job.query:403/quotaExceeded:1:1");
    assert_int_equal(run(l, BW_FINAL_MERGE, "s1", 1, "f2", &r), BW_QUOTA);
    assert_true(l->err.retry_after_s > 0);
    assert_ok(run(l, BW_FINAL_MERGE, "s1", 1, "f3", &r), l->err);
    assert_int_equal(lab_count(l, "orders"), 1);
}

static void test_the_budget_comes_first(void **state)
{
    lab *l = *state;
    bw_job_result r;
    lab_prepare(l, (bw_target_spec){.current = true});
    lab_stage(l, "s1", BW_ADD_CURRENT, 1, (lab_row[]){{"1", "a", "1", 10, false}}, 1);
    l->refuse = true;
    assert_int_equal(run(l, BW_FINAL_MERGE, "s1", 1, "f1", &r), BW_QUOTA);
    assert_true(l->bytes_booked > 0);
    assert_int_equal(lab_count(l, "orders"), 0);
    l->refuse = false;
    assert_ok(run(l, BW_FINAL_MERGE, "s1", 1, "f1", &r), l->err);
    l->refuse = true; /* what was sent is adopted, whatever the budget says */
    assert_ok(run(l, BW_FINAL_MERGE, "s1", 1, "f1", &r), l->err);
}

static void test_identical_rows_without_a_key_each_land_once(void **state)
{
    lab *l = *state;
    lab_row rows[] = {{"1", "a", "1", 10, false},
                      {"1", "a", "1", 10, false},
                      {"2", "b", NULL, 20, false},
                      {"1", "a", "1", 10, false}};
    lab_prepare(l, (bw_target_spec){.event_id = true, .partition_field = "updated_at"});
    assert_int_equal(apply(l, BW_FINAL_INSERT, BW_ADD_EVENT_ID, 0, "s1", rows, 4), 4);
    lab_expect_rows(l, "orders", "id,name", "1|a\n1|a\n1|a\n2|b\n");
    /* Read again with one more: only that one is new. */
    lab_row more[] = {rows[0], rows[1], rows[2], rows[3], {"1", "a", "1", 10, false}};
    assert_int_equal(apply(l, BW_FINAL_INSERT, BW_ADD_EVENT_ID, 0, "s2", rows, 4), 0);
    assert_int_equal(apply(l, BW_FINAL_INSERT, BW_ADD_EVENT_ID, 0, "s3", more, 5), 1);
    lab_expect_rows(l, "orders", "id,name", "1|a\n1|a\n1|a\n1|a\n2|b\n");
    const char *ids;
    assert_ok(bw_destination_ask(l->d, &l->target,
                                 "SELECT COUNT(DISTINCT _bw_event_id) FROM `p.d.orders`", &l->arena,
                                 &ids, &l->err),
              l->err);
    assert_string_equal(ids, "5");
}

static void test_raw_rows_are_history(void **state)
{
    lab *l = *state;
    bw_job_result r;
    unsigned add = BW_ADD_CURRENT | BW_ADD_RAW;
    lab_prepare(l, (bw_target_spec){.current = true, .raw = true});
    lab_stage(l, "s1", add, 1, (lab_row[]){{"1", "a", "1", 10, false}}, 1);
    assert_ok(run(l, BW_FINAL_RAW_INSERT, "s1", 1, "r1", &r), l->err);
    assert_ok(run(l, BW_FINAL_MERGE, "s1", 1, "m1", &r), l->err);
    lab_row two[] = {{"1", "a", "1", 10, false}, {"1", "a2", "1", 11, false}};
    lab_stage(l, "s2", add, 1, two, 1);
    assert_ok(run(l, BW_FINAL_RAW_INSERT, "s2", 1, "r2", &r), l->err);
    assert_int_equal(r.rows, 0);
    lab_stage(l, "s3", add, 1, two, 2);
    assert_ok(run(l, BW_FINAL_RAW_INSERT, "s3", 1, "r3", &r), l->err);
    assert_int_equal(r.rows, 1);
    lab_expect_rows(l, "orders_raw", "_bw_op,_bw_key,_bw_version,_bw_event_time,_bw_score",
                    "upsert|{\"id\":1}|10000000|10000000|0.5\n"
                    "upsert|{\"id\":1}|11000000|11000000|0.5\n");
    lab_expect_rows(l, "orders", COLUMNS, "1|a|1|false\n");

    /* A replacement does not bring the raw columns into the target. */
    assert_ok(run(l, BW_FINAL_COPY, "s2", 1, "c1", &r), l->err);
    lab_expect_rows(l, "orders", COLUMNS, "1|a|1|false\n");
    json_t *t = lab_table(l, "orders");
    char *schema = json_dumps(t, JSON_COMPACT);
    assert_null(strstr(schema, "_bw_payload"));
    free(schema);
    json_decref(t);
}

static void test_replacement_keeps_what_is_not_rows(void **state)
{
    lab *l = *state;
    bw_job_result r;
    lab_prepare(l, (bw_target_spec){
                       .current = true, .description = "Orders", .partition_field = "updated_at"});
    merge(l, "s1", (lab_row[]){{"1", "a", "1", 10, false}, {"2", "b", "2", 20, false}}, 2);
    lab_stage(l, "s2", BW_ADD_CURRENT, 1, (lab_row[]){{"3", "c", "3", 30, false}}, 1);
    int booked = l->bookings;
    assert_ok(run(l, BW_FINAL_COPY, "s2", 1, "c1", &r), l->err);
    assert_int_equal(l->bookings, booked + 1);
    lab_expect_rows(l, "orders", COLUMNS, "3|c|3|false\n");
    bw_target_spec spec = l->spec;
    lab_prepare(l, spec);
    assert_int_equal(l->target.n_drift, 0);
    json_t *t = lab_table(l, "orders");
    assert_string_equal(json_string_value(json_object_get(t, "description")), "Orders");
    assert_non_null(json_object_get(t, "timePartitioning"));
    assert_null(json_object_get(t, "expirationTime"));
    json_decref(t);
}

static void test_duplicates_are_named(void **state)
{
    lab *l = *state;
    const char *twice = "x";
    lab_row rows[] = {
        {"1", "a", "1", 10, false}, {"22", "b", "2", 20, false}, {"22", "c", "2", 20, false}};
    lab_prepare(l, (bw_target_spec){.current = true});
    lab_stage(l, "s1", BW_ADD_CURRENT, 1, rows, 2);
    assert_ok(bw_destination_find_duplicate(l->d, &l->target, &lab_schema, lab_key, 1, "s1",
                                            &l->arena, &twice, &l->err),
              l->err);
    assert_null(twice);
    lab_stage(l, "s2", BW_ADD_CURRENT, 1, rows, 3);
    assert_ok(bw_destination_find_duplicate(l->d, &l->target, &lab_schema, lab_key, 1, "s2",
                                            &l->arena, &twice, &l->err),
              l->err);
    assert_string_equal(twice, "{\"id\":22}");
    static const size_t both[] = {LAB_ID, LAB_UPDATED};
    assert_ok(bw_destination_find_duplicate(l->d, &l->target, &lab_schema, both, 2, "s2", &l->arena,
                                            &twice, &l->err),
              l->err);
    assert_string_equal(twice, "{\"id\":22,\"updated_at\":\"1970-01-01 00:00:20+00\"}");
}

static void test_questions(void **state)
{
    lab *l = *state;
    const char *answer;
    lab_prepare(l, (bw_target_spec){.current = true});
    assert_ok(bw_destination_ask(l->d, &l->target, "SELECT MAX(updated_at) FROM `p.d.orders`",
                                 &l->arena, &answer, &l->err),
              l->err);
    assert_null(answer);
    merge(l, "s1", (lab_row[]){{"1", "a", "1", 10, false}}, 1);
    assert_ok(bw_destination_ask(l->d, &l->target,
                                 "SELECT CAST(MAX(updated_at) AS STRING) FROM `p.d.orders`",
                                 &l->arena, &answer, &l->err),
              l->err);
    assert_string_equal(answer, "1970-01-01 00:00:10+00");
    assert_int_equal(bw_destination_ask(l->d, &l->target, "SELECT nosuch FROM `p.d.orders`",
                                        &l->arena, &answer, &l->err),
                     BW_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(test_merge_goes_forward_only),
        LAB_TEST(test_deleted_rows_come_back),
        LAB_TEST(test_a_bare_delete_keeps_the_content),
        LAB_TEST(test_a_final_job_happens_once),
        LAB_TEST(test_answers_that_are_lost),
        LAB_TEST(test_failures_say_whether_to_try_again),
        LAB_TEST(test_the_budget_comes_first),
        LAB_TEST(test_identical_rows_without_a_key_each_land_once),
        LAB_TEST(test_raw_rows_are_history),
        LAB_TEST(test_replacement_keeps_what_is_not_rows),
        LAB_TEST(test_duplicates_are_named),
        LAB_TEST(test_questions),
    };
    return BW_RUN_TESTS(tests);
}
