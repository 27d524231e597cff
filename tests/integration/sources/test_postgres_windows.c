/*
 * Incremental reading: every row that commits is read by some window, however late it commits. The
 * lookback is zero where a test shows that something else than the lookback helps.
 */
#include "backend/core/units.h"
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

static following begin(const char *table, const char *type)
{
    bw_pg_sqlf(cluster, "postgres",
               "CREATE TABLE %s (id int PRIMARY KEY, updated_at %s NOT NULL DEFAULT now());"
               "CREATE INDEX ON %s (updated_at); INSERT INTO %s VALUES (1)",
               table, type, table, table);
    following f = follow(cluster, table);
    f.spec.lookback_us = 0;
    return f;
}

/* ---- transactions that commit late ---- */

static void sees_what_commits_late(void **state)
{
    (void)state;
    following f = begin("late", "timestamptz");
    expect_ids(&f, "1"); /* backfill, and a window in which nothing is new */
    bw_pg_session *writer = bw_pg_session_open(cluster, "postgres");
    bw_pg_session_sql(writer, "BEGIN; INSERT INTO late VALUES (2)");
    bw_pg_sql(cluster, "postgres", "INSERT INTO late VALUES (3)");
    expect_ids(&f, "3");
    bw_pg_session_sql(writer, "COMMIT");
    /* 3 again, because the window went back to where the writer began. */
    expect_ids(&f, "2,3");
    expect_ids(&f, "");
    bw_pg_session_close(writer);
    unfollow(&f);
}

static void sees_the_writes_of_who_only_read_before(void **state)
{
    (void)state;
    following f = begin("reader_first", "timestamptz");
    expect_ids(&f, "1");
    bw_pg_session *writer = bw_pg_session_open(cluster, "postgres");
    /* No transaction id yet: only its start shows that it may write into the past. */
    bw_pg_session_sql(writer, "BEGIN; SELECT 1");
    expect_ids(&f, "");
    bw_pg_session_sql(writer, "INSERT INTO reader_first VALUES (2); COMMIT");
    expect_ids(&f, "2");
    bw_pg_session_close(writer);
    unfollow(&f);
}

static void sees_what_a_backfill_could_not(void **state)
{
    (void)state;
    following f = begin("during", "timestamptz");
    bw_pg_session *writer = bw_pg_session_open(cluster, "postgres");
    bw_pg_session_sql(writer, "BEGIN; INSERT INTO during VALUES (2)");
    taken t = run(&f, 1); /* the backfill alone */
    assert_string_equal(ids(&t), "1");
    taken_free(&t);
    bw_pg_session_sql(writer, "COMMIT");
    expect_ids(&f, "2");
    bw_pg_session_close(writer);
    unfollow(&f);
}

/* Between the backfill and the first window of one run: what commits then, begun before or not, is
   all that the window reads of the minute that both cover. */
static taken backfill_and_window(following *f, const char *between, bw_pg_session *writer)
{
    bw_error err = BW_ERROR_INIT;
    bw_reader *reader;
    bool more;
    taken t = {0};
    bw_table_info info = describe(f->o, &f->spec);
    assert_ok(f->o->class->reader_open(f->o->source, &f->spec, &info, &f->request, &reader, &err),
              err);
    assert_ok(f->o->class->reader_next(reader, &more, &t.plan, &err), err);
    assert_ok(take_batch(f->o, reader, info.schema.count, &t, &err), err);
    assert_string_equal(ids(&t), "1,2,3");
    bw_buf_clear(&t.rows);
    bw_pg_sql(cluster, "postgres", between);
    if (writer)
        bw_pg_session_sql(writer, "COMMIT");
    assert_ok(f->o->class->reader_next(reader, &more, &t.plan, &err), err);
    assert_true(more);
    assert_ok(take_batch(f->o, reader, info.schema.count, &t, &err), err);
    assert_ok(f->o->class->reader_next(reader, &more, &t.plan, &err), err);
    assert_false(more);
    f->o->class->reader_close(reader);
    return t;
}

static void reads_what_the_backfill_has_read_only_once(void **state)
{
    (void)state;
    bw_pg_sql(
        cluster, "postgres",
        "CREATE TABLE fresh (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now(),"
        " word text); INSERT INTO fresh VALUES (1), (2), (3)");
    following f = follow(cluster, "fresh");
    bw_pg_session *writer = bw_pg_session_open(cluster, "postgres");
    bw_pg_session_sql(writer, "BEGIN; INSERT INTO fresh VALUES (4)"); /* commits late */
    taken t = backfill_and_window(&f,
                                  "INSERT INTO fresh VALUES (5);"
                                  "UPDATE fresh SET word = 'x' WHERE id = 2", /* the same time */
                                  writer);
    assert_string_equal(ids(&t), "2,4,5");
    assert_non_null(t.position);
    f.checkpoint = t.position;
    t.position = NULL;
    taken_free(&t);
    expect_ids(&f, "1,2,3,4,5"); /* the lookback of a run of its own */
    bw_pg_session_close(writer);
    unfollow(&f);
}

/* What is attached or exchanged after the backfill was planned brings rows that are older than its
   snapshot, and that it has not read. */
static void reads_what_joins_the_table_during_a_backfill(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE parted (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT "
              "now()) PARTITION BY RANGE (id);"
              "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (4);"
              "INSERT INTO parted VALUES (1), (2), (3);"
              "CREATE TABLE parted_2 (LIKE parted INCLUDING ALL);"
              "INSERT INTO parted_2 VALUES (4), (5)");
    following f = follow(cluster, "parted");
    taken t = backfill_and_window(
        &f, "ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (4) TO (9)", NULL);
    assert_string_equal(ids(&t), "4,5");
    taken_free(&t);
    unfollow(&f);
}

/* Rows of other servers have versions that are numbers of those. */
static void reads_again_what_may_be_distributed(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "SET allow_system_table_mods = on;"
              "CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass)");
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE spread (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT "
              "now()); INSERT INTO spread VALUES (1), (2), (3)");
    following f = follow(cluster, "spread");
    taken t = backfill_and_window(&f, "INSERT INTO spread VALUES (4)", NULL);
    bw_pg_sql(cluster, "postgres",
              "SET allow_system_table_mods = on; DROP TABLE pg_catalog.pg_dist_partition");
    assert_string_equal(ids(&t), "1,2,3,4");
    taken_free(&t);
    unfollow(&f);
}

/* Another access method's rows need not have a version that tells when they came. */
static void reads_again_what_is_not_a_heap(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE ACCESS METHOD stranger TYPE TABLE HANDLER heap_tableam_handler;"
              "CREATE TABLE strange (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT "
              "now()) USING stranger; INSERT INTO strange VALUES (1), (2), (3)");
    following f = follow(cluster, "strange");
    taken t = backfill_and_window(&f, "INSERT INTO strange VALUES (4)", NULL);
    assert_string_equal(ids(&t), "1,2,3,4");
    taken_free(&t);
    unfollow(&f);
}

/* Equal rows without a key are known by their number: they are counted together, or not at all. */
static void reads_equal_rows_together(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE equals (id int, updated_at timestamptz NOT NULL);"
              "INSERT INTO equals SELECT g, now() - interval '1 s' FROM generate_series(1, 3) g");
    following f = follow(cluster, "equals");
    f.request.mode = BW_MODE_APPEND;
    taken t = backfill_and_window(&f, "INSERT INTO equals SELECT * FROM equals WHERE id = 2", NULL);
    assert_string_equal(ids(&t), "1,2,2,3");
    taken_free(&t);
    unfollow(&f);
}

static void sees_prepared_transactions(void **state)
{
    (void)state;
    following f = begin("prepared", "timestamptz");
    expect_ids(&f, "1");
    bw_pg_session *writer = bw_pg_session_open(cluster, "postgres");
    bw_pg_session_sql(writer, "BEGIN; INSERT INTO prepared VALUES (2)");
    expect_ids(&f, "");
    /* From here on nobody says when it began, only when it was prepared. */
    bw_pg_session_sql(writer, "PREPARE TRANSACTION 'two'");
    expect_ids(&f, "");
    taken t = run(&f, 0);
    assert_non_null(strstr(t.held_by, "prepared transaction two"));
    taken_free(&t);
    bw_pg_session_sql(writer, "COMMIT PREPARED 'two'");
    expect_ids(&f, "2");
    bw_pg_session_close(writer);
    unfollow(&f);
}

static void sees_what_was_prepared_before_the_first_window(void **state)
{
    (void)state;
    following f = begin("prepared_before", "timestamptz");
    bw_pg_session *writer = bw_pg_session_open(cluster, "postgres");
    bw_pg_session_sql(writer, "BEGIN; INSERT INTO prepared_before VALUES (2);"
                              "PREPARE TRANSACTION 'before'");
    expect_ids(&f, "1");
    bw_pg_session_sql(writer, "COMMIT PREPARED 'before'");
    expect_ids(&f, "1,2");
    bw_pg_session_close(writer);
    unfollow(&f);
}

static void names_who_holds_back_up_to_a_limit(void **state)
{
    (void)state;
    following f = begin("held", "timestamptz");
    expect_ids(&f, "1");
    bw_pg_session *writer = bw_pg_session_open(cluster, "postgres");
    char *pid = bw_pg_session_query(writer, "SELECT pg_backend_pid()");
    bw_pg_session_sql(writer, "BEGIN");
    bw_pg_session_sql(writer, "INSERT INTO held VALUES (2)");
    taken t = run(&f, 0);
    char *who = bw_xasprintf("pid %s, idle in transaction, ", pid);
    assert_int_equal(strncmp(t.held_by, who, strlen(who)), 0);
    taken_free(&t);
    f.spec.late_commit_limit_us = 0;
    t = run(&f, 0);
    /* Named all the same, but the next window begins at this one's end. */
    assert_non_null(strstr(t.held_by, "idle in transaction"));
    char *to = bw_json_member_string(bw_slice_cstr(t.position), "to");
    char *from = bw_json_member_string(bw_slice_cstr(t.position), "next_from");
    assert_string_equal(to, from);
    taken_free(&t);
    bw_pg_session_sql(writer, "ROLLBACK");
    bw_pg_session_close(writer);
    free(to);
    free(from);
    free(who);
    free(pid);
    unfollow(&f);
}

/* Connections of ours only read: they hold nothing back. */
static void does_not_wait_for_its_own(void **state)
{
    (void)state;
    following f = begin("own", "timestamptz"), g = follow(cluster, "own");
    bw_error err = BW_ERROR_INIT;
    bw_table_info info = describe(g.o, &g.spec);
    bw_read_request full = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    bw_reader *reader;
    bw_batch_plan plan;
    bool more;
    assert_ok(g.o->class->reader_open(g.o->source, &g.spec, &info, &full, &reader, &err), err);
    assert_ok(g.o->class->reader_next(reader, &more, &plan, &err), err);
    taken t = run(&f, 0);
    assert_string_equal(t.held_by, "");
    taken_free(&t);
    g.o->class->reader_close(reader);
    unfollow(&g);
    unfollow(&f);
}

/* ---- cursors ---- */

static void reads_wall_clock_times_in_their_zone(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres", "CREATE DATABASE berlin");
    bw_pg_sql(cluster, "postgres", "ALTER DATABASE berlin SET timezone = 'Europe/Berlin'");
    bw_pg_sql(cluster, "berlin",
              "CREATE TABLE local (id int PRIMARY KEY, updated_at timestamp NOT NULL DEFAULT "
              "localtimestamp); CREATE INDEX ON local (updated_at); INSERT INTO local VALUES (1)");
    following f = {.spec = spec_of("local")};
    f.request = (bw_read_request){.kind = BW_READ_INCREMENTAL, .mode = BW_MODE_UPSERT};
    bw_error err = BW_ERROR_INIT;
    char settings[300];
    snprintf(settings, sizeof settings, "host: %s, port: %d, database: berlin, user: postgres",
             bw_pg_cluster_dir(cluster), bw_pg_cluster_port(cluster));
    assert_ok(try_open(&f.o, settings, "test", &err), err);
    bw_table_info info = describe(f.o, &f.spec);
    assert_int_equal(info.cursor_kind, BW_CURSOR_DATETIME);
    assert_string_equal(info.cursor_zone, "Europe/Berlin");
    assert_null(info.cursor_problem);
    expect_ids(&f, "1");
    /* The window goes back an hour because the zone has daylight saving. */
    bw_pg_sql(cluster, "berlin", "INSERT INTO local VALUES (2)");
    expect_ids(&f, "1,2");
    bw_pg_sql(cluster, "berlin",
              "DELETE FROM local; INSERT INTO local VALUES (3, now() + "
              "interval '61 minutes'), (4, localtimestamp - interval '59 minutes')");
    taken t = run(&f, 0);
    assert_string_equal(ids(&t), "4");
    assert_int_equal(t.end.ahead_rows, 1);
    taken_free(&t);
    unfollow(&f);
}

static const char *problem_of(opened *o, const char *zone)
{
    bw_table_spec spec = spec_of("skewed");
    spec.cursor_zone = zone;
    return describe(o, &spec).cursor_problem;
}

static void notices_a_cursor_in_another_zone(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE skewed (id int PRIMARY KEY, updated_at timestamp NOT NULL);"
              "CREATE INDEX ON skewed (updated_at);"
              "INSERT INTO skewed VALUES (1, (now() AT TIME ZONE 'Asia/Kolkata'))");
    opened *o = open_source_as(cluster, "postgres");
    /* Written in +05:30, compared with UTC: ahead. Compared with a zone further east: behind, which
       alone proves nothing. */
    assert_non_null(strstr(problem_of(o, NULL), "ahead of the clock in UTC"));
    assert_null(problem_of(o, "Asia/Kolkata"));
    assert_null(problem_of(o, "Asia/Tokyo"));
    bw_pg_sql(cluster, "postgres", "UPDATE skewed SET updated_at = now() AT TIME ZONE 'UTC'");
    assert_non_null(strstr(problem_of(o, "Asia/Tokyo"), "behind the clock in Asia/Tokyo"));
    assert_null(problem_of(o, "UTC"));
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE skewed_tz (id int PRIMARY KEY, updated_at timestamptz NOT NULL);"
              "CREATE INDEX ON skewed_tz (updated_at);"
              "INSERT INTO skewed_tz VALUES (1, now() + interval '2 hours 1 second')");
    bw_table_spec instants = spec_of("skewed_tz");
    assert_non_null(strstr(describe(o, &instants).cursor_problem, "local times as if"));
    bw_pg_sql(cluster, "postgres", "UPDATE skewed_tz SET updated_at = now() - interval '2 hours'");
    assert_null(describe(o, &instants).cursor_problem);
    bw_table_spec spec = spec_of("skewed");
    spec.cursor_zone = "Mars/Olympus";
    bw_table_info info;
    bw_error err = BW_ERROR_INIT;
    assert_int_equal(o->class->describe(o->source, &spec, &o->arena, &info, &err), BW_INVALID);
    assert_non_null(strstr(err.message, "cursor_zone Mars/Olympus"));
    close_source(o);
}

static void counts_what_windows_do_not_reach(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE unreached (id int PRIMARY KEY, at timestamptz);"
              "INSERT INTO unreached VALUES (1, now()), (2, NULL), (3, NULL),"
              " (4, now() + interval '1 hour'), (5, 'infinity')");
    following f = follow(cluster, "unreached");
    f.spec.cursor = "at";
    bw_table_info info = describe(f.o, &f.spec);
    assert_string_equal(info.cursor_origin, "configured");
    assert_int_equal(info.n_warnings, 2); /* no index; may be NULL */
    taken t = run(&f, 1);
    /* A backfill reads them all; infinity does not fit. */
    assert_string_equal(ids(&t), "1,2,3,4");
    assert_string_equal(bw_buf_cstr(&t.rejected), "TS_INFINITY at {\"id\":5}\n");
    taken_free(&t);
    t = run(&f, 0);
    assert_string_equal(ids(&t), "1");
    assert_int_equal(t.end.null_cursors, 2);
    assert_int_equal(t.end.ahead_rows, 2);
    taken_free(&t);
    unfollow(&f);
}

static void goes_on_after_a_sequence(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE seq (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);"
              "INSERT INTO seq (v) VALUES ('a'), ('b')");
    following f = follow(cluster, "seq");
    f.spec.cursor = "id";
    f.spec.lookback_us = 0;
    bw_error err = BW_ERROR_INIT;
    bw_table_info info = describe(f.o, &f.spec);
    taken none = {0};
    assert_int_equal(try_take(f.o, &f.spec, &info, &f.request, 0, &none, &err), BW_INVALID);
    assert_non_null(strstr(err.hint, "mode: append"));

    f.request.mode = BW_MODE_APPEND;
    expect_ids(&f, "1,2");
    /* 3 is allocated first and committed last. */
    bw_pg_session *slow = bw_pg_session_open(cluster, "postgres");
    bw_pg_session_sql(slow, "BEGIN; INSERT INTO seq (v) VALUES ('slow')");
    bw_pg_sql(cluster, "postgres", "INSERT INTO seq (v) VALUES ('quick')");
    expect_ids(&f, "4");
    bw_pg_sql(cluster, "postgres", "INSERT INTO seq (v) VALUES ('quick')");
    expect_ids(&f, "4,5");
    bw_pg_session_sql(slow, "COMMIT");
    expect_ids(&f, "3,4,5");
    expect_ids(&f, "");
    bw_pg_session_close(slow);
    unfollow(&f);
}

static void backfills_a_sequence_under_an_open_transaction(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE seq2 (id bigserial PRIMARY KEY); INSERT INTO seq2 DEFAULT VALUES");
    following f = follow(cluster, "seq2");
    f.spec.cursor = "id";
    f.spec.lookback_us = 0;
    f.request.mode = BW_MODE_APPEND;
    bw_pg_session *slow = bw_pg_session_open(cluster, "postgres");
    bw_pg_session_sql(slow, "BEGIN; INSERT INTO seq2 DEFAULT VALUES");
    bw_pg_sql(cluster, "postgres", "INSERT INTO seq2 DEFAULT VALUES");
    taken t = run(&f, 1);
    assert_string_equal(ids(&t), "1,3");
    taken_free(&t);
    bw_pg_session_sql(slow, "COMMIT");
    /* Where the open one stood is not known, so the first window reads everything once more. */
    expect_ids(&f, "1,2,3");
    expect_ids(&f, "");
    bw_pg_session_close(slow);
    unfollow(&f);
}

/* ---- cutting ---- */

static void cut_and_resume(const char *table, bool index)
{
    bw_pg_sqlf(cluster, "postgres",
               "CREATE TABLE %s (id int PRIMARY KEY, updated_at timestamptz NOT NULL);"
               "INSERT INTO %s VALUES (0, now() - interval '1 day')",
               table, table);
    if (index)
        bw_pg_sqlf(cluster, "postgres", "CREATE INDEX ON %s (updated_at)", table);
    following f = follow(cluster, table);
    f.spec.lookback_us = 0;
    expect_ids(&f, "0");
    /* 30 distinct times, then 40 rows of one instant, then 30 more; to be cut by 10. */
    bw_pg_sqlf(cluster, "postgres",
               "INSERT INTO %s SELECT g, clock_timestamp() FROM generate_series(1, 30) g;"
               "INSERT INTO %s SELECT g, now() FROM generate_series(31, 70) g;"
               "INSERT INTO %s SELECT g, clock_timestamp() FROM generate_series(71, 100) g;"
               "ANALYZE %s",
               table, table, table, table);
    f.spec.batch_rows = 10;
    bw_buf all = BW_BUF_INIT;
    size_t batches = 0;
    for (size_t i = 0; i < 40; i++) {
        /* A restart after every piece. */
        taken t = run(&f, 1);
        bw_buf_add(&all, t.rows.ptr, t.rows.len);
        bool more = strstr(f.checkpoint, "\"resume\"") != NULL;
        if (more)
            assert_true(t.n_rows > 0 && t.n_rows <= 50);
        taken_free(&t);
        batches++;
        if (!more)
            break;
    }
    taken t = {.rows = all};
    bw_buf expected = BW_BUF_INIT;
    for (int i = 1; i <= 100; i++)
        bw_buf_addf(&expected, "%s%d", i > 1 ? "," : "", i);
    assert_string_equal(ids(&t), bw_buf_cstr(&expected));
    assert_true(batches >= 5);
    taken_free(&t);
    bw_buf_fini(&expected);
    unfollow(&f);
}

static void cuts_large_windows(void **state)
{
    (void)state;
    cut_and_resume("cut_indexed", true);
    cut_and_resume("cut_unindexed", false);
}

/* A row that commits into a piece that was read must be read by the window after. */
static void remembers_who_was_open_at_the_first_piece(void **state)
{
    (void)state;
    following f = begin("cut_late", "timestamptz");
    expect_ids(&f, "1");
    bw_pg_session *slow = bw_pg_session_open(cluster, "postgres");
    bw_pg_session_sql(slow, "BEGIN; INSERT INTO cut_late VALUES (2)");
    bw_pg_sql(cluster, "postgres",
              "INSERT INTO cut_late SELECT g, clock_timestamp() FROM generate_series(3, 22) g");
    f.spec.batch_rows = 5;
    taken t = run(&f, 1);
    assert_string_equal(ids(&t), "3,4,5,6,7");
    taken_free(&t);
    bw_pg_session_sql(slow, "COMMIT");
    t = run(&f, 0); /* from the cut on: 2 lies before it */
    assert_int_equal(t.n_rows, 15);
    taken_free(&t);
    f.spec.batch_rows = 0;
    t = run(&f, 0);
    assert_int_equal(strncmp(ids(&t), "2,3,4,", 6), 0);
    taken_free(&t);
    bw_pg_session_close(slow);
    unfollow(&f);
}

/* ---- other requests ---- */

static void starts_from_a_time(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE since (id int PRIMARY KEY, updated_at timestamptz NOT NULL);"
              "INSERT INTO since SELECT g, '2024-01-01 00:00+00'::timestamptz + g * interval "
              "'1 day' FROM generate_series(0, 9) g");
    following f = follow(cluster, "since");
    f.spec.lookback_us = 0;
    f.request.kind = BW_READ_SINCE;
    assert_true(bw_parse_time(bw_slice_cstr("2024-01-08T00:00:00Z"), &f.request.since_us));
    taken t = run(&f, 0);
    assert_string_equal(ids(&t), "7,8,9");
    assert_null(t.position);
    taken_free(&t);
    f.request.kind = BW_READ_INCREMENTAL;
    f.request.start_from = "2024-01-08T12:00:00Z";
    expect_ids(&f, "8,9");
    unfollow(&f);

    f = begin("span", "timestamptz");
    bw_pg_sql(cluster, "postgres", "INSERT INTO span VALUES (2, now() - interval '3 days')");
    f.request.backfill_span_us = BW_DAY;
    t = run(&f, 0);
    assert_string_equal(ids(&t), "1");
    assert_true(t.plan.backfill || t.batches == 1);
    taken_free(&t);
    unfollow(&f);
}

static void reads_keys(void **state)
{
    (void)state;
    bw_pg_sql(
        cluster, "postgres",
        "CREATE TABLE keyed (id int, region text, b bytea, at timestamptz, n numeric(9,3),"
        " PRIMARY KEY (id, region, b, at, n));"
        "INSERT INTO keyed SELECT g, E'it''s \"q\\\\', '\\xff00', '2024-01-01 00:00:00.5+00', 1.5"
        " FROM generate_series(1, 1500) g");
    following f = follow(cluster, "keyed");
    const char *keys[1201];
    char text[1201][150];
    for (int i = 0; i <= 1200; i++) {
        /* The last one is gone at the source. */
        snprintf(text[i], sizeof text[i],
                 "{\"id\":%d,\"region\":\"it's \\\"q\\\\\",\"b\":\"/wA=\","
                 "\"at\":\"2024-01-01 00:00:00.5+00\",\"n\":1.5}",
                 i == 1200 ? 9999 : i + 1);
        keys[i] = text[i];
    }
    f.request = (bw_read_request){
        .kind = BW_READ_KEYS, .mode = BW_MODE_UPSERT, .keys = keys, .n_keys = 1201};
    taken t = run(&f, 0);
    assert_int_equal(t.n_rows, 1200);
    assert_int_equal(t.batches, 2);
    assert_null(t.position);
    taken_free(&t);
    bw_error err = BW_ERROR_INIT;
    bw_table_info info = describe(f.o, &f.spec);
    keys[0] = "{\"id\":1}";
    taken none = {0};
    assert_int_equal(try_take(f.o, &f.spec, &info, &f.request, 0, &none, &err), BW_INVALID);
    assert_non_null(strstr(err.message, "no value for column region"));
    unfollow(&f);
}

static void reads_a_batch_again_as_it_was(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE again (id int PRIMARY KEY, pad text); INSERT INTO again SELECT g,"
              " repeat('x', 1000) FROM generate_series(1, 30000) g");
    opened *o = open_source_as(cluster, "postgres");
    bw_error err = BW_ERROR_INIT;
    bw_table_spec spec = spec_of("again");
    bw_table_info info = describe(o, &spec);
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    bw_reader *reader;
    bw_batch_plan plan;
    bw_chunk chunk;
    bool more, end;
    bw_chunk_init(&chunk);
    assert_ok(o->class->reader_open(o->source, &spec, &info, &request, &reader, &err), err);
    assert_ok(o->class->reader_next(reader, &more, &plan, &err), err);
    bw_chunk_reset(&chunk, 2);
    assert_ok(o->class->reader_fetch(reader, &chunk, &end, &err), err);
    assert_false(end);
    assert_true(bw_chunk_full(&chunk));
    bw_pg_sql(cluster, "postgres", "DELETE FROM again WHERE id > 100");
    /* In the middle, and then at the end. */
    for (int round = 0; round < 2; round++) {
        taken t = {0};
        assert_ok(o->class->reader_restart(reader, &err), err);
        assert_ok(take_batch(o, reader, 2, &t, &err), err);
        assert_int_equal(t.n_rows, 30000);
        taken_free(&t);
    }
    assert_ok(o->class->reader_next(reader, &more, &plan, &err), err);
    assert_false(more);
    o->class->reader_close(reader);
    bw_chunk_fini(&chunk);
    close_source(o);
}

static void refuses_what_changed_meanwhile(void **state)
{
    (void)state;
    following f = begin("changing", "timestamptz");
    bw_error err = BW_ERROR_INIT;
    bw_table_info info = describe(f.o, &f.spec);
    bw_pg_sql(cluster, "postgres", "ALTER TABLE changing ADD COLUMN more int");
    taken none = {0};
    assert_int_equal(try_take(f.o, &f.spec, &info, &f.request, 0, &none, &err), BW_CONFLICT);
    assert_true(err.retryable);
    expect_ids(&f, "1");
    /* And a checkpoint of another table. */
    following g = begin("other", "timestamptz");
    info = describe(g.o, &g.spec);
    g.request.checkpoint = f.checkpoint;
    assert_int_equal(try_take(g.o, &g.spec, &info, &g.request, 0, &none, &err), BW_INVALID);
    assert_non_null(strstr(err.message, "public.changing"));
    g.request.checkpoint = "{\"lsn\":1}";
    assert_int_equal(try_take(g.o, &g.spec, &info, &g.request, 0, &none, &err), BW_INVALID);
    unfollow(&g);
    unfollow(&f);
}

/* Last: it turns the cluster into a standby. */
static void reads_from_a_standby(void **state)
{
    (void)state;
    following f = begin("standby", "timestamptz");
    bw_pg_cluster_stop(cluster, false);
    free(bw_pg_cluster_file(cluster, "standby.signal", ""));
    bw_pg_cluster_again(cluster);
    close_source(f.o);
    f.o = open_source_as(cluster, "postgres");
    bw_table_info info = describe(f.o, &f.spec);
    assert_int_equal(info.n_warnings, 1);
    assert_non_null(strstr(info.warnings[0], "standby"));
    taken t = run(&f, 0);
    assert_non_null(strstr(ids(&t), "1"));
    taken_free(&t);
    unfollow(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_what_commits_late),
        cmocka_unit_test(sees_the_writes_of_who_only_read_before),
        cmocka_unit_test(sees_what_a_backfill_could_not),
        cmocka_unit_test(reads_what_the_backfill_has_read_only_once),
        cmocka_unit_test(reads_what_joins_the_table_during_a_backfill),
        cmocka_unit_test(reads_again_what_may_be_distributed),
        cmocka_unit_test(reads_again_what_is_not_a_heap),
        cmocka_unit_test(reads_equal_rows_together),
        cmocka_unit_test(sees_prepared_transactions),
        cmocka_unit_test(sees_what_was_prepared_before_the_first_window),
        cmocka_unit_test(names_who_holds_back_up_to_a_limit),
        cmocka_unit_test(does_not_wait_for_its_own),
        cmocka_unit_test(reads_wall_clock_times_in_their_zone),
        cmocka_unit_test(notices_a_cursor_in_another_zone),
        cmocka_unit_test(counts_what_windows_do_not_reach),
        cmocka_unit_test(goes_on_after_a_sequence),
        cmocka_unit_test(backfills_a_sequence_under_an_open_transaction),
        cmocka_unit_test(cuts_large_windows),
        cmocka_unit_test(remembers_who_was_open_at_the_first_piece),
        cmocka_unit_test(starts_from_a_time),
        cmocka_unit_test(reads_keys),
        cmocka_unit_test(reads_a_batch_again_as_it_was),
        cmocka_unit_test(refuses_what_changed_meanwhile),
        cmocka_unit_test(reads_from_a_standby),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
