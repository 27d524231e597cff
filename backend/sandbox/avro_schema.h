/*
 * A writer's schema of Avro, read into a tree, and the table schema that BigQuery makes of it.
 * Specifications: Apache Avro 1.11, "Schema Declaration" and "Logical Types"; BigQuery's "Loading
 * Avro data". Recursive schemas and unions of several types besides null are refused, the first as
 * BigQuery does. Threads: any; a tree is immutable.
 */
#ifndef BW_SANDBOX_AVRO_SCHEMA_H
#define BW_SANDBOX_AVRO_SCHEMA_H

#include "backend/sandbox/bq_type.h"

typedef enum bw_avro_kind {
    BW_AVRO_NULL,
    BW_AVRO_BOOLEAN,
    BW_AVRO_INT,
    BW_AVRO_LONG,
    BW_AVRO_FLOAT,
    BW_AVRO_DOUBLE,
    BW_AVRO_BYTES,
    BW_AVRO_STRING,
    BW_AVRO_RECORD,
    BW_AVRO_ENUM,
    BW_AVRO_ARRAY,
    BW_AVRO_MAP,
    BW_AVRO_UNION,
    BW_AVRO_FIXED,
} bw_avro_kind;

typedef enum bw_avro_logical {
    BW_AVRO_PLAIN,
    BW_AVRO_DATE,
    BW_AVRO_TIME_MILLIS,
    BW_AVRO_TIME_MICROS,
    BW_AVRO_TIMESTAMP_MILLIS,
    BW_AVRO_TIMESTAMP_MICROS,
    BW_AVRO_LOCAL_MILLIS,
    BW_AVRO_LOCAL_MICROS,
    BW_AVRO_DECIMAL,
    BW_AVRO_DATETIME, /* BigQuery's own, on a string */
} bw_avro_logical;

typedef struct bw_avro_type bw_avro_type;
struct bw_avro_type {
    bw_avro_kind kind;
    bw_avro_logical logical;
    const char *name;   /* full name of a RECORD, ENUM or FIXED */
    const char **names; /* of a RECORD's fields, an ENUM's symbols */
    const bw_avro_type *
        *types;           /* of a RECORD's fields, a UNION's branches, an ARRAY's or MAP's one */
    size_t count;         /* of the two above */
    size_t size;          /* FIXED: bytes */
    int precision, scale; /* DECIMAL */
    const char *sql_type; /* the attribute sqlType: "JSON", "GEOGRAPHY"; NULL */
    bool open;            /* while it is being read: a name that is used now recurs */
};

/* The whole schema; its top must be a record. */
BW_NODISCARD bw_status bw_avro_schema_parse(bw_arena *arena, bw_slice json,
                                            const bw_avro_type **out, bq_error *err);

typedef struct bw_avro_options {
    bool logical_types; /* useAvroLogicalTypes */
    /* decimalTargetTypes: in BigQuery's order, the first that holds precision and scale */
    bool to_numeric, to_bignumeric, to_string;
} bw_avro_options;

/* The table's schema. Fields of type null are left out. */
BW_NODISCARD bw_status bw_avro_table_schema(bw_arena *arena, const bw_avro_type *record,
                                            const bw_avro_options *options, bq_schema *out,
                                            bq_error *err);

/* Of a UNION: the branch that is not null. */
const bw_avro_type *bw_avro_other_branch(const bw_avro_type *type);

#endif
