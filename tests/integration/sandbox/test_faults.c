/* Every kind of fault at every service: what the client sees, and whether there was an effect. */
#include "tests/integration/sandbox/fixture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/core/clock.h"

/* A method that writes something, and a request that tells how much there is. */
typedef struct method {
    const char *id, *verb, *path;
    const char *body; /* with %d for a number of its own, and %s for the time of the request */
    const char *check_verb, *check_path, *check_body;
    const char *counted; /* a text that stands in the check's answer once per effect ... */
    const char *at;      /* ... or the path of a number */
    bool errors;         /* BigQuery's shape of errors */
} method;

#define ENTRIES \
    "{\"logName\":\"projects/p/logs/l\",\"resource\":{\"type\":\"global\"},\"entries\":["
#define SERIES                                                                           \
    "{\"timeSeries\":[{\"metric\":{\"type\":\"custom.googleapis.com/"                    \
    "x\",\"labels\":{\"n\":\"%d\"}},"                                                    \
    "\"resource\":{\"type\":\"global\"},\"points\":[{\"interval\":{\"endTime\":\"%s\"}," \
    "\"value\":{\"int64Value\":\"1\"}}]}]}"

static const method methods[] = {
    {"bigquery.tabledata.insertAll", "POST",
     "/bigquery/v2/projects/p/datasets/d/tables/t/insertAll", "{\"rows\":[{\"json\":{\"id\":%d}}]}",
     "POST", "/bigquery/v2/projects/p/queries",
     "{\"query\":\"SELECT count(*) FROM d.t\",\"useLegacySql\":false}", NULL, "rows.0.f.0.v", true},
    {"pubsub.projects.topics.publish", "POST", "/v1/projects/p/topics/topic:publish",
     "{\"messages\":[{\"data\":\"aGk=\",\"attributes\":{\"n\":\"%d\"}}]}", "GET",
     "/v3/projects/p/timeSeries?filter=metric.type%3D%22pubsub.googleapis.com/subscription/"
     "num_undelivered_messages%22&interval.startTime=2020-01-01T00:00:00Z"
     "&interval.endTime=2100-01-01T00:00:00Z",
     NULL, NULL, "timeSeries.0.points.0.value.int64Value", false},
    {"datastore.projects.commit", "POST", "/v1/projects/p:commit",
     "{\"mode\":\"NON_TRANSACTIONAL\",\"mutations\":[{\"insert\":{\"key\":{\"path\":[{\"kind\":"
     "\"K\",\"name\":\"n%d\"}]},\"properties\":{}}}]}",
     "POST", "/v1/projects/p:runQuery", "{\"query\":{\"kind\":[{\"name\":\"K\"}]}}", "\"entity\"",
     NULL, false},
    {"logging.entries.write", "POST", "/v2/entries:write", ENTRIES "{\"textPayload\":\"n%d\"}]}",
     "POST", "/v2/entries:list", "{\"resourceNames\":[\"projects/p\"]}", "\"textPayload\"", NULL,
     false},
    {"monitoring.projects.timeSeries.create", "POST", "/v3/projects/p/timeSeries", SERIES, "GET",
     "/v3/projects/p/timeSeries?filter=metric.type%3D%22custom.googleapis.com/x%22"
     "&interval.startTime=2020-01-01T00:00:00Z&interval.endTime=2100-01-01T00:00:00Z",
     NULL, "\"points\"", NULL, false},
    {"monitoring.projects.dashboards.create", "POST", "/v1/projects/p/dashboards",
     "{\"displayName\":\"n%d\",\"gridLayout\":{}}", "GET", "/v1/projects/p/dashboards", NULL,
     "\"displayName\"", NULL, false},
    {"secretmanager.projects.secrets.addVersion", "POST", "/v1/projects/p/secrets/s:addVersion",
     "{\"payload\":{\"data\":\"aGk=\"},\"n\":%d}", "GET", "/v1/projects/p/secrets/s/versions", NULL,
     "\"state\"", NULL, false},
};

static int prepare(void **state)
{
    setup(state);
    fixture *f = *state;
    bw_test_bq_table(f->bq, "t", "[{\"name\":\"id\",\"type\":\"INT64\"}]", NULL);
    assert_int_equal(bw_test_http_json(f->http, "PUT", "/v1/projects/p/topics/topic", "{}"), 200);
    assert_int_equal(bw_test_http_json(f->http, "PUT", "/v1/projects/p/subscriptions/sub",
                                       "{\"topic\":\"projects/p/topics/topic\"}"),
                     200);
    assert_int_equal(bw_test_http_json(f->http, "POST", "/v1/projects/p/secrets?secretId=s",
                                       "{\"replication\":{\"automatic\":{}}}"),
                     200);
    return 0;
}

/* Sends the method's request once, with a number of its own. */
static int act(fixture *f, const method *m)
{
    static int number;
    char when[40], body[600], *at = body;
    time_t t = time(NULL);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    for (const char *from = m->body; *from; from++) {
        if (from[0] == '%' && from[1] == 'd')
            at += snprintf(at, 16, "%d", ++number);
        else if (from[0] == '%' && from[1] == 's')
            at += snprintf(at, sizeof when, "%s", when);
        else {
            *at++ = *from;
            continue;
        }
        from++;
    }
    *at = '\0';
    return bw_test_http_json(f->http, m->verb, m->path, "%s", body);
}

static long effects(fixture *f, const method *m)
{
    int status = m->check_body
                     ? bw_test_http_json(f->http, m->check_verb, m->check_path, "%s", m->check_body)
                     : bw_test_http_json(f->http, m->check_verb, m->check_path, NULL);
    const char *body = bw_test_http_body(f->http);
    long n = 0;
    if (status != 200)
        fail_msg("%s: %d %s", m->check_path, status, body);
    if (m->at)
        return strtol(bw_test_json_at(body, m->at), NULL, 10);
    for (const char *at = body; (at = strstr(at, m->counted)); at++)
        n++;
    return n;
}

/* The next request of the method meets this fault. */
static void fault(fixture *f, const method *m, const char *what)
{
    assert_int_equal(
        bw_test_http_json(f->http, "POST", "/sandbox/faults", "%s:%s:1:1", m->id, what), 200);
}

static void assert_effects(fixture *f, const method *m, const char *what, long before, int expected)
{
    long n = effects(f, m) - before;
    if (n != expected)
        fail_msg("%s, %s: %ld effects, not %d", m->id, what, n, expected);
}

static void statuses_with_their_reasons(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(methods); i++) {
        const method *m = &methods[i];
        long before = effects(f, m);
        fault(f, m, "503");
        assert_int_equal(act(f, m), 503);
        assert_body_at(f, "error.status", "UNAVAILABLE");
        assert_body_at(f, "error.code", "503");
        fault(f, m, m->errors ? "403/quotaExceeded" : "409/ABORTED");
        assert_int_equal(act(f, m), m->errors ? 403 : 409);
        if (m->errors)
            assert_body_at(f, "error.errors.0.reason", "quotaExceeded");
        else
            assert_body_at(f, "error.status", "ABORTED");
        fault(f, m, "429");
        assert_int_equal(act(f, m), 429);
        assert_body_at(f, "error.status", "RESOURCE_EXHAUSTED");
        fault(f, m, "expired-token");
        assert_int_equal(act(f, m), 401);
        assert_body_at(f, "error.status", "UNAUTHENTICATED");
        assert_non_null(bw_test_http_header(f->http, "WWW-Authenticate"));
        assert_effects(f, m, "errors", before, 0);
        assert_int_equal(act(f, m), 200);
        assert_effects(f, m, "no fault", before, 1);
    }
}

static void cuts_before_and_after(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(methods); i++) {
        const method *m = &methods[i];
        long before = effects(f, m);
        fault(f, m, "cut-before");
        assert_true(act(f, m) < 0);
        assert_effects(f, m, "cut-before", before, 0);
        fault(f, m, "cut-middle");
        assert_true(act(f, m) < 0);
        assert_effects(f, m, "cut-middle", before, 0);
        fault(f, m, "cut-after");
        assert_true(act(f, m) < 0);
        assert_effects(f, m, "cut-after", before, 1);
        fault(f, m, "truncate");
        assert_true(act(f, m) < 0);
        assert_effects(f, m, "truncate", before, 2);
    }
}

static void slowness(void **state)
{
    fixture *f = *state;
    const bw_clock *clock = bw_clock_system();
    for (size_t i = 0; i < BW_COUNT(methods); i++) {
        const method *m = &methods[i];
        long before = effects(f, m);
        fault(f, m, "latency=80ms");
        int64_t from = bw_mono_us(clock);
        assert_int_equal(act(f, m), 200);
        assert_true(bw_mono_us(clock) - from >= 80000);
        fault(f, m, "slow=4KiB");
        assert_int_equal(act(f, m), 200);
        assert_effects(f, m, "latency and slow", before, 2);
    }
}

/* A share and a pattern over several services: about so many are hit, and none of the others. */
static void patterns_and_shares(void **state)
{
    fixture *f = *state;
    int failed = 0;
    assert_int_equal(bw_test_http_json(f->http, "POST", "/sandbox/faults", "*.projects.*:503:0.5"),
                     200);
    for (int n = 0; n < 60; n++) {
        for (size_t i = 1; i < BW_COUNT(methods); i++)
            if (strcmp(methods[i].id, "logging.entries.write") != 0)
                failed += act(f, &methods[i]) == 503;
    }
    assert_true(failed > 80 && failed < 220); /* of 300: 150, 8 standard deviations either way */
    assert_int_equal(act(f, &methods[0]), 200);
    assert_int_equal(act(f, &methods[3]), 200);
    bw_test_http_json(f->http, "DELETE", "/sandbox/faults", NULL);
    for (size_t i = 0; i < BW_COUNT(methods); i++)
        assert_int_equal(act(f, &methods[i]), 200);
}

/* Tokens of the token endpoint that have been made to expire are refused everywhere. */
static void expired_tokens_are_refused_everywhere(void **state)
{
    fixture *f = *state;
    static const char form[] =
        "grant_type=refresh_token&client_id=a&client_secret=b&refresh_token=c";
    static const char *const form_headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                               NULL};
    static const char *const paths[] = {
        "/bigquery/v2/projects/p/datasets/d", "/v1/projects/p/topics/topic",
        "/v1/projects/p/secrets/s",           "/v1/projects/p/dashboards",
        "/v3/projects/p/metricDescriptors",   "/v2/projects/p/logs"};
    bw_test_request token = {.verb = "POST",
                             .url = "/token",
                             .headers = form_headers,
                             .body = form,
                             .body_size = strlen(form)};
    assert_int_equal(bw_test_http_send(f->http, &token), 200);
    char *bearer = bw_xasprintf("Authorization: Bearer %s",
                                bw_test_json_at(bw_test_http_body(f->http), "access_token"));
    const char *headers[] = {bearer, NULL};
    for (int expired = 0; expired < 2; expired++) {
        for (size_t i = 0; i < BW_COUNT(paths); i++) {
            int status =
                bw_test_http_send(f->http, &(bw_test_request){.url = paths[i], .headers = headers});
            if (status != (expired ? 401 : 200))
                fail_msg("%s: %d", paths[i], status);
        }
        assert_int_equal(bw_test_http_json(f->http, "POST", "/sandbox/tokens/expire", NULL), 200);
    }
    free(bearer);
    /* The token endpoint itself can fail in OAuth's shape. */
    bw_test_http_json(f->http, "POST", "/sandbox/faults", "oauth.token:500/internal_failure:1:1");
    assert_int_equal(bw_test_http_send(f->http, &token), 500);
    assert_body_at(f, "error", "internal_failure");
    bw_test_http_json(f->http, "POST", "/sandbox/faults", "oauth.token:400/invalid_grant:1:1");
    assert_int_equal(bw_test_http_send(f->http, &token), 400);
    assert_body_at(f, "error", "invalid_grant");
}

/* Whoever mistypes a fault must not believe that what came through was able to bear it. */
static void faults_that_say_nothing_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const specs[] = {
        "bigquery.tables.get",
        "bigquery.tables.get:nothing",
        "bigquery.tables.get:99999",
        "bigquery.tables.get:503:2",
        "bigquery.tables.get:503:nan",
        "bigquery.tables.get:503:1:1.5",
        "bigquery.tables.get:503:1:99999999999999999999",
        "bigquery.tables.get:503:1:1:-1",
        "{\"method\":\"bigquery.tables.get\",\"what\":\"503\",\"share\":-1}",
        "{\"method\":\"bigquery.tables.get\",\"what\":\"503\",\"count\":\"2\"}",
        "{\"method\":\"bigquery.tables.get\",\"what\":\"503\",\"skip\":-1}",
    };
    bw_test_http_json(f->http, "DELETE", "/sandbox/faults", NULL);
    for (size_t i = 0; i < BW_COUNT(specs); i++) {
        int status = bw_test_http_json(f->http, "POST", "/sandbox/faults", "%s", specs[i]);
        if (status != 400)
            fail_msg("%s: %d", specs[i], status);
    }
    bw_test_http_get(f->http, "/sandbox/faults");
    assert_string_equal(bw_test_http_body(f->http), "{\"faults\":[]}");
}

/* Nor must whoever mistypes its method. */
static void faults_of_methods_that_are_not_there_are_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *method, *near;
    } cases[] = {
        {"bigquery.job.insert", "bigquery.jobs.insert"},
        {"bigquery.tables.got", "bigquery.tables.get"},
        {"jobs.cancel", "bigquery.jobs.cancel"},
        {"bigquery.job.loads", "bigquery.job.load"},
        {"pubsub.projects.topic.publish", "pubsub.projects.topics.publish"},
        {"bigqeury.*", NULL},
        {"sandbox.faults.insert", NULL},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int status = bw_test_http_json(f->http, "POST", "/sandbox/faults",
                                       "bigquery.tables.get:503:1:0\n%s:503:1:0", cases[i].method);
        if (status != 400 || !strstr(bw_test_http_body(f->http), cases[i].method) ||
            (cases[i].near && !strstr(bw_test_http_body(f->http), cases[i].near)))
            fail_msg("%s: %d %s", cases[i].method, status, bw_test_http_body(f->http));
    }
    bw_test_http_get(f->http, "/sandbox/faults");
    assert_string_equal(bw_test_http_body(f->http), "{\"faults\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_with_their_reasons),
        cmocka_unit_test(cuts_before_and_after),
        cmocka_unit_test(slowness),
        cmocka_unit_test(patterns_and_shares),
        cmocka_unit_test(expired_tokens_are_refused_everywhere),
        cmocka_unit_test(faults_that_say_nothing_are_refused),
        cmocka_unit_test(faults_of_methods_that_are_not_there_are_refused),
    };
    return cmocka_run_group_tests(tests, prepare, teardown);
}
