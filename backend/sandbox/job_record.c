#include "backend/sandbox/job_record.h"

#include <stdio.h>

#include "backend/sandbox/json_edit.h"

static const bw_sb_job_type *const types[] = {&bw_sb_load_job, &bw_sb_query_job, &bw_sb_copy_job};
static const char *const state_names[] = {"PENDING", "RUNNING", "DONE"};

const char *bw_sb_error_proto(bw_arena *arena, const bq_error *err)
{
    bw_buf text = BW_BUF_INIT;
    bw_buf_addc(&text, '{');
    bw_sb_json_add_text(&text, "reason", err->reason ? err->reason : "internalError");
    if (err->location[0])
        bw_sb_json_add_text(&text, "location", err->location);
    bw_sb_json_add_text(&text, "message", err->message);
    bw_buf_addc(&text, '}');
    const char *copy = bw_arena_strndup(arena, text.ptr, text.len);
    bw_buf_fini(&text);
    return copy;
}

/* ---- The record ------------------------------------------------------------------------------- */

static void print_result(const bw_sb_job_result *result, bw_buf *out)
{
    bw_sb_json_add_raw(out, "result", BW_SLICE_LIT("{"));
    if (result->table.table)
        bw_sb_add_table_reference(out, "table", result->table);
    bw_sb_json_add_int64(out, "totalRows", result->total_rows);
    bw_sb_json_add_int64(out, "affectedRows", result->affected_rows);
    bw_sb_json_add_int64(out, "bytesProcessed", result->bytes_processed);
    bw_sb_json_add_raw(out, "schema", bw_slice_cstr(result->schema));
    bw_sb_json_add_raw(out, "dmlStats", bw_slice_cstr(result->dml_stats));
    bw_buf_addc(out, '}');
}

void bw_sb_job_record_print(const bw_sb_job *job, bw_buf *out)
{
    bw_buf_addc(out, '{');
    bw_sb_json_add_text(out, "type", job->type->name);
    bw_sb_json_add_text(out, "state", state_names[job->state]);
    bw_sb_json_add_int64(out, "created", job->created_us);
    bw_sb_json_add_int64(out, "started", job->started_us);
    bw_sb_json_add_int64(out, "ended", job->ended_us);
    bw_sb_json_add_text(out, "requestId", job->request_id);
    bw_sb_json_add_raw(out, "configuration", job->configuration);
    if (job->media_id) {
        bw_sb_json_add_raw(out, "media", BW_SLICE_LIT("{"));
        bw_sb_json_add_text(out, "id", job->media_id);
        if (job->media) {
            bw_sb_json_add_bool(out, "discarded", job->media->fd < 0);
            bw_sb_json_add_int64(out, "size", (int64_t)job->media->size);
            bw_sb_json_add_int64(out, "lines", (int64_t)job->media->lines);
            bw_sb_json_add_bool(out, "gzip", job->media->gzip);
        }
        bw_buf_addc(out, '}');
    }
    bw_sb_json_add_raw(out, "statistics", bw_slice_cstr(job->statistics));
    bw_sb_json_add_raw(out, "errors", bw_slice_cstr(job->errors));
    bw_sb_json_add_raw(out, "errorResult", bw_slice_cstr(job->error_result));
    if (job->type == &bw_sb_query_job)
        print_result(&job->result, out);
    bw_buf_addc(out, '}');
}

static const char *keep_raw(bw_sb_job *job, bw_slice record, const char *name)
{
    bw_slice raw = bw_json_member(record, name);
    return raw.len ? bw_arena_strndup(&job->arena, raw.ptr, raw.len) : NULL;
}

static void parse_failure(bw_sb_job *job)
{
    bw_slice proto = bw_slice_cstr(job->error_result);
    const char *location = bw_sb_json_text(&job->arena, proto, "location");
    const char *message = bw_sb_json_text(&job->arena, proto, "message");
    job->failure.reason = bw_sb_json_text(&job->arena, proto, "reason");
    snprintf(job->failure.location, sizeof job->failure.location, "%s", location ? location : "");
    snprintf(job->failure.message, sizeof job->failure.message, "%s", message ? message : "");
}

static void parse_media(bw_sb_job *job, bw_slice media)
{
    job->media_id = bw_sb_json_text(&job->arena, media, "id");
    if (!job->media_id || job->state == BW_SB_JOB_DONE)
        return;
    bw_sb_spool *spool = NULL;
    if (bw_sb_json_bool(media, "discarded", false) &&
        bw_sb_spool_new(NULL, job->media_id, true, &spool, NULL) == BW_OK) {
        spool->size = (uint64_t)bw_sb_json_int(media, "size", 0);
        spool->lines = (uint64_t)bw_sb_json_int(media, "lines", 0);
        spool->gzip = bw_sb_json_bool(media, "gzip", false);
        job->media = spool;
    }
}

bool bw_sb_job_record_parse(bw_sb_job *job, bw_slice record)
{
    const char *type = bw_sb_json_text(&job->arena, record, "type");
    const char *state = bw_sb_json_text(&job->arena, record, "state");
    const char *configuration = keep_raw(job, record, "configuration");
    if (!type || !state || !configuration)
        return false;
    for (size_t i = 0; i < BW_COUNT(types); i++) {
        if (strcmp(types[i]->name, type) == 0)
            job->type = types[i];
    }
    job->state = strcmp(state, "DONE") == 0 ? BW_SB_JOB_DONE : BW_SB_JOB_PENDING;
    job->configuration = bw_slice_cstr(configuration);
    job->created_us = bw_sb_json_int(record, "created", 0);
    job->started_us = bw_sb_json_int(record, "started", 0);
    job->ended_us = bw_sb_json_int(record, "ended", 0);
    job->request_id = bw_sb_json_text(&job->arena, record, "requestId");
    parse_media(job, bw_sb_json_object(record, "media"));
    job->statistics = keep_raw(job, record, "statistics");
    job->errors = keep_raw(job, record, "errors");
    job->error_result = keep_raw(job, record, "errorResult");
    if (job->error_result)
        parse_failure(job);
    bw_slice result = bw_sb_json_object(record, "result");
    job->result = (bw_sb_job_result){
        .table = bw_sb_table_reference(&job->arena, bw_sb_json_object(result, "table"), NULL),
        .total_rows = bw_sb_json_int(result, "totalRows", 0),
        .affected_rows = bw_sb_json_int(result, "affectedRows", -1),
        .bytes_processed = bw_sb_json_int(result, "bytesProcessed", 0),
        .schema = result.len ? keep_raw(job, result, "schema") : NULL,
        .dml_stats = result.len ? keep_raw(job, result, "dmlStats") : NULL};
    return job->type != NULL;
}

static void print_record(bw_sb_job *job, bool as_done, bw_buf *json)
{
    pthread_mutex_lock(&job->mu);
    bw_sb_job_state state = job->state;
    if (as_done) {
        job->state = BW_SB_JOB_DONE;
        job->ended_us = bw_wall_us(job->bq->clock);
    }
    bw_sb_job_record_print(job, json);
    job->state = state;
    pthread_mutex_unlock(&job->mu);
}

bw_status bw_sb_job_store(bw_sb_job *job, bool as_done, bq_catalog *catalog,
                          bw_status (*put)(bq_catalog *, const bq_job_record *, bq_error *),
                          bq_error *err)
{
    bw_buf json = BW_BUF_INIT;
    print_record(job, as_done, &json);
    bq_job_record record = {.project = job->project,
                            .location = job->location,
                            .id = job->id,
                            .request_id = job->request_id,
                            .created_us = job->created_us,
                            .json = bw_buf_cstr(&json)};
    bw_status status = put(catalog, &record, err);
    bw_buf_fini(&json);
    return status;
}

bw_status bw_sb_job_commit(void *user, bq_catalog *catalog, bq_error *err)
{
    bw_sb_job *job = user;
    if (job->dropped)
        return bq_error_set(err, "stopped", NULL, "The job has been forgotten");
    return bw_sb_job_store(job, true, catalog, bq_job_put_locked, err);
}

/* ---- The resource ----------------------------------------------------------------------------- */

void bw_sb_job_print_reference(const bw_sb_job *job, bw_buf *out)
{
    bw_buf_addc(out, '{');
    bw_sb_json_add_text(out, "projectId", job->project);
    bw_sb_json_add_text(out, "jobId", job->id);
    bw_sb_json_add_text(out, "location", job->location);
    bw_buf_addc(out, '}');
}

/* The client's configuration with the job's type, and where the rows of a query went. */
static void print_configuration(const bw_sb_job *job, bw_buf *out)
{
    bw_buf patch = BW_BUF_INIT;
    bw_buf_addc(&patch, '{');
    bw_sb_json_add_text(&patch, "jobType", job->type->name);
    if (job->type == &bw_sb_query_job && job->result.table.table) {
        bw_sb_json_add_raw(&patch, "query", BW_SLICE_LIT("{"));
        bw_sb_add_table_reference(&patch, "destinationTable", job->result.table);
        bw_buf_addc(&patch, '}');
    }
    bw_buf_addc(&patch, '}');
    bw_buf merged = BW_BUF_INIT;
    bw_sb_json_merge(job->configuration, bw_buf_slice(&patch), &merged);
    bw_sb_json_add_raw(out, "configuration", bw_buf_slice(&merged));
    bw_buf_fini(&merged);
    bw_buf_fini(&patch);
}

static void print_statistics(const bw_sb_job *job, bw_buf *out)
{
    bw_sb_json_add_raw(out, "statistics", BW_SLICE_LIT("{"));
    bw_sb_json_add_int64(out, "creationTime", job->created_us / 1000);
    if (job->started_us)
        bw_sb_json_add_int64(out, "startTime", job->started_us / 1000);
    if (job->ended_us)
        bw_sb_json_add_int64(out, "endTime", job->ended_us / 1000);
    if (job->statistics)
        bw_sb_json_add_members(out, bw_slice_cstr(job->statistics));
    bw_buf_addc(out, '}');
}

void bw_sb_job_print(bw_sb_job *job, bool listed, bw_buf *out)
{
    pthread_mutex_lock(&job->mu);
    bw_buf id = BW_BUF_INIT;
    bw_buf_addf(&id, "%s:%s.%s", job->project, job->location, job->id);
    bw_buf_adds(out, "{\"kind\":\"bigquery#job\"");
    bw_sb_json_add_text(out, "id", bw_buf_cstr(&id));
    bw_sb_json_add_name(out, "jobReference");
    bw_sb_job_print_reference(job, out);
    if (listed) {
        bw_sb_json_add_text(out, "state", state_names[job->state]);
        bw_sb_json_add_raw(out, "errorResult", bw_slice_cstr(job->error_result));
    } else {
        bw_buf_clear(&id);
        bw_buf_addf(&id,
                    "https://bigquery.googleapis.com/bigquery/v2/projects/%s/jobs/%s?location=%s",
                    job->project, job->id, job->location);
        bw_sb_json_add_text(out, "selfLink", bw_buf_cstr(&id));
        bw_buf_addf(out, ",\"etag\":\"j%lld%d\"", (long long)job->created_us, (int)job->state);
    }
    bw_sb_json_add_text(out, "user_email", "sandbox@bridgewatch.invalid");
    print_configuration(job, out);
    print_statistics(job, out);
    bw_sb_json_add_raw(out, "status", BW_SLICE_LIT("{"));
    bw_sb_json_add_text(out, "state", state_names[job->state]);
    bw_sb_json_add_raw(out, "errorResult", bw_slice_cstr(job->error_result));
    bw_sb_json_add_raw(out, "errors", bw_slice_cstr(job->errors));
    bw_buf_adds(out, "}}");
    bw_buf_fini(&id);
    pthread_mutex_unlock(&job->mu);
}
