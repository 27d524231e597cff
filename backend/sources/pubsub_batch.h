/*
 * The messages of one batch, in memory: every delivery as it came, then the rows that they are, each
 * message once and in order. Threads: one at a time.
 */
#ifndef BW_SOURCES_PUBSUB_BATCH_H
#define BW_SOURCES_PUBSUB_BATCH_H

#include "backend/google/pubsub.h"
#include "backend/model/chunk.h"

typedef struct bw_ps_batch {
    bw_arena arena; /* of the deliveries' texts */
    bw_pubsub_message *items;
    size_t count, cap;
    size_t *rows; /* of `items`, as they are handed out; valid once sealed */
    size_t n_rows, rows_cap;
    size_t at;         /* the next row to hand out */
    int64_t oldest_us; /* publish time, BW_TIME_NONE without messages */
} bw_ps_batch;

#define BW_PS_BATCH_INIT                                  \
    {                                                     \
        .arena = BW_ARENA_INIT, .oldest_us = BW_TIME_NONE \
    }

void bw_ps_batch_fini(bw_ps_batch *batch);
void bw_ps_batch_clear(bw_ps_batch *batch);
/* The messages, whose texts live in the batch's arena, after those that are there. */
void bw_ps_batch_add(bw_ps_batch *batch, const bw_pubsub_messages *messages);
/* Bytes of the messages so far. */
size_t bw_ps_batch_bytes(const bw_ps_batch *batch);
/*
 * Ends the adding: a message that was delivered twice is one row. `ordered` says that the
 * subscription hands out each ordering key's messages in order: then they stay as they came;
 * otherwise rows are put into the order of their publish times.
 */
void bw_ps_batch_seal(bw_ps_batch *batch, bool ordered);
/* Adds rows of bw_message_schema to the chunk until it is full or the batch is over; true with the
   last ones. Data and texts borrow from the batch. Attributes that BigQuery's JSON does not hold
   reject their row. */
bool bw_ps_batch_fill(bw_ps_batch *batch, bw_chunk *chunk);

#endif
