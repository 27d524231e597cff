/* The list of syncs: read from the configuration, with what the store remembers of each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/engine/engine_internal.h"
#include "backend/engine/limits.h"

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

void bw_sync_read_quota(bw_engine *e, bw_sync *sync)
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

void bw_engine_add_sync(bw_engine *e, const bw_sync_def *def, size_t order)
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
    bw_sync_read_quota(e, sync);
    sync->next_due_us = bw_sync_first_due(e, sync);
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
        const char *value =
            bw_config_knows(node, parts[i]) ? bw_config_string(node, parts[i]) : NULL;
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
        bw_engine_add_sync(e, &defs[i], i);
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

static void free_sync(bw_sync *sync)
{
    for (size_t i = 0; i < sync->n_pending; i++)
        bw_pending_free(sync->pending[i]);
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

void bw_sync_release(bw_sync *sync)
{
    if (sync->record.paused && !sync->run && sync->kept.holds)
        bw_kept_drop(&sync->kept);
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
