/*
 * Calendar arithmetic of the date and time functions: parts, truncation, differences.
 * Threads: any.
 */
#ifndef BW_SANDBOX_FN_TIME_H
#define BW_SANDBOX_FN_TIME_H

#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_time.h"

/* English, from January and from Monday. */
extern const char *const bq_month_names[12];
extern const char *const bq_weekday_names[7];

typedef struct bq_part {
    const char *name;
    int64_t us;     /* fixed length; 0 for calendar parts */
    int64_t months; /* length in months; 0 for others */
    int week_start; /* ISO weekday that begins a week; 0 when it is no week */
    bool iso_year;
} bq_part;

/* NULL when there is none: WEEK(MONDAY) too. */
const bq_part *bq_part_find(bw_slice name);
/* Adds n parts to a DATETIME; false when it leaves 0001..9999. Months keep the day, or take the last
   of a shorter month. */
bool bq_part_add(const bq_part *part, int64_t datetime_us, int64_t n, int64_t *out);
/* The beginning of the part that holds the time. */
int64_t bq_part_trunc(const bq_part *part, int64_t datetime_us);
/* Boundaries of the part between b and a. */
int64_t bq_part_diff(const bq_part *part, int64_t a, int64_t b);
/* ISO 8601 year and week. */
void bq_iso_week(int64_t days, int64_t *year, int64_t *week);

/* An argument that names a part; NULL: the error is set. */
const bq_part *bq_arg_part(sqlite3_context *ctx, sqlite3_value *v);
/* The zone in an optional argument: its offset at the time. False: the error is set. */
bool bq_arg_zone(sqlite3_context *ctx, int argc, sqlite3_value **argv, int at, int64_t us,
                 bool local, int64_t *offset);

#endif
