/* Snapshots: what every sync looks like at this instant, in one arena. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "backend/core/units.h"
#include "backend/engine/engine_internal.h"

#define HISTORY_STEP (10 * BW_SECOND)

double bw_sync_lag_s(const bw_engine *e, const bw_sync *sync)
{
    int64_t mark = sync->record.watermark_us;
    if (mark == BW_TIME_NONE || sync->source_offset_us == BW_TIME_NONE)
        return NAN;
    int64_t lag = bw_wall_us(e->clock) + sync->source_offset_us - mark;
    return lag > 0 ? (double)lag / BW_SECOND : 0;
}

bw_table_score bw_sync_judge(const bw_engine *e, const bw_sync *sync)
{
    int64_t parked = sync->record.parked_until_us;
    bool queued = sync->run && strcmp(atomic_load(&sync->run->phase), "waiting for a worker") == 0;
    bw_table_facts facts = {
        .lag_s = sync->source_down ? NAN : bw_sync_lag_s(e, sync),
        .target_s = (double)sync->def.freshness_target_us / BW_SECOND,
        .failed = sync->failed,
        .drift = sync->drift,
        .parked = parked != BW_TIME_NONE && parked > bw_wall_us(e->clock),
        .paused = sync->record.paused,
        .queued = queued,
        .running = sync->run != NULL,
    };
    return bw_score_table(&facts);
}

void bw_sync_spark_add(bw_sync *sync, int64_t wall_us, int64_t rows)
{
    int64_t minute = wall_us / BW_MINUTE, moved = minute - sync->spark_minute;
    if (sync->spark_minute == 0)
        moved = 0;
    for (; moved > 0; moved = moved > BW_SPARK_MINUTES ? BW_SPARK_MINUTES : moved - 1) {
        for (int i = 0; i + 1 < BW_SPARK_MINUTES; i++)
            sync->spark[i] = sync->spark[i + 1];
        sync->spark[BW_SPARK_MINUTES - 1] = 0;
    }
    sync->spark_minute = minute;
    uint64_t sum = sync->spark[BW_SPARK_MINUTES - 1] + (uint64_t)(rows > 0 ? rows : 0);
    sync->spark[BW_SPARK_MINUTES - 1] = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

void bw_sync_spark_run(bw_sync *sync, int64_t wall_us, bw_run *run)
{
    int64_t loaded = atomic_load(&run->rows_loaded);
    bw_sync_spark_add(sync, wall_us, loaded - run->rows_charted);
    run->rows_charted = loaded;
}

static void push(float *history, double value)
{
    for (int i = 0; i + 1 < BW_HISTORY; i++)
        history[i] = history[i + 1];
    history[BW_HISTORY - 1] = (float)value;
}

void bw_engine_sample(bw_engine *e)
{
    int64_t now = bw_mono_us(e->clock);
    if (now < e->next_sample)
        return;
    e->next_sample = now + HISTORY_STEP;
    for (size_t i = 0; i < e->n_syncs; i++) {
        bw_sync *sync = e->syncs[i];
        /* With the runs that came and went between two samples. */
        int64_t rows = sync->ended_rows + (sync->run ? atomic_load(&sync->run->rows_read) : 0);
        int64_t more = rows > sync->sampled_rows ? rows - sync->sampled_rows : 0;
        push(sync->lag_history, sync->source_down ? NAN : bw_sync_lag_s(e, sync));
        push(sync->rate_history, (double)more / (HISTORY_STEP / BW_SECOND));
        sync->sampled_rows = rows;
    }
}

/* One sentence: why the state is what it is. */
static const char *reason(const bw_engine *e, bw_arena *a, const bw_sync *sync,
                          const bw_sync_view *v)
{
    char lag[BW_TIME_TEXT], target[BW_TIME_TEXT], at[BW_TIME_TEXT];
    bw_format_duration(isnan(v->lag_s) ? -1 : (int64_t)(v->lag_s * BW_SECOND), lag);
    bw_format_duration_exact(v->freshness_target_us, target);
    switch (v->state) {
    case BW_STATE_FAILED:
    case BW_STATE_DRIFT:
        return sync->error ? bw_arena_strdup(a, sync->error) : "the last run failed";
    case BW_STATE_PARKED:
        return bw_arena_printf(a, "parked until %s: %s",
                               bw_format_clock(sync->record.parked_until_us, true, at),
                               sync->record.parked_reason ? sync->record.parked_reason : "");
    case BW_STATE_PAUSED:
        return bw_arena_printf(a, "paused by %s",
                               sync->record.paused_by ? sync->record.paused_by : "an operator");
    case BW_STATE_UNKNOWN:
        if (sync->source_down)
            return "the source does not answer";
        if (v->progress.active)
            return "the first run is under way";
        return v->last_run_us == BW_TIME_NONE ? "has not run yet" : "nothing is committed yet";
    default:
        break;
    }
    (void)e;
    if (sync->held_back_by)
        return bw_arena_printf(a, "%s behind, target %s; held back by %s", lag, target,
                               sync->held_back_by);
    return bw_arena_printf(a, "%s behind, target %s", lag, target);
}

static const char *copy(bw_arena *a, const char *s)
{
    return s ? bw_arena_strdup(a, s) : NULL;
}

static void view_sync(bw_engine *e, bw_snapshot_box *box, bw_sync *sync, bw_sync_view *v)
{
    bw_arena *a = &box->arena;
    bw_table_score j = bw_sync_judge(e, sync);
    const bw_sync_record *r = &sync->record;
    bw_subscription_backlog backlog = bw_backlog_of(e->backlog, sync->def.name);
    *v = (bw_sync_view){
        .name = copy(a, sync->def.name),
        .source = copy(a, sync->def.source_name),
        .target = copy(a, sync->target),
        .mode = copy(a, sync->mode),
        .table = copy(a, sync->def.spec.table),
        .schedule = sync->def.schedule_text ? copy(a, sync->def.schedule_text) : "manual",
        .state = j.state,
        .health = j.health,
        .activity = j.activity,
        .freshness = j.freshness,
        .lag_s = sync->source_down ? NAN : bw_sync_lag_s(e, sync),
        .freshness_target_us = sync->def.freshness_target_us,
        .rows_per_s = NAN,
        .rows_total = r->rows_total,
        .last_success_us = r->last_success_us,
        .last_run_us = r->last_run_us,
        .next_run_us = r->paused ? BW_TIME_NONE : sync->next_due_us,
        .paused_by = !r->paused     ? NULL
                     : r->paused_by ? copy(a, r->paused_by)
                                    : "an operator",
        .watermark_us = r->watermark_us,
        .parked_until_us = r->parked_until_us,
        .dead_letters = sync->dead_letters,
        .null_cursors = r->null_cursors,
        .ahead_rows = r->ahead_rows,
        .stream = bw_sync_is_stream(&sync->def),
        .backlog = backlog.messages,
        .oldest_unacked_s = backlog.oldest_unacked_s,
        .backlog_at_us = backlog.messages_at_us,
        .deletes_seen = strcmp(sync->mode, "replace") == 0 || strcmp(sync->mode, "events") == 0,
        .failures = r->failures,
        .error = copy(a, sync->error),
        .hint = copy(a, sync->hint),
        .checkpoint = copy(a, r->checkpoint),
        .held_back_by = copy(a, sync->held_back_by),
        .slowed = copy(a, sync->slowed),
        .quota_left = sync->quota_left,
        .bytes_today = sync->bytes_today,
        .max_bytes_per_day = sync->def.max_bytes_per_day,
        .progress = {.rows_expected = NAN, .rows_per_s = NAN, .eta_us = BW_TIME_NONE},
    };
    if (sync->run)
        bw_sync_spark_run(sync, bw_wall_us(e->clock), sync->run);
    else
        bw_sync_spark_add(sync, bw_wall_us(e->clock), 0);
    memcpy(v->spark, sync->spark, sizeof(v->spark));
    memcpy(v->lag_history, sync->lag_history, sizeof(v->lag_history));
    memcpy(v->rate_history, sync->rate_history, sizeof(v->rate_history));
    if (sync->run) {
        bw_run_progress(sync->run, a, &v->progress);
        v->rows_per_s = v->progress.rows_per_s;
    }
    if (sync->detail) {
        box->details[box->n_details++] = bw_detail_box_ref(sync->detail);
        v->detail = &sync->detail->detail;
    }
    v->reason = reason(e, a, sync, v);
}

static void view_sources(bw_engine *e, bw_snapshot_box *box)
{
    bw_source_view *views = BW_ARENA_ARRAY(&box->arena, bw_source_view, e->n_sources + 1);
    for (size_t i = 0; i < e->n_sources; i++) {
        const bw_source_info *info = &e->sources[i];
        views[i] = (bw_source_view){
            .name = info->name,
            .kind = info->kind,
            .where = info->where,
            .state = info->state,
            .version = copy(&box->arena, info->version),
            .latency_us = info->latency_us,
            .last_ok_us = info->last_ok_us,
            .error = info->error[0] ? copy(&box->arena, info->error) : NULL,
        };
        for (size_t k = 0; k < box->snapshot.n_syncs; k++) {
            const bw_sync_view *v = &box->snapshot.syncs[k];
            if (strcmp(v->source, info->name) != 0)
                continue;
            views[i].syncs++;
            views[i].failing += v->state == BW_STATE_FAILED || v->state == BW_STATE_DRIFT;
        }
    }
    box->snapshot.sources = views;
    box->snapshot.n_sources = e->n_sources;
}

static void sum_up(bw_snapshot *s)
{
    s->worst_lag_s = NAN;
    s->quota_left = NAN;
    for (size_t i = 0; i < s->n_syncs; i++) {
        const bw_sync_view *v = &s->syncs[i];
        s->by_state[v->state]++;
        s->running += v->progress.active;
        if (v->dead_letters > 0)
            s->dead_letters += v->dead_letters;
        if (!isnan(v->lag_s) && !(v->lag_s <= s->worst_lag_s))
            s->worst_lag_s = v->lag_s;
        if (!isnan(v->quota_left) && !(v->quota_left >= s->quota_left))
            s->quota_left = v->quota_left;
    }
}

/* A pattern that was expanded stands for its tables and is not shown itself. */
static bool shown(const bw_sync *sync)
{
    return !sync->def.pattern || sync->failed || !sync->ran;
}

/* What keeps the engine from all of its work, in a sentence. */
static const char *engine_note(bw_engine *e, bw_arena *a)
{
    char text[512];
    if (e->note)
        return copy(a, e->note);
    return bw_intake_problem(e->intake, text, sizeof(text)) ? copy(a, text) : NULL;
}

void bw_engine_publish(bw_engine *e)
{
    int64_t now = bw_mono_us(e->clock);
    if (!e->changed && now < e->next_publish)
        return;
    e->changed = false;
    e->next_publish = now + BW_SECOND;
    bw_snapshot_box *box = bw_snapshot_box_new();
    bw_snapshot *s = &box->snapshot;
    *s = (bw_snapshot){
        .seq = ++e->snapshot_seq,
        .mono_us = now,
        .wall_us = bw_wall_us(e->clock),
        .version = BW_VERSION,
        .state_dir = copy(&box->arena, e->options.state_dir),
        .engine_state = atomic_load(&e->stopped)    ? "stopped"
                        : atomic_load(&e->stopping) ? "stopping"
                        : e->workers                ? "running"
                                                    : "starting",
        .engine_note = engine_note(e, &box->arena),
        .read_only = e->options.read_only,
        .dead_letters_remote = bw_intake_remote_letters(e->intake),
    };
    bw_sync_view *views = BW_ARENA_ARRAY(&box->arena, bw_sync_view, e->n_syncs + 1);
    box->details = BW_ARENA_ARRAY(&box->arena, bw_detail_box *, e->n_syncs + 1);
    s->syncs = views;
    for (size_t i = 0; i < e->n_syncs; i++) {
        if (shown(e->syncs[i]))
            view_sync(e, box, e->syncs[i], &views[s->n_syncs++]);
    }
    view_sources(e, box);
    sum_up(s);
    pthread_mutex_lock(&e->mu);
    bw_snapshot_box *old = e->snapshot;
    e->snapshot = box;
    pthread_mutex_unlock(&e->mu);
    if (old)
        bw_snapshot_unref(&old->snapshot);
    eventfd_write(e->ui_wake, 1);
}

void bw_engine_tell(bw_engine *e, const bw_news *news)
{
    pthread_mutex_lock(&e->mu);
    if (e->n_events == BW_EVENTS) { /* nobody listens: the oldest news goes */
        e->first_event = (e->first_event + 1) % BW_EVENTS;
        e->n_events--;
    }
    e->events[(e->first_event + e->n_events++) % BW_EVENTS] = *news;
    pthread_mutex_unlock(&e->mu);
    eventfd_write(e->ui_wake, 1);
}
