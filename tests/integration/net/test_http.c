/* The HTTP client against servers that misbehave. */
#include "tests/support/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "backend/net/http.h"
#include "tests/support/wire_server.h"

typedef struct fixture {
    bw_wire_server *server;
    bw_http *http;
    bw_cancel cancel;
    bw_http_response response;
    bw_error err;
} fixture;

static fixture begin(const bw_wire_step *steps, size_t n)
{
    fixture f = {.server = bw_wire_start(steps, n), .err = BW_ERROR_INIT};
    f.http = bw_http_new(&(bw_http_options){.connect_timeout_us = 5 * BW_SECOND});
    return f;
}

static void end(fixture *f)
{
    bw_http_free(f->http);
    bw_http_response_fini(&f->response);
    bw_wire_stop(f->server);
}

static int64_t in_seconds(double s)
{
    return bw_mono_us(bw_clock_system()) + (int64_t)(s * 1e6);
}

static bw_status ask(fixture *f, bw_http_request request)
{
    request.url = bw_wire_url(f->server);
    if (!request.deadline_us)
        request.deadline_us = in_seconds(20);
    return bw_http_send(f->http, &request, &f->response, &f->err);
}

static void test_gathers_the_body_and_reads_headers(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply = "HTTP/1.1 308 Resume\r\nRange: bytes=0-9\r\nLOCATION: /next\r\n"
                  "Retry-After: 7\r\nContent-Length: 0\r\n\r\n"},
        {.reply = BW_WIRE_REPLY("200 OK", "{}")},
    };
    fixture f = begin(steps, BW_COUNT(steps));
    static const char *const headers[] = {"X-One: 1", "Content-Type: text/plain"};
    assert_ok(ask(&f, (bw_http_request){.method = "PUT",
                                        .headers = headers,
                                        .n_headers = 2,
                                        .body = {BW_SLICE_LIT("abc"), BW_SLICE_LIT(""),
                                                 BW_SLICE_LIT("defg"), BW_SLICE_LIT("hij")},
                                        .n_body = 4}),
              f.err);
    assert_int_equal(f.response.status, 308);
    assert_string_equal(bw_http_header(&f.response, "range"), "bytes=0-9");
    assert_string_equal(bw_http_header(&f.response, "Location"), "/next");
    assert_null(bw_http_header(&f.response, "ETag"));
    assert_true(bw_http_retry_after(&f.response, bw_clock_system()) == 7.0);
    const char *sent = bw_wire_request(f.server, 0);
    assert_non_null(strstr(sent, "PUT / HTTP/1.1\r\n"));
    assert_non_null(strstr(sent, "X-One: 1\r\n"));
    assert_non_null(strstr(sent, "Content-Length: 10\r\n"));
    assert_null(strstr(sent, "Expect"));
    assert_non_null(strstr(sent, "\r\n\r\nabcdefghij"));
    /* The same client again: nothing of the first request is left. */
    assert_ok(ask(&f, (bw_http_request){.method = "POST"}), f.err);
    assert_int_equal(f.response.status, 200);
    assert_string_equal(bw_buf_cstr(&f.response.body), "{}");
    assert_null(bw_http_header(&f.response, "Location"));
    sent = bw_wire_request(f.server, 1);
    assert_non_null(strstr(sent, "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(sent, "Content-Length: 0\r\n"));
    assert_null(strstr(sent, "X-One"));
    assert_int_equal(bw_http_bytes_sent(f.http), 10);
    end(&f);
}

static void test_statuses_are_not_errors(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply =
             "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"},
        {.reply = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n"
                  "<html>"},
        {.reply = "HTTP/1.1 204 No Content\r\n\r\n"},
    };
    fixture f = begin(steps, BW_COUNT(steps));
    assert_ok(ask(&f, (bw_http_request){0}), f.err);
    assert_int_equal(f.response.status, 302);
    assert_ok(ask(&f, (bw_http_request){0}), f.err);
    assert_int_equal(f.response.status, 502);
    assert_ok(ask(&f, (bw_http_request){.method = "DELETE"}), f.err);
    assert_int_equal(f.response.status, 204);
    assert_int_equal(bw_wire_count(f.server), 3);
    end(&f);
}

static void test_connection_refused_was_not_sent(void **state)
{
    (void)state;
    fixture f = begin(NULL, 0);
    char *url = bw_xstrdup(bw_wire_url(f.server));
    bw_wire_stop(f.server);
    bw_http_request request = {.url = url, .method = "POST"};
    assert_int_equal(bw_http_send(f.http, &request, &f.response, &f.err), BW_UNAVAILABLE);
    assert_false(f.err.maybe_acted);
    assert_true(f.err.retryable);
    assert_non_null(strstr(f.err.message, "127.0.0.1:"));
    free(url);
    f.server = bw_wire_start(NULL, 0);
    end(&f);
}

static void test_cut_after_the_request_may_have_acted(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.after = BW_WIRE_CLOSE},
        {.after = BW_WIRE_RESET},
        {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":",
         .after = BW_WIRE_CLOSE},
    };
    fixture f = begin(steps, BW_COUNT(steps));
    for (size_t i = 0; i < BW_COUNT(steps); i++) {
        bw_http_request request = {.method = "POST", .body = {BW_SLICE_LIT("x")}, .n_body = 1};
        assert_int_equal(ask(&f, request), BW_UNAVAILABLE);
        assert_true(f.err.maybe_acted);
        assert_true(f.response.maybe_sent);
    }
    assert_int_equal(f.response.status, 200);
    assert_int_equal(bw_wire_count(f.server), 3);
    end(&f);
}

/* A kept connection that dies under a request: sent again only when that was allowed. */
static void test_dead_kept_connection(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply = BW_WIRE_REPLY("200 OK", "{}")}, {.after = BW_WIRE_CLOSE},
        {.reply = BW_WIRE_REPLY("200 OK", "{}")}, {.after = BW_WIRE_CLOSE},
        {.reply = BW_WIRE_REPLY("200 OK", "{}")},
    };
    fixture f = begin(steps, BW_COUNT(steps));
    bw_http_request request = {.method = "POST", .body = {BW_SLICE_LIT("x")}, .n_body = 1};
    assert_ok(ask(&f, request), f.err);
    assert_int_equal(ask(&f, request), BW_UNAVAILABLE);
    assert_true(f.err.maybe_acted);
    assert_int_equal(bw_wire_count(f.server), 2);
    assert_ok(ask(&f, request), f.err);
    request.idempotent = true;
    assert_ok(ask(&f, request), f.err);
    assert_int_equal(bw_wire_count(f.server), 5);
    end(&f);
}

static void test_deadline_while_the_server_hangs(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {{.after = BW_WIRE_HANG}};
    fixture f = begin(steps, BW_COUNT(steps));
    int64_t before = bw_mono_us(bw_clock_system());
    assert_int_equal(ask(&f, (bw_http_request){.deadline_us = in_seconds(0.2)}), BW_TIMEOUT);
    int64_t took = bw_mono_us(bw_clock_system()) - before;
    assert_true(f.err.maybe_acted);
    assert_non_null(strstr(f.err.message, "waiting for the answer"));
    assert_in_range(took, 150000, 5000000);
    end(&f);
}

static void test_stall_ends_what_does_not_move(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", .after = BW_WIRE_HANG},
        {.reply = BW_WIRE_REPLY("200 OK", "slow slow slow slow slow slow slow slow "),
         .drip_ms = 30},
    };
    fixture f = begin(steps, BW_COUNT(steps));
    assert_int_equal(ask(&f, (bw_http_request){.stall_us = BW_SECOND / 5}), BW_TIMEOUT);
    assert_non_null(strstr(f.err.message, "in the middle of the answer"));
    assert_int_equal(f.response.status, 200);
    /* Slow, longer than the limit in all, but always moving. */
    assert_ok(ask(&f, (bw_http_request){.stall_us = BW_SECOND}), f.err);
    assert_int_equal(f.response.body.len, 40);
    end(&f);
}

static void *raise_when_asked(void *arg)
{
    fixture *f = arg;
    bw_wire_wait(f->server, 1, 20);
    bw_cancel_raise(&f->cancel);
    return NULL;
}

static void test_cancel_ends_a_wait_at_once(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {{.after = BW_WIRE_HANG, .early = true}};
    fixture f = begin(steps, BW_COUNT(steps));
    bw_http_free(f.http);
    bw_cancel_init(&f.cancel);
    f.http = bw_http_new(&(bw_http_options){.cancel = &f.cancel});
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, raise_when_asked, &f), 0);
    char *big = bw_xcalloc(1, 64 << 20);
    bw_http_request request = {.method = "PUT", .body = {{big, 64 << 20}}, .n_body = 1};
    assert_int_equal(ask(&f, request), BW_CANCELLED);
    assert_true(f.err.maybe_acted);
    pthread_join(thread, NULL);
    assert_int_equal(ask(&f, request), BW_CANCELLED);
    assert_false(f.err.maybe_acted);
    free(big);
    bw_cancel_fini(&f.cancel);
    end(&f);
}

static void test_limits_and_bad_urls(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply = BW_WIRE_REPLY("200 OK", "0123456789")},
    };
    fixture f = begin(steps, BW_COUNT(steps));
    assert_int_equal(ask(&f, (bw_http_request){.max_response = 9}), BW_UNSUPPORTED);
    bw_http_request bad = {.url = "no-scheme secret"};
    assert_int_equal(bw_http_send(f.http, &bad, &f.response, &f.err), BW_INVALID);
    assert_null(strstr(f.err.message, "secret"));
    bad.url = "file:///etc/passwd";
    assert_int_not_equal(bw_http_send(f.http, &bad, &f.response, &f.err), BW_OK);
    end(&f);
}

/* An error answer that comes while the body is still being sent is an answer, not a failure. */
static void test_early_refusal(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply = BW_WIRE_REPLY("413 Too Large", "{}"), .early = true, .after = BW_WIRE_KEEP},
    };
    fixture f = begin(steps, BW_COUNT(steps));
    char *big = bw_xcalloc(1, 16 << 20);
    bw_http_request request = {.method = "PUT", .body = {{big, 16 << 20}}, .n_body = 1};
    assert_ok(ask(&f, request), f.err);
    assert_int_equal(f.response.status, 413);
    free(big);
    end(&f);
}

/* A wall clock that jumps, as after suspend. */
typedef struct jump_clock {
    bw_clock clock;
    int64_t ahead_us;
} jump_clock;

static int64_t jumped_wall(const bw_clock *c)
{
    return bw_wall_us(bw_clock_system()) + ((const jump_clock *)c)->ahead_us;
}

static int64_t steady_mono(const bw_clock *c)
{
    (void)c;
    return bw_mono_us(bw_clock_system());
}

static void test_connections_are_kept_but_not_over_a_sleep(void **state)
{
    (void)state;
    static const bw_wire_step ok = {.reply = BW_WIRE_REPLY("200 OK", "{}")};
    const bw_wire_step steps[] = {ok, ok, ok, ok};
    jump_clock clock = {{jumped_wall, steady_mono}, 0};
    fixture f = begin(steps, BW_COUNT(steps));
    bw_http_free(f.http);
    f.http = bw_http_new(&(bw_http_options){.clock = &clock.clock});
    assert_ok(ask(&f, (bw_http_request){0}), f.err);
    clock.ahead_us = 20 * BW_SECOND;
    assert_ok(ask(&f, (bw_http_request){0}), f.err);
    assert_int_equal(bw_wire_connections(f.server), 1);
    clock.ahead_us = 2 * BW_MINUTE;
    assert_ok(ask(&f, (bw_http_request){0}), f.err);
    assert_int_equal(bw_wire_connections(f.server), 2);
    clock.ahead_us = 0; /* back */
    assert_ok(ask(&f, (bw_http_request){0}), f.err);
    assert_int_equal(bw_wire_connections(f.server), 3);
    end(&f);
}

/* The environment's proxy is asked for everything but this machine and what must not have one. */
static void test_proxy_from_the_environment(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {{.reply = BW_WIRE_REPLY("200 OK", "{}")},
                                         {.reply = BW_WIRE_REPLY("200 OK", "{}")}};
    fixture f = begin(steps, BW_COUNT(steps));
    bw_wire_server *proxy = bw_wire_start(steps, BW_COUNT(steps));
    setenv("http_proxy", bw_wire_url(proxy), 1);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    assert_ok(ask(&f, (bw_http_request){0}), f.err);
    assert_int_equal(bw_wire_count(proxy), 0);
    bw_http_request far = {.url = "http://service.invalid/x", .deadline_us = in_seconds(20)};
    assert_ok(bw_http_send(f.http, &far, &f.response, &f.err), f.err);
    assert_memory_equal(bw_wire_request(proxy, 0), "GET http://service.invalid/x HTTP/1.1\r\n", 39);
    far.no_proxy = true;
    assert_int_not_equal(bw_http_send(f.http, &far, &f.response, &f.err), BW_OK);
    assert_false(f.err.maybe_acted);
    assert_int_equal(bw_wire_count(proxy), 1);
    unsetenv("http_proxy");
    bw_wire_stop(proxy);
    end(&f);
}

static void test_headers_without_end(void **state)
{
    (void)state;
    bw_buf reply = BW_BUF_INIT;
    bw_buf_adds(&reply, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 400; i++)
        bw_buf_addf(&reply, "X-%d: %01000d\r\n", i, 0);
    bw_buf_adds(&reply, "Content-Length: 0\r\n\r\n");
    const bw_wire_step steps[] = {{.reply = bw_buf_cstr(&reply)}};
    fixture f = begin(steps, BW_COUNT(steps));
    assert_int_equal(ask(&f, (bw_http_request){.method = "GET"}), BW_UNSUPPORTED);
    assert_non_null(strstr(f.err.message, "bytes of headers"));
    end(&f);
    bw_buf_fini(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gathers_the_body_and_reads_headers),
        cmocka_unit_test(test_statuses_are_not_errors),
        cmocka_unit_test(test_connection_refused_was_not_sent),
        cmocka_unit_test(test_cut_after_the_request_may_have_acted),
        cmocka_unit_test(test_dead_kept_connection),
        cmocka_unit_test(test_deadline_while_the_server_hangs),
        cmocka_unit_test(test_stall_ends_what_does_not_move),
        cmocka_unit_test(test_cancel_ends_a_wait_at_once),
        cmocka_unit_test(test_limits_and_bad_urls),
        cmocka_unit_test(test_headers_without_end),
        cmocka_unit_test(test_early_refusal),
        cmocka_unit_test(test_connections_are_kept_but_not_over_a_sleep),
        cmocka_unit_test(test_proxy_from_the_environment),
    };
    return BW_RUN_TESTS(tests);
}
