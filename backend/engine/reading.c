/* What a run asks of its source, and the batches that come of it. */
#include <stdio.h>

#include "backend/core/units.h"
#include "backend/engine/run_internal.h"

/* That a stream's reading looks back at. */
#define RUNS_BEFORE 32

/* A sequence's values commit in any order: what is missing below the highest one nobody knows. So
   everything is read, and what the target holds is found there by its event id, which every row must
   have for that. */
static bw_status check_event_ids(bw_run_work *w, bw_error *err)
{
    const char *sql = bw_arena_printf(&w->run->arena,
                                      "SELECT CAST(COUNTIF(`_bw_event_id` IS NULL) AS STRING)"
                                      " FROM `%s`",
                                      w->target_name);
    const char *strangers = NULL;
    bw_status s =
        bw_destination_ask(w->destination, &w->target, sql, &w->run->arena, &strangers, err);
    w->finds_by_id = true;
    if (s != BW_OK || (strangers && strcmp(strangers, "0") == 0))
        return s;
    bw_error_set(err, BW_INVALID,
                 "%s of the rows of %s have no _bw_event_id, so that with "
                 "a number as cursor nobody can tell which of the source's are there already",
                 strangers ? strangers : "some", w->target_name);
    return bw_error_hint(err, "Name another target, use a timestamp as cursor, or ask for a full "
                              "resync, which replaces what is there.");
}

/* start_from: destination asks the target how far it is; a failed question is a failed run. */
static bw_status ask_start(bw_run_work *w, const char **start, bw_error *err)
{
    if (w->info.cursor_kind == BW_CURSOR_SEQUENCE)
        return check_event_ids(w, err);
    const bw_field *cursor = &w->info.schema.fields[w->info.cursor];
    const char *sql = bw_arena_printf(&w->run->arena, "SELECT CAST(MAX(`%s`) AS STRING) FROM `%s`",
                                      cursor->name, w->target_name);
    *start = NULL;
    return bw_destination_ask(w->destination, &w->target, sql, &w->run->arena, start, err);
}

/* What runs that did not end well had received may be leased to them still. A replay reads nothing of
   the stream, and says nothing of it. */
static bw_status ask_stream(bw_run_work *w, bw_read_request *r, bw_error *err)
{
    bw_run_record *before;
    size_t n;
    bw_status s = bw_store_runs(w->run->env.store, w->run->def->name, w->run->record.id,
                                RUNS_BEFORE, &w->run->arena, &before, &n, err);
    r->unsettled = 0;
    for (size_t i = 0; s == BW_OK && i < n; i++) {
        if (strcmp(before[i].kind, "replay") == 0)
            continue;
        if (strcmp(before[i].state, "ok") == 0)
            break;
        r->unsettled++;
    }
    return s;
}

bw_status bw_run_make_request(bw_run_work *w, bw_read_request *r, bw_error *err)
{
    const bw_sync_def *def = w->run->def;
    *r = (bw_read_request){
        .kind = w->run->ask.read,
        .mode = w->mode,
        .checkpoint = w->sync.checkpoint,
        .backfill_span_us = def->backfill_span_us,
        .since_us = w->run->ask.since_us,
        .keys = w->run->ask.keys,
        .n_keys = w->run->ask.n_keys,
        .drain = w->run->drain,
    };
    /* A subscription remembers by itself how far it is. */
    if (bw_sync_is_stream(def))
        return ask_stream(w, r, err);
    if (w->info.cursor < 0 && r->kind == BW_READ_INCREMENTAL)
        r->kind = BW_READ_FULL;
    if (w->mode == BW_MODE_REPLACE && r->kind != BW_READ_KEYS)
        r->kind = BW_READ_FULL;
    /* Known before a row is read; what comes in between, the load's own condition keeps out. */
    if (def->only_if_empty && r->kind == BW_READ_FULL && w->target.rows > 0) {
        bw_error_set(err, BW_INVALID, "%s holds %lld rows already, and only_if_empty is set",
                     w->target_name, (long long)w->target.rows);
        return bw_error_hint(err, "Empty the target yourself, or take only_if_empty away.");
    }
    if (r->checkpoint || r->kind != BW_READ_INCREMENTAL)
        return BW_OK;
    if (def->start_from && strcmp(def->start_from, "destination") == 0)
        return ask_start(w, &r->start_from, err);
    r->start_from = def->start_from;
    if (w->mode == BW_MODE_APPEND && !r->start_from && w->target.rows != 0) {
        bw_error_set(err, BW_INVALID,
                     "%s holds rows already, and there is no checkpoint to go on from",
                     w->target_name);
        return bw_error_hint(err,
                             "Set start_from: destination or start_from: TIME for this sync, or "
                             "ask for a full resync.");
    }
    return BW_OK;
}

/* Rows of the whole run: of a backfill that goes on where an earlier run stopped they are unknown. */
static void expect_rows(bw_run_work *w, const bw_batch_plan *plan)
{
    double rows = plan->rows_expected;
    if (bw_sync_is_stream(w->run->def))
        rows = -1; /* what is still to come nobody knows */
    else if (plan->whole || (plan->backfill && !w->sync.checkpoint))
        rows = w->info.rows_estimate;
    else if (plan->backfill)
        rows = -1;
    else if (rows >= 0)
        rows += (double)w->rows_settled;
    atomic_store(&w->run->rows_expected, rows >= 0 ? (int64_t)rows : -1);
    atomic_store(&w->run->backfilling, plan->backfill && w->run->ask.read == BW_READ_INCREMENTAL);
}

/* By the source's clock, or by ours where it has none. */
static int64_t source_now(const bw_run *run)
{
    int64_t offset = run->source_offset_us;
    return bw_wall_us(run->env.clock) + (offset == BW_TIME_NONE ? 0 : offset);
}

static void begin_batch(bw_run *run)
{
    bw_run_phase(run, bw_sync_is_stream(run->def) ? "waiting for messages" : "planning");
    pthread_mutex_lock(&run->mu);
    run->batch_label[0] = '\0';
    pthread_mutex_unlock(&run->mu);
}

bw_status bw_run_read_batches(bw_run_work *w, const bw_read_request *request, bw_error *err)
{
    const bw_source_class *class = w->class;
    bw_status s =
        class->reader_open(w->source, &w->run->def->spec, &w->info, request, &w->reader, err);
    while (s == BW_OK) {
        bw_batch_plan plan = {0};
        bool more = false;
        begin_batch(w->run);
        s = class->reader_next(w->reader, &more, &plan, err);
        if (s != BW_OK || !more)
            break;
        pthread_mutex_lock(&w->run->mu);
        snprintf(w->run->batch_label, sizeof(w->run->batch_label), "%s",
                 plan.label ? plan.label : "");
        pthread_mutex_unlock(&w->run->mu);
        expect_rows(w, &plan);
        bw_scorer_set_now(w->scorer, source_now(w->run));
        s = bw_batch_execute(w, &plan, err);
        if (s == BW_OK && bw_cancelled(&w->run->cancel))
            s = bw_error_set(err, BW_CANCELLED, "cancelled");
    }
    class->reader_close(w->reader);
    w->reader = NULL;
    return s;
}
