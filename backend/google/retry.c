#include "backend/google/retry.h"

#include <stdio.h>
#include <sys/random.h>

#include "backend/core/log.h"
#include "backend/core/units.h"

#define DOUBLINGS_MAX 20

bw_retry bw_retry_begin(const bw_clock *clock, const bw_cancel *cancel, int64_t deadline_us,
                        const char *subject, const char *what)
{
    bw_retry r = {.clock = clock,
                  .cancel = cancel,
                  .deadline_us = deadline_us,
                  .subject = subject,
                  .what = what,
                  .base_us = BW_SECOND,
                  .cap_us = 32 * BW_SECOND,
                  .began_us = bw_mono_us(clock)};
    if (getrandom(&r.seed, sizeof(r.seed), GRND_NONBLOCK) != (ssize_t)sizeof(r.seed))
        r.seed = (uint64_t)bw_wall_us(clock);
    return r;
}

/* splitmix64 (Steele, Lea, Flood 2014): good enough to keep clients from marching in step. */
static uint64_t next_random(bw_retry *r)
{
    uint64_t z = (r->seed += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t bw_retry_delay(bw_retry *r, const bw_error *err)
{
    int doublings = r->failures < DOUBLINGS_MAX ? r->failures : DOUBLINGS_MAX;
    r->failures++;
    if (!err->retryable)
        return -1;
    int64_t span = r->base_us << doublings;
    if (span > r->cap_us)
        span = r->cap_us;
    int64_t delay = (int64_t)(next_random(r) % ((uint64_t)span + 1));
    /* What the server asked for is a floor; the jitter on top keeps a crowd that was turned away
       together from coming back together. */
    if (err->retry_after_s > 0)
        delay = (int64_t)(err->retry_after_s * 1e6) + delay % (r->base_us + 1);
    int64_t now = bw_mono_us(r->clock);
    if (r->deadline_us != BW_FOREVER && delay >= r->deadline_us - now)
        return -1;
    return delay;
}

void bw_retry_over(bw_retry_listener *listener)
{
    if (!listener->waiting)
        return;
    listener->waiting = false;
    listener->tell(listener->user, "");
}

static void tell(bw_retry *r, const char *what, const bw_error *err)
{
    char text[1280];
    if (!r->listener || !r->listener->tell)
        return;
    snprintf(text, sizeof(text), "trying again (%d so far): %s%s", r->failures, what, err->message);
    r->listener->waiting = true;
    r->listener->tell(r->listener->user, text);
}

/* That time was up in the middle of the last attempt says less than what the one before met. */
static void prefer_cause(const bw_retry *r, int64_t now, bw_error *err)
{
    if (r->failures < 2 || err->status != BW_TIMEOUT || now < r->deadline_us)
        return;
    bool acted = err->maybe_acted;
    *err = r->cause;
    err->maybe_acted |= acted;
}

bool bw_retry_again(bw_retry *r, bw_error *err)
{
    char text[BW_TIME_TEXT];
    int64_t delay = bw_retry_delay(r, err);
    int64_t now = bw_mono_us(r->clock);
    if (delay < 0) {
        prefer_cause(r, now, err);
        if (err->retryable && r->failures > 1)
            bw_error_wrap(err, "gave up after %d attempts in %s", r->failures,
                          bw_format_duration(now - r->began_us, text));
        return false;
    }
    /* Most errors say by themselves what cannot be done. */
    char what[160];
    snprintf(what, sizeof(what), "cannot %s: ", r->what);
    if (strncmp(err->message, what, strlen(what)) == 0)
        what[0] = '\0';
    bw_log(r->failures == 1 ? BW_LOG_WARN : BW_LOG_DEBUG, r->subject,
           "%s%s; trying again in %.1f s", what, err->message, (double)delay / 1e6);
    tell(r, what, err);
    r->cause = *err;
    bw_error cancelled = BW_ERROR_INIT;
    if (bw_wait_until(r->cancel, r->clock, now + delay, &cancelled) == BW_OK)
        return true;
    cancelled.maybe_acted = err->maybe_acted;
    *err = cancelled;
    return false;
}
