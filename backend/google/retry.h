/*
 * When to try again. Full-jitter exponential back-off: the n-th wait is uniform over
 * [0, min(32 s, 1 s * 2^n)], never less than what the server asked for (Retry-After), until a
 * deadline. Only errors that say `retryable` are tried again.
 *
 *     bw_retry retry = bw_retry_begin(clock, cancel, deadline, "shop.orders", "insert the job");
 *     do
 *         s = attempt(..., err);
 *     while (s != BW_OK && bw_retry_again(&retry, err));
 *
 * The first failure of a loop is logged as a warning, the following ones at debug, giving up by
 * whoever handles the error. Threads: one loop belongs to one thread.
 */
#ifndef BW_GOOGLE_RETRY_H
#define BW_GOOGLE_RETRY_H

#include "backend/core/cancel.h"

/* Whoever wants to know that something is being waited for, and why. */
typedef struct bw_retry_listener {
    void (*tell)(void *user, const char *text); /* "": it goes on; may be NULL */
    void *user;
    bool waiting; /* told, and not over */
} bw_retry_listener;

/* Tells the listener that it goes on, if it was told otherwise. */
void bw_retry_over(bw_retry_listener *listener);

typedef struct bw_retry {
    const bw_clock *clock;
    const bw_cancel *cancel;     /* or NULL */
    int64_t deadline_us;         /* monotonic */
    const char *subject;         /* of the log lines */
    const char *what;            /* "insert the job": completes "cannot ..." */
    int64_t base_us, cap_us;     /* 1 s and 32 s unless changed after begin */
    bw_retry_listener *listener; /* or NULL: set after begin */
    int64_t began_us;
    int failures;   /* so far */
    bw_error cause; /* the last of them that was tried again after */
    uint64_t seed;
} bw_retry;

/* subject and what are borrowed. */
bw_retry bw_retry_begin(const bw_clock *clock, const bw_cancel *cancel, int64_t deadline_us,
                        const char *subject, const char *what);

/* Counts a failure and says how long to wait, in microseconds; -1 when not to try again: the error
   is not retryable, or the wait would not end before the deadline. */
int64_t bw_retry_delay(bw_retry *retry, const bw_error *err);

/* That, telling the listener, and the wait itself. False when the loop is over; err then is the last failure, saying how
   often it was tried, or CANCELLED. */
bool bw_retry_again(bw_retry *retry, bw_error *err);

#endif
