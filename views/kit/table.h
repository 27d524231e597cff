/*
 * A table of rows with identities. Selection, marks and scrolling follow the ids, never positions:
 * rows may come, go and move between two frames. The table owns which rows show, in what order and
 * columns; the view owns the data and hands out cells. Only visible rows are drawn.
 *
 * Order: what the operator chose last (header click, < > I, bw_table_sort) wins over the view's
 * default; ties keep the order of the view. New data re-sorts, but not within three seconds of a
 * navigation: the line under the cursor stays where the eye is, and the title says "held".
 * Threads: UI.
 */
#ifndef BW_VIEWS_KIT_TABLE_H
#define BW_VIEWS_KIT_TABLE_H

#include "backend/core/clock.h"
#include "views/kit/canvas.h"
#include "views/kit/filter.h"
#include "views/kit/keys.h"
#include "views/kit/reaction.h"

typedef struct bw_column {
    const char *id;    /* in filters, :sort and exports: "lag" */
    const char *title; /* "LAG" */
    int min, width;    /* cells: at least, and preferred (0: takes what is left) */
    bw_align align;
    int priority; /* the highest number is dropped first on a narrow screen; 0 never */
    bw_unit unit; /* of `number`; BW_UNIT_TEXT sorts by text */
    bool unsortable;
    bool descending; /* the first click sorts the largest first */
    bool ranked;     /* `number` only orders the words: exports say the words */
    bool hidden;     /* until the operator shows it */
} bw_column;

typedef enum bw_cell_kind { BW_CELL_PLAIN, BW_CELL_BAR, BW_CELL_SPARK } bw_cell_kind;

/* What a view fills for one cell. All zero but `number` (NAN) at the beginning. */
typedef struct bw_table_cell {
    bw_slice text;  /* borrowed until the next call, or set by bw_table_cell_printf() */
    double number;  /* sorts and filters by it; NAN: unknown, always sorts last */
    bw_style style; /* BW_ROLE_... */
    bw_glyph glyph; /* drawn before the text when has_glyph, in the same style */
    bool has_glyph;
    bw_cell_kind kind;
    double share;         /* BAR: 0 to 1, NAN for none; `text` stands to its right */
    const double *values; /* SPARK: NAN is a gap */
    size_t count;
    double max; /* SPARK: what fills a cell; NAN: the largest value */
    char buf[128];
} bw_table_cell;
void bw_table_cell_printf(bw_table_cell *cell, const char *fmt, ...) BW_PRINTF(2, 3);

/* The data behind a table; stays valid until the next bw_table_set_rows(). */
typedef struct bw_table_rows {
    size_t count;
    const char *(*id)(void *user, size_t row); /* unique */
    void (*cell)(void *user, size_t row, size_t column, bw_table_cell *cell);
    /* Rows that are shown dimmed, as last known. May be NULL. */
    bool (*stale)(void *user, size_t row);
    void *user;
    bool partial; /* not all rows are here (loading, a page): marks of missing rows are kept */
} bw_table_rows;

typedef struct bw_table bw_table;
/* `columns` is borrowed for the table's life. */
bw_table *bw_table_new(const bw_column *columns, size_t count, const bw_clock *clock);
void bw_table_free(bw_table *t);

/* New data. Filters and sorts; selection and marks follow their ids. When the selected row is gone
   the one that took its place on the screen is selected. */
void bw_table_set_rows(bw_table *t, const bw_table_rows *rows);
/* Text for the middle of an empty table: "loading", "no dead letters"; borrowed. */
void bw_table_set_empty(bw_table *t, const char *text);

/* Sorts by a column; the operator's choice. BW_NOT_FOUND names the nearest column. */
BW_NODISCARD bw_status bw_table_sort(bw_table *t, const char *column, bool descending,
                                     bw_error *err);
/* The view's default, used until the operator chooses. NULL: the order of the view. */
void bw_table_default_sort(bw_table *t, const char *column, bool descending);
/* NULL when unsorted. */
const char *bw_table_sort_column(const bw_table *t, bool *descending);
/* Filters; "" for none. On an error the rows stay as they are, and the title shows the reason. */
BW_NODISCARD bw_status bw_table_filter(bw_table *t, const char *text, bw_error *err);
const char *bw_table_filter_text(const bw_table *t); /* "" for none */
bool bw_table_filtered(const bw_table *t);

/* Moves, sorts, marks: the generic actions by their id (action.h). NONE when it is not the table's.
   ENTER gives ACCEPT; BACK clears a filter (REDRAW), then is NONE. */
bw_reaction bw_table_act(bw_table *t, int action);
/* Mouse: click a row (a second click on it within 400 ms: ACCEPT), a column title, the wheel. */
bw_reaction bw_table_mouse(bw_table *t, const bw_input *event);

/* The selected row: its id (NULL when there is none), its index in the data (SIZE_MAX). */
const char *bw_table_selected(const bw_table *t);
size_t bw_table_selected_index(const bw_table *t);
/* The operator has done something with the selected row: from now on it stays selected. Until then
   (and until something is moved or filtered) the first row is. */
void bw_table_touch(bw_table *t);
/* False when there is no such visible row. */
bool bw_table_select(bw_table *t, const char *id);
/* The column that `y` copies from and the cursor is in: index into the columns. */
size_t bw_table_selected_column(const bw_table *t);

/* Marks: how many, and how many of them the filter hides. */
size_t bw_table_marked(const bw_table *t, size_t *hidden);
bool bw_table_is_marked(const bw_table *t, const char *id);
/* What an action works on: the marked rows, or the selected one; ids copied to a heap array that ends
   with NULL (free each and the array). Returns how many. */
size_t bw_table_targets(const bw_table *t, char ***ids);
void bw_table_targets_free(char **ids);

size_t bw_table_visible(const bw_table *t);               /* rows that pass the filter */
size_t bw_table_visible_row(const bw_table *t, size_t n); /* n-th of them: index into the data */
size_t bw_table_columns(const bw_table *t);
const bw_column *bw_table_column(const bw_table *t, size_t column);
/* A cell as the view fills it. */
void bw_table_get(const bw_table *t, size_t row, size_t column, bw_table_cell *cell);

/* Column chooser: show or hide, move left (-1) or right (1), back to the beginning. */
void bw_table_show_column(bw_table *t, size_t column, bool shown);
bool bw_table_column_shown(const bw_table *t, size_t column);
void bw_table_move_column(bw_table *t, size_t column, int by);
void bw_table_reset_columns(bw_table *t);
/* The column at a place from the left, hidden ones included. */
size_t bw_table_column_at(const bw_table *t, size_t place);
/*
 * The same by text, for `:columns` and the configuration; only what is named changes:
 * "-quota" hides, "+bytes" shows, "lag" changes between both, "lag<state" puts lag before state, "lag>state" after it, "reset"
 * starts over. BW_NOT_FOUND names the nearest column. Nothing changes on an error.
 */
BW_NODISCARD bw_status bw_table_arrange(bw_table *t, const char *text, bw_error *err);

/*
 * How the operator has arranged it, to be kept and restored: "sort lag desc columns sync lag -quota".
 * Appends nothing where nothing was changed. Restoring leaves out what is not known (any more);
 * columns that are not named come after the others, as they are in the beginning.
 */
void bw_table_arrangement(const bw_table *t, bw_buf *out);
void bw_table_restore(bw_table *t, const char *arrangement);

/* Draws titles and rows onto a cleared canvas; remembers where for clicks and paging. `focused`: shows the cursor. */
void bw_table_draw(bw_table *t, bw_region r, bool focused);
/* One line: the title, and on the right "12/480  /filter  sort lag ▼ held  3 marked (1 hidden by
   filter)"; a bad filter's reason instead of its count. */
void bw_table_draw_title(const bw_table *t, bw_region r, int row, const char *title);

/* When the table wants bw_table_tick() (a held sort), monotonic; BW_FOREVER for never. */
int64_t bw_table_deadline(const bw_table *t);
bw_reaction bw_table_tick(bw_table *t);

#endif
