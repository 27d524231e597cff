/* subscriptions.pull: leases, held until there is something to lease. */
#include "backend/sandbox/ps_api.h"

#include <stdlib.h>

typedef struct lease {
    int64_t message, size;
    bw_slice key; /* of an ordered subscription; empty otherwise */
} lease;

typedef struct leases {
    lease *items;
    size_t count, max;
    int64_t bytes;
} leases;

/* False when the answer is full. The first message always fits. */
static bool add(leases *all, int64_t message, int64_t size, bw_slice key)
{
    if (all->count == all->max || (all->count && all->bytes + size > PS_MAX_BYTES))
        return false;
    all->items[all->count++] = (lease){message, size, key};
    all->bytes += size;
    return true;
}

static bw_status find_ready(bw_sb_pubsub *ps, int64_t subscription, leases *all, bw_error *err)
{
    sqlite3_stmt *q;
    bw_status status = ps_query(ps, err, &q,
                                "SELECT message, size, key FROM delivery INDEXED BY delivery_state"
                                " WHERE subscription = ?1 AND state = 0 ORDER BY message LIMIT ?2",
                                "ii", subscription, (int64_t)all->max);
    if (status != BW_OK)
        return status;
    while (bw_sb_db_next(q) && add(all, sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1),
                                   bw_arena_slice(&ps->scratch, bw_sb_db_bytes(q, 2))))
        ;
    return ps_done(ps, q, err);
}

/* The messages of one key behind a ready one go into the same answer, in their order. */
static bw_status find_behind(bw_sb_pubsub *ps, int64_t subscription, const lease *head, leases *all,
                             bw_error *err)
{
    sqlite3_stmt *q;
    bw_status status = ps_query(ps, err, &q,
                                "SELECT message, size FROM delivery"
                                " WHERE subscription = ?1 AND key = ?2 AND key IS NOT NULL"
                                " AND state <> 3 AND message > ?3 ORDER BY message LIMIT ?4",
                                "isii", subscription, head->key, head->message, (int64_t)all->max);
    if (status != BW_OK)
        return status;
    while (bw_sb_db_next(q) &&
           add(all, sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1), head->key))
        ;
    return ps_done(ps, q, err);
}

static void print_message(bw_buf *out, sqlite3_stmt *q, int64_t message)
{
    bw_slice key = bw_sb_db_bytes(q, 0), attributes = bw_sb_db_bytes(q, 1),
             data = bw_sb_db_bytes(q, 2);
    bw_sb_json_add_raw(out, "message", BW_SLICE_LIT("{"));
    if (data.len) {
        bw_sb_json_add_name(out, "data");
        bw_buf_addc(out, '"');
        bw_buf_add(out, data.ptr, data.len);
        bw_buf_addc(out, '"');
    }
    ps_add_map(out, "attributes", attributes);
    bw_sb_json_add_int64(out, "messageId", message);
    ps_json_add_time(out, "publishTime", message);
    if (key.len) {
        bw_sb_json_add_name(out, "orderingKey");
        bw_json_add_string(out, key);
    }
    bw_buf_addc(out, '}');
}

/* Leases one message and prints it. */
static bw_status take(bw_sb_pubsub *ps, const ps_subscription *s, int64_t message, int64_t due,
                      bw_buf *out, bw_error *err)
{
    char ack_id[PS_ACK_ID_SIZE] = "";
    int64_t failures = 0;
    sqlite3_stmt *q;
    bw_status status = ps_query(ps, err, &q,
                                "UPDATE delivery SET state = 1, due_us = ?3, lease = lease + 1"
                                " WHERE message = ?1 AND subscription = ?2"
                                " RETURNING lease, failures",
                                "iii", message, s->id, due);
    if (status != BW_OK)
        return status;
    if (bw_sb_db_next(q)) {
        ps_ack_id_print(s->id, message, sqlite3_column_int64(q, 0), ack_id);
        failures = sqlite3_column_int64(q, 1);
    }
    status = ps_done(ps, q, err);
    if (status == BW_OK)
        status = ps_query(ps, err, &q, "SELECT key, attributes, data FROM message WHERE id = ?1",
                          "i", message);
    if (status != BW_OK)
        return status;
    if (bw_sb_db_next(q)) {
        bw_buf_adds(out, out->ptr[out->len - 1] == '[' ? "{" : ",{");
        bw_sb_json_add_text(out, "ackId", ack_id);
        print_message(out, q, message);
        if (s->dead_letter)
            bw_buf_addf(out, ",\"deliveryAttempt\":%lld", (long long)failures + 1);
        bw_buf_addc(out, '}');
    }
    return ps_done(ps, q, err);
}

static bw_status take_all(bw_sb_pubsub *ps, const ps_subscription *s, int64_t max, bw_buf *out,
                          size_t *taken, bw_error *err)
{
    bool more;
    leases all = {.max = (size_t)max};
    bw_status status = ps_expire(ps, &more, err);
    all.items = BW_ARENA_ARRAY(&ps->scratch, lease, all.max);
    if (status == BW_OK)
        status = find_ready(ps, s->id, &all, err);
    size_t heads = all.count;
    for (size_t i = 0; i < heads && s->ordered && status == BW_OK; i++) {
        if (all.items[i].key.len)
            status = find_behind(ps, s->id, &all.items[i], &all, err);
    }
    int64_t due = bw_wall_us(ps->clock) + s->ack_deadline_us;
    bw_buf_adds(out, all.count ? "{\"receivedMessages\":[" : "{");
    for (size_t i = 0; i < all.count && status == BW_OK; i++)
        status = take(ps, s, all.items[i].message, due, out, err);
    bw_buf_adds(out, all.count ? "]}" : "}");
    if (all.count)
        ps_due_at(ps, due);
    *taken = all.count;
    return status;
}

typedef struct pull_request {
    const char *project, *name;
    int64_t max;
    int64_t until_us; /* monotonic: how long it may be held */
} pull_request;

static int64_t hold_until(bw_sb_request *r, bool at_once)
{
    const char *text = bw_sb_request_header(r, "X-Server-Timeout");
    double seconds = text ? strtod(text, NULL) : 0;
    int64_t hold = at_once ? 0 : PS_HOLD_US;
    if (seconds > 0 && seconds < (double)hold / (double)BW_SECOND)
        hold = (int64_t)(seconds * (double)BW_SECOND);
    return r->started_us + hold;
}

static bw_status read_request(bw_sb_request *r, pull_request *out, bw_error *err)
{
    static const ps_member members[] = {{"maxMessages", PS_INT32, NULL},
                                        {"returnImmediately", PS_BOOL, NULL},
                                        {NULL, PS_TEXT, NULL}};
    bw_slice body;
    bw_status status = ps_path_name(r, "subscriptions", &out->project, &out->name, err);
    if (status == BW_OK)
        status = ps_body(r, members, &body, err);
    if (status != BW_OK)
        return status;
    out->max = bw_sb_json_int(body, "maxMessages", 0);
    if (out->max <= 0)
        return bw_error_set(err, BW_INVALID,
                            "The value for max_messages is too small. You passed %lld in the "
                            "request, but the minimum value is 1.",
                            (long long)out->max);
    if (out->max > PS_MAX_MESSAGES)
        out->max = PS_MAX_MESSAGES;
    out->until_us = hold_until(r, bw_sb_json_bool(body, "returnImmediately", false));
    return BW_OK;
}

/* Tries once; *ticket is for waiting when nothing was there. */
static bw_status try_pull(bw_sb_pubsub *ps, bw_sb_request *r, const pull_request *p, bw_buf *out,
                          bool *finished, uint64_t *key, uint64_t *ticket, bw_error *err)
{
    ps_subscription s;
    size_t taken = 0;
    bw_status status = ps_begin(ps, err);
    if (status != BW_OK)
        return status;
    status = ps_subscription_find(ps, &ps->scratch, p->project, p->name, &s, err);
    if (status == BW_OK && s.detached)
        status = bw_error_set(err, BW_CONFLICT, "The subscription %s is detached from its topic.",
                              s.name);
    /* A client that has gone would take its messages with it until the lease ends. */
    *finished = bw_sb_request_gone(r);
    if (*finished)
        bw_buf_adds(out, "{}");
    if (status == BW_OK && !*finished) {
        *key = ps_wake_key(s.id);
        *ticket = bw_sb_pool_ticket(ps->pool, *key);
        status = take_all(ps, &s, p->max, out, &taken, err);
        *finished = taken > 0;
    }
    return ps_end(ps, status, err);
}

bw_sb_outcome ps_pull(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_pubsub *ps = context;
    bw_error err = BW_ERROR_INIT;
    uint64_t key = 0, ticket = 0;
    bool finished = false;
    if (!r->state) { /* else it has been held */
        pull_request *fresh = BW_ARENA_NEW(&r->arena, pull_request);
        if (read_request(r, fresh, &err) != BW_OK)
            return ps_reply_error(reply, &err);
        r->state = fresh;
    }
    pull_request *p = r->state;
    bw_buf_clear(&reply->body);
    if (try_pull(ps, r, p, &reply->body, &finished, &key, &ticket, &err) != BW_OK)
        return ps_reply_error(reply, &err);
    if (finished || bw_sb_pool_stopping(ps->pool) || bw_mono_us(ps->clock) >= p->until_us)
        return BW_SB_DONE;
    return bw_sb_request_wait(r, key, ticket, p->until_us);
}
