/*
 * The times of incremental reading, all by the source's own clock: up to when a window reaches, who
 * may still commit rows that belong before that, and where the next window must begin so that
 * nothing is missed (see reader). And the conditions that select a range of the cursor.
 * Threads: one at a time.
 */
#ifndef BW_SOURCES_POSTGRES_WINDOW_H
#define BW_SOURCES_POSTGRES_WINDOW_H

#include "backend/sources/postgres_catalog.h"

#define BW_PG_LOOKBACK    BW_MINUTE
#define BW_PG_LATE_COMMIT BW_HOUR

/* Taken before the snapshot: first the clock, then who is open. */
typedef struct bw_pgmoment {
    int64_t to_us;     /* the window's end */
    int64_t base_us;   /* min(to, oldest open transaction), not before to - late_commit_limit:
                          the next window begins at base - lookback */
    bool open_known;   /* false: what is open could not be seen */
    char held_by[200]; /* who holds base back beyond the lookback, or "" */
} bw_pgmoment;

/* `from_us`: where the window begins, or BW_TIME_NONE: transactions that are prepared do not say
   when they began, so while there is one, the next window begins where this one does. */
BW_NODISCARD bw_status bw_pgmoment_take(bw_pgconn *conn, const bw_table_spec *spec,
                                        int64_t lookback_us, int64_t from_us, bw_pgmoment *out,
                                        bw_error *err);

/* The lookback in force: the default, and at least an hour where the cursor's zone has daylight
   saving, because an hour of its times comes twice. */
BW_NODISCARD bw_status bw_pg_lookback(bw_pgconn *conn, const bw_table_spec *spec,
                                      const bw_table_info *info, int64_t *out, bw_error *err);

/* A range of the cursor, (above, upto], as texts of its type; NULL: open. */
typedef struct bw_pgrange {
    const char *above, *upto;
} bw_pgrange;

/* The cursor's texts for two instants; from_us may be BW_TIME_NONE. */
BW_NODISCARD bw_status bw_pgrange_of_times(bw_pgconn *conn, const bw_pgtable *table,
                                           int64_t from_us, int64_t lookback_us, int64_t to_us,
                                           bw_arena *arena, bw_pgrange *out, bw_error *err);
/* Appends "column" > '…'::type AND "column" <= '…'::type, or TRUE. */
void bw_pgrange_add(bw_buf *out, const char *column, const char *type, const bw_pgrange *range);

/* The text of the limit-th value in the range in ascending order, NULL when there are fewer. With
   an index this costs as much as reading that many of its entries. */
BW_NODISCARD bw_status bw_pgrange_cut(bw_pgconn *conn, const bw_pgtable *table, const char *column,
                                      const char *type, const bw_pgrange *range, double limit,
                                      bw_arena *arena, const char **cut, bw_error *err);
/* Without an index: every limit-th value in one pass. */
BW_NODISCARD bw_status bw_pgrange_cuts(bw_pgconn *conn, const bw_pgtable *table, const char *column,
                                       const char *type, const bw_pgrange *range, double limit,
                                       bw_arena *arena, const char *const **cuts, size_t *count,
                                       bw_error *err);

/* Rows that windows do not reach, in the current snapshot: those without a cursor, and those ahead
   of the clock (-1 for a sequence). */
BW_NODISCARD bw_status bw_pg_count_unreached(bw_pgconn *conn, const bw_pgtable *table,
                                             bw_arena *arena, int64_t *nulls, int64_t *ahead,
                                             bw_error *err);

/* The source's clock, in microseconds. */
BW_NODISCARD bw_status bw_pg_clock(bw_pgconn *conn, int64_t *now_us, bw_error *err);
/* How many rows a batch should have, by the limits of the spec and the table's average row. */
double bw_pg_batch_rows(const bw_table_spec *spec, const bw_pgtable *table);
/* The type of the cursor as SQL names it. */
const char *bw_pg_cursor_type(const bw_pgtable *table);

#endif
