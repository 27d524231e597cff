/*
 * A query's statement while it is written: what ds_query_plan.c (where rows come from, and their
 * order) and ds_compile.c (what they must fulfil) share.
 */
#ifndef BW_SANDBOX_DS_COMPILE_H
#define BW_SANDBOX_DS_COMPILE_H

#include "backend/sandbox/ds_query.h"

/* SQLite would rather walk all values of a property, because it knows no statistics. */
#define DS_BY_ENTITY " INDEXED BY ds_index_entity"

typedef struct ds_compiler {
    ds_store *store;
    const ds_query *query;
    bw_arena *arena;
    ds_layout *layout;
    ds_plan *plan;
    bw_buf sql;
    size_t param_room;
    const char *key, *entity; /* SQL of the driving table's path and entity */
    const ds_filter *driver;  /* the equality that gives the rows; NULL: none */
    bool repeatable; /* properties without values get a number too: they may have some later */
    bw_error *err;
} ds_compiler;

/* A range of one property: all of them in a conjunction must hold for one and the same value. */
bool ds_filter_is_range(const ds_filter *f);
/* The conjuncts of a filter: children of nested ANDs count as children of the outer one. Their number;
   written to `out` unless that is NULL. */
size_t ds_filter_flatten(const ds_filter *f, const ds_filter **out);

/* The number of a property of the query's kind; 0 when nothing has it. */
BW_NODISCARD bw_status ds_compile_property(ds_compiler *c, bw_slice name, int64_t *out);
/* The column that orders by or projects the property; NULL when there is none. */
const ds_column *ds_compile_column(const ds_compiler *c, bw_slice name);

/* Appends "?n". */
void ds_compile_param(ds_compiler *c, bw_slice value);
/* column op operand(s) */
void ds_compile_comparison(ds_compiler *c, const char *column, const ds_filter *f);
/* The ranges on `name` among the filters, joined by AND. */
void ds_compile_ranges(ds_compiler *c, const char *column, const ds_filter *const *filters,
                       size_t count, bw_slice name);
/* `top`: begins with AND, and leaves out what the columns and the driver hold already. */
BW_NODISCARD bw_status ds_compile_conjunction(ds_compiler *c, const ds_filter *const *filters,
                                              size_t count, bool top);

#endif
