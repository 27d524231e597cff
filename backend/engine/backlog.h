/*
 * What the subscriptions of the syncs still hold, as Cloud Monitoring says it: asked once a minute.
 * What it does not say is unknown, never 0.
 * Threads: one of its own; start and stop by the engine's owner, look from any.
 */
#ifndef BW_ENGINE_BACKLOG_H
#define BW_ENGINE_BACKLOG_H

#include "backend/engine/sync.h"
#include "backend/google/monitoring.h"

typedef struct bw_backlog_watch bw_backlog_watch;

/* Definitions outlive the watch. NULL when none of them is a stream, or there is no `google`. */
bw_backlog_watch *bw_backlog_start(const bw_sync_def *const *defs, size_t count,
                                   const bw_google *google, const bw_clock *clock, int wake_fd);
void bw_backlog_stop(bw_backlog_watch *watch);
/* What was last said of the sync's subscription; all unknown when nothing was. `watch` may be NULL. */
bw_subscription_backlog bw_backlog_of(bw_backlog_watch *watch, const char *sync);

#endif
