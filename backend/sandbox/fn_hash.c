/*
 * Digests (libcrypto), FARM_FINGERPRINT and GENERATE_UUID.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/random.h>

#include "backend/sandbox/bq_farm.h"
#include "backend/sandbox/bq_functions.h"

static void digest(sqlite3_context *ctx, int argc, sqlite3_value **argv, const EVP_MD *md)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    if (EVP_Digest(s.ptr, s.len, out, &size, md, NULL) == 1)
        bq_result_blob(ctx, (bw_slice){(char *)out, size});
    else
        bq_result_error(ctx, "the digest is not available");
}

static void md5(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    digest(ctx, argc, argv, EVP_md5());
}

static void sha1(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    digest(ctx, argc, argv, EVP_sha1());
}

static void sha256(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    digest(ctx, argc, argv, EVP_sha256());
}

static void sha512(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    digest(ctx, argc, argv, EVP_sha512());
}

static void farm(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        sqlite3_result_int64(ctx, (int64_t)bq_farm_fingerprint(bq_arg_slice(argv[0])));
}

/* Version 4, random. */
static void uuid(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    unsigned char b[16] = {0};
    char text[40];

    (void)argc;
    (void)argv;
    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b)) {
        bq_result_error(ctx, "no random numbers");
        return;
    }
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    size_t n = 0;
    for (size_t i = 0; i < sizeof(b); i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%02x", dash ? "-" : "", b[i]);
    }
    bq_result_text(ctx, (bw_slice){text, n});
}

const bq_function bq_hash_functions[] = {
    {"bq_md5", 1, md5, false},
    {"bq_sha1", 1, sha1, false},
    {"bq_sha256", 1, sha256, false},
    {"bq_sha512", 1, sha512, false},
    {"bq_farm_fingerprint", 1, farm, false},
    {"bq_uuid", 0, uuid, true},
};

const size_t bq_hash_function_count = BW_COUNT(bq_hash_functions);
