/*
 * What the files of the aggregate and window functions share: one call on its way to SQLite. The table
 * of all of them is in sql_aggregate.c.
 */
#ifndef BW_SANDBOX_SQL_AGGREGATE_H
#define BW_SANDBOX_SQL_AGGREGATE_H

#include "backend/sandbox/sql_analyze.h"

/* One call on its way: what the rows of the table below need. */
typedef struct aggregate {
    sql_analysis *a;
    sql_scope *scope;
    const sql_expr *x;
    const char *name;
    sql_typed *args;
    size_t count;
    const char *distinct; /* "DISTINCT " or "" */
} aggregate;

typedef sql_typed translate(aggregate *g);

static inline sql_typed typed(bq_field type, const char *sql)
{
    return (sql_typed){.type = type, .sql = sql};
}

static inline sql_typed mismatch(aggregate *g, const char *supported)
{
    sql_no_signature(g->a, g->x->pos, sql_printf(g->a, "aggregate function %s", g->name), g->args,
                     g->count, supported);
    return sql_make(BQ_INT64, "NULL", g->x->pos);
}

static inline bool is_scalar(const bq_field *type)
{
    return type->mode != BQ_REPEATED && type->kind != BQ_STRUCT;
}

/* sql_aggregate_window.c */
translate sql_window_number, sql_window_ntile, sql_window_navigation, sql_window_percentile;

#endif
