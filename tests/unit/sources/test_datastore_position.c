/* The checkpoint of the Datastore driver: what is written is read, and only for what it is of. */
#include "backend/sources/datastore_position.h"

#include "tests/support/test.h"

static const bw_dsposition window = {.kind = "Order \"x\"",
                                     .namespace = "n",
                                     .ancestor = "",
                                     .cursor = "updated_at",
                                     .to_us = 1500000,
                                     .next_from_us = -1};

static void a_window_is_read_back(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_dsposition p;
    const char *text = bw_dsposition_write(&window, &arena);
    assert_string_equal(text, "{\"v\":1,\"kind\":\"Order \\\"x\\\"\",\"namespace\":\"n\","
                              "\"ancestor\":\"\",\"cursor\":\"updated_at\","
                              "\"to\":\"1970-01-01T00:00:01.5Z\","
                              "\"next_from\":\"1969-12-31T23:59:59.999999Z\"}");
    assert_ok(bw_dsposition_read(text, &window, &arena, &p, &err), err);
    assert_int_equal(p.to_us, window.to_us);
    assert_int_equal(p.next_from_us, window.next_from_us);
    assert_null(p.after);
    bw_arena_fini(&arena);
}

static void a_backfill_is_read_back_and_is_not_complete(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_dsposition p, backfill = window;
    backfill.after = "Order/\"a/b\"";
    backfill.slices = 3;
    backfill.nulls = 2;
    const char *text = bw_dsposition_write(&backfill, &arena);
    assert_null(strstr(text, "\"to\""));
    assert_ok(bw_dsposition_read(text, &window, &arena, &p, &err), err);
    assert_string_equal(p.after, backfill.after);
    assert_int_equal(p.slices, 3);
    assert_int_equal(p.nulls, 2);
    assert_int_equal(p.to_us, window.to_us);
    bw_arena_fini(&arena);
}

static void another_kind_is_refused(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_dsposition p, others[4] = {window, window, window, window};
    others[0].kind = "Order";
    others[1].namespace = "";
    others[2].ancestor = "Shop/1";
    others[3].cursor = NULL;
    for (size_t i = 0; i < BW_COUNT(others); i++) {
        const char *text = bw_dsposition_write(&others[i], &arena);
        assert_int_equal(bw_dsposition_read(text, &window, &arena, &p, &err), BW_INVALID);
        assert_non_null(strstr(err.message, "the checkpoint is of kind"));
        assert_non_null(strstr(err.hint, "full resync"));
    }
    static const char *const bad[] = {"", "null", "{}", "{\"v\":2}", "{\"v\":1", "{\"v\":1}"};
    for (size_t i = 0; i < BW_COUNT(bad); i++)
        assert_int_equal(bw_dsposition_read(bad[i], &window, &arena, &p, &err), BW_INVALID);
    bw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_read_back),
        cmocka_unit_test(a_backfill_is_read_back_and_is_not_complete),
        cmocka_unit_test(another_kind_is_refused),
    };
    return BW_RUN_TESTS(tests);
}
