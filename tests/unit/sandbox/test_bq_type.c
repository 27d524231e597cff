/* Covers bq_type.h: schemas, values in by the loading rules, values out as REST cells. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/bq_type.h"

/* A column of `type` (REST JSON without the name) given `json`: the cell that comes back, or the
   beginning of the error after "! ". */
typedef struct value_case {
    const char *type, *json, *expected;
} value_case;

#define INT     "\"type\":\"INTEGER\""
#define FLT     "\"type\":\"FLOAT\""
#define NUM     "\"type\":\"NUMERIC\""
#define BIG     "\"type\":\"BIGNUMERIC\""
#define STR     "\"type\":\"STRING\""
#define BYT     "\"type\":\"BYTES\""
#define BOO     "\"type\":\"BOOLEAN\""
#define DAT     "\"type\":\"DATE\""
#define TIM     "\"type\":\"TIME\""
#define DTM     "\"type\":\"DATETIME\""
#define TST     "\"type\":\"TIMESTAMP\""
#define JSN     "\"type\":\"JSON\""
#define GEO     "\"type\":\"GEOGRAPHY\""
#define IVL     "\"type\":\"INTERVAL\""
#define REP     ",\"mode\":\"REPEATED\""
#define REQ     ",\"mode\":\"REQUIRED\""
#define NINES29 "99999999999999999999999999999"
#define BIGMAX  "578960446186580977117854925043439539266.34992332820282019728792003956564819967"
#define BIGMIN  "-578960446186580977117854925043439539266.34992332820282019728792003956564819968"

#define RANGE(of) "\"type\":\"RANGE\",\"rangeElementType\":{\"type\":\"" of "\"}"

static const value_case values[] = {
    {INT, "9223372036854775807", "\"9223372036854775807\""},
    {INT, "\"-9223372036854775808\"", "\"-9223372036854775808\""},
    {INT, "9223372036854775808", "! Could not convert value to integer. Field: x; Value: 922"},
    {INT, "1.0", "! Could not convert value to integer."},
    {INT, "\"\"", "! Could not convert value to integer."},
    {INT, "\" 1\"", "! Could not convert value to integer."},
    {INT, "true", "! Could not convert value"},
    {INT, "{}", "! JSON object specified for non-record field."},
    {INT, "[1]", "! Array specified for non-repeated field."},
    {INT, "null", "null"},
    {INT REQ, "null", "! Only optional fields can be set to NULL. Field: x"},
    {FLT, "1.5", "\"1.5\""},
    {FLT, "1", "\"1.0\""},
    {FLT, "-0.0", "\"-0.0\""},
    {FLT, "1e400", "! Could not convert value to double."},
    {FLT, "\"NaN\"", "\"NaN\""},
    {FLT, "\"Infinity\"", "\"Infinity\""},
    {FLT, "\"-inf\"", "\"-Infinity\""},
    {FLT, "4.9e-324", "\"5.0E-324\""},
    {FLT, "1.7976931348623157e308", "\"1.7976931348623157E308\""},
    {FLT, "0.1", "\"0.1\""},
    {FLT, "0.30000000000000004", "\"0.30000000000000004\""},
    {FLT, "12345678", "\"1.2345678E7\""},
    {FLT, "\"abc\"", "! Could not convert value to double."},
    {NUM, "\"" NINES29 ".999999999\"", "\"" NINES29 ".999999999\""},
    {NUM, "\"-" NINES29 ".999999999\"", "\"-" NINES29 ".999999999\""},
    {NUM, "\"100000000000000000000000000000\"", "! Invalid NUMERIC value: 1000"},
    {NUM, "\"0" NINES29 ".9\"", "\"" NINES29 ".9\""},
    {NUM, "\"-0\"", "\"0\""},
    {NUM, "\".5\"", "\"0.5\""},
    {NUM, "\"5.\"", "\"5\""},
    {NUM, "\".\"", "! Invalid NUMERIC value: ."},
    {NUM, "\"1.2.3\"", "! Invalid NUMERIC value: 1.2.3"},
    {NUM, "\"-\"", "! Invalid NUMERIC value: -"},
    {NUM, "0.0000000001", "! Invalid NUMERIC value: 0.0000000001"},
    {NUM, "0.1000000000000", "\"0.1\""},
    {NUM, "1e3", "\"1000\""},
    {NUM, "\"1.5e-2\"", "\"0.015\""},
    {NUM, "-0.000000001", "\"-0.000000001\""},
    {NUM, "\"NaN\"", "! Invalid NUMERIC value: NaN"},
    {NUM, "0", "\"0\""},
    {NUM, "1e999999999", "! Invalid NUMERIC value"},
    {NUM, "0e999999999", "\"0\""},
    {BIG, "\"" BIGMAX "\"", "\"" BIGMAX "\""},
    {BIG, "\"" BIGMIN "\"", "\"" BIGMIN "\""},
    {BIG, "\"578960446186580977117854925043439539266.34992332820282019728792003956564819968\"",
     "! Invalid BIGNUMERIC value"},
    {BIG, "\"-578960446186580977117854925043439539266.34992332820282019728792003956564819969\"",
     "! Invalid BIGNUMERIC value"},
    {BIG, "1e-38", "\"0.00000000000000000000000000000000000001\""},
    {BIG, "1e-39", "! Invalid BIGNUMERIC value"},
    {NUM ",\"precision\":\"5\",\"scale\":\"2\"", "999.99", "\"999.99\""},
    {NUM ",\"precision\":\"5\",\"scale\":\"2\"", "1000", "! NUMERIC(5, 2) has precision 5"},
    {NUM ",\"precision\":\"5\",\"scale\":\"2\"", "1.001", "! NUMERIC(5, 2) has precision 5"},
    {STR, "\"caf\\u00e9 \\ud83d\\ude00\"", "\"caf\xC3\xA9 \xF0\x9F\x98\x80\""},
    {STR, "\"\"", "\"\""},
    {STR, "\"a\\u0000b\"", "\"a\\u0000b\""},
    {STR, "\"\\ud83d\"", "! Invalid Unicode escape."},
    {STR, "5", "! Could not convert value to string."},
    {STR, "true", "! Could not convert value to string."},
    {STR ",\"maxLength\":\"2\"", "\"\\u00e9\\u00e9\"", "\"\xC3\xA9\xC3\xA9\""},
    {STR ",\"maxLength\":\"2\"", "\"abc\"", "! STRING(2) has maximum length 2"},
    {BYT, "\"AAEC/w==\"", "\"AAEC/w==\""},
    {BYT, "\"\"", "\"\""},
    {BYT, "\"AAEC/w=\"", "! Could not decode base64"},
    {BYT, "\"AAEC_w==\"", "! Could not decode base64"},
    {BYT, "\"AAEC/x==\"", "! Could not decode base64"},
    {BYT ",\"maxLength\":\"3\"", "\"AAEC/w==\"", "! BYTES(3) has maximum length 3"},
    {BOO, "true", "\"true\""},
    {BOO, "\"FALSE\"", "\"false\""},
    {BOO, "\"maybe\"", "! Could not convert value to boolean."},
    {DAT, "\"0001-01-01\"", "\"0001-01-01\""},
    {DAT, "\"9999-12-31\"", "\"9999-12-31\""},
    {DAT, "\"2024-2-9\"", "\"2024-02-09\""},
    {DAT, "\"2023-02-29\"", "! Invalid date: '2023-02-29'"},
    {DAT, "\"10000-01-01\"", "! Invalid date"},
    {DAT, "\"0000-01-01\"", "! Invalid date"},
    {DAT, "\"2024-01-01T00:00:00\"", "! Invalid date"},
    {DAT, "19000", "! Invalid date"},
    {TIM, "\"23:59:59.999999\"", "\"23:59:59.999999\""},
    {TIM, "\"12:34:56.7\"", "\"12:34:56.700\""},
    {TIM, "\"24:00:00\"", "! Invalid time string"},
    {TIM, "\"12:34:56.1234567\"", "! Invalid time string"},
    {DTM, "\"2024-02-29T23:59:59.5\"", "\"2024-02-29T23:59:59.500\""},
    {DTM, "\"2024-02-29 23:59:59\"", "\"2024-02-29T23:59:59\""},
    {DTM, "\"0001-01-01T00:00:00\"", "\"0001-01-01T00:00:00\""},
    {DTM, "\"2024-02-29T23:59:59Z\"", "! Invalid datetime string"},
    {DTM, "\"infinity\"", "! Invalid datetime string"},
    {TST, "\"2023-11-14T22:13:20Z\"", "\"1700000000000000\""},
    {TST, "\"2023-11-14 22:13:20.000001+00\"", "\"1700000000000001\""},
    {TST, "\"2023-11-15 03:43:20+05:30\"", "\"1700000000000000\""},
    {TST, "\"2023-11-14 22:13:20 UTC\"", "\"1700000000000000\""},
    {TST, "\"2023-11-14\"", "\"1699920000000000\""},
    {TST, "1700000000", "\"1700000000000000\""},
    {TST, "1700000000.000001", "\"1700000000000001\""},
    {TST, "1.7e9", "\"1700000000000000\""},
    {TST, "1700000000.0000001", "! Couldn't convert value to timestamp"},
    {TST, "\"0001-01-01 00:00:00+00\"", "\"-62135596800000000\""},
    {TST, "\"9999-12-31 23:59:59.999999+00\"", "\"253402300799999999\""},
    {TST, "\"9999-12-31 23:59:59-01:00\"", "! Couldn't convert value to timestamp"},
    {TST, "\"2023-11-14T22:13:20.1234567Z\"", "! Couldn't convert value to timestamp"},
    {TST, "\"infinity\"", "! Couldn't convert value to timestamp"},
    {TST, "1700000000000", "! Couldn't convert value to timestamp"},
    {JSN, "{\"b\": 1, \"a\": [1, 2.50, null, true], \"b\": 2}",
     "\"{\\\"a\\\":[1,2.5,null,true],\\\"b\\\":1}\""},
    {JSN, "\"text\"", "\"\\\"text\\\"\""},
    {JSN, "18446744073709551615", "\"18446744073709551615\""},
    {JSN, "18446744073709551616", "! Invalid JSON value: cannot round-trip"},
    {JSN, "0.1234567890123456789", "! Invalid JSON value: cannot round-trip"},
    {JSN, "1e400", "! Invalid JSON value: cannot round-trip"},
    {JSN, "100000000000000000000", "\"1e+20\""},
    {JSN, "1.0", "\"1.0\""},
    {JSN, "null", "\"null\""}, /* JSON's null, not NULL */
    {JSN REP, "[{\"a\":1},[2]]", "[{\"v\":\"{\\\"a\\\":1}\"},{\"v\":\"[2]\"}]"},
    {GEO, "\"POINT(1 2)\"", "\"POINT(1 2)\""},
    {GEO, "\"nowhere\"", "! Invalid geography value"},
    {IVL, "\"1-2 3 4:5:6.789\"", "\"1-2 3 4:5:6.789\""},
    {IVL, "\"P1Y2M3DT4H5M6.5S\"", "\"1-2 3 4:5:6.500\""},
    {IVL, "\"-0-1 -2 -3:0:0\"", "\"-0-1 -2 -3:0:0\""},
    {IVL, "\"soon\"", "! Invalid INTERVAL value"},
    {INT REP, "[1,\"2\"]", "[{\"v\":\"1\"},{\"v\":\"2\"}]"},
    {INT REP, "[]", "[]"},
    {INT REP, "null", "[]"},
    {INT REP, "[1,null]", "! Only optional fields can be set to NULL. Field: x; Value: null"},
    {INT REP, "[[1]]", "! Nested arrays not allowed."},
    {RANGE("DATE"), "\"[2024-01-01, 2024-02-01)\"", "\"[2024-01-01, 2024-02-01)\""},
    {RANGE("DATE"), "{\"start\":\"2024-01-01\"}", "\"[2024-01-01, UNBOUNDED)\""},
    {RANGE("DATE"), "{\"start\":null,\"end\":\"2024-01-01\"}", "\"[UNBOUNDED, 2024-01-01)\""},
    {RANGE("TIMESTAMP"), "{\"start\":1700000000,\"end\":\"2023-11-15\"}",
     "\"[1700000000000000, 1700006400000000)\""},
    {RANGE("DATE"), "{\"start\":\"2024-01-02\",\"end\":\"2024-01-01\"}",
     "! Range start element must be less than range end element."},
    {RANGE("DATE"), "{\"start\":\"soon\"}", "! Invalid date: 'soon' Field: x.start"},
    {RANGE("DATE"), "\"2024-01-02\"", "! Invalid RANGE<DATE> value: 2024-01-02"},
    {RANGE("DATE"), "5", "! Invalid RANGE<DATE> value: 5"},
    {INT REP, "1", "! Repeated field must be imported as a JSON array."},
};

static bw_status convert(const value_case *c, bool int64_timestamp, bw_buf *out, bq_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_schema schema;
    bq_value v;

    char *json = bw_xasprintf("[{\"name\":\"x\",%s}]", c->type);
    bw_status status = bq_schema_parse(&arena, bw_slice_cstr(json), &schema, err);
    if (status == BW_OK)
        status = bq_value_from_json(&schema.fields[0], bw_slice_cstr(c->json),
                                    (bq_load_options){false}, &arena, &v, err);
    if (status == BW_OK)
        bq_cell_print(&schema.fields[0], &v, (bq_format_options){int64_timestamp}, out);
    free(json);
    bw_arena_fini(&arena);
    return status;
}

static void values_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < BW_COUNT(values); i++) {
        const value_case *c = &values[i];
        bw_buf out = BW_BUF_INIT;
        bq_error err = BQ_ERROR_INIT;
        bw_status status = convert(c, true, &out, &err);
        const char *got = status == BW_OK ? bw_buf_cstr(&out) : err.message;
        bool refused = c->expected[0] == '!';
        bool same =
            refused ? status != BW_OK && strncmp(got, c->expected + 2, strlen(c->expected) - 2) == 0
                    : status == BW_OK && strcmp(got, c->expected) == 0;
        if (!same)
            fail_msg("%s %s: expected %s, got %s%s", c->type, c->json, c->expected,
                     status == BW_OK ? "" : "! ", got);
        if (refused)
            assert_string_equal(err.reason, "invalid");
        bw_buf_fini(&out);
    }
}

static void timestamps_print_as_seconds(void **state)
{
    static const value_case cases[] = {
        {TST, "1700000000", "\"1.7E9\""},
        {TST, "1700000000.12", "\"1.70000000012E9\""},
        {TST, "1438718400.000006", "\"1.438718400000006E9\""},
        {TST, "0", "\"0.0\""},
        {TST, "1", "\"1.0\""},
        {TST, "-1.5", "\"-1.5\""},
        {TST, "0.001", "\"0.001\""},
        {TST, "0.000001", "\"1.0E-6\""},
        {TST, "1234567.000001", "\"1234567.000001\""},
        {TST, "12345678", "\"1.2345678E7\""},
        {TST, "100", "\"100.0\""},
    };
    (void)state;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_buf out = BW_BUF_INIT;
        bq_error err = BQ_ERROR_INIT;
        assert_int_equal(convert(&cases[i], false, &out, &err), BW_OK);
        assert_string_equal(bw_buf_cstr(&out), cases[i].expected);
        bw_buf_fini(&out);
    }
}

static bw_status load_row(const char *schema_json, const char *row_json, bool ignore_unknown,
                          bw_buf *out, bq_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_schema schema;
    bw_status status = bq_schema_parse(&arena, bw_slice_cstr(schema_json), &schema, err);

    if (status == BW_OK) {
        bq_value *row = BW_ARENA_ARRAY(&arena, bq_value, schema.count + 1);
        status = bq_row_from_json(&schema, bw_slice_cstr(row_json),
                                  (bq_load_options){ignore_unknown}, &arena, row, err);
        if (status == BW_OK)
            bq_row_print(&schema, row, (bq_format_options){true}, out);
    }
    bw_arena_fini(&arena);
    return status;
}

#define NESTED                                                                              \
    "{\"fields\":[{\"name\":\"id\",\"type\":\"INT64\",\"mode\":\"REQUIRED\"},"              \
    "{\"name\":\"r\",\"type\":\"RECORD\",\"fields\":[{\"name\":\"a\",\"type\":\"STRING\"}," \
    "{\"name\":\"b\",\"type\":\"INTEGER\",\"mode\":\"REPEATED\"}]},"                        \
    "{\"name\":\"s\",\"type\":\"STRUCT\",\"mode\":\"REPEATED\",\"fields\":["                \
    "{\"name\":\"k\",\"type\":\"STRING\",\"mode\":\"REQUIRED\"}]}]}"

static void rows_are_judged(void **state)
{
    static const struct {
        const char *row, *expected;
        bool ignore_unknown;
    } cases[] = {
        {"{\"id\":1,\"r\":{\"a\":\"x\",\"b\":[1]},\"s\":[{\"k\":\"v\"}]}",
         "{\"f\":[{\"v\":\"1\"},{\"v\":{\"f\":[{\"v\":\"x\"},{\"v\":[{\"v\":\"1\"}]}]}},"
         "{\"v\":[{\"v\":{\"f\":[{\"v\":\"v\"}]}}]}]}",
         false},
        {"{\"ID\":\"1\"}", "{\"f\":[{\"v\":\"1\"},{\"v\":null},{\"v\":[]}]}", false},
        {"{}", "! Missing required field: id.", false},
        {"{\"id\":null}", "! Only optional fields can be set to NULL. Field: id", false},
        {"{\"id\":1,\"z\":1}", "! No such field: z.", false},
        {"{\"id\":1,\"z\":{\"q\":[]}}", "{\"f\":[{\"v\":\"1\"},{\"v\":null},{\"v\":[]}]}", true},
        {"{\"id\":1,\"r\":{\"z\":1}}", "! No such field: r.z.", false},
        {"{\"id\":1,\"s\":[{}]}", "! Missing required field: s.k.", false},
        {"{\"id\":1,\"r\":5}", "! Flat value specified for record field. Field: r", false},
        {"{\"id\":1,\"id\":2}", "! Field is specified more than once. Field: id", false},
        {"{\"id\":1", "! Parser terminated", false},
        {"[1]", "! Expected a JSON object", false},
        {"{\"id\":1} x", "! Parser terminated", false},
    };
    (void)state;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_buf out = BW_BUF_INIT;
        bq_error err = BQ_ERROR_INIT;
        bw_status status = load_row(NESTED, cases[i].row, cases[i].ignore_unknown, &out, &err);
        if (cases[i].expected[0] == '!') {
            assert_int_not_equal(status, BW_OK);
            size_t n = strlen(cases[i].expected + 2);
            err.message[n < sizeof(err.message) ? n : 0] = '\0';
            assert_string_equal(err.message, cases[i].expected + 2);
        } else {
            assert_int_equal(status, BW_OK);
            assert_string_equal(bw_buf_cstr(&out), cases[i].expected);
        }
        bw_buf_fini(&out);
    }
}

static void schemas_are_judged(void **state)
{
    static const struct {
        const char *fields, *error;
    } cases[] = {
        {"{\"name\":\"a-b\",\"type\":\"STRING\"}", "Invalid field name \"a-b\"."},
        {"{\"name\":\"1a\",\"type\":\"STRING\"}", "Invalid field name \"1a\"."},
        {"{\"name\":\"_PARTITIONTIME\",\"type\":\"STRING\"}", "Invalid field name"},
        {"{\"name\":\"a\",\"type\":\"TEXT\"}", "Invalid value for type: TEXT"},
        {"{\"name\":\"a\",\"type\":\"INT64\",\"mode\":\"MAYBE\"}", "Invalid value for mode"},
        {"{\"name\":\"a\",\"type\":\"INT64\"},{\"name\":\"A\",\"type\":\"INT64\"}",
         "Field A already exists in schema"},
        {"{\"name\":\"a\",\"type\":\"RANGE\"}", "Field a of type RANGE needs a rangeElementType"},
        {"{\"name\":\"a\",\"type\":\"RANGE\",\"rangeElementType\":{\"type\":\"INT64\"}}",
         "Field a of type RANGE needs a rangeElementType"},
        {"{\"name\":\"a\",\"type\":\"RECORD\"}", "Field a is type RECORD but has no schema"},
        {"{\"name\":\"a\",\"type\":\"NUMERIC\",\"precision\":\"30\",\"scale\":\"0\"}",
         "Invalid precision 30"},
        {"{\"name\":\"a\",\"type\":\"NUMERIC\",\"precision\":\"38\",\"scale\":\"10\"}",
         "Invalid scale 10"},
        {"{\"name\":\"a\",\"type\":\"INT64\",\"precision\":\"3\"}", "precision and scale"},
        {"{\"name\":\"a\",\"type\":\"INT64\",\"maxLength\":\"3\"}", "Invalid value for maxLength"},
        {"{\"type\":\"INT64\"}", "Schema field is missing a name"},
        {"{\"name\":\"a\\u0000b\",\"type\":\"INT64\"}", "Schema field is missing a name"},
    };
    (void)state;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_arena arena = BW_ARENA_INIT;
        bq_error err = BQ_ERROR_INIT;
        bq_schema schema;
        char *json = bw_xasprintf("{\"fields\":[%s]}", cases[i].fields);
        assert_int_equal(bq_schema_parse(&arena, bw_slice_cstr(json), &schema, &err), BW_INVALID);
        err.message[strlen(cases[i].error)] = '\0';
        assert_string_equal(err.message, cases[i].error);
        free(json);
        bw_arena_fini(&arena);
    }
}

static void schemas_print_as_rest(void **state)
{
    static const char json[] =
        "{\"fields\":[{\"name\":\"a\",\"type\":\"INT64\"},"
        "{\"name\":\"n\",\"type\":\"NUMERIC\",\"precision\":10,\"scale\":\"2\","
        "\"description\":\"q\\\"\",\"policyTags\":{\"names\":[\"x\"]}},"
        "{\"name\":\"r\",\"type\":\"STRUCT\",\"mode\":\"REPEATED\",\"fields\":["
        "{\"name\":\"s\",\"type\":\"STRING\",\"maxLength\":\"5\"}]}]}";
    static const char expected[] =
        "{\"fields\":[{\"name\":\"a\",\"type\":\"INTEGER\",\"mode\":\"NULLABLE\"},"
        "{\"name\":\"n\",\"type\":\"NUMERIC\",\"mode\":\"NULLABLE\",\"precision\":\"10\","
        "\"scale\":\"2\",\"description\":\"q\\\"\",\"policyTags\":{\"names\":[\"x\"]}},"
        "{\"name\":\"r\",\"type\":\"RECORD\",\"mode\":\"REPEATED\",\"fields\":["
        "{\"name\":\"s\",\"type\":\"STRING\",\"mode\":\"NULLABLE\",\"maxLength\":\"5\"}]}]}";
    bw_arena arena = BW_ARENA_INIT;
    bq_error err = BQ_ERROR_INIT;
    bq_schema schema;
    bw_buf out = BW_BUF_INIT;

    (void)state;
    assert_int_equal(bq_schema_parse(&arena, bw_slice_cstr(json), &schema, &err), BW_OK);
    bq_schema_print(&schema, &out);
    assert_string_equal(bw_buf_cstr(&out), expected);
    bw_buf_clear(&out);
    bq_field row = {.kind = BQ_STRUCT, .fields = schema};
    bq_type_print(&row, &out);
    assert_string_equal(bw_buf_cstr(&out),
                        "STRUCT<a INT64, n NUMERIC(10, 2), r ARRAY<STRUCT<s STRING(5)>>>");
    bw_buf_fini(&out);
    bw_arena_fini(&arena);
}

static void schemas_evolve_by_the_rules(void **state)
{
    static const struct {
        const char *to, *error;
    } cases[] = {
        {"{\"name\":\"a\",\"type\":\"INT64\",\"mode\":\"REQUIRED\"},"
         "{\"name\":\"b\",\"type\":\"STRING\",\"mode\":\"REPEATED\"}",
         NULL},
        {"{\"name\":\"a\",\"type\":\"INT64\"}", NULL},
        {"{\"name\":\"a\",\"type\":\"STRING\"}",
         "Provided Schema does not match Table p:d.t. Field a has changed type from INTEGER to "
         "STRING"},
        {"{\"name\":\"b\",\"type\":\"INT64\"}",
         "Provided Schema does not match Table p:d.t. Field a is missing in new schema"},
        {"{\"name\":\"a\",\"type\":\"INT64\",\"mode\":\"REPEATED\"}",
         "Provided Schema does not match Table p:d.t. Field a has changed mode from REQUIRED to "
         "REPEATED"},
        {"{\"name\":\"a\",\"type\":\"INT64\"},{\"name\":\"b\",\"type\":\"INT64\",\"mode\":"
         "\"REQUIRED\"}",
         "Provided Schema does not match Table p:d.t. Cannot add required fields to an existing "
         "schema. (field: b)"},
    };
    bw_arena arena = BW_ARENA_INIT;
    bq_schema from, to, merged;

    (void)state;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bq_error err = BQ_ERROR_INIT;
        char *json = bw_xasprintf("[%s]", cases[i].to);
        assert_int_equal(
            bq_schema_parse(&arena,
                            BW_SLICE_LIT("[{\"name\":\"a\",\"type\":\"INT64\",\"mode\":"
                                         "\"REQUIRED\"}]"),
                            &from, &err),
            BW_OK);
        assert_int_equal(bq_schema_parse(&arena, bw_slice_cstr(json), &to, &err), BW_OK);
        bw_status status = bq_schema_evolve(&arena, "p:d.t", &from, &to,
                                            (bq_evolution){true, true, false}, &merged, &err);
        if (cases[i].error) {
            assert_int_equal(status, BW_INVALID);
            assert_string_equal(err.message, cases[i].error);
        } else {
            assert_int_equal(status, BW_OK);
            assert_int_equal(merged.count, to.count);
        }
        free(json);
    }
    bw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_judged),     cmocka_unit_test(timestamps_print_as_seconds),
        cmocka_unit_test(rows_are_judged),       cmocka_unit_test(schemas_are_judged),
        cmocka_unit_test(schemas_print_as_rest), cmocka_unit_test(schemas_evolve_by_the_rules),
    };
    return BW_RUN_TESTS(tests);
}
