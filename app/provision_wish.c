/* The topics and subscriptions that a configuration needs, from the configuration alone. */
#include <string.h>

#include "app/provision.h"
#include "backend/core/units.h"
#include "backend/engine/outbox.h"

#define DEFAULT_ACK_DEADLINE (60 * BW_SECOND)
#define DEFAULT_RETENTION    (7 * BW_DAY)
/* What waits for an operator waits as long as it can. */
#define DEAD_RETENTION (31 * BW_DAY)
/* Deliveries come further and further apart, so that an outage does not use them up. */
#define BACKOFF_MIN (1 * BW_SECOND)
#define BACKOFF_MAX (10 * BW_MINUTE)

static const char *const operations[] = {"create", "update", "delete", "upsert", "patch"};

/* "p/topics/t" in full where it is an id alone. What it may consist of the client knows. */
static const char *full_name(bw_provision *p, const char *project, const char *collection,
                             const char *name)
{
    if (strncmp(name, "projects/", 9) == 0)
        return name;
    return bw_arena_printf(&p->arena, "projects/%s/%s/%s", project ? project : p->project,
                           collection, name);
}

static json_t *labels(void)
{
    return json_pack("{s:s}", BW_PROVISION_LABEL, BW_PROVISION_OWNER);
}

static json_t *seconds(int64_t us)
{
    bw_buf b = BW_BUF_INIT;
    bw_buf_addf(&b, "%lld", (long long)(us / BW_SECOND));
    if (us % BW_SECOND)
        bw_buf_addf(&b, ".%06lld", (long long)(us % BW_SECOND));
    bw_buf_addc(&b, 's');
    json_t *text = json_string(bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return text;
}

static void add_topic(bw_provision *p, const char *name, const char *for_whom)
{
    bool is_new;
    bw_provision_item *item = bw_provision_add(p, BW_PROVISION_TOPIC, name, for_whom, &is_new);
    if (is_new)
        item->create = json_pack("{s:o}", "labels", labels());
}

/* What every subscription is created with. It never expires: a quiet year is no reason to lose it. */
static json_t *new_subscription(const char *topic, int64_t ack_deadline, int64_t retention)
{
    return json_pack("{s:s, s:I, s:o, s:{}, s:{s:o, s:o}, s:o}", "topic", topic,
                     "ackDeadlineSeconds", (json_int_t)(ack_deadline / BW_SECOND),
                     "messageRetentionDuration", seconds(retention), "expirationPolicy",
                     "retryPolicy", "minimumBackoff", seconds(BACKOFF_MIN), "maximumBackoff",
                     seconds(BACKOFF_MAX), "labels", labels());
}

/* A subscription beside the sync's: of dead letters, of audit. Without a topic it must be there. */
static void add_collected(bw_provision *p, const char *name, const char *topic, int64_t retention,
                          const char *for_whom, const char *setting)
{
    bool is_new;
    bw_provision_item *item =
        bw_provision_add(p, BW_PROVISION_SUBSCRIPTION, name, for_whom, &is_new);
    if (!is_new)
        return;
    item->wanted = json_object();
    if (topic) {
        item->create = new_subscription(topic, DEFAULT_ACK_DEADLINE, retention);
        json_object_set_new(item->wanted, "topic", json_string(topic));
    } else {
        item->hint = bw_arena_printf(&p->arena, "Name its topic with %s: TOPIC.", setting);
    }
}

/* ---- a sync's subscription -------------------------------------------------------------- */

/* How a setting becomes a member of the resource. */
typedef json_t *to_json(const bw_config_node *node, const char *path);

static json_t *whole_seconds(const bw_config_node *node, const char *path)
{
    return json_integer(bw_config_duration(node, path) / BW_SECOND);
}

static json_t *duration(const bw_config_node *node, const char *path)
{
    return seconds(bw_config_duration(node, path));
}

static json_t *flag(const bw_config_node *node, const char *path)
{
    return json_boolean(bw_config_bool(node, path));
}

static json_t *text(const bw_config_node *node, const char *path)
{
    return json_string(bw_config_string(node, path));
}

static const struct {
    const char *setting, *member;
    to_json *convert;
} members[] = {
    {"ack_deadline", "ackDeadlineSeconds", whole_seconds},
    {"retention", "messageRetentionDuration", duration},
    {"retain_acked", "retainAckedMessages", flag},
    {"ordering", "enableMessageOrdering", flag},
    {"filter", "filter", text},
};

static void set_policy(bw_provision_item *item, const bw_config_node *node, const char *dead_topic)
{
    json_t *policy = json_pack("{s:s}", "deadLetterTopic", dead_topic);
    if (bw_config_given(node, "max_delivery_attempts"))
        json_object_set_new(policy, "maxDeliveryAttempts",
                            json_integer(bw_config_int(node, "max_delivery_attempts")));
    json_object_set_new(item->wanted, "deadLetterPolicy", policy);
    if (!item->create)
        return;
    json_t *whole = json_copy(policy);
    if (!json_object_get(whole, "maxDeliveryAttempts"))
        json_object_set_new(whole, "maxDeliveryAttempts", json_integer(BW_PROVISION_ATTEMPTS));
    json_object_set_new(item->create, "deadLetterPolicy", whole);
}

const char *bw_provision_subscription_of(bw_provision *p, const bw_sync_def *def)
{
    return full_name(p, bw_config_string(def->source_node, "project"), "subscriptions",
                     def->spec.table);
}

static void add_subscription(bw_provision *p, const bw_sync_def *def, const char *topic,
                             const char *dead_topic, const char *for_whom)
{
    const bw_config_node *node = def->node;
    bool is_new;
    bw_provision_item *item = bw_provision_add(
        p, BW_PROVISION_SUBSCRIPTION, bw_provision_subscription_of(p, def), for_whom, &is_new);
    if (!is_new)
        return;
    item->wanted = json_object();
    if (topic) {
        item->create = new_subscription(topic, DEFAULT_ACK_DEADLINE, DEFAULT_RETENTION);
        json_object_set_new(item->create, "retainAckedMessages", json_true());
        json_object_set_new(item->wanted, "topic", json_string(topic));
    } else {
        item->hint = "Name its topic with topic: TOPIC in the sync.";
    }
    for (size_t i = 0; i < BW_COUNT(members); i++) {
        if (!bw_config_given(node, members[i].setting))
            continue;
        json_t *value = members[i].convert(node, members[i].setting);
        if (item->create)
            json_object_set(item->create, members[i].member, value);
        json_object_set_new(item->wanted, members[i].member, value);
    }
    if (dead_topic)
        set_policy(item, node, dead_topic);
}

static void add_external(bw_provision *p, const char *for_whom)
{
    for (size_t i = 0; i < BW_COUNT(operations); i++)
        add_topic(p,
                  full_name(p, NULL, "topics",
                            bw_arena_printf(&p->arena, BW_OUTBOX_TOPIC "%s", operations[i])),
                  for_whom);
}

static void wish_topics(bw_provision *p, const bw_sync_def *def, const char *for_whom,
                        const char **topic, const char **dead_topic)
{
    const bw_config_node *node = def->node;
    *topic = *dead_topic = NULL;
    if (bw_config_given(node, "topic"))
        *topic = full_name(p, bw_config_string(def->source_node, "project"), "topics",
                           bw_config_string(node, "topic"));
    if (bw_config_given(node, "dead_letter_topic"))
        *dead_topic = full_name(p, NULL, "topics", bw_config_string(node, "dead_letter_topic"));
    if (*topic)
        add_topic(p, *topic, for_whom);
    if (*dead_topic) {
        add_topic(p, *dead_topic, for_whom);
        bw_provision_note(
            p, "Pub/Sub's own service account (service-PROJECT_NUMBER@gcp-sa-pubsub.iam."
               "gserviceaccount.com) must be publisher on each dead-letter topic and subscriber on "
               "each subscription that has one: --format terraform prints these bindings.");
    }
    if (def->mode == BW_MODE_EVENTS && bw_config_bool(node, "external_events"))
        add_external(p, for_whom);
}

/* Topics before what is subscribed to them, and dead letters before what sends to them. */
static void wish_sync(bw_provision *p, const bw_sync_def *def)
{
    const char *for_whom = bw_arena_printf(&p->arena, "sync %s", def->name), *topic, *dead_topic;
    wish_topics(p, def, for_whom, &topic, &dead_topic);
    if (def->dead_letter_subscription)
        add_collected(p, full_name(p, NULL, "subscriptions", def->dead_letter_subscription),
                      dead_topic, DEAD_RETENTION, for_whom, "dead_letter_topic");
    if (!def->pattern)
        add_subscription(p, def, topic, dead_topic, for_whom);
    if (def->mode == BW_MODE_EVENTS)
        bw_provision_note(
            p, "the outcomes of events in Datastore (kind _bw_event) expire only under a TTL "
               "policy on _bw_expires, which --format terraform prints.");
}

/* The topic that all syncs have; NULL when they differ. */
static const char *common_topic(bw_provision *p)
{
    const char *common = NULL, *topic;
    for (size_t i = 0; i < p->n_defs; i++) {
        const bw_sync_def *def = &p->defs[i];
        if (!bw_sync_is_stream(def) || !bw_config_given(def->node, "topic"))
            continue;
        topic = full_name(p, bw_config_string(def->source_node, "project"), "topics",
                          bw_config_string(def->node, "topic"));
        if (common && strcmp(common, topic) != 0)
            return NULL;
        common = topic;
    }
    return common;
}

static void wish_audit(bw_provision *p)
{
    const bw_config_node *top = bw_config_top(p->session->ctx->config);
    if (!bw_config_has(top, "audit.subscription"))
        return;
    const char *topic = bw_config_has(top, "audit.topic")
                            ? full_name(p, NULL, "topics", bw_config_string(top, "audit.topic"))
                            : common_topic(p);
    if (topic)
        add_topic(p, topic, "audit");
    add_collected(p,
                  full_name(p, NULL, "subscriptions", bw_config_string(top, "audit.subscription")),
                  topic, DEFAULT_RETENTION, "audit", "audit.topic");
}

void bw_provision_wish(bw_provision *p)
{
    for (size_t i = 0; i < p->n_defs; i++)
        if (bw_sync_is_stream(&p->defs[i]))
            wish_sync(p, &p->defs[i]);
    wish_audit(p);
}
