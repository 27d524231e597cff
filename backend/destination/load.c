/*
 * Loads. What is small goes in one multipart request, everything else through one resumable upload;
 * which of the two it is shows when the first chunk overflows. The bytes of a chunk are here until
 * the service holds them; later ones cannot be repeated, so a session that is lost ends the load, and
 * the caller reads the rows again under a new attempt. The job is made by the last byte: what became
 * of that is asked of the service, never guessed.
 */
#include <stdlib.h>

#include "backend/core/crash_point.h"
#include "backend/destination/compress.h"
#include "backend/destination/internal.h"
#include "backend/google/retry.h"

/* A multiple of BW_UPLOAD_GRANULE. */
#define CHUNK ((size_t)8 << 20)

struct bw_load {
    bw_destination *d;
    const bw_target *target;
    char *table;
    bw_job_id id; /* with labels of our own */
    bw_write_disposition disposition;
    bool plain_truncate; /* the service does not know WRITE_TRUNCATE_DATA */
    bool ended;
    bw_compressor *gzip; /* NULL: sent as it is */
    bw_buf held;         /* not sent yet: less than a chunk between calls */
    bw_upload *upload;   /* NULL until the first chunk overflows */
    int64_t offset;      /* of the first byte in `held` */
    uint64_t sent_before;
};

static void copy_id(bw_job_id *to, const bw_job_id *from)
{
    bw_job_label *labels = bw_xcalloc(from->n_labels + 1, sizeof *labels);
    for (size_t i = 0; i < from->n_labels; i++) {
        labels[i].key = bw_xstrdup(from->labels[i].key);
        labels[i].value = bw_xstrdup(from->labels[i].value);
    }
    *to = (bw_job_id){bw_xstrdup(from->id), labels, from->n_labels};
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static void free_id(bw_job_id *id)
{
    for (size_t i = 0; i < id->n_labels; i++) {
        free_text(id->labels[i].key);
        free_text(id->labels[i].value);
    }
    free((void *)(uintptr_t)id->labels);
    free_text(id->id);
}

static bool compresses(const bw_destination *d)
{
    if (d->compression == BW_COMPRESS_AUTO)
        return bw_bigquery_is_remote(d->bq);
    return d->compression == BW_COMPRESS_ON;
}

bw_status bw_load_begin(bw_destination *d, const bw_target *target, const char *table,
                        const bw_job_id *job, bw_write_disposition disposition, bw_load **out,
                        bw_error *err)
{
    *out = NULL;
    bw_status s = bw_destination_book(d, target, table, err);
    if (s != BW_OK)
        return s;
    bw_load *load = bw_xcalloc(1, sizeof *load);
    load->d = d;
    load->target = target;
    load->table = bw_xstrdup(table);
    load->disposition = disposition;
    load->sent_before = bw_bigquery_bytes_sent(d->bq);
    copy_id(&load->id, job);
    if (compresses(d))
        load->gzip = bw_compressor_new();
    *out = load;
    return BW_OK;
}

void bw_load_free(bw_load *load)
{
    if (!load)
        return;
    bw_bigquery_upload_free(load->upload);
    bw_compressor_free(load->gzip);
    bw_buf_fini(&load->held);
    free_id(&load->id);
    free(load->table);
    free(load);
}

uint64_t bw_load_uploaded(const bw_load *load)
{
    return bw_bigquery_bytes_sent(load->d->bq) - load->sent_before;
}

/* ---- the job ----------------------------------------------------------------------------- */

static const char *disposition_name(const bw_load *load)
{
    switch (load->disposition) {
    case BW_WRITE_TRUNCATE:
        return load->plain_truncate ? "WRITE_TRUNCATE" : "WRITE_TRUNCATE_DATA";
    case BW_WRITE_EMPTY:
        return "WRITE_EMPTY";
    case BW_WRITE_APPEND:
        break;
    }
    return "WRITE_APPEND";
}

static json_t *job_of(const bw_load *load)
{
    json_t *configuration =
        json_pack("{s:o, s:s, s:s, s:s, s:i, s:b}", "destinationTable",
                  bw_job_table(load->target, load->table), "sourceFormat", "NEWLINE_DELIMITED_JSON",
                  "createDisposition", "CREATE_NEVER", "writeDisposition", disposition_name(load),
                  "maxBadRecords", 0, "ignoreUnknownValues", 0);
    return bw_job_resource(load->target, &load->id, "load", configuration);
}

/* WRITE_TRUNCATE_DATA keeps constraints and policies, but not every service has it. */
static bool fall_back(bw_load *load, const bw_error *err)
{
    if (err->status != BW_INVALID || load->disposition != BW_WRITE_TRUNCATE ||
        load->plain_truncate ||
        !(strstr(err->message, "TRUNCATE_DATA") || strstr(err->message, "riteDisposition")))
        return false;
    load->plain_truncate = true;
    return true;
}

static bw_job_expectation expectation(const bw_load *load)
{
    return (bw_job_expectation){.target = load->target, .id = &load->id, .table = load->table};
}

static bw_status wrap(const bw_load *load, bw_error *err)
{
    return bw_error_wrap(err, "load into %s", load->table);
}

/* ---- chunks ------------------------------------------------------------------------------ */

static bw_status open_upload(bw_load *load, bw_error *err)
{
    bw_status s;
    do {
        json_t *job = job_of(load);
        bw_crash_point("load_session_before");
        s = bw_bigquery_upload_start(load->d->bq, load->target->project, job, &load->upload, err);
        bw_crash_point("load_session_after");
        json_decref(job);
    } while (s != BW_OK && fall_back(load, err));
    if (s == BW_EXISTS) {
        /* Nothing was sent under this id yet, so whoever used it was not us. */
        s = err->status = BW_CONFLICT;
        bw_error_wrap(err, "job %s", load->id.id);
    }
    return s;
}

/* The bytes that the service lost are not here any more. The job was not made and never will be. */
static bw_status lost(const bw_load *load, bw_error *err)
{
    if (err->status == BW_NOT_FOUND || err->status == BW_CONFLICT) {
        err->status = BW_UNAVAILABLE;
        err->retryable = true;
        bw_error_wrap(err, "the upload session is lost");
    }
    return wrap(load, err);
}

/* Sends whole granules. */
static bw_status put(bw_load *load, const bw_slice data[2], bw_error *err)
{
    bw_upload_state state = {0};
    if (!load->upload) {
        bw_status s = open_upload(load, err);
        if (s != BW_OK)
            return wrap(load, err);
    }
    bw_status s = bw_bigquery_upload_put(load->d->bq, load->upload, load->offset, data, 2,
                                         BW_UPLOAD_UNKNOWN, &state, err);
    json_decref(state.job);
    if (s != BW_OK)
        return lost(load, err);
    load->offset += (int64_t)(data[0].len + data[1].len);
    bw_crash_point("load_chunk_after");
    return BW_OK;
}

/* Bytes that can go now: 0 up to a chunk, then whole granules, except that something always stays
   for the end, which must not be empty where the service is asked what it holds. */
static size_t ready(size_t total)
{
    return total <= CHUNK ? 0 : (total - 1) / BW_UPLOAD_GRANULE * BW_UPLOAD_GRANULE;
}

/* Whole chunks go out from where they lie, only the rest is copied. */
static bw_status feed(bw_load *load, const char *bytes, size_t n, bw_error *err)
{
    size_t now = ready(load->held.len + n);
    if (now > 0) {
        now -= load->held.len; /* held is less than a chunk, or nothing would be ready */
        bw_status s = put(load, (bw_slice[2]){bw_buf_slice(&load->held), {bytes, now}}, err);
        if (s != BW_OK)
            return s;
        bw_buf_clear(&load->held);
    }
    bw_buf_add(&load->held, bytes + now, n - now);
    return BW_OK;
}

/* Sends what compression added to what is held. */
static bw_status drain(bw_load *load, bw_error *err)
{
    size_t now = ready(load->held.len);
    if (now == 0)
        return BW_OK;
    bw_status s = put(load, (bw_slice[2]){{load->held.ptr, now}, {"", 0}}, err);
    if (s == BW_OK)
        bw_buf_consume(&load->held, now);
    return s;
}

bw_status bw_load_write(bw_load *load, const void *bytes, size_t n, bw_error *err)
{
    if (n == 0)
        return BW_OK;
    if (!load->gzip)
        return feed(load, bytes, n, err);
    /* In portions, so that what is held stays near a chunk however much comes at once. */
    const char *p = bytes;
    while (n > 0) {
        size_t now = n < CHUNK ? n : CHUNK;
        bw_compressor_write(load->gzip, p, now, &load->held);
        bw_status s = drain(load, err);
        if (s != BW_OK)
            return s;
        p += now;
        n -= now;
    }
    return BW_OK;
}

/* ---- the end ----------------------------------------------------------------------------- */

static bw_status send_small(bw_load *load, bw_error *err)
{
    const bw_slice data = bw_buf_slice(&load->held);
    json_t *job = job_of(load);
    bw_crash_point("load_send_before");
    bw_status s = bw_bigquery_load(load->d->bq, load->target->project, job, &data, 1, NULL, err);
    bw_crash_point("load_send_after");
    json_decref(job);
    return s;
}

static bw_status send_last(bw_load *load, bw_error *err)
{
    const bw_slice data = bw_buf_slice(&load->held);
    bw_upload_state state = {0};
    bw_crash_point("load_send_before");
    bw_status s = bw_bigquery_upload_put(load->d->bq, load->upload, load->offset, &data, 1,
                                         load->offset + (int64_t)load->held.len, &state, err);
    bw_crash_point("load_send_after");
    json_decref(state.job);
    return s;
}

/*
 * Sends the last bytes until it is known whether the job exists. A small load can be sent again
 * under the same id as long as the service says that it does not know it; the end of an upload
 * cannot, because its session is gone.
 */
static bw_status send_end(bw_load *load, bw_job_result *result, bw_error *err)
{
    bw_job_expectation expected = expectation(load);
    bw_retry retry = bw_retry_begin(load->d->clock, load->d->cancel,
                                    bw_destination_deadline(load->d), load->table, "load");
    for (;;) {
        bw_status s = load->upload ? send_last(load, err) : send_small(load, err);
        if (s == BW_OK)
            return bw_job_wait(load->d, &expected, result, err);
        if (fall_back(load, err))
            continue;
        bool unknown = s == BW_EXISTS || err->maybe_acted;
        if (!unknown)
            return load->upload ? lost(load, err) : wrap(load, err);

        bw_error why = *err;
        bool known;
        s = bw_job_adopt(load->d, &expected, &known, result, err);
        if (s != BW_OK || known)
            return s;
        *err = why;
        if (load->upload)
            return lost(load, err);
        err->retryable = true;
        if (!bw_retry_again(&retry, err))
            return wrap(load, err);
    }
}

bw_status bw_load_end(bw_load *load, bw_job_result *result, bw_error *err)
{
    *result = (bw_job_result){.rows = -1, .bytes = -1};
    if (load->ended)
        return bw_error_set(err, BW_INTERNAL, "a load was ended twice");
    load->ended = true;
    if (load->gzip) {
        bw_compressor_finish(load->gzip, &load->held);
        bw_status s = drain(load, err);
        if (s != BW_OK)
            return s;
    }
    bw_status s = send_end(load, result, err);
    if (s != BW_OK)
        return s;
    if (!result->failed)
        return BW_OK;
    *err = result->error;
    return wrap(load, err);
}
