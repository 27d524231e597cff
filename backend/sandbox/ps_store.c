#include "backend/sandbox/ps_store.h"

#include <stdlib.h>

#include "backend/sandbox/json_edit.h"

/* ---- Statements ------------------------------------------------------------------------------- */

static bw_status check(bw_sb_pubsub *ps, bool good, bw_error *err)
{
    return good ? BW_OK : bw_sb_db_error(ps->db, err);
}

bw_status ps_query(bw_sb_pubsub *ps, bw_error *err, sqlite3_stmt **out, const char *sql,
                   const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    *out = bw_sb_db_vquery(ps->db, sql, types, ap);
    va_end(ap);
    return check(ps, *out != NULL, err);
}

bw_status ps_done(bw_sb_pubsub *ps, sqlite3_stmt *stmt, bw_error *err)
{
    return check(ps, bw_sb_db_done(ps->db, stmt), err);
}

bw_status ps_run(bw_sb_pubsub *ps, bw_error *err, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *stmt = bw_sb_db_vquery(ps->db, sql, types, ap);
    va_end(ap);
    return check(ps, bw_sb_db_finish(ps->db, stmt), err);
}

bw_status ps_value(bw_sb_pubsub *ps, bw_error *err, int64_t *out, const char *sql,
                   const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *stmt = bw_sb_db_vquery(ps->db, sql, types, ap);
    va_end(ap);
    return check(ps, bw_sb_db_value(ps->db, stmt, out), err);
}

/* ---- Transactions and wakes ------------------------------------------------------------------- */

void ps_lock(bw_sb_pubsub *ps)
{
    bw_sb_db_lock(ps->db);
}

void ps_unlock(bw_sb_pubsub *ps)
{
    bw_sb_db_unlock(ps->db);
}

bw_status ps_begin(bw_sb_pubsub *ps, bw_error *err)
{
    ps_lock(ps);
    ps->woken_count = 0;
    ps->due_sooner = false;
    bw_arena_reset(&ps->scratch, (size_t)1 << 20);
    bw_status status = check(ps, bw_sb_db_begin(ps->db), err);
    if (status != BW_OK)
        ps_unlock(ps);
    return status;
}

bw_status ps_end(bw_sb_pubsub *ps, bw_status status, bw_error *err)
{
    if (status == BW_OK)
        status = check(ps, bw_sb_db_commit(ps->db), err);
    if (status != BW_OK)
        bw_sb_db_undo(ps->db);
    for (size_t i = 0; status == BW_OK && i < ps->woken_count; i++)
        bw_sb_pool_wake(ps->pool, ps_wake_key(ps->woken[i]));
    if (ps->due_sooner)
        bw_sb_pool_wake(ps->pool, PS_KEEPER_KEY);
    ps_unlock(ps);
    return status;
}

uint64_t ps_wake_key(int64_t subscription)
{
    /* Spread over the pool's slots, away from the keys of names. */
    return ((uint64_t)subscription + 0x70756273) * UINT64_C(0x9e3779b97f4a7c15) >> 8;
}

void ps_wake(bw_sb_pubsub *ps, int64_t subscription)
{
    for (size_t i = ps->woken_count; i-- > 0;) {
        if (ps->woken[i] == subscription)
            return;
    }
    BW_GROW(ps->woken, ps->woken_count + 1, ps->woken_cap);
    ps->woken[ps->woken_count++] = subscription;
}

void ps_due_at(bw_sb_pubsub *ps, int64_t due_us)
{
    if (due_us >= ps->next_due_us)
        return;
    ps->next_due_us = due_us;
    ps->due_sooner = true;
}

/* ---- Opening ---------------------------------------------------------------------------------- */

/* Without the index of keys, ordering would search; its condition is written out in every query
   that is to use it. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS topic(id INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL,"
    " name TEXT NOT NULL, retention_us INTEGER NOT NULL, body TEXT NOT NULL,"
    " UNIQUE(project, name));"
    "CREATE TABLE IF NOT EXISTS subscription(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " project TEXT NOT NULL, name TEXT NOT NULL, topic INTEGER NOT NULL, topic_name TEXT NOT NULL,"
    " detached INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE(project, name));"
    "CREATE INDEX IF NOT EXISTS subscription_topic ON subscription(topic);"
    "CREATE TABLE IF NOT EXISTS snapshot(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " project TEXT NOT NULL, name TEXT NOT NULL, topic INTEGER NOT NULL, topic_name TEXT NOT NULL,"
    " after INTEGER NOT NULL, expires_us INTEGER NOT NULL, body TEXT NOT NULL,"
    " UNIQUE(project, name));"
    "CREATE INDEX IF NOT EXISTS snapshot_topic ON snapshot(topic);"
    "CREATE TABLE IF NOT EXISTS snapshot_message(snapshot INTEGER NOT NULL,"
    " message INTEGER NOT NULL, PRIMARY KEY(snapshot, message)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS snapshot_of_message ON snapshot_message(message);"
    "CREATE TABLE IF NOT EXISTS message(id INTEGER PRIMARY KEY, topic INTEGER NOT NULL,"
    " key TEXT NOT NULL, size INTEGER NOT NULL, attributes TEXT NOT NULL, data TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS message_topic ON message(topic);"
    "CREATE TABLE IF NOT EXISTS delivery(message INTEGER NOT NULL, subscription INTEGER NOT NULL,"
    " state INTEGER NOT NULL, due_us INTEGER NOT NULL, failures INTEGER NOT NULL,"
    " lease INTEGER NOT NULL, size INTEGER NOT NULL, key TEXT,"
    " PRIMARY KEY(message, subscription)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS delivery_state ON delivery(subscription, state, message, size);"
    "CREATE INDEX IF NOT EXISTS delivery_due ON delivery(due_us) WHERE state IN (1, 2);"
    "CREATE INDEX IF NOT EXISTS delivery_key ON delivery(subscription, key, message)"
    " WHERE key IS NOT NULL AND state <> 3;"
    "CREATE TABLE IF NOT EXISTS last_message(id INTEGER NOT NULL);"
    "INSERT INTO last_message SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM last_message);";

bw_status ps_store_open(bw_sb_pubsub *ps, const char *dir, bw_error *err)
{
    bw_status status = bw_sb_db_open(dir, "pubsub.db", schema, &ps->db, err);
    if (status == BW_OK)
        status = ps_value(ps, err, &ps->last_message, "SELECT id FROM last_message", "");
    ps->next_due_us = BW_FOREVER;
    if (status == BW_OK)
        status = ps_value(ps, err, &ps->next_due_us,
                          "SELECT min(due_us) FROM delivery WHERE state IN (1, 2)", "");
    return status;
}

void ps_store_close(bw_sb_pubsub *ps)
{
    bw_sb_db_close(ps->db);
    bw_arena_fini(&ps->scratch);
    free(ps->woken);
}

/* ---- Resources -------------------------------------------------------------------------------- */

static bw_status not_found(const char *name, bw_error *err)
{
    return bw_error_set(err, BW_NOT_FOUND, "Resource not found (resource=%s).", name);
}

bw_status ps_topic_find(bw_sb_pubsub *ps, bw_arena *arena, const char *project, const char *name,
                        ps_topic *out, bw_error *err)
{
    sqlite3_stmt *q;
    *out = (ps_topic){.project = project, .name = name};
    bw_status status = ps_query(
        ps, err, &q, "SELECT id, retention_us, body FROM topic WHERE project = ?1 AND name = ?2",
        "tt", project, name);
    if (status != BW_OK)
        return status;
    if (bw_sb_db_next(q)) {
        out->id = sqlite3_column_int64(q, 0);
        out->retention_us = sqlite3_column_int64(q, 1);
        out->body = bw_sb_db_text(arena, q, 2);
    }
    status = ps_done(ps, q, err);
    return status == BW_OK && !out->id ? not_found(name, err) : status;
}

void ps_subscription_derive(bw_arena *arena, ps_subscription *s)
{
    bw_slice body = bw_slice_cstr(s->body);
    bw_slice retry = bw_sb_json_object(body, "retryPolicy");
    bw_slice dead = bw_sb_json_object(body, "deadLetterPolicy");
    s->ack_deadline_us = bw_sb_json_int(body, "ackDeadlineSeconds", 10) * BW_SECOND;
    s->retention_us = ps_json_duration(body, "messageRetentionDuration", 7 * BW_DAY);
    s->retains_acked = bw_sb_json_bool(body, "retainAckedMessages", false);
    s->ordered = bw_sb_json_bool(body, "enableMessageOrdering", false);
    s->exactly_once = bw_sb_json_bool(body, "enableExactlyOnceDelivery", false);
    s->filter = bw_sb_json_text(arena, body, "filter");
    if (!s->filter)
        s->filter = "";
    s->dead_letter = bw_sb_json_text(arena, dead, "deadLetterTopic");
    s->max_attempts = bw_sb_json_int(dead, "maxDeliveryAttempts", 5);
    s->has_retry = retry.len > 0;
    s->min_backoff_us = ps_json_duration(retry, "minimumBackoff", 10 * BW_SECOND);
    s->max_backoff_us = ps_json_duration(retry, "maximumBackoff", 600 * BW_SECOND);
}

static bw_status read_subscription(bw_sb_pubsub *ps, bw_arena *arena, sqlite3_stmt *q,
                                   ps_subscription *out, bw_error *err)
{
    *out = (ps_subscription){0};
    if (bw_sb_db_next(q)) {
        out->id = sqlite3_column_int64(q, 0);
        out->project = bw_sb_db_text(arena, q, 1);
        out->name = bw_sb_db_text(arena, q, 2);
        out->topic = sqlite3_column_int64(q, 3);
        out->topic_name = bw_sb_db_text(arena, q, 4);
        out->detached = sqlite3_column_int(q, 5) != 0;
        out->body = bw_sb_db_text(arena, q, 6);
        ps_subscription_derive(arena, out);
    }
    return ps_done(ps, q, err);
}

#define SUBSCRIPTION \
    "SELECT id, project, name, topic, topic_name, detached, body FROM subscription "

bw_status ps_subscription_find(bw_sb_pubsub *ps, bw_arena *arena, const char *project,
                               const char *name, ps_subscription *out, bw_error *err)
{
    sqlite3_stmt *q;
    bw_status status =
        ps_query(ps, err, &q, SUBSCRIPTION "WHERE project = ?1 AND name = ?2", "tt", project, name);
    if (status == BW_OK)
        status = read_subscription(ps, arena, q, out, err);
    return status == BW_OK && !out->id ? not_found(name, err) : status;
}

bw_status ps_subscription_by_id(bw_sb_pubsub *ps, bw_arena *arena, int64_t id, ps_subscription *out,
                                bw_error *err)
{
    sqlite3_stmt *q;
    bw_status status = ps_query(ps, err, &q, SUBSCRIPTION "WHERE id = ?1", "i", id);
    if (status == BW_OK)
        status = read_subscription(ps, arena, q, out, err);
    return status == BW_OK && !out->id ? not_found("subscription", err) : status;
}

bw_status ps_snapshot_find(bw_sb_pubsub *ps, bw_arena *arena, const char *project, const char *name,
                           ps_snapshot *out, bw_error *err)
{
    sqlite3_stmt *q;
    *out = (ps_snapshot){.project = project, .name = name};
    bw_status status = ps_query(ps, err, &q,
                                "SELECT id, topic, topic_name, after, expires_us, body"
                                " FROM snapshot WHERE project = ?1 AND name = ?2",
                                "tt", project, name);
    if (status != BW_OK)
        return status;
    if (bw_sb_db_next(q)) {
        out->id = sqlite3_column_int64(q, 0);
        out->topic = sqlite3_column_int64(q, 1);
        out->topic_name = bw_sb_db_text(arena, q, 2);
        out->after = sqlite3_column_int64(q, 3);
        out->expires_us = sqlite3_column_int64(q, 4);
        out->body = bw_sb_db_text(arena, q, 5);
    }
    status = ps_done(ps, q, err);
    return status == BW_OK && !out->id ? not_found(name, err) : status;
}
