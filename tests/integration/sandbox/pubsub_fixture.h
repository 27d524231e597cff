/* What the tests of Pub/Sub share: a sandbox of their own and clients of two projects. Header only. */
#ifndef BW_TESTS_INTEGRATION_SANDBOX_PUBSUB_FIXTURE_H
#define BW_TESTS_INTEGRATION_SANDBOX_PUBSUB_FIXTURE_H

#include "tests/support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/alloc.h"
#include "backend/core/clock.h"
#include "tests/support/bigquery.h"
#include "tests/support/pubsub.h"
#include "tests/support/sandbox.h"

#define FIXTURE static __attribute__((unused))

typedef struct fixture {
    bw_test_sandbox *sandbox;
    bw_test_ps *ps, *other; /* of the projects p and q */
} fixture;

FIXTURE void connect_clients(fixture *f)
{
    bw_test_ps_free(f->ps);
    bw_test_ps_free(f->other);
    f->ps = bw_test_ps_new(bw_test_sandbox_url(f->sandbox), "p");
    f->other = bw_test_ps_new(bw_test_sandbox_url(f->sandbox), "q");
}

FIXTURE int start(void **state, bool persistent)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    f->sandbox = bw_test_sandbox_start(persistent, NULL);
    connect_clients(f);
    *state = f;
    return 0;
}

FIXTURE int setup(void **state)
{
    return start(state, false);
}

FIXTURE int setup_persistent(void **state)
{
    return start(state, true);
}

FIXTURE int teardown(void **state)
{
    fixture *f = *state;
    bw_test_ps_free(f->ps);
    bw_test_ps_free(f->other);
    bw_test_sandbox_stop(f->sandbox);
    bw_test_sandbox_free(f->sandbox);
    free(f);
    return 0;
}

FIXTURE void assert_status(bw_test_ps *ps, int status, int expected)
{
    if (status != expected)
        fail_msg("the status is %d, not %d: %s", status, expected, bw_test_ps_body(ps));
}

FIXTURE void assert_at(bw_test_ps *ps, const char *path, const char *expected)
{
    const char *value = bw_test_json_at(bw_test_ps_body(ps), path);
    if (strcmp(value, expected) != 0)
        fail_msg("%s is \"%s\", not \"%s\", in %s", path, value, expected, bw_test_ps_body(ps));
}

/* What a pull brings, now or within the time that the service holds it. */
FIXTURE void assert_pull(bw_test_ps *ps, const char *subscription, int max, const char *expected)
{
    bw_test_ps_pull(ps, subscription, max);
    if (strcmp(bw_test_ps_numbers(ps), expected) != 0)
        fail_msg("%s brings \"%s\", not \"%s\"", subscription, bw_test_ps_numbers(ps), expected);
}

FIXTURE void assert_pull_now(bw_test_ps *ps, const char *subscription, int max,
                             const char *expected)
{
    bw_test_ps_pull_now(ps, subscription, max);
    if (strcmp(bw_test_ps_numbers(ps), expected) != 0)
        fail_msg("%s brings \"%s\", not \"%s\"", subscription, bw_test_ps_numbers(ps), expected);
}

/* A pull of "sub" on a thread of its own, which is held until a message comes. */
typedef struct waiter {
    pthread_t thread;
    bw_test_ps *ps;
    int status;
} waiter;

FIXTURE void *waiter_main(void *user)
{
    waiter *w = user;
    w->status = bw_test_ps_try(w->ps, "POST", "subscriptions/sub:pull", "{\"maxMessages\":10}");
    return NULL;
}

FIXTURE void waiter_start(fixture *f, waiter *w)
{
    w->ps = bw_test_ps_new(bw_test_sandbox_url(f->sandbox), "p");
    assert_int_equal(pthread_create(&w->thread, NULL, waiter_main, w), 0);
    /* Meanwhile other work goes on; and after so much of it the pull has arrived. */
    for (int i = 0; i < 50; i++)
        assert_status(f->ps, bw_test_ps_try(f->ps, "GET", "subscriptions/sub", NULL), 200);
}

FIXTURE void waiter_end(waiter *w, int status, const char *number)
{
    pthread_join(w->thread, NULL);
    assert_status(w->ps, w->status, status);
    assert_at(w->ps, "receivedMessages.0.message.attributes.n", number);
    bw_test_ps_free(w->ps);
}

FIXTURE double seconds_now(void)
{
    return (double)bw_mono_us(bw_clock_system()) / (double)BW_SECOND;
}

#endif
