/* How the readers of this room report what is wrong. Private to the room. Threads: one at a time. */
#ifndef BW_CONFIG_PROBLEMS_H
#define BW_CONFIG_PROBLEMS_H

#include "backend/config/config.h"

/* More than this many are noise; the rest is only counted. */
#define BW_CONFIG_MAX_PROBLEMS 200

/* Adds a problem unless the same one is there already (a profile and its base share lines). */
void bw_problems_add(bw_config_problems *p, const char *file, int line, int column,
                     const char *hint, const char *fmt, ...) BW_PRINTF(6, 7);
void bw_problems_vadd(bw_config_problems *p, const char *file, int line, int column,
                      const char *hint, const char *fmt, va_list ap) BW_PRINTF(6, 0);
/* Puts them into the order of the file. */
void bw_problems_sort(bw_config_problems *p);
/* The first one with "(and N more)"; returns `status`. */
bw_status bw_problems_error(const bw_config_problems *p, bw_status status, bw_error *err);

#endif
