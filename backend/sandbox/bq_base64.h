/* Base64 as BYTES travel in JSON: the standard alphabet with padding (RFC 4648, section 4), strictly.
   Threads: any. */
#ifndef BW_SANDBOX_BQ_BASE64_H
#define BW_SANDBOX_BQ_BASE64_H

#include "backend/core/buf.h"

/* Appends the bytes; false (and nothing of use appended) when the text is not base64. */
bool bq_base64_decode(bw_slice text, bw_buf *out);
/* Into that one form from all that protobuf's JSON mapping takes: this alphabet or that of URLs, with
   padding or without. `out` has room for text.len + 3 bytes; *size of them are written. */
bool bq_base64_normalise(bw_slice text, char *out, size_t *size);
void bq_base64_encode(bw_slice bytes, bw_buf *out);

#endif
