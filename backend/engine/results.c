/* The results of runs: what they change of their syncs, of their sources and of what comes next. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/core/log.h"
#include "backend/core/units.h"
#include "backend/engine/engine_internal.h"
#include "backend/engine/events_stage.h"

#define EXPAND_AGAIN (10 * BW_MINUTE)

static bw_source_info *source_of(bw_engine *e, const bw_sync *sync)
{
    for (size_t i = 0; i < e->n_sources; i++) {
        if (strcmp(e->sources[i].name, sync->def.source_name) == 0)
            return &e->sources[i];
    }
    return NULL;
}

static void source_answered(bw_source_info *info, const bw_run *run, int64_t at_us)
{
    info->state = BW_SOURCE_UP;
    info->latency_us = run->source_status.latency_us;
    info->last_ok_us = at_us;
    info->error[0] = '\0';
    snprintf(info->version, sizeof(info->version), "%s",
             run->source_status.version ? run->source_status.version : "");
}

static void note_source(bw_engine *e, const bw_sync *sync, const bw_run *run)
{
    bw_source_info *info = source_of(e, sync);
    if (info && run->source_answered) {
        source_answered(info, run, run->record.ended_us);
    } else if (info && run->source_asked && run->status != BW_OK && run->status != BW_CANCELLED) {
        info->state = BW_SOURCE_DOWN;
        snprintf(info->error, sizeof(info->error), "%.*s", (int)sizeof(info->error) - 1,
                 run->error.message);
    }
}

/* Whether an entry of the configuration names the table, under whatever name. */
static bool is_stated(bw_engine *e, const bw_sync_def *def)
{
    for (size_t i = 0; i < e->n_syncs; i++) {
        if (bw_sync_defs_same_table(&e->syncs[i]->def, def))
            return true;
    }
    return bw_engine_find(e, def->name) != NULL;
}

/* Adds the sync of one table unless it is known, or stated by an entry of its own. */
static void add_expanded(bw_engine *e, const bw_sync *pattern, const char *table, bool has_written)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_sync_def def;
    if (bw_sync_def_excludes(&pattern->def, table) ||
        (bw_sync_is_stream(&pattern->def) &&
         bw_subscription_is_collected(e->options.config, pattern->def.source_node, table)))
        return;
    bw_sync_def_expand(&pattern->def, table, &arena, &def);
    if (is_stated(e, &def) || bw_store_sync_has_written(e->store, def.name) != has_written) {
        bw_arena_fini(&arena);
        return;
    }
    bw_engine_add_sync(e, &def, pattern->order);
    bw_engine_find(e, def.name)->def_arena = arena;
}

/* Of two whose targets have one name, "a-b" and "a b", the one that is there first has it: a table that
   is new at the source must not write into the target of another. */
static void take_expansion(bw_engine *e, bw_sync *pattern, const bw_run *run)
{
    int failures = pattern->record.failures;
    bw_sync_reload(e, pattern);
    for (size_t i = 0; i < run->n_tables; i++)
        add_expanded(e, pattern, run->tables[i], true);
    for (size_t i = 0; i < run->n_tables; i++)
        add_expanded(e, pattern, run->tables[i], false);
    pattern->next_due_us =
        e->options.once && run->status == BW_OK
            ? BW_TIME_NONE
            : bw_wall_us(e->clock) +
                  (run->status == BW_OK ? EXPAND_AGAIN : bw_engine_retry_delay(failures + 1));
    if (e->options.once && run->status != BW_OK)
        pattern->next_due_us = BW_TIME_NONE;
    pattern->record.failures = run->status == BW_OK ? 0 : failures + 1;
    pattern->failed = run->status != BW_OK;
    if (run->status != BW_OK) {
        pattern->error = bw_arena_strdup(&pattern->arena, run->error.message);
        pattern->hint = bw_arena_strdup(&pattern->arena, run->error.hint);
    }
}

static void remember(bw_sync *sync, const bw_run *run)
{
    bw_arena *a = &sync->last_arena;
    bw_arena_reset(a, 64 * 1024);
    sync->last = run->record;
    sync->last.sync = sync->def.name;
    sync->last.mode = bw_arena_strdup(a, run->record.mode ? run->record.mode : "");
    sync->last.error = run->record.error ? bw_arena_strdup(a, run->record.error) : NULL;
    sync->last.hint = run->record.hint ? bw_arena_strdup(a, run->record.hint) : NULL;
    sync->last.checkpoint =
        run->record.checkpoint ? bw_arena_strdup(a, run->record.checkpoint) : NULL;
    sync->ran = true;
}

/* Facts that status shows without an engine. */
static void put_record(bw_engine *e, bw_sync *sync)
{
    bw_error err = BW_ERROR_INIT;
    bw_sync_record r = sync->record;
    r.name = sync->def.name;
    r.source = sync->def.source_name;
    r.target = sync->target;
    r.mode = sync->mode;
    r.state = bw_sync_state_name(bw_sync_judge(e, sync).state);
    r.freshness = bw_sync_judge(e, sync).freshness;
    r.next_run_us = r.paused ? BW_TIME_NONE : sync->next_due_us;
    r.slowed = sync->slowed;
    r.source_offset_us = sync->source_offset_us;
    r.freshness_target_us = sync->def.freshness_target_us;
    r.lag_s = sync->source_down ? NAN : bw_sync_lag_s(e, sync);
    if (bw_store_sync_put(e->store, &r, &err) != BW_OK)
        bw_log_error(BW_LOG_WARN, sync->def.name, &err);
}

static void park(bw_engine *e, bw_sync *sync, const bw_run *run)
{
    bw_error err = BW_ERROR_INIT;
    double wait = run->error.retry_after_s > 0 ? run->error.retry_after_s : 600;
    int64_t until = bw_wall_us(e->clock) + (int64_t)(wait * BW_SECOND);
    if (bw_store_sync_park(e->store, sync->def.name, until, run->error.message, &err) != BW_OK)
        bw_log_error(BW_LOG_WARN, sync->def.name, &err);
}

/* A run that was asked for in spite of it has shown that what it waits for is over. */
static void end_parking(bw_engine *e, const bw_sync *sync, bw_run *run)
{
    bw_error err = BW_ERROR_INIT;
    int64_t until = sync->record.parked_until_us;
    if (until == BW_TIME_NONE)
        return;
    if (bw_store_sync_park(e->store, sync->def.name, BW_TIME_NONE, NULL, &err) != BW_OK) {
        bw_log_error(BW_LOG_WARN, sync->def.name, &err);
        return;
    }
    run->unparked = until > bw_wall_us(e->clock);
    if (run->unparked)
        bw_log(BW_LOG_INFO, sync->def.name, "no longer parked: a run ended well");
}

static void take_detail(bw_sync *sync, bw_run *run)
{
    bw_detail_box *box = bw_run_detail(run);
    if (!box)
        return;
    bw_detail_box_unref(sync->detail);
    sync->detail = box;
}

/* What a source that did not say its time was known to be apart from ours stays known. */
static void take_clock(bw_sync *sync, const bw_run *run)
{
    if (run->source_offset_us != BW_TIME_NONE)
        sync->source_offset_us = run->source_offset_us;
}

void bw_engine_refresh_streams(bw_engine *e)
{
    for (size_t i = 0; i < e->n_syncs; i++) {
        bw_sync *sync = e->syncs[i];
        bw_run *run = sync->run;
        int64_t commits = run ? atomic_load(&run->commits) : 0;
        if (!run || !bw_sync_is_stream(&sync->def) || commits == sync->seen_commits)
            continue;
        sync->seen_commits = commits;
        sync->source_down = sync->drift = false;
        bool failed = sync->error != NULL;
        bw_sync_reload(e, sync);
        if (failed && !sync->error)
            bw_sync_tell_well(e, sync);
        bw_sync_read_quota(e, sync);
        take_clock(sync, run);
        take_detail(sync, run);
        if (source_of(e, sync))
            source_answered(source_of(e, sync), run, bw_wall_us(e->clock));
        put_record(e, sync);
        e->changed = true;
    }
}

static void take_result(bw_engine *e, bw_sync *sync, bw_run *run)
{
    sync->run = NULL;
    sync->ended_rows += atomic_load(&run->rows_read);
    note_source(e, sync, run);
    const char *before = sync->error ? bw_arena_strdup(&run->arena, sync->error) : NULL;
    if (run->ask.kind == BW_RUN_EXPAND) {
        take_expansion(e, sync, run);
        remember(sync, run);
        bw_sync_report(e, sync, before, run);
        return;
    }
    sync->drift = run->drift_stops;
    sync->source_down = run->source_asked && !run->source_answered && run->status != BW_OK &&
                        run->status != BW_CANCELLED;
    take_clock(sync, run);
    take_detail(sync, run);
    if (run->status == BW_QUOTA && run->bytes_refused == 0) /* else the next run is put off */
        park(e, sync, run);
    else if (run->status == BW_OK && run->ask.kind == BW_RUN_SYNC)
        end_parking(e, sync, run);
    bw_sync_spark_run(sync, bw_wall_us(e->clock), run);
    remember(sync, run);
    bw_sync_reload(e, sync);
    bw_sync_release(sync);
    if (run->target)
        sync->target = bw_arena_strdup(&sync->arena, run->target);
    if (run->mode)
        sync->mode = run->mode;
    sync->held_back_by =
        run->end.held_back_by ? bw_arena_strdup(&sync->arena, run->end.held_back_by) : NULL;
    if (run->target) {
        sync->record.target = sync->target;
        sync->partitioned = run->partitioned;
    }
    bw_sync_read_quota(e, sync);
    if (run->wants_full && !e->options.read_only)
        bw_sync_ask(sync, &(bw_ask){.kind = BW_RUN_SYNC,
                                    .read = BW_READ_FULL,
                                    .trigger = "drift",
                                    .who = "engine"});
    bw_sync_plan_next(e, sync, run);
    put_record(e, sync);
    bw_sync_report(e, sync, before, run);
}

void bw_engine_take_results(bw_engine *e)
{
    bw_run *run;
    bool any = false;
    while ((run = bw_workers_take(e->workers))) {
        for (size_t i = 0; i < e->n_syncs; i++) {
            if (e->syncs[i]->run == run) {
                take_result(e, e->syncs[i], run);
                bw_sync_begin_again(e, e->syncs[i], run);
                break;
            }
        }
        if (run->ask.command)
            bw_engine_tracked_done(e, run->ask.command, run);
        bw_run_free(run);
        any = true;
    }
    if (any) {
        bw_engine_count_letters(e);
        e->changed = true;
    }
}
