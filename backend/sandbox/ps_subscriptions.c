/* subscriptions.create, get, list, patch, delete, detach. */
#include "backend/sandbox/ps_api.h"

static const ps_member push_members[] = {
    {"pushEndpoint", PS_TEXT, NULL}, {"attributes", PS_TEXT_MAP, NULL},
    {"oidcToken", PS_AS_IS, NULL},   {"pubsubWrapper", PS_AS_IS, NULL},
    {"noWrapper", PS_AS_IS, NULL},   {NULL, PS_TEXT, NULL},
};
static const ps_member expiration_members[] = {{"ttl", PS_DURATION, NULL}, {NULL, PS_TEXT, NULL}};
static const ps_member dead_letter_members[] = {{"deadLetterTopic", PS_TEXT, NULL},
                                                {"maxDeliveryAttempts", PS_INT32, NULL},
                                                {NULL, PS_TEXT, NULL}};
static const ps_member retry_members[] = {{"minimumBackoff", PS_DURATION, NULL},
                                          {"maximumBackoff", PS_DURATION, NULL},
                                          {NULL, PS_TEXT, NULL}};
static const ps_member subscription_members[] = {
    {"name", PS_TEXT, NULL},
    {"topic", PS_TEXT, NULL},
    {"pushConfig", PS_OBJECT, push_members},
    {"bigqueryConfig", PS_AS_IS, NULL},
    {"bigtableConfig", PS_AS_IS, NULL},
    {"cloudStorageConfig", PS_AS_IS, NULL},
    {"ackDeadlineSeconds", PS_INT32, NULL},
    {"retainAckedMessages", PS_BOOL, NULL},
    {"messageRetentionDuration", PS_DURATION, NULL},
    {"labels", PS_TEXT_MAP, NULL},
    {"tags", PS_TEXT_MAP, NULL},
    {"enableMessageOrdering", PS_BOOL, NULL},
    {"expirationPolicy", PS_OBJECT, expiration_members},
    {"filter", PS_TEXT, NULL},
    {"deadLetterPolicy", PS_OBJECT, dead_letter_members},
    {"retryPolicy", PS_OBJECT, retry_members},
    {"detached", PS_BOOL, NULL},
    {"enableExactlyOnceDelivery", PS_BOOL, NULL},
    {"topicMessageRetentionDuration", PS_DURATION, NULL},
    {"state", PS_ENUM, NULL},
    {"analyticsHubSubscriptionInfo", PS_AS_IS, NULL},
    {"messageTransforms", PS_LIST, NULL},
    {NULL, PS_TEXT, NULL},
};

/* `topic_retention_us`: of its topic, 0 for none. */
static void print(bw_buf *out, const ps_subscription *s, int64_t topic_retention_us)
{
    bw_slice body = bw_slice_cstr(s->body);
    bw_buf_addf(out, "{\"name\":\"projects/%s/subscriptions/%s\"", s->project, s->name);
    bw_sb_json_add_text(out, "topic", s->topic_name);
    bw_buf_addc(out, ',');
    bw_buf_add(out, body.ptr + 1, body.len - 2);
    if (s->detached)
        bw_sb_json_add_bool(out, "detached", true);
    if (topic_retention_us)
        ps_json_add_duration(out, "topicMessageRetentionDuration", topic_retention_us);
    bw_buf_adds(out, ",\"state\":\"ACTIVE\"}");
}

/* ---- The resource's rules --------------------------------------------------------------------- */

static bw_status check_absent(bw_slice from, bw_error *err)
{
    static const char *const absent[] = {"bigqueryConfig", "bigtableConfig", "cloudStorageConfig",
                                         "messageTransforms"};
    for (size_t i = 0; i < BW_COUNT(absent); i++) {
        if (bw_json_member(from, absent[i]).len > 2)
            return bw_error_set(err, BW_UNSUPPORTED, "The sandbox's subscriptions have no %s.",
                                absent[i]);
    }
    bw_slice endpoint = bw_sb_json_object(from, "pushConfig");
    endpoint = endpoint.len ? bw_json_member(endpoint, "pushEndpoint") : endpoint;
    if (endpoint.len > 2)
        return bw_error_set(err, BW_UNSUPPORTED,
                            "The sandbox's subscriptions are pulled: pushConfig must be empty.");
    return BW_OK;
}

static bw_status add_filter(bw_arena *arena, bw_slice from, bw_buf *out, bw_error *err)
{
    const char *why;
    size_t at;
    bw_slice raw = bw_json_member(from, "filter");
    bw_slice filter = ps_json_content(arena, raw);
    if (filter.len == 0)
        return BW_OK;
    if (!ps_filter_parse(arena, filter, &why, &at))
        return bw_error_set(err, BW_INVALID,
                            "Invalid filter given: %s, at position %zu of the filter.", why, at);
    bw_sb_json_add_raw(out, "filter", raw);
    return BW_OK;
}

static bw_status add_dead_letters(bw_arena *arena, bw_slice from, bw_buf *out, bw_error *err)
{
    bw_slice policy = bw_sb_json_object(from, "deadLetterPolicy");
    const char *topic = bw_sb_json_text(arena, policy, "deadLetterTopic"), *project, *name;
    int64_t attempts = bw_sb_json_int(policy, "maxDeliveryAttempts", 0);
    if ((!topic || !*topic) && !attempts)
        return BW_OK;
    bw_status status = ps_name_parse(arena, topic ? topic : "", "topics", &project, &name, err);
    if (status == BW_OK && attempts && (attempts < 5 || attempts > 100))
        return bw_error_set(err, BW_INVALID,
                            "Invalid max_delivery_attempts given: %lld; it must be between 5 and "
                            "100.",
                            (long long)attempts);
    bw_sb_json_add_raw(out, "deadLetterPolicy", BW_SLICE_LIT("{"));
    bw_sb_json_add_text(out, "deadLetterTopic", topic);
    bw_buf_addf(out, ",\"maxDeliveryAttempts\":%lld}", attempts ? (long long)attempts : 5);
    return status;
}

static bw_status add_retry(bw_slice from, bw_buf *out, bw_error *err)
{
    bw_slice policy = bw_sb_json_object(from, "retryPolicy");
    int64_t min = ps_json_duration(policy, "minimumBackoff", 10 * BW_SECOND);
    int64_t max = ps_json_duration(policy, "maximumBackoff", 600 * BW_SECOND);
    if (!policy.len)
        return BW_OK;
    if (max > 600 * BW_SECOND || min > max)
        return bw_error_set(err, BW_INVALID,
                            "Invalid retry_policy given: backoffs are between 0 and 600 seconds, "
                            "and the minimum is not above the maximum.");
    bw_sb_json_add_raw(out, "retryPolicy", BW_SLICE_LIT("{"));
    ps_json_add_duration(out, "minimumBackoff", min);
    ps_json_add_duration(out, "maximumBackoff", max);
    bw_buf_addc(out, '}');
    return BW_OK;
}

static bw_status add_times(bw_slice from, bw_buf *out, bw_error *err)
{
    int64_t deadline = bw_sb_json_int(from, "ackDeadlineSeconds", 0);
    int64_t retention = ps_json_duration(from, "messageRetentionDuration", 0);
    bw_slice expiration = bw_sb_json_object(from, "expirationPolicy");
    int64_t ttl = ps_json_duration(expiration, "ttl", 31 * BW_DAY);
    if (deadline && (deadline < 10 || deadline > 600))
        return bw_error_set(err, BW_INVALID,
                            "Invalid ack deadline given (ack_deadline_seconds=%lld): it must be "
                            "between 10 and 600.",
                            (long long)deadline);
    if (ttl < BW_DAY)
        return bw_error_set(err, BW_INVALID,
                            "Invalid expiration_policy.ttl given: it must be at least 1 day.");
    bw_status status = retention ? ps_retention_check(retention, err) : BW_OK;
    bw_buf_addf(out, ",\"ackDeadlineSeconds\":%lld", deadline ? (long long)deadline : 10);
    ps_json_add_duration(out, "messageRetentionDuration", retention ? retention : 7 * BW_DAY);
    if (expiration.len) /* {}: never */
        bw_sb_json_add_raw(out, "expirationPolicy", expiration);
    else
        bw_sb_json_add_raw(out, "expirationPolicy", BW_SLICE_LIT("{\"ttl\":\"2678400s\"}"));
    return status;
}

/* s->body with defaults filled in, checked, and what is derived from it. */
static bw_status make_body(bw_arena *arena, bw_slice from, ps_subscription *s, bw_error *err)
{
    static const char *const flags[] = {"retainAckedMessages", "enableMessageOrdering",
                                        "enableExactlyOnceDelivery"};
    bw_buf text = BW_BUF_INIT;
    bw_slice labels = bw_json_member(from, "labels");
    bw_buf_adds(&text, "{\"pushConfig\":{}");
    bw_status status = check_absent(from, err);
    if (status == BW_OK)
        status = ps_labels_check(arena, labels, err);
    if (status == BW_OK)
        status = add_times(from, &text, err);
    if (status == BW_OK)
        status = add_filter(arena, from, &text, err);
    if (status == BW_OK)
        status = add_dead_letters(arena, from, &text, err);
    if (status == BW_OK)
        status = add_retry(from, &text, err);
    ps_add_map(&text, "labels", labels);
    ps_add_map(&text, "tags", bw_json_member(from, "tags"));
    for (size_t i = 0; i < BW_COUNT(flags); i++) {
        if (bw_sb_json_bool(from, flags[i], false))
            bw_sb_json_add_bool(&text, flags[i], true);
    }
    bw_buf_addc(&text, '}');
    s->body = bw_arena_strndup(arena, text.ptr, text.len);
    bw_buf_fini(&text);
    ps_subscription_derive(arena, s);
    return status;
}

/* Its topic of dead letters must be there when it is named. */
static bw_status check_dead_letter_topic(bw_sb_pubsub *ps, bw_arena *arena,
                                         const ps_subscription *s, bw_error *err)
{
    const char *project, *name;
    ps_topic t;
    if (!s->dead_letter)
        return BW_OK;
    bw_status status = ps_name_parse(arena, s->dead_letter, "topics", &project, &name, err);
    return status == BW_OK ? ps_topic_find(ps, arena, project, name, &t, err) : status;
}

/* ---- Create ----------------------------------------------------------------------------------- */

static bw_status insert(bw_sb_pubsub *ps, bw_arena *arena, ps_subscription *s,
                        int64_t *topic_retention_us, bw_error *err)
{
    const char *project, *name;
    int64_t there = 0;
    ps_topic t;
    bw_status status =
        ps_value(ps, err, &there, "SELECT id FROM subscription WHERE project = ?1 AND name = ?2",
                 "tt", s->project, s->name);
    if (status == BW_OK && there)
        status = bw_error_set(err, BW_EXISTS,
                              "Resource already exists in the project (resource=%s).", s->name);
    if (status == BW_OK)
        status = ps_name_parse(arena, s->topic_name, "topics", &project, &name, err);
    if (status == BW_OK)
        status = ps_topic_find(ps, arena, project, name, &t, err);
    if (status == BW_OK)
        status = check_dead_letter_topic(ps, arena, s, err);
    if (status != BW_OK)
        return status;
    *topic_retention_us = t.retention_us;
    return ps_run(ps, err,
                  "INSERT INTO subscription(project, name, topic, topic_name, detached, body)"
                  " VALUES(?1, ?2, ?3, ?4, 0, ?5)",
                  "ttitt", s->project, s->name, t.id, s->topic_name, s->body);
}

static bw_status create(ps_call *c, bw_error *err)
{
    ps_subscription s = {.project = c->project, .name = c->name};
    int64_t topic_retention_us = 0;
    bw_status status = make_body(c->arena, c->body, &s, err);
    const char *topic = bw_sb_json_text(c->arena, c->body, "topic");
    s.topic_name = topic ? topic : "";
    if (status == BW_OK)
        status = insert(c->ps, c->arena, &s, &topic_retention_us, err);
    if (status == BW_OK)
        print(c->out, &s, topic_retention_us);
    return status;
}

bw_sb_outcome ps_subscription_create(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_serve(context, r, reply, "subscriptions", subscription_members, create);
}

/* ---- Get and patch ---------------------------------------------------------------------------- */

static bw_status find(ps_call *c, ps_subscription *s, int64_t *topic_retention_us, bw_error *err)
{
    bw_status status = ps_subscription_find(c->ps, c->arena, c->project, c->name, s, err);
    *topic_retention_us = 0;
    if (status == BW_OK)
        status = ps_value(c->ps, err, topic_retention_us,
                          "SELECT retention_us FROM topic WHERE id = ?1", "i", s->topic);
    return status;
}

static bw_status get(ps_call *c, bw_error *err)
{
    int64_t topic_retention_us;
    ps_subscription s;
    bw_status status = find(c, &s, &topic_retention_us, err);
    if (status == BW_OK)
        print(c->out, &s, topic_retention_us);
    return status;
}

bw_sb_outcome ps_subscription_get(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_serve(context, r, reply, "subscriptions", NULL, get);
}

static bw_status change(bw_sb_pubsub *ps, bw_arena *arena, ps_subscription *s, bw_slice request,
                        bw_error *err)
{
    static const char *const changeable[] = {"pushConfig",
                                             "bigqueryConfig",
                                             "bigtableConfig",
                                             "cloudStorageConfig",
                                             "labels",
                                             "ackDeadlineSeconds",
                                             "retainAckedMessages",
                                             "tags",
                                             "retryPolicy",
                                             "expirationPolicy",
                                             "messageRetentionDuration",
                                             "deadLetterPolicy",
                                             "messageTransforms",
                                             "enableExactlyOnceDelivery",
                                             NULL};
    bw_slice merged;
    const char *dead_letter = s->dead_letter;
    bool retained = s->retains_acked;
    bw_status status = ps_mask_apply(
        arena, bw_slice_cstr(s->body), bw_sb_json_object(request, "subscription"),
        bw_sb_json_text(arena, request, "updateMask"), changeable, "Subscription", &merged, err);
    if (status == BW_OK)
        status = make_body(arena, merged, s, err);
    if (status == BW_OK && s->dead_letter &&
        (!dead_letter || strcmp(s->dead_letter, dead_letter) != 0))
        status = check_dead_letter_topic(ps, arena, s, err);
    if (status == BW_OK && retained && !s->retains_acked)
        status = ps_drop_acked(ps, s->id, err);
    if (status != BW_OK)
        return status;
    return ps_run(ps, err, "UPDATE subscription SET body = ?2 WHERE id = ?1", "it", s->id, s->body);
}

static bw_status patch(ps_call *c, bw_error *err)
{
    int64_t topic_retention_us;
    ps_subscription s;
    bw_status status = find(c, &s, &topic_retention_us, err);
    if (status == BW_OK)
        status = change(c->ps, c->arena, &s, c->body, err);
    if (status == BW_OK)
        print(c->out, &s, topic_retention_us);
    return status;
}

bw_sb_outcome ps_subscription_patch(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    static const ps_member members[] = {{"subscription", PS_OBJECT, subscription_members},
                                        {"updateMask", PS_TEXT, NULL},
                                        {NULL, PS_TEXT, NULL}};
    return ps_serve(context, r, reply, "subscriptions", members, patch);
}

static bw_status push_config(ps_call *c, bw_error *err)
{
    ps_subscription s;
    bw_status status = check_absent(c->body, err);
    return status == BW_OK ? ps_subscription_find(c->ps, c->arena, c->project, c->name, &s, err)
                           : status;
}

bw_sb_outcome ps_subscription_push_config(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    static const ps_member members[] = {{"pushConfig", PS_OBJECT, push_members},
                                        {NULL, PS_TEXT, NULL}};
    return ps_serve(context, r, reply, "subscriptions", members, push_config);
}

/* ---- Delete and detach ------------------------------------------------------------------------ */

static bw_status end(ps_call *c, const char *sql, bw_error *err)
{
    ps_subscription s;
    bw_status status = ps_subscription_find(c->ps, c->arena, c->project, c->name, &s, err);
    if (status == BW_OK)
        status = ps_drop_before(c->ps, &s, INT64_MAX, err);
    if (status != BW_OK)
        return status;
    ps_wake(c->ps, s.id); /* pulls that are held learn of it */
    return ps_run(c->ps, err, sql, "i", s.id);
}

static bw_status drop(ps_call *c, bw_error *err)
{
    return end(c, "DELETE FROM subscription WHERE id = ?1", err);
}

static bw_status detach(ps_call *c, bw_error *err)
{
    return end(c, "UPDATE subscription SET detached = 1 WHERE id = ?1", err);
}

bw_sb_outcome ps_subscription_delete(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_serve(context, r, reply, "subscriptions", NULL, drop);
}

bw_sb_outcome ps_subscription_detach(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_serve(context, r, reply, "subscriptions", NULL, detach);
}

/* ---- List ------------------------------------------------------------------------------------- */

static void print_row(bw_sb_request *r, sqlite3_stmt *q, bw_buf *out)
{
    print(out,
          &(ps_subscription){.project = bw_sb_request_param(r, "project"),
                             .name = bw_sb_db_text(&r->arena, q, 0),
                             .topic_name = bw_sb_db_text(&r->arena, q, 1),
                             .detached = sqlite3_column_int(q, 2) != 0,
                             .body = bw_sb_db_text(&r->arena, q, 3)},
          sqlite3_column_int64(q, 4));
}

bw_sb_outcome ps_subscription_list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_list(context, r, reply, "subscriptions",
                   "SELECT s.name, s.topic_name, s.detached, s.body, t.retention_us"
                   " FROM subscription s LEFT JOIN topic t ON t.id = s.topic"
                   " WHERE s.project = ?1 AND s.name > ?2 ORDER BY s.name LIMIT ?3",
                   print_row);
}
