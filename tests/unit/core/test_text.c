/* Sanitiser, redactor, widths, patterns and suggestions. */
#include "tests/support/test.h"

#include "backend/core/text.h"
#include "backend/core/units.h"

static void check_sanitised(const char *in, const char *out)
{
    bw_buf b = BW_BUF_INIT;
    bw_text_sanitise(&b, bw_slice_cstr(in));
    assert_string_equal(bw_buf_cstr(&b), out);
    bw_buf_fini(&b);
}

static void nothing_acts_on_a_terminal(void **state)
{
    (void)state;
    check_sanitised("plain é 世", "plain é 世");
    check_sanitised("\x1b[31m", "^[[31m");
    check_sanitised("a\nb\tc\r", "a^Jb^Ic^M");
    check_sanitised("\x7f", "^?");
    check_sanitised("\xc2\x9b", "\\x9B");
    check_sanitised("\xff\xfe", "\\xFF\\xFE");
    check_sanitised("a\xe2\x80\xae"
                    "b",
                    "a\\u{202E}b");
    check_sanitised("\xe2\x80\xa8", "\\u{2028}");
    check_sanitised("\xef\xbb\xbf", "\\u{FEFF}");
    check_sanitised("👩\xe2\x80\x8d💻", "👩\xe2\x80\x8d💻");
    check_sanitised("a\xe2\x80\x8d"
                    "b",
                    "a\\u{200D}b");
}

static void check_redacted(const char *in, const char *out)
{
    bw_buf b = BW_BUF_INIT;
    bw_text_redact(&b, bw_slice_cstr(in));
    assert_string_equal(bw_buf_cstr(&b), out);
    bw_buf_fini(&b);
}

static void secrets_are_hidden(void **state)
{
    (void)state;
    check_redacted("host=a password=s3cret user=b", "host=a password=*** user=b");
    check_redacted("host=a password='s3 cret' user=b", "host=a password=\"***\" user=b");
    check_redacted("postgres://u:p%40@h/db", "postgres://u:***@h/db");
    check_redacted("Authorization: Bearer ya29.abc", "Authorization: Bearer ***");
    check_redacted("token eyJhbGciOi.eyJpc3M.c2ln end", "token *** end");
    check_redacted("?uploadType=resumable&upload_id=AbC-1 x",
                   "?uploadType=resumable&upload_id=*** x");
    check_redacted("{\"private_key\": \"-----BEGIN\"}", "{\"private_key\":\"***\"}");
    check_redacted("nothing here", "nothing here");
}

static void widths_count_cells(void **state)
{
    (void)state;
    assert_int_equal(bw_text_width(bw_slice_cstr("abc")), 3);
    assert_int_equal(bw_text_width(bw_slice_cstr("世界")), 4);
    assert_int_equal(bw_text_width(bw_slice_cstr("e\xcc\x81")), 1);
    assert_int_equal(bw_text_width(bw_slice_cstr("👩\xe2\x80\x8d💻")), 2);
    int used;
    assert_int_equal(bw_text_fit(bw_slice_cstr("a世b"), 2, &used), 1);
    assert_int_equal(used, 1);
    assert_int_equal(bw_text_fit(bw_slice_cstr("a世b"), 3, &used), 4);
}

static void utf8_is_validated(void **state)
{
    (void)state;
    assert_true(bw_utf8_valid(bw_slice_cstr("abcdefgh世界\xF0\x9F\x98\x80")));
    static const char *const bad[] = {
        "\x80",     "\xc0\x80",     "\xed\xa0\x80",    "\xf4\x90\x80\x80",
        "\xe4\xb8", "abcdefgh\xff", "\xf0\x80\x80\x80"};
    for (size_t i = 0; i < BW_COUNT(bad); i++)
        assert_false(bw_utf8_valid(bw_slice_cstr(bad[i])));
    assert_int_equal(bw_utf8_valid_prefix(bw_slice_cstr("ok\xff")), 2);
}

static void patterns_and_suggestions(void **state)
{
    (void)state;
    assert_true(bw_glob_match("public.*", "public.orders"));
    assert_true(bw_glob_match("*", ""));
    assert_true(bw_glob_match("a[0-9]?[!x]", "a5zy"));
    assert_false(bw_glob_match("a[!0-9]", "a5"));
    assert_true(bw_glob_match("a\\*b", "a*b"));
    assert_true(bw_glob_match("*a*b*c", "xxaxxbxxbc"));
    assert_false(bw_glob_match("public.*", "other.public.x"));
    static const char *const names[] = {"schedule", "source", "table", "target"};
    assert_string_equal(bw_nearest("shedule", names, 4), "schedule");
    assert_string_equal(bw_nearest("tabel", names, 4), "table");
    assert_null(bw_nearest("zzzzzz", names, 4));
}

static void units_round_trip(void **state)
{
    (void)state;
    char t[BW_TIME_TEXT];
    int64_t v;
    assert_true(bw_parse_duration(BW_SLICE_LIT("1m30s"), &v));
    assert_int_equal(v, 90 * BW_SECOND);
    assert_false(bw_parse_duration(BW_SLICE_LIT("5 parsecs"), &v));
    assert_false(bw_parse_duration(BW_SLICE_LIT("5"), &v));
    assert_true(bw_parse_size(BW_SLICE_LIT("1.5GiB"), &v));
    assert_int_equal(v, 3 * (INT64_C(1) << 29));
    assert_true(bw_parse_time(BW_SLICE_LIT("2026-02-28T23:59:59.000001+01:00"), &v));
    assert_string_equal(bw_format_time(v, t), "2026-02-28T22:59:59.000001Z");
    assert_false(bw_parse_time(BW_SLICE_LIT("2026-02-29"), &v));
    assert_true(bw_parse_time(BW_SLICE_LIT("0001-01-01"), &v));
    assert_string_equal(bw_format_time(v, t), "0001-01-01T00:00:00Z");
    assert_string_equal(bw_format_time(INT64_C(253402300799000000) + 120000, t),
                        "9999-12-31T23:59:59.12Z");
    assert_string_equal(bw_format_time(INT64_C(253402300800000000), t), "10000-01-01T00:00:00Z");
    assert_string_equal(bw_format_time(-1, t), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(bw_format_duration(62 * BW_MINUTE, t), "1h02m");
    assert_string_equal(bw_format_count(48234, t), "48.2k");
    assert_string_equal(bw_format_count(9999, t), "9999");
    assert_string_equal(bw_format_count(999960, t), "1.0M");
    assert_string_equal(bw_format_elapsed(BW_TIME_NONE, t), "-");
    assert_string_equal(bw_format_elapsed(0, t), "0.0s");
    assert_string_equal(bw_format_elapsed(9 * BW_SECOND + 999999, t), "9.9s");
    assert_string_equal(bw_format_elapsed(10 * BW_SECOND, t), "10s");
    assert_string_equal(bw_format_duration_exact(90 * BW_SECOND, t), "90s");
    assert_string_equal(bw_format_bytes(INT64_C(3) << 29, t), "1.5 GiB");
}

/* A slice of nothing may have no address (an empty buffer has none). */
static void nothing_is_a_text_too(void **state)
{
    (void)state;
    char text[8] = "x";
    int cells = -1;
    bw_buf out = BW_BUF_INIT;
    assert_string_equal(bw_text_sanitise_to(text, sizeof(text), ""), "");
    assert_int_equal(bw_text_fit((bw_slice){NULL, 0}, 5, &cells), 0);
    assert_int_equal(cells, 0);
    bw_json_add_string(&out, (bw_slice){NULL, 0});
    assert_string_equal(bw_buf_cstr(&out), "\"\"");
    bw_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acts_on_a_terminal), cmocka_unit_test(secrets_are_hidden),
        cmocka_unit_test(widths_count_cells),         cmocka_unit_test(utf8_is_validated),
        cmocka_unit_test(patterns_and_suggestions),   cmocka_unit_test(units_round_trip),
        cmocka_unit_test(nothing_is_a_text_too),
    };
    return BW_RUN_TESTS(tests);
}
