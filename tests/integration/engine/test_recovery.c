/* What a run does with what earlier runs left: batches whose final jobs failed, whose staging tables
   are gone, whose target has moved; and sources that break. */
#include "tests/integration/engine/lab.h"

#define ORDERS                                                                   \
    "CREATE TABLE orders (id int PRIMARY KEY, updated_at timestamptz NOT NULL);" \
    "INSERT INTO orders SELECT g, now() - interval '1 h' FROM generate_series(1, 3) g;"
#define ORDERS_SYNC "  - {source: db, table: orders, schedule: manual}\n"

/* A run whose batch is loaded and whose final job fails as told. */
static void fail_final(lab *l, const char *fault)
{
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, ORDERS_SYNC);
    lab_start(l);
    lab_fault(l, fault);
    assert_false(lab_run(l, "db.orders"));
    assert_int_equal(lab_open_batches(l, "db.orders"), 1);
    assert_null(lab_record(l, "db.orders").checkpoint);
}

static void tries_again_what_has_been_mended(void **state)
{
    lab *l = *state;
    fail_final(l, "bigquery.job.query:403/accessDenied:1:1");
    assert_runs(l, "db.orders");
    assert_table(l, "id", "orders", "1\n2\n3\n");
    bw_run_record *runs;
    assert_int_equal(lab_runs(l, "db.orders", &runs), 2);
    assert_string_equal(runs[1].state, "failed");
    assert_null(runs[1].checkpoint); /* what was not committed is no checkpoint */
    assert_int_equal(runs[1].rows_loaded, 0);
    assert_counts(&runs[0], 3, 3, 0, 0); /* who commits a batch counts it, whoever read it */
    assert_int_equal(lab_record(l, "db.orders").rows_total, 3);
    assert_runs(l, "db.orders");
}

/* What was loaded when the target's column was narrower goes into it all the same. */
static void finishes_what_was_loaded_before_the_target_grew(void **state)
{
    lab *l = *state;
    bw_run_record *runs;
    lab_sql(l,
            "CREATE TABLE orders (id int PRIMARY KEY, v int, updated_at timestamptz NOT NULL);"
            "INSERT INTO orders SELECT g, g, now() - interval '1 h' FROM generate_series(1, 3) g");
    lab_configure(l, NULL, "  - {source: db, table: orders, raw: true, schedule: manual}\n");
    lab_start(l);
    /* The raw rows are in, the others are not. */
    lab_fault(l, "bigquery.job.query:403/accessDenied:1:1:1");
    bool ran = lab_run(l, "db.orders");
    lab_no_faults(l);
    assert_false(ran);
    assert_int_equal(lab_open_batches(l, "db.orders"), 1);
    lab_sql(l, "ALTER TABLE orders ALTER COLUMN v TYPE numeric(12,2);"
               "UPDATE orders SET v = 1.25, updated_at = now() WHERE id = 1");
    assert_runs(l, "db.orders");
    assert_table(l, "id, v", "orders", "1|1.25\n2|2\n3|3\n");
    assert_table(l, "COUNT(*)", "orders_raw", "4\n");
    lab_runs(l, "db.orders", &runs);
    assert_counts(&runs[0], 4, 4, 0, 0);
}

static void reads_again_what_can_never_be_finished(void **state)
{
    lab *l = *state;
    fail_final(l, "bigquery.job.query:400/invalidQuery:1:2");
    assert_runs(l, "db.orders");
    assert_table(l, "id", "orders", "1\n2\n3\n");
    assert_int_equal(lab_open_batches(l, "db.orders"), 0);
}

static void reads_again_when_staging_has_expired(void **state)
{
    lab *l = *state;
    fail_final(l, "bigquery.job.query:403/accessDenied:1:1");
    bw_batch_record *b;
    size_t n;
    assert_ok(bw_store_batch_open_list(l->store, "db.orders", &l->arena, &b, &n, &l->err), l->err);
    assert_int_equal(bw_test_http_json(
                         l->http, "DELETE",
                         bw_arena_printf(&l->arena, "/bigquery/v2/projects/p/datasets/%s/tables/%s",
                                         l->name, b[0].staging),
                         NULL),
                     204);
    assert_runs(l, "db.orders");
    assert_table(l, "id", "orders", "1\n2\n3\n");
    assert_int_equal(lab_open_batches(l, "db.orders"), 0);
}

static void a_full_resync_abandons_what_was_loaded(void **state)
{
    lab *l = *state;
    fail_final(l, "bigquery.job.query:403/accessDenied:1:1");
    lab_sql(l, "DELETE FROM orders WHERE id = 1");
    assert_true(lab_run_kind(l, "db.orders", BW_COMMAND_FULL));
    assert_table(l, "id", "orders", "2\n3\n");
    assert_int_equal(lab_open_batches(l, "db.orders"), 0);
    assert_runs(l, "db.orders");
    assert_table(l, "id", "orders", "2\n3\n");
}

static void leaves_a_batch_of_another_target_alone(void **state)
{
    lab *l = *state;
    fail_final(l, "bigquery.job.query:403/accessDenied:1:1");
    lab_stop(l);
    lab_configure(l, NULL, "  - {source: db, table: orders, schedule: manual, target: moved}\n");
    lab_start(l);
    assert_fails(l, "db.orders", "but the sync now goes to");
    assert_int_equal(lab_open_batches(l, "db.orders"), 1);
    assert_true(lab_run_kind(l, "db.orders", BW_COMMAND_FULL));
    assert_table(l, "id", "moved", "1\n2\n3\n");
}

/* A sync that the configuration does not have any more keeps what it has, and is nobody's hurry. */
static void leaves_a_sync_that_was_removed_alone(void **state)
{
    lab *l = *state;
    fail_final(l, "bigquery.job.query:403/accessDenied:1:1");
    lab_stop(l);
    lab_sql(l, "CREATE TABLE city (name text); INSERT INTO city VALUES ('a')");
    lab_configure(l, NULL, "  - {source: db, table: city, schedule: manual}\n");
    lab_start(l);
    assert_runs(l, "db.city");
    assert_int_equal(lab_open_batches(l, "db.orders"), 1);
    lab_stop(l);
    lab_configure(l, NULL, ORDERS_SYNC);
    lab_start(l);
    assert_runs(l, "db.orders");
    assert_table(l, "id", "orders", "1\n2\n3\n");
}

static void retries_what_passes_by_itself(void **state)
{
    lab *l = *state;
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, ORDERS_SYNC);
    lab_start(l);
    lab_fault(l, "bigquery.job.load:503/backendError:1:1");
    lab_fault(l, "bigquery.job.query:503/backendError:1:1");
    assert_runs(l, "db.orders");
    assert_table(l, "id", "orders", "1\n2\n3\n");
    bw_run_record *runs;
    bw_batch_record *batches;
    size_t n;
    lab_runs(l, "db.orders", &runs);
    assert_int_equal(runs[0].rows_read, 3); /* each row counts once, however often it was read */
    assert_int_equal(runs[0].rows_loaded, 3);
    assert_ok(bw_store_run_batches(l->store, runs[0].id, 100, &l->arena, &batches, &n, &l->err),
              l->err);
    assert_int_equal(batches[n - 1].attempt, 2); /* the newest is first */
    assert_int_equal(batches[n - 1].final_attempt, 1);
}

/* ---- sources ---------------------------------------------------------------------------- */

static bool reading(const bw_sync_view *v)
{
    return v->progress.active && strcmp(v->progress.phase, "reading") == 0;
}

static void a_connection_that_breaks_fails_the_run_at_once(void **state)
{
    lab *l = *state;
    const char *sync = "db.slow";
    lab_sql(l, "CREATE VIEW slow AS SELECT 1 AS id UNION ALL SELECT 2 FROM pg_sleep(600)");
    lab_configure(l, NULL, "  - {source: db, table: slow, mode: replace, schedule: manual}");
    lab_start(l);
    uint64_t run = lab_ask(l, (bw_command){.kind = BW_COMMAND_SYNC, .syncs = &sync, .n_syncs = 1});
    lab_until(l, sync, reading);
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    while (lab_statements(l, "COPY") == 0)
        lab_wait(l, deadline, "the source is not read");
    lab_sql(l, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND"
               " datname = current_database()");
    assert_false(lab_outcome(l, run));
    assert_non_null(strstr(l->news.text, "slow"));
    lab_until(l, sync, lab_idle);
    const bw_snapshot *s = bw_engine_snapshot(l->engine);
    const bw_sync_view *v = bw_snapshot_find(s, sync);
    assert_int_equal(v->state, BW_STATE_FAILED);
    assert_int_equal(v->next_run_us, BW_TIME_NONE); /* manual: nobody asked for another run */
    bw_snapshot_unref(s);
    assert_int_equal(lab_open_batches(l, sync), 0);
}

static bool failed(const bw_sync_view *v)
{
    return v->state == BW_STATE_FAILED && !v->progress.active;
}

static bool has_run(const bw_sync_view *v)
{
    return v->last_success_us != BW_TIME_NONE;
}

/* One source that is down stops nobody else, is said to be down, and is tried again soon. */
static void a_source_that_is_down_is_its_own_trouble(void **state)
{
    lab *l = *state;
    lab_sql(l, ORDERS);
    lab_configure(l, NULL,
                  "  - {source: db, table: orders, schedule: every 1h}\n"
                  "  - {source: gone, table: orders, target: gone_orders, schedule: every 1h}\n");
    lab_start_with(l, (bw_engine_options){0});
    lab_until(l, "db.orders", has_run);
    lab_until(l, "gone.orders", failed);
    const bw_snapshot *s = bw_engine_snapshot(l->engine);
    const bw_sync_view *v = bw_snapshot_find(s, "gone.orders");
    int64_t now = bw_wall_us(bw_clock_system());
    assert_int_equal(v->failures, 1);
    assert_true(isnan(v->lag_s));
    assert_true(v->next_run_us <= now + 6 * BW_SECOND);
    assert_true(v->next_run_us >= now - BW_SECOND);
    assert_string_equal(s->sources[1].name, "gone");
    assert_int_equal(s->sources[1].state, BW_SOURCE_DOWN);
    assert_non_null(s->sources[1].error);
    assert_int_equal(s->sources[1].failing, 1);
    assert_int_equal(s->sources[0].state, BW_SOURCE_UP);
    assert_int_equal(s->by_state[BW_STATE_FAILED], 1);
    assert_int_equal(s->by_state[BW_STATE_FRESH], 1);
    bw_snapshot_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(tries_again_what_has_been_mended),
        LAB_TEST(finishes_what_was_loaded_before_the_target_grew),
        LAB_TEST(reads_again_what_can_never_be_finished),
        LAB_TEST(reads_again_when_staging_has_expired),
        LAB_TEST(a_full_resync_abandons_what_was_loaded),
        LAB_TEST(leaves_a_batch_of_another_target_alone),
        LAB_TEST(leaves_a_sync_that_was_removed_alone),
        LAB_TEST(retries_what_passes_by_itself),
        LAB_TEST(a_connection_that_breaks_fails_the_run_at_once),
        LAB_TEST(a_source_that_is_down_is_its_own_trouble),
    };
    LAB_MAIN(tests);
}
