/* Covers replayed.c: a letter's message as it was received, and as it is published again. */
#include "tests/support/test.h"

#include "backend/core/units.h"
#include "backend/engine/replayed.h"

static const char attributes[] =
    "{\"tenant\":\"a \\\"quoted\\\" one\",\"bw-event-id\":\"given\","
    "\"CloudPubSubDeadLetterSourceDeliveryCount\":\"5\",\"bw-message-id\":\"77\","
    "\"bw-publish-time\":\"2026-01-02T03:04:05.5Z\",\"bw-ordering-key\":\"k\",\"bw-stored\":\"{}"
    "\"}";

static void test_is_received_as_it_was(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_dead_letter l = {.event_id = "id",
                        .content = BW_SLICE_LIT("\xff\0x"),
                        .attributes = attributes,
                        .reason = BW_REASON_CONFLICT};
    bw_replayed_message m = bw_replayed_letter(&l);
    assert_true(m.force);
    bw_event_message received = bw_replayed_received(&m, 7, &arena);
    assert_true(bw_slice_is(received.message_id, "77"));
    assert_true(bw_slice_eq(received.data, l.content));
    int64_t published;
    assert_true(bw_parse_time(BW_SLICE_LIT("2026-01-02T03:04:05.5Z"), &published));
    assert_true(received.publish_us == published);
    l.attributes = NULL;
    m = bw_replayed_letter(&l);
    assert_true(bw_replayed_received(&m, 7, &arena).publish_us == 7);
    bw_arena_fini(&arena);
}

static void test_keeps_its_id_unless_it_brings_one(void **state)
{
    (void)state;
    bw_replayed_message m = {.letter_id = "events:77"};
    bw_event own = {.id = BW_SLICE_LIT("e1"), .payload = BW_SLICE_LIT("{\"event_id\":\"e1\"}")};
    bw_event none = {.id = BW_SLICE_LIT("events:99"), .payload = BW_SLICE_LIT("{\"kind\":\"k\"}")};
    bw_replayed_keep_id(&m, &own);
    bw_replayed_keep_id(&m, &none);
    assert_true(bw_slice_is(own.id, "e1"));
    assert_true(bw_slice_is(none.id, "events:77"));
}

static void test_is_published_with_its_own_attributes(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_dead_letter l = {
        .event_id = "events:77", .content = BW_SLICE_LIT("{}"), .attributes = attributes};
    bw_pubsub_outgoing out = bw_replayed_outgoing(&l, &arena);
    assert_true(bw_slice_is(out.attributes,
                            "{\"tenant\":\"a \\\"quoted\\\" one\",\"bw-event-id\":\"events:77\"}"));
    assert_true(bw_slice_is(out.ordering_key, "k"));
    assert_true(bw_slice_is(out.data, "{}"));
    bw_arena_fini(&arena);
}

static void test_attributes_may_be_an_empty_object(void **state)
{
    (void)state;
    static const char *const objects[] = {"", "{}", "{ \n}", "{\"x\":\"{\"}"};
    static const char *const results[] = {"{\"a\":\"b\"}", "{\"a\":\"b\"}", "{\"a\":\"b\"}",
                                          "{\"x\":\"{\",\"a\":\"b\"}"};
    for (size_t i = 0; i < BW_COUNT(objects); i++) {
        bw_buf b = BW_BUF_INIT;
        bw_buf_adds(&b, objects[i]);
        bw_pubsub_add_attribute(&b, "a", BW_SLICE_LIT("b"));
        assert_string_equal(bw_buf_cstr(&b), results[i]);
        bw_buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_received_as_it_was),
        cmocka_unit_test(test_keeps_its_id_unless_it_brings_one),
        cmocka_unit_test(test_is_published_with_its_own_attributes),
        cmocka_unit_test(test_attributes_may_be_an_empty_object),
    };
    return BW_RUN_TESTS(tests);
}
