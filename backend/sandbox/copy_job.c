/* Copy jobs: one or several tables into one. */
#include "backend/sandbox/job_config.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/quota.h"

#define MAX_SOURCES 1200

typedef struct copy_plan {
    bq_table_ref *sources;
    size_t count;
    bq_table_ref destination;
    bq_disposition write;
    bool create;
} copy_plan;

static bool complete(bq_table_ref ref)
{
    return ref.dataset && ref.table;
}

static bw_status plan_copy(bw_arena *arena, bw_slice config, const char *project, copy_plan *plan,
                           bq_error *err)
{
    bw_slice list = bw_json_member(config, "sourceTables"), one = list;
    bw_slice single = bw_sb_json_object(config, "sourceTable");
    const char *operation = bw_sb_json_text(arena, config, "operationType");
    *plan = (copy_plan){0};
    if (operation && strcmp(operation, "COPY") != 0)
        return bq_error_set(err, "notImplemented", NULL, "The sandbox copies tables only, not %s",
                            operation);
    plan->sources = BW_ARENA_ARRAY(arena, bq_table_ref, MAX_SOURCES);
    if (single.len)
        plan->sources[plan->count++] = bw_sb_table_reference(arena, single, project);
    for (size_t at = 0; list.len && bw_sb_json_each_element(list, &at, &one);) {
        if (plan->count == MAX_SOURCES)
            return bq_error_set(err, "invalid", NULL, "Too many source tables, limit is %d",
                                MAX_SOURCES);
        plan->sources[plan->count++] = bw_sb_table_reference(arena, one, project);
    }
    plan->destination =
        bw_sb_table_reference(arena, bw_sb_json_object(config, "destinationTable"), project);
    bool ok = plan->count > 0 && complete(plan->destination);
    for (size_t i = 0; i < plan->count; i++)
        ok = ok && complete(plan->sources[i]);
    if (!ok)
        return bq_error_set(err, "required", NULL,
                            "Required parameter is missing: sourceTable, destinationTable");
    return bw_sb_job_dispositions(arena, config, BQ_WRITE_EMPTY, &plan->write, &plan->create, NULL,
                                  err);
}

static bw_status check_copy(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err)
{
    copy_plan plan;
    bw_status status = plan_copy(&job->arena, bw_sb_json_object(job->configuration, "copy"),
                                 job->project, &plan, err);
    if (status == BW_OK)
        status = bw_sb_job_locate(bq, job, plan.destination.project, plan.destination.dataset, err);
    return status;
}

static bw_status run_copy(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    copy_plan plan;
    int64_t rows = 0;
    bw_status status =
        plan_copy(&arena, bw_sb_json_object(job->configuration, "copy"), job->project, &plan, err);
    if (status == BW_OK) {
        bw_sb_job_set_outcome(job, "{\"copy\":{}}", NULL);
        status = bw_sb_quota_take(bq->quota, plan.destination, err);
    }
    if (status == BW_OK) {
        status = bq_table_copy(bq->catalog, plan.sources, plan.count, plan.destination, plan.write,
                               plan.create, bw_sb_job_commit, job, &rows, err);
    }
    bw_arena_fini(&arena);
    return status;
}

const bw_sb_job_type bw_sb_copy_job = {
    .member = "copy",
    .name = "COPY",
    .fault = "bigquery.job.copy",
    .check = check_copy,
    .run = run_copy,
};
