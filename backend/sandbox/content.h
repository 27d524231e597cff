/*
 * How a request's body comes: its length or chunks (framing) and its compression. What contradicts
 * itself is refused, because whoever else reads the connection may read it in another way. What is no
 * HTTP at all, and header lines beyond the connection's memory, libmicrohttpd refuses by itself, with
 * pages in HTML that are constants of the library: no option and no callback comes before them (and
 * 0.9.75 writes the header of its page about a wrong Content-Length twice).
 * Specification: RFC 9112, sections 6 and 7; RFC 9110, section 8.4. Threads: any.
 */
#ifndef BW_SANDBOX_CONTENT_H
#define BW_SANDBOX_CONTENT_H

#include <microhttpd.h>

#include "backend/core/buf.h"

/* Where a body ends, from the headers; NULL, or why that cannot be told. */
const char *bw_sb_content_framing(struct MHD_Connection *connection);
/* Undoes gzip, the one encoding that may be on a body of `max` bytes at most; NULL, or why not. */
const char *bw_sb_content_decode(struct MHD_Connection *connection, bw_buf *body, size_t max);

#endif
