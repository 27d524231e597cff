/*
 * JSON functions. A JSON value is its normalised text; STRING arguments may hold any JSON text.
 */
#include <math.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/bq_json.h"
#include "backend/sandbox/bq_text.h"
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/bq_tuple.h"

/* What the path (argument 1, "$" when missing) names in argument 0; false: the result is set. */
static bool at_path(sqlite3_context *ctx, int argc, sqlite3_value **argv, bw_slice *raw)
{
    bw_slice path = BW_SLICE_LIT("$");
    const char *why;
    size_t at;

    if (bq_any_null(ctx, argc, argv))
        return false;
    bw_slice json = bq_arg_slice(argv[0]);
    if (argc > 1)
        path = bq_arg_slice(argv[1]);
    if (!bw_json_valid(json, &why, &at))
        return false;
    bq_path_outcome outcome = bq_json_path(json, path, raw);
    if (outcome == BQ_PATH_INVALID)
        bq_result_error(ctx, "Invalid JSONPath: %.*s", BW_SLICE_ARG(path));
    return outcome == BQ_PATH_FOUND;
}

static bw_slice trimmed(bw_slice s)
{
    while (s.len > 0 && strchr(" \t\n\r", s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && strchr(" \t\n\r", s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* A scalar as text; false for null, objects and arrays. */
static bool scalar_text(bw_slice raw, bw_buf *out)
{
    raw = trimmed(raw);
    if (raw.len == 0 || raw.ptr[0] == '{' || raw.ptr[0] == '[' || bw_slice_is(raw, "null"))
        return false;
    if (raw.ptr[0] == '"')
        return bw_json_unescape(raw, out);
    bw_buf_add(out, raw.ptr, raw.len);
    return true;
}

static void json_value(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    bw_slice raw;

    if (at_path(ctx, argc, argv, &raw) && scalar_text(raw, &out))
        bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void result_normalised(sqlite3_context *ctx, bw_slice raw)
{
    bw_buf out = BW_BUF_INIT;
    const char *why;

    if (bq_json_normalise(raw, true, &out, &why))
        bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void json_query(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_slice raw;

    if (at_path(ctx, argc, argv, &raw))
        result_normalised(ctx, raw);
}

/* As it is written, without the white space: the order of members and the digits stay. */
static void result_compact(sqlite3_context *ctx, bw_slice raw)
{
    bw_json_scan s = bw_json_scan_init(raw);
    bw_buf out = BW_BUF_INIT, text = BW_BUF_INIT;
    bw_json_token t;
    bool first = true; /* of a container, or behind a name */

    while (bw_json_next(&s, &t) && t.type != BW_JSON_END) {
        bool closes = t.type == BW_JSON_OBJECT_END || t.type == BW_JSON_ARRAY_END;
        bw_buf_adds(&out, first || closes ? "" : ",");
        bw_buf_clear(&text);
        if ((t.type == BW_JSON_STRING || t.type == BW_JSON_KEY) && bw_json_unescape(t.raw, &text))
            bw_json_add_string(&out, bw_buf_slice(&text));
        else
            bw_buf_add(&out, t.raw.ptr, t.raw.len);
        bw_buf_adds(&out, t.type == BW_JSON_KEY ? ":" : "");
        first = t.type == BW_JSON_KEY || t.type == BW_JSON_OBJECT || t.type == BW_JSON_ARRAY;
    }
    bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
    bw_buf_fini(&text);
}

/* Of a STRING: JSON's null is NULL. */
static void json_query_text(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_slice raw;

    if (at_path(ctx, argc, argv, &raw) && !bw_slice_is(trimmed(raw), "null"))
        result_compact(ctx, raw);
}

static void json_array(sqlite3_context *ctx, int argc, sqlite3_value **argv, bool scalars)
{
    bw_slice raw, item;
    bw_json_token t;
    bw_buf out = BW_BUF_INIT, text = BW_BUF_INIT;
    size_t count = 0;
    const char *why;

    if (!at_path(ctx, argc, argv, &raw))
        return;
    bw_json_scan s = bw_json_scan_init(raw);
    if (!bw_json_next(&s, &t) || t.type != BW_JSON_ARRAY)
        return;
    bq_tuple_begin(&out, 0);
    for (;;) {
        bw_json_scan before = s;
        if (!bw_json_next(&s, &t) || t.type == BW_JSON_ARRAY_END)
            break;
        s = before;
        if (!bw_json_skip(&s, &item))
            break;
        bw_buf_clear(&text);
        char first = trimmed(item).ptr[0];
        if (scalars && (first == '{' || first == '[')) {
            bw_buf_fini(&out);
            bw_buf_fini(&text);
            return;
        }
        bool ok = scalars ? scalar_text(item, &text) : bq_json_normalise(item, true, &text, &why);
        bq_value v = ok ? bq_text(bw_buf_slice(&text)) : bq_null();
        bq_tuple_add(&out, &v);
        count++;
    }
    bq_tuple_set_count(&out, 0, count);
    bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
    bw_buf_fini(&text);
}

static void json_query_array(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    json_array(ctx, argc, argv, false);
}

static void json_value_array(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    json_array(ctx, argc, argv, true);
}

static void json_type(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = trimmed(bq_arg_slice(argv[0]));
    char c = s.len ? s.ptr[0] : 'n';
    bq_result_text(ctx, bw_slice_cstr(c == '{'               ? "object"
                                      : c == '['             ? "array"
                                      : c == '"'             ? "string"
                                      : c == 't' || c == 'f' ? "boolean"
                                      : c == 'n'             ? "null"
                                                             : "number"));
}

/* json.name and json[0]: NULL when there is nothing. */
static void json_member(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_slice raw;
    bw_buf path = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice name = bq_arg_slice(argv[1]);
    bw_buf_adds(&path, "$[\"");
    bw_buf_add(&path, name.ptr, name.len);
    bw_buf_adds(&path, "\"]");
    if (bq_json_path(bq_arg_slice(argv[0]), bw_buf_slice(&path), &raw) == BQ_PATH_FOUND)
        bq_result_text(ctx, raw);
    bw_buf_fini(&path);
}

static void json_element(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_slice raw;
    bw_buf path = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_buf_addf(&path, "$[%lld]", (long long)sqlite3_value_int64(argv[1]));
    if (bq_json_path(bq_arg_slice(argv[0]), bw_buf_slice(&path), &raw) == BQ_PATH_FOUND)
        bq_result_text(ctx, raw);
    bw_buf_fini(&path);
}

/* ---- STRING(json), INT64(json), ... ------------------------------------------------------------ */

static void wrong_type(sqlite3_context *ctx, const char *type)
{
    bq_result_error(ctx, "The provided JSON input is not %s", type);
}

static void json_string(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    if (s.len == 0 || s.ptr[0] != '"' || !bw_json_unescape(s, &out))
        wrong_type(ctx, "a string");
    else
        bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void json_int64(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    double d;
    bool overflow;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    bool number = s.len > 0 && (s.ptr[0] == '-' || (s.ptr[0] >= '0' && s.ptr[0] <= '9'));
    if (!number || !bq_float_parse(s, &d, &overflow) || d != floor(d) ||
        d < -9223372036854775808.0 || d >= 9223372036854775808.0) {
        wrong_type(ctx, "an integer");
        return;
    }
    char *text = bw_xstrndup(s.ptr, s.len);
    bool plain = !strpbrk(text, ".eE");
    sqlite3_result_int64(ctx, plain ? strtoll(text, NULL, 10) : (int64_t)d);
    free(text);
}

static void json_float64(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    double d;
    bool overflow;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    if (bq_float_parse(s, &d, &overflow))
        sqlite3_result_int64(ctx, bq_float_encode(d));
    else
        wrong_type(ctx, "a number");
}

static void json_bool(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    if (bw_slice_is(s, "true") || bw_slice_is(s, "false"))
        sqlite3_result_int(ctx, s.ptr[0] == 't');
    else
        wrong_type(ctx, "a boolean");
}

static void parse_json(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    const char *why;

    if (bq_any_null(ctx, argc, argv))
        return;
    if (bq_json_normalise(bq_arg_slice(argv[0]), sqlite3_value_int(argv[1]) != 0, &out, &why))
        bq_result_text(ctx, bw_buf_slice(&out));
    else
        bq_result_error(ctx, "Invalid input to PARSE_JSON: %s", why);
    bw_buf_fini(&out);
}

/* ---- TO_JSON_STRING and TO_JSON ---------------------------------------------------------------- */

static void add_json(const bq_field *type, const bq_value *v, bw_buf *out);

static void add_items(const bq_field *type, const bq_value *v, bw_buf *out)
{
    bool repeated = type->mode == BQ_REPEATED;
    bq_field element = *type;
    bq_tuple t;
    bq_value item;

    element.mode = BQ_NULLABLE;
    bw_buf_addc(out, repeated ? '[' : '{');
    bool open = bq_tuple_open(v->s, &t);
    for (size_t i = 0; open && bq_tuple_next(&t, &item); i++) {
        if (!repeated && i >= type->fields.count)
            break;
        const bq_field *f = repeated ? &element : &type->fields.fields[i];
        if (i > 0)
            bw_buf_addc(out, ',');
        if (!repeated) {
            bw_json_add_string(out, bw_slice_cstr(f->name ? f->name : ""));
            bw_buf_addc(out, ':');
        }
        add_json(f, &item, out);
    }
    bw_buf_addc(out, repeated ? ']' : '}');
}

static void add_float(double d, bw_buf *out)
{
    if (isnan(d))
        bw_buf_adds(out, "\"NaN\"");
    else if (isinf(d))
        bw_buf_adds(out, d > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else if (d == floor(d) && fabs(d) < 1e15)
        bw_buf_addf(out, "%.0f", d);
    else
        bq_float_print_json(d, out);
}

/* Integers beyond 2^53 and decimals that a double does not hold are strings. */
static void add_number(const bq_field *type, const bq_value *v, bw_buf *out)
{
    bw_buf text = BW_BUF_INIT;
    double d;

    bq_value_print(type, v, &text);
    bool bare = type->kind == BQ_INT64
                    ? v->i >= -INT64_C(9007199254740992) && v->i <= INT64_C(9007199254740992)
                    : bq_float_round_trips(bw_buf_slice(&text), &d);
    bw_buf_adds(out, bare ? "" : "\"");
    bw_buf_add(out, text.ptr, text.len);
    bw_buf_adds(out, bare ? "" : "\"");
    bw_buf_fini(&text);
}

/* An object of both ends; null where the range is unbounded. */
static void add_range(const bq_field *type, const bq_value *v, bw_buf *out)
{
    bq_field element = {.kind = bq_range_element(type->kind)};
    bq_range r;

    if (!bq_range_decode(v->s, &r))
        return;
    bq_value start = r.start == BQ_RANGE_NO_START ? bq_null() : bq_int(r.start);
    bq_value end = r.end == BQ_RANGE_NO_END ? bq_null() : bq_int(r.end);
    bw_buf_adds(out, "{\"start\":");
    add_json(&element, &start, out);
    bw_buf_adds(out, ",\"end\":");
    add_json(&element, &end, out);
    bw_buf_addc(out, '}');
}

static void add_json(const bq_field *type, const bq_value *v, bw_buf *out)
{
    bw_buf text = BW_BUF_INIT;

    if (v->cls == BQ_NULL) {
        bw_buf_adds(out, type->mode == BQ_REPEATED ? "[]" : "null");
        return;
    }
    if (type->mode == BQ_REPEATED || type->kind == BQ_STRUCT) {
        add_items(type, v, out);
        return;
    }
    switch (type->kind) {
    case BQ_RANGE_DATE:
    case BQ_RANGE_DATETIME:
    case BQ_RANGE_TIMESTAMP:
        add_range(type, v, out);
        break;
    case BQ_BOOL:
        bw_buf_adds(out, v->i ? "true" : "false");
        break;
    case BQ_INT64:
    case BQ_NUMERIC:
    case BQ_BIGNUMERIC:
        add_number(type, v, out);
        break;
    case BQ_FLOAT64:
        add_float(bq_float_decode(v->i), out);
        break;
    case BQ_JSON:
        bw_buf_add(out, v->s.ptr, v->s.len);
        break;
    case BQ_BYTES:
        bw_buf_addc(out, '"');
        bq_base64_encode(v->s, out);
        bw_buf_addc(out, '"');
        break;
    case BQ_TIMESTAMP:
        bw_buf_addc(out, '"');
        bq_timestamp_print_json(v->i, out);
        bw_buf_addc(out, '"');
        break;
    case BQ_DATETIME:
        bw_buf_addc(out, '"');
        bq_datetime_print(v->i, 'T', out);
        bw_buf_addc(out, '"');
        break;
    default:
        bq_value_print(type, v, &text);
        bw_json_add_string(out, bw_buf_slice(&text));
        break;
    }
    bw_buf_fini(&text);
}

static void to_json(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const bq_field *type = bq_arg_type(argv[1]);
    bq_value v = bq_arg(argv[0]);
    bw_buf out = BW_BUF_INIT;

    (void)argc;
    if (type)
        add_json(type, &v, &out);
    bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

const bq_function bq_json_functions[] = {
    {"bq_json_value", -1, json_value, false},
    {"bq_json_query", -1, json_query, false},
    {"bq_json_query_text", -1, json_query_text, false},
    {"bq_json_query_array", -1, json_query_array, false},
    {"bq_json_value_array", -1, json_value_array, false},
    {"bq_json_type", 1, json_type, false},
    {"bq_json_member", 2, json_member, false},
    {"bq_json_element", 2, json_element, false},
    {"bq_json_string", 1, json_string, false},
    {"bq_json_int64", 1, json_int64, false},
    {"bq_json_float64", 1, json_float64, false},
    {"bq_json_bool", 1, json_bool, false},
    {"bq_parse_json", 2, parse_json, false},
    {"bq_to_json", 2, to_json, false},
};

const size_t bq_json_function_count = BW_COUNT(bq_json_functions);
