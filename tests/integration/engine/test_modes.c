/* Each mode from PostgreSQL to the sandbox, run after run. */
#include "tests/integration/engine/lab.h"

static void upserts_what_changed(void **state)
{
    lab *l = *state;
    lab_sql(l,
            "CREATE TABLE orders (id int PRIMARY KEY, total numeric(10,2),"
            " updated_at timestamptz NOT NULL);"
            "INSERT INTO orders SELECT g, g, now() - interval '1 h' FROM generate_series(1, 3) g");
    lab_configure(l, NULL, "  - {source: db, table: orders, schedule: manual}");
    lab_start(l);
    assert_runs(l, "db.orders");
    assert_table(l, "id, total", "orders", "1|1\n2|2\n3|3\n");
    lab_sql(l, "UPDATE orders SET total = 7, updated_at = now() WHERE id = 2;"
               "INSERT INTO orders VALUES (4, 4, now())");
    assert_runs(l, "db.orders");
    assert_table(l, "id, total", "orders", "1|1\n2|7\n3|3\n4|4\n");
    bw_sync_record r = lab_record(l, "db.orders");
    assert_string_equal(r.mode, "upsert");
    assert_int_equal(r.failures, 0);
    assert_int_equal(lab_open_batches(l, "db.orders"), 0);
    assert_int_equal(r.null_cursors, 0);
    bw_run_record *runs;
    lab_runs(l, "db.orders", &runs);
    assert_counts(&runs[0], 2, 2, 0, 0);
    assert_runs(l, "db.orders"); /* the lookback reads both again: nothing is written */
    lab_runs(l, "db.orders", &runs);
    assert_counts(&runs[0], 2, 0, 2, 0);
    assert_int_equal(lab_record(l, "db.orders").rows_total, 5);
}

static void appends_each_row_once(void **state)
{
    lab *l = *state;
    lab_sql(l,
            "CREATE TABLE log (at timestamptz NOT NULL, word text);"
            "INSERT INTO log VALUES (now() - interval '10 s', 'a'), (now() - interval '9 s', 'b')");
    lab_configure(l, NULL,
                  "  - {source: db, table: log, mode: append, cursor: at, schedule: manual}");
    lab_start(l);
    assert_runs(l, "db.log");
    assert_table(l, "word", "log", "a\nb\n");
    lab_sql(l, "INSERT INTO log VALUES (now(), 'c')");
    assert_runs(l, "db.log"); /* the lookback reads a and b again */
    bw_run_record *runs;
    lab_runs(l, "db.log", &runs);
    assert_counts(&runs[0], 3, 1, 2, 0);
    assert_string_equal(l->news.text,
                        "db.log: 3 rows read, 1 loaded, 2 already there, 0 dead-lettered");
    assert_runs(l, "db.log");
    assert_table(l, "word", "log", "a\nb\nc\n");
    assert_int_equal(lab_record(l, "db.log").rows_total, 3);
}

/* Rows that are equal in every column are two rows, whichever way they came. */
static void keeps_identical_rows_of_a_keyless_table(void **state)
{
    lab *l = *state;
    const char *sync = "db.log";
    lab_sql(
        l, "CREATE TABLE log (at timestamptz NOT NULL, word text);"
           "INSERT INTO log SELECT timestamptz '2026-01-01 00:00:00+00' + interval '1 s' * (g / 2),"
           " 'same' FROM generate_series(0, 5) g;"
           "INSERT INTO log SELECT now(), 'new' FROM generate_series(1, 2)");
    lab_configure(l, NULL,
                  "  - {source: db, table: log, mode: append, cursor: at, schedule: manual}");
    lab_start(l);
    assert_runs(l, sync);
    assert_table(l, "word, COUNT(*)", "log` GROUP BY 1 --", "new|2\nsame|6\n");
}

static void replaces_the_whole_table(void **state)
{
    lab *l = *state;
    lab_sql(l, "CREATE TABLE city (name text); INSERT INTO city VALUES ('Aa'), ('Bb')");
    lab_configure(l, NULL, "  - {source: db, table: city, schedule: manual}");
    lab_start(l);
    assert_runs(l, "db.city");
    assert_table(l, "name", "city", "Aa\nBb\n");
    lab_sql(l, "DELETE FROM city WHERE name = 'Aa'; INSERT INTO city VALUES ('Cc')");
    assert_runs(l, "db.city");
    assert_table(l, "name", "city", "Bb\nCc\n");
    assert_string_equal(lab_record(l, "db.city").mode, "replace");
}

static void never_empties_a_table_on_a_doubt(void **state)
{
    lab *l = *state;
    lab_sql(l, "CREATE TABLE city (name text); INSERT INTO city VALUES ('Aa')");
    lab_configure(l, NULL, "  - {source: db, table: city, schedule: manual}");
    lab_start(l);
    assert_runs(l, "db.city");
    lab_sql(l, "DELETE FROM city");
    assert_fails(l, "db.city", "not replaced");
    assert_table(l, "name", "city", "Aa\n");
    assert_int_equal(lab_open_batches(l, "db.city"), 0);
    lab_stop(l);
    lab_configure(l, NULL, "  - {source: db, table: city, schedule: manual, allow_empty: true}");
    lab_start(l);
    assert_runs(l, "db.city");
    assert_table(l, "name", "city", "");
}

static void asks_for_nothing_when_nothing_changed(void **state)
{
    lab *l = *state;
    lab_sql(l, "CREATE TABLE orders (id int PRIMARY KEY, updated_at timestamptz NOT NULL);"
               "INSERT INTO orders VALUES (1, now() - interval '1 h')");
    lab_configure(l, NULL, "  - {source: db, table: orders, schedule: manual}");
    lab_start(l);
    assert_runs(l, "db.orders");
    assert_runs(l, "db.orders");
    int64_t before = lab_record(l, "db.orders").watermark_us;
    lab_forget_requests(l);
    assert_runs(l, "db.orders");
    assert_int_equal(lab_requests(l, "bigquery.jobs.*"), 0);
    assert_int_equal(lab_requests(l, "bigquery.tables.insert"), 0);
    assert_true(lab_record(l, "db.orders").watermark_us > before); /* an empty window counts */
}

/* ---- full ------------------------------------------------------------------------------- */

static void full_resync_drops_what_is_gone(void **state)
{
    lab *l = *state;
    lab_sql(l, "CREATE TABLE orders (id int PRIMARY KEY, updated_at timestamptz NOT NULL);"
               "INSERT INTO orders SELECT g, now() FROM generate_series(1, 4) g");
    lab_configure(l, NULL, "  - {source: db, table: orders, schedule: manual, raw: true}");
    lab_start(l);
    assert_runs(l, "db.orders");
    lab_sql(l, "DELETE FROM orders WHERE id < 3");
    assert_true(lab_run_kind(l, "db.orders", BW_COMMAND_FULL));
    assert_table(l, "id", "orders", "3\n4\n");
    assert_table(l, "COUNT(*), COUNT(DISTINCT _bw_event_id)", "orders_raw", "4|4\n");
    assert_runs(l, "db.orders");
    assert_table(l, "id", "orders", "3\n4\n");
    assert_table(l, "COUNT(*)", "orders_raw", "4\n");
}

/* The copy of a full resync holds the same event ids as the inserts before and after it. */
static void full_resync_of_appended_rows_doubles_nothing(void **state)
{
    lab *l = *state;
    lab_sql(l, "CREATE TABLE log (at timestamptz NOT NULL, word text);"
               "INSERT INTO log SELECT now(), 'same' FROM generate_series(1, 3)");
    lab_configure(l, NULL,
                  "  - {source: db, table: log, mode: append, cursor: at, schedule: manual}");
    lab_start(l);
    assert_runs(l, "db.log");
    assert_true(lab_run_kind(l, "db.log", BW_COMMAND_FULL));
    assert_table(l, "word", "log", "same\nsame\nsame\n");
    assert_runs(l, "db.log");
    assert_table(l, "word", "log", "same\nsame\nsame\n");
}

static void reads_single_keys_and_since(void **state)
{
    lab *l = *state;
    const char *sync = "db.orders", *key = "{\"id\":2}";
    lab_sql(
        l, "CREATE TABLE orders (id int PRIMARY KEY, v int, updated_at timestamptz NOT NULL);"
           "INSERT INTO orders SELECT g, 0, '2026-01-01 00:00:00+00' FROM generate_series(1, 3) g");
    lab_configure(l, NULL, "  - {source: db, table: orders, schedule: manual}");
    lab_start(l);
    assert_runs(l, sync);
    const char *checkpoint = lab_record(l, sync).checkpoint;
    lab_sql(l, "UPDATE orders SET v = 1"); /* nobody touched the cursor */
    assert_true(lab_do(
        l, (bw_command){
               .kind = BW_COMMAND_KEYS, .syncs = &sync, .n_syncs = 1, .keys = &key, .n_keys = 1}));
    assert_table(l, "id, v", "orders", "1|0\n2|1\n3|0\n");
    int64_t since;
    assert_true(bw_parse_time(bw_slice_cstr("2025-12-31T00:00:00Z"), &since));
    assert_true(lab_do(
        l,
        (bw_command){.kind = BW_COMMAND_SINCE, .syncs = &sync, .n_syncs = 1, .since_us = since}));
    assert_table(l, "id, v", "orders", "1|1\n2|1\n3|1\n");
    assert_string_equal(lab_record(l, sync).checkpoint, checkpoint);
}

/* Forgets everything but the target. */
static void lose_state(lab *l)
{
    lab_stop(l);
    bw_test_dir_remove(l->dir);
    free(l->dir);
    l->dir = bw_test_dir_new("engine");
}

static void starts_from_what_the_destination_holds(void **state)
{
    lab *l = *state;
    const char *syncs = "  - {source: db, table: log, mode: append, cursor: at, schedule: manual}";
    lab_sql(l, "CREATE TABLE log (at timestamptz NOT NULL, word text);"
               "INSERT INTO log VALUES ('2026-01-01 00:00:00+00', 'old'), (now(), 'a')");
    lab_configure(l, NULL, syncs);
    lab_start(l);
    assert_runs(l, "db.log");
    lose_state(l);
    lab_sql(l, "INSERT INTO log VALUES (now(), 'b')");
    lab_configure(l, NULL, syncs);
    lab_start(l);
    assert_false(lab_run(l, "db.log"));
    assert_non_null(strstr(l->news.text, "another"));
    assert_false(lab_run_kind(l, "db.log", BW_COMMAND_TAKE_OVER));
    assert_non_null(strstr(l->news.text, "no checkpoint"));
    lab_stop(l);
    lab_configure(l, NULL,
                  "  - {source: db, table: log, mode: append, cursor: at, schedule: manual,"
                  " start_from: destination}");
    lab_start(l);
    assert_runs(l, "db.log");
    assert_table(l, "word", "log", "a\nb\nold\n");
}

#define SEQ_SYNC \
    "  - {source: db, table: seq, mode: append, cursor: id, schedule: manual, start_from: "

/* A sequence says how far the target is only where nothing commits late: what is missing below the
   highest number is found all the same, and nothing is doubled. */
static void starts_from_a_sequence_that_the_destination_holds(void **state)
{
    lab *l = *state;
    bw_run_record *runs;
    const char *destination = SEQ_SYNC "destination}", *time = SEQ_SYNC "2026-01-01}";
    lab_sql(l, "CREATE TABLE seq (id int PRIMARY KEY, word text);"
               "INSERT INTO seq VALUES (1, 'a'), (2, 'b'), (4, 'd')");
    lab_configure(l, NULL, destination);
    lab_start(l);
    assert_runs(l, "db.seq");
    lose_state(l);
    lab_sql(l, "DELETE FROM seq WHERE id = 1;" /* long loaded: stays at the target */
               "INSERT INTO seq VALUES (3, 'late'), (5, 'e')");
    lab_configure(l, NULL, destination);
    lab_start(l);
    assert_true(lab_run_kind(l, "db.seq", BW_COMMAND_TAKE_OVER));
    assert_table(l, "id, word", "seq", "1|a\n2|b\n3|late\n4|d\n5|e\n");
    lab_runs(l, "db.seq", &runs);
    assert_counts(&runs[0], 4, 2, 2, 0);
    lose_state(l);
    /* Rows that another sync put there. */
    lab_configure(l, NULL, SEQ_SYNC "destination, name: renamed, target: seq}");
    lab_start(l);
    assert_false(lab_run_kind(l, "renamed", BW_COMMAND_TAKE_OVER));
    assert_non_null(strstr(l->news.text, "all would come twice"));
    assert_table(l, "id, word", "seq", "1|a\n2|b\n3|late\n4|d\n5|e\n");
    lose_state(l);
    /* Rows that someone else put there. */
    char *sql = bw_xasprintf("INSERT INTO `p.%s.seq` (id, word) VALUES (9, 'x')", l->name);
    free(bw_test_bq_query(l->bq, sql));
    free(sql);
    lab_configure(l, NULL, destination);
    lab_start(l);
    assert_false(lab_run_kind(l, "db.seq", BW_COMMAND_TAKE_OVER));
    assert_non_null(strstr(l->news.text, "1 of the rows"));
    lab_stop(l);
    lab_configure(l, NULL, time);
    lab_start(l);
    assert_fails(l, "db.seq", "is a time, but the cursor of table public.seq is a number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(upserts_what_changed),
        LAB_TEST(appends_each_row_once),
        LAB_TEST(keeps_identical_rows_of_a_keyless_table),
        LAB_TEST(replaces_the_whole_table),
        LAB_TEST(never_empties_a_table_on_a_doubt),
        LAB_TEST(asks_for_nothing_when_nothing_changed),
        LAB_TEST(full_resync_drops_what_is_gone),
        LAB_TEST(full_resync_of_appended_rows_doubles_nothing),
        LAB_TEST(reads_single_keys_and_since),
        LAB_TEST(starts_from_what_the_destination_holds),
        LAB_TEST(starts_from_a_sequence_that_the_destination_holds),
    };
    LAB_MAIN(tests);
}
