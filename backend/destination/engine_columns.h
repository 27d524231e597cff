/*
 * The columns that the engine adds to tables, as data: which tables have them, their types and what
 * their descriptions say. Threads: any.
 */
#ifndef BW_DESTINATION_ENGINE_COLUMNS_H
#define BW_DESTINATION_ENGINE_COLUMNS_H

#include "backend/destination/destination.h"

/* Where a column stands. */
enum {
    BW_COLUMN_CURRENT = 1 << 0,
    BW_COLUMN_EVENT_ID = 1 << 1,
    BW_COLUMN_NULLS = 1 << 2,
    BW_COLUMN_RAW = 1 << 3,
    BW_COLUMN_EVENT = 1 << 4, /* of staging only */
};

typedef struct bw_engine_column {
    const char *name;
    bw_type type;
    bool repeated;
    unsigned in;
    const char *description;
} bw_engine_column;

#define BW_ENGINE_PREFIX "_bw_"

/* NULL after the last. The order is that of the columns in a table. */
const bw_engine_column *bw_engine_column_at(size_t i);

/* The kinds that the target of this spec has; with `staging` those of its staging tables, which hold
   what the raw table takes too. */
unsigned bw_engine_columns_of(const bw_target_spec *spec, bool staging);

/* In staging, what the raw table takes as _bw_version: there _bw_version is the current row's. */
#define BW_EVENT_VERSION "_bw_event_version"

#define BW_RAW_SUFFIX    "_raw"
#define BW_RAW_PARTITION "_bw_event_time"
#define BW_RAW_CLUSTER   "_bw_key"

#endif
