/* Datasets, tables and tabledata over REST: shapes, rules of patching, paging, errors, bad input. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/bigquery.h"
#include "tests/integration/sandbox/fixture.h"
#include "tests/support/sandbox.h"

#define P "/bigquery/v2/projects/p"

static void assert_error(fixture *f, int status, int code, const char *reason, const char *part)
{
    const char *body = bw_test_http_body(f->http);
    if (status != code)
        fail_msg("status %d, not %d: %s", status, code, body);
    assert_body_at(f, "error.errors.0.reason", reason);
    assert_int_equal(strtol(bw_test_json_at(body, "error.code"), NULL, 10), code);
    if (!strstr(bw_test_json_at(body, "error.message"), part))
        fail_msg("no \"%s\" in %s", part, body);
}

/* ---- Datasets --------------------------------------------------------------------------------- */

static void datasets_are_made_changed_and_deleted(void **state)
{
    fixture *f = *state;
    int status = bw_test_http_json(f->http, "POST", P "/datasets",
                                   "{\"datasetReference\":{\"datasetId\":\"e\"},\"location\":"
                                   "\"eu\",\"labels\":{\"a\":\"1\"}}");
    assert_int_equal(status, 200);
    assert_body_at(f, "id", "p:e");
    assert_body_at(f, "location", "EU");
    status = bw_test_http_json(f->http, "POST", P "/datasets",
                               "{\"datasetReference\":{\"datasetId\":\"e\"}}");
    assert_error(f, status, 409, "duplicate", "Already Exists: Dataset p:e");
    status = bw_test_http_json(f->http, "PATCH", P "/datasets/e",
                               "{\"labels\":{\"a\":null,\"b\":\"2\"},\"description\":\"x\"}");
    assert_int_equal(status, 200);
    assert_body_at(f, "labels", "{\"b\":\"2\"}");
    assert_body_at(f, "description", "x");
    assert_int_equal(bw_test_http_get(f->http, "/projects/p/datasets?prettyPrint=false"), 200);
    assert_body_at(f, "datasets.0.id", "p:d");
    assert_body_at(f, "datasets.1.id", "p:e");
    assert_int_equal(bw_test_http_get(f->http, P "/datasets?maxResults=1"), 200);
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "datasets.1"));
    char *token = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "nextPageToken"));
    assert_int_equal(bw_test_http_get(f->http, P "/datasets?pageToken=%s", token), 200);
    assert_body_at(f, "datasets.0.id", "p:e");
    free(token);
    assert_int_equal(bw_test_http_json(f->http, "DELETE", P "/datasets/e", NULL), 204);
    assert_error(f, bw_test_http_get(f->http, P "/datasets/e"), 404, "notFound",
                 "Not found: Dataset p:e");
}

static void a_dataset_with_tables_is_not_deleted_by_accident(void **state)
{
    fixture *f = *state;
    bw_test_http_json(f->http, "POST", P "/datasets",
                      "{\"datasetReference\":{\"datasetId\":\"full\"}}");
    int status = bw_test_http_json(f->http, "POST", P "/datasets/full/tables",
                                   "{\"tableReference\":{\"tableId\":\"t\"}}");
    assert_int_equal(status, 200);
    status = bw_test_http_json(f->http, "DELETE", P "/datasets/full", NULL);
    assert_int_equal(status, 400);
    status = bw_test_http_json(f->http, "DELETE", P "/datasets/full?deleteContents=true", NULL);
    assert_int_equal(status, 204);
}

static void projects_do_not_see_each_other(void **state)
{
    fixture *f = *state;
    assert_int_equal(bw_test_http_get(f->http, "/bigquery/v2/projects/other/datasets/d"), 404);
    assert_int_equal(bw_test_http_get(f->http, "/bigquery/v2/projects/other/datasets"), 200);
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "datasets.0"));
}

/* ---- Tables ----------------------------------------------------------------------------------- */

#define ID   "{\"name\":\"id\",\"type\":\"INTEGER\",\"mode\":\"REQUIRED\"}"
#define NAME "{\"name\":\"name\",\"type\":\"STRING\"}"

static void a_table_comes_back_as_it_was_made(void **state)
{
    fixture *f = *state;
    bw_test_bq_table(f->bq, "made", "[" ID "," NAME ",{\"name\":\"ts\",\"type\":\"TIMESTAMP\"}]",
                     ",\"timePartitioning\":{\"type\":\"DAY\",\"field\":\"ts\"},\"clustering\":"
                     "{\"fields\":[\"id\"]},\"labels\":{\"o\":\"x\"},\"description\":\"d\","
                     "\"expirationTime\":\"4102444800000\"");
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/made"), 200);
    assert_body_at(f, "id", "p:d.made");
    assert_body_at(f, "schema.fields.0.mode", "REQUIRED");
    assert_body_at(f, "schema.fields.2.type", "TIMESTAMP");
    assert_body_at(f, "timePartitioning", "{\"type\":\"DAY\",\"field\":\"ts\"}");
    assert_body_at(f, "clustering.fields.0", "id");
    assert_body_at(f, "labels.o", "x");
    assert_body_at(f, "expirationTime", "4102444800000");
    assert_body_at(f, "numRows", "0");
    assert_body_at(f, "type", "TABLE");
    int status = bw_test_http_json(f->http, "POST", P "/datasets/d/tables",
                                   "{\"tableReference\":{\"tableId\":\"made\"}}");
    assert_error(f, status, 409, "duplicate", "Already Exists: Table p:d.made");
    status = bw_test_http_json(f->http, "POST", P "/datasets/none/tables",
                               "{\"tableReference\":{\"tableId\":\"made\"}}");
    assert_error(f, status, 404, "notFound", "Not found: Dataset p:none");
}

static void a_patch_adds_and_relaxes_and_nothing_else(void **state)
{
    fixture *f = *state;
    static const char table[] = P "/datasets/d/tables/patched";
    static const char *const refused[] = {
        "[" NAME "]",                                        /* drops */
        "[" ID ",{\"name\":\"name\",\"type\":\"INTEGER\"}]", /* retypes */
        "[" ID "," NAME
        ",{\"name\":\"x\",\"type\":\"STRING\",\"mode\":\"REQUIRED\"}]",           /* must be */
        "[" ID ",{\"name\":\"name\",\"type\":\"STRING\",\"mode\":\"REQUIRED\"}]", /* tightens */
    };
    bw_test_bq_table(f->bq, "patched", "[" ID "," NAME "]", NULL);
    for (size_t i = 0; i < BW_COUNT(refused); i++) {
        int status =
            bw_test_http_json(f->http, "PATCH", table, "{\"schema\":{\"fields\":%s}}", refused[i]);
        assert_error(f, status, 400, "invalid", "Provided Schema does not match Table p:d.patched");
    }
    int status = bw_test_http_json(
        f->http, "PATCH", table,
        "{\"schema\":{\"fields\":[{\"name\":\"id\",\"type\":\"INT64\",\"mode\":\"NULLABLE\"}," NAME
        ",{\"name\":\"tags\",\"type\":\"STRING\",\"mode\":\"REPEATED\"}]},\"labels\":{\"k\":\"v\"}"
        "}");
    assert_int_equal(status, 200);
    assert_body_at(f, "schema.fields.0.mode", "NULLABLE");
    assert_body_at(f, "schema.fields.2.mode", "REPEATED");
    assert_body_at(f, "labels.k", "v");
}

static void if_match_protects_from_lost_updates(void **state)
{
    fixture *f = *state;
    bw_test_bq_table(f->bq, "guarded", "[" ID "]", NULL);
    bw_test_http_get(f->http, P "/datasets/d/tables/guarded");
    char *header =
        bw_xasprintf("If-Match: \"%s\"", bw_test_json_at(bw_test_http_body(f->http), "etag"));
    const char *headers[] = {header, NULL};
    bw_test_request patch = {.verb = "PATCH",
                             .url = P "/datasets/d/tables/guarded",
                             .headers = headers,
                             .body = "{\"labels\":{\"a\":\"b\"}}",
                             .body_size = 20};
    assert_int_equal(bw_test_http_send(f->http, &patch), 200);
    assert_error(f, bw_test_http_send(f->http, &patch), 412, "conditionNotMet", "");
    /* A POST in disguise, as some clients send it. */
    const char *tunnel[] = {"X-HTTP-Method-Override: PATCH", NULL};
    patch.verb = "POST";
    patch.headers = tunnel;
    assert_int_equal(bw_test_http_send(f->http, &patch), 200);
    free(header);
}

static void a_view_is_a_table_without_rows_of_its_own(void **state)
{
    fixture *f = *state;
    static const char view[] = "{\"tableReference\":{\"projectId\":\"p\",\"datasetId\":\"d\","
                               "\"tableId\":\"%s\"},\"view\":{\"query\":\"%s\"%s}}";
    static const char query[] = "{\"query\":\"SELECT * FROM d.seen\",\"useLegacySql\":false}";
#define INSERT(id, sql, more) \
    bw_test_http_json(f->http, "POST", P "/datasets/d/tables", view, id, sql, more)

    assert_int_equal(INSERT("seen", "SELECT 1 AS a, 'x' AS b", ",\"useLegacySql\":false"), 200);
    assert_body_at(f, "type", "VIEW");
    assert_body_at(f, "schema.fields.1.type", "STRING");
    assert_body_at(f, "view.query", "SELECT 1 AS a, 'x' AS b");
    assert_int_equal(INSERT("old", "SELECT 1 AS a", ""), 400);
    assert_int_equal(INSERT("wrong", "SELECT nothing", ",\"useLegacySql\":false"), 400);
    assert_body_at(f, "error.errors.0.reason", "invalidQuery");
    assert_int_equal(INSERT("missing", "SELECT * FROM d.none", ",\"useLegacySql\":false"), 404);
    assert_int_equal(bw_test_http_json(f->http, "POST", P "/queries", query), 200);
    assert_body_at(f, "rows.0.f.1.v", "x");

    assert_int_equal(
        bw_test_http_json(f->http, "PATCH", P "/datasets/d/tables/seen",
                          "{\"view\":{\"query\":\"SELECT 2.5 AS c\",\"useLegacySql\":false}}"),
        200);
    assert_body_at(f, "schema.fields.0.name", "c");
    assert_int_equal(bw_test_http_json(f->http, "POST", P "/queries", query), 200);
    assert_body_at(f, "rows.0.f.0.v", "2.5");

    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/seen/data"), 400);
    assert_int_equal(bw_test_http_json(f->http, "POST", P "/datasets/d/tables/seen/insertAll",
                                       "{\"rows\":[{\"json\":{\"c\":1}}]}"),
                     400);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables"), 200);
    assert_non_null(strstr(bw_test_http_body(f->http), "\"view\":{\"useLegacySql\":false}"));
    assert_int_equal(bw_test_http_json(f->http, "DELETE", P "/datasets/d/tables/seen", NULL), 204);
#undef INSERT
}

static void tables_are_listed_in_pages(void **state)
{
    fixture *f = *state;
    bw_test_http_json(f->http, "POST", P "/datasets",
                      "{\"datasetReference\":{\"datasetId\":\"l\"}}");
    for (int i = 0; i < 5; i++)
        bw_test_http_json(f->http, "POST", P "/datasets/l/tables",
                          "{\"tableReference\":{\"tableId\":\"t%d\"}}", i);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/l/tables?maxResults=3"), 200);
    assert_body_at(f, "totalItems", "5");
    assert_body_at(f, "tables.2.tableReference.tableId", "t2");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "tables.3"));
    char *token = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "nextPageToken"));
    bw_test_http_get(f->http, P "/datasets/l/tables?pageToken=%s", token);
    assert_body_at(f, "tables.1.tableReference.tableId", "t4");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "nextPageToken"));
    free(token);
    assert_int_equal(bw_test_http_json(f->http, "DELETE", P "/datasets/l/tables/t0", NULL), 204);
    assert_error(f, bw_test_http_get(f->http, P "/datasets/l/tables/t0"), 404, "notFound",
                 "Not found: Table p:l.t0");
}

/* ---- Tabledata -------------------------------------------------------------------------------- */

static void streamed_rows_are_all_or_nothing_and_not_doubled(void **state)
{
    fixture *f = *state;
    static const char url[] = P "/datasets/d/tables/streamed/insertAll";
    bw_test_bq_table(f->bq, "streamed", "[" ID "," NAME "]", NULL);
    int status = bw_test_http_json(
        f->http, "POST", url,
        "{\"rows\":[{\"json\":{\"id\":1}},{\"json\":{\"id\":2,\"nope\":1}},{\"json\":{}}]}");
    assert_int_equal(status, 200);
    assert_body_at(f, "insertErrors.0.errors.0.reason", "stopped");
    assert_body_at(f, "insertErrors.1.errors.0.reason", "invalid");
    assert_body_at(f, "insertErrors.1.errors.0.message", "no such field: nope.");
    assert_body_at(f, "insertErrors.2.index", "2");
    char *rows = bw_test_bq_rows(f->bq, "streamed");
    assert_string_equal(rows, "");
    free(rows);
    for (int i = 0; i < 2; i++)
        bw_test_http_json(f->http, "POST", url,
                          "{\"skipInvalidRows\":true,\"ignoreUnknownValues\":true,\"rows\":["
                          "{\"insertId\":\"a\",\"json\":{\"id\":\"7\",\"name\":\"x\",\"nope\":1}},"
                          "{\"insertId\":\"b\",\"json\":{\"id\":null}}]}");
    assert_body_at(f, "insertErrors.0.index", "1");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "insertErrors.1"));
    rows = bw_test_bq_rows(f->bq, "streamed");
    assert_string_equal(rows, "7|x\n");
    free(rows);
    assert_error(f, bw_test_http_json(f->http, "POST", url, "{\"rows\":[]}"), 400, "invalid",
                 "No rows");
    status = bw_test_http_json(f->http, "POST", P "/datasets/d/tables/none/insertAll",
                               "{\"rows\":[{\"json\":{}}]}");
    assert_error(f, status, 404, "notFound", "Not found: Table p:d.none");
}

static void rows_are_read_in_pages_and_columns(void **state)
{
    fixture *f = *state;
    bw_buf data = BW_BUF_INIT;
    bw_test_bq_table(f->bq, "paged", "[" ID "," NAME ",{\"name\":\"at\",\"type\":\"TIMESTAMP\"}]",
                     NULL);
    for (int i = 0; i < 10; i++)
        bw_buf_addf(&data, "{\"id\":%d,\"name\":\"n%d\",\"at\":\"2026-01-01T00:00:00Z\"}\n", i, i);
    free(bw_test_bq_load(f->bq, "paged", NULL, bw_buf_cstr(&data)));
    bw_buf_fini(&data);
    static const char url[] = P "/datasets/d/tables/paged/data";
    assert_int_equal(bw_test_http_get(f->http, "%s?maxResults=0", url), 200);
    assert_body_at(f, "totalRows", "10");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "rows"));
    bw_test_http_get(f->http, "%s?startIndex=8&maxResults=1&selectedFields=at,name", url);
    assert_body_at(f, "rows.0.f.0.v", "n8");
    assert_body_at(f, "rows.0.f.1.v", "1.7672256E9");
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "pageToken"));
    bw_test_http_get(f->http, "%s?startIndex=9&formatOptions.useInt64Timestamp=true", url);
    assert_body_at(f, "rows.0.f.2.v", "1767225600000000");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "pageToken"));
    assert_error(f, bw_test_http_get(f->http, "%s?pageToken=nonsense", url), 400, "invalid",
                 "page token");
    assert_error(f, bw_test_http_get(f->http, "%s?maxResults=-1", url), 400, "invalid",
                 "maxResults");
    assert_error(f, bw_test_http_get(f->http, "%s?selectedFields=zz", url), 400, "invalid", "zz");
}

/* ---- Bad input -------------------------------------------------------------------------------- */

static void bad_bodies_are_errors_in_googles_shape(void **state)
{
    fixture *f = *state;
    static const char *const bodies[] = {
        "{", "[]", "nul", "{\"a\":1}}", "\"x", "{\"a\":\"\xff\"}", "{\"a\":01}", "{\"a\" 1}"};
    for (size_t i = 0; i < BW_COUNT(bodies); i++) {
        int status = bw_test_http_json(f->http, "POST", P "/datasets", "%s", bodies[i]);
        assert_error(f, status, 400, "parseError", "Invalid JSON payload received.");
    }
    bw_buf deep = BW_BUF_INIT;
    bw_buf_adds(&deep, "{\"labels\":");
    for (int i = 0; i < 100000; i++)
        bw_buf_addc(&deep, '[');
    int status = bw_test_http_json(f->http, "POST", P "/datasets", "%s", bw_buf_cstr(&deep));
    assert_error(f, status, 400, "parseError", "Invalid JSON payload received.");
    bw_buf_fini(&deep);
}

static void an_oversized_body_is_refused(void **state)
{
    fixture *f = *state;
    size_t size = (size_t)40 << 20;
    char *body = bw_xmalloc(size);
    memset(body, ' ', size);
    bw_test_request request = {
        .verb = "POST", .url = P "/datasets", .body = body, .body_size = size};
    assert_error(f, bw_test_http_send(f->http, &request), 413, "uploadTooLarge", "exceeds");
    free(body);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d"), 200);
}

static void gzip_bodies_are_read_and_broken_ones_refused(void **state)
{
    fixture *f = *state;
    /* {"datasetReference":{"datasetId":"zipped"}} through gzip -9. */
    static const unsigned char zipped[] = {
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x4a, 0x49, 0x2c,
        0x49, 0x2c, 0x4e, 0x2d, 0x09, 0x4a, 0x4d, 0x4b, 0x2d, 0x4a, 0xcd, 0x4b, 0x4e, 0x55, 0xb2,
        0xaa, 0x86, 0x89, 0x79, 0xa6, 0x28, 0x59, 0x29, 0x55, 0x65, 0x16, 0x14, 0xa4, 0xa6, 0x28,
        0xd5, 0xd6, 0x02, 0x00, 0x83, 0xdd, 0xd4, 0x64, 0x2b, 0x00, 0x00, 0x00};
    static const char *const headers[] = {"Content-Encoding: gzip", NULL};
    bw_test_request request = {.verb = "POST",
                               .url = P "/datasets",
                               .headers = headers,
                               .body = zipped,
                               .body_size = sizeof zipped};
    assert_int_equal(bw_test_http_send(f->http, &request), 200);
    assert_body_at(f, "id", "p:zipped");
    request.body_size = 30;
    assert_error(f, bw_test_http_send(f->http, &request), 400, "badRequest", "gzip");
    request.body = "no gzip at all";
    request.body_size = 14;
    assert_error(f, bw_test_http_send(f->http, &request), 400, "badRequest", "gzip");
}

static void names_cannot_leave_their_place(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"..%2F..%2Fetc", "%2e%2e", "a%00b", "%ff%fe", "a%20b", "-"};
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        int status = bw_test_http_get(f->http, P "/datasets/d/tables/%s", names[i]);
        if (status != 404 && status != 400)
            fail_msg("%s: %d", names[i], status);
        assert_true(bw_test_json_has(bw_test_http_body(f->http), "error.message"));
    }
    int status = bw_test_http_json(f->http, "POST", P "/datasets",
                                   "{\"datasetReference\":{\"datasetId\":\"../x\"}}");
    assert_error(f, status, 400, "invalid", "");
    assert_error(f, bw_test_http_get(f->http, "/bigquery/v2/nothing"), 404, "notFound", "");
    assert_error(f, bw_test_http_get(f->http, "/../../etc/passwd"), 404, "notFound", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datasets_are_made_changed_and_deleted),
        cmocka_unit_test(a_dataset_with_tables_is_not_deleted_by_accident),
        cmocka_unit_test(projects_do_not_see_each_other),
        cmocka_unit_test(a_table_comes_back_as_it_was_made),
        cmocka_unit_test(a_patch_adds_and_relaxes_and_nothing_else),
        cmocka_unit_test(if_match_protects_from_lost_updates),
        cmocka_unit_test(a_view_is_a_table_without_rows_of_its_own),
        cmocka_unit_test(tables_are_listed_in_pages),
        cmocka_unit_test(streamed_rows_are_all_or_nothing_and_not_doubled),
        cmocka_unit_test(rows_are_read_in_pages_and_columns),
        cmocka_unit_test(bad_bodies_are_errors_in_googles_shape),
        cmocka_unit_test(an_oversized_body_is_refused),
        cmocka_unit_test(gzip_bodies_are_read_and_broken_ones_refused),
        cmocka_unit_test(names_cannot_leave_their_place),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
