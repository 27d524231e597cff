#include "backend/engine/run.h"

#include "backend/core/log.h"
#include "backend/engine/run_internal.h"

#define MAX_LETTER_KEYS 100000

bw_status bw_run_watch_letters(bw_run_work *w, bw_error *err)
{
    if (w->run->ask.kind == BW_RUN_REPLAY)
        return BW_OK; /* it watches for each group as it takes it */
    bw_arena_reset(&w->letter_arena, 64 * 1024);
    w->n_letter_keys = 0;
    bw_status s = bw_store_letter_keys(w->run->env.store, w->run->def->name, MAX_LETTER_KEYS,
                                       &w->letter_arena, &w->letter_keys, &w->n_letter_keys, err);
    w->letter_landed = BW_ARENA_ARRAY(&w->letter_arena, bool, w->n_letter_keys + 1);
    return s;
}

bw_status bw_run_commit_seen(bw_run_work *w, bw_error *err)
{
    bw_status s = bw_store_sync_alive(w->run->env.store, w->run->def->name, err);
    bw_run_make_detail(w);
    atomic_fetch_add(&w->run->commits, 1);
    return s;
}

static bw_status load_record(bw_run_work *w, bw_error *err)
{
    bool found;
    bw_status s = bw_store_sync_get(w->run->env.store, w->run->def->name, &w->run->arena, &w->sync,
                                    &found, err);
    if (s == BW_OK && !found)
        w->sync = (bw_sync_record){.name = w->run->def->name, .next_batch = 1};
    return s;
}

/* A checkpoint speaks of rows that were loaded. Where the target lost them all (it was dropped, or
   emptied), going on from there would leave the older rows out in silence. */
static bw_status check_checkpoint(bw_run_work *w, bw_error *err)
{
    bw_run *run = w->run;
    bool had_rows = w->sync.rows_total + w->sync.rows_present > 0;
    bool lost = w->sync.checkpoint && had_rows && (w->target.created || w->target.rows == 0);
    if (!lost || bw_sync_is_stream(run->def) || run->any_commit || run->ask.kind != BW_RUN_SYNC ||
        run->ask.read != BW_READ_INCREMENTAL || w->mode == BW_MODE_REPLACE)
        return BW_OK;
    if (w->mode == BW_MODE_APPEND) {
        bw_error_set(err, BW_INVALID, "%s is empty, but %lld rows were in it before",
                     w->target_name, (long long)(w->sync.rows_total + w->sync.rows_present));
        return bw_error_hint(err, "Ask for a full resync to load every row again.");
    }
    bw_log(BW_LOG_WARN, run->def->name, "%s has lost its rows: the whole table is read again",
           w->target_name);
    bw_status s = bw_store_sync_reset(run->env.store, run->def->name, "engine", err);
    return s == BW_OK ? load_record(w, err) : s;
}

static bw_status run_sync(bw_run_work *w, bw_error *err)
{
    bw_run *run = w->run;
    bw_status s = bw_run_open_source(w, err);
    if (s == BW_OK)
        s = bw_run_prepare(w, err);
    if (s != BW_OK)
        return s;
    bw_run_phase(run, "recovering");
    s = bw_run_recover(w, err);
    if (s == BW_OK)
        s = load_record(w, err); /* recovery may have moved the checkpoint */
    if (s == BW_OK)
        s = check_checkpoint(w, err);
    if (s == BW_OK)
        s = bw_run_watch_letters(w, err);
    if (s != BW_OK)
        return s;
    bw_chunk_init(&w->chunk);
    w->uploader = bw_uploader_start(run->env.google, run->env.clock, &run->cancel, &w->budget,
                                    run->def->compression, run->def->stall_timeout_us);
    bw_uploader_set_listener(w->uploader, bw_run_tell_waiting, run);
    w->scorer = bw_scorer_new(&(bw_scorer_options){
        .schema = &w->info.schema,
        .cursor = w->info.cursor,
        .all = w->target_spec.raw,
        .freshness_target_us = run->def->freshness_target_us,
        .now_us = run->source_status.now_us,
        .model = w->sync.score_model,
    });
    if (run->ask.kind == BW_RUN_REPLAY) {
        s = bw_run_replay(w, err);
    } else {
        bw_read_request request;
        s = bw_run_make_request(w, &request, err);
        if (s == BW_OK)
            s = bw_run_read_batches(w, &request, err);
        if (s == BW_OK && request.kind == BW_READ_FULL)
            bw_run_all_filled(w);
    }
    bw_run_make_detail(w); /* with what the scores have to say */
    return s;
}

static void close_work(bw_run_work *w)
{
    bw_uploader_stop(w->uploader);
    bw_scorer_free(w->scorer);
    bw_chunk_fini(&w->chunk);
    bw_arena_fini(&w->batch_arena);
    bw_arena_fini(&w->letter_arena);
    bw_occurrences_fini(&w->rejected);
    bw_destination_free(w->destination);
    if (w->source)
        w->class->close(w->source);
}

static bw_status expand(bw_run_work *w, bw_error *err)
{
    bw_run *run = w->run;
    bw_status s = bw_run_open_source(w, err);
    if (s == BW_OK)
        s = w->class->list(w->source, run->def->spec.table, &run->arena, &run->tables,
                           &run->n_tables, err);
    if (s != BW_OK || run->n_tables > 0)
        return s;
    bw_error_set(err, BW_NOT_FOUND, "no table of source %s matches %s", run->def->source_name,
                 run->def->spec.table);
    return bw_error_hint(err, "Patterns match schema.table; does the user see the tables?");
}

static void begin_record(bw_run_work *w)
{
    bw_run *run = w->run;
    run->record = (bw_run_record){
        .sync = run->def->name,
        .mode = bw_sync_mode_name(run->def->mode),
        .trigger = run->ask.trigger,
        .kind = bw_run_kind_word(run),
        .state = "running",
        .started_us = atomic_load(&run->started_us),
        .ended_us = BW_TIME_NONE,
    };
}

static void end_record(bw_run_work *w, bw_status s, const bw_error *err)
{
    bw_run *run = w->run;
    bw_arena *a = &run->arena;
    run->status = s;
    run->record.state = s == BW_OK ? "ok" : s == BW_CANCELLED ? "cancelled" : "failed";
    run->record.ended_us = bw_wall_us(run->env.clock);
    run->record.mode = run->mode ? run->mode : run->record.mode;
    run->record.rows_read = atomic_load(&run->rows_read);
    run->record.rows_loaded = atomic_load(&run->rows_loaded);
    run->record.rows_present = atomic_load(&run->rows_present);
    run->record.dead_letters = atomic_load(&run->dead_letters);
    run->record.bytes_uploaded = (int64_t)atomic_load(&run->bytes_uploaded);
    run->record.checkpoint = run->end.position ? run->end.position : w->sync.checkpoint;
    if (s != BW_OK) {
        run->error = *err;
        run->record.error = bw_arena_strdup(a, err->message);
        run->record.hint = err->hint[0] ? bw_arena_strdup(a, err->hint) : NULL;
    }
}

void bw_run_execute(bw_run *run)
{
    bw_run_work w = {.run = run};
    bw_error err = BW_ERROR_INIT, store_err = BW_ERROR_INIT;
    atomic_store(&run->started_us, bw_wall_us(run->env.clock));
    if (run->ask.kind == BW_RUN_EXPAND) {
        bw_status s = expand(&w, &err);
        close_work(&w);
        begin_record(&w);
        end_record(&w, s, &err);
        return;
    }
    begin_record(&w);
    bw_status s = load_record(&w, &err);
    if (s == BW_OK)
        s = bw_store_run_begin(run->env.store, &run->record, &run->record.id, &err);
    if (s != BW_OK) {
        end_record(&w, s, &err);
        return;
    }
    s = bw_sync_check_rival(run->def, &err);
    if (s == BW_OK)
        s = run_sync(&w, &err);
    if (s != BW_OK && bw_cancelled(&run->cancel)) {
        pthread_mutex_lock(&run->mu);
        s = bw_error_set(&err, BW_CANCELLED, "%s", run->cancelled);
        pthread_mutex_unlock(&run->mu);
    }
    if (s != BW_OK)
        bw_error_wrap(&err, "sync %s", run->def->name);
    close_work(&w);
    end_record(&w, s, &err);
    if (bw_store_run_end(run->env.store, &run->record, &store_err) != BW_OK)
        bw_log_error(BW_LOG_ERROR, run->def->name, &store_err);
}
