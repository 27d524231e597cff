/*
 * BigQuery's quota of jobs that modify one table: load, copy and query jobs count, DML and streaming
 * do not. Kept in memory; the window of a table begins with its first job. Threads: any.
 */
#ifndef BW_SANDBOX_QUOTA_H
#define BW_SANDBOX_QUOTA_H

#include "backend/sandbox/bq_catalog.h"

typedef struct bw_sb_quota bw_sb_quota;

/* `jobs` 0: no quota. */
bw_sb_quota *bw_sb_quota_new(int64_t jobs, int64_t window_us, const bw_clock *clock);
/* NULL is fine. */
void bw_sb_quota_free(bw_sb_quota *quota);
void bw_sb_quota_reset(bw_sb_quota *quota);
/* Takes one job of the table's; fails with quotaExceeded when there is none left. */
BW_NODISCARD bw_status bw_sb_quota_take(bw_sb_quota *quota, bq_table_ref table, bq_error *err);

#endif
