/*
 * BigQuery's REST API (bigquery/v2), thinly: one function per call, resources as jansson values in
 * the API's own words (control messages; rows never pass through here but as bytes of a load).
 *
 * Retries. A call that may be repeated is: transient failures (transport, 408, 429, 5xx and the
 * reasons that mean "later") are tried again with back-off until the call's deadline, a 401 once
 * with a fresh token. What must not be repeated blindly comes back at once when its outcome is
 * unknown: UNAVAILABLE or TIMEOUT with err->maybe_acted. Resolving that (jobs.get by the id that the
 * caller chose) is the caller's duty. Each function says which kind it is.
 *
 * Errors, everywhere: INVALID, NOT_FOUND, EXISTS, CONFLICT (412, or a job that is not ours to
 * touch), DENIED, QUOTA (retry_after_s is set), RATE, UNAVAILABLE, TIMEOUT, CANCELLED; messages carry
 * BigQuery's own words. *out is NULL unless BW_OK; `out` may be NULL where the answer is not wanted.
 * json_t arguments are borrowed, results belong to the caller (json_decref).
 * `project` NULL means bw_google_project(). Times are microseconds.
 * Threads: a client belongs to one thread.
 */
#ifndef BW_GOOGLE_BIGQUERY_H
#define BW_GOOGLE_BIGQUERY_H

#include <jansson.h>

#include "backend/core/buf.h"
#include "backend/google/google.h"

typedef struct bw_bigquery bw_bigquery;

/* Everything is borrowed and outlives the client; cancel may be NULL. */
bw_bigquery *bw_bigquery_new(const bw_google *google, const bw_clock *clock,
                             const bw_cancel *cancel);
void bw_bigquery_free(bw_bigquery *bq);
/* Tells, on the calling thread, what is waited for before a call is sent again; "" when it is over. */
void bw_bigquery_set_listener(bw_bigquery *bq, void (*tell)(void *user, const char *text),
                              void *user);
/* How long one call may take, its retries included. Default 10 min. */
void bw_bigquery_set_deadline(bw_bigquery *bq, int64_t per_call_us);
/* Bytes of request bodies handed to the network so far. Any thread. */
uint64_t bw_bigquery_bytes_sent(const bw_bigquery *bq);
/* Whether the endpoint is on another machine (compression pays). */
bool bw_bigquery_is_remote(const bw_bigquery *bq);
/* ErrorProto.reason ("accessDenied", "invalidQuery") of the last call that failed, "" if none. */
const char *bw_bigquery_reason(const bw_bigquery *bq);

/* ---- datasets and tables ---------------------------------------------------------------- */

typedef struct bw_table_ref {
    const char *project; /* NULL: the client's */
    const char *dataset;
    const char *table;
} bw_table_ref;

/* Repeated when transient. */
BW_NODISCARD bw_status bw_bigquery_get_dataset(bw_bigquery *bq, const char *project,
                                               const char *dataset, json_t **out, bw_error *err);
/* Repeated when transient; EXISTS after a lost answer may be our own dataset: get it. datasetReference
   is filled in. */
BW_NODISCARD bw_status bw_bigquery_insert_dataset(bw_bigquery *bq, const char *project,
                                                  const char *dataset, const json_t *resource,
                                                  json_t **out, bw_error *err);
/* Ids of up to `max` datasets, as an array of strings. Repeated when transient. */
BW_NODISCARD bw_status bw_bigquery_list_datasets(bw_bigquery *bq, const char *project, size_t max,
                                                 json_t **out, bw_error *err);

/* Repeated when transient. Schema and metadata, with etag, numRows, labels. */
BW_NODISCARD bw_status bw_bigquery_get_table(bw_bigquery *bq, const bw_table_ref *ref, json_t **out,
                                             bw_error *err);
/* Repeated when transient; EXISTS after a lost answer may be our own table: get it. tableReference is
   filled in. */
BW_NODISCARD bw_status bw_bigquery_insert_table(bw_bigquery *bq, const bw_table_ref *ref,
                                                const json_t *resource, json_t **out,
                                                bw_error *err);
/* With `etag` sent as If-Match (NULL: unconditional). Repeated when transient: arrays are replaced,
   so the same patch twice is the same patch. CONFLICT when the table changed since the etag; after a
   lost answer that may be our own change: get it and look. */
BW_NODISCARD bw_status bw_bigquery_patch_table(bw_bigquery *bq, const bw_table_ref *ref,
                                               const json_t *patch, const char *etag, json_t **out,
                                               bw_error *err);
/* Repeated when transient. NOT_FOUND when it was not there (after a lost answer: OK). */
BW_NODISCARD bw_status bw_bigquery_delete_table(bw_bigquery *bq, const bw_table_ref *ref,
                                                bw_error *err);
/* Ids of up to `max` tables, as an array of strings. Repeated when transient. */
BW_NODISCARD bw_status bw_bigquery_list_tables(bw_bigquery *bq, const char *project,
                                               const char *dataset, size_t max, json_t **out,
                                               bw_error *err);

/* ---- jobs ------------------------------------------------------------------------------- */

/*
 * Inserts a query or copy job. `job` is the whole Job resource with jobReference {jobId, location};
 * projectId is filled in. NOT repeated once the request may have reached the service: UNAVAILABLE or
 * TIMEOUT with maybe_acted, to be resolved by bw_bigquery_get_job(). EXISTS when the id is taken.
 */
BW_NODISCARD bw_status bw_bigquery_insert_job(bw_bigquery *bq, const char *project,
                                              const json_t *job, json_t **out, bw_error *err);
/* Repeated when transient. NOT_FOUND when the service does not know the job. `location` NULL only
   for the multi-regions US and EU. A failed job is BW_OK here: see bw_bigquery_job_error(). */
BW_NODISCARD bw_status bw_bigquery_get_job(bw_bigquery *bq, const char *project,
                                           const char *location, const char *job_id, json_t **out,
                                           bw_error *err);
/* Gets the job until it is DONE, at growing intervals (50 ms to 10 s) until the monotonic deadline
   (TIMEOUT: the job goes on). A failed job is BW_OK. */
BW_NODISCARD bw_status bw_bigquery_wait_job(bw_bigquery *bq, const char *project,
                                            const char *location, const char *job_id,
                                            int64_t deadline_us, json_t **out, bw_error *err);
/* Repeated when transient: cancelling twice is cancelling. The job may still end well: wait for it. */
BW_NODISCARD bw_status bw_bigquery_cancel_job(bw_bigquery *bq, const char *project,
                                              const char *location, const char *job_id,
                                              bw_error *err);
/* Whether the Job resource is in state DONE. */
bool bw_bigquery_job_done(const json_t *job);
/* status.errorResult of a Job resource as an error: BW_OK when it has none. `retryable` says whether
   a new job (a next attempt under a new id) may succeed. */
bw_status bw_bigquery_job_error(const json_t *job, bw_error *err);

/* ---- questions -------------------------------------------------------------------------- */

typedef struct bw_question {
    const char *project;      /* that pays; NULL: the client's */
    const char *location;     /* NULL: left to the service */
    const char *sql;          /* GoogleSQL */
    const json_t *parameters; /* array of QueryParameter with names, or NULL */
    int64_t max_bytes_billed; /* 0: no limit */
    size_t max_rows;          /* 0: 1,000; more in the result is an error */
} bw_question;

/* jobs.query for small answers: waits for the end and gives {"schema", "rows": [{"f": [{"v"}]}],
   "totalBytesProcessed"}. Repeated when transient (requestId makes that one query); only ask what
   has no effect, or none when it is done twice. */
BW_NODISCARD bw_status bw_bigquery_ask(bw_bigquery *bq, const bw_question *question, json_t **out,
                                       bw_error *err);
/* The first column of the only row, appended to `answer` as text; *is_null for NULL or no row. */
BW_NODISCARD bw_status bw_bigquery_ask_scalar(bw_bigquery *bq, const bw_question *question,
                                              bw_buf *answer, bool *is_null, bw_error *err);
/* Bytes that the query would read; the estimate is the service's, -1 when it gives none. Works for
   DML too: nothing is run. Repeated when transient. */
BW_NODISCARD bw_status bw_bigquery_dry_run(bw_bigquery *bq, const bw_question *question,
                                           int64_t *bytes, bw_error *err);

/* ---- load jobs -------------------------------------------------------------------------- */

/* A small load in one request (uploadType=multipart). Repeated or not as bw_bigquery_insert_job().
   `data` are at most 2 slices, sent from where they lie. */
BW_NODISCARD bw_status bw_bigquery_load(bw_bigquery *bq, const char *project, const json_t *job,
                                        const bw_slice *data, size_t n_data, json_t **out,
                                        bw_error *err);

/* Every chunk but the last is a multiple of this (uploadType=resumable). */
#define BW_UPLOAD_GRANULE ((size_t)256 * 1024)
#define BW_UPLOAD_UNKNOWN ((int64_t)-1)

/* A resumable upload. The session's URI is a bearer secret and stays inside. */
typedef struct bw_upload bw_upload;

typedef struct bw_upload_state {
    int64_t persisted; /* bytes that the service holds: the next offset to send */
    json_t *job;       /* the Job resource once the upload is complete (caller's), or NULL */
} bw_upload_state;

/* Opens a session for the job; the job is made when the last byte has arrived. Repeated when
   transient: a session without bytes has no effect. */
BW_NODISCARD bw_status bw_bigquery_upload_start(bw_bigquery *bq, const char *project,
                                                const json_t *job, bw_upload **out, bw_error *err);
/*
 * Sends `data` (at most 2 slices; a multiple of BW_UPLOAD_GRANULE unless it is the end) that begins at
 * `offset`; `total` is the upload's whole size when this is its end, BW_UPLOAD_UNKNOWN before. An
 * empty end is allowed. Whatever happens on the way is resolved by asking the session what it holds
 * and sending from there, with back-off, until the call's deadline: BW_OK means that everything of
 * `data` is held, and at the end that state->job is there. Otherwise:
 *   NOT_FOUND    the session is gone; with maybe_acted when the end may have been taken: ask for the job
 *   CONFLICT     the service holds less than `offset`: those bytes are no longer here, start again
 *   EXISTS       the job's id is taken
 *   UNAVAILABLE, TIMEOUT  with maybe_acted when the end may have been taken
 */
BW_NODISCARD bw_status bw_bigquery_upload_put(bw_bigquery *bq, bw_upload *upload, int64_t offset,
                                              const bw_slice *data, size_t n_data, int64_t total,
                                              bw_upload_state *state, bw_error *err);
/* What the session holds. Repeated when transient. NOT_FOUND when it is gone. */
BW_NODISCARD bw_status bw_bigquery_upload_query(bw_bigquery *bq, bw_upload *upload, int64_t total,
                                                bw_upload_state *state, bw_error *err);
/* Frees; an unfinished session expires at the service by itself. NULL is fine. */
void bw_bigquery_upload_free(bw_upload *upload);

#endif
