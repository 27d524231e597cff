/*
 * A cancel that a waiting thread can poll: an eventfd that is raised once and stays raised.
 * Threads: raise and check from any; init and fini by the owner.
 */
#ifndef BW_CORE_CANCEL_H
#define BW_CORE_CANCEL_H

#include <stdatomic.h>

#include "backend/core/clock.h"
#include "backend/core/error.h"

typedef struct bw_cancel {
    int fd; /* readable once raised */
    atomic_bool raised;
} bw_cancel;

void bw_cancel_init(bw_cancel *c);
void bw_cancel_fini(bw_cancel *c);
void bw_cancel_raise(bw_cancel *c);
void bw_cancel_reset(bw_cancel *c);
static inline bool bw_cancelled(const bw_cancel *c)
{
    return c && atomic_load(&c->raised);
}

/*
 * Waits until `fd` is ready for `events` (poll's), the cancel is raised or the monotonic deadline
 * passes: BW_OK, BW_CANCELLED or BW_TIMEOUT; fd -1 only sleeps. `what` names the wait in the error:
 * "timed out waiting for the answer of db:5432".
 */
BW_NODISCARD bw_status bw_wait_fd(int fd, short events, const bw_cancel *cancel,
                                  const bw_clock *clock, int64_t deadline_us, const char *what,
                                  bw_error *err);
/* Sleeps until the monotonic deadline unless cancelled: BW_OK or BW_CANCELLED. */
BW_NODISCARD bw_status bw_wait_until(const bw_cancel *cancel, const bw_clock *clock,
                                     int64_t deadline_us, bw_error *err);

#endif
