/* What actions and the mouse do to a table. */
#include <stdlib.h>

#include "views/kit/action.h"
#include "views/kit/table_intern.h"

#define DOUBLE_CLICK (400 * BW_SECOND / 1000)
#define WHEEL_LINES  3

void bw_table_scroll_to_cursor(bw_table *t)
{
    size_t page = (size_t)(t->page > 0 ? t->page : 1);
    if (t->cursor < t->top)
        t->top = t->cursor;
    else if (t->cursor >= t->top + page)
        t->top = t->cursor - page + 1;
    if (t->top + page > t->visible)
        t->top = t->visible > page ? t->visible - page : 0;
}

bw_reaction bw_table_move_to(bw_table *t, size_t position)
{
    if (t->visible == 0)
        return BW_REACT_HANDLED;
    if (position >= t->visible)
        position = t->visible - 1;
    bool moved = position != t->cursor || !t->touched;
    t->navigated_us = bw_mono_us(t->clock);
    t->touched = true;
    t->cursor = position;
    free(t->selected);
    t->selected = bw_xstrdup(t->ids[t->order[position]]);
    bw_table_scroll_to_cursor(t);
    return moved ? BW_REACT_REDRAW | BW_REACT_SELECT : BW_REACT_HANDLED;
}

static bw_reaction move_by(bw_table *t, int64_t by)
{
    int64_t to = (int64_t)t->cursor + by;
    return bw_table_move_to(t, to < 0 ? 0 : (size_t)to);
}

static bw_reaction move_column(bw_table *t, int by)
{
    size_t at = 0;
    while (at < t->span_count && t->spans[at].column != t->column_cursor)
        at++;
    if (t->span_count == 0)
        return BW_REACT_HANDLED;
    if (at == t->span_count)
        at = 0;
    else if (by < 0 && at > 0)
        at--;
    else if (by > 0 && at + 1 < t->span_count)
        at++;
    t->column_cursor = t->spans[at].column;
    t->column_moved = true;
    return BW_REACT_REDRAW;
}

/* The shown, sortable column beside the one that is sorted by. */
static bw_reaction sort_neighbour(bw_table *t, int by)
{
    bool descending;
    size_t now = bw_table_sorting(t, &descending), sortable[BW_TABLE_COLUMNS], n = 0, at = SIZE_MAX;
    for (size_t i = 0; i < t->column_count; i++) {
        size_t column = t->arrangement[i];
        if (t->hidden[column] || t->columns[column].unsortable)
            continue;
        if (column == now)
            at = n;
        sortable[n++] = column;
    }
    if (n == 0)
        return BW_REACT_HANDLED;
    size_t next = at == SIZE_MAX ? (by > 0 ? 0 : n - 1) : (at + n + (by > 0 ? 1 : n - 1)) % n;
    bw_table_sort_by(t, sortable[next], t->columns[sortable[next]].descending);
    return BW_REACT_REDRAW;
}

static bw_reaction sort_invert(bw_table *t)
{
    bool descending;
    size_t now = bw_table_sorting(t, &descending);
    if (now == BW_NO_COLUMN)
        return sort_neighbour(t, 1);
    bw_table_sort_by(t, now, !descending);
    return BW_REACT_REDRAW;
}

void bw_table_set_mark(bw_table *t, const char *id, bool marked)
{
    if (marked)
        bw_id_map_put(&t->marks, id, 0);
    else
        bw_id_map_remove(&t->marks, id);
}

static bw_reaction mark_toggle(bw_table *t)
{
    if (!t->selected)
        return BW_REACT_HANDLED;
    bw_table_set_mark(t, t->selected, !bw_id_map_get(&t->marks, t->selected, NULL));
    free(t->mark_anchor);
    t->mark_anchor = bw_xstrdup(t->selected);
    move_by(t, 1);
    bw_table_count_hidden_marks(t);
    return BW_REACT_REDRAW | BW_REACT_SELECT;
}

static bw_reaction mark_range(bw_table *t)
{
    size_t from = t->cursor, to = t->cursor;
    for (size_t i = 0; t->mark_anchor && i < t->visible; i++) {
        if (strcmp(t->ids[t->order[i]], t->mark_anchor) == 0)
            from = i;
    }
    if (from > to) {
        size_t swap = from;
        from = to;
        to = swap;
    }
    for (size_t i = from; i <= to && i < t->visible; i++)
        bw_table_set_mark(t, t->ids[t->order[i]], true);
    if (t->selected) {
        free(t->mark_anchor);
        t->mark_anchor = bw_xstrdup(t->selected);
    }
    bw_table_count_hidden_marks(t);
    return BW_REACT_REDRAW;
}

static bw_reaction mark_invert(bw_table *t)
{
    for (size_t i = 0; i < t->visible; i++) {
        const char *id = t->ids[t->order[i]];
        bw_table_set_mark(t, id, !bw_id_map_get(&t->marks, id, NULL));
    }
    bw_table_count_hidden_marks(t);
    return BW_REACT_REDRAW;
}

static bw_reaction mark_clear(bw_table *t)
{
    bw_id_map_clear(&t->marks);
    bw_table_count_hidden_marks(t);
    return BW_REACT_REDRAW;
}

static bw_reaction clear_filter(bw_table *t)
{
    if (!t->filter_text[0])
        return BW_REACT_NONE;
    bw_table_clear_filter(t);
    return BW_REACT_REDRAW;
}

bw_reaction bw_table_act(bw_table *t, int action)
{
    int64_t page = t->page > 1 ? t->page - 1 : 1;
    switch (action) {
    case BW_ACTION_UP:
        return move_by(t, -1);
    case BW_ACTION_DOWN:
        return move_by(t, 1);
    case BW_ACTION_PAGE_UP:
        return move_by(t, -page);
    case BW_ACTION_PAGE_DOWN:
        return move_by(t, page);
    case BW_ACTION_HOME:
        return bw_table_move_to(t, 0);
    case BW_ACTION_END:
        return bw_table_move_to(t, t->visible);
    case BW_ACTION_LEFT:
        return move_column(t, -1);
    case BW_ACTION_RIGHT:
        return move_column(t, 1);
    case BW_ACTION_ENTER:
        return t->selected ? BW_REACT_ACCEPT : BW_REACT_HANDLED;
    case BW_ACTION_BACK:
        return clear_filter(t);
    case BW_ACTION_SORT_NEXT:
        return sort_neighbour(t, 1);
    case BW_ACTION_SORT_PREVIOUS:
        return sort_neighbour(t, -1);
    case BW_ACTION_SORT_INVERT:
        return sort_invert(t);
    case BW_ACTION_MARK:
        return mark_toggle(t);
    case BW_ACTION_MARK_RANGE:
        return mark_range(t);
    case BW_ACTION_MARK_INVERT:
        return mark_invert(t);
    case BW_ACTION_MARK_CLEAR:
        return mark_clear(t);
    default:
        return BW_REACT_NONE;
    }
}

static bw_reaction click_title(bw_table *t, int col)
{
    for (size_t i = 0; i < t->span_count; i++) {
        const bw_column_span *s = &t->spans[i];
        if (col < s->from || col > s->from + s->width || t->columns[s->column].unsortable)
            continue;
        bool descending;
        if (bw_table_sorting(t, &descending) == s->column)
            return sort_invert(t);
        bw_table_sort_by(t, s->column, t->columns[s->column].descending);
        return BW_REACT_REDRAW;
    }
    return BW_REACT_HANDLED;
}

bw_reaction bw_table_mouse(bw_table *t, const bw_input *event)
{
    if (!bw_region_has(t->drawn, event->row, event->col))
        return BW_REACT_NONE;
    if (event->type == BW_EVENT_WHEEL_UP)
        return move_by(t, -WHEEL_LINES);
    if (event->type == BW_EVENT_WHEEL_DOWN)
        return move_by(t, WHEEL_LINES);
    if (event->type != BW_EVENT_CLICK)
        return BW_REACT_NONE;
    int line = event->row - t->drawn.row;
    if (line == 0)
        return click_title(t, event->col - t->drawn.col);
    size_t position = t->top + (size_t)(line - 1);
    if (position >= t->visible)
        return BW_REACT_HANDLED;
    int64_t now = bw_mono_us(t->clock);
    bool again = position == t->cursor && t->touched && now - t->clicked_us < DOUBLE_CLICK;
    t->clicked_us = now;
    return again ? BW_REACT_ACCEPT : bw_table_move_to(t, position);
}
