/* Pulling, acknowledging, extending, seeking. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/google/pubsub_internal.h"

/* Beyond the 90 s or so that the service holds a pull. */
#define HELD_US (150 * BW_SECOND)
/* Of one request: 1,000 ids are some 190 KB, unless they are longer than they used to be. */
#define IDS_MAX   1000
#define BYTES_MAX ((size_t)500000)

static const char subscriptions[] = "subscriptions";

bw_status bw_pubsub_pull(bw_pubsub *ps, const char *subscription, int max_messages, bool at_once,
                         bw_arena *arena, bw_pubsub_messages *out, bw_error *err)
{
    char body[96];
    int n = max_messages < 1                    ? 1
            : max_messages > BW_PUBSUB_PULL_MAX ? BW_PUBSUB_PULL_MAX
                                                : max_messages;
    *out = (bw_pubsub_messages){NULL, 0};
    snprintf(body, sizeof(body), "{\"maxMessages\":%d%s}", n,
             at_once ? ",\"returnImmediately\":true" : "");
    char *url = bw_pubsub_url(ps, subscriptions, subscription, ":pull", err);
    if (!url)
        return BW_INVALID;
    bw_rest_call call = {.what = "pull messages",
                         .method = "POST",
                         .url = url,
                         .headers = {"Content-Type: application/json"},
                         .body = {bw_slice_cstr(body)},
                         .n_body = 1,
                         .watched = true,
                         .stall_us = HELD_US};
    bw_status s = bw_rest_send(&ps->rest, &call, err);
    free(url);
    if (s != BW_OK)
        return s;
    const bw_buf *answer = &ps->rest.response.body;
    return answer->len ? bw_pubsub_pull_parse(bw_buf_slice(answer), arena, out, err) : BW_OK;
}

/* ---- leases ----------------------------------------------------------------------------- */

/* One change of leases: acknowledging, or moving deadlines. */
typedef struct change {
    bw_rest_call call;
    int seconds; /* -1: none is sent */
    size_t refused;
} change;

/*
 * An exactly-once subscription answers 400 with what became of the ids that failed, in ErrorInfo's
 * metadata: {"<ack id>": "PERMANENT_FAILURE_INVALID_ACK_ID"}. Counts those; the others of the request
 * are done. False when the answer is no such thing.
 */
static bool read_refused(const bw_rest *rest, size_t *permanent, size_t *transient)
{
    const bw_buf *body = &rest->response.body;
    json_t *root = body->len ? json_loadb(body->ptr, body->len, 0, NULL) : NULL, *detail, *value;
    size_t i;
    const char *key;
    *permanent = *transient = 0;
    json_t *details = json_object_get(json_object_get(root, "error"), "details");
    json_array_foreach(details, i, detail)
    {
        json_object_foreach(json_object_get(detail, "metadata"), key, value)
        {
            const char *word = json_string_value(value);
            *permanent += word && strncmp(word, "PERMANENT_FAILURE", 17) == 0;
            *transient += word && strncmp(word, "TRANSIENT_FAILURE", 17) == 0;
        }
    }
    json_decref(root);
    return *permanent + *transient > 0;
}

/* Sends the ids once; those that the service would take later are sent again a few times, with the
   others, whose repetition changes nothing. */
static bw_status send_ids(bw_pubsub *ps, change *c, const bw_buf *body, bw_error *err)
{
    bw_retry retry = bw_retry_begin(ps->rest.clock, ps->rest.cancel,
                                    bw_mono_us(ps->rest.clock) + ps->rest.per_call_us,
                                    ps->rest.subject, c->call.what);
    c->call.body[0] = bw_buf_slice(body);
    c->call.n_body = 1;
    for (;;) {
        size_t permanent, transient;
        bw_status s = bw_rest_send(&ps->rest, &c->call, err);
        if (s == BW_OK || ps->rest.response.status != 400 ||
            !read_refused(&ps->rest, &permanent, &transient))
            return s;
        if (!transient) {
            c->refused += permanent;
            return BW_OK;
        }
        if (err)
            err->retryable = true;
        if (!err || !bw_retry_again(&retry, err))
            return s;
    }
}

static bw_status change_leases(bw_pubsub *ps, const char *subscription, const char *verb, change *c,
                               const bw_slice *ids, size_t count, bw_error *err)
{
    bw_status first = BW_OK;
    bw_error later = BW_ERROR_INIT, local = BW_ERROR_INIT;
    bw_buf body = BW_BUF_INIT;
    char *url = bw_pubsub_url(ps, subscriptions, subscription, verb, err);
    if (!url)
        return BW_INVALID;
    err = err ? err : &local;
    c->call.method = "POST";
    c->call.url = url;
    c->call.headers[0] = "Content-Type: application/json";
    for (size_t at = 0; at < count && !bw_cancelled(ps->rest.cancel);) {
        bw_buf_clear(&body);
        bw_buf_adds(&body, "{\"ackIds\":[");
        for (size_t n = 0; at < count && n < IDS_MAX; n++) {
            if (n && body.len + ids[at].len >= BYTES_MAX)
                break;
            if (n)
                bw_buf_addc(&body, ',');
            bw_json_add_string(&body, ids[at++]);
        }
        bw_buf_addc(&body, ']');
        if (c->seconds >= 0)
            bw_buf_addf(&body, ",\"ackDeadlineSeconds\":%d", c->seconds);
        bw_buf_addc(&body, '}');
        bw_status s = send_ids(ps, c, &body, first == BW_OK ? err : &later);
        first = first == BW_OK ? s : first;
    }
    if (first == BW_OK && bw_cancelled(ps->rest.cancel) && count)
        first = bw_error_set(err, BW_CANCELLED, "cancelled");
    bw_buf_fini(&body);
    free(url);
    return first;
}

bw_status bw_pubsub_acknowledge(bw_pubsub *ps, const char *subscription, const bw_slice *ack_ids,
                                size_t count, size_t *refused, bw_error *err)
{
    change c = {.call = {.what = "acknowledge messages"}, .seconds = -1};
    bw_status s = change_leases(ps, subscription, ":acknowledge", &c, ack_ids, count, err);
    if (refused)
        *refused = c.refused;
    return s;
}

bw_status bw_pubsub_modify_ack_deadline(bw_pubsub *ps, const char *subscription,
                                        const bw_slice *ack_ids, size_t count, int seconds,
                                        size_t *refused, bw_error *err)
{
    change c = {.call = {.what = "extend the leases of messages"}, .seconds = seconds};
    if (seconds == 0)
        c.call.what = "give messages back";
    bw_status s = change_leases(ps, subscription, ":modifyAckDeadline", &c, ack_ids, count, err);
    if (refused)
        *refused = c.refused;
    return s;
}

bw_status bw_pubsub_seek(bw_pubsub *ps, const char *subscription, int64_t time_us, bw_error *err)
{
    char text[BW_TIME_TEXT];
    char *url = bw_pubsub_url(ps, subscriptions, subscription, ":seek", err);
    if (!url)
        return BW_INVALID;
    json_t *body = json_pack("{s:s}", "time", bw_format_time(time_us, text));
    bw_rest_call call = {.what = "seek to a time", .method = "POST", .url = url};
    bw_status s = bw_rest_post(&ps->rest, &call, body, NULL, err);
    json_decref(body);
    free(url);
    return s;
}
