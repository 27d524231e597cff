/*
 * OAuth and the metadata server: POST /token (grants jwt-bearer and refresh_token), the
 * /computeMetadata/v1 paths that clients ask for, and access tokens that can be made to expire.
 * Specifications: RFC 6749, RFC 7523, Google's "Using OAuth 2.0 for server to server applications"
 * and "About VM metadata".
 *
 * Tokens are numbered ("ya29.sandbox-7"). POST /sandbox/tokens/expire makes those given out so far
 * invalid (401); any other bearer, and none at all, is accepted. Signatures are not checked: the
 * sandbox does not hold anybody's public key.
 */
#ifndef BW_SANDBOX_IDENTITY_H
#define BW_SANDBOX_IDENTITY_H

#include "backend/core/clock.h"
#include "backend/sandbox/http.h"

typedef struct bw_sb_identity bw_sb_identity;

/* `project` is copied. */
bw_sb_identity *bw_sb_identity_new(const char *project, const bw_clock *clock);
void bw_sb_identity_free(bw_sb_identity *identity);
/* The services' contexts borrow the identity. */
void bw_sb_identity_services(bw_sb_identity *identity, bw_sb_service *metadata,
                             bw_sb_service *token);
/* For bw_sb_server_options.authorise. */
bool bw_sb_identity_authorise(void *identity, const char *authorization);
/* Expires every token given out so far. */
void bw_sb_identity_expire(bw_sb_identity *identity);

#endif
