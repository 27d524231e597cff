/*
 * Pub/Sub's REST API for tests, over the tests' own HTTP client: one project. Messages are told apart by
 * an attribute "n". The functions fail the running test when the service does not answer as it must;
 * those with "try" give the status instead. Threads: one client belongs to one thread.
 */
#ifndef BW_TESTS_SUPPORT_PUBSUB_H
#define BW_TESTS_SUPPORT_PUBSUB_H

#include "tests/support/http_client.h"

#define BW_TEST_PULLED 1000

typedef struct bw_test_ps bw_test_ps;

bw_test_ps *bw_test_ps_new(const char *url, const char *project);
void bw_test_ps_free(bw_test_ps *ps);
bw_test_http *bw_test_ps_http(bw_test_ps *ps);
/* The body of the last answer. */
const char *bw_test_ps_body(bw_test_ps *ps);

void bw_test_ps_topic(bw_test_ps *ps, const char *topic);
/* `members`: further ones of the resource (",\"filter\":...") or NULL. */
void bw_test_ps_subscription(bw_test_ps *ps, const char *subscription, const char *topic,
                             const char *members);
/* A message with the attribute n and the data "hi"; `members`: further ones of the message, or NULL.
   Returns its id, borrowed until the next publish. */
const char *bw_test_ps_publish(bw_test_ps *ps, const char *topic, int n, const char *members);
/* Messages n = from ... from + count - 1 in one request. */
void bw_test_ps_publish_many(bw_test_ps *ps, const char *topic, int from, int count,
                             const char *members);

/* What a pull brought. */
typedef struct bw_test_pulled {
    size_t count;
    int n[BW_TEST_PULLED]; /* the attribute, -1 without it */
    char ack_ids[BW_TEST_PULLED][256];
    int attempts[BW_TEST_PULLED]; /* deliveryAttempt; 0 when absent */
} bw_test_pulled;

/* Waits as long as the service holds the request, or not at all. The result is the client's, until the
   next pull. */
const bw_test_pulled *bw_test_ps_pull(bw_test_ps *ps, const char *subscription, int max);
const bw_test_pulled *bw_test_ps_pull_now(bw_test_ps *ps, const char *subscription, int max);
/* The numbers of the last pull, in order: "1 2 3". */
const char *bw_test_ps_numbers(bw_test_ps *ps);

/* Of the last pull's message at `index`. */
void bw_test_ps_ack(bw_test_ps *ps, const char *subscription, size_t index);
void bw_test_ps_ack_all(bw_test_ps *ps, const char *subscription);
/* modifyAckDeadline; 0 gives the message back. */
void bw_test_ps_deadline(bw_test_ps *ps, const char *subscription, size_t index, int seconds);
/* A request of /v1/projects/PROJECT/<resource>, which may end in a verb (topics/t:publish), with a body
   or NULL: the HTTP status. */
int bw_test_ps_try(bw_test_ps *ps, const char *verb, const char *resource, const char *fmt, ...)
    BW_PRINTF(4, 5);

#endif
