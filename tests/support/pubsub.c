#include "tests/support/pubsub.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/bigquery.h"

struct bw_test_ps {
    bw_test_http *http;
    char *project;
    bw_test_pulled pulled;
    bw_buf numbers;
    char id[32];
};

bw_test_ps *bw_test_ps_new(const char *url, const char *project)
{
    bw_test_ps *ps = bw_xcalloc(1, sizeof *ps);
    ps->http = bw_test_http_new(url);
    ps->project = bw_xstrdup(project);
    return ps;
}

void bw_test_ps_free(bw_test_ps *ps)
{
    if (!ps)
        return;
    bw_test_http_free(ps->http);
    bw_buf_fini(&ps->numbers);
    free(ps->project);
    free(ps);
}

bw_test_http *bw_test_ps_http(bw_test_ps *ps)
{
    return ps->http;
}

const char *bw_test_ps_body(bw_test_ps *ps)
{
    return bw_test_http_body(ps->http);
}

int bw_test_ps_try(bw_test_ps *ps, const char *verb, const char *resource, const char *fmt, ...)
{
    char *path = bw_xasprintf("/v1/projects/%s/%s", ps->project, resource);
    char *body = NULL;
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        int n = vasprintf(&body, fmt, ap);
        va_end(ap);
        assert_true(n >= 0);
    }
    int status = body ? bw_test_http_json(ps->http, verb, path, "%s", body)
                      : bw_test_http_json(ps->http, verb, path, NULL);
    free(body);
    free(path);
    return status;
}

static void must(bw_test_ps *ps, int status)
{
    if (status != 200)
        fail_msg("Pub/Sub answers %d: %s", status, bw_test_ps_body(ps));
}

/* ---- Resources and messages ------------------------------------------------------------------- */

void bw_test_ps_topic(bw_test_ps *ps, const char *topic)
{
    char *resource = bw_xasprintf("topics/%s", topic);
    must(ps, bw_test_ps_try(ps, "PUT", resource, "{}"));
    free(resource);
}

void bw_test_ps_subscription(bw_test_ps *ps, const char *subscription, const char *topic,
                             const char *members)
{
    char *resource = bw_xasprintf("subscriptions/%s", subscription);
    must(ps, bw_test_ps_try(ps, "PUT", resource, "{\"topic\":\"projects/%s/topics/%s\"%s}",
                            ps->project, topic, members ? members : ""));
    free(resource);
}

void bw_test_ps_publish_many(bw_test_ps *ps, const char *topic, int from, int count,
                             const char *members)
{
    bw_buf messages = BW_BUF_INIT;
    char *resource = bw_xasprintf("topics/%s:publish", topic);
    for (int i = 0; i < count; i++)
        bw_buf_addf(&messages, "%s{\"data\":\"aGk=\",\"attributes\":{\"n\":\"%d\"}%s}",
                    i ? "," : "", from + i, members ? members : "");
    must(ps, bw_test_ps_try(ps, "POST", resource, "{\"messages\":[%s]}", bw_buf_cstr(&messages)));
    snprintf(ps->id, sizeof ps->id, "%s", bw_test_json_at(bw_test_ps_body(ps), "messageIds.0"));
    assert_true(ps->id[0]);
    free(resource);
    bw_buf_fini(&messages);
}

const char *bw_test_ps_publish(bw_test_ps *ps, const char *topic, int n, const char *members)
{
    bw_test_ps_publish_many(ps, topic, n, 1, members);
    return ps->id;
}

/* ---- Pulling ---------------------------------------------------------------------------------- */

/* The elements of an array one after another, without beginning anew for each. */
static const char *next_element(const char *at)
{
    int depth = 0;
    bool quoted = false;
    for (; *at; at++) {
        if (*at == '\\' && quoted)
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && *at == '{' && depth++ == 0)
            return at;
        else if (!quoted && *at == '}')
            depth--;
        else if (!quoted && *at == ']' && depth == 0)
            return NULL;
    }
    return NULL;
}

static size_t element_size(const char *at)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; at[i]; i++) {
        if (at[i] == '\\' && quoted)
            i++;
        else if (at[i] == '"')
            quoted = !quoted;
        else if (!quoted && at[i] == '{')
            depth++;
        else if (!quoted && at[i] == '}' && --depth == 0)
            return i + 1;
    }
    return 0;
}

static void read_message(bw_test_pulled *p, const char *json)
{
    size_t i = p->count++;
    const char *n = bw_test_json_at(json, "message.attributes.n");
    p->n[i] = *n ? (int)strtol(n, NULL, 10) : -1;
    snprintf(p->ack_ids[i], sizeof p->ack_ids[i], "%s", bw_test_json_at(json, "ackId"));
    p->attempts[i] = (int)strtol(bw_test_json_at(json, "deliveryAttempt"), NULL, 10);
    assert_true(p->ack_ids[i][0]);
}

static const bw_test_pulled *pull(bw_test_ps *ps, const char *subscription, int max,
                                  const char *members)
{
    char *resource = bw_xasprintf("subscriptions/%s:pull", subscription);
    must(ps, bw_test_ps_try(ps, "POST", resource, "{\"maxMessages\":%d%s}", max, members));
    free(resource);
    ps->pulled.count = 0;
    const char *list = strstr(bw_test_ps_body(ps), "\"receivedMessages\":[");
    list = list ? strchr(list, '[') : NULL;
    for (const char *at = list ? next_element(list + 1) : NULL; at;) {
        size_t size = element_size(at);
        char *one = bw_xstrndup(at, size);
        assert_true(ps->pulled.count < BW_TEST_PULLED);
        read_message(&ps->pulled, one);
        free(one);
        at = next_element(at + size);
    }
    return &ps->pulled;
}

const bw_test_pulled *bw_test_ps_pull(bw_test_ps *ps, const char *subscription, int max)
{
    return pull(ps, subscription, max, "");
}

const bw_test_pulled *bw_test_ps_pull_now(bw_test_ps *ps, const char *subscription, int max)
{
    return pull(ps, subscription, max, ",\"returnImmediately\":true");
}

const char *bw_test_ps_numbers(bw_test_ps *ps)
{
    bw_buf_clear(&ps->numbers);
    for (size_t i = 0; i < ps->pulled.count; i++)
        bw_buf_addf(&ps->numbers, "%s%d", i ? " " : "", ps->pulled.n[i]);
    return bw_buf_cstr(&ps->numbers);
}

void bw_test_ps_ack(bw_test_ps *ps, const char *subscription, size_t index)
{
    char *resource = bw_xasprintf("subscriptions/%s:acknowledge", subscription);
    assert_true(index < ps->pulled.count);
    must(ps,
         bw_test_ps_try(ps, "POST", resource, "{\"ackIds\":[\"%s\"]}", ps->pulled.ack_ids[index]));
    free(resource);
}

void bw_test_ps_ack_all(bw_test_ps *ps, const char *subscription)
{
    bw_buf ids = BW_BUF_INIT;
    char *resource = bw_xasprintf("subscriptions/%s:acknowledge", subscription);
    for (size_t i = 0; i < ps->pulled.count; i++)
        bw_buf_addf(&ids, "%s\"%s\"", i ? "," : "", ps->pulled.ack_ids[i]);
    must(ps, bw_test_ps_try(ps, "POST", resource, "{\"ackIds\":[%s]}", bw_buf_cstr(&ids)));
    free(resource);
    bw_buf_fini(&ids);
}

void bw_test_ps_deadline(bw_test_ps *ps, const char *subscription, size_t index, int seconds)
{
    char *resource = bw_xasprintf("subscriptions/%s:modifyAckDeadline", subscription);
    assert_true(index < ps->pulled.count);
    must(ps, bw_test_ps_try(ps, "POST", resource, "{\"ackIds\":[\"%s\"],\"ackDeadlineSeconds\":%d}",
                            ps->pulled.ack_ids[index], seconds));
    free(resource);
}
