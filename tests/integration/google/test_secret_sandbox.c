/* The client of Secret Manager against the sandbox's. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/google/secret.h"
#include "tests/support/http_client.h"
#include "tests/support/sandbox.h"

typedef struct fixture {
    bw_test_sandbox *sandbox;
    bw_test_http *http;
    bw_google *google;
} fixture;

static int setup(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    bw_error err = BW_ERROR_INIT;
    f->sandbox = bw_test_sandbox_start(false, NULL);
    f->http = bw_test_http_new(bw_test_sandbox_url(f->sandbox));
    bw_google_options options = {.credentials = "none",
                                 .secretmanager = bw_test_sandbox_url(f->sandbox)};
    assert_ok(bw_google_new(&options, &f->google, &err), err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    bw_google_free(f->google);
    bw_test_http_free(f->http);
    bw_test_sandbox_stop(f->sandbox);
    bw_test_sandbox_free(f->sandbox);
    free(f);
    return 0;
}

static bw_status read_secret(fixture *f, const char *name, char **content, bw_error *err)
{
    *err = (bw_error)BW_ERROR_INIT;
    return bw_google_secret(f->google, NULL, name, 2 * BW_SECOND, content, err);
}

static void secrets_are_read(void **state)
{
    fixture *f = *state;
    char *content;
    bw_error err = BW_ERROR_INIT;
    assert_int_equal(bw_test_http_json(f->http, "POST", "/v1/projects/p/secrets?secretId=s",
                                       "{\"replication\":{\"automatic\":{}}}"),
                     200);
    assert_int_equal(read_secret(f, "projects/p/secrets/s", &content, &err), BW_NOT_FOUND);
    for (int i = 0; i < 2; i++)
        assert_int_equal(bw_test_http_json(f->http, "POST", "/v1/projects/p/secrets/s:addVersion",
                                           "{\"payload\":{\"data\":\"%s\"}}", i ? "bmV3" : "b2xk"),
                         200);
    assert_ok(read_secret(f, "projects/p/secrets/s", &content, &err), err);
    assert_string_equal(content, "new");
    free(content);
    assert_ok(read_secret(f, "projects/p/secrets/s/versions/1", &content, &err), err);
    assert_string_equal(content, "old");
    free(content);
    assert_int_equal(
        bw_test_http_json(f->http, "POST", "/v1/projects/p/secrets/s/versions/1:disable", "{}"),
        200);
    assert_int_not_equal(read_secret(f, "projects/p/secrets/s/versions/1", &content, &err), BW_OK);
    assert_int_equal(read_secret(f, "projects/q/secrets/s", &content, &err), BW_NOT_FOUND);
    /* A passing failure is tried again, a truncated answer too. */
    bw_test_http_json(f->http, "POST", "/sandbox/faults",
                      "secretmanager.projects.secrets.versions.access:503:1:1");
    assert_ok(read_secret(f, "projects/p/secrets/s", &content, &err), err);
    free(content);
    bw_test_http_json(f->http, "POST", "/sandbox/faults",
                      "secretmanager.projects.secrets.versions.access:truncate:1:1");
    assert_ok(read_secret(f, "projects/p/secrets/s", &content, &err), err);
    assert_string_equal(content, "new");
    free(content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(secrets_are_read)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
