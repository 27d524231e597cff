/*
 * The columns of a kind, from a sample: the first entities in the order of their keys, so that the
 * same entities are looked at each time. A property whose sampled values are of one kind is a column
 * of that type; everything else is JSON, and what the sample did not show goes to __extra__. See
 * datastore_row.h.
 */
#ifndef BW_SOURCES_DATASTORE_DESCRIBE_H
#define BW_SOURCES_DATASTORE_DESCRIBE_H

#include "backend/sources/datastore_source.h"

/* NOT_FOUND when the kind has no entities and the spec does not say what to read from it. */
BW_NODISCARD bw_status bw_ds_describe(bw_dssource *source, const bw_table_spec *spec,
                                      bw_arena *arena, bw_table_info *out, bw_error *err);

#endif
