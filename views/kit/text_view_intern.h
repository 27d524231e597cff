/* The pager's insides, shared by text_view.c (lines, moving, searching) and text_view_draw.c. */
#ifndef BW_VIEWS_KIT_TEXT_VIEW_INTERN_H
#define BW_VIEWS_KIT_TEXT_VIEW_INTERN_H

#include "views/kit/text_view.h"

typedef struct bw_text_span {
    uint32_t from, len; /* bytes of the line */
    bw_style style;
} bw_text_span;

typedef struct bw_text_line {
    char *text;
    uint32_t len;
    uint32_t span_count;
    bw_text_span *spans;
    int hang; /* cells that its rows after the first begin further in, where it is wrapped */
} bw_text_line;

struct bw_text_view {
    bw_text_line *lines; /* a ring */
    size_t cap, first, count, max;
    uint64_t base; /* number of the oldest line */
    uint64_t top;  /* number of the first line shown */
    int part;      /* of a wrapped line: the first of its rows that shows */
    int side;      /* cells scrolled to the right */
    bool tail;     /* lines arrive at the end: reaching it means following */
    bool follow, wrap;
    int hang; /* of the lines that are added now */
    char *search;
    uint64_t match; /* number of the line that was found last; UINT64_MAX: none */
    bw_region drawn;
};

bw_text_line *bw_text_line_at(const bw_text_view *v, size_t n);
/* Bytes of the row of a wrapped line that begins at byte `at`. */
size_t bw_text_row_bytes(const bw_text_line *l, size_t at, int cols);
/* Where that row begins: cells from the left. */
int bw_text_row_indent(const bw_text_line *l, size_t at, int cols);
/* The first place of the search in text from byte `from` on, SIZE_MAX for none. */
size_t bw_text_find(const bw_text_view *v, bw_slice text, size_t from);
/* Rows of a page. */
int bw_text_view_page(const bw_text_view *v);
/* Never beyond the end, at the end when following; true when there is nothing more below. */
bool bw_text_view_clamp(bw_text_view *v);

#endif
