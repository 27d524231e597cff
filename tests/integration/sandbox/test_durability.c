/* With --data nothing acknowledged is lost and nothing happens twice, wherever the process dies. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/core/clock.h"
#include "backend/core/units.h"
#include "tests/support/bigquery.h"
#include "tests/support/sandbox.h"

#define P      "/bigquery/v2/projects/p"
#define JOBS   "/upload/bigquery/v2/projects/p/jobs"
#define FIELDS "{\"name\":\"n\",\"type\":\"INTEGER\"},{\"name\":\"pad\",\"type\":\"STRING\"}"
#define SCHEMA ",\"schema\":{\"fields\":[" FIELDS "]}"
#define UNIT   ((size_t)262144)

/* Restarts the sandbox; connections to the old process are gone with it. */
static bw_test_bq *come_back(bw_test_sandbox *s, bw_test_bq *bq)
{
    bw_test_bq_free(bq);
    bw_test_sandbox_restart(s);
    return bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
}

static void what_was_acknowledged_is_there_after_a_kill(void **state)
{
    (void)state;
    bw_test_sandbox *s = bw_test_sandbox_start(true, NULL);
    bw_test_bq *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    free(bw_test_bq_load(bq, "kept", SCHEMA, "{\"n\":1,\"pad\":\"x\"}\n"));
    assert_int_equal(bw_test_bq_upload(bq, "kept", "asked", SCHEMA, "{\"n\":2}\n", 8), 200);
    free(bw_test_bq_wait(bq, "asked", NULL));
    bw_test_http_json(bw_test_bq_http(bq), "PATCH", P "/datasets/d", "{\"description\":\"mine\"}");
    bw_test_http_json(bw_test_bq_http(bq), "POST", P "/datasets/d/tables/kept/insertAll",
                      "{\"rows\":[{\"json\":{\"n\":3}}]}");
    bq = come_back(s, bq);
    char *rows = bw_test_bq_rows(bq, "kept");
    assert_string_equal(rows, "1|x\n2|NULL\n3|NULL\n");
    free(rows);
    bw_test_http_get(bw_test_bq_http(bq), P "/datasets/d");
    assert_string_equal(bw_test_json_at(bw_test_http_body(bw_test_bq_http(bq)), "description"),
                        "mine");
    char *job = bw_test_bq_wait(bq, "asked", NULL);
    assert_string_equal(bw_test_json_at(job, "statistics.load.outputRows"), "1");
    free(job);
    assert_int_equal(bw_test_bq_upload(bq, "kept", "asked", SCHEMA, "{\"n\":2}\n", 8), 409);
    bw_test_bq_free(bq);
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

/* An INSERT whose answer got lost with the process is asked again: it has happened. */
static void a_request_id_is_remembered_over_a_kill(void **state)
{
    (void)state;
    static const char ask[] =
        "{\"query\":\"INSERT INTO d.once (n) VALUES (7)\",\"requestId\":\"r\","
        "\"useLegacySql\":false}";
    bw_test_sandbox *s = bw_test_sandbox_start(true, NULL);
    bw_test_bq *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    bw_test_bq_table(bq, "once", "[" FIELDS "]", NULL);
    assert_int_equal(bw_test_http_json(bw_test_bq_http(bq), "POST", P "/queries", ask), 200);
    char *first =
        bw_xstrdup(bw_test_json_at(bw_test_http_body(bw_test_bq_http(bq)), "jobReference.jobId"));
    bq = come_back(s, bq);
    assert_int_equal(bw_test_http_json(bw_test_bq_http(bq), "POST", P "/queries", ask), 200);
    const char *body = bw_test_http_body(bw_test_bq_http(bq));
    assert_string_equal(bw_test_json_at(body, "jobReference.jobId"), first);
    assert_string_equal(bw_test_json_at(body, "numDmlAffectedRows"), "1");
    char *rows = bw_test_bq_rows(bq, "once");
    assert_string_equal(rows, "7|NULL\n");
    free(rows);
    free(first);
    bw_test_bq_free(bq);
    bw_test_sandbox_free(s);
}

typedef struct kept {
    const char *verb, *make_path, *make; /* acknowledged with 200 */
    const char *read_verb, *read_path, *read;
    const char *at, *expected; /* in what is read */
    const char *gone_at;       /* of which nothing is left after a reset */
} kept;

static bool holds(bw_test_http *http, const kept *k, bool there)
{
    int status = k->read ? bw_test_http_json(http, k->read_verb, k->read_path, "%s", k->read)
                         : bw_test_http_json(http, k->read_verb, k->read_path, NULL);
    const char *body = bw_test_http_body(http);
    if (there)
        return status == 200 && bw_test_json_has(body, k->at) &&
               strcmp(bw_test_json_at(body, k->at), k->expected) == 0;
    return status == 404 || !bw_test_json_has(body, k->gone_at);
}

/* Every other service: one thing that was acknowledged, killed over, and forgotten by the reset. */
static void every_service_keeps_what_it_acknowledged(void **state)
{
    (void)state;
    char stamp[BW_TIME_TEXT], from[BW_TIME_TEXT], series[512], query[512];
    int64_t now = bw_wall_us(bw_clock_system());
    bw_format_time(now / BW_SECOND * BW_SECOND, stamp);
    bw_format_time((now / BW_SECOND - 60) * BW_SECOND, from);
    snprintf(series, sizeof series,
             "{\"timeSeries\":[{\"metric\":{\"type\":\"custom.googleapis.com/kept\"},\"resource\":"
             "{\"type\":\"global\"},\"points\":[{\"interval\":{\"endTime\":\"%s\"},\"value\":"
             "{\"int64Value\":\"7\"}}]}]}",
             stamp);
    snprintf(query, sizeof query,
             "/v3/projects/p/timeSeries?filter=metric.type%%3D%%22custom.googleapis.com/"
             "kept%%22&interval.startTime=%s&interval.endTime=%s",
             from, stamp);
    const kept all[] = {
        {"PUT", "/v1/projects/p/topics/kept", "{}", "GET", "/v1/projects/p/topics/kept", NULL,
         "name", "projects/p/topics/kept", "name"},
        {"POST", "/v1/projects/p:commit",
         "{\"mode\":\"NON_TRANSACTIONAL\",\"mutations\":[{\"insert\":{\"key\":{\"path\":[{\"kind\":"
         "\"K\",\"name\":\"kept\"}]},\"properties\":{\"n\":{\"integerValue\":\"7\"}}}}]}",
         "POST", "/v1/projects/p:lookup",
         "{\"keys\":[{\"path\":[{\"kind\":\"K\",\"name\":\"kept\"}]}]}",
         "found.0.entity.properties.n.integerValue", "7", "found.0"},
        {"POST", "/v2/entries:write",
         "{\"logName\":\"projects/p/logs/kept\",\"resource\":{\"type\":\"global\"},\"entries\":["
         "{\"textPayload\":\"seven\"}]}",
         "POST", "/v2/entries:list", "{\"resourceNames\":[\"projects/p\"]}",
         "entries.0.textPayload", "seven", "entries.0"},
        {"POST", "/v3/projects/p/timeSeries", series, "GET", query, NULL,
         "timeSeries.0.points.0.value.int64Value", "7", "timeSeries.0"},
        {"POST", "/v1/projects/p/dashboards", "{\"displayName\":\"kept\",\"gridLayout\":{}}", "GET",
         "/v1/projects/p/dashboards", NULL, "dashboards.0.displayName", "kept", "dashboards.0"},
        {"POST", "/v1/projects/p/secrets?secretId=kept", "{\"replication\":{\"automatic\":{}}}",
         "GET", "/v1/projects/p/secrets/kept", NULL, "name", "projects/p/secrets/kept", "name"},
    };
    bw_test_sandbox *s = bw_test_sandbox_start(true, NULL);
    bw_test_bq *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    for (size_t i = 0; i < BW_COUNT(all); i++) {
        const kept *k = &all[i];
        if (bw_test_http_json(bw_test_bq_http(bq), k->verb, k->make_path, "%s", k->make) != 200)
            fail_msg("%s: %s", k->make_path, bw_test_http_body(bw_test_bq_http(bq)));
    }
    for (int reset = 0; reset < 2; reset++) {
        bq = come_back(s, bq);
        for (size_t i = 0; i < BW_COUNT(all); i++) {
            if (!holds(bw_test_bq_http(bq), &all[i], !reset))
                fail_msg("%s %s a reset: %s", all[i].read_path, reset ? "after" : "before",
                         bw_test_http_body(bw_test_bq_http(bq)));
        }
        assert_int_equal(bw_test_http_json(bw_test_bq_http(bq), "POST", "/sandbox/reset", NULL),
                         200);
    }
    bw_test_bq_free(bq);
    bw_test_sandbox_free(s);
}

/* A job that has been accepted but not begun runs after the restart, once. */
static void accepted_jobs_are_run_by_the_next_process(void **state)
{
    (void)state;
    static const char *const slow[] = {"--fault", "bigquery.job.*:latency=2s:1:2", NULL};
    bw_test_sandbox *s = bw_test_sandbox_start(true, slow);
    bw_test_bq *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    assert_int_equal(bw_test_bq_upload(bq, "later", "later1", SCHEMA, "{\"n\":1}\n", 8), 200);
    bw_test_sandbox_stop(s); /* also a clean end leaves it for the next process */
    bq = come_back(s, bq);
    char *job = bw_test_bq_wait(bq, "later1", NULL);
    assert_false(bw_test_json_has(job, "status.errorResult"));
    free(job);
    bq = come_back(s, bq);
    char *rows = bw_test_bq_rows(bq, "later");
    assert_string_equal(rows, "1|NULL\n");
    free(rows);
    bw_test_bq_free(bq);
    bw_test_sandbox_free(s);
}

static char *make_rows(size_t size, size_t *rows)
{
    bw_buf data = BW_BUF_INIT;
    *rows = 0;
    while (size - data.len >= 200)
        bw_buf_addf(&data, "{\"n\":%zu,\"pad\":\"%0*d\"}\n", (*rows)++, 60, 0);
    bw_buf_addf(&data, "{\"n\":%zu}", (*rows)++);
    while (data.len < size)
        bw_buf_addc(&data, ' ');
    return bw_buf_take(&data);
}

static int put(bw_test_http *http, const char *session, const char *data, size_t from, size_t to,
               size_t total)
{
    char *range = to > from ? bw_xasprintf("Content-Range: bytes %zu-%zu/%zu", from, to - 1, total)
                            : bw_xasprintf("Content-Range: bytes */%zu", total);
    const char *headers[] = {range, NULL};
    int status = bw_test_http_send(http, &(bw_test_request){.verb = "PUT",
                                                            .url = session,
                                                            .headers = headers,
                                                            .body = data + from,
                                                            .body_size = to - from});
    free(range);
    return status;
}

static void begin(bw_test_http *http, const char *job, char session[256])
{
    int status = bw_test_http_json(
        http, "POST", JOBS "?uploadType=resumable",
        "{\"configuration\":{\"load\":{\"destinationTable\":{\"datasetId\":\"d\",\"tableId\":"
        "\"up\"},\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\"" SCHEMA
        "}},\"jobReference\":{\"jobId\":\"%s\"}}",
        job);
    assert_int_equal(status, 200);
    snprintf(session, 256, "%s", bw_test_http_header(http, "Location"));
}

static void an_upload_goes_on_after_a_kill(void **state)
{
    (void)state;
    bw_test_sandbox *s = bw_test_sandbox_start(true, NULL);
    bw_test_bq *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    size_t rows, total = 4 * UNIT;
    char *data = make_rows(total, &rows), session[256], expected[32];
    snprintf(expected, sizeof expected, "%zu", rows);
    begin(bw_test_bq_http(bq), "up1", session);
    assert_int_equal(put(bw_test_bq_http(bq), session, data, 0, 2 * UNIT, total), 308);
    bq = come_back(s, bq);
    assert_int_equal(put(bw_test_bq_http(bq), session, data, 0, 0, total), 308);
    assert_string_equal(bw_test_http_header(bw_test_bq_http(bq), "Range"), "bytes=0-524287");
    assert_int_equal(put(bw_test_bq_http(bq), session, data, 2 * UNIT, total, total), 200);
    bq = come_back(s, bq);
    /* The end of the upload, asked for again: the same job. */
    assert_int_equal(put(bw_test_bq_http(bq), session, data, 0, 0, total), 200);
    char *job = bw_test_bq_wait(bq, "up1", NULL);
    assert_string_equal(bw_test_json_at(job, "statistics.load.outputRows"), expected);
    free(job);
    bw_test_http_get(bw_test_bq_http(bq), P "/datasets/d/tables/up");
    assert_string_equal(bw_test_json_at(bw_test_http_body(bw_test_bq_http(bq)), "numRows"),
                        expected);
    free(data);
    bw_test_bq_free(bq);
    bw_test_sandbox_free(s);
}

/* Loads of which some are cut down by SIGKILL at any moment: each is there whole or not at all, and
   each that was acknowledged as a job ends in its rows, once. */
static void kills_at_random_lose_and_double_nothing(void **state)
{
    (void)state;
    static const char *const delays[] = {"--fault", "bigquery.job.load:latency=5ms:0.5", NULL};
    bw_test_sandbox *s = bw_test_sandbox_start(true, delays);
    bw_test_bq *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    unsigned seed = 20261120;
    size_t accepted = 0, size = 400000, rows;
    char *data = make_rows(size, &rows), id[32];
    bw_test_bq_table(bq, "kills", "[" FIELDS "]", NULL);
    for (int round = 0; round < 12; round++) {
        int loads = 1 + rand_r(&seed) % 3;
        for (int i = 0; i < loads; i++) {
            snprintf(id, sizeof id, "kill_%d_%d", round, i);
            assert_int_equal(bw_test_bq_upload(bq, "kills", id, NULL, data, size), 200);
            accepted++;
        }
        /* Watching takes time of its own: the kill falls somewhere into the last load. */
        for (int looks = rand_r(&seed) % 30; looks > 0; looks--)
            bw_test_http_get(bw_test_bq_http(bq), P "/jobs/%s?location=US", id);
        bq = come_back(s, bq);
        bw_test_http_get(bw_test_bq_http(bq), P "/datasets/d/tables/kills");
        const char *body = bw_test_http_body(bw_test_bq_http(bq));
        size_t there = strtoul(bw_test_json_at(body, "numRows"), NULL, 10);
        assert_int_equal(there % rows, 0);
        for (int i = 0; i < loads; i++) {
            snprintf(id, sizeof id, "kill_%d_%d", round, i);
            char *job = bw_test_bq_wait(bq, id, NULL);
            assert_false(bw_test_json_has(job, "status.errorResult"));
            free(job);
        }
    }
    bw_test_http_get(bw_test_bq_http(bq), P "/datasets/d/tables/kills");
    const char *body = bw_test_http_body(bw_test_bq_http(bq));
    assert_int_equal(strtoul(bw_test_json_at(body, "numRows"), NULL, 10), accepted * rows);
    free(data);
    bw_test_bq_free(bq);
    bw_test_sandbox_free(s);
}

static void one_directory_belongs_to_one_process(void **state)
{
    (void)state;
    bw_test_sandbox *s = bw_test_sandbox_start(true, NULL);
    const char *argv[] = {BW_BUILD_DIR "/bridgewatch-sandbox",
                          "--port",
                          "0",
                          "--data",
                          bw_test_sandbox_data(s),
                          NULL};
    char *complaint;
    assert_int_equal(bw_process_run(argv, NULL, 30, NULL, &complaint), 1);
    assert_non_null(strstr(complaint, "another sandbox uses the directory"));
    free(complaint);
    bw_test_sandbox_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_is_there_after_a_kill),
        cmocka_unit_test(a_request_id_is_remembered_over_a_kill),
        cmocka_unit_test(every_service_keeps_what_it_acknowledged),
        cmocka_unit_test(accepted_jobs_are_run_by_the_next_process),
        cmocka_unit_test(an_upload_goes_on_after_a_kill),
        cmocka_unit_test(kills_at_random_lose_and_double_nothing),
        cmocka_unit_test(one_directory_belongs_to_one_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
