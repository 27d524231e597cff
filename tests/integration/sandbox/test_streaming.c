/* The streaming buffer and the quota of jobs per table. */
#include "tests/integration/sandbox/fixture.h"

#include <string.h>

#include "backend/core/cancel.h"
#include "backend/core/clock.h"

#define FIELDS "[{\"name\":\"id\",\"type\":\"INT64\"},{\"name\":\"n\",\"type\":\"STRING\"}]"

static void stream(fixture *f, const char *table, int id)
{
    char *path = bw_xasprintf("/bigquery/v2/projects/p/datasets/d/tables/%s/insertAll", table);
    assert_int_equal(bw_test_http_json(f->http, "POST", path,
                                       "{\"rows\":[{\"json\":{\"id\":%d,\"n\":\"s\"}}]}", id),
                     200);
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "insertErrors"));
    free(path);
}

static void assert_buffered(fixture *f, const char *sql)
{
    if (bw_test_bq_try_query(f->bq, sql) != 400)
        fail_msg("%s: %s", sql, bw_test_http_body(f->http));
    assert_non_null(strstr(bw_test_json_at(bw_test_http_body(f->http), "error.message"),
                           "statement over table p.d.t would affect rows in the streaming "
                           "buffer, which is not supported"));
    assert_body_at(f, "error.errors.0.reason", "invalidQuery");
}

static void run(fixture *f, const char *sql)
{
    if (bw_test_bq_try_query(f->bq, sql) != 200)
        fail_msg("%s: %s", sql, bw_test_http_body(f->http));
}

static void dml_leaves_the_buffer_alone(void **state)
{
    fixture *f = *state;
    bw_test_bq_table(f->bq, "t", FIELDS, NULL);
    free(bw_test_bq_load(f->bq, "t", NULL, "{\"id\":1,\"n\":\"l\"}\n{\"id\":2,\"n\":\"l\"}\n"));
    stream(f, "t", 10);
    stream(f, "t", 11);
    assert_int_equal(bw_test_http_get(f->http, "/bigquery/v2/projects/p/datasets/d/tables/t"), 200);
    assert_body_at(f, "numRows", "2");
    assert_body_at(f, "streamingBuffer.estimatedRows", "2");
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "streamingBuffer.oldestEntryTime"));
    /* They are read, but not changed. */
    char *rows = bw_test_bq_query(f->bq, "SELECT count(*) FROM d.t");
    assert_string_equal(rows, "4\n");
    free(rows);
    assert_buffered(f, "UPDATE d.t SET n = 'x' WHERE true");
    assert_buffered(f, "UPDATE d.t SET n = 'x' WHERE id = 11");
    assert_buffered(f, "DELETE FROM d.t WHERE id >= 10");
    assert_buffered(f, "TRUNCATE TABLE d.t");
    assert_buffered(f, "MERGE d.t USING (SELECT 10 AS k) s ON id = s.k "
                       "WHEN MATCHED THEN UPDATE SET n = 'x'");
    assert_buffered(f, "MERGE d.t USING (SELECT 1 AS k) s ON id = s.k "
                       "WHEN NOT MATCHED BY SOURCE THEN DELETE");
    /* What does not touch them goes through. */
    run(f, "UPDATE d.t SET n = 'u' WHERE id = 1");
    run(f, "DELETE FROM d.t WHERE id = 2");
    run(f, "DELETE FROM d.t WHERE id = 99");
    run(f, "INSERT INTO d.t VALUES (3, 'i')");
    run(f, "MERGE d.t USING (SELECT 3 AS k UNION ALL SELECT 4) s ON id = s.k "
           "WHEN MATCHED THEN UPDATE SET n = 'm' WHEN NOT MATCHED THEN INSERT VALUES (k, 'm')");
    rows = bw_test_bq_query(f->bq, "SELECT id, n FROM d.t ORDER BY id");
    assert_string_equal(rows, "1|u\n3|m\n4|m\n10|s\n11|s\n");
    free(rows);
    assert_int_equal(bw_test_http_json(f->http, "POST", "/sandbox/streaming-buffer/flush", NULL),
                     200);
    run(f, "UPDATE d.t SET n = 'x' WHERE id = 11");
    stream(f, "t", 12);
    assert_buffered(f, "DELETE FROM d.t WHERE id = 12");
    run(f, "DELETE FROM d.t WHERE id = 11");
    /* Replaced rows have never been streamed. */
    free(bw_test_bq_load(f->bq, "t", ",\"writeDisposition\":\"WRITE_TRUNCATE\"",
                         "{\"id\":12,\"n\":\"l\"}\n"));
    run(f, "DELETE FROM d.t WHERE id = 12");
    assert_int_equal(bw_test_http_get(f->http, "/bigquery/v2/projects/p/datasets/d/tables/t"), 200);
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "streamingBuffer"));
}

static fixture other(bool persistent, const char *const *args)
{
    fixture f = {.sandbox = bw_test_sandbox_start(persistent, args)};
    f.bq = bw_test_bq_new(bw_test_sandbox_url(f.sandbox), "p", "d");
    f.http = bw_test_bq_http(f.bq);
    return f;
}

static void end(fixture *f)
{
    bw_test_bq_free(f->bq);
    bw_test_sandbox_stop(f->sandbox);
    bw_test_sandbox_free(f->sandbox);
}

static void rows_leave_the_buffer_in_time(void **state)
{
    (void)state;
    static const char *const args[] = {"--streaming-buffer", "700ms", NULL};
    const bw_clock *clock = bw_clock_system();
    fixture f = other(true, args);
    bw_test_bq_table(f.bq, "t", FIELDS, NULL);
    int64_t before = bw_mono_us(clock);
    stream(&f, "t", 1);
    bw_test_sandbox_kill(f.sandbox);
    bw_test_sandbox_restart(f.sandbox);
    while (bw_test_bq_try_query(f.bq, "DELETE FROM d.t WHERE true") != 200) {
        bw_error err = BW_ERROR_INIT;
        assert_true(bw_mono_us(clock) < before + 20 * BW_SECOND);
        assert_ok(bw_wait_until(NULL, clock, bw_mono_us(clock) + 20000, &err), err);
    }
    assert_true(bw_mono_us(clock) - before >= 700000);
    end(&f);
}

static void without_a_buffer_all_may_change(void **state)
{
    (void)state;
    static const char *const args[] = {"--streaming-buffer=0s", NULL};
    fixture f = other(false, args);
    bw_test_bq_table(f.bq, "t", FIELDS, NULL);
    stream(&f, "t", 1);
    run(&f, "DELETE FROM d.t WHERE true");
    end(&f);
}

static void a_table_takes_so_many_jobs(void **state)
{
    (void)state;
    static const char *const args[] = {"--table-quota", "2/1h", NULL};
    fixture f = other(false, args);
    bw_test_bq_table(f.bq, "t", FIELDS, NULL);
    for (int i = 0; i < 2; i++) {
        char *job = bw_test_bq_load(f.bq, "t", NULL, "{\"id\":1}\n");
        assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "");
        free(job);
    }
    char *job = bw_test_bq_load(f.bq, "t", NULL, "{\"id\":1}\n");
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "quotaExceeded");
    free(job);
    /* Neither DML nor streaming nor another table is meant. */
    run(&f, "INSERT INTO d.t VALUES (2, 'x')");
    stream(&f, "t", 3);
    job = bw_test_bq_load(f.bq, "u", ",\"schema\":{\"fields\":" FIELDS "}", "{\"id\":1}\n");
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "");
    free(job);
    char *rows = bw_test_bq_query(f.bq, "SELECT count(*) FROM d.t");
    assert_string_equal(rows, "4\n");
    free(rows);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dml_leaves_the_buffer_alone),
        cmocka_unit_test(rows_leave_the_buffer_in_time),
        cmocka_unit_test(without_a_buffer_all_may_change),
        cmocka_unit_test(a_table_takes_so_many_jobs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
