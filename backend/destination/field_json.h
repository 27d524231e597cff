/*
 * Columns in REST's words (TableFieldSchema) and back. Threads: any.
 */
#ifndef BW_DESTINATION_FIELD_JSON_H
#define BW_DESTINATION_FIELD_JSON_H

#include "backend/destination/engine_columns.h"
#include "backend/google/bigquery.h"

/* A new reference. `added`: the column joins a table that has rows, so it cannot be REQUIRED. */
json_t *bw_field_json(const bw_field *field, bool added);
json_t *bw_engine_column_json(const bw_engine_column *column);

/* A column of an existing table. */
typedef struct bw_target_field {
    const char *name;
    bool known; /* of a type that we have: the rest is filled */
    bw_type type;
    bool repeated, required;
    int precision, scale; /* precision 0: the type's own limits */
    const char *text;     /* "NUMERIC(10, 2) REQUIRED", for people */
} bw_target_field;

/* Strings are borrowed from `json` or live in the arena. */
bw_target_field bw_target_field_parse(const json_t *json, bw_arena *arena);
/* Index of the column in an array of TableFieldSchema, regardless of case; -1 when absent. */
int bw_field_json_find(const json_t *fields, const char *name);

/* Whether every value of the source's column loads into the target's column exactly. */
bool bw_field_fits(const bw_field *source, const bw_target_field *target);
/* The narrowest type that BigQuery lets the target's column become in place, and that holds what it
   holds and what the source sends exactly; false when there is none. Parameters grow; INT64 becomes
   NUMERIC or BIGNUMERIC, NUMERIC becomes BIGNUMERIC, never FLOAT64 (GoogleSQL DDL, ALTER COLUMN SET
   DATA TYPE). Sets type, precision and scale of *wider. */
bool bw_field_widen(const bw_field *source, const bw_target_field *target, bw_field *wider);
/* Puts the type and its parameters into a TableFieldSchema. */
void bw_field_json_retype(json_t *json, const bw_field *field);

#endif
