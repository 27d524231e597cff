/*
 * The types of BigQuery as the sandbox judges them: the schema of a table, the check of one value
 * on its way in, and its text on the way out. Written from BigQuery's documentation alone; it shares
 * no rules with the engine that it judges.
 *
 * A stored value is one SQLite value whose order under SQLite's own comparison is the order of the
 * type, so that indexes, joins and ORDER BY need no help:
 *
 *   BOOL        integer 0 or 1
 *   INT64       integer
 *   FLOAT64     integer: the bits made monotonic, NaN below everything (bq_float_encode)
 *   NUMERIC     blob of 16 bytes, big-endian, sign bit flipped: value * 10^9
 *   BIGNUMERIC  blob of 32 bytes, the same with 10^38
 *   STRING, GEOGRAPHY  text, valid UTF-8, may hold NUL
 *   BYTES       blob
 *   DATE        integer, days since 1970-01-01
 *   TIME        integer, microseconds since midnight
 *   DATETIME    integer, microseconds since 1970-01-01 00:00:00
 *   TIMESTAMP   integer, microseconds since 1970-01-01 00:00:00 UTC
 *   JSON        text, normalised: no white space, members sorted, the first of duplicates kept
 *   INTERVAL    blob: months, days, microseconds
 *   RANGE<T>    blob: start and end, of 8 bytes each (bq_range.h)
 *   STRUCT      blob: a tuple of the fields' stored values (bq_tuple.h)
 *   REPEATED    blob: a tuple of the elements' stored values; never NULL in a table
 *
 * Specifications: "Data types", "Loading JSON data", "Lexical structure" of the GoogleSQL reference;
 * REST: TableFieldSchema, tabledata.list. Threads: any; values and schemas are immutable.
 */
#ifndef BW_SANDBOX_BQ_TYPE_H
#define BW_SANDBOX_BQ_TYPE_H

#include "backend/core/arena.h"
#include "backend/core/json.h"
#include "backend/sandbox/bq_error.h"

typedef enum bq_kind {
    BQ_BOOL,
    BQ_INT64,
    BQ_FLOAT64,
    BQ_NUMERIC,
    BQ_BIGNUMERIC,
    BQ_STRING,
    BQ_BYTES,
    BQ_DATE,
    BQ_TIME,
    BQ_DATETIME,
    BQ_TIMESTAMP,
    BQ_JSON,
    BQ_GEOGRAPHY,
    BQ_INTERVAL,
    BQ_RANGE_DATE, /* RANGE<DATE>, and so on: bq_range.h */
    BQ_RANGE_DATETIME,
    BQ_RANGE_TIMESTAMP,
    BQ_STRUCT,
    BQ_KIND_COUNT,
} bq_kind;

typedef enum bq_mode { BQ_NULLABLE, BQ_REQUIRED, BQ_REPEATED } bq_mode;

typedef struct bq_field bq_field;

typedef struct bq_schema {
    bq_field *fields;
    size_t count;
} bq_schema;

/* A column, a field of a STRUCT, or (without a name) the type of an expression. */
struct bq_field {
    const char *name;
    bq_kind kind;
    bq_mode mode;
    bq_schema fields;        /* STRUCT */
    int precision, scale;    /* NUMERIC and BIGNUMERIC; precision 0: not parameterised */
    int64_t max_length;      /* STRING and BYTES; 0: not limited */
    const char *description; /* NULL when there is none */
    const char *default_sql; /* defaultValueExpression; NULL when there is none */
    const char *extra; /* JSON object of members the sandbox only carries (policyTags); NULL */
};

typedef enum bq_class { BQ_NULL, BQ_INT, BQ_TEXT, BQ_BLOB } bq_class;

/* A stored value. Text and blob borrow: from the arena it was made in, or from SQLite. */
typedef struct bq_value {
    bq_class cls;
    int64_t i;
    bw_slice s;
} bq_value;

#define BQ_TIMESTAMP_MIN INT64_C(-62135596800000000) /* 0001-01-01 00:00:00 */
#define BQ_TIMESTAMP_MAX INT64_C(253402300799999999) /* 9999-12-31 23:59:59.999999 */
#define BQ_DATE_MIN      INT64_C(-719162)
#define BQ_DATE_MAX      INT64_C(2932896)

/* ---- Schemas ---------------------------------------------------------------------------------- */

/* "INT64" for a kind (standard SQL), "INTEGER" as REST prints it; and any alias back (INT, BIGINT,
   DECIMAL, ... only in SQL: `legacy` accepts INTEGER FLOAT BOOLEAN RECORD beside the SQL names). */
const char *bq_kind_sql(bq_kind kind);
const char *bq_kind_rest(bq_kind kind);
bool bq_kind_parse(bw_slice name, bq_kind *kind);

/*
 * `json`: TableSchema {"fields": [...]} or the array alone. Everything is copied into the arena.
 * Refuses what BigQuery refuses: unknown types and modes, bad or reserved names, duplicates
 * regardless of case, RECORD without fields, precision and scale out of range, depth over 15, over
 * 10,000 columns.
 */
BW_NODISCARD bw_status bq_schema_parse(bw_arena *arena, bw_slice json, bq_schema *out,
                                       bq_error *err);
/* {"fields":[...]}: as tables.get returns it (INTEGER, FLOAT, BOOLEAN, RECORD, RANGE with
   its rangeElementType; int64 as strings). */
void bq_schema_print(const bq_schema *schema, bw_buf *out);
void bq_schema_copy(bw_arena *arena, const bq_schema *from, bq_schema *to);
void bq_field_copy(bw_arena *arena, const bq_field *from, bq_field *to);
/* Index of the column, regardless of case; -1 when there is none. */
int bq_schema_find(const bq_schema *schema, bw_slice name);
/* "ARRAY<STRUCT<a INT64, b STRING>>", with type parameters. */
void bq_type_print(const bq_field *type, bw_buf *out);
/* The same kind, mode (REPEATED or not) and fields; parameters and names are not compared. */
bool bq_type_equal(const bq_field *a, const bq_field *b);

typedef struct bq_evolution {
    bool allow_addition;   /* new NULLABLE or REPEATED columns, also inside RECORDs */
    bool allow_relaxation; /* REQUIRED to NULLABLE; wider parameters */
    bool allow_missing;    /* columns of `from` may be absent in `to`: they stay (load jobs) */
} bq_evolution;
/* Checks that a table with schema `from` may take schema `to`, and gives the merged schema. The
   error is "Provided Schema does not match Table p:d.t. Field x has changed type from ..." */
BW_NODISCARD bw_status bq_schema_evolve(bw_arena *arena, const char *table, const bq_schema *from,
                                        const bq_schema *to, bq_evolution how, bq_schema *merged,
                                        bq_error *err);

/* ---- Values in -------------------------------------------------------------------------------- */

typedef struct bq_load_options {
    bool ignore_unknown; /* ignoreUnknownValues */
} bq_load_options;

/*
 * One row of a load job or of insertAll: `object` is the JSON text of one object. `row` has room for
 * schema->count values, which live in the arena. Error: reason "invalid", location the column's
 * path, BigQuery's words ("no such field: x." is said as for loads: "No such field: x.").
 */
BW_NODISCARD bw_status bq_row_from_json(const bq_schema *schema, bw_slice object,
                                        bq_load_options options, bw_arena *arena, bq_value *row,
                                        bq_error *err);
/* One value: raw JSON text (as bw_json_skip gives it) of a column or of a query parameter. */
BW_NODISCARD bw_status bq_value_from_json(const bq_field *field, bw_slice raw,
                                          bq_load_options options, bw_arena *arena, bq_value *out,
                                          bq_error *err);
/* From text: CSV cells and the `value` of query parameters. Not for STRUCT and REPEATED. */
BW_NODISCARD bw_status bq_value_from_text(const bq_field *field, bw_slice text, bw_arena *arena,
                                          bq_value *out, bq_error *err);
/* Packs elements (of an array) or fields (of a STRUCT) into one value. */
bq_value bq_value_pack(bw_arena *arena, const bq_value *items, size_t count);
/* Type parameters, on a value that already has the kind: maxLength, precision and scale (rounds as
   an SQL assignment does). */
BW_NODISCARD bw_status bq_value_fit(const bq_field *field, bw_arena *arena, bq_value *value,
                                    bq_error *err);

/* Characters (code points) of valid UTF-8. */
int64_t bq_text_length(bw_slice s);

/* ---- Values out ------------------------------------------------------------------------------- */

typedef struct bq_format_options {
    bool int64_timestamp; /* formatOptions.useInt64Timestamp: microseconds; else seconds as E9 */
} bq_format_options;

/* The cell's value as REST JSON: "text", null, [{"v":..}], {"f":[{"v":..}]}. */
void bq_cell_print(const bq_field *field, const bq_value *value, bq_format_options options,
                   bw_buf *out);
/* {"f":[{"v":..},..]} over the schema. */
void bq_row_print(const bq_schema *schema, const bq_value *row, bq_format_options options,
                  bw_buf *out);
/* Logical size in bytes, as BigQuery counts it (INT64 8, STRING 2 + length, NULL 0, ...). */
int64_t bq_value_bytes(const bq_field *field, const bq_value *value);
/* That of every value of a kind but NULL; 0: it depends on the value. */
int64_t bq_kind_bytes(bq_kind kind);

#endif
