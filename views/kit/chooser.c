#include "views/kit/chooser.h"

#include <stdio.h>
#include <stdlib.h>

#define WIDTH 36

struct bw_chooser {
    bw_table *table;
    size_t cursor; /* place among the columns, from the left */
};

bw_chooser *bw_chooser_new(bw_table *table)
{
    bw_chooser *c = bw_xcalloc(1, sizeof(*c));
    c->table = table;
    return c;
}

void bw_chooser_free(bw_chooser *c)
{
    free(c);
}

static size_t shown_columns(const bw_table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < bw_table_columns(t); i++)
        n += bw_table_column_shown(t, i);
    return n;
}

/* The last column stays: a table without any cannot be left by its own means. */
static void toggle(bw_chooser *c)
{
    size_t column = bw_table_column_at(c->table, c->cursor);
    bool shown = bw_table_column_shown(c->table, column);
    if (!shown || shown_columns(c->table) > 1)
        bw_table_show_column(c->table, column, !shown);
}

static void move(bw_chooser *c, int by)
{
    size_t count = bw_table_columns(c->table), column = bw_table_column_at(c->table, c->cursor);
    bw_table_move_column(c->table, column, by);
    for (size_t i = 0; i < count; i++) {
        if (bw_table_column_at(c->table, i) == column)
            c->cursor = i;
    }
}

bw_reaction bw_chooser_event(bw_chooser *c, const bw_input *e)
{
    size_t count = bw_table_columns(c->table);
    if (bw_input_is(e, "esc") || bw_input_is(e, "enter") || bw_input_is(e, "q"))
        return BW_REACT_ACCEPT | BW_REACT_REDRAW;
    if ((bw_input_is(e, "up") || bw_input_is(e, "k")) && c->cursor > 0)
        c->cursor--;
    else if ((bw_input_is(e, "down") || bw_input_is(e, "j")) && c->cursor + 1 < count)
        c->cursor++;
    else if (bw_input_is(e, "space"))
        toggle(c);
    else if (bw_input_is(e, "<"))
        move(c, -1);
    else if (bw_input_is(e, ">"))
        move(c, 1);
    else if (bw_input_is(e, "r"))
        bw_table_reset_columns(c->table);
    else
        return BW_REACT_HANDLED;
    return BW_REACT_REDRAW;
}

static void draw_column(const bw_chooser *c, bw_region r, int row, size_t place)
{
    size_t column = bw_table_column_at(c->table, place);
    const bw_column *info = bw_table_column(c->table, column);
    bool here = place == c->cursor;
    char line[100];
    snprintf(line, sizeof(line), "[%c] %.40s", bw_table_column_shown(c->table, column) ? 'x' : ' ',
             info->title);
    bw_region_field(r, row, 0, r.cols, BW_ALIGN_LEFT,
                    BW_ROLE_TEXT | BW_ON(here ? BW_ROLE_SELECTED : BW_ROLE_DIALOG),
                    bw_slice_cstr(line));
    if (here)
        bw_region_cursor(r, row, 0, false);
}

void bw_chooser_draw(const bw_chooser *c, bw_region r)
{
    int count = (int)bw_table_columns(c->table), rows = count + 3;
    if (rows > r.rows)
        rows = r.rows;
    int width = r.cols < WIDTH ? r.cols : WIDTH;
    bw_region box = bw_region_sub(r, (r.rows - rows) / 2, (r.cols - width) / 2, rows, width);
    bw_region_fill(box, BW_ROLE_TEXT | BW_ON(BW_ROLE_DIALOG));
    bw_region_frame(box, BW_ROLE_BORDER | BW_ON(BW_ROLE_DIALOG), "Columns");
    bw_region inside = bw_region_sub(box, 1, 2, rows - 3, width - 4);
    int first = (int)c->cursor < inside.rows ? 0 : (int)c->cursor - inside.rows + 1;
    for (int i = 0; i < inside.rows && first + i < count; i++)
        draw_column(c, inside, i, (size_t)(first + i));
    bw_region_field(box, rows - 2, 2, width - 4, BW_ALIGN_LEFT,
                    BW_ROLE_MUTED | BW_ON(BW_ROLE_DIALOG),
                    BW_SLICE_LIT("space show  < > move  r reset"));
}
