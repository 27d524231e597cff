/*
 * Any sequence of Pub/Sub requests: each line is one, its first byte chooses the method and the rest
 * is the body, in which @ stands for the ack id that the last pull brought. Every answer is JSON, and
 * afterwards nothing is kept that nobody holds.
 */
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/sandbox/ps_store.h"
#include "backend/sandbox/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *verb, *path;
} methods[] = {
    {"POST", "/v1/projects/p/topics/orders:publish"},
    {"POST", "/v1/projects/p/subscriptions/sub:pull"},
    {"POST", "/v1/projects/p/subscriptions/sub:acknowledge"},
    {"POST", "/v1/projects/p/subscriptions/sub:modifyAckDeadline"},
    {"POST", "/v1/projects/p/subscriptions/sub:seek"},
    {"PATCH", "/v1/projects/p/subscriptions/sub"},
    {"PUT", "/v1/projects/p/subscriptions/more"},
    {"PATCH", "/v1/projects/p/topics/orders"},
    {"PUT", "/v1/projects/p/topics/dead"},
    {"PUT", "/v1/projects/p/snapshots/snap"},
    {"PATCH", "/v1/projects/p/snapshots/snap"},
    {"DELETE", "/v1/projects/p/snapshots/snap"},
    {"DELETE", "/v1/projects/p/subscriptions/more"},
    {"POST", "/v1/projects/p/subscriptions/more:detach"},
    {"DELETE", "/v1/projects/p/topics/orders"},
    {"GET", "/v1/projects/p/subscriptions"},
    {"POST", "/v1/projects/p/subscriptions/more:pull"},
    {"PUT", "/v1/projects/p/topics/orders"},
    {"PUT", "/v1/projects/p/subscriptions/sub"},
};

typedef struct client {
    bw_sb_pubsub *ps;
    bw_sb_service service;
    char ack_id[64];
} client;

static void remember(client *c, bw_buf *answer)
{
    static const char member[] = "\"ackId\":\"";
    const char *at = strstr(bw_buf_cstr(answer), member);
    size_t len = at ? strcspn(at + strlen(member), "\"") : 0;
    if (!at || len >= sizeof c->ack_id)
        return;
    memcpy(c->ack_id, at + strlen(member), len);
    c->ack_id[len] = '\0';
}

static void ask(client *c, const char *verb, const char *path, bw_slice body)
{
    const bw_sb_service *services[] = {&c->service};
    bw_sb_request r = {.verb = verb, .path = path, .query = "pageSize=1"};
    bw_sb_reply reply = {.shape = c->service.shape};
    for (size_t i = 0; i < body.len; i++) {
        if (body.ptr[i] == '@')
            bw_buf_adds(&r.body, c->ack_id);
        else
            bw_buf_addc(&r.body, body.ptr[i]);
    }
    bw_sb_route_find(services, 1, &r);
    if (!r.route)
        abort();
    r.route->handle(r.service->context, &r, &reply);
    if (!bw_json_valid(bw_buf_slice(&reply.body), NULL, NULL) || reply.status == 500)
        abort();
    remember(c, &reply.body);
    bw_sb_reply_fini(&reply);
    bw_buf_fini(&r.body);
    bw_arena_fini(&r.arena);
}

static int64_t count(bw_sb_pubsub *ps, const char *sql)
{
    bw_error err = BW_ERROR_INIT;
    int64_t n = 0;
    if (ps_value(ps, &err, &n, sql, "") != BW_OK)
        abort();
    return n;
}

/* The rules of ps_store.h. */
static void check(bw_sb_pubsub *ps)
{
    if (count(ps, "SELECT count(*) FROM message WHERE"
                  " NOT EXISTS (SELECT 1 FROM delivery WHERE message = message.id)"
                  " AND NOT EXISTS (SELECT 1 FROM topic t WHERE t.id = message.topic"
                  "  AND t.retention_us > 0)"
                  " AND NOT EXISTS (SELECT 1 FROM snapshot s WHERE s.topic = message.topic)"))
        abort();
    if (count(ps, "SELECT count(*) FROM delivery WHERE"
                  " NOT EXISTS (SELECT 1 FROM message WHERE id = delivery.message)"
                  " OR NOT EXISTS (SELECT 1 FROM subscription WHERE id = subscription)"))
        abort();
    /* The first of a key is never behind; what is ready or delayed is the first; and what is leased
       stands before what is behind. */
    if (count(ps, "SELECT count(*) FROM delivery d WHERE key IS NOT NULL AND state <> 3 AND"
                  " ((state = 4) > EXISTS (SELECT 1 FROM delivery e"
                  "  WHERE e.subscription = d.subscription AND e.key = d.key AND e.state <> 3"
                  "  AND e.message < d.message)"
                  " OR (state <> 4 AND EXISTS (SELECT 1 FROM delivery e"
                  "  WHERE e.subscription = d.subscription AND e.key = d.key"
                  "  AND (e.state IN (0, 2, 4) OR (e.state = 1 AND d.state <> 1))"
                  "  AND e.message < d.message)))"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static client *c; /* over all inputs: opening a database takes longer than a request */
    bw_error err = BW_ERROR_INIT;
    if (!c) {
        c = bw_xcalloc(1, sizeof *c);
        if (bw_sb_pubsub_new(NULL, bw_sb_pool_new(0, bw_clock_system()), bw_clock_system(), &c->ps,
                             &err) != BW_OK)
            abort();
        c->service = bw_sb_pubsub_service(c->ps);
    }
    if (bw_sb_pubsub_reset(c->ps, &err) != BW_OK)
        abort();
    ask(c, "PUT", "/v1/projects/p/topics/orders", BW_SLICE_LIT("{}"));
    ask(c, "PUT", "/v1/projects/p/subscriptions/sub",
        BW_SLICE_LIT("{\"topic\":\"projects/p/topics/orders\",\"enableMessageOrdering\":true}"));
    char *copy = bw_xmalloc(size + 1);
    memcpy(copy, data, size);
    for (size_t at = 0; at < size;) {
        size_t end = at;
        while (end < size && copy[end] != '\n')
            end++;
        size_t method = (unsigned char)(copy[at] - 'a') % BW_COUNT(methods);
        if (end > at)
            ask(c, methods[method].verb, methods[method].path,
                (bw_slice){copy + at + 1, end - at - 1});
        at = end + 1;
    }
    free(copy);
    check(c->ps);
    return 0;
}
