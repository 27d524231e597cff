/*
 * A chunk is the rows that are read, encoded and sent together. It owns the arena that its values
 * borrow from; it is filled by a source, read by the engine, and reset for the next ones.
 * Threads: one at a time (the reader of the run).
 */
#ifndef BW_MODEL_CHUNK_H
#define BW_MODEL_CHUNK_H

#include "backend/model/schema.h"

/* A chunk is full when its rows hold this much, unless a single row is larger. Small enough that the
   server goes on filling the socket's buffer while a chunk is encoded, and that its rows are still
   in the processor's cache then. */
#define BW_CHUNK_BYTES ((size_t)256 << 10)

/* A row that does not fit the destination, as the source gave it. */
typedef struct bw_rejected_row {
    bw_reason reason;
    const char *column; /* the offending column's source name, "" when it is the whole row */
    bw_slice detail;    /* what about it, in words; may be empty */
    bw_slice key;       /* compact JSON object of the key columns, numbers bare: {"id":3} */
    bw_slice content;   /* JSON object of every column's source text, or null */
} bw_rejected_row;

typedef struct bw_chunk {
    bw_arena arena;
    size_t columns;
    bw_value *values; /* rows * columns, row after row */
    size_t rows, values_cap;
    bw_rejected_row *rejected;
    size_t n_rejected, rejected_cap;
    uint64_t source_bytes; /* as they came from the source */
} bw_chunk;

void bw_chunk_init(bw_chunk *chunk);
void bw_chunk_fini(bw_chunk *chunk);
/* Empties the chunk for rows of `columns` values, keeping its memory. */
void bw_chunk_reset(bw_chunk *chunk, size_t columns);
/* Room for one more row, not yet counted: fill it, then raise chunk->rows. Earlier row pointers
   become invalid. */
bw_value *bw_chunk_row(bw_chunk *chunk);
static inline const bw_value *bw_chunk_at(const bw_chunk *chunk, size_t row)
{
    return chunk->values + row * chunk->columns;
}
bool bw_chunk_full(const bw_chunk *chunk);

/* Adds a rejected row; slices must live in the chunk's arena. */
void bw_chunk_reject(bw_chunk *chunk, bw_rejected_row row);

/* A row of the source's own texts (before any conversion) as a JSON object of strings and nulls
   under the source's column names, in the arena. In a text that is not UTF-8 the odd bytes
   are shown as \xHH, and backslashes double. */
bw_slice bw_row_source_json(bw_arena *arena, const bw_schema *schema, const bw_slice *texts);
/* The key of a row of canonical values: {"id":3,"region":"eu"} in key order; numbers bare. */
bw_slice bw_row_key_json(bw_arena *arena, const bw_schema *schema, const size_t *key, size_t n_key,
                         const bw_value *row);

#endif
