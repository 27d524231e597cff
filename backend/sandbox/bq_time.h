/*
 * DATE, TIME, DATETIME, TIMESTAMP and INTERVAL: texts and calendar. All in microseconds or days on
 * the proleptic Gregorian calendar, years 0001 to 9999. Threads: any.
 * Specification: GoogleSQL lexical structure, "Date literals" and following; canonical formats of
 * "Data types".
 */
#ifndef BW_SANDBOX_BQ_TIME_H
#define BW_SANDBOX_BQ_TIME_H

#include "backend/core/buf.h"

#define BQ_US_PER_SECOND INT64_C(1000000)
#define BQ_US_PER_DAY    INT64_C(86400000000)

/* YYYY-[M]M-[D]D */
bool bq_date_parse(bw_slice s, int64_t *days);
/* [H]H:[M]M:[S]S[.F], up to six digits of fraction */
bool bq_time_parse(bw_slice s, int64_t *us);
/* Date, then optionally a space or T and a time. */
bool bq_datetime_parse(bw_slice s, int64_t *us);
/* The same, then optionally Z, an offset (+H, +HH, +H:MM, +HH:MM), or a space and a zone's name.
   Without one: `default_offset_us`. False also when out of range. */
bool bq_timestamp_parse(bw_slice s, int64_t default_offset_us, int64_t *us);
/* Zones: UTC, Z, offsets, and the names that the system's tz database knows (bq_zone.c). */
/* Offset from UTC in microseconds that the zone had at `utc_us` (or, with `local`, at that local
   time). False: no such zone. */
bool bq_zone_offset(bw_slice zone, int64_t us, bool local, int64_t *offset_us);

void bq_date_print(int64_t days, bw_buf *out);
/* Fractions with 0, 3 or 6 digits. */
void bq_time_print(int64_t us, bw_buf *out);
void bq_datetime_print(int64_t us, char separator, bw_buf *out);
/* "2023-11-14 22:13:20+00": at UTC */
void bq_timestamp_print(int64_t us, bw_buf *out);
/* "2023-11-14T22:13:20Z", fractions with 3 or 6 digits: as JSON functions print it. */
void bq_timestamp_print_json(int64_t us, bw_buf *out);
/* Seconds in Java's notation, exact: "1.70000000012E9". */
void bq_timestamp_print_seconds(int64_t us, bw_buf *out);

typedef struct bq_civil {
    int64_t year;
    unsigned month, day;
    int64_t us_of_day;
} bq_civil;
bq_civil bq_civil_of(int64_t datetime_us);
/* False when not a date of 0001..9999. */
bool bq_days_of(int64_t year, int64_t month, int64_t day, int64_t *days);
/* Monday 1 .. Sunday 7 */
int bq_iso_weekday(int64_t days);

/* Floor division, for times before 1970. */
static inline int64_t bq_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

typedef struct bq_interval {
    int64_t months, days, us;
} bq_interval;
/* "Y-M D H:M:S.F" or ISO 8601 "P1Y2M3DT4H5M6.5S" */
bool bq_interval_parse(bw_slice s, bq_interval *out);
/* The text of INTERVAL '...' from TO to: parts from YEAR, MONTH, DAY, HOUR, MINUTE, SECOND. */
bool bq_interval_parse_range(bw_slice s, bw_slice from, bw_slice to, bq_interval *out);
void bq_interval_print(const bq_interval *v, bw_buf *out);
bool bq_interval_valid(const bq_interval *v);
/* The stored form, 24 bytes; decode is false when it is not one. */
void bq_interval_encode(const bq_interval *v, unsigned char out[24]);
bool bq_interval_decode(bw_slice blob, bq_interval *out);
/* Microseconds with 30 days to a month: the order of intervals. Saturates never: fits 64 bits. */
int64_t bq_interval_total(const bq_interval *v);

#endif
