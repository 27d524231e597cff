/*
 * A query made into one SQL statement over the index, with its arguments, and the walk over its rows.
 * A plan is self-contained within its arena, so that a transaction can keep it and ask again.
 * Called with the store's mutex held.
 */
#ifndef BW_SANDBOX_DS_PLAN_H
#define BW_SANDBOX_DS_PLAN_H

#include "backend/sandbox/ds_store.h"

/* Properties that a query orders by or projects. */
#define DS_MAX_COLUMNS 30

typedef struct ds_plan {
    const char *sql; /* ?1 is the snapshot, ?2 ... are params */
    bw_slice *params;
    size_t param_count;
    size_t columns;  /* values that each row has beside its key */
    size_t distinct; /* of these, the leading ones of which each combination comes once */
    int64_t offset;
    int64_t limit; /* -1: none */
} ds_plan;

/* A row of the result, borrowed until the next one. */
typedef struct ds_hit {
    int64_t id, version, created;
    bw_slice path;
    bw_slice values[DS_MAX_COLUMNS];
} ds_hit;

typedef struct ds_outcome {
    int64_t skipped, taken;
    bool stopped;         /* the visitor wanted no more */
    bool more;            /* it stopped, and there is at least one more row */
    bool limited;         /* the limit was reached */
    uint64_t fingerprint; /* of all rows that were looked at */
} ds_outcome;

/* Called for every row of the result. False: no more after this one. */
typedef bool ds_visit(void *user, const ds_hit *hit, bool skipped);

BW_NODISCARD bw_status ds_plan_run(ds_store *store, const ds_plan *plan, int64_t at,
                                   ds_visit *visit, void *user, ds_outcome *out, bw_error *err);
/* Whether asking again now gives the same rows. */
BW_NODISCARD bw_status ds_plan_repeats(ds_store *store, const ds_plan *plan,
                                       const ds_outcome *before, bool *same, bw_error *err);

#endif
