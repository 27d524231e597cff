/*
 * The SQL functions that translated statements call, registered once per connection. Names begin
 * with bq_; arguments are stored values (bq_type.h), kinds as small integers, types as bound
 * pointers to bq_field. Threads: the connection's.
 */
#ifndef BW_SANDBOX_BQ_FUNCTIONS_H
#define BW_SANDBOX_BQ_FUNCTIONS_H

#include <sqlite3.h>

#include "backend/sandbox/bq_type.h"

#define BQ_POINTER_TYPE "bq_field"

typedef struct bq_function {
    const char *name;
    int args; /* -1: any number */
    void (*call)(sqlite3_context *ctx, int argc, sqlite3_value **argv);
    bool varies; /* gives something else each time */
} bq_function;

/* Aggregates also serve as window functions: `value` and `inverse` may be NULL when they do not. */
typedef struct bq_aggregate {
    const char *name;
    int args;
    void (*step)(sqlite3_context *ctx, int argc, sqlite3_value **argv);
    void (*final)(sqlite3_context *ctx);
    void (*value)(sqlite3_context *ctx);
    void (*inverse)(sqlite3_context *ctx, int argc, sqlite3_value **argv);
} bq_aggregate;

BW_NODISCARD bw_status bq_functions_register(sqlite3 *db, bq_error *err);

/* One table per family. */
extern const bq_function bq_number_functions[];
extern const size_t bq_number_function_count;
extern const bq_function bq_decimal_functions[];
extern const size_t bq_decimal_function_count;
extern const bq_function bq_string_functions[];
extern const size_t bq_string_function_count;
extern const bq_function bq_regexp_functions[];
extern const size_t bq_regexp_function_count;
extern const bq_function bq_decimal_math_functions[];
extern const size_t bq_decimal_math_function_count;
extern const bq_function bq_math_functions[];
extern const size_t bq_math_function_count;
extern const bq_function bq_text_functions[];
extern const size_t bq_text_function_count;
extern const bq_function bq_printf_functions[];
extern const size_t bq_printf_function_count;
extern const bq_function bq_encoding_functions[];
extern const size_t bq_encoding_function_count;
extern const bq_function bq_time_functions[];
extern const size_t bq_time_function_count;
extern const bq_function bq_calendar_functions[];
extern const size_t bq_calendar_function_count;
extern const bq_function bq_interval_functions[];
extern const size_t bq_interval_function_count;
extern const bq_function bq_parse_functions[];
extern const size_t bq_parse_function_count;
extern const bq_function bq_format_functions[];
extern const size_t bq_format_function_count;
extern const bq_function bq_range_functions[];
extern const size_t bq_range_function_count;
extern const bq_function bq_bucket_functions[];
extern const size_t bq_bucket_function_count;
extern const bq_function bq_recursion_functions[];
extern const size_t bq_recursion_function_count;
extern const bq_function bq_json_functions[];
extern const size_t bq_json_function_count;
extern const bq_function bq_json_make_functions[];
extern const size_t bq_json_make_function_count;
extern const bq_function bq_array_functions[];
extern const size_t bq_array_function_count;
extern const bq_function bq_cast_functions[];
extern const size_t bq_cast_function_count;
extern const bq_function bq_hash_functions[];
extern const size_t bq_hash_function_count;
extern const bq_aggregate bq_sum_aggregates[];
extern const size_t bq_sum_aggregate_count;
extern const bq_aggregate bq_stat_aggregates[];
extern const size_t bq_stat_aggregate_count;
extern const bq_aggregate bq_window_aggregates[];
extern const size_t bq_window_aggregate_count;
extern const bq_aggregate bq_collect_aggregates[];
extern const size_t bq_collect_aggregate_count;
int bq_unnest_register(sqlite3 *db);

/* ---- For the functions themselves -------------------------------------------------------------- */

/* The message becomes the statement's error (invalidQuery). Every function is also there as safe_...,
   whose errors are NULL: the SAFE. prefix and SAFE_CAST. */
void bq_result_error(sqlite3_context *ctx, const char *fmt, ...) BW_PRINTF(2, 3);
bq_value bq_arg(sqlite3_value *v);
void bq_result(sqlite3_context *ctx, const bq_value *v);
void bq_result_text(sqlite3_context *ctx, bw_slice s);
void bq_result_blob(sqlite3_context *ctx, bw_slice s);
bw_slice bq_arg_slice(sqlite3_value *v);
/* The order of stored values of one type; NULL is first. */
int bq_value_compare(const bq_value *a, const bq_value *b);
/* True (and the result is NULL) when any argument is NULL. */
bool bq_any_null(sqlite3_context *ctx, int argc, sqlite3_value **argv);
const bq_field *bq_arg_type(sqlite3_value *v);

#endif
