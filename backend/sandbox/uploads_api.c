/* jobs.insert with media: multipart in one request, or a resumable session filled by chunks. */
#include <errno.h>
#include <stdlib.h>

#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/multipart.h"
#include "backend/sandbox/uploads.h"

static const char *const prefixes[] = {"/upload/bigquery/v2/", "/bigquery/v2/upload/bigquery/v2/",
                                       "/resumable/upload/bigquery/v2/", NULL};

static void reply_io_error(bw_sb_reply *reply, const bw_error *err)
{
    bw_sb_reply_error(reply, 503, "backendError", NULL, "%s", err->message);
}

/* Inserts a load job with its media and answers with it. On an error the media is given back. */
static bool insert_job(bw_sb_bigquery *bq, const char *project, bw_slice resource,
                       bw_sb_spool **media, bw_sb_job **out, bw_sb_reply *reply)
{
    bq_error err = BQ_ERROR_INIT;
    bw_sb_job *job;
    bw_status status = bw_sb_job_parse(bq, project, resource, &job, &err);
    if (status == BW_OK && job->type != &bw_sb_load_job) {
        status = bq_error_set(&err, "invalid", NULL, "An upload needs a load configuration");
        bw_sb_job_unref(bq->jobs, job);
    } else if (status == BW_OK) {
        status = bw_sb_job_insert(bq->jobs, &job, *media, &err);
        if (status == BW_OK)
            *media = NULL;
        else
            bw_sb_job_unref(bq->jobs, job);
    }
    if (status != BW_OK) {
        bw_sb_reply_bq_error(reply, &err);
        return false;
    }
    *out = job;
    bw_sb_job_print(job, false, &reply->body);
    bw_sb_job_start(bq->jobs, job);
    return true;
}

/* ---- Multipart -------------------------------------------------------------------------------- */

typedef struct multipart_upload {
    bw_sb_bigquery *bq;
    bw_sb_multipart *parser; /* NULL: not multipart */
    bw_sb_spool *spool;
    bool failed;
    bw_error err; /* of the spool */
} multipart_upload;

static void take_media(void *user, const char *bytes, size_t size)
{
    multipart_upload *u = user;
    /* The first error stays, and is answered at the end. */
    if (!u->failed && bw_sb_uploads_write(u->bq->uploads, u->spool, bytes, size, &u->err) != BW_OK)
        u->failed = true;
}

static void multipart_free(void *state)
{
    multipart_upload *u = state;
    bw_sb_multipart_free(u->parser);
    bw_sb_spool_remove(u->spool);
    free(u);
}

static void multipart_begin(void *context, bw_sb_request *r)
{
    multipart_upload *u = bw_xcalloc(1, sizeof *u);
    u->bq = context;
    u->parser = bw_sb_multipart_new(bw_sb_request_header(r, "Content-Type"), take_media, u);
    u->failed = bw_sb_uploads_spool(u->bq->uploads, &u->spool, &u->err) != BW_OK;
    r->state = u;
    r->state_free = multipart_free;
}

static void multipart_data(void *context, bw_sb_request *r, const char *bytes, size_t size)
{
    (void)context;
    multipart_upload *u = r->state;
    if (u->parser)
        bw_sb_multipart_feed(u->parser, bytes, size);
}

static bw_sb_outcome multipart_done(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    multipart_upload *u = r->state;
    bw_sb_job *job;
    if (!u->parser)
        return bw_sb_reply_invalid(reply, "The content type must be multipart/related with a "
                                          "boundary");
    const char *fault = bw_sb_multipart_fault(u->parser);
    if (fault) {
        bw_sb_reply_error(reply, 400, "badContent", NULL, "Malformed multipart body: %s", fault);
        return BW_SB_DONE;
    }
    bw_slice metadata = bw_sb_multipart_metadata(u->parser);
    bw_buf_add(&r->body, metadata.ptr, metadata.len); /* for the request log */
    if (u->failed) {
        reply_io_error(reply, &u->err);
    } else if (!bw_sb_json_is_object(metadata)) {
        bw_sb_reply_error(reply, 400, "parseError", NULL,
                          "Invalid JSON payload received. The first part must be one object.");
    } else if (insert_job(bq, bw_sb_request_param(r, "project"), metadata, &u->spool, &job,
                          reply)) {
        bw_sb_job_unref(bq->jobs, job);
    }
    return BW_SB_DONE;
}

static const bw_sb_stream multipart_stream = {multipart_begin, multipart_data, NULL};

/* ---- Starting a session ----------------------------------------------------------------------- */

/* The resource with a complete reference, so that every later step speaks of the same job. */
static bw_status complete_resource(bw_sb_bigquery *bq, const char *project, bw_slice body,
                                   bw_buf *out, bq_error *err)
{
    bw_sb_job *job;
    bw_status status = bw_sb_job_parse(bq, project, body, &job, err);
    if (status != BW_OK)
        return status;
    bw_sb_job *there;
    bq_error ignored = BQ_ERROR_INIT;
    if (job->type != &bw_sb_load_job) {
        status = bq_error_set(err, "invalid", NULL, "An upload needs a load configuration");
    } else if (bw_sb_job_find(bq->jobs, project, job->location, job->id, &there, &ignored) ==
               BW_OK) {
        status = bq_error_set(err, "duplicate", NULL, "Already Exists: Job %s:%s.%s", project,
                              job->location, job->id);
        bw_sb_job_unref(bq->jobs, there);
    } else {
        bw_buf_addc(out, '{');
        bw_sb_json_add_name(out, "jobReference");
        bw_sb_job_print_reference(job, out);
        bw_sb_json_add_raw(out, "configuration", job->configuration);
        bw_buf_addc(out, '}');
    }
    bw_sb_job_unref(bq->jobs, job);
    return status;
}

static bw_sb_outcome start(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    const char *project = bw_sb_request_param(r, "project"), *id;
    bq_error err = BQ_ERROR_INIT;
    bw_error io = BW_ERROR_INIT;
    bw_slice body;
    bw_buf resource = BW_BUF_INIT;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    if (complete_resource(bq, project, body, &resource, &err) != BW_OK) {
        bw_sb_reply_bq_error(reply, &err);
    } else if (bw_sb_session_new(bq->uploads, project, bw_buf_slice(&resource), &id, &io) !=
               BW_OK) {
        reply_io_error(reply, &io);
    } else {
        const char *host = bw_sb_request_header(r, "Host");
        bw_sb_reply_header(reply, "Location", "http://%s%s?uploadType=resumable&upload_id=%s",
                           host ? host : "127.0.0.1", r->path, id);
        bw_sb_reply_header(reply, "X-GUploader-UploadID", "%s", id);
    }
    bw_buf_fini(&resource);
    return BW_SB_DONE;
}

/* ---- Chunks ----------------------------------------------------------------------------------- */

typedef struct chunk_upload {
    bw_sb_session *session; /* NULL: unknown */
    bw_sb_chunk chunk;
    bool malformed; /* Content-Range */
} chunk_upload;

static bool read_number(const char **at, int64_t *out)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    long long value = strtoll(*at, &end, 10);
    *at = end;
    *out = value;
    return errno == 0 && value < INT64_MAX;
}

// "bytes 0-262143/*", "bytes 0-99/100", "bytes */100"; NULL: the body is the whole upload
static bool parse_range(const char *text, bw_sb_chunk *chunk)
{
    int64_t first, last = 0;
    *chunk = (bw_sb_chunk){.length = -1, .total = -1};
    if (!text)
        return true;
    if (strncmp(text, "bytes ", 6) != 0)
        return false;
    text += 6;
    if (*text == '*') {
        text++;
        chunk->status_only = true;
        chunk->length = 0;
    } else {
        if (!read_number(&text, &first) || *text++ != '-' || !read_number(&text, &last) ||
            last < first)
            return false;
        chunk->first = (uint64_t)first;
        chunk->length = last - first + 1;
    }
    if (*text++ != '/')
        return false;
    if (strcmp(text, "*") == 0)
        return true;
    return read_number(&text, &chunk->total) && *text == '\0' &&
           (chunk->status_only || last < chunk->total);
}

static void chunk_free(void *state)
{
    chunk_upload *u = state;
    bw_sb_session_unref(u->session);
    free(u);
}

static void chunk_begin(void *context, bw_sb_request *r)
{
    bw_sb_bigquery *bq = context;
    chunk_upload *u = bw_xcalloc(1, sizeof *u);
    u->session = bw_sb_session_find(bq->uploads, bw_sb_request_query(r, "upload_id"));
    u->malformed = !parse_range(bw_sb_request_header(r, "Content-Range"), &u->chunk);
    r->state = u;
    r->state_free = chunk_free;
    if (u->session && !u->malformed)
        bw_sb_session_begin(u->session, r, &u->chunk);
}

static void chunk_data(void *context, bw_sb_request *r, const char *bytes, size_t size)
{
    (void)context;
    chunk_upload *u = r->state;
    if (u->session && !u->malformed && !u->chunk.status_only)
        bw_sb_session_data(u->session, r, bytes, size);
}

static void chunk_abort(void *context, bw_sb_request *r)
{
    (void)context;
    chunk_upload *u = r->state;
    if (u->session && !u->malformed)
        bw_sb_session_abort(u->session, r);
}

/* "Resume incomplete": what is kept, as the client can understand it. */
static void reply_incomplete(bw_sb_request *r, bw_sb_session *session, bw_sb_reply *reply)
{
    uint64_t size = bw_sb_session_size(session);
    const char *no_308 = bw_sb_request_header(r, "X-GUploader-No-308");
    if (no_308 && strcmp(no_308, "yes") == 0) {
        reply->status = 200;
        bw_sb_reply_header(reply, "X-HTTP-Status-Code-Override", "308");
    } else {
        reply->status = 308;
    }
    if (size > 0)
        bw_sb_reply_header(reply, "Range", "bytes=0-%llu", (unsigned long long)size - 1);
}

/* The upload is whole: its job, made now or by an earlier request. */
static void complete(bw_sb_bigquery *bq, bw_sb_session *session, bw_sb_reply *reply)
{
    bw_sb_job *job;
    bw_sb_spool *spool = bw_sb_session_take_spool(session);
    if (!spool) {
        bw_sb_reply_error(reply, 503, "backendError", NULL,
                          "The upload is being finished by another request.");
        return;
    }
    if (insert_job(bq, bw_sb_session_project(session), bw_sb_session_job(session), &spool, &job,
                   reply)) {
        bw_sb_session_finish(session, job->location, job->id);
        bw_sb_job_unref(bq->jobs, job);
    } else {
        bw_sb_session_give_spool(session, spool);
    }
}

static void reply_finished(bw_sb_bigquery *bq, bw_sb_session *session, const char *location,
                           const char *id, bw_sb_reply *reply)
{
    bq_error err = BQ_ERROR_INIT;
    bw_sb_job *job;
    if (bw_sb_job_find(bq->jobs, bw_sb_session_project(session), location, id, &job, &err) !=
        BW_OK) {
        bw_sb_reply_bq_error(reply, &err);
        return;
    }
    bw_sb_job_print(job, false, &reply->body);
    bw_sb_job_unref(bq->jobs, job);
}

static void reply_refused(bw_sb_chunk_end end, const bw_sb_chunk *chunk, uint64_t received,
                          bw_sb_reply *reply)
{
    unsigned long long first = chunk->first;
    long long length = chunk->length;
    switch (end) {
    case BW_SB_CHUNK_LENGTH:
        bw_sb_reply_invalid(reply,
                            "Invalid request. There were %llu byte(s) in the request body. There "
                            "should have been %lld byte(s) (starting at offset %llu and ending at "
                            "offset %llu) according to the Content-Range header.",
                            (unsigned long long)received, length, first,
                            first + (unsigned long long)length - 1);
        break;
    case BW_SB_CHUNK_PARTIAL:
        bw_sb_reply_invalid(reply,
                            "Invalid request. The number of bytes uploaded is required to "
                            "be equal or greater than 262144, except for the final request "
                            "(it's recommended to be the exact multiple of 262144). The "
                            "received request contained %llu bytes, which does not meet "
                            "this requirement.",
                            (unsigned long long)received);
        break;
    case BW_SB_CHUNK_GAP:
        bw_sb_reply_invalid(reply,
                            "Invalid request. The chunk begins at offset %llu, behind what "
                            "has been uploaded.",
                            first);
        break;
    default:
        bw_sb_reply_error(reply, 503, "backendError", NULL, "The chunk could not be kept.");
    }
}

static bw_sb_outcome chunk_done(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    chunk_upload *u = r->state;
    const char *location, *job_id;
    uint64_t received;
    if (!u->session ||
        strcmp(bw_sb_session_project(u->session), bw_sb_request_param(r, "project")) != 0) {
        bw_sb_reply_error(reply, 404, NULL, NULL, "Not found: this upload session does not exist");
        return BW_SB_DONE;
    }
    if (u->malformed)
        return bw_sb_reply_invalid(reply, "Failed to parse Content-Range header.");
    if (bw_sb_session_finished(u->session, &location, &job_id)) {
        reply_finished(bq, u->session, location, job_id, reply);
        return BW_SB_DONE;
    }
    bool keep_short = r->fault.kind == BW_SB_FAULT_SHORT_RANGE;
    bw_sb_chunk_end end = bw_sb_session_end(u->session, r, &u->chunk, keep_short, &received);
    if (end == BW_SB_CHUNK_COMPLETE)
        complete(bq, u->session, reply);
    else if (end == BW_SB_CHUNK_KEPT)
        reply_incomplete(r, u->session, reply);
    else
        reply_refused(end, &u->chunk, received, reply);
    return BW_SB_DONE;
}

static bw_sb_outcome drop_session(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bw_sb_session *session = bw_sb_session_find(bq->uploads, bw_sb_request_query(r, "upload_id"));
    if (!session) {
        bw_sb_reply_error(reply, 404, NULL, NULL, "Not found: this upload session does not exist");
        return BW_SB_DONE;
    }
    bw_sb_session_drop(session);
    bw_sb_session_unref(session);
    reply->status = 499; /* "client closed request": what the service answers */
    return BW_SB_DONE;
}

static bw_sb_outcome refuse_type(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    (void)context;
    const char *type = bw_sb_request_query(r, "uploadType");
    return bw_sb_reply_invalid(reply, "uploadType must be multipart or resumable, not %s",
                               type ? type : "missing");
}

static const bw_sb_stream chunk_stream = {chunk_begin, chunk_data, chunk_abort};

#define JOBS "projects/{project}/jobs"
#define CHUNK                                                                 \
    JOBS, "bigquery.upload.chunk", .handle = chunk_done, .when = "upload_id", \
                                   .stream = &chunk_stream
static const bw_sb_route routes[] = {
    {"PUT", CHUNK},
    {"POST", CHUNK},
    {"DELETE", JOBS, "bigquery.upload.cancel", .handle = drop_session, .when = "upload_id"},
    {"POST", JOBS, "bigquery.jobs.insert", .handle = start, .when = "uploadType=resumable",
     .alias = "bigquery.upload.start"},
    {"POST", JOBS, "bigquery.jobs.insert", .handle = multipart_done, .when = "uploadType=multipart",
     .alias = "bigquery.upload.multipart", .stream = &multipart_stream},
    {"POST", JOBS, "bigquery.jobs.insert", .handle = refuse_type},
};

bw_sb_service bw_sb_uploads_service(bw_sb_bigquery *bq)
{
    return (bw_sb_service){prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_ERRORS, bq};
}
