/*
 * A query as it stands in the request, and its way to a plan. Specification: Datastore v1, Query.
 * Called with the store's mutex held.
 */
#ifndef BW_SANDBOX_DS_QUERY_H
#define BW_SANDBOX_DS_QUERY_H

#include "backend/sandbox/ds_parse.h"
#include "backend/sandbox/ds_plan.h"

/* The numbers of the service's enumeration; AND and OR are our own. */
typedef enum ds_operator {
    DS_LESS = 1,
    DS_LESS_OR_EQUAL = 2,
    DS_GREATER = 3,
    DS_GREATER_OR_EQUAL = 4,
    DS_EQUAL = 5,
    DS_IN = 6,
    DS_NOT_EQUAL = 9,
    DS_HAS_ANCESTOR = 11,
    DS_NOT_IN = 13,
    DS_AND = 100,
    DS_OR = 101,
} ds_operator;

typedef struct ds_filter ds_filter;
struct ds_filter {
    ds_operator op;
    bool on_key;
    bw_slice name;  /* of the property */
    ds_value value; /* an array for IN and NOT_IN */
    ds_filter *children;
    size_t count;
};

typedef struct ds_order {
    bw_slice name;
    bool on_key, descending;
} ds_order;

/* Where a page begins or ends: the values of a row's columns and its path. */
typedef struct ds_position {
    bool given;
    bw_slice values[DS_MAX_COLUMNS];
    size_t count;
    bw_slice path;
} ds_position;

typedef struct ds_query {
    const char *name_space;
    int64_t partition; /* 0: there is none */
    bool has_kind, keys_only, has_limit, has_projection;
    bw_slice kind;
    ds_filter *filter; /* NULL: none */
    ds_order *orders;
    bw_slice *projection, *distinct;
    size_t order_count, projection_count, distinct_count;
    bw_slice start, end; /* cursors, still encoded; empty: none */
    int64_t offset, limit;
    uint64_t shape; /* of all that a cursor depends on */
} ds_query;

typedef struct ds_column {
    bw_slice name;
    int64_t property;
    bool descending;
    bool exact; /* one result for each of its values: projected */
} ds_column;

/* What a plan gives and in which order. */
typedef struct ds_layout {
    ds_column columns[DS_MAX_COLUMNS];
    size_t count, distinct;
    bool key_descending;
} ds_layout;

/* `partition` is the request's PartitionId. */
BW_NODISCARD bw_status ds_query_parse(ds_store *store, const ds_place *place,
                                      const ds_node *partition, const ds_node *node, ds_query *out,
                                      bw_error *err);
/* The plan lives in `arena`. `repeatable`: it will see what is written after it was made. */
BW_NODISCARD bw_status ds_query_plan(ds_store *store, const ds_query *query, bool repeatable,
                                     bw_arena *arena, ds_layout *layout, ds_plan *out,
                                     bw_error *err);
/* Finds the partition again, and makes it when asked to. */
BW_NODISCARD bw_status ds_query_locate(ds_store *store, const ds_place *place, bool make,
                                       ds_query *query, bw_error *err);

/* A cursor that stands behind the row; the row may be NULL for the beginning. */
void ds_cursor_print(bw_buf *out, const ds_query *query, size_t columns, const ds_hit *hit);
BW_NODISCARD bw_status ds_cursor_read(bw_arena *arena, const ds_query *query, bw_slice bytes,
                                      size_t columns, ds_position *out, bw_error *err);

#endif
