/*
 * The columns of a table as they go to the destination, and where each comes from. A schema is
 * built once per describe in an arena and immutable afterwards. Threads: any.
 */
#ifndef BW_MODEL_SCHEMA_H
#define BW_MODEL_SCHEMA_H

#include "backend/core/error.h"
#include "backend/model/value.h"

typedef struct bw_field {
    const char *name;        /* in the destination: [A-Za-z_][A-Za-z0-9_]* */
    const char *source_name; /* as the source spells it */
    const char *source_type; /* as the source prints it: "numeric(10,2)" */
    const char *description; /* the source's comment, or NULL */
    bw_type type;
    bool repeated;
    bool required; /* NOT NULL at the source */
    bool key_part; /* of the sync's key */
    int precision; /* NUMERIC and BIGNUMERIC; 0 when not given */
    int scale;
} bw_field;

typedef struct bw_schema {
    const bw_field *fields;
    size_t count;
} bw_schema;

/* Index of the field with this destination name (case-insensitive, as BigQuery has it), or -1. */
int bw_schema_find(const bw_schema *schema, const char *name);
/* Index of the field with this source name (exact), or -1. */
int bw_schema_find_source(const bw_schema *schema, const char *source_name);

/*
 * The destination's name for a source's column: characters outside [A-Za-z0-9_] become _, a leading
 * digit gets _ before it, a forbidden prefix (_TABLE_, _FILE_, _PARTITION, _ROW_TIMESTAMP,
 * __ROOT__, _COLIDENTIFIER, and our own _bw_) gets `c` before it, more than 300 characters are cut
 * and closed with a hash.
 */
const char *bw_field_name(bw_arena *arena, const char *source_name);
/* INVALID (COL_NAME_CLASH) when two fields share a destination name, naming both source names. */
BW_NODISCARD bw_status bw_schema_check_names(const bw_schema *schema, bw_error *err);

/* "NUMERIC(10, 2)", "ARRAY<INT64>", "STRING": as GoogleSQL writes the type. */
const char *bw_field_type_text(const bw_field *field, bw_arena *arena);

#endif
