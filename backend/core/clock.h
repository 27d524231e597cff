/*
 * Time. One clock is handed to everything that needs it, so that tests can hold it in their hand.
 * Wall time is microseconds since 1970-01-01 UTC and is used for what people and schedules mean;
 * monotonic time is microseconds since an arbitrary start and is used for deadlines and rates.
 * Threads: any.
 */
#ifndef BW_CORE_CLOCK_H
#define BW_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define BW_SECOND ((int64_t)1000000)
#define BW_MINUTE (60 * BW_SECOND)
#define BW_HOUR   (60 * BW_MINUTE)
#define BW_DAY    (24 * BW_HOUR)
/* An unknown or absent time. Never shown as a date, never 0. */
#define BW_TIME_NONE INT64_MIN
/* A deadline that never passes. */
#define BW_FOREVER INT64_MAX

typedef struct bw_clock bw_clock;
struct bw_clock {
    int64_t (*wall)(const bw_clock *);
    int64_t (*mono)(const bw_clock *);
};

/* The system's clock. */
const bw_clock *bw_clock_system(void);

static inline int64_t bw_wall_us(const bw_clock *c)
{
    return c->wall(c);
}

static inline int64_t bw_mono_us(const bw_clock *c)
{
    return c->mono(c);
}

/* Milliseconds to hand to poll() so that it returns at the monotonic deadline: 0 when it has
   passed, at most `cap_ms`; -1 only for BW_FOREVER with cap_ms < 0. */
int bw_poll_ms(const bw_clock *c, int64_t deadline_us, int cap_ms);

#endif
