/*
 * Killed on either side of every durable step of a batch, and at random, the store ends where an
 * undisturbed one does when the protocol is taken up again.
 */
#include "tests/support/crash_points.h"
#include "tests/unit/store/child.h"

#include <stdio.h>

#define POSITION "{\"to\":\"2026-11-20T08:00:40Z\"}"
#define ROWS     10

#define STREAM "stream"

/* A message of a dead-letter subscription, as often as it is delivered. */
static void put_message(fixture *f)
{
    bw_dead_letter l = {.event_id = "m1", .reason = BW_REASON_UNDELIVERED, .attributes = "{}"};
    assert_ok(bw_store_letters_put(f->store, STREAM, &l, 1, &f->err), f->err);
}

/* What an engine does with one batch, from wherever the store stands. */
static void take_up(fixture *f)
{
    put_message(f);
    bw_batch_record *open, b;
    size_t n;
    assert_ok(bw_store_batch_open_list(f->store, SYNC, &f->arena, &open, &n, &f->err), f->err);
    assert_true(n <= 1);
    if (n == 1 && open[0].state == BW_BATCH_PLANNED) {
        assert_ok(bw_store_batch_abandon(f->store, SYNC, open[0].number, false, &f->err), f->err);
        n = 0;
    }
    int64_t run = 0;
    if (n == 0 && fixture_sync(f).checkpoint)
        return;
    if (n == 0) {
        run = fixture_run(f);
        b = fixture_plan(f, run);
        fixture_stage(f, &b, "{\"id\":0}", "abandoned");
        b.attempt++;
        assert_ok(bw_store_batch_retry(f->store, &b, &f->err), f->err);
        fixture_stage(f, &b, "{\"id\":1}", "e1");
        fixture_stage(f, &b, "{\"id\":2}", "e2");
        b.landed_keys = "[\"{\\\"id\\\":3}\"]";
        fixture_load(f, &b, ROWS, 2, POSITION);
    } else {
        b = open[0];
        b.finals[0].done = true;
        assert_ok(bw_store_batch_final(f->store, &b, &f->err), f->err);
    }
    assert_ok(bw_store_batch_commit(f->store, &b, BW_SLICE_LIT("model"), false, &f->err), f->err);
    if (run)
        fixture_end_run(f, run, "ok");
}

static int work(fixture *f, int ready)
{
    (void)ready;
    fixture_open(f, BW_STORE_ENGINE);
    take_up(f);
    fixture_close(f);
    return 0;
}

static void expect_the_same_end(fixture *f, const char *after)
{
    int64_t n;
    bw_sync_record s = fixture_sync(f);
    bw_batch_record *open;
    size_t count;
    if (!s.checkpoint || strcmp(s.checkpoint, POSITION) != 0 || s.rows_total != ROWS ||
        s.score_model.len != 5)
        fail_msg("%s: checkpoint %s, %lld rows", after, s.checkpoint ? s.checkpoint : "none",
                 (long long)s.rows_total);
    assert_int_equal(fixture_open_letters(f), 2);
    bw_letter_filter superseded = {.sync = SYNC, .any_state = true};
    assert_ok(bw_store_letters_count(f->store, &superseded, &n, &f->err), f->err);
    assert_int_equal(n, 3);
    assert_ok(bw_store_batch_open_list(f->store, NULL, &f->arena, &open, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    bw_letter_filter message = {.sync = STREAM};
    assert_ok(bw_store_letters_count(f->store, &message, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    bw_audit_entry *e;
    assert_ok(bw_store_audit_verify(f->store, &n, &f->err), f->err);
    assert_ok(bw_store_audit_list(f->store, SYNC, 0, 0, &f->arena, &e, &count, &f->err), f->err);
    assert_int_equal(count, 2); /* one for each committed batch: the letter's, and ours */
    bw_run_record *runs;
    assert_ok(bw_store_runs(f->store, SYNC, 0, 0, &f->arena, &runs, &count, &f->err), f->err);
    int64_t loaded = 0;
    for (size_t i = 0; i < count; i++)
        loaded += runs[i].rows_loaded;
    /* run_end writes the caller's totals; here they are 0, so only a run that died has ours. */
    assert_true(loaded == 0 || loaded == ROWS);
}

static const char *const POINTS[] = {
#define CRASH_POINT(name, when) #name,
#include "backend/store/crash_points.def"
};

static void the_list_of_points_is_complete(void **state)
{
    (void)state;
    bw_test_crash_points("backend/store", POINTS, BW_COUNT(POINTS));
}

static void killed_at_each_point(void **state)
{
    for (size_t i = 0; i < BW_COUNT(POINTS); i++) {
        fixture *f = *state;
        char at[64];
        snprintf(at, sizeof(at), "%s:1", POINTS[i]);
        fixture_letter(f, "{\"id\":3}", "old");
        /* A batch that an earlier engine did not finish. */
        bw_batch_record left = fixture_plan(f, fixture_run(f));
        fixture_stage(f, &left, "{\"id\":4}", "left");
        fixture_close(f);
        setenv("BW_CRASH_AT", at, 1);
        child c = child_start(f, work);
        int status = child_wait(&c);
        unsetenv("BW_CRASH_AT");
        if (status != 128 + SIGKILL)
            fail_msg("%s: not reached, status %d", at, status);
        fixture_open(f, BW_STORE_ENGINE);
        take_up(f);
        expect_the_same_end(f, at);
        fixture_teardown(state);
        fixture_setup(state);
    }
}

/* Commits batch after batch: 1 row and 1 dead letter each, and the position is the batch's number. */
static int commit_on_and_on(fixture *f, int ready)
{
    char position[32], id[32];
    fixture_open(f, BW_STORE_ENGINE);
    child_ready(ready);
    for (int i = 0; i < 1000000; i++) {
        bw_arena_reset(&f->arena, (size_t)1 << 20);
        bw_batch_record b = fixture_plan(f, 1);
        snprintf(position, sizeof(position), "%lld", (long long)b.number);
        snprintf(id, sizeof(id), "e%lld", (long long)b.number);
        fixture_stage(f, &b, id, id);
        fixture_load(f, &b, 1, 1, position);
        fixture_commit(f, &b);
    }
    return 0;
}

static void killed_at_random(void **state)
{
    fixture *f = *state;
    fixture_run(f);
    fixture_close(f);
    srand(42);
    for (int kills = 0; kills < 12; kills++) {
        bw_batch_record *open;
        size_t n;
        int64_t audit;
        child c = child_start(f, commit_on_and_on);
        child_wait_ready(&c);
        poll(NULL, 0, 1 + rand() % 60);
        child_kill(&c);
        fixture_open(f, BW_STORE_ENGINE);
        assert_ok(bw_store_batch_open_list(f->store, NULL, &f->arena, &open, &n, &f->err), f->err);
        assert_true(n <= 1);
        if (n == 1)
            assert_ok(bw_store_batch_abandon(f->store, SYNC, open[0].number, false, &f->err),
                      f->err);
        bw_sync_record s = fixture_sync(f);
        assert_int_equal(fixture_open_letters(f), s.rows_total);
        assert_ok(bw_store_audit_verify(f->store, &audit, &f->err), f->err);
        assert_int_equal(audit, s.rows_total);
        if (s.rows_total > 0)
            assert_true(strtoll(s.checkpoint, NULL, 10) < s.next_batch);
        fixture_close(f);
    }
    fixture_open(f, BW_STORE_ENGINE);
    assert_true(fixture_sync(f).rows_total > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_of_points_is_complete),
        FIXTURE_TEST(killed_at_each_point),
        FIXTURE_TEST(killed_at_random),
    };
    return BW_RUN_TESTS(tests);
}
