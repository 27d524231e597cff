#include "backend/engine/collector.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "backend/core/log.h"
#include "backend/core/thread.h"
#include "backend/google/monitoring.h"

#define KEEP_BYTES     ((size_t)1 << 20)
#define AGAIN_FIRST    BW_SECOND
#define AGAIN_MOST     BW_MINUTE
#define BACKLOG_EVERY  BW_MINUTE
#define CALL_DEADLINE  BW_MINUTE
#define BACKLOG_WITHIN (10 * BW_SECOND)
/* In a row: one that is answered at once looks at only a part of the service. */
#define EMPTY_PULLS 3

struct bw_collector {
    bw_collector_options options;
    bw_cancel cancel;
    pthread_t thread;
    bw_pubsub *pubsub;
    bw_monitoring *monitoring;
    bw_arena arena; /* of one pull */
    int64_t next_backlog_us;
    _Atomic int64_t kept, backlog;
    _Atomic int64_t kept_then; /* when the backlog was asked for */
    atomic_bool over;
    pthread_mutex_t mu;
    char problem[512]; /* guarded by mu; "": it works */
};

static void set_problem(bw_collector *c, const bw_error *err)
{
    pthread_mutex_lock(&c->mu);
    bool news = (c->problem[0] == '\0') != (err == NULL);
    snprintf(c->problem, sizeof(c->problem), "%.500s", err ? err->message : "");
    pthread_mutex_unlock(&c->mu);
    if (!news)
        return;
    if (err)
        bw_log_error(BW_LOG_WARN, c->options.subject, err);
    else
        bw_log(BW_LOG_INFO, c->options.subject, "messages of %s come in again",
               c->options.subscription);
    eventfd_write(c->options.wake_fd, 1);
}

/* Pulled, kept, acknowledged; *count is how many. */
static bw_status collect(bw_collector *c, size_t *count, bw_error *err)
{
    const bw_collector_options *o = &c->options;
    bw_pubsub_messages messages = {0};
    *count = 0;
    bw_arena_reset(&c->arena, KEEP_BYTES);
    bw_status s = bw_pubsub_pull(c->pubsub, o->subscription, BW_PUBSUB_PULL_MAX, o->drain,
                                 &c->arena, &messages, err);
    if (s != BW_OK || messages.count == 0)
        return s;
    s = o->keep(o->user, &messages, &c->arena, err);
    if (s != BW_OK)
        return s;
    *count = messages.count;
    atomic_fetch_add(&c->kept, (int64_t)messages.count);
    bw_slice *ids = BW_ARENA_ARRAY(&c->arena, bw_slice, messages.count);
    for (size_t i = 0; i < messages.count; i++)
        ids[i] = messages.items[i].ack_id;
    s = bw_pubsub_acknowledge(c->pubsub, o->subscription, ids, messages.count, NULL, err);
    eventfd_write(o->wake_fd, 1);
    return s;
}

static void ask_backlog(bw_collector *c)
{
    int64_t now = bw_mono_us(c->options.clock);
    bw_error err = BW_ERROR_INIT;
    bw_subscription_backlog backlog;
    if (now < c->next_backlog_us)
        return;
    c->next_backlog_us = now + BACKLOG_EVERY;
    atomic_store(&c->kept_then, atomic_load(&c->kept));
    if (bw_monitoring_backlog(c->monitoring, c->options.subscription, &backlog, &err) != BW_OK)
        bw_log_error(BW_LOG_DEBUG, c->options.subject, &err);
    atomic_store(&c->backlog, backlog.messages);
}

static void *run(void *arg)
{
    bw_collector *c = arg;
    int64_t again = AGAIN_FIRST;
    int empty = 0;
    while (!bw_cancelled(&c->cancel)) {
        bw_error err = BW_ERROR_INIT;
        size_t count = 0;
        if (!c->options.drain)
            ask_backlog(c);
        bw_status s = collect(c, &count, &err);
        if (bw_cancelled(&c->cancel))
            break;
        set_problem(c, s == BW_OK ? NULL : &err);
        if (s != BW_OK) {
            if (c->options.drain)
                break;
            bw_error cancelled = BW_ERROR_INIT;
            s = bw_wait_until(&c->cancel, c->options.clock, bw_mono_us(c->options.clock) + again,
                              &cancelled);
            again = s == BW_OK && again < AGAIN_MOST ? again * 2 : again;
            continue;
        }
        again = AGAIN_FIRST;
        empty = count == 0 ? empty + 1 : 0;
        if (empty == EMPTY_PULLS && c->options.drain)
            break;
    }
    atomic_store(&c->over, true);
    eventfd_write(c->options.wake_fd, 1);
    return NULL;
}

bw_collector *bw_collector_start(const bw_collector_options *options)
{
    bw_collector *c = bw_xcalloc(1, sizeof(*c));
    c->options = *options;
    c->arena = (bw_arena)BW_ARENA_INIT;
    atomic_store(&c->backlog, -1);
    bw_cancel_init(&c->cancel);
    pthread_mutex_init(&c->mu, NULL);
    c->pubsub = bw_pubsub_new(options->google, NULL, options->clock, &c->cancel);
    bw_pubsub_set_subject(c->pubsub, options->subject);
    bw_pubsub_set_deadline(c->pubsub, CALL_DEADLINE);
    c->monitoring = bw_monitoring_new(options->google, NULL, options->clock, &c->cancel);
    bw_monitoring_set_deadline(c->monitoring, BACKLOG_WITHIN);
    bw_thread_start(&c->thread, "collector", run, c);
    return c;
}

void bw_collector_stop(bw_collector *c)
{
    if (!c)
        return;
    bw_cancel_raise(&c->cancel);
    pthread_join(c->thread, NULL);
    bw_pubsub_free(c->pubsub);
    bw_monitoring_free(c->monitoring);
    bw_cancel_fini(&c->cancel);
    pthread_mutex_destroy(&c->mu);
    bw_arena_fini(&c->arena);
    free(c);
}

int64_t bw_collector_kept(const bw_collector *c)
{
    return atomic_load(&c->kept);
}

bool bw_collector_over(const bw_collector *c)
{
    return atomic_load(&c->over);
}

bool bw_collector_problem(bw_collector *c, char *text, size_t size)
{
    pthread_mutex_lock(&c->mu);
    snprintf(text, size, "%s", c->problem);
    pthread_mutex_unlock(&c->mu);
    return text[0] != '\0';
}

int64_t bw_collector_backlog(const bw_collector *c)
{
    int64_t then = atomic_load(&c->backlog);
    int64_t left = then - (atomic_load(&c->kept) - atomic_load(&c->kept_then));
    return then < 0 ? -1 : left > 0 ? left : 0;
}
