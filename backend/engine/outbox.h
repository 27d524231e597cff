/*
 * What is told to others of a batch of events: one message for each event that changed its entity, to
 * the topic `external-sync-<operation>`. Its data is a JSON object (event_id, kind, entity_key,
 * operation, outcome, version, timestamp, source, correlation_id, data: the state after it, null when
 * deleted); its attributes are bw-event-id, kind and operation. At least once, under the event's id;
 * `version` says the order of one entity's.
 * Deletes leave an entry in the audit trail besides, once each: who asked for it, when, and when it was
 * done.
 * Threads: one at a time.
 */
#ifndef BW_ENGINE_OUTBOX_H
#define BW_ENGINE_OUTBOX_H

#include "backend/events/resolver.h"
#include "backend/google/pubsub.h"
#include "backend/store/store.h"

#define BW_OUTBOX_TOPIC    "external-sync-"
#define BW_OUTBOX_EVENT_ID "bw-event-id"

typedef struct bw_outbox_item {
    bw_event_operation operation;
    const char *event_id, *source;
    bw_pubsub_outgoing message;
} bw_outbox_item;

typedef struct bw_outbox {
    bw_arena arena; /* of the messages */
    bw_outbox_item *items;
    size_t count, cap;
} bw_outbox;

void bw_outbox_clear(bw_outbox *outbox);
/* Nothing is added for an event that changed nothing. Copies what it needs. */
void bw_outbox_add(bw_outbox *outbox, const bw_event *event, const bw_resolution *resolution);
/* The entries of the deletes. */
BW_NODISCARD bw_status bw_outbox_audit(const bw_outbox *outbox, bw_store *store, bw_error *err);
/* NOT_FOUND names the topic that is missing. */
BW_NODISCARD bw_status bw_outbox_publish(bw_outbox *outbox, bw_pubsub *ps, bw_error *err);

#endif
