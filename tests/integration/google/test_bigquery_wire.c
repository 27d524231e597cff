/* The BigQuery client against answers written out by the test: what is repeated, what is not, and
   what an upload makes of every kind of interruption. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/google/bigquery.h"
#include "tests/support/wire_server.h"

#define OK_JSON(body)                          \
    {                                          \
        .reply = BW_WIRE_REPLY("200 OK", body) \
    }
#define EMPTY(status_line)                      \
    {                                           \
        .reply = BW_WIRE_REPLY(status_line, "") \
    }
#define LOST                   \
    {                          \
        .after = BW_WIRE_CLOSE \
    }
#define RATE EMPTY("429 Slow down")

typedef struct fixture {
    bw_wire_server *server;
    bw_google *google;
    bw_bigquery *bq;
    bw_error err;
} fixture;

static void begin(fixture *f, const bw_wire_step *steps, size_t n)
{
    *f = (fixture){.server = bw_wire_start(steps, n)};
    bw_google_options options = {
        .project = "p", .credentials = "none", .bigquery = bw_wire_url(f->server)};
    assert_ok(bw_google_new(&options, &f->google, &f->err), f->err);
    f->bq = bw_bigquery_new(f->google, bw_clock_system(), NULL);
    bw_bigquery_set_deadline(f->bq, 60 * BW_SECOND);
}

static void end(fixture *f, size_t requests)
{
    assert_int_equal(bw_wire_count(f->server), requests);
    bw_bigquery_free(f->bq);
    bw_google_free(f->google);
    bw_wire_stop(f->server);
}

static json_t *job_named(const char *id)
{
    return json_pack("{s:{s:s, s:s}, s:{s:{}}}", "jobReference", "jobId", id, "location", "EU",
                     "configuration", "copy");
}

static const bw_table_ref table = {.dataset = "d", .table = "t$20240101"};

static void test_reads_are_repeated(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        RATE,
        LOST,
        {.reply = "HTTP/1.1 502 Bad\r\nContent-Length: 6\r\n\r\n<html>"},
        OK_JSON("{\"tableReference\":{},\"etag\":\"\\\"e\"}")};
    fixture f;
    json_t *t;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_bigquery_get_table(f.bq, &table, &t, &f.err), f.err);
    assert_string_equal(json_string_value(json_object_get(t, "etag")), "\"e");
    json_decref(t);
    assert_non_null(strstr(bw_wire_request(f.server, 0),
                           "GET /bigquery/v2/projects/p/datasets/d/tables/t%2420240101 HTTP"));
    end(&f, 4);
}

static void note(void *user, const char *text)
{
    bw_buf *told = user;
    bw_buf_addf(told, "[%s]", text);
}

/* While a service is away the screen must say so, and stop saying so when it is back. */
static void test_waits_are_told(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {EMPTY("503 No"), OK_JSON("{\"tableReference\":{}}"),
                                         OK_JSON("{\"tableReference\":{}}")};
    fixture f;
    json_t *t;
    bw_buf told = BW_BUF_INIT;
    begin(&f, steps, BW_COUNT(steps));
    bw_bigquery_set_listener(f.bq, note, &told);
    assert_ok(bw_bigquery_get_table(f.bq, &table, &t, &f.err), f.err);
    json_decref(t);
    assert_ok(bw_bigquery_get_table(f.bq, &table, &t, &f.err), f.err);
    json_decref(t);
    static const char begins[] = "[trying again (1 so far): cannot read the table: ";
    assert_memory_equal(bw_buf_cstr(&told), begins, sizeof(begins) - 1);
    assert_string_equal(strchr(bw_buf_cstr(&told), ']'), "][]");
    bw_buf_fini(&told);
    end(&f, 3);
}

/* Something that answers 200 to everything is no BigQuery: neither a table without columns nor a job
   that runs for ever. */
static void test_answers_that_say_nothing(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {OK_JSON("{}"), OK_JSON("{}"),
                                         OK_JSON("{\"status\":{\"state\":\"ASLEEP\"}}")};
    fixture f;
    json_t *out;
    begin(&f, steps, BW_COUNT(steps));
    assert_int_equal(bw_bigquery_get_table(f.bq, &table, &out, &f.err), BW_UNAVAILABLE);
    assert_null(out);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bw_bigquery_wait_job(f.bq, NULL, NULL, "j1", BW_FOREVER, &out, &f.err),
                         BW_UNAVAILABLE);
        assert_null(out);
        assert_non_null(strstr(f.err.message, "j1"));
    }
    end(&f, 3);
}

static void test_final_answers_are_not_repeated(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply = BW_WIRE_REPLY("404 Not Found",
                                "{\"error\":{\"message\":\"Not found: x\",\"errors\":[{\"reason\":"
                                "\"notFound\"}]}} ")},
        {.reply = BW_WIRE_REPLY("412 No", "{}")},
        {.reply = BW_WIRE_REPLY("401 No", "{}")},
    };
    fixture f;
    json_t *t, *patch = json_object();
    begin(&f, steps, BW_COUNT(steps));
    assert_int_equal(bw_bigquery_get_table(f.bq, &table, &t, &f.err), BW_NOT_FOUND);
    assert_null(t);
    assert_string_equal(bw_bigquery_reason(f.bq), "notFound");
    assert_int_equal(bw_bigquery_patch_table(f.bq, &table, patch, "\"e1\"", NULL, &f.err),
                     BW_CONFLICT);
    assert_non_null(strstr(bw_wire_request(f.server, 1), "PATCH /bigquery/v2/"));
    assert_non_null(strstr(bw_wire_request(f.server, 1), "If-Match: \"e1\"\r\n"));
    assert_int_equal(bw_bigquery_get_table(f.bq, &table, &t, &f.err), BW_DENIED);
    assert_non_null(strstr(f.err.hint, "asked as none"));
    json_decref(patch);
    end(&f, 3);
}

static void test_a_job_is_never_inserted_twice_blindly(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        LOST,
        EMPTY("503 Unavailable"),
        {.reply = BW_WIRE_REPLY("200 OK", "oops")},
        /* certainly not acted upon: repeated */
        RATE,
        OK_JSON("{}"),
        {.reply = BW_WIRE_REPLY("409 Conflict",
                                "{\"error\":{\"errors\":[{\"reason\":\"duplicate\"}]}}     ")}};
    static const bw_status expected[] = {BW_UNAVAILABLE, BW_UNAVAILABLE, BW_UNAVAILABLE, BW_OK,
                                         BW_EXISTS};
    fixture f;
    json_t *job = job_named("j1"), *out;
    begin(&f, steps, BW_COUNT(steps));
    for (size_t i = 0; i < BW_COUNT(expected); i++) {
        f.err = (bw_error)BW_ERROR_INIT;
        assert_int_equal(bw_bigquery_insert_job(f.bq, NULL, job, &out, &f.err), expected[i]);
        assert_int_equal(f.err.maybe_acted, expected[i] == BW_UNAVAILABLE);
        json_decref(out);
    }
    assert_non_null(strstr(bw_wire_request(f.server, 0), "POST /bigquery/v2/projects/p/jobs HTTP"));
    assert_non_null(strstr(bw_wire_request(f.server, 0), "\"projectId\":\"p\""));
    json_t *nameless = json_object();
    assert_int_equal(bw_bigquery_insert_job(f.bq, NULL, nameless, &out, &f.err), BW_INTERNAL);
    json_decref(nameless);
    json_decref(job);
    end(&f, 6);
}

static void test_delete_after_a_lost_answer(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {LOST, EMPTY("404 Not Found"), EMPTY("404 Not Found"),
                                         EMPTY("204 No Content")};
    fixture f;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_bigquery_delete_table(f.bq, &table, &f.err), f.err);
    assert_int_equal(bw_bigquery_delete_table(f.bq, &table, &f.err), BW_NOT_FOUND);
    assert_ok(bw_bigquery_delete_table(f.bq, &table, &f.err), f.err);
    end(&f, 4);
}

static void test_created_after_a_lost_answer(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {LOST, EMPTY("409 Conflict"), EMPTY("409 Conflict")};
    fixture f;
    begin(&f, steps, BW_COUNT(steps));
    assert_int_equal(bw_bigquery_insert_table(f.bq, &table, NULL, NULL, &f.err), BW_EXISTS);
    assert_true(f.err.maybe_acted);
    assert_int_equal(bw_bigquery_insert_table(f.bq, &table, NULL, NULL, &f.err), BW_EXISTS);
    assert_false(f.err.maybe_acted);
    end(&f, 3);
}

static void test_deadline_ends_the_retries(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply = "HTTP/1.1 503 No\r\nRetry-After: 100\r\nContent-Length: 0\r\n\r\n"},
        {.after = BW_WIRE_HANG}};
    fixture f;
    json_t *t;
    begin(&f, steps, BW_COUNT(steps));
    bw_bigquery_set_deadline(f.bq, BW_SECOND / 4);
    assert_int_equal(bw_bigquery_get_table(f.bq, &table, &t, &f.err), BW_UNAVAILABLE);
    assert_true(f.err.retry_after_s == 100);
    assert_int_equal(bw_bigquery_get_table(f.bq, &table, &t, &f.err), BW_TIMEOUT);
    end(&f, 2);
}

static void test_question_waits_for_its_answer(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{\"jobComplete\":false,\"jobReference\":{\"jobId\":\"q1\",\"location\":\"E "
                "U\"}}  "),
        OK_JSON("{\"jobComplete\":true,\"rows\":[{\"f\":[{\"v\":\"42\"}]}]}   "),
        OK_JSON("{\"jobComplete\":true,\"rows\":[{\"f\":[{\"v\":null}]}]}   "),
        OK_JSON("{\"totalBytesProcessed\":\"1234567\"}"),
    };
    fixture f;
    bw_buf answer = BW_BUF_INIT;
    bool is_null;
    int64_t bytes;
    bw_question q = {.sql = "SELECT 42", .location = "EU", .max_bytes_billed = 10};
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_bigquery_ask_scalar(f.bq, &q, &answer, &is_null, &f.err), f.err);
    assert_false(is_null);
    assert_string_equal(bw_buf_cstr(&answer), "42");
    assert_non_null(strstr(bw_wire_request(f.server, 0), "\"maximumBytesBilled\":\"10\""));
    assert_non_null(strstr(bw_wire_request(f.server, 0), "\"requestId\":\""));
    assert_non_null(strstr(bw_wire_request(f.server, 1), "/queries/q1?location=E%20U&maxResults="));
    assert_ok(bw_bigquery_ask_scalar(f.bq, &q, &answer, &is_null, &f.err), f.err);
    assert_true(is_null);
    assert_ok(bw_bigquery_dry_run(f.bq, &q, &bytes, &f.err), f.err);
    assert_int_equal(bytes, 1234567);
    assert_non_null(strstr(bw_wire_request(f.server, 3), "\"dryRun\":true"));
    bw_buf_fini(&answer);
    end(&f, 4);
}

static void test_multipart_body(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {OK_JSON("{}")};
    fixture f;
    json_t *job = job_named("l1"), *out;
    const bw_slice data[] = {BW_SLICE_LIT("{\"a\":1}\n"), BW_SLICE_LIT("{\"a\":2}\n")};
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_bigquery_load(f.bq, NULL, job, data, 2, &out, &f.err), f.err);
    json_decref(out);
    const char *sent = bw_wire_request(f.server, 0);
    assert_non_null(
        strstr(sent, "POST /upload/bigquery/v2/projects/p/jobs?uploadType=multipart HTTP"));
    const char *boundary = strstr(sent, "boundary=") + strlen("boundary=");
    char *mark = bw_xasprintf("\r\n--%.*s", (int)strcspn(boundary, "\r"), boundary);
    char *parts[4] = {strstr(sent, "\r\n\r\n") + 2};
    for (size_t i = 1; i < 4; i++) {
        parts[i] = strstr(parts[i - 1], mark);
        assert_non_null(parts[i]);
        parts[i] += strlen(mark);
    }
    assert_non_null(strstr(parts[1], "Content-Type: application/json"));
    assert_memory_equal(parts[2],
                        "\r\nContent-Type: application/octet-stream\r\n\r\n"
                        "{\"a\":1}\n{\"a\":2}\n\r\n--",
                        64);
    assert_string_equal(parts[3], "--\r\n");
    free(mark);
    json_decref(job);
    end(&f, 1);
}

/* ---- resumable uploads ------------------------------------------------------------------ */

#define G BW_UPLOAD_GRANULE
#define SESSION                                                                                   \
    {                                                                                             \
        .reply = "HTTP/1.1 200 OK\r\nLocation: /session?upload_id=x\r\nContent-Length: 0\r\n\r\n" \
    }
#define HELD(last)                                                                             \
    {                                                                                          \
        .reply = "HTTP/1.1 308 Resume\r\nRange: bytes=0-" last "\r\nContent-Length: 0\r\n\r\n" \
    }
#define NOTHING_HELD EMPTY("308 Resume")
#define JOB          OK_JSON("{\"jobReference\":{\"jobId\":\"u1\"}}  ")

typedef struct upload_fixture {
    fixture f;
    bw_upload *upload;
    char *bytes; /* 4 granules */
} upload_fixture;

static void begin_upload(upload_fixture *u, const bw_wire_step *steps, size_t n)
{
    begin(&u->f, steps, n);
    json_t *job = job_named("u1");
    assert_ok(bw_bigquery_upload_start(u->f.bq, NULL, job, &u->upload, &u->f.err), u->f.err);
    json_decref(job);
    u->bytes = bw_xmalloc(4 * G);
    for (size_t i = 0; i < 4 * G; i++)
        u->bytes[i] = (char)('a' + i / G);
}

static void end_upload(upload_fixture *u, size_t requests)
{
    bw_bigquery_upload_free(u->upload);
    free(u->bytes);
    end(&u->f, requests);
}

static bw_status put(upload_fixture *u, size_t offset, size_t size, int64_t total,
                     bw_upload_state *state)
{
    /* Always two slices of uneven size, so that resuming cuts across them. */
    size_t first = size / 3;
    const bw_slice data[] = {{u->bytes + offset, first}, {u->bytes + offset + first, size - first}};
    return bw_bigquery_upload_put(u->f.bq, u->upload, (int64_t)offset, data, 2, total, state,
                                  &u->f.err);
}

static void assert_range(upload_fixture *u, size_t request, const char *range, char first)
{
    const char *sent = bw_wire_request(u->f.server, request);
    char *line = bw_xasprintf("\r\nContent-Range: bytes %s\r\n", range);
    if (!strstr(sent, line))
        fail_msg("request %zu has no %s in %.300s", request, line + 2, sent);
    free(line);
    assert_memory_equal(sent, "PUT /session?upload_id=x HTTP", 29);
    char body = strstr(sent, "\r\n\r\n")[4];
    assert_int_equal(body, first);
}

static void test_upload_in_order(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {SESSION, HELD("262143"), HELD("786431"), JOB};
    upload_fixture u;
    bw_upload_state s;
    begin_upload(&u, steps, BW_COUNT(steps));
    assert_ok(put(&u, 0, G, BW_UPLOAD_UNKNOWN, &s), u.f.err);
    assert_int_equal(s.persisted, G);
    assert_null(s.job);
    assert_ok(put(&u, G, 2 * G, BW_UPLOAD_UNKNOWN, &s), u.f.err);
    assert_ok(put(&u, 3 * G, 10, 3 * G + 10, &s), u.f.err);
    assert_non_null(s.job);
    json_decref(s.job);
    assert_non_null(strstr(bw_wire_request(u.f.server, 0),
                           "POST /upload/bigquery/v2/projects/p/jobs?uploadType=resumable HTTP"));
    assert_range(&u, 1, "0-262143/*", 'a');
    assert_range(&u, 2, "262144-786431/*", 'b');
    assert_range(&u, 3, "786432-786441/786442", 'd');
    assert_int_equal(bw_bigquery_bytes_sent(u.f.bq) > 3 * G, true);
    end_upload(&u, 4);
}

static void test_upload_resumes_at_what_is_held(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        SESSION,
        NOTHING_HELD,    /* missing Range: nothing; asked again after a pause */
        NOTHING_HELD,    /* the question */
        HELD("262143"),  /* less than sent */
        LOST,            /* the rest */
        HELD("524287"),  /* the question: part of it came */
        EMPTY("503 No"), /* the rest of the rest */
        HELD("524287"),  /* the question: none of it came */
        HELD("1048575"),
    };
    upload_fixture u;
    bw_upload_state s;
    begin_upload(&u, steps, BW_COUNT(steps));
    assert_ok(put(&u, 0, 4 * G, BW_UPLOAD_UNKNOWN, &s), u.f.err);
    assert_int_equal(s.persisted, 4 * G);
    assert_range(&u, 1, "0-1048575/*", 'a');
    assert_range(&u, 2, "*/*", '\0');
    assert_range(&u, 3, "0-1048575/*", 'a');
    assert_range(&u, 4, "262144-1048575/*", 'b');
    assert_range(&u, 5, "*/*", '\0');
    assert_range(&u, 6, "524288-1048575/*", 'c');
    assert_range(&u, 8, "524288-1048575/*", 'c');
    end_upload(&u, 9);
}

static void test_upload_whose_last_answer_is_lost(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {SESSION, LOST, EMPTY("500 No"), JOB};
    upload_fixture u;
    bw_upload_state s;
    begin_upload(&u, steps, BW_COUNT(steps));
    assert_ok(put(&u, 0, 10, 10, &s), u.f.err);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(s.job, "jobReference"), "jobId")), "u1");
    json_decref(s.job);
    assert_range(&u, 2, "*/10", '\0');
    end_upload(&u, 4);
}

static void test_upload_whose_session_is_gone(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {SESSION, EMPTY("410 Gone"), LOST, EMPTY("404 Not Found"),
                                         EMPTY("404 Not Found")};
    upload_fixture u;
    bw_upload_state s;
    begin_upload(&u, steps, BW_COUNT(steps));
    assert_int_equal(put(&u, 0, G, BW_UPLOAD_UNKNOWN, &s), BW_NOT_FOUND);
    assert_false(u.f.err.maybe_acted);
    /* The end was sent, and the session says nothing about it any more. */
    assert_int_equal(put(&u, 0, 10, 10, &s), BW_NOT_FOUND);
    assert_true(u.f.err.maybe_acted);
    assert_int_equal(bw_bigquery_upload_query(u.f.bq, u.upload, 10, &s, &u.f.err), BW_NOT_FOUND);
    assert_true(u.f.err.maybe_acted);
    end_upload(&u, 5);
}

static void test_upload_that_lost_bytes(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {SESSION, HELD("262143"), HELD("99"), HELD("9999999")};
    upload_fixture u;
    bw_upload_state s;
    begin_upload(&u, steps, BW_COUNT(steps));
    assert_ok(put(&u, 0, G, BW_UPLOAD_UNKNOWN, &s), u.f.err);
    assert_int_equal(put(&u, G, G, BW_UPLOAD_UNKNOWN, &s), BW_CONFLICT);
    assert_int_equal(put(&u, G, G, BW_UPLOAD_UNKNOWN, &s), BW_CONFLICT);
    end_upload(&u, 4);
}

static void test_upload_that_is_refused(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        SESSION,
        EMPTY("400 Bad"),
        {.reply = BW_WIRE_REPLY("409 Conflict",
                                "{\"error\":{\"errors\":[{\"reason\":\"duplicate\"}]}}     ")}};
    upload_fixture u;
    bw_upload_state s;
    begin_upload(&u, steps, BW_COUNT(steps));
    assert_int_equal(put(&u, 0, 10, 10, &s), BW_INVALID);
    assert_false(u.f.err.maybe_acted);
    assert_int_equal(put(&u, 0, 10, 10, &s), BW_EXISTS);
    end_upload(&u, 3);
}

static void test_upload_ends_at_the_deadline(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {SESSION, {.after = BW_WIRE_HANG, .early = true}};
    upload_fixture u;
    bw_upload_state s;
    begin_upload(&u, steps, BW_COUNT(steps));
    bw_bigquery_set_deadline(u.f.bq, BW_SECOND / 4);
    assert_int_equal(put(&u, 0, 10, 10, &s), BW_TIMEOUT);
    assert_true(u.f.err.maybe_acted);
    assert_null(strstr(u.f.err.message, "upload_id"));
    end_upload(&u, 2);
}

static void test_upload_without_a_byte(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {SESSION, JOB};
    upload_fixture u;
    bw_upload_state s;
    begin_upload(&u, steps, BW_COUNT(steps));
    assert_int_equal(put(&u, 0, 7, BW_UPLOAD_UNKNOWN, &s), BW_INTERNAL);
    assert_ok(put(&u, 0, 0, 0, &s), u.f.err);
    assert_non_null(s.job);
    json_decref(s.job);
    assert_range(&u, 1, "*/0", '\0');
    end_upload(&u, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_are_repeated),
        cmocka_unit_test(test_waits_are_told),
        cmocka_unit_test(test_final_answers_are_not_repeated),
        cmocka_unit_test(test_answers_that_say_nothing),
        cmocka_unit_test(test_a_job_is_never_inserted_twice_blindly),
        cmocka_unit_test(test_delete_after_a_lost_answer),
        cmocka_unit_test(test_created_after_a_lost_answer),
        cmocka_unit_test(test_deadline_ends_the_retries),
        cmocka_unit_test(test_question_waits_for_its_answer),
        cmocka_unit_test(test_multipart_body),
        cmocka_unit_test(test_upload_in_order),
        cmocka_unit_test(test_upload_resumes_at_what_is_held),
        cmocka_unit_test(test_upload_whose_last_answer_is_lost),
        cmocka_unit_test(test_upload_whose_session_is_gone),
        cmocka_unit_test(test_upload_that_lost_bytes),
        cmocka_unit_test(test_upload_that_is_refused),
        cmocka_unit_test(test_upload_ends_at_the_deadline),
        cmocka_unit_test(test_upload_without_a_byte),
    };
    return BW_RUN_TESTS(tests);
}
