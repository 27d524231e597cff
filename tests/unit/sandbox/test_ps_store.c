/* What Pub/Sub does by time, with the clock held in the hand: retention, expiry, back-off, snapshots.
   Covers: sandbox/ps_store, ps_retain, ps_expire, ps_publish, ps_backlog. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/sandbox/ps_store.h"

#define T0 (INT64_C(1700000000) * BW_SECOND)

typedef struct held_clock {
    bw_clock clock; /* first */
    int64_t now_us;
} held_clock;

static int64_t held_now(const bw_clock *clock)
{
    return ((const held_clock *)clock)->now_us;
}

typedef struct fixture {
    held_clock clock;
    bw_sb_pubsub ps;
    bw_sb_pool *pool;
    bw_arena arena;
    bw_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    f->clock = (held_clock){{held_now, held_now}, T0};
    f->pool = bw_sb_pool_new(1, bw_clock_system());
    f->ps.pool = f->pool;
    f->ps.clock = &f->clock.clock;
    assert_ok(ps_store_open(&f->ps, NULL, &f->err), f->err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    ps_store_close(&f->ps);
    bw_sb_pool_stop(f->pool);
    bw_sb_pool_free(f->pool);
    bw_arena_fini(&f->arena);
    free(f);
    return 0;
}

/* Topic 1 and its subscription "sub" with id 1. */
static void prepare(fixture *f, int64_t topic_retention_us, const char *body)
{
    assert_ok(ps_run(&f->ps, &f->err,
                     "INSERT INTO topic(project, name, retention_us, body)"
                     " VALUES('p', 'orders', ?1, '{}')",
                     "i", topic_retention_us),
              f->err);
    assert_ok(ps_run(&f->ps, &f->err,
                     "INSERT INTO subscription(project, name, topic, topic_name, detached, body)"
                     " VALUES('p', 'sub', 1, 'projects/p/topics/orders', 0, ?1)",
                     "t", body),
              f->err);
}

static int64_t publish(fixture *f, const char *key)
{
    ps_message m = {.data = BW_SLICE_LIT("aGk="),
                    .attributes_json = BW_SLICE_LIT("{}"),
                    .key = bw_slice_cstr(key),
                    .size = 2};
    int64_t id = 0;
    assert_ok(ps_begin(&f->ps, &f->err), f->err);
    bw_status status = ps_publish(&f->ps, 1, &m, 1, &id, &f->err);
    assert_ok(ps_end(&f->ps, status, &f->err), f->err);
    return id;
}

static int64_t count(fixture *f, const char *sql)
{
    int64_t n = -1;
    assert_ok(ps_value(&f->ps, &f->err, &n, sql, ""), f->err);
    return n;
}

static void retain(fixture *f)
{
    assert_ok(ps_begin(&f->ps, &f->err), f->err);
    assert_ok(ps_end(&f->ps, ps_retain(&f->ps, &f->err), &f->err), f->err);
}

/* As a pull does: the message is leased until the time. */
static void lease(fixture *f, int64_t message, int64_t due_us)
{
    assert_ok(ps_run(&f->ps, &f->err,
                     "UPDATE delivery SET state = 1, due_us = ?2, lease = lease + 1"
                     " WHERE message = ?1",
                     "ii", message, due_us),
              f->err);
    ps_due_at(&f->ps, due_us);
}

static void expire(fixture *f)
{
    bool more;
    assert_ok(ps_begin(&f->ps, &f->err), f->err);
    assert_ok(ps_end(&f->ps, ps_expire(&f->ps, &more, &f->err), &f->err), f->err);
}

static int64_t value(fixture *f, const char *sql, int64_t message)
{
    int64_t n = -1;
    assert_ok(ps_value(&f->ps, &f->err, &n, sql, "i", message), f->err);
    return n;
}

#define STATE "SELECT state FROM delivery WHERE message = ?1"
#define DUE   "SELECT due_us FROM delivery WHERE message = ?1"

/* ---- Ids -------------------------------------------------------------------------------------- */

static void ids_grow_though_the_clock_goes_back(void **state)
{
    fixture *f = *state;
    prepare(f, 0, "{}");
    int64_t first = publish(f, ""), second = publish(f, "");
    assert_int_equal(first, T0);
    assert_int_equal(second, T0 + 1);
    f->clock.now_us = T0 - BW_HOUR;
    assert_int_equal(publish(f, ""), T0 + 2);
    f->clock.now_us = T0 + BW_SECOND;
    assert_int_equal(publish(f, ""), T0 + BW_SECOND);
    assert_int_equal(count(f, "SELECT id FROM last_message"), T0 + BW_SECOND);
}

/* A message that nobody would ever get is not kept. */
static void without_a_holder_nothing_is_kept(void **state)
{
    fixture *f = *state;
    prepare(f, 0, "{\"filter\":\"attributes:none\"}");
    publish(f, "");
    assert_int_equal(count(f, "SELECT count(*) FROM message"), 0);
    assert_int_equal(count(f, "SELECT count(*) FROM delivery"), 0);
}

/* ---- Retention -------------------------------------------------------------------------------- */

static void what_nobody_takes_goes_after_the_subscriptions_retention(void **state)
{
    fixture *f = *state;
    prepare(f, 0, "{\"messageRetentionDuration\":\"3600s\"}");
    publish(f, "");
    f->clock.now_us += 30 * BW_MINUTE;
    publish(f, "");
    f->clock.now_us += 29 * BW_MINUTE;
    retain(f);
    assert_int_equal(count(f, "SELECT count(*) FROM message"), 2);
    f->clock.now_us += 2 * BW_MINUTE;
    retain(f);
    assert_int_equal(count(f, "SELECT count(*) FROM message"), 1);
    bw_sb_backlog backlog;
    assert_true(bw_sb_pubsub_backlog(&f->ps, "p", "sub", &backlog));
    assert_int_equal(backlog.undelivered, 1);
    assert_int_equal(backlog.oldest_unacked_age_us, 31 * BW_MINUTE);
    assert_int_equal(backlog.bytes, 2);
    assert_false(bw_sb_pubsub_backlog(&f->ps, "q", "sub", &backlog));
}

static void settle(fixture *f, int64_t message)
{
    ps_subscription s;
    assert_ok(ps_subscription_by_id(&f->ps, &f->arena, 1, &s, &f->err), f->err);
    assert_ok(ps_begin(&f->ps, &f->err), f->err);
    bw_status status = ps_settle(&f->ps, &s, message, (bw_slice){NULL, 0}, &f->err);
    assert_ok(ps_end(&f->ps, status, &f->err), f->err);
}

static void a_topic_keeps_for_its_retention(void **state)
{
    fixture *f = *state;
    prepare(f, 600 * BW_SECOND, "{}");
    settle(f, publish(f, ""));
    assert_int_equal(count(f, "SELECT count(*) FROM delivery"), 0);
    f->clock.now_us += 599 * BW_SECOND;
    retain(f);
    assert_int_equal(count(f, "SELECT count(*) FROM message"), 1);
    f->clock.now_us += 2 * BW_SECOND;
    retain(f);
    assert_int_equal(count(f, "SELECT count(*) FROM message"), 0);
}

static void acknowledged_messages_stay_where_they_are_kept(void **state)
{
    fixture *f = *state;
    prepare(f, 0, "{\"retainAckedMessages\":true,\"messageRetentionDuration\":\"600s\"}");
    settle(f, publish(f, ""));
    f->clock.now_us += 599 * BW_SECOND;
    retain(f);
    assert_int_equal(count(f, "SELECT count(*) FROM message"), 1);
    f->clock.now_us += 2 * BW_SECOND;
    retain(f);
    assert_int_equal(count(f, "SELECT count(*) FROM message"), 0);
    assert_int_equal(count(f, "SELECT count(*) FROM delivery"), 0);
}

static void a_snapshot_keeps_until_it_expires(void **state)
{
    fixture *f = *state;
    prepare(f, 0, "{}");
    int64_t before = publish(f, "");
    assert_ok(ps_run(&f->ps, &f->err,
                     "INSERT INTO snapshot(project, name, topic, topic_name, after, expires_us,"
                     " body) VALUES('p', 'snap', 1, 'projects/p/topics/orders', ?1, ?2, '{}')",
                     "ii", before, T0 + BW_DAY),
              f->err);
    assert_ok(ps_run(&f->ps, &f->err, "INSERT INTO snapshot_message VALUES(1, ?1)", "i", before),
              f->err);
    int64_t after = publish(f, "");
    settle(f, before);
    settle(f, after);
    f->clock.now_us += BW_HOUR;
    retain(f);
    assert_int_equal(count(f, "SELECT count(*) FROM message"), 2);
    f->clock.now_us += BW_DAY;
    retain(f);
    assert_int_equal(count(f, "SELECT count(*) FROM message"), 0);
    assert_int_equal(count(f, "SELECT count(*) FROM snapshot_message"), 0);
}

/* The first message of a key outlives its retention: the next one must not wait for it. */
static void retention_lets_the_next_of_a_key_forward(void **state)
{
    fixture *f = *state;
    prepare(f, 0, "{\"enableMessageOrdering\":true,\"messageRetentionDuration\":\"600s\"}");
    publish(f, "k");
    f->clock.now_us += 300 * BW_SECOND;
    int64_t second = publish(f, "k");
    assert_int_equal(value(f, STATE, second), PS_BEHIND);
    f->clock.now_us += 301 * BW_SECOND;
    retain(f);
    assert_int_equal(value(f, STATE, second), PS_READY);
}

/* ---- Leases ----------------------------------------------------------------------------------- */

static void backoff_doubles_up_to_its_maximum(void **state)
{
    fixture *f = *state;
    prepare(f, 0, "{\"retryPolicy\":{\"minimumBackoff\":\"10s\",\"maximumBackoff\":\"60s\"}}");
    int64_t message = publish(f, "");
    static const int64_t expected[] = {10, 20, 40, 60, 60};
    for (size_t i = 0; i < BW_COUNT(expected); i++) {
        lease(f, message, f->clock.now_us + 10 * BW_SECOND);
        f->clock.now_us += 10 * BW_SECOND - 1;
        expire(f);
        assert_int_equal(value(f, STATE, message), PS_LEASED);
        f->clock.now_us += 1;
        expire(f);
        assert_int_equal(value(f, STATE, message), PS_DELAYED);
        assert_int_equal(value(f, DUE, message) - f->clock.now_us, expected[i] * BW_SECOND);
        assert_int_equal(f->ps.next_due_us, value(f, DUE, message));
        f->clock.now_us = value(f, DUE, message);
        expire(f);
        assert_int_equal(value(f, STATE, message), PS_READY);
        assert_int_equal(f->ps.next_due_us, BW_FOREVER);
    }
}

/* A message of a key that is delayed holds the later ones back until it has been delivered again. */
static void a_delay_holds_its_key(void **state)
{
    fixture *f = *state;
    prepare(f, 0, "{\"enableMessageOrdering\":true,\"retryPolicy\":{}}");
    int64_t first = publish(f, "k"), second = publish(f, "k"), other = publish(f, "j");
    lease(f, first, f->clock.now_us + BW_SECOND);
    lease(f, second, f->clock.now_us + 30 * BW_SECOND);
    f->clock.now_us += BW_SECOND;
    expire(f);
    assert_int_equal(value(f, STATE, first), PS_DELAYED);
    assert_int_equal(value(f, STATE, second), PS_BEHIND); /* its lease was longer, and is void */
    assert_int_equal(value(f, STATE, other), PS_READY);
    f->clock.now_us += 10 * BW_SECOND;
    expire(f);
    assert_int_equal(value(f, STATE, first), PS_READY);
    assert_int_equal(value(f, STATE, second), PS_BEHIND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_grow_though_the_clock_goes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_holder_nothing_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_takes_goes_after_the_subscriptions_retention,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_keeps_for_its_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(acknowledged_messages_stay_where_they_are_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_keeps_until_it_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(retention_lets_the_next_of_a_key_forward, setup, teardown),
        cmocka_unit_test_setup_teardown(backoff_doubles_up_to_its_maximum, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delay_holds_its_key, setup, teardown),
    };
    return BW_RUN_TESTS(tests);
}
