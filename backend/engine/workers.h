/* A pool of threads that execute runs. Threads: all functions by the engine's thread. */
#ifndef BW_ENGINE_WORKERS_H
#define BW_ENGINE_WORKERS_H

#include "backend/engine/run.h"

typedef struct bw_workers bw_workers;

/* Finished runs raise the eventfd. */
bw_workers *bw_workers_start(size_t count, int wake_fd);
void bw_workers_put(bw_workers *w, bw_run *run);
/* A finished run, or NULL. */
bw_run *bw_workers_take(bw_workers *w);
/* Takes a run that no worker has begun out of the queue; false when it is too late. */
bool bw_workers_withdraw(bw_workers *w, bw_run *run);
/* Asks the threads to end after their current run and joins those that end before the monotonic
   deadline; false when some did not. */
bool bw_workers_stop(bw_workers *w, const bw_clock *clock, int64_t deadline_us);

#endif
