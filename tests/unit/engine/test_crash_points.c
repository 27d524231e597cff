/* Covers crash_points.def: it lists the crash points that the room's sources have, and only those. */
#include "tests/support/crash_points.h"
#include "tests/support/test.h"

#include "backend/core/alloc.h"

static const char *const listed[] = {
#define CRASH_POINT(name, when) #name,
#include "backend/engine/crash_points.def"
};

static void test_the_list_is_complete(void **state)
{
    (void)state;
    bw_test_crash_points("backend/engine", listed, BW_COUNT(listed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_list_is_complete)};
    return BW_RUN_TESTS(tests);
}
