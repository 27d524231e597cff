/*
 * Rows and values from JSON: load jobs, insertAll, query parameters. The scalars are in
 * bq_load_scalar.c.
 */
#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/bq_load.h"
#include "backend/sandbox/bq_tuple.h"

/* ---- Values, arrays, structs, rows from JSON --------------------------------------------------- */

static bw_status load_object(const bq_loader *l, const bq_path *p, const bq_schema *schema,
                             bw_json_scan *s, bq_value *row);

static bw_status load_one(const bq_loader *l, const bq_path *p, const bq_field *f, bw_json_scan *s,
                          bq_value *out);

/* The whole value that begins with token `t` as raw text. */
static bool rest_of_value(bw_json_scan *s, const bw_json_token *t, bw_slice *raw)
{
    bw_json_token end = *t;

    *raw = t->raw;
    if (t->type != BW_JSON_OBJECT && t->type != BW_JSON_ARRAY)
        return true;
    do {
        if (!bw_json_next(s, &end))
            return false;
    } while (!((end.type == BW_JSON_OBJECT_END || end.type == BW_JSON_ARRAY_END) &&
               end.depth == t->depth));
    raw->len = (size_t)(s->text.ptr + s->at - raw->ptr);
    return true;
}

static bw_status malformed(const bq_loader *l, const bw_json_scan *s)
{
    return bq_error_set(l->err, "invalid", NULL, "Parser terminated before end of string: %s",
                        s->error ? s->error : "unexpected end");
}

static bw_status load_struct(const bq_loader *l, const bq_path *p, const bq_field *f,
                             bw_json_scan *s, bq_value *out)
{
    bq_value *items = BW_ARENA_ARRAY(l->arena, bq_value, f->fields.count + 1);
    bw_status status = load_object(l, p, &f->fields, s, items);

    if (status == BW_OK)
        *out = bq_value_pack(l->arena, items, f->fields.count);
    return status;
}

/* {"start": ..., "end": ...}; an end that is missing or null is unbounded. */
static bw_status load_range_object(bq_cell *c, bw_json_scan *s, const bw_json_token *t,
                                   bq_value *out)
{
    static const char *const names[] = {"start", "end"};
    bq_field element = {.name = c->f->name, .kind = bq_range_element(c->f->kind)};
    int64_t ends[] = {BQ_RANGE_NO_START, BQ_RANGE_NO_END};

    if (!rest_of_value(s, t, &c->raw))
        return malformed(c->l, s);
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        bw_slice raw = bw_json_member(c->raw, names[i]);
        bq_path path = {c->p, names[i]};
        bw_json_scan inner = bw_json_scan_init(raw);
        bq_value end;
        if (!raw.ptr || bw_slice_is(raw, "null"))
            continue;
        bw_status status = load_one(c->l, &path, &element, &inner, &end);
        if (status != BW_OK)
            return status;
        ends[i] = end.i;
    }
    return bq_load_range(c, &(bq_range){ends[0], ends[1]}, out);
}

static bw_status load_token(const bq_loader *l, const bq_path *p, const bq_field *f,
                            bw_json_scan *s, const bw_json_token *t, bq_value *out)
{
    bq_cell c = {.l = l, .p = p, .f = f, .raw = t->raw, .text = t->raw};

    if (f->kind == BQ_STRUCT) {
        if (t->type == BW_JSON_OBJECT)
            return load_struct(l, p, f, s, out);
        return bq_load_refuse(l, p, t->raw,
                              t->type == BW_JSON_ARRAY ? "Array specified for non-repeated field."
                                                       : "Flat value specified for record field.");
    }
    if (f->kind == BQ_JSON) {
        if (!rest_of_value(s, t, &c.raw))
            return malformed(l, s);
        return bq_load_cell(&c, out);
    }
    if (t->type == BW_JSON_ARRAY)
        return bq_load_refuse(l, p, t->raw, "Array specified for non-repeated field.");
    if (t->type == BW_JSON_OBJECT && bq_is_range(f->kind))
        return load_range_object(&c, s, t, out);
    if (t->type == BW_JSON_OBJECT)
        return bq_load_refuse(l, p, t->raw, "JSON object specified for non-record field.");
    c.is_string = t->type == BW_JSON_STRING;
    bool is_number = t->type == BW_JSON_NUMBER;
    if (!c.is_string && !is_number && f->kind != BQ_BOOL && f->kind != BQ_STRING)
        return bq_load_refuse(l, p, t->raw, "Could not convert value of type BOOL.");
    bw_buf text = BW_BUF_INIT;
    if (c.is_string && !t->escaped) {
        c.text = (bw_slice){t->raw.ptr + 1, t->raw.len - 2};
    } else if (c.is_string) {
        if (!bw_json_unescape(t->raw, &text)) {
            bw_buf_fini(&text);
            return bq_load_refuse(l, p, t->raw, "Invalid Unicode escape.");
        }
        c.text = bw_arena_slice(l->arena, bw_buf_slice(&text));
    }
    bw_status status = bq_load_cell(&c, out);
    bw_buf_fini(&text);
    return status;
}

static bw_status load_array(const bq_loader *l, const bq_path *p, const bq_field *f,
                            bw_json_scan *s, bq_value *out)
{
    bw_json_token t;
    bw_buf packed = BW_BUF_INIT;
    size_t count = 0;
    bw_status status = BW_OK;

    bq_tuple_begin(&packed, 0);
    for (;;) {
        bq_value item;
        if (!bw_json_next(s, &t)) {
            status = malformed(l, s);
            break;
        }
        if (t.type == BW_JSON_ARRAY_END)
            break;
        if (t.type == BW_JSON_NULL && f->kind != BQ_JSON)
            status = bq_load_refuse(l, p, t.raw, "Only optional fields can be set to NULL.");
        else if (t.type == BW_JSON_ARRAY && f->kind != BQ_JSON)
            status = bq_load_refuse(l, p, t.raw, "Nested arrays not allowed.");
        else
            status = load_token(l, p, f, s, &t, &item);
        if (status != BW_OK)
            break;
        bq_tuple_add(&packed, &item);
        count++;
    }
    bq_tuple_set_count(&packed, 0, count);
    if (status == BW_OK)
        *out = bq_blob(bw_arena_slice(l->arena, bw_buf_slice(&packed)));
    bw_buf_fini(&packed);
    return status;
}

static bw_status load_one(const bq_loader *l, const bq_path *p, const bq_field *f, bw_json_scan *s,
                          bq_value *out)
{
    bw_json_token t;

    if (!bw_json_next(s, &t))
        return malformed(l, s);
    if (f->mode == BQ_REPEATED) {
        if (t.type == BW_JSON_NULL) {
            *out = bq_value_pack(l->arena, NULL, 0);
            return BW_OK;
        }
        if (t.type != BW_JSON_ARRAY)
            return bq_load_refuse(l, p, t.raw, "Repeated field must be imported as a JSON array.");
        return load_array(l, p, f, s, out);
    }
    /* An explicit null in a JSON column is JSON's null; only what is left out is NULL. */
    if (t.type == BW_JSON_NULL && f->kind != BQ_JSON) {
        *out = bq_null();
        if (f->mode == BQ_REQUIRED)
            return bq_load_refuse(l, p, t.raw, "Only optional fields can be set to NULL.");
        return BW_OK;
    }
    return load_token(l, p, f, s, &t, out);
}

/* Members mostly come in the schema's order, so the search begins after the last one found. */
static int find_field(const bq_schema *schema, const bw_json_token *key, int after)
{
    bw_slice name = {key->raw.ptr + 1, key->raw.len - 2};
    char plain[320];
    bw_buf text = BW_BUF_INIT;
    int found = -1;

    if (key->escaped) {
        bool ok = bw_json_unescape(key->raw, &text) && text.len < sizeof(plain);
        if (ok)
            memcpy(plain, text.ptr, text.len);
        name = (bw_slice){plain, ok ? text.len : 0};
        bw_buf_fini(&text);
    }
    for (size_t n = 0; found < 0 && n < schema->count; n++) {
        size_t at = ((size_t)(after + 1) + n) % schema->count;
        const char *candidate = schema->fields[at].name;
        if (strlen(candidate) == name.len && strncasecmp(candidate, name.ptr, name.len) == 0)
            found = (int)at;
    }
    return found;
}

static bw_status unknown_field(const bq_loader *l, const bq_path *p, const bw_json_token *key)
{
    char name[320], where[256];
    bq_path field = {p, bq_load_shown(key->raw, name, sizeof(name))};

    bq_path_text(p ? &field : &(bq_path){NULL, name}, where, sizeof(where));
    return bq_error_set(l->err, "invalid", where, "No such field: %s.", where);
}

/* What the object did not mention: NULL, the empty array, or an error. */
static bw_status fill_missing(const bq_loader *l, const bq_path *p, const bq_schema *schema,
                              const bool *seen, bq_value *row)
{
    for (size_t i = 0; i < schema->count; i++) {
        const bq_field *f = &schema->fields[i];
        if (seen[i])
            continue;
        row[i] = f->mode == BQ_REPEATED ? bq_value_pack(l->arena, NULL, 0) : bq_null();
        if (f->mode == BQ_REQUIRED) {
            char where[256];
            bq_path_text(&(bq_path){p, f->name}, where, sizeof(where));
            return bq_error_set(l->err, "invalid", where, "Missing required field: %s.", where);
        }
    }
    return BW_OK;
}

/* The members of an object whose opening brace has been read. */
static bw_status load_object(const bq_loader *l, const bq_path *p, const bq_schema *schema,
                             bw_json_scan *s, bq_value *row)
{
    bool *seen = BW_ARENA_ARRAY(l->arena, bool, schema->count + 1);
    bw_json_token t;
    int at = -1;

    for (;;) {
        if (!bw_json_next(s, &t))
            return malformed(l, s);
        if (t.type == BW_JSON_OBJECT_END)
            return fill_missing(l, p, schema, seen, row);
        int found = find_field(schema, &t, at);
        if (found < 0) {
            if (!l->options.ignore_unknown)
                return unknown_field(l, p, &t);
            if (!bw_json_skip(s, NULL))
                return malformed(l, s);
            continue;
        }
        at = found;
        bq_path field = {p, schema->fields[at].name};
        if (seen[at])
            return bq_load_refuse(l, &field, t.raw, "Field is specified more than once.");
        seen[at] = true;
        bw_status status = load_one(l, &field, &schema->fields[at], s, &row[at]);
        if (status != BW_OK)
            return status;
    }
}

bw_status bq_row_from_json(const bq_schema *schema, bw_slice object, bq_load_options options,
                           bw_arena *arena, bq_value *row, bq_error *err)
{
    bq_loader l = {arena, options, err};
    bw_json_scan s = bw_json_scan_init(object);
    bw_json_token t;

    if (!bw_json_next(&s, &t))
        return malformed(&l, &s);
    if (t.type != BW_JSON_OBJECT)
        return bq_error_set(err, "invalid", NULL, "Expected a JSON object for a row.");
    bw_status status = load_object(&l, NULL, schema, &s, row);
    if (status == BW_OK && (!bw_json_next(&s, &t) || t.type != BW_JSON_END))
        return malformed(&l, &s);
    return status;
}

bw_status bq_value_from_json(const bq_field *field, bw_slice raw, bq_load_options options,
                             bw_arena *arena, bq_value *out, bq_error *err)
{
    bq_loader l = {arena, options, err};
    bw_json_scan s = bw_json_scan_init(raw);
    bq_path p = {NULL, field->name};
    bw_json_token t;
    bw_status status = load_one(&l, &p, field, &s, out);

    if (status == BW_OK && (!bw_json_next(&s, &t) || t.type != BW_JSON_END))
        return malformed(&l, &s);
    return status;
}

bw_status bq_value_from_text(const bq_field *field, bw_slice text, bw_arena *arena, bq_value *out,
                             bq_error *err)
{
    bq_loader l = {arena, {false}, err};
    bq_path p = {NULL, field->name};
    bq_cell c = {&l, &p, field, text, bw_arena_slice(arena, text), true};

    if (field->kind == BQ_STRUCT || field->mode == BQ_REPEATED)
        return bq_load_refuse(&l, &p, text, "A text cannot be converted to this type.");
    return bq_load_cell(&c, out);
}

bq_value bq_value_pack(bw_arena *arena, const bq_value *items, size_t count)
{
    bw_buf packed = BW_BUF_INIT;

    bq_tuple_begin(&packed, count);
    for (size_t i = 0; i < count; i++)
        bq_tuple_add(&packed, &items[i]);
    bq_value v = bq_blob(bw_arena_slice(arena, bw_buf_slice(&packed)));
    bw_buf_fini(&packed);
    return v;
}
