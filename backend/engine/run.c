#include "backend/engine/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/core/units.h"
#include "backend/engine/events_stage.h"
#include "backend/engine/run_internal.h"

#define MAX_LETTER_KEYS 100000
/* That a stream's reading looks back at. */
#define RUNS_BEFORE 32

/* ---- shared with the scheduler ---------------------------------------------------------- */

bw_run *bw_run_new(const bw_run_env *env, const bw_sync_def *def)
{
    bw_run *run = bw_xcalloc(1, sizeof(*run));
    run->env = *env;
    run->def = def;
    run->ask = (bw_ask){.kind = def->pattern ? BW_RUN_EXPAND : BW_RUN_SYNC,
                        .read = BW_READ_INCREMENTAL,
                        .trigger = "schedule"};
    bw_cancel_init(&run->cancel);
    bw_cancel_init(&run->yield);
    pthread_mutex_init(&run->mu, NULL);
    atomic_store(&run->phase, "waiting for a worker");
    atomic_store(&run->rows_expected, -1);
    atomic_store(&run->started_us, bw_wall_us(env->clock));
    run->source_offset_us = BW_TIME_NONE;
    run->end = (bw_batch_end){.watermark_us = BW_TIME_NONE, .null_cursors = -1, .ahead_rows = -1};
    return run;
}

void bw_run_free(bw_run *run)
{
    if (!run)
        return;
    bw_detail_box_unref(run->detail);
    bw_cancel_fini(&run->cancel);
    bw_cancel_fini(&run->yield);
    pthread_mutex_destroy(&run->mu);
    bw_arena_fini(&run->end_arena);
    bw_arena_fini(&run->arena);
    free(run);
}

void bw_run_phase(bw_run *run, const char *phase)
{
    atomic_store(&run->phase, phase);
    bw_run_waiting(run, "");
}

void bw_run_waiting(bw_run *run, const char *text)
{
    pthread_mutex_lock(&run->mu);
    snprintf(run->waiting_for, sizeof(run->waiting_for), "%s", text);
    pthread_mutex_unlock(&run->mu);
}

void bw_run_tell_waiting(void *run, const char *text)
{
    bw_run_waiting(run, text);
}

static const char *kind_word(const bw_run *run)
{
    static const char *const reads[] = {
        [BW_READ_INCREMENTAL] = "incremental",
        [BW_READ_FULL] = "full",
        [BW_READ_SINCE] = "since",
        [BW_READ_KEYS] = "keys",
    };
    if (run->ask.kind == BW_RUN_REPLAY)
        return "replay";
    if (bw_sync_is_stream(run->def) && run->ask.read == BW_READ_INCREMENTAL)
        return "stream";
    return atomic_load(&run->backfilling) ? "backfill" : reads[run->ask.read];
}

void bw_run_cancel(bw_run *run, const char *words)
{
    pthread_mutex_lock(&run->mu);
    if (!run->cancelled[0])
        snprintf(run->cancelled, sizeof(run->cancelled), "%s", words);
    pthread_mutex_unlock(&run->mu);
    bw_cancel_raise(&run->cancel);
    bw_cancel_raise(&run->yield);
}

bool bw_run_stop(bw_run *run, const char *words)
{
    if (run->ask.kind != BW_RUN_REPLAY || atomic_exchange(&run->stop, true))
        return false;
    pthread_mutex_lock(&run->mu);
    snprintf(run->cancelled, sizeof(run->cancelled), "%s", words);
    pthread_mutex_unlock(&run->mu);
    return true;
}

void bw_run_yield(bw_run *run)
{
    bw_cancel_raise(&run->yield);
}

/* Rows per second since the oldest look that is kept; NAN when that is too short ago. */
static double rate_now(bw_run *run, int64_t rows)
{
    int64_t now = bw_mono_us(run->env.clock);
    if (run->n_looks > 0 && rows < run->looks[run->n_looks - 1].rows)
        run->n_looks = 0; /* a new attempt counts from its beginning */
    if (run->n_looks == 0 || now - run->looks[run->n_looks - 1].mono_us >= BW_SECOND) {
        if (run->n_looks == BW_RATE_LOOKS) {
            run->n_looks--;
            memmove(&run->looks[0], &run->looks[1], run->n_looks * sizeof(run->looks[0]));
        }
        run->looks[run->n_looks].mono_us = now;
        run->looks[run->n_looks++].rows = rows;
    }
    int64_t elapsed = now - run->looks[0].mono_us;
    if (elapsed < BW_SECOND / 2)
        return NAN;
    return (double)(rows - run->looks[0].rows) / ((double)elapsed / BW_SECOND);
}

void bw_run_progress(bw_run *run, bw_arena *arena, bw_run_view *out)
{
    int64_t expected = atomic_load(&run->rows_expected);
    *out = (bw_run_view){
        .active = true,
        .kind = kind_word(run),
        .phase = atomic_load(&run->phase),
        .started_us = atomic_load(&run->started_us),
        .rows_read = atomic_load(&run->rows_read),
        .rows_loaded = atomic_load(&run->rows_loaded),
        .dead_letters = atomic_load(&run->dead_letters),
        .bytes_uploaded = (int64_t)atomic_load(&run->bytes_uploaded),
        .rows_expected = expected < 0 ? NAN : (double)expected,
        .rows_per_s = NAN,
        .eta_us = BW_TIME_NONE,
        .attempt = atomic_load(&run->attempt),
    };
    out->rows_per_s = rate_now(run, out->rows_read);
    if (expected > out->rows_read && out->rows_per_s > 0)
        out->eta_us = (int64_t)((double)(expected - out->rows_read) / out->rows_per_s * BW_SECOND);
    pthread_mutex_lock(&run->mu);
    out->batch = bw_arena_strdup(arena, run->batch_label);
    out->load_job = bw_arena_strdup(arena, run->load_job);
    out->waiting_for = run->waiting_for[0] ? bw_arena_strdup(arena, run->waiting_for) : NULL;
    pthread_mutex_unlock(&run->mu);
}

/* ---- opening ---------------------------------------------------------------------------- */

static void fill_target_spec(bw_run_work *w)
{
    bw_sync_target_spec(w->run->def, w->mode, &w->info, bw_store_id(w->run->env.store),
                        &w->target_spec);
    w->target_spec.take_over = w->run->ask.take_over;
}

static bw_status open_source(bw_run_work *w, bw_error *err)
{
    bw_run *run = w->run;
    const bw_sync_def *def = run->def;
    w->source_env = (bw_source_env){
        .clock = run->env.clock,
        .cancel = &run->cancel,
        .yield = &run->yield,
        .kept = run->kept,
        .subject = def->name,
        .stall_timeout_us = def->stall_timeout_us,
        .google = run->env.google,
        .tell = bw_run_tell_waiting,
        .tell_user = run,
    };
    bw_run_phase(run, "connecting");
    run->source_asked = true;
    w->class = def->source;
    bw_status s = def->source->open(def->source, def->source_node, &w->source_env, &w->source, err);
    if (s == BW_OK && def->mode == BW_MODE_EVENTS && run->ask.kind != BW_RUN_EXPAND)
        s = bw_events_stage_open(def, &w->source_env, run->env.store, &w->class, &w->source, err);
    if (s != BW_OK)
        return bw_error_wrap(err, "source %s", def->source_name);
    s = w->class->status(w->source, &run->arena, &run->source_status, err);
    run->source_answered = s == BW_OK;
    if (s == BW_OK && run->source_status.now_us != BW_TIME_NONE)
        run->source_offset_us = run->source_status.now_us + run->source_status.latency_us / 2 -
                                bw_wall_us(run->env.clock);
    return s;
}

/* The type that stops the sync, as the error. */
static bw_status stop_for_drift(bw_run_work *w, const bw_target *target, bw_error *err)
{
    w->run->drift_stops = true;
    for (size_t i = 0; i < target->n_drift; i++) {
        const bw_drift *d = &target->drift[i];
        if (d->kind != BW_DRIFT_RETYPED)
            continue;
        bw_error_set(err, BW_INVALID, "column %s is %s at the source but %s in %s.%s.%s", d->column,
                     d->source_side, d->target_side, target->project, target->dataset,
                     target->table);
        bw_error_hint(err, "%s", d->consequence);
        break;
    }
    return BW_INVALID;
}

/* How the target was altered goes into the audit trail. */
static bw_status audit_changes(bw_run_work *w, const bw_target *target, bw_error *err)
{
    bw_status s = BW_OK;
    for (size_t i = 0; s == BW_OK && i < target->n_drift; i++) {
        const bw_drift *d = &target->drift[i];
        bool changed =
            d->kind == BW_DRIFT_ADDED || d->kind == BW_DRIFT_RELAXED || d->kind == BW_DRIFT_WIDENED;
        if (!changed || target->incompatible)
            continue;
        json_t *detail =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "table", target->table, "column", d->column,
                      "change", bw_drift_kind_name(d->kind), "before", d->target_side, "source",
                      d->source_side, "outcome", d->consequence);
        char *text = json_dumps(detail, JSON_COMPACT);
        s = bw_store_audit_add(w->run->env.store, "engine", "drift", w->run->def->name,
                               text ? text : "{}", err);
        free(text);
        json_decref(detail);
    }
    return s;
}

static bw_status prepare_further(bw_run_work *w, bw_error *err)
{
    bw_arena *a = &w->run->arena;
    bw_status s = BW_OK;
    w->further = BW_ARENA_ARRAY(a, bw_target, w->run->def->n_further + 1);
    for (size_t i = 0; s == BW_OK && i < w->run->def->n_further; i++) {
        bw_target_spec spec = w->target_spec;
        bw_sync_further_spec(w->run->def->further[i], a, &spec);
        bw_target *target = &w->further[w->n_further++];
        s = bw_destination_prepare(w->destination, &spec, &w->info.schema, a, target, err);
        if (s == BW_OK)
            s = audit_changes(w, target, err);
        if (s == BW_OK && target->incompatible)
            s = stop_for_drift(w, target, err);
    }
    return s;
}

static bw_status prepare(bw_run_work *w, bw_error *err)
{
    bw_run *run = w->run;
    bw_table_spec spec = run->def->spec;
    spec.checkpoint = w->sync.checkpoint;
    bw_run_phase(run, "describing");
    bw_status s = w->class->describe(w->source, &spec, &run->arena, &w->info, err);
    if (s == BW_OK)
        s = bw_sync_resolve_mode(run->def, &w->info, &w->mode, err);
    if (s != BW_OK)
        return s;
    run->mode = bw_sync_mode_name(w->mode);
    fill_target_spec(w);
    w->budget = bw_budget_on_store(run);
    w->destination = bw_destination_new(run->env.google, run->env.clock, &run->cancel, &w->budget);
    bw_destination_set_deadline(w->destination, run->def->stall_timeout_us);
    bw_destination_set_listener(w->destination, bw_run_tell_waiting, run);
    s = bw_destination_prepare(w->destination, &w->target_spec, &w->info.schema, &run->arena,
                               &w->target, err);
    if (s == BW_OK)
        s = audit_changes(w, &w->target, err);
    if (s != BW_OK)
        return s;
    w->target_name = bw_arena_printf(&run->arena, "%s.%s.%s", w->target.project, w->target.dataset,
                                     w->target.table);
    run->target = w->target_name;
    run->partitioned = w->target.partitioned;
    bw_run_note_unfilled(w);
    bw_run_make_detail(w);
    return w->target.incompatible ? stop_for_drift(w, &w->target, err) : prepare_further(w, err);
}

/* ---- reading ---------------------------------------------------------------------------- */

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

static bw_status make_request(bw_run_work *w, bw_read_request *r, bw_error *err)
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

bw_status bw_run_watch_letters(bw_run_work *w, bw_error *err)
{
    bw_arena_reset(&w->letter_arena, 64 * 1024);
    w->n_letter_keys = 0;
    bw_status s = bw_store_letter_keys(w->run->env.store, w->run->def->name, MAX_LETTER_KEYS,
                                       &w->letter_arena, &w->letter_keys, &w->n_letter_keys, err);
    w->letter_keys_cut = w->n_letter_keys == MAX_LETTER_KEYS;
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
    bw_status s = open_source(w, err);
    if (s == BW_OK)
        s = prepare(w, err);
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
        s = make_request(w, &request, err);
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

/* ---- begin and end ---------------------------------------------------------------------- */

static bw_status expand(bw_run_work *w, bw_error *err)
{
    bw_run *run = w->run;
    bw_status s = open_source(w, err);
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
        .kind = kind_word(run),
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
