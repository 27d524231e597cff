/* Topics, subscriptions and snapshots as resources: made, read, listed, changed, deleted, and refused in
   Google's words. Covers: sandbox/ps_topics, ps_subscriptions, ps_snapshots, ps_json, ps_api. */
#include "tests/integration/sandbox/pubsub_fixture.h"

static void a_topic_is_made_changed_and_deleted(void **state)
{
    fixture *f = *state;
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PUT", "topics/orders?$alt=json%3Benum-encoding=int",
                                 "{\"labels\":{\"team\":\"data\"},\"tags\":{},"
                                 "\"messageRetentionDuration\":\"86400s\",\"kmsKeyName\":\"k\","
                                 "\"messageStoragePolicy\":{\"allowedPersistenceRegions\":[\"eu\"]}"
                                 "}"),
                  200);
    assert_at(f->ps, "name", "projects/p/topics/orders");
    assert_at(f->ps, "labels.team", "data");
    assert_at(f->ps, "messageRetentionDuration", "86400s");
    assert_at(f->ps, "messageStoragePolicy.allowedPersistenceRegions.0", "eu");
    assert_at(f->ps, "kmsKeyName", "k");
    assert_false(bw_test_json_has(bw_test_ps_body(f->ps), "tags"));
    assert_status(f->ps, bw_test_ps_try(f->ps, "PUT", "topics/orders", "{}"), 409);
    assert_at(f->ps, "error.status", "ALREADY_EXISTS");
    assert_at(f->ps, "error.message", "Resource already exists in the project (resource=orders).");
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PATCH", "topics/orders",
                                 "{\"topic\":{\"labels\":{\"team\":\"ops\"},\"kmsKeyName\":\"x\"},"
                                 "\"updateMask\":\"labels,message_retention_duration\"}"),
                  200);
    assert_at(f->ps, "labels.team", "ops");
    assert_at(f->ps, "kmsKeyName", "k"); /* not in the mask */
    assert_false(bw_test_json_has(bw_test_ps_body(f->ps), "messageRetentionDuration"));
    assert_status(f->ps, bw_test_ps_try(f->ps, "GET", "topics/orders", NULL), 200);
    assert_at(f->ps, "labels.team", "ops");
    assert_status(f->ps, bw_test_ps_try(f->ps, "DELETE", "topics/orders", NULL), 200);
    assert_string_equal(bw_test_ps_body(f->ps), "{}");
    assert_status(f->ps, bw_test_ps_try(f->ps, "GET", "topics/orders", NULL), 404);
    assert_at(f->ps, "error.code", "404");
    assert_at(f->ps, "error.status", "NOT_FOUND");
    assert_at(f->ps, "error.message", "Resource not found (resource=orders).");
    assert_status(f->ps, bw_test_ps_try(f->ps, "DELETE", "topics/orders", NULL), 404);
}

/* As the official client sends it. */
static void a_subscription_has_all_its_members(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_topic(f->ps, "dead");
    assert_status(
        f->ps,
        bw_test_ps_try(f->ps, "PUT", "subscriptions/all?$alt=json%3Benum-encoding=int",
                       "{\"labels\":{},\"tags\":{},\"topic\":\"projects/p/topics/orders\","
                       "\"ackDeadlineSeconds\":30,\"retainAckedMessages\":true,"
                       "\"messageRetentionDuration\":\"3600s\",\"enableMessageOrdering\":true,"
                       "\"filter\":\"attributes.x=\\\"1\\\"\",\"deadLetterPolicy\":{"
                       "\"deadLetterTopic\":\"projects/p/topics/dead\",\"maxDeliveryAttempts\":7},"
                       "\"retryPolicy\":{\"minimumBackoff\":\"1.5s\",\"maximumBackoff\":\"600s\"},"
                       "\"enableExactlyOnceDelivery\":true,\"expirationPolicy\":{}}"),
        200);
    for (int i = 0; i < 2; i++) {
        assert_at(f->ps, "name", "projects/p/subscriptions/all");
        assert_at(f->ps, "topic", "projects/p/topics/orders");
        assert_at(f->ps, "ackDeadlineSeconds", "30");
        assert_at(f->ps, "retainAckedMessages", "true");
        assert_at(f->ps, "messageRetentionDuration", "3600s");
        assert_at(f->ps, "enableMessageOrdering", "true");
        assert_at(f->ps, "filter", "attributes.x=\"1\"");
        assert_at(f->ps, "deadLetterPolicy.deadLetterTopic", "projects/p/topics/dead");
        assert_at(f->ps, "deadLetterPolicy.maxDeliveryAttempts", "7");
        assert_at(f->ps, "retryPolicy.minimumBackoff", "1.500s");
        assert_at(f->ps, "enableExactlyOnceDelivery", "true");
        assert_at(f->ps, "expirationPolicy", "{}");
        assert_at(f->ps, "pushConfig", "{}");
        assert_at(f->ps, "state", "ACTIVE");
        assert_status(f->ps, bw_test_ps_try(f->ps, "GET", "subscriptions/all", NULL), 200);
    }
    /* nulls, defaults */
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PUT", "subscriptions/less",
                                 "{\"topic\":\"projects/p/topics/orders\","
                                 "\"ackDeadlineSeconds\":0,\"filter\":null,"
                                 "\"deadLetterPolicy\":{\"deadLetterTopic\":"
                                 "\"projects/p/topics/dead\"},\"retryPolicy\":{}}"),
                  200);
    assert_at(f->ps, "ackDeadlineSeconds", "10");
    assert_at(f->ps, "messageRetentionDuration", "604800s");
    assert_at(f->ps, "expirationPolicy.ttl", "2678400s");
    assert_at(f->ps, "deadLetterPolicy.maxDeliveryAttempts", "5");
    assert_at(f->ps, "retryPolicy.minimumBackoff", "10s");
    assert_at(f->ps, "retryPolicy.maximumBackoff", "600s");
    assert_false(bw_test_json_has(bw_test_ps_body(f->ps), "filter"));
}

static void a_subscription_is_changed_by_its_mask(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(
        f->ps, "sub", "orders",
        ",\"retryPolicy\":{\"minimumBackoff\":\"1s\"},\"labels\":{\"a\":\"b\"}");
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PATCH", "subscriptions/sub",
                                 "{\"subscription\":{\"labels\":{},\"tags\":{},"
                                 "\"ackDeadlineSeconds\":60},"
                                 "\"updateMask\":\"ack_deadline_seconds\"}"),
                  200);
    assert_at(f->ps, "ackDeadlineSeconds", "60");
    assert_at(f->ps, "labels.a", "b");
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PATCH", "subscriptions/sub",
                                 "{\"subscription\":{\"retryPolicy\":{\"maximumBackoff\":\"20s\"}},"
                                 "\"updateMask\":\"retryPolicy.maximumBackoff,labels\"}"),
                  200);
    assert_at(f->ps, "retryPolicy.minimumBackoff", "1s");
    assert_at(f->ps, "retryPolicy.maximumBackoff", "20s");
    assert_false(bw_test_json_has(bw_test_ps_body(f->ps), "labels"));
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PATCH", "subscriptions/sub",
                                 "{\"subscription\":{},\"updateMask\":\"retryPolicy\"}"),
                  200);
    assert_false(bw_test_json_has(bw_test_ps_body(f->ps), "retryPolicy"));
    static const char *const refused[] = {"filter", "topic",    "enable_message_ordering",
                                          "name",   "nonsense", "*"};
    for (size_t i = 0; i < BW_COUNT(refused); i++)
        assert_status(f->ps,
                      bw_test_ps_try(f->ps, "PATCH", "subscriptions/sub",
                                     "{\"subscription\":{},\"updateMask\":\"%s\"}", refused[i]),
                      400);
    assert_status(
        f->ps, bw_test_ps_try(f->ps, "PATCH", "subscriptions/sub", "{\"subscription\":{}}"), 400);
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PATCH", "subscriptions/sub",
                                 "{\"subscription\":{\"ackDeadlineSeconds\":5},"
                                 "\"updateMask\":\"ackDeadlineSeconds\"}"),
                  400);
    bw_test_ps_try(f->ps, "GET", "subscriptions/sub", NULL);
    assert_at(f->ps, "ackDeadlineSeconds", "60");
}

#define OF_ABC "{\"topic\":\"projects/p/topics/abc\","

static void what_google_refuses_is_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *verb, *resource, *body;
        int status;
    } cases[] = {
        {"PUT", "topics/ab", "{}", 400},
        {"PUT", "topics/1abc", "{}", 400},
        {"PUT", "topics/goog-topic", "{}", 400},
        {"PUT", "topics/with%20space", "{}", 400},
        {"PUT", "topics/..%2F..%2Fq%2Ftopics%2Fabc", "{}", 400},
        {"PUT", "topics/abc%00def", "{}", 400},
        {"PUT", "topics/abc", "{}", 200},
        {"PUT", "topics/fine-_.~+%25", "{}", 200},
        {"PUT", "topics/bad", "{\"foo\":1}", 400},
        {"PUT", "topics/bad", "{\"messageRetentionDuration\":\"60s\"}", 400},
        {"PUT", "topics/bad", "{\"messageRetentionDuration\":\"32d\"}", 400},
        {"PUT", "topics/bad", "{\"messageRetentionDuration\":600}", 400},
        {"PUT", "topics/bad", "{\"labels\":{\"A\":\"b\"}}", 400},
        {"PUT", "topics/bad", "{\"labels\":{\"a\":1}}", 400},
        {"PUT", "topics/bad", "{\"labels\":[]}", 400},
        {"PUT", "topics/bad", "{\"kmsKeyName\":\"\\ud800\"}", 400},
        {"PUT", "topics/bad", "{\"kmsKeyName\":\"\xff\"}", 400},
        {"PUT", "topics/bad", "{", 400},
        {"PUT", "topics/bad", "[]", 400},
        {"PUT", "topics/bad", "{\"schemaSettings\":{\"schema\":\"s\"}}", 501},
        {"PUT", "subscriptions/bad", "{}", 400},
        {"PUT", "subscriptions/bad", "{\"topic\":\"abc\"}", 400},
        {"PUT", "subscriptions/bad", "{\"topic\":\"projects/p/topics/none\"}", 404},
        {"PUT", "subscriptions/x", "{\"topic\":\"projects/p/topics/abc\"}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"ackDeadlineSeconds\":9}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"ackDeadlineSeconds\":601}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"ackDeadlineSeconds\":1.5}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"ackDeadlineSeconds\":99999999999}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"filter\":\"bad\"}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"filter\":\"attributes:a\\u0000\"}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"messageRetentionDuration\":\"599s\"}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"messageRetentionDuration\":\"2678401s\"}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"messageRetentionDuration\":\"-1s\"}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"retainAckedMessages\":1}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"expirationPolicy\":{\"ttl\":\"60s\"}}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"retryPolicy\":{\"minimumBackoff\":\"601s\"}}", 400},
        {"PUT", "subscriptions/bad",
         OF_ABC "\"retryPolicy\":{\"minimumBackoff\":\"9s\",\"maximumBackoff\":\"8s\"}}", 400},
        {"PUT", "subscriptions/bad",
         OF_ABC "\"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/p/topics/none\"}}", 404},
        {"PUT", "subscriptions/bad",
         OF_ABC "\"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/p/topics/"
                "abc\",\"maxDeliveryAttempts\":4}}",
         400},
        {"PUT", "subscriptions/bad",
         OF_ABC "\"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/p/topics/"
                "abc\",\"maxDeliveryAttempts\":101}}",
         400},
        {"PUT", "subscriptions/bad", OF_ABC "\"pushConfig\":{\"pushEndpoint\":\"http://x\"}}", 501},
        {"PUT", "subscriptions/bad", OF_ABC "\"pushConfig\":{\"foo\":1}}", 400},
        {"PUT", "subscriptions/bad", OF_ABC "\"bigqueryConfig\":{\"table\":\"t\"}}", 501},
        {"GET", "subscriptions/bad", NULL, 404},
        {"GET", "topics?pageSize=-1", NULL, 400},
        {"GET", "topics?pageSize=x", NULL, 400},
        {"GET", "topics/none/subscriptions", NULL, 404},
        {"PUT", "snapshots/bad", "{}", 400},
        {"PUT", "snapshots/bad", "{\"subscription\":\"projects/p/subscriptions/none\"}", 404},
        {"GET", "snapshots/none", NULL, 404},
        {"DELETE", "snapshots/none", NULL, 404},
        {"POST", "topics/abc:nonsense", "{}", 404},
        {"POST", "topics/none:publish", "{\"messages\":[{\"data\":\"aGk=\"}]}", 404},
        {"POST", "subscriptions/none:pull", "{\"maxMessages\":1}", 404},
        {"POST", "subscriptions/none:acknowledge", "{\"ackIds\":[\"x\"]}", 404},
        {"POST", "subscriptions/none:seek", "{\"time\":\"2023-11-14T22:13:20Z\"}", 404},
        {"POST", "subscriptions/none:detach", NULL, 404},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int status = cases[i].body ? bw_test_ps_try(f->ps, cases[i].verb, cases[i].resource, "%s",
                                                    cases[i].body)
                                   : bw_test_ps_try(f->ps, cases[i].verb, cases[i].resource, NULL);
        if (status != cases[i].status)
            fail_msg("%s %s %s: %d, not %d: %s", cases[i].verb, cases[i].resource,
                     cases[i].body ? cases[i].body : "", status, cases[i].status,
                     bw_test_ps_body(f->ps));
        if (status != 200)
            assert_at(f->ps, "error.status",
                      status == 404   ? "NOT_FOUND"
                      : status == 501 ? "UNIMPLEMENTED"
                                      : "INVALID_ARGUMENT");
    }
}

static void lists_come_in_pages(void **state)
{
    fixture *f = *state;
    bw_test_ps_try(f->ps, "GET", "topics", NULL);
    assert_string_equal(bw_test_ps_body(f->ps), "{}");
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "topic%d", i);
        bw_test_ps_topic(f->ps, name);
        snprintf(name, sizeof name, "sub%d", i);
        bw_test_ps_subscription(f->ps, name, "topic0", NULL);
    }
    bw_test_ps_topic(f->other, "elsewhere");
    static const struct {
        const char *list, *member, *after, *name;
    } lists[] = {{"topics", "topics", ".name", "topics/topic"},
                 {"subscriptions", "subscriptions", ".name", "subscriptions/sub"},
                 {"topics/topic0/subscriptions", "subscriptions", "", "subscriptions/sub"}};
    for (size_t i = 0; i < BW_COUNT(lists); i++) {
        char token[300] = "";
        for (int page = 0, seen = 0; page < 3; page++) {
            char *resource = bw_xasprintf("%s?pageSize=2%s%s", lists[i].list,
                                          *token ? "&pageToken=" : "", token);
            assert_status(f->ps, bw_test_ps_try(f->ps, "GET", resource, NULL), 200);
            free(resource);
            for (int k = 0; k < (page < 2 ? 2 : 1); k++, seen++) {
                char path[64], name[64];
                snprintf(path, sizeof path, "%s.%d%s", lists[i].member, k, lists[i].after);
                snprintf(name, sizeof name, "projects/p/%s%d", lists[i].name, seen);
                assert_at(f->ps, path, name);
            }
            snprintf(token, sizeof token, "%s",
                     bw_test_json_at(bw_test_ps_body(f->ps), "nextPageToken"));
            assert_int_equal(*token == '\0', page == 2);
        }
    }
}

static void a_subscription_outlives_its_topic(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    assert_status(f->ps, bw_test_ps_try(f->ps, "DELETE", "topics/orders", NULL), 200);
    bw_test_ps_try(f->ps, "GET", "subscriptions/sub", NULL);
    assert_at(f->ps, "topic", "_deleted-topic_");
    bw_test_ps_topic(f->ps, "orders"); /* another one of that name */
    bw_test_ps_publish(f->ps, "orders", 2, NULL);
    assert_pull_now(f->ps, "sub", 10, "1");
    bw_test_ps_ack_all(f->ps, "sub");
    bw_test_ps_try(f->ps, "GET", "topics/orders/subscriptions", NULL);
    assert_string_equal(bw_test_ps_body(f->ps), "{}");
}

static void a_subscription_can_be_detached_and_deleted(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    assert_status(f->ps, bw_test_ps_try(f->ps, "POST", "subscriptions/sub:detach", NULL), 200);
    assert_string_equal(bw_test_ps_body(f->ps), "{}");
    bw_test_ps_try(f->ps, "GET", "subscriptions/sub", NULL);
    assert_at(f->ps, "detached", "true");
    assert_at(f->ps, "topic", "projects/p/topics/orders");
    assert_status(
        f->ps, bw_test_ps_try(f->ps, "POST", "subscriptions/sub:pull", "{\"maxMessages\":1}"), 400);
    assert_at(f->ps, "error.status", "FAILED_PRECONDITION");
    bw_test_ps_publish(f->ps, "orders", 2, NULL);
    assert_status(f->ps, bw_test_ps_try(f->ps, "DELETE", "subscriptions/sub", NULL), 200);
    assert_status(f->ps, bw_test_ps_try(f->ps, "GET", "subscriptions/sub", NULL), 404);
    /* A new one of that name knows nothing of the old one's messages. */
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    assert_pull_now(f->ps, "sub", 10, "");
    assert_status(
        f->ps,
        bw_test_ps_try(f->ps, "POST", "subscriptions/sub:modifyPushConfig", "{\"pushConfig\":{}}"),
        200);
}

static void a_snapshot_is_a_resource(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PUT", "snapshots/snap",
                                 "{\"subscription\":\"projects/p/subscriptions/sub\","
                                 "\"labels\":{\"a\":\"b\"},\"tags\":{}}"),
                  200);
    assert_at(f->ps, "name", "projects/p/snapshots/snap");
    assert_at(f->ps, "topic", "projects/p/topics/orders");
    assert_at(f->ps, "labels.a", "b");
    assert_true(bw_test_json_has(bw_test_ps_body(f->ps), "expireTime"));
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PUT", "snapshots/snap",
                                 "{\"subscription\":\"projects/p/subscriptions/sub\"}"),
                  409);
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PATCH", "snapshots/snap",
                                 "{\"snapshot\":{\"labels\":{\"c\":\"d\"}},"
                                 "\"updateMask\":\"labels\"}"),
                  200);
    assert_at(f->ps, "labels", "{\"c\":\"d\"}");
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PATCH", "snapshots/snap",
                                 "{\"snapshot\":{\"expireTime\":\"2001-01-01T00:00:00Z\"},"
                                 "\"updateMask\":\"expire_time\"}"),
                  400);
    bw_test_ps_try(f->ps, "GET", "snapshots", NULL);
    assert_at(f->ps, "snapshots.0.name", "projects/p/snapshots/snap");
    bw_test_ps_try(f->ps, "GET", "topics/orders/snapshots", NULL);
    assert_at(f->ps, "snapshots.0", "projects/p/snapshots/snap");
    assert_status(f->other, bw_test_ps_try(f->other, "GET", "snapshots/snap", NULL), 404);
    bw_test_ps_try(f->ps, "DELETE", "topics/orders", NULL);
    bw_test_ps_try(f->ps, "GET", "snapshots/snap", NULL);
    assert_at(f->ps, "topic", "_deleted-topic_");
    assert_status(f->ps, bw_test_ps_try(f->ps, "DELETE", "snapshots/snap", NULL), 200);
    assert_status(f->ps, bw_test_ps_try(f->ps, "GET", "snapshots/snap", NULL), 404);
}

static void projects_do_not_see_each_other(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_topic(f->other, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    bw_test_ps_subscription(f->other, "sub", "orders", NULL);
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    assert_pull_now(f->other, "sub", 10, "");
    assert_pull_now(f->ps, "sub", 10, "1");
    /* The other project's subscription of that name does not take the id. */
    char *id = bw_xstrdup(bw_test_json_at(bw_test_ps_body(f->ps), "receivedMessages.0.ackId"));
    assert_status(f->other,
                  bw_test_ps_try(f->other, "POST", "subscriptions/sub:acknowledge",
                                 "{\"ackIds\":[\"%s\"]}", id),
                  400);
    free(id);
    assert_status(f->other, bw_test_ps_try(f->other, "DELETE", "topics/orders", NULL), 200);
    assert_status(f->ps, bw_test_ps_try(f->ps, "GET", "topics/orders", NULL), 200);
    bw_test_ps_try(f->other, "GET", "topics", NULL);
    assert_string_equal(bw_test_ps_body(f->other), "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_topic_is_made_changed_and_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_subscription_has_all_its_members, setup, teardown),
        cmocka_unit_test_setup_teardown(a_subscription_is_changed_by_its_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(what_google_refuses_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_come_in_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(a_subscription_outlives_its_topic, setup, teardown),
        cmocka_unit_test_setup_teardown(a_subscription_can_be_detached_and_deleted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_is_a_resource, setup, teardown),
        cmocka_unit_test_setup_teardown(projects_do_not_see_each_other, setup, teardown),
    };
    return BW_RUN_TESTS(tests);
}
