/*
 * Bars, sparklines, graphs and progress. A gap in the measurements is a gap on the screen, never a
 * line drawn through it; NAN is a gap. On a plain glyph set numbers stand in for pictures.
 * Threads: UI.
 */
#ifndef BW_VIEWS_KIT_GRAPH_H
#define BW_VIEWS_KIT_GRAPH_H

#include "backend/core/clock.h"
#include "views/kit/canvas.h"

/* A horizontal bar of `width` cells, filled by `share` (0 to 1; NAN draws nothing). */
void bw_draw_bar(bw_region r, int row, int col, int width, double share, bw_style style);
/* The newest `width` values, one per cell, right-aligned. `max` is full height; NAN: the largest. */
void bw_draw_spark(bw_region r, int row, int col, int width, const double *values, size_t count,
                   double max, bw_style style);

typedef enum bw_graph_symbol { BW_GRAPH_BRAILLE, BW_GRAPH_BLOCK, BW_GRAPH_TTY } bw_graph_symbol;

typedef struct bw_graph {
    const char *title;
    const double *values; /* oldest first, evenly spaced */
    size_t count;
    /* Writes a value for the axis ("1h02m", "48.2k rows/s"). NULL: plain number. */
    const char *(*format)(double value, char *out, size_t size);
    int64_t
        span_us; /* time from the first value to the last: the lower axis says "15m ago" ... "now";
                        0: not shown */
    double max;  /* top of the axis; NAN: the largest value, rounded up */
    bw_graph_symbol symbol; /* ASCII glyph sets always draw TTY */
    bw_style style;
} bw_graph;
/* Title, axis with maximum and 0, the curve. At least 3 rows and 16 cells, else only the newest value
   is written. */
void bw_graph_draw(const bw_graph *g, bw_region r);

typedef struct bw_progress {
    double done;
    double total;     /* NAN: unknown */
    int64_t eta_us;   /* BW_TIME_NONE: unknown, nothing is shown */
    const char *unit; /* "rows" */
} bw_progress;
/* "████▌      42%  420k/1.0M rows  ETA 3m10s"; without a total only what is done. */
void bw_draw_progress(bw_region r, int row, int col, int width, const bw_progress *p);

#endif
