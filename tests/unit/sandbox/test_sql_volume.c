/* Covers bq_sql.h and bq_append with many rows: the counts and sums must be right; how long it takes
   is shown, not judged. BW_VOLUME=n sets the rows of the target (default 50,000). */
#include "tests/unit/sandbox/sql_fixture.h"

#include <stdio.h>

static int64_t volume(void)
{
    const char *text = getenv("BW_VOLUME");
    int64_t n = text ? strtoll(text, NULL, 10) : 0;
    return n > 0 ? n : 50000;
}

static void load(sql_fixture *f, const char *table, int64_t from, int64_t count, int64_t version)
{
    bq_append *a;
    bq_append_options options = {.write = BQ_WRITE_APPEND};
    bw_arena arena = BW_ARENA_INIT;
    char line[256];

    assert_int_equal(
        bq_append_begin(f->catalog, (bq_table_ref){"p", "d", table}, &options, &a, &f->err), BW_OK);
    for (int64_t i = from; i < from + count; i++) {
        bq_value row[5];
        int n = snprintf(line, sizeof(line),
                         "{\"id\":%lld,\"name\":\"customer number %lld\",\"amount\":\"%lld.25\","
                         "\"_bw_version\":%lld,\"_bw_hash\":\"%llx\"}",
                         (long long)i, (long long)i, (long long)i, (long long)version,
                         (unsigned long long)(i * 2654435761));
        bw_arena_reset(&arena, SIZE_MAX);
        assert_int_equal(bq_row_from_json(bq_append_schema(a), (bw_slice){line, (size_t)n},
                                          (bq_load_options){false}, &arena, row, &f->err),
                         BW_OK);
        assert_int_equal(bq_append_row(a, row, &f->err), BW_OK);
    }
    assert_int_equal(bq_append_commit(a, NULL, NULL, &f->err), BW_OK);
    bw_arena_fini(&arena);
}

static void timed(sql_fixture *f, const char *what, const char *text, const char *expected)
{
    bw_buf out = BW_BUF_INIT;
    int64_t start = bw_mono_us(bw_clock_system());

    sql_text_outcome(f, text, &out);
    print_message("%s: %.2f s\n", what,
                  (double)(bw_mono_us(bw_clock_system()) - start) / (double)BW_SECOND);
    assert_string_equal(bw_buf_cstr(&out), expected);
    bw_buf_fini(&out);
}

static void many_rows_merge(void **state)
{
    sql_fixture *f = *state;
    int64_t n = volume(), tenth = n / 10;
    char expected[200];

    sql_must(f, "CREATE TABLE d.t (id INT64 NOT NULL, name STRING, amount NUMERIC, _bw_version "
                "INT64, _bw_hash STRING)");
    sql_must(f, "CREATE TABLE d.stage (id INT64 NOT NULL, name STRING, amount NUMERIC, "
                "_bw_version INT64, _bw_hash STRING)");
    int64_t start = bw_mono_us(bw_clock_system());
    load(f, "t", 0, n, 1);
    print_message("load of %lld rows: %.2f s\n", (long long)n,
                  (double)(bw_mono_us(bw_clock_system()) - start) / (double)BW_SECOND);
    load(f, "stage", n - tenth / 2, tenth, 2);
    timed(f, "duplicates in staging",
          "SELECT id, COUNT(*) AS n FROM `p.d.stage` GROUP BY id "
          "HAVING COUNT(*) > 1 LIMIT 1",
          "id INT64, n INT64:");
    snprintf(expected, sizeof(expected), "inserted %lld updated %lld deleted 0",
             (long long)(tenth - tenth / 2), (long long)(tenth / 2));
    timed(f, "merge",
          "MERGE `p.d.t` T USING (SELECT * FROM `p.d.stage`) S ON T.`id` = S.`id` WHEN MATCHED AND "
          "(S.`_bw_version` > T.`_bw_version` OR (S.`_bw_version` = T.`_bw_version` AND "
          "S.`_bw_hash` != T.`_bw_hash`)) THEN UPDATE SET `name` = S.`name`, `amount` = S.`amount`,"
          " `_bw_version` = S.`_bw_version`, `_bw_hash` = S.`_bw_hash` WHEN NOT MATCHED THEN INSERT"
          " (`id`, `name`, `amount`, `_bw_version`, `_bw_hash`) VALUES (S.`id`, S.`name`, "
          "S.`amount`, S.`_bw_version`, S.`_bw_hash`)",
          expected);
    snprintf(expected, sizeof(expected), "n INT64, v INT64: %lld,%lld",
             (long long)(n + tenth - tenth / 2), (long long)(n + tenth + tenth - tenth / 2));
    timed(f, "sum", "SELECT COUNT(*) AS n, SUM(_bw_version) AS v FROM t",
          expected[0] ? expected : "");
    bq_table t;
    assert_int_equal(bq_table_get(f->catalog, (bq_table_ref){"p", "d", "t"}, &t, &f->err), BW_OK);
    assert_int_equal(t.rows, n + tenth - tenth / 2);
    bq_table_fini(&t);
}

static void many_rows_append_once(void **state)
{
    sql_fixture *f = *state;
    int64_t n = volume(), tenth = n / 10;
    char expected[200];

    sql_must(f, "CREATE TABLE d.raw (id INT64, name STRING, amount NUMERIC, _bw_version INT64, "
                "_bw_hash STRING)");
    sql_must(f, "CREATE TABLE d.stage (id INT64, name STRING, amount NUMERIC, _bw_version INT64, "
                "_bw_hash STRING)");
    load(f, "raw", 0, n, 1);
    load(f, "stage", n - tenth / 2, tenth, 1);
    snprintf(expected, sizeof(expected), "inserted %lld updated 0 deleted 0",
             (long long)(tenth - tenth / 2));
    timed(
        f, "anti-join insert",
        "INSERT INTO `p.d.raw` (`id`, `name`, `amount`, `_bw_version`, `_bw_hash`) SELECT S.`id`, "
        "S.`name`, S.`amount`, S.`_bw_version`, S.`_bw_hash` FROM `p.d.stage` S WHERE NOT EXISTS "
        "(SELECT 1 FROM `p.d.raw` R WHERE R.`_bw_hash` = S.`_bw_hash` AND R.`_bw_version` BETWEEN "
        "1 AND 5)",
        expected);
    timed(f, "update", "UPDATE raw SET name = UPPER(name) WHERE id < 1000",
          "inserted 0 updated 1000 deleted 0");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, sql_setup, sql_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(many_rows_merge),
        WITH(many_rows_append_once),
    };
    return BW_RUN_TESTS(tests);
}
