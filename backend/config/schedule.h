/*
 * When a sync runs: `manual`, `every 1m`, or five cron fields (minute, hour, day of month, month,
 * day of week), in the local time of the process (TZ), with names, ranges, lists and steps as in
 * crontab(5), and @hourly @daily @midnight @weekly @monthly @yearly @annually.
 *
 * When both days are restricted (neither begins with `*`), either may match. When the clocks
 * change: a schedule whose minute or hour begins with `*` runs by real time, so in the repeated
 * hour it runs again; any other runs once for each time that it names, and what falls into the
 * skipped hour runs when that hour ends. Threads: any.
 */
#ifndef BW_CONFIG_SCHEDULE_H
#define BW_CONFIG_SCHEDULE_H

#include "backend/core/buf.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"

typedef enum bw_schedule_kind {
    BW_SCHEDULE_MANUAL, /* only when asked */
    BW_SCHEDULE_EVERY,
    BW_SCHEDULE_CRON,
} bw_schedule_kind;

typedef struct bw_schedule {
    bw_schedule_kind kind;
    int64_t every_us;  /* EVERY */
    uint64_t minutes;  /* CRON: bit per minute 0..59 */
    uint32_t hours;    /* 0..23 */
    uint32_t days;     /* 1..31 */
    uint16_t months;   /* 1..12 */
    uint8_t weekdays;  /* 0..6, Sunday is 0 */
    bool either_day;   /* days or weekdays may match; else both must */
    bool by_real_time; /* the minute or the hour begins with `*` */
} bw_schedule;

/* "every 1m", "cron: 0 5 * * *" (with or without the word), "manual". BW_INVALID with a hint; *at
   (may be NULL) is then the byte of the text where it went wrong. */
BW_NODISCARD bw_status bw_schedule_parse(bw_slice text, bw_schedule *out, size_t *at,
                                         bw_error *err);

/* The first time after `after_us` (wall time, strictly later). EVERY: after_us + every_us. MANUAL,
   or a date that never comes (30 February): BW_TIME_NONE. */
int64_t bw_schedule_next(const bw_schedule *s, int64_t after_us);

/* The longest time between two runs, looking forward from `from_us`; 0 for MANUAL. For the default
   freshness target. */
int64_t bw_schedule_period(const bw_schedule *s, int64_t from_us);

#endif
