/*
 * GoogleSQL: one statement or a script of several, parsed, typed, translated to SQLite and run. A subset; what is outside
 * of it is refused with BigQuery's shape of error naming the construct.
 *
 * The rows of a query always become a table: the one that the request names, or an anonymous one in
 * a hidden dataset that expires after a day, as in BigQuery. They are read by bq_table_scan() with
 * the reference in the result; memory does not depend on their number.
 *
 * Errors: invalidQuery with location "query" and "... at [line:column]"; notFound "Not found: Table
 * p:d.t was not found in location US"; duplicate; bytesBilledLimitExceeded; stopped.
 * Threads: any. Statements hold the catalog while they run, one at a time; but a query that is not
 * done after a moment begins anew beside it, over a snapshot, and only its rows are written under the
 * mutex, slice by slice.
 */
#ifndef BW_SANDBOX_BQ_SQL_H
#define BW_SANDBOX_BQ_SQL_H

#include "backend/sandbox/bq_catalog.h"

typedef struct bq_sql_param {
    const char *name; /* NULL in positional mode */
    bq_field type;    /* mode REPEATED for arrays, kind STRUCT with fields */
    bq_value value;
} bq_sql_param;

/* A temporary table of a script: where it is in truth. */
typedef struct bq_sql_temp {
    const char *name;
    bq_table_ref ref;
} bq_sql_temp;

typedef struct bq_sql_child bq_sql_child;
/* Runs inside the transaction after each statement of a script: what records it as a job of its own. */
typedef bw_status bq_sql_after_child(void *user, bq_catalog *catalog, const bq_sql_child *child,
                                     bq_error *err);

typedef struct bq_sql_request {
    const char *project;         /* of the job: unqualified names and the anonymous result */
    const char *default_project; /* defaultDataset; NULL: project */
    const char *default_dataset; /* NULL: tables must be qualified */
    const char *location;        /* NULL: "US" */
    bw_slice text;
    const bq_sql_param *params;
    size_t param_count;
    bool dry_run;                    /* checks, types and estimates; changes nothing */
    int64_t maximum_bytes_billed;    /* 0: no limit */
    const bq_table_ref *destination; /* NULL: anonymous; only for queries */
    bq_disposition write;            /* into `destination` */
    bool create;                     /* CREATE_IF_NEEDED */
    bq_evolution evolve;             /* schemaUpdateOptions */
    const bw_cancel *cancel;         /* NULL: cannot be cancelled */
    bq_sql_after_child *child;       /* NULL: none; its user is the hook's */
    const bq_sql_param *variables;   /* of a script, while it runs */
    size_t variable_count;
    const bq_sql_temp *temps; /* its temporary tables, the newest last */
    size_t temp_count;
} bq_sql_request;

typedef struct bq_sql_result {
    bw_arena arena;             /* owns what follows */
    const char *statement_type; /* SELECT INSERT UPDATE DELETE MERGE TRUNCATE_TABLE CREATE_TABLE
                                   CREATE_TABLE_AS_SELECT DROP_TABLE ALTER_TABLE */
    bq_schema schema;           /* of the rows; empty when the statement gives none */
    bq_table_ref destination;   /* where the rows are; table NULL when there are none */
    int64_t total_rows;
    int64_t bytes_processed; /* an estimate from the columns that the statement reads */
    bq_table_ref *referenced;
    size_t referenced_count;
    bool is_dml;
    int64_t inserted, updated, deleted; /* dmlStats; their sum is numDmlAffectedRows */
    const char *ddl_operation;          /* CREATE REPLACE SKIP DROP ALTER; NULL when not DDL */
    bq_table_ref target;                /* of DML and DDL; table NULL otherwise */
    bool is_script;   /* several statements: the rows are those of the last query */
    size_t children;  /* statements that a script has run */
    bq_error failure; /* of a script, when statements before have taken effect; reason NULL: none */
} bq_sql_result;

/* A statement of a script that has been run. */
struct bq_sql_child {
    size_t number; /* from 0 */
    bw_slice text;
    int line, column, end_line, end_column; /* of the text in the script, from 1 */
    const bq_sql_result *result;
};

/* Runs inside the statement's transaction before it commits, with the complete result: see
   bq_before_commit in bq_catalog.h. Not called for a dry run. */
typedef bw_status bq_sql_before_commit(void *user, bq_catalog *catalog, const bq_sql_result *result,
                                       bq_error *err);

/* On an error nothing has changed and `result` needs no fini. `hook` may be NULL. A script that has
   failed after some of its statements is BW_OK with result->failure. */
BW_NODISCARD bw_status bq_sql_run(bq_catalog *catalog, const bq_sql_request *request,
                                  bq_sql_before_commit *hook, void *user, bq_sql_result *result,
                                  bq_error *err);
void bq_sql_result_fini(bq_sql_result *result);

#endif
