/* The rows of a batch on their way to the service: one load job, in as many attempts as it takes. */
#include <stdio.h>

#include "backend/core/log.h"
#include "backend/core/units.h"
#include "backend/engine/run_internal.h"

#define MAX_LOAD_ATTEMPTS 4
/* What the reader fills before the uploader gets it. */
#define UPLOAD_BUFFER ((size_t)2 << 20)

void bw_batch_set_ids(bw_run_work *w, bw_batch_record *b, bool straight)
{
    bw_arena *a = &w->batch_arena;
    const char *store = bw_store_id(w->run->env.store);
    b->staging = straight ? NULL : bw_batch_staging_name(a, store, b->sync, b->number, b->attempt);
    b->load_job = bw_batch_job_id(a, store, b->sync, b->number, b->attempt, "load");
    pthread_mutex_lock(&w->run->mu);
    snprintf(w->run->load_job, sizeof(w->run->load_job), "%s", b->load_job);
    pthread_mutex_unlock(&w->run->mu);
    atomic_store(&w->run->attempt, b->attempt);
}

static bw_job_id load_job(bw_run_work *w, const bw_batch_record *b)
{
    bw_job_id job = {.id = b->load_job};
    job.labels = bw_batch_labels(&w->batch_arena, bw_store_id(w->run->env.store), b->sync,
                                 b->number, b->attempt, "load", &job.n_labels);
    return job;
}

/* Nothing over a target that holds rows is an empty read, or rows that all do not fit, not an empty
   table, unless the operator said otherwise. */
static bw_status check_empty(const bw_run_work *w, const bw_batch_rows *rows, bool replaces,
                             bw_error *err)
{
    if (!replaces || rows->encoded > 0 || w->run->def->allow_empty || w->target.rows == 0)
        return BW_OK;
    if (rows->read > 0) {
        bw_error_set(err, BW_INVALID,
                     "none of the %lld rows of %s fits, but %s holds rows: not replaced",
                     (long long)rows->read, w->info.name, w->target_name);
        return bw_error_hint(err, "Has the table's type changed? To let nothing stand there, set "
                                  "allow_empty: true for this sync.");
    }
    bw_error_set(err, BW_INVALID, "%s is empty, but %s holds %lld rows: not replaced", w->info.name,
                 w->target_name, (long long)w->target.rows);
    return bw_error_hint(err,
                         "If the table is meant to be empty, set allow_empty: true for this sync.");
}

/* Streams the whole batch through one load job. */
static bw_status load_whole(bw_run_work *w, const bw_encoder_class *class, bw_encoder *encoder,
                            bw_batch_record *b, bw_batch_rows *rows, bool replaces,
                            bw_job_result *result, bw_error *err)
{
    bw_job_id job = load_job(w, b);
    bw_uploader_begin(w->uploader, &w->target, b->staging ? b->staging : w->target.table, &job,
                      b->staging                   ? BW_WRITE_APPEND
                      : w->run->def->only_if_empty ? BW_WRITE_EMPTY
                                                   : BW_WRITE_TRUNCATE);
    bw_status s = BW_OK;
    bool end = false;
    while (s == BW_OK && !end) {
        bw_buf *out = bw_uploader_buffer(w->uploader);
        if (!out)
            break; /* the load has failed or the run is cancelled: end() says which */
        while (s == BW_OK && !end && out->len < UPLOAD_BUFFER)
            s = bw_batch_read_chunk(w, class, encoder, b->number, rows, out, NULL, NULL, &end, err);
        if (s != BW_OK)
            bw_buf_clear(out);
        bw_uploader_send(w->uploader, out);
        atomic_store(&w->run->bytes_uploaded, bw_uploader_uploaded(w->uploader));
    }
    if (s == BW_OK && bw_cancelled(&w->run->cancel))
        s = bw_error_set(err, BW_CANCELLED, "cancelled while reading");
    if (s == BW_OK && end)
        s = check_empty(w, rows, replaces, err);
    if (s != BW_OK) {
        bw_uploader_abort(w->uploader);
        return s;
    }
    bw_run_phase(w->run, "loading");
    s = bw_uploader_end(w->uploader, result, err);
    w->unresolved = s != BW_OK && !b->staging && !result->done;
    atomic_store(&w->run->bytes_uploaded, bw_uploader_uploaded(w->uploader));
    if (s != BW_OK || result->rows < 0 || result->rows == rows->encoded)
        return s;
    return bw_error_set(err, BW_INTERNAL,
                        "%lld rows were sent to %s, but the load job %s says %lld",
                        (long long)rows->encoded, b->staging ? b->staging : w->target.table,
                        b->load_job, (long long)result->rows);
}

/* What the attempt before met. */
void bw_batch_forget_attempt(bw_run_work *w)
{
    memset(w->letter_landed, 0, w->n_letter_keys * sizeof(*w->letter_landed));
    bw_occurrences_clear(&w->rejected);
}

/* Waits a moment before the next of several attempts: 1 s, then twice as long. */
bw_status bw_batch_pause(bw_run_work *w, int tries, bw_error *err)
{
    const bw_clock *clock = w->run->env.clock;
    bw_error cancelled = BW_ERROR_INIT;
    bw_run_waiting(w->run, "the next attempt");
    bw_status s = bw_wait_until(&w->run->cancel, clock,
                                bw_mono_us(clock) + (BW_SECOND << (tries - 1)), &cancelled);
    if (s != BW_OK)
        *err = cancelled;
    return s;
}

/* Begins another attempt of the load: new ids, dead letters of the last one gone. */
static bw_status next_attempt(bw_run_work *w, bw_batch_record *b, bool straight,
                              bw_batch_rows *rows, bw_error *err)
{
    /* An older load of the target must not end after a newer one. */
    bw_status s = b->staging ? BW_OK : bw_batch_await_job(w, b, "load", err);
    if (s != BW_OK)
        return s;
    w->unresolved = false;
    bw_error ignored = BW_ERROR_INIT;
    if (b->staging &&
        bw_destination_drop_staging(w->destination, &w->target, b->staging, &ignored) != BW_OK)
        bw_log_error(BW_LOG_WARN, w->run->def->name, &ignored); /* it expires by itself */
    atomic_fetch_sub(&w->run->rows_read, rows->read);
    atomic_fetch_sub(&w->run->dead_letters, rows->rejected);
    *rows = (bw_batch_rows){0};
    bw_batch_forget_attempt(w);
    w->prefetched = false;
    b->attempt++;
    bw_batch_set_ids(w, b, straight);
    s = bw_store_batch_retry(w->run->env.store, b, err);
    if (s == BW_OK)
        s = w->class->reader_restart(w->reader, err);
    return s;
}

static bw_status create_staging(bw_run_work *w, const bw_batch_record *b, bw_error *err)
{
    if (!b->staging)
        return BW_OK;
    return bw_destination_create_staging(w->destination, &w->target_spec, &w->target,
                                         &w->info.schema, b->staging, err);
}

static bw_status load_in_pieces(bw_run_work *w, const bw_encoder_class *class, bw_encoder *encoder,
                                bw_batch_record *b, bw_batch_rows *rows, bool replaces,
                                bw_error *err)
{
    bw_status s = bw_batch_load_pieces(w, class, encoder, b, rows, err);
    return s == BW_OK ? check_empty(w, rows, replaces, err) : s;
}

/* Loads the batch, in as many attempts as it takes. */
bw_status bw_batch_load(bw_run_work *w, const bw_encoder_class *class, bw_encoder *encoder,
                        bw_batch_record *b, bw_batch_rows *rows, bool replaces, bw_error *err)
{
    bool pieces = false;
    for (int tries = 1;; tries++) {
        bw_job_result result = {.rows = -1};
        bw_run_phase(w->run, "reading");
        bw_status s = create_staging(w, b, err);
        if (s == BW_OK && pieces)
            s = load_in_pieces(w, class, encoder, b, rows, replaces, err);
        else if (s == BW_OK)
            s = load_whole(w, class, encoder, b, rows, replaces, &result, err);
        if (s == BW_OK)
            return s;
        bool refused = s == BW_REJECTED && result.failed && !pieces;
        bool again = err->retryable && !w->source_failed && tries < MAX_LOAD_ATTEMPTS;
        if (!refused && !again)
            return s;
        bw_log_error(BW_LOG_WARN, w->run->def->name, err);
        pieces |= refused;
        if (!refused && (s = bw_batch_pause(w, tries, err)) != BW_OK)
            return s;
        /* A refused row must not keep the others out of a replaced table: pieces need staging. */
        s = next_attempt(w, b, !b->staging && !pieces, rows, err);
        if (s != BW_OK)
            return s;
    }
}
