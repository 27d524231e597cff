/*
 * What a reader reads next: its state, and the functions that turn the state into the next batch.
 * Every batch is one COPY in the reader's snapshot; a snapshot lasts for a whole backfill, or for
 * one window with all its pieces.
 *
 * In this order, each in a transaction of its own: the clock, the open transactions, the snapshot
 * (in which the table is locked against changes of its definition before anything else, because
 * rewriting a table hides its rows from older snapshots). Threads: one at a time.
 */
#ifndef BW_SOURCES_POSTGRES_PLAN_H
#define BW_SOURCES_POSTGRES_PLAN_H

#include "backend/sources/postgres_backfill.h"
#include "backend/sources/postgres_copy.h"
#include "backend/sources/postgres_window.h"

typedef enum bw_pgphase {
    BW_PGPHASE_BACKFILL, /* slices, then on to WINDOW */
    BW_PGPHASE_WINDOW,   /* also SINCE */
    BW_PGPHASE_WHOLE,
    BW_PGPHASE_KEYS,
    BW_PGPHASE_OVER,
} bw_pgphase;

typedef struct bw_pgplan {
    bw_pgconn *conn;
    const bw_table_spec *spec;
    const bw_table_info *info;
    bw_read_request request; /* its strings are in arena */
    bw_arena arena;          /* for as long as the reader */
    bw_arena snapshot_arena; /* for as long as the snapshot */
    bw_arena batch_arena;    /* for as long as the batch */

    bw_pgphase phase;
    bool in_snapshot;
    bool begun; /* the phase has its snapshot and bounds */
    int64_t lookback_us;
    bw_pgposition position; /* after the last batch that was handed out */
    bw_pgtable table;
    bw_pgcopy copy;
    bw_pgmoment moment;
    int64_t base_us; /* the moment's, or an earlier piece's */
    bw_pgbackfill backfill;
    bw_pgrange range;   /* what is left of the window */
    const char *unread; /* of the window after a backfill: what that has not read; or NULL */
    const char *const *cuts;
    size_t n_cuts, next_cut;
    int64_t nulls, ahead;
    size_t next_key;

    /* The batch at hand. */
    const char *sql; /* COPY … */
    bw_batch_plan batch;
    bw_batch_end end;
} bw_pgplan;

/* Sets up the phases for the request. INVALID for a checkpoint of another table, or a request that
   the table cannot serve. */
BW_NODISCARD bw_status bw_pgplan_init(bw_pgplan *p, bw_pgconn *conn, const bw_table_spec *spec,
                                      const bw_table_info *info, const bw_read_request *request,
                                      bw_error *err);
void bw_pgplan_fini(bw_pgplan *p);
/* The next batch into p->sql, p->batch and p->end; *more false when there is none. */
BW_NODISCARD bw_status bw_pgplan_next(bw_pgplan *p, bool *more, bw_error *err);

/* ---- its parts ---- */

/* Begins the snapshot and loads the table in it. CONFLICT when it is not what was described. */
BW_NODISCARD bw_status bw_pgplan_snapshot(bw_pgplan *p, bw_error *err);
BW_NODISCARD bw_status bw_pgplan_release(bw_pgplan *p, bw_error *err);
/* Windows: sets p->range and what stands beside it; then one piece after the other. */
BW_NODISCARD bw_status bw_pgplan_window(bw_pgplan *p, bw_error *err);
BW_NODISCARD bw_status bw_pgplan_piece(bw_pgplan *p, bw_error *err);
/* The moment from which incremental reading goes on after a backfill or a full read. */
BW_NODISCARD bw_status bw_pgplan_moment(bw_pgplan *p, bw_error *err);
/* p->sql from a SELECT. */
void bw_pgplan_copy(bw_pgplan *p, const char *select);

#endif
