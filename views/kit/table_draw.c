/* How a table looks: titles, visible rows, and the line above them. */
#include <math.h>
#include <stdio.h>

#include "backend/core/text.h"
#include "views/kit/graph.h"
#include "views/kit/layout.h"
#include "views/kit/table_intern.h"

#define NARROW     50 /* cells: below, the gutter and the gaps shrink */
#define BAR_NUMBER 4  /* cells of the number beside a bar, with a blank */

/* A title is cut without an ellipsis, which would cost a narrow column half of its name; the sign of
   the sort column is never cut. */
static void draw_title(bw_region r, int col, int width, const bw_column *c, bw_style style,
                       const char *sign)
{
    bw_slice title = bw_slice_cstr(c->title);
    int signs = sign ? 1 : 0, cells = 0;
    title.len = bw_text_fit(title, width > signs ? width - signs : 0, &cells);
    if (c->align == BW_ALIGN_RIGHT)
        col += width - cells - signs;
    col = bw_region_put(r, 0, col, style, title);
    if (sign)
        bw_region_puts(r, 0, col, style, sign);
}

static void draw_titles(const bw_table *t, bw_region r, int gutter)
{
    bool descending;
    size_t sorted = bw_table_sorting(t, &descending);
    const char *sign =
        bw_glyph_sign(r.canvas->glyphs, descending ? BW_GLYPH_SORT_DOWN : BW_GLYPH_SORT_UP);
    for (size_t i = 0; i < t->span_count; i++) {
        const bw_column_span *s = &t->spans[i];
        bool here = s->column == sorted;
        bw_style style = here ? BW_ROLE_SORTED : BW_ROLE_COLUMN;
        if (t->column_moved && s->column == t->column_cursor)
            style |= BW_WITH(BW_ATTR_UNDERLINE);
        draw_title(r, gutter + s->from, s->width, &t->columns[s->column], style,
                   here ? sign : NULL);
    }
}

static void draw_bar_cell(bw_region r, int row, int col, int width, const bw_table_cell *cell,
                          bw_style style)
{
    int bar = width - BAR_NUMBER;
    if (bar < 2 || r.canvas->glyphs->plain) {
        bw_region_field(r, row, col, width, BW_ALIGN_RIGHT, style, cell->text);
        return;
    }
    bw_draw_bar(r, row, col, bar, cell->share, style);
    bw_region_field(r, row, col + bar + 1, BAR_NUMBER - 1, BW_ALIGN_RIGHT, style, cell->text);
}

static void draw_cell(bw_region r, int row, int col, int width, const bw_column *column,
                      const bw_table_cell *cell, bool stale)
{
    bw_style style = stale ? BW_ROLE_STALE : cell->style;
    if (cell->kind == BW_CELL_BAR) {
        draw_bar_cell(r, row, col, width, cell, style);
        return;
    }
    if (cell->kind == BW_CELL_SPARK) {
        bw_draw_spark(r, row, col, width, cell->values, cell->count, cell->max, style);
        return;
    }
    if (cell->has_glyph && width > 2) {
        bw_region_glyph(r, row, col, style, cell->glyph);
        bw_region_field(r, row, col + 2, width - 2, column->align, style, cell->text);
        return;
    }
    bw_region_field(r, row, col, width, column->align, style, cell->text);
}

static void draw_gutter(bw_region r, int row, int gutter, bool marked, bool selected)
{
    if (marked)
        bw_region_glyph(r, row, 0, BW_ROLE_MARKED, BW_GLYPH_MARK);
    if (selected && (gutter > 2 || !marked))
        bw_region_glyph(r, row, gutter > 2 ? 1 : 0, BW_ROLE_TEXT, BW_GLYPH_CURSOR);
}

static void draw_row(const bw_table *t, bw_region r, int line, size_t position, int gutter,
                     bool focused)
{
    size_t row = t->order[position];
    bool selected = position == t->cursor;
    bool marked = bw_id_map_get(&t->marks, t->ids[row], NULL);
    bool stale = t->rows.stale && t->rows.stale(t->rows.user, row);
    draw_gutter(r, line, gutter, marked, selected);
    for (size_t i = 0; i < t->span_count; i++) {
        const bw_column_span *s = &t->spans[i];
        bw_table_cell cell;
        bw_table_get(t, row, s->column, &cell);
        draw_cell(r, line, gutter + s->from, s->width, &t->columns[s->column], &cell, stale);
    }
    if (selected && focused) {
        bw_region_shade(r, line, 0, r.cols, BW_ROLE_SELECTED);
        bw_region_cursor(r, line, gutter > 2 ? 1 : 0, false);
    } else if (marked) {
        bw_region_shade(r, line, 0, r.cols, BW_ROLE_MARKED);
    }
}

/* Lines that are scrolled out are pointed at from the gutter of the first and last row. */
static void draw_more(const bw_table *t, bw_region r)
{
    int rows = r.rows - 1;
    if (rows < 2)
        return;
    bw_style style = BW_ROLE_MUTED;
    if (t->top > 0 && t->top != t->cursor)
        bw_region_glyph(r, 1, 0, style, BW_GLYPH_MORE_UP);
    size_t last = t->top + (size_t)rows - 1;
    if (last + 1 < t->visible && last != t->cursor)
        bw_region_glyph(r, rows, 0, style, BW_GLYPH_MORE_DOWN);
}

void bw_table_draw(bw_table *t, bw_region r, bool focused)
{
    int gutter = r.cols < NARROW ? 2 : 3, gap = r.cols < NARROW ? 1 : 2;
    t->drawn = r;
    t->page = r.rows - 1;
    t->span_count = bw_table_fit_columns(t, r.cols - gutter, gap, t->spans);
    bw_table_scroll_to_cursor(t);
    draw_titles(t, r, gutter);
    for (size_t i = 0; t->visible && i < (size_t)(r.rows > 1 ? r.rows - 1 : 0); i++) {
        if (t->top + i < t->visible)
            draw_row(t, r, (int)i + 1, t->top + i, gutter, focused);
    }
    /* Clicks are looked up by columns of the region, the gutter included. */
    for (size_t i = 0; i < t->span_count; i++)
        t->spans[i].from += gutter;
    draw_more(t, r);
    if (t->visible == 0 && r.rows > 1) {
        const char *text = t->rows.count && t->filter ? "no row passes the filter" : t->empty;
        bw_region_field(r, r.rows > 4 ? r.rows / 3 : 1, 0, r.cols, BW_ALIGN_CENTRE, BW_ROLE_MUTED,
                        bw_slice_cstr(text));
    }
}

static const char *describe_marks(const bw_table *t, char *out, size_t size)
{
    out[0] = '\0';
    if (t->marks.count && t->marks_hidden)
        snprintf(out, size, "%zu marked (%zu hidden by filter)", t->marks.count, t->marks_hidden);
    else if (t->marks.count)
        snprintf(out, size, "%zu marked", t->marks.count);
    return out;
}

void bw_table_draw_title(const bw_table *t, bw_region r, int row, const char *title)
{
    char count[64], filter[300] = "", sort[100] = "", marks[100], bad[1100] = "";
    bool descending;
    size_t sorted = bw_table_sorting(t, &descending);
    bool refused = t->filter_error.status != BW_OK;
    const char *more = t->rows.partial ? "+" : ""; /* what is here is not all that there is */
    if (t->filter)
        snprintf(count, sizeof(count), "%zu/%zu%s", t->visible, t->rows.count, more);
    else
        snprintf(count, sizeof(count), "%zu%s", t->rows.count, more);
    if (t->filter_text[0])
        snprintf(filter, sizeof(filter), "/%.250s", t->filter_text);
    if (refused)
        snprintf(bad, sizeof(bad), "%s", t->filter_error.message);
    if (sorted != BW_NO_COLUMN)
        snprintf(
            sort, sizeof(sort), "sort %.60s %s%s", t->columns[sorted].id,
            bw_glyph_sign(r.canvas->glyphs, descending ? BW_GLYPH_SORT_DOWN : BW_GLYPH_SORT_UP),
            t->held ? " held" : "");
    const bw_part parts[] = {
        {title, BW_ROLE_TITLE, 0, false},
        {describe_marks(t, marks, sizeof(marks)), BW_ROLE_WARN, 2, true},
        {bad, BW_ROLE_ERROR, 1, true},
        {filter, refused ? BW_ROLE_ERROR : BW_ROLE_INPUT, 0, true},
        {count, BW_ROLE_TEXT, 0, true},
        {sort, BW_ROLE_MUTED, 3, true},
    };
    bw_parts_draw(r, row, BW_ROLE_TEXT, parts, BW_COUNT(parts), 2);
}
