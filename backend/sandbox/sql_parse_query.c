#include <stdio.h>

#include "backend/sandbox/sql_parser.h"

/* What stands behind a query in parentheses where that is all of a query, or the first of several. */
static bool query_goes_on(const sql_token *t)
{
    static const char *const words[] = {"UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT"};

    for (size_t i = 0; i < BW_COUNT(words); i++) {
        if (sql_token_is(t, words[i]))
            return true;
    }
    return t->type == SQL_END || sql_token_symbol(t, ")") || sql_token_symbol(t, "|>");
}

bool sql_at_query(const sql_parser *p)
{
    const sql_token *t = sql_peek(p);
    size_t level = 0, open;

    for (; sql_token_symbol(t, "("); t++)
        level++;
    if (p->failed ||
        !(sql_token_is(t, "SELECT") || sql_token_is(t, "WITH") || sql_token_is(t, "FROM")))
        return false;
    for (open = level; level > 1 && t->type != SQL_END; t++) {
        open += sql_token_symbol(t, "(");
        if (!sql_token_symbol(t, ")") || --open >= level)
            continue;
        if (!query_goes_on(t + 1))
            return false;
        level--;
    }
    return true;
}

/* ---- FROM -------------------------------------------------------------------------------------- */

static void add_parts(sql_parser *p, sql_names *out, bw_slice name)
{
    const char *from = name.ptr, *end = name.ptr + name.len;

    for (const char *c = from; c <= end; c++) {
        if (c == end || *c == '.') {
            sql_names_add(p, out, (bw_slice){from, (size_t)(c - from)});
            from = c + 1;
        }
    }
}

/* A project's name may hold dashes without backticks: my-project.d.t */
static bw_slice dashed_name(sql_parser *p)
{
    const sql_token *first = sql_peek(p);
    bw_slice name = sql_identifier(p);

    if (first->quoted)
        return name;
    bw_buf text = BW_BUF_INIT;
    bw_buf_add(&text, name.ptr, name.len);
    while (sql_at_symbol(p, "-") && !sql_peek(p)->spaced && !sql_ahead(p, 1)->spaced &&
           (sql_ahead(p, 1)->type == SQL_IDENT || sql_ahead(p, 1)->type == SQL_INT)) {
        sql_take(p);
        const sql_token *part = sql_take(p);
        bw_buf_addc(&text, '-');
        bw_buf_add(&text, part->raw.ptr, part->raw.len);
    }
    name = bw_arena_slice(p->arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return name;
}

void sql_parse_path(sql_parser *p, sql_names *out)
{
    bool quoted = sql_peek(p)->quoted;
    bw_slice first = dashed_name(p);

    if (quoted)
        add_parts(p, out, first);
    else
        sql_names_add(p, out, first);
    while (!p->failed && sql_at_symbol(p, ".")) {
        sql_take(p);
        quoted = sql_peek(p)->quoted;
        bw_slice part = sql_identifier(p);
        if (quoted)
            add_parts(p, out, part);
        else
            sql_names_add(p, out, part);
    }
}

static sql_from *from_new(sql_parser *p, sql_from_kind kind, size_t pos)
{
    sql_from *f = BW_ARENA_NEW(p->arena, sql_from);

    f->kind = kind;
    f->pos = pos;
    return f;
}

static void parse_from_alias(sql_parser *p, sql_from *f)
{
    f->alias_pos = sql_peek(p)->pos;
    if (!sql_at_pivot(p))
        f->alias = sql_alias(p);
    if (sql_at_pivot(p))
        sql_parse_pivot(p, f);
    if (!sql_accept_word(p, "TABLESAMPLE"))
        return;
    sql_expect_word(p, "SYSTEM");
    sql_expect_symbol(p, "(");
    f->sample = sql_parse_postfix(p);
    sql_expect_word(p, "PERCENT");
    sql_expect_symbol(p, ")");
}

sql_from *sql_parse_table(sql_parser *p, bool with_alias)
{
    sql_from *f = from_new(p, SQL_F_TABLE, sql_peek(p)->pos);

    sql_parse_path(p, &f->path);
    if (with_alias && sql_at_symbol(p, "("))
        sql_unsupported(p, f->pos, "a table function");
    if (sql_at_word(p, "FOR"))
        sql_unsupported(p, sql_peek(p)->pos, "FOR SYSTEM_TIME AS OF");
    if (with_alias)
        parse_from_alias(p, f);
    return f;
}

static sql_from *parse_unnest(sql_parser *p)
{
    sql_from *f = from_new(p, SQL_F_UNNEST, sql_take(p)->pos);

    sql_expect_symbol(p, "(");
    f->expr = sql_parse_expr(p);
    sql_expect_symbol(p, ")");
    parse_from_alias(p, f);
    if (sql_accept_words(p, "WITH", "OFFSET", NULL)) {
        f->with_offset = true;
        f->offset_alias = sql_alias(p);
    }
    return f;
}

static sql_from *parse_factor(sql_parser *p)
{
    size_t pos = sql_peek(p)->pos;

    if (sql_at_word(p, "UNNEST"))
        return parse_unnest(p);
    if (!sql_at_symbol(p, "(")) {
        sql_from *f = sql_parse_table(p, true);
        if (f->path.count > 1 && sql_accept_words(p, "WITH", "OFFSET", NULL)) {
            f->with_offset = true;
            f->offset_alias = sql_alias(p);
        }
        return f;
    }
    if (sql_at_query(p)) {
        sql_from *f = from_new(p, SQL_F_SUBQUERY, pos);
        sql_take(p);
        f->query = sql_parse_query(p);
        sql_expect_symbol(p, ")");
        parse_from_alias(p, f);
        return f;
    }
    sql_take(p);
    sql_from *f = sql_parse_from(p);
    sql_expect_symbol(p, ")");
    return f;
}

/* The join that begins here; false when none does. */
static bool parse_join_word(sql_parser *p, sql_join *join, bool *comma)
{
    static const struct {
        const char *word;
        sql_join join;
    } kinds[] = {{"INNER", SQL_J_INNER},
                 {"CROSS", SQL_J_CROSS},
                 {"LEFT", SQL_J_LEFT},
                 {"RIGHT", SQL_J_RIGHT},
                 {"FULL", SQL_J_FULL}};

    *comma = sql_accept_symbol(p, ",");
    *join = SQL_J_CROSS;
    if (*comma)
        return true;
    if (sql_accept_word(p, "JOIN")) {
        *join = SQL_J_INNER;
        return true;
    }
    for (size_t i = 0; i < BW_COUNT(kinds); i++) {
        if (!sql_accept_word(p, kinds[i].word))
            continue;
        *join = kinds[i].join;
        if (*join >= SQL_J_LEFT)
            sql_accept_word(p, "OUTER");
        sql_expect_word(p, "JOIN");
        return true;
    }
    return false;
}

sql_from *sql_parse_join(sql_parser *p, sql_from *left)
{
    size_t pos = sql_peek(p)->pos;
    sql_join join;
    bool comma;

    if (p->failed || !parse_join_word(p, &join, &comma))
        return NULL;
    sql_from *f = from_new(p, SQL_F_JOIN, pos);
    f->join = join;
    f->left = left;
    f->right = parse_factor(p);
    f->using_pos = sql_peek(p)->pos;
    if (sql_accept_word(p, "ON"))
        f->on = sql_parse_expr(p);
    else if (sql_accept_word(p, "USING"))
        sql_parse_name_list(p, &f->using);
    bool path = f->right->kind == SQL_F_TABLE && f->right->path.count > 1;
    bool needs = join != SQL_J_CROSS && f->right->kind != SQL_F_UNNEST && !path;
    bool has = f->on || f->using.count > 0;
    if (!p->failed && needs && !has)
        sql_fail_at(p, sql_peek(p)->pos,
                    "Syntax error: %s JOIN must have an immediately "
                    "following ON or USING clause",
                    join == SQL_J_INNER ? "INNER" : "OUTER");
    if (!p->failed && join == SQL_J_CROSS && has)
        sql_fail_at(p, f->using_pos, "Syntax error: %s cannot have an ON or USING clause",
                    comma ? "comma join" : "CROSS JOIN");
    return f;
}

sql_from *sql_parse_from(sql_parser *p)
{
    int joins = 0;

    if (!sql_enter(p))
        return from_new(p, SQL_F_TABLE, sql_peek(p)->pos);
    sql_from *left = parse_factor(p);
    for (sql_from *f = left; f; f = sql_parse_join(p, left)) {
        left = f;
        if (joins++ > 60)
            sql_fail_at(p, f->pos, "Query is too complex: more than 60 joins");
    }
    sql_leave(p);
    return left;
}

/* ---- SELECT ------------------------------------------------------------------------------------ */

static void parse_star_modifiers(sql_parser *p, sql_expr *x)
{
    if (sql_at_word(p, "EXCEPT") && sql_token_symbol(sql_ahead(p, 1), "(")) {
        sql_take(p);
        sql_parse_name_list(p, &x->except);
    }
    if (sql_accept_word(p, "REPLACE")) {
        sql_expect_symbol(p, "(");
        do {
            sql_item *item = SQL_LIST_ADD(p, x->replace, x->replace_count);
            item->pos = sql_peek(p)->pos;
            item->expr = sql_parse_expr(p);
            sql_accept_word(p, "AS");
            item->alias = sql_identifier(p);
        } while (!p->failed && sql_accept_symbol(p, ","));
        sql_expect_symbol(p, ")");
    }
}

void sql_parse_item(sql_parser *p, sql_item *item)
{
    item->pos = sql_peek(p)->pos;
    if (sql_at_symbol(p, "*")) {
        item->expr = sql_expr_new(p, SQL_X_STAR, sql_take(p)->pos);
        parse_star_modifiers(p, item->expr);
        return;
    }
    item->expr = sql_parse_expr(p);
    if (sql_at_symbol(p, ".") && sql_token_symbol(sql_ahead(p, 1), "*")) {
        sql_take(p);
        sql_expr *star = sql_expr_new(p, SQL_X_STAR, sql_take(p)->pos);
        sql_exprs_add(p, &star->args, item->expr);
        item->expr = star;
        parse_star_modifiers(p, star);
        return;
    }
    item->alias = sql_alias(p);
}

static void parse_windows(sql_parser *p, sql_select *s)
{
    if (!sql_accept_word(p, "WINDOW"))
        return;
    do {
        sql_named_window *w = SQL_LIST_ADD(p, s->windows, s->window_count);
        w->name = sql_identifier(p);
        sql_expect_word(p, "AS");
        w->window = sql_parse_window(p);
    } while (!p->failed && sql_accept_symbol(p, ","));
}

static sql_select *parse_select(sql_parser *p)
{
    sql_select *s = BW_ARENA_NEW(p->arena, sql_select);

    s->pos = sql_take(p)->pos;
    s->distinct = sql_accept_word(p, "DISTINCT");
    if (!s->distinct)
        sql_accept_word(p, "ALL");
    s->as_struct = sql_accept_words(p, "AS", "STRUCT", NULL);
    s->as_value = !s->as_struct && sql_accept_words(p, "AS", "VALUE", NULL);
    if (sql_at_word(p, "FROM") || sql_peek(p)->type == SQL_END) {
        sql_fail_at(p, sql_peek(p)->pos, "Syntax error: SELECT list must not be empty");
        return s;
    }
    do {
        /* A comma may close the list. */
        if (s->item_count > 0 && (sql_at_word(p, "FROM") || sql_peek(p)->type == SQL_END))
            break;
        sql_parse_item(p, SQL_LIST_ADD(p, s->items, s->item_count));
    } while (!p->failed && sql_accept_symbol(p, ","));
    if (sql_accept_word(p, "FROM"))
        s->from = sql_parse_from(p);
    if (sql_accept_word(p, "WHERE"))
        s->where = sql_parse_expr(p);
    if (sql_accept_words(p, "GROUP", "BY", NULL))
        sql_parse_group(p, s);
    if (sql_accept_word(p, "HAVING"))
        s->having = sql_parse_expr(p);
    if (sql_accept_word(p, "QUALIFY"))
        s->qualify = sql_parse_expr(p);
    parse_windows(p, s);
    return s;
}

/* ---- Queries ----------------------------------------------------------------------------------- */

static sql_query *query_new(sql_parser *p)
{
    sql_query *q = BW_ARENA_NEW(p->arena, sql_query);

    q->pos = sql_peek(p)->pos;
    return q;
}

static sql_query *parse_query_primary(sql_parser *p)
{
    sql_query *q = query_new(p);

    if (sql_accept_symbol(p, "(")) {
        q->nested = sql_parse_query(p);
        sql_expect_symbol(p, ")");
    } else if (sql_at_word(p, "SELECT")) {
        q->select = parse_select(p);
    } else if (sql_at_word(p, "FROM")) {
        q->select = sql_select_all(p, q->pos);
        sql_take(p);
        q->select->from = sql_parse_from(p);
    } else {
        sql_unexpected(p);
    }
    return q;
}

bool sql_parse_set_op(sql_parser *p, char *op, size_t size)
{
    static const char *const words[] = {"UNION", "INTERSECT", "EXCEPT"};

    for (size_t i = 0; i < BW_COUNT(words); i++) {
        if (!sql_accept_word(p, words[i]))
            continue;
        bool all = sql_accept_word(p, "ALL");
        if (!all && !sql_accept_word(p, "DISTINCT"))
            sql_expected(p, "keyword ALL or keyword DISTINCT");
        if (sql_at_word(p, "BY") || sql_at_word(p, "STRICT") || sql_at_word(p, "CORRESPONDING"))
            sql_unsupported(p, sql_peek(p)->pos, "a set operation by name");
        if (all && i > 0)
            sql_unsupported(p, sql_peek(p)->pos, "INTERSECT ALL and EXCEPT ALL");
        snprintf(op, size, "%s %s", words[i], all ? "ALL" : "DISTINCT");
        return true;
    }
    return false;
}

static void parse_with(sql_parser *p, sql_query *q)
{
    if (!sql_accept_word(p, "WITH"))
        return;
    q->recursive = sql_accept_word(p, "RECURSIVE");
    do {
        sql_with *w = SQL_LIST_ADD(p, q->with, q->with_count);
        w->pos = sql_peek(p)->pos;
        w->name = sql_identifier(p);
        sql_expect_word(p, "AS");
        sql_expect_symbol(p, "(");
        w->query = sql_parse_query(p);
        sql_expect_symbol(p, ")");
    } while (!p->failed && sql_accept_symbol(p, ","));
}

static void parse_set_operation(sql_parser *p, sql_query *q, sql_query *first)
{
    char op[32];

    while (!p->failed) {
        size_t pos = sql_peek(p)->pos;
        if (!sql_parse_set_op(p, op, sizeof(op)))
            break;
        if (q->operand_count == 0) {
            q->set_op = bw_slice_cstr(bw_arena_strdup(p->arena, op));
            *SQL_LIST_ADD(p, q->operands, q->operand_count) = first;
        } else if (!bw_slice_is(q->set_op, op)) {
            sql_fail_at(p, pos,
                        "Syntax error: Different set operations cannot be used in the same "
                        "query without using parentheses for grouping");
        }
        *SQL_LIST_ADD(p, q->operands, q->operand_count) = parse_query_primary(p);
        if (q->operand_count > 400)
            sql_fail_at(p, pos, "Query is too complex: more than 400 set operations");
    }
}

sql_query *sql_parse_query(sql_parser *p)
{
    sql_query *q = query_new(p);

    if (!sql_enter(p))
        return q;
    parse_with(p, q);
    sql_query *first = parse_query_primary(p);
    parse_set_operation(p, q, first);
    if (q->operand_count == 0) {
        q->select = first->select;
        q->nested = first->nested;
    }
    if (sql_accept_words(p, "ORDER", "BY", NULL))
        sql_parse_orders(p, &q->order);
    if (sql_accept_word(p, "LIMIT")) {
        q->limit = sql_parse_expr(p);
        if (sql_accept_word(p, "OFFSET"))
            q->offset = sql_parse_expr(p);
    }
    if (sql_at_symbol(p, "|>"))
        sql_parse_pipes(p, q);
    sql_leave(p);
    return q;
}
