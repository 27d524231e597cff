/* The two ends of a run: the source is opened and the table described, the target made to fit. */
#include <stdlib.h>

#include <jansson.h>

#include "backend/engine/events_stage.h"
#include "backend/engine/run_internal.h"

static void fill_target_spec(bw_run_work *w)
{
    bw_sync_target_spec(w->run->def, w->mode, &w->info, bw_store_id(w->run->env.store),
                        &w->target_spec);
    w->target_spec.take_over = w->run->ask.take_over;
}

bw_status bw_run_open_source(bw_run_work *w, bw_error *err)
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

bw_status bw_run_prepare(bw_run_work *w, bw_error *err)
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
