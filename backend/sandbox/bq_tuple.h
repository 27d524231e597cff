/*
 * A tuple of stored values in one blob: the fields of a STRUCT, the elements of an array, the row of
 * a slice on its way to SQLite. Four bytes of count, then per item a tag and its content, big-endian
 * and with the integers' sign bit flipped, so that tuples of fixed-size items compare like their
 * items. Reading checks every bound. Threads: any.
 */
#ifndef BW_SANDBOX_BQ_TUPLE_H
#define BW_SANDBOX_BQ_TUPLE_H

#include "backend/sandbox/bq_type.h"

typedef struct bq_tuple {
    const unsigned char *at, *end;
    uint32_t count; /* items in all */
    uint32_t next;  /* index of the next one */
} bq_tuple;

/* Begins a tuple of `count` items at the end of the buffer; exactly as many adds must follow. */
void bq_tuple_begin(bw_buf *out, size_t count);
void bq_tuple_add(bw_buf *out, const bq_value *item);
/* Sets the count afterwards; `start` is out->len before bq_tuple_begin. */
void bq_tuple_set_count(bw_buf *out, size_t start, size_t count);

/* False when the blob is not a tuple. */
bool bq_tuple_open(bw_slice blob, bq_tuple *t);
/* False at the end. The item borrows from the blob. */
bool bq_tuple_next(bq_tuple *t, bq_value *item);
/* Bytes of the first whole tuple of `blob` (tuples lie one after another in a slice of rows). */
size_t bq_tuple_size(bw_slice blob);

static inline bq_value bq_null(void)
{
    return (bq_value){BQ_NULL, 0, {NULL, 0}};
}

static inline bq_value bq_int(int64_t i)
{
    return (bq_value){BQ_INT, i, {NULL, 0}};
}

static inline bq_value bq_text(bw_slice s)
{
    return (bq_value){BQ_TEXT, 0, s};
}

static inline bq_value bq_blob(bw_slice s)
{
    return (bq_value){BQ_BLOB, 0, s};
}

#endif
