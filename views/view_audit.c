/* The audit trail: who did what when, and what the engine decided; one entry; whether the chain holds. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "views/console_internal.h"
#include "views/json_lines.h"
#include "views/screens.h"
#include "views/table_view.h"

enum { ACTION_VERIFY = BW_ACTION_VIEWS + 60 };

/* Entries at a time; a window of them moves along the trail as it is scrolled. */
#define WINDOW 2000

static const bw_action actions[] = {
    {ACTION_VERIFY, "verify", NULL, "check that nobody changed the trail, from its first entry on",
     NULL, "V", BW_ACT_HINT, BW_SCREEN(BW_SCREEN_AUDIT)},
};

enum { A_ID, A_WHEN, A_WHO, A_ACTION, A_SUBJECT, A_DETAIL };

static const bw_column columns[] = {
    [A_ID] = {"id", "ID", 7, 7, BW_ALIGN_RIGHT, 0, BW_UNIT_PLAIN, .hidden = true},
    [A_WHEN] = {"when", "WHEN", 11, 11, BW_ALIGN_LEFT, 0, BW_UNIT_SECONDS, .descending = true},
    [A_WHO] = {"who", "WHO", 8, 18, BW_ALIGN_LEFT, 2, BW_UNIT_TEXT},
    [A_ACTION] = {"action", "ACTION", 8, 10, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [A_SUBJECT] = {"subject", "SUBJECT", 10, 24, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [A_DETAIL] = {"detail", "DETAIL", 10, 0, BW_ALIGN_LEFT, 1, BW_UNIT_TEXT},
};

typedef struct view_audit {
    bw_table_view base;
    int64_t before; /* the window's entries are older than this one; 0: from the newest */
    bool following; /* the newest entry stays selected */
    bool verifying;
    char verdict[512]; /* "": not asked */
    bool sound;
    char id[24];
    bw_buf words; /* the cell's that was asked for last */
} view_audit;

/* ---- the list --------------------------------------------------------------------------- */

static const char *entry_id(void *user, size_t row)
{
    view_audit *v = user;
    snprintf(v->id, sizeof(v->id), "%lld", (long long)v->base.page->audit[row].id);
    return v->id;
}

static void entry_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    view_audit *v = user;
    const bw_audit_entry *e = &v->base.page->audit[row];
    int64_t now =
        v->base.snapshot ? v->base.snapshot->wall_us : bw_wall_us(bw_host_clock(v->base.view.host));
    switch (column) {
    case A_ID:
        cell->number = (double)e->id;
        bw_table_cell_printf(cell, "%lld", (long long)e->id);
        break;
    case A_WHEN:
        bw_cell_when(cell, e->at_us, now, bw_host_local_time(v->base.view.host));
        break;
    case A_WHO:
        cell->text = bw_slice_cstr(e->who);
        cell->style = strcmp(e->who, "engine") == 0 ? BW_ROLE_MUTED : BW_ROLE_TEXT;
        break;
    case A_ACTION:
        cell->text = bw_slice_cstr(e->action);
        cell->style = BW_ROLE_KEY;
        break;
    case A_SUBJECT:
        cell->text = bw_slice_cstr(e->subject);
        break;
    default:
        bw_buf_clear(&v->words);
        bw_json_words(&v->words, bw_slice_cstr(e->detail));
        cell->text = bw_buf_slice(&v->words);
        cell->style = BW_ROLE_MUTED;
    }
}

static bw_view *open_list(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_audit *v = bw_xcalloc(1, sizeof(*v));
    bw_table_view_init(&v->base, class, host, columns, BW_COUNT(columns));
    v->base.at = *at;
    v->following = true;
    if (at->sync[0])
        snprintf(v->base.view.crumb, sizeof(v->base.view.crumb), "Audit of %s", at->sync);
    return &v->base.view;
}

static void free_list(bw_view *view)
{
    bw_buf_fini(&((view_audit *)view)->words);
    bw_table_view_free(view);
}

static bool query_list(const bw_view *view, bw_page_query *out)
{
    const view_audit *v = (const view_audit *)view;
    *out = (bw_page_query){
        .kind = BW_PAGE_AUDIT, .id = v->before, .limit = WINDOW, .verify = v->verifying};
    memcpy(out->sync, v->base.at.sync, sizeof(out->sync));
    return true;
}

static void take_verdict(view_audit *v, const bw_page *page)
{
    v->verifying = false;
    v->sound = !page->audit_problem;
    if (page->audit_problem)
        snprintf(v->verdict, sizeof(v->verdict), "the trail was changed: %s", page->audit_problem);
    else
        snprintf(v->verdict, sizeof(v->verdict),
                 "%lld entries verified: each fits the hash of the one before",
                 (long long)page->audit_verified);
    bw_host_toast(v->base.view.host, v->sound ? BW_TOAST_INFO : BW_TOAST_ERROR, "%s", v->verdict);
}

static void select_entry(view_audit *v, size_t row)
{
    if (row < v->base.page->n_audit)
        bw_table_select(v->base.table, entry_id(v, row));
}

static void update_list(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_audit *v = (view_audit *)view;
    v->base.snapshot = snapshot;
    v->base.page = page;
    if (!page)
        return;
    bw_table_set_empty(v->base.table, page->error ? page->error : "nothing has happened yet");
    bw_table_set_rows(v->base.table,
                      &(bw_table_rows){.count = page->n_audit,
                                       .id = entry_id,
                                       .cell = entry_cell,
                                       .user = v,
                                       .partial = page->n_audit == WINDOW || v->before != 0});
    if (v->following && v->before == 0)
        select_entry(v, 0);
    if (v->verifying && page->query.verify)
        take_verdict(v, page);
}

/* The window follows the cursor: entries have consecutive ids, so half a window on is known. */
static void move_window(view_audit *v, int action)
{
    const bw_page *page = v->base.page;
    size_t n = page ? page->n_audit : 0, row = bw_table_selected_index(v->base.table);
    bool full = n == WINDOW;
    if (action == BW_ACTION_HOME)
        v->before = 0;
    else if (n > 0 && row == n - 1 && full && action != BW_ACTION_UP)
        v->before = page->audit[n / 2].id;
    else if (n > 0 && row == 0 && v->before != 0 && action != BW_ACTION_DOWN)
        v->before = page->audit[0].id + WINDOW / 2;
}

static bw_reaction act_list(bw_view *view, const bw_action *action, const char *argument)
{
    view_audit *v = (view_audit *)view;
    (void)argument;
    if (action->id == ACTION_VERIFY) {
        v->verifying = true;
        snprintf(v->verdict, sizeof(v->verdict), "verifying");
        v->sound = true;
        return BW_REACT_REDRAW;
    }
    if (action->id == BW_ACTION_FOLLOW) {
        v->following = !v->following;
        if (v->following) {
            v->before = 0;
            (void)bw_table_act(v->base.table, BW_ACTION_HOME);
        }
        bw_host_toast(view->host, BW_TOAST_INFO,
                      v->following ? "staying at the newest entry" : "staying where you are");
        return BW_REACT_REDRAW;
    }
    bw_reaction r = bw_table_act(v->base.table, action->id);
    if (r != BW_REACT_NONE && !(r & BW_REACT_ACCEPT)) {
        move_window(v, action->id);
        v->following = action->id == BW_ACTION_HOME;
    }
    size_t row = bw_table_selected_index(v->base.table);
    if (!(r & BW_REACT_ACCEPT) || !v->base.page || row >= v->base.page->n_audit)
        return r;
    bw_view_at at = v->base.at;
    at.id = v->base.page->audit[row].id;
    v->following = false;
    bw_host_open(view->host, BW_SCREEN_AUDIT_ENTRY, &at);
    return BW_REACT_REDRAW;
}

static bw_role say_entry(const bw_table_view *base, bw_buf *out)
{
    const view_audit *v = (const view_audit *)base;
    const bw_audit_entry *e = &base->page->audit[bw_table_selected_index(base->table)];
    if (v->verdict[0])
        bw_buf_addf(out, "%s\n", v->verdict);
    bw_buf_addf(out, "%s %s %s  ", e->who, e->action, e->subject);
    bw_json_words(out, bw_slice_cstr(e->detail));
    return v->sound || !v->verdict[0] ? BW_ROLE_TEXT : BW_ROLE_ERROR;
}

static void draw_list(bw_view *view, bw_region region, bool focused)
{
    bw_table_view_draw_below((bw_table_view *)view, region, focused, say_entry);
}

const bw_view_class bw_view_audit = {
    .id = BW_SCREEN_AUDIT,
    .name = "audit",
    .title = "Audit",
    .actions = actions,
    .n_actions = BW_COUNT(actions),
    .has_table = true,
    .follows = true,
    .open = open_list,
    .free = free_list,
    .query = query_list,
    .update = update_list,
    .draw = draw_list,
    .act = act_list,
    .mouse = bw_table_view_mouse,
    .table = bw_table_view_table,
};

/* ---- one entry -------------------------------------------------------------------------- */

typedef struct view_entry {
    bw_text_screen base;
    int64_t id;
    int64_t read_us; /* of the page that is shown; 0: none yet */
} view_entry;

static bw_view *open_entry(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_entry *v = bw_xcalloc(1, sizeof(*v));
    bw_text_screen_init(&v->base, class, host, 0);
    bw_text_view_wrap(v->base.text, true);
    bw_text_view_addf(v->base.text, BW_ROLE_MUTED, "loading");
    v->id = at->id;
    snprintf(v->base.view.crumb, sizeof(v->base.view.crumb), "entry %lld", (long long)at->id);
    return &v->base.view;
}

static bool query_entry(const bw_view *view, bw_page_query *out)
{
    *out = (bw_page_query){
        .kind = BW_PAGE_AUDIT, .id = ((const view_entry *)view)->id + 1, .limit = 1};
    return true;
}

static void field(bw_text_view *t, const char *name, const char *value)
{
    bw_text_view_addf(t, BW_ROLE_MUTED, "%-9s", name);
    bw_text_view_extend(t, BW_ROLE_TEXT, bw_slice_cstr(value && value[0] ? value : "-"));
}

static void update_entry(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_entry *v = (view_entry *)view;
    char text[BW_TIME_TEXT];
    (void)snapshot;
    if (!page || page->read_mono_us == v->read_us)
        return;
    v->read_us = page->read_mono_us;
    bw_text_view *t = v->base.text;
    bw_text_view_refill(t);
    if (page->n_audit != 1 || page->audit[0].id != v->id) {
        bw_text_view_addf(t, BW_ROLE_ERROR, "%s",
                          page->error ? page->error : "this entry is missing from the trail");
        return;
    }
    const bw_audit_entry *e = &page->audit[0];
    bw_text_view_hang(t, 9);
    field(t, "action", e->action);
    field(t, "subject", e->subject);
    field(t, "who", e->who);
    field(t, "when", bw_format_time(e->at_us, text));
    field(t, "hash", e->hash);
    bw_text_view_hang(t, 6);
    bw_text_view_add(t, BW_ROLE_TEXT, BW_SLICE_LIT(""));
    bw_text_view_addf(t, BW_ROLE_TITLE, "detail");
    bw_json_lines(t, bw_slice_cstr(e->detail), NULL);
}

const bw_view_class bw_view_audit_entry = {
    .id = BW_SCREEN_AUDIT_ENTRY,
    .name = "audit-entry",
    .title = "Audit entry",
    .has_text = true,
    .open = open_entry,
    .free = bw_text_screen_free,
    .query = query_entry,
    .update = update_entry,
    .draw = bw_text_screen_draw,
    .act = bw_text_screen_act,
    .mouse = bw_text_screen_mouse,
    .text = bw_text_screen_text,
};
