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
    bw_slice content;   /* JSON object of every column's source text, or null; of a message its
                           data as it was */
    /* Of a message: what it is known by, and its attributes as a JSON object. Else empty. */
    bw_slice event_id, attributes;
    const char *content_hash; /* of a replayed one: as its letter has it; else NULL */
} bw_rejected_row;

/* What a row of a change stream carries beside its values. Slices live in the chunk's arena. */
typedef struct bw_row_event {
    bw_slice id;         /* of the event */
    bw_slice operation;  /* "create", "update", ... */
    bw_slice payload;    /* the event's exact text */
    bw_slice attributes; /* of its message, for a dead letter */
    bw_slice letter_id;  /* what a dead letter of it is known by: its id, or what that was before
                               an operator edited the message */
    const char *content_hash; /* of a replayed one: as its letter has it; else NULL */
    int64_t time_us;          /* when it happened */
    int64_t version;          /* that its outcome has: what orders the events of one entity */
    int64_t state_version;    /* of the state that the row's values show: never lower */
    bool deleted;             /* that state is: it is not there any more */
} bw_row_event;

typedef struct bw_chunk {
    bw_arena arena;
    size_t columns;
    bw_value *values; /* rows * columns, row after row */
    size_t rows, values_cap;
    bw_row_event *events; /* beside the rows of a change stream; unused by tables */
    size_t events_cap;
    bool has_events;
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
/* The event of that next row: to be filled for every row of the chunk or for none. */
bw_row_event *bw_chunk_event(bw_chunk *chunk);
static inline const bw_row_event *bw_chunk_event_at(const bw_chunk *chunk, size_t row)
{
    return chunk->has_events ? &chunk->events[row] : NULL;
}
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
