/*
 * The commit protocol of one batch.
 *
 *   plan      ids are made from the store's id, the sync, the batch's number and the attempt, and
 *             are durable before any request with an effect leaves
 *   load      rows go to a staging table by one load job (a `replace` straight to its target, in
 *             one truncating job); rows that do not fit are staged as dead letters
 *   loaded    read = loaded + dead-lettered; the texts of the final jobs are durable
 *   finals    raw first, then current, each under its stored id
 *   commit    one store transaction: checkpoint, dead letters, counters, score model, audit
 *   ack       the source learns that the position is durable; the staging table is dropped
 *
 * Killed anywhere, the next run finds the batch open: before `loaded` it is abandoned and its range
 * read again, from `loaded` on it is finished (recover.c). Crash points stand in the store and the
 * destination on each side of every durable write and every request with an effect.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/engine/run_internal.h"

#define MAX_LOAD_ATTEMPTS 4
/* What the reader fills before the uploader gets it. */
#define UPLOAD_BUFFER      ((size_t)2 << 20)
#define MAX_FINAL_ATTEMPTS 5

static unsigned added_columns(const bw_run_work *w)
{
    unsigned add = 0;
    add |= w->target_spec.current ? BW_ADD_CURRENT : 0;
    add |= w->target_spec.nulls ? BW_ADD_NULLS : 0;
    add |= w->target_spec.event_id ? BW_ADD_EVENT_ID : 0;
    add |= w->target_spec.raw ? BW_ADD_RAW | BW_ADD_EVENT_ID : 0;
    return add;
}

static void set_ids(bw_run_work *w, bw_batch_record *b, bool straight)
{
    bw_arena *a = &w->run->arena;
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
    job.labels = bw_batch_labels(&w->run->arena, bw_store_id(w->run->env.store), b->sync, b->number,
                                 b->attempt, "load", &job.n_labels);
    return job;
}

/* Nothing read over a target that holds rows is an empty read, not an empty table, unless the
   operator said otherwise. */
static bw_status check_empty(const bw_run_work *w, const bw_batch_rows *rows, bool replaces,
                             bw_error *err)
{
    if (!replaces || rows->read > 0 || w->run->def->allow_empty || w->target.rows == 0)
        return BW_OK;
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
    for (bool end = false; s == BW_OK && !end;) {
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
    if (s == BW_OK)
        s = check_empty(w, rows, replaces, err);
    if (s != BW_OK) {
        bw_uploader_abort(w->uploader);
        return s;
    }
    bw_run_phase(w->run, "loading");
    s = bw_uploader_end(w->uploader, result, err);
    atomic_store(&w->run->bytes_uploaded, bw_uploader_uploaded(w->uploader));
    if (s != BW_OK || result->rows < 0 || result->rows == rows->encoded)
        return s;
    return bw_error_set(err, BW_INTERNAL,
                        "%lld rows were sent to %s, but the load job %s says %lld",
                        (long long)rows->encoded, b->staging ? b->staging : w->target.table,
                        b->load_job, (long long)result->rows);
}

/* Begins another attempt of the load: new ids, dead letters of the last one gone. */
static bw_status next_attempt(bw_run_work *w, bw_batch_record *b, bool straight,
                              bw_batch_rows *rows, bw_error *err)
{
    bw_status s = b->staging ? BW_OK : bw_batch_wait_for_load(w, b, err);
    if (s != BW_OK)
        return s;
    bw_error ignored = BW_ERROR_INIT;
    if (b->staging &&
        bw_destination_drop_staging(w->destination, &w->target, b->staging, &ignored) != BW_OK)
        bw_log_error(BW_LOG_WARN, w->run->def->name, &ignored); /* it expires by itself */
    atomic_fetch_sub(&w->run->rows_read, rows->read);
    atomic_fetch_sub(&w->run->dead_letters, rows->rejected);
    *rows = (bw_batch_rows){0};
    w->prefetched = false;
    b->attempt++;
    set_ids(w, b, straight);
    s = bw_store_batch_retry(w->run->env.store, b, err);
    if (s == BW_OK)
        s = w->run->def->source->reader_restart(w->reader, err);
    return s;
}

static bw_status create_staging(bw_run_work *w, const bw_batch_record *b, bw_error *err)
{
    if (!b->staging)
        return BW_OK;
    return bw_destination_create_staging(w->destination, &w->target_spec, &w->target,
                                         &w->info.schema, b->staging, err);
}

/* Loads the batch, in as many attempts as it takes. */
static bw_status load(bw_run_work *w, const bw_encoder_class *class, bw_encoder *encoder,
                      bw_batch_record *b, bw_batch_rows *rows, bool replaces, bw_error *err)
{
    bool pieces = false;
    for (;;) {
        bw_job_result result = {.rows = -1};
        bw_run_phase(w->run, "reading");
        bw_status s = create_staging(w, b, err);
        if (s == BW_OK && pieces)
            s = bw_batch_load_pieces(w, class, encoder, b, rows, err);
        else if (s == BW_OK)
            s = load_whole(w, class, encoder, b, rows, replaces, &result, err);
        if (s == BW_OK)
            return s;
        bool refused = s == BW_REJECTED && result.failed && !pieces;
        if (!refused && (!err->retryable || b->attempt >= MAX_LOAD_ATTEMPTS))
            return s;
        bw_log_error(BW_LOG_WARN, w->run->def->name, err);
        pieces |= refused;
        /* A refused row must not keep the others out of a replaced table: pieces need staging. */
        s = next_attempt(w, b, !b->staging && !pieces, rows, err);
        if (s != BW_OK)
            return s;
    }
}

/* The final jobs that make the batch visible, raw first. */
static bw_status plan_finals(bw_run_work *w, const bw_batch_plan *plan, bw_batch_record *b,
                             const bw_batch_rows *rows, bw_error *err)
{
    bw_final_kind kinds[BW_BATCH_FINALS];
    bool whole = plan->whole && (w->mode == BW_MODE_REPLACE || w->run->read == BW_READ_FULL);
    b->n_finals = 0;
    if (!b->staging)
        return BW_OK; /* loaded straight into the target: it is visible already */
    if (w->target_spec.raw)
        kinds[b->n_finals++] = BW_FINAL_RAW_INSERT;
    kinds[b->n_finals++] = whole                       ? BW_FINAL_COPY
                           : w->mode == BW_MODE_APPEND ? BW_FINAL_INSERT
                                                       : BW_FINAL_MERGE;
    bool has_time = rows->any_version && w->info.cursor_kind != BW_CURSOR_SEQUENCE;
    for (int i = 0; i < b->n_finals; i++) {
        bw_final_request request = {
            .kind = kinds[i],
            .staging = b->staging,
            .key = w->info.key,
            .n_key = w->info.n_key,
            .event_time_min_us = has_time ? rows->version_min : BW_TIME_NONE,
            .event_time_max_us = has_time ? rows->version_max : BW_TIME_NONE,
            .bounds_of = has_time ? w->info.schema.fields[w->info.cursor].name : NULL,
        };
        b->finals[i].kind = (int)kinds[i];
        b->finals[i].text =
            bw_final_text(&w->target_spec, &w->target, &w->info.schema, &request, &w->run->arena);
        b->finals[i].done = false;
    }
    /* A configured key is a claim, not a constraint: an arbitrary row must never win. */
    if (b->finals[b->n_finals - 1].kind != BW_FINAL_INSERT && w->info.n_key > 0 &&
        strcmp(w->info.key_origin, "configured") == 0) {
        const char *twice = NULL;
        bw_status s =
            bw_destination_find_duplicate(w->destination, &w->target, &w->info.schema, w->info.key,
                                          w->info.n_key, b->staging, &w->run->arena, &twice, err);
        if (s != BW_OK)
            return s;
        if (twice) {
            bw_error_set(err, BW_INVALID, "the configured key is not unique: %s occurs twice",
                         twice);
            return bw_error_hint(err, "Choose a key that identifies a row (key: of this sync).");
        }
    }
    return BW_OK;
}

static void take_end(bw_run_work *w, bw_batch_record *b)
{
    bw_batch_end end = {.watermark_us = BW_TIME_NONE, .null_cursors = -1, .ahead_rows = -1};
    w->run->def->source->reader_end(w->reader, &end);
    bw_arena *a = &w->run->arena;
    bool moves = w->run->kind == BW_RUN_SYNC &&
                 (w->run->read == BW_READ_INCREMENTAL || w->run->read == BW_READ_FULL);
    b->position = moves && end.position ? bw_arena_strdup(a, end.position) : NULL;
    b->watermark_us = moves ? end.watermark_us : BW_TIME_NONE;
    b->null_cursors = end.null_cursors;
    b->ahead_rows = end.ahead_rows;
    w->run->end = end;
    w->run->end.position = b->position;
    w->run->end.held_back_by = end.held_back_by ? bw_arena_strdup(a, end.held_back_by) : NULL;
}

/* Keys with an open letter that landed in this batch, as a JSON array; NULL when there are none. */
static const char *landed_keys(bw_run_work *w)
{
    bw_buf b = BW_BUF_INIT;
    for (size_t i = 0; i < w->n_letter_keys; i++) {
        if (!w->letter_landed[i])
            continue;
        bw_buf_addc(&b, b.len ? ',' : '[');
        bw_json_add_string(&b, bw_slice_cstr(w->letter_keys[i]));
    }
    if (b.len == 0)
        return NULL;
    bw_buf_addc(&b, ']');
    const char *json = bw_arena_strdup(&w->run->arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return json;
}

static bw_encoder *new_encoder(bw_run_work *w, const bw_encoder_class *class, int64_t number)
{
    bw_encoder_options options = {
        .schema = &w->info.schema,
        .columns = w->target.columns,
        .n_columns = w->target.n_columns,
        .add = added_columns(w),
        .key = w->info.key,
        .n_key = w->info.n_key,
        .cursor = w->info.cursor,
        .sync = w->run->def->name,
        .batch = bw_arena_printf(&w->run->arena, "%s-%lld", bw_store_id(w->run->env.store),
                                 (long long)number),
        .synced_at_us = bw_wall_us(w->run->env.clock),
    };
    return class->new (&options);
}

static bw_status give_up(bw_run_work *w, bw_batch_record *b, bw_status why, bw_error *err)
{
    bw_error ignored = BW_ERROR_INIT;
    bool flood = why == BW_REJECTED;
    if (bw_store_batch_abandon(w->run->env.store, b->sync, b->number, flood, &ignored) != BW_OK)
        bw_log_error(BW_LOG_WARN, b->sync, &ignored);
    else if (b->staging &&
             bw_destination_drop_staging(w->destination, &w->target, b->staging, &ignored) ==
                 BW_OK &&
             bw_store_staging_forget(w->run->env.store, b->sync, b->number, b->staging, &ignored) !=
                 BW_OK)
        bw_log_error(BW_LOG_WARN, b->sync, &ignored);
    (void)err;
    return why;
}

/* Reads the batch's first chunk, so that a batch without rows costs no request. */
static bw_status prefetch(bw_run_work *w, bool *empty, bw_error *err)
{
    bw_run_phase(w->run, "reading");
    bw_chunk_reset(&w->chunk, w->info.schema.count);
    bw_status s = w->run->def->source->reader_fetch(w->reader, &w->chunk, &w->prefetched_end, err);
    w->prefetched = s == BW_OK;
    *empty = w->prefetched_end && w->chunk.rows == 0 && w->chunk.n_rejected == 0;
    return s;
}

/* Everything up to `loaded`. */
static bw_status load_batch(bw_run_work *w, const bw_batch_plan *plan, bw_batch_record *b,
                            bool replaces, bool empty, bw_error *err)
{
    const bw_encoder_class *class = &bw_encoder_ndjson;
    bw_batch_rows rows = {0};
    uint64_t uploaded = bw_uploader_uploaded(w->uploader);
    bw_status s = BW_OK;
    if (!empty || replaces) {
        bw_encoder *encoder = new_encoder(w, class, b->number);
        s = load(w, class, encoder, b, &rows, replaces, err);
        class->free(encoder);
    }
    w->prefetched = false;
    if (s != BW_OK)
        return s;
    take_end(w, b);
    b->rows_read = rows.read;
    b->rows_loaded = rows.encoded;
    b->dead_letters = rows.rejected;
    b->bytes_uploaded = (int64_t)(bw_uploader_uploaded(w->uploader) - uploaded);
    b->landed_keys = landed_keys(w);
    /* With nothing loaded there is nothing to make visible, unless nothing is what replaces. */
    return rows.encoded > 0 || replaces ? plan_finals(w, plan, b, &rows, err) : BW_OK;
}

static bw_batch_record new_batch(bw_run_work *w, const bw_batch_plan *plan)
{
    int64_t now = bw_wall_us(w->run->env.clock);
    return (bw_batch_record){
        .sync = w->run->def->name,
        .number = w->sync.next_batch,
        .run_id = w->run->record.id,
        .attempt = 1,
        .label = bw_arena_strdup(&w->run->arena, plan->label ? plan->label : ""),
        .project = w->target.project,
        .dataset = w->target.dataset,
        .table = w->target.table,
        .backfill = plan->backfill,
        .watermark_us = BW_TIME_NONE,
        .null_cursors = -1,
        .ahead_rows = -1,
        .started_us = now,
        .updated_us = now,
    };
}

bw_status bw_batch_execute(bw_run_work *w, const bw_batch_plan *plan, bw_error *err)
{
    bw_run *run = w->run;
    bw_store *store = run->env.store;
    bool replaces = plan->whole && (w->mode == BW_MODE_REPLACE || run->read == BW_READ_FULL);
    bool straight = replaces && w->mode == BW_MODE_REPLACE && !w->target_spec.raw;
    bool empty;
    bw_status s = prefetch(w, &empty, err);
    if (s != BW_OK)
        return s;
    bw_batch_record b = new_batch(w, plan);
    set_ids(w, &b, straight || (empty && !replaces));
    s = bw_store_batch_plan(store, &b, err);
    if (s != BW_OK)
        return s;
    w->sync.next_batch++;
    s = load_batch(w, plan, &b, replaces, empty, err);
    if (s != BW_OK)
        return give_up(w, &b, s, err);
    int64_t fresh = 0;
    s = bw_store_letters_staged_new(store, b.sync, b.number, &fresh, err);
    if (s == BW_OK)
        s = bw_store_batch_loaded(store, &b, err);
    if (s != BW_OK)
        return s;
    w->new_letters += fresh;
    bw_buf model = BW_BUF_INIT;
    bw_scorer_model(w->scorer, &model);
    s = bw_batch_finish(w, &b, bw_buf_slice(&model), replaces, err);
    bw_buf_fini(&model);
    if (s != BW_OK)
        return s;
    atomic_fetch_add(&run->rows_loaded, b.rows_loaded);
    run->any_commit = true;
    run->record.batches++;
    if (run->def->source->reader_ack && b.position)
        s = run->def->source->reader_ack(w->reader, b.position, err);
    return s;
}

/* Runs one final job, in as many attempts as help. */
static bw_status run_final(bw_run_work *w, bw_batch_record *b, int i, bw_error *err)
{
    static const char *const steps[] = {
        [BW_FINAL_MERGE] = "merge",
        [BW_FINAL_INSERT] = "insert",
        [BW_FINAL_RAW_INSERT] = "raw",
        [BW_FINAL_COPY] = "copy",
    };
    bw_arena *a = &w->run->arena;
    const char *store = bw_store_id(w->run->env.store);
    for (;;) {
        bw_final_kind kind = (bw_final_kind)b->finals[i].kind;
        const char *step = bw_arena_printf(a, "%s%d", steps[kind], b->final_attempt);
        bw_job_id job = {.id = bw_batch_job_id(a, store, b->sync, b->number, b->attempt, step)};
        job.labels = bw_batch_labels(a, store, b->sync, b->number, b->attempt, step, &job.n_labels);
        bw_job_result result = {.rows = -1};
        bw_status s = bw_destination_run_final(w->destination, &w->target, kind, b->finals[i].text,
                                               b->staging, &job, w->run->def->max_bytes_per_day,
                                               &result, err);
        if (s == BW_OK)
            return s;
        /* Only a job that is known to have failed may be followed by another one under a new id. */
        if (!result.failed || !err->retryable || b->final_attempt + 1 >= MAX_FINAL_ATTEMPTS)
            return s;
        bw_log_error(BW_LOG_WARN, b->sync, err);
        b->final_attempt++;
        s = bw_store_batch_final(w->run->env.store, b, err);
        if (s != BW_OK)
            return s;
    }
}

bw_status bw_batch_finish(bw_run_work *w, bw_batch_record *b, bw_slice score_model, bool replaced,
                          bw_error *err)
{
    bw_store *store = w->run->env.store;
    for (int i = 0; i < b->n_finals; i++) {
        if (b->finals[i].done)
            continue;
        bw_run_phase(w->run, b->finals[i].kind == BW_FINAL_COPY ? "replacing" : "merging");
        bw_status s = run_final(w, b, i, err);
        if (s == BW_OK) {
            b->finals[i].done = true;
            s = bw_store_batch_final(store, b, err);
        }
        if (s != BW_OK)
            return s;
    }
    bw_run_phase(w->run, "committing");
    bw_status s = bw_store_batch_commit(store, b, score_model, replaced, err);
    if (s != BW_OK || !b->staging)
        return s;
    bw_error ignored = BW_ERROR_INIT; /* what stays behind is dropped by the next run, or expires */
    if (bw_destination_drop_staging(w->destination, &w->target, b->staging, &ignored) == BW_OK &&
        bw_store_staging_forget(store, b->sync, b->number, b->staging, &ignored) == BW_OK)
        return BW_OK;
    bw_log_error(BW_LOG_WARN, b->sync, &ignored);
    return BW_OK;
}
