/*
 * Short messages: info for 4 s, warnings for 8 s, errors until they are dismissed. All are kept in a
 * bounded history for `:messages`. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_TOAST_H
#define BW_VIEWS_KIT_TOAST_H

#include "backend/core/clock.h"
#include "views/kit/canvas.h"

typedef enum bw_toast_level { BW_TOAST_INFO, BW_TOAST_WARN, BW_TOAST_ERROR } bw_toast_level;

typedef struct bw_toast {
    bw_toast_level level;
    int64_t wall_us;
    char *text;
} bw_toast;

#define BW_TOAST_HISTORY 500

typedef struct bw_toasts bw_toasts;
/* `local`: errors, which stay, say their time of day in local time; else in UTC. */
bw_toasts *bw_toasts_new(const bw_clock *clock, bool local);
void bw_toasts_free(bw_toasts *t);
void bw_toasts_add(bw_toasts *t, bw_toast_level level, const char *fmt, ...) BW_PRINTF(3, 4);
/* How far something is: takes the place of what was said of it before, and is not kept. NULL: it is
   over. */
void bw_toasts_progress(bw_toasts *t, const char *text);
/* The error's message and hint. */
void bw_toasts_error(bw_toasts *t, const bw_error *err);
/* The same as a warning: of what was mistyped, which needs no dismissing. */
void bw_toasts_refuse(bw_toasts *t, const bw_error *err);
/* The newest that shows; NULL for none. */
const bw_toast *bw_toasts_current(const bw_toasts *t);
/* Takes the current one away; false when there was none. */
bool bw_toasts_dismiss(bw_toasts *t);
/* Rows of so many columns that the current one needs: 0 for none, at most `most`. */
int bw_toasts_rows(const bw_toasts *t, int cols, int most);
/* Into all rows of the region; draws nothing when there is none. */
void bw_toasts_draw(const bw_toasts *t, bw_region r);
/* When the current one ends, monotonic; BW_FOREVER when nothing will change by itself. */
int64_t bw_toasts_deadline(const bw_toasts *t);

/* The history, oldest first. */
size_t bw_toasts_count(const bw_toasts *t);
const bw_toast *bw_toasts_at(const bw_toasts *t, size_t n);

#endif
