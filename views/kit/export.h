/*
 * The visible rows of a table as a file: what the filter lets through, in the order shown, with all
 * columns. CSV (RFC 4180) with cells that a spreadsheet would run as formulas defused by an
 * apostrophe; JSON as an array of objects. Numbers are written as numbers in the column's unit (seconds,
 * bytes), unknown ones as nothing or null. The file is created
 * with mode 0600 and an existing one is never touched. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_EXPORT_H
#define BW_VIEWS_KIT_EXPORT_H

#include "views/kit/table.h"

typedef enum bw_export_format { BW_EXPORT_CSV, BW_EXPORT_JSON } bw_export_format;

/* "csv" or "json". */
bool bw_export_format_parse(const char *name, bw_export_format *format);
void bw_export_text(const bw_table *t, bw_export_format format, bw_buf *out);
/* BW_EXISTS, BW_IO. *rows tells how many were written. */
BW_NODISCARD bw_status bw_export_file(const bw_table *t, bw_export_format format, const char *path,
                                      size_t *rows, bw_error *err);
/* Writes any content under the same rules (dead letters' bodies). */
BW_NODISCARD bw_status bw_export_write(const char *path, bw_slice content, bw_error *err);
/* One CSV field, defused and quoted; appended. */
void bw_export_csv_field(bw_buf *out, bw_slice text);

#endif
