/* Bad input at every service: an error in Google's shape, nothing else, and nobody else's data. */
#include "tests/integration/sandbox/fixture.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "backend/core/json.h"

/* What the sanitizers keep of what has been freed comes on top. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIMIT_MIB 600LL
#endif
#endif
#ifndef LIMIT_MIB
#define LIMIT_MIB 160LL
#endif

/* One method of each service that takes a body. */
static const char *const posts[] = {
    "/bigquery/v2/projects/p/datasets",
    "/bigquery/v2/projects/p/datasets/d/tables",
    "/bigquery/v2/projects/p/datasets/d/tables/t/insertAll",
    "/bigquery/v2/projects/p/queries",
    "/bigquery/v2/projects/p/jobs",
    "/upload/bigquery/v2/projects/p/jobs?uploadType=resumable",
    "/v1/projects/p/topics/topic:publish",
    "/v1/projects/p/subscriptions/sub:acknowledge",
    "/v1/projects/p:commit",
    "/v1/projects/p:runQuery",
    "/v1/projects/p:lookup",
    "/v2/entries:write",
    "/v2/entries:list",
    "/v3/projects/p/timeSeries",
    "/v3/projects/p/metricDescriptors",
    "/v1/projects/p/dashboards",
    "/v1/projects/p/secrets?secretId=s",
    "/v1/projects/p/secrets/s:addVersion",
    "/token",
};

static int prepare(void **state)
{
    setup(state);
    fixture *f = *state;
    bw_test_bq_table(f->bq, "t", "[{\"name\":\"id\",\"type\":\"INT64\"}]", NULL);
    assert_int_equal(bw_test_http_json(f->http, "PUT", "/v1/projects/p/topics/topic", "{}"), 200);
    return 0;
}

/* An error, said as Google says it. */
static void assert_refused(fixture *f, int status, const char *what)
{
    const char *body = bw_test_http_body(f->http);
    if (status < 400 || status >= 500)
        fail_msg("%s: %d %.300s", what, status, body);
    if (!bw_json_valid(bw_slice_cstr(body), NULL, NULL))
        fail_msg("%s: no JSON: %.300s", what, body);
    if (bw_test_json_has(body, "error_description"))
        return; /* of the token endpoint */
    if (strtol(bw_test_json_at(body, "error.code"), NULL, 10) != status ||
        !*bw_test_json_at(body, "error.message") || !*bw_test_json_at(body, "error.status"))
        fail_msg("%s: %d %.300s", what, status, body);
}

static int post(fixture *f, const char *path, const void *body, size_t size, const char *header)
{
    const char *headers[] = {"Content-Type: application/json", header, NULL};
    return bw_test_http_send(
        f->http,
        &(bw_test_request){
            .verb = "POST", .url = path, .headers = headers, .body = body, .body_size = size});
}

static void bodies_that_are_not_json(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text;
        size_t size;
    } bodies[] = {{"{", 1},
                  {"[]", 2},
                  {"null", 4},
                  {"\"x\"", 3},
                  {"{\"a\":}", 6},
                  {"{\"a\":1}x", 8},
                  {"{'a':1}", 7},
                  {"\0", 1},
                  {"{\"a\":\"\xff\xfe\"}", 10},
                  {"{\"a\":1,}", 8},
                  {"\xef\xbb\xbf{}", 5},
                  {"{\"a\":\"\x01\"}", 9}};
    for (size_t p = 0; p < BW_COUNT(posts); p++) {
        for (size_t i = 0; i < BW_COUNT(bodies); i++)
            assert_refused(f, post(f, posts[p], bodies[i].text, bodies[i].size, NULL), posts[p]);
        bw_buf deep = BW_BUF_INIT;
        for (int i = 0; i < 200000; i++)
            bw_buf_adds(&deep, "{\"a\":");
        assert_refused(f, post(f, posts[p], deep.ptr, deep.len, NULL), posts[p]);
        bw_buf_fini(&deep);
    }
}

/* Every member of every request, with a value of every wrong type. */
static void members_of_the_wrong_type(void **state)
{
    fixture *f = *state;
    static const char *const members[] = {"datasetReference",
                                          "tableReference",
                                          "schema",
                                          "rows",
                                          "query",
                                          "configuration",
                                          "jobReference",
                                          "messages",
                                          "ackIds",
                                          "mutations",
                                          "mode",
                                          "keys",
                                          "entries",
                                          "logName",
                                          "resource",
                                          "labels",
                                          "resourceNames",
                                          "filter",
                                          "orderBy",
                                          "pageSize",
                                          "timeSeries",
                                          "type",
                                          "labels",
                                          "displayName",
                                          "gridLayout",
                                          "replication",
                                          "payload",
                                          "name",
                                          "etag",
                                          "transaction"};
    static const char *const values[] = {
        "null",   "true",   "-1",           "1e999", "\"\"",        "\"\\u0000x\"",     "[]",
        "[null]", "[[{}]]", "[{\"a\":[]}]", "{}",    "{\"x\":[1]}", "\"projects/../q\""};
    for (size_t p = 0; p < BW_COUNT(posts); p++) {
        for (size_t m = 0; m < BW_COUNT(members); m++) {
            for (size_t v = 0; v < BW_COUNT(values); v++) {
                char body[160];
                int n = snprintf(body, sizeof body, "{\"%s\":%s}", members[m], values[v]);
                int status = post(f, posts[p], body, (size_t)n, NULL);
                if (status < 200 || (status >= 500 && status != 501))
                    fail_msg("%s %s: %d %.300s", posts[p], body, status,
                             bw_test_http_body(f->http));
            }
        }
    }
}

static void deflated(const void *bytes, size_t size, bw_buf *out)
{
    z_stream z = {0};
    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
    size_t room = deflateBound(&z, (uLong)size) + 64;
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)size;
    z.next_out = (Bytef *)bw_buf_reserve(out, room);
    z.avail_out = (uInt)room;
    deflate(&z, Z_FINISH);
    out->len += room - z.avail_out;
    deflateEnd(&z);
}

static long long peak_rss(fixture *f)
{
    bw_test_http_get(f->http, "/sandbox/stats");
    return strtoll(bw_test_json_at(bw_test_http_body(f->http), "peakRssBytes"), NULL, 10);
}

static void gzip_that_is_broken_or_a_bomb(void **state)
{
    fixture *f = *state;
    size_t size = (size_t)100 << 20;
    char *zeros = bw_xcalloc(1, size);
    bw_buf bomb = BW_BUF_INIT, good = BW_BUF_INIT;
    deflated(zeros, size, &bomb);
    free(zeros);
    deflated("{\"a\":1}", 7, &good);
    long long before = peak_rss(f);
    for (size_t p = 1; p < BW_COUNT(posts); p += 4) { /* one of each kind */
        if (strncmp(posts[p], "/upload", 7) == 0)
            continue; /* a stream of its own: media, not a body */
        assert_refused(f, post(f, posts[p], bomb.ptr, bomb.len, "Content-Encoding: gzip"),
                       posts[p]);
        assert_refused(f, post(f, posts[p], good.ptr, good.len - 5, "Content-Encoding: gzip"),
                       posts[p]);
        assert_refused(f, post(f, posts[p], "{\"a\":1}", 7, "Content-Encoding: gzip"), posts[p]);
    }
    long long after = peak_rss(f);
    /* A bomb is given up at the limit of a body, 32 MiB, where the buffer may have doubled. */
    if (after - before > LIMIT_MIB << 20)
        fail_msg("%lld MiB more after the bombs", (after - before) >> 20);
    bw_buf_fini(&bomb);
    bw_buf_fini(&good);
}

static void bodies_and_headers_that_are_too_large(void **state)
{
    fixture *f = *state;
    size_t size = (size_t)33 << 20;
    char *body = bw_xmalloc(size);
    memset(body, ' ', size);
    for (size_t p = 2; p < BW_COUNT(posts); p += 5) {
        if (strncmp(posts[p], "/upload", 7) == 0)
            continue;
        int status = post(f, posts[p], body, size, NULL);
        assert_refused(f, status, posts[p]);
        assert_int_equal(status, 413);
    }
    free(body);
    bw_buf header = BW_BUF_INIT;
    bw_buf_adds(&header, "X-Large: ");
    while (header.len < (size_t)300 << 10)
        bw_buf_adds(&header, "0123456789abcdef");
    int status = post(f, posts[0], "{}", 2, bw_buf_cstr(&header));
    assert_true(status < 0 || status == 431 || status == 413);
    bw_buf_fini(&header);
    assert_int_equal(bw_test_http_get(f->http, "/bigquery/v2/projects/p/datasets/d"), 200);
}

/* Names that would leave their place if they were paths. What they name is not there, or they are
   refused; nothing else is touched. */
static void names_stay_in_their_project(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"..",        "%2e%2e",      "..%2f..%2fetc%2fpasswd",
                                        "%2f",       "a%00b",       "%00",
                                        "%ff",       "a%2fb",       "..%5c",
                                        "%25%2e",    "a'--",        "%22%3b",
                                        "../q/logs", "%0d%0aX:%20y"};
    static const char *const paths[] = {
        "/bigquery/v2/projects/p/datasets/%s",
        "/bigquery/v2/projects/%s/datasets/d",
        "/bigquery/v2/projects/p/datasets/d/tables/%s",
        "/bigquery/v2/projects/p/datasets/d/tables/%s/data",
        "/bigquery/v2/projects/p/jobs/%s",
        "/v1/projects/p/topics/%s",
        "/v1/projects/%s/topics/topic",
        "/v1/projects/p/subscriptions/%s",
        "/v1/projects/p/snapshots/%s",
        "/v3/projects/p/metricDescriptors/%s",
        "/v1/projects/p/dashboards/%s",
        "/v1/projects/p/secrets/%s",
        "/v1/projects/%s/secrets/s/versions/latest:access",
        "/v1/projects/p/secrets/s/versions/%s:access",
        "/computeMetadata/v1/%s",
        "/sandbox/%s",
        "/%s",
    };
    for (size_t p = 0; p < BW_COUNT(paths); p++) {
        for (size_t n = 0; n < BW_COUNT(names); n++) {
            char path[256];
            const char *at = strstr(paths[p], "%s");
            snprintf(path, sizeof path, "%.*s%s%s", (int)(at - paths[p]), paths[p], names[n],
                     at + 2);
            static const char *const headers[] = {"Metadata-Flavor: Google", NULL};
            int status =
                bw_test_http_send(f->http, &(bw_test_request){.url = path, .headers = headers});
            assert_refused(f, status, path);
            assert_null(bw_test_http_header(f->http, "X"));
        }
    }
}

static void another_projects_data_is_not_there(void **state)
{
    fixture *f = *state;
    static const char *const made[][3] = {
        {"PUT", "/v1/projects/mine/topics/secret-topic", "{}"},
        {"POST", "/v1/projects/mine/secrets?secretId=hidden",
         "{\"replication\":{\"automatic\":{}}}"},
        {"POST", "/v1/projects/mine/dashboards", "{\"displayName\":\"hidden\",\"gridLayout\":{}}"},
        {"POST", "/v1/projects/mine:commit",
         "{\"mode\":\"NON_TRANSACTIONAL\",\"mutations\":[{\"upsert\":{\"key\":{\"path\":[{\"kind\":"
         "\"K\",\"name\":\"hidden\"}]},\"properties\":{}}}]}"},
        {"POST", "/v2/entries:write",
         "{\"logName\":\"projects/mine/logs/hidden\",\"resource\":{\"type\":\"global\"},"
         "\"entries\":[{\"textPayload\":\"hidden\"}]}"},
        {"POST", "/v3/projects/mine/metricDescriptors",
         "{\"type\":\"custom.googleapis.com/hidden\",\"metricKind\":\"GAUGE\",\"valueType\":"
         "\"INT64\"}"},
    };
    static const char *const seen[][2] = {
        {"/v1/projects/%s/topics", NULL},
        {"/v1/projects/%s/topics/secret-topic", NULL},
        {"/v1/projects/%s/secrets", NULL},
        {"/v1/projects/%s/secrets/hidden", NULL},
        {"/v1/projects/%s/dashboards", NULL},
        {"/v2/projects/%s/logs", NULL},
        {"/v3/projects/%s/metricDescriptors", NULL},
        {"/v3/projects/%s/metricDescriptors/custom.googleapis.com/hidden", NULL},
        {"/v1/projects/%s:runQuery", "{\"query\":{\"kind\":[{\"name\":\"K\"}]}}"},
        {"/bigquery/v2/projects/%s/datasets", NULL},
        {"/bigquery/v2/projects/%s/jobs", NULL},
    };
    static const char *const others[] = {"yours",    "min",       "mine2", "MINE",
                                         "mine%00x", "%6dine%20", "_",     "%25"};
    for (size_t i = 0; i < BW_COUNT(made); i++)
        assert_int_equal(bw_test_http_json(f->http, made[i][0], made[i][1], "%s", made[i][2]), 200);
    for (size_t i = 0; i < BW_COUNT(seen); i++) {
        for (size_t o = 0; o < BW_COUNT(others); o++) {
            char path[160];
            const char *at = strstr(seen[i][0], "%s");
            snprintf(path, sizeof path, "%.*s%s%s", (int)(at - seen[i][0]), seen[i][0], others[o],
                     at + 2);
            if (seen[i][1])
                bw_test_http_json(f->http, "POST", path, "%s", seen[i][1]);
            else
                bw_test_http_send(f->http, &(bw_test_request){.url = path});
            const char *body = bw_test_http_body(f->http);
            if (strstr(body, "\"hidden\"") || strstr(body, "mine/"))
                fail_msg("%s shows %.300s", path, body);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_that_are_not_json),
        cmocka_unit_test(members_of_the_wrong_type),
        cmocka_unit_test(gzip_that_is_broken_or_a_bomb),
        cmocka_unit_test(bodies_and_headers_that_are_too_large),
        cmocka_unit_test(names_stay_in_their_project),
        cmocka_unit_test(another_projects_data_is_not_there),
    };
    return cmocka_run_group_tests(tests, prepare, teardown);
}
