/* Uploads: multipart in every spelling, resumable sessions, and what goes wrong with them. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/support/bigquery.h"
#include "tests/support/sandbox.h"

#define P    "/bigquery/v2/projects/p"
#define JOBS "/upload/bigquery/v2/projects/p/jobs"
#define UNIT ((size_t)262144)

typedef struct fixture {
    bw_test_sandbox *sandbox;
    bw_test_bq *bq;
    bw_test_http *http;
    int serial;
    char session[256]; /* the newest session's path */
    char job[64];      /* and its job's id */
} fixture;

static int setup(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    f->sandbox = bw_test_sandbox_start(false, NULL);
    f->bq = bw_test_bq_new(bw_test_sandbox_url(f->sandbox), "p", "d");
    f->http = bw_test_bq_http(f->bq);
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

/* Rows {"n":0}, {"n":1}, ... padded so that exactly `size` bytes are there. */
static char *make_rows(size_t size, size_t *rows)
{
    bw_buf data = BW_BUF_INIT;
    *rows = 0;
    while (size - data.len >= 200)
        bw_buf_addf(&data, "{\"n\":%zu,\"pad\":\"%0*d\"}\n", (*rows)++, 60, 0);
    bw_buf_addf(&data, "{\"n\":%zu}", (*rows)++);
    while (data.len < size - 1)
        bw_buf_addc(&data, ' ');
    bw_buf_addc(&data, '\n');
    return bw_buf_take(&data);
}

#define SCHEMA                                                                          \
    ",\"schema\":{\"fields\":[{\"name\":\"n\",\"type\":\"INTEGER\"},{\"name\":\"pad\"," \
    "\"type\":\"STRING\"}]}"

/* Begins a session for a load into `table`. */
static void begin_at(fixture *f, const char *path, const char *table)
{
    snprintf(f->job, sizeof f->job, "job_%d", f->serial++);
    int status = bw_test_http_json(
        f->http, "POST", path,
        "{\"configuration\":{\"load\":{\"destinationTable\":{\"projectId\":\"p\",\"datasetId\":"
        "\"d\",\"tableId\":\"%s\"},\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\"" SCHEMA
        "}},\"jobReference\":{\"projectId\":\"p\",\"jobId\":\"%s\"}}",
        table, f->job);
    assert_int_equal(status, 200);
    assert_int_equal(bw_test_http_body_size(f->http), 0);
    const char *location = bw_test_http_header(f->http, "Location");
    assert_non_null(location);
    snprintf(f->session, sizeof f->session, "%s", location);
    assert_non_null(strstr(f->session, "upload_id="));
}

static void begin(fixture *f, const char *table)
{
    begin_at(f, JOBS "?uploadType=resumable", table);
}

/* One request to the session; `range` NULL sends no Content-Range. */
static int put(fixture *f, const char *range, const void *data, size_t size)
{
    char *header = bw_xasprintf("Content-Range: %s", range ? range : "");
    const char *headers[] = {range ? header : NULL, NULL};
    int status = bw_test_http_send(f->http, &(bw_test_request){.verb = "PUT",
                                                               .url = f->session,
                                                               .headers = headers,
                                                               .body = data ? data : "",
                                                               .body_size = size});
    free(header);
    return status;
}

static int put_part(fixture *f, const char *data, size_t from, size_t to, size_t total)
{
    char range[96];
    if (total)
        snprintf(range, sizeof range, "bytes %zu-%zu/%zu", from, to - 1, total);
    else
        snprintf(range, sizeof range, "bytes %zu-%zu/*", from, to - 1);
    return put(f, range, data + from, to - from);
}

/* Asks how much is there: the offset at which to go on, or -1 when the upload is done. */
static long long ask(fixture *f, const char *range)
{
    int status = put(f, range, NULL, 0);
    if (status == 200)
        return -1;
    assert_int_equal(status, 308);
    const char *kept = bw_test_http_header(f->http, "Range");
    if (!kept)
        return 0;
    assert_memory_equal(kept, "bytes=0-", 8);
    return strtoll(kept + 8, NULL, 10) + 1;
}

static void faults(fixture *f, const char *spec)
{
    bw_test_http_json(f->http, "DELETE", "/sandbox/faults", NULL);
    assert_int_equal(bw_test_http_json(f->http, "POST", "/sandbox/faults", "%s", spec), 200);
}

static void assert_loaded(fixture *f, const char *table, size_t rows)
{
    char expected[32];
    char *job = bw_test_bq_wait(f->bq, f->job, NULL);
    if (bw_test_json_has(job, "status.errorResult"))
        fail_msg("%s", job);
    snprintf(expected, sizeof expected, "%zu", rows);
    assert_string_equal(bw_test_json_at(job, "statistics.load.outputRows"), expected);
    free(job);
    bw_test_http_get(f->http, P "/datasets/d/tables/%s", table);
    assert_body_at(f, "numRows", expected);
}

/* ---- Multipart -------------------------------------------------------------------------------- */

static int send_multipart(fixture *f, const char *path, const char *type, const char *body,
                          size_t size, bool chunked)
{
    char *header = bw_xasprintf("Content-Type: %s", type);
    const char *headers[] = {header, NULL};
    int status = bw_test_http_send(f->http, &(bw_test_request){.verb = "POST",
                                                               .url = path,
                                                               .headers = headers,
                                                               .body = body,
                                                               .body_size = size,
                                                               .chunked = chunked});
    free(header);
    return status;
}

#define RESOURCE(table)                                                                      \
    "{\"configuration\":{\"load\":{\"destinationTable\":{\"projectId\":\"p\",\"datasetId\":" \
    "\"d\",\"tableId\":\"" table "\"},\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\"" SCHEMA "}}}"
#define PART(table) "Content-Type: application/json\r\n\r\n" RESOURCE(table) "\r\n"

static void multipart_is_understood_in_every_spelling(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *path, *type, *body;
        bool chunked;
    } cases[] = {
        {JOBS "?uploadType=multipart", "multipart/related; boundary=b",
         "--b\r\n" PART("m") "--b\r\nContent-Type: */*\r\n\r\n{\"n\":1}\r\n--b--", false},
        {JOBS "?uploadType=multipart&prettyPrint=false", "multipart/related; boundary=\"b\"",
         "--b\r\n" PART("m") "--b\r\nContent-Type: */*\r\n\r\n{\"n\":1}\n\r\n--b--\r\n", true},
        {"/bigquery/v2" JOBS "?uploadType=multipart", "multipart/related;boundary=b;x=y",
         "preamble\r\n--b\r\n" PART("m") "--b\r\n\r\n{\"n\":1}\n\r\n\r\n--b--epilogue", false},
        {"/resumable" JOBS "?uploadType=multipart", "multipart/related; boundary=b",
         "--b\r\n" PART("m") "--b\r\n\r\n{\"n\":1,\"pad\":\"--b \"}\n--b-\n \n\r\n--b--", true},
        {JOBS "?uploadType=multipart", "multipart/related; boundary=b",
         "--b\r\n" PART("m") "--b\r\n\r\n\r\n--b--", false},
    };
    static const char *const rows[] = {"1", "1", "1", NULL, "0"};
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int status = send_multipart(f, cases[i].path, cases[i].type, cases[i].body,
                                    strlen(cases[i].body), cases[i].chunked);
        if (status != 200)
            fail_msg("case %zu: %d %s", i, status, bw_test_http_body(f->http));
        char *id = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "jobReference.jobId"));
        char *job = bw_test_bq_wait(f->bq, id, NULL);
        if (rows[i])
            assert_string_equal(bw_test_json_at(job, "statistics.load.outputRows"), rows[i]);
        else /* the line "--b-" is data, and no row */
            assert_true(bw_test_json_has(job, "status.errorResult"));
        free(job);
        free(id);
    }
}

static void broken_multipart_is_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *type, *body;
    } cases[] = {
        {"multipart/related", "--b\r\n" PART("x") "--b\r\n\r\n\r\n--b--"},
        {"application/json", RESOURCE("x")},
        {"multipart/related; boundary=b", ""},
        {"multipart/related; boundary=b", "--b\r\n" PART("x") "--b--"},
        {"multipart/related; boundary=b", "--b\r\n" PART("x") "--b\r\n\r\n{\"n\":1}\n"},
        {"multipart/related; boundary=b", "--b\r\n" PART("x") "--b\r\n\r\n{\"n\":1}\r\n--b"},
        {"multipart/related; boundary=b", "--b\r\n\r\nnot json\r\n--b\r\n\r\n{\"n\":1}\r\n--b--"},
        {"multipart/related; boundary=b", "--b\r\n\r\n{}\r\n--b\r\n\r\n{\"n\":1}\r\n--b--"},
        {"multipart/related; boundary=c", "--b\r\n" PART("x") "--b\r\n\r\n{\"n\":1}\r\n--b--"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int status = send_multipart(f, JOBS "?uploadType=multipart", cases[i].type, cases[i].body,
                                    strlen(cases[i].body), false);
        if (status != 400)
            fail_msg("case %zu: %d %s", i, status, bw_test_http_body(f->http));
        assert_true(bw_test_json_has(bw_test_http_body(f->http), "error.errors.0.reason"));
    }
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/x"), 404);
    assert_int_equal(bw_test_http_json(f->http, "POST", JOBS, "{}"), 400);
}

/* ---- Resumable -------------------------------------------------------------------------------- */

static void a_session_takes_chunks_and_becomes_a_job(void **state)
{
    fixture *f = *state;
    size_t total = 3 * UNIT + 1000, rows;
    char *data = make_rows(total, &rows);
    begin(f, "chunks");
    assert_int_equal(ask(f, "bytes */*"), 0);
    assert_int_equal(put_part(f, data, 0, UNIT, 0), 308);
    assert_string_equal(bw_test_http_header(f->http, "Range"), "bytes=0-262143");
    assert_int_equal(ask(f, "bytes */*"), UNIT);
    assert_int_equal(put_part(f, data, UNIT, 3 * UNIT, total), 308);
    assert_int_equal(put_part(f, data, 3 * UNIT, total, total), 200);
    assert_body_at(f, "jobReference.jobId", f->job);
    assert_loaded(f, "chunks", rows);
    /* The same end again: the same job, nothing doubled. */
    assert_int_equal(put_part(f, data, 3 * UNIT, total, total), 200);
    assert_body_at(f, "jobReference.jobId", f->job);
    assert_int_equal(ask(f, "bytes */*"), -1);
    assert_loaded(f, "chunks", rows);
    free(data);
}

static void a_session_can_be_ended_without_bytes(void **state)
{
    fixture *f = *state;
    size_t rows;
    char *data = make_rows(2 * UNIT, &rows);
    begin(f, "zero");
    assert_int_equal(put_part(f, data, 0, 2 * UNIT, 0), 308);
    assert_int_equal(put(f, "bytes */524288", NULL, 0), 200);
    assert_loaded(f, "zero", rows);
    begin(f, "at_once");
    assert_int_equal(put(f, NULL, data, 2 * UNIT), 200);
    assert_loaded(f, "at_once", rows);
    begin(f, "empty");
    assert_int_equal(put(f, "bytes */0", NULL, 0), 200);
    assert_loaded(f, "empty", 0);
    free(data);
}

/* Where the emulator's host is put before paths that have everything already. */
static void every_path_of_a_session_is_served(void **state)
{
    fixture *f = *state;
    static const char *const paths[] = {"/upload/bigquery/v2/projects/p/jobs",
                                        "/bigquery/v2/upload/bigquery/v2/projects/p/jobs",
                                        "/resumable/upload/bigquery/v2/projects/p/jobs"};
    for (size_t i = 0; i < BW_COUNT(paths); i++) {
        char path[128], table[32];
        snprintf(path, sizeof path, "%s?uploadType=resumable&prettyPrint=false", paths[i]);
        snprintf(table, sizeof table, "variant%zu", i);
        begin_at(f, path, table);
        assert_non_null(strstr(f->session, paths[i]));
        assert_int_equal(put(f, NULL, "{\"n\":1}\n", 8), 200);
        assert_loaded(f, table, 1);
        /* What is behind the path without /bigquery/v2 is the same. */
        assert_int_equal(bw_test_http_get(f->http, "/projects/p/datasets/d/tables/%s", table), 200);
        assert_body_at(f, "numRows", "1");
    }
}

static void chunks_that_break_the_rules_keep_nothing(void **state)
{
    fixture *f = *state;
    size_t rows;
    char *data = make_rows(2 * UNIT, &rows);
    begin(f, "rules");
    assert_int_equal(put_part(f, data, 0, 1000, 0), 400); /* not a unit */
    assert_int_equal(ask(f, "bytes */*"), 0);
    assert_int_equal(put_part(f, data, UNIT, 2 * UNIT, 0), 400);        /* a gap */
    assert_int_equal(put(f, "bytes 0-262143/524288", data, 1000), 400); /* fewer than said */
    static const char *const bad[] = {
        "bytes",       "bytes 5-1/10", "bytes 0-9/5",  "bytes a-b/c",
        "items 0-1/2", "bytes 0-1",    "bytes -1-5/9", "bytes 0-99999999999999999999/*"};
    for (size_t i = 0; i < BW_COUNT(bad); i++)
        assert_int_equal(put(f, bad[i], data, 10), 400);
    assert_int_equal(ask(f, "bytes */*"), 0);
    /* Bytes that are there already may come again. */
    assert_int_equal(put_part(f, data, 0, UNIT, 0), 308);
    assert_int_equal(put_part(f, data, 0, UNIT, 0), 308);
    assert_int_equal(put_part(f, data, 0, 2 * UNIT, 2 * UNIT), 200);
    assert_loaded(f, "rules", rows);
    free(data);
}

static void unknown_sessions_are_not_found(void **state)
{
    fixture *f = *state;
    snprintf(f->session, sizeof f->session, JOBS "?uploadType=resumable&upload_id=nonsense");
    assert_int_equal(put(f, "bytes 0-9/10", "0123456789", 10), 404);
    assert_body_at(f, "error.errors.0.reason", "notFound");
    begin(f, "dropped");
    assert_int_equal(bw_test_http_json(f->http, "DELETE", f->session, NULL), 499);
    assert_int_equal(put(f, "bytes 0-9/10", "0123456789", 10), 404);
    /* Another project's session is not there either. */
    begin(f, "dropped");
    char *other = strstr(f->session, "projects/p/");
    memcpy(other, "projects/q/", 11);
    assert_int_equal(put(f, "bytes 0-9/10", "0123456789", 10), 404);
}

static void clients_that_cannot_bear_308_get_200(void **state)
{
    fixture *f = *state;
    size_t rows;
    char *data = make_rows(UNIT + 500, &rows);
    begin(f, "go");
    static const char *const headers[] = {"X-GUploader-No-308: yes",
                                          "Content-Range: bytes 0-262143/*", NULL};
    bw_test_request chunk = {
        .verb = "POST", .url = f->session, .headers = headers, .body = data, .body_size = UNIT};
    assert_int_equal(bw_test_http_send(f->http, &chunk), 200);
    assert_string_equal(bw_test_http_header(f->http, "X-HTTP-Status-Code-Override"), "308");
    assert_string_equal(bw_test_http_header(f->http, "Range"), "bytes=0-262143");
    assert_int_equal(put_part(f, data, UNIT, UNIT + 500, UNIT + 500), 200);
    assert_loaded(f, "go", rows);
    free(data);
}

static void a_taken_job_id_is_a_duplicate(void **state)
{
    fixture *f = *state;
    assert_int_equal(bw_test_bq_upload(f->bq, "dup", "taken", SCHEMA, "{\"n\":1}\n", 8), 200);
    assert_int_equal(bw_test_bq_upload(f->bq, "dup", "taken", SCHEMA, "{\"n\":1}\n", 8), 409);
    assert_body_at(f, "error.message", "Already Exists: Job p:US.taken");
    assert_body_at(f, "error.status", "ALREADY_EXISTS");
    free(bw_test_bq_wait(f->bq, "taken", NULL));
    char *rows = bw_test_bq_rows(f->bq, "dup");
    assert_string_equal(rows, "1|NULL\n");
    free(rows);
    /* Two sessions for one id: the second one to end is refused. */
    begin(f, "dup2");
    char *first = bw_xstrdup(f->session);
    f->serial--;
    begin(f, "dup2");
    assert_int_equal(put(f, NULL, "{\"n\":1}\n", 8), 200);
    snprintf(f->session, sizeof f->session, "%s", first);
    assert_int_equal(put(f, NULL, "{\"n\":1}\n", 8), 409);
    assert_loaded(f, "dup2", 1);
    free(first);
}

/* ---- gzip ------------------------------------------------------------------------------------- */

static size_t zip(const char *data, size_t size, Bytef *out, size_t room)
{
    z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)size};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static char *load_bytes(fixture *f, const char *table, const void *data, size_t size)
{
    snprintf(f->job, sizeof f->job, "job_%d", f->serial++);
    assert_int_equal(bw_test_bq_upload(f->bq, table, f->job, SCHEMA, data, size), 200);
    return bw_test_bq_wait(f->bq, f->job, NULL);
}

static void gzip_is_found_out_from_the_content(void **state)
{
    fixture *f = *state;
    size_t rows;
    char *data = make_rows(3000000, &rows);
    Bytef *zipped = bw_xmalloc(4000000);
    size_t half = 1500000;
    while (data[half - 1] != '\n')
        half++;
    size_t size = zip(data, 3000000, zipped, 4000000);
    free(load_bytes(f, "zip", zipped, size));
    assert_loaded(f, "zip", rows);
    /* Two members are one text. */
    size = zip(data, half, zipped, 4000000);
    size += zip(data + half, 3000000 - half, zipped + size, 4000000 - size);
    free(load_bytes(f, "zip2", zipped, size));
    assert_loaded(f, "zip2", rows);
    free(zipped);
    free(data);
}

static void broken_gzip_fails_the_job_and_loads_nothing(void **state)
{
    fixture *f = *state;
    size_t rows;
    char *data = make_rows(3000000, &rows);
    Bytef *zipped = bw_xmalloc(4000000);
    size_t size = zip(data, 3000000, zipped, 4000000);
    char *job = load_bytes(f, "cut", zipped, size / 2);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "invalid");
    assert_non_null(strstr(job, "gzip"));
    free(job);
    zipped[size / 2] ^= 0x55;
    job = load_bytes(f, "cut", zipped, size);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "invalid");
    free(job);
    assert_int_equal(bw_test_http_get(f->http, P "/datasets/d/tables/cut"), 404);
    free(zipped);
    free(data);
}

/* ---- Faults ----------------------------------------------------------------------------------- */

static void cut_connections_can_be_resumed(void **state)
{
    fixture *f = *state;
    size_t total = 8 * UNIT, rows;
    char *data = make_rows(total, &rows);
    begin(f, "cut_before");
    faults(f, "bigquery.upload.chunk:cut-before:1:1");
    assert_true(put_part(f, data, 0, 4 * UNIT, 0) < 0);
    assert_int_equal(ask(f, "bytes */*"), 0);
    assert_int_equal(put_part(f, data, 0, total, total), 200);
    assert_loaded(f, "cut_before", rows);

    begin(f, "cut_middle");
    faults(f, "bigquery.upload.chunk:cut-middle:1:1");
    assert_true(put_part(f, data, 0, 4 * UNIT, 0) < 0);
    long long kept = ask(f, "bytes */*");
    assert_int_equal(kept, 2 * UNIT);
    assert_int_equal(put_part(f, data, (size_t)kept, total, total), 200);
    assert_loaded(f, "cut_middle", rows);

    begin(f, "cut_after");
    faults(f, "bigquery.upload.chunk:cut-after:1:1");
    assert_true(put_part(f, data, 0, total, total) < 0);
    assert_int_equal(ask(f, "bytes */2097152"), -1);
    assert_body_at(f, "jobReference.jobId", f->job);
    assert_loaded(f, "cut_after", rows);
    free(data);
}

static void a_short_range_is_told_truly(void **state)
{
    fixture *f = *state;
    size_t total = 8 * UNIT, rows;
    char *data = make_rows(total, &rows);
    begin(f, "short");
    faults(f, "bigquery.upload.chunk:short-range:1:2");
    assert_int_equal(put_part(f, data, 0, total, total), 308);
    assert_string_equal(bw_test_http_header(f->http, "Range"), "bytes=0-1048575");
    assert_int_equal(put_part(f, data, 4 * UNIT, total, total), 308);
    assert_int_equal(ask(f, "bytes */*"), 6 * UNIT);
    assert_int_equal(put_part(f, data, 6 * UNIT, total, total), 200);
    assert_loaded(f, "short", rows);
    free(data);
}

static void starting_can_fail_too(void **state)
{
    fixture *f = *state;
    faults(f, "bigquery.upload.start:503:1:1\nbigquery.upload.multipart:403/quotaExceeded:1:1");
    assert_int_equal(
        bw_test_http_json(f->http, "POST", JOBS "?uploadType=resumable", RESOURCE("s")), 503);
    assert_int_equal(bw_test_bq_upload(f->bq, "s", NULL, SCHEMA, "{\"n\":1}\n", 8), 403);
    assert_body_at(f, "error.errors.0.reason", "quotaExceeded");
    begin(f, "s");
    assert_int_equal(put(f, NULL, "{\"n\":1}", 7), 200);
    assert_loaded(f, "s", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multipart_is_understood_in_every_spelling),
        cmocka_unit_test(broken_multipart_is_refused),
        cmocka_unit_test(a_session_takes_chunks_and_becomes_a_job),
        cmocka_unit_test(a_session_can_be_ended_without_bytes),
        cmocka_unit_test(every_path_of_a_session_is_served),
        cmocka_unit_test(chunks_that_break_the_rules_keep_nothing),
        cmocka_unit_test(unknown_sessions_are_not_found),
        cmocka_unit_test(clients_that_cannot_bear_308_get_200),
        cmocka_unit_test(a_taken_job_id_is_a_duplicate),
        cmocka_unit_test(gzip_is_found_out_from_the_content),
        cmocka_unit_test(broken_gzip_fails_the_job_and_loads_nothing),
        cmocka_unit_test(cut_connections_can_be_resumed),
        cmocka_unit_test(a_short_range_is_told_truly),
        cmocka_unit_test(starting_can_fail_too),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
