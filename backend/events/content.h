/*
 * A hash of what JSON says, however it is laid out: white space, the order of members and the
 * spelling of escapes do not count; numbers count as they are written. Threads: any.
 */
#ifndef BW_EVENTS_CONTENT_H
#define BW_EVENTS_CONTENT_H

#include "backend/core/buf.h"

typedef struct bw_content_hash {
    uint64_t low, high;
} bw_content_hash;

/* `json` is valid; empty is a content of its own. */
bw_content_hash bw_content_hash_json(bw_slice json);
bw_content_hash bw_content_hash_bytes(bw_slice bytes);

#endif
