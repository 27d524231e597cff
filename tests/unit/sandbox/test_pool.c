/* Workers, timers and wake-ups. Covers: sandbox/pool. */
#include "tests/support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "backend/sandbox/pool.h"

typedef struct probe {
    bw_sb_task task;
    bw_sb_pool *pool;
    atomic_int runs;
    int64_t ran_at_us;
    uint64_t park_key;
    int64_t park_for_us; /* parks once for this long */
} probe;

static void run_probe(bw_sb_task *task)
{
    probe *p = (probe *)task;
    p->ran_at_us = bw_mono_us(bw_clock_system());
    int64_t park_for_us = p->park_for_us;
    p->park_for_us = 0;
    if (park_for_us) {
        uint64_t ticket = bw_sb_pool_ticket(p->pool, p->park_key);
        atomic_fetch_add(&p->runs, 1);
        bw_sb_pool_park(p->pool, task, p->park_key, ticket, p->ran_at_us + park_for_us);
        return;
    }
    atomic_fetch_add(&p->runs, 1);
}

static void wait_runs(probe *p, int runs)
{
    int64_t deadline = bw_mono_us(bw_clock_system()) + 10 * BW_SECOND;
    while (atomic_load(&p->runs) < runs) {
        if (bw_mono_us(bw_clock_system()) > deadline)
            fail_msg("%d runs instead of %d", atomic_load(&p->runs), runs);
        sched_yield();
    }
}

static void tasks_run_at_their_time_and_in_order(void **state)
{
    (void)state;
    bw_sb_pool *pool = bw_sb_pool_new(1, bw_clock_system());
    enum { N = 50 };
    probe probes[N] = {0};
    /* All of them are there before the first is due. */
    int64_t first = bw_mono_us(bw_clock_system()) + BW_SECOND / 2;
    for (int i = 0; i < N; i++) {
        /* Scrambled: 7 is prime to 50. */
        int place = i * 7 % N;
        probes[place].task.run = run_probe;
        assert_true(bw_sb_pool_submit_at(pool, &probes[place].task, first + place * 1000));
    }
    for (int i = 0; i < N; i++) {
        wait_runs(&probes[i], 1);
        assert_true(probes[i].ran_at_us >= first + i * 1000);
        if (i)
            assert_true(probes[i].ran_at_us >= probes[i - 1].ran_at_us);
    }
    bw_sb_pool_stop(pool);
    bw_sb_pool_free(pool);
}

static void a_parked_task_is_woken_or_times_out(void **state)
{
    (void)state;
    bw_sb_pool *pool = bw_sb_pool_new(2, bw_clock_system());
    probe waits = {.task.run = run_probe, .pool = pool, .park_key = 5, .park_for_us = BW_HOUR};
    probe times_out = {.task.run = run_probe, .pool = pool, .park_key = 6, .park_for_us = 20000};
    bw_sb_pool_submit(pool, &waits.task);
    bw_sb_pool_submit(pool, &times_out.task);
    wait_runs(&waits, 1);
    wait_runs(&times_out, 2);
    bw_sb_pool_wake(pool, 6);
    assert_int_equal(atomic_load(&waits.runs), 1);
    bw_sb_pool_wake(pool, 5);
    wait_runs(&waits, 2);
    bw_sb_pool_stop(pool);
    bw_sb_pool_free(pool);
}

static void a_wake_between_ticket_and_park_is_not_lost(void **state)
{
    (void)state;
    bw_sb_pool *pool = bw_sb_pool_new(1, bw_clock_system());
    probe p = {.task.run = run_probe, .pool = pool};
    uint64_t ticket = bw_sb_pool_ticket(pool, 9);
    bw_sb_pool_wake(pool, 9);
    assert_true(bw_sb_pool_park(pool, &p.task, 9, ticket, BW_FOREVER));
    wait_runs(&p, 1);
    bw_sb_pool_stop(pool);
    bw_sb_pool_free(pool);
}

static void stopping_runs_what_waits_and_takes_nothing_new(void **state)
{
    (void)state;
    bw_sb_pool *pool = bw_sb_pool_new(2, bw_clock_system());
    probe timed = {.task.run = run_probe, .pool = pool};
    probe parked = {.task.run = run_probe, .pool = pool, .park_key = 1, .park_for_us = BW_HOUR};
    bw_sb_pool_submit_at(pool, &timed.task, bw_mono_us(bw_clock_system()) + BW_HOUR);
    bw_sb_pool_submit(pool, &parked.task);
    wait_runs(&parked, 1);
    bw_sb_pool_stop(pool);
    assert_int_equal(atomic_load(&timed.runs), 1);
    assert_int_equal(atomic_load(&parked.runs), 2);
    assert_true(bw_sb_pool_stopping(pool));
    assert_false(bw_sb_pool_submit(pool, &timed.task));
    assert_false(bw_sb_pool_submit_at(pool, &timed.task, 0));
    assert_false(bw_sb_pool_park(pool, &timed.task, 1, 0, 0));
    bw_sb_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_at_their_time_and_in_order),
        cmocka_unit_test(a_parked_task_is_woken_or_times_out),
        cmocka_unit_test(a_wake_between_ticket_and_park_is_not_lost),
        cmocka_unit_test(stopping_runs_what_waits_and_takes_nothing_new),
    };
    return BW_RUN_TESTS(tests);
}
