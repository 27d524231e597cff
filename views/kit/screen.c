/* The difference between what the terminal shows and a canvas, by way of curses. */
#include "views/kit/screen.h"

#include <stdlib.h>
#include <wchar.h>

#include "backend/core/text.h"
#include "views/kit/term_intern.h"

void bw_screen_invalidate(bw_term *term)
{
    bw_canvas_free(term->shown);
    term->shown = NULL;
}

/* With direct colours the numbers from 8 on are red, green and blue, not a palette. */
static int curses_colour(bw_colour colour, bool direct)
{
    if (colour == BW_COLOUR_DEFAULT)
        return -1;
    return direct && colour >= 8 ? (int)bw_colour_rgb(colour) : colour;
}

/* The number of the pair for two colours; 0, the terminal's own colours, when there is no more room. */
static int pair_of(bw_term *term, bw_colour fg, bw_colour bg)
{
    bw_pairs *p = &term->pairs;
    bool direct = term->depth == BW_DEPTH_TRUE;
    if (term->depth == BW_DEPTH_MONO || (fg == BW_COLOUR_DEFAULT && bg == BW_COLOUR_DEFAULT))
        return 0;
    for (int i = 0; i < p->count; i++) {
        if (p->pair[i].fg == fg && p->pair[i].bg == bg)
            return i + 1;
    }
    if (p->count == BW_TERM_PAIRS || p->count + 1 >= COLOR_PAIRS ||
        init_extended_pair(p->count + 1, curses_colour(fg, direct), curses_colour(bg, direct)) ==
            ERR)
        return 0;
    p->pair[p->count].fg = fg;
    p->pair[p->count].bg = bg;
    return ++p->count;
}

static attr_t curses_attrs(unsigned attrs)
{
    attr_t a = A_NORMAL;
    if (attrs & BW_ATTR_BOLD)
        a |= A_BOLD;
    if (attrs & BW_ATTR_DIM)
        a |= A_DIM;
    if (attrs & BW_ATTR_UNDERLINE)
        a |= A_UNDERLINE;
    if (attrs & BW_ATTR_REVERSE)
        a |= A_REVERSE;
    if (attrs & BW_ATTR_ITALIC)
        a |= A_ITALIC;
    return a;
}

/*
 * A cluster in the form that curses and the terminal agree on. Terminals differ in how wide they
 * draw joined emoji and variation selectors, and one that disagrees shifts the rest of the line:
 * only what the C library gives the same width as the canvas goes out, combining marks included;
 * of the rest the first character, and '?' when that differs too.
 */
static void cluster_to_wide(const bw_cell *cell, wchar_t out[CCHARW_MAX + 1])
{
    bw_slice s = {cell->text, strnlen(cell->text, sizeof(cell->text))};
    int32_t cp;
    size_t size, n = 0;
    while (n < CCHARW_MAX && (size = bw_utf8_decode(s, &cp)) > 0) {
        s.ptr += size;
        s.len -= size;
        int width = cp < 0 ? -1 : wcwidth((wchar_t)cp);
        if (n == 0 && (width < 1 || width > cell->width)) {
            out[n++] = L'?';
            break;
        }
        if (n > 0 && width != 0)
            break;
        if (n > 0 && (cp == 0x200D || cp == 0xFE0F || cp == 0xFE0E))
            break;
        out[n++] = (wchar_t)cp;
    }
    if (n == 0)
        out[n++] = L' ';
    out[n] = L'\0';
}

static void paint_cell(bw_term *term, const bw_canvas *canvas, int row, int col,
                       const bw_theme *theme)
{
    const bw_cell *cell = &canvas->cells[row * canvas->cols + col];
    if (cell->width == 0)
        return;
    bw_look look = bw_theme_look_on(theme, BW_STYLE_ROLE(cell->style), BW_STYLE_GROUND(cell->style),
                                    term->depth);
    attr_t attrs = curses_attrs(look.attrs | BW_STYLE_ATTRS(cell->style));
    int pair = pair_of(term, look.fg, look.bg);
    wchar_t wide[CCHARW_MAX + 1];
    cchar_t out;
    cluster_to_wide(cell, wide);
    if (cell->width == 2 && wcwidth(wide[0]) == 1) {
        /* Narrow for the terminal, wide for the canvas: a blank makes up for it. */
        static const wchar_t blank[] = L" ";
        if (setcchar(&out, blank, attrs, 0, &pair) == OK && col + 1 < canvas->cols)
            mvadd_wch(row, col + 1, &out);
    }
    if (setcchar(&out, wide, attrs, 0, &pair) == OK)
        mvadd_wch(row, col, &out);
}

static bool same_cell(const bw_cell *a, const bw_cell *b)
{
    return a->style == b->style && a->width == b->width &&
           memcmp(a->text, b->text, sizeof(a->text)) == 0;
}

/* Whether there is something to paint: cells, the cursor or the theme differ. */
static bool prepare(bw_term *term, const bw_canvas *canvas, const bw_theme *theme)
{
    bw_canvas *shown = term->shown;
    if (shown && (shown->rows != canvas->rows || shown->cols != canvas->cols ||
                  memcmp(&term->painted, theme, sizeof(*theme)) != 0))
        bw_screen_invalidate(term);
    if (term->shown)
        return memcmp(shown->cells, canvas->cells,
                      (size_t)canvas->rows * (size_t)canvas->cols * sizeof(bw_cell)) != 0 ||
               shown->cursor_row != canvas->cursor_row || shown->cursor_col != canvas->cursor_col ||
               shown->cursor_shown != canvas->cursor_shown;
    term->shown = bw_canvas_new(canvas->rows, canvas->cols, canvas->glyphs);
    memset(term->shown->cells, 0xFF, (size_t)canvas->rows * (size_t)canvas->cols * sizeof(bw_cell));
    term->painted = *theme;
    term->pairs.count = 0;
    bkgdset(' ');
    clearok(stdscr, TRUE);
    return true;
}

void bw_screen_paint(bw_term *term, const bw_canvas *canvas, const bw_theme *theme)
{
    if (!prepare(term, canvas, theme))
        return;
    bw_canvas *shown = term->shown;
    for (int row = 0; row < canvas->rows; row++) {
        for (int col = 0; col < canvas->cols; col++) {
            size_t i = (size_t)row * (size_t)canvas->cols + (size_t)col;
            if (same_cell(&shown->cells[i], &canvas->cells[i]))
                continue;
            shown->cells[i] = canvas->cells[i];
            paint_cell(term, canvas, row, col, theme);
        }
    }
    shown->cursor_row = canvas->cursor_row;
    shown->cursor_col = canvas->cursor_col;
    shown->cursor_shown = canvas->cursor_shown;
    /* Screen readers follow the terminal's cursor: it stands where the reader's eye should be, and
       is visible where something is typed, or always when nothing else marks the place. */
    curs_set(canvas->cursor_shown || (canvas->glyphs->plain && canvas->cursor_row >= 0) ? 1 : 0);
    if (canvas->cursor_row >= 0)
        move(canvas->cursor_row, canvas->cursor_col);
    else
        move(canvas->rows > 0 ? canvas->rows - 1 : 0, 0);
    refresh();
}
