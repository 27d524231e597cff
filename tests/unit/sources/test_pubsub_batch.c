/* backend/sources/pubsub_batch: deliveries become rows, each message once and in order. */
#include "tests/support/test.h"

#include <stdio.h>

#include "backend/core/json.h"
#include "backend/sources/message.h"
#include "backend/sources/pubsub_batch.h"

typedef struct fixture {
    bw_ps_batch batch;
    bw_chunk chunk;
} fixture;

static int set_up(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof(*f));
    f->batch = (bw_ps_batch)BW_PS_BATCH_INIT;
    bw_chunk_init(&f->chunk);
    bw_chunk_reset(&f->chunk, BW_MESSAGE_COLUMNS);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    bw_ps_batch_fini(&f->batch);
    bw_chunk_fini(&f->chunk);
    free(f);
    return 0;
}

static void receive(fixture *f, const char *id, const char *key, int64_t publish_us)
{
    bw_pubsub_message m = {.ack_id = BW_SLICE_LIT("a"),
                           .message_id = bw_slice_cstr(id),
                           .ordering_key = bw_slice_cstr(key),
                           .data_base64 = BW_SLICE_LIT("aGk="),
                           .publish_us = publish_us};
    bw_ps_batch_add(&f->batch, &(bw_pubsub_messages){&m, 1});
}

/* The ids of all rows, in order, parted by blanks. */
static const char *ids(fixture *f, char out[256])
{
    size_t n = 0;
    out[0] = '\0';
    bool end = false;
    while (!end) {
        bw_chunk_reset(&f->chunk, BW_MESSAGE_COLUMNS);
        end = bw_ps_batch_fill(&f->batch, &f->chunk);
        for (size_t i = 0; i < f->chunk.rows; i++) {
            bw_slice id = bw_value_slice(&bw_chunk_at(&f->chunk, i)[BW_MESSAGE_ID]);
            n += (size_t)snprintf(out + n, 256 - n, "%s%.*s", n ? " " : "", BW_SLICE_ARG(id));
        }
    }
    return out;
}

static void test_a_message_is_one_row(void **state)
{
    fixture *f = *state;
    char out[256];
    receive(f, "1", NULL, 100);
    receive(f, "2", NULL, 200);
    receive(f, "1", NULL, 100);
    receive(f, "10", NULL, 300);
    receive(f, "2", NULL, 200);
    bw_ps_batch_seal(&f->batch, false);
    assert_int_equal(f->batch.count, 5);
    assert_int_equal(f->batch.n_rows, 3);
    assert_true(f->batch.oldest_us == 100);
    assert_string_equal(ids(f, out), "1 2 10");
    f->batch.at = 0;
    assert_string_equal(ids(f, out), "1 2 10");
    bw_ps_batch_clear(&f->batch);
    bw_ps_batch_seal(&f->batch, false);
    assert_true(f->batch.oldest_us == BW_TIME_NONE);
    assert_string_equal(ids(f, out), "");
}

/* Without ordering the service hands out as it likes: the publish time puts it right. */
static void test_rows_are_in_publish_order(void **state)
{
    fixture *f = *state;
    char out[256];
    receive(f, "c", "k", 300);
    receive(f, "a", "k", 100);
    receive(f, "b1", "k", 200);
    receive(f, "b2", "k", 200);
    bw_ps_batch_seal(&f->batch, false);
    assert_string_equal(ids(f, out), "a b1 b2 c");
}

/* With ordering the service knows better than its clocks, and a redelivery comes too late to count. */
static void test_an_ordered_subscription_keeps_its_order(void **state)
{
    fixture *f = *state;
    char out[256];
    receive(f, "a", "k", 200);
    receive(f, "b", "k", 199);
    receive(f, "x", "l", 100);
    receive(f, "a", "k", 200);
    receive(f, "b", "k", 199);
    receive(f, "c", "k", 300);
    bw_ps_batch_seal(&f->batch, true);
    assert_string_equal(ids(f, out), "a b x c");
}

static void test_values_are_canonical(void **state)
{
    fixture *f = *state;
    bw_pubsub_message m = {.ack_id = BW_SLICE_LIT("a"),
                           .message_id = BW_SLICE_LIT("4711"),
                           .ordering_key = BW_SLICE_LIT("k"),
                           .attributes = BW_SLICE_LIT("{\"a\":\"b\"}"),
                           .publish_us = INT64_C(1795163820123000),
                           .delivery_attempt = 3};
    bw_ps_batch_add(&f->batch, &(bw_pubsub_messages){&m, 1});
    receive(f, "1", NULL, INT64_C(1795163820000000));
    bw_ps_batch_seal(&f->batch, true);
    assert_true(bw_ps_batch_fill(&f->batch, &f->chunk));
    assert_int_equal(f->chunk.rows, 2);
    static const char *const expected[2][BW_MESSAGE_COLUMNS] = {
        {"4711", "2026-11-20 08:37:00.123+00", "k", "3", "{\"a\":\"b\"}", ""},
        {"1", "2026-11-20 08:37:00+00", NULL, NULL, "{}", "aGk="},
    };
    for (size_t i = 0; i < 2; i++) {
        const bw_value *row = bw_chunk_at(&f->chunk, i);
        for (size_t c = 0; c < BW_MESSAGE_COLUMNS; c++) {
            const bw_field *field = &bw_message_schema.fields[c];
            bw_slice text = bw_value_slice(&row[c]);
            assert_int_equal(row[c].state, expected[i][c] ? BW_VALUE_TEXT : BW_VALUE_NULL);
            assert_true(row[c].state == BW_VALUE_TEXT || !field->required);
            if (!expected[i][c])
                continue;
            assert_true(bw_slice_is(text, expected[i][c]));
            assert_int_equal(bw_value_check(text, field->type, 0, 0), BW_REASON_NONE);
        }
    }
    int64_t version;
    assert_true(
        bw_value_version(bw_value_slice(&bw_chunk_at(&f->chunk, 0)[BW_MESSAGE_PUBLISH_TIME]),
                         BW_TYPE_TIMESTAMP, &version));
    assert_true(version == INT64_C(1795163820123000));
}

/* The row goes to the dead letters whole; the others go on. */
static void test_attributes_that_do_not_fit(void **state)
{
    fixture *f = *state;
    bw_pubsub_message m = {.ack_id = BW_SLICE_LIT("a"),
                           .message_id = BW_SLICE_LIT("7"),
                           .data_base64 = BW_SLICE_LIT("aGk="),
                           .publish_us = 1};
    static const struct {
        const char *attributes;
        bw_reason reason;
    } cases[] = {
        {"{\"a\":\"1\",\"a\":\"2\"}", BW_REASON_JSON_DUPLICATE},
        {"{\"a\":1e400}", BW_REASON_JSON_WIDE_NUMBER},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_ps_batch_clear(&f->batch);
        bw_chunk_reset(&f->chunk, BW_MESSAGE_COLUMNS);
        m.attributes = bw_slice_cstr(cases[i].attributes);
        bw_ps_batch_add(&f->batch, &(bw_pubsub_messages){&m, 1});
        receive(f, "8", NULL, 2);
        bw_ps_batch_seal(&f->batch, false);
        assert_true(bw_ps_batch_fill(&f->batch, &f->chunk));
        assert_int_equal(f->chunk.rows, 1);
        assert_int_equal(f->chunk.n_rejected, 1);
        const bw_rejected_row *r = &f->chunk.rejected[0];
        assert_int_equal(r->reason, cases[i].reason);
        assert_string_equal(r->column, "attributes");
        assert_true(bw_slice_is(r->key, "{\"messageId\":\"7\"}"));
        assert_true(bw_slice_is(bw_json_member(r->content, "data"), "\"aGk=\""));
        assert_true(bw_json_valid(r->content, NULL, NULL));
    }
}

/* Texts that are borrowed fill a chunk as well. */
static void test_chunks_end(void **state)
{
    fixture *f = *state;
    size_t chunks = 0, rows = 0;
    char *data = bw_xmalloc(100 << 10);
    memset(data, 'A', 100 << 10);
    for (int i = 0; i < 20; i++) {
        char id[8];
        snprintf(id, sizeof(id), "%d", i);
        bw_pubsub_message m = {.ack_id = BW_SLICE_LIT("a"),
                               .message_id = bw_arena_slice(&f->batch.arena, bw_slice_cstr(id)),
                               .data_base64 = {data, 100 << 10},
                               .publish_us = i};
        bw_ps_batch_add(&f->batch, &(bw_pubsub_messages){&m, 1});
    }
    bw_ps_batch_seal(&f->batch, false);
    for (bool end = false; !end; chunks++) {
        bw_chunk_reset(&f->chunk, BW_MESSAGE_COLUMNS);
        end = bw_ps_batch_fill(&f->batch, &f->chunk);
        rows += f->chunk.rows;
    }
    assert_int_equal(rows, 20);
    assert_int_equal(chunks, 7);
    free(data);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_message_is_one_row),
        TEST(test_rows_are_in_publish_order),
        TEST(test_an_ordered_subscription_keeps_its_order),
        TEST(test_values_are_canonical),
        TEST(test_attributes_that_do_not_fit),
        TEST(test_chunks_end),
    };
    return BW_RUN_TESTS(tests);
}
