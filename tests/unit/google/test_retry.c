/* backend/google/retry, with the clock in our hand. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "backend/google/retry.h"

typedef struct fake_clock {
    bw_clock clock;
    int64_t now;
} fake_clock;

static int64_t fake_now(const bw_clock *c)
{
    return ((const fake_clock *)c)->now;
}

static fake_clock fake_at(int64_t now)
{
    return (fake_clock){{fake_now, fake_now}, now};
}

static bw_error failure(bw_status status, double retry_after_s)
{
    bw_error err = BW_ERROR_INIT;
    bw_error_set(&err, status, "no");
    err.retry_after_s = retry_after_s;
    return err;
}

static void test_full_jitter_doubles_to_the_cap(void **state)
{
    (void)state;
    static const int64_t spans[] = {1, 2, 4, 8, 16, 32, 32, 32, 32};
    int64_t most[BW_COUNT(spans)] = {0}, least[BW_COUNT(spans)];
    fake_clock c = fake_at(5);
    bw_error err = failure(BW_UNAVAILABLE, 0);
    for (size_t i = 0; i < BW_COUNT(spans); i++)
        least[i] = INT64_MAX;
    for (int round = 0; round < 400; round++) {
        bw_retry r = bw_retry_begin(&c.clock, NULL, BW_FOREVER, "", "");
        r.seed = (uint64_t)round * 977;
        for (size_t i = 0; i < BW_COUNT(spans); i++) {
            int64_t d = bw_retry_delay(&r, &err);
            assert_in_range(d, 0, spans[i] * BW_SECOND);
            most[i] = d > most[i] ? d : most[i];
            least[i] = d < least[i] ? d : least[i];
        }
    }
    /* The whole range is used: this is full jitter, neither none nor half. */
    for (size_t i = 0; i < BW_COUNT(spans); i++) {
        assert_true(most[i] > spans[i] * BW_SECOND * 95 / 100);
        assert_true(least[i] < spans[i] * BW_SECOND * 5 / 100);
    }
}

static void test_retry_after_is_a_floor(void **state)
{
    (void)state;
    fake_clock c = fake_at(0);
    bw_error err = failure(BW_RATE, 40);
    bw_retry r = bw_retry_begin(&c.clock, NULL, BW_FOREVER, "", "");
    for (int i = 0; i < 50; i++)
        assert_in_range(bw_retry_delay(&r, &err), 40 * BW_SECOND, 41 * BW_SECOND);
}

static void test_stops_at_the_deadline(void **state)
{
    (void)state;
    fake_clock c = fake_at(100 * BW_SECOND);
    bw_error err = failure(BW_UNAVAILABLE, 0);
    bw_retry r = bw_retry_begin(&c.clock, NULL, 400 * BW_SECOND, "", "");
    int64_t d;
    int tries = 0;
    while ((d = bw_retry_delay(&r, &err)) >= 0) {
        c.now += d + 1;
        assert_true(c.now <= 400 * BW_SECOND);
        tries++;
    }
    assert_in_range(tries, 8, 200);
    assert_true(c.now > (400 - 32) * BW_SECOND);
    err = failure(BW_RATE, 301);
    r = bw_retry_begin(&c.clock, NULL, c.now + 300 * BW_SECOND, "", "");
    assert_int_equal(bw_retry_delay(&r, &err), -1);
}

static void test_final_errors_are_final(void **state)
{
    (void)state;
    static const bw_status final[] = {BW_INVALID,   BW_DENIED, BW_QUOTA,
                                      BW_NOT_FOUND, BW_EXISTS, BW_CANCELLED};
    fake_clock c = fake_at(0);
    for (size_t i = 0; i < BW_COUNT(final); i++) {
        bw_error err = failure(final[i], 0);
        bw_retry r = bw_retry_begin(&c.clock, NULL, BW_FOREVER, "", "");
        assert_false(bw_retry_again(&r, &err));
        assert_string_equal(err.message, "no");
    }
}

static void test_again_says_how_often_and_when_cancelled(void **state)
{
    (void)state;
    bw_error err = failure(BW_UNAVAILABLE, 0);
    const bw_clock *clock = bw_clock_system();
    bw_retry r = bw_retry_begin(clock, NULL, bw_mono_us(clock) + BW_SECOND / 5, "", "try");
    r.base_us = r.cap_us = BW_SECOND / 50;
    int attempts = 1;
    while (bw_retry_again(&r, &err))
        attempts++;
    char expected[64];
    snprintf(expected, sizeof(expected), "gave up after %d attempts", attempts);
    assert_int_equal(err.status, BW_UNAVAILABLE);
    assert_memory_equal(err.message, expected, strlen(expected));

    bw_cancel cancel;
    bw_cancel_init(&cancel);
    bw_cancel_raise(&cancel);
    err = failure(BW_UNAVAILABLE, 0);
    err.maybe_acted = true;
    r = bw_retry_begin(clock, &cancel, BW_FOREVER, "", "try");
    assert_false(bw_retry_again(&r, &err));
    assert_int_equal(err.status, BW_CANCELLED);
    assert_true(err.maybe_acted);
    bw_cancel_fini(&cancel);
}

static void test_time_that_is_up_does_not_hide_the_cause(void **state)
{
    (void)state;
    fake_clock c = fake_at(0);
    bw_error err = failure(BW_UNAVAILABLE, 0);
    bw_error_hint(&err, "Start it.");
    bw_retry r = bw_retry_begin(&c.clock, NULL, 10 * BW_SECOND, "", "try");
    r.base_us = r.cap_us = 0;
    assert_true(bw_retry_again(&r, &err));
    c.now = 10 * BW_SECOND;
    err = failure(BW_TIMEOUT, 0);
    err.maybe_acted = true;
    assert_false(bw_retry_again(&r, &err));
    assert_int_equal(err.status, BW_UNAVAILABLE);
    assert_string_equal(err.hint, "Start it.");
    assert_true(err.maybe_acted);
    /* A first attempt has no other cause. */
    err = failure(BW_TIMEOUT, 0);
    r = bw_retry_begin(&c.clock, NULL, c.now, "", "try");
    assert_false(bw_retry_again(&r, &err));
    assert_int_equal(err.status, BW_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_jitter_doubles_to_the_cap),
        cmocka_unit_test(test_retry_after_is_a_floor),
        cmocka_unit_test(test_stops_at_the_deadline),
        cmocka_unit_test(test_final_errors_are_final),
        cmocka_unit_test(test_again_says_how_often_and_when_cancelled),
        cmocka_unit_test(test_time_that_is_up_does_not_hide_the_cause),
    };
    return BW_RUN_TESTS(tests);
}
