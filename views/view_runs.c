/* The history of runs, of all syncs or of one; and one run with its batches and their jobs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "views/screens.h"
#include "views/table_view.h"

#define RUN_BATCHES 100 /* of one run that are shown */

enum { STARTED, SYNC, KIND, STATE, READ, LOADED, THERE, DEAD, BYTES, TOOK, ERROR };

static const bw_column columns[] = {
    [STARTED] = {"started", "STARTED", 11, 11, BW_ALIGN_LEFT, 0, BW_UNIT_SECONDS,
                 .descending = true},
    [SYNC] = {"sync", "SYNC", 10, 20, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [KIND] = {"kind", "KIND", 11, 11, BW_ALIGN_LEFT, 7, BW_UNIT_TEXT},
    [STATE] = {"state", "STATE", 11, 11, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [READ] = {"read", "READ", 7, 7, BW_ALIGN_RIGHT, 3, BW_UNIT_PLAIN, .descending = true},
    [LOADED] = {"loaded", "LOADED", 7, 7, BW_ALIGN_RIGHT, 2, BW_UNIT_PLAIN, .descending = true},
    [THERE] = {"there", "THERE", 7, 7, BW_ALIGN_RIGHT, 4, BW_UNIT_PLAIN, .descending = true},
    [DEAD] = {"dead", "DEAD", 5, 5, BW_ALIGN_RIGHT, 1, BW_UNIT_PLAIN, .descending = true},
    [BYTES] = {"bytes", "SENT", 9, 9, BW_ALIGN_RIGHT, 6, BW_UNIT_BYTES, .descending = true},
    [TOOK] = {"took", "TOOK", 7, 7, BW_ALIGN_RIGHT, 5, BW_UNIT_SECONDS, .descending = true},
    [ERROR] = {"error", "ERROR", 24, 0, BW_ALIGN_LEFT, 8, BW_UNIT_TEXT},
};

typedef struct view_runs {
    bw_table_view base;
    char id[24];
    int64_t now_us;
} view_runs;

static bw_role state_role(const char *state)
{
    if (strcmp(state, "ok") == 0)
        return BW_ROLE_OK;
    if (strcmp(state, "running") == 0)
        return BW_ROLE_RUNNING;
    return strcmp(state, "failed") == 0 ? BW_ROLE_ERROR : BW_ROLE_WARN;
}

static const char *row_id(void *user, size_t row)
{
    view_runs *v = user;
    snprintf(v->id, sizeof(v->id), "%lld", (long long)v->base.page->runs[row].id);
    return v->id;
}

static int64_t took(const bw_run_record *r)
{
    return r->ended_us == BW_TIME_NONE ? -1 : r->ended_us - r->started_us;
}

static void fill_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    const view_runs *v = user;
    const bw_run_record *r = &v->base.page->runs[row];
    char text[BW_TIME_TEXT];
    switch (column) {
    case STARTED:
        bw_cell_when(cell, r->started_us, v->now_us, bw_host_local_time(v->base.view.host));
        break;
    case SYNC:
        cell->text = bw_slice_cstr(r->sync);
        break;
    case KIND:
        cell->text = bw_slice_cstr(r->kind ? r->kind : "");
        break;
    case STATE:
        cell->text = bw_slice_cstr(r->state);
        cell->style = state_role(r->state);
        break;
    case READ:
        bw_cell_count(cell, r->rows_read);
        break;
    case LOADED:
        bw_cell_count(cell, r->rows_loaded);
        break;
    case THERE:
        bw_cell_count(cell, r->rows_present);
        break;
    case DEAD:
        bw_cell_count(cell, r->dead_letters);
        cell->style = r->dead_letters > 0 ? BW_ROLE_WARN : BW_ROLE_MUTED;
        break;
    case BYTES:
        bw_cell_bytes(cell, r->bytes_uploaded);
        break;
    case TOOK:
        cell->number = took(r) < 0 ? NAN : (double)took(r) / BW_SECOND;
        bw_table_cell_printf(cell, "%s", bw_format_elapsed(took(r), text));
        break;
    default:
        cell->text = bw_slice_cstr(r->error ? r->error : "");
        cell->style = BW_ROLE_ERROR;
    }
}

static bw_view *open_runs(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_runs *v = bw_xcalloc(1, sizeof(*v));
    bw_table_view_init(&v->base, class, host, columns, BW_COUNT(columns));
    v->base.at = *at;
    snprintf(v->base.view.crumb, sizeof(v->base.view.crumb), "Runs%s%s", at->sync[0] ? " of " : "",
             at->sync);
    return &v->base.view;
}

static bool query_runs(const bw_view *view, bw_page_query *out)
{
    const view_runs *v = (const view_runs *)view;
    *out = (bw_page_query){.kind = BW_PAGE_RUNS};
    memcpy(out->sync, v->base.at.sync, sizeof(out->sync));
    return true;
}

static void update_runs(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_runs *v = (view_runs *)view;
    v->base.page = page;
    if (!page)
        return;
    v->now_us = snapshot ? snapshot->wall_us : bw_wall_us(bw_host_clock(view->host));
    bw_table_set_empty(v->base.table, page->error ? page->error : "nothing has run yet");
    bw_table_set_rows(v->base.table, &(bw_table_rows){.count = page->n_runs,
                                                      .id = row_id,
                                                      .cell = fill_cell,
                                                      .user = v,
                                                      .partial = page->total < 0});
}

/* The selected run's error, or what it did. */
static bw_role say(const bw_table_view *v, bw_buf *out)
{
    const bw_run_record *r = &v->page->runs[bw_table_selected_index(v->table)];
    char tally[BW_TALLY_TEXT];
    bw_buf_addf(out, "%s  ", r->sync);
    if (r->error) {
        bw_buf_adds(out, r->error);
        if (r->hint)
            bw_buf_addf(out, "\nHINT: %s", r->hint);
        return BW_ROLE_ERROR;
    }
    bw_buf_addf(
        out, "%s run %lld, asked by %s: %s", r->kind ? r->kind : "", (long long)r->id,
        r->trigger ? r->trigger : "-",
        bw_tally_text(r->rows_read, r->rows_loaded, r->rows_present, r->dead_letters, tally));
    return BW_ROLE_TEXT;
}

static void draw_runs(bw_view *view, bw_region region, bool focused)
{
    bw_table_view_draw_below((bw_table_view *)view, region, focused, say);
}

static bw_reaction act_runs(bw_view *view, const bw_action *action, const char *argument)
{
    view_runs *v = (view_runs *)view;
    bw_reaction r = bw_table_act(v->base.table, action->id);
    (void)argument;
    if (!(r & BW_REACT_ACCEPT))
        return r;
    bw_view_at at = v->base.at;
    at.id = strtoll(bw_table_selected(v->base.table), NULL, 10);
    bw_host_open(view->host, BW_SCREEN_RUN, &at);
    return BW_REACT_REDRAW;
}

const bw_view_class bw_view_runs = {
    .id = BW_SCREEN_RUNS,
    .name = "runs",
    .title = "Runs",
    .has_table = true,
    .open = open_runs,
    .free = bw_table_view_free,
    .query = query_runs,
    .update = update_runs,
    .draw = draw_runs,
    .act = act_runs,
    .mouse = bw_table_view_mouse,
    .table = bw_table_view_table,
};

/* ---- one run ---------------------------------------------------------------------------- */

typedef struct view_run {
    bw_text_screen base;
    int64_t id;
    int64_t read_us;
} view_run;

static void line(bw_text_view *t, const char *name, const char *value)
{
    bw_text_view_addf(t, BW_ROLE_MUTED, "%-14s", name);
    bw_text_view_extend(t, BW_ROLE_TEXT, bw_slice_cstr(value ? value : "-"));
}

static void number(bw_text_view *t, const char *name, int64_t n)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)n);
    line(t, name, text);
}

/* The statements only where they may matter: batches of one run differ in little but names. */
static void add_batch(bw_text_view *t, const bw_batch_record *b, bool newest)
{
    char sent[BW_TIME_TEXT], tally[BW_TALLY_TEXT];
    bw_text_view_addf(t, BW_ROLE_TITLE, "batch %lld  %s", (long long)b->number,
                      b->label ? b->label : "");
    bw_text_view_addf(
        t, BW_ROLE_TEXT, "  %s, attempt %d: %s, %s sent", bw_batch_state_name(b->state), b->attempt,
        bw_tally_text(b->rows_read, b->rows_loaded, b->rows_present, b->dead_letters, tally),
        bw_format_bytes(b->bytes_uploaded, sent));
    bw_text_view_addf(t, BW_ROLE_MUTED, "  load job   %s", b->load_job ? b->load_job : "-");
    if (b->staging)
        bw_text_view_addf(t, BW_ROLE_MUTED, "  staging    %s", b->staging);
    for (int i = 0; i < b->n_finals; i++) {
        bw_text_view_addf(t, b->finals[i].done ? BW_ROLE_OK : BW_ROLE_WARN, "  final job  %s",
                          b->finals[i].done ? "done" : "not done");
        if (newest || !b->finals[i].done)
            bw_text_view_addf(t, BW_ROLE_MUTED, "    %s", b->finals[i].text);
    }
}

static void add_batches(bw_text_view *t, const bw_page *page)
{
    for (size_t i = 0; i < page->n_batches; i++) {
        bw_text_view_add(t, BW_ROLE_TEXT, BW_SLICE_LIT(""));
        add_batch(t, &page->batches[i], i == 0);
    }
    if (page->n_batches == RUN_BATCHES)
        bw_text_view_addf(t, BW_ROLE_MUTED, "\nOnly the newest %d batches are shown.", RUN_BATCHES);
}

static void fill(view_run *v, const bw_page *page)
{
    bw_text_view *t = v->base.text;
    char text[BW_TIME_TEXT];
    bw_text_view_refill(t);
    bw_text_view_hang(t, 14);
    if (page->error || page->n_runs == 0 || page->runs[0].id != v->id) {
        bw_text_view_addf(t, BW_ROLE_ERROR, "%s",
                          page->error ? page->error : "this run is not kept any more");
        return;
    }
    const bw_run_record *r = &page->runs[0];
    line(t, "sync", r->sync);
    line(t, "state", r->state);
    if (r->error) {
        bw_text_view_add(t, BW_ROLE_ERROR, bw_slice_cstr(r->error));
        if (r->hint)
            bw_text_view_addf(t, BW_ROLE_WARN, "HINT: %s", r->hint);
    }
    line(t, "kind", r->kind);
    line(t, "mode", r->mode);
    line(t, "asked by", r->trigger);
    line(t, "started", bw_format_time(r->started_us, text));
    line(t, "ended", bw_format_time(r->ended_us, text));
    number(t, "rows read", r->rows_read);
    number(t, "rows loaded", r->rows_loaded);
    number(t, "already there", r->rows_present);
    number(t, "dead letters", r->dead_letters);
    line(t, "sent", bw_format_bytes(r->bytes_uploaded, text));
    line(t, "checkpoint", r->checkpoint);
    add_batches(t, page);
}

static bw_view *open_run(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_run *v = bw_xcalloc(1, sizeof(*v));
    bw_text_screen_init(&v->base, class, host, 0);
    bw_text_view_wrap(v->base.text, true);
    v->id = at->id;
    bw_text_view_addf(v->base.text, BW_ROLE_MUTED, "loading");
    snprintf(v->base.view.crumb, sizeof(v->base.view.crumb), "run %lld", (long long)at->id);
    return &v->base.view;
}

static bool query_run(const bw_view *view, bw_page_query *out)
{
    *out = (bw_page_query){
        .kind = BW_PAGE_RUN, .id = ((const view_run *)view)->id, .limit = RUN_BATCHES};
    return true;
}

static void update_run(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_run *v = (view_run *)view;
    (void)snapshot;
    if (!page || page->read_mono_us == v->read_us)
        return;
    v->read_us = page->read_mono_us;
    fill(v, page);
}

const bw_view_class bw_view_run = {
    .id = BW_SCREEN_RUN,
    .name = "run",
    .title = "Run",
    .has_text = true,
    .open = open_run,
    .free = bw_text_screen_free,
    .query = query_run,
    .update = update_run,
    .draw = bw_text_screen_draw,
    .act = bw_text_screen_act,
    .mouse = bw_text_screen_mouse,
    .text = bw_text_screen_text,
};
