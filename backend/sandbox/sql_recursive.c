/*
 * WITH RECURSIVE: a table that its own last term reads. SQLite runs it; the sandbox counts, because
 * BigQuery ends a recursion that does not end by itself.
 */
#include "backend/sandbox/sql_analyze.h"

static bool from_names(const sql_from *f, bw_slice name)
{
    if (!f)
        return false;
    if (f->kind == SQL_F_JOIN)
        return from_names(f->left, name) || from_names(f->right, name);
    return f->kind == SQL_F_TABLE && f->path.count == 1 && sql_slice_equal(f->path.items[0], name);
}

/* Without the parentheses around it. */
static const sql_query *last_term(const sql_with *w)
{
    const sql_query *q = w->query;

    if (q->operand_count < 2)
        return NULL;
    q = q->operands[q->operand_count - 1];
    while (q->nested && q->order.count == 0 && !q->limit && q->with_count == 0)
        q = q->nested;
    return q;
}

bool sql_is_recursive(const sql_with *w)
{
    const sql_query *last = last_term(w);

    return last && last->select && from_names(last->select->from, w->name);
}

static void check_form(sql_analysis *a, const sql_with *w)
{
    const sql_query *q = w->query, *last = last_term(w);

    if (!bw_slice_is(q->set_op, "UNION ALL") && !bw_slice_is(q->set_op, "UNION DISTINCT"))
        sql_error(a, q->pos,
                  "A recursive term must be combined with its base by UNION ALL or "
                  "UNION DISTINCT");
    else if (q->order.count > 0 || q->limit || q->with_count > 0 || last->order.count > 0 ||
             last->limit || last->with_count > 0)
        sql_error(a, q->pos,
                  "Unsupported: WITH, ORDER BY and LIMIT in a recursive query are not "
                  "part of the sandbox's SQL");
    else if (last->select->has_group || last->select->distinct || last->select->qualify)
        sql_error(a, last->pos,
                  "Unsupported: GROUP BY, DISTINCT and QUALIFY in a recursive term are not part of "
                  "the sandbox's SQL");
}

/* The base gives the types; a literal NULL of it would be INT64. */
static void check_types(sql_analysis *a, const sql_with *w, const sql_relation *base,
                        const sql_relation *term)
{
    if (base->columns.count != term->columns.count)
        sql_error(a, last_term(w)->pos,
                  "Queries in %.*s have mismatched column count; query 1 has %zu, query 2 has %zu",
                  BW_SLICE_ARG(w->query->set_op), base->columns.count, term->columns.count);
    for (size_t i = 0; !a->failed && i < base->columns.count; i++) {
        const bq_field *from = &term->columns.items[i].type, *to = &base->columns.items[i].type;
        if (!bq_type_equal(from, to))
            sql_error(a, last_term(w)->pos,
                      "Cannot coerce column %zu of the recursive term from %s to %s, the type that "
                      "the base term gives it: add a CAST",
                      i + 1, sql_type_name(a, from), sql_type_name(a, to));
        else if (!sql_groupable(to) && !bw_slice_is(w->query->set_op, "UNION ALL"))
            sql_error(a, w->pos,
                      "Column %zu in UNION DISTINCT has type that does not support set operation "
                      "comparisons: %s",
                      i + 1, sql_type_name(a, to));
    }
}

/* Terms before the last one. */
static sql_relation analyze_base(sql_analysis *a, const sql_with *w)
{
    sql_query base = *w->query;

    base.operand_count--;
    return sql_analyze_query(a, NULL, base.operand_count == 1 ? base.operands[0] : &base);
}

sql_relation sql_analyze_recursive(sql_analysis *a, const sql_with *w, sql_cte *cte)
{
    bool all = bw_slice_is(w->query->set_op, "UNION ALL");

    check_form(a, w);
    sql_relation base = a->failed ? (sql_relation){0} : analyze_base(a, w);
    if (a->failed)
        return base;
    *cte = (sql_cte){.outer = a->ctes,
                     .name = w->name,
                     .sql_name = cte->sql_name,
                     .columns = base.columns,
                     .is_value = base.is_value,
                     .recursion = all ? SQL_RECURSION_ALL : SQL_RECURSION_DISTINCT};
    a->ctes = cte;
    sql_relation term = sql_analyze_query(a, NULL, last_term(w));
    a->ctes = cte->outer;
    cte->recursion = SQL_RECURSION_NONE;
    if (!a->failed)
        check_types(a, w, &base, &term);
    bw_buf sql = BW_BUF_INIT;
    bw_buf_adds(&sql, "SELECT ");
    for (size_t i = 0; i < base.columns.count; i++)
        bw_buf_addf(&sql, "%sc%zu", i ? "," : "", i + 1);
    bw_buf_addf(&sql, "%s FROM (%s) %s %s", all ? ",0" : "", base.sql, all ? "UNION ALL" : "UNION",
                a->failed ? "" : term.sql);
    base.sql = sql_printf(a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return base;
}
