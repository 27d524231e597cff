/* Covers encoder_ndjson.c and json_text.[ch]. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/destination/encoder.h"
#include "backend/destination/json_text.h"

static const bw_field fields[] = {
    {.name = "id", .source_name = "id", .type = BW_TYPE_INT64, .required = true, .key_part = true},
    {.name = "flag", .source_name = "flag", .type = BW_TYPE_BOOL},
    {.name = "ratio", .source_name = "ratio", .type = BW_TYPE_FLOAT64},
    {.name = "total", .source_name = "total", .type = BW_TYPE_NUMERIC},
    {.name = "name_that_is_longer_than_the_short_prefix",
     .source_name = "n",
     .type = BW_TYPE_STRING},
    {.name = "data", .source_name = "data", .type = BW_TYPE_BYTES},
    {.name = "doc", .source_name = "doc", .type = BW_TYPE_JSON},
    {.name = "tags", .source_name = "tags", .type = BW_TYPE_STRING, .repeated = true},
    {.name = "longs", .source_name = "longs", .type = BW_TYPE_INT64, .repeated = true},
    {.name = "updated_at", .source_name = "updated_at", .type = BW_TYPE_TIMESTAMP},
    {.name = "note", .source_name = "note", .type = BW_TYPE_STRING, .required = true},
};
enum { ID, FLAG, RATIO, TOTAL, NAME, DATA, DOC, TAGS, LONGS, UPDATED, NOTE, FIELDS };
static const bw_schema schema = {fields, BW_COUNT(fields)};
static const size_t all[FIELDS] = {ID,  FLAG, RATIO, TOTAL,   NAME, DATA,
                                   DOC, TAGS, LONGS, UPDATED, NOTE};
static const size_t key[] = {ID};

static bw_value text(const char *s)
{
    return bw_value_text(s, strlen(s));
}

static bw_encoder_options options(unsigned add)
{
    return (bw_encoder_options){.schema = &schema,
                                .columns = all,
                                .n_columns = FIELDS,
                                .add = add,
                                .key = key,
                                .n_key = 1,
                                .cursor = UPDATED,
                                .sync = "shop.orders",
                                .batch = "7",
                                .synced_at_us = INT64_C(1700000000000000)};
}

/* Only the given column. */
static bw_encoder_options only(const size_t *column)
{
    bw_encoder_options o = options(0);
    o.columns = column;
    o.n_columns = 1;
    return o;
}

/* A row in which only the columns that must not be NULL have values. */
static void bare_row(bw_value row[FIELDS])
{
    for (size_t i = 0; i < FIELDS; i++)
        row[i] = BW_VALUE_NULL_INIT;
    row[ID] = text("1");
    row[NOTE] = text("n");
}

/* Encodes one row with the given options; the text is the caller's. */
static char *encode(const bw_encoder_options *o, const bw_value *row, const bw_row_extra *extra)
{
    bw_encoder *e = bw_encoder_ndjson.new(o);
    bw_buf out = BW_BUF_INIT;
    int column;
    assert_int_equal(bw_encoder_ndjson.row(e, row, extra, &out, &column), BW_REASON_NONE);
    bw_encoder_ndjson.free(e);
    return bw_buf_take(&out);
}

static void expect(const bw_encoder_options *o, const bw_value *row, const char *expected)
{
    char *got = encode(o, row, NULL);
    assert_string_equal(got, expected);
    free(got);
}

static void test_each_type_has_its_form(void **state)
{
    (void)state;
    bw_value tags[] = {text("a\"b"), text("")};
    bw_value longs[] = {text("1"), text("-9007199254740992")};
    bw_value row[FIELDS];
    bare_row(row);
    row[FLAG] = text("true");
    row[RATIO] = text("1.5e-300");
    row[TOTAL] = text("12345678901234567890.123456789");
    row[NAME] = text("caf\xc3\xa9 \xf0\x9f\x90\x98 \"q\" \\ \n\t\x01");
    row[DATA] = text("3q2+7w==");
    row[DOC] = text("{\"a\": [1,\n\r 2]}");
    row[TAGS] = (bw_value){.items = tags, .size = 2, .state = BW_VALUE_ARRAY};
    row[LONGS] = (bw_value){.items = longs, .size = 2, .state = BW_VALUE_ARRAY};
    row[UPDATED] = text("2023-11-14 22:13:20.000001+00");
    bw_encoder_options o = options(0);
    expect(&o, row,
           "{\"id\":1,\"flag\":true,\"ratio\":1.5e-300,"
           "\"total\":\"12345678901234567890.123456789\","
           "\"name_that_is_longer_than_the_short_prefix\":"
           "\"caf\xc3\xa9 \xf0\x9f\x90\x98 \\\"q\\\" \\\\ \\n\\t\\u0001\","
           "\"data\":\"3q2+7w==\",\"doc\":{\"a\": [1,   2]},"
           "\"tags\":[\"a\\\"b\",\"\"],\"longs\":[1,\"-9007199254740992\"],"
           "\"updated_at\":\"2023-11-14 22:13:20.000001+00\",\"note\":\"n\"}\n");
}

static void test_integers_beyond_a_double_are_strings(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"0", "0"},
        {"-1", "-1"},
        {"999999999999999", "999999999999999"},
        {"9007199254740991", "9007199254740991"},
        {"-9007199254740991", "-9007199254740991"},
        {"9007199254740992", "\"9007199254740992\""},
        {"-9007199254740992", "\"-9007199254740992\""},
        {"9999999999999999", "\"9999999999999999\""},
        {"9223372036854775807", "\"9223372036854775807\""},
        {"-9223372036854775808", "\"-9223372036854775808\""},
    };
    static const size_t id = ID;
    bw_value row[FIELDS];
    bare_row(row);
    bw_encoder_options o = only(&id);
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "{\"id\":%s}\n", cases[i].out);
        row[ID] = text(cases[i].in);
        expect(&o, row, expected);
    }
}

static void test_what_is_not_finite_is_a_string(void **state)
{
    (void)state;
    static const char *const in[] = {"NaN", "Infinity", "-Infinity", "1e+300", "-0"};
    static const char *const out[] = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\"", "1e+300", "-0"};
    static const size_t ratio = RATIO;
    bw_value row[FIELDS];
    bare_row(row);
    bw_encoder_options o = only(&ratio);
    for (size_t i = 0; i < BW_COUNT(in); i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "{\"ratio\":%s}\n", out[i]);
        row[RATIO] = text(in[i]);
        expect(&o, row, expected);
    }
}

static void test_null_is_left_out_and_the_null_of_json_is_not(void **state)
{
    (void)state;
    bw_value row[FIELDS];
    bare_row(row);
    bw_encoder_options o = options(0);
    expect(&o, row, "{\"id\":1,\"note\":\"n\"}\n");
    row[DOC] = text("null");
    expect(&o, row, "{\"id\":1,\"doc\":null,\"note\":\"n\"}\n");
    row[DOC] = text("\"s\"");
    expect(&o, row, "{\"id\":1,\"doc\":\"s\",\"note\":\"n\"}\n");

    static const size_t doc = DOC;
    o = only(&doc);
    row[DOC] = BW_VALUE_NULL_INIT;
    expect(&o, row, "{}\n");
    o.add = BW_ADD_CURRENT;
    o.cursor = -1;
    char *got = encode(&o, row, NULL);
    assert_memory_equal(got, "{\"_bw_version\":0,", 17);
    assert_true(bw_json_valid((bw_slice){got, strlen(got) - 1}, NULL, NULL));
    free(got);
}

static void test_null_arrays_are_named(void **state)
{
    (void)state;
    bw_value row[FIELDS];
    bare_row(row);
    bw_encoder_options o = options(BW_ADD_NULLS);
    expect(&o, row, "{\"id\":1,\"note\":\"n\",\"_bw_nulls\":[\"tags\",\"longs\"]}\n");
    row[TAGS] = (bw_value){.items = NULL, .size = 0, .state = BW_VALUE_ARRAY};
    expect(&o, row, "{\"id\":1,\"tags\":[],\"note\":\"n\",\"_bw_nulls\":[\"longs\"]}\n");
}

static void test_current_columns(void **state)
{
    (void)state;
    bw_value row[FIELDS];
    bare_row(row);
    row[UPDATED] = text("2023-11-14 22:13:20.5+00");
    bw_encoder_options o = options(BW_ADD_CURRENT);
    bw_encoder *e = bw_encoder_ndjson.new(&o);
    bw_buf out = BW_BUF_INIT;
    int column;
    bw_row_extra extra = {NAN, true};
    assert_int_equal(bw_encoder_ndjson.row(e, row, &extra, &out, &column), BW_REASON_NONE);

    int64_t value;
    assert_true(bw_json_member_int(bw_buf_slice(&out), "_bw_version", &value));
    assert_int_equal(value, INT64_C(1700000000500000));
    assert_true(bw_json_member_int(bw_buf_slice(&out), "_bw_hash", &value));
    assert_int_equal(value, (int64_t)bw_encoder_content_hash(e));
    char *at = bw_json_member_string(bw_buf_slice(&out), "_bw_synced_at");
    assert_string_equal(at, "2023-11-14T22:13:20Z");
    free(at);
    assert_true(bw_slice_is(bw_json_member(bw_buf_slice(&out), "_bw_deleted"), "true"));

    /* The hash is of the content alone; a NULL cursor is older than everything. */
    uint64_t hash = bw_encoder_content_hash(e);
    row[UPDATED] = BW_VALUE_NULL_INIT;
    bw_buf_clear(&out);
    assert_int_equal(bw_encoder_ndjson.row(e, row, NULL, &out, &column), BW_REASON_NONE);
    assert_true(bw_encoder_content_hash(e) != hash);
    assert_true(bw_json_member_int(bw_buf_slice(&out), "_bw_version", &value));
    assert_true(value == INT64_MIN);
    bw_buf_fini(&out);
    bw_encoder_ndjson.free(e);
}

static char *event_id(const bw_encoder_options *o, const bw_value *row)
{
    char *line = encode(o, row, NULL);
    char *id = bw_json_member_string(bw_slice_cstr(line), "_bw_event_id");
    free(line);
    assert_non_null(id);
    assert_int_equal(strlen(id), 32);
    return id;
}

static void test_event_ids_follow_sync_key_version_and_content(void **state)
{
    (void)state;
    bw_value row[FIELDS];
    bare_row(row);
    row[UPDATED] = text("2023-11-14 22:13:20+00");
    bw_encoder_options o = options(BW_ADD_EVENT_ID);
    char *id = event_id(&o, row), *other;

    o.sync = "shop.order";
    other = event_id(&o, row);
    assert_string_not_equal(id, other);
    free(other);
    o.sync = "shop.orders";
    o.batch = "8"; /* another batch that reads the same row */
    o.synced_at_us++;
    other = event_id(&o, row);
    assert_string_equal(id, other);
    free(other);
    row[NOTE] = text("m");
    other = event_id(&o, row);
    assert_string_not_equal(id, other);
    free(other);
    free(id);
}

/* A message that is delivered again says other things of its delivery, and is the same event. */
static void test_event_ids_of_immutable_rows_follow_the_key(void **state)
{
    (void)state;
    bw_value row[FIELDS];
    bare_row(row);
    row[UPDATED] = text("2023-11-14 22:13:20+00");
    bw_encoder_options o = options(BW_ADD_EVENT_ID);
    o.immutable = true;
    char *id = event_id(&o, row), *other;

    row[NOTE] = text("m");
    row[UPDATED] = text("2023-11-14 22:13:21+00");
    other = event_id(&o, row);
    assert_string_equal(id, other);
    free(other);
    row[ID] = text("2");
    other = event_id(&o, row);
    assert_string_not_equal(id, other);
    free(other);
    free(id);

    /* Without a key there is nothing but the content. */
    o.n_key = 0;
    id = event_id(&o, row);
    row[NOTE] = text("n");
    other = event_id(&o, row);
    assert_string_not_equal(id, other);
    free(other);
    free(id);
}

static void test_raw_rows(void **state)
{
    (void)state;
    bw_value row[FIELDS];
    bare_row(row);
    row[NAME] = text("a\"b\\c\nd");
    row[UPDATED] = text("2023-11-14 22:13:20.25+00");
    bw_encoder_options o = options(BW_ADD_RAW), plain = options(0);
    bw_row_extra extra = {0.98765, false};
    char *line = encode(&o, row, &extra);
    bw_slice s = bw_slice_cstr(line);
    char *content = encode(&plain, row, NULL);
    content[strlen(content) - 1] = '\0'; /* the line's end */

    const struct {
        const char *name, *value;
    } members[] = {
        {"_bw_op", "upsert"},
        {"_bw_key", "{\"id\":1}"},
        {"_bw_batch", "7"},
        {"_bw_event_time", "2023-11-14T22:13:20.25Z"},
        {"_bw_ingested_at", "2023-11-14T22:13:20Z"},
        {"_bw_payload", content},
    };
    for (size_t i = 0; i < BW_COUNT(members); i++) {
        char *value = bw_json_member_string(s, members[i].name);
        assert_non_null(value);
        assert_string_equal(value, members[i].value);
        free(value);
    }
    assert_true(bw_slice_is(bw_json_member(s, "_bw_score"), "0.9877"));
    int64_t version;
    assert_true(bw_json_member_int(s, "_bw_version", &version));
    assert_int_equal(version, INT64_C(1700000000250000));
    free(content);
    free(line);
}

static void test_rows_that_do_not_fit_append_nothing(void **state)
{
    (void)state;
    bw_value row[FIELDS];
    bare_row(row);
    bw_encoder_options o = options(BW_ADD_CURRENT);
    o.max_row_bytes = 300;
    bw_encoder *e = bw_encoder_ndjson.new(&o);
    bw_buf out = BW_BUF_INIT;
    bw_buf_adds(&out, "before");
    int column;

    row[NOTE] = BW_VALUE_NULL_INIT;
    assert_int_equal(bw_encoder_ndjson.row(e, row, NULL, &out, &column), BW_REASON_REQUIRED_NULL);
    assert_int_equal(column, NOTE);
    bw_row_extra deleted = {NAN, true};
    assert_int_equal(bw_encoder_ndjson.row(e, row, &deleted, &out, &column), BW_REASON_NONE);
    assert_true(out.len > 6);
    out.len = 6;

    row[ID] = BW_VALUE_NULL_INIT;
    assert_int_equal(bw_encoder_ndjson.row(e, row, &deleted, &out, &column), BW_REASON_KEY_NULL);
    assert_int_equal(column, ID);

    bare_row(row);
    char big[512];
    memset(big, 'x', sizeof big);
    row[NAME] = bw_value_text(big, sizeof big);
    assert_int_equal(bw_encoder_ndjson.row(e, row, NULL, &out, &column), BW_REASON_ROW_TOO_BIG);
    assert_int_equal(column, -1);
    assert_int_equal(out.len, 6);
    bw_buf_fini(&out);
    bw_encoder_ndjson.free(e);
}

/* ---- random rows against an encoder that is slow and plain ------------------------------- */

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static bw_value kept(bw_arena *arena, bw_buf *b)
{
    bw_slice s = bw_arena_slice(arena, bw_buf_slice(b));
    bw_buf_fini(b);
    return bw_value_text(s.ptr, s.len);
}

/* Valid UTF-8 with plenty of what has to be escaped, of a length around the vector widths. */
static bw_value random_text(uint64_t *seed, bw_arena *arena)
{
    static const char *const bits[] = {"\"", "\\", "\n", "\x1f", "\xc3\xa9", "\xf0\x9f\x90\x98"};
    bw_buf b = BW_BUF_INIT;
    size_t want = next(seed) % 80;
    uint64_t odds = next(seed) % 40 + 1;
    while (b.len < want) {
        if (next(seed) % odds == 0)
            bw_buf_adds(&b, bits[next(seed) % BW_COUNT(bits)]);
        else if (next(seed) % 200 == 0)
            bw_buf_addc(&b, '\0');
        else
            bw_buf_addc(&b, (char)(' ' + next(seed) % 95));
    }
    return kept(arena, &b);
}

static bw_value random_json(uint64_t *seed, bw_arena *arena)
{
    bw_value inner = random_text(seed, arena);
    bw_buf b = BW_BUF_INIT;
    bw_json_add_string(&b, bw_value_slice(&inner));
    return kept(arena, &b);
}

static bw_value random_value(uint64_t *seed, bw_arena *arena, size_t field)
{
    static const char *const ratios[] = {"NaN", "1e+20", "-0.5"};
    switch (fields[field].type) {
    case BW_TYPE_BOOL:
        return text(next(seed) % 2 ? "true" : "false");
    case BW_TYPE_INT64:
        return text(
            bw_arena_printf(arena, "%lld", (long long)((int64_t)next(seed) >> next(seed) % 64)));
    case BW_TYPE_FLOAT64:
        return text(ratios[next(seed) % BW_COUNT(ratios)]);
    case BW_TYPE_JSON:
        return random_json(seed, arena);
    case BW_TYPE_TIMESTAMP:
        return text("2023-11-14 22:13:20+00");
    case BW_TYPE_NUMERIC:
        return text("-12.5");
    case BW_TYPE_BYTES:
        return text("AA==");
    default:
        return random_text(seed, arena);
    }
}

static void naive_value(bw_buf *out, bw_type type, bw_slice v)
{
    char *copy = bw_xstrndup(v.ptr, v.len);
    bool bare = type == BW_TYPE_BOOL || type == BW_TYPE_JSON;
    if (type == BW_TYPE_INT64) {
        long long n = strtoll(copy, NULL, 10);
        bare = n >= -INT64_C(9007199254740991) && n <= INT64_C(9007199254740991);
    }
    if (type == BW_TYPE_FLOAT64)
        bare = isfinite(strtod(copy, NULL));
    if (bare)
        bw_buf_add(out, v.ptr, v.len);
    else
        bw_json_add_string(out, v);
    free(copy);
}

static void naive_row(bw_buf *out, const bw_value *row)
{
    bw_buf_addc(out, '{');
    for (size_t i = 0; i < FIELDS; i++) {
        if (row[i].state == BW_VALUE_NULL)
            continue;
        if (out->ptr[out->len - 1] != '{')
            bw_buf_addc(out, ',');
        bw_json_add_string(out, bw_slice_cstr(fields[i].name));
        bw_buf_addc(out, ':');
        if (row[i].state == BW_VALUE_TEXT) {
            naive_value(out, fields[i].type, bw_value_slice(&row[i]));
            continue;
        }
        bw_buf_addc(out, '[');
        for (uint32_t k = 0; k < row[i].size; k++) {
            if (k)
                bw_buf_addc(out, ',');
            naive_value(out, fields[i].type, bw_value_slice(&row[i].items[k]));
        }
        bw_buf_addc(out, ']');
    }
    bw_buf_adds(out, "}\n");
}

static void random_row(uint64_t *seed, bw_arena *arena, bw_value row[FIELDS])
{
    for (size_t i = 0; i < FIELDS; i++) {
        row[i] = BW_VALUE_NULL_INIT;
        if (!fields[i].required && next(seed) % 4 == 0)
            continue;
        if (!fields[i].repeated) {
            row[i] = random_value(seed, arena, i);
            continue;
        }
        uint32_t n = (uint32_t)(next(seed) % 5);
        bw_value *items = BW_ARENA_ARRAY(arena, bw_value, n + 1);
        for (uint32_t k = 0; k < n; k++)
            items[k] = random_value(seed, arena, i);
        row[i] = (bw_value){.items = items, .size = n, .state = BW_VALUE_ARRAY};
    }
}

static void test_random_rows_equal_the_plain_encoder(void **state)
{
    (void)state;
    uint64_t seed = 0x9e3779b97f4a7c15;
    bw_arena arena = BW_ARENA_INIT;
    bw_encoder_options o = options(0);
    bw_encoder *e = bw_encoder_ndjson.new(&o);
    bw_buf out = BW_BUF_INIT, plain = BW_BUF_INIT;
    for (int round = 0; round < 20000; round++) {
        bw_value row[FIELDS];
        random_row(&seed, &arena, row);
        if (round % 500 == 0) /* start from an empty buffer now and then, so that it grows */
            bw_buf_fini(&out);
        bw_buf_clear(&out);
        bw_buf_clear(&plain);
        int column;
        assert_int_equal(bw_encoder_ndjson.row(e, row, NULL, &out, &column), BW_REASON_NONE);
        naive_row(&plain, row);
        assert_string_equal(bw_buf_cstr(&out), bw_buf_cstr(&plain));
        assert_null(memchr(out.ptr, '\n', out.len - 1));
        assert_true(bw_json_valid((bw_slice){out.ptr, out.len - 1}, NULL, NULL));
        bw_arena_reset(&arena, SIZE_MAX);
    }
    bw_buf_fini(&out);
    bw_buf_fini(&plain);
    bw_arena_fini(&arena);
    bw_encoder_ndjson.free(e);
}

static void check_byte(size_t n, size_t at, int c)
{
    char in[64], out[64 * BW_JSON_EXPANSION];
    memset(in, 'x', n);
    in[at] = (char)c;
    size_t got = (size_t)(bw_json_escape(out, in, n) - out);
    bool escaped = c < 0x20 || c == '"' || c == '\\';
    assert_int_equal(got, bw_json_escaped_size(in, n));
    assert_int_equal(got > n, escaped);
    if (escaped)
        assert_int_equal(out[at], '\\');
    else
        assert_memory_equal(out, in, n);
}

static void test_every_byte_at_every_place(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 40; n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++)
                check_byte(n, at, c);
}

static void test_long_texts(void **state)
{
    (void)state;
    size_t n = 3 << 20;
    char *big = bw_xmalloc(n);
    memset(big, '"', n);
    bw_value row[FIELDS];
    bare_row(row);
    row[NAME] = bw_value_text(big, n);
    bw_encoder_options o = options(BW_ADD_RAW);
    char *line = encode(&o, row, NULL);
    char *back = bw_json_member_string(bw_slice_cstr(line), fields[NAME].name);
    assert_int_equal(strlen(back), n);
    assert_memory_equal(back, big, n);
    free(back);
    free(line);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_type_has_its_form),
        cmocka_unit_test(test_integers_beyond_a_double_are_strings),
        cmocka_unit_test(test_what_is_not_finite_is_a_string),
        cmocka_unit_test(test_null_is_left_out_and_the_null_of_json_is_not),
        cmocka_unit_test(test_null_arrays_are_named),
        cmocka_unit_test(test_current_columns),
        cmocka_unit_test(test_event_ids_follow_sync_key_version_and_content),
        cmocka_unit_test(test_event_ids_of_immutable_rows_follow_the_key),
        cmocka_unit_test(test_raw_rows),
        cmocka_unit_test(test_rows_that_do_not_fit_append_nothing),
        cmocka_unit_test(test_random_rows_equal_the_plain_encoder),
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_long_texts),
    };
    return BW_RUN_TESTS(tests);
}
