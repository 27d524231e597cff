/* The final jobs, which make a batch visible, and its commit. */
#include <string.h>

#include "backend/core/log.h"
#include "backend/engine/run_internal.h"

#define MAX_FINAL_ATTEMPTS 5

/* Which jobs make the batch visible, raw first. Returns how many of them are about the own target; the
   others bring the same rows into further tables. */
static int choose_finals(const bw_run_work *w, bool replaces, bw_batch_record *b)
{
    b->n_finals = 0;
    if (w->target_spec.raw)
        b->finals[b->n_finals++].kind = BW_FINAL_RAW_INSERT;
    b->finals[b->n_finals++].kind = replaces                    ? BW_FINAL_COPY
                                    : w->mode == BW_MODE_APPEND ? BW_FINAL_INSERT
                                                                : BW_FINAL_MERGE;
    int own = b->n_finals;
    for (size_t i = 0; i < w->n_further && b->n_finals < BW_BATCH_FINALS; i++)
        b->finals[b->n_finals++].kind = BW_FINAL_MERGE;
    return own;
}

/* A configured key is a claim, not a constraint: an arbitrary row must never win. */
static bw_status check_unique(bw_run_work *w, const bw_batch_record *b, bw_error *err)
{
    const char *twice = NULL;
    if (b->finals[b->n_finals - 1].kind == BW_FINAL_INSERT || w->info.n_key == 0 ||
        strcmp(w->info.key_origin, "configured") != 0)
        return BW_OK;
    bw_status s =
        bw_destination_find_duplicate(w->destination, &w->target, &w->info.schema, w->info.key,
                                      w->info.n_key, b->staging, &w->batch_arena, &twice, err);
    if (s != BW_OK || !twice)
        return s;
    bw_error_set(err, BW_INVALID, "the configured key is not unique: %s occurs twice", twice);
    return bw_error_hint(err, "Choose a key that identifies a row (key: of this sync).");
}

/* Event ids are made from the sync's name and the row's content. Where the target was filled under
   another name, or the rows look otherwise since, none of them is found, and all would come twice. */
static bw_status check_known(bw_run_work *w, const bw_batch_record *b, bw_error *err)
{
    if (!w->finds_by_id)
        return BW_OK;
    const char *cursor = w->info.schema.fields[w->info.cursor].name, *answer = NULL;
    const char *sql = bw_arena_printf(
        &w->batch_arena,
        "SELECT IF(COUNT(K.`_bw_event_id`) > 0, 'some', IF(COUNT(C.`%s`) > 0, 'none', 'new'))"
        " FROM `%s.%s.%s` AS S"
        " LEFT JOIN (SELECT DISTINCT `_bw_event_id` FROM `%s`) AS K"
        " ON K.`_bw_event_id` = S.`_bw_event_id`"
        " LEFT JOIN (SELECT DISTINCT `%s` FROM `%s`) AS C ON C.`%s` = S.`%s`",
        cursor, w->target.project, w->target.dataset, b->staging, w->target_name, cursor,
        w->target_name, cursor, cursor);
    bw_status s =
        bw_destination_ask(w->destination, &w->target, sql, &w->batch_arena, &answer, err);
    if (s != BW_OK)
        return s;
    w->finds_by_id = !answer || strcmp(answer, "some") != 0;
    if (!answer || strcmp(answer, "none") != 0)
        return BW_OK;
    bw_error_set(err, BW_INVALID,
                 "%s holds rows with the same %s, but none under the event id that this sync gives "
                 "them: all would come twice",
                 w->target_name, cursor);
    return bw_error_hint(err, "Was the target filled by a sync of another name, or has the table "
                              "changed since? Use that name, another target, or a full resync, "
                              "which replaces what is there.");
}

bw_status bw_batch_plan_finals(bw_run_work *w, bool replaces, bw_batch_record *b,
                               const bw_batch_rows *rows, bw_error *err)
{
    b->n_finals = 0;
    if (!b->staging)
        return BW_OK; /* loaded straight into the target: it is visible already */
    int own = choose_finals(w, replaces, b);
    bool has_time = rows->any_version && w->info.cursor_kind != BW_CURSOR_SEQUENCE;
    for (int i = 0; i < b->n_finals; i++) {
        bw_final_request request = {
            .kind = (bw_final_kind)b->finals[i].kind,
            .into = i < own ? NULL : &w->further[i - own],
            .staging = b->staging,
            .key = w->info.key,
            .n_key = w->info.n_key,
            .event_time_min_us = has_time ? rows->version_min : BW_TIME_NONE,
            .event_time_max_us = has_time ? rows->version_max : BW_TIME_NONE,
            .bounds_of = has_time ? w->info.schema.fields[w->info.cursor].name : NULL,
        };
        b->finals[i].text =
            bw_final_text(&w->target_spec, &w->target, &w->info.schema, &request, &w->batch_arena);
        b->finals[i].done = false;
    }
    bw_status s = check_unique(w, b, err);
    return s == BW_OK ? check_known(w, b, err) : s;
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
        if (err->retryable && (s = bw_batch_pause(w, tries, err)) != BW_OK)
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
