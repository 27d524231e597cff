/* The Datastore driver against answers that no Datastore gives: an error that says so, never a row. */
#include "tests/integration/sources/reading.h"

#include "tests/support/wire_server.h"

#define JSON(body)                             \
    {                                          \
        .reply = BW_WIRE_REPLY("200 OK", body) \
    }
#define CLOCK                                                                                \
    JSON("{\"missing\":[{\"entity\":{\"key\":{\"path\":[{\"kind\":\"bridgewatch\",\"name\":" \
         "\"clock\"}]}},\"version\":\"1\"}],\"readTime\":\"2026-11-20T08:37:00Z\"}")
#define BATCH(results, more, cursor)                                      \
    "{\"batch\":{\"entityResults\":[" results "],\"moreResults\":\"" more \
    "\",\"endCursor\":\"" cursor "\",\"readTime\":\"2026-11-20T08:37:00Z\"}}"
#define ENTITY(key, properties) \
    "{\"entity\":{\"key\":{\"path\":[" key "]},\"properties\":{" properties "}}}"
#define K1      "{\"kind\":\"K\",\"id\":\"1\"}"
#define N1      "\"n\":{\"integerValue\":\"1\"}"
#define NOTHING JSON(BATCH("", "NO_MORE_RESULTS", ""))
#define COUNT                                                                        \
    JSON("{\"batch\":{\"aggregationResults\":[{\"aggregateProperties\":{\"count\":{" \
         "\"integerValue\":\"1\"}}}]}}")
/* What describing a kind asks: the sample, the statistics, the count. */
#define SAMPLE JSON(BATCH(ENTITY(K1, N1), "NO_MORE_RESULTS", "")), NOTHING, COUNT

typedef struct lab {
    bw_wire_server *server;
    bw_google *google;
    opened *o;
    bw_error err;
} lab;

static bw_status begin(lab *l, const bw_wire_step *steps, size_t n)
{
    *l = (lab){.server = bw_wire_start(steps, n)};
    bw_google_options options = {
        .project = "p", .credentials = "none", .datastore = bw_wire_url(l->server)};
    assert_ok(bw_google_new(&options, &l->google, &l->err), l->err);
    return try_open_kind(&l->o, "datastore", l->google, "sample: 10", "test", &l->err);
}

static void end(lab *l)
{
    close_source(l->o);
    bw_google_free(l->google);
    bw_wire_stop(l->server);
}

static void a_clock_without_time_is_none(void **state)
{
    (void)state;
    static const char *const replies[] = {"{\"missing\":[{\"entity\":{\"key\":{\"path\":[{\"kind\":"
                                          "\"bridgewatch\",\"name\":\"clock\"}"
                                          "]}}}]}",
                                          "{\"readTime\":\"2026-11-20T08:37:00Z\"}",
                                          "{}",
                                          "null",
                                          "<html>",
                                          "{\"found\":7,\"missing\":{}}"};
    for (size_t i = 0; i < BW_COUNT(replies); i++) {
        char reply[400];
        snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: @\r\n\r\n%s", replies[i]);
        bw_wire_step step = {.reply = reply};
        lab l;
        assert_int_equal(begin(&l, &step, 1), BW_UNAVAILABLE);
        assert_null(l.o->source);
        end(&l);
    }
}

static void a_sample_that_makes_no_sense_is_none(void **state)
{
    (void)state;
    static const bw_wire_step samples[] = {
        JSON("{}"),
        JSON("{\"batch\":[]}"),
        JSON("{\"batch\":{\"moreResults\":\"NO_MORE_RESULTS\",\"entityResults\":[1]}}"),
        JSON("{\"batch\":{\"moreResults\":3}}"),
        JSON(BATCH("", "NOT_FINISHED", "")),
        JSON("{\"batch\":{\"moreResults\":\"NO_MORE_RESULTS\"},\"x\":"),
    };
    for (size_t i = 0; i < BW_COUNT(samples); i++) {
        const bw_wire_step steps[] = {CLOCK, samples[i]};
        bw_table_spec spec = spec_of("K");
        bw_table_info info;
        lab l;
        assert_ok(begin(&l, steps, BW_COUNT(steps)), l.err);
        if (l.o->class->describe(l.o->source, &spec, &l.o->arena, &info, &l.err) != BW_UNAVAILABLE)
            fail_msg("sample %zu: %s", i, l.err.message);
        assert_true(l.err.retryable);
        end(&l);
    }
}

static const struct {
    bw_wire_step page;
    size_t rows, rejected; /* BW_OK with so many, or UNAVAILABLE when none */
} pages[] = {
    {JSON(BATCH(ENTITY(K1, N1), "NO_MORE_RESULTS", "")), 1, 0},
    {JSON(BATCH(ENTITY(K1, "\"n\":7"), "NO_MORE_RESULTS", "")), 0, 1},
    {JSON(BATCH(ENTITY(K1, "\"n\":{\"integerValue\":\"1\"},\"n\":{\"integerValue\":\"2\"}"),
                "NO_MORE_RESULTS", "")),
     0, 1},
    {JSON(BATCH(ENTITY(K1, "\"q\":{\"arrayValue\":{\"values\":[{\"arrayValue\":{}}]}}"),
                "NO_MORE_RESULTS", "")),
     0, 1},
    {JSON(BATCH(ENTITY(K1, "\"n\":{\"integerValue\":\"99999999999999999999\"}"), "NO_MORE_RESULTS",
                "")),
     0, 1},
    {JSON(BATCH("{\"entity\":{\"key\":{\"path\":[" K1 "]},\"properties\":[]}}", "NO_MORE_RESULTS",
                "")),
     0, 1},
    {JSON(BATCH("{\"entity\":{\"key\":{\"path\":[" K1 "]}}}", "NO_MORE_RESULTS", "")), 1, 0},
    {JSON(BATCH(ENTITY("{\"kind\":\"K\"}", N1), "NO_MORE_RESULTS", "")), 0, 0},
    {JSON(BATCH("{\"entity\":{}}", "NO_MORE_RESULTS", "")), 0, 0},
    {JSON(BATCH(ENTITY(K1, N1), "NOT_FINISHED", "")), 0, 0},
};

static void pages_are_rows_dead_letters_or_no_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < BW_COUNT(pages); i++) {
        const bw_wire_step steps[] = {CLOCK, SAMPLE, CLOCK, pages[i].page};
        bw_table_spec spec = spec_of("K");
        bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
        taken t = {0};
        lab l;
        assert_ok(begin(&l, steps, BW_COUNT(steps)), l.err);
        bw_table_info info = describe(l.o, &spec);
        bw_status status = try_take(l.o, &spec, &info, &request, 1, &t, &l.err);
        bool taken_rows = pages[i].rows + pages[i].rejected > 0;
        if (status != (taken_rows ? BW_OK : BW_UNAVAILABLE) || t.n_rows != pages[i].rows ||
            t.n_rejected != pages[i].rejected)
            fail_msg("page %zu: %zu rows, %zu rejected, %s", i, t.n_rows, t.n_rejected,
                     status == BW_OK ? "ok" : l.err.message);
        taken_free(&t);
        end(&l);
    }
}

static void refusals_keep_their_words(void **state)
{
    (void)state;
    static const struct {
        bw_wire_step step;
        bw_status status;
        const char *words;
    } refusals[] = {
        {{.reply = BW_WIRE_REPLY("403 No", "{\"error\":{\"message\":\"Missing permission.\","
                                           "\"status\":\"PERMISSION_DENIED\"}}")},
         BW_DENIED,
         "Missing permission."},
        {{.reply = BW_WIRE_REPLY("404 No", "{\"error\":{\"message\":\"no such database d\","
                                           "\"status\":\"NOT_FOUND\"}}")},
         BW_NOT_FOUND,
         "no such database d"},
        {{.reply = BW_WIRE_REPLY("400 No", "{\"error\":{\"message\":\"no matching index found\","
                                           "\"status\":\"FAILED_PRECONDITION\"}}")},
         BW_INVALID,
         "no matching index found"},
    };
    for (size_t i = 0; i < BW_COUNT(refusals); i++) {
        lab l;
        assert_int_equal(begin(&l, &refusals[i].step, 1), refusals[i].status);
        assert_non_null(strstr(l.err.message, refusals[i].words));
        end(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_without_time_is_none),
        cmocka_unit_test(a_sample_that_makes_no_sense_is_none),
        cmocka_unit_test(pages_are_rows_dead_letters_or_no_answers),
        cmocka_unit_test(refusals_keep_their_words),
    };
    return BW_RUN_TESTS(tests);
}
