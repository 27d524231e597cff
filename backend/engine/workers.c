#include "backend/engine/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "backend/core/thread.h"
#include <sys/eventfd.h>
#include <time.h>

struct bw_workers {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    pthread_t *threads;
    size_t count, alive;             /* alive: guarded by mu */
    bw_run **queue;                  /* guarded by mu */
    size_t n_queue, queue_cap;       /* guarded by mu */
    bw_run **finished;               /* guarded by mu */
    size_t n_finished, finished_cap; /* guarded by mu */
    bool stopping;                   /* guarded by mu */
    int wake_fd;
};

static bw_run *next(bw_workers *w)
{
    bw_run *run = NULL;
    pthread_mutex_lock(&w->mu);
    while (!w->stopping && w->n_queue == 0)
        pthread_cond_wait(&w->changed, &w->mu);
    if (!w->stopping) {
        run = w->queue[0];
        w->n_queue--;
        for (size_t i = 0; i < w->n_queue; i++)
            w->queue[i] = w->queue[i + 1];
    } else {
        w->alive--;
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->mu);
    return run;
}

static void *work(void *arg)
{
    bw_workers *w = arg;
    bw_run *run;
    while ((run = next(w))) {
        bw_run_execute(run);
        pthread_mutex_lock(&w->mu);
        BW_GROW(w->finished, w->n_finished + 1, w->finished_cap);
        w->finished[w->n_finished++] = run;
        pthread_mutex_unlock(&w->mu);
        eventfd_write(w->wake_fd, 1);
    }
    return NULL;
}

bw_workers *bw_workers_start(size_t count, int wake_fd)
{
    bw_workers *w = bw_xcalloc(1, sizeof(*w));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->mu, NULL);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    w->threads = bw_xcalloc(count, sizeof(*w->threads));
    w->count = w->alive = count;
    w->wake_fd = wake_fd;
    for (size_t i = 0; i < count; i++) {
        bw_thread_start(&w->threads[i], "run", work, w);
    }
    return w;
}

void bw_workers_put(bw_workers *w, bw_run *run)
{
    pthread_mutex_lock(&w->mu);
    BW_GROW(w->queue, w->n_queue + 1, w->queue_cap);
    w->queue[w->n_queue++] = run;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->mu);
}

bw_run *bw_workers_take(bw_workers *w)
{
    bw_run *run = NULL;
    pthread_mutex_lock(&w->mu);
    if (w->n_finished > 0)
        run = w->finished[--w->n_finished];
    pthread_mutex_unlock(&w->mu);
    return run;
}

bool bw_workers_withdraw(bw_workers *w, bw_run *run)
{
    bool found = false;
    pthread_mutex_lock(&w->mu);
    for (size_t i = 0; i < w->n_queue; i++) {
        found |= w->queue[i] == run;
        if (found && i + 1 < w->n_queue)
            w->queue[i] = w->queue[i + 1];
    }
    w->n_queue -= found;
    pthread_mutex_unlock(&w->mu);
    return found;
}

bool bw_workers_stop(bw_workers *w, const bw_clock *clock, int64_t deadline_us)
{
    pthread_mutex_lock(&w->mu);
    w->stopping = true;
    pthread_cond_broadcast(&w->changed);
    while (w->alive > 0 && bw_mono_us(clock) < deadline_us) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 50 * 1000 * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&w->changed, &w->mu, &until);
    }
    bool ended = w->alive == 0;
    pthread_mutex_unlock(&w->mu);
    if (!ended)
        return false; /* the threads still use what is here: leaving the process is what helps */
    for (size_t i = 0; i < w->count; i++)
        pthread_join(w->threads[i], NULL);
    for (size_t i = 0; i < w->n_queue; i++)
        bw_run_free(w->queue[i]);
    for (size_t i = 0; i < w->n_finished; i++)
        bw_run_free(w->finished[i]);
    free(w->queue);
    free(w->finished);
    free(w->threads);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mu);
    free(w);
    return true;
}
