/*
 * A message of a stage of change events (events_stage.h), and what it becomes: a row with the event
 * beside it, or a rejected row. Threads: any.
 */
#ifndef BW_ENGINE_ARRIVAL_H
#define BW_ENGINE_ARRIVAL_H

#include "backend/engine/events_stage.h"
#include "backend/model/chunk.h"

/* A message on its way, and the letter that it came from, if any. */
typedef struct bw_arrival {
    bw_event_message message;
    bw_slice ordering_key;
    const char *letter_id, *content_hash; /* the letter's; NULL: from the subscription */
    bool force;
    bool is_event;
    bw_event event;
    bw_event_fault fault;
    const bw_resolution *resolution;
} bw_arrival;

/* Adds the row, or the rejected row, to the chunk, which points into the arrival and what it borrows;
   true: a row. `scope` stands before a message's id, which is unique in its topic only. */
bool bw_arrival_hand_out(const bw_arrival *arrival, const char *scope, bw_chunk *chunk);

#endif
