/* subscriptions.acknowledge and modifyAckDeadline. */
#include "backend/sandbox/ps_api.h"

#include <stdlib.h>

/* What is to happen to each of the ids. */
typedef struct ack_request {
    const char *project, *name;
    bw_slice ids; /* a JSON array */
    bool acknowledge;
    int64_t seconds; /* of modifyAckDeadline */
} ack_request;

static bw_status read_request(bw_sb_request *r, ack_request *out, bw_error *err)
{
    static const ps_member acknowledge[] = {{"ackIds", PS_TEXT_LIST, NULL}, {NULL, PS_TEXT, NULL}};
    static const ps_member modify[] = {{"ackIds", PS_TEXT_LIST, NULL},
                                       {"ackDeadlineSeconds", PS_INT32, NULL},
                                       {NULL, PS_TEXT, NULL}};
    bw_slice body, first;
    size_t at = 0;
    bw_status status = ps_path_name(r, "subscriptions", &out->project, &out->name, err);
    if (status == BW_OK && r->body.len > PS_MAX_ACK_BODY)
        status = bw_error_set(err, BW_INVALID, "Request payload size exceeds the limit: %zu bytes.",
                              PS_MAX_ACK_BODY);
    if (status == BW_OK)
        status = ps_body(r, out->acknowledge ? acknowledge : modify, &body, err);
    if (status != BW_OK)
        return status;
    out->ids = bw_json_member(body, "ackIds");
    out->seconds = bw_sb_json_int(body, "ackDeadlineSeconds", 0);
    if (!out->ids.len || !bw_sb_json_each_element(out->ids, &at, &first))
        return bw_error_set(err, BW_INVALID, "No ack ids specified.");
    if (out->seconds < 0 || out->seconds > 600)
        return bw_error_set(err, BW_INVALID,
                            "Invalid ack deadline given (ack_deadline_seconds=%lld): it must be "
                            "between 0 and 600.",
                            (long long)out->seconds);
    return BW_OK;
}

/* Acts on one delivery; *stale when the id is not of its newest lease. */
static bw_status act(bw_sb_pubsub *ps, const ps_subscription *s, const ack_request *a,
                     int64_t message, int64_t lease, bool *stale, bw_error *err)
{
    sqlite3_stmt *q;
    bw_slice key = {NULL, 0};
    bool leased = false, current = false;
    bw_status status = ps_query(ps, err, &q,
                                "SELECT state, lease, key FROM delivery"
                                " WHERE message = ?1 AND subscription = ?2",
                                "ii", message, s->id);
    if (status != BW_OK)
        return status;
    if (bw_sb_db_next(q) && sqlite3_column_int(q, 0) != PS_ACKED &&
        sqlite3_column_int64(q, 1) == lease) {
        current = true;
        leased = sqlite3_column_int(q, 0) == PS_LEASED;
        key = bw_arena_slice(&ps->scratch, bw_sb_db_bytes(q, 2));
    }
    status = ps_done(ps, q, err);
    *stale = !leased;
    if (status != BW_OK)
        return status;
    /* Late, but not delivered again yet: honoured, unless the subscription is strict. */
    if (a->acknowledge && current && (leased || !s->exactly_once))
        return ps_settle(ps, s, message, key, err);
    if (!leased || a->acknowledge)
        return BW_OK;
    if (a->seconds == 0)
        return ps_fail(ps, s, message, true, err);
    int64_t due = bw_wall_us(ps->clock) + a->seconds * BW_SECOND;
    ps_due_at(ps, due);
    return ps_run(ps, err,
                  "UPDATE delivery SET due_us = ?3 WHERE message = ?1 AND subscription = ?2", "iii",
                  message, s->id, due);
}

/* `failures` collects the members of ErrorInfo.metadata for a subscription with exactly-once
   delivery; for others only what never was an id is an error. */
static bw_status act_on_all(bw_sb_pubsub *ps, const ps_subscription *s, const ack_request *a,
                            bw_buf *failures, bw_error *err)
{
    bw_slice raw;
    bw_status status = BW_OK;
    for (size_t at = 0; status == BW_OK && bw_sb_json_each_element(a->ids, &at, &raw);) {
        int64_t message, lease;
        bool stale = true;
        bw_slice id = ps_json_content(&ps->scratch, raw);
        if (ps_ack_id_parse(id, s->id, &message, &lease))
            status = act(ps, s, a, message, lease, &stale, err);
        else if (!s->exactly_once)
            return bw_error_set(err, BW_INVALID,
                                "You have passed an invalid ack ID to the service (ack_id=%.*s).",
                                (int)(id.len < 100 ? id.len : 100), id.ptr);
        if (!stale || !s->exactly_once)
            continue;
        bw_buf_addc(failures, failures->len ? ',' : '{');
        bw_buf_add(failures, raw.ptr, raw.len);
        bw_buf_adds(failures, ":\"PERMANENT_FAILURE_INVALID_ACK_ID\"");
    }
    return status;
}

static void reply_failures(bw_sb_reply *reply, bw_buf *failures)
{
    bw_buf details = BW_BUF_INIT;
    bw_buf_adds(&details, "[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
                          "\"reason\":\"EXACTLY_ONCE_ACKID_FAILURE\","
                          "\"domain\":\"pubsub.googleapis.com\",\"metadata\":");
    bw_buf_add(&details, failures->ptr, failures->len);
    bw_buf_adds(&details, "}}]");
    bw_sb_reply_error(reply, 400, NULL, NULL,
                      "Some acknowledgement ids in the request were invalid. This could be because "
                      "the acknowledgement ids have expired or the acknowledgement ids were "
                      "malformed.");
    bw_sb_reply_error_details(reply, bw_buf_slice(&details));
    bw_buf_fini(&details);
}

static bw_sb_outcome handle(bw_sb_pubsub *ps, bw_sb_request *r, bw_sb_reply *reply,
                            bool acknowledge)
{
    bw_error err = BW_ERROR_INIT;
    ack_request a = {.acknowledge = acknowledge};
    ps_subscription s;
    bw_buf failures = BW_BUF_INIT;
    bool more;
    bw_status status = read_request(r, &a, &err);
    if (status != BW_OK || (status = ps_begin(ps, &err)) != BW_OK)
        return ps_reply_error(reply, &err);
    status = ps_subscription_find(ps, &ps->scratch, a.project, a.name, &s, &err);
    if (status == BW_OK) /* so that a lease that is over does not seem to go on */
        status = ps_expire(ps, &more, &err);
    if (status == BW_OK)
        status = act_on_all(ps, &s, &a, &failures, &err);
    status = ps_end(ps, status, &err);
    if (status == BW_OK && failures.len)
        reply_failures(reply, &failures);
    else
        ps_reply_empty(reply, status, &err);
    bw_buf_fini(&failures);
    return BW_SB_DONE;
}

bw_sb_outcome ps_acknowledge(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return handle(context, r, reply, true);
}

bw_sb_outcome ps_modify_ack_deadline(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return handle(context, r, reply, false);
}
