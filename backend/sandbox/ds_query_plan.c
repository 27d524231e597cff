/*
 * From a query to SQL over the index. The rows come from one of three places: the index of the first
 * column (a property that is ordered by or projected), the index of a property that must equal
 * something, or the entities by key. All three are walked in the order of the result where the query
 * has one column at most, so that a page costs what it holds; other filters become probes.
 *
 * An entity stands where its smallest value (largest, when descending) within the query's bounds
 * stands; a projected property gives one result for each of its values.
 */
#include <stdio.h>

#include "backend/sandbox/ds_compile.h"

/* ---- The layout ------------------------------------------------------------------------------- */

static bw_status add_column(ds_compiler *c, bw_slice name, bool descending)
{
    ds_layout *layout = c->layout;
    if (ds_compile_column(c, name))
        return BW_OK;
    if (layout->count == DS_MAX_COLUMNS)
        return bw_error_set(c->err, BW_INVALID,
                            "a query orders by and projects at most %d properties", DS_MAX_COLUMNS);
    ds_column *column = &layout->columns[layout->count++];
    *column = (ds_column){.name = name, .descending = descending};
    return ds_compile_property(c, name, &column->property);
}

static bw_status add_orders(ds_compiler *c)
{
    const ds_query *q = c->query;
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < q->order_count; i++) {
        if (q->orders[i].on_key) {
            /* What comes behind a key orders nothing any more. */
            c->layout->key_descending = q->orders[i].descending;
            break;
        }
        status = add_column(c, q->orders[i].name, q->orders[i].descending);
    }
    return status;
}

/* Without an order, a range decides: rows come as its index has them. */
static bw_status add_implicit_order(ds_compiler *c, const ds_filter *const *filters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ds_filter_is_range(filters[i]))
            return add_column(c, filters[i]->name, false);
    }
    return BW_OK;
}

static bw_status add_distinct(ds_compiler *c)
{
    const ds_query *q = c->query;
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < q->distinct_count; i++)
        status = add_column(c, q->distinct[i], false);
    /* Equal combinations must come one after the other. */
    for (size_t i = 0; status == BW_OK && i < q->distinct_count; i++) {
        size_t at = (size_t)(ds_compile_column(c, q->distinct[i]) - c->layout->columns);
        if (at >= q->distinct_count)
            status = bw_error_set(c->err, BW_INVALID,
                                  "the properties of distinctOn must come first in order");
    }
    c->layout->distinct = q->distinct_count;
    return status;
}

static bw_status make_layout(ds_compiler *c, const ds_filter *const *filters, size_t count)
{
    const ds_query *q = c->query;
    *c->layout = (ds_layout){.count = 0};
    bw_status status = add_orders(c);
    if (status == BW_OK)
        status = add_distinct(c);
    if (status == BW_OK && q->order_count == 0)
        status = add_implicit_order(c, filters, count);
    for (size_t i = 0; status == BW_OK && i < q->projection_count; i++)
        status = add_column(c, q->projection[i], false);
    for (size_t i = 0; i < c->layout->count; i++) {
        ds_column *column = &c->layout->columns[i];
        for (size_t k = 0; k < q->projection_count; k++)
            column->exact = column->exact || bw_slice_eq(column->name, q->projection[k]);
        column->exact = column->exact || i < c->layout->distinct;
    }
    return status;
}

/* ---- The statement ---------------------------------------------------------------------------- */

static bw_status choose_source(ds_compiler *c, const ds_filter *const *filters, size_t count)
{
    int64_t property = 0;
    c->key = "e.key";
    c->entity = "e.id";
    if (c->layout->count) {
        c->key = "c0.key";
        c->entity = "c0.entity";
        bw_buf_adds(&c->sql, "ds_index c0 CROSS JOIN ds_entity e ON e.id = c0.entity");
        for (size_t i = 1; i < c->layout->count; i++)
            bw_buf_addf(&c->sql,
                        " CROSS JOIN ds_index c%zu" DS_BY_ENTITY " ON c%zu.entity = c0.entity", i,
                        i);
        bw_buf_adds(&c->sql, " WHERE 1");
        return BW_OK;
    }
    for (size_t i = 0; i < count && !c->driver; i++) {
        if (filters[i]->op == DS_EQUAL && !filters[i]->on_key)
            c->driver = filters[i];
    }
    if (c->driver) {
        c->key = "d.key";
        c->entity = "d.entity";
        bw_status status = ds_compile_property(c, c->driver->name, &property);
        bw_buf_addf(&c->sql,
                    "ds_index d CROSS JOIN ds_entity e ON e.id = d.entity WHERE d.property = %lld"
                    " AND ",
                    (long long)property);
        ds_compile_comparison(c, "d.value", c->driver);
        return status;
    }
    bw_buf_addf(&c->sql, "ds_entity e WHERE e.partition = %lld", (long long)c->query->partition);
    if (c->query->has_kind) {
        bw_buf_adds(&c->sql, " AND e.kind = ");
        ds_compile_param(c, c->query->kind);
    }
    return BW_OK;
}

static bool has_range(const ds_filter *const *filters, size_t count, bw_slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (ds_filter_is_range(filters[i]) && bw_slice_eq(filters[i]->name, name))
            return true;
    }
    return false;
}

/* The column's bounds, and that no other value of the entity within them comes first. */
static void add_column_conditions(ds_compiler *c, size_t at, const ds_filter *const *filters,
                                  size_t count)
{
    const ds_column *column = &c->layout->columns[at];
    bool ranged = has_range(filters, count, column->name);
    char value[40];
    snprintf(value, sizeof value, "c%zu.value", at);
    bw_buf_addf(&c->sql, " AND c%zu.property = %lld", at, (long long)column->property);
    if (ranged) {
        bw_buf_adds(&c->sql, " AND ");
        ds_compile_ranges(c, value, filters, count, column->name);
    }
    if (column->exact)
        return;
    bw_buf_addf(&c->sql,
                " AND (c%zu.element = 0 OR NOT EXISTS(SELECT 1 FROM ds_index z" DS_BY_ENTITY
                " WHERE z.entity ="
                " c%zu.entity AND z.property = c%zu.property AND z.value %s c%zu.value",
                at, at, at, column->descending ? ">" : "<", at);
    if (ranged) {
        bw_buf_adds(&c->sql, " AND ");
        ds_compile_ranges(c, "z.value", filters, count, column->name);
    }
    bw_buf_adds(&c->sql, "))");
}

/* Column `at` of the order, the path last; its direction. */
static bool order_part(const ds_compiler *c, size_t at, char *name, size_t size)
{
    bool path = at == c->layout->count;
    if (path)
        snprintf(name, size, "%s", c->key);
    else
        snprintf(name, size, "c%zu.value", at);
    return path ? c->layout->key_descending : c->layout->columns[at].descending;
}

static bool one_direction(const ds_compiler *c, size_t parts)
{
    char name[40];
    for (size_t i = 1; i < parts; i++) {
        if (order_part(c, i, name, sizeof name) != order_part(c, 0, name, sizeof name))
            return false;
    }
    return true;
}

/* (c0.value,c0.key) > (?2,?3): SQLite enters the index there, also among equal values. */
static void add_tuple_position(ds_compiler *c, const ds_position *p, size_t parts, bool after)
{
    char name[40];
    bool descending = order_part(c, 0, name, sizeof name);
    for (size_t i = 0; i < parts; i++) {
        order_part(c, i, name, sizeof name);
        bw_buf_addf(&c->sql, "%s%s", i ? "," : " AND (", name);
    }
    bw_buf_addf(&c->sql, ") %s%s (", descending != after ? ">" : "<", after ? "" : "=");
    for (size_t i = 0; i < parts; i++) {
        bw_buf_adds(&c->sql, i ? "," : "");
        ds_compile_param(c, i < c->layout->count ? p->values[i] : p->path);
    }
    bw_buf_addc(&c->sql, ')');
}

/* Rows behind the position (`after`), or up to and with it. Groups of equal distinct values are
   passed as a whole. */
static void add_position(ds_compiler *c, const ds_position *p, bool after)
{
    size_t parts = c->layout->distinct ? c->layout->distinct : c->layout->count + 1;
    char name[40];
    if (!p->given)
        return;
    if (one_direction(c, parts)) {
        add_tuple_position(c, p, parts, after);
        return;
    }
    bool descending = order_part(c, 0, name, sizeof name);
    /* The bound by which the index is entered; the exact condition follows. */
    bw_buf_addf(&c->sql, " AND %s %s ", name, descending != after ? ">=" : "<=");
    ds_compile_param(c, c->layout->count ? p->values[0] : p->path);
    bw_buf_adds(&c->sql, " AND (");
    for (size_t i = 0; i < parts; i++) {
        bw_buf_adds(&c->sql, i ? " OR (" : "(");
        for (size_t k = 0; k <= i; k++) {
            bool down = order_part(c, k, name, sizeof name);
            bool last = k == i;
            const char *op = !last ? "=" : down != after ? ">" : "<";
            bool inclusive = last && !after && i + 1 == parts;
            bw_buf_addf(&c->sql, "%s%s %s%s ", k ? " AND " : "", name, op, inclusive ? "=" : "");
            ds_compile_param(c, k < c->layout->count ? p->values[k] : p->path);
        }
        bw_buf_addc(&c->sql, ')');
    }
    bw_buf_addc(&c->sql, ')');
}

static void add_order_by(ds_compiler *c)
{
    char name[40];
    bw_buf_adds(&c->sql, " ORDER BY ");
    for (size_t i = 0; i <= c->layout->count; i++) {
        bool descending = order_part(c, i, name, sizeof name);
        bw_buf_addf(&c->sql, "%s%s%s", i ? "," : "", name, descending ? " DESC" : "");
    }
}

static bw_status add_bounds(ds_compiler *c)
{
    const ds_query *q = c->query;
    ds_position start, end;
    bw_status status = ds_cursor_read(c->arena, q, q->start, c->layout->count, &start, c->err);
    if (status == BW_OK)
        status = ds_cursor_read(c->arena, q, q->end, c->layout->count, &end, c->err);
    if (status != BW_OK)
        return status;
    add_position(c, &start, true);
    add_position(c, &end, false);
    if (q->end.len && !end.given) /* the end is the beginning */
        bw_buf_adds(&c->sql, " AND 0");
    return BW_OK;
}

static bw_status add_statement(ds_compiler *c)
{
    const ds_filter *const *filters = NULL;
    size_t count = 0;
    if (c->query->filter) {
        count = ds_filter_flatten(c->query->filter, NULL);
        const ds_filter **flat = BW_ARENA_ARRAY(c->arena, const ds_filter *, count);
        ds_filter_flatten(c->query->filter, flat);
        filters = flat;
    }
    bw_status status = make_layout(c, filters, count);
    if (status != BW_OK)
        return status;
    bool keyed = c->layout->count > 0;
    bw_buf_addf(&c->sql, "SELECT e.id, e.version, e.created, e.key");
    for (size_t i = 0; i < c->layout->count; i++)
        bw_buf_addf(&c->sql, ", c%zu.value", i);
    bw_buf_adds(&c->sql, " FROM ");
    status = choose_source(c, filters, count);
    for (size_t i = 0; keyed && i < c->layout->count; i++)
        add_column_conditions(c, i, filters, count);
    if (status == BW_OK && count)
        status = ds_compile_conjunction(c, filters, count, true);
    bw_buf_adds(&c->sql, " AND e.version <= ?1 AND e.until > ?1");
    if (status == BW_OK)
        status = add_bounds(c);
    add_order_by(c);
    return status;
}

/* ---- What is refused -------------------------------------------------------------------------- */

static bool only_keys(const ds_filter *f)
{
    bool yes = f->op >= DS_AND || f->on_key;
    for (size_t i = 0; yes && i < f->count; i++)
        yes = only_keys(&f->children[i]);
    return yes;
}

static bw_status check(const ds_query *q, bw_error *err)
{
    if (q->has_kind)
        return BW_OK;
    if (q->filter && !only_keys(q->filter))
        return bw_error_set(err, BW_INVALID, "kind is required for filters on properties");
    if (q->has_projection || q->distinct_count)
        return bw_error_set(err, BW_INVALID, "kind is required for projections and distinctOn");
    for (size_t i = 0; i < q->order_count; i++) {
        if (!q->orders[i].on_key || q->orders[i].descending)
            return bw_error_set(err, BW_INVALID,
                                "kind is required for all orders except __key__ ascending");
    }
    return BW_OK;
}

bw_status ds_query_plan(ds_store *store, const ds_query *query, bool repeatable, bw_arena *arena,
                        ds_layout *layout, ds_plan *out, bw_error *err)
{
    bw_status status = check(query, err);
    if (status != BW_OK)
        return status;
    *out = (ds_plan){.offset = query->offset, .limit = query->has_limit ? query->limit : -1};
    ds_compiler c = {.store = store,
                     .query = query,
                     .arena = arena,
                     .layout = layout,
                     .plan = out,
                     .repeatable = repeatable,
                     .err = err};
    status = add_statement(&c);
    out->sql = bw_arena_strdup(arena, bw_buf_cstr(&c.sql));
    out->columns = layout->count;
    out->distinct = layout->distinct;
    bw_buf_fini(&c.sql);
    return status;
}
