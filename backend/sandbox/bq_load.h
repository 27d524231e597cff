/*
 * One value on its way into a table: what the files of the loader share.
 */
#ifndef BW_SANDBOX_BQ_LOAD_H
#define BW_SANDBOX_BQ_LOAD_H

#include "backend/sandbox/bq_range.h"

typedef struct bq_loader {
    bw_arena *arena;
    bq_load_options options;
    bq_error *err;
} bq_loader;

/* The column's path while an error is being told: names from the inside out. */
typedef struct bq_path {
    const struct bq_path *outer;
    const char *name;
} bq_path;

void bq_path_text(const bq_path *p, char *out, size_t size);
/* The value as messages show it: without quotes, not too long, valid UTF-8. */
const char *bq_load_shown(bw_slice raw, char *out, size_t size);
/* "<what> Field: <path>; Value: <raw>" */
bw_status bq_load_refuse(const bq_loader *l, const bq_path *p, bw_slice raw, const char *what);

/* What a conversion is given: the text without JSON quotes, and how it was written. */
typedef struct bq_cell {
    const bq_loader *l;
    const bq_path *p;
    const bq_field *f;
    bw_slice raw;  /* as it was written: for messages, and for JSON */
    bw_slice text; /* unescaped; lives as long as the value must */
    bool is_string;
} bq_cell;

/* Checks and converts a scalar, type parameters included. */
BW_NODISCARD bw_status bq_load_cell(const bq_cell *c, bq_value *out);

/* A range whose ends are known; refuses one that ends before it starts. */
BW_NODISCARD bw_status bq_load_range(const bq_cell *c, const bq_range *r, bq_value *out);

#endif
