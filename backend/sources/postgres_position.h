/*
 * The driver's checkpoint: a JSON object
 *
 *   {"v":1,"table":"public.orders","cursor":"updated_at","to":T,"next_from":T}
 *
 * "to" is up to when everything is at the destination, "next_from" where the next window begins
 * (not included). Between the pieces of a window that was cut, "resume" is the cursor's text up to
 * which it has been read. A sequence has "from" (the highest value below which nothing can still be
 * committed) and "seen", pairs of a time and the highest value allocated before it. While a
 * backfill runs, "backfill" holds how far it has come.
 *
 * Times are RFC 3339 in UTC. Threads: any.
 */
#ifndef BW_SOURCES_POSTGRES_POSITION_H
#define BW_SOURCES_POSTGRES_POSITION_H

#include "backend/core/arena.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"

#define BW_PGPOSITION_SEEN 64

typedef struct bw_pgseen {
    int64_t at_us, value;
} bw_pgseen;

/* Leaf relations whose slices are done, but for the last one, which is done up to `block`. */
typedef struct bw_pgdone {
    uint32_t oid, filenode;
} bw_pgdone;

typedef struct bw_pgbackfill_position {
    bool active;
    int64_t slices;  /* committed */
    int64_t xmin;    /* of the snapshot that the committed slices equal */
    const char *key; /* by key range: the last key's text; else NULL */
    const bw_pgdone *done;
    size_t n_done;
    int64_t block;
} bw_pgbackfill_position;

typedef struct bw_pgposition {
    const char *table, *cursor; /* cursor NULL: none */
    int64_t to_us;              /* or BW_TIME_NONE */
    int64_t next_from_us;       /* or BW_TIME_NONE */
    const char *resume;         /* or NULL */
    bool from_known;
    int64_t from;
    bw_pgseen seen[BW_PGPOSITION_SEEN];
    size_t n_seen;
    bw_pgbackfill_position backfill;
} bw_pgposition;

const char *bw_pgposition_write(const bw_pgposition *p, bw_arena *arena);
/* Strings in the arena. INVALID when it is not a position, or one of another table or cursor. */
BW_NODISCARD bw_status bw_pgposition_read(const char *text, const char *table, const char *cursor,
                                          bw_arena *arena, bw_pgposition *out, bw_error *err);
/* Remembers a pair, thinning out the older half when there are too many. */
void bw_pgposition_see(bw_pgposition *p, int64_t at_us, int64_t value);
/* Moves `from` up to the highest value seen at `bound_us` or before, and forgets those pairs. */
void bw_pgposition_settle(bw_pgposition *p, int64_t bound_us);

#endif
