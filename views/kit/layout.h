/*
 * What all screens share: lines of parts that give way on narrow terminals, the footer of hints, the
 * help, the notice of a terminal that is too small. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_LAYOUT_H
#define BW_VIEWS_KIT_LAYOUT_H

#include "views/kit/action.h"
#include "views/kit/canvas.h"
#include "views/kit/keys.h"
#include "views/kit/text_view.h"

#define BW_SMALLEST_ROWS 10
#define BW_SMALLEST_COLS 40

/* False, with a one-line notice drawn, when the region is smaller than 40x10. */
bool bw_layout_fits(bw_region r);

/* A part of a one-line bar; the highest priority number is left out first, 0 never. */
typedef struct bw_part {
    const char *text; /* NULL or "": left out */
    bw_style style;
    int priority;
    bool right; /* on the right side */
} bw_part;
/* Draws parts with `gap` blanks between them; the ground of the row is `style`. */
void bw_parts_draw(bw_region r, int row, bw_style style, const bw_part *parts, size_t count,
                   int gap);

/* The footer: where each hint was drawn, for clicks. */
#define BW_FOOTER_HINTS 32
typedef struct bw_footer {
    int row, count;
    struct {
        int from, to; /* columns of the canvas */
        int action;
    } hint[BW_FOOTER_HINTS];
} bw_footer;
/* The actions with BW_ACT_HINT of the context's screen, in the order of their tables (the screens'
   own first), as many as fit; those that cannot run now are dimmed. */
void bw_footer_draw(bw_footer *f, bw_region r, int row, const bw_action_set *set,
                    const bw_action_context *context);
/* The id of the action under a click, BW_ACTION_NONE for none. */
int bw_footer_click(const bw_footer *f, const bw_input *event);

/* Fills a text view with the help of a screen: its actions with keys, flags and, for those that
   cannot run now, why. */
void bw_help_fill(bw_text_view *v, const bw_action_set *set, const bw_action_context *context,
                  const char *screen_title);

#endif
