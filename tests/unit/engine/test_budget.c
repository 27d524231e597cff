/* What is booked against quotas, and what happens when they are used up. */
#include "tests/unit/store/fixture.h"

#include "backend/core/units.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(books_each_load_where_it_counts),
        FIXTURE_TEST(refuses_what_is_over_a_table_s_limit),
        FIXTURE_TEST(says_when_there_is_room_again),
        FIXTURE_TEST(no_limit_counts_all_the_same),
    };
    return BW_RUN_TESTS(tests);
}
