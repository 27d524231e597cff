/* What runs when: the syncs, their due times, the runs that are started and the results that come
   back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/engine/engine_internal.h"
#include "backend/engine/limits.h"

#define RETRY_FIRST  (5 * BW_SECOND)
#define RETRY_MOST   (5 * BW_MINUTE)
#define EXPAND_AGAIN (10 * BW_MINUTE)

/* ---- the list of syncs ------------------------------------------------------------------ */

static int64_t first_due(bw_engine *e, bw_sync *sync)
{
    const bw_schedule *s = sync->def.schedule;
    int64_t now = bw_wall_us(e->clock), last = sync->record.last_run_us;
    sync->slowed = NULL;
    if (sync->def.pattern)
        return now;
    if (!s || s->kind == BW_SCHEDULE_MANUAL)
        return BW_TIME_NONE;
    if (last == BW_TIME_NONE)
        return s->kind == BW_SCHEDULE_EVERY ? now : bw_schedule_next(s, now);
    int64_t due = bw_sync_pace_bytes(e, sync, last, bw_schedule_next(s, last), 0);
    return due != BW_TIME_NONE && due < now ? now : due; /* what was missed while nobody ran */
}

/* With `once`: whether the sync was asked for, by its name or its pattern's. A pattern has to be
   expanded when a name may be one of its tables'. */
static bool selected(const bw_engine *e, const bw_sync_def *def)
{
    size_t n = strlen(def->source_name);
    if (e->options.n_only == 0)
        return true;
    for (size_t i = 0; i < e->options.n_only; i++) {
        const char *only = e->options.only[i];
        if (strcmp(only, def->name) == 0 || bw_glob_match(only, def->name))
            return true;
        if (def->pattern && strncmp(only, def->source_name, n) == 0 && only[n] == '.')
            return true;
    }
    return false;
}

static void read_quota(bw_engine *e, bw_sync *sync)
{
    bw_error err = BW_ERROR_INIT;
    int64_t sum, oldest,
        limit = sync->partitioned ? BW_PARTITION_MODIFICATIONS : BW_TABLE_MODIFICATIONS;
    if (sync->record.target && bw_store_booked(e->store, "modifications", sync->record.target, &sum,
                                               &oldest, &err) == BW_OK)
        sync->quota_left = sum >= limit ? 0 : 1 - (double)sum / (double)limit;
    if (bw_store_booked(e->store, "bytes", sync->def.name, &sum, &oldest, &err) == BW_OK)
        sync->bytes_today = sum;
}

static void add_sync(bw_engine *e, const bw_sync_def *def, size_t order)
{
    bw_sync *sync = bw_xcalloc(1, sizeof(*sync));
    sync->def = *def;
    for (size_t i = 0; i < e->n_syncs && !sync->def.rival; i++) {
        if (bw_sync_defs_clash(&e->syncs[i]->def, def))
            sync->def.rival = e->syncs[i]->def.name;
    }
    sync->order = order;
    sync->dead_letters = -1;
    sync->quota_left = NAN;
    sync->partitioned = def->target.partition_field != NULL;
    for (int i = 0; i < BW_HISTORY; i++)
        sync->lag_history[i] = sync->rate_history[i] = NAN;
    bw_sync_reload(e, sync);
    sync->source_offset_us = sync->record.source_offset_us;
    read_quota(e, sync);
    sync->next_due_us = first_due(e, sync);
    if (e->options.once) {
        /* What an operator paused stays paused, unless it is asked for by its name. */
        bool held = e->options.n_only == 0 &&
                    (sync->record.paused || sync->record.parked_until_us > bw_wall_us(e->clock));
        sync->skipped = (held && !def->pattern) || !selected(e, def);
        if (held && !def->pattern)
            bw_log(BW_LOG_INFO, def->name, "left out: it is %s; `bridgewatch resume` ends that",
                   sync->record.paused ? "paused" : "parked");
        sync->next_due_us = sync->skipped ? BW_TIME_NONE : bw_wall_us(e->clock);
    } else if (e->options.observe && !def->pattern) {
        sync->next_due_us = BW_TIME_NONE;
    }
    BW_GROW(e->syncs, e->n_syncs + 1, e->syncs_cap);
    size_t at = e->n_syncs++;
    for (; at > 0 && e->syncs[at - 1]->order > order; at--)
        e->syncs[at] = e->syncs[at - 1];
    e->syncs[at] = sync;
    e->changed = true;
}

static const char *where_of(bw_arena *a, const bw_config_node *node)
{
    static const char *const parts[] = {"project", "host", "database"};
    const char *text = "";
    for (size_t i = 0; i < BW_COUNT(parts); i++) {
        bool known = false;
        for (size_t k = 0; k < bw_config_node_count(node); k++)
            known |= strcmp(bw_config_node_setting(node, k)->path, parts[i]) == 0;
        const char *value = known ? bw_config_string(node, parts[i]) : NULL;
        if (value)
            text = text[0] ? bw_arena_printf(a, "%s/%s", text, value) : bw_arena_strdup(a, value);
    }
    return text;
}

bw_status bw_engine_load_syncs(bw_engine *e, bw_error *err)
{
    bw_sync_def *defs;
    size_t n;
    bw_status s = bw_sync_defs_read(e->options.config, &e->arena, &defs, &n, err);
    if (s != BW_OK)
        return s;
    for (size_t i = 0; i < n; i++)
        add_sync(e, &defs[i], i);
    e->n_sources = bw_config_count(e->options.config, "sources");
    e->sources = BW_ARENA_ARRAY(&e->arena, bw_source_info, e->n_sources + 1);
    for (size_t i = 0; i < e->n_sources; i++) {
        const bw_config_node *node = bw_config_at(e->options.config, "sources", i);
        e->sources[i] = (bw_source_info){
            .name = bw_config_node_name(node),
            .kind = bw_config_string(node, "type"),
            .where = where_of(&e->arena, node),
            .latency_us = BW_TIME_NONE,
            .last_ok_us = BW_TIME_NONE,
        };
    }
    return BW_OK;
}

static void free_pending(bw_pending *p)
{
    bw_arena_fini(&p->arena);
    free(p);
}

static void free_sync(bw_sync *sync)
{
    for (size_t i = 0; i < sync->n_pending; i++)
        free_pending(sync->pending[i]);
    free(sync->pending);
    bw_kept_drop(&sync->kept);
    bw_detail_box_unref(sync->detail);
    bw_arena_fini(&sync->arena);
    bw_arena_fini(&sync->last_arena);
    bw_arena_fini(&sync->def_arena);
    free(sync);
}

void bw_engine_free_syncs(bw_engine *e)
{
    for (size_t i = 0; i < e->n_syncs; i++)
        free_sync(e->syncs[i]);
    free(e->syncs);
}

bw_sync *bw_engine_find(bw_engine *e, const char *name)
{
    for (size_t i = 0; i < e->n_syncs; i++) {
        if (strcmp(e->syncs[i]->def.name, name) == 0)
            return e->syncs[i];
    }
    return NULL;
}

void bw_sync_reload(bw_engine *e, bw_sync *sync)
{
    bw_error err = BW_ERROR_INIT;
    bw_arena fresh = BW_ARENA_INIT;
    bw_sync_record record;
    bool found = false;
    if (bw_store_sync_get(e->store, sync->def.name, &fresh, &record, &found, &err) != BW_OK) {
        bw_log_error(BW_LOG_WARN, sync->def.name, &err);
        if (sync->record.name) { /* what is known is better than nothing: it may be paused */
            bw_arena_fini(&fresh);
            return;
        }
    }
    if (!found) {
        record = (bw_sync_record){
            .name = sync->def.name,
            .watermark_us = BW_TIME_NONE,
            .last_success_us = BW_TIME_NONE,
            .last_run_us = BW_TIME_NONE,
            .next_run_us = BW_TIME_NONE,
            .parked_until_us = BW_TIME_NONE,
            .freshness = NAN,
            .lag_s = NAN,
            .null_cursors = -1,
            .ahead_rows = -1,
            .source_offset_us = BW_TIME_NONE,
            .next_batch = 1,
        };
    }
    bw_arena_fini(&sync->arena);
    sync->arena = fresh;
    sync->record = record;
    sync->mode = record.mode ? record.mode : bw_sync_mode_name(sync->def.mode);
    sync->target = record.target ? record.target
                   : sync->def.target.table
                       ? bw_arena_printf(&sync->arena, "%s.%s", sync->def.target.dataset,
                                         sync->def.target.table)
                       : sync->def.target.dataset;
    sync->error = record.error;
    sync->hint = record.hint;
    sync->slowed = record.slowed;
    sync->failed = record.error != NULL;
}

void bw_engine_count_letters(bw_engine *e)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_letter_group *groups;
    size_t n;
    if (bw_store_letter_groups(e->store, NULL, &arena, &groups, &n, &err) == BW_OK) {
        for (size_t i = 0; i < e->n_syncs; i++)
            e->syncs[i]->dead_letters = 0;
        for (size_t i = 0; i < n; i++) {
            bw_sync *sync = bw_engine_find(e, groups[i].sync);
            if (sync)
                sync->dead_letters += groups[i].count;
        }
    } else {
        bw_log_error(BW_LOG_WARN, "store", &err);
    }
    bw_arena_fini(&arena);
}

/* ---- starting --------------------------------------------------------------------------- */

bw_pending *bw_sync_ask(bw_sync *sync, const bw_ask *ask)
{
    bw_pending *p = bw_xcalloc(1, sizeof(*p));
    p->ask = *ask;
    p->ask.who = bw_arena_strdup(&p->arena, ask->who ? ask->who : "");
    BW_GROW(sync->pending, sync->n_pending + 1, sync->pending_cap);
    sync->pending[sync->n_pending++] = p;
    return p;
}

static void start(bw_engine *e, bw_sync *sync, bw_pending *p)
{
    bw_run *run = bw_run_new(&e->run_env, &sync->def);
    if (p) {
        run->ask = p->ask;
        run->ask.kind = sync->def.pattern ? BW_RUN_EXPAND : p->ask.kind;
        run->drain = true;     /* what was asked for is over when nothing is left */
        run->arena = p->arena; /* the request's strings live as long as the run */
        free(p);
    }
    run->drain |= e->options.once;
    run->kept = &sync->kept;
    sync->run = run;
    sync->seen_commits = 0;
    e->changed = true;
    bw_workers_put(e->workers, run);
}

size_t bw_sync_withdraw(bw_engine *e, bw_sync *sync, const char *words)
{
    size_t n = sync->n_pending;
    bw_run *run = sync->run;
    for (size_t i = 0; i < n; i++) {
        if (sync->pending[i]->ask.command)
            bw_engine_tracked_withdrawn(e, sync->pending[i]->ask.command, words);
        free_pending(sync->pending[i]);
    }
    sync->n_pending = 0;
    if (!run || !bw_workers_withdraw(e->workers, run))
        return n;
    if (run->ask.command)
        bw_engine_tracked_withdrawn(e, run->ask.command, words);
    sync->run = NULL;
    bw_run_free(run);
    e->changed = true;
    return n + 1;
}

void bw_engine_start_due(bw_engine *e)
{
    int64_t now = bw_wall_us(e->clock);
    /* Without a terminal and with `once` nobody waits for better times: the run says what is wrong. */
    if ((e->note && !e->options.once) || atomic_load(&e->stopping))
        return;
    for (size_t i = 0; i < e->n_syncs; i++) {
        bw_sync *sync = e->syncs[i];
        if (sync->run) {
            if (sync->n_pending > 0 && bw_sync_is_stream(&sync->def))
                bw_run_yield(sync->run);
            continue;
        }
        if (sync->n_pending > 0) {
            bw_pending *p = sync->pending[0];
            sync->n_pending--;
            for (size_t k = 0; k < sync->n_pending; k++)
                sync->pending[k] = sync->pending[k + 1];
            start(e, sync, p);
            continue;
        }
        bool parked =
            sync->record.parked_until_us != BW_TIME_NONE && sync->record.parked_until_us > now;
        if (sync->next_due_us == BW_TIME_NONE || sync->next_due_us > now ||
            (sync->record.paused && !e->options.once) || parked)
            continue;
        start(e, sync, NULL);
    }
}

int64_t bw_engine_next_due(const bw_engine *e)
{
    int64_t due = BW_FOREVER;
    for (size_t i = 0; i < e->n_syncs; i++) {
        const bw_sync *sync = e->syncs[i];
        int64_t at = sync->next_due_us;
        if (sync->run || at == BW_TIME_NONE || sync->record.paused)
            continue;
        if (sync->record.parked_until_us != BW_TIME_NONE && sync->record.parked_until_us > at)
            at = sync->record.parked_until_us;
        due = at < due ? at : due;
    }
    return due;
}

/* ---- results ---------------------------------------------------------------------------- */

static int64_t retry_delay(int failures)
{
    int64_t delay = RETRY_FIRST;
    for (int i = 1; i < failures && delay < RETRY_MOST; i++)
        delay *= 2;
    return delay < RETRY_MOST ? delay : RETRY_MOST;
}

static void plan_next(bw_engine *e, bw_sync *sync, const bw_run *run)
{
    int64_t now = bw_wall_us(e->clock);
    const bw_schedule *s = sync->def.schedule;
    bool follows = run->ask.kind == BW_RUN_SYNC &&
                   (run->ask.read == BW_READ_INCREMENTAL || run->ask.read == BW_READ_FULL);
    if (!follows && !e->options.once)
        return; /* single rows: what is due stays due */
    if (e->options.once || e->options.observe || !s || s->kind == BW_SCHEDULE_MANUAL) {
        sync->next_due_us = BW_TIME_NONE;
    } else {
        /* After a cancel nothing begins at once, however long the run was. */
        bool from_start = s->kind == BW_SCHEDULE_EVERY && run->status != BW_CANCELLED;
        bool stream = bw_sync_is_stream(&sync->def);
        int64_t from = from_start ? run->record.started_us : now;
        sync->next_due_us =
            bw_sync_pace(e, sync, from, bw_schedule_next(s, from), run->bytes_refused);
        if (sync->next_due_us != BW_TIME_NONE &&
            (sync->next_due_us < now || (stream && run->status == BW_OK)))
            sync->next_due_us = now;
    }
    bool scheduled = sync->next_due_us != BW_TIME_NONE;
    if (scheduled && run->status != BW_OK && run->error.retryable && run->status != BW_QUOTA) {
        int64_t retry = now + retry_delay(sync->record.failures);
        if (retry < sync->next_due_us)
            sync->next_due_us = retry;
    }
}

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

static void take_expansion(bw_engine *e, bw_sync *pattern, const bw_run *run)
{
    int failures = pattern->record.failures;
    bw_sync_reload(e, pattern);
    for (size_t i = 0; i < run->n_tables; i++) {
        bw_arena arena = BW_ARENA_INIT;
        bw_sync_def def;
        if (bw_sync_def_excludes(&pattern->def, run->tables[i]))
            continue;
        bw_sync_def_expand(&pattern->def, run->tables[i], &arena, &def);
        if (is_stated(e, &def)) {
            bw_arena_fini(&arena); /* known, or stated by an entry of its own */
            continue;
        }
        add_sync(e, &def, pattern->order);
        bw_engine_find(e, def.name)->def_arena = arena;
    }
    pattern->next_due_us =
        e->options.once && run->status == BW_OK
            ? BW_TIME_NONE
            : bw_wall_us(e->clock) +
                  (run->status == BW_OK ? EXPAND_AGAIN : retry_delay(failures + 1));
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
        read_quota(e, sync);
        take_clock(sync, run);
        take_detail(sync, run);
        if (source_of(e, sync))
            source_answered(source_of(e, sync), run, bw_wall_us(e->clock));
        put_record(e, sync);
        e->changed = true;
    }
}

void bw_sync_release(bw_sync *sync)
{
    if (sync->record.paused && !sync->run && sync->ran && strcmp(sync->last.state, "ok") != 0)
        bw_kept_drop(&sync->kept);
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
    read_quota(e, sync);
    if (run->wants_full && !e->options.read_only)
        bw_sync_ask(sync, &(bw_ask){.kind = BW_RUN_SYNC,
                                    .read = BW_READ_FULL,
                                    .trigger = "drift",
                                    .who = "engine"});
    plan_next(e, sync, run);
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
