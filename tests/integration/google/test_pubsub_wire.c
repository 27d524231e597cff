/* The clients of Pub/Sub, Monitoring and Logging against answers written out by the test: what is
   sent, how it is cut into requests, what is made of odd answers. */
#include "tests/support/test.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/google/logging.h"
#include "backend/google/monitoring.h"
#include "backend/google/pubsub.h"
#include "tests/support/wire_server.h"

#define OK_JSON(body)                          \
    {                                          \
        .reply = BW_WIRE_REPLY("200 OK", body) \
    }

typedef struct fixture {
    bw_wire_server *server;
    bw_google *google;
    bw_pubsub *ps;
    bw_cancel cancel;
    bw_arena arena;
    bw_error err;
} fixture;

static void begin(fixture *f, const bw_wire_step *steps, size_t n)
{
    *f = (fixture){.server = bw_wire_start(steps, n)};
    const char *url = bw_wire_url(f->server);
    bw_google_options options = {
        .project = "p", .credentials = "none", .pubsub = url, .logging = url, .monitoring = url};
    assert_ok(bw_google_new(&options, &f->google, &f->err), f->err);
    bw_cancel_init(&f->cancel);
    f->ps = bw_pubsub_new(f->google, NULL, bw_clock_system(), &f->cancel);
    bw_pubsub_set_deadline(f->ps, 60 * BW_SECOND);
}

static void end(fixture *f, size_t requests)
{
    assert_int_equal(bw_wire_count(f->server), requests);
    bw_pubsub_free(f->ps);
    bw_cancel_fini(&f->cancel);
    bw_arena_fini(&f->arena);
    bw_google_free(f->google);
    bw_wire_stop(f->server);
}

static void assert_asked(fixture *f, size_t i, const char *text)
{
    const char *request = bw_wire_request(f->server, i);
    if (!strstr(request, text))
        fail_msg("request %zu has no %s: %.600s", i, text, request);
}

static const char *body_of(fixture *f, size_t i)
{
    return strstr(bw_wire_request(f->server, i), "\r\n\r\n") + 4;
}

/* ---- receiving -------------------------------------------------------------------------- */

static void test_pulls(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{}"),
        {.reply = BW_WIRE_REPLY("503 No", "")},
        OK_JSON("{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"messageId\":\"1\","
                "\"publishTime\":\"2026-11-20T08:37:00Z\"}}]}"),
        OK_JSON("<html>"),
        {.reply = BW_WIRE_REPLY("404 No", "{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\","
                                          "\"message\":\"no such subscription\"}}")},
    };
    fixture f;
    bw_pubsub_messages messages;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_pubsub_pull(f.ps, "s", 5000, true, &f.arena, &messages, &f.err), f.err);
    assert_int_equal(messages.count, 0);
    assert_asked(&f, 0, "POST /v1/projects/p/subscriptions/s:pull HTTP");
    assert_string_equal(body_of(&f, 0), "{\"maxMessages\":1000,\"returnImmediately\":true}");
    assert_ok(
        bw_pubsub_pull(f.ps, "projects/q/subscriptions/s", 7, false, &f.arena, &messages, &f.err),
        f.err);
    assert_int_equal(messages.count, 1);
    assert_asked(&f, 2, "POST /v1/projects/q/subscriptions/s:pull HTTP");
    assert_string_equal(body_of(&f, 2), "{\"maxMessages\":7}");
    assert_int_equal(bw_pubsub_pull(f.ps, "s", 1, true, &f.arena, &messages, &f.err),
                     BW_UNAVAILABLE);
    assert_int_equal(messages.count, 0);
    assert_int_equal(bw_pubsub_pull(f.ps, "s", 1, true, &f.arena, &messages, &f.err), BW_NOT_FOUND);
    end(&f, 5);
}

static void *raise_soon(void *arg)
{
    fixture *f = arg;
    assert_true(bw_wire_wait(f->server, 1, 10));
    bw_cancel_raise(&f->cancel);
    return NULL;
}

static void test_a_held_pull_ends_with_the_cancel(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {{.after = BW_WIRE_HANG}};
    fixture f;
    pthread_t thread;
    bw_pubsub_messages messages;
    begin(&f, steps, BW_COUNT(steps));
    int64_t before = bw_mono_us(bw_clock_system());
    pthread_create(&thread, NULL, raise_soon, &f);
    assert_int_equal(bw_pubsub_pull(f.ps, "s", 1, false, &f.arena, &messages, &f.err),
                     BW_CANCELLED);
    assert_true(bw_mono_us(bw_clock_system()) - before < 10 * BW_SECOND);
    pthread_join(thread, NULL);
    end(&f, 1);
}

/* 2,500 ids make three requests; ids that are long make more. */
static void test_leases_are_changed_in_portions(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{}"), {.reply = BW_WIRE_REPLY("400 Bad", "{\"error\":{\"message\":\"no\"}}")},
        OK_JSON("{}"), OK_JSON("{}"),
        OK_JSON("{}"),
    };
    fixture f;
    bw_slice ids[2500];
    size_t refused = 7;
    char *text = bw_xmalloc(300000);
    begin(&f, steps, BW_COUNT(steps));
    for (size_t i = 0; i < BW_COUNT(ids); i++)
        ids[i] = bw_slice_cstr(i % 2 ? "b\"" : "a");
    assert_int_equal(bw_pubsub_modify_ack_deadline(f.ps, "s", ids, 2500, 60, &refused, &f.err),
                     BW_INVALID);
    assert_int_equal(refused, 0);
    size_t sent = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_asked(&f, i, "POST /v1/projects/p/subscriptions/s:modifyAckDeadline HTTP");
        json_t *body = json_loads(body_of(&f, i), 0, NULL);
        sent += json_array_size(json_object_get(body, "ackIds"));
        assert_int_equal(json_integer_value(json_object_get(body, "ackDeadlineSeconds")), 60);
        json_decref(body);
    }
    assert_int_equal(sent, 2500);
    memset(text, 'x', 300000);
    ids[0] = ids[1] = (bw_slice){text, 300000};
    assert_ok(bw_pubsub_acknowledge(f.ps, "s", ids, 2, &refused, &f.err), f.err);
    assert_asked(&f, 4, "POST /v1/projects/p/subscriptions/s:acknowledge HTTP");
    assert_ok(bw_pubsub_acknowledge(f.ps, "s", ids, 0, NULL, &f.err), f.err);
    free(text);
    end(&f, 5);
}

#define INFO(metadata)                                                              \
    "{\"error\":{\"code\":400,\"message\":\"Some acknowledgement ids\",\"status\":" \
    "\"FAILED_PRECONDITION\",\"details\":[{\"@type\":\"type.googleapis.com/"        \
    "google.rpc.ErrorInfo\",\"metadata\":{" metadata "}}]}}"

/* Ids that have expired come again by themselves; those that failed for the moment are sent again. */
static void test_exactly_once_acknowledgements(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply = BW_WIRE_REPLY("400 Bad", INFO("\"a\":\"TRANSIENT_FAILURE_UNORDERED_ACK_ID\""))},
        {.reply = BW_WIRE_REPLY("400 Bad", INFO("\"a\":\"PERMANENT_FAILURE_INVALID_ACK_ID\""))},
    };
    fixture f;
    bw_slice ids[] = {BW_SLICE_LIT("a"), BW_SLICE_LIT("b")};
    size_t refused = 0;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_pubsub_acknowledge(f.ps, "s", ids, 2, &refused, &f.err), f.err);
    assert_int_equal(refused, 1);
    end(&f, 2);
}

static void test_seeks(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {OK_JSON("{}")};
    fixture f;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_pubsub_seek(f.ps, "s", INT64_C(1795163820123000), &f.err), f.err);
    assert_asked(&f, 0, "POST /v1/projects/p/subscriptions/s:seek HTTP");
    assert_string_equal(body_of(&f, 0), "{\"time\":\"2026-11-20T08:37:00.123Z\"}");
    end(&f, 1);
}

/* ---- publishing ------------------------------------------------------------------------- */

#define OUT(bytes, key)                                                \
    {                                                                  \
        .data = BW_SLICE_LIT(bytes), .ordering_key = BW_SLICE_LIT(key) \
    }

static void test_publishes_by_ordering_key(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{\"messageIds\":[\"1\",\"2\"]}"),
        OK_JSON("{\"messageIds\":[\"3\"]}"),
        OK_JSON("{\"messageIds\":[\"4\",\"5\"]}"),
    };
    static const bw_pubsub_outgoing messages[] = {OUT("b1", "b"), OUT("a1", "a"), OUT("b2", "b"),
                                                  OUT("-1", ""), OUT("-2", "")};
    static const char *const expected[] = {"1", "3", "2", "4", "5"};
    const char *ids[BW_COUNT(messages)];
    fixture f;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_pubsub_publish(f.ps, "t", messages, BW_COUNT(messages), &f.arena, ids, &f.err),
              f.err);
    assert_asked(&f, 0, "POST /v1/projects/p/topics/t:publish HTTP");
    assert_string_equal(body_of(&f, 0), "{\"messages\":[{\"data\":\"YjE=\",\"orderingKey\":\"b\"},"
                                        "{\"data\":\"YjI=\",\"orderingKey\":\"b\"}]}");
    assert_string_equal(body_of(&f, 1),
                        "{\"messages\":[{\"data\":\"YTE=\",\"orderingKey\":\"a\"}]}");
    assert_string_equal(body_of(&f, 2), "{\"messages\":[{\"data\":\"LTE=\"},{\"data\":\"LTI=\"}]}");
    for (size_t i = 0; i < BW_COUNT(ids); i++)
        assert_string_equal(ids[i], expected[i]);
    end(&f, 3);
}

static void test_publishing_stops_at_a_failure(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{\"messageIds\":[\"1\"]}"),
        {.reply = BW_WIRE_REPLY("403 No", "{\"error\":{\"status\":\"PERMISSION_DENIED\"}}")},
    };
    static const bw_pubsub_outgoing messages[] = {OUT("1", "a"), OUT("2", "b"), OUT("3", "c")};
    const char *ids[BW_COUNT(messages)];
    fixture f;
    begin(&f, steps, BW_COUNT(steps));
    assert_int_equal(
        bw_pubsub_publish(f.ps, "t", messages, BW_COUNT(messages), &f.arena, ids, &f.err),
        BW_DENIED);
    assert_string_equal(ids[0], "1");
    assert_null(ids[1]);
    assert_null(ids[2]);
    end(&f, 2);
}

static void test_publishes_in_portions(void **state)
{
    (void)state;
    enum { MESSAGES = 17, SIZE = 1100000 };
    bw_pubsub_outgoing messages[MESSAGES] = {0};
    static const bw_wire_step steps[] = {
        OK_JSON("{\"messageIds\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}"),
        OK_JSON("{\"messageIds\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}"),
        OK_JSON("{\"messageIds\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}"),
    };
    fixture f;
    char *data = bw_xcalloc(1, SIZE);
    begin(&f, steps, BW_COUNT(steps));
    for (size_t i = 0; i < MESSAGES; i++) {
        messages[i].data = (bw_slice){data, SIZE};
        messages[i].attributes = BW_SLICE_LIT("{\"k\":\"v\"}");
    }
    bw_status s = bw_pubsub_publish(f.ps, "t", messages, MESSAGES, &f.arena, NULL, &f.err);
    messages[3].data.len = 0;
    messages[3].attributes.len = 0;
    assert_int_equal(bw_pubsub_publish(f.ps, "t", messages, MESSAGES, &f.arena, NULL, NULL),
                     BW_INVALID);
    messages[3].data.len = BW_PUBSUB_DATA_MAX + 1;
    assert_int_equal(bw_pubsub_publish(f.ps, "t", messages, MESSAGES, &f.arena, NULL, NULL),
                     BW_INVALID);
    free(data);
    assert_ok(s, f.err);
    end(&f, 3);
}

/* ---- resources -------------------------------------------------------------------------- */

static void test_resources(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{\"name\":\"projects/p/topics/t\"}"),
        {.reply = BW_WIRE_REPLY("200 OK", "{}"), .after = BW_WIRE_CLOSE},
        {.after = BW_WIRE_CLOSE},
        {.reply = BW_WIRE_REPLY("404 No", "{\"error\":{\"status\":\"NOT_FOUND\"}}")},
        {.reply = BW_WIRE_REPLY("404 No", "{\"error\":{\"status\":\"NOT_FOUND\"}}")},
        OK_JSON("{\"subscriptions\":[\"projects/p/subscriptions/a\"],\"nextPageToken\":\"n/1\"}"),
        OK_JSON("{\"subscriptions\":[\"projects/p/subscriptions/b\"]}"),
        OK_JSON("{\"topics\":[{\"name\":\"projects/p/topics/a\"},{\"name\":\"x\"}]}"),
    };
    fixture f;
    json_t *out, *changes = json_pack("{s:i}", "ackDeadlineSeconds", 60);
    bool exists;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_pubsub_create_topic(f.ps, "t", NULL, &out, &f.err), f.err);
    json_decref(out);
    assert_asked(&f, 0, "PUT /v1/projects/p/topics/t HTTP");
    assert_string_equal(body_of(&f, 0), "{}");
    assert_ok(bw_pubsub_patch_subscription(f.ps, "s", changes, "ackDeadlineSeconds", NULL, &f.err),
              f.err);
    assert_asked(&f, 1, "PATCH /v1/projects/p/subscriptions/s HTTP");
    assert_string_equal(
        body_of(&f, 1),
        "{\"subscription\":{\"ackDeadlineSeconds\":60},\"updateMask\":\"ackDeadlineSeconds\"}");
    assert_ok(bw_pubsub_delete_topic(f.ps, "t", &f.err), f.err); /* the first attempt did it */
    assert_ok(bw_pubsub_subscription_exists(f.ps, "s", &exists, &f.err), f.err);
    assert_false(exists);
    assert_ok(bw_pubsub_list_topic_subscriptions(f.ps, "t", 10, &out, &f.err), f.err);
    assert_int_equal(json_array_size(out), 2);
    json_decref(out);
    assert_asked(&f, 5, "GET /v1/projects/p/topics/t/subscriptions?pageSize=10 HTTP");
    assert_asked(&f, 6, "pageToken=n%2F1");
    assert_ok(bw_pubsub_list_topics(f.ps, 1, &out, &f.err), f.err);
    assert_int_equal(json_array_size(out), 1);
    json_decref(out);
    json_decref(changes);
    end(&f, 8);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "a/b",
                                        "projects/p/topics/t",
                                        "projects//subscriptions/x",
                                        "projects/p/subscriptions/",
                                        "a?b",
                                        "a b",
                                        "projects/p/subscriptions/a/b"};
    fixture f;
    begin(&f, NULL, 0);
    char *name = bw_pubsub_subscription_name(f.ps, "s.1~%+", &f.err);
    assert_string_equal(name, "projects/p/subscriptions/s.1~%+");
    free(name);
    name = bw_pubsub_topic_name(f.ps, "projects/q:r/topics/t", &f.err);
    assert_string_equal(name, "projects/q:r/topics/t");
    free(name);
    for (size_t i = 0; i < BW_COUNT(wrong); i++)
        assert_null(bw_pubsub_subscription_name(f.ps, wrong[i], &f.err));
    end(&f, 0);
}

static void test_looks_up(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{\"name\":\"projects/p/subscriptions/s\",\"topic\":\"projects/p/topics/t\","
                "\"ackDeadlineSeconds\":30,\"messageRetentionDuration\":\"86400s\","
                "\"retainAckedMessages\":true,\"topicMessageRetentionDuration\":\"600s\","
                "\"enableMessageOrdering\":true,\"pushConfig\":{},\"deadLetterPolicy\":"
                "{\"deadLetterTopic\":\"projects/p/topics/d\",\"maxDeliveryAttempts\":7}}"),
        OK_JSON("{\"topic\":\"_deleted-topic_\",\"pushConfig\":{\"pushEndpoint\":\"http://x\"},"
                "\"detached\":true}"),
    };
    fixture f;
    bw_pubsub_subscription sub;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_pubsub_look_up(f.ps, "s", &f.arena, &sub, &f.err), f.err);
    assert_string_equal(sub.name, "projects/p/subscriptions/s");
    assert_string_equal(sub.topic, "projects/p/topics/t");
    assert_int_equal(sub.ack_deadline_s, 30);
    assert_true(sub.retention_us == BW_DAY && sub.topic_retention_us == 10 * BW_MINUTE);
    assert_true(sub.retains_acked && sub.ordered && !sub.exactly_once && !sub.detached);
    assert_null(sub.pushes_to);
    assert_string_equal(sub.dead_letter_topic, "projects/p/topics/d");
    assert_int_equal(sub.max_attempts, 7);
    assert_ok(bw_pubsub_look_up(f.ps, "s", &f.arena, &sub, &f.err), f.err);
    assert_string_equal(sub.pushes_to, "push");
    assert_int_equal(sub.ack_deadline_s, 10);
    assert_true(sub.detached && !sub.retains_acked && sub.topic_retention_us == 0);
    end(&f, 2);
}

/* ---- monitoring and logging ------------------------------------------------------------- */

#define POINT(at, value) "{\"interval\":{\"endTime\":\"" at "\"},\"value\":{" value "}}"

static void test_backlogs(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{\"timeSeries\":[{\"points\":[" POINT(
            "2026-11-20T08:37:00Z",
            "\"int64Value\":\"4711\"") "," POINT("2026-11-20T08:36:00Z",
                                                 "\"int64Value\":\"1\"") "]}]}"),
        OK_JSON("{\"timeSeries\":[{\"points\":[" POINT("2026-11-20T08:37:00Z",
                                                       "\"int64Value\":\"90\"") "]}]}"),
        OK_JSON("{}"),
        OK_JSON("{\"timeSeries\":[{\"points\":[]},{\"points\":[" POINT(
            "soon", "\"int64Value\":\"1\"") "," POINT("2026-11-20T08:37:00Z",
                                                      "\"stringValue\":\"1\"") "]}]}"),
    };
    fixture f;
    bw_subscription_backlog backlog;
    begin(&f, steps, BW_COUNT(steps));
    bw_monitoring *mon = bw_monitoring_new(f.google, NULL, bw_clock_system(), NULL);
    assert_ok(bw_monitoring_backlog(mon, "projects/q/subscriptions/s", &backlog, &f.err), f.err);
    assert_true(backlog.messages == 4711);
    assert_true(backlog.oldest_unacked_s == 90);
    assert_true(backlog.messages_at_us == INT64_C(1795163820000000));
    assert_asked(&f, 0,
                 "GET /v3/projects/q/timeSeries?filter=metric.type%3D%22pubsub.googleapis.com%2F"
                 "subscription%2Fnum_undelivered_messages%22%20AND%20resource.labels."
                 "subscription_id%3D%22s%22&interval.startTime=");
    assert_ok(bw_monitoring_backlog(mon, "s", &backlog, &f.err), f.err);
    assert_true(backlog.messages == -1);
    assert_true(isnan(backlog.oldest_unacked_s));
    assert_int_equal(bw_monitoring_backlog(mon, "a\"b", &backlog, &f.err), BW_INVALID);
    bw_monitoring_free(mon);
    end(&f, 4);
}

static void test_metrics_are_written_in_portions(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {OK_JSON("{}"), OK_JSON("{}")};
    fixture f;
    json_t *series = json_array();
    begin(&f, steps, BW_COUNT(steps));
    bw_monitoring *mon = bw_monitoring_new(f.google, NULL, bw_clock_system(), NULL);
    for (int i = 0; i < 201; i++)
        json_array_append_new(series,
                              bw_monitoring_gauge("lag", "shop", 2.5, INT64_C(1795163820000000)));
    assert_ok(bw_monitoring_write(mon, series, &f.err), f.err);
    assert_asked(&f, 0, "POST /v3/projects/p/timeSeries HTTP");
    assert_string_equal(body_of(&f, 1),
                        "{\"timeSeries\":[{\"metric\":{\"type\":\"custom.googleapis.com/"
                        "bridgewatch/lag\",\"labels\":{\"sync\":\"shop\"}},\"resource\":{\"type\":"
                        "\"global\",\"labels\":{}},\"metricKind\":\"GAUGE\",\"valueType\":"
                        "\"DOUBLE\",\"points\":[{\"interval\":{\"endTime\":"
                        "\"2026-11-20T08:37:00Z\"},\"value\":{\"doubleValue\":2.5}}]}]}");
    json_decref(series);
    bw_monitoring_free(mon);
    end(&f, 2);
}

static void test_entries_are_written(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{}"),
        {.reply = BW_WIRE_REPLY(
             "400 Bad",
             "{\"error\":{\"code\":400,\"message\":\"x\",\"status\":\"INVALID_ARGUMENT\","
             "\"details\":[{\"@type\":\"type.googleapis.com/google.logging.v2."
             "WriteLogEntriesPartialErrors\",\"logEntryErrors\":{\"0\":{\"code\":3,"
             "\"message\":\"entry is too large\"}}}]}}")},
    };
    fixture f;
    json_t *entries = json_array(), *labels = json_pack("{s:s}", "a", "b");
    size_t written, refused;
    begin(&f, steps, BW_COUNT(steps));
    bw_logging *log = bw_logging_new(f.google, NULL, bw_clock_system(), NULL);
    for (int i = 0; i < 1002; i++)
        json_array_append_new(entries, json_pack("{s:s}", "textPayload", "x"));
    assert_int_equal(
        bw_logging_write(log, "bridge/watch", labels, entries, &written, &refused, &f.err),
        BW_REJECTED);
    assert_int_equal(written, 1001);
    assert_int_equal(refused, 1);
    assert_non_null(strstr(f.err.message, "entry is too large"));
    assert_asked(&f, 0, "POST /v2/entries:write HTTP");
    assert_asked(&f, 1,
                 "{\"logName\":\"projects/p/logs/bridge%2Fwatch\",\"resource\":{\"type\":"
                 "\"global\",\"labels\":{\"project_id\":\"p\"}},\"entries\":["
                 "{\"textPayload\":\"x\"},{\"textPayload\":\"x\"}],\"partialSuccess\":true,"
                 "\"labels\":{\"a\":\"b\"}}");
    json_decref(entries);
    json_decref(labels);
    bw_logging_free(log);
    end(&f, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pulls),
        cmocka_unit_test(test_a_held_pull_ends_with_the_cancel),
        cmocka_unit_test(test_leases_are_changed_in_portions),
        cmocka_unit_test(test_exactly_once_acknowledgements),
        cmocka_unit_test(test_seeks),
        cmocka_unit_test(test_publishes_by_ordering_key),
        cmocka_unit_test(test_publishing_stops_at_a_failure),
        cmocka_unit_test(test_publishes_in_portions),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_looks_up),
        cmocka_unit_test(test_backlogs),
        cmocka_unit_test(test_metrics_are_written_in_portions),
        cmocka_unit_test(test_entries_are_written),
    };
    return BW_RUN_TESTS(tests);
}
