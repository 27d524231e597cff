/* Which rows of a table show, and in which order. */
#include <math.h>
#include <stdlib.h>

#include "views/kit/table_intern.h"

typedef struct sort_key {
    size_t row, rank; /* rank: place in the order so far, for a held sort */
    double number;
    bw_slice text;
    bool descending;
} sort_key;

void bw_table_cell_reset(bw_table_cell *cell)
{
    /* Without the text buffer, which is large and needs no clearing. */
    memset(cell, 0, offsetof(bw_table_cell, buf));
    cell->number = cell->share = cell->max = NAN;
    cell->buf[0] = '\0';
}

size_t bw_table_sorting(const bw_table *t, bool *descending)
{
    *descending = t->chosen ? t->descending : t->default_descending;
    return t->chosen ? t->sort : t->default_sort;
}

typedef struct row_reader {
    bw_table *table;
    size_t row;
    bw_table_cell cell;
} row_reader;

static void read_cell(void *user, size_t column, bw_slice *text, double *number)
{
    row_reader *r = user;
    bw_table_get(r->table, r->row, column, &r->cell);
    *text = r->cell.text;
    *number = r->cell.number;
}

static size_t filter_rows(bw_table *t, size_t *out)
{
    size_t n = 0;
    row_reader reader = {.table = t};
    bw_filter_row row = {read_cell, &reader, t->hidden};
    for (size_t i = 0; i < t->rows.count; i++) {
        reader.row = i;
        if (!t->filter || bw_filter_match(t->filter, &row))
            out[n++] = i;
    }
    return n;
}

static int compare_text(bw_slice a, bw_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? strncasecmp(a.ptr, b.ptr, n) : 0;
    if (c == 0)
        c = (a.len > b.len) - (a.len < b.len);
    if (c == 0 && n)
        c = memcmp(a.ptr, b.ptr, n);
    return c;
}

static int by_key(const void *pa, const void *pb)
{
    const sort_key *a = pa, *b = pb;
    int c = 0;
    if (a->text.ptr || b->text.ptr)
        c = compare_text(a->text, b->text);
    else if (isnan(a->number) != isnan(b->number))
        return isnan(a->number) ? 1 : -1; /* unknown is last, whichever way */
    else if (!isnan(a->number))
        c = (a->number > b->number) - (a->number < b->number);
    if (c != 0)
        return a->descending ? -c : c;
    return (a->row > b->row) - (a->row < b->row);
}

static int by_rank(const void *pa, const void *pb)
{
    const sort_key *a = pa, *b = pb;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return by_key(pa, pb);
}

static void fill_keys(bw_table *t, sort_key *keys, bw_arena *texts)
{
    bool descending;
    size_t column = bw_table_sorting(t, &descending);
    for (size_t i = 0; i < t->visible; i++) {
        keys[i] = (sort_key){.row = t->order[i], .number = NAN, .descending = descending};
        if (column == BW_NO_COLUMN)
            continue;
        bw_table_cell cell;
        bw_table_get(t, t->order[i], column, &cell);
        if (t->columns[column].unit == BW_UNIT_TEXT)
            keys[i].text = bw_arena_slice(texts, cell.text);
        else
            keys[i].number = cell.number;
    }
}

/* Puts the rows that showed before where they were; true when that is not the sorted order. */
static bool hold_order(bw_table *t, sort_key *keys, const bw_id_map *ranks)
{
    bool differs = false;
    for (size_t i = 0; i < t->visible; i++) {
        keys[i].rank = SIZE_MAX;
        bw_id_map_get(ranks, t->ids[keys[i].row], &keys[i].rank);
        if (i > 0 && keys[i - 1].rank > keys[i].rank)
            differs = true;
    }
    if (differs)
        qsort(keys, t->visible, sizeof(*keys), by_rank);
    return differs;
}

static void sort_rows(bw_table *t, const bw_id_map *ranks)
{
    bw_arena texts = BW_ARENA_INIT;
    sort_key *keys = bw_xcalloc(t->visible + 1, sizeof(*keys));
    fill_keys(t, keys, &texts);
    qsort(keys, t->visible, sizeof(*keys), by_key);
    t->held = ranks && hold_order(t, keys, ranks);
    for (size_t i = 0; i < t->visible; i++)
        t->order[i] = keys[i].row;
    free(keys);
    bw_arena_fini(&texts);
}

static void find_selection(bw_table *t)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; t->selected && t->touched && i < t->visible && found == SIZE_MAX; i++) {
        if (strcmp(t->ids[t->order[i]], t->selected) == 0)
            found = i;
    }
    if (found != SIZE_MAX)
        t->cursor = found;
    else if (!t->touched)
        t->cursor = t->top = 0;
    if (t->cursor >= t->visible)
        t->cursor = t->visible ? t->visible - 1 : 0;
    if (found == SIZE_MAX) {
        free(t->selected);
        t->selected = t->visible ? bw_xstrdup(t->ids[t->order[t->cursor]]) : NULL;
    }
    bw_table_scroll_to_cursor(t);
}

void bw_table_count_hidden_marks(bw_table *t)
{
    size_t shown = 0;
    for (size_t i = 0; t->marks.count && i < t->visible; i++)
        shown += bw_id_map_get(&t->marks, t->ids[t->order[i]], NULL);
    t->marks_hidden = t->marks.count - shown;
}

void bw_table_recompute(bw_table *t, const bw_id_map *ranks)
{
    bool descending;
    BW_GROW(t->order, t->rows.count + 1, t->order_cap);
    t->visible = filter_rows(t, t->order);
    t->held = false;
    if (bw_table_sorting(t, &descending) != BW_NO_COLUMN)
        sort_rows(t, ranks);
    find_selection(t);
    bw_table_count_hidden_marks(t);
}
