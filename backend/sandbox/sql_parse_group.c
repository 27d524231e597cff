/*
 * GROUP BY: expressions, ALL, or the grouping sets of ROLLUP, CUBE and GROUPING SETS.
 */
#include "backend/sandbox/sql_parser.h"

#define MAX_SETS 256

/* The expressions of one set as places in select->group. */
static void add_place(sql_parser *p, sql_group_set *set, size_t place)
{
    *SQL_LIST_ADD(p, set->items, set->count) = place;
}

static void add_all(sql_parser *p, sql_group_set *set, const sql_group_set *more)
{
    for (size_t i = 0; i < more->count; i++)
        add_place(p, set, more->items[i]);
}

static sql_group_set *add_set(sql_parser *p, sql_select *s)
{
    if (s->set_count >= MAX_SETS)
        sql_unsupported(p, s->pos, "GROUP BY with more than 256 grouping sets");
    return SQL_LIST_ADD(p, s->sets, s->set_count);
}

/* a, (a, b) or () */
static sql_group_set parse_item(sql_parser *p, sql_select *s)
{
    bool parenthesis = sql_at_symbol(p, "(");
    sql_group_set set = {NULL, 0};

    if (parenthesis && sql_token_symbol(sql_ahead(p, 1), ")")) {
        sql_take(p);
        sql_take(p);
        return set;
    }
    sql_expr *x = sql_parse_expr(p);
    /* A list in parentheses reads like a STRUCT. */
    bool list = parenthesis && x->kind == SQL_X_STRUCT && !x->type;
    for (size_t i = 0; i < (list ? x->args.count : 1); i++) {
        add_place(p, &set, s->group.count);
        sql_exprs_add(p, &s->group, list ? x->args.items[i] : x);
    }
    return set;
}

/* From all items down to none. */
static void add_rollup(sql_parser *p, sql_select *s, const sql_group_set *items, size_t count)
{
    for (size_t n = count + 1; n-- > 0 && !p->failed;) {
        sql_group_set *set = add_set(p, s);
        for (size_t i = 0; i < n; i++)
            add_all(p, set, &items[i]);
    }
}

/* Every choice of items. */
static void add_cube(sql_parser *p, sql_select *s, const sql_group_set *items, size_t count)
{
    if (count > 8) {
        sql_unsupported(p, s->pos, "GROUP BY with more than 256 grouping sets");
        return;
    }
    for (size_t mask = (size_t)1 << count; mask-- > 0 && !p->failed;) {
        sql_group_set *set = add_set(p, s);
        for (size_t i = 0; i < count; i++) {
            if (mask >> (count - 1 - i) & 1)
                add_all(p, set, &items[i]);
        }
    }
}

static bool accept_call(sql_parser *p, const char *word)
{
    if (!sql_at_word(p, word) || !sql_token_symbol(sql_ahead(p, 1), "("))
        return false;
    sql_take(p);
    sql_take(p);
    return true;
}

static bool parse_multiple(sql_parser *p, sql_select *s)
{
    bool rollup = accept_call(p, "ROLLUP");
    sql_group_set *items = NULL;
    size_t count = 0;

    if (!rollup && !accept_call(p, "CUBE"))
        return false;
    do {
        sql_group_set item = parse_item(p, s);
        *SQL_LIST_ADD(p, items, count) = item;
    } while (!p->failed && sql_accept_symbol(p, ","));
    sql_expect_symbol(p, ")");
    if (rollup)
        add_rollup(p, s, items, count);
    else
        add_cube(p, s, items, count);
    return true;
}

void sql_parse_group(sql_parser *p, sql_select *s)
{
    s->has_group = true;
    if (sql_accept_word(p, "ALL")) {
        s->group_all = true;
    } else if (sql_accept_words(p, "GROUPING", "SETS", NULL)) {
        sql_expect_symbol(p, "(");
        do {
            if (parse_multiple(p, s))
                continue;
            sql_group_set set = parse_item(p, s);
            *add_set(p, s) = set;
        } while (!p->failed && sql_accept_symbol(p, ","));
        sql_expect_symbol(p, ")");
    } else if (sql_at_symbol(p, "(") && sql_token_symbol(sql_ahead(p, 1), ")")) {
        *add_set(p, s) = parse_item(p, s);
    } else if (!parse_multiple(p, s)) {
        sql_parse_exprs(p, &s->group);
    }
    if (!p->failed && s->set_count > 0 && sql_at_symbol(p, ","))
        sql_unsupported(p, sql_peek(p)->pos, "GROUP BY of grouping sets and of expressions");
}
