/*
 * Load jobs fed by bytes. A resumable upload is a dialogue about one number, how many bytes the
 * service holds: whatever goes wrong, ask for it and go on from there. Specification: BigQuery's
 * guide "Upload data using the REST API" and the answers that official clients expect.
 */
#include "backend/google/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "backend/google/bigquery_internal.h"
#include "backend/google/retry.h"

#define FINAL_STALL (120 * BW_SECOND)

struct bw_upload {
    char *session;  /* a bearer secret */
    bool anonymous; /* the session is not at a Google address: it gets no token */
    bool unknown;   /* the end was sent and not answered: the job may exist */
};

bool bw_upload_parse_range(const char *range, int64_t *persisted)
{
    *persisted = 0;
    if (!range)
        return true;
    if (strncmp(range, "bytes=", 6) == 0)
        range += 6;
    if (range[0] != '0' || range[1] != '-' || range[2] < '0' || range[2] > '9')
        return false;
    char *end;
    long long last = strtoll(range + 2, &end, 10);
    if (*end || last >= INT64_MAX)
        return false;
    *persisted = last + 1;
    return true;
}

void bw_upload_content_range(char out[BW_CONTENT_RANGE_SIZE], int64_t offset, int64_t size,
                             int64_t total)
{
    char range[48] = "*", whole[24] = "*";
    if (size > 0)
        snprintf(range, sizeof(range), "%lld-%lld", (long long)offset,
                 (long long)(offset + size - 1));
    if (total >= 0)
        snprintf(whole, sizeof(whole), "%lld", (long long)total);
    snprintf(out, BW_CONTENT_RANGE_SIZE, "Content-Range: bytes %s/%s", range, whole);
}

/* ROOT/upload/bigquery/v2/projects/P/jobs?uploadType=TYPE (free()). */
static char *upload_url(const bw_bigquery *bq, const char *project, const char *type, bw_error *err)
{
    if (bw_bigquery_project(bq, project, &project, err) != BW_OK)
        return NULL;
    bw_buf url = BW_BUF_INIT;
    bw_buf_addf(&url, "%s/upload/bigquery/v2/projects/", bq->root);
    bw_http_add_escaped(&url, bw_slice_cstr(project));
    bw_buf_addf(&url, "/jobs?uploadType=%s", type);
    return bw_buf_take(&url);
}

/* ---- multipart -------------------------------------------------------------------------- */

static bw_status make_boundary(char out[40], bw_error *err)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return bw_error_set(err, BW_INTERNAL, "the system gives no random bytes");
    memcpy(out, "bw_", 3);
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(out + 3 + 2 * i, 3, "%02x", bytes[i]);
    return BW_OK;
}

static bw_status send_multipart(bw_bigquery *bq, const char *url, const char *job,
                                const bw_slice *data, size_t n_data, json_t **out, bw_error *err)
{
    char boundary[40], type[96];
    bw_status s = make_boundary(boundary, err);
    if (s != BW_OK)
        return s;
    snprintf(type, sizeof(type), "Content-Type: multipart/related; boundary=%s", boundary);
    char *head = bw_xasprintf("--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s\r\n"
                              "--%s\r\nContent-Type: application/octet-stream\r\n\r\n",
                              boundary, job, boundary);
    char *tail = bw_xasprintf("\r\n--%s--\r\n", boundary);
    bw_rest_call call = {.what = "insert the load job",
                         .method = "POST",
                         .url = url,
                         .headers = {type},
                         .once = true,
                         .stall_us = FINAL_STALL};
    call.body[call.n_body++] = bw_slice_cstr(head);
    for (size_t i = 0; i < n_data; i++)
        call.body[call.n_body++] = data[i];
    call.body[call.n_body++] = bw_slice_cstr(tail);
    s = bw_rest_json(&bq->rest, &call, out, err);
    free(head);
    free(tail);
    return s;
}

bw_status bw_bigquery_load(bw_bigquery *bq, const char *project, const json_t *job,
                           const bw_slice *data, size_t n_data, json_t **out, bw_error *err)
{
    json_t *own;
    if (out)
        *out = NULL;
    if (n_data > BW_HTTP_BODY_SLICES - 2)
        return bw_error_set(err, BW_INTERNAL, "too many slices for one load");
    bw_status s = bw_bigquery_own_job(bq, project, job, &own, err);
    if (s != BW_OK)
        return s;
    char *url = upload_url(bq, project, "multipart", err);
    char *text = json_dumps(own, JSON_COMPACT);
    s = send_multipart(bq, url, text, data, n_data, out, err);
    free(text);
    free(url);
    json_decref(own);
    return s;
}

/* ---- resumable -------------------------------------------------------------------------- */

static bool ends_with(bw_slice s, const char *end)
{
    size_t n = strlen(end);
    return s.len >= n && memcmp(s.ptr + s.len - n, end, n) == 0;
}

/* Scheme, host and port of a URL. */
static bw_slice origin(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    return (bw_slice){url, (size_t)(host - url) + strcspn(host, "/?#")};
}

/* A token goes back to where it belongs: the endpoint itself, or Google. */
static bool trusted(const bw_bigquery *bq, const char *session)
{
    bw_slice o = origin(session);
    return bw_slice_eq(o, origin(bq->root)) ||
           (strncmp(session, "https://", 8) == 0 && ends_with(o, ".googleapis.com"));
}

static bw_status start(bw_bigquery *bq, const char *url, const char *body, bw_upload **out,
                       bw_error *err)
{
    bw_rest_call call = {.what = "begin the upload",
                         .method = "POST",
                         .url = url,
                         .headers = {"Content-Type: application/json; charset=UTF-8",
                                     "X-Upload-Content-Type: application/octet-stream"},
                         .body = {bw_slice_cstr(body)},
                         .n_body = 1};
    bw_status s = bw_rest_send(&bq->rest, &call, err);
    if (s != BW_OK)
        return s;
    const char *session = bw_http_header(&bq->rest.response, "Location");
    if (!session || !session[0])
        return bw_error_set(err, BW_UNAVAILABLE, "the service began an upload without a session");
    *out = bw_xcalloc(1, sizeof(**out));
    /* A relative one is against the service's own address (RFC 9110, 10.2.2). */
    (*out)->session =
        session[0] == '/' ? bw_xasprintf("%s%s", bq->root, session) : bw_xstrdup(session);
    (*out)->anonymous = !trusted(bq, (*out)->session);
    return BW_OK;
}

bw_status bw_bigquery_upload_start(bw_bigquery *bq, const char *project, const json_t *job,
                                   bw_upload **out, bw_error *err)
{
    json_t *own;
    *out = NULL;
    bw_status s = bw_bigquery_own_job(bq, project, job, &own, err);
    if (s != BW_OK)
        return s;
    char *url = upload_url(bq, project, "resumable", err);
    char *text = json_dumps(own, JSON_COMPACT);
    s = start(bq, url, text, out, err);
    free(text);
    free(url);
    json_decref(own);
    return s;
}

void bw_bigquery_upload_free(bw_upload *upload)
{
    if (!upload)
        return;
    free(upload->session);
    free(upload);
}

/* What an answer of the session says: 308 and how much it holds, or 2xx and the job. */
static bw_status read_state(const bw_rest *r, bw_upload_state *state, bw_error *err)
{
    const bw_http_response *a = &r->response;
    if (a->status == 308) {
        if (bw_upload_parse_range(bw_http_header(a, "Range"), &state->persisted))
            return BW_OK;
        return bw_error_set(err, BW_UNAVAILABLE, "the upload's answer has an unreadable Range");
    }
    state->job = a->body.len ? json_loadb(a->body.ptr, a->body.len, 0, NULL) : NULL;
    if (json_is_object(state->job))
        return BW_OK;
    json_decref(state->job);
    state->job = NULL;
    return bw_error_set(err, BW_UNAVAILABLE, "the upload has ended, but its answer is no job");
}

/* The slices without their first `skip` bytes. */
static size_t cut_slices(const bw_slice *from, size_t n, size_t skip, bw_slice *to)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t cut = skip < from[i].len ? skip : from[i].len;
        skip -= cut;
        if (from[i].len > cut)
            to[count++] = (bw_slice){from[i].ptr + cut, from[i].len - cut};
    }
    return count;
}

/* One request of the session; `end` when it carries the upload's end. */
static bw_status say(bw_bigquery *bq, bw_upload *upload, bw_rest_call *call, const char *range,
                     bool end, bw_upload_state *state, bw_error *err)
{
    call->method = "PUT";
    call->url = upload->session;
    call->headers[0] = range;
    call->once = true;
    call->also_ok = 308;
    call->anonymous = upload->anonymous;
    bw_status s = bw_rest_try(&bq->rest, call, err);
    bool acted = s != BW_OK && err->maybe_acted;
    if (s == BW_OK) {
        s = read_state(&bq->rest, state, err);
        acted = s != BW_OK && bq->rest.response.status != 308;
    }
    upload->unknown |= end && acted;
    return s;
}

static bw_status query_once(bw_bigquery *bq, bw_upload *upload, int64_t total, int64_t deadline,
                            bw_upload_state *state, bw_error *err)
{
    char range[BW_CONTENT_RANGE_SIZE];
    bw_rest_call call = {.what = "ask how much of the upload arrived", .deadline_us = deadline};
    bw_upload_content_range(range, 0, 0, total);
    return say(bq, upload, &call, range, total >= 0, state, err);
}

/* A put in progress: `at` is the next byte to send of [offset, end). */
typedef struct put {
    const bw_slice *data;
    size_t n_data;
    int64_t offset, at, end, total, deadline;
} put;

static bw_status put_once(bw_bigquery *bq, bw_upload *upload, const put *p, bw_upload_state *state,
                          bw_error *err)
{
    char range[BW_CONTENT_RANGE_SIZE];
    bw_rest_call call = {.what = "upload", .deadline_us = p->deadline};
    call.n_body = cut_slices(p->data, p->n_data, (size_t)(p->at - p->offset), call.body);
    call.stall_us = p->total >= 0 ? FINAL_STALL : 0;
    bw_upload_content_range(range, p->at, p->end - p->at, p->total);
    return say(bq, upload, &call, range, p->total >= 0, state, err);
}

/* Judges what the session holds after an answer; *done when all of the put is there. */
static bw_status judge(put *p, const bw_upload_state *state, bool *done, bw_error *err)
{
    *done = state->job || (p->total < 0 && state->persisted == p->end);
    if (*done)
        return BW_OK;
    if (state->persisted < p->offset)
        return bw_error_set(err, BW_CONFLICT,
                            "the service holds %lld bytes of the upload, %lld were sent before",
                            (long long)state->persisted, (long long)p->offset);
    if (state->persisted > p->end)
        return bw_error_set(err, BW_CONFLICT,
                            "the service holds %lld bytes of the upload, only %lld were sent",
                            (long long)state->persisted, (long long)p->end);
    bool moved = state->persisted > p->at;
    p->at = state->persisted;
    return moved ? BW_OK
                 : bw_error_set(err, BW_UNAVAILABLE, "the service took nothing of the upload");
}

/* Puts, and after a failure asks before it puts again. */
static bw_status run_put(bw_bigquery *bq, bw_upload *upload, put *p, bw_upload_state *state,
                         bw_error *err)
{
    bw_rest *r = &bq->rest;
    bw_retry retry = bw_retry_begin(r->clock, r->cancel, p->deadline, r->subject, "upload");
    retry.listener = &r->listener;
    bool ask = false, done = false;
    for (;;) {
        int64_t before = p->at;
        bw_status s = ask ? query_once(bq, upload, p->total, p->deadline, state, err)
                          : put_once(bq, upload, p, state, err);
        if (s == BW_OK) {
            s = judge(p, state, &done, err);
            if (done)
                return BW_OK;
            if (p->at > before)
                retry.failures = 0;
            /* That nothing more arrived since the last put is what the question was about. */
            if (s == BW_OK || (ask && err->status == BW_UNAVAILABLE && p->at < p->end)) {
                ask = false;
                continue;
            }
        }
        if (!bw_retry_again(&retry, err))
            return err->status;
        ask = true;
    }
}

bw_status bw_bigquery_upload_put(bw_bigquery *bq, bw_upload *upload, int64_t offset,
                                 const bw_slice *data, size_t n_data, int64_t total,
                                 bw_upload_state *state, bw_error *err)
{
    bw_error local = BW_ERROR_INIT;
    put p = {.data = data, .n_data = n_data, .offset = offset, .at = offset, .total = total};
    *state = (bw_upload_state){.persisted = 0, .job = NULL};
    err = err ? err : &local;
    p.end = offset;
    for (size_t i = 0; i < n_data; i++)
        p.end += (int64_t)data[i].len;
    size_t size = (size_t)(p.end - offset);
    bool aligned = total >= 0 ? total == p.end : size && size % BW_UPLOAD_GRANULE == 0;
    if (n_data > BW_HTTP_BODY_SLICES || !aligned)
        return bw_error_set(err, BW_INTERNAL, "an upload chunk of a wrong size");
    p.deadline = bw_mono_us(bq->rest.clock) + bq->rest.per_call_us;
    bw_status s = run_put(bq, upload, &p, state, err);
    if (s == BW_OK)
        state->persisted = p.end;
    else
        err->maybe_acted = upload->unknown;
    return s;
}

bw_status bw_bigquery_upload_query(bw_bigquery *bq, bw_upload *upload, int64_t total,
                                   bw_upload_state *state, bw_error *err)
{
    bw_error local = BW_ERROR_INIT;
    bw_rest *r = &bq->rest;
    int64_t deadline = bw_mono_us(r->clock) + r->per_call_us;
    bw_retry retry = bw_retry_begin(r->clock, r->cancel, deadline, r->subject,
                                    "ask how much of the upload arrived");
    retry.listener = &r->listener;
    *state = (bw_upload_state){.persisted = 0, .job = NULL};
    err = err ? err : &local;
    bw_status s;
    do
        s = query_once(bq, upload, total, deadline, state, err);
    while (s != BW_OK && bw_retry_again(&retry, err));
    if (s != BW_OK)
        err->maybe_acted = upload->unknown;
    return s;
}
