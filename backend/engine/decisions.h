/*
 * What was decided of the events of a batch, for the audit trail: an entry `merged` for each event whose
 * conflict was resolved by merging, once each, with both versions; and, where anything was merged,
 * ignored or left to an operator, one entry `events` for the sync with the counts of all outcomes.
 * Events that were simply applied leave no entries of their own: the commit says how many. (Deletes
 * leave theirs by outbox.h.)
 * A redelivery is not counted again; what a crash kept from being counted is missing in the counts,
 * never an entry of a merge. Threads: one at a time.
 */
#ifndef BW_ENGINE_DECISIONS_H
#define BW_ENGINE_DECISIONS_H

#include "backend/events/resolver.h"
#include "backend/store/store.h"

typedef struct bw_decisions {
    bw_arena arena; /* of the entries */
    int64_t counts[BW_OUTCOME_COUNT];
    bw_audit_entry *merged;
    size_t n_merged, merged_cap;
} bw_decisions;

void bw_decisions_fini(bw_decisions *d);
/* A new batch begins. */
void bw_decisions_clear(bw_decisions *d);
/* The batch is read again from its beginning: its events come as redeliveries, and were counted. */
void bw_decisions_restart(bw_decisions *d);
/* Copies what it needs. */
void bw_decisions_add(bw_decisions *d, const char *sync, const bw_event *event,
                      const bw_resolution *resolution);
BW_NODISCARD bw_status bw_decisions_audit(const bw_decisions *d, const char *sync, bw_store *store,
                                          bw_error *err);

#endif
