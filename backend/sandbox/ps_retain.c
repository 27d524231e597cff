/* What outlives its time: messages without a holder, deliveries beyond retention, snapshots. */
#include "backend/sandbox/ps_store.h"

#include <stdlib.h>

/* Every state, so that the index of deliveries by state serves a range of messages. */
#define BEFORE "subscription = ?1 AND state IN (0, 1, 2, 3, 4) AND message < ?2"

bw_status ps_topic_clean(bw_sb_pubsub *ps, int64_t topic, bw_error *err)
{
    int64_t retention = 0;
    bw_status status =
        ps_value(ps, err, &retention, "SELECT retention_us FROM topic WHERE id = ?1", "i", topic);
    int64_t before = retention ? bw_wall_us(ps->clock) - retention : INT64_MAX;
    if (status != BW_OK)
        return status;
    return ps_run(ps, err,
                  "DELETE FROM message WHERE topic = ?1 AND id < ?2"
                  " AND NOT EXISTS (SELECT 1 FROM delivery WHERE message = message.id)"
                  " AND NOT EXISTS (SELECT 1 FROM snapshot_message m WHERE m.message = message.id)"
                  " AND NOT EXISTS (SELECT 1 FROM snapshot s WHERE s.topic = ?1"
                  "  AND s.after < message.id)",
                  "ii", topic, before);
}

/* Messages that nothing holds but subscription ?1. */
#define HELD_BY_IT_ALONE                                                     \
    " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.message = message.id" \
    "  AND d.subscription <> ?1)"                                            \
    " AND NOT EXISTS (SELECT 1 FROM topic t WHERE t.id = message.topic"      \
    "  AND t.retention_us > 0)"                                              \
    " AND NOT EXISTS (SELECT 1 FROM snapshot n WHERE n.topic = message.topic)"

bw_status ps_drop_acked(bw_sb_pubsub *ps, int64_t subscription, bw_error *err)
{
    bw_status status = ps_run(ps, err,
                              "DELETE FROM message WHERE id IN (SELECT message FROM delivery"
                              " WHERE subscription = ?1 AND state = 3)" HELD_BY_IT_ALONE,
                              "i", subscription);
    if (status != BW_OK)
        return status;
    return ps_run(ps, err, "DELETE FROM delivery WHERE subscription = ?1 AND state = 3", "i",
                  subscription);
}

bw_status ps_drop_before(bw_sb_pubsub *ps, const ps_subscription *s, int64_t before, bw_error *err)
{
    bw_status status = ps_run(ps, err,
                              "DELETE FROM message WHERE id IN (SELECT message FROM delivery"
                              " WHERE " BEFORE ")" HELD_BY_IT_ALONE,
                              "ii", s->id, before);
    if (status == BW_OK)
        status = ps_run(ps, err, "DELETE FROM delivery WHERE " BEFORE, "ii", s->id, before);
    if (status != BW_OK || !s->ordered || bw_sb_db_changes(ps->db) == 0)
        return status;
    /* Where the first message of a key has gone, the next one comes forward. */
    ps_wake(ps, s->id);
    return ps_run(ps, err,
                  "UPDATE delivery SET state = 0 WHERE subscription = ?1 AND state = 4"
                  " AND message IN (SELECT min(message) FROM delivery WHERE subscription = ?1"
                  "  AND key IS NOT NULL AND state <> 3 GROUP BY key)",
                  "i", s->id);
}

bw_status ps_snapshot_drop(bw_sb_pubsub *ps, int64_t snapshot, int64_t topic, bw_error *err)
{
    bw_status status =
        ps_run(ps, err, "DELETE FROM snapshot_message WHERE snapshot = ?1", "i", snapshot);
    if (status == BW_OK)
        status = ps_run(ps, err, "DELETE FROM snapshot WHERE id = ?1", "i", snapshot);
    return status == BW_OK ? ps_topic_clean(ps, topic, err) : status;
}

/* ---- Everything ------------------------------------------------------------------------------- */

typedef struct id_list {
    int64_t *items;
    size_t count;
} id_list;

/* The first column of all rows, so that other statements can run while they are gone through. */
static bw_status read_ids(bw_sb_pubsub *ps, const char *sql, int64_t argument, id_list *out,
                          bw_error *err)
{
    sqlite3_stmt *q;
    size_t cap = 0;
    int64_t *items = NULL;
    bw_status status = ps_query(ps, err, &q, sql, "i", argument);
    *out = (id_list){0};
    if (status != BW_OK)
        return status;
    while (bw_sb_db_next(q)) {
        BW_GROW(items, out->count + 1, cap);
        items[out->count++] = sqlite3_column_int64(q, 0);
    }
    out->items = BW_ARENA_ARRAY(&ps->scratch, int64_t, out->count + 1);
    if (out->count)
        memcpy(out->items, items, out->count * sizeof *items);
    free(items);
    return ps_done(ps, q, err);
}

static bw_status drop_snapshots(bw_sb_pubsub *ps, int64_t now, bw_error *err)
{
    id_list snapshots;
    bw_status status =
        read_ids(ps, "SELECT id FROM snapshot WHERE expires_us <= ?1", now, &snapshots, err);
    for (size_t i = 0; i < snapshots.count && status == BW_OK; i++) {
        int64_t topic = 0;
        status = ps_value(ps, err, &topic, "SELECT topic FROM snapshot WHERE id = ?1", "i",
                          snapshots.items[i]);
        if (status == BW_OK)
            status = ps_snapshot_drop(ps, snapshots.items[i], topic, err);
    }
    return status;
}

bw_status ps_retain(bw_sb_pubsub *ps, bw_error *err)
{
    int64_t now = bw_wall_us(ps->clock);
    id_list ids;
    ps_subscription s;
    bw_status status = drop_snapshots(ps, now, err);
    if (status == BW_OK)
        status = read_ids(ps, "SELECT id FROM subscription WHERE id > ?1", 0, &ids, err);
    for (size_t i = 0; status == BW_OK && i < ids.count; i++) {
        status = ps_subscription_by_id(ps, &ps->scratch, ids.items[i], &s, err);
        if (status == BW_OK)
            status = ps_drop_before(ps, &s, now - s.retention_us, err);
    }
    if (status == BW_OK)
        status = read_ids(ps, "SELECT id FROM topic WHERE retention_us > ?1", 0, &ids, err);
    for (size_t i = 0; status == BW_OK && i < ids.count; i++)
        status = ps_topic_clean(ps, ids.items[i], err);
    return status;
}
