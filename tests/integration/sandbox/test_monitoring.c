/* Cloud Monitoring: series and their rules, descriptors, dashboards. */
#include "tests/integration/sandbox/fixture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/core/clock.h"

#define LAG "custom.googleapis.com/bw/lag"

static const char *ago(int seconds, char out[40])
{
    time_t t = (time_t)(bw_wall_us(bw_clock_system()) / BW_SECOND) - seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 40, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

/* One series with one point, so many seconds ago. */
static char *series(const char *metric, const char *sync, int seconds, const char *value)
{
    char when[40];
    return bw_xasprintf("{\"metric\":{\"type\":\"%s\",\"labels\":{\"sync\":\"%s\",\"a\":\"1\"}},"
                        "\"resource\":{\"type\":\"global\",\"labels\":{\"project_id\":\"p\"}},"
                        "\"points\":[{\"interval\":{\"endTime\":\"%s\"},\"value\":{%s}}]}",
                        metric, sync, ago(seconds, when), value);
}

static int create(fixture *f, const char *project, const char *list)
{
    char path[80];
    snprintf(path, sizeof path, "/v3/projects/%s/timeSeries", project);
    return bw_test_http_json(f->http, "POST", path, "{\"timeSeries\":[%s]}", list);
}

static int create_one(fixture *f, const char *project, const char *sync, int seconds,
                      const char *value)
{
    char *one = series(LAG, sync, seconds, value);
    int status = create(f, project, one);
    free(one);
    return status;
}

/* `filter` and `more` percent-encoded. */
static int list(fixture *f, const char *project, const char *filter, int from, const char *more)
{
    char start[40], end[40];
    return bw_test_http_get(f->http,
                            "/v3/projects/%s/timeSeries?filter=%s&interval.startTime=%s"
                            "&interval.endTime=%s%s",
                            project, filter, ago(from, start), ago(-60, end), more);
}

#define BY_TYPE "metric.type%3D%22" LAG "%22"

static void points_come_back_newest_first(void **state)
{
    fixture *f = *state;
    assert_int_equal(create_one(f, "first", "a", 30, "\"int64Value\":\"1\""), 200);
    assert_string_equal(bw_test_http_body(f->http), "{}");
    assert_int_equal(create_one(f, "first", "a", 20, "\"int64Value\":2"), 200);
    assert_int_equal(create_one(f, "first", "b", 20, "\"int64Value\":\"9223372036854775807\""),
                     200);
    assert_int_equal(list(f, "first", BY_TYPE, 600, ""), 200);
    assert_body_at(f, "timeSeries.0.metric.labels.sync", "a");
    assert_body_at(f, "timeSeries.0.points.0.value.int64Value", "2");
    assert_body_at(f, "timeSeries.0.points.1.value.int64Value", "1");
    assert_body_at(f, "timeSeries.0.metricKind", "GAUGE");
    assert_body_at(f, "timeSeries.0.valueType", "INT64");
    assert_body_at(f, "timeSeries.1.points.0.value.int64Value", "9223372036854775807");
    /* The window cuts. */
    assert_int_equal(list(f, "first", BY_TYPE, 25, ""), 200);
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "timeSeries.0.points.1"));
    assert_int_equal(list(f, "other", BY_TYPE, 600, ""), 200);
    assert_string_equal(bw_test_http_body(f->http), "{\"timeSeries\":[]}");
}

static void filters_choose_series(void **state)
{
    fixture *f = *state;
    assert_int_equal(create_one(f, "choose", "red", 30, "\"doubleValue\":0.5"), 200);
    assert_int_equal(create_one(f, "choose", "blue", 30, "\"doubleValue\":1.5"), 200);
    static const struct {
        const char *filter, *first;
    } cases[] = {
        {BY_TYPE "%20AND%20metric.labels.sync%3D%22red%22", "0.5"},
        {BY_TYPE "%20AND%20metric.label.sync%20!%3D%20%22red%22", "1.5"},
        {BY_TYPE "%20metric.labels.sync%3Dstarts_with(%22bl%22)", "1.5"},
        {BY_TYPE "%20metric.labels.sync%3Done_of(%22red%22,%22green%22)", "0.5"},
        {BY_TYPE "%20AND%20resource.type%3D%22global%22%20AND%20resource.labels.project_id%3Dp"
                 "%20AND%20metric.labels.sync%3Dblue",
         "1.5"},
        {BY_TYPE "%20AND%20resource.labels.project_id%3Dq", ""},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        if (list(f, "choose", cases[i].filter, 600, "") != 200)
            fail_msg("%s: %s", cases[i].filter, bw_test_http_body(f->http));
        assert_body_at(f, "timeSeries.0.points.0.value.doubleValue", cases[i].first);
        assert_false(bw_test_json_has(bw_test_http_body(f->http), "timeSeries.1"));
    }
    assert_int_equal(list(f, "choose", "resource.type%3D%22global%22", 600, ""), 400);
    assert_int_equal(list(f, "choose", "metric.type%3D", 600, ""), 400);
    assert_int_equal(list(f, "choose", BY_TYPE "%20AND%20x%3D1", 600, ""), 400);
    assert_int_equal(list(f, "choose", BY_TYPE, 600, "&aggregation.perSeriesAligner=ALIGN_MEAN"),
                     501);
    assert_body_at(f, "error.status", "UNIMPLEMENTED");
    assert_int_equal(bw_test_http_get(f->http, "/v3/projects/choose/timeSeries?filter=%s", BY_TYPE),
                     400);
}

static void pages_and_headers(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(create_one(f, "pages", "a", 60 - 10 * i, "\"boolValue\":true"), 200);
        assert_int_equal(create_one(f, "pages", "b", 60 - 10 * i, "\"boolValue\":false"), 200);
    }
    int points = 0, pages = 0;
    char more[96] = "&pageSize=4", path[64];
    do {
        assert_int_equal(list(f, "pages", BY_TYPE, 600, more), 200);
        for (int s = 0; s < 2; s++) {
            for (int p = 0; p < 3; p++) {
                snprintf(path, sizeof path, "timeSeries.%d.points.%d.value", s, p);
                points += bw_test_json_has(bw_test_http_body(f->http), path);
            }
        }
        snprintf(more, sizeof more, "&pageSize=4&pageToken=%s",
                 bw_test_json_at(bw_test_http_body(f->http), "nextPageToken"));
    } while (++pages < 5 && bw_test_json_has(bw_test_http_body(f->http), "nextPageToken"));
    assert_int_equal(pages, 2);
    assert_int_equal(points, 6);
    assert_int_equal(list(f, "pages", BY_TYPE, 600, "&view=HEADERS&pageSize=2"), 200);
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "timeSeries.1.metric"));
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "timeSeries.0.points"));
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "nextPageToken"));
}

static void the_rules_of_points_hold(void **state)
{
    fixture *f = *state;
    assert_int_equal(create_one(f, "rules", "a", 30, "\"int64Value\":1"), 200);
    /* Not newer; newer by less than five seconds. */
    assert_int_equal(create_one(f, "rules", "a", 30, "\"int64Value\":1"), 400);
    assert_int_equal(create_one(f, "rules", "a", 27, "\"int64Value\":1"), 400);
    /* One bad one does not stop the good one. */
    char *old = series(LAG, "a", 40, "\"int64Value\":1");
    char *fresh = series(LAG, "b", 40, "\"int64Value\":1");
    char *both = bw_xasprintf("%s,%s", old, fresh);
    assert_int_equal(create(f, "rules", both), 400);
    assert_body_at(f, "error.status", "INVALID_ARGUMENT");
    assert_body_at(f, "error.details.0.@type",
                   "type.googleapis.com/google.monitoring.v3.CreateTimeSeriesSummary");
    assert_body_at(f, "error.details.0.totalPointCount", "2");
    assert_body_at(f, "error.details.0.successPointCount", "1");
    assert_body_at(f, "error.details.0.errors.0.pointCount", "1");
    assert_body_at(f, "error.details.0.errors.0.status.code", "3");
    list(f, "rules", BY_TYPE "%20metric.labels.sync%3Db", 600, "");
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "timeSeries.0"));
    free(both);
    free(old);
    free(fresh);
    /* The descriptor that the first point has made. */
    assert_int_equal(create_one(f, "rules", "c", 30, "\"doubleValue\":1"), 400);
    assert_int_equal(create_one(f, "rules", "d", 26 * 3600, "\"int64Value\":1"), 400);
    assert_int_equal(create_one(f, "rules", "d", -600, "\"int64Value\":1"), 400);
    assert_int_equal(create_one(f, "rules", "d", 1, ""), 400);
    assert_int_equal(create_one(f, "rules", "d", 1, "\"int64Value\":1,\"doubleValue\":1"), 400);
    assert_int_equal(create(f, "rules", ""), 400);
    assert_int_equal(create(f, "rules", "{}"), 400);
    char *foreign = series("compute.googleapis.com/x", "a", 1, "\"int64Value\":1");
    assert_int_equal(create(f, "rules", foreign), 400);
    free(foreign);
    bw_buf many = BW_BUF_INIT;
    for (int i = 0; i < 201; i++) {
        char sync[16];
        snprintf(sync, sizeof sync, "m%d", i);
        char *one = series(LAG, sync, 1, "\"int64Value\":1");
        bw_buf_adds(&many, i ? "," : "");
        bw_buf_adds(&many, one);
        free(one);
    }
    assert_int_equal(create(f, "rules", bw_buf_cstr(&many)), 400);
    bw_buf_fini(&many);
}

#define DESCRIPTORS "/v3/projects/desc/metricDescriptors"

static void descriptors_are_kept(void **state)
{
    fixture *f = *state;
    assert_int_equal(bw_test_http_json(f->http, "POST", DESCRIPTORS,
                                       "{\"type\":\"" LAG "\",\"metricKind\":1,\"valueType\":"
                                       "\"DOUBLE\",\"unit\":\"s\",\"description\":\"d\"}"),
                     200);
    assert_body_at(f, "name", "projects/desc/metricDescriptors/" LAG);
    assert_body_at(f, "metricKind", "GAUGE");
    assert_int_equal(bw_test_http_get(f->http, DESCRIPTORS "/" LAG), 200);
    assert_body_at(f, "unit", "s");
    assert_int_equal(create_one(f, "desc", "a", 30, "\"int64Value\":1"), 400);
    assert_int_equal(create_one(f, "desc", "a", 30, "\"doubleValue\":1"), 200);
    assert_int_equal(bw_test_http_get(f->http, DESCRIPTORS
                                      "?filter=metric.type%%3Dstarts_with(%%22custom.%%22)"),
                     200);
    assert_body_at(f, "metricDescriptors.0.type", LAG);
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "metricDescriptors.1"));
    assert_int_equal(bw_test_http_get(f->http, DESCRIPTORS "/pubsub.googleapis.com/subscription/"
                                                           "num_undelivered_messages"),
                     200);
    assert_int_equal(bw_test_http_json(f->http, "DELETE", DESCRIPTORS "/" LAG, NULL), 200);
    assert_int_equal(bw_test_http_get(f->http, DESCRIPTORS "/" LAG), 404);
    assert_int_equal(list(f, "desc", BY_TYPE, 600, ""), 200);
    assert_string_equal(bw_test_http_body(f->http), "{\"timeSeries\":[]}");
    assert_int_equal(bw_test_http_json(f->http, "POST", DESCRIPTORS, "{\"type\":\"x\"}"), 400);
}

#define BACKLOG(part) "metric.type%3D%22pubsub.googleapis.com/subscription/" part "%22"

static void assert_backlog(fixture *f, const char *filter, const char *value)
{
    if (list(f, "ps", filter, 600, "") != 200)
        fail_msg("%s: %s", filter, bw_test_http_body(f->http));
    assert_body_at(f, "timeSeries.0.points.0.value.int64Value", value);
}

static void the_backlog_of_subscriptions_is_there(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"one", "two"};
    assert_int_equal(bw_test_http_json(f->http, "PUT", "/v1/projects/ps/topics/topic", "{}"), 200);
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "/v1/projects/ps/subscriptions/%s", names[i]);
        assert_int_equal(
            bw_test_http_json(f->http, "PUT", path, "{\"topic\":\"projects/ps/topics/topic\"}"),
            200);
    }
    assert_backlog(f, BACKLOG("num_undelivered_messages"), "0");
    assert_int_equal(bw_test_http_json(f->http, "POST", "/v1/projects/ps/topics/topic:publish",
                                       "{\"messages\":[{\"data\":\"aGVsbG8=\"},"
                                       "{\"data\":\"aGVsbG8=\"}]}"),
                     200);
    assert_backlog(f,
                   BACKLOG("num_undelivered_messages") "%20AND%20resource.labels.subscription_id"
                                                       "%3D%22two%22",
                   "2");
    assert_body_at(f, "timeSeries.0.resource.type", "pubsub_subscription");
    assert_body_at(f, "timeSeries.0.resource.labels.subscription_id", "two");
    assert_body_at(f, "timeSeries.0.resource.labels.project_id", "ps");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "timeSeries.1"));
    assert_backlog(f, BACKLOG("backlog_bytes"), "10");
    assert_int_equal(list(f, "ps", BACKLOG("oldest_unacked_message_age"), 600, ""), 200);
    assert_body_at(f, "timeSeries.0.metric.type",
                   "pubsub.googleapis.com/subscription/oldest_unacked_message_age");
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "timeSeries.1"));
    /* The past is not known. */
    assert_int_equal(bw_test_http_get(f->http,
                                      "/v3/projects/ps/timeSeries?filter=%s&interval.startTime="
                                      "2020-01-01T00:00:00Z&interval.endTime=2020-01-02T00:00:00Z",
                                      BACKLOG("backlog_bytes")),
                     200);
    assert_string_equal(bw_test_http_body(f->http), "{\"timeSeries\":[]}");
    assert_int_equal(list(f, "qs", BACKLOG("backlog_bytes"), 600, ""), 200);
    assert_string_equal(bw_test_http_body(f->http), "{\"timeSeries\":[]}");
}

#define BOARDS "/v1/projects/p/dashboards"

static void dashboards_are_plain_resources(void **state)
{
    fixture *f = *state;
    static const char body[] =
        "{\"name\":\"projects/p/dashboards/watch\",\"displayName\":\"Watch\",\"gridLayout\":"
        "{\"widgets\":[{\"title\":\"lag\"}]}%s}";
    char second[200];
    assert_int_equal(bw_test_http_json(f->http, "POST", BOARDS, body, ""), 200);
    assert_body_at(f, "name", "projects/p/dashboards/watch");
    char *etag = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "etag"));
    assert_int_equal(bw_test_http_json(f->http, "POST", BOARDS, body, ""), 409);
    assert_int_equal(bw_test_http_get(f->http, BOARDS "/watch"), 200);
    assert_body_at(f, "gridLayout.widgets.0.title", "lag");
    snprintf(second, sizeof second, ",\"labels\":{\"x\":\"\"},\"etag\":\"%s\"", etag);
    assert_int_equal(bw_test_http_json(f->http, "PATCH", BOARDS "/watch", body, second), 200);
    assert_int_equal(bw_test_http_json(f->http, "PATCH", BOARDS "/watch", body, second), 409);
    assert_body_at(f, "error.status", "ABORTED");
    assert_int_equal(bw_test_http_json(f->http, "PATCH", BOARDS "/nope", body, ""), 404);
    assert_int_equal(bw_test_http_get(f->http, BOARDS), 200);
    assert_body_at(f, "dashboards.0.displayName", "Watch");
    assert_int_equal(bw_test_http_get(f->http, "/v1/projects/q/dashboards"), 200);
    assert_string_equal(bw_test_http_body(f->http), "{\"dashboards\":[]}");
    assert_int_equal(bw_test_http_json(f->http, "POST", BOARDS, "{\"displayName\":\"x\"}"), 400);
    assert_int_equal(bw_test_http_json(f->http, "POST", BOARDS, "{\"gridLayout\":{}}"), 400);
    assert_int_equal(bw_test_http_json(f->http, "DELETE", BOARDS "/watch", NULL), 200);
    assert_int_equal(bw_test_http_json(f->http, "DELETE", BOARDS "/watch", NULL), 404);
    free(etag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_come_back_newest_first),
        cmocka_unit_test(filters_choose_series),
        cmocka_unit_test(pages_and_headers),
        cmocka_unit_test(the_rules_of_points_hold),
        cmocka_unit_test(descriptors_are_kept),
        cmocka_unit_test(the_backlog_of_subscriptions_is_there),
        cmocka_unit_test(dashboards_are_plain_resources),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
