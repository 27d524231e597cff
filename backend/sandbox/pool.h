/*
 * Worker threads with a queue, timers and wake-ups. A task is embedded in what it works for and
 * belongs to the pool from a submit until its run function is called; the run function may submit
 * or park it again.
 *
 * Waiting for an event without losing it: take a ticket for the key, look at the state, and park
 * with the ticket when there is nothing to do yet. A wake of that key between the two makes the
 * park return at once.
 *
 * Threads: any, except that new and free belong to the owner.
 */
#ifndef BW_SANDBOX_POOL_H
#define BW_SANDBOX_POOL_H

#include "backend/core/clock.h"
#include "backend/core/error.h"

typedef struct bw_sb_pool bw_sb_pool;
typedef struct bw_sb_task bw_sb_task;

struct bw_sb_task {
    void (*run)(bw_sb_task *task);
    /* The pool's own. */
    bw_sb_task *next, *previous;
    int64_t at_us;
    uint64_t key;
    size_t heap_index;
    bool parked;
};

bw_sb_pool *bw_sb_pool_new(size_t threads, const bw_clock *clock);
/* Runs everything that is queued, timed or parked at once, lets running tasks end, and joins.
   bw_sb_pool_stopping() is true from the beginning, so tasks can give up instead of parking. */
void bw_sb_pool_stop(bw_sb_pool *pool);
/* After stop. */
void bw_sb_pool_free(bw_sb_pool *pool);
bool bw_sb_pool_stopping(bw_sb_pool *pool);

/* These three are false, and do nothing, once the pool is stopping. */
bool bw_sb_pool_submit(bw_sb_pool *pool, bw_sb_task *task);
/* Runs it at the monotonic time. */
bool bw_sb_pool_submit_at(bw_sb_pool *pool, bw_sb_task *task, int64_t at_us);

/* Runs it when the key is woken after the ticket was taken, or at the monotonic time. */
bool bw_sb_pool_park(bw_sb_pool *pool, bw_sb_task *task, uint64_t key, uint64_t ticket,
                     int64_t at_us);
uint64_t bw_sb_pool_ticket(bw_sb_pool *pool, uint64_t key);
void bw_sb_pool_wake(bw_sb_pool *pool, uint64_t key);

/* A key for a name (FNV-1a). */
uint64_t bw_sb_key(const char *name);

#endif
