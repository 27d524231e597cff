/*
 * GROUP BY: what is grouped by, and the grouping sets of ROLLUP, CUBE and GROUPING SETS. Each set is a
 * query of its own, in which the expressions that are not in it are NULL.
 */
#include "backend/sandbox/sql_select.h"

/* ---- GROUP BY ---------------------------------------------------------------------------------- */

bool sql_is_grouped(const select_state *st)
{
    bool any = st->s->has_group || sql_has_aggregate(st->s->having);

    for (size_t i = 0; !any && i < st->count; i++)
        any = sql_has_aggregate(st->outputs[i].expr);
    for (size_t i = 0; !any && i < st->q->order.count; i++)
        any = sql_has_aggregate(st->q->order.items[i].expr);
    return any || sql_has_aggregate(st->s->qualify);
}

static sql_typed analyze_group_item(select_state *st, const sql_expr *x)
{
    sql_analysis *a = st->a;
    const output *o = sql_output_meant(st, x, "GROUP BY");
    sql_typed t = {.sql = "NULL", .pos = x->pos};

    if (a->failed)
        return t;
    if (o && o->expanded && x->kind == SQL_X_PATH && sql_has_aggregate(o->expr))
        o = NULL; /* ARRAY_AGG(t)[OFFSET(0)].* ... GROUP BY id: the table's id */
    if (o && sql_has_aggregate(o->expr)) {
        sql_error(a, x->pos,
                  "Column %s contains an aggregation function, which is not allowed in "
                  "GROUP BY",
                  *o->name ? o->name : "expression");
        return t;
    }
    t = o ? sql_analyze_output(st, o) : sql_analyze(a, &st->scope, x);
    if (a->failed)
        return t;
    if (!sql_groupable(&t.type))
        sql_error(a, x->pos, "Grouping by expressions of type %s is not allowed",
                  sql_type_name(a, &t.type));
    else if (!o && t.constant && x->kind != SQL_X_PARAM && t.literal != SQL_L_NONE)
        sql_error(a, x->pos, "Cannot GROUP BY literal values");
    return t;
}

/* A bare number would be the place of a column. */
static const char *group_key(sql_analysis *a, const sql_typed *t)
{
    return t->constant ? sql_printf(a, "(%s)||''", t->sql) : sql_key(a, t);
}

static void add_group(select_state *st, bw_buf *text, sql_typed t)
{
    bw_buf_adds(text, st->scope.groups.count ? "," : " GROUP BY ");
    bw_buf_adds(text, group_key(st->a, &t));
    *SQL_ADD(st->a, st->scope.groups.items, st->scope.groups.count) = t;
}

void sql_analyze_group(select_state *st)
{
    bw_buf text = BW_BUF_INIT;

    st->scope.clause = "GROUP BY clause";
    st->scope.no_windows = true;
    for (size_t i = 0; !st->a->failed && i < st->s->group.count; i++) {
        sql_typed t = analyze_group_item(st, st->s->group.items[i]);
        if (!st->a->failed)
            add_group(st, &text, t);
    }
    for (size_t i = 0; st->s->group_all && !st->a->failed && i < st->count; i++) {
        const output *o = &st->outputs[i];
        if (sql_has_aggregate(o->expr))
            continue;
        sql_typed t = sql_analyze_output(st, o);
        if (!st->a->failed)
            add_group(st, &text, t);
    }
    st->group = sql_printf(st->a, "%s", bw_buf_cstr(&text));
    bw_buf_fini(&text);
    st->scope.clause = NULL;
    st->scope.no_windows = false;
    st->scope.grouped = true;
}

/* ---- Grouping sets ------------------------------------------------------------------------------ */

/* The expressions of all sets, each once; where each of select->group has come to. */
static size_t *analyze_all(select_state *st)
{
    const sql_exprs *group = &st->s->group;
    sql_typeds *out = &st->scope.groups;
    size_t *places = BW_ARENA_ARRAY(st->a->arena, size_t, group->count + 1);

    st->scope.clause = "GROUP BY clause";
    st->scope.no_windows = true;
    for (size_t i = 0; !st->a->failed && i < group->count; i++) {
        sql_typed t = analyze_group_item(st, group->items[i]);
        size_t at = 0;
        while (at < out->count && strcmp(out->items[at].sql, t.sql) != 0)
            at++;
        if (at == out->count)
            *SQL_ADD(st->a, out->items, out->count) = t;
        places[i] = at;
    }
    st->scope.clause = NULL;
    st->scope.no_windows = false;
    st->scope.grouped = true;
    return places;
}

/* GROUP BY of one set; the others are excluded. */
static void choose_set(select_state *st, const sql_group_set *set, const size_t *places)
{
    bw_buf text = BW_BUF_INIT;

    for (size_t i = 0; i < st->scope.groups.count; i++)
        st->scope.excluded[i] = true;
    for (size_t i = 0; i < set->count; i++) {
        size_t at = places[set->items[i]];
        const sql_typed *t = &st->scope.groups.items[at];
        if (!st->scope.excluded[at])
            continue;
        st->scope.excluded[at] = false;
        bw_buf_adds(&text, text.len ? "," : " GROUP BY ");
        bw_buf_adds(&text, group_key(st->a, t));
    }
    st->group = sql_printf(st->a, "%s", bw_buf_cstr(&text));
    bw_buf_fini(&text);
}

#define MAX_TEXT (4 << 20)

const char *sql_select_sets(select_state *st)
{
    const sql_select *s = st->s;
    size_t *places = analyze_all(st);
    bw_buf rows = BW_BUF_INIT;

    if (s->as_struct || s->qualify)
        sql_error(st->a, s->pos,
                  "Unsupported: SELECT AS STRUCT and QUALIFY with grouping sets are not part of "
                  "the sandbox's SQL");
    st->scope.excluded = BW_ARENA_ARRAY(st->a->arena, bool, st->scope.groups.count + 1);
    for (size_t i = 0; !st->a->failed && i < s->set_count; i++) {
        choose_set(st, &s->sets[i], places);
        sql_analyze_clauses(st);
        if (!st->a->failed)
            bw_buf_addf(&rows, "%s%s", i ? " UNION ALL " : "", sql_select_set_text(st));
        if (rows.len > MAX_TEXT)
            sql_error(st->a, s->pos, "Query is too complex: its grouping sets are too large");
    }
    const char *text = st->a->failed ? "" : sql_select_outer_text(st, bw_buf_cstr(&rows));
    bw_buf_fini(&rows);
    return text;
}

sql_typed sql_analyze_grouping(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    bool *excluded = scope->excluded;
    sql_typed out = sql_make(BQ_INT64, "0", x->pos);
    bool found = false;

    if (x->args.count != 1) {
        sql_error(a, x->pos, "Number of arguments does not match for function GROUPING");
        return out;
    }
    scope->excluded = NULL;
    sql_typed t = sql_analyze(a, scope, x->args.items[0]);
    scope->excluded = excluded;
    for (size_t i = 0; !a->failed && !found && i < scope->groups.count; i++) {
        found = strcmp(scope->groups.items[i].sql, t.sql) == 0;
        if (found && excluded && excluded[i])
            out.sql = "1";
    }
    if (!found)
        sql_error(a, x->pos,
                  "GROUPING must have an argument that exists within the group-by expression list");
    /* Not the same for every row, though it is for those of one set. */
    out.constant = false;
    return out;
}
