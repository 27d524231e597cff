/*
 * JSON Web Tokens signed with RS256 (RFC 7515, RFC 7519; RSASSA-PKCS1-v1_5 with SHA-256, any key size).
 * Threads: any.
 */
#ifndef BW_GOOGLE_JWT_H
#define BW_GOOGLE_JWT_H

#include <openssl/types.h>

#include "backend/core/buf.h"
#include "backend/core/error.h"

/* Appends base64url without padding (RFC 4648, section 5). */
void bw_base64url_add(bw_buf *out, bw_slice bytes);

/* An RSA private key from its PEM text; NULL when it is none. EVP_PKEY_free() it. */
EVP_PKEY *bw_jwt_read_key(bw_slice pem);

/* Appends header.claims.signature. header and claims are JSON texts. INTERNAL when signing fails. */
BW_NODISCARD bw_status bw_jwt_sign(EVP_PKEY *key, bw_slice header, bw_slice claims, bw_buf *out,
                                   bw_error *err);

#endif
