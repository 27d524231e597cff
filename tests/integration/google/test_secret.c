/* Secret Manager, written out by the test. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "backend/google/secret.h"
#include "tests/support/wire_server.h"

static void test_crc32c(void **state)
{
    (void)state;
    /* RFC 3720, B.4, and the check value of the Castagnoli polynomial. */
    char zeros[32] = {0}, ones[32];
    memset(ones, 0xff, sizeof(ones));
    assert_int_equal(bw_crc32c(BW_SLICE_LIT("123456789")), 0xE3069283U);
    assert_int_equal(bw_crc32c((bw_slice){zeros, 32}), 0x8A9136AAU);
    assert_int_equal(bw_crc32c((bw_slice){ones, 32}), 0x62A8AB43U);
    assert_int_equal(bw_crc32c((bw_slice){NULL, 0}), 0);
}

typedef struct expectation {
    const char *name, *reply;
    bw_status status;
    const char *path, *content;
} expectation;

static void test_access(void **state)
{
    (void)state;
    /* "123456789" is MTIzNDU2Nzg5, its CRC32C 3808858755. */
    static const expectation cases[] = {
        {"projects/p/secrets/s",
         BW_WIRE_REPLY("200 OK", "{\"payload\":{\"data\":\"MTIzNDU2Nzg5\",\"dataCrc32c\":"
                                 "\"3808858755\"}}"),
         BW_OK, "GET /v1/projects/p/secrets/s/versions/latest:access HTTP", "123456789"},
        {"projects/p/locations/europe-west1/secrets/s/versions/7",
         BW_WIRE_REPLY("200 OK", "{\"payload\":{\"data\":\"cHc=\"}}"), BW_OK,
         "GET /v1/projects/p/locations/europe-west1/secrets/s/versions/7:access HTTP", "pw"},
        {"projects/p/secrets/empty", BW_WIRE_REPLY("200 OK", "{\"payload\":{\"data\":\"\"}}"),
         BW_OK, "/secrets/empty/", ""},
        {"projects/p/secrets/s",
         BW_WIRE_REPLY("200 OK", "{\"payload\":{\"data\":\"MTIzNDU2Nzg4\",\"dataCrc32c\":"
                                 "\"3808858755\"}}"),
         BW_CORRUPT, NULL, NULL},
        {"projects/p/secrets/s", BW_WIRE_REPLY("200 OK", "{\"payload\":{\"data\":\"%%%%\"}}"),
         BW_CORRUPT, NULL, NULL},
        {"projects/p/secrets/s", BW_WIRE_REPLY("200 OK", "{\"payload\":{\"data\":\"AAAA\"}}"),
         BW_INVALID, NULL, NULL},
        {"projects/p/secrets/s",
         BW_WIRE_REPLY("403 No", "{\"error\":{\"status\":\"PERMISSION_DENIED\"}}"), BW_DENIED, NULL,
         NULL},
        {"projects/p/secrets/s", BW_WIRE_REPLY("404 No", "{\"error\":{\"status\":\"NOT_FOUND\"}}"),
         BW_NOT_FOUND, NULL, NULL},
        {"projects/p/secrets/", NULL, BW_INVALID, NULL, NULL},
        {"projects/p/secret/s", NULL, BW_INVALID, NULL, NULL},
        {"projects/p/secrets/s/versions", NULL, BW_INVALID, NULL, NULL},
        {"projects/p/secrets/s/versions/1/x", NULL, BW_INVALID, NULL, NULL},
        {"../../secrets/s", NULL, BW_INVALID, NULL, NULL},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_wire_step step = {.reply = cases[i].reply};
        bw_wire_server *server = bw_wire_start(&step, 1);
        bw_google *google;
        bw_error err = BW_ERROR_INIT;
        bw_google_options options = {.credentials = "none", .secretmanager = bw_wire_url(server)};
        assert_ok(bw_google_new(&options, &google, &err), err);
        char *content;
        bw_status s = bw_google_secret(google, NULL, cases[i].name, 5 * BW_SECOND, &content, &err);
        if (s != cases[i].status)
            fail_msg("case %zu: %s: %s", i, bw_status_name(s), err.message);
        if (s == BW_OK) {
            assert_string_equal(content, cases[i].content);
            assert_non_null(strstr(bw_wire_request(server, 0), cases[i].path));
        } else {
            assert_null(content);
            assert_non_null(strstr(err.message, cases[i].name));
            assert_null(strstr(err.message, "123456789"));
        }
        if (s == BW_DENIED)
            assert_non_null(strstr(err.hint, "Secret Accessor"));
        free(content);
        bw_google_free(google);
        bw_wire_stop(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_access),
    };
    return BW_RUN_TESTS(tests);
}
