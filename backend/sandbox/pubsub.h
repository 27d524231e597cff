/*
 * Pub/Sub's REST surface: topics, subscriptions, snapshots, publishing and pulling. Everything lies in
 * one SQLite database; a published message and an acknowledgement survive SIGKILL when there is a
 * data directory. Streaming pull, push, schemas and exports to other services are not there.
 * Specification: the Pub/Sub v1 discovery document.
 */
#ifndef BW_SANDBOX_PUBSUB_H
#define BW_SANDBOX_PUBSUB_H

#include "backend/sandbox/http.h"
#include "backend/sandbox/pool.h"

typedef struct bw_sb_pubsub bw_sb_pubsub;

/* Opens or makes pubsub.db in the directory; with NULL everything is kept in memory. Messages and
   leases are looked after by tasks of the pool, which is borrowed. Threads: the owner's. */
BW_NODISCARD bw_status bw_sb_pubsub_new(const char *dir, bw_sb_pool *pool, const bw_clock *clock,
                                        bw_sb_pubsub **out, bw_error *err);
/* After the pool has been stopped. NULL is fine. Threads: the owner's. */
void bw_sb_pubsub_free(bw_sb_pubsub *ps);
/* Forgets everything. Pulls that are being held are answered. Threads: any. */
BW_NODISCARD bw_status bw_sb_pubsub_reset(bw_sb_pubsub *ps, bw_error *err);

bw_sb_service bw_sb_pubsub_service(bw_sb_pubsub *ps);

/* ---- What Cloud Monitoring shows of a subscription ---------------------------------------------- */

typedef struct bw_sb_backlog {
    int64_t undelivered; /* num_undelivered_messages: not acknowledged, leased or not */
    int64_t
        oldest_unacked_age_us; /* oldest_unacked_message_age; 0 when everything is acknowledged */
    int64_t bytes;             /* backlog_bytes: data, attributes and ordering keys */
} bw_sb_backlog;

/* As of now. False when there is no such subscription. Threads: any. */
bool bw_sb_pubsub_backlog(bw_sb_pubsub *ps, const char *project, const char *subscription,
                          bw_sb_backlog *out);

/* `subscription` and `topic` are ids without their path; the topic's is "_deleted-topic_" when it is
   gone. Borrowed for the call. */
typedef void bw_sb_backlog_visit(void *user, const char *subscription, const char *topic,
                                 const bw_sb_backlog *backlog);
/* All subscriptions of the project by name. The visitor must not call back into Pub/Sub.
   Threads: any. */
void bw_sb_pubsub_each_backlog(bw_sb_pubsub *ps, const char *project, bw_sb_backlog_visit *visit,
                               void *user);

#endif
