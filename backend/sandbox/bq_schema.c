#include "backend/sandbox/bq_type.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/core/text.h"
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/json_edit.h"

#define MAX_DEPTH   15
#define MAX_COLUMNS 10000
#define MAX_NAME    300

typedef struct kind_row {
    const char *sql, *rest;
} kind_row;

static const kind_row kinds[BQ_KIND_COUNT] = {
    [BQ_BOOL] = {"BOOL", "BOOLEAN"},
    [BQ_INT64] = {"INT64", "INTEGER"},
    [BQ_FLOAT64] = {"FLOAT64", "FLOAT"},
    [BQ_NUMERIC] = {"NUMERIC", "NUMERIC"},
    [BQ_BIGNUMERIC] = {"BIGNUMERIC", "BIGNUMERIC"},
    [BQ_STRING] = {"STRING", "STRING"},
    [BQ_BYTES] = {"BYTES", "BYTES"},
    [BQ_DATE] = {"DATE", "DATE"},
    [BQ_TIME] = {"TIME", "TIME"},
    [BQ_DATETIME] = {"DATETIME", "DATETIME"},
    [BQ_TIMESTAMP] = {"TIMESTAMP", "TIMESTAMP"},
    [BQ_JSON] = {"JSON", "JSON"},
    [BQ_GEOGRAPHY] = {"GEOGRAPHY", "GEOGRAPHY"},
    [BQ_INTERVAL] = {"INTERVAL", "INTERVAL"},
    [BQ_RANGE_DATE] = {"RANGE<DATE>", "RANGE"},
    [BQ_RANGE_DATETIME] = {"RANGE<DATETIME>", "RANGE"},
    [BQ_RANGE_TIMESTAMP] = {"RANGE<TIMESTAMP>", "RANGE"},
    [BQ_STRUCT] = {"STRUCT", "RECORD"},
};

static const struct {
    const char *name;
    bq_kind kind;
} aliases[] = {
    {"INT", BQ_INT64},
    {"SMALLINT", BQ_INT64},
    {"BIGINT", BQ_INT64},
    {"TINYINT", BQ_INT64},
    {"BYTEINT", BQ_INT64},
    {"DECIMAL", BQ_NUMERIC},
    {"BIGDECIMAL", BQ_BIGNUMERIC},
};

const char *bq_kind_sql(bq_kind kind)
{
    return kinds[kind].sql;
}

const char *bq_kind_rest(bq_kind kind)
{
    return kinds[kind].rest;
}

static bool name_is(bw_slice name, const char *word)
{
    return name.len == strlen(word) && strncasecmp(name.ptr, word, name.len) == 0;
}

bool bq_kind_parse(bw_slice name, bq_kind *kind)
{
    for (int i = 0; i < BQ_KIND_COUNT; i++) {
        if (!bq_is_range((bq_kind)i) &&
            (name_is(name, kinds[i].sql) || name_is(name, kinds[i].rest))) {
            *kind = (bq_kind)i;
            return true;
        }
    }
    for (size_t i = 0; i < BW_COUNT(aliases); i++) {
        if (name_is(name, aliases[i].name)) {
            *kind = aliases[i].kind;
            return true;
        }
    }
    return false;
}

/* ---- Parsing ---------------------------------------------------------------------------------- */

static const char *const carried[] = {"policyTags", "collation", "roundingMode",
                                      "timestampPrecision", "dataPolicies"};

static bw_status check_name(const char *name, bq_error *err)
{
    static const char *const reserved[] = {"_TABLE_",        "_FILE_",   "_PARTITION",
                                           "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER"};
    bool ok = name[0] && !isdigit((unsigned char)name[0]) && strlen(name) <= MAX_NAME;

    for (const char *p = name; ok && *p; p++)
        ok = isalnum((unsigned char)*p) || *p == '_';
    if (!ok)
        return bq_error_set(err, "invalid", NULL,
                            "Invalid field name \"%s\". Fields must contain only letters, numbers, "
                            "and underscores, start with a letter or underscore, and be at most "
                            "300 characters long.",
                            name);
    for (size_t i = 0; i < BW_COUNT(reserved); i++) {
        if (strncasecmp(name, reserved[i], strlen(reserved[i])) == 0)
            return bq_error_set(err, "invalid", NULL,
                                "Invalid field name \"%s\". Field names are not allowed to start "
                                "with the (case-insensitive) prefixes _PARTITION, _TABLE_, _FILE_, "
                                "_ROW_TIMESTAMP, __ROOT__ and _COLIDENTIFIER",
                                name);
    }
    return BW_OK;
}

static bw_status check_parameters(const bq_field *f, bool has_scale, bq_error *err)
{
    bool decimal = f->kind == BQ_NUMERIC || f->kind == BQ_BIGNUMERIC;

    if (f->max_length < 0 || (f->max_length > 0 && f->kind != BQ_STRING && f->kind != BQ_BYTES))
        return bq_error_set(err, "invalid", NULL,
                            "Invalid value for maxLength of field %s: only positive values on "
                            "STRING and BYTES are allowed",
                            f->name);
    if ((f->precision != 0 || has_scale) && !decimal)
        return bq_error_set(err, "invalid", NULL,
                            "precision and scale of field %s are only allowed on NUMERIC and "
                            "BIGNUMERIC",
                            f->name);
    if (!decimal || (f->precision == 0 && !has_scale))
        return BW_OK;
    const bq_decimal_spec *spec = bq_decimal_spec_of(f->kind);
    if (f->precision == 0)
        return bq_error_set(err, "invalid", NULL,
                            "Field %s: scale is only allowed with a precision", f->name);
    if (f->scale < 0 || f->scale > spec->scale)
        return bq_error_set(err, "invalid", NULL,
                            "Invalid scale %d of field %s: in %s(P, S), scale must be between 0 "
                            "and %d",
                            f->scale, f->name, bq_kind_sql(f->kind), spec->scale);
    int low = f->scale > 1 ? f->scale : 1;
    if (f->precision < low || f->precision > spec->max_integer_digits + f->scale)
        return bq_error_set(err, "invalid", NULL,
                            "Invalid precision %d of field %s: in %s(P, %d), precision must be "
                            "between %d and %d",
                            f->precision, f->name, bq_kind_sql(f->kind), f->scale, low,
                            spec->max_integer_digits + f->scale);
    return BW_OK;
}

static const char *carried_members(bw_arena *arena, bw_slice object)
{
    bw_buf out = BW_BUF_INIT;

    for (size_t i = 0; i < BW_COUNT(carried); i++) {
        bw_slice raw = bw_json_member(object, carried[i]);
        if (!raw.ptr || bw_slice_is(raw, "null"))
            continue;
        bw_buf_addf(&out, "%s\"%s\":", out.len ? "," : "", carried[i]);
        bw_buf_add(&out, raw.ptr, raw.len);
    }
    const char *text = NULL;
    if (out.len > 0)
        text = bw_arena_printf(arena, "{%s}", bw_buf_cstr(&out));
    bw_buf_fini(&out);
    return text;
}

static bw_status parse_fields(bw_arena *arena, bw_slice array, int depth, size_t *total,
                              bq_schema *out, bq_error *err);

static bw_status parse_mode(bw_slice object, bq_field *f, bq_error *err)
{
    static const char *const modes[] = {"NULLABLE", "REQUIRED", "REPEATED"};
    char *mode = bw_json_member_string(object, "mode");

    f->mode = BQ_NULLABLE;
    bool known = !mode || !*mode;
    for (size_t i = 0; !known && i < BW_COUNT(modes); i++) {
        if (strcasecmp(mode, modes[i]) == 0) {
            f->mode = (bq_mode)i;
            known = true;
        }
    }
    bw_status status = BW_OK;
    if (!known)
        status = bq_error_set(err, "invalid", NULL,
                              "Invalid value for mode: %s is not a valid value", mode);
    free(mode);
    return status;
}

static bw_status parse_parameters(bw_slice object, bq_field *f, bq_error *err)
{
    int64_t n = 0;
    bool has_scale = bw_json_member_int(object, "scale", &n);

    f->scale = n > 1000 || n < -1 ? -1 : (int)n;
    n = 0;
    bool has_precision = bw_json_member_int(object, "precision", &n);
    f->precision = n > 1000 || n < 0 ? 1000 : (int)n;
    if (has_precision && n == 0)
        return bq_error_set(err, "invalid", NULL, "Invalid precision 0 of field %s", f->name);
    n = 0;
    if (bw_json_member_int(object, "maxLength", &n) && n <= 0)
        n = -1;
    f->max_length = n;
    return check_parameters(f, has_scale, err);
}

/* RANGE says in rangeElementType what it is a range of. */
static bw_status parse_kind(bw_arena *arena, bw_slice object, bq_field *f, bq_error *err)
{
    const char *type = bw_sb_json_text(arena, object, "type");
    if (!type)
        return bq_error_set(err, "invalid", NULL, "Field %s is missing a type", f->name);
    if (strcasecmp(type, "RANGE") == 0) {
        bw_slice of = bw_sb_json_object(object, "rangeElementType");
        const char *element = bw_sb_json_text(arena, of, "type");
        if (element && bq_range_of(bw_slice_cstr(element), &f->kind))
            return BW_OK;
        return bq_error_set(err, "invalid", NULL,
                            "Field %s of type RANGE needs a rangeElementType of DATE, DATETIME or "
                            "TIMESTAMP",
                            f->name);
    }
    for (int i = 0; i < BQ_KIND_COUNT; i++) {
        bool named = strcasecmp(type, kinds[i].sql) == 0 || strcasecmp(type, kinds[i].rest) == 0;
        if (!named || bq_is_range((bq_kind)i))
            continue;
        f->kind = (bq_kind)i;
        return BW_OK;
    }
    return bq_error_set(err, "invalid", NULL, "Invalid value for type: %s is not a valid value",
                        type);
}

static bw_status parse_field(bw_arena *arena, bw_slice object, int depth, size_t *total,
                             bq_field *f, bq_error *err)
{
    f->name = bw_sb_json_text(arena, object, "name");
    if (!f->name)
        return bq_error_set(err, "invalid", NULL, "Schema field is missing a name");
    bw_status status = parse_kind(arena, object, f, err);
    if (status == BW_OK)
        status = check_name(f->name, err);
    if (status == BW_OK)
        status = parse_mode(object, f, err);
    if (status == BW_OK)
        status = parse_parameters(object, f, err);
    if (status != BW_OK)
        return status;
    f->description = bw_sb_json_text(arena, object, "description");
    f->default_sql = bw_sb_json_text(arena, object, "defaultValueExpression");
    f->extra = carried_members(arena, object);
    bw_slice fields = bw_json_member(object, "fields");
    bool given = fields.ptr && !bw_slice_is(fields, "null") && !bw_slice_is(fields, "[]");
    if (f->kind != BQ_STRUCT)
        return given ? bq_error_set(err, "invalid", NULL, "Field %s is type %s but has schema",
                                    f->name, bq_kind_rest(f->kind))
                     : BW_OK;
    if (!given)
        return bq_error_set(err, "invalid", NULL, "Field %s is type RECORD but has no schema",
                            f->name);
    return parse_fields(arena, fields, depth + 1, total, &f->fields, err);
}

static size_t count_elements(bw_slice array)
{
    bw_json_scan s = bw_json_scan_init(array);
    bw_json_token t;
    size_t n = 0;

    if (!bw_json_next(&s, &t) || t.type != BW_JSON_ARRAY)
        return SIZE_MAX;
    while (bw_json_next(&s, &t) && t.type != BW_JSON_END)
        n += t.type == BW_JSON_OBJECT && t.depth == 1;
    return s.error ? SIZE_MAX : n;
}

static bw_status parse_fields(bw_arena *arena, bw_slice array, int depth, size_t *total,
                              bq_schema *out, bq_error *err)
{
    size_t count = count_elements(array);
    bw_json_scan s = bw_json_scan_init(array);
    bw_json_token t;
    bw_slice item;

    if (count == SIZE_MAX)
        return bq_error_set(err, "invalid", NULL, "Schema fields must be an array of objects");
    if (depth > MAX_DEPTH)
        return bq_error_set(err, "invalid", NULL,
                            "Nested schema is too deep: at most %d levels are allowed", MAX_DEPTH);
    *total += count;
    if (*total > MAX_COLUMNS)
        return bq_error_set(err, "invalid", NULL,
                            "Too many fields in the schema: at most %d are allowed", MAX_COLUMNS);
    out->fields = BW_ARENA_ARRAY(arena, bq_field, count ? count : 1);
    out->count = 0;
    if (!bw_json_next(&s, &t))
        return BW_INTERNAL;
    while (out->count < count && bw_json_skip(&s, &item)) {
        bq_field *f = &out->fields[out->count];
        bw_status status = parse_field(arena, item, depth, total, f, err);
        if (status != BW_OK)
            return status;
        if (bq_schema_find(out, bw_slice_cstr(f->name)) >= 0)
            return bq_error_set(err, "invalid", NULL, "Field %s already exists in schema", f->name);
        out->count++;
    }
    return BW_OK;
}

bw_status bq_schema_parse(bw_arena *arena, bw_slice json, bq_schema *out, bq_error *err)
{
    const char *why;
    size_t at, total = 0;

    if (!bw_json_valid(json, &why, &at))
        return bq_error_set(err, "invalid", NULL, "Invalid schema: %s at byte %zu", why, at);
    while (json.len > 0 && isspace((unsigned char)*json.ptr)) {
        json.ptr++;
        json.len--;
    }
    if (json.ptr[0] == '{') {
        json = bw_json_member(json, "fields");
        if (!json.ptr) {
            *out = (bq_schema){NULL, 0};
            return BW_OK;
        }
    }
    return parse_fields(arena, json, 1, &total, out, err);
}

/* ---- Printing --------------------------------------------------------------------------------- */

static void print_text(bw_buf *out, const char *name, const char *value)
{
    bw_buf_addf(out, ",\"%s\":", name);
    bw_json_add_string(out, bw_slice_cstr(value));
}

static void print_field(const bq_field *f, bw_buf *out)
{
    static const char *const modes[] = {"NULLABLE", "REQUIRED", "REPEATED"};

    bw_buf_adds(out, "{\"name\":");
    bw_json_add_string(out, bw_slice_cstr(f->name));
    bw_buf_addf(out, ",\"type\":\"%s\",\"mode\":\"%s\"", bq_kind_rest(f->kind), modes[f->mode]);
    if (bq_is_range(f->kind))
        bw_buf_addf(out, ",\"rangeElementType\":{\"type\":\"%s\"}",
                    bq_kind_rest(bq_range_element(f->kind)));
    if (f->precision > 0)
        bw_buf_addf(out, ",\"precision\":\"%d\"", f->precision);
    if (f->precision > 0 && f->scale > 0)
        bw_buf_addf(out, ",\"scale\":\"%d\"", f->scale);
    if (f->max_length > 0)
        bw_buf_addf(out, ",\"maxLength\":\"%lld\"", (long long)f->max_length);
    if (f->description)
        print_text(out, "description", f->description);
    if (f->default_sql)
        print_text(out, "defaultValueExpression", f->default_sql);
    if (f->extra) {
        bw_buf_addc(out, ',');
        bw_buf_add(out, f->extra + 1, strlen(f->extra) - 2);
    }
    if (f->kind == BQ_STRUCT) {
        bw_buf_addc(out, ',');
        size_t start = out->len;
        bq_schema_print(&f->fields, out);
        memmove(out->ptr + start, out->ptr + start + 1, out->len - start - 2);
        out->len -= 2;
    }
    bw_buf_addc(out, '}');
}

void bq_schema_print(const bq_schema *schema, bw_buf *out)
{
    bw_buf_adds(out, "{\"fields\":[");
    for (size_t i = 0; i < schema->count; i++) {
        if (i > 0)
            bw_buf_addc(out, ',');
        print_field(&schema->fields[i], out);
    }
    bw_buf_adds(out, "]}");
}

static void print_parameters(const bq_field *type, bw_buf *out)
{
    if (type->precision > 0 && type->scale > 0)
        bw_buf_addf(out, "(%d, %d)", type->precision, type->scale);
    else if (type->precision > 0)
        bw_buf_addf(out, "(%d)", type->precision);
    else if (type->max_length > 0)
        bw_buf_addf(out, "(%lld)", (long long)type->max_length);
}

void bq_type_print(const bq_field *type, bw_buf *out)
{
    if (type->mode == BQ_REPEATED)
        bw_buf_adds(out, "ARRAY<");
    bw_buf_adds(out, bq_kind_sql(type->kind));
    if (type->kind == BQ_STRUCT) {
        bw_buf_addc(out, '<');
        for (size_t i = 0; i < type->fields.count; i++) {
            const bq_field *f = &type->fields.fields[i];
            if (i > 0)
                bw_buf_adds(out, ", ");
            if (f->name && *f->name)
                bw_buf_addf(out, "%s ", f->name);
            bq_type_print(f, out);
        }
        bw_buf_addc(out, '>');
    }
    print_parameters(type, out);
    if (type->mode == BQ_REPEATED)
        bw_buf_addc(out, '>');
}

/* ---- Copy, search, compare -------------------------------------------------------------------- */

static const char *copy_text(bw_arena *arena, const char *s)
{
    return s ? bw_arena_strndup(arena, s, strlen(s)) : NULL;
}

void bq_field_copy(bw_arena *arena, const bq_field *from, bq_field *to)
{
    bq_field f = *from;

    f.name = copy_text(arena, from->name);
    f.description = copy_text(arena, from->description);
    f.default_sql = copy_text(arena, from->default_sql);
    f.extra = copy_text(arena, from->extra);
    bq_schema_copy(arena, &from->fields, &f.fields);
    *to = f;
}

void bq_schema_copy(bw_arena *arena, const bq_schema *from, bq_schema *to)
{
    bq_schema copy = {NULL, from->count};

    if (from->count > 0) {
        copy.fields = BW_ARENA_ARRAY(arena, bq_field, from->count);
        for (size_t i = 0; i < from->count; i++)
            bq_field_copy(arena, &from->fields[i], &copy.fields[i]);
    }
    *to = copy;
}

int bq_schema_find(const bq_schema *schema, bw_slice name)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->fields[i].name && name_is(name, schema->fields[i].name))
            return (int)i;
    }
    return -1;
}

bool bq_type_equal(const bq_field *a, const bq_field *b)
{
    if (a->kind != b->kind || (a->mode == BQ_REPEATED) != (b->mode == BQ_REPEATED) ||
        a->fields.count != b->fields.count)
        return false;
    for (size_t i = 0; i < a->fields.count; i++) {
        if (!bq_type_equal(&a->fields.fields[i], &b->fields.fields[i]))
            return false;
    }
    return true;
}
