/*
 * Pub/Sub from inside: the database, its tables, and the reading of topics and subscriptions. Everything
 * here is called with the mutex held (ps_lock, ps_begin).
 *
 * A message's id is the microsecond in which it was published, counted on where that would not be
 * unique. So ids grow with time, and what happens by time (seek, retention, snapshots) compares ids.
 *
 * A delivery is a message as one subscription sees it. Its row exists from the publish until the
 * acknowledgement (or until retention ends, where acknowledged messages are kept), and a message
 * stays as long as a delivery, a snapshot or its topic's retention holds it.
 *
 *     READY ──pull──▶ LEASED ──ack──▶ gone, or ACKED when the subscription keeps such messages
 *       ▲               │ nack, deadline
 *       ├── DELAYED ◀───┤ with a retry policy; DELAYED ends by time
 *       └───────────────┘
 *
 * BEHIND: in a subscription with ordering, a message with an ordering key that waits for an earlier one.
 * The messages of a key that are not acknowledged are always, by id: either one READY or DELAYED
 * and then BEHIND only, or some LEASED and then BEHIND only.
 */
#ifndef BW_SANDBOX_PS_STORE_H
#define BW_SANDBOX_PS_STORE_H

#include "backend/sandbox/db.h"
#include "backend/sandbox/ps_filter.h"
#include "backend/sandbox/ps_json.h"
#include "backend/sandbox/pubsub.h"

#define PS_DELETED_TOPIC "_deleted-topic_"
#define PS_KEEPER_KEY    UINT64_C(0x707562737562) /* wakes the task in pubsub.c */

typedef enum ps_state { PS_READY, PS_LEASED, PS_DELAYED, PS_ACKED, PS_BEHIND } ps_state;

struct bw_sb_pubsub {
    bw_sb_task keeper; /* first: the pool gives it back; see pubsub.c */
    bw_sb_db *db;
    bw_sb_pool *pool;
    const bw_clock *clock;
    bw_arena scratch;     /* guarded by db: for one transaction */
    int64_t last_message; /* guarded by db */
    int64_t next_due_us;  /* guarded by db: wall time before which no lease and no delay ends */
    int64_t retain_at_us; /* the keeper's: monotonic time of its next removal */
    bool due_sooner;      /* guarded by db: the keeper is to look again */
    int64_t *woken;       /* guarded by db: subscriptions to wake after the commit */
    size_t woken_count, woken_cap; /* guarded by db */
};

/* ---- Database --------------------------------------------------------------------------------- */

BW_NODISCARD bw_status ps_store_open(bw_sb_pubsub *ps, const char *dir, bw_error *err);
void ps_store_close(bw_sb_pubsub *ps);

void ps_lock(bw_sb_pubsub *ps);
void ps_unlock(bw_sb_pubsub *ps);
/* Lock, an empty scratch arena and a transaction; on failure nothing is locked. */
BW_NODISCARD bw_status ps_begin(bw_sb_pubsub *ps, bw_error *err);
/* Commits when `status` is BW_OK, else rolls back; then wakes and unlocks. */
BW_NODISCARD bw_status ps_end(bw_sb_pubsub *ps, bw_status status, bw_error *err);

/* Statements with arguments as in db.h. */
BW_NODISCARD bw_status ps_run(bw_sb_pubsub *ps, bw_error *err, const char *sql, const char *types,
                              ...);
/* Then bw_sb_db_next() for each row, and ps_done() once. */
BW_NODISCARD bw_status ps_query(bw_sb_pubsub *ps, bw_error *err, sqlite3_stmt **out,
                                const char *sql, const char *types, ...);
/* What ended the rows. */
BW_NODISCARD bw_status ps_done(bw_sb_pubsub *ps, sqlite3_stmt *stmt, bw_error *err);
/* The first column of the first row; *out stays when there is none or it is null. */
BW_NODISCARD bw_status ps_value(bw_sb_pubsub *ps, bw_error *err, int64_t *out, const char *sql,
                                const char *types, ...);

/* Pulls of the subscription that are held look again after the commit. */
void ps_wake(bw_sb_pubsub *ps, int64_t subscription);
uint64_t ps_wake_key(int64_t subscription);
/* A lease or a delay ends at this wall time. */
void ps_due_at(bw_sb_pubsub *ps, int64_t due_us);

/* ---- Resources -------------------------------------------------------------------------------- */

typedef struct ps_topic {
    int64_t id;
    const char *project, *name;
    int64_t retention_us; /* 0: none */
    const char *body;     /* the resource's members but for name, as JSON */
} ps_topic;

typedef struct ps_subscription {
    int64_t id;
    const char *project, *name;
    int64_t topic;          /* 0: deleted */
    const char *topic_name; /* projects/P/topics/T, or PS_DELETED_TOPIC */
    bool detached;
    const char *body; /* the resource's members but for name, topic and detached, as JSON */

    /* Out of the body. */
    int64_t ack_deadline_us, retention_us;
    bool retains_acked, ordered, exactly_once;
    const char *filter;      /* "" for none */
    const char *dead_letter; /* projects/P/topics/T; NULL for none */
    int64_t max_attempts;
    bool has_retry;
    int64_t min_backoff_us, max_backoff_us;
} ps_subscription;

typedef struct ps_snapshot {
    int64_t id;
    const char *project, *name;
    int64_t topic;
    const char *topic_name;
    int64_t after; /* the newest message when it was made */
    int64_t expires_us;
    const char *body; /* labels, as JSON */
} ps_snapshot;

/* By project and id; NOT_FOUND in Google's words. Texts are copied into the arena. */
BW_NODISCARD bw_status ps_topic_find(bw_sb_pubsub *ps, bw_arena *arena, const char *project,
                                     const char *name, ps_topic *out, bw_error *err);
BW_NODISCARD bw_status ps_subscription_find(bw_sb_pubsub *ps, bw_arena *arena, const char *project,
                                            const char *name, ps_subscription *out, bw_error *err);
BW_NODISCARD bw_status ps_subscription_by_id(bw_sb_pubsub *ps, bw_arena *arena, int64_t id,
                                             ps_subscription *out, bw_error *err);
BW_NODISCARD bw_status ps_snapshot_find(bw_sb_pubsub *ps, bw_arena *arena, const char *project,
                                        const char *name, ps_snapshot *out, bw_error *err);
/* Fills what follows the body from it. */
void ps_subscription_derive(bw_arena *arena, ps_subscription *s);

/* ---- Messages --------------------------------------------------------------------------------- */

typedef struct ps_message {
    bw_slice data; /* base64, standard alphabet with padding */
    ps_attributes attributes;
    bw_slice attributes_json; /* {"k":"v"} */
    bw_slice key;
    int64_t size; /* data (decoded), attributes and key */
} ps_message;

/* Publishes in order, within the transaction; ids[i] belongs to messages[i]. ps_publish.c */
BW_NODISCARD bw_status ps_publish(bw_sb_pubsub *ps, int64_t topic, const ps_message *messages,
                                  size_t count, int64_t *ids, bw_error *err);
/* A stored message's attributes; texts in the arena. */
ps_attributes ps_attributes_read(bw_arena *arena, bw_slice json);

/* Ends what is due: leases expire and delays end, a thousand at once, with *more for the rest.
   ps_expire.c */
BW_NODISCARD bw_status ps_expire(bw_sb_pubsub *ps, bool *more, bw_error *err);
/* A lease that has ended without an acknowledgement, by time or because it was given back: the message
   is to be delivered again, or goes to the dead letters. */
BW_NODISCARD bw_status ps_fail(bw_sb_pubsub *ps, const ps_subscription *s, int64_t message,
                               bool given_back, bw_error *err);
/* A delivery that is acknowledged: kept as ACKED or gone, and the next of its key comes forward. */
BW_NODISCARD bw_status ps_settle(bw_sb_pubsub *ps, const ps_subscription *s, int64_t message,
                                 bw_slice key, bw_error *err);
/* Removes the message when nothing holds it any more. */
BW_NODISCARD bw_status ps_release(bw_sb_pubsub *ps, int64_t message, bw_error *err);
/* Removes all messages of the topic that nothing holds. ps_retain.c */
BW_NODISCARD bw_status ps_topic_clean(bw_sb_pubsub *ps, int64_t topic, bw_error *err);
/* Removes the deliveries of messages before `before`, acknowledged ones too, with the messages where
   nothing else holds them. */
BW_NODISCARD bw_status ps_drop_before(bw_sb_pubsub *ps, const ps_subscription *s, int64_t before,
                                      bw_error *err);
/* Removes the deliveries that are kept although they are acknowledged. */
BW_NODISCARD bw_status ps_drop_acked(bw_sb_pubsub *ps, int64_t subscription, bw_error *err);
/* What has outlived its retention goes, and snapshots that have expired. */
BW_NODISCARD bw_status ps_retain(bw_sb_pubsub *ps, bw_error *err);
BW_NODISCARD bw_status ps_snapshot_drop(bw_sb_pubsub *ps, int64_t snapshot, int64_t topic,
                                        bw_error *err);

#endif
