/*
 * JSON that is made, listed and read leniently: JSON_ARRAY, JSON_OBJECT, JSON_KEYS, the LAX_ functions,
 * and the indented form of TO_JSON_STRING.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_json.h"
#include "backend/sandbox/bq_tuple.h"

static void result_text(sqlite3_context *ctx, bw_buf *out)
{
    bq_result_text(ctx, bw_buf_slice(out));
    bw_buf_fini(out);
}

/* The arguments are JSON already. */
static void json_array(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    bw_buf_addc(&out, '[');
    for (int i = 0; i < argc; i++) {
        bw_slice item = bq_arg_slice(argv[i]);
        bw_buf_adds(&out, i ? "," : "");
        bw_buf_add(&out, item.ptr, item.len);
    }
    bw_buf_addc(&out, ']');
    result_text(ctx, &out);
}

/* (name, json, name, json, ...) */
static void json_object(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf raw = BW_BUF_INIT, out = BW_BUF_INIT;
    const char *why = "";

    bw_buf_addc(&raw, '{');
    for (int i = 0; i + 1 < argc; i += 2) {
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL) {
            bq_result_error(ctx, "Invalid input to JSON_OBJECT: A key cannot be NULL");
            bw_buf_fini(&raw);
            return;
        }
        bw_slice json = bq_arg_slice(argv[i + 1]);
        bw_buf_adds(&raw, i ? "," : "");
        bw_json_add_string(&raw, bq_arg_slice(argv[i]));
        bw_buf_addc(&raw, ':');
        bw_buf_add(&raw, json.ptr, json.len);
    }
    bw_buf_addc(&raw, '}');
    if (bq_json_normalise(bw_buf_slice(&raw), true, &out, &why))
        bq_result_text(ctx, bw_buf_slice(&out));
    else
        bq_result_error(ctx, "Invalid input to JSON_OBJECT: %s", why);
    bw_buf_fini(&raw);
    bw_buf_fini(&out);
}

/* ---- JSON_KEYS ---------------------------------------------------------------------------------- */

typedef struct keys {
    bw_buf out;
    size_t count;
    int64_t depth;
} keys;

/* A name that is more than a word stands in quotes. */
static void add_name(bw_buf *path, bw_slice key)
{
    bw_buf name = BW_BUF_INIT;

    if (!bw_json_unescape(key, &name))
        bw_buf_clear(&name);
    bool plain = name.len > 0;
    for (size_t i = 0; i < name.len; i++)
        plain = plain && (isalnum((unsigned char)name.ptr[i]) || name.ptr[i] == '_' ||
                          (unsigned char)name.ptr[i] >= 0x80);
    bw_buf_adds(path, path->len > 0 ? "." : "");
    if (plain)
        bw_buf_add(path, name.ptr, name.len);
    else
        bw_buf_add(path, key.ptr, key.len);
    bw_buf_fini(&name);
}

static void add_keys(keys *k, bw_slice object, const bw_buf *prefix, int64_t depth)
{
    bw_json_scan s = bw_json_scan_init(object);
    bw_json_token t;
    bw_slice value;

    if (depth > k->depth || !bw_json_next(&s, &t) || t.type != BW_JSON_OBJECT)
        return;
    while (bw_json_next(&s, &t) && t.type == BW_JSON_KEY && bw_json_skip(&s, &value)) {
        bw_buf path = BW_BUF_INIT;
        bw_buf_add(&path, prefix->ptr, prefix->len);
        add_name(&path, t.raw);
        bq_value item = bq_text(bw_buf_slice(&path));
        bq_tuple_add(&k->out, &item);
        k->count++;
        add_keys(k, value, &path, depth + 1);
        bw_buf_fini(&path);
    }
}

/* (json [, depth]) */
static void json_keys(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const bw_buf none = BW_BUF_INIT;
    keys k = {.depth = INT64_MAX};

    if (bq_any_null(ctx, argc, argv))
        return;
    if (argc > 1)
        k.depth = sqlite3_value_int64(argv[1]);
    if (k.depth < 1) {
        bq_result_error(ctx, "max_depth must be positive");
        return;
    }
    bq_tuple_begin(&k.out, 0);
    add_keys(&k, bq_arg_slice(argv[0]), &none, 1);
    bq_tuple_set_count(&k.out, 0, k.count);
    bq_result_blob(ctx, bw_buf_slice(&k.out));
    bw_buf_fini(&k.out);
}

/* ---- LAX_ --------------------------------------------------------------------------------------- */

typedef struct lax {
    bw_slice raw;
    bw_buf text; /* of a string */
    bool is_string, is_number, is_bool;
    double number; /* of a number, or of a string that is one */
    bool has_number;
} lax;

static bool lax_begin(sqlite3_context *ctx, int argc, sqlite3_value **argv, lax *v)
{
    bool overflow;

    *v = (lax){.text = BW_BUF_INIT};
    if (bq_any_null(ctx, argc, argv))
        return false;
    v->raw = bq_arg_slice(argv[0]);
    char c = v->raw.len ? v->raw.ptr[0] : '\0';
    v->is_string = c == '"' && bw_json_unescape(v->raw, &v->text);
    v->is_bool = c == 't' || c == 'f';
    v->is_number = c == '-' || isdigit((unsigned char)c);
    if (v->is_number || v->is_string)
        v->has_number =
            bq_float_parse(v->is_string ? bw_buf_slice(&v->text) : v->raw, &v->number, &overflow);
    return true;
}

static void lax_string(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    lax v;

    if (lax_begin(ctx, argc, argv, &v) && (v.is_string || v.is_bool || v.is_number)) {
        char *raw = bw_xstrndup(v.raw.ptr, v.raw.len);
        if (v.is_number && v.has_number && strpbrk(raw, ".eE"))
            bq_float_print_sql(v.number, &v.text); /* 10.0 is 10 */
        else if (!v.is_string)
            bw_buf_adds(&v.text, raw);
        bq_result_text(ctx, bw_buf_slice(&v.text));
        free(raw);
    }
    bw_buf_fini(&v.text);
}

static void lax_int64(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    lax v;

    if (lax_begin(ctx, argc, argv, &v) && v.is_bool) {
        sqlite3_result_int(ctx, v.raw.ptr[0] == 't');
    } else if (v.has_number) {
        bw_slice digits = v.is_string ? bw_buf_slice(&v.text) : v.raw;
        char *text = bw_xstrndup(digits.ptr, digits.len);
        double r = round(v.number);
        /* The digits themselves when they are whole: a double would lose some. */
        if (!strpbrk(text, ".eEnN") && r > -9.3e18 && r < 9.3e18) {
            char *end;
            errno = 0;
            long long n = strtoll(text, &end, 10);
            if (errno == 0 && *end == '\0')
                sqlite3_result_int64(ctx, n);
        } else if (r >= -9223372036854775808.0 && r < 9223372036854775808.0) {
            sqlite3_result_int64(ctx, (int64_t)r);
        }
        free(text);
    }
    bw_buf_fini(&v.text);
}

static void lax_float64(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    lax v;

    if (lax_begin(ctx, argc, argv, &v) && v.has_number)
        sqlite3_result_int64(ctx, bq_float_encode(v.number));
    bw_buf_fini(&v.text);
}

static void lax_bool(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    lax v;

    if (lax_begin(ctx, argc, argv, &v)) {
        if (v.is_bool)
            sqlite3_result_int(ctx, v.raw.ptr[0] == 't');
        else if (v.is_number && v.has_number)
            sqlite3_result_int(ctx, v.number != 0);
        else if (v.is_string && v.text.len == 4 && strncasecmp(v.text.ptr, "true", 4) == 0)
            sqlite3_result_int(ctx, 1);
        else if (v.is_string && v.text.len == 5 && strncasecmp(v.text.ptr, "false", 5) == 0)
            sqlite3_result_int(ctx, 0);
    }
    bw_buf_fini(&v.text);
}

/* ---- Indented ----------------------------------------------------------------------------------- */

static void new_line(bw_buf *out, int depth)
{
    bw_buf_addf(out, "\n%*s", 2 * depth, "");
}

/* JSON without white space, spread over lines: two spaces per level, empty ones as {} and []. */
static void json_indent(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    bool quoted = false;
    int depth = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], next = i + 1 < s.len ? s.ptr[i + 1] : '\0';
        bool opens = !quoted && (c == '{' || c == '['), closes = !quoted && (c == '}' || c == ']');
        bool empty = opens && (next == '}' || next == ']');
        if (quoted && c == '\\') {
            bw_buf_add(&out, s.ptr + i++, 2);
            continue;
        }
        quoted = c == '"' ? !quoted : quoted;
        if (closes && i > 0 && s.ptr[i - 1] != '{' && s.ptr[i - 1] != '[')
            new_line(&out, --depth);
        bw_buf_addc(&out, c);
        if (opens && !empty)
            new_line(&out, ++depth);
        else if (!quoted && c == ',')
            new_line(&out, depth);
        else if (!quoted && c == ':')
            bw_buf_addc(&out, ' ');
    }
    result_text(ctx, &out);
}

const bq_function bq_json_make_functions[] = {
    {"bq_json_array", -1, json_array, false}, {"bq_json_object", -1, json_object, false},
    {"bq_json_keys", -1, json_keys, false},   {"bq_lax_string", 1, lax_string, false},
    {"bq_lax_int64", 1, lax_int64, false},    {"bq_lax_float64", 1, lax_float64, false},
    {"bq_lax_bool", 1, lax_bool, false},      {"bq_json_indent", 1, json_indent, false},
};

const size_t bq_json_make_function_count = BW_COUNT(bq_json_make_functions);
