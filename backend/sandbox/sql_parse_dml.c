#include "backend/sandbox/sql_parser.h"

/* a.b = expr, ... */
static void parse_sets(sql_parser *p, sql_set **sets, size_t *count)
{
    do {
        sql_set *set = SQL_LIST_ADD(p, *sets, *count);
        set->pos = sql_peek(p)->pos;
        sql_names_add(p, &set->path, sql_identifier(p));
        while (sql_accept_symbol(p, "."))
            sql_names_add(p, &set->path, sql_identifier(p));
        sql_expect_symbol(p, "=");
        set->value = sql_parse_expr(p);
    } while (!p->failed && sql_accept_symbol(p, ","));
}

/* (a, b, c): the values of one row */
static void parse_values(sql_parser *p, sql_exprs *out)
{
    sql_expect_symbol(p, "(");
    sql_parse_exprs(p, out);
    sql_expect_symbol(p, ")");
}

void sql_parse_insert(sql_parser *p, sql_stmt *s)
{
    sql_accept_word(p, "INTO");
    s->target = sql_parse_table(p, false);
    s->columns_pos = sql_peek(p)->pos;
    if (sql_at_symbol(p, "(") && !sql_at_query(p))
        sql_parse_name_list(p, &s->columns);
    if (sql_accept_word(p, "VALUES")) {
        do {
            sql_row *row = SQL_LIST_ADD(p, s->rows, s->row_count);
            row->pos = sql_peek(p)->pos;
            parse_values(p, &row->values);
        } while (!p->failed && sql_accept_symbol(p, ","));
    } else if (sql_at_query(p)) {
        s->query = sql_parse_query(p);
    } else {
        sql_unexpected(p);
    }
}

void sql_parse_update(sql_parser *p, sql_stmt *s)
{
    s->target = sql_parse_table(p, true);
    sql_expect_word(p, "SET");
    parse_sets(p, &s->sets, &s->set_count);
    if (sql_accept_word(p, "FROM"))
        s->from = sql_parse_from(p);
    if (sql_accept_word(p, "WHERE"))
        s->where = sql_parse_expr(p);
    if (!p->failed && !s->where)
        sql_fail_at(p, s->pos, "UPDATE must have a WHERE clause");
}

void sql_parse_delete(sql_parser *p, sql_stmt *s)
{
    sql_accept_word(p, "FROM");
    s->target = sql_parse_table(p, true);
    if (sql_accept_word(p, "WHERE"))
        s->where = sql_parse_expr(p);
    if (!p->failed && !s->where)
        sql_fail_at(p, s->pos, "DELETE must have a WHERE clause");
}

void sql_parse_truncate(sql_parser *p, sql_stmt *s)
{
    sql_expect_word(p, "TABLE");
    s->target = sql_parse_table(p, false);
}

/* ---- MERGE ------------------------------------------------------------------------------------- */

static void parse_match(sql_parser *p, sql_when *w)
{
    if (sql_accept_word(p, "MATCHED")) {
        w->match = SQL_M_MATCHED;
        return;
    }
    sql_expect_word(p, "NOT");
    sql_expect_word(p, "MATCHED");
    w->match = SQL_M_NOT_BY_TARGET;
    if (sql_accept_word(p, "BY")) {
        if (sql_accept_word(p, "SOURCE"))
            w->match = SQL_M_NOT_BY_SOURCE;
        else
            sql_expect_word(p, "TARGET");
    }
}

static void parse_merge_insert(sql_parser *p, sql_when *w)
{
    w->action = SQL_A_INSERT;
    w->columns_pos = sql_peek(p)->pos;
    if (sql_at_symbol(p, "("))
        sql_parse_name_list(p, &w->columns);
    if (sql_accept_word(p, "ROW")) {
        w->action = SQL_A_INSERT_ROW;
        return;
    }
    sql_expect_word(p, "VALUES");
    parse_values(p, &w->values);
}

static void parse_when(sql_parser *p, sql_when *w)
{
    w->pos = sql_take(p)->pos;
    parse_match(p, w);
    if (sql_accept_word(p, "AND"))
        w->condition = sql_parse_expr(p);
    sql_expect_word(p, "THEN");
    size_t pos = sql_peek(p)->pos;
    bool insert = w->match == SQL_M_NOT_BY_TARGET;
    if (sql_accept_word(p, "INSERT")) {
        if (!insert)
            sql_fail_at(p, pos,
                        "Syntax error: INSERT is only possible in WHEN NOT MATCHED [BY "
                        "TARGET]");
        parse_merge_insert(p, w);
        return;
    }
    if (insert && !p->failed) {
        sql_expected(p, "keyword INSERT");
        return;
    }
    if (sql_accept_word(p, "DELETE")) {
        w->action = SQL_A_DELETE;
        return;
    }
    sql_expect_word(p, "UPDATE");
    sql_expect_word(p, "SET");
    w->action = SQL_A_UPDATE;
    parse_sets(p, &w->sets, &w->set_count);
}

void sql_parse_merge(sql_parser *p, sql_stmt *s)
{
    sql_accept_word(p, "INTO");
    s->target = sql_parse_table(p, true);
    sql_expect_word(p, "USING");
    s->from = sql_parse_from(p);
    sql_expect_word(p, "ON");
    s->on = sql_parse_expr(p);
    while (sql_at_word(p, "WHEN"))
        parse_when(p, SQL_LIST_ADD(p, s->whens, s->when_count));
    if (!p->failed && s->when_count == 0)
        sql_expected(p, "keyword WHEN");
}
