/* The metadata server, the token endpoint, and tokens that expire. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/core/clock.h"
#include "tests/support/bigquery.h"
#include "tests/support/sandbox.h"

typedef struct fixture {
    bw_test_sandbox *sandbox;
    bw_test_http *http;
} fixture;

static int setup(void **state)
{
    static const char *const args[] = {"--project", "p-meta", NULL};
    fixture *f = bw_xcalloc(1, sizeof *f);
    f->sandbox = bw_test_sandbox_start(false, args);
    f->http = bw_test_http_new(bw_test_sandbox_url(f->sandbox));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    bw_test_http_free(f->http);
    bw_test_sandbox_stop(f->sandbox);
    bw_test_sandbox_free(f->sandbox);
    free(f);
    return 0;
}

#define METADATA "/computeMetadata/v1/"

static int get(fixture *f, const char *path, const char *header, const char *second)
{
    const char *headers[] = {header, second, NULL};
    return bw_test_http_send(f->http, &(bw_test_request){.url = path, .headers = headers});
}

static void metadata_needs_its_flavour(void **state)
{
    fixture *f = *state;
    static const char flavour[] = "Metadata-Flavor: Google";
    assert_int_equal(get(f, METADATA "project/project-id", NULL, NULL), 403);
    assert_int_equal(get(f, METADATA "project/project-id", "Metadata-Flavor: Amazon", NULL), 403);
    assert_int_equal(get(f, METADATA "project/project-id", flavour, "X-Forwarded-For: 1.2.3.4"),
                     403);
    assert_int_equal(get(f, METADATA "project/project-id", flavour, NULL), 200);
    assert_string_equal(bw_test_http_body(f->http), "p-meta");
    assert_string_equal(bw_test_http_header(f->http, "metadata-flavor"), "Google");
    assert_int_equal(
        get(f, METADATA "instance/service-accounts/default/token?scopes=a%2Cb", flavour, NULL),
        200);
    const char *body = bw_test_http_body(f->http);
    assert_string_equal(bw_test_json_at(body, "token_type"), "Bearer");
    assert_string_equal(bw_test_json_at(body, "expires_in"), "3599");
    assert_true(bw_test_json_has(body, "access_token"));
}

static int post_form(fixture *f, const char *form)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    return bw_test_http_send(f->http, &(bw_test_request){.verb = "POST",
                                                         .url = "/token",
                                                         .headers = headers,
                                                         .body = form,
                                                         .body_size = strlen(form)});
}

static void add_base64url(bw_buf *out, const char *text)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i += 3) {
        unsigned bits = (unsigned)(unsigned char)text[i] << 16;
        bits |= i + 1 < len ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
        bits |= i + 2 < len ? (unsigned)(unsigned char)text[i + 2] : 0;
        for (size_t k = 0; k < 4 && i + k <= len; k++)
            bw_buf_addc(out, alphabet[bits >> (18 - 6 * k) & 63]);
    }
}

/* Asks for a token with an assertion made of these parts; the answer's "error" or "". */
static const char *assertion_error(fixture *f, const char *header, const char *claims)
{
    char signature[257];
    bw_buf form = BW_BUF_INIT;
    memset(signature, 's', 256);
    signature[256] = '\0';
    bw_buf_adds(&form,
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    add_base64url(&form, header);
    bw_buf_addc(&form, '.');
    add_base64url(&form, claims);
    bw_buf_addc(&form, '.');
    add_base64url(&form, signature);
    int status = post_form(f, bw_buf_cstr(&form));
    bw_buf_fini(&form);
    const char *error = bw_test_json_at(bw_test_http_body(f->http), "error");
    assert_int_equal(status, *error ? 400 : 200);
    return error;
}

static void assertions_are_judged(void **state)
{
    fixture *f = *state;
    static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k\"}";
    static const char form[] = "{\"iss\":\"a@b\",\"scope\":\"x y\",\"aud\":\"http://t\","
                               "\"iat\":%lld,\"exp\":%lld}";
    long long now = (long long)(bw_wall_us(bw_clock_system()) / BW_SECOND);
    char claims[256];
    snprintf(claims, sizeof claims, form, now, now + 3600);
    assert_string_equal(assertion_error(f, header, claims), "");
    assert_string_equal(assertion_error(f, "{\"alg\":\"HS256\"}", claims), "invalid_grant");
    assert_string_equal(assertion_error(f, "nonsense", claims), "invalid_grant");
    snprintf(claims, sizeof claims, form, now, now + 7200);
    assert_string_equal(assertion_error(f, header, claims), "invalid_grant");
    snprintf(claims, sizeof claims, form, now - 7200, now - 3600);
    assert_string_equal(assertion_error(f, header, claims), "invalid_grant");
    assert_string_equal(assertion_error(f, header, "{\"iss\":\"a\"}"), "invalid_grant");
    assert_int_equal(post_form(f, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
                                  "jwt-bearer&assertion=a.b%3D%3D.c"),
                     400);
    assert_int_equal(post_form(f, ""), 400);
    assert_string_equal(bw_test_json_at(bw_test_http_body(f->http), "error"), "invalid_request");
    assert_int_equal(post_form(f, "grant_type=password"), 400);
}

static void refresh_tokens_are_taken(void **state)
{
    fixture *f = *state;
    assert_int_equal(
        post_form(f, "grant_type=refresh_token&client_id=a&client_secret=b&refresh_token=c"), 200);
    assert_int_equal(
        post_form(f, "grant_type=refresh_token&client_id=a&client_secret=b&refresh_token=revoked"),
        400);
    assert_string_equal(bw_test_json_at(bw_test_http_body(f->http), "error"), "invalid_grant");
    assert_int_equal(post_form(f, "grant_type=refresh_token&refresh_token=c"), 400);
}

static void tokens_can_be_made_to_expire(void **state)
{
    fixture *f = *state;
    static const char refresh[] =
        "grant_type=refresh_token&client_id=a&client_secret=b&refresh_token=c";
    static const char path[] = "/bigquery/v2/projects/p/datasets";
    assert_int_equal(post_form(f, refresh), 200);
    char *bearer = bw_xasprintf("Authorization: Bearer %s",
                                bw_test_json_at(bw_test_http_body(f->http), "access_token"));
    assert_int_equal(get(f, path, bearer, NULL), 200);
    assert_int_equal(bw_test_http_json(f->http, "POST", "/sandbox/tokens/expire", NULL), 200);
    assert_int_equal(get(f, path, bearer, NULL), 401);
    assert_string_equal(bw_test_json_at(bw_test_http_body(f->http), "error.status"),
                        "UNAUTHENTICATED");
    assert_non_null(bw_test_http_header(f->http, "WWW-Authenticate"));
    free(bearer);
    assert_int_equal(post_form(f, refresh), 200);
    bearer = bw_xasprintf("Authorization: Bearer %s",
                          bw_test_json_at(bw_test_http_body(f->http), "access_token"));
    assert_int_equal(get(f, path, bearer, NULL), 200);
    free(bearer);
    assert_int_equal(get(f, path, "Authorization: Bearer somebody-elses", NULL), 200);
    assert_int_equal(get(f, path, NULL, NULL), 200);
    bw_test_http_json(f->http, "POST", "/sandbox/faults", "*:expired-token:1:1");
    assert_int_equal(get(f, path, NULL, NULL), 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_needs_its_flavour),
        cmocka_unit_test(assertions_are_judged),
        cmocka_unit_test(refresh_tokens_are_taken),
        cmocka_unit_test(tokens_can_be_made_to_expire),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
