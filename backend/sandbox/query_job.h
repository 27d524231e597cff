/*
 * Query jobs, and what jobs.query and dry runs share with them. Threads: workers.
 */
#ifndef BW_SANDBOX_QUERY_JOB_H
#define BW_SANDBOX_QUERY_JOB_H

#include "backend/sandbox/bq_sql.h"
#include "backend/sandbox/jobs.h"

/* Runs configuration.query of a job as a dry run: fills job->statistics and job->result, state DONE.
   Nothing is stored. */
BW_NODISCARD bw_status bw_sb_query_dry_run(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err);

/* What came out of a statement, as the job's statistics and result. The job's mutex is held, or nobody
   else knows the job. */
void bw_sb_query_take_result(bw_sb_job *job, const bq_sql_result *result, bool dry_run);
/* Stores a statement of a script as a job that is done (query_child.c); user is the script's job. */
bq_sql_after_child bw_sb_query_child;

#endif
