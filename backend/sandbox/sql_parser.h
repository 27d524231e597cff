/*
 * The parser from inside: the cursor and the helpers that its files share (expressions, queries,
 * DML, DDL). Recursive descent; every syntax error is "Syntax error: ... at [line:column]".
 */
#ifndef BW_SANDBOX_SQL_PARSER_H
#define BW_SANDBOX_SQL_PARSER_H

#include "backend/sandbox/sql_ast.h"
#include "backend/sandbox/sql_lex.h"

#define SQL_MAX_DEPTH 150

typedef struct sql_parser {
    bw_arena *arena;
    bw_slice text;
    const sql_token *tokens;
    size_t at;
    int depth;
    int param_count;
    bool failed;
    bq_error *err;
} sql_parser;

/* After a failure every helper gives nothing and does nothing; `failed` stays. */
const sql_token *sql_peek(const sql_parser *p);
const sql_token *sql_ahead(const sql_parser *p, size_t n);
const sql_token *sql_take(sql_parser *p);
bool sql_at_word(const sql_parser *p, const char *word);
bool sql_at_symbol(const sql_parser *p, const char *symbol);
/* Takes the word or symbol when it is next. */
bool sql_accept_word(sql_parser *p, const char *word);
bool sql_accept_symbol(sql_parser *p, const char *symbol);
/* Several words in a row, all or none. */
bool sql_accept_words(sql_parser *p, const char *first, const char *second, const char *third);
void sql_expect_word(sql_parser *p, const char *word);
void sql_expect_symbol(sql_parser *p, const char *symbol);
/* "Syntax error: Unexpected <token>" at the next token. */
void sql_unexpected(sql_parser *p);
/* "Syntax error: Expected <what> but got <token>" */
void sql_expected(sql_parser *p, const char *what);
/* "<message> at [l:c]" */
void sql_fail_at(sql_parser *p, size_t pos, const char *fmt, ...) BW_PRINTF(3, 4);
/* What the subset does not have: "Unsupported: <construct> is not part of the sandbox's SQL". */
void sql_unsupported(sql_parser *p, size_t pos, const char *construct);
/* An identifier, quoted or not reserved. */
bw_slice sql_identifier(sql_parser *p);
/* [AS] alias; empty when there is none. */
bw_slice sql_alias(sql_parser *p);
/* Against endless nesting: false (and failed) when too deep. Pair with sql_leave. */
bool sql_enter(sql_parser *p);
void sql_leave(sql_parser *p);

/* Growing lists in the arena. */
void sql_exprs_add(sql_parser *p, sql_exprs *list, sql_expr *item);
void sql_names_add(sql_parser *p, sql_names *list, bw_slice item);
/* Room for one more of `size` bytes at the end of an arena array: returns the (moved) array. */
void *sql_list_add(sql_parser *p, void *items, size_t *count, size_t size);
#define SQL_LIST_ADD(p, items, count) \
    ((items) = sql_list_add((p), (items), &(count), sizeof(*(items))), &(items)[(count)-1])

sql_expr *sql_expr_new(sql_parser *p, sql_expr_kind kind, size_t pos);
sql_expr *sql_parse_expr(sql_parser *p);
/* An operand with what follows it: x[0], x.field. */
sql_expr *sql_parse_postfix(sql_parser *p);
/* a, b, c */
void sql_parse_exprs(sql_parser *p, sql_exprs *out);
void sql_parse_orders(sql_parser *p, sql_orders *out);
/* [NULLS FIRST | NULLS LAST] */
void sql_parse_nulls(sql_parser *p, sql_order *o);
sql_window *sql_parse_window(sql_parser *p);
/* A type: INT64, NUMERIC(10, 2), ARRAY<STRUCT<a INT64>>. */
const bq_field *sql_parse_type(sql_parser *p);
/* A query, in as many parentheses as there may be: ((SELECT 1)), but not ((SELECT 1) + 1). */
bool sql_at_query(const sql_parser *p);
sql_query *sql_parse_query(sql_parser *p);
sql_from *sql_parse_from(sql_parser *p);
/* One item of a SELECT list; the SELECT of all columns of something. */
void sql_parse_item(sql_parser *p, sql_item *item);
sql_select *sql_select_all(sql_parser *p, size_t pos);
/* JOIN and what it joins, to the right of `left`; NULL when no join begins here. */
sql_from *sql_parse_join(sql_parser *p, sql_from *left);
/* "UNION ALL" and its kind; false when none begins here. */
bool sql_parse_set_op(sql_parser *p, char *op, size_t size);
/* |> operators behind a query: q becomes what they make of it. */
void sql_parse_pipes(sql_parser *p, sql_query *q);
/* What stands behind GROUP BY. */
void sql_parse_group(sql_parser *p, sql_select *s);
/* A table's name with an optional alias. */
sql_from *sql_parse_table(sql_parser *p, bool with_alias);
/* PIVOT and UNPIVOT are no reserved words: only what follows tells them from an alias. */
bool sql_at_pivot(const sql_parser *p);
void sql_parse_pivot(sql_parser *p, sql_from *f);
/* `a.b.c`, a.b, a-b.c: the parts. */
void sql_parse_path(sql_parser *p, sql_names *out);
void sql_parse_insert(sql_parser *p, sql_stmt *s);
void sql_parse_update(sql_parser *p, sql_stmt *s);
void sql_parse_delete(sql_parser *p, sql_stmt *s);
void sql_parse_truncate(sql_parser *p, sql_stmt *s);
void sql_parse_merge(sql_parser *p, sql_stmt *s);
void sql_parse_create(sql_parser *p, sql_stmt *s);
void sql_parse_drop(sql_parser *p, sql_stmt *s);
void sql_parse_alter(sql_parser *p, sql_stmt *s);
/* One statement of SQL, without the semicolon. */
void sql_parse_statement(sql_parser *p, sql_stmt *s);
/* Does a statement of the procedural language begin here (sql_parse_script.c)? */
bool sql_at_step(const sql_parser *p);
/* (a, b, c) of names */
void sql_parse_name_list(sql_parser *p, sql_names *out);

/* Parses one statement (a closing semicolon is allowed), with the functions before it. Fails, and sets
   out->script, when the text is a script. */
BW_NODISCARD bw_status sql_parse(bw_arena *arena, bw_slice text, sql_stmt *out, bq_error *err);

#endif
