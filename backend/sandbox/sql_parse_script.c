/*
 * The statements of a script, and the procedural language round them.
 */
#include "backend/sandbox/sql_parser.h"
#include "backend/sandbox/sql_script.h"

static sql_step *parse_step(sql_parser *p);

/* Is one of the words that end a list of statements next? */
static bool at_end(const sql_parser *p, const char *const *ends)
{
    for (size_t i = 0; ends[i]; i++) {
        if (sql_at_word(p, ends[i]))
            return true;
    }
    return sql_peek(p)->type == SQL_END;
}

static void parse_steps(sql_parser *p, sql_steps *out, const char *const *ends)
{
    while (!p->failed && !at_end(p, ends)) {
        sql_step *step = parse_step(p);
        if (p->failed)
            return;
        *SQL_LIST_ADD(p, out->items, out->count) = step;
        if (sql_peek(p)->type != SQL_END)
            sql_expect_symbol(p, ";");
    }
}

/* ---- Control flow ------------------------------------------------------------------------------ */

static const char *const only_end[] = {"END", NULL};

/* IF and ELSEIF; the word has been taken. */
static void parse_if(sql_parser *p, sql_step *s)
{
    static const char *const ends[] = {"ELSEIF", "ELSE", "END", NULL};

    s->kind = SQL_STEP_IF;
    s->expr = sql_parse_expr(p);
    sql_expect_word(p, "THEN");
    parse_steps(p, &s->body, ends);
    if (!sql_enter(p))
        return;
    if (sql_at_word(p, "ELSEIF")) {
        sql_step *next = BW_ARENA_NEW(p->arena, sql_step);
        next->pos = sql_take(p)->pos;
        parse_if(p, next);
        *SQL_LIST_ADD(p, s->other.items, s->other.count) = next;
    } else {
        if (sql_accept_word(p, "ELSE"))
            parse_steps(p, &s->other, only_end);
        sql_expect_word(p, "END");
        sql_expect_word(p, "IF");
    }
    sql_leave(p);
}

static void parse_block(sql_parser *p, sql_step *s)
{
    static const char *const ends[] = {"EXCEPTION", "END", NULL};

    if (sql_at_word(p, "TRANSACTION") || sql_at_symbol(p, ";") || sql_peek(p)->type == SQL_END)
        sql_unsupported(p, s->pos, "the statement BEGIN TRANSACTION");
    parse_steps(p, &s->body, ends);
    s->has_other = sql_accept_word(p, "EXCEPTION");
    if (s->has_other) {
        sql_expect_word(p, "WHEN");
        sql_expect_word(p, "ERROR");
        sql_expect_word(p, "THEN");
        parse_steps(p, &s->other, only_end);
    }
    sql_expect_word(p, "END");
}

static void parse_while(sql_parser *p, sql_step *s)
{
    s->expr = sql_parse_expr(p);
    sql_expect_word(p, "DO");
    parse_steps(p, &s->body, only_end);
    sql_expect_word(p, "END");
    sql_expect_word(p, "WHILE");
}

static void parse_repeat(sql_parser *p, sql_step *s)
{
    static const char *const ends[] = {"UNTIL", NULL};

    parse_steps(p, &s->body, ends);
    sql_expect_word(p, "UNTIL");
    s->expr = sql_parse_expr(p);
    sql_expect_word(p, "END");
    sql_expect_word(p, "REPEAT");
}

static void parse_loop(sql_parser *p, sql_step *s)
{
    parse_steps(p, &s->body, only_end);
    sql_expect_word(p, "END");
    sql_expect_word(p, "LOOP");
}

static void parse_for(sql_parser *p, sql_step *s)
{
    sql_names_add(p, &s->names, sql_identifier(p));
    sql_expect_word(p, "IN");
    sql_expect_symbol(p, "(");
    s->stmt = BW_ARENA_NEW(p->arena, sql_stmt);
    s->stmt->query = sql_parse_query(p);
    sql_expect_symbol(p, ")");
    sql_expect_word(p, "DO");
    parse_steps(p, &s->body, only_end);
    sql_expect_word(p, "END");
    sql_expect_word(p, "FOR");
}

/* ---- Variables, errors ------------------------------------------------------------------------- */

static void parse_declare(sql_parser *p, sql_step *s)
{
    do {
        sql_names_add(p, &s->names, sql_identifier(p));
    } while (!p->failed && sql_accept_symbol(p, ","));
    if (!sql_at_word(p, "DEFAULT"))
        s->type = sql_parse_type(p);
    if (sql_accept_word(p, "DEFAULT"))
        s->expr = sql_parse_expr(p);
}

static void parse_set(sql_parser *p, sql_step *s)
{
    if (sql_at_symbol(p, "("))
        sql_parse_name_list(p, &s->names);
    else if (!p->failed && sql_peek(p)->type == SQL_PARAM)
        sql_unsupported(p, s->pos, "SET of a system variable");
    else
        sql_names_add(p, &s->names, sql_identifier(p));
    sql_expect_symbol(p, "=");
    s->expr = sql_parse_expr(p);
}

static void parse_raise(sql_parser *p, sql_step *s)
{
    if (!sql_accept_word(p, "USING"))
        return;
    sql_expect_word(p, "MESSAGE");
    sql_expect_symbol(p, "=");
    s->expr = sql_parse_expr(p);
}

static void parse_assert(sql_parser *p, sql_step *s)
{
    s->expr = sql_parse_expr(p);
    if (!sql_accept_word(p, "AS"))
        return;
    if (!p->failed && sql_peek(p)->type != SQL_STRING)
        sql_expected(p, "string literal");
    else
        s->message = sql_take(p)->text;
}

static void parse_execute(sql_parser *p, sql_step *s)
{
    sql_expect_word(p, "IMMEDIATE");
    s->expr = sql_parse_expr(p);
    if (sql_at_word(p, "INTO") || sql_at_word(p, "USING"))
        sql_unsupported(p, s->pos, "EXECUTE IMMEDIATE with INTO or USING");
}

static void parse_nothing(sql_parser *p, sql_step *s)
{
    (void)p;
    (void)s;
}

static const struct {
    const char *word;
    sql_step_kind kind;
    void (*parse)(sql_parser *p, sql_step *s);
} rows[] = {
    {"DECLARE", SQL_STEP_DECLARE, parse_declare},
    {"SET", SQL_STEP_SET, parse_set},
    {"BEGIN", SQL_STEP_BLOCK, parse_block},
    {"IF", SQL_STEP_IF, parse_if},
    {"WHILE", SQL_STEP_WHILE, parse_while},
    {"REPEAT", SQL_STEP_REPEAT, parse_repeat},
    {"LOOP", SQL_STEP_LOOP, parse_loop},
    {"FOR", SQL_STEP_FOR, parse_for},
    {"BREAK", SQL_STEP_BREAK, parse_nothing},
    {"LEAVE", SQL_STEP_BREAK, parse_nothing},
    {"CONTINUE", SQL_STEP_CONTINUE, parse_nothing},
    {"ITERATE", SQL_STEP_CONTINUE, parse_nothing},
    {"RETURN", SQL_STEP_RETURN, parse_nothing},
    {"RAISE", SQL_STEP_RAISE, parse_raise},
    {"ASSERT", SQL_STEP_ASSERT, parse_assert},
    {"EXECUTE", SQL_STEP_EXECUTE, parse_execute},
};

bool sql_at_step(const sql_parser *p)
{
    for (size_t i = 0; i < BW_COUNT(rows); i++) {
        if (sql_at_word(p, rows[i].word))
            return true;
    }
    return false;
}

static sql_step *parse_step(sql_parser *p)
{
    sql_step *s = BW_ARENA_NEW(p->arena, sql_step);
    size_t row = 0;

    s->pos = sql_peek(p)->pos;
    if (!sql_enter(p))
        return s;
    while (row < BW_COUNT(rows) && !sql_accept_word(p, rows[row].word))
        row++;
    if (row < BW_COUNT(rows)) {
        s->kind = rows[row].kind;
        rows[row].parse(p, s);
    } else {
        s->stmt = BW_ARENA_NEW(p->arena, sql_stmt);
        sql_parse_statement(p, s->stmt);
    }
    const sql_token *last = &p->tokens[p->at > 0 ? p->at - 1 : 0];
    s->end = last->pos + last->raw.len;
    sql_leave(p);
    return s;
}

bw_status sql_parse_script(bw_arena *arena, bw_slice text, sql_steps *out, bq_error *err)
{
    static const char *const none[] = {NULL};
    sql_tokens tokens;

    text = bw_arena_slice(arena, text);
    bw_status status = sql_lex(arena, text, &tokens, err);
    if (status != BW_OK)
        return status;
    sql_parser p = {.arena = arena, .text = text, .tokens = tokens.items, .err = err};
    *out = (sql_steps){NULL, 0};
    parse_steps(&p, out, none);
    return p.failed ? BW_INVALID : BW_OK;
}
