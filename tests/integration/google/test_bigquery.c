/* The BigQuery client against the sandbox: the whole way of a load, with credentials, and with the
   faults that the service is known for. What arrived is counted by a reader of the test's own. */
#include "tests/support/test.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/google/bigquery.h"
#include "tests/support/google_keys.h"
#include "tests/support/http_client.h"
#include "tests/support/sandbox.h"

#define ROWS     40000
#define ROW_SIZE 40 /* every row is as long, so that the rows of a prefix can be counted */

typedef struct fixture {
    bw_test_sandbox *sandbox;
    bw_test_http *reader;
    char *dir, *key_file;
    bw_google *google;
    bw_bigquery *bq;
    bw_error err;
    bw_buf rows;
    int serial;
} fixture;

static const bw_table_ref orders = {.dataset = "shop", .table = "orders"};

static int set_up(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof(*f));
    f->sandbox = bw_test_sandbox_start(false, NULL);
    const char *url = bw_test_sandbox_url(f->sandbox);
    f->reader = bw_test_http_new(url);
    f->dir = bw_test_dir_new("bigquery");
    EVP_PKEY *key = bw_test_rsa_key(2048);
    char *uri = bw_xasprintf("%s/token", url);
    f->key_file = bw_test_service_account(f->dir, key, uri);
    bw_google_options options = {.project = "p", .credentials = f->key_file, .bigquery = url};
    assert_ok(bw_google_new(&options, &f->google, &f->err), f->err);
    f->bq = bw_bigquery_new(f->google, bw_clock_system(), NULL);
    bw_bigquery_set_deadline(f->bq, 90 * BW_SECOND);
    for (int i = 0; i < ROWS; i++)
        bw_buf_addf(&f->rows, "{\"id\":%06d,\"note\":\"%016d\"}\n", 100000 + i, i);
    free(uri);
    EVP_PKEY_free(key);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    bw_bigquery_free(f->bq);
    bw_google_free(f->google);
    bw_test_http_free(f->reader);
    bw_test_sandbox_free(f->sandbox);
    bw_test_dir_remove(f->dir);
    bw_buf_fini(&f->rows);
    free(f->key_file);
    free(f->dir);
    free(f);
    return 0;
}

static void make_orders(fixture *f)
{
    json_t *table =
        json_pack("{s:{s:[{s:s,s:s,s:s},{s:s,s:s}]}}", "schema", "fields", "name", "id", "type",
                  "INTEGER", "mode", "REQUIRED", "name", "note", "type", "STRING");
    json_t *dataset = json_pack("{s:s}", "location", "EU");
    assert_ok(bw_bigquery_insert_dataset(f->bq, NULL, "shop", dataset, NULL, &f->err), f->err);
    assert_ok(bw_bigquery_insert_table(f->bq, &orders, table, NULL, &f->err), f->err);
    json_decref(dataset);
    json_decref(table);
}

/* A load job under a new id, which `id` takes. */
static json_t *load_job(fixture *f, char id[32])
{
    snprintf(id, 32, "load_%d", f->serial++);
    return json_pack("{s:{s:s,s:s}, s:{s:{s:{s:s,s:s,s:s}, s:s, s:s}}}", "jobReference", "jobId",
                     id, "location", "EU", "configuration", "load", "destinationTable", "projectId",
                     "p", "datasetId", "shop", "tableId", "orders", "sourceFormat",
                     "NEWLINE_DELIMITED_JSON", "writeDisposition", "WRITE_TRUNCATE");
}

static void fault(fixture *f, const char *spec)
{
    assert_int_equal(bw_test_http_json(f->reader, "POST", "/sandbox/faults", "[\"%s\"]", spec),
                     200);
}

static void finish(fixture *f, const char *id, int64_t rows)
{
    json_t *job;
    int64_t deadline = bw_mono_us(bw_clock_system()) + 60 * BW_SECOND;
    assert_ok(bw_bigquery_wait_job(f->bq, NULL, "EU", id, deadline, &job, &f->err), f->err);
    assert_ok(bw_bigquery_job_error(job, &f->err), f->err);
    json_decref(job);
    char expected[64];
    snprintf(expected, sizeof(expected), "\"numRows\":\"%lld\"", (long long)rows);
    bw_test_http_get(f->reader, "/bigquery/v2/projects/p/datasets/shop/tables/orders");
    if (!strstr(bw_test_http_body(f->reader), expected))
        fail_msg("no %s in %s", expected, bw_test_http_body(f->reader));
}

static void test_datasets_and_tables(void **state)
{
    fixture *f = *state;
    json_t *out;
    make_orders(f);
    assert_int_equal(bw_bigquery_insert_table(f->bq, &orders, NULL, NULL, &f->err), BW_EXISTS);
    assert_string_equal(bw_bigquery_reason(f->bq), "duplicate");
    assert_ok(bw_bigquery_get_dataset(f->bq, NULL, "shop", &out, &f->err), f->err);
    assert_string_equal(json_string_value(json_object_get(out, "location")), "EU");
    json_decref(out);
    assert_int_equal(bw_bigquery_get_dataset(f->bq, NULL, "none", &out, &f->err), BW_NOT_FOUND);
    assert_ok(bw_bigquery_list_datasets(f->bq, NULL, 10, &out, &f->err), f->err);
    assert_string_equal(json_string_value(json_array_get(out, 0)), "shop");
    json_decref(out);
    assert_ok(bw_bigquery_list_tables(f->bq, NULL, "shop", 10, &out, &f->err), f->err);
    assert_int_equal(json_array_size(out), 1);
    assert_string_equal(json_string_value(json_array_get(out, 0)), "orders");
    json_decref(out);
    assert_ok(bw_bigquery_delete_table(f->bq, &orders, &f->err), f->err);
    assert_int_equal(bw_bigquery_delete_table(f->bq, &orders, &f->err), BW_NOT_FOUND);
}

static void test_patch_with_an_etag(void **state)
{
    fixture *f = *state;
    json_t *before, *after, *patch = json_pack("{s:{s:s}}", "labels", "bw_owner", "abc");
    make_orders(f);
    assert_ok(bw_bigquery_get_table(f->bq, &orders, &before, &f->err), f->err);
    const char *etag = json_string_value(json_object_get(before, "etag"));
    assert_ok(bw_bigquery_patch_table(f->bq, &orders, patch, etag, &after, &f->err), f->err);
    const json_t *labels = json_object_get(after, "labels");
    assert_string_equal(json_string_value(json_object_get(labels, "bw_owner")), "abc");
    assert_int_equal(bw_bigquery_patch_table(f->bq, &orders, patch, etag, NULL, &f->err),
                     BW_CONFLICT);
    json_decref(before);
    json_decref(after);
    json_decref(patch);
}

static void test_multipart_load(void **state)
{
    fixture *f = *state;
    char id[32];
    json_t *job = load_job(f, id), *out;
    bw_slice data = {f->rows.ptr, (size_t)ROW_SIZE * 1000};
    make_orders(f);
    assert_ok(bw_bigquery_load(f->bq, NULL, job, &data, 1, &out, &f->err), f->err);
    json_decref(out);
    finish(f, id, 1000);
    /* The same id again: the service has it, and says so. */
    assert_int_equal(bw_bigquery_load(f->bq, NULL, job, &data, 1, &out, &f->err), BW_EXISTS);
    /* Acted, then no answer: not repeated, but to be found. */
    json_decref(job);
    job = load_job(f, id);
    fault(f, "bigquery.upload.multipart:cut-after:1:1");
    assert_int_equal(bw_bigquery_load(f->bq, NULL, job, &data, 1, &out, &f->err), BW_UNAVAILABLE);
    assert_true(f->err.maybe_acted);
    finish(f, id, 1000);
    json_decref(job);
}

/* The rows in chunks of two granules. */
static void upload_rows(fixture *f, char id[32])
{
    json_t *job = load_job(f, id);
    bw_upload *upload;
    bw_upload_state held = {0};
    assert_ok(bw_bigquery_upload_start(f->bq, NULL, job, &upload, &f->err), f->err);
    for (size_t at = 0; !held.job;) {
        size_t left = f->rows.len - at, size = 2 * BW_UPLOAD_GRANULE;
        bool last = left <= size;
        bw_slice data = {f->rows.ptr + at, last ? left : size};
        assert_ok(bw_bigquery_upload_put(f->bq, upload, (int64_t)at, &data, 1,
                                         last ? (int64_t)f->rows.len : BW_UPLOAD_UNKNOWN, &held,
                                         &f->err),
                  f->err);
        at += data.len;
        assert_int_equal(held.persisted, at);
    }
    json_decref(held.job);
    json_decref(job);
    bw_bigquery_upload_free(upload);
}

static void test_resumable_load(void **state)
{
    fixture *f = *state;
    char id[32];
    make_orders(f);
    upload_rows(f, id);
    finish(f, id, ROWS);
}

static void test_resumable_load_through_faults(void **state)
{
    fixture *f = *state;
    static const char *const faults[] = {
        "bigquery.upload.chunk:cut-before:1:1:1",
        "bigquery.upload.chunk:cut-middle:1:1:1",
        "bigquery.upload.chunk:cut-after:1:1:1",
        "bigquery.upload.chunk:short-range:1:2:1",
        "bigquery.upload.chunk:503:1:1:1",
        "bigquery.upload.chunk:truncate:1:1:1",
        "bigquery.upload.start:503:1:1",
        "bigquery.upload.chunk:cut-after:1:1:3",
        "bigquery.upload.chunk:expired-token:1:1:1",
    };
    make_orders(f);
    for (size_t i = 0; i < BW_COUNT(faults); i++) {
        char id[32];
        fault(f, faults[i]);
        upload_rows(f, id);
        finish(f, id, ROWS);
        bw_test_http_get(f->reader, "/sandbox/faults");
        if (!strstr(bw_test_http_body(f->reader), "\"hits\":"))
            fail_msg("%s", bw_test_http_body(f->reader));
        if (strstr(bw_test_http_body(f->reader), "\"hits\":0"))
            fail_msg("%s never hit", faults[i]);
        assert_int_equal(bw_test_http_json(f->reader, "DELETE", "/sandbox/faults", "{}"), 200);
    }
}

static void test_expired_token_is_replaced(void **state)
{
    fixture *f = *state;
    json_t *out;
    make_orders(f);
    assert_int_equal(bw_test_http_json(f->reader, "POST", "/sandbox/tokens/expire", "{}"), 200);
    assert_ok(bw_bigquery_get_table(f->bq, &orders, &out, &f->err), f->err);
    json_decref(out);
}

static void test_jobs(void **state)
{
    fixture *f = *state;
    char id[32];
    json_t *out;
    make_orders(f);
    upload_rows(f, id);
    finish(f, id, ROWS);
    json_t *copy =
        json_pack("{s:{s:s,s:s}, s:{s:{s:{s:s,s:s,s:s}, s:{s:s,s:s,s:s}}}}", "jobReference",
                  "jobId", "copy_1", "location", "EU", "configuration", "copy", "sourceTable",
                  "projectId", "p", "datasetId", "shop", "tableId", "orders", "destinationTable",
                  "projectId", "p", "datasetId", "shop", "tableId", "copied");
    assert_int_equal(bw_bigquery_get_job(f->bq, NULL, "EU", "copy_1", &out, &f->err), BW_NOT_FOUND);
    fault(f, "bigquery.jobs.insert:cut-after:1:1");
    assert_int_equal(bw_bigquery_insert_job(f->bq, NULL, copy, &out, &f->err), BW_UNAVAILABLE);
    assert_true(f->err.maybe_acted);
    int64_t deadline = bw_mono_us(bw_clock_system()) + 60 * BW_SECOND;
    assert_ok(bw_bigquery_wait_job(f->bq, NULL, "EU", "copy_1", deadline, &out, &f->err), f->err);
    assert_ok(bw_bigquery_job_error(out, &f->err), f->err);
    json_decref(out);
    assert_int_equal(bw_bigquery_insert_job(f->bq, NULL, copy, &out, &f->err), BW_EXISTS);
    assert_ok(bw_bigquery_cancel_job(f->bq, NULL, "EU", "copy_1", &f->err), f->err);
    bw_table_ref copied = {.dataset = "shop", .table = "copied"};
    assert_ok(bw_bigquery_get_table(f->bq, &copied, &out, &f->err), f->err);
    char rows[24];
    snprintf(rows, sizeof(rows), "%d", ROWS);
    assert_string_equal(json_string_value(json_object_get(out, "numRows")), rows);
    json_decref(out);
    json_decref(copy);
}

static void test_a_failed_job_says_why(void **state)
{
    fixture *f = *state;
    char id[32];
    json_t *job = load_job(f, id), *out;
    bw_slice data = BW_SLICE_LIT("{\"id\":\"not a number\"}\n");
    make_orders(f);
    assert_ok(bw_bigquery_load(f->bq, NULL, job, &data, 1, &out, &f->err), f->err);
    json_decref(out);
    int64_t deadline = bw_mono_us(bw_clock_system()) + 60 * BW_SECOND;
    assert_ok(bw_bigquery_wait_job(f->bq, NULL, "EU", id, deadline, &out, &f->err), f->err);
    assert_int_equal(bw_bigquery_job_error(out, &f->err), BW_INVALID);
    assert_false(f->err.retryable);
    json_decref(out);
    json_decref(job);
    /* A failure of the service instead: a new job may succeed. */
    fault(f, "bigquery.job.load:503/backendError:1:1");
    job = load_job(f, id);
    assert_ok(bw_bigquery_load(f->bq, NULL, job, &data, 1, &out, &f->err), f->err);
    json_decref(out);
    assert_ok(bw_bigquery_wait_job(f->bq, NULL, "EU", id, deadline, &out, &f->err), f->err);
    assert_int_equal(bw_bigquery_job_error(out, &f->err), BW_UNAVAILABLE);
    assert_true(f->err.retryable);
    json_decref(out);
    json_decref(job);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_datasets_and_tables),
        TEST(test_patch_with_an_etag),
        TEST(test_multipart_load),
        TEST(test_resumable_load),
        TEST(test_resumable_load_through_faults),
        TEST(test_expired_token_is_replaced),
        TEST(test_jobs),
        TEST(test_a_failed_job_says_why),
    };
    return BW_RUN_TESTS(tests);
}
