/*
 * PIVOT(...) and UNPIVOT [INCLUDE NULLS] (...) behind a table or a subquery of FROM.
 */
#include "backend/sandbox/sql_parser.h"

bool sql_at_pivot(const sql_parser *p)
{
    const sql_token *next = sql_ahead(p, 1);

    if (sql_at_word(p, "PIVOT"))
        return sql_token_symbol(next, "(");
    return sql_at_word(p, "UNPIVOT") &&
           (sql_token_symbol(next, "(") || sql_token_is(next, "INCLUDE") ||
            sql_token_is(next, "EXCLUDE"));
}

static void parse_items(sql_parser *p, sql_item **items, size_t *count)
{
    do {
        sql_item *item = SQL_LIST_ADD(p, *items, *count);
        item->pos = sql_peek(p)->pos;
        item->expr = sql_parse_expr(p);
        if (!sql_at_word(p, "FOR"))
            item->alias = sql_alias(p);
    } while (!p->failed && sql_accept_symbol(p, ","));
}

static sql_pivot *parse_pivot(sql_parser *p)
{
    sql_pivot *out = BW_ARENA_NEW(p->arena, sql_pivot);

    out->pos = sql_take(p)->pos;
    sql_expect_symbol(p, "(");
    parse_items(p, &out->calls, &out->call_count);
    sql_expect_word(p, "FOR");
    /* An operand: IN belongs to PIVOT. */
    out->input = sql_parse_postfix(p);
    sql_expect_word(p, "IN");
    sql_expect_symbol(p, "(");
    parse_items(p, &out->values, &out->value_count);
    sql_expect_symbol(p, ")");
    sql_expect_symbol(p, ")");
    out->alias = sql_alias(p);
    return out;
}

/* column, or (column, column) */
static void parse_columns(sql_parser *p, sql_names *out)
{
    if (sql_at_symbol(p, "("))
        sql_parse_name_list(p, out);
    else
        sql_names_add(p, out, sql_identifier(p));
}

static sql_unpivot *parse_unpivot(sql_parser *p)
{
    sql_unpivot *out = BW_ARENA_NEW(p->arena, sql_unpivot);

    out->pos = sql_take(p)->pos;
    out->include_nulls = sql_accept_words(p, "INCLUDE", "NULLS", NULL);
    if (!out->include_nulls)
        sql_accept_words(p, "EXCLUDE", "NULLS", NULL);
    sql_expect_symbol(p, "(");
    parse_columns(p, &out->values);
    sql_expect_word(p, "FOR");
    out->name = sql_identifier(p);
    sql_expect_word(p, "IN");
    sql_expect_symbol(p, "(");
    do {
        sql_unpivot_in *in = SQL_LIST_ADD(p, out->in, out->in_count);
        in->pos = sql_peek(p)->pos;
        parse_columns(p, &in->columns);
        bool labelled = sql_accept_word(p, "AS");
        const sql_token *t = sql_peek(p);
        if (labelled || t->type == SQL_STRING || t->type == SQL_INT) {
            if (!p->failed && t->type != SQL_STRING && t->type != SQL_INT)
                sql_expected(p, "string literal or integer literal");
            in->label = sql_parse_postfix(p);
        }
    } while (!p->failed && sql_accept_symbol(p, ","));
    sql_expect_symbol(p, ")");
    sql_expect_symbol(p, ")");
    out->alias = sql_alias(p);
    return out;
}

void sql_parse_pivot(sql_parser *p, sql_from *f)
{
    if (sql_at_word(p, "PIVOT"))
        f->pivot = parse_pivot(p);
    else
        f->unpivot = parse_unpivot(p);
}
