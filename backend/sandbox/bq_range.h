/*
 * RANGE<DATE>, RANGE<DATETIME> and RANGE<TIMESTAMP>: a start that belongs to the range and an end that
 * does not, each of which may be unbounded. Stored in 16 bytes whose order is the order of the type:
 * by start, then by end, an unbounded start before all and an unbounded end behind all.
 * Specification: "Range type" of "Data types" and "Range functions" of GoogleSQL. Threads: any.
 */
#ifndef BW_SANDBOX_BQ_RANGE_H
#define BW_SANDBOX_BQ_RANGE_H

#include "backend/sandbox/bq_type.h"

#define BQ_RANGE_SIZE        16
#define BQ_RANGE_NO_START    INT64_MIN
#define BQ_RANGE_NO_END      INT64_MAX
#define BQ_RANGE_ORDER_ERROR "Range start element must be less than range end element"

typedef struct bq_range {
    int64_t start, end; /* stored values of the element's type, or BQ_RANGE_NO_... */
} bq_range;

bool bq_is_range(bq_kind kind);
/* BQ_DATE of BQ_RANGE_DATE */
bq_kind bq_range_element(bq_kind range);
/* BQ_RANGE_DATE of "DATE"; false for what a range cannot be of. */
bool bq_range_of(bw_slice element, bq_kind *range);

void bq_range_encode(const bq_range *r, unsigned char out[BQ_RANGE_SIZE]);
/* False when the blob is no range. */
bool bq_range_decode(bw_slice blob, bq_range *out);
/* One end: a value of the element's type, or UNBOUNDED or NULL. */
bool bq_range_parse_bound(bq_kind range, bw_slice text, bool is_start, int64_t *out);
/* "[2020-01-01, UNBOUNDED)"; says nothing about the order of the ends. */
bool bq_range_parse(bq_kind range, bw_slice text, bq_range *out);
/* Is the start before the end? */
bool bq_range_ordered(const bq_range *r);
/* The canonical text, as CAST to STRING gives it. */
void bq_range_print(bq_kind range, const bq_range *r, bw_buf *out);

#endif
