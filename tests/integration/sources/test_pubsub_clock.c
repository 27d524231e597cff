/* The watermark of a subscription is in the service's time, as far as its answers tell it. */
#include "tests/integration/sources/subscription.h"

#include "tests/support/wire_server.h"

/* 2026-11-20T08:37:00Z by this machine; the service is ten minutes ahead, then no more. */
#define HERE INT64_C(1795163820000000)

#define AT(date, body)                                                                      \
    {                                                                                       \
        .reply = "HTTP/1.1 200 OK\r\nDate: Fri, 20 Nov 2026 " date " GMT\r\nContent-Type: " \
                 "application/json\r\nContent-Length: @\r\n\r\n" body                       \
    }

static int64_t wall(const bw_clock *clock)
{
    (void)clock;
    return HERE;
}

static int64_t mono(const bw_clock *clock)
{
    (void)clock;
    return bw_mono_us(bw_clock_system());
}

static int64_t next_watermark(const bw_source_class *class, bw_reader *reader)
{
    bw_error err = BW_ERROR_INIT;
    bw_batch_plan plan;
    bw_batch_end end;
    bw_chunk chunk;
    bool more, over;
    bw_chunk_init(&chunk);
    bw_chunk_reset(&chunk, BW_MESSAGE_COLUMNS);
    assert_ok(class->reader_next(reader, &more, &plan, &err), err);
    assert_true(more);
    assert_ok(class->reader_fetch(reader, &chunk, &over, &err), err);
    assert_true(over);
    assert_int_equal(chunk.rows, 0);
    class->reader_end(reader, &end);
    assert_ok(class->reader_ack(reader, end.position, &err), err);
    bw_chunk_fini(&chunk);
    return end.watermark_us;
}

static void test_the_watermark_is_in_the_services_time(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        AT("08:47:00", "{\"topic\":\"projects/p/topics/t\",\"ackDeadlineSeconds\":10}"),
        AT("08:47:00", "{}"),
        AT("08:37:01", "{}"),
        AT("08:37:00", "{}"),
    };
    static const bw_clock clock = {wall, mono};
    bw_wire_server *server = bw_wire_start(steps, BW_COUNT(steps));
    const bw_source_class *class = bw_source_find("pubsub");
    bw_error err = BW_ERROR_INIT;
    bw_google *google;
    bw_google_options options = {
        .project = "p", .credentials = "none", .pubsub = bw_wire_url(server)};
    assert_ok(bw_google_new(&options, &google, &err), err);
    bw_config *config = sub_config("", &err);
    bw_source_env env = {.clock = &clock, .subject = "test", .google = google};
    bw_source *source;
    bw_reader *reader;
    bw_table_spec spec = spec_of("s");
    bw_read_request request = {.mode = BW_MODE_APPEND};
    assert_ok(class->open(class, bw_config_find(config, "sources", "s"), &env, &source, &err), err);
    assert_ok(class->reader_open(source, &spec, NULL, &request, &reader, &err), err);
    assert_true(next_watermark(class, reader) == HERE + 10 * BW_MINUTE);
    assert_true(next_watermark(class, reader) == HERE + 10 * BW_MINUTE);
    assert_true(next_watermark(class, reader) == HERE); /* a second is no difference */
    class->reader_close(reader);
    class->close(source);
    assert_int_equal(bw_wire_count(server), BW_COUNT(steps));
    bw_config_free(config);
    bw_google_free(google);
    bw_wire_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_watermark_is_in_the_services_time),
    };
    return BW_RUN_TESTS(tests);
}
