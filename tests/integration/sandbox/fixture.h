/* What the tests of the sandbox's REST surface share: a sandbox of their own, a client of the project p
   and its dataset d, and a look into the last answer. Header only. Threads: the test's. */
#ifndef BW_TESTS_INTEGRATION_SANDBOX_FIXTURE_H
#define BW_TESTS_INTEGRATION_SANDBOX_FIXTURE_H

#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/core/alloc.h"
#include "tests/support/bigquery.h"
#include "tests/support/http_client.h"
#include "tests/support/sandbox.h"

#define FIXTURE static __attribute__((unused))

typedef struct fixture {
    bw_test_sandbox *sandbox;
    bw_test_bq *bq;
    bw_test_http *http;
} fixture;

FIXTURE int setup(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    f->sandbox = bw_test_sandbox_start(false, NULL);
    f->bq = bw_test_bq_new(bw_test_sandbox_url(f->sandbox), "p", "d");
    f->http = bw_test_bq_http(f->bq);
    *state = f;
    return 0;
}

FIXTURE int teardown(void **state)
{
    fixture *f = *state;
    bw_test_bq_free(f->bq);
    bw_test_sandbox_stop(f->sandbox);
    bw_test_sandbox_free(f->sandbox);
    free(f);
    return 0;
}

FIXTURE void assert_body_at(fixture *f, const char *path, const char *expected)
{
    const char *value = bw_test_json_at(bw_test_http_body(f->http), path);
    if (strcmp(value, expected) != 0)
        fail_msg("%s is \"%s\", not \"%s\", in %s", path, value, expected,
                 bw_test_http_body(f->http));
}

#endif
