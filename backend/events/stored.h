/*
 * How an entity, its tombstone and an event's outcome look in Datastore.
 *
 *   the entity     its own properties, last_modified (timestamp), version (integer),
 *                  conflict_resolved (true, else it is not there), _bw_fields (string), the
 *                  vector clock's property (entity)
 *   _bw_tombstone  name: the entity's path; last_modified, version, deleted_at, _bw_fields, clock
 *                  (JSON in a string). It stays, because it holds the version; it stops being
 *                  something to conflict with BW_RESOLVER_KEEP after deleted_at. While the entity
 *                  exists: nothing but version, the highest that it may have got, which is raised
 *                  BW_STORED_VERSIONS at a time. From there the versions go on when somebody else
 *                  has deleted the entity or written it without its version.
 *   _bw_event      name: the event's id; result, version, entity (its path), content (hash), time
 *                  (of the event), at, _bw_expires
 *
 * A name that is too long for Datastore or begins with __ is replaced by its hash. Threads: any.
 */
#ifndef BW_EVENTS_STORED_H
#define BW_EVENTS_STORED_H

#include "backend/events/conflict.h"
#include "backend/google/datastore.h"
#include "backend/google/entity.h"

/* Appends Key JSON. */
void bw_stored_tombstone_key(bw_buf *out, const bw_partition *where, bw_slice entity_path);
void bw_stored_event_key(bw_buf *out, const bw_partition *where, bw_slice event_id);

#define BW_STORED_VERSIONS 1000

/* The highest version that an entity may have got without saying so again; 0 when it must be said. */
int64_t bw_stored_reserved(const bw_datastore_result *tombstone);
/* The state that an entity and its tombstone are; clock_field NULL: there are no clocks. Returns
   NULL, or why it cannot be told (text in the arena): a property of ours is somebody else's. */
const char *bw_stored_state(const bw_datastore_result *entity, const bw_datastore_result *tombstone,
                            const char *clock_field, int64_t now_us, bw_arena *arena,
                            bw_entity_state *out);
/* Appends Entity JSON of a state that exists, or of its tombstone. */
void bw_stored_write_entity(bw_buf *out, bw_slice key, const bw_entity_state *state,
                            const char *clock_field);
void bw_stored_write_tombstone(bw_buf *out, bw_slice key, const bw_entity_state *state,
                               int64_t now_us);
/* Appends Entity JSON of what stands at the tombstone's key while the entity exists. */
void bw_stored_write_reserved(bw_buf *out, bw_slice key, int64_t version);

typedef struct bw_stored_outcome {
    bw_outcome outcome;
    int64_t version;
    bw_slice content; /* hash, as in the event */
    int64_t time_us;  /* the event's, as it was when it came first; BW_TIME_NONE: not known */
} bw_stored_outcome;

/* False when it is not one. */
bool bw_stored_outcome_read(const bw_datastore_result *result, bw_arena *arena,
                            bw_stored_outcome *out);
void bw_stored_outcome_write(bw_buf *out, bw_slice key, const bw_event *event,
                             const bw_stored_outcome *outcome, int64_t now_us);

#endif
