/*
 * Timestamps as Google's JSON writes them (google.protobuf.Timestamp; RFC 3339), in nanoseconds or
 * microseconds since 1970-01-01 UTC. Threads: any.
 */
#ifndef BW_SANDBOX_STAMP_H
#define BW_SANDBOX_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/core/buf.h"

#define BW_SB_NS_PER_US INT64_C(1000)
#define BW_SB_NS_PER_S  INT64_C(1000000000)
#define BW_SB_STAMP     40 /* bytes for a printed one */

/* False when the text is not a timestamp. What lies outside the range (1677 to 2262) becomes its
   end. */
bool bw_sb_stamp_parse(const char *text, int64_t *ns);
/* "2023-11-14T22:13:20Z" with 0, 3, 6 or 9 digits of fraction. Returns out. */
const char *bw_sb_stamp_print(int64_t ns, char out[BW_SB_STAMP]);

/* The same in microseconds: finer fractions are cut, and the range is that of the years 1 to 9999. */
bool bw_sb_stamp_parse_us(bw_slice text, int64_t *us);
void bw_sb_stamp_print_us(bw_buf *out, int64_t us);

#endif
