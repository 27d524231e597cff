/* Queries over REST: jobs.query, query jobs, results in pages, parameters, DML, dry runs, errors. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bigquery.h"
#include "tests/support/sandbox.h"

#define P "/bigquery/v2/projects/p"

typedef struct fixture {
    bw_test_sandbox *sandbox;
    bw_test_bq *bq;
    bw_test_http *http;
} fixture;

static int setup(void **state)
{
    static const char fields[] = "[{\"name\":\"id\",\"type\":\"INTEGER\"},{\"name\":\"s\",\"type\":"
                                 "\"STRING\"},{\"name\":\"ts\",\"type\":\"TIMESTAMP\"}]";
    fixture *f = bw_xcalloc(1, sizeof *f);
    f->sandbox = bw_test_sandbox_start(true, NULL);
    f->bq = bw_test_bq_new(bw_test_sandbox_url(f->sandbox), "p", "d");
    f->http = bw_test_bq_http(f->bq);
    bw_test_bq_table(f->bq, "t", fields, NULL);
    bw_test_bq_table(f->bq, "target", fields, NULL);
    free(bw_test_bq_load(f->bq, "t", NULL,
                         "{\"id\":1,\"s\":\"a\",\"ts\":\"2026-01-01T00:00:00Z\"}\n"
                         "{\"id\":2,\"s\":\"b\"}\n{\"id\":3}\n"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    bw_test_bq_free(f->bq);
    bw_test_sandbox_stop(f->sandbox);
    bw_test_sandbox_free(f->sandbox);
    free(f);
    return 0;
}

static void assert_body_at(fixture *f, const char *path, const char *expected)
{
    const char *value = bw_test_json_at(bw_test_http_body(f->http), path);
    if (strcmp(value, expected) != 0)
        fail_msg("%s is \"%s\", not \"%s\", in %s", path, value, expected,
                 bw_test_http_body(f->http));
}

static int query(fixture *f, const char *sql, const char *members)
{
    return bw_test_http_json(f->http, "POST", P "/queries?prettyPrint=false",
                             "{\"query\":\"%s\",\"useLegacySql\":false,\"defaultDataset\":"
                             "{\"datasetId\":\"d\"}%s}",
                             sql, members);
}

static void a_query_answers_with_schema_and_rows(void **state)
{
    fixture *f = *state;
    assert_int_equal(query(f, "SELECT id, s, ts FROM t ORDER BY id",
                           ",\"formatOptions\":{\"useInt64Timestamp\":true}"),
                     200);
    assert_body_at(f, "kind", "bigquery#queryResponse");
    assert_body_at(f, "jobComplete", "true");
    assert_body_at(f, "schema.fields.1.name", "s");
    assert_body_at(f, "schema.fields.1.type", "STRING");
    assert_body_at(f, "totalRows", "3");
    assert_body_at(f, "rows.0.f.2.v", "1767225600000000");
    assert_body_at(f, "rows.2.f.1.v", "null");
    assert_body_at(f, "jobReference.location", "US");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "pageToken"));
    /* The job stays. */
    char *id = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "jobReference.jobId"));
    char *job = bw_test_bq_wait(f->bq, id, NULL);
    assert_string_equal(bw_test_json_at(job, "statistics.query.statementType"), "SELECT");
    assert_true(bw_test_json_has(job, "configuration.query.destinationTable.tableId"));
    free(job);
    free(id);
}

static void results_come_in_pages(void **state)
{
    fixture *f = *state;
    assert_int_equal(query(f, "SELECT id FROM t ORDER BY id", ",\"maxResults\":2"), 200);
    assert_body_at(f, "rows.1.f.0.v", "2");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "rows.2"));
    char *id = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "jobReference.jobId"));
    char *token = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "pageToken"));
    static const char url[] = P "/queries/%s?location=US&%s%s";
    assert_int_equal(bw_test_http_get(f->http, url, id, "pageToken=", token), 200);
    assert_body_at(f, "kind", "bigquery#getQueryResultsResponse");
    assert_body_at(f, "rows.0.f.0.v", "3");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "pageToken"));
    assert_int_equal(bw_test_http_get(f->http, url, id, "startIndex=1&maxResults=", "1"), 200);
    assert_body_at(f, "rows.0.f.0.v", "2");
    assert_int_equal(bw_test_http_get(f->http, url, id, "maxResults=", "0"), 200);
    assert_body_at(f, "totalRows", "3");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "rows"));
    assert_int_equal(bw_test_http_get(f->http, url, "none", "", ""), 404);
    free(token);
    free(id);
}

static void a_slow_query_is_not_complete_at_once(void **state)
{
    fixture *f = *state;
    bw_test_http_json(f->http, "POST", "/sandbox/faults", "bigquery.job.query:latency=400ms:1:1");
    assert_int_equal(query(f, "SELECT 1", ",\"timeoutMs\":50"), 200);
    assert_body_at(f, "jobComplete", "false");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "rows"));
    char *id = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "jobReference.jobId"));
    assert_int_equal(bw_test_http_get(f->http, P "/queries/%s?timeoutMs=1", id), 200);
    assert_body_at(f, "jobComplete", "false");
    assert_int_equal(bw_test_http_get(f->http, P "/queries/%s?timeoutMs=20000", id), 200);
    assert_body_at(f, "jobComplete", "true");
    assert_body_at(f, "rows.0.f.0.v", "1");
    free(id);
}

static void the_same_request_id_is_the_same_job(void **state)
{
    fixture *f = *state;
    static const char insert[] = "INSERT INTO target (id) VALUES (77)";
    char *first;
    assert_int_equal(query(f, insert, ",\"requestId\":\"once\""), 200);
    assert_body_at(f, "numDmlAffectedRows", "1");
    first = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "jobReference.jobId"));
    assert_int_equal(query(f, insert, ",\"requestId\":\"once\""), 200);
    assert_body_at(f, "jobReference.jobId", first);
    char *rows = bw_test_bq_query(f->bq, "SELECT COUNT(*) FROM target WHERE id = 77");
    assert_string_equal(rows, "1\n");
    free(rows);
    free(first);
}

/* The rows of a result are a table, for queries, for copies and for pages, in any order of these. */
static void a_result_is_a_table(void **state)
{
    fixture *f = *state;
    assert_int_equal(query(f, "SELECT x, [x, NULL IS NULL] AS a FROM UNNEST([3, 1, 2]) AS x", ""),
                     400); /* arrays of one type only */
    assert_int_equal(
        query(f,
              "SELECT x, [x, x + 1] AS a, STRUCT(x AS y) AS s FROM UNNEST([3, 1, 2]) AS x "
              "ORDER BY x DESC",
              ""),
        200);
    char *job = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "jobReference.jobId"));
    assert_int_equal(bw_test_http_get(f->http, P "/jobs/%s", job), 200);
    char *table = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http),
                                             "configuration.query.destinationTable.tableId"));
    char *dataset = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http),
                                               "configuration.query.destinationTable.datasetId"));
    assert_int_equal(bw_test_http_get(f->http, P "/queries/%s?maxResults=1&startIndex=1", job),
                     200);
    assert_body_at(f, "rows.0.f.0.v", "2");
    char *sql =
        bw_xasprintf("SELECT SUM(x), SUM(s.y), SUM(a[OFFSET(1)]) FROM `p.%s.%s`", dataset, table);
    for (int i = 0; i < 2; i++) {
        char *rows = bw_test_bq_query(f->bq, sql);
        assert_string_equal(rows, "6|6|9\n");
        free(rows);
        assert_int_equal(bw_test_http_get(f->http, P "/queries/%s", job), 200);
        assert_body_at(f, "rows.0.f.0.v", "3");
        assert_body_at(f, "rows.2.f.1.v.1.v", "2");
        assert_body_at(f, "totalRows", "3");
    }
    free(sql);
    free(job);
    free(table);
    free(dataset);
}

/* Every type there is as a parameter, alone and as an element of an array. */
static void parameters_of_every_type(void **state)
{
    fixture *f = *state;
    static const char *const types[][3] = {
        {"INT64", "-5", "-5"},
        {"FLOAT64", "1.5", "1.5"},
        {"BOOL", "true", "true"},
        {"STRING", "x", "x"},
        {"BYTES", "aGk=", "aGk="},
        {"DATE", "2020-01-02", "2020-01-02"},
        {"TIME", "01:02:03", "01:02:03"},
        {"DATETIME", "2020-01-02 03:04:05", "2020-01-02T03:04:05"},
        {"TIMESTAMP", "2020-01-02T03:04:05Z", "1.577934245E9"},
        {"NUMERIC", "1.23", "1.23"},
        {"BIGNUMERIC", "1.23", "1.23"},
        {"JSON", "[1]", "[1]"},
        {"INTERVAL", "1-2 3 4:5:6", "1-2 3 4:5:6"},
        {"GEOGRAPHY", "POINT(1 2)", "POINT(1 2)"},
    };
    for (size_t i = 0; i < BW_COUNT(types); i++) {
        int status = bw_test_http_json(
            f->http, "POST", P "/queries",
            "{\"query\":\"SELECT ?, s.a[OFFSET(0)] FROM (SELECT ? AS s)\",\"useLegacySql\":false,"
            "\"parameterMode\":\"POSITIONAL\",\"queryParameters\":["
            "{\"parameterType\":{\"type\":\"%s\"},\"parameterValue\":{\"value\":\"%s\"}},"
            "{\"parameterType\":{\"type\":\"STRUCT\",\"structTypes\":[{\"name\":\"a\",\"type\":"
            "{\"type\":\"ARRAY\",\"arrayType\":{\"type\":\"%s\"}}}]},\"parameterValue\":"
            "{\"structValues\":{\"a\":{\"arrayValues\":[{\"value\":\"%s\"}]}}}}]}",
            types[i][0], types[i][1], types[i][0], types[i][1]);
        if (status != 200)
            fail_msg("%s: %d %s", types[i][0], status, bw_test_http_body(f->http));
        assert_body_at(f, "rows.0.f.0.v", types[i][2]);
        assert_body_at(f, "rows.0.f.1.v", types[i][2]);
    }
}

#define RANGE_OF(type) \
    "\"parameterType\":{\"type\":\"RANGE\",\"rangeElementType\":{\"type\":\"" type "\"}}"

static void parameters_are_ranges(void **state)
{
    fixture *f = *state;
    static const char *const cases[][3] = {
        {RANGE_OF("DATE"),
         "\"start\":{\"value\":\"2020-01-01\"},\"end\":{\"value\":\"2020-12-31\"}",
         "[2020-01-01, 2020-12-31)"},
        {RANGE_OF("DATETIME"), "\"start\":{\"value\":\"2020-01-01 02:03:04\"}",
         "[2020-01-01T02:03:04, UNBOUNDED)"},
        {RANGE_OF("TIMESTAMP"),
         "\"start\":{\"value\":\"UNBOUNDED\"},\"end\":{\"value\":\"2020-01-02T03:04:05Z\"}",
         "[UNBOUNDED, 1.577934245E9)"},
        {RANGE_OF("DATE"), "", "[UNBOUNDED, UNBOUNDED)"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int status = bw_test_http_json(
            f->http, "POST", P "/queries",
            "{\"query\":\"SELECT @r, [@r]\",\"useLegacySql\":false,\"parameterMode\":\"NAMED\","
            "\"queryParameters\":[{\"name\":\"r\",%s,\"parameterValue\":{\"rangeValue\":{%s}}}]}",
            cases[i][0], cases[i][1]);
        if (status != 200)
            fail_msg("%s: %d %s", cases[i][2], status, bw_test_http_body(f->http));
        assert_body_at(f, "schema.fields.0.type", "RANGE");
        assert_body_at(f, "rows.0.f.0.v", cases[i][2]);
        assert_body_at(f, "rows.0.f.1.v.0.v", cases[i][2]);
    }
    static const char wrong[] =
        "{\"query\":\"SELECT ?\",\"useLegacySql\":false,\"queryParameters\":[{%s,"
        "\"parameterValue\":{\"rangeValue\":{\"start\":{\"value\":\"%s\"},\"end\":{\"value\":"
        "\"2020-01-01\"}}}}]}";
    assert_int_equal(
        bw_test_http_json(f->http, "POST", P "/queries", wrong, RANGE_OF("DATE"), "soon"), 400);
    assert_int_equal(
        bw_test_http_json(f->http, "POST", P "/queries", wrong, RANGE_OF("DATE"), "2020-01-01"),
        400);
    assert_int_equal(
        bw_test_http_json(f->http, "POST", P "/queries", wrong, RANGE_OF("INT64"), "1"), 400);
}

/* The type in a table's schema, and rows by load jobs, both ways to write a range. */
static void ranges_are_loaded(void **state)
{
    fixture *f = *state;
    static const char schema[] = ",\"schema\":{\"fields\":[{\"name\":\"r\",\"type\":\"RANGE\","
                                 "\"rangeElementType\":{\"type\":\"DATE\"}}]}";
    free(bw_test_bq_load(f->bq, "ranges", schema,
                         "{\"r\":{\"start\":\"2024-01-01\",\"end\":null}}\n"
                         "{\"r\":\"[2024-01-02, 2024-01-03)\"}\n{\"r\":null}\n"));
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/ranges"), 200);
    assert_body_at(f, "schema.fields.0.rangeElementType.type", "DATE");
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/ranges/data"), 200);
    assert_body_at(f, "rows.0.f.0.v", "[2024-01-01, UNBOUNDED)");
    assert_body_at(f, "rows.1.f.0.v", "[2024-01-02, 2024-01-03)");
}

static void parameters_have_types(void **state)
{
    fixture *f = *state;
    assert_int_equal(
        query(
            f, "SELECT @a + 1, @s, @n IS NULL, ARRAY_LENGTH(@l)",
            ",\"parameterMode\":\"named\",\"queryParameters\":["
            "{\"name\":\"a\",\"parameterType\":{\"type\":\"INT64\"},\"parameterValue\":{\"value\":"
            "41}},"
            "{\"name\":\"s\",\"parameterType\":{\"type\":\"STRING\"},\"parameterValue\":{\"value\":"
            "\"\\u00e9\"}},"
            "{\"name\":\"n\",\"parameterType\":{\"type\":\"DATE\"},\"parameterValue\":{\"value\":"
            "null}},"
            "{\"name\":\"l\",\"parameterType\":{\"type\":\"ARRAY\",\"arrayType\":{\"type\":"
            "\"STRING\"}},\"parameterValue\":{\"arrayValues\":[{\"value\":\"x\"},{\"value\":"
            "\"y\"}]}}]"),
        200);
    assert_body_at(f, "rows.0.f.0.v", "42");
    assert_body_at(f, "rows.0.f.1.v", "\xc3\xa9");
    assert_body_at(f, "rows.0.f.2.v", "true");
    assert_body_at(f, "rows.0.f.3.v", "2");
    assert_int_equal(query(f, "SELECT ?",
                           ",\"queryParameters\":[{\"parameterType\":{\"type\":\"INT64\"},"
                           "\"parameterValue\":{\"value\":\"x\"}}]"),
                     400);
}

/* The statements of a script are jobs of their own, which are listed for it alone. */
static void a_script_has_child_jobs(void **state)
{
    fixture *f = *state;
    static const char body[] =
        "{\"configuration\":{\"query\":{\"query\":\"CREATE TABLE d.%s (x INT64);\\n"
        "INSERT INTO d.%s VALUES (1), (2); SELECT SUM(x) AS s FROM "
        "d.%s%s\",\"useLegacySql\":false}},"
        "\"jobReference\":{\"jobId\":\"%s\",\"location\":\"US\"}}";
    assert_int_equal(bw_test_http_json(f->http, "POST", P "/jobs", body, "scripted", "scripted",
                                       "scripted", "", "script1"),
                     200);
    char *job = bw_test_bq_wait(f->bq, "script1", NULL);
    assert_string_equal(bw_test_json_at(job, "statistics.query.statementType"), "SCRIPT");
    assert_string_equal(bw_test_json_at(job, "statistics.numChildJobs"), "3");
    assert_false(bw_test_json_has(job, "status.errorResult"));
    free(job);
    assert_int_equal(bw_test_http_get(f->http, P "/queries/script1"), 200);
    assert_body_at(f, "rows.0.f.0.v", "3");
    assert_int_equal(bw_test_http_get(f->http, P "/jobs?parentJobId=script1"), 200);
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "jobs.3.id"));
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof(path), "jobs.%d.statistics.parentJobId", i);
        assert_body_at(f, path, "script1");
    }
    char *child =
        bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "jobs.0.jobReference.jobId"));
    assert_int_equal(bw_test_http_get(f->http, P "/jobs/%s", child), 200);
    assert_body_at(f, "status.state", "DONE");
    assert_body_at(f, "statistics.scriptStatistics.evaluationKind", "STATEMENT");
    free(child);
    /* Its children, which are newer, are not listed. */
    assert_int_equal(bw_test_http_get(f->http, P "/jobs?maxResults=1"), 200);
    assert_body_at(f, "jobs.0.jobReference.jobId", "script1");

    /* One that fails keeps what it has done. */
    assert_int_equal(bw_test_http_json(f->http, "POST", P "/jobs", body, "partly", "partly",
                                       "partly", " WHERE nothing", "script2"),
                     200);
    job = bw_test_bq_wait(f->bq, "script2", NULL);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "invalidQuery");
    assert_string_equal(bw_test_json_at(job, "statistics.numChildJobs"), "2");
    free(job);
    char *rows = bw_test_bq_rows(f->bq, "partly");
    assert_string_equal(rows, "1\n2\n");
    free(rows);
}

static void a_query_job_writes_where_it_is_told(void **state)
{
    fixture *f = *state;
    static const char body[] =
        "{\"configuration\":{\"query\":{\"query\":\"SELECT id FROM d.t WHERE id > 1\","
        "\"useLegacySql\":false,\"destinationTable\":{\"projectId\":\"p\",\"datasetId\":\"d\","
        "\"tableId\":\"written\"}%s}},\"jobReference\":{\"jobId\":\"%s\",\"location\":\"US\"}}";
    assert_int_equal(bw_test_http_json(f->http, "POST", P "/jobs", body, "", "qw1"), 200);
    assert_body_at(f, "status.state", "PENDING");
    char *job = bw_test_bq_wait(f->bq, "qw1", NULL);
    assert_false(bw_test_json_has(job, "status.errorResult"));
    free(job);
    char *rows = bw_test_bq_rows(f->bq, "written");
    assert_string_equal(rows, "2\n3\n");
    free(rows);
    bw_test_http_json(f->http, "POST", P "/jobs", body, "", "qw2");
    job = bw_test_bq_wait(f->bq, "qw2", NULL); /* WRITE_EMPTY is the default */
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "duplicate");
    free(job);
    bw_test_http_json(f->http, "POST", P "/jobs", body, ",\"writeDisposition\":\"WRITE_APPEND\"",
                      "qw3");
    free(bw_test_bq_wait(f->bq, "qw3", NULL));
    rows = bw_test_bq_rows(f->bq, "written");
    assert_string_equal(rows, "2\n3\n2\n3\n");
    free(rows);
}

/* Long enough that the query is run beside the catalog. */
#define SLOW                                                                                     \
    "(SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 2500)) x, UNNEST(GENERATE_ARRAY(1, 2500)) y" \
    " WHERE x < y)"

static void a_long_query_gives_what_a_short_one_gives(void **state)
{
    fixture *f = *state;
    static const char body[] =
        "{\"configuration\":{\"query\":{\"query\":\"SELECT id + %s AS id, [id, 7] AS w FROM d.t\","
        "\"useLegacySql\":false,\"destinationTable\":{\"projectId\":\"p\",\"datasetId\":\"d\","
        "\"tableId\":\"slowly\"},\"writeDisposition\":\"WRITE_APPEND\"%s}},"
        "\"jobReference\":{\"jobId\":\"%s\",\"location\":\"US\"}}";
    char *rows = bw_test_bq_query(f->bq, "SELECT " SLOW " AS n, id, s, ts, [id, 7] AS w,"
                                         " STRUCT(id AS a, s AS b) AS r FROM d.t"
                                         " WHERE id = 3");
    assert_string_equal(rows, "3123750|3|NULL|NULL|[{\"v\":\"3\"},{\"v\":\"7\"}]|"
                              "{\"f\":[{\"v\":\"3\"},{\"v\":null}]}\n");
    free(rows);
    assert_int_equal(bw_test_http_json(f->http, "POST", P "/jobs", body, SLOW, "", "slow1"), 200);
    free(bw_test_bq_wait(f->bq, "slow1", NULL));
    /* The second adds to what is there, in another order of columns, and a column. */
    bw_test_http_json(f->http, "POST", P "/jobs", body, "0*" SLOW " AS more, id",
                      ",\"schemaUpdateOptions\":[\"ALLOW_FIELD_ADDITION\"]", "slow2");
    char *job = bw_test_bq_wait(f->bq, "slow2", NULL);
    assert_false(bw_test_json_has(job, "status.errorResult"));
    free(job);
    rows = bw_test_bq_rows(f->bq, "slowly");
    assert_string_equal(rows, "3123751|[{\"v\":\"1\"},{\"v\":\"7\"}]|NULL\n"
                              "3123752|[{\"v\":\"2\"},{\"v\":\"7\"}]|NULL\n"
                              "3123753|[{\"v\":\"3\"},{\"v\":\"7\"}]|NULL\n"
                              "1|[{\"v\":\"1\"},{\"v\":\"7\"}]|1\n"
                              "2|[{\"v\":\"2\"},{\"v\":\"7\"}]|2\n"
                              "3|[{\"v\":\"3\"},{\"v\":\"7\"}]|3\n");
    free(rows);
    assert_int_equal(
        bw_test_http_json(f->http, "POST", P "/jobs",
                          "{\"configuration\":{\"query\":{\"query\":\"SELECT ERROR(CONCAT('no ',"
                          " CAST(" SLOW " AS STRING)))\",\"useLegacySql\":false}},"
                          "\"jobReference\":{\"jobId\":\"slow3\",\"location\":\"US\"}}"),
        200);
    job = bw_test_bq_wait(f->bq, "slow3", NULL);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.message"), "no 3123750");
    free(job);
}

static void a_merge_reports_what_it_did(void **state)
{
    fixture *f = *state;
    free(bw_test_bq_query(f->bq, "DELETE FROM target WHERE TRUE"));
    free(bw_test_bq_query(f->bq, "INSERT INTO target (id, s) VALUES (1, 'old'), (9, 'gone')"));
    assert_int_equal(
        bw_test_http_json(
            f->http, "POST", P "/jobs",
            "{\"configuration\":{\"query\":{\"query\":\"MERGE d.target T USING d.t S ON T.id = "
            "S.id "
            "WHEN MATCHED THEN UPDATE SET s = S.s WHEN NOT MATCHED THEN INSERT (id, s) VALUES "
            "(S.id, S.s) WHEN NOT MATCHED BY SOURCE THEN DELETE\",\"useLegacySql\":false},"
            "\"labels\":{\"a\":\"b\"}},\"jobReference\":{\"jobId\":\"merge1\"}}"),
        200);
    char *job = bw_test_bq_wait(f->bq, "merge1", NULL);
    assert_string_equal(bw_test_json_at(job, "statistics.query.statementType"), "MERGE");
    assert_string_equal(bw_test_json_at(job, "statistics.query.numDmlAffectedRows"), "4");
    assert_string_equal(bw_test_json_at(job, "statistics.query.dmlStats.insertedRowCount"), "2");
    assert_string_equal(bw_test_json_at(job, "statistics.query.dmlStats.updatedRowCount"), "1");
    assert_string_equal(bw_test_json_at(job, "statistics.query.dmlStats.deletedRowCount"), "1");
    assert_string_equal(bw_test_json_at(job, "configuration.labels.a"), "b");
    free(job);
    char *rows = bw_test_bq_query(f->bq, "SELECT id, s FROM target ORDER BY id");
    assert_string_equal(rows, "1|a\n2|b\n3|NULL\n");
    free(rows);
}

static void a_dry_run_estimates_and_changes_nothing(void **state)
{
    fixture *f = *state;
    assert_int_equal(query(f, "SELECT id FROM t", ",\"dryRun\":true"), 200);
    assert_body_at(f, "totalBytesProcessed", "24");
    assert_body_at(f, "schema.fields.0.name", "id");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "rows"));
    assert_int_equal(
        bw_test_http_json(f->http, "POST", P "/jobs",
                          "{\"configuration\":{\"dryRun\":true,\"query\":{\"query\":\"DELETE FROM "
                          "d.t WHERE id = 1\",\"useLegacySql\":false}},\"jobReference\":{\"jobId\":"
                          "\"dry1\"}}"),
        200);
    assert_body_at(f, "status.state", "DONE");
    assert_body_at(f, "statistics.query.statementType", "DELETE");
    assert_int_equal(bw_test_http_get(f->http, P "/jobs/dry1?location=US"), 404);
    char *rows = bw_test_bq_query(f->bq, "SELECT COUNT(*) FROM t");
    assert_string_equal(rows, "3\n");
    free(rows);
    assert_int_equal(query(f, "SELECT nope FROM t", ",\"dryRun\":true"), 400);
}

static void failures_are_http_errors_here_and_results_there(void **state)
{
    fixture *f = *state;
    assert_int_equal(query(f, "SELEC 1", ""), 400);
    assert_body_at(f, "error.errors.0.reason", "invalidQuery");
    assert_body_at(f, "error.errors.0.location", "query");
    assert_int_equal(query(f, "SELECT * FROM none", ""), 404);
    assert_body_at(f, "error.errors.0.reason", "notFound");
    assert_int_equal(
        bw_test_http_json(f->http, "POST", P "/jobs",
                          "{\"configuration\":{\"query\":{\"query\":\"SELECT nope FROM d.t\","
                          "\"useLegacySql\":false}},\"jobReference\":{\"jobId\":\"bad1\"}}"),
        200);
    char *job = bw_test_bq_wait(f->bq, "bad1", NULL);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "invalidQuery");
    free(job);
    assert_int_equal(bw_test_http_get(f->http, P "/queries/bad1?location=US"), 400);
    assert_body_at(f, "error.errors.0.reason", "invalidQuery");
    assert_int_equal(query(f, "SELECT 1", ",\"maximumBytesBilled\":\"0\",\"timeoutMs\":-1"), 400);
}

static void a_query_survives_a_kill_with_its_result(void **state)
{
    fixture *f = *state;
    assert_int_equal(query(f, "INSERT INTO target (id) VALUES (1000)", ""), 200);
    assert_int_equal(query(f, "SELECT id FROM t ORDER BY id DESC", ""), 200);
    char *id = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "jobReference.jobId"));
    bw_test_sandbox_restart(f->sandbox);
    assert_int_equal(bw_test_http_get(f->http, P "/queries/%s?location=US", id), 200);
    assert_body_at(f, "rows.0.f.0.v", "3");
    assert_body_at(f, "totalRows", "3");
    char *rows = bw_test_bq_query(f->bq, "SELECT COUNT(*) FROM target WHERE id = 1000");
    assert_string_equal(rows, "1\n");
    free(rows);
    free(id);
}

static void a_location_is_found_from_the_tables(void **state)
{
    fixture *f = *state;
    bw_test_http_json(f->http, "POST", P "/datasets",
                      "{\"datasetReference\":{\"datasetId\":\"eu_data\"},\"location\":\"EU\"}");
    int status = bw_test_http_json(
        f->http, "POST", P "/queries",
        "{\"query\":\"CREATE TABLE `p.eu_data.x` (a INT64)\",\"useLegacySql\":false}");
    assert_int_equal(status, 200);
    assert_body_at(f, "jobReference.location", "EU");
    status = bw_test_http_json(f->http, "POST", P "/queries",
                               "{\"query\":\"SELECT a FROM eu_data.x\",\"useLegacySql\":false,"
                               "\"location\":\"US\"}");
    assert_int_equal(status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_answers_with_schema_and_rows),
        cmocka_unit_test(results_come_in_pages),
        cmocka_unit_test(a_slow_query_is_not_complete_at_once),
        cmocka_unit_test(the_same_request_id_is_the_same_job),
        cmocka_unit_test(parameters_have_types),
        cmocka_unit_test(parameters_of_every_type),
        cmocka_unit_test(parameters_are_ranges),
        cmocka_unit_test(ranges_are_loaded),
        cmocka_unit_test(a_result_is_a_table),
        cmocka_unit_test(a_query_job_writes_where_it_is_told),
        cmocka_unit_test(a_script_has_child_jobs),
        cmocka_unit_test(a_long_query_gives_what_a_short_one_gives),
        cmocka_unit_test(a_merge_reports_what_it_did),
        cmocka_unit_test(a_dry_run_estimates_and_changes_nothing),
        cmocka_unit_test(failures_are_http_errors_here_and_results_there),
        cmocka_unit_test(a_query_survives_a_kill_with_its_result),
        cmocka_unit_test(a_location_is_found_from_the_tables),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
