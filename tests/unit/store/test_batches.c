/* The durable side of the commit protocol. */
#include "tests/unit/store/fixture.h"

#include <math.h>

static size_t open_batches(fixture *f, bw_batch_record **out)
{
    size_t n;
    assert_ok(bw_store_batch_open_list(f->store, SYNC, &f->arena, out, &n, &f->err), f->err);
    return n;
}

static void goes_from_planned_to_committed(void **state)
{
    fixture *f = *state;
    bw_batch_record *open;
    int64_t run = fixture_run(f);
    bw_batch_record b = fixture_plan(f, run);
    assert_int_equal(b.number, 1);
    assert_int_equal(open_batches(f, &open), 1);
    assert_int_equal(open[0].state, BW_BATCH_PLANNED);
    assert_string_equal(open[0].load_job, "bw_0_orders_1_1_load");
    assert_null(open[0].position);

    fixture_stage(f, &b, "{\"id\":1}", "e1");
    fixture_load(f, &b, 41, 1, "{\"to\":\"2026-11-20T08:00:40Z\"}");
    assert_int_equal(open_batches(f, &open), 1);
    assert_int_equal(open[0].state, BW_BATCH_LOADED);
    assert_int_equal(open[0].n_finals, 1);
    assert_true(open[0].finals[0].done);
    assert_string_equal(open[0].finals[0].text, "MERGE t USING s");
    assert_int_equal(open[0].rows_read, 42);
    assert_null(fixture_sync(f).checkpoint);
    assert_int_equal(fixture_open_letters(f), 0);

    assert_ok(bw_store_batch_commit(f->store, &b, BW_SLICE_LIT("model\0bytes"), false, &f->err),
              f->err);
    assert_int_equal(open_batches(f, &open), 0);
    bw_sync_record s = fixture_sync(f);
    assert_string_equal(s.checkpoint, "{\"to\":\"2026-11-20T08:00:40Z\"}");
    assert_int_equal(s.watermark_us, f->wall_us - 5 * BW_SECOND);
    assert_int_equal(s.rows_total, 41);
    assert_int_equal(s.rows_present, 0);
    assert_int_equal(s.null_cursors, 2);
    assert_int_equal(s.ahead_rows, -1);
    assert_int_equal(s.next_batch, 2);
    assert_int_equal(s.score_model.len, 11);
    assert_memory_equal(s.score_model.ptr, "model\0bytes", 11);
    assert_int_equal(fixture_open_letters(f), 1);

    bw_run_record *runs;
    size_t n;
    assert_ok(bw_store_runs(f->store, SYNC, 0, 10, &f->arena, &runs, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    assert_int_equal(runs[0].rows_loaded, 41);
    assert_int_equal(runs[0].batches, 1);
}

/* Until the final job has answered every staged row counts as loaded; then what it says. */
static void counts_what_the_target_held_already(void **state)
{
    fixture *f = *state;
    bw_run_record *runs;
    bw_batch_record *batches;
    size_t n;
    int64_t run = fixture_run(f);
    bw_batch_record b = fixture_plan(f, run);
    fixture_load(f, &b, 10, 2, "{}");
    b.rows_loaded = 7;
    assert_int_equal(bw_store_batch_final(f->store, &b, &f->err), BW_INTERNAL);
    b.rows_present = 3;
    assert_ok(bw_store_batch_final(f->store, &b, &f->err), f->err);
    fixture_commit(f, &b);
    assert_int_equal(fixture_sync(f).rows_total, 7);
    assert_int_equal(fixture_sync(f).rows_present, 3);
    assert_ok(bw_store_runs(f->store, SYNC, 0, 10, &f->arena, &runs, &n, &f->err), f->err);
    assert_int_equal(runs[0].rows_read, 12);
    assert_int_equal(runs[0].rows_loaded, 7);
    assert_int_equal(runs[0].rows_present, 3);
    assert_int_equal(runs[0].dead_letters, 2);
    assert_ok(bw_store_run_batches(f->store, run, 10, &f->arena, &batches, &n, &f->err), f->err);
    assert_int_equal(batches[0].rows_present, 3);
}

/* Killed after it, the run that committed what another one had loaded still says so. */
static void is_counted_by_the_run_that_commits_it(void **state)
{
    fixture *f = *state;
    bw_run_record *runs;
    size_t n;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_load(f, &b, 10, 2, "{}");
    bw_store_close(f->store);
    fixture_open(f, BW_STORE_ENGINE);
    b.run_id = fixture_run(f);
    fixture_commit(f, &b);
    assert_ok(bw_store_runs(f->store, SYNC, 0, 10, &f->arena, &runs, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_int_equal(runs[0].id, b.run_id);
    assert_int_equal(runs[0].rows_read, 12);
    assert_int_equal(runs[0].rows_loaded, 10);
    assert_int_equal(runs[0].batches, 1);
    assert_string_equal(runs[1].state, "interrupted");
    assert_int_equal(runs[1].rows_loaded, 0);
}

static void commits_once(void **state)
{
    fixture *f = *state;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_load(f, &b, 10, 0, "{}");
    fixture_commit(f, &b);
    fixture_commit(f, &b);
    assert_int_equal(fixture_sync(f).rows_total, 10);
}

static void refuses_steps_out_of_order(void **state)
{
    fixture *f = *state;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    assert_int_equal(bw_store_batch_commit(f->store, &b, (bw_slice){0}, false, &f->err),
                     BW_CONFLICT);
    assert_int_equal(bw_store_batch_final(f->store, &b, &f->err), BW_CONFLICT);
    b.rows_read = 3;
    b.rows_loaded = 1;
    b.dead_letters = 1;
    assert_int_equal(bw_store_batch_loaded(f->store, &b, &f->err), BW_INTERNAL);
    b.rows_loaded = 2;
    assert_ok(bw_store_batch_loaded(f->store, &b, &f->err), f->err);
    assert_int_equal(bw_store_batch_retry(f->store, &b, &f->err), BW_CONFLICT);
    bw_dead_letter l = {.event_id = "late", .reason = BW_REASON_BAD_UTF8};
    assert_int_equal(bw_store_letters_stage(f->store, SYNC, b.number, &l, 1, &f->err), BW_CONFLICT);
    fixture_commit(f, &b);
    assert_int_equal(bw_store_batch_abandon(f->store, SYNC, b.number, false, &f->err), BW_CONFLICT);
    bw_batch_record again = {.sync = SYNC, .number = b.number, .attempt = 1};
    assert_int_equal(bw_store_batch_plan(f->store, &again, &f->err), BW_CONFLICT);
}

static void keeps_what_a_batch_does_not_know(void **state)
{
    fixture *f = *state;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_load(f, &b, 1, 0, "{\"a\":1}");
    assert_ok(bw_store_batch_commit(f->store, &b, BW_SLICE_LIT("m"), false, &f->err), f->err);
    b = fixture_plan(f, fixture_run(f));
    b.watermark_us = BW_TIME_NONE;
    assert_ok(bw_store_batch_loaded(f->store, &b, &f->err), f->err);
    fixture_commit(f, &b);
    bw_sync_record s = fixture_sync(f);
    assert_string_equal(s.checkpoint, "{\"a\":1}");
    assert_int_equal(s.watermark_us, f->wall_us - 5 * BW_SECOND);
    assert_int_equal(s.null_cursors, 2);
    assert_int_equal(s.score_model.len, 1);
}

static void a_reset_outlives_the_batch_that_was_planned_before_it(void **state)
{
    fixture *f = *state;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_load(f, &b, 7, 0, "{\"a\":1}");
    assert_ok(bw_store_sync_reset(f->store, SYNC, "anna", &f->err), f->err);
    fixture_commit(f, &b);
    bw_sync_record s = fixture_sync(f);
    assert_null(s.checkpoint);
    assert_int_equal(s.rows_total, 7);
}

static void remembers_every_staging_table(void **state)
{
    fixture *f = *state;
    bw_batch_record *list, b = fixture_plan(f, fixture_run(f));
    size_t n;
    fixture_stage(f, &b, "{\"id\":1}", "e1");
    b.attempt = 2;
    b.staging = "orders_staging_2";
    assert_ok(bw_store_batch_retry(f->store, &b, &f->err), f->err);
    assert_ok(bw_store_staging_list(f->store, NULL, &f->arena, &list, &n, &f->err), f->err);
    assert_int_equal(n, 0);
    fixture_load(f, &b, 1, 0, NULL);
    fixture_commit(f, &b);
    assert_int_equal(fixture_open_letters(f), 0);
    assert_ok(bw_store_staging_list(f->store, SYNC, &f->arena, &list, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].staging, "orders_staging_1");
    assert_string_equal(list[0].dataset, "d");
    assert_string_equal(list[1].staging, "orders_staging_2");
    assert_ok(bw_store_staging_forget(f->store, SYNC, b.number, "orders_staging_1", &f->err),
              f->err);
    assert_ok(bw_store_staging_list(f->store, NULL, &f->arena, &list, &n, &f->err), f->err);
    assert_int_equal(n, 1);
}

static void a_run_leaves_its_outcome_on_the_sync(void **state)
{
    fixture *f = *state;
    fixture_end_run(f, fixture_run(f), "failed");
    fixture_end_run(f, fixture_run(f), "failed");
    fixture_end_run(f, fixture_run(f), "cancelled");
    bw_sync_record s = fixture_sync(f);
    assert_int_equal(s.failures, 2);
    assert_string_equal(s.error, "no answer");
    assert_string_equal(s.hint, "Ask again.");
    assert_int_equal(s.last_success_us, BW_TIME_NONE);
    f->wall_us += BW_MINUTE;
    fixture_end_run(f, fixture_run(f), "ok");
    s = fixture_sync(f);
    assert_int_equal(s.failures, 0);
    assert_null(s.error);
    assert_int_equal(s.last_success_us, f->wall_us);

    bw_run_record *runs;
    size_t n;
    assert_ok(bw_store_runs(f->store, NULL, 0, 2, &f->arena, &runs, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_string_equal(runs[0].state, "ok");
    assert_string_equal(runs[1].state, "cancelled");
    assert_string_equal(runs[0].mode, "upsert");
    /* A mode that was to be found out is there in the end. */
    bw_run_record ended = {.id = runs[0].id, .sync = SYNC, .state = "ok", .mode = "append"};
    assert_ok(bw_store_run_end(f->store, &ended, &f->err), f->err);
    assert_ok(bw_store_runs(f->store, NULL, 0, 2, &f->arena, &runs, &n, &f->err), f->err);
    assert_string_equal(runs[0].mode, "append");
    assert_ok(bw_store_runs(f->store, SYNC, runs[1].id, 0, &f->arena, &runs, &n, &f->err), f->err);
    assert_int_equal(n, 2);
}

static void facts_for_showing_leave_the_rest_alone(void **state)
{
    fixture *f = *state;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_load(f, &b, 5, 0, "{\"a\":1}");
    fixture_commit(f, &b);
    bw_sync_record facts = {.name = SYNC,
                            .source = "shop",
                            .target = "p.d.orders",
                            .mode = "upsert",
                            .state = "fresh",
                            .freshness = NAN,
                            .lag_s = 1.5,
                            .next_run_us = BW_TIME_NONE,
                            .freshness_target_us = 5 * BW_MINUTE,
                            .notes = "[\"deletes not seen\"]",
                            .source_offset_us = -3 * BW_SECOND,
                            .slowed = "few bytes are left",
                            .checkpoint = "wrong",
                            .rows_total = 99};
    assert_ok(bw_store_sync_put(f->store, &facts, &f->err), f->err);
    bw_sync_record s = fixture_sync(f);
    assert_string_equal(s.checkpoint, "{\"a\":1}");
    assert_int_equal(s.rows_total, 5);
    assert_true(isnan(s.freshness));
    assert_true(s.lag_s == 1.5);
    assert_int_equal(s.next_run_us, BW_TIME_NONE);
    assert_string_equal(s.notes, "[\"deletes not seen\"]");
    assert_int_equal(s.source_offset_us, -3 * BW_SECOND);
    assert_string_equal(s.slowed, "few bytes are left");

    assert_ok(bw_store_sync_pause(f->store, SYNC, true, "anna", &f->err), f->err);
    assert_ok(bw_store_sync_park(f->store, SYNC, f->wall_us + BW_HOUR, "quota", &f->err), f->err);
    assert_ok(bw_store_sync_put(f->store, &facts, &f->err), f->err);
    s = fixture_sync(f);
    assert_true(s.paused);
    assert_string_equal(s.paused_by, "anna");
    assert_int_equal(s.parked_until_us, f->wall_us + BW_HOUR);
    assert_string_equal(s.parked_reason, "quota");
    assert_ok(bw_store_sync_pause(f->store, SYNC, false, "bert", &f->err), f->err);
    assert_ok(bw_store_sync_park(f->store, SYNC, BW_TIME_NONE, NULL, &f->err), f->err);
    s = fixture_sync(f);
    assert_false(s.paused);
    assert_null(s.paused_by);
    assert_int_equal(s.parked_until_us, BW_TIME_NONE);
    assert_null(s.parked_reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(goes_from_planned_to_committed),
        FIXTURE_TEST(counts_what_the_target_held_already),
        FIXTURE_TEST(is_counted_by_the_run_that_commits_it),
        FIXTURE_TEST(commits_once),
        FIXTURE_TEST(refuses_steps_out_of_order),
        FIXTURE_TEST(keeps_what_a_batch_does_not_know),
        FIXTURE_TEST(a_reset_outlives_the_batch_that_was_planned_before_it),
        FIXTURE_TEST(remembers_every_staging_table),
        FIXTURE_TEST(a_run_leaves_its_outcome_on_the_sync),
        FIXTURE_TEST(facts_for_showing_leave_the_rest_alone),
    };
    return BW_RUN_TESTS(tests);
}
