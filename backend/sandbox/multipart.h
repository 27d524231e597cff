/*
 * multipart/related (RFC 2387) as uploads use it, parsed while it arrives: the first part (JSON) is
 * collected, the second one is handed on. Threads: one at a time.
 */
#ifndef BW_SANDBOX_MULTIPART_H
#define BW_SANDBOX_MULTIPART_H

#include "backend/core/buf.h"

/* Of the part that is collected. */
#define BW_SB_MAX_METADATA ((size_t)4 << 20)

typedef struct bw_sb_multipart bw_sb_multipart;

/* `content_type` is the header's value; NULL unless it is multipart with a boundary (quoted or
   not). `media` gets the bytes of the second part. */
bw_sb_multipart *bw_sb_multipart_new(const char *content_type,
                                     void (*media)(void *user, const char *bytes, size_t size),
                                     void *user);
void bw_sb_multipart_free(bw_sb_multipart *m);
void bw_sb_multipart_feed(bw_sb_multipart *m, const char *bytes, size_t size);
/* After the last byte: NULL when both parts have been there and were ended by the closing boundary;
   else what is wrong. */
const char *bw_sb_multipart_fault(const bw_sb_multipart *m);
/* The first part's content. */
bw_slice bw_sb_multipart_metadata(const bw_sb_multipart *m);

#endif
