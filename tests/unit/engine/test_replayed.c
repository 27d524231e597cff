/* Modules covered: replayed.h. */
#include "tests/support/test.h"

#include "backend/engine/replayed.h"

static const char *made(bw_arena *arena, const char *attributes, bool replayed, const char *stored)
{
    bw_event_message m = {
        .attributes = bw_slice_cstr(attributes), .message_id = BW_SLICE_LIT("17"), .publish_us = 0};
    bw_slice text =
        bw_letter_attributes(&m, BW_SLICE_LIT("k"), replayed, bw_slice_cstr(stored), arena);
    return bw_arena_strndup(arena, text.ptr, text.len);
}

static void a_letter_knows_how_its_message_came(void **state)
{
    bw_arena arena = BW_ARENA_INIT;
    (void)state;
    assert_string_equal(made(&arena, "{\"a\":\"b\\n\"}", false, ""),
                        "{\"a\":\"b\\n\",\"bw-message-id\":\"17\",\"bw-publish-time\":"
                        "\"1970-01-01T00:00:00Z\",\"bw-ordering-key\":\"k\"}");
    bw_arena_fini(&arena);
}

/* Whoever publishes cannot say it in the engine's place, however the name is written. */
static void nobody_else_uses_our_names(void **state)
{
    bw_arena arena = BW_ARENA_INIT;
    (void)state;
    assert_string_equal(made(&arena,
                             "{\"bw-stored\":\"{}\",\"bw\\u002dmessage-id\":\"1\",\"own\":\"x\","
                             "\"bw-publish-time\":\"\",\"bw-ordering-key\":\"\"}",
                             false, ""),
                        "{\"own\":\"x\",\"bw-message-id\":\"17\",\"bw-publish-time\":"
                        "\"1970-01-01T00:00:00Z\",\"bw-ordering-key\":\"k\"}");
    bw_arena_fini(&arena);
}

static void a_replayed_letter_keeps_what_it_knows(void **state)
{
    bw_arena arena = BW_ARENA_INIT;
    (void)state;
    const char *before = "{\"own\":\"x\",\"bw-message-id\":\"1\",\"bw-stored\":\"{\\\"n\\\":1}\"}";
    assert_string_equal(made(&arena, before, true, "{\"n\":2}"),
                        "{\"own\":\"x\",\"bw-message-id\":\"1\",\"bw-stored\":\"{\\\"n\\\":2}\"}");
    assert_string_equal(made(&arena, before, true, ""), "{\"own\":\"x\",\"bw-message-id\":\"1\"}");
    assert_string_equal(made(&arena, "", true, ""), "{}");
    bw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_knows_how_its_message_came),
        cmocka_unit_test(nobody_else_uses_our_names),
        cmocka_unit_test(a_replayed_letter_keeps_what_it_knows),
    };
    return BW_RUN_TESTS(tests);
}
