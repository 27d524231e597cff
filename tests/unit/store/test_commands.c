/* Commands and the wake socket, bookings, trimming. */
#include "tests/unit/store/child.h"

#include <poll.h>
#include <stdio.h>

#include "backend/store/internal.h"

/* ---- commands --------------------------------------------------------------------------- */

static bool woken(const bw_store *store, int timeout_ms)
{
    struct pollfd p = {.fd = bw_store_wake_fd(store), .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static int put_one(fixture *f, int ready)
{
    int64_t id;
    (void)ready;
    fixture_open(f, BW_STORE_SHARED);
    bw_status st =
        bw_store_command_put(f->store, "anna", "resync", "{\"sync\":\"" SYNC "\"}", &id, &f->err);
    fixture_close(f);
    return st == BW_OK ? 0 : 1;
}

static void another_process_wakes_the_engine(void **state)
{
    fixture *f = *state;
    bw_command_record *c, one;
    size_t n;
    bw_store *engine = f->store;
    assert_true(bw_store_wake_fd(engine) >= 0);
    assert_ok(bw_store_command_take(engine, &f->arena, &c, &n, &f->err), f->err);
    assert_int_equal(n, 0);
    assert_false(woken(engine, 0));
    /* The child opens a connection of its own; it never touches the engine's. */
    f->store = NULL;
    child put = child_start(f, put_one);
    assert_true(woken(engine, 60000));
    assert_int_equal(child_wait(&put), 0);
    f->store = engine;
    bw_store_wake_drain(engine);
    assert_false(woken(engine, 0));
    assert_ok(bw_store_command_take(engine, &f->arena, &c, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    assert_string_equal(c[0].who, "anna");
    assert_string_equal(c[0].kind, "resync");
    assert_string_equal(c[0].args, "{\"sync\":\"" SYNC "\"}");
    assert_string_equal(c[0].state, "taken");
    assert_null(c[0].outcome);
    int64_t id = c[0].id;
    assert_ok(bw_store_command_take(engine, &f->arena, &c, &n, &f->err), f->err);
    assert_int_equal(n, 0);
    assert_ok(bw_store_command_progress(engine, id, "3 of 9", &f->err), f->err);
    assert_ok(bw_store_command_get(engine, id, &f->arena, &one, &f->err), f->err);
    assert_string_equal(one.state, "taken");
    assert_string_equal(one.outcome, "3 of 9");
    assert_ok(bw_store_command_done(engine, id, false, "no such sync", &f->err), f->err);
    assert_ok(bw_store_command_progress(engine, id, "too late", &f->err), f->err);
    assert_ok(bw_store_command_get(engine, id, &f->arena, &one, &f->err), f->err);
    assert_string_equal(one.state, "failed");
    assert_string_equal(one.outcome, "no such sync");
    assert_int_equal(bw_store_command_get(engine, 4711, &f->arena, &one, &f->err), BW_NOT_FOUND);
}

static void nobody_to_wake_is_fine(void **state)
{
    fixture *f = *state;
    int64_t id;
    fixture_close(f);
    /* Left by an engine that was killed. */
    char *path = bw_state_path(f->dir, "wake");
    FILE *stale = fopen(path, "w");
    assert_non_null(stale);
    fclose(stale);
    free(path);
    fixture_open(f, BW_STORE_SHARED);
    assert_ok(bw_store_command_put(f->store, "anna", "pause", NULL, &id, &f->err), f->err);
    fixture_close(f);
    fixture_open(f, BW_STORE_ENGINE);
    assert_true(bw_store_wake_fd(f->store) >= 0);
    bw_store *shared;
    assert_ok(bw_store_open(f->dir, BW_STORE_SHARED, &f->clock, &shared, &f->err), f->err);
    for (int i = 0; i < 2000; i++) /* more than the socket takes: never blocks, never fails */
        bw_wake_send(shared);
    assert_true(woken(f->store, 0));
    bw_store_close(shared);
}

static void a_long_path_wakes_too(void **state)
{
    fixture *f = *state;
    int64_t id;
    bw_store *engine, *shared;
    char *dir = bw_xasprintf("%s/%0100d/%0100d", f->dir, 1, 2);
    assert_ok(bw_store_open(dir, BW_STORE_ENGINE, &f->clock, &engine, &f->err), f->err);
    assert_ok(bw_store_open(dir, BW_STORE_SHARED, &f->clock, &shared, &f->err), f->err);
    assert_ok(bw_store_command_put(shared, "anna", "pause", NULL, &id, &f->err), f->err);
    assert_true(woken(engine, 0));
    bw_store_close(shared);
    bw_store_close(engine);
    free(dir);
}

/* ---- bookings --------------------------------------------------------------------------- */

static void bookings_leave_the_sum_after_a_day(void **state)
{
    fixture *f = *state;
    int64_t sum, oldest, first;
    f->wall_us += 20 * BW_SECOND - f->wall_us % BW_MINUTE; /* well inside a minute */
    first = f->wall_us;
    assert_ok(bw_store_booked(f->store, "load_jobs", "t", &sum, &oldest, &f->err), f->err);
    assert_int_equal(sum, 0);
    assert_int_equal(oldest, BW_TIME_NONE);
    assert_ok(bw_store_book(f->store, "load_jobs", "t", 2, &sum, &f->err), f->err);
    f->wall_us += 10 * BW_SECOND;
    assert_ok(bw_store_book(f->store, "load_jobs", "t", 3, &sum, &f->err), f->err);
    assert_int_equal(sum, 5);
    assert_ok(bw_store_book(f->store, "load_jobs", "u", 100, &sum, &f->err), f->err);
    assert_ok(bw_store_book(f->store, "bytes", "t", 1000, &sum, &f->err), f->err);
    f->wall_us += BW_HOUR;
    assert_ok(bw_store_book(f->store, "load_jobs", "t", 1, &sum, &f->err), f->err);
    assert_int_equal(sum, 6);
    assert_ok(bw_store_booked(f->store, "load_jobs", "t", &sum, &oldest, &f->err), f->err);
    assert_int_equal(oldest, first + 10 * BW_SECOND);
    f->wall_us = first + 10 * BW_SECOND + BW_DAY - 1;
    assert_ok(bw_store_booked(f->store, "load_jobs", "t", &sum, &oldest, &f->err), f->err);
    assert_int_equal(sum, 6);
    f->wall_us += 1;
    assert_ok(bw_store_booked(f->store, "load_jobs", "t", &sum, &oldest, &f->err), f->err);
    assert_int_equal(sum, 1);
}

/* ---- trimming --------------------------------------------------------------------------- */

static int64_t count_of(fixture *f, const char *sql)
{
    int64_t n;
    bw_tx_read(f->store);
    bw_sql q = bw_sql_open(f->store, sql);
    assert_ok(bw_sql_one_int(&q, 0, &n, &f->err), f->err);
    bw_tx_read_end(f->store);
    return n;
}

static void keeps_the_newest_and_everything_that_is_open(void **state)
{
    fixture *f = *state;
    int64_t moved, id, closed = fixture_letter(f, "{\"id\":1}", "e1");
    fixture_letter(f, "{\"id\":2}", "e2");
    assert_ok(
        bw_store_letters_move(f->store, &closed, 1, BW_LETTER_DISCARDED, "anna", &moved, &f->err),
        f->err);
    fixture_run(f); /* never ended: stays */
    bw_batch_record open = fixture_plan(f, fixture_run(f));
    assert_ok(bw_store_command_put(f->store, "anna", "pause", NULL, &id, &f->err), f->err);
    assert_ok(bw_store_command_put(f->store, "anna", "resume", NULL, &id, &f->err), f->err);
    assert_ok(bw_store_command_done(f->store, id, true, "", &f->err), f->err);
    assert_ok(bw_store_book(f->store, "bytes", "t", 1, &moved, &f->err), f->err);
    /* Thousands of runs with a batch each, quicker than one by one. */
    assert_ok(bw_sql_script(f->store,
                            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                            " WHERE i < 5000) INSERT INTO runs (sync, state)"
                            " SELECT 'shop.orders', 'ok' FROM n;"
                            "INSERT INTO batches (sync, number, run_id, attempt, state,"
                            " final_attempt, backfill, rows_read, rows_loaded, dead_letters,"
                            " bytes_uploaded, null_cursors, ahead_rows, epoch) SELECT sync,"
                            " id + 1000, id, 1, 'committed', 1, 0, 0, 0, 0, 0, 0, 0, 0 FROM runs"
                            " WHERE state = 'ok';"
                            "INSERT INTO stagings SELECT sync, min(number), 'still there'"
                            " FROM batches WHERE number > 1000",
                            &f->err),
              f->err);
    assert_ok(bw_store_trim(f->store, &f->err), f->err);
    assert_int_equal(count_of(f, "SELECT count(*) FROM runs WHERE state = 'ok'"), 1000);
    assert_int_equal(count_of(f, "SELECT count(*) FROM runs WHERE state = 'running'"), 4);
    assert_int_equal(count_of(f, "SELECT count(*) FROM batches WHERE state = 'planned'"), 1);
    assert_int_equal(count_of(f, "SELECT max(number) FROM batches WHERE state = 'planned'"),
                     open.number);
    assert_int_equal(count_of(f, "SELECT count(*) FROM batches WHERE number > 1000"), 1001);
    assert_int_equal(count_of(f, "SELECT count(*) FROM letters"), 2);
    assert_int_equal(count_of(f, "SELECT count(*) FROM commands"), 2);
    assert_int_equal(count_of(f, "SELECT count(*) FROM bookings"), 1);
    int64_t audit = count_of(f, "SELECT count(*) FROM audit");
    f->wall_us += 100 * BW_DAY;
    assert_ok(bw_store_trim(f->store, &f->err), f->err);
    assert_int_equal(count_of(f, "SELECT count(*) FROM letters"), 1);
    assert_int_equal(fixture_open_letters(f), 1);
    assert_int_equal(count_of(f, "SELECT count(*) FROM commands WHERE state = 'new'"), 1);
    assert_int_equal(count_of(f, "SELECT count(*) FROM commands"), 1);
    assert_int_equal(count_of(f, "SELECT count(*) FROM bookings"), 0);
    assert_int_equal(count_of(f, "SELECT count(*) FROM audit"), audit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(another_process_wakes_the_engine),
        FIXTURE_TEST(nobody_to_wake_is_fine),
        FIXTURE_TEST(a_long_path_wakes_too),
        FIXTURE_TEST(bookings_leave_the_sum_after_a_day),
        FIXTURE_TEST(keeps_the_newest_and_everything_that_is_open),
    };
    return BW_RUN_TESTS(tests);
}
