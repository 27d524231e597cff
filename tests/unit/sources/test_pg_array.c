/* The text form of arrays, and what converters make of texts that no test server would send. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/sources/postgres_array.h"
#include "backend/sources/postgres_types.h"
#include "tests/support/test.h"

/* The tokens of an array as one line: { } for levels, elements in <>, NULL as ~, ! for an error. */
static void tokens(const char *text, char delimiter, bw_buf *out)
{
    char *own = bw_xstrdup(text);
    bw_pgarray a = bw_pgarray_init(own, strlen(own), delimiter);
    bw_buf_clear(out);
    if (a.bounds)
        bw_buf_addc(out, '=');
    for (;;) {
        switch (bw_pgarray_next(&a)) {
        case BW_PGARRAY_OPEN:
            bw_buf_addc(out, '{');
            continue;
        case BW_PGARRAY_CLOSE:
            bw_buf_addc(out, '}');
            continue;
        case BW_PGARRAY_ELEMENT:
            bw_buf_addf(out, "<%.*s>", (int)a.size, a.text);
            continue;
        case BW_PGARRAY_NULL:
            bw_buf_addc(out, '~');
            continue;
        case BW_PGARRAY_ERROR:
            bw_buf_addc(out, '!');
            break;
        case BW_PGARRAY_END:
            break;
        }
        break;
    }
    free(own);
}

static void splits_arrays(void **state)
{
    static const struct {
        const char *text, *tokens;
    } cases[] = {
        {"{}", "{}"},
        {"{1}", "{<1>}"},
        {"{1,2,3}", "{<1><2><3>}"},
        {"{\"\"}", "{<>}"},
        {"{\"a,b\",\"{\",\"\\\"\",\"\\\\\"}", "{<a,b><{><\"><\\>}"},
        {"{NULL,null,\"NULL\",nullx}", "{~~<NULL><nullx>}"},
        {"{{1,2},{3,4}}", "{{<1><2>}{<3><4>}}"},
        {"{{},{}}", "{{}{}}"},
        {"[2:3]={1,2}", "={<1><2>}"},
        {"[0:0][-1:-1]={{1}}", "={{<1>}}"},
        {"{a b, c}", "{<a b>< c>}"},
        {"", "!"},
        {"{", "{!"},
        {"}", "!"},
        {"1", "!"},
        {"{1", "{!"},
        {"{1,", "{<1>!"},
        {"{1,}", "{<1>!"},
        {"{,1}", "{!"},
        {"{1}x", "{<1>}!"},
        {"{1}{2}", "{<1>}!"},
        {"{1{2}}", "{!"},
        {"{{1}2}", "{{<1>}!"},
        {"{{1}{2}}", "{{<1>}!"},
        {"{\"a", "{!"},
        {"{\"a\\", "{!"},
        {"{\"a\"b}", "{<a>!"},
        {"{a\\b}", "{!"},
        {"[1:2]", "!"},
        {"[1:2]=", "=!"},
    };
    (void)state;
    bw_buf out = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        tokens(cases[i].text, ',', &out);
        if (strcmp(bw_buf_cstr(&out), cases[i].tokens) != 0)
            fail_msg("%s: %s, not %s", cases[i].text, out.ptr, cases[i].tokens);
    }
    tokens("{(1,2),(0,0);(3,4),(1,1)}", ';', &out);
    assert_string_equal(bw_buf_cstr(&out), "{<(1,2),(0,0)><(3,4),(1,1)>}");
    bw_buf_fini(&out);
}

/* What a type makes of a text. */
static bw_reason convert(uint32_t oid, const char *text, char *out, size_t size)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_pgcontext cx = {.arena = &arena, .scratch = BW_BUF_INIT};
    bw_pgtype_rows none = {NULL, 0};
    const bw_pgtype *type = bw_pgtype_build(&none, oid, -1, &arena);
    char *own = bw_xasprintf("%s#", text);
    bw_value v = BW_VALUE_NULL_INIT;
    bw_reason reason = type->convert(&cx, type, own, strlen(text), &v);
    if (reason == BW_REASON_NONE)
        snprintf(out, size, "%.*s", (int)v.size, v.text);
    free(own);
    bw_pgcontext_fini(&cx);
    bw_arena_fini(&arena);
    return reason;
}

static void refuses_texts_out_of_form(void **state)
{
    static const struct {
        uint32_t oid;
        const char *text;
        bw_reason reason;
    } cases[] = {
        {16, "x", BW_REASON_BAD_VALUE},
        {16, "", BW_REASON_BAD_VALUE},
        {17, "", BW_REASON_BAD_VALUE},
        {17, "\\x0", BW_REASON_BAD_VALUE},
        {17, "\\x0g", BW_REASON_BAD_VALUE},
        {17, "abcd", BW_REASON_BAD_VALUE},
        {18, "\\304", BW_REASON_BAD_UTF8},
        {18, "\xc4", BW_REASON_BAD_UTF8},
        {1082, "", BW_REASON_BAD_VALUE},
        {1082, "01/02/2024", BW_REASON_BAD_VALUE},
        {1083, "24:00:00", BW_REASON_TIME_24},
        {1083, "1:00", BW_REASON_BAD_VALUE},
        {1114, "", BW_REASON_BAD_VALUE},
        {1114, "2024-01-01", BW_REASON_BAD_VALUE},
        {1184, "2024-01-01 00:00:00+02", BW_REASON_TS_RANGE},
        {1184, "2024-01-01 00:00:00+00 BC", BW_REASON_DATE_BC},
        {1700, "", BW_REASON_BAD_VALUE},
        {1700, "1e5", BW_REASON_BAD_VALUE},
        {3802, "{", BW_REASON_JSON_INVALID},
        {3802, "", BW_REASON_JSON_INVALID},
    };
    (void)state;
    char out[100];
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_reason reason = convert(cases[i].oid, cases[i].text, out, sizeof out);
        if (reason != cases[i].reason)
            fail_msg("%u %s: %s", cases[i].oid, cases[i].text, bw_reason_name(reason));
    }
}

static void encodes_bytes_in_place(void **state)
{
    (void)state;
    bw_buf hex = BW_BUF_INIT, expected = BW_BUF_INIT;
    unsigned char bytes[70];
    char out[200];
    for (size_t n = 0; n < sizeof bytes; n++) {
        bytes[n] = (unsigned char)(n * 37 + 251);
        bw_buf_clear(&hex);
        bw_buf_clear(&expected);
        bw_buf_adds(&hex, "\\x");
        for (size_t i = 0; i < n; i++)
            bw_buf_addf(&hex, "%02x", bytes[i]);
        bw_base64_encode(&expected, bytes, n);
        assert_int_equal(convert(17, bw_buf_cstr(&hex), out, sizeof out), BW_REASON_NONE);
        assert_string_equal(out, bw_buf_cstr(&expected));
    }
    bw_buf_fini(&hex);
    bw_buf_fini(&expected);
}

static void chooses_decimals_by_typmod(void **state)
{
    static const struct {
        int p, s;
        bw_type type;
        int precision, scale;
    } cases[] = {
        {10, 2, BW_TYPE_NUMERIC, 10, 2},      {38, 9, BW_TYPE_NUMERIC, 38, 9},
        {29, 0, BW_TYPE_NUMERIC, 29, 0},      {30, 0, BW_TYPE_BIGNUMERIC, 30, 0},
        {10, 10, BW_TYPE_BIGNUMERIC, 10, 10}, {76, 38, BW_TYPE_BIGNUMERIC, 76, 38},
        {39, 0, BW_TYPE_STRING, 0, 0},        {40, 39, BW_TYPE_STRING, 0, 0},
        {2, -3, BW_TYPE_NUMERIC, 5, 0},       {2, 5, BW_TYPE_NUMERIC, 5, 5},
        {1000, 1000, BW_TYPE_STRING, 0, 0},   {1, -1000, BW_TYPE_STRING, 0, 0},
    };
    (void)state;
    int precision, scale;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int typmod = ((cases[i].p << 16) | (cases[i].s & 0x7ff)) + 4;
        assert_int_equal(bw_pgtype_numeric(typmod, &precision, &scale), cases[i].type);
        assert_int_equal(precision, cases[i].precision);
        assert_int_equal(scale, cases[i].scale);
    }
    assert_int_equal(bw_pgtype_numeric(-1, &precision, &scale), BW_TYPE_BIGNUMERIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_arrays),
        cmocka_unit_test(refuses_texts_out_of_form),
        cmocka_unit_test(encodes_bytes_in_place),
        cmocka_unit_test(chooses_decimals_by_typmod),
    };
    return BW_RUN_TESTS(tests);
}
