/*
 * The outcome of everything that can fail. A function that can fail returns bw_status and takes a
 * caller-owned bw_error last; it fills the error exactly when it does not return BW_OK. The error
 * is set once, where the cause is known, and wrapped with context on the way up:
 *
 *     sync shop.orders: column total, key 4711: 1e400 does not fit FLOAT64
 *
 * Messages are lowercase without a full stop; the hint is a sentence that says what to do. An error
 * never allocates, and text that does not fit is cut on the boundary of a character.
 * Threads: any; one bw_error belongs to one thread at a time.
 */
#ifndef BW_CORE_ERROR_H
#define BW_CORE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend/core/alloc.h"

typedef enum bw_status {
    BW_OK = 0,
    BW_INVALID,     /* bad input, configuration or data */
    BW_NOT_FOUND,   /* what was named does not exist */
    BW_EXISTS,      /* it exists already (HTTP 409 duplicate) */
    BW_CONFLICT,    /* someone else changed or owns it (HTTP 412, lock held) */
    BW_DENIED,      /* credentials or rights */
    BW_UNAVAILABLE, /* the other side does not answer, or says 5xx */
    BW_TIMEOUT,     /* a deadline passed; the outcome may be unknown */
    BW_RATE,        /* slow down: rateLimitExceeded, 429 */
    BW_QUOTA,       /* a daily or long-term quota is used up */
    BW_CANCELLED,   /* the caller's cancel was raised */
    BW_REJECTED,    /* rows were refused by the destination */
    BW_IO,          /* local disk or file */
    BW_CORRUPT,     /* stored state contradicts itself */
    BW_UNSUPPORTED, /* a capability that is not there */
    BW_INTERNAL,    /* a bug on our side */
} bw_status;

typedef struct bw_error {
    bw_status status;
    bool retryable;       /* the same request may succeed later */
    bool maybe_acted;     /* no answer came, but the request may have had its effect */
    double retry_after_s; /* what the other side asked for; 0 when it did not */
    char message[1024];
    char hint[512]; /* may be empty */
} bw_error;

#define BW_ERROR_INIT   \
    {                   \
        .status = BW_OK \
    }

/* Lower-case name: "not found". */
const char *bw_status_name(bw_status status);

/* Sets the error and returns `status`, so that it can stand in a return statement. Clears hint;
   retryable becomes true for UNAVAILABLE, TIMEOUT and RATE, maybe_acted false. `err` may be NULL. */
bw_status bw_error_set(bw_error *err, bw_status status, const char *fmt, ...) BW_PRINTF(3, 4);
bw_status bw_error_vset(bw_error *err, bw_status status, const char *fmt, va_list ap)
    BW_PRINTF(3, 0);
/* The same with strerror(saved_errno) at the end. */
bw_status bw_error_errno(bw_error *err, bw_status status, int saved_errno, const char *fmt, ...)
    BW_PRINTF(4, 5);
/* Says what to do; replaces an earlier hint. Returns err->status. */
bw_status bw_error_hint(bw_error *err, const char *fmt, ...) BW_PRINTF(2, 3);
/* Puts "context: " before the message; returns err->status. */
bw_status bw_error_wrap(bw_error *err, const char *fmt, ...) BW_PRINTF(2, 3);

#endif
