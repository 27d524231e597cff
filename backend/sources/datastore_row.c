#include "backend/sources/datastore_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/units.h"

/* ---- columns ---- */

#define KIND(type)     (1u << (type))
#define NUMBERS        (KIND(BW_ENTITY_INT) | KIND(BW_ENTITY_DOUBLE))
#define EXACT_INTEGERS (INT64_C(1) << 53) /* that a double holds */

/* The scalar type for a set of kinds; false when only JSON holds them. */
static bool scalar_type(bw_dskinds kinds, bw_type *type)
{
    static const struct {
        bw_dskinds kinds;
        bw_type type;
    } types[] = {
        {KIND(BW_ENTITY_BOOL), BW_TYPE_BOOL},           {KIND(BW_ENTITY_INT), BW_TYPE_INT64},
        {KIND(BW_ENTITY_DOUBLE), BW_TYPE_FLOAT64},      {NUMBERS, BW_TYPE_FLOAT64},
        {KIND(BW_ENTITY_TIMESTAMP), BW_TYPE_TIMESTAMP}, {KIND(BW_ENTITY_STRING), BW_TYPE_STRING},
        {KIND(BW_ENTITY_BLOB), BW_TYPE_BYTES},
    };
    for (size_t i = 0; i < BW_COUNT(types); i++) {
        if (types[i].kinds == kinds) {
            *type = types[i].type;
            return true;
        }
    }
    return false;
}

bool bw_ds_is_own(const char *source_name)
{
    return strcmp(source_name, BW_DS_KEY) == 0 || strcmp(source_name, BW_DS_KEY_JSON) == 0 ||
           strcmp(source_name, BW_DS_EXTRA) == 0;
}

static void name_kinds(bw_buf *out, bw_dskinds kinds)
{
    const char *between = "";
    for (int i = BW_ENTITY_NULL; i < BW_ENTITY_TYPES; i++) {
        if (!(kinds & KIND(i)))
            continue;
        bw_buf_addf(out, "%s%s", between, bw_entity_type_name((bw_entity_type)i));
        between = ", ";
    }
}

void bw_ds_column(const bw_dsseen *seen, bw_arena *arena, bw_type *type, bool *repeated,
                  const char **source_type)
{
    bw_dskinds kinds = seen->values & ~KIND(BW_ENTITY_NULL);
    bw_buf text = BW_BUF_INIT;
    *repeated = kinds == KIND(BW_ENTITY_ARRAY) && scalar_type(seen->elements, type);
    if (!*repeated && !scalar_type(kinds, type))
        *type = BW_TYPE_JSON;
    name_kinds(&text, kinds ? kinds : KIND(BW_ENTITY_NULL));
    if (seen->elements) {
        bw_buf_adds(&text, " of ");
        name_kinds(&text, seen->elements);
    }
    *source_type = bw_arena_strndup(arena, text.ptr, text.len);
    bw_buf_fini(&text);
}

/* ---- values ---- */

struct bw_dsrow {
    const bw_schema *schema;
    const bw_partition *home;
    size_t *sorted; /* indexes of the properties' fields, by source name */
    size_t n_sorted;
    bw_slice *found; /* raw Value JSON for each field, or {NULL, 0} */
    bool *any;       /* fields that take every kind of value as a string */
    int key, key_json, extra;
    bw_buf text, name, leftover;
    bw_entity_problem problem;
    char detail[400];
};

/* A value that is being converted; text goes to row->text unless it can be borrowed. */
typedef struct conversion {
    bw_dsrow *row;
    bw_entity_type kind;
    bw_slice content;
    bw_slice raw;
} conversion;

static bw_reason misfit(conversion *c, bw_type type)
{
    snprintf(c->row->detail, sizeof c->row->detail, "a value of kind %s, and the column is %s",
             bw_entity_type_name(c->kind), bw_type_name(type));
    return c->kind == BW_ENTITY_UNKNOWN ? BW_REASON_UNKNOWN_TYPE : BW_REASON_BAD_VALUE;
}

static bw_reason to_bool(conversion *c)
{
    if (c->kind != BW_ENTITY_BOOL)
        return misfit(c, BW_TYPE_BOOL);
    bw_buf_add(&c->row->text, c->content.ptr, c->content.len);
    return BW_REASON_NONE;
}

static bw_reason to_int(conversion *c)
{
    int64_t v = 0;
    if (c->kind != BW_ENTITY_INT || !bw_entity_read_int(c->content, &v))
        return misfit(c, BW_TYPE_INT64);
    bw_buf_addf(&c->row->text, "%" PRId64, v);
    return BW_REASON_NONE;
}

static bw_reason to_float(conversion *c)
{
    int64_t v = 0;
    if (c->kind == BW_ENTITY_DOUBLE)
        return bw_entity_double_text(c->content, false, &c->row->text) ? BW_REASON_NONE
                                                                       : BW_REASON_NUMERIC_OVERFLOW;
    if (c->kind != BW_ENTITY_INT || !bw_entity_read_int(c->content, &v))
        return misfit(c, BW_TYPE_FLOAT64);
    if (v > EXACT_INTEGERS || v < -EXACT_INTEGERS) {
        snprintf(c->row->detail, sizeof c->row->detail, "a double would round %" PRId64, v);
        return BW_REASON_NUMERIC_OVERFLOW;
    }
    bw_buf_addf(&c->row->text, "%" PRId64, v);
    return BW_REASON_NONE;
}

static bw_reason to_timestamp(conversion *c)
{
    char text[BW_TIME_TEXT];
    int64_t us = 0;
    if (c->kind != BW_ENTITY_TIMESTAMP)
        return misfit(c, BW_TYPE_TIMESTAMP);
    if (!bw_entity_read_exact_time(c->content, &us)) {
        snprintf(c->row->detail, sizeof c->row->detail, "finer than a microsecond");
        return BW_REASON_BAD_VALUE;
    }
    /* 2026-11-20T08:37:00.5Z, but with a blank and +00 */
    bw_slice s = bw_slice_cstr(bw_format_time(us, text));
    if (s.len < 20 || s.ptr[4] != '-' || strncmp(s.ptr, "0000", 4) == 0)
        return BW_REASON_TS_RANGE;
    text[10] = ' ';
    bw_buf_addf(&c->row->text, "%.*s+00", (int)s.len - 1, text);
    return BW_REASON_NONE;
}

static bw_reason to_json(conversion *c)
{
    bw_reason reason =
        bw_entity_value_to_json(c->raw, c->row->home, &c->row->text, &c->row->problem);
    if (reason != BW_REASON_NONE)
        snprintf(c->row->detail, sizeof c->row->detail, "%s%s%s", c->row->problem.where,
                 c->row->problem.where[0] ? ": " : "", c->row->problem.detail);
    return reason;
}

static bw_reason to_string(conversion *c)
{
    if (c->kind != BW_ENTITY_STRING)
        return misfit(c, BW_TYPE_STRING);
    return bw_json_unescape(c->content, &c->row->text) ? BW_REASON_NONE : BW_REASON_BAD_UTF8;
}

/* A column that the operator wants as STRING: strings as they are, everything else as JSON. */
static bw_reason to_any_string(conversion *c)
{
    return c->kind == BW_ENTITY_STRING ? to_string(c) : to_json(c);
}

static bw_reason to_bytes(conversion *c)
{
    if (c->kind != BW_ENTITY_BLOB)
        return misfit(c, BW_TYPE_BYTES);
    return to_json(c);
}

static bw_reason (*const converters[BW_TYPE_COUNT])(conversion *c) = {
    [BW_TYPE_BOOL] = to_bool,     [BW_TYPE_INT64] = to_int,   [BW_TYPE_FLOAT64] = to_float,
    [BW_TYPE_STRING] = to_string, [BW_TYPE_BYTES] = to_bytes, [BW_TYPE_TIMESTAMP] = to_timestamp,
    [BW_TYPE_JSON] = to_json,
};

static bw_reason convert_one(conversion *c, const bw_field *field, bw_arena *arena, bw_value *out)
{
    bw_buf *text = &c->row->text;
    bw_buf_clear(text);
    bool any = c->row->any[field - c->row->schema->fields];
    bw_reason reason = any ? to_any_string(c) : converters[field->type](c);
    if (reason != BW_REASON_NONE)
        return reason;
    bw_slice s = bw_buf_slice(text);
    if (field->type == BW_TYPE_BYTES) /* which are written with their quotes */
        s = (bw_slice){s.ptr + 1, s.len - 2};
    s = bw_arena_slice(arena, s);
    *out = bw_value_text(s.ptr, s.len);
    return BW_REASON_NONE;
}

static bw_reason convert_array(conversion *c, const bw_field *field, bw_arena *arena, bw_value *out)
{
    bw_slice content = c->content, element;
    size_t n = 0, at = 0;
    if (c->kind != BW_ENTITY_ARRAY)
        return misfit(c, field->type);
    while (bw_entity_array_next(content, &at, &element))
        n++;
    bw_value *items = BW_ARENA_ARRAY(arena, bw_value, n + 1);
    at = 0;
    for (size_t i = 0; i < n && bw_entity_array_next(content, &at, &element); i++) {
        conversion inner = {.row = c->row, .raw = element};
        inner.kind = bw_entity_value_type(element, &inner.content);
        bw_reason reason = inner.kind == BW_ENTITY_NULL
                               ? BW_REASON_ARRAY_NULL
                               : convert_one(&inner, field, arena, &items[i]);
        if (reason != BW_REASON_NONE)
            return reason;
    }
    *out = (bw_value){.items = items, .size = (uint32_t)n, .state = BW_VALUE_ARRAY};
    return BW_REASON_NONE;
}

static bw_reason convert(bw_dsrow *row, const bw_field *field, bw_slice raw, bw_arena *arena,
                         bw_value *out)
{
    conversion c = {.row = row, .raw = raw};
    c.kind = bw_entity_value_type(raw, &c.content);
    *out = BW_VALUE_NULL_INIT;
    if (c.kind == BW_ENTITY_ABSENT)
        return BW_REASON_NONE;
    /* JSON tells a null that is there from a property that is not. */
    if (c.kind == BW_ENTITY_NULL && (field->type != BW_TYPE_JSON || field->repeated))
        return BW_REASON_NONE;
    return field->repeated ? convert_array(&c, field, arena, out)
                           : convert_one(&c, field, arena, out);
}

/* ---- rows ---- */

static int compare_names(bw_slice a, const char *b)
{
    size_t n = strlen(b);
    int order = memcmp(a.ptr, b, a.len < n ? a.len : n);
    return order ? order : (a.len > n) - (a.len < n);
}

/* bsearch has nowhere to put the schema. */
static int find_field(const bw_dsrow *row, bw_slice name)
{
    size_t low = 0, high = row->n_sorted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t field = row->sorted[middle];
        int order = compare_names(name, row->schema->fields[field].source_name);
        if (order == 0)
            return (int)field;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

static int by_source_name(const void *a, const void *b, void *schema)
{
    const bw_field *fields = ((const bw_schema *)schema)->fields;
    return strcmp(fields[*(const size_t *)a].source_name, fields[*(const size_t *)b].source_name);
}

bw_dsrow *bw_dsrow_new(const bw_table_spec *spec, const bw_schema *schema, const bw_partition *home)
{
    bw_dsrow *row = bw_xcalloc(1, sizeof *row);
    row->schema = schema;
    row->home = home;
    row->sorted = bw_xcalloc(schema->count + 1, sizeof *row->sorted);
    row->found = bw_xcalloc(schema->count + 1, sizeof *row->found);
    row->any = bw_xcalloc(schema->count + 1, sizeof *row->any);
    row->key = bw_schema_find_source(schema, BW_DS_KEY);
    row->key_json = bw_schema_find_source(schema, BW_DS_KEY_JSON);
    row->extra = bw_schema_find_source(schema, BW_DS_EXTRA);
    for (size_t i = 0; i < schema->count; i++) {
        if ((int)i != row->key && (int)i != row->key_json && (int)i != row->extra)
            row->sorted[row->n_sorted++] = i;
    }
    for (size_t i = 0; i < spec->n_as; i++) {
        int field = bw_schema_find_source(schema, spec->as[i].column);
        if (field >= 0)
            row->any[field] = spec->as[i].type == BW_TYPE_STRING;
    }
    qsort_r(row->sorted, row->n_sorted, sizeof *row->sorted, by_source_name,
            (void *)(uintptr_t)schema);
    return row;
}

void bw_dsrow_free(bw_dsrow *row)
{
    if (!row)
        return;
    bw_buf_fini(&row->text);
    bw_buf_fini(&row->name);
    bw_buf_fini(&row->leftover);
    free(row->sorted);
    free(row->found);
    free(row->any);
    free(row);
}

static bool name_of(bw_dsrow *row, const bw_json_token *key, bw_slice *out)
{
    *out = (bw_slice){key->raw.ptr + 1, key->raw.len - 2};
    if (!key->escaped)
        return true;
    bw_buf_clear(&row->name);
    bool good = bw_json_unescape(key->raw, &row->name);
    *out = bw_buf_slice(&row->name);
    return good;
}

/* Which field each property belongs to; the others go to row->leftover as a properties object. */
static bw_reason sort_out(bw_dsrow *row, bw_slice properties)
{
    bw_json_scan scan = bw_json_scan_init(properties);
    bw_json_token t;
    bw_slice name, value;
    memset(row->found, 0, row->schema->count * sizeof *row->found);
    bw_buf_clear(&row->leftover);
    bw_buf_addc(&row->leftover, '{');
    if (properties.len && (!bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT))
        return BW_REASON_BAD_VALUE;
    while (properties.len && bw_json_next_member(&scan, &t, &value)) {
        if (!name_of(row, &t, &name))
            return BW_REASON_BAD_UTF8;
        int field = find_field(row, name);
        if (field >= 0 && row->found[field].ptr)
            return BW_REASON_JSON_DUPLICATE;
        if (field >= 0) {
            row->found[field] = value;
            continue;
        }
        if (row->leftover.len > 1)
            bw_buf_addc(&row->leftover, ',');
        bw_buf_add(&row->leftover, t.raw.ptr, t.raw.len);
        bw_buf_addc(&row->leftover, ':');
        bw_buf_add(&row->leftover, value.ptr, value.len);
    }
    bw_buf_addc(&row->leftover, '}');
    return BW_REASON_NONE;
}

static bw_value kept(bw_arena *arena, const bw_buf *text)
{
    bw_slice s = bw_arena_slice(arena, bw_buf_slice(text));
    return bw_value_text(s.ptr, s.len);
}

static bool add_key(bw_dsrow *row, bw_slice key, bw_arena *arena, bw_value *values)
{
    bw_buf_clear(&row->text);
    if (!bw_key_path(key, &row->text))
        return false;
    values[row->key] = kept(arena, &row->text);
    bw_buf_clear(&row->text);
    if (bw_key_to_json(key, row->home, &row->text) != BW_REASON_NONE)
        return false;
    if (row->key_json >= 0)
        values[row->key_json] = kept(arena, &row->text);
    return true;
}

static bw_reason add_extra(bw_dsrow *row, bw_arena *arena, bw_value *values)
{
    if (row->extra < 0)
        return BW_REASON_NONE;
    values[row->extra] = BW_VALUE_NULL_INIT;
    if (row->leftover.len <= 2)
        return BW_REASON_NONE;
    bw_buf_clear(&row->text);
    bw_reason reason =
        bw_entity_to_json(bw_buf_slice(&row->leftover), row->home, &row->text, &row->problem);
    if (reason == BW_REASON_NONE)
        values[row->extra] = kept(arena, &row->text);
    else
        snprintf(row->detail, sizeof row->detail, "%s: %s", row->problem.where,
                 row->problem.detail);
    return reason;
}

static bw_reason add_properties(bw_dsrow *row, bw_slice properties, bw_arena *arena,
                                bw_value *values, const char **column)
{
    row->detail[0] = '\0';
    bw_reason reason = sort_out(row, properties);
    for (size_t i = 0; reason == BW_REASON_NONE && i < row->n_sorted; i++) {
        size_t field = row->sorted[i];
        reason =
            convert(row, &row->schema->fields[field], row->found[field], arena, &values[field]);
        if (reason != BW_REASON_NONE)
            *column = row->schema->fields[field].source_name;
    }
    if (reason != BW_REASON_NONE)
        return reason;
    *column = BW_DS_EXTRA;
    return add_extra(row, arena, values);
}

/* A value as people read it: strings as they are, everything else as JSON; what cannot even be that
   as Datastore gave it. */
static bw_slice shown(bw_dsrow *row, bw_slice raw, bw_arena *arena)
{
    conversion c = {.row = row, .raw = raw};
    if (!raw.len)
        return raw;
    c.kind = bw_entity_value_type(raw, &c.content);
    bw_buf_clear(&row->text);
    return to_any_string(&c) == BW_REASON_NONE ? bw_arena_slice(arena, bw_buf_slice(&row->text))
                                               : raw;
}

static bw_slice shown_extra(bw_dsrow *row, bw_arena *arena)
{
    bw_slice raw = bw_buf_slice(&row->leftover);
    bw_buf_clear(&row->text);
    if (raw.len <= 2)
        return (bw_slice){NULL, 0};
    bw_reason reason = bw_entity_to_json(raw, row->home, &row->text, NULL);
    return bw_arena_slice(arena, reason == BW_REASON_NONE ? bw_buf_slice(&row->text) : raw);
}

static void reject(bw_dsrow *row, bw_chunk *chunk, bw_reason reason, const char *column,
                   const bw_value *values)
{
    bw_arena *arena = &chunk->arena;
    size_t key = (size_t)row->key;
    bw_slice detail = bw_arena_slice(arena, bw_slice_cstr(row->detail));
    bw_slice *texts = BW_ARENA_ARRAY(arena, bw_slice, row->schema->count);
    for (size_t i = 0; i < row->schema->count; i++)
        texts[i] = shown(row, row->found[i], arena);
    texts[row->key] = bw_value_slice(&values[row->key]);
    if (row->key_json >= 0)
        texts[row->key_json] = bw_value_slice(&values[row->key_json]);
    if (row->extra >= 0)
        texts[row->extra] = shown_extra(row, arena);
    bw_chunk_reject(chunk, (bw_rejected_row){
                               .reason = reason,
                               .column = column,
                               .detail = detail,
                               .key = bw_row_key_json(arena, row->schema, &key, 1, values),
                               .content = bw_row_source_json(arena, row->schema, texts),
                           });
}

bool bw_dsrow_add(bw_dsrow *row, bw_slice entity, bw_chunk *chunk)
{
    bw_value *values = bw_chunk_row(chunk);
    const char *column = "";
    bw_slice key, properties;
    bw_entity_parts(entity, &key, &properties);
    if (row->key < 0 || !add_key(row, key, &chunk->arena, values))
        return false;
    bw_reason reason = add_properties(row, properties, &chunk->arena, values, &column);
    if (reason == BW_REASON_NONE)
        chunk->rows++;
    else
        reject(row, chunk, reason, column, values);
    chunk->source_bytes += entity.len;
    return true;
}
