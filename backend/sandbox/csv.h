/*
 * CSV as load jobs read it (RFC 4180 and BigQuery's options). Threads: one at a time.
 */
#ifndef BW_SANDBOX_CSV_H
#define BW_SANDBOX_CSV_H

#include "backend/sandbox/bq_type.h"
#include "backend/sandbox/lines.h"

typedef struct bw_sb_csv_options {
    char delimiter;          /* ',' */
    char quote;              /* '"'; NUL: cells are never quoted */
    bool quoted_newlines;    /* allowQuotedNewlines */
    bool jagged_rows;        /* allowJaggedRows: missing cells at the end are NULL */
    bool ignore_unknown;     /* ignoreUnknownValues: further cells are dropped */
    int64_t skip_rows;       /* skipLeadingRows */
    const char *null_marker; /* NULL: an empty cell is NULL, except in STRING and BYTES columns */
} bw_sb_csv_options;

/* From configuration.load; texts live in the arena. */
BW_NODISCARD bw_status bw_sb_csv_options_parse(bw_arena *arena, bw_slice config,
                                               bw_sb_csv_options *out, bq_error *err);

/* The next record: its lines joined when a quoted cell spans several, as bw_sb_lines_next. `joined`
   holds it then. */
BW_NODISCARD bw_status bw_sb_csv_next(bw_sb_lines *lines, const bw_sb_csv_options *options,
                                      bw_buf *joined, bw_slice *record, uint64_t *position,
                                      bw_error *err);
/* The record's cells as checked values of the schema, as bq_row_from_json. */
BW_NODISCARD bw_status bw_sb_csv_row(const bq_schema *schema, bw_slice record,
                                     const bw_sb_csv_options *options, bw_arena *arena,
                                     bq_value *row, bq_error *err);

#endif
