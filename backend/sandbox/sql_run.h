/*
 * Running an analysed statement: what the files for queries, DML, MERGE and DDL share. The catalog's
 * mutex is held and, unless it is a dry run, a transaction is open.
 */
#ifndef BW_SANDBOX_SQL_RUN_H
#define BW_SANDBOX_SQL_RUN_H

#include "backend/sandbox/sql_analyze.h"

typedef struct sql_run {
    sql_analysis a;
    const sql_stmt *stmt;
    bq_sql_result *result;
    bq_catalog *catalog;
    sqlite3 *db; /* where its SQLite texts run: the catalog's, or a snapshot's */
    bq_error *err;
    bool dry_run;
    int64_t give_up_us; /* monotonic; 0: never */
    bool gave_up;       /* that time has come */
} sql_run;

typedef bw_status sql_runner(sql_run *r);

sql_runner sql_run_query, sql_run_insert, sql_run_update, sql_run_delete, sql_run_truncate,
    sql_run_merge, sql_run_create, sql_run_drop, sql_run_alter, sql_run_create_view,
    sql_run_drop_view, sql_run_create_schema, sql_run_drop_schema;

/* Runs r->stmt, by its kind. */
BW_NODISCARD bw_status sql_run_kind(sql_run *r);
/* SQLite text with the statement's binds, to be stepped and finalised; and what a step's code means. */
BW_NODISCARD bw_status sql_prepare(sql_run *r, const char *sql, sqlite3_stmt **stmt);
bw_status sql_step_failed(sql_run *r, int code);
/* r->db looks now and then whether the statement is cancelled or takes too long. */
void sql_watch(sql_run *r);
/* Runs SQLite text with the statement's binds. An error of a function is the user's (invalidQuery).
   `changes` may be NULL. */
BW_NODISCARD bw_status sql_exec(sql_run *r, const char *sql, int64_t *changes);
/* The first column of the first row; `none` when there is no row. */
BW_NODISCARD bw_status sql_exec_int(sql_run *r, const char *sql, int64_t none, int64_t *out);
/* Logical size of the rows of a storage that satisfy the condition. */
BW_NODISCARD bw_status sql_rows_bytes(sql_run *r, int64_t storage, const bq_schema *schema,
                                      const char *condition, int64_t *bytes);
/* BW_OK when the analysis has not failed, and the estimate is within maximumBytesBilled: called once,
   after the analysis and before anything is run. Makes the indexes that subqueries want. */
BW_NODISCARD bw_status sql_ready(sql_run *r);
BW_NODISCARD bw_status sql_drop_indexes(sql_run *r);
/* Analyses a query up to there, and gives the text that selects its result's columns. */
BW_NODISCARD bw_status sql_query_text(sql_run *r, const char **text);
/* A query that takes long, without the catalog's mutex: see sql_run_aside.c. */
BW_NODISCARD bw_status sql_run_aside(sql_run *r, bq_sql_before_commit *hook, void *user);

/* The schema of a query's result: names made and checked; `text` selects its columns c1, c2, ... in
   stored form. */
BW_NODISCARD bw_status sql_result_schema(sql_run *r, const sql_relation *relation,
                                         bq_schema *schema, const char **text);
/* A new storage with the rows that `select` gives for these columns. */
BW_NODISCARD bw_status sql_materialise(sql_run *r, const bq_schema *schema, const char *select,
                                       int64_t *storage, int64_t *rows);

/* The target of a DML statement. */
typedef struct sql_target {
    sql_table *table;
    sql_source *source;
    bq_table_ref ref;
    const char *alias; /* in SQLite */
} sql_target;
bool sql_target_open(sql_run *r, sql_target *t);
/* Books what has changed. */
BW_NODISCARD bw_status sql_target_close(sql_run *r, sql_target *t, int64_t rows_delta,
                                        int64_t bytes_delta);

/* SET items: the columns' indices and their values' text. */
typedef struct sql_assigned {
    int *columns;
    const char **values;
    size_t count;
} sql_assigned;
void sql_analyze_sets(sql_run *r, sql_scope *scope, const sql_target *t, const sql_set *sets,
                      size_t count, sql_assigned *out);
/* The columns of an INSERT: `names` empty means all. */
bool sql_insert_columns(sql_run *r, const sql_target *t, const sql_names *names, size_t pos,
                        int **columns, size_t *count);
/* The value of a column that an INSERT does not mention, or that is DEFAULT. */
const char *sql_default_value(sql_run *r, const bq_field *column, size_t pos);
/* The texts of one row's values in the order of `columns`. */
const char **sql_insert_values(sql_run *r, sql_scope *scope, const sql_target *t,
                               const int *columns, size_t count, const sql_exprs *values,
                               size_t pos);
/* INSERT INTO target(all columns) SELECT values FROM from: returns the text. */
const char *sql_insert_text(sql_run *r, const sql_target *t, const int *columns, size_t count,
                            const char *const *values, const char *from);
/* Inserts and books size and number. */
BW_NODISCARD bw_status sql_insert_rows(sql_run *r, sql_target *t, const char *text,
                                       int64_t *inserted, int64_t *bytes);
/* Applies updates that lie in a temporary table (r: row, v1, v2, ...) and gives the sizes. */
BW_NODISCARD bw_status sql_apply_updates(sql_run *r, sql_target *t, const char *temp,
                                         const sql_assigned *assigned, int64_t *updated,
                                         int64_t *bytes);
BW_NODISCARD bw_status sql_apply_deletes(sql_run *r, sql_target *t, const char *rows_query,
                                         int64_t *deleted, int64_t *bytes);

void sql_set_target(sql_run *r, bq_table_ref ref);

/* Whether there is such a table; fails when there is no such dataset. */
BW_NODISCARD bw_status sql_table_exists(sql_run *r, bq_table_ref ref, bool *exists);
/* What CREATE does to a table or view of that name: CREATE, REPLACE or SKIP, told in the result; or an
   error, because it is taken. */
BW_NODISCARD bw_status sql_table_may_be_made(sql_run *r, bq_table_ref ref, bool exists);
/* Reads OPTIONS of a column into its definition. */
void sql_column_options(sql_run *r, sql_column_def *def);

#endif
