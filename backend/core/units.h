/*
 * The texts of times, durations and sizes: RFC 3339 for times, 90s 5m 2h 7d for durations,
 * 64KiB 1GiB 10MB for sizes. Independent of the locale. Threads: any.
 */
#ifndef BW_CORE_UNITS_H
#define BW_CORE_UNITS_H

#include "backend/core/buf.h"
#include "backend/core/clock.h"

/* "500ms", "90s", "1m30s", "7d", "2w" to microseconds; false when it is not a duration. */
bool bw_parse_duration(bw_slice s, int64_t *us);
/* "10", "64KiB", "1.5GiB", "10MB" (decimal) to bytes; false when it is not a size. */
bool bw_parse_size(bw_slice s, int64_t *bytes);
/* RFC 3339, or its forms with a space, without an offset (taken as UTC) or a date alone. */
bool bw_parse_time(bw_slice s, int64_t *us);

#define BW_TIME_TEXT 40
/* "2026-11-20T08:37:00Z", with as many of six decimals as needed; "-" for BW_TIME_NONE. */
const char *bw_format_time(int64_t us, char out[BW_TIME_TEXT]);
/* "14:02:11" in UTC, or local time when `local`. */
const char *bw_format_clock(int64_t us, bool local, char out[BW_TIME_TEXT]);
/* Short, for columns: "2s", "12m04s", "1h02m", "3d04h"; "-" for a negative or unknown one. */
const char *bw_format_duration(int64_t us, char out[BW_TIME_TEXT]);
/* How long something took: as above, but tenths below 10 s, where seconds say nothing: "0.4s". */
const char *bw_format_elapsed(int64_t us, char out[BW_TIME_TEXT]);
/* Exact, as bw_parse_duration reads it: "1m", "90s", "500ms". */
const char *bw_format_duration_exact(int64_t us, char out[BW_TIME_TEXT]);
/* Short, for columns: "48.2k", "1.3M"; whole below 10,000. */
const char *bw_format_count(double n, char out[BW_TIME_TEXT]);
/* "64 MiB", "1.5 GiB". */
const char *bw_format_bytes(int64_t n, char out[BW_TIME_TEXT]);

/* Days since 1970-01-01 of a proleptic Gregorian date, and back (any year). */
int64_t bw_days_from_civil(int64_t y, unsigned m, unsigned d);
void bw_civil_from_days(int64_t days, int64_t *y, unsigned *m, unsigned *d);

#endif
