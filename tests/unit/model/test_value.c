/* Canonical texts: decimals, JSON numbers, times, base64, names, keys. */
#include "tests/support/test.h"

#include "backend/model/chunk.h"

static void check_decimal(const char *in, bw_type type, int p, int s, bw_reason want,
                          const char *text)
{
    bw_slice out = {NULL, 0};
    bw_reason got = bw_value_decimal(bw_slice_cstr(in), type, p, s, &out);
    if (got != want || (want == BW_REASON_NONE && !bw_slice_is(out, text)))
        fail_msg("%s: %s %.*s", in, bw_reason_name(got), BW_SLICE_ARG(out));
}

static void decimals(void **state)
{
    (void)state;
    check_decimal("1.50", BW_TYPE_NUMERIC, 10, 2, BW_REASON_NONE, "1.5");
    check_decimal("-0.00", BW_TYPE_NUMERIC, 0, 0, BW_REASON_NONE, "0");
    check_decimal("0.001", BW_TYPE_NUMERIC, 0, 0, BW_REASON_NONE, "0.001");
    check_decimal("-0.1", BW_TYPE_NUMERIC, 0, 0, BW_REASON_NONE, "-0.1");
    check_decimal("100", BW_TYPE_NUMERIC, 2, 0, BW_REASON_NUMERIC_OVERFLOW, "");
    check_decimal("0.123", BW_TYPE_NUMERIC, 4, 2, BW_REASON_NUMERIC_SCALE, "");
    check_decimal("99999999999999999999999999999.999999999", BW_TYPE_NUMERIC, 0, 0, BW_REASON_NONE,
                  "99999999999999999999999999999.999999999");
    check_decimal("100000000000000000000000000000", BW_TYPE_NUMERIC, 0, 0,
                  BW_REASON_NUMERIC_OVERFLOW, "");
    check_decimal("100000000000000000000000000000", BW_TYPE_BIGNUMERIC, 0, 0, BW_REASON_NONE,
                  "100000000000000000000000000000");
    check_decimal("NaN", BW_TYPE_NUMERIC, 0, 0, BW_REASON_NOT_FINITE, "");
    check_decimal("-Infinity", BW_TYPE_BIGNUMERIC, 0, 0, BW_REASON_NOT_FINITE, "");
    check_decimal("1e5", BW_TYPE_NUMERIC, 0, 0, BW_REASON_BAD_VALUE, "");
    check_decimal("", BW_TYPE_NUMERIC, 0, 0, BW_REASON_BAD_VALUE, "");
    check_decimal("+.5", BW_TYPE_NUMERIC, 0, 0, BW_REASON_BAD_VALUE, "");
    check_decimal("-.5", BW_TYPE_NUMERIC, 0, 0, BW_REASON_BAD_VALUE, "");
    check_decimal(".", BW_TYPE_NUMERIC, 0, 0, BW_REASON_BAD_VALUE, "");
}

static void floats(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bw_reason want;
    } cases[] = {
        {"1.5", BW_REASON_NONE},
        {"-1.7976931348623157e308", BW_REASON_NONE},
        {"Infinity", BW_REASON_NONE},
        {"1.8e308", BW_REASON_NUMERIC_OVERFLOW},
        {"-1e400", BW_REASON_NUMERIC_OVERFLOW},
        {"1e", BW_REASON_BAD_VALUE},
        {" 1", BW_REASON_BAD_VALUE},
        {"inf", BW_REASON_BAD_VALUE},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        if (bw_value_check(bw_slice_cstr(cases[i].text), BW_TYPE_FLOAT64, 0, 0) != cases[i].want)
            fail_msg("%s", cases[i].text);
    }
}

static void json_numbers(void **state)
{
    (void)state;
    static const char *const exact[] = {
        "1",
        "18446744073709551615",
        "-9223372036854775808",
        "0.1",
        "1e300",
        "1.7976931348623157e308",
        "[0.30000000000000004, 123456789012345]",
        "5e-324",
        "1.0",
        "100000000000000000000",
        "0",
        "-0.0",
    };
    static const char *const wide[] = {
        "18446744073709551617",  "-9223372036854775809",   "1e400",
        "0.1234567890123456789", "3.14159265358979323846", "{\"a\":[12345678901234567890123]}",
    };
    for (size_t i = 0; i < BW_COUNT(exact); i++) {
        if (bw_value_check_json(bw_slice_cstr(exact[i])) != BW_REASON_NONE)
            fail_msg("refused: %s", exact[i]);
    }
    for (size_t i = 0; i < BW_COUNT(wide); i++) {
        if (bw_value_check_json(bw_slice_cstr(wide[i])) != BW_REASON_JSON_WIDE_NUMBER)
            fail_msg("accepted: %s", wide[i]);
    }
    assert_int_equal(bw_value_check_json(bw_slice_cstr("{")), BW_REASON_JSON_INVALID);
    static const char *const halves[] = {"\"\\ud800\"", "\"\\udc00\\ud800\"", "{\"\\uDBFFx\":1}",
                                         "\"\\ud83d\\ud83d\\ude00\""};
    for (size_t i = 0; i < BW_COUNT(halves); i++)
        assert_int_equal(bw_value_check_json(bw_slice_cstr(halves[i])), BW_REASON_JSON_INVALID);
    assert_int_equal(bw_value_check_json(bw_slice_cstr("\"\\ud83d\\uDE00 \\\\ud800\"")),
                     BW_REASON_NONE);
    char deep[1003];
    memset(deep, '[', 501);
    memset(deep + 501, ']', 501);
    assert_int_equal(bw_value_check_json((bw_slice){deep, 1002}), BW_REASON_JSON_DEPTH);
    assert_int_equal(bw_value_check_json((bw_slice){deep + 1, 1000}), BW_REASON_NONE);
    assert_int_equal(bw_value_check_json(bw_slice_cstr("\"\xff\"")), BW_REASON_BAD_UTF8);
}

static void json_members(void **state)
{
    (void)state;
    static const char *const unique[] = {
        "1",
        "{}",
        "[{\"a\":1},{\"a\":2}]",
        "{\"a\":{\"a\":[{\"a\":1}]},\"A\":\"a\",\"\":0}",
    };
    static const char *const doubled[] = {
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"\\u0061\":3}",
        "[[{\"x\":{\"\":1,\"\":2}}]]",
        "{\"a\":{\"b\":{}},\"b\":1,\"a\":2}",
    };
    for (size_t i = 0; i < BW_COUNT(unique); i++) {
        if (!bw_value_json_is_unique(bw_slice_cstr(unique[i])))
            fail_msg("refused: %s", unique[i]);
    }
    for (size_t i = 0; i < BW_COUNT(doubled); i++) {
        if (bw_value_json_is_unique(bw_slice_cstr(doubled[i])))
            fail_msg("accepted: %s", doubled[i]);
    }
}

static void versions(void **state)
{
    (void)state;
    int64_t v;
    assert_true(bw_value_version(BW_SLICE_LIT("1970-01-01 00:00:01.5+00"), BW_TYPE_TIMESTAMP, &v));
    assert_int_equal(v, 1500000);
    assert_true(bw_value_version(BW_SLICE_LIT("0001-01-01 00:00:00"), BW_TYPE_DATETIME, &v));
    assert_int_equal(v, INT64_C(-62135596800000000));
    assert_false(bw_value_version(BW_SLICE_LIT("2023-02-29 00:00:00"), BW_TYPE_DATETIME, &v));
    assert_false(bw_value_version(BW_SLICE_LIT("2023-02-28 00:00:00.10"), BW_TYPE_DATETIME, &v));
    assert_true(bw_value_version(BW_SLICE_LIT("-9223372036854775808"), BW_TYPE_INT64, &v));
    assert_int_equal(v, INT64_MIN);
    assert_false(bw_value_version(BW_SLICE_LIT("9223372036854775808"), BW_TYPE_INT64, &v));
    assert_false(bw_value_version(BW_SLICE_LIT("-0"), BW_TYPE_INT64, &v));
}

static void base64(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    bw_buf b = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_buf_clear(&b);
        bw_base64_encode(&b, cases[i].bytes, strlen(cases[i].bytes));
        assert_true(bw_slice_is(bw_buf_slice(&b), cases[i].text));
        bw_buf_clear(&b);
        assert_true(bw_base64_decode(&b, bw_slice_cstr(cases[i].text)));
        assert_true(bw_slice_is(bw_buf_slice(&b), cases[i].bytes));
    }
    assert_false(bw_base64_decode(&b, BW_SLICE_LIT("Zg=")));
    assert_false(bw_base64_decode(&b, BW_SLICE_LIT("Zh==")));
    assert_false(bw_base64_decode(&b, BW_SLICE_LIT("Z===")));
    assert_false(bw_base64_decode(&b, BW_SLICE_LIT("Zg==Zg==")));
    bw_buf_fini(&b);
}

static void names_and_keys(void **state)
{
    (void)state;
    bw_arena a = BW_ARENA_INIT;
    assert_string_equal(bw_field_name(&a, "Mixed Case"), "Mixed_Case");
    assert_string_equal(bw_field_name(&a, "1st"), "_1st");
    assert_string_equal(bw_field_name(&a, "_partitiontime"), "c_partitiontime");
    assert_string_equal(bw_field_name(&a, "ü€"), "__");
    bw_field fields[] = {
        {.name = "id", .source_name = "id", .type = BW_TYPE_INT64},
        {.name = "ID", .source_name = "ID", .type = BW_TYPE_STRING},
    };
    bw_schema schema = {fields, 2};
    bw_error err = BW_ERROR_INIT;
    assert_int_equal(bw_schema_check_names(&schema, &err), BW_INVALID);
    assert_non_null(strstr(err.message, "\"id\" and \"ID\""));
    bw_value row[] = {bw_value_text("3", 1), bw_value_text("a\"b", 3)};
    size_t key[] = {1, 0};
    assert_true(
        bw_slice_is(bw_row_key_json(&a, &schema, key, 2, row), "{\"ID\":\"a\\\"b\",\"id\":3}"));
    bw_slice texts[] = {{NULL, 0}, {"\xff", 1}};
    assert_true(
        bw_slice_is(bw_row_source_json(&a, &schema, texts), "{\"id\":null,\"ID\":\"\\\\xFF\"}"));
    bw_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals),       cmocka_unit_test(floats), cmocka_unit_test(json_numbers),
        cmocka_unit_test(versions),       cmocka_unit_test(base64), cmocka_unit_test(json_members),
        cmocka_unit_test(names_and_keys),
    };
    return BW_RUN_TESTS(tests);
}
