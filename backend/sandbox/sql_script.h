/*
 * Scripts: statements one after another, with variables and control flow. Parsed as a whole before
 * anything of it runs (sql_parse_script.c), run in one transaction (sql_run_script.c). Specification:
 * "Procedural language" of the GoogleSQL reference.
 */
#ifndef BW_SANDBOX_SQL_SCRIPT_H
#define BW_SANDBOX_SQL_SCRIPT_H

#include "backend/sandbox/bq_sql.h"
#include "backend/sandbox/sql_ast.h"

typedef struct sql_step sql_step;

typedef struct sql_steps {
    sql_step **items;
    size_t count;
} sql_steps;

typedef enum sql_step_kind {
    SQL_STEP_STATEMENT, /* stmt */
    SQL_STEP_DECLARE,   /* names, type (NULL: the default's), expr (NULL: NULL) */
    SQL_STEP_SET,       /* names, expr: of several names a STRUCT */
    SQL_STEP_BLOCK,     /* body; other: EXCEPTION WHEN ERROR THEN, when has_other */
    SQL_STEP_IF,        /* expr, body, other */
    SQL_STEP_WHILE,     /* expr, body */
    SQL_STEP_REPEAT,    /* body, expr */
    SQL_STEP_LOOP,      /* body */
    SQL_STEP_FOR,       /* names[0], stmt->query, body */
    SQL_STEP_BREAK,
    SQL_STEP_CONTINUE,
    SQL_STEP_RETURN,
    SQL_STEP_RAISE,   /* expr: the message; NULL: the error that is being handled */
    SQL_STEP_ASSERT,  /* expr; message */
    SQL_STEP_EXECUTE, /* EXECUTE IMMEDIATE expr */
    SQL_STEP_KINDS,
} sql_step_kind;

struct sql_step {
    sql_step_kind kind;
    size_t pos, end; /* byte offsets of its text */
    sql_stmt *stmt;
    sql_names names;
    const bq_field *type;
    sql_expr *expr;
    bw_slice message;
    sql_steps body, other;
    bool has_other;
};

/* Everything lives in the arena and borrows from it. */
BW_NODISCARD bw_status sql_parse_script(bw_arena *arena, bw_slice text, sql_steps *out,
                                        bq_error *err);

/* See bq_sql_run(). */
BW_NODISCARD bw_status sql_run_script(bq_catalog *catalog, const bq_sql_request *request,
                                      bq_sql_before_commit *hook, void *user, bq_sql_result *result,
                                      bq_error *err);

#endif
