/*
 * The commit protocol of one batch.
 *
 *   plan      ids are made from the store's id, the sync, the batch's number and the attempt, and
 *             are durable before any request with an effect leaves
 *   load      rows go to a staging table by one load job (a `replace` straight to its target, in
 *             one truncating job); rows that do not fit are staged as dead letters
 *   loaded    read = loaded + dead-lettered; the texts of the final jobs are durable
 *   finals    raw first, then current, each under its stored id; they say how many of the rows the
 *             target held already
 *   commit    one store transaction: checkpoint, dead letters, counters, score model, audit
 *   ack       the source learns that the position is durable; the staging table is dropped
 *
 * Killed anywhere, the next run finds the batch open: before `loaded` it is abandoned and its range
 * read again, from `loaded` on it is finished (recover.c). Crash points stand in the store and the
 * destination on each side of every durable write and every request with an effect.
 */
#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/engine/run_internal.h"

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
static bw_status load_batch(bw_run_work *w, bw_batch_record *b, bool replaces, bool empty,
                            bw_error *err)
{
    const bw_encoder_class *class = &bw_encoder_ndjson;
    bw_batch_rows rows = {0};
    uint64_t uploaded = bw_uploader_uploaded(w->uploader);
    bw_status s = BW_OK;
    if (!empty || replaces) {
        bw_encoder *encoder = new_encoder(w, class, b->number);
        s = bw_batch_load(w, class, encoder, b, &rows, replaces, err);
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
    return rows.encoded > 0 || replaces ? bw_batch_plan_finals(w, replaces, b, &rows, err) : BW_OK;
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
static bw_status plan_and_load(bw_run_work *w, bw_batch_record *b, bool replaces, bool empty,
                               bw_error *err)
{
    bw_store *store = w->run->env.store;
    int64_t letters = atomic_load(&w->run->dead_letters), fresh = 0;
    bw_status s = bw_store_batch_plan(store, b, err);
    if (s != BW_OK)
        return s;
    w->sync.next_batch++;
    w->unresolved = w->source_failed = false;
    bw_batch_forget_attempt(w);
    s = load_batch(w, b, replaces, empty, err);
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
    bw_batch_set_ids(w, &b, straight || (empty && !replaces));
    s = plan_and_load(w, &b, replaces, empty, err);
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
