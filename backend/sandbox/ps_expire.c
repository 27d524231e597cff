/* What happens to a delivery after its lease: acknowledged, given back, expired, dead-lettered. */
#include "backend/sandbox/ps_api.h"

#define BATCH 1000

/* ---- Acknowledged ----------------------------------------------------------------------------- */

bw_status ps_release(bw_sb_pubsub *ps, int64_t message, bw_error *err)
{
    return ps_run(ps, err,
                  "DELETE FROM message WHERE id = ?1"
                  " AND NOT EXISTS (SELECT 1 FROM delivery WHERE message = ?1)"
                  " AND NOT EXISTS (SELECT 1 FROM topic t WHERE t.id = message.topic"
                  "  AND t.retention_us > 0)"
                  " AND NOT EXISTS (SELECT 1 FROM snapshot s WHERE s.topic = message.topic)",
                  "i", message);
}

/* The first of the key's messages that are not acknowledged comes forward when it was only behind. */
static bw_status promote(bw_sb_pubsub *ps, int64_t subscription, bw_slice key, bw_error *err)
{
    sqlite3_stmt *q;
    int64_t message = 0, due = 0, now = bw_wall_us(ps->clock);
    bw_status status = ps_query(ps, err, &q,
                                "SELECT message, state, due_us FROM delivery"
                                " WHERE subscription = ?1 AND key = ?2 AND key IS NOT NULL"
                                " AND state <> 3 ORDER BY message LIMIT 1",
                                "is", subscription, key);
    if (status != BW_OK)
        return status;
    if (bw_sb_db_next(q) && sqlite3_column_int(q, 1) == PS_BEHIND) {
        message = sqlite3_column_int64(q, 0);
        due = sqlite3_column_int64(q, 2);
    }
    status = ps_done(ps, q, err);
    if (!message || status != BW_OK)
        return status;
    if (due > now)
        ps_due_at(ps, due);
    else
        ps_wake(ps, subscription);
    return ps_run(ps, err,
                  "UPDATE delivery SET state = ?3 WHERE message = ?1 AND subscription = ?2", "iii",
                  message, subscription, (int64_t)(due > now ? PS_DELAYED : PS_READY));
}

bw_status ps_settle(bw_sb_pubsub *ps, const ps_subscription *s, int64_t message, bw_slice key,
                    bw_error *err)
{
    bw_status status;
    if (s->retains_acked) {
        status = ps_run(ps, err,
                        "UPDATE delivery SET state = 3, due_us = 0"
                        " WHERE message = ?1 AND subscription = ?2",
                        "ii", message, s->id);
    } else {
        status = ps_run(ps, err, "DELETE FROM delivery WHERE message = ?1 AND subscription = ?2",
                        "ii", message, s->id);
        if (status == BW_OK)
            status = ps_release(ps, message, err);
    }
    return status == BW_OK && key.len ? promote(ps, s->id, key, err) : status;
}

/* ---- Dead letters ----------------------------------------------------------------------------- */

static bw_slice dead_attributes(bw_arena *arena, const ps_subscription *s, bw_slice attributes,
                                int64_t message, int64_t deliveries)
{
    bw_buf text = BW_BUF_INIT;
    bw_buf_addc(&text, '{');
    bw_sb_json_add_members(&text, attributes);
    bw_buf_adds(&text, text.len > 1 ? "," : "");
    bw_buf_addf(&text, "\"CloudPubSubDeadLetterSourceDeliveryCount\":\"%lld\"",
                (long long)deliveries);
    bw_sb_json_add_text(&text, "CloudPubSubDeadLetterSourceSubscription", s->name);
    bw_sb_json_add_text(&text, "CloudPubSubDeadLetterSourceSubscriptionProject", s->project);
    ps_json_add_time(&text, "CloudPubSubDeadLetterSourceTopicPublishTime", message);
    bw_buf_addc(&text, '}');
    bw_slice copy = bw_arena_slice(arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return copy;
}

/* Sends a copy to the topic of dead letters. Without that topic *sent stays false and the message
   goes on being delivered. */
static bw_status forward(bw_sb_pubsub *ps, const ps_subscription *s, int64_t message,
                         int64_t deliveries, bool *sent, bw_error *err)
{
    bw_arena *arena = &ps->scratch;
    const char *project, *name;
    ps_topic topic;
    ps_message m = {0};
    sqlite3_stmt *q;
    int64_t id, size;
    bw_status status = ps_name_parse(arena, s->dead_letter, "topics", &project, &name, err);
    if (status == BW_OK)
        status = ps_topic_find(ps, arena, project, name, &topic, err);
    if (status != BW_OK)
        return status == BW_NOT_FOUND ? BW_OK : status;
    status = ps_query(ps, err, &q, "SELECT key, size, attributes, data FROM message WHERE id = ?1",
                      "i", message);
    if (status != BW_OK)
        return status;
    if ((*sent = bw_sb_db_next(q))) {
        bw_slice attributes = bw_sb_db_bytes(q, 2);
        m.key = bw_arena_slice(arena, bw_sb_db_bytes(q, 0));
        m.data = bw_arena_slice(arena, bw_sb_db_bytes(q, 3));
        size = sqlite3_column_int64(q, 1);
        m.attributes_json = dead_attributes(arena, s, attributes, message, deliveries);
        m.attributes = ps_attributes_read(arena, m.attributes_json);
        m.size = size + (int64_t)(m.attributes_json.len - attributes.len);
    }
    status = ps_done(ps, q, err);
    return status == BW_OK && *sent ? ps_publish(ps, topic.id, &m, 1, &id, err) : status;
}

/* ---- Given back or expired -------------------------------------------------------------------- */

static int64_t backoff(const ps_subscription *s, int64_t failures)
{
    int64_t us = s->min_backoff_us;
    for (int64_t i = 1; i < failures && us < s->max_backoff_us; i++)
        us *= 2;
    return us < s->max_backoff_us ? us : s->max_backoff_us;
}

/* Later messages of the key that are leased will be delivered again, in order. */
static bw_status recall_later(bw_sb_pubsub *ps, int64_t subscription, bw_slice key, int64_t message,
                              bw_error *err)
{
    return ps_run(ps, err,
                  "UPDATE delivery SET state = 4, due_us = 0, lease = lease + 1"
                  " WHERE subscription = ?1 AND key = ?2 AND key IS NOT NULL AND state <> 3"
                  " AND message > ?3 AND state <> 4",
                  "isi", subscription, key, message);
}

static bw_status again(bw_sb_pubsub *ps, const ps_subscription *s, int64_t message, bw_slice key,
                       int64_t due, bool given_back, bw_error *err)
{
    int64_t first = message;
    ps_state state = due ? PS_DELAYED : PS_READY;
    bw_status status = BW_OK;
    if (key.len) {
        status = ps_value(ps, err, &first,
                          "SELECT message FROM delivery WHERE subscription = ?1 AND key = ?2"
                          " AND key IS NOT NULL AND state <> 3 ORDER BY message LIMIT 1",
                          "is", s->id, key);
        if (status == BW_OK)
            status = recall_later(ps, s->id, key, message, err);
        if (first < message) /* which are leased: after them */
            state = PS_BEHIND;
    }
    if (state == PS_DELAYED)
        ps_due_at(ps, due);
    else if (state == PS_READY)
        ps_wake(ps, s->id);
    if (status != BW_OK)
        return status;
    /* An acknowledgement that comes late still counts until the next lease, but not after a nack. */
    return ps_run(ps, err,
                  "UPDATE delivery SET state = ?3, due_us = ?4, failures = failures + 1,"
                  " lease = lease + ?5 WHERE message = ?1 AND subscription = ?2",
                  "iiiii", message, s->id, (int64_t)state, due, (int64_t)given_back);
}

bw_status ps_fail(bw_sb_pubsub *ps, const ps_subscription *s, int64_t message, bool given_back,
                  bw_error *err)
{
    sqlite3_stmt *q;
    int64_t failures = 0;
    bw_slice key = {NULL, 0};
    bool leased = false, sent = false;
    bw_status status = ps_query(ps, err, &q,
                                "SELECT failures, key, state FROM delivery"
                                " WHERE message = ?1 AND subscription = ?2",
                                "ii", message, s->id);
    if (status != BW_OK)
        return status;
    if (bw_sb_db_next(q)) {
        failures = sqlite3_column_int64(q, 0) + 1;
        key = bw_arena_slice(&ps->scratch, bw_sb_db_bytes(q, 1));
        leased = sqlite3_column_int(q, 2) == PS_LEASED;
    }
    status = ps_done(ps, q, err);
    if (!leased || status != BW_OK) /* recalled with an earlier one of its key */
        return status;
    if (s->dead_letter && failures >= s->max_attempts)
        status = forward(ps, s, message, failures, &sent, err);
    if (status != BW_OK || sent)
        return status == BW_OK ? ps_settle(ps, s, message, key, err) : status;
    int64_t wait = s->has_retry ? backoff(s, failures) : 0;
    return again(ps, s, message, key, wait ? bw_wall_us(ps->clock) + wait : 0, given_back, err);
}

/* ---- By time ---------------------------------------------------------------------------------- */

typedef struct due_delivery {
    int64_t message, subscription;
    bool delayed;
} due_delivery;

static bw_status find_due(bw_sb_pubsub *ps, int64_t now_us, due_delivery *out, size_t *count,
                          bw_error *err)
{
    sqlite3_stmt *q;
    bw_status status = ps_query(ps, err, &q,
                                "SELECT message, subscription, state FROM delivery"
                                " WHERE state IN (1, 2) AND due_us <= ?1"
                                " ORDER BY due_us, message LIMIT ?2",
                                "ii", now_us, (int64_t)BATCH);
    if (status != BW_OK)
        return status;
    for (*count = 0; *count < BATCH && bw_sb_db_next(q); ++*count)
        out[*count] = (due_delivery){sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1),
                                     sqlite3_column_int(q, 2) == PS_DELAYED};
    return ps_done(ps, q, err);
}

static bw_status end_one(bw_sb_pubsub *ps, const due_delivery *d, ps_subscription *s, bw_error *err)
{
    bw_status status = BW_OK;
    if (d->delayed) {
        ps_wake(ps, d->subscription);
        return ps_run(ps, err,
                      "UPDATE delivery SET state = 0, due_us = 0"
                      " WHERE message = ?1 AND subscription = ?2 AND state = 2",
                      "ii", d->message, d->subscription);
    }
    if (s->id != d->subscription)
        status = ps_subscription_by_id(ps, &ps->scratch, d->subscription, s, err);
    return status == BW_OK ? ps_fail(ps, s, d->message, false, err) : status;
}

bw_status ps_expire(bw_sb_pubsub *ps, bool *more, bw_error *err)
{
    int64_t now = bw_wall_us(ps->clock);
    ps_subscription s = {0};
    size_t count = 0;
    *more = false;
    if (ps->next_due_us > now)
        return BW_OK;
    due_delivery *due = BW_ARENA_ARRAY(&ps->scratch, due_delivery, BATCH);
    bw_status status = find_due(ps, now, due, &count, err);
    for (size_t i = 0; i < count && status == BW_OK; i++)
        status = end_one(ps, &due[i], &s, err);
    if (status != BW_OK)
        return status;
    *more = count == BATCH;
    int64_t next = BW_FOREVER;
    status = ps_value(ps, err, &next, "SELECT min(due_us) FROM delivery WHERE state IN (1, 2)", "");
    ps->next_due_us = next;
    return status;
}
