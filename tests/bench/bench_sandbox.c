/*
 * How fast the sandbox is: small requests per second over kept connections, a load of a million
 * rows, and the memory that an upload takes. Built and run by hand:
 *
 *     cmake --build build --target bench-sandbox && build/tests/bench-sandbox
 */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/core/clock.h"
#include "tests/support/bigquery.h"
#include "tests/support/sandbox.h"

#define CONNECTIONS 16
#define SECONDS     3
#define ROWS        1000000
#define UPLOAD      ((size_t)500 << 20)
#define CHUNK       ((size_t)8 << 20)

static double now(void)
{
    return (double)bw_mono_us(bw_clock_system()) / (double)BW_SECOND;
}

static long long stat_of(bw_test_http *http, const char *name)
{
    bw_test_http_get(http, "/sandbox/stats");
    return strtoll(bw_test_json_at(bw_test_http_body(http), name), NULL, 10);
}

/* Processor time of the sandbox until now, in seconds. */
static double cpu_of(bw_test_http *http)
{
    bw_test_http_get(http, "/sandbox/stats");
    const char *body = bw_test_http_body(http);
    return strtod(bw_test_json_at(body, "cpuUserSeconds"), NULL) +
           strtod(bw_test_json_at(body, "cpuSystemSeconds"), NULL);
}

/* ---- Small requests --------------------------------------------------------------------------- */

typedef struct load {
    int port;
    const char *name, *verb, *path;
    const char *(*body)(unsigned long long number, char *out, size_t size);
    double until;
    atomic_ullong sent, failed;
} load;

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* One answer, headers and body. */
static bool answer_is_200(int fd)
{
    char buf[65536];
    size_t have = 0, whole = 0;
    while (whole == 0 || have < whole) {
        ssize_t n = recv(fd, buf + have, sizeof buf - 1 - have, 0);
        if (n <= 0)
            return false;
        have += (size_t)n;
        buf[have] = '\0';
        char *end = strstr(buf, "\r\n\r\n");
        char *length = strcasestr(buf, "content-length:");
        if (end && !whole)
            whole = (size_t)(end + 4 - buf) + (length ? strtoul(length + 15, NULL, 10) : 0);
    }
    return memcmp(buf, "HTTP/1.1 200", 12) == 0;
}

static void *send_requests(void *arg)
{
    load *l = arg;
    int fd = dial(l->port);
    char body[4096], request[8192];
    while (now() < l->until) {
        unsigned long long number = atomic_fetch_add(&l->sent, 1);
        const char *text = l->body ? l->body(number, body, sizeof body) : "";
        int n = snprintf(request, sizeof request,
                         "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\n\r\n%s",
                         l->verb, l->path, strlen(text), text);
        if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n || !answer_is_200(fd))
            atomic_fetch_add(&l->failed, 1);
    }
    close(fd);
    return NULL;
}

static const char *one_row(unsigned long long number, char *out, size_t size)
{
    snprintf(out, size,
             "{\"rows\":[{\"insertId\":\"i%llu\",\"json\":{\"id\":%llu,\"n\":\"row\"}}]}", number,
             number);
    return out;
}

static const char *one_message(unsigned long long number, char *out, size_t size)
{
    snprintf(out, size, "{\"messages\":[{\"data\":\"aGVsbG8=\",\"attributes\":{\"n\":\"%llu\"}}]}",
             number);
    return out;
}

static const char *one_entry(unsigned long long number, char *out, size_t size)
{
    snprintf(out, size,
             "{\"logName\":\"projects/p/logs/l\",\"resource\":{\"type\":\"global\"},\"entries\":[{"
             "\"severity\":\"INFO\",\"jsonPayload\":{\"n\":%llu}}]}",
             number);
    return out;
}

static const char *one_query(unsigned long long number, char *out, size_t size)
{
    snprintf(out, size, "{\"query\":\"SELECT %llu AS x\",\"useLegacySql\":false}", number);
    return out;
}

static void requests(const bw_test_sandbox *s, bw_test_http *http)
{
    load loads[] = {
        {.name = "tables.get",
         .verb = "GET",
         .path = "/bigquery/v2/projects/p/datasets/d/tables/t"},
        {.name = "tabledata.insertAll",
         .verb = "POST",
         .path = "/bigquery/v2/projects/p/datasets/d/tables/t/insertAll",
         .body = one_row},
        {.name = "jobs.query",
         .verb = "POST",
         .path = "/bigquery/v2/projects/p/queries",
         .body = one_query},
        {.name = "topics.publish",
         .verb = "POST",
         .path = "/v1/projects/p/topics/topic:publish",
         .body = one_message},
        {.name = "entries.write", .verb = "POST", .path = "/v2/entries:write", .body = one_entry},
        {.name = "versions.access",
         .verb = "GET",
         .path = "/v1/projects/p/secrets/s/versions/latest:access"},
    };
    for (size_t i = 0; i < BW_COUNT(loads); i++) {
        pthread_t threads[CONNECTIONS];
        load *l = &loads[i];
        l->port = (int)strtol(strrchr(bw_test_sandbox_url(s), ':') + 1, NULL, 10);
        double from = now(), cpu = cpu_of(http);
        l->until = from + SECONDS;
        for (size_t t = 0; t < CONNECTIONS; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, send_requests, l), 0);
        for (size_t t = 0; t < CONNECTIONS; t++)
            pthread_join(threads[t], NULL);
        double sent = (double)atomic_load(&l->sent);
        printf("%-22s %9.0f requests/s %6.0f us of processor time each", l->name,
               sent / (now() - from), (cpu_of(http) - cpu) / sent * 1e6);
        printf(atomic_load(&l->failed) ? "  %llu failed\n" : "\n", atomic_load(&l->failed));
    }
}

/* ---- Loads ------------------------------------------------------------------------------------ */

/* A resumable upload in chunks; the finished job's rows. */
static void upload(bw_test_bq *bq, const char *table, const bw_buf *chunk, size_t chunks)
{
    bw_test_http *http = bw_test_bq_http(bq);
    assert_int_equal(
        bw_test_http_json(http, "POST", "/upload/bigquery/v2/projects/p/jobs?uploadType=resumable",
                          "{\"jobReference\":{\"jobId\":\"%s\"},\"configuration\":{\"load\":{"
                          "\"destinationTable\":{\"datasetId\":\"d\",\"tableId\":\"%s\"},"
                          "\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\",\"schema\":{\"fields\":[{"
                          "\"name\":\"id\",\"type\":\"INTEGER\"},{\"name\":\"name\",\"type\":"
                          "\"STRING\"},{\"name\":\"amount\",\"type\":\"NUMERIC\"},{\"name\":\"at\","
                          "\"type\":\"TIMESTAMP\"}]}}}}",
                          table, table),
        200);
    char *url = bw_xstrdup(bw_test_http_header(http, "Location"));
    for (size_t i = 0; i < chunks; i++) {
        size_t from = i * chunk->len;
        bool last = i + 1 == chunks;
        size_t end = from + chunk->len;
        char *range = last ? bw_xasprintf("Content-Range: bytes %zu-%zu/%zu", from, end - 1, end)
                           : bw_xasprintf("Content-Range: bytes %zu-%zu/*", from, end - 1);
        const char *const headers[] = {range, NULL};
        int status = bw_test_http_send(http, &(bw_test_request){.verb = "PUT",
                                                                .url = url,
                                                                .headers = headers,
                                                                .body = chunk->ptr,
                                                                .body_size = chunk->len,
                                                                .timeout_s = 120});
        assert_int_equal(status, last ? 200 : 308);
        free(range);
    }
    free(url);
}

/* Lines up to a multiple of 256 KiB, the last one filled with blanks. */
static void make_lines(bw_buf *out, long rows, size_t bytes)
{
    for (long i = 0; rows ? i < rows : out->len + 200 < bytes; i++)
        bw_buf_addf(out,
                    "{\"id\":%ld,\"name\":\"customer number %ld\",\"amount\":\"%ld.%02ld\",\"at\":"
                    "\"2026-01-01T%02ld:%02ld:00Z\"}\n",
                    i, i, i * 7 % 100000, i % 100, i / 60 % 24, i % 60);
    while (out->len % ((size_t)256 << 10))
        bw_buf_addc(out, '\n');
}

static void loads(bw_test_bq *bq)
{
    bw_test_http *http = bw_test_bq_http(bq);
    bw_buf million = BW_BUF_INIT, chunk = BW_BUF_INIT;
    make_lines(&million, ROWS, 0);
    double from = now();
    upload(bq, "million", &million, 1);
    double sent = now();
    char *job = bw_test_bq_wait(bq, "million", NULL);
    printf("load of %s rows, %zu MiB: %.2f s upload, %.2f s job\n",
           bw_test_json_at(job, "statistics.load.outputRows"), million.len >> 20, sent - from,
           now() - sent);
    free(job);
    bw_buf_fini(&million);
    long long before = stat_of(http, "peakRssBytes");
    make_lines(&chunk, 0, CHUNK);
    from = now();
    upload(bq, "large", &chunk, UPLOAD / CHUNK);
    sent = now();
    long long after = stat_of(http, "peakRssBytes");
    job = bw_test_bq_wait(bq, "large", NULL);
    printf("upload of %zu MiB: %.2f s, job %.2f s; peak RSS %lld MiB before, %lld MiB after the "
           "upload, %lld MiB after the job\n",
           UPLOAD >> 20, sent - from, now() - sent, before >> 20, after >> 20,
           stat_of(http, "peakRssBytes") >> 20);
    free(job);
    bw_buf_fini(&chunk);
}

static void measure(void **state)
{
    (void)state;
    bw_test_sandbox *s = bw_test_sandbox_start(true, NULL);
    bw_test_bq *bq = bw_test_bq_new(bw_test_sandbox_url(s), "p", "d");
    bw_test_http *http = bw_test_bq_http(bq);
    bw_test_bq_table(bq, "t",
                     "[{\"name\":\"id\",\"type\":\"INT64\"},{\"name\":\"n\",\"type\":\"STRING\"}]",
                     NULL);
    assert_int_equal(bw_test_http_json(http, "PUT", "/v1/projects/p/topics/topic", "{}"), 200);
    assert_int_equal(bw_test_http_json(http, "POST", "/v1/projects/p/secrets?secretId=s",
                                       "{\"replication\":{\"automatic\":{}}}"),
                     200);
    assert_int_equal(bw_test_http_json(http, "POST", "/v1/projects/p/secrets/s:addVersion",
                                       "{\"payload\":{\"data\":\"aGVsbG8=\"}}"),
                     200);
    requests(s, http);
    loads(bq);
    bw_test_bq_free(bq);
    bw_test_sandbox_stop(s);
    bw_test_sandbox_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};
    return BW_RUN_TESTS(tests);
}
