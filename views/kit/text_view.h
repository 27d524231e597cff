/*
 * A pager over lines: log, help, a message. The lines are bounded; the oldest go. A reader who has
 * scrolled up keeps seeing the same line while others arrive; follow is only on at the end.
 * Threads: UI.
 */
#ifndef BW_VIEWS_KIT_TEXT_VIEW_H
#define BW_VIEWS_KIT_TEXT_VIEW_H

#include "views/kit/canvas.h"
#include "views/kit/keys.h"
#include "views/kit/reaction.h"

typedef struct bw_text_view bw_text_view;
/* Keeps at most `max_lines` (0: 100,000). */
bw_text_view *bw_text_view_new(size_t max_lines);
void bw_text_view_free(bw_text_view *v);

void bw_text_view_clear(bw_text_view *v);
/* Empties it to be filled anew with much the same lines: the place that was read stays on the screen.
   Only for texts that never reach max_lines. */
void bw_text_view_refill(bw_text_view *v);
/* Adds a line (text from outside may come as it is; a newline in it begins a further line). */
void bw_text_view_add(bw_text_view *v, bw_style style, bw_slice text);
void bw_text_view_addf(bw_text_view *v, bw_style style, const char *fmt, ...) BW_PRINTF(3, 4);
/* Continues the last line in another style. */
void bw_text_view_extend(bw_text_view *v, bw_style style, bw_slice text);
size_t bw_text_view_lines(const bw_text_view *v);
/* The text of line n (from 0), as it was added. */
bw_slice bw_text_view_line(const bw_text_view *v, size_t n);

/* Begins at the top without following (false, the default) or at the end, following. */
void bw_text_view_follow(bw_text_view *v, bool on);
bool bw_text_view_following(const bw_text_view *v);
void bw_text_view_wrap(bw_text_view *v, bool on);
/* Lines that are added from now on continue so many cells in where they are wrapped. */
void bw_text_view_hang(bw_text_view *v, int cells);
/* Searches (plain text, ignoring case unless it has a capital) from the first line shown, "" ends
   the search. False: not found, nothing moves. */
bool bw_text_view_search(bw_text_view *v, const char *text);
/* Further matches, over the end too. */
bool bw_text_view_search_next(bw_text_view *v, bool backwards);

/* Generic actions (moving, SEARCH_NEXT, FOLLOW, WRAP, BACK ends a search) by their id. */
bw_reaction bw_text_view_act(bw_text_view *v, int action);
bw_reaction bw_text_view_mouse(bw_text_view *v, const bw_input *event);
void bw_text_view_draw(bw_text_view *v, bw_region r);
/* "41-80/1,204  following  wrap  /search": for the title line; appended. */
void bw_text_view_status(const bw_text_view *v, bw_buf *out);

#endif
