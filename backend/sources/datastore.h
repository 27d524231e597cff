/*
 * Datastore as a source: a kind is a table, an entity is a row. Cloud Firestore in Datastore mode has
 * no catalog, so the columns come from a sample of the entities: see datastore_describe.h.
 */
#ifndef BW_SOURCES_DATASTORE_H
#define BW_SOURCES_DATASTORE_H

#include "backend/sources/source.h"

extern const bw_source_class bw_source_datastore;

#endif
