/*
 * The lines of a spooled upload, decompressed when it is gzip (RFC 1952, several members are one
 * text). Memory is bounded by one buffer and the longest line. Threads: one at a time.
 */
#ifndef BW_SANDBOX_LINES_H
#define BW_SANDBOX_LINES_H

#include "backend/core/buf.h"
#include "backend/core/error.h"

/* BigQuery's limit of one row of JSON. */
#define BW_SB_MAX_LINE ((size_t)100 << 20)

typedef struct bw_sb_lines bw_sb_lines;

/* Reads `fd` from its beginning; borrowed. */
bw_sb_lines *bw_sb_lines_new(int fd, bool gzip);
void bw_sb_lines_free(bw_sb_lines *lines);
/*
 * The next line without its newline, borrowed until the next call, and the position of its first
 * byte in the decompressed text. BW_NOT_FOUND at the end. BW_INVALID: broken gzip or a line over the
 * limit; BW_IO.
 */
BW_NODISCARD bw_status bw_sb_lines_next(bw_sb_lines *lines, bw_slice *line, uint64_t *position,
                                        bw_error *err);

#endif
