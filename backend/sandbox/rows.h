/*
 * Pages of rows as tabledata.list and getQueryResults give them. Threads: workers.
 */
#ifndef BW_SANDBOX_ROWS_H
#define BW_SANDBOX_ROWS_H

#include "backend/sandbox/bq_catalog.h"

/* A page ends at this size, whatever was asked for (after at least one row). */
#define BW_SB_PAGE_BYTES ((size_t)10 << 20)

typedef struct bw_sb_rows_request {
    bq_table_ref table;
    const bq_schema *schema; /* of the columns that are printed */
    const int *columns;      /* their indices in the table; NULL: all */
    int64_t offset, max;
    bq_format_options format;
} bw_sb_rows_request;

/* ,"rows":[{"f":[{"v":..}]},...] (nothing when there are none); *printed is their number. */
BW_NODISCARD bw_status bw_sb_rows_print(bq_catalog *catalog, const bw_sb_rows_request *request,
                                        bw_buf *out, int64_t *printed, bq_error *err);

#endif
