/*
 * What an earlier process left behind. A batch that was only planned is abandoned: its staged dead
 * letters and its staging table go, and its range is read again from the checkpoint, which it never
 * moved. A batch that was loaded goes on with its final jobs and is committed. A `replace` that went
 * straight to its target may still have a load job on its way; it must end before a newer one is
 * sent, or the older content could win.
 */
#include "backend/core/log.h"
#include "backend/engine/run_internal.h"

#define STRAGGLER_WAIT (10 * BW_MINUTE)

bw_status bw_batch_await_job(bw_run_work *w, const bw_batch_record *b, const char *step,
                             bw_error *err)
{
    const bw_clock *clock = w->run->env.clock;
    const char *store = bw_store_id(w->run->env.store);
    int64_t deadline = bw_mono_us(clock) + STRAGGLER_WAIT, pause = BW_SECOND / 4;
    bw_arena *a = &w->batch_arena;
    bw_job_id job = {.id = bw_batch_job_id(a, store, b->sync, b->number, b->attempt, step)};
    job.labels = bw_batch_labels(a, store, b->sync, b->number, b->attempt, step, &job.n_labels);
    for (;;) {
        bw_job_result result = {.rows = -1};
        bw_status s = bw_destination_find_job(w->destination, &w->target, &job, &result, err);
        if (s != BW_OK || !result.found || result.done)
            return s;
        bw_run_waiting(w->run, "an earlier job to end");
        if (bw_mono_us(clock) >= deadline)
            return bw_error_set(err, BW_TIMEOUT, "the earlier job %s has not ended", job.id);
        s = bw_wait_until(&w->run->cancel, clock, bw_mono_us(clock) + pause, err);
        if (s != BW_OK)
            return s;
        pause = pause < 5 * BW_SECOND ? pause * 2 : pause;
    }
}

/* The batch belongs to the target as it is configured now, or must be left alone. */
static bw_status check_target(const bw_run_work *w, const bw_batch_record *b, bw_error *err)
{
    if (strcmp(b->dataset, w->target.dataset) == 0 && strcmp(b->table, w->target.table) == 0 &&
        strcmp(b->project, w->target.project) == 0)
        return BW_OK;
    bw_error_set(err, BW_CONFLICT,
                 "batch %lld was loaded for %s.%s.%s, but the sync now goes to %s",
                 (long long)b->number, b->project, b->dataset, b->table, w->target_name);
    return bw_error_hint(err, "Set the old target again until the batch is finished, or ask for a "
                              "full resync, which abandons it.");
}

static bw_status finish(bw_run_work *w, bw_batch_record *b, bw_error *err)
{
    bw_status s = check_target(w, b, err);
    if (s != BW_OK)
        return s;
    bw_log(BW_LOG_INFO, b->sync, "finishing batch %lld, which was loaded before",
           (long long)b->number);
    /* Nobody has told of these events yet. Those of the subscription are delivered again, and replayed
       letters are told of when they are replayed again, for which they have to stay. */
    if (w->mode == BW_MODE_EVENTS && b->landed_keys)
        s = bw_store_batch_forget_landed(w->run->env.store, b->sync, b->number, err);
    if (s != BW_OK)
        return s;
    bool replaced = b->n_finals > 0 && b->finals[b->n_finals - 1].kind == BW_FINAL_COPY;
    /* A batch is counted by the run that commits it, so that what a run says of its rows adds up. */
    b->run_id = w->run->record.id;
    s = bw_batch_finish(w, b, (bw_slice){NULL, 0}, replaced || (!b->staging && b->rows_loaded > 0),
                        true, err);
    if (s != BW_OK)
        return s;
    w->run->any_commit = true;
    atomic_fetch_add(&w->run->rows_read, b->rows_read);
    atomic_fetch_add(&w->run->rows_loaded, b->rows_loaded);
    atomic_fetch_add(&w->run->rows_present, b->rows_present);
    atomic_fetch_add(&w->run->dead_letters, b->dead_letters);
    w->rows_settled = atomic_load(&w->run->rows_read);
    w->run->record.batches++;
    return BW_OK;
}

/* Jobs of the batch that may still be under way must end before anything newer is sent. */
static bw_status await_stragglers(bw_run_work *w, const bw_batch_record *b, bw_error *err)
{
    bw_status s = BW_OK;
    if (b->state == BW_BATCH_PLANNED)
        return b->staging ? BW_OK : bw_batch_await_job(w, b, "load", err);
    for (int i = 0; s == BW_OK && i < b->n_finals; i++) {
        if (!b->finals[i].done)
            s = bw_batch_await_job(w, b, bw_batch_final_step(&w->batch_arena, b, i), err);
    }
    return s;
}

static bw_status recover_one(bw_run_work *w, bw_batch_record *b, bw_error *err)
{
    const char *why = "it was not loaded";
    bw_status s = BW_OK;
    if (b->state == BW_BATCH_LOADED && w->run->ask.read != BW_READ_FULL) {
        s = finish(w, b, err);
        /* The staging table has expired, or the statement does not fit the target any more: no job
           of it has had an effect, and none ever will. */
        if (s != BW_INVALID && s != BW_NOT_FOUND)
            return s;
        why = err->message;
    } else if (b->state == BW_BATCH_LOADED) {
        why = "the whole table is read again";
    }
    bw_log(BW_LOG_INFO, b->sync, "abandoning batch %lld: %s", (long long)b->number, why);
    s = await_stragglers(w, b, err);
    if (s == BW_OK)
        s = bw_store_batch_abandon(w->run->env.store, b->sync, b->number, false, err);
    return s;
}

static void drop_leftovers(bw_run_work *w)
{
    bw_error err = BW_ERROR_INIT;
    bw_batch_record *b;
    size_t n;
    bw_store *store = w->run->env.store;
    if (bw_store_staging_list(store, w->run->def->name, &w->run->arena, &b, &n, &err) != BW_OK) {
        bw_log_error(BW_LOG_WARN, w->run->def->name, &err);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        bw_target target = w->target;
        target.project = b[i].project;
        target.dataset = b[i].dataset;
        if (bw_destination_drop_staging(w->destination, &target, b[i].staging, &err) != BW_OK ||
            bw_store_staging_forget(store, b[i].sync, b[i].number, b[i].staging, &err) != BW_OK)
            bw_log_error(BW_LOG_WARN, w->run->def->name, &err); /* it expires by itself */
    }
}

bw_status bw_run_recover(bw_run_work *w, bw_error *err)
{
    bw_batch_record *open;
    size_t n;
    bw_status s = bw_store_batch_open_list(w->run->env.store, w->run->def->name, &w->run->arena,
                                           &open, &n, err);
    for (size_t i = 0; s == BW_OK && i < n; i++)
        s = recover_one(w, &open[i], err);
    if (s == BW_OK)
        drop_leftovers(w);
    return s;
}
