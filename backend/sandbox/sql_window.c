/*
 * OVER (...) and ORDER BY items.
 */
#include "backend/sandbox/sql_analyze.h"

const char *sql_order_text(sql_analysis *a, const sql_typed *x, bool desc, int nulls)
{
    if (x->type.mode == BQ_REPEATED || x->type.kind == BQ_STRUCT || x->type.kind == BQ_JSON ||
        x->type.kind == BQ_GEOGRAPHY)
        sql_error(a, x->pos, "ORDER BY does not support expressions of type %s",
                  sql_type_name(a, &x->type));
    return sql_printf(a, "%s%s%s", sql_key(a, x), desc ? " DESC" : "",
                      nulls == 1   ? " NULLS FIRST"
                      : nulls == 2 ? " NULLS LAST"
                                   : "");
}

static const char *bound_text(sql_analysis *a, const sql_bound *b)
{
    int64_t n = 0;

    if (b->current)
        return "CURRENT ROW";
    const char *way = b->preceding ? "PRECEDING" : "FOLLOWING";
    if (b->unbounded)
        return sql_printf(a, "UNBOUNDED %s", way);
    if (!sql_constant_int(a, b->offset, &n) || n < 0)
        sql_error(a, b->offset->pos,
                  "Window framing expression must be a non-negative integer "
                  "literal or parameter");
    return sql_printf(a, "%lld %s", (long long)n, way);
}

static const sql_window *named_window(sql_analysis *a, sql_scope *scope, const sql_window *w)
{
    for (size_t i = 0; scope->select && i < scope->select->window_count; i++) {
        if (sql_slice_equal(scope->select->windows[i].name, w->name))
            return scope->select->windows[i].window;
    }
    sql_error(a, 0, "Unrecognized window alias %.*s", BW_SLICE_ARG(w->name));
    return NULL;
}

const char *sql_over(sql_analysis *a, sql_scope *scope, const sql_window *w)
{
    bw_buf out = BW_BUF_INIT;
    sql_window merged = *w;
    int hops = 0;

    while (merged.name.len > 0 && !a->failed && hops++ < 20) {
        const sql_window *base = named_window(a, scope, &merged);
        if (!base)
            break;
        merged.name = base->name;
        if (merged.partition.count == 0)
            merged.partition = base->partition;
        if (merged.order.count == 0)
            merged.order = base->order;
        if (merged.frame.len == 0) {
            merged.frame = base->frame;
            merged.from = base->from;
            merged.to = base->to;
            merged.has_to = base->has_to;
        }
    }
    for (size_t i = 0; i < merged.partition.count; i++) {
        sql_typed x = sql_analyze(a, scope, merged.partition.items[i]);
        if (!a->failed && !sql_groupable(&x.type))
            sql_error(a, x.pos, "Partitioning by expressions of type %s is not allowed",
                      sql_type_name(a, &x.type));
        bw_buf_addf(&out, "%s %s", i ? "," : " PARTITION BY", a->failed ? "" : sql_key(a, &x));
    }
    for (size_t i = 0; i < merged.order.count; i++) {
        const sql_order *o = &merged.order.items[i];
        sql_typed x = sql_analyze(a, scope, o->expr);
        bw_buf_addf(&out, "%s %s", i ? "," : " ORDER BY",
                    a->failed ? "" : sql_order_text(a, &x, o->desc, o->nulls));
    }
    if (merged.frame.len > 0 && !a->failed) {
        const char *from = bound_text(a, &merged.from);
        if (merged.has_to)
            bw_buf_addf(&out, " %.*s BETWEEN %s AND %s", BW_SLICE_ARG(merged.frame), from,
                        bound_text(a, &merged.to));
        else
            bw_buf_addf(&out, " %.*s %s", BW_SLICE_ARG(merged.frame), from);
    }
    const char *text = sql_printf(a, " OVER (%s)", bw_buf_cstr(&out));
    bw_buf_fini(&out);
    return text;
}
