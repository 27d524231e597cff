/* The home screen: is anything late, why, since when, what is lost, what do I press. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "views/screens.h"
#include "views/sync_actions.h"
#include "views/table_view.h"

enum { SYNC, MODE, STATE, FRESH, LAG, RATE, LAST_OK, NEXT, DLQ, SPARK, WHY, SOURCE, TARGET };

static const bw_column columns[] = {
    [SYNC] = {"sync", "SYNC", 14, 26, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [MODE] = {"mode", "MODE", 7, 7, BW_ALIGN_LEFT, 8, BW_UNIT_TEXT},
    [STATE] = {"state", "STATE", 9, 9, BW_ALIGN_LEFT, 0, BW_UNIT_PLAIN, .ranked = true},
    [FRESH] = {"fresh", "FRESH", 12, 12, BW_ALIGN_LEFT, 3, BW_UNIT_PLAIN},
    [LAG] = {"lag", "LAG", 7, 7, BW_ALIGN_RIGHT, 1, BW_UNIT_SECONDS, .descending = true},
    [RATE] = {"rows", "ROWS/S", 7, 7, BW_ALIGN_RIGHT, 5, BW_UNIT_PLAIN, .descending = true},
    [LAST_OK] = {"last", "LAST OK", 8, 8, BW_ALIGN_RIGHT, 4, BW_UNIT_SECONDS, .descending = true},
    [NEXT] = {"next", "NEXT", 8, 8, BW_ALIGN_RIGHT, 6, BW_UNIT_SECONDS},
    [DLQ] = {"dlq", "DLQ", 5, 5, BW_ALIGN_RIGHT, 2, BW_UNIT_PLAIN, .descending = true},
    [SPARK] = {"spark", "15 MIN", 9, 15, BW_ALIGN_LEFT, 7, BW_UNIT_TEXT, .unsortable = true},
    [WHY] = {"why", "WHY", 30, 0, BW_ALIGN_LEFT, 9, BW_UNIT_TEXT},
    [SOURCE] = {"source", "SOURCE", 8, 12, BW_ALIGN_LEFT, 9, BW_UNIT_TEXT, .hidden = true},
    [TARGET] = {"target", "TARGET", 10, 20, BW_ALIGN_LEFT, 9, BW_UNIT_TEXT, .hidden = true},
};

typedef struct view_syncs {
    bw_table_view base;
    double spark[BW_SPARK_MINUTES];
} view_syncs;

static const char *row_id(void *user, size_t row)
{
    const view_syncs *v = user;
    return v->base.snapshot->syncs[row].name;
}

static void number_cell(bw_table_cell *cell, double n)
{
    char text[BW_TIME_TEXT];
    cell->number = n;
    bw_table_cell_printf(cell, "%s", isnan(n) ? "-" : bw_format_count(n, text));
}

/* "in 40s", "2m ago" */
static void age_cell(bw_table_cell *cell, int64_t from_us, int64_t to_us, const char *before,
                     const char *after)
{
    char text[BW_TIME_TEXT];
    if (from_us == BW_TIME_NONE || to_us == BW_TIME_NONE) {
        bw_table_cell_printf(cell, "-");
        return;
    }
    int64_t age = to_us > from_us ? to_us - from_us : 0;
    cell->number = (double)age / BW_SECOND;
    bw_table_cell_printf(cell, "%s%s%s", before, bw_coarse_duration(age, text), after);
}

static void last_cell(bw_table_cell *cell, const bw_sync_view *s, int64_t now)
{
    if (s->last_success_us != BW_TIME_NONE && now - s->last_success_us < 2 * BW_SECOND) {
        cell->number = 0;
        bw_table_cell_printf(cell, "now");
        return;
    }
    age_cell(cell, s->last_success_us, now, "", " ago");
}

static void spark_cell(view_syncs *v, bw_table_cell *cell, const bw_sync_view *s)
{
    for (int i = 0; i < BW_SPARK_MINUTES; i++)
        v->spark[i] = s->spark[i];
    cell->kind = BW_CELL_SPARK;
    cell->values = v->spark;
    cell->count = BW_SPARK_MINUTES;
    cell->max = NAN;
    cell->style = BW_ROLE_GRAPH;
}

static void fill_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    view_syncs *v = user;
    const bw_sync_view *s = &v->base.snapshot->syncs[row];
    int64_t now = v->base.snapshot->wall_us;
    char text[BW_TIME_TEXT];
    switch (column) {
    case SYNC:
        cell->text = bw_slice_cstr(s->name);
        break;
    case MODE:
        cell->text = bw_slice_cstr(s->mode);
        cell->style = BW_ROLE_MUTED;
        break;
    case STATE:
        cell->text = bw_slice_cstr(bw_sync_state_name(s->state));
        cell->style = bw_state_role(s);
        cell->glyph = bw_state_glyph(s);
        cell->has_glyph = true;
        cell->number = s->state; /* the worst first */
        break;
    case FRESH:
        cell->kind = BW_CELL_BAR;
        cell->number = s->freshness;
        cell->share = s->freshness / 100;
        cell->style = s->health == BW_HEALTH_FRESH   ? BW_ROLE_OK
                      : s->health == BW_HEALTH_AGING ? BW_ROLE_WARN
                      : s->health == BW_HEALTH_STALE ? BW_ROLE_ERROR
                                                     : BW_ROLE_UNKNOWN;
        if (isnan(s->freshness))
            bw_table_cell_printf(cell, "  -");
        else
            bw_table_cell_printf(cell, "%3.0f", floor(s->freshness));
        break;
    case LAG:
        cell->number = s->lag_s;
        bw_table_cell_printf(
            cell, "%s",
            isnan(s->lag_s) ? "-" : bw_format_duration((int64_t)(s->lag_s * BW_SECOND), text));
        break;
    case RATE:
        number_cell(cell, s->rows_per_s);
        break;
    case LAST_OK:
        last_cell(cell, s, now);
        break;
    case NEXT:
        if (!s->progress.active)
            age_cell(cell, now, s->next_run_us, "in ", "");
        else
            bw_table_cell_printf(cell, "-");
        break;
    case DLQ:
        number_cell(cell, s->dead_letters < 0 ? NAN : (double)s->dead_letters);
        cell->style = s->dead_letters > 0 ? BW_ROLE_WARN : BW_ROLE_MUTED;
        break;
    case WHY:
        cell->text = bw_slice_cstr(bw_sync_reason(s));
        cell->style = s->state <= BW_STATE_AGING ? BW_ROLE_TEXT : BW_ROLE_MUTED;
        break;
    case SOURCE:
        cell->text = bw_slice_cstr(s->source);
        break;
    case TARGET:
        cell->text = bw_slice_cstr(s->target ? s->target : "");
        break;
    default:
        spark_cell(v, cell, s);
    }
}

static bw_view *open_view(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_syncs *v = bw_xcalloc(1, sizeof(*v));
    (void)at;
    bw_table_view_init(&v->base, class, host, columns, BW_COUNT(columns));
    bw_table_set_empty(v->base.table, "waiting for the engine");
    bw_table_default_sort(v->base.table, "state", false);
    return &v->base.view;
}

static void update(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_syncs *v = (view_syncs *)view;
    (void)page;
    v->base.snapshot = snapshot;
    if (!snapshot)
        return;
    bw_table_set_empty(v->base.table, "no syncs are configured");
    bw_table_set_rows(
        v->base.table,
        &(bw_table_rows){.count = snapshot->n_syncs, .id = row_id, .cell = fill_cell, .user = v});
}

static const bw_sync_view *selected(const view_syncs *v)
{
    size_t row = bw_table_selected_index(v->base.table);
    return v->base.snapshot && row < v->base.snapshot->n_syncs ? &v->base.snapshot->syncs[row]
                                                               : NULL;
}

static bw_role say(const bw_table_view *v, bw_buf *out)
{
    const bw_sync_view *s = &v->snapshot->syncs[bw_table_selected_index(v->table)];
    char text[BW_TIME_TEXT], rows[BW_TIME_TEXT];
    bw_buf_addf(out, "%s  %s", s->name, bw_sync_reason(s));
    if (s->progress.active && s->progress.waiting_for)
        bw_buf_addf(out, "; %s", s->progress.waiting_for);
    else if (s->progress.active)
        bw_buf_addf(out, "; %s%s%s, %s rows read", s->progress.phase,
                    s->progress.batch[0] ? " " : "", s->progress.batch,
                    bw_format_count((double)s->progress.rows_read, rows));
    if (s->progress.active && s->progress.eta_us != BW_TIME_NONE)
        bw_buf_addf(out, ", done in about %s", bw_format_duration(s->progress.eta_us, text));
    if (s->paused_by && s->state != BW_STATE_PAUSED)
        bw_buf_addf(out, "; paused by %s", s->paused_by);
    if (s->dead_letters > 0)
        bw_buf_addf(out, "; %lld dead-lettered", (long long)s->dead_letters);
    if (s->hint && s->hint[0] && s->state <= BW_STATE_PARKED)
        bw_buf_addf(out, "\nHINT: %s", s->hint);
    return s->progress.active && s->progress.waiting_for ? BW_ROLE_WARN : BW_ROLE_TEXT;
}

static void draw(bw_view *view, bw_region region, bool focused)
{
    bw_table_view_draw_below((bw_table_view *)view, region, focused, say);
}

static bw_reaction act(bw_view *view, const bw_action *action, const char *argument)
{
    view_syncs *v = (view_syncs *)view;
    bw_reaction r = bw_table_act(v->base.table, action->id);
    (void)argument;
    if (r & BW_REACT_ACCEPT) {
        bw_view_at at;
        memset(&at, 0, sizeof(at));
        snprintf(at.sync, sizeof(at.sync), "%s", bw_table_selected(v->base.table));
        bw_host_open(view->host, BW_SCREEN_SYNC, &at);
        return BW_REACT_REDRAW;
    }
    if (r != BW_REACT_NONE)
        return r;
    char **ids;
    size_t n = bw_table_targets(v->base.table, &ids);
    r = bw_sync_act(view, action, (const char *const *)ids, n);
    bw_table_targets_free(ids);
    return r;
}

static const char *refuse(bw_view *view, const bw_action *action)
{
    view_syncs *v = (view_syncs *)view;
    size_t hidden;
    return bw_table_marked(v->base.table, &hidden) > 0 ? NULL : bw_sync_refuse(action, selected(v));
}

const bw_view_class bw_view_syncs = {
    .id = BW_SCREEN_SYNCS,
    .name = "syncs",
    .title = "Syncs",
    .actions = bw_sync_actions,
    .n_actions = BW_SYNC_ACTIONS,
    .has_table = true,
    .open = open_view,
    .free = bw_table_view_free,
    .update = update,
    .draw = draw,
    .act = act,
    .mouse = bw_table_view_mouse,
    .table = bw_table_view_table,
    .refuse = refuse,
};
