/* One sync: its state and why, what it is doing, how it has been, and everything known of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "views/kit/graph.h"
#include "views/screens.h"
#include "views/sync_actions.h"
#include "views/sync_text.h"
#include "views/table_view.h"

#define GRAPH_ROWS 6
#define GRAPH_STEP (10 * BW_SECOND) /* between two points of the history */

typedef struct view_sync {
    bw_text_screen base;
    char name[128];
    const bw_sync_view *sync; /* borrowed until the next update; NULL: not there (yet) */
    const bw_page *page;
    int64_t now_us;
    bool waiting; /* for the first snapshot */
    double lag[BW_HISTORY], rate[BW_HISTORY];
    int filled_width; /* that the text was filled for */
} view_sync;

static bw_view *open_view(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_sync *v = bw_xcalloc(1, sizeof(*v));
    bw_text_screen_init(&v->base, class, host, 0);
    bw_text_view_wrap(v->base.text, true);
    snprintf(v->name, sizeof(v->name), "%s", at->sync);
    snprintf(v->base.view.crumb, sizeof(v->base.view.crumb), "%s", at->sync);
    v->filled_width = 80;
    return &v->base.view;
}

static bool query(const bw_view *view, bw_page_query *out)
{
    const view_sync *v = (const view_sync *)view;
    *out = (bw_page_query){.kind = BW_PAGE_SYNC, .limit = 20};
    memcpy(out->sync, v->name, sizeof(out->sync));
    return true;
}

static void update(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_sync *v = (view_sync *)view;
    v->sync = snapshot ? bw_snapshot_find(snapshot, v->name) : NULL;
    v->page = page;
    v->waiting = snapshot == NULL;
    if (!v->sync) {
        bw_text_view_clear(v->base.text);
        return;
    }
    v->now_us = snapshot->wall_us;
    for (size_t i = 0; i < BW_HISTORY; i++) {
        v->lag[i] = (double)v->sync->lag_history[i];
        v->rate[i] = (double)v->sync->rate_history[i];
    }
    /* The newest point is of this instant, so that the graph and the words say the same. */
    v->lag[BW_HISTORY - 1] = v->sync->lag_s;
    bw_sync_text(v->base.text, v->sync, page, v->now_us, v->filled_width);
}

/* ---- drawing ---------------------------------------------------------------------------- */

static const char *lag_text(double value, char *out, size_t size)
{
    char text[BW_TIME_TEXT];
    snprintf(out, size, "%s", bw_format_duration((int64_t)(value * BW_SECOND), text));
    return out;
}

static const char *rate_text(double value, char *out, size_t size)
{
    char text[BW_TIME_TEXT];
    snprintf(out, size, "%s/s", bw_format_count(value, text));
    return out;
}

static void draw_graphs(const view_sync *v, bw_region r)
{
    const int64_t span = (BW_HISTORY - 1) * GRAPH_STEP;
    const bw_graph lag = {.title = "lag",
                          .values = v->lag,
                          .count = BW_HISTORY,
                          .format = lag_text,
                          .span_us = span,
                          .max = NAN,
                          .style = BW_ROLE_GRAPH};
    const bw_graph rate = {.title = r.canvas->glyphs->plain ? "rows read" : "rows read (10s mean)",
                           .values = v->rate,
                           .count = BW_HISTORY,
                           .format = rate_text,
                           .span_us = span,
                           .max = NAN,
                           .style = BW_ROLE_GRAPH};
    int half = (r.cols - 4) / 2;
    bw_graph_draw(&lag, bw_region_sub(r, 0, 1, -1, half));
    bw_graph_draw(&rate, bw_region_sub(r, 0, half + 3, -1, half));
}

/* "▶ stale  idle  shop -> my-project.analytics.orders" */
static void draw_state(const view_sync *v, bw_region r)
{
    const bw_sync_view *s = v->sync;
    bw_style style = bw_state_role(s) | BW_WITH(BW_ATTR_BOLD);
    int col = bw_region_glyph(r, 0, 1, style, bw_state_glyph(s));
    col = bw_region_puts(r, 0, col + 1, style, bw_sync_state_name(s->state));
    /* Where the activity says more than the state. */
    const char *activity = bw_activity_name(s->activity);
    if (strcmp(activity, bw_sync_state_name(s->state)) != 0)
        col = bw_region_putf(r, 0, col, BW_ROLE_TEXT, ", %s", activity);
    bw_buf b = BW_BUF_INIT;
    if (r.cols >= 60)
        bw_buf_addf(&b, "%s ", s->table ? s->table : "");
    bw_buf_addf(&b, "%s %s", bw_glyph_sign(r.canvas->glyphs, BW_GLYPH_ARROW),
                s->target ? s->target : "-");
    bw_region_field(r, 0, col + 2, r.cols - col - 3, BW_ALIGN_LEFT, BW_ROLE_MUTED,
                    bw_buf_slice(&b));
    bw_buf_fini(&b);
}

/* The reason in up to `rows` lines, and below it what would help. Returns how many lines it took. */
static int draw_reason(const view_sync *v, bw_region r, int rows)
{
    const bw_sync_view *s = v->sync;
    bw_buf b = BW_BUF_INIT;
    bw_buf_adds(&b, bw_sync_reason(s));
    if (s->failures > 1)
        bw_buf_addf(&b, " (%d times in a row)", s->failures);
    if (s->paused_by && s->state != BW_STATE_PAUSED)
        bw_buf_addf(&b, "; paused by %s", s->paused_by);
    if (s->hint && s->hint[0] && s->state <= BW_STATE_PARKED)
        bw_buf_addf(&b, "\nHINT: %s", s->hint);
    if (s->progress.active && s->progress.waiting_for)
        bw_buf_addf(&b, "\n%s", s->progress.waiting_for);
    int used =
        bw_region_wrap(bw_region_sub(r, 0, 1, rows, r.cols - 2), 0, BW_ROLE_TEXT, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return used;
}

static void draw_progress(const view_sync *v, bw_region r, int row)
{
    const bw_run_view *p = &v->sync->progress;
    char rate[BW_TIME_TEXT];
    bw_buf b = BW_BUF_INIT;
    bw_buf_addf(&b, "%s run: %s", p->kind ? p->kind : "", p->phase ? p->phase : "");
    if (p->batch && p->batch[0])
        bw_buf_addf(&b, " %s", p->batch);
    if (p->attempt > 1)
        bw_buf_addf(&b, ", attempt %d", p->attempt);
    if (!isnan(p->rows_per_s))
        bw_buf_addf(&b, ", %s rows/s", bw_format_count(p->rows_per_s, rate));
    bw_region_field(r, row, 1, r.cols - 2, BW_ALIGN_LEFT,
                    p->waiting_for ? BW_ROLE_WARN : BW_ROLE_RUNNING, bw_buf_slice(&b));
    bw_buf_fini(&b);
    const bw_progress progress = {(double)p->rows_read, p->rows_expected, p->eta_us, "rows read"};
    bw_draw_progress(r, row + 1, 1, r.cols - 2, &progress);
}

/* The upper part, which stays; returns its rows. */
static int draw_top(view_sync *v, bw_region r)
{
    bool roomy = r.rows >= 18;
    draw_state(v, r);
    int row = 1 + draw_reason(v, bw_region_sub(r, 1, 0, -1, -1), roomy ? 4 : 2);
    if (v->sync->progress.active && r.rows >= 10) {
        draw_progress(v, r, row);
        row += 2;
    }
    if (roomy) {
        int rows = r.canvas->glyphs->plain ? 1 : r.rows >= 40 ? 2 * GRAPH_ROWS : GRAPH_ROWS;
        draw_graphs(v, bw_region_sub(r, row, 0, rows, -1));
        row += rows;
    }
    bw_region_hline(r, row, 0, r.cols, BW_ROLE_BORDER);
    return row + 1;
}

static void draw(bw_view *view, bw_region region, bool focused)
{
    view_sync *v = (view_sync *)view;
    (void)focused;
    if (!v->sync) {
        bw_region_field(region, region.rows / 3, 0, region.cols, BW_ALIGN_CENTRE, BW_ROLE_MUTED,
                        bw_slice_cstr(v->waiting ? "waiting for the engine"
                                                 : "this sync is not configured any more"));
        return;
    }
    if (v->filled_width != region.cols) {
        v->filled_width = region.cols;
        bw_sync_text(v->base.text, v->sync, v->page, v->now_us, v->filled_width);
    }
    int top = draw_top(v, region);
    bw_text_view_draw(v->base.text, bw_region_sub(region, top, 1, -1, region.cols - 2));
}

static bw_reaction act(bw_view *view, const bw_action *action, const char *argument)
{
    view_sync *v = (view_sync *)view;
    const char *names[] = {v->name};
    bw_reaction r = bw_text_screen_act(view, action, argument);
    return r != BW_REACT_NONE || !v->sync ? r : bw_sync_act(view, action, names, 1);
}

static const char *refuse(bw_view *view, const bw_action *action)
{
    return bw_sync_refuse(action, ((view_sync *)view)->sync);
}

const bw_view_class bw_view_sync = {
    .id = BW_SCREEN_SYNC,
    .name = "sync",
    .title = "Sync",
    .actions = bw_sync_actions,
    .n_actions = BW_SYNC_ACTIONS,
    .has_text = true,
    .open = open_view,
    .free = bw_text_screen_free,
    .query = query,
    .update = update,
    .draw = draw,
    .act = act,
    .mouse = bw_text_screen_mouse,
    .text = bw_text_screen_text,
    .refuse = refuse,
};
