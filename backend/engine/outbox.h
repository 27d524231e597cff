/*
 * What is told to others of a batch of events: one message for each event that changed its entity, to
 * the topic `external-sync-<operation>`. Its data is a JSON object (event_id, kind, entity_key,
 * operation, outcome, version, timestamp, source, correlation_id, data: the state after it, null when
 * deleted); its attributes are bw-event-id, kind and operation. At least once, under the event's id;
 * `version` says the order of one entity's. A small event may bring a large entity with it: what would
 * not fit into memory waits in a temporary file.
 * Deletes leave an entry in the audit trail besides, once each: who asked for it, when, and when it was
 * done; what was deleted, or is left, is not in it.
 * Threads: one at a time.
 */
#ifndef BW_ENGINE_OUTBOX_H
#define BW_ENGINE_OUTBOX_H

#include <stdio.h>

#include "backend/events/resolver.h"
#include "backend/google/pubsub.h"
#include "backend/store/store.h"

#define BW_OUTBOX_TOPIC    "external-sync-"
#define BW_OUTBOX_EVENT_ID "bw-event-id"

typedef struct bw_outbox_item {
    bw_event_operation operation;
    const char *event_id, *source;
    const char *detail;         /* of a delete: of its entry; else NULL */
    bw_pubsub_outgoing message; /* without data.ptr its data is in the file, at `at` */
    int64_t at;
} bw_outbox_item;

typedef struct bw_outbox {
    bw_arena arena; /* of the messages */
    bw_outbox_item *items;
    size_t count, cap;
    size_t held;   /* bytes of data in memory */
    FILE *file;    /* or NULL */
    int64_t filed; /* bytes in it */
} bw_outbox;

void bw_outbox_fini(bw_outbox *outbox);
void bw_outbox_clear(bw_outbox *outbox);
/* Nothing is added for an event that changed nothing. Copies what it needs. IO: the file. */
BW_NODISCARD bw_status bw_outbox_add(bw_outbox *outbox, const char *sync, const bw_event *event,
                                     const bw_resolution *resolution, bw_error *err);
/* The entries of the deletes. */
BW_NODISCARD bw_status bw_outbox_audit(const bw_outbox *outbox, bw_store *store, bw_error *err);
/* NOT_FOUND names the topic that is missing. */
BW_NODISCARD bw_status bw_outbox_publish(bw_outbox *outbox, bw_pubsub *ps, bw_error *err);

#endif
