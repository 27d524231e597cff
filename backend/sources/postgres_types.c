#include "backend/sources/postgres_types.h"

/* Built-in types by their fixed OIDs (src/include/catalog/pg_type.dat). */
typedef struct builtin {
    uint32_t oid;
    bw_pgtype type;
} builtin;

#define TEXT(...)                                                     \
    {                                                                 \
        .type = BW_TYPE_STRING, .json = BW_PGJSON_STRING, __VA_ARGS__ \
    }
#define PLAIN(bq)                              \
    {                                          \
        .type = (bq), .json = BW_PGJSON_NUMBER \
    }
#define WITH(bq, function)                                            \
    {                                                                 \
        .type = (bq), .convert = (function), .json = BW_PGJSON_STRING \
    }

static const builtin builtins[] = {
    {16, {.type = BW_TYPE_BOOL, .convert = bw_pgconvert_bool, .json = BW_PGJSON_BOOL}},
    {17, WITH(BW_TYPE_BYTES, bw_pgconvert_bytea)},
    {18, WITH(BW_TYPE_STRING, bw_pgconvert_char)}, /* "char" */
    {19, TEXT()},                                  /* name */
    {20, PLAIN(BW_TYPE_INT64)},                    /* int8 */
    {21, PLAIN(BW_TYPE_INT64)},                    /* int2 */
    {22, TEXT()},                                  /* int2vector: not an array's text */
    {23, PLAIN(BW_TYPE_INT64)},                    /* int4 */
    {24, TEXT()},                                  /* regproc */
    {25, TEXT(.text_content = true)},              /* text */
    {26, PLAIN(BW_TYPE_INT64)},                    /* oid */
    {27, TEXT()},                                  /* tid */
    {28, PLAIN(BW_TYPE_INT64)},                    /* xid */
    {29, PLAIN(BW_TYPE_INT64)},                    /* cid */
    {30, TEXT()},                                  /* oidvector */
    {114, {.type = BW_TYPE_STRING, .json = BW_PGJSON_RAW, .text_content = true}}, /* json */
    {142, TEXT()},                                                                /* xml */
    {600, TEXT()},                                                                /* point */
    {601, TEXT()},                                                                /* lseg */
    {602, TEXT()},                                                                /* path */
    {603, TEXT()},                                                                /* box */
    {604, TEXT()},                                                                /* polygon */
    {628, TEXT()},                                                                /* line */
    {650, TEXT()},                                                                /* cidr */
    {700, PLAIN(BW_TYPE_FLOAT64)},                                                /* float4 */
    {701, PLAIN(BW_TYPE_FLOAT64)},                                                /* float8 */
    {718, TEXT()},                                                                /* circle */
    {774, TEXT()},                                                                /* macaddr8 */
    /* money: its range and its at most six digits of fraction fit NUMERIC */
    {790,
     {.type = BW_TYPE_NUMERIC,
      .convert = bw_pgconvert_numeric,
      .json = BW_PGJSON_STRING,
      .money = true}},
    {829, TEXT()},                                 /* macaddr */
    {869, TEXT()},                                 /* inet */
    {1033, TEXT()},                                /* aclitem */
    {1042, TEXT(.text_content = true)},            /* char(n), with its padding */
    {1043, TEXT(.text_content = true)},            /* varchar */
    {1082, WITH(BW_TYPE_DATE, bw_pgconvert_date)}, /* date */
    {1083, WITH(BW_TYPE_TIME, bw_pgconvert_time)}, /* time */
    {1114, WITH(BW_TYPE_DATETIME, bw_pgconvert_datetime)} /* timestamp */,
    {1184, WITH(BW_TYPE_TIMESTAMP, bw_pgconvert_timestamp)}, /* timestamptz */
    {1186, TEXT()},                                          /* interval */
    {1266, TEXT()},                                          /* timetz: the offset is data */
    {1560, TEXT()},                                          /* bit */
    {1562, TEXT()},                                          /* varbit */
    {1790, TEXT()},                                          /* refcursor */
    {2202, TEXT()},                                          /* regprocedure */
    {2203, TEXT()},                                          /* regoper */
    {2204, TEXT()},                                          /* regoperator */
    {2205, TEXT()},                                          /* regclass */
    {2206, TEXT()},                                          /* regtype */
    {2950, TEXT()},                                          /* uuid */
    {2970, TEXT()},                                          /* txid_snapshot */
    {3220, TEXT()},                                          /* pg_lsn */
    {3614, TEXT()},                                          /* tsvector */
    {3615, TEXT()},                                          /* tsquery */
    {3642, TEXT()},                                          /* gtsvector */
    {3734, TEXT()},                                          /* regconfig */
    {3769, TEXT()},                                          /* regdictionary */
    {3802, {.type = BW_TYPE_JSON, .convert = bw_pgconvert_jsonb, .json = BW_PGJSON_RAW}},
    {4072, TEXT()}, /* jsonpath */
    {4089, TEXT()}, /* regnamespace */
    {4096, TEXT()}, /* regrole */
    {4191, TEXT()}, /* regcollation */
    {5038, TEXT()}, /* pg_snapshot */
    {5069,          /* xid8: unsigned 64 bits */
     {.type = BW_TYPE_NUMERIC,
      .convert = bw_pgconvert_numeric,
      .precision = 20,
      .json = BW_PGJSON_NUMBER}},
};

#define OID_NUMERIC    1700
#define FIRST_USER_OID 16384 /* FirstNormalObjectId: extensions and users make types from here on */

/* Types of extensions, whose OIDs differ everywhere. */
static const bw_pgtype vector_element = {.type = BW_TYPE_FLOAT64, .json = BW_PGJSON_NUMBER};
static const struct {
    const char *name;
    bw_pgtype type;
} extensions[] = {
    {"citext", TEXT(.text_content = true)},
    {"ltree", TEXT()},
    {"lquery", TEXT()},
    {"ltxtquery", TEXT()},
    {"cube", TEXT()},
    {"seg", TEXT()},
    {"isbn", TEXT()},
    {"isbn13", TEXT()},
    {"issn", TEXT()},
    {"issn13", TEXT()},
    {"ismn", TEXT()},
    {"ismn13", TEXT()},
    {"ean13", TEXT()},
    {"upc", TEXT()},
    {"geometry", TEXT()}, /* hexadecimal EWKB: exact, unlike a text of rounded coordinates */
    {"geography", TEXT()},
    {"box2d", TEXT()},
    {"box3d", TEXT()},
    {"raster", TEXT()},
    {"sparsevec", TEXT()},
    {"hstore", {.type = BW_TYPE_JSON, .convert = bw_pgconvert_json, .json = BW_PGJSON_HSTORE}},
    {"vector",
     {.type = BW_TYPE_FLOAT64,
      .repeated = true,
      .convert = bw_pgconvert_vector,
      .element = &vector_element,
      .json = BW_PGJSON_VECTOR}},
    {"halfvec",
     {.type = BW_TYPE_FLOAT64,
      .repeated = true,
      .convert = bw_pgconvert_vector,
      .element = &vector_element,
      .json = BW_PGJSON_VECTOR}},
};

bw_type bw_pgtype_numeric(int typmod, int *precision, int *scale)
{
    *precision = 0;
    *scale = 0;
    if (typmod < 4)
        return BW_TYPE_BIGNUMERIC;
    /* numeric.c: precision in the upper half, scale as 11 bits with sign. */
    int p = ((typmod - 4) >> 16) & 0xffff;
    int s = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
    int integer = p - s; /* digits before the point: with a negative scale more than p */
    if (s < 0)
        s = 0;
    if (integer < 0)
        integer = 0;
    *precision = integer + s;
    *scale = s;
    if (s <= 9 && integer <= 29)
        return BW_TYPE_NUMERIC;
    if (s <= 38 && integer <= 38)
        return BW_TYPE_BIGNUMERIC;
    *precision = 0;
    *scale = 0;
    return BW_TYPE_STRING;
}

static const bw_pgtype *numeric_type(int typmod, bw_arena *arena)
{
    bw_pgtype *t = BW_ARENA_NEW(arena, bw_pgtype);
    t->json = BW_PGJSON_NUMBER;
    t->type = bw_pgtype_numeric(typmod, &t->precision, &t->scale);
    t->convert = t->type == BW_TYPE_STRING ? NULL : bw_pgconvert_numeric;
    return t;
}

static const bw_pgtype_row *find_row(const bw_pgtype_rows *rows, uint32_t oid)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].oid == oid)
            return &rows->rows[i];
    }
    return NULL;
}

static const bw_pgtype *array_type(const bw_pgtype_rows *rows, const bw_pgtype_row *row, int typmod,
                                   bw_arena *arena)
{
    const bw_pgtype *element = bw_pgtype_build(rows, row->element, typmod, arena);
    bw_pgtype *t = BW_ARENA_NEW(arena, bw_pgtype);
    *t = (bw_pgtype){.convert = bw_pgconvert_array,
                     .type = element->type,
                     .repeated = true,
                     .unknown = element->unknown,
                     .money = element->money,
                     .precision = element->precision,
                     .scale = element->scale,
                     .json = BW_PGJSON_ARRAY,
                     .delimiter = row->delimiter,
                     .element = element};
    /* A vector's elements are REPEATED already: arrays of them can only be JSON. */
    return element->repeated ? bw_pgtype_as(t, BW_TYPE_JSON, arena) : t;
}

static const bw_pgtype *composite_type(const bw_pgtype_rows *rows, const bw_pgtype_row *row,
                                       bw_arena *arena)
{
    bw_pgmember *fields = BW_ARENA_ARRAY(arena, bw_pgmember, row->n_fields + 1);
    for (size_t i = 0; i < row->n_fields; i++) {
        fields[i].name = row->fields[i].name;
        fields[i].type = bw_pgtype_build(rows, row->field_oids[i], row->field_typmods[i], arena);
    }
    bw_pgtype *t = BW_ARENA_NEW(arena, bw_pgtype);
    *t = (bw_pgtype){.convert = bw_pgconvert_json,
                     .type = BW_TYPE_JSON,
                     .json = BW_PGJSON_COMPOSITE,
                     .fields = fields,
                     .n_fields = row->n_fields};
    return t;
}

static const bw_pgtype *text_type(bool unknown)
{
    static const bw_pgtype known = TEXT(), foreign = TEXT(.unknown = true);
    return unknown ? &foreign : &known;
}

static const bw_pgtype *extension_type(const char *name)
{
    for (size_t i = 0; i < BW_COUNT(extensions); i++) {
        if (strcmp(extensions[i].name, name) == 0)
            return &extensions[i].type;
    }
    return text_type(true);
}

const bw_pgtype *bw_pgtype_build(const bw_pgtype_rows *rows, uint32_t oid, int typmod,
                                 bw_arena *arena)
{
    if (oid == OID_NUMERIC)
        return numeric_type(typmod, arena);
    for (size_t i = 0; i < BW_COUNT(builtins); i++) {
        if (builtins[i].oid == oid)
            return &builtins[i].type;
    }
    const bw_pgtype_row *row = find_row(rows, oid);
    if (!row)
        return text_type(true);
    if (row->kind == 'd')
        return bw_pgtype_build(rows, row->base, row->typmod, arena);
    if (row->element)
        return array_type(rows, row, typmod, arena);
    if (row->kind == 'c')
        return composite_type(rows, row, arena);
    if (row->kind == 'e' || row->kind == 'r' || row->kind == 'm')
        return text_type(false);
    return row->oid >= FIRST_USER_OID ? extension_type(row->name) : text_type(true);
}

const bw_pgtype *bw_pgtype_as(const bw_pgtype *type, bw_type as, bw_arena *arena)
{
    bw_pgtype *t = BW_ARENA_NEW(arena, bw_pgtype);
    if (as == BW_TYPE_STRING) {
        /* A byte of "char" does not become valid by being called a string. */
        bool check = type->convert == bw_pgconvert_char;
        *t = (bw_pgtype){.type = BW_TYPE_STRING,
                         .convert = check ? bw_pgconvert_char : NULL,
                         .json = BW_PGJSON_STRING,
                         .money = type->money};
        return t;
    }
    *t = *type;
    t->type = BW_TYPE_JSON;
    t->repeated = false;
    t->precision = t->scale = 0;
    t->convert = bw_pgconvert_json;
    if (type->text_content)
        t->json = BW_PGJSON_RAW;
    /* Read through ::numeric, it is a number. */
    if (type->money && type->json == BW_PGJSON_STRING)
        t->json = BW_PGJSON_NUMBER;
    return t;
}
