/* Checkpoints of the PostgreSQL driver. */
#include "backend/core/json.h"
#include "backend/sources/postgres_position.h"
#include "tests/support/test.h"

static void comes_back_as_written(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_pgdone done[] = {{16384, 4000000000u}, {16390, 16391}};
    bw_pgposition p = {.table = "public.a \"b\"",
                       .cursor = "at",
                       .to_us = 1700000000000001,
                       .next_from_us = 1699999940000000,
                       .resume = "2024-01-01 00:00:00+00",
                       .from_known = true,
                       .from = INT64_MIN,
                       .seen = {{1700000000000000, INT64_MAX}, {1700000000000005, -1}},
                       .n_seen = 2,
                       .backfill = {.active = true,
                                    .slices = 3,
                                    .xmin = 123456789012,
                                    .key = "it's",
                                    .done = done,
                                    .n_done = 2,
                                    .block = -1}};
    const char *text = bw_pgposition_write(&p, &arena), *why;
    size_t at;
    bw_pgposition q;
    assert_true(bw_json_valid(bw_slice_cstr(text), &why, &at));
    assert_ok(bw_pgposition_read(text, "public.a \"b\"", "at", &arena, &q, &err), err);
    assert_string_equal(bw_pgposition_write(&q, &arena), text);
    assert_int_equal(q.from, INT64_MIN);
    assert_int_equal(q.seen[0].value, INT64_MAX);
    assert_int_equal(q.backfill.done[0].filenode, 4000000000u);
    /* While a backfill runs nothing is there up to any time. */
    assert_null(bw_json_member(bw_slice_cstr(text), "to").ptr);
    p.backfill.active = false;
    text = bw_pgposition_write(&p, &arena);
    assert_non_null(strstr(text, "\"to\":\"2023-11-14T22:13:20.000001Z\""));
    bw_arena_fini(&arena);
}

static void refuses_what_is_not_its_own(void **state)
{
    static const char *const texts[] = {
        "",
        "null",
        "{",
        "[]",
        "{\"v\":2}",
        "{\"v\":1}",
        "{\"v\":1,\"table\":\"public.b\"}",
        "{\"v\":1,\"table\":\"public.a\"}",
        "{\"v\":1,\"table\":\"public.a\",\"cursor\":\"other\"}",
    };
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_pgposition p;
    for (size_t i = 0; i < BW_COUNT(texts); i++) {
        bw_error err = BW_ERROR_INIT;
        assert_int_equal(bw_pgposition_read(texts[i], "public.a", "at", &arena, &p, &err),
                         BW_INVALID);
        assert_true(err.hint[0]);
    }
    bw_arena_fini(&arena);
}

static void settles_sequences(void **state)
{
    (void)state;
    bw_pgposition p = {.from_known = false};
    bw_pgposition_see(&p, 100, 10);
    bw_pgposition_see(&p, 200, 20);
    bw_pgposition_see(&p, 300, 30);
    bw_pgposition_settle(&p, 99);
    assert_false(p.from_known);
    bw_pgposition_settle(&p, 200);
    assert_true(p.from_known);
    assert_int_equal(p.from, 20);
    assert_int_equal(p.n_seen, 1);
    bw_pgposition_settle(&p, 299);
    assert_int_equal(p.from, 20);
    /* However many pairs are seen, the newest stay and the state does not grow. */
    for (int i = 0; i < 1000; i++) {
        bw_pgposition_see(&p, 1000 + i, 100 + i);
        assert_true(p.n_seen <= BW_PGPOSITION_SEEN);
        assert_int_equal(p.seen[p.n_seen - 1].at_us, 1000 + i);
        assert_int_equal(p.seen[0].at_us, 300);
    }
    bw_pgposition_settle(&p, 1999);
    assert_int_equal(p.from, 1099);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_written),
        cmocka_unit_test(refuses_what_is_not_its_own),
        cmocka_unit_test(settles_sequences),
    };
    return BW_RUN_TESTS(tests);
}
