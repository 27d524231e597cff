/* Ordinals of identical rows. */
#include "tests/support/test.h"

#include "backend/engine/occurrences.h"

static void counts_each_identity(void **state)
{
    (void)state;
    bw_occurrences o = {0};
    /* More than the table begins with, half of them in one another's slots. */
    for (uint64_t round = 1; round <= 3; round++) {
        for (uint64_t i = 0; i < 1000; i++)
            assert_int_equal(bw_occurrences_add(&o, i, i % 2 ? i : 7), round);
    }
    assert_int_equal(o.used, 1000);
    bw_occurrences_clear(&o);
    assert_int_equal(bw_occurrences_add(&o, 0, 0), 1);
    bw_occurrences_fini(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_each_identity)};
    return BW_RUN_TESTS(tests);
}
