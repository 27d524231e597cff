/* JSON objects edited as text. Covers: sandbox/json_edit. */
#include "tests/support/test.h"

#include "backend/sandbox/json_edit.h"

static void assert_merged(const char *base, const char *patch, const char *expected)
{
    bw_buf out = BW_BUF_INIT;
    bw_sb_json_merge(bw_slice_cstr(base), bw_slice_cstr(patch), &out);
    assert_string_equal(bw_buf_cstr(&out), expected);
    bw_buf_fini(&out);
}

static void merging_follows_rfc_7386(void **state)
{
    (void)state;
    assert_merged("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    assert_merged("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
    assert_merged("{\"a\":\"b\"}", "{\"a\":null}", "{}");
    assert_merged("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    assert_merged("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
                  "{\"a\":{\"b\":\"d\"}}");
    assert_merged("{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}");
    assert_merged("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
    assert_merged("{ \"n\" : 1e400 , \"s\":\"}\\\"{\" }", "{}", "{\"n\":1e400,\"s\":\"}\\\"{\"}");
}

static void members_can_be_left_out(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "d", NULL};
    bw_buf out = BW_BUF_INIT;
    bw_sb_json_without(
        BW_SLICE_LIT(
            " { \"a\" : [1, {\"b\":2}] , \"b\" : {\"x\":\"]\"}, \"c\":\"d\", \"d\":null } "),
        names, &out);
    assert_string_equal(bw_buf_cstr(&out), "{\"a\":[1, {\"b\":2}],\"c\":\"d\"}");
    bw_buf_fini(&out);
}

static void members_are_added_with_their_commas(void **state)
{
    (void)state;
    bw_buf out = BW_BUF_INIT;
    bw_buf_addc(&out, '{');
    bw_sb_json_add_text(&out, "a", "x\"\n");
    bw_sb_json_add_text(&out, "absent", NULL);
    bw_sb_json_add_int64(&out, "b", INT64_MIN);
    bw_sb_json_add_bool(&out, "c", false);
    bw_sb_json_add_raw(&out, "d", BW_SLICE_LIT("[1]"));
    bw_sb_json_add_raw(&out, "absent", (bw_slice){NULL, 0});
    bw_sb_json_add_members(&out, BW_SLICE_LIT("{\"e\":{},\"f\":0}"));
    bw_buf_addc(&out, '}');
    assert_string_equal(bw_buf_cstr(&out),
                        "{\"a\":\"x\\\"\\n\",\"b\":\"-9223372036854775808\",\"c\":false,\"d\":[1],"
                        "\"e\":{},\"f\":0}");
    assert_true(bw_json_valid(bw_buf_slice(&out), NULL, NULL));
    bw_buf_fini(&out);
}

static void elements_and_members_are_walked(void **state)
{
    (void)state;
    bw_slice value, key;
    size_t at = 0, n = 0;
    bw_slice array = BW_SLICE_LIT(" [ 1 , \"a,]\" , {\"b\":[2]} , [] ] ");
    static const char *const expected[] = {"1", "\"a,]\"", "{\"b\":[2]}", "[]"};
    while (bw_sb_json_each_element(array, &at, &value))
        assert_true(bw_slice_is(value, expected[n++]));
    assert_int_equal(n, 4);
    at = 0;
    assert_false(bw_sb_json_each_element(BW_SLICE_LIT("[]"), &at, &value));
    at = 0;
    assert_false(bw_sb_json_each(BW_SLICE_LIT("{ }"), &at, &key, &value));
    at = 0;
    assert_true(bw_sb_json_each(BW_SLICE_LIT("{\"k\":\"v\\\"}\"}"), &at, &key, &value));
    assert_true(bw_slice_is(value, "\"v\\\"}\""));
}

static void values_are_read_as_clients_write_them(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_slice o = BW_SLICE_LIT(
        "{\"t\":true,\"f\":\"false\",\"n\":12,\"s\":\"34\",\"u\":\"\\u00e9\",\"z\":null,\"o\":{}}");
    assert_true(bw_sb_json_bool(o, "t", false));
    assert_false(bw_sb_json_bool(o, "f", true));
    assert_true(bw_sb_json_bool(o, "absent", true));
    assert_int_equal(bw_sb_json_int(o, "n", 0), 12);
    assert_int_equal(bw_sb_json_int(o, "s", 0), 34);
    assert_int_equal(bw_sb_json_int(o, "z", 7), 7);
    assert_string_equal(bw_sb_json_text(&arena, o, "u"), "\xc3\xa9");
    assert_null(bw_sb_json_text(&arena, o, "z"));
    assert_null(bw_sb_json_text(&arena, o, "n"));
    assert_int_equal(bw_sb_json_object(o, "o").len, 2);
    assert_int_equal(bw_sb_json_object(o, "t").len, 0);
    assert_true(bw_sb_json_is_object(BW_SLICE_LIT(" {}")));
    assert_false(bw_sb_json_is_object(BW_SLICE_LIT("[]")));
    assert_false(bw_sb_json_is_object(BW_SLICE_LIT("{")));
    assert_false(bw_sb_json_is_object(BW_SLICE_LIT("")));
    bw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_follows_rfc_7386),
        cmocka_unit_test(members_can_be_left_out),
        cmocka_unit_test(members_are_added_with_their_commas),
        cmocka_unit_test(elements_and_members_are_walked),
        cmocka_unit_test(values_are_read_as_clients_write_them),
    };
    return BW_RUN_TESTS(tests);
}
