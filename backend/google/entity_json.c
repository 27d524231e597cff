/* Datastore's values as plain JSON. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/google/entity_internal.h"

/* The writing of one value with everything inside. */
typedef struct writer {
    const bw_partition *home;
    bw_buf *out;
    bw_buf where; /* of the value at hand */
    bw_entity_problem *problem;
} writer;

static bw_reason refuse(writer *w, bw_reason reason, const char *detail)
{
    if (w->problem) {
        bw_text_sanitise_to(w->problem->where, sizeof(w->problem->where), bw_buf_cstr(&w->where));
        snprintf(w->problem->detail, sizeof(w->problem->detail), "%s", detail);
        w->problem->reason = reason;
    }
    return reason;
}

static bw_reason write_value(writer *w, bw_slice value, int depth);

/* ---- scalars ---------------------------------------------------------------------------- */

/* The text between the quotes in the one form that bw_json_add_string writes. */
static bool add_string(bw_buf *out, bw_slice raw)
{
    if (!memchr(raw.ptr, '\\', raw.len)) {
        bw_buf_add(out, raw.ptr, raw.len);
        return true;
    }
    bw_buf text = BW_BUF_INIT;
    bool good = bw_json_unescape(raw, &text);
    if (good)
        bw_json_add_string(out, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return good;
}

bool bw_entity_double_text(bw_slice raw, bool json, bw_buf *out)
{
    if (raw.len && raw.ptr[0] == '"') {
        size_t quote = json ? 0 : 1;
        bw_buf_add(out, raw.ptr + quote, raw.len - 2 * quote);
        return true;
    }
    char *text = bw_xstrndup(raw.ptr, raw.len), number[40];
    double v = strtod(text, NULL);
    free(text);
    if (v - v != 0)
        return false;
    /* What has 15 digits or fewer is printed with them; only subnormal numbers know fewer. */
    for (int precision = fabs(v) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        snprintf(number, sizeof(number), "%.*g", precision, v);
        if (strtod(number, NULL) == v)
            break;
    }
    bw_buf_adds(out, number);
    if (json && !strpbrk(number, ".e"))
        bw_buf_adds(out, ".0"); /* or it would be taken for an integer */
    return true;
}

static bw_reason write_int(writer *w, bw_slice content)
{
    int64_t v = 0;
    (void)bw_entity_read_int(content, &v);
    bw_buf_addf(w->out, "%" PRId64, v);
    return BW_REASON_NONE;
}

static bw_reason write_double(writer *w, bw_slice content)
{
    if (bw_entity_double_text(content, true, w->out))
        return BW_REASON_NONE;
    return refuse(w, BW_REASON_NUMERIC_OVERFLOW, "the number is beyond the range of a double");
}

static bw_reason write_string(writer *w, bw_slice content)
{
    return add_string(w->out, content)
               ? BW_REASON_NONE
               : refuse(w, BW_REASON_BAD_UTF8, "half a surrogate pair stands alone");
}

static bw_reason write_time(writer *w, bw_slice content)
{
    char text[BW_TIME_TEXT];
    int64_t us = 0;
    if (!bw_entity_read_exact_time(content, &us))
        return refuse(w, BW_REASON_BAD_VALUE, "the timestamp is finer than a microsecond");
    bw_buf_addf(w->out, "\"%s\"", bw_format_time(us, text));
    return BW_REASON_NONE;
}

static bw_reason write_blob(writer *w, bw_slice content)
{
    bw_buf bytes = BW_BUF_INIT;
    bool good = bw_base64_decode(&bytes, (bw_slice){content.ptr + 1, content.len - 2});
    bw_buf_fini(&bytes);
    if (!good)
        return refuse(w, BW_REASON_BAD_VALUE, "the blob is not base64");
    bw_buf_add(w->out, content.ptr, content.len);
    return BW_REASON_NONE;
}

static bw_reason write_null(writer *w, bw_slice content)
{
    (void)content;
    bw_buf_adds(w->out, "null");
    return BW_REASON_NONE;
}

static bw_reason write_raw(writer *w, bw_slice content)
{
    bw_buf_add(w->out, content.ptr, content.len);
    return BW_REASON_NONE;
}

static bw_reason write_key(writer *w, bw_slice content)
{
    return bw_key_to_json(content, w->home, w->out) == BW_REASON_NONE
               ? BW_REASON_NONE
               : refuse(w, BW_REASON_BAD_VALUE, "the key is not complete");
}

bool bw_entity_read_geo(bw_slice content, bw_slice *latitude, bw_slice *longitude)
{
    static const bw_slice zero = {"0", 1}; /* a zero may be left out */
    *latitude = bw_json_member(content, "latitude");
    *longitude = bw_json_member(content, "longitude");
    if (!latitude->len)
        *latitude = zero;
    if (!longitude->len)
        *longitude = zero;
    return memchr("-0123456789", latitude->ptr[0], 11) &&
           memchr("-0123456789", longitude->ptr[0], 11);
}

static bw_reason write_geo(writer *w, bw_slice content)
{
    bw_slice latitude, longitude;
    if (!bw_entity_read_geo(content, &latitude, &longitude))
        return refuse(w, BW_REASON_BAD_VALUE, "the point has a coordinate that is no number");
    bw_buf_adds(w->out, "{\"latitude\":");
    bw_reason reason = write_double(w, latitude);
    bw_buf_adds(w->out, ",\"longitude\":");
    if (reason == BW_REASON_NONE)
        reason = write_double(w, longitude);
    bw_buf_addc(w->out, '}');
    return reason;
}

/* ---- what holds other values ------------------------------------------------------------ */

static bw_reason write_array(writer *w, bw_slice content, int depth)
{
    size_t at = 0, n = 0, place = w->where.len;
    bw_slice value, inner;
    bw_reason reason = BW_REASON_NONE;
    bw_buf_addc(w->out, '[');
    while (reason == BW_REASON_NONE && bw_entity_array_next(content, &at, &value)) {
        bw_buf_addf(&w->where, "[%zu]", n);
        if (n++)
            bw_buf_addc(w->out, ',');
        if (bw_entity_value_type(value, &inner) == BW_ENTITY_ARRAY)
            reason = refuse(w, BW_REASON_BAD_VALUE, "an array stands directly in an array");
        else
            reason = write_value(w, value, depth);
        w->where.len = place;
    }
    bw_buf_addc(w->out, ']');
    return reason;
}

typedef struct member {
    bw_slice name; /* its content; in the arena when it had escapes */
    bw_slice value;
} member;

typedef struct members {
    member *items;
    size_t count, cap;
    bw_arena names;
} members;

static int by_name(const void *a, const void *b)
{
    const member *x = a, *y = b;
    size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = n ? memcmp(x->name.ptr, y->name.ptr, n) : 0;
    return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static bool unescaped(bw_arena *arena, const bw_json_token *key, bw_slice *out)
{
    *out = (bw_slice){key->raw.ptr + 1, key->raw.len - 2};
    if (!key->escaped)
        return true;
    bw_buf text = BW_BUF_INIT;
    bool good = bw_json_unescape(key->raw, &text);
    if (good)
        *out = bw_arena_slice(arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return good;
}

static bw_reason collect(writer *w, bw_slice properties, members *m)
{
    bw_json_scan scan = bw_json_scan_init(properties);
    bw_json_token t;
    member next;
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT)
        return refuse(w, BW_REASON_BAD_VALUE, "properties is not an object");
    while (bw_json_next_member(&scan, &t, &next.value)) {
        if (!unescaped(&m->names, &t, &next.name))
            return refuse(w, BW_REASON_BAD_UTF8, "half a surrogate pair stands alone in a name");
        BW_GROW(m->items, m->count + 1, m->cap);
        m->items[m->count++] = next;
    }
    if (scan.error)
        return refuse(w, BW_REASON_JSON_INVALID, scan.error);
    if (m->count > 1)
        qsort(m->items, m->count, sizeof(*m->items), by_name);
    for (size_t i = 1; i < m->count; i++) {
        if (bw_slice_eq(m->items[i - 1].name, m->items[i].name))
            return refuse(w, BW_REASON_JSON_DUPLICATE, "two properties have one name");
    }
    return BW_REASON_NONE;
}

static bw_reason write_members(writer *w, const members *m, bool comma, int depth)
{
    size_t place = w->where.len;
    bw_reason reason = BW_REASON_NONE;
    for (size_t i = 0; reason == BW_REASON_NONE && i < m->count; i++) {
        if (i || comma)
            bw_buf_addc(w->out, ',');
        bw_json_add_string(w->out, m->items[i].name);
        bw_buf_addc(w->out, ':');
        if (place)
            bw_buf_addc(&w->where, '.');
        bw_buf_add(&w->where, m->items[i].name.ptr, m->items[i].name.len);
        reason = write_value(w, m->items[i].value, depth);
        w->where.len = place;
    }
    return reason;
}

/* `key` is written at "__key__", unless {NULL, 0}. */
static bw_reason write_object(writer *w, bw_slice properties, bw_slice key, int depth)
{
    members m = {.names = BW_ARENA_INIT};
    bw_reason reason = BW_REASON_NONE;
    bw_buf_addc(w->out, '{');
    if (key.len) {
        bw_buf_adds(w->out, "\"__key__\":");
        reason = write_key(w, key);
    }
    if (reason == BW_REASON_NONE && properties.len)
        reason = collect(w, properties, &m);
    if (reason == BW_REASON_NONE)
        reason = write_members(w, &m, key.len > 0, depth);
    bw_buf_addc(w->out, '}');
    free(m.items);
    bw_arena_fini(&m.names);
    return reason;
}

static bw_reason write_entity(writer *w, bw_slice content, int depth)
{
    if (depth >= BW_ENTITY_MAX_DEPTH)
        return refuse(w, BW_REASON_JSON_DEPTH, "entities are nested deeper than 20 levels");
    bw_slice key = bw_entity_key(content);
    bw_slice path = bw_json_member(key, "path");
    bool has_key = path.len > 2; /* more than [] */
    return write_object(w, bw_entity_properties(content), has_key ? key : (bw_slice){NULL, 0},
                        depth + 1);
}

static bw_reason (*const scalars[BW_ENTITY_TYPES])(writer *w, bw_slice content) = {
    [BW_ENTITY_NULL] = write_null,     [BW_ENTITY_BOOL] = write_raw,
    [BW_ENTITY_INT] = write_int,       [BW_ENTITY_DOUBLE] = write_double,
    [BW_ENTITY_STRING] = write_string, [BW_ENTITY_TIMESTAMP] = write_time,
    [BW_ENTITY_BLOB] = write_blob,     [BW_ENTITY_KEY] = write_key,
    [BW_ENTITY_GEO] = write_geo,
};

static bw_reason write_value(writer *w, bw_slice value, int depth)
{
    bw_slice content;
    bw_entity_type type = bw_entity_value_type(value, &content);
    if (type == BW_ENTITY_ARRAY)
        return write_array(w, content, depth);
    if (type == BW_ENTITY_ENTITY)
        return write_entity(w, content, depth);
    if (scalars[type])
        return scalars[type](w, content);
    return refuse(w, BW_REASON_UNKNOWN_TYPE, "it is no value that Datastore is known to have");
}

/* ---- the ways in ------------------------------------------------------------------------ */

static bw_reason finish(writer *w, size_t before, bw_reason reason)
{
    if (reason != BW_REASON_NONE)
        w->out->len = before;
    bw_buf_fini(&w->where);
    return reason;
}

bw_reason bw_entity_to_json(bw_slice properties, const bw_partition *home, bw_buf *out,
                            bw_entity_problem *problem)
{
    writer w = {.home = home, .out = out, .problem = problem};
    size_t before = out->len;
    return finish(&w, before, write_object(&w, properties, (bw_slice){NULL, 0}, 0));
}

bw_reason bw_entity_value_to_json(bw_slice value, const bw_partition *home, bw_buf *out,
                                  bw_entity_problem *problem)
{
    writer w = {.home = home, .out = out, .problem = problem};
    size_t before = out->len;
    return finish(&w, before, write_value(&w, value, 0));
}
