/* What is booked against quotas, and what happens when they are used up. */
#include "tests/unit/store/fixture.h"

#include "backend/core/units.h"
#include "backend/engine/pace.h"
#include "backend/engine/run_internal.h"

typedef struct bench {
    bw_sync_def def;
    bw_run run;
    bw_budget_ops ops;
} bench;

static void begin(bench *b, fixture *f)
{
    *b = (bench){.def = {.name = SYNC, .max_bytes_per_day = 1000}};
    b->run.env = (bw_run_env){.store = f->store, .clock = &f->clock};
    b->run.def = &b->def;
    b->ops = bw_budget_on_store(&b->run);
}

static int64_t booked(fixture *f, const char *what, const char *whom)
{
    int64_t sum, oldest;
    assert_ok(bw_store_booked(f->store, what, whom, &sum, &oldest, &f->err), f->err);
    return sum;
}

static void books_each_load_where_it_counts(void **state)
{
    fixture *f = *state;
    bench b;
    begin(&b, f);
    for (int i = 0; i < 3; i++)
        assert_ok(b.ops.book(b.ops.user, "p.d.orders", 0, &f->err), f->err);
    assert_ok(b.ops.book(b.ops.user, "p.d.parts", 7, &f->err), f->err);
    assert_int_equal(booked(f, "modifications", "p.d.orders"), 3);
    assert_int_equal(booked(f, "modifications", "p.d.parts"), 7);
    assert_int_equal(booked(f, "load_jobs", "project"), 4);
}

static void refuses_what_is_over_a_table_s_limit(void **state)
{
    fixture *f = *state;
    bench b;
    int64_t sum;
    begin(&b, f);
    assert_ok(bw_store_book(f->store, "modifications", "p.d.orders", 1500, &sum, &f->err), f->err);
    assert_int_equal(b.ops.book(b.ops.user, "p.d.orders", 0, &f->err), BW_QUOTA);
    assert_string_equal(f->err.message,
                        "the 1,500 table modifications of p.d.orders in 24 h are used up");
    assert_true(f->err.retry_after_s >= 60 && f->err.retry_after_s <= 3600);
    assert_int_equal(booked(f, "modifications", "p.d.orders"), 1500); /* what is not sent is free */
    assert_int_equal(booked(f, "load_jobs", "project"), 0);

    /* Partitioned tables have a limit of their own, other tables are not concerned. */
    assert_ok(b.ops.book(b.ops.user, "p.d.orders", 1, &f->err), f->err);
    assert_ok(b.ops.book(b.ops.user, "p.d.others", 0, &f->err), f->err);
}

static void says_when_there_is_room_again(void **state)
{
    fixture *f = *state;
    bench b;
    int64_t sum;
    begin(&b, f);
    assert_ok(bw_store_book(f->store, "bytes", SYNC, 1000, &sum, &f->err), f->err);
    f->wall_us += BW_DAY - 20 * BW_MINUTE;
    assert_int_equal(b.ops.book_bytes(b.ops.user, 1, &f->err), BW_QUOTA);
    assert_true(f->err.retry_after_s > 19 * 60 && f->err.retry_after_s <= 22 * 60);
    f->wall_us += 25 * BW_MINUTE;
    assert_ok(b.ops.book_bytes(b.ops.user, 1000, &f->err), f->err);
    assert_int_equal(b.ops.book_bytes(b.ops.user, 1, &f->err), BW_QUOTA);
}

static void no_limit_counts_all_the_same(void **state)
{
    fixture *f = *state;
    bench b;
    begin(&b, f);
    b.def.max_bytes_per_day = 0;
    assert_ok(b.ops.book_bytes(b.ops.user, INT64_C(1) << 50, &f->err), f->err);
    assert_true(booked(f, "bytes", SYNC) == INT64_C(1) << 50);
}

/* ---- the pace --------------------------------------------------------------------------- */

#define LIMIT 1000

/* Runs every so often from `at` for a day; the sum of 24 h never goes over the limit. */
static void keeps_within(const bw_booking *booked, size_t n, int64_t at, int64_t every,
                         int64_t cost)
{
    int64_t now = at, runs = 0;
    for (; now < at + BW_DAY; now += every) {
        int64_t sum = ++runs * cost;
        for (size_t i = 0; i < n; i++)
            sum += booked[i].at_us + BW_DAY > now ? booked[i].n : 0;
        if (sum > LIMIT)
            fail_msg("%lld bytes after %lld runs", (long long)sum, (long long)runs);
    }
}

static void stretches_over_what_is_left(void **state)
{
    (void)state;
    const int64_t now = 1790000000 * BW_SECOND;
    const bw_booking early[] = {{now - 23 * BW_HOUR, 900}}, late[] = {{now - BW_HOUR, 900}};
    /* With the whole day's budget: evenly over the day. */
    assert_int_equal(bw_pace_interval(NULL, 0, now, LIMIT, 10), BW_DAY / 100);
    /* A tenth is left for the next 23 hours, or for one. */
    assert_int_equal(bw_pace_interval(late, 1, now, LIMIT, 10), 23 * BW_HOUR / 10);
    assert_int_equal(bw_pace_interval(early, 1, now, LIMIT, 10), BW_DAY / 100);
    for (int64_t cost = 1; cost <= 100; cost += 9) {
        int64_t late_every = bw_pace_interval(late, 1, now, LIMIT, (double)cost);
        int64_t early_every = bw_pace_interval(early, 1, now, LIMIT, (double)cost) + 1;
        keeps_within(late, 1, now + late_every, late_every, cost);
        keeps_within(early, 1, now + early_every, early_every, cost);
    }
    assert_int_equal(bw_pace_interval(late, 1, now, 0, 10), 0);    /* no limit */
    assert_int_equal(bw_pace_interval(late, 1, now, LIMIT, 0), 0); /* nothing is read */
}

static void knows_when_there_is_room(void **state)
{
    (void)state;
    const int64_t now = 1790000000 * BW_SECOND;
    const bw_booking booked[] = {{now - 20 * BW_HOUR, 400}, {now - 10 * BW_HOUR, 600}};
    assert_true(bw_pace_room_at(NULL, 0, now, LIMIT, 1000) == now);
    assert_true(bw_pace_room_at(booked, 2, now, LIMIT, 1) == now + 4 * BW_HOUR);
    assert_true(bw_pace_room_at(booked, 2, now, LIMIT, 401) == now + 14 * BW_HOUR);
    assert_true(bw_pace_room_at(booked, 2, now, LIMIT, 1001) == BW_TIME_NONE);
}

static void lists_what_is_booked(void **state)
{
    fixture *f = *state;
    bw_booking *booked;
    size_t n;
    int64_t sum;
    assert_ok(bw_store_book(f->store, "bytes", SYNC, 5, &sum, &f->err), f->err);
    f->wall_us += BW_DAY - BW_HOUR;
    assert_ok(bw_store_book(f->store, "bytes", SYNC, 7, &sum, &f->err), f->err);
    assert_ok(bw_store_bookings(f->store, "bytes", SYNC, &f->arena, &booked, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_int_equal(booked[0].n, 5);
    assert_int_equal(booked[1].n, 7);
    f->wall_us += 2 * BW_HOUR;
    assert_ok(bw_store_bookings(f->store, "bytes", SYNC, &f->arena, &booked, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    assert_int_equal(booked[0].n, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(books_each_load_where_it_counts),
        FIXTURE_TEST(refuses_what_is_over_a_table_s_limit),
        FIXTURE_TEST(says_when_there_is_room_again),
        FIXTURE_TEST(no_limit_counts_all_the_same),
        cmocka_unit_test(stretches_over_what_is_left),
        cmocka_unit_test(knows_when_there_is_room),
        FIXTURE_TEST(lists_what_is_booked),
    };
    return BW_RUN_TESTS(tests);
}
