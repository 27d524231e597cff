/*
 * The demo's applications: three publishers that change the profiles of the same customers. Some of
 * their events are late and meet a newer state, some come twice, some out of order, and now and
 * then one is none at all.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/demo.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/google/pubsub.h"

#define CUSTOMERS   60
#define PAUSE_MS    400
#define LATE_MS     120000
#define ROUND_MOST  24
#define ROUND_BYTES ((size_t)1 << 16)

static const char *const topics[] = {
    BW_DEMO_TOPIC,          "external-sync-create", "external-sync-update",
    "external-sync-delete", "external-sync-upsert", "external-sync-patch",
};

typedef struct publishers {
    bw_google *google;
    bw_pubsub *ps;
    uint64_t seed;
    uint64_t events; /* so far */
    bw_arena arena;  /* of a round */
} publishers;

/* xorshift64: the same for everybody, and no need for more. */
static unsigned random_below(publishers *p, unsigned n)
{
    p->seed ^= p->seed << 13;
    p->seed ^= p->seed >> 7;
    p->seed ^= p->seed << 17;
    return (unsigned)(p->seed >> 33) % n;
}

/* ---- events ----------------------------------------------------------------------------- */

static void add_data(publishers *p, bw_buf *out)
{
    static const char *const tiers[] = {"bronze", "silver", "gold"}, *const cities[] = {
                                                                         "Aachen", "Bergen",
                                                                         "Cádiz", "Dijon", "Évora"};
    bw_buf_addf(out, ",\"data\":{\"points\":%u", random_below(p, 5000));
    if (random_below(p, 2))
        bw_buf_addf(out, ",\"tier\":\"%s\"", tiers[random_below(p, BW_COUNT(tiers))]);
    if (random_below(p, 3) == 0)
        bw_buf_addf(out, ",\"address\":{\"city\":\"%s\"}",
                    cities[random_below(p, BW_COUNT(cities))]);
    if (random_below(p, 5) == 0)
        bw_buf_adds(out, ",\"newsletter\":true");
    bw_buf_addc(out, '}');
}

static bw_slice event(publishers *p)
{
    static const char *const sources[] = {"web", "app", "crm"};
    static const char *const operations[] = {"update", "update", "patch",  "update",
                                             "upsert", "patch",  "create", "delete"};
    char time[BW_TIME_TEXT];
    const char *operation = operations[random_below(p, BW_COUNT(operations))];
    int64_t at = bw_wall_us(bw_clock_system());
    if (random_below(p, 12) == 0) /* somebody's answer took its time */
        at -= (int64_t)random_below(p, LATE_MS) * (BW_SECOND / 1000);
    bw_buf b = BW_BUF_INIT;
    bw_buf_addf(&b, "{\"event_id\":\"demo-%llu\",\"kind\":\"profile\",\"entity_id\":\"c-%u\"",
                (unsigned long long)++p->events, 1 + random_below(p, CUSTOMERS));
    bw_buf_addf(&b, ",\"operation\":\"%s\",\"timestamp\":\"%s\",\"source\":\"%s\"", operation,
                bw_format_time(at, time), sources[random_below(p, BW_COUNT(sources))]);
    if (strcmp(operation, "delete") != 0)
        add_data(p, &b);
    bw_buf_addc(&b, '}');
    bw_slice text = bw_arena_slice(&p->arena, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return text;
}

static bw_slice poison(publishers *p)
{
    static const char *const messages[] = {
        "profile c-17 changed, please look",
        "{\"kind\":\"profile\",\"entity_id\":\"c-3\",\"operation\":\"frobnicate\",\"data\":{}}",
        "{\"kind\":\"profile\",\"operation\":\"update\",\"data\":{\"points\":1}}",
        "{\"kind\":\"profile\",\"entity_id\":\"c-9\",\"operation\":\"update\",\"data\":{\"points\":"
        "1,\"points\":2}}",
        "{\"kind\":\"profile\",\"entity_id\":\"c-5\",\"operation\":\"update\",\"timestamp\":"
        "\"2099-01-01T00:00:00Z\",\"data\":{\"points\":7}}",
    };
    return bw_slice_cstr(messages[random_below(p, BW_COUNT(messages))]);
}

static bool publish_round(publishers *p)
{
    bw_pubsub_outgoing round[2 * ROUND_MOST] = {0};
    bw_error err = BW_ERROR_INIT;
    size_t n = 0, most = 2 + random_below(p, ROUND_MOST - 2);
    bw_arena_reset(&p->arena, ROUND_BYTES);
    for (size_t i = 0; i < most; i++) {
        round[n++].data = event(p);
        if (random_below(p, 20) == 0) {
            round[n].data = round[n - 1].data; /* twice */
            n++;
        }
    }
    if (random_below(p, 40) == 0)
        round[n++].data = poison(p);
    for (size_t i = n; i > 1; i--) { /* in any order */
        size_t other = random_below(p, (unsigned)i);
        bw_pubsub_outgoing kept = round[i - 1];
        round[i - 1] = round[other];
        round[other] = kept;
    }
    return bw_pubsub_publish(p->ps, BW_DEMO_TOPIC, round, n, &p->arena, NULL, &err) == BW_OK;
}

/* ---- the process ------------------------------------------------------------------------ */

static bool make_resources(publishers *p)
{
    bw_error err = BW_ERROR_INIT;
    bw_status s = BW_OK;
    for (size_t i = 0; i < BW_COUNT(topics) && s == BW_OK; i++)
        s = bw_pubsub_create_topic(p->ps, topics[i], NULL, NULL, &err);
    char *topic = bw_pubsub_topic_name(p->ps, BW_DEMO_TOPIC, &err);
    json_t *resource = json_pack("{s:s, s:i, s:b}", "topic", topic ? topic : "",
                                 "ackDeadlineSeconds", 20, "retainAckedMessages", 1);
    static const char *const subscriptions[] = {BW_DEMO_SUBSCRIPTION, BW_DEMO_AUDIT};
    for (size_t i = 0; i < BW_COUNT(subscriptions) && s == BW_OK; i++)
        s = bw_pubsub_create_subscription(p->ps, subscriptions[i], resource, NULL, &err);
    json_decref(resource);
    free(topic);
    return s == BW_OK;
}

_Noreturn void bw_demo_publish(const char *endpoint, int ready)
{
    publishers p = {.seed = (uint64_t)bw_wall_us(bw_clock_system()) | 1, .arena = BW_ARENA_INIT};
    bw_error err = BW_ERROR_INIT;
    bw_google_options options = {
        .project = "demo", .credentials = "none", .pubsub = endpoint, .clock = bw_clock_system()};
    if (bw_google_new(&options, &p.google, &err) != BW_OK)
        _exit(1);
    p.ps = bw_pubsub_new(p.google, NULL, bw_clock_system(), NULL);
    if (!make_resources(&p) || write(ready, "", 1) != 1)
        _exit(1);
    close(ready);
    while (publish_round(&p))
        poll(NULL, 0, PAUSE_MS + (int)random_below(&p, PAUSE_MS));
    _exit(1);
}
