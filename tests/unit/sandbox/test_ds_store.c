/* The Datastore by a clock that is held: transactions that run out, and how long the past is kept; and
   what the JSON of a request may look like. Covers: sandbox/ds_transaction, ds_rows, ds_json. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/sandbox/ds_call.h"

#define T0 (INT64_C(1700000000) * BW_SECOND)

typedef struct held_clock {
    bw_clock clock;
    int64_t now_us;
} held_clock;

static int64_t held_now(const bw_clock *clock)
{
    return ((const held_clock *)clock)->now_us;
}

typedef struct fixture {
    held_clock clock;
    ds_store *store;
    bw_arena arena;
    bw_buf out;
    bw_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    f->clock = (held_clock){{held_now, held_now}, T0};
    assert_ok(ds_store_open(NULL, &f->clock.clock, &f->store, &f->err), f->err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    ds_store_close(f->store);
    bw_arena_fini(&f->arena);
    bw_buf_fini(&f->out);
    free(f);
    return 0;
}

/* A method with a body in which ' stands for ". */
static bw_status call(fixture *f, ds_method *method, const char *body)
{
    char *text = bw_arena_strdup(&f->arena, body);
    for (char *c = text; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    ds_node *root;
    f->err = (bw_error)BW_ERROR_INIT;
    bw_buf_clear(&f->out);
    assert_ok(ds_json_parse(&f->arena, bw_slice_cstr(text), &root, &f->err), f->err);
    ds_call c = {f->store, {&f->arena, "p", ""}, root, &f->out};
    bw_status status = method(&c, &f->err);
    bw_arena_reset(&f->arena, SIZE_MAX);
    return status;
}

static char *begin(fixture *f)
{
    assert_ok(call(f, ds_method_begin_transaction, "{}"), f->err);
    return bw_json_member_string(bw_buf_slice(&f->out), "transaction");
}

static bw_status look(fixture *f, const char *transaction)
{
    char *body = bw_xasprintf("{'keys':[{'path':[{'kind':'K','id':1}]}],'readOptions':"
                              "{'transaction':'%s'}}",
                              transaction);
    bw_status status = call(f, ds_method_lookup, body);
    free(body);
    return status;
}

static void idle_transactions_end(void **state)
{
    fixture *f = *state;
    char *t = begin(f);
    f->clock.now_us += DS_TRANSACTION_IDLE;
    assert_ok(look(f, t), f->err);
    f->clock.now_us += DS_TRANSACTION_IDLE + 1;
    assert_int_equal(look(f, t), BW_INVALID);
    assert_non_null(strstr(f->err.message, "expired"));
    free(t);
}

static void transactions_in_use_end_too(void **state)
{
    fixture *f = *state;
    char *t = begin(f);
    for (int64_t at = 0; at + 50 * BW_SECOND <= DS_TRANSACTION_LIFE; at += 50 * BW_SECOND) {
        assert_ok(look(f, t), f->err);
        f->clock.now_us += 50 * BW_SECOND;
    }
    assert_ok(look(f, t), f->err);
    f->clock.now_us += 21 * BW_SECOND;
    assert_int_equal(look(f, t), BW_INVALID);
    free(t);
}

static void transactions_are_not_hoarded(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < DS_OPEN_TRANSACTIONS; i++)
        assert_ok(call(f, ds_method_begin_transaction, "{}"), f->err);
    assert_int_equal(call(f, ds_method_begin_transaction, "{}"), BW_RATE);
    f->clock.now_us += DS_TRANSACTION_IDLE + 1;
    assert_ok(call(f, ds_method_begin_transaction, "{}"), f->err);
    assert_int_equal(f->store->open_transactions, 1);
}

#define WRITE "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','id':1}]}}}]}"

static void versions_grow_while_the_clock_stands(void **state)
{
    fixture *f = *state;
    int64_t before = 0;
    for (int i = 0; i < 10; i++) {
        assert_ok(call(f, ds_method_commit, WRITE), f->err);
        assert_true(f->store->last_version > before);
        before = f->store->last_version;
    }
    f->clock.now_us -= BW_HOUR; /* and when it goes back */
    assert_ok(call(f, ds_method_commit, WRITE), f->err);
    assert_true(f->store->last_version > before);
}

/* An hour of the past can be read; what is older is gone. */
static void the_past_is_kept_for_an_hour(void **state)
{
    fixture *f = *state;
#define READ_T1                                                                             \
    "{'keys':[{'path':[{'kind':'K','id':1}]}],'readOptions':{'readTime':'2023-11-14T22:13:" \
    "21Z'}}"
    assert_ok(call(f, ds_method_commit, WRITE), f->err);
    f->clock.now_us = T0 + 2 * BW_SECOND;
    assert_ok(call(f, ds_method_commit, WRITE), f->err);
    assert_int_equal(f->store->history, 1);
    f->clock.now_us = T0 + 30 * BW_MINUTE;
    assert_ok(call(f, ds_method_commit, WRITE), f->err);
    assert_int_equal(f->store->history, 2);
    assert_ok(call(f, ds_method_lookup, READ_T1), f->err);
    bw_buf_cstr(&f->out);
    assert_non_null(strstr(f->out.ptr, "\"version\":\"1700000000000000\""));
    f->clock.now_us = T0 + 61 * BW_MINUTE;
    assert_int_equal(call(f, ds_method_lookup, READ_T1), BW_INVALID);
    assert_ok(call(f, ds_method_commit, WRITE), f->err);
    assert_int_equal(f->store->history, 2);
    assert_int_equal(call(f, ds_method_lookup, READ_T1), BW_INVALID);
    assert_non_null(strstr(f->err.message, "past"));
}

static void what_fails_is_not_counted(void **state)
{
    fixture *f = *state;
    assert_ok(call(f, ds_method_commit, WRITE), f->err);
    assert_int_equal(
        call(f, ds_method_commit,
             "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','id':1}]}}},"
             "{'update':{'key':{'path':[{'kind':'K','id':2}]}}}]}"),
        BW_NOT_FOUND);
    assert_int_equal(f->store->history, 0);
}

/* What protobuf's JSON allows beyond what clients send. */
static void requests_are_read_as_protobuf_reads_them(void **state)
{
    static const char *const same[] = {
        "{'upsert':{'key':{'path':[{'kind':'K','id':'1'}]},'properties':{'x':{'integerValue':'1000'"
        ","
        "'excludeFromIndexes':true}}},'baseVersion':'0'}",
        "{'upsert':{'key':{'path':[{'kind':'K','id':1}]},'properties':{'x':{'integer_value':1e3,"
        "'exclude_from_indexes':true}}},'base_version':0,'property_mask':null}",
        "{'upsert':{'key':{'partitionId':null,'path':[{'kind':'K','id':1.0,'name':null}]},'"
        "properties'"
        ":{'x':{'integerValue':1000.0,'excludeFromIndexes':true,'stringValue':null}}},'insert':"
        "null}",
    };
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(same); i++) {
        assert_int_equal(ds_store_reset(f->store, &f->err), BW_OK);
        char *body = bw_xasprintf("{'mode':'NON_TRANSACTIONAL','mutations':[%s]}", same[i]);
        assert_ok(call(f, ds_method_commit, body), f->err);
        free(body);
        assert_ok(call(f, ds_method_lookup, "{'keys':[{'path':[{'kind':'K','id':1}]}]}"), f->err);
        bw_buf_cstr(&f->out);
        assert_non_null(strstr(f->out.ptr, "\"properties\":{\"x\":{\"integerValue\":\"1000\","
                                           "\"excludeFromIndexes\":true}}"));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(idle_transactions_end),
        TEST(transactions_in_use_end_too),
        TEST(transactions_are_not_hoarded),
        TEST(versions_grow_while_the_clock_stands),
        TEST(the_past_is_kept_for_an_hour),
        TEST(what_fails_is_not_counted),
        TEST(requests_are_read_as_protobuf_reads_them),
    };
    return BW_RUN_TESTS(tests);
}
