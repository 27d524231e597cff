/*
 * The driver's checkpoint: a JSON object
 *
 *   {"v":1,"kind":"Order","namespace":"","ancestor":"","cursor":"updated_at","to":T,"next_from":T}
 *
 * "to" is up to when everything is at the destination, "next_from" where the next window begins (not
 * included). While a backfill runs, "planned" stands for "to", and "backfill" holds the key up to
 * which entities were read (a path), how many batches that took, and how many entities had no
 * cursor. "columns" are those of datastore_columns.h. Times are RFC 3339 in UTC. Threads: any.
 */
#ifndef BW_SOURCES_DATASTORE_POSITION_H
#define BW_SOURCES_DATASTORE_POSITION_H

#include "backend/core/arena.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"

typedef struct bw_dsposition {
    const char *kind, *namespace, *ancestor; /* never NULL */
    const char *cursor;                      /* NULL: none */
    int64_t to_us, next_from_us;             /* or BW_TIME_NONE */
    const char *after;                       /* backfill: path of the last key; NULL: none runs */
    int64_t slices, nulls;
    const char *columns; /* JSON object, see datastore_columns.h; NULL: none to be kept */
} bw_dsposition;

const char *bw_dsposition_write(const bw_dsposition *p, bw_arena *arena);
/* Strings in the arena, but for the columns, which remain those of `wanted`. INVALID when it is not a position, or not one of what `wanted` names. */
BW_NODISCARD bw_status bw_dsposition_read(const char *text, const bw_dsposition *wanted,
                                          bw_arena *arena, bw_dsposition *out, bw_error *err);

#endif
