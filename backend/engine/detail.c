/* What a run learned of its table, for the Sync screen. */
#include <math.h>
#include <stdlib.h>

#include "backend/engine/run_internal.h"

bw_detail_box *bw_detail_box_new(void)
{
    bw_detail_box *box = bw_xcalloc(1, sizeof(*box));
    atomic_init(&box->refs, 1);
    return box;
}

bw_detail_box *bw_detail_box_ref(bw_detail_box *box)
{
    if (box)
        atomic_fetch_add(&box->refs, 1);
    return box;
}

void bw_detail_box_unref(bw_detail_box *box)
{
    if (!box || atomic_fetch_sub(&box->refs, 1) > 1)
        return;
    bw_arena_fini(&box->arena);
    free(box);
}

static const bw_drift *drift_of(const bw_target *target, const char *column)
{
    for (size_t i = 0; i < target->n_drift; i++) {
        if (strcmp(target->drift[i].column, column) == 0)
            return &target->drift[i];
    }
    return NULL;
}

static const char *drift_text(bw_arena *a, const bw_drift *d)
{
    return d ? bw_arena_printf(a, "%s: %s", bw_drift_kind_name(d->kind), d->consequence) : NULL;
}

static void add_columns(bw_run_work *w, bw_arena *a, bw_sync_detail *out)
{
    const bw_schema *schema = &w->info.schema;
    bw_column_view *columns = BW_ARENA_ARRAY(a, bw_column_view, schema->count + w->target.n_drift);
    size_t n = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const bw_field *f = &schema->fields[i];
        const bw_drift *d = drift_of(&w->target, f->name);
        columns[n++] = (bw_column_view){
            .source_name = bw_arena_strdup(a, f->source_name),
            .source_type = bw_arena_strdup(a, f->source_type ? f->source_type : ""),
            .name = bw_arena_strdup(a, f->name),
            .type = d && d->kind == BW_DRIFT_NOT_ADDED
                        ? ""
                        : bw_arena_strdup(a, bw_field_type_text(f, a)),
            .key_part = f->key_part,
            .cursor = (int)i == w->info.cursor,
            .required = f->required,
            .drift = drift_text(a, d),
        };
    }
    for (size_t i = 0; i < w->target.n_drift; i++) {
        const bw_drift *d = &w->target.drift[i];
        if (d->kind != BW_DRIFT_DROPPED)
            continue;
        columns[n++] = (bw_column_view){
            .source_name = "",
            .source_type = "",
            .name = bw_arena_strdup(a, d->column),
            .type = bw_arena_strdup(a, d->target_side),
            .drift = drift_text(a, d),
        };
    }
    out->columns = columns;
    out->n_columns = n;
}

void bw_run_make_detail(bw_run_work *w)
{
    bw_detail_box *box = bw_detail_box_new();
    bw_arena *a = &box->arena;
    bw_sync_detail *out = &box->detail;
    const bw_table_info *info = &w->info;
    const bw_sync_def *def = w->run->def;
    *out = (bw_sync_detail){
        .record_confidence = NAN, .record_completeness = NAN, .record_anomaly = NAN};
    out->key_origin = bw_arena_strdup(a, info->key_origin ? info->key_origin : "");
    out->cursor_origin = bw_arena_strdup(a, info->cursor_origin ? info->cursor_origin : "");
    out->cursor_name = info->cursor >= 0
                           ? bw_arena_strdup(a, info->schema.fields[info->cursor].source_name)
                           : NULL;
    add_columns(w, a, out);
    const char **notes = BW_ARENA_ARRAY(a, const char *, info->n_warnings + w->target.n_drift + 2);
    for (size_t i = 0; i < info->n_warnings; i++)
        notes[out->n_notes++] = bw_arena_strdup(a, info->warnings[i]);
    for (size_t i = 0; i < w->target.n_drift; i++) {
        const bw_drift *d = &w->target.drift[i];
        notes[out->n_notes++] = bw_arena_printf(a, "column %s %s: %s", d->column,
                                                bw_drift_kind_name(d->kind), d->consequence);
    }
    if (w->mode == BW_MODE_REPLACE && def->mode == BW_MODE_AUTO)
        notes[out->n_notes++] =
            bw_arena_printf(a, "replaced whole on every run: %s",
                            info->n_key == 0 ? out->key_origin : out->cursor_origin);
    out->notes = notes;
    bw_run_list_unfilled(w, a, out);
    const char **settings = BW_ARENA_ARRAY(a, const char *, def->n_settings);
    for (size_t i = 0; i < def->n_settings; i++)
        settings[i] = bw_arena_strdup(a, def->settings[i]);
    out->settings = settings;
    out->n_settings = def->n_settings;
    if (w->scorer)
        bw_scorer_report(w->scorer, a, out);
    pthread_mutex_lock(&w->run->mu);
    bw_detail_box *old = w->run->detail;
    w->run->detail = box;
    pthread_mutex_unlock(&w->run->mu);
    bw_detail_box_unref(old);
}

bw_detail_box *bw_run_detail(bw_run *run)
{
    pthread_mutex_lock(&run->mu);
    bw_detail_box *box = bw_detail_box_ref(run->detail);
    pthread_mutex_unlock(&run->mu);
    return box;
}
