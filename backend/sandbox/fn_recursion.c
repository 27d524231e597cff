/*
 * What ends a recursive query that does not end by itself.
 */
#include <stdlib.h>

#include "backend/sandbox/bq_functions.h"

#define MAX_ITERATIONS     500 /* as BigQuery */
#define MAX_RECURSIVE_ROWS 1000000

/* (depth, 0): the next depth, never 0. Counts the rows of the whole statement, too: each may bring
   several others. */
static void recursion(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t depth = sqlite3_value_int64(argv[0]) + 1, *rows = sqlite3_get_auxdata(ctx, 1);

    (void)argc;
    if (!rows) {
        sqlite3_set_auxdata(ctx, 1, calloc(1, sizeof(*rows)), free);
        rows = sqlite3_get_auxdata(ctx, 1);
    }
    if (depth > MAX_ITERATIONS)
        bq_result_error(ctx, "A recursive CTE has reached its maximum iteration limit: %d",
                        MAX_ITERATIONS);
    else if (!rows || ++*rows > MAX_RECURSIVE_ROWS)
        bq_result_error(ctx,
                        "Resources exceeded during query execution: a recursive CTE has more "
                        "than %d rows in the sandbox",
                        MAX_RECURSIVE_ROWS);
    else
        sqlite3_result_int64(ctx, depth);
}

const bq_function bq_recursion_functions[] = {
    {"bq_recursion", 2, recursion, true},
};

const size_t bq_recursion_function_count = BW_COUNT(bq_recursion_functions);
