/* What the tests of the Pub/Sub driver share: a sandbox per program, and per test a topic with a
   subscription and the source opened on it. */
#ifndef BW_TESTS_INTEGRATION_SOURCES_SUBSCRIPTION_H
#define BW_TESTS_INTEGRATION_SOURCES_SUBSCRIPTION_H

#include "tests/integration/sources/reading.h"

#include <jansson.h>

#include "backend/core/units.h"
#include "backend/sources/message.h"
#include "tests/support/http_client.h"
#include "tests/support/sandbox.h"

typedef struct sub_test {
    bw_test_http *http;
    bw_google *google;
    bw_config *config;
    bw_cancel cancel;
    bw_source_env env;
    const bw_source_class *class;
    bw_source *source;
    bw_arena arena;
    bw_chunk chunk;
    bw_error err;
    bw_table_spec spec;
    bw_table_info info;
    char topic[32], id[32];
} sub_test;

static bw_test_sandbox *sub_sandbox;
static int sub_tests;

static inline int sub_group_setup(void **state)
{
    (void)state;
    sub_sandbox = bw_test_sandbox_start(false, NULL);
    return 0;
}

static inline int sub_group_teardown(void **state)
{
    (void)state;
    bw_test_sandbox_free(sub_sandbox);
    return 0;
}

static inline bw_config *sub_config(const char *settings, bw_error *err)
{
    static const char *const kinds[] = {"pubsub", NULL};
    static const bw_setting common[] = {{.path = "type",
                                         .type = BW_SETTING_ENUM,
                                         .choices = kinds,
                                         .required = true,
                                         .help = "kind of source"}};
    static const bw_setting_table common_table = BW_SETTING_TABLE(common);
    /* A configuration refers to its schema for as long as it lives. */
    static bw_config_variant variant;
    static bw_config_section section;
    static bw_config_schema schema;
    const bw_source_class *class = bw_source_find("pubsub");
    variant = (bw_config_variant){"pubsub", {class->settings, class->n_settings}};
    section = (bw_config_section){.name = "sources",
                                  .named = true,
                                  .help = "sources",
                                  .tables = &common_table,
                                  .n_tables = 1,
                                  .selector = "type",
                                  .variants = &variant,
                                  .n_variants = 1};
    schema = (bw_config_schema){.sections = &section, .n_sections = 1};
    char *text = bw_xasprintf("sources: {s: {type: pubsub%s}}\n", settings);
    bw_config *config = NULL;
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    assert_ok(bw_config_parse(&schema, NULL, "test", bw_slice_cstr(text), &config, &problems, err),
              *err);
    bw_config_problems_fini(&problems);
    free(text);
    return config;
}

/* Opens the source again, with other settings (", wait: 0s"). */
static inline void sub_open(sub_test *t, const char *settings)
{
    if (t->source)
        t->class->close(t->source);
    bw_config_free(t->config);
    t->config = sub_config(settings, &t->err);
    t->env = (bw_source_env){.clock = bw_clock_system(),
                             .cancel = &t->cancel,
                             .subject = "test",
                             .stall_timeout_us = 60 * BW_SECOND,
                             .google = t->google};
    assert_ok(t->class->open(t->class, bw_config_find(t->config, "sources", "s"), &t->env,
                             &t->source, &t->err),
              t->err);
}

static inline int sub_setup(void **state)
{
    sub_test *t = bw_xcalloc(1, sizeof *t);
    const char *url = bw_test_sandbox_url(sub_sandbox);
    bw_google_options options = {
        .project = "p", .credentials = "none", .pubsub = url, .monitoring = url};
    snprintf(t->topic, sizeof t->topic, "topic-%d", ++sub_tests);
    snprintf(t->id, sizeof t->id, "sub-%d", sub_tests);
    t->http = bw_test_http_new(url);
    t->class = bw_source_find("pubsub");
    t->spec = spec_of(t->id);
    bw_cancel_init(&t->cancel);
    bw_chunk_init(&t->chunk);
    assert_ok(bw_google_new(&options, &t->google, &t->err), t->err);
    sub_open(t, ", wait: 300ms");
    char *path = bw_xasprintf("/v1/projects/p/topics/%s", t->topic);
    assert_int_equal(bw_test_http_json(t->http, "PUT", path, "{}"), 200);
    free(path);
    *state = t;
    return 0;
}

static inline int sub_teardown(void **state)
{
    sub_test *t = *state;
    if (t->source)
        t->class->close(t->source);
    bw_config_free(t->config);
    bw_google_free(t->google);
    bw_cancel_fini(&t->cancel);
    bw_chunk_fini(&t->chunk);
    bw_arena_fini(&t->arena);
    bw_test_http_free(t->http);
    free(t);
    return 0;
}

/* The subscription, with further members (",\"retainAckedMessages\":true"); described. */
static inline void sub_create(sub_test *t, const char *more)
{
    char *path = bw_xasprintf("/v1/projects/p/subscriptions/%s", t->id);
    int status = bw_test_http_json(
        t->http, "PUT", path, "{\"topic\":\"projects/p/topics/%s\",\"ackDeadlineSeconds\":10%s}",
        t->topic, more);
    if (status != 200)
        fail_msg("%s: %d %s", path, status, bw_test_http_body(t->http));
    free(path);
    assert_ok(t->class->describe(t->source, &t->spec, &t->arena, &t->info, &t->err), t->err);
}

/* Publishes data "<text><i>" for i from `from` to `to`, under the key (NULL: none). */
static inline void sub_publish(sub_test *t, const char *text, int from, int to, const char *key)
{
    char *path = bw_xasprintf("/v1/projects/p/topics/%s:publish", t->topic);
    bw_buf body = BW_BUF_INIT;
    bw_buf_adds(&body, "{\"messages\":[");
    for (int i = from; i <= to; i++) {
        char *data = bw_xasprintf("%s%d", text, i);
        bw_buf_addf(&body, "%s{\"attributes\":{\"n\":\"%d\"},\"data\":\"", i > from ? "," : "", i);
        bw_base64_encode(&body, data, strlen(data));
        bw_buf_adds(&body, "\"");
        if (key)
            bw_buf_addf(&body, ",\"orderingKey\":\"%s\"", key);
        bw_buf_adds(&body, "}");
        free(data);
    }
    bw_buf_adds(&body, "]}");
    int status = bw_test_http_json(t->http, "POST", path, "%s", bw_buf_cstr(&body));
    if (status != 200)
        fail_msg("%s: %d %s", path, status, bw_test_http_body(t->http));
    bw_buf_fini(&body);
    free(path);
}

/* How many messages another subscriber would get now. They stay leased to it. */
static inline size_t sub_available(sub_test *t)
{
    char *path = bw_xasprintf("/v1/projects/p/subscriptions/%s:pull", t->id);
    assert_int_equal(bw_test_http_json(t->http, "POST", path,
                                       "{\"maxMessages\":1000,\"returnImmediately\":true}"),
                     200);
    json_t *answer = json_loads(bw_test_http_body(t->http), 0, NULL);
    size_t n = json_array_size(json_object_get(answer, "receivedMessages"));
    json_decref(answer);
    free(path);
    return n;
}

static inline bw_reader *sub_reader(sub_test *t, bw_read_request request)
{
    bw_reader *reader;
    request.mode = request.mode ? request.mode : BW_MODE_APPEND;
    assert_ok(t->class->reader_open(t->source, &t->spec, &t->info, &request, &reader, &t->err),
              t->err);
    return reader;
}

/* The data of all rows of the batch at hand, in order, parted by blanks; in the arena. */
static inline const char *sub_rows(sub_test *t, bw_reader *reader)
{
    bw_buf out = BW_BUF_INIT;
    for (bool end = false; !end;) {
        bw_chunk_reset(&t->chunk, BW_MESSAGE_COLUMNS);
        assert_ok(t->class->reader_fetch(reader, &t->chunk, &end, &t->err), t->err);
        for (size_t i = 0; i < t->chunk.rows; i++) {
            bw_slice text = bw_value_slice(&bw_chunk_at(&t->chunk, i)[BW_MESSAGE_DATA]);
            bw_buf_adds(&out, out.len ? " " : "");
            assert_true(bw_base64_decode(&out, text));
        }
    }
    const char *kept = bw_arena_strdup(&t->arena, bw_buf_cstr(&out));
    bw_buf_fini(&out);
    return kept;
}

/* The next batch's rows; NULL when the run is over. */
static inline const char *sub_next(sub_test *t, bw_reader *reader)
{
    bool more;
    bw_batch_plan plan;
    assert_ok(t->class->reader_next(reader, &more, &plan, &t->err), t->err);
    return more ? sub_rows(t, reader) : NULL;
}

static inline void sub_ack(sub_test *t, bw_reader *reader)
{
    bw_batch_end end;
    t->class->reader_end(reader, &end);
    assert_ok(t->class->reader_ack(reader, end.position, &t->err), t->err);
}

/* Everything that a run hands out until it is over, acknowledged: batches parted by " | ". */
static inline const char *sub_drain(sub_test *t, bw_read_request request)
{
    request.drain = true;
    bw_reader *reader = sub_reader(t, request);
    bw_buf out = BW_BUF_INIT;
    for (const char *rows; (rows = sub_next(t, reader));) {
        bw_buf_addf(&out, "%s%s", out.len ? " | " : "", rows);
        sub_ack(t, reader);
    }
    t->class->reader_close(reader);
    const char *kept = bw_arena_strdup(&t->arena, bw_buf_cstr(&out));
    bw_buf_fini(&out);
    return kept;
}

#define SUB_TEST(f) cmocka_unit_test_setup_teardown(f, sub_setup, sub_teardown)

#endif
