/*
 * PARTITION BY, CLUSTER BY and OPTIONS as members of the table's resource.
 */
#ifndef BW_SANDBOX_SQL_OPTIONS_H
#define BW_SANDBOX_SQL_OPTIONS_H

#include "backend/sandbox/sql_run.h"

/* What options become: members of the resource, and the time of expiry. */
typedef struct sql_table_options {
    bw_buf json;
    int64_t expires_us;
    bool has_expiry;
} sql_table_options;

/* Each appends ,"member":value. */
void sql_add_partitioning(sql_run *r, const sql_expr *x, bw_buf *out);
void sql_add_clustering(const sql_names *names, bw_buf *out);
void sql_read_options(sql_run *r, const sql_option *options, size_t count, sql_table_options *out);
/* A STRING literal; false with the error set. */
bool sql_option_text(sql_run *r, const sql_option *o, bw_slice *text);

#endif
