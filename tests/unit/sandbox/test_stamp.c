/* Timestamps of Google's JSON, to the ends of what 64 bits hold. Covers: sandbox/stamp. */
#include "tests/support/test.h"

#include "backend/core/alloc.h"
#include "backend/sandbox/stamp.h"

static void stamps_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
        const char *printed; /* NULL: as it was */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, NULL},
        {"2023-11-14T22:13:20Z", 1700000000000000000, NULL},
        {"2023-11-14T22:13:20.5Z", 1700000000500000000, "2023-11-14T22:13:20.500Z"},
        {"2023-11-14T22:13:20.000001Z", 1700000000000001000, NULL},
        {"2023-11-14T22:13:20.123456789Z", 1700000000123456789, NULL},
        {"2023-11-15T00:13:20+02:00", 1700000000000000000, "2023-11-14T22:13:20Z"},
        {"2023-11-14t16:43:20-05:30", 1700000000000000000, "2023-11-14T22:13:20Z"},
        {"1969-12-31T23:59:59.999999999Z", -1, NULL},
        {"0001-01-01T00:00:00Z", INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
        {"9999-12-31T23:59:59.999999999Z", INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int64_t ns;
        char out[BW_SB_STAMP];
        assert_true(bw_sb_stamp_parse(cases[i].text, &ns));
        assert_true(ns == cases[i].ns);
        assert_string_equal(bw_sb_stamp_print(ns, out),
                            cases[i].printed ? cases[i].printed : cases[i].text);
    }
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "2023-11-14",
                                        "2023-11-14T22:13:20",
                                        "2023-11-14 22:13:20Z",
                                        "2023-02-29T00:00:00Z",
                                        "2023-11-14T24:00:00Z",
                                        "2023-11-14T22:60:00Z",
                                        "2023-11-14T22:13:20.Z",
                                        "2023-11-14T22:13:20.1234567890Z",
                                        "2023-11-14T22:13:20+0200",
                                        "2023-11-14T22:13:20Zx",
                                        "yesterday"};
    for (size_t i = 0; i < BW_COUNT(texts); i++) {
        int64_t ns;
        if (bw_sb_stamp_parse(texts[i], &ns))
            fail_msg("%s is taken", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_come_back),
        cmocka_unit_test(other_texts_are_refused),
    };
    return BW_RUN_TESTS(tests);
}
