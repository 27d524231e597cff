/*
 * The columns and the cursor that a sync of a kind has once had, kept in its checkpoint: a sample
 * shows other properties each time, and the columns of a table must not come and go with it.
 *
 *   "columns":{"email":"STRING","tags":"ARRAY<STRING>"}
 *
 * Threads: any.
 */
#ifndef BW_SOURCES_DATASTORE_COLUMNS_H
#define BW_SOURCES_DATASTORE_COLUMNS_H

#include "backend/model/schema.h"
#include "backend/sources/datastore_position.h"

typedef struct bw_dscolumn {
    const char *name; /* of the property */
    bw_type type;
    bool repeated;
} bw_dscolumn;

/* What a checkpoint remembers. */
typedef struct bw_dsmemory {
    const bw_dscolumn *columns; /* sorted by name */
    size_t count;
    const char *cursor; /* or NULL */
} bw_dsmemory;

/* The JSON object for the properties of the schema, in the arena. */
const char *bw_dscolumns_write(const bw_schema *schema, bw_arena *arena);
/* What the checkpoint (NULL: none) remembers, in the arena: nothing when it is not of that kind,
   namespace and ancestor. */
bw_dsmemory bw_dscolumns_read(const char *checkpoint, const bw_dsposition *of, bw_arena *arena);

#endif
