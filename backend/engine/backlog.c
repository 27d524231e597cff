#include "backend/engine/backlog.h"

#include <math.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "backend/core/log.h"
#include "backend/core/thread.h"

#define ASK_EVERY     BW_MINUTE
#define CALL_DEADLINE (15 * BW_SECOND)

static const bw_subscription_backlog unknown = {
    .messages = -1,
    .messages_at_us = BW_TIME_NONE,
    .oldest_unacked_s = NAN,
    .oldest_unacked_at = BW_TIME_NONE,
};

typedef struct watched {
    const char *sync;
    char *subscription;          /* in full where the source names a project */
    bw_subscription_backlog now; /* guarded by mu */
} watched;

struct bw_backlog_watch {
    const bw_clock *clock;
    bw_cancel cancel;
    pthread_t thread;
    pthread_mutex_t mu;
    bw_monitoring *monitoring;
    watched *items;
    size_t count;
    int wake_fd;
};

static void *run(void *arg)
{
    bw_backlog_watch *w = arg;
    bw_error err = BW_ERROR_INIT;
    int64_t next = bw_mono_us(w->clock);
    while (bw_wait_until(&w->cancel, w->clock, next, &err) == BW_OK) {
        next = bw_mono_us(w->clock) + ASK_EVERY;
        for (size_t i = 0; i < w->count && !bw_cancelled(&w->cancel); i++) {
            bw_subscription_backlog now = unknown;
            bw_error failed = BW_ERROR_INIT;
            if (bw_monitoring_backlog(w->monitoring, w->items[i].subscription, &now, &failed) !=
                BW_OK)
                bw_log_error(BW_LOG_DEBUG, w->items[i].sync, &failed);
            pthread_mutex_lock(&w->mu);
            w->items[i].now = now;
            pthread_mutex_unlock(&w->mu);
        }
        eventfd_write(w->wake_fd, 1);
    }
    return NULL;
}

static char *full_name(const bw_sync_def *def)
{
    const char *project = bw_config_string(def->source_node, "project");
    if (!project || strncmp(def->spec.table, "projects/", 9) == 0)
        return bw_xstrdup(def->spec.table);
    return bw_xasprintf("projects/%s/subscriptions/%s", project, def->spec.table);
}

bw_backlog_watch *bw_backlog_start(const bw_sync_def *const *defs, size_t count,
                                   const bw_google *google, const bw_clock *clock, int wake_fd)
{
    bw_backlog_watch *w = bw_xcalloc(1, sizeof(*w));
    w->items = bw_xcalloc(count + 1, sizeof(*w->items));
    for (size_t i = 0; google && i < count; i++) {
        if (bw_sync_is_stream(defs[i]))
            w->items[w->count++] = (watched){
                .sync = defs[i]->name, .subscription = full_name(defs[i]), .now = unknown};
    }
    if (w->count == 0) {
        free(w->items);
        free(w);
        return NULL;
    }
    w->clock = clock;
    w->wake_fd = wake_fd;
    bw_cancel_init(&w->cancel);
    pthread_mutex_init(&w->mu, NULL);
    w->monitoring = bw_monitoring_new(google, NULL, clock, &w->cancel);
    bw_monitoring_set_deadline(w->monitoring, CALL_DEADLINE);
    bw_thread_start(&w->thread, "backlog", run, w);
    return w;
}

void bw_backlog_stop(bw_backlog_watch *w)
{
    if (!w)
        return;
    bw_cancel_raise(&w->cancel);
    pthread_join(w->thread, NULL);
    bw_monitoring_free(w->monitoring);
    bw_cancel_fini(&w->cancel);
    pthread_mutex_destroy(&w->mu);
    for (size_t i = 0; i < w->count; i++)
        free(w->items[i].subscription);
    free(w->items);
    free(w);
}

bw_subscription_backlog bw_backlog_of(bw_backlog_watch *w, const char *sync)
{
    bw_subscription_backlog found = unknown;
    for (size_t i = 0; w && i < w->count; i++) {
        if (strcmp(w->items[i].sync, sync) != 0)
            continue;
        pthread_mutex_lock(&w->mu);
        found = w->items[i].now;
        pthread_mutex_unlock(&w->mu);
    }
    return found;
}
