/*
 * What a reader of a kind reads next: its state, and the functions that turn the state into the next
 * batch. Every batch is one query, or one look-up, as of one instant of the service's clock
 * (readTime), so that reading it again gives the same.
 *
 * Windows are (from, to] of the cursor, to being that instant. Nobody sees open transactions, but
 * none lives longer than 270 s: with a lookback of 5 min, the default here, what commits late is
 * read by the following windows, unless the writer's clock is wrong by more than the rest. A
 * backfill reads in the order of the keys and can go on after any of them.
 * Threads: one at a time.
 */
#ifndef BW_SOURCES_DATASTORE_PLAN_H
#define BW_SOURCES_DATASTORE_PLAN_H

#include "backend/sources/datastore_position.h"
#include "backend/sources/datastore_source.h"

#define BW_DS_LOOKBACK (5 * BW_MINUTE)

typedef enum bw_dsphase {
    BW_DSPHASE_BACKFILL, /* slices, then on to WINDOW */
    BW_DSPHASE_WINDOW,   /* also SINCE */
    BW_DSPHASE_WHOLE,
    BW_DSPHASE_KEYS,
    BW_DSPHASE_OVER,
} bw_dsphase;

typedef struct bw_dsplan {
    bw_dssource *source;
    const bw_table_spec *spec;
    const bw_table_info *info;
    bw_read_request request; /* its strings are in arena */
    bw_arena arena;          /* for as long as the reader */
    bw_arena batch_arena;    /* for as long as the batch */

    bw_dsphase phase;
    const char *cursor; /* the property, or NULL */
    int64_t lookback_us;
    bw_dsposition position; /* after the last batch that was handed out */
    bool in_window;         /* the window's end is fixed and some of it was read */
    int64_t window_to_us, window_from_us;
    int64_t window_begun_us; /* monotonic */
    int64_t ahead;
    size_t next_key;

    /* As it was when the batch at hand began: what a batch reaches may be told again. */
    struct {
        bw_dsphase phase;
        bw_dsposition position;
        int64_t window_from_us;
    } before;

    /* The batch at hand. */
    bw_slice query; /* or ... */
    bw_slice *keys; /* ... keys to look up */
    size_t n_keys;
    int64_t at_us; /* as of when */
    bw_batch_plan batch;
    bw_batch_end end;
} bw_dsplan;

/* How far a batch came: what the reader tells at its end. */
typedef struct bw_dsreached {
    bool whole;           /* nothing is left of the query */
    const char *last_key; /* path of the last entity, or NULL; lives until the plan goes on */
    int64_t last_us;      /* its cursor, or BW_TIME_NONE */
    int64_t nulls;        /* entities without a cursor */
} bw_dsreached;

/* Sets up the phases for the request. INVALID for a checkpoint of another kind, or a request that
   the kind cannot serve. */
BW_NODISCARD bw_status bw_dsplan_init(bw_dsplan *p, bw_dssource *source, const bw_table_spec *spec,
                                      const bw_table_info *info, const bw_read_request *request,
                                      bw_error *err);
void bw_dsplan_fini(bw_dsplan *p);
/* The next batch; *more false when there is none. */
BW_NODISCARD bw_status bw_dsplan_next(bw_dsplan *p, bool *more, bw_error *err);
/* The batch has been read to its end: p->end and where the next one begins. Once more after the
   batch was read again. */
void bw_dsplan_reached(bw_dsplan *p, const bw_dsreached *reached);

#endif
