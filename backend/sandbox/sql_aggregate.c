/*
 * Aggregates and window functions.
 */
#include <stdio.h>
#include <stdlib.h>

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

static sql_typed typed(bq_field type, const char *sql)
{
    return (sql_typed){.type = type, .sql = sql};
}

static sql_typed mismatch(aggregate *g, const char *supported)
{
    sql_no_signature(g->a, g->x->pos, sql_printf(g->a, "aggregate function %s", g->name), g->args,
                     g->count, supported);
    return sql_make(BQ_INT64, "NULL", g->x->pos);
}

static bool is_scalar(const bq_field *type)
{
    return type->mode != BQ_REPEATED && type->kind != BQ_STRUCT;
}

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
        return typed(g->args[0].type, sql_printf(g->a, "bq_any(%s)", g->args[0].sql));
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

/* ---- Window functions -------------------------------------------------------------------------- */

static sql_typed number(aggregate *g)
{
    static const struct {
        const char *name, *sqlite;
        bool ratio;
    } names[] = {{"ROW_NUMBER", "row_number()", false},
                 {"RANK", "rank()", false},
                 {"DENSE_RANK", "dense_rank()", false},
                 {"PERCENT_RANK", "percent_rank()", true},
                 {"CUME_DIST", "cume_dist()", true}};

    for (size_t i = 0; i < BW_COUNT(names); i++) {
        if (strcmp(names[i].name, g->name) == 0)
            return typed(sql_type(names[i].ratio ? BQ_FLOAT64 : BQ_INT64), names[i].sqlite);
    }
    return mismatch(g, "signature: none");
}

static sql_typed ntile(aggregate *g)
{
    const bq_field integer = sql_type(BQ_INT64);

    if (g->count != 1 || !sql_coerce(g->a, &g->args[0], &integer))
        return mismatch(g, "signature: NTILE(INT64)");
    return typed(integer, sql_printf(g->a, "ntile(%s)", g->args[0].sql));
}

/* LAG and LEAD (value, offset, default), FIRST_VALUE, LAST_VALUE, NTH_VALUE */
static sql_typed navigation(aggregate *g)
{
    static const struct {
        const char *name, *sqlite;
        size_t min, max;
    } names[] = {{"LAG", "lag", 1, 3},
                 {"LEAD", "lead", 1, 3},
                 {"FIRST_VALUE", "first_value", 1, 1},
                 {"LAST_VALUE", "last_value", 1, 1},
                 {"NTH_VALUE", "nth_value", 2, 2}};
    const bq_field integer = sql_type(BQ_INT64);
    size_t i = 0;

    while (strcmp(names[i].name, g->name) != 0)
        i++;
    bool ok = g->count >= names[i].min && g->count <= names[i].max &&
              (g->count < 2 || sql_coerce(g->a, &g->args[1], &integer)) &&
              (g->count < 3 || sql_coerce(g->a, &g->args[2], &g->args[0].type));
    if (!ok)
        return mismatch(g, sql_printf(g->a, "signature: %s(ANY, ...)", g->name));
    if (g->x->call->ignore_nulls)
        sql_error(g->a, g->x->pos,
                  "Unsupported: IGNORE NULLS in %s is not part of the sandbox's "
                  "SQL",
                  g->name);
    return typed(g->args[0].type,
                 sql_printf(g->a, "%s(%s%s%s%s%s)", names[i].sqlite, g->args[0].sql,
                            g->count > 1 ? "," : "", g->count > 1 ? g->args[1].sql : "",
                            g->count > 2 ? "," : "", g->count > 2 ? g->args[2].sql : ""));
}

/* ---- The table --------------------------------------------------------------------------------- */

typedef struct aggregate_row {
    const char *name;
    translate *run;
    bool window_only;
    bool ordered; /* takes ORDER BY and LIMIT inside */
} aggregate_row;

static const aggregate_row rows[] = {
    {"COUNT", count, false, false},
    {"COUNTIF", countif, false, false},
    {"SUM", sum, false, false},
    {"AVG", sum, false, false},
    {"MIN", extreme, false, false},
    {"MAX", extreme, false, false},
    {"ANY_VALUE", any_value, false, false},
    {"ARRAY_AGG", array_agg, false, true},
    {"ARRAY_CONCAT_AGG", array_concat_agg, false, true},
    {"STRING_AGG", string_agg, false, true},
    {"LOGICAL_AND", logical, false, false},
    {"LOGICAL_OR", logical, false, false},
    {"APPROX_COUNT_DISTINCT", approx_count_distinct, false, false},
    {"STDDEV", variance, false, false},
    {"STDDEV_SAMP", variance, false, false},
    {"STDDEV_POP", variance, false, false},
    {"VARIANCE", variance, false, false},
    {"VAR_SAMP", variance, false, false},
    {"VAR_POP", variance, false, false},
    {"ROW_NUMBER", number, true, false},
    {"RANK", number, true, false},
    {"DENSE_RANK", number, true, false},
    {"PERCENT_RANK", number, true, false},
    {"CUME_DIST", number, true, false},
    {"NTILE", ntile, true, false},
    {"LAG", navigation, true, false},
    {"LEAD", navigation, true, false},
    {"FIRST_VALUE", navigation, true, false},
    {"LAST_VALUE", navigation, true, false},
    {"NTH_VALUE", navigation, true, false},
};

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
    return row && !row->window_only;
}

bool sql_is_window_only(bw_slice name)
{
    const aggregate_row *row = find_row(name);
    return row && row->window_only;
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
    else if (!c->over && row->window_only)
        sql_error(a, x->pos, "Analytic function %s cannot be called without an OVER clause", name);
    else if (!c->over && scope->clause)
        sql_error(a, x->pos, "Aggregate function %s not allowed in %s", name, scope->clause);
    else if (!c->over && scope->in_aggregate)
        sql_error(a, x->pos, "Aggregations of aggregations are not allowed");
    else if (c->safe)
        sql_error(a, x->pos, "Function %s does not support SAFE error mode", name);
    else if ((c->order.count > 0 || c->limit) && (!row->ordered || c->over))
        sql_error(a, x->pos, "ORDER BY and LIMIT are not supported in %s", name);
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
    scope->in_aggregate = outer;
    out.constant = false;
    out.aggregate = !c->over;
    if (c->over && !a->failed) {
        out.sql = sql_printf(a, "%s%s", out.sql, sql_over(a, scope, c->over));
        if (strcmp(g.name, "PERCENT_RANK") == 0 || strcmp(g.name, "CUME_DIST") == 0)
            out.sql = sql_printf(a, "bq_float_of_real(%s)", out.sql);
    }
    return out;
}
