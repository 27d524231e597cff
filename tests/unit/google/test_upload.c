/* backend/google/upload: the texts of the resumable protocol. */
#include "tests/support/test.h"

#include "backend/core/alloc.h"
#include "backend/google/upload.h"

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        bool ok;
        int64_t persisted;
    } cases[] = {
        {NULL, true, 0},
        {"bytes=0-0", true, 1},
        {"bytes=0-262143", true, 262144},
        {"0-99", true, 100},
        {"bytes=0-9223372036854775806", true, INT64_MAX},
        {"bytes=0-9223372036854775807", false, 0},
        {"bytes=5-9", false, 0},
        {"bytes=0-", false, 0},
        {"bytes=0--5", false, 0},
        {"bytes=0-12x", false, 0},
        {"bytes 0-5", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        int64_t persisted = -1;
        bool ok = bw_upload_parse_range(cases[i].range, &persisted);
        if (ok != cases[i].ok || (ok && persisted != cases[i].persisted))
            fail_msg("'%s': %d, %lld", cases[i].range, ok, (long long)persisted);
    }
}

static void test_content_ranges(void **state)
{
    (void)state;
    char text[BW_CONTENT_RANGE_SIZE];
    bw_upload_content_range(text, 0, 262144, -1);
    assert_string_equal(text, "Content-Range: bytes 0-262143/*");
    bw_upload_content_range(text, 262144, 6, 262150);
    assert_string_equal(text, "Content-Range: bytes 262144-262149/262150");
    bw_upload_content_range(text, 262150, 0, 262150);
    assert_string_equal(text, "Content-Range: bytes */262150");
    bw_upload_content_range(text, 0, 0, -1);
    assert_string_equal(text, "Content-Range: bytes */*");
    bw_upload_content_range(text, 0, 0, 0);
    assert_string_equal(text, "Content-Range: bytes */0");
    bw_upload_content_range(text, INT64_MAX - 5, 5, INT64_MAX);
    assert_string_equal(text, "Content-Range: bytes 9223372036854775802-9223372036854775806/"
                              "9223372036854775807");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_content_ranges),
    };
    return BW_RUN_TESTS(tests);
}
