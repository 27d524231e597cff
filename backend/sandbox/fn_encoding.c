/*
 * Base64, hexadecimal, and bytes as text.
 */
#include "backend/core/text.h"
#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/bq_functions.h"

static void to_base64(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bq_base64_encode(bq_arg_slice(argv[0]), &out);
    bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void from_base64(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    if (bq_base64_decode(bq_arg_slice(argv[0]), &out))
        bq_result_blob(ctx, bw_buf_slice(&out));
    else
        bq_result_error(ctx, "Failed to decode invalid base64 string");
    bw_buf_fini(&out);
}

static void to_hex(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    for (size_t i = 0; i < s.len; i++)
        bw_buf_addf(&out, "%02x", (unsigned char)s.ptr[i]);
    bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static void from_hex(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    bool ok = true;
    int high = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    bool half = s.len % 2 != 0; /* an odd one has a zero before it */
    for (size_t i = 0; ok && i < s.len; i++) {
        int d = hex_digit(s.ptr[i]);
        ok = d >= 0;
        if (half)
            bw_buf_addc(&out, (char)(high << 4 | d));
        else
            high = d;
        if (half)
            high = 0;
        half = !half;
    }
    if (ok)
        bq_result_blob(ctx, bw_buf_slice(&out));
    else
        bq_result_error(ctx, "Failed to decode invalid hexadecimal string");
    bw_buf_fini(&out);
}

/* SAFE_CONVERT_BYTES_TO_STRING: what is not UTF-8 becomes U+FFFD. */
static void bytes_to_text(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    while (s.len > 0) {
        size_t n = bw_utf8_valid_prefix(s);
        bw_buf_add(&out, s.ptr, n);
        bool broken = n < s.len;
        if (broken)
            bw_buf_adds(&out, "\xEF\xBF\xBD");
        s = (bw_slice){s.ptr + n + broken, s.len - n - broken};
    }
    bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

const bq_function bq_encoding_functions[] = {
    {"bq_to_base64", 1, to_base64, false},
    {"bq_from_base64", 1, from_base64, false},
    {"bq_to_hex", 1, to_hex, false},
    {"bq_from_hex", 1, from_hex, false},
    {"bq_bytes_to_text", 1, bytes_to_text, false},
};

const size_t bq_encoding_function_count = BW_COUNT(bq_encoding_functions);
