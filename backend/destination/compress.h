/*
 * A gzip stream (RFC 1952) at the speed of the network rather than the size of the result: ISA-L's
 * igzip at level 1 where it was found, zlib at level 1 elsewhere. Both give what any gunzip reads.
 * Cannot fail but for memory. Threads: one at a time.
 */
#ifndef BW_DESTINATION_COMPRESS_H
#define BW_DESTINATION_COMPRESS_H

#include "backend/core/buf.h"

typedef struct bw_compressor bw_compressor;

bw_compressor *bw_compressor_new(void);
void bw_compressor_free(bw_compressor *c);
/* Appends to `out` what is ready; the rest stays inside. */
void bw_compressor_write(bw_compressor *c, const void *bytes, size_t n, bw_buf *out);
/* Appends the end of the stream. Afterwards the compressor can only be freed. */
void bw_compressor_finish(bw_compressor *c, bw_buf *out);
/* "igzip" or "zlib". */
const char *bw_compressor_name(void);

#endif
