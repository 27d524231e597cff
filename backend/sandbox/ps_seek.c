/* subscriptions.seek: which messages count as acknowledged, by time or as a snapshot has it. */
#include "backend/sandbox/ps_api.h"
#include "backend/sandbox/stamp.h"

/* Messages that are acknowledged from now on: gone, or kept where the subscription keeps them. */
static bw_status settle_before(bw_sb_pubsub *ps, const ps_subscription *s, int64_t before,
                               int64_t except_snapshot, bw_error *err)
{
    if (s->retains_acked)
        return ps_run(ps, err,
                      "UPDATE delivery SET state = 3, due_us = 0 WHERE subscription = ?1"
                      " AND state IN (0, 1, 2, 4) AND message < ?2 AND message NOT IN"
                      " (SELECT message FROM snapshot_message WHERE snapshot = ?3)",
                      "iii", s->id, before, except_snapshot);
    if (!except_snapshot)
        return ps_drop_before(ps, s, before, err);
    /* A snapshot of the topic holds the messages themselves. */
    return ps_run(ps, err,
                  "DELETE FROM delivery WHERE subscription = ?1 AND state IN (0, 1, 2, 3, 4)"
                  " AND message < ?2 AND message NOT IN"
                  " (SELECT message FROM snapshot_message WHERE snapshot = ?3)",
                  "iii", s->id, before, except_snapshot);
}

/* ---- Messages that are not acknowledged any more ---------------------------------------------- */

typedef struct replay {
    const ps_subscription *subscription;
    const ps_filter *filter;
} replay;

/* One stored message, when the filter lets it through. */
static bw_status replay_one(bw_sb_pubsub *ps, const replay *to, sqlite3_stmt *q, bw_error *err)
{
    const ps_subscription *s = to->subscription;
    bw_slice key = bw_sb_db_bytes(q, 1);
    if (to->filter) {
        bw_arena arena = BW_ARENA_INIT;
        ps_attributes attributes = ps_attributes_read(&arena, bw_sb_db_bytes(q, 3));
        bool matches = ps_filter_matches(to->filter, &attributes);
        bw_arena_fini(&arena);
        if (!matches)
            return BW_OK;
    }
    int64_t message = sqlite3_column_int64(q, 0), size = sqlite3_column_int64(q, 2);
    if (s->ordered && key.len)
        return ps_run(ps, err, "INSERT OR IGNORE INTO delivery VALUES(?1, ?2, 4, 0, 0, 0, ?3, ?4)",
                      "iiis", message, s->id, size, key);
    return ps_run(ps, err, "INSERT OR IGNORE INTO delivery VALUES(?1, ?2, 0, 0, 0, 0, ?3, NULL)",
                  "iii", message, s->id, size);
}

/* The first message that the topic or the snapshot keeps for the subscription; others may still be
   there because another subscription has not acknowledged them. */
static bw_status find_kept(bw_sb_pubsub *ps, const ps_subscription *s, int64_t from,
                           int64_t snapshot, int64_t *kept, bw_error *err)
{
    int64_t retention = 0;
    *kept = from;
    if (snapshot)
        return BW_OK;
    bw_status status = ps_value(ps, err, &retention, "SELECT retention_us FROM topic WHERE id = ?1",
                                "i", s->topic);
    int64_t first = retention ? bw_wall_us(ps->clock) - retention : INT64_MAX;
    if (first > from)
        *kept = first;
    return status;
}

/* Messages of the topic from `from` on that are kept, and those of the snapshot (0: none). */
static bw_status replay_all(bw_sb_pubsub *ps, const ps_subscription *s, int64_t from,
                            int64_t snapshot, bw_error *err)
{
    sqlite3_stmt *q;
    const char *why;
    size_t at;
    int64_t kept;
    if (find_kept(ps, s, from, snapshot, &kept, err) != BW_OK)
        return err->status;
    replay to = {s, *s->filter ? ps_filter_parse(&ps->scratch, bw_slice_cstr(s->filter), &why, &at)
                               : NULL};
    bw_status status = ps_query(ps, err, &q,
                                "SELECT id, key, size, attributes FROM message WHERE topic = ?1"
                                " AND id >= ?2 UNION ALL "
                                "SELECT id, key, size, attributes FROM message WHERE id IN"
                                " (SELECT message FROM snapshot_message WHERE snapshot = ?3"
                                "  AND message < ?2)",
                                "iii", s->topic, kept, snapshot);
    if (status != BW_OK)
        return status;
    while (status == BW_OK && bw_sb_db_next(q))
        status = replay_one(ps, &to, q, err);
    bw_status done = ps_done(ps, q, err);
    if (status == BW_OK)
        status = done;
    if (status != BW_OK)
        return status;
    return ps_run(ps, err,
                  "UPDATE delivery SET state = 0, due_us = 0, failures = 0"
                  " WHERE subscription = ?1 AND state = 3 AND (message >= ?2 OR message IN"
                  " (SELECT message FROM snapshot_message WHERE snapshot = ?3))",
                  "iii", s->id, from, snapshot);
}

/* Keys begin anew: all behind, and the first of each ready. */
static bw_status order_anew(bw_sb_pubsub *ps, int64_t subscription, bw_error *err)
{
    bw_status status = ps_run(ps, err,
                              "UPDATE delivery SET state = 4, due_us = 0, lease = lease + 1"
                              " WHERE subscription = ?1 AND key IS NOT NULL AND state <> 3",
                              "i", subscription);
    if (status != BW_OK)
        return status;
    return ps_run(ps, err,
                  "UPDATE delivery SET state = 0 WHERE subscription = ?1 AND message IN"
                  " (SELECT min(message) FROM delivery WHERE subscription = ?1"
                  "  AND key IS NOT NULL AND state <> 3 GROUP BY key)",
                  "i", subscription);
}

/* ---- The method ------------------------------------------------------------------------------- */

static bw_status find_snapshot(bw_sb_pubsub *ps, const char *name, const ps_subscription *s,
                               ps_snapshot *out, bw_error *err)
{
    const char *project, *id;
    bw_status status = ps_name_parse(&ps->scratch, name, "snapshots", &project, &id, err);
    if (status == BW_OK)
        status = ps_snapshot_find(ps, &ps->scratch, project, id, out, err);
    if (status == BW_OK && out->topic != s->topic)
        return bw_error_set(err, BW_CONFLICT,
                            "The snapshot %s is not of the topic of the subscription %s.", id,
                            s->name);
    return status;
}

/* To a snapshot's name, or where that is NULL to a time. */
static bw_status read_aim(ps_call *c, const char **snapshot, int64_t *time_us, bw_error *err)
{
    const char *time = bw_sb_json_text(c->arena, c->body, "time");
    *snapshot = bw_sb_json_text(c->arena, c->body, "snapshot");
    if ((time != NULL) == (*snapshot != NULL))
        return bw_error_set(err, BW_INVALID, "Exactly one of time and snapshot must be set.");
    if (time && !bw_sb_stamp_parse_us(bw_slice_cstr(time), time_us))
        return bw_error_set(err, BW_INVALID, "Invalid value at 'time', %s", time);
    return BW_OK;
}

static bw_status seek(ps_call *c, bw_error *err)
{
    bw_sb_pubsub *ps = c->ps;
    ps_subscription s;
    ps_snapshot snapshot = {0};
    const char *name;
    int64_t from;
    bw_status status = read_aim(c, &name, &from, err);
    if (status == BW_OK)
        status = ps_subscription_find(ps, c->arena, c->project, c->name, &s, err);
    if (status == BW_OK && s.detached)
        status = bw_error_set(err, BW_CONFLICT, "The subscription %s is detached from its topic.",
                              s.name);
    if (status == BW_OK && name) {
        status = find_snapshot(ps, name, &s, &snapshot, err);
        from = snapshot.after + 1;
    }
    if (status != BW_OK)
        return status;
    status = settle_before(ps, &s, from, snapshot.id, err);
    if (status == BW_OK)
        status = replay_all(ps, &s, from, snapshot.id, err);
    if (status == BW_OK && s.ordered)
        status = order_anew(ps, s.id, err);
    ps_wake(ps, s.id);
    return status;
}

bw_sb_outcome ps_seek(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    static const ps_member members[] = {
        {"time", PS_TIME, NULL}, {"snapshot", PS_TEXT, NULL}, {NULL, PS_TEXT, NULL}};
    return ps_serve(context, r, reply, "subscriptions", members, seek);
}
