/*
 * The service: its routes, and the keeper, one task of the pool that ends leases and delays when their
 * time comes and removes what has outlived its retention. It is parked in between and woken when a
 * lease ends sooner than the one it waits for.
 */
#include "backend/sandbox/pubsub.h"

#include <stdlib.h>

#include "backend/sandbox/ps_api.h"

#define RETAIN_EVERY_US (30 * BW_SECOND)
#define AFTER_ERROR_US  BW_SECOND

/* ---- Keeper ----------------------------------------------------------------------------------- */

/* True when it has more to do at once. */
static bool end_what_is_due(bw_sb_pubsub *ps)
{
    bw_error err = BW_ERROR_INIT;
    bool more = false;
    bw_status status = ps_begin(ps, &err);
    if (status != BW_OK)
        return false;
    status = ps_expire(ps, &more, &err);
    if (status != BW_OK) /* tries again, but not at once */
        ps->next_due_us = bw_wall_us(ps->clock) + AFTER_ERROR_US;
    return ps_end(ps, status, &err) == BW_OK && more;
}

static void remove_what_is_old(bw_sb_pubsub *ps)
{
    bw_error err = BW_ERROR_INIT;
    bw_status status = ps_begin(ps, &err);
    if (status != BW_OK)
        return;
    status = ps_end(ps, ps_retain(ps, &err), &err);
    (void)status; /* what stays is tried again the next time */
}

static void keep(bw_sb_task *task)
{
    bw_sb_pubsub *ps = (bw_sb_pubsub *)task;
    if (bw_sb_pool_stopping(ps->pool))
        return;
    uint64_t ticket = bw_sb_pool_ticket(ps->pool, PS_KEEPER_KEY);
    bool more = end_what_is_due(ps);
    int64_t now = bw_mono_us(ps->clock);
    if (now >= ps->retain_at_us) {
        remove_what_is_old(ps);
        now = bw_mono_us(ps->clock);
        ps->retain_at_us = now + RETAIN_EVERY_US;
    }
    ps_lock(ps);
    int64_t wait =
        ps->next_due_us == BW_FOREVER ? RETAIN_EVERY_US : ps->next_due_us - bw_wall_us(ps->clock);
    ps_unlock(ps);
    int64_t at = more || wait < 0 ? now : now + wait;
    bw_sb_pool_park(ps->pool, task, PS_KEEPER_KEY, ticket,
                    at < ps->retain_at_us ? at : ps->retain_at_us);
}

/* ---- Lifecycle -------------------------------------------------------------------------------- */

bw_status bw_sb_pubsub_new(const char *dir, bw_sb_pool *pool, const bw_clock *clock,
                           bw_sb_pubsub **out, bw_error *err)
{
    bw_sb_pubsub *ps = bw_xcalloc(1, sizeof *ps);
    ps->keeper.run = keep;
    ps->pool = pool;
    ps->clock = clock;
    bw_status status = ps_store_open(ps, dir, err);
    if (status != BW_OK) {
        bw_sb_pubsub_free(ps);
        return status;
    }
    bw_sb_pool_submit(pool, &ps->keeper);
    *out = ps;
    return BW_OK;
}

void bw_sb_pubsub_free(bw_sb_pubsub *ps)
{
    if (!ps)
        return;
    ps_store_close(ps);
    free(ps);
}

bw_status bw_sb_pubsub_reset(bw_sb_pubsub *ps, bw_error *err)
{
    static const char *const tables[] = {"DELETE FROM delivery",         "DELETE FROM message",
                                         "DELETE FROM snapshot_message", "DELETE FROM snapshot",
                                         "DELETE FROM subscription",     "DELETE FROM topic"};
    sqlite3_stmt *q;
    bw_status status = ps_begin(ps, err);
    if (status != BW_OK)
        return status;
    status = ps_query(ps, err, &q, "SELECT id FROM subscription", "");
    if (status == BW_OK) {
        while (bw_sb_db_next(q))
            ps_wake(ps, sqlite3_column_int64(q, 0));
        status = ps_done(ps, q, err);
    }
    for (size_t i = 0; i < BW_COUNT(tables) && status == BW_OK; i++)
        status = ps_run(ps, err, tables[i], "");
    return ps_end(ps, status, err);
}

/* ---- Routes ----------------------------------------------------------------------------------- */

#define TOPICS        "projects/{project}/topics"
#define TOPIC         TOPICS "/{id}"
#define SUBSCRIPTIONS "projects/{project}/subscriptions"
#define SUBSCRIPTION  SUBSCRIPTIONS "/{id}"
#define SNAPSHOTS     "projects/{project}/snapshots"
#define SNAPSHOT      SNAPSHOTS "/{id}"

static const char *const prefixes[] = {"/v1/", NULL};
static const bw_sb_route routes[] = {
    {"POST", TOPIC ":publish", "pubsub.projects.topics.publish", .handle = ps_topic_publish},
    {"POST", SUBSCRIPTION ":pull", "pubsub.projects.subscriptions.pull", .handle = ps_pull},
    {"POST", SUBSCRIPTION ":acknowledge", "pubsub.projects.subscriptions.acknowledge",
     .handle = ps_acknowledge},
    {"POST", SUBSCRIPTION ":modifyAckDeadline", "pubsub.projects.subscriptions.modifyAckDeadline",
     .handle = ps_modify_ack_deadline},
    {"POST", SUBSCRIPTION ":seek", "pubsub.projects.subscriptions.seek", .handle = ps_seek},
    {"POST", SUBSCRIPTION ":detach", "pubsub.projects.subscriptions.detach",
     .handle = ps_subscription_detach},
    {"POST", SUBSCRIPTION ":modifyPushConfig", "pubsub.projects.subscriptions.modifyPushConfig",
     .handle = ps_subscription_push_config},
    {"PUT", SUBSCRIPTION, "pubsub.projects.subscriptions.create", .handle = ps_subscription_create},
    {"GET", SUBSCRIPTION, "pubsub.projects.subscriptions.get", .handle = ps_subscription_get},
    {"PATCH", SUBSCRIPTION, "pubsub.projects.subscriptions.patch", .handle = ps_subscription_patch},
    {"DELETE", SUBSCRIPTION, "pubsub.projects.subscriptions.delete",
     .handle = ps_subscription_delete},
    {"GET", SUBSCRIPTIONS, "pubsub.projects.subscriptions.list", .handle = ps_subscription_list},
    {"PUT", TOPIC, "pubsub.projects.topics.create", .handle = ps_topic_create},
    {"GET", TOPIC, "pubsub.projects.topics.get", .handle = ps_topic_get},
    {"PATCH", TOPIC, "pubsub.projects.topics.patch", .handle = ps_topic_patch},
    {"DELETE", TOPIC, "pubsub.projects.topics.delete", .handle = ps_topic_delete},
    {"GET", TOPICS, "pubsub.projects.topics.list", .handle = ps_topic_list},
    {"GET", TOPIC "/subscriptions", "pubsub.projects.topics.subscriptions.list",
     .handle = ps_topic_subscriptions},
    {"GET", TOPIC "/snapshots", "pubsub.projects.topics.snapshots.list",
     .handle = ps_topic_snapshots},
    {"PUT", SNAPSHOT, "pubsub.projects.snapshots.create", .handle = ps_snapshot_create},
    {"GET", SNAPSHOT, "pubsub.projects.snapshots.get", .handle = ps_snapshot_get},
    {"PATCH", SNAPSHOT, "pubsub.projects.snapshots.patch", .handle = ps_snapshot_patch},
    {"DELETE", SNAPSHOT, "pubsub.projects.snapshots.delete", .handle = ps_snapshot_delete},
    {"GET", SNAPSHOTS, "pubsub.projects.snapshots.list", .handle = ps_snapshot_list},
};

bw_sb_service bw_sb_pubsub_service(bw_sb_pubsub *ps)
{
    return (bw_sb_service){prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_DETAILS, ps};
}
