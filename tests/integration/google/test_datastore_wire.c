/* The Datastore client against answers written out by the test: what is sent, what is repeated and
   what is not, and answers that make no sense. */
#include "tests/support/test.h"

#include <stdio.h>

#include "backend/google/datastore.h"
#include "backend/google/entity.h"
#include "tests/support/wire_server.h"

#define OK_JSON(body)                          \
    {                                          \
        .reply = BW_WIRE_REPLY("200 OK", body) \
    }
#define LOST                   \
    {                          \
        .after = BW_WIRE_CLOSE \
    }
#define REFUSED(status_line, status)                                                     \
    {                                                                                    \
        .reply = BW_WIRE_REPLY(status_line, "{\"error\":{\"code\":1,\"message\":\"no\"," \
                                            "\"status\":\"" status "\"}}")               \
    }

#define KEY(name) "{\"path\":[{\"kind\":\"K\",\"name\":\"" name "\"}]}"
#define OUR_KEY(name)                                                   \
    "{\"partitionId\":{\"projectId\":\"p\"},\"path\":[{\"kind\":\"K\"," \
    "\"name\":\"" name "\"}]}"
#define FOUND(name, version, properties)                                                           \
    "{\"entity\":{\"key\":" OUR_KEY(name) ",\"properties\":" properties "},\"version\":\"" version \
                                          "\",\"updateTime\":\"1970-01-01T00:00:01Z\"}"
#define MISSING(name, version) \
    "{\"entity\":{\"key\":" OUR_KEY(name) "},\"version\":\"" version "\"}"

typedef struct fixture {
    bw_wire_server *server;
    bw_google *google;
    bw_datastore *ds;
    bw_arena arena;
    bw_error err;
} fixture;

static void begin_in(fixture *f, const char *database, const bw_wire_step *steps, size_t n)
{
    *f = (fixture){.server = bw_wire_start(steps, n)};
    bw_google_options options = {
        .project = "p", .credentials = "none", .datastore = bw_wire_url(f->server)};
    assert_ok(bw_google_new(&options, &f->google, &f->err), f->err);
    f->ds = bw_datastore_new(f->google, NULL, database, bw_clock_system(), NULL);
    bw_datastore_set_deadline(f->ds, 60 * BW_SECOND);
}

static void begin(fixture *f, const bw_wire_step *steps, size_t n)
{
    begin_in(f, NULL, steps, n);
}

static void end(fixture *f, size_t requests)
{
    assert_int_equal(bw_wire_count(f->server), requests);
    bw_datastore_free(f->ds);
    bw_google_free(f->google);
    bw_wire_stop(f->server);
    bw_arena_fini(&f->arena);
}

static void assert_sent(fixture *f, size_t index, const char *line, const char *body)
{
    const char *request = bw_wire_request(f->server, index);
    if (strncmp(request, line, strlen(line)) != 0)
        fail_msg("%s", request);
    assert_string_equal(strstr(request, "\r\n\r\n") + 4, body);
}

static void keys_of(bw_slice *keys, const char *a, const char *b, const char *c)
{
    keys[0] = bw_slice_cstr(a);
    keys[1] = bw_slice_cstr(b);
    keys[2] = bw_slice_cstr(c);
}

/* ---- lookup ----------------------------------------------------------------------------- */

static void test_results_stand_in_the_order_of_the_keys(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        LOST,
        OK_JSON("{\"found\":[" FOUND(
            "c", "7",
            "{\"n\":{\"integerValue\":\"9007199254740993\"}}") "],"
                                                               "\"missing\":[" MISSING(
                                                                   "a",
                                                                   "9") "],\"deferred\":"
                                                                        "[" OUR_KEY("b") "],"
                                                                                         "\"tra"
                                                                                         "nsact"
                                                                                         "ion\""
                                                                                         ":\"dH"
                                                                                         "g=\","
                                                                                         "\"rea"
                                                                                         "dTime"
                                                                                         "\":"
                                                                                         "\"197"
                                                                                         "0-01-"
                                                                                         "01T00"
                                                                                         ":00:"
                                                                                         "02Z\""
                                                                                         "}"),
        OK_JSON("{\"found\":[" FOUND("b", "9223372036854775807", "{}") "]}")};
    fixture f;
    bw_slice keys[3];
    bw_datastore_answer answer;
    begin_in(&f, "d", steps, BW_COUNT(steps));
    keys_of(keys, KEY("a"), KEY("b"), KEY("c"));
    bw_datastore_read read = {.begin = true, .previous = BW_SLICE_LIT("b2xk")};
    assert_ok(bw_datastore_lookup(f.ds, keys, 3, &read, &f.arena, &answer, &f.err), f.err);
    assert_int_equal(answer.count, 3);
    assert_false(answer.results[0].found);
    assert_int_equal(answer.results[0].version, 9);
    assert_true(answer.results[1].found);
    assert_int_equal(answer.results[1].version, INT64_MAX);
    assert_int_equal(answer.results[2].version, 7);
    assert_int_equal(answer.results[2].update_us, BW_SECOND);
    assert_int_equal(answer.results[2].create_us, BW_TIME_NONE);
    assert_non_null(strstr(bw_wire_request(f.server, 1),
                           "x-goog-request-params: project_id=p&database_id=d\r\n"));
    assert_true(bw_slice_is(answer.transaction, "dHg="));
    bw_slice n = bw_entity_value(answer.results[2].entity, "n");
    assert_true(bw_slice_is(n, "{\"integerValue\":\"9007199254740993\"}"));
    assert_sent(&f, 1, "POST /v1/projects/p:lookup HTTP",
                "{\"databaseId\":\"d\",\"keys\":[" KEY("a") "," KEY("b") "," KEY(
                    "c") "],"
                         "\"readOptions\":{\"newTransaction\":{\"readWrite\":{"
                         "\"previousTransaction\":\"b2xk\"}}}}");
    assert_sent(
        &f, 2, "POST /v1/projects/p:lookup HTTP",
        "{\"databaseId\":\"d\",\"keys\":[" KEY("b") "],"
                                                    "\"readOptions\":{\"transaction\":\"dHg=\"}}");
    end(&f, 3);
}

static void test_a_key_that_occurs_twice_is_asked_once(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {OK_JSON("{\"found\":[" FOUND("a", "1", "{}") "]}")};
    fixture f;
    bw_slice keys[3];
    bw_datastore_answer answer;
    begin_in(&f, "(default)", steps, BW_COUNT(steps));
    keys_of(keys, KEY("a"), OUR_KEY("a"), KEY("a"));
    assert_ok(bw_datastore_lookup(f.ds, keys, 3, NULL, &f.arena, &answer, &f.err), f.err);
    for (int i = 0; i < 3; i++)
        assert_int_equal(answer.results[i].version, 1);
    const char *first = strstr(bw_wire_request(f.server, 0), "\"kind\"");
    assert_null(strstr(bw_wire_request(f.server, 0), "atabase"));
    assert_null(strstr(first + 1, "\"kind\""));
    end(&f, 1);
}

static const char *const nonsense[] = {
    "",
    "[]",
    "{",
    "{}",
    "{\"found\":[{}]}",
    "{\"found\":[1]}",
    "{\"found\":[" FOUND("other", "1", "{}") "]}",
    "{\"found\":[" FOUND("a", "1", "{}") "," FOUND("a", "2", "{}") "]}",
    "{\"deferred\":[" OUR_KEY("a") "]}",
    "{\"found\":[{\"entity\":{\"key\":{\"path\":[{\"kind\":\"K\"}]}}}]}",
};

static void test_answers_without_sense_are_no_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < BW_COUNT(nonsense); i++) {
        char reply[1024];
        snprintf(reply, sizeof(reply), "HTTP/1.1 200 OK\r\nContent-Length: @\r\n\r\n%s",
                 nonsense[i]);
        bw_wire_step step = {.reply = reply};
        fixture f;
        bw_slice key = BW_SLICE_LIT(KEY("a"));
        bw_datastore_answer answer;
        begin(&f, &step, 1);
        if (bw_datastore_lookup(f.ds, &key, 1, NULL, &f.arena, &answer, &f.err) != BW_UNAVAILABLE)
            fail_msg("%s is taken for an answer", nonsense[i]);
        end(&f, 1);
    }
}

/* ---- transactions ----------------------------------------------------------------------- */

static const bw_slice mutation = BW_SLICE_LIT("{\"delete\":" KEY("a") "}");
static const bw_datastore_commit in_transaction = {
    .transaction = {"dHg=", 4}, .mutations = &mutation, .count = 1};

static void test_a_commit_says_what_became_of_each_mutation(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        REFUSED("429 Slow down", "RESOURCE_EXHAUSTED"),
        OK_JSON("{\"mutationResults\":[{\"version\":\"12\",\"key\":" OUR_KEY(
            "a") "},"
                 "{\"version\":\"13\",\"conflictDetected\":true}],"
                 "\"commitTime\":\"1970-01-01T00:00:03Z\"}")};
    fixture f;
    bw_slice two[] = {mutation, mutation};
    bw_datastore_commit commit = {.mutations = two, .count = 2};
    bw_datastore_written *written;
    int64_t when;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_datastore_commit_send(f.ds, &commit, &f.arena, &written, &when, &f.err), f.err);
    assert_int_equal(written[0].version, 12);
    assert_false(written[0].conflict);
    assert_true(bw_slice_is(written[0].key, OUR_KEY("a")));
    assert_true(written[1].conflict);
    assert_int_equal(when, 3 * BW_SECOND);
    assert_sent(&f, 1, "POST /v1/projects/p:commit HTTP",
                "{\"mode\":\"NON_TRANSACTIONAL\",\"mutations\":[{\"delete\":" KEY(
                    "a") "},{\"delete\":" KEY("a") "}]}");
    end(&f, 2);
}

static const struct {
    bw_wire_step step;
    bw_status status;
    bool maybe_acted, retryable;
} outcomes[] = {
    {LOST, BW_UNAVAILABLE, true, true},
    {REFUSED("503 Later", "UNAVAILABLE"), BW_UNAVAILABLE, true, true},
    {REFUSED("409 Conflict", "ABORTED"), BW_CONFLICT, false, true},
    {REFUSED("409 Conflict", "ALREADY_EXISTS"), BW_EXISTS, false, false},
    {REFUSED("404 Not found", "NOT_FOUND"), BW_NOT_FOUND, false, false},
    {REFUSED("400 Bad", "FAILED_PRECONDITION"), BW_INVALID, false, false},
    {{.reply = BW_WIRE_REPLY("400 Bad", "{\"error\":{\"message\":\"The referenced transaction has "
                                        "expired or is no longer valid.\","
                                        "\"status\":\"INVALID_ARGUMENT\"}}")},
     BW_CONFLICT,
     false,
     true},
    {OK_JSON("{\"mutationResults\":[]}"), BW_UNAVAILABLE, true, true},
    {OK_JSON("{\"mutationResults\":[{},{}]}"), BW_UNAVAILABLE, true, true},
};

static void test_a_commit_is_not_sent_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < BW_COUNT(outcomes); i++) {
        fixture f;
        begin(&f, &outcomes[i].step, 1);
        bw_status s = bw_datastore_commit_send(f.ds, &in_transaction, &f.arena, NULL, NULL, &f.err);
        if (s != outcomes[i].status || f.err.maybe_acted != outcomes[i].maybe_acted ||
            f.err.retryable != outcomes[i].retryable)
            fail_msg("outcome %zu: %s", i, f.err.message);
        end(&f, 1);
    }
}

static void test_transactions_begin_and_end(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {OK_JSON("{\"transaction\":\"dHg=\"}"), OK_JSON("{}"),
                                         REFUSED("409 Conflict", "ABORTED"), OK_JSON("{}")};
    fixture f;
    bw_slice tx, key = BW_SLICE_LIT(KEY("a"));
    bw_datastore_answer answer;
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_datastore_begin(f.ds, BW_SLICE_LIT("b2xk"), &f.arena, &tx, &f.err), f.err);
    assert_true(bw_slice_is(tx, "dHg="));
    assert_ok(bw_datastore_rollback(f.ds, tx, &f.err), f.err);
    assert_sent(&f, 0, "POST /v1/projects/p:beginTransaction HTTP",
                "{\"transactionOptions\":{\"readWrite\":{\"previousTransaction\":\"b2xk\"}}}");
    assert_sent(&f, 1, "POST /v1/projects/p:rollback HTTP", "{\"transaction\":\"dHg=\"}");
    /* A read in a transaction that was aborted is not asked again either. */
    bw_datastore_read read = {.transaction = tx};
    assert_int_equal(bw_datastore_lookup(f.ds, &key, 1, &read, &f.arena, &answer, &f.err),
                     BW_CONFLICT);
    assert_int_equal(bw_datastore_begin(f.ds, (bw_slice){NULL, 0}, &f.arena, &tx, &f.err),
                     BW_UNAVAILABLE);
    end(&f, 4);
}

/* ---- queries ---------------------------------------------------------------------------- */

#define BATCH(results, more, cursor)                                      \
    "{\"batch\":{\"entityResults\":[" results "],\"moreResults\":\"" more \
    "\",\"endCursor\":\"" cursor "\",\"readTime\":\"1970-01-01T00:00:02Z\"}}"

static void test_a_walk_goes_on_until_nothing_is_left(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON(BATCH(FOUND("a", "1", "{}"), "NOT_FINISHED", "Yw==")),
        OK_JSON(BATCH("", "NOT_FINISHED", "ZA==")),
        OK_JSON(BATCH(FOUND("b", "2", "{}") "," FOUND("c", "3", "{}"), "MORE_RESULTS_AFTER_LIMIT",
                      "ZQ=="))};
    fixture f;
    bw_datastore_batch batch;
    bw_datastore_walk walk = {.query = {.namespace = "n",
                                        .query = BW_SLICE_LIT("{\"kind\":[{\"name\":\"K\"}]}"),
                                        .limit = 3},
                              .page = 2};
    begin(&f, steps, BW_COUNT(steps));
    size_t counts[3] = {1, 0, 2};
    for (int i = 0; i < 3; i++) {
        assert_false(walk.over);
        assert_ok(bw_datastore_walk_next(f.ds, &walk, &f.arena, &batch, &f.err), f.err);
        assert_int_equal(batch.count, counts[i]);
        assert_int_equal(batch.read_us, 2 * BW_SECOND);
    }
    assert_true(walk.over);
    assert_int_equal(walk.seen, 3);
    assert_sent(&f, 0, "POST /v1/projects/p:runQuery HTTP",
                "{\"partitionId\":{\"projectId\":\"p\",\"namespaceId\":\"n\"},"
                "\"query\":{\"kind\":[{\"name\":\"K\"}],\"limit\":2}}");
    assert_sent(&f, 2, "POST /v1/projects/p:runQuery HTTP",
                "{\"partitionId\":{\"projectId\":\"p\",\"namespaceId\":\"n\"},"
                "\"query\":{\"kind\":[{\"name\":\"K\"}],\"startCursor\":\"ZA==\",\"limit\":2}}");
    bw_datastore_walk_fini(&walk);
    end(&f, 3);
}

static void test_a_walk_that_does_not_move_ends(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON(BATCH("", "NOT_FINISHED", "Yw==")), OK_JSON(BATCH("", "NOT_FINISHED", "Yw==")),
        OK_JSON(BATCH(FOUND("a", "1", "{}") "," FOUND("b", "1", "{}"), "NO_MORE_RESULTS", "")),
        OK_JSON(BATCH("", "PERHAPS", "Yw==")), OK_JSON("{\"batch\":7}")};
    fixture f;
    bw_datastore_batch batch;
    bw_datastore_walk walk = {.query = {.query = BW_SLICE_LIT("{}")}, .page = 1};
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_datastore_walk_next(f.ds, &walk, &f.arena, &batch, &f.err), f.err);
    for (int i = 1; i < 5; i++)
        assert_int_equal(bw_datastore_walk_next(f.ds, &walk, &f.arena, &batch, &f.err),
                         BW_UNAVAILABLE);
    bw_datastore_walk_fini(&walk);
    end(&f, 5);
}

static void test_counts_are_asked_for(void **state)
{
    (void)state;
    static const bw_wire_step steps[] = {
        OK_JSON("{\"batch\":{\"aggregationResults\":[{\"aggregateProperties\":{\"count\":"
                "{\"integerValue\":\"12345678901\"}}}],\"moreResults\":\"NO_MORE_RESULTS\","
                "\"readTime\":\"1970-01-01T00:00:02Z\"}}"),
        OK_JSON("{\"batch\":{}}")};
    fixture f;
    int64_t count, read_us;
    bw_datastore_query query = {.query = BW_SLICE_LIT("{\"kind\":[{\"name\":\"K\"}]}")};
    begin(&f, steps, BW_COUNT(steps));
    assert_ok(bw_datastore_count(f.ds, &query, 5, &count, &read_us, &f.err), f.err);
    assert_int_equal(count, INT64_C(12345678901));
    assert_int_equal(read_us, 2 * BW_SECOND);
    assert_sent(&f, 0, "POST /v1/projects/p:runAggregationQuery HTTP",
                "{\"partitionId\":{\"projectId\":\"p\"},\"aggregationQuery\":{\"aggregations\":["
                "{\"alias\":\"count\",\"count\":{\"upTo\":\"5\"}}],"
                "\"nestedQuery\":{\"kind\":[{\"name\":\"K\"}]}}}");
    assert_int_equal(bw_datastore_count(f.ds, &query, 0, &count, &read_us, &f.err), BW_UNAVAILABLE);
    end(&f, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_stand_in_the_order_of_the_keys),
        cmocka_unit_test(test_a_key_that_occurs_twice_is_asked_once),
        cmocka_unit_test(test_answers_without_sense_are_no_answers),
        cmocka_unit_test(test_a_commit_says_what_became_of_each_mutation),
        cmocka_unit_test(test_a_commit_is_not_sent_twice),
        cmocka_unit_test(test_transactions_begin_and_end),
        cmocka_unit_test(test_a_walk_goes_on_until_nothing_is_left),
        cmocka_unit_test(test_a_walk_that_does_not_move_ends),
        cmocka_unit_test(test_counts_are_asked_for),
    };
    return BW_RUN_TESTS(tests);
}
