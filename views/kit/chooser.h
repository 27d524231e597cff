/*
 * The column chooser: shows, hides, moves and resets the columns of a table while the table behind it
 * changes at once. Threads: UI.
 *
 * Keys: up down k j, space shows or hides, < > moves, r back to the beginning, enter or esc closes.
 */
#ifndef BW_VIEWS_KIT_CHOOSER_H
#define BW_VIEWS_KIT_CHOOSER_H

#include "views/kit/table.h"

typedef struct bw_chooser bw_chooser;
/* The table is borrowed and must outlive the chooser. */
bw_chooser *bw_chooser_new(bw_table *table);
void bw_chooser_free(bw_chooser *c);
/* ACCEPT when it is to be closed; takes all events. */
bw_reaction bw_chooser_event(bw_chooser *c, const bw_input *event);
/* In the middle of the region. */
void bw_chooser_draw(const bw_chooser *c, bw_region r);

#endif
