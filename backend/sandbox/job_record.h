/*
 * A job as text: the durable record that the catalog keeps, and the Job resource that clients get.
 * Threads: the caller holds job->mu, or owns the job alone.
 */
#ifndef BW_SANDBOX_JOB_RECORD_H
#define BW_SANDBOX_JOB_RECORD_H

#include "backend/sandbox/jobs.h"

/* {"type","state","created",...}: all that is needed to show the job, or to run it again. */
void bw_sb_job_record_print(const bw_sb_job *job, bw_buf *out);
/* Hands the record as it is now, or as it will be when the job is done, to one of the catalog's
   functions. Takes job->mu itself. */
bw_status bw_sb_job_store(bw_sb_job *job, bool as_done, bq_catalog *catalog,
                          bw_status (*put)(bq_catalog *, const bq_job_record *, bq_error *),
                          bq_error *err);
/* Fills a job from its record: state, configuration, results; `media_id` names the upload that it
   was made from (in the arena; NULL when there was none). False when the record is damaged. */
bool bw_sb_job_record_parse(bw_sb_job *job, bw_slice record);
/* {"reason","location","message"} in the arena. */
const char *bw_sb_error_proto(bw_arena *arena, const bq_error *err);

#endif
