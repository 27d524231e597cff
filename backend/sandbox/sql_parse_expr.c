/*
 * Operators by their precedence, and predicates.
 */
#include "backend/sandbox/sql_parser.h"

static sql_expr *parse_unary(sql_parser *p)
{
    const sql_token *t = sql_peek(p);

    if (!sql_at_symbol(p, "-") && !sql_at_symbol(p, "+") && !sql_at_symbol(p, "~"))
        return sql_parse_postfix(p);
    if (!sql_enter(p))
        return sql_expr_new(p, SQL_X_NULL, t->pos);
    sql_take(p);
    sql_expr *x = sql_expr_new(p, SQL_X_UNARY, t->pos);
    x->text = t->text;
    sql_exprs_add(p, &x->args, parse_unary(p));
    sql_leave(p);
    return x;
}

/* From the tightest to the loosest. */
static const char *const levels[][3] = {
    {"*", "/", "||"},  {"+", "-", NULL},  {"<<", ">>", NULL},
    {"&", NULL, NULL}, {"^", NULL, NULL}, {"|", NULL, NULL},
};

static bool at_operator(const sql_parser *p, const char *op)
{
    /* '>>' is not a token of its own because of ARRAY<STRUCT<...>>. */
    if (strcmp(op, ">>") == 0)
        return sql_at_symbol(p, ">") && sql_token_symbol(sql_ahead(p, 1), ">") &&
               !sql_ahead(p, 1)->spaced;
    return sql_at_symbol(p, op);
}

static const char *operator_at(const sql_parser *p, size_t level)
{
    for (size_t i = 0; i < 3 && levels[level][i]; i++) {
        if (at_operator(p, levels[level][i]))
            return levels[level][i];
    }
    return NULL;
}

static sql_expr *parse_binary(sql_parser *p, size_t level)
{
    sql_expr *left = level == 0 ? parse_unary(p) : parse_binary(p, level - 1);
    const char *op;
    int chain = 0;

    while (!p->failed && (op = operator_at(p, level)) != NULL) {
        sql_expr *x = sql_expr_new(p, SQL_X_BINARY, sql_peek(p)->pos);
        sql_take(p);
        if (strcmp(op, ">>") == 0)
            sql_take(p);
        if (++chain > 400)
            sql_fail_at(p, x->pos, "Query is too complex: more than 400 operators in a row");
        x->text = bw_slice_cstr(op);
        sql_exprs_add(p, &x->args, left);
        sql_exprs_add(p, &x->args, level == 0 ? parse_unary(p) : parse_binary(p, level - 1));
        left = x;
    }
    return left;
}

#define TOP_LEVEL (BW_COUNT(levels) - 1)

static sql_expr *parse_in(sql_parser *p, sql_expr *left, bool negated, size_t pos)
{
    sql_expr *x = sql_expr_new(p, SQL_X_IN, pos);

    x->flag = negated;
    sql_exprs_add(p, &x->args, left);
    if (sql_accept_word(p, "UNNEST")) {
        x->other = true;
        sql_expect_symbol(p, "(");
        sql_exprs_add(p, &x->args, sql_parse_expr(p));
        sql_expect_symbol(p, ")");
        return x;
    }
    bool query = sql_at_query(p);
    sql_expect_symbol(p, "(");
    if (query)
        x->query = sql_parse_query(p);
    else
        sql_parse_exprs(p, &x->args);
    sql_expect_symbol(p, ")");
    return x;
}

static sql_expr *parse_is(sql_parser *p, sql_expr *left, size_t pos)
{
    sql_expr *x = sql_expr_new(p, SQL_X_IS, pos);

    x->flag = sql_accept_word(p, "NOT");
    sql_exprs_add(p, &x->args, left);
    if (sql_accept_words(p, "DISTINCT", "FROM", NULL)) {
        x->kind = SQL_X_IS_DISTINCT;
        sql_exprs_add(p, &x->args, parse_binary(p, TOP_LEVEL));
    } else if (sql_at_word(p, "NULL") || sql_at_word(p, "TRUE") || sql_at_word(p, "FALSE") ||
               sql_at_word(p, "UNKNOWN")) {
        x->text = sql_take(p)->text;
    } else {
        sql_unexpected(p);
    }
    return x;
}

/* x LIKE ANY (a, b) is x LIKE a OR x LIKE b; the word has been taken */
static sql_expr *parse_like_several(sql_parser *p, sql_expr *left, bool negated, bool all,
                                    size_t pos)
{
    sql_expr *out = sql_expr_new(p, SQL_X_LOGIC, pos);

    out->flag = all;
    if (negated || sql_at_word(p, "UNNEST")) {
        sql_unsupported(p, pos, negated ? "NOT LIKE ANY" : "LIKE ANY UNNEST");
        return out;
    }
    sql_expect_symbol(p, "(");
    do {
        sql_expr *x = sql_expr_new(p, SQL_X_LIKE, pos);
        sql_exprs_add(p, &x->args, left);
        sql_exprs_add(p, &x->args, sql_parse_expr(p));
        sql_exprs_add(p, &out->args, x);
    } while (!p->failed && sql_accept_symbol(p, ","));
    sql_expect_symbol(p, ")");
    return out->args.count == 1 ? out->args.items[0] : out;
}

static sql_expr *parse_predicate(sql_parser *p, sql_expr *left, bool negated)
{
    size_t pos = sql_peek(p)->pos;

    if (sql_accept_word(p, "IN"))
        return parse_in(p, left, negated, pos);
    sql_expr *x = sql_expr_new(p, SQL_X_LIKE, pos);
    x->flag = negated;
    sql_exprs_add(p, &x->args, left);
    if (sql_accept_word(p, "BETWEEN")) {
        x->kind = SQL_X_BETWEEN;
        sql_exprs_add(p, &x->args, parse_binary(p, TOP_LEVEL));
        sql_expect_word(p, "AND");
        sql_exprs_add(p, &x->args, parse_binary(p, TOP_LEVEL));
    } else {
        sql_expect_word(p, "LIKE");
        bool all = sql_at_word(p, "ALL");
        if (all || sql_at_word(p, "ANY") || sql_at_word(p, "SOME")) {
            sql_take(p);
            return parse_like_several(p, left, negated, all, pos);
        }
        sql_exprs_add(p, &x->args, parse_binary(p, TOP_LEVEL));
    }
    return x;
}

static sql_expr *parse_comparison(sql_parser *p)
{
    static const char *const operators[] = {"=", "!=", "<>", "<=", ">=", "<", ">"};
    sql_expr *left = parse_binary(p, TOP_LEVEL);

    for (size_t i = 0; i < BW_COUNT(operators); i++) {
        if (!sql_at_symbol(p, operators[i]))
            continue;
        sql_expr *x = sql_expr_new(p, SQL_X_BINARY, sql_take(p)->pos);
        x->text = bw_slice_cstr(i == 2 ? "!=" : operators[i]);
        sql_exprs_add(p, &x->args, left);
        sql_exprs_add(p, &x->args, parse_binary(p, TOP_LEVEL));
        return x;
    }
    if (sql_at_word(p, "IS")) {
        size_t pos = sql_take(p)->pos;
        return parse_is(p, left, pos);
    }
    bool negated = sql_at_word(p, "NOT") &&
                   (sql_token_is(sql_ahead(p, 1), "IN") || sql_token_is(sql_ahead(p, 1), "LIKE") ||
                    sql_token_is(sql_ahead(p, 1), "BETWEEN"));
    if (negated)
        sql_take(p);
    if (negated || sql_at_word(p, "IN") || sql_at_word(p, "LIKE") || sql_at_word(p, "BETWEEN"))
        return parse_predicate(p, left, negated);
    return left;
}

static sql_expr *parse_not(sql_parser *p)
{
    if (!sql_at_word(p, "NOT"))
        return parse_comparison(p);
    size_t pos = sql_peek(p)->pos;
    if (!sql_enter(p))
        return sql_expr_new(p, SQL_X_NULL, pos);
    sql_take(p);
    sql_expr *x = sql_expr_new(p, SQL_X_UNARY, pos);
    x->text = BW_SLICE_LIT("NOT");
    sql_exprs_add(p, &x->args, parse_not(p));
    sql_leave(p);
    return x;
}

static sql_expr *parse_logic(sql_parser *p, bool conjunction)
{
    const char *word = conjunction ? "AND" : "OR";
    sql_expr *left = conjunction ? parse_not(p) : parse_logic(p, true);

    if (!sql_at_word(p, word))
        return left;
    sql_expr *x = sql_expr_new(p, SQL_X_LOGIC, sql_peek(p)->pos);
    x->flag = conjunction;
    sql_exprs_add(p, &x->args, left);
    while (sql_accept_word(p, word))
        sql_exprs_add(p, &x->args, conjunction ? parse_not(p) : parse_logic(p, true));
    return x;
}

sql_expr *sql_parse_expr(sql_parser *p)
{
    if (!sql_enter(p))
        return sql_expr_new(p, SQL_X_NULL, sql_peek(p)->pos);
    sql_expr *x = parse_logic(p, false);
    sql_leave(p);
    return x;
}
