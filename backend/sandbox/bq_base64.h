/* Base64 as BYTES travel in JSON: the standard alphabet with padding (RFC 4648, section 4), strictly.
   Threads: any. */
#ifndef BW_SANDBOX_BQ_BASE64_H
#define BW_SANDBOX_BQ_BASE64_H

#include "backend/core/buf.h"

/* Appends the bytes; false (and nothing of use appended) when the text is not base64. */
bool bq_base64_decode(bw_slice text, bw_buf *out);
void bq_base64_encode(bw_slice bytes, bw_buf *out);

#endif
