/*
 * DESIGN. One mutex and one condition. The reader leaves one order at a time (begin, end, abort) and
 * passes buffers through a two-place ring; the thread works on them in turn. Both sides wait on the
 * condition only for the other, and the other's own waits all have deadlines or the run's cancel.
 */
#include "backend/engine/uploader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backend/core/thread.h"

#define BUFFERS 2

typedef enum order { ORDER_NONE, ORDER_BEGIN, ORDER_END, ORDER_ABORT, ORDER_STOP } order;

struct bw_uploader {
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t changed;
    bw_destination *destination; /* the thread's own */
    const bw_cancel *cancel;
    order order;   /* guarded by mu */
    bool answered; /* guarded by mu: the last END or ABORT is done */
    bw_buf buffers[BUFFERS];
    bw_buf *free[BUFFERS];   /* guarded by mu */
    bw_buf *filled[BUFFERS]; /* guarded by mu, oldest first */
    size_t n_free, n_filled; /* guarded by mu */
    /* The load in work: written by the reader before ORDER_BEGIN. */
    const bw_target *target;
    const char *table;
    const bw_job_id *job;
    bw_write_disposition disposition;
    bw_load *load;
    bool failed;             /* guarded by mu */
    bw_error error;          /* guarded by mu */
    bw_job_result result;    /* guarded by mu */
    _Atomic uint64_t before; /* bytes of the loads that are over */
    _Atomic uint64_t uploaded;
};

static void note_failure(bw_uploader *u, const bw_error *err)
{
    pthread_mutex_lock(&u->mu);
    if (!u->failed) {
        u->failed = true;
        u->error = *err;
    }
    pthread_mutex_unlock(&u->mu);
}

static void close_load(bw_uploader *u)
{
    if (!u->load)
        return;
    atomic_fetch_add(&u->before, bw_load_uploaded(u->load));
    atomic_store(&u->uploaded, atomic_load(&u->before));
    bw_load_free(u->load);
    u->load = NULL;
}

static void write_buffer(bw_uploader *u, const bw_buf *b)
{
    bw_error err = BW_ERROR_INIT;
    if (u->failed) /* only this thread sets it */
        return;
    if (!u->load && bw_load_begin(u->destination, u->target, u->table, u->job, u->disposition,
                                  &u->load, &err) != BW_OK) {
        note_failure(u, &err);
        return;
    }
    if (bw_load_write(u->load, b->ptr, b->len, &err) != BW_OK)
        note_failure(u, &err);
    atomic_store(&u->uploaded, atomic_load(&u->before) + bw_load_uploaded(u->load));
}

static void end_load(bw_uploader *u)
{
    bw_error err = BW_ERROR_INIT;
    bw_job_result result = {.rows = -1, .bytes = -1};
    write_buffer(u, &(bw_buf)BW_BUF_INIT); /* begins the load even when there was no byte */
    if (!u->failed && bw_load_end(u->load, &result, &err) != BW_OK)
        note_failure(u, &err);
    close_load(u);
    pthread_mutex_lock(&u->mu);
    u->result = result;
    pthread_mutex_unlock(&u->mu);
}

/* Takes the next thing to do: a filled buffer before an END, an ABORT before everything. */
static order next(bw_uploader *u, bw_buf **buffer)
{
    order todo;
    *buffer = NULL;
    pthread_mutex_lock(&u->mu);
    for (;;) {
        todo = u->order;
        if (todo == ORDER_STOP || todo == ORDER_ABORT || todo == ORDER_BEGIN)
            break;
        if (u->n_filled > 0) {
            *buffer = u->filled[0];
            u->filled[0] = u->filled[1];
            u->n_filled--;
            todo = ORDER_NONE;
            break;
        }
        if (todo == ORDER_END)
            break;
        pthread_cond_wait(&u->changed, &u->mu);
    }
    pthread_mutex_unlock(&u->mu);
    return todo;
}

static void give_back(bw_uploader *u, bw_buf *b)
{
    pthread_mutex_lock(&u->mu);
    bw_buf_clear(b);
    u->free[u->n_free++] = b;
    pthread_cond_broadcast(&u->changed);
    pthread_mutex_unlock(&u->mu);
}

static void answer(bw_uploader *u)
{
    pthread_mutex_lock(&u->mu);
    while (u->n_filled > 0) {
        bw_buf_clear(u->filled[--u->n_filled]);
        u->free[u->n_free++] = u->filled[u->n_filled];
    }
    u->order = ORDER_NONE;
    u->answered = true;
    pthread_cond_broadcast(&u->changed);
    pthread_mutex_unlock(&u->mu);
}

static void *run(void *arg)
{
    bw_uploader *u = arg;
    for (;;) {
        bw_buf *buffer;
        order todo = next(u, &buffer);
        if (buffer) {
            write_buffer(u, buffer);
            give_back(u, buffer);
        } else if (todo == ORDER_STOP) {
            close_load(u);
            return NULL;
        } else if (todo == ORDER_END) {
            end_load(u);
            answer(u);
        } else {
            close_load(u);
            answer(u);
        }
    }
}

bw_uploader *bw_uploader_start(const bw_google *google, const bw_clock *clock,
                               const bw_cancel *cancel, const bw_budget_ops *budget,
                               bw_compression compression, int64_t per_step_us)
{
    bw_uploader *u = bw_xcalloc(1, sizeof(*u));
    pthread_mutex_init(&u->mu, NULL);
    pthread_cond_init(&u->changed, NULL);
    u->destination = bw_destination_new(google, clock, cancel, budget);
    bw_destination_set_compression(u->destination, compression);
    bw_destination_set_deadline(u->destination, per_step_us);
    u->cancel = cancel;
    for (size_t i = 0; i < BUFFERS; i++)
        u->free[u->n_free++] = &u->buffers[i];
    bw_thread_start(&u->thread, "uploader", run, u);
    return u;
}

void bw_uploader_set_listener(bw_uploader *u, void (*tell)(void *user, const char *text),
                              void *user)
{
    bw_destination_set_listener(u->destination, tell, user);
}

/* Leaves an order and waits until it is carried out. */
static void order_and_wait(bw_uploader *u, order what)
{
    pthread_mutex_lock(&u->mu);
    u->order = what;
    u->answered = false;
    pthread_cond_broadcast(&u->changed);
    while (!u->answered)
        pthread_cond_wait(&u->changed, &u->mu);
    pthread_mutex_unlock(&u->mu);
}

void bw_uploader_stop(bw_uploader *u)
{
    if (!u)
        return;
    pthread_mutex_lock(&u->mu);
    u->order = ORDER_STOP;
    pthread_cond_broadcast(&u->changed);
    pthread_mutex_unlock(&u->mu);
    pthread_join(u->thread, NULL);
    bw_destination_free(u->destination);
    for (size_t i = 0; i < BUFFERS; i++)
        bw_buf_fini(&u->buffers[i]);
    pthread_cond_destroy(&u->changed);
    pthread_mutex_destroy(&u->mu);
    free(u);
}

void bw_uploader_begin(bw_uploader *u, const bw_target *target, const char *table,
                       const bw_job_id *job, bw_write_disposition disposition)
{
    u->target = target;
    u->table = table;
    u->job = job;
    u->disposition = disposition;
    order_and_wait(u, ORDER_BEGIN);
    pthread_mutex_lock(&u->mu);
    u->failed = false;
    pthread_mutex_unlock(&u->mu);
}

bw_buf *bw_uploader_buffer(bw_uploader *u)
{
    bw_buf *b = NULL;
    pthread_mutex_lock(&u->mu);
    while (u->n_free == 0 && !u->failed)
        pthread_cond_wait(&u->changed, &u->mu);
    if (!u->failed && !bw_cancelled(u->cancel))
        b = u->free[--u->n_free];
    pthread_mutex_unlock(&u->mu);
    return b;
}

void bw_uploader_send(bw_uploader *u, bw_buf *filled)
{
    pthread_mutex_lock(&u->mu);
    if (filled->len == 0)
        u->free[u->n_free++] = filled;
    else
        u->filled[u->n_filled++] = filled;
    pthread_cond_broadcast(&u->changed);
    pthread_mutex_unlock(&u->mu);
}

bw_status bw_uploader_end(bw_uploader *u, bw_job_result *result, bw_error *err)
{
    order_and_wait(u, ORDER_END);
    pthread_mutex_lock(&u->mu);
    *result = u->result;
    bw_status s = u->failed ? u->error.status : BW_OK;
    if (s != BW_OK)
        *err = u->error;
    pthread_mutex_unlock(&u->mu);
    return s;
}

void bw_uploader_abort(bw_uploader *u)
{
    order_and_wait(u, ORDER_ABORT);
}

uint64_t bw_uploader_uploaded(const bw_uploader *u)
{
    return atomic_load(&u->uploaded);
}
