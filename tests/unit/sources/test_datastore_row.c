/* Entities as rows: which column there is for what was seen, what each kind of value becomes in each
   type of column, and what is refused. */
#include "backend/sources/datastore_row.h"

#include <stdio.h>

#include "backend/core/json.h"
#include "tests/support/test.h"

/* ---- columns ---- */

#define K(kind) (1u << BW_ENTITY_##kind)

static const struct {
    bw_dskinds values, elements;
    const char *type, *source_type;
} columns[] = {
    {K(BOOL), 0, "BOOL", "boolean"},
    {K(INT), 0, "INT64", "integer"},
    {K(INT) | K(NULL), 0, "INT64", "integer"},
    {K(DOUBLE), 0, "FLOAT64", "double"},
    {K(INT) | K(DOUBLE), 0, "FLOAT64", "integer, double"},
    {K(TIMESTAMP), 0, "TIMESTAMP", "timestamp"},
    {K(STRING), 0, "STRING", "string"},
    {K(BLOB), 0, "BYTES", "blob"},
    {K(KEY), 0, "JSON", "key"},
    {K(GEO), 0, "JSON", "geo point"},
    {K(ENTITY), 0, "JSON", "entity"},
    {K(STRING) | K(INT), 0, "JSON", "integer, string"},
    {K(NULL), 0, "JSON", "null"},
    {0, 0, "JSON", "null"},
    {K(UNKNOWN), 0, "JSON", "unknown value"},
    {K(ARRAY), K(STRING), "ARRAY<STRING>", "array of string"},
    {K(ARRAY) | K(NULL), K(INT) | K(DOUBLE), "ARRAY<FLOAT64>", "array of integer, double"},
    {K(ARRAY), 0, "JSON", "array"},
    {K(ARRAY), K(STRING) | K(NULL), "JSON", "array of null, string"},
    {K(ARRAY), K(ENTITY), "JSON", "array of entity"},
    {K(ARRAY) | K(STRING), K(STRING), "JSON", "string, array of string"},
};

static void kinds_of_values_make_a_column(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    for (size_t i = 0; i < BW_COUNT(columns); i++) {
        bw_dsseen seen = {columns[i].values, columns[i].elements};
        bw_field f = {.name = "x"};
        bw_ds_column(&seen, &arena, &f.type, &f.repeated, &f.source_type);
        assert_string_equal(bw_field_type_text(&f, &arena), columns[i].type);
        assert_string_equal(f.source_type, columns[i].source_type);
    }
    bw_arena_fini(&arena);
}

/* ---- values ---- */

static const bw_partition home = {.project = "p", .database = "", .namespace = "n"};

static const bw_field fields[] = {
    {.name = "__key__", .source_name = "__key__", .type = BW_TYPE_STRING},
    {.name = "a", .source_name = "a", .type = BW_TYPE_JSON, .repeated = false},
    {.name = "__key_json__", .source_name = "__key_json__", .type = BW_TYPE_JSON},
    {.name = "__extra__", .source_name = "__extra__", .type = BW_TYPE_JSON},
};

typedef struct fixture {
    bw_field fields[4];
    bw_schema schema;
    struct bw_column_as as;
    bw_table_spec spec;
    bw_dsrow *row;
    bw_chunk chunk;
} fixture;

static void begin(fixture *f, bw_type type, bool repeated, bool as_string)
{
    memset(f, 0, sizeof *f);
    memcpy(f->fields, fields, sizeof fields);
    f->fields[1].type = type;
    f->fields[1].repeated = repeated;
    f->schema = (bw_schema){.fields = f->fields, .count = 4};
    f->as = (struct bw_column_as){.column = "a", .type = BW_TYPE_STRING};
    f->spec = (bw_table_spec){.as = &f->as, .n_as = as_string};
    f->row = bw_dsrow_new(&f->spec, &f->schema, &home);
    bw_chunk_init(&f->chunk);
    bw_chunk_reset(&f->chunk, 4);
}

static void end(fixture *f)
{
    bw_dsrow_free(f->row);
    bw_chunk_fini(&f->chunk);
}

#define KEY                                                                 \
    "\"key\":{\"partitionId\":{\"projectId\":\"p\",\"namespaceId\":\"n\"}," \
    "\"path\":[{\"kind\":\"K\",\"id\":\"7\"}]}"

static void show(const bw_value *v, bw_buf *out)
{
    if (v->state == BW_VALUE_NULL)
        bw_buf_adds(out, "~");
    else if (v->state == BW_VALUE_TEXT)
        bw_buf_add(out, v->text, v->size);
    for (uint32_t i = 0; v->state == BW_VALUE_ARRAY && i < v->size; i++) {
        bw_buf_adds(out, i ? "," : "[");
        show(&v->items[i], out);
    }
    if (v->state == BW_VALUE_ARRAY)
        bw_buf_adds(out, v->size ? "]" : "[]");
}

/* What becomes of the properties: the column's value, | what is in __extra__, or ! and the reason. */
static void add(fixture *f, const char *properties, bw_buf *out)
{
    char entity[1024];
    snprintf(entity, sizeof entity, "{" KEY ",\"properties\":%s}", properties);
    bw_chunk_reset(&f->chunk, 4);
    assert_true(bw_dsrow_add(f->row, bw_slice_cstr(entity), &f->chunk));
    assert_int_equal(f->chunk.rows + f->chunk.n_rejected, 1);
    bw_buf_clear(out);
    if (f->chunk.n_rejected) {
        const bw_rejected_row *r = &f->chunk.rejected[0];
        bw_buf_addf(out, "!%s %s", bw_reason_name(r->reason), r->column);
        assert_true(bw_slice_is(r->key, "{\"__key__\":\"K/7\"}"));
        assert_true(bw_json_valid(r->content, NULL, NULL));
        return;
    }
    const bw_value *row = bw_chunk_at(&f->chunk, 0);
    assert_true(bw_slice_is(bw_value_slice(&row[0]), "K/7"));
    assert_true(bw_slice_is(bw_value_slice(&row[2]),
                            "{\"path\":[{\"kind\":\"K\",\"id\":\"7\"}],\"namespace\":\"n\"}"));
    for (uint32_t i = 0; i < (row[1].state == BW_VALUE_ARRAY ? row[1].size : 1); i++) {
        const bw_value *v = row[1].state == BW_VALUE_ARRAY ? &row[1].items[i] : &row[1];
        if (v->state == BW_VALUE_TEXT)
            assert_int_equal(bw_value_check(bw_value_slice(v), f->fields[1].type, 0, 0), 0);
    }
    show(&row[1], out);
    bw_buf_addc(out, '|');
    show(&row[3], out);
}

#define A(value) "{\"a\":" value "}"
#define INT(n)   "{\"integerValue\":\"" n "\"}"
#define DBL(n)   "{\"doubleValue\":" n "}"
#define STR(s)   "{\"stringValue\":\"" s "\"}"
#define ARR(v)   "{\"arrayValue\":{\"values\":[" v "]}}"
#define TIME(t)  "{\"timestampValue\":\"" t "\"}"

static const struct {
    bw_type type;
    bool repeated;
    const char *properties, *result;
} values[] = {
    {BW_TYPE_BOOL, false, A("{\"booleanValue\":true}"), "true|~"},
    {BW_TYPE_BOOL, false, A("{\"nullValue\":null}"), "~|~"},
    {BW_TYPE_BOOL, false, "{}", "~|~"},
    {BW_TYPE_BOOL, false, A(INT("1")), "!BAD_VALUE a"},
    {BW_TYPE_INT64, false, A(INT("-9223372036854775808")), "-9223372036854775808|~"},
    {BW_TYPE_INT64, false, A("{\"integerValue\":\"007\"}"), "7|~"},
    {BW_TYPE_INT64, false, A(DBL("5")), "!BAD_VALUE a"},
    {BW_TYPE_INT64, false, A(STR("5")), "!BAD_VALUE a"},
    {BW_TYPE_FLOAT64, false, A(DBL("0.1")), "0.1|~"},
    {BW_TYPE_FLOAT64, false, A(DBL("1")), "1|~"},
    {BW_TYPE_FLOAT64, false, A("{\"doubleValue\":\"-Infinity\"}"), "-Infinity|~"},
    {BW_TYPE_FLOAT64, false, A(INT("9007199254740992")), "9007199254740992|~"},
    {BW_TYPE_FLOAT64, false, A(INT("9007199254740993")), "!NUMERIC_OVERFLOW a"},
    {BW_TYPE_FLOAT64, false, A(DBL("1e999")), "!NUMERIC_OVERFLOW a"},
    {BW_TYPE_STRING, false, A(STR("")), "|~"},
    {BW_TYPE_STRING, false, A(STR("\\u003ca\\n\\u0000")), "<a\n|~"},
    {BW_TYPE_STRING, false, A(STR("\\ud800")), "!BAD_UTF8 a"},
    {BW_TYPE_STRING, false, A(INT("1")), "!BAD_VALUE a"},
    {BW_TYPE_BYTES, false, A("{\"blobValue\":\"aGk=\"}"), "aGk=|~"},
    {BW_TYPE_BYTES, false, A("{\"blobValue\":\"aGk\"}"), "!BAD_VALUE a"},
    {BW_TYPE_TIMESTAMP, false, A(TIME("2026-11-20T08:37:00.5Z")), "2026-11-20 08:37:00.5+00|~"},
    {BW_TYPE_TIMESTAMP, false, A(TIME("0001-01-01T00:00:00Z")), "0001-01-01 00:00:00+00|~"},
    {BW_TYPE_TIMESTAMP, false, A(TIME("0001-01-01T00:00:00+01:00")), "!TS_RANGE a"},
    {BW_TYPE_TIMESTAMP, false, A(TIME("9999-12-31T23:59:59.999999Z")),
     "9999-12-31 23:59:59.999999+00|~"},
    {BW_TYPE_TIMESTAMP, false, A(TIME("9999-12-31T23:59:59-01:00")), "!TS_RANGE a"},
    {BW_TYPE_TIMESTAMP, false, A(TIME("2026-11-20T08:37:00.0000001Z")), "!BAD_VALUE a"},
    {BW_TYPE_JSON, false, A("{\"nullValue\":null}"), "null|~"},
    {BW_TYPE_JSON, false, "{}", "~|~"},
    {BW_TYPE_JSON, false, A(DBL("1")), "1.0|~"},
    {BW_TYPE_JSON, false, A(ARR(INT("1") "," STR("x"))), "[1,\"x\"]|~"},
    {BW_TYPE_JSON, false, A("{\"geoPointValue\":{\"latitude\":1.5}}"),
     "{\"latitude\":1.5,\"longitude\":0.0}|~"},
    {BW_TYPE_JSON, false, A("{\"keyValue\":{\"path\":[{\"kind\":\"C\",\"name\":\"x\"}]}}"),
     "{\"path\":[{\"kind\":\"C\",\"name\":\"x\"}]}|~"},
    {BW_TYPE_JSON, false, A("{\"fooValue\":1}"), "!UNKNOWN_TYPE a"},
    {BW_TYPE_STRING, true, A(ARR(STR("x") "," STR("y"))), "[x,y]|~"},
    {BW_TYPE_STRING, true, A("{\"arrayValue\":{}}"), "[]|~"},
    {BW_TYPE_STRING, true, A("{\"nullValue\":null}"), "~|~"},
    {BW_TYPE_STRING, true, A(ARR(STR("x") ",{\"nullValue\":null}")), "!ARRAY_NULL a"},
    {BW_TYPE_STRING, true, A(ARR(INT("1"))), "!BAD_VALUE a"},
    {BW_TYPE_STRING, true, A(STR("x")), "!BAD_VALUE a"},
    {BW_TYPE_INT64, false, "{\"z\":" STR("q") ",\"a\":" INT("1") ",\"\\u0062\":" INT("2") "}",
     "1|{\"b\":2,\"z\":\"q\"}"},
    {BW_TYPE_INT64, false, "{\"\\u0061\":" INT("1") "}", "1|~"},
    {BW_TYPE_INT64, false, "{\"a\":" INT("1") ",\"\\u0061\":" INT("2") "}", "!JSON_DUPLICATE "},
    {BW_TYPE_INT64, false, "{\"b\":" INT("1") ",\"b\":" INT("2") "}", "!JSON_DUPLICATE __extra__"},
    {BW_TYPE_INT64, false, "{\"b\":{\"fooValue\":1}}", "!UNKNOWN_TYPE __extra__"},
    {BW_TYPE_INT64, false, "[]", "!BAD_VALUE "},
    {BW_TYPE_INT64, false, "{\"__key__\":" INT("1") "}", "~|{\"__key__\":1}"},
};

static void values_become_the_text_of_their_column(void **state)
{
    (void)state;
    bw_buf result = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(values); i++) {
        fixture f;
        begin(&f, values[i].type, values[i].repeated, false);
        add(&f, values[i].properties, &result);
        /* A NUL in a text is shown as nothing. */
        char shown[512];
        size_t n = 0;
        for (size_t k = 0; k < result.len; k++) {
            if (result.ptr[k])
                shown[n++] = result.ptr[k];
        }
        shown[n] = '\0';
        if (strcmp(shown, values[i].result) != 0)
            fail_msg("%s as %s: %s, not %s", values[i].properties, bw_type_name(values[i].type),
                     shown, values[i].result);
        end(&f);
    }
    bw_buf_fini(&result);
}

static void as_string_takes_everything(void **state)
{
    (void)state;
    bw_buf result = BW_BUF_INIT;
    fixture f;
    begin(&f, BW_TYPE_STRING, false, true);
    add(&f, A(STR("x\\n")), &result);
    assert_string_equal(bw_buf_cstr(&result), "x\n|~");
    add(&f, A(ARR(INT("1"))), &result);
    assert_string_equal(bw_buf_cstr(&result), "[1]|~");
    add(&f, A("{\"nullValue\":null}"), &result);
    assert_string_equal(bw_buf_cstr(&result), "~|~");
    end(&f);
    bw_buf_fini(&result);
}

static void a_dead_letter_holds_the_whole_entity(void **state)
{
    (void)state;
    bw_buf result = BW_BUF_INIT;
    fixture f;
    begin(&f, BW_TYPE_INT64, false, false);
    add(&f, "{\"a\":" STR("no \\\"number\\\"") ",\"b\":" ARR(INT("1")) "}", &result);
    bw_rejected_row *r = &f.chunk.rejected[0];
    assert_true(bw_slice_is(r->detail, "a value of kind string, and the column is INT64"));
    assert_true(bw_slice_is(r->content,
                            "{\"__key__\":\"K/7\",\"a\":\"no \\\"number\\\"\",\"__key_json__\":"
                            "\"{\\\"path\\\":[{\\\"kind\\\":\\\"K\\\",\\\"id\\\":\\\"7\\\"}],"
                            "\\\"namespace\\\":\\\"n\\\"}\",\"__extra__\":\"{\\\"b\\\":[1]}\"}"));
    end(&f);
    bw_buf_fini(&result);
}

static void an_entity_without_a_key_is_none(void **state)
{
    (void)state;
    fixture f;
    begin(&f, BW_TYPE_INT64, false, false);
    assert_false(bw_dsrow_add(f.row, BW_SLICE_LIT("{\"properties\":{}}"), &f.chunk));
    assert_false(
        bw_dsrow_add(f.row, BW_SLICE_LIT("{\"key\":{\"path\":[{\"kind\":\"K\"}]}}"), &f.chunk));
    assert_int_equal(f.chunk.rows + f.chunk.n_rejected, 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_values_make_a_column),
        cmocka_unit_test(values_become_the_text_of_their_column),
        cmocka_unit_test(as_string_takes_everything),
        cmocka_unit_test(a_dead_letter_holds_the_whole_entity),
        cmocka_unit_test(an_entity_without_a_key_is_none),
    };
    return BW_RUN_TESTS(tests);
}
