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
    add |= w->target_spec.events ? BW_ADD_EVENT : 0;
    return add;
}

static void set_ids(bw_run_work *w, bw_batch_record *b, bool straight)
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
static void forget_attempt(bw_run_work *w)
{
    memset(w->letter_landed, 0, w->n_letter_keys * sizeof(*w->letter_landed));
    bw_occurrences_clear(&w->rejected);
}

/* Waits a moment before the next of several attempts: 1 s, then twice as long. */
static bw_status pause_before_next(bw_run_work *w, int tries, bw_error *err)
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
    forget_attempt(w);
    w->prefetched = false;
    b->attempt++;
    set_ids(w, b, straight);
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
static bw_status load(bw_run_work *w, const bw_encoder_class *class, bw_encoder *encoder,
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
        if (!refused && (s = pause_before_next(w, tries, err)) != BW_OK)
            return s;
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
    bool whole = plan->whole && (w->mode == BW_MODE_REPLACE || w->run->ask.read == BW_READ_FULL);
    b->n_finals = 0;
    if (!b->staging)
        return BW_OK; /* loaded straight into the target: it is visible already */
    if (w->target_spec.raw)
        kinds[b->n_finals++] = BW_FINAL_RAW_INSERT;
    kinds[b->n_finals++] = whole                       ? BW_FINAL_COPY
                           : w->mode == BW_MODE_APPEND ? BW_FINAL_INSERT
                                                       : BW_FINAL_MERGE;
    int own = b->n_finals; /* the others bring the same rows into further tables */
    for (size_t i = 0; i < w->n_further && b->n_finals < BW_BATCH_FINALS; i++)
        kinds[b->n_finals++] = BW_FINAL_MERGE;
    bool has_time = rows->any_version && w->info.cursor_kind != BW_CURSOR_SEQUENCE;
    for (int i = 0; i < b->n_finals; i++) {
        bw_final_request request = {
            .kind = kinds[i],
            .into = i < own ? NULL : &w->further[i - own],
            .staging = b->staging,
            .key = w->info.key,
            .n_key = w->info.n_key,
            .event_time_min_us = has_time ? rows->version_min : BW_TIME_NONE,
            .event_time_max_us = has_time ? rows->version_max : BW_TIME_NONE,
            .bounds_of = has_time ? w->info.schema.fields[w->info.cursor].name : NULL,
        };
        b->finals[i].kind = (int)kinds[i];
        b->finals[i].text =
            bw_final_text(&w->target_spec, &w->target, &w->info.schema, &request, &w->batch_arena);
        b->finals[i].done = false;
    }
    /* A configured key is a claim, not a constraint: an arbitrary row must never win. */
    if (b->finals[b->n_finals - 1].kind != BW_FINAL_INSERT && w->info.n_key > 0 &&
        strcmp(w->info.key_origin, "configured") == 0) {
        const char *twice = NULL;
        bw_status s =
            bw_destination_find_duplicate(w->destination, &w->target, &w->info.schema, w->info.key,
                                          w->info.n_key, b->staging, &w->batch_arena, &twice, err);
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
    w->class->reader_end(w->reader, &end);
    bool moves = w->run->ask.kind == BW_RUN_SYNC &&
                 (w->run->ask.read == BW_READ_INCREMENTAL || w->run->ask.read == BW_READ_FULL);
    b->position = moves && end.position ? bw_arena_strdup(&w->batch_arena, end.position) : NULL;
    b->watermark_us = moves ? end.watermark_us : BW_TIME_NONE;
    b->null_cursors = end.null_cursors;
    b->ahead_rows = end.ahead_rows;
    w->held_back_by = end.held_back_by ? bw_arena_strdup(&w->batch_arena, end.held_back_by) : NULL;
}

/* The batch is committed: what the run reports from now on. */
static void note_commit(bw_run_work *w, const bw_batch_record *b)
{
    bw_run *run = w->run;
    bw_arena *a = &run->end_arena;
    bw_arena_reset(a, 4096);
    run->end = (bw_batch_end){
        .position = b->position ? bw_arena_strdup(a, b->position) : NULL,
        .watermark_us = b->watermark_us,
        .null_cursors = b->null_cursors,
        .ahead_rows = b->ahead_rows,
        .held_back_by = w->held_back_by ? bw_arena_strdup(a, w->held_back_by) : NULL,
    };
    atomic_fetch_add(&run->rows_loaded, b->rows_loaded);
    atomic_fetch_add(&run->rows_present, b->rows_present);
    run->any_commit = true;
    run->record.batches++;
    w->rows_settled = atomic_load(&run->rows_read);
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
    const char *json = bw_arena_strdup(&w->batch_arena, bw_buf_cstr(&b));
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
        .immutable = w->info.immutable,
        .cursor = w->info.cursor,
        .sync = w->run->def->name,
        .batch = bw_arena_printf(&w->batch_arena, "%s-%lld", bw_store_id(w->run->env.store),
                                 (long long)number),
        .synced_at_us = bw_wall_us(w->run->env.clock),
    };
    return class->new (&options);
}

static bw_status give_up(bw_run_work *w, bw_batch_record *b, bw_status why)
{
    bw_error ignored = BW_ERROR_INIT;
    bool flood = why == BW_REJECTED;
    if (w->unresolved) {
        bw_log(BW_LOG_INFO, b->sync, "what became of job %s is not known: the next run asks",
               b->load_job);
        return why; /* it stays planned, and is looked at before anything newer is sent */
    }
    if (bw_store_batch_abandon(w->run->env.store, b->sync, b->number, flood, &ignored) != BW_OK)
        bw_log_error(BW_LOG_WARN, b->sync, &ignored);
    else if (b->staging &&
             bw_destination_drop_staging(w->destination, &w->target, b->staging, &ignored) ==
                 BW_OK &&
             bw_store_staging_forget(w->run->env.store, b->sync, b->number, b->staging, &ignored) !=
                 BW_OK)
        bw_log_error(BW_LOG_WARN, b->sync, &ignored);
    return why;
}

/* Reads the batch's first chunk, so that a batch without rows costs no request. */
static bw_status prefetch(bw_run_work *w, bool *empty, bw_error *err)
{
    bw_run_phase(w->run, "reading");
    bw_chunk_reset(&w->chunk, w->info.schema.count);
    bw_status s = w->class->reader_fetch(w->reader, &w->chunk, &w->prefetched_end, err);
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
        .label = bw_arena_strdup(&w->batch_arena, plan->label ? plan->label : ""),
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

/* From `planned` to `loaded`. */
static bw_status plan_and_load(bw_run_work *w, const bw_batch_plan *plan, bw_batch_record *b,
                               bool replaces, bool empty, bw_error *err)
{
    bw_store *store = w->run->env.store;
    int64_t letters = atomic_load(&w->run->dead_letters), fresh = 0;
    bw_status s = bw_store_batch_plan(store, b, err);
    if (s != BW_OK)
        return s;
    w->sync.next_batch++;
    w->unresolved = w->source_failed = false;
    forget_attempt(w);
    s = load_batch(w, plan, b, replaces, empty, err);
    if (s != BW_OK) {
        if (s != BW_REJECTED) /* its letters go with it, unless a flood shows them */
            atomic_store(&w->run->dead_letters, letters);
        return give_up(w, b, s);
    }
    s = bw_store_letters_staged_new(store, b->sync, b->number, &fresh, err);
    if (s == BW_OK)
        s = bw_store_batch_loaded(store, b, err);
    if (s == BW_OK)
        w->new_letters += fresh;
    return s;
}

bw_status bw_batch_execute(bw_run_work *w, const bw_batch_plan *plan, bw_error *err)
{
    bw_run *run = w->run;
    bool replaces = plan->whole && (w->mode == BW_MODE_REPLACE || run->ask.read == BW_READ_FULL);
    bool straight = replaces && w->mode == BW_MODE_REPLACE && !w->target_spec.raw;
    bool empty;
    bw_arena_reset(&w->batch_arena, 64 * 1024);
    bw_status s = prefetch(w, &empty, err);
    if (s != BW_OK)
        return s;
    bw_batch_record b = new_batch(w, plan);
    set_ids(w, &b, straight || (empty && !replaces));
    s = plan_and_load(w, plan, &b, replaces, empty, err);
    if (s != BW_OK)
        return s;
    bw_buf model = BW_BUF_INIT;
    bw_scorer_model(w->scorer, &model);
    s = bw_batch_finish(w, &b, bw_buf_slice(&model), replaces, false, err);
    bw_buf_fini(&model);
    if (s != BW_OK)
        return s;
    note_commit(w, &b);
    if (bw_sync_is_stream(run->def))
        s = bw_run_commit_seen(w, err);
    if (s == BW_OK && b.dead_letters > 0) /* new ones may land in a later batch of this run */
        s = bw_run_watch_letters(w, err);
    if (s == BW_OK && w->class->reader_ack)
        s = w->class->reader_ack(w->reader, b.position, err);
    return s;
}

const char *bw_batch_final_step(bw_arena *arena, const bw_batch_record *b, int i)
{
    static const char *const steps[] = {
        [BW_FINAL_MERGE] = "merge",
        [BW_FINAL_INSERT] = "insert",
        [BW_FINAL_RAW_INSERT] = "raw",
        [BW_FINAL_COPY] = "copy",
    };
    int before = 0; /* finals of the same kind: the same rows go to several tables */
    for (int k = 0; k < i; k++)
        before += b->finals[k].kind == b->finals[i].kind;
    const char *step = steps[b->finals[i].kind];
    return before ? bw_arena_printf(arena, "%s%d_%d", step, b->final_attempt, before)
                  : bw_arena_printf(arena, "%s%d", step, b->final_attempt);
}

/* The job that writes the rows into the target says how many of those that were staged it wrote: the
   others were there. An event is new where its raw row is; its current row may have been overtaken.
   What replaces the whole content writes every row. */
static void count_present(const bw_run_work *w, bw_batch_record *b, int i,
                          const bw_job_result *result)
{
    bool raw = b->finals[0].kind == BW_FINAL_RAW_INSERT;
    int telling = raw && !w->target_spec.events ? 1 : 0;
    if (i != telling || b->finals[i].kind == BW_FINAL_COPY || result->rows < 0)
        return;
    int64_t staged = b->rows_loaded + b->rows_present;
    b->rows_loaded = result->rows < staged ? result->rows : staged;
    b->rows_present = staged - b->rows_loaded;
}

/* Runs one final job, in as many attempts as help. Of an earlier run's batch (`recovered`), what
   failed then is tried once more: the reason may have been mended. */
static bw_status run_final(bw_run_work *w, bw_batch_record *b, int i, bool recovered, bw_error *err)
{
    bw_arena *a = &w->batch_arena;
    const char *store = bw_store_id(w->run->env.store);
    for (int tries = 1;; tries++) {
        bw_final_kind kind = (bw_final_kind)b->finals[i].kind;
        const char *step = bw_batch_final_step(a, b, i);
        bw_job_id job = {.id = bw_batch_job_id(a, store, b->sync, b->number, b->attempt, step)};
        job.labels = bw_batch_labels(a, store, b->sync, b->number, b->attempt, step, &job.n_labels);
        bw_job_result result;
        bw_status s = bw_destination_run_final(w->destination, &w->target, kind, b->finals[i].text,
                                               b->staging, &job, w->run->def->max_bytes_per_day,
                                               &result, err);
        bool query = strncmp(b->finals[i].text, "copy ", 5) != 0;
        if (query && result.bytes > 0)
            w->run->record.bytes_billed += result.bytes;
        if (s == BW_OK) {
            count_present(w, b, i, &result);
            return s;
        }
        /* Only a job that is known to have failed may be followed by another one under a new id. */
        bool again = err->retryable || (recovered && tries == 1);
        if (!result.failed || !again || tries >= MAX_FINAL_ATTEMPTS)
            return s;
        bw_log_error(BW_LOG_WARN, b->sync, err);
        if (err->retryable && (s = pause_before_next(w, tries, err)) != BW_OK)
            return s;
        b->final_attempt++;
        s = bw_store_batch_final(w->run->env.store, b, err);
        if (s != BW_OK)
            return s;
    }
}

bw_status bw_batch_finish(bw_run_work *w, bw_batch_record *b, bw_slice score_model, bool replaced,
                          bool recovered, bw_error *err)
{
    bw_store *store = w->run->env.store;
    for (int i = 0; i < b->n_finals; i++) {
        if (b->finals[i].done)
            continue;
        bw_run_phase(w->run, b->finals[i].kind == BW_FINAL_COPY ? "replacing" : "merging");
        bw_status s = run_final(w, b, i, recovered, err);
        if (s == BW_OK) {
            b->finals[i].done = true;
            s = bw_store_batch_final(store, b, err);
        }
        if (s != BW_OK)
            return s;
    }
    /* What an earlier run loaded is told by the source again: it was never acknowledged. */
    bw_status s = BW_OK;
    if (!recovered && w->class->reader_visible)
        s = w->class->reader_visible(w->reader, err);
    if (s != BW_OK)
        return s;
    bw_run_phase(w->run, "committing");
    s = bw_store_batch_commit(store, b, score_model, replaced, err);
    if (s != BW_OK || !b->staging)
        return s;
    bw_error ignored = BW_ERROR_INIT; /* what stays behind is dropped by the next run, or expires */
    if (bw_destination_drop_staging(w->destination, &w->target, b->staging, &ignored) == BW_OK &&
        bw_store_staging_forget(store, b->sync, b->number, b->staging, &ignored) == BW_OK)
        return BW_OK;
    bw_log_error(BW_LOG_WARN, b->sync, &ignored);
    return BW_OK;
}
