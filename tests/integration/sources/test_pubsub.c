/* backend/sources/pubsub against the sandbox: batches, acknowledgement and redelivery, leases, order,
   draining, resync, cancel. Deadlines are the service's shortest, 10 s. */
#include "tests/integration/sources/subscription.h"

#include <pthread.h>

static int64_t now(void)
{
    return bw_mono_us(bw_clock_system());
}

/* As Cloud Monitoring has it; leased messages count. */
static int64_t backlog(sub_test *t)
{
    bw_stream_status status;
    assert_ok(t->class->stream(t->source, &t->spec, &t->arena, &status, &t->err), t->err);
    return status.backlog;
}

static void test_a_subscription_is_described(void **state)
{
    sub_test *t = *state;
    sub_create(t, ",\"filter\":\"attributes.n != \\\"7\\\"\"");
    char full[64];
    snprintf(full, sizeof full, "projects/p/subscriptions/%s", t->id);
    assert_string_equal(t->info.name, full);
    assert_string_equal(t->info.short_name, t->id);
    assert_ptr_equal(t->info.schema.fields, bw_message_schema.fields);
    assert_int_equal(t->info.n_key, 1);
    assert_int_equal(t->info.key[0], BW_MESSAGE_ID);
    assert_int_equal(t->info.cursor, BW_MESSAGE_PUBLISH_TIME);
    assert_true(t->info.immutable);
    assert_int_equal(t->info.n_warnings, 2);
    assert_non_null(strstr(t->info.warnings[0], "a resync cannot read them again"));
    assert_non_null(strstr(t->info.warnings[1], "attributes.n != \"7\""));

    const char *const *names;
    size_t count;
    assert_ok(t->class->list(t->source, t->id, &t->arena, &names, &count, &t->err), t->err);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], t->id);
    bw_source_status status;
    assert_ok(t->class->status(t->source, &t->arena, &status, &t->err), t->err);
    assert_true(llabs(status.now_us - bw_wall_us(bw_clock_system())) < 5 * BW_SECOND);
}

static void test_what_cannot_be_read(void **state)
{
    sub_test *t = *state;
    const char *const columns[] = {"data"};
    bw_table_spec spec = spec_of("nobody");
    assert_int_equal(t->class->describe(t->source, &spec, &t->arena, &t->info, &t->err),
                     BW_NOT_FOUND);
    sub_create(t, "");
    spec = spec_of(t->id);
    spec.columns = columns;
    spec.n_columns = 1;
    assert_int_equal(t->class->describe(t->source, &spec, &t->arena, &t->info, &t->err),
                     BW_INVALID);
    assert_non_null(strstr(t->err.message, "columns"));
    static const struct {
        bw_read_request request;
        bw_status status;
    } cases[] = {
        {{.kind = BW_READ_KEYS, .mode = BW_MODE_APPEND}, BW_UNSUPPORTED},
        {{.kind = BW_READ_SINCE, .mode = BW_MODE_APPEND}, BW_UNSUPPORTED},
        {{.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE}, BW_INVALID},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_reader *reader;
        assert_int_equal(t->class->reader_open(t->source, &t->spec, &t->info, &cases[i].request,
                                               &reader, &t->err),
                         cases[i].status);
        assert_null(reader);
    }
}

static void test_batches_end_with_an_empty_stream(void **state)
{
    sub_test *t = *state;
    sub_create(t, "");
    sub_publish(t, "m", 1, 5, NULL);
    int64_t before = bw_wall_us(bw_clock_system());
    bw_reader *reader = sub_reader(t, (bw_read_request){.drain = true});
    bw_batch_end end;
    assert_string_equal(sub_next(t, reader), "m1 m2 m3 m4 m5");
    assert_ok(t->class->reader_restart(reader, &t->err), t->err);
    assert_string_equal(sub_rows(t, reader), "m1 m2 m3 m4 m5");
    sub_ack(t, reader);
    assert_string_equal(sub_next(t, reader), "");
    t->class->reader_end(reader, &end);
    assert_true(end.watermark_us >= before - 3 * BW_SECOND);
    assert_true(end.watermark_us <= bw_wall_us(bw_clock_system()));
    int64_t to;
    char *text = bw_json_member_string(bw_slice_cstr(end.position), "to");
    assert_true(bw_parse_time(bw_slice_cstr(text), &to) && to == end.watermark_us);
    free(text);
    sub_ack(t, reader);
    assert_null(sub_next(t, reader));
    t->class->reader_close(reader);
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "");
}

static void test_batches_are_bounded(void **state)
{
    sub_test *t = *state;
    sub_open(t, ", wait: 300ms, max_outstanding_messages: 3");
    sub_create(t, "");
    sub_publish(t, "m", 1, 7, NULL);
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "m1 m2 m3 | m4 m5 m6 | m7 | ");
    t->spec.batch_rows = 2;
    sub_publish(t, "n", 1, 3, NULL);
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "n1 n2 | n3 | ");
}

/* A batch that waits for stragglers takes them in. */
static void test_a_batch_waits_for_more(void **state)
{
    sub_test *t = *state;
    sub_open(t, ", wait: 2s");
    sub_create(t, "");
    for (int i = 1; i <= 3; i++)
        sub_publish(t, "m", i, i, NULL);
    int64_t began = now();
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "m1 m2 m3 | ");
    assert_true(now() - began >= 2 * BW_SECOND);
}

static void test_order_within_a_key(void **state)
{
    sub_test *t = *state;
    sub_open(t, ", wait: 300ms, max_outstanding_messages: 5");
    sub_create(t, ",\"enableMessageOrdering\":true");
    for (int i = 1; i <= 6; i++) {
        sub_publish(t, "a", i, i, "a");
        sub_publish(t, "b", i, i, "b");
    }
    const char *rows = sub_drain(t, (bw_read_request){0});
    int next[2] = {1, 1};
    for (const char *p = rows; *p; p++) {
        if (*p == 'a' || *p == 'b')
            assert_int_equal(p[1] - '0', next[*p - 'a']++);
    }
    assert_int_equal(next[0], 7);
    assert_int_equal(next[1], 7);
}

/* Longer in work than the deadline is long: nobody else gets the messages meanwhile. Without an
   acknowledgement they come again, and a run that knows of it waits for them before it says that
   nothing is there. */
static void test_leases_live_as_long_as_the_batch(void **state)
{
    sub_test *t = *state;
    sub_create(t, "");
    sub_publish(t, "m", 1, 3, NULL);
    bw_reader *reader = sub_reader(t, (bw_read_request){.drain = true});
    assert_string_equal(sub_next(t, reader), "m1 m2 m3");
    int64_t until = now() + 12 * BW_SECOND;
    while (now() < until) {
        assert_int_equal(sub_available(t), 0);
        assert_ok(bw_wait_until(NULL, bw_clock_system(), now() + BW_SECOND / 2, &t->err), t->err);
    }
    t->class->reader_close(reader);
    int64_t closed = now();
    assert_string_equal(sub_drain(t, (bw_read_request){.unsettled = 1}), "m1 m2 m3 | ");
    assert_true(now() - closed > 2 * BW_SECOND);
}

/* A run that failed leaves its batch and its leases to the next one, however long that takes: nothing
   is delivered again, so no delivery attempt is spent. */
static void test_what_a_failed_run_held_is_kept_for_the_next(void **state)
{
    sub_test *t = *state;
    bw_kept kept = {.what = NULL};
    sub_open(t, ", wait: 300ms");
    t->class->close(t->source);
    t->env.kept = &kept;
    assert_ok(t->class->open(t->class, bw_config_find(t->config, "sources", "s"), &t->env,
                             &t->source, &t->err),
              t->err);
    sub_create(t, "");
    sub_publish(t, "m", 1, 3, NULL);
    bw_reader *reader = sub_reader(t, (bw_read_request){.drain = true});
    assert_string_equal(sub_next(t, reader), "m1 m2 m3");
    t->class->reader_close(reader);
    assert_non_null(kept.what);
    t->class->close(t->source); /* the run's source goes with it */
    assert_ok(t->class->open(t->class, bw_config_find(t->config, "sources", "s"), &t->env,
                             &t->source, &t->err),
              t->err);
    int64_t until = now() + 12 * BW_SECOND;
    while (now() < until) {
        assert_int_equal(sub_available(t), 0);
        assert_ok(bw_wait_until(NULL, bw_clock_system(), now() + BW_SECOND / 2, &t->err), t->err);
    }
    sub_publish(t, "n", 1, 1, NULL);
    assert_string_equal(sub_drain(t, (bw_read_request){.unsettled = 1}), "m1 m2 m3 | n1 | ");
    assert_null(kept.what);
    assert_true(backlog(t) == 0);

    /* Nobody comes any more: nobody is waited for. */
    sub_publish(t, "o", 1, 1, NULL);
    reader = sub_reader(t, (bw_read_request){.drain = true});
    assert_string_equal(sub_next(t, reader), "o1");
    t->class->reader_close(reader);
    bw_kept_drop(&kept);
    assert_null(kept.what);
}

/* The answer to a pull is lost: its messages are leased to nobody, and the stream that looks empty
   meanwhile is not taken for empty. */
static void test_a_lost_answer_is_waited_for(void **state)
{
    sub_test *t = *state;
    sub_create(t, "");
    sub_publish(t, "m", 1, 3, NULL);
    assert_int_equal(
        bw_test_http_json(t->http, "POST", "/sandbox/faults",
                          "{\"faults\":[\"pubsub.projects.subscriptions.pull:cut-after:1:1\"]}"),
        200);
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "m1 m2 m3 | ");
}

static void *yield_later(void *arg)
{
    bw_error err = BW_ERROR_INIT;
    if (bw_wait_until(NULL, bw_clock_system(), now() + BW_SECOND / 2, &err) == BW_OK)
        bw_cancel_raise(arg);
    return NULL;
}

/* What a held pull was just handing out when it was broken off comes again after its deadline: until
   then the next run, which the first has told of it, does not say that nothing is there. */
static void test_a_pull_that_was_broken_off_is_waited_for(void **state)
{
    sub_test *t = *state;
    bw_kept kept = {.what = NULL};
    bw_cancel yield;
    bw_cancel_init(&yield);
    t->class->close(t->source);
    t->env.kept = &kept;
    t->env.yield = &yield;
    assert_ok(t->class->open(t->class, bw_config_find(t->config, "sources", "s"), &t->env,
                             &t->source, &t->err),
              t->err);
    sub_create(t, "");
    bw_reader *reader = sub_reader(t, (bw_read_request){0});
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, yield_later, &yield), 0);
    assert_null(sub_next(t, reader));
    int64_t broken = now();
    pthread_join(thread, NULL);
    t->class->reader_close(reader);
    bw_cancel_reset(&yield);
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "");
    assert_true(now() - broken > 9 * BW_SECOND);
    assert_null(kept.what);
    t->class->close(t->source);
    t->source = NULL;
    bw_cancel_fini(&yield);
}

static void test_a_settled_run_does_not_wait(void **state)
{
    sub_test *t = *state;
    sub_create(t, "");
    int64_t began = now();
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "");
    assert_true(now() - began < 5 * BW_SECOND);
}

static void *raise_later(void *arg)
{
    sub_test *t = arg;
    bw_error err = BW_ERROR_INIT;
    if (bw_wait_until(NULL, bw_clock_system(), now() + BW_SECOND / 2, &err) == BW_OK)
        bw_cancel_raise(&t->cancel);
    return NULL;
}

static void test_a_cancel_ends_a_held_pull(void **state)
{
    sub_test *t = *state;
    sub_create(t, "");
    bw_reader *reader = sub_reader(t, (bw_read_request){0});
    pthread_t thread;
    bool more;
    bw_batch_plan plan;
    int64_t began = now();
    assert_int_equal(pthread_create(&thread, NULL, raise_later, t), 0);
    assert_int_equal(t->class->reader_next(reader, &more, &plan, &t->err), BW_CANCELLED);
    t->class->reader_close(reader);
    assert_true(now() - began < 5 * BW_SECOND);
    pthread_join(thread, NULL);
}

static void test_a_cancelled_run_gives_its_messages_back(void **state)
{
    sub_test *t = *state;
    sub_create(t, "");
    sub_publish(t, "m", 1, 3, NULL);
    bw_reader *reader = sub_reader(t, (bw_read_request){.drain = true});
    assert_string_equal(sub_next(t, reader), "m1 m2 m3");
    assert_int_equal(sub_available(t), 0);
    bw_cancel_raise(&t->cancel);
    t->class->reader_close(reader);
    bw_cancel_reset(&t->cancel);
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "m1 m2 m3 | ");
}

/* A committed batch is acknowledged, whatever becomes of the run. */
static void test_a_cancel_does_not_keep_from_acknowledging(void **state)
{
    sub_test *t = *state;
    sub_create(t, "");
    sub_publish(t, "m", 1, 3, NULL);
    bw_reader *reader = sub_reader(t, (bw_read_request){.drain = true});
    assert_string_equal(sub_next(t, reader), "m1 m2 m3");
    assert_true(backlog(t) == 3);
    bw_cancel_raise(&t->cancel);
    sub_ack(t, reader);
    t->class->reader_close(reader);
    bw_cancel_reset(&t->cancel);
    assert_true(backlog(t) == 0);
}

/* Going back must not acknowledge what has not been read: the stream is read to its end before. */
static void test_a_resync_loses_nothing(void **state)
{
    sub_test *t = *state;
    sub_create(t, ",\"retainAckedMessages\":true");
    sub_publish(t, "old", 1, 2, NULL);
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "old1 old2 | ");
    sub_publish(t, "new", 1, 2, NULL);
    bw_read_request since = {.kind = BW_READ_SINCE,
                             .since_us = bw_wall_us(bw_clock_system()) - BW_HOUR};
    assert_string_equal(sub_drain(t, since), "new1 new2 | old1 old2 new1 new2 | ");
    /* A time from which on there is nothing yet: what waits is read all the same. */
    sub_publish(t, "last", 1, 1, NULL);
    since.since_us = bw_wall_us(bw_clock_system()) + BW_HOUR;
    const char *rows = sub_drain(t, since);
    assert_memory_equal(rows, "last1 | ", 8);
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "");
}

static void test_a_full_resync_reads_what_is_kept(void **state)
{
    sub_test *t = *state;
    sub_create(t, ",\"retainAckedMessages\":true");
    sub_publish(t, "old", 1, 2, NULL);
    assert_string_equal(sub_drain(t, (bw_read_request){0}), "old1 old2 | ");
    sub_publish(t, "new", 1, 1, NULL);
    assert_string_equal(sub_drain(t, (bw_read_request){.kind = BW_READ_FULL}), "old1 old2 new1 | ");
}

static void test_a_stream_tells_its_state(void **state)
{
    sub_test *t = *state;
    bw_stream_status status;
    sub_create(t, ",\"retainAckedMessages\":true,\"messageRetentionDuration\":\"86400s\"");
    sub_publish(t, "m", 1, 4, NULL);
    assert_ok(t->class->stream(t->source, &t->spec, &t->arena, &status, &t->err), t->err);
    char topic[64];
    snprintf(topic, sizeof topic, "projects/p/topics/%s", t->topic);
    assert_string_equal(status.topic, topic);
    assert_true(status.ack_deadline_us == 10 * BW_SECOND);
    assert_true(status.retention_us == BW_DAY && status.retains_acked);
    assert_int_equal(status.n_warnings, 0);
    assert_true(status.backlog == 4);
    assert_true(status.oldest_unacked_s >= 0 && status.oldest_unacked_s < 60);
    assert_true(status.backlog_at_us > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUB_TEST(test_a_subscription_is_described),
        SUB_TEST(test_what_cannot_be_read),
        SUB_TEST(test_batches_end_with_an_empty_stream),
        SUB_TEST(test_batches_are_bounded),
        SUB_TEST(test_a_batch_waits_for_more),
        SUB_TEST(test_order_within_a_key),
        SUB_TEST(test_leases_live_as_long_as_the_batch),
        SUB_TEST(test_what_a_failed_run_held_is_kept_for_the_next),
        SUB_TEST(test_a_lost_answer_is_waited_for),
        SUB_TEST(test_a_pull_that_was_broken_off_is_waited_for),
        SUB_TEST(test_a_settled_run_does_not_wait),
        SUB_TEST(test_a_cancel_ends_a_held_pull),
        SUB_TEST(test_a_cancelled_run_gives_its_messages_back),
        SUB_TEST(test_a_cancel_does_not_keep_from_acknowledging),
        SUB_TEST(test_a_resync_loses_nothing),
        SUB_TEST(test_a_full_resync_reads_what_is_kept),
        SUB_TEST(test_a_stream_tells_its_state),
    };
    return cmocka_run_group_tests(tests, sub_group_setup, sub_group_teardown);
}
