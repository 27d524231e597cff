/* Backfills: slices, restarts between them, rows that move meanwhile. */
#include "tests/integration/sources/following.h"

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

/* 2,000 rows with time stamps of long ago, about 8 to a block. */
static void fill(const char *table)
{
    bw_pg_sqlf(cluster, "postgres",
               "INSERT INTO %s (id, updated_at, pad) SELECT g, '2020-01-01'::timestamptz + g * "
               "interval '1 minute', repeat('x', 900) FROM generate_series(1, 2000) g;"
               "ANALYZE %s",
               table, table);
}

static void make(const char *table)
{
    bw_pg_sqlf(cluster, "postgres",
               "CREATE TABLE %s (id int PRIMARY KEY, updated_at timestamptz NOT NULL, pad text) "
               "WITH (fillfactor = 100); CREATE INDEX ON %s (updated_at)",
               table, table);
    fill(table);
}

/* Which of the ids 1..n were never read. */
typedef struct tally {
    int times[4001];
    size_t batches;
    bw_buf labels;
} tally;

static void count_rows(tally *c, taken *t)
{
    const char *p = t->rows.ptr, *end = p + t->rows.len;
    while (t->rows.len && p < end) {
        long id = strtol(p, NULL, 10);
        assert_in_range(id, 1, 4000);
        c->times[id]++;
        p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
    }
    bw_buf_add(&c->labels, t->labels.ptr, t->labels.len);
    c->batches += t->batches;
    taken_free(t);
}

static void expect_all(const tally *c, int first, int last, bool once)
{
    for (int id = first; id <= last; id++) {
        if (c->times[id] < 1 || (once && c->times[id] != 1))
            fail_msg("row %d was read %d times", id, c->times[id]);
    }
}

static bool backfilling(const following *f)
{
    return !f->checkpoint || strstr(f->checkpoint, "\"backfill\":");
}

static void reads_slices_of_one_snapshot(void **state)
{
    (void)state;
    make("slices");
    following f = follow(cluster, "slices");
    f.spec.batch_rows = 300;
    tally c = {0};
    taken t = run(&f, 0);
    count_rows(&c, &t);
    expect_all(&c, 1, 2000, true);
    assert_int_equal(c.batches, 8); /* seven slices and a window */
    assert_non_null(strstr(bw_buf_cstr(&c.labels), "slice 1 of 7\n"));
    assert_non_null(strstr(c.labels.ptr, "slice 7 of 7\nwindow to "));
    bw_buf_fini(&c.labels);
    unfollow(&f);
}

/* Every row is moved between slices, without a trace in the cursor, and the run is restarted after
   each slice: from blocks that are still to be read into space that became free in those that have
   been. */
static void follows_rows_that_move(void **state)
{
    (void)state;
    make("moving");
    following f = follow(cluster, "moving");
    f.spec.batch_rows = 300;
    tally c = {0};
    int rounds = 0;
    for (; backfilling(&f); rounds++) {
        taken t = run(&f, rounds == 0 ? 1 : 2); /* what changed, and one more slice */
        count_rows(&c, &t);
        /* Space becomes free at the front, and rows of the end move into it. */
        bw_pg_sqlf(cluster, "postgres", "DELETE FROM moving WHERE id <= %d", (rounds + 1) * 250);
        bw_pg_sql(cluster, "postgres", "VACUUM moving");
        bw_pg_sql(cluster, "postgres", "UPDATE moving SET pad = repeat('y', 900) WHERE id > 1800");
        if (rounds > 40)
            fail_msg("no end: %s", f.checkpoint);
    }
    assert_true(rounds >= 4 && rounds < 7);
    expect_all(&c, rounds * 250 + 1, 2000, false);
    expect_all(&c, 1801, 2000, false);
    assert_non_null(strstr(bw_buf_cstr(&c.labels), "what changed in the slices before"));
    bw_buf_fini(&c.labels);
    unfollow(&f);
}

static void begins_again_when_the_file_changed(void **state)
{
    (void)state;
    make("rewritten");
    following f = follow(cluster, "rewritten");
    f.spec.batch_rows = 300;
    taken t = run(&f, 3);
    taken_free(&t);
    bw_pg_sql(cluster, "postgres", "CREATE INDEX r_desc ON rewritten (id DESC)");
    bw_pg_sql(cluster, "postgres", "CLUSTER rewritten USING r_desc");
    tally c = {0};
    t = run(&f, 0);
    count_rows(&c, &t);
    expect_all(&c, 1, 2000, true);
    assert_int_equal(strncmp(bw_buf_cstr(&c.labels), "slice 1 of", 10), 0);
    bw_buf_fini(&c.labels);
    unfollow(&f);
}

static void reads_partitions(void **state)
{
    (void)state;
    bw_pg_sql(
        cluster, "postgres",
        "CREATE TABLE parts (id int, pad text, updated_at timestamptz NOT NULL,"
        " PRIMARY KEY (id, updated_at)) PARTITION BY RANGE (id);"
        "CREATE INDEX ON parts (updated_at);"
        "CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (500);"
        "CREATE TABLE parts_b (updated_at timestamptz NOT NULL, id int NOT NULL, gone int,"
        " pad text); ALTER TABLE parts_b DROP COLUMN gone;"
        "ALTER TABLE parts ATTACH PARTITION parts_b FOR VALUES FROM (500) TO (501);"
        "CREATE TABLE parts_c PARTITION OF parts FOR VALUES FROM (501) TO (2001)"
        " PARTITION BY HASH (id);"
        "CREATE TABLE parts_c0 PARTITION OF parts_c FOR VALUES WITH (modulus 2, remainder 0);"
        "CREATE TABLE parts_c1 PARTITION OF parts_c FOR VALUES WITH (modulus 2, remainder 1)");
    fill("parts");
    following f = follow(cluster, "parts");
    f.spec.batch_rows = 300;
    tally c = {0};
    taken t = run(&f, 4);
    count_rows(&c, &t);
    /* A partition that comes meanwhile is read at the end. */
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE parts_d PARTITION OF parts FOR VALUES FROM (2001) TO (4000);"
              "INSERT INTO parts (id, updated_at) VALUES (2001, '2020-01-01')");
    t = run(&f, 0);
    count_rows(&c, &t);
    expect_all(&c, 1, 2001, true);
    assert_true(c.batches > 7);
    bw_buf_fini(&c.labels);
    unfollow(&f);
}

static void reads_inherited_tables(void **state)
{
    (void)state;
    make("parent");
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE child (extra int) INHERITS (parent);"
              "INSERT INTO child SELECT 2000 + g, '2020-01-01', repeat('x', 900), 1 FROM"
              " generate_series(1, 500) g; ANALYZE child");
    following f = follow(cluster, "parent");
    f.spec.batch_rows = 300;
    bw_table_info info = describe(f.o, &f.spec);
    assert_int_equal(info.n_warnings, 1);
    assert_non_null(strstr(info.warnings[0], "other tables inherit"));
    tally c = {0};
    taken t = run(&f, 0);
    count_rows(&c, &t);
    expect_all(&c, 1, 2500, true);
    bw_buf_fini(&c.labels);
    unfollow(&f);
}

/* Blocks cannot be read through a view: slices go by the key. */
static void reads_by_key_range(void **state)
{
    (void)state;
    make("base");
    bw_pg_sql(cluster, "postgres",
              "CREATE VIEW viewed AS SELECT to_char(id, 'FM0000') AS code, id, updated_at FROM "
              "base; UPDATE base SET id = id");
    following f = follow(cluster, "viewed");
    f.spec.columns = (const char *const[]){"id", "code", "updated_at"};
    f.spec.n_columns = 3;
    f.spec.key = (const char *const[]){"code"};
    f.spec.n_key = 1;
    f.spec.cursor = "updated_at";
    f.spec.batch_rows = 300;
    tally c = {0};
    bw_table_info info = describe(f.o, &f.spec);
    assert_string_equal(info.key_origin, "configured");
    bw_error err = BW_ERROR_INIT;
    for (int rounds = 0; backfilling(&f) && rounds < 40; rounds++) {
        taken t = {0};
        f.request.checkpoint = f.checkpoint;
        /* The first column is code, which is a number with zeros in front. */
        assert_ok(try_take(f.o, &f.spec, &info, &f.request, 2, &t, &err), err);
        free(f.checkpoint);
        f.checkpoint = bw_xstrdup(t.position);
        count_rows(&c, &t);
    }
    expect_all(&c, 1, 2000, true);
    assert_true(c.batches >= 7);
    bw_buf_fini(&c.labels);
    unfollow(&f);
}

static void reads_a_table_without_a_key_at_once(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE keyless (id int, updated_at timestamptz NOT NULL, pad text)");
    fill("keyless");
    following f = follow(cluster, "keyless");
    f.request.mode = BW_MODE_APPEND;
    f.spec.batch_rows = 300;
    taken t = run(&f, 1);
    assert_int_equal(t.n_rows, 2000);
    assert_true(t.plan.whole);
    assert_false(backfilling(&f));
    taken_free(&t);
    unfollow(&f);
}

static void survives_the_death_of_the_server(void **state)
{
    (void)state;
    make("crashed");
    following f = follow(cluster, "crashed");
    f.spec.batch_rows = 300;
    tally c = {0};
    taken t = run(&f, 3);
    count_rows(&c, &t);
    /* What was committed with synchronous_commit off must be there after the crash. */
    bw_pg_sql(cluster, "postgres", "CHECKPOINT");
    bw_error err = BW_ERROR_INIT;
    bw_table_info info = describe(f.o, &f.spec);
    taken none = {0};
    bw_pg_cluster_stop(cluster, true);
    assert_int_equal(try_take(f.o, &f.spec, &info, &f.request, 0, &none, &err), BW_UNAVAILABLE);
    assert_true(err.retryable);
    bw_pg_cluster_again(cluster);
    close_source(f.o);
    f.o = open_source_as(cluster, "postgres");
    t = run(&f, 0);
    count_rows(&c, &t);
    expect_all(&c, 1, 2000, true);
    bw_buf_fini(&c.labels);
    unfollow(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_slices_of_one_snapshot),
        cmocka_unit_test(follows_rows_that_move),
        cmocka_unit_test(begins_again_when_the_file_changed),
        cmocka_unit_test(reads_partitions),
        cmocka_unit_test(reads_inherited_tables),
        cmocka_unit_test(reads_by_key_range),
        cmocka_unit_test(reads_a_table_without_a_key_at_once),
        cmocka_unit_test(survives_the_death_of_the_server),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
