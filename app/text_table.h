/* Aligned columns of text for standard output: widths by cells, everything sanitised,
 * cells of all columns but the last cut at 60 cells. */
#ifndef BW_APP_TEXT_TABLE_H
#define BW_APP_TEXT_TABLE_H

#include <stdio.h>

#include "backend/core/arena.h"

typedef struct bw_text_table bw_text_table;

/* `right`: a bit per column that is aligned to the right. */
bw_text_table *bw_text_table_new(const char *const *titles, size_t columns, unsigned right);
void bw_text_table_free(bw_text_table *t);
/* The next cell, row after row; NULL is "-". */
void bw_text_table_add(bw_text_table *t, const char *text);
void bw_text_table_print(const bw_text_table *t, FILE *to);

/* A line below a table, "NAME: text", sanitised; an empty line before the first one: *first, which
   becomes false. */
void bw_text_note(FILE *to, bool *first, const char *name, const char *fmt, ...) BW_PRINTF(4, 5);
/* The message without "sync NAME: ", which says again what stands in the row's first column. */
const char *bw_text_of(const char *name, const char *message);

#endif
