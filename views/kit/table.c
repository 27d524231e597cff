/* The table's state: rows, sort, filter, selection, marks. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "views/kit/table_intern.h"

bw_table *bw_table_new(const bw_column *columns, size_t count, const bw_clock *clock)
{
    bw_table *t = bw_xcalloc(1, sizeof(*t));
    t->columns = columns;
    t->column_count = count < BW_TABLE_COLUMNS ? count : BW_TABLE_COLUMNS;
    t->clock = clock;
    t->empty = "nothing here";
    t->sort = t->default_sort = BW_NO_COLUMN;
    t->navigated_us = INT64_MIN / 2;
    t->clicked_us = INT64_MIN / 2;
    t->page = 1;
    t->filter_text = bw_xstrdup("");
    bw_table_reset_columns(t);
    return t;
}

void bw_table_free(bw_table *t)
{
    if (!t)
        return;
    bw_arena_fini(&t->id_arena);
    free(t->ids);
    free(t->order);
    free(t->filter_text);
    bw_filter_free(t->filter);
    free(t->selected);
    bw_id_map_fini(&t->marks);
    free(t->mark_anchor);
    free(t);
}

void bw_table_cell_printf(bw_table_cell *cell, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(cell->buf, sizeof(cell->buf), fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n;
    cell->text = (bw_slice){cell->buf, len < sizeof(cell->buf) ? len : sizeof(cell->buf) - 1};
}

static void copy_ids(bw_table *t)
{
    bw_arena_reset(&t->id_arena, 1 << 20);
    BW_GROW(t->ids, t->rows.count + 1, t->ids_cap);
    for (size_t i = 0; i < t->rows.count; i++)
        t->ids[i] = bw_arena_strdup(&t->id_arena, t->rows.id(t->rows.user, i));
}

/* Marks of rows that are no more. */
static void prune_marks(bw_table *t)
{
    if (t->marks.count == 0 || t->rows.partial)
        return;
    bw_id_map still = {0};
    for (size_t i = 0; i < t->rows.count; i++) {
        if (bw_id_map_get(&t->marks, t->ids[i], NULL))
            bw_id_map_put(&still, t->ids[i], 0);
    }
    bw_id_map_fini(&t->marks);
    t->marks = still;
}

void bw_table_set_rows(bw_table *t, const bw_table_rows *rows)
{
    bool hold = bw_mono_us(t->clock) - t->navigated_us < BW_TABLE_HOLD;
    bw_id_map ranks = {0};
    for (size_t i = 0; hold && i < t->visible; i++)
        bw_id_map_put(&ranks, t->ids[t->order[i]], i);
    t->rows = *rows;
    copy_ids(t);
    prune_marks(t);
    bw_table_recompute(t, hold ? &ranks : NULL);
    bw_id_map_fini(&ranks);
}

void bw_table_set_empty(bw_table *t, const char *text)
{
    t->empty = text;
}

static size_t column_by_id(const bw_table *t, const char *id)
{
    for (size_t i = 0; id && i < t->column_count; i++) {
        if (strcasecmp(t->columns[i].id, id) == 0)
            return i;
    }
    return BW_NO_COLUMN;
}

bw_status bw_table_sort(bw_table *t, const char *column, bool descending, bw_error *err)
{
    size_t found = column_by_id(t, column);
    if (found == BW_NO_COLUMN || t->columns[found].unsortable) {
        const char *ids[BW_TABLE_COLUMNS];
        size_t n = 0;
        char shown[96];
        for (size_t i = 0; i < t->column_count; i++) {
            if (!t->columns[i].unsortable)
                ids[n++] = t->columns[i].id;
        }
        const char *near = bw_nearest(column, ids, n);
        bw_error_set(err, BW_NOT_FOUND, "no column to sort by is called %s",
                     bw_text_sanitise_to(shown, sizeof(shown), column));
        if (near)
            bw_error_hint(err, "Did you mean %s?", near);
        return BW_NOT_FOUND;
    }
    bw_table_sort_by(t, found, descending);
    return BW_OK;
}

void bw_table_sort_by(bw_table *t, size_t column, bool descending)
{
    t->sort = column;
    t->descending = descending;
    t->chosen = true;
    bw_table_recompute(t, NULL);
}

void bw_table_default_sort(bw_table *t, const char *column, bool descending)
{
    t->default_sort = column_by_id(t, column);
    t->default_descending = descending;
    if (!t->chosen)
        bw_table_recompute(t, NULL);
}

const char *bw_table_sort_column(const bw_table *t, bool *descending)
{
    size_t column = bw_table_sorting(t, descending);
    return column == BW_NO_COLUMN ? NULL : t->columns[column].id;
}

bw_status bw_table_filter(bw_table *t, const char *text, bw_error *err)
{
    bw_filter_column columns[BW_TABLE_COLUMNS];
    for (size_t i = 0; i < t->column_count; i++)
        columns[i] = (bw_filter_column){t->columns[i].id, t->columns[i].unit};
    bw_filter *filter = NULL;
    char *copy = bw_xstrdup(text);
    free(t->filter_text);
    t->filter_text = copy;
    t->filter_error = (bw_error)BW_ERROR_INIT;
    bw_status status = bw_filter_new(&filter, text, columns, t->column_count, &t->filter_error);
    if (status != BW_OK) { /* the rows stay as they are until the text makes sense again */
        if (err)
            *err = t->filter_error;
        return status;
    }
    bw_filter_free(t->filter);
    t->filter = text[strspn(text, " \t")] ? filter : NULL;
    if (!t->filter)
        bw_filter_free(filter);
    bw_table_recompute(t, NULL);
    t->touched |= t->filter != NULL; /* what was looked for is not lost when the filter goes */
    return BW_OK;
}

void bw_table_clear_filter(bw_table *t)
{
    t->filter_text[0] = '\0';
    t->filter_error = (bw_error)BW_ERROR_INIT;
    bw_filter_free(t->filter);
    t->filter = NULL;
    bw_table_recompute(t, NULL);
}

const char *bw_table_filter_text(const bw_table *t)
{
    return t->filter_text;
}

bool bw_table_filtered(const bw_table *t)
{
    return t->filter != NULL;
}

const char *bw_table_selected(const bw_table *t)
{
    return t->selected;
}

size_t bw_table_selected_index(const bw_table *t)
{
    return t->selected && t->cursor < t->visible ? t->order[t->cursor] : SIZE_MAX;
}

void bw_table_touch(bw_table *t)
{
    t->touched = true;
}

bool bw_table_select(bw_table *t, const char *id)
{
    for (size_t i = 0; i < t->visible; i++) {
        if (strcmp(t->ids[t->order[i]], id) == 0) {
            bw_table_move_to(t, i);
            return true;
        }
    }
    return false;
}

size_t bw_table_selected_column(const bw_table *t)
{
    return t->column_cursor;
}

size_t bw_table_marked(const bw_table *t, size_t *hidden)
{
    if (hidden)
        *hidden = t->marks_hidden;
    return t->marks.count;
}

bool bw_table_is_marked(const bw_table *t, const char *id)
{
    return bw_id_map_get(&t->marks, id, NULL);
}

size_t bw_table_targets(const bw_table *t, char ***ids)
{
    size_t count = t->marks.count ? t->marks.count : t->selected ? 1 : 0, n = 0;
    char **list = bw_xcalloc(count + 1, sizeof(*list));
    if (t->marks.count == 0 && t->selected)
        list[n++] = bw_xstrdup(t->selected);
    /* In the order of the data, so that a dialog lists what the screen lists. */
    for (size_t i = 0; t->marks.count && i < t->visible; i++) {
        if (bw_id_map_get(&t->marks, t->ids[t->order[i]], NULL))
            list[n++] = bw_xstrdup(t->ids[t->order[i]]);
    }
    bw_id_map listed = {0};
    for (size_t i = 0; i < n; i++)
        bw_id_map_put(&listed, list[i], 0);
    for (size_t i = 0; n < count && i < t->marks.size; i++) {
        const char *id = t->marks.slots[i].id;
        if (id && !bw_id_map_get(&listed, id, NULL))
            list[n++] = bw_xstrdup(id);
    }
    bw_id_map_fini(&listed);
    *ids = list;
    return n;
}

void bw_table_targets_free(char **ids)
{
    for (size_t i = 0; ids && ids[i]; i++)
        free(ids[i]);
    free(ids);
}

size_t bw_table_visible(const bw_table *t)
{
    return t->visible;
}

size_t bw_table_visible_row(const bw_table *t, size_t n)
{
    return t->order[n];
}

size_t bw_table_columns(const bw_table *t)
{
    return t->column_count;
}

const bw_column *bw_table_column(const bw_table *t, size_t column)
{
    return &t->columns[column];
}

void bw_table_get(const bw_table *t, size_t row, size_t column, bw_table_cell *cell)
{
    bw_table_cell_reset(cell);
    t->rows.cell(t->rows.user, row, column, cell);
}

int64_t bw_table_deadline(const bw_table *t)
{
    return t->held ? t->navigated_us + BW_TABLE_HOLD : BW_FOREVER;
}

bw_reaction bw_table_tick(bw_table *t)
{
    if (!t->held || bw_mono_us(t->clock) < bw_table_deadline(t))
        return BW_REACT_NONE;
    bw_table_recompute(t, NULL);
    return BW_REACT_REDRAW;
}
