/* What screens that are a table share: their first member is a bw_table_view. Threads: UI. */
#ifndef BW_VIEWS_TABLE_VIEW_H
#define BW_VIEWS_TABLE_VIEW_H

#include "backend/core/units.h"
#include "views/host.h"

typedef struct bw_table_view {
    bw_view view; /* first */
    bw_table *table;
    bw_view_at at;
    const bw_snapshot *snapshot; /* borrowed until the next update */
    const bw_page *page;
} bw_table_view;

void bw_table_view_init(bw_table_view *v, const bw_view_class *class, bw_view_host *host,
                        const bw_column *columns, size_t count);
void bw_table_view_free(bw_view *view);
bw_reaction bw_table_view_mouse(bw_view *view, const bw_input *event);
bw_table *bw_table_view_table(bw_view *view);
/* Draws nothing but the table. */
void bw_table_view_draw(bw_view *view, bw_region region, bool focused);

/* The same with what there is to say of the selected row below it, where there is room: `say` writes
   its text and returns its role; nothing is drawn for an empty text. */
void bw_table_view_draw_below(bw_table_view *v, bw_region region, bool focused,
                              bw_role (*say)(const bw_table_view *v, bw_buf *out));

/* In its largest unit alone: "12m", "3d"; "-" for a negative one. */
const char *bw_coarse_duration(int64_t us, char out[BW_TIME_TEXT]);

/* Cells that several screens fill in the same way; unknown is "-". */
void bw_cell_count(bw_table_cell *cell, int64_t n); /* -1: unknown */
void bw_cell_time(bw_table_cell *cell, int64_t wall_us);
void bw_cell_duration(bw_table_cell *cell, int64_t us); /* negative: unknown */
void bw_cell_bytes(bw_table_cell *cell, int64_t n);
/* A time of day, with month and day where it is not today's (as of now_us). */
void bw_cell_when(bw_table_cell *cell, int64_t at_us, int64_t now_us, bool local);
/* "12m ago": in its largest unit. */
void bw_cell_ago(bw_table_cell *cell, int64_t then_us, int64_t now_us);

/* The same for screens that are text. */
typedef struct bw_text_screen {
    bw_view view; /* first */
    bw_text_view *text;
} bw_text_screen;
void bw_text_screen_init(bw_text_screen *v, const bw_view_class *class, bw_view_host *host,
                         size_t max_lines);
void bw_text_screen_free(bw_view *view);
bw_reaction bw_text_screen_mouse(bw_view *view, const bw_input *event);
bw_text_view *bw_text_screen_text(bw_view *view);
void bw_text_screen_draw(bw_view *view, bw_region region, bool focused);
bw_reaction bw_text_screen_act(bw_view *view, const bw_action *action, const char *argument);

#endif
