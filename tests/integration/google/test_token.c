/* Access tokens against a token server written out by the test. */
#include "tests/support/test.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/google/google.h"
#include "backend/google/service.h"
#include "tests/support/google_keys.h"
#include "tests/support/process.h"
#include "tests/support/wire_server.h"

#define TOKEN(name, life)                                                     \
    "HTTP/1.1 200 OK\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n" \
    "{\"access_token\":\"" name "\",\"expires_in\":" life ",\"token_type\":\"Bearer\"}"
#define ONCE(text)                            \
    {                                         \
        .reply = text, .after = BW_WIRE_CLOSE \
    }

/* A wall and a monotonic clock that move only when told. */
typedef struct hand_clock {
    bw_clock clock;
    _Atomic int64_t ahead_us;
} hand_clock;

static int64_t hand_wall(const bw_clock *c)
{
    return bw_wall_us(bw_clock_system()) + ((const hand_clock *)c)->ahead_us;
}

static int64_t hand_mono(const bw_clock *c)
{
    return bw_mono_us(bw_clock_system()) + ((const hand_clock *)c)->ahead_us;
}

typedef struct fixture {
    char *dir, *file;
    EVP_PKEY *key;
    bw_wire_server *server;
    hand_clock clock;
    bw_google *google;
    bw_token_cache *tokens;
    bw_error err;
} fixture;

enum kind { ACCOUNT, USER, METADATA };

/* Fills *f (the clock is borrowed by the google): a fixture never moves. */
static void begin(fixture *f, enum kind kind, const bw_wire_step *steps, size_t n)
{
    *f = (fixture){.dir = bw_test_dir_new("token"), .server = bw_wire_start(steps, n)};
    f->clock.clock = (bw_clock){hand_wall, hand_mono};
    char *uri = bw_xasprintf("%s/token", bw_wire_url(f->server));
    unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
    setenv("CLOUDSDK_CONFIG", f->dir, 1);
    setenv("GCE_METADATA_HOST", bw_wire_url(f->server) + strlen("http://"), 1);
    if (kind == ACCOUNT) {
        f->key = bw_test_rsa_key(2048);
        f->file = bw_test_service_account(f->dir, f->key, uri);
    } else if (kind == USER) {
        char *text = bw_xasprintf("{\"type\":\"authorized_user\",\"client_id\":\"c&1\","
                                  "\"client_secret\":\"s3cret\",\"refresh_token\":\"1//r3fresh\","
                                  "\"token_uri\":\"%s\"}",
                                  uri);
        f->file = bw_test_write_file(f->dir, "user.json", text);
        free(text);
    }
    free(uri);
    bw_google_options options = {.credentials = f->file, .clock = &f->clock.clock};
    assert_ok(bw_google_new(&options, &f->google, &f->err), f->err);
    f->tokens = bw_google_tokens(f->google, BW_SERVICE_BIGQUERY);
    assert_non_null(f->tokens);
}

static void end(fixture *f)
{
    bw_google_free(f->google);
    bw_wire_stop(f->server);
    EVP_PKEY_free(f->key);
    bw_test_dir_remove(f->dir);
    free(f->file);
    free(f->dir);
}

/* The token, or "" with *err set (static storage is not needed: copied to `out`). */
static bw_status get(fixture *f, char out[64], double seconds, bw_error *err)
{
    bw_http *http = bw_http_new(&(bw_http_options){.clock = &f->clock.clock});
    bw_token_asker asker = {.http = http,
                            .deadline_us = bw_mono_us(&f->clock.clock) + (int64_t)(seconds * 1e6),
                            .subject = "test"};
    bw_buf token = BW_BUF_INIT;
    bw_status s = bw_token_get(f->tokens, &asker, &token, err);
    snprintf(out, 64, "%s", bw_buf_cstr(&token));
    bw_buf_fini(&token);
    bw_http_free(http);
    return s;
}

static void assert_token(fixture *f, const char *expected)
{
    char token[64];
    assert_ok(get(f, token, 20, &f->err), f->err);
    assert_string_equal(token, expected);
}

static void test_service_account_request(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {ONCE(TOKEN("one", "3599"))};
    fixture f;
    begin(&f, ACCOUNT, steps, BW_COUNT(steps));
    assert_token(&f, "one");
    const char *sent = bw_wire_request(f.server, 0);
    assert_memory_equal(sent, "POST /token HTTP/1.1\r\n", 22);
    assert_non_null(strstr(sent, "Content-Type: application/x-www-form-urlencoded\r\n"));
    assert_non_null(strstr(
        sent, "\r\n\r\ngrant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
              "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJ"));
    end(&f);
}

static void test_user_request(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {ONCE(TOKEN("two", "\"3599\""))};
    fixture f;
    begin(&f, USER, steps, BW_COUNT(steps));
    assert_token(&f, "two");
    assert_non_null(strstr(bw_wire_request(f.server, 0),
                           "\r\n\r\ngrant_type=refresh_token&client_id=c%261&client_secret=s3cret&"
                           "refresh_token=1%2F%2Fr3fresh"));
    end(&f);
}

static void test_metadata_request(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        ONCE(TOKEN("three", "3599")),
        ONCE("HTTP/1.1 200 OK\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\np-meta"),
    };
    fixture f;
    begin(&f, METADATA, steps, BW_COUNT(steps));
    assert_token(&f, "three");
    const char *sent = bw_wire_request(f.server, 0);
    assert_non_null(
        strstr(sent, "GET /computeMetadata/v1/instance/service-accounts/default/token "));
    assert_non_null(strstr(sent, "Metadata-Flavor: Google\r\n"));
    char *project;
    assert_ok(bw_google_find_project(f.google, NULL, &project, &f.err), f.err);
    assert_string_equal(project, "p-meta");
    free(project);
    end(&f);
}

static void test_metadata_must_say_who_it_is(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        ONCE("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"access_token\":\"evil\"}")};
    fixture f;
    char token[64];
    begin(&f, METADATA, steps, BW_COUNT(steps));
    assert_int_equal(get(&f, token, 20, &f.err), BW_DENIED);
    assert_string_equal(token, "");
    end(&f);
}

/* Headers must not be smuggled in by whoever answers as the token server, nor a life overflow. */
static void test_only_a_token_is_taken(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        ONCE(TOKEN("a\\r\\nX-Evil: 1", "3600")),
        ONCE(TOKEN("a b", "3600")),
        ONCE(TOKEN("good", "9223372036854775807")),
    };
    fixture f;
    begin(&f, USER, steps, BW_COUNT(steps));
    assert_token(&f, "good");
    assert_int_equal(bw_wire_count(f.server), 3);
    assert_token(&f, "good");
    assert_int_equal(bw_wire_count(f.server), 3);
    end(&f);
}

static void test_kept_until_five_minutes_are_left(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {ONCE(TOKEN("a", "3600")), ONCE(TOKEN("b", "3600"))};
    fixture f;
    begin(&f, USER, steps, BW_COUNT(steps));
    assert_token(&f, "a");
    f.clock.ahead_us = 3290 * BW_SECOND;
    assert_token(&f, "a");
    assert_int_equal(bw_wire_count(f.server), 1);
    f.clock.ahead_us = 3301 * BW_SECOND;
    assert_token(&f, "b");
    end(&f);
}

/* Refreshing early must not turn a good token into a failure. */
static void test_old_token_outlives_a_failed_refresh(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        ONCE(TOKEN("old", "3600")),
        ONCE("HTTP/1.1 503 No\r\nConnection: close\r\n\r\n"),
        ONCE("HTTP/1.1 503 No\r\nConnection: close\r\n\r\n"),
        ONCE(TOKEN("new", "3600")),
    };
    fixture f;
    begin(&f, USER, steps, BW_COUNT(steps));
    assert_token(&f, "old");
    f.clock.ahead_us = 3400 * BW_SECOND;
    assert_token(&f, "old");
    assert_token(&f, "old");
    assert_int_equal(bw_wire_count(f.server), 2); /* asked once, then left alone for a while */
    f.clock.ahead_us = 3440 * BW_SECOND;
    assert_token(&f, "old");
    assert_int_equal(bw_wire_count(f.server), 3);
    f.clock.ahead_us = 3595 * BW_SECOND;
    assert_token(&f, "new");
    end(&f);
}

static void test_refused_token_is_replaced_once(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {ONCE(TOKEN("a", "3600")), ONCE(TOKEN("b", "3600"))};
    fixture f;
    begin(&f, USER, steps, BW_COUNT(steps));
    assert_token(&f, "a");
    bw_token_refuse(f.tokens, BW_SLICE_LIT("a"));
    assert_token(&f, "b");
    bw_token_refuse(f.tokens, BW_SLICE_LIT("a")); /* a late 401 of the old one */
    assert_token(&f, "b");
    assert_int_equal(bw_wire_count(f.server), 2);
    end(&f);
}

static void test_transient_failures_are_retried(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.after = BW_WIRE_CLOSE},
        ONCE("HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{\"error\":\"internal_failure\"}"),
        ONCE(TOKEN("late", "3600")),
    };
    fixture f;
    begin(&f, USER, steps, BW_COUNT(steps));
    assert_token(&f, "late");
    assert_int_equal(bw_wire_count(f.server), 3);
    end(&f);
}

typedef struct refusal {
    enum kind kind;
    const char *reply, *in_message, *in_hint;
} refusal;

static void test_refusals_are_final_and_explained(void **state)
{
    (void)state;
    static const refusal refusals[] = {
        {ACCOUNT,
         "HTTP/1.1 400 Bad\r\nDate: Fri, 31 Dec 1999 23:59:00 GMT\r\nConnection: close\r\n\r\n"
         "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT: Token must be a "
         "short-lived token\"}",
         "service account robot@p-file.example: invalid_grant: Invalid JWT", "ahead of the server"},
        {ACCOUNT,
         "HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{\"error\":\"invalid_grant\","
         "\"error_description\":\"Invalid grant: account not found\"}",
         "account not found", "deleted or disabled"},
        {USER,
         "HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{\"error\":\"invalid_grant\","
         "\"error_description\":\"bad refresh_token=1//r3fresh\"}",
         "refresh_token=***", "gcloud auth application-default login"},
        {USER, "HTTP/1.1 401 No\r\nConnection: close\r\n\r\n{\"error\":\"invalid_client\"}",
         "no access token for user: invalid_client", ""},
    };
    for (size_t i = 0; i < BW_COUNT(refusals); i++) {
        bw_wire_step step = ONCE(refusals[i].reply);
        fixture f;
        char token[64];
        begin(&f, refusals[i].kind, &step, 1);
        assert_int_equal(get(&f, token, 20, &f.err), BW_DENIED);
        assert_false(f.err.retryable);
        if (!strstr(f.err.message, refusals[i].in_message) ||
            !strstr(f.err.hint, refusals[i].in_hint) || strstr(f.err.message, "r3fresh"))
            fail_msg("%zu: %s (%s)", i, f.err.message, f.err.hint);
        assert_int_equal(bw_wire_count(f.server), 1);
        end(&f);
    }
}

static void test_nobody_answers_as_the_metadata_server(void **state)
{
    (void)state;
    fixture f;
    char token[64];
    begin(&f, METADATA, NULL, 0);
    bw_wire_stop(f.server);
    assert_int_equal(get(&f, token, 0.3, &f.err), BW_UNAVAILABLE);
    assert_non_null(strstr(f.err.message, "no credentials"));
    assert_non_null(strstr(f.err.hint, "gcloud auth application-default login"));
    f.server = bw_wire_start(NULL, 0);
    end(&f);
}

/* ---- single flight ---------------------------------------------------------------------- */

#define ASKERS 8

typedef struct asker {
    fixture *f;
    pthread_t thread;
    bw_status status;
    char token[64];
    bw_error err;
} asker;

static void *ask_in_thread(void *arg)
{
    asker *a = arg;
    a->status = get(a->f, a->token, 20, &a->err);
    return NULL;
}

static void ask_together(fixture *f, asker askers[ASKERS])
{
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (asker){.f = f};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_in_thread, &askers[i]), 0);
    }
    assert_true(bw_wire_wait(f->server, 1, 20));
    bw_wire_release(f->server);
    for (size_t i = 0; i < ASKERS; i++)
        pthread_join(askers[i].thread, NULL);
}

static void test_one_thread_asks_for_all(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        {.reply = TOKEN("shared", "3600"), .after = BW_WIRE_CLOSE, .hold = true}};
    fixture f;
    asker askers[ASKERS];
    begin(&f, ACCOUNT, steps, BW_COUNT(steps));
    ask_together(&f, askers);
    for (size_t i = 0; i < ASKERS; i++) {
        assert_ok(askers[i].status, askers[i].err);
        assert_string_equal(askers[i].token, "shared");
    }
    assert_int_equal(bw_wire_count(f.server), 1);
    end(&f);
}

static void test_a_refusal_is_shared_too(void **state)
{
    (void)state;
    static const bw_wire_step refused = {
        .reply = "HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{\"error\":\"invalid_grant\"}",
        .after = BW_WIRE_CLOSE,
        .hold = true};
    bw_wire_step steps[ASKERS];
    fixture f;
    asker askers[ASKERS];
    for (size_t i = 0; i < ASKERS; i++)
        steps[i] = refused;
    begin(&f, USER, steps, BW_COUNT(steps));
    ask_together(&f, askers);
    for (size_t i = 0; i < ASKERS; i++)
        assert_int_equal(askers[i].status, BW_DENIED);
    end(&f);
}

/* While one thread refreshes, the others go on with the token that is still good. */
static void test_refreshing_holds_nobody_up(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        ONCE(TOKEN("old", "3600")),
        {.reply = TOKEN("new", "3600"), .after = BW_WIRE_CLOSE, .hold = true}};
    fixture f;
    begin(&f, USER, steps, BW_COUNT(steps));
    assert_token(&f, "old");
    f.clock.ahead_us = 3400 * BW_SECOND;
    asker refresher = {.f = &f};
    assert_int_equal(pthread_create(&refresher.thread, NULL, ask_in_thread, &refresher), 0);
    assert_true(bw_wire_wait(f.server, 2, 20));
    assert_token(&f, "old");
    bw_wire_release(f.server);
    pthread_join(refresher.thread, NULL);
    assert_string_equal(refresher.token, "new");
    assert_token(&f, "new");
    end(&f);
}

/* Nothing secret gets into the log, whatever goes wrong. */
static void watch_log(void *user, const bw_log_line *line)
{
    bw_buf *all = user;
    bw_buf_adds(all, line->text);
    bw_buf_addc(all, '\n');
}

static void test_log_holds_no_secret(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        ONCE("HTTP/1.1 500 No\r\nConnection: close\r\n\r\nassertion=eyJa.eyJb.c "
             "refresh_token=1//r3fresh "
             "s3cret ya29.tok"),
        ONCE(TOKEN("ya29.tok", "3600")),
    };
    fixture f;
    bw_buf all = BW_BUF_INIT;
    bw_log_set_level(BW_LOG_DEBUG);
    int token = bw_log_add_sink(watch_log, &all);
    begin(&f, USER, steps, BW_COUNT(steps));
    assert_token(&f, "ya29.tok");
    bw_log_remove_sink(token);
    bw_log_set_level(BW_LOG_INFO);
    assert_non_null(strstr(bw_buf_cstr(&all), "cannot get an access token"));
    assert_null(strstr(all.ptr, "r3fresh"));
    assert_null(strstr(all.ptr, "eyJa"));
    assert_null(strstr(all.ptr, "ya29.tok"));
    bw_buf_fini(&all);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service_account_request),
        cmocka_unit_test(test_user_request),
        cmocka_unit_test(test_metadata_request),
        cmocka_unit_test(test_metadata_must_say_who_it_is),
        cmocka_unit_test(test_only_a_token_is_taken),
        cmocka_unit_test(test_kept_until_five_minutes_are_left),
        cmocka_unit_test(test_old_token_outlives_a_failed_refresh),
        cmocka_unit_test(test_refused_token_is_replaced_once),
        cmocka_unit_test(test_transient_failures_are_retried),
        cmocka_unit_test(test_refusals_are_final_and_explained),
        cmocka_unit_test(test_nobody_answers_as_the_metadata_server),
        cmocka_unit_test(test_one_thread_asks_for_all),
        cmocka_unit_test(test_a_refusal_is_shared_too),
        cmocka_unit_test(test_refreshing_holds_nobody_up),
        cmocka_unit_test(test_log_holds_no_secret),
    };
    return BW_RUN_TESTS(tests);
}
