/* The table's insides, shared by table.c (state), table_order.c (what shows, in what order) and
   table_draw.c. */
#ifndef BW_VIEWS_KIT_TABLE_INTERN_H
#define BW_VIEWS_KIT_TABLE_INTERN_H

#include "backend/core/arena.h"
#include "views/kit/id_map.h"
#include "views/kit/table.h"

#define BW_NO_COLUMN     SIZE_MAX
#define BW_TABLE_HOLD    (3 * BW_SECOND) /* no re-sorting after a navigation */
#define BW_TABLE_COLUMNS 64

/* Where a column was drawn. */
typedef struct bw_column_span {
    size_t column;
    int from, width;
} bw_column_span;

struct bw_table {
    const bw_column *columns;
    size_t column_count;
    const bw_clock *clock;
    const char *empty;

    bw_table_rows rows;
    /* Copies of the rows' ids, so that they outlive the view's data. */
    bw_arena id_arena;
    const char **ids;
    size_t ids_cap;

    size_t *order; /* visible rows: indices into the data */
    size_t visible, order_cap;

    size_t sort, default_sort;
    bool descending, default_descending, chosen; /* chosen by the operator */
    bool held;                                   /* the order is not the sorted one, for now */
    int64_t navigated_us;

    char *filter_text;
    bw_filter *filter;
    bw_error filter_error; /* of a text that was refused */

    char *selected;
    bool touched; /* the operator has moved: until then the first row is selected */
    size_t cursor, top;
    size_t column_cursor;
    bool column_moved;

    bw_id_map marks;
    char *mark_anchor;
    size_t marks_hidden;

    /* The column chooser's result: a permutation and what is hidden. */
    size_t arrangement[BW_TABLE_COLUMNS];
    bool hidden[BW_TABLE_COLUMNS];

    /* How it was drawn last. */
    bw_region drawn;
    int page;
    bw_column_span spans[BW_TABLE_COLUMNS];
    size_t span_count;
    int64_t clicked_us;
};

/* Filters and orders the rows again, then finds the selection. With `ranks` (the order so far, by id)
   rows stay where they were. */
void bw_table_recompute(bw_table *t, const bw_id_map *ranks);
/* The sort in force: BW_NO_COLUMN for none. */
size_t bw_table_sorting(const bw_table *t, bool *descending);
/* As the operator's choice. */
void bw_table_sort_by(bw_table *t, size_t column, bool descending);
void bw_table_clear_filter(bw_table *t);
void bw_table_scroll_to_cursor(bw_table *t);
/* Selects the row at a position among the visible ones, as a navigation. */
bw_reaction bw_table_move_to(bw_table *t, size_t position);
void bw_table_set_mark(bw_table *t, const char *id, bool marked);
void bw_table_count_hidden_marks(bw_table *t);
/* The shown columns that fit into `width` cells, from left to right; returns how many. */
size_t bw_table_fit_columns(const bw_table *t, int width, int gap, bw_column_span *spans);
void bw_table_cell_reset(bw_table_cell *cell);

#endif
