/* The systems that rows come from: does each answer, how fast, since when not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/core/units.h"
#include "views/screens.h"
#include "views/table_view.h"

enum { SOURCE, KIND, STATE, LATENCY, LAST_OK, SYNCS, FAILING, VERSION, WHERE };

static const bw_column columns[] = {
    [SOURCE] = {"source", "SOURCE", 8, 14, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [KIND] = {"kind", "KIND", 8, 9, BW_ALIGN_LEFT, 4, BW_UNIT_TEXT},
    [STATE] = {"state", "STATE", 9, 9, BW_ALIGN_LEFT, 0, BW_UNIT_PLAIN, .ranked = true},
    [LATENCY] = {"latency", "ANSWERS IN", 10, 10, BW_ALIGN_RIGHT, 2, BW_UNIT_SECONDS,
                 .descending = true},
    [LAST_OK] = {"last", "LAST OK", 10, 11, BW_ALIGN_RIGHT, 1, BW_UNIT_SECONDS, .descending = true},
    [SYNCS] = {"syncs", "SYNCS", 5, 5, BW_ALIGN_RIGHT, 5, BW_UNIT_PLAIN, .descending = true},
    [FAILING] = {"failing", "FAILING", 7, 7, BW_ALIGN_RIGHT, 3, BW_UNIT_PLAIN, .descending = true},
    [VERSION] = {"version", "VERSION", 8, 18, BW_ALIGN_LEFT, 7, BW_UNIT_TEXT},
    [WHERE] = {"where", "WHERE", 10, 0, BW_ALIGN_LEFT, 6, BW_UNIT_TEXT},
};

static const struct state_look {
    const char *word;
    bw_role role;
    bw_glyph glyph;
    int rank; /* the worst first */
} looks[] = {
    [BW_SOURCE_UNKNOWN] = {"unknown", BW_ROLE_UNKNOWN, BW_GLYPH_UNKNOWN, 1},
    [BW_SOURCE_UP] = {"up", BW_ROLE_OK, BW_GLYPH_OK, 2},
    [BW_SOURCE_DOWN] = {"down", BW_ROLE_ERROR, BW_GLYPH_ERROR, 0},
};

static const char *row_id(void *user, size_t row)
{
    const bw_table_view *v = user;
    return v->snapshot->sources[row].name;
}

static void latency_cell(bw_table_cell *cell, int64_t us)
{
    if (us < 0) {
        bw_table_cell_printf(cell, "-");
        return;
    }
    cell->number = (double)us / BW_SECOND;
    if (us < BW_SECOND)
        bw_table_cell_printf(cell, "%lld ms", (long long)(us + 999) / 1000);
    else
        bw_cell_duration(cell, us);
}

static void fill_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    const bw_table_view *v = user;
    const bw_source_view *s = &v->snapshot->sources[row];
    switch (column) {
    case SOURCE:
        cell->text = bw_slice_cstr(s->name);
        break;
    case KIND:
        cell->text = bw_slice_cstr(s->kind);
        cell->style = BW_ROLE_MUTED;
        break;
    case STATE:
        cell->text = bw_slice_cstr(looks[s->state].word);
        cell->style = looks[s->state].role;
        cell->glyph = looks[s->state].glyph;
        cell->has_glyph = true;
        cell->number = looks[s->state].rank;
        break;
    case LATENCY:
        latency_cell(cell, s->latency_us);
        break;
    case LAST_OK:
        bw_cell_ago(cell, s->last_ok_us, v->snapshot->wall_us);
        break;
    case SYNCS:
        bw_cell_count(cell, s->syncs);
        break;
    case FAILING:
        bw_cell_count(cell, s->failing);
        cell->style = s->failing > 0 ? BW_ROLE_ERROR : BW_ROLE_MUTED;
        break;
    case VERSION:
        cell->text = bw_slice_cstr(s->version && s->version[0] ? s->version : "-");
        break;
    default:
        cell->text = bw_slice_cstr(s->where ? s->where : "");
    }
}

static bool is_stale(void *user, size_t row)
{
    const bw_table_view *v = user;
    return v->snapshot->sources[row].state == BW_SOURCE_DOWN;
}

static bw_view *open_view(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    bw_table_view *v = bw_xcalloc(1, sizeof(*v));
    (void)at;
    bw_table_view_init(v, class, host, columns, BW_COUNT(columns));
    bw_table_set_empty(v->table, "waiting for the engine");
    bw_table_default_sort(v->table, "state", false);
    return &v->view;
}

static void update(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    bw_table_view *v = (bw_table_view *)view;
    (void)page;
    v->snapshot = snapshot;
    if (!snapshot)
        return;
    bw_table_set_empty(v->table, "no sources are configured");
    bw_table_set_rows(v->table, &(bw_table_rows){.count = snapshot->n_sources,
                                                 .id = row_id,
                                                 .cell = fill_cell,
                                                 .stale = is_stale,
                                                 .user = v});
}

/* Which sync met it first is of no interest here. */
static const char *own_error(const bw_source_view *s)
{
    char lead[160];
    snprintf(lead, sizeof(lead), "source %s: ", s->name);
    const char *own = strstr(s->error, lead);
    return own ? own + strlen(lead) : s->error;
}

/* What the selected one last said, and what it is: on a narrow screen columns are missing. */
static bw_role say(const bw_table_view *v, bw_buf *out)
{
    const bw_source_view *s = &v->snapshot->sources[bw_table_selected_index(v->table)];
    bw_buf_addf(out, "%s  %s", s->name,
                s->error                        ? own_error(s)
                : s->state == BW_SOURCE_UP      ? "answers"
                : s->state == BW_SOURCE_UNKNOWN ? "has not been asked yet"
                                                : "does not answer");
    bw_buf_addf(out, "\n%s, ", s->where && s->where[0] ? s->where : s->kind);
    if (s->version && s->version[0])
        bw_buf_addf(out, "%s, ", s->version);
    bw_buf_addf(out, "%d sync%s", s->syncs, s->syncs == 1 ? "" : "s");
    if (s->failing > 0)
        bw_buf_addf(out, ", %d failing", s->failing);
    return s->error ? BW_ROLE_ERROR : BW_ROLE_TEXT;
}

static void draw(bw_view *view, bw_region region, bool focused)
{
    bw_table_view_draw_below((bw_table_view *)view, region, focused, say);
}

/* ENTER: the home screen with the syncs of this source. */
static bw_reaction act(bw_view *view, const bw_action *action, const char *argument)
{
    bw_table_view *v = (bw_table_view *)view;
    bw_reaction r = bw_table_act(v->table, action->id);
    (void)argument;
    if (!(r & BW_REACT_ACCEPT))
        return r;
    char filter[160];
    snprintf(filter, sizeof(filter), "source:%s", bw_table_selected(v->table));
    bw_host_home(view->host, filter); /* this view is gone now */
    return BW_REACT_REDRAW;
}

const bw_view_class bw_view_sources = {
    .id = BW_SCREEN_SOURCES,
    .name = "sources",
    .title = "Sources",
    .has_table = true,
    .open = open_view,
    .free = bw_table_view_free,
    .update = update,
    .draw = draw,
    .act = act,
    .mouse = bw_table_view_mouse,
    .table = bw_table_view_table,
};
