/*
 * Pipe syntax: FROM t |> WHERE x > 1 |> AGGREGATE COUNT(*) AS n GROUP BY y. Each operator makes a query
 * over the one before it. As long as that is only SELECT * of something, the operator becomes a part of
 * it, so that the names of FROM are still there. Specification: "Pipe query syntax" of GoogleSQL.
 */
#include <stdio.h>

#include "backend/sandbox/sql_parser.h"

sql_select *sql_select_all(sql_parser *p, size_t pos)
{
    sql_select *s = BW_ARENA_NEW(p->arena, sql_select);
    sql_item *item = SQL_LIST_ADD(p, s->items, s->item_count);

    s->pos = pos;
    item->pos = pos;
    item->expr = sql_expr_new(p, SQL_X_STAR, pos);
    return s;
}

/* SELECT * FROM ... [WHERE ...] and nothing else? */
static bool is_open(const sql_query *q)
{
    const sql_select *s = q->select;

    if (!s || q->order.count > 0 || q->limit || s->item_count != 1 || s->has_group || s->distinct ||
        s->as_struct || s->as_value || s->having || s->qualify)
        return false;
    const sql_expr *x = s->items[0].expr;
    return x->kind == SQL_X_STAR && x->args.count == 0 && x->except.count == 0 &&
           x->replace_count == 0 && x->rename.count == 0;
}

/* SELECT * over the query, which keeps the one name that its FROM has. */
static sql_query *wrap(sql_parser *p, sql_query *inner, bw_slice alias)
{
    sql_query *q = BW_ARENA_NEW(p->arena, sql_query);
    sql_from *f = BW_ARENA_NEW(p->arena, sql_from);
    const sql_from *before = inner->select ? inner->select->from : NULL;

    f->kind = SQL_F_SUBQUERY;
    f->pos = inner->pos;
    f->query = inner;
    f->alias = alias;
    if (alias.len == 0 && before && before->alias.len > 0)
        f->alias = before->alias;
    else if (alias.len == 0 && before && before->kind == SQL_F_TABLE && before->path.count > 0)
        f->alias = before->path.items[before->path.count - 1];
    q->pos = inner->pos;
    q->select = sql_select_all(p, inner->pos);
    q->select->from = f;
    return q;
}

static sql_query *open_query(sql_parser *p, sql_query *q)
{
    return is_open(q) ? q : wrap(p, q, (bw_slice){"", 0});
}

/* ---- Operators: the name has been taken --------------------------------------------------------- */

static sql_query *pipe_where(sql_parser *p, sql_query *q)
{
    sql_expr *x = sql_parse_expr(p);

    q = open_query(p, q);
    if (q->select->where) {
        sql_expr *both = sql_expr_new(p, SQL_X_LOGIC, x->pos);
        both->flag = true;
        sql_exprs_add(p, &both->args, q->select->where);
        sql_exprs_add(p, &both->args, x);
        x = both;
    }
    q->select->where = x;
    return q;
}

/* A comma may close a list. */
static bool goes_on(sql_parser *p)
{
    return !p->failed && sql_accept_symbol(p, ",") && !sql_at_symbol(p, "|>") &&
           !sql_at_symbol(p, ")") && !sql_at_word(p, "GROUP") && sql_peek(p)->type != SQL_END;
}

static sql_query *pipe_select(sql_parser *p, sql_query *q)
{
    q = open_query(p, q);
    sql_select *s = q->select;
    s->distinct = sql_accept_word(p, "DISTINCT");
    s->as_struct = sql_accept_words(p, "AS", "STRUCT", NULL);
    s->as_value = !s->as_struct && sql_accept_words(p, "AS", "VALUE", NULL);
    s->items = NULL;
    s->item_count = 0;
    do {
        sql_parse_item(p, SQL_LIST_ADD(p, s->items, s->item_count));
    } while (goes_on(p));
    return q;
}

static sql_query *pipe_extend(sql_parser *p, sql_query *q)
{
    q = open_query(p, q);
    do {
        sql_parse_item(p, SQL_LIST_ADD(p, q->select->items, q->select->item_count));
    } while (goes_on(p));
    return q;
}

static sql_query *pipe_set(sql_parser *p, sql_query *q)
{
    q = open_query(p, q);
    sql_expr *star = q->select->items[0].expr;
    do {
        sql_item *item = SQL_LIST_ADD(p, star->replace, star->replace_count);
        item->pos = sql_peek(p)->pos;
        item->alias = sql_identifier(p);
        sql_expect_symbol(p, "=");
        item->expr = sql_parse_expr(p);
    } while (goes_on(p));
    return q;
}

static sql_query *pipe_drop(sql_parser *p, sql_query *q)
{
    q = open_query(p, q);
    do {
        sql_names_add(p, &q->select->items[0].expr->except, sql_identifier(p));
    } while (goes_on(p));
    return q;
}

static sql_query *pipe_rename(sql_parser *p, sql_query *q)
{
    q = open_query(p, q);
    sql_expr *star = q->select->items[0].expr;
    do {
        sql_names_add(p, &star->rename, sql_identifier(p));
        sql_accept_word(p, "AS");
        sql_names_add(p, &star->renamed, sql_identifier(p));
    } while (goes_on(p));
    return q;
}

static sql_query *pipe_as(sql_parser *p, sql_query *q)
{
    return wrap(p, q, sql_identifier(p));
}

static sql_query *pipe_distinct(sql_parser *p, sql_query *q)
{
    q = open_query(p, q);
    q->select->distinct = true;
    return q;
}

static sql_query *pipe_order(sql_parser *p, sql_query *q)
{
    sql_expect_word(p, "BY");
    q = open_query(p, q);
    sql_parse_orders(p, &q->order);
    return q;
}

static sql_query *pipe_limit(sql_parser *p, sql_query *q)
{
    if (q->limit)
        q = wrap(p, q, (bw_slice){"", 0});
    q->limit = sql_parse_expr(p);
    if (sql_accept_word(p, "OFFSET"))
        q->offset = sql_parse_expr(p);
    return q;
}

/* Behind an item of AGGREGATE: [ASC | DESC] [NULLS FIRST | NULLS LAST]. */
static void parse_order_suffix(sql_parser *p, sql_query *q, const sql_item *item, bool always)
{
    bool desc = sql_accept_word(p, "DESC");
    bool given = desc || sql_accept_word(p, "ASC");

    if (!given && !always)
        return;
    sql_order *o = SQL_LIST_ADD(p, q->order.items, q->order.count);
    o->desc = desc;
    o->expr = item->expr;
    sql_parse_nulls(p, o);
}

/* AGGREGATE calls [GROUP [AND ORDER] BY items]: the items come first in the result. */
static sql_query *pipe_aggregate(sql_parser *p, sql_query *q)
{
    sql_item *calls = NULL;
    size_t count = 0;

    q = open_query(p, q);
    sql_select *s = q->select;
    while (!p->failed && !sql_at_word(p, "GROUP") && !sql_at_symbol(p, "|>") &&
           !sql_at_symbol(p, ")") && sql_peek(p)->type != SQL_END) {
        sql_item *item = SQL_LIST_ADD(p, calls, count);
        sql_parse_item(p, item);
        parse_order_suffix(p, q, item, false);
        if (!goes_on(p))
            break;
    }
    s->items = NULL;
    s->item_count = 0;
    bool grouped = sql_accept_word(p, "GROUP");
    bool ordered = grouped && sql_accept_words(p, "AND", "ORDER", NULL);
    if (grouped)
        sql_expect_word(p, "BY");
    while (grouped && !p->failed) {
        sql_item *item = SQL_LIST_ADD(p, s->items, s->item_count);
        sql_parse_item(p, item);
        sql_exprs_add(p, &s->group, item->expr);
        parse_order_suffix(p, q, item, ordered);
        grouped = goes_on(p);
        s->has_group = true;
    }
    for (size_t i = 0; i < count; i++)
        *SQL_LIST_ADD(p, s->items, s->item_count) = calls[i];
    if (!p->failed && s->item_count == 0)
        sql_unexpected(p);
    return q;
}

/* [LEFT ...] JOIN: the word is still there */
static sql_query *pipe_join(sql_parser *p, sql_query *q)
{
    q = open_query(p, q);
    if (q->select->where)
        q = wrap(p, q, (bw_slice){"", 0});
    sql_from *f = sql_parse_join(p, q->select->from);
    if (!f)
        sql_unexpected(p);
    else
        q->select->from = f;
    return q;
}

/* UNION ALL (query), (query): the word is still there */
static sql_query *pipe_set_op(sql_parser *p, sql_query *q)
{
    sql_query *out = BW_ARENA_NEW(p->arena, sql_query);
    char op[32] = "";

    out->pos = q->pos;
    sql_parse_set_op(p, op, sizeof(op));
    out->set_op = bw_slice_cstr(bw_arena_strdup(p->arena, op));
    *SQL_LIST_ADD(p, out->operands, out->operand_count) = q;
    do {
        sql_expect_symbol(p, "(");
        *SQL_LIST_ADD(p, out->operands, out->operand_count) = sql_parse_query(p);
        sql_expect_symbol(p, ")");
    } while (goes_on(p));
    return out;
}

/* PIVOT(...): the word is still there */
static sql_query *pipe_pivot(sql_parser *p, sql_query *q)
{
    q = wrap(p, q, (bw_slice){"", 0});
    if (sql_at_pivot(p))
        sql_parse_pivot(p, q->select->from);
    else
        sql_unexpected(p);
    return q;
}

static const struct {
    const char *word;
    bool stays; /* the operator reads its word itself */
    sql_query *(*parse)(sql_parser *p, sql_query *q);
} operators[] = {
    {"WHERE", false, pipe_where},
    {"SELECT", false, pipe_select},
    {"EXTEND", false, pipe_extend},
    {"SET", false, pipe_set},
    {"DROP", false, pipe_drop},
    {"RENAME", false, pipe_rename},
    {"AS", false, pipe_as},
    {"AGGREGATE", false, pipe_aggregate},
    {"ORDER", false, pipe_order},
    {"LIMIT", false, pipe_limit},
    {"DISTINCT", false, pipe_distinct},
    {"JOIN", true, pipe_join},
    {"INNER", true, pipe_join},
    {"LEFT", true, pipe_join},
    {"RIGHT", true, pipe_join},
    {"FULL", true, pipe_join},
    {"CROSS", true, pipe_join},
    {"UNION", true, pipe_set_op},
    {"INTERSECT", true, pipe_set_op},
    {"EXCEPT", true, pipe_set_op},
    {"PIVOT", true, pipe_pivot},
    {"UNPIVOT", true, pipe_pivot},
};

static sql_query *parse_operator(sql_parser *p, sql_query *q)
{
    for (size_t i = 0; i < BW_COUNT(operators); i++) {
        if (!sql_at_word(p, operators[i].word))
            continue;
        if (!operators[i].stays)
            sql_take(p);
        return operators[i].parse(p, q);
    }
    const sql_token *t = sql_peek(p);
    if (t->type == SQL_IDENT || t->type == SQL_KEYWORD)
        sql_unsupported(p, t->pos,
                        bw_arena_printf(p->arena, "the pipe operator %.*s", BW_SLICE_ARG(t->raw)));
    else
        sql_unexpected(p);
    return q;
}

void sql_parse_pipes(sql_parser *p, sql_query *q)
{
    sql_query *made = BW_ARENA_NEW(p->arena, sql_query);
    int count = 0;

    /* WITH stays outside, where all of them see it. */
    *made = *q;
    made->with = NULL;
    made->with_count = 0;
    made->recursive = false;
    while (!p->failed && sql_accept_symbol(p, "|>")) {
        if (++count > 100)
            sql_fail_at(p, q->pos, "Query is too complex: more than 100 pipe operators");
        made = parse_operator(p, made);
    }
    *q = (sql_query){.pos = q->pos,
                     .with = q->with,
                     .with_count = q->with_count,
                     .recursive = q->recursive,
                     .nested = made};
}
