/*
 * What a resolver's parts share: the resolver and one transaction's attempt. Threads: one.
 */
#ifndef BW_EVENTS_RESOLVER_INTERNAL_H
#define BW_EVENTS_RESOLVER_INTERNAL_H

#include "backend/events/resolver.h"
#include "backend/google/datastore.h"
#include "backend/google/entity.h"

struct bw_resolver {
    const bw_clock *clock;
    const bw_cancel *cancel;
    char *subject, *project, *database, *namespace_id;
    bw_conflict_rules rules;
    bw_partition where;
    bw_datastore *ds;
    size_t group, limit; /* events in a transaction: at most, and after what went wrong lately */
    int64_t deadline_us;
    bw_retry_listener *listener;
    bw_resolver_counts counts;
    bw_arena scratch; /* of one attempt */
    bw_buf aborted;   /* the transaction that the next one repeats; empty: none */
};

/* What an attempt came to, beside its status. */
typedef struct bw_attempt {
    const bw_resolver_item *items;
    size_t n;
    bw_resolution *out; /* n of them; set on BW_OK, in `arena` */
    bw_arena *arena;
    bw_resolver_before *before; /* n of them: a preview, nothing is committed; NULL: in earnest */
    bool looked_up;             /* the lookup was answered: what failed is the commit */
} bw_attempt;

/* One transaction: look up, resolve, commit. */
BW_NODISCARD bw_status bw_resolver_attempt(bw_resolver *r, bw_attempt *attempt, bw_error *err);

#endif
