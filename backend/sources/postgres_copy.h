/*
 * Rows of COPY … TO STDOUT in text format (PostgreSQL manual, COPY, "Text Format") turned into rows
 * of a chunk. A row is copied once, into the chunk's arena; values are slices of that copy wherever
 * the server's text is canonical. A row that does not fit becomes a rejected row of the chunk with
 * the source's own texts. Bytes are checked to be UTF-8 whatever the server promises: databases in
 * SQL_ASCII hold anything, and old ones in UTF8 were not always checked. Threads: one at a time.
 */
#ifndef BW_SOURCES_POSTGRES_COPY_H
#define BW_SOURCES_POSTGRES_COPY_H

#include "backend/model/chunk.h"
#include "backend/sources/postgres_types.h"

typedef struct bw_pgcopy {
    const bw_schema *schema;
    const bw_pgtype *const *types; /* one per field */
    const size_t *key;
    size_t n_key;
    bw_pgcontext cx;
} bw_pgcopy;

/* Everything is borrowed. */
bw_pgcopy bw_pgcopy_init(const bw_schema *schema, const bw_pgtype *const *types, const size_t *key,
                         size_t n_key);
void bw_pgcopy_fini(bw_pgcopy *copy);

/* Adds the row (without its line end) to the chunk, as a row or as a rejected one. CORRUPT when it
   does not have as many columns as the schema. */
BW_NODISCARD bw_status bw_pgcopy_row(bw_pgcopy *copy, const char *row, size_t size, bw_chunk *chunk,
                                     bw_error *err);

#endif
