/* Reading tables of a real server: describe, full reads, windows, backfills. */
#include "tests/integration/sources/reading.h"

static bw_pg_cluster *cluster;

static int start(void **state)
{
    (void)state;
    cluster = bw_pg_cluster_start(NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    bw_pg_cluster_free(cluster);
    return 0;
}

static void reads_whole_table(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE plain (id int PRIMARY KEY, name text, n numeric(8,2), ok bool);"
              "INSERT INTO plain VALUES (1, 'a', 1.50, true), (2, NULL, NULL, NULL),"
              " (3, E'tab\\there\\\\ \\n', -0.10, false)");
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("plain");
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    taken t = read_table(o, &spec, &request);
    assert_string_equal(bw_buf_cstr(&t.rows),
                        "1|a|1.5|true\n2|~|~|~\n3|tab\there\\ \n|-0.1|false\n");
    assert_true(t.plan.whole);
    assert_non_null(strstr(t.position, "\"to\":\"2"));
    taken_free(&t);
    close_source(o);
}

static void reads_windows(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE w (id int PRIMARY KEY, updated_at timestamptz NOT NULL);"
              "CREATE INDEX ON w (updated_at);"
              "INSERT INTO w SELECT g, now() - g * interval '1 hour' FROM generate_series(1,5) g;");
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("public.w");
    bw_table_info info = describe(o, &spec);
    assert_int_equal(info.cursor, 1);
    assert_string_equal(info.cursor_origin, "found by name");
    assert_string_equal(info.key_origin, "primary key");
    bw_read_request request = {.kind = BW_READ_INCREMENTAL, .mode = BW_MODE_UPSERT};
    taken t = read_table(o, &spec, &request);
    assert_int_equal(t.n_rows, 5);
    assert_int_equal(t.batches, 2);

    bw_pg_sql(cluster, "postgres", "INSERT INTO w VALUES (6, now())");
    request.checkpoint = t.position;
    taken u = read_table(o, &spec, &request);
    assert_int_equal(u.n_rows, 1);
    assert_int_equal(u.batches, 1);
    taken_free(&t);
    taken_free(&u);
    close_source(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_whole_table),
        cmocka_unit_test(reads_windows),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
