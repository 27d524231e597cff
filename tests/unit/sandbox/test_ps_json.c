/* How Pub/Sub's requests are read: spellings, types, durations, times, names. Covers: sandbox/ps_json. */
#include "tests/support/test.h"

#include "backend/core/clock.h"
#include "backend/sandbox/ps_json.h"
#include "backend/sandbox/stamp.h"

static const ps_member inner[] = {{"someTime", PS_TIME, NULL}, {NULL, PS_TEXT, NULL}};
static const ps_member members[] = {
    {"text", PS_TEXT, NULL},
    {"flag", PS_BOOL, NULL},
    {"ackCount", PS_INT32, NULL},
    {"someDuration", PS_DURATION, NULL},
    {"labels", PS_TEXT_MAP, NULL},
    {"names", PS_TEXT_LIST, NULL},
    {"innerObject", PS_OBJECT, inner},
    {"free", PS_AS_IS, NULL},
    {"list", PS_LIST, NULL},
    {"state", PS_ENUM, NULL},
    {NULL, PS_TEXT, NULL},
};

static void requests_are_written_anew(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{}", "{}"},
        {"{\"text\":\"a\\\"b\"}", "{\"text\":\"a\\\"b\"}"},
        {"{\"ack_count\":\"-7\"}", "{\"ackCount\":-7}"},
        {"{ \"some_duration\" : \"1.5s\" }", "{\"someDuration\":\"1.500s\"}"},
        {"{\"someDuration\":\"0s\"}", "{\"someDuration\":\"0s\"}"},
        {"{\"text\":null,\"flag\":true}", "{\"flag\":true}"},
        {"{\"inner_object\":{\"some_time\":\"2023-11-14T23:13:20.123456789+01:00\"}}",
         "{\"innerObject\":{\"someTime\":\"2023-11-14T22:13:20.123456Z\"}}"},
        {"{\"labels\":{\"a\":\"b\"},\"names\":[\"x\",\"y\"]}",
         "{\"labels\":{\"a\":\"b\"},\"names\":[\"x\",\"y\"]}"},
        {"{\"free\":{\"any\":[1,{}]},\"list\":[1,null],\"state\":2}",
         "{\"free\":{\"any\":[1,{}]},\"list\":[1,null],\"state\":2}"},
        {"{\"state\":\"ACTIVE\"}", "{\"state\":\"ACTIVE\"}"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_error err = BW_ERROR_INIT;
        bw_buf out = BW_BUF_INIT;
        assert_ok(ps_json_read(members, bw_slice_cstr(cases[i].in), "", &out, &err), err);
        assert_string_equal(bw_buf_cstr(&out), cases[i].out);
        bw_buf_fini(&out);
    }
}

static void wrong_requests_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *in, *message;
    } cases[] = {
        {"{\"foo\":1}", "Unknown name \"foo\" at 'thing'"},
        {"{\"innerObject\":{\"foo\":1}}", "Unknown name \"foo\" at 'thing.inner_object'"},
        {"{\"text\":1}", "Invalid value at 'thing.text' (TYPE_STRING), 1"},
        {"{\"text\":\"\\ud800\"}", "thing.text"},
        {"{\"flag\":1}", "(TYPE_BOOL), 1"},
        {"{\"ackCount\":1.5}", "'thing.ack_count' (TYPE_INT32), 1.5"},
        {"{\"ackCount\":2147483648}", "TYPE_INT32"},
        {"{\"ackCount\":\"\"}", "TYPE_INT32"},
        {"{\"ackCount\":\" 1\"}", "TYPE_INT32"},
        {"{\"ackCount\":[]}", "TYPE_INT32"},
        {"{\"someDuration\":1}", "Duration"},
        {"{\"labels\":{\"a\":null}}", "Map"},
        {"{\"labels\":[]}", "Map"},
        {"{\"names\":[1]}", "List"},
        {"{\"names\":{}}", "List"},
        {"{\"innerObject\":[]}", "Object"},
        {"{\"innerObject\":{\"someTime\":\"now\"}}", "'thing.inner_object.some_time'"},
        {"{\"free\":1}", "Object"},
        {"{\"list\":{}}", "List"},
        {"{\"state\":true}", "TYPE_ENUM"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_error err = BW_ERROR_INIT;
        bw_buf out = BW_BUF_INIT;
        if (ps_json_read(members, bw_slice_cstr(cases[i].in), "thing", &out, &err) != BW_INVALID)
            fail_msg("%s is taken", cases[i].in);
        if (!strstr(err.message, cases[i].message))
            fail_msg("%s: %s", cases[i].in, err.message);
        bw_buf_fini(&out);
    }
}

static void durations_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us; /* -1: refused */
        const char *printed;
    } cases[] = {
        {"0s", 0, "0s"},
        {"600s", 600 * BW_SECOND, "600s"},
        {"1.5s", 1500000, "1.500s"},
        {"0.000001s", 1, "0.000001s"},
        {"0.0000019s", 1, "0.000001s"},
        {"315576000000s", INT64_C(315576000000) * BW_SECOND, "315576000000s"},
        {"315576000001s", -1, NULL},
        {"99999999999999999999s", -1, NULL},
        {"", -1, NULL},
        {"s", -1, NULL},
        {"1", -1, NULL},
        {"-1s", -1, NULL},
        {"1.s", -1, NULL},
        {".5s", -1, NULL},
        {"1.0000000001s", -1, NULL},
        {"1e3s", -1, NULL},
        {"1 s", -1, NULL},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int64_t us = -1;
        bw_buf out = BW_BUF_INIT;
        bool taken = ps_duration_parse(bw_slice_cstr(cases[i].text), &us);
        if (taken != (cases[i].us >= 0) || (taken && us != cases[i].us))
            fail_msg("%s", cases[i].text);
        if (taken) {
            ps_duration_print(&out, us);
            assert_string_equal(bw_buf_cstr(&out), cases[i].printed);
        }
        bw_buf_fini(&out);
    }
}

static void times_need_a_zone(void **state)
{
    (void)state;
    int64_t us;
    assert_true(bw_sb_stamp_parse_us(BW_SLICE_LIT("1970-01-01T00:00:00Z"), &us) && us == 0);
    assert_true(bw_sb_stamp_parse_us(BW_SLICE_LIT("1970-01-01t00:00:01.000002z"), &us) &&
                us == 1000002);
    assert_true(bw_sb_stamp_parse_us(BW_SLICE_LIT("1970-01-01T01:30:00+01:30"), &us) && us == 0);
    assert_true(bw_sb_stamp_parse_us(BW_SLICE_LIT("1969-12-31T23:00:00-01:00"), &us) && us == 0);
    static const char *const refused[] = {"",
                                          "1970-01-01",
                                          "1970-01-01T00:00:00",
                                          "1970-01-01 00:00:00Z",
                                          "1970-02-30T00:00:00Z",
                                          "1970-01-01T24:00:00Z",
                                          "1970-01-01T00:00:00.Z",
                                          "1970-01-01T00:00:00.1234567890Z",
                                          "1970-01-01T00:00:00+1:00",
                                          "1970-01-01T00:00:00+01:00x",
                                          "1970-01-01T00:00:00 UTC"};
    for (size_t i = 0; i < BW_COUNT(refused); i++) {
        if (bw_sb_stamp_parse_us(bw_slice_cstr(refused[i]), &us))
            fail_msg("%s is taken", refused[i]);
    }
}

static void names_follow_the_rules(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool good;
    } cases[] = {
        {"projects/p/topics/abc", true},
        {"projects/example.com:p-1/topics/a-_.~+%9", true},
        {"projects/p/topics/ab", false},
        {"projects/p/topics/1bc", false},
        {"projects/p/topics/google", false},
        {"projects/p/topics/a b", false},
        {"projects/p/topics/abc/def", false},
        {"projects/p/subscriptions/abc", false},
        {"projects//topics/abc", false},
        {"projects/../topics/abc", true}, /* a project of dots is just not there */
        {"projects/p q/topics/abc", false},
        {"topics/abc", false},
        {"projects/p", false},
        {"projects/p/topics/", false},
        {"projects/p/topics/caf\xc3\xa9", false},
        {"_deleted-topic_", false},
        {"", false},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_arena arena = BW_ARENA_INIT;
        bw_error err = BW_ERROR_INIT;
        const char *project, *id;
        bw_status status = ps_name_parse(&arena, cases[i].name, "topics", &project, &id, &err);
        if ((status == BW_OK) != cases[i].good)
            fail_msg("%s", cases[i].name);
        bw_arena_fini(&arena);
    }
    char longest[256 + 1];
    memset(longest, 'a', sizeof longest);
    longest[255] = '\0';
    assert_true(ps_id_valid(longest));
    longest[255] = 'a';
    longest[256] = '\0';
    assert_false(ps_id_valid(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_written_anew), cmocka_unit_test(wrong_requests_are_named),
        cmocka_unit_test(durations_are_exact),       cmocka_unit_test(times_need_a_zone),
        cmocka_unit_test(names_follow_the_rules),
    };
    return BW_RUN_TESTS(tests);
}
