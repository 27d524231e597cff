/*
 * Logical types: what a column means, whatever system it comes from. They are BigQuery's types
 * (GoogleSQL data types), because BigQuery is where rows go; how each source's types map to them
 * is the source driver's business. Threads: any.
 */
#ifndef BW_MODEL_TYPE_H
#define BW_MODEL_TYPE_H

#include "backend/core/buf.h"

typedef enum bw_type {
    BW_TYPE_BOOL,
    BW_TYPE_INT64,
    BW_TYPE_FLOAT64,
    BW_TYPE_NUMERIC,
    BW_TYPE_BIGNUMERIC,
    BW_TYPE_STRING,
    BW_TYPE_BYTES,
    BW_TYPE_DATE,
    BW_TYPE_TIME,
    BW_TYPE_DATETIME,
    BW_TYPE_TIMESTAMP,
    BW_TYPE_JSON,
    BW_TYPE_INTERVAL,
    BW_TYPE_GEOGRAPHY,
    BW_TYPE_COUNT,
} bw_type;

/* The name in GoogleSQL and in the REST schema: "INT64", "NUMERIC", ... */
const char *bw_type_name(bw_type type);
/* Also takes the legacy names INTEGER, FLOAT, BOOLEAN, DECIMAL, BIGDECIMAL. */
bool bw_type_parse(const char *name, bw_type *type);

#endif
