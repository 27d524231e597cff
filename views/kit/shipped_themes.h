/* The files of themes/, within the program: it has its looks wherever it is copied to. Threads: any. */
#ifndef BW_VIEWS_KIT_SHIPPED_THEMES_H
#define BW_VIEWS_KIT_SHIPPED_THEMES_H

#include <stddef.h>

typedef struct bw_shipped_theme {
    const char *name, *text;
} bw_shipped_theme;

extern const bw_shipped_theme bw_shipped_themes[];
extern const size_t bw_shipped_theme_count;

#endif
