/*
 * An entity as a row: which columns there are for what kinds of values, and the conversion. Values
 * become the canonical text of their column, exactly, or the row is refused with a reason.
 *
 * Columns: __key__ (STRING, the path: bw_key_path), then one for each property of the schema, then
 * __key_json__ (JSON) and __extra__ (JSON: the properties that the schema does not have, NULL when
 * there are none). Threads: one at a time.
 */
#ifndef BW_SOURCES_DATASTORE_ROW_H
#define BW_SOURCES_DATASTORE_ROW_H

#include "backend/google/entity.h"
#include "backend/sources/source.h"

#define BW_DS_KEY      "__key__"
#define BW_DS_KEY_JSON "__key_json__"
#define BW_DS_EXTRA    "__extra__"

/* Whether a column of that source name is one of these, and no property. */
bool bw_ds_is_own(const char *source_name);

/* Kinds of values that were seen, as a set of 1 << bw_entity_type. */
typedef uint32_t bw_dskinds;

/* What was seen of a property. */
typedef struct bw_dsseen {
    bw_dskinds values;   /* of the property itself */
    bw_dskinds elements; /* of its arrays */
} bw_dsseen;

/*
 * The column for them: one kind of scalar its own type (integers beside doubles: FLOAT64), arrays of
 * one kind of scalar REPEATED, everything else JSON. `source_type` is what was seen, for people.
 */
void bw_ds_column(const bw_dsseen *seen, bw_arena *arena, bw_type *type, bool *repeated,
                  const char **source_type);

typedef struct bw_dsrow bw_dsrow;

/* The schema is one of bw_ds_describe(); everything is borrowed. */
bw_dsrow *bw_dsrow_new(const bw_table_spec *spec, const bw_schema *schema,
                       const bw_partition *home);
void bw_dsrow_free(bw_dsrow *row);
/* Adds the entity to the chunk: a row, or a rejected row. False when its key makes no sense. */
bool bw_dsrow_add(bw_dsrow *row, bw_slice entity, bw_chunk *chunk);

#endif
