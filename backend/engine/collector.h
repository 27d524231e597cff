/*
 * A subscription whose messages are kept in the store instead of being synced: pulled, made durable,
 * then acknowledged. A message that was kept and comes again is kept once (what keeps sees to that),
 * so a crash between the two loses nothing and doubles nothing. Memory is that of one pull (at most
 * 1,000 messages and 10 MB).
 * Threads: one of its own; the functions below belong to the engine's, the numbers to any.
 */
#ifndef BW_ENGINE_COLLECTOR_H
#define BW_ENGINE_COLLECTOR_H

#include "backend/google/pubsub.h"

typedef struct bw_collector bw_collector;

/* Makes the messages durable. `arena` lives until it returns. */
typedef bw_status bw_collector_keep(void *user, const bw_pubsub_messages *messages, bw_arena *arena,
                                    bw_error *err);

/* Strings and `user` outlive the collector. */
typedef struct bw_collector_options {
    const bw_google *google;
    const bw_clock *clock;
    const char *subscription; /* id or full name */
    const char *subject;      /* of log lines */
    bool drain;               /* ends when the subscription is found empty */
    bw_collector_keep *keep;
    void *user;
    int wake_fd; /* eventfd that is written when something was kept, or it is over */
} bw_collector_options;

bw_collector *bw_collector_start(const bw_collector_options *options);
/* Ends it at once and frees it. */
void bw_collector_stop(bw_collector *collector);

/* Messages kept so far. */
int64_t bw_collector_kept(const bw_collector *collector);
/* With `drain`: the subscription was empty, or what is wrong cannot get better by waiting. */
bool bw_collector_over(const bw_collector *collector);
/* Why nothing comes in now, into text; false when it works. */
bool bw_collector_problem(bw_collector *collector, char *text, size_t size);
/* What the subscription still holds: as Cloud Monitoring last said, less what was kept since; -1:
   unknown. */
int64_t bw_collector_backlog(const bw_collector *collector);

#endif
