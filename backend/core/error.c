#include "backend/core/error.h"

#include <stdio.h>
#include <string.h>

/* Removes an incomplete UTF-8 sequence that cutting may have left at the end. */
static void trim_partial(char *s)
{
    size_t n = strlen(s), back = 0;
    while (back < 4 && back < n && ((unsigned char)s[n - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back >= n)
        return;
    unsigned char lead = (unsigned char)s[n - 1 - back];
    size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (lead >= 0xC0 && back < need)
        s[n - 1 - back] = '\0';
}

static void format(char *dst, size_t size, const char *fmt, va_list ap) BW_PRINTF(3, 0);

static void format(char *dst, size_t size, const char *fmt, va_list ap)
{
    int n = vsnprintf(dst, size, fmt, ap);
    if (n < 0)
        dst[0] = '\0';
    else if ((size_t)n >= size)
        trim_partial(dst);
}

const char *bw_status_name(bw_status status)
{
    static const char *const names[] = {
        [BW_OK] = "ok",
        [BW_INVALID] = "invalid",
        [BW_NOT_FOUND] = "not found",
        [BW_EXISTS] = "exists already",
        [BW_CONFLICT] = "conflict",
        [BW_DENIED] = "access denied",
        [BW_UNAVAILABLE] = "unavailable",
        [BW_TIMEOUT] = "timed out",
        [BW_RATE] = "rate limited",
        [BW_QUOTA] = "quota exceeded",
        [BW_CANCELLED] = "cancelled",
        [BW_REJECTED] = "rows rejected",
        [BW_IO] = "input/output error",
        [BW_CORRUPT] = "corrupt state",
        [BW_UNSUPPORTED] = "unsupported",
        [BW_INTERNAL] = "internal error",
    };
    return (size_t)status < BW_COUNT(names) ? names[status] : "unknown";
}

bw_status bw_error_vset(bw_error *err, bw_status status, const char *fmt, va_list ap)
{
    if (!err)
        return status;
    err->status = status;
    err->retryable = status == BW_UNAVAILABLE || status == BW_TIMEOUT || status == BW_RATE;
    err->maybe_acted = false;
    err->retry_after_s = 0;
    err->hint[0] = '\0';
    format(err->message, sizeof(err->message), fmt, ap);
    return status;
}

bw_status bw_error_set(bw_error *err, bw_status status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bw_error_vset(err, status, fmt, ap);
    va_end(ap);
    return status;
}

bw_status bw_error_errno(bw_error *err, bw_status status, int saved_errno, const char *fmt, ...)
{
    if (!err)
        return status;
    va_list ap;
    va_start(ap, fmt);
    bw_error_vset(err, status, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->message);
    char text[128];
    snprintf(err->message + n, sizeof(err->message) - n, ": %s",
             strerror_r(saved_errno, text, sizeof(text)));
    trim_partial(err->message);
    return status;
}

bw_status bw_error_hint(bw_error *err, const char *fmt, ...)
{
    if (!err)
        return BW_OK;
    va_list ap;
    va_start(ap, fmt);
    format(err->hint, sizeof(err->hint), fmt, ap);
    va_end(ap);
    return err->status;
}

bw_status bw_error_wrap(bw_error *err, const char *fmt, ...)
{
    if (!err)
        return BW_OK;
    char cause[sizeof(err->message)];
    memcpy(cause, err->message, sizeof(cause));
    va_list ap;
    va_start(ap, fmt);
    format(err->message, sizeof(err->message), fmt, ap);
    va_end(ap);
    size_t n = strlen(err->message), room = sizeof(err->message) - n;
    if ((size_t)snprintf(err->message + n, room, ": %s", cause) >= room)
        trim_partial(err->message);
    return err->status;
}
