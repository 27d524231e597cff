/*
 * Three places where a task waits: the ready queue (first in, first out), the heap of timed tasks
 * ordered by their time, and, for parked tasks, one of the wait slots as well. One mutex guards
 * them all; it is held for pointer work only.
 */
#include "backend/sandbox/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/sandbox/hash.h"

#define SLOTS 256

struct bw_sb_pool {
    pthread_mutex_t mu;
    pthread_cond_t work;
    const bw_clock *clock;
    bool stopping;                   /* guarded by mu */
    bw_sb_task *ready, **ready_tail; /* guarded by mu */
    bw_sb_task **heap;               /* guarded by mu */
    size_t heap_len, heap_cap;       /* guarded by mu */
    bw_sb_task *slots[SLOTS];        /* guarded by mu */
    uint64_t sequence[SLOTS];        /* guarded by mu: wakes so far */
    pthread_t *threads;
    size_t thread_count;
};

static void heap_put(bw_sb_pool *p, size_t at, bw_sb_task *task)
{
    p->heap[at] = task;
    task->heap_index = at;
}

static void heap_up(bw_sb_pool *p, size_t at)
{
    bw_sb_task *task = p->heap[at];
    while (at > 0 && p->heap[(at - 1) / 2]->at_us > task->at_us) {
        heap_put(p, at, p->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(p, at, task);
}

static void heap_down(bw_sb_pool *p, size_t at)
{
    bw_sb_task *task = p->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= p->heap_len)
            break;
        if (child + 1 < p->heap_len && p->heap[child + 1]->at_us < p->heap[child]->at_us)
            child++;
        if (p->heap[child]->at_us >= task->at_us)
            break;
        heap_put(p, at, p->heap[child]);
        at = child;
    }
    heap_put(p, at, task);
}

static void heap_add(bw_sb_pool *p, bw_sb_task *task)
{
    BW_GROW(p->heap, p->heap_len + 1, p->heap_cap);
    heap_put(p, p->heap_len++, task);
    heap_up(p, task->heap_index);
}

static void heap_remove(bw_sb_pool *p, bw_sb_task *task)
{
    size_t at = task->heap_index;
    bw_sb_task *last = p->heap[--p->heap_len];
    if (last == task)
        return;
    heap_put(p, at, last);
    heap_up(p, at);
    heap_down(p, last->heap_index);
}

static void slot_add(bw_sb_pool *p, bw_sb_task *task)
{
    bw_sb_task **slot = &p->slots[task->key % SLOTS];
    task->parked = true;
    task->previous = NULL;
    task->next = *slot;
    if (*slot)
        (*slot)->previous = task;
    *slot = task;
}

static void slot_remove(bw_sb_pool *p, bw_sb_task *task)
{
    if (!task->parked)
        return;
    if (task->previous)
        task->previous->next = task->next;
    else
        p->slots[task->key % SLOTS] = task->next;
    if (task->next)
        task->next->previous = task->previous;
    task->parked = false;
}

static void make_ready(bw_sb_pool *p, bw_sb_task *task)
{
    task->next = NULL;
    *p->ready_tail = task;
    p->ready_tail = &task->next;
    pthread_cond_signal(&p->work);
}

static void release_timed(bw_sb_pool *p, bw_sb_task *task)
{
    heap_remove(p, task);
    slot_remove(p, task);
    make_ready(p, task);
}

/* The next task to run, waiting for one; NULL when the pool stops and nothing is left. */
static bw_sb_task *next_task(bw_sb_pool *p)
{
    for (;;) {
        int64_t now = bw_mono_us(p->clock);
        while (p->heap_len && (p->stopping || p->heap[0]->at_us <= now))
            release_timed(p, p->heap[0]);
        if (p->ready) {
            bw_sb_task *task = p->ready;
            p->ready = task->next;
            if (!p->ready)
                p->ready_tail = &p->ready;
            return task;
        }
        if (p->stopping)
            return NULL;
        if (!p->heap_len) {
            pthread_cond_wait(&p->work, &p->mu);
            continue;
        }
        int64_t at = p->heap[0]->at_us;
        struct timespec until = {.tv_sec = (time_t)(at / BW_SECOND),
                                 .tv_nsec = (long)(at % BW_SECOND) * 1000};
        pthread_cond_timedwait(&p->work, &p->mu, &until);
    }
}

static void *worker_main(void *arg)
{
    bw_sb_pool *p = arg;
    pthread_mutex_lock(&p->mu);
    for (bw_sb_task *task; (task = next_task(p));) {
        pthread_mutex_unlock(&p->mu);
        task->run(task);
        pthread_mutex_lock(&p->mu);
    }
    pthread_mutex_unlock(&p->mu);
    return NULL;
}

bw_sb_pool *bw_sb_pool_new(size_t threads, const bw_clock *clock)
{
    bw_sb_pool *p = bw_xcalloc(1, sizeof *p);
    p->clock = clock;
    p->ready_tail = &p->ready;
    pthread_mutex_init(&p->mu, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->work, &attr);
    pthread_condattr_destroy(&attr);
    p->threads = bw_xcalloc(threads, sizeof *p->threads);
    for (size_t i = 0; i < threads; i++) {
        if (pthread_create(&p->threads[i], NULL, worker_main, p) != 0)
            break;
        p->thread_count++;
    }
    return p;
}

void bw_sb_pool_stop(bw_sb_pool *p)
{
    pthread_mutex_lock(&p->mu);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mu);
    for (size_t i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    p->thread_count = 0;
}

void bw_sb_pool_free(bw_sb_pool *p)
{
    if (!p)
        return;
    free(p->threads);
    free(p->heap);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->mu);
    free(p);
}

bool bw_sb_pool_stopping(bw_sb_pool *p)
{
    pthread_mutex_lock(&p->mu);
    bool stopping = p->stopping;
    pthread_mutex_unlock(&p->mu);
    return stopping;
}

bool bw_sb_pool_submit(bw_sb_pool *p, bw_sb_task *task)
{
    pthread_mutex_lock(&p->mu);
    bool open = !p->stopping;
    task->parked = false;
    if (open)
        make_ready(p, task);
    pthread_mutex_unlock(&p->mu);
    return open;
}

bool bw_sb_pool_submit_at(bw_sb_pool *p, bw_sb_task *task, int64_t at_us)
{
    pthread_mutex_lock(&p->mu);
    bool open = !p->stopping;
    task->parked = false;
    task->at_us = at_us;
    if (open) {
        heap_add(p, task);
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->mu);
    return open;
}

uint64_t bw_sb_pool_ticket(bw_sb_pool *p, uint64_t key)
{
    pthread_mutex_lock(&p->mu);
    uint64_t ticket = p->sequence[key % SLOTS];
    pthread_mutex_unlock(&p->mu);
    return ticket;
}

bool bw_sb_pool_park(bw_sb_pool *p, bw_sb_task *task, uint64_t key, uint64_t ticket, int64_t at_us)
{
    pthread_mutex_lock(&p->mu);
    bool open = !p->stopping;
    task->key = key;
    task->at_us = at_us;
    task->parked = false;
    if (open && p->sequence[key % SLOTS] != ticket) {
        make_ready(p, task);
    } else if (open) {
        slot_add(p, task);
        heap_add(p, task);
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->mu);
    return open;
}

void bw_sb_pool_wake(bw_sb_pool *p, uint64_t key)
{
    pthread_mutex_lock(&p->mu);
    size_t slot = key % SLOTS;
    p->sequence[slot]++;
    for (bw_sb_task *task = p->slots[slot], *next; task; task = next) {
        next = task->next;
        if (task->key == key)
            release_timed(p, task);
    }
    pthread_mutex_unlock(&p->mu);
}

uint64_t bw_sb_key(const char *name)
{
    return bw_sb_hash(BW_SB_HASH_SEED, name, strlen(name));
}
