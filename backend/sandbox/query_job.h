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

#endif
