/*
 * Dead letters of messages as they take their way again: as they were received, or as an operator
 * edited them, under the id that they had. Threads: any.
 */
#ifndef BW_ENGINE_REPLAYED_H
#define BW_ENGINE_REPLAYED_H

#include "backend/events/event.h"
#include "backend/google/pubsub.h"
#include "backend/store/store.h"

/* The attributes of a letter: those of the message, where nobody else may use our names, and what it
   takes to replay it. `replayed`: the message comes from a letter, whose attributes have that
   already. `stored`: of a conflict, else empty. */
bw_slice bw_letter_attributes(const bw_event_message *message, bw_slice ordering_key, bool replayed,
                              bw_slice stored, bw_arena *arena);

/* A message that was received before and became a dead letter. */
typedef struct bw_replayed_message {
    const char *letter_id, *content_hash; /* what the letter is known by */
    bw_slice data;                        /* as it was, or as an operator edited it */
    const char *attributes;               /* the letter's: a JSON object */
    bool force;                           /* an operator has decided a conflict in its favour */
} bw_replayed_message;

/* Borrows from the letter. Replaying a conflict is the operator's word that the event is right. */
bw_replayed_message bw_replayed_letter(const bw_dead_letter *letter);
/* The message as it was received; a time that is not known is now_us. Borrows and uses the arena. */
bw_event_message bw_replayed_received(const bw_replayed_message *message, int64_t now_us,
                                      bw_arena *arena);
/* An edited message keeps the id that it had, unless it brings one of its own. */
void bw_replayed_keep_id(const bw_replayed_message *message, bw_event *event);
/* To be published: its own attributes, and its id as bw-event-id. Borrows and uses the arena. */
bw_pubsub_outgoing bw_replayed_outgoing(const bw_dead_letter *letter, bw_arena *arena);

#endif
