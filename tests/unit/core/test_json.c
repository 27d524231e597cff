/* The JSON scanner: RFC 8259 accepted, everything else refused, nothing converted. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/core/json.h"

static void accepts_and_refuses(void **state)
{
    (void)state;
    static const char *const good[] = {
        "null",
        "  true ",
        "0",
        "-0",
        "1e400",
        "12345678901234567890",
        "[]",
        "{}",
        "[1,2]",
        "\"\"",
        "{\"a\":{\"a\":[{}]}}",
        "\"\\u00e9\\ud83d\\ude00\"",
        "0.5E-3",
    };
    static const char *const bad[] = {
        "",
        "01",
        "1.",
        ".5",
        "+1",
        "[1,]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "nul",
        "\"a",
        "[",
        "]",
        "[1 2]",
        "{\"a\":1,}",
        "\"\\x\"",
        "1 2",
        "\"\n\"",
        "\"\\u12g4\"",
        "\"\xff\"",
        "NaN",
        "-",
        "1e",
        "{1:2}",
        "[}",
        "\"\xed\xa0\x80\"",
    };
    for (size_t i = 0; i < BW_COUNT(good); i++)
        assert_true(bw_json_valid(bw_slice_cstr(good[i]), NULL, NULL));
    for (size_t i = 0; i < BW_COUNT(bad); i++) {
        if (bw_json_valid(bw_slice_cstr(bad[i]), NULL, NULL))
            fail_msg("accepted: %s", bad[i]);
    }
}

/* Strings are looked at eight bytes at a time: each byte counts at each place, whatever is beside. */
static void judges_each_byte_of_a_string(void **state)
{
    (void)state;
    static const char beside[] = {'a', '!', '#', '[', ']', ' ', 0x7f};
    char text[40];
    for (size_t n = 1; n < 27; n++) {
        for (size_t at = 0; at < n; at++) {
            for (int c = 1; c < 256; c++) {
                memset(text, beside[(n + at) % sizeof(beside)], sizeof(text));
                text[0] = text[n + 1] = '"';
                text[at + 1] = (char)c;
                bool good = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
                if (bw_json_valid((bw_slice){text, n + 2}, NULL, NULL) != good)
                    fail_msg("byte %d at %zu of %zu", c, at, n);
            }
        }
        memset(text, 'x', sizeof(text));
        text[0] = text[n + 3] = '"';
        memcpy(text + n, "\\n\xc3", 3);
        assert_false(bw_json_valid((bw_slice){text, n + 4}, NULL, NULL));
        memcpy(text + n, "\xe2\x82\xac", 3);
        assert_true(bw_json_valid((bw_slice){text, n + 4}, NULL, NULL));
    }
}

static void refuses_what_is_nested_too_deeply(void **state)
{
    (void)state;
    char deep[BW_JSON_MAX_DEPTH * 2 + 3];
    memset(deep, '[', BW_JSON_MAX_DEPTH);
    memset(deep + BW_JSON_MAX_DEPTH, ']', BW_JSON_MAX_DEPTH);
    assert_true(bw_json_valid((bw_slice){deep, BW_JSON_MAX_DEPTH * 2}, NULL, NULL));
    memset(deep, '[', BW_JSON_MAX_DEPTH + 1);
    memset(deep + BW_JSON_MAX_DEPTH + 1, ']', BW_JSON_MAX_DEPTH + 1);
    const char *why;
    assert_false(bw_json_valid((bw_slice){deep, BW_JSON_MAX_DEPTH * 2 + 2}, &why, NULL));
    assert_string_equal(why, "nested too deeply");
}

static void slices_members(void **state)
{
    (void)state;
    bw_slice o = bw_slice_cstr("{\"n\":12345678901234567890,\"s\":\"a\\nb\",\"n2\":\"-7\","
                               "\"\\u006e3\":[1,{\"x\":2}],\"d\":1,\"d\":2}");
    assert_true(bw_slice_is(bw_json_member(o, "n"), "12345678901234567890"));
    assert_true(bw_slice_is(bw_json_member(o, "n3"), "[1,{\"x\":2}]"));
    assert_true(bw_slice_is(bw_json_member(o, "d"), "2"));
    assert_null(bw_json_member(o, "x").ptr);
    char *s = bw_json_member_string(o, "s");
    assert_string_equal(s, "a\nb");
    free(s);
    int64_t v;
    assert_true(bw_json_member_int(o, "n2", &v));
    assert_int_equal(v, -7);
    assert_false(bw_json_member_int(o, "n", &v));
}

static void slices_several_members_at_once(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "absent", "b"};
    bw_slice out[3];
    bw_json_members(BW_SLICE_LIT("{\"b\":[1, 2],\"\\u0061\":null,\"c\":{\"a\":1},\"b\":{}}"), names,
                    3, out);
    assert_true(bw_slice_is(out[0], "null"));
    assert_null(out[1].ptr);
    assert_true(bw_slice_is(out[2], "{}"));
    bw_json_members(BW_SLICE_LIT("[1]"), names, 3, out);
    assert_null(out[0].ptr);
}

static void goes_from_element_to_element(void **state)
{
    (void)state;
    bw_json_scan s = bw_json_scan_init(BW_SLICE_LIT(" [ 1 , [2,3],{\"x\":[]} ,\"]\"] "));
    bw_json_token t;
    bw_slice v;
    static const char *const elements[] = {"1", "[2,3]", "{\"x\":[]}", "\"]\""};
    assert_true(bw_json_next(&s, &t) && t.type == BW_JSON_ARRAY);
    for (size_t i = 0; i < BW_COUNT(elements); i++) {
        assert_true(bw_json_next_element(&s, &v));
        assert_true(bw_slice_is(v, elements[i]));
    }
    assert_false(bw_json_next_element(&s, &v));
    assert_null(s.error);
    assert_true(bw_json_next(&s, &t) && t.type == BW_JSON_END);
    static const char *const broken[] = {"[1 2]", "[1,]", "[1", "[,1]"};
    for (size_t i = 0; i < BW_COUNT(broken); i++) {
        s = bw_json_scan_init(bw_slice_cstr(broken[i]));
        assert_true(bw_json_next(&s, &t));
        while (bw_json_next_element(&s, &v))
            continue;
        assert_non_null(s.error);
    }
}

static void goes_from_member_to_member(void **state)
{
    (void)state;
    bw_json_scan s = bw_json_scan_init(BW_SLICE_LIT("{\"a\" : {\"b\":1}, \"c\":2}"));
    bw_json_token t;
    bw_slice v;
    assert_true(bw_json_next(&s, &t) && t.type == BW_JSON_OBJECT);
    assert_true(bw_json_next_member(&s, &t, &v));
    assert_true(bw_slice_is(t.raw, "\"a\"") && bw_slice_is(v, "{\"b\":1}"));
    assert_true(bw_json_next_member(&s, &t, &v));
    assert_true(bw_slice_is(t.raw, "\"c\"") && bw_slice_is(v, "2"));
    assert_false(bw_json_next_member(&s, &t, &v));
    assert_null(s.error);
}

static void unescapes(void **state)
{
    (void)state;
    bw_buf b = BW_BUF_INIT;
    assert_true(bw_json_unescape(bw_slice_cstr("\"\\ud83d\\ude00\\t\\/\""), &b));
    assert_true(bw_slice_is(bw_buf_slice(&b), "\xF0\x9F\x98\x80\t/"));
    assert_false(bw_json_unescape(bw_slice_cstr("\"\\ud83d\""), &b));
    assert_false(bw_json_unescape(bw_slice_cstr("\"\\ude00\""), &b));
    bw_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_and_refuses),
        cmocka_unit_test(judges_each_byte_of_a_string),
        cmocka_unit_test(refuses_what_is_nested_too_deeply),
        cmocka_unit_test(slices_members),
        cmocka_unit_test(slices_several_members_at_once),
        cmocka_unit_test(goes_from_element_to_element),
        cmocka_unit_test(goes_from_member_to_member),
        cmocka_unit_test(unescapes),
    };
    return BW_RUN_TESTS(tests);
}
