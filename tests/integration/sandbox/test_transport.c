/* Connections that misbehave: half-open, broken off, malformed; memory under uploads; --discard. */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/core/clock.h"
#include "tests/support/bigquery.h"
#include "tests/support/sandbox.h"

#define P "/bigquery/v2/projects/p"

static int dial(const bw_test_sandbox *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)strtol(strrchr(bw_test_sandbox_url(s), ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* What comes back until the other side closes or 10 s pass. */
static char *hear(int fd)
{
    bw_buf out = BW_BUF_INIT;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = 1;
    while (n > 0 && poll(&p, 1, 10000) > 0) {
        n = recv(fd, bw_buf_reserve(&out, 4096), 4096, 0);
        out.len += n > 0 ? (size_t)n : 0;
    }
    return bw_buf_take(&out);
}

static void assert_alive(const bw_test_sandbox *s)
{
    bw_test_http *http = bw_test_http_new(bw_test_sandbox_url(s));
    assert_int_equal(bw_test_http_get(http, "/projects/demo/datasets/analytics"), 200);
    bw_test_http_free(http);
}

static void half_open_connections_do_not_stop_the_others(void **state)
{
    (void)state;
    static const char *const halves[] = {
        "",
        "G",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: x\r\nX",
        "POST " P "/datasets HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"a\"",
        "POST /upload/bigquery/v2/projects/p/jobs?uploadType=multipart HTTP/1.1\r\nHost: x\r\n"
        "Content-Type: multipart/related; boundary=b\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\n--b"};
    enum { N = 4000 };
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    long limit = sysconf(_SC_OPEN_MAX);
    bw_test_sandbox *s = bw_test_sandbox_start(false, NULL);
    int *fds = bw_xcalloc(N, sizeof *fds);
    int open = 0;
    for (; open < N; open++) {
        fds[open] = dial(s);
        say(fds[open], halves[open % (int)BW_COUNT(halves)]);
        if (limit > 0 && open >= limit - 64)
            break; /* the test's own limit */
        if (open % 500 == 499)
            assert_alive(s);
    }
    assert_alive(s);
    for (int i = 0; i < open; i++)
        close(fds[i]);
    free(fds);
    assert_alive(s);
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

static void malformed_requests_are_answered_and_survived(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "NONSENSE\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /%00%ff?%=%&&=&a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "POST " P "/datasets HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST " P "/datasets HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST " P "/datasets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST " P "/datasets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        "Connection: close\r\n\r\nffffffffffffffff1\r\n",
        "PUT /upload/bigquery/v2/projects/p/jobs?upload_id= HTTP/1.1\r\nHost: x\r\n"
        "Content-Range: bytes */*\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "PUT /upload/bigquery/v2/projects/p/jobs?upload_id=../../x HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n",
        "POST /upload/bigquery/v2/projects/p/jobs?uploadType=media HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n",
    };
    bw_test_sandbox *s = bw_test_sandbox_start(false, NULL);
    for (size_t i = 0; i < BW_COUNT(requests); i++) {
        int fd = dial(s);
        say(fd, requests[i]);
        char *answer = hear(fd);
        if (*answer && strncmp(answer, "HTTP/1.", 7) != 0)
            fail_msg("request %zu: %s", i, answer);
        if (strncmp(answer, "HTTP/1.1 200", 12) == 0)
            fail_msg("request %zu was accepted: %s", i, answer);
        free(answer);
        close(fd);
    }
    /* A header that is larger than any connection's memory. */
    bw_buf large = BW_BUF_INIT;
    bw_buf_adds(&large, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    while (large.len < (size_t)2 << 20)
        bw_buf_adds(&large, "0123456789abcdef");
    int fd = dial(s);
    say(fd, bw_buf_cstr(&large));
    free(hear(fd));
    close(fd);
    bw_buf_fini(&large);
    assert_alive(s);
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

/* {} in gzip. */
#define PACKED                                                                             \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00" \
    "\x00"
#define BODY(text) text, sizeof(text) - 1

/* Answers one request sent as it is; its body, which must be whole and JSON, and the status. */
static int exchange(const bw_test_sandbox *s, const char *headers, const char *body, size_t size,
                    char **answer)
{
    bw_buf request = BW_BUF_INIT;
    bw_buf_adds(&request, "PATCH /bigquery/v2/projects/demo/datasets/analytics ");
    bw_buf_adds(&request, headers);
    bw_buf_adds(&request, "\r\n");
    bw_buf_add(&request, body, size);
    int fd = dial(s);
    (void)!send(fd, request.ptr, request.len, MSG_NOSIGNAL);
    char *heard = hear(fd), *at = heard;
    close(fd);
    bw_buf_fini(&request);
    if (strncmp(at, "HTTP/1.1 100 Continue\r\n\r\n", 25) == 0)
        at += 25;
    char *head_end = strstr(at, "\r\n\r\n"), *length = strcasestr(at, "\r\nContent-Length: ");
    if (strncmp(at, "HTTP/1.", 7) != 0 || !head_end || !length || length > head_end)
        fail_msg("%s: no answer: %s", headers, heard);
    if (strtoul(length + 18, NULL, 10) != strlen(head_end + 4))
        fail_msg("%s: a torn answer: %s", headers, heard);
    if (head_end[4] != '{')
        fail_msg("%s: not JSON: %s", headers, heard);
    int status = (int)strtol(at + 9, NULL, 10);
    *answer = bw_xstrdup(head_end + 4);
    free(heard);
    return status;
}

/* Whoever stands between may read such a body in another way. */
static void bodies_that_contradict_their_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *headers, *body;
        size_t size;
        int status;
        const char *says;
    } cases[] = {
        {"HTTP/1.1\r\nContent-Length: 2\r\n", BODY("{}"), 200, "analytics"},
        {"HTTP/1.0\r\nContent-Length: 2\r\n", BODY("{}"), 200, "analytics"},
        {"HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n", BODY("{}"), 200, "analytics"},
        {"HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n", BODY("2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\n"),
         200, "analytics"},
        {"HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n", BODY("{}"), 200, "analytics"},
        {"HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n", BODY("{} "), 400,
         "two values of Content-Length"},
        {"HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 2\r\n", BODY("{} "), 400,
         "two values of Content-Length"},
        {"HTTP/1.1\r\nContent-Length: 12\r\nTransfer-Encoding: chunked\r\n",
         BODY("2\r\n{}\r\n0\r\n\r\n"), 400, "both Content-Length and Transfer-Encoding"},
        {"HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", BODY(PACKED), 400, "only chunked is"},
        {"HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n", BODY(PACKED), 400, "only chunked is"},
        {"HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
         BODY("2\r\n{}\r\n0\r\n\r\n"), 400, "only chunked is"},
        {"HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n", BODY(PACKED), 200,
         "analytics"},
        {"HTTP/1.1\r\nContent-Encoding: identity, X-GZip\r\nContent-Length: 22\r\n", BODY(PACKED),
         200, "analytics"},
        {"HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n",
         BODY(PACKED), 400, "only gzip is, once"},
        {"HTTP/1.1\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 22\r\n", BODY(PACKED), 400,
         "only gzip is, once"},
        {"HTTP/1.1\r\nContent-Encoding: br\r\nContent-Length: 2\r\n", BODY("{}"), 400,
         "only gzip is, once"},
        {"HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 23\r\n", BODY(PACKED "x"), 400,
         "not valid gzip"},
        {"HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 21\r\n", PACKED, 21, 400,
         "not valid gzip"},
    };
    bw_test_sandbox *s = bw_test_sandbox_start(false, NULL);
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char *answer;
        char *all = bw_xasprintf("%sHost: x\r\nConnection: close\r\n", cases[i].headers);
        int status = exchange(s, all, cases[i].body, cases[i].size, &answer);
        if (status != cases[i].status || !strstr(answer, cases[i].says))
            fail_msg("%s: %d %s", cases[i].headers, status, answer);
        free(answer);
        free(all);
    }
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

/* Each of many requests in one go is answered, and in order. */
static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    enum { N = 40 };
    bw_test_sandbox *s = bw_test_sandbox_start(false, NULL);
    bw_buf requests = BW_BUF_INIT;
    for (int i = 0; i < N; i++)
        bw_buf_addf(
            &requests,
            "POST /bigquery/v2/projects/demo/queries HTTP/1.1\r\nHost: x\r\n"
            "Content-Length: 43\r\n%s\r\n{\"query\":\"SELECT %03d\",\"useLegacySql\":false}",
            i == N - 1 ? "Connection: close\r\n" : "", i);
    int fd = dial(s);
    say(fd, bw_buf_cstr(&requests));
    char *answers = hear(fd), *at = answers;
    for (int i = 0; i < N; i++) {
        char value[16];
        snprintf(value, sizeof value, "{\"v\":\"%d\"}", i);
        at = strstr(at, value);
        if (!at)
            fail_msg("answer %d is missing: %s", i, answers);
    }
    free(answers);
    close(fd);
    bw_buf_fini(&requests);
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

/* Uploads that break off at any byte leave nothing behind but their session. */
static void broken_uploads_leave_no_job(void **state)
{
    (void)state;
    static const char body[] = "--b\r\n\r\n{\"configuration\":{\"load\":{\"destinationTable\":{"
                               "\"datasetId\":\"analytics\","
                               "\"tableId\":\"t\"},\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\"}}}"
                               "\r\n--b\r\n\r\n{}\r\n--b--";
    bw_test_sandbox *s = bw_test_sandbox_start(true, NULL);
    for (size_t cut = 0; cut < sizeof body - 1; cut += 3) {
        int fd = dial(s);
        char *head =
            bw_xasprintf("POST /upload/bigquery/v2/projects/demo/jobs?uploadType=multipart "
                         "HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/related; "
                         "boundary=b\r\nContent-Length: %zu\r\n\r\n%.*s",
                         sizeof body - 1, (int)cut, body);
        say(fd, head);
        free(head);
        close(fd);
    }
    bw_test_http *http = bw_test_http_new(bw_test_sandbox_url(s));
    assert_int_equal(bw_test_http_get(http, "/projects/demo/jobs"), 200);
    assert_false(bw_test_json_has(bw_test_http_body(http), "jobs.0"));
    bw_test_http_free(http);
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

/* A large upload must not make the process large. */
static void memory_does_not_follow_the_upload(void **state)
{
    (void)state;
    bw_test_sandbox *s = bw_test_sandbox_start(false, NULL);
    bw_test_bq *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    bw_test_http *http = bw_test_bq_http(bq);
    size_t size = (size_t)200 << 20;
    char *blanks = bw_xmalloc(size);
    memset(blanks, ' ', size);
    for (size_t i = 1000; i < size; i += 1000)
        blanks[i] = '\n';
    bw_test_http_get(http, "/sandbox/stats");
    long long before = strtoll(bw_test_json_at(bw_test_http_body(http), "peakRssBytes"), NULL, 10);
    assert_int_equal(bw_test_bq_upload(bq, "blank", "blank1",
                                       ",\"schema\":{\"fields\":[{\"name\":\"a\",\"type\":"
                                       "\"STRING\"}]}",
                                       blanks, size),
                     200);
    char *job = bw_test_bq_wait(bq, "blank1", NULL);
    assert_string_equal(bw_test_json_at(job, "statistics.load.outputRows"), "0");
    free(job);
    bw_test_http_get(http, "/sandbox/stats");
    long long after = strtoll(bw_test_json_at(bw_test_http_body(http), "peakRssBytes"), NULL, 10);
    assert_true(after - before < 40LL << 20);
    free(blanks);
    bw_test_bq_free(bq);
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

static void discarding_counts_and_keeps_nothing(void **state)
{
    (void)state;
    static const char *const args[] = {"--discard", NULL};
    static const char schema[] = ",\"schema\":{\"fields\":[{\"name\":\"n\",\"type\":\"INTEGER\"}]}";
    bw_test_sandbox *s = bw_test_sandbox_start(false, args);
    bw_test_bq *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    bw_test_http *http = bw_test_bq_http(bq);
    char *job = bw_test_bq_load(bq, "t", schema, "{\"n\":1}\n{\"n\":2}\nnot even json");
    assert_string_equal(bw_test_json_at(job, "statistics.load.outputRows"), "3");
    assert_false(bw_test_json_has(job, "status.errorResult"));
    free(job);
    static const unsigned char gzip[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0};
    assert_int_equal(bw_test_bq_upload(bq, "t", "zipped", NULL, gzip, sizeof gzip), 200);
    job = bw_test_bq_wait(bq, "zipped", NULL);
    assert_false(bw_test_json_has(job, "statistics.load.outputRows"));
    assert_string_equal(bw_test_json_at(job, "statistics.load.inputFileBytes"), "8");
    free(job);
    bw_test_http_get(http, "/sandbox/stats");
    const char *body = bw_test_http_body(http);
    assert_string_equal(bw_test_json_at(body, "uploadBytes"), "37");
    assert_string_equal(bw_test_json_at(body, "discardedBytes"), "37");
    assert_string_equal(bw_test_json_at(body, "uploadLines"), "2");
    bw_test_http_get(http, P "/datasets/d/tables/t");
    assert_string_equal(bw_test_json_at(bw_test_http_body(http), "schema.fields.0.name"), "n");
    bw_test_bq_free(bq);
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

static void a_port_in_use_is_said_so(void **state)
{
    (void)state;
    bw_test_sandbox *s = bw_test_sandbox_start(false, NULL);
    const char *argv[] = {BW_BUILD_DIR "/bridgewatch-sandbox", "--port",
                          strrchr(bw_test_sandbox_url(s), ':') + 1, NULL};
    char *complaint;
    assert_int_equal(bw_process_run(argv, NULL, 30, NULL, &complaint), 1);
    assert_non_null(strstr(complaint, "cannot listen on 127.0.0.1:"));
    assert_non_null(strstr(complaint, "HINT: "));
    free(complaint);
    bw_test_sandbox_free(s);
}

#define WITHOUT_END                                                                             \
    "SELECT COUNT(*) FROM d.t, UNNEST(GENERATE_ARRAY(1, 1000000)) a, UNNEST(GENERATE_ARRAY(1, " \
    "1000000)) b WHERE a < b"

/* A sandbox with a table of one row, and a statement that goes on until it is cancelled. */
static bw_test_sandbox *start_long(bool persistent, const char *statement, bw_test_bq **bq)
{
    bw_test_sandbox *s = bw_test_sandbox_start(persistent, NULL);
    *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    bw_test_bq_table(*bq, "t", "[{\"name\":\"n\",\"type\":\"INTEGER\"}]", NULL);
    free(bw_test_bq_load(*bq, "t", "", "{\"n\":1}\n"));
    assert_int_equal(
        bw_test_http_json(bw_test_bq_http(*bq), "POST", P "/jobs",
                          "{\"jobReference\":{\"jobId\":\"long\"},\"configuration\":{\"query\":{"
                          "\"useLegacySql\":false,\"query\":\"%s\"}}}",
                          statement),
        200);
    return s;
}

/* Until the job shows the state; asking for one that is not done waits for nothing. */
static void wait_for(bw_test_http *http, const char *job_state)
{
    int64_t deadline = bw_mono_us(bw_clock_system()) + 20 * BW_SECOND;
    do {
        assert_true(bw_mono_us(bw_clock_system()) < deadline);
        assert_int_equal(bw_test_http_get(http, P "/jobs/long?location=US"), 200);
    } while (!strstr(bw_test_http_body(http), job_state));
}

static void cancel_long(bw_test_http *http)
{
    assert_int_equal(bw_test_http_json(http, "POST", P "/jobs/long/cancel?location=US", NULL), 200);
    wait_for(http, "\"DONE\"");
    assert_string_equal(bw_test_json_at(bw_test_http_body(http), "status.errorResult.reason"),
                        "stopped");
}

/* More requests to BigQuery than there are workers wait for its storage behind a change without end:
   the other services answer, and the change can be cancelled. */
static void a_long_change_holds_up_no_other_service(void **state)
{
    (void)state;
    bw_test_bq *bq;
    bw_test_sandbox *s = start_long(false, "INSERT INTO d.t " WITHOUT_END, &bq);
    bw_test_http *http = bw_test_bq_http(bq);
    int waiting[20];
    wait_for(http, "\"RUNNING\"");
    for (size_t i = 0; i < BW_COUNT(waiting); i++) {
        waiting[i] = dial(s);
        say(waiting[i], "GET /projects/demo/datasets HTTP/1.1\r\nHost: x\r\nConnection: "
                        "close\r\n\r\n");
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(bw_test_http_get(http, "/v1/projects/p/topics"), 200);
        assert_int_equal(bw_test_http_get(http, "/sandbox/faults"), 200);
    }
    assert_int_equal(bw_test_http_json(http, "POST", P "/jobs/long/cancel?location=US", NULL), 200);
    for (size_t i = 0; i < BW_COUNT(waiting); i++) {
        char *answer = hear(waiting[i]);
        assert_non_null(strstr(answer, "HTTP/1.1 200"));
        free(answer);
        close(waiting[i]);
    }
    cancel_long(http);
    bw_test_bq_free(bq);
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

static void assert_rows(bw_test_bq *bq, const char *sql, const char *expected)
{
    char *rows = bw_test_bq_query(bq, sql);
    assert_string_equal(rows, expected);
    free(rows);
}

/* BigQuery itself goes on beside a query without end: reads, queries, loads and changes. */
static void a_long_query_holds_up_nobody_else(void **state)
{
    (void)state;
    for (int persistent = 0; persistent < 2; persistent++) {
        bw_test_bq *bq;
        bw_test_sandbox *s = start_long(persistent, WITHOUT_END, &bq);
        bw_test_http *http = bw_test_bq_http(bq);
        wait_for(http, "\"RUNNING\"");
        assert_int_equal(bw_test_http_get(http, P "/datasets/d/tables/t"), 200);
        assert_int_equal(bw_test_http_get(http, P "/datasets/d/tables/t/data"), 200);
        assert_int_equal(bw_test_http_get(http, P "/jobs"), 200);
        assert_rows(bq, "SELECT n FROM d.t", "1\n");
        bw_test_bq_table(bq, "u", "[{\"name\":\"n\",\"type\":\"INTEGER\"}]", NULL);
        free(bw_test_bq_load(bq, "u", "", "{\"n\":2}\n"));
        assert_rows(bq, "SELECT n FROM d.u", "2\n");
        assert_int_equal(bw_test_bq_try_query(bq, "UPDATE d.t SET n = 3 WHERE n = 1"), 200);
        assert_rows(bq, "SELECT n FROM d.t", "3\n");
        assert_int_equal(bw_test_bq_try_query(bq, "DROP TABLE d.t"), 200);
        wait_for(http, "\"RUNNING\"");
        cancel_long(http);
        bw_test_bq_free(bq);
        bw_test_sandbox_stop(s);
        bw_test_sandbox_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_open_connections_do_not_stop_the_others),
        cmocka_unit_test(a_long_query_holds_up_nobody_else),
        cmocka_unit_test(a_long_change_holds_up_no_other_service),
        cmocka_unit_test(malformed_requests_are_answered_and_survived),
        cmocka_unit_test(bodies_that_contradict_their_headers_are_refused),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(broken_uploads_leave_no_job),
        cmocka_unit_test(memory_does_not_follow_the_upload),
        cmocka_unit_test(discarding_counts_and_keeps_nothing),
        cmocka_unit_test(a_port_in_use_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
