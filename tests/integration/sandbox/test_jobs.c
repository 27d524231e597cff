/* Jobs: ids, states, cancelling, listing, faults of running jobs; and requests that go wrong. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/core/clock.h"
#include "tests/support/bigquery.h"
#include "tests/integration/sandbox/fixture.h"
#include "tests/support/sandbox.h"

#define P      "/bigquery/v2/projects/p"
#define SCHEMA ",\"schema\":{\"fields\":[{\"name\":\"n\",\"type\":\"INTEGER\"}]}"

static void faults(fixture *f, const char *spec)
{
    bw_test_http_json(f->http, "DELETE", "/sandbox/faults", NULL);
    int status = bw_test_http_json(f->http, "POST", "/sandbox/faults", "%s", spec);
    if (status != 200)
        fail_msg("%s: %s", spec, bw_test_http_body(f->http));
}

static int upload(fixture *f, const char *table, const char *job)
{
    return bw_test_bq_upload(f->bq, table, job, SCHEMA, "{\"n\":1}\n", 8);
}

/* ---- Jobs ------------------------------------------------------------------------------------- */

static void states_can_be_watched(void **state)
{
    fixture *f = *state;
    faults(f, "bigquery.job.load:latency=300ms:1:1");
    assert_int_equal(upload(f, "watched", "w1"), 200);
    assert_body_at(f, "status.state", "PENDING");
    bw_test_http_get(f->http, P "/jobs/w1?location=US");
    const char *now = bw_test_json_at(bw_test_http_body(f->http), "status.state");
    assert_true(strcmp(now, "PENDING") == 0 || strcmp(now, "RUNNING") == 0);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/watched"), 404);
    char *job = bw_test_bq_wait(f->bq, "w1", NULL);
    assert_string_equal(bw_test_json_at(job, "configuration.jobType"), "LOAD");
    assert_true(bw_test_json_has(job, "statistics.startTime"));
    assert_true(bw_test_json_has(job, "statistics.endTime"));
    long long took = strtoll(bw_test_json_at(job, "statistics.endTime"), NULL, 10) -
                     strtoll(bw_test_json_at(job, "statistics.startTime"), NULL, 10);
    assert_true(took >= 290);
    free(job);
}

static void labels_and_reference_are_echoed(void **state)
{
    fixture *f = *state;
    bw_test_bq_table(f->bq, "src", "[{\"name\":\"n\",\"type\":\"INTEGER\"}]", NULL);
    int status = bw_test_http_json(
        f->http, "POST", P "/jobs",
        "{\"configuration\":{\"copy\":{\"sourceTable\":{\"datasetId\":\"d\",\"tableId\":\"src\"},"
        "\"destinationTable\":{\"datasetId\":\"d\",\"tableId\":\"dst\"}},\"labels\":{\"k\":\"v\"}},"
        "\"jobReference\":{\"projectId\":\"p\",\"jobId\":\"c-1_x\",\"location\":\"us\"}}");
    assert_int_equal(status, 200);
    assert_body_at(f, "id", "p:US.c-1_x");
    char *job = bw_test_bq_wait(f->bq, "c-1_x", NULL);
    assert_string_equal(bw_test_json_at(job, "configuration.labels.k"), "v");
    assert_string_equal(bw_test_json_at(job, "configuration.jobType"), "COPY");
    assert_false(bw_test_json_has(job, "status.errorResult"));
    free(job);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/dst"), 200);
}

static void copies_follow_their_dispositions(void **state)
{
    fixture *f = *state;
    static const char body[] =
        "{\"configuration\":{\"copy\":{\"sourceTables\":[{\"datasetId\":\"d\",\"tableId\":\"one\"}"
        "%s],\"destinationTable\":{\"datasetId\":\"d\",\"tableId\":\"both\"}%s}},"
        "\"jobReference\":{\"jobId\":\"%s\"}}";
    static const char another[] = ",{\"datasetId\":\"d\",\"tableId\":\"two\"}";
    free(bw_test_bq_load(f->bq, "one", SCHEMA, "{\"n\":1}\n"));
    free(bw_test_bq_load(f->bq, "two", SCHEMA, "{\"n\":2}\n"));
    assert_int_equal(bw_test_http_json(f->http, "POST", P "/jobs", body, another, "", "cp1"), 200);
    free(bw_test_bq_wait(f->bq, "cp1", NULL));
    char *rows = bw_test_bq_rows(f->bq, "both");
    assert_string_equal(rows, "1\n2\n");
    free(rows);
    bw_test_http_json(f->http, "POST", P "/jobs", body, "", "", "cp2"); /* WRITE_EMPTY */
    char *job = bw_test_bq_wait(f->bq, "cp2", NULL);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "duplicate");
    free(job);
    bw_test_http_json(f->http, "POST", P "/jobs", body, "",
                      ",\"writeDisposition\":\"WRITE_TRUNCATE\"", "cp3");
    free(bw_test_bq_wait(f->bq, "cp3", NULL));
    rows = bw_test_bq_rows(f->bq, "both");
    assert_string_equal(rows, "1\n");
    free(rows);
}

static void bad_jobs_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const bodies[] = {
        "{}",
        "{\"configuration\":{}}",
        "{\"configuration\":{\"copy\":{}}}",
        "{\"configuration\":{\"copy\":{},\"query\":{}}}",
        "{\"configuration\":{\"query\":{\"query\":\"SELECT 1\",\"useLegacySql\":false}},"
        "\"jobReference\":{\"jobId\":\"no spaces\"}}",
        "{\"configuration\":{\"query\":{\"query\":\"SELECT 1\",\"useLegacySql\":false}},"
        "\"jobReference\":{\"projectId\":\"q\"}}",
        "{\"configuration\":{\"query\":{\"query\":\"SELECT 1\"}}}", /* legacy SQL */
    };
    for (size_t i = 0; i < BW_COUNT(bodies); i++) {
        int status = bw_test_http_json(f->http, "POST", P "/jobs", "%s", bodies[i]);
        if (status != 400)
            fail_msg("%s: %d %s", bodies[i], status, bw_test_http_body(f->http));
    }
    assert_int_equal(bw_test_http_get(f->http, P "/jobs/none?location=US"), 404);
    assert_body_at(f, "error.errors.0.reason", "notFound");
}

static void a_cancelled_job_has_no_effect(void **state)
{
    fixture *f = *state;
    faults(f, "bigquery.job.load:latency=60s:1:1");
    assert_int_equal(upload(f, "cancelled", "k1"), 200);
    int status = bw_test_http_json(f->http, "POST", P "/jobs/k1/cancel?location=US", NULL);
    assert_int_equal(status, 200);
    assert_body_at(f, "kind", "bigquery#jobCancelResponse");
    char *job = bw_test_bq_wait(f->bq, "k1", NULL);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "stopped");
    free(job);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/cancelled"), 404);
    /* The id is used up. */
    assert_int_equal(upload(f, "cancelled", "k1"), 409);
}

static void jobs_are_listed_newest_first(void **state)
{
    fixture *f = *state;
    assert_int_equal(bw_test_http_json(f->http, "POST", "/sandbox/reset", NULL), 200);
    bw_test_http_json(f->http, "POST", P "/datasets",
                      "{\"datasetReference\":{\"datasetId\":\"d\"}}");
    char id[16];
    for (int i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "l%d", i);
        assert_int_equal(upload(f, "listed", id), 200);
        free(bw_test_bq_wait(f->bq, id, NULL));
    }
    assert_int_equal(bw_test_http_get(f->http, P "/jobs?maxResults=3&projection=full"), 200);
    assert_body_at(f, "jobs.0.jobReference.jobId", "l3");
    assert_body_at(f, "jobs.2.jobReference.jobId", "l1");
    assert_body_at(f, "jobs.0.state", "DONE");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "jobs.3"));
    char *token = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "nextPageToken"));
    bw_test_http_get(f->http, P "/jobs?maxResults=3&pageToken=%s", token);
    assert_body_at(f, "jobs.0.jobReference.jobId", "l0");
    free(token);
    bw_test_http_get(f->http, P "/jobs?stateFilter=running&stateFilter=pending");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "jobs.0"));
    bw_test_http_get(f->http, P "/jobs?maxCreationTime=1000");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "jobs.0"));
    assert_int_equal(bw_test_http_json(f->http, "DELETE", P "/jobs/l0/delete?location=US", NULL),
                     204);
    assert_int_equal(bw_test_http_get(f->http, P "/jobs/l0?location=US"), 404);
}

static void a_job_can_be_told_to_fail(void **state)
{
    fixture *f = *state;
    faults(f, "bigquery.job.load:503/rateLimitExceeded:1:1");
    assert_int_equal(upload(f, "failing", "f1"), 200);
    char *job = bw_test_bq_wait(f->bq, "f1", NULL);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "rateLimitExceeded");
    assert_string_equal(bw_test_json_at(job, "status.errors.0.reason"), "rateLimitExceeded");
    free(job);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/failing"), 404);
    assert_int_equal(upload(f, "failing", "f2"), 200);
    job = bw_test_bq_wait(f->bq, "f2", NULL);
    assert_false(bw_test_json_has(job, "status.errorResult"));
    free(job);
}

/* ---- Requests that go wrong ------------------------------------------------------------------- */

static void faults_hit_what_they_name(void **state)
{
    fixture *f = *state;
    faults(f, "bigquery.tables.*:503:1:1\nbigquery.datasets.get:429/rateLimitExceeded:1:1:1");
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d"), 200);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d"), 429);
    assert_body_at(f, "error.errors.0.reason", "rateLimitExceeded");
    assert_body_at(f, "error.status", "RESOURCE_EXHAUSTED");
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d"), 200);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables"), 503);
    assert_body_at(f, "error.errors.0.reason", "backendError");
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables"), 200);
    bw_test_http_get(f->http, "/sandbox/faults");
    assert_body_at(f, "faults.0.hits", "1");
    assert_body_at(f, "faults.1.seen", "2");
}

static void a_share_is_about_kept(void **state)
{
    fixture *f = *state;
    int hits = 0;
    faults(f,
           "{\"faults\":[{\"method\":\"bigquery.datasets.get\",\"what\":\"503\",\"share\":0.3}]}");
    for (int i = 0; i < 500; i++)
        hits += bw_test_http_get(f->http, P "/datasets/d") == 503;
    assert_in_range(hits, 100, 200);
    faults(f, "");
}

static void latency_is_waited_for_without_holding_others(void **state)
{
    fixture *f = *state;
    const bw_clock *clock = bw_clock_system();
    faults(f, "bigquery.datasets.get:latency=250ms:1:1\nbigquery.datasets.get:404:1:1");
    int64_t from = bw_mono_us(clock);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d"), 404);
    assert_true(bw_mono_us(clock) - from >= 250000);
}

static void answers_can_be_cut_or_slow(void **state)
{
    fixture *f = *state;
    const bw_clock *clock = bw_clock_system();
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d"), 200);
    size_t whole = bw_test_http_body_size(f->http);
    faults(f, "bigquery.datasets.get:truncate:1:1");
    assert_true(bw_test_http_get(f->http, P "/datasets/d") < 0);
    assert_true(bw_test_http_body_size(f->http) < whole);
    faults(f, "bigquery.datasets.get:slow=1KiB:1:1");
    int64_t from = bw_mono_us(clock);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d"), 200);
    assert_int_equal(bw_test_http_body_size(f->http), whole);
    assert_true(bw_mono_us(clock) - from >= (int64_t)(whole - 100) * 1000000 / 1024 / 2);
}

static void a_cut_after_the_effect_has_the_effect(void **state)
{
    fixture *f = *state;
    static const char table[] = "{\"tableReference\":{\"tableId\":\"%s\"}}";
    faults(f, "bigquery.tables.insert:cut-after:1:1");
    assert_true(bw_test_http_json(f->http, "POST", P "/datasets/d/tables", table, "after") < 0);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/after"), 200);
    faults(f, "bigquery.tables.insert:cut-before:1:1");
    assert_true(bw_test_http_json(f->http, "POST", P "/datasets/d/tables", table, "before") < 0);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/before"), 404);
}

static void bad_faults_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const specs[] = {
        "x",        "m:nonsense", "m:200",         "m:503:2",      "m:503:x", "m:latency=x",
        "m:slow=0", ":503",       "m:503:1:1:1:1", "{\"what\":1}", "{",       "m:503:-1"};
    for (size_t i = 0; i < BW_COUNT(specs); i++) {
        int status = bw_test_http_json(f->http, "POST", "/sandbox/faults", "%s", specs[i]);
        if (status != 400)
            fail_msg("%s: %d", specs[i], status);
    }
    bw_test_http_json(f->http, "DELETE", "/sandbox/faults", NULL);
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "faults.0"));
}

static void requests_are_listed_with_their_bodies(void **state)
{
    fixture *f = *state;
    faults(f, "bigquery.tables.get:cut-after:1:1");
    bw_test_http_json(f->http, "DELETE", "/sandbox/requests", NULL);
    bw_test_http_json(f->http, "POST", P "/datasets?prettyPrint=false",
                      "{\"datasetReference\":{\"datasetId\":\"d\"},\"n\":1e400}");
    bw_test_http_json(f->http, "POST", P "/datasets", "{broken");
    bw_test_http_get(f->http, P "/datasets/d/tables/a%%20b");
    assert_int_equal(bw_test_http_get(f->http, "/sandbox/requests"), 200);
    assert_body_at(f, "requests.0.method", "bigquery.datasets.insert");
    assert_body_at(f, "requests.0.verb", "POST");
    assert_body_at(f, "requests.0.path", P "/datasets");
    assert_body_at(f, "requests.0.query", "prettyPrint=false");
    assert_body_at(f, "requests.0.status", "409");
    assert_body_at(f, "requests.0.body.n", "1e400");
    assert_body_at(f, "requests.1.body", "null");
    assert_body_at(f, "requests.1.bodySize", "7");
    assert_body_at(f, "requests.2.path", P "/datasets/d/tables/a%20b");
    assert_body_at(f, "requests.2.fault", "cut-after");
    assert_body_at(f, "requests.2.status", "0");
    bw_test_http_get(f->http, "/sandbox/requests?after=1&max=1");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "requests.1"));
    bw_test_http_get(f->http, "/sandbox/requests?method=bigquery.tables.*");
    assert_body_at(f, "requests.0.method", "bigquery.tables.get");
}

static void a_reset_forgets_everything(void **state)
{
    fixture *f = *state;
    faults(f, "bigquery.job.load:latency=60s:1:1\nbigquery.datasets.list:503");
    assert_int_equal(upload(f, "gone", "gone1"), 200);
    assert_int_equal(bw_test_http_json(f->http, "POST", "/sandbox/reset", NULL), 200);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets"), 200);
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "datasets.0"));
    assert_int_equal(bw_test_http_get(f->http, P "/jobs/gone1?location=US"), 404);
    assert_int_equal(bw_test_http_get(f->http, "/projects/demo/datasets/analytics"), 200);
    bw_test_http_json(f->http, "POST", P "/datasets",
                      "{\"datasetReference\":{\"datasetId\":\"d\"}}");
    assert_int_equal(upload(f, "gone", "gone1"), 200);
    free(bw_test_bq_wait(f->bq, "gone1", NULL));
    char *rows = bw_test_bq_rows(f->bq, "gone");
    assert_string_equal(rows, "1\n");
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_can_be_watched),
        cmocka_unit_test(labels_and_reference_are_echoed),
        cmocka_unit_test(copies_follow_their_dispositions),
        cmocka_unit_test(bad_jobs_are_refused),
        cmocka_unit_test(a_cancelled_job_has_no_effect),
        cmocka_unit_test(jobs_are_listed_newest_first),
        cmocka_unit_test(a_job_can_be_told_to_fail),
        cmocka_unit_test(faults_hit_what_they_name),
        cmocka_unit_test(a_share_is_about_kept),
        cmocka_unit_test(latency_is_waited_for_without_holding_others),
        cmocka_unit_test(answers_can_be_cut_or_slow),
        cmocka_unit_test(a_cut_after_the_effect_has_the_effect),
        cmocka_unit_test(bad_faults_are_refused),
        cmocka_unit_test(requests_are_listed_with_their_bodies),
        cmocka_unit_test(a_reset_forgets_everything),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
