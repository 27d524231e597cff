/*
 * The tokens of a GoogleSQL statement. The whole text is cut at once, so that the parser can look
 * ahead as far as it likes. Specification: "Lexical structure and syntax" of the GoogleSQL reference.
 * Threads: any, one at a time.
 */
#ifndef BW_SANDBOX_SQL_LEX_H
#define BW_SANDBOX_SQL_LEX_H

#include "backend/core/arena.h"
#include "backend/sandbox/bq_error.h"

typedef enum sql_token_type {
    SQL_END,
    SQL_IDENT,   /* text: the name; quoted: it stood in backticks */
    SQL_KEYWORD, /* a reserved word, text as written */
    SQL_STRING,  /* text: the content */
    SQL_BYTES,
    SQL_INT, /* text: as written, decimal or 0x */
    SQL_FLOAT,
    SQL_PARAM,  /* @name: text is the name; @@name: text is @name */
    SQL_SYMBOL, /* operators and punctuation */
} sql_token_type;

typedef struct sql_token {
    sql_token_type type;
    bool quoted;
    bool spaced; /* white space or a comment stands before it */
    size_t pos;  /* byte offset in the statement */
    bw_slice raw;
    bw_slice text;
} sql_token;

typedef struct sql_tokens {
    sql_token *items; /* the last one is SQL_END */
    size_t count;
} sql_tokens;

/* Fails with invalidQuery, "Syntax error: ... at [line:column]". The tokens live in the arena and
   borrow from `text`. */
BW_NODISCARD bw_status sql_lex(bw_arena *arena, bw_slice text, sql_tokens *out, bq_error *err);

/* True for an unquoted word that equals `word`, reserved or not, regardless of case. */
bool sql_token_is(const sql_token *t, const char *word);
bool sql_token_symbol(const sql_token *t, const char *symbol);
/* As messages name it: keyword FROM, identifier "x", "(", end of statement. */
void sql_token_describe(const sql_token *t, char *out, size_t size);
/* A reserved word of GoogleSQL? */
bool sql_reserved(bw_slice word);

/* Line and column (both from 1, columns in characters) of a byte offset. */
typedef struct sql_position {
    int line, column;
} sql_position;
sql_position sql_position_of(bw_slice text, size_t pos);

#endif
