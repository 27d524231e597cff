/* The memory canvas: cells, clusters, clipping, and its dumps for golden frames. */
#include "views/kit/canvas.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"

bw_canvas *bw_canvas_new(int rows, int cols, const bw_glyphs *glyphs)
{
    bw_canvas *c = bw_xcalloc(1, sizeof(*c));
    c->glyphs = glyphs;
    bw_canvas_resize(c, rows, cols);
    return c;
}

void bw_canvas_free(bw_canvas *c)
{
    if (!c)
        return;
    free(c->cells);
    free(c);
}

void bw_canvas_resize(bw_canvas *c, int rows, int cols)
{
    c->rows = rows > 0 ? rows : 0;
    c->cols = cols > 0 ? cols : 0;
    free(c->cells);
    c->cells = bw_xcalloc((size_t)c->rows * (size_t)c->cols + 1, sizeof(*c->cells));
    bw_canvas_clear(c);
}

void bw_canvas_clear(bw_canvas *c)
{
    static const bw_cell blank = {.text = " ", .width = 1, .style = BW_ROLE_TEXT};
    size_t count = (size_t)c->rows * (size_t)c->cols;
    for (size_t i = 0; i < count; i++)
        c->cells[i] = blank;
    c->cursor_row = c->cursor_col = -1;
    c->cursor_shown = false;
}

bw_region bw_canvas_region(bw_canvas *c)
{
    return (bw_region){c, 0, 0, c->rows, c->cols};
}

bw_region bw_region_sub(bw_region r, int row, int col, int rows, int cols)
{
    if (rows < 0)
        rows = INT_MAX / 2;
    if (cols < 0)
        cols = INT_MAX / 2;
    /* Cutting at the top or left would move the origin, so that a negative start is clamped. */
    row = row < 0 ? 0 : row > r.rows ? r.rows : row;
    col = col < 0 ? 0 : col > r.cols ? r.cols : col;
    if (rows > r.rows - row)
        rows = r.rows - row;
    if (cols > r.cols - col)
        cols = r.cols - col;
    return (bw_region){r.canvas, r.row + row, r.col + col, rows, cols};
}

bool bw_region_has(bw_region r, int row, int col)
{
    return row >= r.row && row < r.row + r.rows && col >= r.col && col < r.col + r.cols;
}

static bw_cell *cell_at(bw_region r, int row, int col)
{
    return &r.canvas->cells[(size_t)(r.row + row) * (size_t)r.canvas->cols + (size_t)(r.col + col)];
}

/* A cell is about to be written: the other half of a wide cluster that it cuts becomes a blank. */
static void split_wide(bw_region r, int row, int col)
{
    bw_cell *cell = cell_at(r, row, col);
    int at = r.col + col;
    if (cell->width == 0 && at > 0) {
        memset(cell[-1].text, 0, sizeof(cell->text));
        cell[-1].text[0] = ' ';
        cell[-1].width = 1;
    } else if (cell->width == 2 && at + 1 < r.canvas->cols) {
        memset(cell[1].text, 0, sizeof(cell->text));
        cell[1].text[0] = ' ';
        cell[1].width = 1;
    }
}

static void set_cell(bw_region r, int row, int col, bw_style style, bw_slice text, int width)
{
    split_wide(r, row, col);
    bw_cell *cell = cell_at(r, row, col);
    memset(cell, 0, sizeof(*cell));
    if (text.len > sizeof(cell->text)) {
        /* A monstrous cluster keeps as many whole code points as fit. */
        size_t n = 0, size;
        int32_t cp;
        while ((size = bw_utf8_decode((bw_slice){text.ptr + n, text.len - n}, &cp)) > 0 &&
               n + size <= sizeof(cell->text))
            n += size;
        text.len = n;
    }
    memcpy(cell->text, text.ptr, text.len);
    cell->width = (uint8_t)width;
    cell->style = style;
    if (width == 2) {
        split_wide(r, row, col + 1);
        memset(&cell[1], 0, sizeof(*cell));
        cell[1].style = style;
    }
}

static void put_cluster(bw_region r, int row, int col, bw_style style, bw_slice text, int width)
{
    if (row < 0 || row >= r.rows || width == 0)
        return;
    /* A cluster of more than one byte is not ASCII, even if it begins so (e and an accent). */
    bool ascii = r.canvas->glyphs->ascii && (text.len > 1 || (unsigned char)text.ptr[0] >= 0x80);
    bool cut = col < 0 || col + width > r.cols;
    if (!ascii && !cut) {
        set_cell(r, row, col, style, text, width);
        return;
    }
    /* A wide cluster that is cut in two shows nothing of itself. */
    bw_slice instead = ascii && !cut ? BW_SLICE_LIT("?") : BW_SLICE_LIT(" ");
    for (int i = col; i < col + width; i++) {
        if (i >= 0 && i < r.cols)
            set_cell(r, row, i, style, instead, 1);
    }
}

/* Text of printable ASCII needs no sanitising, and there is little else. */
static bool harmless(bw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < 0x20 || (unsigned char)s.ptr[i] >= 0x7f)
            return false;
    }
    return true;
}

/* Draws sanitised text. */
static int put_clean(bw_region r, int row, int col, bw_style style, bw_slice s)
{
    size_t n;
    int w;
    while ((n = bw_cluster_next(s, &w)) > 0) {
        put_cluster(r, row, col, style, (bw_slice){s.ptr, n}, w);
        col += w;
        s.ptr += n;
        s.len -= n;
    }
    return col;
}

int bw_region_put(bw_region r, int row, int col, bw_style style, bw_slice text)
{
    if (harmless(text)) {
        for (size_t i = 0; i < text.len; i++)
            put_cluster(r, row, col + (int)i, style, (bw_slice){text.ptr + i, 1}, 1);
        return col + (int)text.len;
    }
    bw_buf clean = BW_BUF_INIT;
    bw_text_sanitise(&clean, text);
    col = put_clean(r, row, col, style, bw_buf_slice(&clean));
    bw_buf_fini(&clean);
    return col;
}

int bw_region_puts(bw_region r, int row, int col, bw_style style, const char *text)
{
    return bw_region_put(r, row, col, style, bw_slice_cstr(text));
}

int bw_region_putf(bw_region r, int row, int col, bw_style style, const char *fmt, ...)
{
    char small[256], *text = small;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    if (n < 0)
        return col;
    if ((size_t)n >= sizeof(small)) {
        text = bw_xmalloc((size_t)n + 1);
        va_start(ap, fmt);
        vsnprintf(text, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    col = bw_region_put(r, row, col, style, (bw_slice){text, (size_t)n});
    if (text != small)
        free(text);
    return col;
}

int bw_region_glyph(bw_region r, int row, int col, bw_style style, bw_glyph glyph)
{
    return put_clean(r, row, col, style, bw_slice_cstr(bw_glyph_sign(r.canvas->glyphs, glyph)));
}

int bw_cells(bw_slice text)
{
    if (harmless(text))
        return (int)text.len;
    bw_buf clean = BW_BUF_INIT;
    bw_text_sanitise(&clean, text);
    int cells = bw_text_width(bw_buf_slice(&clean));
    bw_buf_fini(&clean);
    return cells;
}

int bw_text_truncate(bw_buf *out, bw_slice text, int width, const bw_glyphs *glyphs)
{
    if (width <= 0)
        return 0;
    bw_buf clean = BW_BUF_INIT;
    bw_text_sanitise(&clean, text);
    int cells = bw_text_width(bw_buf_slice(&clean));
    if (cells <= width) {
        bw_buf_add(out, clean.ptr, clean.len);
    } else {
        const char *sign = bw_glyph_sign(glyphs, BW_GLYPH_ELLIPSIS);
        int room = bw_text_width(bw_slice_cstr(sign));
        /* Where not even the ellipsis fits, a dot or two still say that text is missing. */
        bw_slice mark =
            room < width || room == 1 ? bw_slice_cstr(sign) : (bw_slice){sign, (size_t)(width > 1)};
        size_t n = bw_text_fit(bw_buf_slice(&clean), width - bw_text_width(mark), &cells);
        bw_buf_add(out, clean.ptr, n);
        bw_buf_add(out, mark.ptr, mark.len);
        cells += bw_text_width(mark);
    }
    bw_buf_fini(&clean);
    return cells;
}

void bw_region_field(bw_region r, int row, int col, int width, bw_align align, bw_style style,
                     bw_slice text)
{
    bw_buf cut = BW_BUF_INIT;
    int cells = bw_text_truncate(&cut, text, width, r.canvas->glyphs);
    int before = align == BW_ALIGN_LEFT ? 0 : width - cells;
    if (align == BW_ALIGN_CENTRE)
        before /= 2;
    for (int i = 0; i < before; i++)
        put_cluster(r, row, col + i, style, BW_SLICE_LIT(" "), 1);
    put_clean(r, row, col + before, style, bw_buf_slice(&cut));
    for (int i = before + cells; i < width; i++)
        put_cluster(r, row, col + i, style, BW_SLICE_LIT(" "), 1);
    bw_buf_fini(&cut);
}

/* Bytes of the part of `s` that goes onto one line, and with *skip those to leave out after it. */
static size_t line_break(bw_slice s, int cols, size_t *skip)
{
    const char *newline = memchr(s.ptr, '\n', s.len);
    bw_slice line = {s.ptr, newline ? (size_t)(newline - s.ptr) : s.len};
    *skip = newline ? 1 : 0;
    if (bw_text_width(line) <= cols)
        return line.len;
    size_t fit = bw_text_fit(line, cols, NULL);
    *skip = 0;
    if (fit == 0) /* not even one cluster: take it, or this would never end */
        return bw_cluster_next(line, &(int){0});
    for (size_t i = fit; i > 0; i--) {
        if (line.ptr[i] == ' ') {
            *skip = 1;
            return i;
        }
    }
    return fit;
}

/* Draws lines of sanitised text that may hold newlines. */
static int wrap_clean(bw_region r, int row, bw_style style, bw_slice text)
{
    int drawn = 0;
    while (text.len > 0 && row + drawn < r.rows && r.cols > 0) {
        size_t skip, n = line_break(text, r.cols, &skip);
        bw_slice line = {text.ptr, n};
        bw_buf last = BW_BUF_INIT;
        if (row + drawn == r.rows - 1 && n + skip < text.len) {
            /* More than fits: the last line says so. */
            int room = r.cols -
                       bw_cells(bw_slice_cstr(bw_glyph_sign(r.canvas->glyphs, BW_GLYPH_ELLIPSIS)));
            bw_buf_add(&last, line.ptr, bw_text_fit(line, room, NULL));
            bw_buf_adds(&last, bw_glyph_sign(r.canvas->glyphs, BW_GLYPH_ELLIPSIS));
            line = bw_buf_slice(&last);
        }
        put_clean(r, row + drawn, 0, style, line);
        bw_buf_fini(&last);
        text.ptr += n + skip;
        text.len -= n + skip;
        drawn++;
    }
    return drawn;
}

/* Newlines stay. */
static void sanitise_lines(bw_buf *clean, bw_slice text)
{
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.ptr) - at : text.len - at;
        bw_text_sanitise(clean, (bw_slice){text.ptr + at, len});
        at += len + 1;
        if (at < text.len)
            bw_buf_addc(clean, '\n');
    }
}

int bw_wrapped_rows(bw_slice text, int cols)
{
    bw_buf clean = BW_BUF_INIT;
    int rows = 0;
    sanitise_lines(&clean, text);
    bw_slice left = bw_buf_slice(&clean);
    while (left.len > 0 && cols > 0) {
        size_t skip, n = line_break(left, cols, &skip);
        left.ptr += n + skip;
        left.len -= n + skip;
        rows++;
    }
    bw_buf_fini(&clean);
    return rows;
}

int bw_region_wrap(bw_region r, int row, bw_style style, bw_slice text)
{
    bw_buf clean = BW_BUF_INIT;
    sanitise_lines(&clean, text);
    int drawn = wrap_clean(r, row, style, bw_buf_slice(&clean));
    bw_buf_fini(&clean);
    return drawn;
}

void bw_region_fill(bw_region r, bw_style style)
{
    for (int row = 0; row < r.rows; row++) {
        for (int col = 0; col < r.cols; col++)
            set_cell(r, row, col, style, BW_SLICE_LIT(" "), 1);
    }
}

void bw_region_hline(bw_region r, int row, int col, int width, bw_style style)
{
    for (int i = 0; i < width; i++)
        bw_region_glyph(r, row, col + i, style, BW_GLYPH_HLINE);
}

void bw_region_frame(bw_region r, bw_style style, const char *title)
{
    if (r.rows < 2 || r.cols < 2)
        return;
    int bottom = r.rows - 1, right = r.cols - 1;
    bw_region_hline(r, 0, 1, right - 1, style);
    bw_region_hline(r, bottom, 1, right - 1, style);
    for (int row = 1; row < bottom; row++) {
        bw_region_glyph(r, row, 0, style, BW_GLYPH_VLINE);
        bw_region_glyph(r, row, right, style, BW_GLYPH_VLINE);
    }
    bw_region_glyph(r, 0, 0, style, BW_GLYPH_CORNER_TL);
    bw_region_glyph(r, 0, right, style, BW_GLYPH_CORNER_TR);
    bw_region_glyph(r, bottom, 0, style, BW_GLYPH_CORNER_BL);
    bw_region_glyph(r, bottom, right, style, BW_GLYPH_CORNER_BR);
    if (!title || !title[0] || r.cols < 8)
        return;
    int width = bw_cells(bw_slice_cstr(title));
    if (width > r.cols - 6)
        width = r.cols - 6;
    bw_region_puts(r, 0, 2, style, " ");
    bw_region_field(r, 0, 3, width, BW_ALIGN_LEFT, style | BW_WITH(BW_ATTR_BOLD),
                    bw_slice_cstr(title));
    bw_region_puts(r, 0, 3 + width, style, " ");
}

void bw_region_shade(bw_region r, int row, int col, int cols, bw_role ground)
{
    if (row < 0 || row >= r.rows)
        return;
    for (int i = col < 0 ? 0 : col; i < col + cols && i < r.cols; i++) {
        bw_cell *cell = cell_at(r, row, i);
        cell->style = (cell->style & ~BW_ON(0xFF)) | BW_ON(ground);
    }
}

void bw_region_cursor(bw_region r, int row, int col, bool shown)
{
    if (row < 0 || row >= r.rows || col < 0 || r.cols == 0)
        return;
    r.canvas->cursor_row = r.row + row;
    r.canvas->cursor_col = r.col + (col < r.cols ? col : r.cols - 1);
    r.canvas->cursor_shown = shown;
}

static void trim_line(bw_buf *out, size_t from)
{
    while (out->len > from && out->ptr[out->len - 1] == ' ')
        out->len--;
    bw_buf_addc(out, '\n');
}

void bw_canvas_dump(const bw_canvas *c, bw_buf *out)
{
    for (int row = 0; row < c->rows; row++) {
        size_t from = out->len;
        for (int col = 0; col < c->cols; col++) {
            const bw_cell *cell = &c->cells[row * c->cols + col];
            bw_buf_add(out, cell->text, strnlen(cell->text, sizeof(cell->text)));
        }
        trim_line(out, from);
    }
}

#define DUMP_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static void legend(bw_buf *out, char letter, bw_style style)
{
    static const struct {
        unsigned attr;
        const char *name;
    } attrs[] = {{BW_ATTR_BOLD, " bold"},
                 {BW_ATTR_DIM, " dim"},
                 {BW_ATTR_UNDERLINE, " underline"},
                 {BW_ATTR_REVERSE, " reverse"},
                 {BW_ATTR_ITALIC, " italic"}};
    bw_buf_addf(out, "%c %s", letter, bw_role_name(BW_STYLE_ROLE(style)));
    if (BW_STYLE_GROUND(style) != BW_ROLE_TEXT)
        bw_buf_addf(out, " on %s", bw_role_name(BW_STYLE_GROUND(style)));
    for (size_t i = 0; i < BW_COUNT(attrs); i++) {
        if (BW_STYLE_ATTRS(style) & attrs[i].attr)
            bw_buf_adds(out, attrs[i].name);
    }
    bw_buf_addc(out, '\n');
}

void bw_canvas_dump_roles(const bw_canvas *c, bw_buf *out)
{
    bw_style seen[sizeof(DUMP_LETTERS) - 1];
    size_t count = 0;
    for (int row = 0; row < c->rows; row++) {
        size_t from = out->len;
        for (int col = 0; col < c->cols; col++) {
            bw_style style = c->cells[row * c->cols + col].style;
            size_t i = 0;
            while (i < count && seen[i] != style)
                i++;
            if (i == count && count < BW_COUNT(seen))
                seen[count++] = style;
            char letter = i < BW_COUNT(seen) ? DUMP_LETTERS[i] : '?';
            bw_buf_addc(out, style == BW_ROLE_TEXT ? ' ' : letter);
        }
        trim_line(out, from);
    }
    for (size_t i = 0; i < count; i++) {
        if (seen[i] != BW_ROLE_TEXT)
            legend(out, DUMP_LETTERS[i], seen[i]);
    }
}
