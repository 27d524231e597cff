/* Covers bq_sql.h's request: parameters, dry run, limits, destinations, cancel, the commit hook,
   other projects, threads. */
#include "tests/unit/sandbox/sql_fixture.h"

#include <pthread.h>
#include <stdio.h>

#define WITH(test) cmocka_unit_test_setup_teardown(test, sql_setup, sql_teardown)

static bq_sql_request request_of(const char *text)
{
    return (bq_sql_request){.project = "p", .default_dataset = "d", .text = bw_slice_cstr(text)};
}

static void gives(sql_fixture *f, const bq_sql_request *request, const char *expected)
{
    bw_buf out = BW_BUF_INIT;

    sql_outcome(f, request, &out);
    assert_string_equal(bw_buf_cstr(&out), expected);
    bw_buf_fini(&out);
}

static bq_sql_param param(bw_arena *arena, const char *name, const char *type, const char *value)
{
    bq_sql_param p = {.name = name};
    bq_schema schema;
    bq_error err = BQ_ERROR_INIT;
    char *json = bw_arena_printf(arena, "[{\"name\":\"x\",%s}]", type);

    assert_int_equal(bq_schema_parse(arena, bw_slice_cstr(json), &schema, &err), BW_OK);
    p.type = schema.fields[0];
    assert_int_equal(bq_value_from_json(&p.type, bw_slice_cstr(value), (bq_load_options){false},
                                        arena, &p.value, &err),
                     BW_OK);
    return p;
}

static void parameters_have_types(void **state)
{
    sql_fixture *f = *state;
    bw_arena arena = BW_ARENA_INIT;
    bq_sql_param named[] = {
        param(&arena, "n", "\"type\":\"INT64\"", "5"),
        param(&arena, "s", "\"type\":\"STRING\"", "\"2024-01-02\""),
        param(&arena, "ids", "\"type\":\"INT64\",\"mode\":\"REPEATED\"", "[1,5]"),
        param(&arena, "amount", "\"type\":\"NUMERIC\"", "\"1.25\""),
        param(&arena, "row",
              "\"type\":\"RECORD\",\"fields\":[{\"name\":\"a\",\"type\":\"STRING\"}]",
              "{\"a\":\"in\"}"),
        param(&arena, "nothing", "\"type\":\"STRING\"", "null"),
    };
    bq_sql_request r = request_of("SELECT @n + 1 AS a, @S AS s, @n IN UNNEST(@ids) AS b, @amount * "
                                  "2 AS c, @row.a AS d, @nothing IS NULL AS e, DATE '2024-01-02' = "
                                  "@s AS g");
    r.params = named;
    r.param_count = BW_COUNT(named);
    gives(f, &r,
          "a INT64, s STRING, b BOOL, c NUMERIC, d STRING, e BOOL, g BOOL: "
          "6,2024-01-02,true,2.5,in,true,true");
    r.text = bw_slice_cstr("SELECT x FROM UNNEST(@ids) AS x WHERE x < @n LIMIT @n");
    gives(f, &r, "x INT64: 1");
    r.text = bw_slice_cstr("SELECT @nope");
    gives(f, &r, "! invalidQuery: Query parameter 'nope' not found at [1:8]");
    bq_sql_param positional[] = {
        param(&arena, NULL, "\"type\":\"INT64\"", "7"),
        param(&arena, NULL, "\"type\":\"STRING\"", "\"x\""),
    };
    r.text = bw_slice_cstr("SELECT ? AS a, CONCAT(?, '!') AS b");
    r.params = positional;
    r.param_count = 2;
    gives(f, &r, "a INT64, b STRING: 7,x!");
    r.text = bw_slice_cstr("SELECT ?, ?, ?");
    gives(f, &r, "! invalidQuery: Query parameter number 3 is not defined at [1:14]");
    bw_arena_fini(&arena);
}

static void parameters_reach_dml(void **state)
{
    sql_fixture *f = *state;
    bw_arena arena = BW_ARENA_INIT;
    bq_sql_param params[] = {param(&arena, "id", "\"type\":\"INT64\"", "3"),
                             param(&arena, "s", "\"type\":\"STRING\"", "\"p\"")};

    sql_must(f, "CREATE TABLE d.t (id INT64, s STRING)");
    bq_sql_request r = request_of("INSERT INTO t VALUES (@id, @s)");
    r.params = params;
    r.param_count = 2;
    gives(f, &r, "inserted 1 updated 0 deleted 0");
    r.text = bw_slice_cstr("MERGE t USING (SELECT @id AS id) S ON t.id = S.id AND t.s = @s WHEN "
                           "MATCHED THEN UPDATE SET s = CONCAT(@s, '2')");
    gives(f, &r, "inserted 0 updated 1 deleted 0");
    r.text = bw_slice_cstr("CREATE TABLE d.made AS SELECT @id AS id, s FROM t");
    gives(f, &r, "CREATE");
    r.text = bw_slice_cstr("DELETE FROM made WHERE id = @id AND s = 'p2'");
    gives(f, &r, "inserted 0 updated 0 deleted 1");
    bw_arena_fini(&arena);
}

static void a_dry_run_changes_nothing(void **state)
{
    sql_fixture *f = *state;
    bq_sql_result result;
    static const char *const statements[] = {
        "INSERT INTO t VALUES (2, 'b')",
        "UPDATE t SET s = 'x' WHERE TRUE",
        "DELETE FROM t WHERE TRUE",
        "TRUNCATE TABLE t",
        "DROP TABLE t",
        "CREATE TABLE d.other AS SELECT 1 AS x",
        "ALTER TABLE t ADD COLUMN x INT64",
        "ALTER TABLE t DROP COLUMN s",
        "MERGE t USING (SELECT 1 AS id) S ON t.id = S.id WHEN MATCHED THEN DELETE",
    };

    sql_must(f, "CREATE TABLE d.t (id INT64, s STRING)");
    sql_must(f, "INSERT INTO t VALUES (1, 'abcd'), (2, NULL)");
    bq_sql_request r = request_of("SELECT id, s FROM t");
    r.dry_run = true;
    gives(f, &r, "id INT64, s STRING:");
    assert_int_equal(bq_sql_run(f->catalog, &r, NULL, NULL, &result, &f->err), BW_OK);
    assert_int_equal(result.bytes_processed, 2 * 8 + 6);
    assert_int_equal(result.referenced_count, 1);
    assert_string_equal(result.referenced[0].table, "t");
    assert_null(result.destination.table);
    bq_sql_result_fini(&result);
    r.text = bw_slice_cstr("SELECT COUNT(*) FROM t WHERE id > 0");
    assert_int_equal(bq_sql_run(f->catalog, &r, NULL, NULL, &result, &f->err), BW_OK);
    assert_int_equal(result.bytes_processed, 2 * 8);
    bq_sql_result_fini(&result);
    for (size_t i = 0; i < BW_COUNT(statements); i++) {
        r.text = bw_slice_cstr(statements[i]);
        assert_int_equal(bq_sql_run(f->catalog, &r, NULL, NULL, &result, &f->err), BW_OK);
        bq_sql_result_fini(&result);
    }
    r = request_of("SELECT * FROM t ORDER BY id");
    gives(f, &r, "id INT64, s STRING: 1,abcd; 2,null");
    r = request_of("SELECT x FROM t");
    r.dry_run = true;
    gives(f, &r, "! invalidQuery: Unrecognized name: x at [1:8]");
}

static void bytes_are_limited(void **state)
{
    sql_fixture *f = *state;

    sql_must(f, "CREATE TABLE d.t AS SELECT x FROM UNNEST(GENERATE_ARRAY(1, 100)) AS x");
    bq_sql_request r = request_of("SELECT SUM(x) FROM t");
    r.maximum_bytes_billed = 10485760;
    gives(f, &r, "f0_ INT64: 5050");
    r.maximum_bytes_billed = 1000;
    gives(f, &r,
          "! bytesBilledLimitExceeded: Query exceeded limit for bytes billed: 1000. 10485760 or "
          "higher required.");
    r.text = bw_slice_cstr("SELECT COUNT(*) FROM t");
    gives(f, &r, "f0_ INT64: 100");
}

static void results_go_where_they_are_sent(void **state)
{
    sql_fixture *f = *state;
    bq_table_ref to = {"p", "d", "out"};
    bq_table t;
    bq_sql_request r = request_of("SELECT 1 AS a, ['x'] AS b");

    r.destination = &to;
    r.write = BQ_WRITE_EMPTY;
    gives(f, &r, "! notFound: Not found: Table p:d.out");
    r.create = true;
    gives(f, &r, "a INT64, b ARRAY<STRING>: 1,[{\"v\":\"x\"}]");
    gives(f, &r, "! duplicate: Already Exists: Table p:d.out");
    r.write = BQ_WRITE_APPEND;
    r.text = bw_slice_cstr("SELECT 2 AS a, ARRAY<STRING>[] AS b");
    gives(f, &r, "a INT64, b ARRAY<STRING>: 1,[{\"v\":\"x\"}]; 2,[]");
    r.text = bw_slice_cstr("SELECT 'x' AS a");
    gives(f, &r,
          "! invalid: Provided Schema does not match Table p:d.out. Field a has changed type from "
          "INTEGER to STRING");
    r.write = BQ_WRITE_TRUNCATE;
    gives(f, &r, "a STRING: x");
    assert_int_equal(bq_table_get(f->catalog, to, &t, &f->err), BW_OK);
    assert_int_equal(t.rows, 1);
    assert_int_equal(t.bytes, 3);
    bq_table_fini(&t);
    r.text = bw_slice_cstr("DELETE FROM d.out WHERE TRUE");
    gives(f, &r,
          "! invalidQuery: Cannot set destination table in jobs with DML or DDL statements at "
          "[1:1]");
}

static void anonymous_results_expire(void **state)
{
    sql_fixture *f = *state;
    bq_sql_result result;
    bq_table t;
    bq_sql_request r = request_of("SELECT 1 AS a");

    assert_int_equal(bq_sql_run(f->catalog, &r, NULL, NULL, &result, &f->err), BW_OK);
    assert_string_equal(result.statement_type, "SELECT");
    assert_int_equal(result.total_rows, 1);
    assert_int_equal(bq_table_get(f->catalog, result.destination, &t, &f->err), BW_OK);
    assert_int_equal(t.expires_us, INT64_C(1700000000000000) + 24 * BW_HOUR);
    bq_table_fini(&t);
    bq_sql_result_fini(&result);
    /* The hidden dataset is no dataset of the user's. */
    r = request_of("SELECT table_name FROM d.INFORMATION_SCHEMA.TABLES");
    gives(f, &r, "table_name STRING:");
}

static void projects_do_not_see_each_other(void **state)
{
    sql_fixture *f = *state;
    bq_dataset d = {.project = "other-project", .id = "d"};

    sql_must(f, "CREATE TABLE d.t AS SELECT 1 AS x");
    assert_int_equal(bq_dataset_create(f->catalog, &d, NULL, &f->err), BW_OK);
    bq_sql_request r = request_of("SELECT x FROM d.t");
    r.project = "other-project";
    gives(f, &r, "! notFound: Not found: Table other-project:d.t was not found in location US");
    r.text = bw_slice_cstr("CREATE TABLE other-project.d.t AS SELECT 2 AS x");
    gives(f, &r, "CREATE");
    r.text = bw_slice_cstr("SELECT x FROM other-project.d.t");
    gives(f, &r, "x INT64: 2");
    r.default_dataset = NULL;
    r.text = bw_slice_cstr("SELECT x FROM t");
    gives(f, &r,
          "! invalidQuery: Table \"t\" must be qualified with a dataset (e.g. dataset.table) at "
          "[1:15]");
    r.location = "EU";
    r.text = bw_slice_cstr("SELECT x FROM d.nope");
    gives(f, &r, "! notFound: Not found: Table other-project:d.nope was not found in location EU");
}

static bw_status refuse(void *user, bq_catalog *catalog, const bq_sql_result *result, bq_error *err)
{
    bq_job_record job = {"p", "US", "j", 1, "{}"};

    assert_int_equal(result->inserted, *(int *)user);
    assert_int_equal(bq_job_put_locked(catalog, &job, err), BW_OK);
    return bq_error_set(err, "backendError", NULL, "the hook says no");
}

static void the_hook_can_undo(void **state)
{
    sql_fixture *f = *state;
    bq_sql_result result;
    int expected = 1;
    char *json;

    sql_must(f, "CREATE TABLE d.t (x INT64)");
    bq_sql_request r = request_of("INSERT INTO t VALUES (1)");
    assert_int_equal(bq_sql_run(f->catalog, &r, refuse, &expected, &result, &f->err),
                     BW_UNAVAILABLE);
    assert_string_equal(f->err.message, "the hook says no");
    assert_int_equal(bq_job_get(f->catalog, "p", NULL, "j", &json, &f->err), BW_NOT_FOUND);
    r = request_of("SELECT COUNT(*) FROM t");
    gives(f, &r, "f0_ INT64: 0");
}

static void a_failed_statement_leaves_nothing(void **state)
{
    sql_fixture *f = *state;
    bq_sql_request r;

    sql_must(f, "CREATE TABLE d.t (x INT64 NOT NULL)");
    sql_must(f, "INSERT INTO t VALUES (1), (2)");
    r = request_of("INSERT INTO t SELECT DIV(10, x - 2) FROM t ORDER BY x");
    gives(f, &r, "! invalidQuery: division by zero: DIV(10, 0)");
    r = request_of("UPDATE t SET x = DIV(4, x - 2) WHERE TRUE");
    gives(f, &r, "! invalidQuery: division by zero: DIV(4, 0)");
    r = request_of("CREATE OR REPLACE TABLE d.t AS SELECT ERROR('stop') AS x");
    gives(f, &r, "! invalidQuery: stop");
    r = request_of("SELECT x FROM t ORDER BY x");
    gives(f, &r, "x INT64: 1; 2");
}

/* ---- Cancel and threads ------------------------------------------------------------------------ */

static void *raise_soon(void *user)
{
    bw_cancel_raise(user);
    return NULL;
}

static void a_long_query_can_be_cancelled(void **state)
{
    sql_fixture *f = *state;
    bw_cancel cancel;
    pthread_t thread;
    bq_sql_request r = request_of("SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 100000)) a, "
                                  "UNNEST(GENERATE_ARRAY(1, 100000)) b WHERE a + b = 0");

    bw_cancel_init(&cancel);
    r.cancel = &cancel;
    assert_int_equal(pthread_create(&thread, NULL, raise_soon, &cancel), 0);
    gives(f, &r, "! stopped: Job execution was cancelled: User requested cancellation");
    pthread_join(thread, NULL);
    bw_cancel_fini(&cancel);
    r = request_of("SELECT 1 AS still_works");
    gives(f, &r, "still_works INT64: 1");
}

typedef struct worker {
    sql_fixture *f;
    int id;
    int refused;
} worker;

static void *count_up(void *user)
{
    worker *w = user;
    bq_error err;
    bq_sql_result result;

    for (int i = 0; i < 25; i++) {
        bq_sql_request r = request_of("UPDATE t SET n = n + 1 WHERE TRUE");
        if (bq_sql_run(w->f->catalog, &r, NULL, NULL, &result, &err) == BW_OK)
            bq_sql_result_fini(&result);
        else
            w->refused++;
        r = request_of("SELECT n FROM t");
        if (bq_sql_run(w->f->catalog, &r, NULL, NULL, &result, &err) == BW_OK)
            bq_sql_result_fini(&result);
        else
            w->refused++;
    }
    return NULL;
}

static void statements_on_one_table_take_turns(void **state)
{
    sql_fixture *f = *state;
    pthread_t threads[4];
    worker workers[4];

    sql_must(f, "CREATE TABLE d.t AS SELECT 0 AS n");
    for (int i = 0; i < 4; i++) {
        workers[i] = (worker){f, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].refused, 0);
    }
    bq_sql_request r = request_of("SELECT n FROM t");
    gives(f, &r, "n INT64: 100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(parameters_have_types),
        WITH(parameters_reach_dml),
        WITH(a_dry_run_changes_nothing),
        WITH(bytes_are_limited),
        WITH(results_go_where_they_are_sent),
        WITH(anonymous_results_expire),
        WITH(projects_do_not_see_each_other),
        WITH(the_hook_can_undo),
        WITH(a_failed_statement_leaves_nothing),
        WITH(a_long_query_can_be_cancelled),
        WITH(statements_on_one_table_take_turns),
    };
    return BW_RUN_TESTS(tests);
}
