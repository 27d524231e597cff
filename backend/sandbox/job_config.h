/*
 * The parts of a job's configuration that load, query and copy share. Threads: any.
 */
#ifndef BW_SANDBOX_JOB_CONFIG_H
#define BW_SANDBOX_JOB_CONFIG_H

#include "backend/sandbox/jobs.h"

/* The dataset must exist where the job is to run: sets job->location when it was not given, fails
   with notFound when the dataset is missing or elsewhere. */
BW_NODISCARD bw_status bw_sb_job_locate(bw_sb_bigquery *bq, bw_sb_job *job, const char *project,
                                        const char *dataset, bq_error *err);
/* writeDisposition, createDisposition and schemaUpdateOptions. `evolve` may be NULL. */
BW_NODISCARD bw_status bw_sb_job_dispositions(bw_arena *arena, bw_slice config,
                                              bq_disposition default_write, bq_disposition *write,
                                              bool *create, bq_evolution *evolve, bq_error *err);
/*
 * The table as the configuration describes it (schema, timePartitioning, clustering, ...): fills
 * `storage` and points *table at it, or at NULL when nothing is described.
 */
BW_NODISCARD bw_status bw_sb_job_table(bw_arena *arena, bw_slice config, bq_table_ref ref,
                                       bq_table *storage, const bq_table **table, bq_error *err);

#endif
