/*
 * Aggregates and window functions.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/sql_aggregate.h"
#include "backend/sandbox/sql_functions.h"

static sql_typed count(aggregate *g)
{
    const bq_field integer = sql_type(BQ_INT64);

    if (g->x->call->star)
        return typed(integer, "count(*)");
    if (g->count != 1)
        return mismatch(g, "signatures: COUNT(*); COUNT([DISTINCT] ANY)");
    if (g->x->call->distinct && !sql_groupable(&g->args[0].type)) {
        sql_error(g->a, g->x->pos,
                  "Aggregate functions with DISTINCT cannot be used with "
                  "arguments of type %s",
                  sql_type_name(g->a, &g->args[0].type));
        return g->args[0];
    }
    if (*g->distinct && g->x->call->over)
        return typed(integer,
                     sql_printf(g->a, "bq_count_distinct(%s)", sql_key(g->a, &g->args[0])));
    return typed(integer, sql_printf(g->a, "count(%s%s)", g->distinct,
                                     *g->distinct ? sql_key(g->a, &g->args[0]) : g->args[0].sql));
}

static sql_typed approx_count_distinct(aggregate *g)
{
    g->distinct = "DISTINCT ";
    return count(g);
}

static sql_typed countif(aggregate *g)
{
    const bq_field boolean = sql_type(BQ_BOOL);

    if (g->count != 1 || !sql_coerce(g->a, &g->args[0], &boolean))
        return mismatch(g, "signature: COUNTIF(BOOL)");
    return typed(sql_type(BQ_INT64),
                 sql_printf(g->a, "count(CASE WHEN %s THEN 1 END)", g->args[0].sql));
}

/* SUM and AVG: exact for integers and decimals. */
static sql_typed sum(aggregate *g)
{
    bool average = g->name[0] == 'A';
    const char *verb = average ? "avg" : "sum";

    if (g->count == 1 && is_scalar(&g->args[0].type)) {
        bq_kind kind = g->args[0].type.kind;
        if (kind == BQ_INT64)
            return typed(sql_type(average ? BQ_FLOAT64 : BQ_INT64),
                         sql_printf(g->a, "bq_%s_int(%s%s)", verb, g->distinct, g->args[0].sql));
        if (sql_is_numeric(kind))
            return typed(sql_type(kind), sql_printf(g->a, "bq_%s_%s(%s%s)", verb,
                                                    kind == BQ_FLOAT64 ? "float" : "decimal",
                                                    g->distinct, g->args[0].sql));
    }
    return mismatch(g, sql_printf(g->a,
                                  "signatures: %s(INT64); %s(FLOAT64); %s(NUMERIC); "
                                  "%s(BIGNUMERIC)",
                                  g->name, g->name, g->name, g->name));
}

static sql_typed extreme(aggregate *g)
{
    const char *verb = g->name[1] == 'I' ? "min" : "max";

    if (g->count != 1)
        return mismatch(g, sql_printf(g->a, "signature: %s(ANY)", g->name));
    const bq_field *type = &g->args[0].type;
    if (!is_scalar(type) || type->kind == BQ_JSON || type->kind == BQ_GEOGRAPHY) {
        sql_error(g->a, g->x->pos, "%s is not defined for arguments of type %s", g->name,
                  sql_type_name(g->a, type));
        return g->args[0];
    }
    return typed(*type, type->kind == BQ_FLOAT64
                            ? sql_printf(g->a, "bq_%s_float(%s)", verb, g->args[0].sql)
                            : sql_printf(g->a, "%s(%s)", verb, g->args[0].sql));
}

static sql_typed logical(aggregate *g)
{
    const bq_field boolean = sql_type(BQ_BOOL);

    if (g->count != 1 || !sql_coerce(g->a, &g->args[0], &boolean))
        return mismatch(g, sql_printf(g->a, "signature: %s(BOOL)", g->name));
    return typed(boolean,
                 sql_printf(g->a, "%s(%s)", g->name[8] == 'A' ? "min" : "max", g->args[0].sql));
}

static sql_typed any_value(aggregate *g)
{
    const sql_call *c = g->x->call;

    if (g->count != 1)
        return mismatch(g, "signature: ANY_VALUE(ANY)");
    if (!c->having)
        return typed(g->args[0].type, sql_printf(g->a, "%s(%s)", c->over ? "first_value" : "bq_any",
                                                 g->args[0].sql));
    sql_typed by = sql_analyze(g->a, g->scope, c->having);
    return typed(g->args[0].type, sql_printf(g->a, "bq_any_having(%s,%s,%d)", g->args[0].sql,
                                             sql_key(g->a, &by), c->having_max));
}

static sql_typed variance(aggregate *g)
{
    const bq_field floats = sql_type(BQ_FLOAT64);
    bool deviation = g->name[0] == 'S';
    bool population = strstr(g->name, "_POP") != NULL;

    if (g->count != 1 || !sql_coerce(g->a, &g->args[0], &floats))
        return mismatch(g, sql_printf(g->a, "signature: %s(FLOAT64)", g->name));
    return typed(floats,
                 sql_printf(g->a, "bq_variance(%s,%d,%d)", g->args[0].sql, population, deviation));
}

/* MAX_BY(x, y), MIN_BY(x, y) */
static sql_typed extreme_by(aggregate *g)
{
    if (g->count != 2)
        return mismatch(g, sql_printf(g->a, "signature: %s(ANY, ANY)", g->name));
    return typed(g->args[0].type, sql_printf(g->a, "bq_any_having(%s,%s,%d)", g->args[0].sql,
                                             sql_key(g->a, &g->args[1]), g->name[1] == 'A'));
}

static sql_typed covariance(aggregate *g)
{
    const bq_field floats = sql_type(BQ_FLOAT64);
    bool correlation = g->name[2] == 'R';

    if (g->count != 2 || !sql_coerce(g->a, &g->args[0], &floats) ||
        !sql_coerce(g->a, &g->args[1], &floats))
        return mismatch(g, sql_printf(g->a, "signature: %s(FLOAT64, FLOAT64)", g->name));
    return typed(floats,
                 sql_printf(g->a, "%s(%s,%s,%d)", correlation ? "bq_correlation" : "bq_covariance",
                            g->args[0].sql, g->args[1].sql, strstr(g->name, "_POP") != NULL));
}

static sql_typed bitwise(aggregate *g)
{
    const bq_field integer = sql_type(BQ_INT64);
    const char *verb = g->name[4] == 'A' ? "and" : g->name[4] == 'O' ? "or" : "xor";

    if (g->count != 1 || !sql_coerce(g->a, &g->args[0], &integer))
        return mismatch(g, sql_printf(g->a, "signature: %s(INT64)", g->name));
    return typed(integer, sql_printf(g->a, "bq_bit_%s(%s%s)", verb, g->distinct, g->args[0].sql));
}

#define MAX_QUANTILES 100000

/* The constant that APPROX_QUANTILES and APPROX_TOP_... end with. */
static int64_t wanted_number(aggregate *g, size_t at)
{
    int64_t n = 1;

    if (!sql_constant_int(g->a, g->x->args.items[at], &n) || n < 1 || n > MAX_QUANTILES)
        sql_error(g->a, g->args[at].pos,
                  "Argument %zu to %s must be a literal or query parameter from 1 to %d", at + 1,
                  g->name, MAX_QUANTILES);
    return n;
}

static sql_typed quantiles(aggregate *g)
{
    if (g->count != 2 || !is_scalar(&g->args[0].type))
        return mismatch(g, "signature: APPROX_QUANTILES([DISTINCT] ANY, INT64)");
    int64_t n = wanted_number(g, 1);
    if (g->x->call->respect_nulls)
        sql_error(
            g->a, g->x->pos,
            "Unsupported: RESPECT NULLS in APPROX_QUANTILES is not part of the sandbox's SQL");
    return typed(sql_array_of(g->args[0].type),
                 sql_printf(g->a, "bq_quantiles(%s,%lld,%d,-1,'')", g->args[0].sql, (long long)n,
                            g->x->call->distinct));
}

/* APPROX_TOP_COUNT(x, n), APPROX_TOP_SUM(x, weight, n) */
static sql_typed top(aggregate *g)
{
    const bq_field integer = sql_type(BQ_INT64);
    bool sum = g->name[11] == 'S';
    size_t last = sum ? 2 : 1;

    if (g->count != last + 1 || !is_scalar(&g->args[0].type) ||
        (sum && !sql_coerce(g->a, &g->args[1], &integer)))
        return mismatch(g, sum ? "signature: APPROX_TOP_SUM(ANY, INT64, INT64)"
                               : "signature: APPROX_TOP_COUNT(ANY, INT64)");
    int64_t n = wanted_number(g, last);
    bq_field item = sql_type(BQ_STRUCT);
    item.fields = (bq_schema){BW_ARENA_ARRAY(g->a->arena, bq_field, 2), 2};
    item.fields.fields[0] = g->args[0].type;
    item.fields.fields[0].name = "value";
    item.fields.fields[1] = integer;
    item.fields.fields[1].name = sum ? "sum" : "count";
    return typed(sql_array_of(item), sql_printf(g->a, "bq_top(%s,%s,%lld)", g->args[0].sql,
                                                sum ? g->args[1].sql : "1", (long long)n));
}

/* ---- Aggregates with an order: ARRAY_AGG, STRING_AGG ------------------------------------------- */

/* ",flags,limit,'ad',key1,key2": one letter per key, upper case where NULLs go the other way. */
static const char *ordering(aggregate *g)
{
    const sql_call *c = g->x->call;
    bw_buf letters = BW_BUF_INIT, keys = BW_BUF_INIT;
    int64_t limit = -1;

    for (size_t i = 0; i < c->order.count; i++) {
        const sql_order *o = &c->order.items[i];
        sql_typed key = sql_analyze(g->a, g->scope, o->expr);
        bool other = (o->desc && o->nulls == 1) || (!o->desc && o->nulls == 2);
        bw_buf_addc(&letters, o->desc ? (other ? 'D' : 'd') : (other ? 'A' : 'a'));
        if (!g->a->failed)
            bw_buf_addf(&keys, ",%s", sql_key(g->a, &key));
    }
    if (c->limit && !sql_constant_int(g->a, c->limit, &limit))
        sql_error(g->a, c->limit->pos,
                  "LIMIT in an aggregate must be an integer literal or "
                  "parameter");
    const char *text =
        sql_printf(g->a, ",%d,%lld,'%s'%s", (c->distinct ? 1 : 0) | (c->ignore_nulls ? 2 : 0),
                   (long long)limit, bw_buf_cstr(&letters), bw_buf_cstr(&keys));
    bw_buf_fini(&letters);
    bw_buf_fini(&keys);
    return text;
}

static sql_typed array_agg(aggregate *g)
{
    if (g->count != 1)
        return mismatch(g, "signature: ARRAY_AGG([DISTINCT] ANY)");
    if (g->args[0].type.mode == BQ_REPEATED) {
        sql_error(g->a, g->x->pos,
                  "The argument to ARRAY_AGG must not be an array type but was "
                  "%s",
                  sql_type_name(g->a, &g->args[0].type));
        return g->args[0];
    }
    return typed(sql_array_of(g->args[0].type),
                 sql_printf(g->a, "bq_array_agg(%s%s)", g->args[0].sql, ordering(g)));
}

static sql_typed array_concat_agg(aggregate *g)
{
    if (g->count != 1 || g->args[0].type.mode != BQ_REPEATED)
        return mismatch(g, "signature: ARRAY_CONCAT_AGG(ARRAY)");
    return typed(g->args[0].type,
                 sql_printf(g->a, "bq_array_concat_agg(%s%s)", g->args[0].sql, ordering(g)));
}

static sql_typed string_agg(aggregate *g)
{
    bq_field type =
        sql_type(g->count > 0 && g->args[0].type.kind == BQ_BYTES ? BQ_BYTES : BQ_STRING);
    bool ok = g->count >= 1 && g->count <= 2 && sql_coerce(g->a, &g->args[0], &type) &&
              (g->count == 1 || sql_coerce(g->a, &g->args[1], &type));

    if (!ok)
        return mismatch(g, "signatures: STRING_AGG(STRING, [STRING]); STRING_AGG(BYTES, [BYTES])");
    const char *comma = type.kind == BQ_BYTES ? "x'2c'" : "','";
    return typed(type, sql_printf(g->a, "bq_string_agg(%s,%s%s)", g->args[0].sql,
                                  g->count == 2 ? g->args[1].sql : comma, ordering(g)));
}

/* ---- The table --------------------------------------------------------------------------------- */

enum {
    WINDOW_ONLY = 1,
    ORDERED = 2,     /* takes ORDER BY and LIMIT inside */
    NEEDS_ORDER = 4, /* its window must be ordered */
    NO_WINDOW = 8,   /* in the sandbox: not with OVER */
    NULLS = 16,      /* takes IGNORE NULLS and RESPECT NULLS */
    NO_ORDER = 32,   /* its window must not be ordered */
};

typedef struct aggregate_row {
    const char *name;
    translate *run;
    unsigned flags;
} aggregate_row;

static const aggregate_row rows[] = {
    {"COUNT", count, 0},
    {"COUNTIF", countif, 0},
    {"SUM", sum, 0},
    {"AVG", sum, 0},
    {"MIN", extreme, 0},
    {"MAX", extreme, 0},
    {"ANY_VALUE", any_value, 0},
    {"MAX_BY", extreme_by, NO_WINDOW},
    {"MIN_BY", extreme_by, NO_WINDOW},
    {"ARRAY_AGG", array_agg, ORDERED | NULLS},
    {"ARRAY_CONCAT_AGG", array_concat_agg, ORDERED},
    {"STRING_AGG", string_agg, ORDERED},
    {"LOGICAL_AND", logical, 0},
    {"LOGICAL_OR", logical, 0},
    {"BIT_AND", bitwise, NO_WINDOW},
    {"BIT_OR", bitwise, NO_WINDOW},
    {"BIT_XOR", bitwise, NO_WINDOW},
    {"APPROX_COUNT_DISTINCT", approx_count_distinct, 0},
    {"APPROX_QUANTILES", quantiles, NO_WINDOW | NULLS},
    {"APPROX_TOP_COUNT", top, NO_WINDOW},
    {"APPROX_TOP_SUM", top, NO_WINDOW},
    {"STDDEV", variance, 0},
    {"STDDEV_SAMP", variance, 0},
    {"STDDEV_POP", variance, 0},
    {"VARIANCE", variance, 0},
    {"VAR_SAMP", variance, 0},
    {"VAR_POP", variance, 0},
    {"COVAR_POP", covariance, 0},
    {"COVAR_SAMP", covariance, 0},
    {"CORR", covariance, 0},
    {"ROW_NUMBER", sql_window_number, WINDOW_ONLY},
    {"RANK", sql_window_number, WINDOW_ONLY | NEEDS_ORDER},
    {"DENSE_RANK", sql_window_number, WINDOW_ONLY | NEEDS_ORDER},
    {"PERCENT_RANK", sql_window_number, WINDOW_ONLY | NEEDS_ORDER},
    {"CUME_DIST", sql_window_number, WINDOW_ONLY | NEEDS_ORDER},
    {"NTILE", sql_window_ntile, WINDOW_ONLY | NEEDS_ORDER},
    {"LAG", sql_window_navigation, WINDOW_ONLY | NEEDS_ORDER | NULLS},
    {"LEAD", sql_window_navigation, WINDOW_ONLY | NEEDS_ORDER | NULLS},
    {"FIRST_VALUE", sql_window_navigation, WINDOW_ONLY | NULLS},
    {"LAST_VALUE", sql_window_navigation, WINDOW_ONLY | NULLS},
    {"NTH_VALUE", sql_window_navigation, WINDOW_ONLY | NULLS},
    {"PERCENTILE_CONT", sql_window_percentile, WINDOW_ONLY | NULLS | NO_ORDER},
    {"PERCENTILE_DISC", sql_window_percentile, WINDOW_ONLY | NULLS | NO_ORDER},
};

const char *sql_aggregate_name(size_t index, bool *window_only)
{
    if (index >= BW_COUNT(rows))
        return NULL;
    *window_only = rows[index].flags & WINDOW_ONLY;
    return rows[index].name;
}

static const aggregate_row *find_row(bw_slice name)
{
    for (size_t i = 0; i < BW_COUNT(rows); i++) {
        if (sql_name_equal(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

bool sql_is_aggregate(bw_slice name)
{
    const aggregate_row *row = find_row(name);
    return row && !(row->flags & WINDOW_ONLY);
}

bool sql_is_window_only(bw_slice name)
{
    const aggregate_row *row = find_row(name);
    return row && row->flags & WINDOW_ONLY;
}

static bool call_has_aggregate(const sql_expr *x)
{
    bool window = x->call && x->call->over;

    return x->kind == SQL_X_CALL && x->names.count == 1 && !window &&
           sql_is_aggregate(x->names.items[0]);
}

bool sql_has_aggregate(const sql_expr *x)
{
    if (!x)
        return false;
    if (call_has_aggregate(x))
        return true;
    for (size_t i = 0; i < x->args.count; i++) {
        if (sql_has_aggregate(x->args.items[i]))
            return true;
    }
    const sql_window *w = x->call ? x->call->over : NULL;
    for (size_t i = 0; w && i < w->partition.count; i++) {
        if (sql_has_aggregate(w->partition.items[i]))
            return true;
    }
    for (size_t i = 0; w && i < w->order.count; i++) {
        if (sql_has_aggregate(w->order.items[i].expr))
            return true;
    }
    return false;
}

bool sql_has_window(const sql_expr *x)
{
    if (!x || (x->call && x->call->over))
        return x != NULL;
    for (size_t i = 0; i < x->args.count; i++) {
        if (sql_has_window(x->args.items[i]))
            return true;
    }
    return false;
}

/* ---- The call ---------------------------------------------------------------------------------- */

static bool allowed(sql_analysis *a, const sql_scope *scope, const sql_expr *x,
                    const aggregate_row *row, const char *name)
{
    const sql_call *c = x->call;

    if (!row)
        sql_error(a, x->pos, "Function %s is not an analytic function", name);
    else if (c->over && scope->no_windows)
        sql_error(a, x->pos, "Analytic function %s not allowed in %s", name,
                  scope->clause ? scope->clause : "this place");
    else if (!c->over && row->flags & WINDOW_ONLY)
        sql_error(a, x->pos, "Analytic function %s cannot be called without an OVER clause", name);
    else if (!c->over && scope->clause)
        sql_error(a, x->pos, "Aggregate function %s not allowed in %s", name, scope->clause);
    else if (!c->over && scope->in_aggregate)
        sql_error(a, x->pos, "Aggregations of aggregations are not allowed");
    else if (c->safe)
        sql_error(a, x->pos, "Function %s does not support SAFE error mode", name);
    else if ((c->order.count > 0 || c->limit) && (!(row->flags & ORDERED) || c->over))
        sql_error(a, x->pos, "ORDER BY and LIMIT are not supported in %s", name);
    else if ((c->ignore_nulls || c->respect_nulls) && !(row->flags & NULLS))
        sql_error(a, x->pos, "IGNORE NULLS and RESPECT NULLS are not allowed in %s", name);
    else if (c->having && (row->run != any_value || c->over))
        sql_error(a, x->pos,
                  "Unsupported: HAVING MAX and MIN in %s is not part of the sandbox's SQL", name);
    else if (c->over && scope->excluded)
        sql_error(a, x->pos,
                  "Unsupported: %s with OVER beside grouping sets is not part of the sandbox's SQL",
                  name);
    else if (c->over && row->flags & NO_WINDOW)
        sql_error(a, x->pos, "Unsupported: %s with OVER is not part of the sandbox's SQL", name);
    else if (c->over && c->distinct && row->run != count)
        sql_error(a, x->pos,
                  "Unsupported: DISTINCT in %s with OVER is not part of the sandbox's SQL", name);
    return !a->failed;
}

sql_typed sql_analyze_aggregate(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    const aggregate_row *row = find_row(x->names.items[0]);
    const sql_call *c = x->call;
    sql_typed out = sql_make(BQ_INT64, "NULL", x->pos);
    aggregate g = {.a = a, .scope = scope, .x = x, .count = x->args.count};

    g.name =
        row ? row->name : bw_arena_strndup(a->arena, x->names.items[0].ptr, x->names.items[0].len);
    g.distinct = c->distinct ? "DISTINCT " : "";
    g.args = BW_ARENA_ARRAY(a->arena, sql_typed, x->args.count + 1);
    if (!allowed(a, scope, x, row, g.name))
        return out;
    bool outer = scope->in_aggregate;
    scope->in_aggregate = !c->over;
    for (size_t i = 0; i < x->args.count; i++) {
        g.args[i] = sql_analyze(a, scope, x->args.items[i]);
        sql_inherit(&out, &g.args[i]);
    }
    if (!a->failed) {
        sql_typed result = row->run(&g);
        out.type = result.type;
        out.sql = result.sql;
    }
    if (c->filter && !a->failed) {
        sql_typed only = sql_analyze(a, scope, c->filter);
        out.sql = sql_printf(a, "%s FILTER (WHERE %s)", out.sql, only.sql);
    }
    scope->in_aggregate = outer;
    out.constant = false;
    out.aggregate = !c->over;
    if (c->over && !a->failed) {
        bool refused = row->flags & NO_ORDER || c->distinct;
        sql_window_order order = refused                    ? SQL_ORDER_REFUSED
                                 : row->flags & NEEDS_ORDER ? SQL_ORDER_NEEDED
                                                            : SQL_ORDER_FREE;
        out.sql = sql_printf(a, "%s%s", out.sql, sql_over(a, scope, c->over, g.name, order));
        if (strcmp(g.name, "PERCENT_RANK") == 0 || strcmp(g.name, "CUME_DIST") == 0)
            out.sql = sql_printf(a, "bq_float_of_real(%s)", out.sql);
    }
    return out;
}
