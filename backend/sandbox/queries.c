/* jobs.query and jobs.getQueryResults. */
#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/query_job.h"
#include "backend/sandbox/rows.h"

#define DEFAULT_TIMEOUT_MS 10000
#define MAX_TIMEOUT_MS     200000

/* What both methods have been asked for. */
typedef struct results_request {
    int64_t max, offset, timeout_ms;
    bq_format_options format;
    bool query; /* jobs.query, which may be answered before the job is done in another shape */
} results_request;

static void job_state_free(void *state)
{
    bw_sb_job *job = state;
    bw_sb_job_unref(job->bq->jobs, job);
}

static bw_status print_rows(bw_sb_bigquery *bq, bw_sb_job *job, const results_request *q,
                            bw_buf *out, bq_error *err)
{
    bq_table t = {0};
    int64_t printed = 0;
    bw_sb_json_add_raw(out, "schema", bw_slice_cstr(job->result.schema));
    /* CREATE TABLE AS has a destination too, but answers with no rows. */
    if (!job->result.table.table || !job->result.schema)
        return BW_OK;
    bw_sb_json_add_int64(out, "totalRows", job->result.total_rows);
    bw_status status = bq_table_get(bq->catalog, job->result.table, &t, err);
    if (status != BW_OK)
        return status;
    bw_sb_rows_request rows = {.table = job->result.table,
                               .schema = &t.schema,
                               .offset = q->offset,
                               .max = q->max,
                               .format = q->format};
    status = bw_sb_rows_print(bq->catalog, &rows, out, &printed, err);
    if (status == BW_OK && q->offset + printed < job->result.total_rows)
        bw_sb_add_page_token(out, "pageToken", q->offset + printed);
    bq_table_fini(&t);
    return status;
}

static void print_facts(const bw_sb_job *job, bw_buf *out)
{
    const bw_sb_job_result *result = &job->result;
    bw_sb_json_add_int64(out, "totalBytesProcessed", result->bytes_processed);
    bw_sb_json_add_bool(out, "cacheHit", false);
    if (result->affected_rows >= 0)
        bw_sb_json_add_int64(out, "numDmlAffectedRows", result->affected_rows);
}

/* The answer for a job that is done, or that is not and nobody waits any longer. */
static void answer(bw_sb_bigquery *bq, bw_sb_job *job, const results_request *q, bool complete,
                   bw_sb_reply *reply)
{
    bq_error err = BQ_ERROR_INIT;
    bw_buf *out = &reply->body;
    if (complete && bw_sb_job_failed(job, &err)) {
        bw_sb_reply_bq_error(reply, &err);
        return;
    }
    bw_buf_addf(out, "{\"kind\":\"bigquery#%s\"",
                q->query ? "queryResponse" : "getQueryResultsResponse");
    if (!q->query)
        bw_buf_addf(out, ",\"etag\":\"q%lld\"", (long long)job->created_us);
    bw_sb_json_add_name(out, "jobReference");
    bw_sb_job_print_reference(job, out);
    bw_sb_json_add_bool(out, "jobComplete", complete);
    bw_status status = BW_OK;
    if (complete) {
        print_facts(job, out);
        if (q->query)
            bw_sb_json_add_raw(out, "dmlStats", bw_slice_cstr(job->result.dml_stats));
        status = print_rows(bq, job, q, out, &err);
    }
    bw_buf_addc(out, '}');
    if (status != BW_OK)
        bw_sb_reply_bq_error(reply, &err);
}

/* Waits for the job as long as was asked for, then answers. */
static bw_sb_outcome wait_and_answer(bw_sb_bigquery *bq, bw_sb_request *r, bw_sb_job *job,
                                     const results_request *q, bw_sb_reply *reply)
{
    uint64_t key = bw_sb_job_key(job), ticket = bw_sb_pool_ticket(bq->pool, key);
    bool complete = bw_sb_job_get_state(job) == BW_SB_JOB_DONE;
    int64_t until = r->started_us + q->timeout_ms * 1000;
    if (!complete && bw_mono_us(bq->clock) < until)
        return bw_sb_request_wait(r, key, ticket, until);
    answer(bq, job, q, complete, reply);
    return BW_SB_DONE;
}

/* ---- jobs.query ------------------------------------------------------------------------------- */

/* The members of QueryRequest that belong into configuration.query and configuration. */
static const char *const not_query_members[] = {
    "kind",         "maxResults", "timeoutMs",     "dryRun",        "labels",          "location",
    "jobTimeoutMs", "requestId",  "formatOptions", "preserveNulls", "jobCreationMode", NULL,
};

static void build_job(bw_sb_request *r, bw_slice body, bw_buf *out)
{
    const char *location = bw_sb_json_text(&r->arena, body, "location");
    bw_buf query = BW_BUF_INIT;
    bw_sb_json_without(body, not_query_members, &query);
    bw_buf_addc(out, '{');
    bw_sb_json_add_raw(out, "configuration", BW_SLICE_LIT("{"));
    bw_sb_json_add_raw(out, "query", bw_buf_slice(&query));
    bw_sb_json_add_raw(out, "labels", bw_sb_json_object(body, "labels"));
    bw_sb_json_add_raw(out, "dryRun", bw_json_member(body, "dryRun"));
    bw_buf_addc(out, '}');
    if (location) {
        bw_sb_json_add_raw(out, "jobReference", BW_SLICE_LIT("{"));
        bw_sb_json_add_text(out, "location", location);
        bw_buf_addc(out, '}');
    }
    bw_buf_addc(out, '}');
    bw_buf_fini(&query);
}

static void answer_dry_run(const bw_sb_job *job, bw_buf *out)
{
    bw_buf_adds(out, "{\"kind\":\"bigquery#queryResponse\",\"jobReference\":{");
    bw_sb_json_add_text(out, "projectId", job->project);
    bw_sb_json_add_text(out, "location", job->location);
    bw_buf_adds(out, "},\"jobComplete\":true");
    print_facts(job, out);
    bw_sb_json_add_raw(out, "schema", bw_slice_cstr(job->result.schema));
    bw_buf_addc(out, '}');
}

static bool query_args(bw_slice body, bw_sb_reply *reply, results_request *q)
{
    bw_slice format = bw_sb_json_object(body, "formatOptions");
    *q = (results_request){.max = bw_sb_json_int(body, "maxResults", INT64_MAX),
                           .timeout_ms = bw_sb_json_int(body, "timeoutMs", DEFAULT_TIMEOUT_MS),
                           .query = true};
    q->format.int64_timestamp = bw_sb_json_bool(format, "useInt64Timestamp", false);
    if (q->timeout_ms > MAX_TIMEOUT_MS)
        q->timeout_ms = MAX_TIMEOUT_MS;
    if (q->max >= 0 && q->timeout_ms >= 0)
        return true;
    bw_sb_reply_invalid(reply, "Invalid value for maxResults or timeoutMs");
    return false;
}

/* Makes the job, or finds the one that the same requestId has made; NULL after answering. */
static bw_sb_job *start_query(bw_sb_bigquery *bq, bw_sb_request *r, bw_slice body,
                              bw_sb_reply *reply)
{
    const char *project = bw_sb_request_param(r, "project");
    const char *request_id = bw_sb_json_text(&r->arena, body, "requestId");
    bq_error err = BQ_ERROR_INIT;
    bw_buf resource = BW_BUF_INIT;
    bw_sb_job *job;
    build_job(r, body, &resource);
    bw_status status = bw_sb_job_parse(bq, project, bw_buf_slice(&resource), &job, &err);
    bw_buf_fini(&resource);
    if (status != BW_OK) {
        bw_sb_reply_bq_error(reply, &err);
        return NULL;
    }
    if (job->dry_run) {
        status = bw_sb_query_dry_run(bq, job, &err);
        if (status == BW_OK)
            answer_dry_run(job, &reply->body);
    } else {
        job->request_id =
            request_id && *request_id ? bw_arena_strdup(&job->arena, request_id) : NULL;
        status = bw_sb_job_insert(bq->jobs, &job, NULL, &err);
        if (status == BW_OK)
            bw_sb_job_start(bq->jobs, job);
    }
    if (status != BW_OK)
        bw_sb_reply_bq_error(reply, &err);
    if (status == BW_OK && !job->dry_run)
        return job;
    bw_sb_job_unref(bq->jobs, job);
    return NULL;
}

static bw_sb_outcome query(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bw_slice body;
    results_request q;
    if (!bw_sb_body_object(r, reply, &body) || !query_args(body, reply, &q))
        return BW_SB_DONE;
    if (!r->state) {
        r->state = start_query(bq, r, body, reply);
        r->state_free = r->state ? job_state_free : NULL;
    }
    return r->state ? wait_and_answer(bq, r, r->state, &q, reply) : BW_SB_DONE;
}

/* ---- jobs.getQueryResults --------------------------------------------------------------------- */

static bool results_args(bw_sb_request *r, bw_sb_reply *reply, results_request *q)
{
    int64_t start;
    *q = (results_request){0};
    if (!bw_sb_page_args(r, reply, INT64_MAX, &q->max, &q->offset))
        return false;
    if (!bw_sb_request_query_int(r, "startIndex", 0, INT64_MAX, 0, &start) ||
        !bw_sb_request_query_int(r, "timeoutMs", 0, INT64_MAX / 2000, DEFAULT_TIMEOUT_MS,
                                 &q->timeout_ms)) {
        bw_sb_reply_invalid(reply, "Invalid value for startIndex or timeoutMs");
        return false;
    }
    if (q->offset == 0)
        q->offset = start;
    if (q->timeout_ms > MAX_TIMEOUT_MS)
        q->timeout_ms = MAX_TIMEOUT_MS;
    q->format.int64_timestamp = bw_sb_request_query_true(r, "formatOptions.useInt64Timestamp");
    return true;
}

static bw_sb_outcome get_results(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    results_request q;
    bq_error err = BQ_ERROR_INIT;
    if (!results_args(r, reply, &q))
        return BW_SB_DONE;
    if (!r->state) {
        bw_sb_job *job;
        if (bw_sb_job_find(bq->jobs, bw_sb_request_param(r, "project"),
                           bw_sb_request_query(r, "location"), bw_sb_request_param(r, "job"), &job,
                           &err) != BW_OK) {
            bw_sb_reply_bq_error(reply, &err);
            return BW_SB_DONE;
        }
        r->state = job;
        r->state_free = job_state_free;
        if (job->type != &bw_sb_query_job)
            return bw_sb_reply_invalid(reply, "Cannot get the results of job %s: it is no query",
                                       job->id);
    }
    return wait_and_answer(bq, r, r->state, &q, reply);
}

static const bw_sb_route routes[] = {
    {"POST", "projects/{project}/queries", "bigquery.jobs.query", .handle = query},
    {"GET", "projects/{project}/queries/{job}", "bigquery.jobs.getQueryResults",
     .handle = get_results},
};

bw_sb_service bw_sb_queries_service(bw_sb_bigquery *bq)
{
    return (bw_sb_service){bw_sb_bigquery_prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_ERRORS,
                           bq};
}
