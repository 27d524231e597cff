/*
 * The language of `/`: blank-separated terms that must all hold.
 *
 *     orders          text in any column that is shown: a POSIX extended regular expression, ignoring case (of a to z) unless
 *                     the term has a capital
 *     !done           does not contain it
 *     state:failed    in the column `state` (its id, or a unique beginning of it)
 *     lag>60 lag<=5m dlq!=0   numbers: > >= < <= = !=, with the units of the column (60 is in the
 *                     column's own unit: seconds, bytes, plain); an unknown value matches only !=
 *     "two words"     quotes keep blanks, colons and signs together as text
 *
 * Threads: any, one at a time.
 */
#ifndef BW_VIEWS_KIT_FILTER_H
#define BW_VIEWS_KIT_FILTER_H

#include "backend/core/error.h"
#include "backend/core/buf.h"

/* What a column's numbers count. */
typedef enum bw_unit { BW_UNIT_PLAIN, BW_UNIT_SECONDS, BW_UNIT_BYTES, BW_UNIT_TEXT } bw_unit;

typedef struct bw_filter_column {
    const char *id;
    bw_unit unit; /* TEXT: has no number to compare */
} bw_filter_column;

typedef struct bw_filter bw_filter;
/* BW_INVALID with what is wrong in the message: "unknown column stat" (hint: the nearest), "unmatched
   (". An empty text gives a filter that everything passes. */
BW_NODISCARD bw_status bw_filter_new(bw_filter **filter, const char *text,
                                     const bw_filter_column *columns, size_t count, bw_error *err);
void bw_filter_free(bw_filter *filter);

/* A row, cell by cell; the filter asks only for what it needs. NAN in *number: unknown. `text` stays
   valid until the next call. */
typedef struct bw_filter_row {
    void (*cell)(void *user, size_t column, bw_slice *text, double *number);
    void *user;
    /* By column: a term without a column does not look there, because nobody sees it. May be NULL. */
    const bool *hidden;
} bw_filter_row;
bool bw_filter_match(bw_filter *filter, const bw_filter_row *row);

#endif
