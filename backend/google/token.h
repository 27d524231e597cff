/*
 * The access token: fetched when needed, refreshed when less than five minutes are left, by one
 * thread at a time while the others go on with what they have or wait for its result.
 * Specifications: RFC 6749 (refresh), RFC 7523 (JWT bearer), Compute Engine's metadata server.
 * Threads: any; a bw_http belongs to its caller.
 */
#ifndef BW_GOOGLE_TOKEN_H
#define BW_GOOGLE_TOKEN_H

#include "backend/core/cancel.h"
#include "backend/google/identity.h"
#include "backend/net/http.h"

typedef struct bw_token_cache bw_token_cache;

/* `identity` and `clock` are borrowed. token_url overrides where tokens are asked for (the claim
   "aud" stays the key file's), NULL: as the identity says. */
bw_token_cache *bw_token_cache_new(const bw_identity *identity, const bw_clock *clock,
                                   const char *token_url);
void bw_token_cache_free(bw_token_cache *cache);

/* Who asks, and how long it may take. */
typedef struct bw_token_asker {
    bw_http *http;
    const bw_cancel *cancel;
    int64_t deadline_us; /* monotonic */
    const char *subject; /* of log lines */
} bw_token_asker;

/* Appends a token that is still good. Transient failures are retried until the deadline. DENIED when
   Google refuses the credentials, with a hint. */
BW_NODISCARD bw_status bw_token_get(bw_token_cache *cache, const bw_token_asker *asker,
                                    bw_buf *token, bw_error *err);
/* The service said 401 to this token: the next get fetches another, unless one has been fetched. */
void bw_token_refuse(bw_token_cache *cache, bw_slice token);

#endif
