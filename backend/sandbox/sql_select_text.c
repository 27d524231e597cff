/*
 * The SQLite text of an analysed SELECT.
 */
#include "backend/sandbox/sql_select.h"

/* ---- Writing it out ---------------------------------------------------------------------------- */

static void add_outputs(select_state *st, bw_buf *sql)
{
    for (size_t i = 0; i < st->count; i++) {
        const sql_typed *t = &st->outputs[i].typed;
        const char *text = st->s->distinct ? sql_distinct(st->a, t) : t->sql;
        bw_buf_addf(sql, "%s%s AS c%zu", i ? "," : "", text, i + 1);
    }
}

static void add_order(select_state *st, bw_buf *sql, bool by_name)
{
    bool first = true;

    for (size_t i = 0; i < st->q->order.count && !st->a->failed; i++) {
        const sql_order *o = &st->q->order.items[i];
        sql_typed t = st->order[i];
        if (t.constant)
            continue; /* orders nothing, and a bare number would mean a column */
        if (by_name)
            t.sql = sql_printf(st->a, "o%zu", i + 1);
        bw_buf_addf(sql, "%s%s", first ? " ORDER BY " : ",",
                    sql_order_text(st->a, &t, o->desc, o->nulls));
        first = false;
    }
}

static void add_body(const select_state *st, bw_buf *sql)
{
    bool counted = st->scope.recursion == SQL_RECURSION_DISTINCT;

    if (st->from)
        bw_buf_addf(sql, " FROM %s", st->from);
    if (counted)
        bw_buf_addf(sql, " WHERE bq_recursion(0,0)%s", st->where ? " AND " : "");
    if (st->where)
        bw_buf_addf(sql, "%s%s", counted ? "" : " WHERE ", st->where);
    if (st->group)
        bw_buf_adds(sql, st->group);
    if (st->having)
        bw_buf_addf(sql, " HAVING %s", st->having);
}

static const char *write_plain(select_state *st)
{
    bw_buf sql = BW_BUF_INIT;

    bw_buf_adds(&sql, st->s->distinct ? "SELECT DISTINCT " : "SELECT ");
    add_outputs(st, &sql);
    if (st->scope.recursion == SQL_RECURSION_ALL)
        bw_buf_addf(&sql, ",bq_recursion(%s.depth,0)", st->scope.recursive);
    add_body(st, &sql);
    add_order(st, &sql, false);
    const char *text = sql_printf(st->a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return text;
}

/* QUALIFY: the condition and the order become columns of an inner SELECT. */
static const char *write_qualified(select_state *st)
{
    bw_buf sql = BW_BUF_INIT;

    bw_buf_adds(&sql, st->s->distinct ? "SELECT DISTINCT " : "SELECT ");
    for (size_t i = 0; i < st->count; i++)
        bw_buf_addf(&sql, "%sc%zu", i ? "," : "", i + 1);
    bw_buf_adds(&sql, " FROM (SELECT ");
    add_outputs(st, &sql);
    bw_buf_addf(&sql, ",%s AS qualified", st->qualify);
    for (size_t i = 0; i < st->q->order.count; i++)
        bw_buf_addf(&sql, ",%s AS o%zu", st->order[i].sql, i + 1);
    add_body(st, &sql);
    bw_buf_adds(&sql, ") WHERE qualified");
    add_order(st, &sql, true);
    const char *text = sql_printf(st->a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return text;
}

const char *sql_select_text(select_state *st)
{
    return st->qualify ? write_qualified(st) : write_plain(st);
}

/* ---- Grouping sets ------------------------------------------------------------------------------ */

const char *sql_select_set_text(select_state *st)
{
    bw_buf sql = BW_BUF_INIT;

    bw_buf_adds(&sql, "SELECT ");
    add_outputs(st, &sql);
    for (size_t i = 0; i < st->q->order.count; i++)
        bw_buf_addf(&sql, ",%s AS o%zu", st->order[i].sql, i + 1);
    /* Makes a group even of the set that is empty. */
    bw_buf_adds(&sql, ",count(*) AS rows");
    add_body(st, &sql);
    const char *text = sql_printf(st->a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return text;
}

const char *sql_select_outer_text(select_state *st, const char *rows)
{
    bw_buf sql = BW_BUF_INIT;

    bw_buf_adds(&sql, st->s->distinct ? "SELECT DISTINCT " : "SELECT ");
    for (size_t i = 0; i < st->count; i++)
        bw_buf_addf(&sql, "%sc%zu", i ? "," : "", i + 1);
    bw_buf_addf(&sql, " FROM (%s)", rows);
    add_order(st, &sql, true);
    const char *text = sql_printf(st->a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return text;
}
