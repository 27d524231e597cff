/*
 * A small HTTP client for tests: requests made of a verb, a URL, headers and a body, whole answers.
 * Every request is sent once. Independent of the project's own client, so that it can judge it.
 * Threads: one client belongs to one thread.
 */
#ifndef BW_TESTS_SUPPORT_HTTP_CLIENT_H
#define BW_TESTS_SUPPORT_HTTP_CLIENT_H

#include "backend/core/buf.h"

typedef struct bw_test_http bw_test_http;

typedef struct bw_test_request {
    const char *verb;           /* "GET" when NULL */
    const char *url;            /* absolute, or a path that is put behind the client's base */
    const char *const *headers; /* "Name: value", NULL-terminated; or NULL */
    const void *body;
    size_t body_size;
    bool chunked;     /* sends the body with chunked transfer encoding */
    double timeout_s; /* 60 when 0 */
} bw_test_request;

bw_test_http *bw_test_http_new(const char *base);
void bw_test_http_free(bw_test_http *h);

/* The status, or minus libcurl's error code when there was no whole answer. The answer is kept in
   the client until the next request. */
int bw_test_http_send(bw_test_http *h, const bw_test_request *request);
/* A JSON body (or none when NULL), formatted. */
int bw_test_http_json(bw_test_http *h, const char *verb, const char *path, const char *fmt, ...)
    BW_PRINTF(4, 5);
int bw_test_http_get(bw_test_http *h, const char *fmt, ...) BW_PRINTF(2, 3);

/* Of the last answer: its body (NUL-terminated), and a header's value (NULL when absent; borrowed
   until the next call of either). */
const char *bw_test_http_body(bw_test_http *h);
size_t bw_test_http_body_size(const bw_test_http *h);
const char *bw_test_http_header(bw_test_http *h, const char *name);

#endif
