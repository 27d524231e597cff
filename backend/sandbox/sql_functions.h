/*
 * The scalar functions of the subset: name, signature, SQLite function. A name may have several
 * rows: the one wins whose arguments fit exactly, else where one does, else the first that fits.
 *
 * A signature is the result, a colon and the arguments, one letter each:
 *   B BOOL  I INT64  F FLOAT64  N NUMERIC  G BIGNUMERIC  S STRING  Y BYTES  D DATE  T TIME
 *   E DATETIME  Z TIMESTAMP  J JSON  V INTERVAL value  [x array of x
 *   d RANGE<DATE>  e RANGE<DATETIME>  z RANGE<TIMESTAMP>
 *   M a normal form by its name
 *   P a date part by its name  v an INTERVAL literal, passed as number and part
 * ? makes the argument before it optional, * lets it repeat (none or more).
 */
#ifndef BW_SANDBOX_SQL_FUNCTIONS_H
#define BW_SANDBOX_SQL_FUNCTIONS_H

#include "backend/sandbox/sql_analyze.h"

typedef struct sql_function {
    const char *name, *signature, *sqlite;
} sql_function;

extern const sql_function sql_functions[];
extern const size_t sql_function_count;

/* "SUBSTR(STRING, INT64, [INT64])" */
void sql_signature_print(const sql_function *f, bw_buf *out);
bq_field sql_signature_result(const sql_function *f);

/* Functions that types alone do not describe. */
typedef struct sql_special {
    const char *name;
    int min, max; /* arguments; max -1: any number */
    sql_typed (*analyze)(sql_analysis *a, sql_scope *scope, const sql_expr *x, sql_typed *args,
                         size_t count);
} sql_special;

extern const sql_special sql_specials[];
extern const size_t sql_special_count;

/* BigQuery's functions that the subset has not: names, and prefixes that end in _ or a point. */
extern const char *const sql_other_functions[];
extern const size_t sql_other_function_count;

/* The aggregate and window functions by number; NULL behind the last. */
const char *sql_aggregate_name(size_t index, bool *window_only);

#endif
