#include "backend/sandbox/avro_schema.h"

#include <stdlib.h>

#include "backend/sandbox/json_edit.h"

#define MAX_DEPTH  64 /* of the declaration; BigQuery's own limit is 15 levels of records */
#define MAX_LEVEL  15
#define MAX_FIELDS 10000

typedef struct named {
    const struct named *before;
    bw_avro_type *type;
} named;

typedef struct parser {
    bw_arena *arena;
    const named *known;
    const char *space; /* the enclosing namespace, "" for none */
    int depth;
    bq_error *err;
} parser;

static bw_status refuse(bq_error *err, const char *what, const char *name)
{
    return bq_error_set(
        err, "invalid", NULL,
        "Error while reading data, error message: The Apache Avro library failed to "
        "parse the header with the following error: %s%s%s",
        what, name ? ": " : "", name ? name : "");
}

static const struct {
    const char *name;
    bw_avro_kind kind;
} primitives[] = {{"null", BW_AVRO_NULL},   {"boolean", BW_AVRO_BOOLEAN},
                  {"int", BW_AVRO_INT},     {"long", BW_AVRO_LONG},
                  {"float", BW_AVRO_FLOAT}, {"double", BW_AVRO_DOUBLE},
                  {"bytes", BW_AVRO_BYTES}, {"string", BW_AVRO_STRING}};

static const struct {
    const char *name;
    bw_avro_logical logical;
    bw_avro_kind on;
} logicals[] = {{"date", BW_AVRO_DATE, BW_AVRO_INT},
                {"time-millis", BW_AVRO_TIME_MILLIS, BW_AVRO_INT},
                {"time-micros", BW_AVRO_TIME_MICROS, BW_AVRO_LONG},
                {"timestamp-millis", BW_AVRO_TIMESTAMP_MILLIS, BW_AVRO_LONG},
                {"timestamp-micros", BW_AVRO_TIMESTAMP_MICROS, BW_AVRO_LONG},
                {"local-timestamp-millis", BW_AVRO_LOCAL_MILLIS, BW_AVRO_LONG},
                {"local-timestamp-micros", BW_AVRO_LOCAL_MICROS, BW_AVRO_LONG},
                {"datetime", BW_AVRO_DATETIME, BW_AVRO_STRING},
                {"decimal", BW_AVRO_DECIMAL, BW_AVRO_BYTES},
                {"decimal", BW_AVRO_DECIMAL, BW_AVRO_FIXED}};

/* ---- Names ------------------------------------------------------------------------------------ */

static const char *full_name(parser *p, const char *name, const char *space)
{
    if (strchr(name, '.') || !*space)
        return name;
    return bw_arena_printf(p->arena, "%s.%s", space, name);
}

static bw_avro_type *find_named(parser *p, const char *name)
{
    const char *names[] = {full_name(p, name, p->space), name};
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        for (const named *n = p->known; n; n = n->before) {
            if (strcmp(n->type->name, names[i]) == 0)
                return n->type;
        }
    }
    return NULL;
}

static bw_status reference(parser *p, const char *name, const bw_avro_type **out)
{
    for (size_t i = 0; i < BW_COUNT(primitives); i++) {
        if (strcmp(name, primitives[i].name) == 0) {
            bw_avro_type *type = bw_arena_zalloc(p->arena, sizeof *type);
            type->kind = primitives[i].kind;
            *out = type;
            return BW_OK;
        }
    }
    bw_avro_type *type = find_named(p, name);
    if (!type)
        return refuse(p->err, "unknown type", name);
    if (type->open)
        return refuse(p->err, "recursive schemas are not supported", name);
    *out = type;
    return BW_OK;
}

/* Names a RECORD, ENUM or FIXED; *space becomes the namespace of what is inside. */
static bw_status declare(parser *p, bw_slice object, bw_avro_type *type)
{
    const char *name = bw_sb_json_text(p->arena, object, "name");
    const char *space = bw_sb_json_text(p->arena, object, "namespace");
    if (!name || !*name)
        return refuse(p->err, "a named type has no name", NULL);
    type->name = full_name(p, name, space ? space : p->space);
    for (const named *n = p->known; n; n = n->before) {
        if (strcmp(n->type->name, type->name) == 0)
            return refuse(p->err, "a name is declared twice", type->name);
    }
    const char *dot = strrchr(type->name, '.');
    p->space = dot ? bw_arena_strndup(p->arena, type->name, (size_t)(dot - type->name)) : "";
    named *n = bw_arena_alloc(p->arena, sizeof *n);
    *n = (named){p->known, type};
    p->known = n;
    return BW_OK;
}

/* ---- Types ------------------------------------------------------------------------------------ */

static bw_status parse_type(parser *p, bw_slice raw, const bw_avro_type **out);

static size_t element_count(bw_slice array)
{
    size_t n = 0;
    bw_slice element;
    for (size_t at = 0; bw_sb_json_each_element(array, &at, &element);)
        n++;
    return n;
}

static bw_status parse_record(parser *p, bw_slice object, bw_avro_type *type)
{
    bw_slice fields = bw_json_member(object, "fields"), field;
    if (!fields.len || fields.ptr[0] != '[')
        return refuse(p->err, "a record has no fields", type->name);
    size_t room = element_count(fields);
    type->names = bw_arena_alloc(p->arena, (room + 1) * sizeof *type->names);
    type->types = bw_arena_alloc(p->arena, (room + 1) * sizeof *type->types);
    type->open = true;
    for (size_t at = 0; bw_sb_json_each_element(fields, &at, &field); type->count++) {
        const char *name = field.ptr[0] == '{' ? bw_sb_json_text(p->arena, field, "name") : NULL;
        if (!name || !*name)
            return refuse(p->err, "a field has no name", type->name);
        type->names[type->count] = name;
        bw_status status = parse_type(p, bw_json_member(field, "type"), &type->types[type->count]);
        if (status != BW_OK)
            return status;
    }
    type->open = false;
    return BW_OK;
}

static bw_status parse_enum(parser *p, bw_slice object, bw_avro_type *type)
{
    bw_slice symbols = bw_json_member(object, "symbols"), symbol;
    if (!symbols.len || symbols.ptr[0] != '[')
        return refuse(p->err, "an enum has no symbols", type->name);
    type->names = bw_arena_alloc(p->arena, (element_count(symbols) + 1) * sizeof *type->names);
    for (size_t at = 0; bw_sb_json_each_element(symbols, &at, &symbol);) {
        if (symbol.len < 3 || symbol.ptr[0] != '"')
            return refuse(p->err, "a symbol is malformed", type->name);
        type->names[type->count++] = bw_arena_strndup(p->arena, symbol.ptr + 1, symbol.len - 2);
    }
    return BW_OK;
}

/* The one type inside an array or a map. */
static bw_status parse_inner(parser *p, bw_slice raw, bw_avro_type *type)
{
    type->types = bw_arena_alloc(p->arena, sizeof *type->types);
    type->count = 1;
    return parse_type(p, raw, &type->types[0]);
}

/* An unknown or misplaced logical type is ignored, as Avro demands. */
static void read_logical(parser *p, bw_slice object, bw_avro_type *type)
{
    const char *name = bw_sb_json_text(p->arena, object, "logicalType");
    type->sql_type = bw_sb_json_text(p->arena, object, "sqlType");
    for (size_t i = 0; name && i < BW_COUNT(logicals); i++) {
        if (logicals[i].on == type->kind && strcmp(name, logicals[i].name) == 0)
            type->logical = logicals[i].logical;
    }
    if (type->logical != BW_AVRO_DECIMAL)
        return;
    int64_t precision = bw_sb_json_int(object, "precision", 0);
    int64_t scale = bw_sb_json_int(object, "scale", 0);
    if (precision < 1 || precision > 1000 || scale < 0 || scale > precision)
        type->logical = BW_AVRO_PLAIN;
    type->precision = (int)precision;
    type->scale = (int)scale;
}

static bw_status parse_named(parser *p, bw_slice object, const char *word, bw_avro_type *type)
{
    const char *outer = p->space;
    bw_status status = declare(p, object, type);
    if (status == BW_OK && strcmp(word, "fixed") == 0) {
        int64_t size = bw_sb_json_int(object, "size", -1);
        type->kind = BW_AVRO_FIXED;
        type->size = (size_t)size;
        if (size < 0 || size > INT32_MAX)
            status = refuse(p->err, "a fixed type has no size", type->name);
        read_logical(p, object, type);
    } else if (status == BW_OK && strcmp(word, "enum") == 0) {
        type->kind = BW_AVRO_ENUM;
        status = parse_enum(p, object, type);
    } else if (status == BW_OK) {
        type->kind = BW_AVRO_RECORD;
        status = parse_record(p, object, type);
    }
    p->space = outer;
    return status;
}

static bw_status parse_object(parser *p, bw_slice object, const bw_avro_type **out)
{
    bw_slice inner = bw_json_member(object, "type");
    const char *word = bw_sb_json_text(p->arena, object, "type");
    bw_avro_type *type = bw_arena_zalloc(p->arena, sizeof *type);
    *out = type;
    if (!word)
        return parse_type(p, inner, out);
    if (strcmp(word, "record") == 0 || strcmp(word, "error") == 0 || strcmp(word, "enum") == 0 ||
        strcmp(word, "fixed") == 0)
        return parse_named(p, object, word, type);
    if (strcmp(word, "array") == 0 || strcmp(word, "map") == 0) {
        bool array = word[0] == 'a';
        type->kind = array ? BW_AVRO_ARRAY : BW_AVRO_MAP;
        return parse_inner(p, bw_json_member(object, array ? "items" : "values"), type);
    }
    bw_status status = reference(p, word, out);
    if (status != BW_OK || (*out)->name)
        return status;
    *type = **out; /* a primitive with attributes of its own */
    read_logical(p, object, type);
    *out = type;
    return BW_OK;
}

/* null and one other type, or one type alone. */
static bw_status parse_union(parser *p, bw_slice array, const bw_avro_type **out)
{
    bw_avro_type *type = bw_arena_zalloc(p->arena, sizeof *type);
    size_t others = 0;
    bw_slice branch;
    type->kind = BW_AVRO_UNION;
    type->types = bw_arena_alloc(p->arena, (element_count(array) + 1) * sizeof *type->types);
    for (size_t at = 0; bw_sb_json_each_element(array, &at, &branch); type->count++) {
        bw_status status = parse_type(p, branch, &type->types[type->count]);
        if (status != BW_OK)
            return status;
        others += type->types[type->count]->kind != BW_AVRO_NULL;
        if (type->types[type->count]->kind == BW_AVRO_UNION)
            return refuse(p->err, "a union directly inside a union", NULL);
    }
    if (others != 1 || type->count > 2)
        return bq_error_set(p->err, "notImplemented", NULL,
                            "The sandbox loads unions of null and one other type only");
    *out = type;
    return BW_OK;
}

static bw_status parse_type(parser *p, bw_slice raw, const bw_avro_type **out)
{
    bw_status status = BW_OK;
    if (++p->depth > MAX_DEPTH)
        return refuse(p->err, "nested too deeply", NULL);
    if (!raw.len) {
        status = refuse(p->err, "a type is missing", NULL);
    } else if (raw.ptr[0] == '{') {
        status = parse_object(p, raw, out);
    } else if (raw.ptr[0] == '[') {
        status = parse_union(p, raw, out);
    } else if (raw.ptr[0] == '"' && raw.len > 2) {
        status = reference(p, bw_arena_strndup(p->arena, raw.ptr + 1, raw.len - 2), out);
    } else {
        status = refuse(p->err, "a type is malformed", NULL);
    }
    p->depth--;
    return status;
}

bw_status bw_avro_schema_parse(bw_arena *arena, bw_slice json, const bw_avro_type **out,
                               bq_error *err)
{
    parser p = {.arena = arena, .space = "", .err = err};
    const char *why;
    size_t at;
    if (!bw_json_valid(json, &why, &at))
        return refuse(err, "the schema is not JSON", why);
    bw_status status = parse_type(&p, json, out);
    if (status == BW_OK && (*out)->kind != BW_AVRO_RECORD)
        status = refuse(err, "the top of the schema must be a record", NULL);
    return status;
}

/* ---- The table -------------------------------------------------------------------------------- */

typedef struct mapper {
    bw_arena *arena;
    const bw_avro_options *options;
    bq_error *err;
    int level;
} mapper;

static bw_status map_record(mapper *m, const bw_avro_type *record, bq_schema *out);

static bw_status unsupported(mapper *m, const char *name, const char *what)
{
    return bq_error_set(m->err, "invalid", name,
                        "Error while reading data, error message: Avro field %s: %s", name, what);
}

/* The first wanted type that holds the precision and scale; else the widest wanted. */
static bq_kind decimal_kind(const bw_avro_options *o, int precision, int scale)
{
    int whole = precision - scale;
    if (o->to_numeric && scale <= 9 && whole <= 29)
        return BQ_NUMERIC;
    if (o->to_bignumeric && scale <= 38 && whole <= 38)
        return BQ_BIGNUMERIC;
    return o->to_string ? BQ_STRING : o->to_bignumeric ? BQ_BIGNUMERIC : BQ_NUMERIC;
}

static bq_kind logical_kind(const bw_avro_options *o, const bw_avro_type *t, bq_kind plain)
{
    static const bq_kind kinds[] = {
        [BW_AVRO_DATE] = BQ_DATE,
        [BW_AVRO_TIME_MILLIS] = BQ_TIME,
        [BW_AVRO_TIME_MICROS] = BQ_TIME,
        [BW_AVRO_TIMESTAMP_MILLIS] = BQ_TIMESTAMP,
        [BW_AVRO_TIMESTAMP_MICROS] = BQ_TIMESTAMP,
        [BW_AVRO_LOCAL_MILLIS] = BQ_DATETIME,
        [BW_AVRO_LOCAL_MICROS] = BQ_DATETIME,
        [BW_AVRO_DATETIME] = BQ_DATETIME,
    };
    if (!o->logical_types || t->logical == BW_AVRO_PLAIN)
        return plain;
    return t->logical == BW_AVRO_DECIMAL ? decimal_kind(o, t->precision, t->scale)
                                         : kinds[t->logical];
}

/* Kind and fields of one value; the mode is the caller's. */
static bw_status map_value(mapper *m, const char *name, const bw_avro_type *t, bq_field *f)
{
    static const bq_kind kinds[] = {
        [BW_AVRO_BOOLEAN] = BQ_BOOL,  [BW_AVRO_INT] = BQ_INT64,      [BW_AVRO_LONG] = BQ_INT64,
        [BW_AVRO_FLOAT] = BQ_FLOAT64, [BW_AVRO_DOUBLE] = BQ_FLOAT64, [BW_AVRO_BYTES] = BQ_BYTES,
        [BW_AVRO_STRING] = BQ_STRING, [BW_AVRO_ENUM] = BQ_STRING,    [BW_AVRO_FIXED] = BQ_BYTES,
        [BW_AVRO_RECORD] = BQ_STRUCT,
    };
    if (t->kind == BW_AVRO_NULL || t->kind == BW_AVRO_UNION || t->kind == BW_AVRO_ARRAY ||
        t->kind == BW_AVRO_MAP)
        return unsupported(m, name, "arrays of arrays, maps or null are not supported");
    f->kind = logical_kind(m->options, t, kinds[t->kind]);
    if (t->kind == BW_AVRO_STRING && t->sql_type)
        f->kind = strcmp(t->sql_type, "JSON") == 0        ? BQ_JSON
                  : strcmp(t->sql_type, "GEOGRAPHY") == 0 ? BQ_GEOGRAPHY
                                                          : f->kind;
    return t->kind == BW_AVRO_RECORD ? map_record(m, t, &f->fields) : BW_OK;
}

/* A map is an array of its pairs. */
static bw_status map_pairs(mapper *m, const char *name, const bw_avro_type *t, bq_field *f)
{
    f->kind = BQ_STRUCT;
    f->fields.count = 2;
    f->fields.fields = BW_ARENA_ARRAY(m->arena, bq_field, 2);
    f->fields.fields[0] = (bq_field){.name = "key", .kind = BQ_STRING, .mode = BQ_REQUIRED};
    f->fields.fields[1] = (bq_field){.name = "value", .mode = BQ_REQUIRED};
    const bw_avro_type *inner = t->types[0];
    if (inner->kind == BW_AVRO_UNION) {
        f->fields.fields[1].mode = BQ_NULLABLE;
        inner = bw_avro_other_branch(inner);
    }
    return map_value(m, name, inner, &f->fields.fields[1]);
}

const bw_avro_type *bw_avro_other_branch(const bw_avro_type *t)
{
    return t->types[t->count == 2 && t->types[0]->kind == BW_AVRO_NULL];
}

static bw_status map_field(mapper *m, const char *name, const bw_avro_type *t, bq_field *f)
{
    *f = (bq_field){.name = name, .mode = BQ_REQUIRED};
    if (t->kind == BW_AVRO_UNION) {
        f->mode = t->count == 2 ? BQ_NULLABLE : BQ_REQUIRED;
        t = bw_avro_other_branch(t);
    }
    if (t->kind == BW_AVRO_MAP || t->kind == BW_AVRO_ARRAY)
        f->mode = BQ_REPEATED;
    if (t->kind == BW_AVRO_MAP)
        return map_pairs(m, name, t, f);
    if (t->kind == BW_AVRO_ARRAY) {
        t = t->types[0];
        if (t->kind == BW_AVRO_UNION)
            t = bw_avro_other_branch(t);
    }
    return map_value(m, name, t, f);
}

static bw_status map_record(mapper *m, const bw_avro_type *record, bq_schema *out)
{
    bw_status status = BW_OK;
    if (++m->level > MAX_LEVEL)
        return unsupported(m, record->name, "more than 15 levels of records");
    if (record->count > MAX_FIELDS)
        return unsupported(m, record->name, "more than 10,000 fields");
    out->fields = BW_ARENA_ARRAY(m->arena, bq_field, record->count + 1);
    out->count = 0;
    for (size_t i = 0; i < record->count && status == BW_OK; i++) {
        if (record->types[i]->kind == BW_AVRO_NULL)
            continue;
        if (bq_schema_find(out, bw_slice_cstr(record->names[i])) >= 0)
            status = bq_error_set(m->err, "invalid", record->names[i],
                                  "Field %s already exists in schema", record->names[i]);
        else
            status = map_field(m, record->names[i], record->types[i], &out->fields[out->count++]);
    }
    m->level--;
    if (status == BW_OK && out->count == 0)
        return unsupported(m, record->name, "a record without fields");
    return status;
}

bw_status bw_avro_table_schema(bw_arena *arena, const bw_avro_type *record,
                               const bw_avro_options *options, bq_schema *out, bq_error *err)
{
    mapper m = {arena, options, err, 0};
    return map_record(&m, record, out);
}
