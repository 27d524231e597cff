/* The Datastore client against the sandbox: transactions, their conflicts and their lost answers. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/google/datastore.h"
#include "backend/google/entity.h"
#include "tests/support/http_client.h"
#include "tests/support/sandbox.h"

typedef struct fixture {
    bw_google *google;
    bw_datastore *ds, *other; /* two clients of one database */
    bw_test_http *http;
    bw_arena arena;
    bw_error err;
    char project[32];
} fixture;

static bw_test_sandbox *sandbox;
static int tests_so_far;

static int group_setup(void **state)
{
    (void)state;
    sandbox = bw_test_sandbox_start(false, NULL);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    bw_test_sandbox_free(sandbox);
    return 0;
}

static int setup(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    snprintf(f->project, sizeof f->project, "project-%d", ++tests_so_far);
    bw_google_options options = {.project = f->project,
                                 .credentials = "none",
                                 .datastore = bw_test_sandbox_url(sandbox),
                                 .clock = bw_clock_system()};
    assert_ok(bw_google_new(&options, &f->google, &f->err), f->err);
    f->ds = bw_datastore_new(f->google, NULL, NULL, NULL, NULL);
    f->other = bw_datastore_new(f->google, NULL, NULL, NULL, NULL);
    bw_datastore_set_deadline(f->ds, 30 * BW_SECOND);
    bw_datastore_set_deadline(f->other, 30 * BW_SECOND);
    f->http = bw_test_http_new(bw_test_sandbox_url(sandbox));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    assert_int_equal(
        bw_test_http_json(f->http, "POST", "/sandbox/faults", "{\"faults\":[],\"replace\":true}"),
        200);
    bw_datastore_free(f->ds);
    bw_datastore_free(f->other);
    bw_google_free(f->google);
    bw_test_http_free(f->http);
    bw_arena_fini(&f->arena);
    free(f);
    return 0;
}

/* ---- words ---- */

static const bw_slice no_transaction = {NULL, 0};

static bw_slice key_of(fixture *f, const char *name)
{
    bw_buf b = BW_BUF_INIT;
    bw_key_write_one(&b, NULL, "K", name, 0);
    bw_slice key = bw_arena_slice(&f->arena, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return key;
}

/* {"VERB":{"key":...,"properties":{"n":n}}} */
static bw_slice mutation(fixture *f, const char *verb, const char *name, const char *n)
{
    bw_slice key = key_of(f, name);
    const char *text = bw_arena_printf(
        &f->arena, "{\"%s\":{\"key\":%.*s,\"properties\":{\"n\":{\"integerValue\":\"%s\"}}}}", verb,
        BW_SLICE_ARG(key), n);
    return bw_slice_cstr(text);
}

static bw_status commit(fixture *f, bw_datastore *ds, bw_slice transaction, bw_slice m,
                        bw_datastore_written **written)
{
    bw_datastore_commit c = {.transaction = transaction, .mutations = &m, .count = 1};
    return bw_datastore_commit_send(ds, &c, &f->arena, written, NULL, &f->err);
}

static bw_datastore_result look(fixture *f, const char *name)
{
    bw_slice key = key_of(f, name);
    bw_datastore_answer answer;
    assert_ok(bw_datastore_lookup(f->ds, &key, 1, NULL, &f->arena, &answer, &f->err), f->err);
    assert_true(answer.read_us != BW_TIME_NONE);
    return answer.results[0];
}

static int64_t number(fixture *f, const char *name)
{
    int64_t n = -1;
    bw_datastore_result r = look(f, name);
    assert_true(r.found && bw_entity_int(r.entity, "n", &n));
    return n;
}

static void fault(fixture *f, const char *text)
{
    assert_int_equal(
        bw_test_http_json(f->http, "POST", "/sandbox/faults", "{\"faults\":[\"%s\"]}", text), 200);
}

/* ---- tests ---- */

static void what_is_written_is_found(void **state)
{
    fixture *f = *state;
    bw_datastore_written *written;
    assert_false(look(f, "x").found);
    assert_ok(
        commit(f, f->ds, no_transaction, mutation(f, "insert", "x", "9007199254740993"), &written),
        f->err);
    bw_datastore_result r = look(f, "x");
    assert_int_equal(number(f, "x"), INT64_C(9007199254740993));
    assert_int_equal(r.version, written[0].version);
    assert_true(r.version > 0 && r.update_us != BW_TIME_NONE);
    assert_int_equal(commit(f, f->ds, no_transaction, mutation(f, "insert", "x", "1"), NULL),
                     BW_EXISTS);
    assert_int_equal(commit(f, f->ds, no_transaction, mutation(f, "update", "y", "1"), NULL),
                     BW_NOT_FOUND);
    assert_int_equal(
        commit(f, f->ds, no_transaction, BW_SLICE_LIT("{\"upsert\":{\"key\":{}}}"), NULL),
        BW_INVALID);
    assert_false(f->err.maybe_acted);
    assert_int_equal(number(f, "x"), INT64_C(9007199254740993));
}

static void a_transaction_sees_that_it_was_overtaken(void **state)
{
    fixture *f = *state;
    bw_slice key = key_of(f, "x");
    bw_datastore_answer answer;
    assert_ok(commit(f, f->ds, no_transaction, mutation(f, "upsert", "x", "1"), NULL), f->err);
    bw_datastore_read read = {.begin = true};
    assert_ok(bw_datastore_lookup(f->ds, &key, 1, &read, &f->arena, &answer, &f->err), f->err);
    bw_slice first = answer.transaction;
    /* Whoever comes second is told, whether by being refused or by refusing the first. */
    bw_status other = commit(f, f->other, no_transaction, mutation(f, "upsert", "x", "2"), NULL);
    bw_status own = commit(f, f->ds, first, mutation(f, "upsert", "x", "3"), NULL);
    assert_true((other == BW_OK) != (own == BW_OK));
    assert_true(other == BW_CONFLICT || own == BW_CONFLICT);
    assert_int_equal(number(f, "x"), own == BW_OK ? 3 : 2);
    assert_true(f->err.retryable || own == BW_OK);
    /* Again, naming the transaction that this one repeats. */
    read = (bw_datastore_read){.begin = true, .previous = first};
    assert_ok(bw_datastore_lookup(f->ds, &key, 1, &read, &f->arena, &answer, &f->err), f->err);
    assert_true(answer.transaction.len > 0);
    assert_ok(commit(f, f->ds, answer.transaction, mutation(f, "upsert", "x", "4"), NULL), f->err);
    assert_int_equal(number(f, "x"), 4);
}

static void rolled_back_is_not_there(void **state)
{
    fixture *f = *state;
    bw_slice transaction;
    assert_ok(bw_datastore_begin(f->ds, no_transaction, &f->arena, &transaction, &f->err), f->err);
    assert_ok(bw_datastore_rollback(f->ds, transaction, &f->err), f->err);
    bw_status s = commit(f, f->ds, transaction, mutation(f, "upsert", "x", "1"), NULL);
    assert_true(s == BW_CONFLICT || s == BW_INVALID);
    assert_false(look(f, "x").found);
}

static void a_lost_answer_says_that_it_may_have_acted(void **state)
{
    fixture *f = *state;
    bw_slice transaction;
    assert_ok(bw_datastore_begin(f->ds, no_transaction, &f->arena, &transaction, &f->err), f->err);
    fault(f, "datastore.projects.commit:cut-after:1:1");
    assert_int_equal(commit(f, f->ds, transaction, mutation(f, "insert", "x", "1"), NULL),
                     BW_UNAVAILABLE);
    assert_true(f->err.maybe_acted);
    assert_int_equal(number(f, "x"), 1);
    assert_ok(bw_datastore_begin(f->ds, no_transaction, &f->arena, &transaction, &f->err), f->err);
    fault(f, "datastore.projects.commit:cut-before:1:1");
    assert_int_equal(commit(f, f->ds, transaction, mutation(f, "insert", "y", "1"), NULL),
                     BW_UNAVAILABLE);
    assert_true(f->err.maybe_acted);
    assert_false(look(f, "y").found);
}

static void a_base_version_guards_one_mutation(void **state)
{
    fixture *f = *state;
    bw_datastore_written *written;
    assert_ok(commit(f, f->ds, no_transaction, mutation(f, "upsert", "x", "1"), NULL), f->err);
    bw_slice plain = mutation(f, "update", "x", "2");
    const char *guarded =
        bw_arena_printf(&f->arena, "%.*s,\"baseVersion\":\"1\"}", (int)plain.len - 1, plain.ptr);
    assert_ok(commit(f, f->ds, no_transaction, bw_slice_cstr(guarded), &written), f->err);
    assert_true(written[0].conflict);
    assert_int_equal(number(f, "x"), 1);
}

static void many_keys_are_looked_up_at_once(void **state)
{
    fixture *f = *state;
    bw_slice keys[BW_DATASTORE_MAX_KEYS];
    bw_slice mutations[BW_DATASTORE_MAX_MUTATIONS];
    bw_datastore_answer answer;
    char name[16];
    for (size_t i = 0; i < BW_COUNT(mutations); i++) {
        snprintf(name, sizeof name, "%zu", 2 * i);
        mutations[i] = mutation(f, "upsert", name, name);
    }
    bw_datastore_commit c = {.mutations = mutations, .count = BW_COUNT(mutations)};
    assert_ok(bw_datastore_commit_send(f->ds, &c, &f->arena, NULL, NULL, &f->err), f->err);
    for (size_t i = 0; i < BW_COUNT(keys); i++) {
        snprintf(name, sizeof name, "%zu", (i * 7) % BW_COUNT(keys));
        keys[i] = key_of(f, name);
    }
    assert_ok(bw_datastore_lookup(f->ds, keys, BW_COUNT(keys), NULL, &f->arena, &answer, &f->err),
              f->err);
    for (size_t i = 0; i < BW_COUNT(keys); i++) {
        int64_t n = -1, wanted = (int64_t)((i * 7) % BW_COUNT(keys));
        assert_int_equal(answer.results[i].found, wanted % 2 == 0);
        if (answer.results[i].found)
            assert_true(bw_entity_int(answer.results[i].entity, "n", &n) && n == wanted);
    }
    int64_t count;
    bw_datastore_query query = {.query = BW_SLICE_LIT("{\"kind\":[{\"name\":\"K\"}]}")};
    assert_ok(bw_datastore_count(f->ds, &query, 0, &count, NULL, &f->err), f->err);
    assert_int_equal(count, BW_DATASTORE_MAX_MUTATIONS);
    assert_ok(bw_datastore_count(f->ds, &query, 10, &count, NULL, &f->err), f->err);
    assert_int_equal(count, 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_found),           TEST(a_transaction_sees_that_it_was_overtaken),
        TEST(rolled_back_is_not_there),           TEST(a_lost_answer_says_that_it_may_have_acted),
        TEST(a_base_version_guards_one_mutation), TEST(many_keys_are_looked_up_at_once),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
