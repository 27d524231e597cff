/*
 * What the destination's own files share. Nobody else includes this.
 */
#ifndef BW_DESTINATION_INTERNAL_H
#define BW_DESTINATION_INTERNAL_H

#include "backend/destination/destination.h"
#include "backend/google/bigquery.h"

struct bw_destination {
    const bw_google *google;
    const bw_clock *clock;
    const bw_cancel *cancel;
    bw_budget_ops budget; /* its functions may be NULL */
    bw_bigquery *bq;
    int64_t step_us;
    bw_compression compression;
};

static inline int64_t bw_destination_deadline(const bw_destination *d)
{
    return bw_mono_us(d->clock) + d->step_us;
}

static inline bw_table_ref bw_target_ref(const bw_target *target, const char *table)
{
    return (bw_table_ref){target->project, target->dataset, table};
}

/* ---- destination.c ------------------------------------------------------------------------ */

/* Books one modification of the table. */
BW_NODISCARD bw_status bw_destination_book(bw_destination *d, const bw_target *target,
                                           const char *table, bw_error *err);

/* ---- job.c ------------------------------------------------------------------------------- */

/* What our job must look like when the service has it already. */
typedef struct bw_job_expectation {
    const bw_target *target;
    const bw_job_id *id;
    const char *table; /* that it writes to; NULL: any of the target's dataset */
    const char *query; /* NULL: any, or no query */
} bw_job_expectation;

/* {"jobReference": .., "configuration": {"labels": .., KIND: configuration}}; steals
   `configuration`. */
json_t *bw_job_resource(const bw_target *target, const bw_job_id *id, const char *kind,
                        json_t *configuration);
/* {"projectId", "datasetId", "tableId"} */
json_t *bw_job_table(const bw_target *target, const char *table);

/* CONFLICT unless the job is ours. */
BW_NODISCARD bw_status bw_job_check_ours(const bw_job_expectation *expected, const json_t *job,
                                         bw_error *err);
/* Fills the result from a Job resource in any state. */
void bw_job_read_result(const json_t *job, bw_job_result *result);

/*
 * Asks for the job until the service answers, checks that it is ours and waits for its end.
 * *known is false when the service does not know it. A failed job is BW_OK with result->failed.
 */
BW_NODISCARD bw_status bw_job_adopt(bw_destination *d, const bw_job_expectation *expected,
                                    bool *known, bw_job_result *result, bw_error *err);
/* Waits for the end of a job that was accepted; as bw_job_adopt(). */
BW_NODISCARD bw_status bw_job_wait(bw_destination *d, const bw_job_expectation *expected,
                                   bw_job_result *result, bw_error *err);

#endif
