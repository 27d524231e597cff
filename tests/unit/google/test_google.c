/* backend/google/google and identity: who we are and where the services are, from files and the
   environment. Nothing here touches the network. */
#include "tests/support/test.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/google/google.h"
#include "backend/google/service.h"
#include "tests/support/google_keys.h"
#include "tests/support/process.h"

#define USER_FILE                                                                     \
    "{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"s3cret\"," \
    "\"refresh_token\":\"r3fresh\",\"quota_project_id\":\"p-quota\"}"

static const char *const variables[] = {
    "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_QUOTA_PROJECT",     "GCE_METADATA_HOST",
    "BIGQUERY_EMULATOR_HOST",         "PUBSUB_EMULATOR_HOST",
    "DATASTORE_EMULATOR_HOST",        "CLOUDSDK_CONFIG",
};

/* An environment of its own per test: HOME is an empty directory. */
static int set_up(void **state)
{
    for (size_t i = 0; i < BW_COUNT(variables); i++)
        unsetenv(variables[i]);
    char *dir = bw_test_dir_new("google");
    setenv("HOME", dir, 1);
    *state = dir;
    return 0;
}

static int tear_down(void **state)
{
    bw_test_dir_remove(*state);
    free(*state);
    return 0;
}

static bw_google *make(bw_google_options options)
{
    bw_google *g;
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_google_new(&options, &g, &err), err);
    return g;
}

static void test_order_of_default_credentials(void **state)
{
    const char *dir = *state;
    bw_google *g = make((bw_google_options){0});
    assert_string_equal(bw_google_identity(g), "metadata server");
    assert_null(bw_google_project(g));
    bw_google_free(g);

    char *user = bw_test_write_file(dir, "application_default_credentials.json", USER_FILE);
    setenv("CLOUDSDK_CONFIG", dir, 1);
    g = make((bw_google_options){.credentials = "adc"});
    assert_string_equal(bw_google_identity(g), "user");
    assert_string_equal(bw_google_project(g), "p-quota");
    assert_string_equal(bw_google_quota_project(g), "p-quota");
    bw_google_free(g);

    EVP_PKEY *key = bw_test_rsa_key(2048);
    char *account = bw_test_service_account(dir, key, "https://oauth2.googleapis.com/token");
    setenv("GOOGLE_APPLICATION_CREDENTIALS", account, 1);
    g = make((bw_google_options){.credentials = "adc"});
    assert_string_equal(bw_google_identity(g), "service account robot@p-file.example");
    assert_string_equal(bw_google_project(g), "p-file");
    bw_google_free(g);
    setenv("GOOGLE_CLOUD_PROJECT", "p-env", 1);
    g = make((bw_google_options){.credentials = account});
    assert_string_equal(bw_google_project(g), "p-env");
    bw_google_free(g);
    g = make((bw_google_options){.credentials = "none", .project = "p-option"});
    assert_string_equal(bw_google_identity(g), "none");
    assert_string_equal(bw_google_project(g), "p-option");
    assert_null(bw_google_tokens(g, BW_SERVICE_BIGQUERY));
    bw_google_free(g);
    free(account);
    free(user);
    EVP_PKEY_free(key);
}

static void test_bases_and_emulators(void **state)
{
    const char *dir = *state;
    static const char *const forms[][2] = {
        {"127.0.0.1:9050", "http://127.0.0.1:9050"},
        {"http://127.0.0.1:9050/", "http://127.0.0.1:9050"},
        {"http://127.0.0.1:9050/bigquery/v2", "http://127.0.0.1:9050"},
        {"https://proxy.example/google/bigquery/v2/", "https://proxy.example/google"},
    };
    for (size_t i = 0; i < BW_COUNT(forms); i++) {
        setenv("BIGQUERY_EMULATOR_HOST", forms[i][0], 1);
        bw_google *g = make((bw_google_options){0});
        assert_string_equal(bw_google_base(g, BW_SERVICE_BIGQUERY), forms[i][1]);
        assert_string_equal(bw_google_base(g, BW_SERVICE_PUBSUB), "https://pubsub.googleapis.com");
        assert_string_equal(bw_google_identity(g), "none");
        bw_google_free(g);
    }
    /* What was merely found is not shown to an emulator; a named endpoint wins over it. */
    char *user = bw_test_write_file(dir, "application_default_credentials.json", USER_FILE);
    setenv("CLOUDSDK_CONFIG", dir, 1);
    bw_google *g = make((bw_google_options){0});
    assert_null(bw_google_tokens(g, BW_SERVICE_BIGQUERY));
    assert_non_null(bw_google_tokens(g, BW_SERVICE_PUBSUB));
    bw_google_free(g);
    g = make((bw_google_options){.bigquery = "https://127.0.0.1:1"});
    assert_string_equal(bw_google_base(g, BW_SERVICE_BIGQUERY), "https://127.0.0.1:1");
    assert_non_null(bw_google_tokens(g, BW_SERVICE_BIGQUERY));
    bw_google_free(g);
    free(user);
}

/* Which endpoints see a token, by how deliberately the credentials were chosen. */
static void test_who_sees_a_token(void **state)
{
    enum { FOUND, ENVIRONMENT, NAMED };
    static const struct {
        const char *endpoint, *emulator_env;
        bool sees[3];
    } cases[] = {
        {NULL, NULL, {true, true, true}},
        {"https://bq.example", NULL, {true, true, true}},
        {"http://127.0.0.1:9050", NULL, {false, true, true}},
        {NULL, "127.0.0.1:9050", {false, false, true}},
    };
    char *user = bw_test_write_file(*state, "application_default_credentials.json", USER_FILE);
    for (size_t i = 0; i < BW_COUNT(cases); i++)
        for (int how = FOUND; how <= NAMED; how++) {
            unsetenv("BIGQUERY_EMULATOR_HOST");
            unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
            setenv("CLOUDSDK_CONFIG", how == FOUND ? (const char *)*state : "/nowhere", 1);
            if (cases[i].emulator_env)
                setenv("BIGQUERY_EMULATOR_HOST", cases[i].emulator_env, 1);
            if (how == ENVIRONMENT)
                setenv("GOOGLE_APPLICATION_CREDENTIALS", user, 1);
            bw_google *g = make((bw_google_options){.credentials = how == NAMED ? user : "adc",
                                                    .bigquery = cases[i].endpoint});
            assert_int_equal(bw_google_tokens(g, BW_SERVICE_BIGQUERY) != NULL, cases[i].sees[how]);
            bw_google_free(g);
        }
    /* With nothing to be found, a local endpoint means no credentials, not the metadata server. */
    unsetenv("BIGQUERY_EMULATOR_HOST");
    bw_google *g = make((bw_google_options){.bigquery = "http://localhost:9050"});
    assert_string_equal(bw_google_identity(g), "none");
    bw_google_free(g);
    free(user);
}

static void test_tokens_stay_off_open_networks(void **state)
{
    (void)state;
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_google_may_send_token("https://bigquery.googleapis.com/x", &err), err);
    assert_ok(bw_google_may_send_token("http://127.0.0.1:9050/x", &err), err);
    assert_ok(bw_google_may_send_token("http://localhost/x", &err), err);
    assert_ok(bw_google_may_send_token("http://[::1]:80/x", &err), err);
    assert_int_equal(bw_google_may_send_token("http://sandbox:9050/x", &err), BW_DENIED);
    assert_int_equal(bw_google_may_send_token("http://127.0.0.1.example/x", &err), BW_DENIED);
    assert_int_equal(bw_google_may_send_token("http://10.0.0.1/x", &err), BW_DENIED);
    assert_non_null(strstr(err.hint, "credentials: none"));
}

static void test_malformed_files_name_file_and_field(void **state)
{
    static const struct {
        const char *text, *says;
    } files[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\n\"private_key\": \"TOPSECRET\"\n", "line 3"},
        {"{}", "type is missing"},
        {"{\"type\":7}", "type is not a string"},
        {"{\"type\":\"external_account\"}", "external_account are not supported"},
        {"{\"type\":\"service_account\",\"private_key\":\"TOPSECRET\"}", "client_email is missing"},
        {"{\"type\":\"service_account\",\"client_email\":\"a\"}", "private_key is missing"},
        {"{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key\":\"TOPSECRET\"}",
         "private_key is not an RSA private key"},
        {"{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key\":\"TOPSECRET\","
         "\"token_uri\":\"http://evil.example/token\"}",
         "token_uri is not an https URL"},
        {"{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"TOPSECRET\"}",
         "refresh_token is missing"},
        {"{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"\","
         "\"refresh_token\":\"TOPSECRET\"}",
         "client_secret is empty"},
    };
    for (size_t i = 0; i < BW_COUNT(files); i++) {
        char *path = bw_test_write_file(*state, "bad.json", files[i].text);
        bw_google *g = (bw_google *)&files;
        bw_error err = BW_ERROR_INIT;
        bw_google_options options = {.credentials = path};
        assert_int_equal(bw_google_new(&options, &g, &err), BW_INVALID);
        assert_null(g);
        if (!strstr(err.message, files[i].says) || !strstr(err.message, path) ||
            strstr(err.message, "TOPSECRET") || strstr(err.hint, "TOPSECRET"))
            fail_msg("%s: %s", files[i].text, err.message);
        free(path);
    }
    bw_google *g;
    bw_error err = BW_ERROR_INIT;
    assert_int_equal(
        bw_google_new(&(bw_google_options){.credentials = "/nowhere/key.json"}, &g, &err),
        BW_INVALID);
    assert_non_null(strstr(err.message, "/nowhere/key.json"));
    setenv("GOOGLE_APPLICATION_CREDENTIALS", *state, 1);
    assert_int_equal(bw_google_new(&(bw_google_options){0}, &g, &err), BW_INVALID);
    assert_non_null(strstr(err.message, "GOOGLE_APPLICATION_CREDENTIALS"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_order_of_default_credentials),
        TEST(test_bases_and_emulators),
        TEST(test_who_sees_a_token),
        TEST(test_tokens_stay_off_open_networks),
        TEST(test_malformed_files_name_file_and_field),
    };
    return BW_RUN_TESTS(tests);
}
