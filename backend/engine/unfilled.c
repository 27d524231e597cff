/*
 * Columns that were added to a target which held rows already: a default does not touch the cursor,
 * so the older rows have NULL there until they change or a full resync fills them. That is said on
 * the screen until then, so it outlives the run that added the column and the process.
 */
#include <jansson.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/core/units.h"
#include "backend/engine/run_internal.h"

static bool says(const json_t *sentences, const char *beginning)
{
    const json_t *sentence;
    size_t i;
    json_array_foreach(sentences, i, sentence)
    {
        const char *text = json_string_value(sentence);
        if (text && strncmp(text, beginning, strlen(beginning)) == 0)
            return true;
    }
    return false;
}

static bool add(bw_run_work *w, json_t *sentences, const bw_drift *d)
{
    bw_arena *a = &w->run->arena;
    char now[BW_TIME_TEXT];
    const char *beginning = bw_arena_printf(a, "column %s is not filled", d->column);
    if (d->kind != BW_DRIFT_ADDED || says(sentences, beginning))
        return false;
    int64_t wall = bw_wall_us(w->run->env.clock);
    const char *text =
        bw_arena_printf(a, "%s before %s: older rows have NULL until they change or a full resync",
                        beginning, bw_format_time(wall - wall % BW_SECOND, now));
    json_array_append_new(sentences, json_string(text));
    return true;
}

static void keep(bw_run_work *w, const json_t *sentences)
{
    bw_error err = BW_ERROR_INIT;
    const char *name = w->run->def->name;
    char *text = json_array_size(sentences) ? json_dumps(sentences, JSON_COMPACT) : NULL;
    w->sync.notes = text ? bw_arena_strdup(&w->run->arena, text) : NULL;
    if (bw_store_sync_note(w->run->env.store, name, text, &err) != BW_OK)
        bw_log_error(BW_LOG_WARN, name, &err);
    free(text);
}

void bw_run_note_unfilled(bw_run_work *w)
{
    json_t *sentences = w->sync.notes ? json_loads(w->sync.notes, 0, NULL) : NULL;
    bool changed = false;
    if (!json_is_array(sentences)) {
        json_decref(sentences);
        sentences = json_array();
    }
    if (w->target.rows == 0) {
        changed = json_array_clear(sentences) == 0 && w->sync.notes;
    } else {
        for (size_t i = 0; i < w->target.n_drift; i++)
            changed |= add(w, sentences, &w->target.drift[i]);
    }
    if (changed)
        keep(w, sentences);
    w->run->wants_full = json_array_size(sentences) > 0 && w->run->ask.read != BW_READ_FULL &&
                         w->mode != BW_MODE_REPLACE &&
                         w->target_spec.add_columns == BW_ADD_COLUMNS_BACKFILL;
    json_decref(sentences);
}

void bw_run_all_filled(bw_run_work *w)
{
    if (!w->sync.notes)
        return;
    json_t *none = json_array();
    keep(w, none);
    json_decref(none);
    bw_run_make_detail(w);
}

void bw_run_list_unfilled(const bw_run_work *w, bw_arena *arena, bw_sync_detail *out)
{
    json_t *sentences = w->sync.notes ? json_loads(w->sync.notes, 0, NULL) : NULL;
    size_t n = json_array_size(sentences), have = out->n_notes;
    if (n > 0) {
        const char **all = BW_ARENA_ARRAY(arena, const char *, have + n);
        for (size_t i = 0; i < have; i++)
            all[i] = out->notes[i];
        for (size_t i = 0; i < n; i++)
            all[have + i] = bw_arena_strdup(arena, json_string_value(json_array_get(sentences, i)));
        out->notes = all;
        out->n_notes = have + n;
    }
    json_decref(sentences);
}
