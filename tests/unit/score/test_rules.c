/* The plain rules and what they remember. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/core/clock.h"
#include "backend/score/rules.h"

static void expect_reason(const bw_rule_hits *hits, bw_rule rule, const char *text)
{
    bw_buf out = BW_BUF_INIT;
    assert_int_equal(hits->flags, 1U << rule);
    bw_rule_reason(hits, rule, &out);
    assert_string_equal(bw_buf_cstr(&out), text);
    bw_buf_fini(&out);
}

static void a_timestamp_may_be_a_little_ahead(void **state)
{
    (void)state;
    static const double FINE[] = {0, 1e9, -BW_FUTURE_TOLERANCE_S};
    bw_rule_hits hits = {0};
    for (size_t i = 0; i < BW_COUNT(FINE); i++)
        bw_rule_check_time(&hits, FINE[i]);
    bw_rule_check_time(&hits, (double)NAN);
    assert_int_equal(hits.flags, 0);
    assert_true(bw_rules_anomaly(&hits) == 0);
    bw_rule_check_time(&hits, -60.5);
    expect_reason(&hits, BW_RULE_FUTURE_TIMESTAMP, "60.5 s ahead of the clock");
}

static bw_rule_hits see(bw_shape *shape, const char *name, bw_field_kind kind, int *missing)
{
    bw_rule_hits hits = {0};
    bw_shape_begin(shape);
    bw_shape_field(shape, BW_SLICE_LIT("id"), BW_FIELD_NUMBER, &hits);
    if (name)
        bw_shape_field(shape, bw_slice_cstr(name), kind, &hits);
    bw_shape_end(shape, missing);
    return hits;
}

static void a_shape_learns_then_judges(void **state)
{
    (void)state;
    int missing;
    bw_rule_hits hits;
    bw_shape *shape = bw_shape_new();
    for (int i = 0; i < 20; i++) {
        hits = see(shape, "total", i % 2 ? BW_FIELD_NUMBER : BW_FIELD_STRING, &missing);
        assert_int_equal(hits.flags, 0);
        assert_int_equal(missing, 0);
    }
    hits = see(shape, "total", BW_FIELD_NULL, &missing); /* a null changes no type */
    assert_int_equal(hits.flags, 0);
    assert_int_equal(missing, 0);
    hits = see(shape, "total", BW_FIELD_NUMBER, &missing);
    assert_int_equal(hits.flags, 0);
    hits = see(shape, "total", BW_FIELD_STRING, &missing);
    expect_reason(&hits, BW_RULE_TYPE_CHANGE, "field total was a number, is a string");
    hits = see(shape, "extra", BW_FIELD_NULL, &missing);
    expect_reason(&hits, BW_RULE_UNSEEN_FIELD, "field extra was never seen before");
    assert_int_equal(missing, 1);
    hits = see(shape, "extra", BW_FIELD_BOOL, &missing);
    assert_int_equal(hits.flags, 0);
    hits = see(shape, NULL, BW_FIELD_NULL, &missing);
    assert_int_equal(missing, 1); /* extra is too rare to be missed */
    bw_shape_free(shape);
}

static void a_shape_is_bounded(void **state)
{
    (void)state;
    bw_shape *shape = bw_shape_new();
    bw_rule_hits hits = {0};
    char name[16];
    int missing;
    bw_shape_begin(shape);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        bw_shape_field(shape, bw_slice_cstr(name), BW_FIELD_NUMBER, &hits);
    }
    bw_shape_end(shape, &missing);
    for (int i = 0; i < 30; i++)
        see(shape, "f1", BW_FIELD_NUMBER, &missing);
    hits = see(shape, "beyond", BW_FIELD_NUMBER, &missing);
    assert_int_equal(hits.flags, 0);
    bw_shape_free(shape);
}

static bw_rule_hits done(bw_order *order, uint64_t entity, bw_operation op, int64_t at_us)
{
    bw_rule_hits hits = {0};
    bw_order_check(order, entity, op, at_us, &hits);
    return hits;
}

static void an_order_knows_what_cannot_be(void **state)
{
    (void)state;
    bw_order *order = bw_order_new();
    bw_rule_hits hits = done(order, 1, BW_OPERATION_UPDATE, 10 * BW_SECOND);
    assert_int_equal(hits.flags, 0); /* nothing is known of it */
    assert_int_equal(done(order, 1, BW_OPERATION_UPDATE, 10 * BW_SECOND).flags, 0);
    hits = done(order, 1, BW_OPERATION_UPDATE, 7 * BW_SECOND);
    expect_reason(&hits, BW_RULE_OUT_OF_ORDER, "3.0 s older than the update before it");
    hits = done(order, 1, BW_OPERATION_CREATE, BW_TIME_NONE);
    expect_reason(&hits, BW_RULE_OUT_OF_ORDER, "create after update");
    assert_int_equal(done(order, 1, BW_OPERATION_DELETE, 20 * BW_SECOND).flags, 0);
    hits = done(order, 1, BW_OPERATION_UPDATE, 21 * BW_SECOND);
    expect_reason(&hits, BW_RULE_OUT_OF_ORDER, "update after delete");
    assert_int_equal(done(order, 1, BW_OPERATION_DELETE, 22 * BW_SECOND).flags, 0);
    assert_int_equal(done(order, 1, BW_OPERATION_CREATE, 23 * BW_SECOND).flags, 0);
    /* Another entity in the same place takes it, and is not mistaken for the first. */
    assert_int_equal(done(order, 1 + 65536, BW_OPERATION_CREATE, 1).flags, 0);
    assert_int_equal(done(order, 1, BW_OPERATION_CREATE, 1).flags, 0);
    bw_order_free(order);
}

static void reads_operations(void **state)
{
    (void)state;
    bw_operation op;
    assert_true(bw_operation_parse(BW_SLICE_LIT("PATCH"), &op) && op == BW_OPERATION_UPDATE);
    assert_true(bw_operation_parse(BW_SLICE_LIT("UPSERT"), &op) && op == BW_OPERATION_UPSERT);
    assert_true(bw_operation_parse(BW_SLICE_LIT("Delete"), &op) && op == BW_OPERATION_DELETE);
    assert_true(bw_operation_parse(BW_SLICE_LIT("create"), &op) && op == BW_OPERATION_CREATE);
    assert_false(bw_operation_parse(BW_SLICE_LIT("creat"), &op));
    assert_false(bw_operation_parse(BW_SLICE_LIT(""), &op));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timestamp_may_be_a_little_ahead),
        cmocka_unit_test(a_shape_learns_then_judges),
        cmocka_unit_test(a_shape_is_bounded),
        cmocka_unit_test(an_order_knows_what_cannot_be),
        cmocka_unit_test(reads_operations),
    };
    return BW_RUN_TESTS(tests);
}
