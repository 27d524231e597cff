#include "backend/sandbox/query_job.h"

#include "backend/sandbox/job_config.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/query_params.h"
#include "backend/sandbox/quota.h"

typedef struct query_plan {
    bw_arena arena;
    bq_sql_request request;
    bq_table_ref destination;
} query_plan;

static bool wants_standard_sql(bw_slice config, const char *text)
{
    return !bw_sb_json_bool(config, "useLegacySql", true) || strncmp(text, "#standardSQL", 12) == 0;
}

static bw_status plan_query(bw_sb_job *job, query_plan *plan, bq_error *err)
{
    bw_slice config = bw_sb_json_object(job->configuration, "query");
    bw_arena *arena = &plan->arena;
    bq_sql_request *q = &plan->request;
    const char *text = bw_sb_json_text(arena, config, "query");
    if (!text || !*text)
        return bq_error_set(err, "required", NULL, "Required parameter is missing: query");
    if (!wants_standard_sql(config, text))
        return bq_error_set(err, "invalidQuery", "query",
                            "The sandbox does not speak legacy SQL: set useLegacySql to false");
    bw_slice dataset = bw_sb_json_object(config, "defaultDataset");
    *q = (bq_sql_request){.project = job->project,
                          .default_project = bw_sb_json_text(arena, dataset, "projectId"),
                          .default_dataset = bw_sb_json_text(arena, dataset, "datasetId"),
                          .location = job->location,
                          .text = bw_slice_cstr(text),
                          .maximum_bytes_billed = bw_sb_json_int(config, "maximumBytesBilled", 0),
                          .cancel = &job->cancel,
                          .child = bw_sb_query_child};
    plan->destination =
        bw_sb_table_reference(arena, bw_sb_json_object(config, "destinationTable"), job->project);
    if (plan->destination.table)
        q->destination = &plan->destination;
    bw_status status = bw_sb_job_dispositions(arena, config, BQ_WRITE_EMPTY, &q->write, &q->create,
                                              &q->evolve, err);
    if (status == BW_OK)
        status = bw_sb_query_params(arena, bw_json_member(config, "queryParameters"),
                                    bw_sb_json_text(arena, config, "parameterMode"), &q->params,
                                    &q->param_count, err);
    return status;
}

/* ---- Where it runs ---------------------------------------------------------------------------- */

typedef struct location_search {
    bw_arena *arena;
    const char *text;
    const char *found;
} location_search;

/* A dataset outside US whose name the text holds as a path: the service takes the location from the
   tables that the query reads. */
static bool named_in_text(void *user, const bq_dataset *d)
{
    location_search *s = user;
    size_t len = strlen(d->id);
    if (strcmp(d->location, "US") == 0)
        return true;
    for (const char *at = s->text; (at = strstr(at, d->id)); at += len) {
        bool begins = at == s->text || memchr(" \t\r\n`.(,", at[-1], 8);
        if (begins && (at[len] == '.' || (at[len] == '`' && at[len + 1] == '.'))) {
            s->found = bw_arena_strdup(s->arena, d->location);
            return false;
        }
    }
    return true;
}

static bw_status check_query(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err)
{
    query_plan plan = {.arena = BW_ARENA_INIT};
    bw_status status = plan_query(job, &plan, err);
    const bq_sql_request *q = &plan.request;
    if (status == BW_OK && plan.destination.dataset)
        status = bw_sb_job_locate(bq, job, plan.destination.project, plan.destination.dataset, err);
    if (status == BW_OK && q->default_dataset)
        status = bw_sb_job_locate(bq, job, q->default_project ? q->default_project : job->project,
                                  q->default_dataset, err);
    if (status == BW_OK && !job->location) {
        location_search search = {&job->arena, q->text.ptr, NULL};
        status = bq_dataset_list(bq->catalog, job->project, NULL, named_in_text, &search, err);
        job->location = search.found;
    }
    bw_arena_fini(&plan.arena);
    return status;
}

/* ---- What came out ---------------------------------------------------------------------------- */

static const char *take_text(bw_arena *arena, bw_buf *text)
{
    const char *copy = bw_arena_strndup(arena, text->len ? text->ptr : "", text->len);
    bw_buf_fini(text);
    return copy;
}

static bq_table_ref copy_ref(bw_arena *arena, bq_table_ref ref)
{
    if (!ref.table)
        return (bq_table_ref){0};
    return (bq_table_ref){bw_arena_strdup(arena, ref.project), bw_arena_strdup(arena, ref.dataset),
                          bw_arena_strdup(arena, ref.table)};
}

static const char *dml_stats(bw_arena *arena, const bq_sql_result *result)
{
    bw_buf out = BW_BUF_INIT;
    bw_buf_addc(&out, '{');
    bw_sb_json_add_int64(&out, "insertedRowCount", result->inserted);
    bw_sb_json_add_int64(&out, "deletedRowCount", result->deleted);
    bw_sb_json_add_int64(&out, "updatedRowCount", result->updated);
    bw_buf_addc(&out, '}');
    return take_text(arena, &out);
}

static void add_referenced(bw_buf *out, const bq_sql_result *result)
{
    if (result->referenced_count == 0)
        return;
    bw_sb_json_add_raw(out, "referencedTables", BW_SLICE_LIT("["));
    for (size_t i = 0; i < result->referenced_count; i++) {
        bw_buf one = BW_BUF_INIT;
        bw_buf_addc(&one, '{');
        bw_sb_add_table_reference(&one, "t", result->referenced[i]);
        bw_buf_adds(out, i ? "," : "");
        bw_buf_add(out, one.ptr + 5, one.len - 5); /* without {"t": */
        bw_buf_fini(&one);
    }
    bw_buf_addc(out, ']');
}

/* On-demand queries are billed for at least 10 MB of what they read, in whole megabytes. */
static int64_t billed(int64_t bytes)
{
    const int64_t megabyte = 1 << 20;
    if (bytes == 0)
        return 0;
    int64_t whole = (bytes + megabyte - 1) / megabyte * megabyte;
    return whole < 10 * megabyte ? 10 * megabyte : whole;
}

void bw_sb_query_take_result(bw_sb_job *job, const bq_sql_result *result, bool dry_run)
{
    bw_sb_job_result *to = &job->result;
    bw_buf schema = BW_BUF_INIT, out = BW_BUF_INIT;
    *to = (bw_sb_job_result){.table = copy_ref(&job->arena, result->destination),
                             .total_rows = result->total_rows,
                             .affected_rows = -1,
                             .bytes_processed = result->bytes_processed};
    if (result->schema.count) {
        bq_schema_print(&result->schema, &schema);
        to->schema = take_text(&job->arena, &schema);
    }
    bw_buf_addc(&out, '{');
    if (result->is_script)
        bw_sb_json_add_int64(&out, "numChildJobs", (int64_t)result->children);
    bw_sb_json_add_int64(&out, "totalBytesProcessed", result->bytes_processed);
    bw_sb_json_add_raw(&out, "query", BW_SLICE_LIT("{"));
    bw_sb_json_add_text(&out, "statementType", result->statement_type);
    bw_sb_json_add_int64(&out, "totalBytesProcessed", result->bytes_processed);
    if (!dry_run)
        bw_sb_json_add_int64(&out, "totalBytesBilled", billed(result->bytes_processed));
    bw_sb_json_add_bool(&out, "cacheHit", false);
    if (dry_run)
        bw_sb_json_add_raw(&out, "schema", bw_slice_cstr(to->schema));
    add_referenced(&out, result);
    if (result->is_dml && !dry_run) {
        to->affected_rows = result->inserted + result->updated + result->deleted;
        to->dml_stats = dml_stats(&job->arena, result);
        bw_sb_json_add_int64(&out, "numDmlAffectedRows", to->affected_rows);
        bw_sb_json_add_raw(&out, "dmlStats", bw_slice_cstr(to->dml_stats));
    }
    if (result->ddl_operation) {
        bw_sb_json_add_text(&out, "ddlOperationPerformed", result->ddl_operation);
        if (result->target.table)
            bw_sb_add_table_reference(&out, "ddlTargetTable", result->target);
    }
    bw_buf_adds(&out, "}}");
    job->statistics = take_text(&job->arena, &out);
}

/* ---- Running ---------------------------------------------------------------------------------- */

static bw_status before_commit(void *user, bq_catalog *catalog, const bq_sql_result *result,
                               bq_error *err)
{
    bw_sb_job *job = user;
    pthread_mutex_lock(&job->mu);
    bw_sb_query_take_result(job, result, false);
    pthread_mutex_unlock(&job->mu);
    if (result->failure.reason)
        bw_sb_job_set_failure(job, &result->failure);
    return bw_sb_job_commit(job, catalog, err);
}

static bw_status run_query(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err)
{
    query_plan plan = {.arena = BW_ARENA_INIT};
    bq_sql_result result = {0};
    bw_status status = plan_query(job, &plan, err);
    if (status == BW_OK && plan.request.destination)
        status = bw_sb_quota_take(bq->quota, *plan.request.destination, err);
    if (status == BW_OK)
        status = bq_sql_run(bq->catalog, &plan.request, before_commit, job, &result, err);
    if (status == BW_OK)
        bq_sql_result_fini(&result);
    bw_arena_fini(&plan.arena);
    return status;
}

bw_status bw_sb_query_dry_run(bw_sb_bigquery *bq, bw_sb_job *job, bq_error *err)
{
    query_plan plan = {.arena = BW_ARENA_INIT};
    bq_sql_result result = {0};
    bw_status status = plan_query(job, &plan, err);
    plan.request.dry_run = true;
    if (status == BW_OK)
        status = bq_sql_run(bq->catalog, &plan.request, NULL, NULL, &result, err);
    if (status == BW_OK) {
        bw_sb_query_take_result(job, &result, true);
        job->result.table = (bq_table_ref){0};
        job->created_us = job->started_us = job->ended_us = bw_wall_us(bq->clock);
        job->state = BW_SB_JOB_DONE;
        bq_sql_result_fini(&result);
    }
    bw_arena_fini(&plan.arena);
    return status;
}

const bw_sb_job_type bw_sb_query_job = {
    .member = "query",
    .name = "QUERY",
    .fault = "bigquery.job.query",
    .check = check_query,
    .run = run_query,
};
