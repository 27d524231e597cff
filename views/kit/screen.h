/*
 * Paints a canvas onto the terminal: only cells that differ from what is there, and nothing at all
 * when nothing differs. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_SCREEN_H
#define BW_VIEWS_KIT_SCREEN_H

#include "views/kit/canvas.h"
#include "views/kit/term.h"

/* Belongs to the terminal: valid after bw_term_open(), freed by bw_term_close(). */
void bw_screen_paint(bw_term *term, const bw_canvas *canvas, const bw_theme *theme);
/* The next paint is complete, whatever is there. */
void bw_screen_invalidate(bw_term *term);

#endif
