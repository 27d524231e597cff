/* Load jobs: dispositions, schema changes, row errors in BigQuery's words, all or nothing. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bigquery.h"
#include "tests/integration/sandbox/fixture.h"
#include "tests/support/sandbox.h"

#define P      "/bigquery/v2/projects/p"
#define FIELDS "{\"name\":\"n\",\"type\":\"INTEGER\"},{\"name\":\"s\",\"type\":\"STRING\"}"
#define SCHEMA ",\"schema\":{\"fields\":[" FIELDS "]}"

static void assert_rows(fixture *f, const char *table, const char *expected)
{
    char *rows = bw_test_bq_rows(f->bq, table);
    assert_string_equal(rows, expected);
    free(rows);
}

/* Loads and expects success. */
static void load(fixture *f, const char *table, const char *members, const char *data)
{
    char *job = bw_test_bq_load(f->bq, table, members, data);
    if (bw_test_json_has(job, "status.errorResult"))
        fail_msg("%s", job);
    free(job);
}

/* Loads and expects a failure with this reason, whose message or row error holds `part`. */
static void load_fails(fixture *f, const char *table, const char *members, const char *data,
                       const char *reason, const char *part)
{
    char *job = bw_test_bq_load(f->bq, table, members, data);
    if (strcmp(bw_test_json_at(job, "status.errorResult.reason"), reason) != 0 ||
        !strstr(job, part))
        fail_msg("expected %s and \"%s\": %s", reason, part, job);
    free(job);
}

static void a_load_creates_its_table(void **state)
{
    fixture *f = *state;
    load(f, "created", SCHEMA ",\"timePartitioning\":{\"type\":\"DAY\"}",
         "{\"n\":1,\"s\":\"a\"}\n");
    load(f, "created", NULL, "{\"n\":\"2\"}\n\n{\"s\":\"c\"}");
    assert_rows(f, "created", "1|a\n2|NULL\nNULL|c\n");
    bw_test_http_get(f->http, P "/datasets/d/tables/created");
    assert_string_equal(bw_test_json_at(bw_test_http_body(f->http), "timePartitioning.type"),
                        "DAY");
    load_fails(f, "never", SCHEMA ",\"createDisposition\":\"CREATE_NEVER\"", "{}\n", "notFound",
               "Not found: Table p:d.never");
}

static void a_decorator_is_one_partition(void **state)
{
    static const char schema[] =
        ",\"schema\":{\"fields\":[{\"name\":\"d\",\"type\":\"DATE\"},{\"name\":\"n\",\"type\":"
        "\"INTEGER\"}]},\"timePartitioning\":{\"type\":\"DAY\",\"field\":\"d\"}";
    fixture *f = *state;
    load(f, "parts", schema, "{\"d\":\"2024-01-31\",\"n\":1}\n{\"d\":\"2024-02-01\",\"n\":2}\n");
    load(f, "parts$20240131", ",\"writeDisposition\":\"WRITE_TRUNCATE\"",
         "{\"d\":\"2024-01-31\",\"n\":10}\n{\"d\":\"2024-01-31\",\"n\":11}\n");
    assert_rows(f, "parts", "2024-02-01|2\n2024-01-31|10\n2024-01-31|11\n");
    load(f, "parts$20240201", NULL, "{\"d\":\"2024-02-01\",\"n\":3}\n");
    bw_test_http_get(f->http, P "/datasets/d/tables/parts");
    assert_string_equal(bw_test_json_at(bw_test_http_body(f->http), "numRows"), "4");
    assert_string_equal(bw_test_json_at(bw_test_http_body(f->http), "numBytes"), "64");
    load_fails(f, "parts$20240201", NULL, "{\"d\":\"2024-02-02\",\"n\":3}\n", "invalid",
               "Some rows belong to different partitions rather than destination partition "
               "20240201");
    load_fails(f, "parts$202402", NULL, "{\"d\":\"2024-02-02\"}\n", "invalid",
               "Invalid partition decorator $202402");
    load(f, "whole", SCHEMA, "{\"n\":1}\n");
    load_fails(f, "whole$20240201", NULL, "{\"n\":1}\n", "invalid", "a table that has none");
    char *rows = bw_test_bq_query(f->bq, "SELECT COUNT(*) FROM d.parts");
    assert_string_equal(rows, "4\n");
    free(rows);
}

static void dispositions_do_what_they_say(void **state)
{
    fixture *f = *state;
    load(f, "disposed", SCHEMA, "{\"n\":1,\"s\":\"a\"}\n");
    load_fails(f, "disposed", ",\"writeDisposition\":\"WRITE_EMPTY\"", "{\"n\":2}\n", "duplicate",
               "Already Exists: Table p:d.disposed");
    assert_rows(f, "disposed", "1|a\n");
    load(f, "disposed", ",\"writeDisposition\":\"WRITE_TRUNCATE_DATA\"", "{\"n\":2}\n");
    assert_rows(f, "disposed", "2|NULL\n");
    load(f, "disposed",
         ",\"writeDisposition\":\"WRITE_TRUNCATE\",\"schema\":{\"fields\":[{\"name\":\"z\","
         "\"type\":\"BOOLEAN\"}]}",
         "{\"z\":true}\n");
    assert_rows(f, "disposed", "true\n");
    load(f, "disposed", ",\"writeDisposition\":\"WRITE_TRUNCATE_DATA\"", "");
    load(f, "disposed", ",\"writeDisposition\":\"WRITE_EMPTY\"", "{\"z\":false}\n");
    assert_rows(f, "disposed", "false\n");
    int status =
        bw_test_bq_upload(f->bq, "disposed", NULL, ",\"writeDisposition\":\"WRITE_OVER\"", "", 0);
    assert_int_equal(status, 400);
}

static void a_schema_grows_only_when_allowed(void **state)
{
    fixture *f = *state;
    static const char wider[] =
        ",\"schema\":{\"fields\":[" FIELDS ",{\"name\":\"extra\",\"type\":\"DATE\"}]}";
    char allowed[512];
    load(f, "grown", SCHEMA, "{\"n\":1}\n");
    load_fails(f, "grown", wider, "{\"n\":2,\"extra\":\"2026-01-01\"}\n", "invalid",
               "Provided Schema does not match Table p:d.grown");
    snprintf(allowed, sizeof allowed, "%s,\"schemaUpdateOptions\":[\"ALLOW_FIELD_ADDITION\"]",
             wider);
    load(f, "grown", allowed, "{\"n\":2,\"extra\":\"2026-01-01\"}\n");
    assert_rows(f, "grown", "1|NULL|NULL\n2|NULL|2026-01-01\n");
}

static void a_bad_row_fails_the_load_and_is_named(void **state)
{
    fixture *f = *state;
    static const char data[] = "{\"n\":1,\"s\":\"ok\"}\n{\"n\":\"x\"}\n{\"n\":3}\n";
    load(f, "rows", SCHEMA, "{\"n\":0}\n");
    char *job = bw_test_bq_load(f->bq, "rows", NULL, data);
    assert_string_equal(bw_test_json_at(job, "status.state"), "DONE");
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "invalid");
    assert_string_equal(
        bw_test_json_at(job, "status.errorResult.message"),
        "Error while reading data, error message: JSON table encountered too many errors, giving "
        "up. Rows: 2; errors: 1. Please look into the errors[] collection for more details.");
    assert_string_equal(bw_test_json_at(job, "status.errors.1.reason"), "invalid");
    assert_string_equal(bw_test_json_at(job, "status.errors.1.message"),
                        "Error while reading data, error message: JSON parsing error in row "
                        "starting at position 17: Could not convert value to integer. Field: n; "
                        "Value: x");
    free(job);
    assert_rows(f, "rows", "0|NULL\n");
    load_fails(f, "rows", NULL, "{\"n\":1}\n{\"n\":2,\"zz\":1}\n", "invalid",
               "row starting at position 8: No such field: zz.");
    load_fails(f, "rows", NULL, "{\"n\":1}\nnonsense\n", "invalid", "row starting at position 8:");
    load_fails(f, "rows", NULL, "{\"n\":9223372036854775808}\n", "invalid", "position 0:");
    load_fails(f, "rows", NULL, "{\"s\":\"\xff\"}\n", "invalid", "position 0:");
    load_fails(f, "rows", NULL, "[1,2]\n", "invalid", "position 0:");
    assert_rows(f, "rows", "0|NULL\n");
}

static void bad_records_can_be_tolerated(void **state)
{
    fixture *f = *state;
    char *job = bw_test_bq_load(f->bq, "tolerant", SCHEMA ",\"maxBadRecords\":2",
                                "{\"n\":1}\n{\"n\":\"x\"}\n{bad\n{\"n\":4}\n");
    assert_false(bw_test_json_has(job, "status.errorResult"));
    assert_string_equal(bw_test_json_at(job, "statistics.load.badRecords"), "2");
    assert_string_equal(bw_test_json_at(job, "statistics.load.outputRows"), "2");
    assert_true(bw_test_json_has(job, "status.errors.1"));
    free(job);
    assert_rows(f, "tolerant", "1|NULL\n4|NULL\n");
    load_fails(f, "tolerant", ",\"maxBadRecords\":1", "{\"n\":\"x\"}\n{\"n\":\"y\"}\n{\"n\":1}\n",
               "invalid", "errors: 2");
    load(f, "tolerant", ",\"ignoreUnknownValues\":true", "{\"n\":5,\"zz\":{\"a\":[1]}}\n");
    assert_rows(f, "tolerant", "1|NULL\n4|NULL\n5|NULL\n");
}

static void required_columns_are_required(void **state)
{
    fixture *f = *state;
    bw_test_bq_table(f->bq, "strict",
                     "[{\"name\":\"id\",\"type\":\"INTEGER\",\"mode\":\"REQUIRED\"},"
                     "{\"name\":\"a\",\"type\":\"STRING\",\"mode\":\"REPEATED\"}]",
                     NULL);
    load_fails(f, "strict", NULL, "{\"a\":[]}\n", "invalid", "id");
    load_fails(f, "strict", NULL, "{\"id\":null}\n", "invalid", "id");
    load_fails(f, "strict", NULL, "{\"id\":1,\"a\":[\"x\",null]}\n", "invalid", "a");
    load(f, "strict", NULL, "{\"id\":1,\"a\":[\"x\",\"\"]}\n{\"id\":2}\n");
    assert_rows(f, "strict", "1|[{\"v\":\"x\"},{\"v\":\"\"}]\n2|[]\n");
}

static void csv_is_read_by_its_options(void **state)
{
    fixture *f = *state;
    load(f, "csv", SCHEMA ",\"sourceFormat\":\"CSV\",\"skipLeadingRows\":1",
         "n,s\r\n1,plain\r\n2,\"a, \"\"quoted\"\" one\"\n,\n-3,\"\"\n");
    assert_rows(f, "csv", "1|plain\n2|a, \"quoted\" one\nNULL|\n-3|\n");
    load(f, "csv",
         ",\"sourceFormat\":\"CSV\",\"writeDisposition\":\"WRITE_TRUNCATE_DATA\","
         "\"fieldDelimiter\":\"tab\",\"nullMarker\":\"NUL\",\"allowQuotedNewlines\":true,"
         "\"allowJaggedRows\":true,\"ignoreUnknownValues\":true,\"quote\":\"'\"",
         "1\tNUL\n2\n3\t'two\nlines''s'\textra\nNUL\t'NUL'\n");
    assert_rows(f, "csv", "1|NULL\n2|NULL\n3|two\nlines's\nNULL|NUL\n");
    load_fails(f, "csv", ",\"sourceFormat\":\"CSV\"", "1,a\nx,b\n", "invalid",
               "position 4: Could not parse 'x' as INT64 for field n (position 0)");
    load_fails(f, "csv", ",\"sourceFormat\":\"CSV\"", "1,a,b\n", "invalid", "Too many values");
    load_fails(f, "csv", ",\"sourceFormat\":\"CSV\"", "1\n", "invalid", "only 1 columns");
    load_fails(f, "csv", ",\"sourceFormat\":\"CSV\"", "1,\"a\nb\"\n", "invalid",
               "Missing close quote");
    load_fails(f, "csv", ",\"sourceFormat\":\"CSV\"", "1,\"a\"b\n", "invalid",
               "Data between close quote");
}

static void configurations_are_checked_before_bytes_count(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *configuration;
        int status;
    } cases[] = {
        {"{}", 400},
        {"{\"load\":{}}", 400},
        {"{\"load\":{\"destinationTable\":{\"datasetId\":\"d\"}}}", 400},
        {"{\"load\":{\"destinationTable\":{\"datasetId\":\"none\",\"tableId\":\"t\"},"
         "\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\"}}",
         404},
        {"{\"query\":{\"query\":\"SELECT 1\",\"useLegacySql\":false}}", 400},
        {"{\"extract\":{}}", 501},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int status = bw_test_http_json(f->http, "POST",
                                       "/upload/bigquery/v2/projects/p/jobs?uploadType=resumable",
                                       "{\"configuration\":%s}", cases[i].configuration);
        if (status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].configuration, status, bw_test_http_body(f->http));
    }
}

static void a_location_must_be_the_datasets(void **state)
{
    fixture *f = *state;
    bw_test_http_json(f->http, "POST", P "/datasets",
                      "{\"datasetReference\":{\"datasetId\":\"far\"},\"location\":"
                      "\"Europe-West3\"}");
    static const char start[] = "/upload/bigquery/v2/projects/p/jobs?uploadType=resumable";
    static const char body[] =
        "{\"configuration\":{\"load\":{\"destinationTable\":{\"datasetId\":\"far\",\"tableId\":"
        "\"t\"},\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\"" SCHEMA
        "}},\"jobReference\":{\"jobId\":\"far1\"%s}}";
    assert_int_equal(bw_test_http_json(f->http, "POST", start, body, ",\"location\":\"US\""), 404);
    assert_int_equal(bw_test_http_json(f->http, "POST", start, body, ""), 200);
    char *session = bw_xstrdup(bw_test_http_header(f->http, "Location"));
    int status = bw_test_http_json(f->http, "PUT", session, "{\"n\":1}");
    assert_int_equal(status, 200);
    assert_string_equal(bw_test_json_at(bw_test_http_body(f->http), "jobReference.location"),
                        "europe-west3");
    free(bw_test_bq_wait(f->bq, "far1", "europe-west3"));
    assert_int_equal(bw_test_http_get(f->http, P "/jobs/far1"), 404);
    free(session);
}

static void larger_loads_arrive_whole(void **state)
{
    fixture *f = *state;
    bw_buf data = BW_BUF_INIT;
    for (int i = 0; i < 200000; i++)
        bw_buf_addf(&data, "{\"n\":%d,\"s\":\"some text that takes up a little room %d\"}\n", i, i);
    for (int i = 0; i < 3; i++)
        load(f, "many", SCHEMA, bw_buf_cstr(&data));
    bw_buf_fini(&data);
    bw_test_http_get(f->http, P "/datasets/d/tables/many");
    assert_string_equal(bw_test_json_at(bw_test_http_body(f->http), "numRows"), "600000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_creates_its_table),
        cmocka_unit_test(a_decorator_is_one_partition),
        cmocka_unit_test(dispositions_do_what_they_say),
        cmocka_unit_test(a_schema_grows_only_when_allowed),
        cmocka_unit_test(a_bad_row_fails_the_load_and_is_named),
        cmocka_unit_test(bad_records_can_be_tolerated),
        cmocka_unit_test(required_columns_are_required),
        cmocka_unit_test(csv_is_read_by_its_options),
        cmocka_unit_test(configurations_are_checked_before_bytes_count),
        cmocka_unit_test(a_location_must_be_the_datasets),
        cmocka_unit_test(larger_loads_arrive_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
