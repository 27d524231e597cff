/*
 * What a reader of a subscription leaves to the next one: the messages of a batch that was not
 * committed, with their leases, which go on being extended; and until when messages may be leased to
 * nobody, because the answer that would have brought them was broken off or lost. So an outage of the
 * destination costs no message a delivery, however long it lasts.
 * Threads: as the slot that it lies in (bw_kept).
 */
#ifndef BW_SOURCES_PUBSUB_HELD_H
#define BW_SOURCES_PUBSUB_HELD_H

#include "backend/sources/pubsub_batch.h"
#include "backend/sources/pubsub_leases.h"

typedef struct bw_ps_held {
    bw_ps_leases *leases; /* NULL: no messages */
    bw_ps_batch batch;
    int64_t settled_us; /* monotonic; before that an empty stream is not to be believed */
} bw_ps_held;

/* Takes `held` over. */
void bw_ps_held_leave(bw_kept *slot, const char *subscription, const bw_ps_held *held);
/* What was left of this subscription becomes the caller's, and the slot empty; false: nothing was. */
bool bw_ps_held_take(bw_kept *slot, const char *subscription, bw_ps_held *out);

#endif
