/* backend/net/http_text: what needs no network. */
#include "tests/support/test.h"

#include "backend/net/http.h"

static bw_http_response with_headers(const char *bytes, size_t n)
{
    bw_http_response r = BW_HTTP_RESPONSE_INIT;
    bw_buf_add(&r.headers, bytes, n);
    return r;
}

#define HEADERS(literal) with_headers(literal, sizeof(literal) - 1)

static void test_headers(void **state)
{
    (void)state;
    bw_http_response r = HEADERS("ETag\0\"1\"\0X-Empty\0\0etag\0\"2\"\0");
    assert_string_equal(bw_http_header(&r, "etag"), "\"2\"");
    assert_string_equal(bw_http_header(&r, "x-empty"), "");
    assert_null(bw_http_header(&r, "\"1\""));
    bw_http_response_fini(&r);
    assert_null(bw_http_header(&r, "etag"));
}

static void test_retry_after(void **state)
{
    (void)state;
    const bw_clock *clock = bw_clock_system();
    bw_http_response r = HEADERS("Retry-After\000120\0");
    assert_true(bw_http_retry_after(&r, clock) == 120);
    bw_http_response_fini(&r);
    /* A date is against the server's own clock, not ours. */
    r = HEADERS(
        "Date\0Fri, 31 Dec 1999 23:59:00 GMT\0Retry-After\0Fri, 31 Dec 1999 23:59:59 GMT\0");
    assert_true(bw_http_retry_after(&r, clock) == 59);
    assert_int_equal(bw_http_date(&r), INT64_C(946684740) * BW_SECOND);
    bw_http_response_fini(&r);
    r = HEADERS("Retry-After\0Fri, 31 Dec 1999 23:59:59 GMT\0");
    assert_true(bw_http_retry_after(&r, clock) == 0);
    assert_int_equal(bw_http_date(&r), BW_TIME_NONE);
    bw_http_response_fini(&r);
    r = HEADERS("Retry-After\0soon\0");
    assert_true(bw_http_retry_after(&r, clock) == 0);
    bw_http_response_fini(&r);
    r = HEADERS("Retry-After\000-5\0");
    assert_true(bw_http_retry_after(&r, clock) == 0);
    bw_http_response_fini(&r);
    r = HEADERS("Retry-After\00099999999999999999999\0");
    assert_true(bw_http_retry_after(&r, clock) == 86400);
    bw_http_response_fini(&r);
}

static void test_escape(void **state)
{
    (void)state;
    bw_buf out = BW_BUF_INIT;
    bw_http_add_escaped(&out, BW_SLICE_LIT("aZ09-._~ /?&=%$\xc3\xa9"));
    assert_string_equal(bw_buf_cstr(&out), "aZ09-._~%20%2F%3F%26%3D%25%24%C3%A9");
    bw_buf_fini(&out);
}

static void test_loopback(void **state)
{
    (void)state;
    assert_true(bw_http_is_loopback("http://localhost:80/x"));
    assert_true(bw_http_is_loopback("http://LOCALHOST"));
    assert_true(bw_http_is_loopback("https://127.1.2.3/"));
    assert_true(bw_http_is_loopback("http://[::1]:9050"));
    assert_false(bw_http_is_loopback("http://127.0.0.1.example.com/"));
    assert_false(bw_http_is_loopback("http://127.0.0.1@example.com/"));
    assert_false(bw_http_is_loopback("http://128.0.0.1/"));
    assert_false(bw_http_is_loopback("http://localhost.example/"));
    assert_false(bw_http_is_loopback("nonsense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_loopback),
    };
    return BW_RUN_TESTS(tests);
}
