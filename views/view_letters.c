/* Dead letters: grouped by sync and reason, and the letters of one group. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "views/letter_actions.h"
#include "views/screens.h"
#include "views/table_view.h"

typedef struct view_letters {
    bw_table_view base;
    char id[192], detail[1200]; /* of the cell at hand */
    /* Of letters: the window of a long list, which moves along as it is scrolled. */
    int64_t first;  /* of how many letters it leaves out at the beginning */
    bool large;     /* there are more than a window */
    int edge;       /* BW_ACTION_HOME or BW_ACTION_END: where to go when the window is there */
    char text[128]; /* what `first` counts the letters of */
} view_letters;

/* "12m04s ago", on the clock of the snapshot that is shown. */
static void ago_cell(const view_letters *v, bw_table_cell *cell, int64_t then_us)
{
    if (v->base.snapshot)
        bw_cell_ago(cell, then_us, v->base.snapshot->wall_us);
    else
        bw_cell_time(cell, then_us);
}

static void set_rows(view_letters *v, size_t count, const char *(*id)(void *, size_t),
                     void (*cell)(void *, size_t, size_t, bw_table_cell *))
{
    bw_table_set_rows(v->base.table,
                      &(bw_table_rows){.count = count, .id = id, .cell = cell, .user = v});
}

/* ---- groups ----------------------------------------------------------------------------- */

enum { G_SYNC, G_REASON, G_COUNT, G_FIRST, G_LAST, G_MEANING };

static const bw_column group_columns[] = {
    [G_SYNC] = {"sync", "SYNC", 10, 22, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [G_REASON] = {"reason", "REASON", 12, 17, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [G_COUNT] = {"count", "COUNT", 6, 6, BW_ALIGN_RIGHT, 0, BW_UNIT_PLAIN, .descending = true},
    [G_FIRST] = {"first", "FIRST SEEN", 11, 11, BW_ALIGN_RIGHT, 3, BW_UNIT_SECONDS,
                 .descending = true},
    [G_LAST] = {"last", "LAST SEEN", 10, 11, BW_ALIGN_RIGHT, 1, BW_UNIT_SECONDS},
    [G_MEANING] = {"meaning", "MEANING", 30, 0, BW_ALIGN_LEFT, 4, BW_UNIT_TEXT},
};

static const char *group_id(void *user, size_t row)
{
    view_letters *v = user;
    const bw_letter_group *g = &v->base.page->groups[row];
    snprintf(v->id, sizeof(v->id), "%s %s", g->sync, bw_reason_name(g->reason));
    return v->id;
}

static void group_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    const view_letters *v = user;
    const bw_letter_group *g = &v->base.page->groups[row];
    switch (column) {
    case G_SYNC:
        cell->text = bw_slice_cstr(g->sync);
        break;
    case G_REASON:
        cell->text = bw_slice_cstr(bw_reason_name(g->reason));
        cell->style = BW_ROLE_WARN;
        break;
    case G_COUNT:
        bw_cell_count(cell, g->count);
        break;
    case G_FIRST:
        ago_cell(v, cell, g->first_seen_us);
        break;
    case G_LAST:
        ago_cell(v, cell, g->last_seen_us);
        break;
    default:
        cell->text = bw_slice_cstr(bw_reason_text(g->reason));
        cell->style = BW_ROLE_MUTED;
    }
}

static bw_view *open_groups(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_letters *v = bw_xcalloc(1, sizeof(*v));
    bw_table_view_init(&v->base, class, host, group_columns, BW_COUNT(group_columns));
    bw_table_default_sort(v->base.table, "count", true);
    v->base.at = *at;
    return &v->base.view;
}

static bool query_groups(const bw_view *view, bw_page_query *out)
{
    const view_letters *v = (const view_letters *)view;
    *out = (bw_page_query){.kind = BW_PAGE_LETTER_GROUPS};
    memcpy(out->sync, v->base.at.sync, sizeof(out->sync));
    return true;
}

static void update_groups(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_letters *v = (view_letters *)view;
    v->base.snapshot = snapshot;
    v->base.page = page;
    if (!page)
        return;
    bw_table_set_empty(v->base.table, page->error ? page->error : "no dead letters are open");
    set_rows(v, page->n_groups, group_id, group_cell);
}

static bw_reaction act_groups(bw_view *view, const bw_action *action, const char *argument)
{
    view_letters *v = (view_letters *)view;
    bw_reaction r = bw_table_act(v->base.table, action->id);
    size_t row = bw_table_selected_index(v->base.table);
    (void)argument;
    if (!v->base.page || row >= v->base.page->n_groups)
        return r;
    const bw_letter_group *g = &v->base.page->groups[row];
    if (r == BW_REACT_NONE)
        return bw_letter_group_act(view, action, g);
    if (!(r & BW_REACT_ACCEPT))
        return r;
    bw_view_at at;
    memset(&at, 0, sizeof(at));
    snprintf(at.sync, sizeof(at.sync), "%s", g->sync);
    snprintf(at.reason, sizeof(at.reason), "%s", bw_reason_name(g->reason));
    bw_host_open(view->host, BW_SCREEN_LETTERS, &at);
    return BW_REACT_REDRAW;
}

static const char *refuse_groups(bw_view *view, const bw_action *action)
{
    (void)view;
    bool marks = action->id == BW_ACTION_MARK || action->id == BW_ACTION_MARK_RANGE ||
                 action->id == BW_ACTION_MARK_INVERT;
    return marks ? "one group at a time: enter shows its letters, which can be marked" : NULL;
}

static bw_role say_group(const bw_table_view *v, bw_buf *out)
{
    const bw_letter_group *g = &v->page->groups[bw_table_selected_index(v->table)];
    bw_buf_addf(out, "%s  %lld %s not in the target: %s", g->sync, (long long)g->count,
                g->count == 1 ? "is" : "are", bw_reason_text(g->reason));
    if (v->snapshot && v->snapshot->dead_letters_remote >= 0)
        bw_buf_addf(out, "\nThe dead-letter subscriptions still hold %lld.",
                    (long long)v->snapshot->dead_letters_remote);
    return BW_ROLE_TEXT;
}

static void draw_groups(bw_view *view, bw_region region, bool focused)
{
    bw_table_view_draw_below((bw_table_view *)view, region, focused, say_group);
}

const bw_view_class bw_view_letter_groups = {
    .id = BW_SCREEN_LETTER_GROUPS,
    .name = "dlq",
    .title = "Dead letters",
    .actions = bw_letter_actions,
    .n_actions = BW_LETTER_ACTIONS,
    .has_table = true,
    .open = open_groups,
    .free = bw_table_view_free,
    .query = query_groups,
    .update = update_groups,
    .draw = draw_groups,
    .act = act_groups,
    .mouse = bw_table_view_mouse,
    .table = bw_table_view_table,
    .refuse = refuse_groups,
};

/* ---- letters ---------------------------------------------------------------------------- */

/* Letters at a time. */
#define WINDOW 5000

enum {
    L_ID,
    L_SYNC,
    L_KEY,
    L_REASON,
    L_COLUMN,
    L_DETAIL,
    L_TRIES,
    L_FIRST,
    L_LAST,
    L_STATE,
    L_BODY
};

static const bw_column letter_columns[] = {
    [L_ID] = {"id", "ID", 6, 6, BW_ALIGN_RIGHT, 0, BW_UNIT_PLAIN, .hidden = true},
    [L_SYNC] = {"sync", "SYNC", 10, 18, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT, .hidden = true},
    [L_KEY] = {"key", "KEY", 9, 20, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [L_REASON] = {"reason", "REASON", 10, 17, BW_ALIGN_LEFT, 3, BW_UNIT_TEXT},
    [L_COLUMN] = {"column", "COLUMN", 8, 14, BW_ALIGN_LEFT, 1, BW_UNIT_TEXT},
    [L_DETAIL] = {"detail", "DETAIL", 10, 0, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [L_TRIES] = {"tries", "TRIES", 5, 5, BW_ALIGN_RIGHT, 4, BW_UNIT_PLAIN, .descending = true},
    [L_FIRST] = {"first", "FIRST SEEN", 11, 11, BW_ALIGN_RIGHT, 0, BW_UNIT_SECONDS, .hidden = true},
    [L_LAST] = {"last", "LAST SEEN", 10, 11, BW_ALIGN_RIGHT, 2, BW_UNIT_SECONDS},
    [L_STATE] = {"state", "STATE", 9, 10, BW_ALIGN_LEFT, 5, BW_UNIT_TEXT},
    [L_BODY] = {"content", "CONTENT", 10, 40, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT, .hidden = true},
};

static const char *letter_id(void *user, size_t row)
{
    view_letters *v = user;
    snprintf(v->id, sizeof(v->id), "%lld", (long long)v->base.page->letters[row].id);
    return v->id;
}

/* Of an entity its path alone: what all of the list have in common would take the room. */
static void key_cell(bw_table_cell *cell, const char *key)
{
    static const char entity[] = "{\"entity_key\":\"";
    size_t n = sizeof(entity) - 1, len = key ? strlen(key) : 0;
    cell->text = bw_slice_cstr(key ? key : "-");
    if (len > n + 2 && strncmp(key, entity, n) == 0 && !memchr(key, '\\', len) &&
        strcmp(key + len - 2, "\"}") == 0)
        cell->text = (bw_slice){key + n, len - n - 2};
}

static void detail_cell(view_letters *v, bw_table_cell *cell, const bw_dead_letter *l)
{
    const char *text = l->detail && l->detail[0] ? l->detail : bw_reason_text(l->reason);
    cell->text = bw_slice_cstr(text);
    if (!l->contradicts)
        return;
    snprintf(v->detail, sizeof(v->detail), "contradicts letter %lld: %s", (long long)l->contradicts,
             text);
    cell->text = bw_slice_cstr(v->detail);
    cell->style = BW_ROLE_ERROR;
}

static void letter_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    view_letters *v = user;
    const bw_dead_letter *l = &v->base.page->letters[row];
    switch (column) {
    case L_ID:
        cell->number = (double)l->id;
        bw_table_cell_printf(cell, "%lld", (long long)l->id);
        break;
    case L_SYNC:
        cell->text = bw_slice_cstr(l->sync);
        break;
    case L_KEY:
        key_cell(cell, l->key);
        break;
    case L_REASON:
        cell->text = bw_slice_cstr(bw_reason_name(l->reason));
        cell->style = BW_ROLE_WARN;
        break;
    case L_COLUMN:
        cell->text = bw_slice_cstr(l->column && l->column[0] ? l->column : "-");
        break;
    case L_DETAIL:
        detail_cell(v, cell, l);
        break;
    case L_TRIES:
        bw_cell_count(cell, l->attempts);
        break;
    case L_FIRST:
        ago_cell(v, cell, l->first_seen_us);
        break;
    case L_LAST:
        ago_cell(v, cell, l->last_seen_us);
        break;
    case L_STATE:
        cell->text = bw_slice_cstr(bw_letter_state_name(l->state));
        cell->style = bw_letter_role(l->state);
        break;
    default:
        cell->text = l->content;
    }
}

static bw_view *open_letters(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_letters *v = bw_xcalloc(1, sizeof(*v));
    bw_table_view_init(&v->base, class, host, letter_columns, BW_COUNT(letter_columns));
    v->base.at = *at;
    /* Columns that would say the same on every line. */
    if (!at->sync[0])
        bw_table_show_column(v->base.table, L_SYNC, true);
    if (at->reason[0])
        bw_table_show_column(v->base.table, L_REASON, false);
    snprintf(v->base.view.crumb, sizeof(v->base.view.crumb), "%.100s%s%.50s",
             at->sync[0] ? at->sync : "All", at->reason[0] ? " " : "",
             at->reason[0] ? at->reason : " dead letters");
    return &v->base.view;
}

/* A plain word of the filter narrows the whole list down in the store, not only the window. */
static const char *narrowing(const view_letters *v)
{
    const char *text = bw_table_filter_text(v->base.table);
    bool plain = v->large && strlen(text) < sizeof(v->text);
    for (const char *c = text; *c && plain; c++)
        plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                *c == '_' || *c == '-';
    return plain ? text : "";
}

static bool query_letters(const bw_view *view, bw_page_query *out)
{
    const view_letters *v = (const view_letters *)view;
    const char *text = narrowing(v);
    *out = (bw_page_query){.kind = BW_PAGE_LETTERS, .limit = WINDOW};
    memcpy(out->sync, v->base.at.sync, sizeof(out->sync));
    memcpy(out->reason, v->base.at.reason, sizeof(out->reason));
    snprintf(out->text, sizeof(out->text), "%s", text);
    out->offset = strcmp(text, v->text) == 0 ? v->first : 0;
    return true;
}

static void update_letters(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_letters *v = (view_letters *)view;
    v->base.snapshot = snapshot;
    v->base.page = page;
    if (!page)
        return;
    bw_table_set_empty(v->base.table, page->error ? page->error : "no dead letters are left here");
    if (!page->query.text[0])
        v->large = page->total > WINDOW;
    bw_table_set_rows(v->base.table, &(bw_table_rows){.count = page->n_letters,
                                                      .id = letter_id,
                                                      .cell = letter_cell,
                                                      .user = v,
                                                      .partial = v->large});
    if (v->edge && page->query.offset == v->first) {
        (void)bw_table_act(v->base.table, v->edge);
        v->edge = BW_ACTION_NONE;
    }
}

/* Whether the cursor is on the first (or last) row that shows. */
static bool at_edge(const view_letters *v, bool last)
{
    size_t n = bw_table_visible(v->base.table), row = bw_table_selected_index(v->base.table);
    return n > 0 && row == bw_table_visible_row(v->base.table, last ? n - 1 : 0);
}

static void move_window(view_letters *v, int action)
{
    const bw_page *page = v->base.page;
    int64_t first, n = page ? (int64_t)page->n_letters : 0, total = page ? page->total : 0;
    bool up = action == BW_ACTION_UP || action == BW_ACTION_PAGE_UP || action == BW_ACTION_HOME;
    if (total <= n || !at_edge(v, !up))
        return;
    first = page->query.offset;
    if (action == BW_ACTION_HOME)
        first = 0;
    else if (action == BW_ACTION_END)
        first = total - WINDOW;
    else
        first += up ? -WINDOW / 2 : WINDOW / 2;
    first = first > total - WINDOW ? total - WINDOW : first;
    v->first = first < 0 ? 0 : first;
    snprintf(v->text, sizeof(v->text), "%s", page->query.text);
    bool far = action == BW_ACTION_HOME || action == BW_ACTION_END;
    v->edge = far && v->first != page->query.offset ? action : BW_ACTION_NONE;
}

static const bw_dead_letter *letter_of(const view_letters *v, const char *id)
{
    int64_t number = strtoll(id, NULL, 10);
    for (size_t i = 0; v->base.page && i < v->base.page->n_letters; i++) {
        if (v->base.page->letters[i].id == number)
            return &v->base.page->letters[i];
    }
    return NULL;
}

static const bw_dead_letter *selected(const view_letters *v)
{
    size_t row = bw_table_selected_index(v->base.table);
    return v->base.page && row < v->base.page->n_letters ? &v->base.page->letters[row] : NULL;
}

static bw_reaction act_on_targets(view_letters *v, const bw_action *action)
{
    char **ids;
    size_t n = bw_table_targets(v->base.table, &ids);
    const char **names = bw_xcalloc(n + 1, sizeof(*names));
    for (size_t i = 0; i < n; i++) {
        const bw_dead_letter *l = letter_of(v, ids[i]);
        names[i] = l && l->key ? l->key : ids[i];
    }
    bw_reaction r = bw_letter_act(&v->base.view, action, (const char *const *)ids, names, n);
    free(names);
    bw_table_targets_free(ids);
    return r;
}

static bw_reaction act_letters(bw_view *view, const bw_action *action, const char *argument)
{
    view_letters *v = (view_letters *)view;
    bw_reaction r = bw_table_act(v->base.table, action->id);
    (void)argument;
    const bw_dead_letter *l = selected(v);
    if (r == BW_REACT_NONE && l)
        r = bw_letter_act_one(view, action, l);
    if (r == BW_REACT_NONE)
        return act_on_targets(v, action);
    move_window(v, action->id);
    if (!(r & BW_REACT_ACCEPT) || !l)
        return r;
    bw_view_at at = v->base.at;
    at.id = l->id;
    snprintf(at.sync, sizeof(at.sync), "%s", l->sync);
    bw_host_open(view->host, BW_SCREEN_LETTER, &at);
    return BW_REACT_REDRAW;
}

static const char *refuse_letters(bw_view *view, const bw_action *action)
{
    view_letters *v = (view_letters *)view;
    size_t hidden;
    bool marked = (action->flags & BW_ACT_BULK) && bw_table_marked(v->base.table, &hidden) > 0;
    return marked ? NULL : bw_letter_refuse(action, selected(v));
}

static bw_role say_letter(const bw_table_view *v, bw_buf *out)
{
    const bw_dead_letter *l = &v->page->letters[bw_table_selected_index(v->table)];
    bw_buf_addf(out, "%s  ", l->key ? l->key : "no key");
    if (l->contradicts)
        bw_buf_addf(out, "contradicts letter %lld, under one event id; ",
                    (long long)l->contradicts);
    if (l->column && l->column[0])
        bw_buf_addf(out, "column %s: ", l->column);
    bw_buf_adds(out, bw_reason_text(l->reason));
    if (l->detail && l->detail[0])
        bw_buf_addf(out, " (%s)", l->detail);
    return BW_ROLE_TEXT;
}

static void draw_letters(bw_view *view, bw_region region, bool focused)
{
    view_letters *v = (view_letters *)view;
    const bw_page *page = v->base.page;
    bool cut = page && page->total > (int64_t)page->n_letters;
    bw_table_view_draw_below(&v->base, bw_region_sub(region, 0, 0, region.rows - cut, -1), focused,
                             say_letter);
    if (cut) {
        char text[320];
        snprintf(text, sizeof(text),
                 "%lld to %lld of %lld%s%s; sorted, and filtered by columns, "
                 "among these",
                 (long long)page->query.offset + 1,
                 (long long)(page->query.offset + (int64_t)page->n_letters), (long long)page->total,
                 page->query.text[0] ? " with " : "", page->query.text);
        bw_region_field(region, region.rows - 1, 1, region.cols - 2, BW_ALIGN_LEFT, BW_ROLE_MUTED,
                        bw_slice_cstr(text));
    }
}

const bw_view_class bw_view_letters = {
    .id = BW_SCREEN_LETTERS,
    .name = "letters",
    .title = "Dead letters",
    .actions = bw_letter_actions,
    .n_actions = BW_LETTER_ACTIONS,
    .has_table = true,
    .open = open_letters,
    .free = bw_table_view_free,
    .query = query_letters,
    .update = update_letters,
    .draw = draw_letters,
    .act = act_letters,
    .mouse = bw_table_view_mouse,
    .table = bw_table_view_table,
    .refuse = refuse_letters,
};
