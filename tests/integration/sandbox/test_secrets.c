/* Secret Manager: secrets, their versions and states, checksums; and what survives a kill. */
#include "tests/integration/sandbox/fixture.h"

#include <string.h>

#define SECRETS "/v1/projects/p/secrets"

static void make(fixture *f, const char *path)
{
    assert_int_equal(
        bw_test_http_json(f->http, "POST", path, "{\"replication\":{\"automatic\":{}}}"), 200);
}

static void versions_go_through_their_states(void **state)
{
    fixture *f = *state;
    make(f, SECRETS "?secretId=s");
    assert_body_at(f, "name", "projects/p/secrets/s");
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/s/versions/latest:access"), 404);
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "/s:addVersion",
                                       "{\"payload\":{\"data\":\"b2xk\"}}"),
                     200);
    assert_body_at(f, "name", "projects/p/secrets/s/versions/1");
    assert_body_at(f, "state", "ENABLED");
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "/s:addVersion",
                                       "{\"payload\":{\"data\":\"MTIzNDU2Nzg5\","
                                       "\"dataCrc32c\":\"3808858755\"}}"),
                     200);
    assert_body_at(f, "clientSpecifiedPayloadChecksum", "true");
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/s/versions/latest:access"), 200);
    assert_body_at(f, "name", "projects/p/secrets/s/versions/2");
    assert_body_at(f, "payload.data", "MTIzNDU2Nzg5");
    assert_body_at(f, "payload.dataCrc32c", "3808858755");
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/s/versions/1:access"), 200);
    assert_body_at(f, "payload.data", "b2xk");
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "/s/versions/2:disable", "{}"),
                     200);
    assert_body_at(f, "state", "DISABLED");
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/s/versions/latest:access"), 400);
    assert_body_at(f, "error.status", "FAILED_PRECONDITION");
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "/s/versions/2:enable", "{}"), 200);
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/s/versions/2:access"), 200);
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "/s/versions/1:destroy", "{}"),
                     200);
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/s/versions/1"), 200);
    assert_body_at(f, "state", "DESTROYED");
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "destroyTime"));
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/s/versions/1:access"), 400);
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "/s/versions/1:enable", "{}"), 400);
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/s/versions?pageSize=1"), 200);
    assert_body_at(f, "versions.0.name", "projects/p/secrets/s/versions/2");
    assert_body_at(f, "totalSize", "2");
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "nextPageToken"));
}

static void what_is_wrong_is_refused(void **state)
{
    fixture *f = *state;
    make(f, SECRETS "?secretId=w");
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "?secretId=w",
                                       "{\"replication\":{\"automatic\":{}}}"),
                     409);
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "?secretId=x", "{}"), 400);
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "?secretId=..%2Fx",
                                       "{\"replication\":{\"automatic\":{}}}"),
                     400);
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "/none:addVersion",
                                       "{\"payload\":{\"data\":\"b2xk\"}}"),
                     404);
    static const char *const payloads[] = {
        "{}", "{\"payload\":{\"data\":\"%%\"}}",
        "{\"payload\":{\"data\":\"b2xk\",\"dataCrc32c\":\"1\"}}",
        "{\"payload\":{\"data\":\"b2xk\",\"dataCrc32c\":\"x\"}}"};
    for (size_t i = 0; i < BW_COUNT(payloads); i++)
        assert_int_equal(
            bw_test_http_json(f->http, "POST", SECRETS "/w:addVersion", "%s", payloads[i]), 400);
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/w/versions/1:access"), 404);
    assert_int_equal(bw_test_http_get(f->http, SECRETS "/w/versions/0x1"), 404);
    /* Another project, and a place, have secrets of their own. */
    assert_int_equal(bw_test_http_get(f->http, "/v1/projects/q/secrets/w"), 404);
    assert_int_equal(bw_test_http_get(f->http, "/v1/projects/p/locations/eu/secrets/w"), 404);
    assert_int_equal(
        bw_test_http_json(f->http, "POST", "/v1/projects/p/locations/eu/secrets?secretId=w", "{}"),
        200);
    assert_body_at(f, "name", "projects/p/locations/eu/secrets/w");
    assert_int_equal(bw_test_http_json(f->http, "DELETE", SECRETS "/w", NULL), 200);
    assert_int_equal(bw_test_http_json(f->http, "DELETE", SECRETS "/w", NULL), 404);
    assert_int_equal(bw_test_http_get(f->http, "/v1/projects/p/locations/eu/secrets/w"), 200);
}

static void contents_stay_out_of_the_request_log(void **state)
{
    fixture *f = *state;
    make(f, SECRETS "?secretId=quiet");
    assert_int_equal(bw_test_http_json(f->http, "POST", SECRETS "/quiet:addVersion",
                                       "{\"payload\":{\"data\":\"aHVzaGh1c2g=\"}}"),
                     200);
    bw_test_http_get(f->http, "/sandbox/requests");
    assert_non_null(strstr(bw_test_http_body(f->http), "quiet:addVersion"));
    assert_null(strstr(bw_test_http_body(f->http), "aHVzaGh1c2g="));
}

static void everything_survives_a_kill(void **state)
{
    (void)state;
    bw_test_sandbox *sandbox = bw_test_sandbox_start(true, NULL);
    fixture f = {.sandbox = sandbox, .http = bw_test_http_new(bw_test_sandbox_url(sandbox))};
    make(&f, SECRETS "?secretId=s");
    assert_int_equal(bw_test_http_json(f.http, "POST", SECRETS "/s:addVersion",
                                       "{\"payload\":{\"data\":\"b2xk\"}}"),
                     200);
    assert_int_equal(
        bw_test_http_json(f.http, "POST", "/v2/entries:write",
                          "{\"logName\":\"projects/p/logs/l\",\"resource\":{\"type\":\"global\"},"
                          "\"entries\":[{\"insertId\":\"i\",\"textPayload\":\"x\"}]}"),
        200);
    bw_test_sandbox_kill(sandbox);
    bw_test_sandbox_restart(sandbox);
    assert_int_equal(bw_test_http_get(f.http, SECRETS "/s/versions/latest:access"), 200);
    assert_body_at(&f, "payload.data", "b2xk");
    assert_int_equal(bw_test_http_json(f.http, "POST", "/v2/entries:list",
                                       "{\"resourceNames\":[\"projects/p\"]}"),
                     200);
    assert_body_at(&f, "entries.0.insertId", "i");
    assert_int_equal(bw_test_http_json(f.http, "POST", "/sandbox/reset", NULL), 200);
    assert_int_equal(bw_test_http_get(f.http, SECRETS "/s"), 404);
    bw_test_http_free(f.http);
    bw_test_sandbox_stop(sandbox);
    bw_test_sandbox_free(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_go_through_their_states),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(contents_stay_out_of_the_request_log),
        cmocka_unit_test(everything_survives_a_kill),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
