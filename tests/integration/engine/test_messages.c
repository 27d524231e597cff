/* A subscription as a log: mode append brings each message into BigQuery once, whatever is delivered
   again and whatever fails in between. */
#include "tests/integration/engine/lab.h"

#include "backend/model/value.h"

#define SOURCE "  stream: {type: pubsub, wait: 200ms}\n"

/* A topic and a subscription of the test's name, with the shortest deadline there is. */
static void begin(lab *l, const char *more)
{
    char *topic = bw_xasprintf("/v1/projects/p/topics/log-%s", l->name);
    char *sub = bw_xasprintf("/v1/projects/p/subscriptions/log-%s", l->name);
    assert_int_equal(bw_test_http_json(l->http, "PUT", topic, "{}"), 200);
    assert_int_equal(
        bw_test_http_json(l->http, "PUT", sub,
                          "{\"topic\":\"projects/p/topics/log-%s\",\"ackDeadlineSeconds\":10%s}",
                          l->name, more),
        200);
    char *sync =
        bw_xasprintf("  - {source: stream, table: log-%s, name: log, target: log, mode: append,"
                     " schedule: manual}\n",
                     l->name);
    l->sources = SOURCE;
    lab_configure(l, NULL, sync);
    lab_start(l);
    free(sync);
    free(topic);
    free(sub);
}

static void publish(lab *l, int from, int to)
{
    bw_buf body = BW_BUF_INIT;
    for (int i = from; i <= to; i++) {
        char data[16];
        snprintf(data, sizeof data, "%03d", i);
        bw_buf_addf(&body, "%s{\"attributes\":{\"n\":\"%d\"},\"data\":\"", i > from ? "," : "", i);
        bw_base64_encode(&body, data, strlen(data));
        bw_buf_adds(&body, "\"}");
    }
    char *path = bw_xasprintf("/v1/projects/p/topics/log-%s:publish", l->name);
    assert_int_equal(
        bw_test_http_json(l->http, "POST", path, "{\"messages\":[%s]}", bw_buf_cstr(&body)), 200);
    bw_buf_fini(&body);
    free(path);
}

/* The target's rows as "rows, messages, first and last". */
static const char *summary(lab *l)
{
    return lab_table(
        l,
        "COUNT(*), COUNT(DISTINCT message_id), MIN(SAFE_CONVERT_BYTES_TO_STRING(data)),"
        " MAX(SAFE_CONVERT_BYTES_TO_STRING(data))",
        "log");
}

static void brings_each_message_once(void **state)
{
    lab *l = *state;
    begin(l, "");
    publish(l, 1, 20);
    assert_runs(l, "log");
    assert_string_equal(summary(l), "20|20|001|020\n");
    assert_table(l, "COUNT(DISTINCT JSON_VALUE(attributes, '$.n'))", "log", "20\n");
    publish(l, 21, 25);
    assert_runs(l, "log");
    assert_string_equal(summary(l), "25|25|001|025\n");
    bw_sync_record record = lab_record(l, "log");
    assert_true(record.rows_total == 25);
    assert_non_null(strstr(record.checkpoint, "\"to\":"));
    assert_true(bw_wall_us(bw_clock_system()) - record.watermark_us < 30 * BW_SECOND);
    /* An empty run moves the watermark, and asks BigQuery for nothing but the table. */
    lab_forget_requests(l);
    assert_runs(l, "log");
    assert_true(lab_record(l, "log").watermark_us > record.watermark_us);
    assert_int_equal(lab_requests(l, "bigquery.jobs.*"), 0);
    assert_int_equal(lab_requests(l, "bigquery.upload.*"), 0);
}

/* The batch is committed, the acknowledgement is not taken: everything comes again, with another
   delivery attempt, and is known. */
static void knows_what_is_delivered_again(void **state)
{
    lab *l = *state;
    char *dead = bw_xasprintf("/v1/projects/p/topics/log-%s-dead", l->name);
    assert_int_equal(bw_test_http_json(l->http, "PUT", dead, "{}"), 200);
    char *more =
        bw_xasprintf(",\"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/p/topics/log-%s-dead"
                     "\",\"maxDeliveryAttempts\":50}",
                     l->name);
    begin(l, more);
    publish(l, 1, 20);
    lab_fault(l, "pubsub.projects.subscriptions.acknowledge:403");
    assert_runs(l, "log");
    assert_string_equal(summary(l), "20|20|001|020\n");
    lab_no_faults(l);
    publish(l, 21, 21);
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    while (lab_record(l, "log").rows_present < 20) {
        assert_true(bw_mono_us(bw_clock_system()) < deadline);
        assert_runs(l, "log");
    }
    assert_string_equal(summary(l), "21|21|001|021\n");
    assert_int_equal(lab_record(l, "log").rows_total, 21);
    assert_table(l, "MAX(delivery_attempt)", "log", "1\n");
    free(more);
    free(dead);
}

/* The run fails with the messages in hand: nothing is lost, and the next run does not take a
   subscription that only looks empty for one. */
static void brings_what_a_failed_run_held(void **state)
{
    lab *l = *state;
    begin(l, "");
    publish(l, 1, 5);
    lab_fault(l, "bigquery.job.query:403/accessDenied:1:1");
    assert_false(lab_run(l, "log"));
    publish(l, 6, 8);
    lab_fault(l, "bigquery.upload.*:403/accessDenied:1:1");
    assert_false(lab_run(l, "log"));
    assert_runs(l, "log");
    assert_string_equal(summary(l), "8|8|001|008\n");
    assert_true(lab_record(l, "log").watermark_us != BW_TIME_NONE);
}

/* While the destination fails, whatever it fails at, the messages stay in hand: pulling stops, their
   leases are extended beyond any deadline, and none spends a delivery. */
static void an_outage_spends_no_delivery(void **state)
{
    lab *l = *state;
    static const char *const faults[] = {"bigquery.upload.*:403/accessDenied",
                                         "bigquery.job.query:403/accessDenied",
                                         "bigquery.tables.get:403/accessDenied"};
    char *dead = bw_xasprintf("/v1/projects/p/topics/log-%s-dead", l->name);
    assert_int_equal(bw_test_http_json(l->http, "PUT", dead, "{}"), 200);
    char *more =
        bw_xasprintf(",\"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/p/topics/log-%s-dead"
                     "\",\"maxDeliveryAttempts\":5}",
                     l->name);
    begin(l, more);
    publish(l, 1, 20);
    int64_t until = bw_mono_us(bw_clock_system()) + 25 * BW_SECOND; /* the deadline is 10 s */
    lab_fault(l, faults[0]);
    for (size_t i = 1; bw_mono_us(bw_clock_system()) < until; i++) {
        assert_false(lab_run(l, "log"));
        lab_no_faults(l);
        lab_fault(l, faults[i % BW_COUNT(faults)]);
        assert_ok(bw_wait_until(NULL, bw_clock_system(),
                                bw_mono_us(bw_clock_system()) + BW_SECOND / 4, &l->err),
                  l->err);
    }
    publish(l, 21, 21);
    lab_no_faults(l);
    assert_runs(l, "log");
    assert_string_equal(summary(l), "21|21|001|021\n");
    assert_table(l, "MIN(delivery_attempt), MAX(delivery_attempt)", "log", "1|1\n");
    free(more);
    free(dead);
}

/* How many of its messages the subscription hands to somebody else, by and by. */
static size_t others_receive(lab *l, size_t wanted)
{
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    char *path = bw_xasprintf("/v1/projects/p/subscriptions/log-%s:pull", l->name);
    size_t got = 0;
    while (got < wanted && bw_mono_us(bw_clock_system()) < deadline) {
        assert_int_equal(bw_test_http_json(l->http, "POST", path, "{\"maxMessages\":100}"), 200);
        for (const char *p = bw_test_http_body(l->http); (p = strstr(p, "\"ackId\"")); p++)
            got++;
    }
    free(path);
    return got;
}

/* Who pauses a sync that fails wants nothing of it to be kept from other readers. */
static void a_pause_lets_go(void **state)
{
    lab *l = *state;
    const char *sync = "log";
    begin(l, "");
    publish(l, 1, 3);
    lab_fault(l, "bigquery.job.query:403/accessDenied");
    assert_false(lab_run(l, "log"));
    assert_true(lab_do(l, (bw_command){.kind = BW_COMMAND_PAUSE, .syncs = &sync, .n_syncs = 1}));
    assert_int_equal(others_receive(l, 3), 3);
    lab_no_faults(l);
}

static void goes_back_without_doubling(void **state)
{
    lab *l = *state;
    begin(l, ",\"retainAckedMessages\":true");
    publish(l, 1, 10);
    assert_runs(l, "log");
    publish(l, 11, 12);
    const char *sync = "log";
    assert_true(lab_do(l, (bw_command){.kind = BW_COMMAND_SINCE,
                                       .syncs = &sync,
                                       .n_syncs = 1,
                                       .since_us = bw_wall_us(bw_clock_system()) - BW_HOUR}));
    assert_string_equal(summary(l), "12|12|001|012\n");
    assert_true(lab_run_kind(l, "log", BW_COMMAND_FULL));
    assert_string_equal(summary(l), "12|12|001|012\n");
    assert_runs(l, "log");
    assert_string_equal(summary(l), "12|12|001|012\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(brings_each_message_once),
        LAB_TEST(an_outage_spends_no_delivery),
        LAB_TEST(knows_what_is_delivered_again),
        LAB_TEST(brings_what_a_failed_run_held),
        LAB_TEST(a_pause_lets_go),
        LAB_TEST(goes_back_without_doubling),
    };
    LAB_MAIN(tests);
}
