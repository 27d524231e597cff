#include "backend/sandbox/sql_parser.h"

#include <stdio.h>
#include <strings.h>

const sql_token *sql_ahead(const sql_parser *p, size_t n)
{
    const sql_token *t = &p->tokens[p->at];

    while (n > 0 && t->type != SQL_END) {
        t++;
        n--;
    }
    return t;
}

const sql_token *sql_peek(const sql_parser *p)
{
    return &p->tokens[p->at];
}

const sql_token *sql_take(sql_parser *p)
{
    const sql_token *t = &p->tokens[p->at];

    if (t->type != SQL_END && !p->failed)
        p->at++;
    return t;
}

bool sql_at_word(const sql_parser *p, const char *word)
{
    return !p->failed && sql_token_is(sql_peek(p), word);
}

bool sql_at_symbol(const sql_parser *p, const char *symbol)
{
    return !p->failed && sql_token_symbol(sql_peek(p), symbol);
}

bool sql_accept_word(sql_parser *p, const char *word)
{
    bool is = sql_at_word(p, word);

    if (is)
        sql_take(p);
    return is;
}

bool sql_accept_symbol(sql_parser *p, const char *symbol)
{
    bool is = sql_at_symbol(p, symbol);

    if (is)
        sql_take(p);
    return is;
}

bool sql_accept_words(sql_parser *p, const char *first, const char *second, const char *third)
{
    const char *const words[] = {first, second, third};
    size_t n = third ? 3 : second ? 2 : 1;

    for (size_t i = 0; i < n; i++) {
        if (p->failed || !sql_token_is(sql_ahead(p, i), words[i]))
            return false;
    }
    p->at += n;
    return true;
}

void sql_fail_at(sql_parser *p, size_t pos, const char *fmt, ...)
{
    char message[1024];
    va_list ap;

    if (p->failed)
        return;
    p->failed = true;
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    sql_position at = sql_position_of(p->text, pos);
    bw_status status =
        bq_error_set(p->err, "invalidQuery", "query", "%s at [%d:%d]", message, at.line, at.column);
    (void)status;
}

void sql_unsupported(sql_parser *p, size_t pos, const char *construct)
{
    sql_fail_at(p, pos, "Unsupported: %s is not part of the sandbox's SQL", construct);
}

void sql_unexpected(sql_parser *p)
{
    char token[256];

    sql_token_describe(sql_peek(p), token, sizeof(token));
    sql_fail_at(p, sql_peek(p)->pos, "Syntax error: Unexpected %s", token);
}

void sql_expected(sql_parser *p, const char *what)
{
    char token[256];

    sql_token_describe(sql_peek(p), token, sizeof(token));
    sql_fail_at(p, sql_peek(p)->pos, "Syntax error: Expected %s but got %s", what, token);
}

void sql_expect_word(sql_parser *p, const char *word)
{
    char what[64];

    if (sql_accept_word(p, word))
        return;
    snprintf(what, sizeof(what), "keyword %s", word);
    sql_expected(p, what);
}

void sql_expect_symbol(sql_parser *p, const char *symbol)
{
    char what[16];

    if (sql_accept_symbol(p, symbol))
        return;
    snprintf(what, sizeof(what), "\"%s\"", symbol);
    sql_expected(p, what);
}

bw_slice sql_identifier(sql_parser *p)
{
    const sql_token *t = sql_peek(p);

    if (p->failed || t->type != SQL_IDENT) {
        sql_unexpected(p);
        return (bw_slice){"", 0};
    }
    return sql_take(p)->text;
}

bw_slice sql_alias(sql_parser *p)
{
    if (sql_accept_word(p, "AS") || (!p->failed && sql_peek(p)->type == SQL_IDENT))
        return sql_identifier(p);
    return (bw_slice){"", 0};
}

bool sql_enter(sql_parser *p)
{
    if (p->failed)
        return false;
    if (++p->depth > SQL_MAX_DEPTH)
        sql_fail_at(p, sql_peek(p)->pos,
                    "Syntax error: Query is too deeply nested; at most %d levels are possible",
                    SQL_MAX_DEPTH);
    return !p->failed;
}

void sql_leave(sql_parser *p)
{
    p->depth--;
}

/* The array's capacity is the power of two at or above its count, so that no field keeps it. */
void *sql_list_add(sql_parser *p, void *items, size_t *count, size_t size)
{
    size_t n = *count;
    void *out = items;

    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        out = bw_arena_zalloc(p->arena, size * (n < 4 ? 4 : n * 2));
        if (n > 0)
            memcpy(out, items, size * n);
    }
    *count = n + 1;
    return out;
}

void sql_exprs_add(sql_parser *p, sql_exprs *list, sql_expr *item)
{
    *SQL_LIST_ADD(p, list->items, list->count) = item;
}

void sql_names_add(sql_parser *p, sql_names *list, bw_slice item)
{
    *SQL_LIST_ADD(p, list->items, list->count) = item;
}

sql_expr *sql_expr_new(sql_parser *p, sql_expr_kind kind, size_t pos)
{
    sql_expr *x = BW_ARENA_NEW(p->arena, sql_expr);

    x->kind = kind;
    x->pos = pos;
    return x;
}

void sql_parse_name_list(sql_parser *p, sql_names *out)
{
    sql_expect_symbol(p, "(");
    do {
        sql_names_add(p, out, sql_identifier(p));
    } while (!p->failed && sql_accept_symbol(p, ","));
    sql_expect_symbol(p, ")");
}

/* ---- Statements -------------------------------------------------------------------------------- */

typedef struct statement_row {
    const char *first;
    sql_stmt_kind kind;
    void (*parse)(sql_parser *p, sql_stmt *s);
} statement_row;

static const statement_row statements[] = {
    {"INSERT", SQL_S_INSERT, sql_parse_insert}, {"UPDATE", SQL_S_UPDATE, sql_parse_update},
    {"DELETE", SQL_S_DELETE, sql_parse_delete}, {"TRUNCATE", SQL_S_TRUNCATE, sql_parse_truncate},
    {"MERGE", SQL_S_MERGE, sql_parse_merge},    {"CREATE", SQL_S_CREATE_TABLE, sql_parse_create},
    {"DROP", SQL_S_DROP_TABLE, sql_parse_drop}, {"ALTER", SQL_S_ALTER_TABLE, sql_parse_alter},
};

/* Statements that BigQuery has and the subset has not, so that they are named. */
static const char *const others[] = {"COMMIT",  "ROLLBACK", "CALL",   "EXPORT",
                                     "LOAD",    "GRANT",    "REVOKE", "CASE",
                                     "EXPLAIN", "DESCRIBE", "UNDROP", "CLONE"};

void sql_parse_statement(sql_parser *p, sql_stmt *s)
{
    const sql_token *t = sql_peek(p);

    s->pos = t->pos;
    if (sql_at_query(p)) {
        s->kind = SQL_S_QUERY;
        s->query = sql_parse_query(p);
        return;
    }
    for (size_t i = 0; i < BW_COUNT(statements); i++) {
        if (sql_accept_word(p, statements[i].first)) {
            s->kind = statements[i].kind;
            statements[i].parse(p, s);
            return;
        }
    }
    for (size_t i = 0; i < BW_COUNT(others); i++) {
        if (sql_at_word(p, others[i])) {
            char what[64];
            snprintf(what, sizeof(what), "the statement %s", others[i]);
            sql_unsupported(p, t->pos, what);
            return;
        }
    }
    sql_unexpected(p);
}

/* The functions that stand before a statement. */
static void parse_functions(sql_parser *p, sql_stmt *out)
{
    while (!p->failed && out->kind == SQL_S_CREATE_FUNCTION && sql_at_symbol(p, ";") &&
           sql_ahead(p, 1)->type != SQL_END && !out->script) {
        sql_stmt next = {.functions = out->functions, .function_count = out->function_count};
        sql_take(p);
        next.script = sql_at_step(p);
        if (!next.script)
            sql_parse_statement(p, &next);
        *out = next;
    }
}

bw_status sql_parse(bw_arena *arena, bw_slice text, sql_stmt *out, bq_error *err)
{
    sql_tokens tokens;

    *out = (sql_stmt){0};
    text = bw_arena_slice(arena, text); /* ends with a NUL: numbers are read where they stand */
    bw_status status = sql_lex(arena, text, &tokens, err);

    if (status != BW_OK)
        return status;
    sql_parser p = {.arena = arena, .text = text, .tokens = tokens.items, .err = err};
    out->script = sql_at_step(&p);
    if (!out->script)
        sql_parse_statement(&p, out);
    parse_functions(&p, out);
    bool closed = sql_accept_symbol(&p, ";");
    if (!p.failed && sql_peek(&p)->type != SQL_END) {
        out->script = out->script || closed;
        sql_expected(&p, "end of input");
    }
    out->param_count = p.param_count;
    return p.failed ? BW_INVALID : BW_OK;
}
