/* What operators do to runs: cancel, pause, park, stop, and commands from other processes. */
#include "tests/integration/engine/lab.h"

#define SLOW_VIEW "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(600)::text AS nothing;"
#define ORDERS                                                                   \
    "CREATE TABLE orders (id int PRIMARY KEY, updated_at timestamptz NOT NULL);" \
    "INSERT INTO orders SELECT g, now() - interval '1 h' FROM generate_series(1, 3) g;"
#define SLOW_SYNC   "  - {source: db, table: slow, mode: replace, schedule: manual}\n"
#define ORDERS_SYNC "  - {source: db, table: orders, schedule: manual}\n"

static bool reading(const bw_sync_view *v)
{
    return v->progress.active && strcmp(v->progress.phase, "reading") == 0;
}

static bool queued(const bw_sync_view *v)
{
    return v->activity == BW_ACTIVITY_QUEUED;
}

static bool loading(const bw_sync_view *v)
{
    return v->progress.active && strcmp(v->progress.phase, "loading") == 0;
}

static bw_command named(bw_command_kind kind, const char *const *sync)
{
    return (bw_command){.kind = kind, .syncs = sync, .n_syncs = 1};
}

/* Nobody at the source works for us any more. */
static void until_statements_end(lab *l, const char *part)
{
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    while (lab_statements(l, part) > 0)
        lab_wait(l, deadline, "the server's statement goes on");
}

/* ---- cancel ----------------------------------------------------------------------------- */

static void cancels_while_the_source_hangs(void **state)
{
    lab *l = *state;
    const char *sync = "db.slow";
    lab_sql(l, SLOW_VIEW);
    lab_configure(l, NULL, SLOW_SYNC);
    lab_start(l);
    uint64_t run = lab_ask(l, named(BW_COMMAND_SYNC, &sync));
    lab_until(l, sync, reading);
    assert_true(lab_do(
        l, (bw_command){
               .kind = BW_COMMAND_CANCEL, .syncs = &sync, .n_syncs = 1, .who = "bob@bridge"}));
    assert_false(lab_outcome(l, run));
    assert_string_equal(l->news.text, "sync db.slow: cancelled by bob@bridge");
    until_statements_end(l, "pg_sleep");
    bw_run_record *runs;
    assert_int_equal(lab_runs(l, sync, &runs), 1);
    assert_string_equal(runs[0].state, "cancelled");
    assert_int_equal(lab_record(l, sync).failures, 0);
    assert_false(lab_run_kind(l, sync, BW_COMMAND_CANCEL));
    assert_string_equal(l->news.text, "nothing is running");
}

/* The load goes straight into the target: until its end is known nothing newer may be sent. */
static void cancels_while_the_upload_hangs(void **state)
{
    lab *l = *state;
    const char *sync = "db.city";
    lab_sql(l, "CREATE TABLE city (name text); INSERT INTO city VALUES ('old')");
    lab_configure(l, NULL, "  - {source: db, table: city, schedule: manual}");
    lab_start(l);
    lab_fault(l, "bigquery.upload.*:latency=600s:1:1");
    uint64_t run = lab_ask(l, named(BW_COMMAND_SYNC, &sync));
    lab_until(l, sync, loading);
    assert_true(lab_run_kind(l, sync, BW_COMMAND_CANCEL));
    assert_false(lab_outcome(l, run));
    assert_int_equal(lab_open_batches(l, sync), 1);
    lab_no_faults(l);
    lab_sql(l, "UPDATE city SET name = 'new'");
    assert_runs(l, sync);
    assert_int_equal(lab_open_batches(l, sync), 0);
    assert_table(l, "name", "city", "new\n");
}

static void a_load_that_was_cancelled_never_wins(void **state)
{
    lab *l = *state;
    const char *sync = "db.city";
    lab_sql(l, "CREATE TABLE city (name text); INSERT INTO city VALUES ('old')");
    lab_configure(l, NULL, "  - {source: db, table: city, schedule: manual}");
    lab_start(l);
    lab_fault(l, "bigquery.job.load:latency=2s:1:1"); /* the job runs on at the service */
    uint64_t run = lab_ask(l, named(BW_COMMAND_SYNC, &sync));
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    while (lab_requests(l, "bigquery.jobs.get") == 0 && !lab_requests(l, "bigquery.upload.*"))
        lab_wait(l, deadline, "no job is asked for");
    assert_true(lab_run_kind(l, sync, BW_COMMAND_CANCEL));
    lab_outcome(l, run);
    lab_sql(l, "UPDATE city SET name = 'new'");
    assert_runs(l, sync);
    assert_table(l, "name", "city", "new\n");
}

static void takes_back_what_has_not_begun(void **state)
{
    lab *l = *state;
    const char *slow = "db.slow", *orders = "db.orders";
    lab_sql(l, SLOW_VIEW ORDERS);
    lab_configure(l, "engine: {workers: 1}", SLOW_SYNC ORDERS_SYNC);
    lab_start(l);
    uint64_t first = lab_ask(l, named(BW_COMMAND_SYNC, &slow));
    lab_until(l, slow, reading);
    uint64_t again = lab_ask(l, named(BW_COMMAND_FULL, &slow));
    lab_ask(l, named(BW_COMMAND_SYNC, &orders));
    lab_until(l, orders, queued);

    assert_true(lab_run_kind(l, orders, BW_COMMAND_CANCEL));
    lab_until(l, orders, lab_idle);
    uint64_t cancel = lab_ask(l, named(BW_COMMAND_CANCEL, &slow));
    assert_false(lab_outcome(l, again));
    assert_string_equal(l->news.text, "cancelled by ann@bridge before it began");
    assert_true(lab_outcome(l, cancel));
    assert_false(lab_outcome(l, first));
    lab_until(l, slow, lab_idle);
    bw_run_record *runs;
    assert_int_equal(lab_runs(l, orders, &runs), 0);
    assert_int_equal(lab_runs(l, slow, &runs), 1);
}

static void a_cancelled_run_does_not_begin_at_once_again(void **state)
{
    lab *l = *state;
    const char *sync = "db.slow";
    lab_sql(l, SLOW_VIEW);
    lab_configure(l, NULL, "  - {source: db, table: slow, mode: replace, schedule: every 1s}");
    lab_start_with(l, (bw_engine_options){0});
    lab_until(l, sync, reading);
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    const bw_snapshot *s = bw_engine_snapshot(l->engine);
    int64_t started = bw_snapshot_find(s, sync)->progress.started_us;
    bw_snapshot_unref(s);
    while (bw_wall_us(bw_clock_system()) < started + BW_SECOND * 3 / 2)
        lab_wait(l, deadline, "time stands still");
    assert_true(lab_run_kind(l, sync, BW_COMMAND_CANCEL));
    lab_until(l, sync, lab_idle);
    s = bw_engine_snapshot(l->engine);
    const bw_sync_view *v = bw_snapshot_find(s, sync);
    assert_true(v->next_run_us >= v->last_run_us + BW_SECOND / 2);
    bw_snapshot_unref(s);
}

/* ---- pause and park --------------------------------------------------------------------- */

static bool paused(const bw_sync_view *v)
{
    return v->state == BW_STATE_PAUSED;
}

static bool parked(const bw_sync_view *v)
{
    return v->state == BW_STATE_PARKED;
}

static bool fresh(const bw_sync_view *v)
{
    return v->state == BW_STATE_FRESH;
}

static bool has_run(const bw_sync_view *v)
{
    return v->last_success_us != BW_TIME_NONE;
}

/* The engine's own news of the sync until one holds that text; counts them. */
static int told_until(lab *l, const char *part)
{
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    for (int n = 0;; lab_wait(l, deadline, part)) {
        while (bw_engine_news(l->engine, &l->news)) {
            n += l->news.command == 0;
            if (l->news.command == 0 && strstr(l->news.text, part))
                return n;
        }
    }
}

static void pauses_until_resumed(void **state)
{
    lab *l = *state;
    const char *sync = "db.orders";
    bw_run_record *runs;
    lab_sql(l, ORDERS "CREATE TABLE city (name text); INSERT INTO city VALUES ('a')");
    lab_configure(l, NULL,
                  "  - {source: db, table: orders, schedule: every 1s}\n"
                  "  - {source: db, table: city, schedule: every 1s}\n");
    assert_ok(bw_store_open(l->dir, BW_STORE_ENGINE, bw_clock_system(), &l->store, &l->err),
              l->err);
    assert_ok(bw_store_sync_pause(l->store, sync, true, "ann", &l->err), l->err);
    lab_start_with(l, (bw_engine_options){0});
    lab_until(l, sync, paused);
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    while (lab_runs(l, "db.city", &runs) < 2) /* time enough for the other as well */
        lab_wait(l, deadline, "the other sync does not run");
    assert_int_equal(lab_runs(l, sync, &runs), 0);
    const bw_snapshot *s = bw_engine_snapshot(l->engine);
    assert_string_equal(bw_snapshot_find(s, sync)->reason, "paused by ann");
    assert_string_equal(bw_snapshot_find(s, sync)->paused_by, "ann");
    assert_int_equal(bw_snapshot_find(s, sync)->next_run_us, BW_TIME_NONE);
    bw_snapshot_unref(s);
    assert_true(lab_run_kind(l, sync, BW_COMMAND_RESUME));
    lab_until(l, sync, has_run);
    assert_true(lab_run_kind(l, sync, BW_COMMAND_PAUSE));
    lab_until(l, sync, paused);
    assert_false(lab_do(l, (bw_command){.kind = BW_COMMAND_PAUSE}));
}

static void parks_when_a_quota_is_used_up(void **state)
{
    lab *l = *state;
    const char *sync = "db.orders";
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, ORDERS_SYNC);
    lab_start(l);
    lab_fault(l, "bigquery.job.query:403/quotaExceeded:1:1");
    int64_t before = bw_wall_us(bw_clock_system());
    assert_false(lab_run(l, sync));
    lab_until(l, sync, parked);
    const bw_snapshot *s = bw_engine_snapshot(l->engine);
    const bw_sync_view *v = bw_snapshot_find(s, sync);
    assert_true(v->parked_until_us > before + BW_MINUTE);
    assert_non_null(strstr(v->reason, "parked until"));
    bw_snapshot_unref(s);
    assert_true(lab_run_kind(l, sync, BW_COMMAND_RESUME));
    assert_runs(l, sync);
    assert_table(l, "id", "orders", "1\n2\n3\n");
    assert_int_equal(lab_record(l, sync).parked_until_us, BW_TIME_NONE);
}

/* Who asks for a run in spite of the parking, and gets one that ends well, has ended it. */
static void a_run_that_ends_well_ends_the_parking(void **state)
{
    lab *l = *state;
    const char *sync = "db.orders";
    bw_audit_entry *entries;
    size_t n;
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, ORDERS_SYNC);
    lab_start(l);
    lab_fault(l, "bigquery.job.query:403/quotaExceeded:1:1");
    assert_false(lab_run(l, sync));
    lab_until(l, sync, parked);
    lab_fault(l, "bigquery.job.query:403/accessDenied:1:2");
    assert_false(lab_run(l, sync)); /* which proves nothing */
    assert_true(lab_record(l, sync).parked_until_us > bw_wall_us(bw_clock_system()));
    lab_no_faults(l);
    assert_runs(l, sync);
    assert_string_equal(l->news.text, "db.orders: 3 rows read, 3 loaded, 0 dead-lettered; well "
                                      "again; no longer parked");
    assert_int_equal(lab_record(l, sync).parked_until_us, BW_TIME_NONE);
    lab_until(l, sync, fresh);
    assert_ok(bw_store_audit_list(l->store, sync, 0, 1000, &l->arena, &entries, &n, &l->err),
              l->err);
    assert_string_equal(entries[0].action, "unpark");
}

/* ---- what is told ----------------------------------------------------------------------- */

/* Failed so often in a row. */
static void until_failures(lab *l, const char *sync, int n)
{
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    while (lab_record(l, sync).failures < n)
        lab_wait(l, deadline, "runs that fail");
}

static void tells_of_a_failure_once_and_of_its_end(void **state)
{
    lab *l = *state;
    const char *sync = "db.orders";
    bw_run_record *runs;
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, "  - {source: db, table: orders, schedule: every 1s}");
    lab_fault(l, "bigquery.tables.get:403/accessDenied:1");
    lab_start_with(l, (bw_engine_options){0});
    assert_int_equal(told_until(l, "db.orders"), 1);
    assert_int_equal(l->news.level, BW_LOG_ERROR);
    until_failures(l, sync, 3);
    assert_int_equal(bw_test_http_json(l->http, "POST", "/sandbox/faults",
                                       "{\"faults\":[\"bigquery.tables.get:400/invalid:1\"],"
                                       "\"replace\":true}"),
                     200);
    assert_int_equal(told_until(l, "db.orders"), 1); /* the other reason; none of the retries */
    assert_int_equal(l->news.level, BW_LOG_ERROR);
    until_failures(l, sync, lab_record(l, sync).failures + 2);
    lab_no_faults(l);
    assert_int_equal(told_until(l, "db.orders"), 1);
    assert_string_equal(l->news.text, "db.orders is well again");
    assert_int_equal(l->news.level, BW_LOG_INFO);
    size_t n = lab_runs(l, sync, &runs); /* every retry is kept */
    assert_true(n >= 6);
    assert_string_equal(runs[n - 1].state, "failed");
}

static bool slowed(const bw_sync_view *v)
{
    return v->slowed && !v->progress.active;
}

/* No parking, which somebody would have to end: the next run comes when there is room for it. */
static void waits_for_the_bytes_of_another_day(void **state)
{
    lab *l = *state;
    int64_t sum, now = bw_wall_us(bw_clock_system());
    lab_sql(l, ORDERS);
    lab_configure(l, NULL,
                  "  - {source: db, table: orders, schedule: every 1s, max_bytes_per_day: 1MiB}");
    assert_ok(bw_store_open(l->dir, BW_STORE_ENGINE, bw_clock_system(), &l->store, &l->err),
              l->err);
    assert_ok(bw_store_book(l->store, "bytes", "db.orders", 1 << 20, &sum, &l->err), l->err);
    lab_start_with(l, (bw_engine_options){0});
    assert_int_equal(told_until(l, "the 1 MiB that queries may read"), 1);
    lab_until(l, "db.orders", slowed);
    bw_sync_record r = lab_record(l, "db.orders");
    assert_int_equal(r.parked_until_us, BW_TIME_NONE);
    assert_true(r.next_run_us > now + 23 * BW_HOUR && r.next_run_us < now + 25 * BW_HOUR);
    assert_non_null(
        strstr(r.slowed, "0 B of the 1 MiB that its queries may read in 24 h are left"));
    assert_int_equal(lab_open_batches(l, "db.orders"), 1); /* it goes on there */
}

/* ---- stop ------------------------------------------------------------------------------- */

static void stops_in_time(lab *l)
{
    const bw_clock *clock = bw_clock_system();
    int64_t began = bw_mono_us(clock);
    assert_true(bw_engine_stop(l->engine, LAB_MAX));
    assert_true(bw_mono_us(clock) - began < 10 * BW_SECOND);
    bw_engine_free(l->engine);
    l->engine = NULL;
}

static void stops_while_the_source_hangs(void **state)
{
    lab *l = *state;
    const char *slow = "db.slow", *orders = "db.orders";
    lab_sql(l, SLOW_VIEW ORDERS);
    lab_configure(l, "engine: {workers: 1}", SLOW_SYNC ORDERS_SYNC);
    lab_start(l);
    lab_ask(l, named(BW_COMMAND_SYNC, &slow));
    lab_until(l, slow, reading);
    lab_ask(l, named(BW_COMMAND_SYNC, &orders));
    lab_until(l, orders, queued);
    stops_in_time(l);
    bw_run_record *runs;
    assert_int_equal(lab_runs(l, slow, &runs), 1);
    assert_string_equal(runs[0].state, "cancelled");
    assert_non_null(strstr(runs[0].error, "end of the engine"));
    lab_start(l);
    assert_runs(l, orders);
}

static void stops_while_the_upload_hangs(void **state)
{
    lab *l = *state;
    const char *sync = "db.orders";
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, ORDERS_SYNC);
    lab_start(l);
    lab_fault(l, "bigquery.upload.*:latency=600s:1:1");
    lab_ask(l, named(BW_COMMAND_SYNC, &sync));
    lab_until(l, sync, loading);
    stops_in_time(l);
    lab_no_faults(l);
    lab_start(l);
    assert_runs(l, sync);
    assert_table(l, "id", "orders", "1\n2\n3\n");
}

/* ---- commands --------------------------------------------------------------------------- */

static int bridgewatch(lab *l, const char *a, const char *b, const char *c, char **out)
{
    const char *argv[] = {BW_BUILD_DIR "/bridgewatch", "-c", l->config_file, a, b, c, NULL};
    char *err_text;
    int status = bw_process_run(argv, NULL, 120, out, &err_text);
    char *both = bw_xasprintf("%s%s", *out, err_text);
    free(*out);
    free(err_text);
    *out = both;
    return status;
}

static void obeys_other_processes(void **state)
{
    lab *l = *state;
    char *out;
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, "  - {source: db, table: \"public.*\", schedule: manual}");
    lab_start(l); /* the command may come before the pattern is expanded, and waits for that */
    assert_int_equal(bridgewatch(l, "sync", "db.orders", NULL, &out), 0);
    assert_non_null(strstr(out, "3 rows read, 3 loaded"));
    free(out);
    assert_table(l, "id", "orders", "1\n2\n3\n");
    assert_int_equal(bridgewatch(l, "sync", "db.order", NULL, &out), 1);
    assert_non_null(strstr(out, "there is no sync db.order"));
    free(out);
    assert_int_equal(bridgewatch(l, "pause", "db.orders", NULL, &out), 0);
    free(out);
    lab_until(l, "db.orders", paused);
}

static void refuses_everything_under_read_only(void **state)
{
    lab *l = *state;
    const char *sync = "db.orders";
    char *out;
    uint64_t id;
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, ORDERS_SYNC);
    lab_start_with(l, (bw_engine_options){.observe = true, .read_only = true});
    bw_command c = named(BW_COMMAND_SYNC, &sync);
    assert_int_equal(bw_engine_command(l->engine, &c, &id, &l->err), BW_DENIED);
    assert_int_equal(bridgewatch(l, "sync", "db.orders", NULL, &out), 1);
    assert_non_null(strstr(out, "refused: read-only"));
    free(out);
    bw_run_record *runs;
    assert_int_equal(lab_runs(l, sync, &runs), 0);
}

static void ends_bad_commands_with_a_reason(void **state)
{
    lab *l = *state;
    const char *sync = "db.orders", *typo = "db.ordres", *key = "[1]";
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, ORDERS_SYNC);
    lab_start(l);
    const struct {
        bw_command command;
        const char *text;
    } cases[] = {
        {{.kind = BW_COMMAND_SYNC}, "no sync was named"},
        {{.kind = BW_COMMAND_SYNC, .syncs = &typo, .n_syncs = 1}, "there is no sync db.ordres"},
        {{.kind = BW_COMMAND_SINCE, .syncs = &sync, .n_syncs = 1, .since_us = BW_TIME_NONE},
         "no time was named"},
        {{.kind = BW_COMMAND_KEYS, .syncs = &sync, .n_syncs = 1}, "no key was named"},
        {{.kind = BW_COMMAND_KEYS, .syncs = &sync, .n_syncs = 1, .keys = &key, .n_keys = 1},
         "a key is a JSON object: {\"id\":3}"},
        {{.kind = BW_COMMAND_REPLAY}, "no dead letter was named"},
        {{.kind = BW_COMMAND_EDIT}, "nothing to edit"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        assert_false(lab_do(l, cases[i].command));
        assert_string_equal(l->news.text, cases[i].text);
        if (i == 1)
            assert_string_equal(l->news.hint, "Did you mean db.orders?");
    }
}

static void sums_up_a_command_for_several_syncs(void **state)
{
    lab *l = *state;
    const char *const both[] = {"db.orders", "db.city"};
    lab_sql(l, ORDERS "CREATE TABLE city (name text); INSERT INTO city VALUES ('a')");
    lab_configure(l, NULL, ORDERS_SYNC "  - {source: db, table: city, schedule: manual}");
    lab_start(l);
    assert_true(lab_do(l, (bw_command){.kind = BW_COMMAND_SYNC, .syncs = both, .n_syncs = 2}));
    assert_string_equal(l->news.text, "2 runs: 4 rows read, 4 loaded, 0 dead-lettered");
}

/* ---- once ------------------------------------------------------------------------------- */

static size_t run_once(lab *l, const char *const *only, size_t n, bw_run_record **records)
{
    size_t count;
    lab_start_with(l, (bw_engine_options){.once = true, .only = only, .n_only = n});
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    while (!bw_engine_done(l->engine))
        lab_wait(l, deadline, "not done");
    bw_engine_results(l->engine, &l->arena, records, &count);
    return count;
}

static void runs_once(void **state)
{
    lab *l = *state;
    bw_run_record *r;
    lab_sql(l, ORDERS "CREATE TABLE city (name text); INSERT INTO city VALUES ('a')");
    lab_configure(l, NULL,
                  "  - {source: db, table: \"public.*\"}\n"
                  "  - {source: db, table: other.thing}\n");
    static const char *const one[] = {"db.city"};
    assert_int_equal(run_once(l, one, 1, &r), 1);
    assert_string_equal(r[0].sync, "db.city");
    assert_string_equal(r[0].state, "ok");
    lab_stop(l);

    static const char *const unknown[] = {"db.citty", "db.orders"};
    assert_int_equal(run_once(l, unknown, 2, &r), 2);
    assert_string_equal(r[0].sync, "db.orders");
    assert_string_equal(r[0].state, "ok");
    assert_string_equal(r[1].state, "failed");
    assert_string_equal(r[1].hint, "Did you mean db.city?");
    lab_stop(l);

    static const char *const pattern[] = {"db.*"};
    assert_int_equal(run_once(l, pattern, 1, &r), 3); /* other.thing is not there: it says so */
    lab_stop(l);

    assert_ok(bw_store_open(l->dir, BW_STORE_ENGINE, bw_clock_system(), &l->store, &l->err),
              l->err);
    assert_ok(bw_store_sync_pause(l->store, "db.city", true, "ann", &l->err), l->err);
    assert_int_equal(run_once(l, NULL, 0, &r), 2);
    assert_string_equal(r[0].sync, "db.orders");
    assert_string_equal(r[1].sync, "db.other.thing");
    assert_string_equal(r[1].state, "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(cancels_while_the_source_hangs),
        LAB_TEST(cancels_while_the_upload_hangs),
        LAB_TEST(a_load_that_was_cancelled_never_wins),
        LAB_TEST(takes_back_what_has_not_begun),
        LAB_TEST(a_cancelled_run_does_not_begin_at_once_again),
        LAB_TEST(pauses_until_resumed),
        LAB_TEST(parks_when_a_quota_is_used_up),
        LAB_TEST(a_run_that_ends_well_ends_the_parking),
        LAB_TEST(tells_of_a_failure_once_and_of_its_end),
        LAB_TEST(waits_for_the_bytes_of_another_day),
        LAB_TEST(stops_while_the_source_hangs),
        LAB_TEST(stops_while_the_upload_hangs),
        LAB_TEST(obeys_other_processes),
        LAB_TEST(refuses_everything_under_read_only),
        LAB_TEST(ends_bad_commands_with_a_reason),
        LAB_TEST(sums_up_a_command_for_several_syncs),
        LAB_TEST(runs_once),
    };
    LAB_MAIN(tests);
}
