/* What the files of the Pub/Sub driver share: the opened source, and its settings. */
#ifndef BW_SOURCES_PUBSUB_SOURCE_H
#define BW_SOURCES_PUBSUB_SOURCE_H

#include "backend/google/pubsub.h"
#include "backend/sources/source.h"

#define BW_PS_SETTINGS 4
extern const bw_setting bw_ps_settings[BW_PS_SETTINGS];

/* A project, and how its subscriptions are read. Threads: as the bw_source that it is. */
typedef struct bw_ps_source {
    bw_source_env env;
    char *project;      /* NULL: that of env.google */
    int64_t wait_us;    /* for more messages after a batch's first one */
    int64_t batch_rows; /* the most that are held in memory: flow control */
    int64_t batch_bytes;
    bw_pubsub *client;   /* ended by the run's cancel */
    bw_pubsub *waiter;   /* of held pulls: ended when the run is to yield, too */
    int64_t clock_ahead; /* microseconds, of the service before this machine, as far as known */
} bw_ps_source;

/* The service's wall clock, in microseconds: this machine's, moved where the two clearly differ. */
int64_t bw_ps_now(const bw_ps_source *source);
/* How long a call of `client` may take, its retries included. */
int64_t bw_ps_answer_us(const bw_ps_source *source);
/* Looks at the clock of the client's last answer, which has just come. */
void bw_ps_note_clock(bw_ps_source *source, const bw_pubsub *client);

#endif
