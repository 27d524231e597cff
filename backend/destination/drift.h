/*
 * What the target's table should look like, beside what it looks like: the drift between a source's
 * schema and a table, and the schema that a patch would bring. Pure: asks nobody, changes nothing.
 * Threads: any.
 */
#ifndef BW_DESTINATION_DRIFT_H
#define BW_DESTINATION_DRIFT_H

#include "backend/destination/field_json.h"

/* A column whose type grows in place; every value stays what it is. */
typedef struct bw_widening {
    const char *column;
    const char *type; /* "NUMERIC(12, 4)" */
} bw_widening;

typedef struct bw_target_plan {
    json_t *fields; /* the complete schema after the patch; the caller's (json_decref) */
    bool changed;   /* it differs from the table's, but for the columns in `wider` */
    bool incompatible;
    bw_drift *drift;
    size_t n_drift;
    size_t *columns; /* indexes into the schema that the table has after the patch */
    size_t n_columns;
    bw_widening *wider; /* to be widened before the patch, which cannot */
    size_t n_wider;
} bw_target_plan;

/* What the table is to hold. */
typedef struct bw_target_wish {
    const bw_schema *schema;
    unsigned engine; /* BW_COLUMN_*: the engine's columns in it */
    bw_drift_policy add_columns;
} bw_target_wish;

/* For a table that has to be made: everything is there and nothing drifts. */
void bw_target_plan_new(const bw_target_wish *wish, bw_arena *arena, bw_target_plan *plan);
/* `table`: the Table resource. Drift lives in the arena. */
void bw_target_plan_compare(const bw_target_wish *wish, const json_t *table, bw_arena *arena,
                            bw_target_plan *plan);

#endif
