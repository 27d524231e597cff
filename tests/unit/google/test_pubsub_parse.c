/* backend/google/pubsub_parse: answers to a pull, those of the service and those that no service
   should give. */
#include "tests/support/test.h"

#include "backend/core/buf.h"
#include "backend/google/pubsub.h"

typedef struct fixture {
    bw_arena arena;
    bw_pubsub_messages messages;
    bw_error err;
} fixture;

static int set_up(void **state)
{
    *state = bw_xcalloc(1, sizeof(fixture));
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    bw_arena_fini(&f->arena);
    free(f);
    return 0;
}

static bw_status parse(fixture *f, const char *text)
{
    /* On the heap, without a byte behind it: reading over the end is seen. */
    size_t n = strlen(text);
    char *exact = bw_xmalloc(n ? n : 1);
    memcpy(exact, text, n);
    bw_status s = bw_pubsub_pull_parse((bw_slice){exact, n}, &f->arena, &f->messages, &f->err);
    free(exact);
    return s;
}

#define assert_slice(slice, text) assert_true(bw_slice_is(slice, text))

static void test_a_message_in_full(void **state)
{
    fixture *f = *state;
    assert_ok(parse(f, "{\n  \"receivedMessages\": [\n    {\n      \"ackId\": \"A\\/1\",\n"
                       "      \"message\": {\n        \"data\": \"aGk=\",\n"
                       "        \"attributes\": {\n          \"k\": \"v \\\"1\\\"\",\n"
                       "          \"\\u00fc\": \"\"\n        },\n"
                       "        \"messageId\": \"4711\",\n"
                       "        \"publishTime\": \"2026-11-20T08:37:00.123Z\",\n"
                       "        \"orderingKey\": \"k\\u20ac\"\n      },\n"
                       "      \"deliveryAttempt\": 3\n    }\n  ]\n}\n"),
              f->err);
    assert_int_equal(f->messages.count, 1);
    const bw_pubsub_message *m = &f->messages.items[0];
    assert_slice(m->ack_id, "A/1");
    assert_slice(m->message_id, "4711");
    assert_slice(m->ordering_key, "k\xe2\x82\xac");
    assert_slice(m->attributes, "{\"k\":\"v \\\"1\\\"\",\"\\u00fc\":\"\"}");
    assert_slice(m->data_base64, "aGk=");
    assert_slice(bw_pubsub_message_data(m, &f->arena), "hi");
    assert_true(m->publish_us == INT64_C(1795163820123000));
    assert_int_equal(m->delivery_attempt, 3);
    assert_slice(bw_pubsub_attribute(m->attributes, "k", &f->arena), "v \"1\"");
    assert_slice(bw_pubsub_attribute(m->attributes, "\xc3\xbc", &f->arena), "");
    assert_non_null(bw_pubsub_attribute(m->attributes, "\xc3\xbc", &f->arena).ptr);
    assert_null(bw_pubsub_attribute(m->attributes, "x", &f->arena).ptr);
}

static void test_what_may_be_missing(void **state)
{
    fixture *f = *state;
    assert_ok(parse(f, "{}"), f->err);
    assert_int_equal(f->messages.count, 0);
    assert_ok(parse(f, "{\"receivedMessages\":null,\"more\":[{}]}"), f->err);
    assert_int_equal(f->messages.count, 0);
    assert_ok(parse(f,
                    "{\"receivedMessages\":[{\"ackId\":\"a\",\"deliveryAttempt\":null,\"message\":"
                    "{\"messageId\":\"1\",\"publishTime\":\"2026-01-01T00:00:00Z\",\"data\":null,"
                    "\"attributes\":{},\"orderingKey\":null,\"future\":{\"a\":[1]}}}]}"),
              f->err);
    assert_int_equal(f->messages.count, 1);
    const bw_pubsub_message *m = &f->messages.items[0];
    assert_int_equal(m->data_base64.len, 0);
    assert_int_equal(m->attributes.len, 0);
    assert_int_equal(m->ordering_key.len, 0);
    assert_int_equal(m->delivery_attempt, 0);
    assert_int_equal(bw_pubsub_message_data(m, &f->arena).len, 0);
    assert_null(bw_pubsub_attribute(m->attributes, "x", &f->arena).ptr);
}

#define MESSAGE(members)                                                                        \
    "{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"messageId\":\"1\",\"publishTime\":" \
    "\"2026-01-01T00:00:00Z\"" members "}}]}"

static void test_what_is_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "unexpected end"},
        {"<html>", "a value was expected"},
        {"[]", "something else than an object"},
        {"{\"receivedMessages\":{}}", "messages that are no list"},
        {"{\"receivedMessages\":[1]}", "a received message that is no object"},
        {"{\"receivedMessages\":[{}]}", "without an ack id"},
        {"{\"receivedMessages\":[{\"ackId\":1}]}", "an ack id that is no string"},
        {"{\"receivedMessages\":[{\"ackId\":\"a\"}]}", "without an id"},
        {"{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":[]}]}", "no object"},
        {"{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"messageId\":\"1\"}}]}",
         "without a publish time"},
        {MESSAGE(",\"publishTime\":\"yesterday\""), "a publish time that is no time"},
        {MESSAGE(",\"publishTime\":\"0000-12-31T23:59:59Z\""), "a publish time that is no time"},
        {MESSAGE(",\"publishTime\":\"9999-12-31T23:59:59-01:00\""), "no time"},
        {MESSAGE(",\"data\":\"aGk\""), "not base64"},
        {MESSAGE(",\"data\":\"aGl=\""), "not base64"},
        {MESSAGE(",\"data\":\"a===\""), "not base64"},
        {MESSAGE(",\"data\":\"====\""), "not base64"},
        {MESSAGE(",\"data\":\"a=Gk\""), "not base64"},
        {MESSAGE(",\"data\":\"aG k\""), "not base64"},
        {MESSAGE(",\"data\":7"), "data that is no string"},
        {MESSAGE(",\"attributes\":[]"), "attributes that are no object"},
        {MESSAGE(",\"orderingKey\":\"\\ud800\""), "not Unicode"},
        {MESSAGE(",\"messageId\":\"\""), "without an id"},
        {"{\"receivedMessages\":[{\"deliveryAttempt\":-1}]}", "no count"},
        {"{\"receivedMessages\":[{\"deliveryAttempt\":1e9}]}", "no count"},
        {"{\"receivedMessages\":[{\"deliveryAttempt\":99999999999999999999}]}", "no count"},
        {"{} {}", "text after the end"},
        {MESSAGE(",\"orderingKey\":\"\xff\""), "invalid UTF-8"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        if (parse(f, cases[i].text) != BW_UNAVAILABLE || !strstr(f->err.message, cases[i].why))
            fail_msg("%s: %s", cases[i].text, f->err.message);
        assert_int_equal(f->messages.count, 0);
    }
}

/* Wherever an answer is cut off, it is an error and not fewer messages. */
static void test_a_cut_answer(void **state)
{
    fixture *f = *state;
    static const char whole[] = MESSAGE(",\"data\":\"aGk=\",\"attributes\":{\"a\":\"b\"}");
    char text[sizeof(whole)];
    assert_ok(parse(f, whole), f->err);
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        memcpy(text, whole, n);
        text[n] = '\0';
        assert_int_equal(parse(f, text), BW_UNAVAILABLE);
    }
}

static void test_attributes_are_written(void **state)
{
    (void)state;
    bw_buf b = BW_BUF_INIT;
    bw_pubsub_add_attribute(&b, "a", BW_SLICE_LIT("1\n"));
    bw_pubsub_add_attribute(&b, "b\"", BW_SLICE_LIT(""));
    assert_string_equal(bw_buf_cstr(&b), "{\"a\":\"1\\n\",\"b\\\"\":\"\"}");
    bw_buf_fini(&b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_message_in_full), TEST(test_what_may_be_missing),    TEST(test_what_is_refused),
        TEST(test_a_cut_answer),      TEST(test_attributes_are_written),
    };
    return BW_RUN_TESTS(tests);
}
