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

/* UNBOUNDED PRECEDING 0, n PRECEDING 1, CURRENT ROW 2, n FOLLOWING 3, UNBOUNDED FOLLOWING 4 */
static int bound_place(const sql_bound *b)
{
    if (b->current)
        return 2;
    return b->preceding ? (b->unbounded ? 0 : 1) : (b->unbounded ? 4 : 3);
}

static bool has_offset(const sql_bound *b)
{
    return !b->current && !b->unbounded;
}

/* `keys`: the ORDER BY items, analysed. */
static void check_frame(sql_analysis *a, const sql_window *w, const sql_typed *keys)
{
    const sql_bound current = {.current = true};
    const sql_bound *to = w->has_to ? &w->to : &current;
    bool range = sql_name_equal(w->frame, "RANGE");

    if (bound_place(&w->from) > bound_place(to) || bound_place(&w->from) == 4 ||
        bound_place(to) == 0)
        sql_error(a, w->pos, "Window framing: the frame must not end before it starts");
    if (!range || (!has_offset(&w->from) && !has_offset(to)))
        return;
    if (w->order.count != 1)
        sql_error(a, w->pos,
                  "RANGE-based window frame with an offset needs exactly one ORDER BY key");
    else if (keys[0].type.kind != BQ_INT64 || keys[0].type.mode == BQ_REPEATED)
        sql_error(a, w->pos,
                  "Unsupported: RANGE with an offset over %s is not part of the sandbox's SQL",
                  sql_type_name(a, &keys[0].type));
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

const char *sql_over(sql_analysis *a, sql_scope *scope, const sql_window *w, const char *name,
                     sql_window_order order)
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
    if (order == SQL_ORDER_NEEDED && merged.order.count == 0)
        sql_error(a, w->pos, "Window ORDER BY is required for analytic function %s", name);
    if (order == SQL_ORDER_REFUSED && merged.order.count > 0)
        sql_error(a, w->pos, "Window ORDER BY is not allowed for analytic function %s", name);
    if (order == SQL_ORDER_REFUSED && merged.frame.len > 0)
        sql_error(a, w->pos, "Window framing clause is not allowed for analytic function %s", name);
    sql_typed *keys = BW_ARENA_ARRAY(a->arena, sql_typed, merged.order.count + 1);
    for (size_t i = 0; i < merged.partition.count; i++) {
        sql_typed x = sql_analyze(a, scope, merged.partition.items[i]);
        if (!a->failed && !sql_groupable(&x.type))
            sql_error(a, x.pos, "Partitioning by expressions of type %s is not allowed",
                      sql_type_name(a, &x.type));
        bw_buf_addf(&out, "%s %s", i ? "," : " PARTITION BY", a->failed ? "" : sql_key(a, &x));
    }
    for (size_t i = 0; i < merged.order.count; i++) {
        const sql_order *o = &merged.order.items[i];
        keys[i] = sql_analyze(a, scope, o->expr);
        bw_buf_addf(&out, "%s %s", i ? "," : " ORDER BY",
                    a->failed ? "" : sql_order_text(a, &keys[i], o->desc, o->nulls));
    }
    if (merged.frame.len > 0 && !a->failed)
        check_frame(a, &merged, keys);
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
