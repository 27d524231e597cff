/* What every cmocka test includes, in the order that cmocka asks for. */
#ifndef BW_TESTS_SUPPORT_TEST_H
#define BW_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BW_RUN_TESTS(tests) (cmocka_run_group_tests(tests, NULL, NULL))

/* Asserts BW_OK and prints the error otherwise. */
#define assert_ok(expr, err)                                           \
    do {                                                               \
        if ((expr) != BW_OK)                                           \
            fail_msg("%s: %s (%s)", #expr, (err).message, (err).hint); \
    } while (0)

#endif
