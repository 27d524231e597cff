/* What stays: seek, snapshots, retention, filters, restarts and what Monitoring shows of it. Covers:
   sandbox/ps_seek, ps_snapshots, ps_retain, ps_filter, ps_backlog, pubsub. */
#include "tests/integration/sandbox/pubsub_fixture.h"

#include <time.h>

static void seek(fixture *f, const char *subscription, const char *body)
{
    char *resource = bw_xasprintf("subscriptions/%s:seek", subscription);
    assert_status(f->ps, bw_test_ps_try(f->ps, "POST", resource, "%s", body), 200);
    assert_string_equal(bw_test_ps_body(f->ps), "{}");
    free(resource);
}

/* To the publish time of a message, which its id tells as well. */
static void seek_to(fixture *f, const char *subscription, const char *publish_time)
{
    char *body = bw_xasprintf("{\"time\":\"%s\"}", publish_time);
    seek(f, subscription, body);
    free(body);
}

static void publish_time(fixture *f, size_t index, char out[64])
{
    char path[80];
    snprintf(path, sizeof path, "receivedMessages.%zu.message.publishTime", index);
    snprintf(out, 64, "%s", bw_test_json_at(bw_test_ps_body(f->ps), path));
    assert_true(out[0]);
}

/* ---- By time ---------------------------------------------------------------------------------- */

static void acknowledged_messages_come_again_after_a_seek(void **state)
{
    fixture *f = *state;
    char third[64];
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "keeps", "orders", ",\"retainAckedMessages\":true");
    bw_test_ps_subscription(f->ps, "drops", "orders", NULL);
    bw_test_ps_publish_many(f->ps, "orders", 1, 5, NULL);
    assert_pull_now(f->ps, "drops", 10, "1 2 3 4 5");
    bw_test_ps_ack_all(f->ps, "drops");
    assert_pull_now(f->ps, "keeps", 10, "1 2 3 4 5");
    publish_time(f, 2, third);
    bw_test_ps_ack_all(f->ps, "keeps");
    seek_to(f, "keeps", third);
    assert_pull_now(f->ps, "keeps", 10, "3 4 5");
    bw_test_ps_ack_all(f->ps, "keeps");
    seek(f, "keeps", "{\"time\":\"2001-01-01T00:00:00+01:00\"}");
    assert_pull_now(f->ps, "keeps", 10, "1 2 3 4 5");
    /* When it does not keep them any more, those that it kept are gone. */
    bw_test_ps_ack_all(f->ps, "keeps");
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PATCH", "subscriptions/keeps",
                                 "{\"subscription\":{},\"updateMask\":\"retainAckedMessages\"}"),
                  200);
    seek(f, "keeps", "{\"time\":\"2001-01-01T00:00:00Z\"}");
    assert_pull_now(f->ps, "keeps", 10, "");
    /* Another subscription's messages are not this one's to replay. */
    seek_to(f, "drops", third);
    assert_pull_now(f->ps, "drops", 10, "");
}

static void a_seek_into_the_future_purges(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    bw_test_ps_publish_many(f->ps, "orders", 1, 5, NULL);
    assert_pull_now(f->ps, "sub", 2, "1 2");
    seek(f, "sub", "{\"time\":\"2999-01-01T00:00:00Z\"}");
    assert_pull_now(f->ps, "sub", 10, "");
    bw_test_ps_publish(f->ps, "orders", 6, NULL);
    assert_pull_now(f->ps, "sub", 10, "6");
}

static void a_topic_that_retains_serves_later_subscriptions(void **state)
{
    fixture *f = *state;
    char second[64];
    assert_status(
        f->ps,
        bw_test_ps_try(f->ps, "PUT", "topics/orders", "{\"messageRetentionDuration\":\"600s\"}"),
        200);
    bw_test_ps_subscription(f->ps, "early", "orders", NULL);
    bw_test_ps_publish_many(f->ps, "orders", 1, 3, NULL);
    assert_pull_now(f->ps, "early", 10, "1 2 3");
    publish_time(f, 1, second);
    bw_test_ps_ack_all(f->ps, "early");
    bw_test_ps_subscription(f->ps, "late", "orders", ",\"filter\":\"attributes.n != \\\"3\\\"\"");
    assert_at(f->ps, "topicMessageRetentionDuration", "600s");
    assert_pull_now(f->ps, "late", 10, "");
    seek_to(f, "late", second);
    assert_pull_now(f->ps, "late", 10, "2");
    seek(f, "late", "{\"time\":\"2001-01-01T00:00:00Z\"}");
    assert_pull_now(f->ps, "late", 10, "1");
    seek_to(f, "early", second);
    assert_pull_now(f->ps, "early", 10, "2 3");
    /* Without retention they are gone. */
    bw_test_ps_ack_all(f->ps, "early");
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PATCH", "topics/orders",
                                 "{\"topic\":{},\"updateMask\":\"messageRetentionDuration\"}"),
                  200);
    seek(f, "early", "{\"time\":\"2001-01-01T00:00:00Z\"}");
    assert_pull_now(f->ps, "early", 10, "");
}

/* ---- Snapshots -------------------------------------------------------------------------------- */

static void a_snapshot_brings_back_what_was_open(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    bw_test_ps_subscription(f->ps, "other", "orders", NULL);
    bw_test_ps_publish_many(f->ps, "orders", 1, 4, NULL);
    assert_pull_now(f->ps, "sub", 2, "1 2");
    bw_test_ps_ack_all(f->ps, "sub");
    assert_pull_now(f->ps, "sub", 1, "3"); /* leased: open */
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "PUT", "snapshots/snap",
                                 "{\"subscription\":\"projects/p/subscriptions/sub\"}"),
                  200);
    bw_test_ps_ack_all(f->ps, "sub");
    assert_pull_now(f->ps, "sub", 10, "4");
    bw_test_ps_ack_all(f->ps, "sub");
    bw_test_ps_publish_many(f->ps, "orders", 5, 2, NULL);
    assert_pull_now(f->ps, "sub", 10, "5 6");
    bw_test_ps_ack_all(f->ps, "sub");
    assert_pull_now(f->ps, "other", 10, "1 2 3 4 5 6");
    bw_test_ps_ack_all(f->ps, "other");
    seek(f, "sub", "{\"snapshot\":\"projects/p/snapshots/snap\"}");
    assert_pull_now(f->ps, "sub", 10, "3 4 5 6");
    /* Another subscription of the topic, too: what the snapshot had acknowledged is so here. */
    bw_test_ps_publish(f->ps, "orders", 7, NULL);
    seek(f, "other", "{\"snapshot\":\"projects/p/snapshots/snap\"}");
    assert_pull_now(f->ps, "other", 10, "3 4 5 6 7");
    bw_test_ps_topic(f->ps, "elsewhere");
    bw_test_ps_subscription(f->ps, "stranger", "elsewhere", NULL);
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "POST", "subscriptions/stranger:seek",
                                 "{\"snapshot\":\"projects/p/snapshots/snap\"}"),
                  400);
    assert_at(f->ps, "error.status", "FAILED_PRECONDITION");
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "POST", "subscriptions/sub:seek",
                                 "{\"snapshot\":\"projects/p/snapshots/none\"}"),
                  404);
}

static void a_seek_keeps_the_order_of_keys(void **state)
{
    fixture *f = *state;
    char third[64];
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders",
                            ",\"retainAckedMessages\":true,\"enableMessageOrdering\":true");
    bw_test_ps_publish_many(f->ps, "orders", 1, 6, ",\"orderingKey\":\"k\"");
    assert_pull_now(f->ps, "sub", 4, "1 2 3 4");
    publish_time(f, 2, third);
    bw_test_ps_ack_all(f->ps, "sub");
    assert_pull_now(f->ps, "sub", 1, "5"); /* leased across the seek */
    seek_to(f, "sub", third);
    assert_pull_now(f->ps, "sub", 2, "3 4");
    assert_pull_now(f->ps, "sub", 10, "");
    seek(f, "sub", "{\"time\":\"2999-01-01T00:00:00Z\"}");
    assert_pull_now(f->ps, "sub", 10, "");
    bw_test_ps_publish(f->ps, "orders", 7, ",\"orderingKey\":\"k\"");
    assert_pull_now(f->ps, "sub", 10, "7");
}

static void a_seek_wakes_who_waits(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", ",\"retainAckedMessages\":true");
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    assert_pull_now(f->ps, "sub", 10, "1");
    bw_test_ps_ack_all(f->ps, "sub");
    waiter w;
    waiter_start(f, &w);
    double from = seconds_now();
    seek(f, "sub", "{\"time\":\"2001-01-01T00:00:00Z\"}");
    waiter_end(&w, 200, "1");
    assert_true(seconds_now() - from < 5);
}

/* ---- Filters ---------------------------------------------------------------------------------- */

static void filters_choose(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *filter, *numbers;
    } cases[] = {
        {"attributes:kind", "1 2 3"},
        {"NOT attributes:kind", "4"},
        {"attributes.kind = \\\"order\\\"", "1 2"},
        {"attributes.kind != \\\"order\\\"", "3 4"},
        {"hasPrefix(attributes.kind, \\\"re\\\")", "3"},
        {"attributes.kind = \\\"order\\\" AND attributes.n = \\\"2\\\"", "2"},
        {"attributes.n = \\\"4\\\" OR attributes.n = \\\"1\\\"", "1 4"},
    };
    bw_test_ps_topic(f->ps, "orders");
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char name[16];
        char *members = bw_xasprintf(",\"filter\":\"%s\"", cases[i].filter);
        snprintf(name, sizeof name, "sub%zu", i);
        bw_test_ps_subscription(f->ps, name, "orders", members);
        free(members);
    }
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "POST", "topics/orders:publish",
                                 "{\"messages\":[{\"attributes\":{\"n\":\"1\",\"kind\":\"order\"}},"
                                 "{\"attributes\":{\"n\":\"2\",\"kind\":\"order\"}},"
                                 "{\"attributes\":{\"n\":\"3\",\"kind\":\"refund\"}},"
                                 "{\"attributes\":{\"n\":\"4\"}}]}"),
                  200);
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char name[16];
        snprintf(name, sizeof name, "sub%zu", i);
        assert_pull_now(f->ps, name, 10, cases[i].numbers);
    }
}

/* ---- Restarts --------------------------------------------------------------------------------- */

static void restart(fixture *f)
{
    bw_test_sandbox_kill(f->sandbox);
    bw_test_sandbox_restart(f->sandbox);
    connect_clients(f);
}

static void what_was_answered_survives_a_kill(void **state)
{
    fixture *f = *state;
    char last[32], ack_id[256];
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_topic(f->ps, "dead");
    bw_test_ps_subscription(f->ps, "sub", "orders",
                            ",\"labels\":{\"a\":\"b\"},\"deadLetterPolicy\":{\"deadLetterTopic\":"
                            "\"projects/p/topics/dead\"}");
    snprintf(last, sizeof last, "%s", bw_test_ps_publish(f->ps, "orders", 0, NULL));
    bw_test_ps_publish_many(f->ps, "orders", 1, 100, NULL);
    assert_int_equal(bw_test_ps_pull_now(f->ps, "sub", 50)->count, 50);
    bw_test_ps_ack_all(f->ps, "sub");
    assert_pull_now(f->ps, "sub", 2, "50 51");
    bw_test_ps_deadline(f->ps, "sub", 0, 0); /* 50 has failed once */
    assert_pull_now(f->ps, "sub", 1, "50");
    snprintf(ack_id, sizeof ack_id, "%s",
             bw_test_json_at(bw_test_ps_body(f->ps), "receivedMessages.0.ackId"));
    bw_test_ps_try(f->ps, "PUT", "snapshots/snap",
                   "{\"subscription\":\"projects/p/subscriptions/sub\"}");
    restart(f);
    bw_test_ps_try(f->ps, "GET", "subscriptions/sub", NULL);
    assert_at(f->ps, "labels.a", "b");
    assert_status(f->ps, bw_test_ps_try(f->ps, "GET", "snapshots/snap", NULL), 200);
    /* Leases hold over the restart, and their ids are still good. */
    const bw_test_pulled *p = bw_test_ps_pull_now(f->ps, "sub", 1000);
    assert_int_equal(p->count, 49);
    assert_int_equal(p->n[0], 52);
    assert_int_equal(p->n[48], 100);
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "POST", "subscriptions/sub:modifyAckDeadline",
                                 "{\"ackIds\":[\"%s\"],\"ackDeadlineSeconds\":0}", ack_id),
                  200);
    p = bw_test_ps_pull_now(f->ps, "sub", 10);
    assert_string_equal(bw_test_ps_numbers(f->ps), "50");
    assert_int_equal(p->attempts[0], 3);
    bw_test_ps_deadline(f->ps, "sub", 0, 1);
    restart(f);
    assert_pull(f->ps, "sub", 10, "50"); /* its lease ends in the new process */
    /* Ids go on growing. */
    assert_true(strcmp(bw_test_ps_publish(f->ps, "orders", 101, NULL), last) > 0);
    seek(f, "sub", "{\"snapshot\":\"projects/p/snapshots/snap\"}");
}

/* A clean end answers who is being held, and keeps what was there. */
static void a_clean_end_answers_who_waits(void **state)
{
    fixture *f = *state;
    waiter w;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    waiter_start(f, &w);
    double from = seconds_now();
    bw_test_sandbox_stop(f->sandbox);
    waiter_end(&w, 200, "");
    assert_true(seconds_now() - from < 10);
    bw_test_sandbox_restart(f->sandbox);
    connect_clients(f);
    assert_status(f->ps, bw_test_ps_try(f->ps, "GET", "subscriptions/sub", NULL), 200);
}

/* Killed while publishing: of what was answered nothing is missing, and no request is there in part. */
static void no_answered_message_is_lost(void **state)
{
    fixture *f = *state;
    bool answered[60] = {false}, seen[60] = {false};
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    for (int batch = 0; batch < 60; batch++) {
        if (batch == 20 || batch == 40)
            restart(f);
        bw_test_ps_publish_many(f->ps, "orders", batch * 10, 10, NULL);
        answered[batch] = true;
    }
    restart(f);
    size_t count = 0;
    for (const bw_test_pulled *p; (p = bw_test_ps_pull_now(f->ps, "sub", 77))->count;) {
        for (size_t i = 0; i < p->count; i++)
            seen[p->n[i] / 10] = true;
        count += p->count;
        bw_test_ps_ack_all(f->ps, "sub");
    }
    assert_int_equal(count, 600);
    assert_memory_equal(answered, seen, sizeof seen);
}

static void reset_forgets_everything(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    assert_pull_now(f->ps, "sub", 10, "1");
    bw_test_ps_try(f->ps, "PUT", "snapshots/snap",
                   "{\"subscription\":\"projects/p/subscriptions/sub\"}");
    waiter w;
    waiter_start(f, &w);
    assert_int_equal(bw_test_http_json(bw_test_ps_http(f->ps), "POST", "/sandbox/reset", NULL),
                     200);
    waiter_end(&w, 404, "");
    static const char *const lists[] = {"topics", "subscriptions", "snapshots"};
    for (size_t i = 0; i < BW_COUNT(lists); i++) {
        bw_test_ps_try(f->ps, "GET", lists[i], NULL);
        assert_string_equal(bw_test_ps_body(f->ps), "{}");
    }
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", NULL);
    assert_pull_now(f->ps, "sub", 10, "");
}

/* ---- Monitoring ------------------------------------------------------------------------------- */

static void assert_metric(fixture *f, const char *metric, const char *expected, bool exactly)
{
    char start[40], end[40];
    time_t now = (time_t)(bw_wall_us(bw_clock_system()) / BW_SECOND), from = now - 600,
           to = now + 60;
    struct tm tm;
    strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&from, &tm));
    strftime(end, sizeof end, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&to, &tm));
    assert_int_equal(
        bw_test_http_get(bw_test_ps_http(f->ps),
                         "/v3/projects/p/timeSeries?filter=metric.type%%3D%%22pubsub.googleapis.com"
                         "/subscription/%s%%22%%20AND%%20resource.labels.subscription_id%%3D%%22sub"
                         "%%22&interval.startTime=%s&interval.endTime=%s",
                         metric, start, end),
        200);
    const char *value =
        bw_test_json_at(bw_test_ps_body(f->ps), "timeSeries.0.points.0.value.int64Value");
    if (exactly ? strcmp(value, expected) != 0
                : strtol(value, NULL, 10) < strtol(expected, NULL, 10))
        fail_msg("%s is %s, not %s, in %s", metric, value, expected, bw_test_ps_body(f->ps));
}

static void monitoring_shows_the_backlog(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", ",\"retainAckedMessages\":true");
    assert_metric(f, "num_undelivered_messages", "0", true);
    bw_test_ps_publish_many(f->ps, "orders", 1, 5, NULL);
    assert_metric(f, "num_undelivered_messages", "5", true);
    assert_metric(f, "backlog_bytes", "20", true); /* "hi", "n" and a digit each */
    assert_pull_now(f->ps, "sub", 3, "1 2 3");
    assert_metric(f, "num_undelivered_messages", "5", true); /* leased ones count */
    bw_test_ps_ack_all(f->ps, "sub");
    assert_metric(f, "num_undelivered_messages", "2", true);
    assert_metric(f, "backlog_bytes", "8", true);
    double until = seconds_now() + 1.1;
    while (seconds_now() < until) /* an age of whole seconds */
        assert_metric(f, "oldest_unacked_message_age", "0", false);
    assert_metric(f, "oldest_unacked_message_age", "1", false);
    seek(f, "sub", "{\"time\":\"2999-01-01T00:00:00Z\"}");
    assert_metric(f, "num_undelivered_messages", "0", true);
    assert_metric(f, "oldest_unacked_message_age", "0", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(acknowledged_messages_come_again_after_a_seek, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_seek_into_the_future_purges, setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_that_retains_serves_later_subscriptions, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_brings_back_what_was_open, setup, teardown),
        cmocka_unit_test_setup_teardown(a_seek_keeps_the_order_of_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(a_seek_wakes_who_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(filters_choose, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_answered_survives_a_kill, setup_persistent,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_clean_end_answers_who_waits, setup_persistent, teardown),
        cmocka_unit_test_setup_teardown(no_answered_message_is_lost, setup_persistent, teardown),
        cmocka_unit_test_setup_teardown(reset_forgets_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(monitoring_shows_the_backlog, setup, teardown),
    };
    return BW_RUN_TESTS(tests);
}
