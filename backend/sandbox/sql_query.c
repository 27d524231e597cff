/*
 * Query expressions: WITH, set operations, ORDER BY and LIMIT around them.
 */
#include <stdlib.h>

#include "backend/sandbox/sql_select.h"

bool sql_constant_int(sql_analysis *a, const sql_expr *x, int64_t *out)
{
    sql_scope none = {0};
    sql_typed t = sql_analyze(a, &none, x);

    if (a->failed)
        return false;
    if (t.literal == SQL_L_INT) {
        *out = strtoll(bw_arena_strndup(a->arena, t.text.ptr, t.text.len), NULL, 10);
        return true;
    }
    if ((x->kind != SQL_X_PARAM && x->kind != SQL_X_PATH) || t.sql[0] != '?' ||
        t.type.kind != BQ_INT64 || t.type.mode == BQ_REPEATED)
        return false;
    size_t index = strtoull(t.sql + 1, NULL, 10) - 1;
    *out = a->binds[index].value.i;
    return a->binds[index].value.cls == BQ_INT;
}

static const char *limit_text(sql_analysis *a, const sql_query *q)
{
    int64_t limit = -1, offset = 0;

    if (!q->limit)
        return "";
    if (!sql_constant_int(a, q->limit, &limit) || limit < 0)
        sql_error(a, q->limit->pos, "LIMIT expects a non-negative integer literal or parameter");
    if (q->offset && (!sql_constant_int(a, q->offset, &offset) || offset < 0))
        sql_error(a, q->offset->pos, "OFFSET expects a non-negative integer literal or parameter");
    return sql_printf(a, " LIMIT %lld OFFSET %lld", (long long)limit, (long long)offset);
}

/* ---- Set operations ---------------------------------------------------------------------------- */

typedef struct set_state {
    sql_analysis *a;
    const sql_query *q;
    const char *op;
    sql_relation *operands;
} set_state;

static bool same_width(set_state *st)
{
    for (size_t i = 1; i < st->q->operand_count; i++) {
        if (st->operands[i].columns.count == st->operands[0].columns.count)
            continue;
        sql_error(st->a, st->q->operands[i]->pos,
                  "Queries in %s have mismatched column count; query 1 has %zu column%s, query "
                  "%zu has %zu column%s",
                  st->op, st->operands[0].columns.count,
                  st->operands[0].columns.count == 1 ? "" : "s", i + 1,
                  st->operands[i].columns.count, st->operands[i].columns.count == 1 ? "" : "s");
        return false;
    }
    return true;
}

/* Literals of an operand take the type of their column, as in a SELECT list. */
static void column_supertype(set_state *st, size_t column, bq_field *super)
{
    size_t n = st->q->operand_count;
    sql_typed *items = BW_ARENA_ARRAY(st->a->arena, sql_typed, n);
    bw_buf names = BW_BUF_INIT;

    for (size_t i = 0; i < n; i++) {
        items[i].type = st->operands[i].columns.items[column].type;
        items[i].literal = st->operands[i].null_columns && st->operands[i].null_columns[column]
                               ? SQL_L_NULL
                               : SQL_L_NONE;
        bw_buf_addf(&names, "%s%s", i ? ", " : "", sql_type_name(st->a, &items[i].type));
    }
    bool all = strstr(st->op, "ALL") != NULL;
    if (!sql_supertype(st->a, items, n, super))
        sql_error(st->a, st->q->operands[1]->pos, "Column %zu in %s has incompatible types: %s",
                  column + 1, st->op, bw_buf_cstr(&names));
    else if (!all && !sql_groupable(super))
        sql_error(st->a, st->q->operands[1]->pos,
                  "Column %zu in %s has type that does not support set operation comparisons: %s",
                  column + 1, st->op, sql_type_name(st->a, super));
    bw_buf_fini(&names);
}

static const char *operand_text(set_state *st, const sql_relation *r, const bq_field *supers)
{
    bw_buf out = BW_BUF_INIT;
    bool keys = strstr(st->op, "ALL") == NULL;

    bw_buf_adds(&out, "SELECT ");
    for (size_t i = 0; i < r->columns.count; i++) {
        sql_typed x = {.type = r->columns.items[i].type, .sql = sql_printf(st->a, "c%zu", i + 1)};
        if (r->null_columns && r->null_columns[i])
            x.literal = SQL_L_NULL;
        sql_coerce(st->a, &x, &supers[i]);
        bw_buf_addf(&out, "%s%s AS c%zu", i ? "," : "", keys ? sql_distinct(st->a, &x) : x.sql,
                    i + 1);
    }
    bw_buf_addf(&out, " FROM (%s)", r->sql);
    const char *text = sql_printf(st->a, "%s", bw_buf_cstr(&out));
    bw_buf_fini(&out);
    return text;
}

static sql_relation analyze_set(sql_analysis *a, sql_scope *outer, const sql_query *q)
{
    size_t n = q->operand_count;
    set_state st = {.a = a, .q = q, .operands = BW_ARENA_ARRAY(a->arena, sql_relation, n)};
    sql_relation r = {.sql = "SELECT NULL AS c1"};

    st.op = bw_arena_strndup(a->arena, q->set_op.ptr, q->set_op.len);
    for (size_t i = 0; i < n && !a->failed; i++)
        st.operands[i] = sql_analyze_query(a, outer, q->operands[i]);
    if (a->failed || !same_width(&st))
        return r;
    size_t width = st.operands[0].columns.count;
    bq_field *supers = BW_ARENA_ARRAY(a->arena, bq_field, width + 1);
    for (size_t i = 0; i < width && !a->failed; i++) {
        column_supertype(&st, i, &supers[i]);
        sql_column *c = SQL_ADD(a, r.columns.items, r.columns.count);
        *c = (sql_column){.name = st.operands[0].columns.items[i].name, .type = supers[i]};
    }
    if (a->failed)
        return r;
    const char *word = strcmp(st.op, "UNION ALL") == 0        ? "UNION ALL"
                       : strcmp(st.op, "UNION DISTINCT") == 0 ? "UNION"
                       : st.op[0] == 'I'                      ? "INTERSECT"
                                                              : "EXCEPT";
    bw_buf out = BW_BUF_INIT;
    for (size_t i = 0; i < n; i++)
        bw_buf_addf(&out, "%s%s%s%s", i ? " " : "", i ? word : "", i ? " " : "",
                    operand_text(&st, &st.operands[i], supers));
    r.sql = sql_printf(a, "%s", bw_buf_cstr(&out));
    bw_buf_fini(&out);
    r.is_value = st.operands[0].is_value;
    return r;
}

/* ORDER BY of something that is already a relation: only its columns can be named. */
static const char *order_relation(sql_analysis *a, const sql_query *q, const sql_relation *r)
{
    bw_buf out = BW_BUF_INIT;
    sql_scope scope = {.clause = "ORDER BY clause"};
    sql_source source = {.columns = {NULL, 0}};

    for (size_t i = 0; i < r->columns.count; i++) {
        sql_column *c = SQL_ADD(a, source.columns.items, source.columns.count);
        *c = r->columns.items[i];
        c->sql = sql_printf(a, "c%zu", i + 1);
    }
    sql_scope_add(a, &scope, &source);
    for (size_t i = 0; i < q->order.count && !a->failed; i++) {
        const sql_order *o = &q->order.items[i];
        sql_typed t = {.sql = "NULL"};
        int64_t n = 0;
        if (o->expr->kind == SQL_X_INT) {
            sql_constant_int(a, o->expr, &n);
            if (n < 1 || (size_t)n > r->columns.count)
                sql_error(a, o->expr->pos, "ORDER BY is out of SELECT column number range: %lld",
                          (long long)n);
            else
                t = sql_column_ref(a, &scope, &source.columns.items[n - 1], o->expr->pos);
        } else {
            t = sql_analyze(a, &scope, o->expr);
        }
        if (!a->failed)
            bw_buf_addf(&out, "%s%s", i ? "," : " ORDER BY ",
                        sql_order_text(a, &t, o->desc, o->nulls));
    }
    const char *text = sql_printf(a, "%s", bw_buf_cstr(&out));
    bw_buf_fini(&out);
    return text;
}

/* ---- WITH -------------------------------------------------------------------------------------- */

static const char *analyze_with(sql_analysis *a, const sql_query *q)
{
    bw_buf out = BW_BUF_INIT;

    for (size_t i = 0; i < q->with_count && !a->failed; i++) {
        const sql_with *w = &q->with[i];
        for (size_t k = 0; k < i; k++) {
            if (sql_slice_equal(q->with[k].name, w->name))
                sql_error(a, w->pos, "Duplicate alias %.*s for WITH subquery",
                          BW_SLICE_ARG(w->name));
        }
        sql_cte *c = BW_ARENA_NEW(a->arena, sql_cte);
        c->sql_name = sql_printf(a, "w%d", sql_next(a));
        bool recursive = q->recursive && sql_is_recursive(w);
        sql_relation r =
            recursive ? sql_analyze_recursive(a, w, c) : sql_analyze_query(a, NULL, w->query);
        bool deep = recursive && bw_slice_is(w->query->set_op, "UNION ALL");
        *c = (sql_cte){.outer = a->ctes,
                       .name = w->name,
                       .sql_name = c->sql_name,
                       .columns = r.columns,
                       .is_value = r.is_value};
        a->ctes = c;
        bw_buf_addf(&out, "%s%s(",
                    i              ? ","
                    : q->recursive ? "WITH RECURSIVE "
                                   : "WITH ",
                    c->sql_name);
        for (size_t k = 0; k < r.columns.count; k++)
            bw_buf_addf(&out, "%sc%zu", k ? "," : "", k + 1);
        bw_buf_addf(&out, "%s) AS (%s)", deep ? ",depth" : "", r.sql);
    }
    const char *text = q->with_count ? sql_printf(a, "%s ", bw_buf_cstr(&out)) : "";
    bw_buf_fini(&out);
    return text;
}

static void note_nulls(sql_analysis *a, const sql_query *q, sql_relation *r)
{
    if (!q->select || r->is_value || q->select->item_count != r->columns.count)
        return;
    r->null_columns = BW_ARENA_ARRAY(a->arena, bool, r->columns.count + 1);
    for (size_t i = 0; i < r->columns.count; i++)
        r->null_columns[i] = q->select->items[i].expr->kind == SQL_X_NULL;
}

sql_relation sql_analyze_query(sql_analysis *a, sql_scope *outer, const sql_query *q)
{
    sql_relation r = {.sql = "SELECT NULL AS c1"};
    sql_cte *ctes = a->ctes;

    if (a->failed)
        return r;
    if (++a->depth > 300)
        sql_error(a, q->pos, "Query is too deeply nested");
    const char *with = analyze_with(a, q);
    const char *limit = a->failed ? "" : limit_text(a, q);
    if (a->failed) {
        /* nothing more to say */
    } else if (q->select) {
        r = sql_analyze_select(a, outer, q);
        note_nulls(a, q, &r);
        r.sql = sql_printf(a, "%s%s%s", with, r.sql, limit);
    } else {
        r = q->nested ? sql_analyze_query(a, outer, q->nested) : analyze_set(a, outer, q);
        const char *order = a->failed ? "" : order_relation(a, q, &r);
        /* A query in parentheses keeps its own order and limit; a set operation is ordered by
           expressions only from outside. */
        if (*order || (q->nested && (*limit || *with)))
            r.sql = sql_printf(a, "%sSELECT * FROM (%s)%s%s", with, r.sql, order, limit);
        else
            r.sql = sql_printf(a, "%s%s%s%s", with, r.sql, order, limit);
    }
    a->ctes = ctes;
    a->depth--;
    return r;
}

sql_relation sql_unpack_value(sql_analysis *a, const sql_relation *relation)
{
    const bq_field *type = &relation->columns.items[0].type;
    sql_relation out = {.sql = relation->sql};
    bw_buf sql = BW_BUF_INIT;

    if (!relation->is_value || type->kind != BQ_STRUCT || type->mode == BQ_REPEATED ||
        relation->columns.count != 1)
        return *relation;
    for (size_t i = 0; i < type->fields.count; i++) {
        sql_column *c = SQL_ADD(a, out.columns.items, out.columns.count);
        *c = (sql_column){.name = type->fields.fields[i].name, .type = type->fields.fields[i]};
        bw_buf_addf(&sql, "%sbq_item(c1,%zu) AS c%zu", i ? "," : "SELECT ", i, i + 1);
    }
    out.sql = sql_printf(a, "%s FROM (%s)", bw_buf_cstr(&sql), relation->sql);
    bw_buf_fini(&sql);
    return out;
}
