/* Subscriptions as plain C, for rooms that know no jansson. */
#include <stdlib.h>

#include "backend/core/units.h"
#include "backend/google/pubsub_internal.h"

#define DEFAULT_RETENTION (7 * BW_DAY)
#define DEFAULT_ATTEMPTS  5
#define DEFAULT_BACKOFF   (10 * BW_SECOND)
#define MOST_BACKOFF      (10 * BW_MINUTE)

static const char *string_in(bw_arena *arena, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && text[0] ? bw_arena_strdup(arena, text) : NULL;
}

/* "86400s", "3.5s"; `absent` where there is none. */
static int64_t duration_in(const json_t *object, const char *name, int64_t absent)
{
    const char *text = json_string_value(json_object_get(object, name));
    int64_t us;
    return text && bw_parse_duration(bw_slice_cstr(text), &us) ? us : absent;
}

static const char *pushing(const json_t *resource)
{
    static const struct {
        const char *config, *member, *word;
    } ways[] = {
        {"pushConfig", "pushEndpoint", "push"},
        {"bigqueryConfig", "table", "bigquery"},
        {"cloudStorageConfig", "bucket", "cloudStorage"},
        {"bigtableConfig", "table", "bigtable"},
    };
    for (size_t i = 0; i < BW_COUNT(ways); i++) {
        const json_t *config = json_object_get(resource, ways[i].config);
        const char *where = json_string_value(json_object_get(config, ways[i].member));
        if (where && where[0])
            return ways[i].word;
    }
    return NULL;
}

static void read_subscription(const json_t *resource, bw_arena *arena, bw_pubsub_subscription *out)
{
    const json_t *dead = json_object_get(resource, "deadLetterPolicy");
    const char *filter = string_in(arena, resource, "filter");
    json_int_t deadline = json_integer_value(json_object_get(resource, "ackDeadlineSeconds"));
    json_int_t attempts = json_integer_value(json_object_get(dead, "maxDeliveryAttempts"));
    bool sane = deadline >= BW_PUBSUB_DEADLINE_MIN && deadline <= BW_PUBSUB_DEADLINE_MAX;
    out->topic = string_in(arena, resource, "topic");
    out->ack_deadline_s = sane ? (int)deadline : BW_PUBSUB_DEADLINE_MIN;
    out->retention_us = duration_in(resource, "messageRetentionDuration", DEFAULT_RETENTION);
    out->retains_acked = json_is_true(json_object_get(resource, "retainAckedMessages"));
    out->topic_retention_us = duration_in(resource, "topicMessageRetentionDuration", 0);
    out->ordered = json_is_true(json_object_get(resource, "enableMessageOrdering"));
    out->exactly_once = json_is_true(json_object_get(resource, "enableExactlyOnceDelivery"));
    out->detached = json_is_true(json_object_get(resource, "detached"));
    out->pushes_to = pushing(resource);
    out->filter = filter ? filter : "";
    const json_t *retry = json_object_get(resource, "retryPolicy");
    if (retry) {
        out->backoff_min_us = duration_in(retry, "minimumBackoff", DEFAULT_BACKOFF);
        out->backoff_max_us = duration_in(retry, "maximumBackoff", MOST_BACKOFF);
    }
    out->dead_letter_topic = string_in(arena, dead, "deadLetterTopic");
    if (out->dead_letter_topic)
        out->max_attempts = attempts > 0 && attempts <= 100 ? (int)attempts : DEFAULT_ATTEMPTS;
}

bw_status bw_pubsub_look_up(bw_pubsub *ps, const char *subscription, bw_arena *arena,
                            bw_pubsub_subscription *out, bw_error *err)
{
    json_t *resource = NULL;
    *out = (bw_pubsub_subscription){.filter = ""};
    char *name = bw_pubsub_subscription_name(ps, subscription, err);
    if (!name)
        return BW_INVALID;
    out->name = bw_arena_strdup(arena, name);
    free(name);
    bw_status s = bw_pubsub_get_subscription(ps, subscription, &resource, err);
    if (s == BW_NOT_FOUND)
        bw_error_hint(err, "`bridgewatch provision` creates the subscriptions of the "
                           "configuration whose topics it names.");
    if (s == BW_OK)
        read_subscription(resource, arena, out);
    else
        bw_error_wrap(err, "%s", out->name);
    json_decref(resource);
    return s;
}

bw_status bw_pubsub_subscription_names(bw_pubsub *ps, size_t max, bw_arena *arena,
                                       const char *const **out, size_t *count, bw_error *err)
{
    json_t *names = NULL, *name;
    size_t i;
    *out = NULL;
    *count = 0;
    bw_status s = bw_pubsub_list_subscriptions(ps, max, &names, err);
    if (s != BW_OK)
        return s;
    const char **list = BW_ARENA_ARRAY(arena, const char *, json_array_size(names) + 1);
    json_array_foreach(names, i, name) list[i] = bw_arena_strdup(arena, json_string_value(name));
    *out = list;
    *count = json_array_size(names);
    json_decref(names);
    return BW_OK;
}
