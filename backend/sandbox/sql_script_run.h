/*
 * A script while it runs: what its files share. Control flow and the whole are in sql_run_script.c, the
 * statements in sql_script_statement.c, expressions and variables in sql_script_value.c.
 */
#ifndef BW_SANDBOX_SQL_SCRIPT_RUN_H
#define BW_SANDBOX_SQL_SCRIPT_RUN_H

#include "backend/sandbox/sql_run.h"
#include "backend/sandbox/sql_script.h"

#define SQL_MAX_STEPS 100000

typedef enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN } flow;

typedef struct script {
    bq_catalog *catalog;
    const bq_sql_request *request;
    bq_sql_request inner; /* the request as statements see it: with the variables */
    bw_arena arena;       /* variables' values */
    bw_arena *parsed;
    bq_sql_param *variables;
    size_t variable_count;
    const sql_udf **functions;
    size_t function_count;
    bq_sql_temp *temps;
    size_t temp_count;
    bq_sql_result *result;
    void *user; /* of the request's child hook */
    size_t children, steps;
    flow flow;
    const char *handled; /* message of the error that an EXCEPTION clause handles; NULL */
    bq_error *err;
} script;

/* "<message> at [l:c]" of a place in the text that is being run. */
bw_status sql_script_fail(script *s, size_t pos, const char *reason, const char *message);
/* A run of one statement or expression in the script's transaction; `stmt` may be NULL. `arena` and
   `result` are the caller's to end, after sql_script_end(). */
void sql_script_begin(script *s, sql_run *r, bw_arena *arena, const sql_stmt *stmt,
                      bq_sql_result *result);
BW_NODISCARD bw_status sql_script_end(sql_run *r, bw_status status);
/* One statement, in a savepoint. */
BW_NODISCARD bw_status sql_script_statement(script *s, const sql_step *step, const sql_stmt *stmt);

/* The value of an expression, in the script's arena; as `type` when it says one (its name is the
   variable's). */
BW_NODISCARD bw_status sql_script_evaluate(script *s, const sql_expr *x, const bq_field *type,
                                           bq_field *type_out, bq_value *out);
BW_NODISCARD bw_status sql_script_condition(script *s, const sql_expr *x, bool *out);
/* The rows of FOR's query, as STRUCTs; *rows is the caller's (free()). */
BW_NODISCARD bw_status sql_script_rows(script *s, const sql_step *step, bq_field *type,
                                       bq_value **rows, size_t *count);
void sql_script_add(script *s, bw_slice name, const bq_field *type, const bq_value *value);
BW_NODISCARD bw_status sql_script_declare(script *s, const sql_step *step);
BW_NODISCARD bw_status sql_script_set(script *s, const sql_step *step);

#endif
