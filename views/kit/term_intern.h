/* What term.c and screen.c share; only files that include it see curses. */
#ifndef BW_VIEWS_KIT_TERM_INTERN_H
#define BW_VIEWS_KIT_TERM_INTERN_H

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "views/kit/term.h"

#define BW_TERM_PAIRS 256

/* The colour pairs that are in use: a pair is made the first time two colours meet. */
typedef struct bw_pairs {
    struct {
        bw_colour fg, bg;
    } pair[BW_TERM_PAIRS];
    int count;
} bw_pairs;

struct bw_term {
    SCREEN *screen;
    bw_term_options options;
    bw_depth depth;
    bw_key_decoder *decoder;
    bw_pairs pairs;
    /* What the terminal shows, for the difference; NULL: unknown, paint everything. */
    bw_canvas *shown;
    const bw_theme *theme; /* that it was painted with; compared by content */
    bw_theme painted;
    bool gone;
};

#endif
