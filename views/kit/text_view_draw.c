/* How the pager looks. */
#include "backend/core/text.h"
#include "views/kit/text_view_intern.h"

/* Draws the bytes [from, to) of a line at column `col`. */
static void draw_part(bw_region r, int row, int col, const bw_text_line *l, size_t from, size_t to)
{
    for (uint32_t i = 0; i < l->span_count; i++) {
        size_t begin = l->spans[i].from, end = begin + l->spans[i].len;
        begin = begin < from ? from : begin;
        end = end > to ? to : end;
        if (begin < end)
            col = bw_region_put(r, row, col, l->spans[i].style,
                                (bw_slice){l->text + begin, end - begin});
    }
}

/* Paints over what the search has found. */
static void draw_matches(const bw_text_view *v, bw_region r, int row, int col,
                         const bw_text_line *l, size_t from, size_t to)
{
    size_t len = strlen(v->search), at = from;
    bw_slice text = {l->text, to};
    while ((at = bw_text_find(v, text, at)) != SIZE_MAX) {
        int before = bw_cells((bw_slice){l->text + from, at - from});
        bw_region_put(r, row, col + before, BW_ROLE_MATCH, (bw_slice){l->text + at, len});
        at += len;
    }
}

static void draw_cut_marks(bw_region r, int row, const bw_text_line *l, int side)
{
    if (side > 0 && l->len > 0)
        bw_region_glyph(r, row, 0, BW_ROLE_MUTED, BW_GLYPH_MORE_LEFT);
    if (bw_text_width((bw_slice){l->text, l->len}) - side > r.cols)
        bw_region_glyph(r, row, r.cols - 1, BW_ROLE_MUTED, BW_GLYPH_MORE_RIGHT);
}

static void draw_line(const bw_text_view *v, bw_region r, int row, const bw_text_line *l,
                      size_t from, size_t to)
{
    int col = v->wrap ? bw_text_row_indent(l, from, r.cols) : -v->side;
    draw_part(r, row, col, l, from, to);
    if (v->search[0])
        draw_matches(v, r, row, col, l, from, to);
    if (!v->wrap)
        draw_cut_marks(r, row, l, v->side);
}

void bw_text_view_draw(bw_text_view *v, bw_region r)
{
    v->drawn = r;
    bw_text_view_clamp(v);
    size_t n = (size_t)(v->top - v->base);
    int skip = v->part;
    for (int row = 0; row < r.rows && n < v->count; n++) {
        const bw_text_line *l = bw_text_line_at(v, n);
        size_t at = 0;
        do {
            size_t len = v->wrap ? bw_text_row_bytes(l, at, r.cols) : l->len - at;
            if (skip > 0)
                skip--;
            else
                draw_line(v, r, row++, l, at, at + len);
            at += len;
        } while (at < l->len && row < r.rows);
        skip = 0;
    }
    bw_region_cursor(r, 0, 0, false);
}

void bw_text_view_status(const bw_text_view *v, bw_buf *out)
{
    size_t first = v->count ? (size_t)(v->top - v->base) + 1 : 0;
    size_t last = first + (size_t)bw_text_view_page(v) - 1;
    if (last > v->count)
        last = v->count;
    bw_buf_addf(out, "%zu-%zu/%zu", first, last, v->count);
    if (v->follow)
        bw_buf_adds(out, "  following");
    if (v->wrap)
        bw_buf_adds(out, "  wrap");
    if (v->search[0])
        bw_buf_addf(out, "  /%s", v->search);
}
