/*
 * A screen in memory. Views draw on regions of a canvas and know nothing of terminals; screen.h
 * paints the difference between two canvases, tests compare canvases as text. This is the edge at
 * which text from outside is sanitised: everything put here goes through bw_text_sanitise(), and on
 * a canvas with an ASCII glyph set every cell that is not ASCII becomes '?'. Widths are grapheme
 * clusters by cells (Unicode UAX #29, #11). Rows and columns count from 0. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_CANVAS_H
#define BW_VIEWS_KIT_CANVAS_H

#include "backend/core/buf.h"
#include "views/kit/glyphs.h"
#include "views/kit/theme.h"

/*
 * How a cell looks: a role, what it stands on, attributes.
 *
 *     BW_ROLE_WARN    BW_ROLE_OK | BW_ON(BW_ROLE_SELECTED)    BW_ROLE_TEXT | BW_WITH(BW_ATTR_BOLD)
 */
typedef uint32_t bw_style;
#define BW_ON(role)            ((bw_style)(role) << 8)
#define BW_WITH(attrs)         ((bw_style)(attrs) << 16)
#define BW_STYLE_ROLE(style)   ((bw_role)((style)&0xFF))
#define BW_STYLE_GROUND(style) ((bw_role)((style) >> 8 & 0xFF)) /* BW_ROLE_TEXT: none */
#define BW_STYLE_ATTRS(style)  ((style) >> 16)

#define BW_CELL_TEXT 27
typedef struct bw_cell {
    char text[BW_CELL_TEXT]; /* one cluster, NUL-padded; empty in the right half of a wide one */
    uint8_t width;           /* 1 or 2; 0 in the right half of a wide cluster */
    bw_style style;
} bw_cell;

typedef struct bw_canvas {
    int rows, cols;
    bw_cell *cells; /* rows * cols */
    const bw_glyphs *glyphs;
    int cursor_row,
        cursor_col;    /* where the terminal's cursor stands; -1 for nowhere in particular */
    bool cursor_shown; /* something is being typed there */
} bw_canvas;

bw_canvas *bw_canvas_new(int rows, int cols, const bw_glyphs *glyphs);
void bw_canvas_free(bw_canvas *canvas);
/* Also clears. */
void bw_canvas_resize(bw_canvas *canvas, int rows, int cols);
void bw_canvas_clear(bw_canvas *canvas);

/* A rectangle of a canvas with its own origin. Whatever is drawn outside of it is cut off. */
typedef struct bw_region {
    bw_canvas *canvas;
    int row, col, rows, cols;
} bw_region;

bw_region bw_canvas_region(bw_canvas *canvas);
/* A part of a region, cut to it; rows or cols of -1 mean "all that is left". */
bw_region bw_region_sub(bw_region r, int row, int col, int rows, int cols);
/* Whether a cell of the canvas lies in the region. */
bool bw_region_has(bw_region r, int row, int col);

typedef enum bw_align { BW_ALIGN_LEFT, BW_ALIGN_RIGHT, BW_ALIGN_CENTRE } bw_align;

/* Draws one line of text and returns the column after it (not cut). A column may be negative. */
int bw_region_put(bw_region r, int row, int col, bw_style style, bw_slice text);
int bw_region_puts(bw_region r, int row, int col, bw_style style, const char *text);
int bw_region_putf(bw_region r, int row, int col, bw_style style, const char *fmt, ...)
    BW_PRINTF(5, 6);
int bw_region_glyph(bw_region r, int row, int col, bw_style style, bw_glyph glyph);
/* Draws into exactly `width` cells: padded on the side that `align` leaves, cut with an ellipsis. */
void bw_region_field(bw_region r, int row, int col, int width, bw_align align, bw_style style,
                     bw_slice text);
/* Breaks text at spaces (and at newlines) into at most `rows` lines of the region from `row` on;
   the last one ends in an ellipsis when text is left. Returns how many lines it drew. */
int bw_region_wrap(bw_region r, int row, bw_style style, bw_slice text);
/* How many lines that would be without a limit, of so many columns. */
int bw_wrapped_rows(bw_slice text, int cols);
/* Blanks, in a style. */
void bw_region_fill(bw_region r, bw_style style);
void bw_region_hline(bw_region r, int row, int col, int width, bw_style style);
/* A frame along the region's edge with a title in its upper one (NULL for none). */
void bw_region_frame(bw_region r, bw_style style, const char *title);
/* Puts what is drawn already in `cols` cells onto another ground: a selected row. */
void bw_region_shade(bw_region r, int row, int col, int cols, bw_role ground);
/* Where the terminal's cursor goes. */
void bw_region_cursor(bw_region r, int row, int col, bool shown);

/* Cells that text will take once it has been sanitised. */
int bw_cells(bw_slice text);
/* Sanitised text, cut to `width` cells with an ellipsis where needed; appended. Returns its cells. */
int bw_text_truncate(bw_buf *out, bw_slice text, int width, const bw_glyphs *glyphs);

/* The canvas as text, one line per row, without trailing blanks: what a golden frame holds. */
void bw_canvas_dump(const bw_canvas *canvas, bw_buf *out);
/* The same with a letter per cell for its style, and a legend of the letters used. */
void bw_canvas_dump_roles(const bw_canvas *canvas, bw_buf *out);

#endif
