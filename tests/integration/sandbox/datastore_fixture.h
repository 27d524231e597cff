/* What the tests of Datastore share: a sandbox of their own and a client. Bodies are JSON with ' for ",
   so that they can be read. Header only. */
#ifndef BW_TESTS_INTEGRATION_SANDBOX_DATASTORE_FIXTURE_H
#define BW_TESTS_INTEGRATION_SANDBOX_DATASTORE_FIXTURE_H

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/alloc.h"
#include "backend/core/json.h"
#include "tests/support/bigquery.h"
#include "tests/support/http_client.h"
#include "tests/support/sandbox.h"

#define FIXTURE static __attribute__((unused))

typedef struct fixture {
    bw_test_sandbox *sandbox;
    bw_test_http *http;
    const char *project;
} fixture;

FIXTURE int start(void **state, bool persistent)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    f->sandbox = bw_test_sandbox_start(persistent, NULL);
    f->http = bw_test_http_new(bw_test_sandbox_url(f->sandbox));
    f->project = "p";
    *state = f;
    return 0;
}

FIXTURE int setup(void **state)
{
    return start(state, false);
}

FIXTURE int setup_persistent(void **state)
{
    return start(state, true);
}

FIXTURE int teardown(void **state)
{
    fixture *f = *state;
    bw_test_http_free(f->http);
    bw_test_sandbox_stop(f->sandbox);
    bw_test_sandbox_free(f->sandbox);
    free(f);
    return 0;
}

FIXTURE int setup_again(void **state)
{
    fixture *f = *state;
    return bw_test_http_json(f->http, "POST", "/sandbox/reset", "{}") == 200 ? 0 : -1;
}

FIXTURE const char *body(fixture *f)
{
    return bw_test_http_body(f->http);
}

FIXTURE const char *at(fixture *f, const char *path)
{
    return bw_test_json_at(body(f), path);
}

/* The text with every ' made a ". */
FIXTURE char *quoted(const char *text)
{
    char *copy = bw_xstrdup(text);
    for (char *c = copy; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return copy;
}

FIXTURE int post(bw_test_http *http, const char *project, const char *verb, const char *text)
{
    char *json = quoted(text);
    char *path = bw_xasprintf("/v1/projects/%s:%s?$alt=json%%3Benum-encoding=int", project, verb);
    int status = bw_test_http_json(http, "POST", path, "%s", json);
    free(json);
    free(path);
    return status;
}

/* Asks, whatever comes; the HTTP status. */
FIXTURE BW_PRINTF(3, 4) int try_ask(fixture *f, const char *verb, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    assert_true(vasprintf(&text, fmt, ap) >= 0);
    va_end(ap);
    int status = post(f->http, f->project, verb, text);
    free(text);
    return status;
}

#define ask(f, verb, ...)                                          \
    do {                                                           \
        int asked = try_ask((f), (verb), __VA_ARGS__);             \
        if (asked != 200)                                          \
            fail_msg("%s answers %d: %s", (verb), asked, body(f)); \
    } while (0)

#define ask_fails(f, code, name, verb, ...)                                                   \
    do {                                                                                      \
        int asked = try_ask((f), (verb), __VA_ARGS__);                                        \
        if (asked != (code) || strcmp(at((f), "error.status"), (name)) != 0)                  \
            fail_msg("%s answers %d, not %d %s: %s", (verb), asked, (code), (name), body(f)); \
    } while (0)

FIXTURE void assert_at(fixture *f, const char *path, const char *expected)
{
    const char *value = at(f, path);
    if (strcmp(value, expected) != 0)
        fail_msg("%s is \"%s\", not \"%s\", in %s", path, value, expected, body(f));
}

/* Upserts one entity of the kind K. */
FIXTURE void put(fixture *f, const char *name, const char *properties)
{
    ask(f, "commit",
        "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','name':'%s'}]},"
        "'properties':%s}}]}",
        name, properties);
}

/* The last element of an array. */
FIXTURE bw_slice last_of(bw_slice array)
{
    bw_json_scan s = bw_json_scan_init(array);
    bw_json_token t;
    bw_slice element, last = {NULL, 0};
    assert_true(bw_json_next(&s, &t));
    while (bw_json_skip(&s, &element))
        last = element;
    return last;
}

/* The names (or ids) of the results of a query, separated by spaces (free()). */
FIXTURE char *names_of(fixture *f)
{
    bw_buf out = BW_BUF_INIT;
    bw_slice batch = bw_json_member(bw_slice_cstr(body(f)), "batch");
    bw_json_scan s = bw_json_scan_init(bw_json_member(batch, "entityResults"));
    bw_json_token t;
    bw_slice result;
    assert_true(bw_json_next(&s, &t));
    while (bw_json_skip(&s, &result)) {
        bw_slice key = bw_json_member(bw_json_member(result, "entity"), "key");
        bw_slice element = last_of(bw_json_member(key, "path"));
        char *name = bw_json_member_string(element, "name");
        if (!name)
            name = bw_json_member_string(element, "id");
        bw_buf_addf(&out, "%s%s", out.len ? " " : "", name);
        free(name);
    }
    bw_buf_cstr(&out);
    return bw_buf_take(&out);
}

/* The names that a query gives, separated by spaces. */
FIXTURE void assert_query(fixture *f, const char *query, const char *expected)
{
    ask(f, "runQuery", "{'query':%s}", query);
    char *names = names_of(f);
    if (strcmp(names, expected) != 0)
        fail_msg("%s gives \"%s\", not \"%s\"", query, names, expected);
    free(names);
}

#endif
