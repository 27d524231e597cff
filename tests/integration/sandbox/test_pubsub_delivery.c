/* Publishing, pulling, leases and what ends them. Covers: sandbox/ps_publish, ps_pull, ps_ack,
   ps_expire. */
#include "tests/integration/sandbox/pubsub_fixture.h"

#define FIRST_ACK_ID "receivedMessages.0.ackId"

static void prepare(fixture *f, const char *members)
{
    bw_test_ps_topic(f->ps, "orders");
    bw_test_ps_subscription(f->ps, "sub", "orders", members);
}

/* ---- Publishing ------------------------------------------------------------------------------- */

static void a_message_arrives_as_it_was_sent(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "POST",
                                 "topics/orders:publish?$alt=json%3Benum-encoding=int",
                                 "{\"messages\":[{\"data\":\"eyJhIjoxfQ\",\"attributes\":{"
                                 "\"caf\\u00e9\":\"\\\"x\\\"\\n\",\"n\":\"1\"},"
                                 "\"orderingKey\":\"k\",\"messageId\":\"99\"},"
                                 "{\"attributes\":{\"n\":\"2\"},\"orderingKey\":\"k\"},"
                                 "{\"data\":\"_-8=\",\"orderingKey\":\"k\"}]}"),
                  200);
    char first[32];
    snprintf(first, sizeof first, "%s", bw_test_json_at(bw_test_ps_body(f->ps), "messageIds.0"));
    assert_true(strcmp(first, bw_test_json_at(bw_test_ps_body(f->ps), "messageIds.1")) < 0);
    assert_string_not_equal(first, "99");
    bw_test_ps_pull_now(f->ps, "sub", 10);
    assert_at(f->ps, "receivedMessages.0.message.data", "eyJhIjoxfQ==");
    assert_at(f->ps, "receivedMessages.0.message.attributes.caf\xc3\xa9", "\"x\"\n");
    assert_at(f->ps, "receivedMessages.0.message.messageId", first);
    assert_at(f->ps, "receivedMessages.0.message.orderingKey", "k");
    assert_true(bw_test_json_has(bw_test_ps_body(f->ps), "receivedMessages.0.message.publishTime"));
    assert_false(bw_test_json_has(bw_test_ps_body(f->ps), "receivedMessages.0.deliveryAttempt"));
    assert_false(bw_test_json_has(bw_test_ps_body(f->ps), "receivedMessages.1.message.data"));
    assert_at(f->ps, "receivedMessages.2.message.data", "/+8=");
    assert_false(bw_test_json_has(bw_test_ps_body(f->ps), "receivedMessages.2.message.attributes"));
}

static int publish(fixture *f, const char *messages)
{
    return bw_test_ps_try(f->ps, "POST", "topics/orders:publish", "{\"messages\":[%s]}", messages);
}

static char *repeat(const char *text, size_t count)
{
    bw_buf out = BW_BUF_INIT;
    for (size_t i = 0; i < count; i++)
        bw_buf_adds(&out, text);
    return bw_buf_take(&out);
}

static int publish_made(fixture *f, const char *before, const char *text, size_t count,
                        const char *after)
{
    char *middle = repeat(text, count);
    char *message = bw_xasprintf("%s%s%s", before, middle, after);
    int status = publish(f, message);
    free(message);
    free(middle);
    return status;
}

static void limits_are_kept(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    static const char *const refused[] = {
        "",
        "{}",
        "{\"data\":\"\"}",
        "{\"attributes\":{}}",
        "{\"data\":\"a\"}",
        "{\"data\":\"aGk\\u003d=\"}x",
        "{\"data\":\"a*==\"}",
        "{\"data\":1}",
        "1",
        "null",
        "{\"attributes\":{\"a\":1}}",
        "{\"attributes\":{\"\":\"x\"}}",
        "{\"attributes\":{\"google\":\"x\"}}",
        "{\"attributes\":[]}",
        "{\"foo\":\"x\"}",
        "{\"attributes\":{\"a\":\"\\udc00\"}}",
        "{\"data\":\"aGk=\",\"orderingKey\":\"a\"},{\"data\":\"aGk=\",\"orderingKey\":\"b\"}",
        "{\"data\":\"aGk=\",\"orderingKey\":\"a\"},{\"data\":\"aGk=\"}"};
    for (size_t i = 0; i < BW_COUNT(refused); i++) {
        int status = publish(f, refused[i]);
        if (status != 400)
            fail_msg("%s: %d, %s", refused[i], status, bw_test_ps_body(f->ps));
    }
    assert_status(f->ps, publish_made(f, "{\"attributes\":{\"", "k", 256, "\":\"v\"}}"), 200);
    assert_status(f->ps, publish_made(f, "{\"attributes\":{\"", "k", 257, "\":\"v\"}}"), 400);
    assert_status(f->ps, publish_made(f, "{\"attributes\":{\"k\":\"", "v", 1024, "\"}}"), 200);
    assert_status(f->ps, publish_made(f, "{\"attributes\":{\"k\":\"", "v", 1025, "\"}}"), 400);
    assert_status(f->ps, publish_made(f, "{\"data\":\"aGk=\",\"orderingKey\":\"", "o", 1024, "\"}"),
                  200);
    assert_status(f->ps, publish_made(f, "{\"data\":\"aGk=\",\"orderingKey\":\"", "o", 1025, "\"}"),
                  400);
    assert_status(f->ps, publish_made(f, "{\"data\":\"aGk=\"}", ",{\"data\":\"aGk=\"}", 999, ""),
                  200);
    assert_status(f->ps, publish_made(f, "{\"data\":\"aGk=\"}", ",{\"data\":\"aGk=\"}", 1000, ""),
                  400);
    assert_at(f->ps, "error.message",
              "The value for message_count is too large. You passed 1001 in the request, but the "
              "maximum value is 1000.");
    /* 10,000,000 bytes as base64: one more is too many. */
    assert_status(f->ps, publish_made(f, "{\"data\":\"", "AAAAAAAAAAAA", 1111111, "AAA=\"}"), 400);
    assert_status(f->ps, publish_made(f, "{\"data\":\"", "AAAAAAAAAAAA", 1111111, "AA==\"}"), 200);
    bw_buf attributes = BW_BUF_INIT;
    for (int i = 0; i < 101; i++) {
        if (i == 100) {
            char *message = bw_xasprintf("{\"attributes\":{%s}}", bw_buf_cstr(&attributes));
            assert_status(f->ps, publish(f, message), 200);
            free(message);
        }
        bw_buf_addf(&attributes, "%s\"a%d\":\"v\"", i ? "," : "", i);
    }
    char *message = bw_xasprintf("{\"attributes\":{%s}}", bw_buf_cstr(&attributes));
    assert_status(f->ps, publish(f, message), 400);
    free(message);
    bw_buf_fini(&attributes);
}

/* One bad message, and none of the request is published. */
static void a_request_is_published_whole_or_not(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    assert_status(f->ps, publish(f, "{\"data\":\"aGk=\"},{\"data\":\"!\"}"), 400);
    assert_pull_now(f->ps, "sub", 10, "");
}

/* ---- Leases ----------------------------------------------------------------------------------- */

static void what_is_acknowledged_does_not_come_again(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    bw_test_ps_subscription(f->ps, "also", "orders", NULL);
    bw_test_ps_publish_many(f->ps, "orders", 1, 5, NULL);
    assert_pull_now(f->ps, "sub", 2, "1 2");
    bw_test_ps_ack_all(f->ps, "sub");
    bw_test_ps_ack_all(f->ps, "sub"); /* again: no error */
    assert_pull_now(f->ps, "sub", 10, "3 4 5");
    assert_pull_now(f->ps, "sub", 10, ""); /* leased */
    assert_pull_now(f->ps, "also", 10, "1 2 3 4 5");
}

static void a_lease_ends_and_the_message_comes_again(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    char old[256];
    bw_test_ps_publish_many(f->ps, "orders", 1, 3, NULL);
    assert_pull_now(f->ps, "sub", 2, "1 2");
    assert_pull_now(f->ps, "sub", 1, "3");
    snprintf(old, sizeof old, "%s", bw_test_json_at(bw_test_ps_body(f->ps), FIRST_ACK_ID));
    double from = seconds_now();
    bw_test_ps_deadline(f->ps, "sub", 0, 1);
    assert_pull(f->ps, "sub", 10, "3"); /* held until the lease has ended */
    double took = seconds_now() - from;
    if (took < 0.9 || took > 5)
        fail_msg("a lease of 1 s ended after %.2f s", took);
    assert_string_not_equal(old, bw_test_json_at(bw_test_ps_body(f->ps), FIRST_ACK_ID));
    /* The old id neither acknowledges nor extends the new lease. */
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "POST", "subscriptions/sub:acknowledge",
                                 "{\"ackIds\":[\"%s\"]}", old),
                  200);
    bw_test_ps_deadline(f->ps, "sub", 0, 0);
    assert_pull_now(f->ps, "sub", 10, "3");
    bw_test_ps_ack_all(f->ps, "sub");
    assert_pull_now(f->ps, "sub", 10, "");
}

static void a_lease_is_extended(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    assert_pull_now(f->ps, "sub", 10, "1");
    bw_test_ps_deadline(f->ps, "sub", 0, 1);
    bw_test_ps_deadline(f->ps, "sub", 0, 600);
    /* Something that ends after a second must not bring it back. */
    static const char *const two_seconds[] = {"X-Server-Timeout: 2", NULL};
    bw_test_request pull = {.verb = "POST",
                            .url = "/v1/projects/p/subscriptions/sub:pull",
                            .headers = two_seconds,
                            .body = "{\"maxMessages\":1}",
                            .body_size = 17};
    double from = seconds_now();
    assert_int_equal(bw_test_http_send(bw_test_ps_http(f->ps), &pull), 200);
    assert_string_equal(bw_test_ps_body(f->ps), "{}");
    assert_true(seconds_now() - from > 1.9);
}

static void what_is_given_back_comes_at_once(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    bw_test_ps_publish_many(f->ps, "orders", 1, 3, NULL);
    assert_pull_now(f->ps, "sub", 10, "1 2 3");
    bw_test_ps_deadline(f->ps, "sub", 1, 0);
    bw_test_ps_ack(f->ps, "sub", 1); /* too late: it has been given back */
    assert_pull_now(f->ps, "sub", 10, "2");
}

static void ids_that_never_were_are_refused(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    static const struct {
        const char *method, *body;
    } cases[] = {
        {"acknowledge", "{}"},
        {"acknowledge", "{\"ackIds\":[]}"},
        {"acknowledge", "{\"ackIds\":[\"\"]}"},
        {"acknowledge", "{\"ackIds\":[\"nonsense\"]}"},
        {"acknowledge", "{\"ackIds\":\"nonsense\"}"},
        {"acknowledge", "{\"ackIds\":[1]}"},
        {"acknowledge", "{\"ackIds\":[\"00000001000660b437c368e3000000018cbd1eb4\"]}"},
        {"acknowledge", "{\"ackIds\":[\"+0000001 00660b437c368e300000001-cbd1eb4\"]}"},
        {"acknowledge", "{\"ackIds\":[\"x\"],\"ackDeadlineSeconds\":1}"},
        {"modifyAckDeadline", "{\"ackIds\":[\"x\"],\"ackDeadlineSeconds\":10}"},
        {"modifyAckDeadline", "{\"ackIds\":[\"x\"],\"ackDeadlineSeconds\":601}"},
        {"modifyAckDeadline", "{\"ackIds\":[\"x\"],\"ackDeadlineSeconds\":-1}"},
        {"pull", "{}"},
        {"pull", "{\"maxMessages\":0}"},
        {"pull", "{\"maxMessages\":-1}"},
        {"pull", "{\"maxMessages\":\"x\"}"},
        {"pull", "{\"maxMessages\":4294967297}"},
        {"pull", "{\"maxMessages\":1,\"foo\":1}"},
        {"seek", "{}"},
        {"seek", "{\"time\":\"yesterday\"}"},
        {"seek", "{\"time\":\"2023-11-14T22:13:20\"}"},
        {"seek", "{\"time\":\"2023-13-14T22:13:20Z\"}"},
        {"seek", "{\"time\":\"2023-11-14T22:13:20Z\",\"snapshot\":\"projects/p/snapshots/abc\"}"},
        {"seek", "{\"snapshot\":\"abc\"}"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char *resource = bw_xasprintf("subscriptions/sub:%s", cases[i].method);
        int status = bw_test_ps_try(f->ps, "POST", resource, "%s", cases[i].body);
        if (status != 400)
            fail_msg("%s %s: %d", cases[i].method, cases[i].body, status);
        assert_at(f->ps, "error.status", "INVALID_ARGUMENT");
        free(resource);
    }
    /* An answer of whatever size does not become an error by its size. */
    assert_status(f->ps, publish_made(f, "{\"data\":\"", "AAAAAAAAAAAA", 800000, "\"}"), 200);
    assert_status(f->ps, publish_made(f, "{\"data\":\"", "AAAAAAAAAAAA", 800000, "\"}"), 200);
    assert_int_equal(bw_test_ps_pull_now(f->ps, "sub", 10)->count, 2); /* 1 and one large */
    assert_int_equal(bw_test_ps_pull_now(f->ps, "sub", 10)->count, 1);
}

/* ---- Waiting ---------------------------------------------------------------------------------- */

static void a_pull_waits_for_a_message(void **state)
{
    fixture *f = *state;
    waiter w;
    prepare(f, NULL);
    waiter_start(f, &w);
    double from = seconds_now();
    bw_test_ps_publish(f->ps, "orders", 7, NULL);
    waiter_end(&w, 200, "7");
    assert_true(seconds_now() - from < 5);
}

static void a_pull_that_waits_learns_of_a_deletion(void **state)
{
    fixture *f = *state;
    waiter w;
    prepare(f, NULL);
    waiter_start(f, &w);
    assert_status(f->ps, bw_test_ps_try(f->ps, "DELETE", "subscriptions/sub", NULL), 200);
    waiter_end(&w, 404, "");
}

/* Several take from one subscription what several publish: each message once. */
typedef struct worker {
    pthread_t thread;
    bw_test_ps *ps;
    int from, seen[1200], failed;
} worker;

#define SENT 400

static void *publisher_main(void *user)
{
    worker *w = user;
    for (int i = 0; i < SENT && !w->failed; i++)
        w->failed =
            bw_test_ps_try(w->ps, "POST", "topics/orders:publish",
                           "{\"messages\":[{\"attributes\":{\"n\":\"%d\"}}]}", w->from + i) != 200;
    return NULL;
}

/* The ids and numbers of an answer, without what only the main thread may use. */
static int take_answer(worker *w, bw_buf *ids)
{
    static const char id[] = "\"ackId\":\"", n[] = "\"n\":\"";
    int count = 0;
    bw_buf_clear(ids);
    for (const char *at = bw_test_ps_body(w->ps); (at = strstr(at, id)); count++) {
        at += strlen(id);
        bw_buf_addf(ids, "%s\"%.*s\"", count ? "," : "", (int)strcspn(at, "\""), at);
        const char *number = strstr(at, n);
        long value = number ? strtol(number + strlen(n), NULL, 10) : -1;
        w->failed |= value < 0 || value >= 3L * SENT;
        if (!w->failed)
            w->seen[value]++;
    }
    return count;
}

/* Until a pull has waited three seconds in vain. */
static void *puller_main(void *user)
{
    worker *w = user;
    static const char *const hold[] = {"X-Server-Timeout: 3", NULL};
    bw_test_request pull = {.verb = "POST",
                            .url = "/v1/projects/p/subscriptions/sub:pull",
                            .headers = hold,
                            .body = "{\"maxMessages\":7}",
                            .body_size = 17};
    bw_buf ids = BW_BUF_INIT;
    while (!w->failed && bw_test_http_send(bw_test_ps_http(w->ps), &pull) == 200 &&
           take_answer(w, &ids) > 0)
        w->failed |= bw_test_ps_try(w->ps, "POST", "subscriptions/sub:acknowledge",
                                    "{\"ackIds\":[%s]}", bw_buf_cstr(&ids)) != 200;
    bw_buf_fini(&ids);
    return NULL;
}

static void many_clients_share_the_work(void **state)
{
    fixture *f = *state;
    static worker publishers[3], pullers[4];
    prepare(f, NULL);
    for (size_t i = 0; i < BW_COUNT(pullers); i++) {
        pullers[i] = (worker){.ps = bw_test_ps_new(bw_test_sandbox_url(f->sandbox), "p")};
        assert_int_equal(pthread_create(&pullers[i].thread, NULL, puller_main, &pullers[i]), 0);
    }
    for (size_t i = 0; i < BW_COUNT(publishers); i++) {
        publishers[i] = (worker){.ps = bw_test_ps_new(bw_test_sandbox_url(f->sandbox), "p"),
                                 .from = (int)i * SENT};
        assert_int_equal(
            pthread_create(&publishers[i].thread, NULL, publisher_main, &publishers[i]), 0);
    }
    for (size_t i = 0; i < BW_COUNT(publishers); i++) {
        pthread_join(publishers[i].thread, NULL);
        assert_false(publishers[i].failed);
        bw_test_ps_free(publishers[i].ps);
    }
    for (size_t i = 0; i < BW_COUNT(pullers); i++) {
        pthread_join(pullers[i].thread, NULL);
        assert_false(pullers[i].failed);
        bw_test_ps_free(pullers[i].ps);
    }
    for (size_t n = 0; n < BW_COUNT(pullers[0].seen); n++) {
        int seen = 0;
        for (size_t i = 0; i < BW_COUNT(pullers); i++)
            seen += pullers[i].seen[n];
        if (seen != 1)
            fail_msg("message %zu came %d times", n, seen);
    }
}

/* More than one transaction's worth ends at the same time. */
static void thousands_of_leases_end_together(void **state)
{
    fixture *f = *state;
    bw_buf ids[3] = {BW_BUF_INIT, BW_BUF_INIT, BW_BUF_INIT};
    prepare(f, NULL);
    for (int i = 0; i < 3; i++)
        bw_test_ps_publish_many(f->ps, "orders", i * 1000, 1000, NULL);
    for (size_t i = 0; i < BW_COUNT(ids); i++) {
        const bw_test_pulled *p = bw_test_ps_pull_now(f->ps, "sub", 1000);
        assert_int_equal(p->count, 1000);
        for (size_t k = 0; k < p->count; k++)
            bw_buf_addf(&ids[i], "%s\"%s\"", k ? "," : "", p->ack_ids[k]);
    }
    for (size_t i = 0; i < BW_COUNT(ids); i++) {
        assert_status(f->ps,
                      bw_test_ps_try(f->ps, "POST", "subscriptions/sub:modifyAckDeadline",
                                     "{\"ackIds\":[%s],\"ackDeadlineSeconds\":1}",
                                     bw_buf_cstr(&ids[i])),
                      200);
        bw_buf_fini(&ids[i]);
    }
    for (int seen = 0; seen < 3000;) {
        const bw_test_pulled *p = bw_test_ps_pull(f->ps, "sub", 1000);
        assert_true(p->count > 0);
        for (size_t k = 0; k < p->count; k++)
            assert_int_equal(p->n[k], seen + (int)k);
        seen += (int)p->count;
    }
}

static void pulls_that_wait_learn_of_the_end(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    bw_test_ps *ps = bw_test_ps_new(bw_test_sandbox_url(f->sandbox), "p");
    static const char *const hold[] = {"X-Server-Timeout: 0.3", NULL};
    bw_test_request pull = {.verb = "POST",
                            .url = "/v1/projects/p/subscriptions/sub:pull",
                            .headers = hold,
                            .body = "{\"maxMessages\":1}",
                            .body_size = 17};
    double from = seconds_now();
    assert_int_equal(bw_test_http_send(bw_test_ps_http(ps), &pull), 200);
    assert_true(seconds_now() - from >= 0.3 && seconds_now() - from < 5);
    assert_string_equal(bw_test_ps_body(ps), "{}");
    bw_test_ps_free(ps);
}

/* Its messages would be lost until the lease ends. */
static void a_client_that_has_gone_takes_nothing_with_it(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    bw_test_ps *ps = bw_test_ps_new(bw_test_sandbox_url(f->sandbox), "p");
    bw_test_request pull = {.verb = "POST",
                            .url = "/v1/projects/p/subscriptions/sub:pull",
                            .body = "{\"maxMessages\":1}",
                            .body_size = 17,
                            .timeout_s = 0.5};
    assert_true(bw_test_http_send(bw_test_ps_http(ps), &pull) < 0);
    bw_test_ps_free(ps);
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    assert_pull_now(f->ps, "sub", 10, "1");
}

/* ---- Retry policy and dead letters ------------------------------------------------------------ */

static void a_retry_policy_delays(void **state)
{
    fixture *f = *state;
    prepare(f, ",\"retryPolicy\":{\"minimumBackoff\":\"0.5s\",\"maximumBackoff\":\"1s\"}");
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    static const double least[] = {0.5, 1, 1}; /* doubled, up to the maximum */
    assert_pull_now(f->ps, "sub", 10, "1");
    for (size_t i = 0; i < BW_COUNT(least); i++) {
        double from = seconds_now();
        bw_test_ps_deadline(f->ps, "sub", 0, 0);
        assert_pull_now(f->ps, "sub", 10, "");
        assert_pull(f->ps, "sub", 10, "1");
        double took = seconds_now() - from;
        if (took < least[i] - 0.01 || took > least[i] + 4)
            fail_msg("delivery %zu came after %.2f s, not %.1f s", i + 2, took, least[i]);
    }
}

static void dead_letters_are_forwarded(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "dead");
    bw_test_ps_subscription(f->ps, "graveyard", "dead",
                            ",\"filter\":\"attributes:CloudPubSubDeadLetterSourceSubscription\"");
    prepare(f, ",\"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/p/topics/dead\","
               "\"maxDeliveryAttempts\":5}");
    bw_test_ps_publish(f->ps, "orders", 1, ",\"orderingKey\":\"k\"");
    char published[64];
    for (int attempt = 1; attempt <= 5; attempt++) {
        const bw_test_pulled *p = bw_test_ps_pull_now(f->ps, "sub", 10);
        assert_int_equal(p->count, 1);
        assert_int_equal(p->attempts[0], attempt);
        snprintf(published, sizeof published, "%s",
                 bw_test_json_at(bw_test_ps_body(f->ps), "receivedMessages.0.message.publishTime"));
        /* Ended by time once, given back otherwise. */
        bw_test_ps_deadline(f->ps, "sub", 0, attempt == 2 ? 1 : 0);
        if (attempt == 2) {
            assert_pull(f->ps, "sub", 10, "1");
            bw_test_ps_deadline(f->ps, "sub", 0, 0);
            attempt++;
        }
    }
    assert_pull_now(f->ps, "sub", 10, "");
    assert_pull(f->ps, "graveyard", 10, "1");
    static const char *const attributes = "receivedMessages.0.message.attributes.";
    const struct {
        const char *name, *value;
    } expected[] = {{"CloudPubSubDeadLetterSourceDeliveryCount", "5"},
                    {"CloudPubSubDeadLetterSourceSubscription", "sub"},
                    {"CloudPubSubDeadLetterSourceSubscriptionProject", "p"},
                    {"CloudPubSubDeadLetterSourceTopicPublishTime", published}};
    for (size_t i = 0; i < BW_COUNT(expected); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", attributes, expected[i].name);
        assert_at(f->ps, path, expected[i].value);
    }
    assert_at(f->ps, "receivedMessages.0.message.data", "aGk=");
    assert_at(f->ps, "receivedMessages.0.message.orderingKey", "k");
}

/* Nobody pulls the source: the lease's end alone forwards it, and wakes who waits for dead letters. */
static void a_lease_that_ends_forwards_without_a_pull(void **state)
{
    fixture *f = *state;
    bw_test_ps_topic(f->ps, "dead");
    bw_test_ps_subscription(f->ps, "graveyard", "dead", NULL);
    prepare(f, ",\"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/p/topics/dead\"}");
    bw_test_ps_publish(f->ps, "orders", 1, NULL);
    for (int attempt = 1; attempt < 5; attempt++) {
        assert_pull_now(f->ps, "sub", 10, "1");
        bw_test_ps_deadline(f->ps, "sub", 0, 0);
    }
    assert_pull_now(f->ps, "sub", 10, "1");
    bw_test_ps_deadline(f->ps, "sub", 0, 1);
    assert_pull(f->ps, "graveyard", 10, "1");
    /* Without the topic the message goes on being delivered. */
    bw_test_ps_publish(f->ps, "orders", 2, NULL);
    bw_test_ps_try(f->ps, "DELETE", "topics/dead", NULL);
    for (int attempt = 1; attempt < 8; attempt++) {
        assert_pull_now(f->ps, "sub", 10, "2");
        bw_test_ps_deadline(f->ps, "sub", 0, 0);
    }
}

static void exactly_once_refuses_stale_ids(void **state)
{
    fixture *f = *state;
    prepare(f, ",\"enableExactlyOnceDelivery\":true");
    bw_test_ps_publish_many(f->ps, "orders", 1, 2, NULL);
    const bw_test_pulled *p = bw_test_ps_pull_now(f->ps, "sub", 10);
    char first[256], second[256];
    snprintf(first, sizeof first, "%s", p->ack_ids[0]);
    snprintf(second, sizeof second, "%s", p->ack_ids[1]);
    bw_test_ps_ack(f->ps, "sub", 0);
    /* Of two ids one is good, and it counts. */
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "POST", "subscriptions/sub:acknowledge",
                                 "{\"ackIds\":[\"%s\",\"%s\"]}", first, second),
                  400);
    assert_at(f->ps, "error.status", "INVALID_ARGUMENT");
    assert_at(f->ps, "error.details.0.@type", "type.googleapis.com/google.rpc.ErrorInfo");
    assert_at(f->ps, "error.details.0.reason", "EXACTLY_ONCE_ACKID_FAILURE");
    assert_at(f->ps, "error.details.0.domain", "pubsub.googleapis.com");
    char path[320];
    snprintf(path, sizeof path, "error.details.0.metadata.%s", first);
    assert_at(f->ps, path, "PERMANENT_FAILURE_INVALID_ACK_ID");
    snprintf(path, sizeof path, "error.details.0.metadata.%s", second);
    assert_false(bw_test_json_has(bw_test_ps_body(f->ps), path));
    assert_pull_now(f->ps, "sub", 10, "");
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "POST", "subscriptions/sub:modifyAckDeadline",
                                 "{\"ackIds\":[\"%s\"],\"ackDeadlineSeconds\":10}", second),
                  400);
    assert_status(f->ps,
                  bw_test_ps_try(f->ps, "POST", "subscriptions/sub:acknowledge",
                                 "{\"ackIds\":[\"nonsense\"]}"),
                  400);
    assert_at(f->ps, "error.details.0.metadata.nonsense", "PERMANENT_FAILURE_INVALID_ACK_ID");
}

/* ---- Ordering --------------------------------------------------------------------------------- */

#define KEY(k) ",\"orderingKey\":\"" k "\""

static void a_key_is_delivered_in_order(void **state)
{
    fixture *f = *state;
    prepare(f, ",\"enableMessageOrdering\":true");
    bw_test_ps_publish_many(f->ps, "orders", 1, 3, KEY("a"));
    bw_test_ps_publish_many(f->ps, "orders", 11, 2, KEY("b"));
    bw_test_ps_publish(f->ps, "orders", 21, NULL);
    assert_pull_now(f->ps, "sub", 1, "1");
    char head[256];
    snprintf(head, sizeof head, "%s", bw_test_json_at(bw_test_ps_body(f->ps), FIRST_ACK_ID));
    bw_test_ps_deadline(f->ps, "sub", 0, 600);
    /* Of key a nothing while 1 is leased; b and those without a key come. */
    assert_pull_now(f->ps, "sub", 10, "11 21 12");
    bw_test_ps_publish(f->ps, "orders", 4, KEY("a"));
    assert_pull_now(f->ps, "sub", 10, "");
    bw_test_ps_try(f->ps, "POST", "subscriptions/sub:acknowledge", "{\"ackIds\":[\"%s\"]}", head);
    assert_pull_now(f->ps, "sub", 10, "2 3 4");
    bw_test_ps_publish(f->ps, "orders", 5, KEY("a"));
    assert_pull_now(f->ps, "sub", 10, "");
}

static void one_given_back_brings_the_later_ones_again(void **state)
{
    fixture *f = *state;
    prepare(f, ",\"enableMessageOrdering\":true");
    bw_test_ps_publish_many(f->ps, "orders", 1, 4, KEY("a"));
    assert_pull_now(f->ps, "sub", 3, "1 2 3");
    char first[256], third[256];
    snprintf(first, sizeof first, "%s", bw_test_json_at(bw_test_ps_body(f->ps), FIRST_ACK_ID));
    snprintf(third, sizeof third, "%s",
             bw_test_json_at(bw_test_ps_body(f->ps), "receivedMessages.2.ackId"));
    bw_test_ps_deadline(f->ps, "sub", 1, 0);
    assert_pull_now(f->ps, "sub", 10, ""); /* 1 is still leased */
    /* The later one's lease is void: its acknowledgement does not count. */
    bw_test_ps_try(f->ps, "POST", "subscriptions/sub:acknowledge", "{\"ackIds\":[\"%s\"]}", third);
    bw_test_ps_try(f->ps, "POST", "subscriptions/sub:acknowledge", "{\"ackIds\":[\"%s\"]}", first);
    assert_pull_now(f->ps, "sub", 10, "2 3 4");
    bw_test_ps_deadline(f->ps, "sub", 0, 1);
    assert_pull(f->ps, "sub", 10, "2 3 4"); /* ended by time: the same */
    bw_test_ps_ack_all(f->ps, "sub");
    assert_pull_now(f->ps, "sub", 10, "");
    bw_test_ps_publish(f->ps, "orders", 5, KEY("a"));
    assert_pull_now(f->ps, "sub", 10, "5");
}

static void without_ordering_a_key_holds_nothing_up(void **state)
{
    fixture *f = *state;
    prepare(f, NULL);
    bw_test_ps_publish_many(f->ps, "orders", 1, 3, KEY("a"));
    assert_pull_now(f->ps, "sub", 1, "1");
    assert_pull_now(f->ps, "sub", 10, "2 3");
    bw_test_ps_deadline(f->ps, "sub", 1, 0);
    assert_pull_now(f->ps, "sub", 10, "3");
}

/* Workers take what they get, now and then give back, and no key ever goes backwards. */
static void many_keys_stay_in_order(void **state)
{
    fixture *f = *state;
    enum { KEYS = 7, EACH = 30 };
    int next[KEYS] = {0}, acknowledged = 0, given_back = 0;
    prepare(f, ",\"enableMessageOrdering\":true");
    for (int i = 0; i < EACH; i++) {
        for (int k = 0; k < KEYS; k++) {
            char members[40];
            snprintf(members, sizeof members, ",\"orderingKey\":\"key%d\"", k);
            bw_test_ps_publish(f->ps, "orders", k * 1000 + i, members);
        }
    }
    for (unsigned round = 0; acknowledged < KEYS * EACH; round++) {
        const bw_test_pulled *p = bw_test_ps_pull_now(f->ps, "sub", 1 + (int)(round % 11));
        bool lost[KEYS] = {false};
        assert_true(p->count > 0);
        for (size_t i = 0; i < p->count; i++) {
            int key = p->n[i] / 1000, number = p->n[i] % 1000;
            if (lost[key])
                continue;
            assert_int_equal(number, next[key]);
            if ((round + i) % 5 == 3 && given_back < 100) {
                bw_test_ps_deadline(f->ps, "sub", i, 0);
                lost[key] = true;
                given_back++;
            } else {
                bw_test_ps_ack(f->ps, "sub", i);
                next[key]++;
                acknowledged++;
            }
        }
    }
    assert_true(given_back > 10);
    assert_pull_now(f->ps, "sub", 10, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_arrives_as_it_was_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_is_published_whole_or_not, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_acknowledged_does_not_come_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lease_ends_and_the_message_comes_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lease_is_extended, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_given_back_comes_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_that_never_were_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pull_waits_for_a_message, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pull_that_waits_learns_of_a_deletion, setup, teardown),
        cmocka_unit_test_setup_teardown(many_clients_share_the_work, setup, teardown),
        cmocka_unit_test_setup_teardown(thousands_of_leases_end_together, setup, teardown),
        cmocka_unit_test_setup_teardown(pulls_that_wait_learn_of_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_has_gone_takes_nothing_with_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_retry_policy_delays, setup, teardown),
        cmocka_unit_test_setup_teardown(dead_letters_are_forwarded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lease_that_ends_forwards_without_a_pull, setup, teardown),
        cmocka_unit_test_setup_teardown(exactly_once_refuses_stale_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_delivered_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(one_given_back_brings_the_later_ones_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_ordering_a_key_holds_nothing_up, setup, teardown),
        cmocka_unit_test_setup_teardown(many_keys_stay_in_order, setup, teardown),
    };
    return BW_RUN_TESTS(tests);
}
