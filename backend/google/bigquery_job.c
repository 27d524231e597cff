/* Jobs and questions: see bigquery.h. */
#include <stdlib.h>
#include <sys/random.h>

#include "backend/google/bigquery_internal.h"

#define POLL_FIRST       (BW_SECOND / 20)
#define POLL_CAP         (10 * BW_SECOND)
#define ANSWER_WAIT_MS   10000
#define DEFAULT_MAX_ROWS 1000
#define RESPONSE_STALL   (120 * BW_SECOND)

bw_status bw_bigquery_own_job(const bw_bigquery *bq, const char *project, const json_t *job,
                              json_t **out, bw_error *err)
{
    *out = NULL;
    bw_status s = bw_bigquery_project(bq, project, &project, err);
    if (s != BW_OK)
        return s;
    const char *id =
        json_string_value(json_object_get(json_object_get(job, "jobReference"), "jobId"));
    if (!id || !id[0])
        return bw_error_set(err, BW_INTERNAL, "a job without an id of its own");
    *out = json_deep_copy(job);
    json_object_set_new(json_object_get(*out, "jobReference"), "projectId", json_string(project));
    return BW_OK;
}

bw_status bw_bigquery_insert_job(bw_bigquery *bq, const char *project, const json_t *job,
                                 json_t **out, bw_error *err)
{
    json_t *body;
    if (out)
        *out = NULL;
    bw_status s = bw_bigquery_own_job(bq, project, job, &body, err);
    if (s != BW_OK)
        return s;
    char *url = bw_bigquery_url(bq, project, (const char *const[]){"jobs", NULL}, err);
    bw_rest_call call = {.what = "insert the job", .method = "POST", .url = url, .once = true};
    s = bw_rest_post(&bq->rest, &call, body, out, err);
    free(url);
    json_decref(body);
    return s;
}

static const char *state_of(const json_t *job)
{
    return json_string_value(json_object_get(json_object_get(job, "status"), "state"));
}

static bool has_state(const json_t *job)
{
    static const char *const states[] = {"PENDING", "RUNNING", "DONE"};
    const char *state = state_of(job);
    for (size_t i = 0; state && i < BW_COUNT(states); i++) {
        if (strcmp(state, states[i]) == 0)
            return true;
    }
    return false;
}

bw_status bw_bigquery_get_job(bw_bigquery *bq, const char *project, const char *location,
                              const char *job_id, json_t **out, bw_error *err)
{
    if (out)
        *out = NULL;
    char *url = bw_bigquery_url(bq, project, (const char *const[]){"jobs", job_id, NULL}, err);
    if (!url)
        return BW_INVALID;
    url = bw_bigquery_url_add(url, "location", location);
    json_t *job;
    bw_rest_call call = {.what = "look at the job", .url = url};
    bw_status s = bw_rest_json(&bq->rest, &call, &job, err);
    free(url);
    if (s == BW_OK && !has_state(job))
        s = bw_error_set(err, BW_UNAVAILABLE, "the answer about job %s does not say its state",
                         job_id);
    if (s == BW_OK && out)
        *out = json_incref(job);
    json_decref(job);
    return s;
}

bool bw_bigquery_job_done(const json_t *job)
{
    const char *state = state_of(job);
    return state && strcmp(state, "DONE") == 0;
}

bw_status bw_bigquery_job_error(const json_t *job, bw_error *err)
{
    const json_t *result = json_object_get(json_object_get(job, "status"), "errorResult");
    if (!json_is_object(result))
        return BW_OK;
    return bw_api_error_from_reason(json_string_value(json_object_get(result, "reason")),
                                    json_string_value(json_object_get(result, "message")), err);
}

bw_status bw_bigquery_wait_job(bw_bigquery *bq, const char *project, const char *location,
                               const char *job_id, int64_t deadline_us, json_t **out, bw_error *err)
{
    const bw_rest *r = &bq->rest;
    int64_t pause = POLL_FIRST;
    json_t *job = NULL;
    if (out)
        *out = NULL;
    for (;;) {
        bw_status s = bw_bigquery_get_job(bq, project, location, job_id, &job, err);
        if (s != BW_OK)
            return s;
        if (bw_bigquery_job_done(job))
            break;
        json_decref(job);
        int64_t now = bw_mono_us(r->clock);
        if (now >= deadline_us)
            return bw_error_set(err, BW_TIMEOUT, "job %s is still running", job_id);
        int64_t until = deadline_us - now < pause ? deadline_us : now + pause;
        s = bw_wait_until(r->cancel, r->clock, until, err);
        if (s != BW_OK)
            return s;
        pause = pause * 3 / 2 < POLL_CAP ? pause * 3 / 2 : POLL_CAP;
    }
    if (out)
        *out = job;
    else
        json_decref(job);
    return BW_OK;
}

bw_status bw_bigquery_cancel_job(bw_bigquery *bq, const char *project, const char *location,
                                 const char *job_id, bw_error *err)
{
    const char *const path[] = {"jobs", job_id, "cancel", NULL};
    char *url = bw_bigquery_url(bq, project, path, err);
    if (!url)
        return BW_INVALID;
    url = bw_bigquery_url_add(url, "location", location);
    bw_rest_call call = {.what = "cancel the job", .method = "POST", .url = url};
    bw_status s = bw_rest_send(&bq->rest, &call, err);
    free(url);
    return s;
}

/* ---- questions -------------------------------------------------------------------------- */

static size_t max_rows(const bw_question *q)
{
    return q->max_rows ? q->max_rows : DEFAULT_MAX_ROWS;
}

/* requestId makes the service treat repeats of one question as one. */
static void set_request_id(json_t *body)
{
    unsigned char bytes[16];
    char text[2 * sizeof(bytes) + 1];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    json_object_set_new(body, "requestId", json_string(text));
}

static json_t *question_body(const bw_question *q, bool dry_run)
{
    json_t *body =
        json_pack("{s:s, s:b, s:b}", "query", q->sql, "useLegacySql", 0, "dryRun", dry_run ? 1 : 0);
    if (!body)
        return NULL;
    if (q->location)
        json_object_set_new(body, "location", json_string(q->location));
    if (q->parameters) {
        json_object_set_new(body, "parameterMode", json_string("NAMED"));
        json_object_set_new(body, "queryParameters", json_deep_copy(q->parameters));
    }
    if (q->max_bytes_billed > 0) {
        char text[24];
        snprintf(text, sizeof(text), "%lld", (long long)q->max_bytes_billed);
        json_object_set_new(body, "maximumBytesBilled", json_string(text));
    }
    if (dry_run)
        return body;
    json_object_set_new(body, "timeoutMs", json_integer(ANSWER_WAIT_MS));
    json_object_set_new(body, "maxResults", json_integer((json_int_t)max_rows(q)));
    json_object_set_new(body, "formatOptions", json_pack("{s:b}", "useInt64Timestamp", 1));
    set_request_id(body);
    return body;
}

static bw_status send_question(bw_bigquery *bq, const bw_question *q, bool dry_run,
                               int64_t deadline, json_t **out, bw_error *err)
{
    char *url = bw_bigquery_url(bq, q->project, (const char *const[]){"queries", NULL}, err);
    if (!url)
        return BW_INVALID;
    json_t *body = question_body(q, dry_run);
    bw_rest_call call = {.what = dry_run ? "estimate the query" : "run the query",
                         .method = "POST",
                         .url = url,
                         .stall_us = RESPONSE_STALL,
                         .deadline_us = deadline};
    bw_status s = body ? bw_rest_post(&bq->rest, &call, body, out, err)
                       : bw_error_set(err, BW_INTERNAL, "the query is not valid UTF-8");
    json_decref(body);
    free(url);
    return s;
}

/* jobs.getQueryResults for the job that *answer names; replaces *answer. */
static bw_status ask_again(bw_bigquery *bq, const bw_question *q, int64_t deadline, json_t **answer,
                           bw_error *err)
{
    const json_t *ref = json_object_get(*answer, "jobReference");
    const char *id = json_string_value(json_object_get(ref, "jobId"));
    const char *location = json_string_value(json_object_get(ref, "location"));
    char rows[24], wait[24];
    if (!id)
        return bw_error_set(err, BW_UNAVAILABLE, "the query's answer names no job");
    snprintf(rows, sizeof(rows), "%zu", max_rows(q));
    snprintf(wait, sizeof(wait), "%d", ANSWER_WAIT_MS);
    char *url = bw_bigquery_url(bq, q->project, (const char *const[]){"queries", id, NULL}, err);
    url = bw_bigquery_url_add(url, "location", location ? location : q->location);
    url = bw_bigquery_url_add(url, "maxResults", rows);
    url = bw_bigquery_url_add(url, "timeoutMs", wait);
    url = bw_bigquery_url_add(url, "formatOptions.useInt64Timestamp", "true");
    bw_rest_call call = {.what = "read the query's answer",
                         .url = url,
                         .stall_us = RESPONSE_STALL,
                         .deadline_us = deadline};
    json_t *next = NULL;
    bw_status s = bw_rest_json(&bq->rest, &call, &next, err);
    free(url);
    if (s == BW_OK) {
        json_decref(*answer);
        *answer = next;
    }
    return s;
}

bw_status bw_bigquery_ask(bw_bigquery *bq, const bw_question *q, json_t **out, bw_error *err)
{
    const bw_rest *r = &bq->rest;
    int64_t deadline = bw_mono_us(r->clock) + r->per_call_us, pause = POLL_FIRST;
    json_t *answer = NULL;
    *out = NULL;
    bw_status s = send_question(bq, q, false, deadline, &answer, err);
    while (s == BW_OK && !json_is_true(json_object_get(answer, "jobComplete"))) {
        if (bw_mono_us(r->clock) >= deadline) {
            s = bw_error_set(err, BW_TIMEOUT, "the query has not ended in time");
            break;
        }
        /* The service holds the call for timeoutMs; one that does not must not be hammered. */
        s = bw_wait_until(r->cancel, r->clock, bw_mono_us(r->clock) + pause, err);
        pause = pause * 2 < POLL_CAP ? pause * 2 : POLL_CAP;
        if (s == BW_OK)
            s = ask_again(bq, q, deadline, &answer, err);
    }
    if (s == BW_OK && json_string_length(json_object_get(answer, "pageToken")) > 0)
        s = bw_error_set(err, BW_INVALID, "the query's answer has more than %zu rows", max_rows(q));
    if (s == BW_OK)
        *out = answer;
    else
        json_decref(answer);
    return s;
}

bw_status bw_bigquery_ask_scalar(bw_bigquery *bq, const bw_question *q, bw_buf *answer,
                                 bool *is_null, bw_error *err)
{
    json_t *result;
    *is_null = true;
    bw_status s = bw_bigquery_ask(bq, q, &result, err);
    if (s != BW_OK)
        return s;
    const json_t *row = json_array_get(json_object_get(result, "rows"), 0);
    const json_t *v = json_object_get(json_array_get(json_object_get(row, "f"), 0), "v");
    if (json_array_size(json_object_get(result, "rows")) > 1) {
        s = bw_error_set(err, BW_INVALID, "the query's answer has more than one row");
    } else if (json_is_string(v)) {
        bw_buf_add(answer, json_string_value(v), json_string_length(v));
        *is_null = false;
    } else if (v && !json_is_null(v)) {
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        bw_buf_adds(answer, text);
        *is_null = false;
        free(text);
    }
    json_decref(result);
    return s;
}

bw_status bw_bigquery_dry_run(bw_bigquery *bq, const bw_question *q, int64_t *bytes, bw_error *err)
{
    json_t *answer = NULL;
    *bytes = -1;
    bw_status s = send_question(bq, q, true, 0, &answer, err);
    const json_t *total = json_object_get(answer, "totalBytesProcessed");
    if (json_is_integer(total))
        *bytes = json_integer_value(total);
    else if (json_string_length(total))
        *bytes = strtoll(json_string_value(total), NULL, 10);
    json_decref(answer);
    return s;
}
