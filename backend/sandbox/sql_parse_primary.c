/*
 * What operators stand between: literals, names, calls, CASE, CAST, arrays, structs, subqueries.
 */
#include <strings.h>

#include "backend/sandbox/sql_parser.h"

/* ---- Calls and windows ------------------------------------------------------------------------- */

void sql_parse_exprs(sql_parser *p, sql_exprs *out)
{
    do {
        sql_exprs_add(p, out, sql_parse_expr(p));
    } while (!p->failed && sql_accept_symbol(p, ","));
}

void sql_parse_nulls(sql_parser *p, sql_order *o)
{
    if (sql_accept_words(p, "NULLS", "FIRST", NULL))
        o->nulls = 1;
    else if (sql_accept_words(p, "NULLS", "LAST", NULL))
        o->nulls = 2;
}

void sql_parse_orders(sql_parser *p, sql_orders *out)
{
    do {
        sql_order *o = SQL_LIST_ADD(p, out->items, out->count);
        o->expr = sql_parse_expr(p);
        if (sql_accept_word(p, "COLLATE"))
            sql_unsupported(p, sql_peek(p)->pos, "COLLATE");
        o->desc = sql_accept_word(p, "DESC");
        if (!o->desc)
            sql_accept_word(p, "ASC");
        sql_parse_nulls(p, o);
    } while (!p->failed && sql_accept_symbol(p, ","));
}

static void parse_bound(sql_parser *p, sql_bound *b)
{
    if (sql_accept_word(p, "UNBOUNDED"))
        b->unbounded = true;
    else if (sql_accept_words(p, "CURRENT", "ROW", NULL))
        b->current = true;
    else
        b->offset = sql_parse_expr(p);
    if (b->current)
        return;
    b->preceding = sql_accept_word(p, "PRECEDING");
    if (!b->preceding)
        sql_expect_word(p, "FOLLOWING");
}

/* OVER name, OVER (...), WINDOW name AS (...) */
sql_window *sql_parse_window(sql_parser *p)
{
    sql_window *w = BW_ARENA_NEW(p->arena, sql_window);

    w->pos = sql_peek(p)->pos;
    if (!sql_accept_symbol(p, "(")) {
        w->name = sql_identifier(p);
        return w;
    }
    if (!p->failed && sql_peek(p)->type == SQL_IDENT)
        w->name = sql_identifier(p);
    if (sql_accept_words(p, "PARTITION", "BY", NULL))
        sql_parse_exprs(p, &w->partition);
    if (sql_accept_words(p, "ORDER", "BY", NULL))
        sql_parse_orders(p, &w->order);
    if (sql_at_word(p, "ROWS") || sql_at_word(p, "RANGE")) {
        w->frame = sql_take(p)->text;
        w->has_to = sql_accept_word(p, "BETWEEN");
        parse_bound(p, &w->from);
        if (w->has_to) {
            sql_expect_word(p, "AND");
            parse_bound(p, &w->to);
        }
    }
    sql_expect_symbol(p, ")");
    return w;
}

static sql_expr *parse_argument(sql_parser *p)
{
    const sql_token *t = sql_peek(p);

    if (t->type == SQL_IDENT && sql_token_symbol(sql_ahead(p, 1), "=>")) {
        sql_expr *x = sql_expr_new(p, SQL_X_NAMED, t->pos);
        x->text = sql_identifier(p);
        sql_take(p);
        sql_exprs_add(p, &x->args, sql_parse_expr(p));
        return x;
    }
    if (sql_at_word(p, "SELECT") || sql_at_word(p, "WITH")) {
        sql_unsupported(p, t->pos, "a query as an argument without parentheses");
        return sql_expr_new(p, SQL_X_NULL, t->pos);
    }
    return sql_parse_expr(p);
}

static void parse_call_tail(sql_parser *p, sql_call *c)
{
    c->ignore_nulls = sql_accept_words(p, "IGNORE", "NULLS", NULL);
    c->respect_nulls = !c->ignore_nulls && sql_accept_words(p, "RESPECT", "NULLS", NULL);
    if (sql_accept_word(p, "HAVING")) {
        c->having_max = sql_accept_word(p, "MAX");
        if (!c->having_max)
            sql_expect_word(p, "MIN");
        c->having = sql_parse_expr(p);
    }
    if (sql_accept_words(p, "ORDER", "BY", NULL))
        sql_parse_orders(p, &c->order);
    if (sql_accept_word(p, "LIMIT"))
        c->limit = sql_parse_expr(p);
}

/* The parentheses of a call, opened already. */
static void parse_call(sql_parser *p, sql_expr *x)
{
    sql_call *c = x->call = BW_ARENA_NEW(p->arena, sql_call);

    if (x->names.count == 2 && strncasecmp(x->names.items[0].ptr, "SAFE", 4) == 0 &&
        x->names.items[0].len == 4) {
        c->safe = true;
        x->names = (sql_names){x->names.items + 1, 1};
    }
    c->distinct = sql_accept_word(p, "DISTINCT");
    if (sql_at_symbol(p, "*") && sql_token_symbol(sql_ahead(p, 1), ")")) {
        sql_take(p);
        c->star = true;
    } else if (!sql_at_symbol(p, ")")) {
        do {
            sql_exprs_add(p, &x->args, parse_argument(p));
        } while (!p->failed && sql_accept_symbol(p, ","));
        parse_call_tail(p, c);
    }
    sql_expect_symbol(p, ")");
    if (sql_accept_word(p, "OVER"))
        c->over = sql_parse_window(p);
}

/* ---- Primaries --------------------------------------------------------------------------------- */

static sql_expr *literal(sql_parser *p, sql_expr_kind kind)
{
    const sql_token *t = sql_take(p);
    sql_expr *x = sql_expr_new(p, kind, t->pos);

    x->text = t->text;
    x->flag = kind == SQL_X_BOOL && sql_token_is(t, "TRUE");
    return x;
}

static sql_expr *parse_case(sql_parser *p)
{
    sql_expr *x = sql_expr_new(p, SQL_X_CASE, sql_take(p)->pos);

    if (!sql_at_word(p, "WHEN")) {
        x->flag = true;
        sql_exprs_add(p, &x->args, sql_parse_expr(p));
    }
    do {
        sql_expect_word(p, "WHEN");
        sql_exprs_add(p, &x->args, sql_parse_expr(p));
        sql_expect_word(p, "THEN");
        sql_exprs_add(p, &x->args, sql_parse_expr(p));
    } while (!p->failed && sql_at_word(p, "WHEN"));
    if (sql_accept_word(p, "ELSE")) {
        x->other = true;
        sql_exprs_add(p, &x->args, sql_parse_expr(p));
    }
    sql_expect_word(p, "END");
    return x;
}

static sql_expr *parse_cast(sql_parser *p)
{
    const sql_token *t = sql_take(p);
    sql_expr *x = sql_expr_new(p, SQL_X_CAST, t->pos);

    x->flag = sql_token_is(t, "SAFE_CAST");
    sql_expect_symbol(p, "(");
    sql_exprs_add(p, &x->args, sql_parse_expr(p));
    sql_expect_word(p, "AS");
    x->type = sql_parse_type(p);
    if (sql_at_word(p, "FORMAT"))
        sql_unsupported(p, sql_peek(p)->pos, "CAST with FORMAT");
    sql_expect_symbol(p, ")");
    return x;
}

static sql_expr *parse_extract(sql_parser *p)
{
    sql_expr *x = sql_expr_new(p, SQL_X_EXTRACT, sql_take(p)->pos);

    sql_expect_symbol(p, "(");
    x->text = sql_identifier(p);
    if (sql_accept_symbol(p, "(")) { /* WEEK(MONDAY) */
        sql_names_add(p, &x->names, sql_identifier(p));
        sql_expect_symbol(p, ")");
    }
    sql_expect_word(p, "FROM");
    sql_exprs_add(p, &x->args, sql_parse_expr(p));
    if (sql_accept_words(p, "AT", "TIME", "ZONE"))
        sql_exprs_add(p, &x->args, sql_parse_expr(p));
    sql_expect_symbol(p, ")");
    return x;
}

static sql_expr *parse_exists(sql_parser *p)
{
    sql_expr *x = sql_expr_new(p, SQL_X_EXISTS, sql_take(p)->pos);

    sql_expect_symbol(p, "(");
    x->query = sql_parse_query(p);
    sql_expect_symbol(p, ")");
    return x;
}

/* The elements between brackets; the opening one has been taken. */
static void parse_elements(sql_parser *p, sql_expr *x)
{
    if (!sql_at_symbol(p, "]"))
        sql_parse_exprs(p, &x->args);
    sql_expect_symbol(p, "]");
}

static sql_expr *parse_array(sql_parser *p)
{
    const sql_token *t = sql_peek(p);
    sql_expr *x = sql_expr_new(p, SQL_X_ARRAY, t->pos);

    if (sql_accept_symbol(p, "[")) {
        parse_elements(p, x);
        return x;
    }
    if (sql_token_symbol(sql_ahead(p, 1), "(")) {
        sql_take(p);
        sql_take(p);
        x->kind = SQL_X_ARRAY_QUERY;
        x->query = sql_parse_query(p);
        sql_expect_symbol(p, ")");
        return x;
    }
    if (sql_token_symbol(sql_ahead(p, 1), "<")) {
        x->type = sql_parse_type(p);
    } else {
        sql_take(p);
    }
    sql_expect_symbol(p, "[");
    parse_elements(p, x);
    return x;
}

static sql_expr *parse_struct(sql_parser *p)
{
    sql_expr *x = sql_expr_new(p, SQL_X_STRUCT, sql_peek(p)->pos);

    if (sql_token_symbol(sql_ahead(p, 1), "<"))
        x->type = sql_parse_type(p);
    else
        sql_take(p);
    sql_expect_symbol(p, "(");
    if (sql_accept_symbol(p, ")"))
        return x;
    do {
        sql_exprs_add(p, &x->args, sql_parse_expr(p));
        bool named = sql_accept_word(p, "AS");
        sql_names_add(p, &x->names, named ? sql_identifier(p) : (bw_slice){"", 0});
    } while (!p->failed && sql_accept_symbol(p, ","));
    sql_expect_symbol(p, ")");
    return x;
}

static sql_expr *parse_interval(sql_parser *p)
{
    sql_expr *x = sql_expr_new(p, SQL_X_INTERVAL, sql_take(p)->pos);

    sql_exprs_add(p, &x->args, sql_parse_expr(p));
    x->text = sql_identifier(p);
    if (sql_accept_word(p, "TO"))
        sql_names_add(p, &x->names, sql_identifier(p));
    return x;
}

/* (query), (a) or the STRUCT (a, b) */
static sql_expr *parse_parenthesis(sql_parser *p)
{
    bool query = sql_at_query(p);
    size_t pos = sql_take(p)->pos;

    if (query) {
        sql_expr *x = sql_expr_new(p, SQL_X_SUBQUERY, pos);
        x->query = sql_parse_query(p);
        sql_expect_symbol(p, ")");
        return x;
    }
    sql_expr *x = sql_parse_expr(p);
    if (sql_at_symbol(p, ",")) {
        sql_expr *s = sql_expr_new(p, SQL_X_STRUCT, pos);
        sql_exprs_add(p, &s->args, x);
        sql_names_add(p, &s->names, (bw_slice){"", 0});
        while (sql_accept_symbol(p, ",")) {
            sql_exprs_add(p, &s->args, sql_parse_expr(p));
            sql_names_add(p, &s->names, (bw_slice){"", 0});
        }
        x = s;
    }
    sql_expect_symbol(p, ")");
    return x;
}

/* DATE '...': a type's name before a string. */
static bool at_typed_literal(const sql_parser *p)
{
    static const char *const types[] = {"DATE",    "TIME",       "DATETIME", "TIMESTAMP",
                                        "NUMERIC", "BIGNUMERIC", "DECIMAL",  "BIGDECIMAL",
                                        "JSON",    "GEOGRAPHY"};

    if (sql_ahead(p, 1)->type != SQL_STRING)
        return false;
    for (size_t i = 0; i < BW_COUNT(types); i++) {
        if (sql_at_word(p, types[i]))
            return true;
    }
    return false;
}

static sql_expr *parse_typed(sql_parser *p)
{
    sql_expr *x = sql_expr_new(p, SQL_X_TYPED, sql_peek(p)->pos);

    x->type = sql_parse_type(p);
    if (!p->failed && sql_peek(p)->type != SQL_STRING)
        sql_expected(p, "string literal");
    else
        x->text = sql_take(p)->text;
    return x;
}

static sql_expr *parse_name(sql_parser *p)
{
    static const char *const niladic[] = {"CURRENT_DATE", "CURRENT_TIME", "CURRENT_DATETIME",
                                          "CURRENT_TIMESTAMP"};
    const sql_token *t = sql_peek(p);
    sql_expr *x = sql_expr_new(p, SQL_X_PATH, t->pos);

    if (at_typed_literal(p))
        return parse_typed(p);
    sql_names_add(p, &x->names, sql_take(p)->text);
    while (sql_at_symbol(p, ".") && sql_ahead(p, 1)->type == SQL_IDENT) {
        sql_take(p);
        sql_names_add(p, &x->names, sql_identifier(p));
    }
    if (!t->quoted && sql_accept_symbol(p, "(")) {
        x->kind = SQL_X_CALL;
        parse_call(p, x);
        return x;
    }
    for (size_t i = 0; x->names.count == 1 && i < BW_COUNT(niladic); i++) {
        if (sql_token_is(t, niladic[i])) {
            x->kind = SQL_X_CALL;
            x->call = BW_ARENA_NEW(p->arena, sql_call);
        }
    }
    return x;
}

typedef struct primary_row {
    const char *word;
    sql_expr *(*parse)(sql_parser *p);
} primary_row;

static const primary_row primaries[] = {
    {"CASE", parse_case},       {"CAST", parse_cast},         {"SAFE_CAST", parse_cast},
    {"EXTRACT", parse_extract}, {"EXISTS", parse_exists},     {"ARRAY", parse_array},
    {"STRUCT", parse_struct},   {"INTERVAL", parse_interval},
};

static sql_expr *parse_param(sql_parser *p)
{
    const sql_token *t = sql_take(p);
    sql_expr *x = sql_expr_new(p, SQL_X_PARAM, t->pos);

    if (t->type == SQL_PARAM)
        x->text = t->text;
    else
        x->index = p->param_count++;
    return x;
}

static sql_expr *parse_word(sql_parser *p)
{
    const sql_token *t = sql_peek(p);
    bool called = sql_token_symbol(sql_ahead(p, 1), "(");

    for (size_t i = 0; i < BW_COUNT(primaries); i++) {
        bool plain = t->type == SQL_KEYWORD || (called && !t->quoted);
        if (plain && sql_at_word(p, primaries[i].word))
            return primaries[i].parse(p);
    }
    if (sql_at_word(p, "NULL"))
        return literal(p, SQL_X_NULL);
    if (sql_at_word(p, "TRUE") || sql_at_word(p, "FALSE"))
        return literal(p, SQL_X_BOOL);
    if (sql_at_word(p, "DEFAULT"))
        return literal(p, SQL_X_DEFAULT);
    if (sql_at_word(p, "RANGE") && sql_token_symbol(sql_ahead(p, 1), "<"))
        return parse_typed(p);
    if (called && sql_at_word(p, "COLLATE"))
        sql_unsupported(p, t->pos, "the function COLLATE");
    bool function =
        called && (sql_at_word(p, "IF") || sql_at_word(p, "LEFT") || sql_at_word(p, "RIGHT") ||
                   sql_at_word(p, "RANGE") || sql_at_word(p, "GROUPING"));
    if (t->type == SQL_IDENT || function)
        return parse_name(p);
    sql_unexpected(p);
    return sql_expr_new(p, SQL_X_NULL, t->pos);
}

static sql_expr *parse_primary(sql_parser *p)
{
    const sql_token *t = sql_peek(p);

    switch (t->type) {
    case SQL_INT:
        return literal(p, SQL_X_INT);
    case SQL_FLOAT:
        return literal(p, SQL_X_FLOAT);
    case SQL_STRING:
        return literal(p, SQL_X_STRING);
    case SQL_BYTES:
        return literal(p, SQL_X_BYTES);
    case SQL_PARAM:
        return parse_param(p);
    case SQL_IDENT:
    case SQL_KEYWORD:
        return parse_word(p);
    default:
        break;
    }
    if (sql_at_symbol(p, "("))
        return parse_parenthesis(p);
    if (sql_at_symbol(p, "["))
        return parse_array(p);
    if (sql_at_symbol(p, "?"))
        return parse_param(p);
    sql_unexpected(p);
    return sql_expr_new(p, SQL_X_NULL, t->pos);
}

/* x[OFFSET(0)], x[0], x.field */
sql_expr *sql_parse_postfix(sql_parser *p)
{
    static const char *const modes[] = {"OFFSET", "ORDINAL", "SAFE_OFFSET", "SAFE_ORDINAL"};
    sql_expr *x = parse_primary(p);

    while (!p->failed) {
        size_t pos = sql_peek(p)->pos;
        if (sql_accept_symbol(p, "[")) {
            sql_expr *index = sql_expr_new(p, SQL_X_INDEX, pos);
            for (size_t i = 0; i < BW_COUNT(modes); i++) {
                if (sql_at_word(p, modes[i]) && sql_token_symbol(sql_ahead(p, 1), "("))
                    index->text = bw_slice_cstr(modes[i]);
            }
            if (index->text.len > 0) {
                sql_take(p);
                sql_take(p);
            }
            sql_exprs_add(p, &index->args, x);
            sql_exprs_add(p, &index->args, sql_parse_expr(p));
            if (index->text.len > 0)
                sql_expect_symbol(p, ")");
            sql_expect_symbol(p, "]");
            x = index;
        } else if (sql_at_symbol(p, ".") && sql_ahead(p, 1)->type == SQL_IDENT) {
            sql_take(p);
            sql_expr *field = sql_expr_new(p, SQL_X_FIELD, sql_peek(p)->pos);
            field->text = sql_identifier(p);
            sql_exprs_add(p, &field->args, x);
            x = field;
        } else {
            break;
        }
    }
    return x;
}
